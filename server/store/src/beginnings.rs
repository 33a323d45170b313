//! What an authority begins with, and goes on adding: its first account, organisations, people who sign in, pupils and their placements.
//!
//! Each write is one transaction with its entry in the audit log: it is there with the entry, or not at all. Codes are kept as hashes;
//! names, dates of birth and UPNs are read here for pages and go nowhere else.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use server_core::plan::ReintegrationPlan;
use server_core::pupil::Upn;
use uuid::Uuid;

use crate::StoreError;
use crate::audit::NewAudit;
use crate::organisations::OrganisationRow;
use crate::placements::{NewPlacement, NewPupil};
use crate::staff::{NewStaff, StaffRoleRow};

/// Key workers that one question names at most.
pub const MOST_KEY_WORKERS: i64 = 1_000;

/// Somebody with an account, for the page that keeps them. `Debug` prints the id alone.
#[derive(Clone, PartialEq, Eq)]
pub struct MemberRow {
    /// Key.
    pub staff_id: Uuid,
    /// Title and initials.
    pub name: String,
    /// What they type to sign in.
    pub email: String,
    /// They left.
    pub is_disabled: bool,
    /// Until when a code waits for them with which they choose a password.
    pub code_until: Option<DateTime<Utc>>,
}

impl std::fmt::Debug for MemberRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemberRow").field("staff_id", &self.staff_id).finish_non_exhaustive()
    }
}

/// A key worker at one organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyWorkerRow {
    /// Who.
    pub staff_id: Uuid,
    /// How pages call them.
    pub name: String,
    /// Where they are one.
    pub organisation_id: Uuid,
}

/// A code with which somebody chooses a password. No `Debug`: it holds a hash of it.
#[derive(Clone, Copy)]
pub struct NewCode<'a> {
    /// SHA-256 of the code.
    pub code_sha256: &'a [u8],
    /// It works until then.
    pub expires_at: DateTime<Utc>,
}

/// A pupil as the page about their details shows them. No `Debug`: it holds a name, a number and a date of birth.
#[derive(Clone)]
pub struct PupilRow {
    /// Key.
    pub pupil_id: Uuid,
    /// The school that keeps the register.
    pub organisation_id: Uuid,
    /// First name and initial.
    pub name: String,
    /// If the school gave one.
    pub upn: Option<Upn>,
    /// School year.
    pub year_group: i64,
    /// Source: H-23.
    pub born: Option<NaiveDate>,
    /// Under which the school's own system knows them; its files may name pupils by it (e2).
    pub local_number: Option<String>,
}

impl PupilRow {
    /// What is written in its place of it.
    #[must_use]
    pub fn details(&self) -> Details<'_> {
        Details {
            name: &self.name,
            year_group: self.year_group,
            upn: self.upn.as_ref(),
            born: self.born,
            local_number: self.local_number.as_deref(),
        }
    }
}

/// What is written in its place of a pupil. No `Debug`: it holds a name, numbers and a date of birth.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Details<'a> {
    /// First name and initial.
    pub name: &'a str,
    /// School year.
    pub year_group: i64,
    /// Checked before it comes here.
    pub upn: Option<&'a Upn>,
    /// Source: H-23.
    pub born: Option<NaiveDate>,
    /// The school's own number.
    pub local_number: Option<&'a str>,
}

/// What is written in its place of a placement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lasting {
    /// Last day.
    pub until_day: NaiveDate,
    /// Who has it at heart.
    pub key_worker_id: Option<Uuid>,
}

/// What became of a pupil's details.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entered {
    /// They are written.
    Written,
    /// Another pupil has this UPN. Nothing was written.
    UpnTaken,
    /// Another pupil of the school has this number of the school's own. Nothing was written.
    NumberTaken,
    /// Somebody else wrote them meanwhile. Nothing was written.
    Meanwhile,
}

/// What became of a placement that was to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// It is there with its plan.
    Opened,
    /// Another placement of this pupil begins on that day or later. Nothing was written.
    Later(NaiveDate),
}

/// What an authority begins with, and goes on adding.
#[async_trait]
pub trait Beginnings: Send + Sync {
    /// Whether anybody has an account.
    ///
    /// # Errors
    /// The database does not answer.
    async fn has_staff(&self) -> Result<bool, StoreError>;

