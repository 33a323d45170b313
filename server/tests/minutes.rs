//! The rows that pages add up are what the pages of one pupil compute, whatever happened in between: facts late, doubled and out of
//! order, clocks wrong and set, timetables, calendars and corrections changed, servers killed between computing and writing, and
//! two servers at the same days. And every golden message of the contract is taken, of every version. On both engines.

use std::path::Path;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use engines::{Engine, Fresh, on_each_engine};
use protocol::{Active, ClosedBy, EndReason, PlacementId, PresenceMessage, RobotId, SessionId, Tier};
use server::minutes::{Calendars, compute};
use store::Store;
use store::audit::{Actor, NewAudit, Subject};
use store::inbox::{Fact, Received};
use store::lessons::SlotRow;
use store::minutes::{Computed, DayRow, DirtyRow, NewCorrection};
use store::organisations::{OrganisationRow, RoomRow};
use store::placements::{NewPlacement, NewPupil};
use store::robots::DeviceKind;
use store::staff::NewStaff;
use uuid::Uuid;

on_each_engine!(rows_are_what_pages_compute_whatever_happened_in_between, every_golden_message_of_a_device_is_taken);

const SCHOOL: Uuid = Uuid::from_u128(1);
const ROOM: Uuid = Uuid::from_u128(2);
const BRIDGE: Uuid = Uuid::from_u128(3);
const GROUP: Uuid = Uuid::from_u128(4);
const AUTHOR: Uuid = Uuid::from_u128(5);
const PUPIL: Uuid = Uuid::from_u128(6);
/// Two placements that overlap by some days: a robot was exchanged.
const ROBOTS: [Uuid; 2] = [Uuid::from_u128(10), Uuid::from_u128(11)];
const PLACEMENTS: [Uuid; 2] = [Uuid::from_u128(20), Uuid::from_u128(21)];
/// Thursday before the clocks go back, and a fortnight on.
const FIRST: NaiveDate = NaiveDate::from_ymd_opt(2026, 10, 22).unwrap();
const DAYS: u64 = 12;

/// Chance from a seed (splitmix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn is(&mut self, in_hundred: u64) -> bool {
        self.below(100) < in_hundred
    }
}

fn today() -> NaiveDate {
    FIRST + Days::new(DAYS)
}

fn now() -> DateTime<Utc> {
    (today() + Days::new(2)).and_hms_opt(12, 0, 0).unwrap().and_utc()
}

async fn fill(store: &Store) {
    let school = OrganisationRow {
        organisation_id: SCHOOL,
        kind: "school".into(),
        name: "Alder Road".into(),
        parent_id: None,
        time_zone: "Europe/London".into(),
    };
    store.add_organisation(&school, Some(FIRST)).await.unwrap();
    store.add_room(&RoomRow { room_id: ROOM, organisation_id: SCHOOL, name: "Room 12".into() }).await.unwrap();
    store.add_class_group(GROUP, SCHOOL, "9A").await.unwrap();
    store.set_device(BRIDGE, DeviceKind::Bridge, &[1; 32]).await.unwrap();
    let staff = NewStaff { staff_id: AUTHOR, name: "Ms K.", email: "k@example.org", password_hash: "-" };
    assert!(store.add_staff(staff, &[]).await.unwrap());
    store
        .add_pupil(&NewPupil { pupil_id: PUPIL, organisation_id: SCHOOL, name: "Ada Q.", upn: None, year_group: 9, born: None })
        .await
        .unwrap();
    for (index, (robot, placement)) in ROBOTS.into_iter().zip(PLACEMENTS).enumerate() {
        store.set_device(robot, DeviceKind::Robot, &[2; 32]).await.unwrap();
        store.add_robot(robot, SCHOOL, if index == 0 { "Robin" } else { "Finch" }, Some(ROOM)).await.unwrap();
        let from_day = if index == 0 { FIRST } else { FIRST + Days::new(6) };
        let placement = NewPlacement {
            placement_id: placement,
            pupil_id: PUPIL,
            robot_id: Some(robot),
            school_id: SCHOOL,
            provider_id: None,
            key_worker_id: None,
            from_day,
            until_day: from_day + Days::new(8),
        };
        store.add_placement(&placement, &[]).await.unwrap();
    }
    let slots: Vec<SlotRow> = (1..=2)
        .flat_map(|week| (1..=7).map(move |weekday| (week, weekday)))
        .flat_map(|(week, weekday)| [0, 540, 610, 680].map(|start| slot(week, weekday, start)))
        .collect();
    for placement in PLACEMENTS {
        store.add_slots(placement, &slots).await.unwrap();
    }
}

