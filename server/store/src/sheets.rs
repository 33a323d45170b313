//! Sheets: goals, looks at the framework, profiles, scales, costs, part-time arrangements and what was given to whom, one JSON text each (see [`crate::kept`]).
//!
//! A sheet is saved as a new revision and no revision is ever changed: triggers refuse it. Who saves says which revision they saw; if
//! there is another one by now, they get that one, with its author, and nothing is written.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use crate::StoreError;
use crate::audit::NewAudit;

/// What a sheet is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SheetKind {
    /// A goal.
    Goal,
    /// One look at the framework.
    Assessment,
    /// Strengths, needs, triggers, interventions.
    Profile,
    /// An organisation's scale.
    Scale,
    /// A table of costs.
    Costs,
    /// A part-time arrangement.
    PartTime,
    /// Where a pupil is during lessons by robot, as somebody said.
    Place,
    /// A serious breakdown, and who was told.
    Breakdown,
    /// A document that was given to somebody.
    Share,
}

impl SheetKind {
    /// Its word in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Goal => "goal",
            Self::Assessment => "assessment",
            Self::Profile => "profile",
            Self::Scale => "scale",
            Self::Costs => "costs",
            Self::PartTime => "part_time",
            Self::Place => "place",
            Self::Breakdown => "breakdown",
            Self::Share => "share",
        }
    }
}

/// Whose a sheet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A pupil's, within a placement.
    Placement(Uuid),
    /// A school's, provider's or authority's.
    Organisation(Uuid),
}

/// A revision of a sheet to save. No `Debug`: it holds what people wrote.
pub struct NewSheet<'a> {
    /// Which sheet.
    pub sheet_id: Uuid,
    /// The revision that the person saw; 0: it is new.
    pub based_on: i64,
    /// What it is about.
    pub kind: SheetKind,
    /// Whose it is.
    pub owner: Owner,
    /// The day by which it is listed.
    pub day: Option<NaiveDate>,
    /// Its text, from [`crate::kept`].
    pub body: &'a str,
}

/// A revision of a sheet. `Debug` does not print the body.
#[derive(Clone, PartialEq, Eq)]
pub struct SheetRow {
    /// Which sheet.
    pub sheet_id: Uuid,
    /// Counted from 1.
    pub revision: i64,
    /// The day by which it is listed.
    pub day: Option<NaiveDate>,
    /// Its text, for [`crate::kept`].
    pub body: String,
    /// `staff`, `tablet`, `program`.
    pub actor_kind: String,
    /// Who.
    pub actor_id: Option<Uuid>,
    /// How pages call that person.
    pub actor_name: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

impl std::fmt::Debug for SheetRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SheetRow")
            .field("sheet_id", &self.sheet_id)
            .field("revision", &self.revision)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

/// The key of the sheet that comes after so many of a kind in a placement: the same for everybody who saw these. So of two who save the
/// next one at once, the second is told. Later ones sort after earlier ones.
#[must_use]
pub fn next_id(kind: SheetKind, placement_id: Uuid, known: u16) -> Uuid {
    // The first 32 bits of a UUIDv7 are time alone; what tells placements apart stays.
    const REST: u128 = u128::MAX >> 32;
    let head = (0x7a20 + kind as u128) << 16 | u128::from(known);
    Uuid::from_u128(head << 96 | placement_id.as_u128() & REST)
}

/// What became of a sheet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    /// This revision is there now.
    As(i64),
    /// Somebody saved another one since. Nothing was written.
    Meanwhile(Box<SheetRow>),
    /// There is no such sheet of this kind and owner.
    NoSheet,
}

/// Goals, looks at the framework, profiles, scales, costs and part-time arrangements.
#[async_trait]
pub trait Sheets: Send + Sync {
    /// Saves a revision of a sheet.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn save_sheet(&self, sheet: &NewSheet<'_>, audit: NewAudit<'_>, now: DateTime<Utc>) -> Result<Saved, StoreError>;

    /// The latest revision of each sheet, by day.
    ///
    /// # Errors
    /// The database does not answer.
    async fn sheets(&self, owner: Owner, kind: SheetKind) -> Result<Vec<SheetRow>, StoreError>;

    /// The latest text of each such sheet that an organisation has, and which organisation.
    ///
    /// # Errors
    /// The database does not answer.
    async fn sheets_of_organisations(&self, kind: SheetKind) -> Result<Vec<(Uuid, String)>, StoreError>;

    /// Every revision of a sheet, the newest first.
    ///
    /// # Errors
    /// The database does not answer.
    async fn sheet_history(&self, sheet_id: Uuid, limit: i64) -> Result<Vec<SheetRow>, StoreError>;
}
