//! Whether a pupil was at school for a half-day, as people say it where no file of the register tells.
//!
//! It is no mark: it has a table and a type of its own, nothing makes one of the other, and an imported mark stands before it
//! (`server_core::glide`). Everything is appended and the latest word of a half-day counts; triggers refuse a change.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use server_core::party::PersonId;
use server_core::register::HalfDay;
use uuid::Uuid;

use crate::StoreError;
use crate::audit::NewAudit;
use crate::record::Seen;

/// A word about a half-day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatedWord {
    /// Which day.
    pub day: NaiveDate,
    /// Which half of it.
    pub half_day: HalfDay,
    /// Whether the pupil was there; `None`: it is not known, which takes back what was said.
    pub was_there: Option<bool>,
    /// Who says so.
    pub by: PersonId,
}

/// The latest word about a half-day. No `Debug`: it holds a name.
#[derive(Clone, PartialEq, Eq)]
pub struct StatedRow {
    /// What was said, and by whom.
    pub word: StatedWord,
    /// Who wrote it down.
    pub staff_id: Uuid,
    /// How pages call them.
    pub staff_name: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// What people say of half-days.
#[async_trait]
pub trait Stated: Send + Sync {
    /// Writes down what somebody says of half-days of a placement. `staff_id`: who writes; `seen`: the last word of the placement from
    /// which they do. `false`: somebody else said something else of one of these since, and nothing was written.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn state_half_days(
        &self,
        placement_id: Uuid,
        words: &[StatedWord],
        staff_id: Uuid,
        seen: Seen<Option<Uuid>>,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError>;

    /// The last word of a placement about any half-day, for [`Self::state_half_days`].
    ///
    /// # Errors
    /// The database does not answer.
    async fn last_stated(&self, placement_id: Uuid) -> Result<Option<Uuid>, StoreError>;

    /// The latest word of each half-day from `from` to `until`, both included, by day.
    ///
    /// # Errors
    /// The database does not answer, or holds what this program cannot read.
    async fn stated_half_days(
        &self,
        placement_id: Uuid,
        from: NaiveDate,
        until: NaiveDate,
    ) -> Result<Vec<StatedRow>, StoreError>;
}
