//! Batches, copies, gaps, and what breaks a rule.

use chrono::{DateTime, TimeDelta, Utc};
use engines::{Engine, Fresh, on_each_engine};
use protocol::{
    AckMessage, Bitrate, BodyState, BridgeLoad, EventKind, EventMessage, HelloMessage, LegQuality, LinkMessage, OutboxState,
    Percent, PresenceMessage, RobotId, RobotMessage, Role, SessionId, Status, Tier,
};
use store::Store;
use store::inbox::{Fact, MAX_GAPS, Received, Replayed, Touched};
use uuid::Uuid;

use crate::world::{BRIDGE, PLACEMENT, PUPIL, ROBOT, fill};

on_each_engine!(
    an_acknowledgement_names_the_gaps_and_they_close,
    many_gaps_are_named_some_at_a_time,
    a_second_copy_changes_nothing_and_another_body_goes_to_quarantine,
    what_breaks_a_rule_is_kept_with_the_reason_and_blocks_nothing,
    a_late_goodbye_of_an_older_connection_is_ignored,
    a_robot_and_its_bridge_report_how_it_is,
    events_are_kept_once,
    a_robot_stands_where_it_says_itself,
    a_robots_clock_is_known_by_what_it_says_and_corrects_what_it_noted,
    a_batch_is_stored_whole_or_not_at_all,
    old_numbers_are_forgotten_but_never_those_that_a_gap_needs,
    a_gap_that_never_closes_does_not_freeze_acknowledgements,
    numbers_that_the_sender_no_longer_keeps_are_noted_as_lost,
    a_value_that_the_database_refuses_holds_nothing_up,
    a_stored_row_that_cannot_be_read_sets_its_own_messages_aside_and_holds_nothing_up,
    copies_within_a_batch_are_merged_and_other_tellings_refused,
    a_bridge_says_what_it_carries_and_what_waits,
    a_bridge_that_the_robot_left_changes_nothing_any_more,
    measurements_are_one_row_a_minute_and_go_by_age
);

pub(crate) const EPOCH: Uuid = Uuid::from_u128(100);

pub(crate) fn now() -> DateTime<Utc> {
    "2026-11-23T09:00:00Z".parse().unwrap()
}

pub(crate) fn received(device_id: Uuid, number: Option<u64>, fact: Fact) -> Received {
    Received {
        device_id,
        message_id: Uuid::now_v7(),
        number: number.map(|seq| (EPOCH, seq)),
        oldest: None,
        body_sha256: crate::hash_of(&fact),
        offset_ms: Some(0),
        mono_ms: 0,
        fact,
        topic: "t".into(),
        payload: vec![7; 5000].into(),
    }
}

pub(crate) fn interval(n: u32, minutes: i64) -> Fact {
    Fact::Presence(PresenceMessage::Interval {
        session: SessionId(Uuid::from_u128(50)),
        placement: protocol::PlacementId(PLACEMENT),
        robot: RobotId(ROBOT),
        n,
        tier: Tier::Video,
        from: now(),
        until: now() + TimeDelta::minutes(minutes),
        span_ms: u64::try_from(minutes).unwrap() * 60_000,
        clock_offset_ms: None,
        active: protocol::Active::default(),
        closed_by: None,
    })
}

async fn ack(store: &Store, seqs: &[u64]) -> (u64, Vec<(u64, u64)>) {
    let batch: Vec<_> =
        seqs.iter().map(|seq| received(BRIDGE, Some(*seq), interval(u32::try_from(*seq).unwrap(), 1))).collect();
    let ingested = store.ingest(&batch, now()).await.unwrap();
    assert_eq!(ingested.acks.len(), 1, "one acknowledgement a sender and epoch");
    (ingested.acks[0].1.through, ingested.acks[0].1.gaps.clone())
}

async fn an_acknowledgement_names_the_gaps_and_they_close(store: Fresh) {
    fill(&store).await;
    assert_eq!(ack(&store, &[1, 2]).await, (2, vec![]));
    assert_eq!(ack(&store, &[5, 8]).await, (8, vec![(3, 4), (6, 7)]));
    assert_eq!(ack(&store, &[4, 3]).await, (8, vec![(6, 7)]));
    assert_eq!(ack(&store, &[7, 6, 9]).await, (9, vec![]));
    assert_eq!(store.acknowledged_through(BRIDGE, EPOCH).await.unwrap(), 9);
    assert_eq!(ack(&store, &[2]).await, (9, vec![]), "an old copy is acknowledged again");
}

