//! What the letters of a register mean, from data with effective dates (`DOMAIN.md` c4). For reading marks, never for choosing one: a
//! table gives meanings, and no [`RegisterCode`].

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};

use super::{HalfDay, ImportedMark, RegisterCode};
use crate::coded::coded;
use crate::glide::{OnSite, OnSiteSource};
use crate::policy::PolicyError;
use crate::policy::read::{Node, is_coded, parse};

/// The table in the binary.
const ENGLAND: (&str, &str) = ("register-england-2024.toml", include_str!("../../policies/register-england-2024.toml"));

coded! {
    /// What a mark says.
    CodeKind {
        /// At the school.
        Present = "present",
        /// At another place, attending there: it needs a place where the pupil is (D3).
        Place = "place",
        /// Expected at the other school of two (D8).
        Dual = "dual",
        /// Absent, with leave.
        Authorised = "authorised",
        /// Not able or not required to attend.
        Unable = "unable",
        /// Absent, without leave.
        Unauthorised = "unauthorised",
        /// Not about the pupil.
        Administrative = "administrative",
    }
}

is_coded!(CodeKind);

/// What a code means in a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// What it says.
    pub kind: CodeKind,
    /// In our own words.
    pub words: String,
    /// It is counted towards the sickness return.
    pub is_sickness: bool,
    /// The words were compared with a source.
    pub is_checked: bool,
    from: Option<NaiveDate>,
    until: Option<NaiveDate>,
}

impl Meaning {
    /// The mark needs the pupil to be somewhere: at the school or at a place.
    #[must_use]
    pub fn requires_place(&self) -> bool {
        matches!(self.kind, CodeKind::Present | CodeKind::Place)
    }
}

/// The meanings of codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeTable {
    /// As pages say it.
    pub title: String,
    /// Its version.
    pub version: String,
    codes: BTreeMap<String, Vec<Meaning>>,
}

impl CodeTable {
    /// The table in the binary.
    ///
    /// # Errors
    /// Never in a binary whose tests passed.
    pub fn england() -> Result<Self, PolicyError> {
        Self::load(ENGLAND.0, ENGLAND.1)
    }

    /// Reads and checks a table.
    ///
    /// # Errors
    /// The first thing that is wrong, in one sentence.
    pub fn load(file: &str, text: &str) -> Result<Self, PolicyError> {
        let table = parse(file, text)?;
        let root = Node::root(file, &table);
        root.number("schema", 1, 1)?;
        root.code("id")?;
        let mut codes: BTreeMap<String, Vec<Meaning>> = BTreeMap::new();
        for node in root.tables("code")? {
            let node = node.named_by("code")?;
            let code = node.text("code")?;
            let meaning = Meaning {
                kind: node.one_of("kind")?,
                words: node.text("words")?,
                is_sickness: node.yes("sickness")?,
                is_checked: !node.has("checked") || node.yes("checked")?,
                from: node.maybe_day("from")?,
                until: node.maybe_day("until")?,
            };
            let known = codes.entry(code.clone()).or_default();
            let overlaps = |other: &Meaning| {
                let ends_before = |a: &Meaning, b: &Meaning| a.until.zip(b.from).is_some_and(|(until, from)| until < from);
                !ends_before(other, &meaning) && !ends_before(&meaning, other)
            };
            if RegisterCode::from_import(&code).is_err() || known.iter().any(overlaps) {
                return Err(node.wrong("it is no code of one or two characters, or it has two meanings at one time"));
            }
            known.push(meaning);
            node.finish()?;
        }
        let all = Self { title: root.text("title")?, version: root.text("version")?, codes };
        root.finish()?;
        Ok(all)
    }

    /// What a mark meant on a day. `None`: the list does not have it then.
    #[must_use]
    pub fn meaning(&self, code: &RegisterCode, day: NaiveDate) -> Option<&Meaning> {
        let holds =
            |meaning: &&Meaning| meaning.from.is_none_or(|from| from <= day) && meaning.until.is_none_or(|until| day <= until);
        self.codes.get(code.as_str())?.iter().find(holds)
    }
}

