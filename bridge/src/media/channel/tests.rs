//! A channel whose association is established: what a tablet that has come so far can say to it, and what happens if it takes nothing.

use std::time::Duration;

use proptest::prelude::*;
use rtc_sctp::ClientConfig;

use super::super::fuzz::sctp_may_give_up;
use super::*;

const STREAM: u16 = 0;
const SHAKE_HANDS: usize = 100;

/// A channel and the end that dialled it.
struct Pair {
    now: Instant,
    channel: Channel,
    endpoint: Endpoint,
    association: Association,
    /// The newest packet of data that the other end sent: verification tag and TSN are in it.
    last: Vec<u8>,
    told: Vec<ChannelEvent>,
}

impl Pair {
    /// Established, with an open channel.
    #[expect(clippy::disallowed_methods, reason = "an origin for durations")]
    fn new() -> Self {
        let mut pair = Self::begun(Instant::now());
        pair.exchange();
        pair.dial();
        assert_eq!(pair.told, [ChannelEvent::Opened]);
        pair
    }

    /// The other end is about to say its first word.
    fn begun(now: Instant) -> Self {
        let mut endpoint = Endpoint::new(place(), TransportProtocol::UDP, Arc::new(EndpointConfig::default()), None);
        let config = ClientConfig::new(TransportConfig::default().with_sctp_port(5000));
        let (_, association) = endpoint.connect(now, config, place()).unwrap();
        Self { now, channel: Channel::new(), endpoint, association, last: Vec::new(), told: Vec::new() }
    }

    fn dial(&mut self) {
        let config = DataChannelConfig { label: CONTROL_LABEL.into(), ..DataChannelConfig::default() };
        let open = DataChannel::dial(config, 0, STREAM).unwrap().poll_write().unwrap();
        self.say(Ppi::Dcep, &open.payload);
    }

    /// The other end takes a packet of ours.
    fn theirs_takes(&mut self, packet: Bytes) {
        if let Some((_, DatagramEvent::AssociationEvent(event))) = self.endpoint.handle(self.now, place(), None, packet) {
            self.association.handle_event(event);
        }
    }

    /// What the other end has to send now.
    fn theirs(&mut self) -> Vec<Vec<u8>> {
        let mut sent = Vec::new();
        while let Some(transmit) = self.association.poll_transmit(self.now) {
            if let Payload::RawEncode(packets) = transmit.message {
                sent.extend(packets.into_iter().map(|packet| packet.to_vec()));
            }
        }
        if let Some(data) = sent.iter().rev().find(|packet| packet.get(12) == Some(&0)) {
            self.last.clone_from(data);
        }
        sent
    }

    /// What the channel has to send now.
    fn ours(&mut self) -> Vec<Bytes> {
        let mut sent = Vec::new();
        let Some((_, association)) = &mut self.channel.association else { return sent };
        while let Some(transmit) = association.poll_transmit(self.now) {
            if let Payload::RawEncode(packets) = transmit.message {
                sent.extend(packets);
            }
        }
        sent
    }

    /// Both say what they have to, until neither has more.
    fn exchange(&mut self) {
        for _ in 0..SHAKE_HANDS {
            let (theirs, ours) = (self.theirs(), self.ours());
            if theirs.is_empty() && ours.is_empty() {
                return;
            }
            for packet in theirs {
                self.told.extend(self.channel.receive(self.now, BytesMut::from(&packet[..])));
            }
            for packet in ours {
                self.theirs_takes(packet);
            }
            while self.association.poll().is_some() {}
        }
        panic!("the two never stop talking");
    }

    /// The other end sends a message, and both carry on.
    fn say(&mut self, ppi: Ppi, message: &[u8]) {
        self.say_on(STREAM, ppi, message);
    }

    fn say_on(&mut self, stream: u16, ppi: Ppi, message: &[u8]) {
        if self.association.stream(stream).is_err() {
            self.association.open_stream(stream, ppi).unwrap();
        }
        let mut stream = self.association.stream(stream).unwrap();
        let _ = stream.write_chunk_with_ppi(self.now, &Bytes::copy_from_slice(message), ppi);
        self.exchange();
    }

