//! Wire message → fact, or the reason why it cannot be used. Pure; whatever arrives, it does not fail.
//!
//! Who speaks is the client level of the topic, which the broker's access rules bind to the credential. What a device says of
//! itself in a payload is checked against that and never believed instead.

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use protocol::{Envelope, EventMessage, HelloMessage, Kind, LinkMessage, PresenceMessage, RobotId, RobotMessage, Role, Topic};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use server_core::attendance;
use store::inbox::{Fact, Received};
use store::robots::DeviceKind;
use uuid::Uuid;

/// So much of a topic is kept.
const MAX_TOPIC_BYTES: usize = 200;

/// Reads one message. `sender`: what the device at the client level of the topic is, if it is known.
#[must_use]
pub fn decode(topic: &str, payload: &Bytes, sender: Option<DeviceKind>, now: DateTime<Utc>) -> Received {
    let header = Envelope::<&RawValue>::from_bytes(payload);
    let device_id = device_of(topic).unwrap_or(Uuid::nil());
    let mut received = Received {
        device_id,
        message_id: Uuid::nil(),
        number: None,
        oldest: None,
        body_sha256: [0; 32],
        offset_ms: None,
        mono_ms: 0,
        fact: Fact::Unusable(String::new()),
        topic: topic[..topic.floor_char_boundary(MAX_TOPIC_BYTES)].to_owned(),
        payload: payload.clone(),
    };
    let envelope = match header {
        Ok(envelope) => envelope,
        Err(error) => {
            // A body of another version still has its number, so its sender is not left to repeat it for ever.
            received.message_id = Uuid::now_v7();
            received.number = sender.and(lenient_number(payload));
            received.body_sha256 = sha256(payload);
            received.fact = Fact::Unusable(reason(&error));
            return received;
        }
    };
    received.message_id = envelope.id.0;
    received.offset_ms = Some((envelope.sent_at - now).num_milliseconds());
    received.mono_ms = envelope.mono_ms;
    // As the sender wrote it: an outbox keeps the text of a body and repeats exactly that.
    received.body_sha256 = sha256(envelope.body.get().as_bytes());
    received.number = sender.and(envelope.seq).filter(|seq| *seq > 0).map(|seq| (envelope.epoch, seq));
    received.oldest = envelope.oldest;
    received.fact = fact(topic, envelope, sender).unwrap_or_else(Fact::Unusable);
    received
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().unwrap_or([0; 32])
}

/// The client level of a topic; also of one with an unknown kind, for its sender's number is still acknowledged.
pub(super) fn device_of(topic: &str) -> Option<Uuid> {
    topic.split('/').nth(2).and_then(|id| Uuid::parse_str(id).ok())
}

fn fact(topic: &str, envelope: Envelope<&RawValue>, sender: Option<DeviceKind>) -> Result<Fact, String> {
    let topic = Topic::parse(topic).map_err(|error| error.to_string())?;
    let sender = sender.ok_or("the device is not known")?;
    let own = RobotId(topic.client.0);
    let is_numbered = envelope.seq.is_some_and(|seq| seq > 0);
    match (topic.kind, sender) {
        (Kind::Hello, _) => {
            let hello: HelloMessage = body(envelope)?;
            let role = match sender {
                DeviceKind::Robot => Role::Robot,
                DeviceKind::Bridge => Role::Bridge,
            };
            if hello.role == role {
                Ok(Fact::Hello(hello))
            } else {
                Err("the device says that it is of another kind".to_owned())
            }
        }
        (Kind::Presence, DeviceKind::Bridge) => {
            if !is_numbered {
                return Err("a presence message needs a number".to_owned());
            }
            let fact: PresenceMessage = body(envelope)?;
            if let PresenceMessage::Interval { n, from, until, span_ms, .. } = &fact {
                attendance::check(*n, *from, *until, *span_ms).map_err(|error| error.to_string())?;
            }
            Ok(Fact::Presence(fact))
        }
        (Kind::Presence, DeviceKind::Robot) => Err("a robot does not report presence; its bridge does".to_owned()),
        (Kind::Event, _) => {
            let event: EventMessage = body(envelope)?;
            if sender == DeviceKind::Robot && event.robot != own {
                return Err("a robot reports on itself only".to_owned());
            }
            Ok(Fact::Event(event))
        }
        (Kind::Link, DeviceKind::Bridge) => Ok(Fact::Link(body::<LinkMessage>(envelope)?)),
        (Kind::Link, DeviceKind::Robot) => Err("a robot does not report on links; its bridge does".to_owned()),
        (Kind::Robot, DeviceKind::Robot) => Ok(Fact::Body(body::<RobotMessage>(envelope)?)),
        (Kind::Robot, DeviceKind::Bridge) => Err("a bridge has no body to report on".to_owned()),
        (Kind::Ack | Kind::Grant | Kind::Command | Kind::End, _) => Err("this kind travels downward only".to_owned()),
    }
}

fn body<T: DeserializeOwned>(envelope: Envelope<&RawValue>) -> Result<T, String> {
    serde_json::from_str(envelope.body.get()).map_err(|error| format!("the body is not readable: {error}"))
}

/// Without the payload's own words: a reason is shown and logged, and a payload may hold anything.
fn reason(error: &protocol::EnvelopeError) -> String {
    match error {
        protocol::EnvelopeError::Malformed(inner) => {
            format!("the message is not a readable envelope (line {}, column {})", inner.line(), inner.column())
        }
        other => other.to_string(),
    }
}

fn lenient_number(payload: &[u8]) -> Option<(Uuid, u64)> {
    #[derive(Deserialize)]
    struct Number {
        epoch: Uuid,
        seq: u64,
    }
    if payload.len() > protocol::MAX_MESSAGE_BYTES {
        return None;
    }
    let number: Number = serde_json::from_slice(payload).ok()?;
    (number.seq > 0).then_some((number.epoch, number.seq))
}

#[cfg(test)]
mod tests;
