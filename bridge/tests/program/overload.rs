//! More than the machine can do well, with real media: nobody new is taken, and who is here does not suffer.

use std::time::Duration;

use protocol::{Act, Grant, RobotId};

use super::harness::{World, eventually, problem};
use super::peer::{Peer, robot_offer, tablet_offer};

/// What counts as enough here. Peers of a test cost many times what the bridge does, and it waits for them, so it is little.
const BUSY_PCT: u8 = 25;
/// Robots that send this many packets a second are added until the bridge has enough.
const BUSY_PER_SECOND: u32 = 2_000;
const MOST_BUSY: usize = 45;
const AT_ONCE: usize = 3;
/// Longer than between two looks at how busy the threads are.
const LOOKED: Duration = Duration::from_secs(5);

fn whip(world: &World, robot: RobotId) -> (String, String) {
    (world.url(&format!("/whip/{robot}")), world.sign(&Grant { robot, ..world.grant(Act::Publish) }))
}

async fn robot(world: &World, robot: RobotId, per_second: u32) -> Peer {
    let (url, token) = whip(world, robot);
    let peer = Peer::robot_at(&world.client, &url, &token, per_second).await.unwrap();
    peer.connected().await;
    peer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_with_enough_to_do_refuses_who_is_new_with_a_reason_and_nobody_who_is_here_suffers() {
    let world = World::start_with(|config| config.media.max_busy_pct = BUSY_PCT).await;
    let first = robot(&world, world.robot, 50).await;
    let idle_robot = RobotId::new();
    let _idle = robot(&world, idle_robot, 1).await;
    world.until_counts(2, 0).await;
    let grant = world.grant(Act::View);
    let pupil = Peer::tablet(&world.client, &world.whep(), &world.sign(&grant)).await.unwrap();
    pupil.connected().await;
    pupil.receives(50, 50).await;

    let mut busy = Vec::new();
    let offer = robot_offer().await;
    let refused = loop {
        assert!(busy.len() < MOST_BUSY, "{MOST_BUSY} busy robots are not enough: {}", world.ready().await);
        for _ in 0..AT_ONCE {
            let (url, token) = whip(&world, RobotId::new());
            // Refused when the one who asked before, and does not come, took the last place.
            if let Ok(robot) = Peer::robot_at(&world.client, &url, &token, BUSY_PER_SECOND).await {
                robot.connected().await;
                busy.push(robot);
            }
        }
        tokio::time::sleep(LOOKED).await;
        let (url, token) = whip(&world, RobotId::new());
        let answer = world.offer(&url, &token, offer.clone()).await;
        if answer.status() != 201 {
            break answer;
        }
    };
    println!("{} busy robots were enough", busy.len());
    assert!(refused.headers().contains_key("retry-after"));
    let (status, name, detail) = problem(refused).await;
    assert_eq!((status, name.as_str()), (503, "overloaded"));
    assert!(detail.contains("try again in a minute"), "{detail}");
    // A new pupil neither, also where the robot is free.
    let newcomer = world.sign(&Grant { robot: idle_robot, ..world.grant(Act::View) });
    let url = world.url(&format!("/whep/{idle_robot}"));
    let (status, name, _) = problem(world.offer(&url, &newcomer, tablet_offer().await).await).await;
    assert_eq!((status, name.as_str()), (503, "overloaded"));

    // Who is here gets all of it …
    let before = (pupil.received(), first.sent());
    tokio::time::sleep(Duration::from_secs(4)).await;
    let after = (pupil.received(), first.sent());
    let pictures = (after.0.0 - before.0.0, after.1.0 - before.1.0);
    let sounds = (after.0.1 - before.0.1, after.1.1 - before.1.1);
    for (what, (came, sent)) in [("pictures", pictures), ("sounds", sounds)] {
        assert!(came * 10 >= sent * 8 && sent > 0, "{came} of {sent} {what} came");
    }
    // … and may come again on another leg, with a permission of now: it may have taken long until it was enough.
    let grant = Grant { exp: world.grant(Act::View).exp, ..grant };
    let again = Peer::tablet(&world.client, &world.whep(), &world.sign(&grant)).await.unwrap();
    again.connected().await;
    again.receives(50, 50).await;

    // With less to do it takes who is new.
    for robot in busy {
        robot.leaves().await;
    }
    eventually("a newcomer to be taken", async || {
        let (url, token) = whip(&world, RobotId::new());
        (world.offer(&url, &token, offer.clone()).await.status() == 201).then_some(())
    })
    .await;
}

/// Between two looks at the media threads everybody was let in, however many: when the bell rang, all of them.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_crowd_that_comes_at_once_as_many_are_taken_as_there_is_room_for() {
    const CROWD: usize = 150;
    let world = World::start_with(|config| {
        config.media.max_busy_pct = BUSY_PCT;
        config.limits.offers_at_once = 200;
    })
    .await;
    let first = robot(&world, world.robot, 50).await;
    let offer = robot_offer().await;
    let crowd = (0..CROWD).map(|_| {
        let (url, token) = whip(&world, RobotId::new());
        let (world, offer) = (&world, offer.clone());
        async move { world.offer(&url, &token, offer).await }
    });
    let answers = futures_util::future::join_all(crowd).await;
    let mut taken = 0;
    for answer in answers {
        if answer.status() == 201 {
            taken += 1;
        } else {
            assert!(answer.headers().contains_key("retry-after"));
            let (status, name, _) = problem(answer).await;
            assert_eq!((status, name.as_str()), (503, "overloaded"));
        }
    }
    println!("{taken} of {CROWD} were taken");
    assert!((1..CROWD).contains(&taken), "{taken} of {CROWD} were taken");
    // Who was here before them is served.
    let before = first.sent().0;
    eventually("the first robot to go on", async || (first.sent().0 > before + 50).then_some(())).await;
}
