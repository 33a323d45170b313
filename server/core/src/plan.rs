//! The reintegration plan: agreed, time-limited steps back to school, as a state machine.
//!
//! A plan is a [`Draft`](PlanState::Draft), then [`Open`](PlanState::Open), then the pupil is
//! [`Returning`](PlanState::Returning), then it is [`Closed`](PlanState::Closed). Every change goes through
//! [`ReintegrationPlan::apply`], which either makes it or says in one sentence what to do first ([`Refusal`]); a refused change
//! leaves the plan as it was. Which fields, actions, questions and parties there are is in the policy pack; this file knows the
//! order of things and the few rules that no pack changes:
//!
//! 1. No plan opens without a length, an end goal and a consent (L-2, H-8).
//! 2. A planning meeting without the pupil or the school does not count, however useful it was (H-26).
//! 3. A return begins when its gates are passed. A gate that is not passed needs a reason; a missing consent cannot be reasoned away.
//! 4. A setback never changes the state of a plan.
//! 5. Success is what everybody who must sign has signed; until then the roll stays as it is (H-13).
//! 6. A plan remembers the pack it was begun with, and two people never overwrite each other ([`Refusal::ChangedMeanwhile`]).
//!
//! It does not keep who changed what from what to what: the store does, from the same changes. It never sees the register.
//!
//! Sources: `DOMAIN.md` H-3 … H-30 ("Policy for Reintegration from Alternative Provisions 2020/21", Havering), L-2, L-9 (Hillingdon,
//! "Reintegration"), A-4, A-12, A-16, A-26 (APIF, "Learning from practice"), D4, D5.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::party::{OrganisationId, Party, PersonId};
use crate::policy::{Code, FieldKind, ON_TRACK, Pack, PackKey, Route};
use crate::words::{Reason, Words};

mod breakdown;
mod closure;
mod evaluation;
mod form;
mod meeting;
mod part_time;
mod pattern;
mod refusal;

pub use self::breakdown::{Breakdown, Owed, owed};
pub use self::closure::{Closure, RollGuard, Setback, SignOff};
pub use self::evaluation::{ENGAGEMENT_LABEL, EngagementBeside, Evaluation, Reply, Went};
pub use self::form::{Answer, Barrier, Progress, Stated, StatedSource};
pub use self::meeting::{ActionEntry, How, Meeting};
pub use self::part_time::{NotPartTime, PartTime, PartTimeReason};
pub use self::pattern::{NotAPattern, Place, WeekPattern};
pub use self::refusal::{Gate, Refusal};

/// What a plan is to lead to (A-4, L-1, L-9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndGoal {
    /// Back to the home school.
    HomeSchool,
    /// A fresh start at another school.
    NewSchool,
    /// A long-term place.
    LongTermPlace,
    /// None is planned, in the last years of school; reviews go on (L-9).
    NoReturnPlanned,
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

/// Somebody with a right to say it agreed (H-8). A consent that is withdrawn stays, with its day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// [`Party::Parent`], or [`Party::Pupil`] where the pupil decides.
    pub party: Party,
    /// Who.
    pub who: PersonId,
    /// How, as it happened: on paper, in a meeting, by telephone.
    pub how: Words,
    /// When.
    pub on: NaiveDate,
    /// Until when it held.
    pub withdrawn: Option<NaiveDate>,
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
}

/// A pupil's plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReintegrationPlan {
    /// The rules it was begun with.
    pub pack: PackKey,
    /// What was agreed before it began.
    pub basis: Basis,
    state: PlanState,
    revision: Revision,
    consents: Vec<Consent>,
    answers: BTreeMap<Code, Answer>,
    barriers: Vec<Barrier>,
    weeks: BTreeMap<u16, WeekPattern>,
    meetings: Vec<Meeting>,
    ticked: BTreeMap<Code, BTreeSet<Code>>,
    actions: BTreeMap<Code, ActionEntry>,
    evaluations: BTreeMap<(Code, u16), Evaluation>,
    setbacks: Vec<Setback>,
    sign_offs: Vec<SignOff>,
    despite: Vec<(Gate, Reason)>,
    longer: Vec<(u16, Reason)>,
    pupil_says: BTreeMap<u16, Words>,
}

