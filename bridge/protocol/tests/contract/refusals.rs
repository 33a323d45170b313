//! What is not of the contract is refused with a reason; what is merely newer is read.

use protocol::control::{ControlError, ControlMessage, MAX_CONTROL_BYTES};
use protocol::{CommandMessage, Envelope, EnvelopeError, HelloMessage, MAX_MESSAGE_BYTES, PresenceMessage, RobotMessage};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::read;

/// The golden message `name` after `change`, as bytes.
fn changed(name: &str, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut message: Value = serde_json::from_str(&read(&format!("fixtures/v1/{name}.json"))).expect("fixtures are JSON");
    change(&mut message);
    serde_json::to_vec(&message).expect("it came from JSON")
}

fn refusal<T: DeserializeOwned + std::fmt::Debug>(payload: &[u8]) -> EnvelopeError {
    Envelope::<T>::from_bytes(payload).expect_err("this payload must be refused")
}

#[test]
fn unknown_fields_are_ignored_at_every_level() {
    let payload = changed("presence-interval-open", |m| {
        m["new_in_header"] = json!({"a": [1, 2]});
        m["body"]["new_in_body"] = json!("x");
        m["body"]["active"]["new_inside"] = json!(3);
    });
    let newer = Envelope::<PresenceMessage>::from_bytes(&payload).expect("a newer sender is understood");
    let plain =
        Envelope::<PresenceMessage>::from_bytes(read("fixtures/v1/presence-interval-open.json").as_bytes()).expect("golden");
    assert_eq!(newer, plain);

    let payload = changed("command-set-room", |m| m["body"]["soft"] = json!(true));
    assert!(Envelope::<CommandMessage>::from_bytes(&payload).is_ok());
}

#[test]
fn another_version_is_refused_before_its_body_is_looked_at() {
    let payload = changed("hello-robot", |m| {
        m["v"] = json!(2);
        m["body"] = json!("of another shape");
    });
    let error = refusal::<HelloMessage>(&payload);
    assert!(matches!(error, EnvelopeError::Version(2)), "{error}");
    assert_eq!(error.to_string(), "the message has schema version 2; this program reads versions 1 to 1");
}

#[test]
fn a_payload_over_the_limit_is_refused_unread() {
    let mut payload = br#"{"v":1,"filler":""#.to_vec();
    payload.resize(MAX_MESSAGE_BYTES + 1, b'x');
    let error = refusal::<HelloMessage>(&payload);
    assert!(matches!(error, EnvelopeError::TooLarge(n) if n == MAX_MESSAGE_BYTES + 1), "{error}");
    assert_eq!(error.to_string(), "the message has 65537 bytes; at most 65536 are read");
}

#[test]
fn a_payload_of_exactly_the_limit_is_read() {
    let mut payload = changed("hello-robot", |_| {});
    payload.resize(MAX_MESSAGE_BYTES, b' ');
    assert!(Envelope::<HelloMessage>::from_bytes(&payload).is_ok());
}

#[test]
fn what_is_no_envelope_is_refused_with_the_reason() {
    for payload in [&b""[..], b"\0\xff\xfe", b"hello", b"[]", b"{}", b"null", br#"{"v":"1"}"#, br#"{"v":-1}"#, br#"{"v":1}"#] {
        let error = refusal::<HelloMessage>(payload);
        assert!(matches!(error, EnvelopeError::Malformed(_)), "{error}");
        assert!(error.to_string().starts_with("the message is not a readable envelope: "), "{error}");
    }
}

#[test]
fn unknown_words_are_refused_and_named() {
    let says = |error: EnvelopeError, word: &str| assert!(error.to_string().contains(word), "{error} does not name {word}");
    says(refusal::<CommandMessage>(&changed("command-carry", |m| m["body"]["do"] = json!("dance"))), "dance");
    says(refusal::<PresenceMessage>(&changed("presence-ended-left", |m| m["body"]["fact"] = json!("guess"))), "guess");
    says(refusal::<PresenceMessage>(&changed("presence-interval-open", |m| m["body"]["tier"] = json!("smell"))), "smell");
    says(refusal::<RobotMessage>(&changed("robot-live", |m| m["body"]["battery_pct"] = json!(101))), "101");
    says(refusal::<HelloMessage>(&changed("hello-robot", |m| m["id"] = json!("not-an-id"))), "UUID");
    says(refusal::<HelloMessage>(&changed("hello-robot", |m| m["sent_at"] = json!("yesterday"))), "invalid");
}

#[test]
fn deep_nesting_is_refused_and_does_not_exhaust_the_stack() {
    let payload = [br#"{"v":1,"x":"#.to_vec(), vec![b'['; 60_000]].concat();
    assert!(matches!(refusal::<HelloMessage>(&payload), EnvelopeError::Malformed(_)));
}

#[test]
fn control_texts_that_are_too_long_or_unknown_are_refused() {
    let error = ControlMessage::from_text(&vec![b' '; MAX_CONTROL_BYTES + 1]).expect_err("too long");
    assert!(matches!(error, ControlError::TooLarge(4097)), "{error}");
    for text in [r#"{"v":1,"type":"jump"}"#, r#"{"v":1}"#, "", r#"{"v":1,"id":1,"type":"look","pan_deg":"left","tilt_deg":0}"#]
    {
        assert!(matches!(ControlMessage::from_text(text.as_bytes()), Err(ControlError::Malformed(_))), "{text}");
    }
    let newer = ControlMessage::from_text(br#"{"v":1,"id":1,"type":"hand","up":true,"arm":"left"}"#);
    assert!(newer.is_ok(), "a newer page is understood");
}
