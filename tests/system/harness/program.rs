//! The built program as a process of its own: its output is kept, and it goes with the story.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::eventually;

/// A running `windowseat`.
pub struct Program {
    process: Child,
    output: Arc<Mutex<String>>,
    log: Arc<Mutex<String>>,
}

/// How a run that ended by itself ended.
pub struct Ended {
    /// Exit code.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Program {
    /// Starts it.
    pub fn start(arguments: &[&str]) -> Self {
        Self::spawn(&mut command(arguments))
    }

    /// Starts it with `filter` as `RUST_LOG`.
    pub fn start_with_logs(filter: &str, arguments: &[&str]) -> Self {
        Self::spawn(command(arguments).env("RUST_LOG", filter))
    }

    fn spawn(command: &mut Command) -> Self {
        let mut process = command.spawn().unwrap();
        let (output, log) = (Arc::new(Mutex::new(String::new())), Arc::new(Mutex::new(String::new())));
        keep(process.stdout.take().unwrap(), Arc::clone(&output));
        keep(process.stderr.take().unwrap(), Arc::clone(&log));
        Self { process, output, log }
    }

    /// Runs it to its end, which must come within ten seconds.
    pub async fn run(arguments: &[&str]) -> Ended {
        let mut process = command(arguments).spawn().unwrap();
        let status = eventually(&format!("windowseat {arguments:?} to end"), Duration::from_secs(10), || {
            std::future::ready(process.try_wait().unwrap())
        })
        .await;
        let (mut stdout, mut stderr) = (String::new(), String::new());
        process.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        process.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        Ended { code: status.code(), stdout, stderr }
    }

    /// Its standard output so far.
    pub fn output(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    /// Its standard error so far: the log.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until it has printed `text`.
    pub async fn prints(&mut self, text: &str) {
        let within = Duration::from_secs(20);
        for _ in 0..within.as_millis() / 100 {
            if self.output().contains(text) || self.log().contains(text) {
                return;
            }
            if let Some(status) = self.process.try_wait().unwrap() {
                panic!("windowseat ended with {status} before it printed {text:?}:\n{}{}", self.output(), self.log());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("waited {within:?} in vain for {text:?} in:\n{}{}", self.output(), self.log());
    }

    /// Sends `signal` (such as "INT").
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(self.process.id().to_string()).status().unwrap();
        assert!(sent.success(), "kill -{signal}");
    }

    /// Waits for its end.
    pub async fn ends_within(&mut self, within: Duration) -> ExitStatus {
        let process = &mut self.process;
        eventually("windowseat to end", within, || std::future::ready(process.try_wait().unwrap())).await
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_windowseat"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).env_remove("RUST_LOG");
    command
}

fn keep(stream: impl Read + Send + 'static, output: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut output = output.lock().unwrap();
            output.push_str(&line);
            output.push('\n');
        }
    });
}
