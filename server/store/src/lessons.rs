//! The timetable as stored. `server_core::timetable` turns slots and a calendar into lessons.

use crate::StoreError;
use async_trait::async_trait;
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
    /// The plan of the placement asked for expects the pupil in it.
    pub expected: bool,
}

/// The timetable as stored. `server_core::timetable` turns slots and a calendar into lessons.
#[async_trait]
pub trait Timetable: Send + Sync {
    /// The slots that concern a placement: those of every group with at least one lesson its plan expects the pupil in.
    ///
    /// # Errors
    /// The database does not answer.
    async fn slots_of_placement(&self, placement_id: Uuid) -> Result<Vec<SlotRow>, StoreError>;

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
}
