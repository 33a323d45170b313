//! Corrections by people: the last pure step, beside what was measured, never instead of it.
//!
//! A correction says how long it *was*, not how much to add. Facts that were on their way when it was made arrive later; added to
//! a sum they would count a second time, while a stated length stays true. It also can be repeated without harm. The latest one
//! of a lesson counts; none is ever changed or removed. A wrong one is taken back by another row without a length: the measured
//! length counts again.

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use super::spans::{length, total, union};
use super::{Account, Anomaly, Length, ms};
use crate::timetable::Lesson;

/// What a person said about how long a pupil took part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Correction {
    /// Key; made in the order of time, so it decides between two of the same instant.
    pub id: Uuid,
    /// Of what.
    pub target: Target,
    /// How long it was; `None` takes earlier corrections back.
    pub to: Option<Length>,
    /// When it was said.
    pub at: DateTime<Utc>,
}

/// What a correction is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// One lesson.
    Lesson {
        /// Its slot in the timetable.
        slot: Uuid,
        /// Its start.
        start: DateTime<Utc>,
    },
    /// The social time of a day.
    Social {
        /// The school's day.
        day: NaiveDate,
    },
}

/// A length as a person stated it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrected {
    /// How long: never longer than the lesson.
    pub length: Length,
    /// By which correction.
    pub by: Uuid,
}

/// Puts the corrections of one day beside what was measured. Order and repetition of `corrections` do not matter.
pub(super) fn correct(
    account: &mut Account,
    day: NaiveDate,
    bounds: (DateTime<Utc>, DateTime<Utc>),
    lessons: &[Lesson],
    corrections: &[Correction],
) {
    let in_force = |target: Target| {
        let of_it = corrections.iter().filter(|correction| correction.target == target);
        of_it.max_by_key(|correction| (correction.at, correction.id))
    };
    for (lesson, entry) in lessons.iter().zip(&mut account.lessons) {
        let target = Target::Lesson { slot: lesson.slot, start: lesson.start };
        entry.corrected = stated(in_force(target), length(ms(lesson.start), ms(lesson.end)));
    }
    let taken = union(lessons.iter().map(|lesson| (ms(lesson.start), ms(lesson.end))).collect());
    let free = length(ms(bounds.0), ms(bounds.1)).saturating_sub(total(&taken));
    account.social_corrected = stated(in_force(Target::Social { day }), free);
    for correction in corrections {
        let Target::Lesson { slot, start } = correction.target else { continue };
        let is_known = lessons.iter().any(|lesson| lesson.slot == slot && lesson.start == start);
        let counts = in_force(correction.target).is_some_and(|counts| counts.id == correction.id);
        let is_of_day = bounds.0 <= start && start < bounds.1;
        if !is_known && counts && correction.to.is_some() && is_of_day {
            account.anomalies.push(Anomaly::CorrectionOfNoLesson { correction: correction.id });
        }
    }
    account.anomalies.sort_unstable();
    account.anomalies.dedup();
}

fn stated(correction: Option<&Correction>, at_most: u64) -> Option<Corrected> {
    let correction = correction?;
    correction.to.map(|to| Corrected { length: to.min(Length(at_most)), by: correction.id })
}
