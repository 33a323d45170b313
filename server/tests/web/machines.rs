//! Robots and bridges: added by a page, told what to enter, heard from then on, named, no longer used, and used again.

use std::collections::BTreeSet;

use protocol::{Envelope, HelloMessage, Kind, Role, Status, Topic};
use reqwest::StatusCode;
use server::demo::ids;
use store::robots::DeviceKind;
use uuid::Uuid;

use crate::beginning::refused;
use crate::harness::{Browser, World};

const DONE: StatusCode = StatusCode::SEE_OTHER;

/// What is wrong with the hello of a device, if anything is.
async fn hello(world: &World, device: Uuid, role: Role) -> Vec<String> {
    let now = protocol::Now { monotonic: std::time::Duration::ZERO, utc: world.now() };
    let body = HelloMessage {
        http_base: (role == Role::Bridge).then(|| "http://bridge".to_owned()),
        ..HelloMessage::new(role, Status::Here, "0.1.0", world.now())
    };
    let payload = Envelope::new(now, Uuid::now_v7(), body).to_bytes();
    let topic = Topic::new(protocol::ClientId(device), Kind::Hello).to_string();
    server::ingest::apply(&world.state.store, &[(topic, payload)], world.now()).await.unwrap().quarantined
}

async fn add(browser: &Browser, name: &str, school: Uuid, id: &str) -> reqwest::Response {
    browser.post("/robots/new", &[("name", name), ("school", &school.to_string()), ("id", id)]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_robot_is_added_by_a_page_and_heard_from_then_on() {
    let world = World::start().await;
    let coordinator = world.browser("coordinator").await;
    assert!(coordinator.page("/robots").await.contains("/robots/new"));
    assert!(!world.browser("alder lead").await.page("/robots").await.contains("/robots/new"), "robots are the authority’s");
    refused(add(&coordinator, " ", ids::ALDER_ROAD, "7").await, "Name: write a bird", &["7"]).await;
    refused(add(&coordinator, "Wren", ids::AUTHORITY, "").await, "School: choose one.", &["Wren"]).await;
    refused(add(&coordinator, "Wren", ids::ALDER_ROAD, "wren").await, "Id: copy it whole", &["Wren", "wren"]).await;
    refused(add(&coordinator, "robin", ids::ALDER_ROAD, "").await, "Name: a robot of this school has it", &["robin"]).await;
    let bridge = ids::BRIDGE.to_string();
    refused(add(&coordinator, "Wren", ids::ALDER_ROAD, &bridge).await, "Id: a robot or a bridge has this id", &["Wren"]).await;

    let answer = add(&coordinator, " Wren ", ids::ALDER_ROAD, "").await;
    assert_eq!(answer.status(), DONE);
    let settings = answer.headers()["location"].to_str().unwrap().to_owned();
    let robot: Uuid = settings.split('/').nth(2).unwrap().parse().unwrap();
    let page = coordinator.page(&settings).await;
    for words in [robot.to_string().as_str(), "mqtt://127.0.0.1:9", "Wren has not been connected yet", "how the server itself"]
    {
        assert!(page.contains(words), "{words} in {page}");
    }
    assert_eq!(world.browser("alder lead").await.get(&settings).await.status(), StatusCode::FORBIDDEN);
    // It stands where somebody says, and says itself that it is here.
    let room = ids::ALDER_ROOMS[2].to_string();
    assert_eq!(coordinator.post(&format!("/moves/{robot}/room"), &[("room", &room)]).await.status(), DONE);
    assert!(hello(&world, robot, Role::Robot).await.is_empty(), "its messages are taken");
    let page = coordinator.page(&settings).await;
    assert!(page.contains("Wren has been connected with these.") && page.contains("<p>Room 8</p>"), "{page}");
    let list = coordinator.page("/robots").await;
    assert!(list.contains(">Wren<") && list.contains("Room 8"), "{list}");
    let given = coordinator.page(&format!("/pupils/{}/placement", ids::ADA)).await;
    assert!(given.contains(&robot.to_string()), "it can be given to a pupil");

    // Another name; one that is taken changes nothing, and what was typed stays.
    let rename = async |name: &str| coordinator.post(&settings, &[("what", "rename"), ("name", name)]).await;
    refused(rename("ROBIN").await, "Name: a robot of this school has it", &["ROBIN"]).await;
    assert_eq!(rename("Jenny Wren").await.status(), DONE);
    let page = coordinator.page(&format!("/robots/{robot}")).await;
    assert!(page.contains("<h1>Jenny Wren</h1>") && page.contains("Given another name by Ms coordinator"), "{page}");
    let log = format!("{:?}", world.state.store.audit_page(None, 50).await.unwrap());
    assert!(log.contains("add robot") && log.contains("rename robot") && !log.contains("Wren"), "{log}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_robot_that_is_no_longer_used_is_in_no_list_keeps_its_history_and_can_be_used_again() {
    let world = World::start().await;
    let coordinator = world.browser("coordinator").await;
    let robin = format!("/robots/{}/settings", ids::ROBIN);
    let say = async |what: &str| coordinator.post(&robin, &[("what", what)]).await;
    refused(say("retire").await, "A placement that has not ended has this robot.", &[]).await;
    assert_eq!(coordinator.post(&format!("/pupils/{}/placement", ids::ADA), &[("what", "take")]).await.status(), DONE);
    assert!(hello(&world, ids::ROBIN.0, Role::Robot).await.is_empty());
    assert_eq!(say("retire").await.status(), DONE);
    assert_eq!(hello(&world, ids::ROBIN.0, Role::Robot).await, ["the device is not known"]);
    for path in ["/robots", "/robots?q=robin", "/moves", "/api/robots", &format!("/pupils/{}/placement", ids::ADA)] {
        let page = coordinator.page(path).await;
        assert!(!page.contains(&ids::ROBIN.to_string()), "{path}: {page}");
    }
    assert!(coordinator.page("/robots").await.contains("One robot."));
    let history = coordinator.page(&format!("/robots/{}", ids::ROBIN)).await;
    assert!(
        history.contains("Robin is no longer used.") && history.contains("No longer used, said by Ms coordinator"),
        "{history}"
    );
    let room = ids::ALDER_ROOMS[1].to_string();
    // Its name stays its own, and it is found where robots are added.
    refused(add(&coordinator, "Robin", ids::ALDER_ROAD, "").await, "perhaps one that is no longer used", &["Robin"]).await;
    assert!(coordinator.page("/robots/new").await.contains(&robin));
    assert_eq!(say("again").await.status(), DONE);
    assert!(hello(&world, ids::ROBIN.0, Role::Robot).await.is_empty());
    assert_eq!(coordinator.post(&format!("/moves/{}/room", ids::ROBIN), &[("room", &room)]).await.status(), DONE);
    assert!(coordinator.page("/robots").await.contains("Room 5"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn robots_are_told_to_programs_a_page_at_a_time_and_each_names_the_next() {
    let world = World::start().await;
    for n in 0..30 {
        let robot = Uuid::from_u128(9000 + n);
        world.state.store.set_device(robot, DeviceKind::Robot, b"x").await.unwrap();
        world.state.store.add_robot(robot, ids::ALDER_ROAD, &format!("Wren {n}"), None).await.unwrap();
    }
    let coordinator = world.browser("coordinator").await;
    let (mut address, mut told) = (Some("/api/robots?q=wren".to_owned()), BTreeSet::new());
    let mut pages = 0;
    while let Some(path) = address {
        let answer = coordinator.get(&path).await;
        let next = answer.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
        address = next.map(|link| link.trim_start_matches('<').split_once(">; rel=\"next\"").unwrap().0.to_owned());
        let rows: Vec<serde_json::Value> = answer.json().await.unwrap();
        told.extend(rows.iter().map(|row| row["id"].to_string()));
        pages += 1;
    }
    assert_eq!((pages, told.len()), (2, 30));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_is_added_by_a_page_and_is_no_longer_used_once_it_stopped() {
    let world = World::start().await;
    let coordinator = world.browser("coordinator").await;
    let add = async |id: &str| coordinator.post("/system/bridges", &[("id", id)]).await;
    refused(add("bridge").await, "Id: copy it whole", &["bridge"]).await;
    let robin = ids::ROBIN.to_string();
    refused(add(&robin).await, "Id: a robot or a bridge has this id", &[&robin]).await;
    let answer = add("").await;
    assert_eq!(answer.status(), DONE);
    let settings = answer.headers()["location"].to_str().unwrap().to_owned();
    let bridge: Uuid = settings.rsplit('/').next().unwrap().parse().unwrap();
    let page = coordinator.page(&settings).await;
    assert!(page.contains(&bridge.to_string()) && page.contains("It has not been connected yet."), "{page}");
    assert!(coordinator.page("/system").await.contains(&settings));
    assert!(hello(&world, bridge, Role::Bridge).await.is_empty());
    assert!(coordinator.page(&settings).await.contains("It has been connected with these."));
    // While it is connected it stays, for facts may wait in it.
    refused(coordinator.post(&settings, &[]).await, "This bridge is connected", &[]).await;
    world.state.store.device_kind(bridge).await.unwrap().expect("still known");
    let never = add("").await.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(coordinator.post(&never, &[]).await.status(), DONE);
    assert!(!coordinator.page("/system").await.contains(&never));
    assert_eq!(coordinator.get(&never).await.status(), StatusCode::NOT_FOUND);
    let never = never.rsplit('/').next().unwrap();
    assert_eq!(world.state.store.device_kind(never.parse().unwrap()).await.unwrap(), None);
    assert_eq!(add(never).await.status(), DONE, "it is back");
    assert_eq!(world.state.store.device_kind(never.parse().unwrap()).await.unwrap(), Some(DeviceKind::Bridge));
    world.stop().await;
}
