//! A bridge that says everything more than once, late and in another order: copies of its own messages, and some that are damaged.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rumqttc::{AsyncClient, Event, EventLoop, Incoming, MqttOptions, PublishOptions, QoS};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::chance::Chance;
use crate::school::{OBSERVER, School};

/// How every damaged message begins: what else is in quarantine was damaged by a program of ours.
pub const DAMAGED: &[u8] = b"{\"damaged\":\"by the test\",";
/// Copies kept for later; beyond it the oldest goes first.
const KEPT: usize = 2_000;
const LATEST: f64 = 20.0;
const AGAIN_AFTER: Duration = Duration::from_millis(500);
const PUBLISH_WITHIN: Duration = Duration::from_secs(2);

/// How much noise was made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Copies handed to the broker.
    pub copies: usize,
    /// Damaged messages handed to the broker.
    pub damaged: usize,
}

/// A message that comes again.
struct Copy {
    due: Instant,
    bridge: usize,
    topic: String,
    payload: Vec<u8>,
}

/// Makes noise until `stop`.
pub async fn make(school: Arc<School>, mut chance: Chance, stop: CancellationToken) -> Counts {
    let tasks = TaskTracker::new();
    let (heard, mut copies) = mpsc::channel(KEPT);
    let (observer, events) = client(&school, OBSERVER).await;
    tasks.spawn(observe(observer, events, heard, stop.clone()));
    let mut speakers = Vec::new();
    for n in 0..school.bridges.len() {
        let (speaker, mut events) = client(&school, &School::bridge_id(n).to_string()).await;
        let stopped = stop.clone();
        tasks.spawn(async move {
            while !stopped.is_cancelled() {
                if events.poll().await.is_err() {
                    tokio::time::sleep(AGAIN_AFTER).await;
                }
            }
        });
        speakers.push(speaker);
    }
    let (mut waiting, mut counts) = (VecDeque::new(), Counts::default());
    let mut tick = tokio::time::interval(Duration::from_millis(200));
    loop {
        tokio::select! {
            () = stop.cancelled() => return counts,
            Some((topic, payload)) = copies.recv() => {
                let topic: String = topic;
                let Some(bridge) = (0..speakers.len()).find(|n| topic.contains(&School::bridge_id(*n).to_string())) else {
                    continue;
                };
                for _ in 0..chance.below(3) {
                    let due = Instant::now() + chance.seconds(0.0, LATEST);
                    waiting.push_back(Copy { due, bridge, topic: topic.clone(), payload: Vec::clone(&payload) });
                }
                if waiting.len() > KEPT {
                    waiting.pop_front();
                }
            }
            _ = tick.tick() => {
                let now = Instant::now();
                let (mut due, later): (Vec<Copy>, Vec<Copy>) = waiting.drain(..).partition(|copy| copy.due <= now);
                waiting.extend(later);
                chance.shuffle(&mut due);
                for mut copy in due {
                    let is_damaged = chance.below(50) == 0;
                    if is_damaged {
                        copy.payload = [DAMAGED, &copy.payload[copy.payload.len() / 2..]].concat();
                    }
                    let publish = speakers[copy.bridge].publish(copy.topic, copy.payload, PublishOptions::new(QoS::AtLeastOnce));
                    if tokio::time::timeout(PUBLISH_WITHIN, publish).await.is_ok_and(|sent| sent.is_ok()) {
                        counts.copies += usize::from(!is_damaged);
                        counts.damaged += usize::from(is_damaged);
                    }
                }
            }
        }
    }
}

async fn observe(client: AsyncClient, mut events: EventLoop, heard: mpsc::Sender<(String, Vec<u8>)>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match events.poll().await {
            Ok(Event::Incoming(Incoming::ConnAck(_))) => {
                for kind in ["presence", "event"] {
                    let _ = client.try_subscribe(format!("ws/v1/+/up/{kind}"), QoS::AtLeastOnce);
                }
            }
            Ok(Event::Incoming(Incoming::Publish(publish))) => {
                let topic = String::from_utf8_lossy(&publish.topic).into_owned();
                // A full queue only makes less noise.
                let _ = heard.try_send((topic, publish.payload.to_vec()));
            }
            Ok(_) => {}
            Err(_) => tokio::time::sleep(AGAIN_AFTER).await,
        }
    }
}

async fn client(school: &School, user: &str) -> (AsyncClient, EventLoop) {
    let broker = school.broker.lock().await.address;
    let name = format!("noise-{user}");
    let mut options = MqttOptions::new(name, (broker.ip().to_string(), broker.port()));
    options.set_credentials(user, school.secret(user).as_bytes().to_vec());
    options.set_clean_start(true);
    options.set_outgoing_inflight_upper_limit(20);
    AsyncClient::builder(options).capacity(100).build()
}