    fn pass(&mut self, span: Duration) {
        self.now += span;
        self.told.extend(self.channel.timeout(self.now));
        self.association.handle_timeout(self.now);
    }

    /// A packet of the other end with the right tag and checksum and these chunks, whose TSNs are `ahead` of the last genuine one.
    fn forged(&self, chunks: &[Chunk]) -> Vec<u8> {
        let mut packet = self.last[..12].to_vec();
        let tsn = u32::from_be_bytes(self.last[16..20].try_into().unwrap());
        for Chunk { kind, flags, ahead, body } in chunks {
            packet.extend([*kind, *flags]);
            packet.extend(u16::try_from(body.len() + 8).unwrap().to_be_bytes());
            packet.extend(tsn.wrapping_add(*ahead).to_be_bytes());
            packet.extend(body);
            packet.resize(packet.len().next_multiple_of(4), 0);
        }
        packet[8..12].fill(0);
        let sum = crc32c(&packet);
        packet[8..12].copy_from_slice(&sum.to_le_bytes());
        packet
    }

    /// Nothing of what is kept for this leg is beyond its bound.
    fn check(&mut self) -> Result<(), TestCaseError> {
        prop_assert!(self.channel.waiting.len() <= MAX_WAITING);
        for event in &self.told {
            if let ChannelEvent::Text(text) = event {
                prop_assert!(text.len() <= MAX_CONTROL_BYTES);
            }
        }
        if let Some((_, association)) = &mut self.channel.association
            && let Ok(stream) = association.stream(STREAM)
        {
            prop_assert!(stream.buffered_amount().unwrap_or(0) <= MAX_BUFFERED + MAX_CONTROL_BYTES);
        }
        Ok(())
    }
}

#[derive(Clone, Debug)]
struct Chunk {
    kind: u8,
    flags: u8,
    ahead: u32,
    body: Vec<u8>,
}

fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0x82F6_3B78 } else { sum >> 1 })
    })
}

/// Every kind of chunk that means something to somebody, and others.
fn chunks() -> impl Strategy<Value = Vec<Chunk>> {
    let kind = prop_oneof![4 => Just(0_u8), 4 => 1_u8..15, 1 => prop::sample::select(vec![64_u8, 128, 129, 130, 192, 193]), 1 => any::<u8>()];
    let ahead = prop_oneof![3 => 0_u32..4, 1 => Just(u32::MAX), 1 => any::<u32>()];
    let data = (any::<u16>(), any::<u16>(), prop::sample::select(vec![50_u32, 51, 53, 54, 56, 57, 0]), bytes(80)).prop_map(
        |(stream, sequence, ppi, body)| {
            let stream = if stream % 2 == 0 { STREAM } else { stream };
            [&stream.to_be_bytes()[..], &sequence.to_be_bytes(), &ppi.to_be_bytes(), &body].concat()
        },
    );
    let chunk = (kind, any::<u8>(), ahead, prop_oneof![bytes(60), data]).prop_map(|(kind, flags, ahead, body)| Chunk {
        kind,
        flags,
        ahead,
        body,
    });
    proptest::collection::vec(chunk, 1..4)
}

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..most)
}