async fn many_gaps_are_named_some_at_a_time(store: Fresh) {
    fill(&store).await;
    let even: Vec<u64> = (1..500).map(|n| n * 2).collect();
    let (through, gaps) = ack(&store, &even).await;
    assert_eq!((through, gaps.len()), (200, MAX_GAPS), "nothing beyond the named gaps is claimed");
    assert_eq!((gaps[0], gaps[99]), ((1, 1), (199, 199)));
}

async fn a_second_copy_changes_nothing_and_another_body_goes_to_quarantine(store: Fresh) {
    fill(&store).await;
    let first = received(BRIDGE, Some(1), interval(1, 5));
    store.ingest(std::slice::from_ref(&first), now()).await.unwrap();
    let again = store.ingest(std::slice::from_ref(&first), now()).await.unwrap();
    assert_eq!((again.touched.len(), again.quarantined.len(), again.acks[0].1.through), (0, 0, 1));
    let other = store.ingest(&[received(BRIDGE, Some(1), interval(1, 50))], now()).await.unwrap();
    assert_eq!(other.quarantined, ["the same number was received before with another body"]);
    let rows = store.presence_of_pupil(PUPIL, now(), now() + TimeDelta::hours(2)).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.span_ms).collect::<Vec<_>>(), [300_000]);
}

async fn what_breaks_a_rule_is_kept_with_the_reason_and_blocks_nothing(store: Fresh) {
    fill(&store).await;
    let foreign = match interval(1, 5) {
        Fact::Presence(PresenceMessage::Interval {
            session, robot, n, tier, from, until, span_ms, active, closed_by, ..
        }) => {
            let placement = protocol::PlacementId(Uuid::from_u128(99));
            Fact::Presence(PresenceMessage::Interval {
                session,
                placement,
                robot,
                n,
                tier,
                from,
                until,
                span_ms,
                clock_offset_ms: None,
                active,
                closed_by,
            })
        }
        other => other,
    };
    let batch = [
        received(BRIDGE, Some(1), foreign),
        received(BRIDGE, Some(2), Fact::Unusable("not readable".into())),
        received(Uuid::from_u128(77), Some(1), interval(1, 5)),
        received(BRIDGE, Some(3), interval(1, 5)),
    ];
    let ingested = store.ingest(&batch, now()).await.unwrap();
    assert_eq!(ingested.quarantined, ["the placement does not exist", "not readable", "the device is not known"]);
    assert_eq!(ingested.acks, [(BRIDGE, AckMessage { epoch: EPOCH, through: 3, gaps: vec![], clock: None })]);
    assert_eq!(ingested.touched, [Touched::Pupil(PUPIL), Touched::Robot(ROBOT)]);
    let kept = store.quarantined(10, None).await.unwrap();
    assert_eq!(kept.len(), 3);
    assert!(kept.iter().all(|row| row.payload == [7; 5000] && row.cut_from_bytes.is_none()), "the whole payload is kept");
    assert_eq!((kept[1].device_id, kept[1].epoch, kept[1].seq), (Some(BRIDGE), Some(EPOCH), Some(2)));
    // Two have a number that was acknowledged: they do not go by how many there are. The one of the unknown device comes again.
    let (earlier, later) = (now() - TimeDelta::days(1), now() + TimeDelta::days(1));
    assert_eq!(store.trim_quarantine(earlier, earlier, 1).await.unwrap(), 0);
    assert_eq!(store.trim_quarantine(earlier, earlier, 0).await.unwrap(), 1);
    assert_eq!(store.trim_quarantine(later, earlier, 10).await.unwrap(), 0);
    assert_eq!(store.trim_quarantine(later, later, 10).await.unwrap(), 2);
}

fn hello(status: Status, connected_s: i64) -> Fact {
    Fact::Hello(HelloMessage::new(Role::Robot, status, "1", now() + TimeDelta::seconds(connected_s)))
}