/// A change of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
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
    /// The pattern of a provider week (H-25).
    Week(u16, WeekPattern),
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
    /// The pupil's own comment on a stage.
    PupilSays(u16, Words),
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

impl ReintegrationPlan {
    /// A draft.
    ///
    /// # Errors
    /// The pack does not have the route or the length.
    pub fn draft(pack: &Pack, basis: Basis) -> Result<Self, Refusal> {
        if !pack.routes.iter().any(|rule| rule.route == basis.route) {
            return Err(Refusal::UnknownCode("route"));
        }
        if !pack.planned_lengths.iter().any(|length| length.id == basis.planned_length) {
            return Err(Refusal::UnknownCode("planned length"));
        }
        Ok(Self {
            pack: pack.key.clone(),
            basis,
            state: PlanState::Draft,
            revision: Revision::default(),
            consents: Vec::new(),
            answers: BTreeMap::new(),
            barriers: Vec::new(),
            weeks: BTreeMap::new(),
            meetings: Vec::new(),
            ticked: BTreeMap::new(),
            actions: BTreeMap::new(),
            evaluations: BTreeMap::new(),
            setbacks: Vec::new(),
            sign_offs: Vec::new(),
            despite: Vec::new(),
            longer: Vec::new(),
            pupil_says: BTreeMap::new(),
        })
    }

    /// Makes one change. `based_on`: the revision that the person saw.
    ///
    /// # Errors
    /// It cannot be made now; the refusal says what to do, and the plan is as it was.
    pub fn apply(&mut self, pack: &Pack, based_on: Revision, change: Change) -> Result<(), Refusal> {
        if pack.key != self.pack {
            return Err(Refusal::OtherPack);
        }
        if based_on != self.revision {
            return Err(Refusal::ChangedMeanwhile { now: self.revision });
        }
        if matches!(self.state, PlanState::Closed(_)) {
            return Err(Refusal::Closed);
        }
        self.make(pack, change)?;
        self.revision = Revision(self.revision.0 + 1);
        Ok(())
    }

    /// Each arm checks everything before it changes anything.
    fn make(&mut self, pack: &Pack, change: Change) -> Result<(), Refusal> {
        match change {
            Change::Consent(consent) => {
                if !matches!(consent.party, Party::Parent | Party::Pupil) {
                    return Err(Refusal::NotTheirs(consent.party));
                }
                self.consents.push(consent);
            }
            Change::WithdrawConsent { who, on } => {
                let held = self.consents.iter_mut().find(|consent| consent.who == who && consent.withdrawn.is_none());
                let held = held.ok_or(Refusal::UnknownCode("consent"))?;
                held.withdrawn = Some(on);
            }
            Change::Open => {
                if self.state != PlanState::Draft {
                    return Err(Refusal::AlreadyOpen);
                }
                self.consented()?;
                self.state = PlanState::Open;
            }
            Change::Answer(id, answer) => {
                let field = pack.fields.iter().find(|field| field.id == id).ok_or(Refusal::UnknownCode("field"))?;
                match answer {
                    Some(answer) if answer.kind() != field.kind => return Err(Refusal::WrongKind),
                    Some(answer) => self.answers.insert(id, answer),
                    None => self.answers.remove(&id),
                };
            }
            Change::Barriers(barriers) => {
                if barriers.iter().any(|barrier| !pack.has_code("barrier", &barrier.code)) {
                    return Err(Refusal::UnknownCode("barrier"));
                }
                self.barriers = barriers;
            }
            Change::Week(week, pattern) => {
                if !pack.clocks.iter().any(|clock| (1..=clock.weeks).contains(&week)) {
                    return Err(Refusal::NoSuchWeek);
                }
                self.weeks.insert(week, pattern);
            }
            Change::Meeting(meeting) => {
                self.running()?;
                meeting.check(&pack.meeting)?;
                self.meetings.push(meeting);
            }
            Change::Tick { list, item, is_done } => {
                if !pack.lists.get(&list).is_some_and(|known| known.codes().any(|code| *code == item)) {
                    return Err(Refusal::UnknownCode("item"));
                }
                let ticked = self.ticked.entry(list).or_default();
                if is_done {
                    ticked.insert(item);
                } else {
                    ticked.remove(&item);
                }
            }
            Change::Action(id, entry) => {
                if !pack.actions.iter().any(|rule| rule.id == id) {
                    return Err(Refusal::UnknownCode("action"));
                }
                self.actions.insert(id, entry);
            }
            Change::BeginReturn { on, despite } => self.begin_return(pack, on, despite)?,
            Change::Evaluate(evaluation) => {
                self.running()?;
                evaluation.check(pack)?;
                self.evaluations.insert((evaluation.clock.clone(), evaluation.week), evaluation);
            }
            Change::PupilSays(stage, words) => {
                if stage > 4 {
                    return Err(Refusal::UnknownCode("stage"));
                }
                self.pupil_says.insert(stage, words);
            }
            Change::Setback(setback) => {
                if !pack.has_code("setback", &setback.code) {
                    return Err(Refusal::UnknownCode("setback"));
                }
                self.setbacks.push(setback);
            }
            Change::Longer { weeks, reason } => {
                if weeks == 0 {
                    return Err(Refusal::NoSuchWeek);
                }
                self.longer.push((weeks, reason));
            }
            Change::SignOff(sign_off) => {
                if !matches!(self.state, PlanState::Returning { .. }) {
                    return Err(Refusal::NotBegun);
                }
                if !pack.closure.sign_off.contains(&sign_off.party) {
                    return Err(Refusal::NotTheirs(sign_off.party));
                }
                self.sign_offs.retain(|known| known.party != sign_off.party);
                self.sign_offs.push(sign_off);
            }
            Change::EndAfterBreakdown(breakdown, closure) => {
                self.running()?;
                breakdown.check(pack)?;
                closure.check(pack, self)?;
                if closure.outcome == pack.closure.success {
                    return Err(Refusal::NotASuccess);
                }
                if !pack.breakdown.may_end_without_meeting && !self.meetings.iter().any(|held| held.on >= breakdown.on) {
                    return Err(Refusal::MeetFirst);
                }
                self.state = PlanState::Closed(closure);
            }
            Change::Close(closure) => {
                self.running()?;
                closure.check(pack, self)?;
                self.state = PlanState::Closed(closure);
            }
        }
        Ok(())
    }

