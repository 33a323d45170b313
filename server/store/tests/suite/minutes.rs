//! Marks, rows that are computed whole, corrections, and what a change of the timetable marks.

use chrono::{DateTime, NaiveDate, Utc};
use engines::{Engine, Fresh, on_each_engine};
use protocol::{PlacementId, PresenceMessage, RobotId, SessionId, Tier};
use store::audit::{Actor, NewAudit, Subject};
use store::inbox::{Fact, Received};
use store::lessons::SlotRow;
use store::minutes::{Computed, DayRow, DirtyRow, NewCorrection, SchoolPage};
use store::staff::NewStaff;
use uuid::Uuid;

use crate::world::{BRIDGE, PLACEMENT, PUPIL, ROBOT, ROOM, SCHOOL, fill};

on_each_engine!(
    presence_over_midnight_marks_both_days_of_the_school,
    a_clock_known_better_marks_the_day_that_the_interval_leaves_and_the_one_it_enters,
    a_visit_of_which_nothing_more_is_heard_has_its_day_marked,
    a_row_is_written_only_for_the_mark_that_it_was_computed_for,
    a_program_killed_before_it_writes_leaves_the_mark,
    a_correction_marks_its_day_and_is_neither_changed_nor_removed,
    a_changed_timetable_keeps_the_slot_of_the_past_and_marks_the_days_since,
    whoever_writes_the_tables_gets_the_days_added_up_again,
    sums_of_schools_are_those_of_their_days
);

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn interval(seq: u64, from: &str, span_ms: u64, measured: Option<i64>) -> Received {
    let from = at(from);
    let fact = PresenceMessage::Interval {
        session: SessionId(Uuid::from_u128(50)),
        placement: PlacementId(PLACEMENT),
        robot: RobotId(ROBOT),
        n: 1,
        tier: Tier::Video,
        from,
        until: from + chrono::TimeDelta::milliseconds(i64::try_from(span_ms).unwrap()),
        span_ms,
        clock_offset_ms: measured,
        active: protocol::Active::default(),
        closed_by: None,
    };
    Received {
        device_id: BRIDGE,
        message_id: Uuid::now_v7(),
        number: Some((Uuid::from_u128(100), seq)),
        oldest: None,
        body_sha256: [0; 32],
        offset_ms: Some(0),
        mono_ms: 0,
        fact: Fact::Presence(fact),
        topic: String::new(),
        payload: bytes::Bytes::new(),
    }
}

async fn marked(store: &Fresh) -> Vec<String> {
    let mut days: Vec<String> =
        store.dirty_days(Uuid::nil(), 1_000).await.unwrap().iter().map(|mark| mark.day.to_string()).collect();
    days.sort();
    days
}

/// Which days a change concerns, up to the 27th; afterwards they are settled.
async fn changed(store: &Fresh) -> Vec<String> {
    while store.mark_changed(day("2026-11-27")).await.unwrap() > 0 {}
    let days = marked(store).await;
    settle(store).await;
    days
}

/// Removes every mark, as if all had been computed to nothing.
async fn settle(store: &Fresh) {
    let marks = store.dirty_days(Uuid::nil(), 1_000).await.unwrap();
    let computed: Vec<Computed> = marks.into_iter().map(|mark| Computed { mark, day: None }).collect();
    store.write_days(&computed).await.unwrap();
}

fn row(mark: DirtyRow, counted_ms: i64) -> Computed {
    let day = DayRow {
        pupil_id: mark.pupil_id,
        day: mark.day,
        placement_id: PLACEMENT,
        school_id: SCHOOL,
        expected_ms: 3_600_000,
        connected_ms: counted_ms,
        video_ms: counted_ms,
        stills_ms: 0,
        audio_ms: 0,
        counted_ms,
        social_ms: 1_000,
        social_counted_ms: 1_000,
        active_lessons: 1,
        anomalies: 0,
        version: mark.version,
    };
    Computed { mark, day: Some(day) }
}

