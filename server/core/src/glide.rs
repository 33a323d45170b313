//! The glide path: week by week from away to on site, planned and as it was; and a question for the review.
//!
//! Three things stand side by side and are never added: half-days on site (from the school's file, or said by a person where it tells nothing), half-days by robot
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

use chrono::{DateTime, Days, NaiveDate, Timelike, Utc};
use protocol::Minutes;

use crate::attendance::{Account, Length};
use crate::calendar::{Calendar, monday_of};
use crate::party::PersonId;
use crate::plan::{Place, WeekPattern};
use crate::register::{HalfDay, SessionTimes};
use crate::school_days::SchoolDays;

mod question;

pub use self::question::ReviewQuestion;

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

impl OnSiteSource {
    /// Whether it is a person's word, and no file of the school's.
    #[must_use]
    pub fn is_typed(&self) -> bool {
        matches!(self, Self::Typed { .. })
    }
}

/// Whether a pupil was on site for a half-day, as the school's file or a person says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnSite {
    /// Which half-day.
    pub half: Half,
    /// Was the pupil there?
    pub was_there: bool,
    /// Who says so.
    pub source: OnSiteSource,
}

/// What people say of half-days of which the school's file says otherwise: a question, and never a mark.
pub fn differing(on_site: &[OnSite]) -> impl Iterator<Item = &OnSite> {
    let imported: BTreeMap<Half, bool> =
        on_site.iter().filter(|fact| !fact.source.is_typed()).map(|fact| (fact.half, fact.was_there)).collect();
    let is_other = move |fact: &&OnSite| imported.get(&fact.half).is_some_and(|was_there| *was_there != fact.was_there);
    on_site.iter().filter(|fact| fact.source.is_typed()).filter(is_other)
}

/// How long a pupil was live in lessons of a half-day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RobotHalf {
    /// Which half-day.
    pub half: Half,
    /// How long.
    pub live: Length,
}

/// The half-day of an instant, in the school's time, parted where the school's own day is parted: as the register's sessions are.
#[must_use]
pub fn half_of(at: DateTime<Utc>, calendar: &Calendar, times: SessionTimes) -> Half {
    let local = calendar.local(at);
    (local.date(), times.half_of(local.hour() * 60 + local.minute()))
}

/// The half-days of an account of lessons. A lesson belongs to the half-day in which it begins.
#[must_use]
pub fn robot_halves(account: &Account, calendar: &Calendar, times: SessionTimes) -> Vec<RobotHalf> {
    let mut halves: BTreeMap<Half, Vec<Length>> = BTreeMap::new();
    for lesson in &account.lessons {
        halves.entry(half_of(lesson.start, calendar, times)).or_default().push(lesson.counted());
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
    /// Away as planned, and nobody has said otherwise: in none of the places above.
    pub unsaid: Unsaid,
    /// Nobody has said, or nothing took place. Not a fault, and not an absence: the register says what is one.
    pub not_known: u16,
}

/// Half-days that the plan has away and of which nobody says where the pupil was. They are told as planned, and never as a fact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unsaid {
    /// Planned as rest.
    pub rest: u16,
    /// Planned elsewhere.
    pub elsewhere: u16,
}

/// Where a half-day was, and whether that is more than its plan.
enum Found {
    /// Somebody or something says so.
    Said(Place),
    /// It was planned so, and nobody says otherwise.
    AsPlanned(Place),
    NotKnown,
}

impl HalfDays {
    fn plan(&mut self, place: Option<Place>) {
        self.add(place.map_or(Found::NotKnown, Found::Said));
    }

    fn add(&mut self, found: Found) {
        match found {
            Found::Said(Place::OnSite) => self.on_site += 1,
            Found::Said(Place::ByRobot) => self.by_robot += 1,
            Found::Said(Place::Rest) => self.rest += 1,
            Found::Said(Place::Other) => self.elsewhere += 1,
            Found::AsPlanned(Place::Rest) => self.unsaid.rest += 1,
            Found::AsPlanned(Place::Other) => self.unsaid.elsewhere += 1,
            // What was planned on site or by robot, and did not show itself.
            Found::AsPlanned(Place::OnSite | Place::ByRobot) | Found::NotKnown => self.not_known += 1,
        }
    }

