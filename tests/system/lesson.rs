//! A pupil joins a lesson: from the printed link to the minutes on the key worker's page.

use std::time::Duration;

use chrono::TimeDelta;
use protocol::control::Control;
use protocol::{Act, DeviceId, Grant, PlacementId};
use reqwest::StatusCode;
use server::demo;

use crate::harness::peer::Viewer;
use crate::harness::staff::browser;
use crate::harness::{SOON, World, broker, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_pupil_joins_and_the_minutes_appear_on_the_record() {
    let world = World::fast_monday(12).await;
    world.robot_is_ready().await;
    let tablet = world.tablet().await;
    assert!(tablet.today().await.contains("Go to class"), "the page of the day offers the class that is on");
    let viewer = tablet.join().await;
    // Ten seconds of picture at 15 frames a second, and of sound at 50 packets.
    viewer.sees(120, 300, Duration::from_secs(25)).await;

    let key_worker = world.staff("key worker").await;
    let record = format!("/pupils/{}", demo::ids::ADA);
    // The clock runs twelve times as fast: ten seconds of class are two minutes on the record, while the lesson still runs.
    eventually("at least one attended minute on the record", SOON, async || {
        let attendance = key_worker.json(&format!("/api{record}/attendance")).await;
        (attended_minutes(&attendance) >= 1).then_some(())
    })
    .await;
    viewer.leaves().await;
    let page = key_worker.page(&record).await;
    assert!(page.contains("Ada Q."), "the record is Ada's");
    assert!(page.contains("not the register"), "minutes are never shown as the register");
    world.stop().await;
}

/// The most minutes that any of the day's lessons in the answer of the API has.
pub fn attended_minutes(attendance: &serde_json::Value) -> u64 {
    let lessons = attendance["lessons"].as_array().expect("a list of lessons");
    lessons.iter().map(|lesson| lesson["attended_min"].as_u64().expect("whole minutes")).max().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_head_turns_and_a_raised_hand_reaches_the_robot_and_the_broker() {
    let world = World::monday().await;
    world.robot_is_ready().await;
    let mut watch = broker::Watch::open(world.up.mqtt, world.data(), &["ws/v1/+/up/robot"]).await;
    let viewer = world.tablet().await.join().await;
    viewer.sees(5, 5, SOON).await;
    viewer.says(1, Control::Hand { up: true }).await;
    viewer.says(2, Control::Look { pan_deg: 40.0, tilt_deg: 5.0 }).await;
    viewer
        .hears("the robot's state with the hand up and the head turned", |control| match control {
            Control::State(state) if state.hand_up && state.pan_deg > 35.0 => Some(()),
            _ => None,
        })
        .await;
    watch.until("the hand on the robot's own topic", |_, body| body["hand_up"] == true && body["camera_on"] == true).await;
    viewer.leaves().await;
    watch.until("the camera off when nobody is there", |_, body| body["camera_on"] == false).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_pupil_is_refused_and_the_first_sees_on() {
    let world = World::monday().await;
    world.robot_is_ready().await;
    let tablet = world.tablet().await;
    let viewer = tablet.join().await;
    viewer.sees(5, 5, SOON).await;

    let url = tablet.whep_url(&tablet.permit().await.unwrap());
    let token = foreign_view(&world, PlacementId::new(), DeviceId::new());
    let Err((status, body)) = Viewer::open(&browser(), &url, &token).await else { panic!("a second pupil got in") };
    assert_eq!(status, StatusCode::CONFLICT, "{body}");

    let (frames, sound) = viewer.received();
    viewer.sees(frames + 15, sound + 20, SOON).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_pupils_new_tablet_takes_over() {
    let world = World::monday().await;
    world.robot_is_ready().await;
    let first = world.tablet().await.join().await;
    first.sees(5, 5, SOON).await;

    let key_worker = world.staff("key worker").await;
    let page = key_worker.submit(&format!("/pupils/{}/tablet", demo::ids::ADA)).await;
    let second = crate::harness::tablet::Tablet::pair(&world.url(), &keyword_in(&page)).await.join().await;
    second.sees(15, 20, SOON).await;
    first.is_cut_off().await;
    let (frames, sound) = second.received();
    second.sees(frames + 15, sound + 20, SOON).await;
    world.stop().await;
}

/// A permission to view Robin for a placement that is not Ada's.
fn foreign_view(world: &World, placement: PlacementId, device: DeviceId) -> String {
    let now = world.up.state.clock.now().utc;
    let grant = Grant {
        aud: demo::BRIDGE,
        act: Act::View,
        robot: demo::ids::ROBIN,
        placement: Some(placement),
        device: Some(device),
        talk: true,
        nbf: now,
        exp: now + TimeDelta::minutes(2),
        until: now + TimeDelta::minutes(30),
    };
    world.up.state.grants.sign(&grant).unwrap()
}

/// The joining code on the page that the key worker sees: two groups of four.
fn keyword_in(page: &str) -> String {
    let text: String = page.split('<').filter_map(|tag| tag.split_once('>')).map(|(_, text)| format!("{text}\n")).collect();
    let is_group = |word: &str| word.len() == 4 && word.bytes().all(|byte| b"CDFGHJKMNPQRTVWXY23456789".contains(&byte));
    text.lines()
        .map(str::trim)
        .find(|line| matches!(line.split_once(' '), Some((a, b)) if is_group(a) && is_group(b)))
        .unwrap_or_else(|| panic!("no joining code in {page}"))
        .to_owned()
}
