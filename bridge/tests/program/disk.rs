//! A disk that takes no more: the limit on the size of files, which the kernel answers like a full disk, and with a deadly signal.

use mqtt_link::MqttConfig;
use protocol::{Act, PresenceMessage};

use super::harness::{Broker, Server, World, eventually};
use super::peer::Peer;

/// The limit is of a whole process, so the story is told in one of its own.
#[tokio::test]
async fn a_disk_that_takes_no_more_costs_nothing_as_long_as_the_bridge_lives() {
    let story = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "disk::told_in_a_process_whose_files_may_not_grow", "--ignored", "--nocapture"])
        .kill_on_drop(true)
        .output();
    let told = tokio::time::timeout(std::time::Duration::from_secs(120), story).await.expect("an end").unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    assert!(told.status.success(), "{:?}: {text}", told.status);
    assert!(text.contains("1 passed"), "{text}");
}

/// Sets this process's limit, `unlimited` or a number of bytes. The hard limit stays, so that it can be lifted again.
async fn limit_files(limit: &str) {
    let set = tokio::process::Command::new("prlimit")
        .args([format!("--pid={}", std::process::id()), format!("--fsize={limit}:")])
        .status()
        .await
        .expect("prlimit is there (apt install util-linux)");
    assert!(set.success());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "told by the test above, in a process of its own"]
async fn told_in_a_process_whose_files_may_not_grow() {
    let broker = Broker::start().await;
    let url = broker.url();
    let world = World::start_with(|config| config.mqtt = MqttConfig { url, ..MqttConfig::default() }).await;
    let server = Server::start(&broker, world.bridge, |_, _| true).await;
    let robot = Peer::robot(&world.client, &world.whip(), &world.token(Act::Publish)).await.unwrap();
    robot.connected().await;
    let join = async || {
        let token = world.token(Act::View);
        let pupil = eventually("a seat", async || Peer::tablet(&world.client, &world.whep(), &token).await.ok()).await;
        pupil.connected().await;
        pupil.receives(60, 60).await;
        pupil
    };
    let first = join().await;
    limit_files("1").await;
    first.leaves().await;
    for _ in 0..3 {
        join().await.leaves().await;
    }
    let ready = eventually("the page to say so", async || {
        let ready = world.ready().await;
        (ready["status"] == "not ready").then_some(ready)
    })
    .await;
    assert!(ready["reasons"][0].as_str().unwrap().contains("the outbox cannot be written"), "{ready}");
    eventually("hello to say so", async || {
        server.told.lock().unwrap().hello.as_ref()?.outbox.filter(|outbox| outbox.failing).map(drop)
    })
    .await;
    let ends = || {
        let told = server.told.lock().unwrap();
        told.facts.iter().filter(|fact| matches!(fact, PresenceMessage::Ended { .. })).count()
    };
    assert_eq!(ends(), 0, "nothing is said that is not stored");
    limit_files("unlimited").await;
    eventually("every visit's end", async || (ends() == 4).then_some(())).await;
    eventually("a bridge that is ready", async || (world.ready().await["status"] == "ready").then_some(())).await;
    // The sum of the last word on each interval is what the ends say.
    let told = server.told.lock().unwrap();
    let mut spans = std::collections::BTreeMap::new();
    let mut totals = 0;
    for fact in &told.facts {
        match fact {
            PresenceMessage::Interval { session, n, span_ms, .. } => {
                let span = spans.entry((*session, *n)).or_insert(0);
                *span = (*span_ms).max(*span);
            }
            PresenceMessage::Ended { total_ms, .. } => totals += total_ms,
        }
    }
    assert_eq!(spans.values().sum::<u64>(), totals);
}
