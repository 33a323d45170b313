//! What is read, what goes to quarantine, and with which reason.

use chrono::TimeDelta;
use protocol::PresenceMessage;
use serde_json::{Value, json};

use super::*;

const DEVICE: Uuid = Uuid::from_u128(7);

fn now() -> DateTime<Utc> {
    "2026-11-23T09:00:00Z".parse().unwrap()
}

fn topic(kind: &str) -> String {
    format!("ws/v1/{DEVICE}/up/{kind}")
}

fn envelope(seq: Option<u64>, body: &Value) -> Value {
    let mut envelope = json!({
        "v": 1, "id": Uuid::from_u128(1), "epoch": Uuid::from_u128(2), "sent_at": now() - TimeDelta::milliseconds(40), "mono_ms": 5, "body": body
    });
    if let Some(seq) = seq {
        envelope["seq"] = seq.into();
    }
    envelope
}

fn interval() -> Value {
    json!({
        "fact": "interval", "session": Uuid::from_u128(3), "placement": Uuid::from_u128(4), "robot": Uuid::from_u128(5), "n": 1,
        "tier": "video", "from": now() - TimeDelta::minutes(5), "until": now(), "span_ms": 300_000
    })
}

fn hello(role: &str) -> Value {
    json!({"role": role, "status": "here", "version": "1", "connected_at": now()})
}

/// What becomes of `body` on the topic of `kind`, published by `sender`.
fn reason(kind: &str, sender: Option<DeviceKind>, seq: Option<u64>, body: &Value) -> String {
    match decode(&topic(kind), &envelope(seq, body).to_string().into(), sender, now()).fact {
        Fact::Unusable(reason) => reason,
        _ => "fine".to_owned(),
    }
}

#[test]
fn who_may_say_what() {
    use DeviceKind::{Bridge, Robot};
    let event = json!({"what": "started", "robot": DEVICE, "at": now()});
    let of_another = json!({"what": "started", "robot": Uuid::from_u128(8), "at": now()});
    let body =
        json!({"state": "idle", "battery_pct": 50, "charging": false, "camera_on": false, "hand_up": false, "uptime_s": 1});
    let link = json!({"robot": DEVICE});
    for (kind, sender, seq, body, expected) in [
        ("presence", Some(Bridge), Some(1), &interval(), "fine"),
        ("presence", Some(Bridge), None, &interval(), "a presence message needs a number"),
        ("presence", Some(Bridge), Some(0), &interval(), "a presence message needs a number"),
        ("presence", Some(Robot), Some(1), &interval(), "a robot does not report presence; its bridge does"),
        ("presence", None, Some(1), &interval(), "the device is not known"),
        ("hello", Some(Robot), None, &hello("robot"), "fine"),
        ("hello", Some(Robot), None, &hello("bridge"), "the device says that it is of another kind"),
        ("event", Some(Robot), None, &event, "fine"),
        ("event", Some(Robot), None, &of_another, "a robot reports on itself only"),
        ("event", Some(Bridge), Some(4), &of_another, "fine"),
        ("robot", Some(Robot), None, &body, "fine"),
        ("robot", Some(Bridge), None, &body, "a bridge has no body to report on"),
        ("link", Some(Bridge), None, &link, "fine"),
        ("link", Some(Robot), None, &link, "a robot does not report on links; its bridge does"),
        ("gossip", Some(Robot), None, &body, "the kind of the topic is unknown"),
        ("ack", Some(Robot), None, &body, "the kind of the topic is unknown"),
    ] {
        assert_eq!(reason(kind, sender, seq, body), expected, "{kind} of {sender:?}");
    }
}

#[test]
fn a_body_of_another_shape_and_an_interval_that_cannot_be_true() {
    assert!(
        reason("robot", Some(DeviceKind::Robot), None, &json!({"state": "dancing"})).starts_with("the body is not readable")
    );
    let mut long = interval();
    long["span_ms"] = json!(86_400_001);
    assert_eq!(reason("presence", Some(DeviceKind::Bridge), Some(1), &long), "the interval is longer than a day");
}

#[test]
fn a_clock_that_was_set_is_no_reason_to_refuse_a_fact() {
    // Refused facts are acknowledged, so a bridge whose clock was an hour off lost its facts.
    for until in [now() + TimeDelta::hours(1), now() - TimeDelta::hours(1)] {
        let mut stepped = interval();
        stepped["until"] = json!(until);
        assert_eq!(reason("presence", Some(DeviceKind::Bridge), Some(1), &stepped), "fine", "{until}");
    }
}

#[test]
fn the_number_of_an_unreadable_message_is_still_acknowledged() {
    let mut other = envelope(Some(9), &interval());
    other["v"] = 2.into();
    let received = decode(&topic("presence"), &other.to_string().into(), Some(DeviceKind::Bridge), now());
    assert_eq!(received.number, Some((Uuid::from_u128(2), 9)));
    assert!(matches!(&received.fact, Fact::Unusable(reason) if reason.contains("schema version 2")), "{:?}", received.fact);
    let unknown = decode(&topic("presence"), &other.to_string().into(), None, now());
    assert_eq!(unknown.number, None, "a stranger's numbers are nobody's");
    let kind = decode(&topic("gossip"), &envelope(Some(3), &interval()).to_string().into(), Some(DeviceKind::Bridge), now());
    assert_eq!(kind.number, Some((Uuid::from_u128(2), 3)));
}

#[test]
fn a_reason_does_not_repeat_the_payload() {
    let received = decode(&topic("robot"), &Bytes::from_static(b"{\"name\": \"Ada\", oops"), Some(DeviceKind::Robot), now());
    let Fact::Unusable(reason) = received.fact else { panic!("not readable") };
    assert!(!reason.contains("Ada") && reason.contains("line 1"), "{reason}");
}

#[test]
fn copies_sent_at_other_times_have_the_same_body_and_their_own_delay() {
    let first = envelope(Some(1), &interval());
    let mut second = first.clone();
    second["sent_at"] = json!(now() - TimeDelta::seconds(3));
    let read = |value: &Value| decode(&topic("presence"), &value.to_string().into(), Some(DeviceKind::Bridge), now());
    assert_eq!(read(&first).body_sha256, read(&second).body_sha256);
    assert_eq!((read(&first).offset_ms, read(&second).offset_ms), (Some(-40), Some(-3000)));
    assert!(matches!(read(&first).fact, Fact::Presence(PresenceMessage::Interval { .. })));
}

proptest::proptest! {
    #[test]
    fn nothing_that_arrives_makes_it_fail(topic in ".{0,60}", payload in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let received = decode(&topic, &payload.into(), Some(DeviceKind::Robot), now());
        proptest::prop_assert!(matches!(received.fact, Fact::Unusable(_)));
    }

    #[test]
    fn no_damaged_message_makes_it_fail(place in 0usize..300, byte: u8) {
        let mut payload = envelope(Some(1), &interval()).to_string().into_bytes();
        let place = place % payload.len();
        payload[place] = byte;
        let received = decode(&topic("presence"), &payload.clone().into(), Some(DeviceKind::Bridge), now());
        proptest::prop_assert_eq!(received.payload, payload);
    }
}
