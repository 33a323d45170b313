//! Changes in words: each sheet is laid out line by line, before and after, and the lines that differ are told.
//!
//! What cannot be read any more is told as such: a history leaves nothing out, and does not fail.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use chrono::NaiveDate;
use server_core::cost::CostTable;
use server_core::framework::{Scale, Trait};
use server_core::goal::Goal;
use server_core::party::{Party, PersonId, listed};
use server_core::policy::{Code, Event, Pack};
use store::changes::{ChangeOf, ChangeRow};
use store::kept;
use store::placements::PlacementRow;
use uuid::Uuid;

use crate::api::ApiError;
use crate::api::scope::Scope;
use crate::web::goals::{ENDS, FAMILIES};
use crate::web::growth::{self, TRAITS, VOICES};
use crate::web::part_time;
use crate::web::plan::Names;
use crate::web::register::place_words;
use crate::web::view;
use crate::{AppState, cases};

/// What holds of a limit before anybody says otherwise.
const AS_POLICY: &str = "as the policy says";
/// A goal is named by so many letters of its words.
const NAMED_BY: usize = 60;

/// One field: before and after, in words.
#[derive(Debug, PartialEq, Eq)]
pub struct Side {
    pub title: String,
    pub from: Option<String>,
    pub to: Option<String>,
}

/// What a sheet says, line by line; no two lines have one label.
type Lines = Vec<(String, String)>;

/// What identifiers and codes mean.
pub struct Told {
    names: Names,
    /// Robots and colleagues beside those whom the case names.
    others: BTreeMap<String, String>,
    scales: Vec<Scale>,
    pack: Option<&'static Pack>,
    /// Limits that no policy names, by code.
    limits: BTreeMap<Code, String>,
}

