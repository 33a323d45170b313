//! A robot's next leg is made before the old one is given up.

use super::*;

/// Sends a picture from `robot` and waits until the pupil has it.
fn is_seen(world: &mut World, robot: &mut Peer, pupil: &mut Peer, number: u16, what: &[u8]) {
    robot.send_packet(VP8, VIDEO_SSRC, number, what);
    world.until(&mut [robot, pupil], |_, peers| video(peers[1]).iter().any(|packet| payload(packet) == what));
}

#[tokio::test]
async fn the_old_leg_carries_the_lesson_until_the_next_one_stands() {
    let mut world = World::new();
    let (mut old, first) = world.robot(Profile::Srtp_Aead_Aes_128_Gcm).await;
    let (mut pupil, _) = world.pupil(Profile::Srtp_Aead_Aes_128_Gcm, Talk::Forward, &mut [&mut old]).await;
    is_seen(&mut world, &mut old, &mut pupil, 1, b"before");
    let mut newer = Peer::new(Profile::Srtp_Aead_Aes_128_Gcm);
    let answer = world.engine.publish(world.robot, newer.offer("sendrecv", "sendonly")).await.unwrap();
    is_seen(&mut world, &mut old, &mut pupil, 2, b"while the next one is answered");
    assert_eq!(world.closed(first), None);
    newer.accept(&answer.sdp);
    world.until(&mut [&mut newer, &mut old, &mut pupil], |world, peers| peers[0].is_up() && world.is_connected(answer.leg));
    assert_eq!(world.closed(first), Some(Why::Replaced));

    world.until(&mut [&mut newer, &mut pupil], |_, peers| requests(peers[0]) >= 1);
    is_seen(&mut world, &mut newer, &mut pupil, 7, b"after");
    assert_eq!(pupil.refused, 0);
}

#[tokio::test]
async fn a_next_leg_that_never_connects_is_dropped_in_its_time_and_the_old_one_stays() {
    let mut world = World::with(MediaConfig { connect_within: Duration::from_secs(1), ..World::config() });
    let (mut old, first) = world.robot(Profile::Srtp_Aead_Aes_128_Gcm).await;
    let (mut pupil, _) = world.pupil(Profile::Srtp_Aead_Aes_128_Gcm, Talk::Forward, &mut [&mut old]).await;
    let mut next = Vec::new();
    for _ in 0..2 {
        let offer = Peer::new(Profile::Srtp_Aead_Aes_128_Gcm).offer("sendrecv", "sendonly");
        next.push(world.engine.publish(world.robot, offer).await.unwrap().leg);
    }
    world.until(&mut [&mut old, &mut pupil], |world, _| world.closed(next[1]).is_some());
    assert_eq!((world.closed(next[0]), world.closed(next[1])), (Some(Why::Replaced), Some(Why::NeverConnected)));
    is_seen(&mut world, &mut old, &mut pupil, 1, b"still here");
    assert_eq!((world.closed(first), world.engine.look().await.1.legs), (None, 2));
}

#[tokio::test]
async fn an_old_leg_that_goes_meanwhile_leaves_its_place_to_the_next_one() {
    let mut world = World::new();
    let (mut old, first) = world.robot(Profile::Srtp_Aead_Aes_128_Gcm).await;
    let (mut pupil, _) = world.pupil(Profile::Srtp_Aead_Aes_128_Gcm, Talk::Forward, &mut [&mut old]).await;
    let mut newer = Peer::new(Profile::Srtp_Aead_Aes_128_Gcm);
    let answer = world.engine.publish(world.robot, newer.offer("sendrecv", "sendonly")).await.unwrap();
    world.engine.close(first);
    world.until(&mut [&mut old, &mut pupil], |world, _| world.closed(first) == Some(Why::Asked));
    newer.accept(&answer.sdp);
    world.until(&mut [&mut newer, &mut pupil], |world, peers| peers[0].is_up() && world.is_connected(answer.leg));
    is_seen(&mut world, &mut newer, &mut pupil, 7, b"after");
}
