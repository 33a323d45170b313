//! The broker inside `windowseat up`, behind a trait small enough that another can take its place.
//!
//! It gives each device its own branch of the topics and nothing else, as `protocol::Topic` says; the server reads and writes all;
//! `operator` may look, never speak. It keeps nothing on disk: what must not be lost is in the bridge's outbox until the server
//! has committed it. Deliberately not here: TLS and clustering. Whoever needs those runs Mosquitto, EMQX or HiveMQ beside us.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use mqtt5::broker::config::{BrokerConfig, StorageBackend, StorageConfig};
use mqtt5::broker::{AuthProvider, AuthResult, BrokerShutdownHandle, MqttBroker};
use mqtt5::packet::connect::ConnectPacket;
use mqtt5::protocol::v5::reason_codes::ReasonCode;
use protocol::{ClientId, Direction, MAX_MESSAGE_BYTES, Topic};
use tokio_util::task::TaskTracker;

use crate::Advice;

/// The MQTT user that may do everything under `ws/`: the server.
pub const SERVER: &str = "server";
/// The MQTT user for people who look: reads everything upward, publishes nothing.
pub const OPERATOR: &str = "operator";

/// Messages that a client may have unacknowledged, if it allows as many.
const UNDER_WAY: u16 = mqtt_link::RECEIVE_MAXIMUM;
/// Messages sent to a client before its own words are read again.
const DRAINED_AT_ONCE: usize = 256;
/// Messages waiting for one slow client; more are dropped, and the outbox sends them again.
const CLIENT_QUEUE: usize = 2_000;
/// A session without a connection is kept this long.
const SESSION_EXPIRY: Duration = Duration::from_secs(3600);

/// What `up` needs of a broker.
#[async_trait]
pub trait Broker: Send + Sync {
    /// Where it listens.
    fn address(&self) -> SocketAddr;
    /// Asks it to close every connection and stop; its task ends on the tracker it was started on.
    fn shut_down(&self);
}

/// Who may sign in: user name to secret.
pub type Accounts = BTreeMap<String, String>;

/// The crate `mqtt5` as a [`Broker`].
pub struct Embedded {
    address: SocketAddr,
    handle: BrokerShutdownHandle,
}

impl Embedded {
    /// Listens at `address` and serves `accounts` until [`Broker::shut_down`].
    ///
    /// # Errors
    /// The address cannot be listened at; the sentence says what to do.
    pub async fn start(address: SocketAddr, accounts: Accounts, tracker: &TaskTracker) -> Result<Self, Advice> {
        // `mqtt5` reports a taken port as text; asking first gives the reason, and the same sentence as for every other port.
        let free = crate::serve::listen(address, "--mqtt")?;
        let address = free.local_addr().unwrap_or(address);
        drop(free);
        let broker = MqttBroker::with_config(config(address)).await.map_err(|error| {
            Advice::new(format!("Cannot start the MQTT broker at {address} ({error}): choose another address with --mqtt."))
        })?;
        let address = broker.local_addr().unwrap_or(address);
        let mut broker = broker.with_auth_provider(Arc::new(Doorkeeper { accounts }));
        let handle = broker.shutdown_handle();
        let mut ready = broker.ready_receiver();
        tracker.spawn(async move {
            if let Err(error) = broker.run().await {
                tracing::error!(%error, "the MQTT broker stopped; start Windowseat again");
            }
        });
        // The channel closes only if the broker has stopped, which was logged above.
        let _ = tokio::time::timeout(Duration::from_secs(5), ready.wait_for(|is_ready| *is_ready)).await;
        Ok(Self { address, handle })
    }
}

#[async_trait]
impl Broker for Embedded {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn shut_down(&self) {
        self.handle.shutdown();
    }
}

