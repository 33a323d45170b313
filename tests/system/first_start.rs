//! What whoever tries it meets first: mistakes told in one sentence, a start that goes on with what is there, and a quick stop.

use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use protocol::SystemClock;
use windowseat::up::{self as whole, Settings};

use crate::harness;
use crate::harness::program::Program;

/// Runs `windowseat` with `arguments` and expects it not to start: one sentence that has all `words`, exit code 2.
async fn refuses(arguments: &[&str], words: &[&str]) {
    let ended = Program::run(arguments).await;
    assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.stderr);
    assert_eq!(ended.stdout, "", "{arguments:?}");
    let said: Vec<_> = ended.stderr.lines().filter(|line| line.starts_with("windowseat: ")).collect();
    assert_eq!(said.len(), 1, "{arguments:?}: {}", ended.stderr);
    for word in words {
        assert!(said[0].contains(word), "{arguments:?}: no {word:?} in {:?}", said[0]);
    }
    assert!(!ended.stderr.contains("panicked") && !ended.stderr.contains("stack backtrace"), "{}", ended.stderr);
}

/// Arguments of `up` with free ports, and `more`.
fn up(data: &Path, more: &[&str]) -> Vec<String> {
    let mut arguments = vec!["up".to_owned(), "--data".to_owned(), data.display().to_string()];
    for option in ["--http", "--https", "--mqtt"] {
        if !more.contains(&option) {
            arguments.extend([option.to_owned(), engines::port::address().to_string()]);
        }
    }
    if !more.contains(&"--media-port") {
        arguments.extend(["--media-port".to_owned(), "0".to_owned()]);
    }
    arguments.extend(more.iter().map(ToString::to_string));
    arguments
}

async fn up_refuses(data: &Path, more: &[&str], words: &[&str]) {
    let arguments = up(data, more);
    refuses(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), words).await;
}

#[tokio::test]
async fn a_taken_port_names_the_option_that_chooses_another() {
    let data = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for option in ["--http", "--https", "--mqtt"] {
        up_refuses(data.path(), &[option, &address.to_string()], &[&address.port().to_string(), "taken", option]).await;
    }
    let taken = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    up_refuses(data.path(), &["--media-port", &port], &[&port, "--media-port"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_ipv6_that_the_network_is_told_is_listened_at_for_pages_and_for_media() {
    let data = tempfile::tempdir().unwrap();
    let media_port = engines::port::free();
    let settings = Settings {
        https: "0.0.0.0:0".parse().unwrap(),
        media_port,
        addresses: vec!["::1".parse().unwrap()],
        ..harness::settings(data.path())
    };
    let up = whole::start(settings, Arc::new(SystemClock::new())).await.unwrap();
    assert_eq!(up.network_url(), format!("https://[::1]:{}", up.https.port()));
    for host in ["::1", "127.0.0.1"] {
        let host: IpAddr = host.parse().unwrap();
        for port in [up.https.port(), media_port] {
            tokio::net::TcpStream::connect((host, port)).await.unwrap_or_else(|error| panic!("{host} {port}: {error}"));
        }
        let stranger = tokio::net::UdpSocket::bind((host, 0)).await.unwrap();
        stranger.connect((host, media_port)).await.unwrap();
        stranger.send(&[0; 20]).await.unwrap();
        // Nobody answers a stranger; where nobody listens, the system says so.
        let answer = tokio::time::timeout(Duration::from_millis(300), stranger.recv(&mut [0; 64])).await;
        assert!(answer.is_err(), "{host}: {answer:?}");
    }
    up.stop().await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    // A file in the way stops everybody, root too.
    let file = folder.path().join("a-file");
    std::fs::write(&file, "x").unwrap();
    up_refuses(&file, &[], &["a-file", "--data"]).await;
    up_refuses(&file.join("below"), &[], &["below", "--data"]).await;
}

#[tokio::test]
async fn a_wrong_time_to_start_at_shows_a_right_one() {
    let data = tempfile::tempdir().unwrap();
    for wrong in ["noon", "2026-11-23", "2026-02-30T09:00"] {
        up_refuses(data.path(), &["--at", wrong], &[wrong, "2026-11-23T09:00"]).await;
    }
    assert!(std::fs::read_dir(data.path()).unwrap().next().is_none(), "nothing was made before the mistake was told");
}

#[tokio::test]
async fn a_mistake_in_a_configuration_file_names_file_line_and_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.toml");
    let name = file.display().to_string();
    for program in ["server", "bridge", "robot"] {
        let check = async |text: &str, words: &[&str]| {
            std::fs::write(&file, text).unwrap();
            refuses(&[program, "--config", &name], words).await;
        };
        check("# first line\nnonsense_key = 1\n", &["own.toml", "line 2", "nonsense_key"]).await;
        check("[mqtt]\nurl = 7\n", &["own.toml", "line 2", "url"]).await;
        check("[mqtt\n", &["own.toml", "line 1"]).await;
        check("[mqtt]\nurl = \"http://somewhere\"\nusername = \"u\"\n", &["own.toml"]).await;
        refuses(&[program, "--config", "/nowhere/at-all.toml"], &["/nowhere/at-all.toml"]).await;
    }
}

#[tokio::test]
async fn the_first_start_makes_private_sign_ins_and_the_second_goes_on_with_them() {
    let data = tempfile::tempdir().unwrap();
    let arguments = up(data.path(), &["--at", crate::harness::MONDAY]);
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let mut blocks = Vec::new();
    for _ in 0..2 {
        let mut program = Program::start(&arguments);
        program.prints("Everything kept").await;
        program.signal("INT");
        let status = program.ends_within(Duration::from_secs(5)).await;
        assert!(status.success(), "{status}: {}", program.log());
        assert!(!program.log().contains("ERROR"), "{}", program.log());
        blocks.push(program.output());
    }
    let passwords = |block: &str| -> Vec<String> {
        block
            .lines()
            .filter(|line| line.contains('@'))
            .filter_map(|line| line.split_whitespace().last())
            .map(str::to_owned)
            .collect()
    };
    assert!(passwords(&blocks[0]).len() >= 5, "a sign-in for each role: {}", blocks[0]);
    assert_eq!(passwords(&blocks[0]), passwords(&blocks[1]));
    assert!(blocks[0].contains("/pair#"), "a pairing link: {}", blocks[0]);
    for secret in ["demo-sign-ins.toml", "keys/devices.toml", "keys/grant-private.pem", "keys/tls-key.pem"] {
        let mode = std::fs::metadata(data.path().join(secret)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{secret} can be read by others");
    }
}

#[tokio::test]
async fn the_signal_to_terminate_stops_within_five_seconds_too() {
    let data = tempfile::tempdir().unwrap();
    let arguments = up(data.path(), &[]);
    let mut program = Program::start(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    program.prints("Everything kept").await;
    program.signal("TERM");
    let status = program.ends_within(Duration::from_secs(5)).await;
    assert!(status.success(), "{status}: {}", program.log());
}
