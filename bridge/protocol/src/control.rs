//! Messages on the data channel: small, versioned, acknowledged JSON texts.
//!
//! The pupil's page and the robot talk through the bridge, which passes texts on unchanged, counts their kinds, and adds four of
//! its own: `wake` and `sleep` to the robot, `seat` and `link` to the pupil. `seen` is for the bridge, and nothing to the robot. Whoever receives a text with an `id` answers `ack` with it; a
//! sender repeats what was not acknowledged within 1 s. State is absolute ("hand is up"), so a repetition does no harm.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::SessionId;
use crate::presence::Tier;
use crate::units::Percent;

/// Label of the one data channel; reliable and ordered. The page and the robot each open it towards the bridge.
pub const CONTROL_LABEL: &str = "windowseat";

/// A longer text closes the channel of whoever sent it.
pub const MAX_CONTROL_BYTES: usize = 4 * 1024;

/// Version and number around a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ControlMessage {
    /// 1.
    pub v: u32,
    /// Chosen by the sender, growing; absent on `ack`, `state` and `seen`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// What it says.
    #[serde(flatten)]
    pub control: Control,
}

/// What a message says, by its `type`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Control {
    /// Pupil → robot: turn the head to this place. Degrees; the robot clamps to its limits.
    Look {
        /// Right of straight ahead is positive. Limits: -170 to 170.
        pan_deg: f32,
        /// Up is positive. Limits: -20 to 20.
        tilt_deg: f32,
    },
    /// Pupil → robot: the hand light.
    Hand {
        /// Up or down.
        up: bool,
    },
    /// Pupil → robot: what the eyes show.
    Feeling {
        /// Which one.
        feeling: Feeling,
    },
    /// Pupil → robot: how loud the robot's speaker is.
    Voice {
        /// Which level.
        level: VoiceLevel,
    },
    /// Pupil → robot: microphone of the pupil, so that the robot can show it.
    Talk {
        /// Open or not.
        on: bool,
    },
    /// Pupil → robot: resting; the robot turns its camera off, lowers its head and keeps the seat.
    Rest {
        /// Resting or back.
        resting: bool,
    },
    /// Pupil → bridge, at each change, every 2 s at most: how the picture ran on this connection, as the tablet counts it.
    Seen {
        /// How often it stood still although it should have moved.
        freezes: u32,
        /// For how long together, in milliseconds.
        frozen_ms: u64,
    },
    /// Robot → pupil, at each change and every 2 s.
    State(RobotState),
    /// Bridge → robot: a pupil is here; camera and microphone on.
    Wake {
        /// The session; the same value as before means the same pupil is back.
        session: SessionId,
    },
    /// Bridge → robot: nobody is here; camera and microphone off.
    Sleep,
    /// Bridge → pupil: whether the robot's side is connected.
    Seat {
        /// The session.
        session: SessionId,
        /// Whether the robot is there.
        robot_here: bool,
    },
    /// Bridge → pupil, at each change: what reaches the tablet, and whose side it is if that is not as it should be.
    Link {
        /// What is counted now; absent before anything was received.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tier: Option<Tier>,
        /// The cause of trouble; absent while there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trouble: Option<Trouble>,
    },
    /// Answer to a message that had an `id`.
    Ack {
        /// That id.
        of: u64,
    },
}

/// Whose side is the cause when a visit does not run well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// The network of the pupil's tablet.
    Pupil,
    /// The network between robot and bridge, or the robot's power.
    School,
    /// The robot itself: the ways are good, and nothing comes from it.
    Robot,
}

/// What the robot shows and does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RobotState {
    /// Camera on.
    pub camera_on: bool,
    /// Paused by someone in the classroom.
    pub paused: bool,
    /// Being carried.
    pub carried: bool,
    /// Resting on the pupil's wish.
    pub resting: bool,
    /// Where the head points, degrees.
    pub pan_deg: f32,
    /// Where the head points, degrees.
    pub tilt_deg: f32,
    /// Hand light.
    pub hand_up: bool,
    /// Eyes.
    pub feeling: Feeling,
    /// Speaker.
    pub level: VoiceLevel,
    /// Battery.
    pub battery_pct: Percent,
    /// Level of the pupil's voice as the robot's speaker plays it, dBFS of the last half second; absent when silent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hears_dbfs: Option<f32>,
    /// The picture is smaller or rarer than it could be because the robot's own network takes no more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_narrow: bool,
    /// The picture is smaller or rarer than it could be because the pupil's network takes no more, as the bridge said (REMB). It stays so
    /// until the picture is whole again, which takes longer than the network being narrow.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pupil_is_narrow: bool,
}

/// A small fixed set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Feeling {
    /// Nothing special.
    #[default]
    None,
    /// Happy.
    Happy,
    /// Unsure.
    Unsure,
    /// Tired; please do not ask me.
    Tired,
    /// Please help me.
    Help,
}

/// How far the pupil's voice carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VoiceLevel {
    /// Only the neighbour hears.
    Whisper,
    /// The table hears.
    #[default]
    Normal,
    /// The class hears.
    Loud,
}

/// Why a text is not a control message.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Over [`MAX_CONTROL_BYTES`].
    #[error("the control message has {0} bytes; at most {MAX_CONTROL_BYTES} are read")]
    TooLarge(usize),
    /// Not readable.
    #[error("the control message is not readable: {0}")]
    Malformed(#[source] serde_json::Error),
}

impl ControlMessage {
    /// A message that wants no acknowledgement.
    #[must_use]
    pub fn plain(control: Control) -> Self {
        Self { v: 1, id: None, control }
    }

    /// Reads a text.
    ///
    /// # Errors
    /// Too large or not readable.
    pub fn from_text(text: &[u8]) -> Result<Self, ControlError> {
        if text.len() > MAX_CONTROL_BYTES {
            return Err(ControlError::TooLarge(text.len()));
        }
        serde_json::from_slice(text).map_err(ControlError::Malformed)
    }

    /// The text to send.
    ///
    /// # Panics
    /// Never: every field is representable in JSON.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("control messages have string keys")
    }
}
