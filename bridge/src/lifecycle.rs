//! Start order, task tracking, drain.
//!
//! ```text
//! start: outbox (recovers) → media → broker → driver → routes
//! stop:  driver ends every session → media says goodbye → outbox is on disk and sends for a moment → "gone" → broker closed
//! ```
//!
//! Each step of the stop has its own bound; together they stay under four seconds.

use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use bridge_core::roster::{Limits, Roster};
use protocol::{Clock, GrantVerifier};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Config;
use crate::driver::{Driver, Handle, MEDIA_QUEUE};
use crate::http::{self, Shared};
use crate::media::Engine;
use crate::mqtt::{LINK_QUEUE, NOTICE_QUEUE, Northbound};
use crate::observe::Status;
use crate::outbox::{self, Outbox, WORK_QUEUE};

/// How long one step of the stop may take.
const STEP: Duration = Duration::from_millis(1200);
/// How often the media threads are asked whether they still answer.
const PING_EVERY: Duration = Duration::from_secs(2);
/// How long the whole stop may take.
const DRAIN: Duration = Duration::from_secs(4);

/// A bridge that runs.
pub struct Running {
    /// `/whip/…`, `/whep/…` and `/bridge/health/…`.
    pub router: Router,
    /// Addresses on which media arrives, one a thread.
    pub media: Vec<std::net::SocketAddr>,
    /// Empties it for maintenance.
    pub drain: Drain,
    tracker: TaskTracker,
    shutdown: CancellationToken,
}

/// Empties a bridge for maintenance, and opens it again.
#[derive(Clone)]
pub struct Drain(Handle);

impl Drain {
    /// `true`: nobody new is taken, and the server moves those who are here, if it has another bridge. `false`: as before.
    pub async fn set(&self, draining: bool) {
        if let Err(error) = self.0.drain(draining).await {
            tracing::error!(%error, draining, "the bridge was too busy to hear whether it should be emptied: say it again");
        }
    }
}

/// Starts the bridge.
///
/// # Errors
/// The configuration is wrong, a file cannot be read or a port is taken: the text says what to do.
pub fn start(
    config: Config,
    clock: Arc<dyn Clock>,
    shutdown: CancellationToken,
) -> BoxFuture<'static, anyhow::Result<Running>> {
    // Boxed here, so that all of it is compiled once and not again by each program and test that calls it.
    Box::pin(starting(config, clock, shutdown))
}

async fn starting(config: Config, clock: Arc<dyn Clock>, shutdown: CancellationToken) -> anyhow::Result<Running> {
    config.validate().map_err(anyhow::Error::msg)?;
    tracing::info!(?config, "the bridge starts");
    let key_path = config.grant_public_key.display();
    let key = tokio::fs::read(&config.grant_public_key)
        .await
        .with_context(|| format!("cannot read grant_public_key {key_path}: give the path of the server's public key"))?;
    let verifier = GrantVerifier::from_pem(&key).with_context(|| {
        format!("grant_public_key {key_path} is not an Ed25519 public key in PEM: copy the server's grant-public.pem")
    })?;

    survive_file_size_limit();
    let store = outbox::open(&config.outbox, clock.as_ref()).await?;
    let status = Arc::new(Status::default());
    let (media_events, events) = mpsc::channel(MEDIA_QUEUE);
    let engine = Engine::start(config.media.clone(), media_events)?;
    let media = engine.local_addresses();

    let tracker = TaskTracker::new();
    // Apart from `shutdown`: the broker is still needed while the bridge stops.
    let link_stop = CancellationToken::new();
    let (clock_, status_) = (Arc::clone(&clock), Arc::clone(&status));
    let northbound = Northbound::open(&config, clock_, status_, &tracker, link_stop.clone())?;
    let (work, work_queue) = mpsc::channel(WORK_QUEUE);
    let (quality, quality_queue) = mpsc::channel(LINK_QUEUE);
    let (notices, notice_queue) = mpsc::channel(NOTICE_QUEUE);
    let (clock_, status_) = (Arc::clone(&clock), Arc::clone(&status));
    let outbox = Outbox::new(store, &config.outbox, config.bridge_id, northbound.link(), clock_, status_);
    let limits = Limits {
        robots: usize::try_from(config.limits.robots).unwrap_or(usize::MAX),
        grace: config.grace,
        pace: clock.speed(),
    };
    let (handle, requests) = Handle::new();
    let (clock_, status_) = (Arc::clone(&clock), Arc::clone(&status));
    let driver = Driver::new(Roster::new(limits), engine.clone(), clock_, status_, work, quality.clone());

    let outbox = tracker.spawn(outbox.run(work_queue, notice_queue));
    let northbound = tracker.spawn(northbound.run(quality_queue, notices, handle.clone()));
    let driver = tracker.spawn(driver.run(requests, events, shutdown.clone()));
    tracker.spawn(ping(engine.clone(), config.media.max_busy_pct, Arc::clone(&status), shutdown.clone()));
    let drain = Drain(handle.clone());
    let shared = Arc::new(Shared::new(&config, verifier, clock, handle, engine.clone(), status, tracker.clone()));
    let closing = tracker.clone();
    let stopping = shutdown.clone();
    tracker.spawn(async move {
        stopping.cancelled().await;
        closing.close();
        // The driver's facts are in the outbox's queue when it returns, and the outbox ends when that queue is empty.
        let _ = tokio::time::timeout(STEP, driver).await;
        let goodbye = tokio::time::timeout(STEP, engine.stop());
        let written = tokio::time::timeout(STEP, outbox);
        let _ = tokio::join!(goodbye, written);
        drop(quality);
        let _ = tokio::time::timeout(STEP, northbound).await;
        link_stop.cancel();
    });
    Ok(Running { router: http::router(shared), media, drain, tracker, shutdown })
}

/// Notes how many media threads are silent and what the others hold, for whoever asks.
async fn ping(engine: Engine, max_busy_pct: u8, status: Arc<Status>, shutdown: CancellationToken) {
    let mut every = tokio::time::interval(PING_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = every.tick() => {
                let (silent, held) = engine.look().await;
                status.set_media(silent, held, max_busy_pct);
            }
        }
    }
}

/// A file that may not grow any more (`ulimit -f`, a quota) must be an error of that write and not the end of the process.
fn survive_file_size_limit() {
    #[cfg(unix)]
    {
        /// `SIGXFSZ` on Linux, macOS and the BSDs; it kills unless it is handled.
        const FILE_SIZE_LIMIT: i32 = 25;
        // Once handled, a signal stays handled; nobody needs to hear of it.
        if let Err(error) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(FILE_SIZE_LIMIT)) {
            tracing::warn!(%error, "a limit on the size of files would end this process");
        }
    }
}

impl Running {
    /// Returns when everything is drained after the shutdown token fired, at most four seconds after.
    pub async fn wait(self) {
        self.shutdown.cancelled().await;
        if tokio::time::timeout(DRAIN, self.tracker.wait()).await.is_err() {
            tracing::error!("the bridge did not stop in time: check the disk of the outbox");
        }
    }
}
