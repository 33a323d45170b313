//! What to send next, and when again. The rows are on disk (shell); this is the window over them that is under way.
//!
//! A row is sent oldest first, and again until the server's acknowledgement covers it: the broker's PUBACK only says that the broker
//! has it in memory. At most `in_flight` rows are under way, so a server that is away costs neither memory nor the broker's patience.
//! Nothing here ever expires.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

/// How long to wait for the server's acknowledgement before sending again.
pub const FIRST_PATIENCE: Duration = Duration::from_secs(10);
/// The longest wait, reached by doubling.
pub const LAST_PATIENCE: Duration = Duration::from_secs(120);
/// How long a copy may be on its way before a gap in an acknowledgement means that it is lost.
pub const GAP_PATIENCE: Duration = Duration::from_secs(2);
/// How long to leave a row alone that the broker refused.
pub const REFUSED_PATIENCE: Duration = Duration::from_secs(60);

/// How a publish ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The broker has it; now the server's acknowledgement is awaited.
    Taken,
    /// The broker refuses it, usually by its access rules.
    Refused,
    /// The connection broke, or the broker did not answer.
    Failed,
}

/// What the server says it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acked {
    /// Everything up to and including this number …
    pub through: u64,
    /// … except these.
    pub gaps: Vec<RangeInclusive<u64>>,
}

impl Acked {
    /// Reads an acknowledgement. Gaps that are upside down or beyond `through` are ignored.
    #[must_use]
    pub fn new(through: u64, gaps: &[(u64, u64)]) -> Self {
        let gaps = gaps.iter().filter(|(low, high)| low <= high && *low <= through).map(|(low, high)| *low..=*high).collect();
        Self { through, gaps }
    }

    /// Whether number `seq` is committed.
    #[must_use]
    pub fn covers(&self, seq: u64) -> bool {
        seq <= self.through && !self.gaps.iter().any(|gap| gap.contains(&seq))
    }

    /// The committed numbers, as inclusive ranges in order: what may be deleted.
    #[must_use]
    pub fn committed(&self) -> Vec<RangeInclusive<u64>> {
        let mut gaps = self.gaps.clone();
        gaps.sort_by_key(|gap| *gap.start());
        let mut ranges = Vec::new();
        let mut next = 1;
        for gap in gaps {
            if *gap.start() > next {
                ranges.push(next..=gap.start() - 1);
            }
            next = next.max(gap.end().saturating_add(1));
        }
        if next <= self.through {
            ranges.push(next..=self.through);
        }
        ranges
    }
}

/// The rows that are under way.
#[derive(Clone, Debug)]
pub struct Queue {
    in_flight: usize,
    connected: bool,
    /// Rows up to here have been taken into the window at least once.
    cursor: u64,
    window: BTreeMap<u64, Row>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    state: State,
    patience: Duration,
    sent_at: Duration,
}

impl Row {
    const NEW: Self = Self { state: State::Due(Duration::ZERO), patience: FIRST_PATIENCE, sent_at: Duration::ZERO };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Handed to the connection; its outcome is awaited.
    Publishing,
    /// Due at this moment.
    Due(Duration),
}

impl Queue {
    /// An empty window of `in_flight` rows.
    #[must_use]
    pub fn new(in_flight: usize) -> Self {
        Self { in_flight: in_flight.max(1), connected: false, cursor: 0, window: BTreeMap::new() }
    }

    /// The broker is there (again): everything unacknowledged is due, for a broker forgets.
    pub fn connected(&mut self) {
        self.connected = true;
        for row in self.window.values_mut().filter(|row| row.state != State::Publishing) {
            *row = Row::NEW;
        }
    }

    /// The broker is gone. Publishes under way report for themselves.
    pub fn disconnected(&mut self) {
        self.connected = false;
    }

    /// Every row has another number now: what was under way is forgotten and taken from disk again.
    pub fn start_anew(&mut self) {
        self.cursor = 0;
        self.window.clear();
    }

    /// How many new rows may be taken from disk now, and after which number.
    #[must_use]
    pub fn room(&self) -> Option<(u64, usize)> {
        let room = self.in_flight.saturating_sub(self.window.len());
        (self.connected && room > 0).then_some((self.cursor, room))
    }

    /// Row `seq` was read from disk and is due.
    pub fn take(&mut self, seq: u64) {
        self.cursor = self.cursor.max(seq);
        self.window.entry(seq).or_insert(Row::NEW);
    }

    /// The rows to publish now, oldest first. They count as being published until [`Queue::published`].
    pub fn due(&mut self, now: Duration) -> Vec<u64> {
        if !self.connected {
            return Vec::new();
        }
        let mut due = Vec::new();
        for (seq, row) in &mut self.window {
            if matches!(row.state, State::Due(at) if at <= now) {
                row.state = State::Publishing;
                due.push(*seq);
            }
        }
        due
    }

    /// A publish ended.
    pub fn published(&mut self, now: Duration, seq: u64, outcome: Outcome) {
        let Some(row) = self.window.get_mut(&seq) else { return };
        row.sent_at = now;
        match outcome {
            Outcome::Taken => {
                row.state = State::Due(now + row.patience);
                row.patience = (row.patience * 2).min(LAST_PATIENCE);
            }
            Outcome::Refused => row.state = State::Due(now + REFUSED_PATIENCE),
            Outcome::Failed => row.state = State::Due(now + Duration::from_secs(1)),
        }
    }

    /// The server acknowledged. What it has leaves the window; what it misses is due soon, but not while a copy may be on its way.
    pub fn acked(&mut self, acked: &Acked) {
        self.window.retain(|seq, _| !acked.covers(*seq));
        for (_, row) in self.window.range_mut(..=acked.through) {
            if let State::Due(at) = row.state {
                row.state = State::Due(at.min(row.sent_at + GAP_PATIENCE));
            }
        }
    }

    /// When [`Queue::due`] will next have something.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        if !self.connected {
            return None;
        }
        self.window.values().filter_map(|row| if let State::Due(at) = row.state { Some(at) } else { None }).min()
    }

    /// How many rows are under way.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.window.len()
    }
}

#[cfg(test)]
mod tests;
