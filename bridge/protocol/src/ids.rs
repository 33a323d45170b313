//! Identifiers. Each is a UUID in its own type, so that a robot can never be passed where a room is meant.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta] $name:ident),+ $(,)?) => {$(
        #[$doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new identifier (UUIDv7: sorts by the time it was made).
            #[must_use]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            /// # Errors
            /// The text is not a UUID.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    )+};
}

id! {
    /// A telepresence unit in a classroom.
    RobotId,
    /// A relay daemon.
    BridgeId,
    /// Whoever signs in to the broker: a robot or a bridge. Equals its MQTT username.
    ClientId,
    /// A pupil's paired tablet.
    DeviceId,
    /// A teaching space.
    RoomId,
    /// The dated arrangement "this pupil uses this robot". The bridge knows a pupil by this and nothing else.
    PlacementId,
    /// One continuous telepresence visit.
    SessionId,
    /// One message.
    MessageId,
}

impl From<RobotId> for ClientId {
    fn from(id: RobotId) -> Self {
        Self(id.0)
    }
}

impl From<BridgeId> for ClientId {
    fn from(id: BridgeId) -> Self {
        Self(id.0)
    }
}
