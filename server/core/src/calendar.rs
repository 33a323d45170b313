//! A school's calendar: its time zone, its closures, and which week of the two-week timetable a day is in.
//!
//! Times are UTC everywhere else; this is the edge where local time begins. Weeks alternate from one Monday on, through holidays;
//! a school that starts each term anew with week 1 enters that Monday too: the weeks before it stay what they were.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, Days, LocalResult, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// Week of a two-week timetable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Week {
    /// Week 1 (A).
    One,
    /// Week 2 (B).
    Two,
}

/// The time zone is not one of the IANA names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time zone: write an IANA name such as Europe/London")]
pub struct UnknownZone(pub String);

/// When a school is open, in its own time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    zone: Tz,
    week_ones: BTreeSet<NaiveDate>,
    closures: BTreeSet<NaiveDate>,
}

impl Calendar {
    /// `week_ones`: days of a week 1, from which weeks alternate until the next such day; without any, every week is week 1.
    /// `closures`: days without school.
    ///
    /// # Errors
    /// The zone is not an IANA name.
    pub fn new(
        zone: &str,
        week_ones: impl IntoIterator<Item = NaiveDate>,
        closures: impl IntoIterator<Item = NaiveDate>,
    ) -> Result<Self, UnknownZone> {
        let zone = zone.parse().map_err(|_| UnknownZone(zone.to_owned()))?;
        let week_ones = week_ones.into_iter().map(monday_of).collect();
        Ok(Self { zone, week_ones, closures: closures.into_iter().collect() })
    }

    /// The school's day and wall-clock time at this instant.
    #[must_use]
    pub fn local(&self, at: DateTime<Utc>) -> chrono::NaiveDateTime {
        at.with_timezone(&self.zone).naive_local()
    }

    /// The school's day at this instant.
    #[must_use]
    pub fn day(&self, at: DateTime<Utc>) -> NaiveDate {
        self.local(at).date()
    }

    /// Whether the school is open that day, as far as closures say. Which weekdays have lessons is the timetable's matter.
    #[must_use]
    pub fn is_open(&self, day: NaiveDate) -> bool {
        !self.closures.contains(&day)
    }

    /// Which week of the timetable the day is in.
    #[must_use]
    pub fn week(&self, day: NaiveDate) -> Week {
        let monday = monday_of(day);
        // Before the first one known, weeks alternate backwards from it.
        let Some(one) = self.week_ones.range(..=monday).next_back().or_else(|| self.week_ones.first()) else {
            return Week::One;
        };
        let weeks = (monday - *one).num_weeks();
        if weeks.rem_euclid(2) == 0 { Week::One } else { Week::Two }
    }

    /// The instant at which the school's clocks show `minutes` after midnight on `day`; 1440 is the next midnight.
    ///
    /// A time that the clocks skip in spring is the instant at which they skip; of a time that they show twice in autumn, the
    /// first is meant.
    #[must_use]
    pub fn instant(&self, day: NaiveDate, minutes: u16) -> DateTime<Utc> {
        let mut wanted = day.and_time(NaiveTime::MIN) + TimeDelta::minutes(i64::from(minutes));
        // No zone skips more than a day; a quarter of an hour is the finest step that zones use.
        for _ in 0..=96 {
            match self.zone.from_local_datetime(&wanted) {
                LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => return at.to_utc(),
                LocalResult::None => {
                    wanted += TimeDelta::minutes(15) - TimeDelta::minutes(wanted.and_utc().timestamp() / 60 % 15)
                }
            }
        }
        wanted.and_utc()
    }

    /// The instants at which the school's day begins and ends: 23, 24 or 25 hours apart.
    #[must_use]
    pub fn bounds(&self, day: NaiveDate) -> (DateTime<Utc>, DateTime<Utc>) {
        (self.instant(day, 0), self.instant(day, 24 * 60))
    }
}

/// The Monday of the week of `day`.
#[must_use]
pub fn monday_of(day: NaiveDate) -> NaiveDate {
    day.checked_sub_days(Days::new(u64::from(day.weekday().num_days_from_monday()))).unwrap_or(day)
}

#[cfg(test)]
mod tests;
