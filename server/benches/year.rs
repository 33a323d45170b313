//! A school year of 10,000 robots: how long it takes to compute all minutes anew, and how quick every page is on that data, on SQLite
//! and on PostgreSQL. Prints tables; ends with 1 if a page is slower than it may be.
//!
//!     cargo bench -p server --bench year                          # takes 10 GB of disk for a while
//!     YEAR_ROBOTS=400 YEAR_DAYS=40 cargo bench -p server          # a quick look
//!     YEAR_SAMPLE=10000 cargo bench -p server                     # compute every pupil's year, not a sample
//!     YEAR_MINUTES=480 cargo bench -p server                      # robots are on all day, not for an hour: measurements, which no page reads
//!     YEAR_RUNS=10 cargo bench -p server                          # each page ten times: whether it is drawn, not how quick
//!
//! Facts are laid into the tables by the engine itself; the minutes of a sample of pupils are then computed by the product's own
//! job. The rows of the other pupils, which pages only add up, are laid beside them with lengths of the same order.

#![expect(
    clippy::disallowed_methods,
    reason = "a bench reads its size from the environment and measures by the machine's clock"
)]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use engines::{Engine, Fresh};
use server::minutes::{Calendars, compute};
use server_core::access::Role;
use store::staff::{NewStaff, StaffRoleRow};
use uuid::Uuid;

#[path = "year/machines.rs"]
mod machines;
#[path = "year/pages.rs"]
mod pages;
#[path = "year/plans.rs"]
mod plans;
#[path = "year/record.rs"]
mod record;

/// A Wednesday of term, in the second lesson.
const NOW: &str = "2026-11-25T10:05:00Z";
const PASSWORD: &str = "correct horse battery";
const A_SCHOOL: u64 = 20;
const MARKS: usize = 2_000;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

struct Size {
    robots: u64,
    days: u64,
    sample: u64,
    /// A day on which a robot is on: from each it leaves a measurement.
    minutes: u64,
    /// How often each page is asked for.
    runs: usize,
}

/// Kinds of ids: the high part, so that none collide.
#[derive(Clone, Copy)]
enum Of {
    School = 1,
    Room,
    Robot,
    Pupil,
    Placement,
    Group,
    Slot,
    Visit,
    Audit,
    Plan,
    Earlier,
    Contact,
    Bridge,
    Epoch,
    Event,
    Message,
    Staff,
    Person,
    Party,
    CaseEvent,
    Word,
    Sheet,
    Change,
    Correction,
    Stated,
    Tablet,
    Keyword,
}

fn id_of(kind: Of, n: u64) -> Uuid {
    Uuid::from_u128((u128::from(kind as u8) << 64) + u128::from(n))
}

const AUTHORITY: Uuid = Uuid::from_u128(0xa0);
const PEOPLE: [(&str, Role, u128); 5] = [
    ("coordinator", Role::Coordinator, 0xc1),
    ("key worker", Role::KeyWorker, 0xc2),
    ("school lead", Role::SchoolLead, 0xc3),
    ("class staff", Role::ClassroomStaff, 0xc4),
    ("auditor", Role::Auditor, 0xc5),
];

/// How an engine writes what the other writes differently.
struct Sql(Engine);

impl Sql {
    fn id(&self, kind: Of, n: &str) -> String {
        let kind = kind as u8;
        match self.0 {
            Engine::Sqlite => format!("unhex(printf('%016x%016x', {kind}, {n}))"),
            Engine::Postgres => {
                format!("CAST(lpad(to_hex({kind}), 16, '0') || lpad(to_hex(CAST({n} AS bigint)), 16, '0') AS uuid)")
            }
        }
    }

    fn fixed(&self, id: Uuid) -> String {
        match self.0 {
            Engine::Sqlite => format!("x'{}'", id.simple()),
            Engine::Postgres => format!("CAST('{id}' AS uuid)"),
        }
    }

    fn at(&self, seconds: &str) -> String {
        match self.0 {
            Engine::Sqlite => format!("strftime('%Y-%m-%dT%H:%M:%S+00:00', {seconds}, 'unixepoch')"),
            Engine::Postgres => format!("to_timestamp({seconds})"),
        }
    }

