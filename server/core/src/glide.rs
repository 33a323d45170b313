//! The glide path: week by week from away to on site, planned and as it was; and a question for the review.
//!
//! Three things stand side by side and are never added: half-days on site (from the school, typed or imported), half-days by robot
//! and minutes by robot (from the engagement ledger), and rest. A half-day is in exactly one place, so the places of a week together
//! are its school half-days; that is a sum of half-days, not of attendance (`DOMAIN.md` N2).
//!
//! Whether the robot is bridging or replacing is for people to say. This file gives a [`ReviewQuestion`], which is a question by type,
//! and no trend, colour or verdict that a page could show in its place.
//!
//! A half-day by robot is an absence in the register. Nothing here makes, reads or suggests a mark.
//!
//! Sources: `DOMAIN.md` H-25, X7, b19, A-24; D9 (remote education is short, and part of a plan).

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Timelike, Utc};
use protocol::Minutes;

use crate::attendance::{Account, Length};
use crate::calendar::Calendar;
use crate::party::PersonId;
use crate::plan::{Place, WeekPattern};
use crate::register::HalfDay;
use crate::school_days::SchoolDays;

mod question;

pub use self::question::ReviewQuestion;

/// From this hour on, where the school is, a lesson belongs to the afternoon.
const NOON: u32 = 12;

/// A half-day of a date.
pub type Half = (NaiveDate, HalfDay);

/// Who says that a pupil was on site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnSiteSource {
    /// A person, on a day.
    Typed {
        /// Who.
        by: PersonId,
        /// When.
        on: NaiveDate,
    },
    /// The school's own file.
    Imported {
        /// Which system.
        system: String,
        /// When it was read.
        at: DateTime<Utc>,
    },
}

/// Whether a pupil was on site for a half-day, as the school says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnSite {
    /// Which half-day.
    pub half: Half,
    /// Was the pupil there?
    pub was_there: bool,
    /// Who says so.
    pub source: OnSiteSource,
}

/// How long a pupil was live in lessons of a half-day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RobotHalf {
    /// Which half-day.
    pub half: Half,
    /// How long.
    pub live: Length,
}

/// The half-days of an account of lessons, in the school's time. A lesson belongs to the half-day in which it begins.
#[must_use]
pub fn robot_halves(account: &Account, calendar: &Calendar) -> Vec<RobotHalf> {
    let mut halves: BTreeMap<Half, Vec<Length>> = BTreeMap::new();
    for lesson in &account.lessons {
        let local = calendar.local(lesson.start);
        let half = if local.hour() < NOON { HalfDay::Am } else { HalfDay::Pm };
        halves.entry((local.date(), half)).or_default().push(lesson.counted());
    }
    halves.into_iter().map(|(half, lengths)| RobotHalf { half, live: Length::of_disjoint(lengths) }).collect()
}

/// Half-days by place. There is no total over weeks and no share of anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HalfDays {
    /// On site.
    pub on_site: u16,
    /// By robot.
    pub by_robot: u16,
    /// At rest.
    pub rest: u16,
    /// Elsewhere: at the provider, the hospital school.
    pub elsewhere: u16,
    /// Nobody has said, or nothing took place. Not a fault, and not an absence: the register says what is one.
    pub not_known: u16,
}

impl HalfDays {
    fn add(&mut self, place: Option<Place>) {
        match place {
            Some(Place::OnSite) => self.on_site += 1,
            Some(Place::ByRobot) => self.by_robot += 1,
            Some(Place::Rest) => self.rest += 1,
            Some(Place::Other) => self.elsewhere += 1,
            None => self.not_known += 1,
        }
    }

    /// The school half-days of the week.
    #[must_use]
    pub fn of(&self) -> u16 {
        self.on_site + self.by_robot + self.rest + self.elsewhere + self.not_known
    }
}

/// Where a week stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeekState {
    /// Its last school day is over.
    Done,
    /// Today is in it.
    ThisWeek,
    /// It has not begun.
    Planned,
}

