//! ICE-TCP: the same relay behind one TCP port, and what becomes of connections that are slow, strange or too many.

use std::io::Write;
use std::net::TcpStream;

use super::peer::framed::Framed;
use super::*;

const GCM: Profile = Profile::Srtp_Aead_Aes_128_Gcm;

impl World {
    fn tcp(&self) -> std::net::SocketAddr {
        self.engine.tcp_address().unwrap()
    }

    async fn robot_by_tcp(&mut self) -> (Peer, LegId) {
        let mut peer = Peer::new(GCM);
        peer.by_tcp = true;
        let answer = self.engine.publish(self.robot, peer.offer("sendrecv", "sendonly")).await.unwrap();
        peer.accept(&answer.sdp);
        self.until(&mut [&mut peer], |world, peers| peers[0].is_up() && world.is_connected(answer.leg));
        (peer, answer.leg)
    }

    async fn pupil_by_tcp(&mut self, robot: &mut Peer) -> (Peer, LegId) {
        let mut peer = Peer::new(GCM);
        peer.by_tcp = true;
        let answer = self.engine.subscribe(self.robot, peer.offer("sendrecv", "recvonly"), Talk::Forward).await.unwrap();
        peer.accept(&answer.sdp);
        self.until(&mut [&mut peer, robot], |world, peers| peers[0].is_up() && world.is_connected(answer.leg));
        (peer, answer.leg)
    }
}

fn sounds(peer: &Peer) -> Vec<u16> {
    peer.packets.iter().filter(|packet| packet[1] & 127 == OPUS).map(|packet| number(packet)).collect()
}

#[tokio::test]
async fn picture_sound_voice_and_texts_flow_when_both_ends_have_only_tcp() {
    for threads in [1, 3] {
        let mut world = World::with(MediaConfig { threads, ..World::config() });
        let (mut robot, _) = world.robot_by_tcp().await;
        let (mut pupil, _) = world.pupil_by_tcp(&mut robot).await;
        for sequence in 0..200 {
            robot.send_packet(VP8, VIDEO_SSRC, 1000 + sequence, &[7; 1100]);
            robot.send_packet(OPUS, AUDIO_SSRC, 2000 + sequence, b"sound");
            pupil.send_packet(OPUS, AUDIO_SSRC, 3000 + sequence, b"voice");
            if sequence % 20 == 19 {
                world.pass(&mut [&mut robot, &mut pupil], Duration::from_millis(1));
            }
        }
        world.until(&mut [&mut robot, &mut pupil], |_, peers| peers[1].packets.len() >= 400 && peers[0].packets.len() >= 200);
        assert_eq!(sounds(&pupil), (2000..2200).collect::<Vec<_>>(), "a stream keeps the order");
        assert_eq!(video(&pupil).len(), 200);
        assert_eq!((robot.refused, pupil.refused), (0, 0));
        robot.dial();
        pupil.dial();
        world.until(&mut [&mut robot, &mut pupil], |_, peers| peers[0].is_open && peers[1].is_open);
        pupil.send_text("look left");
        world.until(&mut [&mut robot, &mut pupil], |_, peers| peers[0].texts == ["look left"]);
        world.engine.stop().await;
    }
}

#[tokio::test]
async fn an_answer_names_udp_first_and_the_tcp_port_once_for_each_address() {
    let world = World::new();
    let answer = world.engine.publish(world.robot, Peer::new(GCM).offer("sendrecv", "sendonly")).await.unwrap();
    let candidates: Vec<&str> = answer.sdp.lines().filter(|line| line.starts_with("a=candidate:")).take(2).collect();
    assert!(candidates[0].contains(" udp ") && candidates[1].contains(" tcp "), "{candidates:?}");
    assert!(candidates[1].ends_with(&format!(" 127.0.0.1 {} typ host tcptype passive", world.tcp().port())));
    let without = World::with(MediaConfig { tcp: false, ..World::config() });
    let answer = without.engine.publish(without.robot, Peer::new(GCM).offer("sendrecv", "sendonly")).await.unwrap();
    assert!(!answer.sdp.contains(" tcp ") && without.engine.tcp_address().is_none());
}

#[tokio::test]
async fn a_session_moves_from_udp_to_tcp_and_to_a_newer_connection() {
    let mut world = World::new();
    let (mut robot, _) = world.robot(GCM).await;
    let (mut pupil, leg) = world.pupil(GCM, Talk::Forward, &mut [&mut robot]).await;
    let mut sent = 0;
    for _ in 0..3 {
        for _ in 0..20 {
            sent += 1;
            robot.send_packet(VP8, VIDEO_SSRC, sent, b"picture");
        }
        world.until(&mut [&mut robot, &mut pupil], |_, peers| video(peers[1]).len() == usize::from(sent));
        // The newer connection replaces the older one, which is closed here and not missed there.
        pupil.tcp = Some(Framed::connect(world.tcp()));
        pupil.check();
        let before = pupil.answers;
        world.until(&mut [&mut robot, &mut pupil], |_, peers| peers[1].answers > before);
    }
    pupil.send_packet(OPUS, AUDIO_SSRC, 1, b"voice");
    world.until(&mut [&mut robot, &mut pupil], |_, peers| peers[0].packets.len() == 1);
    assert_eq!(pupil.refused, 0);
    assert_eq!(world.closed(leg), None);
}

