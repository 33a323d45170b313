//! Golden messages: each file decodes to the value written here and encodes back to the same JSON.

use std::fmt::Debug;

use chrono::{DateTime, Utc};
use protocol::control::{Control, ControlMessage, Feeling, RobotState, VoiceLevel};
use protocol::{
    AckMessage, Active, Bitrate, BodyState, BridgeId, BridgeLoad, ClockEcho, ClosedBy, Command, CommandMessage, DeviceId,
    EndMessage, EndReason, Envelope, EventKind, EventMessage, Freezes, GrantMessage, HelloMessage, IceServer, LegQuality,
    LinkMessage, MessageId, OutboxState, Percent, PlacementId, PresenceMessage, RobotId, RobotMessage, Role, RoomId, SessionId,
    Status, Tier, Trouble,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use crate::{names_in, read};

fn id(last: u128) -> Uuid {
    Uuid::from_u128(0x0193_a1c0_0000_7000_8000_0000_0000_0000 + last)
}

fn robot() -> RobotId {
    RobotId(id(1))
}

fn bridge() -> BridgeId {
    BridgeId(id(2))
}

fn room() -> RoomId {
    RoomId(id(3))
}

fn placement() -> PlacementId {
    PlacementId(id(4))
}

fn session() -> SessionId {
    SessionId(id(5))
}

fn at(time: &str) -> DateTime<Utc> {
    format!("2026-11-17T{time}Z").parse().expect("the times below are well formed")
}

/// The file `name` is `body` in the envelope with this message number and `seq`, both ways.
fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(name: &str, message: u128, seq: Option<u64>, body: T) {
    let text = read(&format!("fixtures/v1/{name}.json"));
    let expected = Envelope {
        v: 1,
        id: MessageId(id(0x100 + message)),
        epoch: id(0xe0),
        seq,
        oldest: None,
        sent_at: at("11:10:00.250"),
        mono_ms: 600_250,
        body,
    };
    let decoded = Envelope::<T>::from_bytes(text.as_bytes()).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(decoded, expected, "{name} decodes");
    let encoded: Value = serde_json::from_slice(&expected.to_bytes()).expect("what we write is JSON");
    let file: Value = serde_json::from_str(&text).expect("it was read above");
    assert_eq!(encoded, file, "{name} encodes");
}

fn hello(role: Role, status: Status, connected_at: &str) -> HelloMessage {
    HelloMessage::new(role, status, "0.1.0", at(connected_at))
}

fn interval(n: u32, tier: Tier, closed_by: Option<ClosedBy>) -> PresenceMessage {
    PresenceMessage::Interval {
        session: session(),
        placement: placement(),
        robot: robot(),
        n,
        tier,
        from: at("11:05:00"),
        until: at("11:10:00"),
        span_ms: 300_000,
        clock_offset_ms: None,
        active: Active { spoke_ms: 4_200, hands: 1, looks: 7, feelings: 0 },
        closed_by,
    }
}

fn ended(reason: EndReason) -> PresenceMessage {
    PresenceMessage::Ended {
        session: session(),
        placement: placement(),
        robot: robot(),
        at: at("12:00:00"),
        reason,
        intervals: 2,
        total_ms: 3_295_000,
    }
}

#[test]
fn hello_says_who_is_here_and_how_they_went() {
    check("hello-robot", 1, None, hello(Role::Robot, Status::Here, "08:30:00"));
    let a_bridge = HelloMessage {
        http_base: Some("https://bridge.school.example:8443".into()),
        public_base: Some(String::new()),
        ..hello(Role::Bridge, Status::Here, "08:29:00")
    };
    check("hello-bridge", 2, None, a_bridge.clone());
    let outbox =
        OutboxState { waiting: 312, oldest_at: Some(at("09:14:00")), full_pct: Percent::saturating(1), failing: false };
    let load = BridgeLoad { robots: 12, sessions: 3, capacity: 200, draining: false, busy_pct: None };
    check("hello-bridge-load", 30, None, HelloMessage { load: Some(load), outbox: Some(outbox), ..a_bridge.clone() });
    let busy = BridgeLoad { busy_pct: Some(Percent::saturating(40)), ..load };
    check("hello-bridge-busy", 43, None, HelloMessage { load: Some(busy), ..a_bridge.clone() });
    let robot = hello(Role::Robot, Status::Here, "08:30:00");
    let on_a_bridge = HelloMessage { bridge: Some(bridge()), cannot_reach: vec![BridgeId(id(6))], ..robot };
    check("hello-robot-on-a-bridge", 31, None, on_a_bridge);
    check("hello-gone", 3, None, hello(Role::Robot, Status::Gone, "08:30:00"));
    check("hello-off-by-person", 4, None, hello(Role::Robot, Status::OffByPerson, "08:30:00"));
}

#[test]
fn presence_states_the_whole_interval_and_why_it_closed() {
    check("presence-interval-open", 5, Some(1), interval(1, Tier::Video, None));
    let closed = [
        ("interruption", Tier::Video, ClosedBy::Interruption),
        ("tier-change", Tier::Stills, ClosedBy::TierChange),
        ("end", Tier::Audio, ClosedBy::End),
        ("recovery", Tier::Video, ClosedBy::Recovery),
    ];
    for (i, (name, tier, closed_by)) in (0..).zip(closed) {
        let body = interval(2 + i, tier, Some(closed_by));
        check(&format!("presence-interval-closed-{name}"), 6 + u128::from(i), Some(2 + u64::from(i)), body);
    }
}

#[test]
fn later_additions_are_optional_and_read() {
    let name = "presence-interval-with-offset";
    let text = read(&format!("fixtures/v1/{name}.json"));
    let envelope = Envelope::<PresenceMessage>::from_bytes(text.as_bytes()).expect("golden");
    assert_eq!((envelope.seq, envelope.oldest), (Some(13), Some(7)));
    let PresenceMessage::Interval { clock_offset_ms, .. } = &envelope.body else { panic!("an interval") };
    assert_eq!(*clock_offset_ms, Some(-1250));
    let again: Value = serde_json::from_slice(&envelope.to_bytes()).expect("what we write is JSON");
    assert_eq!(again, serde_json::from_str::<Value>(&text).expect("it was read above"));
}

#[test]
fn the_end_of_a_session_says_why_and_how_much_it_was() {
    let reasons = [
        ("left", EndReason::Left),
        ("pupil-lost", EndReason::PupilLost),
        ("robot-lost", EndReason::RobotLost),
        ("grant-ended", EndReason::GrantEnded),
        ("shutdown", EndReason::Shutdown),
        ("recovery", EndReason::Recovery),
    ];
    for (i, (name, reason)) in (0_u64..).zip(reasons) {
        check(&format!("presence-ended-{name}"), 10 + u128::from(i), Some(6 + i), ended(reason));
    }
    let name = "revoked";
    check(&format!("presence-ended-{name}"), 35, Some(14), ended(EndReason::Revoked));
}

#[test]
fn events_are_numbered_when_a_bridge_sends_them() {
    let raised = EventMessage { what: EventKind::HandRaised, robot: robot(), session: Some(session()), at: at("11:09:58.125") };
    check("event-hand-raised", 16, Some(12), raised);
    check(
        "event-started",
        17,
        None,
        EventMessage { what: EventKind::Started, robot: robot(), session: None, at: at("08:30:00") },
    );
}

#[test]
fn measurements_leave_out_what_is_not_known() {
    let robot_leg = LegQuality {
        rtt_ms: Some(41.5),
        loss_pct: Some(0.25),
        jitter_ms: None,
        receive: Bitrate(612_000),
        send: Bitrate(24_000),
    };
    let pupil_leg =
        LegQuality { rtt_ms: None, loss_pct: None, jitter_ms: None, receive: Bitrate(24_000), send: Bitrate(612_000) };
    let in_session = LinkMessage {
        robot: robot(),
        robot_leg: Some(robot_leg),
        session: Some(session()),
        pupil_leg: Some(pupil_leg),
        tier: Some(Tier::Video),
        trouble: None,
        freezes: None,
    };
    let in_trouble =
        LinkMessage { trouble: Some(Trouble::Pupil), freezes: Some(Freezes { count: 2, millis: 1_400 }), ..in_session.clone() };
    check("link-in-session", 18, None, in_session);
    check("link-in-trouble", 43, None, in_trouble);
    check(
        "link-nobody",
        19,
        None,
        LinkMessage {
            robot: robot(),
            robot_leg: None,
            session: None,
            pupil_leg: None,
            tier: None,
            trouble: None,
            freezes: None,
        },
    );
    let live = RobotMessage {
        state: BodyState::Live,
        battery_pct: Percent::saturating(83),
        charging: false,
        wifi_dbm: Some(-61),
        room: Some(room()),
        camera_on: true,
        hand_up: true,
        uptime_s: 9_600,
    };
    check("robot-live", 20, None, live);
    let charging = RobotMessage {
        state: BodyState::Idle,
        battery_pct: Percent::saturating(100),
        charging: true,
        wifi_dbm: None,
        room: None,
        camera_on: false,
        hand_up: false,
        uptime_s: 12,
    };
    check("robot-on-charger", 21, None, charging);
}

#[test]
fn the_server_answers_with_acks_grants_and_commands() {
    check("ack-all", 22, None, AckMessage { epoch: id(0xe0), through: 12, gaps: vec![], clock: None });
    check("ack-gaps", 23, None, AckMessage { epoch: id(0xe0), through: 12, gaps: vec![(3, 3), (7, 9)], clock: None });
    let grant = GrantMessage {
        whip_url: format!("https://bridge.school.example:8443/whip/{}", robot()),
        token: "header.claims.signature".into(),
        expires_at: at("12:10:00"),
        bridge: None,
        move_now: false,
        with_pupil: false,
        ice_servers: vec![],
    };
    check("grant", 24, None, grant.clone());
    let turn = IceServer {
        urls: vec!["turn:turn.example:3478?transport=udp".into(), "turns:turn.example:443?transport=tcp".into()],
        username: format!("1795000200:{}", robot()),
        credential: "bWFkZSBmcm9tIGEgc2VjcmV0".into(),
    };
    check("grant-with-turn", 41, None, GrantMessage { ice_servers: vec![turn], ..grant.clone() });
    let to_move = GrantMessage { bridge: Some(bridge()), move_now: true, ..grant };
    check("grant-to-move", 33, None, to_move.clone());
    check("grant-to-move-with-pupil", 42, None, GrantMessage { with_pupil: true, ..to_move });
    check("end", 36, None, EndMessage { placement: placement(), keeps: None });
    check("end-but-one", 39, None, EndMessage { placement: placement(), keeps: Some(DeviceId(id(0xd1))) });
    let clock = ClockEcho {
        of: MessageId(id(1)),
        mono_ms: 600_250,
        received_at: at("11:10:00.260"),
        sent_at: at("11:10:00.300"),
        error_ms: 0,
    };
    check("ack-clock", 32, None, AckMessage { epoch: id(0xe0), through: 12, gaps: vec![], clock: Some(clock) });
    let shared = ClockEcho { error_ms: 14, ..clock };
    check("ack-shared-clock", 44, None, AckMessage { epoch: id(0xe0), through: 12, gaps: vec![], clock: Some(shared) });
    let commands = [
        ("carry", Command::Carry),
        ("set-room", Command::SetRoom { room: room() }),
        ("pause", Command::Pause),
        ("resume", Command::Resume),
        ("reboot", Command::Reboot),
    ];
    for (i, (name, command)) in (0..).zip(commands) {
        check(&format!("command-{name}"), 25 + i, None, CommandMessage { command });
    }
}

#[test]
fn control_texts_mean_what_the_files_say() {
    let state = RobotState {
        camera_on: true,
        paused: false,
        carried: false,
        resting: false,
        pan_deg: -42.5,
        tilt_deg: 10.0,
        hand_up: true,
        feeling: Feeling::Tired,
        level: VoiceLevel::Whisper,
        battery_pct: Percent::saturating(83),
        hears_dbfs: Some(-24.5),
        is_narrow: false,
        pupil_is_narrow: false,
    };
    let held = RobotState { is_narrow: true, ..state.clone() };
    let held_for_pupil = RobotState { pupil_is_narrow: true, ..state.clone() };
    let table = [
        ("look", Some(1), Control::Look { pan_deg: -42.5, tilt_deg: 10.0 }),
        ("hand", Some(2), Control::Hand { up: true }),
        ("feeling", Some(3), Control::Feeling { feeling: Feeling::Tired }),
        ("voice", Some(4), Control::Voice { level: VoiceLevel::Whisper }),
        ("talk", Some(5), Control::Talk { on: true }),
        ("rest", Some(6), Control::Rest { resting: true }),
        ("seen", None, Control::Seen { freezes: 3, frozen_ms: 1740 }),
        ("state", None, Control::State(state)),
        ("state-narrow", None, Control::State(held)),
        ("state-pupil-narrow", None, Control::State(held_for_pupil)),
        ("wake", Some(7), Control::Wake { session: session() }),
        ("sleep", Some(8), Control::Sleep),
        ("link", None, Control::Link { tier: Some(Tier::Stills), trouble: Some(Trouble::Pupil) }),
        ("seat", Some(9), Control::Seat { session: session(), robot_here: false }),
        ("ack", None, Control::Ack { of: 9 }),
    ];
    let mut listed: Vec<&str> = table.iter().map(|(name, ..)| *name).collect();
    listed.sort_unstable();
    assert_eq!(names_in("fixtures/control"), listed, "every file is checked");
    for (name, number, control) in table {
        let text = read(&format!("fixtures/control/{name}.json"));
        let expected = ControlMessage { v: 1, id: number, control };
        assert_eq!(ControlMessage::from_text(text.as_bytes()).expect(name), expected, "{name} decodes");
        let encoded: Value = serde_json::from_str(&expected.to_text()).expect("what we write is JSON");
        assert_eq!(encoded, serde_json::from_str::<Value>(&text).expect("it was read above"), "{name} encodes");
    }
}

#[test]
fn every_golden_message_is_checked_above() {
    let source = include_str!("messages.rs");
    for name in names_in("fixtures/v1") {
        let stem = ["presence-interval-closed-", "presence-ended-", "command-"]
            .iter()
            .find_map(|prefix| name.strip_prefix(prefix))
            .unwrap_or(&name);
        assert!(source.contains(&format!("\"{stem}\"")), "no test reads fixtures/v1/{name}.json");
    }
}
