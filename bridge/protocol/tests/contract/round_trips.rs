//! Laws: whatever these types can hold survives the wire, and no bytes from outside make a reader panic.

use std::fmt::Debug;

use chrono::{DateTime, Utc};
use proptest::option;
use proptest::prelude::*;
use protocol::control::{Control, ControlMessage, Feeling, VoiceLevel};
use protocol::{
    AckMessage, Active, Bitrate, BodyState, BridgeId, BridgeLoad, ClientId, ClockEcho, ClosedBy, Command, CommandMessage,
    DeviceId, EndMessage, EndReason, Envelope, EventKind, EventMessage, Freezes, GrantMessage, HelloMessage, IceServer, Kind,
    LegQuality, LinkMessage, MessageId, Minutes, OutboxState, Percent, PlacementId, PresenceMessage, RobotId, RobotMessage,
    Role, RoomId, SessionId, Status, Tier, Topic, Trouble,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

fn uuid() -> impl Strategy<Value = Uuid> + Clone {
    any::<u128>().prop_map(Uuid::from_u128)
}

/// Any instant from 1970 to 2200, to the nanosecond.
fn instant() -> impl Strategy<Value = DateTime<Utc>> + Clone {
    (0_i64..7_258_118_400, 0_u32..1_000_000_000).prop_map(|(s, ns)| DateTime::from_timestamp(s, ns).expect("in range"))
}

fn tier() -> impl Strategy<Value = Tier> {
    prop_oneof![Just(Tier::Audio), Just(Tier::Stills), Just(Tier::Video)]
}

fn presence() -> impl Strategy<Value = PresenceMessage> {
    let closed_by =
        prop_oneof![Just(ClosedBy::Interruption), Just(ClosedBy::TierChange), Just(ClosedBy::End), Just(ClosedBy::Recovery)];
    let reason = prop_oneof![
        Just(EndReason::Left),
        Just(EndReason::PupilLost),
        Just(EndReason::RobotLost),
        Just(EndReason::GrantEnded),
        Just(EndReason::Shutdown),
        Just(EndReason::Recovery),
        Just(EndReason::Revoked),
    ];
    let active = any::<(u64, u32, u32, u32)>().prop_map(|(spoke_ms, hands, looks, feelings)| Active {
        spoke_ms,
        hands,
        looks,
        feelings,
    });
    let who = (uuid(), uuid(), uuid()).prop_map(|(s, p, r)| (SessionId(s), PlacementId(p), RobotId(r)));
    prop_oneof![
        (
            who.clone(),
            any::<u32>(),
            tier(),
            instant(),
            instant(),
            any::<u64>(),
            option::of(any::<i64>()),
            active,
            option::of(closed_by)
        )
            .prop_map(
                |((session, placement, robot), n, tier, from, until, span_ms, clock_offset_ms, active, closed_by)| {
                    PresenceMessage::Interval {
                        session,
                        placement,
                        robot,
                        n,
                        tier,
                        from,
                        until,
                        span_ms,
                        clock_offset_ms,
                        active,
                        closed_by,
                    }
                }
            ),
        (who, instant(), reason, any::<u32>(), any::<u64>()).prop_map(
            |((session, placement, robot), at, reason, intervals, total_ms)| PresenceMessage::Ended {
                session,
                placement,
                robot,
                at,
                reason,
                intervals,
                total_ms
            }
        ),
    ]
}

fn hello() -> impl Strategy<Value = HelloMessage> {
    let role = prop_oneof![Just(Role::Robot), Just(Role::Bridge)];
    let status = prop_oneof![Just(Status::Here), Just(Status::Gone), Just(Status::OffByPerson)];
    let load = (any::<[u32; 3]>(), any::<bool>(), option::of(any::<u8>().prop_map(Percent::saturating))).prop_map(
        |([robots, sessions, capacity], draining, busy_pct)| BridgeLoad { robots, sessions, capacity, draining, busy_pct },
    );
    let outbox =
        (any::<u64>(), option::of(instant()), any::<u8>(), any::<bool>()).prop_map(|(waiting, oldest_at, full, failing)| {
            OutboxState { waiting, oldest_at, full_pct: Percent::saturating(full), failing }
        });
    let robot = (option::of(uuid()), proptest::collection::vec(uuid(), 0..3));
    let bases = (option::of(".{0,40}"), option::of(".{0,40}"));
    (role, status, ".{0,20}", instant(), bases, option::of(load), option::of(outbox), robot).prop_map(
        |(role, status, version, connected_at, (http_base, public_base), load, outbox, (bridge, cannot_reach))| HelloMessage {
            role,
            status,
            version,
            connected_at,
            http_base,
            public_base,
            load,
            outbox,
            bridge: bridge.map(BridgeId),
            cannot_reach: cannot_reach.into_iter().map(BridgeId).collect(),
        },
    )
}

fn event() -> impl Strategy<Value = EventMessage> {
    let what = prop_oneof![
        Just(EventKind::PupilJoined),
        Just(EventKind::SecondPupilRefused),
        Just(EventKind::TabletTookOver),
        Just(EventKind::GrantRefused),
        Just(EventKind::Paused),
        Just(EventKind::Resumed),
        Just(EventKind::OffByPerson),
        Just(EventKind::Started),
        Just(EventKind::HandRaised),
        Just(EventKind::HandLowered),
    ];
    (what, uuid(), option::of(uuid()), instant()).prop_map(|(what, robot, session, at)| EventMessage {
        what,
        robot: RobotId(robot),
        session: session.map(SessionId),
        at,
    })
}

fn link() -> impl Strategy<Value = LinkMessage> {
    let leg =
        (option::of(0.0_f32..60_000.0), option::of(0.0_f32..=100.0), option::of(0.0_f32..5_000.0), any::<u32>(), any::<u32>())
            .prop_map(|(rtt_ms, loss_pct, jitter_ms, receive, send)| LegQuality {
                rtt_ms,
                loss_pct,
                jitter_ms,
                receive: Bitrate(receive),
                send: Bitrate(send),
            });
    let freezes = (any::<u64>(), any::<u64>()).prop_map(|(count, millis)| Freezes { count, millis });
    let told = (option::of(tier()), option::of(trouble()), option::of(freezes));
    (uuid(), option::of(leg.clone()), option::of(uuid()), option::of(leg), told).prop_map(
        |(robot, robot_leg, session, pupil_leg, (tier, trouble, freezes))| LinkMessage {
            robot: RobotId(robot),
            robot_leg,
            session: session.map(SessionId),
            pupil_leg,
            tier,
            trouble,
            freezes,
        },
    )
}

fn robot() -> impl Strategy<Value = RobotMessage> {
    let state = prop_oneof![
        Just(BodyState::Idle),
        Just(BodyState::Live),
        Just(BodyState::Resting),
        Just(BodyState::Paused),
        Just(BodyState::Carried),
    ];
    (state, any::<u8>(), any::<[bool; 3]>(), option::of(any::<i8>()), option::of(uuid()), any::<u64>()).prop_map(
        |(state, battery, [charging, camera_on, hand_up], wifi_dbm, room, uptime_s)| RobotMessage {
            state,
            battery_pct: Percent::saturating(battery),
            charging,
            wifi_dbm,
            room: room.map(RoomId),
            camera_on,
            hand_up,
            uptime_s,
        },
    )
}

fn ack() -> impl Strategy<Value = AckMessage> {
    let clock = (uuid(), any::<u64>(), instant(), instant(), any::<u64>());
    let clock = clock.prop_map(|(of, mono_ms, received_at, sent_at, error_ms)| ClockEcho {
        of: MessageId(of),
        mono_ms,
        received_at,
        sent_at,
        error_ms,
    });
    let gaps = proptest::collection::vec(any::<(u64, u64)>(), 0..8);
    (uuid(), any::<u64>(), gaps, option::of(clock)).prop_map(|(epoch, through, gaps, clock)| AckMessage {
        epoch,
        through,
        gaps,
        clock,
    })
}

fn grant() -> impl Strategy<Value = GrantMessage> {
    let server = (proptest::collection::vec(".{0,40}", 0..4), ".{0,40}", ".{0,40}")
        .prop_map(|(urls, username, credential)| IceServer { urls, username, credential });
    let servers = proptest::collection::vec(server, 0..3);
    (".{0,60}", ".{0,60}", instant(), option::of(uuid()), any::<(bool, bool)>(), servers).prop_map(
        |(whip_url, token, expires_at, bridge, (move_now, with_pupil), ice_servers)| GrantMessage {
            whip_url,
            token,
            expires_at,
            bridge: bridge.map(BridgeId),
            move_now,
            with_pupil,
            ice_servers,
        },
    )
}

fn command() -> impl Strategy<Value = CommandMessage> {
    let command = prop_oneof![
        Just(Command::Carry),
        uuid().prop_map(|room| Command::SetRoom { room: RoomId(room) }),
        Just(Command::Pause),
        Just(Command::Resume),
        Just(Command::Reboot),
    ];
    command.prop_map(|command| CommandMessage { command })
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![Just(Trouble::Pupil), Just(Trouble::School), Just(Trouble::Robot)]
}

fn control() -> impl Strategy<Value = ControlMessage> {
    let trouble = trouble();
    let feeling = prop_oneof![
        Just(Feeling::None),
        Just(Feeling::Happy),
        Just(Feeling::Unsure),
        Just(Feeling::Tired),
        Just(Feeling::Help)
    ];
    let level = prop_oneof![Just(VoiceLevel::Whisper), Just(VoiceLevel::Normal), Just(VoiceLevel::Loud)];
    let control = prop_oneof![
        (-360.0_f32..360.0, -90.0_f32..90.0).prop_map(|(pan_deg, tilt_deg)| Control::Look { pan_deg, tilt_deg }),
        any::<bool>().prop_map(|up| Control::Hand { up }),
        feeling.prop_map(|feeling| Control::Feeling { feeling }),
        level.prop_map(|level| Control::Voice { level }),
        any::<bool>().prop_map(|on| Control::Talk { on }),
        any::<bool>().prop_map(|resting| Control::Rest { resting }),
        any::<(u32, u64)>().prop_map(|(freezes, frozen_ms)| Control::Seen { freezes, frozen_ms }),
        uuid().prop_map(|session| Control::Wake { session: SessionId(session) }),
        Just(Control::Sleep),
        (uuid(), any::<bool>()).prop_map(|(session, robot_here)| Control::Seat { session: SessionId(session), robot_here }),
        (option::of(tier()), option::of(trouble)).prop_map(|(tier, trouble)| Control::Link { tier, trouble }),
        any::<u64>().prop_map(|of| Control::Ack { of }),
    ];
    (option::of(any::<u64>()), control).prop_map(|(id, control)| ControlMessage { v: 1, id, control })
}

/// Any envelope around a body of `strategy`.
fn in_envelope<T: Debug>(strategy: impl Strategy<Value = T>) -> impl Strategy<Value = Envelope<T>> {
    (uuid(), uuid(), any::<[Option<u64>; 2]>(), instant(), any::<u64>(), strategy).prop_map(
        |(id, epoch, [seq, oldest], sent_at, mono_ms, body)| Envelope {
            v: 1,
            id: MessageId(id),
            epoch,
            seq,
            oldest,
            sent_at,
            mono_ms,
            body,
        },
    )
}

fn survives<T: Serialize + DeserializeOwned + PartialEq + Debug>(envelope: &Envelope<T>) -> Result<(), TestCaseError> {
    let read = Envelope::<T>::from_bytes(&envelope.to_bytes()).map_err(|e| TestCaseError::fail(e.to_string()))?;
    prop_assert_eq!(&read, envelope);
    Ok(())
}

proptest! {
    #[test]
    fn hello_survives(m in in_envelope(hello())) { survives(&m)?; }
    #[test]
    fn presence_survives(m in in_envelope(presence())) { survives(&m)?; }
    #[test]
    fn event_survives(m in in_envelope(event())) { survives(&m)?; }
    #[test]
    fn link_survives(m in in_envelope(link())) { survives(&m)?; }
    #[test]
    fn robot_survives(m in in_envelope(robot())) { survives(&m)?; }
    #[test]
    fn ack_survives(m in in_envelope(ack())) { survives(&m)?; }
    #[test]
    fn grant_survives(m in in_envelope(grant())) { survives(&m)?; }
    #[test]
    fn command_survives(m in in_envelope(command())) { survives(&m)?; }
    #[test]
    fn end_survives(m in in_envelope((uuid(), proptest::option::of(uuid())).prop_map(|(id, keeps)| EndMessage { placement: PlacementId(id), keeps: keeps.map(DeviceId) }))) { survives(&m)?; }

    #[test]
    fn control_survives(m in control()) {
        let read = ControlMessage::from_text(m.to_text().as_bytes()).map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert_eq!(read, m);
    }

    #[test]
    fn a_topic_survives_and_belongs_to_its_client_alone(mine in uuid(), other in uuid(), i in 0..Kind::ALL.len()) {
        prop_assume!(mine != other);
        let topic = Topic { client: ClientId(mine), kind: Kind::ALL[i] };
        let text = topic.to_string();
        prop_assert_eq!(Topic::parse(&text), Ok(topic));
        prop_assert!(!Topic::may_publish(ClientId(other), &text));
        prop_assert!(!Topic::may_subscribe(ClientId(other), &text));
        prop_assert!(Topic::may_publish(ClientId(mine), &text) != Topic::may_subscribe(ClientId(mine), &text));
    }

    #[test]
    fn what_parses_as_a_topic_is_spelt_as_we_spell_it(text in "(ws/v1/)?[0-9a-fA-F{}-]{0,40}/(up|down)/[a-z]{0,9}|.{0,80}") {
        if let Ok(topic) = Topic::parse(&text) {
            prop_assert_eq!(topic.to_string(), text);
        }
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Envelope::<PresenceMessage>::from_bytes(&bytes).is_err(), "no random bytes are a message");
        prop_assert!(ControlMessage::from_text(&bytes).is_err(), "no random bytes are a control message");
    }

    #[test]
    fn a_share_is_at_most_a_hundred_and_minutes_round_down(share in any::<u8>(), seconds in any::<u64>()) {
        prop_assert!(Percent::saturating(share).get() <= 100);
        prop_assert_eq!(Percent::try_from(share).is_ok(), share <= 100);
        let minutes = u64::from(Minutes::floor_of_seconds(seconds).get());
        prop_assert!(minutes * 60 <= seconds);
        prop_assert!(minutes == u64::from(u32::MAX) || seconds - minutes * 60 < 60);
    }
}
