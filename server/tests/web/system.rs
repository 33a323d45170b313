//! The page of bridges and messages: what a bridge says of itself in words, and a message that was set aside and counts after a fix.

use std::time::Duration;

use chrono::TimeDelta;
use protocol::{BridgeLoad, Envelope, HelloMessage, Kind, OutboxState, Percent, Role, Status, Topic};
use serde_json::json;
use server::demo::ids;
use server::ingest::replay;
use store::robots::DeviceKind;
use store::tablets::NewKeyword;
use uuid::Uuid;

use crate::harness::World;

async fn said(world: &World, client: Uuid, kind: Kind, payload: Vec<u8>) -> Vec<String> {
    let topic = Topic::new(protocol::ClientId(client), kind).to_string();
    server::ingest::apply(&world.state.store, &[(topic, payload)], world.now()).await.unwrap().quarantined
}

fn sealed(world: &World, seq: Option<u64>, body: impl serde::Serialize) -> Vec<u8> {
    let now = protocol::Now { monotonic: std::time::Duration::ZERO, utc: world.now() };
    Envelope { seq, ..Envelope::new(now, Uuid::from_u128(0xe5), body) }.to_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_says_what_it_carries_and_what_waits_in_it() {
    let world = World::start().await;
    let hello = HelloMessage {
        http_base: Some("http://bridge".to_owned()),
        load: Some(BridgeLoad {
            robots: 12,
            sessions: 3,
            capacity: 200,
            draining: false,
            busy_pct: Some(Percent::saturating(40)),
        }),
        outbox: Some(OutboxState {
            waiting: 312,
            oldest_at: Some(world.now() - TimeDelta::minutes(6)),
            full_pct: Percent::saturating(1),
            failing: false,
        }),
        ..HelloMessage::new(Role::Bridge, Status::Here, "0.1.0", world.now())
    };
    assert!(said(&world, ids::BRIDGE.0, Kind::Hello, sealed(&world, None, hello)).await.is_empty());
    let coordinator = world.browser("coordinator").await;
    let page = coordinator.page("/system").await;
    for words in ["Connected", "12 of 200 robots, 3 pupils in class, 40 % busy", "312 facts waiting since 09:14", "All is well"]
    {
        assert!(page.contains(words), "{words} in {page}");
    }
    world.later(TimeDelta::minutes(1));
    assert!(coordinator.page("/system").await.contains("Silent since 09:20"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_set_aside_counts_once_after_what_was_wrong_is_put_right() {
    let world = World::start().await;
    let newcomer = Uuid::from_u128(0xbeef);
    let from = world.now() - TimeDelta::minutes(30);
    let fact = json!({
        "fact": "interval", "session": Uuid::from_u128(0x5e), "placement": ids::ADA_PLACEMENT, "robot": ids::ROBIN, "n": 1,
        "tier": "video", "from": from, "until": from + TimeDelta::minutes(5), "span_ms": 300_000, "closed_by": "end",
    });
    let payload = sealed(&world, Some(1), fact);
    assert_eq!(said(&world, newcomer, Kind::Presence, payload.clone()).await, ["the device is not known"]);
    let minutes = async || {
        let rows = world.state.store.presence_of_pupil(ids::ADA, from - TimeDelta::minutes(1), world.now()).await.unwrap();
        rows.iter().filter(|row| row.session_id == Uuid::from_u128(0x5e)).map(|row| row.span_ms).collect::<Vec<_>>()
    };
    let coordinator = world.browser("coordinator").await;
    let page = coordinator.page("/system").await;
    assert!(page.contains("the device is not known") && page.contains("Try again"), "{page}");
    let again = coordinator.post("/system/messages/retry", &[("reason", "the device is not known")]).await;
    assert_eq!(again.headers()["location"], "/system?read=0&left=1");
    assert_eq!(minutes().await, Vec::<i64>::new());

    world.state.store.set_device(newcomer, DeviceKind::Bridge, b"").await.unwrap();
    world.later(TimeDelta::days(1));
    let coordinator = world.browser("coordinator").await;
    let again = coordinator.post("/system/messages/retry", &[("reason", "the device is not known")]).await;
    assert_eq!(again.headers()["location"], "/system?read=1&left=0");
    assert_eq!(minutes().await, [300_000]);
    let rows = world.state.store.presence_of_pupil(ids::ADA, from, from + TimeDelta::hours(1)).await.unwrap();
    let row = rows.iter().find(|row| row.session_id == Uuid::from_u128(0x5e)).unwrap();
    assert_eq!(server::lessons::presence(row).placed_from(), from, "where it was, a day later");
    assert!(coordinator.page("/system?read=1&left=0").await.contains("Read now: 1."));
    // A late copy of the same message changes nothing.
    said(&world, newcomer, Kind::Presence, payload).await;
    assert_eq!(minutes().await, [300_000]);
    let log = world.browser("auditor").await.page("/audit").await;
    assert!(log.contains("try messages again"), "{log}");
    world.stop().await;
}

/// Of many messages only some are tried in the time that a browser waits; the next press goes on behind them.
#[tokio::test(flavor = "multi_thread")]
async fn trying_again_goes_on_where_there_was_no_time_and_what_a_device_was_then_changes_nothing_now() {
    let world = World::start().await;
    let newcomer = Uuid::from_u128(0xbeef);
    for _ in 0..3 {
        said(&world, newcomer, Kind::Presence, sealed(&world, None, json!({ "fact": "nothing" }))).await;
    }
    let reason = world.state.store.quarantine_reasons().await.unwrap().remove(0).reason;
    let mut from = None;
    for left in [true, true, false] {
        let outcome = replay::all(&world.state, &reason, from, Duration::ZERO).await.unwrap();
        assert_eq!((outcome.left, outcome.next.is_some()), (1, left));
        assert!(outcome.next.is_none() || outcome.next != from);
        from = outcome.next;
    }
    let coordinator = world.browser("coordinator").await;
    let next = world.state.store.quarantined(9, None).await.unwrap()[1].quarantine_id;
    let page = coordinator.page(&format!("/system?read=0&left=1&next={next}")).await;
    assert!(page.contains("There was no time for all.") && page.contains(&format!("name=\"from\" value=\"{next}\"")), "{page}");

    // A robot that was not known said hello a day ago. It is known now, and is not here.
    let robot = Uuid::from_u128(0xbee5);
    let hello = HelloMessage::new(Role::Robot, Status::Here, "0.1.0", world.now());
    assert_eq!(said(&world, robot, Kind::Hello, sealed(&world, None, hello)).await, ["the device is not known"]);
    world.state.store.set_device(robot, DeviceKind::Robot, b"").await.unwrap();
    let school = world.state.store.robot(ids::ROBIN.0).await.unwrap().unwrap().organisation_id;
    world.state.store.add_robot(robot, school, "Wren", None).await.unwrap();
    world.later(TimeDelta::days(1));
    let coordinator = world.browser("coordinator").await;
    let again = coordinator.post("/system/messages/retry", &[("reason", "the device is not known")]).await;
    assert!(again.headers()["location"].to_str().unwrap().contains("read=1"), "{again:?}");
    let wren = world.state.store.robot(robot).await.unwrap().unwrap();
    assert_eq!((wren.status_at, wren.clock_offset_ms), (None, None));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_tablet_is_switched_off_by_its_key_worker() {
    let world = World::start().await;
    let now = world.now();
    let new = NewKeyword { placement: ids::ADA_PLACEMENT.0, selector: "ABCD", hash: "hash", made_at: now, expires_at: None };
    assert!(world.state.store.insert_keyword(new).await.unwrap());
    let keyword = world.state.store.begin_keyword_try("ABCD").await.unwrap().unwrap().keyword_id;
    assert!(world.state.store.redeem_keyword(keyword, Uuid::from_u128(0x12), b"token", now).await.unwrap());
    // Two bridges that cannot be told, for the broker is away. Report: each was waited for, and the answer was that it failed.
    let second = Uuid::from_u128(0xb2);
    world.state.store.set_device(second, DeviceKind::Bridge, b"").await.unwrap();
    for bridge in [ids::BRIDGE.0, second] {
        let hello = HelloMessage::new(Role::Bridge, Status::Here, "0.1.0", now);
        assert!(said(&world, bridge, Kind::Hello, sealed(&world, None, hello)).await.is_empty());
    }
    let page = format!("/pupils/{}/tablet", ids::ADA);
    let key_worker = world.browser("key worker").await;
    assert!(key_worker.page(&page).await.contains("Switch this tablet off"));
    let path = format!("{page}/off");
    let off =
        tokio::time::timeout(Duration::from_secs(5), key_worker.post(&path, &[])).await.expect("nobody waits for a broker");
    assert_eq!(off.headers()["location"], page.as_str());
    assert!(world.state.store.tablet_by_token(b"token").await.unwrap().is_none());
    let after = key_worker.page(&page).await;
    assert!(after.contains("No tablet is joined yet.") && !after.contains("Switch this tablet off"), "{after}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_that_falls_silent_in_a_visit_and_a_robot_with_a_wrong_clock_are_said_where_people_look() {
    let world = World::start().await;
    let from = world.now() - TimeDelta::minutes(8);
    let fact = json!({
        "fact": "interval", "session": Uuid::from_u128(0x5f), "placement": ids::ADA_PLACEMENT, "robot": ids::ROBIN, "n": 1,
        "tier": "video", "from": from, "until": from + TimeDelta::minutes(5), "span_ms": 300_000,
    });
    assert!(said(&world, ids::BRIDGE.0, Kind::Presence, sealed(&world, Some(1), fact)).await.is_empty());
    let (key_worker, record) = (world.browser("key worker").await, format!("/pupils/{}", ids::ADA));
    let silent = format!("The bridge fell silent at {}", (from + TimeDelta::minutes(5)).format("%H:%M"));
    assert!(!key_worker.page(&record).await.contains(&silent), "it may still speak");
    world.later(TimeDelta::minutes(8));
    assert!(key_worker.page(&record).await.contains(&silent));

    // It is not forgotten at midnight.
    world.later(TimeDelta::days(1));
    let key_worker = world.browser("key worker").await;
    assert!(key_worker.page(&record).await.contains(&silent), "in the table of two weeks");
    let day = from.date_naive();
    assert!(key_worker.page(&format!("{record}/correction?day={day}")).await.contains(&silent));
    let (coordinator, robot) = (world.browser("coordinator").await, format!("/robots/{}", ids::ROBIN));
    assert!(!coordinator.page(&robot).await.contains("Its clock"));
    let hello = HelloMessage::new(Role::Robot, Status::Here, "0.1.0", world.now());
    let now = protocol::Now { monotonic: std::time::Duration::ZERO, utc: world.now() + TimeDelta::seconds(90) };
    assert!(said(&world, ids::ROBIN.0, Kind::Hello, Envelope::new(now, Uuid::nil(), hello).to_bytes()).await.is_empty());
    let page = coordinator.page(&robot).await;
    assert!(page.contains("Its clock") && page.contains("90 s fast. Times here are corrected."), "{page}");
    world.stop().await;
}
