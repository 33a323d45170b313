//! The AP Framework: five domains, eighteen areas, looked at by several voices, over time.
//!
//! **There is no score.** The framework gives no scale, so each organisation configures its own ([`Scale`]), and the areas are
//! different things: a step in "resilience" and a step in "communication" have no common unit. So nothing here adds, averages, ranks
//! or totals, and the types do not let anybody do it later: a [`Level`] is no number, has no order of its own and no arithmetic, and an
//! [`Assessment`] has no method that gives one thing for all areas (`DOMAIN.md` F-5, N5).
//!
//! ```compile_fail
//! fn total(levels: Vec<server_core::framework::Level>) -> u32 { levels.into_iter().sum() }
//! ```
//!
//! ```compile_fail
//! fn number(level: server_core::framework::Level) -> u8 { level.into() }
//! ```
//!
//! ```compile_fail
//! fn best(a: server_core::framework::Level, b: server_core::framework::Level) -> bool { a > b }
//! ```
//!
//! ```compile_fail
//! fn score(a: &server_core::framework::Assessment) -> f64 { a.score() }
//! ```
//!
//! What can be asked is whether *one area*, in *one voice*, on *one scale*, moved forward or back between two days. A step back is news,
//! not a fault. For a drawing there is [`Level::along`], which places a level on a line of its own area.
//!
//! Sources: "Alternative Provision Framework" (F-1 … F-8), A-12, A-14.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::party::PersonId;
use crate::policy::Code;
use crate::words::Words;

mod areas;
mod profile;
mod series;

pub use self::areas::{Area, Domain};
pub use self::profile::{Intervention, NoArea, Note, Profile, SharedProfile, Trait};
pub use self::series::{Moved, Point, Series};

/// Who looks. Voices stand beside one another; none corrects another (A-14).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Voice {
    /// The pupil.
    Pupil,
    /// Staff of the provider or the school.
    Staff,
    /// A parent or carer.
    Parent,
}

impl Voice {
    /// Every voice.
    pub const ALL: [Self; 3] = [Self::Pupil, Self::Staff, Self::Parent];

    /// As pages say it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Pupil => "the pupil",
            Self::Staff => "staff",
            Self::Parent => "a parent or carer",
        }
    }
}

/// Which scale, in which version. A scale is never changed; a new version is a new scale.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScaleKey {
    /// Its code.
    pub id: Code,
    /// Its version.
    pub version: u16,
}

/// An organisation's own steps, from the first to the last, in words (F-8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scale {
    key: ScaleKey,
    title: String,
    steps: Vec<String>,
}

/// The steps make no scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAScale {
    /// One step says nothing, and more than ten cannot be told apart.
    #[error("a scale has 2 to 10 steps")]
    Steps,
    /// A step without words, or a number in place of words.
    #[error("each step needs its own words, such as \"with help\": a number alone says nothing to a reader")]
    Words,
}

/// A step of a scale. Not a number: see the module's first words.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Level {
    scale: ScaleKey,
    step: u8,
}

impl Scale {
    /// A scale from its words, in order.
    ///
    /// # Errors
    /// Too few steps, too many, or steps without words of their own.
    pub fn new(key: ScaleKey, title: &str, steps: &[&str]) -> Result<Self, NotAScale> {
        if !(2..=10).contains(&steps.len()) {
            return Err(NotAScale::Steps);
        }
        let steps: Vec<String> = steps.iter().map(|step| step.trim().to_owned()).collect();
        let different: BTreeSet<_> = steps.iter().map(|step| step.to_lowercase()).collect();
        if different.len() != steps.len() || steps.iter().any(|step| !step.chars().any(char::is_alphabetic)) {
            return Err(NotAScale::Words);
        }
        Ok(Self { key, title: title.trim().to_owned(), steps })
    }

