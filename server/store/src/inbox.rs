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
<<<<<<< HEAD

enum Seen {
    First,
    Before { same_body: bool },
}

async fn is_known(tx: &mut Transaction<'static, Db>, device_id: Uuid) -> Result<bool, StoreError> {
    let row = sqlx::query!(r#"SELECT kind AS "kind!" FROM device WHERE device_id = $1 AND revoked_at IS NULL"#, device_id)
        .fetch_optional(&mut **tx)
        .await?;
    Ok(row.is_some())
}

async fn note(
    tx: &mut Transaction<'static, Db>,
    message: &Received,
    epoch: Uuid,
    seq: u64,
    now: DateTime<Utc>,
) -> Result<Seen, StoreError> {
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    let kind = kind_word(&message.fact);
    let added = sqlx::query!(
        "INSERT INTO inbox (device_id, epoch, seq, kind, received_at, body_sha256) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (device_id, epoch, seq) DO NOTHING",
        message.device_id,
        epoch,
        seq,
        kind,
        now,
        message.body_sha256
    )
    .execute(&mut **tx)
    .await?;
    if added.rows_affected() == 1 {
        return Ok(Seen::First);
    }
    let before = sqlx::query!(
        r#"SELECT body_sha256 AS "body_sha256!: Vec<u8>" FROM inbox WHERE device_id = $1 AND epoch = $2 AND seq = $3"#,
        message.device_id,
        epoch,
        seq
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(Seen::Before { same_body: before.body_sha256 == message.body_sha256 })
}

/// Moves the cursor over what is now contiguous and says what is missing.
async fn advance(tx: &mut Transaction<'static, Db>, device_id: Uuid, epoch: Uuid) -> Result<AckMessage, StoreError> {
    sqlx::query!(
        "INSERT INTO inbox_cursor (device_id, epoch) VALUES ($1, $2) ON CONFLICT (device_id, epoch) DO NOTHING",
        device_id,
        epoch
    )
    .execute(&mut **tx)
    .await?;
    let cursor = sqlx::query!(
        r#"SELECT contiguous AS "contiguous!: i64" FROM inbox_cursor WHERE device_id = $1 AND epoch = $2"#,
        device_id,
        epoch
    )
    .fetch_one(&mut **tx)
    .await?;
    let waiting = sqlx::query_scalar!(
        r#"SELECT seq AS "seq!: i64" FROM inbox WHERE device_id = $1 AND epoch = $2 AND seq > $3 ORDER BY seq LIMIT $4"#,
        device_id,
        epoch,
        cursor.contiguous,
        MAX_WAITING
    )
    .fetch_all(&mut **tx)
    .await?;
    let (contiguous, through, gaps) = survey(cursor.contiguous, &waiting);
    sqlx::query!(
        "UPDATE inbox_cursor SET contiguous = $3, highest = CASE WHEN highest > $4 THEN highest ELSE $4 END
         WHERE device_id = $1 AND epoch = $2",
        device_id,
        epoch,
        contiguous,
        through
    )
    .execute(&mut **tx)
    .await?;
    Ok(AckMessage {
        epoch,
        through: u64::try_from(through).unwrap_or(0),
        gaps: gaps.into_iter().map(|(a, b)| (u64::try_from(a).unwrap_or(0), u64::try_from(b).unwrap_or(0))).collect(),
        clock: None,
    })
}

/// From the contiguous end and the sorted numbers after it: the new contiguous end, the highest number covered, the gaps below it.
fn survey(mut contiguous: i64, waiting: &[i64]) -> (i64, i64, Vec<(i64, i64)>) {
    let mut through = contiguous;
    let mut gaps = Vec::new();
    for &seq in waiting {
        if seq > through.saturating_add(1) {
            if gaps.len() == MAX_GAPS {
                break;
            }
            gaps.push((through + 1, seq - 1));
        }
        through = seq;
        if gaps.is_empty() {
            contiguous = seq;
        }
    }
    (contiguous, through, gaps)
}

async fn quarantine(
    tx: &mut Transaction<'static, Db>,
    message: &Received,
    reason: &str,
    now: DateTime<Utc>,
    ingested: &mut Ingested,
) -> Result<(), StoreError> {
    let kept = &message.payload[..message.payload.len().min(MAX_QUARANTINED_BYTES)];
    let id = Uuid::now_v7();
    sqlx::query!(
        "INSERT INTO quarantine (quarantine_id, topic, payload, reason, received_at) VALUES ($1, $2, $3, $4, $5)",
        id,
        message.topic,
        kept,
        reason,
        now
    )
    .execute(&mut **tx)
    .await?;
    ingested.quarantined.push(reason.to_owned());
    Ok(())
}

fn kind_word(fact: &Fact) -> &'static str {
    match fact {
        Fact::Hello(_) => "hello",
        Fact::Presence(_) => "presence",
        Fact::Event(_) => "event",
        Fact::Link(_) => "link",
        Fact::Body(_) => "robot",
        Fact::Unusable(_) => "unusable",
    }
}

#[cfg(test)]
mod tests;
=======
>>>>>>> ecffcd9 (One store, two engines: rows and traits in `store`, queries compiled for SQLite and PostgreSQL; one test-suite on both; migration 0004; PostgreSQL for tests)
