//! The programs together: what the one command `windowseat` wires up, as a library so that the system tests run the same wiring.
//!
//! Only wiring lives here: addresses, files, secrets, certificates, start and stop order. What the programs do is in `bridge`,
//! `server` and `firmware-sim`, which never import one another.

pub mod alone;
pub mod at;
pub mod broker;
pub mod files;
pub mod keys;
pub mod qr;
pub mod secrets;
pub mod serve;
pub mod signals;
pub mod tls;
pub mod tour;
pub mod up;
pub mod welcome;

use std::path::Path;

/// Takes and gives back small memory quicker than the system's, and from many threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One sentence for the person at the terminal that says what is wrong and what to do. Ends the program with exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Advice(String);

impl Advice {
    /// `sentence`, on one line.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into().lines().map(str::trim).collect::<Vec<_>>().join(" "))
    }

    /// A file or folder could not be read.
    #[must_use]
    pub fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        Self::new(format!(
            "Cannot read {} ({error}): check that the file is there and that this user may read it.",
            path.display()
        ))
    }

    /// A file or folder could not be written.
    #[must_use]
    pub fn unwritable(path: &Path, error: &std::io::Error) -> Self {
        Self::new(format!(
            "Cannot write {} ({error}): make it writable for this user, or choose another folder with --data.",
            path.display()
        ))
    }
}
