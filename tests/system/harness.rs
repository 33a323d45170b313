//! The world of a story: everything that `windowseat up` starts, on free ports and in a folder that goes with it.
//!
//! Stories wait for conditions, never for time; each wait has a limit and says what it waited for.

pub mod broker;
pub mod program;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use protocol::{Clock, FastClock, SystemClock};
use windowseat::up::{self, Settings, Up};

pub use actors::wait::{SOON, eventually};
pub use actors::{peer, staff, tablet};
use staff::Staff;
use tablet::Tablet;

/// The Monday morning of every story: a lesson is on in the demo school.
pub const MONDAY: &str = "2026-11-23T09:10";

/// Everything, running.
pub struct World {
    /// What runs.
    pub up: Up,
    folder: tempfile::TempDir,
}

impl World {
    /// On Monday morning, at the speed of life.
    pub async fn monday() -> Self {
        let at = windowseat::at::instant(MONDAY).unwrap();
        Self::start(Arc::new(SystemClock::starting_at(at))).await
    }

    /// On Monday morning, `speed` times as fast.
    pub async fn fast_monday(speed: u32) -> Self {
        let at = windowseat::at::instant(MONDAY).unwrap();
        Self::start(Arc::new(FastClock::new(at, speed))).await
    }

    async fn start(clock: Arc<dyn Clock>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let up = up::start(settings(folder.path()), clock).await.unwrap();
        Self { up, folder }
    }

    /// Where everything is kept.
    pub fn data(&self) -> &Path {
        self.folder.path()
    }

    /// Address of the pages, by HTTPS.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.up.https.port())
    }

    /// The first person of the demo whose role contains `role`, signed in.
    pub async fn staff(&self, role: &str) -> Staff {
        let sign_in = self.up.demo.sign_ins.iter().find(|sign_in| sign_in.role.to_lowercase().contains(role));
        let sign_in = sign_in.unwrap_or_else(|| panic!("nobody is {role} in the demo"));
        Staff::sign_in(&self.url(), &sign_in.email, &sign_in.password).await
    }

    /// The demo pupil's tablet, paired by the printed link and opened by a PIN.
    pub async fn tablet(&self) -> Tablet {
        Tablet::pair(&self.url(), self.up.demo.pairing_path.trim_start_matches("/pair#")).await
    }

    /// Waits until the robot of the demo pupil publishes at the bridge.
    pub async fn robot_is_ready(&self) {
        let mut watch = broker::Watch::open(self.up.mqtt, self.data(), &["ws/v1/+/up/link"]).await;
        watch
            .until("a link message with a robot's leg", |_, body| {
                !body["robot_leg"].is_null() && body["robot"] == server::demo::ids::ROBIN.to_string()
            })
            .await;
    }

    /// Stops everything in order, and keeps the folder.
    pub async fn stop(self) -> tempfile::TempDir {
        self.up.stop().await;
        self.folder
    }
}

/// Free ports everywhere, and loopback only.
pub fn settings(data: &Path) -> Settings {
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    Settings {
        turn: server::config::TurnConfig::default(),
        data: data.to_owned(),
        http: any,
        https: any,
        mqtt: any,
        media_port: 0,
        addresses: vec![any.ip()],
        certificate: None,
    }
}
