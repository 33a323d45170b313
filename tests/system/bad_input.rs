//! What must be refused or set aside, while everything goes on: messages at the broker. Offers, grants and keywords are refused by
//! the tests of the bridge and the server.

use protocol::Envelope;
use serde_json::json;
use server::demo;
use uuid::Uuid;

use crate::harness::broker::{Watch, secret};
use crate::harness::{SOON, World, eventually};

async fn robot(world: &World) -> Watch {
    let user = demo::ids::ROBIN.to_string();
    Watch::open_as(world.up.mqtt, &user, &secret(world.data(), &user), &[]).await
}

async fn quarantined(world: &World) -> usize {
    world.up.state.store.quarantined(100, None).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_cannot_be_read_goes_to_quarantine_and_the_next_one_is_stored() {
    let world = World::monday().await;
    let mut robin = robot(&world).await;
    let own = |kind: &str| format!("ws/v1/{}/up/{kind}", demo::ids::ROBIN);
    let body =
        json!({"state": "idle", "battery_pct": 41, "charging": false, "camera_on": false, "hand_up": false, "uptime_s": 5});
    let mut foreign_version =
        serde_json::to_value(Envelope::new(world.up.state.clock.now(), Uuid::now_v7(), body.clone())).unwrap();
    foreign_version["v"] = json!(2);
    let cases: [(String, Vec<u8>); 5] = [
        (own("robot"), b"{not json".to_vec()),
        (own("robot"), b"\xff\xfe\x00".to_vec()),
        (own("robot"), foreign_version.to_string().into_bytes()),
        (own("robot"), br#"{"v":1,"body":{"battery_pct":400}}"#.to_vec()),
        (own("dance"), b"{}".to_vec()),
    ];
    for (n, (topic, payload)) in cases.iter().enumerate() {
        let before = quarantined(&world).await;
        let answer = robin.publish(topic, payload).await;
        assert!(answer.contains("Success"), "case {n}: the broker said {answer}");
        eventually(&format!("case {n} in quarantine"), SOON, async || (quarantined(&world).await > before).then_some(())).await;
    }
    let good = Envelope::new(world.up.state.clock.now(), Uuid::now_v7(), body).to_bytes();
    robin.publish(&own("robot"), &good).await;
    let coordinator = world.staff("coordinator").await;
    eventually("the battery of the good message on the page of robots", SOON, async || {
        coordinator.page("/robots").await.contains("41").then_some(())
    })
    .await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_robot_that_speaks_on_another_ones_topic_is_refused_and_nothing_changes() {
    let world = World::monday().await;
    let mut robin = robot(&world).await;
    let before = quarantined(&world).await;
    for topic in [
        format!("ws/v1/{}/up/robot", demo::ids::FINCH),
        format!("ws/v1/{}/down/command", demo::ids::FINCH),
        format!("ws/v1/{}/down/grant", demo::ids::ROBIN),
        "ws/v1/up/robot".to_owned(),
        "elsewhere".to_owned(),
    ] {
        let answer = robin.publish(&topic, b"{}").await;
        assert!(answer.contains("NotAuthorized"), "{topic}: the broker said {answer}");
    }
    assert_eq!(quarantined(&world).await, before);
    let answer = robin.publish(&format!("ws/v1/{}/up/robot", demo::ids::ROBIN), b"{}").await;
    assert!(answer.contains("Success"), "its own topic still works: {answer}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_does_not_get_into_the_broker() {
    let world = World::monday().await;
    let robin = demo::ids::ROBIN.to_string();
    for (user, secret) in [(robin.as_str(), "wrong"), ("nobody", "x"), ("", "")] {
        let (_client, mut events) = crate::harness::broker::client(world.up.mqtt, user, secret);
        let first = events.poll().await;
        assert!(first.is_err(), "{user:?} got in: {first:?}");
    }
    world.stop().await;
}
