//! A review: a dated look at a plan with those whom it is about, and what comes of it.
//!
//! Sources: `DOMAIN.md` H-3 (three families of targets), H-5, H-15 (with parents and pupil), A-13, D4; `STYLE.md` glossary, "review".

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::refusal::Refusal;
use super::{How, Went};
use crate::coded::coded;
use crate::goal::Family;
use crate::party::Party;
use crate::policy::Code;
use crate::words::Words;

coded! {
    /// What comes of a review.
    ReviewOutcome {
        /// On as before.
        Continue = "continue",
        /// More half-days on site, or another step on.
        StepUp = "step-up",
        /// Fewer for a while. A step down is a decision, not a defeat.
        StepDown = "step-down",
        /// The plan may be closed.
        Close = "close",
    }
}

/// A review that was held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// When.
    pub on: NaiveDate,
    /// The rule that asked for it, and its week, if one did.
    pub asked_by: Option<(Code, Option<u16>)>,
    /// Who was there.
    pub present: BTreeMap<Party, How>,
    /// What was said about each family of targets.
    pub targets: BTreeMap<Family, Words>,
    /// The pupil's worries, and what was said to them (H-5).
    pub worries: Option<Words>,
    /// Does the pupil feel supported? In the pupil's own judgement.
    pub is_supported: Option<Went>,
    /// What the pupil says.
    pub pupil_says: Option<Words>,
    /// What was answered to the question on the robot: bridge, or place?
    pub about_robot: Option<Words>,
    /// What comes of it.
    pub outcome: ReviewOutcome,
    /// Why it goes a step up or down.
    pub why: Option<Words>,
    /// The next one.
    pub next_on: Option<NaiveDate>,
}

impl Review {
    /// Those whom reviews are for and who were not there (H-15). It is said, not refused: a child may be too ill to come.
    #[must_use]
    pub fn absent(&self) -> Vec<Party> {
        [Party::Pupil, Party::Parent].into_iter().filter(|party| !self.present.contains_key(party)).collect()
    }

    pub(super) fn check(&self) -> Result<(), Refusal> {
        if self.outcome != ReviewOutcome::Close && self.next_on.is_none_or(|next| next <= self.on) {
            return Err(Refusal::NoNextReview);
        }
        let is_step = matches!(self.outcome, ReviewOutcome::StepUp | ReviewOutcome::StepDown);
        if is_step && self.why.is_none() { Err(Refusal::WhyAStep) } else { Ok(()) }
    }
}