async fn a_late_goodbye_of_an_older_connection_is_ignored(store: Fresh) {
    fill(&store).await;
    for (fact, expected) in [
        (hello(Status::Here, 0), "here"),
        (hello(Status::Gone, 0), "gone"),
        (hello(Status::Here, 10), "here"),
        (hello(Status::Gone, 0), "here"),
        (hello(Status::OffByPerson, 10), "off_by_person"),
        // The robot's clock was an hour ahead, and was set right.
        (hello(Status::Here, 3_600), "here"),
        (hello(Status::Here, 20), "here"),
        (hello(Status::Gone, 3_600), "here"),
        (hello(Status::Gone, 20), "gone"),
        (hello(Status::OffByPerson, 15), "off_by_person"),
    ] {
        store.ingest(&[received(ROBOT, None, fact)], now()).await.unwrap();
        assert_eq!(store.robot(ROBOT).await.unwrap().unwrap().status, expected);
    }
}

fn body() -> Fact {
    Fact::Body(RobotMessage {
        state: BodyState::Live,
        battery_pct: Percent::saturating(81),
        charging: false,
        wifi_dbm: Some(-60),
        room: None,
        camera_on: true,
        hand_up: true,
        uptime_s: 5,
    })
}

async fn a_robot_and_its_bridge_report_how_it_is(store: Fresh) {
    fill(&store).await;
    let link = Fact::Link(LinkMessage {
        robot: RobotId(ROBOT),
        robot_leg: Some(LegQuality::default()),
        session: Some(SessionId(Uuid::from_u128(50))),
        pupil_leg: None,
        tier: Some(Tier::Stills),
        trouble: None,
        freezes: None,
    });
    store.ingest(&[received(ROBOT, None, body()), received(BRIDGE, None, link.clone())], now()).await.unwrap();
    let robot = store.robot(ROBOT).await.unwrap().unwrap();
    assert_eq!((robot.body_state.as_deref(), robot.battery_pct, robot.hand_up), (Some("live"), Some(81), Some(true)));
    assert_eq!((robot.bridge_id, robot.live_tier.as_deref(), robot.telemetry_at), (Some(BRIDGE), Some("stills"), Some(now())));
    let Fact::Link(link) = link else { unreachable!() };
    assert_eq!(serde_json::from_str::<LinkMessage>(&robot.live_link.unwrap()).unwrap(), link, "as it was said");
    let over = LinkMessage { session: None, tier: None, ..link };
    store.ingest(&[received(BRIDGE, None, Fact::Link(over))], now()).await.unwrap();
    assert_eq!(store.robot(ROBOT).await.unwrap().unwrap().live_link, None, "the visit is over");
}

/// A bridge that hung believes, when it wakes, that it still has the robot that went to another one meanwhile.
async fn a_robot_stands_where_it_says_itself(store: Fresh) {
    fill(&store).await;
    let other = Uuid::from_u128(0xb2);
    store.set_device(other, store::DeviceKind::Bridge, &[0; 32]).await.unwrap();
    let stands = |bridge: Uuid| {
        let bridge = Some(protocol::BridgeId(bridge));
        received(ROBOT, None, Fact::Hello(HelloMessage { bridge, ..HelloMessage::new(Role::Robot, Status::Here, "1", now()) }))
    };
    let has = |bridge: Uuid| {
        let link = LinkMessage {
            robot: RobotId(ROBOT),
            robot_leg: Some(LegQuality::default()),
            session: None,
            pupil_leg: None,
            tier: None,
            trouble: None,
            freezes: None,
        };
        received(bridge, None, Fact::Link(link))
    };
    for (said, at) in [(has(BRIDGE), BRIDGE), (stands(other), other), (has(BRIDGE), other), (has(other), other)] {
        store.ingest(&[said], now()).await.unwrap();
        assert_eq!(store.robot(ROBOT).await.unwrap().unwrap().bridge_id, Some(at));
    }
}