fn config(address: SocketAddr) -> BrokerConfig {
    let mut config = BrokerConfig::new().with_bind_address(address).with_session_expiry(SESSION_EXPIRY);
    // `auth_config` stays as it is: the doorkeeper takes its place before the first connection is accepted.
    // Properties and topic beside the largest message of the contract. The default of `mqtt5`, 268,435,456, must not go into the
    // CONNACK: paho refuses values over 268,435,455 and reports a protocol error.
    config.max_packet_size = MAX_MESSAGE_BYTES + 4 * 1024;
    config.max_retained_message_size = MAX_MESSAGE_BYTES;
    config.client_channel_capacity = CLIENT_QUEUE;
    // As many as a client allows: the server's batches are what came during a commit, and 64 of `mqtt5` would keep them small.
    config.max_outbound_inflight = UNDER_WAY;
    config.drain_batch = DRAINED_AT_ONCE;
    config.server_receive_maximum = Some(100);
    config.topic_alias_maximum = 0;
    config.sys_topics_interval = Duration::from_secs(10);
    config.storage_config = StorageConfig::new()
        .with_backend(StorageBackend::Memory)
        .with_max_queued_messages_per_client(CLIENT_QUEUE)
        .with_max_queued_bytes_per_client(8 * 1024 * 1024);
    config
}

/// Says who may come in, and what each may do.
struct Doorkeeper {
    accounts: Accounts,
}

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum User {
    Server,
    Operator,
    Device(ClientId),
}

impl User {
    fn named(name: &str) -> Option<Self> {
        match name {
            SERVER => Some(Self::Server),
            OPERATOR => Some(Self::Operator),
            id => id.parse().ok().map(Self::Device),
        }
    }

    fn may_publish(self, topic: &str) -> bool {
        match self {
            Self::Server => Topic::parse(topic).is_ok_and(|topic| topic.kind.direction() == Direction::Down),
            Self::Operator => false,
            Self::Device(client) => Topic::may_publish(client, topic),
        }
    }

    fn may_subscribe(self, filter: &str) -> bool {
        match self {
            Self::Server => filter.starts_with("ws/") || filter == Topic::SERVER_SHARED,
            // Not `#`: the branch downward carries permissions, which are no one's to read but the robot's.
            Self::Operator => {
                let mut levels = filter.split('/');
                filter.starts_with("$SYS/")
                    || ((levels.next(), levels.next(), levels.nth(1)) == (Some("ws"), Some("v1"), Some("up"))
                        && levels.next().is_some())
            }
            Self::Device(client) => Topic::may_subscribe(client, filter),
        }
    }
}

impl Doorkeeper {
    fn admit(&self, connect: &ConnectPacket) -> Result<String, ReasonCode> {
        let (Some(name), Some(secret)) = (&connect.username, &connect.password) else {
            return Err(ReasonCode::BadUsernameOrPassword);
        };
        let known = self.accounts.get(name).ok_or(ReasonCode::BadUsernameOrPassword)?;
        verify_slices_are_equal(known.as_bytes(), secret).map_err(|_| ReasonCode::BadUsernameOrPassword)?;
        let user = User::named(name).ok_or(ReasonCode::NotAuthorized)?;
        if !is_own(&connect.client_id, name, user) {
            return Err(ReasonCode::ClientIdentifierNotValid);
        }
        // `mqtt5` publishes a will without asking `authorize_publish`, so it is judged here.
        if connect.will.as_ref().is_some_and(|will| !user.may_publish(&will.topic)) {
            return Err(ReasonCode::NotAuthorized);
        }
        Ok(name.clone())
    }
}

