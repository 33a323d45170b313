//! The media engine: what the driver needs of it, and nothing of how it works.
//!
//! A fixed number of media threads, each with one UDP socket, its connections of the one TCP port and one timer heap, end WebRTC
//! on both legs of a session and forward encoded payloads untouched. Both legs of a robot live on one thread, so media needs no lock and no channel.
//! The engine decides nothing about permission, presence or tiers: it executes, measures and reports. It records nothing and
//! never parses a payload.
//!
//! Commands reach a thread through a bounded queue and a waker; events come back through the bounded queue the driver gave:
//! a full queue loses [`MediaEvent::Second`] and [`MediaEvent::Text`] (the next second replaces the lost one), while life-cycle
//! events are kept on the thread, at most a handful per leg, until there is room.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bridge_core::offer::{self, OfferError};
use protocol::{LegQuality, RobotId};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use tcp::door::Door;
use worker::{Command, WorkerHandle};

mod address;
mod arrival;
mod batch;
mod channel;
mod checks;
mod downlink;
mod dtls;
mod feedback;
#[cfg(test)]
mod fuzz;
mod gaps;
mod gate;
mod header;
mod hello;
mod hub;
mod leg;
mod memory;
mod outbox;
mod path;
mod probe;
mod relay;
mod repair;
mod rtcp;
mod srtp;
mod stream;
mod stun;
mod tally;
mod tcp;
mod window;
mod worker;
mod yielding;

/// How long a command may take to be answered by its media thread, which normally needs microseconds.
const COMMAND_DEADLINE: Duration = Duration::from_secs(2);

/// Where the engine listens and what it tells clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MediaConfig {
    /// Address the UDP sockets are bound to; `0.0.0.0` for all of IPv4, `::` for all of both.
    pub bind: IpAddr,
    /// Port of the first thread's socket; thread `i` uses `port + i`. 0 takes any free port for each.
    pub port: u16,
    /// Whether media is taken by TCP too (ICE-TCP), for networks that let no UDP through.
    pub tcp: bool,
    /// The one TCP port. 0: the number of `port`.
    pub tcp_port: u16,
    /// Number of media threads; one serves about 300 sessions on a small core.
    pub threads: u16,
    /// Addresses clients can reach, the best first. Empty: the bound address, or those of this machine.
    pub public_addresses: Vec<IpAddr>,
    /// A leg from which nothing came for this long is reported [`MediaEvent::Silent`].
    #[serde(with = "humantime_serde")]
    pub silent_after: Duration,
    /// A leg that is not connected after this long is closed.
    #[serde(with = "humantime_serde")]
    pub connect_within: Duration,
    /// Most legs one thread keeps; further offers are refused with [`MediaError::Full`].
    pub max_legs: u16,
    /// A thread that uses this much of its core, in per cent, takes nobody new: a picture's packets come in bursts, and those need the rest.
    pub max_busy_pct: u8,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            bind: IpAddr::from([0, 0, 0, 0]),
            port: 8189,
            tcp: true,
            tcp_port: 0,
            threads: 1,
            public_addresses: Vec::new(),
            silent_after: Duration::from_secs(5),
            connect_within: Duration::from_secs(20),
            max_legs: 1000,
            max_busy_pct: 85,
        }
    }
}

impl MediaConfig {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// One sentence that says what to change.
    pub fn validate(&self) -> Result<(), String> {
        if !(1..=64).contains(&self.threads) {
            return Err(format!("media.threads is {}; give a number from 1 to 64", self.threads));
        }
        if self.port != 0 && self.port.checked_add(self.threads - 1).is_none() {
            return Err(format!("media.port {} leaves no room for {} threads; lower it", self.port, self.threads));
        }
        if self.public_addresses.iter().any(IpAddr::is_unspecified) {
            return Err("media.public_addresses holds 0.0.0.0 or ::; name addresses that clients can reach".into());
        }
        if self.silent_after < Duration::from_secs(1) || self.connect_within < Duration::from_secs(1) {
            return Err("media.silent_after and media.connect_within must be at least 1s".into());
        }
        if !(1..=100).contains(&self.max_busy_pct) {
            return Err(format!("media.max_busy_pct is {}; give a share of a core from 1 to 100 per cent", self.max_busy_pct));
        }
        if self.max_legs < 2 {
            return Err("media.max_legs must be at least 2, one leg for a robot and one for a pupil".into());
        }
        Ok(())
    }
}

