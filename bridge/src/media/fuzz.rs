//! Bytes from nowhere: every parser that meets the network takes anything and neither panics nor grows.
//!
//! Three kinds of input: random bytes, genuine packets with bytes altered, cut and repeated, and packets that are sealed with the right
//! keys and lie inside. They run on stable with a bounded number of cases; `tests/run fuzz CASES` makes it a long run. Parsers of others
//! run behind the hub, which would end a leg as [`Why::Broken`] if one panicked; that fails the test too. Only [`sctp_may_give_up`].

use std::backtrace::Backtrace;
use std::cell::Cell;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Once;
use std::time::{Duration, Instant};

use bridge_core::offer::{Credentials, Role, screen};
use bytes::BytesMut;
use proptest::prelude::*;
use protocol::RobotId;
use rtc_srtp::context::Context;
use rtc_srtp::protection_profile::ProtectionProfile;
use tokio::sync::mpsc;

use super::address::Reach;
use super::batch::Batch;
use super::channel::Channel;
use super::downlink::Downlink;
use super::dtls::{Identity, Keys};
use super::feedback::{Arrivals, read};
use super::header::{Header, IdMap};
use super::hello::Held;
use super::hub::Hub;
use super::leg::{Leg, Made};
use super::path::{Path, Remote};
use super::rtcp::{self, Links};
use super::srtp::{Cipher, Profile};
use super::{LegId, MediaConfig, MediaEvent, Party, Talk, Why, relay, stun};

const KEY: [u8; 16] = [7; 16];
const SALT: [u8; 12] = [9; 12];

#[expect(clippy::disallowed_methods, reason = "an origin for durations")]
fn start() -> Instant {
    Instant::now()
}

/// What a call into `rtc-sctp` returns; `None` if that crate gave up, which the hub takes as a broken leg. A panic of anybody else, of
/// ours above all, goes on.
///
/// `rtc-sctp` 0.21 cuts the causes of ABORT and ERROR and the list of FORWARD-TSN by lengths it did not check; so about one in a hundred
/// thousand random packets of a connected end makes it slice past the end. The slice is in another crate: the stack tells whose call it was.
pub(super) fn sctp_may_give_up<T>(call: impl FnOnce() -> T) -> Option<T> {
    thread_local! {
        static IS_THEIRS: Cell<bool> = const { Cell::new(false) };
    }
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let stack = Backtrace::force_capture().to_string();
            let panicked = stack.lines().skip_while(|line| !line.contains("begin_unwind"));
            let ours_or_theirs = panicked.into_iter().find(|line| line.contains("rtc_sctp::") || line.contains("bridge::"));
            IS_THEIRS.set(ours_or_theirs.is_some_and(|line| line.contains("rtc_sctp::")));
            before(panic);
        }));
    });
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(returned) => Some(returned),
        Err(_) if IS_THEIRS.take() => None,
        Err(panic) => resume_unwind(panic),
    }
}

#[test]
#[should_panic(expected = "ours")]
fn a_panic_of_our_own_is_not_taken_for_theirs() {
    sctp_may_give_up(|| panic!("ours"));
}

/// Twice as many cases as usual, or as `PROPTEST_CASES` says.
fn many() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: usual.cases * 2, failure_persistence: None, ..usual }
}

/// For cases that make certificates and keys.
fn few() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: usual.cases / 4, failure_persistence: None, ..usual }
}

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..most)
}

/// `whole` with bytes altered, its end cut off, and a part of it repeated.
fn mangled(whole: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let alterations = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    (Just(whole), alterations, any::<prop::sample::Index>(), 0..4_u8).prop_map(|(mut packet, alterations, cut, kind)| {
        for (place, value) in alterations {
            let place = place.index(packet.len());
            packet[place] = value;
        }
        let cut = cut.index(packet.len());
        match kind {
            0 => packet.truncate(cut),
            1 => packet.extend_from_within(cut..),
            _ => {}
        }
        packet
    })
}