    /// The school half-days of the week.
    #[must_use]
    pub fn of(&self) -> u16 {
        let Self { on_site, by_robot, rest, elsewhere, unsaid, not_known } = self;
        on_site + by_robot + rest + elsewhere + unsaid.rest + unsaid.elsewhere + not_known
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

/// One week of the picture, and one row of its table: a week of the first clock, of the second, or of both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GlideWeek {
    /// Its number on the plan's first clock; `None` where only the second one runs.
    pub number: Option<u16>,
    /// Its number on the school's clock, once that runs.
    pub at_school: Option<u16>,
    /// Its Monday.
    pub monday: NaiveDate,
    /// Where it stands.
    pub state: WeekState,
    /// The pattern that holds.
    pub pattern: Option<WeekPattern>,
    /// As the pattern has it, on school days.
    pub planned: HalfDays,
    /// As it was, up to today; `None` if the week has not begun.
    pub actual: Option<HalfDays>,
    /// Live in lessons by robot, up to today, also on half-days on site. Beside the half-days, never of them.
    pub by_robot: Minutes,
    /// Half-days on which somebody says something about being on site: the school's file, or a person. Where nobody does, that none was
    /// on site is no fact.
    pub stated: u16,
    /// Of these, the ones of which only a person tells.
    pub said: u16,
}

impl GlideWeek {
    /// `8`, `8 (school week 1)`, `school week 6`.
    #[must_use]
    pub fn name(&self) -> String {
        match (self.number, self.at_school) {
            (Some(number), None) => number.to_string(),
            (Some(number), Some(school)) => format!("{number} (school week {school})"),
            (None, Some(school)) => format!("school week {school}"),
            (None, None) => String::new(),
        }
    }

    /// `8`, or `school week 6` where the first clock has ended: as sentences count.
    #[must_use]
    pub fn short_name(&self) -> String {
        self.number.map_or_else(|| self.name(), |number| number.to_string())
    }
}

/// A clock that runs: from this day, for so many school weeks of this calendar.
#[derive(Clone, Copy, Debug)]
pub struct Running<'a> {
    /// Week 1 is the week of this day.
    pub start: NaiveDate,
    /// The last week.
    pub weeks: u16,
    /// Whose days.
    pub days: &'a SchoolDays,
}

impl Running<'_> {
    /// Its number of the week that begins on `monday`.
    fn number(&self, monday: NaiveDate) -> Option<u16> {
        self.days.week_number(self.start, monday + Days::new(6)).filter(|number| *number <= self.weeks)
    }

    fn end(&self) -> NaiveDate {
        self.days.end_of_week(self.start, self.weeks).map_or(self.start, |count| count.day)
    }
}

/// What is known of a pupil's weeks.
#[derive(Clone, Copy, Debug)]
pub struct GlideFacts<'a> {
    /// What is said of being on site. The school's file stands before a person's word; of two alike, the last one holds.
    pub on_site: &'a [OnSite],
    /// The engagement ledger.
    pub by_robot: &'a [RobotHalf],
    /// Half-days on which the pupil rested, as the pupil or staff said.
    pub rested: &'a BTreeSet<Half>,
}

