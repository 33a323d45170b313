//! What is done by the clock: each job may run twice, or late, without harm.

use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::MissedTickBehavior;

use crate::AppState;

/// How often the jobs run.
const EVERY: Duration = Duration::from_secs(600);

/// Runs the jobs until shutdown.
pub(crate) async fn run(state: AppState) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = state.shutdown.cancelled() => return,
            _ = tick.tick() => {}
        }
        trim_quarantine(&state).await;
    }
}

async fn trim_quarantine(state: &AppState) {
    let kept_for = TimeDelta::from_std(state.config.keep.quarantined_for).unwrap_or(TimeDelta::days(30));
    let before = state.clock.now().utc - kept_for;
    match state.store.trim_quarantine(before, i64::from(state.config.keep.quarantined)).await {
        Ok(0) => {}
        Ok(removed) => tracing::info!(removed, "old messages in quarantine are forgotten"),
        Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "the quarantine was not trimmed"),
    }
}
