//! Queries of [`store::telemetry`], in SQL that both engines read; compiled by each driver package against its own.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use store::StoreError;
use store::telemetry::{Telemetry, TelemetryRow};
use uuid::Uuid;

use crate::Engine;

#[async_trait]
impl Telemetry for Engine {
    async fn telemetry(
        &self,
        robot_id: Uuid,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<TelemetryRow>, StoreError> {
        Ok(sqlx::query_as!(
            TelemetryRow,
            r#"SELECT minute_at AS "minute_at!: DateTime<Utc>", battery_pct AS "battery_pct?: i64", wifi_dbm AS "wifi_dbm?: i64",
                      robot_rtt_ms AS "robot_rtt_ms?: i64", robot_loss_permille AS "robot_loss_permille?: i64",
                      robot_receive_bps AS "robot_receive_bps?: i64", pupil_rtt_ms AS "pupil_rtt_ms?: i64",
                      pupil_loss_permille AS "pupil_loss_permille?: i64", pupil_send_bps AS "pupil_send_bps?: i64", tier AS "tier?"
               FROM telemetry_minute WHERE robot_id = $1 AND minute_at >= $2 AND minute_at < $3 ORDER BY minute_at"#,
            robot_id,
            from,
            until
        )
        .fetch_all(&self.read)
        .await?)
    }

    async fn trim_telemetry(&self, before: DateTime<Utc>, limit: i64) -> Result<u64, StoreError> {
        let mut tx = self.begin_ingest().await?;
        let done = sqlx::query!(
            "DELETE FROM telemetry_minute WHERE (robot_id, minute_at) IN
             (SELECT o.robot_id, o.minute_at FROM telemetry_minute o WHERE o.minute_at < $1 ORDER BY o.minute_at LIMIT $2)",
            before,
            limit
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }
}
