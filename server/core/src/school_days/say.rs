//! Days and counts in words: "6, 9–13 and 16–19 November".

use chrono::{Datelike, NaiveDate};

use super::{Count, DayOff, Entered, Looked, Step};

/// "Thursday 19 November 2026".
#[must_use]
pub fn day_words(day: NaiveDate) -> String {
    day.format("%A %-d %B %Y").to_string()
}

/// Days in order as ranges: "6, 9–13 and 16–19 November"; the year is left out.
#[must_use]
pub fn listed_days(days: &[NaiveDate]) -> String {
    let mut runs: Vec<(NaiveDate, NaiveDate)> = Vec::new();
    for day in days {
        match runs.last_mut() {
            Some((_, last)) if last.succ_opt() == Some(*day) => *last = *day,
            _ => runs.push((*day, *day)),
        }
    }
    let mut parts: Vec<String> = Vec::new();
    for (n, (first, last)) in runs.iter().enumerate() {
        let month = |day: &NaiveDate| day.format("%B").to_string();
        let mut part = first.day().to_string();
        if first.month() != last.month() {
            part = format!("{part} {}", month(first));
        }
        if first != last {
            part = format!("{part}–{}", last.day());
        }
        // The month is said once, after its last day.
        if runs.get(n + 1).is_none_or(|(next, _)| (next.year(), next.month()) != (last.year(), last.month())) {
            part = format!("{part} {}", month(last));
        }
        parts.push(part);
    }
    match parts.split_last() {
        None => "no day".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

impl Count {
    /// The days, or the Mondays of the weeks, that were counted.
    #[must_use]
    pub fn counted(&self) -> Vec<NaiveDate> {
        self.steps.iter().filter(|step| matches!(step.is, Looked::Counted(_))).map(|step| step.day).collect()
    }

    /// The days, or the Mondays of the weeks, that were skipped for this reason.
    #[must_use]
    pub fn skipped(&self, why: DayOff) -> Vec<NaiveDate> {
        self.steps.iter().filter(|step| step.is == Looked::Skipped(why)).map(|step| step.day).collect()
    }

    /// What was not counted, as a sentence; `None` if everything was. Weekends of a count of days are understood.
    #[must_use]
    pub fn not_counted(&self) -> Option<String> {
        let reasons = [DayOff::Holiday, DayOff::Inset, DayOff::Closure];
        let parts: Vec<_> = reasons
            .into_iter()
            .map(|why| (why, self.skipped(why)))
            .filter(|(_, days)| !days.is_empty())
            .map(|(why, days)| {
                let week = match (self.is_in_weeks, days.len()) {
                    (false, _) => "",
                    (true, 1) => "the week of ",
                    (true, _) => "the weeks of ",
                };
                format!("{week}{} ({})", listed_days(&days), why.words())
            })
            .collect();
        (!parts.is_empty()).then(|| format!("Not counted: {}.", parts.join("; ")))
    }

    /// What a reader must know of a calendar that may be incomplete.
    #[must_use]
    pub fn doubt(&self) -> Option<String> {
        Some(match self.goes_past? {
            Entered::Until(until) => format!("No holidays are entered after {}: this date may move.", day_words(until)),
            Entered::Nothing => "No holidays are entered: this date may move.".to_owned(),
        })
    }
}

impl Step {
    /// One line of the arithmetic: "Monday 9 November 2026: day 2", "Saturday 7 November 2026: weekend, not counted".
    #[must_use]
    pub fn line(&self, unit: &str) -> String {
        let day = day_words(self.day);
        // A week is named by its Monday.
        match self.is {
            Looked::Counted(n) => format!("{day}: {unit} {n}"),
            Looked::Skipped(why) => format!("{day}: {}, not counted", why.words()),
        }
    }
}