fn check() -> Vec<u8> {
    use rtc_stun::message::{BINDING_REQUEST, Message};
    let username = rtc_stun::textattrs::TextAttribute::new(rtc_stun::attributes::ATTR_USERNAME, "ours:them".into());
    let provider = rtc_crypto::default_provider().unwrap();
    let integrity =
        rtc_stun::integrity::MessageIntegrity::new_short_term_integrity_with_provider(local().pwd, provider.crypto());
    let mut message = Message::new();
    let end = rtc_stun::fingerprint::FINGERPRINT;
    message.build(&[Box::new(BINDING_REQUEST), Box::new(username), Box::new(integrity), Box::new(end)]).unwrap();
    message.raw
}

fn local() -> Credentials {
    Credentials { ufrag: "ours".into(), pwd: "a password of 24 letters".into() }
}

/// A compound packet of every kind that is read.
fn compound() -> Vec<u8> {
    let mut arrivals = Arrivals::default();
    for number in 0..40 {
        arrivals.note(number * 3, u64::from(number) * 7000);
    }
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    [
        words(&[0x81C8_000C, 0x50, 1, 2, 3, 4, 5, 0xA1, 6, 7, 8, 9, 10]),
        words(&[0x81CA_0003, 0x50, 0x0105_6E61, 0x6D65_6400]),
        rtcp::nack(9, 0xA1, &[1, 2, 3, 40, 41, 65_535]),
        rtcp::picture_loss(9, 0xA1).to_vec(),
        words(&[0x84CE_0004, 0x12, 0, 0xA1, 0x0100_0000]),
        rtcp::maximum(9, 0xA1, 500_000),
        arrivals.report(9, 0xA1).unwrap(),
        words(&[0x81CB_0001, 0x50]),
    ]
    .concat()
}

/// An RTP packet with extensions, in plain.
pub(super) fn packet(payload_type: u8, ssrc: u32, sequence: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x90, payload_type];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 0, 9]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0xBE, 0xDE, 0, 2, 0x31, 0, sequence.to_be_bytes()[1], 0, 0x10, 9, 0, 0]);
    packet.extend(payload);
    packet
}

/// A ClientHello with `use_srtp`, in one record.
fn hello() -> Vec<u8> {
    let mut body = vec![0xFE, 0xFD];
    body.extend([7; 32]);
    body.extend([0, 0, 0, 4, 0xC0, 0x2B, 0xC0, 0x2F, 1, 0]);
    let extensions = [0, 23, 0, 0, 0, 10, 0, 4, 0, 2, 0, 23, 0, 13, 0, 4, 0, 2, 4, 3, 0, 14, 0, 7, 0, 4, 0, 1, 0, 7, 0];
    body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
    body.extend(extensions);
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let mut message = vec![1, length[1], length[2], length[3], 0, 0, 0, 0, 0, length[1], length[2], length[3]];
    message.extend(body);
    let mut record = vec![22, 0xFE, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0];
    record.extend(u16::try_from(message.len()).unwrap().to_be_bytes());
    record.extend(message);
    record
}

fn offer(role: Role) -> bridge_core::offer::Offer {
    let direction = if role == Role::Publisher { "sendrecv" } else { "recvonly" };
    let text = format!(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=ice-ufrag:them\r\na=ice-pwd:0123456789012345678901\r\n\
         a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\n\
         a=setup:active\r\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=sendrecv\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 nack\r\n\
         m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=mid:1\r\na={direction}\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\n\
         a=rtcp-fb:96 goog-remb\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
         a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n"
    );
    let mut offer = screen(&text, role).unwrap();
    offer.settle_video(&[]).unwrap();
    offer
}

/// The same keys for everything, which the other end has too.
pub(super) fn keys() -> Box<Keys> {
    let cipher = || Cipher::new(Profile::Gcm128, &KEY, &SALT).unwrap();
    Box::new(Keys {
        receive: cipher(),
        send: cipher(),
        receive_reports: context(),
        send_reports: context(),
        profile: Profile::Gcm128,
    })
}

