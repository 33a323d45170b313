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
        Now { monotonic: self.started.elapsed(), utc: Utc::now() + self.shift }
    }
}

/// A clock that runs `speed` times as fast, so that a test sees a school day in a minute.
#[derive(Debug)]
pub struct FastClock {
    started: Instant,
    origin: DateTime<Utc>,
    speed: u32,
}

impl FastClock {
    /// Starts at `origin` and runs `speed` times as fast as the machine's clock.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads time")]
    pub fn new(origin: DateTime<Utc>, speed: u32) -> Self {
        Self { started: Instant::now(), origin, speed }
    }
}

impl Clock for FastClock {
    fn now(&self) -> Now {
        let monotonic = self.started.elapsed() * self.speed;
        Now { monotonic, utc: self.origin + TimeDelta::from_std(monotonic).unwrap_or(TimeDelta::MAX) }
    }

    fn speed(&self) -> u32 {
        self.speed.max(1)
    }
}
