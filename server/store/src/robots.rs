//! Robots and bridges: who they are, where they stand, and what they last said of themselves.
//!
//! What a robot says of itself is a hint for people; attendance minutes never depend on it.

use crate::StoreError;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

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
    /// The bridge that it stands connected to.
    pub bridge_id: Option<Uuid>,
    /// The bridge that its last permission is for.
    pub granted_bridge_id: Option<Uuid>,
    /// Its clock minus ours, in milliseconds, as its hello arrived.
    pub clock_offset_ms: Option<i64>,
    /// The visit that bridge reports as open.
    pub live_session_id: Option<Uuid>,
    /// What reaches the pupil: `video`, `stills`, `audio`.
    pub live_tier: Option<String>,
    /// What its bridge said last of the visit's two ways, as JSON of `LinkMessage`; none while nobody is visiting.
    pub live_link: Option<String>,
    /// When that was reported.
    pub link_at: Option<DateTime<Utc>>,
    /// Last instant of presence through it.
    pub last_used_at: Option<DateTime<Utc>>,
    /// Since when it is no longer used.
    pub retired_at: Option<DateTime<Utc>>,
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
    /// Of its program.
    pub version: Option<String>,
    /// Robots connected, as it said.
    pub robots: Option<i64>,
    /// Sessions open, as it said.
    pub sessions: Option<i64>,
    /// Robots that it may serve.
    pub capacity: Option<i64>,
    /// What its busiest media thread uses of what it may, in per cent.
    pub busy_pct: Option<i64>,
    /// It takes no new robots.
    pub draining: bool,
    /// When it said so.
    pub load_at: Option<DateTime<Utc>>,
    /// Messages waiting in its outbox.
    pub outbox_waiting: Option<i64>,
    /// Since when the oldest waits.
    pub outbox_oldest_at: Option<DateTime<Utc>>,
    /// How full the outbox is.
    pub outbox_full_pct: Option<i64>,
    /// Its disk takes nothing new.
    pub outbox_failing: Option<bool>,
    /// Its clock minus ours, in milliseconds, as its hello arrived.
    pub clock_offset_ms: Option<i64>,
    /// Connected robots that stand there or, standing nowhere, were sent there.
    pub placed: i64,
}

/// What kind of device signs in to the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// A robot.
    Robot,
    /// A bridge.
    Bridge,
}

/// Robots and bridges: who they are, where they stand, and what they last said of themselves.
#[async_trait]
pub trait Robots: Send + Sync {
    /// All robots in use, by school and name.
    ///
    /// # Errors
    /// The database does not answer.
    async fn robots(&self) -> Result<Vec<RobotRow>, StoreError>;

    /// The robots in use that are lent to one school, by name.
    ///
    /// # Errors
    /// The database does not answer.
    async fn robots_of(&self, organisation_id: Uuid) -> Result<Vec<RobotRow>, StoreError>;

    /// One robot.
    ///
    /// # Errors
    /// The database does not answer.
    async fn robot(&self, robot_id: Uuid) -> Result<Option<RobotRow>, StoreError>;

    /// All bridges in use, those that are here first, the longest here first.
    ///
    /// # Errors
    /// The database does not answer.
    async fn bridges(&self) -> Result<Vec<BridgeRow>, StoreError>;

    /// Where browsers reach the bridges in use: every page names them.
    ///
    /// # Errors
    /// The database does not answer.
    async fn bridge_addresses(&self) -> Result<Vec<String>, StoreError>;

    /// What kind of device this is; `None` if it is unknown or revoked.
    ///
    /// # Errors
    /// The database does not answer.
    async fn device_kind(&self, device_id: Uuid) -> Result<Option<DeviceKind>, StoreError>;

    /// Someone picks the robot up: it is in no room until it is put down. `false` if there is no such robot.
    ///
    /// # Errors
    /// The database does not answer.
    async fn carry_robot(&self, robot_id: Uuid, staff_id: Uuid, now: DateTime<Utc>) -> Result<bool, StoreError>;

    /// Someone says where the robot stands. `false` if there is no such robot, or the room is not one in use
    /// of its school.
    ///
    /// # Errors
    /// The database does not answer.
    async fn place_robot(&self, robot_id: Uuid, room_id: Uuid, now: DateTime<Utc>) -> Result<bool, StoreError>;

    /// Adds a device or gives it a new secret (only its hash is kept).
    ///
    /// # Errors
    /// The database does not answer.
    async fn set_device(&self, device_id: Uuid, kind: DeviceKind, secret_sha256: &[u8]) -> Result<(), StoreError>;

    /// Adds a robot (its device exists) or keeps the one that is there.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    async fn add_robot(
        &self,
        robot_id: Uuid,
        organisation_id: Uuid,
        name: &str,
        room_id: Option<Uuid>,
    ) -> Result<(), StoreError>;
}
