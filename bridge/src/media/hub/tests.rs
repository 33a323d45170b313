//! Paths, on a hub without a socket and with time as an argument: which address is believed, and when it is not any more.

use bridge_core::offer::{Role, screen};
use rtc_stun::attributes::{ATTR_ICE_CONTROLLED, ATTR_USE_CANDIDATE, ATTR_USERNAME, RawAttribute};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Message, Setter, TransactionId};
use rtc_stun::textattrs::TextAttribute;

use std::net::SocketAddr;

use super::super::fuzz::keys;
use super::super::path::Path;
use super::super::stream::Slot;
use super::*;

const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-ufrag:them\r\na=ice-pwd:0123456789012345678901\r\n\
    a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\n\
    a=setup:active\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=sendrecv\r\na=rtpmap:111 opus/48000/2\r\n";

struct World {
    hub: Hub,
    leg: LegId,
    local: (String, String),
    now: Instant,
    events: mpsc::Receiver<MediaEvent>,
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "an origin for durations")]
    fn new() -> Self {
        let (sender, events) = mpsc::channel(64);
        let now = Instant::now();
        let config = MediaConfig { connect_within: Duration::from_secs(3600), ..MediaConfig::default() };
        let mut hub =
            Hub::new(&config, 0, Reach { udp: vec![address(8189)], tcp: vec![] }, Identity::generate().unwrap(), sender, now);
        let offer = screen(OFFER, Role::Publisher).unwrap();
        let answer = hub.add(RobotId::new(), Party::Publisher, Talk::Forward, offer, now).unwrap();
        let local = credentials(&answer.sdp);
        Self { hub, leg: answer.leg, local, now, events }
    }

    /// One more leg, of another robot or as the pupil of this one, with its credentials.
    fn another(&mut self, robot: RobotId, party: Party) -> (LegId, (String, String)) {
        let offer = screen(OFFER, if party == Party::Publisher { Role::Publisher } else { Role::Subscriber }).unwrap();
        let answer = self.hub.add(robot, party, Talk::Forward, offer, self.now).unwrap();
        (answer.leg, credentials(&answer.sdp))
    }

    /// Whose packets these are that come from there.
    fn owner(&self, from: u16) -> Option<LegId> {
        let slot = self.hub.by_address.get(&Remote::Udp(address(from)))?;
        self.hub.leg(*slot).map(|leg| leg.id)
    }

    /// Delivers a datagram and returns how many were sent for it.
    fn deliver(&mut self, from: u16, datagram: &[u8]) -> usize {
        let before = self.hub.out.queued();
        self.hub.datagram(path(from), &mut datagram.to_vec(), 0, self.now);
        self.hub.out.queued() - before
    }

    fn check(&self, extra: &[u16]) -> Vec<u8> {
        request(&self.local, extra)
    }

    fn leg(&self) -> &Leg {
        self.hub.leg(self.hub.by_id[&self.leg]).unwrap()
    }

    fn sent_to(&self) -> Option<u16> {
        self.leg().path().map(|path| path.remote.address().port())
    }

    fn pass(&mut self, span: Duration) {
        self.now += span;
        self.hub.timers(self.now);
    }
}

const NOMINATE: u16 = ATTR_USE_CANDIDATE.0;

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], port))
}

fn path(port: u16) -> Path {
    Path { remote: Remote::Udp(address(port)), local: None }
}

fn credentials(answer: &str) -> (String, String) {
    let value = |prefix: &str| answer.lines().find_map(|line| line.strip_prefix(prefix)).unwrap().to_owned();
    (value("a=ice-ufrag:"), value("a=ice-pwd:"))
}

fn request((ufrag, password): &(String, String), extra: &[u16]) -> Vec<u8> {
    let provider = rtc_crypto::default_provider().unwrap();
    let mut setters: Vec<Box<dyn Setter + '_>> = vec![
        Box::new(TransactionId::new()),
        Box::new(BINDING_REQUEST),
        Box::new(TextAttribute::new(ATTR_USERNAME, format!("{ufrag}:them"))),
    ];
    for kind in extra {
        let value = if *kind == NOMINATE { vec![] } else { vec![7; 8] };
        let length = u16::try_from(value.len()).unwrap();
        setters.push(Box::new(RawAttribute { typ: rtc_stun::attributes::AttrType(*kind), length, value }));
    }
    setters.push(Box::new(MessageIntegrity::new_short_term_integrity_with_provider(password.clone(), provider.crypto())));
    setters.push(Box::new(FINGERPRINT));
    let mut message = Message::new();
    message.build(&setters).unwrap();
    message.raw
}

