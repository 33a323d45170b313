//! Nothing is recorded: the bridge writes one file, and what it relayed is not in it; nor are names, tokens or ids on the health page.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use protocol::Act;
use protocol::control::Control;

use super::harness::World;
use super::peer::Peer;

/// Every packet that `peer.rs` sends is 200 times the same byte; in an ordinary file such a run does not occur.
fn has_media(bytes: &[u8]) -> bool {
    bytes.windows(64).any(|window| window[0] != 0 && window.iter().all(|byte| *byte == window[0]))
}

#[test]
fn the_search_finds_media_where_there_is_some() {
    let mut bytes = vec![0; 5_000];
    assert!(!has_media(&bytes));
    bytes[300..500].fill(7);
    assert!(has_media(&bytes));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_outbox_is_the_only_file_and_holds_no_media_no_text_and_no_token() {
    let before = open_files();
    let mut world = World::start().await;
    let publish = world.token(Act::Publish);
    let robot = Peer::robot(&world.client, &world.whip(), &publish).await.unwrap();
    robot.connected().await;
    world.until_counts(1, 0).await;
    let view = world.token(Act::View);
    let pupil = Peer::tablet(&world.client, &world.whep(), &view).await.unwrap();
    pupil.connected().await;
    pupil.receives(150, 150).await;
    pupil.says(1, Control::Look { pan_deg: 41.5, tilt_deg: 7.25 }).await;
    robot.hears(0, "the look", |text| matches!(text, Control::Look { .. })).await;

    let written: Vec<_> = open_files().difference(&before).cloned().collect();
    let ready = world.ready().await.to_string();
    assert!(!ready.contains(&world.robot.to_string()), "{ready}");
    pupil.leaves().await;
    world.stop().await;

    let mut names = Vec::new();
    for entry in std::fs::read_dir(world.folder.path()).unwrap() {
        let entry = entry.unwrap();
        names.push(entry.file_name().into_string().unwrap());
        let mut bytes = Vec::new();
        std::fs::File::open(entry.path()).unwrap().read_to_end(&mut bytes).unwrap();
        assert!(!has_media(&bytes), "{names:?}");
        for secret in [&publish, &view, "pan_deg", "41.5"] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret} in {names:?}");
        }
    }
    names.retain(|name| name != "grant-public.pem");
    names.iter().for_each(|name| assert!(name.starts_with("outbox.db"), "{names:?}"));
    // Other tests of this binary have outboxes of their own, each in its own temporary folder.
    assert!(
        written.iter().all(|path| path.to_string_lossy().contains("outbox.db")),
        "files open for writing elsewhere: {written:?}"
    );
}

/// Files that this process has open for writing, sockets, pipes and devices aside. `/proc` is there on Linux only.
fn open_files() -> BTreeSet<PathBuf> {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return BTreeSet::new() };
    let is_written = |descriptor: &std::ffi::OsStr| {
        let info = std::fs::read_to_string(Path::new("/proc/self/fdinfo").join(descriptor)).unwrap_or_default();
        let flags =
            info.lines().find_map(|line| line.strip_prefix("flags:")).and_then(|text| u32::from_str_radix(text.trim(), 8).ok());
        flags.is_some_and(|flags| flags & 0o3 != 0)
    };
    let written = entries.flatten().filter(|entry| is_written(&entry.file_name()));
    written
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .filter(|path| path.is_file() && !path.starts_with("/dev"))
        .collect()
}
