//! Who sits where, with real media: joining, a second pupil, another tablet, a robot that restarts, a grant that ends.

use std::time::Duration;

use chrono::TimeDelta;
use protocol::control::{Control, Feeling};
use protocol::{Act, DeviceId, Grant};
use reqwest::StatusCode;

use super::harness::World;
use super::peer::{Peer, Refusal};

/// A world with a connected robot.
async fn with_robot() -> (World, Peer) {
    let world = World::start().await;
    let robot = Peer::robot(&world.client, &world.whip(), &world.token(Act::Publish)).await.unwrap();
    robot.connected().await;
    world.until_counts(1, 0).await;
    (world, robot)
}

async fn join(world: &World, grant: &Grant) -> Result<Peer, Refusal> {
    Peer::tablet(&world.client, &world.whep(), &world.sign(grant)).await
}

fn refusal(refused: Result<Peer, Refusal>) -> (StatusCode, String) {
    let (status, body) = refused.err().expect("refused");
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    (status, body["type"].as_str().unwrap().rsplit(':').next().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pupil_joins_sees_hears_is_heard_and_leaves() {
    let (world, robot) = with_robot().await;
    robot.hears(0, "sleep before anybody is there", |text| *text == Control::Sleep).await;
    let pupil = join(&world, &world.grant(Act::View)).await.unwrap();
    pupil.connected().await;
    pupil.receives(50, 50).await;
    robot.receives(0, 50).await;
    robot.hears(0, "wake", |text| matches!(text, Control::Wake { .. })).await;
    pupil.hears(0, "its seat", |text| matches!(text, Control::Seat { robot_here: true, .. })).await;
    // Texts pass both ways, unchanged.
    pupil.says(1, Control::Look { pan_deg: 12.5, tilt_deg: -3.0 }).await;
    robot.hears(0, "the look", |text| *text == Control::Look { pan_deg: 12.5, tilt_deg: -3.0 }).await;
    robot.says(1, Control::Ack { of: 1 }).await;
    pupil.hears(0, "the answer", |text| *text == Control::Ack { of: 1 }).await;
    let seen = robot.texts().len();
    assert_eq!(pupil.leaves().await, StatusCode::OK);
    robot.hears(seen, "sleep", |text| *text == Control::Sleep).await;
    world.until_counts(1, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_robot_whose_network_lets_no_udp_out_publishes_by_tcp() {
    let world = World::start().await;
    let robot = Peer::robot_by_tcp(&world.client, &world.whip(), &world.token(Act::Publish)).await.unwrap();
    robot.connected().await;
    world.until_counts(1, 0).await;
    let pupil = join(&world, &world.grant(Act::View)).await.unwrap();
    pupil.connected().await;
    pupil.receives(50, 50).await;
    robot.receives(0, 50).await;
    robot.hears(0, "wake", |text| matches!(text, Control::Wake { .. })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_robot_a_pupil_is_asked_to_try_again() {
    let world = World::start().await;
    let (status, name) = refusal(join(&world, &world.grant(Act::View)).await);
    assert_eq!((status.as_u16(), name.as_str()), (409, "robot-away"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_pupil_is_refused_and_the_first_does_not_notice() {
    let (world, _robot) = with_robot().await;
    let first = join(&world, &world.grant(Act::View)).await.unwrap();
    first.connected().await;
    first.receives(10, 10).await;
    let second = world.grant(Act::View);
    let (status, name) = refusal(join(&world, &second).await);
    assert_eq!((status.as_u16(), name.as_str()), (409, "robot-in-use"));
    first.receives(50, 50).await;
    // Once the first has left, the seat is free.
    assert_eq!(first.leaves().await, StatusCode::OK);
    let second = join(&world, &second).await.unwrap();
    second.connected().await;
    second.receives(10, 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tablet_that_vanished_keeps_the_seat_for_the_grace() {
    let world = World::start_with(|config| config.grace = Duration::from_secs(2)).await;
    let robot = Peer::robot(&world.client, &world.whip(), &world.token(Act::Publish)).await.unwrap();
    robot.connected().await;
    world.until_counts(1, 0).await;
    let first = join(&world, &world.grant(Act::View)).await.unwrap();
    first.connected().await;
    world.until_counts(1, 1).await;
    first.vanishes().await;
    let second = world.grant(Act::View);
    assert_eq!(refusal(join(&world, &second).await).1, "robot-in-use");
    world.until_counts(1, 0).await;
    join(&world, &second).await.unwrap().connected().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_pupil_on_another_tablet_takes_over() {
    let (world, robot) = with_robot().await;
    let grant = world.grant(Act::View);
    let old = join(&world, &grant).await.unwrap();
    old.connected().await;
    old.receives(10, 10).await;
    let woken = |text: &Control| if let Control::Wake { session } = text { Some(*session) } else { None };
    let seen = robot.texts().len();
    let new = join(&world, &Grant { device: Some(DeviceId::new()), ..grant }).await.unwrap();
    new.connected().await;
    new.receives(50, 50).await;
    robot.hears(seen, "wake again", |text| woken(text).is_some()).await;
    let sessions: std::collections::BTreeSet<_> = robot.texts().iter().filter_map(woken).collect();
    assert_eq!(sessions.len(), 1, "the same session goes on");
    let (video, _) = old.received();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(old.received().0, video, "the old tablet gets nothing any more");
    // Its address is gone with it.
    assert_eq!(old.leaves().await, StatusCode::NOT_FOUND);
    world.until_counts(1, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_robot_that_restarts_takes_its_own_place_and_the_pupil_stays_and_is_never_without_it() {
    let (world, robot) = with_robot().await;
    let pupil = join(&world, &world.grant(Act::View)).await.unwrap();
    pupil.connected().await;
    pupil.receives(10, 10).await;
    let seen = pupil.texts().len();
    let again = Peer::robot(&world.client, &world.whip(), &world.token(Act::Publish)).await.unwrap();
    again.connected().await;
    again.hears(0, "wake", |text| matches!(text, Control::Wake { .. })).await;
    pupil.hears(seen, "the robot to be here", |text| matches!(text, Control::Seat { robot_here: true, .. })).await;
    pupil.receives(50, 50).await;
    assert!(!pupil.texts().iter().skip(seen).any(|text| matches!(text, Control::Seat { robot_here: false, .. })));
    drop(robot);
    world.until_counts(1, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_viewer_sees_and_moves_nothing() {
    let (world, robot) = with_robot().await;
    let viewer = join(&world, &Grant { talk: false, ..world.grant(Act::View) }).await.unwrap();
    viewer.connected().await;
    viewer.receives(50, 50).await;
    viewer.says(1, Control::Feeling { feeling: Feeling::Happy }).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(robot.received().1, 0, "no sound of a plain viewer");
    assert!(!robot.texts().iter().any(|text| matches!(text, Control::Feeling { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_grant_ends_the_visit() {
    let (world, robot) = with_robot().await;
    let until = world.clock.now().utc + TimeDelta::seconds(3);
    let pupil = join(&world, &Grant { until, ..world.grant(Act::View) }).await.unwrap();
    pupil.connected().await;
    world.until_counts(1, 1).await;
    let seen = robot.texts().len();
    world.until_counts(1, 0).await;
    robot.hears(seen, "sleep", |text| *text == Control::Sleep).await;
    let (video, _) = pupil.received();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(pupil.received().0, video);
}
