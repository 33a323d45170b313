//! Slots of a two-week timetable and a calendar → lessons, as UTC spans.

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc, Weekday};
use protocol::RoomId;
use uuid::Uuid;

use crate::calendar::{Calendar, Week};

/// A place in the two-week timetable, in wall-clock time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Names it.
    pub id: Uuid,
    /// Which week.
    pub week: Week,
    /// Which day.
    pub weekday: Weekday,
    /// Minutes after local midnight.
    pub start_min: u16,
    /// Minutes after local midnight; not included.
    pub end_min: u16,
    /// On which days it is in force: a change of the timetable ends one slot and begins another, so the past keeps its lessons.
    pub days: Days,
    /// On which days the plan expects the pupil in it.
    pub expected: Option<Days>,
    /// What happens there.
    pub about: About,
}

/// Days from one on until another, both included; an open end is for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Days {
    /// First day.
    pub from: Option<NaiveDate>,
    /// Last day.
    pub until: Option<NaiveDate>,
}

impl Days {
    /// Every day.
    pub const ALL: Self = Self { from: None, until: None };

    /// Whether `day` is one of them.
    #[must_use]
    pub fn contains(&self, day: NaiveDate) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day <= until)
    }
}

/// What a lesson is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Where.
    pub room: RoomId,
    /// As the timetable calls the room.
    pub room_name: String,
    /// Subject.
    pub subject: String,
    /// Title and initial.
    pub teacher: String,
    /// The robot stays out of it.
    pub robot_stays_out: bool,
    /// The plan expects the pupil in it. Set for a lesson by [`lessons_on`], from the slot's [`Slot::expected`].
    pub expected: bool,
}

/// A lesson on a day: `[start, end)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lesson {
    /// Which slot of the timetable.
    pub slot: Uuid,
    /// First instant.
    pub start: DateTime<Utc>,
    /// One past the last.
    pub end: DateTime<Utc>,
    /// What it is about.
    pub about: About,
}

impl Lesson {
    /// Whether it is under way.
    #[must_use]
    pub fn is_at(&self, at: DateTime<Utc>) -> bool {
        self.start <= at && at < self.end
    }

    /// How long it is.
    #[must_use]
    pub fn length(&self) -> TimeDelta {
        self.end - self.start
    }
}

/// The lessons of a day, by time. None on a closure day.
#[must_use]
pub fn lessons_on(calendar: &Calendar, slots: &[Slot], day: NaiveDate) -> Vec<Lesson> {
    if !calendar.is_open(day) {
        return Vec::new();
    }
    let (week, weekday) = (calendar.week(day), day.weekday());
    let mut lessons: Vec<Lesson> = slots
        .iter()
        .filter(|slot| slot.week == week && slot.weekday == weekday && slot.days.contains(day))
        .map(|slot| Lesson {
            slot: slot.id,
            start: calendar.instant(day, slot.start_min),
            end: calendar.instant(day, slot.end_min),
            about: About { expected: slot.expected.is_some_and(|days| days.contains(day)), ..slot.about.clone() },
        })
        // A slot that lies wholly in the hour that the clocks skip does not happen.
        .filter(|lesson| lesson.start < lesson.end)
        .collect();
    lessons.sort_by_key(|lesson| (lesson.start, lesson.end, lesson.slot));
    lessons
}

/// The lessons from `first` to `last`, both included, by time. At most a year is looked at.
#[must_use]
pub fn lessons_between(calendar: &Calendar, slots: &[Slot], first: NaiveDate, last: NaiveDate) -> Vec<Lesson> {
    first.iter_days().take(366).take_while(|day| *day <= last).flat_map(|day| lessons_on(calendar, slots, day)).collect()
}

