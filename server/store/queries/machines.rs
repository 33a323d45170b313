//! Queries of [`store::machines`], in SQL that both engines read; compiled by each driver package against its own.

use crate::queries::audit;
use crate::queries::robots::robots;
use crate::queries::sight::spliced;
use crate::{Db, Engine};
use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{Transaction, query, query_scalar};
use store::StoreError;
use store::audit::NewAudit;
use store::machines::{Kept, MOST_RETIRED, Machines, NewRobot};
use store::robots::RobotRow;
use uuid::Uuid;

/// The broker keeps passwords and certificates of devices; of one that is added here nothing of them is known.
const NO_SECRET: &[u8] = &[];

#[async_trait]
impl Machines for Engine {
    async fn enter_robot(&self, robot: NewRobot<'_>, audit: NewAudit<'_>, now: DateTime<Utc>) -> Result<Kept, StoreError> {
        let mut tx = self.begin().await?;
        if is_named(&mut tx, robot).await? {
            return Ok(Kept::NameTaken);
        }
        let done = query!(
            "INSERT INTO device (device_id, kind, secret_sha256) VALUES ($1, 'robot', $2) ON CONFLICT (device_id) DO NOTHING",
            robot.robot_id,
            NO_SECRET
        )
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(Kept::IdTaken);
        }
        let done = query!(
            "INSERT INTO robot (robot_id, organisation_id, name) VALUES ($1, $2, $3)",
            robot.robot_id,
            robot.organisation_id,
            robot.name
        )
        .execute(&mut *tx)
        .await
        .map_err(StoreError::from);
        match done {
            Ok(_) => {}
            Err(error) if error.is_unique_violation() => return Ok(Kept::NameTaken),
            Err(error) => return Err(error),
        }
        audit::append(&mut tx, audit, now).await?;
        tx.commit().await?;
        Ok(Kept::Written)
    }

    async fn rename_robot(&self, robot: NewRobot<'_>, audit: NewAudit<'_>, now: DateTime<Utc>) -> Result<Kept, StoreError> {
        let mut tx = self.begin().await?;
        if is_named(&mut tx, robot).await? {
            return Ok(Kept::NameTaken);
        }
        let done = query!("UPDATE robot SET name = $2 WHERE robot_id = $1", robot.robot_id, robot.name)
            .execute(&mut *tx)
            .await
            .map_err(StoreError::from);
        match done {
            Ok(_) => {}
            Err(error) if error.is_unique_violation() => return Ok(Kept::NameTaken),
            Err(error) => return Err(error),
        }
        audit::append(&mut tx, audit, now).await?;
        tx.commit().await?;
        Ok(Kept::Written)
    }

    async fn retire_robot(
        &self,
        robot_id: Uuid,
        day: NaiveDate,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let done = query!(
            "UPDATE robot SET retired_at = $2, room_id = NULL, carried_by = NULL, room_since_at = $2
             WHERE robot_id = $1 AND NOT EXISTS (SELECT 1 FROM placement p WHERE p.robot_id = $1 AND p.until_day >= $3)",
            robot_id,
            now,
            day
        )
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        query!("UPDATE device SET revoked_at = $2 WHERE device_id = $1", robot_id, now).execute(&mut *tx).await?;
        audit::append(&mut tx, audit, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn use_robot_again(&self, robot_id: Uuid, audit: NewAudit<'_>, now: DateTime<Utc>) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        query!("UPDATE robot SET retired_at = NULL WHERE robot_id = $1", robot_id).execute(&mut *tx).await?;
        query!("UPDATE device SET revoked_at = NULL WHERE device_id = $1", robot_id).execute(&mut *tx).await?;
        audit::append(&mut tx, audit, now).await?;
        Ok(tx.commit().await?)
    }

    async fn retired_robots(&self, staff_id: Uuid) -> Result<Vec<RobotRow>, StoreError> {
        Ok(spliced!(
            robots: r#"WHERE r.retired_at IS NOT NULL AND r.organisation_id "# COORDINATED r#"
               ORDER BY r.retired_at DESC, r.robot_id LIMIT $2"#,
            staff_id,
            MOST_RETIRED
        )
        .fetch_all(&self.read)
        .await?)
    }

    async fn enter_bridge(&self, bridge_id: Uuid, audit: NewAudit<'_>, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let done = query!(
            "INSERT INTO device (device_id, kind, secret_sha256) VALUES ($1, 'bridge', $2)
             ON CONFLICT (device_id) DO UPDATE SET revoked_at = NULL
             WHERE device.kind = 'bridge' AND device.revoked_at IS NOT NULL",
            bridge_id,
            NO_SECRET
        )
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        query!("INSERT INTO bridge (bridge_id) VALUES ($1) ON CONFLICT (bridge_id) DO NOTHING", bridge_id)
            .execute(&mut *tx)
            .await?;
        audit::append(&mut tx, audit, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn retire_bridge(&self, bridge_id: Uuid, audit: NewAudit<'_>, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let done = query!(
            "UPDATE device SET revoked_at = $2
             WHERE device_id = $1 AND kind = 'bridge' AND revoked_at IS NULL
               AND NOT EXISTS (SELECT 1 FROM bridge b WHERE b.bridge_id = $1 AND (b.status = 'here' OR b.outbox_waiting > 0))",
            bridge_id,
            now
        )
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        audit::append(&mut tx, audit, now).await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// Whether another robot of the same organisation has this name, however it is written.
async fn is_named(tx: &mut Transaction<'static, Db>, robot: NewRobot<'_>) -> Result<bool, StoreError> {
    let found = query_scalar!(
        r#"SELECT count(*) AS "count!: i64" FROM robot
           WHERE lower(name) = lower($1) AND robot_id <> $2 AND organisation_id = $3"#,
        robot.name,
        robot.robot_id,
        robot.organisation_id
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(found > 0)
}
