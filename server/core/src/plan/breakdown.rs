//! A serious breakdown: which kind, whether a meeting comes first, and who must be told.
//!
//! The program ends nothing and tells nobody. It keeps a list of who is owed a word until a person says that it was given.
//!
//! Source: `DOMAIN.md` H-19 (Havering, "Serious breakdown"), N6.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::refusal::Refusal;
use crate::party::{Party, PersonId};
use crate::policy::{Code, Pack};
use crate::words::Words;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breakdown {
    /// When.
    pub on: NaiveDate,
    /// One or more of the pack's categories.
    pub categories: BTreeSet<Code>,
    /// In the words of who wrote it down.
    pub what: Words,
    /// Who decided.
    pub decided_by: PersonId,
    /// Who was told, by whom and when.
    pub told: Vec<(Party, PersonId, NaiveDate)>,
}

impl Breakdown {
    pub(super) fn check(&self, pack: &Pack) -> Result<(), Refusal> {
        if self.categories.is_empty() {
            return Err(Refusal::NoCategory);
        }
        let known = self.categories.iter().all(|code| pack.has_code("breakdown", code));
        if known { Ok(()) } else { Err(Refusal::UnknownCode("kind of breakdown")) }
    }
}

/// A word that is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owed {
    /// To whom.
    pub to: Party,
    /// Since when.
    pub since: NaiveDate,
    /// When it was given. A day before the breakdown is not accepted as one.
    pub told: Option<NaiveDate>,
}

/// Everybody who must be told of a breakdown, in the order of the policy.
#[must_use]
pub fn owed(pack: &Pack, breakdown: &Breakdown) -> Vec<Owed> {
    let told =
        |to| breakdown.told.iter().filter(|(party, _, on)| *party == to && *on >= breakdown.on).map(|(_, _, on)| *on).min();
    pack.breakdown.notify.iter().map(|to| Owed { to: *to, since: breakdown.on, told: told(*to) }).collect()
}
