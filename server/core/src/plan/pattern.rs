//! The pattern of a week: where the pupil is meant to be on each of its ten half-days.
//!
//! A plan of a week, not a record of one, and not a mark: a half-day by robot is an absence in the register, whatever the plan says.
//!
//! Sources: `DOMAIN.md` H-25 (Havering, stage 2), b19, D4.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, NaiveDate};

use crate::register::HalfDay;

/// Where the pupil is meant to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// At the receiving school.
    OnSite,
    /// In class by robot, from wherever the pupil is.
    ByRobot,
    /// Resting. Rest is part of the plan, not a gap in it.
    Rest,
    /// Elsewhere: at the provider, the hospital school, a tutor.
    Other,
}

impl Place {
    /// Every place.
    pub const ALL: [Self; 4] = [Self::OnSite, Self::ByRobot, Self::Rest, Self::Other];

    /// As pages say it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::OnSite => "on site",
            Self::ByRobot => "by robot",
            Self::Rest => "rest",
            Self::Other => "elsewhere",
        }
    }

    fn letter(self) -> char {
        match self {
            Self::OnSite => 's',
            Self::ByRobot => 'r',
            Self::Rest => '-',
            Self::Other => 'o',
        }
    }

    fn of_letter(letter: char) -> Option<Self> {
        Self::ALL.into_iter().find(|place| place.letter() == letter)
    }
}

/// Monday to Friday, morning and afternoon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WeekPattern([[Place; 2]; 5]);

/// The text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a week pattern is five pairs of letters, such as \"ss rr o- rr ss\": s on site, r by robot, - rest, o elsewhere")]
pub struct NotAPattern;

impl WeekPattern {
    /// All ten half-days alike.
    #[must_use]
    pub fn all(place: Place) -> Self {
        Self([[place; 2]; 5])
    }

    /// Where the pupil is meant to be on the half-day of a weekday, 0 being Monday. `None` at the weekend.
    #[must_use]
    pub fn at(&self, weekday: u32, half: HalfDay) -> Option<Place> {
        let day = self.0.get(usize::try_from(weekday).ok()?)?;
        Some(day[usize::from(half == HalfDay::Pm)])
    }

    /// The same on a date.
    #[must_use]
    pub fn on(&self, day: NaiveDate, half: HalfDay) -> Option<Place> {
        self.at(day.weekday().num_days_from_monday(), half)
    }

    /// With one half-day changed; a weekend changes nothing.
    #[must_use]
    pub fn with(mut self, weekday: u32, half: HalfDay, place: Place) -> Self {
        if let Some(day) = usize::try_from(weekday).ok().and_then(|n| self.0.get_mut(n)) {
            day[usize::from(half == HalfDay::Pm)] = place;
        }
        self
    }

    /// How many half-days are of this place. The four places together are ten.
    #[must_use]
    pub fn half_days(&self, place: Place) -> u16 {
        self.0.iter().flatten().map(|at| u16::from(*at == place)).sum()
    }

    /// "On site 4, by robot 4, elsewhere 1, rest 1: ten half-days."
    #[must_use]
    pub fn sentence(&self) -> String {
        let order = [Place::OnSite, Place::ByRobot, Place::Other, Place::Rest];
        let parts: Vec<_> = order.into_iter().map(|place| format!("{} {}", place.words(), self.half_days(place))).collect();
        let text = parts.join(", ");
        format!("{}{}: ten half-days.", text[..1].to_uppercase(), &text[1..])
    }

    /// A question if the pattern is not the policy's ideal for this week. Cases vary: it is never refused (H-1).
    #[must_use]
    pub fn beside_ideal(&self, days_on_site: u16) -> Option<String> {
        let (planned, ideal) = (self.half_days(Place::OnSite), days_on_site * 2);
        let side = match planned.cmp(&ideal) {
            std::cmp::Ordering::Equal => return None,
            std::cmp::Ordering::Less => "fewer",
            std::cmp::Ordering::Greater => "more",
        };
        Some(format!(
            "The policy's course has {ideal} half-days on site this week, and {planned} are planned. Are {side} right for this pupil?"
        ))
    }
}

impl fmt::Display for WeekPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days: Vec<String> = self.0.iter().map(|day| day.iter().map(|place| place.letter()).collect()).collect();
        f.write_str(&days.join(" "))
    }
}

impl FromStr for WeekPattern {
    type Err = NotAPattern;

    /// # Errors
    /// It is not five pairs of the four letters.
    fn from_str(text: &str) -> Result<Self, NotAPattern> {
        let mut pattern = Self::all(Place::Rest);
        let days: Vec<&str> = text.split_whitespace().collect();
        if days.len() != 5 {
            return Err(NotAPattern);
        }
        for (day, letters) in pattern.0.iter_mut().zip(days) {
            let mut letters = letters.chars().map(Place::of_letter);
            for at in day {
                *at = letters.next().flatten().ok_or(NotAPattern)?;
            }
            if letters.next().is_some() {
                return Err(NotAPattern);
            }
        }
        Ok(pattern)
    }
}
