//! Queries of [`store::presence`], in SQL that both engines read; compiled by each driver package against its own.

use crate::{Db, Engine};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use protocol::{ClosedBy, EndReason, PresenceMessage, Tier};
use sqlx::Transaction;
use store::StoreError;
use store::inbox::Refused;
use store::presence::{IncompleteVisitRow, Presence, PresenceRow};
use uuid::Uuid;

#[async_trait]
impl Presence for Engine {
    async fn presence_of_pupil(
        &self,
        pupil_id: Uuid,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<PresenceRow>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT i.session_id AS "session_id!: Uuid", v.placement_id AS "placement_id!: Uuid", v.robot_id AS "robot_id!: Uuid",
                      i.n AS "n!: i64", i.tier AS "tier!", i.from_at AS "from_at!: DateTime<Utc>",
                      i.until_at AS "until_at!: DateTime<Utc>", i.span_ms AS "span_ms!: i64", i.spoke_ms AS "spoke_ms!: i64",
                      i.hands AS "hands!: i64", i.looks AS "looks!: i64", i.feelings AS "feelings!: i64",
                      (i.closed_by IS NULL) AS "is_open!: bool", i.clock_offset_ms AS "clock_offset_ms!: i64"
               FROM presence_interval i JOIN visit v ON v.session_id = i.session_id
                    JOIN placement p ON p.placement_id = v.placement_id
               WHERE p.pupil_id = $1 AND i.from_at < $3 AND i.until_at > $2
               ORDER BY i.from_at, i.session_id, i.n"#,
            pupil_id,
            from,
            until
        )
        .fetch_all(&self.read)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(PresenceRow {
                    session_id: row.session_id,
                    placement_id: row.placement_id,
                    robot_id: row.robot_id,
                    n: row.n,
                    tier: tier_of(&row.tier).ok_or(StoreError::Unreadable { what: "tier" })?,
                    from_at: row.from_at,
                    until_at: row.until_at,
                    span_ms: row.span_ms,
                    spoke_ms: row.spoke_ms,
                    hands: row.hands,
                    looks: row.looks,
                    feelings: row.feelings,
                    is_open: row.is_open,
                    clock_offset_ms: row.clock_offset_ms,
                })
            })
            .collect()
    }

    async fn incomplete_visits(&self, pupil_id: Uuid, from: DateTime<Utc>) -> Result<Vec<IncompleteVisitRow>, StoreError> {
        Ok(sqlx::query_as!(
            IncompleteVisitRow,
            r#"SELECT v.session_id AS "session_id!: Uuid", v.reported_intervals AS "reported_intervals!: i64",
                      v.reported_ms AS "reported_ms!: i64", count(i.n) AS "held_intervals!: i64",
                      CAST(coalesce(sum(i.span_ms), 0) AS BIGINT) AS "held_ms!: i64"
               FROM visit v JOIN placement p ON p.placement_id = v.placement_id
                    LEFT JOIN presence_interval i ON i.session_id = v.session_id
               WHERE p.pupil_id = $1 AND v.ended_at >= $2 AND v.reported_intervals IS NOT NULL
               GROUP BY v.session_id, v.reported_intervals, v.reported_ms
               HAVING count(i.n) <> v.reported_intervals OR CAST(coalesce(sum(i.span_ms), 0) AS BIGINT) <> v.reported_ms"#,
            pupil_id,
            from
        )
        .fetch_all(&self.read)
        .await?)
    }
}

