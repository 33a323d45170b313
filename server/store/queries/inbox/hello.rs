//! What a hello changes: who is connected, what a bridge carries, where a robot stands.
//!
//! A connection is named by when it was made. "Here" is always taken, for the clock that named the last one may have been wrong;
//! "gone" only of the connection that is known, for the last will of an older one comes late.

use chrono::{DateTime, Utc};
use protocol::{HelloMessage, Status};
use sqlx::Transaction;
use store::StoreError;
use uuid::Uuid;

use super::rows::{RobotHeld, RobotHello, whole, without_nul};
use crate::Db;
use crate::queries::words::status_word;

/// Of the bridges that a robot cannot reach, so many are remembered.
const MOST_BRIDGES: usize = 32;

/// Takes a robot's hello into what is held of it. `None`: it does not count, being the last will of an older connection.
pub(super) fn robot_said(
    robot: &mut RobotHeld,
    hello: &HelloMessage,
    stands_at: Option<Uuid>,
    offset_ms: Option<i64>,
    now: DateTime<Utc>,
) -> Option<RobotHello> {
    // Both engines keep at least microseconds.
    let is_held = robot.connected_at.is_some_and(|held| held.timestamp_micros() == hello.connected_at.timestamp_micros());
    if hello.status == Status::Gone && robot.connected_at.is_some() && !is_held {
        return None;
    }
    let status = status_word(hello.status);
    if robot.status != status || !is_held {
        robot.status_at = Some(now);
    }
    status.clone_into(&mut robot.status);
    robot.connected_at = Some(hello.connected_at);
    robot.bridge_id = stands_at;
    robot.clock_offset_ms = offset_ms.or(robot.clock_offset_ms);
    let cannot_reach = (!hello.cannot_reach.is_empty())
        .then(|| hello.cannot_reach.iter().take(MOST_BRIDGES).map(ToString::to_string).collect::<Vec<_>>().join(","));
    Some(RobotHello {
        robot_id: robot.robot_id,
        status,
        status_at: robot.status_at,
        connected_at: hello.connected_at,
        bridge_id: stands_at,
        cannot_reach,
        clock_offset_ms: offset_ms,
    })
}

/// Whether a bridge's hello says whatever the one before it said, so that only it has to be written.
pub(super) fn says_all_of(hello: &HelloMessage, before: &HelloMessage) -> bool {
    (hello.status, hello.connected_at) == (before.status, before.connected_at)
        && (hello.http_base.is_some() || before.http_base.is_none())
        && (hello.public_base.is_some() || before.public_base.is_none())
        && (hello.outbox.is_some() || before.outbox.is_none())
}

/// Writes a bridge's hello. `Some(false)`: it does not count, as above; `None`: there is no such bridge.
pub(super) async fn bridge_said(
    tx: &mut Transaction<'static, Db>,
    device: Uuid,
    hello: &HelloMessage,
    offset_ms: Option<i64>,
    now: DateTime<Utc>,
) -> Result<Option<bool>, StoreError> {
    let status = status_word(hello.status);
    let (http_base, public_base) = (hello.http_base.as_deref().map(without_nul), hello.public_base.as_deref().map(without_nul));
    let version = without_nul(&hello.version);
    let (connected_at, load, outbox) = (hello.connected_at, hello.load, hello.outbox.as_ref());
    let (robots, sessions) = (load.map(|load| i64::from(load.robots)), load.map(|load| i64::from(load.sessions)));
    let (capacity, draining) = (load.map(|load| i64::from(load.capacity)), load.is_some_and(|load| load.draining));
    let (load_at, busy_pct) = (load.map(|_| now), load.and_then(|load| load.busy_pct).map(|pct| i64::from(pct.get())));
    // What waits in its outbox is said as long as nothing newer is: also, and above all, while it is gone.
    let waiting = outbox.map(|outbox| whole(outbox.waiting));
    let oldest_at = outbox.and_then(|outbox| outbox.oldest_at);
    let full_pct = outbox.map(|outbox| i64::from(outbox.full_pct.get()));
    let failing = outbox.map(|outbox| outbox.failing);
    let done = sqlx::query!(
        "UPDATE bridge SET status_at = CASE WHEN status = $2 AND connected_at IS NOT DISTINCT FROM $3 THEN status_at ELSE $4 END,
                           status = $2, connected_at = $3, http_base = coalesce($5, http_base),
                           public_base = coalesce($6, public_base), version = $7, robots = $8, sessions = $9, capacity = $10,
                           draining = $11, load_at = $12, busy_pct = $18,
                           outbox_waiting = coalesce($13, outbox_waiting),
                           outbox_oldest_at = CASE WHEN $13 IS NULL THEN outbox_oldest_at ELSE $14 END,
                           outbox_full_pct = coalesce($15, outbox_full_pct), outbox_failing = coalesce($16, outbox_failing),
                           clock_offset_ms = coalesce($17, clock_offset_ms),
                           clock_at = CASE WHEN $17 IS NULL THEN clock_at ELSE $4 END
         WHERE bridge_id = $1 AND ($2 <> 'gone' OR connected_at IS NULL OR connected_at = $3)",
        device,
        status,
        connected_at,
        now,
        http_base,
        public_base,
        version,
        robots,
        sessions,
        capacity,
        draining,
        load_at,
        waiting,
        oldest_at,
        full_pct,
        failing,
        offset_ms,
        busy_pct
    )
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() == 1 {
        return Ok(Some(true));
    }
    let known = sqlx::query_scalar!(r#"SELECT bridge_id AS "id!: Uuid" FROM bridge WHERE bridge_id = $1"#, device)
        .fetch_optional(&mut **tx)
        .await?;
    Ok(known.map(|_| false))
}
