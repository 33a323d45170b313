//! What the server sends down.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{BridgeId, DeviceId, MessageId, PlacementId, RoomId};

/// Body of `down/ack`: everything up to and including `through`, except `gaps`, is committed. Retained; `through` only grows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AckMessage {
    /// Which epoch of the sender.
    pub epoch: Uuid,
    /// The highest number known to the server.
    pub through: u64,
    /// Numbers up to `through` that are missing, as inclusive ranges: the sender sends these again.
    #[serde(default)]
    pub gaps: Vec<(u64, u64)>,
    /// For the sender's measure of its clock; as in NTP (RFC 5905 §8).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<ClockEcho>,
}

/// When the server received one message and when it answered: with the sender's own two times, the offset between their clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClockEcho {
    /// Which message.
    pub of: MessageId,
    /// Its `mono_ms`, which tells its copies apart.
    pub mono_ms: u64,
    /// By the server's civil clock.
    pub received_at: DateTime<Utc>,
    /// By the same clock, when the acknowledgement was sent.
    pub sent_at: DateTime<Utc>,
    /// How far that clock may have been off the one that its servers share, at both moments together. Absent: it is the only one, or
    /// the server is older and does not say.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub error_ms: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// Body of `down/grant`: where a robot publishes, and its permission. Sent at each hello, and again before it expires.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GrantMessage {
    /// WHIP endpoint of the bridge this robot should use.
    pub whip_url: String,
    /// Bearer token: a signed [`Grant`](crate::Grant).
    pub token: String,
    /// Until when it is accepted.
    pub expires_at: DateTime<Utc>,
    /// Which bridge that is. A robot whose connection stands keeps it, and uses this when it breaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridge: Option<BridgeId>,
    /// Leave the present bridge for this one also if the connection stands, as soon as no pupil is here: it will stop, or is too full.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub move_now: bool,
    /// With `move_now`: also while a pupil is here, who follows. The present bridge is being emptied for maintenance.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub with_pupil: bool,
    /// TURN servers for a robot whose network does not let it reach the bridge's media port.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ice_servers: Vec<IceServer>,
}

/// A TURN server and the credentials for it, as browsers take them (`RTCIceServer`). They expire with the permission they came with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IceServer {
    /// `turn:host:port?transport=udp`, `…tcp`, `turns:host:port?transport=tcp`: one server by several ways.
    pub urls: Vec<String>,
    /// Until when, in Unix seconds, and a number; no person.
    pub username: String,
    /// Made from it with the secret that the TURN server knows.
    pub credential: String,
}

impl std::fmt::Debug for IceServer {
    /// Masks the credential.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IceServer").field("urls", &self.urls).field("username", &self.username).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for GrantMessage {
    /// Masks the token: a log must never hold a permission.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GrantMessage")
            .field("whip_url", &self.whip_url)
            .field("expires_at", &self.expires_at)
            .field("bridge", &self.bridge)
            .field("move_now", &self.move_now)
            .field("with_pupil", &self.with_pupil)
            .finish_non_exhaustive()
    }
}

/// What a robot is asked to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Command {
    /// It is being carried: camera off until the next `SetRoom`.
    Carry,
    /// It now stands in this room.
    SetRoom {
        /// Which room.
        room: RoomId,
    },
    /// Camera and microphone off until `Resume`.
    Pause,
    /// End of a pause.
    Resume,
    /// Restart.
    Reboot,
}

/// Body of `down/command`. The robot has the last word on its own body; its next `up/robot` shows what it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CommandMessage {
    /// What to do.
    #[serde(flatten)]
    pub command: Command,
}

/// Body of `down/end`, to a bridge: permissions given until now are withdrawn. The placement's session ends now, and its leg is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EndMessage {
    /// Whose session.
    pub placement: PlacementId,
    /// The tablet that took the place of the others: only what they were given is withdrawn. Absent: every tablet's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keeps: Option<DeviceId>,
}
