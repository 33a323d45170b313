//! Queries of [`store::marks`], in SQL that both engines read; compiled by each driver package against its own.

use std::collections::BTreeMap;

use crate::queries::audit;
use crate::{Db, Engine};
use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use server_core::register::{HalfDay, ImportedMark, PupilKey, Source, System};
use sqlx::Transaction;
use store::StoreError;
use store::audit::NewAudit;
use store::marks::{Marks, Taken};
use uuid::Uuid;

/// So many marks of a file are written in one transaction, so that others wait a moment and not a file.
const MARKS_AT_ONCE: usize = 1_000;

#[async_trait]
impl Marks for Engine {
    async fn keep_marks(
        &self,
        organisation_id: Uuid,
        marks: &[ImportedMark],
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<Taken, StoreError> {
        let mut known: BTreeMap<String, Option<Uuid>> = BTreeMap::new();
        let mut taken = Taken::default();
        let mut tx = self.begin().await?;
        // With the first marks: nothing is ever written without its entry.
        audit::append(&mut tx, audit, now).await?;
        for (n, chunk) in marks.chunks(MARKS_AT_ONCE).enumerate() {
            if n > 0 {
                tx.commit().await?;
                tx = self.begin().await?;
            }
            for mark in chunk {
                match pupil_of(&mut tx, organisation_id, mark.pupil(), &mut known).await? {
                    Some(pupil_id) => {
                        keep_mark(&mut tx, pupil_id, mark).await?;
                        taken.marks += 1;
                        let days = taken.pupils.entry(pupil_id).or_insert((mark.day(), mark.day()));
                        *days = (days.0.min(mark.day()), days.1.max(mark.day()));
                    }
                    None => taken.of_others += 1,
                }
            }
        }
        tx.commit().await?;
        Ok(taken)
    }

    async fn imported_marks(&self, pupil_id: Uuid, from: NaiveDate, until: NaiveDate) -> Result<Vec<ImportedMark>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT r.day AS "day!: NaiveDate", r.half_day AS "half_day!", r.code AS "code!", r.source AS "source!",
                      r.imported_at AS "imported_at!: DateTime<Utc>", p.upn AS "upn?", p.local_number AS "local_number?"
               FROM register_mark r JOIN pupil p ON p.pupil_id = r.pupil_id
               WHERE r.pupil_id = $1 AND r.day >= $2 AND r.day <= $3 ORDER BY r.day, r.half_day"#,
            pupil_id,
            from,
            until
        )
        .fetch_all(&self.read)
        .await?;
        let mark =
            |(day, half_day, cell, source, imported_at, upn, local): (_, String, String, String, _, Option<String>, _)| {
                let key = match upn {
                    Some(upn) => PupilKey::Upn(upn.parse().ok()?),
                    None => PupilKey::Local(Option::unwrap_or_default(local)),
                };
                let source = Source { system: System::from_code(&source).unwrap_or(System::Other), imported_at };
                ImportedMark::kept(key, day, HalfDay::from_word(&half_day)?, &cell, source).ok()
            };
        rows.into_iter()
            .map(|row| mark((row.day, row.half_day, row.code, row.source, row.imported_at, row.upn, row.local_number)))
            .collect::<Option<_>>()
            .ok_or(StoreError::Unreadable { what: "register mark" })
    }
}

/// Whose a row of a file is, if this school has that pupil. Each pupil is looked for once.
async fn pupil_of(
    tx: &mut Transaction<'static, Db>,
    organisation_id: Uuid,
    key: &PupilKey,
    known: &mut BTreeMap<String, Option<Uuid>>,
) -> Result<Option<Uuid>, StoreError> {
    let (upn, local) = match key {
        PupilKey::Upn(upn) => (Some(upn.expose()), None),
        PupilKey::Local(local) => (None, Some(local.as_str())),
    };
    let name = format!("{upn:?} {local:?}");
    if let Some(found) = known.get(&name) {
        return Ok(*found);
    }
    let found = sqlx::query_scalar!(
        r#"SELECT pupil_id AS "pupil_id!: Uuid" FROM pupil WHERE organisation_id = $1 AND (upn = $2 OR local_number = $3)"#,
        organisation_id,
        upn,
        local
    )
    .fetch_optional(&mut **tx)
    .await?;
    known.insert(name, found);
    Ok(found)
}

async fn keep_mark(tx: &mut Transaction<'static, Db>, pupil_id: Uuid, mark: &ImportedMark) -> Result<(), StoreError> {
    let Source { system, imported_at } = mark.source();
    let (day, half_day, code, source) = (mark.day(), mark.half_day().as_str(), mark.code().as_str(), system.code());
    sqlx::query!(
        "INSERT INTO register_mark (pupil_id, day, half_day, code, imported_at, source) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (pupil_id, day, half_day)
         DO UPDATE SET code = excluded.code, imported_at = excluded.imported_at, source = excluded.source
         WHERE register_mark.imported_at <= excluded.imported_at",
        pupil_id,
        day,
        half_day,
        code,
        imported_at,
        source
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
