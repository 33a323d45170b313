//! The reintegration plan: agreed, time-limited steps back to school, as a state machine.
//!
//! A plan is a [`Draft`](PlanState::Draft), then [`Open`](PlanState::Open), then the pupil is
//! [`Returning`](PlanState::Returning), then it is [`Closed`](PlanState::Closed). A draft may be thrown away instead
//! ([`Discarded`](PlanState::Discarded)). Every change goes through
//! [`ReintegrationPlan::apply`], which either makes it or says in one sentence what to do first ([`Refusal`]); a refused change
//! leaves the plan as it was. Which fields, actions, questions and parties there are is in the policy pack; this file knows the
//! order of things and the few rules that no pack changes:
//!
//! 1. No plan opens without a length, an end goal and a consent that is no younger pupil's alone (L-2, H-8).
//! 2. A planning meeting without the pupil or the school does not count, however useful it was (H-26).
//! 3. A return begins when its gates are passed. A gate that is not passed needs a reason; a missing consent cannot be reasoned away.
//! 4. A setback never changes the state of a plan.
//! 5. Success is what everybody who must sign has signed; until then the roll stays as it is (H-13).
//! 6. A plan remembers the pack it was begun with, and two people never overwrite each other ([`Refusal::ChangedMeanwhile`]).
//!
//! Who changed what, and when, is kept by the store; from what to what is told by [`changes`], for every field. It never sees the
//! register.
//!
//! Sources: `DOMAIN.md` H-3 … H-30 ("Policy for Reintegration from Alternative Provisions 2020/21", Havering), L-2, L-9 (Hillingdon,
//! "Reintegration"), A-4, A-12, A-16, A-26 (APIF, "Learning from practice"), D4, D5.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::party::Party;
use crate::policy::{Code, Field, FieldKind, ON_TRACK, Pack, Route};
use crate::words::{Reason, Words};

mod basis;
mod breakdown;
mod change;
mod clocks;
mod closure;
mod evaluation;
mod form;
mod history;
mod meeting;
mod part_time;
mod pattern;
mod refusal;
mod review;

pub use self::basis::{Basis, Consent, DECIDES_AT, EndGoal, OwnWord, Parts, PlanState, Revision, Setting};
pub use self::breakdown::{Breakdown, Owed, owed};
pub use self::change::Change;
pub use self::closure::{Closure, RollGuard, Setback, SignOff};
pub use self::evaluation::{ENGAGEMENT_LABEL, EngagementBeside, Evaluation, Reply, Went};
pub use self::form::{Answer, Barrier, Progress, Stated, StatedSource};
pub use self::history::{FieldChange, Shown, changes};
pub use self::meeting::{ActionEntry, How, Meeting};
pub use self::part_time::{NotPartTime, PartTime, PartTimeReason};
pub use self::pattern::{NotAPattern, Place, WeekPattern};
pub use self::refusal::{Gate, Refusal};
pub use self::review::{Review, ReviewOutcome};

use self::basis::RECEIVING_SCHOOL;

/// A plan holds no more meetings, reviews, setbacks, consents and extensions than this together; then it can only be ended.
pub const MAX_ENTRIES: usize = 2000;
/// A plan holds no more barriers.
pub const MAX_BARRIERS: usize = 100;
/// A plan is made longer by so many weeks at most, all in all: two years.
pub const MAX_MORE_WEEKS: u16 = 104;

/// A pupil's plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReintegrationPlan {
    parts: Parts,
}

impl ReintegrationPlan {
    /// A draft.
    ///
    /// # Errors
    /// The pack does not have the route or the length.
    pub fn draft(pack: &Pack, basis: Basis) -> Result<Self, Refusal> {
        check_basis(pack, basis.route, &basis.planned_length)?;
        let parts = Parts {
            pack: pack.key.clone(),
            basis,
            state: PlanState::Draft,
            school_start: None,
            revision: Revision::default(),
            consents: Vec::new(),
            answers: BTreeMap::new(),
            barriers: Vec::new(),
            weeks: BTreeMap::new(),
            clock_weeks: BTreeMap::new(),
            meetings: Vec::new(),
            ticked: BTreeMap::new(),
            actions: BTreeMap::new(),
            evaluations: BTreeMap::new(),
            reviews: Vec::new(),
            setbacks: Vec::new(),
            sign_offs: Vec::new(),
            despite: Vec::new(),
            longer: Vec::new(),
            pupil_says: BTreeMap::new(),
        };
        Ok(Self { parts })
    }

