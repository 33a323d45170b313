//! Gives robots their bridge and the permission to publish there, and keeps both right as bridges come and go.
//!
//! `server_core::placing` decides; this reads the facts, signs, and sends. Any number of replicas do it at once: whoever changes
//! `robot.granted_at` first sends the permission. A permission that is lost on its way is given again while the robot stands nowhere.

use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use protocol::{BridgeId, GrantMessage, RobotId};
use server_core::placing::{self, Bridge, Choice, Robot};
use store::StoreError;
use store::placing::PlacingRow;
use store::robots::{BridgeRow, DeviceKind};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::{AppState, dispatch};

/// Greetings that wait to be looked at. Beyond it one is dropped: the regular look finds what it would have.
pub const MAX_WAITING: usize = 256;
/// How often all robots are looked at: for permissions that run out, and bridges that carry too much.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// A permission is not repeated sooner, so that replicas that hear the same greeting do not all answer it.
const REPEAT_AFTER: TimeDelta = TimeDelta::seconds(3);

/// Answers greetings and looks at all robots regularly, until shutdown. `heard`: devices whose hello is committed.
pub(crate) async fn run(state: AppState, mut heard: mpsc::Receiver<Uuid>) {
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut last_bridges = Vec::new();
    loop {
        let device = tokio::select! {
            () = state.shutdown.cancelled() => return,
            Some(device) = heard.recv() => Some(device),
            _ = look.tick() => None,
        };
        if let Err(error) = look_at(&state, device, &mut last_bridges).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "robots were not looked at; trying again soon");
        }
    }
}

async fn look_at(state: &AppState, device: Option<Uuid>, last: &mut Vec<Bridge>) -> Result<(), StoreError> {
    let now = state.clock.now().utc;
    let rows = state.store.bridges().await?;
    let mut bridges: Vec<Bridge> = rows.iter().map(|row| known(row, now, state.clock.speed())).collect();
    let robots = match device {
        Some(device) if state.store.device_kind(device).await? == Some(DeviceKind::Robot) => {
            state.store.robot_to_place(device).await?.into_iter().collect()
        }
        // A bridge says hello every few seconds. Only what changes the choice is a reason to look at every robot.
        Some(_) if !differ(&bridges, last) => return Ok(()),
        _ => state.store.robots_to_place().await?,
    };
    last.clone_from(&bridges);
    for robot in robots {
        let Some(choice) = placing::choose(&facts(&robot), &bridges) else { continue };
        if !is_due(state, &robot, choice, now) {
            continue;
        }
        let Some(row) = rows.iter().find(|row| row.bridge_id == choice.bridge.0) else { continue };
        if give(state, &robot, row, choice, now).await? && Some(choice.bridge.0) != robot.bridge_id {
            // The next robot of this round sees where this one went.
            for bridge in &mut bridges {
                if bridge.id == choice.bridge {
                    bridge.robots += 1;
                } else if Some(bridge.id.0) == robot.bridge_id {
                    bridge.robots = bridge.robots.saturating_sub(1);
                }
            }
        }
    }
    Ok(())
}

/// Whether the bridges differ in something that moves robots.
fn differ(now: &[Bridge], before: &[Bridge]) -> bool {
    let key = |bridge: &Bridge| (bridge.id, bridge.is_here, bridge.draining, bridge.is_overloaded());
    !now.iter().map(key).eq(before.iter().map(key))
}

fn known(row: &BridgeRow, now: DateTime<Utc>, speed: u32) -> Bridge {
    let small = |count: i64| u32::try_from(count).unwrap_or(u32::MAX);
    Bridge {
        id: BridgeId(row.bridge_id),
        is_here: row.status == "here" && row.http_base.is_some() && !placing::is_silent(row.load_at, now, speed),
        draining: row.draining,
        robots: small(row.placed),
        capacity: row.capacity.map(small),
        busy_pct: row.busy_pct.map_or(0, small),
    }
}

fn facts(row: &PlacingRow) -> Robot {
    let ids = row.cannot_reach.as_deref().unwrap_or_default();
    Robot {
        id: RobotId(row.robot_id),
        on: row.bridge_id.map(BridgeId),
        granted: row.granted_bridge_id.map(BridgeId),
        cannot_reach: ids.split(',').filter_map(|id| id.parse().ok()).map(BridgeId).collect(),
        is_idle: row.live_session_id.is_none(),
    }
}

/// Whether the robot needs a permission now.
fn is_due(state: &AppState, robot: &PlacingRow, choice: Choice, now: DateTime<Utc>) -> bool {
    let (Some(at), Some(until)) = (robot.granted_at, robot.granted_until_at) else { return true };
    let half = TimeDelta::from_std(state.config.grants.robot_for / 2).unwrap_or(TimeDelta::zero());
    let is_other = robot.granted_bridge_id != Some(choice.bridge.0);
    // It connected anew since, and what it was sent then may be lost with its old connection.
    let is_new = robot.status_at.is_none_or(|said| said > at);
    let stands_nowhere = robot.bridge_id.is_none();
    let may_repeat = now - at >= REPEAT_AFTER || at > now;
    is_other || until - now < half || is_new || ((stands_nowhere || choice.move_now) && may_repeat)
}

/// Claims the robot and sends the permission. `false`: another replica did.
async fn give(
    state: &AppState,
    robot: &PlacingRow,
    bridge: &BridgeRow,
    choice: Choice,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let grant = match dispatch::publish_grant(state, robot.robot_id, bridge) {
        Ok(grant) => grant,
        Err(error) => {
            tracing::error!(robot.id = %robot.robot_id, error = &*error as &dyn std::error::Error, "no permission for this robot");
            return Ok(false);
        }
    };
    let until = grant.expires_at;
    // As precise as every database keeps it, so that it is found again below.
    let now = now.trunc_subsecs(3);
    if !state.store.claim_grant(robot.robot_id, robot.granted_at, bridge.bridge_id, now, until).await? {
        return Ok(false);
    }
    let message = GrantMessage {
        whip_url: grant.whip_url,
        token: grant.token,
        expires_at: until,
        bridge: Some(choice.bridge),
        move_now: choice.move_now,
        with_pupil: choice.with_pupil,
        ice_servers: state.turn.servers(robot.robot_id, until - now),
    };
    match state.dispatch.grant(RobotId(robot.robot_id), message, state.clock.now()).await {
        Ok(()) => {
            tracing::info!(robot.id = %robot.robot_id, bridge.id = %choice.bridge, choice.move_now, "permission to publish sent");
        }
        Err(error) => {
            tracing::warn!(robot.id = %robot.robot_id, error = &error as &dyn std::error::Error, "a permission was not delivered; trying again soon");
            // Nobody has it: whoever looks next may claim it.
            state.store.claim_grant(robot.robot_id, Some(now), bridge.bridge_id, now - REPEAT_AFTER, now).await?;
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests;