/// What a robot noted stands at our time; what it noted late does not look like a slow clock, and its last will says nothing of it.
async fn a_robots_clock_is_known_by_what_it_says_and_corrects_what_it_noted(store: Fresh) {
    fill(&store).await;
    let ahead = |fact, offset_ms| Received { offset_ms: Some(offset_ms), ..received(ROBOT, None, fact) };
    let fast = now() + TimeDelta::seconds(90);
    let note = |at| Fact::Event(EventMessage { what: EventKind::Started, robot: RobotId(ROBOT), session: None, at });
    let clock = async || store.robot(ROBOT).await.unwrap().unwrap().clock_offset_ms;
    store.ingest(&[ahead(note(now()), -400_000)], now()).await.unwrap();
    assert_eq!(store.robot_events(ROBOT, 9).await.unwrap()[0].at, now(), "it waited; nothing is known of its clock");
    store.ingest(&[ahead(hello(Status::Here, 0), 90_000), ahead(note(fast), 90_000)], now()).await.unwrap();
    assert_eq!(clock().await, Some(90_000));
    let at: Vec<_> = store.robot_events(ROBOT, 9).await.unwrap().into_iter().map(|event| event.at).collect();
    assert_eq!(at, [now(), now()]);
    // A bridge notes by its own clock what it saw of this robot.
    let seen = Received { device_id: BRIDGE, ..ahead(note(fast), 0) };
    store.ingest(&[seen], now()).await.unwrap();
    assert_eq!(store.robot_events(ROBOT, 9).await.unwrap()[0].at, fast);
    let will = Received { offset_ms: None, ..received(ROBOT, None, hello(Status::Gone, 0)) };
    store.ingest(&[will], now()).await.unwrap();
    assert_eq!(clock().await, Some(90_000), "a last will says nothing of it");
    // It was set right, and says so with the next report of its body.
    store.ingest(&[ahead(body(), 12)], now()).await.unwrap();
    assert_eq!(clock().await, Some(12));
}

async fn events_are_kept_once(store: Fresh) {
    fill(&store).await;
    let event = EventMessage { what: EventKind::HandRaised, robot: RobotId(ROBOT), session: None, at: now() };
    let message = received(ROBOT, None, Fact::Event(event));
    for _ in 0..2 {
        assert_eq!(store.ingest(std::slice::from_ref(&message), now()).await.unwrap().touched, [Touched::Robot(ROBOT)]);
    }
    assert_eq!(store.robot_events(ROBOT, 10).await.unwrap().len(), 1);
}

async fn a_batch_is_stored_whole_or_not_at_all(store: Fresh) {
    fill(&store).await;
    // The table that the second message needs is gone: the first one must not stay behind.
    store.run("DROP TABLE robot_event").await.unwrap();
    let event = EventMessage { what: EventKind::Started, robot: RobotId(ROBOT), session: None, at: now() };
    let batch = [received(BRIDGE, Some(1), interval(1, 5)), received(BRIDGE, Some(2), Fact::Event(event))];
    store.ingest(&batch, now()).await.unwrap_err();
    assert_eq!(store.acknowledged_through(BRIDGE, EPOCH).await.unwrap(), 0);
    assert!(store.presence_of_pupil(PUPIL, now(), now() + TimeDelta::hours(1)).await.unwrap().is_empty());
}

async fn old_numbers_are_forgotten_but_never_those_that_a_gap_needs(store: Fresh) {
    fill(&store).await;
    assert_eq!(ack(&store, &[1, 2, 4]).await, (4, vec![(3, 3)]));
    assert_eq!(store.trim_inbox(now(), 1_000).await.unwrap(), 0);
    assert_eq!(store.trim_inbox(now() + TimeDelta::days(31), 1_000).await.unwrap(), 2);
    assert_eq!(ack(&store, &[3]).await, (4, vec![]));
    assert_eq!(ack(&store, &[1]).await, (4, vec![]), "a very late copy is acknowledged and changes nothing");
    assert_eq!(store.presence_of_pupil(PUPIL, now(), now() + TimeDelta::hours(2)).await.unwrap().len(), 4);
}

