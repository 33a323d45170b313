//! What pages add up: one row a pupil a day, the marks of days that have to be computed again, and corrections by people.
//!
//! A row is always computed whole, by `server_core::attendance`, and written only if its mark is the one it was computed for. So a
//! program may be killed between any two steps, and several may work at once: the row is then missing or old, its mark still stands,
//! and the next one computes it.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use crate::StoreError;
use crate::audit::NewAudit;

/// A day of a pupil whose facts changed since its row was computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirtyRow {
    /// Whose.
    pub pupil_id: Uuid,
    /// Which day, as their school counts days.
    pub day: NaiveDate,
    /// Changes with every change of the facts and is never used twice.
    pub version: Uuid,
}

/// A pupil's day, computed whole. Lengths in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayRow {
    /// Whose.
    pub pupil_id: Uuid,
    /// Which day.
    pub day: NaiveDate,
    /// The placement in force.
    pub placement_id: Uuid,
    /// Its school.
    pub school_id: Uuid,
    /// Lessons that the plan expects the pupil in.
    pub expected_ms: i64,
    /// Live in lessons, as measured.
    pub connected_ms: i64,
    /// Of it with moving picture.
    pub video_ms: i64,
    /// Of it with a picture now and then.
    pub stills_ms: i64,
    /// Of it with sound only.
    pub audio_ms: i64,
    /// In lessons, as it counts after corrections.
    pub counted_ms: i64,
    /// Live outside lessons, as measured.
    pub social_ms: i64,
    /// The same as it counts.
    pub social_counted_ms: i64,
    /// Lessons in which the pupil did something.
    pub active_lessons: i64,
    /// What looks wrong.
    pub anomalies: i64,
    /// The mark that it was computed for.
    pub version: Uuid,
}

impl DayRow {
    /// Whether there is nothing to keep: no lesson, no presence, nothing odd.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.expected_ms == 0
            && self.connected_ms == 0
            && self.counted_ms == 0
            && self.social_ms == 0
            && self.social_counted_ms == 0
            && self.anomalies == 0
    }
}

/// What is written for a mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Computed {
    /// For which.
    pub mark: DirtyRow,
    /// The day; `None` if there is nothing to keep.
    pub day: Option<DayRow>,
}

/// A placement as the ledger needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerPlacementRow {
    /// Key.
    pub placement_id: Uuid,
    /// Whose lessons they are.
    pub school_id: Uuid,
    /// First day.
    pub from_day: NaiveDate,
    /// Last day.
    pub until_day: NaiveDate,
    /// Time zone of the school that keeps the pupil's register: it decides where a day begins.
    pub day_zone: String,
}

/// A correction by a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorrectionRow {
    /// Key.
    pub minutes_correction_id: Uuid,
    /// Under which placement.
    pub placement_id: Uuid,
    /// Of which day.
    pub day: NaiveDate,
    /// Of which lesson; none: of the day's social time.
    pub timetable_slot_id: Option<Uuid>,
    /// That lesson's start.
    pub start_at: Option<DateTime<Utc>>,
    /// How long it was, in seconds; none takes earlier corrections back.
    pub to_s: Option<i64>,
    /// Why.
    pub reason: String,
    /// Who.
    pub author_id: Uuid,
    /// Their name.
    pub author_name: String,
    /// When.
    pub said_at: DateTime<Utc>,
}

/// A correction to add.
#[derive(Clone, Debug)]
pub struct NewCorrection<'a> {
    /// Key, made in the order of time.
    pub minutes_correction_id: Uuid,
    /// Under which placement.
    pub placement_id: Uuid,
    /// Of which day.
    pub day: NaiveDate,
    /// Of which lesson: slot and start; none: of the day's social time.
    pub lesson: Option<(Uuid, DateTime<Utc>)>,
    /// How long it was, in seconds; none takes earlier corrections back.
    pub to_s: Option<i64>,
    /// Why; not empty.
    pub reason: &'a str,
    /// Who.
    pub author_id: Uuid,
}

