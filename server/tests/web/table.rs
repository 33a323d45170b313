//! Rooms, classes, lessons and who is expected in them, by the pages alone. What was, stays: minutes of past days are the same after
//! every change, and a new lesson counts from its day.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use protocol::{Envelope, Kind, Topic};
use reqwest::{Response, StatusCode};
use serde_json::json;
use server::demo::ids;
use server::lessons::SchoolDay;
use store::lessons::SlotRow;
use uuid::Uuid;

use crate::beginning::{option, refused};
use crate::harness::{Browser, World};

const DONE: StatusCode = StatusCode::SEE_OTHER;
/// Lunch of Ada's class: nothing is held there.
const CLUB: [(&str, &str); 9] = [
    ("what", "lesson"),
    ("week", "both"),
    ("weekday", "2"),
    ("start", "12:15"),
    ("end", "12:55"),
    ("subject", "Chess club"),
    ("teacher", "Mr O."),
    ("from", "2026-11-24"),
    ("until", ""),
];

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

async fn room(browser: &Browser, fields: &[(&str, &str)]) -> Response {
    let of = ids::ALDER_ROAD.to_string();
    browser.post("/rooms", &[&[("of", of.as_str())], fields].concat()).await
}

/// The form of [`CLUB`] with other fields.
async fn lesson(browser: &Browser, change: &[(&str, &str)]) -> Response {
    let (of, class, room) = (ids::ALDER_ROAD.to_string(), ids::CLASS_9A.to_string(), ids::ALDER_ROOMS[2].to_string());
    let mut form: std::collections::BTreeMap<&str, &str> = CLUB.into();
    form.extend([("of", of.as_str()), ("class", &class), ("room", &room)]);
    form.extend(change.iter().copied());
    browser.post("/lessons", &form.into_iter().collect::<Vec<_>>()).await
}

/// The lessons of Ada's class of this subject that are held on `from` or later, by the day on which they begin.
async fn found(world: &World, subject: &str, from: &str) -> Vec<SlotRow> {
    let slots = world.state.store.slots_of_class(ids::CLASS_9A, Some(ids::ADA_PLACEMENT.0), day(from)).await.unwrap();
    let mut slots: Vec<_> = slots.into_iter().filter(|slot| slot.subject == subject).collect();
    slots.sort_by_key(|slot| (slot.week, slot.valid_from));
    slots
}

/// Says in which of the lessons of this subject Ada is expected, and in no other that this form had.
async fn expect(world: &World, browser: &Browser, subject: &str, from: &str, is_expected: bool) -> Response {
    let class = ids::CLASS_9A.to_string();
    let mut form = vec![("class".to_owned(), class), ("from".to_owned(), from.to_owned())];
    for slot in found(world, subject, from).await {
        form.push((format!("had-{}", slot.timetable_slot_id), "1".to_owned()));
        if is_expected {
            form.push((format!("slot-{}", slot.timetable_slot_id), "on".to_owned()));
        }
    }
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    browser.post(&format!("/pupils/{}/lessons", ids::ADA), &form).await
}

/// Ada's days, as her record shows them.
async fn days(world: &World, first: &str, last: &str) -> Vec<SchoolDay> {
    let placement = world.state.store.placement(ids::ADA_PLACEMENT.0).await.unwrap().unwrap();
    server::lessons::school_days(&world.state.store, &placement, (day(first), day(last)), world.now()).await.unwrap()
}

/// Whether Ada is expected in the chess club on a day; `None` if there is none.
async fn club_on(world: &World, on: &str) -> Option<bool> {
    let days = days(world, on, on).await;
    let club = days[0].lessons.iter().find(|lesson| lesson.about.subject == "Chess club");
    club.map(|lesson| lesson.about.expected)
}

