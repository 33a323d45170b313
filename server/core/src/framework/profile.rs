//! Strengths, needs and triggers in plain words; what is done about them; and what of it the receiving school is shown.
//!
//! A note is shared by choice, and unshared as easily. What is not shared is not in a [`SharedProfile`], so a page or a document for
//! another organisation cannot show it by mistake.
//!
//! Sources: `DOMAIN.md` F-2, F-3, F-6, A-17 (coping strategies), L-7 (adjustments).

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::Area;
use crate::party::Party;
use crate::words::Words;

/// What a note is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trait {
    /// What the pupil is good at.
    Strength,
    /// What the pupil needs.
    Need,
    /// What makes things hard: "harder moments" on pages.
    Trigger,
    /// What the pupil does then, and others can do.
    Coping,
    /// A reasonable adjustment that everybody who teaches the pupil makes.
    Adjustment,
}

/// One line of a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What it is about.
    pub about: Trait,
    /// In plain words.
    pub words: Words,
    /// The pupil, or who speaks for the pupil, chose to share it; with the day.
    pub shared_on: Option<NaiveDate>,
}

/// What is done at the root of something (F-3). It names the areas that it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intervention {
    /// What is done.
    pub what: Words,
    areas: BTreeSet<Area>,
    /// Who does it.
    pub owner: Party,
    /// First day.
    pub from: NaiveDate,
    /// Last day, if there is one.
    pub until: Option<NaiveDate>,
}

/// It is for no area.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("say which area this is meant to help: choose at least one")]
pub struct NoArea;

impl Intervention {
    /// An intervention for one area or more.
    ///
    /// # Errors
    /// It names no area.
    pub fn new(
        what: Words,
        areas: BTreeSet<Area>,
        owner: Party,
        from: NaiveDate,
        until: Option<NaiveDate>,
    ) -> Result<Self, NoArea> {
        if areas.is_empty() { Err(NoArea) } else { Ok(Self { what, areas, owner, from, until }) }
    }

    /// What it is for.
    #[must_use]
    pub fn areas(&self) -> &BTreeSet<Area> {
        &self.areas
    }

    /// Whether it goes on that day.
    #[must_use]
    pub fn is_on(&self, day: NaiveDate) -> bool {
        self.from <= day && self.until.is_none_or(|until| day <= until)
    }
}

/// Everything noted about a pupil.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Its lines, in the order in which people want to read them.
    pub notes: Vec<Note>,
    /// What is done.
    pub interventions: Vec<Intervention>,
}

/// What another organisation may read: one page, in plain words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedProfile {
    notes: Vec<Note>,
    interventions: Vec<Intervention>,
}

impl Profile {
    /// What is shared, as it is on `today`; interventions only if they go on.
    #[must_use]
    pub fn shared(&self, today: NaiveDate) -> SharedProfile {
        let is_shared = |note: &&Note| note.shared_on.is_some_and(|on| on <= today);
        SharedProfile {
            notes: self.notes.iter().filter(is_shared).cloned().collect(),
            interventions: self.interventions.iter().filter(|one| one.is_on(today)).cloned().collect(),
        }
    }
}

impl SharedProfile {
    /// The lines about something.
    pub fn about(&self, about: Trait) -> impl Iterator<Item = &Words> {
        self.notes.iter().filter(move |note| note.about == about).map(|note| &note.words)
    }

    /// What is being done.
    #[must_use]
    pub fn interventions(&self) -> &[Intervention] {
        &self.interventions
    }

    /// Nothing is shared.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.notes.is_empty() && self.interventions.is_empty()
    }
}
