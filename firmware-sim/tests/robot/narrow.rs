//! The robot's own network takes less than its pictures: nobody has to tell it, for it hears how its packets arrive.

use super::*;

/// The estimate takes some seconds, and up it goes one rung at a time.
const FOLLOWS: Duration = Duration::from_secs(60);
const MEASURED: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_narrow_network_of_its_own_its_picture_is_smaller_then_rare_and_whole_again_where_there_is_room() {
    let world = World::with(|_| {}).await;
    world.endpoint.goes_far();
    world.admit().await;
    world.wake(SessionId::new()).await;
    let endpoint = &world.endpoint;
    let is_high = |height: usize| move || async move { endpoint.size().filter(|size| size.1 == height) };
    within(FOLLOWS, "the whole picture", is_high(360)).await;
    let says_narrow = |said: bool| move || async move { endpoint.state().filter(|state| state.is_narrow == said) };
    within(FOLLOWS, "it says nothing of its network", says_narrow(false)).await;

    endpoint.network_takes(Some(220_000));
    within(FOLLOWS, "a smaller picture", is_high(180)).await;
    within(FOLLOWS, "it says that its own network is narrow", says_narrow(true)).await;
    within(FOLLOWS, "no more than fits, and not much less", || async {
        let before = endpoint.video_bytes();
        tokio::time::sleep(MEASURED).await;
        let bits = (endpoint.video_bytes() - before) as f64 * 8.0 / MEASURED.as_secs_f64();
        (40_000.0..200_000.0).contains(&bits).then_some(())
    })
    .await;

    endpoint.network_takes(Some(80_000));
    within(FOLLOWS, "a picture now and then", || async {
        let before = endpoint.mark()?.frame;
        tokio::time::sleep(MEASURED).await;
        (endpoint.mark()?.frame <= before + 2).then_some(())
    })
    .await;
    within(FOLLOWS, "two thirds of the sound or more", || async {
        let before = endpoint.audio_packets();
        tokio::time::sleep(MEASURED).await;
        (endpoint.audio_packets() > before + 100).then_some(())
    })
    .await;

    endpoint.network_takes(None);
    within(2 * FOLLOWS, "the whole picture again", is_high(360)).await;
    within(FOLLOWS, "it says so no more", says_narrow(false)).await;
    world.end().await;
}