/// One peer connection, for as long as the process runs. Never used again after [`MediaEvent::Closed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegId(pub u64);

impl std::fmt::Display for LegId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Which of a robot's two legs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Party {
    /// The robot, which came by WHIP.
    Publisher,
    /// The pupil or a plain viewer, who came by WHEP.
    Subscriber,
}

/// Whether a subscriber's sound and texts reach the robot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Talk {
    /// A pupil: sound and texts are forwarded.
    Forward,
    /// A plain viewer: nothing of it reaches the robot, whatever it sends.
    Refuse,
}

/// The engine's side of a negotiation.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The new leg.
    pub leg: LegId,
    /// The SDP answer, complete with candidates.
    pub sdp: String,
}

/// Why a leg is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// [`Engine::close`].
    Asked,
    /// A newer leg of the same robot and party took its place; a robot's that was heard, when that was connected.
    Replaced,
    /// The remote end said goodbye.
    Left,
    /// It was not connected within [`MediaConfig::connect_within`].
    NeverConnected,
    /// The handshake failed, for one because the certificate is not the one in the offer.
    Refused,
    /// The publisher now sends a codec this subscriber did not agree to; a new offer helps.
    CodecChanged,
    /// It sent a packet that a parser gave up on.
    Broken,
    /// The engine stops.
    Stopped,
}

/// What happened on a media thread.
#[derive(Clone, Debug)]
pub enum MediaEvent {
    /// Media can flow. Once per leg.
    Connected {
        /// Which robot.
        robot: RobotId,
        /// Which leg.
        leg: LegId,
        /// Which side.
        party: Party,
    },
    /// The control channel is open: [`Engine::send_text`] reaches the other end.
    ChannelOpen {
        /// Which leg.
        leg: LegId,
    },
    /// The control channel was closed, by the other end or because it sent a text that is too long.
    ChannelClosed {
        /// Which leg.
        leg: LegId,
    },
    /// A copy of a text that came from this leg; it is already on its way to the other one.
    Text {
        /// Which leg sent it.
        leg: LegId,
        /// At most [`protocol::control::MAX_CONTROL_BYTES`] bytes.
        text: String,
    },
    /// Nothing came from a connected leg for [`MediaConfig::silent_after`].
    Silent {
        /// Which leg.
        leg: LegId,
    },
    /// Something came again.
    Back {
        /// Which leg.
        leg: LegId,
    },
    /// The leg is gone; its id will not be heard again.
    Closed {
        /// Which leg.
        leg: LegId,
        /// Why.
        why: Why,
    },
    /// What the second that just passed brought, for each robot with a leg.
    Second(Box<Second>),
}

/// What the tables of the media threads hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Legs, connected or not yet.
    pub legs: usize,
    /// Addresses that lead to a leg.
    pub addresses: usize,
    /// How much of a core the busiest of them used lately, and waited for up to as much again; 0 where the system does not tell.
    pub busy_pct: usize,
    /// Legs of that one.
    pub busy_legs: usize,
}

/// One second of one robot.
#[derive(Clone, Debug)]
pub struct Second {
    /// Which robot.
    pub robot: RobotId,
    /// The robot's leg, if there is one.
    pub publisher: Option<LegSecond>,
    /// The pupil's leg, if there is one.
    pub subscriber: Option<LegSecond>,
}

/// One second of one leg.
#[derive(Clone, Copy, Debug)]
pub struct LegSecond {
    /// Which leg.
    pub leg: LegId,
    /// Connected, and not silent at the second's end.
    pub live: bool,
    /// Video packets received from it, repairs not counted.
    pub video_received: u32,
    /// Video packets forwarded to it, repairs not counted.
    pub video_sent: u32,
    /// Pictures of which the first packet was forwarded to it: what has a newer timestamp than all before.
    pub pictures_sent: u32,
    /// Sound packets received from it.
    pub audio_received: u32,
    /// Sound packets forwarded to it.
    pub audio_sent: u32,
    /// Sound packets received from it that carry more than silence, by their announced level or their size.
    pub voice_received: u32,
    /// It told about its reception within this second (any authenticated RTCP report), or answered that it is there.
    pub reports: bool,
    /// It has sent transport feedback on sound alone, or answered when it was asked, and so says something every second in which anything
    /// arrives.
    pub feedback: bool,
    /// The other leg is held to what this one's network takes.
    pub is_narrow: bool,
    /// How good the leg is.
    pub quality: LegQuality,
}

