//! The load: robots and tablets of many sessions, from one sending and one receiving thread.
//!
//! Every packet leaves by a call of its own, as from separate devices. Latency runs from just before that call to the receiving
//! kernel's stamp, so what the receiving thread has to do does not count.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{ErrorKind, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use protocol::RobotId;
use quinn_udp::{RecvMeta, UdpSocketState};

use super::child::{Ask, Child, Kind, Lines, Told};
use super::floor;
use super::janus::Api;
use super::peer::{AUDIO_SSRC, OPUS, Peer, Profile, VIDEO_SSRC, VP8, now};
use super::srtp::{Cipher, TAG, index_near};

const VIDEO_PAYLOAD: usize = 1180;
const SOUND_PAYLOAD: usize = 80;
const PACKETS_PER_PICTURE: usize = 7;
const PICTURE_EVERY: Duration = Duration::from_nanos(33_333_333);
const SOUND_EVERY: Duration = Duration::from_millis(20);
const FEEDBACK_EVERY: Duration = Duration::from_millis(100);
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// What one window brought.
#[derive(Default)]
pub struct Measured {
    pub sent: u64,
    pub received: u64,
    /// Arrived and did not open.
    pub refused: u64,
    cpu_ns: u64,
    span: Duration,
    /// Of picture packets, sorted, in µs.
    latencies_us: Vec<u32>,
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a report")]
impl Measured {
    pub fn us_per_packet(&self) -> f64 {
        self.cpu_ns as f64 / 1000.0 / self.received.max(1) as f64
    }

    pub fn packets_per_second(&self) -> f64 {
        self.received as f64 / self.span.as_secs_f64()
    }

    pub fn lost_percent(&self) -> f64 {
        100.0 - self.received as f64 * 100.0 / self.sent.max(1) as f64
    }

    pub fn core_percent(&self) -> f64 {
        self.cpu_ns as f64 / self.span.as_nanos() as f64 * 100.0
    }

    pub fn latency_us(&self, share: f64) -> i64 {
        let place = (self.latencies_us.len() as f64 * share) as usize;
        self.latencies_us.get(place).copied().map_or(0, i64::from)
    }
}

/// One leg's sending half.
struct Sender {
    socket: UdpSocket,
    to: SocketAddr,
    cipher: Cipher,
    /// The relay's legs also report and check.
    peer: Option<Peer>,
    sequences: [u64; 2],
    transport: u16,
}

/// One leg's receiving half.
struct Receiver {
    socket: mio::net::UdpSocket,
    state: UdpSocketState,
    cipher: Cipher,
    indices: [Option<(u32, u64)>; 2],
    /// Highest transport-wide number seen, for the sender's feedback; above 65535 none was yet.
    transport: Arc<AtomicU32>,
}

struct Session {
    robot: Sender,
    tablet: Sender,
    fed_back: Option<u16>,
    feedbacks: u8,
    seen: Arc<AtomicU32>,
}

/// Sessions that are connected.
#[derive(Default)]
pub struct Load {
    sessions: Vec<Session>,
    receivers: Vec<Receiver>,
}

impl Load {
    /// Connects this many more sessions to the measured process.
    pub fn connect(&mut self, child: &mut Child, count: usize) {
        for _ in 0..count {
            let [robot, tablet] = match &mut child.kind {
                Kind::Floor(floor) => floor_legs(floor),
                Kind::Relay(relay) => relay_legs(relay),
                Kind::Janus(api) => janus_legs(api),
            };
            let seen = Arc::new(AtomicU32::new(u32::MAX));
            let robot = self.leg(robot, &Arc::default());
            let tablet = self.leg(tablet, &seen);
            self.sessions.push(Session { robot, tablet, fed_back: None, feedbacks: 0, seen });
        }
    }

    fn leg(&mut self, leg: Connected, seen: &Arc<AtomicU32>) -> Sender {
        let Connected { socket, to, send, receive, peer } = leg;
        socket.set_nonblocking(true).unwrap();
        let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(1 << 20);
        let heard = mio::net::UdpSocket::from_std(socket.try_clone().unwrap());
        let state = UdpSocketState::new((&heard).into()).unwrap();
        let receiver = Receiver { socket: heard, state, cipher: receive, indices: [None; 2], transport: Arc::clone(seen) };
        self.receivers.push(receiver);
        Sender { socket, to, cipher: send, peer, sequences: [1000, 5000], transport: 0 }
    }

