//! The header around every MQTT message.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Now;
use crate::ids::MessageId;

/// The version that this crate writes; the major version is also in the topic.
pub const SCHEMA_VERSION: u32 = 1;

/// The oldest version that this crate reads: a bridge may be older than its server by years. The golden messages of each version
/// since then (`fixtures/v…`) stay readable for good.
pub const OLDEST_READ: u32 = 1;

/// A larger payload is not read but quarantined.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// Header and body of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Envelope<T> {
    /// [`SCHEMA_VERSION`].
    #[schemars(extend("const" = SCHEMA_VERSION))]
    pub v: u32,
    /// Names this message; the same when it is sent again.
    pub id: MessageId,
    /// The life of the sender's outbox (durable kinds) or of its process (others). Numbers restart only with a new epoch.
    pub epoch: Uuid,
    /// Durable kinds: 1, 2, 3 … without gaps within the epoch. Others: absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// Durable kinds: the lowest number that the sender still keeps. Lower ones are acknowledged, or lost with a disk: they never come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<u64>,
    /// The sender's civil time when this copy was sent.
    pub sent_at: DateTime<Utc>,
    /// The sender's monotonic clock at the same moment, in milliseconds; comparable within a process.
    pub mono_ms: u64,
    /// What the message says.
    pub body: T,
}

/// Why a payload could not be read.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// Over [`MAX_MESSAGE_BYTES`].
    #[error("the message has {0} bytes; at most {MAX_MESSAGE_BYTES} are read")]
    TooLarge(usize),
    /// Not JSON, or not of this shape.
    #[error("the message is not a readable envelope: {0}")]
    Malformed(#[source] serde_json::Error),
    /// Another major version.
    #[error("the message has schema version {0}; this program reads versions {OLDEST_READ} to {SCHEMA_VERSION}")]
    Version(u32),
}

impl<T> Envelope<T> {
    /// An envelope without a number, for kinds that may be lost.
    pub fn new(now: Now, epoch: Uuid, body: T) -> Self {
        Self {
            v: SCHEMA_VERSION,
            id: MessageId::new(),
            epoch,
            seq: None,
            oldest: None,
            sent_at: now.utc,
            mono_ms: u64::try_from(now.monotonic.as_millis()).unwrap_or(u64::MAX),
            body,
        }
    }
}

fn is_read(version: u32) -> bool {
    (OLDEST_READ..=SCHEMA_VERSION).contains(&version)
}

impl<T: Serialize> Envelope<T> {
    /// The payload to publish.
    ///
    /// # Panics
    /// Never: every body of this crate is representable in JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("bodies have string keys and finite numbers")
    }
}

impl<'de, T: Deserialize<'de>> Envelope<T> {
    /// Reads a payload.
    ///
    /// # Errors
    /// Too large, not readable, or of another version.
    pub fn from_bytes(payload: &'de [u8]) -> Result<Self, EnvelopeError> {
        if payload.len() > MAX_MESSAGE_BYTES {
            return Err(EnvelopeError::TooLarge(payload.len()));
        }
        #[derive(Deserialize)]
        struct Version {
            v: u32,
        }
        match serde_json::from_slice::<Self>(payload) {
            Ok(envelope) if is_read(envelope.v) => Ok(envelope),
            Ok(envelope) => Err(EnvelopeError::Version(envelope.v)),
            // Another version may have another shape: that is told first. Only what cannot be used is read twice.
            Err(error) => match serde_json::from_slice(payload) {
                Ok(Version { v }) if !is_read(v) => Err(EnvelopeError::Version(v)),
                _ => Err(EnvelopeError::Malformed(error)),
            },
        }
    }
}
