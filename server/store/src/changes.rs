//! What was changed around a pupil, beside the plan: every revision of a sheet, every day that was said of an event, and what of details,
//! placement and people is written in its place. Who, when, from, to; the plan's own fields are in [`crate::plans`].
//!
//! Names and numbers are read here for one page and go nowhere else; no type here prints one.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::StoreError;

/// Details of a pupil that this list holds, by their word in the store.
pub const PUPIL_FIELDS: [&str; 4] = ["pupil.name", "pupil.year", "pupil.upn", "pupil.born"];

/// What was changed, by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeOf {
    /// A sheet, with its kind in the row: both sides are for [`crate::kept`].
    Sheet,
    /// The day of an event, with its code in the row.
    Event,
    /// A field that is written in its place.
    Field,
}

impl ChangeOf {
    /// Its word in the query.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "sheet" => Some(Self::Sheet),
            "event" => Some(Self::Event),
            "field" => Some(Self::Field),
            _ => None,
        }
    }
}

/// One change. No `Debug`: it holds what people wrote.
#[derive(Clone)]
pub struct ChangeRow {
    /// By kind.
    pub of: ChangeOf,
    /// Kind of sheet, event or field.
    pub what: String,
    /// Before; none: nothing.
    pub from_text: Option<String>,
    /// After; none: nothing.
    pub to_text: Option<String>,
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
    /// Looks at the framework, and what helps.
    pub framework: bool,
    /// The pupil's number.
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
