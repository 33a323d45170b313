//! The school of a run: broker, database, server replicas, bridges and robots as processes of their own, and the links between them.

pub mod seed;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use actors::wait::eventually;
use chrono::{DateTime, TimeDelta, Utc};
use engines::{Engine, Mosquitto, Postgres, Proxy, port};
use protocol::BridgeId;
use store::Store;
use tempfile::TempDir;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::Size;
use crate::process::Process;
use seed::Seat;

/// When a run begins, local time of the school: a Monday, so late that the day ends in the middle of the storm.
const BEGINS: &str = "2026-11-23T23:49";
/// How long a process may take from its start until it answers, on a machine that does much else.
pub const READY_WITHIN: Duration = Duration::from_secs(40);
/// The user who may read everything upward.
pub const OBSERVER: &str = "observer";

/// The time of the school, as every process should have it.
#[derive(Clone, Copy, Debug)]
pub struct SchoolClock {
    origin: DateTime<Utc>,
    started: Instant,
    /// How many of its seconds pass in one of ours.
    pub speed: u32,
}

impl SchoolClock {
    fn start(speed: u32) -> Self {
        Self { origin: windowseat::at::instant(BEGINS).unwrap(), started: Instant::now(), speed }
    }

    /// The school's time at a moment of ours.
    pub fn at(&self, moment: Instant) -> DateTime<Utc> {
        self.origin + TimeDelta::from_std(moment.duration_since(self.started) * self.speed).unwrap()
    }

    /// How long the run has lasted at `moment`, for the report.
    pub fn elapsed(&self, moment: Instant) -> Duration {
        moment.duration_since(self.started)
    }

    /// What a process that starts now is told. In November the school's local time is UTC.
    fn text(&self) -> String {
        self.at(Instant::now()).format("%Y-%m-%dT%H:%M:%S%.3f").to_string()
    }
}

/// A server replica or a bridge.
pub struct Unit {
    /// Its process.
    pub process: Mutex<Process>,
    /// Its link to the broker.
    pub broker: Proxy,
    /// A replica's link to the database.
    pub database: Option<Proxy>,
    /// Base URL.
    pub url: String,
    /// Its civil clock can be stepped by writing here.
    pub civil_time: PathBuf,
    /// Held by what cannot be told apart from a kill: of what it cannot write, or misplaces, a kill would be blamed for the loss.
    pub alone: Mutex<()>,
}

/// Everything.
pub struct School {
    /// What the clocks show.
    pub clock: SchoolClock,
    /// The broker.
    pub broker: Mutex<Mosquitto>,
    /// The database server.
    pub postgres: Mutex<Postgres>,
    /// Replicas of the server.
    pub servers: Vec<Unit>,
    /// Bridges.
    pub bridges: Vec<Unit>,
    /// Robots, one a seat.
    pub robots: Vec<Mutex<Process>>,
    /// Their links to the broker.
    pub robot_links: Vec<Proxy>,
    /// Pupils, one a seat.
    pub seats: Vec<Seat>,
    /// The database, beside the servers.
    pub store: Store,
    users: Vec<(String, String)>,
    _folder: TempDir,
}

impl School {
    /// Starts everything and waits until it answers.
    pub async fn start(size: Size) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let clock = SchoolClock::start(size.speed);
        let seats: Vec<Seat> = (0..size.robots).map(seed::seat).collect();
        let names = ["server".to_owned(), OBSERVER.to_owned()]
            .into_iter()
            .chain((0..size.bridges).map(|n| seed::bridge(n).to_string()))
            .chain(seats.iter().map(|seat| seat.robot.to_string()));
        let users: Vec<_> = names.map(|name| (name, windowseat::secrets::random_secret())).collect();
        for (name, secret) in &users {
            std::fs::write(at.join(format!("{name}.password")), secret).unwrap();
        }
        let observes = format!("user {OBSERVER}\ntopic read ws/v1/+/up/+\n");
        let broker = Mosquitto::start_with(at, &users, &observes, "").await;
        let postgres = Postgres::start();
        engines::database::run(Engine::Postgres, &postgres.url("postgres"), "CREATE DATABASE school").await.unwrap();
        let store = store_postgres::open(&postgres.url("school"), None).await.unwrap();
        seed::fill(&store, size.bridges, &seats, clock.at(Instant::now())).await;
        windowseat::keys::make_if_missing(&at.join("keys/grant-private.pem")).unwrap();

