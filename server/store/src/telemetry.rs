//! Measurements of robots and their legs, one row a robot a minute: for people who look for the cause of a bad lesson.
//!
//! Written by the ingest; removed by age. Attendance minutes never depend on them.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::StoreError;

/// What was measured in one minute: the last value said in it, the largest of loss and round-trip time. None: nobody said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelemetryRow {
    /// Its first instant.
    pub minute_at: DateTime<Utc>,
    /// Charge in per cent.
    pub battery_pct: Option<i64>,
    /// Wi-Fi signal in dBm.
    pub wifi_dbm: Option<i64>,
    /// Round-trip time between robot and bridge, in milliseconds.
    pub robot_rtt_ms: Option<i64>,
    /// Packets lost between them, in thousandths.
    pub robot_loss_permille: Option<i64>,
    /// Received from the robot, in bits per second.
    pub robot_receive_bps: Option<i64>,
    /// Round-trip time between bridge and pupil, in milliseconds.
    pub pupil_rtt_ms: Option<i64>,
    /// Packets lost between them, in thousandths.
    pub pupil_loss_permille: Option<i64>,
    /// Sent to the pupil, in bits per second.
    pub pupil_send_bps: Option<i64>,
    /// What reached the pupil: `video`, `stills`, `audio`.
    pub tier: Option<String>,
}

/// Measurements by the minute.
#[async_trait]
pub trait Telemetry: Send + Sync {
    /// A robot's minutes in `[from, until)`, by time.
    ///
    /// # Errors
    /// The database does not answer.
    async fn telemetry(
        &self,
        robot_id: Uuid,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<TelemetryRow>, StoreError>;

    /// Forgets minutes from before `before`, the oldest first, at most `limit`. Returns how many.
    ///
    /// # Errors
    /// The database does not answer.
    async fn trim_telemetry(&self, before: DateTime<Utc>, limit: i64) -> Result<u64, StoreError>;
}
