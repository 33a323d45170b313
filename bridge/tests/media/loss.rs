//! Repairs over bad networks: what is lost on either leg arrives all the same, and nothing is repeated for ever.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::network::{Conditions, Network};
use super::peer::RTX;
use super::peer::pieces::Pieces;
use super::*;

const RTX_SSRC: u32 = 0x0C0C_0C0C;
const PACKETS_PER_PICTURE: u16 = 5;
/// What a player waits before it asks for what may only be overtaken.
const REORDERED_WITHIN: Duration = Duration::from_millis(12);

/// A robot that resends what it is asked for, as a browser does.
#[derive(Default)]
struct Robot {
    /// Payload and ciphertext of what was sent, by payload type and number.
    sent: HashMap<(u8, u16), (Vec<u8>, Vec<u8>)>,
    repairs: u16,
    read: usize,
    asked: HashMap<(u8, u16), usize>,
    resent: usize,
}

impl Robot {
    fn send(&mut self, peer: &mut Peer, payload_type: u8, number: u16, payload: &[u8]) {
        let ssrc = if payload_type == VP8 { VIDEO_SSRC } else { AUDIO_SSRC };
        let sealed = peer.seal(payload_type, ssrc, number, payload);
        peer.send_raw(&sealed);
        self.sent.insert((payload_type, number), (payload.to_vec(), sealed));
    }

    fn answer_requests(&mut self, peer: &mut Peer) {
        let reports: Vec<Vec<u8>> = peer.reports[self.read..].to_vec();
        self.read = peer.reports.len();
        for (payload_type, number) in reports.iter().flat_map(|report| wanted(report)) {
            *self.asked.entry((payload_type, number)).or_default() += 1;
            let Some((payload, sealed)) = self.sent.get(&(payload_type, number)) else { continue };
            self.resent += 1;
            if payload_type == VP8 && peer.offers_rtx {
                let mut repair = number.to_be_bytes().to_vec();
                repair.extend(payload);
                self.repairs += 1;
                peer.send_packet(RTX, RTX_SSRC, self.repairs, &repair);
            } else {
                let sealed = sealed.clone();
                peer.send_raw(&sealed);
            }
        }
    }
}

/// Packets of the robot that a compound packet asks for.
fn wanted(report: &[u8]) -> Vec<(u8, u16)> {
    if report[..2] != [0x81, 205] {
        return Vec::new();
    }
    let payload_type = if report[8..12] == VIDEO_SSRC.to_be_bytes() { VP8 } else { OPUS };
    let entries = report[12..].chunks_exact(4).flat_map(|entry| {
        let (first, others) = (u16::from_be_bytes([entry[0], entry[1]]), u16::from_be_bytes([entry[2], entry[3]]));
        std::iter::once(first)
            .chain((0..16).filter(move |bit| others >> bit & 1 == 1).map(move |bit| first.wrapping_add(bit + 1)))
    });
    entries.map(|number| (payload_type, number)).collect()
}

/// A pupil's page that puts the streams together and asks for what is missing.
#[derive(Default)]
struct Pupil {
    /// By payload type, unwrapped number.
    came: HashMap<u8, BTreeMap<u16, Vec<u8>>>,
    missing_since: HashMap<(u8, u16), std::time::Instant>,
    asked_at: HashMap<(u8, u16), std::time::Instant>,
    requests: usize,
    by_rtx: usize,
    taken: usize,
}

impl Pupil {
    fn take(&mut self, peer: &mut Peer) {
        for packet in peer.packets.drain(..) {
            self.taken += 1;
            let body = payload(&packet);
            let (payload_type, number, payload) = match packet[1] & 127 {
                RTX => {
                    self.by_rtx += 1;
                    (VP8, u16::from_be_bytes([body[0], body[1]]), body[2..].to_vec())
                }
                other => (other, number(&packet), body.to_vec()),
            };
            let before = self.came.entry(payload_type).or_default().insert(number, payload.clone());
            assert!(before.is_none_or(|before| before == payload), "one number, one payload");
        }
    }

    fn ask(&mut self, peer: &mut Peer) {
        for (payload_type, ssrc) in [(OPUS, peer.answered[0]), (VP8, peer.answered[1])] {
            let Some(came) = self.came.get(&payload_type) else { continue };
            let (first, last) = (*came.keys().next().unwrap(), *came.keys().next_back().unwrap());
            for number in (first..last).filter(|number| !came.contains_key(number)) {
                // It may only be overtaken: a browser that asked at once would get everything twice.
                let missing = self.missing_since.entry((payload_type, number)).or_insert_with(now);
                if now() - *missing < REORDERED_WITHIN {
                    continue;
                }
                let asked = self.asked_at.get(&(payload_type, number));
                if asked.is_some_and(|at| now() - *at < Duration::from_millis(60)) {
                    continue;
                }
                self.asked_at.insert((payload_type, number), now());
                self.requests += 1;
                let mut request = vec![0x81, 205, 0, 3, 0, 0, 0, 9];
                request.extend(ssrc.to_be_bytes());
                request.extend(number.to_be_bytes());
                request.extend([0, 0]);
                peer.send_report(&request);
            }
        }
    }

