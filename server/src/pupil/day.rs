//! The pupil's day in words: what is on now, what is next, what was. Pure: facts and a time in, a view out.
//!
//! Kind and true: a lesson without presence is "finished", never "missed"; "you rested" is said only when the pupil chose so. Times are
//! those of the school's clock, as pupils read it (2:05).

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use server_core::calendar::Calendar;

use crate::web::icon;
use crate::web::view::Icon;

/// From so long before its start a lesson counts as the one to go to.
pub const STARTS_SOON: TimeDelta = TimeDelta::minutes(10);
/// Up to so long before its start the minutes are counted down.
const COUNT_DOWN: TimeDelta = TimeDelta::minutes(60);
/// At this charge or below, off the charger, a robot is called flat, in per cent.
const FLAT_PCT: i64 = 5;

/// A lesson of the day, with what is known of it.
#[derive(Clone, Debug)]
pub struct DayLesson {
    /// First instant.
    pub start: DateTime<Utc>,
    /// One past the last.
    pub end: DateTime<Utc>,
    /// As pages show it.
    pub subject: String,
    /// Where.
    pub room: String,
    /// Title and initial, or nothing.
    pub teacher: String,
    /// The robot stays out.
    pub stays_out: bool,
    /// The plan expects the pupil in it.
    pub expected: bool,
    /// Presence in it so far, in seconds.
    pub attended_s: u64,
    /// The pupil chose to rest.
    pub rested: bool,
}

/// What is known of the robot.
#[derive(Clone, Debug, Default)]
pub struct RobotFacts {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub room: Option<String>,
    /// There is none for this pupil yet.
    pub is_to_come: bool,
    /// It is connected.
    pub is_here: bool,
    /// Somebody switched it off at its button.
    pub is_off: bool,
    /// It is being carried.
    pub is_carried: bool,
    /// Somebody in class paused it.
    pub is_paused: bool,
    /// Charge, if it told.
    pub battery_pct: Option<i64>,
    /// On its charger.
    pub is_charging: bool,
}

/// The page `/today`, and what `/class` says before anything is connected.
#[derive(Clone, Debug)]
pub struct DayView {
    /// Name of the robot.
    pub robot: String,
    /// "Tuesday"
    pub day: String,
    /// The one thing that matters.
    pub now: NowView,
    /// The list.
    pub lessons: Vec<LessonView>,
    /// Heading of the class page.
    pub class: ClassView,
}

/// The large card.
#[derive(Clone, Debug, Default)]
pub struct NowView {
    /// For tests and styles: `ready`, `carried`, `paused`, `away`, `stays-out`, `resting`, `social`, `later`, `done`, `none`.
    pub state: &'static str,
    /// Colour of the chip.
    pub chip_kind: &'static str,
    /// Its picture.
    pub chip_icon: &'static str,
    /// Its words.
    pub chip: String,
    /// The heading.
    pub title: String,
    /// Below it.
    pub lead: String,
    /// Whether the big button is there.
    pub can_enter: bool,
    /// What it says.
    pub go: &'static str,
    /// Whether "not now" is there.
    pub can_rest: bool,
    /// The last line.
    pub foot: &'static str,
    /// The drawn robot's eyes are open.
    pub awake: bool,
}

impl NowView {
    /// The chip's picture.
    #[must_use]
    pub fn icon(&self) -> Icon {
        icon(self.chip_icon)
    }
}

/// One row of the list.
#[derive(Clone, Debug)]
pub struct LessonView {
    /// "1:05"
    pub time: String,
    /// What.
    pub subject: String,
    /// Where, and with whom.
    pub place: String,
    /// It is on, or about to be.
    pub is_now: bool,
    /// Colour of the chip.
    pub chip_kind: &'static str,
    /// Its picture.
    pub chip_icon: &'static str,
    /// Its words.
    pub chip: String,
}

impl LessonView {
    /// The chip's picture.
    #[must_use]
    pub fn icon(&self) -> Icon {
        icon(self.chip_icon)
    }
}

/// Heading of the class page.
#[derive(Clone, Debug)]
pub struct ClassView {
    /// The subject, or whom one visits.
    pub title: String,
    /// Where.
    pub room: String,
}

