//! A file of marks from the school's own system → marks with their source and time.
//!
//! Systems (SIMS, Arbor, Bromcom and others) let a school choose the columns of an export, so a file is recognised by what its columns
//! mean, not by who made it. Three layouts are read: a row a mark (pupil, date, session, mark); a row a day (pupil, date, AM, PM); a
//! row a pupil with a column a session ("02/11/2026 AM"). Titles above the head and other columns, names too, are passed over and not
//! kept.
//!
//! Nothing is guessed. A row that cannot be read is a [`Problem`] with its line and without its contents; two rows that disagree give
//! no mark at all. A mark is kept as it stands in the file, known or not.
//!
//! Sources: `DOMAIN.md` (e2) rows "Attendance marks CSV" and "UPN", D10, N7.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};

use super::{HalfDay, NotACode, RegisterCode, RegisterMark};
use crate::coded::coded;
use crate::csv;
use crate::pupil::Upn;

/// A larger file is not read.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Rows after this many are not read; the import says so.
pub const MAX_ROWS: usize = 200_000;
/// A head is looked for in so many rows.
const HEAD_WITHIN: usize = 20;
/// A number of the school's own is not longer than this, in characters.
pub const MAX_LOCAL: usize = 40;

coded! {
    /// Where a file comes from, as the person who imports it says.
    System {
        /// SIMS.
        Sims = "sims",
        /// Arbor.
        Arbor = "arbor",
        /// Bromcom.
        Bromcom = "bromcom",
        /// Another one.
        Other = "other",
    }
}

impl System {
    /// As pages say it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Sims => "SIMS",
            Self::Arbor => "Arbor",
            Self::Bromcom => "Bromcom",
            Self::Other => "the school's system",
        }
    }
}

/// Where a mark comes from, and since when it is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Which system.
    pub system: System,
    /// When the file was read.
    pub imported_at: DateTime<Utc>,
}

/// How a file names a pupil. Neither form is ever printed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum PupilKey {
    /// By the unique pupil number.
    Upn(Upn),
    /// By the school's own number.
    Local(String),
}

impl fmt::Debug for PupilKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Upn(_) => "Upn(hidden)",
            Self::Local(_) => "Local(hidden)",
        })
    }
}

/// A mark as it was imported. It can be read and not changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedMark {
    pupil: PupilKey,
    mark: RegisterMark,
    source: Source,
}

impl ImportedMark {
    /// A mark that the store kept of an earlier import: the same cell, with the source that it came from.
    ///
    /// # Errors
    /// The cell is no mark: the store holds something that no import wrote.
    pub fn kept(pupil: PupilKey, day: NaiveDate, half_day: HalfDay, cell: &str, source: Source) -> Result<Self, NotACode> {
        let mark = RegisterMark { day, half_day, code: RegisterCode::from_import(cell)? };
        Ok(Self { pupil, mark, source })
    }

    /// Whose.
    #[must_use]
    pub fn pupil(&self) -> &PupilKey {
        &self.pupil
    }

    /// Which day.
    #[must_use]
    pub fn day(&self) -> NaiveDate {
        self.mark.day
    }

    /// Which half of it.
    #[must_use]
    pub fn half_day(&self) -> HalfDay {
        self.mark.half_day
    }

    /// What the school entered.
    #[must_use]
    pub fn code(&self) -> &RegisterCode {
        &self.mark.code
    }

    /// Where it comes from.
    #[must_use]
    pub fn source(&self) -> Source {
        self.source
    }
}

/// The file cannot be read at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Over [`MAX_BYTES`].
    #[error("the file is larger than 16 MB: export a shorter time")]
    TooLarge,
    /// Half of a UTF-16 character, or the like.
    #[error("the file is no text: export it as CSV")]
    NotText,
    /// No row with the columns that are needed.
    #[error("no row names the columns: a file needs UPN or admission number, a date, and marks for AM and PM")]
    NoHead,
}

/// Something in the file that gave no mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The number is no UPN.
    #[error("the UPN is not right: its check letter or length does not fit")]
    Upn,
    /// There is none.
    #[error("the row names no pupil")]
    NoPupil,
    /// The text is no date.
    #[error("the date is not read: write it as 31/12/2026 or 2026-12-31")]
    Date,
    /// Neither AM nor PM.
    #[error("the session is neither AM nor PM")]
    Session,
    /// The cell is no mark.
    #[error("the mark is longer than two characters")]
    Mark,
    /// Two rows say different things.
    #[error("another row says something else about the same session: neither was taken")]
    Disagrees,
    /// The file has more rows.
    #[error("the file has more than 200,000 rows: the rest was not read")]
    TooManyRows,
}

/// What a file gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// The marks, by line.
    pub marks: Vec<ImportedMark>,
    /// What gave none, with its line.
    pub problems: Vec<(usize, Problem)>,
    /// Cells without a mark: the register was not taken yet.
    pub not_taken: usize,
}

