//! One of the programs as a process: started, killed and started again with the same configuration. What it says is read through a
//! pipe and survives it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use actors::wait::eventually;

/// How long an orderly stop may take.
const STOP_WITHIN: Duration = Duration::from_secs(15);
/// Clock ticks a second in `/proc/PID/stat`: 100 on every Linux of today.
const TICKS: u64 = 100;

/// What one life of a process said.
#[derive(Clone, Debug, Default)]
pub struct Life {
    /// Its standard error, line by line.
    pub lines: Arc<Mutex<Vec<String>>>,
}

/// A program with its configuration.
#[derive(Debug)]
pub struct Process {
    /// As the report calls it.
    pub name: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    child: Option<Child>,
    readers: Vec<JoinHandle<()>>,
    /// One for each start.
    pub lives: Vec<Life>,
    cpu: Duration,
}

impl Process {
    /// Not started yet.
    pub fn new(name: String, arguments: Vec<String>, environment: Vec<(String, String)>) -> Self {
        Self { name, arguments, environment, child: None, readers: Vec::new(), lives: Vec::new(), cpu: Duration::ZERO }
    }

    /// Starts it with a clock that shows `at` and runs `speed` times as fast.
    pub fn start(&mut self, at: &str, speed: u32) {
        assert!(self.child.is_none(), "{} runs already", self.name);
        let mut child = Command::new(env!("CARGO_BIN_EXE_windowseat"))
            .args(&self.arguments)
            .args(["--at", at, "--speed", &speed.to_string()])
            .env("RUST_LOG", "warn,bridge=info,server=info,windowseat=info")
            .env("NO_COLOR", "1")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program was built with this test");
        let life = Life::default();
        let lines = Arc::clone(&life.lines);
        let error = child.stderr.take().expect("it is piped");
        // For whoever looks for the reason of a failure; the test itself reads what is kept in memory.
        let mut copy = std::env::var_os("CHAOS_LOGS").map(|folder| {
            std::fs::create_dir_all(&folder).expect("CHAOS_LOGS is a folder, or none yet");
            let path = std::path::Path::new(&folder).join(format!("{}.{}.log", self.name, self.lives.len()));
            std::fs::File::create(path).expect("CHAOS_LOGS is a folder")
        });
        self.readers.push(std::thread::spawn(move || {
            for line in BufReader::new(error).lines().map_while(Result::ok) {
                if let Some(copy) = &mut copy {
                    writeln!(copy, "{line}").expect("CHAOS_LOGS has room");
                }
                lines.lock().unwrap().push(line);
            }
        }));
        self.lives.push(life);
        self.child = Some(child);
    }

    /// Its id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Sends it a signal (such as "USR1").
    pub fn tell(&self, name: &str) {
        signal(self.pid().expect("it runs"), name);
    }

    /// Kills it, which it cannot notice.
    pub fn kill9(&mut self) {
        self.has_not_ended();
        self.cpu = self.cpu();
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Whoever waits for it should not wait for one that is gone.
    ///
    /// # Panics
    /// It was started and ended by itself; says its last words.
    pub fn has_not_ended(&mut self) {
        let ended = self.child.as_mut().and_then(|child| child.try_wait().unwrap());
        assert!(ended.is_none(), "{} ended by itself ({ended:?}):\n{}", self.name, self.last_words());
    }

    /// Stops it as an operator does.
    pub async fn stop(&mut self) {
        self.cpu = self.cpu();
        if let Some(mut child) = self.child.take() {
            signal(child.id(), "TERM");
            let what = format!("{} to stop", self.name);
            let status = eventually(&what, STOP_WITHIN, || std::future::ready(child.try_wait().unwrap())).await;
            assert!(status.success(), "{} stopped with {status}:\n{}", self.name, self.last_words());
        }
    }

    /// The processor time of all its lives.
    pub fn cpu(&self) -> Duration {
        let now = self.pid().and_then(|pid| std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()).and_then(|stat| {
            let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
            Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
        });
        self.cpu + Duration::from_millis(now.unwrap_or(0) * 1_000 / TICKS)
    }

    /// Everything that it said, one entry a life. It has ended.
    pub fn said(&mut self) -> Vec<Vec<String>> {
        assert!(self.child.is_none(), "{} still runs", self.name);
        for reader in self.readers.drain(..) {
            reader.join().expect("the reader does not panic");
        }
        self.lives.iter().map(|life| life.lines.lock().unwrap().clone()).collect()
    }

    fn last_words(&self) -> String {
        let lines = self.lives.last().map(|life| life.lines.lock().unwrap().clone()).unwrap_or_default();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Sends `signal` (such as "TERM") to a process that this test started.
fn signal(pid: u32, signal: &str) {
    let sent = Command::new("kill").arg(format!("-{signal}")).arg(pid.to_string()).status().unwrap();
    assert!(sent.success(), "kill -{signal}");
}
