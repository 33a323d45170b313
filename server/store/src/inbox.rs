//! Inbox and effect in one transaction: what arrived while the last commit ran is stored together, then acknowledged.
//!
//! A durable message is known by (device, epoch, seq). A second copy changes nothing and is acknowledged again. A fact that
//! breaks a rule is kept in quarantine with the reason and counts as received, so that it never blocks what follows.

use crate::StoreError;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use protocol::{AckMessage, EventMessage, HelloMessage, LinkMessage, PresenceMessage, RobotMessage};
use uuid::Uuid;

/// At most this many gaps are named in one acknowledgement; the rest follow when these are filled.
pub const MAX_GAPS: usize = 100;

/// Of a quarantined payload this much is kept.
pub const MAX_QUARANTINED_BYTES: usize = 4096;

/// A message as decoded.
#[derive(Clone, Debug)]
pub struct Received {
    /// The client level of its topic, which the broker binds to the credential.
    pub device_id: Uuid,
    /// Names the message; the same for each copy.
    pub message_id: Uuid,
    /// Epoch and number, of durable messages.
    pub number: Option<(Uuid, u64)>,
    /// Hash of the body.
    pub body_sha256: Vec<u8>,
    /// Sender's clock minus ours on arrival, in milliseconds.
    pub offset_ms: i64,
    /// Sender's monotonic clock when it sent this copy, in milliseconds.
    pub mono_ms: u64,
    /// What it says.
    pub fact: Fact,
    /// For quarantine, should it come to that.
    pub topic: String,
    /// For quarantine, should it come to that.
    pub payload: Vec<u8>,
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

/// A rule that a stored fact would break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused(pub &'static str);

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
}

/// A message in quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineRow {
    /// Where it was published.
    pub topic: String,
    /// Its beginning.
    pub payload: Vec<u8>,
    /// Why it could not be used.
    pub reason: String,
    /// When it came.
    pub received_at: DateTime<Utc>,
}

/// Inbox and effect in one transaction: what arrived while the last commit ran is stored together, then acknowledged.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// Stores a batch in one transaction.
    ///
    /// # Errors
    /// The database does not answer; nothing of the batch is stored then.
    async fn ingest(&self, batch: &[Received], now: DateTime<Utc>) -> Result<Ingested, StoreError>;

    /// Up to which number an epoch of a sender is complete; 0 if nothing came.
    ///
    /// # Errors
    /// The database does not answer.
    async fn acknowledged_through(&self, device_id: Uuid, epoch: Uuid) -> Result<u64, StoreError>;

    /// The latest messages in quarantine.
    ///
    /// # Errors
    /// The database does not answer.
    async fn quarantined(&self, limit: i64) -> Result<Vec<QuarantineRow>, StoreError>;

    /// Forgets the numbers of messages from before `before` that no gap precedes.
    ///
    /// # Errors
    /// The database does not answer.
    async fn trim_inbox(&self, before: DateTime<Utc>) -> Result<u64, StoreError>;

    /// Forgets quarantined messages from before `before`, and all but the latest `keep`.
    ///
    /// # Errors
    /// The database does not answer.
    async fn trim_quarantine(&self, before: DateTime<Utc>, keep: i64) -> Result<u64, StoreError>;
}