async fn a_gap_that_never_closes_does_not_freeze_acknowledgements(store: Fresh) {
    fill(&store).await;
    // 1 is missing for ever; its sender does not say so, being of an older version.
    let batch = |from: u64, until: u64| -> Vec<Received> {
        (from..until).map(|seq| received(BRIDGE, Some(seq), Fact::Unusable("any".into()))).collect()
    };
    for from in (0..12).map(|n| 2 + n * 1_000) {
        let ingested = store.ingest(&batch(from, from + 1_000), now()).await.unwrap();
        let ack = &ingested.acks[0].1;
        assert_eq!((ack.through, ack.gaps.as_slice()), (from + 999, [(1, 1)].as_slice()));
    }
    assert_eq!(store.acknowledged_through(BRIDGE, EPOCH).await.unwrap(), 0);
    assert_eq!(ack(&store, &[1]).await, (12_001, vec![]));
}

async fn numbers_that_the_sender_no_longer_keeps_are_noted_as_lost(store: Fresh) {
    fill(&store).await;
    assert_eq!(ack(&store, &[1, 2, 5]).await, (5, vec![(3, 4)]));
    let says = |seq: u64, oldest: u64| Received { oldest: Some(oldest), ..received(BRIDGE, Some(seq), interval(9, 1)) };
    // It still keeps 4, but 3 is gone.
    let ingested = store.ingest(&[says(10, 4)], now()).await.unwrap();
    assert_eq!((ingested.acks[0].1.through, ingested.acks[0].1.gaps.as_slice()), (10, [(4, 4), (6, 9)].as_slice()));
    assert_eq!(ingested.lost, [(BRIDGE, 1)]);
    assert_eq!(store.acknowledged_through(BRIDGE, EPOCH).await.unwrap(), 3);
    // Of 6 to 9 it keeps the last one only; a sender cannot keep less than what it sends.
    let ingested = store.ingest(&[says(11, 9)], now()).await.unwrap();
    assert_eq!((ingested.acks[0].1.gaps.as_slice(), ingested.lost.as_slice()), ([(9, 9)].as_slice(), [(BRIDGE, 4)].as_slice()));
    let ingested = store.ingest(&[says(9, 1_000_000)], now() + TimeDelta::seconds(1)).await.unwrap();
    assert_eq!((ingested.acks[0].1.through, ingested.acks[0].1.gaps.len(), ingested.lost.len()), (11, 0, 0));
    // A copy of 7 was still under way.
    assert_eq!(ack(&store, &[7]).await, (11, vec![]));
    let lost: Vec<_> = store.lost(10).await.unwrap().iter().map(|row| (row.first_seq, row.last_seq, row.came)).collect();
    assert_eq!(lost, [(6, 8, 1), (4, 4, 0), (3, 3, 0)]);
}

/// A text with a NUL, a year that a column cannot hold, an id that nothing has: each was once enough to fail every batch for ever.
async fn a_value_that_the_database_refuses_holds_nothing_up(store: Fresh) {
    fill(&store).await;
    let nul = received(BRIDGE, Some(1), Fact::Unusable("unknown variant `a\0b`".into()));
    let late = EventMessage { what: EventKind::Started, robot: RobotId(ROBOT), session: None, at: DateTime::<Utc>::MAX_UTC };
    let late = received(BRIDGE, Some(2), Fact::Event(late));
    let mut nowhere = HelloMessage::new(Role::Robot, Status::Here, "1\0", now());
    nowhere.bridge = Some(protocol::BridgeId(Uuid::from_u128(404)));
    let nowhere = received(ROBOT, None, Fact::Hello(nowhere));
    let good = received(BRIDGE, Some(3), interval(1, 5));
    let mut mad = interval(9, 6);
    let Fact::Presence(PresenceMessage::Interval { clock_offset_ms, .. }) = &mut mad else { unreachable!("it is an interval") };
    *clock_offset_ms = Some(i64::MIN);
    let mad = [8, 9].map(|seq| received(BRIDGE, Some(seq), mad.clone()));
    assert_eq!(store.ingest(&mad, now()).await.unwrap().quarantined, ["a time in it is out of range"; 2]);
    let ingested = store.ingest(&[nul, late, nowhere, good], now()).await.unwrap();
    assert_eq!(ingested.quarantined, ["unknown variant `a\u{fffd}b`", "a time in it is out of range"]);
    assert_eq!((ingested.acks[0].1.through, ingested.acks[0].1.gaps.as_slice()), (9, [(4, 7)].as_slice()));
    assert_eq!(store.robot(ROBOT).await.unwrap().unwrap().status, "here");

    // Whatever else the database may refuse: that message alone goes to quarantine.
    store.run("CREATE UNIQUE INDEX one_a_length ON presence_interval (span_ms)").await.unwrap();
    let batch: Vec<_> = [(4, 2, 6), (5, 3, 5), (6, 4, 7), (7, 5, 8)]
        .map(|(seq, n, minutes)| received(BRIDGE, Some(seq), interval(n, minutes)))
        .into();
    let ingested = store.ingest(&batch, now()).await.unwrap();
    assert_eq!(ingested.quarantined, ["the database does not take a value of it"]);
    assert_eq!(store.quarantined(1, None).await.unwrap()[0].seq, Some(5));
    assert_eq!(store.acknowledged_through(BRIDGE, EPOCH).await.unwrap(), 9);
    assert_eq!(store.presence_of_pupil(PUPIL, now(), now() + TimeDelta::hours(2)).await.unwrap().len(), 4);
}

