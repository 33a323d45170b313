//! What is due and no policy counts: days that people chose themselves, and words that are owed after a serious breakdown.
//!
//! Each has the day as somebody chose or wrote it, and says so where a limit shows its arithmetic. A thing keeps its code as long as it
//! is the same thing: a goal whose day moves moves in a calendar too, while each day of a follow-up is a thing of its own, which
//! somebody says is done.
//!
//! Sources: `DOMAIN.md`, D4, H-15, H-19, R-9.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use uuid::Uuid;

use super::{Arithmetic, Due, Schedule, Way};
use crate::goal::Goal;
use crate::party::Party;
use crate::plan::{Breakdown, PartTime, PlanState, ReintegrationPlan, owed};
use crate::policy::{Binding, CalendarOf, Code, Event, Pack, Unit, When};
use crate::school_days::day_words;

/// A goal's words are told up to so many characters.
const TOLD_CHARS: usize = 120;

/// What people wrote down in a case, beside what its policy counts from.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The plan, with its policy.
    pub plan: Option<(&'a Pack, &'a ReintegrationPlan)>,
    /// The plan that ended last: this one, or the one before it.
    pub ended: Option<&'a ReintegrationPlan>,
    /// Goals, each with the id of its sheet.
    pub goals: &'a [(Uuid, Goal)],
    /// The part-time arrangement that was made last.
    pub part_time: Option<&'a PartTime>,
    /// Serious breakdowns, each with the id of its sheet.
    pub breakdowns: &'a [(Uuid, Breakdown)],
    /// What people said is done, and when.
    pub said: &'a BTreeMap<(Code, Option<u16>), NaiveDate>,
}

/// What all that asks for. `counted`: what the policy counts, so that nothing is asked twice.
#[must_use]
pub fn asked(of: &Asked<'_>, counted: &Schedule) -> Vec<Due> {
    let mut all: Vec<Due> = of.goals.iter().filter_map(|(id, goal)| goal_again(*id, goal)).collect();
    all.extend(part_time(of));
    all.extend(words_owed(of));
    all.extend(next_review(of, counted));
    all.extend(after_the_end(of));
    all
}

/// How the codes of what people chose a day for and then say is done begin. No code of a policy does.
const CHOSEN: [&str; 4] = ["part-time-look-", "part-time-end-", "follow-up-", "support-until-"];

/// Whether a code is of a day that people chose, and not of a limit.
#[must_use]
pub fn is_chosen(rule: &Code) -> bool {
    CHOSEN.iter().any(|begin| rule.as_str().starts_with(begin))
}

/// One thing. `None` only if its code were none, which no caller can cause.
fn one(rule: &str, title: &str, row: &str, owners: &[Party], day: NaiveDate, how: &str) -> Option<Due> {
    Some(Due {
        rule: Code::new(rule)?,
        week: None,
        title: title.to_owned(),
        row: row.to_owned(),
        binding: Binding::Required,
        owners: owners.to_vec(),
        day,
        arithmetic: Arithmetic {
            from: None,
            unit: Unit::CalendarDays,
            calendar: CalendarOf::HomeSchool,
            count: None,
            sentence: format!("{how} Due by {}.", day_words(day)),
        },
        way: Way::Said,
        done: None,
        overridden: None,
    })
}

/// A goal is looked at again on the day that was chosen with it.
fn goal_again(id: Uuid, goal: &Goal) -> Option<Due> {
    let day = goal.review_on.filter(|_| goal.became().is_none())?;
    let words = goal.wording().words.expose();
    let mut told: String = words.chars().take(TOLD_CHARS).collect();
    if told.len() < words.len() {
        told.push('…');
    }
    let how = format!("“{told}”: this day was chosen with the goal.");
    let owners = [Party::KeyWorker, Party::ProviderLead];
    let due = one(&format!("goal-{}", id.simple()), "Look at a goal again", "A-13", &owners, day, &how)?;
    Some(Due { way: Way::Goal, ..due })
}

