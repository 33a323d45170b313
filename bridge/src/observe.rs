//! What an operator can ask about the running bridge: a few numbers, shared by the tasks that know them and the health page.
//!
//! No id of a robot, pupil or session: whoever can see the health page learns how much happens, not to whom.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use protocol::Now;
use protocol::measure::Estimate;

/// Written by the tasks, read by the health page.
#[derive(Debug, Default)]
pub struct Status {
    broker_connected: AtomicBool,
    robots: AtomicUsize,
    sessions: AtomicUsize,
    /// Monotonic milliseconds of the driver's last turn.
    driver_turned_ms: AtomicU64,
    outbox: Mutex<OutboxStatus>,
    server_clock: Mutex<Option<Estimate>>,
    silent_threads: AtomicUsize,
}

/// How the durable queue is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboxStatus {
    /// Facts that the server has not committed.
    pub waiting: u64,
    /// Since when the oldest waits.
    pub oldest: Option<DateTime<Utc>>,
    /// How full the file is, in per cent of its limit.
    pub full_pct: u64,
    /// The last write failed.
    pub is_failing: bool,
}

impl OutboxStatus {
    /// "312 facts waiting since 2026-11-17 09:14 UTC".
    #[must_use]
    pub fn in_words(&self) -> String {
        let facts = if self.waiting == 1 { "fact" } else { "facts" };
        let since = self.oldest.map(|oldest| oldest.format(" since %Y-%m-%d %H:%M UTC").to_string());
        format!("{} {facts} waiting{}", self.waiting, since.unwrap_or_default())
    }
}

impl Status {
    /// The connection to the broker came or went.
    pub fn set_broker_connected(&self, connected: bool) {
        self.broker_connected.store(connected, Ordering::Relaxed);
    }

    /// Whether the broker is connected.
    #[must_use]
    pub fn is_broker_connected(&self) -> bool {
        self.broker_connected.load(Ordering::Relaxed)
    }

    /// The driver took a turn and found so many robots and sessions.
    pub fn set_turn(&self, now: Now, robots: usize, sessions: usize) {
        self.driver_turned_ms.store(millis(now.monotonic), Ordering::Relaxed);
        self.robots.store(robots, Ordering::Relaxed);
        self.sessions.store(sessions, Ordering::Relaxed);
    }

    /// Robots connected, sessions open.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        (self.robots.load(Ordering::Relaxed), self.sessions.load(Ordering::Relaxed))
    }

    /// How long ago the driver took a turn.
    #[must_use]
    pub fn since_turn(&self, now: Now) -> Duration {
        Duration::from_millis(millis(now.monotonic).saturating_sub(self.driver_turned_ms.load(Ordering::Relaxed)))
    }

    /// Replaces what is known about the server's time.
    pub fn set_server_clock(&self, estimate: Option<Estimate>) {
        *self.server_clock.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = estimate;
    }

    /// What is known about the server's time.
    #[must_use]
    pub fn server_clock(&self) -> Option<Estimate> {
        *self.server_clock.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// `now` with the server's civil time where that is known to be another: what the server signed is read by the server's clock.
    #[must_use]
    pub fn by_server(&self, now: Now) -> Now {
        let ahead_ms = self.server_clock().map_or(0, |clock| clock.ahead_ms(now.monotonic, now.utc));
        Now { utc: now.utc.checked_sub_signed(TimeDelta::milliseconds(ahead_ms)).unwrap_or(now.utc), ..now }
    }

    /// So many media threads did not answer lately.
    pub fn set_silent_threads(&self, silent: usize) {
        self.silent_threads.store(silent, Ordering::Relaxed);
    }

    /// How many media threads did not answer when they were last asked.
    #[must_use]
    pub fn silent_threads(&self) -> usize {
        self.silent_threads.load(Ordering::Relaxed)
    }

    /// Replaces what is known about the outbox.
    pub fn set_outbox(&self, status: OutboxStatus) {
        *self.outbox.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = status;
    }

    /// What is known about the outbox.
    #[must_use]
    pub fn outbox(&self) -> OutboxStatus {
        self.outbox.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_said_in_words() {
        let oldest = DateTime::from_timestamp(1_763_370_840, 0);
        let status = OutboxStatus { waiting: 312, oldest, ..OutboxStatus::default() };
        assert_eq!(status.in_words(), "312 facts waiting since 2025-11-17 09:14 UTC");
        assert_eq!(OutboxStatus { waiting: 1, ..OutboxStatus::default() }.in_words(), "1 fact waiting");
    }
}
