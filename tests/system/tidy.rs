//! The house rules that a program can check, on the sources themselves.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Product files are split before they are longer.
const MAX_LINES: usize = 600;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `folder` that is ours and whose name ends in one of `endings`.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !name.starts_with('.') && !["target", "node_modules", "data", "shots"].contains(&name.as_str()) {
                    open.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no files in {}", folder.display());
    found
}

fn short(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

fn manifest(folder: &str) -> toml::Table {
    let path = root().join(folder).join("Cargo.toml");
    toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn imports_run_in_the_direction_of_the_house() {
    let ours = [
        "protocol",
        "mqtt-link",
        "bridge-core",
        "bridge",
        "server-core",
        "paper",
        "store",
        "store-postgres",
        "store-sqlite",
        "server",
        "firmware-sim",
        "engines",
    ];
    let allowed: [(&str, &[&str]); 11] = [
        ("bridge/protocol", &[]),
        ("bridge/mqtt-link", &["protocol"]),
        ("bridge/core", &["protocol"]),
        ("bridge", &["protocol", "mqtt-link", "bridge-core"]),
        ("server/core", &["protocol"]),
        ("server/paper", &[]),
        ("server/store", &["protocol", "server-core"]),
        ("server/store/postgres", &["protocol", "server-core", "store"]),
        ("server/store/sqlite", &["protocol", "server-core", "store"]),
        ("server", &["protocol", "mqtt-link", "paper", "server-core", "store", "store-postgres", "store-sqlite"]),
        ("firmware-sim", &["protocol", "mqtt-link"]),
    ];
    for (folder, may) in allowed {
        let manifest = manifest(folder);
        let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table).cloned().unwrap_or_default();
        let internal: Vec<_> = dependencies.keys().filter(|name| ours.contains(&name.as_str())).collect();
        for name in internal {
            assert!(may.contains(&name.as_str()), "{folder} must not import {name}");
        }
    }
}

#[test]
fn the_cores_are_pure() {
    let may: BTreeSet<_> = ["protocol", "chrono", "chrono-tz", "thiserror", "toml", "uuid"].into();
    for folder in ["bridge/core", "server/core"] {
        let manifest = manifest(folder);
        for name in manifest["dependencies"].as_table().unwrap().keys() {
            assert!(may.contains(name.as_str()), "{folder} imports {name}");
        }
        for file in files(&root().join(folder).join("src"), &[".rs"]) {
            if file.ends_with("tests.rs") {
                continue;
            }
            let text = std::fs::read_to_string(&file).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            for impure in
                ["tokio::", "std::fs", "std::net::Tcp", "std::net::Udp", "Instant::now", "Utc::now", "SystemTime::now"]
            {
                assert!(!text.contains(impure), "{} uses {impure}", short(&file));
            }
        }
    }
}

/// What prints documents knows texts and nothing else: no file, network, clock or program of the machine.
#[test]
fn paper_reaches_for_nothing() {
    for file in files(&root().join("server/paper/src"), &[".rs"]) {
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        for reach in [
            "std::fs",
            "std::net",
            "std::process",
            "std::env",
            "Instant::now",
            "Utc::now",
            "SystemTime::now",
            "system_fonts: true",
        ] {
            assert!(!text.contains(reach), "{} uses {reach}", short(&file));
        }
    }
}

#[test]
fn every_file_says_what_it_is_for_and_none_is_too_long() {
    for file in files(root(), &[".rs"]) {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("//!"), "{} does not open with //!", short(&file));
        let lines = text.lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines; split it", short(&file));
        assert!(
            !text.contains(concat!("todo", "!(")) && !text.contains(concat!("unimplemented", "!(")),
            "{} is unfinished",
            short(&file)
        );
    }
}

#[test]
fn no_file_names_the_machine_it_was_written_on() {
    let machine = [concat!("/wo", "rk/"), concat!("/tmp/", "bash"), concat!("/ro", "ot/")];
    for file in files(root(), &[".rs", ".toml", ".md", ".sql", ".html", ".js", ".mjs", ".css", ".py", ".yaml", ".json", "/run"])
    {
        let text = std::fs::read_to_string(&file).unwrap();
        for path in machine {
            assert!(!text.contains(path), "{} names {path}", short(&file));
        }
    }
}

/// Remote minutes and the register are two ledgers: nothing that knows the one may write the other, and no code is ever derived.
#[test]
fn no_function_turns_minutes_into_a_register_mark() {
    let register = ["RegisterCode", "RegisterMark", "register_mark"];
    let minutes = ["AttendanceMinutes", "PresenceMessage", "presence_interval"];
    for file in files(&root().join("server/core/src"), &[".rs"]) {
        let text = std::fs::read_to_string(&file).unwrap();
        for function in text.split("pub fn ").skip(1) {
            let signature = function.split('{').next().unwrap_or_default();
            let takes_minutes = minutes.iter().any(|name| signature.split("->").next().unwrap_or_default().contains(name));
            let gives_mark =
                signature.split("->").nth(1).is_some_and(|result| register.iter().any(|name| result.contains(name)));
            assert!(!(takes_minutes && gives_mark), "{}: fn {signature}", short(&file));
        }
    }
    for file in files(&root().join("server/store"), &[".sql"]) {
        let text = std::fs::read_to_string(&file).unwrap();
        for statement in
            text.split(';').map(without_comments).filter(|statement| statement.to_lowercase().contains("create table"))
        {
            let name = statement.to_lowercase();
            let name =
                name.split("create table").nth(1).and_then(|rest| rest.split('(').next()).unwrap_or_default().trim().to_owned();
            if name.contains("register") {
                for word in ["presence", "interval", "session_id", "minute"] {
                    assert!(!statement.to_lowercase().contains(word), "{}: table {name} mentions {word}", short(&file));
                }
            }
        }
    }
}

fn without_comments(sql: &str) -> String {
    sql.lines().map(|line| line.split("--").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}
