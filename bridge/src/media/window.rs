//! Packet index and replay window of one received RTP stream (RFC 3711 §3.3).
//!
//! The index is the 48-bit number SRTP counts with: roll-over counter and sequence number. Nothing here may be moved by a
//! packet that has not been authenticated: [`Window::guess`] and [`Window::is_fresh`] only look, [`Window::accept`] moves.

/// How far back a packet may come and still be taken, in packets. A resend can be late.
const REACH: u64 = 1024;

/// Words of the ring: the reach, and one more for the word in progress.
const WORDS: usize = REACH as usize / 64 + 1;

/// See the module.
#[derive(Debug)]
pub(super) struct Window {
    highest: Option<u64>,
    seen: [u64; WORDS],
}

impl Window {
    pub(super) fn new() -> Self {
        Self { highest: None, seen: [0; WORDS] }
    }

    /// The most likely index of a packet with this sequence number; `None` if it lies before the stream's start.
    pub(super) fn guess(&self, sequence: u16) -> Option<u64> {
        let Some(highest) = self.highest else { return Some(u64::from(sequence)) };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_possible_wrap,
            reason = "the signed distance of two sequence numbers"
        )]
        let distance = sequence.wrapping_sub(highest as u16) as i16;
        highest.checked_add_signed(i64::from(distance))
    }

    /// Whether this index was not accepted before and is not too old to tell.
    pub(super) fn is_fresh(&self, index: u64) -> bool {
        let Some(highest) = self.highest else { return true };
        index > highest || (highest - index < REACH && self.seen[word(index)] & bit(index) == 0)
    }

    /// Notes an authenticated packet.
    pub(super) fn accept(&mut self, index: u64) {
        let highest = *self.highest.get_or_insert(index);
        if index > highest {
            // Words between the old and the new highest hold marks of one round ago.
            for passed in (highest / 64 + 1..=index / 64).take(WORDS) {
                self.seen[word(passed * 64)] = 0;
            }
            if index / 64 - highest / 64 > WORDS as u64 {
                self.seen = [0; WORDS];
            }
            self.highest = Some(index);
        }
        self.seen[word(index)] |= bit(index);
    }

    /// The highest index accepted.
    pub(super) fn highest(&self) -> Option<u64> {
        self.highest
    }
}

fn word(index: u64) -> usize {
    usize::try_from(index / 64 % WORDS as u64).expect("smaller than the ring")
}

fn bit(index: u64) -> u64 {
    1 << (index % 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(window: &mut Window, sequence: u16) -> Option<u64> {
        let index = window.guess(sequence)?;
        if !window.is_fresh(index) {
            return None;
        }
        window.accept(index);
        Some(index)
    }

    #[test]
    fn a_packet_is_taken_once() {
        let mut window = Window::new();
        assert_eq!(take(&mut window, 7), Some(7));
        assert_eq!(take(&mut window, 7), None);
        assert_eq!(take(&mut window, 9), Some(9));
        assert_eq!(take(&mut window, 8), Some(8));
        assert_eq!(take(&mut window, 8), None);
    }

    #[test]
    fn the_roll_over_counter_follows_a_wrap_and_a_late_packet_from_before_it() {
        let mut window = Window::new();
        assert_eq!(take(&mut window, 65_534), Some(65_534));
        assert_eq!(take(&mut window, 1), Some(65_537));
        assert_eq!(take(&mut window, 65_535), Some(65_535));
        assert_eq!(take(&mut window, 65_535), None);
        assert_eq!(take(&mut window, 0), Some(65_536));
    }

    #[test]
    fn before_the_first_packet_of_the_stream_there_is_nothing() {
        let mut window = Window::new();
        assert_eq!(take(&mut window, 3), Some(3));
        assert_eq!(window.guess(65_530), None);
    }

    #[test]
    fn a_resend_may_be_1023_packets_late_but_not_more() {
        let mut window = Window::new();
        take(&mut window, 0);
        for sequence in 2..=1025 {
            take(&mut window, sequence);
        }
        assert_eq!(take(&mut window, 1), None, "1024 behind: too old to tell");
        let mut window = Window::new();
        take(&mut window, 0);
        for sequence in 2..=1024 {
            take(&mut window, sequence);
        }
        assert_eq!(take(&mut window, 1), Some(1), "1023 behind");
        assert_eq!(take(&mut window, 1), None);
    }

    #[test]
    fn marks_of_one_round_ago_do_not_block_after_a_jump() {
        for jump in [64u64, 1000, 1088, 1089, 5000, 30_000] {
            let mut window = Window::new();
            for index in 0..2000 {
                window.accept(index);
            }
            window.accept(1999 + jump);
            for index in (1999 + jump).saturating_sub(REACH - 1)..1999 + jump {
                assert_eq!(window.is_fresh(index), index > 1999, "jump {jump}, index {index}");
            }
        }
    }
}
