//! Contacts and checks: which of them count, and which are owed.
//!
//! A pupil who is away remains a pupil of the home school, and must feel it every week. **A connection alone is not contact**: a robot
//! may have stood in class for hours and nobody have said a word. So a visit by robot counts only where the policy allows it and where
//! a named person says that they spoke with the pupil. An attempt that nobody answered is worth writing down and does not count
//! either.
//!
//! Nothing is derived from telemetry here, nobody is reminded of anything by this file, and a missed week stays a missed week: it is
//! shown to those who can do better next week.
//!
//! Sources: `DOMAIN.md` L-5 (Hillingdon, "Reintegration"), A-10, A-15, A-23 (APIF, "Learning from practice"), b17, B7.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use protocol::SessionId;

use crate::coded::coded;
use crate::deadline::{Arithmetic, Calendars, Due, Way};
use crate::party::{Party, PersonId, listed};
use crate::policy::{Binding, ContactRule, Instead, Override, Pack, Route, Unit};
use crate::school_days::{Count, NeverOpen, day_words};
use crate::words::Words;

coded! {
    /// What a check of the robot's use found. All of them are good to know; one of them is the aim.
    CheckOutcome {
        /// It is used as planned.
        InUse = "in-use",
        /// It is used less than planned; the words say why.
        Less = "less",
        /// It is not used; the words say why.
        NotUsed = "not-used",
        /// The pupil is back in class and does not need it (DOMAIN.md §0.5).
        BackInClass = "back-in-class",
    }
}

/// How a contact came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// In person.
    Visit,
    /// By telephone or video call, and somebody answered.
    Call,
    /// By letter or message, and somebody answered.
    Message,
    /// Tried, and nobody answered.
    Attempt,
    /// A visit to class by robot.
    Robot {
        /// Which session.
        session: SessionId,
        /// Who says that they spoke with the pupil; without them it is a connection.
        spoke: Option<PersonId>,
    },
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// When.
    pub on: NaiveDate,
    /// How.
    pub by: By,
    /// Who took part.
    pub with: BTreeSet<Party>,
    /// Who wrote it down.
    pub written_by: PersonId,
    /// What a check found.
    pub outcome: Option<CheckOutcome>,
    /// What was said, or why a robot is not used.
    pub notes: Option<Words>,
}

/// Why an entry does not count for a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCounted {
    /// Nobody answered.
    #[error("nobody answered: try another way, or another time")]
    NoAnswer,
    /// The robot was connected, and nobody says that they spoke with the pupil.
    #[error("a connection alone is not contact: name the person who spoke with the pupil")]
    ConnectionAlone,
    /// The policy wants more than a visit by robot.
    #[error("a visit by robot does not count here: write, call or visit")]
    NotByRobot,
    /// Somebody was not part of it.
    #[error("it needs {} too", listed(.0))]
    Without(Vec<Party>),
    /// A check without what it found.
    #[error("say what the check found")]
    NoOutcome,
    /// "Less" or "not used" without a reason.
    #[error("say why the robot is used less, or not: one reason in your own words is enough")]
    NoReason,
}

/// Whether an entry counts for a rule.
///
/// # Errors
/// Why not.
pub fn counts(rule: &ContactRule, contact: &Contact) -> Result<(), NotCounted> {
    match contact.by {
        By::Attempt => return Err(NotCounted::NoAnswer),
        By::Robot { .. } if !rule.session_may_count => return Err(NotCounted::NotByRobot),
        By::Robot { spoke: None, .. } => return Err(NotCounted::ConnectionAlone),
        By::Robot { .. } | By::Visit | By::Call | By::Message => {}
    }
    let missing: Vec<_> = rule.with.iter().filter(|party| !contact.with.contains(party)).copied().collect();
    if !missing.is_empty() {
        return Err(NotCounted::Without(missing));
    }
    match contact.outcome {
        None if rule.is_check => Err(NotCounted::NoOutcome),
        Some(CheckOutcome::Less | CheckOutcome::NotUsed) if rule.is_check && contact.notes.is_none() => {
            Err(NotCounted::NoReason)
        }
        _ => Ok(()),
    }
}

