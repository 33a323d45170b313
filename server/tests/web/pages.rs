//! What pages show: the right minutes, live; two ledgers apart; escaped text; nothing inline; an audit trail.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use protocol::{Active, ClosedBy, Envelope, Kind, MessageId, PresenceMessage, SCHEMA_VERSION, SessionId, Tier, Topic};
use reqwest::StatusCode;
use server::Change;
use server::demo::ids;
use store::placements::NewPlacement;
use uuid::Uuid;

use crate::harness::{Browser, World};

/// A fact as a bridge sends it.
async fn present(world: &World, seq: u64, n: u32, tier: Tier, from: DateTime<Utc>, length: TimeDelta, hands: u32) {
    told(world, seq, interval(n, tier, from, length, hands)).await;
}

fn interval(n: u32, tier: Tier, from: DateTime<Utc>, length: TimeDelta, hands: u32) -> PresenceMessage {
    PresenceMessage::Interval {
        session: SessionId(Uuid::from_u128(0x5e55)),
        placement: ids::ADA_PLACEMENT,
        robot: ids::ROBIN,
        n,
        tier,
        from,
        until: from + length,
        span_ms: u64::try_from(length.num_milliseconds()).unwrap(),
        clock_offset_ms: None,
        active: Active { hands, ..Active::default() },
        closed_by: None,
    }
}

async fn told(world: &World, seq: u64, body: PresenceMessage) {
    let envelope = Envelope {
        v: SCHEMA_VERSION,
        id: MessageId::new(),
        epoch: Uuid::from_u128(0xe),
        seq: Some(seq),
        oldest: None,
        sent_at: world.now(),
        mono_ms: 0,
        body,
    };
    let topic = Topic::new(ids::BRIDGE, Kind::Presence).to_string();
    let ingested = server::ingest::apply(&world.state.store, &[(topic, envelope.to_bytes())], world.now()).await.unwrap();
    assert!(ingested.quarantined.is_empty(), "{:?}", ingested.quarantined);
}

/// The lesson that Ada is expected in next, after the demonstration's made-up past; the clock is moved to its start.
async fn into_a_lesson(world: &World) -> server_core::timetable::Lesson {
    let placement = world.state.store.placement(ids::ADA_PLACEMENT.0).await.unwrap().unwrap();
    let today = world.now().date_naive();
    let lessons = server::lessons::between(&world.state.store, &placement, today, today + TimeDelta::days(7)).await.unwrap();
    let now = world.now();
    let lesson =
        lessons.into_iter().find(|lesson| lesson.start > now && lesson.about.expected && !lesson.about.robot_stays_out);
    let lesson = lesson.expect("the demonstration has lessons");
    world.set(lesson.start);
    lesson
}

