//! A bridge on free ports with its keys, its folder and, where a test wants one, a broker with a server that acknowledges.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bridge::config::{IceServer, MediaConfig, OutboxConfig};
use bridge::{Config, Running};
use chrono::{DateTime, TimeDelta, Utc};
use mqtt_link::{Event, Link, MqttConfig, Options};
use protocol::{
    AckMessage, Act, BridgeId, Clock, ClockEcho, DeviceId, EndMessage, Envelope, EventMessage, Grant, GrantSigner,
    HelloMessage, Kind, LinkMessage, PlacementId, PresenceMessage, RobotId, SystemClock, Topic,
};
use reqwest::{Client, Method, RequestBuilder, Response};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// Long enough for a busy machine; conditions are usually met in milliseconds.
pub const SOON: Duration = Duration::from_secs(40);

/// Waits until `check` returns something.
pub async fn eventually<T>(what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let waited = tokio::time::timeout(SOON, async {
        loop {
            if let Some(found) = check().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("waited {SOON:?} for {what}"))
}

/// A folder with keys, and a bridge that runs on it.
pub struct World {
    pub bridge: BridgeId,
    pub robot: RobotId,
    pub clock: Arc<dyn Clock>,
    pub client: Client,
    pub base: String,
    pub folder: Arc<TempDir>,
    config: Config,
    signer: GrantSigner,
    running: Option<Running>,
    shutdown: CancellationToken,
}

impl World {
    /// A bridge without a broker.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// A bridge with a changed configuration.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let public = folder.path().join("grant-public.pem");
        std::fs::write(&public, pair.public_key_pem()).unwrap();
        let bridge = BridgeId::new();
        let mut config = Config {
            bridge_id: bridge,
            grant_public_key: public,
            outbox: OutboxConfig { path: folder.path().join("outbox.db"), ..OutboxConfig::default() },
            media: MediaConfig { bind: IpAddr::from([127, 0, 0, 1]), port: 0, ..MediaConfig::default() },
            // Nothing listens there: the bridge does its work without a broker.
            mqtt: MqttConfig { url: "mqtt://127.0.0.1:9".to_owned(), ..MqttConfig::default() },
            ice_servers: vec![
                IceServer { url: "stun:stun.example.org:3478".into(), username: None, credential: None },
                IceServer {
                    url: "turn:turn.example.org:3478?transport=udp".into(),
                    username: Some("user".into()),
                    credential: Some("secret".into()),
                },
            ],
            ..Config::default()
        };
        change(&mut config);
        let mut world = Self {
            bridge,
            robot: RobotId::new(),
            clock: Arc::new(SystemClock::new()),
            client: Client::new(),
            base: String::new(),
            folder,
            config,
            signer: GrantSigner::from_pem(pair.serialize_pem().as_bytes()).unwrap(),
            running: None,
            shutdown: CancellationToken::new(),
        };
        world.run().await;
        world
    }

    async fn run(&mut self) {
        self.shutdown = CancellationToken::new();
        let running = bridge::start(self.config.clone(), Arc::clone(&self.clock), self.shutdown.clone()).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        self.base = format!("http://{}", listener.local_addr().unwrap());
        let (router, stop) = (running.router.clone(), self.shutdown.clone());
        TaskTracker::new()
            .spawn(async move { axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await });
        self.running = Some(running);
    }

    /// Stops in order and returns how long that took.
    pub async fn stop(&mut self) -> Duration {
        let began = self.clock.now().monotonic;
        self.shutdown.cancel();
        tokio::time::timeout(Duration::from_secs(6), self.running.take().unwrap().wait()).await.expect("drained");
        self.clock.now().monotonic - began
    }

    /// Empties it for maintenance, or opens it again.
    pub async fn drain(&self, draining: bool) {
        self.running.as_ref().unwrap().drain.set(draining).await;
        eventually("the word on maintenance", async || (self.ready().await["media"]["draining"] == draining).then_some(()))
            .await;
    }

    /// Starts again on the same folder.
    pub async fn start_again(&mut self) {
        self.run().await;
    }

    pub fn config(&self) -> Config {
        self.config.clone()
    }

    pub fn outbox_path(&self) -> PathBuf {
        self.config.outbox.path.clone()
    }

    /// Claims that are in order.
    pub fn grant(&self, act: Act) -> Grant {
        let now = self.clock.now().utc;
        Grant {
            aud: self.bridge,
            act,
            robot: self.robot,
            placement: (act == Act::View).then(PlacementId::new),
            device: (act == Act::View).then(DeviceId::new),
            talk: true,
            nbf: now - TimeDelta::seconds(1),
            exp: now + TimeDelta::seconds(60),
            until: now + TimeDelta::seconds(3600),
        }
    }

    pub fn sign(&self, grant: &Grant) -> String {
        self.signer.sign(grant).unwrap()
    }

    pub fn token(&self, act: Act) -> String {
        self.sign(&self.grant(act))
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub fn whip(&self) -> String {
        self.url(&format!("/whip/{}", self.robot))
    }

    pub fn whep(&self) -> String {
        self.url(&format!("/whep/{}", self.robot))
    }

    pub fn request(&self, method: Method, url: &str) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// An offer as a client posts it.
    pub async fn offer(&self, url: &str, token: &str, sdp: impl Into<reqwest::Body>) -> Response {
        self.client.post(url).bearer_auth(token).header("content-type", "application/sdp").body(sdp).send().await.unwrap()
    }

    /// The readiness document.
    pub async fn ready(&self) -> serde_json::Value {
        self.client.get(self.url("/bridge/health/ready")).send().await.unwrap().json().await.unwrap()
    }

    /// Waits for so many connected robots and open sessions.
    pub async fn until_counts(&self, robots: u64, sessions: u64) {
        eventually(&format!("{robots} robots and {sessions} sessions"), async || {
            let ready = self.ready().await;
            (ready["media"]["robots"] == robots && ready["media"]["sessions"] == sessions).then_some(())
        })
        .await;
    }
}

/// Status, the name of the problem and its sentence; checks that it is a whole problem document.
pub async fn problem(response: Response) -> (u16, String, String) {
    let status = response.status().as_u16();
    let kind = response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let text = response.text().await.unwrap();
    assert_eq!(kind, "application/problem+json", "{status}: {text}");
    let body: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(body["status"], status);
    assert!(!body["title"].as_str().unwrap().is_empty());
    let name = body["type"].as_str().unwrap().strip_prefix("urn:windowseat:problem:").unwrap().to_owned();
    let detail = body["detail"].as_str().unwrap().to_owned();
    assert!(detail.len() > 20 && !detail.contains('\n'), "{detail}");
    (status, name, detail)
}

/// A broker in this process that lets everybody do everything.
pub struct Broker {
    pub address: SocketAddr,
    handle: mqtt5::broker::BrokerShutdownHandle,
}

impl Broker {
    pub async fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap()).await
    }

    pub async fn start_at(address: SocketAddr) -> Self {
        use mqtt5::broker::config::{BrokerConfig, StorageBackend, StorageConfig};
        let mut config = BrokerConfig::new().with_bind_address(address);
        config.max_packet_size = 128 * 1024;
        config.storage_config = StorageConfig::new().with_backend(StorageBackend::Memory);
        let broker = mqtt5::broker::MqttBroker::with_config(config).await.unwrap();
        let address = broker.local_addr().unwrap();
        let handle = broker.shutdown_handle();
        let mut broker = broker;
        let mut ready = broker.ready_receiver();
        TaskTracker::new().spawn(async move { broker.run().await });
        ready.wait_for(|ready| *ready).await.unwrap();
        Self { address, handle }
    }

    pub fn url(&self) -> String {
        format!("mqtt://{}", self.address)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.handle.shutdown();
    }
}