fn slot(week: i64, weekday: i64, start_min: i64) -> SlotRow {
    SlotRow {
        timetable_slot_id: slot_id(week, weekday, start_min),
        class_group_id: GROUP,
        room_id: ROOM,
        room_name: String::new(),
        week,
        weekday,
        start_min,
        end_min: start_min + 60,
        subject: "Maths".into(),
        teacher: String::new(),
        robot_stays_out: start_min == 610,
        valid_from: None,
        valid_until: None,
        expected: start_min != 610,
        expected_from: None,
        expected_until: None,
    }
}

fn slot_id(week: i64, weekday: i64, start_min: i64) -> Uuid {
    Uuid::from_u128(u128::try_from(1_000_000 + week * 100_000 + weekday * 10_000 + start_min).unwrap())
}

/// The messages of one visit, with a clock that is off, perhaps measured, perhaps set on the way.
fn visit(chance: &mut Chance) -> Vec<PresenceMessage> {
    let which = usize::try_from(chance.below(2)).unwrap();
    let (placement, robot) = (PlacementId(PLACEMENTS[which]), RobotId(ROBOTS[which]));
    let session = SessionId(Uuid::from_u128(u128::from(chance.next())));
    let minutes = i64::try_from(chance.below(DAYS * 24 * 60)).unwrap();
    let mut at = FIRST.and_hms_opt(0, 0, 0).unwrap().and_utc() + TimeDelta::minutes(minutes);
    let mut offset_ms = if chance.is(30) { i64::try_from(chance.below(200_000_000)).unwrap() - 100_000_000 } else { 0 };
    let (mut messages, mut total_ms, intervals) = (Vec::new(), 0, 1 + chance.below(4));
    for n in 1..=intervals {
        let span_ms = chance.below(4_000_000);
        let measured = chance.is(70).then_some(offset_ms);
        let from = at + TimeDelta::milliseconds(offset_ms);
        if chance.is(10) {
            offset_ms += 7_200_000;
        }
        let until = at + TimeDelta::milliseconds(i64::try_from(span_ms).unwrap() + offset_ms);
        let interval = |span_ms: u64, until, closed_by, measured| PresenceMessage::Interval {
            session,
            placement,
            robot,
            n: u32::try_from(n).unwrap(),
            tier: [Tier::Video, Tier::Stills, Tier::Audio][usize::try_from(n % 3).unwrap()],
            from,
            until,
            span_ms,
            clock_offset_ms: measured,
            active: Active { hands: 1, ..Active::default() },
            closed_by,
        };
        let half = span_ms / 2;
        messages.push(interval(half, from + TimeDelta::milliseconds(i64::try_from(half).unwrap()), None, None));
        let closed = [ClosedBy::End, ClosedBy::TierChange, ClosedBy::Recovery][usize::try_from(chance.below(3)).unwrap()];
        messages.push(interval(span_ms, until, Some(closed), measured));
        total_ms += span_ms;
        at += TimeDelta::milliseconds(i64::try_from(span_ms).unwrap()) + TimeDelta::seconds(20);
    }
    let ended_at = at + TimeDelta::milliseconds(offset_ms);
    messages.push(PresenceMessage::Ended {
        session,
        placement,
        robot,
        at: ended_at,
        reason: EndReason::Left,
        // Now and then the bridge counted more than ever arrives.
        intervals: u32::try_from(intervals + chance.below(10) / 9).unwrap(),
        total_ms,
    });
    messages
}

fn received(fact: PresenceMessage, seq: u64, chance: &mut Chance) -> Received {
    Received {
        device_id: BRIDGE,
        message_id: Uuid::now_v7(),
        number: Some((Uuid::from_u128(100), seq)),
        oldest: None,
        body_sha256: [0; 32],
        offset_ms: Some(i64::try_from(chance.below(20_000)).unwrap() - 10_000),
        mono_ms: 0,
        fact: Fact::Presence(fact),
        topic: String::new(),
        payload: bytes::Bytes::new(),
    }
}

