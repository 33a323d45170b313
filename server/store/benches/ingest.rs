//! How many messages a second the store takes, and what one costs this process, on each engine. No broker, no decoding: what
//! arrives is in memory. `cargo bench -p store [-- messages]`.
//!
//! The floor is the least that any design has to do: one row of the inbox a message, by the statement of the ingest alone.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use engines::{Engine, Fresh, Postgres};
use protocol::{Bitrate, BodyState, Clock as _, LegQuality, LinkMessage, PlacementId, PresenceMessage, RobotId, RobotMessage};
use protocol::{Percent, SessionId, SystemClock, Tier};
use store::inbox::{Fact, Received};
use store::organisations::OrganisationRow;
use store::placements::{NewPlacement, NewPupil};
use store::{DeviceKind, Store};
use uuid::Uuid;

/// What the server stores in one transaction at most.
const BATCH: usize = 1_000;
const ROBOTS: u128 = 1_000;
const BRIDGES: u128 = 10;

fn main() {
    let messages: usize = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(100_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let server = Postgres::start();
    runtime.block_on(async {
        for engine in [Engine::Sqlite, Engine::Postgres] {
            for (name, make) in [("presence", presence as fn(u64, DateTime<Utc>) -> Received), ("mixed", mixed)] {
                let fresh = match engine {
                    Engine::Sqlite => Fresh::on(engine).await,
                    Engine::Postgres => Fresh::at(&server).await,
                };
                fill(&fresh).await;
                measure(&fresh, engine, name, messages, make).await;
            }
        }
    });
}

async fn measure(store: &Store, engine: Engine, name: &str, messages: usize, make: fn(u64, DateTime<Utc>) -> Received) {
    let begin: DateTime<Utc> = "2026-11-23T09:00:00Z".parse().unwrap();
    let clock = SystemClock::new();
    let (mut wall, mut cpu) = (Duration::ZERO, Duration::ZERO);
    let mut seq = 0;
    while usize::try_from(seq).unwrap() < messages {
        let now = begin + TimeDelta::milliseconds(i64::try_from(seq).unwrap());
        let batch: Vec<Received> = (0..BATCH)
            .map(|_| {
                seq += 1;
                make(seq, now)
            })
            .collect();
        let (started, used) = (clock.now().monotonic, process_time());
        let ingested = store.ingest(&batch, now).await.unwrap();
        wall += clock.now().monotonic - started;
        cpu += process_time() - used;
        assert!(ingested.quarantined.is_empty(), "{:?}", ingested.quarantined.first());
    }
    let count = u32::try_from(seq).unwrap();
    println!(
        "{engine:?} {name}: {:.0} messages/s, {:.1} µs CPU a message in this process, {} messages in batches of {BATCH}",
        f64::from(count) / wall.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / f64::from(count),
        count
    );
}

/// A growing interval of one of a thousand visits.
fn presence(seq: u64, now: DateTime<Utc>) -> Received {
    let which = u128::from(seq) * 7919 % ROBOTS;
    let from = now - TimeDelta::seconds(30);
    let fact = PresenceMessage::Interval {
        session: SessionId(Uuid::from_u128(30_000_000 + which)),
        placement: PlacementId(Uuid::from_u128(20_000_000 + which)),
        robot: RobotId(Uuid::from_u128(which)),
        n: u32::try_from(seq).unwrap(),
        tier: Tier::Video,
        from,
        until: now,
        span_ms: 30_000,
        clock_offset_ms: None,
        active: protocol::Active::default(),
        closed_by: None,
    };
    // One after the other, ten bridges: each numbers its own without a gap.
    received(10_000_000 + which % BRIDGES, Some((seq - 1) / 10 + 1), Fact::Presence(fact))
}

/// As robots in use send: of twenty messages fourteen on links, five of bodies, one of presence.
fn mixed(seq: u64, now: DateTime<Utc>) -> Received {
    let which = u128::from(seq) * 7919 % ROBOTS;
    let bridge = 10_000_000 + which % BRIDGES;
    match seq % 20 {
        0 => presence(seq / 20, now),
        1..=5 => {
            let body = RobotMessage {
                state: BodyState::Live,
                battery_pct: Percent::saturating(80),
                charging: false,
                wifi_dbm: Some(-60),
                room: None,
                camera_on: true,
                hand_up: false,
                uptime_s: seq,
            };
            received(which, None, Fact::Body(body))
        }
        _ => {
            let leg = LegQuality {
                rtt_ms: Some(30.0),
                loss_pct: Some(1.0),
                jitter_ms: None,
                receive: Bitrate(900_000),
                send: Bitrate(90_000),
            };
            let link = LinkMessage {
                robot: RobotId(Uuid::from_u128(which)),
                robot_leg: Some(leg),
                session: Some(SessionId(Uuid::from_u128(30_000_000 + which))),
                pupil_leg: Some(leg),
                tier: Some(Tier::Video),
                trouble: None,
                freezes: None,
            };
            received(bridge, None, Fact::Link(link))
        }
    }
}

fn received(device: u128, number: Option<u64>, fact: Fact) -> Received {
    Received {
        device_id: Uuid::from_u128(device),
        message_id: Uuid::now_v7(),
        number: number.map(|seq| (Uuid::from_u128(77), seq)),
        oldest: None,
        body_sha256: [7; 32],
        offset_ms: Some(0),
        mono_ms: 0,
        fact,
        topic: "t".into(),
        payload: bytes::Bytes::new(),
    }
}

async fn fill(store: &Store) {
    let school = Uuid::from_u128(1);
    let row = OrganisationRow {
        organisation_id: school,
        kind: "school".into(),
        name: "A".into(),
        parent_id: None,
        time_zone: "Europe/London".into(),
    };
    store.add_organisation(&row, None).await.unwrap();
    for bridge in 0..BRIDGES {
        store.set_device(Uuid::from_u128(10_000_000 + bridge), DeviceKind::Bridge, b"x").await.unwrap();
    }
    let day = "2026-11-23".parse().unwrap();
    for which in 0..ROBOTS {
        let (robot, pupil) = (Uuid::from_u128(which), Uuid::from_u128(40_000_000 + which));
        store.set_device(robot, DeviceKind::Robot, b"x").await.unwrap();
        store.add_robot(robot, school, &format!("R{which}"), None).await.unwrap();
        let new = NewPupil { pupil_id: pupil, organisation_id: school, name: "P", upn: None, year_group: 9, born: None };
        store.add_pupil(&new).await.unwrap();
        let placement = NewPlacement {
            placement_id: Uuid::from_u128(20_000_000 + which),
            pupil_id: pupil,
            robot_id: Some(robot),
            school_id: school,
            provider_id: None,
            key_worker_id: None,
            from_day: day,
            until_day: day,
        };
        store.add_placement(&placement, &[]).await.unwrap();
    }
}

/// User and system time of this process so far.
fn process_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    // A tick is 10 ms on every Linux that this runs on.
    Duration::from_millis(ticks * 10)
}