async fn presence_over_midnight_marks_both_days_of_the_school(store: Fresh) {
    fill(&store).await;
    let now = at("2026-06-25T00:00:00Z");
    // Midnight in London is 23:00 UTC in summer.
    store.ingest(&[interval(1, "2026-06-23T22:59:00Z", 30_000, None)], now).await.unwrap();
    assert_eq!(marked(&store).await, ["2026-06-23"]);
    store.ingest(&[interval(2, "2026-06-23T22:59:00Z", 90_000, None)], now).await.unwrap();
    assert_eq!(marked(&store).await, ["2026-06-23", "2026-06-24"]);
}

async fn a_clock_known_better_marks_the_day_that_the_interval_leaves_and_the_one_it_enters(store: Fresh) {
    fill(&store).await;
    let now = at("2026-11-23T10:00:00Z");
    store.ingest(&[interval(1, "2026-11-24T09:00:00Z", 30_000, None)], now).await.unwrap();
    settle(&store).await;
    store.ingest(&[interval(2, "2026-11-24T09:00:00Z", 60_000, Some(86_400_000))], now).await.unwrap();
    assert_eq!(marked(&store).await, ["2026-11-23", "2026-11-24"]);
    let found = store.presence_of_pupil(PUPIL, at("2026-11-23T08:00:00Z"), at("2026-11-23T10:00:00Z")).await.unwrap();
    assert_eq!(found.len(), 1, "found where it really was");
}

async fn a_visit_of_which_nothing_more_is_heard_has_its_day_marked(store: Fresh) {
    fill(&store).await;
    let (heard, week) = (at("2026-11-23T09:00:30Z"), chrono::TimeDelta::days(7));
    store.ingest(&[interval(1, "2026-11-23T09:00:00Z", 30_000, None)], heard).await.unwrap();
    settle(&store).await;
    assert_eq!(store.mark_silent(heard - week, heard).await.unwrap(), 0, "it may still speak");
    // At nine it may be either day, for all that the query knows of where the pupil is.
    assert_eq!(store.mark_silent(heard, heard + week).await.unwrap(), 2);
    assert_eq!(marked(&store).await, ["2026-11-22", "2026-11-23"]);
    settle(&store).await;
    let said = at("2026-11-23T09:30:00Z");
    let mut ended = interval(2, "2026-11-23T09:00:00Z", 30_000, None);
    if let Fact::Presence(PresenceMessage::Interval { closed_by, .. }) = &mut ended.fact {
        *closed_by = Some(protocol::ClosedBy::End);
    }
    store.ingest(&[ended], said).await.unwrap();
    assert_eq!(store.mark_silent(heard, heard + week).await.unwrap(), 0, "it said how it ended");
}

async fn a_row_is_written_only_for_the_mark_that_it_was_computed_for(store: Fresh) {
    fill(&store).await;
    let (now, monday) = (at("2026-11-23T10:00:00Z"), day("2026-11-23"));
    store.ingest(&[interval(1, "2026-11-23T09:00:00Z", 30_000, None)], now).await.unwrap();
    let old = store.dirty_days(Uuid::nil(), 10).await.unwrap()[0];
    // Another fact arrives after one server has read the facts and before it writes.
    store.ingest(&[interval(2, "2026-11-23T09:00:00Z", 60_000, None)], now).await.unwrap();
    let new = store.dirty_days(Uuid::max(), 10).await.unwrap()[0];
    assert_eq!(store.write_days(&[row(new, 60_000)]).await.unwrap(), 1);
    assert_eq!(store.write_days(&[row(old, 30_000)]).await.unwrap(), 0, "the slower server drops what it computed");
    let rows = store.attendance_days(PUPIL, monday, monday).await.unwrap();
    assert_eq!(rows.iter().map(|row| (row.counted_ms, row.version)).collect::<Vec<_>>(), [(60_000, new.version)]);
    assert_eq!(store.dirty_days(Uuid::nil(), 10).await.unwrap(), []);
    // A mark made anew is never taken for the old one.
    store.mark_days(PUPIL, monday, monday).await.unwrap();
    assert_eq!(store.write_days(&[row(new, 1)]).await.unwrap(), 0);
    assert_eq!(store.dirty_days(Uuid::nil(), 10).await.unwrap().len(), 1);
}

