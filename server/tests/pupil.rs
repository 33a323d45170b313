//! The pupil's doors, asked through the whole router: joining a tablet, PIN, the day, going to class; and everything that must not work.

#[path = "pupil/plan.rs"]
mod plan;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use protocol::{Clock, Now};
use server::demo::{self, ids};
use server::pupil::pair::{KEYWORD_TRIES, PIN_TRIES};
use server::{AppState, pupil};
use store::robots::DeviceKind;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// A Monday of the demo, 09:20 at school: a lesson is under way.
const MORNING: &str = "2026-11-23T09:20:00Z";

/// A clock that stands still until it is moved.
struct StillClock(Mutex<Now>);
impl Clock for StillClock {
    fn now(&self) -> Now {
        *self.0.lock().unwrap()
    }
}

struct World {
    router: Router,
    state: AppState,
    clock: Arc<StillClock>,
    shutdown: CancellationToken,
    _folder: tempfile::TempDir,
}

impl World {
    /// The demo authority, with bridge and robot connected. No broker is there, and none is needed.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("grant.pem");
        let pair = aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap();
        let der = pair.to_pkcs8v1().unwrap();
        std::fs::write(
            &key,
            format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref())),
        )
        .unwrap();
        let clock = Arc::new(StillClock(Mutex::new(Now { monotonic: Duration::ZERO, utc: MORNING.parse().unwrap() })));
        let config = server::Config {
            database: folder.path().join("t.db").into(),
            grant_key_file: key,
            public_url: "http://localhost:8080".to_owned(),
            ..server::Config::default()
        };
        let shutdown = CancellationToken::new();
        let running = server::start(config, clock.clone(), shutdown.clone()).await.unwrap();
        let (router, state) = (running.router, running.state);
        demo::seed_store(&state.store, &folder.path().join("none.toml"), clock.now().utc).await.unwrap();
        let world = Self { router, state, clock, shutdown, _folder: folder };
        world.hello(ids::BRIDGE.0, DeviceKind::Bridge, "here").await;
        world.hello(ids::ROBIN.0, DeviceKind::Robot, "here").await;
        world
    }

    async fn hello(&self, device: uuid::Uuid, kind: DeviceKind, status: &str) {
        let now = self.clock.now().utc;
        let role = if kind == DeviceKind::Robot { "robot" } else { "bridge" };
        let body = serde_json::json!({
            "v": 1, "id": uuid::Uuid::now_v7(), "epoch": uuid::Uuid::nil(), "sent_at": now, "mono_ms": 0,
            "body": { "role": role, "status": status, "version": "0", "connected_at": MORNING, "http_base": "http://b:1", "public_base": "", "bridge": ids::BRIDGE },
        });
        self.ingest(device, kind, "hello", &body).await;
    }

    async fn body(&self, state: &str) {
        let now = self.clock.now().utc;
        let body = serde_json::json!({
            "v": 1, "id": uuid::Uuid::now_v7(), "epoch": uuid::Uuid::nil(), "sent_at": now, "mono_ms": 0,
            "body": { "state": state, "battery_pct": 80, "charging": false, "camera_on": false, "hand_up": false, "uptime_s": 1 },
        });
        self.ingest(ids::ROBIN.0, DeviceKind::Robot, "robot", &body).await;
    }

    async fn ingest(&self, device: uuid::Uuid, kind: DeviceKind, topic: &str, body: &serde_json::Value) {
        let now = self.clock.now().utc;
        let topic = format!("ws/v1/{device}/up/{topic}");
        let received = server::ingest::decode::decode(&topic, &body.to_string().into(), Some(kind), now);
        let ingested = self.state.store.ingest(&[received], now).await.unwrap();
        assert!(!ingested.touched.is_empty(), "{topic}");
    }

    fn later(&self, by: TimeDelta) {
        let mut now = self.clock.0.lock().unwrap();
        *now = now.plus(by.to_std().unwrap());
    }

    async fn keyword(&self, valid_for: Option<TimeDelta>) -> String {
        pupil::new_keyword(&self.state.store, ids::ADA_PLACEMENT, self.clock.now().utc, valid_for).await.unwrap()
    }

    fn tablet(&self) -> Tablet<'_> {
        Tablet { world: self, cookies: HashMap::new(), address: [192, 0, 2, 1] }
    }

    /// A tablet that is joined and opened.
    async fn opened(&self) -> Tablet<'_> {
        let keyword = self.keyword(None).await;
        let mut tablet = self.tablet();
        assert_eq!(tablet.post("/pair", &[("code", &keyword)]).await.location, "/pin");
        assert_eq!(tablet.post("/pin/choose", &[("pin", "4711"), ("again", "4711")]).await.location, "/today");
        tablet
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// A browser with its cookies.
struct Tablet<'w> {
    world: &'w World,
    cookies: HashMap<String, String>,
    address: [u8; 4],
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    location: String,
    set_cookies: Vec<String>,
    body: String,
}