/// First number, what became of each, and the reference time in milliseconds of a congestion report of the bridge.
fn arrivals(report: &[u8]) -> Option<(u16, Vec<bool>, u32)> {
    if report[..2] != [0x8F, 205] {
        return None;
    }
    let word = |at: usize| u16::from_be_bytes([report[at], report[at + 1]]);
    let reference = u32::from_be_bytes([0, report[16], report[17], report[18]]);
    let count = usize::from(word(14));
    let symbols = (0..count).map(|place| word(20 + place / 7 * 2) >> (12 - 2 * (place % 7)) & 3 != 0);
    Some((word(12), symbols.collect(), reference * 64))
}

/// A robot that changed from UDP to TCP was told that part of what it had just sent was lost: the kernel's stamps of UDP are civil time, and
/// those of TCP were not.
#[tokio::test]
async fn a_robot_that_goes_from_udp_to_tcp_is_told_of_no_loss() {
    let mut world = World::new();
    let began = now();
    let (mut robot, _) = world.robot(GCM).await;
    let (mut pupil, _) = world.pupil(GCM, Talk::Forward, &mut [&mut robot]).await;
    let send = |robot: &mut Peer, number: u16| {
        let numbered = [0x31, number.to_be_bytes()[0], number.to_be_bytes()[1], 0];
        let sealed = robot.seal_extended(number, &numbered, b"picture");
        robot.send_raw(&sealed);
    };
    (0..10).for_each(|number| send(&mut robot, number));
    world.until(&mut [&mut robot, &mut pupil], |_, peers| peers[0].reports.iter().any(|report| arrivals(report).is_some()));
    let by_tcp = Framed::connect(world.tcp());
    // One report is about both.
    (10..20).for_each(|number| send(&mut robot, number));
    robot.tcp = Some(by_tcp);
    robot.check();
    (20..30).for_each(|number| send(&mut robot, number));
    world.until(&mut [&mut robot, &mut pupil], |_, peers| {
        let reports = peers[0].reports.iter().filter_map(|report| arrivals(report));
        reports.map(|(first, fates, _)| usize::from(first) + fates.len()).max() >= Some(30)
    });
    for (first, fates, reference_ms) in robot.reports.iter().filter_map(|report| arrivals(report)) {
        assert!(fates.iter().all(|came| *came), "from {first} on: {fates:?}");
        assert!(u128::from(reference_ms) <= (now() - began).as_millis() + 1000, "since the thread began: {reference_ms} ms");
    }
}

#[tokio::test]
async fn a_reader_that_is_too_slow_loses_old_pictures_and_costs_nobody_else() {
    let mut world = World::new();
    let (mut robot, _) = world.robot(GCM).await;
    let (mut slow, _) = world.pupil_by_tcp(&mut robot).await;
    let first = std::mem::replace(&mut world.robot, RobotId::new());
    let (mut other_robot, _) = world.robot(GCM).await;
    let (mut other, _) = world.pupil(GCM, Talk::Forward, &mut [&mut other_robot]).await;
    assert_ne!(first, world.robot);

    // Far more than the system and the bridge keep: 12 MB, of which nothing is read. Meanwhile each picture of the other pupil comes before
    // a twentieth of that was sent after it.
    for number in 0..10_000_u16 {
        robot.send_packet(VP8, VIDEO_SSRC, number, &[1; 1150]);
        if number % 100 == 0 {
            robot.send_packet(OPUS, AUDIO_SSRC, number / 100, &[2; 80]);
            other_robot.send_packet(VP8, VIDEO_SSRC, number / 100, b"picture");
        }
        if number % 10 == 0 {
            world.until(&mut [&mut other_robot, &mut other], |_, _| true);
            let newest = video(&other).last().map_or(0, |packet| self::number(packet));
            assert!(newest + 5 >= number / 100, "picture {newest} is the newest when {} was sent", number / 100);
        }
    }
    // What the system's own queue had no room for is not the bridge's doing.
    assert!(video(&other).len() >= 90, "{} of 100 pictures came", video(&other).len());
    // It reads again: what comes is whole frames, and new ones arrive.
    let mut number = 10_000;
    while !video(&slow).iter().any(|packet| packet.ends_with(b"newest")) {
        number += 1;
        assert!(number < 13_000, "the newest picture never comes");
        robot.send_packet(VP8, VIDEO_SSRC, number, b"newest");
        world.pass(&mut [&mut robot, &mut slow, &mut other_robot, &mut other], Duration::from_millis(5));
    }
    assert_eq!(slow.refused, 0, "every frame is whole");
    assert!(video(&slow).len() < 9_000, "old pictures were dropped, {} came", video(&slow).len());
    assert_eq!(world.lives().iter().filter(|event| matches!(event, MediaEvent::Closed { .. })).count(), 0);
}

