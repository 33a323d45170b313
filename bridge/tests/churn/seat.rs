//! A robot and those who visit it, one after the other, each with a fate drawn from the seed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use protocol::{Act, BridgeId, Clock, DeviceId, Grant, GrantSigner, PlacementId, RobotId};
use reqwest::StatusCode;
use tokio::runtime::Handle;

use super::bridge_process::BridgeProcess;
use super::network::{Conditions, Network};
use super::peer::{AUDIO_SSRC, OPUS, Peer, Profile, VIDEO_SSRC, VP8, now};

const PATIENCE: Duration = Duration::from_secs(40);

/// A network that becomes bad.
const BAD: Conditions =
    Conditions { loss: 0.1, delay: Duration::from_millis(10), jitter: Duration::from_millis(3), rate: None };

/// How a tablet reaches the bridge.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Udp,
    Tcp,
    /// Over UDP, through a network of ours.
    Bad,
}

/// How everybody reaches the bridge, and what became of them.
pub struct Ways {
    bridge: BridgeId,
    base: String,
    client: reqwest::Client,
    runtime: Handle,
    signer: GrantSigner,
    clock: Arc<dyn Clock>,
    told: Mutex<BTreeMap<&'static str, u64>>,
}

impl Ways {
    pub fn new(bridge: &BridgeProcess, clock: Arc<dyn Clock>, runtime: Handle) -> Self {
        let (base, signer) = (bridge.base.clone(), bridge.signer());
        Self { bridge: bridge.id, base, client: reqwest::Client::new(), runtime, signer, clock, told: Mutex::default() }
    }

    fn grant(&self, act: Act, robot: RobotId) -> Grant {
        let now = self.clock.now().utc;
        Grant {
            aud: self.bridge,
            act,
            robot,
            placement: (act == Act::View).then(PlacementId::new),
            device: (act == Act::View).then(DeviceId::new),
            talk: true,
            // Two processes started their clocks a moment apart, which is minutes on these.
            nbf: now - TimeDelta::hours(2),
            exp: now + TimeDelta::days(1000),
            until: now + TimeDelta::days(1000),
        }
    }

    /// Status, `Location` and body.
    fn post(&self, grant: &Grant, sdp: String) -> (StatusCode, String, String) {
        let way = if grant.act == Act::View { "whep" } else { "whip" };
        let request = self
            .client
            .post(format!("{}/{way}/{}", self.base, grant.robot))
            .bearer_auth(self.signer.sign(grant).unwrap())
            .header("content-type", "application/sdp")
            .body(sdp);
        self.runtime.block_on(async {
            let response = request.send().await.unwrap();
            let location =
                response.headers().get("location").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
            (response.status(), location, response.text().await.unwrap())
        })
    }

    /// Restarts ICE; returns the fragment that answers.
    fn patch(&self, grant: &Grant, location: &str, fragment: String) -> (StatusCode, String) {
        let request = self
            .client
            .patch(format!("{}{location}", self.base))
            .bearer_auth(self.signer.sign(grant).unwrap())
            .header("content-type", "application/trickle-ice-sdpfrag")
            .header("if-match", "*")
            .body(fragment);
        self.runtime.block_on(async {
            let response = request.send().await.unwrap();
            (response.status(), response.text().await.unwrap())
        })
    }

    fn delete(&self, grant: &Grant, location: &str) -> StatusCode {
        let request = self.client.delete(format!("{}{location}", self.base)).bearer_auth(self.signer.sign(grant).unwrap());
        self.runtime.block_on(async { request.send().await.unwrap().status() })
    }

    pub fn metrics(&self) -> String {
        let request = self.client.get(format!("{}/bridge/metrics", self.base));
        self.runtime.block_on(async { request.send().await.unwrap().text().await.unwrap() })
    }

    fn count(&self, what: &'static str) {
        *self.told.lock().unwrap().entry(what).or_default() += 1;
    }

    pub fn told(&self) -> String {
        let told = self.told.lock().unwrap();
        told.iter().map(|(what, times)| format!("{what} {times}")).collect::<Vec<_>>().join(", ")
    }
}

/// A connected tablet.
struct Visitor {
    peer: Peer,
    grant: Grant,
    location: String,
    /// Between it and the bridge.
    network: Option<Network>,
}

/// See the module.
pub struct Seat {
    ways: Arc<Ways>,
    robot_id: RobotId,
    robot: Peer,
    sequence: u16,
    chance: u64,
    /// How many joined.
    pub visits: u64,
}

