//! Laws of merging: order, copies and lateness change nothing.

use chrono::{DateTime, TimeDelta, Utc};
use engines::{Engine, Fresh, on_each_engine};
use protocol::{Active, ClosedBy, EndReason, PlacementId, PresenceMessage, RobotId, SessionId, Tier};
use store::audit::{Actor, NewAudit, Subject};
use store::inbox::{Fact, Received, Touched};
use store::presence::{EndedVisitRow, PresenceRow};
use store::robots::DeviceKind;
use uuid::Uuid;

use crate::world::{BRIDGE, PLACEMENT, PUPIL, ROBOT, ROOM, SCHOOL, fill};

on_each_engine!(
    every_order_of_the_same_facts_gives_the_same_rows,
    a_visit_that_lacks_an_interval_is_found_by_the_bridges_own_count,
    an_interval_told_with_another_beginning_is_refused_and_the_first_one_stays,
    presence_says_when_the_robot_was_last_used,
    what_waits_while_the_robot_is_exchanged_or_taken_away_counts,
    a_session_goes_through_one_robot_that_is_known
);

fn at(second: i64) -> DateTime<Utc> {
    "2026-11-23T09:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::seconds(second)
}

fn interval(n: u32, tier: Tier, from_s: i64, length_s: i64, closed_by: Option<ClosedBy>) -> PresenceMessage {
    PresenceMessage::Interval {
        session: SessionId(Uuid::from_u128(50)),
        placement: PlacementId(PLACEMENT),
        robot: RobotId(ROBOT),
        n,
        tier,
        from: at(from_s),
        until: at(from_s + length_s),
        span_ms: u64::try_from(length_s).unwrap() * 1000,
        // Measured once the interval is 40 s long.
        clock_offset_ms: (length_s > 40).then_some(-250),
        active: Active { spoke_ms: u64::try_from(length_s).unwrap(), hands: n, looks: 0, feelings: 0 },
        closed_by,
    }
}

fn ended(second: i64, intervals: u32, total_ms: u64) -> PresenceMessage {
    PresenceMessage::Ended {
        session: SessionId(Uuid::from_u128(50)),
        placement: PlacementId(PLACEMENT),
        robot: RobotId(ROBOT),
        at: at(second),
        reason: EndReason::Left,
        intervals,
        total_ms,
    }
}

/// Each copy arrives when the clock of its bridge is off by another amount: by as much as the copy is long.
fn offset_of(fact: &PresenceMessage) -> i64 {
    match fact {
        PresenceMessage::Interval { span_ms, .. } => -i64::try_from(*span_ms).unwrap(),
        PresenceMessage::Ended { .. } => 0,
    }
}

fn message(fact: PresenceMessage, seq: u64) -> Received {
    Received {
        device_id: BRIDGE,
        message_id: Uuid::now_v7(),
        number: Some((Uuid::from_u128(100), seq)),
        oldest: None,
        body_sha256: [0; 32],
        offset_ms: Some(offset_of(&fact)),
        mono_ms: 0,
        fact: Fact::Presence(fact),
        topic: String::new(),
        payload: bytes::Bytes::new(),
    }
}

/// Stores the facts in this order, each with a fresh number, and returns the rows and the reasons for quarantine.
async fn stored(engine: Engine, facts: &[PresenceMessage]) -> (Vec<PresenceRow>, Vec<EndedVisitRow>, Vec<String>) {
    let store = Fresh::on(engine).await;
    fill(&store).await;
    let mut reasons = Vec::new();
    for (fact, seq) in facts.iter().zip(1..) {
        reasons.extend(store.ingest(&[message(fact.clone(), seq)], at(10_000)).await.unwrap().quarantined);
    }
    let rows = store.presence_of_pupil(PUPIL, at(-100_000), at(100_000)).await.unwrap();
    let incomplete = store.ended_visits(PUPIL, at(-100_000), at(100_000)).await.unwrap();
    (rows, incomplete, reasons)
}

async fn every_order_of_the_same_facts_gives_the_same_rows(fresh: Fresh) {
    let facts = [
        interval(1, Tier::Video, 0, 30, None),
        interval(1, Tier::Video, 0, 60, None),
        interval(1, Tier::Video, 0, 75, Some(ClosedBy::TierChange)),
        interval(2, Tier::Audio, 75, 20, Some(ClosedBy::End)),
        ended(95, 2, 95_000),
    ];
    let (rows, ended, reasons) = stored(fresh.engine, &facts).await;
    assert_eq!((rows.len(), ended.len(), reasons.len()), (2, 1, 0));
    assert_eq!(
        (ended[0].held_intervals, ended[0].held_ms, ended[0].at_ms),
        (2, 95_000, at(115).timestamp_millis()),
        "the second one by its first arrival"
    );
    let closed_by = Some(ClosedBy::TierChange);
    assert_eq!((rows[0].span_ms, rows[0].until_at, rows[0].closed_by, rows[0].spoke_ms), (75_000, at(75), closed_by, 75));
    assert_eq!((rows[0].clock_offset_ms, rows[0].measured_offset_ms), (-30_000, Some(-250)), "those of the first instant");
    for rotation in 1..facts.len() {
        let mut order = facts.to_vec();
        order.rotate_left(rotation);
        order.extend(facts.iter().rev().cloned());
        assert_eq!(stored(fresh.engine, &order).await.0, rows, "rotated by {rotation}, then again backwards");
    }
}

