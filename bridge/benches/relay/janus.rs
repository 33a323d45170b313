//! The same load through Janus, where Debian's `janus` is installed: to compare with, and nothing that Windowseat needs.
//!
//! A session is two connections, as with us, and each hears its own packets back from the EchoTest plugin: Janus opens and seals each
//! once, which is the least it does to pass one on. It is used as installed, but for sessions without end.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::peer::now;

const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// A Janus that runs, and its one session of the HTTP API.
pub struct Api {
    address: SocketAddr,
    path: String,
    _folder: TempDir,
}

/// Starts one. `None`: it is not installed.
pub fn start() -> Option<(Child, Api)> {
    Command::new("janus").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let folder = tempfile::tempdir().unwrap();
    let main = "general: { log_to_stdout = false, session_timeout = 0 }\n";
    let http = format!(
        "general: {{ json = \"compact\", base_path = \"/janus\", http = true, ip = \"127.0.0.1\", port = {} }}\n",
        address.port()
    );
    std::fs::write(folder.path().join("janus.jcfg"), main).unwrap();
    std::fs::write(folder.path().join("janus.transport.http.jcfg"), http).unwrap();
    let mut command = Command::new("janus");
    command.arg("--configs-folder").arg(folder.path()).args(["--debug-level", "1"]);
    let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("Janus starts");
    let mut api = Api { address, path: "/janus".to_owned(), _folder: folder };
    let start = now();
    while TcpStream::connect(address).is_err() {
        assert!(start.elapsed() < ANSWERS_WITHIN, "Janus does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
    let session = api.post(&api.path, &json!({ "janus": "create", "transaction": "t" }))["data"]["id"].to_string();
    api.path = format!("/janus/{session}");
    Some((process, api))
}

impl Api {
    /// The answer to this offer, from a connection that sends back what it receives.
    pub fn echo(&self, offer: &str) -> String {
        let attach = json!({ "janus": "attach", "plugin": "janus.plugin.echotest", "transaction": "t" });
        let handle = self.post(&self.path, &attach)["data"]["id"].clone();
        let message = json!({
            "janus": "message", "transaction": "t", "body": { "audio": true, "video": true }, "jsep": { "type": "offer", "sdp": offer },
        });
        self.post(&format!("{}/{handle}", self.path), &message);
        let start = now();
        loop {
            let event = self.ask(&format!("GET {}?maxev=1", self.path), "");
            if event["sender"] == handle
                && let Some(answer) = event["jsep"]["sdp"].as_str()
            {
                return answer.to_owned();
            }
            assert!(start.elapsed() < ANSWERS_WITHIN, "Janus gives no answer: {event}");
        }
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.ask(&format!("POST {path}"), &body.to_string())
    }

    /// One request, one connection.
    fn ask(&self, request: &str, body: &str) -> Value {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(ANSWERS_WITHIN)).unwrap();
        write!(stream, "{request} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("Janus answers");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
    }
}
