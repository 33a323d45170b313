//! An authority's own policies: the files of a folder, read once at the start by the loader and the checks of the program's own.
//!
//! A file stands alone, or adds to one of the program's (`adds_to`). Whatever is wrong with one stops the start, with the file's name and
//! what to do; a policy that was read is never taken back while the program runs, because plans are read by what they were begun with.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use server_core::policy::Pack;

use crate::cases;

/// A folder has no more files of policies.
const MOST_FILES: usize = 100;
/// No file of a policy is larger.
const MOST_BYTES: u64 = 1024 * 1024;

/// Reads the folder, and has its policies offered beside the program's own. How many there are.
///
/// # Errors
/// The folder or a file cannot be read, is no policy, or says something else of a version that is known already.
pub fn bring_in(folder: &Path) -> anyhow::Result<usize> {
    let packs = read(folder)?;
    let count = packs.len();
    cases::add_packs(packs)?;
    Ok(count)
}

fn read(folder: &Path) -> anyhow::Result<Vec<Pack>> {
    let cannot = || format!("cannot read the folder {} that `policies` names", folder.display());
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            files.push(path);
        }
        ensure!(
            files.len() <= MOST_FILES,
            "{} has more than {MOST_FILES} policies: name a folder with fewer",
            folder.display()
        );
    }
    ensure!(
        !files.is_empty(),
        "{} holds no policy: put a file that ends in .toml there, or remove `policies`",
        folder.display()
    );
    files.sort();
    files.iter().map(|file| read_one(file)).collect()
}

fn read_one(file: &Path) -> anyhow::Result<Pack> {
    let cannot = || format!("cannot read the policy {}", file.display());
    let size = std::fs::metadata(file).with_context(cannot)?.len();
    ensure!(size <= MOST_BYTES, "the policy {} is larger than {} KiB: it is another file", file.display(), MOST_BYTES / 1024);
    let text = std::fs::read_to_string(file).with_context(cannot)?;
    let name = file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    Pack::load(&name, &text)
        .map_err(|error| anyhow::anyhow!("{error}"))
        .with_context(|| format!("the policy {} cannot be used", file.display()))
}
