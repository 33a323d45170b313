//! What the letters of a register mean, from data with effective dates (`DOMAIN.md` c4). For reading marks, never for choosing one: a
//! table gives meanings, and no [`RegisterCode`].

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

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
