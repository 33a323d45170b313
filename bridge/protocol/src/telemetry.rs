//! Measurements and notable events. Except for a bridge's events they may be lost without harm.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::control::Trouble;
use crate::ids::{RobotId, RoomId, SessionId};
use crate::presence::Tier;
use crate::units::{Bitrate, Percent};

/// How good one leg is, over the last few seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LegQuality {
    /// Round-trip time in milliseconds, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtt_ms: Option<f32>,
    /// Packets lost, in per cent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_pct: Option<f32>,
    /// How unevenly sound arrives (RFC 3550 §6.4.1), in milliseconds, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter_ms: Option<f32>,
    /// Media received from this leg, in bits per second.
    pub receive: Bitrate,
    /// Media sent to this leg, in bits per second.
    pub send: Bitrate,
}

/// Body of `up/link`: one robot's two legs as its bridge sees them, every 5 s and at each change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LinkMessage {
    /// Which robot.
    pub robot: RobotId,
    /// The robot's leg, if it is connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub robot_leg: Option<LegQuality>,
    /// The session that is open, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The pupil's leg, if it is connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pupil_leg: Option<LegQuality>,
    /// What reaches the pupil now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// Whose side it is if the session does not run well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
    /// How the picture stood still in this session, as far as the tablet tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freezes: Option<Freezes>,
}

/// How often and how long the picture stood still.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Freezes {
    /// How often.
    pub count: u64,
    /// For how long in all, in milliseconds.
    pub millis: u64,
}

/// What a robot's body is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BodyState {
    /// On, camera and microphone off.
    Idle,
    /// A pupil is here; eyes lit, head up.
    Live,
    /// A pupil is here and resting: sound only, head lowered.
    Resting,
    /// Someone in the classroom paused it.
    Paused,
    /// Being carried; camera off.
    Carried,
}

/// Body of `up/robot`: the robot's body, every 10 s and at each change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RobotMessage {
    /// What it is doing.
    pub state: BodyState,
    /// Charge of the battery.
    pub battery_pct: Percent,
    /// Whether it is on its charger.
    pub charging: bool,
    /// Wi-Fi signal in dBm (about -30 near the access point to -90), if it is on Wi-Fi.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wifi_dbm: Option<i8>,
    /// The room it was last told to be in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomId>,
    /// Whether the camera is on.
    pub camera_on: bool,
    /// Whether the hand light is up.
    pub hand_up: bool,
    /// Seconds since it started.
    pub uptime_s: u64,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A session opened.
    PupilJoined,
    /// A second pupil tried to use a robot in use, and was refused.
    SecondPupilRefused,
    /// The pupil's other tablet took over.
    TabletTookOver,
    /// A grant was refused; somebody should look if it repeats.
    GrantRefused,
    /// Someone in the classroom paused the robot.
    Paused,
    /// … and let it go on.
    Resumed,
    /// Someone switched the robot off at its button.
    OffByPerson,
    /// The robot started.
    Started,
    /// The hand went up.
    HandRaised,
    /// The hand went down.
    HandLowered,
}

/// Body of `up/event`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventMessage {
    /// What happened.
    pub what: EventKind,
    /// To which robot.
    pub robot: RobotId,
    /// In which session, if in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// When.
    pub at: DateTime<Utc>,
}
