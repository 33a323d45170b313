//! Messages that could not be used: kept whole with the reason, listed, removed by age or when they are replayed.

use chrono::{DateTime, Utc};
use sqlx::{Pool, Transaction};
use store::StoreError;
use store::inbox::{MAX_QUARANTINED_BYTES, QuarantineReasonRow, QuarantineRow, Received};
use uuid::Uuid;

use super::rows::{Quarantined, whole, without_nul};
use crate::{Db, bulk};

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

/// Written at a time: a few megabytes at most.
const AT_A_TIME: usize = 50;

/// Adds these messages of a batch, each with its reason.
pub(super) async fn add(
    tx: &mut Transaction<'static, Db>,
    batch: &[Received],
    refused: &[(usize, String)],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    for some in refused.chunks(AT_A_TIME) {
        let rows: Vec<_> = some.iter().map(|(index, reason)| row(&batch[*index], reason, now)).collect();
        bulk::add_quarantined(tx, &rows).await?;
    }
    Ok(())
}

fn row(message: &Received, reason: &str, now: DateTime<Utc>) -> Quarantined {
    let kept = &message.payload[..message.payload.len().min(MAX_QUARANTINED_BYTES)];
    Quarantined {
        quarantine_id: Uuid::now_v7(),
        topic: without_nul(&message.topic),
        device_id: message.device_id,
        epoch: message.number.map(|(epoch, _)| epoch),
        seq: message.number.map(|(_, seq)| whole(seq)),
        payload: kept.to_vec(),
        cut_from_bytes: (kept.len() < message.payload.len()).then(|| i64::try_from(message.payload.len()).unwrap_or(i64::MAX)),
        reason: reason.to_owned(),
        received_at: now,
    }
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

/// Of what nobody was told that it is here, all but `keep`, and whom it hits: the place of a message is counted among those of its sender,
/// so that one that sends thousands loses its own before anybody else loses one. A fact whose number was acknowledged goes by age alone,
/// and later: its sender no longer has it. One of a device that is not known was not acknowledged, and comes again.
pub(super) async fn trim(
    tx: &mut Transaction<'static, Db>,
    before: DateTime<Utc>,
    facts_before: DateTime<Utc>,
    keep: i64,
) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM quarantine WHERE quarantine_id IN
         (SELECT q.quarantine_id FROM quarantine q LEFT JOIN device d ON d.device_id = q.device_id
          WHERE q.received_at < $1 AND (q.seq IS NULL OR d.device_id IS NULL OR q.received_at < $3))
         OR quarantine_id IN
         (SELECT placed.quarantine_id FROM
            (SELECT q.quarantine_id, row_number() OVER (PARTITION BY q.device_id ORDER BY q.quarantine_id DESC) AS place
             FROM quarantine q LEFT JOIN device d ON d.device_id = q.device_id
             WHERE q.seq IS NULL OR d.device_id IS NULL) placed
          ORDER BY placed.place, placed.quarantine_id DESC LIMIT 1000000 OFFSET $2)",
        before,
        keep,
        facts_before
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected())
}
