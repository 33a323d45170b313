//! Robots and bridges as an authority keeps them: added, named, no longer used. Nothing is removed: facts and placements stand on them.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use crate::StoreError;
use crate::audit::NewAudit;
use crate::robots::RobotRow;

/// Robots that are no longer used: at most this many are listed, the latest first.
pub const MOST_RETIRED: i64 = 100;

/// A robot that is added.
#[derive(Clone, Copy, Debug)]
pub struct NewRobot<'a> {
    /// Key; also its user name at the broker.
    pub robot_id: Uuid,
    /// Where it is lent to.
    pub organisation_id: Uuid,
    /// A bird.
    pub name: &'a str,
}

/// What became of a machine that somebody wanted to add or name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is written.
    Written,
    /// A device has this id already.
    IdTaken,
    /// Another one there has this name.
    NameTaken,
}

/// Robots and bridges as an authority keeps them. Each change is one transaction with its entry in the audit log.
#[async_trait]
pub trait Machines: Send + Sync {
    /// Adds a robot that stands nowhere yet.
    ///
    /// # Errors
    /// The database does not answer.
    async fn enter_robot(&self, robot: NewRobot<'_>, audit: NewAudit<'_>, now: DateTime<Utc>) -> Result<Kept, StoreError>;

    /// Gives a robot another name.
    ///
    /// # Errors
    /// The database does not answer.
    async fn rename_robot(&self, robot: NewRobot<'_>, audit: NewAudit<'_>, now: DateTime<Utc>) -> Result<Kept, StoreError>;

    /// A robot is no longer used: it stands nowhere, and what it sends is not taken. `false` if a placement that lasts on `day` or
    /// longer has it.
    ///
    /// # Errors
    /// The database does not answer.
    async fn retire_robot(
        &self,
        robot_id: Uuid,
        day: NaiveDate,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError>;

    /// A robot that was no longer used is used again.
    ///
    /// # Errors
    /// The database does not answer.
    async fn use_robot_again(&self, robot_id: Uuid, audit: NewAudit<'_>, now: DateTime<Utc>) -> Result<(), StoreError>;

    /// Robots that are no longer used where this person answers for robots, the latest first, at most [`MOST_RETIRED`].
    ///
    /// # Errors
    /// The database does not answer.
    async fn retired_robots(&self, staff_id: Uuid) -> Result<Vec<RobotRow>, StoreError>;

    /// Adds a bridge; one that was no longer used is used again. `false` if a robot or a bridge in use has its id.
    ///
    /// # Errors
    /// The database does not answer.
    async fn enter_bridge(&self, bridge_id: Uuid, audit: NewAudit<'_>, now: DateTime<Utc>) -> Result<bool, StoreError>;

    /// A bridge is no longer used. `false` if it is connected, or still holds facts.
    ///
    /// # Errors
    /// The database does not answer.
    async fn retire_bridge(&self, bridge_id: Uuid, audit: NewAudit<'_>, now: DateTime<Utc>) -> Result<bool, StoreError>;
}
