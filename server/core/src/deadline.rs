//! What is due, when, and how that was counted.
//!
//! A policy pack says which limits there are; the facts of a case say what has happened; the calendars of the schools say which days
//! count. Together they give a [`Schedule`]: what has a day, and what cannot have one yet and why. Nothing is stored: the schedule is
//! worked out anew from the facts, so that a closure entered today moves every limit that it should. (Lists over many cases are read
//! from rows that the server keeps and counts again with this file after each change.)
//!
//! It decides no consequence. A limit that has passed is shown as late; nothing is sent, escalated or ended (`DOMAIN.md` N6).
//!
//! Sources: `DOMAIN.md` H-1, H-12, H-14, H-15, H-16, H-20, H-23, H-25 ("Policy for Reintegration from Alternative Provisions
//! 2020/21", Havering), D4, D6, X9.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};

use crate::coded::coded;
use crate::party::{Party, PersonId};
use crate::policy::{
    Binding, CalendarOf, Code, DeadlineRule, Event, Instead, Override, Pack, Route, Series, Tally, Unit, When,
};
use crate::register::HalfDay;
use crate::school_days::{Count, NeverOpen, SchoolDays, Step, day_words, listed_days};
use crate::timetable::Days;

pub mod asked;
pub mod ical;

coded! {
    /// How something comes to be done. It is always a person's act; what differs is where they say so.
    Way {
        /// Somebody says on which day it was done.
        Said = "said",
        /// A contact that counts is written down.
        Contact = "contact",
        /// A goal is looked at: another day, other words, or its end.
        Goal = "goal",
        /// Somebody says that a word was given.
        Told = "told",
        /// A review is held.
        Review = "review",
    }
}

/// The calendars of a case. Two of them are often the same school's.
#[derive(Clone, Copy, Debug)]
pub struct Calendars<'a> {
    /// Of the school on whose roll the pupil is.
    pub home_school: &'a SchoolDays,
    /// Of where the pupil is now.
    pub provider: &'a SchoolDays,
    /// Of where the pupil will be.
    pub receiving_school: &'a SchoolDays,
}

impl<'a> Calendars<'a> {
    /// The calendar of one of them.
    #[must_use]
    pub fn of(&self, whose: CalendarOf) -> &'a SchoolDays {
        match whose {
            CalendarOf::HomeSchool => self.home_school,
            CalendarOf::Provider => self.provider,
            CalendarOf::ReceivingSchool => self.receiving_school,
        }
    }
}

/// What is known of a case.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The day it is looked at, where the pupil's school is: what is agreed for a later day has not happened yet.
    pub today: NaiveDate,
    /// The pupil's route; without it, rules for certain routes are left out.
    pub route: Option<Route>,
    /// What has happened, or is agreed to happen, on which day. Of what happened twice, the last.
    pub events: BTreeMap<Event, NaiveDate>,
    /// Published dates.
    pub series: BTreeMap<Series, BTreeSet<NaiveDate>>,
    /// Half-days of a tally in this school year, from imported marks.
    pub tallies: BTreeMap<Tally, BTreeSet<(NaiveDate, HalfDay)>>,
    /// What people said is done: the rule, its week if it has one, and when.
    pub done: BTreeMap<(Code, Option<u16>), NaiveDate>,
    /// What does not hold in this case as the pack says it. Of two for one rule, the last one holds.
    pub overrides: Vec<Override>,
    /// The plan is closed: only what its success asks for goes on.
    pub is_closed: bool,
    /// The length that was planned: counted from what, and how many school weeks.
    pub planned: Option<(Event, u16)>,
    /// School weeks that were added to it, with a reason (H-16). What goes to the end of a clock, or is that length, goes on with them.
    pub more_weeks: u16,
}

/// How a day was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arithmetic {
    /// What it is counted from.
    pub from: Option<(Event, NaiveDate)>,
    /// In what.
    pub unit: Unit,
    /// Whose.
    pub calendar: CalendarOf,
    /// The days or weeks looked at; none if the day was simply named.
    pub count: Option<Count>,
    /// All of it as a sentence or two.
    pub sentence: String,
}

