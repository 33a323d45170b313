//! A bridge that is emptied for maintenance: who is there stays until the robot moves, nobody new comes, and the pupil follows the robot.

use protocol::{Act, DeviceId, EndReason, Grant, PresenceMessage, RobotId};

use super::harness::{Broker, Server, World, eventually, problem};
use super::peer::{Peer, robot_offer, tablet_offer};

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_moves_to_another_bridge_with_its_robot() {
    let broker = Broker::start().await;
    let old = World::start_with(|config| config.mqtt.url = broker.url()).await;
    let server = Server::start(&broker, old.bridge, |_, _| true).await;
    let mut new = World::start().await;
    new.robot = old.robot;
    let robot = Peer::robot(&old.client, &old.whip(), &old.token(Act::Publish)).await.unwrap();
    robot.connected().await;
    // Another robot of this bridge, which nobody visits.
    let mut idle = Grant { robot: RobotId::new(), ..old.grant(Act::Publish) };
    let idle_robot = Peer::robot(&old.client, &old.url(&format!("/whip/{}", idle.robot)), &old.sign(&idle)).await.unwrap();
    idle_robot.connected().await;
    old.until_counts(2, 0).await;
    let grant = old.grant(Act::View);
    let pupil = Peer::tablet(&old.client, &old.whep(), &old.sign(&grant)).await.unwrap();
    pupil.connected().await;
    pupil.receives(20, 20).await;

    old.drain(true).await;
    assert_eq!(old.ready().await["status"], "ready", "it still does its work");
    eventually("the server to be told", async || {
        let told = server.told.lock().unwrap();
        told.hello.as_ref()?.load.filter(|load| load.draining && load.sessions == 1).map(|_| ())
    })
    .await;
    let refused = async |url: String, grant: &Grant, offer: String| {
        let answer = old.offer(&url, &old.sign(grant), offer).await;
        assert_eq!(answer.headers()["retry-after"], "2");
        let (status, name, detail) = problem(answer).await;
        assert_eq!((status, name.as_str()), (503, "draining"), "{detail}");
    };
    let newcomer = RobotId::new();
    let publish = Grant { robot: newcomer, ..old.grant(Act::Publish) };
    refused(old.url(&format!("/whip/{newcomer}")), &publish, robot_offer().await).await;
    let view = Grant { robot: idle.robot, ..old.grant(Act::View) };
    refused(old.url(&format!("/whep/{}", idle.robot)), &view, tablet_offer().await).await;
    // Who is there sees on, and may take another tablet.
    pupil.receives(20, 20).await;
    let other = Grant { device: Some(DeviceId::new()), ..grant.clone() };
    let pupil_again = Peer::tablet(&old.client, &old.whep(), &old.sign(&other)).await.unwrap();
    pupil_again.connected().await;
    pupil_again.receives(20, 20).await;

    // The robot's next leg is made before the old one is given up.
    let moved = Peer::robot(&new.client, &new.whip(), &new.token(Act::Publish)).await.unwrap();
    moved.connected().await;
    new.until_counts(1, 0).await;
    assert_eq!(robot.leaves().await, 200);
    old.until_counts(1, 0).await;
    let follows = Peer::tablet(&new.client, &new.whep(), &new.token(Act::View)).await.unwrap();
    follows.connected().await;
    follows.receives(20, 20).await;
    let reason = eventually("the end of the visit here", async || {
        server.told.lock().unwrap().facts.iter().find_map(|fact| match fact {
            PresenceMessage::Ended { reason, .. } => Some(*reason),
            PresenceMessage::Interval { .. } => None,
        })
    })
    .await;
    assert_eq!(reason, EndReason::Shutdown);

    assert_eq!(idle_robot.leaves().await, 200);
    eventually("nobody to be left", async || {
        let ready = old.ready().await;
        ready["warnings"].to_string().contains("it can be stopped").then_some(())
    })
    .await;
    old.drain(false).await;
    idle.robot = newcomer;
    let back = Peer::robot(&old.client, &old.url(&format!("/whip/{newcomer}")), &old.sign(&idle)).await.unwrap();
    back.connected().await;
}
