//! Permissions: to whom, for what, until when. Without a broker: what a robot says is applied directly.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use protocol::{BodyState, BridgeLoad, Clock, GrantVerifier, HelloMessage, Now, Percent, RobotMessage, Role, Status};
use store::robots::DeviceKind;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::demo::{self, ids};
use crate::{Config, ingest};

struct SetClock(Mutex<DateTime<Utc>>);

impl Clock for SetClock {
    fn now(&self) -> Now {
        Now { monotonic: Duration::ZERO, utc: *self.0.lock().unwrap() }
    }
}

struct World {
    state: AppState,
    clock: Arc<SetClock>,
    verifier: GrantVerifier,
    _folder: tempfile::TempDir,
}

impl World {
    /// Monday 09:00 with the demonstration's data; nothing is connected.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let grant_key_file = folder.path().join("grant.pem");
        std::fs::write(&grant_key_file, key.serialize_pem()).unwrap();
        let secret_file = folder.path().join("turn-secret");
        std::fs::write(&secret_file, "a secret that coturn knows\n").unwrap();
        let config = Config {
            database: folder.path().join("t.db").into(),
            grant_key_file,
            turn: crate::config::TurnConfig {
                urls: vec!["turns:turn.example:443?transport=tcp".into()],
                secret_file: Some(secret_file),
            },
            mqtt: mqtt_link::MqttConfig { url: "mqtt://127.0.0.1:9".into(), username: "server".into(), ..Default::default() },
            ..Config::default()
        };
        let clock = Arc::new(SetClock(Mutex::new("2026-11-23T09:00:00Z".parse().unwrap())));
        let running = crate::start(config, clock.clone(), CancellationToken::new()).await.unwrap();
        demo::seed_store(&running.state.store, &folder.path().join("none"), clock.now().utc).await.unwrap();
        let verifier = GrantVerifier::from_pem(key.public_key_pem().as_bytes()).unwrap();
        Self { state: running.state, clock, verifier, _folder: folder }
    }

    async fn hears(&self, client: impl Into<protocol::ClientId>, kind: Kind, body: impl Serialize) {
        let now = self.clock.now();
        let payload = Envelope::new(now, Uuid::nil(), body).to_bytes();
        let message = (Topic::new(client, kind).to_string(), payload);
        let ingested = ingest::apply(&self.state.store, &[message], now.utc).await.unwrap();
        assert_eq!(ingested.quarantined, Vec::<String>::new());
    }

    async fn bridge(&self) {
        let hello = HelloMessage {
            public_base: Some(String::new()),
            http_base: Some("https://bridge.example/".to_owned()),
            ..HelloMessage::new(Role::Bridge, Status::Here, "1", self.clock.now().utc)
        };
        self.hears(ids::BRIDGE, Kind::Hello, hello).await;
    }

    async fn speaks(&self, bridge: BridgeId) {
        let load = BridgeLoad { robots: 1, sessions: 0, capacity: 10, draining: false, busy_pct: None };
        let hello = HelloMessage {
            http_base: Some("https://bridge.example/".to_owned()),
            public_base: Some(String::new()),
            load: Some(load),
            ..HelloMessage::new(Role::Bridge, Status::Here, "1", self.clock.now().utc)
        };
        self.hears(bridge, Kind::Hello, hello).await;
    }

    async fn robot(&self, status: Status, bridge: Option<BridgeId>) {
        let hello = HelloMessage { bridge, ..HelloMessage::new(Role::Robot, status, "1", self.clock.now().utc) };
        self.hears(ids::ROBIN, Kind::Hello, hello).await;
    }

    async fn body(&self, state: BodyState) {
        let body = RobotMessage {
            state,
            battery_pct: Percent::saturating(80),
            charging: false,
            wifi_dbm: None,
            room: None,
            camera_on: false,
            hand_up: false,
            uptime_s: 1,
        };
        self.hears(ids::ROBIN, Kind::Robot, body).await;
    }

    fn at(&self, time: &str) {
        *self.clock.0.lock().unwrap() = time.parse().unwrap();
    }

    async fn join(&self) -> Result<JoinGrant, JoinError> {
        view_grant(&self.state, ids::ADA_PLACEMENT, DeviceId(Uuid::from_u128(8))).await
    }

    async fn refusal(&self) -> JoinRefusal {
        match self.join().await {
            Err(JoinError::Refused(refusal)) => refusal,
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("the pupil was let in"),
        }
    }
}

