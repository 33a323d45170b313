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