#[test]
fn of_several_paths_the_nominated_one_is_used_and_the_newest_nomination_wins() {
    let mut world = World::new();
    assert_eq!(world.deliver(1, &world.check(&[])), 1);
    assert_eq!(world.sent_to(), Some(1), "the first genuine one, until one is nominated");
    assert_eq!(world.deliver(2, &world.check(&[])), 1, "answered");
    assert_eq!(world.sent_to(), Some(1), "and not used");
    world.deliver(2, &world.check(&[NOMINATE]));
    assert_eq!(world.sent_to(), Some(2));
    world.deliver(1, &world.check(&[]));
    assert_eq!(world.sent_to(), Some(2));
    world.deliver(3, &world.check(&[NOMINATE]));
    assert_eq!(world.sent_to(), Some(3));
}

#[test]
fn the_address_of_the_bridges_own_side_may_change_too() {
    let mut world = World::new();
    world.deliver(1, &world.check(&[NOMINATE]));
    let other = Path { local: Some([192, 0, 2, 99].into()), ..path(1) };
    world.hub.datagram(other, &mut world.check(&[NOMINATE]), 0, world.now);
    assert_eq!(world.leg().path(), Some(other), "replies come from where they were sent to");
}

#[test]
fn nothing_moves_without_integrity() {
    let mut world = World::new();
    world.deliver(1, &world.check(&[NOMINATE]));
    let forged = request(&(world.local.0.clone(), "another password of 24".into()), &[NOMINATE]);
    assert_eq!(world.deliver(2, &forged), 0);
    let mut altered = world.check(&[NOMINATE]);
    altered[30] ^= 1;
    assert_eq!(world.deliver(2, &altered), 0);
    // A stranger may only send checks.
    for first in [20, 22, 128, 144] {
        assert_eq!(world.deliver(2, &[first; 200]), 0);
    }
    assert_eq!((world.sent_to(), world.leg().addresses.len()), (Some(1), 1));
}

#[test]
fn a_nomination_behind_the_integrity_is_none() {
    let mut world = World::new();
    world.deliver(1, &world.check(&[NOMINATE]));
    let mut packet = world.check(&[]);
    // In the place of the fingerprint, whose four bytes become part of it.
    let end = packet.len();
    packet[end - 8..end - 4].copy_from_slice(&[0, 0x25, 0, 4]);
    assert_eq!(world.deliver(2, &packet), 1, "genuine as far as it is protected");
    assert_eq!(world.sent_to(), Some(1));
}

#[test]
fn a_copied_check_moves_nothing() {
    let mut world = World::new();
    let nomination = world.check(&[NOMINATE]);
    assert_eq!(world.deliver(1, &nomination), 1);
    assert_eq!(world.deliver(1, &nomination), 1, "sent again by its sender");
    assert_eq!(world.deliver(2, &nomination), 0);
    assert_eq!((world.sent_to(), world.leg().addresses.len()), (Some(1), 1));
}

/// What whoever has this password says to a question.
fn answer_to(question: &[u8], password: &str) -> Vec<u8> {
    let provider = rtc_crypto::default_provider().unwrap();
    let mut message = Message::new();
    let integrity = MessageIntegrity::new_short_term_integrity_with_provider(password.to_owned(), provider.crypto());
    let transaction = TransactionId(question[8..20].try_into().unwrap());
    message.build(&[Box::new(transaction), Box::new(BINDING_SUCCESS), Box::new(integrity), Box::new(FINGERPRINT)]).unwrap();
    message.raw
}

/// Reported: a pupil sends its own checks under the robot's address, and everything the robot sends from there goes to the pupil's leg.
#[test]
fn a_genuine_check_under_the_address_of_another_leg_takes_it_only_for_who_answers_there() {
    let mut world = World::new();
    world.deliver(1, &world.check(&[NOMINATE]));
    let robot = world.leg().robot;
    let (pupil, theirs) = world.another(robot, Party::Subscriber);
    world.deliver(2, &request(&theirs, &[NOMINATE]));
    assert_eq!((world.owner(1), world.owner(2)), (Some(world.leg), Some(pupil)));
    for _ in 0..100 {
        assert_eq!(world.deliver(1, &request(&theirs, &[NOMINATE])), 1);
        assert_eq!(world.hub.out.newest()[..2], [0, 1], "whoever is there is asked");
        let question = world.hub.out.newest().to_vec();
        // A pupil that sees no question can only guess; and the robot has another password.
        world.deliver(1, &answer_to(&[7; 20], "0123456789012345678901"));
        world.deliver(1, &answer_to(&question, "another password of 24"));
        world.pass(Duration::from_millis(100));
        assert_eq!((world.owner(1), world.sent_to()), (Some(world.leg), Some(1)));
        assert_eq!(world.deliver(1, &world.check(&[])), 1, "it is in all the time");
    }
    // It is there after all: a NAT gave the address to it.
    world.deliver(1, &request(&theirs, &[NOMINATE]));
    let question = world.hub.out.newest().to_vec();
    assert_eq!(world.deliver(1, &answer_to(&question, "0123456789012345678901")), 0);
    assert_eq!(world.owner(1), Some(world.leg));
    world.deliver(1, &request(&theirs, &[NOMINATE]));
    assert_eq!((world.owner(1), world.leg().addresses.len()), (Some(pupil), 0));
    assert_eq!(world.hub.out.newest()[..2], [1, 1], "and its check has its reply");
}