/// The text of a file: UTF-8, UTF-16 with its mark, or the old Western code page.
///
/// # Errors
/// Too large, or no text.
pub fn text_of(bytes: &[u8]) -> Result<String, FileError> {
    if bytes.len() > MAX_BYTES {
        return Err(FileError::TooLarge);
    }
    let wide = |rest: &[u8], read: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = rest.chunks_exact(2).map(|pair| read([pair[0], pair[1]])).collect();
        String::from_utf16(&units).map_err(|_| FileError::NotText)
    };
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes)?,
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes)?,
        [0xef, 0xbb, 0xbf, rest @ ..] => std::str::from_utf8(rest).map_err(|_| FileError::NotText)?.to_owned(),
        // Only names have letters beyond ASCII, and names are not kept.
        _ => std::str::from_utf8(bytes).map_or_else(|_| bytes.iter().map(|byte| char::from(*byte)).collect(), str::to_owned),
    };
    if text.contains('\0') { Err(FileError::NotText) } else { Ok(text) }
}

/// Reads the marks of a file.
///
/// # Errors
/// It is too large, or no row names its columns.
pub fn import(text: &str, source: Source) -> Result<Imported, FileError> {
    if text.len() > MAX_BYTES {
        return Err(FileError::TooLarge);
    }
    let rows = csv::rows(text, csv::separator(text), MAX_ROWS + HEAD_WITHIN);
    let found = rows.iter().take(HEAD_WITHIN).enumerate().find_map(|(n, (_, row))| Some((n, Head::of(row)?)));
    let (at, head) = found.ok_or(FileError::NoHead)?;
    let mut read = Reading { source, out: Imported::default(), seen: BTreeMap::new(), disagree: BTreeSet::new() };
    for (n, (line, row)) in rows.iter().skip(at + 1).enumerate() {
        if n == MAX_ROWS {
            read.out.problems.push((*line, Problem::TooManyRows));
            break;
        }
        if row.iter().any(|cell| !cell.trim().is_empty()) {
            read.row(*line, row, &head);
        }
    }
    Ok(read.finish())
}

/// Which column is what.
struct Head {
    upn: Option<usize>,
    local: Option<usize>,
    marks: Marks,
}

enum Marks {
    /// A row a mark.
    Long { date: usize, session: usize, mark: usize },
    /// A row a day.
    Day { date: usize, am: usize, pm: usize },
    /// A column a session.
    Wide(Vec<(usize, NaiveDate, HalfDay)>),
}

const UPN: &[&str] = &["upn", "uniquepupilnumber", "pupilupn", "studentupn"];
const LOCAL: &[&str] =
    &["admissionnumber", "admissionno", "adno", "admno", "localid", "studentid", "pupilid", "misid", "externalid", "personid"];
const DATE: &[&str] = &["date", "attendancedate", "sessiondate", "markdate", "day", "eventdate"];
const SESSION: &[&str] = &["session", "sessionname", "ampm", "halfday", "registersession", "period", "sessiontype"];
const MARK: &[&str] = &["mark", "code", "attendancemark", "attendancecode", "sessionmark", "markcode", "registermark"];
const AM: &[&str] = &["am", "ammark", "amcode", "amsession", "amattendancemark", "morning", "morningmark"];
const PM: &[&str] = &["pm", "pmmark", "pmcode", "pmsession", "pmattendancemark", "afternoon", "afternoonmark"];

impl Head {
    /// `None`: this row is no head.
    fn of(row: &[String]) -> Option<Self> {
        let plain: Vec<String> = row.iter().map(|cell| plain(cell)).collect();
        let column = |names: &[&str]| plain.iter().position(|cell| names.contains(&cell.as_str()));
        let (upn, local) = (column(UPN), column(LOCAL));
        upn.or(local)?;
        let date = column(DATE);
        let marks = match (date, column(SESSION), column(MARK), column(AM), column(PM)) {
            (Some(date), Some(session), Some(mark), _, _) => Marks::Long { date, session, mark },
            (Some(date), _, _, Some(am), Some(pm)) => Marks::Day { date, am, pm },
            _ => {
                let sessions: Vec<_> = row.iter().enumerate().filter_map(|(n, cell)| session_column(n, cell)).collect();
                (!sessions.is_empty()).then_some(Marks::Wide(sessions))?
            }
        };
        Some(Self { upn, local, marks })
    }
}

/// Letters and digits only, in small letters.
fn plain(cell: &str) -> String {
    cell.chars().filter(|c| c.is_ascii_alphanumeric()).collect::<String>().to_ascii_lowercase()
}

/// "Mon 02/11/2026 AM" is a column.
fn session_column(column: usize, cell: &str) -> Option<(usize, NaiveDate, HalfDay)> {
    let words: Vec<&str> = cell.split([' ', '\n', '_']).filter(|word| !word.is_empty()).collect();
    let half = words.iter().find_map(|word| half_day(word))?;
    let written = words.iter().find_map(|word| day(word));
    let spoken = || words.windows(3).find_map(|words| day(&words.join(" ")));
    Some((column, written.or_else(spoken)?, half))
}

