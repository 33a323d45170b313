//! The processes beside the load: a server, the embedded broker, and the floor. Each is this program with other arguments.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use protocol::{Clock as _, SystemClock};
use server::ingest::{MAX_BATCH, decode};
use store::DeviceKind;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::facts::{self, BRIDGES, School};
use crate::file;

/// Clock ticks a second in `/proc/PID/stat`: 100 on every Linux of today.
const TICKS: u64 = 100;

/// What a process is.
pub enum Role {
    /// A whole server, with this configuration.
    Server(PathBuf),
    /// The embedded broker, at this address, with the users in this folder.
    Broker(SocketAddr, PathBuf),
    /// So many messages into this database, from memory.
    Floor(String, u64),
}

impl Role {
    /// `None`: the one that starts the others.
    pub fn from_arguments() -> Option<Self> {
        let arguments: Vec<String> = std::env::args().collect();
        match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [_, "--server", config] => Some(Self::Server(config.into())),
            [_, "--broker", address, folder] => Some(Self::Broker(address.parse().unwrap(), folder.into())),
            [_, "--floor", database, count] => Some(Self::Floor(database.to_owned(), count.parse().unwrap())),
            _ => None,
        }
    }

    /// Until this process is stopped; the floor until it is done.
    pub async fn play(self) {
        match self {
            Self::Server(config) => {
                let config: server::Config = toml::from_str(&std::fs::read_to_string(config).unwrap()).unwrap();
                let running = server::start(config, Arc::new(SystemClock::new()), CancellationToken::new()).await.unwrap();
                running.wait().await;
            }
            Self::Broker(address, folder) => {
                let text = std::fs::read_to_string(folder.join("users")).unwrap();
                let users = text.lines().filter_map(|line| line.split_once('\t'));
                let accounts: BTreeMap<String, String> = users.map(|(name, secret)| (name.into(), secret.into())).collect();
                let tasks = TaskTracker::new();
                let broker = windowseat::broker::Embedded::start(address, accounts, &tasks).await.unwrap();
                tasks.close();
                tasks.wait().await;
                drop(broker);
            }
            Self::Floor(database, count) => floor(&database, count).await,
        }
    }
}

/// Prints seconds and seconds of processor time.
async fn floor(database: &str, count: u64) {
    let (school, store) = (School::new(), facts::open(database).await);
    let epochs: Vec<Uuid> = (0..BRIDGES).map(|_| Uuid::now_v7()).collect();
    let now = SystemClock::new().now().utc;
    let mut rows = Vec::new();
    for n in 0..count {
        let bridge = usize::try_from(n).unwrap() % BRIDGES;
        let (kind, payload) = school.message(bridge, epochs[bridge], n / BRIDGES as u64 + 1);
        let topic = format!("ws/v1/{}/up/{kind}", facts::bridge(bridge));
        rows.push(decode::decode(&topic, &payload.into(), Some(DeviceKind::Bridge), now));
    }
    let (started, before) = (tokio::time::Instant::now(), cpu(std::process::id()));
    for batch in rows.chunks(MAX_BATCH) {
        let ingested = store.ingest(batch, now).await.unwrap();
        assert!(ingested.quarantined.is_empty(), "{:?}", ingested.quarantined);
    }
    let (seconds, used) = (started.elapsed(), cpu(std::process::id()).saturating_sub(before));
    println!("{} {}", seconds.as_secs_f64(), used.as_secs_f64());
}

/// Writes what [`Role::Server`] reads.
pub fn server_config(folder: &Path, database: &str, broker: SocketAddr, users: &[(String, String)]) -> PathBuf {
    let keys = windowseat::keys::make_if_missing(&folder.join("grant-private.pem"));
    assert!(keys.is_ok(), "the key can be made");
    let password = file(folder, "server.password", &users[0].1);
    file(
        folder,
        "server.toml",
        &format!(
            "database = \"{database}\"\ngrant_key_file = \"{}\"\n[mqtt]\nurl = \"mqtt://{broker}\"\nusername = \"server\"\npassword_file = \"{}\"\n",
            folder.join("grant-private.pem").display(),
            password.display()
        ),
    )
}

/// Writes what [`Role::Broker`] reads.
pub fn write_users(folder: &Path, users: &[(String, String)]) {
    file(folder, "users", &users.iter().map(|(name, secret)| format!("{name}\t{secret}\n")).collect::<String>());
}

/// Processor time of a process so far.
pub fn cpu(pid: u32) -> Duration {
    stat(pid).map_or(Duration::ZERO, |stat| stat.cpu)
}

/// The same with the processes that it started, also those that ended.
pub fn cpu_with_children(pid: u32) -> Duration {
    let all = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let children = all.filter_map(stat).filter(|stat| stat.parent == pid).map(|stat| stat.cpu);
    children.fold(stat(pid).map_or(Duration::ZERO, |stat| stat.cpu + stat.of_ended_children), |sum, cpu| sum + cpu)
}

/// What the operating system says of a process (`man 5 proc_pid_stat`).
struct Stat {
    parent: u32,
    cpu: Duration,
    of_ended_children: Duration,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit(')').next()?.split_whitespace().collect();
    let ticks = |first: usize| Some(fields.get(first)?.parse::<u64>().ok()? + fields.get(first + 1)?.parse::<u64>().ok()?);
    let time = |first: usize| Some(Duration::from_millis(ticks(first)? * 1_000 / TICKS));
    Some(Stat { parent: fields.get(1)?.parse().ok()?, cpu: time(11)?, of_ended_children: time(13)? })
}
