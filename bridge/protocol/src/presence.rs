//! When classroom media was really delivered: the source of attendance minutes.
//!
//! Facts, not increments. An interval states its whole length so far; a later message for the same (session, n) only extends
//! it. Twice, late, out of order: the same result. The receiver keeps the latest `until` of each (session, n).

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::ids::{PlacementId, RobotId, SessionId};

/// What the pupil received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Sound without a picture.
    Audio,
    /// Sound and a picture now and then.
    Stills,
    /// Sound and moving picture.
    Video,
}

/// Why an interval grows no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClosedBy {
    /// Media stopped reaching the pupil.
    Interruption,
    /// The tier changed; the next interval has the new one.
    TierChange,
    /// The session ended.
    End,
    /// The bridge was killed; this is its last checkpoint, written after restart.
    Recovery,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The pupil left.
    Left,
    /// The pupil was away longer than the grace.
    PupilLost,
    /// The robot was away longer than the grace.
    RobotLost,
    /// The grant's last moment came.
    GrantEnded,
    /// The bridge shut down in order.
    Shutdown,
    /// The bridge was killed; found after restart.
    Recovery,
    /// The server withdrew the permission: the tablet was switched off, or the placement ended.
    Revoked,
}

/// What the pupil did in an interval, so far. Only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Active {
    /// Milliseconds in which the pupil's microphone sent sound.
    pub spoke_ms: u64,
    /// Times the hand went up.
    pub hands: u32,
    /// Times the head was turned.
    pub looks: u32,
    /// Times a feeling was shown.
    pub feelings: u32,
}

/// Body of `up/presence`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum PresenceMessage {
    /// A run of seconds in one tier, `[from, until)`, so far.
    Interval {
        /// Which visit.
        session: SessionId,
        /// Whose visit.
        placement: PlacementId,
        /// Through which robot.
        robot: RobotId,
        /// Number of this interval in the session: 1, 2, 3 …
        n: u32,
        /// What was received.
        tier: Tier,
        /// First instant.
        from: DateTime<Utc>,
        /// One past the last instant, so far, by the civil clock at that moment: unlike `from` plus the span if the clock stepped.
        until: DateTime<Utc>,
        /// Length by the bridge's monotonic clock, in milliseconds. This is what counts; `from` gives the position.
        span_ms: u64,
        /// The bridge's civil clock at `from` minus the server's, in milliseconds. Absent while it was never measured.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        clock_offset_ms: Option<i64>,
        /// What the pupil did.
        #[serde(default)]
        active: Active,
        /// Absent while it may still grow.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        closed_by: Option<ClosedBy>,
    },
    /// The session is over.
    Ended {
        /// Which visit.
        session: SessionId,
        /// Whose visit.
        placement: PlacementId,
        /// Through which robot.
        robot: RobotId,
        /// When it ended.
        at: DateTime<Utc>,
        /// Why.
        reason: EndReason,
        /// How many intervals it had: the receiver's check that none is missing.
        intervals: u32,
        /// Sum of their `span_ms`: the receiver's checksum.
        total_ms: u64,
    },
}

/// Both shapes at once. Reading an enum by its tag, serde keeps every field aside until it has seen that; of the message that a server
/// reads most often this doubles the cost.
#[derive(Deserialize)]
struct Either {
    fact: Shape,
    session: SessionId,
    placement: PlacementId,
    robot: RobotId,
    n: Option<u32>,
    tier: Option<Tier>,
    from: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    span_ms: Option<u64>,
    clock_offset_ms: Option<i64>,
    #[serde(default)]
    active: Active,
    closed_by: Option<ClosedBy>,
    at: Option<DateTime<Utc>>,
    reason: Option<EndReason>,
    intervals: Option<u32>,
    total_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Shape {
    Interval,
    Ended,
}

impl<'de> Deserialize<'de> for PresenceMessage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        fn needed<T, E: de::Error>(field: &'static str, value: Option<T>) -> Result<T, E> {
            value.ok_or_else(|| E::missing_field(field))
        }
        let either = Either::deserialize(deserializer)?;
        let Either { fact, session, placement, robot, active, clock_offset_ms, closed_by, .. } = either;
        Ok(match fact {
            Shape::Interval => Self::Interval {
                session,
                placement,
                robot,
                n: needed("n", either.n)?,
                tier: needed("tier", either.tier)?,
                from: needed("from", either.from)?,
                until: needed("until", either.until)?,
                span_ms: needed("span_ms", either.span_ms)?,
                clock_offset_ms,
                active,
                closed_by,
            },
            Shape::Ended => Self::Ended {
                session,
                placement,
                robot,
                at: needed("at", either.at)?,
                reason: needed("reason", either.reason)?,
                intervals: needed("intervals", either.intervals)?,
                total_ms: needed("total_ms", either.total_ms)?,
            },
        })
    }
}