/// What opens and seals with them, as the other end does.
pub(super) fn context() -> Context {
    let provider = rtc_crypto::default_provider().unwrap();
    Context::new(&KEY, &SALT, ProtectionProfile::AeadAes128Gcm, None, None, provider.crypto()).unwrap()
}

/// A robot's and a pupil's leg, connected and paired, whose other ends' keys are known here.
pub(super) fn legs() -> [Leg; 2] {
    let identity = Identity::generate().unwrap();
    let path = Path { remote: Remote::Udp(SocketAddr::from(([192, 0, 2, 1], 5))), local: None };
    let [mut robot, mut pupil] =
        [(Party::Publisher, Role::Publisher), (Party::Subscriber, Role::Subscriber)].map(|(party, role)| {
            let mut leg = Leg::new(Made {
                id: LegId(party as u64),
                robot: RobotId::new(),
                party,
                talk: Talk::Forward,
                offer: offer(role),
                ice: local(),
                ssrcs: [0xA0, 0xA1, 0xA2],
                reporter: 9,
                identity: &identity,
                now: start(),
            });
            leg.keys = Some(keys());
            leg.chosen = Some(path);
            leg
        });
    (robot.other, pupil.other) = (Some(1), Some(0));
    robot.send_to(&pupil);
    pupil.send_to(&robot);
    [robot, pupil]
}

