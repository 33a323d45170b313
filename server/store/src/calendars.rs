//! The days of organisations: on which a school is closed, and which an authority publishes; and what was changed of them.
//!
//! A change is one transaction with its history and its audit entry. Days that were there before there was a history have none.

use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use server_core::policy::Series;
use uuid::Uuid;

use crate::StoreError;
use crate::audit::NewAudit;

/// A change of one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayChangeRow {
    /// Counted from 1 for each organisation; what was entered at once has one.
    pub revision: i64,
    /// Of which series; none: whether the school is closed.
    pub series: Option<Series>,
    /// Which day.
    pub day: NaiveDate,
    /// Why it was closed before; of a series: anything. None: it was not.
    pub from_text: Option<String>,
    /// The same after.
    pub to_text: Option<String>,
    /// `staff`, `tablet`, `program`.
    pub actor_kind: String,
    /// How pages call that person.
    pub actor_name: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

/// The days of organisations.
#[async_trait]
pub trait Calendars: Send + Sync {
    /// Closes days for a reason, or opens them again without one. `seen`: the revision that whoever does so saw. What others made of
    /// these days since, if it is something else: then nothing was written. Of each day its last change.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn set_closed(
        &self,
        organisation_id: Uuid,
        days: &BTreeSet<NaiveDate>,
        reason: Option<&str>,
        seen: i64,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<Vec<DayChangeRow>, StoreError>;

    /// Puts a day into a series or takes it out; the others stay.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn set_series_day(
        &self,
        organisation_id: Uuid,
        series: Series,
        day: NaiveDate,
        is_in: bool,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// The days of a series.
    ///
    /// # Errors
    /// The database does not answer.
    async fn series(&self, organisation_id: Uuid, series: Series) -> Result<BTreeSet<NaiveDate>, StoreError>;

    /// The revision of the last change; 0: there was none.
    ///
    /// # Errors
    /// The database does not answer.
    async fn days_revision(&self, organisation_id: Uuid) -> Result<i64, StoreError>;

    /// Changes of an organisation's days, the newest first, those of one revision by day; from `offset` on, at most `limit`.
    ///
    /// # Errors
    /// The database does not answer, or holds what this program cannot read.
    async fn day_changes(&self, organisation_id: Uuid, limit: i64, offset: i64) -> Result<Vec<DayChangeRow>, StoreError>;
}
