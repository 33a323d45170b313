//! An operator who watches the broker, a device that misbehaves at it, and Mosquitto as Debian ships it.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use rumqttc::{AsyncClient, Event, EventLoop, Incoming, MqttOptions, PublishOptions, QoS};
use serde_json::Value;

use super::SOON;

/// The secret of `user`, as kept in `keys/devices.toml`.
pub fn secret(data: &Path, user: &str) -> String {
    let text = std::fs::read_to_string(data.join("keys/devices.toml")).unwrap();
    let file: toml::Table = toml::from_str(&text).unwrap();
    file["secret"][user].as_str().unwrap().to_owned()
}

/// A client of the broker, as `user`.
pub fn client(broker: SocketAddr, user: &str, secret: &str) -> (AsyncClient, EventLoop) {
    let mut options =
        MqttOptions::new(format!("test-{user}-{}", uuid::Uuid::new_v4()), (broker.ip().to_string(), broker.port()));
    options.set_credentials(user, secret.as_bytes().to_vec());
    options.set_clean_start(true);
    options.set_outgoing_inflight_upper_limit(10);
    AsyncClient::builder(options).capacity(10).build()
}

/// What goes over the broker.
pub struct Watch {
    client: AsyncClient,
    events: EventLoop,
}

impl Watch {
    /// As the operator, who may look upward.
    pub async fn open(broker: SocketAddr, data: &Path, filters: &[&str]) -> Self {
        Self::open_as(broker, windowseat::broker::OPERATOR, &secret(data, windowseat::broker::OPERATOR), filters).await
    }

    /// As `user`. The subscriptions are in place when this returns.
    pub async fn open_as(broker: SocketAddr, user: &str, secret: &str, filters: &[&str]) -> Self {
        let (client, mut events) = client(broker, user, secret);
        for filter in filters {
            client.subscribe(*filter, QoS::AtLeastOnce).await.unwrap();
            let granted = tokio::time::timeout(SOON, async {
                loop {
                    if let Event::Incoming(Incoming::SubAck(ack)) = events.poll().await.unwrap() {
                        return format!("{ack:?}");
                    }
                }
            });
            let ack = granted.await.expect("the broker answers a subscription");
            assert!(!ack.contains("NotAuthorized"), "{user} may not subscribe {filter}: {ack}");
        }
        Self { client, events }
    }

    /// The next message: topic and payload.
    pub async fn next(&mut self) -> (String, Vec<u8>) {
        loop {
            if let Event::Incoming(Incoming::Publish(publish)) = self.events.poll().await.unwrap() {
                return (String::from_utf8(publish.topic.to_vec()).unwrap(), publish.payload.to_vec());
            }
        }
    }

    /// Waits for a message whose topic and body `wanted` accepts, and returns the body.
    pub async fn until(&mut self, what: &str, wanted: impl Fn(&str, &Value) -> bool) -> Value {
        let found = tokio::time::timeout(SOON, async {
            loop {
                let (topic, payload) = self.next().await;
                let Ok(mut envelope) = serde_json::from_slice::<Value>(&payload) else { continue };
                let body = envelope["body"].take();
                if wanted(&topic, &body) {
                    return body;
                }
            }
        });
        found.await.unwrap_or_else(|_| panic!("waited {SOON:?} in vain for {what}"))
    }

    /// Publishes and returns what the broker said: "Success" or the reason.
    pub async fn publish(&mut self, topic: &str, payload: &[u8]) -> String {
        self.client.publish(topic, payload.to_vec(), PublishOptions::new(QoS::AtLeastOnce)).await.unwrap();
        let acknowledged = tokio::time::timeout(SOON, async {
            loop {
                if let Event::Incoming(Incoming::PubAck(ack)) = self.events.poll().await.unwrap() {
                    return format!("{:?}", ack.reason);
                }
            }
        });
        acknowledged.await.expect("the broker answers a publish")
    }
}

/// Mosquitto, with a password and an access file, on a port of its own.
pub struct Mosquitto {
    process: std::process::Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Mosquitto {
    /// Starts it in `folder` for `users` (name and password).
    pub async fn start(folder: &Path, users: &[(String, String)]) -> Self {
        let address = free_address();
        let passwords = folder.join("passwords");
        std::fs::write(&passwords, users.iter().map(|(name, secret)| format!("{name}:{secret}\n")).collect::<String>())
            .unwrap();
        let hashed = std::process::Command::new("mosquitto_passwd").arg("-U").arg(&passwords).status().unwrap();
        assert!(hashed.success(), "mosquitto_passwd");
        let access = "user server\ntopic read ws/v1/+/up/+\ntopic write ws/v1/+/down/+\n\
                      pattern write ws/v1/%u/up/+\npattern read ws/v1/%u/down/+\n";
        std::fs::write(folder.join("access"), access).unwrap();
        let user = if std::fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0) {
            "user root\n"
        } else {
            ""
        };
        let config = format!(
            "listener {} 127.0.0.1\nallow_anonymous false\npassword_file {}\nacl_file {}\n{user}",
            address.port(),
            passwords.display(),
            folder.join("access").display()
        );
        std::fs::write(folder.join("mosquitto.conf"), config).unwrap();
        let program = if Path::new("/usr/sbin/mosquitto").exists() { "/usr/sbin/mosquitto" } else { "mosquitto" };
        let process = std::process::Command::new(program)
            .arg("-c")
            .arg(folder.join("mosquitto.conf"))
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("Mosquitto is installed (apt-get install mosquitto)");
        super::eventually("Mosquitto to listen", Duration::from_secs(10), async || {
            tokio::net::TcpStream::connect(address).await.ok()
        })
        .await;
        Self { process, address }
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An address on loopback that was free a moment ago.
pub fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
