//! The statutory register, as the school keeps it: imported, shown, never written.
//!
//! Remote education is absence in law (England: SI 2024/208, regulation 10), and breach of the register is an offence. So this
//! module is deliberately poor. A [`RegisterCode`] is made from the text of an import and from nothing else. It has no relation
//! to [`Minutes`](protocol::Minutes), seconds or presence: there is no conversion in either direction, no arithmetic, no default,
//! and no list of codes that something could choose from.
//!
//! A number of minutes does not become a code:
//!
//! ```compile_fail
//! let minutes = protocol::Minutes::floor_of_seconds(3600);
//! let code: server_core::register::RegisterCode = minutes.into();
//! ```
//!
//! … nor an attendance account:
//!
//! ```compile_fail
//! fn mark(a: &server_core::attendance::AttendanceMinutes) -> server_core::register::RegisterCode { a.into() }
//! ```
//!
//! … nor a half-day by robot, nor the minutes beside an evaluation, nor a hint about a mark:
//!
//! ```compile_fail
//! fn mark(a: server_core::glide::RobotHalf) -> server_core::register::RegisterMark { a.into() }
//! ```
//!
//! ```compile_fail
//! fn mark(a: server_core::plan::EngagementBeside) -> server_core::register::RegisterCode { a.into() }
//! ```
//!
//! ```compile_fail
//! fn mark(a: server_core::register::Hint) -> server_core::register::RegisterCode { a.code() }
//! ```
//!
//! … nor does the import take anything but the text of a cell:
//!
//! ```compile_fail
//! let minutes = protocol::Minutes::floor_of_seconds(3600);
//! let code = server_core::register::RegisterCode::from_import(minutes);
//! ```
//!
//! … and there is no code to begin with, by default, by parsing or from the list of codes:
//!
//! ```compile_fail
//! let code = server_core::register::RegisterCode::default();
//! ```
//!
//! ```compile_fail
//! let code: server_core::register::RegisterCode = "/".parse().unwrap();
//! ```
//!
//! ```compile_fail
//! fn pick(table: &server_core::register::CodeTable) -> server_core::register::RegisterCode { table.codes().next().unwrap() }
//! ```
//!
//! What was imported cannot be changed here:
//!
//! ```compile_fail
//! fn edit(mark: &mut server_core::register::ImportedMark, other: server_core::register::RegisterMark) { mark.mark = other; }
//! ```
//!
//! `codes.rs` reads what the letters mean, from data; `import.rs` reads a school's file; `hints.rs` asks where a mark and a live stream
//! do not go together, and leaves the answer to the school.

mod codes;
mod hints;
mod import;

pub use self::codes::{CodeKind, CodeTable, Meaning, WeekTold, on_site, sickness, week_told};
pub use self::hints::{Hint, HomeStream, PupilPlace, SessionTimes, hints};
pub use self::import::{
    FileError, Imported, ImportedMark, MAX_BYTES, MAX_LOCAL, MAX_ROWS, Problem, PupilKey, Source, System, import, text_of,
};

use chrono::NaiveDate;

/// Morning or afternoon: the register's "session".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HalfDay {
    /// Morning.
    Am,
    /// Afternoon.
    Pm,
}

impl HalfDay {
    /// Its word in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Am => "am",
            Self::Pm => "pm",
        }
    }

    /// The half-day of a word in the store.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Am, Self::Pm].into_iter().find(|half| half.as_str() == word)
    }
}

/// A mark as the school entered it: one or two characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RegisterCode(String);

/// The text of an import is not a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a register mark has one or two printable characters")]
pub struct NotACode;

impl RegisterCode {
    /// From a cell of the school's own export.
    ///
    /// # Errors
    /// Not one or two printable ASCII characters.
    pub fn from_import(cell: &str) -> Result<Self, NotACode> {
        let cell = cell.trim();
        let is_mark = (1..=2).contains(&cell.len()) && cell.bytes().all(|byte| byte.is_ascii_graphic());
        if is_mark { Ok(Self(cell.to_owned())) } else { Err(NotACode) }
    }

