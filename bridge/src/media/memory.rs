//! Retransmission memory of one stream a leg is sent, and how much may be resent.
//!
//! It holds packets as they were sent, sealed, so that sending one again without RTX repeats a ciphertext and never seals anew.
//! Bounds: bytes and packets of [`Size`], the oldest is overwritten; a packet is resent at most [`MAX_TIMES`] times and not again
//! before the last resend can have arrived; all resends together take no more than [`SHARE`] of what is sent, so that a stranger's
//! or a broken client's requests cannot multiply traffic. What is over a bound is not resent, and counted nowhere: the other end
//! asks again.

use std::time::{Duration, Instant};

/// Most times one packet is sent again.
const MAX_TIMES: u8 = 8;

/// One of this many bytes sent may be sent again.
const SHARE: usize = 2;

/// Bytes that may be resent at once, saved up while nothing was.
const MAX_ALLOWANCE: usize = 96 * 1024;

/// Allowance at the start.
const FIRST_ALLOWANCE: usize = 16 * 1024;

/// How much is remembered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) bytes: usize,
    /// A power of two.
    pub(super) packets: usize,
}

/// A picture of 2 Mbit/s for nine tenths of a second, or 512 packets.
pub(super) const PICTURE: Size = Size { bytes: 224 * 1024, packets: 512 };

/// Sound of 64 packets, 1.3 s.
pub(super) const SOUND: Size = Size { bytes: 16 * 1024, packets: 64 };

#[derive(Clone, Copy, Debug)]
struct Entry {
    index: u64,
    /// Place in all bytes ever written.
    at: u64,
    length: u16,
    times: u8,
    resent_at: Option<Instant>,
}

/// See the module.
pub(super) struct Memory {
    size: Size,
    /// Taken with the first packet; the system gives pages as they are written.
    bytes: Vec<u8>,
    entries: Vec<Option<Entry>>,
    written: u64,
    allowance: usize,
}

impl Memory {
    pub(super) fn new(size: Size) -> Self {
        Self { size, bytes: Vec::new(), entries: Vec::new(), written: 0, allowance: FIRST_ALLOWANCE }
    }

    /// Remembers a packet that is sent.
    pub(super) fn push(&mut self, index: u64, sealed: &[u8]) {
        self.allowance = (self.allowance + sealed.len() / SHARE).min(MAX_ALLOWANCE);
        let room = self.size.bytes;
        let Ok(length) = u16::try_from(sealed.len()) else { return };
        if sealed.len() > room / 4 {
            return;
        }
        if self.entries.is_empty() {
            self.bytes = vec![0; room];
            self.entries = vec![None; self.size.packets];
        }
        let mut start = place(self.written, room);
        if start + sealed.len() > room {
            self.written = self.written.next_multiple_of(room as u64);
            start = 0;
        }
        self.bytes[start..start + sealed.len()].copy_from_slice(sealed);
        let entry = Entry { index, at: self.written, length, times: 0, resent_at: None };
        self.entries[place(index, self.size.packets)] = Some(entry);
        self.written += sealed.len() as u64;
    }

    /// The packet with this sequence number and its index, if it is there and may be sent again now; and how many times: one that was
    /// sent again in vain goes out twice if `may_double`, for the next round trip makes a picture late. Asking counts as sending.
    pub(super) fn again(
        &mut self,
        sequence: u16,
        now: Instant,
        gap: Duration,
        may_double: bool,
    ) -> Option<(u64, &[u8], usize)> {
        let entry = self.entries.get_mut(usize::from(sequence) % self.size.packets)?.as_mut()?;
        #[expect(clippy::cast_possible_truncation, reason = "the sequence number is the index's low half")]
        let is_it = entry.index as u16 == sequence && self.written <= entry.at + self.size.bytes as u64;
        let too_soon = entry.resent_at.is_some_and(|at| now.saturating_duration_since(at) < gap);
        let length = usize::from(entry.length);
        if !is_it || too_soon || entry.times >= MAX_TIMES || self.allowance < length {
            return None;
        }
        let copies = if may_double && entry.times > 0 && self.allowance >= 2 * length { 2 } else { 1 };
        self.allowance -= copies * length;
        entry.times += 1;
        entry.resent_at = Some(now);
        let start = place(entry.at, self.size.bytes);
        Some((entry.index, self.bytes.get(start..start + length)?, copies))
    }
}

