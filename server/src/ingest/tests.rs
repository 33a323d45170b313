//! The way from payloads to rows, without a broker; with one it is a story in `tests/system`.

use chrono::TimeDelta;
use protocol::{Active, ClosedBy, MessageId, PresenceMessage, SessionId, Tier};

use super::*;
use crate::demo::{self, ids};
use crate::lessons;

fn message(seq: u64, from_s: i64, length_s: i64, now: chrono::DateTime<chrono::Utc>) -> (String, Vec<u8>) {
    let from = now + chrono::TimeDelta::seconds(from_s);
    let body = PresenceMessage::Interval {
        session: SessionId(Uuid::from_u128(1)),
        placement: ids::ADA_PLACEMENT,
        robot: ids::ROBIN,
        n: 1,
        tier: Tier::Video,
        from,
        until: from + TimeDelta::seconds(length_s),
        span_ms: u64::try_from(length_s).unwrap() * 1000,
        clock_offset_ms: None,
        active: Active::default(),
        closed_by: Some(ClosedBy::End),
    };
    let envelope = Envelope {
        v: 1,
        id: MessageId::new(),
        epoch: Uuid::from_u128(9),
        seq: Some(seq),
        oldest: None,
        sent_at: now,
        mono_ms: 0,
        body,
    };
    (Topic::new(ids::BRIDGE, Kind::Presence).to_string(), envelope.to_bytes())
}

#[tokio::test]
async fn a_message_becomes_minutes_once_however_often_it_comes() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_sqlite::open(&dir.path().join("t.db")).await.unwrap();
    let now = "2026-11-23T09:30:00Z".parse().unwrap();
    demo::seed_store(&store, &dir.path().join("none"), now).await.unwrap();
    let placement = store.placement(ids::ADA_PLACEMENT.0).await.unwrap().unwrap();
    let minutes = async || {
        let day = lessons::school_days(&store, &placement, (now.date_naive(), now.date_naive()), now).await.unwrap().remove(0);
        let lesson = day.lessons.iter().position(|lesson| lesson.is_at(now)).unwrap();
        day.account.lessons[lesson].connected.minutes().get()
    };
    assert_eq!(minutes().await, 0);
    let early = message(1, -1_800, 600, now);
    let late = message(2, -1_800, 1_500, now);
    for batch in [vec![late.clone(), early.clone()], vec![early, late], vec![("ws/v1/x/up/presence".to_owned(), b"{".to_vec())]]
    {
        apply(&store, &batch, now).await.unwrap();
    }
    assert_eq!(minutes().await, 25);
    assert_eq!(store.quarantined(10, None).await.unwrap().len(), 1);
    assert_eq!(store.acknowledged_through(ids::BRIDGE.0, Uuid::from_u128(9)).await.unwrap(), 2);
}

#[test]
fn messages_that_waited_do_not_look_like_a_slow_clock_and_a_clock_that_is_set_right_is_believed_again() {
    let mut clocks = Clocks::default();
    let device = Uuid::from_u128(1);
    let mut at = |ms: i64, seconds: u64| clocks.offset(device, ms, Duration::from_secs(seconds));
    assert_eq!(at(-40, 0), -40);
    assert_eq!(at(-9_000, 12), -40, "the database was away for nine seconds");
    assert_eq!(at(-9_000, 66), -40);
    assert_eq!(at(-600_000, 132), -9_000, "from here on the clock is ten minutes slow …");
    assert_eq!(at(-600_000, 198), -600_000, "… and that is believed when nothing says otherwise any more");
    assert_eq!(at(5_000, 204), 5_000, "a fast clock cannot be a delay");
    assert_eq!(clocks.offset(Uuid::from_u128(2), -7, Duration::ZERO), -7);
}