/// Something else than a fact that changes minutes.
async fn somebody_changes_something(store: &Store, chance: &mut Chance) {
    let day = FIRST + Days::new(chance.below(DAYS));
    let (week, weekday) = (1 + i64::try_from(chance.below(2)).unwrap(), 1 + i64::try_from(chance.below(7)).unwrap());
    match chance.below(6) {
        0 => {
            let reason = chance.is(60).then_some("Snow");
            store.set_closure(SCHOOL, day, reason).await.unwrap();
        }
        1 => {
            let moved = SlotRow { start_min: 550, end_min: 600, ..slot(week, weekday, 540) };
            assert!(store.correct_slot(&moved).await.unwrap());
        }
        2 => {
            let mut new = slot(week, weekday, 680);
            new.timetable_slot_id = Uuid::from_u128(u128::from(chance.next()));
            new.start_min = 690;
            assert!(store.change_slot(slot_id(week, weekday, 680), &new, day).await.unwrap());
        }
        3 => {
            let monday = FIRST + Days::new(4);
            store.begin_weeks(SCHOOL, monday).await.unwrap();
        }
        _ => {
            let start = day.and_hms_opt(8, 0, 0).unwrap().and_utc();
            let which = usize::try_from(chance.below(2)).unwrap();
            let lesson = chance.is(70).then_some((slot_id(week, weekday, 540), start));
            let correction = NewCorrection {
                minutes_correction_id: Uuid::now_v7(),
                placement_id: PLACEMENTS[which],
                day,
                lesson,
                to_s: chance.is(80).then(|| i64::try_from(chance.below(5_000)).unwrap()),
                reason: "The tablet was shared",
                author_id: AUTHOR,
            };
            let audit = NewAudit {
                actor: Actor::Staff(AUTHOR),
                action: "correct minutes",
                subject: Subject::Pupil(PUPIL),
                detail: None,
            };
            store.add_correction(&correction, audit, now()).await.unwrap();
        }
    }
}

/// One server's round, which may end before it writes.
async fn round(store: &Store, chance: &mut Chance, kept: &mut Vec<Vec<Computed>>) {
    store.mark_changed(today()).await.unwrap();
    let marks = store.dirty_days(Uuid::nil(), 1 + i64::try_from(chance.below(40)).unwrap()).await.unwrap();
    let computed = compute(store, &marks, &mut Calendars::new(), now()).await.unwrap();
    match chance.below(4) {
        // Killed.
        0 => {}
        // Slow: it writes what it computed some steps later.
        1 => kept.push(computed),
        _ => {
            store.write_days(&computed).await.unwrap();
        }
    }
}

async fn scene(engine: Engine, seed: u64) {
    let chance = &mut Chance(seed);
    let fresh = Fresh::on(engine).await;
    let servers = [fresh.store(), fresh.open_again().await];
    fill(&fresh).await;
    let mut facts: Vec<PresenceMessage> = (0..25).flat_map(|_| visit(chance)).collect();
    // Any order, some of them twice, some never.
    facts.retain(|_| !chance.is(3));
    let twice: Vec<PresenceMessage> = facts.iter().filter(|_| chance.is(20)).cloned().collect();
    facts.extend(twice);
    let mut keyed: Vec<(u64, PresenceMessage)> = facts.into_iter().map(|fact| (chance.next(), fact)).collect();
    keyed.sort_by_key(|(key, _)| *key);
    let mut kept: Vec<Vec<Computed>> = Vec::new();
    let mut seq = 0;
    for batch in keyed.chunks(7) {
        let batch: Vec<Received> = batch
            .iter()
            .map(|(_, fact)| {
                seq += 1;
                received(fact.clone(), seq, chance)
            })
            .collect();
        servers[0].ingest(&batch, now()).await.unwrap();
        if chance.is(40) {
            somebody_changes_something(&servers[1], chance).await;
        }
        for server in &servers {
            round(server, chance, &mut kept).await;
        }
        if chance.is(30)
            && let Some(late) = kept.pop()
        {
            servers[1].write_days(&late).await.unwrap();
        }
    }
    // The last slow writers come when everything has changed; then one server works until nothing is left.
    for late in kept {
        servers[0].write_days(&late).await.unwrap();
    }
    while servers[1].mark_changed(today()).await.unwrap() > 0 {}
    loop {
        let marks = servers[1].dirty_days(Uuid::nil(), 1_000).await.unwrap();
        if marks.is_empty() {
            break;
        }
        let computed = compute(&servers[1], &marks, &mut Calendars::new(), now()).await.unwrap();
        assert!(servers[1].write_days(&computed).await.unwrap() > 0);
    }
    // Up to today: what is expected of later days is computed when they come.
    let (first, last) = (FIRST - Days::new(5), today());
    let rows = fresh.attendance_days(PUPIL, first, last).await.unwrap();
    let version = Uuid::nil();
    let rows: Vec<DayRow> = rows.into_iter().map(|row| DayRow { version, ..row }).collect();
    let asked: Vec<DirtyRow> =
        first.iter_days().take_while(|day| *day <= last).map(|day| DirtyRow { pupil_id: PUPIL, day, version }).collect();
    let live = compute(&fresh, &asked, &mut Calendars::new(), now()).await.unwrap();
    let live: Vec<DayRow> = live.into_iter().filter_map(|computed| computed.day).collect();
    for (row, live) in rows.iter().zip(&live) {
        assert_eq!(row, live, "seed {seed}");
    }
    assert_eq!(rows.len(), live.len(), "seed {seed}");
    assert!(rows.iter().map(|row| row.counted_ms).sum::<i64>() > 0, "seed {seed}: there is something to add up");
}

