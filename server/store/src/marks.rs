//! The statutory register, as a school's own files told it: kept with source and time, read back, and never written from anything else.
//!
//! The only way in is an [`ImportedMark`], which is made from a cell of a file. Names and numbers of pupils stay in this database.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use server_core::register::ImportedMark;
use uuid::Uuid;

use crate::StoreError;
use crate::audit::NewAudit;

/// What became of a school's file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Marks that are there now.
    pub marks: u64,
    /// Marks of pupils whom this school has not entered here, or not with that number.
    pub of_others: u64,
    /// Whose marks these are, with the first and the last day of them.
    pub pupils: BTreeMap<Uuid, (NaiveDate, NaiveDate)>,
}

/// The statutory register, as a school's own files told it.
#[async_trait]
pub trait Marks: Send + Sync {
    /// Keeps the marks of a school's file, for its own pupils only. A mark of a later file replaces one of an earlier file, never the
    /// other way round. It may be called again after an error.
    ///
    /// # Errors
    /// The database does not answer.
    async fn keep_marks(
        &self,
        organisation_id: Uuid,
        marks: &[ImportedMark],
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<Taken, StoreError>;

    /// A pupil's marks from `from` to `until`, both included, as they were imported.
    ///
    /// # Errors
    /// The database does not answer, or holds what no import wrote.
    async fn imported_marks(&self, pupil_id: Uuid, from: NaiveDate, until: NaiveDate) -> Result<Vec<ImportedMark>, StoreError>;
}
