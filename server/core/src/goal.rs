//! Goals: made together, in words that the pupil knows, and acknowledged by each party.
//!
//! An acknowledgement is of *these words*. Whoever changes them asks everybody again, whoever changes them: the older one stays to be
//! read and counts no more. Whether a goal is reached is said by people, in a sentence; there is no per cent of a goal.
//!
//! Sources: `DOMAIN.md`, L-6 (APIF, "Learning from practice"; Hillingdon, "Reintegration"), H-3.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::coded::coded;
use crate::party::{Party, PersonId};
use crate::words::Words;

coded! {
    /// What a goal is about. The first three are the families of targets that Havering's discussions refer to (H-3).
    Family {
        /// Learning.
        Academic = "academic",
        /// Behaviour.
        Behaviour = "behaviour",
        /// Being at school.
        Attendance = "attendance",
        /// Friends, family, adults.
        Relationships = "relationships",
        /// The pupil's own.
        Own = "own",
    }
}

coded! {
    /// What became of a goal.
    Became {
        /// Reached.
        Reached = "reached",
        /// Partly, and that is good for now.
        Partly = "partly",
        /// Let go: it was not the right one.
        LetGo = "let-go",
    }
}

/// That somebody has read the words and stands by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Who.
    pub who: PersonId,
    /// When.
    pub on: NaiveDate,
    /// Which wording, counted from 1.
    pub wording: u16,
}

/// A goal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goal {
    /// What it is about.
    pub family: Family,
    wordings: Vec<Wording>,
    acknowledged: BTreeMap<Party, Vec<Acknowledgement>>,
    /// When it is looked at next.
    pub review_on: Option<NaiveDate>,
    became: Option<(Became, Words, NaiveDate)>,
}

/// A goal's words at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    /// As the parties agreed to say it.
    pub words: Words,
    /// As the pupil says it.
    pub pupil_words: Option<Words>,
    /// Who wrote it, together.
    pub authors: BTreeSet<Party>,
    /// When.
    pub on: NaiveDate,
}

/// Everything that a goal holds, for the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoalParts {
    /// What it is about.
    pub family: Family,
    /// Its words at all times, the latest last.
    pub wordings: Vec<Wording>,
    /// Who stood by which of them.
    pub acknowledged: BTreeMap<Party, Vec<Acknowledgement>>,
    /// When it is looked at next.
    pub review_on: Option<NaiveDate>,
    /// What became of it, in which words, and when.
    pub became: Option<(Became, Words, NaiveDate)>,
}

/// What cannot be done with a goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GoalRefusal {
    /// Nobody wrote it.
    #[error("say who wrote this goal: the pupil should be one of them")]
    NoAuthor,
    /// It is finished.
    #[error("this goal is finished: write a new one")]
    Finished,
    /// The next look lies behind.
    #[error("choose a day to come for the next look, or say what became of the goal")]
    NoNextLook,
    /// The words changed meanwhile.
    #[error("the words have changed: read them, then say that you stand by them")]
    OtherWords,
}

impl Goal {
    /// A new goal.
    ///
    /// # Errors
    /// It has no author.
    pub fn new(family: Family, wording: Wording) -> Result<Self, GoalRefusal> {
        if wording.authors.is_empty() {
            return Err(GoalRefusal::NoAuthor);
        }
        Ok(Self { family, wordings: vec![wording], acknowledged: BTreeMap::new(), review_on: None, became: None })
    }

    /// A goal that the store kept.
    ///
    /// # Errors
    /// One of its wordings has no author, or there is none.
    pub fn from_parts(parts: GoalParts) -> Result<Self, GoalRefusal> {
        let GoalParts { family, wordings, acknowledged, review_on, became } = parts;
        if wordings.is_empty() || wordings.iter().any(|wording| wording.authors.is_empty()) {
            return Err(GoalRefusal::NoAuthor);
        }
        Ok(Self { family, wordings, acknowledged, review_on, became })
    }

    /// Everything that it holds, for the store.
    #[must_use]
    pub fn parts(&self) -> GoalParts {
        let Self { family, wordings, acknowledged, review_on, became } = self.clone();
        GoalParts { family, wordings, acknowledged, review_on, became }
    }

