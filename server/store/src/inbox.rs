//! Inbox and effect in one transaction: what arrived while the last commit ran is stored together, then acknowledged.
//!
//! A durable message is known by (device, epoch, seq). A second copy changes nothing and is acknowledged again. A fact that
//! breaks a rule is kept in quarantine with the reason and counts as received, so that it never blocks what follows; after a fix
//! it can be replayed. Numbers that never come because their sender no longer has them are noted as lost, for people to see.

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use protocol::{AckMessage, EventMessage, HelloMessage, LinkMessage, PresenceMessage, RobotMessage};
use uuid::Uuid;

use crate::StoreError;

/// At most this many gaps are named in one acknowledgement; the rest follow when these are filled.
pub const MAX_GAPS: usize = 100;
/// Of a quarantined payload this much is kept: all of what a sender may send.
pub const MAX_QUARANTINED_BYTES: usize = protocol::MAX_MESSAGE_BYTES;

/// A message as decoded.
#[derive(Clone, Debug)]
pub struct Received {
    /// The client level of its topic, which the broker binds to the credential.
    pub device_id: Uuid,
    /// Names the message; the same for each copy.
    pub message_id: Uuid,
    /// Epoch and number, of durable messages.
    pub number: Option<(Uuid, u64)>,
    /// The lowest number of that epoch that the sender still keeps: lower ones are acknowledged, or never come.
    pub oldest: Option<u64>,
    /// Hash of the body.
    pub body_sha256: [u8; 32],
    /// Sender's clock minus ours on arrival, in milliseconds. None: the message says nothing of it.
    pub offset_ms: Option<i64>,
    /// Sender's monotonic clock when it sent this copy, in milliseconds.
    pub mono_ms: u64,
    /// What it says.
    pub fact: Fact,
    /// For quarantine, should it come to that.
    pub topic: String,
    /// For quarantine, should it come to that, which keeps at most [`MAX_QUARANTINED_BYTES`].
    pub payload: Bytes,
}

/// What a message says.
#[derive(Clone, Debug)]
pub enum Fact {
    /// A device is here, or gone.
    Hello(HelloMessage),
    /// A pupil was live from … until ….
    Presence(PresenceMessage),
    /// Something notable happened.
    Event(EventMessage),
    /// How good the legs are.
    Link(LinkMessage),
    /// What the robot's body does.
    Body(RobotMessage),
    /// It could not be read, or breaks a rule; the text says which.
    Unusable(String),
}

/// What changed, for whoever shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Touched {
    /// A robot's state.
    Robot(Uuid),
    /// A bridge's state.
    Bridge(Uuid),
    /// A pupil's minutes.
    Pupil(Uuid),
}

/// The outcome of one commit.
#[derive(Clone, Debug, Default)]
pub struct Ingested {
    /// What to acknowledge to whom.
    pub acks: Vec<(Uuid, AckMessage)>,
    /// What changed, without repetition.
    pub touched: Vec<Touched>,
    /// Reasons of what went to quarantine.
    pub quarantined: Vec<String>,
    /// Numbers that never came and never will: of which sender, how many.
    pub lost: Vec<(Uuid, u64)>,
}

impl Ingested {
    /// Takes the outcome of a further commit in.
    pub fn add(&mut self, later: Self) {
        self.acks.extend(later.acks);
        for touched in later.touched {
            if !self.touched.contains(&touched) {
                self.touched.push(touched);
            }
        }
        self.quarantined.extend(later.quarantined);
        self.lost.extend(later.lost);
    }
}

/// The outcome of replaying a message from quarantine.
#[derive(Clone, Debug)]
pub enum Replayed {
    /// It had its effect and is no longer in quarantine.
    Applied(Vec<Touched>),
    /// It still cannot be used, for this reason, and stays.
    Refused(String),
    /// It is not in quarantine: somebody was quicker, or it was removed by age.
    Gone,
}

