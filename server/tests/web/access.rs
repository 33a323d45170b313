//! Every route of the table, asked by everybody. A route that this file does not know fails the test.

use reqwest::{Method, StatusCode};
use server::api::{Access, routes};
use server::demo::ids;

use crate::harness::{Browser, PEOPLE, World};

const OK: u16 = 200;
const GO_ON: u16 = 303;
const LOST: u16 = 400;
const NOT_YOURS: u16 = 403;
const NOT_THERE: u16 = 404;
const INCOMPLETE: u16 = 422;
const AWAY: u16 = 503;

/// Expected answers about Ada and Robin, in the order of [`PEOPLE`]: coordinator, key worker, other key worker, lead of their school,
/// lead of another school, staff of their school, staff of another school, auditor.
fn expected(method: &Method, path: &str) -> [u16; 8] {
    let robots = [OK, NOT_YOURS, NOT_YOURS, OK, OK, OK, OK, NOT_YOURS];
    let robin = |yes: u16| [yes, NOT_YOURS, NOT_YOURS, yes, NOT_THERE, yes, NOT_THERE, NOT_YOURS];
    let coordinator = |yes: u16| [yes, NOT_YOURS, NOT_YOURS, NOT_YOURS, NOT_YOURS, NOT_YOURS, NOT_YOURS, NOT_YOURS];
    let ada = [OK, OK, NOT_THERE, OK, NOT_THERE, NOT_YOURS, NOT_YOURS, NOT_YOURS];
    let growth = |yes: u16| [NOT_YOURS, yes, NOT_THERE, yes, NOT_THERE, NOT_YOURS, NOT_YOURS, NOT_YOURS];
    match (method.as_str(), path) {
        ("GET", "/") => [OK, GO_ON, GO_ON, GO_ON, GO_ON, GO_ON, GO_ON, GO_ON],
        ("GET", "/robots" | "/robots/live" | "/moves" | "/api/robots") => robots,
        ("GET", "/robots/{robot}" | "/robots/{robot}/live") => robin(OK),
        ("POST", "/moves/{robot}/carry" | "/moves/{robot}/room" | "/moves/{robot}/undo") => robin(GO_ON),
        // No bridge is connected in these tests.
        ("POST", "/robots/{robot}/camera") => {
            [AWAY, NOT_YOURS, NOT_YOURS, NOT_YOURS, NOT_YOURS, NOT_YOURS, NOT_YOURS, NOT_YOURS]
        }
        ("GET", "/due" | "/due/cases") | ("POST", "/due/feed") => [OK, OK, OK, OK, OK, NOT_YOURS, NOT_YOURS, NOT_YOURS],
        ("POST", "/due/feed/off") => [GO_ON, GO_ON, GO_ON, GO_ON, GO_ON, NOT_YOURS, NOT_YOURS, NOT_YOURS],
        // Numbers without a name are for an auditor too.
        // Who answers for a school or an authority begins cases there, and nobody names themselves to a pupil.
        ("GET", "/pupils/new") => [OK, NOT_YOURS, NOT_YOURS, OK, OK, NOT_YOURS, NOT_YOURS, NOT_YOURS],
        ("POST", "/pupils/new") => [INCOMPLETE, NOT_YOURS, NOT_YOURS, INCOMPLETE, INCOMPLETE, NOT_YOURS, NOT_YOURS, NOT_YOURS],
        ("GET", "/pupils/{pupil}/placement" | "/pupils/{pupil}/placement/new") => {
            [OK, NOT_YOURS, NOT_YOURS, OK, NOT_THERE, NOT_YOURS, NOT_YOURS, NOT_YOURS]
        }
        ("POST", "/pupils/{pupil}/placement" | "/pupils/{pupil}/placement/new") => {
            [INCOMPLETE, NOT_YOURS, NOT_YOURS, INCOMPLETE, NOT_THERE, NOT_YOURS, NOT_YOURS, NOT_YOURS]
        }
        ("GET", "/pupils/{pupil}/lessons") => [OK, NOT_YOURS, NOT_YOURS, OK, NOT_THERE, NOT_YOURS, NOT_YOURS, NOT_YOURS],
        ("POST", "/pupils/{pupil}/lessons") => {
            [INCOMPLETE, NOT_YOURS, NOT_YOURS, INCOMPLETE, NOT_THERE, NOT_YOURS, NOT_YOURS, NOT_YOURS]
        }
        ("GET", "/robots/new" | "/robots/{robot}/settings" | "/system/bridges/{bridge}") => coordinator(OK),
        ("POST", "/robots/new" | "/robots/{robot}/settings") => coordinator(INCOMPLETE),
        // A new bridge, of which nothing more is asked; and one that is no longer used, as it is not connected.
        ("POST", "/system/bridges" | "/system/bridges/{bridge}") => coordinator(GO_ON),
        ("GET", "/pupils/{pupil}/earlier") => ada,
        // No such plan.
        ("GET", "/pupils/{pupil}/earlier/{plan}") => ada.map(|yes| if yes == OK { NOT_THERE } else { yes }),
        ("GET", "/organisations" | "/staff") => coordinator(OK),
        ("POST", "/organisations" | "/staff") => coordinator(INCOMPLETE),
        ("GET", "/plans/earlier") => [OK, OK, OK, OK, OK, NOT_YOURS, NOT_YOURS, NOT_YOURS],
        ("GET", "/plans") => [OK, OK, OK, OK, OK, NOT_YOURS, NOT_YOURS, OK],
        ("GET", "/pupils") => [OK, OK, OK, OK, OK, NOT_YOURS, NOT_YOURS, NOT_YOURS],
        ("GET", "/pupils/{pupil}" | "/pupils/{pupil}/live" | "/api/pupils/{pupil}/attendance") => ada,
        ("GET" | "POST", "/pupils/{pupil}/tablet") => ada,
        ("POST", "/pupils/{pupil}/tablet/off") => ada.map(|yes| if yes == OK { GO_ON } else { yes }),
        ("GET", "/system" | "/costs" | "/costs/changes") => coordinator(OK),
        ("POST", "/costs") => coordinator(INCOMPLETE),
        ("POST", "/system/messages/retry" | "/system/messages/{message}/retry") => coordinator(GO_ON),
        // A school lead reads the record and does not correct it.
        ("GET", "/pupils/{pupil}/correction") => [OK, OK, NOT_THERE, NOT_YOURS, NOT_YOURS, NOT_YOURS, NOT_YOURS, NOT_YOURS],
        ("POST", "/pupils/{pupil}/correction") => {
            [GO_ON, GO_ON, NOT_THERE, NOT_YOURS, NOT_YOURS, NOT_YOURS, NOT_YOURS, NOT_YOURS]
        }
        ("GET", "/pupils/{pupil}/plan" | "/pupils/{pupil}/due" | "/pupils/{pupil}/glide") => ada,
        ("GET", "/pupils/{pupil}/goals" | "/pupils/{pupil}/breakdown") => ada,
        (
            "POST",
            "/pupils/{pupil}/goals" | "/pupils/{pupil}/breakdown" | "/pupils/{pupil}/due/word" | "/pupils/{pupil}/glide",
        ) => ada.map(|yes| if yes == OK { INCOMPLETE } else { yes }),
        ("GET", "/pupils/{pupil}/people" | "/pupils/{pupil}/contacts" | "/pupils/{pupil}/register") => ada,
        ("GET", "/pupils/{pupil}/part-time") => ada,
        ("POST", "/pupils/{pupil}/documents" | "/pupils/{pupil}/part-time" | "/pupils/{pupil}/contacts/instead") => {
            ada.map(|yes| if yes == OK { INCOMPLETE } else { yes })
        }
        ("GET", "/rooms" | "/lessons" | "/lessons/import") => {
            [OK, NOT_YOURS, NOT_YOURS, OK, OK, NOT_YOURS, NOT_YOURS, NOT_YOURS]
        }
        ("GET", "/lessons/{lesson}") => [OK, NOT_YOURS, NOT_YOURS, OK, NOT_THERE, NOT_YOURS, NOT_YOURS, NOT_YOURS],
        ("POST", "/lessons/{lesson}") => {
            [INCOMPLETE, NOT_YOURS, NOT_YOURS, INCOMPLETE, NOT_THERE, NOT_YOURS, NOT_YOURS, NOT_YOURS]
        }
        ("GET", "/days" | "/scales") => [OK, NOT_YOURS, NOT_YOURS, OK, OK, NOT_YOURS, NOT_YOURS, NOT_YOURS],
        // An empty form names no organisation.
        ("POST", "/days" | "/rooms" | "/lessons" | "/lessons/import") => {
            [NOT_THERE, NOT_YOURS, NOT_YOURS, NOT_THERE, NOT_THERE, NOT_YOURS, NOT_YOURS, NOT_YOURS]
        }
        ("POST", "/scales") => [INCOMPLETE, NOT_YOURS, NOT_YOURS, INCOMPLETE, INCOMPLETE, NOT_YOURS, NOT_YOURS, NOT_YOURS],
        ("GET", "/register") => [NOT_YOURS, NOT_YOURS, NOT_YOURS, OK, OK, NOT_YOURS, NOT_YOURS, NOT_YOURS],
        ("POST", "/register") => [NOT_YOURS, NOT_YOURS, NOT_YOURS, INCOMPLETE, INCOMPLETE, NOT_YOURS, NOT_YOURS, NOT_YOURS],
        ("POST", "/pupils/{pupil}/people" | "/pupils/{pupil}/contacts" | "/pupils/{pupil}/register") => {
            ada.map(|yes| if yes == OK { INCOMPLETE } else { yes })
        }
        ("POST", "/pupils/{pupil}/plan" | "/pupils/{pupil}/due") => ada.map(|yes| if yes == OK { GO_ON } else { yes }),
        // The first who may has begun a plan by the route before this one.
        ("GET", "/pupils/{pupil}/plan/history" | "/pupils/{pupil}/changes") => ada,
        // A form that does not say what it was based on; whose it is, is decided before that.
        ("POST", "/pupils/{pupil}/plan/{part}") => ada.map(|yes| if yes == OK { LOST } else { yes }),
        // Who runs the robots does not see how a child is assessed.
        ("GET", path) if path.starts_with("/pupils/{pupil}/growth") => growth(OK),
        ("POST", "/pupils/{pupil}/growth/look") => growth(INCOMPLETE),
        ("POST", "/pupils/{pupil}/growth/profile" | "/pupils/{pupil}/growth/doing") => growth(LOST),
        // The first who may has begun a plan by a route before this one.
        ("GET", "/pupils/{pupil}/export/{file}" | "/pupils/{pupil}/documents" | "/pupils/{pupil}/documents/{file}") => ada,
        ("GET", "/schools") => [OK, NOT_YOURS, NOT_YOURS, NOT_YOURS, NOT_YOURS, NOT_YOURS, NOT_YOURS, NOT_YOURS],
        ("GET", "/audit") => [NOT_YOURS, NOT_YOURS, NOT_YOURS, NOT_YOURS, NOT_YOURS, NOT_YOURS, NOT_YOURS, OK],
        ("POST", "/sign-out") => [GO_ON; 8],
        other => panic!("{other:?} is a new route: say here who may call it"),
    }
}

