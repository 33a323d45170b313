//! Mosquitto on a free port, and the server's side of the conversation: it remembers what came and publishes what is asked.

use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mqtt_link::{Event, Link, MqttConfig, Options};
use protocol::{ClientId, Clock, Envelope, Kind, RobotId, SystemClock, Topic};
use serde::Serialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

type Seen = Arc<Mutex<Vec<(Topic, Value)>>>;

pub struct Broker {
    process: Child,
    port: u16,
    link: Link,
    seen: Seen,
    shutdown: CancellationToken,
    tracker: TaskTracker,
    _folder: tempfile::TempDir,
}

impl Broker {
    pub async fn start() -> Self {
        let port = engines::port::free();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mosquitto.conf");
        std::fs::write(&file, format!("listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")).unwrap();
        // Debian keeps it where only the administrator's path leads.
        let program =
            ["/usr/sbin/mosquitto", "/usr/bin/mosquitto"].into_iter().find(|path| std::path::Path::new(path).exists());
        let process = Command::new(program.unwrap_or("mosquitto"))
            .arg("-c")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("mosquitto is installed by the test command (apt install mosquitto)");
        for _ in 0..200 {
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        let (tracker, shutdown) = (TaskTracker::new(), CancellationToken::new());
        let config =
            MqttConfig { url: format!("mqtt://127.0.0.1:{port}"), username: "server".to_owned(), ..MqttConfig::default() };
        let options = Options {
            config,
            client_id: "server".to_owned(),
            subscriptions: vec![Topic::SERVER_ALL.to_owned()],
            will: None,
            keep_alive: mqtt_link::KEEP_ALIVE,
            manual_ack: false,
        };
        let (link, mut events) = Link::open(options, &tracker, shutdown.clone()).unwrap();
        let seen = Seen::default();
        let remembered = Arc::clone(&seen);
        assert!(matches!(events.recv().await, Some(Event::Connected)));
        tracker.spawn(async move {
            while let Some(event) = events.recv().await {
                if let Event::Message(message) = event {
                    let topic = Topic::parse(&message.topic).expect("robots use topics of the contract");
                    let body = serde_json::from_slice(&message.payload).expect("robots speak JSON");
                    remembered.lock().unwrap().push((topic, body));
                }
            }
        });
        tracker.close();
        Self { process, port, link, seen, shutdown, tracker, _folder: folder }
    }

    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    pub async fn publish<T: Serialize>(&self, robot: RobotId, kind: Kind, body: T) {
        let envelope = Envelope::new(SystemClock::new().now(), Uuid::now_v7(), body);
        self.link.publish(Topic::new(robot, kind), envelope.to_bytes()).await.unwrap();
    }

    /// Everything of this kind that the robot said.
    pub fn all(&self, robot: RobotId, kind: Kind) -> Vec<Value> {
        let client = ClientId::from(robot);
        let wanted = Topic { client, kind };
        self.seen.lock().unwrap().iter().filter(|(topic, _)| *topic == wanted).map(|(_, body)| body.clone()).collect()
    }

    /// The last thing of this kind that the robot said.
    pub fn latest(&self, robot: RobotId, kind: Kind) -> Option<Value> {
        self.all(robot, kind).pop()
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        self.tracker.wait().await;
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