/// What a program beside this one wrote, or a column that means something else since: once enough to fail every batch for ever.
async fn a_stored_row_that_cannot_be_read_sets_its_own_messages_aside_and_holds_nothing_up(store: Fresh) {
    fill(&store).await;
    let wren = Uuid::from_u128(33);
    store.set_device(wren, store::DeviceKind::Robot, &[3; 32]).await.unwrap();
    store.add_robot(wren, crate::world::SCHOOL, "Wren", None).await.unwrap();
    let (spoil, mend) = match store.engine {
        Engine::Sqlite => ("UPDATE robot SET status_at = 'today'", "UPDATE robot SET status_at = NULL"),
        Engine::Postgres => (
            "ALTER TABLE robot ALTER COLUMN status DROP NOT NULL; UPDATE robot SET status = NULL",
            "UPDATE robot SET status = 'here'",
        ),
    };
    store.run(&format!("{spoil} WHERE name = 'Wren'")).await.unwrap();
    let event = EventMessage { what: EventKind::Started, robot: RobotId(wren), session: None, at: now() };
    let batch = [
        received(BRIDGE, Some(1), interval(1, 5)),
        received(BRIDGE, Some(2), Fact::Event(event)),
        received(BRIDGE, Some(3), interval(2, 6)),
    ];
    let ingested = store.ingest(&batch, now()).await.unwrap();
    assert_eq!(ingested.quarantined.len(), 1);
    assert!(ingested.quarantined[0].starts_with("what is stored about it cannot be read: "), "{:?}", ingested.quarantined);
    assert_eq!(store.acknowledged_through(BRIDGE, EPOCH).await.unwrap(), 3);
    assert_eq!(store.presence_of_pupil(PUPIL, now(), now() + TimeDelta::hours(2)).await.unwrap().len(), 2);
    // It waits with what it is about.
    let entry = store.quarantined(1, None).await.unwrap().remove(0);
    let again = async || store.replay(entry.quarantine_id, &batch[1], now()).await.unwrap();
    assert!(matches!(again().await, Replayed::Refused(reason) if reason == entry.reason));
    store.run(&format!("{mend} WHERE name = 'Wren'")).await.unwrap();
    assert!(matches!(again().await, Replayed::Applied(_)));
    assert_eq!(store.robot_events(wren, 10).await.unwrap().len(), 1);
}

/// `store-sqlite` has the same test, with a full disk.
#[tokio::test]
async fn a_database_that_does_not_answer_sets_nothing_aside() {
    let store = Fresh::on(Engine::Postgres).await;
    fill(&store).await;
    let batch = [received(BRIDGE, Some(1), interval(1, 5)), received(BRIDGE, Some(2), interval(2, 6))];
    store.run("ALTER TABLE presence_interval RENAME TO away").await.unwrap();
    assert!(store.ingest(&batch, now()).await.is_err());
    store.run("ALTER TABLE away RENAME TO presence_interval").await.unwrap();
    assert_eq!(store.quarantined(10, None).await.unwrap(), []);
    assert_eq!(store.ingest(&batch, now()).await.unwrap().acks[0].1.through, 2);
}