/// The weeks of a plan: those of its first clock, and those of the school's clock once that runs, side by side until both have ended
/// (H-15, H-25). From the first day at school on, school days are the school's; before it, those of the first clock.
///
/// `pattern`: what holds in a week with these numbers; in a week that a clock does not count, holidays of its school, its number
/// is that of the week before. A week without a pattern has no plan.
#[must_use]
pub fn glide<'p>(
    first: Running<'_>,
    school: Option<Running<'_>>,
    pattern: impl Fn(Option<u16>, Option<u16>) -> Option<&'p WeekPattern>,
    facts: GlideFacts<'_>,
    today: NaiveDate,
) -> Vec<GlideWeek> {
    let told = |is_typed| facts.on_site.iter().filter(move |fact| fact.source.is_typed() == is_typed);
    let there: BTreeMap<Half, &OnSite> = told(true).chain(told(false)).map(|fact| (fact.half, fact)).collect();
    let mut live: BTreeMap<Half, Vec<Length>> = BTreeMap::new();
    for fact in facts.by_robot {
        live.entry(fact.half).or_default().push(fact.live);
    }
    let live: BTreeMap<Half, Length> = live.into_iter().map(|(half, all)| (half, Length::of_disjoint(all))).collect();
    let begin = school.map_or(first.start, |school| school.start.min(first.start));
    let end = school.map_or(first.end(), |school| school.end().max(first.end()));
    let is_open = |day: NaiveDate| match school.filter(|school| school.start <= day) {
        Some(school) => school.days.is_school_day(day),
        None => day >= first.start && first.days.is_school_day(day),
    };
    let (mut all, mut last) = (Vec::new(), (None, None));
    for monday in monday_of(begin).iter_weeks().take_while(|monday| *monday <= end) {
        let (number, at_school) = (first.number(monday), school.and_then(|school| school.number(monday)));
        let mut school_days: Vec<NaiveDate> = monday.iter_days().take(5).filter(|day| is_open(*day)).collect();
        if school_days.is_empty() && number.is_some() {
            // The school has holidays, and the first clock's place has none.
            school_days.extend(monday.iter_days().take(5).filter(|day| first.days.is_school_day(*day)));
        }
        // A week that no clock counts, or in which nobody is open, is none.
        let (true, Some(friday)) = (number.is_some() || at_school.is_some(), school_days.last()) else { continue };
        last = (number.or(last.0), at_school.or(last.1));
        let plan = pattern(last.0, last.1);
        let state = match () {
            () if today > *friday => WeekState::Done,
            () if today >= monday => WeekState::ThisWeek,
            () => WeekState::Planned,
        };
        let mut week = GlideWeek {
            number,
            at_school,
            monday,
            state,
            pattern: plan.copied(),
            planned: HalfDays::default(),
            actual: (state != WeekState::Planned).then(HalfDays::default),
            by_robot: Minutes::floor_of_seconds(0),
            stated: 0,
            said: 0,
        };
        let mut lengths = Vec::new();
        for half in school_days.into_iter().flat_map(|day| [(day, HalfDay::Am), (day, HalfDay::Pm)]) {
            let planned = plan.and_then(|plan| plan.on(half.0, half.1));
            week.planned.plan(planned);
            let Some(actual) = week.actual.as_mut().filter(|_| half.0 <= today) else { continue };
            let told = there.get(&half);
            week.stated += u16::from(told.is_some());
            week.said += u16::from(told.is_some_and(|fact| fact.source.is_typed()));
            lengths.extend(live.get(&half));
            let was_there = told.map(|fact| fact.was_there);
            actual.add(place(half, planned, was_there, &live, facts.rested));
        }
        week.by_robot = Length::of_disjoint(lengths).minutes();
        all.push(week);
    }
    all
}

/// Where the pupil was, as far as anybody says. A pupil who uses the robot in a quiet room of the school is on site (§0.3). A word that
/// the pupil was not on site does not say where else they were: so what was planned elsewhere is never more than planned.
fn place(
    half: Half,
    planned: Option<Place>,
    was_there: Option<bool>,
    live: &BTreeMap<Half, Length>,
    rested: &BTreeSet<Half>,
) -> Found {
    if was_there == Some(true) {
        Found::Said(Place::OnSite)
    } else if live.get(&half).is_some_and(|length| length.minutes().get() > 0) {
        Found::Said(Place::ByRobot)
    } else if rested.contains(&half) {
        Found::Said(Place::Rest)
    } else {
        planned.map_or(Found::NotKnown, Found::AsPlanned)
    }
}

#[cfg(test)]
mod tests;