    /// A plan that the store kept.
    #[must_use]
    pub fn from_parts(parts: Parts) -> Self {
        Self { parts }
    }

    /// Everything that it holds, for the store.
    #[must_use]
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// What was agreed before it began.
    #[must_use]
    pub fn basis(&self) -> &Basis {
        &self.parts.basis
    }

    /// Makes one change. `based_on`: the revision that the person saw.
    ///
    /// # Errors
    /// It cannot be made now; the refusal says what to do, and the plan is as it was.
    pub fn apply(&mut self, pack: &Pack, based_on: Revision, change: Change) -> Result<(), Refusal> {
        if pack.key != self.parts.pack {
            return Err(Refusal::OtherPack);
        }
        if based_on != self.parts.revision {
            return Err(Refusal::ChangedMeanwhile { now: self.parts.revision });
        }
        if matches!(self.parts.state, PlanState::Closed(_) | PlanState::Discarded { .. }) {
            return Err(Refusal::Closed);
        }
        let ends =
            matches!(change, Change::SignOff(_) | Change::EndAfterBreakdown(..) | Change::Close(_) | Change::Discard { .. });
        if !ends && self.entries() >= MAX_ENTRIES {
            return Err(Refusal::Full);
        }
        self.make(pack, change)?;
        self.parts.revision = Revision(self.parts.revision.0 + 1);
        Ok(())
    }

    /// What grows with use.
    fn entries(&self) -> usize {
        let Parts { consents, meetings, reviews, setbacks, longer, .. } = &self.parts;
        consents.len() + meetings.len() + reviews.len() + setbacks.len() + longer.len()
    }

