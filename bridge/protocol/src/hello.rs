//! "I am here", retained; its last will says "gone".

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// When this connection was made; a "gone" with an older value than the last "here" is ignored.
    pub connected_at: DateTime<Utc>,
    /// Bridges: the base URL that robots use (`{http_base}/whip/{robot}`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_base: Option<String>,
    /// Bridges: the base URL that browsers use for WHEP. Empty: the same origin as the server's pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_base: Option<String>,
}
