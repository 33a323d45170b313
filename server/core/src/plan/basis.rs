//! What is agreed before a plan begins, and everything that a plan holds: for the store to keep, and to give back.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Months, NaiveDate};

use super::{ActionEntry, Answer, Barrier, Closure, Evaluation, Gate, Meeting, Review, Setback, SignOff, WeekPattern};
use crate::coded::coded;
use crate::party::{OrganisationId, Party, PersonId};
use crate::policy::{Code, PackKey, Route};
use crate::words::{Reason, Words};

coded! {
    /// What a plan is to lead to (A-4, L-1, L-9).
    EndGoal {
        /// Back to the home school.
        HomeSchool = "home-school",
        /// A fresh start at another school.
        NewSchool = "new-school",
        /// A long-term place.
        LongTermPlace = "long-term-place",
        /// None is planned, in the last years of school; reviews go on (L-9).
        NoReturnPlanned = "no-return-planned",
    }
}

/// What is agreed before a plan begins (L-2, H-23). There is no plan without a length and a goal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basis {
    /// How the pupil came to be where they are.
    pub route: Route,
    /// Whose pupil the child is and remains.
    pub home_school: OrganisationId,
    /// Where the pupil is now.
    pub provider: OrganisationId,
    /// Where the pupil will be.
    pub receiving_school: OrganisationId,
    /// Who answers for the pupil until success is agreed (H-13).
    pub responsible: OrganisationId,
    /// One of the pack's lengths.
    pub planned_length: Code,
    /// What it is to lead to.
    pub end_goal: EndGoal,
    /// The same in the pupil's or parent's words.
    pub in_their_words: Option<Words>,
}

/// The field of the head that names the receiving school, where a policy has it (H-23).
pub(super) const RECEIVING_SCHOOL: &str = "receiving-school";

/// A place of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting<'a> {
    /// A school or provider that is known here, with its calendar and its people.
    Known(OrganisationId),
    /// One that is not: only its name is known.
    Called(&'a Words),
    /// Nobody has named it yet.
    NotNamed,
}

/// From this age on, in years, a pupil's own word is a consent without a parent's.
///
/// Source: H-8 asks for the parent's or carer's; young people over compulsory school age decide for themselves.
pub const DECIDES_AT: u32 = 16;

/// What a pupil's word is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OwnWord {
    /// It stands beside a parent's or carer's, and is none without it.
    #[default]
    Beside,
    /// On that day they were known to be old enough to decide.
    Decides,
}

/// Somebody with a right to say it agreed (H-8). A consent that is withdrawn stays, with its day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// [`Party::Parent`], or [`Party::Pupil`].
    pub party: Party,
    /// What the word is worth if it is the pupil's.
    pub own_word: OwnWord,
    /// Who.
    pub who: PersonId,
    /// How, as it happened: on paper, in a meeting, by telephone.
    pub how: Words,
    /// When.
    pub on: NaiveDate,
    /// Until when it held.
    pub withdrawn: Option<NaiveDate>,
}

impl OwnWord {
    /// Of a pupil who says it on a day. Where no date of birth is known, it stands beside a parent's.
    #[must_use]
    pub fn of(born: Option<NaiveDate>, on: NaiveDate) -> Self {
        let from = born.and_then(|born| born.checked_add_months(Months::new(12 * DECIDES_AT)));
        if from.is_some_and(|from| from <= on) { Self::Decides } else { Self::Beside }
    }
}

impl Consent {
    /// Whether it is one by itself: of a parent or carer, or of a pupil who decides; and nobody withdrew it (H-8).
    #[must_use]
    pub fn holds(&self) -> bool {
        self.withdrawn.is_none() && (self.party == Party::Parent || self.own_word == OwnWord::Decides)
    }
}

/// How many changes a plan has seen. A change says on which state it was based.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

/// Where a plan stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanState {
    /// It is being written.
    Draft,
    /// It is being worked with; the pupil is at the provider, at home or in hospital.
    Open,
    /// The pupil has begun at school.
    Returning {
        /// First day at school: the school's clock starts.
        since: NaiveDate,
    },
    /// It has ended. What was written can be read, and nothing more be changed.
    Closed(Closure),
    /// It was thrown away as a draft: it counts nowhere, and is there to be read.
    Discarded {
        /// When.
        on: NaiveDate,
        /// Why.
        reason: Reason,
    },
}

/// Everything that a plan holds. The store keeps it; only [`ReintegrationPlan::apply`](super::ReintegrationPlan::apply) changes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// The rules it was begun with.
    pub pack: PackKey,
    /// What was agreed before it began.
    pub basis: Basis,
    /// Where it stands.
    pub state: PlanState,
    /// First day at school, of a plan that has ended; as long as the pupil is returning, the state has it.
    pub school_start: Option<NaiveDate>,
    /// How many changes it has seen.
    pub revision: Revision,
    /// Who agreed, and who no longer does.
    pub consents: Vec<Consent>,
    /// Fields of the form.
    pub answers: BTreeMap<Code, Answer>,
    /// What stands in the way.
    pub barriers: Vec<Barrier>,
    /// Week patterns, by week of the pack's first clock.
    pub weeks: BTreeMap<u16, WeekPattern>,
    /// Week patterns of the pack's other clocks, by clock and week.
    pub clock_weeks: BTreeMap<(Code, u16), WeekPattern>,
    /// Planning meetings, whether they count or not.
    pub meetings: Vec<Meeting>,
    /// Ticked items, by list.
    pub ticked: BTreeMap<Code, BTreeSet<Code>>,
    /// Actions before the transition.
    pub actions: BTreeMap<Code, ActionEntry>,
    /// Weeks looked back upon, by clock and week.
    pub evaluations: BTreeMap<(Code, u16), Evaluation>,
    /// Reviews.
    pub reviews: Vec<Review>,
    /// Hiccups.
    pub setbacks: Vec<Setback>,
    /// Who agreed that it succeeded.
    pub sign_offs: Vec<SignOff>,
    /// Gates that were not passed, with the reasons.
    pub despite: Vec<(Gate, Reason)>,
    /// Weeks that were added, with the reasons.
    pub longer: Vec<(u16, Reason)>,
    /// The pupil's comment on each stage.
    pub pupil_says: BTreeMap<u16, Words>,
}
