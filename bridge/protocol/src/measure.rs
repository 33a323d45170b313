//! Another's time as a function of our own monotonic clock: the server's for a bridge, the database's for a server.
//!
//! The other side says when it received what we sent and when it answered (the server in its acknowledgements, [`ClockEcho`]); with our
//! two times of the same exchange that bounds the difference of the clocks (RFC 5905 §8). Our side is the monotonic clock, so a step of our civil clock
//! changes nothing of what was measured: how wrong civil time is at any moment follows by subtraction, also while nothing can be
//! measured. It reads no clock and sends nothing; it corrects no clock either, for facts carry what was read and by how much it was off.
//!
//! Invariant: if no clock stepped during an exchange and both run evenly, the estimate is at most [`Estimate::error`] off at the
//! moment of its measurement.

use std::collections::VecDeque;
use std::time::Duration;

use crate::{ClockEcho, MessageId};
use chrono::{DateTime, TimeDelta, Utc};

/// The least round trip of this long counts.
pub const REMEMBERED_FOR: Duration = Duration::from_secs(600);
/// Messages whose echo may still come; of more, the oldest are forgotten and their echoes ignored.
pub const MOST_SENT: usize = 512;
/// Exchanges remembered; of more, the oldest is forgotten.
pub const MOST_EXCHANGES: usize = 64;
/// How fast two clocks may drift apart, in millionths (RFC 5905: PHI).
const DRIFT_PPM: u32 = 15;

/// Server time at one moment of our monotonic clock, and thereby at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    at: Duration,
    server: DateTime<Utc>,
    error: Duration,
}

impl Estimate {
    /// The server's civil time when our monotonic clock reads `monotonic`.
    #[must_use]
    pub fn server_time(&self, monotonic: Duration) -> DateTime<Utc> {
        self.server + difference(monotonic, self.at)
    }

    /// How far a civil clock that reads `civil` at `monotonic` is ahead of the server, in milliseconds.
    #[must_use]
    pub fn offset_ms(&self, monotonic: Duration, civil: DateTime<Utc>) -> i64 {
        (civil - self.server_time(monotonic)).num_milliseconds()
    }

    /// The same, and 0 where it may be: an offset within the error of its measurement says nothing, and on a clock that runs fast that
    /// error is seconds.
    #[must_use]
    pub fn ahead_ms(&self, monotonic: Duration, civil: DateTime<Utc>) -> i64 {
        let offset_ms = self.offset_ms(monotonic, civil);
        if Duration::from_millis(offset_ms.unsigned_abs()) <= self.error_at(monotonic) { 0 } else { offset_ms }
    }

    /// The largest error when it was measured: half the round trip, and what the other's clock may be off.
    #[must_use]
    pub fn error(&self) -> Duration {
        self.error
    }

    /// The largest error when our monotonic clock reads `monotonic`.
    #[must_use]
    pub fn error_at(&self, monotonic: Duration) -> Duration {
        self.error + monotonic.saturating_sub(self.at) * DRIFT_PPM / 1_000_000
    }

    /// Whether both can be true: their ranges overlap.
    fn agrees_with(&self, newer: &Self) -> bool {
        let apart = (self.server_time(newer.at) - newer.server).abs().to_std().unwrap_or(Duration::MAX);
        apart <= self.error_at(newer.at) + newer.error + Duration::from_millis(1)
    }
}

/// What was sent, what came back, and what follows.
#[derive(Clone, Debug, Default)]
pub struct Measure {
    sent: VecDeque<Sent>,
    exchanges: VecDeque<Estimate>,
    best: Option<Estimate>,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    id: MessageId,
    mono_ms: u64,
    at: Duration,
}

impl Measure {
    /// Nothing is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A message goes out at `at`, with that moment in whole milliseconds as its `mono_ms`.
    pub fn sent(&mut self, id: MessageId, at: Duration) {
        if self.sent.len() >= MOST_SENT {
            self.sent.pop_front();
        }
        self.sent.push_back(Sent { id, mono_ms: millis(at), at });
    }

    /// The server's echo came at `received`. Echoes of another process, second echoes and impossible ones change nothing.
    pub fn echo(&mut self, received: Duration, echo: &ClockEcho) {
        let of = |sent: &Sent| sent.id == echo.of && sent.mono_ms == echo.mono_ms;
        let Some(place) = self.sent.iter().position(of) else { return };
        let Some(sent) = self.sent.remove(place) else { return };
        self.exchange((sent.at, received), (echo.received_at, echo.sent_at), Duration::from_millis(echo.error_ms));
    }

    /// One exchange: sent and received by our monotonic clock, and received and answered by the other's civil clock, which may be off by
    /// `off` itself. An impossible one changes nothing.
    pub fn exchange(&mut self, ours: (Duration, Duration), theirs: (DateTime<Utc>, DateTime<Utc>), off: Duration) {
        let (Some(away), Ok(held)) = (ours.1.checked_sub(ours.0), (theirs.1 - theirs.0).to_std()) else { return };
        // A stay at the server that is longer than the whole exchange: its clock stepped meanwhile. A millisecond is rounding.
        if held > away + off + Duration::from_millis(1) {
            return;
        }
        // A message that took long one way only, for one that a broker delivered again, bounds the difference from one side alone, by the
        // quick way back: there nothing may be left out, neither the other's own error nor what the clocks drift meanwhile.
        let estimate = Estimate {
            at: ours.0 + away / 2,
            server: theirs.0 + (theirs.1 - theirs.0) / 2,
            error: away.saturating_sub(held) / 2 + off + away * DRIFT_PPM / 1_000_000,
        };
        // Exchanges that contradict a newer one are of before a step of the server's clock, or of before a sleep of this machine.
        self.exchanges.retain(|older| older.agrees_with(&estimate) && older.at + REMEMBERED_FOR >= estimate.at);
        if self.exchanges.len() >= MOST_EXCHANGES {
            self.exchanges.pop_front();
        }
        self.exchanges.push_back(estimate);
        self.best = self.exchanges.iter().min_by_key(|exchange| exchange.error_at(estimate.at)).copied();
    }

    /// What is known of the server's time; `None` until the first exchange. Without news the last one stays: clocks drift by
    /// seconds a day, and step by anything.
    #[must_use]
    pub fn estimate(&self) -> Option<Estimate> {
        self.best
    }
}

/// `a - b`.
fn difference(a: Duration, b: Duration) -> TimeDelta {
    let delta = |duration| TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX);
    if a >= b { delta(a - b) } else { -delta(b - a) }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
