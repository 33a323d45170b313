//! The demo authority: a lesson is on whenever it is tried, and seeding again keeps what is there.

use store::robots::DeviceKind;

use super::*;

async fn seeded(now: &str) -> (tempfile::TempDir, Store, DateTime<Utc>) {
    let dir = tempfile::tempdir().unwrap();
    let store = store_sqlite::open(&dir.path().join("demo.db")).await.unwrap();
    let now = now.parse().unwrap();
    seed_store(&store, &dir.path().join("devices.toml"), now).await.unwrap();
    (dir, store, now)
}

#[tokio::test]
async fn a_lesson_is_under_way_for_both_pupils_whenever_it_is_tried() {
    for now in
        ["2026-11-23T09:00:00Z", "2026-11-21T22:14:00Z", "2026-12-25T23:59:30Z", "2027-03-28T00:10:00Z", "2026-11-24T10:55:00Z"]
    {
        let (_dir, store, now) = seeded(now).await;
        for id in [ids::ADA_PLACEMENT, ids::BEN_PLACEMENT] {
            let placement = store.placement(id.0).await.unwrap().unwrap();
            let timetable = lessons::timetable(&store, &placement).await.unwrap();
            let today = timetable.on(timetable.calendar.day(now));
            let lesson = today.iter().find(|lesson| lesson.is_at(now)).expect("a lesson is under way");
            assert!(lesson.about.expected, "{now}: {lesson:?}");
        }
        let board = &robots(now)[0].board;
        assert!(board.iter().any(|(from, until, _)| *from <= now && now < *until), "{now}: the board shows it");
    }
}

#[tokio::test]
async fn the_made_up_fortnight_has_minutes_and_nothing_looks_wrong() {
    let (_dir, store, now) = seeded("2026-11-23T14:00:00Z").await;
    let placement = store.placement(ids::ADA_PLACEMENT.0).await.unwrap().unwrap();
    let today = lessons::today(&store, &placement, now).await.unwrap();
    let days = lessons::school_days(&store, &placement, (today - Days::new(14), today), now).await.unwrap();
    let attended = days.iter().filter(|day| day.account.total.minutes().get() > 30).count();
    assert!((8..=11).contains(&attended), "{attended} of 11 school days");
    for day in &days {
        assert_eq!(day.account.anomalies, [], "{}", day.day);
        assert_eq!(day.account.social.ms(), 0, "{}", day.day);
    }
    let audio: u64 = days.iter().flat_map(|day| &day.account.lessons).map(|lesson| lesson.audio.ms()).sum();
    assert!(audio > 0, "some of it is sound only");
    for visit in store.ended_visits(ids::ADA, now - TimeDelta::days(30), now).await.unwrap() {
        assert_eq!((visit.held_intervals, visit.held_ms), (visit.reported_intervals, visit.reported_ms));
    }
    assert_eq!(store.quarantined(1, None).await.unwrap(), []);
}

#[tokio::test]
async fn a_second_start_keeps_what_is_there_and_lays_a_lesson_around_its_own_moment() {
    let (dir, store, now) = seeded("2026-11-23T09:00:00Z").await;
    let before = store.presence_of_pupil(ids::ADA, now - TimeDelta::days(30), now).await.unwrap();
    store.carry_robot(ids::ROBIN.0, ids::ALDER_STAFF, now).await.unwrap();
    let evening = now + TimeDelta::hours(11);
    seed_store(&store, &dir.path().join("devices.toml"), evening).await.unwrap();
    assert_eq!(store.presence_of_pupil(ids::ADA, now - TimeDelta::days(30), evening).await.unwrap(), before);
    assert_eq!(
        store.robot(ids::ROBIN.0).await.unwrap().unwrap().carried_by,
        Some(ids::ALDER_STAFF),
        "the robot is still carried"
    );
    let placement = store.placement(ids::ADA_PLACEMENT.0).await.unwrap().unwrap();
    let today = lessons::timetable(&store, &placement).await.unwrap().on(evening.date_naive());
    assert_eq!((today.len(), today.iter().filter(|lesson| lesson.is_at(evening)).count()), (6, 1));
}

#[tokio::test]
async fn the_authority_has_schools_robots_pupils_and_a_plan() {
    let (_dir, store, now) = seeded("2026-11-23T09:00:00Z").await;
    assert_eq!(store.organisations().await.unwrap().len(), 4);
    let robots = store.robots().await.unwrap();
    assert_eq!(robots.iter().map(|robot| robot.room_name.as_deref().unwrap()).collect::<Vec<_>>(), ["Room 12", "Lab 3"]);
    assert_eq!(store.device_kind(ids::BRIDGE.0).await.unwrap(), Some(DeviceKind::Bridge));
    assert_eq!(store.plan_stages(ids::ADA_PLACEMENT.0).await.unwrap().len(), 4);
    let marks = store.imported_marks(ids::ADA, now.date_naive() - Days::new(7), now.date_naive()).await.unwrap();
    assert_eq!(marks.len(), 10, "five school days of two half-days");
}

#[tokio::test]
async fn christmas_lies_ahead_and_whoever_tries_it_in_the_holidays_has_a_lesson() {
    let (dir, store, _) = seeded("2026-11-23T09:00:00Z").await;
    let closed = async || store.calendar(ids::ALDER_ROAD).await.unwrap().unwrap().closures;
    let ahead = closed().await;
    assert_eq!(ahead.len(), 10, "two weeks: {ahead:?}");
    assert_eq!((ahead[0].0.to_string(), ahead[9].0.to_string()), ("2026-12-21".to_owned(), "2027-01-01".to_owned()));
    let now: DateTime<Utc> = "2026-12-23T10:00:00Z".parse().unwrap();
    seed_store(&store, &dir.path().join("devices.toml"), now).await.unwrap();
    assert!(closed().await.iter().all(|(day, _)| monday_of(*day) > now.date_naive()), "this week is open");
    let placement = store.placement(ids::ADA_PLACEMENT.0).await.unwrap().unwrap();
    let today = lessons::timetable(&store, &placement).await.unwrap().on(now.date_naive());
    assert!(today.iter().any(|lesson| lesson.is_at(now)));
}
