//! What is open in many cases, as rows that lists read: by person, and over everything that a person may see.
//!
//! A case is worked out by the program and written whole. Triggers count its changes, so a case whose rows are older than its facts, or
//! than the day, is known and worked out again; who writes rows says which change they had seen, and older rows never replace newer ones.

use async_trait::async_trait;
use chrono::NaiveDate;
use server_core::deadline::Due;
use uuid::Uuid;

use crate::StoreError;
use crate::placements::PlacementRow;

/// A case whose rows are to be worked out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaseMark {
    /// Which.
    pub placement_id: Uuid,
    /// How often it had changed when this was read.
    pub changed: i64,
}

/// The rows of a case, worked out. No `Debug`: it may hold what people wrote.
#[derive(Clone)]
pub struct CaseDue {
    /// What was read before anything else of the case.
    pub mark: CaseMark,
    /// The last day on which they are right if nothing changes.
    pub holds_until: NaiveDate,
    /// Whose days it was counted in, besides those of the placement's schools: a change of them marks it.
    pub receiving: Option<Uuid>,
    /// What is open, by day; and whether one of its owners is named.
    pub open: Vec<(Due, bool)>,
}

/// Something open, as a list shows it. `Debug` prints neither the name nor what people wrote.
#[derive(Clone, PartialEq, Eq)]
pub struct DueRow {
    /// In which case.
    pub placement_id: Uuid,
    /// What. Its steps and what holds in its place are on the page of the case.
    pub due: Due,
    /// The school that the plan names, in whose days some of it may be counted.
    pub receiving: Option<Uuid>,
    /// Somebody who has it today; of several, the first by name.
    pub who: Option<String>,
}

impl std::fmt::Debug for DueRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DueRow").field("placement_id", &self.placement_id).field("rule", &self.due.rule).finish_non_exhaustive()
    }
}

/// What is open in many cases.
#[async_trait]
pub trait Dues: Send + Sync {
    /// Up to `limit` cases whose rows are not right on `day`: of those that this person may see or has a part in, or of all.
    ///
    /// # Errors
    /// The database does not answer.
    async fn cases_to_count(&self, staff_id: Option<Uuid>, day: NaiveDate, limit: i64) -> Result<Vec<CaseMark>, StoreError>;

    /// Writes the rows of cases in place of those that were there, in one transaction; of a case of which somebody wrote newer ones
    /// meanwhile, none. How many cases were written.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn write_cases(&self, cases: &[CaseDue]) -> Result<usize, StoreError>;

    /// What is open and belongs to a part that this person has on `day`, the earliest first; `offset` rows are left out.
    ///
    /// # Errors
    /// The database does not answer, or holds what this program cannot read.
    async fn due_of(&self, staff_id: Uuid, day: NaiveDate, offset: i64, limit: i64) -> Result<Vec<DueRow>, StoreError>;

    /// What was due before `day`, and what nobody has, in the cases that this person may see, the earliest first; without what is
    /// theirs. `offset` rows are left out.
    ///
    /// # Errors
    /// The database does not answer, or holds what this program cannot read.
    async fn due_in_reach(&self, staff_id: Uuid, day: NaiveDate, offset: i64, limit: i64) -> Result<Vec<DueRow>, StoreError>;

    /// Up to [`PAGE`](crate::pages::PAGE) placements by their ids.
    ///
    /// # Errors
    /// The database does not answer.
    async fn placements_named(&self, placements: &[Uuid]) -> Result<Vec<PlacementRow>, StoreError>;
}
