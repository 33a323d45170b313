//! How many messages a second one server takes, acknowledged after commit, and what one costs.
//!
//! `cargo bench -p server --bench ingest`. Bridges (here a client of our own that costs little) keep 64 messages of 1 KiB each under
//! way and send the next when the server's own acknowledgement comes; so everything that is counted is committed. Server, broker
//! and PostgreSQL are processes of their own, and their processor time is read from the operating system. The floor, in the same
//! run: as many of the same rows written to the same engine from memory, without MQTT and JSON.
//!
//! A machine's speed drifts within minutes. So floor and server take turns, and the medians of [`ROUNDS`] are told; a ratio is the median
//! of those to the floor of the same round.
//!
//! Nothing is asserted on time: it prints rates and ratios, for this machine and this minute.

mod facts;
mod load;
mod roles;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use engines::{Mosquitto, Postgres};

use facts::{BRIDGES, School};
use roles::Role;

/// Counted after so much time …
const WARM: Duration = Duration::from_secs(2);
/// … for so long.
const MEASURED: Duration = Duration::from_secs(8);
/// Messages of the floor: about what a line stores while it runs, so that the tables are as large.
const FLOOR: u64 = 200_000;
/// How often everything is measured.
const ROUNDS: usize = 3;

/// One line of the table.
struct Line {
    name: String,
    per_s: f64,
    server_us: f64,
    load_us: Option<f64>,
    broker_us: Option<f64>,
    database_us: Option<f64>,
}

impl Line {
    /// Of the server and of its database, which with SQLite is within the server.
    fn stored_us(&self) -> f64 {
        self.server_us + self.database_us.unwrap_or(0.0)
    }
}

/// Where a line's rows go.
enum Database {
    Sqlite(tempfile::TempDir),
    Postgres(Postgres),
}

impl Database {
    fn name(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// A new, empty one: what a server's configuration calls it.
    async fn fresh(&self, name: &str) -> String {
        match self {
            Self::Sqlite(folder) => folder.path().join(format!("{name}.db")).display().to_string(),
            Self::Postgres(server) => {
                let sql = format!("CREATE DATABASE {name}");
                engines::database::run(engines::Engine::Postgres, &server.url("postgres"), &sql).await.unwrap();
                server.url(name)
            }
        }
    }

    fn cpu(&self) -> Option<Duration> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(server) => Some(roles::cpu_with_children(server.pid().expect("it runs"))),
        }
    }
}