    /// The mark, to show it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One imported mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterMark {
    /// Which day.
    pub day: NaiveDate,
    /// Which half of it.
    pub half_day: HalfDay,
    /// What the school entered.
    pub code: RegisterCode,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_taken_as_they_are() {
        for cell in ["/", "\\", "D", "C2", " I ", "#"] {
            assert_eq!(RegisterCode::from_import(cell).unwrap().as_str(), cell.trim());
        }
        for cell in ["", "  ", "ABC", "é", "\t\n"] {
            assert_eq!(RegisterCode::from_import(cell), Err(NotACode), "{cell:?}");
        }
    }

    /// The file that compares marks with streams gives questions: it makes no mark and keeps none.
    #[test]
    fn hints_make_no_mark() {
        let own = include_str!("register/hints.rs").split("#[cfg(test)]").next().unwrap();
        for word in ["from_import", "RegisterMark {", "RegisterCode("] {
            assert!(!own.contains(word), "hints.rs has {word}");
        }
        for function in own.split("fn ").skip(1) {
            let result = function.split('{').next().unwrap_or_default().split("->").nth(1).unwrap_or_default();
            assert!(!result.contains("RegisterCode") && !result.contains("RegisterMark"), "{function}");
        }
    }

    /// Report: a function of the store took a mark as a text and wrote it, whatever its time. This reads the source of server and store:
    /// a mark is made by the import of a file alone, is written and read back in one place, and no other query names its table.
    #[test]
    fn nothing_in_server_and_store_makes_a_mark_but_the_import_of_a_file() {
        let server = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut read = 0;
        let mut folders: Vec<_> = ["src", "store/src", "store/queries", "store/sqlite/src", "store/postgres/src"]
            .map(|name| server.join(name))
            .into();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                read += 1;
                let text = std::fs::read_to_string(&path).unwrap();
                let is_its_query = path.ends_with("queries/marks.rs");
                let brings_in =
                    ["src/web/register.rs", "src/demo.rs", "src/marks.rs"].iter().any(|known| path.ends_with(known));
                // A code is made nowhere, a mark is read back from its own row, and its table is named by its own queries.
                for (word, is_allowed) in [
                    ("from_import", false),
                    ("RegisterCode", false),
                    ("RegisterMark", false),
                    ("ImportedMark::kept", is_its_query),
                    ("register_mark", is_its_query),
                    ("keep_marks", is_its_query || brings_in),
                ] {
                    assert!(is_allowed || !text.contains(word), "{} has {word}", path.display());
                }
                if is_its_query {
                    assert_eq!(text.matches("INTO register_mark").count(), 1, "one place writes");
                    assert!(!text.contains("UPDATE register_mark") && !text.contains("DELETE FROM register_mark"));
                }
            }
        }
        assert!(read > 100, "the source was read: {read} files");
    }

    /// Report: a field that names the register must never be fed by the engagement ledger. This reads the crate's own source:
    /// no file but this one names a register code, so no function of another file can make one from minutes.
    #[test]
    fn no_other_file_of_this_crate_names_a_register_code() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut folders = vec![folder];
        let mut read = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if !path.ends_with("register.rs") && path.parent().is_none_or(|folder| !folder.ends_with("register")) {
                    read += 1;
                    let text = std::fs::read_to_string(&path).unwrap();
                    assert!(
                        !text.contains("RegisterCode") && !text.contains("RegisterMark"),
                        "{} names the register",
                        path.display()
                    );
                }
            }
        }
        assert!(read > 8, "the source was read");
        for own in [include_str!("register.rs"), include_str!("register/import.rs"), include_str!("register/codes.rs")] {
            let own = own.split("#[cfg(test)]").next().unwrap();
            let code_only: String = own.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            for word in ["Minutes", "attendance::", "seconds", "TimeDelta", "Length", "HomeStream {"] {
                assert!(!code_only.contains(word), "the register does not know {word}");
            }
        }
    }
}