/// Whoever connects with a client id takes its connection over. Ours end in what nobody can guess, so that this holds at any broker; here,
/// nobody even begins one with a device's id or the server's.
fn is_own(client_id: &str, name: &str, user: User) -> bool {
    let id = client_id.strip_prefix("bridge-").unwrap_or(client_id);
    // An id as a topic spells it, whatever comes after it.
    match id.get(..36).unwrap_or(id) {
        _ if id.starts_with("server-") => user == User::Server,
        id if id.parse::<ClientId>().is_ok() => id == name,
        _ => true,
    }
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl AuthProvider for Doorkeeper {
    fn authenticate<'a>(&'a self, connect: &'a ConnectPacket, address: SocketAddr) -> Answer<'a, mqtt5::Result<AuthResult>> {
        let answer = match self.admit(connect) {
            Ok(name) => AuthResult::success_with_user(name),
            Err(reason) => {
                tracing::warn!(client.address = %address, ?reason, "an MQTT sign-in was refused; check user name and secret there");
                AuthResult::fail(reason)
            }
        };
        Box::pin(std::future::ready(Ok(answer)))
    }

    fn authorize_publish<'a>(&'a self, _client_id: &str, user_id: Option<&'a str>, topic: &'a str) -> Answer<'a, bool> {
        let may = user_id.and_then(User::named).is_some_and(|user| user.may_publish(topic));
        if !may {
            tracing::warn!(mqtt.user = user_id, "a message on a topic of somebody else was refused");
        }
        Box::pin(std::future::ready(may))
    }

    fn authorize_subscribe<'a>(&'a self, _client_id: &str, user_id: Option<&'a str>, filter: &'a str) -> Answer<'a, bool> {
        let may = user_id.and_then(User::named).is_some_and(|user| user.may_subscribe(filter));
        if !may {
            tracing::warn!(mqtt.user = user_id, "a subscription to topics of somebody else was refused");
        }
        Box::pin(std::future::ready(may))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROBIN: &str = "0190a3c4-0000-7000-8000-000000000001";
    const FINCH: &str = "0190a3c4-0000-7000-8000-000000000002";

    fn check(user: &str, publishes: &[(&str, bool)], subscribes: &[(&str, bool)]) {
        let user = User::named(user).expect("a user of the test");
        for (topic, may) in publishes {
            assert_eq!(user.may_publish(topic), *may, "{user:?} publishes {topic}");
        }
        for (filter, may) in subscribes {
            assert_eq!(user.may_subscribe(filter), *may, "{user:?} subscribes {filter}");
        }
    }

    #[test]
    fn nobody_connects_as_somebody_else() {
        for (name, id, may) in [
            (ROBIN, format!("{ROBIN}-0f3b"), true),
            (ROBIN, ROBIN.to_owned(), true),
            (ROBIN, format!("bridge-{ROBIN}-0f3b"), true),
            (ROBIN, format!("{FINCH}-0f3b"), false),
            (ROBIN, FINCH.to_owned(), false),
            (ROBIN, format!("bridge-{FINCH}-0f3b"), false),
            (ROBIN, "server-0f3b".to_owned(), false),
            (ROBIN, "mosq-1".to_owned(), true),
            (SERVER, "server-0f3b".to_owned(), true),
            (SERVER, FINCH.to_owned(), false),
            (OPERATOR, "explorer".to_owned(), true),
        ] {
            assert_eq!(is_own(&id, name, User::named(name).unwrap()), may, "{name} as {id}");
        }
    }

    #[test]
    fn a_device_has_its_own_branch_and_no_other() {
        check(
            ROBIN,
            &[
                (&format!("ws/v1/{ROBIN}/up/robot"), true),
                (&format!("ws/v1/{FINCH}/up/robot"), false),
                (&format!("ws/v1/{ROBIN}/down/command"), false),
                ("$SYS/x", false),
            ],
            &[
                (&format!("ws/v1/{ROBIN}/down/+"), true),
                (&format!("ws/v1/{FINCH}/down/+"), false),
                ("ws/v1/+/down/grant", false),
                ("#", false),
                (&format!("$share/x/ws/v1/{ROBIN}/down/+"), false),
            ],
        );
    }

    #[test]
    fn the_operator_reads_upward_and_never_a_permission() {
        check(
            OPERATOR,
            &[(&format!("ws/v1/{ROBIN}/up/robot"), false), (&format!("ws/v1/{ROBIN}/down/command"), false)],
            &[
                ("ws/v1/+/up/#", true),
                (&format!("ws/v1/{ROBIN}/up/robot"), true),
                ("$SYS/#", true),
                ("#", false),
                ("ws/#", false),
                ("ws/v1/+/+/grant", false),
                ("ws/v1/+/down/grant", false),
                ("$share/x/ws/v1/+/up/+", false),
            ],
        );
    }

    #[test]
    fn the_server_hears_all_and_speaks_only_downward() {
        check(
            SERVER,
            &[(&format!("ws/v1/{ROBIN}/down/ack"), true), (&format!("ws/v1/{ROBIN}/up/robot"), false)],
            &[(Topic::SERVER_SHARED, true), (Topic::SERVER_HELLO, true), (Topic::SERVER_ALL, true), ("#", false)],
        );
    }
}