/// Mosquitto on a free port, as schools run it; ended with the test.
struct Mosquitto {
    process: std::process::Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Mosquitto {
    async fn start() -> Self {
        let port = engines::port::free();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mosquitto.conf");
        std::fs::write(&file, format!("listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")).unwrap();
        let program = ["/usr/sbin/mosquitto", "mosquitto"]
            .into_iter()
            .find(|path| *path == "mosquitto" || std::path::Path::new(path).exists());
        let process =
            std::process::Command::new(program.unwrap()).arg("-c").arg(file).stderr(std::process::Stdio::null()).spawn();
        let process = process.expect("mosquitto is installed (tests/run does it)");
        Self { process, url: format!("mqtt://127.0.0.1:{port}"), _folder: folder }
    }

    fn config(&self, username: impl ToString) -> mqtt_link::MqttConfig {
        let password = Some(mqtt_link::Secret::new("x"));
        mqtt_link::MqttConfig { url: self.url.clone(), username: username.to_string(), password, ..Default::default() }
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The next message of `kind`, within ten seconds.
async fn next<T: serde::de::DeserializeOwned>(events: &mut mpsc::Receiver<Event>, kind: Kind) -> T {
    let wait = async {
        loop {
            if let Event::Message(message) = events.recv().await.expect("the link is open")
                && Topic::parse(&message.topic).is_ok_and(|topic| topic.kind == kind)
            {
                return Envelope::<T>::from_bytes(&message.payload).unwrap().body;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.expect("the message comes")
}

#[tokio::test]
async fn over_a_real_broker_facts_are_acknowledged_after_the_commit_and_a_greeting_is_answered_with_a_permission() {
    use protocol::{GrantMessage, HelloMessage, Role, Status};
    let broker = Mosquitto::start().await;
    let dir = tempfile::tempdir().unwrap();
    let grant_key_file = dir.path().join("grant.pem");
    std::fs::write(&grant_key_file, rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap().serialize_pem()).unwrap();
    let config = crate::Config {
        database: dir.path().join("t.db").into(),
        grant_key_file,
        mqtt: broker.config("server"),
        ..Default::default()
    };
    let shutdown = tokio_util::sync::CancellationToken::new();
    let clock = std::sync::Arc::new(protocol::SystemClock::starting_at("2026-11-23T09:30:00Z".parse().unwrap()));
    let running = crate::start(config, clock.clone(), shutdown.clone()).await.unwrap();
    let state = running.state.clone();
    demo::seed_store(&state.store, &dir.path().join("none"), state.clock.now().utc).await.unwrap();
    let mut changes = state.changes.subscribe();

    let open = |client: ClientId| {
        let options = mqtt_link::Options {
            config: broker.config(client),
            client_id: client.to_string(),
            subscriptions: vec![Topic::down_filter(client)],
            will: None,
            keep_alive: mqtt_link::KEEP_ALIVE,
            manual_ack: false,
        };
        Link::open(options, &state.tasks, shutdown.clone()).unwrap()
    };
    let (bridge, mut from_bridge) = open(ids::BRIDGE.into());
    let (robot, mut from_robot) = open(ids::ROBIN.into());
    for events in [&mut from_bridge, &mut from_robot] {
        let connected = tokio::time::timeout(Duration::from_secs(10), events.recv()).await.unwrap();
        assert!(matches!(connected, Some(Event::Connected)), "{connected:?}");
    }
    let now = state.clock.now();
    let hello = |role, http_base| HelloMessage { http_base, ..HelloMessage::new(role, Status::Here, "1", now.utc) };
    let said = |body| Envelope::new(now, Uuid::nil(), body).to_bytes();
    bridge
        .publish(Topic::new(ids::BRIDGE, Kind::Hello), said(hello(Role::Bridge, Some("http://bridge".into()))))
        .await
        .unwrap();
    robot.publish(Topic::new(ids::ROBIN, Kind::Hello), said(hello(Role::Robot, None))).await.unwrap();
    let grant: GrantMessage = next(&mut from_robot, Kind::Grant).await;
    assert_eq!(grant.whip_url, format!("http://bridge/whip/{}", ids::ROBIN));

    let (_, fact) = message(2, -600, 300, now.utc);
    bridge.publish(Topic::new(ids::BRIDGE, Kind::Presence), fact).await.unwrap();
    let ack: AckMessage = next(&mut from_bridge, Kind::Ack).await;
    assert_eq!((ack.through, ack.gaps), (2, vec![(1, 1)]));
    let held = state.store.presence_of_pupil(ids::ADA, now.utc - TimeDelta::minutes(20), now.utc).await.unwrap();
    assert!(held.iter().any(|row| row.span_ms == 300_000), "what is acknowledged is committed");
    let (_, fact) = message(1, -600, 300, now.utc);
    bridge.publish(Topic::new(ids::BRIDGE, Kind::Presence), fact).await.unwrap();
    let ack: AckMessage = next(&mut from_bridge, Kind::Ack).await;
    assert_eq!((ack.through, ack.gaps), (2, vec![]));
    let mut heard = Vec::new();
    while let Ok(change) = changes.try_recv() {
        heard.push(change);
    }
    assert!(heard.contains(&Change::Pupil(ids::ADA)) && heard.contains(&Change::Robot(ids::ROBIN)), "{heard:?}");

    shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(5), running.wait()).await.expect("the server drains in time");
}
