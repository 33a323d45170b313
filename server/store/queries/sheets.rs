//! Queries of [`store::sheets`], in SQL that both engines read; compiled by each driver package against its own.

use crate::Engine;
use crate::queries::audit;
use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use store::StoreError;
use store::audit::NewAudit;
use store::sheets::{NewSheet, Owner, Saved, SheetKind, SheetRow, Sheets};
use uuid::Uuid;

macro_rules! sheets {
    ($tail:literal, $($argument:expr),+) => {
        sqlx::query_as!(
            SheetRow,
            r#"SELECT h.sheet_id AS "sheet_id!: Uuid", h.revision AS "revision!: i64", h.day AS "day?: NaiveDate", h.body AS "body!",
                      h.actor_kind AS "actor_kind!", h.actor_id AS "actor_id?: Uuid", s.name AS "actor_name?",
                      h.at AS "at!: DateTime<Utc>"
               FROM sheet h LEFT JOIN staff s ON s.staff_id = h.actor_id "# + $tail,
            $($argument),+
        )
    };
}

#[async_trait]
impl Sheets for Engine {
    async fn save_sheet(&self, sheet: &NewSheet<'_>, audit: NewAudit<'_>, now: DateTime<Utc>) -> Result<Saved, StoreError> {
        let (placement_id, organisation_id) = columns(sheet.owner);
        let (kind, revision) = (sheet.kind.as_str(), sheet.based_on.saturating_add(1));
        let (actor_kind, actor_id) = audit::actor(audit.actor);
        let mut tx = self.begin().await?;
        let last =
            sheets!("WHERE h.sheet_id = $1 ORDER BY h.revision DESC LIMIT 1", sheet.sheet_id).fetch_optional(&mut *tx).await?;
        if let Some(last) = last {
            let is_its = sqlx::query_scalar!(
                r#"SELECT count(*) AS "count!: i64" FROM sheet
                   WHERE sheet_id = $1 AND revision = 1 AND kind = $2 AND (placement_id = $3 OR organisation_id = $4)"#,
                sheet.sheet_id,
                kind,
                placement_id,
                organisation_id
            )
            .fetch_one(&mut *tx)
            .await?;
            if is_its == 0 {
                return Ok(Saved::NoSheet);
            }
            if last.revision != sheet.based_on {
                return Ok(Saved::Meanwhile(Box::new(last)));
            }
        } else if sheet.based_on != 0 {
            return Ok(Saved::NoSheet);
        }
        sqlx::query!(
            "INSERT INTO sheet (sheet_id, revision, kind, placement_id, organisation_id, day, body, actor_kind, actor_id, at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            sheet.sheet_id,
            revision,
            kind,
            placement_id,
            organisation_id,
            sheet.day,
            sheet.body,
            actor_kind,
            actor_id,
            now
        )
        .execute(&mut *tx)
        .await?;
        audit::append(&mut tx, audit, now).await?;
        tx.commit().await?;
        Ok(Saved::As(revision))
    }

    async fn sheets(&self, owner: Owner, kind: SheetKind) -> Result<Vec<SheetRow>, StoreError> {
        let (placement_id, organisation_id) = columns(owner);
        let kind = kind.as_str();
        Ok(sheets!(
            "WHERE (h.placement_id = $1 OR h.organisation_id = $2) AND h.kind = $3
               AND NOT EXISTS (SELECT 1 FROM sheet n WHERE n.sheet_id = h.sheet_id AND n.revision > h.revision)
             ORDER BY h.day, h.sheet_id",
            placement_id,
            organisation_id,
            kind
        )
        .fetch_all(&self.read)
        .await?)
    }

    async fn sheets_of_organisations(&self, kind: SheetKind) -> Result<Vec<(Uuid, String)>, StoreError> {
        let kind = kind.as_str();
        let rows = sqlx::query!(
            r#"SELECT h.organisation_id AS "organisation_id!: Uuid", h.body AS "body!" FROM sheet h
               WHERE h.organisation_id IS NOT NULL AND h.kind = $1
                 AND NOT EXISTS (SELECT 1 FROM sheet n WHERE n.sheet_id = h.sheet_id AND n.revision > h.revision)
               ORDER BY h.organisation_id, h.sheet_id"#,
            kind
        )
        .fetch_all(&self.read)
        .await?;
        Ok(rows.into_iter().map(|row| (row.organisation_id, row.body)).collect())
    }

    async fn sheet_history(&self, sheet_id: Uuid, limit: i64) -> Result<Vec<SheetRow>, StoreError> {
        Ok(sheets!("WHERE h.sheet_id = $1 ORDER BY h.revision DESC LIMIT $2", sheet_id, limit).fetch_all(&self.read).await?)
    }
}

/// `placement_id`, `organisation_id`: one of them.
fn columns(owner: Owner) -> (Option<Uuid>, Option<Uuid>) {
    match owner {
        Owner::Placement(id) => (Some(id), None),
        Owner::Organisation(id) => (None, Some(id)),
    }
}
