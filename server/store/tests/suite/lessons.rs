//! Which slots concern a placement.

use engines::{Fresh, on_each_engine};
use store::lessons::SlotRow;
use uuid::Uuid;

use crate::world::{PLACEMENT, ROOM, SCHOOL, fill};

on_each_engine!(all_lessons_of_the_pupils_own_groups_are_there_and_no_others);

fn slot(class_group: u128, start_min: i64, expected: bool) -> SlotRow {
    SlotRow {
        timetable_slot_id: Uuid::from_u128(class_group * 10_000 + u128::try_from(start_min).unwrap()),
        class_group_id: Uuid::from_u128(class_group),
        room_id: ROOM,
        room_name: "Room 12".into(),
        week: 1,
        weekday: 1,
        start_min,
        end_min: start_min + 60,
        subject: "Maths".into(),
        teacher: "Ms N.".into(),
        robot_stays_out: start_min == 700,
        valid_from: None,
        valid_until: None,
        expected,
        expected_from: None,
        expected_until: None,
    }
}

async fn all_lessons_of_the_pupils_own_groups_are_there_and_no_others(store: Fresh) {
    fill(&store).await;
    for group in [1, 2] {
        store.add_class_group(Uuid::from_u128(group), SCHOOL, &format!("9{group}")).await.unwrap();
    }
    let own = [slot(1, 500, true), slot(1, 600, false), slot(1, 700, false)];
    store.add_slots(PLACEMENT, &own).await.unwrap();
    store.add_slots(PLACEMENT, &[slot(2, 500, false)]).await.unwrap();
    assert_eq!(store.slots_of_placement(PLACEMENT).await.unwrap(), own);
    store.add_slots(PLACEMENT, &[slot(1, 600, true)]).await.unwrap();
    assert!(store.slots_of_placement(PLACEMENT).await.unwrap()[1].expected, "the plan grows; the slot stays");
    assert_eq!(store.slots_of_placement(Uuid::from_u128(404)).await.unwrap(), []);
}
