//! Messages that were set aside, read once more after what was wrong was put right.

use std::time::Duration;

use store::StoreError;
use store::inbox::{QuarantineRow, Replayed};
use uuid::Uuid;

use super::decode;
use crate::AppState;

/// So long messages of one reason are tried again before the answer: less than any request may take.
pub const AT_MOST: Duration = Duration::from_secs(8);
/// So many are read from the database at once.
const AT_ONCE: i64 = 500;

/// How trying again went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Messages that have their effect now.
    pub read: u64,
    /// Messages that still cannot be used.
    pub left: u64,
    /// Where there was no time for all: this one and those before it were not tried.
    pub next: Option<Uuid>,
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

/// Tries every message again that was set aside for `reason`, the latest first, or on from `from`. What there is no time for needs
/// another call, which begins at [`Outcome::next`]; one is tried in any case.
///
/// # Errors
/// The database does not answer; what was tried until then is done.
pub async fn all(state: &AppState, reason: &str, from: Option<Uuid>, within: Duration) -> Result<Outcome, StoreError> {
    let (mut outcome, begun) = (Outcome::default(), state.clock.now().monotonic);
    // A fast clock makes no browser wait shorter.
    let within = within * state.clock.speed();
    let mut before = from.map(|id| Uuid::from_u128(id.as_u128().saturating_add(1)));
    let mut tried = false;
    loop {
        let rows = state.store.quarantined_for(reason, AT_ONCE, before).await?;
        if rows.is_empty() {
            return Ok(outcome);
        }
        for row in &rows {
            if tried && (state.clock.now().monotonic.saturating_sub(begun) >= within || state.shutdown.is_cancelled()) {
                outcome.next = Some(row.quarantine_id);
                return Ok(outcome);
            }
            again(state, row, &mut outcome).await?;
            (tried, before) = (true, Some(row.quarantine_id));
        }
    }
}

async fn again(state: &AppState, row: &QuarantineRow, outcome: &mut Outcome) -> Result<(), StoreError> {
    let now = state.clock.now().utc;
    let kind = match row.device_id {
        Some(device) => state.store.device_kind(device).await?,
        None => None,
    };
    // Its clock is held against the moment when it came.
    let message = decode::decode(&row.topic, &row.payload.clone().into(), kind, row.received_at);
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
