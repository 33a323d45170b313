//! Nothing about a child leaves the server, and nothing is recorded: reads everything that one visit leaves behind.

use std::path::Path;
use std::time::Duration;

use crate::harness::broker::{Watch, secret};
use crate::harness::program::Program;
use crate::harness::staff::{Staff, browser};
use crate::harness::tablet::{self, Tablet};
use crate::harness::{MONDAY, SOON, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn no_name_number_or_permission_in_logs_topics_or_addresses_and_no_media_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let addresses: Vec<String> = (0..3).map(|_| engines::port::address().to_string()).collect();
    let mut program = Program::start_with_logs(
        "debug,h2=info,hyper=info,sqlx=debug",
        &[
            "up",
            "--data",
            &data.display().to_string(),
            "--at",
            MONDAY,
            "--http",
            &addresses[0],
            "--https",
            &addresses[1],
            "--mqtt",
            &addresses[2],
            "--media-port",
            "0",
            "--lan",
            "127.0.0.1",
        ],
    );
    program.prints("Everything kept").await;
    let url = format!("https://{}", addresses[1]);
    let broker = addresses[2].parse().unwrap();
    // The server's view of the broker: everything upward.
    let mut upward = Watch::open_as(broker, "server", &secret(data, "server"), &["ws/v1/+/up/+", "ws/v1/+/down/+"]).await;

    let block = program.output();
    let keyword = block.split("/pair#").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap().to_owned();
    let paired = Tablet::pair(&url, &keyword).await;
    let permit = eventually("the robot to be ready for class", SOON, async || paired.permit().await.ok()).await;
    assert!(!permit.whep_url.contains(&permit.token), "the permission is not in the address");
    let viewer = eventually("the bridge to accept the viewer", SOON, async || {
        crate::harness::peer::Viewer::open(&browser(), &paired.whep_url(&permit), &permit.token).await.ok()
    })
    .await;
    viewer.sees(30, 50, SOON).await;
    viewer.leaves().await;

    let sign_in = block.lines().find(|line| line.to_lowercase().contains("key worker")).unwrap();
    let words: Vec<_> = sign_in.split_whitespace().collect();
    let (email, password) = (words[words.len() - 2], words[words.len() - 1]);
    let key_worker = Staff::sign_in(&url, email, password).await;
    let record = key_worker.page(&format!("/pupils/{}", server::demo::ids::ADA)).await;
    assert!(record.contains("Ada"), "staff do see the name, so the search below looks for the right thing");

    let mut spoken = String::new();
    let _ = tokio::time::timeout(Duration::from_secs(5), async {
        loop {
            let (topic, payload) = upward.next().await;
            spoken.push_str(&format!("{topic} {}\n", String::from_utf8_lossy(&payload)));
        }
    })
    .await;
    assert!(spoken.contains("/up/presence"), "the visit was reported");
    program.signal("INT");
    program.ends_within(Duration::from_secs(5)).await;

    let printed = program.output();
    let (block, log) = (printed.split("Everything kept").next().unwrap(), program.log());
    assert!(log.lines().count() > 20, "debug logging is on");
    let compact = keyword.replace([' ', '-'], "");
    for secret in ["Ada Q", "Ada ", permit.token.as_str(), compact.as_str(), password, "Cookie:", "Bearer "] {
        assert!(
            !log.contains(secret),
            "{secret:?} is in the log:\n{}",
            log.lines().find(|line| line.contains(secret)).unwrap()
        );
    }
    // Four digits also occur inside times and durations, which are no PIN.
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    assert!(!log.split(|c| !is_number(c)).any(|number| number == tablet::PIN), "the PIN is in the log");
    for name in ["Ada", "Alder Road", "Marsh Lane", "Larkfield"] {
        assert!(!spoken.contains(name), "{name} went over the broker");
    }
    assert!(!upns_in(&spoken) && !upns_in(&log), "a pupil number went out");
    let tokens = std::fs::read_to_string(data.join("keys/devices.toml")).unwrap();
    for secret in tokens.lines().filter_map(|line| line.split('"').nth_back(1)).filter(|text| text.len() == 64) {
        assert!(!log.contains(secret) && !block.contains(secret), "a device's secret was printed");
    }
    no_media_below(data);
}

/// Whether `text` has a unique pupil number: a capital letter and twelve digits.
fn upns_in(text: &str) -> bool {
    text.as_bytes().windows(14).any(|window| {
        !window[0].is_ascii_alphanumeric() && window[1].is_ascii_uppercase() && window[2..].iter().all(u8::is_ascii_digit)
    })
}

/// Media files by name, and by how such files begin.
fn no_media_below(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            no_media_below(&path);
            continue;
        }
        let name = path.file_name().unwrap().to_string_lossy().to_lowercase();
        let known = ["windowseat.db", "outbox.db", "demo-sign-ins.toml", "devices.toml", "tls-made-for.txt"];
        assert!(
            name.ends_with(".pem") || known.iter().any(|known| name.starts_with(known)),
            "an unknown file is kept: {}",
            path.display()
        );
        let content = std::fs::read(&path).unwrap();
        for magic in [&b"DKIF"[..], b"OggS", b"RIFF", b"\x1aE\xdf\xa3", b"\0\0\0\x01\x67"] {
            assert!(!content.starts_with(magic), "{} is a media file", path.display());
        }
        // A minute of picture would be megabytes; the databases of one short visit are not.
        assert!(content.len() < 4 * 1024 * 1024, "{} has {} bytes", path.display(), content.len());
    }
}