    fn begin_return(&mut self, pack: &Pack, on: NaiveDate, despite: Vec<(Gate, Reason)>) -> Result<(), Refusal> {
        match self.state {
            PlanState::Open => {}
            PlanState::Returning { .. } => return Err(Refusal::AlreadyBegun),
            PlanState::Draft | PlanState::Closed(_) => return Err(Refusal::NotOpen),
        }
        self.consented()?;
        let gates = self.gates(pack);
        let is_reasoned = |gate: &&Gate| despite.iter().any(|(reasoned, _)| reasoned == *gate);
        let open: Vec<_> = gates.iter().filter(|gate| !is_reasoned(gate)).cloned().collect();
        if !open.is_empty() {
            return Err(Refusal::GatesOpen(open));
        }
        // A reason for a gate that was passed after all would tell a wrong story.
        self.despite = despite.into_iter().filter(|(gate, _)| gates.contains(gate)).collect();
        self.state = PlanState::Returning { since: on };
        Ok(())
    }

    /// What is not yet as it should be before the pupil begins at school (H-4, H-12, H-14, H-26, H-27).
    #[must_use]
    pub fn gates(&self, pack: &Pack) -> Vec<Gate> {
        let mut open = Vec::new();
        if self.on_track(pack) != Some(true) {
            open.push(Gate::Readiness);
        }
        if !self.meetings.iter().any(|meeting| meeting.missing(&pack.meeting).is_empty()) {
            open.push(Gate::Meeting);
        }
        for list in ["start-gate", "prerequisites"] {
            let ticked = Code::new(list).and_then(|list| self.ticked.get(&list));
            let missing = pack.list(list).iter().filter(|(item, _)| !ticked.is_some_and(|done| done.contains(item)));
            open.extend(missing.map(|(item, _)| Gate::Item(item.clone())));
        }
        open.extend(
            pack.actions.iter().filter(|rule| !self.is_settled(pack, &rule.id)).map(|rule| Gate::Action(rule.id.clone())),
        );
        open
    }

