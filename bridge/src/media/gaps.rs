//! What is missing of one received stream, and when it is asked for (RFC 4585 §6.2.1).
//!
//! A packet is asked for [`PATIENCE`] after the gap showed, in case it was only overtaken, and again after a round trip; from then on twice
//! in each, for a question is small and may be lost as well, and who was asked before resends nothing within a round trip. Bounds: at
//! most [`MAX_MISSING`] packets, [`MAX_ASKED`] requests for each, and nothing older than [`TOO_OLD`]. What is over a bound is given
//! up, and the caller told: a picture then needs a key frame.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long a packet may be overtaken before it counts as lost.
const PATIENCE: Duration = Duration::from_millis(4);

/// Most packets asked for at a time; a larger gap is given up at once.
const MAX_MISSING: usize = 256;

/// Most requests for one packet.
const MAX_ASKED: u8 = 18;

/// A packet that is missing for longer helps nobody.
const TOO_OLD: Duration = Duration::from_millis(1500);

/// Taken for the round trip until one was measured.
const FIRST_ROUND_TRIP: Duration = Duration::from_millis(100);

/// Least and most time between two requests for the same packet.
const REPEAT: [Duration; 2] = [Duration::from_millis(15), Duration::from_millis(400)];

#[derive(Clone, Copy, Debug)]
struct Missing {
    index: u64,
    since: Instant,
    asked: u8,
    asked_at: Instant,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    /// In order of index.
    missing: VecDeque<Missing>,
    round_trip: Option<Duration>,
}

impl Gaps {
    /// A packet was accepted; `highest` is the highest index accepted before it. Returns whether something was given up.
    pub(super) fn arrived(&mut self, index: u64, highest: Option<u64>, now: Instant) -> bool {
        let Some(highest) = highest else { return false };
        if index <= highest {
            if let Ok(place) = self.missing.binary_search_by_key(&index, |missing| missing.index)
                && let Some(found) = self.missing.remove(place)
                && found.asked == 1
            {
                // Asked for once: the answer belongs to the question.
                let sample = now.saturating_duration_since(found.asked_at);
                self.round_trip = Some(self.round_trip.map_or(sample, |known| (known * 7 + sample) / 8));
            }
            return false;
        }
        let gap = index - highest - 1;
        if gap as usize + self.missing.len() > MAX_MISSING {
            self.missing.clear();
            return true;
        }
        for missing in highest + 1..index {
            self.missing.push_back(Missing { index: missing, since: now, asked: 0, asked_at: now });
        }
        false
    }

    /// Sequence numbers to ask for now, and whether something was given up.
    pub(super) fn due(&mut self, now: Instant) -> (Vec<u16>, bool) {
        let repeat = self.repeat();
        let before = self.missing.len();
        self.missing.retain(|missing| {
            let old = now.saturating_duration_since(missing.since) >= TOO_OLD;
            !(old || missing.asked >= MAX_ASKED && missing.at(repeat) <= now)
        });
        let mut due = Vec::new();
        for missing in &mut self.missing {
            if missing.at(repeat) <= now {
                missing.asked += 1;
                missing.asked_at = now;
                #[expect(clippy::cast_possible_truncation, reason = "the sequence number is the index's low half")]
                due.push(missing.index as u16);
            }
        }
        (due, self.missing.len() < before)
    }

    /// When [`Gaps::due`] next has something to say.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let repeat = self.repeat();
        self.missing.iter().map(|missing| missing.at(repeat)).min()
    }

    /// Whether nothing is missing.
    pub(super) fn is_empty(&self) -> bool {
        self.missing.is_empty()
    }

    /// Gives up everything: nobody is there for whom it would be asked.
    pub(super) fn clear(&mut self) {
        self.missing.clear();
    }

    fn repeat(&self) -> Duration {
        (self.round_trip.unwrap_or(FIRST_ROUND_TRIP) * 5 / 4).clamp(REPEAT[0], REPEAT[1])
    }
}

impl Missing {
    fn at(&self, repeat: Duration) -> Instant {
        match self.asked {
            0 => self.since + PATIENCE,
            1 | MAX_ASKED => self.asked_at + repeat,
            _ => self.asked_at + repeat / 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an origin for durations")]
    fn start() -> Instant {
        Instant::now()
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn an_overtaken_packet_is_not_asked_for_and_a_lost_one_is_until_it_comes() {
        let now = start();
        let mut gaps = Gaps::default();
        assert!(!gaps.arrived(65_534, None, now));
        assert!(!gaps.arrived(65_537, Some(65_534), now));
        assert!(!gaps.arrived(65_536, Some(65_537), now + ms(1)));
        assert_eq!(gaps.deadline(), Some(now + PATIENCE));
        assert_eq!(gaps.due(now + ms(3)), (vec![], false));
        assert_eq!(gaps.due(now + ms(4)), (vec![65_535], false));
        assert_eq!(gaps.due(now + ms(5)), (vec![], false));
        assert_eq!(gaps.deadline(), Some(now + ms(4) + ms(125)), "nothing is known of the round trip");
        assert_eq!(gaps.due(now + ms(129)), (vec![65_535], false));
        assert_eq!(gaps.deadline(), Some(now + ms(129) + ms(125) / 2), "then twice in each");
        assert!(!gaps.arrived(65_535, Some(65_537), now + ms(150)));
        assert!(gaps.is_empty() && gaps.deadline().is_none());
    }

    #[test]
    fn the_round_trip_is_learned_from_what_was_asked_for_once() {
        let now = start();
        let mut gaps = Gaps::default();
        gaps.arrived(1, None, now);
        gaps.arrived(3, Some(1), now);
        gaps.due(now + ms(4));
        gaps.arrived(2, Some(3), now + ms(44));
        gaps.arrived(5, Some(3), now + ms(100));
        assert_eq!(gaps.due(now + ms(104)).0, [4]);
        assert_eq!(gaps.deadline(), Some(now + ms(154)), "40 ms and a quarter more");
    }

    #[test]
    fn what_never_comes_is_given_up_after_eighteen_requests_or_in_time() {
        for (round_trip, requests) in [(ms(40), 18), (ms(200), 11)] {
            let now = start();
            let mut gaps = Gaps { round_trip: Some(round_trip), ..Gaps::default() };
            gaps.arrived(1, None, now);
            gaps.arrived(3, Some(1), now);
            let (mut asked, mut given_up) = (0, 0);
            for step in 0..3000 {
                let (due, lost) = gaps.due(now + ms(step));
                asked += due.len();
                given_up += usize::from(lost);
            }
            assert_eq!((asked, given_up), (requests, 1), "{round_trip:?}");
            assert!(gaps.is_empty());
        }
    }

    #[test]
    fn a_gap_too_wide_is_given_up_at_once_and_nothing_grows() {
        let now = start();
        let mut gaps = Gaps::default();
        assert!(!gaps.arrived(257, Some(0), now));
        assert_eq!(gaps.missing.len(), 256);
        assert!(gaps.arrived(259, Some(257), now));
        assert!(gaps.is_empty());
        assert!(gaps.arrived(u64::MAX, Some(259), now));
    }
}