impl Told {
    /// For these changes.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn of(
        state: &AppState,
        scope: &Scope,
        placement: &PlacementRow,
        changes: &[ChangeRow],
    ) -> Result<Self, ApiError> {
        let mut others = BTreeMap::new();
        for change in changes.iter().filter(|change| change.of == ChangeOf::Field) {
            for text in [&change.from_text, &change.to_text].into_iter().flatten() {
                let Ok(id) = text.parse::<Uuid>() else { continue };
                let name = match change.what.as_str() {
                    "placement.robot" => state.store.robot(id).await?.map(|robot| robot.name),
                    "placement.key-worker" => state.store.staff_name(id).await?,
                    _ => None,
                };
                others.extend(name.map(|name| (text.clone(), name)));
            }
        }
        // Whoever says something need have no part in the case.
        let mut sayers: Vec<Uuid> = Vec::new();
        for change in changes {
            sayers.extend([change.from_by, change.to_by].into_iter().flatten().map(|person| person.0));
        }
        for id in sayers {
            if let Entry::Vacant(unknown) = others.entry(id.to_string())
                && let Some(name) = state.store.staff_name(id).await?
            {
                unknown.insert(name);
            }
        }
        let pack = cases::newest_pack(&state.store, placement.placement_id).await?;
        let mut limits = BTreeMap::new();
        if changes.iter().any(|change| change.of == ChangeOf::Word && limit_title(pack, limit_of(&change.what).0).is_none()) {
            let now = state.clock.now().utc;
            let whole = cases::Whole::of(&state.store, placement, scope.parent_of(placement.school_id), now).await?;
            limits.extend(whole.schedule.due.into_iter().map(|due| (due.rule, due.title)));
        }
        Ok(Self {
            names: Names::of(state, scope, placement).await?,
            others,
            scales: growth::scales(state, scope, placement).await?,
            pack,
            limits,
        })
    }

    /// What differs, a field each.
    #[must_use]
    pub fn sides(&self, change: &ChangeRow) -> Vec<Side> {
        match change.of {
            ChangeOf::Sheet => self.sheet(change),
            ChangeOf::Event => {
                let title =
                    Event::from_code(&change.what).map_or_else(|| change.what.clone(), |event| event.words().to_owned());
                let day = |text: &Option<String>| text.as_deref().map(day_of);
                vec![Side { title, from: day(&change.from_text), to: day(&change.to_text) }]
            }
            ChangeOf::Field => {
                let side = |text: &Option<String>| text.as_deref().map(|text| self.field(&change.what, text));
                vec![Side { title: self.title(&change.what), from: side(&change.from_text), to: side(&change.to_text) }]
            }
            ChangeOf::Word => {
                let own = || change.to_text.as_deref().filter(|text| !text.starts_with("kept ")).map(|_| AS_POLICY.to_owned());
                let from = change.from_text.as_deref().map(word).or_else(own);
                vec![Side { title: self.limit(&change.what), from, to: change.to_text.as_deref().map(word) }]
            }
            ChangeOf::Half => {
                let side = |text: &Option<String>, by: Option<PersonId>| {
                    let words = if text.as_deref()? == "there" { "was there" } else { "was not there" };
                    Some(by.map_or_else(|| words.to_owned(), |by| format!("{words}, said by {}", self.name(by))))
                };
                let (from, to) = (side(&change.from_text, change.from_by), side(&change.to_text, change.to_by));
                vec![Side { title: half(&change.what), from, to }]
            }
        }
    }

    /// What a limit is called, from its rule and week.
    fn limit(&self, what: &str) -> String {
        let (rule, week) = limit_of(what);
        let own = || Code::new(rule).and_then(|rule| self.limits.get(&rule).cloned());
        let title = limit_title(self.pack, rule).or_else(own).unwrap_or_else(|| rule.to_owned());
        if week.is_empty() { title } else { format!("{title}, week {week}") }
    }

    fn name(&self, person: PersonId) -> String {
        self.others.get(&person.0.to_string()).cloned().unwrap_or_else(|| self.names.name(person))
    }

    fn title(&self, field: &str) -> String {
        match field.strip_prefix("reach.").and_then(|id| id.parse().ok()) {
            Some(person) => format!("How to reach {}", self.names.name(PersonId(person))),
            None => title(field),
        }
    }

    fn field(&self, field: &str, text: &str) -> String {
        match field {
            "placement.until" | "pupil.born" => day_of(text),
            "placement.robot" | "placement.key-worker" => {
                self.others.get(text).cloned().unwrap_or_else(|| "one that is not known here any more".to_owned())
            }
            _ if field.starts_with("part.") => {
                let (who, days) = text.split_once(',').unwrap_or((text, ""));
                let who = who.parse().map_or_else(|_| who.to_owned(), |id| self.names.name(PersonId(id)));
                let days: Vec<_> = days.split(' ').map(day_of).collect();
                if days.concat().is_empty() { who } else { format!("{who},{}", days.join(" ")) }
            }
            _ => text.to_owned(),
        }
    }

    fn sheet(&self, change: &ChangeRow) -> Vec<Side> {
        let read = |text: &Option<String>| match text.as_deref() {
            None => (String::new(), Lines::new()),
            Some(text) => self.lines(&change.what, text).unwrap_or_else(|| {
                (view::sentence(&change.what.replace('_', " ")), vec![(String::new(), "cannot be read any more".to_owned())])
            }),
        };
        let ((head_before, before), (head_after, after)) = (read(&change.from_text), read(&change.to_text));
        let head = if head_before.is_empty() { head_after } else { head_before };
        differing(&before, &after)
            .into_iter()
            .map(|side| {
                let title = if side.title.is_empty() { head.clone() } else { format!("{head}: {}", side.title) };
                Side { title, ..side }
            })
            .collect()
    }

    /// How a sheet is named, and its lines.
    fn lines(&self, kind: &str, text: &str) -> Option<(String, Lines)> {
        let line = |label: &str, text: String| (label.to_owned(), text);
        Some(match kind {
            "goal" => self.goal(&kept::read_goal(text)?),
            "assessment" => {
                let look = kept::read_assessment(text, &self.scales)?;
                let scale = self.scales.iter().find(|scale| scale.key() == look.scale())?;
                let voice = VOICES.iter().find(|(_, voice, _)| *voice == look.voice).map_or("", |(_, _, words)| words);
                let areas = look.areas().filter_map(|area| {
                    let note = look.note(area).map_or_else(String::new, |note| format!(". {}", note.expose()));
                    Some(line(area.words(), format!("{}{note}", scale.words(look.level(area)?)?)))
                });
                (format!("Look at the framework of {}, {}", view::full_date(look.on), lower(voice)), areas.collect())
            }
            "profile" => {
                let profile = kept::read_profile(text)?;
                let mut lines = Lines::new();
                for note in &profile.notes {
                    let about = TRAITS.iter().find(|(about, ..)| *about == note.about);
                    let about = about.map_or("", |(_, _, words): &(Trait, &str, &str)| words);
                    let shared = note.shared_on.map_or_else(
                        || "noted, not shared".to_owned(),
                        |day| format!("noted, shared from {}", view::full_date(day)),
                    );
                    lines.push((format!("{about}, “{}”", note.words.expose()), shared));
                }
                for one in &profile.interventions {
                    let until = one.until.map_or_else(String::new, |day| format!(" until {}", view::full_date(day)));
                    let text = format!("{}, from {}{until}", one.owner.words(), view::full_date(one.from));
                    lines.push((format!("what is done, “{}”", growth::intervention_words(one)), text));
                }
                ("What helps".to_owned(), lines)
            }
            "part_time" => {
                let one = kept::read_part_time(text)?;
                let lines = vec![
                    line("first day", view::full_date(one.from)),
                    line("last day", view::full_date(one.until)),
                    line("why", part_time::reasons(self.pack, &one)),
                    line("agreed by", self.names.name(one.agreed_by)),
                    line("looked at on", dates(&one.reviews)),
                ];
                ("Part-time arrangement".to_owned(), lines)
            }
            "place" => {
                let (place, from) = kept::read_place(text)?;
                let words = place_words(place);
                let head = "Where the pupil is during lessons by robot".to_owned();
                (head, vec![line("", format!("{words}, from {}", view::full_date(from)))])
            }
            "breakdown" => {
                let one = kept::read_breakdown(text)?;
                let known = self.pack.map(|pack| pack.list("breakdown")).unwrap_or_default();
                let kinds = one.categories.iter().map(|code| {
                    known.iter().find(|(known, _)| known == code).map_or_else(|| code.to_string(), |(_, words)| words.clone())
                });
                let mut lines = vec![
                    line("kinds", kinds.collect::<Vec<_>>().join("; ")),
                    line("what happened", one.what.expose().to_owned()),
                    line("decided by", self.names.name(one.decided_by)),
                ];
                for (party, who, on) in &one.told {
                    let text = format!("told by {} on {}", self.names.name(*who), view::full_date(*on));
                    lines.push((party.words().to_owned(), text));
                }
                (format!("Serious breakdown of {}", view::full_date(one.on)), unique(lines))
            }
            "share" => {
                let (document, to, sections) = kept::read_share(text)?;
                let words: Vec<_> = sections.iter().map(|section| lower(section.words())).collect();
                (format!("Given to {}", to.words()), vec![line(document.words(), words.join(", "))])
            }
            _ => return None,
        })
    }

    fn goal(&self, goal: &Goal) -> (String, Lines) {
        let now = goal.wording();
        let words = now.words.expose();
        let named: String = words.chars().take(NAMED_BY).collect();
        let more = if named.len() < words.len() { "…" } else { "" };
        let authors: Vec<Party> = now.authors.iter().copied().collect();
        let about = FAMILIES.iter().find(|(known, _)| *known == goal.family).map_or("", |(_, words)| words);
        let mut lines: Lines = [("about", about.to_owned()), ("words", words.to_owned()), ("written by", listed(&authors))]
            .map(|(label, text)| (label.to_owned(), text))
            .to_vec();
        lines.extend(now.pupil_words.as_ref().map(|own| ("in the pupil’s words".to_owned(), own.expose().to_owned())));
        lines.extend(goal.review_on.map(|day| ("looked at again on".to_owned(), view::full_date(day))));
        for (party, all) in &goal.parts().acknowledged {
            let said = all.iter().map(|one| format!("{}, {}", self.names.name(one.who), view::full_date(one.on)));
            lines.push((format!("{} stands by it", party.words()), said.collect::<Vec<_>>().join("; ")));
        }
        lines.extend(goal.became().map(|(became, how, on)| {
            let words = ENDS.iter().find(|(known, _)| known == became).map_or("", |(_, words)| words);
            ("what became of it".to_owned(), format!("{words} on {}: {}", view::full_date(*on), how.expose()))
        }));
        (format!("Goal “{named}{more}”"), lines)
    }
}

