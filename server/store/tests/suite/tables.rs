//! What an authority adds by its pages: robots, bridges, rooms, classes and lessons, and in which of them a pupil is expected.

use chrono::{DateTime, NaiveDate, Utc};
use engines::{Fresh, on_each_engine};
use store::audit::{Actor, NewAudit, Subject};
use store::lessons::SlotRow;
use store::machines::{Kept, NewRobot};
use store::organisations::RoomRow;
use store::robots::DeviceKind;
use store::tables::ClassRow;
use uuid::Uuid;

use crate::world::{BRIDGE, PLACEMENT, ROBOT, ROOM, SCHOOL, fill};

on_each_engine!(
    a_machine_is_known_from_when_it_is_added_until_it_is_no_longer_used,
    a_room_is_in_use_until_nothing_is_held_there,
    lessons_of_one_class_never_overlap_and_a_change_leaves_what_was,
    a_pupil_is_expected_for_some_time_not_for_some_time_and_again
);

const NEW: Uuid = Uuid::from_u128(50);
const CLASS: Uuid = Uuid::from_u128(51);
const AUDIT: NewAudit<'static> = NewAudit { actor: Actor::Program, action: "set up", subject: Subject::None, detail: None };

fn now() -> DateTime<Utc> {
    "2026-11-23T09:00:00Z".parse().unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn slot(id: u128, start_min: i64, from: &str, until: Option<&str>) -> SlotRow {
    SlotRow {
        timetable_slot_id: Uuid::from_u128(id),
        class_group_id: CLASS,
        room_id: ROOM,
        room_name: "Room 12".into(),
        week: 1,
        weekday: 1,
        start_min,
        end_min: start_min + 60,
        subject: "Maths".into(),
        teacher: String::new(),
        robot_stays_out: false,
        valid_from: Some(day(from)),
        valid_until: until.map(day),
        expected: false,
        expected_from: None,
        expected_until: None,
    }
}

async fn with_class(store: &store::Store) {
    fill(store).await;
    let class = ClassRow { class_group_id: CLASS, organisation_id: SCHOOL, name: "9A".into() };
    assert!(store.enter_class(&class, AUDIT, now()).await.unwrap());
    let other = ClassRow { class_group_id: NEW, name: "9a".into(), ..class };
    assert!(!store.enter_class(&other, AUDIT, now()).await.unwrap(), "the name is taken");
    let named = ClassRow { class_group_id: CLASS, name: "9B".into(), ..other };
    assert!(store.rename_class(&named, AUDIT, now()).await.unwrap());
    assert_eq!(store.classes(SCHOOL).await.unwrap(), [named]);
}

async fn a_machine_is_known_from_when_it_is_added_until_it_is_no_longer_used(store: Fresh) {
    fill(&store).await;
    let wren = NewRobot { robot_id: NEW, organisation_id: SCHOOL, name: "Wren" };
    let add = async |robot: NewRobot<'_>| store.enter_robot(robot, AUDIT, now()).await.unwrap();
    assert_eq!(add(NewRobot { name: "ROBIN", ..wren }).await, Kept::NameTaken);
    assert_eq!(add(NewRobot { robot_id: BRIDGE, ..wren }).await, Kept::IdTaken);
    assert_eq!(store.robots().await.unwrap().len(), 1, "nothing of these is left");
    assert_eq!(add(wren).await, Kept::Written);
    assert_eq!(store.device_kind(NEW).await.unwrap(), Some(DeviceKind::Robot));
    let name = async |name: &'static str| store.rename_robot(NewRobot { name, ..wren }, AUDIT, now()).await.unwrap();
    assert_eq!((name("robin").await, name("Linnet").await), (Kept::NameTaken, Kept::Written));
    let retire = async |robot: Uuid, on: &str| store.retire_robot(robot, day(on), AUDIT, now()).await.unwrap();
    assert!(!retire(ROBOT, "2026-11-23").await, "a placement has it");
    assert!(retire(ROBOT, "2026-11-24").await && retire(NEW, "2026-11-23").await);
    assert_eq!((store.device_kind(NEW).await.unwrap(), store.robots_of(SCHOOL).await.unwrap()), (None, vec![]));
    assert!(store.robot(NEW).await.unwrap().is_some_and(|row| row.name == "Linnet" && row.retired_at == Some(now())));
    assert!(!store.place_robot(NEW, Uuid::from_u128(404), now()).await.unwrap());
    store.use_robot_again(NEW, AUDIT, now()).await.unwrap();
    assert_eq!(store.robots_of(SCHOOL).await.unwrap().len(), 1);

    let bridge = Uuid::from_u128(52);
    assert!(!store.enter_bridge(NEW, AUDIT, now()).await.unwrap(), "a robot has this id");
    assert!(!store.enter_bridge(BRIDGE, AUDIT, now()).await.unwrap(), "it is there");
    assert!(store.enter_bridge(bridge, AUDIT, now()).await.unwrap());
    assert_eq!(store.bridges().await.unwrap().len(), 2);
    assert!(store.retire_bridge(bridge, AUDIT, now()).await.unwrap());
    assert!(!store.retire_bridge(bridge, AUDIT, now()).await.unwrap(), "once");
    assert_eq!((store.bridges().await.unwrap().len(), store.device_kind(bridge).await.unwrap()), (1, None));
    assert!(store.enter_bridge(bridge, AUDIT, now()).await.unwrap(), "it is back");
    store.run("UPDATE bridge SET status = 'here'").await.unwrap();
    assert!(!store.retire_bridge(bridge, AUDIT, now()).await.unwrap(), "it is connected");
}

async fn a_room_is_in_use_until_nothing_is_held_there(store: Fresh) {
    with_class(&store).await;
    let room = RoomRow { room_id: NEW, organisation_id: SCHOOL, name: "room 12".into() };
    assert!(!store.enter_room(&room, AUDIT, now()).await.unwrap());
    let room = RoomRow { name: "Studio".into(), ..room };
    assert!(store.enter_room(&room, AUDIT, now()).await.unwrap());
    let named = RoomRow { name: "ROOM 12".into(), ..room.clone() };
    assert!(!store.rename_room(&named, AUDIT, now()).await.unwrap());
    let retire = async |on: &str| store.retire_room(NEW, day(on), AUDIT, now()).await.unwrap();
    let held = SlotRow { room_id: NEW, ..slot(60, 500, "2026-11-23", Some("2026-11-30")) };
    assert_eq!(store.enter_slots(&[held], AUDIT, now()).await.unwrap(), None);
    assert!(!retire("2026-11-30").await, "a lesson is held there that day");
    assert!(store.place_robot(ROBOT, NEW, now()).await.unwrap());
    assert!(!retire("2026-12-01").await, "a robot stands there");
    assert!(store.place_robot(ROBOT, ROOM, now()).await.unwrap() && retire("2026-12-01").await);
    assert!(!store.place_robot(ROBOT, NEW, now()).await.unwrap(), "nothing is put down there");
    let rooms = store.kept_rooms(SCHOOL, day("2026-11-23")).await.unwrap();
    let told: Vec<_> = rooms.iter().map(|row| (row.name.as_str(), row.is_retired, row.lessons, row.robots)).collect();
    assert_eq!(told, [("Room 12", false, 0, 1), ("Studio", true, 1, 0)]);
    assert_eq!(store.rooms(SCHOOL).await.unwrap().len(), 1);
    store.use_room_again(NEW, AUDIT, now()).await.unwrap();
    assert_eq!(store.rooms(SCHOOL).await.unwrap().len(), 2);
}

async fn lessons_of_one_class_never_overlap_and_a_change_leaves_what_was(store: Fresh) {
    with_class(&store).await;
    let add = async |slots: &[SlotRow]| store.enter_slots(slots, AUDIT, now()).await.unwrap().map(|clash| clash.start_min);
    assert_eq!(add(&[slot(60, 500, "2026-11-23", None)]).await, None);
    assert_eq!(add(&[slot(61, 700, "2026-11-23", None), slot(62, 559, "2027-01-04", None)]).await, Some(500));
    let held = async |on: &str| {
        let slots = store.slots_of_class(CLASS, None, day(on)).await.unwrap();
        slots.into_iter().map(|slot| (slot.timetable_slot_id.as_u128(), slot.valid_until)).collect::<Vec<_>>()
    };
    assert_eq!(held("2026-11-23").await, [(60, None)], "all or none");
    assert_eq!(add(&[slot(61, 560, "2026-11-23", None), slot(62, 440, "2026-11-23", None)]).await, None);
    // From a day on it is at another time; the one before ends, and a time that became free may be used.
    let later = slot(63, 640, "2026-11-23", None);
    let first = day("2026-12-07");
    let clash = slot(64, 600, "2026-11-23", None);
    assert!(store.replace_slot(Uuid::from_u128(60), &clash, first, AUDIT, now()).await.unwrap().is_some());
    assert_eq!(store.replace_slot(Uuid::from_u128(60), &later, first, AUDIT, now()).await.unwrap(), None);
    let last = Some(day("2026-12-06"));
    assert_eq!(held("2026-11-23").await, [(62, None), (60, last), (61, None), (63, None)]);
    assert_eq!(held("2026-12-07").await, [(62, None), (61, None), (63, None)]);
    assert_eq!(add(&[slot(65, 500, "2026-12-06", None)]).await, Some(500));
    assert_eq!(add(&[slot(65, 500, "2026-12-07", None)]).await, None);
    // One that ends before it begins is never held, and in nobody's way.
    store.end_slot(Uuid::from_u128(65), day("2026-11-23"), AUDIT, now()).await.unwrap();
    store.end_slot(Uuid::from_u128(60), day("2026-12-31"), AUDIT, now()).await.unwrap();
    assert_eq!(held("2026-11-23").await, [(62, None), (60, last), (61, None), (63, None)], "an end is never later");
    assert_eq!(add(&[slot(66, 500, "2026-12-07", None)]).await, None);
    let (row, class) = store.slot(Uuid::from_u128(66)).await.unwrap().unwrap();
    assert_eq!((row.start_min, class.name.as_str()), (500, "9B"));
    assert_eq!(store.slot(Uuid::from_u128(404)).await.unwrap(), None);
}

async fn a_pupil_is_expected_for_some_time_not_for_some_time_and_again(store: Fresh) {
    with_class(&store).await;
    store.enter_slots(&[slot(60, 500, "2026-11-23", None)], AUDIT, now()).await.unwrap();
    let say = async |on: &str, wanted: bool| {
        let slots = store.slots_of_class(CLASS, Some(PLACEMENT), day(on)).await.unwrap();
        let said: Vec<_> = slots.iter().map(|slot| (slot.timetable_slot_id, wanted)).collect();
        store.expect_slots(PLACEMENT, &said, day(on), AUDIT, now()).await.unwrap();
    };
    let told = async || {
        let slots = store.slots_of_class(CLASS, Some(PLACEMENT), day("2026-11-23")).await.unwrap();
        let from_until = |slot: &SlotRow| {
            let text = |day: Option<NaiveDate>| day.map_or_else(String::new, |day| day.format("%m-%d").to_string());
            let held = format!("{}..{}", text(slot.valid_from), text(slot.valid_until));
            if slot.expected { format!("{held} {}..{}", text(slot.expected_from), text(slot.expected_until)) } else { held }
        };
        slots.iter().map(from_until).collect::<Vec<_>>().join(", ")
    };
    say("2026-11-23", true).await;
    assert_eq!(told().await, "11-23.. 11-23..");
    say("2026-11-30", false).await;
    assert_eq!(told().await, "11-23.. 11-23..11-29");
    say("2026-11-30", true).await;
    assert_eq!(told().await, "11-23.. 11-23..");
    say("2026-11-30", false).await;
    say("2026-12-14", true).await;
    assert_eq!(told().await, "11-23..12-13 11-23..11-29, 12-14.. 12-14..");
    // Who is expected in what is changed goes on being expected; who is not any more, does not.
    let changed = slot(61, 520, "2027-01-04", None);
    let second = store.slots_of_class(CLASS, None, day("2026-12-14")).await.unwrap()[0].timetable_slot_id;
    store.replace_slot(second, &changed, day("2027-01-04"), AUDIT, now()).await.unwrap();
    assert_eq!(told().await, "11-23..12-13 11-23..11-29, 12-14..01-03 12-14.., 01-04.. 12-14..");
    say("2026-12-14", false).await;
    assert_eq!(told().await, "11-23..12-13 11-23..11-29, 12-14..01-03, 01-04..", "it never was");
}
