//! What is counted and told of received streams; and that no number on a sent stream is used twice, whatever happens to its source.

use std::collections::HashSet;
use std::time::Duration;

use proptest::prelude::*;

use super::super::srtp::Profile;
use super::*;

const FIRST: Source = Source { leg: LegId(1), ssrc: 10 };
const SECOND: Source = Source { leg: LegId(2), ssrc: 20 };

#[expect(clippy::disallowed_methods, reason = "an origin for durations")]
fn start() -> Instant {
    Instant::now()
}

#[test]
fn a_viewer_who_joins_late_sees_roll_over_counter_zero() {
    let mut sent = Outgoing::new(1);
    let now = start();
    assert_eq!(sent.place(Slot::Video, FIRST, 3 * 65_536 + 65_535, 7, now), Some((32_767, 7)));
    assert_eq!(sent.place(Slot::Video, FIRST, 4 * 65_536, 8, now), Some((32_768, 8)));
    assert_eq!(sent.place(Slot::Video, FIRST, 3 * 65_536 + 65_534, 6, now), Some((32_766, 6)), "reordered around the start");
    assert_eq!(sent.place(Slot::Video, FIRST, 3 * 65_536 - 1, 6, now), None, "before anything this viewer can count");
}

#[test]
fn the_sender_is_told_what_came_of_its_packets() {
    let now = start();
    let at = |millis: u64| now + Duration::from_millis(millis);
    let mut stream = Stream::starting(7, 65_530);
    for index in [65_531, 65_533, 65_536, 65_537] {
        stream.accept(Slot::Video, index, false, now);
        stream.received += 1;
    }
    stream.heard = Some((0x1234_5678, at(100)));
    let block = stream.reception(at(350)).unwrap();
    // Five of eight came; a quarter of a second is 16384/65536.
    let expected =
        Block { ssrc: 7, fraction_lost: 96, lost: 3, highest: 65_537, jitter: 0, last_report: 0x1234_5678, delay: 16_384 };
    assert_eq!(block, expected);
    assert_eq!(stream.reception(at(350)).unwrap(), Block { fraction_lost: 0, ..block }, "since then nothing was lost");
}

#[test]
fn unevenness_is_that_of_the_standard() {
    let mut incoming = Incoming::new([Some(111), None, None], [None; SLOTS], [false; SLOTS]);
    incoming.begin(Slot::Audio, 7);
    // Every packet is 4 ms early or late in turn: 8 ms from one to the next.
    for number in 0..400_u32 {
        let late = if number % 2 == 0 { 0 } else { 8_000 };
        incoming.timed(Slot::Audio, number * 960, u64::from(number) * 20_000 + late);
    }
    let jitter = incoming.receptions(start())[0].jitter;
    assert!((370..=390).contains(&jitter), "8 ms are 384 ticks: {jitter}");
}

#[test]
fn a_pause_and_timestamps_that_begin_anew_are_no_unevenness() {
    let mut incoming = Incoming::new([Some(111), Some(96), None], [None; SLOTS], [false; SLOTS]);
    for (slot, ticks) in [(Slot::Audio, 960), (Slot::Video, 1800)] {
        incoming.begin(slot, 7);
        for number in 0..100_u32 {
            // After the thirtieth nothing for three seconds; the sixtieth begins anew somewhere else.
            let pause = if number > 30 { 3_000_000 } else { 0 };
            let anew = if number > 60 { 0x4000_0000 } else { 0 };
            incoming.timed(slot, (number * ticks).wrapping_add(anew), u64::from(number) * 20_000 + pause);
        }
    }
    assert_eq!(incoming.receptions(start()).iter().map(|block| block.jitter).collect::<Vec<_>>(), [0, 0]);
}

#[test]
fn indices_never_repeat_when_the_source_changes_and_time_goes_on() {
    let mut sent = Outgoing::new(1);
    let now = start();
    assert_eq!(sent.place(Slot::Video, FIRST, 100, 1000, now), Some((100, 1000)));
    assert_eq!(sent.place(Slot::Video, FIRST, 102, 2000, now), Some((102, 2000)));
    let later = now + Duration::from_millis(500);
    assert_eq!(sent.place(Slot::Video, SECOND, 50, 9, later), Some((103, 2000 + 45_000)));
    assert_eq!(sent.place(Slot::Video, SECOND, 51, 10, later), Some((104, 2000 + 45_001)));
    assert_eq!(sent.place(Slot::Video, SECOND, 49, 8, later), None, "would repeat an index of the first source");
    assert_eq!(
        sent.place(Slot::Video, FIRST, 103, 2001, later).map(|placed| placed.0),
        Some(105),
        "back again: still going on"
    );
}

