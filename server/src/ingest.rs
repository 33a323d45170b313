//! Receive → decode → store → acknowledge, in this order.
//!
//! What arrived while the last commit ran is the next batch: one transaction for all of it, so the rate grows with the load and
//! there is no timer to tune. A PUBACK is sent after the commit; the sender's own rows go only when it hears `down/ack`, so
//! nothing is lost whatever dies in between. What cannot be used goes to quarantine and is acknowledged: it never blocks.

pub mod decode;
pub mod replay;

use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use mqtt_link::{Event, Link, Message};
use protocol::{AckMessage, BridgeId, ClientId, ClockEcho, Envelope, Kind, MessageId, RobotId, Topic};
use store::inbox::{Ingested, Received, Touched};
use store::robots::DeviceKind;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::{AppState, Change};

/// At most this many messages in one transaction.
pub const MAX_BATCH: usize = 1_000;
/// A database that does not take a batch is tried again after this time; meanwhile the broker and the senders hold the rest.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(500);
/// Acknowledgements that wait to be published. Beyond it one is dropped: the next commit of that sender repeats it.
const MAX_ACKS_WAITING: usize = 1_024;
/// Acknowledgements published at once.
const ACKS_AT_ONCE: usize = 16;
/// A clock that was set right is believed after at most twice this time.
const CLOCK_REMEMBERED_FOR: Duration = Duration::from_secs(60);
/// How long a device counts as known before it is looked up again.
const KNOWN_FOR: Duration = Duration::from_secs(60);

/// Runs until shutdown or until the link ends.
pub async fn run(state: AppState, link: Link, mut events: mpsc::Receiver<Event>) {
    let (acks, waiting) = mpsc::channel(MAX_ACKS_WAITING);
    state.tasks.spawn(publish_acks(state.clone(), link.clone(), waiting));
    let mut devices = Devices::default();
    loop {
        let first = tokio::select! {
            () = state.shutdown.cancelled() => return,
            event = events.recv() => event,
        };
        let Some(first) = first else { return };
        let mut messages = Vec::new();
        take(first, &mut messages);
        while messages.len() < MAX_BATCH {
            let Ok(event) = events.try_recv() else { break };
            take(event, &mut messages);
        }
        if messages.is_empty() {
            continue;
        }
        let received_at = state.clock.now().utc;
        let Some((ingested, echoes)) = store(&state, &mut devices, &messages).await else { return };
        for message in &messages {
            if link.ack(message).await.is_err() {
                return;
            }
        }
        for (device, mut ack) in ingested.acks {
            // `sent_at` is set when it is sent.
            ack.clock = echoes.get(&(device, ack.epoch)).map(|(of, mono_ms)| ClockEcho {
                of: *of,
                mono_ms: *mono_ms,
                received_at,
                sent_at: received_at,
            });
            if acks.try_send((ClientId(device), ack)).is_err() {
                tracing::warn!(device.id = %device, "too many acknowledgements wait; this one is left to the next commit");
            }
        }
        for reason in &ingested.quarantined {
            tracing::warn!(reason, "a message went to quarantine");
        }
        for (device, numbers) in &ingested.lost {
            tracing::error!(device.id = %device, numbers, "messages are lost: their sender no longer has them and they never came");
        }
        for touched in ingested.touched {
            state.announce(touched.into());
        }
        for message in &messages {
            state.dispatch.heard(message);
        }
    }
}

/// Decodes and stores messages outside of the broker: history of a demonstration, or a test. The same path as [`run`].
///
/// # Errors
/// The database does not answer.
pub async fn apply(
    store: &store::Store,
    messages: &[(String, Vec<u8>)],
    now: chrono::DateTime<chrono::Utc>,
) -> Result<Ingested, store::StoreError> {
    let mut devices = Devices::default();
    let mut batch = Vec::with_capacity(messages.len());
    for (topic, payload) in messages {
        let kind = devices.kind(store, topic, Duration::ZERO).await?;
        batch.push(decode::decode(topic, payload, kind, now));
    }
    store.ingest(&batch, now).await
}

fn take(event: Event, messages: &mut Vec<Message>) {
    match event {
        Event::Message(message) => messages.push(message),
        Event::Connected => tracing::info!("connected to the broker"),
        Event::Disconnected => tracing::warn!("the broker is away; it is tried again"),
    }
}

/// The newest durable message of each sender and epoch in a batch: which, and its sender's monotonic clock.
type Echoes = HashMap<(Uuid, Uuid), (MessageId, u64)>;

