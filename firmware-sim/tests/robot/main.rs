//! The robot against a real broker (Mosquitto) and a WHIP endpoint made of the same WebRTC library's answering side.

mod broker;
#[expect(clippy::disallowed_methods, reason = "these tasks end with the test")]
mod endpoint;
mod narrow;
#[expect(dead_code, reason = "the bridge's own tests use more of it")]
#[path = "../../../bridge/tests/media/network.rs"]
mod network;
mod next;
mod turn;

use std::sync::Arc;
use std::time::Duration;

use firmware_sim::config::{AudioConfig, Source, VideoConfig};
use firmware_sim::{Config, Running};
use protocol::control::{Control, Feeling, VoiceLevel};
use protocol::{
    BridgeId, Command, CommandMessage, EventKind, GrantMessage, IceServer, Kind, RobotId, SessionId, Status, SystemClock,
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use broker::Broker;
use endpoint::Endpoint;

/// Everything a story needs: broker, server's side of it, bridge's side of WHIP, and the robot.
struct World {
    broker: Broker,
    endpoint: Endpoint,
    robot: RobotId,
    page: String,
    http: reqwest::Client,
    running: Option<Running>,
    shutdown: CancellationToken,
}

/// Longest wait for anything in a story.
const PATIENCE: Duration = Duration::from_secs(20);

#[expect(clippy::disallowed_methods, reason = "for the network between")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// Waits until `look` finds something.
async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, look: impl FnMut() -> F) -> T {
    within(PATIENCE, what, look).await
}

