//! One connection to an MQTT 5 broker, kept up: connect, subscribe, publish with confirmation, reconnect with back-off.
//!
//! Bridge, server and robot each open one [`Link`]. It wraps `rumqttc` and settles, once, what was measured to go wrong: sessions
//! are clean (nothing depends on the broker's memory), the task that polls the socket never waits for anything else, the number of
//! messages in flight is limited both ways, and an acknowledgement of an old connection is not sent on a new one.
//!
//! It deliberately keeps no outbox: what must not be lost stays with its sender until the server's own acknowledgement
//! ([`protocol::AckMessage`]); a PUBACK only says that a broker has the message in memory.

pub mod config;
mod poll;
mod socket;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use protocol::{MAX_MESSAGE_BYTES, Topic};
use rumqttc::{
    AckMode, AsyncClient, ClientError, LastWill, LastWillProperties, MqttOptions, NetworkOptions, Publish, PublishNoticeError,
    PublishOptions, PublishProperties, PublishResult, QoS,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use config::{ConfigError, MqttConfig, Secret};

/// Messages that the broker may send before we acknowledge some, and places in the queue that hands them over. Two batches of the
/// server: one is being stored while the other arrives.
pub const RECEIVE_MAXIMUM: u16 = 2_000;
/// Publishes that wait for their PUBACK at once; further ones wait in the request queue, which has as many places.
pub const IN_FLIGHT: u16 = 100;
/// A publish that has no PUBACK by then counts as failed.
pub const PUBLISH_TIMEOUT: Duration = Duration::from_secs(10);
/// Publishes that one write carries to the broker; the client's own default is one.
const WRITTEN_AT_ONCE: usize = 128;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The usual [`Options::keep_alive`].
pub const KEEP_ALIVE: Duration = Duration::from_secs(20);
const CONTENT_TYPE: &str = "application/json";

/// What to connect to, and as whom.
#[derive(Debug)]
pub struct Options {
    /// Broker and credentials.
    pub config: MqttConfig,
    /// MQTT client id; one connection per id at a time.
    pub client_id: String,
    /// Filters to subscribe to on every connection.
    pub subscriptions: Vec<String>,
    /// What the broker says for us, retained, if the connection breaks.
    pub will: Option<(Topic, Vec<u8>)>,
    /// A broker that hears nothing for one and a half of this says the will; whole seconds.
    pub keep_alive: Duration,
    /// `true`: PUBACK only by [`Link::ack`]. `false`: at once.
    pub manual_ack: bool,
}

/// What happened on the connection.
#[derive(Debug)]
pub enum Event {
    /// Connected; the subscriptions are being made again.
    Connected,
    /// Lost; it is being made again.
    Disconnected,
    /// A message came.
    Message(Message),
}

/// A message as it came.
#[derive(Debug)]
pub struct Message {
    /// Its topic, unchecked.
    pub topic: String,
    /// Its payload, unchecked.
    pub payload: Bytes,
    /// Whether the broker kept it from before we subscribed.
    pub retained: bool,
    publish: Box<Publish>,
    connection: u64,
}

/// Why the link could not be opened or used.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The configuration is not usable.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The client's own queue is closed.
    #[error("the connection to the broker is shut down")]
    Closed,
}

/// Why a publish is not confirmed.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The broker refused it, and will refuse it again: usually its access rules.
    #[error("the broker refused the message on {topic}: {reason}")]
    Refused {
        /// Which topic.
        topic: Topic,
        /// The broker's reason code.
        reason: String,
    },
    /// The connection broke first.
    #[error("the connection to the broker broke before it confirmed the message")]
    Disconnected,
    /// No confirmation within [`PUBLISH_TIMEOUT`].
    #[error("the broker did not confirm the message in time")]
    Timeout,
}

/// A handle on the connection. Cheap to clone.
#[derive(Clone)]
pub struct Link {
    client: AsyncClient,
    /// Counts connections; tells acknowledgements of an old one from those of the present one.
    connection: Arc<AtomicU64>,
}

impl Link {
    /// Starts connecting in the background, on `tracker`, until `shutdown` fires. Then it says DISCONNECT (so no will is sent).
    ///
    /// If the receiver falls [`RECEIVE_MAXIMUM`] messages behind, further ones are dropped and counted in the log: durable kinds are
    /// sent again by their sender, measurements are replaced by the next.
    ///
    /// # Errors
    /// The configuration is not usable: the message says what to change.
    pub fn open(
        options: Options,
        tracker: &TaskTracker,
        shutdown: CancellationToken,
    ) -> Result<(Self, mpsc::Receiver<Event>), LinkError> {
        let mqtt = mqtt_options(&options)?;
        // The PUBACKs of all that the broker may send find room at once.
        let acks = if options.manual_ack { RECEIVE_MAXIMUM } else { 0 };
        let (client, event_loop) = AsyncClient::builder(mqtt).capacity(usize::from(IN_FLIGHT + acks)).build();
        let connection = Arc::new(AtomicU64::new(0));
        // A few places more than the broker may fill, so that Connected and Disconnected find room.
        let (sender, receiver) = mpsc::channel(usize::from(RECEIVE_MAXIMUM) + 64);
        let poller = poll::Poller {
            event_loop,
            client: client.clone(),
            subscriptions: options.subscriptions,
            connection: Arc::clone(&connection),
            sender,
            name: options.client_id,
            manual_ack: options.manual_ack,
        };
        tracker.spawn(poller.run(shutdown));
        Ok((Self { client, connection }, receiver))
    }