#[test]
fn after_something_was_left_out_numbers_follow_and_timestamps_keep_their_distance() {
    let mut sent = Outgoing::new(1);
    let now = start();
    let at = |millis: u64| now + Duration::from_millis(millis);
    assert_eq!(sent.place(Slot::Video, FIRST, 100, 1000, now), Some((100, 1000)));
    assert_eq!(sent.place(Slot::Video, SECOND, 7, 5000, at(100)), Some((101, 1000 + 9000)));
    assert_eq!(sent.origin(), Some((SECOND, 5000)));
    sent.skip();
    assert_eq!(sent.origin(), Some((SECOND, 5000)), "what is told of its clock meanwhile counts");
    // A second of pictures later, and the packet itself is 70 ms late.
    assert_eq!(sent.place(Slot::Video, SECOND, 207, 5000 + 90_000, at(1170)), Some((102, 10_000 + 90_000)));
    assert_eq!(sent.place(Slot::Video, SECOND, 206, 5000 + 89_000, at(1171)), None, "left out, and its number is taken");
    // Whoever comes after a pause goes on with the time that passed.
    sent.skip();
    assert_eq!(sent.place(Slot::Video, FIRST, 101, 77, at(1270)), Some((103, 100_000 + 9000)));
    assert_eq!(sent.place(Slot::Video, FIRST, 102, 78, at(1270)), Some((104, 100_000 + 9001)));
}

/// Reported: six packets in a hundred that were lost and all repaired were held against the school's network.
#[test]
fn what_a_repair_brings_is_not_missing_and_was_lost_on_the_way_all_the_same() {
    let (cipher, now) = (Cipher::new(Profile::Gcm128, &[7; 16], &[9; 12]).unwrap(), start());
    let mut robot = Robot::new(0, 0);
    for index in (1..=100).filter(|index| index % 16 != 0) {
        robot.comes(&cipher, index, now).unwrap();
    }
    for sequence in [16, 32, 48, 64, 80] {
        assert!(robot.incoming.restore(sequence, now).is_some());
        assert_eq!(robot.incoming.restore(sequence, now), None, "once");
    }
    assert_eq!(robot.incoming.count(), (100, 99));
    assert_eq!(robot.incoming.receptions(now)[0].lost, 6, "for the sender");
    assert_eq!(robot.incoming.count(), (0, 0));
}

/// One thing that happens on the way from the robots to a tablet.
#[derive(Clone, Debug)]
enum Happening {
    /// A robot sends its next packet; those between are lost, or late.
    Sends { robot: usize, ahead: u64 },
    /// A packet of a while ago comes, for the first or the second time.
    Comes { robot: usize, back: u64 },
    /// A repair comes of a packet of a while ago, …
    Repairs { robot: usize, back: u64 },
    /// … or of any that a robot likes to name.
    Invents { robot: usize, sequence: u16 },
    /// Something is left out on purpose.
    Skip,
    /// The robot's stream begins anew under another SSRC.
    StartsAnew { robot: usize, first: u16 },
    /// Another leg takes the robot's place.
    TakeOver { robot: usize, first: u16 },
    /// The tablet asks for something.
    Resend,
}

fn happening() -> impl Strategy<Value = Happening> {
    let robot = 0..2_usize;
    let near = prop_oneof![6 => 1..4_u64, 1 => 1..40_000_u64];
    prop_oneof![
        12 => (robot.clone(), near).prop_map(|(robot, ahead)| Happening::Sends { robot, ahead }),
        6 => (robot.clone(), 0..1500_u64).prop_map(|(robot, back)| Happening::Comes { robot, back }),
        6 => (robot.clone(), 0..12_u64).prop_map(|(robot, back)| Happening::Comes { robot, back }),
        6 => (robot.clone(), 0..12_u64).prop_map(|(robot, back)| Happening::Repairs { robot, back }),
        1 => (robot.clone(), any::<u16>()).prop_map(|(robot, sequence)| Happening::Invents { robot, sequence }),
        3 => Just(Happening::Skip),
        1 => (robot.clone(), any::<u16>()).prop_map(|(robot, first)| Happening::StartsAnew { robot, first }),
        1 => (robot, any::<u16>()).prop_map(|(robot, first)| Happening::TakeOver { robot, first }),
        2 => Just(Happening::Resend),
    ]
}

