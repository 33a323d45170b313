//! The two-week timetable of the demonstration, and the rule that a lesson is under way whenever it is tried.
//!
//! An ordinary school day has five lessons from 08:50 to 15:10. Where somebody tries it at another time (in a break, in the
//! evening, on a Sunday), one more lesson is laid around that moment. Lessons are added, never moved, so history stays true.

use chrono::{DateTime, Datelike, Timelike, Utc};
use server_core::calendar::{Calendar, Week};
use store::lessons::SlotRow;
use uuid::Uuid;

use super::ids;

/// Minutes after midnight.
const DAY: [(i64, i64); 5] = [(530, 590), (590, 650), (670, 730), (785, 845), (850, 910)];
/// A lesson laid around the moment begins this long before it at the least and lasts up to an hour.
const BEFORE_MIN: i64 = 10;
const EXTRA_MIN: i64 = 60;

/// Subject, teacher, index of the room.
type Cell = (&'static str, &'static str, usize);

/// What a class learns in the five lessons from Monday to Friday; week 2 has the days the other way round. Ada's class has no lesson
/// that the robot stays out of: whoever tries the printed pairing link can always go to class. Ben's has one.
const ALDER_9A: [[Cell; 5]; 5] = [
    [("Maths", "Ms N.", 2), ("English", "Mrs P.", 4), ("Science", "Mr T.", 3), ("Geography", "Ms N.", 1), ("Art", "Mr O.", 1)],
    [("Maths", "Ms N.", 2), ("English", "Mrs P.", 4), ("Science", "Mr T.", 3), ("French", "Mme L.", 1), ("Drama", "Mr G.", 5)],
    [("English", "Mrs P.", 4), ("History", "Mr O.", 1), ("Maths", "Ms N.", 2), ("Science", "Mr T.", 3), ("Music", "Ms V.", 1)],
    [
        ("Science", "Mr T.", 3),
        ("Maths", "Ms N.", 2),
        ("English", "Mrs P.", 4),
        ("Geography", "Ms N.", 1),
        ("Computing", "Mr T.", 3),
    ],
    [
        ("French", "Mme L.", 1),
        ("Science", "Mr T.", 3),
        ("Maths", "Ms N.", 2),
        ("English", "Mrs P.", 4),
        ("Tutor time", "Mr T.", 3),
    ],
];
const MARSH_8M: [[Cell; 5]; 5] = [
    [("Science", "Dr A.", 1), ("Maths", "Mr K.", 2), ("English", "Ms W.", 2), ("History", "Ms W.", 2), ("Drama", "Mr B.", 3)],
    [("Maths", "Mr K.", 2), ("Science", "Dr A.", 1), ("English", "Ms W.", 2), ("Spanish", "Sr C.", 2), ("PE", "Mr B.", 3)],
    [("English", "Ms W.", 2), ("Maths", "Mr K.", 2), ("Science", "Dr A.", 1), ("Geography", "Ms W.", 2), ("Art", "Ms W.", 2)],
    [("Science", "Dr A.", 1), ("Spanish", "Sr C.", 2), ("Maths", "Mr K.", 2), ("English", "Ms W.", 2), ("Music", "Mr B.", 3)],
    [
        ("Maths", "Mr K.", 2),
        ("English", "Ms W.", 2),
        ("Science", "Dr A.", 1),
        ("Computing", "Dr A.", 1),
        ("Tutor time", "Dr A.", 1),
    ],
];

/// One class of the demonstration.
pub(super) struct Class {
    pub(super) id: Uuid,
    rooms: &'static [Uuid],
    lessons: [[Cell; 5]; 5],
    /// Subject, teacher and room of the lesson laid around the moment.
    extra: Cell,
}

/// Ada's class.
pub(super) fn alder() -> Class {
    Class { id: ids::CLASS_9A, rooms: &ids::ALDER_ROOMS, lessons: ALDER_9A, extra: ("Science", "Mr T.", 3) }
}

/// Ben's class.
pub(super) fn marsh() -> Class {
    Class { id: ids::CLASS_8M, rooms: &ids::MARSH_ROOMS, lessons: MARSH_8M, extra: ("Science", "Dr A.", 1) }
}

