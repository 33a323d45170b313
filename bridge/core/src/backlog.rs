//! What the outbox cannot take at the moment, coalesced, so that a disk that hangs or is full for hours loses nothing that counts.
//!
//! Facts are absolute: of each interval only the latest word is kept, of each session the latest checkpoint, and its end. So what waits
//! here grows with intervals and not with time. Beyond [`MOST_FACTS`] nothing is begun any more: words on new intervals and sessions
//! are dropped and counted, words on those that are known still replace the earlier ones. Beyond [`MOST_EVENTS`] the oldest event goes.
//! What has waited longest leaves first: an outbox that is slower than what comes starves no session. It lives as long as its process.

use std::collections::{BTreeMap, VecDeque};

use protocol::{EventMessage, PresenceMessage, SessionId};

use crate::session::{Checkpoint, Record};

/// Intervals and ends that may wait: a day of 500 busy sessions, in about 20 MiB.
pub const MOST_FACTS: usize = 50_000;
/// Events that may wait.
pub const MOST_EVENTS: usize = 1_000;

/// Something to store.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// Facts and the checkpoint that goes with them.
    Record(Record),
    /// An event.
    Report(EventMessage),
}

/// What waits.
#[derive(Clone, Debug, Default)]
pub struct Backlog {
    sessions: BTreeMap<SessionId, Waiting>,
    /// Those sessions, by when their first word began to wait.
    order: VecDeque<SessionId>,
    events: VecDeque<EventMessage>,
    facts: usize,
    dropped: u64,
}

#[derive(Clone, Debug, Default)]
struct Waiting {
    intervals: BTreeMap<u32, PresenceMessage>,
    ended: Option<PresenceMessage>,
    checkpoint: Option<Checkpoint>,
}

impl Backlog {
    /// Nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty() && self.events.is_empty()
    }

    /// How many facts and events wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.facts + self.events.len()
    }

    /// How many facts and events found no room, ever.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Keeps `work` until it is [`Backlog::take_next`]. Order within a session is kept, by its numbers.
    pub fn keep(&mut self, work: Work) {
        match work {
            Work::Report(event) => {
                if self.events.len() >= MOST_EVENTS {
                    self.events.pop_front();
                    self.dropped += 1;
                }
                self.events.push_back(event);
            }
            Work::Record(record) => self.record(record),
        }
    }

    fn record(&mut self, record: Record) {
        let has_room = self.facts < MOST_FACTS;
        if !has_room && !self.sessions.contains_key(&record.session) {
            self.dropped += record.facts.len().max(1) as u64;
            return;
        }
        let order = &mut self.order;
        let waiting = self.sessions.entry(record.session).or_insert_with(|| {
            order.push_back(record.session);
            Waiting::default()
        });
        waiting.checkpoint = record.checkpoint;
        for fact in record.facts {
            match fact {
                PresenceMessage::Interval { n, .. } if has_room || waiting.intervals.contains_key(&n) => {
                    if waiting.intervals.insert(n, fact).is_none() {
                        self.facts += 1;
                    }
                }
                PresenceMessage::Interval { .. } => self.dropped += 1,
                PresenceMessage::Ended { .. } => {
                    if waiting.ended.replace(fact).is_none() {
                        self.facts += 1;
                    }
                }
            }
        }
    }

    /// Takes what has waited: the session that has waited longest first, whole; events last, for facts count.
    pub fn take_next(&mut self) -> Option<Work> {
        let Some((session, waiting)) = self.order.pop_front().and_then(|session| self.sessions.remove_entry(&session)) else {
            return self.events.pop_front().map(Work::Report);
        };
        let facts: Vec<_> = waiting.intervals.into_values().chain(waiting.ended).collect();
        self.facts -= facts.len();
        Some(Work::Record(Record { session, facts, checkpoint: waiting.checkpoint }))
    }
}

#[cfg(test)]
mod tests;