    fn day(&self, seconds: &str) -> String {
        match self.0 {
            Engine::Sqlite => format!("date({seconds}, 'unixepoch')"),
            Engine::Postgres => format!("CAST(to_timestamp({seconds}) AT TIME ZONE 'UTC' AS date)"),
        }
    }

    fn truth(&self, is: bool) -> &'static str {
        match (self.0, is) {
            (Engine::Sqlite, true) => "1",
            (Engine::Sqlite, false) => "0",
            (Engine::Postgres, true) => "true",
            (Engine::Postgres, false) => "false",
        }
    }

    /// Rows `name(column)` with 0 up to `count` − 1.
    fn series(&self, name: &str, column: &str, count: u64) -> String {
        match self.0 {
            Engine::Sqlite => format!(
                "{name}({column}) AS (SELECT 0 UNION ALL SELECT {column} + 1 FROM {name} WHERE {column} < {})",
                count.saturating_sub(1)
            ),
            Engine::Postgres => {
                format!("{name}({column}) AS (SELECT CAST(g AS bigint) FROM generate_series(0, {}) g)", count.saturating_sub(1))
            }
        }
    }
}

/// School days before and with today: Monday to Friday, as days back from it.
fn school_days(size: &Size) -> Vec<i64> {
    // Wednesday is day 0.
    (0i64..).filter(|back| !matches!((2 - back).rem_euclid(7), 5 | 6)).take(usize::try_from(size.days).unwrap_or(190)).collect()
}

/// School days as a table `d(back)`.
fn days_of(backs: &[i64]) -> String {
    let days: Vec<String> = backs.iter().map(|back| format!("(CAST({back} AS bigint))")).collect();
    format!("d(back) AS (VALUES {})", days.join(", "))
}

/// Runs statements beside the store.
async fn run(fresh: &Fresh, text: &str) {
    fresh.run(text).await.unwrap_or_else(|error| panic!("{error}: {text}"));
}