    /// Each arm checks everything before it changes anything.
    fn make(&mut self, pack: &Pack, change: Change) -> Result<(), Refusal> {
        match change {
            Change::Basis { route, planned_length, end_goal, in_their_words } => {
                self.drafted()?;
                check_basis(pack, route, &planned_length)?;
                self.parts.basis = Basis { route, planned_length, end_goal, in_their_words, ..self.parts.basis.clone() };
            }
            Change::Discard { on, reason } => {
                self.drafted()?;
                self.parts.state = PlanState::Discarded { on, reason };
            }
            Change::Consent(consent) => {
                if !matches!(consent.party, Party::Parent | Party::Pupil) {
                    return Err(Refusal::NotTheirs(consent.party));
                }
                self.parts.consents.push(consent);
            }
            Change::WithdrawConsent { who, on } => {
                if !self.parts.consents.iter().any(|consent| consent.who == who && consent.withdrawn.is_none()) {
                    return Err(Refusal::UnknownCode("consent"));
                }
                // Whoever consented twice withdraws both.
                for consent in self.parts.consents.iter_mut().filter(|consent| consent.who == who) {
                    consent.withdrawn.get_or_insert(on);
                }
            }
            Change::Open => {
                if self.parts.state != PlanState::Draft {
                    return Err(Refusal::AlreadyOpen);
                }
                self.consented()?;
                self.parts.state = PlanState::Open;
            }
            Change::Answer(id, answer) => {
                let field = pack.fields.iter().find(|field| field.id == id).ok_or(Refusal::UnknownCode("field"))?;
                if answer.as_ref().is_some_and(|answer| answer.kind() != field.kind) {
                    return Err(Refusal::WrongKind);
                }
                if id.as_str() == RECEIVING_SCHOOL && self.parts.answers.get(&id) != answer.as_ref() {
                    // What one school agreed to is not the word of another.
                    self.parts.sign_offs.retain(|sign_off| sign_off.party != Party::ReceivingSchool);
                }
                match answer {
                    Some(answer) => self.parts.answers.insert(id, answer),
                    None => self.parts.answers.remove(&id),
                };
            }
            Change::Barriers(barriers) => {
                if barriers.len() > MAX_BARRIERS {
                    return Err(Refusal::Full);
                }
                if barriers.iter().any(|barrier| !pack.has_code("barrier", &barrier.code)) {
                    return Err(Refusal::UnknownCode("barrier"));
                }
                self.parts.barriers = barriers;
            }
            Change::Week(clock, week, pattern) => self.set_week(pack, clock, week, pattern)?,
            Change::Meeting(meeting) => {
                self.running()?;
                meeting.check(&pack.meeting)?;
                self.parts.meetings.push(meeting);
            }
            Change::Tick { list, item, is_done } => {
                if !pack.lists.get(&list).is_some_and(|known| known.codes().any(|code| *code == item)) {
                    return Err(Refusal::UnknownCode("item"));
                }
                if is_done {
                    self.parts.ticked.entry(list).or_default().insert(item);
                } else if let Some(ticked) = self.parts.ticked.get_mut(&list) {
                    ticked.remove(&item);
                    // A list without a tick is not there at all: one state has one form.
                    self.parts.ticked.retain(|_, items| !items.is_empty());
                }
            }
            Change::Action(id, entry) => {
                if !pack.actions.iter().any(|rule| rule.id == id) {
                    return Err(Refusal::UnknownCode("action"));
                }
                self.parts.actions.insert(id, entry);
            }
            Change::BeginReturn { on, despite } => self.begin_return(pack, on, despite)?,
            Change::Evaluate(evaluation) => {
                self.running()?;
                evaluation.check(pack, self)?;
                self.parts.evaluations.insert((evaluation.clock.clone(), evaluation.week), evaluation);
            }
            Change::Review(review) => {
                self.running()?;
                review.check()?;
                self.parts.reviews.push(review);
            }
            Change::PupilSays(stage, words) => {
                if stage > 4 {
                    return Err(Refusal::UnknownCode("stage"));
                }
                match words {
                    Some(words) => self.parts.pupil_says.insert(stage, words),
                    None => self.parts.pupil_says.remove(&stage),
                };
            }
            Change::Setback(setback) => {
                if !pack.has_code("setback", &setback.code) {
                    return Err(Refusal::UnknownCode("setback"));
                }
                self.parts.setbacks.push(setback);
            }
            Change::Longer { weeks, reason } => {
                if weeks == 0 {
                    return Err(Refusal::NoSuchWeek);
                }
                if self.more_weeks().saturating_add(weeks) > MAX_MORE_WEEKS {
                    return Err(Refusal::TooLong);
                }
                self.parts.longer.push((weeks, reason));
            }
            Change::SignOff(sign_off) => {
                if !matches!(self.parts.state, PlanState::Returning { .. }) {
                    return Err(Refusal::NotBegun);
                }
                if !pack.closure.sign_off.contains(&sign_off.party) {
                    return Err(Refusal::NotTheirs(sign_off.party));
                }
                match self.parts.sign_offs.iter_mut().find(|known| known.party == sign_off.party) {
                    Some(known) => *known = sign_off,
                    None => self.parts.sign_offs.push(sign_off),
                }
            }
            Change::EndAfterBreakdown(breakdown, closure) => {
                self.running()?;
                breakdown.check(pack)?;
                closure.check(pack, self)?;
                if closure.outcome == pack.closure.success {
                    return Err(Refusal::NotASuccess);
                }
                if !pack.breakdown.may_end_without_meeting && !self.parts.meetings.iter().any(|held| held.on >= breakdown.on) {
                    return Err(Refusal::MeetFirst);
                }
                self.end(closure);
            }
            Change::Close(closure) => {
                self.running()?;
                closure.check(pack, self)?;
                self.end(closure);
            }
        }
        Ok(())
    }

    /// What was counted from the first day at school stays countable.
    fn end(&mut self, closure: Closure) {
        self.parts.school_start = self.school_start();
        self.parts.state = PlanState::Closed(closure);
    }