/// What a school's days add up to. Lengths in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchoolMinutesRow {
    /// Which school.
    pub organisation_id: Uuid,
    /// Its name.
    pub name: String,
    /// Its robots.
    pub robots: i64,
    /// When one of them was last used.
    pub last_used_at: Option<DateTime<Utc>>,
    /// Expected in lessons, since the later day.
    pub week_expected_ms: i64,
    /// Live in lessons, since the later day.
    pub week_ms: i64,
    /// Live outside lessons, since the later day.
    pub week_social_ms: i64,
    /// Expected in lessons, since the earlier day.
    pub weeks_expected_ms: i64,
    /// Live in lessons, since the earlier day.
    pub weeks_ms: i64,
    /// Live outside lessons, since the earlier day.
    pub weeks_social_ms: i64,
    /// Anomalies since the earlier day.
    pub anomalies: i64,
}

/// What pages add up, and what has to be computed for it.
#[async_trait]
pub trait Minutes: Send + Sync {
    /// Up to `limit` marks, of pupils from `start` on, then from the first one: who begins elsewhere finds other work.
    ///
    /// # Errors
    /// The database does not answer.
    async fn dirty_days(&self, start: Uuid, limit: i64) -> Result<Vec<DirtyRow>, StoreError>;

    /// How many days have to be computed; a stretch of days up to `today` that is not marked yet counts as one.
    ///
    /// # Errors
    /// The database does not answer.
    async fn count_dirty_days(&self, today: NaiveDate) -> Result<i64, StoreError>;

    /// Marks days up to `today` that a change of a timetable, a calendar or a placement concerns, as triggers noted them; returns how
    /// many it marked, 0 once there are none. Days after `today` are kept until they come.
    ///
    /// # Errors
    /// The database does not answer.
    async fn mark_changed(&self, today: NaiveDate) -> Result<u64, StoreError>;

    /// Marks `day` for every pupil with a placement in force that has no row of it; returns how many were marked.
    ///
    /// # Errors
    /// The database does not answer.
    async fn mark_running(&self, day: NaiveDate) -> Result<u64, StoreError>;

    /// Marks the days on which an interval was last heard of from `after` on and before `before`, by our clock, and never ended; returns
    /// how many. Of pupils with a placement in force then.
    ///
    /// # Errors
    /// The database does not answer.
    async fn mark_silent(&self, after: DateTime<Utc>, before: DateTime<Utc>) -> Result<u64, StoreError>;

    /// Marks days of a pupil, both ends included, as if their facts had changed.
    ///
    /// # Errors
    /// The database does not answer.
    async fn mark_days(&self, pupil_id: Uuid, first: NaiveDate, last: NaiveDate) -> Result<(), StoreError>;

    /// Writes each row whose mark still stands and removes that mark, in one transaction; returns how many were written. What was
    /// computed for a mark that has changed, or that another program has removed, is dropped.
    ///
    /// # Errors
    /// The database does not answer.
    async fn write_days(&self, computed: &[Computed]) -> Result<u64, StoreError>;

    /// A pupil's rows, both days included, by day.
    ///
    /// # Errors
    /// The database does not answer.
    async fn attendance_days(&self, pupil_id: Uuid, first: NaiveDate, last: NaiveDate) -> Result<Vec<DayRow>, StoreError>;

    /// A pupil's placements, the earliest first.
    ///
    /// # Errors
    /// The database does not answer.
    async fn ledger_placements(&self, pupil_id: Uuid) -> Result<Vec<LedgerPlacementRow>, StoreError>;

    /// Corrections under any of a pupil's placements, both days included, in the order they were made.
    ///
    /// # Errors
    /// The database does not answer.
    async fn corrections(&self, pupil_id: Uuid, first: NaiveDate, last: NaiveDate) -> Result<Vec<CorrectionRow>, StoreError>;

    /// Adds a correction, its entry in the audit log and the mark of its day, in one transaction.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn add_correction(
        &self,
        correction: &NewCorrection<'_>,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// Schools below `authority` (itself included) whose names contain `search`, by name, with what their days since `week` and since `weeks` add up
    /// to. `offset` of them are left out, at most `limit` returned.
    ///
    /// # Errors
    /// The database does not answer.
    async fn minutes_by_school(&self, page: &SchoolPage<'_>) -> Result<Vec<SchoolMinutesRow>, StoreError>;
}

/// Which schools are asked for.
#[derive(Clone, Copy, Debug)]
pub struct SchoolPage<'a> {
    /// The organisation, or the one right above it.
    pub below: Uuid,
    /// Part of a name; empty for all. Case does not matter.
    pub search: &'a str,
    /// First day of "this week".
    pub week: NaiveDate,
    /// First day of the longer time.
    pub weeks: NaiveDate,
    /// Schools left out.
    pub offset: i64,
    /// Schools at most.
    pub limit: i64,
}
