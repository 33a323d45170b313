//! Goals, looks at the framework, profiles, scales, costs and part-time arrangements ↔ JSON, one text each.
//!
//! A level is kept as the words of its step: it is no number here either. To read it, its scale is needed; scales never change.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde_json::Value;
use server_core::cost::{CostLine, CostTable, Pence, Ratio};
use server_core::framework::{Area, Assessment, Intervention, Note, Profile, Scale, ScaleKey, Trait, Voice};
use server_core::goal::{Acknowledgement, Became, Goal, GoalParts, Wording};
use server_core::party::Party;
use server_core::plan::{Breakdown, PartTime, PartTimeReason};
use server_core::register::PupilPlace;
use server_core::sharing::{Document, Section};
use server_core::words::Words;

use super::{Kept, kept, kept_as, kept_by_code, read_text};

kept_by_code!(Area, Became, Document, PartTimeReason, PupilPlace, Section);
kept_as!(Voice { Pupil = "pupil", Staff = "staff", Parent = "parent" });
kept_as!(Trait {
    Strength = "strength",
    Need = "need",
    Trigger = "trigger",
    Coping = "coping",
    Adjustment = "adjustment",
});
kept!(Acknowledgement { who, on, wording });
kept!(Wording { words, pupil_words, authors, on });
kept!(GoalParts { family, wordings, acknowledged, review_on, became });
kept!(ScaleKey { id, version });
kept!(Note { about, words, shared_on });
kept!(Profile { notes, interventions });
kept!(PartTime { from, until, reasons, agreed_by, reviews });
kept!(Breakdown { on, categories, what, decided_by, told });
kept!(Ratio { adults, pupils });
kept!(CostLine { line, setting, current, ratio, transition, mainstream });

impl Kept for u8 {
    fn keep(&self) -> Value {
        (*self).into()
    }

    fn read(value: &Value) -> Option<Self> {
        Self::try_from(value.as_u64()?).ok()
    }
}

impl Kept for Pence {
    fn keep(&self) -> Value {
        self.get().into()
    }

    fn read(value: &Value) -> Option<Self> {
        Self::new(value.as_i64()?).ok()
    }
}

impl Kept for Intervention {
    fn keep(&self) -> Value {
        let areas: Value = self.areas().iter().map(Kept::keep).collect();
        Value::Array(vec![self.what.keep(), areas, self.owner.keep(), self.from.keep(), self.until.keep()])
    }

    fn read(value: &Value) -> Option<Self> {
        let [what, areas, owner, from, until] = value.as_array()?.as_slice() else { return None };
        Self::new(Kept::read(what)?, Kept::read(areas)?, Kept::read(owner)?, Kept::read(from)?, Kept::read(until)?).ok()
    }
}

/// A goal as the store keeps it.
#[must_use]
pub fn written_goal(goal: &Goal) -> String {
    goal.parts().keep().to_string()
}

/// The same read back.
#[must_use]
pub fn read_goal(text: &str) -> Option<Goal> {
    Goal::from_parts(read_text(text)?).ok()
}

/// A profile as the store keeps it.
#[must_use]
pub fn written_profile(profile: &Profile) -> String {
    profile.keep().to_string()
}

/// The same read back.
#[must_use]
pub fn read_profile(text: &str) -> Option<Profile> {
    read_text(text)
}

/// A part-time arrangement as the store keeps it.
#[must_use]
pub fn written_part_time(arrangement: &PartTime) -> String {
    arrangement.keep().to_string()
}

/// The same read back; one that may not be made is not readable either.
#[must_use]
pub fn read_part_time(text: &str) -> Option<PartTime> {
    read_text(text).filter(|arrangement: &PartTime| arrangement.check().is_ok())
}

/// A serious breakdown as the store keeps it.
#[must_use]
pub fn written_breakdown(breakdown: &Breakdown) -> String {
    breakdown.keep().to_string()
}

/// The same read back.
#[must_use]
pub fn read_breakdown(text: &str) -> Option<Breakdown> {
    read_text(text)
}

/// A declared place, from a day on, as the store keeps it.
#[must_use]
pub fn written_place(place: PupilPlace, from: NaiveDate) -> String {
    (place, from).keep().to_string()
}

/// The same read back.
#[must_use]
pub fn read_place(text: &str) -> Option<(PupilPlace, NaiveDate)> {
    read_text(text)
}

/// What was given to whom, with what in it, as the store keeps it.
#[must_use]
pub fn written_share(document: Document, to: Party, sections: &[Section]) -> String {
    (document, to, sections.to_vec()).keep().to_string()
}

/// The same read back.
#[must_use]
pub fn read_share(text: &str) -> Option<(Document, Party, Vec<Section>)> {
    read_text(text)
}

/// A scale as the store keeps it.
#[must_use]
pub fn written_scale(scale: &Scale) -> String {
    (scale.key().clone(), scale.title().to_owned(), scale.steps().to_vec()).keep().to_string()
}

/// The same read back.
#[must_use]
pub fn read_scale(text: &str) -> Option<Scale> {
    let (key, title, steps): (ScaleKey, String, Vec<String>) = read_text(text)?;
    Scale::new(key, &title, &steps.iter().map(String::as_str).collect::<Vec<_>>()).ok()
}

/// A table of costs as the store keeps it.
#[must_use]
pub fn written_costs(table: &CostTable) -> String {
    (table.weeks(), table.lines().to_vec()).keep().to_string()
}

/// The same read back.
#[must_use]
pub fn read_costs(text: &str) -> Option<CostTable> {
    let (weeks, lines) = read_text(text)?;
    CostTable::new(lines, weeks).ok()
}

/// A look as the store keeps it; `None` if `scale` is not the look's.
#[must_use]
pub fn written_assessment(look: &Assessment, scale: &Scale) -> Option<String> {
    let steps: Option<BTreeMap<Area, String>> =
        look.areas().map(|area| Some((area, scale.words(look.level(area)?)?.to_owned()))).collect();
    let notes: BTreeMap<Area, Words> = look.areas().filter_map(|area| Some((area, look.note(area)?.clone()))).collect();
    let head = (look.on, look.voice, look.by).keep();
    Some(Value::Array(vec![look.scale().keep(), head, steps?.keep(), notes.keep()]).to_string())
}

/// The same read back, with the one of `scales` that it was made on.
#[must_use]
pub fn read_assessment(text: &str, scales: &[Scale]) -> Option<Assessment> {
    let value: Value = serde_json::from_str(text).ok()?;
    let [key, head, steps, notes] = value.as_array()?.as_slice() else { return None };
    let key = ScaleKey::read(key)?;
    let scale = scales.iter().find(|scale| *scale.key() == key)?;
    let (on, voice, by) = Kept::read(head)?;
    let steps: BTreeMap<Area, String> = Kept::read(steps)?;
    let looks: Option<BTreeMap<_, _>> = steps.into_iter().map(|(area, words)| Some((area, scale.level(&words)?))).collect();
    Assessment::new(on, voice, by, scale, looks?, Kept::read(notes)?).ok()
}