async fn a_program_killed_before_it_writes_leaves_the_mark(store: Fresh) {
    fill(&store).await;
    store.ingest(&[interval(1, "2026-11-23T09:00:00Z", 30_000, None)], at("2026-11-23T10:00:00Z")).await.unwrap();
    let read = store.dirty_days(Uuid::nil(), 10).await.unwrap();
    drop(read);
    let again = store.open_again().await;
    assert_eq!(again.dirty_days(Uuid::nil(), 10).await.unwrap().len(), 1);
    assert_eq!(again.mark_running(day("2026-11-23")).await.unwrap(), 0, "it is marked already");
    settle(&store).await;
    assert_eq!(again.mark_running(day("2026-11-23")).await.unwrap(), 1, "the placement runs and its day has no row");
    assert_eq!(again.mark_running(day("2026-11-22")).await.unwrap(), 0, "it did not run then");
}

async fn a_correction_marks_its_day_and_is_neither_changed_nor_removed(store: Fresh) {
    fill(&store).await;
    let (now, monday, author) = (at("2026-11-23T16:00:00Z"), day("2026-11-23"), Uuid::from_u128(9));
    let staff = NewStaff { staff_id: author, name: "Ms K.", email: "k@example.org", password_hash: "-" };
    assert!(store.add_staff(staff, &[]).await.unwrap());
    let correction = NewCorrection {
        minutes_correction_id: Uuid::now_v7(),
        placement_id: PLACEMENT,
        day: monday,
        lesson: None,
        to_s: Some(900),
        reason: "The tablet was shared",
        author_id: author,
    };
    let audit =
        NewAudit { actor: Actor::Staff(author), action: "correct minutes", subject: Subject::Pupil(PUPIL), detail: None };
    store.add_correction(&correction, audit, now).await.unwrap();
    assert_eq!(marked(&store).await, ["2026-11-23"]);
    let rows = store.corrections(PUPIL, monday, monday).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].to_s, rows[0].author_name.as_str(), rows[0].said_at), (Some(900), "Ms K.", now));
    assert_eq!(store.audit_of(PUPIL, 10).await.unwrap()[0].action, "correct minutes");
    let update = store.run("UPDATE minutes_correction SET to_s = 0").await.unwrap_err();
    assert!(update.contains("never changed"), "{update}");
    let delete = store.run("DELETE FROM minutes_correction").await.unwrap_err();
    assert!(delete.contains("never removed"), "{delete}");
    let empty = NewCorrection { minutes_correction_id: Uuid::now_v7(), reason: "  ", ..correction };
    assert!(store.add_correction(&empty, audit, now).await.is_err(), "a reason is needed");
    assert_eq!(store.audit_of(PUPIL, 10).await.unwrap().len(), 1, "and nothing of it is kept");
}

