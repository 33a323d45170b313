//! The transition planning meeting and the actions before the transition.
//!
//! A meeting without the pupil, or without the school, is written down and does not count: it is held again (`DOMAIN.md` H-26). The
//! policy contradicts itself on who calls it and where, so both are fields.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::refusal::Refusal;
use crate::party::{Party, listed};
use crate::policy::{ActionKind, ActionRule, Code, MeetingRule};
use crate::words::Words;

/// How somebody was there. All of them count: a pupil who joins by robot is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum How {
    /// In the room.
    InPerson,
    /// Through the robot.
    ByRobot,
    /// By telephone or video call.
    ByCall,
}

/// A meeting that was held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meeting {
    /// When.
    pub on: NaiveDate,
    /// Who called it.
    pub convenor: Party,
    /// Where.
    pub venue: Code,
    /// Who was there.
    pub present: BTreeMap<Party, How>,
    /// What was settled (H-14): items of the pack's list.
    pub outcomes: BTreeSet<Code>,
    /// What was said.
    pub notes: Option<Words>,
}

impl Meeting {
    /// Lines of the rule that nobody present satisfies. Empty: the meeting counts.
    #[must_use]
    pub fn missing(&self, rule: &MeetingRule) -> Vec<Vec<Party>> {
        let absent = |line: &&Vec<Party>| !line.iter().any(|party| self.present.contains_key(party));
        rule.must_attend.iter().filter(absent).cloned().collect()
    }

    /// What to do if it does not count; `by`: until when another one may be held.
    #[must_use]
    pub fn advice(&self, rule: &MeetingRule, by: Option<NaiveDate>) -> Option<String> {
        let missing: Vec<_> = self.missing(rule).iter().map(|line| listed(line).replace(" and ", " or ")).collect();
        if missing.is_empty() {
            return None;
        }
        let until = by.map_or_else(String::new, |day| format!(" by {}", crate::school_days::day_words(day)));
        Some(format!("Not there: {}. Choose a new date{until}, so that the meeting counts.", missing.join(", ")))
    }

    pub(super) fn check(&self, rule: &MeetingRule) -> Result<(), Refusal> {
        if !rule.convenors.contains(&self.convenor) {
            return Err(Refusal::NotTheirs(self.convenor));
        }
        if rule.venues.contains(&self.venue) { Ok(()) } else { Err(Refusal::UnknownCode("venue")) }
    }
}

/// What became of an action (H-27).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActionEntry {
    /// The form's column "details".
    pub details: Option<Words>,
    /// The form's column "outcome".
    pub outcome: Option<Words>,
    /// The day, where one is asked for.
    pub day: Option<NaiveDate>,
    /// Somebody says that it is settled.
    pub is_settled: bool,
    /// Parties who agreed.
    pub agreed: BTreeSet<Party>,
}

/// `list`: whether every item of the action's list is ticked, if it has one.
pub(super) fn is_settled(rule: &ActionRule, entry: Option<&ActionEntry>, list: Option<bool>) -> bool {
    let agreed = |entry: &ActionEntry| rule.agreed_by.iter().all(|party| entry.agreed.contains(party));
    match rule.kind {
        ActionKind::Optional => true,
        ActionKind::List => list.unwrap_or(false),
        ActionKind::Day => entry.is_some_and(|entry| entry.day.is_some() && agreed(entry)),
        ActionKind::Settled => entry.is_some_and(|entry| entry.is_settled && agreed(entry)),
        ActionKind::Answer => entry.is_some_and(|entry| entry.outcome.is_some() && agreed(entry)),
    }
}