impl Arithmetic {
    /// The steps, for a page that shows them one by one.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        self.count.as_ref().map_or(&[], |count| &count.steps)
    }

    /// The steps in words.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let unit = match self.unit {
            Unit::SchoolDays => "school day",
            // Weeks of seven days are counted day by day.
            Unit::CalendarDays | Unit::Weeks => "day",
            Unit::SchoolWeeks => "school week",
        };
        self.steps().iter().map(move |step| step.line(unit))
    }
}

/// Something due on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// By which rule.
    pub rule: Code,
    /// Which week, of a rule for several weeks.
    pub week: Option<u16>,
    /// What.
    pub title: String,
    /// Source row.
    pub row: String,
    /// How strictly.
    pub binding: Binding,
    /// Whose task it is.
    pub owners: Vec<Party>,
    /// By when: until the end of this day, where the school is.
    pub day: NaiveDate,
    /// How that was found.
    pub arithmetic: Arithmetic,
    /// How it comes to be done.
    pub way: Way,
    /// When it was done.
    pub done: Option<NaiveDate>,
    /// Why the rule does not hold as the pack says it.
    pub overridden: Option<Override>,
}

/// Why something has no day yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undated {
    /// What it is counted from has not happened.
    #[error("it is counted from “{}”, which has no day yet", .0.words())]
    Waits(Event),
    /// No date of the series is known after the event.
    #[error("the next date is not entered yet")]
    NoDate(Series),
    /// The tally has not reached it.
    #[error("{half_days} of {of} half-days so far, by imported marks")]
    SoFar {
        /// Half-days so far.
        half_days: u16,
        /// Half-days at which it is reached.
        of: u16,
    },
    /// The calendar is closed for years.
    #[error(transparent)]
    NeverOpen(#[from] NeverOpen),
}

/// Everything that a pack asks for in a case; [`Schedule::with`] adds what else is due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// What has a day, by day.
    pub due: Vec<Due>,
    /// What has none yet.
    pub undated: Vec<(Code, Undated)>,
    /// What does not apply in this case, by whose word and why.
    pub set_aside: Vec<Override>,
}

impl Schedule {
    /// The same with what no policy counts, or counts elsewhere: contacts, and what [`asked`] finds.
    #[must_use]
    pub fn with(mut self, more: impl IntoIterator<Item = Due>) -> Self {
        self.due.extend(more);
        self.due.sort_by(|a, b| (a.day, &a.rule, a.week).cmp(&(b.day, &b.rule, b.week)));
        self
    }
}

/// How near something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Done.
    Done,
    /// Somebody should know; it is never late.
    Information,
    /// Its day is over. So many school days ago; 0 if none has passed since.
    Late(u16),
    /// Due by the end of today.
    Today,
    /// School days that are left, its own included.
    In(u16),
}

impl Due {
    /// How near it is at this instant.
    #[must_use]
    pub fn urgency(&self, calendars: &Calendars<'_>, now: DateTime<Utc>) -> Urgency {
        let school = calendars.of(self.arithmetic.calendar);
        let today = school.calendar().day(now);
        if self.done.is_some() {
            Urgency::Done
        } else if self.binding == Binding::Information {
            Urgency::Information
        } else if school.is_over(self.day, now) {
            Urgency::Late(school.between(self.day, today))
        } else if self.day == today {
            Urgency::Today
        } else {
            Urgency::In(school.between(today, self.day))
        }
    }
}