async fn fill(fresh: &Fresh, size: &Size, now: DateTime<Utc>) {
    let sql = Sql(fresh.engine);
    let schools = size.robots.div_ceil(A_SCHOOL);
    let hash = server::api::auth::hash_password(PASSWORD.to_owned()).await.unwrap();
    let (no, yes) = (sql.truth(false), sql.truth(true));
    let authority = sql.fixed(AUTHORITY);
    let midnight = now.date_naive().and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp();
    let run = async |text: String| run(fresh, &text).await;
    run(format!("INSERT INTO organisation (organisation_id, kind, name) VALUES ({authority}, 'authority', 'Fennshire')")).await;
    run(format!(
        "WITH RECURSIVE {} INSERT INTO organisation (organisation_id, kind, name, parent_id)
         SELECT {}, 'school', 'School ' || (i * 7919 % {schools}) || ' ' || i, {authority} FROM s",
        sql.series("s", "i", schools),
        sql.id(Of::School, "i")
    ))
    .await;
    let school = sql.id(Of::School, "i");
    for (table, columns, values) in [
        (
            "school_calendar",
            "organisation_id, week_one_monday",
            format!("{school}, {}", sql.day(&(midnight - 2 * 86_400).to_string())),
        ),
        ("week_one", "organisation_id, monday", format!("{school}, {}", sql.day(&(midnight - 2 * 86_400).to_string()))),
        ("room", "room_id, organisation_id, name", format!("{}, {school}, 'Room 12'", sql.id(Of::Room, "i"))),
        ("class_group", "class_group_id, organisation_id, name", format!("{}, {school}, '9A'", sql.id(Of::Group, "i"))),
    ] {
        run(format!("WITH RECURSIVE {} INSERT INTO {table} ({columns}) SELECT {values} FROM s", sql.series("s", "i", schools)))
            .await;
    }
    // Five lessons a day, two weeks; each plan expects two of them.
    run(format!(
        "WITH RECURSIVE {}, {} INSERT INTO timetable_slot
             (timetable_slot_id, class_group_id, room_id, week, weekday, start_min, end_min, subject, teacher, robot_stays_out)
         SELECT {}, {}, {}, 1 + k / 25, 1 + k % 25 / 5, 530 + k % 5 * 70, 590 + k % 5 * 70, 'Subject ' || k % 5, 'Ms N.',
                CASE WHEN k % 25 = 24 THEN {yes} ELSE {no} END
         FROM s CROSS JOIN t",
        sql.series("s", "i", schools),
        sql.series("t", "k", 50),
        sql.id(Of::Slot, "i * 50 + k"),
        sql.id(Of::Group, "i"),
        sql.id(Of::Room, "i")
    ))
    .await;
    let robots = sql.series("s", "i", size.robots);
    let no_secret = if fresh.engine == Engine::Sqlite { "x'00'" } else { "'\\x00'" };
    let bridges = sql.series("s", "i", size.robots.div_ceil(machines::A_BRIDGE));
    let bridge = sql.id(Of::Bridge, "i");
    run(format!(
        "WITH RECURSIVE {bridges} INSERT INTO device (device_id, kind, secret_sha256) SELECT {bridge}, 'bridge', {no_secret} FROM s"
    ))
    .await;
    let just_now = sql.at(&(now.timestamp() - 3).to_string());
    run(format!(
        "WITH RECURSIVE {bridges} INSERT INTO bridge (bridge_id, status, status_at, version, robots, sessions, capacity, load_at,
                                                      outbox_waiting, outbox_full_pct, outbox_failing, busy_pct, clock_offset_ms)
         SELECT {bridge}, 'here', {}, '0.1.0', {each}, {each} / 5, {each}, {just_now}, 0, 0, {no}, 20, 4 FROM s",
        sql.at(&(now.timestamp() - 90_000).to_string()),
        each = machines::A_BRIDGE
    ))
    .await;
    run(format!(
        "WITH RECURSIVE {robots} INSERT INTO device (device_id, kind, secret_sha256) SELECT {}, 'robot', {no_secret} FROM s",
        sql.id(Of::Robot, "i")
    ))
    .await;
    let school = sql.id(Of::School, &format!("i / {A_SCHOOL}"));
    run(format!(
        "WITH RECURSIVE {robots} INSERT INTO robot (robot_id, organisation_id, name, room_id, status, status_at, body_state, battery_pct,
                                                    charging, wifi_dbm, telemetry_at, last_used_at, bridge_id)
         SELECT {}, {school}, 'Robin ' || i, {}, CASE WHEN i % 40 = 7 THEN 'gone' ELSE 'here' END, {}, 'idle', 5 + i % 90, {no}, -60, {}, {}, {}
         FROM s",
        sql.id(Of::Robot, "i"),
        sql.id(Of::Room, &format!("i / {A_SCHOOL}")),
        sql.at(&(now.timestamp() - 4_000).to_string()),
        sql.at(&(now.timestamp() - 10).to_string()),
        sql.at(&(now.timestamp() - 4_000).to_string()),
        sql.id(Of::Bridge, &format!("i / {}", machines::A_BRIDGE))
    ))
    .await;
    run(format!(
        "WITH RECURSIVE {robots} INSERT INTO pupil (pupil_id, organisation_id, name, year_group, local_number)
         SELECT {}, {school}, 'Pupil ' || i, 9, 'N' || i FROM s",
        sql.id(Of::Pupil, "i")
    ))
    .await;
    let first_day = sql.day(&(midnight - 500 * 86_400).to_string());
    let last_day = sql.day(&(midnight + 100 * 86_400).to_string());
    run(format!(
        "WITH RECURSIVE {robots} INSERT INTO placement (placement_id, pupil_id, robot_id, school_id, key_worker_id, from_day, until_day)
         SELECT {}, {}, {}, {school}, {}, {first_day}, {last_day} FROM s",
        sql.id(Of::Placement, "i"),
        sql.id(Of::Pupil, "i"),
        sql.id(Of::Robot, "i"),
        record::worker(&sql, 0)
    ))
    .await;
    run(format!(
        "WITH RECURSIVE {robots}, {} INSERT INTO expected_slot (placement_id, timetable_slot_id)
         SELECT {}, {} FROM s CROSS JOIN t WHERE k % 5 < 2",
        sql.series("t", "k", 50),
        sql.id(Of::Placement, "i"),
        sql.id(Of::Slot, &format!("i / {A_SCHOOL} * 50 + k"))
    ))
    .await;
    run(format!(
        "WITH RECURSIVE {robots} INSERT INTO plan_stage (placement_id, stage, title, due_day)
         SELECT {}, 1, 'Week pattern', {} FROM s",
        sql.id(Of::Placement, "i"),
        sql.day(&format!("{midnight} + (i % 200 - 3) * 86400"))
    ))
    .await;
    for (label, role, id) in PEOPLE {
        let organisation_id = match role {
            Role::SchoolLead | Role::ClassroomStaff | Role::KeyWorker => id_of(Of::School, 0),
            _ => AUTHORITY,
        };
        let staff = NewStaff { staff_id: Uuid::from_u128(id), name: label, email: &email(label), password_hash: &hash };
        let roles = [StaffRoleRow { role: role.as_str().to_owned(), organisation_id }];
        assert!(fresh.add_staff(staff, &roles).await.unwrap());
    }
    plans::fill(fresh, size, now).await;
    record::fill(fresh, size, now).await;
    // A visit a school day: picture for most of two lessons, sound only at its end, and now and then time with friends.
    // One statement a table, pupil by pupil: rows then come in the order of their keys.
    let days = days_of(&school_days(size));
    let visit = sql.id(Of::Visit, "i * 1000 + back");
    let start = format!("({midnight} - back * 86400 + {})", 8 * 3_600 + 51 * 60);
    run(format!(
        "WITH RECURSIVE {robots}, {days} INSERT INTO visit (session_id, placement_id, robot_id, ended_at, end_reason, reported_intervals, reported_ms)
         SELECT {visit}, {}, {}, {}, 'left', 2, 3000000 + i % 60 * 1000 + 600000 FROM s CROSS JOIN d",
        sql.id(Of::Placement, "i"),
        sql.id(Of::Robot, "i"),
        sql.at(&format!("{start} + 7200")),
    ))
    .await;
    let span = "CASE WHEN n = 1 THEN 3000000 + i % 60 * 1000 ELSE 600000 END";
    let from = format!("({start} + (n - 1) * 3600)");
    run(format!(
        "WITH RECURSIVE {robots}, {days}, k(n) AS (SELECT 1 UNION ALL SELECT 2)
         INSERT INTO presence_interval (session_id, n, tier, from_at, until_at, span_ms, spoke_ms, hands, closed_by, clock_offset_ms,
                                        measured_offset_ms, pupil_id, placed_ms)
         SELECT {visit}, n, CASE WHEN n = 1 THEN 'video' ELSE 'audio' END, {}, {}, {span}, 1200, i % 3, 'end', 0, 0, {}, {from} * 1000
         FROM s CROSS JOIN d CROSS JOIN k",
        sql.at(&from),
        sql.at(&format!("{from} + ({span}) / 1000")),
        sql.id(Of::Pupil, "i"),
    ))
    .await;
    run(format!(
        "WITH RECURSIVE {} INSERT INTO audit_entry (audit_entry_id, at, actor_kind, actor_id, action, subject_kind, subject_id)
         SELECT {}, {}, 'staff', {}, 'read record', 'pupil', {} FROM s",
        sql.series("s", "i", size.robots * 20),
        sql.id(Of::Audit, "i"),
        sql.at(&format!("{} - i", now.timestamp())),
        sql.fixed(Uuid::from_u128(PEOPLE[0].2)),
        sql.id(Of::Pupil, &format!("i % {}", size.robots))
    ))
    .await;
    machines::fill(fresh, size, now).await;
    // Every day is marked below; what the triggers noted of these rows would only do it once more.
    run("DELETE FROM attendance_again".to_owned()).await;
    run("ANALYZE".to_owned()).await;
}