/// Stores a batch, again and again if the database does not answer. `None`: shutdown came first.
async fn store(state: &AppState, devices: &mut Devices, messages: &[Message]) -> Option<(Ingested, Echoes)> {
    loop {
        let stored = async {
            let now = state.clock.now();
            let mut batch: Vec<Received> = Vec::with_capacity(messages.len());
            let mut echoes = Echoes::new();
            for message in messages {
                let kind = devices.kind(&state.store, &message.topic, now.monotonic).await?;
                let mut received = decode::decode(&message.topic, &message.payload, kind, now.utc);
                if kind.is_some() {
                    received.offset_ms = devices.clocks.offset(received.device_id, received.offset_ms, now.monotonic);
                }
                if let Some((epoch, _)) = received.number {
                    echoes.insert((received.device_id, epoch), (MessageId(received.message_id), received.mono_ms));
                }
                batch.push(received);
            }
            Ok::<_, store::StoreError>((state.store.ingest(&batch, now.utc).await?, echoes))
        };
        match stored.await {
            Ok(stored) => return Some(stored),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    messages = messages.len(),
                    "a batch was not stored; trying again"
                );
                tokio::select! {
                    () = state.shutdown.cancelled() => return None,
                    () = tokio::time::sleep(TRY_AGAIN_AFTER) => {}
                }
            }
        }
    }
}

/// Publishes the latest acknowledgement of each sender; a failed one is repeated by that sender's next copy.
async fn publish_acks(state: AppState, link: Link, mut waiting: mpsc::Receiver<(ClientId, AckMessage)>) {
    let epoch = Uuid::now_v7();
    loop {
        let first = tokio::select! {
            () = state.shutdown.cancelled() => return,
            ack = waiting.recv() => ack,
        };
        let Some((client, ack)) = first else { return };
        let mut latest = HashMap::from([((client, ack.epoch), ack)]);
        while let Ok((client, ack)) = waiting.try_recv() {
            latest.insert((client, ack.epoch), ack);
        }
        let now = state.clock.now();
        futures_util::stream::iter(latest)
            .for_each_concurrent(ACKS_AT_ONCE, |((client, _), ack)| {
                let clock = ack.clock.map(|echo| ClockEcho { sent_at: now.utc, ..echo });
                let (link, payload) = (link.clone(), Envelope::new(now, epoch, AckMessage { clock, ..ack }).to_bytes());
                async move {
                    if let Err(error) = link.publish(Topic::new(client, Kind::Ack), payload).await {
                        tracing::warn!(device.id = %client, error = &error as &dyn std::error::Error, "an acknowledgement was not delivered");
                    }
                }
            })
            .await;
    }
}

impl From<Touched> for Change {
    fn from(touched: Touched) -> Self {
        match touched {
            Touched::Robot(id) => Self::Robot(RobotId(id)),
            Touched::Bridge(id) => Self::Bridge(BridgeId(id)),
            Touched::Pupil(id) => Self::Pupil(id),
        }
    }
}

/// Which devices are robots and which are bridges, remembered for a while.
#[derive(Default)]
struct Devices {
    known: HashMap<Uuid, DeviceKind>,
    since: Duration,
    clocks: Clocks,
}

/// How far the clocks of devices are off, by their least delayed message of late.
///
/// A message that waited (for the database, for the network) looks like a clock that is slow. Delay only ever makes the offset
/// smaller, so the largest of the last minutes is nearest to the truth.
#[derive(Default)]
struct Clocks {
    recent: HashMap<Uuid, i64>,
    before: HashMap<Uuid, i64>,
    since: Duration,
}

impl Clocks {
    fn offset(&mut self, device: Uuid, measured_ms: i64, monotonic: Duration) -> i64 {
        if monotonic.saturating_sub(self.since) > CLOCK_REMEMBERED_FOR {
            self.before = std::mem::take(&mut self.recent);
            self.since = monotonic;
        }
        let largest = self.recent.entry(device).or_insert(measured_ms);
        *largest = measured_ms.max(*largest);
        let recent = *largest;
        self.before.get(&device).map_or(recent, |before| recent.max(*before))
    }
}

impl Devices {
    async fn kind(
        &mut self,
        store: &store::Store,
        topic: &str,
        monotonic: Duration,
    ) -> Result<Option<DeviceKind>, store::StoreError> {
        if monotonic.saturating_sub(self.since) > KNOWN_FOR {
            self.known.clear();
            self.since = monotonic;
        }
        // Also of a topic with an unknown kind: its sender's number is still acknowledged.
        let Some(device) = topic.split('/').nth(2).and_then(|id| Uuid::parse_str(id).ok()) else { return Ok(None) };
        if let Some(kind) = self.known.get(&device) {
            return Ok(Some(*kind));
        }
        let kind = store.device_kind(device).await?;
        if let Some(kind) = kind {
            self.known.insert(device, kind);
        }
        Ok(kind)
    }
}

#[cfg(test)]
mod tests;
