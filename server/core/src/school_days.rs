//! Counting in school days, with the arithmetic kept.
//!
//! A limit such as "ten school days after the panel" is counted in the calendar of one school, and a person must be able to check
//! it by hand. So a count gives the day together with every day that was looked at: counted, or skipped and why. Nothing here knows
//! a policy: see [`deadline`](crate::deadline) for which limits there are.
//!
//! Invariants, each a property in `school_days/tests.rs`:
//! 1. Every day after the start up to the day found is in the arithmetic once; as many are counted as were asked for.
//! 2. Counting *a* and then *b* days is counting *a + b*.
//! 3. [`SchoolDays::between`] is the inverse of [`SchoolDays::after`].
//! 4. One closure more never makes a counted school day earlier. (A week may end a day earlier by it.)
//! 5. Days are dates. Clocks that change do not change a count; only [`SchoolDays::is_over`] looks at instants.
//!
//! Sources: `DOMAIN.md` H-12, H-14, L-11, X9; "Policy for Reintegration from Alternative Provisions 2020/21" (Havering).

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc, Weekday};

use crate::calendar::{Calendar, monday_of};

mod say;

pub use self::say::{day_words, listed_days};

/// A count that looks at more days than this is given up: about three years.
pub const MAX_DAYS: u32 = 1100;

/// Why a school is not open on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DayOff {
    /// Saturday or Sunday.
    Weekend,
    /// Holidays, half-term, a bank holiday.
    Holiday,
    /// Staff are in school, pupils are not (in-service training).
    Inset,
    /// Closed for another reason.
    Closure,
}

impl DayOff {
    /// As arithmetic says it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Weekend => "weekend",
            Self::Holiday => "holiday",
            Self::Inset => "INSET",
            Self::Closure => "closed",
        }
    }

    /// The kind that a school's own words for a closed day mean; the words themselves are not kept.
    #[must_use]
    pub fn of_words(words: &str) -> Self {
        let words = words.to_lowercase();
        let has = |all: &[&str]| all.iter().any(|word| words.contains(word));
        if has(&["inset", "in-service", "training", "staff day"]) {
            Self::Inset
        } else if has(&["holiday", "half-term", "half term", "bank", "break", "easter", "christmas", "vacation"]) {
            Self::Holiday
        } else {
            Self::Closure
        }
    }
}

/// A day that a count looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which day; of a count of weeks, its Monday.
    pub day: NaiveDate,
    /// What became of it.
    pub is: Looked,
}

/// What became of a day, or a week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// It is the n-th.
    Counted(u16),
    /// It was not counted. Of a week: no day of it is a school day; the reason is that of its first weekday.
    Skipped(DayOff),
}

/// A day that was found by counting, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// Counted from here. A day itself is not counted; a week is.
    pub start: NaiveDate,
    /// The day found.
    pub day: NaiveDate,
    /// Everything that was looked at, in order.
    pub steps: Vec<Step>,
    /// The steps are weeks, each by its Monday.
    pub is_in_weeks: bool,
    /// The count went past what the school has entered: closed days may be missing.
    pub goes_past: Option<Entered>,
}

/// How far a school has entered its closed days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entered {
    /// Until this day: the last that it has entered.
    Until(NaiveDate),
    /// It has entered none.
    Nothing,
}

/// A count that comes to no end: the calendar is closed for years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the calendar has too few school days to count this: check its closures")]
pub struct NeverOpen;

/// When a school is open, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchoolDays {
    calendar: Calendar,
    off: BTreeMap<NaiveDate, DayOff>,
    entered: Option<Entered>,
    label: String,
}

impl SchoolDays {
    /// `off`: closed days with their kind. Days that only the calendar closes are [`DayOff::Closure`]. Schools are open Monday to
    /// Friday.
    #[must_use]
    pub fn new(calendar: Calendar, off: impl IntoIterator<Item = (NaiveDate, DayOff)>) -> Self {
        Self { calendar, off: off.into_iter().collect(), entered: None, label: String::new() }
    }

    /// How far the school has entered its closed days: a count that goes past it says so. Without this, a calendar is taken to be
    /// complete.
    #[must_use]
    pub fn entered(self, entered: Entered) -> Self {
        Self { entered: Some(entered), ..self }
    }

    /// Whose days they are, as arithmetic says it after "the receiving school".
    #[must_use]
    pub fn labelled(self, label: String) -> Self {
        Self { label, ..self }
    }

    /// The same, to be read: empty, or with a space before it.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The school's calendar.
    #[must_use]
    pub fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// Why the school is not open that day; `None` if it is.
    #[must_use]
    pub fn off(&self, day: NaiveDate) -> Option<DayOff> {
        if matches!(day.weekday(), Weekday::Sat | Weekday::Sun) {
            return Some(DayOff::Weekend);
        }
        self.off.get(&day).copied().or_else(|| (!self.calendar.is_open(day)).then_some(DayOff::Closure))
    }

    /// Whether it is a school day.
    #[must_use]
    pub fn is_school_day(&self, day: NaiveDate) -> bool {
        self.off(day).is_none()
    }

    /// The `count`-th school day after `start`; `start` is not counted.
    ///
    /// # Errors
    /// There are too few school days.
    pub fn after(&self, start: NaiveDate, count: u16) -> Result<Count, NeverOpen> {
        self.find(start, count, |day| self.off(day)).map(|found| self.doubted(found))
    }

