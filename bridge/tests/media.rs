//! The media engine alone: a robot and a pupil on loopback sockets, honest and otherwise.

use std::time::Duration;

use bridge::media::{Engine, LegId, MediaConfig, MediaError, MediaEvent, Party, Second, Talk, Why};
use protocol::RobotId;
use tokio::sync::mpsc;

#[path = "media/floods.rs"]
mod floods;
#[path = "media/heard.rs"]
mod heard;
#[path = "media/kinds.rs"]
mod kinds;
#[path = "media/lesson.rs"]
mod lesson;
#[path = "media/loss.rs"]
mod loss;
#[path = "media/network.rs"]
mod network;
#[path = "media/next.rs"]
mod next;
#[path = "media/peer.rs"]
mod peer;
#[path = "media/restart.rs"]
mod restart;
#[path = "media/seats.rs"]
mod seats;
#[path = "media/tcp.rs"]
mod tcp;

use peer::{AUDIO_SSRC, OPUS, Peer, Profile, VIDEO_SSRC, VP8, certificate, now};

const PATIENCE: Duration = Duration::from_secs(15);

/// One engine and what it told.
struct World {
    engine: Engine,
    events: mpsc::Receiver<MediaEvent>,
    told: Vec<MediaEvent>,
    robot: RobotId,
}

impl World {
    fn new() -> Self {
        Self::with(Self::config())
    }

    fn config() -> MediaConfig {
        MediaConfig { bind: [127, 0, 0, 1].into(), port: 0, silent_after: Duration::from_secs(1), ..MediaConfig::default() }
    }

    fn with(config: MediaConfig) -> Self {
        let (sender, events) = mpsc::channel(4096);
        Self { engine: Engine::start(config, sender).unwrap(), events, told: Vec::new(), robot: RobotId::new() }
    }

    /// A robot that is connected.
    async fn robot(&mut self, profile: Profile) -> (Peer, LegId) {
        let mut peer = Peer::new(profile);
        let answer = self.engine.publish(self.robot, peer.offer("sendrecv", "sendonly")).await.unwrap();
        peer.accept(&answer.sdp);
        self.until(&mut [&mut peer], |_, peers| peers[0].is_up());
        self.until(&mut [&mut peer], |world, _| world.is_connected(answer.leg));
        (peer, answer.leg)
    }

    /// A pupil who is connected; `beside` goes on meanwhile.
    async fn pupil(&mut self, profile: Profile, talk: Talk, beside: &mut [&mut Peer]) -> (Peer, LegId) {
        let mut peer = Peer::new(profile);
        let answer = self.engine.subscribe(self.robot, peer.offer("sendrecv", "recvonly"), talk).await.unwrap();
        peer.accept(&answer.sdp);
        let mut peers: Vec<&mut Peer> = beside.iter_mut().map(|peer| &mut **peer).collect();
        peers.insert(0, &mut peer);
        self.until(&mut peers, |world, peers| peers[0].is_up() && world.is_connected(answer.leg));
        (peer, answer.leg)
    }

    /// Lets everyone work until the condition holds.
    #[track_caller]
    fn until(&mut self, peers: &mut [&mut Peer], mut condition: impl FnMut(&Self, &[&mut Peer]) -> bool) {
        let start = now();
        loop {
            for peer in peers.iter_mut() {
                peer.pump();
            }
            while let Ok(event) = self.events.try_recv() {
                self.told.push(event);
            }
            if condition(self, peers) {
                return;
            }
            assert!(now() - start < PATIENCE, "it did not happen; told: {:?}", self.lives());
        }
    }

    /// Lets everyone work for a while.
    fn pass(&mut self, peers: &mut [&mut Peer], span: Duration) {
        let start = now();
        self.until(peers, |_, _| now() - start >= span);
    }

    fn is_connected(&self, wanted: LegId) -> bool {
        self.told.iter().any(|event| matches!(event, MediaEvent::Connected { leg, .. } if *leg == wanted))
    }

    fn lives(&self) -> Vec<&MediaEvent> {
        self.told.iter().filter(|event| !matches!(event, MediaEvent::Second(_))).collect()
    }