/// What is owed and what was kept, of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cadence {
    /// One entry a period that has begun, by day; done with the first contact that counts. For a rule in days, the next one alone.
    pub due: Vec<Due>,
    /// First and last day of each period, in their order, also of those in which the rule does not hold here. For a rule in days, none.
    pub periods: Vec<(NaiveDate, NaiveDate)>,
    /// The last contact that counts.
    pub last: Option<NaiveDate>,
}

impl Cadence {
    /// First and last day of the period that an entry is for; the entry may have a day of its own. None: it is owed once, or in days.
    #[must_use]
    pub fn period_of(&self, due: &Due) -> Option<(NaiveDate, NaiveDate)> {
        self.periods.get(usize::from(due.week?.checked_sub(1)?)).copied()
    }

    /// Periods that are over and in which nothing counted.
    pub fn missed<'a>(&'a self, calendars: &'a Calendars<'_>, now: DateTime<Utc>) -> impl Iterator<Item = &'a Due> {
        self.due.iter().filter(move |due| due.done.is_none() && calendars.of(due.arithmetic.calendar).is_over(due.day, now))
    }
}

impl Cadence {
    /// What is to do now, once for the whole rule: the contact of the period that runs. If nothing counted in the periods before it
    /// either, it was due with the first of them. One contact now settles it; a missed period stays missed and is not asked for again.
    #[must_use]
    pub fn owed(&self, calendars: &Calendars<'_>, now: DateTime<Utc>) -> Option<Due> {
        let begun = self.due.iter().rposition(|due| due.done.is_some()).map_or(0, |last| last + 1);
        let mut owed = self.due.get(begun)?.clone();
        let missed = self.missed(calendars, now).filter(|due| due.week >= owed.week).count();
        if missed > 1 {
            owed.arithmetic.sentence += &format!(" Nothing counted in {missed} such times, one after the other.");
        }
        Some(owed)
    }
}

/// What the pack's contact rules ask for, from the day `from` on which the plan began until `today`.
#[must_use]
pub fn cadences(
    pack: &Pack,
    route: Route,
    log: &[Contact],
    overrides: &[Override],
    calendars: &Calendars<'_>,
    from: NaiveDate,
    today: NaiveDate,
) -> Vec<Cadence> {
    let rules = pack.contacts.iter().filter(|rule| rule.routes.is_empty() || rule.routes.contains(&route));
    rules.map(|rule| changed(pack, rule, overrides, cadence(pack, rule, log, overrides, calendars, from, today))).collect()
}

/// Periods for which the rule does not hold in this case are left out; one with a day of its own has that day.
fn changed(pack: &Pack, rule: &ContactRule, overrides: &[Override], mut cadence: Cadence) -> Cadence {
    cadence.due.retain_mut(|due| {
        let Some(own) = Override::of(overrides, pack, &rule.id, due.week) else { return true };
        due.overridden = Some(own.clone());
        if let Instead::Day(day) = own.instead {
            due.day = day;
            due.arithmetic.count = None;
            due.arithmetic.sentence = format!("This day was set for this case. Due by {}.", day_words(day));
        }
        own.instead != Instead::DoesNotApply
    });
    cadence
}

fn cadence(
    pack: &Pack,
    rule: &ContactRule,
    log: &[Contact],
    overrides: &[Override],
    calendars: &Calendars<'_>,
    from: NaiveDate,
    today: NaiveDate,
) -> Cadence {
    let every = match Override::of(overrides, pack, &rule.id, None).map(|own| own.instead) {
        Some(Instead::Count(every)) => every,
        _ => rule.every,
    };
    let rule = &ContactRule { every, ..rule.clone() };
    let is_counted = |contact: &&Contact| (from..=today).contains(&contact.on) && counts(rule, contact).is_ok();
    let mut days: Vec<NaiveDate> = log.iter().filter(is_counted).map(|contact| contact.on).collect();
    days.sort_unstable();
    let counted = match rule.unit {
        Unit::SchoolWeeks => by_week(rule, &days, calendars, from, today),
        Unit::SchoolDays | Unit::CalendarDays | Unit::Weeks => {
            since_last(rule, &days, calendars, from).map(|due| (due, Vec::new()))
        }
    };
    let (due, periods) = counted.unwrap_or_default();
    Cadence { due, periods, last: days.last().copied() }
}