    /// Publishes at QoS 1 and waits for the PUBACK, at most [`PUBLISH_TIMEOUT`]. Retain, expiry and content type follow from the kind.
    ///
    /// # Errors
    /// Refused (do not repeat at once), disconnected or timed out (repeat if it matters).
    pub async fn publish(&self, topic: Topic, payload: Vec<u8>) -> Result<(), PublishError> {
        let properties = PublishProperties {
            payload_format_indicator: Some(1),
            message_expiry_interval: topic.kind.expiry_s(),
            content_type: Some(CONTENT_TYPE.to_owned()),
            ..PublishProperties::default()
        };
        let options = PublishOptions::new(QoS::AtLeastOnce).retain(topic.kind.is_retained()).properties(properties);
        let sent = async {
            let notice = self
                .client
                .publish_tracked(topic.to_string(), payload, options)
                .await
                .map_err(|_: ClientError| PublishError::Disconnected)?;
            match notice.wait_async().await {
                // "No matching subscribers" is a success too.
                Ok(PublishResult::Qos1(ack)) if ack.reason as u8 >= 0x80 => {
                    Err(PublishError::Refused { topic, reason: format!("{:?}", ack.reason) })
                }
                Ok(_) => Ok(()),
                Err(PublishNoticeError::V5PubAck(reason)) => {
                    Err(PublishError::Refused { topic, reason: format!("{reason:?}") })
                }
                Err(_) => Err(PublishError::Disconnected),
            }
        };
        tokio::time::timeout(PUBLISH_TIMEOUT, sent).await.unwrap_or(Err(PublishError::Timeout))
    }

    /// Acknowledges `message`, if it came on the present connection; otherwise does nothing, for its broker session is gone.
    ///
    /// # Errors
    /// The link is shut down.
    pub async fn ack(&self, message: &Message) -> Result<(), LinkError> {
        if message.connection != self.connection.load(Ordering::Acquire) {
            return Ok(());
        }
        self.client.ack(&message.publish).await.map_err(|_| LinkError::Closed)
    }
}

fn mqtt_options(options: &Options) -> Result<MqttOptions, ConfigError> {
    let broker = options.config.broker()?;
    let mut mqtt = MqttOptions::new(options.client_id.clone(), (broker.host, broker.port));
    if let Some(transport) = broker.tls {
        mqtt.set_transport(transport);
    }
    mqtt.set_credentials(options.config.username.clone(), options.config.read_password()?.into_bytes());
    mqtt.set_clean_start(true);
    mqtt.set_session_expiry_interval(Some(0));
    mqtt.set_keep_alive(u16::try_from(options.keep_alive.as_secs()).unwrap_or(u16::MAX).max(1));
    mqtt.set_connect_timeout(CONNECT_TIMEOUT);
    mqtt.set_receive_maximum(Some(RECEIVE_MAXIMUM));
    // Room for the largest payload that is read, its topic and its properties; beyond it the broker drops the message.
    mqtt.set_max_packet_size(Some(u32::try_from(MAX_MESSAGE_BYTES * 2).unwrap_or(u32::MAX)));
    // A permission or an acknowledgement is small and wanted now.
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    mqtt.set_network_options(network);
    // Without a limit the client scans 65,535 slots for each event.
    mqtt.set_outgoing_inflight_upper_limit(IN_FLIGHT);
    mqtt.set_max_request_batch(WRITTEN_AT_ONCE);
    if options.manual_ack {
        mqtt.set_socket_connector(async |host, network| {
            Ok(socket::Together::new(rumqttc::default_socket_connect(host, network).await?))
        });
        mqtt.set_ack_mode(AckMode::Manual);
    }
    if let Some((topic, payload)) = &options.will {
        let properties = LastWillProperties {
            payload_format_indicator: Some(1),
            content_type: Some(CONTENT_TYPE.to_owned()),
            delay_interval: None,
            message_expiry_interval: topic.kind.expiry_s(),
            response_topic: None,
            correlation_data: None,
            user_properties: Vec::new(),
        };
        mqtt.set_last_will(LastWill::new(
            topic.to_string(),
            payload.clone(),
            QoS::AtLeastOnce,
            topic.kind.is_retained(),
            Some(properties),
        ));
    }
    Ok(mqtt)
}