    /// A plain scale for those who have none of their own yet.
    ///
    /// # Panics
    /// Never: its steps are words.
    #[must_use]
    pub fn plain() -> Self {
        let key = ScaleKey { id: Code::new("plain").expect("that is a code"), version: 1 };
        Self::new(key, "Four plain steps", &["Just starting", "With help", "Mostly alone", "Settled"]).expect("four words")
    }

    /// Which.
    #[must_use]
    pub fn key(&self) -> &ScaleKey {
        &self.key
    }

    /// As pages say it: "Orchard four steps".
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The steps in words.
    #[must_use]
    pub fn steps(&self) -> &[String] {
        &self.steps
    }

    /// The step with these words.
    #[must_use]
    pub fn level(&self, words: &str) -> Option<Level> {
        let step = self.steps.iter().position(|step| step.eq_ignore_ascii_case(words.trim()))?;
        Some(Level { scale: self.key.clone(), step: u8::try_from(step).ok()? })
    }

    /// The words of a level; `None` if it is of another scale.
    #[must_use]
    pub fn words(&self, level: &Level) -> Option<&str> {
        if level.scale != self.key {
            return None;
        }
        self.steps.get(usize::from(level.step)).map(String::as_str)
    }
}

impl Level {
    /// Of which scale.
    #[must_use]
    pub fn scale(&self) -> &ScaleKey {
        &self.scale
    }

    /// Where to draw it on a line from `left` to `right`, in whatever unit they are. For pictures only: lines of two areas are not
    /// one line. `None` if it is of another scale.
    #[must_use]
    pub fn along(&self, scale: &Scale, left: f32, right: f32) -> Option<f32> {
        scale.words(self)?;
        let last = f32::from(u8::try_from(scale.steps.len()).ok()?.saturating_sub(1).max(1));
        Some(left + (right - left) * f32::from(self.step) / last)
    }
}

/// One look at a pupil: on a day, by one voice, on one scale, at as many of the areas as it wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// When.
    pub on: NaiveDate,
    /// In whose voice.
    pub voice: Voice,
    /// Who wrote it down: with a pupil, often the key worker.
    pub by: PersonId,
    looks: BTreeMap<Area, Level>,
    notes: BTreeMap<Area, Words>,
    scale: ScaleKey,
}

/// A look that cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotALook {
    /// A step of another scale.
    #[error("one step is of another scale: a look uses one scale, in one version")]
    OtherScale,
    /// No area at all.
    #[error("choose a step for one area at least")]
    Empty,
    /// A note on an area that was not looked at.
    #[error("one note is about an area without a step: choose one, or leave the note out")]
    NoteAlone,
}

impl Assessment {
    /// A look. Areas may be left out: nobody has to see everything.
    ///
    /// # Errors
    /// It is empty, mixes scales, or has a note without a step.
    pub fn new(
        on: NaiveDate,
        voice: Voice,
        by: PersonId,
        scale: &Scale,
        looks: BTreeMap<Area, Level>,
        notes: BTreeMap<Area, Words>,
    ) -> Result<Self, NotALook> {
        if looks.is_empty() {
            return Err(NotALook::Empty);
        }
        if looks.values().any(|level| scale.words(level).is_none()) {
            return Err(NotALook::OtherScale);
        }
        if notes.keys().any(|area| !looks.contains_key(area)) {
            return Err(NotALook::NoteAlone);
        }
        Ok(Self { on, voice, by, looks, notes, scale: scale.key.clone() })
    }

    /// The step of an area.
    #[must_use]
    pub fn level(&self, area: Area) -> Option<&Level> {
        self.looks.get(&area)
    }

    /// What was written about an area.
    #[must_use]
    pub fn note(&self, area: Area) -> Option<&Words> {
        self.notes.get(&area)
    }

    /// The areas that were looked at, in the framework's order.
    pub fn areas(&self) -> impl Iterator<Item = Area> {
        self.looks.keys().copied()
    }

    /// On which scale.
    #[must_use]
    pub fn scale(&self) -> &ScaleKey {
        &self.scale
    }
}

#[cfg(test)]
mod tests;