    /// The authority with its first coordinator, if nobody has an account yet. Whether it was made.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn begin_authority(
        &self,
        authority: &OrganisationRow,
        coordinator: NewStaff<'_>,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError>;

    /// Adds an organisation with its calendar: weeks that alternate from a Monday on, and the closed days of another one. `false` if
    /// there is one of that name beside it.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn open_organisation(
        &self,
        organisation: &OrganisationRow,
        urn: Option<&str>,
        week_one_monday: Option<NaiveDate>,
        closed_like: Option<Uuid>,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError>;

    /// Gives an organisation another name; `false` if one beside it has that name.
    ///
    /// # Errors
    /// The database does not answer.
    async fn rename_organisation(
        &self,
        organisation: &OrganisationRow,
        name: &str,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError>;

    /// People with a role at or below the organisations that `staff_id` coordinates, by name, from `offset` on. `search`: part of a name
    /// or email.
    ///
    /// # Errors
    /// The database does not answer.
    async fn members(&self, staff_id: Uuid, search: &str, limit: i64, offset: i64) -> Result<Vec<MemberRow>, StoreError>;

    /// One of them, whoever asks.
    ///
    /// # Errors
    /// The database does not answer.
    async fn member(&self, staff_id: Uuid) -> Result<Option<MemberRow>, StoreError>;

    /// The roles of these people, at most [`PAGE`](crate::pages::PAGE) of them.
    ///
    /// # Errors
    /// The database does not answer.
    async fn roles_of(&self, staff: &[Uuid]) -> Result<Vec<(Uuid, StaffRoleRow)>, StoreError>;

    /// Key workers who have not left, by name, at most [`MOST_KEY_WORKERS`].
    ///
    /// # Errors
    /// The database does not answer.
    async fn key_workers(&self) -> Result<Vec<KeyWorkerRow>, StoreError>;

    /// Adds a person with a role and a code; `false` if the email is taken.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn add_member(
        &self,
        staff: NewStaff<'_>,
        role: &StaffRoleRow,
        code: NewCode<'_>,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError>;

    /// Gives a person a new code; whoever had left is back.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn set_code(
        &self,
        staff_id: Uuid,
        code: NewCode<'_>,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// A code is used: the password is set, every session of the person ends. `None` if no such code works for this email.
    ///
    /// # Errors
    /// The database does not answer.
    async fn use_code(
        &self,
        email: &str,
        code_sha256: &[u8],
        password_hash: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Uuid>, StoreError>;

    /// Gives a role, or takes it away.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn set_role(
        &self,
        staff_id: Uuid,
        role: &StaffRoleRow,
        holds: bool,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// A pupil's details.
    ///
    /// # Errors
    /// The database does not answer, or holds a UPN that is none.
    async fn pupil(&self, pupil_id: Uuid) -> Result<Option<PupilRow>, StoreError>;

    /// Pupils of schools that `staff_id` leads or coordinates who have no placement, by name, at most [`PAGE`](crate::pages::PAGE).
    ///
    /// # Errors
    /// The database does not answer.
    async fn pupils_without_placement(&self, staff_id: Uuid) -> Result<Vec<(Uuid, String, Uuid)>, StoreError>;

    /// Adds a pupil, with the school's own number if there is one.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn enter_pupil(
        &self,
        pupil: &NewPupil<'_>,
        local_number: Option<&str>,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<Entered, StoreError>;

    /// Corrects a pupil's details, if they still are as they `were`; the school stays.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn correct_pupil(
        &self,
        pupil_id: Uuid,
        were: Details<'_>,
        are: Details<'_>,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<Entered, StoreError>;

    /// Begins a placement with the draft of its plan. One that still runs on its first day ends the day before.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn open_placement(
        &self,
        placement: &NewPlacement,
        plan_id: Uuid,
        plan: &ReintegrationPlan,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<Opened, StoreError>;

    /// Sets the last day and the key worker of a placement, if they still are as they `were`. `false`: somebody else set them
    /// meanwhile, and nothing was written.
    ///
    /// # Errors
    /// The database does not answer, or the last day lies before the first.
    async fn change_placement(
        &self,
        placement_id: Uuid,
        were: Lasting,
        are: Lasting,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError>;

    /// Gives a placement a robot, or takes it away.
    ///
    /// # Errors
    /// The database does not answer, or there is no such robot.
    async fn give_robot(
        &self,
        placement_id: Uuid,
        robot_id: Option<Uuid>,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError>;
}
