//! What an operator can ask about the running bridge: a few numbers, shared by the tasks that know them, the health page and the
//! metrics.
//!
//! No id of a robot, pupil or session: whoever can see the health page learns how much happens, not to whom.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bridge_core::freezes::Freezes;
use bridge_core::load::Look;
use bridge_core::roster::Glance;
use chrono::{DateTime, TimeDelta, Utc};
use protocol::measure::Estimate;
use protocol::{Now, SessionId, Tier, Trouble};

use crate::media::Held;

/// Written by the tasks, read by the health page.
#[derive(Debug, Default)]
pub struct Status {
    broker_connected: AtomicBool,
    draining: AtomicBool,
    robots: AtomicUsize,
    sessions: AtomicUsize,
    /// Monotonic milliseconds of the driver's last turn.
    driver_turned_ms: AtomicU64,
    outbox: Mutex<OutboxStatus>,
    server_clock: Mutex<Option<Estimate>>,
    /// Connections that HTTP can name.
    resources: AtomicUsize,
    silent_threads: AtomicUsize,
    legs: AtomicUsize,
    addresses: AtomicUsize,
    busy_pct: AtomicUsize,
    busy_legs: AtomicUsize,
    max_busy_pct: AtomicUsize,
    looks: AtomicU64,
    visits: Mutex<Visits>,
}

/// What the last second of each visit showed, by seat; and seconds since the start.
#[derive(Clone, Debug, Default)]
pub struct Visits {
    seats: Vec<Option<Glance>>,
    tier_seconds: [u64; 3],
    trouble_seconds: [u64; 3],
    freezes: Freezes,
}

impl Visits {
    /// A visit's second.
    pub fn second(&mut self, glance: Glance) {
        if let Some(tier) = glance.tier {
            self.tier_seconds[tier as usize] += 1;
        }
        if let Some(trouble) = glance.trouble {
            self.trouble_seconds[trouble as usize] += 1;
        }
        let known = self.seats.iter().position(|seat| seat.is_some_and(|seat| seat.session == glance.session));
        let before = known.and_then(|place| self.seats[place]?.freezes).unwrap_or_default();
        self.freezes = self.freezes.and(glance.freezes.unwrap_or_default().since(before));
        let place = known.or_else(|| self.seats.iter().position(Option::is_none)).unwrap_or_else(|| {
            self.seats.push(None);
            self.seats.len() - 1
        });
        self.seats[place] = Some(glance);
    }

    /// A visit is over; its number is free.
    pub fn ended(&mut self, session: SessionId) {
        for seat in &mut self.seats {
            seat.take_if(|seat| seat.session == session);
        }
        while self.seats.pop_if(|seat| seat.is_none()).is_some() {}
    }

    /// Visits by their numbers, from 1.
    pub fn seats(&self) -> impl Iterator<Item = (usize, &Glance)> {
        self.seats.iter().enumerate().filter_map(|(place, seat)| Some((place + 1, seat.as_ref()?)))
    }

    /// Seconds in which this reached a pupil.
    #[must_use]
    pub fn tier_seconds(&self, tier: Tier) -> u64 {
        self.tier_seconds[tier as usize]
    }

    /// Seconds in which this side was the cause of trouble.
    #[must_use]
    pub fn trouble_seconds(&self, trouble: Trouble) -> u64 {
        self.trouble_seconds[trouble as usize]
    }

    /// How pictures stood still, as the tablets say.
    #[must_use]
    pub fn freezes(&self) -> Freezes {
        self.freezes
    }
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

    /// Whether nobody new is taken.
    pub fn set_draining(&self, draining: bool) {
        self.draining.store(draining, Ordering::Relaxed);
    }

    /// Whether nobody new is taken.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
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

    /// So many connections can be named by HTTP.
    pub fn set_resources(&self, resources: usize) {
        self.resources.store(resources, Ordering::Relaxed);
    }

    /// How many connections can be named by HTTP.
    #[must_use]
    pub fn resources(&self) -> usize {
        self.resources.load(Ordering::Relaxed)
    }

    /// So many media threads did not answer lately, and the others hold this; above `max_busy_pct` of a core nobody new is taken.
    pub fn set_media(&self, silent: usize, held: Held, max_busy_pct: u8) {
        self.max_busy_pct.store(max_busy_pct.into(), Ordering::Relaxed);
        self.silent_threads.store(silent, Ordering::Relaxed);
        self.legs.store(held.legs, Ordering::Relaxed);
        self.addresses.store(held.addresses, Ordering::Relaxed);
        self.busy_pct.store(held.busy_pct, Ordering::Relaxed);
        self.busy_legs.store(held.busy_legs, Ordering::Relaxed);
        self.looks.fetch_add(1, Ordering::Release);
    }

    /// What the media threads held when they were last asked.
    #[must_use]
    pub fn held(&self) -> Held {
        Held {
            legs: self.legs.load(Ordering::Relaxed),
            addresses: self.addresses.load(Ordering::Relaxed),
            busy_pct: self.busy_pct.load(Ordering::Relaxed),
            busy_legs: self.busy_legs.load(Ordering::Relaxed),
        }
    }

    /// What the busiest media thread used lately of what it may, in per cent; none before it was measured.
    #[must_use]
    pub fn load_pct(&self) -> Option<usize> {
        let most = self.max_busy_pct.load(Ordering::Relaxed);
        (self.busy_pct.load(Ordering::Relaxed) * 100).checked_div(most)
    }

    /// What the media threads had to do when they were last asked.
    #[must_use]
    pub fn look(&self) -> Look {
        let number = self.looks.load(Ordering::Acquire);
        let Held { busy_pct, busy_legs, .. } = self.held();
        Look { number, busy_pct, legs: busy_legs, most_pct: self.max_busy_pct.load(Ordering::Relaxed) }
    }

    /// How many media threads did not answer when they were last asked.
    #[must_use]
    pub fn silent_threads(&self) -> usize {
        self.silent_threads.load(Ordering::Relaxed)
    }

    /// Looks at or changes what is known of visits.
    pub fn with_visits<T>(&self, look: impl FnOnce(&mut Visits) -> T) -> T {
        look(&mut self.visits.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
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
    fn a_visits_number_is_free_again_when_it_ends() {
        let glance =
            |session| Glance { session, robot: None, pupil: None, tier: Some(Tier::Stills), trouble: None, freezes: None };
        let sessions: [SessionId; 4] = std::array::from_fn(|_| SessionId::new());
        let mut visits = Visits::default();
        for session in &sessions[..3] {
            visits.second(glance(*session));
        }
        visits.ended(sessions[1]);
        visits.second(glance(sessions[2]));
        visits.second(glance(sessions[3]));
        let seated: Vec<_> = visits.seats().map(|(seat, glance)| (seat, glance.session)).collect();
        assert_eq!(seated, [(1, sessions[0]), (2, sessions[3]), (3, sessions[2])]);
        assert_eq!((visits.tier_seconds(Tier::Stills), visits.tier_seconds(Tier::Video)), (5, 0));
        sessions.iter().for_each(|session| visits.ended(*session));
        assert!(visits.seats.is_empty());
    }

    #[test]
    fn what_waits_is_said_in_words() {
        let oldest = DateTime::from_timestamp(1_763_370_840, 0);
        let status = OutboxStatus { waiting: 312, oldest, ..OutboxStatus::default() };
        assert_eq!(status.in_words(), "312 facts waiting since 2025-11-17 09:14 UTC");
        assert_eq!(OutboxStatus { waiting: 1, ..OutboxStatus::default() }.in_words(), "1 fact waiting");
    }
}
