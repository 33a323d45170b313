//! The rows that lists of what is due read: each case worked out whole, again after every change and as the days go on.
//!
//! A page over many cases reads rows and works nothing out. Triggers mark what changed (`store::due`); the job here works marked cases
//! out, and a page does so itself for the few marks that concern it, so that whoever saved something finds it in their list. It may be
//! killed at any time and run in many servers: a case is written whole, and never over a newer state.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use server_core::deadline::{Due, Part, without_owner};
use server_core::plan::{PlanState, Setting};
use server_core::timetable;
use store::StoreError;
use store::due::{CaseDue, CaseMark};
use store::record::PartyRow;
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use crate::AppState;
use crate::api::ApiError;
use crate::cases::Whole;

/// How often marks are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Cases worked out at a time, and written in one transaction: whoever writes something else waits for it that long.
const BATCH: usize = 25;
/// A day that never comes.
const FOR_GOOD: NaiveDate = NaiveDate::from_ymd_opt(9999, 12, 31).expect("it is in the calendar");

/// Keeps the rows until shutdown.
pub(crate) async fn run(state: AppState) {
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = state.shutdown.cancelled() => return,
            _ = look.tick() => {}
        }
        while !state.shutdown.is_cancelled() {
            let began = state.clock.now().monotonic;
            match catch_up(&state, None).await {
                // If others wrote them all, they are at it.
                Ok(Progress { found, written }) if found >= BATCH && written > 0 => {
                    // Each morning every case has its turn: half of the time is left to pages.
                    let worked = state.clock.now().monotonic.saturating_sub(began);
                    tokio::time::sleep(worked.min(LOOK_EVERY)).await;
                }
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "what is due was not counted; it is tried again");
                    break;
                }
            }
        }
    }
}

/// Works out what concerns one person, as far as a page may: if there is more, the job has it soon.
///
/// # Errors
/// The database does not answer.
pub async fn catch_up_for(state: &AppState, staff_id: Uuid) -> Result<(), ApiError> {
    catch_up(state, Some(staff_id)).await.map(|_| ())
}

struct Progress {
    found: usize,
    written: usize,
}

async fn catch_up(state: &AppState, staff_id: Option<Uuid>) -> Result<Progress, ApiError> {
    let now = state.clock.now().utc;
    let marks = state.store.cases_to_count(staff_id, now.date_naive(), i64::try_from(BATCH).unwrap_or(i64::MAX)).await?;
    let found = marks.len();
    if found == 0 {
        return Ok(Progress { found, written: 0 });
    }
    let parents: HashMap<Uuid, Option<Uuid>> =
        state.store.organisations().await?.into_iter().map(|row| (row.organisation_id, row.parent_id)).collect();
    let mut cases = Vec::with_capacity(found);
    for mark in &marks {
        match count(state, *mark, &parents, now).await {
            Ok(case) => cases.extend(case),
            Err(error) if is_away(&error) => return Err(error),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(placement.id = %mark.placement_id, error, "what is due in a case cannot be worked out");
                // Tried again, and told again, when it changes and tomorrow.
                cases.push(CaseDue { mark: *mark, holds_until: now.date_naive(), receiving: None, open: Vec::new() });
            }
        }
    }
    // In one order, so that two servers do not wait for each other.
    cases.sort_by_key(|case| case.mark.placement_id);
    Ok(Progress { found, written: state.store.write_cases(&cases).await? })
}

/// Whether the database did not answer, rather than answering with what this program cannot read.
fn is_away(error: &ApiError) -> bool {
    let inner = match error {
        ApiError::Internal(inner) => inner.downcast_ref::<StoreError>(),
        _ => None,
    };
    inner.is_some_and(|error| !matches!(error, StoreError::Unreadable { .. }))
}

/// A case, worked out. None: the placement is gone.
async fn count(
    state: &AppState,
    mark: CaseMark,
    parents: &HashMap<Uuid, Option<Uuid>>,
    now: DateTime<Utc>,
) -> Result<Option<CaseDue>, ApiError> {
    let Some(placement) = state.store.placement(mark.placement_id).await? else { return Ok(None) };
    let authority = parents.get(&placement.school_id).copied().flatten();
    let whole = Whole::of(&state.store, &placement, authority, now).await?;
    let today = whole.schools.calendars().home_school.calendar().day(now);
    let part = |row: PartyRow| Part {
        person: row.person,
        party: row.party,
        days: timetable::Days { from: row.from_day, until: row.until_day },
    };
    let parts: Vec<Part> = state.store.parties(placement.placement_id).await?.into_iter().map(part).collect();
    let orphans: Vec<&Due> = without_owner(&whole.schedule, &parts, today).collect();
    let open = whole.schedule.due.iter().filter(|due| due.done.is_none());
    let open: Vec<(Due, bool)> =
        open.map(|due| (due.clone(), !orphans.iter().any(|orphan| std::ptr::eq(*orphan, due)))).collect();
    // Where nothing is open any more and the loan and the plan are over, no day brings anything new.
    let is_over = open.is_empty()
        && placement.until_day < today
        && whole.plan.as_ref().is_none_or(|(row, _)| matches!(row.plan.state(), PlanState::Closed(_)));
    // Otherwise it holds today: by the school's day, and at most by the day that marks are looked for.
    let holds_until = if is_over { FOR_GOOD } else { today.min(now.date_naive()) };
    let receiving = whole.plan.as_ref().and_then(|(row, _)| match row.plan.receiving() {
        Setting::Known(school) => Some(school.0),
        Setting::Called(_) | Setting::NotNamed => None,
    });
    Ok(Some(CaseDue { mark, holds_until, receiving, open }))
}
