//! The audit log: every read of a pupil's record and every change, by whom. Append only; triggers refuse anything else.
//!
//! Holds ids and words of this program, never a name: names are joined when it is shown.

use chrono::{DateTime, Utc};
use sqlx::{query, query_as};
use uuid::Uuid;

use crate::{Store, StoreError};

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

impl Store {
    /// Appends one entry.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn append_audit(&self, entry: NewAudit<'_>, now: DateTime<Utc>) -> Result<(), StoreError> {
        let id = Uuid::now_v7();
        let (actor_kind, actor_id) = match entry.actor {
            Actor::Staff(id) => ("staff", Some(id)),
            Actor::Tablet(id) => ("tablet", Some(id)),
            Actor::Program => ("program", None),
        };
        let (subject_kind, subject_id) = match entry.subject {
            Subject::Pupil(id) => ("pupil", Some(id)),
            Subject::Robot(id) => ("robot", Some(id)),
            Subject::Staff(id) => ("staff", Some(id)),
            Subject::Placement(id) => ("placement", Some(id)),
            Subject::None => ("none", None),
        };
        let mut tx = self.begin().await?;
        query!(
            "INSERT INTO audit_entry (audit_entry_id, at, actor_kind, actor_id, action, subject_kind, subject_id, detail)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            id,
            now,
            actor_kind,
            actor_id,
            entry.action,
            subject_kind,
            subject_id,
            entry.detail
        )
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }

    /// The latest entries, the newest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn audit(&self, limit: i64) -> Result<Vec<AuditRow>, StoreError> {
        Ok(query_as!(
            AuditRow,
            r#"SELECT a.at AS "at!: DateTime<Utc>", a.actor_kind AS "actor_kind!", a.actor_id AS "actor_id?: Uuid",
                      s.name AS "actor_name?", a.action AS "action!", a.subject_kind AS "subject_kind!",
                      a.subject_id AS "subject_id?: Uuid", a.detail AS "detail?"
               FROM audit_entry a LEFT JOIN staff s ON s.staff_id = a.actor_id
               ORDER BY a.audit_entry_id DESC LIMIT $1"#,
            limit
        )
        .fetch_all(&self.read)
        .await?)
    }

    /// The latest entries about one subject, the newest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn audit_of(&self, subject_id: Uuid, limit: i64) -> Result<Vec<AuditRow>, StoreError> {
        Ok(query_as!(
            AuditRow,
            r#"SELECT a.at AS "at!: DateTime<Utc>", a.actor_kind AS "actor_kind!", a.actor_id AS "actor_id?: Uuid",
                      s.name AS "actor_name?", a.action AS "action!", a.subject_kind AS "subject_kind!",
                      a.subject_id AS "subject_id?: Uuid", a.detail AS "detail?"
               FROM audit_entry a LEFT JOIN staff s ON s.staff_id = a.actor_id
               WHERE a.subject_id = $1 ORDER BY a.audit_entry_id DESC LIMIT $2"#,
            subject_id,
            limit
        )
        .fetch_all(&self.read)
        .await?)
    }
}

#[cfg(test)]
mod tests;
