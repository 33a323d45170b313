//! The link to class and teacher: in how many lessons of each teacher a pupil was live, of those that were expected.
//!
//! What keeps a child belonging is meeting the same people again, so this counts meetings, by teacher and subject, and sums nothing
//! over them. It compares no pupils and no teachers: the list is in the order of the names, and a lesson in which the robot stays out or
//! nobody expects the pupil is not in it. Lessons of participation, not of the register.
//!
//! Source: `DOMAIN.md` A-24 (APIF, "Learning from practice": a consistent link to classroom and teacher).

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::attendance::AttendanceMinutes;
use crate::calendar::Calendar;
use crate::timetable::Lesson;

/// Meetings with one teacher in one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Continuity {
    /// Title and initial, as in the timetable.
    pub teacher: String,
    /// Subject.
    pub subject: String,
    /// Lessons in which the plan expected the pupil.
    pub expected: u16,
    /// Lessons of these, and others, in which the pupil was live for a minute or more.
    pub live: u16,
    /// The last day on which they met.
    pub last: Option<NaiveDate>,
}

/// Meetings in some lessons. `minutes`: of the same lessons, in any order; a lesson without is one in which the pupil was not live.
#[must_use]
pub fn continuity(lessons: &[Lesson], minutes: &[AttendanceMinutes], calendar: &Calendar) -> Vec<Continuity> {
    let live: BTreeMap<_, _> = minutes.iter().map(|one| ((one.slot, one.start), one.counted())).collect();
    let mut all: BTreeMap<(&str, &str), Continuity> = BTreeMap::new();
    for lesson in lessons.iter().filter(|lesson| !lesson.about.robot_stays_out) {
        let was_live = live.get(&(lesson.slot, lesson.start)).is_some_and(|length| length.minutes().get() > 0);
        if !was_live && !lesson.about.expected {
            continue;
        }
        let (teacher, subject) = (lesson.about.teacher.as_str(), lesson.about.subject.as_str());
        let entry = all.entry((teacher, subject)).or_insert_with(|| Continuity {
            teacher: teacher.to_owned(),
            subject: subject.to_owned(),
            expected: 0,
            live: 0,
            last: None,
        });
        entry.expected = entry.expected.saturating_add(u16::from(lesson.about.expected));
        entry.live = entry.live.saturating_add(u16::from(was_live));
        entry.last = entry.last.max(was_live.then(|| calendar.day(lesson.start)));
    }
    all.into_values().collect()
}

#[cfg(test)]
mod tests {
    use protocol::RoomId;
    use uuid::Uuid;

    use super::*;
    use crate::attendance::Length;
    use crate::timetable::About;

    fn lesson(n: u128, start: &str, teacher: &str, expected: bool, robot_stays_out: bool) -> Lesson {
        let about = About {
            room: RoomId(Uuid::nil()),
            room_name: String::new(),
            subject: "Science".to_owned(),
            teacher: teacher.to_owned(),
            robot_stays_out,
            expected,
        };
        let start = start.parse().unwrap();
        Lesson { slot: Uuid::from_u128(n), start, end: start + chrono::TimeDelta::hours(1), about }
    }

    fn live(lesson: &Lesson, seconds: u64) -> AttendanceMinutes {
        AttendanceMinutes {
            slot: lesson.slot,
            start: lesson.start,
            expected: Length::default(),
            connected: Length::of_ms(seconds * 1000),
            video: Length::default(),
            stills: Length::default(),
            audio: Length::default(),
            active: protocol::Active::default(),
            corrected: None,
            anomalies: vec![],
        }
    }

    #[test]
    fn a_24_meetings_are_counted_by_teacher_and_one_minute_is_one() {
        let lessons = [
            lesson(1, "2026-11-09T08:50:00Z", "Ms N.", true, false),
            lesson(1, "2026-11-16T08:50:00Z", "Ms N.", true, false),
            lesson(2, "2026-11-10T08:50:00Z", "Ms N.", false, false),
            lesson(3, "2026-11-10T10:00:00Z", "Mr B.", true, false),
            lesson(4, "2026-11-10T11:00:00Z", "Mr P.", false, true),
            lesson(5, "2026-11-11T11:00:00Z", "Mr P.", false, false),
        ];
        let minutes = [live(&lessons[2], 600), live(&lessons[0], 60), live(&lessons[3], 59), live(&lessons[4], 3000)];
        let calendar = Calendar::new("Europe/London", None, []).unwrap();
        let told: Vec<_> = continuity(&lessons, &minutes, &calendar)
            .into_iter()
            .map(|one| (one.teacher, one.expected, one.live, one.last.map(|day| day.to_string())))
            .collect();
        let expected = [("Mr B.".to_owned(), 1, 0, None), ("Ms N.".to_owned(), 2, 2, Some("2026-11-10".to_owned()))];
        assert_eq!(told, expected);
    }

    #[test]
    fn the_day_is_that_of_the_school() {
        let late = lesson(1, "2026-06-22T23:30:00Z", "Ms N.", true, false);
        let calendar = Calendar::new("Europe/London", None, []).unwrap();
        let told = continuity(std::slice::from_ref(&late), &[live(&late, 120)], &calendar);
        assert_eq!(told[0].last, Some("2026-06-23".parse().unwrap()));
    }
}