impl Seat {
    pub fn new(ways: Arc<Ways>, seed: u64) -> Self {
        let robot_id = RobotId::new();
        let robot = Peer::new(Profile::Srtp_Aead_Aes_128_Gcm);
        let mut seat = Self { ways, robot_id, robot, sequence: 0, chance: seed, visits: 0 };
        seat.restart();
        seat
    }

    /// A number below `limit` (SplitMix64).
    fn draw(&mut self, limit: u64) -> u64 {
        self.chance = self.chance.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.chance ^ self.chance >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ mixed >> 31) % limit
    }

    /// The robot comes (again); the one before says nothing more.
    pub fn restart(&mut self) {
        let mut robot = Peer::new(Profile::Srtp_Aead_Aes_128_Gcm);
        let (status, _, answer) =
            self.ways.post(&self.ways.grant(Act::Publish, self.robot_id), robot.offer("sendrecv", "sendonly"));
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        robot.accept(&answer);
        self.robot = robot;
        self.sequence = 0;
        self.until("the robot to connect", None, |robot, _| robot.is_up());
    }

    /// Lets the robot send and everybody work until the condition holds.
    fn until(&mut self, what: &str, mut pupil: Option<&mut Peer>, condition: impl Fn(&Peer, Option<&Peer>) -> bool) {
        let start = now();
        while !condition(&self.robot, pupil.as_deref()) {
            self.idle();
            if let Some(pupil) = pupil.as_deref_mut() {
                pupil.pump();
                if pupil.is_up() {
                    pupil.send_packet(OPUS, AUDIO_SSRC, self.sequence, b"voice");
                    // An empty receiver report: somebody is there.
                    pupil.send_report(&[0x80, 201, 0, 1, 0, 0, 0, 9]);
                }
            }
            assert!(now() - start < PATIENCE, "waited for {what}");
        }
    }

    /// The robot sends a picture and a sound and hears what is said to it.
    pub fn idle(&mut self) {
        self.robot.pump();
        if self.robot.is_up() {
            self.sequence = self.sequence.wrapping_add(1);
            self.robot.send_packet(VP8, VIDEO_SSRC, self.sequence, &[7; 300]);
            self.robot.send_packet(OPUS, AUDIO_SSRC, self.sequence, &[7; 80]);
        }
        self.robot.packets.clear();
        self.robot.reports.clear();
    }

    /// Somebody joins by `grant` and is connected; repeats while the bridge says to.
    fn join(&mut self, grant: Grant) -> Visitor {
        self.join_by(Way::Udp, grant)
    }

    fn join_by(&mut self, way: Way, grant: Grant) -> Visitor {
        let start = now();
        let mut away_since = start;
        loop {
            let mut peer = Peer::new(Profile::Srtp_Aead_Aes_128_Gcm);
            peer.by_tcp = way == Way::Tcp;
            let (status, location, answer) = self.ways.post(&grant, peer.offer("sendrecv", "recvonly"));
            if status == StatusCode::CREATED {
                let network = (way == Way::Bad).then(|| {
                    let network = Network::new(udp_of(&answer), self.draw(u64::MAX));
                    peer.via = Some(network.front());
                    network
                });
                peer.accept(&answer);
                self.until("picture and sound", Some(&mut peer), |_, pupil| {
                    pupil.is_some_and(|pupil| pupil.packets.len() >= 4)
                });
                return Visitor { peer, grant, location, network };
            }
            // Handshakes of thousands keep a media thread busy; it says so before it suffers.
            let is_for_now = match status {
                StatusCode::CONFLICT => answer.contains("robot-away") || answer.contains("robot-in-use"),
                StatusCode::SERVICE_UNAVAILABLE => answer.contains("overloaded"),
                _ => false,
            };
            assert!(is_for_now && now() - start < PATIENCE, "{status}: {answer}");
            self.idle();
            // A busy machine held the robot up until it was taken for lost.
            if answer.contains("robot-away") && now() - away_since > Duration::from_secs(2) {
                self.restart();
                away_since = now();
            }
        }
    }

    fn leave(&mut self, visitor: &Visitor) {
        let status = self.ways.delete(&visitor.grant, &visitor.location);
        assert_eq!(status, StatusCode::OK, "the visit is there to leave");
    }

    /// One visit. Returns 1.
    pub fn visit(&mut self) -> u64 {
        let ways = Arc::clone(&self.ways);
        let grant = ways.grant(Act::View, self.robot_id);
        match self.draw(200) {
            // An offer that comes to nothing, and then one that does.
            0..=7 => {
                ways.count("first offer came to nothing");
                let peer = Peer::new(Profile::Srtp_Aead_Aes_128_Gcm);
                let (status, ..) = ways.post(&grant, peer.offer("sendrecv", "recvonly"));
                assert!(
                    [StatusCode::CREATED, StatusCode::CONFLICT, StatusCode::SERVICE_UNAVAILABLE].contains(&status),
                    "{status}"
                );
                let visitor = self.join(grant);
                self.leave(&visitor);
            }
            8..=23 => {
                ways.count("vanished and came on another tablet");
                drop(self.join(grant.clone()));
                let visitor = self.join(Grant { device: Some(DeviceId::new()), ..grant });
                self.leave(&visitor);
            }
            24..=31 => {
                ways.count("a second pupil was refused");
                let visitor = self.join(grant);
                let second = Peer::new(Profile::Srtp_Aead_Aes_128_Gcm).offer("sendrecv", "recvonly");
                let (status, _, text) = ways.post(&ways.grant(Act::View, self.robot_id), second);
                assert!(status == StatusCode::CONFLICT && text.contains("robot-in-use"), "{status} {text}");
                self.leave(&visitor);
            }
            32..=39 => {
                ways.count("the robot restarted");
                let mut visitor = self.join(grant);
                self.restart();
                visitor.peer.packets.clear();
                self.until("the new robot's media", Some(&mut visitor.peer), |_, pupil| {
                    pupil.is_some_and(|pupil| pupil.packets.len() >= 4)
                });
                self.leave(&visitor);
            }
            40..=43 => {
                ways.count("stayed long enough to be counted");
                let mut visitor = self.join(grant);
                let start = now();
                self.until("two seconds", Some(&mut visitor.peer), |_, _| now() - start >= Duration::from_secs(2));
                self.leave(&visitor);
            }
            // Nobody comes back: the visit ends when the grace is over, and until then the seat is kept.
            44..=45 => {
                ways.count("died without a word");
                drop(self.join(grant));
            }
            46..=55 => {
                ways.count("came by TCP");
                let visitor = self.join_by(Way::Tcp, grant);
                self.leave(&visitor);
            }
            56..=61 => {
                ways.count("lost a tenth of all packets");
                let mut visitor = self.join_by(Way::Bad, grant);
                visitor.network.as_ref().expect("it is there").set(BAD);
                visitor.peer.packets.clear();
                self.until("a few of many", Some(&mut visitor.peer), |_, pupil| {
                    pupil.is_some_and(|pupil| pupil.packets.len() >= 40)
                });
                self.leave(&visitor);
            }
            62..=71 => {
                ways.count("opened the channel and said something");
                let way = if self.draw(2) == 0 { Way::Udp } else { Way::Tcp };
                let mut visitor = self.join_by(way, grant);
                visitor.peer.dial();
                self.until("the channel", Some(&mut visitor.peer), |_, pupil| pupil.is_some_and(|pupil| pupil.is_open));
                visitor.peer.send_text("look left");
                self.leave(&visitor);
            }
            72..=81 => {
                ways.count("moved with a restart of ICE");
                let mut visitor = self.join(grant);
                let (credentials, fragment) = visitor.peer.new_credentials();
                let (status, answer) = ways.patch(&visitor.grant, &visitor.location, fragment);
                assert_eq!(status, StatusCode::OK, "{answer}");
                drop(visitor.peer.restarts(credentials, &answer));
                visitor.peer.packets.clear();
                self.until("media on the new path", Some(&mut visitor.peer), |_, pupil| {
                    pupil.is_some_and(|pupil| pupil.packets.len() >= 4)
                });
                self.leave(&visitor);
            }
            _ => {
                ways.count("joined and left");
                let visitor = self.join(grant);
                self.leave(&visitor);
            }
        }
        self.visits += 1;
        1
    }
}

/// Where an answer says that media goes by UDP.
fn udp_of(answer: &str) -> SocketAddr {
    let candidate = answer.lines().find(|line| line.starts_with("a=candidate:")).expect("one candidate at least");
    let words: Vec<&str> = candidate.split(' ').collect();
    SocketAddr::new(words[4].parse().unwrap(), words[5].parse().unwrap())
}
