//! Gives robots their bridge and the permission to publish there, and keeps both right as bridges come and go.
//!
//! `server_core::placing` decides; this reads the facts, signs, and sends. Any number of replicas do it at once: whoever changes
//! `robot.granted_at` first sends the permission. A permission that is lost on its way is given again while the robot stands nowhere.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use futures_util::{StreamExt as _, stream};
use mqtt_link::PublishError;
use protocol::{BridgeId, GrantMessage, RobotId};
use server_core::placing::{self, Bridge, Choice, Robot};
use store::StoreError;
use store::placing::PlacingRow;
use store::robots::BridgeRow;
use tokio::sync::{Semaphore, mpsc};
use uuid::Uuid;

use crate::{AppState, dispatch};

/// Greetings that wait to be looked at: several batches of the ingest, for after a broker's return everybody greets. Beyond it one is
/// dropped: the regular look finds what it would have.
pub const MAX_WAITING: usize = 4_096;
/// How often all robots are looked at: for permissions that run out, and bridges that carry too much.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// A permission is not repeated sooner, so that replicas that hear the same greeting do not all answer it.
const REPEAT_AFTER: TimeDelta = TimeDelta::seconds(3);
/// Permissions that are sent at once: a bridge that is lost leaves hundreds of robots, and each waits for the broker's confirmation.
const SENT_AT_ONCE: usize = 64;
/// Of these, so many note in the database at once that they are sent; the other connections are for whoever waits for a page.
const CLAIMED_AT_ONCE: usize = 4;
/// Of so many robots that greet at once each is read alone; of more, all are read once.
const READ_ALONE: usize = 8;

/// Answers greetings and looks at all robots regularly, until shutdown. `heard`: devices whose hello is committed.
pub(crate) async fn run(state: AppState, mut heard: mpsc::Receiver<Uuid>) {
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut last_bridges, mut greeted) = (Vec::new(), Vec::new());
    loop {
        greeted.clear();
        let who = tokio::select! {
            () = state.shutdown.cancelled() => return,
            1.. = heard.recv_many(&mut greeted, MAX_WAITING) => Look::At(&greeted),
            _ = look.tick() => Look::Around,
        };
        if let Err(error) = look_at(&state, who, &mut last_bridges).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "robots were not looked at; trying again soon");
        }
    }
}

/// Whom a round looks at.
#[derive(Clone, Copy)]
enum Look<'a> {
    /// Devices that said hello.
    At(&'a [Uuid]),
    /// Every robot.
    Around,
}

async fn look_at(state: &AppState, who: Look<'_>, last: &mut Vec<Bridge>) -> Result<(), StoreError> {
    let now = state.clock.now().utc;
    let rows = state.store.bridges().await?;
    let bridges: Vec<Bridge> = rows.iter().map(|row| known(row, now, state.clock.speed())).collect();
    let is_bridge = |device: &Uuid| rows.iter().any(|row| row.bridge_id == *device);
    let robots = match who {
        // A bridge says hello every few seconds. Only what changes the choice is a reason to look at every robot.
        Look::At(devices) if !(devices.iter().any(is_bridge) && differ(&bridges, last)) => {
            let robots: BTreeSet<Uuid> = devices.iter().copied().filter(|device| !is_bridge(device)).collect();
            return give_all(state, &rows, bridges, these(state, &robots).await?, now).await.map(drop);
        }
        _ => state.store.robots_to_place().await?,
    };
    let seen = bridges.clone();
    if give_all(state, &rows, bridges, robots, now).await? {
        // Until then whatever a bridge says is a reason to look at every robot again.
        *last = seen;
    }
    Ok(())
}

/// Those of them that are connected robots.
async fn these(state: &AppState, ids: &BTreeSet<Uuid>) -> Result<Vec<PlacingRow>, StoreError> {
    if ids.len() > READ_ALONE {
        let mut robots = state.store.robots_to_place().await?;
        robots.retain(|robot| ids.contains(&robot.robot_id));
        return Ok(robots);
    }
    let mut robots = Vec::with_capacity(ids.len());
    for id in ids {
        robots.extend(state.store.robot_to_place(*id).await?);
    }
    Ok(robots)
}

