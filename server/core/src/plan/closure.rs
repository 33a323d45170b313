//! Setbacks, signatures, the end of a plan, and what is said about the roll until then.
//!
//! Sources: `DOMAIN.md`, H-13, H-20, H-21, H-30, R-9.

use chrono::NaiveDate;

use super::refusal::Refusal;
use super::{PlanState, ReintegrationPlan};
use crate::party::{Party, PersonId};
use crate::policy::{Code, Pack};
use crate::words::Words;

/// A hiccup on the way. It is written down and helps the next review; it does not end anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setback {
    /// When.
    pub on: NaiveDate,
    /// One of the pack's list.
    pub code: Code,
    /// What happened.
    pub what: Option<Words>,
    /// What helps.
    pub what_helps: Option<Words>,
}

/// A party agrees that the return succeeded (H-13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignOff {
    /// For whom.
    pub party: Party,
    /// Who.
    pub who: PersonId,
    /// When.
    pub on: NaiveDate,
}

/// How a plan ended (H-30).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closure {
    /// When.
    pub on: NaiveDate,
    /// One of the pack's outcomes.
    pub outcome: Code,
    /// What went well. There is always something.
    pub went_well: Words,
    /// What could be better next time.
    pub could_be_better: Option<Words>,
    /// When the provider withdrew.
    pub provider_withdrew: Option<NaiveDate>,
    /// Support goes on until then, after the full return.
    pub support_until: Option<NaiveDate>,
    /// Days on which somebody asks how it goes.
    pub follow_up: Vec<NaiveDate>,
}

impl Closure {
    pub(super) fn check(&self, pack: &Pack, plan: &ReintegrationPlan) -> Result<(), Refusal> {
        if !pack.has_code("outcome", &self.outcome) {
            return Err(Refusal::UnknownCode("outcome"));
        }
        if self.support_until.is_some_and(|until| until < self.on) || self.follow_up.iter().any(|day| *day < self.on) {
            return Err(Refusal::SupportTooShort);
        }
        if self.outcome != pack.closure.success {
            return Ok(());
        }
        if !matches!(plan.state(), PlanState::Returning { .. }) {
            return Err(Refusal::NotBegun);
        }
        let unsigned = unsigned(plan, pack);
        if unsigned.is_empty() { Ok(()) } else { Err(Refusal::NotSigned(unsigned)) }
    }
}

fn unsigned(plan: &ReintegrationPlan, pack: &Pack) -> Vec<Party> {
    let is_open = |party: &&Party| !plan.sign_offs().iter().any(|sign_off| sign_off.party == **party);
    pack.closure.sign_off.iter().filter(is_open).copied().collect()
}

/// What is said about the roll (H-13, N6). Windowseat moves nobody from or to a roll; it says what the policy asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RollGuard {
    /// The pupil stays on the home school's roll.
    Stays {
        /// What the policy says, and what of it cannot hold on this route.
        says: String,
        /// Whose word is missing.
        waits_for: Vec<Party>,
    },
    /// Success is agreed and reported: the roll may follow.
    MayMove,
}

pub(super) fn roll_guard(plan: &ReintegrationPlan, pack: &Pack, panel_was_told: Option<NaiveDate>) -> RollGuard {
    let mut waits_for = unsigned(plan, pack);
    let goes_to_panel = pack.goes_to_panel(plan.basis().route);
    if goes_to_panel && panel_was_told.is_none() {
        waits_for.push(Party::Panel);
    }
    // Where the plan ended otherwise, nobody is asked any more.
    waits_for.retain(|_| !plan.ended_otherwise(pack));
    let succeeded = matches!(plan.state(), PlanState::Closed(closure) if closure.outcome == pack.closure.success);
    if succeeded && waits_for.is_empty() {
        RollGuard::MayMove
    } else {
        // The policy's words are for all its routes; where they cannot all hold, that is said beside them.
        let knows_panels = pack.routes.iter().any(|rule| rule.goes_to_panel);
        let beside = if knows_panels && !goes_to_panel {
            " On this route no panel decides, so nobody waits for its office."
        } else {
            ""
        };
        RollGuard::Stays { says: format!("{}{beside}", pack.closure.roll_guard), waits_for }
    }
}
