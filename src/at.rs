//! `--at` and `--speed`: the demo school's local time to start at, and the clock that goes on from there.

use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Europe::London;
use clap::Args;
use protocol::{Clock, FastClock, SystemClock};

use crate::Advice;

/// Which clock the programs live by.
#[derive(Args, Clone, Debug, Default)]
pub struct ClockArguments {
    /// Local time of the demo school to start at, such as 2026-11-23T09:00
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Let the time of the demo school run so many times as fast
    #[arg(long, value_name = "N", requires = "at", value_parser = clap::value_parser!(u32).range(1..=60))]
    speed: Option<u32>,
}

impl ClockArguments {
    /// The machine's clock, or one that starts at another time.
    ///
    /// # Errors
    /// The time is not a local time; the sentence shows one.
    pub fn clock(&self) -> Result<Arc<dyn Clock>, Advice> {
        let at = self.at.as_deref().map(instant).transpose()?;
        Ok(match (at, self.speed) {
            (Some(at), Some(speed)) => Arc::new(FastClock::new(at, speed)),
            (Some(at), None) => Arc::new(SystemClock::starting_at(at)),
            _ => Arc::new(SystemClock::new()),
        })
    }
}

/// The instant at which clocks in London show `text`.
///
/// # Errors
/// As [`ClockArguments::clock`].
pub fn instant(text: &str) -> Result<DateTime<Utc>, Advice> {
    let in_london = London.from_local_datetime(&local(text)?).earliest();
    in_london.map(|at| at.with_timezone(&Utc)).ok_or_else(|| wrong(text))
}

/// `text` as a local time, of no zone in particular.
///
/// # Errors
/// As [`ClockArguments::clock`].
pub fn local(text: &str) -> Result<NaiveDateTime, Advice> {
    let forms = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%.f"];
    forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok()).ok_or_else(|| wrong(text))
}

fn wrong(text: &str) -> Advice {
    Advice::new(format!("--at {text} is not a local time: write it like 2026-11-23T09:00."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_time_follows_summer_time_and_an_hour_that_is_skipped_is_refused() {
        assert_eq!(instant("2026-11-23T09:00").unwrap().to_string(), "2026-11-23 09:00:00 UTC");
        assert_eq!(instant("2026-11-23T09:00:00.25").unwrap().to_string(), "2026-11-23 09:00:00.250 UTC");
        assert_eq!(instant("2026-06-23T09:00:30").unwrap().to_string(), "2026-06-23 08:00:30 UTC");
        for wrong in ["2027-03-28T01:30", "tomorrow", "2026-11-23", "2026-13-01T09:00"] {
            let advice = instant(wrong).unwrap_err().to_string();
            assert!(advice.contains("2026-11-23T09:00") && advice.contains(wrong), "{advice}");
        }
    }
}
