//! Several servers on one database: batches that share senders, robots and visits; people who do the same thing at once.

use chrono::{DateTime, TimeDelta, Utc};
use engines::{Fresh, on_each_engine};
use protocol::{PlacementId, PresenceMessage, RobotId, SessionId, Tier};
use store::inbox::{Fact, Received};
use store::staff::ThrottleKey;
use store::{DeviceKind, Store};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::world::{BRIDGE, PLACEMENT, PUPIL, ROBOT, SCHOOL, fill};

on_each_engine!(
    copies_that_reach_two_servers_at_once_count_once,
    batches_that_share_everything_in_another_order_do_not_stop_each_other,
    tries_that_are_made_at_once_are_counted_one_by_one
);

const EPOCH: Uuid = Uuid::from_u128(100);

fn at(second: i64) -> DateTime<Utc> {
    "2026-11-23T09:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::seconds(second)
}

fn interval(device_id: Uuid, seq: u64, n: u32, seconds: i64) -> Received {
    let fact = PresenceMessage::Interval {
        session: SessionId(Uuid::from_u128(50)),
        placement: PlacementId(PLACEMENT),
        robot: RobotId(ROBOT),
        n,
        tier: Tier::Video,
        from: at(0),
        until: at(seconds),
        span_ms: u64::try_from(seconds).unwrap() * 1000,
        clock_offset_ms: None,
        active: protocol::Active::default(),
        closed_by: None,
    };
    received(device_id, Some((EPOCH, seq)), Fact::Presence(fact))
}

fn received(device_id: Uuid, number: Option<(Uuid, u64)>, fact: Fact) -> Received {
    Received {
        device_id,
        message_id: Uuid::now_v7(),
        number,
        oldest: None,
        body_sha256: crate::hash_of(&fact),
        offset_ms: Some(0),
        mono_ms: 0,
        fact,
        topic: "t".into(),
        payload: bytes::Bytes::new(),
    }
}

/// The stores of three servers.
async fn servers(fresh: &Fresh) -> Vec<Store> {
    vec![fresh.store(), fresh.open_again().await, fresh.open_again().await]
}

async fn copies_that_reach_two_servers_at_once_count_once(fresh: Fresh) {
    fill(&fresh).await;
    let servers = servers(&fresh).await;
    let batch: Vec<Received> = (1..=200).map(|seq| interval(BRIDGE, seq, u32::try_from(seq).unwrap() % 5 + 1, 600)).collect();
    let mut work = JoinSet::new();
    // As servers do: one batch after the other, while the others do the same.
    for (which, store) in servers.into_iter().enumerate() {
        let batch = batch.clone();
        work.spawn(async move {
            for turn in 0..4 {
                let mut batch = batch.clone();
                batch.rotate_left((which * 4 + turn) * 17);
                batch.truncate(150);
                assert_eq!(store.ingest(&batch, at(1_000)).await.unwrap().quarantined, [""; 0]);
            }
        });
    }
    work.join_all().await;
    assert_eq!(fresh.acknowledged_through(BRIDGE, EPOCH).await.unwrap(), 200);
    let rows = fresh.presence_of_pupil(PUPIL, at(-1), at(2_000)).await.unwrap();
    assert_eq!(rows.iter().map(|row| (row.n, row.span_ms)).collect::<Vec<_>>(), [1, 2, 3, 4, 5].map(|n| (n, 600_000)));
    let ack = fresh.ingest(&[interval(BRIDGE, 201, 1, 700)], at(1_000)).await.unwrap().acks.remove(0).1;
    assert_eq!((ack.through, ack.gaps.len()), (201, 0));
}

async fn batches_that_share_everything_in_another_order_do_not_stop_each_other(fresh: Fresh) {
    fill(&fresh).await;
    let bridges: Vec<Uuid> = (0..6).map(|n| Uuid::from_u128(900 + n)).collect();
    let robots: Vec<Uuid> = (0..6).map(|n| Uuid::from_u128(800 + n)).collect();
    for (bridge, robot) in bridges.iter().zip(&robots) {
        fresh.set_device(*bridge, DeviceKind::Bridge, b"x").await.unwrap();
        fresh.set_device(*robot, DeviceKind::Robot, b"x").await.unwrap();
        fresh.add_robot(*robot, SCHOOL, &robot.to_string(), None).await.unwrap();
    }
    let servers = servers(&fresh).await;
    let mut work = JoinSet::new();
    for (which, store) in (0..).zip(servers) {
        let (bridges, robots) = (bridges.clone(), robots.clone());
        work.spawn(async move {
            for turn in (which..60).step_by(3) {
                let batch = shared_batch(turn, &bridges, &robots);
                assert_eq!(store.ingest(&batch, at(2_000)).await.unwrap().quarantined, [""; 0]);
            }
        });
    }
    work.join_all().await;
    for bridge in bridges {
        assert_eq!(fresh.acknowledged_through(bridge, EPOCH).await.unwrap(), 60);
    }
    assert_eq!(fresh.presence_of_pupil(PUPIL, at(-1), at(2_000)).await.unwrap()[0].span_ms, 60_000);
    for robot in robots {
        assert_eq!(fresh.robot_events(robot, 100).await.unwrap().len(), 60);
    }
}

/// What every bridge says of every robot, in an order of its own for each turn.
fn shared_batch(turn: u64, bridges: &[Uuid], robots: &[Uuid]) -> Vec<Received> {
    let mut batch: Vec<Received> = Vec::new();
    for (bridge, robot) in bridges.iter().zip(robots.iter().rev()) {
        batch.push(interval(*bridge, turn + 1, 1, i64::try_from(turn).unwrap() + 1));
        let leg = Some(protocol::LegQuality::default());
        let robot = RobotId(*robot);
        let link = protocol::LinkMessage {
            robot,
            robot_leg: leg,
            session: None,
            pupil_leg: None,
            tier: None,
            trouble: None,
            freezes: None,
        };
        batch.push(received(*bridge, None, Fact::Link(link)));
        let what = protocol::EventKind::Started;
        let event = protocol::EventMessage { what, robot, session: None, at: at(0) };
        batch.push(received(robot.0, None, Fact::Event(event)));
        let hello = protocol::HelloMessage::new(protocol::Role::Bridge, protocol::Status::Here, "1", at(0));
        batch.push(received(*bridge, None, Fact::Hello(hello)));
    }
    batch.rotate_left(usize::try_from(turn).unwrap() % 24);
    if turn % 2 == 1 {
        batch.reverse();
    }
    batch
}

/// Counting and comparing are two statements: without one writer at a time, tries at once would see each other's old count.
async fn tries_that_are_made_at_once_are_counted_one_by_one(fresh: Fresh) {
    let servers = servers(&fresh).await;
    let mut work = JoinSet::new();
    for store in servers.into_iter().cycle().take(24) {
        work.spawn(async move {
            let key = [ThrottleKey { key_sha256: b"k", free: 5 }];
            store.begin_sign_in_try(&key, at(0), at(-60), |_| TimeDelta::minutes(1)).await.unwrap()
        });
    }
    let tried = work.join_all().await.into_iter().filter(Option::is_none).count();
    assert_eq!(tried, 5, "the free ones and no more");
}
