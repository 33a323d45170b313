//! Pupils, their placements, and the plan in its thin form.
//!
//! Names and UPNs are read here for pages and go nowhere else.

use crate::StoreError;
use async_trait::async_trait;
use chrono::NaiveDate;
use uuid::Uuid;

/// A placement with its pupil and, if it has one, its robot. `Debug` does not print the pupil's name.
#[derive(Clone, PartialEq, Eq)]
pub struct PlacementRow {
    /// Key; the only name the bridge has for a pupil.
    pub placement_id: Uuid,
    /// Who.
    pub pupil_id: Uuid,
    /// First name and initial, for pages.
    pub pupil_name: String,
    /// School year.
    pub year_group: i64,
    /// The home school: it keeps the pupil's register.
    pub home_id: Uuid,
    /// Its name.
    pub home_name: String,
    /// Through which robot; none yet, or none any more.
    pub robot_id: Option<Uuid>,
    /// That robot's name.
    pub robot_name: Option<String>,
    /// The school whose lessons the pupil follows; mostly the home school.
    pub school_id: Uuid,
    /// Its name.
    pub school_name: String,
    /// Who looks after the pupil meanwhile.
    pub provider_id: Option<Uuid>,
    /// Its name.
    pub provider_name: Option<String>,
    /// Staff member.
    pub key_worker_id: Option<Uuid>,
    /// First day.
    pub from_day: NaiveDate,
    /// Last day.
    pub until_day: NaiveDate,
}

impl PlacementRow {
    /// How pages call the robot, also while there is none.
    #[must_use]
    pub fn robot(&self) -> &str {
        self.robot_name.as_deref().unwrap_or("a robot")
    }
}

impl std::fmt::Debug for PlacementRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlacementRow")
            .field("placement_id", &self.placement_id)
            .field("robot_id", &self.robot_id)
            .finish_non_exhaustive()
    }
}

/// One of the four stages of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanStageRow {
    /// 1 to 4.
    pub stage: i64,
    /// What it is about.
    pub title: String,
    /// When it is due.
    pub due_day: Option<NaiveDate>,
    /// When it was done.
    pub done_day: Option<NaiveDate>,
}

/// A pupil to add. No `Debug`: it holds a name and a UPN.
pub struct NewPupil<'a> {
    /// Key.
    pub pupil_id: Uuid,
    /// The school that keeps the register.
    pub organisation_id: Uuid,
    /// First name and initial.
    pub name: &'a str,
    /// Checked before it comes here.
    pub upn: Option<&'a server_core::pupil::Upn>,
    /// School year.
    pub year_group: i64,
    /// Source: H-23.
    pub born: Option<NaiveDate>,
}

/// A placement to add.
#[derive(Clone, Debug)]
pub struct NewPlacement {
    /// Key.
    pub placement_id: Uuid,
    /// Who.
    pub pupil_id: Uuid,
    /// Through which robot; a record can begin before there is one.
    pub robot_id: Option<Uuid>,
    /// At which school.
    pub school_id: Uuid,
    /// Who looks after the pupil meanwhile.
    pub provider_id: Option<Uuid>,
    /// Staff member.
    pub key_worker_id: Option<Uuid>,
    /// First day.
    pub from_day: NaiveDate,
    /// Last day.
    pub until_day: NaiveDate,
}

/// Pupils, their placements, and the plan in its thin form.
#[async_trait]
pub trait Placements: Send + Sync {
    /// All placements, by school and pupil.
    ///
    /// # Errors
    /// The database does not answer.
    async fn placements(&self) -> Result<Vec<PlacementRow>, StoreError>;

    /// One placement.
    ///
    /// # Errors
    /// The database does not answer.
    async fn placement(&self, placement_id: Uuid) -> Result<Option<PlacementRow>, StoreError>;

    /// A pupil's placements, the latest first.
    ///
    /// # Errors
    /// The database does not answer.
    async fn placements_of(&self, pupil_id: Uuid) -> Result<Vec<PlacementRow>, StoreError>;

    /// The placements of a robot on `day`; more than one when pupils share it.
    ///
    /// # Errors
    /// The database does not answer.
    async fn placements_of_robot(&self, robot_id: Uuid, day: NaiveDate) -> Result<Vec<PlacementRow>, StoreError>;

    /// The stages of a placement's plan, in order.
    ///
    /// # Errors
    /// The database does not answer.
    async fn plan_stages(&self, placement_id: Uuid) -> Result<Vec<PlanStageRow>, StoreError>;

    /// Adds a pupil or keeps the one that is there.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn add_pupil(&self, pupil: &NewPupil<'_>) -> Result<(), StoreError>;

    /// Adds a placement with its plan or keeps the one that is there.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn add_placement(&self, placement: &NewPlacement, plan: &[PlanStageRow]) -> Result<(), StoreError>;
}
