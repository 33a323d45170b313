//! What follows from an end that is heard again, or that says nothing of itself.

use super::*;

/// Transport-wide feedback that everything up to `last` came.
fn all_came(media: u32, last: u16) -> Vec<u8> {
    let count = last + 1;
    let mut report = vec![0x8F, 205, 0, 0, 0, 0, 0, 9];
    report.extend(media.to_be_bytes());
    report.extend([0, 0]);
    report.extend(count.to_be_bytes());
    report.extend([0, 0, 1, 0]);
    report.extend((0x2000 | count).to_be_bytes());
    report.resize(report.len() + usize::from(count), 4);
    report.resize(report.len().next_multiple_of(4), 0);
    report[3] = (report.len() / 4 - 1).to_le_bytes()[0];
    report
}

/// A robot and a pupil who have one picture between them.
async fn lesson(world: &mut World) -> (Peer, Peer) {
    let (mut robot, _) = world.robot(Profile::Srtp_Aead_Aes_128_Gcm).await;
    let (mut pupil, _) = world.pupil(Profile::Srtp_Aead_Aes_128_Gcm, Talk::Forward, &mut [&mut robot]).await;
    robot.send_packet(VP8, VIDEO_SSRC, 1, b"picture");
    world.until(&mut [&mut robot, &mut pupil], |_, peers| video(peers[1]).len() == 1);
    // The request that the pupil's coming caused is over, and so is the time in which no other is sent.
    world.pass(&mut [&mut robot, &mut pupil], Duration::from_millis(600));
    (robot, pupil)
}

#[tokio::test]
async fn a_pupil_whose_network_broke_off_gets_a_whole_picture_at_the_same_address_without_asking() {
    let mut world = World::new();
    let (mut robot, mut pupil) = lesson(&mut world).await;
    pupil.send_report(&all_came(pupil.answered[1], 2));
    world.pass(&mut [&mut robot, &mut pupil], Duration::from_millis(200));
    let asked = requests(&robot);
    // Shorter than a second is what repairs are for.
    for (out, expected) in [(600, asked), (1300, asked + 1)] {
        pupil.is_mute = true;
        world.pass(&mut [&mut robot, &mut pupil], Duration::from_millis(out));
        pupil.is_mute = false;
        world.pass(&mut [&mut robot, &mut pupil], Duration::from_millis(400));
        assert_eq!(requests(&robot), expected, "after {out} ms");
    }
}

#[tokio::test]
async fn a_robot_whose_network_broke_off_is_asked_for_a_whole_picture() {
    let mut world = World::new();
    let (mut robot, mut pupil) = lesson(&mut world).await;
    let asked = requests(&robot);
    for (out, expected) in [(600, asked), (1300, asked + 1)] {
        robot.send_packet(OPUS, AUDIO_SSRC, out, b"before");
        world.pass(&mut [&mut robot, &mut pupil], Duration::from_millis(out.into()));
        // The number follows: nothing shows that anything is missing.
        robot.send_packet(OPUS, AUDIO_SSRC, out + 1, b"after");
        world.pass(&mut [&mut robot, &mut pupil], Duration::from_millis(300));
        assert_eq!(requests(&robot), expected, "after {out} ms");
    }
}

/// Four seconds of sound alone, of which the pupil says nothing. Returns what is known of each second, but for the first two.
async fn sound_alone(forges: bool) -> (Vec<(bool, bool)>, usize) {
    let mut world = World::new();
    let (mut robot, _) = world.robot(Profile::Srtp_Aead_Aes_128_Gcm).await;
    let (mut pupil, _) = world.pupil(Profile::Srtp_Aead_Aes_128_Gcm, Talk::Forward, &mut [&mut robot]).await;
    pupil.forges = forges;
    for number in 0..200 {
        robot.send_packet(OPUS, AUDIO_SSRC, number, &[7; 80]);
        world.pass(&mut [&mut robot, &mut pupil], Duration::from_millis(25));
    }
    let lines = world.seconds().filter_map(|second| second.subscriber).filter(|line| line.audio_sent > 10);
    (lines.skip(2).map(|line| (line.reports, line.feedback)).collect(), pupil.questions)
}

#[tokio::test]
async fn a_pupil_who_says_nothing_of_the_sound_is_asked_each_second_and_answers() {
    let (lines, questions) = sound_alone(false).await;
    assert!(lines.len() >= 2 && lines.iter().all(|line| *line == (true, true)), "{lines:?}");
    assert!((2..=12).contains(&questions), "{questions} questions, of which none had to be repeated");
}

#[tokio::test]
async fn an_answer_without_the_password_is_none() {
    let (lines, questions) = sound_alone(true).await;
    assert!(lines.len() >= 2 && lines.iter().all(|line| *line == (false, false)), "{lines:?}");
    assert!(questions > 8, "each is repeated: {questions}");
}
