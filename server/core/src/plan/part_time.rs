//! A part-time arrangement: for a time, agreed with the parent, reviewed, and not a means of managing behaviour.
//!
//! Which mark the school uses for the sessions in between is the school's matter and is not here.
//!
//! Sources: `DOMAIN.md` D4, D5 (guidance on attendance; authorities' pages on part-time timetables).

use std::collections::BTreeSet;

use chrono::NaiveDate;

use crate::coded::coded;
use crate::party::PersonId;

coded! {
    /// Why a pupil is at school for part of the time.
    PartTimeReason {
        /// Health.
        Health = "health",
        /// A step of a return.
        Return = "return",
        /// A need that the school cannot yet meet all day.
        Need = "need",
        /// Behaviour. Never the only reason.
        Behaviour = "behaviour",
    }
}

/// An arrangement that may be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartTime {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub until: NaiveDate,
    /// Why.
    pub reasons: BTreeSet<PartTimeReason>,
    /// The parent with whom the pupil lives, who agreed.
    pub agreed_by: PersonId,
    /// When it is looked at.
    pub reviews: Vec<NaiveDate>,
}

/// Why it may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotPartTime {
    /// Nobody gave a reason.
    #[error("say why the pupil is at school for part of the time only")]
    NoReason,
    /// Behaviour alone.
    #[error("behaviour alone is no reason for part-time: use the school's support or the panel instead")]
    BehaviourAlone,
    /// It ends before it begins.
    #[error("the last day lies before the first: choose a day on which it ends")]
    NoEnd,
    /// No review on a day of it.
    #[error("choose at least one day between the first and the last on which it is looked at")]
    NoReview,
}

impl PartTime {
    /// Checks what can be checked.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check(&self) -> Result<(), NotPartTime> {
        if self.reasons.is_empty() {
            return Err(NotPartTime::NoReason);
        }
        if self.reasons.iter().all(|reason| *reason == PartTimeReason::Behaviour) {
            return Err(NotPartTime::BehaviourAlone);
        }
        if self.until < self.from {
            return Err(NotPartTime::NoEnd);
        }
        let has_review = self.reviews.iter().any(|day| (self.from..=self.until).contains(day));
        if has_review { Ok(()) } else { Err(NotPartTime::NoReview) }
    }
}
