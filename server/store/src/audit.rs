//! The audit log: every read of a pupil's record and every change, by whom. Append only; triggers refuse anything else.
//!
//! Holds ids and words of this program, never a name: names are joined when it is shown.

use crate::StoreError;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A person who signed in.
    Staff(Uuid),
    /// A pupil's paired tablet.
    Tablet(Uuid),
    /// This program, by itself.
    Program,
}

/// To whom or what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A pupil.
    Pupil(Uuid),
    /// A robot.
    Robot(Uuid),
    /// A person who signs in.
    Staff(Uuid),
    /// A placement.
    Placement(Uuid),
    /// Nothing in particular.
    None,
}

/// One entry to append.
#[derive(Clone, Copy, Debug)]
pub struct NewAudit<'a> {
    /// Who.
    pub actor: Actor,
    /// A verb and its object, e.g. `read record`.
    pub action: &'a str,
    /// To whom or what.
    pub subject: Subject,
    /// An id or a short word; never a name.
    pub detail: Option<&'a str>,
}

/// An entry as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// When.
    pub at: DateTime<Utc>,
    /// `staff`, `tablet`, `program`.
    pub actor_kind: String,
    /// Which.
    pub actor_id: Option<Uuid>,
    /// How pages call that person.
    pub actor_name: Option<String>,
    /// What.
    pub action: String,
    /// `pupil`, `robot`, `staff`, `placement`, `none`.
    pub subject_kind: String,
    /// Which.
    pub subject_id: Option<Uuid>,
    /// Where to.
    pub detail: Option<String>,
}

/// The audit log: every read of a pupil's record and every change, by whom. Append only; triggers refuse anything else.
#[async_trait]
pub trait Audit: Send + Sync {
    /// Appends one entry.
    ///
    /// # Errors
    /// The database does not answer.
    async fn append_audit(&self, entry: NewAudit<'_>, now: DateTime<Utc>) -> Result<(), StoreError>;

    /// Appends all of these, or none.
    ///
    /// # Errors
    /// The database does not answer.
    async fn append_audits(&self, entries: &[NewAudit<'_>], now: DateTime<Utc>) -> Result<(), StoreError>;

    /// The latest entries, the newest first.
    ///
    /// # Errors
    /// The database does not answer.
    async fn audit(&self, limit: i64) -> Result<Vec<AuditRow>, StoreError>;

    /// The latest entries about one subject, the newest first.
    ///
    /// # Errors
    /// The database does not answer.
    async fn audit_of(&self, subject_id: Uuid, limit: i64) -> Result<Vec<AuditRow>, StoreError>;
}
