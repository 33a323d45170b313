//! What is done by the clock: each job may run twice, or late, without harm.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use protocol::{EndMessage, PlacementId, RobotId};
use server_core::usage::{self, RobotState};
use store::StoreError;
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use crate::{AppState, Change, dispatch, lessons};

/// How often robots are looked at that say nothing: silence sends no message.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// How often what is no longer needed is forgotten.
const TRIM_EVERY: Duration = Duration::from_secs(3_600);
/// Rows removed in one transaction; the ingest waits for it at most that long.
const STEP: i64 = 10_000;
/// Transactions of one kind an hour: a million rows, more than ten thousand robots make.
const MAX_STEPS: usize = 100;
/// Between two of them, for whoever waits.
const PAUSE: Duration = Duration::from_millis(20);

/// Runs the jobs until shutdown.
pub(crate) async fn run(state: AppState) {
    let (mut look, mut trim) = (tokio::time::interval(LOOK_EVERY), tokio::time::interval(TRIM_EVERY));
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    trim.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut known = HashMap::new();
    loop {
        let done = tokio::select! {
            () = state.shutdown.cancelled() => return,
            _ = look.tick() => look_round(&state, &mut known).await,
            _ = trim.tick() => forget(&state).await,
        };
        if let Err(error) = done {
            tracing::warn!(error = &error as &dyn std::error::Error, "a job was not done; it runs again");
        }
    }
}

pub(crate) async fn look_round(state: &AppState, known: &mut HashMap<Uuid, RobotState>) -> Result<(), StoreError> {
    find_silent_robots(state, known).await?;
    // Said when the tablet was switched off; a bridge that did not hear it then hears it now.
    // A tablet that is joined after this moment is not meant.
    let at = state.clock.now();
    let end = |placement| EndMessage { placement: PlacementId(placement), keeps: None };
    let ends: Vec<_> = state.store.visits_to_end().await?.into_iter().map(end).collect();
    dispatch::end_visits(state, &ends, at).await.map(drop)
}

/// Tells pages of robots whose state changed by time alone, and logs a silence once.
async fn find_silent_robots(state: &AppState, known: &mut HashMap<Uuid, RobotState>) -> Result<(), StoreError> {
    let now = state.clock.now().utc;
    let rows = state.store.robots().await?;
    let mut before = std::mem::take(known);
    for row in &rows {
        let is = usage::state(&lessons::robot_facts(row), now);
        let was = before.remove(&row.robot_id);
        known.insert(row.robot_id, is);
        if was.is_some_and(|was| was != is) {
            state.announce(Change::Robot(RobotId(row.robot_id)));
        }
        if is == RobotState::Silent && was != Some(is) {
            tracing::warn!(robot.id = %row.robot_id, "the robot is connected but has not reported for a while");
        }
    }
    Ok(())
}

async fn forget(state: &AppState) -> Result<(), StoreError> {
    let (now, keep) = (state.clock.now().utc, &state.config.keep);
    let before = |kept_for| now - TimeDelta::from_std(kept_for).unwrap_or(TimeDelta::days(30));
    let quarantined =
        state.store.trim_quarantine(before(keep.quarantined_for), before(keep.events_for), i64::from(keep.quarantined)).await?;
    let inbox = in_steps(state, Old::Numbers, before(keep.inbox_for)).await?;
    let events = in_steps(state, Old::Events, before(keep.events_for)).await?;
    let telemetry = in_steps(state, Old::Telemetry, before(keep.telemetry_for)).await?;
    if quarantined + inbox + events + telemetry > 0 {
        tracing::info!(quarantined, inbox, events, telemetry, "what is no longer needed was forgotten");
    }
    Ok(())
}

/// What goes by age alone, and may be many rows.
#[derive(Clone, Copy)]
enum Old {
    Numbers,
    Events,
    Telemetry,
}

/// Removes in small transactions, so that nothing waits long for one; what is left after the last one goes the next time.
async fn in_steps(state: &AppState, what: Old, before: DateTime<Utc>) -> Result<u64, StoreError> {
    let mut removed = 0;
    for _ in 0..MAX_STEPS {
        let more = match what {
            Old::Numbers => state.store.trim_inbox(before, STEP).await?,
            Old::Events => state.store.trim_events(before, STEP).await?,
            Old::Telemetry => state.store.trim_telemetry(before, STEP).await?,
        };
        removed += more;
        if more < STEP.unsigned_abs() || state.shutdown.is_cancelled() {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(removed)
}
