//! A ClientHello that fits no datagram, as a browser's: its pieces come one by one, and some do not.

use std::time::{Duration, Instant};

/// When what was not answered is sent again, as a browser does. `rtc-dtls` does not any more once it was sent the same request twice.
const AGAIN: Duration = Duration::from_millis(500);

/// See the module.
pub struct Pieces {
    /// Of the hello, in each datagram.
    bytes: usize,
    /// Of the newest record in the clear: they are numbered anew.
    number: u64,
    /// What was sent last, and when.
    flight: Vec<Vec<u8>>,
    sent_at: Option<Instant>,
}

impl Pieces {
    pub fn new(bytes: usize) -> Self {
        Self { bytes, number: 0, flight: Vec::new(), sent_at: None }
    }

    /// What to send instead of these datagrams of a handshake, and what is due again.
    pub fn send(&mut self, datagrams: Vec<Vec<u8>>, now: Instant) -> Vec<Vec<u8>> {
        let is_due = self.sent_at.is_some_and(|at| now - at >= AGAIN);
        if datagrams.is_empty() && !is_due {
            return datagrams;
        }
        if !datagrams.is_empty() {
            self.flight = datagrams;
        }
        self.sent_at = Some(now);
        let flight = self.flight.clone();
        flight.iter().flat_map(|datagram| self.cut(datagram)).collect()
    }

    /// The records of a datagram; a whole ClientHello becomes fragments (RFC 6347 §4.2.3) in datagrams of their own.
    fn cut(&mut self, datagram: &[u8]) -> Vec<Vec<u8>> {
        let (mut out, mut rest, mut beside) = (Vec::new(), datagram, Vec::new());
        while rest.len() >= 13 {
            let (record, after) = rest.split_at(13 + usize::from(u16::from_be_bytes([rest[11], rest[12]])));
            rest = after;
            let mut write = |payload: &[u8]| {
                let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
                self.number += 1;
                [&record[..5], &self.number.to_be_bytes()[2..], &length, payload].concat()
            };
            match (record[0], &record[3..5], &record[13..]) {
                (22, [0, 0], [1, message @ ..]) => {
                    let (head, body) = message.split_at(11);
                    for (piece, place) in body.chunks(self.bytes).zip((0_u32..).step_by(self.bytes)) {
                        let length = u32::try_from(piece.len()).unwrap().to_be_bytes();
                        let place = place.to_be_bytes();
                        out.push(write(&[&[1], &head[..5], &place[1..], &length[1..], piece].concat()));
                    }
                }
                (_, [0, 0], payload) => beside.extend(write(payload)),
                _ => beside.extend(record),
            }
        }
        out.extend((!beside.is_empty()).then_some(beside));
        out
    }
}