/// Rule and week of a word about a limit.
pub fn limit_of(what: &str) -> (&str, &str) {
    what.split_once(' ').unwrap_or((what, ""))
}

/// What a policy calls a limit or a contact.
fn limit_title(pack: Option<&Pack>, rule: &str) -> Option<String> {
    let (pack, rule) = (pack?, Code::new(rule)?);
    let contact = || pack.contacts.iter().find(|one| one.id == rule).map(|one| one.title.clone());
    pack.deadline(&rule).map(|one| one.title.clone()).or_else(contact)
}

/// A word about a limit, as the store keeps it, in words.
pub fn word(text: &str) -> String {
    let mut parts = text.splitn(3, ' ');
    let (kind, value, reason) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let what = match kind {
        "kept" if value.is_empty() => "not done after all".to_owned(),
        "kept" => format!("done on {}", day_of(value)),
        "applies" => "as the policy says again".to_owned(),
        "count" => format!("{value} in place of the policy’s number"),
        "day" => format!("by {} here", day_of(value)),
        "does_not_apply" => "does not apply here".to_owned(),
        _ => text.to_owned(),
    };
    if reason.is_empty() { what } else { format!("{what}. {}", view::sentence(reason)) }
}

/// `At school on 17 November 2026, morning`
fn half(what: &str) -> String {
    let (day, half) = what.split_once(' ').unwrap_or((what, ""));
    let half = if half == "am" { "morning" } else { "afternoon" };
    format!("At school on {}, {half}", day_of(day))
}

