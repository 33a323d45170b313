//! Time, as an argument. The drivers read it here and nowhere else; the cores never do.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

/// Both clocks, read once per event. Durations come from `monotonic`, positions from `utc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Since the clock was made; never steps.
    pub monotonic: Duration,
    /// Civil time; may step.
    pub utc: DateTime<Utc>,
}

impl Now {
    /// The same moment, later.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        let delta = TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX);
        Self { monotonic: self.monotonic + by, utc: self.utc + delta }
    }
}

/// A source of [`Now`].
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Now;

    /// How many of its seconds pass in one second of the machine: what is bound to the physical world (a silent network, a second
    /// of media) lasts so many times longer on this clock.
    fn speed(&self) -> u32 {
        1
    }

    /// How far it may be off the time that it stands for, where that is another's.
    fn error(&self) -> Duration {
        Duration::ZERO
    }

    /// What it shows when the machine's civil clock reads `machine`: the time of another machine on this clock's scale.
    fn shown_at(&self, machine: DateTime<Utc>) -> DateTime<Utc> {
        machine
    }
}

/// The machine's clocks, with civil time shifted by a fixed amount (nothing by default, `--at` in a demo).
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
    shift: TimeDelta,
}

impl SystemClock {
    /// The machine's own time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads time")]
    pub fn new() -> Self {
        Self { started: Instant::now(), shift: TimeDelta::zero() }
    }

    /// A clock whose civil time is `utc` now and goes on from there.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads time")]
    pub fn starting_at(utc: DateTime<Utc>) -> Self {
        Self { started: Instant::now(), shift: utc - Utc::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads time")]
    fn now(&self) -> Now {
        Now { monotonic: self.started.elapsed(), utc: self.shown_at(Utc::now()) }
    }

    fn shown_at(&self, machine: DateTime<Utc>) -> DateTime<Utc> {
        machine.checked_add_signed(self.shift).unwrap_or(machine)
    }
}

/// A clock that runs `speed` times as fast, so that a test sees a school day in a minute. Its civil time follows the machine's civil
/// clock, and a step of that shows `speed` times as large; its monotonic time never steps.
#[derive(Debug)]
pub struct FastClock {
    started: Instant,
    started_utc: DateTime<Utc>,
    origin: DateTime<Utc>,
    speed: u32,
}

impl FastClock {
    /// Starts at `origin` and runs `speed` times as fast as the machine's clock.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads time")]
    pub fn new(origin: DateTime<Utc>, speed: u32) -> Self {
        Self { started: Instant::now(), started_utc: Utc::now(), origin, speed: speed.max(1) }
    }
}

impl Clock for FastClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads time")]
    fn now(&self) -> Now {
        Now { monotonic: self.started.elapsed() * self.speed, utc: self.shown_at(Utc::now()) }
    }

    fn shown_at(&self, machine: DateTime<Utc>) -> DateTime<Utc> {
        let passed = machine - self.started_utc;
        let faster = passed.checked_mul(i32::try_from(self.speed).unwrap_or(i32::MAX));
        faster.and_then(|passed| self.origin.checked_add_signed(passed)).unwrap_or(self.origin)
    }

    fn speed(&self) -> u32 {
        self.speed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_clock_lets_both_of_its_times_pass_as_fast() {
        let origin = DateTime::from_timestamp(1_760_000_400, 0).unwrap();
        let clock = FastClock::new(origin, 1_000);
        let first = clock.now();
        std::thread::sleep(Duration::from_millis(20));
        let second = clock.now();
        assert!(second.monotonic - first.monotonic >= Duration::from_secs(20));
        assert!(first.utc >= origin && second.utc > first.utc);
        assert_eq!(clock.speed(), 1_000);
    }
}
