//! Northbound: hello and last will, link quality, acknowledgements in.
//!
//! Durable facts are sent by `outbox.rs` over the same [`Link`]. What is sent here may be lost: hello, with load and outbox, and link
//! quality are said again every few seconds.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use mqtt_link::{Event, Link, LinkError, Options, PublishError};
use protocol::{
    AckMessage, BridgeId, BridgeLoad, Clock, EndMessage, Envelope, HelloMessage, Kind, LinkMessage, OutboxState, Percent, Role,
    Status as Presence, Topic,
};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::Config;
use crate::driver::Handle;
use crate::observe::Status;
use crate::outbox::Notice;

/// Link messages that may wait; further ones are dropped, for newer ones follow.
pub const LINK_QUEUE: usize = 256;
/// Link messages on their way at once.
const LINKS_AT_ONCE: usize = 32;
/// How often a hello is tried on one connection.
const HELLO_ATTEMPTS: u32 = 3;
/// Hello is said this often.
const HELLO_EVERY: Duration = Duration::from_secs(5);
/// The broker says that the bridge is gone after one and a half of this: 6 s without a word.
const KEEP_ALIVE: Duration = Duration::from_secs(4);
/// Notices that may wait for the outbox.
pub const NOTICE_QUEUE: usize = 64;
/// Of these, for the connection's coming and going; acknowledgements beyond are dropped, for the next one says the same and more.
const NOTICE_RESERVE: usize = 8;

/// The connection, before it runs.
pub struct Northbound {
    link: Link,
    events: mpsc::Receiver<Event>,
    bridge: BridgeId,
    hello: HelloMessage,
    /// Names this process in envelopes without a number.
    life: Uuid,
    clock: Arc<dyn Clock>,
    status: Arc<Status>,
    capacity: u32,
}

impl Northbound {
    /// Starts connecting in the background.
    ///
    /// # Errors
    /// The configuration is not usable.
    pub fn open(
        config: &Config,
        clock: Arc<dyn Clock>,
        status: Arc<Status>,
        tracker: &TaskTracker,
        shutdown: CancellationToken,
    ) -> Result<Self, LinkError> {
        let now = clock.now();
        let life = Uuid::now_v7();
        // The will is fixed when the connection is configured, so hello and will both say when that was: "gone" is then never
        // older than "here".
        let hello = hello(config, now.utc, Presence::Here);
        let gone = HelloMessage { status: Presence::Gone, ..hello.clone() };
        let will = Envelope::new(now, life, gone).to_bytes();
        let options = Options {
            config: config.mqtt_signed_in(),
            // Whoever connects with the same id takes the connection over: ours cannot be guessed.
            client_id: format!("bridge-{}-{}", config.bridge_id, Uuid::new_v4().as_simple()),
            subscriptions: vec![Topic::down_filter(config.bridge_id)],
            will: Some((Topic::new(config.bridge_id, Kind::Hello), will)),
            keep_alive: KEEP_ALIVE,
            manual_ack: false,
        };
        let (link, events) = Link::open(options, tracker, shutdown)?;
        let capacity = config.limits.robots;
        Ok(Self { link, events, bridge: config.bridge_id, hello, life, clock, status, capacity })
    }

    /// The handle on which the outbox publishes.
    #[must_use]
    pub fn link(&self) -> Link {
        self.link.clone()
    }

