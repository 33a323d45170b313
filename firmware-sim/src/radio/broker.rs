//! The robot's side of MQTT: hello, measurements and events up; grants and commands down.
//!
//! Each connection is opened anew, so that its last will carries the moment it was made: a late "gone" of an old connection is
//! then known to be old.

use std::sync::Arc;
use std::time::Duration;

use mqtt_link::{Event, Link, Message, Options};
use protocol::{CommandMessage, Envelope, GrantMessage, HelloMessage, Kind, Now, Role, Status, Topic};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::grants::by_own_clock;
use super::{Heard, Parts, Standing, Wires};

/// Between two connections.
const PAUSE: Duration = Duration::from_secs(1);
/// For the last hello.
const LAST_WORD: Duration = Duration::from_secs(1);
/// Between the task's end and the connection's own farewell.
const SETTLE: Duration = Duration::from_millis(700);

pub(super) async fn run(parts: Arc<Parts>, wires: Arc<Wires>, mut queue: mpsc::Receiver<(Kind, Vec<u8>)>) {
    // Whoever connects with the same id takes the connection over: ours cannot be guessed. The same again after a connection that broke.
    let client_id = format!("{}-{}", parts.config.robot_id, Uuid::new_v4().as_simple());
    while !wires.shutdown.is_cancelled() {
        if let Err(error) = one_connection(&parts, &wires, &client_id, &mut queue).await {
            tracing::error!(robot.id = %parts.config.robot_id, %error, "the broker cannot be used");
        }
        parts.tell(Heard::Broker(false));
        tokio::select! {
            () = wires.shutdown.cancelled() => {}
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

async fn one_connection(
    parts: &Arc<Parts>,
    wires: &Arc<Wires>,
    client_id: &str,
    queue: &mut mpsc::Receiver<(Kind, Vec<u8>)>,
) -> Result<(), mqtt_link::LinkError> {
    let robot = parts.config.robot_id;
    let opened = parts.clock.now();
    let mut config = parts.config.mqtt.clone();
    if config.username.is_empty() {
        config.username = robot.to_string();
    }
    let hello_topic = Topic::new(robot, Kind::Hello);
    let options = Options {
        config,
        client_id: client_id.to_owned(),
        subscriptions: vec![Topic::down_filter(robot)],
        will: Some((hello_topic, hello(parts, opened, Status::Gone))),
        keep_alive: mqtt_link::KEEP_ALIVE,
        manual_ack: false,
    };
    // Not a child: the last hello still goes out after the radio was told to stop.
    let hang_up = tokio_util::sync::CancellationToken::new();
    let _guard = hang_up.clone().drop_guard();
    let (link, mut events) = Link::open(options, &wires.tracker, hang_up.clone())?;
    let mut connected = false;
    let mut standing = wires.standing.subscribe();
    loop {
        tokio::select! {
            () = wires.shutdown.cancelled() => break,
            event = events.recv() => match event {
                Some(Event::Connected) => {
                    connected = true;
                    parts.tell(Heard::Broker(true));
                    let stands = standing.borrow_and_update().clone();
                    send(parts, &link, Kind::Hello, hello_here(parts, opened, stands)).await;
                }
                Some(Event::Message(message)) => receive(parts, wires, &message),
                Some(Event::Disconnected) | None => return Ok(()),
            },
            () = wires.ask.notified(), if connected => {
                let stands = standing.borrow_and_update().clone();
                send(parts, &link, Kind::Hello, hello_here(parts, opened, stands)).await;
            }
            Ok(()) = standing.changed(), if connected => {
                let stands = standing.borrow_and_update().clone();
                send(parts, &link, Kind::Hello, hello_here(parts, opened, stands)).await;
            }
            Some((kind, payload)) = queue.recv(), if connected => send(parts, &link, kind, payload).await,
        }
    }
    if connected {
        let status = *wires.status.borrow();
        let farewell = async {
            // What happened last is said before the robot is gone.
            while let Ok((kind, payload)) = queue.try_recv() {
                send(parts, &link, kind, payload).await;
            }
            send(parts, &link, Kind::Hello, hello(parts, opened, status)).await;
        };
        let _ = tokio::time::timeout(LAST_WORD, farewell).await;
    }
    drop(link);
    hang_up.cancel();
    // The link says DISCONNECT in its own task, so that the broker does not publish the will.
    let _ = tokio::time::timeout(SETTLE, async { while events.recv().await.is_some() {} }).await;
    Ok(())
}

/// Publishes and waits for the broker; what fails is a measurement, or is said again at the next connection.
async fn send(parts: &Parts, link: &Link, kind: Kind, payload: Vec<u8>) {
    if let Err(error) = link.publish(Topic::new(parts.config.robot_id, kind), payload).await {
        tracing::warn!(robot.id = %parts.config.robot_id, mqtt.kind = kind.as_str(), %error, "a message was not published");
    }
}

fn receive(parts: &Parts, wires: &Wires, message: &Message) {
    let refuse = |reason: &dyn std::fmt::Display| {
        tracing::warn!(robot.id = %parts.config.robot_id, mqtt.topic = message.topic, %reason, "a message was ignored");
    };
    let kind = match Topic::parse(&message.topic) {
        Ok(topic) if topic.client == parts.config.robot_id.into() => topic.kind,
        Ok(_) => return refuse(&"it is for another device"),
        Err(error) => return refuse(&error),
    };
    match kind {
        Kind::Grant => match Envelope::<GrantMessage>::from_bytes(&message.payload) {
            Ok(envelope) => {
                let grant = by_own_clock(envelope, parts.clock.now().utc);
                wires.grants.send_modify(|grants| grants.take(grant));
            }
            Err(error) => refuse(&error),
        },
        Kind::Command => match Envelope::<CommandMessage>::from_bytes(&message.payload) {
            Ok(envelope) => parts.tell(Heard::Command(envelope.body.command)),
            Err(error) => refuse(&error),
        },
        _ => refuse(&"a robot has no use for this kind"),
    }
}

fn hello_here(parts: &Parts, opened: Now, Standing { bridge, cannot_reach }: Standing) -> Vec<u8> {
    let body = HelloMessage::new(Role::Robot, Status::Here, env!("CARGO_PKG_VERSION"), opened.utc);
    Envelope::new(parts.clock.now(), parts.epoch, HelloMessage { bridge, cannot_reach, ..body }).to_bytes()
}

fn hello(parts: &Parts, opened: Now, status: Status) -> Vec<u8> {
    let body = HelloMessage::new(Role::Robot, status, env!("CARGO_PKG_VERSION"), opened.utc);
    Envelope::new(parts.clock.now(), parts.epoch, body).to_bytes()
}