/// What the pack asks for in this case.
#[must_use]
pub fn schedule(pack: &Pack, facts: &Facts, calendars: &Calendars<'_>) -> Schedule {
    let mut all = Schedule::default();
    for rule in &pack.deadlines {
        // Where no panel decided, none waits to be told (H-20).
        if rule.done_by == Some(Event::PanelTold) && facts.route.is_some_and(|route| !pack.goes_to_panel(route)) {
            continue;
        }
        if !rule.routes.is_empty() && facts.route.is_none_or(|route| !rule.routes.contains(&route)) {
            continue;
        }
        let outlives = matches!(
            rule.when,
            When::After { from: Event::SuccessAgreed, .. } | When::BeforeNext { from: Event::SuccessAgreed, .. }
        );
        // A success that a plan ended without owes nobody anything.
        if facts.is_closed && !(outlives && facts.events.contains_key(&Event::SuccessAgreed)) {
            continue;
        }
        let weeks: Vec<Option<u16>> = match rule.when {
            When::EachWeek { from, first, last, every } => {
                let is_to_the_end = pack.clocks.iter().any(|clock| clock.starts == from && clock.weeks == last);
                let last = if is_to_the_end { last.saturating_add(facts.more_weeks) } else { last };
                (first..=last).step_by(usize::from(every)).map(Some).collect()
            }
            _ => vec![None],
        };
        for week in weeks {
            let own = Override::of(&facts.overrides, pack, &rule.id, week);
            if let Some(own) = own.filter(|own| own.instead == Instead::DoesNotApply) {
                if !all.set_aside.contains(own) {
                    all.set_aside.push(own.clone());
                }
                continue;
            }
            match find(rule, week, own, facts, calendars) {
                Ok((day, arithmetic)) => all.due.push(Due {
                    rule: rule.id.clone(),
                    week,
                    title: week.map_or_else(|| rule.title.clone(), |n| format!("{}, week {n}", rule.title)),
                    row: rule.row.clone(),
                    binding: rule.binding,
                    owners: rule.owners.clone(),
                    day,
                    done: done(rule, week, facts),
                    arithmetic,
                    way: Way::Said,
                    overridden: own.cloned(),
                }),
                Err(why) => {
                    all.undated.push((rule.id.clone(), why));
                    break;
                }
            }
        }
    }
    all.due.sort_by(|a, b| (a.day, &a.rule, a.week).cmp(&(b.day, &b.rule, b.week)));
    all
}

/// What fulfilled it, if anything has since it began to count: a meeting before the panel is not the meeting after it, and a word about
/// an arrangement that has ended is not about the next one.
fn done(rule: &DeadlineRule, week: Option<u16>, facts: &Facts) -> Option<NaiveDate> {
    let from = match rule.when {
        // Counted from its end, an arrangement begins before.
        When::After { from: Event::PartTimeEnd, .. } => facts.events.get(&Event::PartTimeStart),
        When::After { from, .. } | When::EachWeek { from, .. } | When::BeforeNext { from, .. } => facts.events.get(&from),
        When::Reached { .. } => None,
    };
    let said = facts.done.get(&(rule.id.clone(), week));
    let happened = rule.done_by.and_then(|event| facts.events.get(&event));
    [said, happened].into_iter().flatten().find(|day| from.is_none_or(|from| from <= *day) && **day <= facts.today).copied()
}