        let mut servers = Vec::new();
        for n in 0..size.replicas {
            servers.push(server(at, n, &postgres, broker.address).await);
        }
        let mut bridges = Vec::new();
        for n in 0..size.bridges {
            bridges.push(bridge(at, n, broker.address).await);
        }
        let (mut robots, mut robot_links) = (Vec::new(), Vec::new());
        for n in 0..size.robots {
            let link = Proxy::start(broker.address).await;
            robots.push(Mutex::new(robot(at, n, link.address)));
            robot_links.push(link);
        }
        let school = Self {
            clock,
            broker: Mutex::new(broker),
            postgres: Mutex::new(postgres),
            servers,
            bridges,
            robots,
            robot_links,
            seats,
            store,
            users,
            _folder: folder,
        };
        for unit in school.servers.iter().chain(&school.bridges) {
            school.start_unit(unit).await;
        }
        for unit in school.servers.iter().chain(&school.bridges) {
            school.is_ready(unit).await;
        }
        for robot in &school.robots {
            robot.lock().await.start(&school.clock.text(), school.clock.speed);
        }
        school
    }

    /// Starts the process of `unit`, and does not wait.
    pub async fn start_unit(&self, unit: &Unit) {
        // What `--at` says holds for a process whose clock is right when it starts; a step that goes on ends here.
        std::fs::write(&unit.civil_time, "+0").unwrap();
        unit.process.lock().await.start(&self.clock.text(), self.clock.speed);
    }

    /// Starts a robot.
    pub async fn start_robot(&self, n: usize) {
        self.robots[n].lock().await.start(&self.clock.text(), self.clock.speed);
    }

    /// Waits until the unit answers.
    pub async fn is_ready(&self, unit: &Unit) {
        let address: SocketAddr = unit.url.trim_start_matches("http://").parse().unwrap();
        let what = format!("{} to listen", unit.process.lock().await.name);
        eventually(&what, READY_WITHIN, async || {
            unit.process.lock().await.has_not_ended();
            tokio::net::TcpStream::connect(address).await.ok()
        })
        .await;
    }

    /// The secret of a user of the broker.
    pub fn secret(&self, user: &str) -> &str {
        &self.users.iter().find(|(name, _)| name == user).expect("a user of this broker").1
    }

    /// The bridge that a WHEP address belongs to.
    pub fn bridge_of(&self, whep_url: &str) -> usize {
        let found = self.bridges.iter().position(|bridge| whep_url.starts_with(&bridge.url));
        found.unwrap_or_else(|| panic!("no bridge of ours: {whep_url}"))
    }

    /// What the bridge says of itself: open sessions, and facts that wait. `None`: it does not answer.
    pub async fn bridge_state(&self, n: usize) -> Option<(u64, u64)> {
        let answer = reqwest::get(format!("{}/bridge/health/ready", self.bridges[n].url)).await.ok()?;
        let body: serde_json::Value = answer.json().await.ok()?;
        Some((body["media"]["sessions"].as_u64()?, body["outbox"]["waiting"].as_u64()?))
    }

    /// Which bridge has this id.
    pub fn bridge_id(n: usize) -> BridgeId {
        seed::bridge(n)
    }
}

fn mqtt(at: &Path, user: &str, broker: SocketAddr) -> String {
    let password = at.join(format!("{user}.password"));
    format!("[mqtt]\nurl = \"mqtt://{broker}\"\nusername = \"{user}\"\npassword_file = \"{}\"\n", password.display())
}