    fn begin_return(&mut self, pack: &Pack, on: NaiveDate, despite: Vec<(Gate, Reason)>) -> Result<(), Refusal> {
        match self.parts.state {
            PlanState::Open => {}
            PlanState::Returning { .. } => return Err(Refusal::AlreadyBegun),
            PlanState::Draft | PlanState::Closed(_) | PlanState::Discarded { .. } => return Err(Refusal::NotOpen),
        }
        self.consented()?;
        let gates = self.gates(pack);
        let is_reasoned = |gate: &&Gate| despite.iter().any(|(reasoned, _)| reasoned == *gate);
        let open: Vec<_> = gates.iter().filter(|gate| !is_reasoned(gate)).cloned().collect();
        if !open.is_empty() {
            return Err(Refusal::GatesOpen(open));
        }
        // A reason for a gate that was passed after all would tell a wrong story.
        self.parts.despite = despite.into_iter().filter(|(gate, _)| gates.contains(gate)).collect();
        self.parts.state = PlanState::Returning { since: on };
        Ok(())
    }

    /// What is not yet as it should be before the pupil begins at school (H-4, H-12, H-14, H-26, H-27).
    #[must_use]
    pub fn gates(&self, pack: &Pack) -> Vec<Gate> {
        let mut open = Vec::new();
        if self.on_track(pack) != Some(true) {
            open.push(Gate::Readiness);
        }
        if !self.parts.meetings.iter().any(|meeting| meeting.missing(&pack.meeting).is_empty()) {
            open.push(Gate::Meeting);
        }
        for list in ["start-gate", "prerequisites"] {
            let ticked = Code::new(list).and_then(|list| self.parts.ticked.get(&list));
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
        let entry = self.parts.actions.get(action);
        let list = rule.list.as_ref().map(|list| {
            let done = self.parts.ticked.get(list);
            pack.lists.get(list).is_some_and(|all| all.codes().all(|item| done.is_some_and(|done| done.contains(item))))
        });
        meeting::is_settled(rule, entry, list)
    }

    /// Whether the pupil is on track to return: the answer of stage 1, or none yet.
    #[must_use]
    pub fn on_track(&self, pack: &Pack) -> Option<bool> {
        let field = pack.fields.iter().find(|field| field.id.as_str() == ON_TRACK && field.kind == FieldKind::YesNo)?;
        match self.parts.answers.get(&field.id) {
            Some(Answer::YesNo(yes)) => Some(*yes),
            _ => None,
        }
    }

    /// Weeks that the longest barrier is thought to take. They are cleared side by side, so they are not added (H-24).
    #[must_use]
    pub fn weeks_to_ready(&self) -> Option<u16> {
        self.parts.barriers.iter().map(|barrier| barrier.weeks).max()
    }

    /// Where the pupil will be: as the head of the form names it, or else as it was when the plan began (H-23). Of a plan that is to
    /// lead elsewhere than back, nobody has said so before somebody names it.
    #[must_use]
    pub fn receiving(&self) -> Setting<'_> {
        let Basis { home_school, receiving_school, end_goal, .. } = &self.parts.basis;
        match Code::new(RECEIVING_SCHOOL).and_then(|field| self.answer(&field)) {
            Some(Answer::Organisation(school)) => Setting::Known(*school),
            Some(Answer::Place(name)) => Setting::Called(name),
            _ if home_school == receiving_school && matches!(end_goal, EndGoal::NewSchool | EndGoal::LongTermPlace) => {
                Setting::NotNamed
            }
            _ => Setting::Known(*receiving_school),
        }
    }

