//! Robots and bridges: who they are, where they stand, and what they last said of themselves.
//!
//! What a robot says of itself is a hint for people; attendance minutes never depend on it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{Store, StoreError};

/// A robot with its place and its last facts.
#[derive(Clone, Debug, PartialEq)]
pub struct RobotRow {
    /// Key; also its MQTT username.
    pub robot_id: Uuid,
    /// The school it is lent to.
    pub organisation_id: Uuid,
    /// That school's name.
    pub organisation_name: String,
    /// A bird.
    pub name: String,
    /// The room staff said it is in; none while it is carried or before it was first placed.
    pub room_id: Option<Uuid>,
    /// That room's name.
    pub room_name: Option<String>,
    /// Staff member who carries it now.
    pub carried_by: Option<Uuid>,
    /// Since when the place holds.
    pub room_since_at: Option<DateTime<Utc>>,
    /// `here`, `gone` or `off_by_person`, from its hello.
    pub status: String,
    /// When that was said.
    pub status_at: Option<DateTime<Utc>>,
    /// `idle`, `live`, `resting`, `paused`, `carried`, from its own report.
    pub body_state: Option<String>,
    /// Charge in per cent.
    pub battery_pct: Option<i64>,
    /// On its charger.
    pub charging: Option<bool>,
    /// Wi-Fi signal in dBm.
    pub wifi_dbm: Option<i64>,
    /// Hand light.
    pub hand_up: Option<bool>,
    /// When it last reported on its body.
    pub telemetry_at: Option<DateTime<Utc>>,
    /// The bridge that last reported on it.
    pub bridge_id: Option<Uuid>,
    /// The visit that bridge reports as open.
    pub live_session_id: Option<Uuid>,
    /// What reaches the pupil: `video`, `stills`, `audio`.
    pub live_tier: Option<String>,
    /// When that was reported.
    pub link_at: Option<DateTime<Utc>>,
    /// Last instant of presence through it.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// A bridge and its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeRow {
    /// Key; also its MQTT username.
    pub bridge_id: Uuid,
    /// `here`, `gone` or `off_by_person`.
    pub status: String,
    /// When that was said.
    pub status_at: Option<DateTime<Utc>>,
    /// Base of `/whip/{robot}` for robots.
    pub http_base: Option<String>,
    /// Base of `/whep/{robot}` for browsers; empty: the same origin as the pages.
    pub public_base: Option<String>,
}

/// What a robot says of its body.
#[derive(Clone, Debug)]
pub struct BodyFacts {
    /// State word.
    pub body_state: &'static str,
    /// Charge in per cent.
    pub battery_pct: i64,
    /// On its charger.
    pub charging: bool,
    /// Wi-Fi signal in dBm.
    pub wifi_dbm: Option<i64>,
    /// Hand light.
    pub hand_up: bool,
}

/// What kind of device signs in to the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// A robot.
    Robot,
    /// A bridge.
    Bridge,
}

macro_rules! robots {
    ($tail:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            RobotRow,
            r#"SELECT r.robot_id AS "robot_id!: Uuid", r.organisation_id AS "organisation_id!: Uuid",
                      o.name AS "organisation_name!", r.name AS "name!", r.room_id AS "room_id?: Uuid", m.name AS "room_name?",
                      r.carried_by AS "carried_by?: Uuid", r.room_since_at AS "room_since_at?: DateTime<Utc>",
                      r.status AS "status!", r.status_at AS "status_at?: DateTime<Utc>", r.body_state AS "body_state?",
                      r.battery_pct AS "battery_pct?: i64", r.charging AS "charging?: bool", r.wifi_dbm AS "wifi_dbm?: i64",
                      r.hand_up AS "hand_up?: bool", r.telemetry_at AS "telemetry_at?: DateTime<Utc>",
                      r.bridge_id AS "bridge_id?: Uuid", r.live_session_id AS "live_session_id?: Uuid",
                      r.live_tier AS "live_tier?", r.link_at AS "link_at?: DateTime<Utc>",
                      r.last_used_at AS "last_used_at?: DateTime<Utc>"
               FROM robot r JOIN organisation o ON o.organisation_id = r.organisation_id
                    LEFT JOIN room m ON m.room_id = r.room_id "# + $tail
            $(, $argument)*
        )
    };
}

impl Store {
    /// All robots, by school and name.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn robots(&self) -> Result<Vec<RobotRow>, StoreError> {
        Ok(robots!("ORDER BY o.name, r.name").fetch_all(&self.read).await?)
    }

    /// The robots lent to one school, by name.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn robots_of(&self, organisation_id: Uuid) -> Result<Vec<RobotRow>, StoreError> {
        Ok(robots!("WHERE r.organisation_id = $1 ORDER BY r.name", organisation_id).fetch_all(&self.read).await?)
    }

    /// One robot.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn robot(&self, robot_id: Uuid) -> Result<Option<RobotRow>, StoreError> {
        Ok(robots!("WHERE r.robot_id = $1", robot_id).fetch_optional(&self.read).await?)
    }

    /// All bridges, those that are here first, the longest here first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn bridges(&self) -> Result<Vec<BridgeRow>, StoreError> {
        Ok(sqlx::query_as!(
            BridgeRow,
            r#"SELECT bridge_id AS "bridge_id!: Uuid", status AS "status!", status_at AS "status_at?: DateTime<Utc>",
                      http_base AS "http_base?", public_base AS "public_base?"
               FROM bridge ORDER BY status = 'here' DESC, status_at, bridge_id"#
        )
        .fetch_all(&self.read)
        .await?)
    }

    /// What kind of device this is; `None` if it is unknown or revoked.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn device_kind(&self, device_id: Uuid) -> Result<Option<DeviceKind>, StoreError> {
        let kind =
            sqlx::query_scalar!(r#"SELECT kind AS "kind!" FROM device WHERE device_id = $1 AND revoked_at IS NULL"#, device_id)
                .fetch_optional(&self.read)
                .await?;
        Ok(kind.map(|kind| if kind == "robot" { DeviceKind::Robot } else { DeviceKind::Bridge }))
    }

    /// Someone picks the robot up: it is in no room until it is put down. `false` if there is no such robot.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn carry_robot(&self, robot_id: Uuid, staff_id: Uuid, now: DateTime<Utc>) -> Result<bool, StoreError> {
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

    /// Someone says where the robot stands. `false` if there is no such robot, or the room is not of its school.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn place_robot(&self, robot_id: Uuid, room_id: Uuid, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let done = sqlx::query!(
            "UPDATE robot SET room_id = $2, carried_by = NULL, room_since_at = $3
             WHERE robot_id = $1
               AND organisation_id = (SELECT m.organisation_id FROM room m WHERE m.room_id = $2)",
            robot_id,
            room_id,
            now
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// Adds a device or gives it a new secret (only its hash is kept).
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn set_device(&self, device_id: Uuid, kind: DeviceKind, secret_sha256: &[u8]) -> Result<(), StoreError> {
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

    /// Adds a robot (its device exists) or keeps the one that is there.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    pub async fn add_robot(
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

#[cfg(test)]
mod tests;