impl Tablet<'_> {
    async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(path).header(header::ACCEPT, "text/html").body(Body::empty()).unwrap()).await
    }

    async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        let body = form.iter().map(|(name, value)| format!("{name}={}", value.replace(' ', "+"))).collect::<Vec<_>>().join("&");
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin")
            .body(Body::from(body));
        self.send(request.unwrap()).await
    }

    /// As the page's module asks.
    async fn join(&mut self) -> Answer {
        let request = Request::post("/class/join").header("sec-fetch-site", "same-origin").header("x-windowseat", "1");
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn send(&mut self, mut request: Request<Body>) -> Answer {
        if !self.cookies.is_empty() {
            let all = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
            request.headers_mut().insert(header::COOKIE, all.parse().unwrap());
        }
        request.extensions_mut().insert(axum::extract::ConnectInfo(std::net::SocketAddr::from((self.address, 4000))));
        let response = self.world.router.clone().oneshot(request).await.unwrap();
        let headers = response.headers().clone();
        let text =
            |name| headers.get(name).map(|value: &header::HeaderValue| value.to_str().unwrap().to_owned()).unwrap_or_default();
        let set_cookies: Vec<String> =
            headers.get_all(header::SET_COOKIE).iter().map(|value| value.to_str().unwrap().to_owned()).collect();
        for cookie in &set_cookies {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let status = response.status();
        let location = text(header::LOCATION);
        let body = String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap();
        Answer { status, location, set_cookies, body }
    }
}

#[tokio::test]
async fn a_tablet_is_joined_opened_and_goes_to_class() {
    let world = World::new().await;
    let keyword = world.keyword(Some(pupil::KEYWORD_FOR)).await;
    let mut tablet = world.tablet();
    assert_eq!(tablet.get("/today").await.location, "/pair");

    // Capitals and spaces do not matter.
    let joined = tablet.post("/pair", &[("code", &keyword.replace(' ', "").to_lowercase())]).await;
    assert_eq!((joined.status, joined.location.as_str()), (StatusCode::SEE_OTHER, "/pin"));
    let cookie = &joined.set_cookies[0];
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Max-Age"), "{cookie}");

    assert!(tablet.get("/pin").await.body.contains("Choose a PIN"));
    assert_eq!(tablet.get("/today").await.location, "/pin", "no day before the PIN");
    for (pin, again, word) in [("123", "123", "4 numbers"), ("1234", "1234", "easy to guess"), ("4711", "4712", "not the same")]
    {
        let refused = tablet.post("/pin/choose", &[("pin", pin), ("again", again)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.body.contains(word), "{word}");
    }
    let opened = tablet.post("/pin/choose", &[("pin", "4711"), ("again", "4711")]).await;
    assert_eq!(opened.location, "/today");
    assert!(opened.set_cookies.iter().any(|cookie| cookie.starts_with("ws-open=") && !cookie.contains("Max-Age")));

    let today = tablet.get("/today").await;
    assert_eq!(today.status, StatusCode::OK);
    for words in [
        "Robin is in Room 12 and ready",
        "Go to class",
        "Not now, I’m resting",
        "Monday",
        "Nothing is recorded",
        "data-now=\"ready\"",
    ] {
        assert!(today.body.contains(words), "{words}");
    }
    assert!(!today.body.contains("Ada"), "the page names no pupil");

    let permit = tablet.join().await;
    assert_eq!(permit.status, StatusCode::OK, "{}", permit.body);
    let permit: serde_json::Value = serde_json::from_str(&permit.body).unwrap();
    assert_eq!(permit["whep_url"], format!("/whep/{}", ids::ROBIN));
    assert!(permit["token"].as_str().unwrap().split('.').count() == 3);
    assert!(permit["ice_servers"].is_array());
    let until: DateTime<Utc> = permit["session_until"].as_str().unwrap().parse().unwrap();
    assert!(until > world.clock.now().utc);

    assert_eq!(tablet.post("/class/leave", &[]).await.location, "/today?said=left");
    assert!(tablet.get("/today?said=left").await.body.contains("You left the class"));
    assert!(tablet.get("/class").await.body.contains("data-state=\"start\""));
}

#[tokio::test]
async fn each_opening_asks_for_the_pin() {
    let world = World::new().await;
    let mut tablet = world.opened().await;
    tablet.cookies.remove("ws-open");
    assert_eq!(tablet.get("/today").await.location, "/pin");
    assert!(tablet.get("/pin").await.body.contains("Hello again"));
    assert_eq!(tablet.join().await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(tablet.post("/pin", &[("pin", "4711")]).await.location, "/today");
    assert_eq!(tablet.get("/today").await.status, StatusCode::OK);
    // A browser that is never closed is asked again after half a day.
    world.later(TimeDelta::hours(12));
    assert_eq!(tablet.get("/today").await.location, "/pin");
}

#[tokio::test]
async fn five_wrong_keywords_wait_kindly_and_then_begin_again() {
    let world = World::new().await;
    let keyword = world.keyword(None).await;
    let mut tablet = world.tablet();
    for _ in 0..KEYWORD_TRIES {
        let wrong = tablet.post("/pair", &[("code", "CCCC CCCC")]).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(wrong.body.contains("did not fit"));
    }
    // Now even the right one waits, from this address …
    let waits = tablet.post("/pair", &[("code", &keyword)]).await;
    assert_eq!(waits.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(waits.body.contains("wait 5 minutes") && waits.set_cookies.is_empty());
    world.later(TimeDelta::minutes(5));
    assert_eq!(tablet.post("/pair", &[("code", &keyword)]).await.status, StatusCode::TOO_MANY_REQUESTS);
    // … and fits after the wait, which trying in between did not make longer.
    world.later(TimeDelta::milliseconds(1));
    assert_eq!(tablet.post("/pair", &[("code", &keyword)]).await.location, "/pin");
}

#[tokio::test]
async fn a_keyword_that_was_guessed_at_five_times_is_dead_for_everybody() {
    let world = World::new().await;
    let keyword = world.keyword(None).await;
    let guess = format!("{} {}", &keyword[..4], if &keyword[5..] == "CCCC" { "DDDD" } else { "CCCC" });
    for last in 0..u8::try_from(KEYWORD_TRIES).unwrap() {
        let mut guesser = world.tablet();
        guesser.address = [198, 51, 100, last];
        assert_eq!(guesser.post("/pair", &[("code", &guess)]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let mut tablet = world.tablet();
    assert_eq!(tablet.post("/pair", &[("code", &keyword)]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(tablet.cookies.is_empty());
}

#[tokio::test]
async fn guesses_made_at_once_are_counted_one_by_one() {
    let world = World::new().await;
    let tries = (0..20).map(|_| async { world.tablet().post("/pair", &[("code", "CCCC CCCC")]).await.status });
    let statuses = futures_util::future::join_all(tries).await;
    let looked_at = statuses.iter().filter(|status| **status == StatusCode::UNPROCESSABLE_ENTITY).count();
    assert_eq!(i64::try_from(looked_at).unwrap(), KEYWORD_TRIES);
}

#[tokio::test]
async fn an_expired_a_used_and_a_replaced_keyword_join_nothing() {
    let world = World::new().await;
    let mut tablet = world.tablet();

    let expired = world.keyword(Some(TimeDelta::minutes(30))).await;
    world.later(TimeDelta::minutes(30));
    assert!(tablet.post("/pair", &[("code", &expired)]).await.body.contains("too old"));

    let replaced = world.keyword(None).await;
    let used = world.keyword(None).await;
    assert!(tablet.post("/pair", &[("code", &replaced)]).await.body.contains("did not fit"));

    assert_eq!(tablet.post("/pair", &[("code", &used)]).await.location, "/pin");
    let mut second = world.tablet();
    let again = second.post("/pair", &[("code", &used)]).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(again.body.contains("used already") && second.cookies.is_empty());

    for nonsense in ["", "WREN", "%00%FF", "????????", &"C".repeat(5000)] {
        let answer = world.tablet().post("/pair", &[("code", nonsense)]).await;
        assert!(answer.status.is_client_error(), "{nonsense}: {}", answer.status);
    }
}

#[tokio::test]
async fn five_wrong_pins_lock_the_tablet_until_it_is_joined_again() {
    let world = World::new().await;
    let mut tablet = world.opened().await;
    tablet.cookies.remove("ws-open");
    for wrong in 1..PIN_TRIES {
        let answer = tablet.post("/pin", &[("pin", "1111")]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "try {wrong}");
        assert_eq!(answer.body.contains("one try left"), wrong == PIN_TRIES - 1);
    }
    assert_eq!(tablet.post("/pin", &[("pin", "1111")]).await.status, StatusCode::LOCKED);
    // The right one comes too late, at any time.
    world.later(TimeDelta::days(3));
    let locked = tablet.post("/pin", &[("pin", "4711")]).await;
    assert_eq!(locked.status, StatusCode::LOCKED);
    assert!(locked.body.contains("Ask your key worker") && tablet.get("/pin").await.body.contains("This tablet is locked"));
    // Choosing a new PIN is no way around.
    assert_eq!(tablet.post("/pin/choose", &[("pin", "2580"), ("again", "2580")]).await.location, "/pin");
    assert_eq!(tablet.get("/today").await.location, "/pin");

    let keyword = world.keyword(None).await;
    assert_eq!(tablet.post("/pair", &[("code", &keyword)]).await.location, "/pin");
    assert_eq!(tablet.post("/pin/choose", &[("pin", "2580"), ("again", "2580")]).await.location, "/today");
}

#[tokio::test]
async fn a_right_pin_forgets_the_wrong_ones() {
    let world = World::new().await;
    let mut tablet = world.opened().await;
    for _ in 0..3 {
        for _ in 0..PIN_TRIES - 1 {
            tablet.post("/pin", &[("pin", "1111")]).await;
        }
        assert_eq!(tablet.post("/pin", &[("pin", "4711")]).await.location, "/today");
    }
}

#[tokio::test]
async fn a_new_tablet_switches_the_old_one_off() {
    let world = World::new().await;
    let mut old = world.opened().await;
    let mut new = world.opened().await;
    assert_eq!(old.get("/today").await.location, "/pair?left=off");
    assert!(old.get("/pair?left=off").await.body.contains("not joined any more"));
    assert_eq!(old.join().await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(old.post("/pin", &[("pin", "4711")]).await.location, "/pair?left=off");
    assert_eq!(new.join().await.status, StatusCode::OK);

    assert!(world.state.store.revoke_tablet(ids::ADA_PLACEMENT.0, world.clock.now().utc).await.unwrap());
    assert_eq!(new.join().await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn going_to_class_is_refused_in_plain_words() {
    let world = World::new().await;
    let mut tablet = world.opened().await;
    world.body("paused").await;
    let paused = tablet.join().await;
    assert_eq!(paused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(paused.body.contains("Teachers can do this at any time"), "{}", paused.body);
    assert!(tablet.get("/today").await.body.contains("Robin is paused in class"));
    world.body("idle").await;
    assert_eq!(tablet.join().await.status, StatusCode::OK);

    world.later(TimeDelta::seconds(1));
    world.hello(ids::ROBIN.0, DeviceKind::Robot, "gone").await;
    assert_eq!(tablet.join().await.status, StatusCode::SERVICE_UNAVAILABLE);
    let away = tablet.get("/today").await.body;
    assert!(away.contains("Robin is not connected just now") && !away.contains("id=\"go\""));
    world.later(TimeDelta::seconds(1));
    world.hello(ids::ROBIN.0, DeviceKind::Robot, "off_by_person").await;
    assert!(tablet.join().await.body.contains("switched off in school"));
    world.later(TimeDelta::seconds(1));
    world.hello(ids::ROBIN.0, DeviceKind::Robot, "here").await;

    world.later(TimeDelta::hours(11));
    let over = tablet.join().await;
    assert_eq!(over.status, StatusCode::CONFLICT);
    assert!(over.body.contains("School is over for today"), "{}", over.body);
    assert!(tablet.get("/today").await.body.contains("data-now=\"done\""));
}

#[tokio::test]
async fn resting_is_a_choice_that_can_be_taken_back() {
    let world = World::new().await;
    let mut tablet = world.opened().await;
    assert_eq!(tablet.post("/today/rest", &[]).await.location, "/today?said=resting");
    let resting = tablet.get("/today").await.body;
    assert!(resting.contains("data-now=\"resting\"") && resting.contains("Go to class after all"));
    assert!(!resting.contains("id=\"not-now\""));
    assert_eq!(tablet.join().await.status, StatusCode::OK);
    assert!(tablet.get("/today").await.body.contains("data-now=\"ready\""));
    // The part that refreshes itself says the same.
    let parts = tablet.get("/today/parts").await.body;
    assert!(parts.contains("data-now=\"ready\"") && parts.contains("id=\"day-list\"") && !parts.contains("<html"));
}

#[tokio::test]
async fn other_sites_cannot_use_the_tablet() {
    let world = World::new().await;
    let mut tablet = world.opened().await;
    for path in ["/class/join", "/class/leave", "/today/rest", "/pin", "/pin/choose", "/pair"] {
        for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://elsewhere.example")] {
            let request =
                Request::post(path).header(name, value).header(header::HOST, "localhost:8080").header("x-windowseat", "1");
            let answer = tablet.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {name}");
        }
    }
    // Not even a form of our own: only the page's module can name the header.
    assert_eq!(tablet.post("/class/join", &[]).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn without_a_tablet_nothing_opens() {
    let world = World::new().await;
    for path in ["/today", "/today/parts", "/class", "/pin"] {
        assert_eq!(world.tablet().get(path).await.location, "/pair", "{path}");
    }
    assert_eq!(world.tablet().join().await.status, StatusCode::UNAUTHORIZED);
    for path in ["/pin", "/pin/choose", "/today/rest", "/class/leave"] {
        assert_eq!(world.tablet().post(path, &[]).await.location, "/pair", "{path}");
    }
    let mut forged = world.tablet();
    forged.cookies.insert("ws-tablet".to_owned(), "A".repeat(43));
    forged.cookies.insert("ws-open".to_owned(), "A".repeat(43));
    assert_eq!(forged.get("/today").await.location, "/pair?left=off");
}

#[tokio::test]
async fn no_name_no_code_and_no_token_stands_in_an_address() {
    let world = World::new().await;
    let keyword = world.keyword(None).await;
    let link = pupil::pairing_path(&keyword);
    let (path, fragment) = link.split_once('#').unwrap();
    assert_eq!((path, fragment), ("/pair", keyword.replace(' ', "").as_str()));
    let mut tablet = world.tablet();
    let mut places = vec![tablet.post("/pair", &[("code", &keyword)]).await.location];
    places.push(tablet.post("/pin/choose", &[("pin", "4711"), ("again", "4711")]).await.location);
    places.push(tablet.post("/today/rest", &[]).await.location);
    places.push(tablet.post("/class/leave", &[]).await.location);
    assert_eq!(places, ["/pin", "/today", "/today?said=resting", "/today?said=left"]);
    let page = tablet.get("/today").await.body;
    for piece in page.split("href=\"").chain(page.split("action=\"")).skip(1) {
        let address = piece.split('"').next().unwrap();
        assert!(!address.contains('?') && !address.contains("4711"), "{address}");
    }
}

#[tokio::test]
async fn the_pages_have_no_inline_style_or_script() {
    let world = World::new().await;
    let mut tablet = world.opened().await;
    for path in ["/pair", "/pin", "/today", "/class"] {
        let page = tablet.get(path).await.body;
        for banned in [" style=\"", "<style", " onclick", "javascript:", "http://", "https://"] {
            assert!(!page.contains(banned), "{path} has {banned}");
        }
        assert!(page.contains("lang=\"en-GB\"") && page.contains("<h1"), "{path}");
        for script in page.split("<script").skip(1) {
            assert!(
                script.split_once("></script>").is_some_and(|(tag, _)| tag.contains("src=\"/assets/")),
                "{path}: {script:.60}"
            );
        }
    }
}
