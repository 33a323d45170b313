//! Queries of [`store::inbox`], in SQL that both engines read; compiled by each driver package against its own.

mod effect;
mod hello;

use crate::{Db, Engine};
use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use protocol::AckMessage;
use sqlx::Transaction;
use store::StoreError;
use store::inbox::{Fact, Inbox, Ingested, MAX_GAPS, MAX_QUARANTINED_BYTES, QuarantineRow, Received};
use uuid::Uuid;

#[async_trait]
impl Inbox for Engine {
    async fn ingest(&self, batch: &[Received], now: DateTime<Utc>) -> Result<Ingested, StoreError> {
        let mut tx = self.begin_ingest().await?;
        let mut ingested = Ingested::default();
        let mut epochs: Vec<(Uuid, Uuid)> = Vec::new();
        lock_senders(&mut tx, batch).await?;
        for message in batch {
            if let Some((epoch, seq)) = message.number {
                if !is_known(&mut tx, message.device_id).await? {
                    quarantine(&mut tx, message, "the device is not known", now, &mut ingested).await?;
                    continue;
                }
                if !epochs.contains(&(message.device_id, epoch)) {
                    epochs.push((message.device_id, epoch));
                }
                if let Seen::Before { same_body } = note(&mut tx, message, epoch, seq, now).await? {
                    if !same_body {
                        quarantine(
                            &mut tx,
                            message,
                            "the same number was received before with another body",
                            now,
                            &mut ingested,
                        )
                        .await?;
                    }
                    continue;
                }
            }
            match effect::apply(&mut tx, message, now).await? {
                Ok(touched) => {
                    for touched in touched {
                        if !ingested.touched.contains(&touched) {
                            ingested.touched.push(touched);
                        }
                    }
                }
                Err(reason) => quarantine(&mut tx, message, &reason, now, &mut ingested).await?,
            }
        }
        for (device_id, epoch) in epochs {
            ingested.acks.push((device_id, advance(&mut tx, device_id, epoch).await?));
        }
        tx.commit().await?;
        Ok(ingested)
    }

    async fn acknowledged_through(&self, device_id: Uuid, epoch: Uuid) -> Result<u64, StoreError> {
        let through = sqlx::query_scalar!(
            r#"SELECT contiguous AS "contiguous!: i64" FROM inbox_cursor WHERE device_id = $1 AND epoch = $2"#,
            device_id,
            epoch
        )
        .fetch_optional(&self.read)
        .await?;
        Ok(through.map_or(0, |through| u64::try_from(through).unwrap_or(0)))
    }

    async fn quarantined(&self, limit: i64) -> Result<Vec<QuarantineRow>, StoreError> {
        Ok(sqlx::query_as!(
            QuarantineRow,
            r#"SELECT topic AS "topic!", payload AS "payload!: Vec<u8>", reason AS "reason!",
                      received_at AS "received_at!: DateTime<Utc>"
               FROM quarantine ORDER BY received_at DESC, quarantine_id DESC LIMIT $1"#,
            limit
        )
        .fetch_all(&self.read)
        .await?)
    }

    async fn trim_inbox(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let done = sqlx::query!(
            "DELETE FROM inbox WHERE received_at < $1 AND seq <=
             (SELECT c.contiguous FROM inbox_cursor c WHERE c.device_id = inbox.device_id AND c.epoch = inbox.epoch)",
            before
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }

    async fn trim_quarantine(&self, before: DateTime<Utc>, keep: i64) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let done = sqlx::query!(
            "DELETE FROM quarantine WHERE received_at < $1 OR quarantine_id IN
             (SELECT q.quarantine_id FROM quarantine q ORDER BY q.received_at DESC, q.quarantine_id DESC LIMIT 1000000 OFFSET $2)",
            before,
            keep
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }
}

/// At most this many waiting numbers are looked at for one acknowledgement.
const MAX_WAITING: i64 = 10_000;

/// Locks the cursors of all senders of a batch, always in the same order: other servers may have the same senders in theirs.
async fn lock_senders(tx: &mut Transaction<'static, Db>, batch: &[Received]) -> Result<(), StoreError> {
    let senders: BTreeSet<(Uuid, Uuid)> =
        batch.iter().filter_map(|message| Some((message.device_id, message.number?.0))).collect();
    for (device_id, epoch) in senders {
        // Setting a value to itself takes the row's lock, on either engine.
        sqlx::query!(
            "INSERT INTO inbox_cursor (device_id, epoch)
             SELECT d.device_id, $2 FROM device d WHERE d.device_id = $1 AND d.revoked_at IS NULL
             ON CONFLICT (device_id, epoch) DO UPDATE SET contiguous = inbox_cursor.contiguous",
            device_id,
            epoch
        )
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

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
