//! Whose turn it is: everybody once a round, a few at a time.
//!
//! All at once would be a burst of which a busy connection takes the beginning only, and always the same beginning.

use std::collections::VecDeque;
use std::time::Duration;

use protocol::RobotId;

/// Into so many parts a round is divided.
const PARTS: u32 = 20;

/// Turns of one round after the other.
#[derive(Clone, Debug)]
pub struct Rounds {
    part: Duration,
    due: Duration,
    /// Parts of this round that are to come, and who has their turn in them.
    parts: usize,
    left: VecDeque<RobotId>,
}

impl Rounds {
    /// Rounds of this length, the first one from `now` on (monotonic).
    #[must_use]
    pub fn new(now: Duration, round: Duration) -> Self {
        Self { part: round / PARTS, due: now + round / PARTS, parts: 0, left: VecDeque::new() }
    }

    /// When [`Rounds::take`] is next due.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.due
    }

    /// Whose turn it is now, if it is time; `all` is who takes part in a round that begins. What was missed is not made up for.
    pub fn take(&mut self, now: Duration, all: impl Iterator<Item = RobotId>) -> Vec<RobotId> {
        if now < self.due {
            return Vec::new();
        }
        self.due = now + self.part;
        if self.parts == 0 {
            self.left = all.collect();
            self.parts = PARTS as usize;
        }
        let share = self.left.len().div_ceil(self.parts);
        self.parts -= 1;
        self.left.drain(..share).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn robots(count: u128) -> Vec<RobotId> {
        (1..=count).map(|n| format!("{n:032x}").parse().unwrap()).collect()
    }

    #[test]
    fn everybody_has_one_turn_a_round_and_nobody_waits_for_a_burst() {
        for count in [0, 1, 19, 20, 21, 40, 500] {
            let all = robots(count);
            let mut rounds = Rounds::new(Duration::ZERO, Duration::from_secs(5));
            for _ in 0..3 {
                let mut had = Vec::new();
                for _ in 0..PARTS {
                    let now = rounds.deadline();
                    assert!(rounds.take(now - Duration::from_millis(1), all.iter().copied()).is_empty(), "too early");
                    let turn = rounds.take(now, all.iter().copied());
                    assert!(turn.len() <= all.len().div_ceil(PARTS as usize), "{count}: {} at once", turn.len());
                    had.extend(turn);
                }
                assert_eq!(had, all);
            }
            assert_eq!(rounds.deadline(), Duration::from_millis(250 + 3 * 5_000), "rounds do not drift");
        }
    }

    #[test]
    fn who_comes_has_a_turn_in_the_next_round_and_a_long_pause_is_not_made_up_for() {
        let mut rounds = Rounds::new(Duration::ZERO, Duration::from_secs(5));
        let first = rounds.take(Duration::from_secs(60), robots(40).into_iter());
        assert_eq!(first, robots(2));
        assert_eq!(rounds.deadline(), Duration::from_millis(60_250));
        let rest: Vec<_> = (1..PARTS).flat_map(|_| rounds.take(rounds.deadline(), robots(41).into_iter())).collect();
        assert_eq!(rest.len(), 38);
        let next: Vec<_> = (0..PARTS).flat_map(|_| rounds.take(rounds.deadline(), robots(41).into_iter())).collect();
        assert_eq!(next, robots(41));
    }
}