fn place(number: u64, size: usize) -> usize {
    usize::try_from(number % size as u64).expect("smaller than a size in memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: Duration = Duration::from_millis(10);

    #[expect(clippy::disallowed_methods, reason = "an origin for durations")]
    fn start() -> Instant {
        Instant::now()
    }

    fn small() -> Memory {
        Memory { allowance: MAX_ALLOWANCE, ..Memory::new(Size { bytes: 1000, packets: 16 }) }
    }

    #[expect(clippy::cast_possible_truncation, reason = "small numbers")]
    fn packet(index: u64) -> Vec<u8> {
        vec![index as u8; 90 + (index % 7) as usize]
    }

    #[test]
    #[expect(clippy::cast_possible_truncation, reason = "sequence numbers wrap")]
    fn what_is_found_is_what_was_sent_and_the_rest_is_forgotten() {
        let now = start();
        let mut memory = small();
        for index in 65_500..65_700u64 {
            memory.push(index, &packet(index));
            let found: Vec<u64> = (index - 40..=index + 40)
                .filter(|wanted| {
                    // Each is asked for once in a copy of the world where nothing was asked yet.
                    for entry in memory.entries.iter_mut().flatten() {
                        (entry.times, entry.resent_at) = (0, None);
                    }
                    memory.allowance = MAX_ALLOWANCE;
                    memory.again(*wanted as u16, now, GAP, false).is_some_and(|(found, bytes, _)| {
                        assert_eq!((found, bytes), (*wanted, &packet(*wanted)[..]));
                        true
                    })
                })
                .collect();
            assert_eq!(found.last(), Some(&index), "the newest is there");
            assert!(found.windows(2).all(|pair| pair[1] == pair[0] + 1), "{found:?}");
            assert!(index < 65_520 || (8..=11).contains(&found.len()), "a thousand bytes: {found:?}");
        }
        assert_eq!((memory.bytes.len(), memory.entries.len()), (1000, 16));
    }

    #[test]
    fn a_packet_is_resent_eight_times_and_not_before_the_last_one_arrived() {
        let now = start();
        let mut memory = small();
        memory.push(7, &packet(7));
        let resent = (0..1000u64).filter(|millis| memory.again(7, now + Duration::from_millis(*millis), GAP, true).is_some());
        assert_eq!(resent.collect::<Vec<_>>(), [0, 10, 20, 30, 40, 50, 60, 70]);
    }

    #[test]
    fn what_was_resent_in_vain_goes_twice_where_there_is_room() {
        let (now, mut memory) = (start(), small());
        (7..=9).for_each(|index| memory.push(index, &packet(index)));
        let mut copies = |sequence, after, may_double| {
            memory.again(sequence, now + Duration::from_millis(after), GAP, may_double).map(|(_, _, copies)| copies)
        };
        assert_eq!([copies(7, 0, true), copies(7, 5, true), copies(7, 10, true)], [Some(1), None, Some(2)]);
        assert_eq!([copies(8, 0, false), copies(8, 10, false)], [Some(1); 2]);
        memory.allowance = 3 * packet(9).len() - 1;
        let copies =
            [0, 10, 20].map(|after| memory.again(9, now + Duration::from_millis(after), GAP, true).map(|(.., copies)| copies));
        assert_eq!(copies, [Some(1), Some(1), None], "and no more than may be resent at all");
    }

    #[test]
    fn resends_take_at_most_half_of_what_is_sent() {
        let mut now = start();
        let mut memory = Memory::new(PICTURE);
        let (mut sent, mut resent) = (0, 0);
        for index in 0..20_000u64 {
            memory.push(index, &[0; 1000]);
            sent += 1000;
            now += Duration::from_millis(4);
            for back in 0..50 {
                #[expect(clippy::cast_possible_truncation, reason = "sequence numbers wrap")]
                if let Some((_, bytes, copies)) = memory.again(index.saturating_sub(back) as u16, now, GAP, true) {
                    resent += copies * bytes.len();
                }
            }
        }
        assert!(resent <= sent / SHARE + FIRST_ALLOWANCE, "{resent} of {sent}");
        assert!(resent > sent / 3, "what may be resent is: {resent} of {sent}");
    }

    #[test]
    fn a_packet_too_large_to_remember_is_left_out() {
        let mut memory = small();
        memory.push(1, &[0; 251]);
        memory.push(2, &[0; 250]);
        assert!(memory.again(1, start(), GAP, true).is_none());
        assert!(memory.again(2, start(), GAP, true).is_some());
    }
}