/// A robot with what the bridge knows of its leg.
struct Robot {
    source: Source,
    incoming: Incoming,
    newest: u64,
}

impl Robot {
    fn new(leg: u64, first: u16) -> Self {
        let incoming = Incoming::new([None, Some(96), Some(97)], [None; SLOTS], [true; SLOTS]);
        Self { source: Source { leg: LegId(leg), ssrc: 1 }, incoming, newest: first.into() }
    }

    /// What the bridge takes of a packet: its index, if it is genuine, new and of the stream that is forwarded.
    fn comes(&mut self, cipher: &Cipher, index: u64, now: Instant) -> Option<u64> {
        let mut packet = vec![0x80, 96];
        packet.extend(&index.to_be_bytes()[6..]);
        packet.extend(timestamp(index).to_be_bytes());
        packet.extend(self.source.ssrc.to_be_bytes());
        packet.resize(12 + 20 + 16, 7);
        cipher.seal(&mut packet, 12, 32, self.source.ssrc, index).unwrap();
        let header = Header::read(&packet).unwrap();
        let opened = self.incoming.open(cipher, &mut packet, &header, now).ok()?;
        opened.is_current.then_some(opened.index)
    }
}

fn timestamp(index: u64) -> u32 {
    u32::try_from(index * 3000 % (1 << 32)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// What a key seals under one SSRC and index must be one packet: a second one would give both away.
    #[test]
    fn no_number_on_a_sent_stream_is_used_twice(
        happenings in proptest::collection::vec((happening(), 0..200_u64), 1..250), firsts in any::<[u16; 2]>()
    ) {
        let cipher = Cipher::new(Profile::Gcm128, &[7; 16], &[9; 12]).unwrap();
        let [mut picture, mut repairs] = [100, 101].map(Outgoing::new);
        let mut robots = [Robot::new(0, firsts[0]), Robot::new(1, firsts[1])];
        let (mut legs, mut now) = (2, start());
        let (mut used, mut used_by_repairs) = (HashSet::new(), HashSet::new());
        let mut before: Option<(Source, u32)> = None;
        for (happening, passed) in happenings {
            now += Duration::from_millis(passed);
            let placed = match happening {
                Happening::Sends { robot, ahead } => {
                    robots[robot].newest += ahead;
                    let index = robots[robot].newest;
                    robots[robot].comes(&cipher, index, now).map(|index| (robot, index))
                }
                Happening::Comes { robot, back } => {
                    let index = robots[robot].newest.saturating_sub(back);
                    robots[robot].comes(&cipher, index, now).map(|index| (robot, index))
                }
                Happening::Repairs { robot, back } => {
                    let sequence = u16::try_from(robots[robot].newest.saturating_sub(back) % 65_536).unwrap();
                    robots[robot].incoming.restore(sequence, now).map(|(_, index)| (robot, index))
                }
                Happening::Invents { robot, sequence } => {
                    robots[robot].incoming.restore(sequence, now).map(|(_, index)| (robot, index))
                }
                Happening::Skip => {
                    picture.skip();
                    None
                }
                Happening::StartsAnew { robot, first } => {
                    robots[robot].source.ssrc += 1;
                    robots[robot].newest = first.into();
                    None
                }
                Happening::TakeOver { robot, first } => {
                    robots[robot] = Robot::new(legs, first);
                    legs += 1;
                    None
                }
                Happening::Resend => {
                    let index = repairs.take_index();
                    prop_assert!(used_by_repairs.insert(index), "repair {index} twice");
                    None
                }
            };
            let Some((robot, index)) = placed else { continue };
            let ssrc = robots[robot].incoming.ssrc(Slot::Video).unwrap();
            let source = Source { ssrc, ..robots[robot].source };
            let Some((out, out_timestamp)) = picture.place(Slot::Video, source, index, timestamp(index), now) else { continue };
            prop_assert!(used.insert(out), "{out} twice");
            let distance = out_timestamp.wrapping_sub(timestamp(index));
            prop_assert!(before.is_none_or(|before| before.0 != source || before.1 == distance), "a picture slips against its sound");
            before = Some((source, distance));
        }
    }
}
