//! The measured process: how it is started, asked and looked at; and the relay's side of it.
//!
//! Questions and answers are lines of JSON on its standard input and output; it ends when its input does.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use bridge::media::{Engine, MediaConfig, Talk};
use protocol::RobotId;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::janus;

/// A question to the measured process.
#[derive(Serialize, Deserialize)]
pub enum Ask {
    /// To the relay: a robot's offer.
    Publish { robot: RobotId, offer: String },
    /// To the relay: a tablet's offer.
    Subscribe { robot: RobotId, offer: String },
    /// To the floor: forward between these two addresses.
    Pair { addresses: [SocketAddr; 2] },
}

/// Its answer.
#[derive(Serialize, Deserialize)]
pub enum Told {
    /// The relay's SDP.
    Answer(String),
    /// Where the floor listens.
    Listens(SocketAddr),
}

/// A measured process, killed when dropped.
pub struct Child {
    process: std::process::Child,
    pub kind: Kind,
}

/// What is measured, and how it is asked.
pub enum Kind {
    Relay(Lines),
    Floor(Lines),
    Janus(janus::Api),
}

/// A process of this program.
pub struct Lines {
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Child {
    pub fn relay(threads: u16) -> Self {
        let (process, lines) = Self::start(&["as-relay", &threads.to_string()]);
        Self { process, kind: Kind::Relay(lines) }
    }

    pub fn floor() -> Self {
        let (process, lines) = Self::start(&["as-floor"]);
        Self { process, kind: Kind::Floor(lines) }
    }

    /// `None`: it is not installed.
    pub fn janus() -> Option<Self> {
        let (process, api) = janus::start()?;
        Some(Self { process, kind: Kind::Janus(api) })
    }

    fn start(arguments: &[&str]) -> (std::process::Child, Lines) {
        let own = std::env::current_exe().expect("the path of this program");
        let mut process =
            Command::new(own).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("starts");
        let asks = process.stdin.take().expect("piped");
        let answers = BufReader::new(process.stdout.take().expect("piped"));
        (process, Lines { asks, answers })
    }

    /// CPU time of all its threads, in nanoseconds.
    pub fn cpu_ns(&self) -> u64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.process.id())).expect("the process runs");
        let of = |task: std::fs::DirEntry| {
            let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        };
        tasks.flatten().filter_map(of).sum()
    }

    /// Memory it holds, in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("the process runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has memory");
        line.split_whitespace().next().and_then(|word| word.parse().ok()).expect("a number")
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Lines {
    pub fn ask(&mut self, ask: &Ask) -> Told {
        writeln!(self.asks, "{}", serde_json::to_string(ask).expect("writes")).expect("the process takes questions");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the process answers");
        serde_json::from_str(&line).expect("an answer")
    }
}

/// Reads questions until there are no more.
pub fn serve(mut answer: impl FnMut(Ask) -> Told) {
    for line in std::io::stdin().lock().lines() {
        let ask = serde_json::from_str(&line.expect("a line")).expect("a question");
        println!("{}", serde_json::to_string(&answer(ask)).expect("writes"));
    }
}

/// The relay: the engine as the bridge runs it, without what is around it.
pub fn relay(threads: u16) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (events, mut heard) = mpsc::channel(4096);
    let config = MediaConfig { bind: [127, 0, 0, 1].into(), port: 0, threads, ..MediaConfig::default() };
    let engine = Engine::start(config, events).expect("the engine starts");
    std::thread::spawn(move || while heard.blocking_recv().is_some() {});
    serve(|ask| {
        let answer = match ask {
            Ask::Publish { robot, offer } => runtime.block_on(engine.publish(robot, offer)),
            Ask::Subscribe { robot, offer } => runtime.block_on(engine.subscribe(robot, offer, Talk::Forward)),
            Ask::Pair { .. } => panic!("that is the floor's"),
        };
        Told::Answer(answer.expect("the offer is taken").sdp)
    });
}
