//! Reported intervals → where each lies by our clock. A bridge's civil clock may be off, or be set in the middle of a visit.
//!
//! - **Length** is the span of the bridge's monotonic clock, which no setting and no leap second changes.
//! - **Position** is the bridge's civil clock at the first instant, minus how far that clock was off *at that instant*.
//!   If the bridge measured it (four time stamps; good to half a round trip), that measure is always taken. Otherwise it is what
//!   was seen when the first copy arrived, and only if that is more than [`MAX_SKEW_MS`]: less is the network's delay. A later
//!   copy says nothing about the first instant, so its arrival is never used.
//! - What is odd is shown beside the minutes, not refused: a bridge forgets a fact once it is acknowledged, and a refusal is
//!   acknowledged too. [`check`] refuses only what is not true by any clock.

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use protocol::{Active, ClosedBy, SessionId, Tier};

use super::spans::Span;

/// A clock that is off by more than this is an anomaly, shown beside the minutes. Less may be the network's delay.
pub const MAX_SKEW_MS: i64 = 2_000;

/// A civil clock that runs this much longer or shorter than the monotonic one was set. A leap second is not more.
pub const STEP_MS: i64 = 1_000;

/// One interval of presence as the bridge reported it, so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// Which visit.
    pub session: SessionId,
    /// Number within the visit.
    pub n: u32,
    /// What was received.
    pub tier: Tier,
    /// First instant, by the bridge's civil clock.
    pub from: DateTime<Utc>,
    /// One past the last, by the same clock as it showed then: only compared with the span.
    pub until: DateTime<Utc>,
    /// By the bridge's monotonic clock, in milliseconds: the length.
    pub span_ms: u64,
    /// What the pupil did in it.
    pub active: Active,
    /// Why it grows no more; none while it may.
    pub closed_by: Option<ClosedBy>,
    /// Bridge's civil clock at `from` minus ours, in milliseconds, as the bridge measured it.
    pub measured_offset_ms: Option<i64>,
    /// The same as it was seen when this copy arrived ([`offset_at_from`]); of several copies, the shortest one's.
    pub arrival_offset_ms: i64,
}

impl Presence {
    /// The first instant by our clock.
    #[must_use]
    pub fn placed_from(&self) -> DateTime<Utc> {
        let from = placed_from_ms(self);
        DateTime::from_timestamp_millis(from).unwrap_or(if from < 0 {
            DateTime::<Utc>::MIN_UTC
        } else {
            DateTime::<Utc>::MAX_UTC
        })
    }

    /// How far its position was corrected, in milliseconds.
    #[must_use]
    pub fn applied_offset_ms(&self) -> i64 {
        applied_offset(self.measured_offset_ms, self.arrival_offset_ms)
    }
}

/// Which offset corrects a position: the measured one, else that of the arrival if it is more than a network's delay.
#[must_use]
pub fn applied_offset(measured_ms: Option<i64>, arrival_ms: i64) -> i64 {
    match measured_ms {
        Some(measured) => measured,
        None if arrival_ms.unsigned_abs() > MAX_SKEW_MS.unsigned_abs() => arrival_ms,
        None => 0,
    }
}

/// How far the sender's clock was off at `from`, given how far it was off on sending (`offset_ms`). The same, unless the clock was
/// set in between: then the last instant is the one that the offset on sending belongs to, and the span leads back from there.
#[must_use]
pub fn offset_at_from(from: DateTime<Utc>, until: DateTime<Utc>, span_ms: u64, offset_ms: i64) -> i64 {
    let step = step_ms(from, until, span_ms);
    if step.unsigned_abs() > STEP_MS.unsigned_abs() { offset_ms.saturating_sub(step) } else { offset_ms }
}

/// Where the interval lies by our clock.
pub(super) fn position(fact: &Presence) -> Span {
    let from = placed_from_ms(fact);
    (from, from.saturating_add_unsigned(fact.span_ms))
}