#[tokio::test]
async fn a_pupil_is_let_in_as_the_robot_and_the_bridge_come_and_refused_as_they_go() {
    let world = World::new().await;
    assert_eq!(world.refusal().await, JoinRefusal::RobotGone);
    world.robot(Status::Here, None).await;
    assert_eq!(world.refusal().await, JoinRefusal::NoBridge);
    world.bridge().await;
    assert_eq!(world.refusal().await, JoinRefusal::NoBridge, "the robot does not stand there yet");
    world.robot(Status::Here, Some(ids::BRIDGE)).await;
    let grant = world.join().await.unwrap();
    assert_eq!(grant.whep_url, format!("/whep/{}", ids::ROBIN));
    let now = world.clock.now().utc;
    let claims = world.verifier.verify(&grant.token, ids::BRIDGE, ids::ROBIN, Act::View, now).unwrap();
    assert_eq!((claims.placement, claims.device), (Some(ids::ADA_PLACEMENT), Some(DeviceId(Uuid::from_u128(8)))));
    assert_eq!((claims.exp, claims.until), (now + TimeDelta::minutes(2), grant.session_until));
    world.body(BodyState::Paused).await;
    assert_eq!(world.refusal().await, JoinRefusal::Paused);
    world.body(BodyState::Carried).await;
    assert!(world.join().await.is_ok(), "the robot itself keeps its camera off while it is carried");
    world.robot(Status::OffByPerson, None).await;
    assert_eq!(world.refusal().await, JoinRefusal::RobotOff);
}

#[tokio::test]
async fn a_visit_ends_with_the_school_day_and_none_begins_at_night_or_in_the_holidays() {
    let world = World::new().await;
    world.bridge().await;
    world.robot(Status::Here, Some(ids::BRIDGE)).await;
    let end = |time: &str| time.parse::<DateTime<Utc>>().unwrap();
    assert_eq!(world.join().await.unwrap().session_until, end("2026-11-23T13:00:00Z"), "four hours at most");
    world.at("2026-11-23T14:30:00Z");
    assert_eq!(world.join().await.unwrap().session_until, end("2026-11-23T15:40:00Z"));
    world.at("2026-11-23T15:40:00Z");
    assert_eq!(world.refusal().await, JoinRefusal::NotNow { from: None });
    world.at("2026-11-24T08:00:00Z");
    assert_eq!(world.refusal().await, JoinRefusal::NotNow { from: Some(end("2026-11-24T08:20:00Z")) });
    world.at("2026-11-28T10:00:00Z");
    assert_eq!(world.refusal().await, JoinRefusal::NoSchoolToday);
    world.at("2028-11-28T10:00:00Z");
    assert_eq!(world.refusal().await, JoinRefusal::OutsidePlacement);
}

/// A bridge that hangs stays connected to the broker for a while.
#[tokio::test]
async fn a_pupil_is_sent_to_the_bridge_that_still_speaks() {
    let world = World::new().await;
    let other = BridgeId(Uuid::from_u128(9));
    world.state.store.set_device(other.0, DeviceKind::Bridge, &[9; 32]).await.unwrap();
    world.speaks(ids::BRIDGE).await;
    world.robot(Status::Here, Some(ids::BRIDGE)).await;
    let now = world.clock.now().utc;
    assert!(world.state.store.claim_grant(ids::ROBIN.0, None, other.0, now, now + TimeDelta::hours(1)).await.unwrap());
    let sent_to = async |bridge: BridgeId| {
        let (token, now) = (world.join().await.unwrap().token, world.clock.now().utc);
        world.verifier.verify(&token, bridge, ids::ROBIN, Act::View, now).is_ok()
    };
    world.at("2026-11-23T09:01:00Z");
    assert!(sent_to(ids::BRIDGE).await, "silent, but the only one that there is");
    world.speaks(other).await;
    assert!(sent_to(other).await, "the robot has its permission and moves as soon as its connection is dead");
    world.speaks(ids::BRIDGE).await;
    assert!(sent_to(ids::BRIDGE).await);
}