/// Ada is in class by Robin for forty minutes.
async fn visit(world: &World, n: u64, from: &str) {
    let from: DateTime<Utc> = from.parse().unwrap();
    let fact = json!({
        "fact": "interval", "session": Uuid::from_u128(u128::from(n) + 0x5e00), "placement": ids::ADA_PLACEMENT,
        "robot": ids::ROBIN, "n": 1, "tier": "video", "from": from, "until": from + TimeDelta::minutes(40),
        "span_ms": 2_400_000, "closed_by": "end",
    });
    let now = protocol::Now { monotonic: std::time::Duration::ZERO, utc: world.now() };
    let payload = Envelope { seq: Some(n), ..Envelope::new(now, Uuid::from_u128(0xe6), fact) }.to_bytes();
    let topic = Topic::new(ids::BRIDGE, Kind::Presence).to_string();
    let taken = server::ingest::apply(&world.state.store, &[(topic, payload)], world.now()).await.unwrap();
    assert!(taken.quarantined.is_empty(), "{taken:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms_are_added_named_and_no_longer_used() {
    let world = World::start().await;
    let lead = world.browser("alder lead").await;
    let page = lead.page("/rooms").await;
    assert!(page.contains("Rooms of Alder Road School") && !page.contains("Marsh"), "{page}");
    refused(room(&lead, &[("what", "add"), ("name", "room  12")]).await, "a room of this name already", &["room  12"]).await;
    assert_eq!(room(&lead, &[("what", "add"), ("name", " Music  room")]).await.status(), DONE);
    let rooms = world.state.store.rooms(ids::ALDER_ROAD).await.unwrap();
    let music = rooms.iter().find(|room| room.name == "Music room").expect("it is there").room_id.to_string();
    assert!(world.browser("alder staff").await.page("/moves").await.contains("Music room"), "robots are put down there");
    let rename = [("what", "rename"), ("room", music.as_str()), ("new-name", "Room 8")];
    refused(room(&lead, &rename).await, "a room of this name already", &["Room 8"]).await;
    let rename = [("what", "rename"), ("room", music.as_str()), ("new-name", "Studio")];
    assert_eq!(room(&lead, &rename).await.status(), DONE);
    // A room in which lessons are held or a robot stands stays in use.
    let (room_8, room_12) = (ids::ALDER_ROOMS[2].to_string(), ids::ALDER_ROOMS[3].to_string());
    refused(room(&lead, &[("what", "retire"), ("room", &room_8)]).await, "Room 8: ", &[]).await;
    refused(room(&lead, &[("what", "retire"), ("room", &room_12)]).await, "lessons are held there", &[]).await;
    let studio = [("what", "retire"), ("room", music.as_str())];
    let move_robin = async |to: &str| lead.post(&format!("/moves/{}/room", ids::ROBIN), &[("room", to)]).await;
    assert_eq!(move_robin(&music).await.status(), DONE);
    refused(room(&lead, &studio).await, "Studio: a robot stands there.", &[]).await;
    assert_eq!(move_robin(&room_12).await.status(), DONE);
    assert_eq!(room(&lead, &studio).await.status(), DONE);
    assert!(!lead.page("/moves").await.contains("Studio") && lead.page("/rooms").await.contains("No longer used"));
    assert_eq!(move_robin(&music).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(room(&lead, &[("what", "again"), ("room", &music)]).await.status(), DONE);
    assert_eq!(move_robin(&music).await.status(), DONE);
    // Another school's is not theirs.
    let of = ids::MARSH_LANE.to_string();
    for path in ["/rooms", "/lessons"] {
        assert_eq!(lead.get(&format!("{path}?of={of}")).await.status(), StatusCode::NOT_FOUND);
        assert_eq!(lead.post(path, &[("of", &of), ("what", "add"), ("name", "x")]).await.status(), StatusCode::NOT_FOUND);
    }
    let lab = ids::MARSH_ROOMS[1].to_string();
    assert_eq!(room(&lead, &[("what", "retire"), ("room", &lab)]).await.status(), StatusCode::NOT_FOUND);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_lesson_is_said_and_what_was_typed_stays() {
    let world = World::start().await;
    let lead = world.browser("alder lead").await;
    for (change, why) in [
        (&[("start", "12.15")][..], "Start: write a time"),
        (&[("end", "12:10")], "End: 12:10 is not after the start at 12:15."),
        (&[("subject", " ")], "Subject: write what"),
        (&[("room", "")], "Room: choose one."),
        (&[("room", &ids::MARSH_ROOMS[1].to_string())], "Room: choose one."),
        (&[("from", "2026-11-22")], "First day: that day is over."),
        (&[("until", "2026-11-23")], "Last day: it lies before the first."),
        // History of week 1 is on that day until 10:50; in week 2 it is maths.
        (&[("week", "1"), ("start", "09:40"), ("end", "10:00")], "The class has Maths on Week 1, Tuesday"),
    ] {
        let answer = lesson(&lead, change).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{why}");
        let page = answer.text().await.unwrap();
        assert!(page.contains(why) && page.contains("value=\"Mr O.\""), "{why}: {page}");
        assert!(page.contains("selected>Tuesday</option>"), "{why}: {page}");
    }
    assert_eq!(found(&world, "Chess club", "2026-11-23").await, [], "nothing was stored");
    // One lesson in two weeks, of which the second one stands in the way, is not there at all.
    assert_eq!(lesson(&lead, &[("week", "2")]).await.status(), DONE);
    refused(
        lesson(&lead, &[("subject", "Choir")]).await,
        "The class has Chess club on Week 2, Tuesday from 12:15 to 12:55.",
        &["Choir"],
    )
    .await;
    assert_eq!(found(&world, "Choir", "2026-11-23").await, []);
    // Right before and right after is no clash, and neither is another class.
    assert_eq!(lesson(&lead, &[("subject", "Choir"), ("start", "12:55"), ("end", "13:05")]).await.status(), DONE);
    let of = ids::ALDER_ROAD.to_string();
    let class = [("of", of.as_str()), ("what", "class"), ("name", "9A French")];
    assert_eq!(lead.post("/lessons", &class).await.status(), DONE);
    let again = lead.post("/lessons", &[class[0], class[1], ("name", "9a french")]).await;
    refused(again, "a class of this name already", &["9a french"]).await;
    let classes = world.state.store.classes(ids::ALDER_ROAD).await.unwrap();
    let french = classes.iter().find(|class| class.name == "9A French").unwrap().class_group_id.to_string();
    assert_eq!(lesson(&lead, &[("class", &french)]).await.status(), DONE);
    let rename = [class[0], ("what", "rename"), ("class", &french), ("new-name", "9A Latin")];
    assert_eq!(lead.post("/lessons", &rename).await.status(), DONE);
    let page = lead.page(&format!("/lessons?of={of}&class={french}")).await;
    assert!(page.contains("Lessons of 9A Latin") && page.contains("Week 2, Tuesday"), "{page}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_lesson_counts_from_its_day_and_minutes_of_past_days_stay() {
    let world = World::start().await;
    let lead = world.browser("alder lead").await;
    // A lunch with friends, last Tuesday.
    visit(&world, 1, "2026-11-17T12:15:00Z").await;
    let past = async || format!("{:?}", days(&world, "2026-11-09", "2026-11-22").await);
    let before = past().await;
    let told = days(&world, "2026-11-17", "2026-11-17").await;
    assert_eq!(told[0].account.social.ms(), 2_400_000, "there is something to lose: {before}");
    assert_eq!(lesson(&lead, &[]).await.status(), DONE);
    assert_eq!(past().await, before, "a lesson that begins later");
    let page = lead.page(&format!("/pupils/{}/lessons", ids::ADA)).await;
    assert!(page.contains("Chess club, 12:15 to 12:55"), "{page}");

    let refuse = async |from: &str, why: &str| {
        refused(expect(&world, &lead, "Chess club", from, true).await, why, &[from]).await;
    };
    refuse("2026-11-22", "From: that day is over.").await;
    refuse("2027-11-22", "From: the placement lasts until").await;
    assert_eq!(expect(&world, &lead, "Chess club", "2026-11-24", true).await.status(), DONE);
    assert_eq!((club_on(&world, "2026-11-17").await, club_on(&world, "2026-11-24").await), (None, Some(true)));
    let page = lead.page(&format!("/pupils/{}/lessons", ids::ADA)).await;
    let ticked = found(&world, "Chess club", "2026-11-24").await;
    for slot in &ticked {
        assert!(page.contains(&format!("name=\"slot-{}\" checked", slot.timetable_slot_id)), "{page}");
    }
    world.set("2026-11-24T14:00:00Z".parse().unwrap());
    visit(&world, 2, "2026-11-24T12:15:00Z").await;
    let lead = world.browser("alder lead").await;
    let today = &days(&world, "2026-11-24", "2026-11-24").await[0];
    let club = today.lessons.iter().position(|lesson| lesson.about.subject == "Chess club").unwrap();
    assert_eq!(today.account.lessons[club].connected.ms(), 2_400_000, "{today:?}");
    assert_eq!(past().await, before);
    assert_eq!(told[0].account, days(&world, "2026-11-17", "2026-11-17").await[0].account);

    // From a day on the club is later and somewhere else: the day before stays, and Ada goes on being expected.
    let slot = ticked.iter().find(|slot| slot.week == 2).expect("this is a week 2").timetable_slot_id;
    let one = format!("/lessons/{slot}");
    let page = lead.page(&one).await;
    assert!(page.contains("value=\"Chess club\"") && page.contains("value=\"12:15\""), "{page}");
    let change = async |path: &str, fields: &[(&str, &str)]| {
        let room = option(&lead.page(path).await, "Sports hall");
        let mut form: std::collections::BTreeMap<&str, &str> = CLUB.into();
        form.extend([("what", "change"), ("week", "2"), ("room", &room), ("start", "12:20"), ("end", "13:00")]);
        form.extend(fields.iter().copied());
        lead.post(path, &form.into_iter().collect::<Vec<_>>()).await
    };
    refused(change(&one, &[("from", "2026-11-23")]).await, "First day: that day is over.", &["12:20"]).await;
    let clash = change(&one, &[("from", "2026-12-08"), ("start", "11:50")]).await;
    refused(clash, "The class has", &["11:50", "2026-12-08"]).await;
    let answer = change(&one, &[("from", "2026-12-08")]).await;
    assert_eq!(answer.status(), DONE);
    let week_two: Vec<_> = found(&world, "Chess club", "2026-11-24").await.into_iter().filter(|slot| slot.week == 2).collect();
    let told: Vec<_> =
        week_two.iter().map(|slot| (slot.start_min, slot.room_name.as_str(), slot.valid_until, slot.expected)).collect();
    assert_eq!(told, [(735, "Room 8", Some(day("2026-12-07")), true), (740, "Sports hall", None, true)]);
    assert_eq!(past().await, before);
    assert_eq!(days(&world, "2026-11-24", "2026-11-24").await[0].account, today.account, "today is as it was");

    // It ends; what was, stays.
    let one = format!("/lessons/{}", week_two[1].timetable_slot_id);
    let end = async |last: &str| lead.post(&one, &[("what", "end"), ("last", last)]).await;
    refused(end("2026-11-22").await, "Last day: that day is over.", &["2026-11-22"]).await;
    refused(end("").await, "Last day: choose a day.", &[]).await;
    assert_eq!(end("2026-12-07").await.status(), DONE);
    assert_eq!(lead.get(&one).await.status(), StatusCode::NOT_FOUND, "it is never held");
    assert_eq!(past().await, before);
    let log = format!("{:?}", world.state.store.audit_page(None, 100).await.unwrap());
    for action in ["add lesson", "change lesson", "end lesson", "say which lessons are expected"] {
        assert!(log.contains(action), "{action}: {log}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pupil_is_expected_from_a_day_on_not_for_some_time_and_again() {
    let world = World::start().await;
    let lead = world.browser("alder lead").await;
    assert_eq!(lesson(&lead, &[]).await.status(), DONE);
    let say = async |from: &str, is_expected: bool| {
        assert_eq!(expect(&world, &lead, "Chess club", from, is_expected).await.status(), DONE, "{from}");
    };
    let told = async || {
        let mut told = String::new();
        for on in ["2026-11-24", "2026-12-01", "2026-12-08", "2026-12-15"] {
            told.push(match club_on(&world, on).await {
                Some(true) => 'x',
                Some(false) => '-',
                None => '?',
            });
        }
        told
    };
    assert_eq!(told().await, "----");
    say("2026-11-24", true).await;
    assert_eq!(told().await, "xxxx");
    say("2026-11-25", false).await;
    assert_eq!(told().await, "x---");
    say("2026-11-25", true).await;
    assert_eq!(told().await, "xxxx", "taken back");
    say("2026-11-25", false).await;
    say("2026-12-08", true).await;
    assert_eq!(told().await, "x-xx", "both times are kept");
    say("2026-12-01", true).await;
    assert_eq!(told().await, "xxxx");
    say("2026-11-23", false).await;
    assert_eq!(told().await, "----");
    // The whole class, but for what the robot stays out of.
    let out = [("subject", "Swimming"), ("weekday", "6"), ("stays-out", "on")];
    assert_eq!(lesson(&lead, &out).await.status(), DONE);
    let class = ids::CLASS_9A.to_string();
    let slots = world.state.store.slots_of_class(ids::CLASS_9A, None, day("2026-11-23")).await.unwrap();
    let had: Vec<String> = slots.iter().map(|slot| format!("had-{}", slot.timetable_slot_id)).collect();
    let mut form = vec![("class", class.as_str()), ("from", "2026-11-23"), ("all", "1")];
    form.extend(had.iter().map(|had| (had.as_str(), "1")));
    assert_eq!(lead.post(&format!("/pupils/{}/lessons", ids::ADA), &form).await.status(), DONE);
    let slots = world.state.store.slots_of_class(ids::CLASS_9A, Some(ids::ADA_PLACEMENT.0), day("2026-11-23")).await.unwrap();
    for slot in slots.iter().filter(|slot| slot.expected_until.is_none()) {
        assert_eq!(slot.expected, !slot.robot_stays_out, "{slot:?}");
    }
    assert_eq!(told().await, "xxxx");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_lessons_is_shown_first_and_added_whole_or_not_at_all() {
    let world = World::start().await;
    let lead = world.browser("alder lead").await;
    let of = ids::ALDER_ROAD.to_string();
    let bring = async |what: &str, file: &str| {
        let form = [("of", of.as_str()), ("what", what), ("from", "2026-11-24"), ("file", file)];
        lead.post("/lessons/import", &form).await
    };
    let stored = async || {
        let state = &world.state.store;
        let (rooms, classes) = (state.rooms(ids::ALDER_ROAD).await.unwrap(), state.classes(ids::ALDER_ROAD).await.unwrap());
        let slots = state.slots_of_class(ids::CLASS_9A, None, day("2026-11-24")).await.unwrap();
        (rooms.len(), classes.len(), slots.len())
    };
    let before = stored().await;
    assert!(
        lead.page("/lessons/import")
            .await
            .contains("class, day, start, end, subject, room, week, teacher, last day, robot stays out")
    );
    refused(bring("", "class,day\n9A,Mon").await, "The first row names no column “start”.", &[]).await;
    let wrong = "class,day,start,end,subject,room,week\n9A,Tue,08:50,09:20,Latin,Room 8,1\n9B,Tue,9,10,Art,Studio,\n\
                 9B,Wed,10:00,11:00,Art,Studio,\n9B,Wed,10:30,11:30,Music,Studio,2\n";
    for what in ["", "add"] {
        let answer = bring(what, wrong).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let page = answer.text().await.unwrap();
        for words in [
            "3 lines are not as they should be.",
            "Line 2. At that time the class has Maths, Week 1, Tuesday, 08:50 to 09:50, which is here already.",
            "Line 3. Start: write a time",
            "Line 5. At that time the class has Art, Week 2, Wednesday, 10:00 to 11:00, which stands on line 4.",
            "9B,Wed,10:30,11:30,Music,Studio,2",
        ] {
            assert!(page.contains(words), "{words} in {page}");
        }
        assert_eq!(stored().await, before, "nothing is stored");
    }
    let right = "Class;Day;Start;End;Subject;Room;Teacher;Robot stays out\n9B;Wed;10:00;11:00;Art;Studio;Mr O.;\n\
                 9A;Sat;09:00;10:00;Swimming;Pool;;yes\n";
    let answer = bring("", right).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let page = answer.text().await.unwrap();
    for words in [
        "4 lessons will be added. Nothing is stored yet.",
        "New classes:</b> 9B",
        "New rooms:</b> Studio, Pool",
        "the robot stays out",
    ] {
        assert!(page.contains(words), "{words} in {page}");
    }
    assert_eq!(stored().await, before);
    assert_eq!(bring("add", right).await.status(), DONE);
    assert_eq!(stored().await, (before.0 + 2, before.1 + 1, before.2 + 2));
    let again = bring("add", right).await;
    refused(again, "which is here already", &[]).await;
    assert_eq!(lead.post("/lessons/import", &[("of", &ids::MARSH_LANE.to_string())]).await.status(), StatusCode::NOT_FOUND);
    world.stop().await;
}
