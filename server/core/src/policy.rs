//! Policy packs: what an authority asks of a return to school, as versioned data.
//!
//! A pack is a TOML file in `policies/`, embedded in the binary and checked when it is loaded: an error is one sentence that says
//! where and what to write. Rules, limits, questions and lists are in it and nowhere in the program; the program knows only which
//! *kinds* of rules there are (`rules.rs`). Havering 2020/21 is the first pack; a plain second one shows that this is true.
//!
//! A pack is never changed: a new version is a new file, which may say only what it adds to an earlier one (`adds_to`). A plan keeps the [`PackKey`] it was begun with. A pack past its review date
//! goes on working and says so: an authority's policy does not vanish on that day (`DOMAIN.md` H-1).
//!
//! "Timescales may differ case by case" (H-1): every rule may be overridden, never silently. An [`Override`] cannot be made without
//! a [`Reason`]:
//!
//! ```compile_fail
//! use server_core::policy::{Code, Instead, Override};
//! fn lighter(rule: Code, by: server_core::party::PersonId, on: chrono::NaiveDate) -> Override {
//!     Override { rule, week: None, instead: Instead::DoesNotApply, by, on }
//! }
//! ```

use std::collections::BTreeMap;
use std::fmt;

use chrono::NaiveDate;

use crate::party::PersonId;
use crate::words::Reason;

mod lists;
mod load;
pub(crate) mod read;
mod rules;

pub use self::lists::{Listed, called, chosen, offered};
pub use self::rules::{
    ActionKind, ActionRule, Binding, BreakdownRule, CalendarOf, Clock, ClockStep, ClosureRule, CodeList, ContactRule,
    DeadlineRule, EvaluationRule, Event, Field, FieldKind, MeetingRule, PlannedLength, Question, Route, RouteRule, Series,
    Tally, Unit, When,
};

/// The packs in the binary: file name and text.
const BUILT_IN: [(&str, &str); 6] = [
    ("havering-2020.toml", include_str!("../policies/havering-2020.toml")),
    ("plain-1.toml", include_str!("../policies/plain-1.toml")),
    ("havering-2020-2.toml", include_str!("../policies/havering-2020-2.toml")),
    ("plain-2.toml", include_str!("../policies/plain-2.toml")),
    ("havering-2020-3.toml", include_str!("../policies/havering-2020-3.toml")),
    ("plain-3.toml", include_str!("../policies/plain-3.toml")),
];

/// The list of kinds of need, if a pack has one (A-7).
pub const NEED: &str = "need";
/// The field that every pack has: whether the pupil is on track to return (H-24).
pub const ON_TRACK: &str = "on-track";

/// A short name in a pack: small letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(String);

impl Code {
    /// `None`: it is empty, longer than 60, or has other characters.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let fits = (1..=60).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        fits.then(|| Self(text.to_owned()))
    }

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which pack, in which version: what a plan remembers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackKey {
    /// Its code.
    pub id: Code,
    /// Its version.
    pub version: String,
}

/// A pack cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("policy {file}: {says}.")]
pub struct PolicyError {
    /// Which file.
    pub file: String,
    /// What is wrong, and what to write.
    pub says: String,
}

/// Where a pack stands on a day (H-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It begins later.
    NotYet {
        /// On this day.
        from: NaiveDate,
    },
    /// In force.
    InForce,
    /// In force still, but its authors meant to look at it again.
    PastReview {
        /// On this day.
        since: NaiveDate,
    },
    /// Its authors ended it. Plans begun before go on with it.
    Ended {
        /// Its last day.
        on: NaiveDate,
    },
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pack {
    /// Which.
    pub key: PackKey,
    /// As pages say it.
    pub title: String,
    /// Where it comes from.
    pub source: String,
    /// First day.
    pub valid_from: NaiveDate,
    /// Its authors meant to look at it again.
    pub review_on: Option<NaiveDate>,
    /// Last day.
    pub valid_until: Option<NaiveDate>,
    /// Its routes.
    pub routes: Vec<RouteRule>,
    /// Lengths that may be planned.
    pub planned_lengths: Vec<PlannedLength>,
    /// Its counts of weeks.
    pub clocks: Vec<Clock>,
    /// What is due.
    pub deadlines: Vec<DeadlineRule>,
    /// Contacts and checks.
    pub contacts: Vec<ContactRule>,
    /// The fields of its form.
    pub fields: Vec<Field>,
    /// Its lists, by code.
    pub lists: BTreeMap<Code, CodeList>,
    /// When a planning meeting counts.
    pub meeting: MeetingRule,
    /// Actions before the transition.
    pub actions: Vec<ActionRule>,
    /// Questions by week.
    pub evaluations: Vec<EvaluationRule>,
    /// Serious breakdown.
    pub breakdown: BreakdownRule,
    /// The end.
    pub closure: ClosureRule,
}

impl Pack {
    /// Reads and checks a pack. `file` is for errors only.
    ///
    /// # Errors
    /// The first thing that is wrong, in one sentence.
    pub fn load(file: &str, text: &str) -> Result<Self, PolicyError> {
        load::pack(file, text)
    }

    /// The packs in the binary.
    ///
    /// # Errors
    /// Never in a binary whose tests passed.
    pub fn built_in() -> Result<Vec<Self>, PolicyError> {
        BUILT_IN.iter().map(|(file, text)| Self::load(file, text)).collect()
    }

