//! The weeks of a plan: its pack's clocks, made longer by what was added with a reason; the pattern of each week, and which weeks are
//! looked back upon.
//!
//! Clocks run side by side (H-15, H-25). In a week that two of them have, the pattern of the later one in the pack holds once it has
//! one: at school, the school's week does. A look-back of a clock's last week is asked again in each week that was added.
//!
//! Sources: `DOMAIN.md` H-12, H-15, H-16, H-25, H-29 (Havering; "contradictions to model, not to fix": two clocks).

use crate::plan::{Refusal, ReintegrationPlan, WeekPattern};
use crate::policy::{Clock, Code, EvaluationRule, Pack};

impl ReintegrationPlan {
    /// Weeks that were added, with reasons (H-16).
    #[must_use]
    pub fn more_weeks(&self) -> u16 {
        self.parts.longer.iter().fold(0, |sum, (weeks, _)| sum.saturating_add(*weeks))
    }

    /// The last week of a clock in this plan.
    #[must_use]
    pub fn weeks_of(&self, clock: &Clock) -> u16 {
        clock.weeks.saturating_add(self.more_weeks())
    }

    /// School weeks planned: the pack's length and what was added.
    #[must_use]
    pub fn planned_weeks(&self, pack: &Pack) -> u16 {
        let length = pack.planned_lengths.iter().find(|length| length.id == self.parts.basis.planned_length);
        length.map_or(0, |length| length.weeks).saturating_add(self.more_weeks())
    }

    /// The pattern of a week of the pack's first clock; weeks without one of their own go on as the week before.
    #[must_use]
    pub fn week(&self, week: u16) -> Option<&WeekPattern> {
        self.parts.weeks.range(..=week).next_back().map(|(_, pattern)| pattern)
    }

    /// The same of any clock.
    #[must_use]
    pub fn pattern(&self, pack: &Pack, clock: &Code, week: u16) -> Option<&WeekPattern> {
        if is_first(pack, clock) {
            return self.week(week);
        }
        let own = self.parts.clock_weeks.range((clock.clone(), 0)..=(clock.clone(), week));
        own.map(|(_, pattern)| pattern).next_back()
    }

    /// Whether a week has a pattern of its own.
    #[must_use]
    pub fn has_own_pattern(&self, pack: &Pack, clock: &Code, week: u16) -> bool {
        if is_first(pack, clock) {
            self.parts.weeks.contains_key(&week)
        } else {
            self.parts.clock_weeks.contains_key(&(clock.clone(), week))
        }
    }

    /// What holds in a week that has these numbers on the pack's clocks, in their order.
    #[must_use]
    pub fn pattern_in(&self, pack: &Pack, numbers: &[Option<u16>]) -> Option<&WeekPattern> {
        let clocks = pack.clocks.iter().zip(numbers).collect::<Vec<_>>();
        clocks.into_iter().rev().find_map(|(clock, number)| self.pattern(pack, &clock.id, (*number)?))
    }

    /// Some week has a pattern.
    pub(super) fn has_pattern(&self) -> bool {
        !self.parts.weeks.is_empty() || !self.parts.clock_weeks.is_empty()
    }

    pub(super) fn set_week(&mut self, pack: &Pack, clock: Code, week: u16, pattern: WeekPattern) -> Result<(), Refusal> {
        let known = pack.clock(&clock).ok_or(Refusal::UnknownCode("clock"))?;
        if !(1..=self.weeks_of(known)).contains(&week) {
            return Err(Refusal::NoSuchWeek);
        }
        if is_first(pack, &clock) {
            self.parts.weeks.insert(week, pattern);
        } else {
            self.parts.clock_weeks.insert((clock, week), pattern);
        }
        Ok(())
    }

    /// The questions of a week, if it is looked back upon.
    #[must_use]
    pub fn look_back<'p>(&self, pack: &'p Pack, clock: &Code, week: u16) -> Option<&'p EvaluationRule> {
        let known = pack.clock(clock)?;
        let asked_in = if week > known.weeks && week <= self.weeks_of(known) { known.weeks } else { week };
        pack.evaluation(clock, asked_in)
    }

    /// Every week that is looked back upon, with its questions, clock by clock.
    #[must_use]
    pub fn look_backs<'p>(&self, pack: &'p Pack) -> Vec<(u16, &'p EvaluationRule)> {
        let mut all: Vec<(u16, &EvaluationRule)> = pack.evaluations.iter().map(|rule| (rule.week, rule)).collect();
        for clock in &pack.clocks {
            let added = clock.weeks + 1..=self.weeks_of(clock);
            all.extend(added.filter_map(|week| Some((week, self.look_back(pack, &clock.id, week)?))));
        }
        let place = |rule: &EvaluationRule| pack.clocks.iter().position(|clock| clock.id == rule.clock);
        all.sort_by_key(|(week, rule)| (place(rule), *week));
        all
    }
}

fn is_first(pack: &Pack, clock: &Code) -> bool {
    pack.clocks.first().is_some_and(|first| first.id == *clock)
}