/// One week of the picture, and one row of its table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GlideWeek {
    /// Its number on the clock.
    pub number: u16,
    /// Its Monday.
    pub monday: NaiveDate,
    /// Where it stands.
    pub state: WeekState,
    /// As the pattern has it, on school days.
    pub planned: HalfDays,
    /// As it was, up to today; `None` if the week has not begun.
    pub actual: Option<HalfDays>,
    /// Live in lessons by robot, up to today, also on half-days on site. Beside the half-days, never of them.
    pub by_robot: Minutes,
    /// Half-days on which the school says something about being on site.
    pub stated: u16,
}

/// What is known of a pupil's weeks.
#[derive(Clone, Copy, Debug)]
pub struct GlideFacts<'a> {
    /// What the school says; of two about one half-day, the last one holds.
    pub on_site: &'a [OnSite],
    /// The engagement ledger.
    pub by_robot: &'a [RobotHalf],
    /// Half-days on which the pupil rested, as the pupil or staff said.
    pub rested: &'a BTreeSet<Half>,
}

/// The weeks of a clock that began on `start`. `pattern`: of a week by its number; a week without one has no plan.
#[must_use]
pub fn glide<'p>(
    start: NaiveDate,
    weeks: u16,
    days: &SchoolDays,
    pattern: impl Fn(u16) -> Option<&'p WeekPattern>,
    facts: GlideFacts<'_>,
    today: NaiveDate,
) -> Vec<GlideWeek> {
    let there: BTreeMap<Half, bool> = facts.on_site.iter().map(|fact| (fact.half, fact.was_there)).collect();
    let mut live: BTreeMap<Half, Vec<Length>> = BTreeMap::new();
    for fact in facts.by_robot {
        live.entry(fact.half).or_default().push(fact.live);
    }
    let live: BTreeMap<Half, Length> = live.into_iter().map(|(half, all)| (half, Length::of_disjoint(all))).collect();
    let mut all = Vec::new();
    for number in 1..=weeks {
        let (Some(monday), Ok(end)) = (days.monday_of_week(start, number), days.end_of_week(start, number)) else { break };
        let plan = pattern(number);
        let state = match () {
            () if today > end.day => WeekState::Done,
            () if today >= monday => WeekState::ThisWeek,
            () => WeekState::Planned,
        };
        let mut week = GlideWeek {
            number,
            monday,
            state,
            planned: HalfDays::default(),
            actual: (state != WeekState::Planned).then(HalfDays::default),
            by_robot: Minutes::floor_of_seconds(0),
            stated: 0,
        };
        let mut lengths = Vec::new();
        let school_days = monday.iter_days().take(5).filter(|day| days.is_school_day(*day) && *day >= start);
        for half in school_days.flat_map(|day| [(day, HalfDay::Am), (day, HalfDay::Pm)]) {
            let planned = plan.and_then(|plan| plan.on(half.0, half.1));
            week.planned.add(planned);
            let Some(actual) = week.actual.as_mut().filter(|_| half.0 <= today) else { continue };
            week.stated += u16::from(there.contains_key(&half));
            lengths.extend(live.get(&half));
            actual.add(place(half, planned, &there, &live, facts.rested));
        }
        week.by_robot = Length::of_disjoint(lengths).minutes();
        all.push(week);
    }
    all
}

/// Where the pupil was, as far as anybody says. A pupil who uses the robot in a quiet room of the school is on site (§0.3).
fn place(
    half: Half,
    planned: Option<Place>,
    there: &BTreeMap<Half, bool>,
    live: &BTreeMap<Half, Length>,
    rested: &BTreeSet<Half>,
) -> Option<Place> {
    if there.get(&half) == Some(&true) {
        Some(Place::OnSite)
    } else if live.get(&half).is_some_and(|length| length.minutes().get() > 0) {
        Some(Place::ByRobot)
    } else if rested.contains(&half) || planned == Some(Place::Rest) {
        Some(Place::Rest)
    } else {
        // What was planned elsewhere is taken at the provider's word; what was planned on site or by robot did not show itself.
        planned.filter(|place| *place == Place::Other)
    }
}

#[cfg(test)]
mod tests;
