//! Northbound: hello and last will, link quality, acknowledgements in.
//!
//! Durable facts are sent by `outbox.rs` over the same [`Link`]. What is sent here may be lost: hello is said again on each
//! connection, link quality every few seconds.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use mqtt_link::{Event, Link, LinkError, Options, PublishError};
use protocol::{AckMessage, BridgeId, Clock, Envelope, HelloMessage, Kind, LinkMessage, Role, Status as Presence, Topic};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::Config;
use crate::observe::Status;
use crate::outbox::Notice;

/// Link messages that may wait; further ones are dropped, for newer ones follow.
pub const LINK_QUEUE: usize = 256;
/// Link messages on their way at once.
const LINKS_AT_ONCE: usize = 32;
/// How often a hello is tried on one connection.
const HELLO_ATTEMPTS: u32 = 3;
/// Notices that may wait for the outbox.
pub const NOTICE_QUEUE: usize = 64;

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
            client_id: format!("bridge-{}", config.bridge_id),
            subscriptions: vec![Topic::down_filter(config.bridge_id)],
            will: Some((Topic::new(config.bridge_id, Kind::Hello), will)),
            manual_ack: false,
        };
        let (link, events) = Link::open(options, tracker, shutdown)?;
        Ok(Self { link, events, bridge: config.bridge_id, hello, life, clock, status })
    }

    /// The handle on which the outbox publishes.
    #[must_use]
    pub fn link(&self) -> Link {
        self.link.clone()
    }

    /// Runs until `quality` is closed, then says that the bridge is gone.
    pub async fn run(mut self, mut quality: mpsc::Receiver<LinkMessage>, notices: mpsc::Sender<Notice>) {
        let mut publishing = FuturesUnordered::new();
        let mut is_connected = false;
        loop {
            tokio::select! {
                message = quality.recv() => {
                    let Some(message) = message else { break };
                    if is_connected && publishing.len() < LINKS_AT_ONCE {
                        publishing.push(self.publish(Kind::Link, message));
                    }
                }
                Some(()) = publishing.next() => {}
                event = self.events.recv() => match event {
                    Some(Event::Connected) => {
                        is_connected = true;
                        self.status.set_broker_connected(true);
                        tracing::info!("connected to the broker");
                        publishing.push(self.publish(Kind::Hello, self.hello.clone()));
                        let _ = notices.send(Notice::Connected).await;
                    }
                    Some(Event::Disconnected) => {
                        is_connected = false;
                        self.status.set_broker_connected(false);
                        let _ = notices.send(Notice::Disconnected).await;
                    }
                    Some(Event::Message(message)) => {
                        if let Some(ack) = self.acknowledgement(&message.topic, &message.payload) {
                            let _ = notices.send(Notice::Acked(ack)).await;
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
            let _ = tokio::time::timeout(std::time::Duration::from_millis(500), said).await;
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

    fn acknowledgement(&self, topic: &str, payload: &[u8]) -> Option<AckMessage> {
        let topic = Topic::parse(topic).ok()?;
        if topic.client != self.bridge.into() || topic.kind != Kind::Ack {
            tracing::debug!("a message that is not for this bridge is ignored");
            return None;
        }
        match Envelope::<AckMessage>::from_bytes(payload) {
            Ok(envelope) => Some(envelope.body),
            Err(error) => {
                tracing::warn!(%error, "an acknowledgement of the server cannot be read: are both of the same version?");
                None
            }
        }
    }
}

fn hello(config: &Config, connected_at: DateTime<Utc>, status: Presence) -> HelloMessage {
    HelloMessage {
        http_base: Some(config.http_base.clone()),
        public_base: Some(config.public_base.clone()),
        ..HelloMessage::new(Role::Bridge, status, env!("CARGO_PKG_VERSION"), connected_at)
    }
}