#[test]
fn an_address_is_free_when_its_leg_is_heard_no_more_or_is_elsewhere_or_is_replaced_from_there() {
    let mut world = World::new();
    world.deliver(1, &world.check(&[NOMINATE]));
    let (stranger, theirs) = world.another(RobotId::new(), Party::Publisher);
    world.deliver(1, &request(&theirs, &[NOMINATE]));
    assert_eq!(world.owner(1), Some(world.leg));
    world.deliver(3, &world.check(&[NOMINATE]));
    world.deliver(1, &request(&theirs, &[NOMINATE]));
    assert_eq!(world.owner(1), Some(stranger), "the other is sent to elsewhere");
    for _ in 0..31 {
        world.pass(Duration::from_secs(1));
    }
    world.deliver(3, &request(&theirs, &[NOMINATE]));
    assert_eq!(world.owner(3), Some(stranger), "the other was not heard for half a minute");
    // The same socket, for the robot's next connection.
    let mut world = World::new();
    world.deliver(1, &world.check(&[NOMINATE]));
    let (next, theirs) = world.another(world.leg().robot, Party::Publisher);
    world.deliver(1, &request(&theirs, &[NOMINATE]));
    assert_eq!(world.owner(1), Some(next));
}

#[test]
fn an_end_that_is_controlled_too_is_told_and_nothing_else_happens() {
    let mut world = World::new();
    assert_eq!(world.deliver(1, &world.check(&[ATTR_ICE_CONTROLLED.0, NOMINATE])), 1);
    assert_eq!((world.sent_to(), world.leg().addresses.len()), (None, 0));
    assert_eq!(world.hub.out.newest()[..2], [0x01, 0x11], "a binding error");
    assert_eq!(world.deliver(1, &world.check(&[NOMINATE])), 1);
    assert_eq!(world.sent_to(), Some(1), "it changed its mind");
}

#[test]
fn addresses_are_bounded_and_the_one_in_use_stays() {
    let mut world = World::new();
    world.deliver(1, &world.check(&[NOMINATE]));
    for port in 2..60 {
        world.pass(Duration::from_millis(50));
        world.deliver(port, &world.check(&[]));
    }
    assert_eq!((world.leg().addresses.len(), world.hub.by_address.len()), (8, 8));
    assert!(world.leg().addresses.contains(&Remote::Udp(address(1))) && world.sent_to() == Some(1));
}

#[test]
fn after_a_restart_the_old_path_holds_until_the_new_credentials_nominate() {
    let mut world = World::new();
    world.deliver(1, &world.check(&[NOMINATE]));
    let remote = Credentials { ufrag: "newer".into(), pwd: "another password of 24 le".into() };
    let fragment = world.hub.restart(world.leg, remote).unwrap().unwrap();
    let (ufrag, password) = credentials(&fragment);
    assert_eq!(world.deliver(1, &world.check(&[])), 1, "old credentials still count");
    assert_eq!(world.sent_to(), Some(1));
    // With the old remote name the new credentials are nobody's.
    assert_eq!(world.deliver(2, &request(&(ufrag.clone(), password.clone()), &[NOMINATE])), 0);
    let moved = request(&(format!("{ufrag}:newer\0"), password.clone()), &[NOMINATE]);
    assert_eq!(world.deliver(2, &moved), 0);
    let provider = rtc_crypto::default_provider().unwrap();
    let nominate = RawAttribute { typ: ATTR_USE_CANDIDATE, length: 0, value: vec![] };
    let setters: [Box<dyn Setter + '_>; 6] = [
        Box::new(TransactionId::new()),
        Box::new(BINDING_REQUEST),
        Box::new(TextAttribute::new(ATTR_USERNAME, format!("{ufrag}:newer"))),
        Box::new(nominate),
        Box::new(MessageIntegrity::new_short_term_integrity_with_provider(password, provider.crypto())),
        Box::new(FINGERPRINT),
    ];
    let mut message = Message::new();
    message.build(&setters).unwrap();
    assert_eq!(world.deliver(2, &message.raw), 1);
    assert_eq!(world.sent_to(), Some(2));
}

