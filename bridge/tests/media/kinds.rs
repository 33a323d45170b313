//! Peers of every kind: by IPv6, on different threads, with other header extensions, with a choice of protection; and one that repeats what
//! it said, and one that takes nothing.

use std::net::{IpAddr, Ipv6Addr};

use super::*;

const GCM: Profile = Profile::Srtp_Aead_Aes_128_Gcm;
const COUNTER: Profile = Profile::Srtp_Aes128_Cm_Hmac_Sha1_80;

/// Two peers with something changed.
fn pair(make: impl Fn() -> Peer, change: impl Fn(&mut Peer)) -> [Peer; 2] {
    [(); 2].map(|()| {
        let mut peer = make();
        change(&mut peer);
        peer
    })
}

/// A robot and a pupil, made beforehand, who are connected.
async fn connected(world: &mut World, robot: &mut Peer, pupil: &mut Peer) -> [LegId; 2] {
    let first = world.engine.publish(world.robot, robot.offer("sendrecv", "sendonly")).await.unwrap();
    robot.accept(&first.sdp);
    world.until(&mut [robot], |world, peers| peers[0].is_up() && world.is_connected(first.leg));
    let second = world.engine.subscribe(world.robot, pupil.offer("sendrecv", "recvonly"), Talk::Forward).await.unwrap();
    pupil.accept(&second.sdp);
    world.until(&mut [robot, pupil], |world, peers| peers[1].is_up() && world.is_connected(second.leg));
    [first.leg, second.leg]
}

/// Picture, sound, voice and texts between the two.
fn all_flows(world: &mut World, robot: &mut Peer, pupil: &mut Peer) {
    for number in 0..20 {
        robot.send_packet(VP8, VIDEO_SSRC, number, b"picture");
        robot.send_packet(OPUS, AUDIO_SSRC, number, b"sound");
        pupil.send_packet(OPUS, AUDIO_SSRC, number, b"voice");
    }
    world.until(&mut [robot, pupil], |_, peers| peers[1].packets.len() >= 40 && peers[0].packets.len() >= 20);
    robot.dial();
    pupil.dial();
    world.until(&mut [robot, pupil], |_, peers| peers[0].is_open && peers[1].is_open);
    pupil.send_text("a text");
    world.until(&mut [robot, pupil], |_, peers| peers[0].texts.contains(&"a text".to_owned()));
    assert_eq!((robot.refused, pupil.refused), (0, 0));
}

#[tokio::test]
async fn both_legs_run_over_ipv6_by_udp_and_by_tcp() {
    let here = IpAddr::from(Ipv6Addr::LOCALHOST);
    for by_tcp in [false, true] {
        let mut world = World::with(MediaConfig { bind: here, ..World::config() });
        let [mut robot, mut pupil] = pair(|| Peer::at(here, GCM), |peer| peer.by_tcp = by_tcp);
        connected(&mut world, &mut robot, &mut pupil).await;
        assert!(robot.bridge.unwrap().is_ipv6() && pupil.bridge.unwrap().is_ipv6());
        all_flows(&mut world, &mut robot, &mut pupil);
        world.engine.stop().await;
    }
}

#[tokio::test]
async fn a_socket_for_both_serves_a_robot_over_ipv4_and_a_pupil_over_ipv6() {
    let (four, six) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from(Ipv6Addr::LOCALHOST));
    let config = MediaConfig { bind: Ipv6Addr::UNSPECIFIED.into(), public_addresses: vec![four, six], ..World::config() };
    let mut world = World::with(config);
    let port = world.engine.local_addresses()[0].port();
    let [mut robot, mut pupil] = [four, six].map(|own| Peer::at(own, GCM));
    (robot.via, pupil.via) = (Some((four, port).into()), Some((six, port).into()));
    connected(&mut world, &mut robot, &mut pupil).await;
    all_flows(&mut world, &mut robot, &mut pupil);
}

#[tokio::test]
async fn sessions_on_several_threads_run_side_by_side_each_on_its_own_port() {
    let mut world = World::with(MediaConfig { threads: 2, ..World::config() });
    // Which thread serves a robot follows from its id.
    let of_thread = |thread| std::iter::repeat_with(RobotId::new).find(|robot| robot.0.as_u128() % 2 == thread).unwrap();
    let mut sessions = Vec::new();
    for thread in [0, 1, 0, 1] {
        world.robot = of_thread(thread);
        let [mut robot, mut pupil] = [(); 2].map(|()| Peer::new(GCM));
        let legs = connected(&mut world, &mut robot, &mut pupil).await;
        assert!(legs.iter().all(|leg| u128::from(leg.0) % 2 == thread), "both legs on one thread");
        let port = world.engine.local_addresses()[usize::try_from(thread).unwrap()].port();
        assert_eq!([robot.bridge.unwrap().port(), pupil.bridge.unwrap().port()], [port; 2]);
        sessions.push((robot, pupil));
    }
    for number in 0..50 {
        for ((robot, _), session) in sessions.iter_mut().zip(0_u8..) {
            robot.send_packet(VP8, VIDEO_SSRC, number, &[session; 100]);
        }
    }
    let mut peers: Vec<&mut Peer> = sessions.iter_mut().flat_map(|(robot, pupil)| [robot, pupil]).collect();
    world.until(&mut peers, |_, peers| peers.iter().skip(1).step_by(2).all(|pupil| video(pupil).len() == 50));
    for ((_, pupil), session) in sessions.iter().zip(0_u8..) {
        assert!(video(pupil).iter().all(|packet| *payload(packet) == [session; 100]), "each gets its own robot's pictures");
    }
}

