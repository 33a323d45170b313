//! What a hello changes: who is connected, what a bridge carries, where a robot stands.
//!
//! A connection is named by when it was made. "Here" is always taken, for the clock that named the last one may have been wrong;
//! "gone" only of the connection that is known, for the last will of an older one comes late.

use chrono::{DateTime, Utc};
use protocol::{HelloMessage, Role, Status};
use sqlx::Transaction;
use store::StoreError;
use store::inbox::Touched;
use uuid::Uuid;

use crate::Db;

/// Applies a hello. The inner `Err` is the reason for quarantine.
pub(super) async fn said(
    tx: &mut Transaction<'static, Db>,
    device: Uuid,
    hello: &HelloMessage,
    offset_ms: i64,
    now: DateTime<Utc>,
) -> Result<Result<Vec<Touched>, String>, StoreError> {
    let status = match hello.status {
        Status::Here => "here",
        Status::Gone => "gone",
        Status::OffByPerson => "off_by_person",
    };
    match hello.role {
        Role::Robot => robot_said(tx, device, hello, status, offset_ms, now).await,
        Role::Bridge => bridge_said(tx, device, hello, status, offset_ms, now).await,
    }
}

async fn robot_said(
    tx: &mut Transaction<'static, Db>,
    device: Uuid,
    hello: &HelloMessage,
    status: &str,
    offset_ms: i64,
    now: DateTime<Utc>,
) -> Result<Result<Vec<Touched>, String>, StoreError> {
    let connected_at = hello.connected_at;
    let bridge = match hello.bridge {
        // A bridge that is not known here cannot be where it stands.
        Some(bridge) => {
            sqlx::query_scalar!(r#"SELECT bridge_id AS "id!: Uuid" FROM bridge WHERE bridge_id = $1"#, bridge.0)
                .fetch_optional(&mut **tx)
                .await?
        }
        None => None,
    };
    let cannot_reach = (!hello.cannot_reach.is_empty())
        .then(|| hello.cannot_reach.iter().take(MOST_BRIDGES).map(ToString::to_string).collect::<Vec<_>>().join(","));
    let done = sqlx::query!(
        "UPDATE robot SET status_at = CASE WHEN status = $2 AND connected_at IS NOT DISTINCT FROM $3 THEN status_at ELSE $4 END,
                          status = $2, connected_at = $3, bridge_id = $5, cannot_reach = $6, clock_offset_ms = $7, clock_at = $4
         WHERE robot_id = $1 AND ($2 <> 'gone' OR connected_at IS NULL OR connected_at = $3)",
        device,
        status,
        connected_at,
        now,
        bridge,
        cannot_reach,
        offset_ms
    )
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() == 1 {
        return Ok(Ok(vec![Touched::Robot(device)]));
    }
    let known = sqlx::query_scalar!(r#"SELECT robot_id AS "id!: Uuid" FROM robot WHERE robot_id = $1"#, device)
        .fetch_optional(&mut **tx)
        .await?;
    Ok(if known.is_some() { Ok(Vec::new()) } else { Err("the robot is not known".to_owned()) })
}

async fn bridge_said(
    tx: &mut Transaction<'static, Db>,
    device: Uuid,
    hello: &HelloMessage,
    status: &str,
    offset_ms: i64,
    now: DateTime<Utc>,
) -> Result<Result<Vec<Touched>, String>, StoreError> {
    let (connected_at, load, outbox) = (hello.connected_at, hello.load, hello.outbox.as_ref());
    let (robots, sessions) = (load.map(|load| i64::from(load.robots)), load.map(|load| i64::from(load.sessions)));
    let (capacity, draining) = (load.map(|load| i64::from(load.capacity)), load.is_some_and(|load| load.draining));
    let load_at = load.map(|_| now);
    let waiting = outbox.map(|outbox| i64::try_from(outbox.waiting).unwrap_or(i64::MAX));
    let oldest_at = outbox.and_then(|outbox| outbox.oldest_at);
    let full_pct = outbox.map(|outbox| i64::from(outbox.full_pct.get()));
    let failing = outbox.map(|outbox| outbox.failing);
    let done = sqlx::query!(
        "UPDATE bridge SET status_at = CASE WHEN status = $2 AND connected_at IS NOT DISTINCT FROM $3 THEN status_at ELSE $4 END,
                           status = $2, connected_at = $3, http_base = coalesce($5, http_base),
                           public_base = coalesce($6, public_base), version = $7, robots = $8, sessions = $9, capacity = $10,
                           draining = $11, load_at = $12, outbox_waiting = $13, outbox_oldest_at = $14, outbox_full_pct = $15,
                           outbox_failing = $16, clock_offset_ms = $17, clock_at = $4
         WHERE bridge_id = $1 AND ($2 <> 'gone' OR connected_at IS NULL OR connected_at = $3)",
        device,
        status,
        connected_at,
        now,
        hello.http_base,
        hello.public_base,
        hello.version,
        robots,
        sessions,
        capacity,
        draining,
        load_at,
        waiting,
        oldest_at,
        full_pct,
        failing,
        offset_ms
    )
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() == 1 {
        return Ok(Ok(vec![Touched::Bridge(device)]));
    }
    let known = sqlx::query_scalar!(r#"SELECT bridge_id AS "id!: Uuid" FROM bridge WHERE bridge_id = $1"#, device)
        .fetch_optional(&mut **tx)
        .await?;
    Ok(if known.is_some() { Ok(Vec::new()) } else { Err("the bridge is not known".to_owned()) })
}

/// Of the bridges that a robot cannot reach, so many are remembered.
const MOST_BRIDGES: usize = 32;