async fn a_changed_timetable_keeps_the_slot_of_the_past_and_marks_the_days_since(store: Fresh) {
    fill(&store).await;
    store.add_class_group(Uuid::from_u128(70), SCHOOL, "9A").await.unwrap();
    let monday = day("2026-11-23");
    let slot = |id, start_min| SlotRow {
        timetable_slot_id: Uuid::from_u128(id),
        class_group_id: Uuid::from_u128(70),
        room_id: ROOM,
        room_name: "Room 12".into(),
        week: 1,
        weekday: 1,
        start_min,
        end_min: start_min + 60,
        subject: "Maths".into(),
        teacher: String::new(),
        robot_stays_out: false,
        valid_from: None,
        valid_until: None,
        expected: true,
        expected_from: None,
        expected_until: None,
    };
    store.add_slots(PLACEMENT, &[slot(1, 530)]).await.unwrap();
    assert_eq!(changed(&store).await, ["2026-11-23"], "the placement runs on that day alone");
    let tuesday = monday.succ_opt().unwrap();
    assert!(store.change_slot(Uuid::from_u128(1), &slot(2, 600), tuesday).await.unwrap());
    assert_eq!(changed(&store).await, Vec::<String>::new(), "the past stays");
    let slots = store.slots_of_placement(PLACEMENT).await.unwrap();
    let of = |id| slots.iter().find(|slot| slot.timetable_slot_id == Uuid::from_u128(id)).unwrap();
    assert_eq!((of(1).valid_until, of(2).valid_from, of(2).expected), (Some(monday), Some(tuesday), true));
    assert!(store.correct_slot(&slot(1, 540)).await.unwrap());
    assert_eq!(changed(&store).await, ["2026-11-23"], "a correction of the past computes it again");
    assert!(!store.correct_slot(&slot(404, 540)).await.unwrap());
    store.set_closure(SCHOOL, monday, Some("Snow")).await.unwrap();
    assert_eq!(changed(&store).await, ["2026-11-23"]);
    let earlier = day("2026-11-16");
    store.begin_weeks(SCHOOL, earlier).await.unwrap();
    assert_eq!(changed(&store).await, ["2026-11-23"]);
    store.begin_weeks(SCHOOL, earlier).await.unwrap();
    assert_eq!(changed(&store).await, Vec::<String>::new(), "nothing changed");
    assert_eq!(store.calendar(SCHOOL).await.unwrap().unwrap().week_ones, [earlier, monday]);
}

