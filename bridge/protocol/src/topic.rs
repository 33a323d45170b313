//! Builds and parses MQTT topics. No other file spells one.

use std::fmt;

use crate::ids::ClientId;

/// Upward from a device, or downward from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Device to server.
    Up,
    /// Server to device.
    Down,
}

/// What a message is about. The last level of its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A device is here, or gone.
    Hello,
    /// A session was live from … until ….
    Presence,
    /// Something notable happened.
    Event,
    /// Quality of the two legs.
    Link,
    /// The robot's body.
    Robot,
    /// What the server has committed.
    Ack,
    /// Where and until when a robot may publish.
    Grant,
    /// A request to a robot.
    Command,
    /// A permission is withdrawn: a bridge ends the session.
    End,
}

impl Kind {
    /// Every kind, in the order of the table in the crate's documentation.
    pub const ALL: [Kind; 9] =
        [Kind::Hello, Kind::Presence, Kind::Event, Kind::Link, Kind::Robot, Kind::Ack, Kind::Grant, Kind::Command, Kind::End];

    /// Which way this kind travels.
    #[must_use]
    pub fn direction(self) -> Direction {
        match self {
            Kind::Hello | Kind::Presence | Kind::Event | Kind::Link | Kind::Robot => Direction::Up,
            Kind::Ack | Kind::Grant | Kind::Command | Kind::End => Direction::Down,
        }
    }

    /// Its name in a topic.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Hello => "hello",
            Kind::Presence => "presence",
            Kind::Event => "event",
            Kind::Link => "link",
            Kind::Robot => "robot",
            Kind::Ack => "ack",
            Kind::Grant => "grant",
            Kind::Command => "command",
            Kind::End => "end",
        }
    }

    /// Whether the broker keeps the last one for later subscribers.
    #[must_use]
    pub fn is_retained(self) -> bool {
        matches!(self, Kind::Hello | Kind::Ack)
    }

    /// How long a broker may hold it, in seconds. `None`: for ever (it is resent until acknowledged, or replaced).
    #[must_use]
    pub fn expiry_s(self) -> Option<u32> {
        match self {
            Kind::Hello | Kind::Presence | Kind::Event | Kind::Ack => None,
            Kind::Link | Kind::Robot | Kind::Grant | Kind::Command | Kind::End => Some(60),
        }
    }
}

/// One topic of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Topic {
    /// Whose branch.
    pub client: ClientId,
    /// What about; says the direction too.
    pub kind: Kind,
}

/// Why a topic is not one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// Not `ws/v1/{client}/{up|down}/{kind}`.
    #[error("the topic does not have the form ws/v1/(client)/(up or down)/(kind)")]
    Shape,
    /// The client level is not an id.
    #[error("the client level of the topic is not an id")]
    Client,
    /// The kind is not known, or does not travel this way.
    #[error("the kind of the topic is unknown")]
    Kind,
}

impl Topic {
    /// What replicas of the server share among them: everything upward, each message to one of them.
    pub const SERVER_SHARED: &'static str = "$share/ingest/ws/v1/+/up/+";
    /// What each replica hears beside it: a shared subscription is not given what the broker retained before.
    pub const SERVER_HELLO: &'static str = "ws/v1/+/up/hello";
    /// Everything upward, for whoever only looks.
    pub const SERVER_ALL: &'static str = "ws/v1/+/up/+";

    /// The topic of `kind` in the branch of `client`.
    pub fn new(client: impl Into<ClientId>, kind: Kind) -> Self {
        Self { client: client.into(), kind }
    }

    /// The filter under which `client` hears everything meant for it.
    pub fn down_filter(client: impl Into<ClientId>) -> String {
        format!("ws/v1/{}/down/+", client.into())
    }

    /// Whether `client` may publish to `topic`: only upward, only in its own branch. Used by the embedded broker.
    #[must_use]
    pub fn may_publish(client: ClientId, topic: &str) -> bool {
        topic.strip_prefix(&format!("ws/v1/{client}/up/")).is_some_and(|kind| !kind.is_empty() && !kind.contains('/'))
    }

    /// Whether `client` may subscribe to `filter`: only downward, only in its own branch.
    #[must_use]
    pub fn may_subscribe(client: ClientId, filter: &str) -> bool {
        filter.strip_prefix(&format!("ws/v1/{client}/down/")).is_some_and(|rest| !rest.is_empty() && !rest.contains('/'))
    }

    /// Reads a topic.
    ///
    /// # Errors
    /// Says which level is wrong.
    pub fn parse(text: &str) -> Result<Self, TopicError> {
        let mut levels = text.split('/');
        let mut next = || levels.next().ok_or(TopicError::Shape);
        let (ws, v1, client, direction, kind) = (next()?, next()?, next()?, next()?, next()?);
        if ws != "ws" || v1 != "v1" || levels.next().is_some() {
            return Err(TopicError::Shape);
        }
        let direction = match direction {
            "up" => Direction::Up,
            "down" => Direction::Down,
            _ => return Err(TopicError::Shape),
        };
        // A UUID has several spellings; only the one that we write is a topic of ours, so that no two topics mean the same.
        let client: ClientId =
            client.parse().ok().filter(|id: &ClientId| id.to_string() == client).ok_or(TopicError::Client)?;
        let kind = Kind::ALL.into_iter().find(|k| k.as_str() == kind && k.direction() == direction).ok_or(TopicError::Kind)?;
        Ok(Self { client, kind })
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = match self.kind.direction() {
            Direction::Up => "up",
            Direction::Down => "down",
        };
        write!(f, "ws/v1/{}/{direction}/{}", self.client, self.kind.as_str())
    }
}