fn concrete(path: &str) -> String {
    path.replace("{robot}", &ids::ROBIN.to_string())
        .replace("{pupil}", &ids::ADA.to_string())
        .replace("{part}", "aims")
        .replace("{bridge}", &ids::BRIDGE.to_string())
        // Maths of 9A, on Mondays of week 1.
        .replace("{lesson}", "dec00000-0000-7000-8001-00090001afc2")
        .replace("{plan}", "00000000-0000-0000-0000-000000000404")
        .replace("{file}", "plan.json")
        .replace("{*path}", "tokens.css")
        .replace("{message}", "00000000-0000-0000-0000-000000000404")
}

/// A body that the route takes.
fn fields(path: &str) -> Vec<(&'static str, String)> {
    match path {
        "/moves/{robot}/room" => vec![("room", ids::ALDER_ROOMS[1].to_string())],
        "/moves/{robot}/undo" => vec![("back", ids::ALDER_ROOMS[3].to_string())],
        "/pupils/{pupil}/correction" => {
            vec![("what", "social".to_owned()), ("minutes", "5".to_owned()), ("reason", "The tablet was shared".to_owned())]
        }
        "/pupils/{pupil}/plan" => {
            [("policy", "havering"), ("route", "medical"), ("length", "phased-return"), ("goal", "home-school")]
                .map(|(name, value)| (name, value.to_owned()))
                .to_vec()
        }
        "/pupils/{pupil}/due" => {
            [("event", "panel-hearing"), ("day", "2026-11-05")].map(|(name, value)| (name, value.to_owned())).to_vec()
        }
        _ => Vec::new(),
    }
}