/// Whether the civil clock was set during the interval.
pub(super) fn was_stepped(fact: &Presence) -> bool {
    step_ms(fact.from, fact.until, fact.span_ms).unsigned_abs() > STEP_MS.unsigned_abs()
}

fn placed_from_ms(fact: &Presence) -> i64 {
    fact.from.timestamp_millis().saturating_sub(fact.applied_offset_ms())
}

/// By how much the civil clock ran longer than the monotonic one.
fn step_ms(from: DateTime<Utc>, until: DateTime<Utc>, span_ms: u64) -> i64 {
    (until - from).num_milliseconds().saturating_sub_unsigned(span_ms)
}

/// The facts without copies: of each interval the longest, with the largest counts, in a fixed order.
pub(super) fn merged(presence: &[Presence]) -> Vec<Presence> {
    let mut copies: Vec<&Presence> = presence.iter().collect();
    let copy = |fact: &&Presence| (fact.session, fact.n, fact.from, fact.tier);
    // The shortest copy first: its arrival offset belongs to the first instant.
    copies.sort_by_key(|fact| (copy(fact), fact.span_ms, nearest_zero(fact.arrival_offset_ms)));
    let mut facts: Vec<Presence> = Vec::with_capacity(copies.len());
    for fact in copies {
        match facts.last_mut() {
            Some(known) if copy(&&*known) == copy(&fact) => {
                known.until = known.until.max(fact.until);
                known.span_ms = known.span_ms.max(fact.span_ms);
                known.measured_offset_ms =
                    known.measured_offset_ms.into_iter().chain(fact.measured_offset_ms).min_by_key(|ms| nearest_zero(*ms));
                known.closed_by = closed(known.closed_by, fact.closed_by);
                known.active = Active {
                    spoke_ms: known.active.spoke_ms.max(fact.active.spoke_ms),
                    hands: known.active.hands.max(fact.active.hands),
                    looks: known.active.looks.max(fact.active.looks),
                    feelings: known.active.feelings.max(fact.active.feelings),
                };
            }
            _ => facts.push(fact.clone()),
        }
    }
    facts
}

/// Of two offsets the smaller correction counts; a bridge sends one and the same, so this only makes the order immaterial.
fn nearest_zero(ms: i64) -> (u64, i64) {
    (ms.unsigned_abs(), ms)
}

/// A recovery is the weaker word: whoever saw the interval end knows better than whoever found it after a kill.
fn closed(a: Option<ClosedBy>, b: Option<ClosedBy>) -> Option<ClosedBy> {
    let rank = |closed: &ClosedBy| match closed {
        ClosedBy::End => 0,
        ClosedBy::TierChange => 1,
        ClosedBy::Interruption => 2,
        ClosedBy::Recovery => 3,
    };
    a.into_iter().chain(b).min_by_key(rank)
}

/// A reported interval that cannot be true, whatever the clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Impossible {
    /// Intervals are numbered from 1.
    #[error("the interval has the number 0")]
    Unnumbered,
    /// Longer than a day by the monotonic clock: no permission lasts that long.
    #[error("the interval is longer than a day")]
    TooLong,
    /// No clock shows such a year.
    #[error("the interval lies in a year that no clock shows")]
    NoSuchTime,
}

/// Whether an interval can be true. A clock that is wrong, or was set, is no reason to refuse it.
///
/// # Errors
/// The first rule that it breaks.
pub fn check(n: u32, from: DateTime<Utc>, until: DateTime<Utc>, span_ms: u64) -> Result<(), Impossible> {
    if n == 0 {
        return Err(Impossible::Unnumbered);
    }
    if span_ms > TimeDelta::days(1).num_milliseconds().unsigned_abs() {
        return Err(Impossible::TooLong);
    }
    if [from, until].iter().any(|at| !(1970..=9998).contains(&at.year())) {
        return Err(Impossible::NoSuchTime);
    }
    Ok(())
}