/// Merges one presence fact. The inner `Err` says which rule it breaks; nothing is written then.
pub(crate) async fn merge(
    tx: &mut Transaction<'static, Db>,
    fact: &PresenceMessage,
    offset_ms: i64,
) -> Result<Result<Uuid, Refused>, StoreError> {
    let (PresenceMessage::Interval { session, placement, robot, .. }
    | PresenceMessage::Ended { session, placement, robot, .. }) = fact;
    let Some(known) = sqlx::query!(
        r#"SELECT pupil_id AS "pupil_id!: Uuid", robot_id AS "robot_id!: Uuid" FROM placement WHERE placement_id = $1"#,
        placement.0
    )
    .fetch_optional(&mut **tx)
    .await?
    else {
        return Ok(Err(Refused("the placement does not exist")));
    };
    if known.robot_id != robot.0 {
        return Ok(Err(Refused("the placement is for another robot")));
    }
    sqlx::query!(
        "INSERT INTO visit (session_id, placement_id, robot_id) VALUES ($1, $2, $3) ON CONFLICT (session_id) DO NOTHING",
        session.0,
        placement.0,
        robot.0
    )
    .execute(&mut **tx)
    .await?;
    let visit = sqlx::query!(r#"SELECT placement_id AS "placement_id!: Uuid" FROM visit WHERE session_id = $1"#, session.0)
        .fetch_one(&mut **tx)
        .await?;
    if visit.placement_id != placement.0 {
        return Ok(Err(Refused("the session belongs to another placement")));
    }
    match fact {
        PresenceMessage::Interval { n, tier, from, until, span_ms, active, closed_by, .. } => {
            let (tier, closed_by) = (tier_word(*tier), closed_by.map(closed_word));
            let (n, span_ms, spoke_ms) = (i64::from(*n), whole(*span_ms), whole(active.spoke_ms));
            let (hands, looks, feelings) = (i64::from(active.hands), i64::from(active.looks), i64::from(active.feelings));
            let merged = sqlx::query!(
                "INSERT INTO presence_interval (session_id, n, tier, from_at, until_at, span_ms, spoke_ms, hands, looks, feelings,
                                                closed_by, clock_offset_ms)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
                 ON CONFLICT (session_id, n) DO UPDATE SET
                    until_at = CASE WHEN excluded.until_at > presence_interval.until_at THEN excluded.until_at ELSE presence_interval.until_at END,
                    span_ms = CASE WHEN excluded.span_ms > presence_interval.span_ms THEN excluded.span_ms ELSE presence_interval.span_ms END,
                    spoke_ms = CASE WHEN excluded.spoke_ms > presence_interval.spoke_ms THEN excluded.spoke_ms ELSE presence_interval.spoke_ms END,
                    hands = CASE WHEN excluded.hands > presence_interval.hands THEN excluded.hands ELSE presence_interval.hands END,
                    looks = CASE WHEN excluded.looks > presence_interval.looks THEN excluded.looks ELSE presence_interval.looks END,
                    feelings = CASE WHEN excluded.feelings > presence_interval.feelings THEN excluded.feelings ELSE presence_interval.feelings END,
                    closed_by = coalesce(presence_interval.closed_by, excluded.closed_by),
                    clock_offset_ms = CASE WHEN excluded.clock_offset_ms > presence_interval.clock_offset_ms
                                           THEN excluded.clock_offset_ms ELSE presence_interval.clock_offset_ms END
                 WHERE presence_interval.tier = excluded.tier AND presence_interval.from_at = excluded.from_at",
                session.0,
                n,
                tier,
                from,
                until,
                span_ms,
                spoke_ms,
                hands,
                looks,
                feelings,
                closed_by,
                offset_ms
            )
            .execute(&mut **tx)
            .await?;
            if merged.rows_affected() == 0 {
                return Ok(Err(Refused("the interval is already known with another beginning or tier")));
            }
            sqlx::query!(
                "UPDATE robot SET last_used_at = $2 WHERE robot_id = $1 AND (last_used_at IS NULL OR last_used_at < $2)",
                robot.0,
                until
            )
            .execute(&mut **tx)
            .await?;
        }
        PresenceMessage::Ended { at, reason, intervals, total_ms, .. } => {
            let (reason, intervals, total_ms) = (end_word(*reason), i64::from(*intervals), whole(*total_ms));
            sqlx::query!(
                "UPDATE visit SET ended_at = $2, end_reason = $3, reported_intervals = $4, reported_ms = $5
                 WHERE session_id = $1 AND (ended_at IS NULL OR ended_at <= $2)",
                session.0,
                at,
                reason,
                intervals,
                total_ms
            )
            .execute(&mut **tx)
            .await?;
        }
    }
    Ok(Ok(known.pupil_id))
}

/// How the tier is stored.
#[must_use]
pub(crate) fn tier_word(tier: Tier) -> &'static str {
    match tier {
        Tier::Audio => "audio",
        Tier::Stills => "stills",
        Tier::Video => "video",
    }
}

fn tier_of(word: &str) -> Option<Tier> {
    [Tier::Audio, Tier::Stills, Tier::Video].into_iter().find(|tier| tier_word(*tier) == word)
}

fn closed_word(closed: ClosedBy) -> &'static str {
    match closed {
        ClosedBy::Interruption => "interruption",
        ClosedBy::TierChange => "tier_change",
        ClosedBy::End => "end",
        ClosedBy::Recovery => "recovery",
    }
}

fn end_word(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Left => "left",
        EndReason::PupilLost => "pupil_lost",
        EndReason::RobotLost => "robot_lost",
        EndReason::GrantEnded => "grant_ended",
        EndReason::Shutdown => "shutdown",
        EndReason::Recovery => "recovery",
        EndReason::Revoked => "revoked",
    }
}

fn whole(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
