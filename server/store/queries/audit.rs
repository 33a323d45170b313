//! Queries of [`store::audit`], in SQL that both engines read; compiled by each driver package against its own.

use crate::{Db, Engine};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::{Transaction, query, query_as};
use store::StoreError;
use store::audit::{Actor, Audit, AuditRow, NewAudit, Subject};
use uuid::Uuid;

#[async_trait]
impl Audit for Engine {
    async fn append_audit(&self, entry: NewAudit<'_>, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.append_audits(&[entry], now).await
    }

    async fn append_audits(&self, entries: &[NewAudit<'_>], now: DateTime<Utc>) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        for entry in entries {
            append(&mut tx, *entry, now).await?;
        }
        Ok(tx.commit().await?)
    }

    async fn audit(&self, limit: i64) -> Result<Vec<AuditRow>, StoreError> {
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

    async fn audit_of(&self, subject_id: Uuid, limit: i64) -> Result<Vec<AuditRow>, StoreError> {
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

/// Appends an entry within a transaction: what it tells of and the entry are there together, or neither.
pub(crate) async fn append(
    tx: &mut Transaction<'static, Db>,
    entry: NewAudit<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let id = Uuid::now_v7();
    let (actor_kind, actor_id) = actor(entry.actor);
    let (subject_kind, subject_id) = match entry.subject {
        Subject::Pupil(id) => ("pupil", Some(id)),
        Subject::Robot(id) => ("robot", Some(id)),
        Subject::Staff(id) => ("staff", Some(id)),
        Subject::Placement(id) => ("placement", Some(id)),
        Subject::None => ("none", None),
    };
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
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// An actor as rows name them.
pub(crate) fn actor(actor: Actor) -> (&'static str, Option<Uuid>) {
    match actor {
        Actor::Staff(id) => ("staff", Some(id)),
        Actor::Tablet(id) => ("tablet", Some(id)),
        Actor::Program => ("program", None),
    }
}
