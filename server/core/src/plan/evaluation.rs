//! Looking back on a week: the pack's questions, what the school states about attendance, and the engagement record beside it.
//!
//! The two stand side by side and are never one number: [`Stated`] is text that somebody stands for, [`EngagementBeside`] is minutes
//! with its own label, and nothing adds or compares them (`DOMAIN.md` N2).
//!
//! Sources: `DOMAIN.md` H-29, H-5, H-15 (Havering, stage 4), A-12.

use chrono::NaiveDate;
use protocol::Minutes;

use super::refusal::Refusal;
use super::{ReintegrationPlan, Stated};
use crate::attendance::{Account, AttendanceMinutes, Length};
use crate::policy::{Code, Pack};
use crate::words::Words;

/// The heading under which minutes are shown, here and on every export.
pub const ENGAGEMENT_LABEL: &str = "Engagement record, not the register";

/// How a week's question was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Went {
    /// Yes.
    Yes,
    /// Partly.
    Partly,
    /// Not this time.
    NotThisTime,
}

/// An answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Which question.
    pub question: Code,
    /// How it went.
    pub went: Went,
    /// What got in the way, and what would help. Asked after anything but "yes".
    pub why: Option<Words>,
    /// The form's column "comments".
    pub comment: Option<Words>,
    /// The form's column "actions".
    pub action: Option<Words>,
}

/// Live minutes of a week, beside what the school states. Filled in by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngagementBeside {
    /// In lessons that the plan expected the pupil in.
    pub expected: Minutes,
    /// Live in lessons.
    pub in_lessons: Minutes,
    /// Live outside lessons, with friends. Kept apart.
    pub social: Minutes,
    /// What looked wrong about these minutes when they were filled in: a sentence a day, with its date. Names no pupil.
    pub odd: Vec<String>,
}

impl EngagementBeside {
    /// Of a week's accounts, day by day. A corrected length counts in place of the measured one. Rounded down once, at the end. Whoever
    /// has words for the anomalies of these days adds them.
    #[must_use]
    pub fn of<'a>(days: impl IntoIterator<Item = &'a Account>) -> Self {
        let (mut expected, mut in_lessons, mut social) = (Vec::new(), Vec::new(), Vec::new());
        for day in days {
            expected.push(day.in_lessons(|lesson| lesson.expected));
            in_lessons.push(day.in_lessons(AttendanceMinutes::counted));
            social.push(day.social_counted());
        }
        let sum = |lengths: Vec<Length>| Length::of_disjoint(lengths).minutes();
        Self { expected: sum(expected), in_lessons: sum(in_lessons), social: sum(social), odd: Vec::new() }
    }
}

/// One week, looked back upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// Of which clock.
    pub clock: Code,
    /// Which week.
    pub week: u16,
    /// When it was written.
    pub on: NaiveDate,
    /// One reply a question.
    pub replies: Vec<Reply>,
    /// Attendance, as the school states it.
    pub attendance: Option<Stated>,
    /// Punctuality, as the school states it.
    pub punctuality: Option<Stated>,
    /// Minutes with the robot, beside it.
    pub engagement: Option<EngagementBeside>,
    /// What the pupil says about the week.
    pub pupil_says: Option<Words>,
}

impl Evaluation {
    pub(super) fn check(&self, pack: &Pack, plan: &ReintegrationPlan) -> Result<(), Refusal> {
        let rule = plan.look_back(pack, &self.clock, self.week).ok_or(Refusal::NoSuchWeek)?;
        for question in &rule.questions {
            let mut replies = self.replies.iter().filter(|reply| reply.question == question.id);
            let (Some(reply), None) = (replies.next(), replies.next()) else { return Err(Refusal::QuestionsOpen) };
            if question.if_not.is_some() && reply.went != Went::Yes && reply.why.is_none() {
                return Err(Refusal::SayWhy);
            }
        }
        if self.replies.len() == rule.questions.len() { Ok(()) } else { Err(Refusal::QuestionsOpen) }
    }
}
