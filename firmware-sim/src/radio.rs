//! Everything of the robot that needs its Wi-Fi: the broker, the bridge, and the media between.
//!
//! A radio is a small runtime of its own. Losing Wi-Fi is dropping it: sockets are gone in the middle of whatever they did, no
//! farewell is said, and broker and bridge find out as they would with a real robot. The body (`driver.rs`) lives outside.

mod bridge;
mod broker;
mod grants;
mod media;
mod next;
mod peer;
mod rtp;
mod uplink;
mod whip;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use protocol::control::{ControlMessage, VoiceLevel};
use protocol::{BridgeId, Clock, Command, Kind, SessionId, Status};
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::config::Config;
use crate::robot::{Flow, Narrow};

pub(crate) use media::Sources;

use grants::Grants;

/// How long the radio may take to say goodbye.
const FAREWELL: Duration = Duration::from_secs(2);
/// Texts for the data channel that may wait; further ones are dropped, for state is told again within 2 s.
const CONTROL_QUEUE: usize = 32;
/// Messages for the broker that may wait; further ones are dropped, for measurements are replaced by the next.
const PUBLISH_QUEUE: usize = 64;

/// Reads what the radio will need once, so that a mistake shows at start.
pub(crate) fn check(config: &Config) -> anyhow::Result<()> {
    whip::client(config).map(drop)
}

/// What the radio tells the body.
#[derive(Debug)]
pub(crate) enum Heard {
    /// The broker is there, or gone.
    Broker(bool),
    /// The bridge is there, or gone.
    Bridge(bool),
    /// The server asks for something.
    Command(Command),
    /// Something came on the data channel.
    Control(ControlMessage),
    /// How loud the pupil's voice was.
    Voice(Option<f32>),
    /// The network that holds the picture down, if one does.
    Narrow(Option<Narrow>),
}

/// What the body tells camera, microphone and speaker.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Outlook {
    /// What may be on.
    pub wants: Flow,
    /// A pupil is here: not the time to change the bridge.
    pub has_pupil: bool,
    /// The visit it was woken for last.
    pub visit: Option<SessionId>,
    /// Where the head points.
    pub pan_deg: f32,
    /// Where the head points.
    pub tilt_deg: f32,
    /// How loud the speaker is.
    pub level: VoiceLevel,
}

/// What has left the robot since it started.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub pictures: AtomicU64,
    pub sounds: AtomicU64,
    pub key_requests: AtomicU64,
    /// Pictures leave only now and then, because the network takes no more.
    pub are_stills: AtomicBool,
}

impl Counters {
    pub fn pictures(&self) -> u64 {
        self.pictures.load(Ordering::Relaxed)
    }

    pub fn sounds(&self) -> u64 {
        self.sounds.load(Ordering::Relaxed)
    }

    pub fn key_requests(&self) -> u64 {
        self.key_requests.load(Ordering::Relaxed)
    }
}

/// What every part of the radio needs. Each radio has its own, so that nothing said to an earlier one reaches the body.
pub(crate) struct Parts {
    pub config: Arc<Config>,
    pub clock: Arc<dyn Clock>,
    pub epoch: Uuid,
    pub sources: Arc<Sources>,
    pub counters: Arc<Counters>,
    pub outlook: watch::Receiver<Outlook>,
    pub heard: mpsc::Sender<Heard>,
}

impl Parts {
    /// Hands something to the body. If it is hopelessly behind, the event is dropped: state is told again.
    pub fn tell(&self, heard: Heard) {
        if self.heard.try_send(heard).is_err() {
            tracing::warn!(robot.id = %self.config.robot_id, "the robot's body is behind: an event was dropped");
        }
    }
}

/// What the parts of one radio share with each other.
struct Wires {
    grants: watch::Sender<Grants>,
    /// What hello says about bridges; said again when it changes.
    standing: watch::Sender<Standing>,
    /// The grant at hand is no use: say hello again, so that the server sends a new one.
    ask: Notify,
    /// A bridge could not be reached by UDP alone.
    needs_tcp: AtomicBool,
    status: watch::Sender<Status>,
    shutdown: CancellationToken,
    tracker: TaskTracker,
}

/// Where the robot stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Standing {
    /// The bridge that it is connected to.
    bridge: Option<BridgeId>,
    /// Those that it could not reach of late.
    cannot_reach: Vec<BridgeId>,
}

/// A radio that is on.
pub(crate) struct Radio {
    /// There until it is dropped.
    runtime: Option<tokio::runtime::Runtime>,
    wires: Arc<Wires>,
    control: mpsc::Sender<String>,
    publish: mpsc::Sender<(Kind, Vec<u8>)>,
}

impl Radio {
    /// Turns it on: it connects to the broker, says hello, and publishes to the bridge that the server names.
    pub fn on(parts: &Arc<Parts>) -> std::io::Result<Self> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("robot").enable_all().build()?;
        let (control, control_queue) = mpsc::channel(CONTROL_QUEUE);
        let (publish, publish_queue) = mpsc::channel(PUBLISH_QUEUE);
        let wires = Arc::new(Wires {
            grants: watch::Sender::new(Grants::default()),
            standing: watch::Sender::new(Standing::default()),
            ask: Notify::new(),
            needs_tcp: AtomicBool::new(false),
            status: watch::Sender::new(Status::Gone),
            shutdown: CancellationToken::new(),
            tracker: TaskTracker::new(),
        });
        let (broker, bridge) = (
            broker::run(Arc::clone(parts), Arc::clone(&wires), publish_queue),
            bridge::run(Arc::clone(parts), Arc::clone(&wires), control_queue),
        );
        wires.tracker.spawn_on(broker, runtime.handle());
        wires.tracker.spawn_on(bridge, runtime.handle());
        Ok(Self { runtime: Some(runtime), wires, control, publish })
    }

    /// Sends a text on the data channel, if there is one.
    pub fn send_control(&self, message: &ControlMessage) {
        // Full: the bridge does not take them; the next state replaces this one.
        let _ = self.control.try_send(message.to_text());
    }

    /// Publishes to the broker, now or when it is there.
    pub fn publish(&self, kind: Kind, payload: Vec<u8>) {
        let _ = self.publish.try_send((kind, payload));
    }

    /// Says goodbye with `status`, leaves broker and bridge in order, and turns the radio off.
    pub async fn close(self, status: Status) {
        self.wires.status.send_replace(status);
        self.wires.shutdown.cancel();
        self.wires.tracker.close();
        let _ = tokio::time::timeout(FAREWELL, self.wires.tracker.wait()).await;
        self.cut();
    }

    /// Turns the radio off in the middle of everything.
    pub fn cut(self) {}
}

impl Drop for Radio {
    fn drop(&mut self) {
        // Dropped by itself a runtime waits, which it may not do inside another, as where the whole robot is abandoned.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
