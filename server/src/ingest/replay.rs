//! Messages that were set aside, read once more after what was wrong was put right.

use store::StoreError;
use store::inbox::{QuarantineRow, Replayed};
use uuid::Uuid;

use super::decode;
use crate::AppState;

/// So many messages are looked at for one reason.
const LOOKED_AT: i64 = 5_000;
/// So many are read from the database at once.
const AT_ONCE: i64 = 500;

/// How trying again went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Messages that have their effect now.
    pub read: u64,
    /// Messages that still cannot be used.
    pub left: u64,
}

/// Tries one message again.
///
/// # Errors
/// The database does not answer.
pub async fn one(state: &AppState, id: Uuid) -> Result<Outcome, StoreError> {
    let mut outcome = Outcome::default();
    if let Some(row) = state.store.quarantine_entry(id).await? {
        again(state, &row, &mut outcome).await?;
    }
    Ok(outcome)
}

/// Tries every message again that was set aside for `reason`, the latest first. What is beyond the bound needs another call.
///
/// # Errors
/// The database does not answer; what was tried until then is done.
pub async fn all(state: &AppState, reason: &str) -> Result<Outcome, StoreError> {
    let mut outcome = Outcome::default();
    let (mut before, mut looked_at) = (None, 0);
    while looked_at < LOOKED_AT && !state.shutdown.is_cancelled() {
        let rows = state.store.quarantined(AT_ONCE, before).await?;
        let Some(last) = rows.last() else { break };
        before = Some(last.quarantine_id);
        looked_at += AT_ONCE;
        for row in rows.iter().filter(|row| row.reason == reason) {
            again(state, row, &mut outcome).await?;
        }
    }
    Ok(outcome)
}

async fn again(state: &AppState, row: &QuarantineRow, outcome: &mut Outcome) -> Result<(), StoreError> {
    let now = state.clock.now().utc;
    let kind = match row.device_id {
        Some(device) => state.store.device_kind(device).await?,
        None => None,
    };
    let message = decode::decode(&row.topic, &row.payload.clone().into(), kind, now);
    match state.store.replay(row.quarantine_id, &message, now).await? {
        Replayed::Applied(touched) => {
            outcome.read += 1;
            touched.into_iter().for_each(|touched| state.announce(touched.into()));
        }
        Replayed::Refused(_) => outcome.left += 1,
        // Somebody was quicker.
        Replayed::Gone => {}
    }
    Ok(())
}