impl Class {
    /// The ordinary two weeks. `room_names`: in the order of the class's rooms.
    pub(super) fn two_weeks(&self) -> Vec<SlotRow> {
        let mut slots = Vec::with_capacity(50);
        for week in [1, 2] {
            for weekday in 1..=5_i64 {
                let index = usize::try_from(if week == 1 { weekday - 1 } else { 5 - weekday }).unwrap_or(0);
                for ((start_min, end_min), cell) in DAY.into_iter().zip(self.lessons[index]) {
                    // The plan starts small: the first and the third lesson of each day, and the second one on two days.
                    let expected = start_min == 530 || start_min == 670 || (start_min == 590 && weekday % 2 == 0);
                    slots.push(self.slot(cell, week, weekday, (start_min, end_min), expected));
                }
            }
        }
        slots
    }

    /// The lesson to add so that one is under way at `now`. `slots`: all that the class has.
    pub(super) fn around(&self, calendar: &Calendar, slots: &[SlotRow], now: DateTime<Utc>) -> SlotRow {
        let local = calendar.local(now);
        let week = if calendar.week(local.date()) == Week::One { 1 } else { 2 };
        let weekday = i64::from(local.weekday().number_from_monday());
        let minute = i64::from(local.hour() * 60 + local.minute());
        let today = slots.iter().filter(|slot| slot.week == week && slot.weekday == weekday);
        if let Some(slot) = today.clone().find(|slot| slot.start_min <= minute && minute < slot.end_min) {
            // One is under way: the plan expects the pupil in it.
            return SlotRow { expected: !slot.robot_stays_out, expected_from: Some(local.date()), ..slot.clone() };
        }
        let earliest = today.clone().map(|slot| slot.end_min).filter(|end| *end <= minute).max().unwrap_or(0);
        let latest = today.map(|slot| slot.start_min).filter(|start| *start > minute).min().unwrap_or(24 * 60);
        let start = (minute / 10 * 10 - BEFORE_MIN).max(earliest);
        let end = (start + EXTRA_MIN).min(latest);
        // From today on: the days before keep the lessons they had.
        let extra = self.slot(self.extra, week, weekday, (start, end), true);
        SlotRow { valid_from: Some(local.date()), expected_from: Some(local.date()), ..extra }
    }

    fn slot(
        &self,
        (subject, teacher, room): Cell,
        week: i64,
        weekday: i64,
        (start_min, end_min): (i64, i64),
        expected: bool,
    ) -> SlotRow {
        let robot_stays_out = subject == "PE";
        SlotRow {
            timetable_slot_id: ids::slot(self.id, week, weekday, start_min),
            class_group_id: self.id,
            room_id: self.rooms[room],
            room_name: String::new(),
            week,
            weekday,
            start_min,
            end_min,
            subject: subject.to_owned(),
            teacher: teacher.to_owned(),
            robot_stays_out,
            valid_from: None,
            valid_until: None,
            expected: expected && !robot_stays_out,
            expected_from: None,
            expected_until: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_lesson_is_under_way_at_every_minute_of_two_weeks() {
        let calendar = Calendar::new("Europe/London", Some("2026-11-16".parse().unwrap()), []).unwrap();
        for class in [alder(), marsh()] {
            let slots = class.two_weeks();
            let start: DateTime<Utc> = "2026-11-16T00:00:30Z".parse().unwrap();
            for minute in 0..14 * 24 * 60 {
                let now = start + TimeDelta::minutes(minute);
                let slot = class.around(&calendar, &slots, now);
                let at = minute % (24 * 60);
                assert!(slot.start_min <= at && at < slot.end_min && slot.end_min <= 24 * 60, "{now}: {slot:?}");
                assert!(slot.expected || slot.robot_stays_out, "{now}");
                let is_known = slots.iter().any(|known| known.timetable_slot_id == slot.timetable_slot_id);
                let overlaps = slots.iter().any(|known| {
                    known.week == slot.week
                        && known.weekday == slot.weekday
                        && known.start_min < slot.end_min
                        && slot.start_min < known.end_min
                });
                assert_eq!(is_known, overlaps, "{now}: an added lesson lies over no other");
            }
        }
    }

    #[test]
    fn slots_have_their_own_names() {
        let mut names: Vec<Uuid> =
            [alder(), marsh()].iter().flat_map(Class::two_weeks).map(|slot| slot.timetable_slot_id).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 100);
    }
}