async fn ask(browser: &Browser, method: &Method, path: &str) -> reqwest::Response {
    let fields = fields(path);
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    if *method == Method::GET { browser.get(&concrete(path)).await } else { browser.post(&concrete(path), &fields).await }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_each_role_as_the_table_says() {
    let world = World::start().await;
    for (index, (who, ..)) in PEOPLE.iter().enumerate() {
        let browser = world.browser(who).await;
        let mut staff_routes: Vec<_> =
            routes().into_iter().filter(|route| matches!(route.access, Access::SignedIn(_))).collect();
        staff_routes.sort_by_key(|route| route.path == "/sign-out");
        assert!(staff_routes.len() > 15, "the table is the router's own");
        for route in staff_routes {
            let answer = ask(&browser, &route.method, route.path).await;
            let wanted = expected(&route.method, route.path)[index];
            assert_eq!(answer.status().as_u16(), wanted, "{who}: {} {}", route.method, route.path);
        }
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_signing_in_only_the_doors_answer() {
    let world = World::start().await;
    let tablet = joined_tablet(&world).await;
    for (who, browser) in [("nobody", world.nobody()), ("a pupil's tablet", tablet)] {
        for route in routes() {
            let answer = ask(&browser, &route.method, route.path).await;
            let status = answer.status();
            let told = format!("{who}: {} {} → {status}", route.method, route.path);
            let location = answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned()).unwrap_or_default();
            match (route.access, route.method.as_str()) {
                // The first account is there.
                (Access::Public, "GET") if route.path.contains("{key}") || route.path == "/begin" => {
                    assert_eq!(status, StatusCode::NOT_FOUND, "{told}")
                }
                (Access::Public, "GET") => assert_eq!(status, StatusCode::OK, "{told}"),
                (Access::Public, _) => assert!(status.is_client_error(), "{told}: an empty form opens nothing"),
                (Access::SignedIn(_), "GET") => {
                    assert!(status == StatusCode::SEE_OTHER && location.starts_with("/sign-in"), "{told}")
                }
                (Access::SignedIn(_), _) => assert_eq!(status, StatusCode::UNAUTHORIZED, "{told}"),
                (Access::PupilDevice, _) if who == "nobody" => {
                    assert!(status == StatusCode::UNAUTHORIZED || location == "/pair", "{told} {location}");
                }
                // What its own tablet may do is the pupil's tests' matter.
                (Access::PupilDevice, _) => {}
            }
        }
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_are_not_pupils() {
    let world = World::start().await;
    let browser = world.browser("coordinator").await;
    for route in routes().into_iter().filter(|route| route.access == Access::PupilDevice) {
        let answer = ask(&browser, &route.method, route.path).await;
        let status = answer.status();
        let location = answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned()).unwrap_or_default();
        assert!(
            status == StatusCode::UNAUTHORIZED || location == "/pair",
            "{} {} → {status} {location}",
            route.method,
            route.path
        );
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_in_the_table_is_not_there() {
    let world = World::start().await;
    let browser = world.browser("coordinator").await;
    for path in ["/robotz", "/assets/../Cargo.toml", "/assets/none.css", "/robots/not-an-id", "/.env"] {
        let status = browser.get(path).await.status();
        assert!(matches!(status, StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST), "{path} → {status}");
    }
    let answer = browser.request(Method::DELETE, "/robots").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    world.stop().await;
}

/// The text of every page of one school, as its own people see it, names nothing of the other.
#[tokio::test(flavor = "multi_thread")]
async fn no_page_of_one_school_names_anything_of_another() {
    let world = World::start().await;
    let (alder, marsh) = (["Alder", "Robin", "Ada Q.", "Room 12", "Room 21"], ["Marsh", "Finch", "Ben M.", "Lab 3"]);
    let cases: [(&str, &[&str], &[&str]); 4] = [
        ("alder lead", &alder, &marsh),
        ("alder staff", &alder, &marsh),
        ("marsh lead", &marsh, &alder),
        ("marsh staff", &marsh, &alder),
    ];
    for (who, own, others) in cases {
        let browser = world.browser(who).await;
        let mut text = String::new();
        for path in ["/robots", "/moves", "/pupils", "/api/robots"] {
            let answer = browser.get(path).await;
            if answer.status() == StatusCode::OK {
                text += &answer.text().await.unwrap();
            }
        }
        for id in [ids::ROBIN, ids::FINCH] {
            let answer = browser.get(&format!("/robots/{id}")).await;
            if answer.status() == StatusCode::OK {
                text += &answer.text().await.unwrap();
            }
        }
        assert!(own[..2].iter().all(|name| text.contains(name)), "{who} sees their own school");
        for name in others {
            assert!(!text.contains(name), "{who} sees {name}");
        }
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_robot_is_not_put_into_a_room_of_another_school() {
    let world = World::start().await;
    let browser = world.browser("coordinator").await;
    let room = ids::MARSH_ROOMS[1].to_string();
    let answer = browser.post(&format!("/moves/{}/room", ids::ROBIN), &[("room", &room)]).await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    assert_eq!(world.state.store.robot(ids::ROBIN.0).await.unwrap().unwrap().room_id, Some(ids::ALDER_ROOMS[3]));
    world.stop().await;
}

async fn joined_tablet(world: &World) -> Browser {
    let code = server::pupil::new_keyword(&world.state.store, ids::ADA_PLACEMENT, world.now(), None).await.unwrap();
    let browser = world.nobody();
    let answer = browser.request(Method::POST, "/pair").form(&[("code", code)]).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "the tablet joins");
    browser
}