/// What marks say about being on site, for the glide path. Marks of two schools, or after the register closed, say nothing.
#[must_use]
pub fn on_site(marks: &[ImportedMark], table: &CodeTable) -> Vec<OnSite> {
    let says = |mark: &ImportedMark| {
        let was_there = match table.meaning(mark.code(), mark.day())?.kind {
            CodeKind::Present => true,
            CodeKind::Place | CodeKind::Authorised | CodeKind::Unable => false,
            CodeKind::Unauthorised if mark.code().as_str() != "U" => false,
            CodeKind::Unauthorised | CodeKind::Dual | CodeKind::Administrative => return None,
        };
        let source = OnSiteSource::Imported { system: mark.source().system.words().to_owned(), at: mark.source().imported_at };
        Some(OnSite { half: (mark.day(), mark.half_day()), was_there, source })
    };
    marks.iter().filter_map(says).collect()
}

/// Half-days of sickness, for information (D6). The marks of one school year; what of it matters in law is for people.
#[must_use]
pub fn sickness(marks: &[ImportedMark], table: &CodeTable) -> BTreeSet<(NaiveDate, HalfDay)> {
    let is_sick = |mark: &&ImportedMark| table.meaning(mark.code(), mark.day()).is_some_and(|meaning| meaning.is_sickness);
    marks.iter().filter(is_sick).map(|mark| (mark.day(), mark.half_day())).collect()
}

/// What a week's marks say, counted as they stand: no share, and nothing that no mark says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeekTold {
    /// "At school 4, absent with leave 6; of 10 half-days".
    pub attendance: String,
    /// "Late 1 of 4 half-days at school", if the pupil was there at all.
    pub punctuality: Option<String>,
    /// From which systems.
    pub system: String,
    /// When the last of the marks was read.
    pub at: DateTime<Utc>,
}

/// A week's figures from the school's own marks, if every one of `halves` has a mark; `None` if the week is not covered. Days on
/// which the register says that there was no school count for nothing.
#[must_use]
pub fn week_told(marks: &[ImportedMark], halves: &[(NaiveDate, HalfDay)], table: &CodeTable) -> Option<WeekTold> {
    let marks: BTreeMap<_, &ImportedMark> = marks.iter().map(|mark| ((mark.day(), mark.half_day()), mark)).collect();
    let marks: Vec<&ImportedMark> = halves.iter().map(|half| marks.get(half).copied()).collect::<Option<_>>()?;
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    let (mut there, mut late) = (0, 0);
    for mark in &marks {
        let kind = table.meaning(mark.code(), mark.day()).map(|meaning| meaning.kind);
        if kind == Some(CodeKind::Administrative) {
            continue;
        }
        there += usize::from(kind == Some(CodeKind::Present) || mark.code().as_str() == "U");
        late += usize::from(matches!(mark.code().as_str(), "L" | "U"));
        let at = TOLD.iter().position(|(known, _)| Some(*known) == kind).unwrap_or(TOLD.len());
        *counts.entry(at).or_default() += 1;
    }
    let of: usize = counts.values().sum();
    let at = marks.iter().map(|mark| mark.source().imported_at).max().filter(|_| of > 0)?;
    let words = |at: &usize| TOLD.get(*at).map_or("with a mark that is not known here", |(_, words)| words);
    let parts: Vec<_> = counts.iter().map(|(at, count)| format!("{} {count}", words(at))).collect();
    let parts = parts.join(", ");
    let systems: BTreeSet<&str> = marks.iter().map(|mark| mark.source().system.words()).collect();
    Some(WeekTold {
        attendance: format!("{}{}; of {of} half-days", parts[..1].to_uppercase(), &parts[1..]),
        punctuality: (there > 0).then(|| format!("Late {late} of {there} half-days at school")),
        system: systems.into_iter().collect::<Vec<_>>().join(" and "),
        at,
    })
}

/// Kinds of marks as a week's figures say them, in this order.
const TOLD: [(CodeKind, &str); 6] = [
    (CodeKind::Present, "at school"),
    (CodeKind::Place, "at another place"),
    (CodeKind::Dual, "expected at the other school"),
    (CodeKind::Authorised, "absent with leave"),
    (CodeKind::Unable, "not able or not required to attend"),
    (CodeKind::Unauthorised, "absent without leave"),
];