/// A part-time arrangement is looked at on its days, and ends on its last (D4).
fn part_time(of: &Asked<'_>) -> Vec<Due> {
    let Some(arrangement) = of.part_time else { return Vec::new() };
    let PartTime { from, until, reviews, .. } = arrangement;
    let how = format!("The arrangement from {} to {} names this day.", day_words(*from), day_words(*until));
    let looks = reviews.iter().collect::<BTreeSet<_>>().into_iter().filter_map(|day| {
        let owners = [Party::HomeSchool, Party::KeyWorker];
        said(of, *from, one(&format!("part-time-look-{day}"), "Look at the part-time arrangement", "D4", &owners, *day, &how)?)
    });
    let counts_end =
        |pack: &Pack| pack.deadlines.iter().any(|rule| matches!(rule.when, When::After { from: Event::PartTimeEnd, .. }));
    let is_counted = of.plan.is_some_and(|(pack, plan)| counts_end(pack) && !matches!(plan.state(), PlanState::Closed(_)));
    let end = (!is_counted).then(|| {
        let owners = [Party::HomeSchool, Party::Parent];
        said(of, *from, one(&format!("part-time-end-{until}"), "The part-time arrangement ends", "D4", &owners, *until, &how)?)
    });
    looks.chain(end.flatten()).collect()
}

/// With the day on which somebody said that it was done. A word older than the thing is about another one.
fn said(of: &Asked<'_>, since: NaiveDate, due: Due) -> Option<Due> {
    let done = of.said.get(&(due.rule.clone(), None)).copied().filter(|day| *day >= since);
    Some(Due { done, ..due })
}

/// After a serious breakdown the policy names who must be told, and no number of days: it is owed from that day on (H-19).
fn words_owed(of: &Asked<'_>) -> Vec<Due> {
    let Some((pack, _)) = of.plan else { return Vec::new() };
    let of_one = |(id, breakdown): &(Uuid, Breakdown)| -> Vec<Due> {
        let open = owed(pack, breakdown).into_iter().filter(|one| one.told.is_none());
        let due = |to: Party, since: NaiveDate| {
            let how = format!(
                "After the serious breakdown on {} {} must be told; the policy gives no days for it.",
                day_words(since),
                to.words()
            );
            let rule = format!("told-{}-{}", id.simple(), to.code());
            let owners = [Party::ReceivingSchool, Party::KeyWorker];
            let due = one(&rule, &format!("A word is owed to {}", to.words()), "H-19", &owners, since, &how)?;
            Some(Due { way: Way::Told, ..due })
        };
        open.filter_map(|one| due(one.to, one.since)).collect()
    };
    of.breakdowns.iter().flat_map(of_one).collect()
}

/// The last review named the day of the next one (H-15), unless the policy asks for a weekly one on that very day.
fn next_review(of: &Asked<'_>, counted: &Schedule) -> Option<Due> {
    let (_, plan) = of.plan.filter(|(_, plan)| !matches!(plan.state(), PlanState::Closed(_)))?;
    let last = plan.last_review()?;
    let day = last.next_on?;
    if counted.due.iter().any(|due| due.week.is_some() && due.done.is_none() && due.day == day) {
        return None;
    }
    let how = format!("The review on {} named this day.", day_words(last.on));
    let due = one("next-review", "The next review", "H-15", &[Party::KeyWorker, Party::ProviderLead], day, &how)?;
    Some(Due { way: Way::Review, ..due })
}

/// After the return somebody asks how it goes, and support ends on a day.
fn after_the_end(of: &Asked<'_>) -> Vec<Due> {
    let Some(PlanState::Closed(end)) = of.ended.map(ReintegrationPlan::state) else { return Vec::new() };
    let how = format!("Chosen when the plan was closed on {}.", day_words(end.on));
    let owners = [Party::KeyWorker, Party::ProviderLead];
    let asks = end.follow_up.iter().collect::<BTreeSet<_>>().into_iter().filter_map(|day| {
        said(of, end.on, one(&format!("follow-up-{day}"), "Ask how it goes after the return", "R-9", &owners, *day, &how)?)
    });
    let support = end.support_until.and_then(|day| {
        let due = one(&format!("support-until-{day}"), "Support after the return ends", "A-16", &owners, day, &how)?;
        said(of, end.on, Due { binding: Binding::Information, ..due })
    });
    let receiving =
        |due: Due| Due { arithmetic: Arithmetic { calendar: CalendarOf::ReceivingSchool, ..due.arithmetic }, ..due };
    asks.chain(support).map(receiving).collect()
}

#[cfg(test)]
mod tests;
