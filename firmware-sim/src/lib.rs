//! A robot in software. It knows only what a real robot knows: the wire contract (`protocol`), WHIP and MQTT.
//!
//! ```text
//!   page.rs ──asked──►┌────────────┐◄──heard── radio.rs: on its own runtime, dropped when Wi-Fi is lost
//!            ◄─view───│ driver.rs  │──outlook─►   broker.rs   hello, measurements, events; grants, commands
//!   faults.rs ───────►│ robot.rs   │──control─►   bridge.rs   WHIP (whip.rs), one connection, data channel
//!   (what happens)    │ (the body) │──publish─►   media.rs    camera, microphone, speaker; rtp.rs
//!                     └────────────┘                classroom.rs, picture.rs, sound.rs, clip.rs: what they show and say
//! ```
//!
//! The body decides whether camera and microphone may be on and fails to "off"; the radio obeys; what is reported is what flows.
//! Nothing is recorded: no code here writes a file.

pub mod classroom;
pub mod clip;
pub mod config;
mod driver;
pub mod faults;
mod page;
pub mod picture;
mod radio;
pub mod robot;
pub mod sound;

use futures_util::future::BoxFuture;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use protocol::Clock;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use config::Config;
pub use page::View;

/// Requests of the page that may wait; further ones are refused.
const ASKED_QUEUE: usize = 16;
/// How long requests under way may take at the end.
const LAST_REQUESTS: Duration = Duration::from_millis(500);

/// A robot that runs.
pub struct Running {
    /// Where its own page is served.
    pub page: SocketAddr,
    tracker: TaskTracker,
}

/// Starts a robot. It runs until `shutdown` fires.
///
/// # Errors
/// The configuration is not usable, a file cannot be played, or an address is taken: the message says what to change.
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
    let sources = radio::Sources::open(&config)?;
    radio::check(&config)?;
    let listener = tokio::net::TcpListener::bind(config.page)
        .await
        .with_context(|| format!("cannot serve the robot's page at {}: choose another `page`, or 127.0.0.1:0", config.page))?;
    let page = listener.local_addr()?;
    let tracker = TaskTracker::new();
    let (view, views) = watch::channel(View::unseen(&config, clock.now()));
    let (ask, asked) = mpsc::channel(ASKED_QUEUE);
    let driver = driver::Driver::new(Arc::new(config), clock, sources, view, tracker.clone());
    tracker.spawn(driver.run(asked, shutdown.clone()));
    let router = page::router(views, ask, shutdown.clone());
    tracker.spawn(async move {
        let stopped = shutdown.clone();
        let serving = axum::serve(listener, router).with_graceful_shutdown(stopped.cancelled_owned());
        let deadline = async {
            shutdown.cancelled().await;
            tokio::time::sleep(LAST_REQUESTS).await;
        };
        tokio::select! {
            served = serving => if let Err(error) = served {
                tracing::error!(%error, "the robot's page is no longer served");
            },
            () = deadline => {}
        }
    });
    tracker.close();
    Ok(Running { page, tracker })
}

impl Running {
    /// Returns when everything is drained after the shutdown token fired: at most about 3 s later.
    pub async fn wait(self) {
        self.tracker.wait().await;
    }
}