/// What differs of a table of costs, a field each.
pub fn of_costs(change: &ChangeRow) -> Vec<Side> {
    let read = |text: &Option<String>| match text.as_deref().map(kept::read_costs) {
        None => Lines::new(),
        Some(Some(table)) => costs(&table),
        Some(None) => vec![("the table".to_owned(), "cannot be read any more".to_owned())],
    };
    let capital = |side: Side| Side { title: view::sentence(&side.title).trim_end_matches('.').to_owned(), ..side };
    differing(&read(&change.from_text), &read(&change.to_text)).into_iter().map(capital).collect()
}

/// A table of costs, line by line; no name of a person is in it.
fn costs(table: &CostTable) -> Lines {
    let mut lines = vec![("weeks of the transition".to_owned(), table.weeks().to_string())];
    for line in table.lines() {
        let n = line.line;
        let fields = [
            ("setting now", line.setting.clone()),
            ("a year there", line.current.to_string()),
            ("adults to pupils", format!("{}:{}", line.ratio.adults, line.ratio.pupils)),
            ("transition", line.transition.to_string()),
            ("a year in mainstream", line.mainstream.to_string()),
        ];
        lines.extend(fields.map(|(label, text)| (format!("line {n}, {label}"), text)));
    }
    lines
}

/// The lines that differ: those of after in their order, then those that are gone. An empty text is nothing.
pub fn differing(before: &[(String, String)], after: &[(String, String)]) -> Vec<Side> {
    let of = |lines: &[(String, String)], label: &str| {
        lines.iter().find(|(known, _)| known == label).map(|(_, text)| text.clone()).filter(|text| !text.is_empty())
    };
    let gone = before.iter().filter(|(label, _)| !after.iter().any(|(known, _)| known == label));
    (after.iter().chain(gone))
        .map(|(label, _)| Side { title: label.clone(), from: of(before, label), to: of(after, label) })
        .filter(|side| side.from != side.to)
        .collect()
}

/// A party that was told twice has one line with both.
fn unique(lines: Lines) -> Lines {
    let mut all = Lines::new();
    for (label, text) in lines {
        match all.iter_mut().find(|(known, _)| *known == label) {
            Some((_, held)) => *held = format!("{held}; {text}"),
            None => all.push((label, text)),
        }
    }
    all
}

fn dates(days: &[NaiveDate]) -> String {
    days.iter().map(|day| view::full_date(*day)).collect::<Vec<_>>().join("; ")
}

/// A day as the store keeps it, in words; anything else as it is.
fn day_of(text: &str) -> String {
    let core = text.trim_end_matches(',');
    core.parse().map_or_else(|_| text.to_owned(), |day| format!("{}{}", view::full_date(day), &text[core.len()..]))
}

fn lower(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// The words of a field that is written in its place.
fn title(field: &str) -> String {
    match field {
        "pupil.name" => "Name of the pupil".to_owned(),
        "pupil.year" => "Year group".to_owned(),
        "pupil.upn" => "UPN".to_owned(),
        "pupil.local-number" => "The school’s own number".to_owned(),
        "pupil.born" => "Date of birth".to_owned(),
        "placement.until" => "Last day of the placement".to_owned(),
        "placement.key-worker" => "Key worker of the placement".to_owned(),
        "placement.robot" => "Robot".to_owned(),
        _ => {
            let party = field.strip_prefix("part.").and_then(Party::from_code);
            party.map_or_else(|| field.to_owned(), |party| format!("Part in the case, {}", party.words()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(all: &[(&str, &str)]) -> Lines {
        all.iter().map(|(label, text)| ((*label).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn only_lines_that_differ_are_told_and_what_is_gone_is_told_too() {
        let (before, after) = (lines(&[("a", "1"), ("b", "2"), ("c", "3")]), lines(&[("d", "4"), ("a", "1"), ("b", "5")]));
        let told: Vec<_> = differing(&before, &after).into_iter().map(|side| (side.title, side.from, side.to)).collect();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            told,
            [("d".to_owned(), None, some("4")), ("b".to_owned(), some("2"), some("5")), ("c".to_owned(), some("3"), None)]
        );
    }

    #[test]
    fn a_day_is_told_in_words_wherever_it_stands() {
        assert_eq!(day_of("2026-11-24"), "24 November 2026");
        assert_eq!(day_of("2026-11-24,"), "24 November 2026,");
        assert_eq!(day_of("until"), "until");
        assert_eq!(title("part.key-worker"), "Part in the case, the key worker");
        assert_eq!(title("something.new"), "something.new");
    }
}