/// Why the engine did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// The offer cannot be accepted.
    #[error("the offer was refused: {0}")]
    Offer(#[from] OfferError),
    /// The leg is not there (any more).
    #[error("the media leg is gone")]
    Gone,
    /// [`MediaConfig::max_legs`] is reached.
    #[error("the bridge serves as many connections as it may; try again later")]
    Full,
    /// The media thread has more commands waiting than it may, or did not answer in time.
    #[error("the media thread is busy; try again in a second")]
    Busy,
    /// The engine has stopped.
    #[error("the media engine has stopped")]
    Stopped,
    /// A socket could not be opened.
    #[error("could not open {transport} {address}; choose another {key} or media.bind")]
    Bind {
        /// UDP or TCP.
        transport: &'static str,
        /// Which setting names the port.
        key: &'static str,
        /// What was tried.
        address: std::net::SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Something of the operating system or the cryptography was refused at start.
    #[error("could not start the media engine: {attempted}")]
    Start {
        /// What was attempted.
        attempted: &'static str,
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A handle on the running engine; clones share it. The threads end after [`Engine::stop`].
#[derive(Clone)]
pub struct Engine {
    workers: Arc<[WorkerHandle]>,
    door: Option<Arc<Door>>,
}

impl Engine {
    /// Opens the sockets and starts the media threads. Give the event queue room for a few hundred events.
    ///
    /// # Errors
    /// A port is taken, or the system refuses a thread or a certificate.
    pub fn start(config: MediaConfig, events: mpsc::Sender<MediaEvent>) -> Result<Self, MediaError> {
        let (workers, door) = worker::start(&config, &events)?;
        Ok(Self { workers: workers.into(), door: door.map(Arc::new) })
    }

    /// Where TCP connections are taken, if they are.
    #[must_use]
    pub fn tcp_address(&self) -> Option<std::net::SocketAddr> {
        self.door.as_ref().map(|door| door.local)
    }

    /// The addresses the sockets are bound to, in thread order.
    #[must_use]
    pub fn local_addresses(&self) -> Vec<std::net::SocketAddr> {
        self.workers.iter().map(|worker| worker.local).collect()
    }

    /// Accepts a robot's offer. A publisher of the same robot that is still there is closed as [`Why::Replaced`] when the new one is
    /// connected; at once if it is not heard. For so long a robot may have one leg more than [`MediaConfig::max_legs`] has room for.
    ///
    /// # Errors
    /// The offer is not usable, or the engine is full, busy or stopped.
    pub async fn publish(&self, robot: RobotId, offer: String) -> Result<Answer, MediaError> {
        let offer = offer::screen(&offer, offer::Role::Publisher)?;
        self.add(robot, Party::Publisher, Talk::Forward, offer).await
    }

    /// Accepts a viewer's offer. A subscriber of the same robot that is still there is closed as [`Why::Replaced`]; the
    /// driver decides beforehand whether that is allowed.
    ///
    /// # Errors
    /// The offer is not usable, or the engine is full, busy or stopped.
    pub async fn subscribe(&self, robot: RobotId, offer: String, talk: Talk) -> Result<Answer, MediaError> {
        let offer = offer::screen(&offer, offer::Role::Subscriber)?;
        self.add(robot, Party::Subscriber, talk, offer).await
    }

    /// Takes a body of type `application/trickle-ice-sdpfrag` (RFC 9725 §4.3). Candidates need no answer, because an
    /// ICE-lite end waits for checks: `None`. New credentials are an ICE restart: the fragment to answer with.
    ///
    /// # Errors
    /// The fragment is not readable, or the leg is gone.
    pub async fn trickle(&self, leg: LegId, fragment: String) -> Result<Option<String>, MediaError> {
        let fragment = offer::fragment(&fragment)?;
        let Some(remote) = fragment else { return Ok(None) };
        let (reply, answer) = oneshot::channel();
        self.worker_of(leg).try_send(Command::Restart { leg, remote, reply })?;
        await_reply(answer).await
    }

    /// Ends a leg. Unknown legs are ignored; a known one is reported [`MediaEvent::Closed`].
    pub fn close(&self, leg: LegId) {
        self.worker_of(leg).send(Command::Close { leg });
    }

    /// Sends a text on the leg's control channel, or keeps it until the channel opens (64 texts, the oldest is dropped).
    pub fn send_text(&self, leg: LegId, text: String) {
        self.worker_of(leg).send(Command::Text { leg, text });
    }

    /// Asks the robot for a fresh picture; at most two requests a second go out.
    pub fn request_key_frame(&self, robot: RobotId) {
        self.worker_for(robot).send(Command::KeyFrame { robot });
    }

    /// How many media threads do not answer within two seconds, and what the others keep together. Ask every few seconds.
    pub async fn look(&self) -> (usize, Held) {
        let pings = self.workers.iter().map(|worker| {
            let (reply, answer) = oneshot::channel();
            let sent = worker.try_send(Command::Ping { reply });
            async move {
                sent.ok()?;
                tokio::time::timeout(COMMAND_DEADLINE, answer).await.ok()?.ok()
            }
        });
        let answers = futures_util::future::join_all(pings).await;
        let held = answers.iter().flatten().fold(Held::default(), |sum, held| {
            let (busy_pct, busy_legs) = (sum.busy_pct, sum.busy_legs).max((held.busy_pct, held.busy_legs));
            Held { legs: sum.legs + held.legs, addresses: sum.addresses + held.addresses, busy_pct, busy_legs }
        });
        (answers.iter().filter(|answer| answer.is_none()).count(), held)
    }

    /// Closes every leg and ends the threads. Returns when they have said goodbye, within two seconds.
    pub async fn stop(&self) {
        if let Some(door) = &self.door {
            door.close();
        }
        for worker in self.workers.iter() {
            let (reply, done) = oneshot::channel();
            if worker.try_send(Command::Stop { reply }).is_ok() {
                let _ = tokio::time::timeout(COMMAND_DEADLINE, done).await;
            }
        }
    }

    async fn add(&self, robot: RobotId, party: Party, talk: Talk, offer: offer::Offer) -> Result<Answer, MediaError> {
        let (reply, answer) = oneshot::channel();
        let worker = self.worker_for(robot);
        worker.try_send(Command::Add { robot, party, talk, offer: Box::new(offer), reply })?;
        await_reply(&mut Waiting { worker, answer }.answer).await
    }

    /// Both legs of a robot are on one thread, and a leg's id says which.
    fn worker_for(&self, robot: RobotId) -> &WorkerHandle {
        let bytes = robot.0.as_u128();
        let index = bytes % self.workers.len() as u128;
        &self.workers[usize::try_from(index).expect("smaller than the number of threads")]
    }

    fn worker_of(&self, leg: LegId) -> &WorkerHandle {
        let index = leg.0 % self.workers.len() as u64;
        &self.workers[usize::try_from(index).expect("smaller than the number of threads")]
    }
}

/// Somebody who waits for the answer to an offer. If they are gone first, so is a leg that was made for it in the same moment.
struct Waiting<'a> {
    worker: &'a WorkerHandle,
    answer: oneshot::Receiver<Result<Answer, MediaError>>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        // From here on the thread sees that nobody waits; what it had sent before is found.
        self.answer.close();
        if let Ok(Ok(answer)) = self.answer.try_recv() {
            self.worker.send(Command::Close { leg: answer.leg });
        }
    }
}

async fn await_reply<T>(
    answer: impl Future<Output = Result<Result<T, MediaError>, oneshot::error::RecvError>>,
) -> Result<T, MediaError> {
    match tokio::time::timeout(COMMAND_DEADLINE, answer).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(MediaError::Stopped),
        Err(_) => Err(MediaError::Busy),
    }
}