    /// Whether an action before the transition is settled; `false` for what the pack does not have.
    #[must_use]
    pub fn is_settled(&self, pack: &Pack, action: &Code) -> bool {
        let Some(rule) = pack.actions.iter().find(|rule| rule.id == *action) else { return false };
        let entry = self.actions.get(action);
        let list = rule.list.as_ref().map(|list| {
            let done = self.ticked.get(list);
            pack.lists.get(list).is_some_and(|all| all.codes().all(|item| done.is_some_and(|done| done.contains(item))))
        });
        meeting::is_settled(rule, entry, list)
    }

    /// Whether the pupil is on track to return: the answer of stage 1, or none yet.
    #[must_use]
    pub fn on_track(&self, pack: &Pack) -> Option<bool> {
        let field = pack.fields.iter().find(|field| field.id.as_str() == ON_TRACK && field.kind == FieldKind::YesNo)?;
        match self.answers.get(&field.id) {
            Some(Answer::YesNo(yes)) => Some(*yes),
            _ => None,
        }
    }

    /// Weeks that the longest barrier is thought to take. They are cleared side by side, so they are not added (H-24).
    #[must_use]
    pub fn weeks_to_ready(&self) -> Option<u16> {
        self.barriers.iter().map(|barrier| barrier.weeks).max()
    }

    /// School weeks planned: the pack's length and what was added with a reason.
    #[must_use]
    pub fn planned_weeks(&self, pack: &Pack) -> u16 {
        let base =
            pack.planned_lengths.iter().find(|length| length.id == self.basis.planned_length).map_or(0, |length| length.weeks);
        self.longer.iter().fold(base, |sum, (weeks, _)| sum.saturating_add(*weeks))
    }

    /// Where the form stands, stage by stage (H-10).
    #[must_use]
    pub fn progress(&self, pack: &Pack) -> Vec<Progress> {
        form::progress(pack, self)
    }

    /// What is said about the roll (H-13).
    #[must_use]
    pub fn roll_guard(&self, pack: &Pack, panel_was_told: Option<NaiveDate>) -> RollGuard {
        closure::roll_guard(self, pack, panel_was_told)
    }

    fn running(&self) -> Result<(), Refusal> {
        if self.state == PlanState::Draft { Err(Refusal::NotOpen) } else { Ok(()) }
    }

    fn consented(&self) -> Result<(), Refusal> {
        if self.consents.iter().any(|consent| consent.withdrawn.is_none()) { Ok(()) } else { Err(Refusal::NoConsent) }
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> &PlanState {
        &self.state
    }

    /// What a change has to be based on.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The answer of a field.
    #[must_use]
    pub fn answer(&self, field: &Code) -> Option<&Answer> {
        self.answers.get(field)
    }

    /// What stands in the way.
    #[must_use]
    pub fn barriers(&self) -> &[Barrier] {
        &self.barriers
    }

    /// The pattern of a week; weeks without one of their own go on as the week before.
    #[must_use]
    pub fn week(&self, week: u16) -> Option<&WeekPattern> {
        self.weeks.range(..=week).next_back().map(|(_, pattern)| pattern)
    }

    /// The meetings that were held.
    #[must_use]
    pub fn meetings(&self) -> &[Meeting] {
        &self.meetings
    }

    /// The entry of an action.
    #[must_use]
    pub fn action(&self, id: &Code) -> Option<&ActionEntry> {
        self.actions.get(id)
    }

    /// What was said about a week.
    #[must_use]
    pub fn evaluation(&self, clock: &Code, week: u16) -> Option<&Evaluation> {
        self.evaluations.get(&(clock.clone(), week))
    }

    /// The hiccups.
    #[must_use]
    pub fn setbacks(&self) -> &[Setback] {
        &self.setbacks
    }

    /// Who agreed that it succeeded.
    #[must_use]
    pub fn sign_offs(&self) -> &[SignOff] {
        &self.sign_offs
    }

    /// Gates that were not passed, with the reasons.
    #[must_use]
    pub fn despite(&self) -> &[(Gate, Reason)] {
        &self.despite
    }

    /// The consents, withdrawn ones too.
    #[must_use]
    pub fn consents(&self) -> &[Consent] {
        &self.consents
    }

    /// What the pupil says about a stage.
    #[must_use]
    pub fn pupil_says(&self, stage: u16) -> Option<&Words> {
        self.pupil_says.get(&stage)
    }
}

#[cfg(test)]
mod tests;
