//! An authority's own policies, from a folder that the configuration names.

use std::path::Path;
use std::sync::Arc;

use protocol::SystemClock;
use reqwest::StatusCode;
use server::demo::ids;
use tokio_util::sync::CancellationToken;

use crate::harness::World;

/// The program's plain policy as another authority's own.
fn own(id: &str, title: &str) -> String {
    include_str!("../../core/policies/plain-1.toml")
        .replacen("id = \"plain\"", &format!("id = \"{id}\""), 1)
        .replacen("title = \"Plain\"", &format!("title = \"{title}\""), 1)
        .replacen("What the pupil wants from this", "What is to be better by Easter", 1)
}

/// Why a server with this folder does not start.
async fn refused(world: &World, folder: &Path) -> String {
    let config = server::Config { policies: Some(folder.to_owned()), ..(*world.state.config).clone() };
    let started = server::start(config, Arc::new(SystemClock::new()), CancellationToken::new()).await;
    let error = started.err().expect("that folder cannot be used");
    format!("{error:#}")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_begins_plans_with_a_policy_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("fennshire.toml"), own("fennshire", "Fennshire 2026")).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "not a policy").unwrap();
    let world = World::with(|config| config.policies = Some(folder.path().to_owned())).await;
    let browser = world.browser("key worker").await;
    let page = format!("/pupils/{}/plan", ids::ADA);
    let offered = browser.page(&page).await;
    assert!(offered.contains(">Fennshire 2026</option>") && offered.contains(">Plain</option>"), "{offered}");
    let begin = [("policy", "fennshire"), ("route", "medical"), ("length", "short"), ("goal", "home-school")];
    assert_eq!(browser.post(&page, &begin).await.status(), StatusCode::SEE_OTHER);
    let plan = browser.page(&page).await;
    assert!(plan.contains("Policy: Fennshire 2026") && plan.contains("What is to be better by Easter"), "{plan}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_used_stops_the_start_and_says_which_file_and_why() {
    let world = World::empty().await;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let none = refused(&world, &at("none")).await;
    assert!(none.contains("cannot read the folder") && none.contains("none"), "{none}");
    let empty = refused(&world, folder.path()).await;
    assert!(empty.contains("holds no policy"), "{empty}");
    for (text, says) in [
        ("id = ".to_owned(), "the policy"),
        (own("wrong", "Wrong").replacen("route]]", "rout]]", 1), "rout"),
        // What the program itself knows by this name and version says something else.
        (own("plain", "Plainer"), "there is another policy `plain` version 1"),
        ("# long\n".repeat(200_000), "is larger than 1024 KiB"),
    ] {
        std::fs::write(at("one.toml"), text).unwrap();
        let error = refused(&world, folder.path()).await;
        assert!(error.contains(says), "{says}: {error}");
        assert!(says.starts_with("there is") || error.contains("one.toml"), "{error}");
    }
    world.stop().await;
}
