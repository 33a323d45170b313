//! Queries of [`store::placements`], in SQL that both engines read; compiled by each driver package against its own.

use crate::queries::lists::placements;
use crate::{Db, Engine};
use async_trait::async_trait;
use chrono::NaiveDate;
use server_core::pupil::Upn;
use sqlx::Transaction;
use store::StoreError;
use store::placements::{NewPlacement, NewPupil, PlacementRow, Placements, PlanStageRow};
use uuid::Uuid;

#[async_trait]
impl Placements for Engine {
    async fn placements(&self) -> Result<Vec<PlacementRow>, StoreError> {
        Ok(placements!("ORDER BY s.name, u.name, p.from_day").fetch_all(&self.read).await?)
    }

    async fn placement(&self, placement_id: Uuid) -> Result<Option<PlacementRow>, StoreError> {
        Ok(placements!("WHERE p.placement_id = $1", placement_id).fetch_optional(&self.read).await?)
    }

    async fn placements_of(&self, pupil_id: Uuid) -> Result<Vec<PlacementRow>, StoreError> {
        Ok(placements!("WHERE p.pupil_id = $1 ORDER BY p.from_day DESC", pupil_id).fetch_all(&self.read).await?)
    }

    async fn placements_of_robot(&self, robot_id: Uuid, day: NaiveDate) -> Result<Vec<PlacementRow>, StoreError> {
        Ok(placements!("WHERE p.robot_id = $1 AND p.from_day <= $2 AND p.until_day >= $2 ORDER BY u.name", robot_id, day)
            .fetch_all(&self.read)
            .await?)
    }

    async fn plan_stages(&self, placement_id: Uuid) -> Result<Vec<PlanStageRow>, StoreError> {
        Ok(sqlx::query_as!(
            PlanStageRow,
            r#"SELECT stage AS "stage!: i64", title AS "title!", due_day AS "due_day?: NaiveDate", done_day AS "done_day?: NaiveDate"
               FROM plan_stage WHERE placement_id = $1 ORDER BY stage"#,
            placement_id
        )
        .fetch_all(&self.read)
        .await?)
    }

    async fn add_pupil(&self, pupil: &NewPupil<'_>) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        insert_pupil(&mut tx, pupil).await?;
        Ok(tx.commit().await?)
    }

    async fn add_placement(&self, placement: &NewPlacement, plan: &[PlanStageRow]) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query!(
            "INSERT INTO placement (placement_id, pupil_id, robot_id, school_id, provider_id, key_worker_id, from_day, until_day)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (placement_id) DO NOTHING",
            placement.placement_id,
            placement.pupil_id,
            placement.robot_id,
            placement.school_id,
            placement.provider_id,
            placement.key_worker_id,
            placement.from_day,
            placement.until_day
        )
        .execute(&mut *tx)
        .await?;
        for row in plan {
            sqlx::query!(
                "INSERT INTO plan_stage (placement_id, stage, title, due_day, done_day) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (placement_id, stage) DO NOTHING",
                placement.placement_id,
                row.stage,
                row.title,
                row.due_day,
                row.done_day
            )
            .execute(&mut *tx)
            .await?;
        }
        Ok(tx.commit().await?)
    }
}

/// Adds a pupil, unless one is there with that key or that UPN: whether it did.
pub(crate) async fn insert_pupil(tx: &mut Transaction<'static, Db>, pupil: &NewPupil<'_>) -> Result<bool, StoreError> {
    let upn = pupil.upn.map(Upn::expose);
    let done = sqlx::query!(
        "INSERT INTO pupil (pupil_id, organisation_id, name, upn, year_group, born_day) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT DO NOTHING",
        pupil.pupil_id,
        pupil.organisation_id,
        pupil.name,
        upn,
        pupil.year_group,
        pupil.born
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() > 0)
}