/// A permission that a robot needs now.
struct Due<'a> {
    robot: PlacingRow,
    bridge: &'a BridgeRow,
    choice: Choice,
}

/// Chooses for one robot after the other, and then gives the permissions, many at once. Whether all of it was done: `false` if the broker
/// is away.
async fn give_all(
    state: &AppState,
    rows: &[BridgeRow],
    mut bridges: Vec<Bridge>,
    robots: Vec<PlacingRow>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let mut due = Vec::new();
    for robot in robots {
        let Some(choice) = placing::choose(&facts(&robot), &bridges) else { continue };
        let Some(bridge) = rows.iter().find(|row| row.bridge_id == choice.bridge.0) else { continue };
        if !is_due(state, &robot, choice, now) {
            continue;
        }
        if Some(choice.bridge.0) != robot.bridge_id {
            // The next robot of this round sees where this one goes.
            for bridge in &mut bridges {
                if bridge.id == choice.bridge {
                    bridge.robots += 1;
                } else if Some(bridge.id.0) == robot.bridge_id {
                    bridge.robots = bridge.robots.saturating_sub(1);
                }
            }
        }
        due.push(Due { robot, bridge, choice });
    }
    let claims = Semaphore::new(CLAIMED_AT_ONCE);
    let is_away = AtomicBool::new(false);
    let (claims, is_away) = (&claims, &is_away);
    let all: Vec<_> = due
        .into_iter()
        .map(|due| async move {
            // One wait for a broker that is away is enough, and at shutdown there is none.
            if is_away.load(Ordering::Relaxed) || state.shutdown.is_cancelled() {
                return Ok(());
            }
            if matches!(give(state, &due, claims, now).await?, Given::NotNow) {
                is_away.store(true, Ordering::Relaxed);
            }
            Ok(())
        })
        .collect();
    let mut given = stream::iter(all).buffer_unordered(SENT_AT_ONCE);
    let mut failed = None;
    // One that the database did not take keeps no other from its permission.
    while let Some(done) = given.next().await {
        if let Err(error) = done {
            failed.get_or_insert(error);
        }
    }
    failed.map_or_else(|| Ok(!is_away.load(Ordering::Relaxed)), Err)
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

/// What became of a permission.
enum Given {
    /// It was sent; or it is not for this round: another replica sent one, or it cannot be signed or sent.
    Done,
    /// The broker did not confirm it. It is sent again soon.
    NotNow,
}

/// Claims the robot and sends the permission, unless another replica did.
async fn give(state: &AppState, due: &Due<'_>, claims: &Semaphore, now: DateTime<Utc>) -> Result<Given, StoreError> {
    let Due { robot, bridge, choice } = due;
    let grant = match dispatch::publish_grant(state, robot.robot_id, bridge) {
        Ok(grant) => grant,
        Err(error) => {
            tracing::error!(robot.id = %robot.robot_id, error = &*error as &dyn std::error::Error, "no permission for this robot");
            return Ok(Given::Done);
        }
    };
    let until = grant.expires_at;
    // As precise as every database keeps it, so that it is found again below.
    let now = now.trunc_subsecs(3);
    let claim = async |seen, at, until| {
        let _turn = claims.acquire().await.expect("it is never closed");
        state.store.claim_grant(robot.robot_id, seen, bridge.bridge_id, at, until).await
    };
    if !claim(robot.granted_at, now, until).await? {
        return Ok(Given::Done);
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
    let Err(error) = state.dispatch.grant(RobotId(robot.robot_id), message, state.clock.now()).await else {
        tracing::info!(robot.id = %robot.robot_id, bridge.id = %choice.bridge, choice.move_now, "permission to publish sent");
        return Ok(Given::Done);
    };
    tracing::warn!(robot.id = %robot.robot_id, error = &error as &dyn std::error::Error, "a permission was not delivered; trying again soon");
    // Nobody has it: whoever looks next may claim it.
    claim(Some(now), now - REPEAT_AFTER, now).await?;
    Ok(if matches!(error, PublishError::Refused { .. }) { Given::Done } else { Given::NotNow })
}

#[cfg(test)]
mod tests;