const LEAVE_ANY_TIME: &str = "You can leave at any time. You never have to say why.";
const BY_ITSELF: &str = "Your seat is kept. This page changes by itself.";

/// The lesson to go to: the one under way, or the one that starts soon.
#[must_use]
pub fn lesson_now(lessons: &[DayLesson], now: DateTime<Utc>) -> Option<&DayLesson> {
    let on = |lesson: &&DayLesson| lesson.start <= now && now < lesson.end;
    let soon = |lesson: &&DayLesson| lesson.start > now && lesson.start - now <= STARTS_SOON;
    // At the end of one lesson the next may start soon: the one under way comes first while it lasts.
    lessons.iter().find(on).or_else(|| lessons.iter().find(soon))
}

/// The day as the pupil reads it. `lessons` are in order. `may_enter`: what `server_core::placement` says, so that the button is never
/// there in vain.
#[must_use]
pub fn day_view(
    calendar: &Calendar,
    now: DateTime<Utc>,
    may_enter: bool,
    robot: &RobotFacts,
    lessons: &[DayLesson],
) -> DayView {
    let current = lesson_now(lessons, now);
    let class = match current {
        Some(lesson) => ClassView { title: lesson.subject.clone(), room: lesson.room.clone() },
        None => ClassView { title: format!("With {}", robot.name), room: robot.room.clone().unwrap_or_default() },
    };
    DayView {
        robot: robot.name.clone(),
        day: calendar.local(now).format("%A").to_string(),
        now: now_view(calendar, now, may_enter, robot, lessons, current),
        lessons: lessons.iter().map(|lesson| lesson_view(calendar, now, lesson, current)).collect(),
        class,
    }
}

fn now_view(
    calendar: &Calendar,
    now: DateTime<Utc>,
    may_enter: bool,
    robot: &RobotFacts,
    lessons: &[DayLesson],
    current: Option<&DayLesson>,
) -> NowView {
    let name = &robot.name;
    let next = lessons.iter().find(|lesson| lesson.start > now && !lesson.stays_out);
    let mut view = ready_of(robot, may_enter);
    if let Some(lesson) = current {
        let times = format!("{} to {}", clock(calendar, lesson.start), clock(calendar, lesson.end));
        let with = if lesson.teacher.is_empty() { String::new() } else { format!(", with {}", lesson.teacher) };
        view.title = if now < lesson.start {
            format!("{} is starting", lesson.subject)
        } else {
            format!("{} is on now", lesson.subject)
        };
        view.lead = format!("{times}{with}, in {}.", lesson.room);
        if lesson.stays_out {
            let then = next.map_or(String::new(), |next| format!(" {} is at {}.", next.subject, clock(calendar, next.start)));
            return NowView {
                state: "stays-out",
                chip_kind: "",
                chip_icon: "blind",
                chip: "Not in this one".to_owned(),
                lead: format!("{name} stays out of this lesson.{then}"),
                can_enter: false,
                foot: "Time for a break.",
                awake: false,
                ..view
            };
        }
        if lesson.rested {
            return NowView {
                state: "resting",
                chip_kind: "rest",
                chip_icon: "moon",
                chip: "You are resting".to_owned(),
                lead: format!("{name} keeps your seat. Come when you like, or not today. {}", view.lead),
                go: "Go to class after all",
                foot: "You never have to say why.",
                awake: false,
                ..view
            };
        }
        view.can_rest = true;
        return view;
    }
    if lessons.is_empty() {
        return NowView {
            state: "none",
            chip_kind: "line",
            chip_icon: "cal",
            chip: "No lessons".to_owned(),
            title: "No lessons today".to_owned(),
            lead: format!("{name} keeps your seat."),
            can_enter: false,
            can_rest: false,
            foot: "Have a good day.",
            awake: false,
            ..view
        };
    }
    view.go = "Visit the class";
    let visit = if view.can_enter { format!(" {name} is at your table, if you like.") } else { String::new() };
    if let Some(next) = next {
        view.state = if view.can_enter { "social" } else { "later" };
        view.title = format!("{} is next", next.subject);
        view.lead = format!("At {}, in {}.{visit}", clock(calendar, next.start), next.room);
        return view;
    }
    NowView {
        state: "done",
        chip_kind: "line",
        chip_icon: "check",
        chip: "Done for today".to_owned(),
        title: "That was all for today".to_owned(),
        lead: format!("{name} keeps your seat for next time.{visit}"),
        foot: "Have a good rest.",
        awake: view.can_enter,
        ..view
    }
}

