//! A robot in software. It knows only what a real robot knows: the wire contract (`protocol`), WHIP and MQTT.

pub mod classroom;
pub mod clip;
pub mod config;
pub mod faults;
pub mod picture;
mod radio;
pub mod robot;
pub mod sound;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use protocol::Clock;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use config::Config;

/// A robot that runs.
pub struct Running {
    /// Where its own page is served.
    pub page: SocketAddr,
    tracker: TaskTracker,
}

/// Starts a robot. It runs until `shutdown` fires.
///
/// # Errors
/// The configuration is not usable, or the page's address is taken: the message says what to change.
pub async fn start(config: Config, clock: Arc<dyn Clock>, shutdown: CancellationToken) -> anyhow::Result<Running> {
    config.validate().map_err(anyhow::Error::msg)?;
    let listener = tokio::net::TcpListener::bind(config.page).await.context("cannot serve the robot's page")?;
    let page = listener.local_addr()?;
    let tracker = TaskTracker::new();
    drop((clock, shutdown));
    tracker.close();
    Ok(Running { page, tracker })
}

impl Running {
    /// Returns when everything is drained after the shutdown token fired.
    pub async fn wait(self) {
        self.tracker.wait().await;
    }
}