fn half_day(cell: &str) -> Option<HalfDay> {
    match plain(cell).as_str() {
        "am" | "morning" | "amsession" | "morningsession" | "sessionam" => Some(HalfDay::Am),
        "pm" | "afternoon" | "pmsession" | "afternoonsession" | "sessionpm" => Some(HalfDay::Pm),
        _ => None,
    }
}

/// The day first, as in England; a year of two digits is of this century. A time behind it is passed over.
fn day(cell: &str) -> Option<NaiveDate> {
    let cell = cell.trim();
    let cell = cell.split_once([' ', 'T']).filter(|(_, rest)| rest.contains(':')).map_or(cell, |(date, _)| date);
    let formats = ["%Y-%m-%d", "%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y", "%d %b %Y", "%d-%b-%Y", "%d/%m/%y", "%d-%b-%y"];
    // Within the loop: "03-11-26" is the year 26 to the first formats, and 2026 to the last.
    let is_near = |day: &NaiveDate| (2000..2200).contains(&chrono::Datelike::year(day));
    formats.iter().find_map(|format| NaiveDate::parse_from_str(cell, format).ok().filter(is_near))
}

type Key = (String, NaiveDate, HalfDay);

struct Reading {
    source: Source,
    out: Imported,
    /// What was taken, by pupil and session: its place among the marks and its line.
    seen: BTreeMap<Key, (usize, usize)>,
    disagree: BTreeSet<usize>,
}

impl Reading {
    fn row(&mut self, line: usize, row: &[String], head: &Head) {
        let cell = |column: usize| row.get(column).map_or("", |cell| cell.trim());
        let pupil = match pupil(head.upn.map(cell), head.local.map(cell)) {
            Ok(pupil) => pupil,
            Err(problem) => return self.out.problems.push((line, problem)),
        };
        match &head.marks {
            Marks::Long { date, session, mark } => match (day(cell(*date)), half_day(cell(*session))) {
                (None, _) => self.out.problems.push((line, Problem::Date)),
                (_, None) => self.out.problems.push((line, Problem::Session)),
                (Some(day), Some(half)) => self.mark(line, &pupil, day, half, cell(*mark)),
            },
            Marks::Day { date, am, pm } => match day(cell(*date)) {
                None => self.out.problems.push((line, Problem::Date)),
                Some(day) => {
                    self.mark(line, &pupil, day, HalfDay::Am, cell(*am));
                    self.mark(line, &pupil, day, HalfDay::Pm, cell(*pm));
                }
            },
            Marks::Wide(sessions) => {
                for (column, day, half) in sessions {
                    self.mark(line, &pupil, *day, *half, cell(*column));
                }
            }
        }
    }

    fn mark(&mut self, line: usize, pupil: &PupilKey, day: NaiveDate, half_day: HalfDay, cell: &str) {
        // A hyphen is what systems show for a session that nobody has marked.
        if cell.is_empty() || cell == "-" {
            self.out.not_taken += 1;
            return;
        }
        let Ok(code) = RegisterCode::from_import(cell) else { return self.out.problems.push((line, Problem::Mark)) };
        let name = match pupil {
            PupilKey::Upn(upn) => upn.expose().to_owned(),
            PupilKey::Local(local) => format!("local {local}"),
        };
        if let Some((place, first)) = self.seen.get(&(name.clone(), day, half_day)) {
            if self.out.marks.get(*place).is_some_and(|known| known.mark.code != code) {
                self.disagree.insert(*place);
                self.out.problems.extend([(*first, Problem::Disagrees), (line, Problem::Disagrees)]);
            }
            return;
        }
        self.seen.insert((name, day, half_day), (self.out.marks.len(), line));
        let mark = RegisterMark { day, half_day, code };
        self.out.marks.push(ImportedMark { pupil: pupil.clone(), mark, source: self.source });
    }

    fn finish(mut self) -> Imported {
        let mut place = 0;
        self.out.marks.retain(|_| {
            place += 1;
            !self.disagree.contains(&(place - 1))
        });
        self.out.problems.sort_by_key(|(line, _)| *line);
        self.out.problems.dedup();
        self.out
    }
}

/// The UPN if there is one; the school's own number otherwise.
fn pupil(upn: Option<&str>, local: Option<&str>) -> Result<PupilKey, Problem> {
    match (upn.filter(|cell| !cell.is_empty()), local.filter(|cell| !cell.is_empty())) {
        (Some(upn), _) => upn.parse().map(PupilKey::Upn).map_err(|_| Problem::Upn),
        (None, Some(local)) if local.chars().count() <= MAX_LOCAL => Ok(PupilKey::Local(local.to_owned())),
        _ => Err(Problem::NoPupil),
    }
}

#[cfg(test)]
mod tests;
