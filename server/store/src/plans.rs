//! Reintegration plans, with the history of every field.
//!
//! A change is read, judged by [`ReintegrationPlan`] and written in one transaction, and says on which revision it was based. So of two
//! people who change one plan at once, one is told what the other did meanwhile, and nothing is lost. History rows are appended
//! in the same transaction and never changed: triggers refuse it. Nothing here prints what people wrote.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use server_core::plan::{Change, Refusal, ReintegrationPlan, Revision};
use server_core::policy::Pack;
use uuid::Uuid;

use crate::StoreError;
use crate::audit::NewAudit;

/// A plan as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanRow {
    /// Key, made in the order of time.
    pub plan_id: Uuid,
    /// Of which placement.
    pub placement_id: Uuid,
    /// When it was changed last.
    pub changed_at: DateTime<Utc>,
    /// What it holds, with its revision.
    pub plan: ReintegrationPlan,
}

/// A field that changed. `Debug` does not print the texts.
#[derive(Clone, PartialEq, Eq)]
pub struct PlanChangeRow {
    /// The revision that it made.
    pub revision: i64,
    /// Which: codes joined by dots.
    pub field: String,
    /// What it was.
    pub from_text: Option<String>,
    /// What it is.
    pub to_text: Option<String>,
    /// `staff`, `tablet`, `program`.
    pub actor_kind: String,
    /// Who.
    pub actor_id: Option<Uuid>,
    /// How pages call that person.
    pub actor_name: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

impl std::fmt::Debug for PlanChangeRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlanChangeRow").field("revision", &self.revision).field("field", &self.field).finish_non_exhaustive()
    }
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It is made.
    Made(Revision),
    /// Somebody changed the plan since that revision: what, who and when, the oldest first. Nothing was written.
    Meanwhile {
        /// The revision that it has now.
        now: Revision,
        /// Every field that changed since, at most [`MOST_CHANGES`].
        changes: Vec<PlanChangeRow>,
    },
    /// It cannot be made now. Nothing was written.
    Refused(Refusal),
    /// There is no such plan.
    NoPlan,
}

/// So many changes are listed at once.
pub const MOST_CHANGES: i64 = 500;

/// Reintegration plans, with the history of every field.
#[async_trait]
pub trait Plans: Send + Sync {
    /// Adds a draft; `false` if the placement has a plan that is not closed.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn add_plan(
        &self,
        plan_id: Uuid,
        placement_id: Uuid,
        plan: &ReintegrationPlan,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError>;

    /// One plan.
    ///
    /// # Errors
    /// The database does not answer, or holds what this program cannot read.
    async fn plan(&self, plan_id: Uuid) -> Result<Option<PlanRow>, StoreError>;

    /// The plans of a placement, the latest first. Drafts that were thrown away are not among them.
    ///
    /// # Errors
    /// The database does not answer, or holds what this program cannot read.
    async fn plans_of(&self, placement_id: Uuid) -> Result<Vec<PlanRow>, StoreError>;

    /// The drafts of a placement that were thrown away, the latest first.
    ///
    /// # Errors
    /// The database does not answer, or holds what this program cannot read.
    async fn discarded_plans_of(&self, placement_id: Uuid) -> Result<Vec<PlanRow>, StoreError>;

    /// Makes all these changes or none. `based_on`: the revision that the person saw. The audit entry and the history say that
    /// its actor did it.
    ///
    /// # Errors
    /// The database does not answer, or holds what this program cannot read.
    async fn change_plan(
        &self,
        plan_id: Uuid,
        based_on: Revision,
        pack: &Pack,
        changes: Vec<Change>,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<Changed, StoreError>;

    /// Fields that changed after a revision, the oldest first, at most [`MOST_CHANGES`].
    ///
    /// # Errors
    /// The database does not answer.
    async fn plan_changes_since(&self, plan_id: Uuid, revision: Revision) -> Result<Vec<PlanChangeRow>, StoreError>;

    /// The history of a plan, the newest first; of one field if it is named, before a revision if it is named.
    ///
    /// # Errors
    /// The database does not answer.
    async fn plan_history(
        &self,
        plan_id: Uuid,
        field: Option<&str>,
        before: Option<Revision>,
        limit: i64,
    ) -> Result<Vec<PlanChangeRow>, StoreError>;
}
