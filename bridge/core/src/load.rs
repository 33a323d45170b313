//! Whether one more finds room: what was measured, and what those cost who came too lately to be in it.
//!
//! The media threads are looked at every two seconds. When the school bell rings, everybody comes between two looks, and by the measured load
//! alone all of them would be let in. So each who is let in counts with what one connection costs on average, until a look has seen a whole
//! interval of them: the first look after it saw only part. Whoever leaves makes room for another at once.

use crate::roster::Refusal;

/// The least that one more is counted with, in thousandths of a core: what one session takes where many share it (`bridge/README.md`).
/// A connection that carries nothing yet is cheaper, and will not stay so.
const LEAST_COST: usize = 3;

/// What a look at the media threads found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Which one it was; 0: there was none yet.
    pub number: u64,
    /// What the busiest thread used or would have used of a core, in per cent.
    pub busy_pct: usize,
    /// That thread's connections.
    pub legs: usize,
    /// What it may use in per cent; 0: not known.
    pub most_pct: usize,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Load {
    look: Look,
    /// Who was let in since the last look, and between it and the one before.
    admitted: [usize; 2],
}

impl Load {
    /// Takes what was seen, once or often.
    pub fn seen(&mut self, look: Look) {
        if look.number != self.look.number {
            self.admitted = [0, self.admitted[0]];
        }
        self.look = look;
    }

    /// Somebody was let in.
    pub fn admit(&mut self) {
        self.admitted[0] += 1;
    }

    /// Somebody left, or did not come after all.
    pub fn left(&mut self) {
        if let Some(admitted) = self.admitted.iter_mut().find(|admitted| **admitted > 0) {
            *admitted -= 1;
        }
    }

    /// Whether somebody new is taken.
    ///
    /// # Errors
    /// [`Refusal::Draining`], or [`Refusal::Overloaded`] when there is no room.
    pub fn door(&self, is_draining: bool) -> Result<(), Refusal> {
        match (is_draining, self.is_full()) {
            (true, _) => Err(Refusal::Draining),
            (false, true) => Err(Refusal::Overloaded),
            (false, false) => Ok(()),
        }
    }

    /// Whether one more would be too many. On several threads all who came are counted as if they came to the busiest.
    fn is_full(&self) -> bool {
        let Look { busy_pct, legs, most_pct, .. } = self.look;
        let used = busy_pct * 10;
        let each = used.checked_div(legs).unwrap_or(0).max(LEAST_COST);
        most_pct > 0 && used + each * (self.admitted.iter().sum::<usize>() + 1) > most_pct * 10
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of those who come at once are let in.
    fn let_in(load: &mut Load) -> usize {
        let mut count = 0;
        while count < 1000 && !load.is_full() {
            load.admit();
            count += 1;
        }
        count
    }

    #[test]
    fn of_those_who_come_between_two_looks_as_many_are_let_in_as_there_is_room_for() {
        let mut load = Load::default();
        let look = Look { number: 1, busy_pct: 40, legs: 80, most_pct: 85 };
        load.seen(look);
        // Five thousandths each: ninety of them fill the 45 per cent that are left.
        assert_eq!(let_in(&mut load), 90);
        load.seen(look);
        assert_eq!(let_in(&mut load), 0, "asked again, it is the same look");
        load.seen(Look { number: 2, legs: 170, ..look });
        assert_eq!(let_in(&mut load), 60, "a look that saw little of them: 90 are expected yet, at three thousandths now");
        load.seen(Look { number: 3, busy_pct: 80, legs: 170, ..look });
        assert_eq!(let_in(&mut load), 0, "the first ninety are in what was seen, the sixty are not");
        load.seen(Look { number: 4, busy_pct: 80, legs: 170, ..look });
        assert_eq!(let_in(&mut load), 12, "all are");
    }

    #[test]
    fn who_leaves_makes_room_and_no_more_than_was_taken() {
        let mut load = Load::default();
        let look = Look { number: 1, busy_pct: 80, legs: 80, most_pct: 85 };
        load.seen(look);
        assert_eq!(let_in(&mut load), 5);
        (0..3).for_each(|_| load.left());
        assert_eq!(let_in(&mut load), 3);
        (0..100).for_each(|_| load.left());
        assert_eq!(let_in(&mut load), 5);
        assert_eq!(load.door(false), Err(Refusal::Overloaded));
        assert_eq!(load.door(true), Err(Refusal::Draining));
        load.left();
        assert_eq!(load.door(false), Ok(()));
    }

    #[test]
    fn an_empty_bridge_counts_with_what_a_session_usually_takes() {
        let mut load = Load::default();
        load.seen(Look { number: 1, busy_pct: 0, legs: 0, most_pct: 85 });
        assert_eq!(let_in(&mut load), 283);
    }

    #[test]
    fn a_thread_that_has_enough_to_do_takes_nobody() {
        let mut load = Load::default();
        for busy_pct in [85, 99, 100] {
            load.seen(Look { number: 1, busy_pct, legs: 400, most_pct: 85 });
            assert!(load.is_full());
        }
        load.seen(Look { number: 2, busy_pct: 84, legs: 400, most_pct: 85 });
        assert!(!load.is_full());
    }

    #[test]
    fn before_anything_was_measured_everybody_is_let_in_and_counted() {
        let mut load = Load::default();
        assert_eq!(let_in(&mut load), 1000);
        load.seen(Look { number: 1, busy_pct: 5, legs: 10, most_pct: 85 });
        assert!(load.is_full());
    }
}
