//! What the bulk statements of a driver package take and give: one row each, sent as one JSON text to either engine.
//!
//! Ids and hashes are hexadecimal there, times are spelt as the engines' columns spell them. A text from outside loses its NUL
//! characters, which PostgreSQL does not take.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::{Serialize, Serializer};
use store::minutes::DayRow;
use uuid::Uuid;

/// How far an epoch of a sender is complete.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Cursor {
    #[serde(serialize_with = "id")]
    pub(crate) device_id: Uuid,
    #[serde(serialize_with = "id")]
    pub(crate) epoch: Uuid,
    pub(crate) contiguous: i64,
    pub(crate) highest: i64,
}

/// A number that came.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Numbered<'a> {
    #[serde(serialize_with = "id")]
    pub(crate) device_id: Uuid,
    #[serde(serialize_with = "id")]
    pub(crate) epoch: Uuid,
    pub(crate) seq: i64,
    pub(crate) kind: &'static str,
    #[serde(skip)]
    pub(crate) body_sha256: &'a [u8; 32],
}

/// What is compared with, of a robot.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RobotHeld {
    pub(crate) robot_id: Uuid,
    pub(crate) status: String,
    pub(crate) status_at: Option<DateTime<Utc>>,
    pub(crate) connected_at: Option<DateTime<Utc>>,
    pub(crate) bridge_id: Option<Uuid>,
    pub(crate) last_used_at: Option<DateTime<Utc>>,
    pub(crate) clock_offset_ms: Option<i64>,
}

/// A robot's last hello.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RobotHello {
    #[serde(serialize_with = "id")]
    pub(crate) robot_id: Uuid,
    pub(crate) status: &'static str,
    #[serde(serialize_with = "maybe_at")]
    pub(crate) status_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "at")]
    pub(crate) connected_at: DateTime<Utc>,
    #[serde(serialize_with = "maybe_id")]
    pub(crate) bridge_id: Option<Uuid>,
    pub(crate) cannot_reach: Option<String>,
    /// None: the message says nothing of it.
    pub(crate) clock_offset_ms: Option<i64>,
}

/// What a robot last said of its body.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RobotBody {
    #[serde(serialize_with = "id")]
    pub(crate) robot_id: Uuid,
    pub(crate) body_state: &'static str,
    pub(crate) battery_pct: i64,
    pub(crate) charging: bool,
    pub(crate) wifi_dbm: Option<i64>,
    pub(crate) hand_up: bool,
    pub(crate) clock_offset_ms: Option<i64>,
}

/// What a bridge last said of a robot's legs.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RobotLink {
    #[serde(serialize_with = "id")]
    pub(crate) robot_id: Uuid,
    #[serde(serialize_with = "maybe_id")]
    pub(crate) live_session_id: Option<Uuid>,
    pub(crate) live_tier: Option<&'static str>,
    pub(crate) live_link: Option<String>,
    #[serde(serialize_with = "maybe_id")]
    pub(crate) bridge_id: Option<Uuid>,
}

/// When a robot was last used.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RobotUsed {
    #[serde(serialize_with = "id")]
    pub(crate) robot_id: Uuid,
    #[serde(serialize_with = "at")]
    pub(crate) last_used_at: DateTime<Utc>,
}

/// A visit that may be new.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct NewVisit {
    #[serde(serialize_with = "id")]
    pub(crate) session_id: Uuid,
    #[serde(serialize_with = "id")]
    pub(crate) placement_id: Uuid,
    #[serde(serialize_with = "id")]
    pub(crate) robot_id: Uuid,
}

/// An interval of presence, so far.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Interval {
    #[serde(serialize_with = "id")]
    pub(crate) session_id: Uuid,
    pub(crate) n: i64,
    pub(crate) tier: &'static str,
    #[serde(serialize_with = "at")]
    pub(crate) from_at: DateTime<Utc>,
    #[serde(serialize_with = "at")]
    pub(crate) until_at: DateTime<Utc>,
    pub(crate) span_ms: i64,
    pub(crate) spoke_ms: i64,
    pub(crate) hands: i64,
    pub(crate) looks: i64,
    pub(crate) feelings: i64,
    pub(crate) closed_by: Option<&'static str>,
    /// Bridge's clock minus ours at `from_at`, as the copy that is `arrival_span_ms` long brought it.
    pub(crate) clock_offset_ms: i64,
    pub(crate) arrival_span_ms: i64,
    /// The same as the bridge measured it.
    pub(crate) measured_offset_ms: Option<i64>,
    #[serde(serialize_with = "id")]
    pub(crate) pupil_id: Uuid,
    /// Where it begins by our clock.
    pub(crate) placed_ms: i64,
}

/// What is known of a placement: whose it is, and in which zone that pupil's days begin. Which robot it has now says nothing of a
/// visit of before.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) placement_id: Uuid,
    pub(crate) pupil_id: Uuid,
    pub(crate) time_zone: String,
}

/// What is known of a visit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visited {
    pub(crate) session_id: Uuid,
    pub(crate) placement_id: Uuid,
    pub(crate) robot_id: Uuid,
    pub(crate) is_over: bool,
}

