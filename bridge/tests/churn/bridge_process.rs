//! The bridge as a process of its own: how it is started and what it takes.

use std::io::{BufRead, BufReader, Read};
use std::net::IpAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bridge::Config;
use bridge::config::{Limits, MediaConfig, OutboxConfig};
use chrono::{DateTime, Utc};
use mqtt_link::MqttConfig;
use protocol::{BridgeId, FastClock, GrantSigner};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A running bridge; it stops in order when this is dropped.
pub struct BridgeProcess {
    pub id: BridgeId,
    /// Its address for HTTP.
    pub base: String,
    pem: String,
    process: Child,
    stop: Option<ChildStdin>,
    _folder: TempDir,
}

/// What it takes of the machine.
#[derive(Clone, Copy, Debug)]
pub struct Footprint {
    pub resident_kib: u64,
    pub threads: u64,
    pub files: u64,
}

impl BridgeProcess {
    pub fn start(broker: &str, origin: DateTime<Utc>, speed: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let public = folder.path().join("grant-public.pem");
        std::fs::write(&public, pair.public_key_pem()).unwrap();
        let config = Config {
            bridge_id: BridgeId::new(),
            grant_public_key: public,
            grace: Duration::from_secs(1),
            outbox: OutboxConfig { path: folder.path().join("outbox.db"), ..OutboxConfig::default() },
            media: MediaConfig {
                bind: IpAddr::from([127, 0, 0, 1]),
                port: 0,
                silent_after: Duration::from_secs(2),
                connect_within: Duration::from_secs(3),
                ..MediaConfig::default()
            },
            // A robot here sees more pupils in a minute of that clock than another in a year.
            limits: Limits { offers_per_minute: 6_000, ..Limits::default() },
            mqtt: MqttConfig { url: broker.to_owned(), ..MqttConfig::default() },
            ..Config::default()
        };
        std::fs::write(folder.path().join("bridge.toml"), toml::to_string(&config).unwrap()).unwrap();
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["as-bridge", &folder.path().display().to_string(), &origin.to_rfc3339(), &speed.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stop = process.stdin.take();
        let mut base = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut base).unwrap();
        let pem = pair.serialize_pem();
        Self { id: config.bridge_id, base: base.trim().to_owned(), pem, process, stop, _folder: folder }
    }

    /// Signs as the server does.
    pub fn signer(&self) -> GrantSigner {
        GrantSigner::from_pem(self.pem.as_bytes()).unwrap()
    }

    pub fn footprint(&self) -> Footprint {
        let at = format!("/proc/{}", self.process.id());
        let status = std::fs::read_to_string(format!("{at}/status")).expect("the bridge runs");
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the system tells it");
            line.split_whitespace().next().and_then(|word| word.parse().ok()).expect("a number")
        };
        let files = std::fs::read_dir(format!("{at}/fd")).expect("the bridge runs").count() as u64;
        Footprint { resident_kib: number("VmRSS:"), threads: number("Threads:"), files }
    }
}

impl Drop for BridgeProcess {
    fn drop(&mut self) {
        self.stop = None;
        let start = super::peer::now();
        while matches!(self.process.try_wait(), Ok(None)) && super::peer::now() - start < Duration::from_secs(6) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The bridge's side: runs until its input ends.
pub fn run(folder: &str, origin: &str, speed: u32) {
    let origin = DateTime::parse_from_rfc3339(origin).unwrap().to_utc();
    let text = std::fs::read_to_string(format!("{folder}/bridge.toml")).unwrap();
    let config: Config = toml::from_str(&text).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let shutdown = CancellationToken::new();
        let running = bridge::start(config, Arc::new(FastClock::new(origin, speed)), shutdown.clone()).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("http://{}", listener.local_addr().unwrap());
        let (router, stop) = (running.router.clone(), shutdown.clone());
        TaskTracker::new()
            .spawn(async move { axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await });
        std::thread::spawn(move || {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            shutdown.cancel();
        });
        running.wait().await;
    });
}