fn find(
    rule: &DeadlineRule,
    week: Option<u16>,
    own: Option<&Override>,
    facts: &Facts,
    calendars: &Calendars<'_>,
) -> Result<(NaiveDate, Arithmetic), Undated> {
    let school = calendars.of(rule.calendar);
    let whose = format!("{}{}", rule.calendar.words(), school.label());
    let at = |event: Event| facts.events.get(&event).map(|day| (event, *day)).ok_or(Undated::Waits(event));
    let changed = own.map_or("", |_| " The policy says otherwise; the reason is kept with the plan.");
    let told = |from: Option<(Event, NaiveDate)>, unit, count: Option<Count>, day: NaiveDate, how: String| {
        let mut parts = vec![how];
        parts.extend(count.as_ref().and_then(Count::not_counted));
        parts.extend(count.as_ref().and_then(Count::doubt));
        let sentence = format!("{} Due by {}.{changed}", parts.join(" "), day_words(day));
        (day, Arithmetic { from, unit, calendar: rule.calendar, count, sentence })
    };
    if let Some(Instead::Day(day)) = own.map(|own| own.instead) {
        return Ok(told(None, Unit::CalendarDays, None, day, "This day was set for this case.".to_owned()));
    }
    let number = |count: u16| match own.map(|own| own.instead) {
        Some(Instead::Count(other)) => other,
        _ => count,
    };
    match rule.when {
        When::After { from, count, unit } => {
            // A number that was set for this case is what people meant, however long the plan is.
            let is_length = own.is_none() && unit == Unit::SchoolWeeks && facts.planned == Some((from, count));
            let more = if is_length { facts.more_weeks } else { 0 };
            let (from, count) = (at(from)?, number(count).saturating_add(more));
            let begins = format!("{} on {}", from.0.words(), day_words(from.1));
            let (found, how) = match unit {
                _ if count == 0 => return Ok(told(Some(from), unit, None, from.1, format!("{begins}."))),
                Unit::SchoolDays => {
                    let found = school.after(from.1, count)?;
                    let days = listed_days(&found.counted());
                    (found, format!("{begins}, plus {} of {whose}: {days}.", plural(count, "school day")))
                }
                Unit::CalendarDays => (school.days_after(from.1, count)?, format!("{begins}, plus {}.", plural(count, "day"))),
                Unit::Weeks => {
                    (school.days_after(from.1, count.saturating_mul(7))?, format!("{begins}, plus {}.", plural(count, "week")))
                }
                Unit::SchoolWeeks => {
                    let found = school.end_of_week(from.1, count)?;
                    let added = match more {
                        0 => String::new(),
                        1 => " One of them was added to the plan.".to_owned(),
                        more => format!(" {more} of them were added to the plan."),
                    };
                    let which = match count {
                        1 => format!("in the first school week of {whose} from then on"),
                        count => format!("in the last of {count} school weeks of {whose}"),
                    };
                    (found, format!("{begins}, {which}.{added}"))
                }
            };
            Ok(told(Some(from), unit, Some(found.clone()), found.day, how))
        }
        When::EachWeek { from, .. } => {
            let (from, week) = (at(from)?, week.unwrap_or(1));
            let found = school.end_of_week(from.1, week)?;
            let how = format!("{} on {}; school week {week} of {whose}.", from.0.words(), day_words(from.1));
            Ok(told(Some(from), Unit::SchoolWeeks, Some(found.clone()), found.day, how))
        }
        When::BeforeNext { from, series } => {
            let from = at(from)?;
            let next = facts.series.get(&series).and_then(|days| days.range(from.1..).find(|day| **day > from.1));
            let next = *next.ok_or(Undated::NoDate(series))?;
            let how = format!("{} on {}; the next panel is on {}.", from.0.words(), day_words(from.1), day_words(next));
            // If there is no school day in between, the day of the event itself is left: today, at the latest.
            let found = school.last_before(next, from.1).ok();
            let day = found.as_ref().map_or(from.1, |found| found.day);
            Ok(told(Some(from), Unit::SchoolDays, found, day, how))
        }
        When::Reached { tally, count } => {
            let half_days = facts.tallies.get(&tally).map(BTreeSet::len).unwrap_or_default();
            let so_far = u16::try_from(half_days).unwrap_or(u16::MAX);
            let of = number(count).saturating_mul(2);
            let reached = facts.tallies.get(&tally).and_then(|all| all.iter().nth(usize::from(of.saturating_sub(1))));
            let (day, _) = *reached.ok_or(Undated::SoFar { half_days: so_far, of })?;
            let how = format!(
                "{} of imported marks, two a day, is {}.",
                plural(so_far, "half-day"),
                plural(so_far / 2, "school day")
            );
            Ok(told(None, Unit::SchoolDays, None, day, how))
        }
    }
}

fn plural(count: u16, unit: &str) -> String {
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

/// A person's part in a case, from when until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Who.
    pub person: PersonId,
    /// As what.
    pub party: Party,
    /// On which days.
    pub days: Days,
}

/// What this person has to do: what is open and belongs to a party that they are on `today`.
pub fn for_person<'a>(
    schedule: &'a Schedule,
    parts: &'a [Part],
    person: PersonId,
    today: NaiveDate,
) -> impl Iterator<Item = &'a Due> {
    let is = move |party: &Party| {
        parts.iter().any(|part| part.person == person && part.party == *party && part.days.contains(today))
    };
    schedule.due.iter().filter(move |due| due.done.is_none() && due.owners.iter().any(&is))
}

/// What nobody has to do: open, and none of its owners is named in the case. Somebody must be found.
pub fn without_owner<'a>(schedule: &'a Schedule, parts: &'a [Part], today: NaiveDate) -> impl Iterator<Item = &'a Due> {
    let is_named = move |party: &Party| parts.iter().any(|part| part.party == *party && part.days.contains(today));
    schedule.due.iter().filter(move |due| due.done.is_none() && !due.owners.iter().any(is_named))
}

#[cfg(test)]
mod tests;