fn email(label: &str) -> String {
    format!("{}@fennshire.example", label.replace(' ', "."))
}

/// Computes the minutes of a sample by the product's job, lays rows for the others, and says how quick it was.
async fn recompute(fresh: &Fresh, size: &Size, now: DateTime<Utc>) {
    let sql = Sql(fresh.engine);
    let midnight = now.date_naive().and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp();
    let backs = school_days(size);
    let days = days_of(&backs);
    let day = sql.day(&format!("{midnight} - back * 86400"));
    fresh
        .run(&format!(
            "WITH RECURSIVE {}, {days} INSERT INTO attendance_dirty (pupil_id, day, version) SELECT {}, {day}, {} FROM s CROSS JOIN d",
            sql.series("s", "i", size.sample),
            sql.id(Of::Pupil, "i"),
            if fresh.engine == Engine::Sqlite { "randomblob(16)" } else { "gen_random_uuid()" }
        ))
        .await
        .unwrap();
    if size.sample < size.robots {
        fresh
            .run(&format!(
                "WITH RECURSIVE {}, {days} INSERT INTO attendance_day (pupil_id, day, placement_id, school_id, expected_ms, connected_ms,
                     video_ms, stills_ms, audio_ms, counted_ms, social_ms, social_counted_ms, active_lessons, anomalies, version)
                 SELECT {}, {day}, {}, {}, 7200000, 3600000, 3000000, 0, 600000, 3600000, 0, 0, 2, 0, {} FROM s CROSS JOIN d WHERE i >= {}",
                sql.series("s", "i", size.robots),
                sql.id(Of::Pupil, "i"),
                sql.id(Of::Placement, "i"),
                sql.id(Of::School, &format!("i / {A_SCHOOL}")),
                sql.fixed(Uuid::nil()),
                size.sample
            ))
            .await
            .unwrap();
    }
    fresh.run("ANALYZE").await.unwrap();
    let (mut days, mut lessons) = (0u64, 0u64);
    let (mut computing, mut writing) = (Duration::ZERO, Duration::ZERO);
    let mut calendars = Calendars::new();
    loop {
        let began = Instant::now();
        let marks = fresh.dirty_days(Uuid::nil(), i64::try_from(MARKS).unwrap()).await.unwrap();
        if marks.is_empty() {
            break;
        }
        let computed = compute(fresh, &marks, &mut calendars, now).await.unwrap();
        computing += began.elapsed();
        let began = Instant::now();
        assert_eq!(fresh.write_days(&computed).await.unwrap(), marks.len() as u64);
        writing += began.elapsed();
        days += marks.len() as u64;
        lessons += marks.len() as u64 * 5;
    }
    // The floor: only reading the rows that were computed from, the same pupils and the same time.
    let began = Instant::now();
    let (from, until) = (now - chrono::TimeDelta::days(400), now + chrono::TimeDelta::days(2));
    let mut rows = 0;
    for n in 0..size.sample {
        rows += fresh.presence_of_pupil(id_of(Of::Pupil, n), from, until).await.unwrap().len();
    }
    let reading = began.elapsed();
    let seconds = (computing + writing).as_secs_f64();
    println!("  minutes of {} pupils, {} days each, from {rows} intervals:", size.sample, backs.len());
    println!(
        "    {:>9.0} robot-days a second in all; {:.1} µs a lesson computed, {:.1} µs a row written",
        days as f64 / seconds,
        computing.as_secs_f64() * 1e6 / lessons as f64,
        writing.as_secs_f64() * 1e6 / days as f64
    );
    println!(
        "    {:>9.2} times the time of only reading those intervals ({:.1} µs an interval)",
        seconds / reading.as_secs_f64(),
        reading.as_secs_f64() * 1e6 / rows as f64
    );
    println!(
        "    {:>9.0} s for the year of {} robots at this rate",
        seconds / days as f64 * (size.robots * backs.len() as u64) as f64,
        size.robots
    );
}