    fn closed(&self, wanted: LegId) -> Option<Why> {
        self.told.iter().find_map(|event| match event {
            MediaEvent::Closed { leg, why } if *leg == wanted => Some(*why),
            _ => None,
        })
    }

    fn seconds(&self) -> impl Iterator<Item = &Second> {
        self.told.iter().filter_map(|event| match event {
            MediaEvent::Second(second) => Some(&**second),
            _ => None,
        })
    }
}

fn number(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[2], packet[3]])
}

fn ssrc(packet: &[u8]) -> u32 {
    u32::from_be_bytes(packet[8..12].try_into().unwrap())
}

/// What is behind the header and its extensions.
fn payload(packet: &[u8]) -> &[u8] {
    let extensions = if packet[0] & 16 != 0 { 4 + 4 * usize::from(packet[15]) } else { 0 };
    &packet[12 + extensions..]
}

fn video(peer: &Peer) -> Vec<&Vec<u8>> {
    peer.packets.iter().filter(|packet| packet[1] & 127 == VP8).collect()
}

/// Picture-loss indications for the robot's picture.
fn requests(peer: &Peer) -> usize {
    peer.reports.iter().filter(|report| report[..2] == [0x81, 206] && report[8..12] == VIDEO_SSRC.to_be_bytes()).count()
}

async fn media_flows(robot_profile: Profile, pupil_profile: Profile) {
    let mut world = World::new();
    let (mut robot, _) = world.robot(robot_profile).await;
    let (mut pupil, _) = world.pupil(pupil_profile, Talk::Forward, &mut [&mut robot]).await;
    for sequence in 0..50 {
        robot.send_packet(VP8, VIDEO_SSRC, 1000 + sequence, format!("picture {sequence}").as_bytes());
        robot.send_packet(OPUS, AUDIO_SSRC, 2000 + sequence, format!("sound {sequence}").as_bytes());
        pupil.send_packet(OPUS, AUDIO_SSRC, 3000 + sequence, format!("voice {sequence}").as_bytes());
    }
    world.until(&mut [&mut robot, &mut pupil], |_, peers| peers[1].packets.len() >= 100 && peers[0].packets.len() >= 50);
    let pictures = video(&pupil);
    assert_eq!(pictures.len(), 50);
    for (picture, sequence) in pictures.iter().zip(0u16..) {
        assert_eq!(payload(picture), format!("picture {sequence}").as_bytes());
        assert_eq!(number(picture), 1000 + sequence);
        assert!(ssrc(picture) != VIDEO_SSRC && pupil.answered.contains(&ssrc(picture)), "the SSRC is the one of the answer");
    }
    assert!(
        robot.packets.iter().zip(0u16..).all(|(packet, sequence)| *payload(packet) == *format!("voice {sequence}").as_bytes())
    );
    assert_eq!((robot.refused, pupil.refused), (0, 0));
    world.engine.stop().await;
}

#[tokio::test]
async fn picture_and_sound_flow_with_gcm_128() {
    media_flows(Profile::Srtp_Aead_Aes_128_Gcm, Profile::Srtp_Aead_Aes_128_Gcm).await;
}

#[tokio::test]
async fn picture_and_sound_flow_with_counter_mode() {
    media_flows(Profile::Srtp_Aes128_Cm_Hmac_Sha1_80, Profile::Srtp_Aes128_Cm_Hmac_Sha1_80).await;
}

#[tokio::test]
async fn picture_and_sound_flow_between_legs_with_different_protection() {
    media_flows(Profile::Srtp_Aes128_Cm_Hmac_Sha1_80, Profile::Srtp_Aead_Aes_256_Gcm).await;
}

