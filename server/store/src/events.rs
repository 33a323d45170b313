//! What robots and bridges noted, for people to read.

use crate::StoreError;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A notable event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// The word of the wire contract, e.g. `pupil_joined`.
    pub what: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// What robots and bridges noted, for people to read.
#[async_trait]
pub trait Events: Send + Sync {
    /// A robot's latest events, the newest first.
    ///
    /// # Errors
    /// The database does not answer.
    async fn robot_events(&self, robot_id: Uuid, limit: i64) -> Result<Vec<EventRow>, StoreError>;

    /// Forgets events from before `before`, the oldest first, at most `limit`. Returns how many.
    ///
    /// # Errors
    /// The database does not answer.
    async fn trim_events(&self, before: DateTime<Utc>, limit: i64) -> Result<u64, StoreError>;
}
