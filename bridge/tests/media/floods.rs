//! Floods against a running engine: whoever is in stays in.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_offers_is_refused_and_disturbs_no_lesson() {
    let mut world = World::with(MediaConfig { max_legs: 6, ..World::config() });
    let (mut robot, _) = world.robot(Profile::Srtp_Aead_Aes_128_Gcm).await;
    let (mut pupil, _) = world.pupil(Profile::Srtp_Aead_Aes_128_Gcm, Talk::Forward, &mut [&mut robot]).await;
    let tasks = tokio_util::task::TaskTracker::new();
    let flood: Vec<_> = (0..3000)
        .map(|_| {
            let (engine, offer) =
                (world.engine.clone(), Peer::new(Profile::Srtp_Aead_Aes_128_Gcm).offer("sendrecv", "sendonly"));
            tasks.spawn(async move { engine.publish(RobotId::new(), offer).await })
        })
        .collect();
    for number in 0..100 {
        robot.send_packet(VP8, VIDEO_SSRC, number, b"picture");
        world.pass(&mut [&mut robot, &mut pupil], Duration::from_millis(2));
    }
    world.until(&mut [&mut robot, &mut pupil], |_, peers| video(peers[1]).len() == 100);
    let mut made = 0;
    for result in flood {
        match result.await.unwrap() {
            Ok(_) => made += 1,
            Err(MediaError::Full | MediaError::Busy) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(made, 4, "six legs, two of them the lesson's");
    assert!(world.lives().iter().all(|event| !matches!(event, MediaEvent::Closed { .. })));
}

#[tokio::test]
async fn a_flood_of_checks_and_rubbish_disturbs_no_lesson() {
    let mut world = World::new();
    let (mut robot, _) = world.robot(Profile::Srtp_Aead_Aes_128_Gcm).await;
    let (mut pupil, _) = world.pupil(Profile::Srtp_Aead_Aes_128_Gcm, Talk::Forward, &mut [&mut robot]).await;
    let stranger = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let bridge = world.engine.local_addresses()[0];
    // Somebody saw a check pass by: its user name is known, its password is not.
    let mut check = robot.last_check.clone();
    let place = check.len() - 12;
    for round in 0..100_u16 {
        for count in 0..40_u8 {
            check[place] = check[place].wrapping_add(1);
            stranger.send_to(&check, bridge).unwrap();
            stranger.send_to(&[[0, 20, 22, 128, 200][usize::from(count) % 5]; 300], bridge).unwrap();
        }
        robot.send_packet(VP8, VIDEO_SSRC, round, b"picture");
        world.pass(&mut [&mut robot, &mut pupil], Duration::from_millis(2));
    }
    world.until(&mut [&mut robot, &mut pupil], |_, peers| video(peers[1]).len() == 100);
    stranger.set_nonblocking(true).unwrap();
    assert!(stranger.recv_from(&mut [0; 100]).is_err(), "nothing is answered");
}
