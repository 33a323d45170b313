//! Why a plan cannot be changed in this way now, and what to do. One sentence each, for the person who tried.

use super::{MAX_MORE_WEEKS, Revision};
use crate::party::{Party, listed};
use crate::policy::{Code, Pack};

/// Something that should be so before the pupil begins at school.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gate {
    /// Stage 1 says that the pupil is on track (H-24).
    Readiness,
    /// A planning meeting that counts was held (H-26).
    Meeting,
    /// An item of the lists before the first day (H-4, H-12).
    Item(Code),
    /// An action before the transition (H-27).
    Action(Code),
}

impl Gate {
    /// As the history keeps it, as in `item.welcome`.
    #[must_use]
    pub fn code(&self) -> String {
        match self {
            Self::Readiness => "readiness".to_owned(),
            Self::Meeting => "meeting".to_owned(),
            Self::Item(code) => format!("item.{code}"),
            Self::Action(code) => format!("action.{code}"),
        }
    }

    /// Reads [`Gate::code`], and what histories held until November 2026, as in `Item(Code("welcome"))`.
    #[must_use]
    pub fn from_code(text: &str) -> Option<Self> {
        let (kind, code) = match text.split_once('.') {
            Some((kind, code)) => (kind, code),
            None => match text.split_once("(Code(\"") {
                Some((kind, code)) => (kind, code.strip_suffix("\"))")?),
                None => (text, ""),
            },
        };
        match (kind.to_ascii_lowercase().as_str(), Code::new(code)) {
            ("readiness", None) => Some(Self::Readiness),
            ("meeting", None) => Some(Self::Meeting),
            ("item", Some(code)) => Some(Self::Item(code)),
            ("action", Some(code)) => Some(Self::Action(code)),
            _ => None,
        }
    }

    /// What is open, in the pack's words.
    #[must_use]
    pub fn words(&self, pack: &Pack) -> String {
        match self {
            Self::Readiness => "Stage 1 does not yet say that the pupil is on track.".to_owned(),
            Self::Meeting => "No planning meeting has been held that counts.".to_owned(),
            Self::Item(item) => {
                let lists = ["start-gate", "prerequisites"].into_iter().flat_map(|list| pack.list(list));
                let words = lists.into_iter().find(|(code, _)| code == item).map_or("An item", |(_, words)| words.as_str());
                format!("Not ticked: {words}.")
            }
            Self::Action(id) => {
                let title = pack.actions.iter().find(|rule| rule.id == *id).map_or("An action", |rule| rule.title.as_str());
                format!("Not settled: {}", sentence(title))
            }
        }
    }
}

fn sentence(title: &str) -> String {
    if title.ends_with(['?', '.']) { title.to_owned() } else { format!("{title}.") }
}

/// A change that is not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Another version of the rules was used.
    #[error("this plan was begun with another policy pack: load that one")]
    OtherPack,
    /// Somebody else changed the plan.
    #[error("somebody else has changed the plan since you opened it: look at what is new, then decide")]
    ChangedMeanwhile {
        /// The revision that it has now.
        now: Revision,
    },
    /// It has ended.
    #[error("this plan is closed: begin a new one if the pupil needs it again")]
    Closed,
    /// It holds as much as a plan may.
    #[error("this plan is full: close it, and go on with a new one")]
    Full,
    /// It is a draft.
    #[error("this plan is a draft: open it first")]
    NotOpen,
    /// It is no draft.
    #[error("this plan is open already")]
    AlreadyOpen,
    /// It is no draft, and what was agreed stays.
    #[error("this plan is agreed: what it began with stays; close it and begin another if that is no longer right")]
    NotADraft,
    /// Nobody consents, or whoever did no longer does.
    #[error("nobody has consented who may: talk with the parent or carer, and write down who agreed, when and how")]
    NoConsent,
    /// This party has no say in it.
    #[error("this is not for {} to say: ask those whom the policy names", listed(&[*.0]))]
    NotTheirs(Party),
    /// The pack does not have this code.
    #[error("the policy does not know this {0}: choose one from the list")]
    UnknownCode(&'static str),
    /// A day where a number is asked for, or the like.
    #[error("this field takes another kind of answer")]
    WrongKind,
    /// The plan's clock does not have it.
    #[error("the plan has no such week: choose one that its clock has, or give the plan more time first")]
    NoSuchWeek,
    /// It was given more time than a plan may have.
    #[error("a plan is made longer by {MAX_MORE_WEEKS} weeks at most: close it, and go on with a new one")]
    TooLong,
    /// Gates are open.
    #[error("the return cannot begin yet: {} still open; settle them, or give a reason for each", open(.0))]
    GatesOpen(Vec<Gate>),
    /// The pupil is at school already.
    #[error("the return has begun already: set the week pattern instead")]
    AlreadyBegun,
    /// The pupil is not at school yet.
    #[error("the pupil has not begun at school: begin the return first")]
    NotBegun,
    /// A "no" or "partly" without the rest.
    #[error("one answer is \"partly\" or \"not this time\": say what got in the way, and what would help")]
    SayWhy,
    /// Not all questions, or others.
    #[error("the questions of this week are not all answered")]
    QuestionsOpen,
    /// A review without the next one.
    #[error("say when the next review is: a later day than this one, unless the plan is to be closed")]
    NoNextReview,
    /// A step without a reason.
    #[error("say why the plan goes a step up or down")]
    WhyAStep,
    /// A serious breakdown without a category.
    #[error("say which kind of breakdown it was: choose at least one from the list")]
    NoCategory,
    /// The policy wants a meeting.
    #[error("the policy asks for a meeting before the plan ends: hold it, and write down who was there")]
    MeetFirst,
    /// It did not succeed.
    #[error("a breakdown is not a success: choose how it ended")]
    NotASuccess,
    /// Signatures are missing.
    #[error("success needs the word of {}: ask them, then close the plan", listed(.0))]
    NotSigned(Vec<Party>),
    /// Support would end before the plan.
    #[error("support ends before the plan does: choose a later day, or leave it open")]
    SupportTooShort,
}

fn open(gates: &[Gate]) -> String {
    if gates.len() == 1 { "one thing is".to_owned() } else { format!("{} things are", gates.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_says_what_to_do_and_names_nobody() {
        let all = [
            Refusal::Closed,
            Refusal::NotOpen,
            Refusal::NoConsent,
            Refusal::NotTheirs(Party::Panel),
            Refusal::GatesOpen(vec![Gate::Readiness, Gate::Meeting]),
            Refusal::NotSigned(vec![Party::HomeSchool, Party::ReceivingSchool]),
            Refusal::MeetFirst,
            Refusal::NotADraft,
            Refusal::TooLong,
        ];
        for refusal in all {
            let said = refusal.to_string();
            assert!(said.contains(": ") || said.contains("; ") || said.contains(", "), "{said}");
        }
        let two = Refusal::GatesOpen(vec![Gate::Readiness, Gate::Meeting]).to_string();
        assert_eq!(two, "the return cannot begin yet: 2 things are still open; settle them, or give a reason for each");
    }
}
