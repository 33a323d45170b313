//! Presence intervals: facts merged by their maximum, so that a repetition, a late copy or another order changes nothing.
//!
//! Nothing here adds one amount of time to another. Minutes are worked out by `server_core::attendance` from these rows.

use crate::StoreError;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use protocol::Tier;
use uuid::Uuid;

/// One interval with what the pupil did in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresenceRow {
    /// Which visit.
    pub session_id: Uuid,
    /// Under which placement.
    pub placement_id: Uuid,
    /// Through which robot.
    pub robot_id: Uuid,
    /// Number within the visit.
    pub n: i64,
    /// What was received.
    pub tier: Tier,
    /// First instant, by the bridge's civil clock.
    pub from_at: DateTime<Utc>,
    /// One past the last, so far.
    pub until_at: DateTime<Utc>,
    /// Length by the bridge's monotonic clock: this is what counts.
    pub span_ms: i64,
    /// Milliseconds of speech.
    pub spoke_ms: i64,
    /// Times the hand went up.
    pub hands: i64,
    /// Times the head was turned.
    pub looks: i64,
    /// Times a feeling was shown.
    pub feelings: i64,
    /// Whether it may still grow.
    pub is_open: bool,
    /// Sender's clock minus ours, in milliseconds, measured on its least delayed message.
    pub clock_offset_ms: i64,
}

/// A visit whose bridge counted something else than we hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncompleteVisitRow {
    /// Which visit.
    pub session_id: Uuid,
    /// Intervals that the bridge counted.
    pub reported_intervals: i64,
    /// Milliseconds that the bridge counted.
    pub reported_ms: i64,
    /// Intervals held here.
    pub held_intervals: i64,
    /// Milliseconds held here.
    pub held_ms: i64,
}

/// Presence intervals: facts merged by their maximum, so that a repetition, a late copy or another order changes nothing.
#[async_trait]
pub trait Presence: Send + Sync {
    /// A pupil's intervals that touch `[from, until)`, through any robot, by time.
    ///
    /// # Errors
    /// The database does not answer, or holds an unreadable tier.
    async fn presence_of_pupil(
        &self,
        pupil_id: Uuid,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<PresenceRow>, StoreError>;

    /// A pupil's visits that ended since `from` and whose bridge counted more, or less, than is held here.
    ///
    /// # Errors
    /// The database does not answer.
    async fn incomplete_visits(&self, pupil_id: Uuid, from: DateTime<Utc>) -> Result<Vec<IncompleteVisitRow>, StoreError>;
}
<<<<<<< HEAD

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
            let (span_ms, spoke_ms) = (whole(*span_ms), whole(active.spoke_ms));
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
                active.hands,
                active.looks,
                active.feelings,
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
            let (reason, total_ms) = (end_word(*reason), whole(*total_ms));
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
pub fn tier_word(tier: Tier) -> &'static str {
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

#[cfg(test)]
mod tests;
=======
>>>>>>> ecffcd9 (One store, two engines: rows and traits in `store`, queries compiled for SQLite and PostgreSQL; one test-suite on both; migration 0004; PostgreSQL for tests)
