//! Batches, copies, gaps, and what goes to quarantine.

use chrono::{DateTime, TimeDelta, Utc};
use engines::{Fresh, on_each_engine};
use protocol::{
    AckMessage, BodyState, EventKind, EventMessage, HelloMessage, LegQuality, LinkMessage, Percent, PresenceMessage, RobotId,
    RobotMessage, Role, SessionId, Status, Tier,
};
use store::Store;
use store::inbox::{Fact, MAX_GAPS, MAX_QUARANTINED_BYTES, Received, Touched};
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
    a_batch_is_stored_whole_or_not_at_all,
    old_numbers_are_forgotten_but_never_those_that_a_gap_needs
);

const EPOCH: Uuid = Uuid::from_u128(100);

fn now() -> DateTime<Utc> {
    "2026-11-23T09:00:00Z".parse().unwrap()
}

fn received(device_id: Uuid, number: Option<u64>, fact: Fact) -> Received {
    Received {
        device_id,
        message_id: Uuid::now_v7(),
        number: number.map(|seq| (EPOCH, seq)),
        body_sha256: format!("{fact:?}").into_bytes(),
        offset_ms: 0,
        mono_ms: 0,
        fact,
        topic: "t".into(),
        payload: vec![7; 5000],
    }
}

fn interval(n: u32, minutes: i64) -> Fact {
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
    let kept = store.quarantined(10).await.unwrap();
    assert_eq!(kept.len(), 3);
    assert!(kept.iter().all(|row| row.payload.len() == MAX_QUARANTINED_BYTES), "a long payload is cut");
    assert_eq!(store.trim_quarantine(now() - TimeDelta::days(1), 1).await.unwrap(), 2);
    assert_eq!(store.trim_quarantine(now() + TimeDelta::days(1), 10).await.unwrap(), 1);
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
    ] {
        store.ingest(&[received(ROBOT, None, fact)], now()).await.unwrap();
        assert_eq!(store.robot(ROBOT).await.unwrap().unwrap().status, expected);
    }
}

async fn a_robot_and_its_bridge_report_how_it_is(store: Fresh) {
    fill(&store).await;
    let body = Fact::Body(RobotMessage {
        state: BodyState::Live,
        battery_pct: Percent::saturating(81),
        charging: false,
        wifi_dbm: Some(-60),
        room: None,
        camera_on: true,
        hand_up: true,
        uptime_s: 5,
    });
    let link = Fact::Link(LinkMessage {
        robot: RobotId(ROBOT),
        robot_leg: Some(LegQuality::default()),
        session: Some(SessionId(Uuid::from_u128(50))),
        pupil_leg: None,
        tier: Some(Tier::Stills),
    });
    store.ingest(&[received(ROBOT, None, body), received(BRIDGE, None, link)], now()).await.unwrap();
    let robot = store.robot(ROBOT).await.unwrap().unwrap();
    assert_eq!((robot.body_state.as_deref(), robot.battery_pct, robot.hand_up), (Some("live"), Some(81), Some(true)));
    assert_eq!((robot.bridge_id, robot.live_tier.as_deref(), robot.telemetry_at), (Some(BRIDGE), Some("stills"), Some(now())));
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
    assert_eq!(store.trim_inbox(now()).await.unwrap(), 0);
    assert_eq!(store.trim_inbox(now() + TimeDelta::days(31)).await.unwrap(), 2);
    assert_eq!(ack(&store, &[3]).await, (4, vec![]));
    assert_eq!(ack(&store, &[1]).await, (4, vec![]), "a very late copy is acknowledged and changes nothing");
    assert_eq!(store.presence_of_pupil(PUPIL, now(), now() + TimeDelta::hours(2)).await.unwrap().len(), 4);
}
