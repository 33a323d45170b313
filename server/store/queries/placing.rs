//! Queries of [`store::placing`], in SQL that both engines read; compiled by each driver package against its own.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use store::StoreError;
use store::placing::{Placing, PlacingRow};
use uuid::Uuid;

use crate::Engine;

macro_rules! connected {
    ($tail:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            PlacingRow,
            r#"SELECT robot_id AS "robot_id!: Uuid", status_at AS "status_at?: DateTime<Utc>", bridge_id AS "bridge_id?: Uuid",
                      live_session_id AS "live_session_id?: Uuid", granted_bridge_id AS "granted_bridge_id?: Uuid",
                      granted_at AS "granted_at?: DateTime<Utc>", granted_until_at AS "granted_until_at?: DateTime<Utc>",
                      cannot_reach AS "cannot_reach?"
               FROM robot WHERE status = 'here' AND retired_at IS NULL "# + $tail
            $(, $argument)*
        )
    };
}

#[async_trait]
impl Placing for Engine {
    async fn robots_to_place(&self) -> Result<Vec<PlacingRow>, StoreError> {
        Ok(connected!("ORDER BY robot_id").fetch_all(&self.read).await?)
    }

    async fn robot_to_place(&self, robot_id: Uuid) -> Result<Option<PlacingRow>, StoreError> {
        Ok(connected!("AND robot_id = $1", robot_id).fetch_optional(&self.read).await?)
    }

    async fn claim_grant(
        &self,
        robot_id: Uuid,
        seen: Option<DateTime<Utc>>,
        bridge_id: Uuid,
        at: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        // One statement that compares: it waits for its robot, and not for what people write.
        let mut tx = self.begin_ingest().await?;
        let done = sqlx::query!(
            "UPDATE robot SET granted_bridge_id = $3, granted_at = $4, granted_until_at = $5
             WHERE robot_id = $1 AND granted_at IS NOT DISTINCT FROM $2",
            robot_id,
            seen,
            bridge_id,
            at,
            until
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    async fn visits_to_end(&self) -> Result<Vec<Uuid>, StoreError> {
        Ok(sqlx::query_scalar!(
            r#"SELECT v.placement_id AS "placement_id!: Uuid"
               FROM robot r JOIN visit v ON v.session_id = r.live_session_id
               WHERE (EXISTS (SELECT 1 FROM tablet t WHERE t.placement_id = v.placement_id)
                      AND NOT EXISTS (SELECT 1 FROM tablet t WHERE t.placement_id = v.placement_id AND t.revoked_at IS NULL))
                  OR NOT EXISTS (SELECT 1 FROM placement p WHERE p.placement_id = v.placement_id AND p.robot_id = r.robot_id)"#
        )
        .fetch_all(&self.read)
        .await?)
    }
}