proptest! {
    #![proptest_config(many())]

    #[test]
    fn stun(packet in prop_oneof![bytes(200), mangled(check())]) {
        let provider = rtc_crypto::default_provider().unwrap();
        let _ = (stun::local_ufrag(&packet), stun::is_answer(&packet));
        prop_assert!(!stun::answers(&packet, [7; 12], "a password that nobody used", provider.crypto()));
        let source = SocketAddr::from(([192, 0, 2, 1], 5));
        if let Some(check) = stun::check(&packet, source, &local(), "them", provider.crypto()) {
            prop_assert!(check.reply.len() < 200, "a reply is not much larger than its request");
        }
    }

    #[test]
    fn rtp_headers(mut packet in prop_oneof![bytes(100), mangled(packet(96, 1, 2, &[3; 20]))], id in 0_u8..16) {
        if let Some(header) = Header::read(&packet) {
            prop_assert!(header.length <= packet.len());
            let _ = header.extension(&packet, id);
            let before = packet.clone();
            header.remap(&mut packet, &IdMap::between(&[(id, 1)], &[(4, 1)]));
            let _ = header.set_number(&mut packet, 4, 0xFFFF);
            header.write(&mut packet);
            prop_assert_eq!(&before[header.length..], &packet[header.length..], "the payload is never touched");
        }
    }

    #[test]
    fn rtcp_compounds(packet in prop_oneof![bytes(300), mangled(compound())]) {
        let mut out = Vec::new();
        let findings = rtcp::translate(&packet, &[0xA0, 0xA1, 0xA2], &Links::default(), &mut out);
        prop_assert!(findings.wanted.len() <= 512 && out.len() <= packet.len() * 2 + 32);
    }

    #[test]
    fn congestion_feedback(packet in prop_oneof![bytes(200), mangled(compound()[104..].to_vec())], sent in 0_u16..2000) {
        let now = start();
        let mut downlink = Downlink::new();
        for step in 0..sent {
            downlink.sent(1000, now + Duration::from_micros(u64::from(step) * 500));
        }
        if let Some(fates) = read::read(&packet) {
            prop_assert!(fates.len() <= 4096);
            downlink.acknowledged(&fates, now + Duration::from_secs(1));
            downlink.acknowledged(&fates, now + Duration::from_secs(2));
        }
        if let Some(limit) = downlink.limit(now + Duration::from_secs(2)) {
            prop_assert!((80_000..=32_000_000).contains(&limit));
        }
    }

    #[test]
    fn client_hellos(datagrams in proptest::collection::vec(prop_oneof![bytes(100), mangled(hello())], 1..12)) {
        let mut held = Held::default();
        for datagram in datagrams {
            let _ = held.push(&datagram);
        }
    }

    #[test]
    fn data_channel_records(records in proptest::collection::vec(prop_oneof![bytes(200), sctp()], 1..8)) {
        let (now, mut channel) = (start(), Channel::new());
        for record in records {
            let Some(events) = sctp_may_give_up(|| channel.receive(now, BytesMut::from(&record[..]))) else { break };
            prop_assert!(events.len() <= 8);
            channel.timeout(now + Duration::from_secs(10));
        }
    }

    #[test]
    fn control_texts(text in prop_oneof![bytes(200), mangled(br#"{"v":1,"id":8,"type":"look","pan_deg":10,"tilt_deg":0}"#.to_vec())]) {
        let _ = crate::robot::said(&String::from_utf8_lossy(&text));
    }

    /// A robot with the right keys that says anything: media, repairs, padding, lies about lengths.
    #[test]
    fn sealed_media(packets in proptest::collection::vec(sealed(), 1..40)) {
        let (now, mut out) = (start(), Batch::new());
        let cipher = Cipher::new(Profile::Gcm128, &KEY, &SALT).unwrap();
        let [mut robot, mut pupil] = legs();
        for (plain, step) in packets.into_iter().zip(0..) {
            let Some(header) = Header::read(&plain) else { continue };
            let mut sealed = plain.clone();
            sealed.resize(plain.len() + 16, 0);
            cipher.seal(&mut sealed, header.length, plain.len(), header.ssrc, u64::from(header.sequence)).unwrap();
            let now = now + Duration::from_millis(step * 7);
            relay::packet(&mut robot, Some(&mut pupil), &mut sealed, step * 7000, now, &mut out);
            robot.ask_for_missing(now, &mut out);
            robot.report_arrivals(&mut out);
        }
        prop_assert!(out.queued() < 200);
    }

    /// A tablet with the right keys that reports anything, about packets it was sent.
    #[test]
    fn sealed_reports(reports in proptest::collection::vec(prop_oneof![bytes(300), mangled(compound())], 1..10)) {
        let (now, mut out) = (start(), Batch::new());
        let cipher = Cipher::new(Profile::Gcm128, &KEY, &SALT).unwrap();
        let [mut robot, mut pupil] = legs();
        for sequence in 0..50 {
            let mut sealed = packet(96, 1, sequence, &[1; 500]);
            let end = sealed.len();
            sealed.resize(end + 16, 0);
            cipher.seal(&mut sealed, 24, end, 1, u64::from(sequence)).unwrap();
            relay::packet(&mut robot, Some(&mut pupil), &mut sealed, 0, now, &mut out);
        }
        prop_assert_eq!(out.queued(), 50);
        let mut sealer = context();
        for (report, step) in reports.into_iter().zip(1..) {
            if let Ok(sealed) = sealer.encrypt_rtcp(&report) {
                let now = now + Duration::from_millis(step * 30);
                relay::report(&mut pupil, Some(&mut robot), &sealed, now, &mut out);
            }
        }
        prop_assert!(out.queued() < 50 + 10 * 60, "resends are bounded: {}", out.queued());
    }
}

proptest! {
    #![proptest_config(few())]

    /// Anything from an address that passed a check, one after the other: no parser of anybody's gives up.
    #[test]
    fn datagrams_of_every_kind(datagrams in proptest::collection::vec(
        prop_oneof![bytes(300), mangled(hello()), mangled(packet(96, 1, 2, &[3; 40])), mangled(compound()), records()], 1..30)
    ) {
        let (now, (sender, mut events)) = (start(), mpsc::channel(256));
        let mut hub = Hub::new(&MediaConfig::default(), 0, Reach::default(), Identity::generate().unwrap(), sender, now);
        let answer = hub.add(RobotId::new(), Party::Publisher, Talk::Forward, offer(Role::Publisher), now).unwrap();
        let path = Path { remote: Remote::Udp(SocketAddr::from(([192, 0, 2, 1], 5))), local: None };
        hub.datagram(path, &mut genuine_check(&answer.sdp), 0, now);
        for (mut datagram, step) in datagrams.into_iter().zip(0..) {
            let now = now + Duration::from_millis(step * 200);
            hub.datagram(path, &mut datagram, 0, now);
            hub.timers(now);
        }
        while let Ok(event) = events.try_recv() {
            prop_assert!(!matches!(event, MediaEvent::Closed { why: Why::Broken, .. }), "a parser panicked");
        }
    }
}

fn genuine_check(answer: &str) -> Vec<u8> {
    use rtc_stun::message::{BINDING_REQUEST, Message};
    let value = |prefix: &str| answer.lines().find_map(|line| line.strip_prefix(prefix)).unwrap().to_owned();
    let username = format!("{}:them", value("a=ice-ufrag:"));
    let username = rtc_stun::textattrs::TextAttribute::new(rtc_stun::attributes::ATTR_USERNAME, username);
    let provider = rtc_crypto::default_provider().unwrap();
    let integrity =
        rtc_stun::integrity::MessageIntegrity::new_short_term_integrity_with_provider(value("a=ice-pwd:"), provider.crypto());
    let mut message = Message::new();
    let end = rtc_stun::fingerprint::FINGERPRINT;
    message.build(&[Box::new(BINDING_REQUEST), Box::new(username), Box::new(integrity), Box::new(end)]).unwrap();
    message.raw
}

/// Payload types that mean something, any stream, payloads that begin like repairs.
fn sealed() -> impl Strategy<Value = Vec<u8>> {
    let kinds = prop_oneof![Just((96_u8, 1_u32)), Just((97, 2)), Just((111, 3)), Just((97, 4)), (any::<u8>(), any::<u32>())];
    let plain =
        (kinds, any::<u16>(), 0_u16..60, any::<bool>(), bytes(60)).prop_map(|((kind, ssrc), wild, near, is_near, tail)| {
            let sequence = if is_near { near } else { wild };
            packet(kind & 127, ssrc, sequence, &tail)
        });
    plain.prop_flat_map(mangled)
}

/// DTLS records of every type, epoch and length.
fn records() -> impl Strategy<Value = Vec<u8>> {
    (20_u8..27, 0_u8..3, any::<u8>(), bytes(80)).prop_map(|(kind, epoch, sequence, body)| {
        let mut record = vec![kind, 0xFE, 0xFD, 0, epoch, 0, 0, 0, 0, 0, sequence];
        record.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        record.extend(body);
        record
    })
}

/// An SCTP packet with a right checksum and any chunks.
fn sctp() -> impl Strategy<Value = Vec<u8>> {
    let chunk = (0_u8..16, any::<u8>(), prop_oneof![bytes(60), Just(vec![0, 0, 0, 1, 0, 1, 0, 0, 0, 10, 0, 10, 0, 0, 0, 1])]);
    proptest::collection::vec(chunk, 1..4).prop_map(|chunks| {
        let mut packet = vec![0x13, 0x88, 0x13, 0x88, 0, 0, 0, 0, 0, 0, 0, 0];
        for (kind, flags, body) in chunks {
            packet.extend([kind, flags]);
            packet.extend(u16::try_from(body.len() + 4).unwrap().to_be_bytes());
            packet.extend(body);
            packet.resize(packet.len().next_multiple_of(4), 0);
        }
        let sum = crc32c(&packet);
        packet[8..12].copy_from_slice(&sum.to_le_bytes());
        packet
    })
}

fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0x82F6_3B78 } else { sum >> 1 })
    })
}