#[tokio::main]
async fn main() {
    if let Some(role) = Role::from_arguments() {
        return role.play().await;
    }
    println!("bridges: {BRIDGES}, each with {} messages under way; {} bytes a message", load::UNDER_WAY, facts::MESSAGE_BYTES);
    println!(
        "{:32} {:>10} {:>12} {:>12} {:>12} {:>14} {:>10}",
        "", "messages/s", "server µs", "load µs", "broker µs", "PostgreSQL µs", "to floor"
    );
    for database in [Database::Sqlite(tempfile::tempdir().unwrap()), Database::Postgres(Postgres::start())] {
        let mut rounds = Vec::new();
        for round in 0..ROUNDS {
            rounds.push([
                floor(&database, round).await,
                through(&database, "embedded", round).await,
                through(&database, "Mosquitto", round).await,
            ]);
        }
        for kind in 0..rounds[0].len() {
            let median_of = |value: &dyn Fn(&[Line; 3]) -> f64| median(rounds.iter().map(value).collect());
            let or_none = |value: &dyn Fn(&Line) -> Option<f64>| {
                value(&rounds[0][kind])
                    .map_or("-".to_owned(), |_| format!("{:.1}", median_of(&|round| value(&round[kind]).unwrap_or(0.0))))
            };
            println!(
                "{:32} {:>10.0} {:>12.1} {:>12} {:>12} {:>14} {:>10.2}",
                rounds[0][kind].name,
                median_of(&|round| round[kind].per_s),
                median_of(&|round| round[kind].server_us),
                or_none(&|line| line.load_us),
                or_none(&|line| line.broker_us),
                or_none(&|line| line.database_us),
                median_of(&|round| round[kind].stored_us() / round[0].stored_us())
            );
        }
    }
    println!(
        "µs: processor time of that process per message. To floor: server and PostgreSQL together, for SQLite runs within the server. \
         Targets: 30,000/s with Mosquitto, 20,000/s embedded, 2.00 to floor."
    );
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The same rows from memory.
async fn floor(database: &Database, round: usize) -> Line {
    let address = database.fresh(&format!("floor_{round}")).await;
    School::new().seed(&address).await;
    let before = database.cpu();
    let told = Command::new(std::env::current_exe().unwrap()).args(["--floor", &address, &FLOOR.to_string()]).output().unwrap();
    assert!(told.status.success(), "the floor failed: {}", String::from_utf8_lossy(&told.stderr));
    let told = String::from_utf8(told.stdout).unwrap();
    let mut numbers = told.split_whitespace().map(|number| number.parse::<f64>().unwrap());
    let (seconds, cpu) = (numbers.next().unwrap(), numbers.next().unwrap());
    let messages = FLOOR as f64;
    Line {
        name: format!("{}, from memory (floor)", database.name()),
        per_s: messages / seconds,
        server_us: cpu * 1e6 / messages,
        load_us: None,
        broker_us: None,
        database_us: used(before, database.cpu()).map(|used| used.as_secs_f64() * 1e6 / messages),
    }
}

/// The whole way, from bridges over a broker.
async fn through(database: &Database, broker: &str, round: usize) -> Line {
    let folder = tempfile::tempdir().unwrap();
    let school = School::new();
    let address = database.fresh(&format!("{}_{round}", broker.to_lowercase())).await;
    school.seed(&address).await;
    let users = school.users();
    let mut processes = Processes::default();
    let (at, broker_pid);
    let mosquitto = if broker == "Mosquitto" {
        let settings = "max_inflight_messages 2000\nmax_queued_messages 100000\n";
        let mosquitto = Mosquitto::start_with(folder.path(), &users, "", settings).await;
        (at, broker_pid) = (mosquitto.address, mosquitto.pid().expect("it runs"));
        Some(mosquitto)
    } else {
        at = engines::port::address();
        roles::write_users(folder.path(), &users);
        broker_pid = processes.start(&["--broker", &at.to_string(), &folder.path().display().to_string()]);
        None
    };
    let config = roles::server_config(folder.path(), &address, at, &users);
    let server_pid = processes.start(&["--server", &config.display().to_string()]);
    let load = load::start(at, &school, &users);
    load.everybody_was_heard();
    tokio::time::sleep(WARM).await;
    let snapshot = || {
        (load.acknowledged(), roles::cpu(server_pid), roles::cpu(broker_pid), database.cpu(), roles::cpu(std::process::id()))
    };
    let (before, started) = (snapshot(), tokio::time::Instant::now());
    tokio::time::sleep(MEASURED).await;
    let (after, seconds) = (snapshot(), started.elapsed().as_secs_f64());
    load.stop();
    drop(mosquitto);
    let messages = (after.0 - before.0).max(1) as f64;
    let us = |used: Duration| used.as_secs_f64() * 1e6 / messages;
    Line {
        name: format!("{}, {broker}", database.name()),
        per_s: messages / seconds,
        server_us: us(after.1.saturating_sub(before.1)),
        load_us: Some(us(after.4.saturating_sub(before.4))),
        broker_us: Some(us(after.2.saturating_sub(before.2))),
        database_us: used(before.3, after.3).map(us),
    }
}

fn used(before: Option<Duration>, after: Option<Duration>) -> Option<Duration> {
    before.zip(after).map(|(before, after)| after.saturating_sub(before))
}

/// This program in other roles; they end with the line that they were started for.
#[derive(Default)]
struct Processes(Vec<Child>);

impl Processes {
    fn start(&mut self, arguments: &[&str]) -> u32 {
        let child = Command::new(std::env::current_exe().unwrap()).args(arguments).stdin(Stdio::null()).spawn().unwrap();
        let pid = child.id();
        self.0.push(child);
        pid
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A file in `folder`.
fn file(folder: &Path, name: &str, text: &str) -> std::path::PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}
