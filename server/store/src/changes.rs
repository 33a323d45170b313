//! What was changed around a pupil, beside the plan: every revision of a sheet, every day that was said of an event, every word about a
//! limit or a half-day, and what of details, placement and people is written in its place. Who, when, from, to; the plan's own fields are
//! in [`crate::plans`].
//!
//! Names and numbers are read here for one page and go nowhere else; no type here prints one.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use server_core::party::PersonId;
use uuid::Uuid;

use crate::StoreError;

/// Details of a pupil that this list holds, by their word in the store.
pub const PUPIL_FIELDS: [&str; 5] = ["pupil.name", "pupil.year", "pupil.upn", "pupil.born", "pupil.local-number"];

/// What was changed, by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeOf {
    /// A sheet, with its kind in the row: both sides are for [`crate::kept`].
    Sheet,
    /// The day of an event, with its code in the row.
    Event,
    /// A field that is written in its place.
    Field,
    /// A word about a limit, with its rule and week in the row, as [`crate::record::DeadlineWord::text`] has it.
    Word,
    /// Whether the pupil was at school for a half-day, with day and half in the row: `there` or `not`.
    Half,
}

impl ChangeOf {
    /// Its word in the query.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "sheet" => Some(Self::Sheet),
            "event" => Some(Self::Event),
            "field" => Some(Self::Field),
            "word" => Some(Self::Word),
            "half" => Some(Self::Half),
            _ => None,
        }
    }
}

/// One change. No `Debug`: it holds what people wrote.
#[derive(Clone)]
pub struct ChangeRow {
    /// By kind.
    pub of: ChangeOf,
    /// Kind of sheet, event, field, limit or half-day.
    pub what: String,
    /// Before; none: nothing.
    pub from_text: Option<String>,
    /// After; none: nothing.
    pub to_text: Option<String>,
    /// Who said it before, where somebody else may have written it down.
    pub from_by: Option<PersonId>,
    /// Who says it now.
    pub to_by: Option<PersonId>,
    /// `staff`, `tablet`, `program`.
    pub actor_kind: String,
    /// How pages call that person.
    pub actor_name: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

/// What somebody may read of it beside what every reader of the plan may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    /// Looks at the framework, and with [`Sight::own_notes`] what helps.
    pub framework: bool,
    /// What is noted about the pupil, shared or not: a line that was taken back is one that is not.
    pub own_notes: bool,
    /// The pupil's numbers.
    pub number: bool,
}

/// What was changed around a pupil.
#[async_trait]
pub trait Changes: Send + Sync {
    /// Changes around a placement and its pupil, the newest first, from `offset` on, at most `limit`.
    ///
    /// # Errors
    /// The database does not answer, or holds what this program cannot read.
    async fn case_changes(
        &self,
        pupil_id: Uuid,
        placement_id: Uuid,
        sight: Sight,
        limit: i64,
        offset: i64,
    ) -> Result<Vec<ChangeRow>, StoreError>;
}
