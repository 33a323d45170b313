//! An operator who watches the broker, and a device that misbehaves at it.

use std::net::SocketAddr;
use std::path::Path;

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
