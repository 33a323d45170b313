//! The changes that a plan can go through. What each needs is decided by [`ReintegrationPlan::apply`](super::ReintegrationPlan::apply).

use chrono::NaiveDate;

use super::{
    ActionEntry, Answer, Barrier, Breakdown, Closure, Consent, EndGoal, Evaluation, Gate, Meeting, Review, Setback, SignOff,
    WeekPattern,
};
use crate::party::PersonId;
use crate::policy::{Code, Route};
use crate::words::{Reason, Words};

/// A change of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// What was agreed before the plan began is put right, as long as it is a draft (L-2).
    Basis {
        /// How the pupil came to be where they are.
        route: Route,
        /// One of the pack's lengths.
        planned_length: Code,
        /// What it is to lead to.
        end_goal: EndGoal,
        /// The same in the pupil's or parent's words.
        in_their_words: Option<Words>,
    },
    /// A draft is thrown away. What was agreed is closed instead.
    Discard {
        /// When.
        on: NaiveDate,
        /// Why.
        reason: Reason,
    },
    /// Somebody consents (H-8).
    Consent(Consent),
    /// Somebody withdraws a consent; the plan goes no further until there is one.
    WithdrawConsent {
        /// Who.
        who: PersonId,
        /// When.
        on: NaiveDate,
    },
    /// The plan is agreed and begins.
    Open,
    /// A field of the form gets an answer, or loses it.
    Answer(Code, Option<Answer>),
    /// What stands in the way, all of it (H-24, R-1).
    Barriers(Vec<Barrier>),
    /// The pattern of a week of one of the pack's clocks (H-15, H-25).
    Week(Code, u16, WeekPattern),
    /// A planning meeting was held, whether it counts or not (H-26).
    Meeting(Meeting),
    /// An item of a list is ticked, or no longer.
    Tick {
        /// Which list.
        list: Code,
        /// Which item.
        item: Code,
        /// It is done.
        is_done: bool,
    },
    /// An action before the transition (H-27).
    Action(Code, ActionEntry),
    /// The pupil begins at school (H-15). Gates that are not passed, each with its reason.
    BeginReturn {
        /// First day.
        on: NaiveDate,
        /// Why it begins although a gate is not passed.
        despite: Vec<(Gate, Reason)>,
    },
    /// A week is looked back upon (H-29).
    Evaluate(Evaluation),
    /// A review was held (H-5, H-15).
    Review(Review),
    /// The pupil's own comment on a stage.
    PupilSays(u16, Option<Words>),
    /// A hiccup.
    Setback(Setback),
    /// The plan takes longer (H-16).
    Longer {
        /// So many weeks more.
        weeks: u16,
        /// Why.
        reason: Reason,
    },
    /// A party agrees that the return succeeded (H-13).
    SignOff(SignOff),
    /// It ends after a serious breakdown (H-19).
    EndAfterBreakdown(Breakdown, Closure),
    /// It ends (H-30).
    Close(Closure),
}
