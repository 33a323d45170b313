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
use protocol::{AckMessage, BridgeId, ClientId, ClockEcho, Envelope, Kind, MessageId, Now, RobotId, Status, Topic};
use store::inbox::{Fact, Ingested, Received, Touched};
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
const ACKS_AT_ONCE: usize = 64;
/// A clock that was set right is believed after at most twice this time.
const CLOCK_REMEMBERED_FOR: Duration = Duration::from_secs(60);
/// How long a device counts as known before it is looked up again.
const KNOWN_FOR: Duration = Duration::from_secs(60);

/// Runs until shutdown or until the link ends.
pub async fn run(state: AppState, link: Link, mut events: mpsc::Receiver<Event>) {
    let (acks, waiting) = mpsc::channel(MAX_ACKS_WAITING);
    state.tasks.spawn(publish_acks(state.clone(), link.clone(), waiting));
    let (mut devices, mut batch, mut next) = (Devices::default(), Batch::default(), Batch::default());
    let mut arrived = Vec::new();
    loop {
        if next.0.is_empty() {
            tokio::select! {
                () = state.shutdown.cancelled() => return,
                count = events.recv_many(&mut arrived, MAX_BATCH) => if count == 0 { return },
            }
            next.take(&state, &mut devices, arrived.drain(..));
            continue;
        }
        batch.0.clear();
        std::mem::swap(&mut batch, &mut next);
        let Some(read) = batch.read(&state, &mut devices).await else { return };
        // What arrives meanwhile is read at once: the next batch is ready when this one is stored.
        let mut storing = std::pin::pin!(store(&state, &read));
        let ingested = loop {
            let room = MAX_BATCH - next.0.len();
            tokio::select! {
                biased;
                ingested = &mut storing => break ingested,
                count = events.recv_many(&mut arrived, room), if room > 0 && !events.is_closed() => {
                    if count > 0 {
                        next.take(&state, &mut devices, arrived.drain(..));
                    }
                }
            }
        };
        let Some(ingested) = ingested else { return };
        for arrived in &batch.0 {
            if link.ack(&arrived.message).await.is_err() {
                return;
            }
        }
        let echoes = batch.echoes(&read);
        for (device, mut ack) in ingested.acks {
            ack.clock = echoes.get(&(device, ack.epoch)).copied();
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
        for arrived in &batch.0 {
            state.dispatch.heard(&arrived.message);
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
        let kind = devices.kind(store, topic).await?;
        batch.push(decode::decode(topic, &payload.clone().into(), kind, now));
    }
    store.ingest(&batch, now).await
}

/// A message as it came, when that was, and what it says, unless its sender is to be looked up first.
struct Arrived {
    message: Message,
    at: Now,
    /// How far our clock may have been off then.
    off: Duration,
    says: Option<Received>,
}

/// What arrived and is not stored yet.
#[derive(Default)]
struct Batch(Vec<Arrived>);

impl Batch {
    fn take(&mut self, state: &AppState, devices: &mut Devices, events: impl Iterator<Item = Event>) {
        let (at, off) = (state.clock.now(), state.clock.error());
        devices.forget_old(at.monotonic);
        for event in events {
            match event {
                Event::Message(message) => {
                    let kind = decode::device_of(&message.topic).and_then(|device| devices.known.get(&device).copied());
                    let says = kind.map(|kind| devices.read(&message, Some(kind), at));
                    self.0.push(Arrived { message, at, off, says });
                }
                Event::Connected => tracing::info!("connected to the broker"),
                Event::Disconnected => tracing::warn!("the broker is away; it is tried again"),
            }
        }
    }

    /// What all of it says, with every sender looked up. `None`: shutdown came first.
    async fn read(&mut self, state: &AppState, devices: &mut Devices) -> Option<Vec<Received>> {
        let mut read = Vec::with_capacity(self.0.len());
        for Arrived { message, at, says, .. } in &mut self.0 {
            while says.is_none() {
                match devices.kind(&state.store, &message.topic).await {
                    Ok(kind) => *says = Some(devices.read(message, kind, *at)),
                    Err(error) => try_again(state, &error, 1).await?,
                }
            }
            read.extend(says.take());
        }
        Some(read)
    }

    /// The newest durable message of each sender and epoch, for its sender's clock. `sent_at` is set when it is sent.
    fn echoes(&self, read: &[Received]) -> HashMap<(Uuid, Uuid), ClockEcho> {
        let mut echoes = HashMap::new();
        for (arrived, says) in self.0.iter().zip(read) {
            if let Some((epoch, _)) = says.number {
                let (of, received_at) = (MessageId(says.message_id), arrived.at.utc);
                let error_ms = error_ms(arrived.off);
                let echo = ClockEcho { of, mono_ms: says.mono_ms, received_at, sent_at: received_at, error_ms };
                echoes.insert((says.device_id, epoch), echo);
            }
        }
        echoes
    }
}

/// Stores a batch, again and again if the database does not answer. `None`: shutdown came first.
async fn store(state: &AppState, batch: &[Received]) -> Option<Ingested> {
    loop {
        match state.store.ingest(batch, state.clock.now().utc).await {
            Ok(ingested) => return Some(ingested),
            Err(error) => try_again(state, &error, batch.len()).await?,
        }
    }
}

/// Waits before another try. `None`: shutdown came first.
async fn try_again(state: &AppState, error: &store::StoreError, messages: usize) -> Option<()> {
    tracing::error!(error = error as &dyn std::error::Error, messages, "a batch was not stored; trying again");
    tokio::select! {
        () = state.shutdown.cancelled() => None,
        () = tokio::time::sleep(TRY_AGAIN_AFTER) => Some(()),
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
        let (now, off) = (state.clock.now(), error_ms(state.clock.error()));
        futures_util::stream::iter(latest)
            .for_each_concurrent(ACKS_AT_ONCE, |((client, _), ack)| {
                let clock = ack.clock.map(|echo| ClockEcho { sent_at: now.utc, error_ms: echo.error_ms + off, ..echo });
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

/// In whole milliseconds, and never less than it is.
fn error_ms(error: Duration) -> u64 {
    u64::try_from(error.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX / 4)
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
    fn forget_old(&mut self, monotonic: Duration) {
        if monotonic.saturating_sub(self.since) > KNOWN_FOR {
            self.known.clear();
            self.since = monotonic;
        }
    }

    async fn kind(&mut self, store: &store::Store, topic: &str) -> Result<Option<DeviceKind>, store::StoreError> {
        let Some(device) = decode::device_of(topic) else { return Ok(None) };
        if let Some(kind) = self.known.get(&device) {
            return Ok(Some(*kind));
        }
        let kind = store.device_kind(device).await?;
        if let Some(kind) = kind {
            self.known.insert(device, kind);
        }
        Ok(kind)
    }

    fn read(&mut self, message: &Message, kind: Option<DeviceKind>, at: Now) -> Received {
        let mut received = decode::decode(&message.topic, &message.payload, kind, at.utc);
        // A last will was written when the connection was made, and what the broker retained some time ago: they say nothing of a clock.
        let is_old = message.retained || matches!(&received.fact, Fact::Hello(hello) if hello.status != Status::Here);
        let measured = received.offset_ms.filter(|_| kind.is_some() && !is_old);
        received.offset_ms = measured.map(|ms| self.clocks.offset(received.device_id, ms, at.monotonic));
        received
    }
}

#[cfg(test)]
mod tests;