    /// The day `count` days after `start`, whatever it is.
    ///
    /// # Errors
    /// The count is longer than [`MAX_DAYS`].
    pub fn days_after(&self, start: NaiveDate, count: u16) -> Result<Count, NeverOpen> {
        // Holidays do not matter to it, so that it is never in doubt.
        self.find(start, count, |_| None)
    }

    fn find(&self, start: NaiveDate, count: u16, off: impl Fn(NaiveDate) -> Option<DayOff>) -> Result<Count, NeverOpen> {
        let mut found = Count { start, day: start, steps: Vec::new(), is_in_weeks: false, goes_past: None };
        let mut counted = 0;
        for _ in 0..MAX_DAYS {
            if counted == count {
                return Ok(found);
            }
            found.day = found.day.succ_opt().ok_or(NeverOpen)?;
            let is = off(found.day).map_or_else(
                || {
                    counted += 1;
                    Looked::Counted(counted)
                },
                Looked::Skipped,
            );
            found.steps.push(Step { day: found.day, is });
        }
        Err(NeverOpen)
    }

    /// The last school day of the `count`-th school week. Week 1 is the week of `start`, or the first school week after it.
    ///
    /// # Errors
    /// There are too few school weeks, or `count` is 0.
    pub fn end_of_week(&self, start: NaiveDate, count: u16) -> Result<Count, NeverOpen> {
        let mut found = Count { start, day: start, steps: Vec::new(), is_in_weeks: true, goes_past: None };
        let mut monday = monday_of(start);
        let mut counted = 0;
        for _ in 0..MAX_DAYS / 7 {
            // Of the first week, only the days from the start on: a Friday start in a week that ends on Thursday is next week's.
            let first = if counted == 0 { start.max(monday) } else { monday };
            let is = match self.last_school_day(first, monday) {
                Some(last) => {
                    counted += 1;
                    found.day = last;
                    Looked::Counted(counted)
                }
                None => Looked::Skipped(self.off(monday).unwrap_or(DayOff::Weekend)),
            };
            found.steps.push(Step { day: monday, is });
            if counted == count {
                return if count == 0 { Err(NeverOpen) } else { Ok(self.doubted(found)) };
            }
            monday = monday.checked_add_days(Days::new(7)).ok_or(NeverOpen)?;
        }
        Err(NeverOpen)
    }

    /// The last school day from `first` to the end of the week of `monday`.
    fn last_school_day(&self, first: NaiveDate, monday: NaiveDate) -> Option<NaiveDate> {
        first.iter_days().take_while(|day| (*day - monday).num_days() < 7).filter(|day| self.is_school_day(*day)).last()
    }

    /// Which school week `day` is in, week 1 being that of `start`. Days before it, and weeks without school, have no number.
    #[must_use]
    pub fn week_number(&self, start: NaiveDate, day: NaiveDate) -> Option<u16> {
        let mut monday = monday_of(start);
        let mut number = 0;
        for _ in 0..MAX_DAYS / 7 {
            if monday > day {
                return None;
            }
            let first = if number == 0 { start.max(monday) } else { monday };
            let is_week = self.last_school_day(first, monday).is_some();
            number += u16::from(is_week);
            if (day - monday).num_days() < 7 {
                return (is_week && day >= first).then_some(number);
            }
            monday = monday.checked_add_days(Days::new(7))?;
        }
        None
    }

    /// The Monday of the `number`-th school week, week 1 being that of `start`.
    #[must_use]
    pub fn monday_of_week(&self, start: NaiveDate, number: u16) -> Option<NaiveDate> {
        self.end_of_week(start, number).ok().map(|count| monday_of(count.day))
    }

    /// The last school day before `day`, not before `earliest`, with the days in between as its arithmetic.
    ///
    /// # Errors
    /// There is none.
    pub fn last_before(&self, day: NaiveDate, earliest: NaiveDate) -> Result<Count, NeverOpen> {
        let mut found = Count { start: day, day, steps: Vec::new(), is_in_weeks: false, goes_past: None };
        for _ in 0..MAX_DAYS {
            found.day = found.day.pred_opt().filter(|day| *day >= earliest).ok_or(NeverOpen)?;
            let off = self.off(found.day);
            found.steps.push(Step { day: found.day, is: off.map_or(Looked::Counted(1), Looked::Skipped) });
            if off.is_none() {
                return Ok(self.doubted(found));
            }
        }
        Err(NeverOpen)
    }

    /// School days after `from` up to and including `until`; at most [`MAX_DAYS`] days are looked at.
    #[must_use]
    pub fn between(&self, from: NaiveDate, until: NaiveDate) -> u16 {
        let days = from.iter_days().skip(1).take(MAX_DAYS as usize).take_while(|day| *day <= until);
        u16::try_from(days.filter(|day| self.is_school_day(*day)).count()).unwrap_or(u16::MAX)
    }

    /// Whether something due on `day` is late at this instant: the day is over where the school is.
    #[must_use]
    pub fn is_over(&self, day: NaiveDate, now: DateTime<Utc>) -> bool {
        self.calendar.day(now) > day
    }

    fn doubted(&self, mut count: Count) -> Count {
        let last = count.day.max(count.start);
        count.goes_past = self.entered.filter(|entered| match entered {
            Entered::Until(until) => last > *until,
            Entered::Nothing => true,
        });
        count
    }
}

#[cfg(test)]
pub(crate) mod tests;