fn config(at: &Path, name: &str, text: &str) -> String {
    let path = at.join(format!("{name}.toml"));
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// The environment in which the civil clock follows `file`, and the monotonic one the machine.
fn stepped_by(file: &Path) -> Vec<(String, String)> {
    let library = std::fs::read_dir("/usr/lib")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("faketime/libfaketimeMT.so.1")))
        .find(|path| path.exists())
        .expect("libfaketime is not installed: `tests/run` installs it, or `apt-get install faketime`");
    std::fs::write(file, "+0").unwrap();
    [
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME_TIMESTAMP_FILE", file.display().to_string()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("FAKETIME_CACHE_DURATION", "1".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

async fn unit(at: &Path, name: String, program: &str, text: &str, http: SocketAddr, links: (Proxy, Option<Proxy>)) -> Unit {
    let civil_time = at.join(format!("{name}.time"));
    let config = config(at, &name, text);
    let arguments = [program, "--config", &config, "--http", &http.to_string()].map(str::to_owned).to_vec();
    let process = Process::new(name, arguments, stepped_by(&civil_time));
    let (broker, database) = links;
    let url = format!("http://{http}");
    Unit { process: Mutex::new(process), broker, database, url, civil_time, alone: Mutex::new(()) }
}

async fn server(at: &Path, n: usize, postgres: &Postgres, broker: SocketAddr) -> Unit {
    let (http, broker) = (port::address(), Proxy::start(broker).await);
    let database = Proxy::start(([127, 0, 0, 1], postgres.port()).into()).await;
    let direct = format!("127.0.0.1:{}", postgres.port());
    let text = format!(
        "database = \"{}\"\ngrant_key_file = \"{}\"\npublic_url = \"http://{http}\"\n{}",
        postgres.url("school").replace(&direct, &database.address.to_string()),
        at.join("keys/grant-private.pem").display(),
        mqtt(at, "server", broker.address)
    );
    unit(at, format!("replica {n}"), "server", &text, http, (broker, Some(database))).await
}

async fn bridge(at: &Path, n: usize, broker: SocketAddr) -> Unit {
    let (http, broker) = (port::address(), Proxy::start(broker).await);
    let id = seed::bridge(n);
    let port = port::free();
    let text = format!(
        "bridge_id = \"{id}\"\nhttp_base = \"http://{http}\"\npublic_base = \"http://{http}\"\ngrant_public_key = \"{}\"\ngrace = \"6s\"\n\
         [outbox]\npath = \"{}\"\n[limits]\noffers_per_minute = 1000\n\
         [media]\nbind = \"127.0.0.1\"\nport = {port}\npublic_addresses = [\"127.0.0.1\"]\n{}",
        at.join("keys/grant-public.pem").display(),
        at.join(format!("outbox-{n}.db")).display(),
        mqtt(at, &id.to_string(), broker.address)
    );
    unit(at, format!("bridge {n}"), "bridge", &text, http, (broker, None)).await
}

/// Whether a robot shows a moving picture, and not one a second.
pub fn moves(n: usize) -> bool {
    n.is_multiple_of(3)
}

/// A robot that shows as little as it can: one in three with a moving picture, the others with stills.
fn robot(at: &Path, n: usize, broker: SocketAddr) -> Process {
    let id = seed::seat(n).robot.to_string();
    let fps = if moves(n) { 5 } else { 1 };
    let text = format!(
        "robot_id = \"{id}\"\nname = \"Robot {n}\"\nseed = {n}\n{}\
         [video]\nwidth = 320\nheight = 180\nfps = {fps}\nbitrate_bps = 50000\n",
        mqtt(at, &id, broker)
    );
    let name = format!("robot {n}");
    let config = config(at, &name, &text);
    Process::new(name, ["robot", "--config", &config].map(str::to_owned).to_vec(), Vec::new())
}
