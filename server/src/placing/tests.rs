//! Two servers on one PostgreSQL and one Mosquitto, with bridges and robots that only speak MQTT: who gets which message, which robot
//! gets which bridge, and what the death of one of them changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use engines::{Engine, Fresh, Mosquitto};
use mqtt_link::{Event, Link, MqttConfig, Options, Secret};
use protocol::{
    AckMessage, Active, BridgeLoad, ClientId, Clock as _, ClosedBy, EndMessage, Envelope, HelloMessage, Kind, PlacementId,
    PresenceMessage, Role, SessionId, Status, SystemClock, Tier, Topic,
};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::*;
use crate::demo::{self, ids};
use crate::{Config, Running};

const SOON: Duration = Duration::from_secs(20);
const SECOND_BRIDGE: BridgeId = BridgeId(Uuid::from_u128(0x00b2));

struct World {
    database: Fresh,
    mosquitto: Mosquitto,
    folder: tempfile::TempDir,
    clock: Arc<SystemClock>,
    tracker: TaskTracker,
    devices: CancellationToken,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let users = ["server".to_owned(), ids::BRIDGE.to_string(), SECOND_BRIDGE.to_string()];
        let robots = demo::ROBOTS.map(|robot| robot.to_string());
        let users: Vec<_> = users.into_iter().chain(robots).map(|user| (user, "x".to_owned())).collect();
        let mosquitto = Mosquitto::start(folder.path(), &users).await;
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        std::fs::write(folder.path().join("grant.pem"), key.serialize_pem()).unwrap();
        let database = Fresh::on(Engine::Postgres).await;
        let clock = Arc::new(SystemClock::starting_at("2026-11-23T09:30:00Z".parse().unwrap()));
        let (tracker, devices) = (TaskTracker::new(), CancellationToken::new());
        Self { database, mosquitto, folder, clock, tracker, devices }
    }

    fn mqtt(&self, user: impl ToString) -> MqttConfig {
        let password = Some(Secret::new("x"));
        let url = format!("mqtt://{}", self.mosquitto.address);
        MqttConfig { url, username: user.to_string(), password, ..MqttConfig::default() }
    }

    async fn server(&self) -> (Running, CancellationToken) {
        let config = Config {
            database: self.database.address.as_str().into(),
            grant_key_file: self.folder.path().join("grant.pem"),
            mqtt: self.mqtt("server"),
            ..Config::default()
        };
        let stop = CancellationToken::new();
        (crate::start(config, self.clock.clone(), stop.clone()).await.unwrap(), stop)
    }

    async fn device(&self, client: impl Into<ClientId>, role: Role) -> Device {
        let client = client.into();
        let base = (role == Role::Bridge).then(|| format!("http://{client}"));
        let load = BridgeLoad { robots: 0, sessions: 0, capacity: 10, draining: false, busy_pct: None };
        let hello = HelloMessage {
            public_base: base.clone(),
            http_base: base,
            load: (role == Role::Bridge).then_some(load),
            ..HelloMessage::new(role, Status::Here, "1", self.clock.now().utc)
        };
        let gone = HelloMessage { status: Status::Gone, ..hello.clone() };
        let options = Options {
            config: self.mqtt(client),
            client_id: client.to_string(),
            subscriptions: vec![Topic::down_filter(client)],
            will: Some((Topic::new(client, Kind::Hello), Envelope::new(self.clock.now(), Uuid::nil(), gone).to_bytes())),
            keep_alive: mqtt_link::KEEP_ALIVE,
            manual_ack: false,
        };
        let (link, mut events) = Link::open(options, &self.tracker, self.devices.clone()).unwrap();
        let connected = tokio::time::timeout(SOON, events.recv()).await.unwrap();
        assert!(matches!(connected, Some(Event::Connected)), "{connected:?}");
        let device = Device { client, hello, link, events, clock: self.clock.clone() };
        device.says_hello(None).await;
        device
    }

    async fn stop(self, servers: Vec<(Running, CancellationToken)>) {
        for (running, stop) in servers {
            stop.cancel();
            tokio::time::timeout(SOON, running.wait()).await.expect("the server drains");
        }
        self.devices.cancel();
        self.tracker.close();
        tokio::time::timeout(SOON, self.tracker.wait()).await.expect("the devices stop");
    }
}

struct Device {
    client: ClientId,
    hello: HelloMessage,
    link: Link,
    events: mpsc::Receiver<Event>,
    clock: Arc<SystemClock>,
}

impl Device {
    async fn says_hello(&self, bridge: Option<BridgeId>) {
        let hello = HelloMessage { bridge, ..self.hello.clone() };
        self.says(Kind::Hello, None, hello).await;
    }

    async fn goes(&self) {
        let gone = HelloMessage { status: Status::Gone, ..self.hello.clone() };
        self.says(Kind::Hello, None, gone).await;
    }

    async fn says(&self, kind: Kind, seq: Option<u64>, body: impl serde::Serialize) {
        let envelope = Envelope { seq, ..Envelope::new(self.clock.now(), Uuid::from_u128(7), body) };
        self.link.publish(Topic::new(self.client, kind), envelope.to_bytes()).await.unwrap();
    }