#[tokio::test]
async fn texts_go_both_ways_and_wait_for_the_other_channel() {
    let mut world = World::new();
    let (mut robot, robot_leg) = world.robot(Profile::Srtp_Aead_Aes_128_Gcm).await;
    let (mut pupil, pupil_leg) = world.pupil(Profile::Srtp_Aead_Aes_128_Gcm, Talk::Forward, &mut [&mut robot]).await;
    pupil.dial();
    world.until(&mut [&mut robot, &mut pupil], |_, peers| peers[1].is_open);
    for count in 0..70 {
        pupil.send_text(&format!("early {count}"));
    }
    world.until(&mut [&mut robot, &mut pupil], |world, _| {
        world.told.iter().filter(|event| matches!(event, MediaEvent::Text { .. })).count() == 70
    });
    robot.dial();
    world.until(&mut [&mut robot, &mut pupil], |_, peers| peers[0].texts.len() >= 64);
    assert_eq!(robot.texts.first().map(String::as_str), Some("early 6"), "64 wait, the oldest are dropped");
    robot.send_text("from the robot");
    world.engine.send_text(pupil_leg, "from the bridge".into());
    world.until(&mut [&mut robot, &mut pupil], |_, peers| peers[1].texts.len() == 2);
    assert!(pupil.texts.contains(&"from the robot".to_owned()) && pupil.texts.contains(&"from the bridge".to_owned()));
    for leg in [robot_leg, pupil_leg] {
        assert!(world.told.iter().any(|event| matches!(event, MediaEvent::ChannelOpen { leg: open } if *open == leg)));
    }
    assert!(
        world
            .told
            .iter()
            .any(|event| matches!(event, MediaEvent::Text { leg, text } if *leg == robot_leg && text == "from the robot"))
    );
}

#[tokio::test]
async fn a_text_that_is_too_long_closes_the_channel_and_nothing_else() {
    let mut world = World::new();
    let (mut robot, _) = world.robot(Profile::Srtp_Aead_Aes_128_Gcm).await;
    let (mut pupil, pupil_leg) = world.pupil(Profile::Srtp_Aead_Aes_128_Gcm, Talk::Forward, &mut [&mut robot]).await;
    pupil.dial();
    world.until(&mut [&mut robot, &mut pupil], |_, peers| peers[1].is_open);
    pupil.send_text(&"x".repeat(protocol::control::MAX_CONTROL_BYTES + 1));
    world.until(&mut [&mut robot, &mut pupil], |world, _| {
        world.told.iter().any(|event| matches!(event, MediaEvent::ChannelClosed { leg } if *leg == pupil_leg))
    });
    robot.send_packet(VP8, VIDEO_SSRC, 1, b"still here");
    world.until(&mut [&mut robot, &mut pupil], |_, peers| video(peers[1]).len() == 1);
    assert!(!world.told.iter().any(|event| matches!(event, MediaEvent::Text { .. })));
}

#[tokio::test]
async fn the_robot_is_asked_for_a_picture_when_a_pupil_comes_and_when_the_pupil_asks() {
    let mut world = World::new();
    let (mut robot, _) = world.robot(Profile::Srtp_Aead_Aes_128_Gcm).await;
    world.pass(&mut [&mut robot], Duration::from_millis(100));
    assert_eq!(requests(&robot), 0, "nobody is there to see it");
    let (mut pupil, _) = world.pupil(Profile::Srtp_Aead_Aes_128_Gcm, Talk::Forward, &mut [&mut robot]).await;
    world.until(&mut [&mut robot, &mut pupil], |_, peers| requests(peers[0]) == 1);
    // Fifty requests within a moment become one, half a second after the first.
    let mut request = vec![0x81, 206, 0, 2, 0, 0, 0, 9];
    request.extend(pupil.answered[1].to_be_bytes());
    for _ in 0..50 {
        pupil.send_report(&request);
    }
    world.until(&mut [&mut robot, &mut pupil], |_, peers| requests(peers[0]) == 2);
    world.pass(&mut [&mut robot, &mut pupil], Duration::from_millis(700));
    assert_eq!(requests(&robot), 2);
}

