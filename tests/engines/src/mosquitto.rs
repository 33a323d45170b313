//! Mosquitto as Debian ships it, with passwords and per-device access, on a port of its own.
//!
//! It keeps nothing on disk: after [`Mosquitto::kill9`] and [`Mosquitto::restart`] it has forgotten every retained message, every
//! session and everything that it acknowledged and had not passed on. That is the worst that a broker may do.

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long it may take to listen.
const START_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// What the server and the devices may do; the same as in the documentation.
const ACCESS: &str = include_str!("../mosquitto.acl");

/// A running broker. Stopped when this is dropped.
#[derive(Debug)]
pub struct Mosquitto {
    process: Option<Child>,
    config: PathBuf,
    /// Where it listens; the same after a restart.
    pub address: SocketAddr,
}

impl Mosquitto {
    /// Starts it in `folder` for `users` (name and password).
    ///
    /// # Panics
    /// Mosquitto is not installed or does not start.
    pub async fn start(folder: &Path, users: &[(String, String)]) -> Self {
        Self::start_with(folder, users, "", "").await
    }

    /// Starts it with further lines of its access file and of its configuration.
    ///
    /// # Panics
    /// Mosquitto is not installed or does not start.
    pub async fn start_with(folder: &Path, users: &[(String, String)], access: &str, settings: &str) -> Self {
        let address = crate::port::address();
        let passwords = folder.join("passwords");
        std::fs::write(&passwords, users.iter().map(|(name, secret)| format!("{name}:{secret}\n")).collect::<String>())
            .unwrap();
        let hashed = Command::new("mosquitto_passwd").arg("-U").arg(&passwords).status();
        assert!(hashed.is_ok_and(|hashed| hashed.success()), "mosquitto_passwd runs (apt-get install mosquitto)");
        std::fs::write(folder.join("access"), format!("{ACCESS}{access}")).unwrap();
        let is_root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
        let text = format!(
            "listener {} 127.0.0.1\nallow_anonymous false\npassword_file {}\nacl_file {}\n{}{settings}",
            address.port(),
            passwords.display(),
            folder.join("access").display(),
            if is_root { "user root\n" } else { "" },
        );
        let config = folder.join("mosquitto.conf");
        std::fs::write(&config, text).unwrap();
        let mut broker = Self { process: None, config, address };
        broker.restart().await;
        broker
    }

    /// Its process, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// Kills it: every connection breaks, and what it had in memory is gone.
    pub fn kill9(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Starts it again, with nothing remembered.
    ///
    /// # Panics
    /// It does not start.
    pub async fn restart(&mut self) {
        self.kill9();
        let program = if Path::new("/usr/sbin/mosquitto").exists() { "/usr/sbin/mosquitto" } else { "mosquitto" };
        let process = Command::new(program)
            .arg("-c")
            .arg(&self.config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Mosquitto is installed (apt-get install mosquitto)");
        self.process = Some(process);
        let listens = async {
            while tokio::net::TcpStream::connect(self.address).await.is_err() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::time::timeout(START_WITHIN, listens).await.expect("Mosquitto listens");
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.kill9();
    }
}