/// DCEP messages, texts of the contract and others, whole and altered.
fn messages() -> impl Strategy<Value = (Ppi, Vec<u8>)> {
    let known: Vec<(Ppi, Vec<u8>)> = vec![
        (Ppi::Dcep, [&[3, 0, 1, 0, 0, 0, 0, 0, 0, 7, 0, 0][..], CONTROL_LABEL.as_bytes()].concat()),
        (Ppi::Dcep, vec![3, 0x81, 1, 0, 0, 0, 0, 9, 0, 5, 0, 0, b'o', b't', b'h', b'e', b'r']),
        (Ppi::Dcep, vec![2]),
        (Ppi::Dcep, vec![0]),
        (Ppi::String, br#"{"v":1,"id":8,"type":"look","pan_deg":10,"tilt_deg":0}"#.to_vec()),
        (Ppi::String, br#"{"v":1,"type":"seen","freezes":3,"frozen_ms":900}"#.to_vec()),
        (Ppi::String, vec![b'x'; MAX_CONTROL_BYTES + 1]),
        (Ppi::StringEmpty, vec![0]),
        (Ppi::Binary, vec![7; 40]),
    ];
    let ppi = prop::sample::select(vec![Ppi::Dcep, Ppi::String, Ppi::Binary, Ppi::StringEmpty, Ppi::BinaryEmpty]);
    prop_oneof![
        prop::sample::select(known.clone()),
        (prop::sample::select(known), any::<prop::sample::Index>(), any::<u8>()).prop_map(|((ppi, mut body), place, value)| {
            let place = place.index(body.len());
            body[place] = value;
            (ppi, body)
        }),
        (ppi, bytes(200)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a tablet with a genuine SCTP says: our own reading of it never gives up.
    #[test]
    fn messages_on_an_established_association(said in proptest::collection::vec(messages(), 1..20)) {
        let mut pair = Pair::new();
        for (ppi, message) in said {
            pair.say(ppi, &message);
            let _ = pair.told.iter().filter_map(|event| match event {
                ChannelEvent::Text(text) => crate::robot::said(text),
                _ => None,
            }).count();
            pair.channel.send(pair.now, "an answer".into());
            pair.pass(Duration::from_millis(300));
            pair.check()?;
        }
    }

    /// Chunks with the right tag that lie about everything else.
    #[test]
    fn chunks_in_an_established_association(packets in proptest::collection::vec(chunks(), 1..12)) {
        let mut pair = Pair::new();
        for chunks in packets {
            let packet = pair.forged(&chunks);
            let (now, channel) = (pair.now, &mut pair.channel);
            let Some(events) = sctp_may_give_up(|| channel.receive(now, BytesMut::from(&packet[..]))) else { break };
            prop_assert!(events.len() <= 64);
            pair.told.extend(events);
            let answers = pair.ours();
            prop_assert!(answers.len() <= 64, "{} packets for one", answers.len());
            pair.now += Duration::from_millis(500);
            let (now, channel) = (pair.now, &mut pair.channel);
            let Some(events) = sctp_may_give_up(|| channel.timeout(now)) else { break };
            pair.told.extend(events);
            pair.check()?;
        }
    }
}

/// Should this fail because a newer `rtc-sctp` checks its lengths: [`sctp_may_give_up`] has had its day.
#[test]
fn causes_that_are_longer_than_their_chunk_break_the_association_and_are_known_to() {
    let mut pair = Pair::new();
    // The cause says 4096 bytes.
    let tsn = u32::from_be_bytes(pair.last[16..20].try_into().unwrap());
    let cause = u32::from_be_bytes([0, 1, 16, 0]);
    let packet = pair.forged(&[Chunk { kind: 9, flags: 0, ahead: cause.wrapping_sub(tsn), body: vec![0; 4] }]);
    let (now, channel) = (pair.now, &mut pair.channel);
    assert_eq!(sctp_may_give_up(|| channel.receive(now, BytesMut::from(&packet[..]))), None);
}

#[test]
fn a_tablet_that_takes_nothing_costs_its_bound_and_gets_what_is_said_when_it_takes_again() {
    let mut pair = Pair::new();
    let text = "x".repeat(1000);
    // Sent, and never acknowledged.
    for _ in 0..5_000 {
        pair.channel.send(pair.now, text.clone());
        drop(pair.ours());
        pair.check().unwrap();
    }
    let deadline = pair.channel.deadline().expect("it is sent again");
    assert!(deadline > pair.now, "no busy loop");
    // It takes again: what was within the bound comes, the rest was dropped, and what is said now comes too.
    for _ in 0..100 {
        pair.pass(Duration::from_secs(1));
        let mut read = 0;
        for _ in 0..SHAKE_HANDS {
            let (theirs, ours) = (pair.theirs(), pair.ours());
            if theirs.is_empty() && ours.is_empty() {
                break;
            }
            for packet in ours {
                pair.theirs_takes(packet);
            }
            while pair.association.poll().is_some() {}
            while let Ok(Some(chunks)) = pair.association.stream(STREAM).unwrap().read_sctp() {
                read += chunks.len();
            }
            for packet in theirs {
                pair.told.extend(pair.channel.receive(pair.now, BytesMut::from(&packet[..])));
            }
        }
        let (_, association) = pair.channel.association.as_mut().expect("the association lives");
        if read == 0 && association.stream(STREAM).unwrap().buffered_amount().unwrap() == 0 {
            break;
        }
    }
    let (_, association) = pair.channel.association.as_mut().expect("the association lives");
    assert_eq!(association.stream(STREAM).unwrap().buffered_amount().unwrap(), 0, "everything that was kept came");
    pair.channel.send(pair.now, "now".into());
    assert!(!pair.ours().is_empty());
}

/// The answer to the first INIT takes longer than the other end waits before it sends that again.
#[test]
#[expect(clippy::disallowed_methods, reason = "an origin for durations")]
fn an_init_that_is_sent_again_before_its_answer_came_leaves_one_association_that_stands() {
    for first in 0..3 {
        let mut pair = Pair::begun(Instant::now());
        let mut answers = Vec::new();
        for _ in 0..3 {
            for init in pair.theirs() {
                pair.told.extend(pair.channel.receive(pair.now, BytesMut::from(&init[..])));
            }
            answers.push(pair.ours());
            pair.pass(Duration::from_secs(5));
        }
        assert!(answers.iter().all(|answer| !answer.is_empty()));
        // One of the answers is the first to come there.
        for answer in answers.swap_remove(first) {
            pair.theirs_takes(answer);
        }
        pair.exchange();
        pair.dial();
        assert_eq!(pair.told, [ChannelEvent::Opened]);
        assert!(pair.channel.begun.is_empty());
    }
}

#[test]
fn associations_begun_without_end_are_few() {
    let mut channel = Channel::new();
    let pair = Pair::new();
    for _ in 0..1000 {
        let mut other = Pair::begun(pair.now);
        for init in other.theirs() {
            channel.receive(pair.now, BytesMut::from(&init[..]));
        }
    }
    assert_eq!(channel.begun.len() + 1, MAX_BEGUN);
}

/// Reported: `rtc-sctp` makes a stream for any number, and each chunk then costs as much as there are streams; with all 65,536 of them a
/// tablet kept its media thread busy.
#[test]
fn who_opens_stream_after_stream_loses_the_association_and_is_read_no_more() {
    let mut pair = Pair::new();
    for stream in 1..8 {
        pair.say_on(stream, Ppi::Binary, b"nothing we know");
    }
    pair.say(Ppi::String, b"hello");
    assert_eq!(pair.told, [ChannelEvent::Opened, ChannelEvent::Text("hello".into())], "a few are nobody's harm");
    pair.told.clear();
    pair.say_on(8, Ppi::Binary, b"one more");
    assert_eq!(pair.told, [ChannelEvent::Closed]);
    assert!(pair.association.is_closed(), "it is told");
    let more = [&STREAM.to_be_bytes()[..], &[0, 9], &51_u32.to_be_bytes(), b"hello"].concat();
    let packet = pair.forged(&[Chunk { kind: 0, flags: 3, ahead: 1, body: more }]);
    assert_eq!(pair.channel.receive(pair.now, BytesMut::from(&packet[..])), []);
    pair.channel.send(pair.now, "an answer".into());
    pair.pass(Duration::from_secs(5));
    assert_eq!((pair.ours().len(), pair.channel.deadline(), pair.told.len()), (0, None, 1), "and nothing is left to do");
}
