//! What an operator can ask about the running bridge: a few numbers, shared by the tasks that know them and the health page.
//!
//! No id of a robot, pupil or session: whoever can see the health page learns how much happens, not to whom.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use protocol::Now;

/// Written by the tasks, read by the health page.
#[derive(Debug, Default)]
pub struct Status {
    broker_connected: AtomicBool,
    robots: AtomicUsize,
    sessions: AtomicUsize,
    /// Monotonic milliseconds of the driver's last turn.
    driver_turned_ms: AtomicU64,
    outbox: Mutex<OutboxStatus>,
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
