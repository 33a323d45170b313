//! ICE restart (RFC 8445 §9, RFC 9725 §4.3.3) of a leg that is connected: another socket, new credentials, the same keys.

use super::*;

/// What both ends send in a moment, and have after it.
fn flows(world: &mut World, robot: &mut Peer, pupil: &mut Peer, first: u16) {
    let came = (pupil.packets.len(), robot.packets.len());
    for number in first..first + 20 {
        robot.send_packet(VP8, VIDEO_SSRC, number, b"picture");
        robot.send_packet(OPUS, AUDIO_SSRC, number, b"sound");
        pupil.send_packet(OPUS, AUDIO_SSRC, number, b"voice");
    }
    world.until(&mut [robot, pupil], |_, peers| (peers[1].packets.len(), peers[0].packets.len()) == (came.0 + 40, came.1 + 20));
}

/// Restarts one leg of a lesson that goes on.
async fn restarts(world: &mut World, robot: &mut Peer, pupil: &mut Peer, (leg, party): (LegId, Party), first: u16) {
    let who = |robot: &mut Peer, pupil: &mut Peer, work: &mut dyn FnMut(&mut Peer)| {
        work(if party == Party::Publisher { robot } else { pupil });
    };
    let mut asked = None;
    who(robot, pupil, &mut |peer| asked = Some(peer.new_credentials()));
    let (credentials, fragment) = asked.unwrap();
    let answer = world.engine.trickle(leg, fragment.clone()).await.unwrap().expect("new credentials are answered");
    assert_eq!(world.engine.trickle(leg, fragment).await.unwrap(), None, "asked again, it is the same restart");
    // The answer is under way: the old path with the old credentials carries the lesson.
    flows(world, robot, pupil, first);
    let (mut left, mut answers) = (None, 0);
    who(robot, pupil, &mut |peer| {
        answers = peer.answers;
        left = Some(peer.restarts(credentials.clone(), &answer));
    });
    let place = usize::from(party != Party::Publisher);
    world.until(&mut [&mut *robot, &mut *pupil], |_, peers| peers[place].answers > answers);
    flows(world, robot, pupil, first + 20);

    let (left, mut buffer) = (left.unwrap(), [0; 2048]);
    left.set_nonblocking(true).unwrap();
    // What was on its way there; nothing more comes.
    while left.recv_from(&mut buffer).is_ok() {}
    flows(world, robot, pupil, first + 40);
    assert!(left.recv_from(&mut buffer).is_err(), "the place it left is sent nothing");
}

#[tokio::test]
async fn a_restart_moves_a_leg_to_another_socket_and_the_lesson_goes_on_with_the_same_keys() {
    let mut world = World::new();
    let (mut robot, robot_leg) = world.robot(Profile::Srtp_Aead_Aes_128_Gcm).await;
    let (mut pupil, pupil_leg) = world.pupil(Profile::Srtp_Aead_Aes_128_Gcm, Talk::Forward, &mut [&mut robot]).await;
    pupil.dial();
    world.until(&mut [&mut robot, &mut pupil], |_, peers| peers[1].is_open);
    // Twice each: the restart of a restart has forgotten nothing.
    for round in 0..2 {
        restarts(&mut world, &mut robot, &mut pupil, (pupil_leg, Party::Subscriber), 1000 + 200 * round).await;
        restarts(&mut world, &mut robot, &mut pupil, (robot_leg, Party::Publisher), 1100 + 200 * round).await;
    }
    // Packets that were sealed with other keys, or a number that was used before, would have been refused.
    assert_eq!((robot.refused, pupil.refused), (0, 0));
    for (leg, party) in [(robot_leg, Party::Publisher), (pupil_leg, Party::Subscriber)] {
        let made = world.told.iter().filter(|event| matches!(event, MediaEvent::Connected { leg: made, .. } if *made == leg));
        assert_eq!((made.count(), world.closed(leg)), (1, None), "{party:?}");
    }
    // The channel is the same one too.
    pupil.send_text("look left");
    world.until(&mut [&mut robot, &mut pupil], |world, _| {
        world
            .told
            .iter()
            .any(|event| matches!(event, MediaEvent::Text { leg, text } if *leg == pupil_leg && text == "look left"))
    });
}