#[tokio::test]
async fn a_pupil_who_joins_after_the_sequence_wrapped_decrypts_everything_and_survives_a_takeover() {
    let mut world = World::new();
    let (mut robot, first) = world.robot(Profile::Srtp_Aead_Aes_128_Gcm).await;
    for sequence in 0..100 {
        robot.send_packet(VP8, VIDEO_SSRC, 65_480_u16.wrapping_add(sequence), b"unseen");
    }
    world.pass(&mut [&mut robot], Duration::from_millis(50));
    let (mut pupil, _) = world.pupil(Profile::Srtp_Aead_Aes_128_Gcm, Talk::Forward, &mut [&mut robot]).await;
    for sequence in 100..200 {
        robot.send_packet(VP8, VIDEO_SSRC, 65_480_u16.wrapping_add(sequence), b"seen");
    }
    world.until(&mut [&mut robot, &mut pupil], |_, peers| video(peers[1]).len() == 100);
    assert_eq!(pupil.refused, 0, "the pupil's roll-over counter starts at 0, the robot's is 1");

    let (mut newer, _) = world.robot(Profile::Srtp_Aead_Aes_128_Gcm).await;
    assert_eq!(world.closed(first), Some(Why::Replaced));
    for sequence in 0..100 {
        newer.send_packet(VP8, VIDEO_SSRC, 30 + sequence, b"from the newer");
    }
    world.until(&mut [&mut newer, &mut pupil], |_, peers| video(peers[1]).len() == 200);
    let numbers: Vec<u16> = video(&pupil).iter().map(|packet| number(packet)).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)), "numbers go on without a repetition");
    assert_eq!(pupil.refused, 0);
}

#[tokio::test]
async fn altered_and_repeated_packets_go_nowhere() {
    let mut world = World::new();
    let (mut robot, _) = world.robot(Profile::Srtp_Aead_Aes_128_Gcm).await;
    let (mut pupil, _) = world.pupil(Profile::Srtp_Aead_Aes_128_Gcm, Talk::Forward, &mut [&mut robot]).await;
    let genuine = robot.seal(VP8, VIDEO_SSRC, 10, b"genuine");
    for position in 0..genuine.len() {
        let mut altered = genuine.clone();
        altered[position] ^= 0x10;
        robot.send_raw(&altered);
    }
    let stranger = Peer::new(Profile::Srtp_Aead_Aes_128_Gcm);
    drop(stranger);
    for _ in 0..5 {
        robot.send_raw(&genuine);
    }
    robot.send_packet(VP8, VIDEO_SSRC, 11, b"last");
    world.until(&mut [&mut robot, &mut pupil], |_, peers| video(peers[1]).iter().any(|packet| packet.ends_with(b"last")));
    world.pass(&mut [&mut robot, &mut pupil], Duration::from_millis(100));
    let texts: Vec<&[u8]> = video(&pupil).iter().map(|packet| payload(packet)).collect();
    assert_eq!(texts, [&b"genuine"[..], b"last"]);
}

#[tokio::test]
async fn another_certificate_than_the_offered_one_is_refused() {
    let mut world = World::new();
    let mut honest = Peer::new(Profile::Srtp_Aead_Aes_128_Gcm);
    let mut impostor = Peer::new(Profile::Srtp_Aead_Aes_128_Gcm);
    let answer = world.engine.publish(world.robot, honest.offer("sendrecv", "sendonly")).await.unwrap();
    impostor.accept(&answer.sdp);
    world.until(&mut [&mut impostor, &mut honest], |world, _| world.closed(answer.leg).is_some());
    assert_eq!(world.closed(answer.leg), Some(Why::Refused));
    assert!(!world.is_connected(answer.leg));
}

#[tokio::test]
async fn every_key_we_can_check_connects_in_either_dtls_role() {
    for kind in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_RSA_SHA256] {
        for is_passive in [true, false] {
            let mut world = World::new();
            let mut robot = Peer::with(Profile::Srtp_Aead_Aes_128_Gcm, certificate(kind), is_passive);
            let answer = world.engine.publish(world.robot, robot.offer("sendrecv", "sendonly")).await.unwrap();
            let setup = if is_passive { "a=setup:active" } else { "a=setup:passive" };
            assert!(answer.sdp.lines().any(|line| line == setup), "{}", answer.sdp);
            robot.accept(&answer.sdp);
            world.until(&mut [&mut robot], |world, peers| peers[0].is_up() && world.is_connected(answer.leg));
            for sequence in 0..10 {
                robot.send_packet(VP8, VIDEO_SSRC, sequence, b"picture");
                robot.send_packet(OPUS, AUDIO_SSRC, sequence, b"sound");
            }
            world.until(&mut [&mut robot], |world, _| {
                let legs: Vec<_> = world.seconds().filter_map(|second| second.publisher).collect();
                let video: u32 = legs.iter().map(|second| second.video_received).sum();
                let audio: u32 = legs.iter().map(|second| second.audio_received).sum();
                (video, audio) == (10, 10)
            });
        }
    }
}

