//! The wire contract, checked from outside: golden messages, refusals, topics, grants, schemas, the AsyncAPI document.
//!
//! Both sides of every wire are tested against the same files in `fixtures/`. A change that alters one of them is a change of the
//! contract: add a file or an optional field, never edit what an older program may still send.

mod asyncapi;
mod grants;
mod messages;
mod refusals;
mod round_trips;
mod schemas;
mod topics;

use std::path::{Path, PathBuf};

/// A folder or file of this package.
fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// The text of a file of this package.
fn read(relative: &str) -> String {
    std::fs::read_to_string(path(relative)).unwrap_or_else(|e| panic!("{relative}: {e}"))
}

/// The names, without `.json`, of the files in a folder of this package, sorted.
fn names_in(folder: &str) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(path(folder))
        .unwrap_or_else(|e| panic!("{folder}: {e}"))
        .map(|entry| entry.expect("the folder can be read").file_name().into_string().expect("file names are ASCII"))
        .map(|name| name.strip_suffix(".json").unwrap_or_else(|| panic!("{folder}/{name} is not a JSON file")).to_owned())
        .collect();
    names.sort();
    names
}