/// A program that writes the tables, as an operator's import does: each statement, and the days it concerns up to the 27th.
async fn whoever_writes_the_tables_gets_the_days_added_up_again(store: Fresh) {
    fill(&store).await;
    let id = |n: u128| match store.engine {
        Engine::Sqlite => format!("X'{}'", Uuid::from_u128(n).simple()),
        Engine::Postgres => format!("'{}'", Uuid::from_u128(n)),
    };
    let (school, pupil, placement, room) = (id(1), id(5), id(6), id(2));
    let (group, slot, other, later) = (id(70), id(71), id(72), id(60));
    let insert = |slot: &str, weekday: u8, valid: &str| {
        format!(
            "INSERT INTO timetable_slot (timetable_slot_id, class_group_id, room_id, week, weekday, start_min, end_min, subject,
                                         valid_from, valid_until)
             VALUES ({slot}, {group}, {room}, 1, {weekday}, 540, 600, 'Maths', {valid})"
        )
    };
    let expect =
        |slot: &str| format!("INSERT INTO expected_slot (placement_id, timetable_slot_id) VALUES ({placement}, {slot})");
    assert_eq!(changed(&store).await, ["2026-11-23"], "the placement itself");
    let all = ["2026-11-18", "2026-11-19", "2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23", "2026-11-24"];
    let steps: Vec<(String, &[&str])> = vec![
        ("UPDATE placement SET from_day = '2026-11-18'".to_owned(), &all[..5]),
        ("UPDATE placement SET until_day = '2026-11-24'".to_owned(), &all[6..]),
        ("UPDATE placement SET robot_id = NULL".to_owned(), &[]),
        (format!("INSERT INTO class_group (class_group_id, organisation_id, name) VALUES ({group}, {school}, '9A')"), &[]),
        (insert(&slot, 3, "NULL, NULL"), &[]),
        (expect(&slot), &all),
        (insert(&other, 4, "'2026-11-19', '2026-11-20'"), &all[1..3]),
        (expect(&other), &all[1..3]),
        (format!("UPDATE timetable_slot SET valid_until = '2026-11-22' WHERE timetable_slot_id = {other}"), &all[3..5]),
        (format!("UPDATE timetable_slot SET valid_from = '2026-11-22' WHERE timetable_slot_id = {slot}"), &all[..4]),
        (format!("UPDATE timetable_slot SET end_min = 610 WHERE timetable_slot_id = {slot}"), &all[4..]),
        (format!("UPDATE timetable_slot SET subject = 'Art', teacher = 'Ms A.' WHERE timetable_slot_id = {slot}"), &[]),
        (format!("UPDATE expected_slot SET valid_until = '2026-11-23' WHERE timetable_slot_id = {slot}"), &all),
        (format!("DELETE FROM expected_slot WHERE timetable_slot_id = {other}"), &all),
        (format!("DELETE FROM timetable_slot WHERE timetable_slot_id = {other}"), &all[1..5]),
        (format!("INSERT INTO closure_day (organisation_id, day, reason) VALUES ({school}, '2026-11-20', 'Snow')"), &all[2..3]),
        ("UPDATE closure_day SET reason = 'Ice'".to_owned(), &[]),
        ("UPDATE closure_day SET day = '2026-11-19'".to_owned(), &all[1..3]),
        ("DELETE FROM closure_day".to_owned(), &all[1..2]),
        (format!("INSERT INTO week_one (organisation_id, monday) VALUES ({school}, '2026-11-30')"), &all[6..]),
        (format!("INSERT INTO week_one (organisation_id, monday) VALUES ({school}, '2026-11-09')"), &all),
        ("UPDATE week_one SET monday = '2026-11-02' WHERE monday = '2026-11-09'".to_owned(), &all),
        ("DELETE FROM week_one WHERE monday = '2026-11-23'".to_owned(), &all),
        (
            format!(
                "INSERT INTO placement (placement_id, pupil_id, school_id, from_day, until_day)
                 VALUES ({later}, {pupil}, {school}, '2026-11-24', '2026-12-18')"
            ),
            &["2026-11-24", "2026-11-25", "2026-11-26", "2026-11-27"],
        ),
    ];
    for (sql, days) in steps {
        store.run(&sql).await.unwrap();
        assert_eq!(changed(&store).await, days, "{sql}");
    }
    // What comes later is added up when it comes, and a stretch of many years in steps.
    assert_eq!(store.count_dirty_days(day("2026-11-27")).await.unwrap(), 0);
    assert_eq!(store.count_dirty_days(day("2026-11-28")).await.unwrap(), 1);
    assert_eq!(store.mark_changed(day("2026-11-29")).await.unwrap(), 2);
    assert_eq!(marked(&store).await, ["2026-11-28", "2026-11-29"]);
    store.run("UPDATE placement SET from_day = '2023-11-24' WHERE from_day = '2026-11-18'").await.unwrap();
    assert_eq!(store.mark_changed(day("2026-11-29")).await.unwrap(), 800);
    assert_eq!(store.mark_changed(day("2026-11-29")).await.unwrap(), 290);
    assert_eq!(store.mark_changed(day("2026-11-29")).await.unwrap(), 0);
}

async fn sums_of_schools_are_those_of_their_days(store: Fresh) {
    fill(&store).await;
    store.mark_days(PUPIL, day("2026-11-09"), day("2026-11-24")).await.unwrap();
    let computed: Vec<Computed> =
        store.dirty_days(Uuid::nil(), 100).await.unwrap().into_iter().map(|mark| row(mark, 60_000)).collect();
    assert_eq!(store.write_days(&computed).await.unwrap(), 16);
    let page =
        |search| SchoolPage { below: SCHOOL, search, week: day("2026-11-23"), weeks: day("2026-11-10"), offset: 0, limit: 10 };
    let rows = store.minutes_by_school(&page("ALDER")).await.unwrap();
    assert_eq!(rows.iter().map(|row| (row.robots, row.week_ms, row.weeks_ms)).collect::<Vec<_>>(), [(1, 120_000, 900_000)]);
    assert_eq!(rows[0].weeks_social_ms, 15_000);
    assert_eq!(
        store.minutes_by_school(&page("%")).await.unwrap(),
        [],
        "a sign that means something to the database does not here"
    );
    assert_eq!(store.minutes_by_school(&SchoolPage { offset: 1, ..page("") }).await.unwrap(), []);
}