    /// Longest run of numbers that never came.
    fn longest_hole(&self, payload_type: u8) -> usize {
        let numbers: Vec<u16> = self.came[&payload_type].keys().copied().collect();
        numbers.windows(2).map(|pair| usize::from(pair[1] - pair[0]) - 1).max().unwrap_or(0)
    }
}

/// Plays five seconds of a lesson over two bad networks and checks what is promised.
async fn lesson(conditions: Conditions, robot_rtx: bool, pupil_rtx: bool, seed: u64) {
    let mut world = World::new();
    let bridge = world.engine.local_addresses()[0];
    let networks = [Network::new(bridge, seed), Network::new(bridge, seed + 1)];
    let mut robot = Peer::new(Profile::Srtp_Aead_Aes_128_Gcm);
    (robot.via, robot.offers_rtx) = (Some(networks[0].front()), robot_rtx);
    let answer = world.engine.publish(world.robot, robot.offer("sendrecv", "sendonly")).await.unwrap();
    robot.accept(&answer.sdp);
    world.until(&mut [&mut robot], |world, _| world.is_connected(answer.leg));
    let mut pupil = Peer::new(Profile::Srtp_Aes128_Cm_Hmac_Sha1_80);
    (pupil.via, pupil.offers_rtx) = (Some(networks[1].front()), pupil_rtx);
    let answer = world.engine.subscribe(world.robot, pupil.offer("sendrecv", "recvonly"), Talk::Forward).await.unwrap();
    pupil.accept(&answer.sdp);
    world.until(&mut [&mut robot, &mut pupil], |world, _| world.is_connected(answer.leg));

    let (mut sending, mut watching) = (Robot::default(), Pupil::default());
    // The first packets arrive for certain: without them no end knows where the streams begin. Numbers wrap at the bridge's source.
    let (pictures, sounds) = (150_u16, 250_u16);
    sending.send(&mut robot, VP8, 999, b"first");
    sending.send(&mut robot, OPUS, 1999, b"first");
    world.until(&mut [&mut robot, &mut pupil], |_, peers| peers[1].packets.len() == 2);
    networks.iter().for_each(|network| network.set(conditions));
    let before = networks[1].taken_from_bridge();

    let start = now();
    let (mut picture, mut sound) = (0, 0);
    // A tail reveals the last gaps.
    let complete =
        |watching: &Pupil| (0..pictures * PACKETS_PER_PICTURE).all(|number| watching.came[&VP8].contains_key(&(1000 + number)));
    loop {
        let passed = now() - start;
        while passed > Duration::from_millis(33) * u32::from(picture) && picture < pictures + 90 {
            for part in 0..PACKETS_PER_PICTURE {
                let payload = vec![part.to_be_bytes()[1]; 700 + usize::from(picture)];
                sending.send(&mut robot, VP8, 1000 + picture * PACKETS_PER_PICTURE + part, &payload);
            }
            picture += 1;
        }
        while passed > Duration::from_millis(20) * u32::from(sound) && sound < sounds + 150 {
            sending.send(&mut robot, OPUS, 2000 + sound, &[7; 80]);
            sound += 1;
        }
        robot.pump();
        pupil.pump();
        sending.answer_requests(&mut robot);
        watching.take(&mut pupil);
        watching.ask(&mut pupil);
        if picture >= pictures && sound >= sounds && complete(&watching) || passed > PATIENCE {
            break;
        }
    }
    let missing: BTreeSet<u16> =
        (0..pictures * PACKETS_PER_PICTURE).filter(|number| !watching.came[&VP8].contains_key(&(1000 + number))).collect();
    println!(
        "{conditions:?}: {} taken, {} by RTX, {} requests of the pupil, {} resends of the robot, sound hole {}",
        watching.taken,
        watching.by_rtx,
        watching.requests,
        sending.resent,
        watching.longest_hole(OPUS)
    );
    assert_eq!(missing, BTreeSet::new(), "pictures {picture}");
    for (number, payload) in &watching.came[&VP8] {
        let (sent, _) = &sending.sent[&(VP8, *number)];
        assert_eq!(payload, sent, "{number}");
    }
    assert!(watching.longest_hole(OPUS) * 20 <= 60, "holes of more than 60 ms remain");
    // The same ciphertext twice is refused as it should be: sound that was sent again, and came after all. Two packets sealed with one number
    // are not.
    assert_eq!(pupil.wrong, 0, "of {} that were refused", pupil.refused);
    if pupil_rtx && conditions.loss > 0.0 {
        assert!(watching.by_rtx > 0);
    } else {
        // Nobody asks for what was only overtaken, unless a busy machine holds a packet back for longer than any network here does.
        assert!(watching.by_rtx * 100 < watching.taken, "{} of {} came by RTX", watching.by_rtx, watching.taken);
        if conditions.loss == 0.0 {
            assert!(sending.resent * 100 < sending.sent.len(), "the bridge asked the robot for {} packets", sending.resent);
        }
    }
    assert!(sending.asked.values().all(|times| *times <= 18), "the robot is asked eighteen times at most");
    // Everything once, and repairs of what was lost: a tenth, with those lost again a little more.
    let forwarded = u64::try_from(sending.sent.len()).unwrap();
    let sent = networks[1].taken_from_bridge() - before;
    assert!(sent < forwarded * 3 / 2 + 200, "{sent} datagrams for {forwarded} packets");
}