/// Of lessons by time: the one under way, and the one after.
#[must_use]
pub fn now_and_next(lessons: &[Lesson], now: DateTime<Utc>) -> (Option<&Lesson>, Option<&Lesson>) {
    (lessons.iter().find(|lesson| lesson.is_at(now)), lessons.iter().find(|lesson| lesson.start > now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(week: Week, weekday: Weekday, start_min: u16, end_min: u16, subject: &str) -> Slot {
        let about = About {
            room: RoomId(Uuid::nil()),
            room_name: "Room 12".into(),
            subject: subject.into(),
            teacher: "Mr T.".into(),
            robot_stays_out: false,
            expected: true,
        };
        let id = Uuid::from_u128(u128::from(start_min));
        Slot { id, week, weekday, start_min, end_min, days: Days::ALL, expected: Some(Days::ALL), about }
    }

    fn calendar() -> Calendar {
        Calendar::new("Europe/London", Some("2026-11-09".parse().unwrap()), ["2026-11-24".parse().unwrap()]).unwrap()
    }

    fn check(day: &str, slots: &[Slot], expected: &str) {
        let lessons = lessons_on(&calendar(), slots, day.parse().unwrap());
        let text: Vec<String> = lessons
            .iter()
            .map(|l| format!("{} {}-{}", l.about.subject, l.start.format("%H:%M"), l.end.format("%H:%M")))
            .collect();
        assert_eq!(text.join(", "), expected, "{day}");
    }

    #[test]
    fn a_day_has_the_lessons_of_its_week_and_weekday_in_order() {
        let slots = [
            slot(Week::One, Weekday::Mon, 590, 650, "English"),
            slot(Week::One, Weekday::Mon, 530, 590, "Maths"),
            slot(Week::Two, Weekday::Mon, 530, 590, "French"),
            slot(Week::One, Weekday::Tue, 530, 590, "Art"),
        ];
        check("2026-11-23", &slots, "Maths 08:50-09:50, English 09:50-10:50");
        check("2026-11-16", &slots, "French 08:50-09:50");
        check("2026-11-24", &slots, "");
        check("2026-11-22", &slots, "");
    }

    #[test]
    fn a_timetable_changed_from_a_day_on_leaves_the_lessons_before_it() {
        let change: NaiveDate = "2026-11-23".parse().unwrap();
        let mut old = slot(Week::One, Weekday::Mon, 530, 590, "Maths");
        old.days.until = change.pred_opt();
        let mut new = slot(Week::One, Weekday::Mon, 540, 600, "Art");
        new.days.from = Some(change);
        check("2026-11-09", &[old.clone(), new.clone()], "Maths 08:50-09:50");
        check("2026-11-23", &[old, new], "Art 09:00-10:00");
    }

    #[test]
    fn a_plan_changed_from_a_day_on_leaves_what_was_expected_before() {
        let mut slot = slot(Week::One, Weekday::Mon, 530, 590, "Maths");
        slot.expected = Some(Days { from: Some("2026-11-23".parse().unwrap()), until: None });
        let expected = |day: &str| lessons_on(&calendar(), std::slice::from_ref(&slot), day.parse().unwrap())[0].about.expected;
        assert!(!expected("2026-11-09") && expected("2026-11-23"));
    }

    #[test]
    fn lessons_keep_their_wall_clock_times_in_summer() {
        check("2026-06-22", &[slot(Week::One, Weekday::Mon, 530, 590, "Maths")], "Maths 07:50-08:50");
    }

    #[test]
    fn a_lesson_in_the_skipped_hour_does_not_happen() {
        check(
            "2026-03-29",
            &[slot(Week::One, Weekday::Sun, 60, 120, "Astronomy"), slot(Week::Two, Weekday::Sun, 60, 120, "Astronomy")],
            "",
        );
    }

    #[test]
    fn now_and_next_at_the_edges() {
        let slots = [slot(Week::One, Weekday::Mon, 530, 590, "Maths"), slot(Week::One, Weekday::Mon, 590, 650, "English")];
        let lessons = lessons_between(&calendar(), &slots, "2026-11-20".parse().unwrap(), "2026-11-30".parse().unwrap());
        let check = |at: &str, now: Option<&str>, next: Option<&str>| {
            let (a, b) = now_and_next(&lessons, at.parse().unwrap());
            assert_eq!((a.map(|l| l.about.subject.as_str()), b.map(|l| l.about.subject.as_str())), (now, next), "{at}");
        };
        check("2026-11-23T08:49:59Z", None, Some("Maths"));
        check("2026-11-23T08:50:00Z", Some("Maths"), Some("English"));
        check("2026-11-23T09:50:00Z", Some("English"), None);
        check("2026-11-23T10:50:00Z", None, None);
    }
}
