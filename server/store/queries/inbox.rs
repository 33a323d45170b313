//! [`store::inbox`]: a batch in one transaction, with a few statements whatever its size.
//!
//! Order of locks, the same in every server: cursors of the senders, robots, then what belongs to them. So two batches that share
//! senders or robots follow each other, and none waits in a circle. In between nothing waits but for the database.

mod effect;
mod hello;
mod numbers;
mod quarantine;
pub(crate) mod rows;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::Transaction;
use store::StoreError;
use store::inbox::{Fact, Inbox, Ingested, LostRow, QuarantineReasonRow, QuarantineRow, Received, Replayed, Touched};
use uuid::Uuid;

use self::effect::Effects;
use self::numbers::Verdict;
use crate::{Db, Engine, does_not_answer, is_refused_value, is_worth_another_try};

/// A batch that met another server's in a circle of locks, or that was chosen to give way, is tried this often.
const TRIES: usize = 3;

#[async_trait]
impl Inbox for Engine {
    async fn ingest(&self, batch: &[Received], now: DateTime<Utc>) -> Result<Ingested, StoreError> {
        let mut all = Ingested::default();
        // A stack of parts still to be stored; a part that fails for a message's sake is halved until that is alone.
        let mut parts = vec![batch];
        while let Some(part) = parts.pop() {
            match (self.store_batch(part, now).await, part) {
                (Ok(ingested), _) => all.add(ingested),
                (Err(error), [message]) => {
                    let reason = for_its_own_sake(&error).ok_or(error)?;
                    all.add(self.set_aside(message, reason, now).await?);
                }
                (Err(error), _) => {
                    for_its_own_sake(&error).ok_or(error)?;
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
            }
        }
        Ok(all)
    }

    async fn replay(&self, quarantine_id: Uuid, message: &Received, now: DateTime<Utc>) -> Result<Replayed, StoreError> {
        match self.replay_once(quarantine_id, message, now).await {
            Err(error) => for_its_own_sake(&error).map(Replayed::Refused).ok_or(error),
            done => done,
        }
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

    async fn quarantined(&self, limit: i64, before: Option<Uuid>) -> Result<Vec<QuarantineRow>, StoreError> {
        quarantine::page(&self.read, limit, before).await
    }

    async fn quarantined_for(&self, reason: &str, limit: i64, before: Option<Uuid>) -> Result<Vec<QuarantineRow>, StoreError> {
        quarantine::of_reason(&self.read, reason, limit, before).await
    }

    async fn quarantine_entry(&self, quarantine_id: Uuid) -> Result<Option<QuarantineRow>, StoreError> {
        quarantine::entry(&self.read, quarantine_id).await
    }

    async fn quarantine_reasons(&self) -> Result<Vec<QuarantineReasonRow>, StoreError> {
        quarantine::reasons(&self.read).await
    }

    async fn lost(&self, limit: i64) -> Result<Vec<LostRow>, StoreError> {
        numbers::lost(&self.read, limit).await
    }

    async fn trim_inbox(&self, before: DateTime<Utc>, limit: i64) -> Result<u64, StoreError> {
        numbers::trim(self, before, limit).await
    }

    async fn trim_quarantine(&self, before: DateTime<Utc>, facts_before: DateTime<Utc>, keep: i64) -> Result<u64, StoreError> {
        let mut tx = self.begin_ingest().await?;
        let removed = quarantine::trim(&mut tx, before, facts_before, keep).await?;
        tx.commit().await?;
        Ok(removed)
    }
}

impl Engine {
    /// Puts a message that cannot be stored into quarantine. Its number is noted, so that its sender goes on; where not even that can be
    /// done, the message waits at its sender too, and comes again.
    async fn set_aside(&self, message: &Received, reason: String, now: DateTime<Utc>) -> Result<Ingested, StoreError> {
        let refused = Received { fact: Fact::Unusable(reason), ..message.clone() };
        match self.store_batch(std::slice::from_ref(&refused), now).await {
            Err(error) => {
                for_its_own_sake(&error).ok_or(error)?;
                self.store_batch(&[Received { number: None, ..refused }], now).await
            }
            done => done,
        }
    }

    async fn replay_once(&self, quarantine_id: Uuid, message: &Received, now: DateTime<Utc>) -> Result<Replayed, StoreError> {
        let mut tx = self.begin_ingest().await?;
        if !quarantine::remove(&mut tx, quarantine_id).await? {
            return Ok(Replayed::Gone);
        }
        if matches!(message.fact, Fact::Hello(_) | Fact::Body(_) | Fact::Link(_)) {
            // How it was then says nothing of how it is now.
            tx.commit().await?;
            return Ok(Replayed::Applied(Vec::new()));
        }
        let message = std::slice::from_ref(message);
        let noted = numbers::note(&mut tx, message, now).await?;
        if let [Verdict::Refused(reason)] = noted.verdicts.as_slice()
            && *reason == numbers::UNKNOWN_DEVICE
        {
            return Ok(Replayed::Refused((*reason).to_owned()));
        }
        let mut effects = Effects::load(&mut tx, &noted, message.iter().map(Some)).await?;
        effects.apply(0, &message[0], now);
        let outcome = effects.write(&mut tx, now).await?;
        if let Some((_, reason)) = outcome.refused.into_iter().next() {
            return Ok(Replayed::Refused(reason));
        }
        numbers::advance(&mut tx, noted, message, now).await?;
        tx.commit().await?;
        Ok(Replayed::Applied(outcome.touched))
    }

    /// Stores a batch whole or not at all; again if it met another server's in a circle of locks.
    async fn store_batch(&self, batch: &[Received], now: DateTime<Utc>) -> Result<Ingested, StoreError> {
        let mut tries = 1;
        loop {
            match self.store_batch_once(batch, now).await {
                Err(StoreError::Query(error)) if tries < TRIES && is_worth_another_try(&error) => tries += 1,
                done => return done,
            }
        }
    }

    async fn store_batch_once(&self, batch: &[Received], now: DateTime<Utc>) -> Result<Ingested, StoreError> {
        let mut tx: Transaction<'static, Db> = self.begin_ingest().await?;
        let noted = numbers::note(&mut tx, batch, now).await?;
        let fresh = |index: usize| matches!(noted.verdicts[index], Verdict::Fresh);
        let mut effects =
            Effects::load(&mut tx, &noted, batch.iter().enumerate().map(|(index, message)| fresh(index).then_some(message)))
                .await?;
        for (index, message) in batch.iter().enumerate() {
            if fresh(index) {
                effects.apply(index, message, now);
            }
        }
        let mut outcome = effects.write(&mut tx, now).await?;
        for (index, verdict) in noted.verdicts.iter().enumerate() {
            if let Verdict::Refused(reason) = verdict {
                outcome.refused.push((index, (*reason).to_owned()));
            }
        }
        outcome.refused.sort_by_key(|(index, _)| *index);
        quarantine::add(&mut tx, batch, &outcome.refused, now).await?;
        let (acks, lost) = numbers::advance(&mut tx, noted, batch, now).await?;
        tx.commit().await?;
        let quarantined = outcome.refused.into_iter().map(|(_, reason)| reason).collect();
        Ok(Ingested { acks, touched: outcome.touched, quarantined, lost })
    }
}

/// Why one message is set aside, if an error is for its sake: the database answered, and no other try helps. `None`: it did not answer.
fn for_its_own_sake(error: &StoreError) -> Option<String> {
    match error {
        StoreError::Query(inner) if is_refused_value(inner) => Some("the database does not take a value of it".to_owned()),
        StoreError::Query(sqlx::Error::Database(inner)) if does_not_answer(inner.as_ref()) => None,
        StoreError::Query(
            inner @ (sqlx::Error::Database(_)
            | sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::Encode(_)),
        ) => Some(effect::reason(&format!("what is stored about it cannot be read: {inner}"))),
        StoreError::Unreadable { .. } => Some(format!("what is stored about it cannot be read: {error}")),
        _ => None,
    }
}

/// What a batch changed, and which of its messages broke a rule.
#[derive(Debug, Default)]
struct Outcome {
    touched: Vec<Touched>,
    refused: Vec<(usize, String)>,
}