    /// Where it stands on a day.
    #[must_use]
    pub fn standing(&self, day: NaiveDate) -> Standing {
        if day < self.valid_from {
            return Standing::NotYet { from: self.valid_from };
        }
        if let Some(on) = self.valid_until.filter(|last| *last < day) {
            return Standing::Ended { on };
        }
        self.review_on.filter(|review| *review <= day).map_or(Standing::InForce, |since| Standing::PastReview { since })
    }

    /// Whether a panel decides on this route (H-6, H-7).
    #[must_use]
    pub fn goes_to_panel(&self, route: Route) -> bool {
        self.routes.iter().any(|rule| rule.route == route && rule.goes_to_panel)
    }

    /// The items of a list; an empty one if the pack does not have it.
    #[must_use]
    pub fn list(&self, id: &str) -> &[(Code, String)] {
        Code::new(id).and_then(|id| self.lists.get(&id)).map_or(&[], |list| list.items.as_slice())
    }

    /// Whether a list has a code.
    #[must_use]
    pub fn has_code(&self, list: &str, code: &Code) -> bool {
        self.list(list).iter().any(|(id, _)| id == code)
    }

    /// A clock by its code.
    #[must_use]
    pub fn clock(&self, id: &Code) -> Option<&Clock> {
        self.clocks.iter().find(|clock| clock.id == *id)
    }

    /// The questions of a week.
    #[must_use]
    pub fn evaluation(&self, clock: &Code, week: u16) -> Option<&EvaluationRule> {
        self.evaluations.iter().find(|rule| rule.clock == *clock && rule.week == week)
    }

    /// Whether a rule counts from an event, or is fulfilled by it.
    #[must_use]
    pub fn counts(&self, event: Event) -> bool {
        let from = |when: &When| match when {
            When::After { from, .. } | When::EachWeek { from, .. } | When::BeforeNext { from, .. } => Some(*from),
            When::Reached { .. } => None,
        };
        let is_due = |rule: &DeadlineRule| from(&rule.when) == Some(event) || rule.done_by == Some(event);
        self.deadlines.iter().any(is_due)
            || self.clocks.iter().any(|clock| clock.starts == event)
            || self.planned_lengths.iter().any(|length| length.starts == event)
    }

    /// A rule on a deadline by its code.
    #[must_use]
    pub fn deadline(&self, id: &Code) -> Option<&DeadlineRule> {
        self.deadlines.iter().find(|rule| rule.id == *id)
    }
}

/// The pack for a plan that begins on `day`: of those with this code that are in force, the one that began last.
#[must_use]
pub fn for_day<'a>(packs: &'a [Pack], id: &Code, day: NaiveDate) -> Option<&'a Pack> {
    let usable = packs.iter().filter(|pack| pack.key.id == *id);
    let usable = usable.filter(|pack| matches!(pack.standing(day), Standing::InForce | Standing::PastReview { .. }));
    usable.max_by_key(|pack| (pack.valid_from, &pack.key.version))
}

/// What holds in one case in place of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instead {
    /// Another number of the same units.
    Count(u16),
    /// This day.
    Day(NaiveDate),
    /// The rule does not apply.
    DoesNotApply,
}

/// In one case, a rule is not followed as it stands. Not without a reason (H-1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// Which rule on a deadline or a contact.
    pub rule: Code,
    /// Which week of a rule for several weeks, or which period of a contact; all of them if `None`.
    pub week: Option<u16>,
    /// What holds in its place.
    pub instead: Instead,
    /// Why.
    pub reason: Reason,
    /// Who decided.
    pub by: PersonId,
    /// When.
    pub on: NaiveDate,
}

/// An override that would say nothing sensible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnOverride {
    /// The pack has no such rule.
    #[error("the policy has no such rule: choose one of its deadlines or contacts")]
    UnknownRule,
    /// One day for many weeks.
    #[error("this rule is for several weeks: say which of them has another day")]
    WhichWeek,
    /// A number where none is counted.
    #[error("this rule counts nothing that could be another number: set a day, or say that it does not apply")]
    NoNumber,
    /// None, or more than any policy has.
    #[error("the number must be from 1 to 400")]
    Number,
}

impl Override {
    /// Whether it says something that its rule can follow.
    ///
    /// # Errors
    /// Why not. One that does not is left out of every schedule.
    pub fn check(&self, pack: &Pack) -> Result<(), NotAnOverride> {
        let (is_counted, is_repeated) =
            match (pack.deadline(&self.rule), pack.contacts.iter().find(|rule| rule.id == self.rule)) {
                (Some(rule), _) => {
                    let is_counted = matches!(rule.when, When::After { .. } | When::Reached { .. });
                    (is_counted, matches!(rule.when, When::EachWeek { .. }))
                }
                (None, Some(rule)) => (true, !rule.once),
                (None, None) => return Err(NotAnOverride::UnknownRule),
            };
        match self.instead {
            Instead::Count(_) if !is_counted => Err(NotAnOverride::NoNumber),
            Instead::Count(0 | 401..) => Err(NotAnOverride::Number),
            Instead::Day(_) if is_repeated && self.week.is_none() => Err(NotAnOverride::WhichWeek),
            _ => Ok(()),
        }
    }

    /// The override that holds for a rule and a week: of several, the last one.
    #[must_use]
    pub fn of<'a>(all: &'a [Self], pack: &Pack, rule: &Code, week: Option<u16>) -> Option<&'a Self> {
        let holds = |own: &&Self| own.rule == *rule && (own.week.is_none() || own.week == week) && own.check(pack).is_ok();
        all.iter().rev().find(holds)
    }
}

#[cfg(test)]
pub(crate) mod tests;
