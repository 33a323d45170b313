//! Organisations, their rooms and calendars. Small tables: pages read them whole and decide scope in `server_core::access`.

use crate::StoreError;
use async_trait::async_trait;
use chrono::NaiveDate;
use uuid::Uuid;

/// An organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganisationRow {
    /// Key.
    pub organisation_id: Uuid,
    /// `authority`, `hospital_school`, `ap_provider` or `school`.
    pub kind: String,
    /// As people call it.
    pub name: String,
    /// The authority above it.
    pub parent_id: Option<Uuid>,
    /// IANA name of its time zone.
    pub time_zone: String,
}

/// A room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomRow {
    /// Key.
    pub room_id: Uuid,
    /// Whose.
    pub organisation_id: Uuid,
    /// As the timetable calls it.
    pub name: String,
}

/// A school's calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarRow {
    /// IANA name.
    pub time_zone: String,
    /// Mondays from which weeks alternate, beginning with week 1. Empty: every week is week 1.
    pub week_ones: Vec<NaiveDate>,
    /// Days without school, with the reason, by day.
    pub closures: Vec<(NaiveDate, String)>,
}

/// Organisations, their rooms and calendars. Small tables: pages read them whole and decide scope in `server_core::access`.
#[async_trait]
pub trait Organisations: Send + Sync {
    /// All organisations, by name.
    ///
    /// # Errors
    /// The database does not answer.
    async fn organisations(&self) -> Result<Vec<OrganisationRow>, StoreError>;

    /// One organisation.
    ///
    /// # Errors
    /// The database does not answer.
    async fn organisation(&self, organisation_id: Uuid) -> Result<Option<OrganisationRow>, StoreError>;

    /// An organisation's rooms in use, by name.
    ///
    /// # Errors
    /// The database does not answer.
    async fn rooms(&self, organisation_id: Uuid) -> Result<Vec<RoomRow>, StoreError>;

    /// One room.
    ///
    /// # Errors
    /// The database does not answer.
    async fn room(&self, room_id: Uuid) -> Result<Option<RoomRow>, StoreError>;

    /// A school's calendar; `None` for an unknown organisation.
    ///
    /// # Errors
    /// The database does not answer.
    async fn calendar(&self, organisation_id: Uuid) -> Result<Option<CalendarRow>, StoreError>;

    /// Adds an organisation or keeps the one that is there.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn add_organisation(&self, row: &OrganisationRow, week_one_monday: Option<NaiveDate>) -> Result<(), StoreError>;

    /// Adds a room or keeps the one that is there.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn add_room(&self, row: &RoomRow) -> Result<(), StoreError>;
}
