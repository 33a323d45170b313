//! Ctrl-C and SIGTERM: the first asks for an orderly stop, the second stops at once. SIGUSR1 and SIGUSR2, to a bridge: before and after
//! maintenance.

use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// An orderly stop that takes longer is cut off.
const STOP_WITHIN: Duration = Duration::from_millis(4_800);
/// Exit code of a stop that was cut off.
const CUT_OFF: i32 = 1;
/// Exit code of a second signal, as shells report an interrupted program.
const INTERRUPTED: i32 = 130;

/// A token that fires at the first signal. From then on a second signal, or `STOP_WITHIN`, ends the process.
///
/// # Errors
/// The operating system does not deliver signals.
pub fn first() -> anyhow::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for the signal to stop")?;
    let token = CancellationToken::new();
    let fired = token.clone();
    TaskTracker::new().spawn(async move {
        wait(&mut interrupt, &mut terminate).await;
        fired.cancel();
        let second = wait(&mut interrupt, &mut terminate);
        if tokio::time::timeout(STOP_WITHIN, second).await.is_ok() {
            std::process::exit(INTERRUPTED);
        }
        tracing::error!("stopping took too long and was cut off; nothing that was confirmed is lost");
        std::process::exit(CUT_OFF);
    });
    Ok(token)
}

/// What an operator tells a bridge about its maintenance.
pub struct Maintenance {
    begins: tokio::signal::unix::Signal,
    is_off: tokio::signal::unix::Signal,
}

impl Maintenance {
    /// Listens.
    ///
    /// # Errors
    /// The operating system does not deliver signals.
    pub fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for the signals of maintenance");
        Ok(Self { begins: listen(SignalKind::user_defined1())?, is_off: listen(SignalKind::user_defined2())? })
    }

    /// The next word: `true`, empty the bridge (SIGUSR1); `false`, it works again as before (SIGUSR2).
    pub async fn next(&mut self) -> bool {
        tokio::select! {
            _ = self.begins.recv() => true,
            _ = self.is_off.recv() => false,
        }
    }
}

async fn wait(interrupt: &mut tokio::signal::unix::Signal, terminate: &mut tokio::signal::unix::Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
