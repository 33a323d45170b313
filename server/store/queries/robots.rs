//! Queries of [`store::robots`], in SQL that both engines read; compiled by each driver package against its own.

use crate::Engine;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use store::StoreError;
use store::robots::{BridgeRow, DeviceKind, RobotRow, Robots};
use uuid::Uuid;

macro_rules! robots {
    ($tail:literal $(+ $more:literal)* $(, $argument:expr)*) => {
        sqlx::query_as!(
            RobotRow,
            r#"SELECT r.robot_id AS "robot_id!: Uuid", r.organisation_id AS "organisation_id!: Uuid",
                      o.name AS "organisation_name!", r.name AS "name!", r.room_id AS "room_id?: Uuid", m.name AS "room_name?",
                      r.carried_by AS "carried_by?: Uuid", r.room_since_at AS "room_since_at?: DateTime<Utc>",
                      r.status AS "status!", r.status_at AS "status_at?: DateTime<Utc>", r.body_state AS "body_state?",
                      r.battery_pct AS "battery_pct?: i64", r.charging AS "charging?: bool", r.wifi_dbm AS "wifi_dbm?: i64",
                      r.hand_up AS "hand_up?: bool", r.telemetry_at AS "telemetry_at?: DateTime<Utc>",
                      r.bridge_id AS "bridge_id?: Uuid", r.granted_bridge_id AS "granted_bridge_id?: Uuid",
                      r.clock_offset_ms AS "clock_offset_ms?: i64", r.live_session_id AS "live_session_id?: Uuid",
                      r.live_tier AS "live_tier?", r.live_link AS "live_link?", r.link_at AS "link_at?: DateTime<Utc>",
                      r.last_used_at AS "last_used_at?: DateTime<Utc>", r.retired_at AS "retired_at?: DateTime<Utc>"
               FROM robot r JOIN organisation o ON o.organisation_id = r.organisation_id
                    LEFT JOIN room m ON m.room_id = r.room_id "# + $tail $(+ $more)*
            $(, $argument)*
        )
    };
}
pub(crate) use robots;

#[async_trait]
impl Robots for Engine {
    async fn robots(&self) -> Result<Vec<RobotRow>, StoreError> {
        Ok(robots!("WHERE r.retired_at IS NULL ORDER BY o.name, r.name").fetch_all(&self.read).await?)
    }

    async fn robots_of(&self, organisation_id: Uuid) -> Result<Vec<RobotRow>, StoreError> {
        Ok(robots!("WHERE r.organisation_id = $1 AND r.retired_at IS NULL ORDER BY r.name", organisation_id)
            .fetch_all(&self.read)
            .await?)
    }

    async fn robot(&self, robot_id: Uuid) -> Result<Option<RobotRow>, StoreError> {
        Ok(robots!("WHERE r.robot_id = $1", robot_id).fetch_optional(&self.read).await?)
    }

    async fn bridges(&self) -> Result<Vec<BridgeRow>, StoreError> {
        Ok(sqlx::query_as!(
            BridgeRow,
            r#"SELECT bridge_id AS "bridge_id!: Uuid", status AS "status!", status_at AS "status_at?: DateTime<Utc>",
                      http_base AS "http_base?", public_base AS "public_base?", version AS "version?", robots AS "robots?: i64",
                      sessions AS "sessions?: i64", capacity AS "capacity?: i64",
                      busy_pct AS "busy_pct?: i64", draining AS "draining!: bool",
                      load_at AS "load_at?: DateTime<Utc>", outbox_waiting AS "outbox_waiting?: i64",
                      outbox_oldest_at AS "outbox_oldest_at?: DateTime<Utc>", outbox_full_pct AS "outbox_full_pct?: i64",
                      outbox_failing AS "outbox_failing?: bool", clock_offset_ms AS "clock_offset_ms?: i64",
                      coalesce(p.robots_here, 0) AS "placed!: i64"
               FROM bridge LEFT JOIN (SELECT coalesce(r.bridge_id, r.granted_bridge_id) AS placed_at, count(*) AS robots_here
                                      FROM robot r WHERE r.status = 'here' GROUP BY 1) p ON p.placed_at = bridge.bridge_id
               WHERE EXISTS (SELECT 1 FROM device d WHERE d.device_id = bridge.bridge_id AND d.revoked_at IS NULL)
               ORDER BY status = 'here' DESC, status_at NULLS FIRST, bridge_id"#
        )
        .fetch_all(&self.read)
        .await?)
    }

    async fn bridge_addresses(&self) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar!(
            r#"SELECT b.public_base AS "public_base!" FROM bridge b JOIN device d ON d.device_id = b.bridge_id
               WHERE b.public_base IS NOT NULL AND d.revoked_at IS NULL"#
        )
        .fetch_all(&self.read)
        .await?)
    }

    async fn device_kind(&self, device_id: Uuid) -> Result<Option<DeviceKind>, StoreError> {
        let kind =
            sqlx::query_scalar!(r#"SELECT kind AS "kind!" FROM device WHERE device_id = $1 AND revoked_at IS NULL"#, device_id)
                .fetch_optional(&self.read)
                .await?;
        Ok(kind.map(|kind| if kind == "robot" { DeviceKind::Robot } else { DeviceKind::Bridge }))
    }

    async fn carry_robot(&self, robot_id: Uuid, staff_id: Uuid, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let done = sqlx::query!(
            "UPDATE robot SET room_id = NULL, carried_by = $2, room_since_at = $3 WHERE robot_id = $1",
            robot_id,
            staff_id,
            now
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    async fn place_robot(&self, robot_id: Uuid, room_id: Uuid, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let done = sqlx::query!(
            "UPDATE robot SET room_id = $2, carried_by = NULL, room_since_at = $3
             WHERE robot_id = $1
               AND organisation_id = (SELECT m.organisation_id FROM room m WHERE m.room_id = $2 AND m.retired_at IS NULL)",
            robot_id,
            room_id,
            now
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    async fn set_device(&self, device_id: Uuid, kind: DeviceKind, secret_sha256: &[u8]) -> Result<(), StoreError> {
        let kind_word = match kind {
            DeviceKind::Robot => "robot",
            DeviceKind::Bridge => "bridge",
        };
        let mut tx = self.begin().await?;
        sqlx::query!(
            "INSERT INTO device (device_id, kind, secret_sha256) VALUES ($1, $2, $3)
             ON CONFLICT (device_id) DO UPDATE SET secret_sha256 = excluded.secret_sha256",
            device_id,
            kind_word,
            secret_sha256
        )
        .execute(&mut *tx)
        .await?;
        if kind == DeviceKind::Bridge {
            sqlx::query!("INSERT INTO bridge (bridge_id) VALUES ($1) ON CONFLICT (bridge_id) DO NOTHING", device_id)
                .execute(&mut *tx)
                .await?;
        }
        Ok(tx.commit().await?)
    }

    async fn add_robot(
        &self,
        robot_id: Uuid,
        organisation_id: Uuid,
        name: &str,
        room_id: Option<Uuid>,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query!(
            "INSERT INTO robot (robot_id, organisation_id, name, room_id) VALUES ($1, $2, $3, $4)
             ON CONFLICT (robot_id) DO NOTHING",
            robot_id,
            organisation_id,
            name,
            room_id
        )
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }
}
