//! Bridges that cost little: one thread, raw MQTT 5, nothing parsed but acknowledgements. Each keeps [`UNDER_WAY`] messages under way
//! until the server's own acknowledgement, as a bridge's outbox does, and repeats what is not acknowledged.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use protocol::{AckMessage, Envelope};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::facts::{self, BRIDGES, School};

/// As `outbox.in_flight` of a bridge.
pub const UNDER_WAY: u64 = 64;
/// Each bridge has so many messages ready before anything is counted: to write one costs the machine a tenth of what it costs to store it.
const READY: u64 = 14_000;
/// What is not acknowledged by then is sent again.
const PATIENCE: Duration = Duration::from_secs(2);
const HEARD_WITHIN: Duration = Duration::from_secs(30);

const CONNACK: u8 = 2;
const PUBLISH: u8 = 3;
const SUBACK: u8 = 9;

/// Runs until it is stopped.
pub struct Load {
    through: Arc<Vec<AtomicU64>>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Every bridge begins to speak.
pub fn start(broker: SocketAddr, school: &School, users: &[(String, String)]) -> Load {
    let through: Arc<Vec<AtomicU64>> = Arc::new((0..BRIDGES).map(|_| AtomicU64::new(0)).collect());
    let stopped = Arc::new(AtomicBool::new(false));
    let (school, users) = (*school, users.to_vec());
    let (counts, stop) = (Arc::clone(&through), Arc::clone(&stopped));
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let speaking = (0..BRIDGES).map(|n| speak(n, broker, school, &users[n + 1], &counts[n], &stop));
        runtime.block_on(futures_util::future::join_all(speaking));
    });
    Load { through, stopped, thread: Some(thread) }
}

impl Load {
    /// Messages that the server said are committed.
    pub fn acknowledged(&self) -> u64 {
        self.through.iter().map(|through| through.load(Ordering::Relaxed)).sum()
    }