    /// Sends for this long, and measures what arrives.
    pub fn run(&mut self, span: Duration, child: &Child) -> Measured {
        let done = AtomicBool::new(false);
        let (sent, start, cpu) = (AtomicU64::new(0), now(), child.cpu_ns());
        let (sessions, receivers) = (&mut self.sessions, &mut self.receivers);
        std::thread::scope(|scope| {
            let receiving = scope.spawn(|| receive(receivers, &done));
            send(sessions, span, &sent);
            // What is under way still arrives.
            std::thread::sleep(Duration::from_millis(100));
            done.store(true, Ordering::Relaxed);
            let mut measured = receiving.join().unwrap();
            measured.cpu_ns = child.cpu_ns() - cpu;
            measured.span = start.elapsed();
            measured.sent = sent.load(Ordering::Relaxed);
            measured.latencies_us.sort_unstable();
            measured
        })
    }
}

struct Connected {
    socket: UdpSocket,
    to: SocketAddr,
    send: Cipher,
    receive: Cipher,
    peer: Option<Peer>,
}

fn floor_legs(floor_process: &mut Lines) -> [Connected; 2] {
    let sockets = [(); 2].map(|()| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    let addresses = sockets.each_ref().map(|socket| socket.local_addr().unwrap());
    let Told::Listens(to) = floor_process.ask(&Ask::Pair { addresses }) else { panic!("the floor says where it listens") };
    sockets.map(|socket| {
        let (send, receive) = floor::keys(socket.local_addr().unwrap());
        Connected { socket, to, send, receive, peer: None }
    })
}

fn relay_legs(relay: &mut Lines) -> [Connected; 2] {
    let id = RobotId::new();
    let mut robot = Peer::new(Profile::Srtp_Aead_Aes_128_Gcm);
    let offer = robot.offer("sendrecv", "sendonly");
    let Told::Answer(answer) = relay.ask(&Ask::Publish { robot: id, offer }) else { panic!("an answer") };
    robot.accept(&answer);
    let mut tablet = Peer::new(Profile::Srtp_Aead_Aes_128_Gcm);
    let offer = tablet.offer("sendrecv", "recvonly");
    let Told::Answer(answer) = relay.ask(&Ask::Subscribe { robot: id, offer }) else { panic!("an answer") };
    tablet.accept(&answer);
    connected(robot, tablet)
}

/// Each hears itself: the robot's connection carries picture and sound, the tablet's the voice.
fn janus_legs(api: &Api) -> [Connected; 2] {
    let [robot, tablet] = [(); 2].map(|()| {
        let mut peer = Peer::new(Profile::Srtp_Aead_Aes_128_Gcm);
        peer.socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        peer.socket.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        // Janus wants to know where from.
        let candidate =
            format!("a=candidate:1 1 udp 2130706431 127.0.0.1 {} typ host\r\n", peer.socket.local_addr().unwrap().port());
        let offer = peer.offer("sendrecv", "sendrecv").replace("a=rtcp-mux\r\n", &format!("a=rtcp-mux\r\n{candidate}"));
        // Without the channel, which nobody would use.
        let offer = offer.replace("BUNDLE 0 1 2", "BUNDLE 0 1");
        let offer = offer.split("m=application").next().unwrap_or_default().to_owned();
        let answer = api.echo(&offer);
        peer.accept(&answer);
        // Who tells what it received needs a stream to tell it of; this one tells nothing.
        peer.answered.resize(2, VIDEO_SSRC);
        peer
    });
    connected(robot, tablet)
}

fn connected(mut robot: Peer, mut tablet: Peer) -> [Connected; 2] {
    let start = now();
    while !(robot.is_up() && tablet.is_up()) {
        robot.pump();
        tablet.pump();
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "a session was not connected: {} and {} checks answered, up {} {} at {:?}",
            robot.answers,
            tablet.answers,
            robot.is_up(),
            tablet.is_up(),
            robot.bridge
        );
    }
    [robot, tablet].map(|peer| {
        let keys = peer.srtp_config().keys;
        Connected {
            socket: peer.socket.try_clone().unwrap(),
            to: peer.bridge.unwrap(),
            send: Cipher::new(&keys.local_master_key, &keys.local_master_salt),
            receive: Cipher::new(&keys.remote_master_key, &keys.remote_master_salt),
            peer: Some(peer),
        }
    })
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Picture,
    Sound,
    Voice,
    Feedback,
    Report,
}

impl Due {
    const ALL: [Self; 5] = [Self::Picture, Self::Sound, Self::Voice, Self::Feedback, Self::Report];