fn record() -> String {
    format!("/pupils/{}", ids::ADA)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_shows_the_minutes_of_what_was_delivered() {
    let world = World::start().await;
    let lesson = into_a_lesson(&world).await;
    world.later(TimeDelta::minutes(30));
    // 12 min 40 s of picture, a gap, 5 min 50 s of sound: 18 min 30 s, rounded down once.
    let minute = TimeDelta::minutes(1);
    present(&world, 1, 1, Tier::Video, lesson.start + minute, TimeDelta::seconds(760), 2).await;
    present(&world, 2, 2, Tier::Audio, lesson.start + minute * 20, TimeDelta::seconds(350), 0).await;
    let browser = world.browser("key worker").await;
    let page = browser.page(&record()).await;
    let title = format!("{}, {}", lesson.about.subject, lesson.about.room_name);
    let row = page.split("<tr>").find(|row| row.contains(&title) && row.contains("so far")).expect("the lesson's row");
    assert!(row.contains("<b>18 min</b> so far"), "{row}");
    let json: serde_json::Value = browser.get(&format!("/api/pupils/{}/attendance", ids::ADA)).await.json().await.unwrap();
    let start = serde_json::to_value(lesson.start).unwrap();
    let held = json["lessons"].as_array().unwrap().iter().find(|row| row["start"] == start).unwrap().clone();
    assert_eq!((&held["attended_min"], &held["video_min"], &held["audio_min"]), (&18.into(), &12.into(), &5.into()));
    assert_eq!(json["ledger"], "Engagement record, not the register");

    world.set(lesson.end + minute);
    let page = browser.page(&record()).await;
    assert!(page.contains("<b>18 min</b>, 5 of it sound only"), "after the lesson");
    assert!(page.contains("Took part: hand up"), "what the pupil did");
    let path = format!("/api/pupils/{}/attendance", ids::ADA);
    assert_eq!(held["active"], serde_json::json!({ "spoke_s": 0, "hands": 2, "looks": 0, "feelings": 0 }));
    assert!(held["odd"][0].as_str().unwrap().starts_with("The bridge fell silent at"), "{held}");
    let other = json["lessons"].as_array().unwrap().iter().find(|row| row["start"] != start).unwrap();
    assert_eq!(other["odd"], serde_json::json!([]), "what is wrong about one lesson is not said of another");
    // The same lesson a day later, asked for by its day; and a part of a visit that is still to come is said of its lesson.
    present(&world, 3, 4, Tier::Video, lesson.start + minute * 30, TimeDelta::seconds(60), 0).await;
    let day = lesson.start.date_naive();
    world.later(TimeDelta::days(1));
    let browser = world.browser("key worker").await;
    let then: serde_json::Value = browser.get(&format!("{path}?day={day}")).await.json().await.unwrap();
    assert_eq!(then["day"], serde_json::to_value(day).unwrap());
    let held = then["lessons"].as_array().unwrap().iter().find(|row| row["start"] == start).unwrap().clone();
    assert_eq!((&held["attended_min"], &held["active"]["hands"]), (&19.into(), &2.into()));
    let odd = held["odd"].as_array().unwrap();
    assert!(odd.iter().any(|words| words.as_str().unwrap().contains("has not arrived yet")), "{held}");
    let today: serde_json::Value = browser.get(&path).await.json().await.unwrap();
    assert_eq!(today["day"], serde_json::to_value(day + TimeDelta::days(1)).unwrap());
    for none in ["yesterday", "2026-02-30", "", "%2B262142-01-01", "-001-01-01", "2026-11-24T00:00"] {
        let answer = browser.get(&format!("{path}?day={none}")).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{none}");
        let words = answer.text().await.unwrap();
        assert!(words.contains("Write the day as year, month and day"), "{none}: {words}");
    }
    for far in ["0000-01-01", "9999-12-31"] {
        assert_eq!(browser.get(&format!("{path}?day={far}")).await.status(), StatusCode::OK, "{far}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn minutes_grow_on_an_open_record_and_the_stream_ends_with_the_session() {
    let world = World::start().await;
    let lesson = into_a_lesson(&world).await;
    world.later(TimeDelta::minutes(10));
    let browser = world.browser("key worker").await;
    let mut stream = browser.get(&format!("{}/live", record())).await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let mut text = String::new();
    until(&mut stream, &mut text, "event: weeks").await;
    assert!(text.contains("<b>0 min</b> so far"), "{text}");
    text.clear();
    present(&world, 1, 1, Tier::Video, lesson.start, TimeDelta::seconds(420), 0).await;
    world.state.announce(Change::Pupil(ids::ADA));
    until(&mut stream, &mut text, "<b>7 min</b> so far").await;
    text.clear();
    browser.post("/sign-out", &[]).await;
    world.state.announce(Change::Pupil(ids::ADA));
    until(&mut stream, &mut text, "event: bye").await;
    world.stop().await;
}

async fn until(stream: &mut reqwest::Response, text: &mut String, wanted: &str) {
    let reading = async {
        while !text.contains(wanted) {
            let chunk = stream.chunk().await.unwrap().expect("the stream goes on");
            text.push_str(&String::from_utf8_lossy(&chunk));
        }
    };
    tokio::time::timeout(Duration::from_secs(15), reading).await.unwrap_or_else(|_| panic!("waited for {wanted}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_two_ledgers_stand_apart() {
    let world = World::start().await;
    let page = world.browser("key worker").await.page(&record()).await;
    let (engagement, register) = page.split_once("class=\"apart\"").expect("the register has its own box");
    assert_eq!(engagement.matches("Engagement record, not the register").count(), 2, "on lessons and on the chart");
    assert!(register.contains("Windowseat never writes a code") && register.contains("<td>D</td>"));
    assert!(!register.contains(" min") && !register.contains("<form"), "no minute and no control beside a mark");
    assert!(!engagement.contains("<td>D</td>"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_text_and_never_markup() {
    let world = World::start().await;
    let (pupil_id, robot, placement_id) = (Uuid::from_u128(0xb1), Uuid::from_u128(0xb2), Uuid::from_u128(0xb3));
    let store = &world.state.store;
    let pupil = store::placements::NewPupil {
        pupil_id,
        organisation_id: ids::ALDER_ROAD,
        name: "<lab> \"Q\"",
        upn: None,
        year_group: 9,
        born: None,
    };
    store.add_pupil(&pupil).await.unwrap();
    store.set_device(robot, store::robots::DeviceKind::Robot, b"x").await.unwrap();
    store.add_robot(robot, ids::ALDER_ROAD, "<wren>", None).await.unwrap();
    let today = world.now().date_naive();
    let placement = NewPlacement {
        placement_id,
        pupil_id,
        robot_id: Some(robot),
        school_id: ids::ALDER_ROAD,
        provider_id: None,
        key_worker_id: None,
        from_day: today,
        until_day: today,
    };
    store.add_placement(&placement, &[]).await.unwrap();
    let browser = world.browser("alder lead").await;
    let mut seen = String::new();
    for path in ["/robots", "/moves", "/pupils", &format!("/robots/{robot}"), &format!("/pupils/{pupil_id}")] {
        seen += &browser.page(path).await;
    }
    assert!(seen.contains("&#60;lab&#62;") && seen.contains("&#60;wren&#62;"), "they are shown");
    assert!(!seen.contains("<lab>") && !seen.contains("<wren>"), "and escaped");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_has_inline_style_or_script_and_each_has_a_strict_policy() {
    let world = World::start().await;
    let mut pages = vec![(world.nobody(), vec!["/sign-in".to_owned()])];
    pages.push((
        world.browser("coordinator").await,
        vec!["/".into(), "/robots".into(), format!("/robots/{}", ids::ROBIN), "/moves".into()],
    ));
    let tablet = format!("{}/tablet", record());
    pages.push((world.browser("key worker").await, vec!["/pupils".into(), record(), tablet.clone(), "/nothing".into()]));
    pages.push((world.browser("auditor").await, vec!["/audit".into()]));
    for (browser, paths) in &pages {
        for path in paths {
            let answer = browser.get(path).await;
            let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
            assert!(
                policy.contains("default-src 'self'")
                    && policy.contains("frame-ancestors 'none'")
                    && !policy.contains("unsafe"),
                "{policy}"
            );
            assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
            assert_eq!(answer.headers()["cache-control"], "no-store");
            tidy(path, &answer.text().await.unwrap());
        }
    }
    // The square of a joining code is drawn by a library.
    let drawn = pages[2].0.post(&tablet, &[]).await.text().await.unwrap();
    assert!(drawn.contains("The joining code") && drawn.contains("<svg"));
    tidy("a joining code", &drawn);
    world.stop().await;
}

fn tidy(path: &str, page: &str) {
    for inline in [" style=", "<style", "<script>", " onclick=", " onload=", "javascript:"] {
        assert!(!page.contains(inline), "{path} has {inline}");
    }
    assert!(page.contains("<html lang=\"en-GB\">") && page.matches("<h1").count() == 1, "{path} has one heading");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_robot_is_carried_put_down_and_each_tap_can_be_taken_back() {
    let world = World::start().await;
    let browser = world.browser("alder staff").await;
    let robot = async || world.state.store.robot(ids::ROBIN.0).await.unwrap().unwrap();
    let before = robot().await.room_id.unwrap();
    let answer = browser.post(&format!("/moves/{}/carry", ids::ROBIN), &[]).await;
    let undo = back_of(&browser, &answer).await;
    assert_eq!(robot().await.carried_by, Some(ids::ALDER_STAFF));
    assert!(undo.0.contains("Robin is with you"), "{}", undo.0);
    browser.post(&format!("/moves/{}/undo", ids::ROBIN), &[("back", &undo.1)]).await;
    assert_eq!((robot().await.room_id, robot().await.carried_by), (Some(before), None));

    browser.post(&format!("/moves/{}/carry", ids::ROBIN), &[]).await;
    let room = ids::ALDER_ROOMS[1].to_string();
    let answer = browser.post(&format!("/moves/{}/room", ids::ROBIN), &[("room", &room)]).await;
    assert_eq!(robot().await.room_id, Some(ids::ALDER_ROOMS[1]));
    let undo = back_of(&browser, &answer).await;
    assert_eq!(undo.1, "carried");
    browser.post(&format!("/moves/{}/undo", ids::ROBIN), &[("back", &undo.1)]).await;
    assert_eq!(robot().await.carried_by, Some(ids::ALDER_STAFF));
    world.stop().await;
}

/// What the page after a tap says, and where its undo leads.
async fn back_of(browser: &Browser, answer: &reqwest::Response) -> (String, String) {
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let to = answer.headers()["location"].to_str().unwrap();
    let page = browser.page(to.split('#').next().unwrap()).await;
    let (_, bar) = page.split_once("class=\"undo").expect("an undo bar");
    (bar.to_owned(), crate::harness::hidden(bar, "back"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_read_of_a_record_and_every_change_is_on_the_audit_log() {
    let world = World::start().await;
    let key_worker = world.browser("key worker").await;
    key_worker.page(&record()).await;
    key_worker.get(&format!("/api/pupils/{}/attendance", ids::ADA)).await;
    key_worker.post(&format!("{}/tablet", record()), &[]).await;
    world.browser("marsh lead").await.get(&record()).await;
    world.browser("alder staff").await.post(&format!("/moves/{}/carry", ids::ROBIN), &[]).await;
    let of = async |subject: Uuid| {
        let rows = world.state.store.audit_of(subject, 50).await.unwrap();
        rows.into_iter().rev().map(|row| (row.actor_id.unwrap(), row.action)).collect::<Vec<_>>()
    };
    let by_key_worker = |action: &str| (ids::KEY_WORKER, action.to_owned());
    assert_eq!(
        of(ids::ADA).await,
        [by_key_worker("read record"), by_key_worker("read record"), by_key_worker("make joining code")]
    );
    assert_eq!(of(ids::ROBIN.0).await, [(ids::ALDER_STAFF, "carry robot".to_owned())]);
    let log = world.browser("auditor").await.page("/audit").await;
    assert!(log.contains("read record") && log.contains("Ms key-worker"));
    assert!(!log.contains("Ada Q."), "the log names no child");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_stands_beside_the_measured_minutes_with_its_reason_and_author() {
    let world = World::start().await;
    let lesson = into_a_lesson(&world).await;
    world.later(TimeDelta::minutes(30));
    present(&world, 1, 1, Tier::Video, lesson.start, TimeDelta::seconds(760), 0).await;
    world.set(lesson.end + TimeDelta::minutes(1));
    let browser = world.browser("key worker").await;
    let form = format!("{}/correction", record());
    let page = browser.page(&form).await;
    assert!(page.contains("measured 12 minutes"), "{page}");
    let what = format!("{}/{}", lesson.slot, lesson.start.timestamp());
    let send = async |minutes: &str, reason: &str, back: &str| {
        browser.post(&form, &[("what", &what), ("minutes", minutes), ("reason", reason), ("back", back)]).await
    };
    for (minutes, reason, back, told) in [
        ("45", " ", "", "Write the reason"),
        ("", "It was longer", "", "as a whole number"),
        ("61", "It was longer", "", "longer than the lesson"),
        ("-1", "It was longer", "", "longer than the lesson"),
        ("", "A mistake", "1", "no correction to take back"),
    ] {
        let answer = send(minutes, reason, back).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{told}");
        let page = answer.text().await.unwrap();
        assert!(page.contains(told) && page.contains(&format!("value=\"{minutes}\"")), "{told}: {page}");
    }
    assert_eq!(send("45", "Sat beside the <tablet> of a friend", "").await.status(), StatusCode::SEE_OTHER);
    let page = browser.page(&record()).await;
    assert!(page.contains("<b>12 min</b>") && page.contains("Corrected: 45 minutes"), "beside, not instead: {page}");
    assert!(page.contains("beside the &#60;tablet&#62; of a friend") && page.contains("Ms key-worker"), "{page}");
    let json: serde_json::Value = browser.get(&format!("/api/pupils/{}/attendance", ids::ADA)).await.json().await.unwrap();
    let start = serde_json::to_value(lesson.start).unwrap();
    let held = json["lessons"].as_array().unwrap().iter().find(|row| row["start"] == start).unwrap().clone();
    assert_eq!((&held["attended_min"], &held["corrected_min"]), (&12.into(), &45.into()));
    assert_eq!(send("", "It was the wrong lesson", "1").await.status(), StatusCode::SEE_OTHER);
    let page = browser.page(&record()).await;
    assert!(!page.contains("Corrected: 45 minutes") && page.contains("correction taken back"), "{page}");
    let log = world.state.store.audit_of(ids::ADA, 50).await.unwrap();
    let actions: Vec<&str> =
        log.iter().map(|entry| entry.action.as_str()).filter(|action| action.contains("correct")).collect();
    assert_eq!(actions, ["take back correction", "correct minutes"], "the newest first");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_coordinator_sees_sums_of_schools_that_follow_the_facts() {
    let world = World::start().await;
    let lesson = into_a_lesson(&world).await;
    world.set(lesson.end);
    present(&world, 1, 1, Tier::Video, lesson.start, TimeDelta::seconds(1_500), 0).await;
    let browser = world.browser("coordinator").await;
    let sum = async || {
        let page = browser.page("/schools?q=alder").await;
        let row = page.split("<tr class=\"hover\">").find(|row| row.contains("Alder Road School")).unwrap().to_owned();
        assert!(!page.contains("Marsh Lane"), "the search narrows");
        row
    };
    // The job computes within seconds; this waits for the sum of the day, not for a time.
    for _ in 0..600 {
        if world.state.store.count_dirty_days(lesson.start.date_naive()).await.unwrap() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let placement = world.state.store.placement(ids::ADA_PLACEMENT.0).await.unwrap().unwrap();
    let today = lesson.start.date_naive();
    let monday = today - TimeDelta::days(i64::from(chrono::Datelike::weekday(&today).num_days_from_monday()));
    let days = server::lessons::school_days(&world.state.store, &placement, (monday - TimeDelta::days(21), today), world.now())
        .await
        .unwrap();
    let all: u64 = days.iter().map(|day| day.account.in_lessons(|lesson| lesson.counted()).ms()).sum();
    assert!(all >= 1_500_000, "{all}");
    let row = sum().await;
    assert!(row.contains(&format!("<b>{}</b>", server::web::view::number(i64::try_from(all / 60_000).unwrap()))), "{row}");
    assert!(browser.page("/schools?q=nobody").await.contains("No school of that name"));
    world.stop().await;
}

/// A bridge that was killed says that it was, wherever the minutes go: on the record's page, in the weeks as a file, in a document.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_bridge_may_have_lost_is_said_beside_the_minutes_everywhere() {
    let world = World::start().await;
    server::demo::seed_record(&world.state.store, world.now()).await.unwrap();
    let lesson = into_a_lesson(&world).await;
    world.later(TimeDelta::minutes(30));
    let browser = world.browser("key worker").await;
    let sentence = "The bridge was stopped in the middle of a visit and found it again. Up to 5 seconds of it may be missing.";
    let everywhere = async || {
        let mut places = Vec::new();
        for page in [String::new(), "/export/weeks.csv".to_owned(), "/documents/review-pack.json".to_owned()] {
            places.push((browser.page(&format!("{}{page}", record())).await, page));
        }
        places
    };
    for (text, page) in everywhere().await {
        assert!(!text.contains(sentence), "{page}: {text}");
    }
    let mut recovered = interval(1, Tier::Video, lesson.start, TimeDelta::seconds(760), 0);
    let PresenceMessage::Interval { closed_by, .. } = &mut recovered else { unreachable!("it is an interval") };
    *closed_by = Some(ClosedBy::Recovery);
    told(&world, 1, recovered).await;
    for (text, page) in everywhere().await {
        assert!(text.contains(sentence), "{page}: {text}");
    }
    let weeks = browser.page(&format!("{}/export/weeks.csv", record())).await;
    let this_week = weeks.lines().find(|line| line.contains(sentence)).unwrap();
    assert!(this_week.contains(&format!("{}: {sentence}", lesson.start.date_naive())), "{this_week}");
    assert!(weeks.lines().nth(1).unwrap().contains("What looks wrong about these minutes"), "{weeks}");
    world.stop().await;
}
