//! Queries of [`store::presence`], in SQL that both engines read; compiled by each driver package against its own.

use crate::Engine;
use crate::queries::inbox::rows::{Ended, Interval, whole};
use crate::queries::words::{closed_of, closed_word, end_word, tier_of, tier_word};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use protocol::PresenceMessage;
use server_core::attendance::{applied_offset, offset_at_from};
use store::StoreError;
use store::presence::{EndedVisitRow, Presence, PresenceRow};
use uuid::Uuid;

#[async_trait]
impl Presence for Engine {
    async fn presence_of_pupil(
        &self,
        pupil_id: Uuid,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<PresenceRow>, StoreError> {
        // No interval is longer than a day, so only so much of the index has to be read.
        let (from, until) = (from.timestamp_millis(), until.timestamp_millis());
        let earliest = from.saturating_sub(DAY_MS);
        let rows = sqlx::query!(
            r#"SELECT i.session_id AS "session_id!: Uuid", v.placement_id AS "placement_id!: Uuid", v.robot_id AS "robot_id!: Uuid",
                      i.n AS "n!: i64", i.tier AS "tier!", i.from_at AS "from_at!: DateTime<Utc>",
                      i.until_at AS "until_at!: DateTime<Utc>", i.span_ms AS "span_ms!: i64", i.spoke_ms AS "spoke_ms!: i64",
                      i.hands AS "hands!: i64", i.looks AS "looks!: i64", i.feelings AS "feelings!: i64",
                      i.closed_by AS "closed_by?", i.clock_offset_ms AS "clock_offset_ms!: i64",
                      i.measured_offset_ms AS "measured_offset_ms?: i64"
               FROM presence_interval i JOIN visit v ON v.session_id = i.session_id
               WHERE i.pupil_id = $1 AND i.placed_ms >= $2 AND i.placed_ms < $4 AND i.placed_ms + i.span_ms >= $3
               ORDER BY i.placed_ms, i.session_id, i.n"#,
            pupil_id,
            earliest,
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
                    closed_by: row
                        .closed_by
                        .as_deref()
                        .map(|word| closed_of(word).ok_or(StoreError::Unreadable { what: "reason why an interval ended" }))
                        .transpose()?,
                    clock_offset_ms: row.clock_offset_ms,
                    measured_offset_ms: row.measured_offset_ms,
                })
            })
            .collect()
    }

    async fn ended_visits(
        &self,
        pupil_id: Uuid,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<EndedVisitRow>, StoreError> {
        let (from_ms, until_ms) = (from.timestamp_millis(), until.timestamp_millis());
        let earliest = from_ms.saturating_sub(DAY_MS);
        let mut visits = sqlx::query_as!(
            EndedVisitRow,
            r#"SELECT v.session_id AS "session_id!: Uuid", CAST(max(i.placed_ms + i.span_ms) AS BIGINT) AS "at_ms!: i64",
                      v.reported_intervals AS "reported_intervals!: i64", v.reported_ms AS "reported_ms!: i64",
                      count(i.n) AS "held_intervals!: i64", CAST(sum(i.span_ms) AS BIGINT) AS "held_ms!: i64"
               FROM visit v JOIN presence_interval i ON i.session_id = v.session_id
               WHERE v.reported_intervals IS NOT NULL AND v.session_id IN
                     (SELECT t.session_id FROM presence_interval t
                      WHERE t.pupil_id = $1 AND t.placed_ms >= $2 AND t.placed_ms < $4 AND t.placed_ms + t.span_ms >= $3)
               GROUP BY v.session_id, v.reported_intervals, v.reported_ms"#,
            pupil_id,
            earliest,
            from_ms,
            until_ms
        )
        .fetch_all(&self.read)
        .await?;
        // Of some visits only the end arrived: their place is known by the bridge's clock alone.
        let bare = sqlx::query!(
            r#"SELECT v.session_id AS "session_id!: Uuid", v.ended_at AS "ended_at!: DateTime<Utc>",
                      v.reported_intervals AS "reported_intervals!: i64", v.reported_ms AS "reported_ms!: i64"
               FROM visit v JOIN placement p ON p.placement_id = v.placement_id
               WHERE p.pupil_id = $1 AND v.ended_at >= $2 AND v.ended_at < $3 AND v.reported_intervals > 0
                 AND NOT EXISTS (SELECT 1 FROM presence_interval i WHERE i.session_id = v.session_id)"#,
            pupil_id,
            from,
            until
        )
        .fetch_all(&self.read)
        .await?;
        visits.extend(bare.into_iter().map(|row| EndedVisitRow {
            session_id: row.session_id,
            at_ms: row.ended_at.timestamp_millis(),
            reported_intervals: row.reported_intervals,
            reported_ms: row.reported_ms,
            held_intervals: 0,
            held_ms: 0,
        }));
        Ok(visits)
    }
}

/// No interval is longer: `attendance::check` refuses it.
const DAY_MS: i64 = 86_400_000;

/// What a presence message tells, as rows.
pub(crate) enum Told {
    /// An interval, so far.
    Interval(Interval),
    /// The end of a visit.
    Ended(Ended),
}

/// A message's rows.
pub(crate) fn told(fact: &PresenceMessage, pupil_id: Uuid, offset_ms: Option<i64>) -> Told {
    match fact {
        PresenceMessage::Interval {
            session,
            n,
            tier,
            from,
            until,
            span_ms,
            active,
            closed_by,
            clock_offset_ms: measured_offset_ms,
            ..
        } => {
            let arrival = offset_ms.map_or(0, |ms| offset_at_from(*from, *until, *span_ms, ms));
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
                clock_offset_ms: arrival,
                arrival_span_ms: whole(*span_ms),
                measured_offset_ms: *measured_offset_ms,
                pupil_id,
                placed_ms: from.timestamp_millis().saturating_sub(applied_offset(*measured_offset_ms, arrival)),
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
    held.closed_by = match held.closed_by {
        None | Some("recovery") => told.closed_by.or(held.closed_by),
        closed => closed,
    };
    let nearer = |new: i64, old: i64| new.unsigned_abs() < old.unsigned_abs();
    // The shortest copy is the nearest to the first instant.
    let arrived_first = told.arrival_span_ms < held.arrival_span_ms
        || (told.arrival_span_ms == held.arrival_span_ms && nearer(told.clock_offset_ms, held.clock_offset_ms));
    let placed_better = match (told.measured_offset_ms, held.measured_offset_ms) {
        (Some(new), Some(old)) => nearer(new, old),
        (Some(_), None) => true,
        (None, Some(_)) => false,
        (None, None) => arrived_first,
    };
    if placed_better {
        held.placed_ms = told.placed_ms;
        held.measured_offset_ms = told.measured_offset_ms;
    }
    if arrived_first {
        held.clock_offset_ms = told.clock_offset_ms;
    }
    held.arrival_span_ms = held.arrival_span_ms.min(told.arrival_span_ms);
}