const BAD: Conditions =
    Conditions { loss: 0.1, delay: Duration::from_millis(20), jitter: Duration::from_millis(3), rate: None };

#[tokio::test]
async fn a_tenth_lost_on_both_legs_is_repaired_by_rtx() {
    lesson(BAD, true, true, 11).await;
}

#[tokio::test]
async fn a_robot_without_rtx_is_repaired_for_a_pupil_with_it() {
    lesson(BAD, false, true, 21).await;
}

#[tokio::test]
async fn a_pupil_without_rtx_gets_the_same_ciphertext_again() {
    lesson(BAD, true, false, 31).await;
}

#[tokio::test]
async fn overtaken_packets_are_no_loss() {
    lesson(Conditions { loss: 0.0, jitter: Duration::from_millis(2), ..BAD }, true, true, 41).await;
}

#[tokio::test]
async fn legs_connect_where_a_tenth_is_lost() {
    // With these seeds and no repetitions of the bridge's own some never connected: part of a flight came, and nobody asked for the rest.
    // A hello in three datagrams, of which a tenth is lost and some are overtaken, is one more way to miss a part.
    let hellos = [(false, None), (false, Some(60)), (true, None)];
    for (is_passive, pieces) in hellos {
        for seed in [101, 103, 105, 107] {
            let mut world = World::new();
            let network = Network::new(world.engine.local_addresses()[0], seed);
            network.set(BAD);
            let mut robot = Peer::with(Profile::Srtp_Aead_Aes_128_Gcm, certificate(&rcgen::PKCS_ECDSA_P256_SHA256), is_passive);
            (robot.via, robot.pieces) = (Some(network.front()), pieces.map(Pieces::new));
            let answer = world.engine.publish(RobotId::new(), robot.offer("sendrecv", "sendonly")).await.unwrap();
            robot.accept(&answer.sdp);
            world.until(&mut [&mut robot], |world, peers| peers[0].is_up() && world.is_connected(answer.leg));
        }
    }
}

/// What `DESIGN.md` promises, at the loss for which it does; how it looks at others is what `cargo bench -p bridge --bench loss` prints. What
/// never comes may not happen at all; what only comes late may be this busy machine's doing, so of three lessons the best counts. At a tenth
/// lost one request or repair in five is lost too, and every few seconds four in a row: a picture then comes just after it should be shown.
#[test]
fn at_a_tenth_lost_no_picture_is_lost_no_long_sound_pictures_go_on_and_a_break_of_a_second_costs_itself() {
    for (loss, seed, longest_freeze) in [(0.02, 201, Duration::ZERO), (0.1, 211, Duration::from_millis(300))] {
        let leg = Conditions { loss, ..BAD };
        let is_smooth = (0..3).any(|attempt| {
            let seed = seed + 10 * attempt;
            let seen = lesson::play(&lesson::Plan { robot: leg, tablet: leg, span: Duration::from_secs(4), seed });
            println!("{loss}: {seen:?}");
            assert_eq!(seen.pictures_lost, 0, "{seen:?}");
            for (what, heard) in [("sound", seen.sound), ("voice", seen.voice)] {
                assert!(heard.longest_hole <= Duration::from_millis(60), "{what}: {seen:?}");
            }
            assert!(seen.recovery.is_some(), "the picture comes back: {seen:?}");
            assert!(seen.repairs > loss / 2.0, "the network lost something: {seen:?}");
            seen.longest_freeze <= longest_freeze
                && seen.sound.longest_gap.max(seen.voice.longest_gap) <= Duration::from_millis(60)
                && seen.recovery.is_some_and(|recovery| recovery <= Duration::from_millis(1000))
        });
        assert!(
            is_smooth,
            "at {loss} lost a picture stood still for more than {longest_freeze:?}, sound or voice was late by more than 60 ms or the picture came back late, each time"
        );
    }
}

