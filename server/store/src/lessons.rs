//! The timetable as stored. `server_core::timetable` turns slots and a calendar into lessons.

use crate::StoreError;
use async_trait::async_trait;
use chrono::NaiveDate;
use uuid::Uuid;

/// One slot of a two-week timetable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotRow {
    /// Key.
    pub timetable_slot_id: Uuid,
    /// Teaching group.
    pub class_group_id: Uuid,
    /// Where.
    pub room_id: Uuid,
    /// That room's name.
    pub room_name: String,
    /// 1 or 2.
    pub week: i64,
    /// 1 (Monday) to 7.
    pub weekday: i64,
    /// Local minutes after midnight.
    pub start_min: i64,
    /// Local minutes after midnight.
    pub end_min: i64,
    /// As pages show it.
    pub subject: String,
    /// Title and initial.
    pub teacher: String,
    /// The robot stays out of this lesson.
    pub robot_stays_out: bool,
    /// First day on which it is in force; none: always was.
    pub valid_from: Option<NaiveDate>,
    /// Last day; none: until further notice.
    pub valid_until: Option<NaiveDate>,
    /// The plan of the placement asked for expects the pupil in it.
    pub expected: bool,
    /// First day on which it does; none: always did.
    pub expected_from: Option<NaiveDate>,
    /// Last day; none: until further notice.
    pub expected_until: Option<NaiveDate>,
}

/// The timetable as stored. `server_core::timetable` turns slots and a calendar into lessons. Triggers note the days that a change
/// concerns, whoever makes it, so that their minutes are added up again.
#[async_trait]
pub trait Timetable: Send + Sync {
    /// The slots that concern a placement: those of every group with at least one lesson its plan expects the pupil in.
    ///
    /// # Errors
    /// The database does not answer.
    async fn slots_of_placement(&self, placement_id: Uuid) -> Result<Vec<SlotRow>, StoreError>;

    /// When lessons of a school begin and end on the days of its timetable that is in force on `day`, in local minutes after midnight.
    ///
    /// # Errors
    /// The database does not answer.
    async fn lesson_times(&self, organisation_id: Uuid, day: NaiveDate) -> Result<Vec<(i64, i64)>, StoreError>;

    /// Adds a teaching group or keeps the one that is there.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn add_class_group(&self, class_group_id: Uuid, organisation_id: Uuid, name: &str) -> Result<(), StoreError>;

    /// Adds slots, in one transaction; where `expected`, the placement's plan expects the pupil in it. Known slots are kept.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn add_slots(&self, placement_id: Uuid, slots: &[SlotRow]) -> Result<(), StoreError>;

    /// Changes the timetable from `first` on: `old` ends the day before, `new` begins then, expected by the same plans from
    /// then on. What was before stays. `false` if `old` is not there.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn change_slot(&self, old: Uuid, new: &SlotRow, first: NaiveDate) -> Result<bool, StoreError>;

    /// Corrects a slot that was entered wrongly, also for the past: its minutes are computed again. `false` if it is not there.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn correct_slot(&self, slot: &SlotRow) -> Result<bool, StoreError>;

    /// Enters a day without school, or takes it back with `None`.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn set_closure(&self, organisation_id: Uuid, day: NaiveDate, reason: Option<&str>) -> Result<(), StoreError>;

    /// Weeks begin anew with week 1 on `monday`; the weeks before it stay.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn begin_weeks(&self, organisation_id: Uuid, monday: NaiveDate) -> Result<(), StoreError>;
}
