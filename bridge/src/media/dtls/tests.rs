//! Two associations that talk to each other, and what somebody else says under the address of one of them.

use std::time::Instant;

use super::*;

const SHAKE_HANDS: usize = 20;

struct Pair {
    now: Instant,
    client: Dtls,
    server: Dtls,
    /// How many were told that keys are there.
    up: usize,
}

impl Pair {
    #[expect(clippy::disallowed_methods, reason = "an origin for durations")]
    fn new() -> Self {
        let (ours, theirs) = (Identity::generate().unwrap(), Identity::generate().unwrap());
        Self {
            now: Instant::now(),
            client: Dtls::new(&theirs, ours.fingerprint, Setup::Passive),
            server: Dtls::new(&ours, theirs.fingerprint, Setup::Active),
            up: 0,
        }
    }

    /// Both say what they have to, until neither has more. Returns what came to the server under keys.
    fn exchange(&mut self) -> Vec<BytesMut> {
        let mut data = Vec::new();
        for _ in 0..SHAKE_HANDS {
            let [to_server, to_client] =
                [&mut self.client, &mut self.server].map(|end| std::iter::from_fn(|| end.poll_transmit()).collect::<Vec<_>>());
            if to_server.is_empty() && to_client.is_empty() {
                return data;
            }
            let came = to_server.iter().flat_map(|datagram| self.server.receive(self.now, datagram)).collect::<Vec<_>>();
            let outcomes = to_client.iter().flat_map(|datagram| self.client.receive(self.now, datagram)).chain(came);
            for outcome in outcomes {
                match outcome {
                    Outcome::Up(_) => self.up += 1,
                    Outcome::Data(body) => data.push(body),
                    Outcome::Closed | Outcome::Refused => panic!("an honest end was refused"),
                }
            }
        }
        panic!("the two never stop talking");
    }

    fn connected() -> Self {
        let mut pair = Self::new();
        pair.client.begin(pair.now);
        pair.exchange();
        assert_eq!(pair.up, 2);
        pair
    }

    fn is_well(&mut self) {
        self.client.write(self.now, b"still here");
        assert_eq!(self.exchange(), [&b"still here"[..]]);
    }
}

/// Records in the clear, of fragments of one byte each that make a message of this length, in datagrams; the first part comes last.
fn shreds(length: u32, message: u16, count: u32, newest: &mut u64) -> Vec<Vec<u8>> {
    let offsets: Vec<u32> = (1..count).chain([0]).collect();
    let record = |offset: &u32| {
        *newest += 1;
        let (length, offset) = (length.to_be_bytes(), offset.to_be_bytes());
        let number = newest.to_be_bytes();
        [
            &[22, 0xFE, 0xFD, 0, 0][..],
            &number[2..],
            &[0, 13, 11],
            &length[1..],
            &message.to_be_bytes(),
            &offset[1..],
            &[0, 0, 1, 7],
        ]
        .concat()
    };
    let records: Vec<Vec<u8>> = offsets.iter().map(record).collect();
    records.chunks(40).map(<[Vec<u8>]>::concat).collect()
}

/// Reported: `rtc-dtls` joins a message by one recursion per fragment, and takes fragments in the clear from anybody when the handshake
/// is long over. Forty thousand overflowed the stack, and with it the bridge ended.
#[test]
fn a_message_in_a_great_many_pieces_ends_nobody_under_whosever_address_it_comes() {
    let mut pair = Pair::connected();
    let mut newest = 1000;
    for (length, message) in (1..=7).map(|message| (100_000, message)).chain([(0, 6), (16_000, 6)]) {
        for datagram in shreds(length, message, 15_000, &mut newest) {
            assert!(pair.server.receive(pair.now, &datagram).is_empty());
        }
        pair.is_well();
    }
}

#[test]
fn a_handshake_is_not_kept_waiting_for_ever_by_what_belongs_to_none() {
    let mut pair = Pair::new();
    pair.client.begin(pair.now);
    let mut newest = 1000;
    let hello = pair.client.poll_transmit().unwrap();
    pair.server.receive(pair.now, &hello);
    // Of a message that is never the next one, and under keys that nobody has.
    for datagram in shreds(16_000, 900, 100, &mut newest) {
        assert!(pair.server.receive(pair.now, &datagram).is_empty());
    }
    let sealed = [&[23, 0xFE, 0xFD, 0, 1, 0, 0, 0, 0, 0, 9, 3, 232][..], &[5; 1000]].concat();
    let kept = (0..10_000).filter(|_| pair.server.gate.lets_in(&sealed)).count();
    assert!(kept < 512, "{kept}");
}

#[test]
fn a_last_flight_that_was_lost_is_sent_again_and_not_for_ever() {
    let mut pair = Pair::connected();
    let mut newest = 1000;
    let mut answered = 0;
    for _ in 0..500 {
        // All that an end sends in the clear when it repeats its last flight begins like this.
        let repeated = shreds(1, 2, 1, &mut newest).concat();
        pair.server.receive(pair.now, &repeated);
        answered += usize::from(std::iter::from_fn(|| pair.server.poll_transmit()).count() > 0);
    }
    assert!((1..=16).contains(&answered), "{answered}");
    pair.is_well();
}