fn main() -> ExitCode {
    pages::know_every_route();
    let robots = number("YEAR_ROBOTS", 10_000).max(A_SCHOOL * 2);
    let size = Size {
        robots,
        days: number("YEAR_DAYS", 190).clamp(1, 250),
        sample: number("YEAR_SAMPLE", 200).min(robots),
        minutes: number("YEAR_MINUTES", 60).clamp(1, 960),
        runs: usize::try_from(number("YEAR_RUNS", 100).clamp(1, 10_000)).unwrap(),
    };
    let now: DateTime<Utc> = NOW.parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let too_slow = runtime.block_on(async {
        let mut too_slow = Vec::new();
        for engine in [Engine::Sqlite, Engine::Postgres] {
            println!("{engine:?}: {} robots, {} school days", size.robots, size.days);
            let began = Instant::now();
            let fresh = Fresh::on(engine).await;
            fill(&fresh, &size, now).await;
            println!("  laid in {:.0} s", began.elapsed().as_secs_f64());
            recompute(&fresh, &size, now).await;
            too_slow.extend(pages::time_all(&fresh, &size, now).await.into_iter().map(|page| format!("{engine:?}: {page}")));
        }
        too_slow
    });
    if too_slow.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("slower than {} ms at p99:\n  {}", pages::MOST_MS, too_slow.join("\n  "));
    ExitCode::FAILURE
}
