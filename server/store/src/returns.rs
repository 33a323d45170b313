//! How returns go on over many pupils: the plans of one page of a list, and numbers over everybody whom a person may count.
//!
//! Numbers have no name and no pupil's id. Nothing here is a share or a score: how many, and of how many.

use async_trait::async_trait;
use chrono::NaiveDate;
use server_core::party::Party;
use server_core::policy::Code;
use uuid::Uuid;

use crate::StoreError;
use crate::plans::PlanRow;

/// Pupils with a robot on loan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlannedRow {
    /// How many.
    pub pupils: i64,
    /// Of them those with a plan that is not closed.
    pub with_plan: i64,
}

/// Plans that ended with the return that they were for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeldRow {
    /// How many.
    pub held: i64,
    /// Of them those after which the same pupil needed another plan.
    pub again: i64,
}

/// How returns go on over many pupils.
#[async_trait]
pub trait Returns: Send + Sync {
    /// The plans of up to [`PAGE`](crate::pages::PAGE) pupils, whichever placement they are of, each with its pupil; those of one
    /// pupil from the first to the last.
    ///
    /// # Errors
    /// The database does not answer, or holds what this program cannot read.
    async fn plans_of_pupils(&self, pupils: &[Uuid]) -> Result<Vec<(Uuid, PlanRow)>, StoreError>;

    /// When a party was last spoken with, for those of up to [`PAGE`](crate::pages::PAGE) placements where somebody did. An attempt
    /// that nobody answered, and a visit by robot in which nobody says that they spoke, are none.
    ///
    /// # Errors
    /// The database does not answer.
    async fn last_contacts(&self, placements: &[Uuid], with: Party) -> Result<Vec<(Uuid, NaiveDate)>, StoreError>;

    /// The pupils with a robot on `day` whom a person may count.
    ///
    /// # Errors
    /// The database does not answer.
    async fn count_planned(&self, staff_id: Uuid, day: NaiveDate) -> Result<PlannedRow, StoreError>;

    /// The plans after a policy, of pupils whom a person may count, that were closed with this outcome.
    ///
    /// # Errors
    /// The database does not answer.
    async fn count_held(&self, staff_id: Uuid, policy: &Code, outcome: &Code) -> Result<HeldRow, StoreError>;
}
