//! The durable queue towards the server: append, send, send again, delete on the server's acknowledgement.
//!
//! One task owns the file and the window of rows under way ([`bridge_core::outbox::Queue`] decides). Work comes in through a bounded
//! queue and is committed in batches; a batch is one transaction, so a fact and the checkpoint that goes with it are never apart.
//! Nothing is deleted before the server says that it is committed, however long that takes.

pub mod store;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bridge_core::outbox::{Acked, Outcome, Queue};
use bridge_core::session::{Checkpoint, Record};
use chrono::SecondsFormat;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use mqtt_link::{Link, PublishError};
use protocol::{AckMessage, BridgeId, Clock, Envelope, EventMessage, Kind, MessageId, PresenceMessage, Topic};
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use crate::config::OutboxConfig;
use crate::observe::{OutboxStatus, Status};
use store::{MessageRow, Store, StoreError};

/// Work that may wait to be written. When it is full the driver waits; media does not pass here.
pub const WORK_QUEUE: usize = 1024;
/// Work committed at once.
const BATCH: usize = 256;
/// How often the file is measured, and a failed write tried again.
const MEASURE_EVERY: Duration = Duration::from_secs(1);
/// How long a stopping bridge goes on sending what the broker takes.
const LAST_WORDS: Duration = Duration::from_millis(800);

/// Something to keep.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// Facts and the checkpoint that goes with them.
    Record(Record),
    /// An event.
    Report(EventMessage),
}

/// What the connection to the broker tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Connected.
    Connected,
    /// Not connected.
    Disconnected,
    /// The server's acknowledgement.
    Acked(AckMessage),
}

/// The task's state.
pub struct Outbox {
    store: Store,
    max_bytes: u64,
    path: PathBuf,
    bridge: BridgeId,
    link: Link,
    clock: Arc<dyn Clock>,
    status: Arc<Status>,
    queue: Queue,
    rows: BTreeMap<u64, MessageRow>,
    publishing: FuturesUnordered<BoxFuture<'static, (u64, Outcome)>>,
    unsaved: Vec<Work>,
    is_failing: bool,
    bytes: u64,
    warned_at_pct: u64,
}

/// Opens the file and closes, as recovered, the sessions that a killed process left open.
///
/// # Errors
/// The file cannot be opened or written.
pub async fn open(config: &OutboxConfig, clock: &dyn Clock) -> Result<Store, StoreError> {
    let store = Store::open(&config.path).await?;
    let left_open = store.checkpoints().await?;
    let mut tx = store.begin().await?;
    let at = clock.now().utc;
    for checkpoint in &left_open {
        for fact in checkpoint.recover() {
            store::append(&mut tx, Kind::Presence, &json(&fact), store::grows(&fact), at).await?;
        }
        store::forget(&mut tx, checkpoint.visit.session).await?;
        tracing::warn!(session.id = %checkpoint.visit.session, "this bridge was killed during a session: it is ended at its last checkpoint");
    }
    tx.commit().await.map_err(StoreError::from)?;
    left_open.iter().flat_map(Checkpoint::recover).for_each(|fact| tell(&fact));
    Ok(store)
}

/// Says what is closed, once it is on disk: whoever doubts the ledger can hold this log against it.
fn tell(fact: &PresenceMessage) {
    match fact {
        PresenceMessage::Interval { session, placement, n, tier, from, span_ms, closed_by: Some(closed_by), .. } => {
            let from = from.to_rfc3339_opts(SecondsFormat::Millis, true);
            tracing::info!(session.id = %session, placement.id = %placement, n, ?tier, from, span_ms, ?closed_by, "an interval is closed");
        }
        PresenceMessage::Interval { closed_by: None, .. } => {}
        PresenceMessage::Ended { session, placement, reason, intervals, total_ms, .. } => {
            tracing::info!(session.id = %session, placement.id = %placement, ?reason, intervals, total_ms, "a session is closed");
        }
    }
}

