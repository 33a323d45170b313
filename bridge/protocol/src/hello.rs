//! "I am here", retained; its last will says "gone".

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::BridgeId;
use crate::units::Percent;

/// What kind of device speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A robot.
    Robot,
    /// A bridge.
    Bridge,
}

/// Whether it is reachable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Connected.
    Here,
    /// Connection lost (the last will), or shut down in order.
    Gone,
    /// Switched off at its own button.
    OffByPerson,
}

/// Body of `up/hello`. A hint of liveness only: it never ends a session's accounting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HelloMessage {
    /// Robot or bridge.
    pub role: Role,
    /// Here or gone.
    pub status: Status,
    /// Program version.
    pub version: String,
    /// Names this connection by when it was made: a "gone" with another value than the last "here" is of an older one, and ignored.
    pub connected_at: DateTime<Utc>,
    /// Bridges: the base URL that robots use (`{http_base}/whip/{robot}`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_base: Option<String>,
    /// Bridges: the base URL that browsers use for WHEP. Empty: the same origin as the server's pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_base: Option<String>,
    /// Bridges, said again every few seconds: how much they carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<BridgeLoad>,
    /// Bridges, said again every few seconds: what waits for the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbox: Option<OutboxState>,
    /// Robots: the bridge that they stand connected to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridge: Option<BridgeId>,
    /// Robots: bridges that they were sent to of late and could not reach.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cannot_reach: Vec<BridgeId>,
}

impl HelloMessage {
    /// Who is here or gone, and nothing more.
    #[must_use]
    pub fn new(role: Role, status: Status, version: &str, connected_at: DateTime<Utc>) -> Self {
        Self {
            role,
            status,
            version: version.to_owned(),
            connected_at,
            http_base: None,
            public_base: None,
            load: None,
            outbox: None,
            bridge: None,
            cannot_reach: Vec::new(),
        }
    }
}

/// How much a bridge carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BridgeLoad {
    /// Robots connected.
    pub robots: u32,
    /// Sessions open.
    pub sessions: u32,
    /// Robots that it may serve.
    pub capacity: u32,
    /// It takes no new robots, for it will stop: move those that are here.
    #[serde(default)]
    pub draining: bool,
    /// What its busiest media thread used lately of what it may use of a core. At 100 it refuses new sessions: a picture's packets come
    /// in bursts, and those need the rest. Absent: it does not measure it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy_pct: Option<Percent>,
}

/// What waits in a bridge's outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutboxState {
    /// Messages that the server has not acknowledged.
    pub waiting: u64,
    /// Since when the oldest of them waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_at: Option<DateTime<Utc>>,
    /// How full its share of the disk is.
    pub full_pct: Percent,
    /// The disk refuses to keep anything new.
    #[serde(default)]
    pub failing: bool,
}