/// Whether the robot is ready, in a chip; the words around it follow.
fn ready_of(robot: &RobotFacts, may_enter: bool) -> NowView {
    let name = &robot.name;
    let place = robot.room.as_ref().map_or_else(|| "in school".to_owned(), |room| format!("in {room}"));
    let flat = robot.battery_pct.is_some_and(|charge| charge <= FLAT_PCT) && !robot.is_charging;
    let (state, chip_kind, chip_icon, chip) = if robot.is_to_come {
        ("away", "line", "clock", "There is no robot for you yet".to_owned())
    } else if robot.is_off {
        ("away", "", "off", format!("{name} is switched off in school"))
    } else if !robot.is_here && flat {
        ("away", "fault", "flat", format!("{name}’s battery is empty"))
    } else if !robot.is_here {
        ("away", "look", "wifioff", format!("{name} is not connected just now"))
    } else if robot.is_carried {
        ("carried", "move", "carry", format!("{name} is being carried"))
    } else if robot.is_paused {
        ("paused", "", "blind", format!("{name} is paused in class"))
    } else if flat {
        ("ready", "fault", "flat", format!("{name} is {place}. Its battery is nearly empty"))
    } else {
        ("ready", "live", "check", format!("{name} is {place} and ready"))
    };
    NowView {
        state,
        chip_kind,
        chip_icon,
        chip,
        can_enter: may_enter,
        go: "Go to class",
        foot: if may_enter { LEAVE_ANY_TIME } else { BY_ITSELF },
        awake: robot.is_here && !robot.is_off && !robot.is_paused,
        ..NowView::default()
    }
}

fn lesson_view(calendar: &Calendar, now: DateTime<Utc>, lesson: &DayLesson, current: Option<&DayLesson>) -> LessonView {
    let is_now = current.is_some_and(|current| current.start == lesson.start && current.end == lesson.end);
    let was_there = lesson.attended_s > 0;
    let (chip_kind, chip_icon, chip) = if lesson.stays_out {
        ("", "blind", "Not in this one".to_owned())
    } else if now >= lesson.end {
        match (was_there, lesson.rested) {
            (true, _) => ("live", "check", "You were there".to_owned()),
            (false, true) => ("rest", "moon", "You rested".to_owned()),
            (false, false) => ("line", "check", "Finished".to_owned()),
        }
    } else if now >= lesson.start {
        match (was_there, lesson.rested) {
            (true, _) => ("live", "check", "You were there".to_owned()),
            (false, true) => ("rest", "moon", "You are resting".to_owned()),
            (false, false) => ("line", "clock", "Now".to_owned()),
        }
    } else if lesson.rested {
        ("rest", "moon", "You are resting".to_owned())
    } else if lesson.start - now <= COUNT_DOWN {
        ("line", "clock", in_minutes(lesson.start - now))
    } else if lesson.expected {
        ("line", "clock", "Later".to_owned())
    } else {
        ("line", "person", "If you like".to_owned())
    };
    let place = if lesson.stays_out {
        "Your robot waits outside".to_owned()
    } else if lesson.teacher.is_empty() {
        lesson.room.clone()
    } else {
        format!("{}, {}", lesson.room, lesson.teacher)
    };
    LessonView {
        time: clock(calendar, lesson.start),
        subject: lesson.subject.clone(),
        place,
        is_now,
        chip_kind,
        chip_icon,
        chip,
    }
}

/// "In 2 minutes": rounded up, so that it never says 0.
fn in_minutes(left: TimeDelta) -> String {
    let minutes = (left.num_seconds() + 59) / 60;
    if minutes <= 1 { "In 1 minute".to_owned() } else { format!("In {minutes} minutes") }
}

/// The school's clock as pupils read it.
fn clock(calendar: &Calendar, at: DateTime<Utc>) -> String {
    let local = calendar.local(at);
    format!("{}:{:02}", local.hour12().1, local.minute())
}

#[cfg(test)]
mod tests;
