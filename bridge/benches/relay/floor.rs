//! The floor: receive, open, seal, send. No negotiation, no replay window, no statistics, no timers.

use std::collections::HashMap;
use std::io::{ErrorKind, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};

use quinn_udp::{RecvMeta, Transmit, UdpSocketState};

use super::child::{Ask, Told, serve};
use super::srtp::{Cipher, index_near};

/// Buffers per receive call, as in the relay.
const BUFFERS: usize = 16;

/// Most packets per send call, as in the relay.
const SEGMENTS: usize = 32;

/// The keys of one leg, by its address; the load derives the same.
pub fn keys(address: SocketAddr) -> (Cipher, Cipher) {
    let [high, low] = address.port().to_be_bytes();
    (Cipher::new(&[high; 16], &[low; 12]), Cipher::new(&[low; 16], &[high; 12]))
}

struct Leg {
    other: SocketAddr,
    from: Cipher,
    to: Cipher,
    /// Last index of each stream; a robot has two, a tablet one.
    indices: HashMap<u32, u64>,
}

pub fn run() {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let local = socket.local_addr().unwrap();
    let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(8 << 20);
    let _ = socket2::SockRef::from(&socket).set_send_buffer_size(8 << 20);
    let legs: Arc<Mutex<HashMap<SocketAddr, Leg>>> = Arc::default();
    let forwarded = Arc::clone(&legs);
    std::thread::spawn(move || forward(&mut mio::net::UdpSocket::from_std(nonblocking(socket)), &forwarded));
    serve(|ask| {
        let Ask::Pair { addresses: [a, b] } = ask else { panic!("that is the relay's") };
        let mut legs = legs.lock().unwrap();
        for (from, to) in [(a, b), (b, a)] {
            legs.insert(from, Leg { other: to, from: keys(from).0, to: keys(to).1, indices: HashMap::new() });
        }
        Told::Listens(local)
    });
}

fn nonblocking(socket: UdpSocket) -> UdpSocket {
    socket.set_nonblocking(true).unwrap();
    socket
}

fn forward(socket: &mut mio::net::UdpSocket, legs: &Mutex<HashMap<SocketAddr, Leg>>) {
    let state = UdpSocketState::new((&*socket).into()).unwrap();
    let segments = state.max_gso_segments().clamp(1, SEGMENTS);
    let mut poll = mio::Poll::new().unwrap();
    let mut events = mio::Events::with_capacity(16);
    poll.registry().register(socket, mio::Token(0), mio::Interest::READABLE).unwrap();
    let mut buffers: [Vec<u8>; BUFFERS] = std::array::from_fn(|_| vec![0; usize::from(u16::MAX)]);
    let mut bursts: Vec<(SocketAddr, usize, usize, Vec<u8>)> = Vec::new();
    let mut spare: Vec<Vec<u8>> = Vec::new();
    loop {
        let _ = poll.poll(&mut events, None);
        // Never contended but while legs are added.
        let mut legs = legs.lock().unwrap();
        loop {
            let mut metas = [RecvMeta::default(); BUFFERS];
            let mut slices = buffers.each_mut().map(|buffer| IoSliceMut::new(buffer));
            let count = match state.recv((&*socket).into(), &mut slices, &mut metas) {
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => continue,
            };
            for (buffer, meta) in buffers.iter_mut().zip(&metas).take(count) {
                let Some(leg) = legs.get_mut(&meta.addr) else { continue };
                for packet in buffer[..meta.len].chunks_mut(meta.stride.max(1)) {
                    if packet.len() < 28 || (64..96).contains(&(packet[1] & 127)) {
                        continue;
                    }
                    let (sequence, ssrc) = (u16::from_be_bytes([packet[2], packet[3]]), packet[8..12].try_into().unwrap());
                    let last = leg.indices.entry(u32::from_be_bytes(ssrc)).or_insert_with(|| u64::from(sequence));
                    *last = index_near(*last, sequence);
                    if leg.from.open(packet, *last).is_none() {
                        continue;
                    }
                    leg.to.seal(packet, *last);
                    let length = packet.len();
                    let newest = bursts.iter().rposition(|burst| burst.0 == leg.other);
                    match newest.map(|place| &mut bursts[place]) {
                        Some((_, segment, packets, bytes))
                            if length == *segment && *packets < segments && bytes.len() + length < 60_000 =>
                        {
                            bytes.extend_from_slice(packet);
                            *packets += 1;
                        }
                        _ => {
                            let mut bytes = spare.pop().unwrap_or_default();
                            bytes.extend_from_slice(packet);
                            bursts.push((leg.other, length, 1, bytes));
                        }
                    }
                }
            }
            if count < BUFFERS {
                break;
            }
        }
        for (destination, segment, packets, mut bytes) in bursts.drain(..) {
            let segment_size = (packets > 1).then_some(segment);
            let transmit = Transmit { destination, ecn: None, contents: &bytes, segment_size, src_ip: None };
            let _ = state.try_send((&*socket).into(), &transmit);
            bytes.clear();
            spare.push(bytes);
        }
    }
}