    /// Runs until `quality` is closed, then says that the bridge is gone.
    pub async fn run(mut self, mut quality: mpsc::Receiver<LinkMessage>, notices: mpsc::Sender<Notice>, driver: Handle) {
        let mut publishing = FuturesUnordered::new();
        let mut is_connected = false;
        let mut hello_due = tokio::time::interval(HELLO_EVERY);
        hello_due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // Without a broker they are dropped; while it is busy they wait in the queue.
                message = quality.recv(), if !is_connected || publishing.len() < LINKS_AT_ONCE => {
                    let Some(message) = message else { break };
                    if is_connected {
                        publishing.push(self.publish(Kind::Link, message));
                    }
                }
                Some(()) = publishing.next() => {}
                _ = hello_due.tick(), if is_connected && publishing.len() < LINKS_AT_ONCE => {
                    publishing.push(self.publish(Kind::Hello, self.hello_now()));
                }
                event = self.events.recv() => match event {
                    Some(Event::Connected) => {
                        is_connected = true;
                        self.status.set_broker_connected(true);
                        tracing::info!("connected to the broker");
                        hello_due.reset();
                        publishing.push(self.publish(Kind::Hello, self.hello_now()));
                        let _ = notices.send(Notice::Connected).await;
                    }
                    Some(Event::Disconnected) => {
                        is_connected = false;
                        self.status.set_broker_connected(false);
                        let _ = notices.send(Notice::Disconnected).await;
                    }
                    Some(Event::Message(message)) => {
                        let received = self.clock.now().monotonic;
                        match self.heard(&message.topic, &message.payload) {
                            Some(Heard::Ack(ack)) if notices.capacity() > NOTICE_RESERVE => {
                                let _ = notices.try_send(Notice::Acked { ack, received });
                            }
                            Some(Heard::Ack(_)) => tracing::debug!("the outbox is behind: an acknowledgement is dropped"),
                            Some(Heard::End(end)) if driver.withdraw(end.sent_at, end.body).await.is_err() => {
                                tracing::error!("a withdrawn permission was not heard: the bridge is too busy");
                            }
                            Some(Heard::End(_)) | None => {}
                        }
                    }
                    None => break,
                },
            }
        }
        drop(publishing);
        if is_connected {
            let gone = HelloMessage { status: Presence::Gone, ..self.hello.clone() };
            let said = self.publish(Kind::Hello, gone);
            let _ = tokio::time::timeout(Duration::from_millis(500), said).await;
        }
    }

    /// Publishes something that may be lost.
    fn publish<T: serde::Serialize>(&self, kind: Kind, body: T) -> BoxFuture<'static, ()> {
        let payload = Envelope::new(self.clock.now(), self.life, body).to_bytes();
        let (link, topic) = (self.link.clone(), Topic::new(self.bridge, kind));
        // Without its hello nobody can find the bridge; link quality is said again anyway.
        let attempts = if kind == Kind::Hello { HELLO_ATTEMPTS } else { 1 };
        Box::pin(async move {
            for _ in 0..attempts {
                match link.publish(topic, payload.clone()).await {
                    Ok(()) => return,
                    Err(PublishError::Refused { reason, .. }) => {
                        tracing::error!(
                            kind = kind.as_str(),
                            reason,
                            "the broker refuses messages of this bridge: check its access rules"
                        );
                        return;
                    }
                    Err(error) => tracing::debug!(kind = kind.as_str(), %error, "a message was not sent"),
                }
            }
        })
    }

    /// "Here", with what the bridge carries and what waits.
    fn hello_now(&self) -> HelloMessage {
        let (robots, sessions) = self.status.counts();
        let few = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let draining = self.status.is_draining();
        let load = BridgeLoad {
            robots: few(robots),
            sessions: few(sessions),
            capacity: self.capacity,
            draining,
            busy_pct: self.status.load_pct().map(|pct| Percent::saturating(u8::try_from(pct).unwrap_or(u8::MAX))),
        };
        let outbox = self.status.outbox();
        let state = OutboxState {
            waiting: outbox.waiting,
            oldest_at: outbox.oldest,
            full_pct: Percent::saturating(u8::try_from(outbox.full_pct).unwrap_or(u8::MAX)),
            failing: outbox.is_failing,
        };
        HelloMessage { load: Some(load), outbox: Some(state), ..self.hello.clone() }
    }

    /// What a message of the server says, if it is for this bridge.
    fn heard(&self, topic: &str, payload: &[u8]) -> Option<Heard> {
        let kind = Topic::parse(topic).ok().filter(|topic| topic.client == self.bridge.into()).map(|topic| topic.kind);
        match kind {
            Some(Kind::Ack) => read(payload).map(|envelope| Heard::Ack(envelope.body)),
            Some(Kind::End) => read(payload).map(Heard::End),
            _ => {
                tracing::debug!("a message that is not for this bridge is ignored");
                None
            }
        }
    }
}

/// What the server says to a bridge.
enum Heard {
    Ack(AckMessage),
    End(Envelope<EndMessage>),
}

fn read<T: DeserializeOwned>(payload: &[u8]) -> Option<Envelope<T>> {
    Envelope::from_bytes(payload)
        .inspect_err(|error| tracing::warn!(%error, "a message of the server cannot be read: are both of the same version?"))
        .ok()
}

fn hello(config: &Config, connected_at: DateTime<Utc>, status: Presence) -> HelloMessage {
    HelloMessage {
        http_base: Some(config.http_base.clone()),
        public_base: Some(config.public_base.clone()),
        ..HelloMessage::new(Role::Bridge, status, env!("CARGO_PKG_VERSION"), connected_at)
    }
}