#[test]
fn restarts_whose_answers_are_lost_leave_the_path_in_use_alone() {
    let mut world = World::new();
    world.deliver(1, &world.check(&[NOMINATE]));
    for count in 0..20 {
        let remote = Credentials { ufrag: format!("new{count:02}"), pwd: "another password of 24 le".into() };
        world.hub.restart(world.leg, remote).unwrap().unwrap();
        assert_eq!(world.deliver(1, &world.check(&[])), 1, "after {count}");
    }
    assert_eq!((world.leg().ice.len(), world.hub.by_ufrag.len()), (4, 4), "and what was never used is forgotten");
}

#[test]
fn who_is_not_heard_for_half_a_minute_is_sent_nothing_until_heard_again() {
    let mut world = World::new();
    world.deliver(1, &world.check(&[NOMINATE]));
    for _ in 0..29 {
        world.pass(Duration::from_secs(1));
        assert_eq!(world.sent_to(), Some(1));
    }
    world.pass(Duration::from_secs(2));
    assert_eq!(world.sent_to(), None);
    world.deliver(1, &world.check(&[]));
    assert_eq!(world.sent_to(), Some(1));
}

#[test]
fn a_flood_of_forged_checks_costs_little_and_keeps_nobody_out_who_is_in() {
    let mut world = World::new();
    world.deliver(1, &world.check(&[NOMINATE]));
    let forged = request(&(world.local.0.clone(), "another password of 24".into()), &[NOMINATE]);
    for round in 0..100 {
        for count in 0..200 {
            let port = 1000 + (round * 200 + count) % 30_000;
            assert_eq!(world.deliver(port, &forged), 0);
        }
        world.pass(Duration::from_millis(10));
    }
    assert_eq!(world.deliver(1, &world.check(&[])), 1, "known addresses have a share of their own");
    assert_eq!((world.leg().addresses.len(), world.hub.by_address.len()), (1, 1));
    world.pass(Duration::from_secs(1));
    assert_eq!(world.deliver(2, &world.check(&[NOMINATE])), 1);
    assert_eq!(world.sent_to(), Some(2), "and after it a new address is taken");
}

#[test]
fn a_thread_that_waits_for_a_processor_is_busier_by_no_more_than_it_has_to_do() {
    let used = |ran, waited| Used { ran: Duration::from_millis(ran), waited: Duration::from_millis(waited) };
    assert_eq!(Used::of("1500000000 500000000 77\n"), used(1500, 500));
    assert_eq!(used(1500, 500).busy_since(used(500, 0)), Duration::from_millis(1500));
    assert_eq!(used(100, 1900).busy_since(used(0, 0)), Duration::from_millis(200), "the machine is full, and not of this");
    assert_eq!(used(0, 0).busy_since(used(1, 1)), Duration::ZERO);
    assert_eq!(Used::of(""), Used::default());
    assert_eq!(Used::of("nothing is told"), Used::default());
}

#[test]
fn what_is_read_after_the_process_stood_still_is_no_second_of_anybody() {
    let mut world = World::new();
    let told = |world: &mut World, seconds: u64| {
        world.pass(Duration::from_secs(seconds));
        let mut count = 0;
        while let Ok(event) = world.events.try_recv() {
            count += usize::from(matches!(event, MediaEvent::Second(_)));
        }
        count
    };
    let robot = world.leg().robot;
    world.hub.robots.insert(robot, [None, None]);
    let seconds: Vec<usize> = [1, 1, 25, 1, 1, 1].into_iter().map(|passed| told(&mut world, passed)).collect();
    assert_eq!(seconds, [1, 1, 0, 0, 1, 1]);
}

#[test]
fn a_leg_on_which_a_library_gives_up_when_a_second_ends_goes_alone() {
    let mut world = World::new();
    let robot = world.leg().robot;
    let (pupil, _) = world.another(robot, Party::Subscriber);
    let slot = world.hub.by_id[&pupil];
    let leg = world.hub.leg_mut(slot).unwrap();
    (leg.keys, leg.channel.gives_up) = (Some(keys()), true);
    // It is sent sound alone and says nothing, so it is asked whether it is there.
    leg.tally.sent(Slot::Audio, 0, 100);
    world.pass(Duration::from_secs(1));
    let events: Vec<MediaEvent> = std::iter::from_fn(|| world.events.try_recv().ok()).collect();
    let closed = |event: &MediaEvent| matches!(event, MediaEvent::Closed { leg, why: Why::Broken } if *leg == pupil);
    assert!(events.iter().any(closed), "{events:?}");
    assert_eq!((world.hub.by_id.len(), world.leg().id), (1, world.leg));
}