#[tokio::test]
async fn the_offered_certificate_without_its_key_is_refused_at_once() {
    for is_passive in [true, false] {
        let mut world = World::new();
        let mut stolen = certificate(&rcgen::PKCS_ECDSA_P256_SHA256);
        stolen.private_key = certificate(&rcgen::PKCS_ECDSA_P256_SHA256).private_key;
        let mut thief = Peer::with(Profile::Srtp_Aead_Aes_128_Gcm, stolen, is_passive);
        let answer = world.engine.publish(world.robot, thief.offer("sendrecv", "sendonly")).await.unwrap();
        thief.accept(&answer.sdp);
        world.until(&mut [&mut thief], |world, _| world.closed(answer.leg).is_some());
        assert_eq!(world.closed(answer.leg), Some(Why::Refused));
        assert!(!world.is_connected(answer.leg));
    }
}

#[tokio::test]
async fn a_plain_viewer_sees_and_hears_and_is_neither_heard_nor_read() {
    let mut world = World::new();
    let (mut robot, _) = world.robot(Profile::Srtp_Aead_Aes_128_Gcm).await;
    let (mut viewer, _) = world.pupil(Profile::Srtp_Aead_Aes_128_Gcm, Talk::Refuse, &mut [&mut robot]).await;
    robot.dial();
    viewer.dial();
    world.until(&mut [&mut robot, &mut viewer], |_, peers| peers[0].is_open && peers[1].is_open);
    viewer.send_text("do as I say");
    viewer.send_packet(OPUS, AUDIO_SSRC, 5, b"can you hear me");
    robot.send_packet(VP8, VIDEO_SSRC, 5, b"picture");
    robot.send_packet(OPUS, AUDIO_SSRC, 5, b"sound");
    world.until(&mut [&mut robot, &mut viewer], |_, peers| peers[1].packets.len() == 2);
    world.pass(&mut [&mut robot, &mut viewer], Duration::from_millis(200));
    assert!(robot.packets.is_empty() && robot.texts.is_empty());
    assert!(!world.told.iter().any(|event| matches!(event, MediaEvent::Text { .. })));
}