async fn copies_within_a_batch_are_merged_and_other_tellings_refused(store: Fresh) {
    fill(&store).await;
    let mut other_tier = interval(1, 30);
    let Fact::Presence(PresenceMessage::Interval { tier, .. }) = &mut other_tier else { unreachable!("it is an interval") };
    *tier = Tier::Audio;
    let first = received(BRIDGE, Some(1), interval(1, 5));
    let batch = [
        first.clone(),
        received(BRIDGE, Some(2), interval(1, 20)),
        received(BRIDGE, Some(3), interval(1, 10)),
        received(BRIDGE, Some(4), other_tier.clone()),
        first,
        received(BRIDGE, Some(2), interval(1, 40)),
    ];
    let ingested = store.ingest(&batch, now()).await.unwrap();
    let (tier, body) = (
        "the interval is already known with another beginning or tier",
        "the same number was received before with another body",
    );
    assert_eq!(ingested.quarantined, [tier, body]);
    assert_eq!((ingested.acks[0].1.through, ingested.acks[0].1.gaps.len()), (4, 0));
    let rows = store.presence_of_pupil(PUPIL, now(), now() + TimeDelta::hours(2)).await.unwrap();
    assert_eq!(rows.iter().map(|row| (row.tier, row.span_ms)).collect::<Vec<_>>(), [(Tier::Video, 1_200_000)]);
    // The stored telling decides, also if another one is the first of its batch.
    let batch = [received(BRIDGE, Some(5), other_tier), received(BRIDGE, Some(6), interval(1, 25))];
    assert_eq!(store.ingest(&batch, now()).await.unwrap().quarantined, [tier]);
    let rows = store.presence_of_pupil(PUPIL, now(), now() + TimeDelta::hours(2)).await.unwrap();
    assert_eq!(rows.iter().map(|row| (row.tier, row.span_ms)).collect::<Vec<_>>(), [(Tier::Video, 1_500_000)]);
}

async fn a_bridge_says_what_it_carries_and_what_waits(store: Fresh) {
    fill(&store).await;
    let mut hello = HelloMessage::new(Role::Bridge, Status::Here, "0.3.0", now());
    hello.http_base = Some("http://bridge".into());
    hello.load =
        Some(BridgeLoad { robots: 3, sessions: 2, capacity: 60, draining: true, busy_pct: Some(Percent::saturating(86)) });
    let outbox = OutboxState { waiting: 312, oldest_at: Some(now()), full_pct: Percent::saturating(7), failing: false };
    hello.outbox = Some(outbox);
    let said = Received { offset_ms: Some(-40), ..received(BRIDGE, None, Fact::Hello(hello)) };
    assert_eq!(store.ingest(&[said], now()).await.unwrap().touched, [Touched::Bridge(BRIDGE)]);
    let row = store.bridges().await.unwrap().remove(0);
    assert_eq!((row.robots, row.sessions, row.capacity, row.draining), (Some(3), Some(2), Some(60), true));
    assert_eq!((row.outbox_waiting, row.outbox_oldest_at, row.outbox_full_pct), (Some(312), Some(now()), Some(7)));
    assert_eq!((row.outbox_failing, row.clock_offset_ms, row.version.as_deref()), (Some(false), Some(-40), Some("0.3.0")));
    assert_eq!((row.load_at, row.busy_pct), (Some(now()), Some(86)));
    let gone = |connected_s: i64| {
        let gone = HelloMessage::new(Role::Bridge, Status::Gone, "0.3.0", now() + TimeDelta::seconds(connected_s));
        received(BRIDGE, None, Fact::Hello(gone))
    };
    store.ingest(&[gone(5)], now()).await.unwrap();
    assert_eq!(store.bridges().await.unwrap()[0].status, "here", "of another connection");
    store.ingest(&[gone(0)], now()).await.unwrap();
    let row = store.bridges().await.unwrap().remove(0);
    assert_eq!((row.status.as_str(), row.outbox_waiting, row.http_base.as_deref()), ("gone", Some(312), Some("http://bridge")));
}