    /// Waits until every bridge has an acknowledgement.
    pub fn everybody_was_heard(&self) {
        let until = tokio::time::Instant::now() + HEARD_WITHIN;
        while self.through.iter().any(|through| through.load(Ordering::Relaxed) == 0) {
            assert!(tokio::time::Instant::now() < until, "the server acknowledged nothing");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends every connection.
    pub fn stop(mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.thread.take().expect("it is stopped once").join().expect("the load does not panic");
    }
}

async fn speak(
    n: usize,
    broker: SocketAddr,
    school: School,
    (user, secret): &(String, String),
    through: &AtomicU64,
    stopped: &AtomicBool,
) {
    let epoch = Uuid::now_v7();
    let (mut ready, mut ends) = (Vec::new(), vec![0]);
    for seq in 1..=READY {
        publish(&mut ready, &school, n, epoch, seq);
        ends.push(ready.len());
    }
    let mut socket = connect(broker, user, secret).await.expect("the broker lets a bridge in");
    let (mut acknowledged, mut next, mut input) = (0, 1, Vec::new());
    while !stopped.load(Ordering::Relaxed) {
        let mut output = Vec::new();
        // Until the server has said a word, one message knocks at its door.
        let window = if acknowledged == 0 { 1 } else { UNDER_WAY };
        while next <= acknowledged + window {
            match ends.get(usize::try_from(next).unwrap()) {
                Some(end) => output.extend_from_slice(&ready[ends[usize::try_from(next - 1).unwrap()]..*end]),
                None => publish(&mut output, &school, n, epoch, next),
            }
            next += 1;
        }
        if !output.is_empty() {
            socket.write_all(&output).await.expect("the broker reads");
        }
        let mut chunk = [0; 4096];
        let patience = if acknowledged == 0 { PATIENCE / 10 } else { PATIENCE };
        match tokio::time::timeout(patience, socket.read(&mut chunk)).await {
            Ok(count) => {
                let count = count.expect("the broker speaks");
                assert!(count > 0, "the broker closed the connection of bridge {n}");
                input.extend_from_slice(&chunk[..count]);
            }
            // One message again, whose acknowledgement tells what else is missing: all of them would be more than a broker takes.
            Err(_) => {
                let mut again = Vec::new();
                publish(&mut again, &school, n, epoch, acknowledged + 1);
                socket.write_all(&again).await.expect("the broker reads");
            }
        }
        let mut replies = Vec::new();
        while let Some((kind, flags, body)) = packet(&mut input) {
            if kind != PUBLISH {
                continue;
            }
            let (ack, id) = read_ack(flags, &body);
            if let Some(id) = id {
                replies.extend_from_slice(&[0x40, 2, id[0], id[1]]);
            }
            if let Some(ack) = ack.filter(|ack| ack.epoch == epoch) {
                // Everything before the first gap: what is behind it is sent again.
                let complete = ack.gaps.first().map_or(ack.through, |gap| gap.0 - 1);
                acknowledged = acknowledged.max(complete);
                through.store(acknowledged, Ordering::Relaxed);
            }
        }
        if !replies.is_empty() {
            socket.write_all(&replies).await.expect("the broker reads");
        }
    }
}

async fn connect(broker: SocketAddr, user: &str, secret: &str) -> io::Result<TcpStream> {
    let mut socket = loop {
        match TcpStream::connect(broker).await {
            Ok(socket) => break socket,
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    };
    socket.set_nodelay(true)?;
    let mut body = Vec::new();
    text(&mut body, "MQTT");
    // Version 5; user name, password, clean start; no keep-alive; no properties.
    body.extend_from_slice(&[5, 0b1100_0010, 0, 0, 0]);
    text(&mut body, &format!("bench-{user}"));
    text(&mut body, user);
    text(&mut body, secret);
    send(&mut socket, 0x10, &body).await?;
    expect(&mut socket, CONNACK).await?;
    let mut body = vec![0, 1, 0];
    text(&mut body, &format!("ws/v1/{user}/down/ack"));
    body.push(1);
    send(&mut socket, 0x82, &body).await?;
    expect(&mut socket, SUBACK).await?;
    Ok(socket)
}

async fn send(socket: &mut TcpStream, head: u8, body: &[u8]) -> io::Result<()> {
    let mut output = vec![head];
    length(&mut output, body.len());
    output.extend_from_slice(body);
    socket.write_all(&output).await
}

async fn expect(socket: &mut TcpStream, kind: u8) -> io::Result<()> {
    let mut input = Vec::new();
    loop {
        let byte = socket.read_u8().await?;
        input.push(byte);
        if let Some((found, _, body)) = packet(&mut input) {
            let code = if kind == SUBACK { body.last() } else { body.get(1) };
            if found == kind {
                assert!(code.is_some_and(|code| *code < 0x80), "the broker refuses: {body:?}");
                return Ok(());
            }
        }
    }
}

fn publish(output: &mut Vec<u8>, school: &School, bridge: usize, epoch: Uuid, seq: u64) {
    let (kind, payload) = school.message(bridge, epoch, seq);
    let topic = format!("ws/v1/{}/up/{kind}", facts::bridge(bridge));
    let id = u16::try_from(seq % 60_000 + 1).unwrap();
    output.push(0x32);
    length(output, 2 + topic.len() + 2 + 1 + payload.len());
    text(output, &topic);
    output.extend_from_slice(&id.to_be_bytes());
    output.push(0);
    output.extend_from_slice(&payload);
}

fn text(output: &mut Vec<u8>, text: &str) {
    output.extend_from_slice(&u16::try_from(text.len()).unwrap().to_be_bytes());
    output.extend_from_slice(text.as_bytes());
}

/// A variable byte integer (MQTT 5, 1.5.5).
fn length(output: &mut Vec<u8>, mut length: usize) {
    loop {
        let more = if length > 127 { 0x80 } else { 0 };
        output.push(u8::try_from(length & 0x7f).unwrap() | more);
        length >>= 7;
        if length == 0 {
            return;
        }
    }
}

fn read_length(input: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0;
    for (n, byte) in input.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * n);
        if byte & 0x80 == 0 {
            return Some((value, n + 1));
        }
    }
    None
}

/// Takes one whole packet: kind, flags, body.
fn packet(input: &mut Vec<u8>) -> Option<(u8, u8, Vec<u8>)> {
    let head = *input.first()?;
    let (length, width) = read_length(&input[1..])?;
    let end = 1 + width + length;
    if input.len() < end {
        return None;
    }
    let body = input[1 + width..end].to_vec();
    input.drain(..end);
    Some((head >> 4, head & 0xf, body))
}

/// The acknowledgement in a PUBLISH, and its packet id if it wants a PUBACK.
fn read_ack(flags: u8, body: &[u8]) -> (Option<AckMessage>, Option<[u8; 2]>) {
    let mut at = 2 + usize::from(u16::from_be_bytes([body[0], body[1]]));
    let id = (flags & 0b110 != 0).then(|| {
        at += 2;
        [body[at - 2], body[at - 1]]
    });
    let (properties, width) = read_length(&body[at..]).expect("a PUBLISH has properties");
    let payload = &body[at + width + properties..];
    (Envelope::<AckMessage>::from_bytes(payload).ok().map(|envelope| envelope.body), id)
}