    fn every(self) -> Duration {
        match self {
            Self::Picture => PICTURE_EVERY,
            Self::Sound | Self::Voice => SOUND_EVERY,
            Self::Feedback => FEEDBACK_EVERY,
            Self::Report => REPORT_EVERY,
        }
    }
}

fn send(sessions: &mut [Session], span: Duration, sent: &AtomicU64) {
    let start = now();
    let count = u32::try_from(sessions.len()).unwrap();
    let mut heap: BinaryHeap<Reverse<(Instant, usize, Due)>> = BinaryHeap::new();
    for (place, share) in (0..sessions.len()).zip(0u32..) {
        for due in Due::ALL {
            // Spread evenly, and the kinds against each other.
            let phase = due.every() * share / count + Duration::from_micros(137) * due as u32;
            heap.push(Reverse((start + phase, place, due)));
        }
    }
    let mut packet = vec![0; 2048];
    while let Some(Reverse((at, place, due))) = heap.pop() {
        let current = now();
        if at > start + span {
            break;
        }
        if at > current {
            std::thread::sleep(at - current);
        }
        let session = &mut sessions[place];
        let count = match due {
            Due::Picture => {
                let packets = 0..PACKETS_PER_PICTURE;
                packets.map(|_| session.robot.packet(&mut packet, VP8, VIDEO_SSRC, VIDEO_PAYLOAD)).sum()
            }
            Due::Sound => session.robot.packet(&mut packet, OPUS, AUDIO_SSRC, SOUND_PAYLOAD),
            Due::Voice => session.tablet.packet(&mut packet, OPUS, AUDIO_SSRC, SOUND_PAYLOAD),
            Due::Feedback => session.feed_back(),
            Due::Report => session.report(),
        };
        sent.fetch_add(count, Ordering::Relaxed);
        heap.push(Reverse((at + due.every(), place, due)));
    }
}

impl Sender {
    /// Sends one packet with a stamp in it. Returns how many RTP packets that were.
    fn packet(&mut self, space: &mut [u8], payload_type: u8, ssrc: u32, payload: usize) -> u64 {
        let slot = usize::from(payload_type == VP8);
        let index = self.sequences[slot];
        self.sequences[slot] += 1;
        let packet = &mut space[..20 + payload + TAG];
        packet[..2].copy_from_slice(&[0x90, payload_type]);
        packet[2..4].copy_from_slice(&index.to_be_bytes()[6..]);
        packet[4..8].copy_from_slice(&index.to_be_bytes()[4..]);
        packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
        packet[12..20].copy_from_slice(&[0xBE, 0xDE, 0, 1, 0x31, 0, 0, 0]);
        packet[17..19].copy_from_slice(&self.transport.to_be_bytes());
        self.transport = self.transport.wrapping_add(1);
        packet[20..28].copy_from_slice(&unix_ns().to_be_bytes());
        self.cipher.seal(packet, index);
        // A full buffer is loss, and counted as such.
        let _ = self.socket.send_to(packet, self.to);
        1
    }
}

impl Session {
    /// The tablet tells that all came, in congestion feedback of one run and small deltas.
    fn feed_back(&mut self) -> u64 {
        let Some(peer) = &mut self.tablet.peer else { return 0 };
        let Ok(highest) = u16::try_from(self.seen.load(Ordering::Relaxed)) else { return 0 };
        let first = self.fed_back.map_or(highest, |last| last.wrapping_add(1));
        let count = highest.wrapping_sub(first).wrapping_add(1).min(1000);
        self.fed_back = Some(highest);
        if count == 0 {
            return 0;
        }
        let mut report = vec![0x8F, 205, 0, 0, 0, 0, 0, 9];
        report.extend(peer.answered[1].to_be_bytes());
        report.extend(first.to_be_bytes());
        report.extend(count.to_be_bytes());
        report.extend([0, 0, 1, self.feedbacks]);
        self.feedbacks = self.feedbacks.wrapping_add(1);
        report.extend((0x2000 | count).to_be_bytes());
        report.resize(report.len() + usize::from(count), 4);
        report.resize(report.len().next_multiple_of(4), 0);
        let words = u16::try_from(report.len() / 4 - 1).unwrap();
        report[2..4].copy_from_slice(&words.to_be_bytes());
        peer.send_report(&report);
        0
    }