    /// Who answers for the pupil: the home school until everybody who must has agreed success and it was reported, then the receiving
    /// school (H-13). It changes exactly when the roll may.
    #[must_use]
    pub fn responsible(&self, pack: &Pack, panel_was_told: Option<NaiveDate>) -> Setting<'_> {
        match (self.roll_guard(pack, panel_was_told), self.receiving()) {
            (RollGuard::MayMove, setting @ (Setting::Known(_) | Setting::Called(_))) => setting,
            _ => Setting::Known(self.parts.basis.responsible),
        }
    }

    /// Where the form stands, stage by stage (H-10).
    #[must_use]
    pub fn progress(&self, pack: &Pack) -> Vec<Progress> {
        form::progress(pack, self)
    }

    /// Whether a field is asked as things are: one that depends on another is asked only after that answer.
    #[must_use]
    pub fn is_asked(&self, field: &Field) -> bool {
        form::applies(field, self)
    }

    /// Whether it was closed, and not because the return holds.
    #[must_use]
    pub fn ended_otherwise(&self, pack: &Pack) -> bool {
        matches!(&self.parts.state, PlanState::Closed(end) if end.outcome != pack.closure.success)
    }

    /// What is said about the roll (H-13).
    #[must_use]
    pub fn roll_guard(&self, pack: &Pack, panel_was_told: Option<NaiveDate>) -> RollGuard {
        closure::roll_guard(self, pack, panel_was_told)
    }

    fn drafted(&self) -> Result<(), Refusal> {
        if self.parts.state == PlanState::Draft { Ok(()) } else { Err(Refusal::NotADraft) }
    }

    fn running(&self) -> Result<(), Refusal> {
        if self.parts.state == PlanState::Draft { Err(Refusal::NotOpen) } else { Ok(()) }
    }

    fn consented(&self) -> Result<(), Refusal> {
        if self.is_consented() { Ok(()) } else { Err(Refusal::NoConsent) }
    }

    /// Whether a consent holds: a parent's or carer's, or that of a pupil who is old enough to decide (H-8).
    #[must_use]
    pub fn is_consented(&self) -> bool {
        self.parts.consents.iter().any(Consent::holds)
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> &PlanState {
        &self.parts.state
    }

    /// First day at school, also of a plan that has ended: the school's clock starts (H-25).
    #[must_use]
    pub fn school_start(&self) -> Option<NaiveDate> {
        match self.parts.state {
            PlanState::Returning { since } => Some(since),
            _ => self.parts.school_start,
        }
    }

    /// What a change has to be based on.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.parts.revision
    }

    /// The answer of a field.
    #[must_use]
    pub fn answer(&self, field: &Code) -> Option<&Answer> {
        self.parts.answers.get(field)
    }

    /// What stands in the way.
    #[must_use]
    pub fn barriers(&self) -> &[Barrier] {
        &self.parts.barriers
    }

    /// The meetings that were held.
    #[must_use]
    pub fn meetings(&self) -> &[Meeting] {
        &self.parts.meetings
    }

    /// The entry of an action.
    #[must_use]
    pub fn action(&self, id: &Code) -> Option<&ActionEntry> {
        self.parts.actions.get(id)
    }

    /// What was said about a week.
    #[must_use]
    pub fn evaluation(&self, clock: &Code, week: u16) -> Option<&Evaluation> {
        self.parts.evaluations.get(&(clock.clone(), week))
    }

    /// The reviews that were held.
    #[must_use]
    pub fn reviews(&self) -> &[Review] {
        &self.parts.reviews
    }

    /// The latest by its day, whenever it was written down: it says when the next one is.
    #[must_use]
    pub fn last_review(&self) -> Option<&Review> {
        self.parts.reviews.iter().max_by_key(|review| review.on)
    }

    /// The hiccups.
    #[must_use]
    pub fn setbacks(&self) -> &[Setback] {
        &self.parts.setbacks
    }

    /// Who agreed that it succeeded.
    #[must_use]
    pub fn sign_offs(&self) -> &[SignOff] {
        &self.parts.sign_offs
    }

    /// Gates that were not passed, with the reasons.
    #[must_use]
    pub fn despite(&self) -> &[(Gate, Reason)] {
        &self.parts.despite
    }

    /// The consents, withdrawn ones too.
    #[must_use]
    pub fn consents(&self) -> &[Consent] {
        &self.parts.consents
    }

    /// What the pupil says about a stage.
    #[must_use]
    pub fn pupil_says(&self, stage: u16) -> Option<&Words> {
        self.parts.pupil_says.get(&stage)
    }
}

fn check_basis(pack: &Pack, route: Route, planned_length: &Code) -> Result<(), Refusal> {
    if !pack.routes.iter().any(|rule| rule.route == route) {
        return Err(Refusal::UnknownCode("route"));
    }
    if !pack.planned_lengths.iter().any(|length| length.id == *planned_length) {
        return Err(Refusal::UnknownCode("planned length"));
    }
    Ok(())
}

#[cfg(test)]
mod laws;
#[cfg(test)]
pub(crate) mod tests;