impl Outbox {
    /// Ready to [`Outbox::run`].
    #[must_use]
    pub fn new(
        store: Store,
        config: &OutboxConfig,
        bridge: BridgeId,
        link: Link,
        clock: Arc<dyn Clock>,
        status: Arc<Status>,
    ) -> Self {
        Self {
            store,
            max_bytes: u64::from(config.max_mib) * 1024 * 1024,
            path: config.path.clone(),
            bridge,
            link,
            clock,
            status,
            queue: Queue::new(usize::try_from(config.in_flight).unwrap_or(usize::MAX)),
            rows: BTreeMap::new(),
            publishing: FuturesUnordered::new(),
            unsaved: Vec::new(),
            is_failing: false,
            bytes: 0,
            warned_at_pct: 0,
        }
    }

    /// Runs until every sender of `work` is gone and what they sent is on disk; then sends on for a moment and closes the file.
    pub async fn run(mut self, mut work: mpsc::Receiver<Work>, mut notices: mpsc::Receiver<Notice>) {
        self.measure().await;
        let mut measured = tokio::time::interval(MEASURE_EVERY);
        measured.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            self.send_due().await;
            let wait = self.wait();
            tokio::select! {
                count = work.recv_many(&mut batch, BATCH), if self.unsaved.is_empty() => {
                    if count == 0 {
                        break;
                    }
                    self.unsaved.append(&mut batch);
                    self.save().await;
                }
                Some((seq, outcome)) = self.publishing.next() => self.published(seq, outcome),
                Some(notice) = notices.recv() => self.notice(notice).await,
                _ = measured.tick() => {
                    self.save().await;
                    self.measure().await;
                }
                () = tokio::time::sleep(wait) => {}
            }
        }
        self.save().await;
        let last_words = async {
            loop {
                self.send_due().await;
                if self.publishing.is_empty() && (self.rows.is_empty() || !self.status.is_broker_connected()) {
                    break;
                }
                tokio::select! {
                    Some((seq, outcome)) = self.publishing.next() => self.published(seq, outcome),
                    Some(notice) = notices.recv() => self.notice(notice).await,
                    else => break,
                }
            }
        };
        let _ = tokio::time::timeout(LAST_WORDS, last_words).await;
        self.store.close().await;
    }

    /// Until the next row is due; at most a second, so that the clock need not run at the speed of tokio's.
    fn wait(&self) -> Duration {
        let now = self.clock.now().monotonic;
        self.queue
            .deadline()
            .map_or(MEASURE_EVERY, |due| due.saturating_sub(now))
            .min(MEASURE_EVERY)
            .max(Duration::from_millis(5))
    }

    async fn save(&mut self) {
        if self.unsaved.is_empty() {
            return;
        }
        match self.write().await {
            Ok(()) => {
                if std::mem::take(&mut self.is_failing) {
                    tracing::info!("the outbox can be written again");
                }
                for work in self.unsaved.drain(..) {
                    if let Work::Record(record) = work {
                        record.facts.iter().for_each(tell);
                    }
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut self.is_failing, true) {
                    let path = self.path.display();
                    tracing::error!(error = &error as &dyn std::error::Error, %path, "the outbox cannot be written: check the disk; relaying goes on");
                }
            }
        }
    }

    async fn write(&mut self) -> Result<(), StoreError> {
        let at = self.clock.now().utc;
        let is_full = self.bytes >= self.max_bytes;
        let mut tx = self.store.begin().await?;
        for work in &self.unsaved {
            match work {
                Work::Record(record) => {
                    for fact in &record.facts {
                        // A full outbox keeps what closes; progress is contained in what closes later.
                        if is_full && matches!(fact, PresenceMessage::Interval { closed_by: None, .. }) {
                            continue;
                        }
                        store::append(&mut tx, Kind::Presence, &json(fact), store::grows(fact), at).await?;
                    }
                    match &record.checkpoint {
                        Some(checkpoint) => store::remember(&mut tx, checkpoint).await?,
                        None => store::forget(&mut tx, record.session).await?,
                    }
                }
                Work::Report(_) if is_full => {}
                Work::Report(event) => store::append(&mut tx, Kind::Event, &json(event), None, at).await?,
            }
        }
        tx.commit().await.map_err(StoreError::from)
    }

    async fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Connected => self.queue.connected(),
            Notice::Disconnected => self.queue.disconnected(),
            Notice::Acked(ack) if ack.epoch != self.store.epoch() => {
                // A retained acknowledgement of an outbox that was replaced.
                tracing::debug!("an acknowledgement of another epoch is ignored");
            }
            Notice::Acked(ack) => {
                let acked = Acked::new(ack.through, &ack.gaps);
                match self.store.delete(&acked.committed()).await {
                    Ok(_) => {
                        self.queue.acked(&acked);
                        self.rows.retain(|seq, _| !acked.covers(*seq));
                    }
                    Err(error) => {
                        tracing::error!(
                            error = &error as &dyn std::error::Error,
                            "acknowledged facts cannot be deleted: check the disk"
                        );
                    }
                }
            }
        }
    }

    async fn send_due(&mut self) {
        if let Some((after, room)) = self.queue.room() {
            match self.store.take(after, room, self.clock.now().utc).await {
                Ok(rows) => {
                    for row in rows {
                        self.queue.take(row.seq);
                        self.rows.insert(row.seq, row);
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.is_failing, true) {
                        tracing::error!(error = &error as &dyn std::error::Error, "the outbox cannot be read: check the disk");
                    }
                }
            }
        }
        let now = self.clock.now();
        for seq in self.queue.due(now.monotonic) {
            let Some(row) = self.rows.get(&seq) else { continue };
            let Ok(body) = RawValue::from_string(row.body.clone()) else { continue };
            let envelope =
                Envelope { id: MessageId(row.message_id), seq: Some(seq), ..Envelope::new(now, self.store.epoch(), body) };
            let (link, topic) = (self.link.clone(), Topic::new(self.bridge, row.kind));
            self.publishing.push(Box::pin(async move {
                let outcome = match link.publish(topic, envelope.to_bytes()).await {
                    Ok(()) => Outcome::Taken,
                    Err(PublishError::Refused { topic, reason }) => {
                        tracing::error!(
                            kind = topic.kind.as_str(),
                            reason,
                            "the broker refuses facts of this bridge: check its access rules"
                        );
                        Outcome::Refused
                    }
                    Err(_) => Outcome::Failed,
                };
                (seq, outcome)
            }));
        }
    }

    fn published(&mut self, seq: u64, outcome: Outcome) {
        self.queue.published(self.clock.now().monotonic, seq, outcome);
    }

    async fn measure(&mut self) {
        let Ok(waiting) = self.store.waiting().await else { return };
        self.bytes = waiting.bytes;
        let full_pct = waiting.bytes.saturating_mul(100) / self.max_bytes.max(1);
        // Announced at half, three quarters, nine tenths and when it is full; quiet again once it has emptied.
        let step = [100, 90, 75, 50].into_iter().find(|step| full_pct >= *step).unwrap_or(0);
        if step > self.warned_at_pct {
            tracing::warn!(
                full_pct,
                waiting = waiting.count,
                "the outbox fills up because the server does not acknowledge: check server and broker"
            );
        }
        self.warned_at_pct = step;
        self.status.set_outbox(OutboxStatus {
            waiting: waiting.count,
            oldest: waiting.oldest,
            full_pct,
            is_failing: self.is_failing,
        });
    }
}

fn json<T: serde::Serialize>(body: &T) -> String {
    serde_json::to_string(body).expect("bodies have string keys and finite numbers")
}
