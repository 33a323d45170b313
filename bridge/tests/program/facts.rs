//! What reaches the server: nothing lost, nothing twice, whatever breaks in between.

use std::time::Duration;

use mqtt_link::MqttConfig;
use protocol::control::Control;
use protocol::{Act, ClosedBy, EndReason, EventKind, Grant, PresenceMessage, Role, Status, Tier};

use super::harness::{Broker, SERVER_AHEAD, Server, Told, World, eventually, problem};
use super::peer::Peer;

async fn with_broker(broker: &Broker) -> World {
    let url = broker.url();
    World::start_with(|config| config.mqtt = MqttConfig { url, ..MqttConfig::default() }).await
}

async fn robot_of(world: &World) -> Peer {
    let robot = Peer::robot(&world.client, &world.whip(), &world.token(Act::Publish)).await.unwrap();
    robot.connected().await;
    robot
}

async fn pupil_of(world: &World, grant: &Grant) -> Peer {
    let pupil =
        eventually("the robot's seat", async || Peer::tablet(&world.client, &world.whep(), &world.sign(grant)).await.ok())
            .await;
    pupil.connected().await;
    pupil
}

/// Waits until the server was told something.
async fn told<T>(server: &Server, what: &str, find: impl Fn(&Told) -> Option<T>) -> T {
    eventually(what, async || find(&server.told.lock().unwrap())).await
}

fn ended(told: &Told) -> Option<(EndReason, u32, u64)> {
    told.facts.iter().find_map(|fact| match fact {
        PresenceMessage::Ended { reason, intervals, total_ms, .. } => Some((*reason, *intervals, *total_ms)),
        PresenceMessage::Interval { .. } => None,
    })
}

