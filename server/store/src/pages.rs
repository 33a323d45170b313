//! Lists for people, a page at a time: what ten thousand robots, their pupils and the audit log look like to one person.
//!
//! The stored roles narrow a list to what lies below their organisations, so that a page costs what it shows. Whether a row may be
//! seen is still decided by `server_core::access`, by whoever asked.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use crate::StoreError;
use crate::audit::AuditRow;
use crate::lessons::SlotRow;
use crate::placements::PlacementRow;
use crate::robots::RobotRow;

/// Rows of one page; also how many ids one question may name.
pub const PAGE: usize = 25;

/// Which robots are asked for.
#[derive(Clone, Copy, Debug)]
pub struct RobotsPage<'a> {
    /// Who asks: robots at or below the organisations of their roles.
    pub staff_id: Uuid,
    /// Part of the name of the robot or its school; empty for all.
    pub search: &'a str,
    /// Only those that somebody should look at.
    pub look: bool,
    /// A robot that reported before this is silent.
    pub silent_before: DateTime<Utc>,
    /// A charge below this, in per cent, is low.
    pub low_pct: i64,
    /// Rows left out.
    pub offset: i64,
    /// Rows at most.
    pub limit: i64,
}

/// Robots of which the same was last said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RobotGroupRow {
    /// Their hello.
    pub status: &'static str,
    /// Whether there ever was one.
    pub was_seen: bool,
    /// What their bodies do.
    pub body_state: Option<&'static str>,
    /// Whether they have not reported for too long.
    pub is_silent: bool,
    /// Whether their charge is low.
    pub is_low: bool,
    /// On their chargers.
    pub is_charging: bool,
    /// Carried by a person.
    pub is_carried: bool,
    /// How many.
    pub robots: i64,
}

/// Which pupils are asked for: those with a placement that runs or is to begin, or with one that has ended, whose records this person
/// may read.
#[derive(Clone, Copy, Debug)]
pub struct PupilsPage<'a> {
    /// Who asks.
    pub staff_id: Uuid,
    /// Part of the name of the pupil or their school; empty for all.
    pub search: &'a str,
    /// The day.
    pub day: NaiveDate,
    /// Placements that ended before that day, instead of the others.
    pub ended: bool,
    /// Rows left out.
    pub offset: i64,
}

/// The next open stage of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueStageRow {
    /// Whose.
    pub placement_id: Uuid,
    /// What it is about.
    pub title: String,
    /// By when.
    pub due_day: NaiveDate,
}

/// Lists for people, a page at a time.
#[async_trait]
pub trait Pages: Send + Sync {
    /// Robots, those that somebody should look at first, then by school and name.
    ///
    /// # Errors
    /// The database does not answer.
    async fn robots_page(&self, page: &RobotsPage<'_>) -> Result<Vec<RobotRow>, StoreError>;

    /// The robots that a person may see, counted by what they last said.
    ///
    /// # Errors
    /// The database does not answer.
    async fn robot_groups(
        &self,
        staff_id: Uuid,
        silent_before: DateTime<Utc>,
        low_pct: i64,
    ) -> Result<Vec<RobotGroupRow>, StoreError>;

    /// The placements on `day` of up to [`PAGE`] robots.
    ///
    /// # Errors
    /// The database does not answer.
    async fn placements_of_robots(&self, robots: &[Uuid], day: NaiveDate) -> Result<Vec<PlacementRow>, StoreError>;

    /// Up to [`PAGE`] placements in force, by school and pupil, and how many there are on all pages.
    ///
    /// # Errors
    /// The database does not answer.
    async fn placements_page(&self, page: &PupilsPage<'_>) -> Result<(Vec<PlacementRow>, i64), StoreError>;

    /// The slots of one weekday (1 is Monday) that the plans of up to [`PAGE`] placements expect their pupils in.
    ///
    /// # Errors
    /// The database does not answer.
    async fn slots_of_placements(&self, placements: &[Uuid], weekday: i64) -> Result<Vec<(Uuid, SlotRow)>, StoreError>;

    /// Which of up to [`PAGE`] pupils have an open interval that reached past `since`.
    ///
    /// # Errors
    /// The database does not answer.
    async fn live_pupils(&self, pupils: &[Uuid], since: DateTime<Utc>) -> Result<Vec<Uuid>, StoreError>;

    /// The lessons in `[from, until)` for which up to [`PAGE`] placements' pupils chose to rest: placement and start.
    ///
    /// # Errors
    /// The database does not answer.
    async fn rests_of_placements(
        &self,
        placements: &[Uuid],
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<(Uuid, DateTime<Utc>)>, StoreError>;

    /// Open stages due up to `until` of placements in force on `day` that a person looks after, the earliest first.
    ///
    /// # Errors
    /// The database does not answer.
    async fn stages_due(
        &self,
        staff_id: Uuid,
        day: NaiveDate,
        until: NaiveDate,
        limit: i64,
    ) -> Result<Vec<(PlacementRow, DueStageRow)>, StoreError>;

    /// Placements in force on `day` that end by `until` and that a person looks after, the earliest first.
    ///
    /// # Errors
    /// The database does not answer.
    async fn loans_ending(
        &self,
        staff_id: Uuid,
        day: NaiveDate,
        until: NaiveDate,
        limit: i64,
    ) -> Result<Vec<PlacementRow>, StoreError>;

    /// Audit entries before one, the newest first; before nothing: the newest of all.
    ///
    /// # Errors
    /// The database does not answer.
    async fn audit_page(&self, before: Option<Uuid>, limit: i64) -> Result<Vec<(Uuid, AuditRow)>, StoreError>;
}