#[tokio::test]
async fn who_sends_is_told_by_the_bridge_how_that_arrives_and_nothing_of_the_other_leg() {
    let mut world = World::new();
    let (mut robot, _) = world.robot(Profile::Srtp_Aead_Aes_128_Gcm).await;
    for sequence in (100..112).filter(|sequence| ![104, 105, 106].contains(sequence)) {
        robot.send_packet(VP8, VIDEO_SSRC, sequence, b"nobody sees it");
    }
    let sender_report = |ssrc: u32| {
        let mut report = vec![0x80, 200, 0, 6];
        report.extend(ssrc.to_be_bytes());
        report.extend([0, 0, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 9]);
        report
    };
    let told = |peer: &Peer| peer.reports.iter().filter(|report| report[1] == 201).cloned().collect::<Vec<_>>();
    robot.send_report(&sender_report(VIDEO_SSRC));
    world.until(&mut [&mut robot], |_, peers| told(peers[0]).len() == 1);
    let report = &told(&robot)[0];
    assert_eq!(report[0], 0x81, "one stream");
    assert_eq!(report[8..12], VIDEO_SSRC.to_be_bytes());
    assert_eq!(report[12..16], [64, 0, 0, 3], "three of twelve were lost, a quarter");
    assert_eq!(report[16..20], 111_u32.to_be_bytes());
    assert_eq!(report[24..28], [0x12, 0x34, 0x56, 0x78], "its own report, for its round trip");

    // What the pupil says of its leg is not the robot's affair; the pupil hears of its voice from the bridge.
    let (mut pupil, _) = world.pupil(Profile::Srtp_Aead_Aes_128_Gcm, Talk::Forward, &mut [&mut robot]).await;
    robot.send_packet(VP8, VIDEO_SSRC, 112, b"seen");
    pupil.send_packet(OPUS, AUDIO_SSRC, 7, b"voice");
    world.until(&mut [&mut robot, &mut pupil], |_, peers| video(peers[1]).len() == 1 && peers[0].packets.len() == 1);
    let mut bad = vec![0x81, 201, 0, 7, 0, 0, 0, 9];
    bad.extend(pupil.answered[1].to_be_bytes());
    bad.extend([200, 0, 0, 1, 0, 0, 0, 40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    pupil.send_report(&bad);
    pupil.send_report(&sender_report(AUDIO_SSRC));
    world.until(&mut [&mut robot, &mut pupil], |_, peers| told(peers[1]).len() == 1);
    assert_eq!(told(&pupil)[0][8..12], AUDIO_SSRC.to_be_bytes());
    // The pupil's own report went on to the robot, so what was before it would have too.
    world.until(&mut [&mut robot, &mut pupil], |_, peers| peers[0].reports.iter().any(|report| report[1] == 200));
    assert_eq!(told(&robot).len(), 1);
}

#[tokio::test]
async fn a_leg_that_falls_silent_is_reported_and_so_is_its_return() {
    let mut world = World::new();
    let (mut robot, leg) = world.robot(Profile::Srtp_Aead_Aes_128_Gcm).await;
    robot.is_mute = true;
    world.until(&mut [&mut robot], |world, _| {
        world.told.iter().any(|event| matches!(event, MediaEvent::Silent { leg: silent } if *silent == leg))
    });
    robot.is_mute = false;
    world.until(&mut [&mut robot], |world, _| {
        world.told.iter().any(|event| matches!(event, MediaEvent::Back { leg: back } if *back == leg))
    });
    world.engine.close(leg);
    world.until(&mut [&mut robot], |world, _| world.closed(leg) == Some(Why::Asked));
}

#[tokio::test]
async fn a_second_tells_what_was_forwarded_and_whether_the_pupil_reports_and_speaks() {
    let mut world = World::new();
    let (mut robot, _) = world.robot(Profile::Srtp_Aead_Aes_128_Gcm).await;
    let (mut pupil, leg) = world.pupil(Profile::Srtp_Aead_Aes_128_Gcm, Talk::Forward, &mut [&mut robot]).await;
    let mut report = vec![0x81, 201, 0, 7, 0, 0, 0, 9];
    report.extend(pupil.answered[1].to_be_bytes());
    report.extend([64, 0, 0, 1, 0, 0, 0, 40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for sequence in 0..40 {
        robot.send_packet(VP8, VIDEO_SSRC, sequence, &[1; 500]);
        pupil.send_packet(OPUS, AUDIO_SSRC, sequence, &[1; 40]);
    }
    for sequence in 40..60 {
        pupil.send_packet(OPUS, AUDIO_SSRC, sequence, &[1; 3]);
    }
    pupil.send_report(&report);
    let sums = |world: &World| {
        let legs: Vec<_> = world.seconds().filter_map(|second| second.subscriber).collect();
        assert!(legs.iter().all(|second| second.leg == leg));
        (
            legs.iter().map(|second| second.video_sent).sum::<u32>(),
            legs.iter().map(|second| second.audio_received).sum::<u32>(),
            legs.iter().map(|second| second.voice_received).sum::<u32>(),
            legs.iter().filter(|second| second.reports).count(),
        )
    };
    world.until(&mut [&mut robot, &mut pupil], |world, _| sums(world) == (40, 60, 40, 1));
    let told = world.seconds().filter_map(|second| second.subscriber).find(|second| second.quality.loss_pct.is_some()).unwrap();
    assert_eq!(told.quality.loss_pct, Some(25.0));
    assert!(world.told.iter().any(|event| matches!(event, MediaEvent::Connected { party: Party::Subscriber, .. })));
}
