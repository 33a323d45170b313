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

use bridge_core::backlog::{Backlog, MOST_EVENTS};
use bridge_core::outbox::{Acked, Outcome, Queue};
use bridge_core::session::Checkpoint;
use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use mqtt_link::{Link, PublishError};
use protocol::measure::Measure;
use protocol::{AckMessage, BridgeId, Clock, Envelope, Kind, MessageId, PresenceMessage, Topic};
use serde_json::value::RawValue;
use tokio::sync::mpsc;

pub use bridge_core::backlog::Work;

use crate::config::OutboxConfig;
use crate::observe::{OutboxStatus, Status};
use store::{Acknowledged, MessageRow, Store, StoreError};
use uuid::Uuid;

/// Work that may wait to be written; what comes after it waits with the driver ([`bridge_core::backlog`]).
pub const WORK_QUEUE: usize = 1024;
/// Work committed at once; of what waited together only the latest word on each interval is written, so that an outbox that was held up
/// catches up in one short write. No more than a [`Backlog`] holds.
const BATCH: usize = MOST_EVENTS;
/// How often the file is measured, and a failed write tried again.
const MEASURE_EVERY: Duration = Duration::from_secs(1);
/// After the first connection, how long to listen for the server's last acknowledgement before the first message is sent: it tells
/// whether this file is an older copy, while no number has been given twice yet.
const LISTEN_FIRST: Duration = Duration::from_secs(1);
/// Facts that wait longer than this are mentioned in the log …
const LONG: Duration = Duration::from_secs(60);
/// … and again after this.
const MENTION_EVERY: Duration = Duration::from_secs(600);
/// How long a stopping bridge goes on sending what the broker takes.
const LAST_WORDS: Duration = Duration::from_millis(800);

/// What the connection to the broker tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Connected.
    Connected,
    /// Not connected.
    Disconnected,
    /// The server's acknowledgement.
    Acked {
        /// It.
        ack: AckMessage,
        /// When it came, monotonic.
        received: Duration,
    },
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
    publishing: FuturesUnordered<BoxFuture<'static, Published>>,
    measure: Measure,
    first_words: FirstWords,
    mentioned: Option<Duration>,
    unsaved: Vec<Work>,
    is_failing: bool,
    bytes: u64,
    warned_at_pct: u64,
}

/// How a publish of this number of this epoch ended.
type Published = (Uuid, u64, Outcome);

