//! Messages that could not be used: kept whole with the reason, listed, removed by age or when they are replayed.

use chrono::{DateTime, Utc};
use sqlx::{Pool, Transaction};
use store::StoreError;
use store::inbox::{MAX_QUARANTINED_BYTES, QuarantineReasonRow, QuarantineRow, Received};
use uuid::Uuid;

use super::rows::without_nul;
use crate::Db;

macro_rules! entries {
    ($tail:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            QuarantineRow,
            r#"SELECT quarantine_id AS "quarantine_id!: Uuid", topic AS "topic!", device_id AS "device_id?: Uuid",
                      epoch AS "epoch?: Uuid", seq AS "seq?: i64", payload AS "payload!: Vec<u8>",
                      cut_from_bytes AS "cut_from_bytes?: i64", reason AS "reason!", received_at AS "received_at!: DateTime<Utc>"
               FROM quarantine "# + $tail
            $(, $argument)*
        )
    };
}

pub(super) async fn add(
    tx: &mut Transaction<'static, Db>,
    message: &Received,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let kept = &message.payload[..message.payload.len().min(MAX_QUARANTINED_BYTES)];
    let cut_from = (kept.len() < message.payload.len()).then(|| i64::try_from(message.payload.len()).unwrap_or(i64::MAX));
    let (id, topic) = (Uuid::now_v7(), without_nul(&message.topic));
    let (epoch, seq) = message.number.map(|(epoch, seq)| (epoch, i64::try_from(seq).unwrap_or(i64::MAX))).unzip();
    sqlx::query!(
        "INSERT INTO quarantine (quarantine_id, topic, device_id, epoch, seq, payload, cut_from_bytes, reason, received_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        id,
        topic,
        message.device_id,
        epoch,
        seq,
        kept,
        cut_from,
        reason,
        now
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Whether it was there.
pub(super) async fn remove(tx: &mut Transaction<'static, Db>, quarantine_id: Uuid) -> Result<bool, StoreError> {
    let done = sqlx::query!("DELETE FROM quarantine WHERE quarantine_id = $1", quarantine_id).execute(&mut **tx).await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn page(pool: &Pool<Db>, limit: i64, before: Option<Uuid>) -> Result<Vec<QuarantineRow>, StoreError> {
    let before = before.unwrap_or(Uuid::max());
    Ok(entries!("WHERE quarantine_id < $1 ORDER BY quarantine_id DESC LIMIT $2", before, limit).fetch_all(pool).await?)
}

pub(super) async fn of_reason(
    pool: &Pool<Db>,
    reason: &str,
    limit: i64,
    before: Option<Uuid>,
) -> Result<Vec<QuarantineRow>, StoreError> {
    let before = before.unwrap_or(Uuid::max());
    let rows = entries!("WHERE reason = $1 AND quarantine_id < $2 ORDER BY quarantine_id DESC LIMIT $3", reason, before, limit);
    Ok(rows.fetch_all(pool).await?)
}

pub(super) async fn entry(pool: &Pool<Db>, quarantine_id: Uuid) -> Result<Option<QuarantineRow>, StoreError> {
    Ok(entries!("WHERE quarantine_id = $1", quarantine_id).fetch_optional(pool).await?)
}

pub(super) async fn reasons(pool: &Pool<Db>) -> Result<Vec<QuarantineReasonRow>, StoreError> {
    Ok(sqlx::query_as!(
        QuarantineReasonRow,
        r#"SELECT reason AS "reason!", count(*) AS "messages!: i64", min(received_at) AS "first_at!: DateTime<Utc>",
                  max(received_at) AS "last_at!: DateTime<Utc>"
           FROM quarantine GROUP BY reason ORDER BY count(*) DESC, reason"#
    )
    .fetch_all(pool)
    .await?)
}

/// All but `keep`, and whom it hits: the place of a message is counted among those of its sender, so that one that sends thousands
/// loses its own before anybody else loses one. A fact with a number is kept longer: its sender was told that it is here.
pub(super) async fn trim(
    tx: &mut Transaction<'static, Db>,
    before: DateTime<Utc>,
    facts_before: DateTime<Utc>,
    keep: i64,
) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM quarantine WHERE received_at < $1 AND (seq IS NULL OR received_at < $3) OR quarantine_id IN
         (SELECT placed.quarantine_id FROM
            (SELECT q.quarantine_id, row_number() OVER (PARTITION BY q.device_id ORDER BY q.quarantine_id DESC) AS place
             FROM quarantine q) placed
          ORDER BY placed.place, placed.quarantine_id DESC LIMIT 1000000 OFFSET $2)",
        before,
        keep,
        facts_before
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected())
}
