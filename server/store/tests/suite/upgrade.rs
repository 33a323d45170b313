//! A database of every released version, with data in it, is brought up to date and read by today's code.

use std::ops::Range;
use std::path::Path;

use chrono::{DateTime, NaiveDate, Utc};
use engines::{Engine, database};
use protocol::Tier;
use serde_json::Value;
use server_core::framework::Scale;
use sqlx::migrate::Migrator;
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use store::Store;
use store::changes::Sight;
use store::kept::{read_assessment, read_goal, read_profile};
use store::sheets::{Owner, SheetKind};
use uuid::Uuid;

/// Rows as the released versions wrote them; `{id:N}` is an id, `{bytes:XX}` a blob in the engine's own spelling.
const DATA: [(i64, &str); 13] = [
    (
        1,
        "INSERT INTO organisation (organisation_id, kind, name, time_zone) VALUES ({id:1}, 'school', 'Alder Road', 'Europe/London');
         INSERT INTO room (room_id, organisation_id, name) VALUES ({id:2}, {id:1}, 'Room 12');
         INSERT INTO device (device_id, kind, secret_sha256) VALUES ({id:3}, 'robot', {bytes:01}), ({id:4}, 'bridge', {bytes:02});
         INSERT INTO robot (robot_id, organisation_id, name, room_id, status, status_at, charging, hand_up)
             VALUES ({id:3}, {id:1}, 'Robin', {id:2}, 'here', '2026-11-20T08:00:00+00:00', {true}, {false});
         INSERT INTO bridge (bridge_id, status, http_base) VALUES ({id:4}, 'here', 'http://b');
         INSERT INTO pupil (pupil_id, organisation_id, name, upn, year_group) VALUES ({id:5}, {id:1}, 'Ada Q.', 'B801200005001', 9);
         INSERT INTO placement (placement_id, pupil_id, robot_id, school_id, from_day, until_day)
             VALUES ({id:6}, {id:5}, {id:3}, {id:1}, '2026-11-16', '2026-12-18');
         INSERT INTO class_group (class_group_id, organisation_id, name) VALUES ({id:7}, {id:1}, '9B');
         INSERT INTO timetable_slot (timetable_slot_id, class_group_id, room_id, week, weekday, start_min, end_min, subject)
             VALUES ({id:8}, {id:7}, {id:2}, 1, 5, 540, 600, 'Maths');
         INSERT INTO school_calendar (organisation_id, week_one_monday) VALUES ({id:1}, '2026-11-16');
         INSERT INTO expected_slot (placement_id, timetable_slot_id) VALUES ({id:6}, {id:8});
         INSERT INTO inbox (device_id, epoch, seq, kind, received_at, body_sha256)
             VALUES ({id:4}, {id:9}, 1, 'presence', '2026-11-20T09:10:00.25+00:00', {bytes:aa}),
                    ({id:4}, {id:9}, 2, 'presence', '2026-11-20T09:40:00.25+00:00', {bytes:ab}),
                    ({id:4}, {id:9}, 4, 'presence', '2026-11-20T09:50:00.25+00:00', {bytes:ac});
         INSERT INTO inbox_cursor (device_id, epoch, contiguous, highest) VALUES ({id:4}, {id:9}, 2, 4);
         INSERT INTO quarantine (quarantine_id, topic, payload, reason, received_at)
             VALUES ({id:10}, 't', {bytes:7b}, 'not readable', '2026-11-20T09:10:00+00:00');
         INSERT INTO visit (session_id, placement_id, robot_id) VALUES ({id:11}, {id:6}, {id:3});
         INSERT INTO presence_interval (session_id, n, tier, from_at, until_at, span_ms)
             VALUES ({id:11}, 1, 'video', '2026-11-20T09:05:00+00:00', '2026-11-20T09:40:00+00:00', 2100000);
         INSERT INTO robot_event (robot_event_id, robot_id, what, at) VALUES ({id:12}, {id:3}, 'started', '2026-11-20T08:00:00+00:00');",
    ),
    (
        2,
        "INSERT INTO staff (staff_id, name, email, password_hash) VALUES ({id:20}, 'Ms N.', 'n@school.example', 'x');
         INSERT INTO audit_entry (audit_entry_id, at, actor_kind, actor_id, action, subject_kind, subject_id)
             VALUES ({id:21}, '2026-11-20T12:00:00+00:00', 'staff', {id:20}, 'read record', 'pupil', {id:5});",
    ),
    (3, "INSERT INTO rest_choice (placement_id, lesson_start_at, chosen_at)
             VALUES ({id:6}, '2026-11-20T13:00:00+00:00', '2026-11-20T12:55:00+00:00');"),
    (4, "UPDATE bridge SET capacity = 40, load_at = '2026-11-20T09:00:00+00:00';
         INSERT INTO telemetry_minute (robot_id, minute_at, battery_pct, tier) VALUES ({id:3}, '2026-11-20T09:05:00+00:00', 80, 'video');
         INSERT INTO lost_range (device_id, epoch, first_seq, last_seq, noted_at)
             VALUES ({id:4}, {id:13}, 1, 2, '2026-11-20T09:05:00+00:00');"),
    (5, "UPDATE presence_interval SET pupil_id = {id:5}, placed_ms = 1795165500000, arrival_span_ms = 2100000;
         INSERT INTO minutes_correction (minutes_correction_id, placement_id, day, timetable_slot_id, start_at, to_s, reason, author_id, said_at)
             VALUES ({id:14}, {id:6}, '2026-11-20', {id:8}, '2026-11-20T09:00:00+00:00', 1800, 'Her own words', {id:20}, '2026-11-20T15:00:00+00:00');"),
    (6, "INSERT INTO person (person_id, pupil_id, name, reach) VALUES ({id:30}, {id:5}, 'Mr Q.', NULL);
         INSERT INTO placement_party (placement_party_id, placement_id, party, person_id, from_day)
             VALUES ({id:31}, {id:6}, 'parent', {id:30}, '2026-11-16');
         INSERT INTO case_event (case_event_id, placement_id, event, day, actor_kind, actor_id, at)
             VALUES ({id:32}, {id:6}, 'panel-hearing', '2026-11-16', 'staff', {id:20}, '2026-11-16T10:00:00+00:00');
         INSERT INTO deadline_word (deadline_word_id, placement_id, rule, kind, reason, by_id, on_day)
             VALUES ({id:33}, {id:6}, 'start-after-panel', 'does_not_apply', 'She never left', {id:20}, '2026-11-17');
         INSERT INTO contact (contact_id, placement_id, day, kind, parties, written_by, written_at)
             VALUES ({id:34}, {id:6}, '2026-11-18', 'call', 'parent,key-worker', {id:20}, '2026-11-18T10:00:00+00:00');"),
    (10, "UPDATE case_count SET counted = changed, holds_until = '2026-11-23';"),
    (11, "UPDATE pupil SET born_day = '2013-03-14';
          INSERT INTO pupil (pupil_id, organisation_id, name, year_group) VALUES ({id:15}, {id:1}, 'Ben M.', 8);
          INSERT INTO placement (placement_id, pupil_id, school_id, from_day, until_day)
              VALUES ({id:16}, {id:15}, {id:1}, '2026-11-16', '2026-12-18');"),
    (12, "UPDATE bridge SET busy_pct = 40;"),
    (14, "INSERT INTO stated_half_day (stated_half_day_id, placement_id, day, half_day, was_there, by_id, staff_id, at)
              VALUES ({id:60}, {id:6}, '2026-11-19', 'am', {true}, {id:30}, {id:20}, '2026-11-20T10:00:00+00:00');"),
    (15, "INSERT INTO case_change (case_change_id, pupil_id, field, from_text, to_text, actor_kind, actor_id, at)
              VALUES ({id:61}, {id:5}, 'year_group', '8', '9', 'staff', {id:20}, '2026-11-20T10:00:00+00:00');"),
    (16, "INSERT INTO room (room_id, organisation_id, name, retired_at)
              VALUES ({id:62}, {id:1}, 'Room 1', '2026-11-20T10:00:00+00:00');"),
    (17, "UPDATE deadline_word SET at = '2026-11-17T10:00:00+00:00';"),
];

/// A plan and its sheets as the last released version kept them: the demo's.
const RECORD: &str = include_str!("released.json");

#[tokio::test]
async fn sqlite_databases_of_every_released_version_are_brought_up_to_date() {
    for version in older("sqlite/migrations").await {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.db").display().to_string();
        database::run(Engine::Sqlite, &path, "").await.unwrap();
        let mut connection = SqliteConnection::connect(&path).await.unwrap();
        migrate_to(&mut connection, "sqlite/migrations", version).await;
        connection.close().await.unwrap();
        fill(Engine::Sqlite, &path, version).await;
        check(&store_sqlite::open(path.as_ref()).await.unwrap(), version).await;
    }
}

#[tokio::test]
async fn postgresql_databases_of_every_released_version_are_brought_up_to_date() {
    for version in older("postgres/migrations").await {
        let address = database::empty_postgres(None).await;
        let mut connection = PgConnection::connect(&address).await.unwrap();
        migrate_to(&mut connection, "postgres/migrations", version).await;
        connection.close().await.unwrap();
        fill(Engine::Postgres, &address, version).await;
        check(&store_postgres::open(&address, None).await.unwrap(), version).await;
    }
}

/// Report: a plan that was closed had lost the day from which the school's weeks count. Its history has it.
#[tokio::test]
async fn plans_that_ended_before_get_back_their_first_day_at_school() {
    const BEFORE: i64 = 12;
    let history = "INSERT INTO plan_change (plan_id, revision, field, from_text, to_text, actor_kind, at)
                   SELECT plan_id, 900, 'state', 'returning since 2026-11-16', 'closed on 2026-11-20', 'program',
                          '2026-11-20T10:00:00+00:00' FROM plan";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.db").display().to_string();
    database::run(Engine::Sqlite, &path, "").await.unwrap();
    let mut connection = SqliteConnection::connect(&path).await.unwrap();
    migrate_to(&mut connection, "sqlite/migrations", BEFORE).await;
    connection.close().await.unwrap();
    let address = database::empty_postgres(None).await;
    let mut connection = PgConnection::connect(&address).await.unwrap();
    migrate_to(&mut connection, "postgres/migrations", BEFORE).await;
    connection.close().await.unwrap();
    for (engine, at) in [(Engine::Sqlite, &path), (Engine::Postgres, &address)] {
        fill(engine, at, BEFORE).await;
        database::run(engine, at, history).await.unwrap();
    }
    for store in [store_sqlite::open(path.as_ref()).await.unwrap(), store_postgres::open(&address, None).await.unwrap()] {
        let [row] = store.plans_of(Uuid::from_u128(6)).await.unwrap().try_into().unwrap();
        assert_eq!(row.plan.parts().school_start, Some("2026-11-16".parse().unwrap()));
    }
}

async fn migrations(folder: &str) -> Migrator {
    Migrator::new(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).await.unwrap()
}

/// Every version but today's, by the number of its newest migration: any of them may be in use somewhere.
async fn older(folder: &str) -> Range<i64> {
    let versions: Vec<_> = migrations(folder).await.iter().map(|migration| migration.version).collect();
    let newest = *versions.last().expect("there are migrations");
    assert_eq!(versions, (1..=newest).collect::<Vec<_>>(), "one after the other");
    1..newest
}

/// As the program of that version did.
async fn migrate_to(connection: &mut impl sqlx::migrate::Migrate, folder: &str, version: i64) {
    let migrator = migrations(folder).await;
    connection.ensure_migrations_table(&migrator.table_name).await.unwrap();
    for migration in migrator.iter().filter(|migration| migration.version <= version) {
        connection.apply(&migrator.table_name, migration).await.unwrap();
    }
}

async fn fill(engine: Engine, address: &str, version: i64) {
    for (_, data) in DATA.iter().filter(|(since, _)| *since <= version) {
        let mut sql = String::new();
        for (n, piece) in data.split(['{', '}']).enumerate() {
            let spelt = match (n % 2, piece.split_once(':'), engine) {
                (0, ..) => piece.to_owned(),
                (_, Some(("id", id)), Engine::Sqlite) => {
                    format!("X'{}'", Uuid::from_u128(id.parse().unwrap()).simple())
                }
                (_, Some(("id", id)), Engine::Postgres) => format!("'{}'", Uuid::from_u128(id.parse().unwrap())),
                (_, Some((_, hex)), Engine::Sqlite) => format!("X'{hex}'"),
                (_, Some((_, hex)), Engine::Postgres) => format!("'\\x{hex}'"),
                (_, None, Engine::Sqlite) => if piece == "true" { "1" } else { "0" }.to_owned(),
                (_, None, Engine::Postgres) => piece.to_owned(),
            };
            sql.push_str(&spelt);
        }
        database::run(engine, address, &sql).await.unwrap();
    }
    if version >= 6 {
        database::run(engine, address, &record(engine)).await.unwrap();
    }
}

/// Puts [`RECORD`] under the placement of [`DATA`].
fn record(engine: Engine) -> String {
    let id = |n: u128| match engine {
        Engine::Sqlite => format!("X'{}'", Uuid::from_u128(n).simple()),
        Engine::Postgres => format!("'{}'", Uuid::from_u128(n)),
    };
    let text = |value: &Value| match value {
        Value::Null => "NULL".to_owned(),
        Value::String(text) => format!("'{}'", text.replace('\'', "''")),
        other => format!("'{}'", other.to_string().replace('\'', "''")),
    };
    let kept: Value = serde_json::from_str(RECORD).unwrap();
    let plan: Vec<String> = kept["plan"].as_array().unwrap().iter().map(text).collect();
    let [pack, pack_version, route, state, revision, at] = plan.try_into().unwrap();
    let mut sql = format!(
        "INSERT INTO plan (plan_id, placement_id, pack_id, pack_version, route, responsible_id, state, revision, changed_at)
         VALUES ({}, {}, {pack}, {pack_version}, {route}, {}, {state}, {}, {at});",
        id(40),
        id(6),
        id(1),
        revision.trim_matches('\''),
    );
    for (part, body) in kept["parts"].as_object().unwrap() {
        sql += &format!("INSERT INTO plan_part (plan_id, part, body) VALUES ({}, '{part}', {});", id(40), text(body));
    }
    for change in kept["changes"].as_array().unwrap() {
        let [revision, field, from, to, at] = std::array::from_fn(|n| text(&change[n]));
        sql += &format!(
            "INSERT INTO plan_change (plan_id, revision, field, from_text, to_text, actor_kind, actor_id, at)
             VALUES ({}, {}, {field}, {from}, {to}, 'staff', {}, {at});",
            id(40),
            revision.trim_matches('\''),
            id(20),
        );
    }
    for (n, sheet) in (50..).zip(kept["sheets"].as_array().unwrap()) {
        let [kind, day, body] = std::array::from_fn(|n| text(&sheet[n]));
        sql += &format!(
            "INSERT INTO sheet (sheet_id, revision, kind, placement_id, day, body, actor_kind, actor_id, at)
             VALUES ({}, 1, {kind}, {}, {day}, {body}, 'staff', {}, '2026-11-20T10:00:00+00:00');",
            id(n),
            id(6),
            id(20),
        );
    }
    sql
}

async fn check(store: &Store, version: i64) {
    let id = Uuid::from_u128;
    let time = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let robot = store.robot(id(3)).await.unwrap().unwrap();
    assert_eq!((robot.name.as_str(), robot.charging, robot.hand_up), ("Robin", Some(true), Some(false)), "version {version}");
    assert_eq!(robot.status_at, Some(time("2026-11-20T08:00:00Z")));
    let bridge = store.bridges().await.unwrap().remove(0);
    assert_eq!(
        (bridge.draining, bridge.capacity, bridge.http_base.as_deref()),
        (false, (version >= 4).then_some(40), Some("http://b"))
    );
    let rows = store.presence_of_pupil(id(5), time("2026-11-20T09:00:00Z"), time("2026-11-20T10:00:00Z")).await.unwrap();
    assert_eq!(
        rows.iter().map(|row| (row.tier, row.span_ms, row.closed_by.is_none())).collect::<Vec<_>>(),
        [(Tier::Video, 2_100_000, true)]
    );
    if version < 5 {
        // The day of the interval, and one on each side: the school's zone decides which it is.
        assert_eq!(
            store.dirty_days(Uuid::nil(), 10).await.unwrap().len(),
            3,
            "version {version}: what was held is computed anew"
        );
    }
    let placement = store.placement(id(6)).await.unwrap().unwrap();
    assert_eq!((placement.robot_id, placement.robot_name.as_deref()), (Some(id(3)), Some("Robin")), "it keeps its robot");
    assert_eq!(store.slots_of_placement(id(6)).await.unwrap().len(), 1);
    assert_eq!(store.acknowledged_through(id(4), id(9)).await.unwrap(), 2);
    let entry = store.quarantined(10, None).await.unwrap().remove(0);
    assert_eq!((entry.payload.as_slice(), entry.device_id, entry.cut_from_bytes), ([0x7b].as_slice(), None, None));
    assert_eq!(store.robot_events(id(3), 10).await.unwrap().len(), 1);
    // The gap that was open then closes now.
    let third = store::inbox::Received {
        device_id: id(4),
        message_id: id(99),
        number: Some((id(9), 3)),
        oldest: None,
        body_sha256: [1; 32],
        offset_ms: Some(0),
        mono_ms: 0,
        fact: store::inbox::Fact::Unusable("any".into()),
        topic: "t".into(),
        payload: bytes::Bytes::new(),
    };
    let ack = store.ingest(&[third], time("2026-11-21T09:00:00Z")).await.unwrap().acks.remove(0).1;
    assert_eq!((ack.through, ack.gaps.len()), (4, 0));
    assert_eq!(store.audit_of(id(5), 10).await.unwrap().len(), usize::from(version >= 2));
    let rests = store.rests(id(6), time("2026-11-20T00:00:00Z"), time("2026-11-21T00:00:00Z")).await.unwrap();
    assert_eq!(rests.len(), usize::from(version >= 3));
    let minutes = store.telemetry(id(3), time("2026-11-20T09:00:00Z"), time("2026-11-20T10:00:00Z")).await.unwrap();
    assert_eq!((minutes.len(), store.lost(10).await.unwrap().len()), (usize::from(version >= 4), usize::from(version >= 4)));
    let friday = day("2026-11-20");
    let corrections = store.corrections(id(5), friday, friday).await.unwrap();
    assert_eq!(corrections.iter().map(|row| row.to_s).collect::<Vec<_>>(), vec![Some(1_800); usize::from(version >= 5)]);
    if version >= 6 {
        check_record(store).await;
    }
    assert_eq!(store.last_stated(id(6)).await.unwrap(), (version >= 14).then_some(id(60)));
    let changes = store.case_changes(id(5), id(6), Sight::default(), 100, 0).await.unwrap();
    let of_year = changes.iter().filter(|row| row.what == "year_group").map(|row| row.to_text.as_deref());
    assert_eq!(of_year.collect::<Vec<_>>(), vec![Some("9"); usize::from(version >= 15)]);
    let rooms = store.rooms(id(1)).await.unwrap();
    assert_eq!(
        rooms.iter().map(|room| room.name.as_str()).collect::<Vec<_>>(),
        ["Room 12"],
        "one that is used no more is not listed"
    );
    if version >= 11 {
        assert_eq!(store.placement(id(16)).await.unwrap().unwrap().robot_id, None, "it has no robot yet");
    }
    // What a program had changed of the past, which those versions did not notice: all is added up again, once.
    while store.mark_changed(friday).await.unwrap() > 0 {}
    let mut marked: Vec<_> = store.dirty_days(id(0), 100).await.unwrap();
    marked.retain(|mark| mark.pupil_id == id(5) && (day("2026-11-16")..=friday).contains(&mark.day));
    assert_eq!(marked.len(), 5, "version {version}");
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// What people wrote is read, all of it.
async fn check_record(store: &Store) {
    let id = Uuid::from_u128;
    let case = store.case_rows(id(6)).await.unwrap();
    assert_eq!((case.events.len(), case.overrides.len()), (1, 1));
    assert_eq!(store.parties(id(6)).await.unwrap().len(), 1);
    assert_eq!(store.contacts(id(6), day("2026-11-16"), day("2026-11-20")).await.unwrap().len(), 1);
    let [plan] = store.plans_of(id(6)).await.unwrap().try_into().unwrap();
    assert_eq!((plan.plan.revision().0, plan.plan.meetings().len(), plan.plan.barriers().len()), (41, 2, 2));
    assert_eq!(store.plan_history(id(40), None, None, 100).await.unwrap().len(), 6);
    for (kind, count) in [(SheetKind::Goal, 2), (SheetKind::Assessment, 4), (SheetKind::Profile, 1)] {
        let sheets = store.sheets(Owner::Placement(id(6)), kind).await.unwrap();
        assert_eq!(sheets.len(), count, "{kind:?}");
        for sheet in sheets {
            let is_read = match kind {
                SheetKind::Goal => read_goal(&sheet.body).is_some(),
                SheetKind::Assessment => read_assessment(&sheet.body, &[Scale::plain()]).is_some(),
                _ => read_profile(&sheet.body).is_some(),
            };
            assert!(is_read, "{}", sheet.body);
        }
    }
}
