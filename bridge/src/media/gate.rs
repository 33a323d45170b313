//! What of the other end's datagrams `rtc-dtls` gets to read: whole records, handshake messages of a sensible size, and so many of them.
//!
//! `rtc-dtls` 0.21 keeps every handshake fragment for as long as the association lives, whichever message it claims to be of, and joins
//! a message by one recursion per fragment: enough small ones overflow the stack, which nothing can catch, and the bridge is gone. What is
//! sealed for keys that are not there yet waits without a bound. And records of epoch 0 are nobody's: also after the handshake anyone can
//! send them under a tablet's address, and there they must be read, for a last flight that was lost is asked for by them (RFC 6347
//! §4.2.4). So a leg has a share of pieces for its handshake and one for what comes after it. A datagram with anything malformed or
//! beyond the share is dropped whole, as if it had been lost (§4.1.2.7).

use super::hello::{CONTENT_HANDSHAKE, FRAGMENT_HEADER, MAX_HELLO, RECORD_HEADER};

/// Pieces let through until keys are there: records, and the fragments in them. A flight is about ten, and may be sent ten times.
const FIRST: usize = 512;

/// Pieces of handshakes let through afterwards: a dozen repetitions of a last flight.
const AFTERWARDS: usize = 128;

/// Longest handshake record under keys. All that is ever in one is a Finished: twelve bytes behind a header, with what the cipher adds.
const MAX_SEALED: usize = 128;

/// See the module.
pub(super) struct Gate {
    left: usize,
    is_up: bool,
}

impl Default for Gate {
    fn default() -> Self {
        Self { left: FIRST, is_up: false }
    }
}

impl Gate {
    /// Whether a datagram is read.
    pub(super) fn lets_in(&mut self, datagram: &[u8]) -> bool {
        let left = self.pieces(datagram).and_then(|pieces| self.left.checked_sub(pieces));
        self.left = left.unwrap_or(self.left);
        left.is_some()
    }

    /// Keys are there: from now on only handshakes count.
    pub(super) fn set_up(&mut self) {
        *self = Self { left: AFTERWARDS, is_up: true };
    }

    /// What the datagram takes of the share; `None` if it is malformed. A record's header is in RFC 6347 §4.1.
    fn pieces(&self, mut datagram: &[u8]) -> Option<usize> {
        let mut sum = 0;
        while !datagram.is_empty() {
            let (header, rest) = datagram.split_first_chunk::<RECORD_HEADER>()?;
            let (payload, rest) = rest.split_at_checked(number(&header[11..]))?;
            datagram = rest;
            sum += match header[0] {
                CONTENT_HANDSHAKE if header[3..5] == [0, 0] => fragments(payload)?,
                // What is under the seal cannot be seen, but is no more than fits.
                CONTENT_HANDSHAKE if payload.len() <= MAX_SEALED => payload.len() / FRAGMENT_HEADER + 1,
                CONTENT_HANDSHAKE => return None,
                _ => usize::from(!self.is_up),
            };
        }
        Some(sum)
    }
}

/// How many handshake messages or fragments are in the payload of one record (RFC 6347 §4.2.2, §4.2.3). Only whole messages may stand
/// before others: `rtc-dtls` looks for the next one where a message would end and not its fragment.
fn fragments(mut payload: &[u8]) -> Option<usize> {
    let mut count = 0;
    loop {
        let (header, rest) = payload.split_first_chunk::<FRAGMENT_HEADER>()?;
        let (length, offset, part) = (number(&header[1..4]), number(&header[6..9]), number(&header[9..]));
        payload = rest.get(part..)?;
        let is_whole = offset == 0 && part == length;
        let is_last_part = part > 0 && offset + part <= length && payload.is_empty();
        if length > MAX_HELLO || !(is_whole || is_last_part) {
            return None;
        }
        count += 1;
        if payload.is_empty() {
            return Some(count);
        }
    }
}

/// A number of a few bytes.
fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: u8 = 11;

    /// A fragment of a message: its length, and where this part of it is.
    fn fragment(length: u32, offset: u32, part: u32) -> Vec<u8> {
        let three = |number: u32| number.to_be_bytes()[1..].to_vec();
        [vec![CERTIFICATE], three(length), vec![0, 2], three(offset), three(part), vec![7; part as usize]].concat()
    }

    fn record(kind: u8, epoch: u8, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
        [&[kind, 0xFE, 0xFD, 0, epoch, 0, 0, 0, 0, 0, 9][..], &length, payload].concat()
    }

    fn handshake(payload: &[u8]) -> Vec<u8> {
        record(CONTENT_HANDSHAKE, 0, payload)
    }

    #[test]
    fn whole_messages_and_parts_of_them_are_let_in_and_count_what_they_are() {
        let flight = [
            handshake(&[fragment(300, 0, 300), fragment(0, 0, 0), fragment(800, 0, 200)].concat()),
            record(20, 0, &[1]),
            record(CONTENT_HANDSHAKE, 1, &[5; 48]),
        ]
        .concat();
        assert_eq!(Gate::default().pieces(&flight), Some(3 + 1 + 5));
        assert!(Gate::default().lets_in(&flight));
        let data = record(23, 1, &[5; 1000]);
        assert_eq!(Gate::default().pieces(&data), Some(1), "what waits for keys has a bound too");
        let mut up = Gate::default();
        up.set_up();
        assert!((0..10_000).all(|_| up.lets_in(&data)), "and what is read with them has none");
    }

    #[test]
    fn what_is_malformed_or_too_large_is_dropped() {
        let whole = handshake(&fragment(300, 0, 300));
        for end in 1..whole.len() {
            assert!(!Gate::default().lets_in(&whole[..end]), "cut at {end}");
        }
        for (what, payload) in [
            ("nothing", vec![]),
            ("an endless message", fragment(100_000, 0, 100)),
            ("a part of nothing", fragment(300, 100, 0)),
            ("a part behind the end", fragment(300, 200, 200)),
            ("more than the message", fragment(0, 4, 1)),
            ("something behind a part", [fragment(300, 0, 100), fragment(300, 100, 200)].concat()),
            ("a header that is cut", [fragment(300, 0, 300), vec![11; 5]].concat()),
        ] {
            assert!(!Gate::default().lets_in(&handshake(&payload)), "{what}");
        }
        assert!(!Gate::default().lets_in(&record(CONTENT_HANDSHAKE, 1, &[5; 200])), "no Finished");
    }

    #[test]
    fn a_share_is_used_up_and_there_is_a_smaller_one_afterwards() {
        let mut gate = Gate::default();
        let let_in = |gate: &mut Gate| (0..50_000).filter(|_| gate.lets_in(&handshake(&fragment(10_000, 5, 1)))).count();
        assert_eq!(let_in(&mut gate), FIRST);
        gate.set_up();
        assert_eq!(let_in(&mut gate), AFTERWARDS);
    }
}
