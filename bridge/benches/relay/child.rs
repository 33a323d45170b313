//! The measured process: how it is started, asked and looked at; and the relay's side of it.
//!
//! Questions and answers are lines of JSON on its standard input and output; it ends when its input does.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use bridge::media::{Engine, MediaConfig, Talk};
use protocol::RobotId;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::janus;
use super::peer::{AUDIO_SSRC, VIDEO_SSRC};

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

    /// `folder`: where `npm install mediasoup` was run.
    pub fn mediasoup(folder: &str) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/relay/mediasoup.mjs");
        let ssrcs = [AUDIO_SSRC, VIDEO_SSRC].map(|ssrc| ssrc.to_string());
        let (process, lines) = Self::ask_and_answer(Command::new("node").args([script, folder]).args(ssrcs));
        Self { process, kind: Kind::Relay(lines) }
    }

    fn start(arguments: &[&str]) -> (std::process::Child, Lines) {
        let own = std::env::current_exe().expect("the path of this program");
        Self::ask_and_answer(Command::new(own).args(arguments))
    }

    fn ask_and_answer(command: &mut Command) -> (std::process::Child, Lines) {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("starts");
        let asks = process.stdin.take().expect("piped");
        let answers = BufReader::new(process.stdout.take().expect("piped"));
        (process, Lines { asks, answers })
    }

    /// CPU time of all threads of it and of its own children, in nanoseconds.
    pub fn cpu_ns(&self) -> u64 {
        let of = |task: &PathBuf| {
            let text = std::fs::read_to_string(task.join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        };
        self.family().into_iter().flat_map(tasks).filter_map(|task| of(&task)).sum()
    }

    /// Memory that it and its own children hold, in KiB.
    pub fn resident_kib(&self) -> u64 {
        let of = |process: u32| {
            let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the process runs");
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has memory");
            line.split_whitespace().next().and_then(|word| word.parse::<u64>().ok()).expect("a number")
        };
        self.family().into_iter().map(of).sum()
    }

    fn family(&self) -> Vec<u32> {
        let own = self.process.id();
        let children = tasks(own).into_iter().filter_map(|task| std::fs::read_to_string(task.join("children")).ok());
        let children = children.flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>());
        std::iter::once(own).chain(children).collect()
    }
}

fn tasks(process: u32) -> Vec<PathBuf> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).expect("the process runs");
    tasks.flatten().map(|task| task.path()).collect()
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
