//! What robots and bridges noted, for people to read.

use chrono::{DateTime, Utc};
use sqlx::query_as;
use uuid::Uuid;

use crate::{Store, StoreError};

/// A notable event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// The word of the wire contract, e.g. `pupil_joined`.
    pub what: String,
    /// When.
    pub at: DateTime<Utc>,
}

impl Store {
    /// A robot's latest events, the newest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn robot_events(&self, robot_id: Uuid, limit: i64) -> Result<Vec<EventRow>, StoreError> {
        Ok(query_as!(
            EventRow,
            r#"SELECT what AS "what!", at AS "at!: DateTime<Utc>" FROM robot_event WHERE robot_id = $1 ORDER BY at DESC LIMIT $2"#,
            robot_id,
            limit
        )
        .fetch_all(&self.read)
        .await?)
    }
}
