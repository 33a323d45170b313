//! Queries of [`store::events`], in SQL that both engines read; compiled by each driver package against its own.

use crate::Engine;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::query_as;
use store::StoreError;
use store::events::{EventRow, Events};
use uuid::Uuid;

#[async_trait]
impl Events for Engine {
    async fn robot_events(&self, robot_id: Uuid, limit: i64) -> Result<Vec<EventRow>, StoreError> {
        Ok(query_as!(
            EventRow,
            r#"SELECT what AS "what!", at AS "at!: DateTime<Utc>" FROM robot_event WHERE robot_id = $1 ORDER BY at DESC LIMIT $2"#,
            robot_id,
            limit
        )
        .fetch_all(&self.read)
        .await?)
    }

    async fn trim_events(&self, before: DateTime<Utc>, limit: i64) -> Result<u64, StoreError> {
        let mut tx = self.begin_ingest().await?;
        let done = sqlx::query!(
            "DELETE FROM robot_event WHERE robot_event_id IN
             (SELECT o.robot_event_id FROM robot_event o WHERE o.at < $1 ORDER BY o.at LIMIT $2)",
            before,
            limit
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }
}