#[tokio::test]
async fn a_placement_that_does_not_exist_is_not_let_in() {
    let world = World::new().await;
    let nobody = view_grant(&world.state, PlacementId(Uuid::from_u128(404)), DeviceId(Uuid::from_u128(8))).await;
    assert!(matches!(nobody, Err(JoinError::NoPlacement)));
}

#[tokio::test]
async fn a_camera_may_publish_in_a_robots_place_only_where_a_bridge_is() {
    let world = World::new().await;
    assert!(camera_grant(&world.state, ids::ROBIN).await.unwrap().is_none());
    world.bridge().await;
    let grant = camera_grant(&world.state, ids::ROBIN).await.unwrap().unwrap();
    assert_eq!(grant.whip_url, format!("https://bridge.example/whip/{}", ids::ROBIN));
    let now = world.clock.now().utc;
    assert!(world.verifier.verify(&grant.token, ids::BRIDGE, ids::ROBIN, Act::Publish, now).is_ok());
    assert!(world.verifier.verify(&grant.token, ids::BRIDGE, ids::FINCH, Act::Publish, now).is_err());
    assert!(world.verifier.verify(&grant.token, ids::BRIDGE, ids::ROBIN, Act::View, now).is_err());
    assert!(camera_grant(&world.state, RobotId(Uuid::from_u128(404))).await.unwrap().is_none());
}

#[tokio::test]
async fn a_permission_brings_credentials_for_the_turn_server_that_end_with_it_and_name_nobody() {
    let world = World::new().await;
    world.bridge().await;
    world.robot(Status::Here, Some(ids::BRIDGE)).await;
    let grant = world.join().await.unwrap();
    let [server] = grant.ice_servers.try_into().unwrap();
    assert_eq!(server.urls, ["turns:turn.example:443?transport=tcp"]);
    let (until, who) = server.username.split_once(':').unwrap();
    assert_eq!(who, ids::ROBIN.to_string());
    // The pupil's clock is set to a school day; the TURN server lives in real time.
    let lasts = grant.session_until - world.clock.now().utc;
    let real = protocol::SystemClock::new().now().utc + lasts;
    assert!((until.parse::<i64>().unwrap() - real.timestamp()).abs() < 60, "{until}");
    assert!(!server.credential.is_empty());
}

/// Report: each bridge was told in turn, ten seconds each while the broker was away, by whoever had pressed the button.
#[tokio::test]
async fn ending_a_visit_keeps_nobody_waiting_and_no_shutdown() {
    let world = World::new().await;
    world.bridge().await;
    let begun = tokio::time::Instant::now();
    end_visit(&world.state, ids::ADA_PLACEMENT, None);
    assert!(begun.elapsed() < Duration::from_secs(1));
    let ends = [EndMessage { placement: ids::ADA_PLACEMENT, keeps: None }];
    let mut told = std::pin::pin!(end_visits(&world.state, &ends, world.clock.now()));
    let early = tokio::time::timeout(Duration::from_millis(300), &mut told).await;
    assert!(early.is_err(), "the broker is away: {early:?}");
    world.state.shutdown.cancel();
    let told = tokio::time::timeout(Duration::from_secs(2), told).await.expect("a round ends at shutdown");
    assert!(!told.unwrap(), "nobody was told");
    world.state.tasks.close();
    tokio::time::timeout(Duration::from_secs(3), world.state.tasks.wait())
        .await
        .expect("what waits in the background ends too");
}
