//! What an operator sees of visits: how well they run, by number and never by name.

use std::collections::BTreeMap;

use protocol::Act;

use super::harness::{World, eventually};
use super::peer::Peer;

async fn scrape(world: &World) -> (String, BTreeMap<String, f64>) {
    let response = world.client.get(world.url("/bridge/metrics")).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = response.text().await.unwrap();
    let value = |line: &str| line.rsplit_once(' ').map(|(name, value)| (name.to_owned(), value.parse().unwrap()));
    let values = text.lines().filter(|line| !line.starts_with('#')).map(|line| value(line).expect(line)).collect();
    (text, values)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_is_measured_by_its_seat_and_leaves_nothing_but_sums() {
    let world = World::start().await;
    let robot = Peer::robot(&world.client, &world.whip(), &world.token(Act::Publish)).await.unwrap();
    robot.connected().await;
    let grant = world.grant(Act::View);
    let pupil =
        eventually("the robot's seat", async || Peer::tablet(&world.client, &world.whep(), &world.sign(&grant)).await.ok())
            .await;
    pupil.connected().await;
    let gauge = |name: &str, rest: &str| format!("windowseat_bridge_visit_{name}{{seat=\"1\",{rest}}}");
    let text = eventually("rates, a tier and no trouble", async || {
        let (text, values) = scrape(&world).await;
        let is = |name: String| values.get(&name).copied().unwrap_or(0.0);
        (is(gauge("received_bits_per_second", "side=\"robot\"")) > 10_000.0
            && is(gauge("sent_bits_per_second", "side=\"pupil\"")) > 10_000.0
            && is(gauge("tier", "tier=\"video\"")) == 1.0
            && is("windowseat_bridge_tier_seconds_total{tier=\"video\"}".to_owned()) >= 2.0)
            .then_some(text)
    })
    .await;
    // Every family says what it is, and every series has one.
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        assert!(text.contains(&format!("# TYPE {name} ")) && text.contains(&format!("# HELP {name} ")), "{name}");
    }
    let ids = [world.robot.to_string(), world.bridge.to_string(), grant.placement.unwrap().to_string()];
    assert!(ids.iter().all(|id| !text.contains(id.as_str())), "{text}");

    pupil.leaves().await;
    eventually("the seat is empty", async || {
        let (text, values) = scrape(&world).await;
        (!text.contains("seat=") && values["windowseat_bridge_sessions"] == 0.0).then_some(())
    })
    .await;
}
