//! What a return costs, in exact pence, and what it may save.
//!
//! Money is whole pence in an integer; nothing is a float and nothing is rounded in between. What a return *costs* is known. What it
//! *saves* is not: it holds only if the pupils stay. So a saving is an [`IfSustained`], which says so in every form that it can be
//! shown in, and which cannot be added to a cost:
//!
//! ```compile_fail
//! use server_core::cost::{IfSustained, Pence};
//! fn budget(saving: IfSustained, cost: Pence) -> Pence { cost + saving }
//! ```
//!
//! ```compile_fail
//! use server_core::cost::{IfSustained, Pence};
//! fn bare(saving: IfSustained) -> Pence { saving.into() }
//! ```
//!
//! Children are not ranked by cost: lines have a place in the paper and no order of their own.
//!
//! Sources: "Higher Needs Recovery Group: Securing Effective Reintegration from Alternative Provision into Mainstream Education",
//! 19 April 2018 (`DOMAIN.md` R-5 … R-8; R-8 is derived and not in the paper).

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Sub};
use std::str::FromStr;

/// No amount of a line is larger: a hundred million pounds.
const MAX_PENCE: i64 = 10_000_000_000;
/// No table has more lines.
const MAX_LINES: usize = 10_000;

/// Whole pence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pence(i64);

/// The text is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write an amount such as £3,645 or 3645.50, at most a hundred million pounds")]
pub struct NotAnAmount;

impl Pence {
    /// So many pence.
    ///
    /// # Errors
    /// More than a hundred million pounds, either way.
    pub fn new(pence: i64) -> Result<Self, NotAnAmount> {
        if (-MAX_PENCE..=MAX_PENCE).contains(&pence) { Ok(Self(pence)) } else { Err(NotAnAmount) }
    }

    /// The number of pence.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }

    /// Divided among `parts`, exactly: what each gets and what is left over.
    #[must_use]
    pub fn shared_by(self, parts: u32) -> Option<(Self, Self)> {
        let parts = i64::from(parts);
        (parts > 0).then(|| (Self(self.0.div_euclid(parts)), Self(self.0.rem_euclid(parts))))
    }
}

// Sums stay far from the end of the integer: a table has at most 10,000 lines of at most 10^10 pence, 10^14 together.
impl Add for Pence {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Pence {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for Pence {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self(0), Add::add)
    }
}

impl fmt::Display for Pence {
    /// "£21,870", "£405.50", "−£3".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (pounds, pence) = (self.0.unsigned_abs() / 100, self.0.unsigned_abs() % 100);
        let digits = pounds.to_string();
        let mut grouped = String::new();
        for (n, digit) in digits.chars().enumerate() {
            if n > 0 && (digits.len() - n).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        let minus = if self.0 < 0 { "−" } else { "" };
        if pence == 0 { write!(f, "{minus}£{grouped}") } else { write!(f, "{minus}£{grouped}.{pence:02}") }
    }
}

impl FromStr for Pence {
    type Err = NotAnAmount;

    /// # Errors
    /// Not pounds, with or without pence.
    fn from_str(text: &str) -> Result<Self, NotAnAmount> {
        let text = text.trim();
        let (sign, text) = match text.strip_prefix(['−', '-']) {
            Some(rest) => (-1, rest),
            None => (1, text),
        };
        let text = text.strip_prefix('£').unwrap_or(text);
        let (pounds, pence) = text.split_once('.').map_or((text, "00"), |(pounds, pence)| (pounds, pence));
        // Commas stand before each three digits or nowhere: "21,87" is a slip, and 2,187 would be a wrong guess.
        let mut groups = pounds.split(',');
        let first = groups.next().unwrap_or_default();
        let rest: Vec<_> = groups.collect();
        let are_groups = rest.iter().all(|group| group.len() == 3) && (rest.is_empty() || (1..=3).contains(&first.len()));
        let digits: String = [first].into_iter().chain(rest).collect();
        let is_number = |text: &str| !text.is_empty() && text.len() <= 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        if !are_groups || !is_number(&digits) || !is_number(pence) || pence.len() != 2 {
            return Err(NotAnAmount);
        }
        let pounds: i64 = digits.parse().map_err(|_| NotAnAmount)?;
        let pence: i64 = pence.parse().map_err(|_| NotAnAmount)?;
        Self::new(sign * (pounds * 100 + pence))
    }
}

/// An amount that holds only if the return is sustained. It never appears without these words.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IfSustained(Pence);

impl IfSustained {
    /// The words that go with every such amount.
    pub const LABEL: &str = "if sustained";

    /// Amount and label as texts, for a file with columns. The amount is not given as one that could be counted on.
    #[must_use]
    pub fn columns(self) -> [String; 2] {
        [self.0.to_string(), Self::LABEL.to_owned()]
    }
}