/// The first and the last day of a period.
type Days = (NaiveDate, NaiveDate);

/// Each period of `every` school weeks wants a contact of its own: two in one week do not make up for none in the next.
fn by_week(
    rule: &ContactRule,
    days: &[NaiveDate],
    calendars: &Calendars<'_>,
    from: NaiveDate,
    today: NaiveDate,
) -> Result<(Vec<Due>, Vec<Days>), NeverOpen> {
    let school = calendars.of(rule.calendar);
    let (mut all, mut periods) = (Vec::new(), Vec::new());
    let mut begins = from;
    // A plan of more periods than this is not a plan for a return.
    for period in 1..=150_u16 {
        let count = school.end_of_week(begins, rule.every)?;
        let in_time = days.iter().find(|day| (begins..=count.day).contains(day));
        let done = in_time.or_else(|| {
            // What is owed once has no period after it: late is done too.
            if rule.once {
                return days.first();
            }
            // A contact in the holidays after a week belongs to that week.
            let next = school.after(count.day, 1).ok()?.day;
            days.iter().find(|day| **day > count.day && **day < next)
        });
        let how = format!(
            "{}: {} of {}, from {}.",
            rule.title.trim_end_matches('?'),
            weeks(rule.every),
            rule.calendar.words(),
            day_words(begins)
        );
        all.push(due(rule, period, done.copied(), Unit::SchoolWeeks, count.clone(), how));
        periods.push((begins, count.day));
        begins = school.after(count.day, 1)?.day;
        if rule.once || begins > today {
            break;
        }
    }
    Ok((all, periods))
}

fn weeks(every: u16) -> String {
    if every == 1 { "each school week".to_owned() } else { format!("every {every} school weeks") }
}

/// The next one is due so long after the last.
fn since_last(
    rule: &ContactRule,
    days: &[NaiveDate],
    calendars: &Calendars<'_>,
    from: NaiveDate,
) -> Result<Vec<Due>, NeverOpen> {
    let school = calendars.of(rule.calendar);
    let done = days.first().copied().filter(|_| rule.once);
    let since = if rule.once { from } else { days.last().copied().unwrap_or(from) };
    let (count, words) = match rule.unit {
        Unit::SchoolDays => (school.after(since, rule.every)?, "school days"),
        Unit::Weeks => (school.days_after(since, rule.every.saturating_mul(7))?, "weeks"),
        Unit::CalendarDays | Unit::SchoolWeeks => (school.days_after(since, rule.every)?, "days"),
    };
    let how = format!("{}: {} {words} after {}.", rule.title, rule.every, day_words(since));
    Ok(vec![due(rule, 1, done, rule.unit, count, how)])
}

fn due(rule: &ContactRule, period: u16, done: Option<NaiveDate>, unit: Unit, count: Count, how: String) -> Due {
    let mut parts = vec![how];
    parts.extend(count.not_counted());
    parts.extend(count.doubt());
    let sentence = format!("{} Due by {}.", parts.join(" "), day_words(count.day));
    Due {
        rule: rule.id.clone(),
        week: (!rule.once).then_some(period),
        title: rule.title.clone(),
        row: rule.row.clone(),
        binding: Binding::Required,
        owners: rule.owners.clone(),
        day: count.day,
        arithmetic: Arithmetic { from: None, unit, calendar: rule.calendar, count: Some(count), sentence },
        way: Way::Contact,
        done,
        overridden: None,
    }
}

#[cfg(test)]
mod tests;
