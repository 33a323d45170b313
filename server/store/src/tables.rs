//! The lesson table of a school as people keep it: rooms, classes, lessons, and which lessons a pupil is expected in.
//!
//! What was, stays: a lesson ends on a day and another begins, a room is no longer used, and a pupil is expected from a day on. Triggers
//! note the days that a change concerns, so that their minutes are added up again (see [`crate::lessons`]).

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use crate::StoreError;
use crate::audit::NewAudit;
use crate::lessons::SlotRow;
use crate::organisations::RoomRow;

/// A school has at most this many rooms, and as many classes.
pub const MOST_ROOMS: i64 = 500;
/// A class has at most this many lessons that are held or will be.
pub const MOST_LESSONS: i64 = 200;

/// A room, also one that is no longer used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptRoomRow {
    /// Key.
    pub room_id: Uuid,
    /// As the timetable calls it.
    pub name: String,
    /// It is no longer used.
    pub is_retired: bool,
    /// Lessons that are held there on the day asked for, or later.
    pub lessons: i64,
    /// Robots that stand there.
    pub robots: i64,
}

/// A teaching group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassRow {
    /// Key.
    pub class_group_id: Uuid,
    /// Whose.
    pub organisation_id: Uuid,
    /// As the school calls it.
    pub name: String,
}

/// The lesson that stands in the way of another one of its class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clash {
    /// As pages show it.
    pub subject: String,
    /// 1 or 2.
    pub week: i64,
    /// 1 (Monday) to 7.
    pub weekday: i64,
    /// Local minutes after midnight.
    pub start_min: i64,
    /// Local minutes after midnight.
    pub end_min: i64,
}

/// Lessons of many classes, with the rooms and classes that are new with them.
#[derive(Clone, Copy, Debug)]
pub struct NewTable<'a> {
    /// Rooms that are not there yet.
    pub rooms: &'a [RoomRow],
    /// Classes that are not there yet.
    pub classes: &'a [ClassRow],
    /// Lessons, in rooms and of classes that are there or new.
    pub slots: &'a [SlotRow],
}

/// What became of lessons of many classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// All are written.
    Written,
    /// None is: this lesson stands in the way.
    Clash(Clash),
    /// None is: a room or a class has a name already.
    NameTaken,
}

/// The lesson table of a school as people keep it. Each change is one transaction with its entry in the audit log.
#[async_trait]
pub trait Tables: Send + Sync {
    /// All rooms of a school, those in use first, by name; at most [`MOST_ROOMS`].
    ///
    /// # Errors
    /// The database does not answer.
    async fn kept_rooms(&self, organisation_id: Uuid, day: NaiveDate) -> Result<Vec<KeptRoomRow>, StoreError>;

    /// Adds a room. `false` if another one of the school has its name, or there are [`MOST_ROOMS`].
    ///
    /// # Errors
    /// The database does not answer.
    async fn enter_room(&self, room: &RoomRow, audit: NewAudit<'_>, now: DateTime<Utc>) -> Result<bool, StoreError>;

    /// Gives a room another name. `false` if another one of the school has it.
    ///
    /// # Errors
    /// The database does not answer.
    async fn rename_room(&self, room: &RoomRow, audit: NewAudit<'_>, now: DateTime<Utc>) -> Result<bool, StoreError>;

    /// A room is no longer used. `false` if a lesson is held there on `day` or later, or a robot stands there.
    ///
    /// # Errors
    /// The database does not answer.
    async fn retire_room(
        &self,
        room_id: Uuid,
        day: NaiveDate,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError>;

    /// A room is used again.
    ///
    /// # Errors
    /// The database does not answer.
    async fn use_room_again(&self, room_id: Uuid, audit: NewAudit<'_>, now: DateTime<Utc>) -> Result<(), StoreError>;

    /// The classes of a school, by name; at most [`MOST_ROOMS`].
    ///
    /// # Errors
    /// The database does not answer.
    async fn classes(&self, organisation_id: Uuid) -> Result<Vec<ClassRow>, StoreError>;

    /// Adds a class. `false` if another one of the school has its name, or there are [`MOST_ROOMS`].
    ///
    /// # Errors
    /// The database does not answer.
    async fn enter_class(&self, class: &ClassRow, audit: NewAudit<'_>, now: DateTime<Utc>) -> Result<bool, StoreError>;

    /// Gives a class another name. `false` if another one of the school has it.
    ///
    /// # Errors
    /// The database does not answer.
    async fn rename_class(&self, class: &ClassRow, audit: NewAudit<'_>, now: DateTime<Utc>) -> Result<bool, StoreError>;

    /// The lessons of a class that are held on `day` or later, by week, day and time; whether a placement's plan expects its pupil in them
    /// is said of `placement`, if one is named.
    ///
    /// # Errors
    /// The database does not answer.
    async fn slots_of_class(
        &self,
        class_group_id: Uuid,
        placement: Option<Uuid>,
        day: NaiveDate,
    ) -> Result<Vec<SlotRow>, StoreError>;

    /// A lesson, with its class.
    ///
    /// # Errors
    /// The database does not answer.
    async fn slot(&self, timetable_slot_id: Uuid) -> Result<Option<(SlotRow, ClassRow)>, StoreError>;

    /// Adds lessons, all or none: with the one that stands in the way, none is added.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn enter_slots(
        &self,
        slots: &[SlotRow],
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<Option<Clash>, StoreError>;

    /// Adds lessons of many classes with their new rooms and classes, all or none.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn enter_table(&self, table: NewTable<'_>, audit: NewAudit<'_>, now: DateTime<Utc>) -> Result<Entry, StoreError>;

    /// A lesson is another one from the first day of `new` on: `old` ends the day before, and whoever was expected in it from then on is
    /// expected in `new`. What was before stays. With the one that stands in the way, nothing is changed.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn replace_slot(
        &self,
        old: Uuid,
        new: &SlotRow,
        first: NaiveDate,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<Option<Clash>, StoreError>;

    /// A lesson is held for the last time on `last`, or never if it would have begun later.
    ///
    /// # Errors
    /// The database does not answer.
    async fn end_slot(
        &self,
        timetable_slot_id: Uuid,
        last: NaiveDate,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// From `first` on a pupil is expected in the lessons said with `true`, until further notice, and not in those said with `false`.
    /// What was expected before stays.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn expect_slots(
        &self,
        placement_id: Uuid,
        slots: &[(Uuid, bool)],
        first: NaiveDate,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError>;
}