    /// The robot's sender report, the tablet's receiver report, and both ends' ICE checks.
    fn report(&mut self) -> u64 {
        let (Some(robot), Some(tablet)) = (&mut self.robot.peer, &mut self.tablet.peer) else { return 0 };
        let mut report = vec![0x80, 200, 0, 6];
        report.extend(VIDEO_SSRC.to_be_bytes());
        report.extend(unix_ns().to_be_bytes());
        report.extend([0; 12]);
        robot.send_report(&report);
        let mut report = vec![0x81, 201, 0, 7, 0, 0, 0, 9];
        report.extend(tablet.answered[1].to_be_bytes());
        report.extend([0; 20]);
        tablet.send_report(&report);
        robot.check();
        tablet.check();
        0
    }
}

fn receive(receivers: &mut [Receiver], done: &AtomicBool) -> Measured {
    let mut measured = Measured::default();
    let mut poll = mio::Poll::new().unwrap();
    let mut events = mio::Events::with_capacity(512);
    for (place, receiver) in receivers.iter_mut().enumerate() {
        poll.registry().register(&mut receiver.socket, mio::Token(place), mio::Interest::READABLE).unwrap();
    }
    let mut buffer = vec![0; usize::from(u16::MAX)];
    while !done.load(Ordering::Relaxed) {
        let _ = poll.poll(&mut events, Some(Duration::from_millis(20)));
        for event in &events {
            receivers[event.token().0].drain(&mut buffer, &mut measured);
        }
    }
    for receiver in receivers {
        poll.registry().deregister(&mut receiver.socket).unwrap();
    }
    measured
}

impl Receiver {
    fn drain(&mut self, buffer: &mut [u8], measured: &mut Measured) {
        loop {
            let mut metas = [RecvMeta::default()];
            match self.state.recv((&self.socket).into(), &mut [IoSliceMut::new(buffer)], &mut metas) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => continue,
            }
            let [meta] = metas;
            let arrived = meta.timestamp.map_or_else(unix_ns, |at| u64::try_from(at.as_nanos()).unwrap());
            for packet in buffer[..meta.len].chunks_mut(meta.stride.max(1)) {
                self.packet(packet, arrived, measured);
            }
        }
    }

    fn packet(&mut self, packet: &mut [u8], arrived: u64, measured: &mut Measured) {
        if packet.len() < 28 || packet[0] >> 6 != 2 || (64..96).contains(&(packet[1] & 127)) {
            return;
        }
        let slot = usize::from(packet[1] & 127 == VP8);
        let (sequence, ssrc) = (u16::from_be_bytes([packet[2], packet[3]]), packet[8..12].try_into().unwrap());
        let ssrc = u32::from_be_bytes(ssrc);
        let index = match self.indices[slot].filter(|(known, _)| *known == ssrc) {
            Some((_, last)) => index_near(last, sequence),
            None => u64::from(sequence),
        };
        let Some(header) = self.cipher.open(packet, index) else {
            measured.refused += 1;
            return;
        };
        self.indices[slot] = Some((ssrc, index));
        if let Some([0xBE, 0xDE, 0, 1, 0x31, high, low, _]) = packet.get(12..20) {
            self.transport.store(u32::from(u16::from_be_bytes([*high, *low])), Ordering::Relaxed);
        }
        measured.received += 1;
        if slot == 1
            && let Some(stamp) = packet.get(header..).and_then(|payload| payload.first_chunk::<8>())
        {
            let took_us = arrived.saturating_sub(u64::from_be_bytes(*stamp)) / 1000;
            measured.latencies_us.push(u32::try_from(took_us).unwrap_or(u32::MAX));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "kernel stamps are of this clock")]
fn unix_ns() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap()
}
