//! Queries of [`store::placements`], in SQL that both engines read; compiled by each driver package against its own.

use crate::Engine;
use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use store::StoreError;
use store::placements::{NewPlacement, NewPupil, PlacementRow, Placements, PlanStageRow, RegisterMarkRow};
use uuid::Uuid;

macro_rules! placements {
    ($tail:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            PlacementRow,
            r#"SELECT p.placement_id AS "placement_id!: Uuid", p.pupil_id AS "pupil_id!: Uuid", u.name AS "pupil_name!",
                      u.year_group AS "year_group!: i64", p.robot_id AS "robot_id?: Uuid", r.name AS "robot_name?",
                      p.school_id AS "school_id!: Uuid", s.name AS "school_name!", p.provider_id AS "provider_id?: Uuid",
                      v.name AS "provider_name?", p.key_worker_id AS "key_worker_id?: Uuid",
                      p.from_day AS "from_day!: NaiveDate", p.until_day AS "until_day!: NaiveDate"
               FROM placement p JOIN pupil u ON u.pupil_id = p.pupil_id LEFT JOIN robot r ON r.robot_id = p.robot_id
                    JOIN organisation s ON s.organisation_id = p.school_id
                    LEFT JOIN organisation v ON v.organisation_id = p.provider_id "# + $tail
            $(, $argument)*
        )
    };
}

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

    async fn register_marks(
        &self,
        pupil_id: Uuid,
        from: NaiveDate,
        until: NaiveDate,
    ) -> Result<Vec<RegisterMarkRow>, StoreError> {
        Ok(sqlx::query_as!(
            RegisterMarkRow,
            r#"SELECT day AS "day!: NaiveDate", half_day AS "half_day!", code AS "code!",
                      imported_at AS "imported_at!: DateTime<Utc>", source AS "source!"
               FROM register_mark WHERE pupil_id = $1 AND day >= $2 AND day <= $3 ORDER BY day, half_day"#,
            pupil_id,
            from,
            until
        )
        .fetch_all(&self.read)
        .await?)
    }

    async fn add_pupil(&self, pupil: &NewPupil<'_>) -> Result<(), StoreError> {
        let upn = pupil.upn.map(server_core::pupil::Upn::expose);
        let mut tx = self.begin().await?;
        sqlx::query!(
            "INSERT INTO pupil (pupil_id, organisation_id, name, upn, year_group, born_day) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (pupil_id) DO NOTHING",
            pupil.pupil_id,
            pupil.organisation_id,
            pupil.name,
            upn,
            pupil.year_group,
            pupil.born
        )
        .execute(&mut *tx)
        .await?;
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

    async fn import_register(&self, pupil_id: Uuid, marks: &[RegisterMarkRow]) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        for mark in marks {
            sqlx::query!(
                "INSERT INTO register_mark (pupil_id, day, half_day, code, imported_at, source) VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT (pupil_id, day, half_day)
                 DO UPDATE SET code = excluded.code, imported_at = excluded.imported_at, source = excluded.source",
                pupil_id,
                mark.day,
                mark.half_day,
                mark.code,
                mark.imported_at,
                mark.source
            )
            .execute(&mut *tx)
            .await?;
        }
        Ok(tx.commit().await?)
    }
}
