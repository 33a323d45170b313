//! Presence intervals: facts merged by their maximum, so that a repetition, a late copy or another order changes nothing.
//!
//! Nothing here adds one amount of time to another. Minutes are worked out by `server_core::attendance` from these rows.

use crate::StoreError;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use protocol::{ClosedBy, Tier};
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
    /// Why it grows no more; none while it may.
    pub closed_by: Option<ClosedBy>,
    /// Sender's clock minus ours at `from_at`, in milliseconds, as it was seen when the shortest copy arrived.
    pub clock_offset_ms: i64,
    /// The same as the sender measured it.
    pub measured_offset_ms: Option<i64>,
}

/// A visit that its bridge ended, beside what is held of it here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedVisitRow {
    /// Which visit.
    pub session_id: Uuid,
    /// End of its last interval by our clock, in milliseconds since 1970; by the bridge's clock if no interval is held.
    pub at_ms: i64,
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
    /// A pupil's intervals that touch `[from, until)` by our clock, through any robot, by time.
    ///
    /// # Errors
    /// The database does not answer, or holds an unreadable tier.
    async fn presence_of_pupil(
        &self,
        pupil_id: Uuid,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<PresenceRow>, StoreError>;

    /// A pupil's ended visits with an interval that touches `[from, until)`, or with none held at all and ended by then.
    ///
    /// # Errors
    /// The database does not answer.
    async fn ended_visits(
        &self,
        pupil_id: Uuid,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<EndedVisitRow>, StoreError>;
}