async fn within<T, F: Future<Output = Option<T>>>(span: Duration, what: &str, mut look: impl FnMut() -> F) -> T {
    let deadline = tokio::time::Instant::now() + span;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "waited {span:?} for: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl World {
    async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let broker = Broker::start().await;
        let endpoint = Endpoint::start().await;
        let robot = RobotId::new();
        let mut config = Config { robot_id: robot, ..Config::default() };
        config.mqtt.url = broker.url();
        change(&mut config);
        let shutdown = CancellationToken::new();
        let running = firmware_sim::start(config, Arc::new(SystemClock::new()), shutdown.clone()).await.unwrap();
        let page = format!("http://{}", running.page);
        Self { broker, endpoint, robot, page, http: reqwest::Client::new(), running: Some(running), shutdown }
    }

    /// Waits for the robot's hello and grants it the endpoint.
    async fn admit(&self) {
        self.hello(Status::Here).await;
        self.grant().await;
        eventually("the robot connects", || async { self.endpoint.is_connected().then_some(()) }).await;
        eventually("the page says so", || async { (self.view().await["bridge_here"] == true).then_some(()) }).await;
    }

    async fn grant(&self) {
        self.grant_for(&self.endpoint, None, false).await;
    }

    async fn grant_for(&self, endpoint: &Endpoint, bridge: Option<BridgeId>, move_now: bool) {
        self.publish_grant(GrantMessage { bridge, move_now, ..self.permission(endpoint) }).await;
    }

    async fn grant_with(&self, ice_servers: Vec<IceServer>) {
        self.publish_grant(GrantMessage { ice_servers, ..self.permission(&self.endpoint) }).await;
    }

    fn permission(&self, endpoint: &Endpoint) -> GrantMessage {
        GrantMessage {
            whip_url: endpoint.whip_url(self.robot),
            token: endpoint::TOKEN.to_owned(),
            expires_at: chrono::DateTime::from_timestamp(4_000_000_000, 0).unwrap(),
            bridge: None,
            move_now: false,
            with_pupil: false,
            ice_servers: vec![],
        }
    }

    async fn publish_grant(&self, body: GrantMessage) {
        self.broker.publish(self.robot, Kind::Grant, body).await;
    }

    /// Waits for a hello that names this bridge, and returns its body.
    async fn stands_at(&self, bridge: Option<BridgeId>) -> Value {
        let wanted = bridge.map_or(Value::Null, |bridge| bridge.to_string().into());
        eventually(&format!("hello from bridge {wanted}"), || async {
            let hello = self.broker.latest(self.robot, Kind::Hello)?;
            (hello["body"]["bridge"] == wanted).then(|| hello["body"].clone())
        })
        .await
    }

    async fn command(&self, command: Command) {
        self.broker.publish(self.robot, Kind::Command, CommandMessage { command }).await;
    }

    async fn hello(&self, status: Status) {
        let wanted = serde_json::to_value(status).unwrap();
        eventually(&format!("hello says {status:?}"), || async {
            self.broker.latest(self.robot, Kind::Hello).filter(|hello| hello["body"]["status"] == wanted)
        })
        .await;
    }

    async fn event(&self, what: EventKind) {
        let wanted = serde_json::to_value(what).unwrap();
        eventually(&format!("the event {what:?}"), || async {
            self.broker.all(self.robot, Kind::Event).into_iter().find(|event| event["body"]["what"] == wanted)
        })
        .await;
    }

    async fn view(&self) -> Value {
        self.http.get(format!("{}/state.json", self.page)).send().await.unwrap().json().await.unwrap()
    }

    async fn view_becomes(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        eventually(what, || async {
            let view = self.view().await;
            is(&view).then_some(view)
        })
        .await
    }

    async fn fault(&self, path: &str) {
        let response = self.http.post(format!("{}/fault/{path}", self.page)).send().await.unwrap();
        assert_eq!(response.status(), 204, "{path}");
    }

    async fn wake(&self, session: SessionId) {
        self.endpoint.say(Control::Wake { session }).await;
        eventually("pictures and sound arrive", || async {
            (self.endpoint.video_packets() > 0 && self.endpoint.audio_packets() > 0).then_some(())
        })
        .await;
    }

    async fn end(mut self) {
        self.shutdown.cancel();
        let running = self.running.take().unwrap();
        tokio::time::timeout(Duration::from_secs(4), running.wait()).await.expect("it stops within 4 s");
        self.hello(Status::Gone).await;
        self.broker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pupil_wakes_the_robot_looks_around_is_heard_and_leaves() {
    let world = World::with(|_| {}).await;
    world.admit().await;
    world.event(EventKind::Started).await;
    let offer = world.endpoint.offer();
    assert!(offer.contains("H264/90000") && !offer.contains("VP8"), "{offer}");
    assert!(offer.contains("a=sendonly") && offer.contains("a=sendrecv") && offer.contains("m=application"), "{offer}");

    // Idle: connected, and not a packet of picture or sound.
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!((world.endpoint.video_packets(), world.endpoint.audio_packets()), (0, 0));
    assert_eq!(world.view().await["camera_on"], false);

    let session = SessionId::new();
    world.wake(session).await;
    world.view_becomes("the light goes on", |view| view["camera_on"] == true && view["microphone_on"] == true).await;
    eventually("the picture shows its mark", || async { world.endpoint.mark() }).await;

    let id = world.endpoint.say(Control::Look { pan_deg: 60.0, tilt_deg: 0.0 }).await;
    eventually("the message is acknowledged", || async { world.endpoint.acknowledged(id).then_some(()) }).await;
    eventually("the picture turns", || async { world.endpoint.mark().filter(|mark| mark.pan_deg == 60) }).await;
    eventually("the state says so", || async { world.endpoint.state().filter(|state| state.pan_deg == 60.0) }).await;
    let before = world.endpoint.mark().unwrap().frame;
    eventually("frames go on", || async { world.endpoint.mark().filter(|mark| mark.frame > before + 10) }).await;

    let keys = world.endpoint.key_frames();
    world.endpoint.ask_for_key_frame().await;
    eventually("a key frame comes when asked for", || async { (world.endpoint.key_frames() > keys).then_some(()) }).await;

    world.endpoint.play_tone(true);
    let loud = |least: f64| move |view: &Value| view["hears_dbfs"].as_f64().is_some_and(|dbfs| dbfs > least);
    let normal = world.view_becomes("the robot hears the pupil", loud(-30.0)).await["hears_dbfs"].as_f64().unwrap();
    world.endpoint.say(Control::Voice { level: VoiceLevel::Whisper }).await;
    world
        .view_becomes("a whisper is quieter", |view| view["hears_dbfs"].as_f64().is_some_and(|dbfs| dbfs < normal - 10.0))
        .await;
    eventually("the pupil is told", || async { world.endpoint.state().filter(|state| state.hears_dbfs.is_some()) }).await;
    world.endpoint.play_tone(false);
    world.view_becomes("and then silence", |view| view.get("hears_dbfs").is_none_or(Value::is_null)).await;

    world.endpoint.say(Control::Hand { up: true }).await;
    world.endpoint.say(Control::Feeling { feeling: Feeling::Happy }).await;
    world.event(EventKind::HandRaised).await;
    eventually("the server sees the hand", || async {
        world
            .broker
            .latest(world.robot, Kind::Robot)
            .filter(|robot| robot["body"]["hand_up"] == true && robot["body"]["state"] == "live")
    })
    .await;

    world.endpoint.say(Control::Rest { resting: true }).await;
    world.view_becomes("resting: sound only", |view| view["camera_on"] == false && view["microphone_on"] == true).await;
    world.endpoint.say(Control::Rest { resting: false }).await;
    world.view_becomes("back", |view| view["camera_on"] == true).await;

    world.endpoint.say(Control::Sleep).await;
    world.view_becomes("the light goes off", |view| view["camera_on"] == false && view["microphone_on"] == false).await;
    let sent = (world.endpoint.video_packets(), world.endpoint.audio_packets());
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!((world.endpoint.video_packets(), world.endpoint.audio_packets()), sent, "nothing leaves it");
    let endpoint = world.endpoint.clone();
    world.end().await;
    assert!(endpoint.was_deleted(), "it said goodbye to the bridge");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_teacher_pauses_it_and_it_is_carried() {
    let world = World::with(|_| {}).await;
    world.admit().await;
    world.wake(SessionId::new()).await;
    world.fault("pause").await;
    world
        .view_becomes("paused", |view| view["camera_on"] == false && view["microphone_on"] == false && view["paused"] == true)
        .await;
    world.event(EventKind::Paused).await;
    world.command(Command::Resume).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(world.view().await["paused"], true, "the button in the classroom has the last word");
    world.fault("resume").await;
    world.view_becomes("on again", |view| view["camera_on"] == true).await;
    world.command(Command::Carry).await;
    world.view_becomes("carried", |view| view["camera_on"] == false && view["body"]["state"] == "carried").await;
    let room = protocol::RoomId::new();
    world.command(Command::SetRoom { room }).await;
    world.view_becomes("in its new room", |view| view["camera_on"] == true && view["body"]["room"] == room.to_string()).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_comes_back_after_losing_wifi_and_the_hand_is_still_up() {
    let world = World::with(|_| {}).await;
    world.admit().await;
    let session = SessionId::new();
    world.wake(session).await;
    world.endpoint.say(Control::Hand { up: true }).await;
    world.view_becomes("the hand is up", |view| view["hand_up"] == true).await;

    world.fault("lose_wifi?seconds=2").await;
    world.hello(Status::Gone).await;
    assert_eq!(world.view().await["silence"], "no_wifi");
    let sent = world.endpoint.video_packets();
    world.hello(Status::Here).await;
    world.endpoint.forget_connection();
    world.grant().await;
    eventually("it connects again", || async { world.endpoint.is_connected().then_some(()) }).await;
    assert_eq!(world.endpoint.video_packets(), sent, "nobody woke it: it is off");
    world.endpoint.say(Control::Wake { session }).await;
    world.view_becomes("the same pupil's hand is still up", |view| view["hand_up"] == true && view["camera_on"] == true).await;
    world.endpoint.say(Control::Wake { session: SessionId::new() }).await;
    world.view_becomes("another pupil's is not", |view| view["hand_up"] == false).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn switched_off_by_a_person_it_says_so_and_starts_anew_when_switched_on() {
    let world = World::with(|_| {}).await;
    world.admit().await;
    world.fault("off").await;
    world.hello(Status::OffByPerson).await;
    world.event(EventKind::OffByPerson).await;
    assert_eq!(world.view().await["silence"], "off");
    world.fault("on").await;
    world.hello(Status::Here).await;
    eventually("it started twice", || async {
        let events = world.broker.all(world.robot, Kind::Event);
        (events.iter().filter(|event| event["body"]["what"] == "started").count() == 2).then_some(())
    })
    .await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_permission_makes_it_ask_for_another() {
    let world = World::with(|_| {}).await;
    world.hello(Status::Here).await;
    let hellos = world.broker.all(world.robot, Kind::Hello).len();
    world.endpoint.refuse(true);
    world.grant().await;
    eventually("it says hello again", || async { (world.broker.all(world.robot, Kind::Hello).len() > hellos).then_some(()) })
        .await;
    world.endpoint.refuse(false);
    world.grant().await;
    eventually("the new one is used", || async { world.endpoint.is_connected().then_some(()) }).await;
    world.end().await;
}

/// A bridge that can be killed: everything of it runs here, and is torn away with it.
struct Mortal {
    endpoint: Endpoint,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Mortal {
    async fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let endpoint = runtime.spawn(Endpoint::start()).await.unwrap();
        Self { endpoint, runtime: Some(runtime) }
    }

    fn kill(&mut self) {
        self.runtime.take().expect("alive").shutdown_background();
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_its_bridge_is_killed_it_says_which_and_takes_the_one_it_is_given() {
    let world = World::with(|_| {}).await;
    let (mut first, second) = (Mortal::start().await, BridgeId::new());
    let first_id = BridgeId::new();
    world.hello(Status::Here).await;
    world.grant_for(&first.endpoint, Some(first_id), false).await;
    let hello = world.stands_at(Some(first_id)).await;
    assert!(hello.get("cannot_reach").is_none(), "{hello}");
    first.kill();
    let killed = tokio::time::Instant::now();
    let hello = world.stands_at(None).await;
    let told = killed.elapsed();
    assert_eq!(hello["cannot_reach"], serde_json::json!([first_id]), "{hello}");
    world.grant_for(&world.endpoint, Some(second), false).await;
    let hello = world.stands_at(Some(second)).await;
    println!("killed; told the server after {told:?}; at the other bridge after {:?}", killed.elapsed());
    assert_eq!(hello["cannot_reach"], serde_json::json!([first_id]), "still of late: {hello}");
    eventually("it is connected", || async { world.endpoint.is_connected().then_some(()) }).await;
    world.wake(SessionId::new()).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_permission_for_another_bridge_is_kept_and_used_without_asking_when_the_first_is_killed() {
    let world = World::with(|_| {}).await;
    let mut first = Mortal::start().await;
    let (first_id, second_id) = (BridgeId::new(), BridgeId::new());
    world.hello(Status::Here).await;
    world.grant_for(&first.endpoint, Some(first_id), false).await;
    world.stands_at(Some(first_id)).await;
    world.grant_for(&world.endpoint, Some(second_id), false).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(first.endpoint.is_connected() && !first.endpoint.was_deleted(), "a connection that stands is kept");
    assert!(world.endpoint.offer().is_empty(), "and no other is made");
    first.kill();
    world.stands_at(Some(second_id)).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asked_to_move_it_waits_for_the_pupil_to_leave_and_connects_first() {
    let world = World::with(|_| {}).await;
    let other = Mortal::start().await;
    let (first_id, second_id) = (BridgeId::new(), BridgeId::new());
    world.hello(Status::Here).await;
    world.grant_for(&world.endpoint, Some(first_id), false).await;
    world.stands_at(Some(first_id)).await;
    eventually("its channel", || async { world.endpoint.is_connected().then_some(()) }).await;
    world.wake(SessionId::new()).await;
    world.grant_for(&other.endpoint, Some(second_id), true).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(other.endpoint.offer().is_empty() && !world.endpoint.was_deleted(), "a pupil is not interrupted");
    world.endpoint.say(Control::Sleep).await;
    eventually("it leaves the first", || async { world.endpoint.was_deleted().then_some(()) }).await;
    assert!(!other.endpoint.offer().is_empty(), "the new connection was made first");
    world.stands_at(Some(second_id)).await;
    eventually("the other end sees it too", || async { other.endpoint.is_connected().then_some(()) }).await;
    assert_eq!(world.view().await["bridge_here"], true);
    // It works there.
    other.endpoint.say(Control::Wake { session: SessionId::new() }).await;
    eventually("pictures arrive", || async { (other.endpoint.video_packets() > 0).then_some(()) }).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_replace_the_drawing() {
    let fixture = |name: &str| Some(std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name));
    for (name, codec) in [("ten.ivf", "VP8/90000"), ("ten.h264", "H264/90000")] {
        let world = World::with(|config| {
            config.video = VideoConfig { source: Source::File, file: fixture(name), ..VideoConfig::default() };
            config.audio = AudioConfig { source: Source::File, file: fixture("tone.ogg"), ..AudioConfig::default() };
        })
        .await;
        world.admit().await;
        assert!(world.endpoint.offer().contains(codec));
        world.wake(SessionId::new()).await;
        eventually("the clip goes round", || async { (world.view().await["frames_sent"].as_u64() > Some(12)).then_some(()) })
            .await;
        eventually("its tone is heard", || async { world.endpoint.audio_dbfs().filter(|dbfs| *dbfs > -40.0) }).await;
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rtp_from_a_local_encoder_replaces_the_drawing() {
    let (video_port, audio_port) = (engines::port::free(), engines::port::free());
    let world = World::with(|config| {
        config.video = VideoConfig { source: Source::Rtp, rtp_port: video_port, ..VideoConfig::default() };
        config.audio = AudioConfig { source: Source::Rtp, rtp_port: audio_port, ..AudioConfig::default() };
    })
    .await;
    world.admit().await;
    let encoder = endpoint::LocalEncoder::start(video_port, audio_port);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(world.endpoint.video_packets(), 0, "asleep, nothing is passed on");
    world.wake(SessionId::new()).await;
    eventually("its pictures are decoded", || async { world.endpoint.mark() }).await;
    assert_eq!(world.endpoint.gaps(), 0, "numbers go on without a gap");
    drop(encoder);
    world.end().await;
}

#[tokio::test]
async fn mistakes_show_at_start_with_what_to_do() {
    let start = |config: Config| firmware_sim::start(config, Arc::new(SystemClock::new()), CancellationToken::new());
    let complete = || Config { robot_id: RobotId::new(), ..Config::default() };
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let missing = VideoConfig { source: Source::File, file: Some("none.ivf".into()), ..VideoConfig::default() };
    for (config, says) in [
        (Config::default(), "robot_id"),
        (Config { page: taken.local_addr().unwrap(), ..complete() }, "choose another `page`"),
        (Config { video: missing, ..complete() }, "check the path"),
        (Config { ca_file: Some("none.pem".into()), ..complete() }, "ca_file"),
    ] {
        let error = format!("{:#}", start(config).await.err().expect(says));
        assert!(error.contains(says), "{error}");
    }
}