    /// The next message of `kind` that `wanted` accepts.
    async fn hears<T: DeserializeOwned>(&mut self, kind: Kind, wanted: impl Fn(&T) -> bool) -> T {
        let wait = async {
            loop {
                if let Event::Message(message) = self.events.recv().await.expect("the link is open")
                    && Topic::parse(&message.topic).is_ok_and(|topic| topic.kind == kind)
                    && let body = Envelope::<T>::from_bytes(&message.payload).unwrap().body
                    && wanted(&body)
                {
                    return body;
                }
            }
        };
        tokio::time::timeout(SOON, wait).await.unwrap_or_else(|_| panic!("no {kind:?} came"))
    }
}

fn interval(seq: u64, at: DateTime<Utc>) -> PresenceMessage {
    let from = at - TimeDelta::minutes(20) + TimeDelta::seconds(i64::try_from(seq).unwrap() * 10);
    PresenceMessage::Interval {
        session: SessionId(Uuid::from_u128(1)),
        placement: ids::ADA_PLACEMENT,
        robot: ids::ROBIN,
        n: u32::try_from(seq).unwrap(),
        tier: Tier::Video,
        from,
        until: from + TimeDelta::seconds(5),
        span_ms: 5_000,
        clock_offset_ms: Some(0),
        active: Active::default(),
        closed_by: Some(ClosedBy::Interruption),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_share_the_work_and_one_is_enough_to_go_on() {
    let world = World::new().await;
    let servers = vec![world.server().await, world.server().await];
    let state = servers[0].0.state.clone();
    demo::seed_store(&state.store, &world.folder.path().join("none"), state.clock.now().utc).await.unwrap();
    state.store.set_device(SECOND_BRIDGE.0, DeviceKind::Bridge, b"").await.unwrap();
    let mut first = world.device(ids::BRIDGE, Role::Bridge).await;
    let second = world.device(SECOND_BRIDGE, Role::Bridge).await;
    let mut robin = world.device(ids::ROBIN, Role::Robot).await;
    let grant: GrantMessage = robin.hears(Kind::Grant, |_| true).await;
    let at = grant.bridge.expect("the permission names its bridge");
    robin.says_hello(Some(at)).await;
    let mut finch = world.device(ids::FINCH, Role::Robot).await;
    let other: GrantMessage = finch.hears(Kind::Grant, |_| true).await;
    assert_ne!(other.bridge, Some(at), "the second robot goes to the bridge that carries less");
    assert_eq!(other.whip_url, format!("http://{}/whip/{}", other.bridge.unwrap(), ids::FINCH));
    finch.says_hello(other.bridge).await;

    // What one server stored the other need not: each number once, whoever was given it.
    for seq in (1..=60).filter(|seq| seq % 20 != 0) {
        first.says(Kind::Presence, Some(seq), interval(seq, state.clock.now().utc)).await;
    }
    let gaps: AckMessage = first.hears(Kind::Ack, |ack: &AckMessage| ack.through == 59 && ack.gaps.len() == 2).await;
    assert_eq!(gaps.gaps, [(20, 20), (40, 40)]);
    let mut servers = servers.into_iter();
    let (ended, stop) = servers.next().unwrap();
    stop.cancel();
    tokio::time::timeout(SOON, ended.wait()).await.expect("the server drains");
    let left: Vec<_> = servers.collect();
    let state = left[0].0.state.clone();
    // A share that the broker had given to the server that stopped comes again from its sender, as the bridge does it.
    for seq in 1..=60 {
        first.says(Kind::Presence, Some(seq), interval(seq, state.clock.now().utc)).await;
    }
    let whole: AckMessage = first.hears(Kind::Ack, |ack: &AckMessage| ack.through == 60 && ack.gaps.is_empty()).await;
    let echo = whole.clock.expect("the acknowledgement carries the server's times");
    assert!(echo.received_at <= echo.sent_at);
    let now = state.clock.now().utc;
    let held = state.store.presence_of_pupil(ids::ADA, now - TimeDelta::hours(1), now).await.unwrap();
    let held: BTreeMap<i64, i64> =
        held.iter().filter(|row| row.session_id == Uuid::from_u128(1)).map(|row| (row.n, row.span_ms)).collect();
    assert_eq!(held, (1..=60).map(|n| (n, 5_000)).collect(), "each once");

    // The loss of a bridge: its robot gets the other one, and the robot of the other stays.
    let (lost, stays, mut moved) =
        if at == ids::BRIDGE { (&first, SECOND_BRIDGE, robin) } else { (&second, ids::BRIDGE, robin) };
    lost.goes().await;
    let reserve: GrantMessage = moved.hears(Kind::Grant, |grant: &GrantMessage| grant.bridge == Some(stays)).await;
    assert!(!reserve.move_now, "a connection that stands is kept");
    // What the robot says of itself decides where its pupil is sent.
    moved.says_hello(Some(stays)).await;
    let join = async || {
        let device = protocol::DeviceId(Uuid::from_u128(8));
        dispatch::view_grant(&state, ids::ADA_PLACEMENT, device)
            .await
            .ok()
            .filter(|join| join.whep_url.contains(&stays.to_string()))
    };
    let wait = async {
        while join().await.is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(SOON, wait).await.expect("the pupil is sent to the bridge where the robot stands");

    // A withdrawn permission reaches the bridge that still is here.
    dispatch::end_visit(&state, ids::ADA_PLACEMENT, None).await.unwrap();
    let mut rest = if stays == ids::BRIDGE { first } else { second };
    let end: EndMessage = rest.hears(Kind::End, |_| true).await;
    assert_eq!(end.placement, PlacementId(ids::ADA_PLACEMENT.0));
    drop((moved, finch, rest));
    world.stop(left).await;
}