#[tokio::test]
async fn aes_gcm_is_taken_where_both_are_offered_in_either_order_and_role() {
    for profiles in [vec![GCM, COUNTER], vec![COUNTER, GCM]] {
        for is_passive in [false, true] {
            let mut world = World::new();
            let make = || Peer::with(GCM, certificate(&rcgen::PKCS_ECDSA_P256_SHA256), is_passive);
            let [mut robot, mut pupil] = pair(make, |peer| peer.profiles.clone_from(&profiles));
            connected(&mut world, &mut robot, &mut pupil).await;
            for peer in [&robot, &pupil] {
                let chosen = peer.srtp_config().profile;
                // As the DTLS client the bridge offers GCM first, and the other end chooses.
                if !is_passive {
                    let is_gcm = matches!(chosen, rtc_srtp::protection_profile::ProtectionProfile::AeadAes128Gcm);
                    assert!(is_gcm, "{profiles:?}: {chosen:?}");
                }
            }
            robot.send_packet(VP8, VIDEO_SSRC, 1, b"picture");
            world.until(&mut [&mut robot, &mut pupil], |_, peers| video(peers[1]).len() == 1);
        }
    }
}

#[tokio::test]
async fn a_report_that_is_sent_twice_counts_once() {
    let mut world = World::new();
    let [mut robot, mut pupil] = [(); 2].map(|()| Peer::new(GCM));
    connected(&mut world, &mut robot, &mut pupil).await;
    world.until(&mut [&mut robot, &mut pupil], |_, peers| requests(peers[0]) == 1);
    // Longer than the time in which requests for a key frame become one.
    let pause = Duration::from_millis(700);
    let mut request = vec![0x81, 206, 0, 2, 0, 0, 0, 9];
    request.extend(pupil.answered[1].to_be_bytes());
    world.pass(&mut [&mut robot, &mut pupil], pause);
    let first = pupil.seal_report(&request);
    for (sealed, expected) in [(first.clone(), 2), (first.clone(), 2), (pupil.seal_report(&request), 3), (first, 3)] {
        pupil.send_raw(&sealed);
        world.pass(&mut [&mut robot, &mut pupil], pause);
        assert_eq!(requests(&robot), expected);
    }
}

#[tokio::test]
async fn cameras_with_other_extensions_or_without_transport_numbers_are_relayed_and_the_pupils_network_is_measured() {
    // The pupil's number for transport-wide numbers is 3; another one (1) nobody but the camera knows.
    let unknown = [0x10_u8, 0x55, 0, 0];
    let cameras: [(u8, Option<Vec<u8>>); 4] = [
        // Numbered, under another number than the pupil's and beside something unknown.
        (9, Some([&[0x91_u8, 0x12, 0x34, 0][..], &unknown].concat())),
        // Agreed to numbers, and does not send any with this.
        (9, Some(unknown.to_vec())),
        (0, Some(unknown.to_vec())),
        (0, None),
    ];
    for (transport_id, extensions) in cameras {
        let mut world = World::new();
        let [mut robot, mut pupil] = [(); 2].map(|()| Peer::new(GCM));
        robot.transport_id = transport_id;
        connected(&mut world, &mut robot, &mut pupil).await;
        for number in 0..10 {
            let sealed = match &extensions {
                Some(extensions) => robot.seal_extended(number, extensions, b"picture"),
                None => robot.seal(VP8, VIDEO_SSRC, number, b"picture"),
            };
            robot.send_raw(&sealed);
        }
        world.until(&mut [&mut robot, &mut pupil], |_, peers| video(peers[1]).len() == 10);
        for (packet, number) in video(&pupil).into_iter().zip(1_u16..) {
            assert_eq!(payload(packet), b"picture", "{transport_id} {extensions:?}");
            let block = &packet[16..16 + 4 * usize::from(packet[15])];
            let at = block.windows(3).position(|part| part[0] == 0x31 && part[1..] == number.to_be_bytes());
            assert!(packet[12..14] == [0xBE, 0xDE] && at.is_some(), "{transport_id} {extensions:?}: {packet:02X?}");
            assert!(!block.contains(&0x55), "what the pupil does not know is blanked");
        }
        assert_eq!(pupil.refused, 0);
    }
}

#[tokio::test]
async fn a_pupil_who_takes_no_texts_holds_up_neither_pictures_nor_the_robot() {
    let mut world = World::new();
    let [mut robot, mut pupil] = [(); 2].map(|()| Peer::new(GCM));
    connected(&mut world, &mut robot, &mut pupil).await;
    robot.dial();
    pupil.dial();
    world.until(&mut [&mut robot, &mut pupil], |_, peers| peers[0].is_open && peers[1].is_open);
    pupil.is_deaf = true;
    // Four times as much as is kept for it.
    let text = "x".repeat(2000);
    for number in 0..256 {
        robot.send_text(&text);
        robot.send_packet(VP8, VIDEO_SSRC, number, b"picture");
        if number % 8 == 0 {
            world.pass(&mut [&mut robot, &mut pupil], Duration::from_millis(5));
        }
    }
    let came = |world: &World| world.told.iter().filter(|event| matches!(event, MediaEvent::Text { .. })).count();
    world.until(&mut [&mut robot, &mut pupil], |world, peers| video(peers[1]).len() == 256 && came(world) == 256);
    pupil.is_deaf = false;
    world.until(&mut [&mut robot, &mut pupil], |_, peers| peers[1].texts.len() > 10);
    let kept = pupil.texts.len();
    robot.send_text("afterwards");
    world.until(&mut [&mut robot, &mut pupil], |_, peers| peers[1].texts.last().is_some_and(|text| text == "afterwards"));
    assert!(pupil.texts.len() < 200, "{kept} were kept: no more than its bound");
}