/// A message in quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineRow {
    /// Key; later messages have larger ones.
    pub quarantine_id: Uuid,
    /// Where it was published.
    pub topic: String,
    /// Who sent it, by its topic.
    pub device_id: Option<Uuid>,
    /// Its epoch, if it has a number.
    pub epoch: Option<Uuid>,
    /// Its number.
    pub seq: Option<i64>,
    /// The message, as it came.
    pub payload: Vec<u8>,
    /// Its size, if only its beginning was kept: then it cannot be replayed.
    pub cut_from_bytes: Option<i64>,
    /// Why it could not be used.
    pub reason: String,
    /// When it came.
    pub received_at: DateTime<Utc>,
}

/// How many messages are in quarantine for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineReasonRow {
    /// The reason.
    pub reason: String,
    /// How many.
    pub messages: i64,
    /// The first one still kept.
    pub first_at: DateTime<Utc>,
    /// The latest one.
    pub last_at: DateTime<Utc>,
}

/// Numbers that a sender no longer keeps and that did not come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostRow {
    /// Whose.
    pub device_id: Uuid,
    /// Of which life of its outbox.
    pub epoch: Uuid,
    /// The first number.
    pub first_seq: i64,
    /// The last number.
    pub last_seq: i64,
    /// How many of them came after all, in copies that were still under way.
    pub came: i64,
    /// When it was noted.
    pub noted_at: DateTime<Utc>,
}

/// What arrives, once in effect; what could not be used; what never came.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// Stores a batch in one transaction. A message that the database itself refuses, or that is about something stored which cannot
    /// be read, goes to quarantine like any other that breaks a rule; the rest of its batch is then stored in several transactions.
    ///
    /// # Errors
    /// The database does not answer; of an ordinary batch nothing is stored then. It may be given again in any case.
    async fn ingest(&self, batch: &[Received], now: DateTime<Utc>) -> Result<Ingested, StoreError>;

    /// Applies a message from quarantine, decoded anew: its effect happens although its number is known, and its entry is removed, in
    /// one transaction.
    ///
    /// # Errors
    /// The database does not answer; nothing is changed then.
    async fn replay(&self, quarantine_id: Uuid, message: &Received, now: DateTime<Utc>) -> Result<Replayed, StoreError>;

    /// Up to which number an epoch of a sender is complete; 0 if nothing came.
    ///
    /// # Errors
    /// The database does not answer.
    async fn acknowledged_through(&self, device_id: Uuid, epoch: Uuid) -> Result<u64, StoreError>;

    /// Messages in quarantine, the latest first; with `before`, those older than that one.
    ///
    /// # Errors
    /// The database does not answer.
    async fn quarantined(&self, limit: i64, before: Option<Uuid>) -> Result<Vec<QuarantineRow>, StoreError>;

    /// The same, of those that are there for `reason`.
    ///
    /// # Errors
    /// The database does not answer.
    async fn quarantined_for(&self, reason: &str, limit: i64, before: Option<Uuid>) -> Result<Vec<QuarantineRow>, StoreError>;

    /// One message in quarantine.
    ///
    /// # Errors
    /// The database does not answer.
    async fn quarantine_entry(&self, quarantine_id: Uuid) -> Result<Option<QuarantineRow>, StoreError>;

    /// Why messages are in quarantine, the most frequent reason first.
    ///
    /// # Errors
    /// The database does not answer.
    async fn quarantine_reasons(&self) -> Result<Vec<QuarantineReasonRow>, StoreError>;

    /// What was lost, the latest first.
    ///
    /// # Errors
    /// The database does not answer.
    async fn lost(&self, limit: i64) -> Result<Vec<LostRow>, StoreError>;

    /// Forgets numbers of messages from before `before` that no gap precedes: at most `limit` of each sender. Returns how many.
    ///
    /// # Errors
    /// The database does not answer.
    async fn trim_inbox(&self, before: DateTime<Utc>, limit: i64) -> Result<u64, StoreError>;

    /// Forgets quarantined messages from before `before`, and all but `keep`: the latest of each sender, as many of one as of the other
    /// where there are so many. Those whose number was acknowledged, which their senders no longer have, neither count nor go by
    /// that: only the ones from before `facts_before` are forgotten.
    ///
    /// # Errors
    /// The database does not answer.
    async fn trim_quarantine(&self, before: DateTime<Utc>, facts_before: DateTime<Utc>, keep: i64) -> Result<u64, StoreError>;
}
