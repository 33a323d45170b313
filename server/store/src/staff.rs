//! People who sign in: accounts, roles, sessions in the browser, and the throttle on wrong passwords.
//!
//! Holds hashes only: of passwords (Argon2id, made by the caller), of session tokens, of what a throttle counts.

use crate::StoreError;
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// What a sign-in is checked against. No `Debug`: it holds a password's hash.
#[derive(Clone)]
pub struct AccountRow {
    /// Who.
    pub staff_id: Uuid,
    /// Argon2id, PHC format.
    pub password_hash: String,
    /// The person left.
    pub is_disabled: bool,
}

/// An open session in a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebSessionRow {
    /// Whose.
    pub staff_id: Uuid,
    /// How pages call them.
    pub name: String,
    /// Last use that was noted.
    pub seen_at: DateTime<Utc>,
    /// The absolute end.
    pub expires_at: DateTime<Utc>,
}

/// A role at an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaffRoleRow {
    /// As in the table's constraint.
    pub role: String,
    /// Where it holds.
    pub organisation_id: Uuid,
}

/// A person to add. No `Debug`: it holds a password's hash.
#[derive(Clone, Copy)]
pub struct NewStaff<'a> {
    /// Key.
    pub staff_id: Uuid,
    /// Title and initials.
    pub name: &'a str,
    /// Lower case.
    pub email: &'a str,
    /// Argon2id, PHC format.
    pub password_hash: &'a str,
}

/// What is counted for one sign-in: the account typed, or the address it came from.
#[derive(Clone, Copy, Debug)]
pub struct ThrottleKey<'a> {
    /// SHA-256 of what is counted.
    pub key_sha256: &'a [u8],
    /// Wrong tries that cost nothing.
    pub free: i64,
}

/// People who sign in: accounts, roles, sessions in the browser, and the throttle on wrong passwords.
#[async_trait]
pub trait Staff: Send + Sync {
    /// Adds a person with their roles, unless the email is taken. Whether they were added.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn add_staff(&self, staff: NewStaff<'_>, roles: &[StaffRoleRow]) -> Result<bool, StoreError>;

    /// The person left: no more sign-in, and their sessions end at once.
    ///
    /// # Errors
    /// The database does not answer.
    async fn disable_staff(&self, staff_id: Uuid, now: DateTime<Utc>) -> Result<(), StoreError>;

    /// The account with this email (lower case).
    ///
    /// # Errors
    /// The database does not answer.
    async fn account(&self, email: &str) -> Result<Option<AccountRow>, StoreError>;

    /// How pages call a person.
    ///
    /// # Errors
    /// The database does not answer.
    async fn staff_name(&self, staff_id: Uuid) -> Result<Option<String>, StoreError>;

    /// A person's roles.
    ///
    /// # Errors
    /// The database does not answer.
    async fn staff_roles(&self, staff_id: Uuid) -> Result<Vec<StaffRoleRow>, StoreError>;

    /// Opens a session in a browser; sessions that are over are removed on the way.
    ///
    /// # Errors
    /// The database does not answer.
    async fn open_web_session(
        &self,
        token_sha256: &[u8],
        staff_id: Uuid,
        now: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// The session with this token, if it is open: used since `idle_since`, not past its end, the person not disabled.
    ///
    /// # Errors
    /// The database does not answer.
    async fn web_session(
        &self,
        token_sha256: &[u8],
        now: DateTime<Utc>,
        idle_since: DateTime<Utc>,
    ) -> Result<Option<WebSessionRow>, StoreError>;

    /// Notes that a session was used.
    ///
    /// # Errors
    /// The database does not answer.
    async fn touch_web_session(&self, token_sha256: &[u8], now: DateTime<Utc>) -> Result<(), StoreError>;

    /// Ends a session.
    ///
    /// # Errors
    /// The database does not answer.
    async fn close_web_session(&self, token_sha256: &[u8]) -> Result<(), StoreError>;

    /// Counts one try against each key before it is checked, so that trying many at once gains nothing. If a key has to wait
    /// (`wait_after(wrong tries over the free ones)` since its last try), nothing is counted and the end of the wait is returned.
    /// What was last wrong before `forget_before` is forgotten.
    ///
    /// # Errors
    /// The database does not answer.
    async fn begin_sign_in_try(
        &self,
        keys: &[ThrottleKey<'_>],
        now: DateTime<Utc>,
        forget_before: DateTime<Utc>,
        wait_after: fn(i64) -> TimeDelta,
    ) -> Result<Option<DateTime<Utc>>, StoreError>;

    /// The try was right: the account starts from nothing, the address gets back the one that was counted.
    ///
    /// # Errors
    /// The database does not answer.
    async fn forgive_sign_in(&self, account_sha256: &[u8], address_sha256: Option<&[u8]>) -> Result<(), StoreError>;
}