#[tokio::test]
async fn who_says_nothing_half_a_frame_or_something_else_is_shown_out_and_keeps_nobody_out() {
    let mut world = World::new();
    let (mut robot, _) = world.robot(GCM).await;
    let tcp = world.tcp();
    let quiet: Vec<Framed> = (0..700).map(|_| Framed::connect(tcp)).collect();
    let half: Vec<Framed> = (0..20).map(|_| Framed::connect(tcp)).collect();
    for framed in &half {
        (&framed.stream).write_all(&[0, 100, 0, 1]).unwrap();
    }
    let strange: Vec<Framed> = (0..20).map(|_| Framed::connect(tcp)).collect();
    for (framed, words) in strange.iter().zip([&b"GET / HTTP/1.1\r\n\r\n"[..], b"\0\x04nada", b"\0\0"].into_iter().cycle()) {
        let _ = (&framed.stream).write_all(words);
    }
    // A check for nobody.
    let mut check = robot.last_check.clone();
    check[24] = b'!';
    for framed in &strange[..5] {
        framed.send(&check);
    }
    let (mut pupil, _) = world.pupil_by_tcp(&mut robot).await;
    let all: Vec<&Framed> = quiet.iter().chain(&half).chain(&strange).collect();
    world.until(&mut [&mut robot, &mut pupil], |_, _| {
        all.iter().all(|framed| {
            if !*framed.is_closed.borrow() {
                framed.stream.set_nonblocking(true).unwrap();
                assert_eq!(framed.receive(), None, "nothing is answered");
            }
            *framed.is_closed.borrow()
        })
    });
    robot.send_packet(VP8, VIDEO_SSRC, 1, b"picture");
    world.until(&mut [&mut robot, &mut pupil], |_, peers| video(peers[1]).len() == 1);
}

#[tokio::test]
async fn a_known_connection_that_loses_its_framing_is_closed_and_the_session_is_not() {
    let mut world = World::new();
    let (mut robot, _) = world.robot(GCM).await;
    let (mut pupil, leg) = world.pupil_by_tcp(&mut robot).await;
    let broken = pupil.tcp.replace(Framed::connect(world.tcp())).unwrap();
    (&broken.stream).write_all(&[255; 3000]).unwrap();
    world.until(&mut [&mut robot], |_, _| {
        while broken.receive().is_some() {}
        *broken.is_closed.borrow()
    });
    pupil.check();
    let before = pupil.answers;
    world.until(&mut [&mut robot, &mut pupil], |_, peers| peers[1].answers > before);
    robot.send_packet(VP8, VIDEO_SSRC, 1, b"picture");
    world.until(&mut [&mut robot, &mut pupil], |_, peers| video(peers[1]).len() == 1);
    assert_eq!(world.closed(leg), None);
}

#[tokio::test]
async fn connections_are_bounded_and_those_of_a_leg_that_went_are_closed() {
    let mut world = World::with(MediaConfig { max_legs: 3, ..World::config() });
    let (mut robot, leg) = world.robot_by_tcp().await;
    // Six of them for three legs: the robot has one.
    let more: Vec<Framed> = (0..20)
        .map(|_| {
            let framed = Framed::connect(world.tcp());
            let check = robot.new_check();
            framed.send(&check);
            framed
        })
        .collect();
    let closed = |more: &[Framed]| {
        for framed in more {
            while framed.receive().is_some() {}
        }
        more.iter().filter(|framed| *framed.is_closed.borrow()).count()
    };
    world.until(&mut [&mut robot], |_, _| closed(&more) == 15);
    robot.send_packet(VP8, VIDEO_SSRC, 1, b"picture");
    world.until(&mut [&mut robot], |world, _| {
        world.seconds().filter_map(|second| second.publisher).any(|second| second.video_received == 1)
    });
    world.engine.close(leg);
    world.until(&mut [], |_, _| closed(&more) == 20);
}

#[tokio::test]
async fn a_stopped_engine_takes_no_connection() {
    let mut world = World::new();
    let (robot, _) = world.robot_by_tcp().await;
    let tcp = world.tcp();
    world.engine.stop().await;
    world.until(&mut [], |_, _| {
        while robot.tcp.as_ref().unwrap().receive().is_some() {}
        *robot.tcp.as_ref().unwrap().is_closed.borrow()
    });
    world.until(&mut [], |_, _| TcpStream::connect(tcp).is_err());
}