    /// Says it anew.
    ///
    /// # Errors
    /// It has no author, or the goal is finished.
    pub fn reword(&mut self, wording: Wording) -> Result<(), GoalRefusal> {
        if self.became.is_some() {
            return Err(GoalRefusal::Finished);
        }
        if wording.authors.is_empty() {
            return Err(GoalRefusal::NoAuthor);
        }
        self.wordings.push(wording);
        Ok(())
    }

    /// A party stands by the words that they saw.
    ///
    /// # Errors
    /// The words are others now, or the goal is finished.
    pub fn acknowledge(&mut self, party: Party, acknowledgement: Acknowledgement) -> Result<(), GoalRefusal> {
        if self.became.is_some() {
            return Err(GoalRefusal::Finished);
        }
        if acknowledgement.wording != self.wording_number() {
            return Err(GoalRefusal::OtherWords);
        }
        self.acknowledged.entry(party).or_default().push(acknowledgement);
        Ok(())
    }

    /// It was looked at, goes on as it is, and is looked at again on a day to come.
    ///
    /// # Errors
    /// That day is no day to come, or the goal is finished.
    pub fn look_again(&mut self, on: NaiveDate, today: NaiveDate) -> Result<(), GoalRefusal> {
        if self.became.is_some() {
            return Err(GoalRefusal::Finished);
        }
        if on <= today {
            return Err(GoalRefusal::NoNextLook);
        }
        self.review_on = Some(on);
        Ok(())
    }

    /// Says what became of it.
    ///
    /// # Errors
    /// It is finished already.
    pub fn finish(&mut self, became: Became, how: Words, on: NaiveDate) -> Result<(), GoalRefusal> {
        if self.became.is_some() {
            return Err(GoalRefusal::Finished);
        }
        self.became = Some((became, how, on));
        Ok(())
    }

    /// The words as they are now.
    #[must_use]
    pub fn wording(&self) -> &Wording {
        self.wordings.last().expect("a goal is made with a wording, and none is ever taken away")
    }

    /// Its number, counted from 1: what an acknowledgement is of.
    #[must_use]
    pub fn wording_number(&self) -> u16 {
        u16::try_from(self.wordings.len()).unwrap_or(u16::MAX)
    }

    /// All words that it had, the first ones first.
    #[must_use]
    pub fn wordings(&self) -> &[Wording] {
        &self.wordings
    }

    /// What became of it, how, and when.
    #[must_use]
    pub fn became(&self) -> Option<&(Became, Words, NaiveDate)> {
        self.became.as_ref()
    }

    /// The pupil was one of those who wrote it, or said it in their own words.
    #[must_use]
    pub fn is_coproduced(&self) -> bool {
        let now = self.wording();
        now.authors.contains(&Party::Pupil) || now.pupil_words.is_some()
    }

    /// Whether a party has said that it stands by the words as they are now.
    #[must_use]
    pub fn stands_by(&self, party: Party) -> bool {
        self.waits_for(&[party]).is_empty()
    }

    /// Whether it is the pupil's: they wrote it or said it, or they have stood by it.
    #[must_use]
    pub fn is_pupils(&self) -> bool {
        self.is_coproduced() || self.acknowledged.contains_key(&Party::Pupil)
    }

    /// Of these parties, those who have not yet said that they stand by the words as they are now.
    #[must_use]
    pub fn waits_for(&self, parties: &[Party]) -> Vec<Party> {
        let now = self.wording_number();
        let has = |party: &Party| self.acknowledged.get(party).is_some_and(|all| all.iter().any(|one| one.wording == now));
        parties.iter().filter(|party| !has(party)).copied().collect()
    }

    /// Who stands by the words as they are now.
    pub fn standing(&self) -> impl Iterator<Item = Party> {
        self.acknowledged.keys().copied().filter(|party| self.stands_by(*party))
    }

