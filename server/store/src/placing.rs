//! Which robot has which permission, for `server::placing`. Any number of servers read and claim at once.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::StoreError;

/// A robot that is connected, as far as its bridge is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacingRow {
    /// Key.
    pub robot_id: Uuid,
    /// Since when it is connected to the broker.
    pub status_at: Option<DateTime<Utc>>,
    /// The bridge that it stands connected to.
    pub bridge_id: Option<Uuid>,
    /// The visit that is open on it.
    pub live_session_id: Option<Uuid>,
    /// The bridge that its last permission is for …
    pub granted_bridge_id: Option<Uuid>,
    /// … when it was given …
    pub granted_at: Option<DateTime<Utc>>,
    /// … and until when it holds.
    pub granted_until_at: Option<DateTime<Utc>>,
    /// Bridges that it could not reach: ids with commas between.
    pub cannot_reach: Option<String>,
}

/// Which robot has which permission.
#[async_trait]
pub trait Placing: Send + Sync {
    /// Every robot that is connected.
    ///
    /// # Errors
    /// The database does not answer.
    async fn robots_to_place(&self) -> Result<Vec<PlacingRow>, StoreError>;

    /// One robot, if it is connected.
    ///
    /// # Errors
    /// The database does not answer.
    async fn robot_to_place(&self, robot_id: Uuid) -> Result<Option<PlacingRow>, StoreError>;

    /// Notes a permission that is about to be sent, unless somebody noted one since `seen`. `false`: somebody did.
    ///
    /// # Errors
    /// The database does not answer.
    async fn claim_grant(
        &self,
        robot_id: Uuid,
        seen: Option<DateTime<Utc>>,
        bridge_id: Uuid,
        at: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<bool, StoreError>;

    /// Placements with an open visit whose tablet is switched off, or whose robot was given away: the bridge has not heard, or not obeyed,
    /// that it should end.
    ///
    /// # Errors
    /// The database does not answer.
    async fn visits_to_end(&self) -> Result<Vec<Uuid>, StoreError>;
}