fn link(rtt_ms: f32, session: bool, robot_leg: bool) -> Fact {
    let leg = LegQuality {
        rtt_ms: Some(rtt_ms),
        loss_pct: Some(1.25),
        jitter_ms: None,
        receive: Bitrate(900_000),
        send: Bitrate(500_000),
    };
    Fact::Link(LinkMessage {
        robot: RobotId(ROBOT),
        robot_leg: robot_leg.then_some(leg),
        session: session.then_some(SessionId(Uuid::from_u128(50))),
        pupil_leg: session.then_some(leg),
        tier: session.then_some(Tier::Video),
        trouble: None,
        freezes: None,
    })
}

async fn a_bridge_that_the_robot_left_changes_nothing_any_more(store: Fresh) {
    fill(&store).await;
    let new = Uuid::from_u128(44);
    store.set_device(new, store::DeviceKind::Bridge, &[4; 32]).await.unwrap();
    store.ingest(&[received(BRIDGE, None, link(5.0, true, true))], now()).await.unwrap();
    store.ingest(&[received(new, None, link(5.0, true, true))], now()).await.unwrap();
    store.ingest(&[received(BRIDGE, None, link(5.0, false, false))], now()).await.unwrap();
    let robot = store.robot(ROBOT).await.unwrap().unwrap();
    assert_eq!((robot.bridge_id, robot.live_tier.as_deref()), (Some(new), Some("video")));
    store.ingest(&[received(new, None, link(5.0, false, false))], now()).await.unwrap();
    let robot = store.robot(ROBOT).await.unwrap().unwrap();
    assert_eq!((robot.bridge_id, robot.live_tier), (None, None));
}

async fn measurements_are_one_row_a_minute_and_go_by_age(store: Fresh) {
    fill(&store).await;
    let body = |battery: u8| {
        Fact::Body(RobotMessage {
            state: BodyState::Live,
            battery_pct: Percent::saturating(battery),
            charging: false,
            wifi_dbm: Some(-60),
            room: None,
            camera_on: true,
            hand_up: false,
            uptime_s: 5,
        })
    };
    let at = |second: i64| now() + TimeDelta::seconds(second);
    let two = [received(ROBOT, None, body(80)), received(BRIDGE, None, link(30.0, true, true))];
    store.ingest(&two, at(10)).await.unwrap();
    let two = [received(BRIDGE, None, link(20.0, true, true)), received(ROBOT, None, body(79))];
    store.ingest(&two, at(50)).await.unwrap();
    store.ingest(&[received(ROBOT, None, body(78))], at(60)).await.unwrap();
    let rows = store.telemetry(ROBOT, at(0), at(600)).await.unwrap();
    assert_eq!(
        rows.iter().map(|row| (row.minute_at, row.battery_pct)).collect::<Vec<_>>(),
        [(at(0), Some(79)), (at(60), Some(78))]
    );
    let row = &rows[0];
    assert_eq!((row.robot_rtt_ms, row.robot_loss_permille, row.robot_receive_bps), (Some(30), Some(13), Some(900_000)));
    assert_eq!((row.pupil_rtt_ms, row.pupil_send_bps, row.tier.as_deref()), (Some(30), Some(500_000), Some("video")));
    assert_eq!((rows[1].robot_rtt_ms, rows[1].wifi_dbm), (None, Some(-60)));
    assert_eq!(store.trim_telemetry(at(60), 10).await.unwrap(), 1);
    assert_eq!(store.telemetry(ROBOT, at(0), at(600)).await.unwrap().len(), 1);

    for second in 0..3 {
        let event = EventMessage { what: EventKind::Paused, robot: RobotId(ROBOT), session: None, at: at(second) };
        store.ingest(&[received(ROBOT, None, Fact::Event(event))], now()).await.unwrap();
    }
    assert_eq!(store.trim_events(at(2), 1).await.unwrap(), 1, "in steps");
    assert_eq!(store.trim_events(at(2), 10).await.unwrap(), 1);
    assert_eq!(store.robot_events(ROBOT, 10).await.unwrap().len(), 1);
}