async fn a_visit_that_lacks_an_interval_is_found_by_the_bridges_own_count(fresh: Fresh) {
    let (_, incomplete, _) = stored(fresh.engine, &[interval(1, Tier::Video, 0, 60, None), ended(95, 2, 95_000)]).await;
    assert_eq!(incomplete.len(), 1);
    let visit = &incomplete[0];
    assert_eq!((visit.held_intervals, visit.reported_intervals, visit.held_ms, visit.reported_ms), (1, 2, 60_000, 95_000));
}

async fn an_interval_told_with_another_beginning_is_refused_and_the_first_one_stays(fresh: Fresh) {
    let (rows, _, reasons) = stored(
        fresh.engine,
        &[interval(1, Tier::Video, 0, 60, None), interval(1, Tier::Video, 5, 90, None), interval(1, Tier::Audio, 0, 90, None)],
    )
    .await;
    assert_eq!(reasons, ["the interval is already known with another beginning or tier"; 2]);
    assert_eq!(rows.iter().map(|row| (row.tier, row.span_ms)).collect::<Vec<_>>(), [(Tier::Video, 60_000)]);
}

async fn presence_says_when_the_robot_was_last_used(store: Fresh) {
    fill(&store).await;
    for (seq, fact) in (1..).zip([interval(1, Tier::Video, 0, 60, None), interval(2, Tier::Video, -600, 60, None)]) {
        let ingested = store.ingest(&[message(fact, seq)], at(10_000)).await.unwrap();
        assert_eq!(ingested.touched, [Touched::Pupil(PUPIL), Touched::Robot(ROBOT)]);
    }
    assert_eq!(
        store.robot(ROBOT).await.unwrap().unwrap().last_used_at,
        Some(at(60) + TimeDelta::milliseconds(250)),
        "by our clock"
    );
}

/// The network was down all morning, and at noon the robot was exchanged, or taken away: what its bridge kept counts. Once the one was
/// refused, and acknowledged as if it had been taken; the other stopped all ingest.
async fn what_waits_while_the_robot_is_exchanged_or_taken_away_counts(fresh: Fresh) {
    for (now, through_new) in [(Some(OTHER_ROBOT), true), (None, false)] {
        let store = Fresh::on(fresh.engine).await;
        fill(&store).await;
        add_other_robot(&store).await;
        let (actor, subject) = (Actor::Staff(Uuid::from_u128(9)), Subject::Pupil(PUPIL));
        let audit = NewAudit { actor, action: "give robot", subject, detail: None };
        store.give_robot(PLACEMENT, now, audit, at(100)).await.unwrap();
        let mut facts = vec![interval(1, Tier::Video, 0, 60, Some(ClosedBy::End)), ended(60, 1, 60_000)];
        if through_new {
            facts.push(through(OTHER_ROBOT, 51, interval(1, Tier::Video, 200, 30, None)));
        }
        let batch: Vec<Received> = facts.into_iter().zip(1..).map(|(fact, seq)| message(fact, seq)).collect();
        let ingested = store.ingest(&batch, at(10_000)).await.unwrap();
        assert_eq!(ingested.quarantined, [""; 0]);
        assert_eq!((ingested.acks[0].1.through, ingested.acks[0].1.gaps.len()), (batch.len() as u64, 0));
        let rows = store.presence_of_pupil(PUPIL, at(-100_000), at(100_000)).await.unwrap();
        let held: Vec<_> = rows.iter().map(|row| (row.robot_id, row.span_ms)).collect();
        assert_eq!(held, [(ROBOT, 60_000), (OTHER_ROBOT, 30_000)][..rows.len()], "each through its own robot");
        assert_eq!(rows.len(), if through_new { 2 } else { 1 });
        let ended = store.ended_visits(PUPIL, at(-100_000), at(100_000)).await.unwrap();
        assert_eq!(ended.iter().map(|visit| (visit.held_ms, visit.reported_ms)).collect::<Vec<_>>(), [(60_000, 60_000)]);
    }
}

async fn a_session_goes_through_one_robot_that_is_known(store: Fresh) {
    fill(&store).await;
    add_other_robot(&store).await;
    let batch = [
        message(interval(1, Tier::Video, 0, 60, None), 1),
        message(through(OTHER_ROBOT, 50, interval(2, Tier::Video, 60, 60, None)), 2),
        message(through(Uuid::from_u128(404), 51, interval(1, Tier::Video, 60, 60, None)), 3),
    ];
    let reasons = ["the session goes through another robot", "the robot is not known"];
    assert_eq!(store.ingest(&batch, at(10_000)).await.unwrap().quarantined, reasons);
    let late = message(through(OTHER_ROBOT, 50, ended(200, 3, 180_000)), 4);
    assert_eq!(store.ingest(&[late], at(10_000)).await.unwrap().quarantined, [reasons[0]], "also if it is stored already");
    assert_eq!(store.presence_of_pupil(PUPIL, at(-100_000), at(100_000)).await.unwrap().len(), 1);
}

const OTHER_ROBOT: Uuid = Uuid::from_u128(33);

async fn add_other_robot(store: &Fresh) {
    store.set_device(OTHER_ROBOT, DeviceKind::Robot, &[3; 32]).await.unwrap();
    store.add_robot(OTHER_ROBOT, SCHOOL, "Wren", Some(ROOM)).await.unwrap();
}

/// The same fact of another session, through another robot.
fn through(by: Uuid, of: u128, mut fact: PresenceMessage) -> PresenceMessage {
    let (PresenceMessage::Interval { session, robot, .. } | PresenceMessage::Ended { session, robot, .. }) = &mut fact;
    (*session, *robot) = (SessionId(Uuid::from_u128(of)), RobotId(by));
    fact
}
