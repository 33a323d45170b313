//! A bad network between one peer and the bridge: a seeded forwarder on loopback that loses, delays and overtakes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::now;

/// How bad it is, in both directions alike.
#[derive(Clone, Copy, Debug, Default)]
pub struct Conditions {
    /// Share of datagrams lost.
    pub loss: f64,
    /// One way.
    pub delay: Duration,
    /// Up to this much more, for each datagram anew; what is sent closer together can be overtaken.
    pub jitter: Duration,
    /// What it takes each way in bits a second, if not everything. What would wait longer than [`QUEUE`] is lost.
    pub rate: Option<u32>,
}

/// The longest wait before a rate limit.
const QUEUE: Duration = Duration::from_millis(250);

/// Runs until it is dropped.
pub struct Network {
    front: SocketAddr,
    conditions: Arc<Mutex<Conditions>>,
    stop: Arc<AtomicBool>,
    /// Datagrams taken from the bridge.
    from_bridge: Arc<AtomicU64>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Network {
    pub fn new(bridge: SocketAddr, seed: u64) -> Self {
        println!("network seed {seed}");
        let sockets = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        sockets.iter().for_each(|socket| socket.set_nonblocking(true).unwrap());
        let front = sockets[0].local_addr().unwrap();
        let (conditions, stop, from_bridge) = (Arc::default(), Arc::default(), Arc::default());
        let shared = (Arc::clone(&conditions), Arc::clone(&stop), Arc::clone(&from_bridge));
        let thread = std::thread::spawn(move || carry(&sockets, bridge, seed, shared));
        Self { front, conditions, stop, from_bridge, thread: Some(thread) }
    }

    /// Where the peer sends to.
    pub fn front(&self) -> SocketAddr {
        self.front
    }

    pub fn set(&self, conditions: Conditions) {
        *self.conditions.lock().unwrap() = conditions;
    }

    pub fn taken_from_bridge(&self) -> u64 {
        self.from_bridge.load(Ordering::Relaxed)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// When it arrives, its place among others, whether it goes to the bridge, and what it is.
type UnderWay = (Instant, u64, bool, Vec<u8>);

type Shared = (Arc<Mutex<Conditions>>, Arc<AtomicBool>, Arc<AtomicU64>);

fn carry(sockets: &[UdpSocket; 2], bridge: SocketAddr, seed: u64, (conditions, stop, from_bridge): Shared) {
    let mut chance = Chance(seed | 1);
    let mut peer = None;
    let mut under_way: BinaryHeap<Reverse<UnderWay>> = BinaryHeap::new();
    let mut count = 0;
    let mut free_at = [now(); 2];
    let mut buffer = [0; 2048];
    while !stop.load(Ordering::Relaxed) {
        let conditions = *conditions.lock().unwrap();
        for ((socket, to_bridge), free_at) in sockets.iter().zip([true, false]).zip(&mut free_at) {
            loop {
                let (length, from) = match socket.recv_from(&mut buffer) {
                    Ok(datagram) => datagram,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(_) => continue,
                };
                if to_bridge {
                    // Whoever came first lives here: a peer may try from several addresses, and answers go to one.
                    if *peer.get_or_insert(from) != from {
                        continue;
                    }
                } else {
                    from_bridge.fetch_add(1, Ordering::Relaxed);
                }
                if chance.share() < conditions.loss {
                    continue;
                }
                let mut leaves = now();
                if let Some(rate) = conditions.rate {
                    leaves = leaves.max(*free_at);
                    if leaves - now() > QUEUE {
                        continue;
                    }
                    leaves += Duration::from_secs_f64(length as f64 * 8.0 / f64::from(rate));
                    *free_at = leaves;
                }
                count += 1;
                let at = leaves + conditions.delay + conditions.jitter.mul_f64(chance.share());
                under_way.push(Reverse((at, count, to_bridge, buffer[..length].to_vec())));
            }
        }
        while under_way.peek().is_some_and(|datagram| datagram.0.0 <= now()) {
            let Some(Reverse((_, _, to_bridge, datagram))) = under_way.pop() else { break };
            let _ = match (to_bridge, peer) {
                (true, _) => sockets[1].send_to(&datagram, bridge),
                (false, Some(peer)) => sockets[0].send_to(&datagram, peer),
                (false, None) => continue,
            };
        }
        // A forwarder that looks often enough; nothing is asserted about its times.
        std::thread::sleep(Duration::from_micros(300));
    }
}

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ mixed >> 31) >> 11) as f64 / (1u64 << 53) as f64
    }
}
