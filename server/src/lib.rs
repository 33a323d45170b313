//! The server: takes what robots and bridges report, works out minutes, and serves pages to staff and pupils.
//!
//! ```text
//! mqtt.rs → ingest.rs (decode, store, acknowledge) → Change → pages that are open
//! api.rs, web.rs, pupil.rs → store, server_core rules, dispatch.rs → robots
//! jobs.rs: what is done by the clock
//! ```
//!
//! It does no arithmetic on minutes and decides no access itself: that is `server_core`. It opens no port: whoever starts it
//! serves [`Running::router`].

pub mod api;
mod cases;
mod clock;
pub mod config;
pub mod database;
pub mod demo;
pub mod dispatch;
mod due;
pub mod ingest;
mod jobs;
pub mod lessons;
pub mod lifecycle;
pub mod minutes;
mod mqtt;
mod placing;
mod policies;
pub mod pupil;
mod turn;
pub mod web;

use std::sync::Arc;

use protocol::{BridgeId, Clock, GrantSigner, RobotId};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

pub use config::Config;
pub use lifecycle::{Running, first_code, start};
pub use store::Store;
pub use turn::Turn;

use dispatch::Dispatch;

/// Changes that a slow page may fall behind by; then it is told so ("lagged") and reads everything again.
pub const CHANGES_KEPT: usize = 1024;

/// Something that pages show has changed and is committed. Ids only: whoever shows it reads it again, and checks access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// A robot's state, room or battery.
    Robot(RobotId),
    /// A bridge came or went.
    Bridge(BridgeId),
    /// A pupil's minutes.
    Pupil(Uuid),
}

/// What every handler needs. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    /// The database.
    pub store: Store,
    /// The only source of time.
    pub clock: Arc<dyn Clock>,
    /// As checked at start.
    pub config: Arc<Config>,
    /// Signs permissions to publish and to view.
    pub grants: Arc<GrantSigner>,
    /// With this code the first account is made, while there is none.
    pub first_code: Arc<str>,
    /// Hands out credentials for TURN servers.
    pub turn: Arc<Turn>,
    /// What changed; subscribe to push to pages.
    pub changes: broadcast::Sender<Change>,
    /// Sends permissions and requests to robots.
    pub dispatch: Dispatch,
    /// Owner of every task.
    pub tasks: TaskTracker,
    /// Fires when the server stops; streams end on it.
    pub shutdown: CancellationToken,
}

impl AppState {
    /// Tells open pages, if there are any.
    pub fn announce(&self, change: Change) {
        // An error only says that nobody listens.
        let _ = self.changes.send(change);
    }
}