/// Sum of the last word on each interval.
fn total_ms(told: &Told) -> u64 {
    let mut last = std::collections::BTreeMap::new();
    for fact in &told.facts {
        if let PresenceMessage::Interval { session, n, span_ms, .. } = fact {
            let known = last.entry((*session, *n)).or_insert(0);
            *known = (*known).max(*span_ms);
        }
    }
    last.values().sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_is_told_from_hello_to_end() {
    let broker = Broker::start().await;
    let world = with_broker(&broker).await;
    let server = Server::start(&broker, world.bridge, |_, _| true).await;
    told(&server, "hello", |told| {
        told.hello.as_ref().filter(|hello| {
            hello.role == Role::Bridge
                && hello.status == Status::Here
                && hello.http_base.as_deref() == Some("http://127.0.0.1:8090")
        })?;
        Some(())
    })
    .await;
    let robot = robot_of(&world).await;
    told(&server, "the robot's leg", |told| told.links.iter().any(|link| link.robot_leg.is_some()).then_some(())).await;
    let grant = world.grant(Act::View);
    let pupil = pupil_of(&world, &grant).await;
    pupil.says(1, Control::Hand { up: true }).await;
    robot.hears(0, "the hand", |text| *text == Control::Hand { up: true }).await;
    told(&server, "a link with both legs and a tier", |told| {
        told.links
            .iter()
            .any(|link| link.pupil_leg.is_some() && link.tier == Some(Tier::Video) && link.session.is_some())
            .then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    pupil.leaves().await;
    let (reason, intervals, total) = told(&server, "the end", ended).await;
    assert_eq!((reason, intervals), (EndReason::Left, 1));
    assert!((3_000..20_000).contains(&total), "{total}");
    let told = server.told.lock().unwrap();
    assert_eq!(total_ms(&told), total);
    assert_eq!(told.events.iter().map(|event| event.what).collect::<Vec<_>>(), [EventKind::PupilJoined]);
    let closed = told.facts.iter().find_map(|fact| match fact {
        PresenceMessage::Interval { placement, robot, tier, active, closed_by: Some(by), from, until, span_ms, .. } => {
            // Both clocks of this machine, read at about the same moments.
            assert!(((*until - *from).num_milliseconds() - i64::try_from(*span_ms).unwrap()).abs() < 500);
            Some((*placement, *robot, *tier, *active, *by))
        }
        _ => None,
    });
    let (placement, robot, tier, active, by) = closed.expect("a closed interval");
    assert_eq!((placement, robot, tier, by), (grant.placement.unwrap(), world.robot, Tier::Video, ClosedBy::End));
    assert_eq!(active.hands, 1);
    assert!(active.spoke_ms > 1_000, "{active:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_has_committed_leaves_the_outbox_and_nothing_else_does() {
    let broker = Broker::start().await;
    let world = with_broker(&broker).await;
    // The server loses the first copy of every third fact, the very first among them.
    let server = Server::start(&broker, world.bridge, |seq, copy| seq % 3 != 1 || copy > 1).await;
    let _robot = robot_of(&world).await;
    for _ in 0..4 {
        let pupil = pupil_of(&world, &world.grant(Act::View)).await;
        pupil.receives(60, 60).await;
        pupil.leaves().await;
    }
    eventually("an empty outbox", async || (world.ready().await["outbox"]["waiting"] == 0).then_some(())).await;
    let told = server.told.lock().unwrap();
    let ends = told.facts.iter().filter(|fact| matches!(fact, PresenceMessage::Ended { .. })).count();
    assert_eq!(ends, 4);
    let (epoch, seqs) = told.seqs.iter().next().unwrap();
    assert_eq!(told.seqs.len(), 1, "one epoch {epoch}");
    assert_eq!(seqs.iter().copied().collect::<Vec<_>>(), (1..=seqs.len() as u64).collect::<Vec<_>>(), "no number is missing");
    assert!(told.copies.values().sum::<usize>() > seqs.len(), "what was lost was sent again");
}

#[tokio::test(flavor = "multi_thread")]
async fn relaying_goes_on_without_a_broker_and_the_facts_follow_when_it_comes() {
    // A port that is free now and where the broker will be later.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("mqtt://{address}");
    let world = World::start_with(|config| config.mqtt = MqttConfig { url, ..MqttConfig::default() }).await;
    let _robot = robot_of(&world).await;
    let pupil = pupil_of(&world, &world.grant(Act::View)).await;
    pupil.receives(100, 100).await;
    pupil.leaves().await;
    let ready = world.ready().await;
    assert_eq!(ready["status"], "ready", "{ready}");
    assert_eq!(ready["broker"]["connected"], false);
    assert!(ready["warnings"][0].as_str().unwrap().contains("the broker is not connected"), "{ready}");
    eventually("facts to wait", async || (world.ready().await["outbox"]["waiting"].as_u64() >= Some(3)).then_some(())).await;

    let broker = Broker::start_at(address).await;
    let server = Server::start(&broker, world.bridge, |_, _| true).await;
    let (reason, _, total) = told(&server, "the end", ended).await;
    assert_eq!(reason, EndReason::Left);
    assert_eq!(total_ms(&server.told.lock().unwrap()), total);
    eventually("an empty outbox", async || (world.ready().await["outbox"]["waiting"] == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_in_order_ends_visits_with_their_facts_within_four_seconds() {
    let broker = Broker::start().await;
    let mut world = with_broker(&broker).await;
    let server = Server::start(&broker, world.bridge, |_, _| true).await;
    let _robot = robot_of(&world).await;
    let pupil = pupil_of(&world, &world.grant(Act::View)).await;
    pupil.receives(100, 100).await;
    let took = world.stop().await;
    assert!(took < Duration::from_secs(4), "{took:?}");
    let (reason, _, total) = told(&server, "the end", ended).await;
    assert_eq!(reason, EndReason::Shutdown);
    assert_eq!(total_ms(&server.told.lock().unwrap()), total);
    told(&server, "gone", |told| (told.hello.as_ref()?.status == Status::Gone).then_some(())).await;
}

/// The process is killed: every task is torn away where it stands, nothing is said, nothing is closed.
#[test]
fn a_killed_bridge_keeps_what_it_recorded_and_ends_the_visit_at_its_last_checkpoint() {
    let killed = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let world = killed.block_on(async {
        let world = World::start().await;
        let robot = robot_of(&world).await;
        let pupil = pupil_of(&world, &world.grant(Act::View)).await;
        pupil.receives(60, 60).await;
        // They say no goodbye.
        std::mem::forget(robot);
        // Long enough for one checkpoint after the first fact.
        tokio::time::sleep(Duration::from_secs(8)).await;
        std::mem::forget(pupil);
        world
    });
    killed.shutdown_timeout(Duration::ZERO);

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = bridge::outbox::store::Store::open(&world.outbox_path()).await.unwrap();
        let left_open = store.checkpoints().await.unwrap();
        assert_eq!(left_open.len(), 1, "the visit was open");
        store.close().await;

        let store = bridge::outbox::open(&world.config().outbox, world.clock.as_ref()).await.unwrap();
        assert!(store.checkpoints().await.unwrap().is_empty());
        let rows = store.take(0, 100, world.clock.now().utc).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), (1..=rows.len() as u64).collect::<Vec<_>>());
        let facts: Vec<PresenceMessage> = rows.iter().filter_map(|row| serde_json::from_str(&row.body).ok()).collect();
        let closed = facts.iter().find_map(|fact| match fact {
            PresenceMessage::Interval { closed_by: Some(ClosedBy::Recovery), span_ms, .. } => Some(*span_ms),
            _ => None,
        });
        let Some(PresenceMessage::Ended { reason, intervals, total_ms, .. }) = facts.last() else {
            panic!("an end: {facts:?}")
        };
        assert_eq!((*reason, *intervals, Some(*total_ms)), (EndReason::Recovery, 1, closed));
        assert!(*total_ms >= 3_000, "at most 5 s of 8 are lost: {total_ms}");
        // Opened once more, there is nothing left to recover.
        store.close().await;
        let store = bridge::outbox::open(&world.config().outbox, world.clock.as_ref()).await.unwrap();
        assert_eq!(store.take(0, 100, world.clock.now().utc).await.unwrap().len(), rows.len());
        store.close().await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bridge_measures_how_far_its_clock_is_off_and_says_so() {
    let broker = Broker::start().await;
    let world = with_broker(&broker).await;
    let server = Server::start(&broker, world.bridge, |_, _| true).await;
    let _robot = robot_of(&world).await;
    let pupil = pupil_of(&world, &world.grant(Act::View)).await;
    pupil.receives(60, 60).await;
    let closed = |told: &Told| {
        told.facts.iter().find_map(|fact| match fact {
            PresenceMessage::Interval { closed_by: Some(_), clock_offset_ms, .. } => Some(*clock_offset_ms),
            _ => None,
        })
    };
    // The first word on the visit brought the first echo.
    eventually("an acknowledgement", async || (world.ready().await["outbox"]["waiting"] == 0).then_some(())).await;
    pupil.receives(120, 120).await;
    pupil.leaves().await;
    let offset_ms = told(&server, "a closed interval", closed).await.expect("measured");
    let off = offset_ms + SERVER_AHEAD.num_milliseconds();
    assert!(off.abs() < 2_000, "the server is 7 s ahead, not {offset_ms} ms");
}

#[tokio::test(flavor = "multi_thread")]
async fn hello_says_again_and_again_what_the_bridge_carries_and_what_waits() {
    let broker = Broker::start().await;
    let world = with_broker(&broker).await;
    // A server that hears everything and keeps nothing.
    let server = Server::start(&broker, world.bridge, |_, _| false).await;
    let _robot = robot_of(&world).await;
    let pupil = pupil_of(&world, &world.grant(Act::View)).await;
    pupil.receives(10, 10).await;
    let (load, outbox) = told(&server, "a robot, a session and what waits", |told| {
        let hello = told.hello.as_ref()?;
        let (load, outbox) = (hello.load?, hello.outbox?);
        (load.robots == 1 && load.sessions == 1 && outbox.waiting >= 2).then_some((load, outbox))
    })
    .await;
    assert_eq!((load.capacity, load.draining), (world.config().limits.robots, false));
    assert!(outbox.oldest_at.is_some() && !outbox.failing, "{outbox:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_permission_ends_the_visit_at_once_and_opens_none() {
    let broker = Broker::start().await;
    let world = with_broker(&broker).await;
    let server = Server::start(&broker, world.bridge, |_, _| true).await;
    let robot = robot_of(&world).await;
    let grant = world.grant(Act::View);
    let pupil = pupil_of(&world, &grant).await;
    pupil.receives(60, 60).await;
    let seen = robot.texts().len();
    let withdrawn_at = server.withdraw(grant.placement.unwrap()).await;
    let (reason, intervals, total) = told(&server, "the end", ended).await;
    assert_eq!((reason, intervals), (EndReason::Revoked, 1));
    assert_eq!(total_ms(&server.told.lock().unwrap()), total);
    robot.hears(seen, "sleep", |text| *text == Control::Sleep).await;
    world.until_counts(1, 0).await;
    let (video, _) = pupil.received();
    let refused = world.offer(&world.whep(), &world.sign(&grant), super::peer::tablet_offer().await).await;
    let (status, name, detail) = problem(refused).await;
    assert_eq!((status, name.as_str()), (403, "permission-withdrawn"), "{detail}");
    assert_eq!(pupil.received().0, video, "nothing reaches the tablet any more");
    // What the server gives later counts again.
    let later = Grant { nbf: withdrawn_at + chrono::TimeDelta::seconds(1), ..grant };
    let again = pupil_of(&world, &later).await;
    again.receives(10, 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_copy_of_the_outbox_takes_a_new_life_and_loses_nothing_that_waits() {
    let broker = Broker::start().await;
    let mut world = with_broker(&broker).await;
    let copy = world.folder.path().join("copy.db");
    let server = Server::start(&broker, world.bridge, |_, _| true).await;
    let visit = async |world: &World| {
        let _robot = robot_of(world).await;
        let pupil = pupil_of(world, &world.grant(Act::View)).await;
        pupil.receives(60, 60).await;
        pupil.leaves().await;
        eventually("an empty outbox", async || (world.ready().await["outbox"]["waiting"] == 0).then_some(())).await;
    };
    let ends = |count: usize| {
        let is_end = |fact: &&PresenceMessage| matches!(fact, PresenceMessage::Ended { .. });
        move |told: &Told| (told.facts.iter().filter(is_end).count() >= count).then_some(())
    };
    visit(&world).await;
    world.stop().await;
    std::fs::copy(world.outbox_path(), &copy).unwrap();
    world.start_again().await;
    visit(&world).await;
    world.stop().await;
    // Somebody restores the backup. The next visit gets numbers that the server already has.
    std::fs::copy(&copy, world.outbox_path()).unwrap();
    for kind in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{kind}", world.outbox_path().display()));
    }
    world.start_again().await;
    visit(&world).await;
    told(&server, "three ends", ends(3)).await;
    let told = server.told.lock().unwrap();
    assert_eq!(told.seqs.len(), 2, "a second epoch");
    for seqs in told.seqs.values() {
        assert_eq!(seqs.iter().copied().collect::<Vec<_>>(), (1..=seqs.len() as u64).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_goes_on_with_the_numbers() {
    let broker = Broker::start().await;
    let mut world = with_broker(&broker).await;
    for _ in 0..2 {
        let _robot = robot_of(&world).await;
        let pupil = pupil_of(&world, &world.grant(Act::View)).await;
        pupil.receives(60, 60).await;
        pupil.leaves().await;
        world.stop().await;
        world.start_again().await;
    }
    let server = Server::start(&broker, world.bridge, |_, _| true).await;
    let ends = || {
        let told = server.told.lock().unwrap();
        told.facts.iter().filter(|fact| matches!(fact, PresenceMessage::Ended { .. })).count()
    };
    eventually("both ends", async || (ends() == 2).then_some(())).await;
    eventually("an empty outbox", async || (world.ready().await["outbox"]["waiting"] == 0).then_some(())).await;
    let told = server.told.lock().unwrap();
    assert_eq!(told.seqs.len(), 1, "one life of the file, one epoch");
    let seqs = told.seqs.values().next().unwrap();
    assert_eq!(seqs.len() as u64, *seqs.last().unwrap());
    assert_eq!(told.facts.iter().filter(|fact| matches!(fact, PresenceMessage::Ended { .. })).count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_and_takeovers_are_told() {
    let broker = Broker::start().await;
    let world = with_broker(&broker).await;
    let server = Server::start(&broker, world.bridge, |_, _| true).await;
    let _robot = robot_of(&world).await;
    let grant = world.grant(Act::View);
    let pupil = pupil_of(&world, &grant).await;
    pupil.receives(10, 10).await;
    assert!(Peer::tablet(&world.client, &world.whep(), &world.token(Act::View)).await.is_err());
    assert!(Peer::tablet(&world.client, &world.whep(), "nonsense").await.is_err());
    let other = Grant { device: Some(protocol::DeviceId::new()), ..grant };
    let _other = pupil_of(&world, &other).await;
    let events = told(&server, "four events", |told| (told.events.len() >= 4).then(|| told.events.clone())).await;
    let kinds: Vec<_> = events.iter().map(|event| event.what).collect();
    assert_eq!(
        kinds,
        [EventKind::PupilJoined, EventKind::SecondPupilRefused, EventKind::GrantRefused, EventKind::TabletTookOver]
    );
    assert!(events.iter().all(|event| event.robot == world.robot && event.session == events[0].session));
}
