//! Two servers on one PostgreSQL and one Mosquitto, with bridges and robots that only speak MQTT: who gets which message, which robot
//! gets which bridge, and what the death of one of them changes.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;

use engines::{Engine, Fresh, Mosquitto, Proxy, Weather};
use mqtt_link::{Event, Link, MqttConfig, Options, Secret};
use protocol::{
    AckMessage, Active, BridgeLoad, ClientId, Clock as _, ClosedBy, EndMessage, Envelope, HelloMessage, Kind, LinkMessage,
    PlacementId, PresenceMessage, Role, SessionId, Status, SystemClock, Tier, Topic,
};
use serde::de::DeserializeOwned;
use store::robots::DeviceKind;
use store::tablets::NewKeyword;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::*;
use crate::demo::{self, ids};
use crate::{Config, Running, ingest, jobs};

const SOON: Duration = Duration::from_secs(20);
const SECOND_BRIDGE: BridgeId = BridgeId(Uuid::from_u128(0x00b2));
const THIRD_BRIDGE: BridgeId = BridgeId(Uuid::from_u128(0x00b3));
/// A user of the broker who hears every permission.
const EAR: &str = "ear";

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
        let bridges = [ids::BRIDGE, SECOND_BRIDGE, THIRD_BRIDGE].map(|bridge| bridge.to_string());
        let robots = demo::ROBOTS.map(|robot| robot.to_string());
        let users = ["server".to_owned(), EAR.to_owned()].into_iter().chain(bridges).chain(robots);
        let users: Vec<_> = users.map(|user| (user, "x".to_owned())).collect();
        let hears_all = format!("\nuser {EAR}\ntopic read ws/v1/+/down/grant\n");
        let mosquitto = Mosquitto::start_with(folder.path(), &users, &hears_all, "").await;
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
        self.server_by(self.mosquitto.address).await
    }

    /// A server that reaches the broker at `address`.
    async fn server_by(&self, address: SocketAddr) -> (Running, CancellationToken) {
        let config = Config {
            database: self.database.address.as_str().into(),
            grant_key_file: self.folder.path().join("grant.pem"),
            mqtt: MqttConfig { url: format!("mqtt://{address}"), ..self.mqtt("server") },
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

    /// Hears every permission, whoever it is for.
    async fn ear(&self) -> mpsc::Receiver<Event> {
        let options = Options {
            config: self.mqtt(EAR),
            client_id: EAR.to_owned(),
            subscriptions: vec!["ws/v1/+/down/grant".to_owned()],
            will: None,
            keep_alive: mqtt_link::KEEP_ALIVE,
            manual_ack: false,
        };
        let (_, mut events) = Link::open(options, &self.tracker, self.devices.clone()).unwrap();
        let connected = tokio::time::timeout(SOON, events.recv()).await.unwrap();
        assert!(matches!(connected, Some(Event::Connected)), "{connected:?}");
        events
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
    dispatch::end_visit(&state, ids::ADA_PLACEMENT, None);
    let mut rest = if stays == ids::BRIDGE { first } else { second };
    let end: EndMessage = rest.hears(Kind::End, |_| true).await;
    assert_eq!(end.placement, PlacementId(ids::ADA_PLACEMENT.0));
    drop((moved, finch, rest));
    world.stop(left).await;
}

/// Report: permissions were given one after the other, each after the broker's confirmation of the one before, and so were the messages
/// that end visits. After the loss of a bridge with hundreds of robots the last one waited for a minute, and greetings were dropped.
#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_robots_of_a_lost_bridge_have_another_within_seconds_over_a_slow_link() {
    const ROBOTS: u128 = 300;
    let world = World::new().await;
    let far = Proxy::start(world.mosquitto.address).await;
    let servers = vec![world.server_by(far.address).await];
    let state = servers[0].0.state.clone();
    demo::seed_store(&state.store, &world.folder.path().join("none"), state.clock.now().utc).await.unwrap();
    let mut bridges = Vec::new();
    for id in [ids::BRIDGE, SECOND_BRIDGE, THIRD_BRIDGE] {
        state.store.set_device(id.0, DeviceKind::Bridge, b"").await.unwrap();
        let mut bridge = world.device(id, Role::Bridge).await;
        // Of so many that nobody moves only because another one carries less.
        bridge.hello.load = bridge.hello.load.map(|load| BridgeLoad { capacity: 2_000, ..load });
        bridges.push(bridge);
    }
    let robots: Vec<RobotId> = (0..ROBOTS).map(|n| RobotId(Uuid::from_u128(0xf000 + n))).collect();
    let mut hellos = Vec::new();
    for robot in &robots {
        state.store.set_device(robot.0, DeviceKind::Robot, b"").await.unwrap();
        state.store.add_robot(robot.0, ids::ALDER_ROAD, &format!("R {robot}"), None).await.unwrap();
        let hello = HelloMessage {
            bridge: Some(ids::BRIDGE),
            ..HelloMessage::new(Role::Robot, Status::Here, "1", state.clock.now().utc)
        };
        let payload = Envelope::new(state.clock.now(), Uuid::nil(), hello).to_bytes();
        hellos.push((Topic::new(*robot, Kind::Hello).to_string(), payload));
    }
    for bridge in &bridges {
        bridge.says_hello(None).await;
    }
    let carry = async |capacity: i64| {
        let rows = state.store.bridges().await.unwrap();
        rows.iter().all(|row| row.status == "here" && row.capacity == Some(capacity))
    };
    let wait = async {
        while !carry(2_000).await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(SOON, wait).await.expect("the bridges are known");
    ingest::apply(&state.store, &hellos, state.clock.now().utc).await.unwrap();
    let mut ear = world.ear().await;
    // What one of them, the first that is looked at, does not get keeps no other from it.
    let refuse = format!(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not now'; END $$;
         CREATE TRIGGER refuse BEFORE UPDATE OF granted_at ON robot FOR EACH ROW WHEN (NEW.robot_id = '{}')
         EXECUTE FUNCTION refuse()",
        robots[0].0
    );
    world.database.run(&refuse).await.unwrap();
    // A round trip of a tenth of a second: one after the other that is half a minute.
    far.set(Weather::Late(Duration::from_millis(50)));
    bridges[0].goes().await;
    let mut sent: BTreeMap<Uuid, BridgeId> = BTreeMap::new();
    let mut hear = async |count: usize, within: Duration| {
        let all = async {
            while sent.len() < count {
                if let Some(Event::Message(message)) = ear.recv().await
                    && let Ok(topic) = Topic::parse(&message.topic)
                    && let grant = Envelope::<GrantMessage>::from_bytes(&message.payload).unwrap().body
                    && let Some(bridge) = grant.bridge.filter(|bridge| *bridge != ids::BRIDGE)
                {
                    sent.insert(topic.client.0, bridge);
                }
            }
        };
        let done = tokio::time::timeout(within, all).await;
        done.unwrap_or_else(|_| panic!("{} of {count} have a permission", sent.len()));
    };
    hear(robots.len() - 1, Duration::from_secs(10)).await;
    // The round was not whole: the next word of a bridge is a reason to look again, though nothing about the bridges is new.
    world.database.run("DROP TRIGGER refuse ON robot").await.unwrap();
    bridges[1].says_hello(None).await;
    hear(robots.len(), Duration::from_secs(5)).await;
    let second = sent.values().filter(|bridge| **bridge == SECOND_BRIDGE).count();
    assert!((130..=170).contains(&second), "{second} of {ROBOTS} went to one of two bridges that are alike");

    let ends: Vec<_> = (1..=100).map(|n| EndMessage { placement: PlacementId(Uuid::from_u128(n)), keeps: None }).collect();
    let told = dispatch::end_visits(&state, &ends, state.clock.now());
    assert!(tokio::time::timeout(Duration::from_secs(5), told).await.expect("all at once").unwrap());
    for bridge in &mut bridges[1..] {
        bridge.hears(Kind::End, |end: &EndMessage| end.placement == ends[99].placement).await;
    }
    drop(bridges);
    world.stop(servers).await;
}

/// What a bridge did not hear when the tablet was switched off, the jobs say as long as the visit is open.
#[tokio::test(flavor = "multi_thread")]
async fn the_jobs_end_the_visit_of_a_tablet_that_was_switched_off() {
    let world = World::new().await;
    let servers = vec![world.server().await];
    let state = servers[0].0.state.clone();
    let now = state.clock.now().utc;
    demo::seed_store(&state.store, &world.folder.path().join("none"), now).await.unwrap();
    let mut bridge = world.device(ids::BRIDGE, Role::Bridge).await;
    let robin = world.device(ids::ROBIN, Role::Robot).await;
    robin.says_hello(Some(ids::BRIDGE)).await;
    let stands = async || state.store.robot(ids::ROBIN.0).await.unwrap().unwrap();
    let wait = async {
        while stands().await.bridge_id.is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bridge.says(Kind::Presence, Some(1), interval(1, now)).await;
        let session = Some(SessionId(Uuid::from_u128(1)));
        let link = LinkMessage {
            robot: ids::ROBIN,
            robot_leg: None,
            session,
            pupil_leg: None,
            tier: Some(Tier::Video),
            trouble: None,
            freezes: None,
        };
        bridge.says(Kind::Link, None, link).await;
        while stands().await.live_session_id.is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(SOON, wait).await.expect("a visit is open");
    let code = NewKeyword { placement: ids::ADA_PLACEMENT.0, selector: "ABCD", hash: "hash", made_at: now, expires_at: None };
    assert!(state.store.insert_keyword(code).await.unwrap());
    let code = state.store.begin_keyword_try("ABCD").await.unwrap().unwrap().keyword_id;
    assert!(state.store.redeem_keyword(code, Uuid::from_u128(0x12), b"token", now).await.unwrap());
    jobs::look_round(&state, &mut HashMap::new()).await.unwrap();
    // Switched off, and the bridge was not told.
    assert!(state.store.revoke_tablet(ids::ADA_PLACEMENT.0, state.clock.now().utc).await.unwrap());
    jobs::look_round(&state, &mut HashMap::new()).await.unwrap();
    let end: EndMessage = bridge.hears(Kind::End, |_| true).await;
    assert_eq!(end, EndMessage { placement: ids::ADA_PLACEMENT, keeps: None });
    drop((bridge, robin));
    world.stop(servers).await;
}
