//! Queries of [`store::presence`], in SQL that both engines read; compiled by each driver package against its own.

use crate::queries::inbox::rows::{Interval, whole};
use crate::queries::words::{closed_word, end_word, tier_of, tier_word};
use crate::{Db, Engine};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use protocol::PresenceMessage;
use sqlx::Transaction;
use store::StoreError;
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

/// What a presence message tells, as rows.
pub(crate) enum Told {
    /// An interval, so far.
    Interval(Interval),
    /// The end of a visit.
    Ended(Ended),
}

/// The end of a visit, and what its bridge counted.
pub(crate) struct Ended {
    session_id: Uuid,
    pub(crate) at: DateTime<Utc>,
    reason: &'static str,
    intervals: i64,
    total_ms: i64,
}

/// A message's rows.
pub(crate) fn told(fact: &PresenceMessage, offset_ms: i64) -> Told {
    match fact {
        PresenceMessage::Interval { session, n, tier, from, until, span_ms, active, closed_by, .. } => {
            Told::Interval(Interval {
                session_id: session.0,
                n: i64::from(*n),
                tier: tier_word(*tier),
                from_at: *from,
                until_at: *until,
                span_ms: whole(*span_ms),
                spoke_ms: whole(active.spoke_ms),
                hands: i64::from(active.hands),
                looks: i64::from(active.looks),
                feelings: i64::from(active.feelings),
                closed_by: closed_by.map(closed_word),
                clock_offset_ms: offset_ms,
            })
        }
        PresenceMessage::Ended { session, at, reason, intervals, total_ms, .. } => Told::Ended(Ended {
            session_id: session.0,
            at: *at,
            reason: end_word(*reason),
            intervals: i64::from(*intervals),
            total_ms: whole(*total_ms),
        }),
    }
}

/// Whether two messages tell the same interval, perhaps one longer than the other.
pub(crate) fn is_same(a: &Interval, b: &Interval) -> bool {
    (a.session_id, a.n, a.tier, a.from_at) == (b.session_id, b.n, b.tier, b.from_at)
}

/// Takes another telling of the same interval in: as the statement in `bulk.rs` does with the one that is stored.
pub(crate) fn merge(held: &mut Interval, told: &Interval) {
    held.until_at = held.until_at.max(told.until_at);
    held.span_ms = held.span_ms.max(told.span_ms);
    held.spoke_ms = held.spoke_ms.max(told.spoke_ms);
    held.hands = held.hands.max(told.hands);
    held.looks = held.looks.max(told.looks);
    held.feelings = held.feelings.max(told.feelings);
    held.closed_by = held.closed_by.or(told.closed_by);
    held.clock_offset_ms = held.clock_offset_ms.max(told.clock_offset_ms);
}

/// Notes the end of a visit; the latest one told stays.
pub(crate) async fn end(tx: &mut Transaction<'static, Db>, ended: &Ended) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE visit SET ended_at = $2, end_reason = $3, reported_intervals = $4, reported_ms = $5
         WHERE session_id = $1 AND (ended_at IS NULL OR ended_at <= $2)",
        ended.session_id,
        ended.at,
        ended.reason,
        ended.intervals,
        ended.total_ms
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