/// What a server has been told, merged as the contract says.
#[derive(Default)]
pub struct Told {
    pub hello: Option<HelloMessage>,
    pub links: Vec<LinkMessage>,
    pub events: Vec<EventMessage>,
    pub facts: Vec<PresenceMessage>,
    pub seqs: BTreeMap<Uuid, BTreeSet<u64>>,
    pub copies: BTreeMap<u64, usize>,
}

/// How far the server's clock is ahead of the bridge's, so that nothing works only because they are the same.
pub const SERVER_AHEAD: TimeDelta = TimeDelta::seconds(7);

/// The server's end: hears everything, and acknowledges what `keeps` (of a number, and how often it was heard) lets it keep.
pub struct Server {
    pub told: Arc<Mutex<Told>>,
    link: Link,
    bridge: BridgeId,
    _stop: tokio_util::sync::DropGuard,
}

impl Server {
    pub async fn start(broker: &Broker, bridge: BridgeId, keeps: impl Fn(u64, usize) -> bool + Send + 'static) -> Self {
        Self::start_by(Arc::new(SystemClock::new()), broker, bridge, keeps).await
    }

    /// One whose time is another clock's.
    pub async fn start_by(
        clock: Arc<dyn Clock>,
        broker: &Broker,
        bridge: BridgeId,
        keeps: impl Fn(u64, usize) -> bool + Send + 'static,
    ) -> Self {
        let told = Arc::new(Mutex::new(Told::default()));
        let stop = CancellationToken::new();
        let options = Options {
            config: MqttConfig { url: broker.url(), username: "server".into(), ..MqttConfig::default() },
            client_id: format!("server-{}", Uuid::new_v4()),
            subscriptions: vec![Topic::SERVER_ALL.to_owned()],
            will: None,
            keep_alive: mqtt_link::KEEP_ALIVE,
            manual_ack: false,
        };
        let tracker = TaskTracker::new();
        let (link, mut events) = Link::open(options, &tracker, stop.clone()).unwrap();
        let shared = Arc::clone(&told);
        let answers = link.clone();
        tracker.spawn(async move {
            while let Some(event) = events.recv().await {
                let Event::Message(message) = event else { continue };
                let topic = Topic::parse(&message.topic).unwrap();
                let received_at = clock.now().utc + SERVER_AHEAD;
                let ack = {
                    let mut told = shared.lock().unwrap();
                    match topic.kind {
                        Kind::Hello => {
                            told.hello = Some(Envelope::from_bytes(&message.payload).unwrap().body);
                            None
                        }
                        Kind::Link => {
                            told.links.push(Envelope::from_bytes(&message.payload).unwrap().body);
                            None
                        }
                        Kind::Event => {
                            let envelope = Envelope::<EventMessage>::from_bytes(&message.payload).unwrap();
                            let header = Header::of(&envelope, received_at);
                            told.keep(&header, &keeps, |told| told.events.push(envelope.body))
                        }
                        Kind::Presence => {
                            let envelope = Envelope::<PresenceMessage>::from_bytes(&message.payload).unwrap();
                            let header = Header::of(&envelope, received_at);
                            told.keep(&header, &keeps, |told| told.facts.push(envelope.body))
                        }
                        _ => None,
                    }
                };
                if let Some(ack) = ack {
                    let payload = Envelope::new(clock.now(), Uuid::now_v7(), ack).to_bytes();
                    let _ = answers.publish(Topic::new(bridge, Kind::Ack), payload).await;
                }
            }
        });
        Self { told, link, bridge, _stop: stop.drop_guard() }
    }