    /// Nobody has looked at it although its day has passed.
    #[must_use]
    pub fn is_review_late(&self, today: NaiveDate) -> bool {
        self.became.is_none() && self.review_on.is_some_and(|on| on < today)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn wording(text: &str, authors: &[Party], pupil: Option<&str>) -> Wording {
        Wording {
            words: Words::new(text).unwrap(),
            pupil_words: pupil.map(|text| Words::new(text).unwrap()),
            authors: authors.iter().copied().collect(),
            on: day("2026-10-09"),
        }
    }

    fn said(wording: u16) -> Acknowledgement {
        Acknowledgement { who: PersonId(Uuid::nil()), on: day("2026-10-12"), wording }
    }

    fn goal() -> Goal {
        Goal::new(Family::Academic, wording("Keep up with science", &[Party::KeyWorker], Some("I like science best"))).unwrap()
    }

    #[test]
    fn a_11_a_goal_has_authors_and_each_party_acknowledges_it() {
        assert_eq!(Goal::new(Family::Own, wording("See friends", &[], None)), Err(GoalRefusal::NoAuthor));
        let mut goal = goal();
        let parties = [Party::Pupil, Party::Parent, Party::HomeSchool];
        assert_eq!(goal.waits_for(&parties), parties);
        goal.acknowledge(Party::Pupil, said(1)).unwrap();
        goal.acknowledge(Party::Parent, said(1)).unwrap();
        assert_eq!(goal.waits_for(&parties), [Party::HomeSchool]);
        assert_eq!(goal.standing().collect::<Vec<_>>(), [Party::Pupil, Party::Parent]);
    }

    #[test]
    fn new_words_are_acknowledged_anew_and_the_old_ones_stay_to_be_read() {
        let mut goal = goal();
        goal.acknowledge(Party::Pupil, said(1)).unwrap();
        goal.reword(wording("Keep up with science and maths", &[Party::HomeSchool], None)).unwrap();
        assert_eq!(goal.waits_for(&[Party::Pupil]), [Party::Pupil]);
        assert_eq!(goal.acknowledge(Party::Pupil, said(1)), Err(GoalRefusal::OtherWords), "of a page opened before");
        goal.acknowledge(Party::Pupil, said(2)).unwrap();
        assert!(goal.waits_for(&[Party::Pupil]).is_empty());
        assert_eq!(goal.wordings().len(), 2);
    }

    #[test]
    fn a_12_a_goal_is_coproduced_if_the_pupil_wrote_it_or_says_it() {
        assert!(goal().is_coproduced());
        let theirs = Goal::new(Family::Attendance, wording("Come every day", &[Party::HomeSchool], None)).unwrap();
        assert!(!theirs.is_coproduced() && !theirs.is_pupils());
        let mut stood_by = theirs;
        stood_by.acknowledge(Party::Pupil, said(1)).unwrap();
        assert!(!stood_by.is_coproduced() && stood_by.is_pupils() && stood_by.stands_by(Party::Pupil));
        assert!(Goal::new(Family::Own, wording("See friends", &[Party::Pupil, Party::Parent], None)).unwrap().is_coproduced());
    }

    #[test]
    fn a_13_a_goal_that_nobody_looks_at_is_late_until_it_is_finished() {
        let mut goal = goal();
        goal.review_on = Some(day("2026-11-10"));
        assert!(!goal.is_review_late(day("2026-11-10")));
        assert!(goal.is_review_late(day("2026-11-11")));
        let today = day("2026-11-11");
        assert_eq!(goal.look_again(today, today), Err(GoalRefusal::NoNextLook));
        goal.look_again(day("2026-12-11"), today).unwrap();
        assert!(!goal.is_review_late(today), "it was looked at");
        assert!(goal.is_review_late(day("2026-12-12")));
        let how = Words::new("Best mark of the class").unwrap();
        goal.finish(Became::Reached, how.clone(), day("2026-11-12")).unwrap();
        assert!(!goal.is_review_late(day("2026-12-24")));
        assert_eq!(goal.finish(Became::LetGo, how, day("2026-11-13")), Err(GoalRefusal::Finished));
        assert_eq!(goal.acknowledge(Party::Panel, said(1)), Err(GoalRefusal::Finished));
        assert_eq!(goal.reword(wording("More", &[Party::Pupil], None)), Err(GoalRefusal::Finished));
        assert_eq!(goal.look_again(day("2027-01-11"), today), Err(GoalRefusal::Finished));
        assert_eq!(goal.became().map(|(became, ..)| *became), Some(Became::Reached));
    }
}
