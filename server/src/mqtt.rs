//! The server's connection to the broker: everything upward, acknowledged only after commit.

use mqtt_link::{Event, Link, LinkError, MqttConfig, Options};
use protocol::Topic;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// Connects in the background; a broker that is away is tried again.
///
/// Replicas share what comes upward; one replica alone has all of it. Retained hellos reach only plain subscriptions, so each replica
/// hears every hello. Sessions are clean: a replica that dies strands nothing for longer than the senders' patience.
///
/// # Errors
/// The configuration is not usable.
pub fn open(
    config: &MqttConfig,
    tasks: &TaskTracker,
    shutdown: CancellationToken,
) -> Result<(Link, mpsc::Receiver<Event>), LinkError> {
    let options = Options {
        config: config.clone(),
        client_id: format!("server-{}", Uuid::new_v4().as_simple()),
        subscriptions: vec![Topic::SERVER_SHARED.to_owned(), Topic::SERVER_HELLO.to_owned()],
        will: None,
        keep_alive: mqtt_link::KEEP_ALIVE,
        manual_ack: true,
    };
    Link::open(options, tasks, shutdown)
}