    /// The server's time.
    pub fn now(&self) -> DateTime<Utc> {
        SystemClock::new().now().utc + SERVER_AHEAD
    }

    /// Says something to the bridge; returns when the server said it.
    pub async fn say<T: serde::Serialize>(&self, kind: Kind, body: T) -> DateTime<Utc> {
        let sent_at = self.now();
        let envelope = Envelope { sent_at, ..Envelope::new(SystemClock::new().now(), Uuid::now_v7(), body) };
        self.link.publish(Topic::new(self.bridge, kind), envelope.to_bytes()).await.unwrap();
        sent_at
    }

    /// Withdraws what was given to `placement`; returns when.
    pub async fn withdraw(&self, placement: PlacementId) -> DateTime<Utc> {
        self.say(Kind::End, EndMessage { placement, keeps: None }).await
    }
}

/// What the server reads of an envelope.
struct Header {
    epoch: Uuid,
    seq: u64,
    echo: ClockEcho,
}

impl Header {
    fn of<T>(envelope: &Envelope<T>, received_at: DateTime<Utc>) -> Self {
        let seq = envelope.seq.expect("durable kinds are numbered");
        let oldest = envelope.oldest.expect("and say which is the oldest kept");
        assert!((1..=seq).contains(&oldest), "{oldest} is kept, {seq} is sent");
        let echo = ClockEcho { of: envelope.id, mono_ms: envelope.mono_ms, received_at, sent_at: received_at, error_ms: 0 };
        Self { epoch: envelope.epoch, seq, echo }
    }
}

impl Told {
    fn keep(
        &mut self,
        header: &Header,
        keeps: &dyn Fn(u64, usize) -> bool,
        store: impl FnOnce(&mut Self),
    ) -> Option<AckMessage> {
        let Header { epoch, seq, echo } = *header;
        let copy = self.copies.entry(seq).or_default();
        *copy += 1;
        if !keeps(seq, *copy) {
            return None;
        }
        if self.seqs.entry(epoch).or_default().insert(seq) {
            store(self);
        }
        let seqs = &self.seqs[&epoch];
        let through = *seqs.last()?;
        let gaps = (1..=through).filter(|seq| !seqs.contains(seq)).map(|seq| (seq, seq)).collect();
        Some(AckMessage { epoch, through, gaps, clock: Some(echo) })
    }
}