async fn rows_are_what_pages_compute_whatever_happened_in_between(fresh: Fresh) {
    for seed in 1..=10 {
        scene(fresh.engine, seed).await;
    }
}

/// Bridges and robots of before stay in schools for years: what a version of the contract ever said is read by today's server.
async fn every_golden_message_of_a_device_is_taken(fresh: Fresh) {
    fill(&fresh).await;
    let id = |last: u128| Uuid::from_u128(0x0193_a1c0_0000_7000_8000_0000_0000_0000 | last);
    let (robot, placement) = (id(1), id(4));
    fresh.set_device(robot, DeviceKind::Robot, &[4; 32]).await.unwrap();
    fresh.add_robot(robot, SCHOOL, "Wren", Some(ROOM)).await.unwrap();
    let given = NewPlacement {
        placement_id: placement,
        pupil_id: PUPIL,
        robot_id: Some(robot),
        school_id: SCHOOL,
        provider_id: None,
        key_worker_id: None,
        from_day: "2026-11-16".parse().unwrap(),
        until_day: "2026-11-20".parse().unwrap(),
    };
    fresh.add_placement(&given, &[]).await.unwrap();
    let versions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bridge/protocol/fixtures");
    let mut messages = Vec::new();
    for version in (1..).map(|n| versions.join(format!("v{n}"))).take_while(|version| version.exists()) {
        for file in std::fs::read_dir(version).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let kind = name.split('-').next().unwrap().to_owned();
            let payload = std::fs::read(&path).unwrap();
            let says: serde_json::Value = serde_json::from_slice(&payload).unwrap();
            let sender = match kind.as_str() {
                "hello" if says["body"]["role"] == "robot" => robot,
                "robot" => robot,
                "event" if says["seq"].is_null() => robot,
                "hello" | "presence" | "link" | "event" => BRIDGE,
                "ack" | "grant" | "command" | "end" => continue,
                _ => panic!("nobody has said who sends {name}"),
            };
            messages.push((says["seq"].as_u64(), name, format!("ws/v1/{sender}/up/{kind}"), payload));
        }
    }
    messages.sort();
    let numbers: Vec<u64> = messages.iter().filter_map(|(seq, ..)| *seq).collect();
    assert!(messages.len() >= 25 && numbers.len() >= 14, "the fixtures are found: {}", messages.len());
    let at = "2026-11-17T11:10:01Z".parse().unwrap();
    let (mut touched, mut through) = (0, 0);
    for (_, name, topic, payload) in messages {
        let ingested = server::ingest::apply(&fresh, &[(topic, payload)], at).await.unwrap();
        assert_eq!(ingested.quarantined, [""; 0], "{name}");
        touched += ingested.touched.len();
        through = ingested.acks.first().map_or(through, |(_, ack)| ack.through);
    }
    assert!(touched >= 20, "they have their effect: {touched}");
    assert_eq!(through, numbers.into_iter().max().unwrap(), "and are acknowledged");
    let day = ["2026-11-17T00:00:00Z", "2026-11-18T00:00:00Z"].map(|at| at.parse().unwrap());
    let held = fresh.presence_of_pupil(PUPIL, day[0], day[1]).await.unwrap();
    let mut held: Vec<_> = held.iter().map(|row| (row.n, row.span_ms)).collect();
    held.sort_unstable();
    assert_eq!(held, [1, 2, 3, 4, 5].map(|n| (n, 300_000)));
}