impl fmt::Display for IfSustained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, Self::LABEL)
    }
}

impl fmt::Debug for IfSustained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Adults to pupils in the transition, as the paper writes it: 1:1, 2:2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ratio {
    /// Adults.
    pub adults: u8,
    /// Pupils.
    pub pupils: u8,
}

/// One pupil's line. The pupil is a place in the paper, not a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CostLine {
    /// Place in the paper.
    pub line: u16,
    /// Setting now.
    pub setting: String,
    /// What a year there costs.
    pub current: Pence,
    /// How the transition is staffed.
    pub ratio: Ratio,
    /// What the transition costs, once.
    pub transition: Pence,
    /// What a year in mainstream is funded with.
    pub mainstream: Pence,
}

/// What a group's return costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CostTable {
    lines: Vec<CostLine>,
    weeks: u16,
}

/// The lines make no table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotATable {
    /// No line, or too many.
    #[error("a table has 1 to 10,000 lines")]
    Lines,
    /// A place is there twice.
    #[error("line {0} is there twice")]
    Twice(u16),
    /// Less than nothing.
    #[error("line {0} has an amount below zero")]
    Negative(u16),
    /// The programme has no weeks.
    #[error("the programme needs a number of weeks")]
    Weeks,
}

/// Totals, each the sum of its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// A year where they are now.
    pub current: Pence,
    /// The transition, once.
    pub transition: Pence,
    /// A year in mainstream.
    pub mainstream: Pence,
}

/// When a return has paid for itself, if it is sustained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakEven {
    /// School weeks that all of them would have to stay.
    pub weeks: u32,
    /// Pupils who would have to stay for the year, the least favourable first.
    pub pupils: usize,
}

impl CostTable {
    /// A table of a programme that lasts `weeks`.
    ///
    /// # Errors
    /// Lines that are missing, doubled or negative.
    pub fn new(lines: Vec<CostLine>, weeks: u16) -> Result<Self, NotATable> {
        if !(1..=MAX_LINES).contains(&lines.len()) {
            return Err(NotATable::Lines);
        }
        if weeks == 0 {
            return Err(NotATable::Weeks);
        }
        let mut seen = std::collections::BTreeSet::new();
        for line in &lines {
            if !seen.insert(line.line) {
                return Err(NotATable::Twice(line.line));
            }
            if [line.current, line.transition, line.mainstream].iter().any(|amount| amount.get() < 0) {
                return Err(NotATable::Negative(line.line));
            }
        }
        Ok(Self { lines, weeks })
    }

    /// Its lines.
    #[must_use]
    pub fn lines(&self) -> &[CostLine] {
        &self.lines
    }

    /// How many weeks the programme takes.
    #[must_use]
    pub fn weeks(&self) -> u16 {
        self.weeks
    }

    /// The sums of its columns.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let sum = |column: fn(&CostLine) -> Pence| self.lines.iter().map(column).sum();
        Totals {
            current: sum(|line| line.current),
            transition: sum(|line| line.transition),
            mainstream: sum(|line| line.mainstream),
        }
    }

    /// What is left of an approved amount after the transitions; below zero if it is too little.
    #[must_use]
    pub fn headroom(&self, approved: Pence) -> Pence {
        approved - self.totals().transition
    }

    /// The transition by pupil and week, and what is left over by the division.
    #[must_use]
    pub fn per_pupil_week(&self) -> Option<(Pence, Pence)> {
        let parts = u32::try_from(self.lines.len()).ok()?.checked_mul(u32::from(self.weeks))?;
        self.totals().transition.shared_by(parts)
    }

    /// What the first year would save if all of them return for all of it.
    #[must_use]
    pub fn first_year(&self) -> IfSustained {
        let totals = self.totals();
        IfSustained(totals.current - totals.transition - totals.mainstream)
    }

    /// When the transition has paid for itself. `None`: it does not within a year of `school_weeks`.
    #[must_use]
    pub fn break_even(&self, school_weeks: u16) -> Option<BreakEven> {
        let totals = self.totals();
        let by_year = i128::from((totals.current - totals.mainstream).get());
        let cost = i128::from(totals.transition.get());
        if by_year <= 0 || by_year < cost {
            return None;
        }
        // Rounded up: part of a week does not pay a whole one.
        let weeks = u32::try_from((cost * i128::from(school_weeks) + by_year - 1) / by_year).ok()?;
        let mut each: Vec<_> = self.lines.iter().map(|line| line.current - line.mainstream).collect();
        each.sort_unstable();
        let mut so_far = Pence::default();
        let pupils = if cost == 0 {
            0
        } else {
            1 + each.iter().position(|one| {
                so_far = so_far + *one;
                so_far >= totals.transition
            })?
        };
        Some(BreakEven { weeks, pupils })
    }
}

#[cfg(test)]
mod tests;
