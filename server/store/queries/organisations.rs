//! Queries of [`store::organisations`], in SQL that both engines read; compiled by each driver package against its own.

use crate::Engine;
use async_trait::async_trait;
use chrono::NaiveDate;
use store::StoreError;
use store::organisations::{CalendarRow, OrganisationRow, Organisations, RoomRow};
use uuid::Uuid;

#[async_trait]
impl Organisations for Engine {
    async fn organisations(&self) -> Result<Vec<OrganisationRow>, StoreError> {
        Ok(sqlx::query_as!(
            OrganisationRow,
            r#"SELECT organisation_id AS "organisation_id!: Uuid", kind AS "kind!", name AS "name!",
                      parent_id AS "parent_id?: Uuid", time_zone AS "time_zone!"
               FROM organisation ORDER BY name"#
        )
        .fetch_all(&self.read)
        .await?)
    }

    async fn organisation(&self, organisation_id: Uuid) -> Result<Option<OrganisationRow>, StoreError> {
        Ok(sqlx::query_as!(
            OrganisationRow,
            r#"SELECT organisation_id AS "organisation_id!: Uuid", kind AS "kind!", name AS "name!",
                      parent_id AS "parent_id?: Uuid", time_zone AS "time_zone!"
               FROM organisation WHERE organisation_id = $1"#,
            organisation_id
        )
        .fetch_optional(&self.read)
        .await?)
    }

    async fn rooms(&self, organisation_id: Uuid) -> Result<Vec<RoomRow>, StoreError> {
        Ok(sqlx::query_as!(
            RoomRow,
            r#"SELECT room_id AS "room_id!: Uuid", organisation_id AS "organisation_id!: Uuid", name AS "name!"
               FROM room WHERE organisation_id = $1 AND retired_at IS NULL ORDER BY name"#,
            organisation_id
        )
        .fetch_all(&self.read)
        .await?)
    }

    async fn room(&self, room_id: Uuid) -> Result<Option<RoomRow>, StoreError> {
        Ok(sqlx::query_as!(
            RoomRow,
            r#"SELECT room_id AS "room_id!: Uuid", organisation_id AS "organisation_id!: Uuid", name AS "name!"
               FROM room WHERE room_id = $1"#,
            room_id
        )
        .fetch_optional(&self.read)
        .await?)
    }

    async fn calendar(&self, organisation_id: Uuid) -> Result<Option<CalendarRow>, StoreError> {
        let Some(head) =
            sqlx::query!(r#"SELECT time_zone AS "time_zone!" FROM organisation WHERE organisation_id = $1"#, organisation_id)
                .fetch_optional(&self.read)
                .await?
        else {
            return Ok(None);
        };
        let week_ones = sqlx::query_scalar!(
            r#"SELECT monday AS "monday!: NaiveDate" FROM week_one WHERE organisation_id = $1 ORDER BY monday"#,
            organisation_id
        )
        .fetch_all(&self.read)
        .await?;
        let closures = sqlx::query!(
            r#"SELECT day AS "day!: NaiveDate", reason AS "reason!" FROM closure_day WHERE organisation_id = $1 ORDER BY day"#,
            organisation_id
        )
        .fetch_all(&self.read)
        .await?;
        Ok(Some(CalendarRow {
            time_zone: head.time_zone,
            week_ones,
            closures: closures.into_iter().map(|row| (row.day, row.reason)).collect(),
        }))
    }

    async fn add_organisation(&self, row: &OrganisationRow, week_one_monday: Option<NaiveDate>) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query!(
            "INSERT INTO organisation (organisation_id, kind, name, parent_id, time_zone) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (organisation_id) DO NOTHING",
            row.organisation_id,
            row.kind,
            row.name,
            row.parent_id,
            row.time_zone
        )
        .execute(&mut *tx)
        .await?;
        if let Some(monday) = week_one_monday {
            sqlx::query!(
                "INSERT INTO school_calendar (organisation_id, week_one_monday) VALUES ($1, $2)
                 ON CONFLICT (organisation_id) DO NOTHING",
                row.organisation_id,
                monday
            )
            .execute(&mut *tx)
            .await?;
            sqlx::query!(
                "INSERT INTO week_one (organisation_id, monday) VALUES ($1, $2) ON CONFLICT (organisation_id, monday) DO NOTHING",
                row.organisation_id,
                monday
            )
            .execute(&mut *tx)
            .await?;
        }
        Ok(tx.commit().await?)
    }

    async fn add_room(&self, row: &RoomRow) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query!(
            "INSERT INTO room (room_id, organisation_id, name) VALUES ($1, $2, $3) ON CONFLICT (room_id) DO NOTHING",
            row.room_id,
            row.organisation_id,
            row.name
        )
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }
}