#[tokio::test]
async fn requests_without_end_are_not_served_without_end() {
    let mut world = World::new();
    let (mut robot, _) = world.robot(Profile::Srtp_Aead_Aes_128_Gcm).await;
    let (mut pupil, _) = world.pupil(Profile::Srtp_Aead_Aes_128_Gcm, Talk::Forward, &mut [&mut robot]).await;
    for number in 0..100 {
        robot.send_packet(VP8, VIDEO_SSRC, number, &[1; 1000]);
    }
    world.until(&mut [&mut robot, &mut pupil], |_, peers| video(peers[1]).len() == 100);
    pupil.packets.clear();
    let mut request = vec![0x81, 205, 0, 8, 0, 0, 0, 9];
    request.extend(pupil.answered[1].to_be_bytes());
    for first in [0_u16, 17, 34, 51, 68, 85] {
        request.extend(first.to_be_bytes());
        request.extend([0xFF, 0xFF]);
    }
    let start = now();
    while now() - start < Duration::from_millis(500) {
        for _ in 0..20 {
            pupil.send_report(&request);
        }
        world.pass(&mut [&mut robot, &mut pupil], Duration::from_millis(1));
    }
    // Half of what was sent, and what is granted at the start: 16 KiB.
    let repairs = pupil.packets.len();
    assert!((10..=70).contains(&repairs), "{repairs}");
    assert_eq!(robot.reports.iter().map(|report| wanted(report).len()).sum::<usize>(), 0, "the robot is not bothered");
    robot.send_packet(VP8, VIDEO_SSRC, 100, b"still here");
    world.until(&mut [&mut robot, &mut pupil], |_, peers| video(peers[1]).len() == 1);
}

#[tokio::test]
async fn the_robot_is_told_when_the_tablets_network_is_the_narrower_one() {
    let mut world = World::new();
    let (mut robot, _) = world.robot(Profile::Srtp_Aead_Aes_128_Gcm).await;
    let (mut pupil, _) = world.pupil(Profile::Srtp_Aead_Aes_128_Gcm, Talk::Forward, &mut [&mut robot]).await;
    let limits = |robot: &Peer| {
        let told = robot.reports.iter().filter(|report| report[..2] == [0x8F, 206] && &report[12..16] == b"REMB");
        told.map(|report| {
            assert_eq!(report[20..24], VIDEO_SSRC.to_be_bytes());
            let word = u32::from_be_bytes(report[16..20].try_into().unwrap());
            (word & 0x3_FFFF) << (word >> 18 & 63)
        })
        .collect::<Vec<u32>>()
    };
    let start = now();
    let (mut number, mut fed_back, mut count) = (0_u16, 0_u16, 0_u8);
    // 4 Mbit/s of which the tablet says that every second packet was lost.
    while limits(&robot).last().is_none_or(|limit| *limit > 3_000_000) {
        assert!(now() - start < PATIENCE, "{:?}", limits(&robot));
        while now() - start > Duration::from_millis(2) * u32::from(number) {
            robot.send_packet(VP8, VIDEO_SSRC, number, &[1; 1000]);
            number += 1;
        }
        world.pass(&mut [&mut robot, &mut pupil], Duration::from_millis(20));
        let transport = |packet: &Vec<u8>| {
            assert_eq!(packet[12..17], [0xBE, 0xDE, 0, 1, 0x31], "the bridge numbers what it sends");
            u16::from_be_bytes([packet[17], packet[18]])
        };
        let Some(highest) = pupil.packets.drain(..).map(|packet| transport(&packet)).max() else { continue };
        let span = highest - fed_back;
        let mut report = vec![0x8F, 205, 0, 0, 0, 0, 0, 9];
        report.extend(pupil.answered[1].to_be_bytes());
        report.extend((fed_back + 1).to_be_bytes());
        report.extend(span.to_be_bytes());
        report.extend([0, 0, 1, count]);
        for _ in 0..span.div_ceil(7) {
            // Came, lost, came, lost, …
            report.extend(0b1101_0001_0001_0001_u16.to_be_bytes());
        }
        report.resize(report.len() + usize::from(span), 8);
        report.resize(report.len().next_multiple_of(4), 0);
        let words = u16::try_from(report.len() / 4 - 1).unwrap();
        report[2..4].copy_from_slice(&words.to_be_bytes());
        pupil.send_report(&report);
        (fed_back, count) = (highest, count.wrapping_add(1));
    }
}
