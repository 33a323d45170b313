//! Answers to the fields of a pack's form, barriers, and how complete each stage is.
//!
//! Attendance and punctuality are never worked out here. They are [`Stated`]: by a named person, or by a file of the school's own marks,
//! counted as they stand ([`week_told`](crate::register::week_told)). There is no way from minutes to one:
//!
//! ```compile_fail
//! let minutes = protocol::Minutes::floor_of_seconds(3600);
//! let stated: server_core::plan::Stated = minutes.into();
//! ```

use chrono::{DateTime, NaiveDate, Utc};

use super::ReintegrationPlan;
use crate::party::{OrganisationId, PersonId};
use crate::policy::{Code, Field, FieldKind, Pack};
use crate::words::Words;

/// An answer to a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Somebody's own words.
    Words(Words),
    /// Yes or no.
    YesNo(bool),
    /// A day.
    Day(NaiveDate),
    /// A number of weeks.
    Weeks(u16),
    /// A person.
    Person(PersonId),
    /// A school or provider.
    Organisation(OrganisationId),
    /// A school or provider that is not known here, by its name.
    Place(Words),
    /// A figure of the register, as the school states it.
    Stated(Stated),
}

impl Answer {
    /// Which kind of field it fits.
    #[must_use]
    pub fn kind(&self) -> FieldKind {
        match self {
            Self::Words(_) => FieldKind::Words,
            Self::YesNo(_) => FieldKind::YesNo,
            Self::Day(_) => FieldKind::Day,
            Self::Weeks(_) => FieldKind::Weeks,
            Self::Person(_) => FieldKind::Person,
            Self::Organisation(_) | Self::Place(_) => FieldKind::Organisation,
            Self::Stated(_) => FieldKind::Stated,
        }
    }
}

/// A figure of the school's register, as the school told it (H-23).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    /// As it was told: "86 %", "7 of 10 sessions".
    pub figure: Words,
    /// Who told it.
    pub source: StatedSource,
    /// For the time until this day.
    pub on: NaiveDate,
}

/// Who stands for a figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatedSource {
    /// A person, to whoever typed it.
    Person(PersonId),
    /// A file of the school's own system.
    Import {
        /// Which system.
        system: String,
        /// When it was read.
        at: DateTime<Utc>,
    },
}

/// Something that stands in the way of a return (H-24, R-1, R-3). Codes are neutral: they describe, they do not blame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Barrier {
    /// One of the pack's list.
    pub code: Code,
    /// Why it is one.
    pub why: Words,
    /// What would clear it.
    pub needed: Words,
    /// Weeks that this is thought to take.
    pub weeks: u16,
}

/// How complete a stage of the form is: a count of fields, and which are empty. It says nothing about the pupil.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Which stage; 0 is the head.
    pub stage: u16,
    /// Fields that must be answered, as things are.
    pub asked: usize,
    /// Those of them without an answer.
    pub missing: Vec<Code>,
}

impl Progress {
    /// Nothing is missing.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }
}

/// Stage by stage. Stage 3 is its actions and its meeting, stage 4 its weeks.
pub(super) fn progress(pack: &Pack, plan: &ReintegrationPlan) -> Vec<Progress> {
    let mut stages: Vec<Progress> = Vec::new();
    for stage in 0..=4 {
        let mut items: Vec<(Code, bool)> = pack
            .fields
            .iter()
            .filter(|field| field.stage == stage && field.required && applies(field, plan))
            .map(|field| (field.id.clone(), plan.answer(&field.id).is_some()))
            .collect();
        match stage {
            1 if plan.on_track(pack) == Some(false) => {
                items.extend(Code::new("barrier").map(|code| (code, !plan.barriers().is_empty())));
            }
            2 => items.extend(Code::new("week-pattern").map(|code| (code, plan.has_pattern()))),
            3 => {
                let held = plan.meetings().iter().any(|meeting| meeting.missing(&pack.meeting).is_empty());
                items.extend(Code::new("meeting").map(|code| (code, held)));
                items.extend(pack.actions.iter().map(|rule| (rule.id.clone(), plan.is_settled(pack, &rule.id))));
            }
            4 => items.extend(plan.look_backs(pack).into_iter().filter_map(|(week, rule)| {
                let code = Code::new(&format!("{}-week-{week}", rule.clock))?;
                Some((code, plan.evaluation(&rule.clock, week).is_some()))
            })),
            _ => {}
        }
        let missing = items.iter().filter(|(_, is_there)| !is_there).map(|(code, _)| code.clone()).collect();
        stages.push(Progress { stage, asked: items.len(), missing });
    }
    stages
}

/// A field that depends on another is asked only after that answer.
pub(super) fn applies(field: &Field, plan: &ReintegrationPlan) -> bool {
    field.only_if.as_ref().is_none_or(|(other, wanted)| plan.answer(other) == Some(&Answer::YesNo(*wanted)))
}