/// Where an interval lies by our clock, in milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) session_id: Uuid,
    pub(crate) n: i64,
    pub(crate) placed_ms: i64,
    pub(crate) span_ms: i64,
}

impl Place {
    pub(crate) fn end_ms(&self) -> i64 {
        self.placed_ms.saturating_add(self.span_ms)
    }
}

/// A day of a pupil whose facts changed.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Mark {
    #[serde(serialize_with = "id")]
    pub(crate) pupil_id: Uuid,
    pub(crate) day: NaiveDate,
    #[serde(serialize_with = "id")]
    pub(crate) version: Uuid,
}

/// A pupil's day, computed whole.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Day {
    #[serde(serialize_with = "id")]
    pupil_id: Uuid,
    day: NaiveDate,
    #[serde(serialize_with = "id")]
    placement_id: Uuid,
    #[serde(serialize_with = "id")]
    school_id: Uuid,
    expected_ms: i64,
    connected_ms: i64,
    video_ms: i64,
    stills_ms: i64,
    audio_ms: i64,
    counted_ms: i64,
    social_ms: i64,
    social_counted_ms: i64,
    active_lessons: i64,
    anomalies: i64,
    #[serde(serialize_with = "id")]
    version: Uuid,
}

impl From<&DayRow> for Day {
    fn from(row: &DayRow) -> Self {
        Self {
            pupil_id: row.pupil_id,
            day: row.day,
            placement_id: row.placement_id,
            school_id: row.school_id,
            expected_ms: row.expected_ms,
            connected_ms: row.connected_ms,
            video_ms: row.video_ms,
            stills_ms: row.stills_ms,
            audio_ms: row.audio_ms,
            counted_ms: row.counted_ms,
            social_ms: row.social_ms,
            social_counted_ms: row.social_counted_ms,
            active_lessons: row.active_lessons,
            anomalies: row.anomalies,
            version: row.version,
        }
    }
}

/// The end of a visit, and what its bridge counted.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Ended {
    #[serde(serialize_with = "id")]
    pub(crate) session_id: Uuid,
    #[serde(serialize_with = "at")]
    pub(crate) at: DateTime<Utc>,
    pub(crate) reason: &'static str,
    pub(crate) intervals: i64,
    pub(crate) total_ms: i64,
}

/// A message that could not be used.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Quarantined {
    #[serde(serialize_with = "id")]
    pub(crate) quarantine_id: Uuid,
    pub(crate) topic: String,
    #[serde(serialize_with = "id")]
    pub(crate) device_id: Uuid,
    #[serde(serialize_with = "maybe_id")]
    pub(crate) epoch: Option<Uuid>,
    pub(crate) seq: Option<i64>,
    #[serde(serialize_with = "bytes")]
    pub(crate) payload: Vec<u8>,
    pub(crate) cut_from_bytes: Option<i64>,
    pub(crate) reason: String,
    #[serde(serialize_with = "at")]
    pub(crate) received_at: DateTime<Utc>,
}

/// A notable event.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Event {
    #[serde(serialize_with = "id")]
    pub(crate) robot_event_id: Uuid,
    #[serde(serialize_with = "id")]
    pub(crate) robot_id: Uuid,
    #[serde(serialize_with = "maybe_id")]
    pub(crate) session_id: Option<Uuid>,
    pub(crate) what: &'static str,
    #[serde(serialize_with = "at")]
    pub(crate) at: DateTime<Utc>,
}

/// Measurements of a robot and its legs in one minute.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Minute {
    #[serde(serialize_with = "id")]
    pub(crate) robot_id: Uuid,
    #[serde(serialize_with = "at")]
    pub(crate) minute_at: DateTime<Utc>,
    pub(crate) battery_pct: Option<i64>,
    pub(crate) wifi_dbm: Option<i64>,
    pub(crate) robot_rtt_ms: Option<i64>,
    pub(crate) robot_loss_permille: Option<i64>,
    pub(crate) robot_receive_bps: Option<i64>,
    pub(crate) pupil_rtt_ms: Option<i64>,
    pub(crate) pupil_loss_permille: Option<i64>,
    pub(crate) pupil_send_bps: Option<i64>,
    pub(crate) tier: Option<&'static str>,
}

/// Rows as the one parameter of a bulk statement.
pub(crate) fn json<T: Serialize>(rows: &[T]) -> String {
    serde_json::to_string(rows).expect("rows have string keys and no floating point numbers")
}

/// A count from outside, as a column holds it.
pub(crate) fn whole(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A text from outside, as either engine takes it.
pub(crate) fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn id<S: Serializer>(id: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(id.simple().encode_lower(&mut Uuid::encode_buffer()))
}

fn bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a text takes text");
    }
    serializer.serialize_str(&text)
}

fn maybe_id<S: Serializer>(maybe: &Option<Uuid>, serializer: S) -> Result<S::Ok, S::Error> {
    match maybe {
        Some(value) => id(value, serializer),
        None => serializer.serialize_none(),
    }
}

fn at<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    // As sqlx writes a parameter of this type, so that texts compare alike on SQLite.
    serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::AutoSi, false))
}

fn maybe_at<S: Serializer>(maybe: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
    match maybe {
        Some(value) => at(value, serializer),
        None => serializer.serialize_none(),
    }
}
