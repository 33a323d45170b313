//! The task that polls the socket. It waits for nothing else: a full queue drops, and never stops the connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rumqttc::{AsyncClient, Event as MqttEvent, EventLoop, Packet, QoS, SubscribeReasonCode};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{Event, Message};

const BACK_OFF_FIRST: Duration = Duration::from_millis(100);
const BACK_OFF_MOST: Duration = Duration::from_secs(10);
/// How long the DISCONNECT at shutdown may take.
const FAREWELL: Duration = Duration::from_millis(500);

pub(crate) struct Poller {
    pub event_loop: EventLoop,
    pub client: AsyncClient,
    pub subscriptions: Vec<String>,
    pub connection: Arc<AtomicU64>,
    pub sender: mpsc::Sender<Event>,
    pub name: String,
    pub manual_ack: bool,
}

impl Poller {
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut back_off = BACK_OFF_FIRST;
        let (mut connected, mut is_said) = (false, false);
        // Filters still to ask for: the request queue may be full of acknowledgements at the very moment of connecting.
        let mut unasked: Vec<String> = Vec::new();
        loop {
            unasked.retain(|filter| self.client.try_subscribe(filter.clone(), QoS::AtLeastOnce).is_err());
            let polled = tokio::select! {
                () = shutdown.cancelled() => break,
                polled = self.event_loop.poll() => polled,
            };
            match polled {
                Ok(MqttEvent::Incoming(Packet::ConnAck(_))) => {
                    back_off = BACK_OFF_FIRST;
                    (connected, is_said) = (true, false);
                    self.connection.fetch_add(1, Ordering::AcqRel);
                    unasked.clone_from(&self.subscriptions);
                    info!(mqtt.client = self.name, "connected to the broker");
                    self.hand_over(Event::Connected);
                }
                Ok(MqttEvent::Incoming(Packet::SubAck(ack))) => {
                    if ack.return_codes.iter().any(|code| !matches!(code, SubscribeReasonCode::Success(_))) {
                        warn!(mqtt.client = self.name, "the broker refused a subscription: check its access rules");
                    }
                }
                Ok(MqttEvent::Incoming(Packet::Publish(publish))) => {
                    let message = Message {
                        topic: String::from_utf8_lossy(&publish.topic).into_owned(),
                        payload: publish.payload.clone(),
                        retained: publish.retain,
                        connection: self.connection.load(Ordering::Acquire),
                        publish: Box::new(publish),
                    };
                    self.hand_over(Event::Message(message));
                }
                Ok(_) => {}
                Err(error) => {
                    // From here on acknowledgements of this connection are refused, not kept for the next one.
                    self.connection.fetch_add(1, Ordering::AcqRel);
                    if connected {
                        connected = false;
                        warn!(mqtt.client = self.name, %error, "lost the broker; connecting again");
                        self.hand_over(Event::Disconnected);
                    } else if !is_said {
                        warn!(mqtt.client = self.name, %error, "cannot connect to the broker; trying again: check its address, its certificate, user and password");
                    }
                    is_said = true;
                    tokio::select! {
                        () = shutdown.cancelled() => break,
                        () = tokio::time::sleep(jittered(back_off)) => {}
                    }
                    back_off = (back_off * 2).min(BACK_OFF_MOST);
                }
            }
        }
        if connected && self.client.try_disconnect().is_ok() {
            let farewell = async { while self.event_loop.poll().await.is_ok() {} };
            let _ = tokio::time::timeout(FAREWELL, farewell).await;
        }
    }

    fn hand_over(&self, event: Event) {
        if let Err(mpsc::error::TrySendError::Full(dropped)) = self.sender.try_send(event) {
            warn!(mqtt.client = self.name, "a message was dropped: its reader is too far behind");
            // Unacknowledged, it would hold one of the broker's places for ever; its sender repeats what matters.
            if let (Event::Message(message), true) = (dropped, self.manual_ack) {
                let _ = self.client.try_ack(&message.publish);
            }
        }
    }
}

/// Between half and the whole of `delay`, so that a thousand robots do not come back in the same instant.
fn jittered(delay: Duration) -> Duration {
    use std::hash::{BuildHasher, RandomState};
    let share = RandomState::new().hash_one(0_u8) % 512;
    delay / 2 + delay / 1024 * u32::try_from(share).unwrap_or(0)
}
