//! The robot's way to its bridge breaks: the next connection is made before the old one is given up.

use super::*;

/// What happened at the endpoint but for the times that a connection was disturbed and stood again.
fn story(world: &World) -> Vec<String> {
    let mut story = world.endpoint.story();
    let mut seen = std::collections::HashSet::new();
    story.retain(|what| seen.insert(what.clone()));
    story
}

/// A robot that is awake, behind a network that can be cut.
async fn awake() -> World {
    let world = World::with(|_| {}).await;
    world.endpoint.goes_far();
    world.admit().await;
    world.wake(SessionId::new()).await;
    world
}

/// Waits for it, and sees that the robot never is without its bridge.
async fn while_connected(world: &World, what: &str, is: impl Fn() -> bool) {
    eventually(what, || async {
        assert_eq!(world.view().await["bridge_here"], true, "{what}: {:?}", story(world));
        is().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_connection_stands_before_a_disturbed_one_is_given_up() {
    let world = awake().await;
    world.endpoint.network_is_dead(true);
    while_connected(&world, "the old one is left", || world.endpoint.was_deleted()).await;
    assert_eq!(story(&world), ["offer 0", "stands 0", "offer 1", "stands 1", "goodbye 0"]);
    let before = world.endpoint.video_packets();
    world.endpoint.say(Control::Wake { session: SessionId::new() }).await;
    while_connected(&world, "pictures by the new one", || world.endpoint.video_packets() > before + 10).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_next_connection_that_does_not_come_to_stand_is_dropped_and_the_old_one_goes_on() {
    let world = awake().await;
    world.endpoint.later_networks_are_dead(true);
    world.endpoint.network_is_dead(true);
    while_connected(&world, "the next offer", || story(&world).contains(&"offer 1".to_owned())).await;
    world.endpoint.network_is_dead(false);
    while_connected(&world, "that one is dropped", || world.endpoint.was_deleted()).await;
    assert_eq!(story(&world), ["offer 0", "stands 0", "offer 1", "goodbye 1"]);
    let before = world.endpoint.video_packets();
    while_connected(&world, "pictures by the old one", || world.endpoint.video_packets() > before + 10).await;
    world.end().await;
}