/// Whether anything may be sent yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FirstWords {
    /// Never connected.
    Unconnected,
    /// Listening until then, monotonic.
    ListeningUntil(Duration),
    /// Yes.
    Said,
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
            measure: Measure::new(),
            first_words: FirstWords::Unconnected,
            mentioned: None,
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
                    let mut waited = Backlog::default();
                    batch.drain(..).for_each(|work| waited.keep(work));
                    self.unsaved.extend(std::iter::from_fn(|| waited.take_next()));
                    self.save().await;
                }
                Some(published) = self.publishing.next() => self.published(published),
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
                    Some(published) = self.publishing.next() => self.published(published),
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
        let wait = if let FirstWords::ListeningUntil(until) = self.first_words {
            Some(until.saturating_sub(self.clock.now().monotonic))
        } else {
            self.queue.deadline().map(|due| due.saturating_sub(self.machine_time()))
        };
        wait.unwrap_or(MEASURE_EVERY).min(MEASURE_EVERY).max(Duration::from_millis(5))
    }

    /// What patience is counted by: on a fast clock broker and server are not faster.
    fn machine_time(&self) -> Duration {
        self.clock.now().monotonic / self.clock.speed().max(1)
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
            Err(error) => self.failed(&error, "the outbox cannot be written: check the disk; relaying goes on").await,
        }
    }

    async fn write(&mut self) -> Result<(), StoreError> {
        let at = self.clock.now().utc;
        let is_full = self.bytes >= self.max_bytes;
        let mut left_out = 0_u32;
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
                Work::Report(_) if is_full => left_out += 1,
                Work::Report(event) => store::append(&mut tx, Kind::Event, &json(event), None, at).await?,
            }
        }
        tx.commit().await?;
        if left_out > 0 {
            tracing::warn!(events = left_out, "the outbox is full: events were left out; minutes are kept");
        }
        Ok(())
    }

    async fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Connected => {
                self.queue.connected();
                if self.first_words == FirstWords::Unconnected {
                    self.first_words =
                        FirstWords::ListeningUntil(self.clock.now().monotonic + LISTEN_FIRST * self.clock.speed());
                }
            }
            Notice::Disconnected => self.queue.disconnected(),
            Notice::Acked { ack, received } => {
                self.first_words = FirstWords::Said;
                if let Some(echo) = &ack.clock {
                    self.measure.echo(received, echo);
                    self.status.set_server_clock(self.measure.estimate());
                }
                // Of another epoch: a retained acknowledgement of an outbox that was replaced.
                if ack.epoch == self.store.epoch() {
                    self.acknowledged(&Acked::new(ack.through, &ack.gaps)).await;
                }
            }
        }
    }

    async fn acknowledged(&mut self, acked: &Acked) {
        match self.store.acknowledge(acked).await {
            Ok(Acknowledged::Deleted(_)) => {
                self.is_failing &= !self.unsaved.is_empty();
                self.queue.acked(acked);
                self.rows.retain(|seq, _| !acked.covers(*seq));
            }
            Ok(Acknowledged::Renewed { waiting }) => {
                tracing::error!(
                    waiting,
                    outbox.through = acked.through,
                    outbox.epoch = %self.store.epoch(),
                    "the outbox is an older copy of itself: what it still holds is sent again under new numbers; what it held later and the \
                     server had not committed is lost. Never restore outbox.db from a backup"
                );
                self.queue.start_anew();
                self.rows.clear();
            }
            Err(error) => self.failed(&error, "acknowledged facts cannot be deleted: check the disk").await,
        }
    }

    /// Says so once, until a write succeeds again, and leaves the connection on which it happened.
    async fn failed(&mut self, error: &StoreError, what: &str) {
        if !std::mem::replace(&mut self.is_failing, true) {
            let path = self.path.display();
            tracing::error!(error = error as &dyn std::error::Error, %path, "{what}");
        }
        self.store.start_anew().await;
    }

    async fn send_due(&mut self) {
        match self.first_words {
            FirstWords::Said => {}
            FirstWords::ListeningUntil(until) if until <= self.clock.now().monotonic => self.first_words = FirstWords::Said,
            FirstWords::Unconnected | FirstWords::ListeningUntil(_) => return,
        }
        if let Some((after, room)) = self.queue.room() {
            match self.store.take(after, room, self.clock.now().utc).await {
                Ok(rows) => {
                    for row in rows {
                        self.queue.take(row.seq);
                        self.rows.insert(row.seq, row);
                    }
                }
                Err(error) => self.failed(&error, "the outbox cannot be read: check the disk").await,
            }
        }
        // Rows that are on disk and not under way have higher numbers.
        let oldest = self.rows.first_key_value().map(|(seq, _)| *seq);
        let epoch = self.store.epoch();
        for seq in self.queue.due(self.machine_time()) {
            let Some(row) = self.rows.get(&seq) else { continue };
            let Ok(body) = RawValue::from_string(row.body.clone()) else { continue };
            let (now, id) = (self.clock.now(), MessageId(row.message_id));
            let envelope = Envelope { id, seq: Some(seq), oldest, ..Envelope::new(now, epoch, body) };
            self.measure.sent(id, now.monotonic);
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
                (epoch, seq, outcome)
            }));
        }
    }

    fn published(&mut self, (epoch, seq, outcome): Published) {
        if epoch == self.store.epoch() {
            self.queue.published(self.machine_time(), seq, outcome);
        }
    }

    async fn measure(&mut self) {
        let waiting = match self.store.waiting().await {
            Ok(waiting) => waiting,
            Err(error) => {
                self.failed(&error, "the outbox cannot be read: check the disk").await;
                self.status.set_outbox(OutboxStatus { is_failing: true, ..self.status.outbox() });
                return;
            }
        };
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
        let status = OutboxStatus { waiting: waiting.count, oldest: waiting.oldest, full_pct, is_failing: self.is_failing };
        self.mention(&status);
        self.status.set_outbox(status);
    }

    /// Says in the log, now and then, that facts wait for long, and that they no longer do.
    fn mention(&mut self, status: &OutboxStatus) {
        let (now, speed) = (self.clock.now(), self.clock.speed());
        let is_old = |oldest: DateTime<Utc>| (now.utc - oldest).to_std().is_ok_and(|age| age >= LONG * speed);
        match (status.oldest.is_some_and(is_old), self.mentioned) {
            (true, Some(at)) if now.monotonic < at + MENTION_EVERY * speed => {}
            (true, _) => {
                self.mentioned = Some(now.monotonic);
                tracing::warn!(waiting = status.waiting, "{}: check server and broker", status.in_words());
            }
            (false, Some(_)) if status.waiting == 0 => {
                self.mentioned = None;
                tracing::info!("the server has committed everything that waited");
            }
            (false, _) => {}
        }
    }
}

fn json<T: serde::Serialize>(body: &T) -> String {
    serde_json::to_string(body).expect("bodies have string keys and finite numbers")
}
