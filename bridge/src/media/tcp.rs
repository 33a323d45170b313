//! ICE-TCP (RFC 6544, passive): the accepted connections of one media thread.
//!
//! A connection is one more kind of address: what arrives goes to [`Hub::datagram`] as from UDP, and what leaves comes from the same
//! batch. It lives as long as a leg knows it, which takes a genuine ICE check; others are closed at once. Nothing here blocks: a slow
//! reader loses old media ([`queue`]), and a connection without a whole frame for [`IDLE`] is closed.

use std::collections::HashMap;
use std::io::{ErrorKind, Read};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Interest, Registry, Token};

use super::arrival::Moment;
use super::hub::Hub;
use super::path::{Path, Remote, StreamId};
use framing::Frames;
use queue::Queue;

pub(super) mod door;
mod framing;
mod queue;

/// A connection that brought no whole frame for this long is closed; ICE alone says something every 25 s at least.
const IDLE: Duration = Duration::from_secs(60);

/// How often connections are looked at.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Most reads from one connection per wake.
const MAX_READS: usize = 4;

/// What the system may hold of unsent bytes for one connection. What waits there cannot be dropped, so it is little.
const UNSENT: u32 = 16 * 1024;

/// A connection that was let in, and what it said first.
pub(super) struct Arrival {
    pub(super) stream: std::net::TcpStream,
    pub(super) from: SocketAddr,
    pub(super) first: Vec<u8>,
}

/// See the module.
pub(super) struct Streams {
    registry: Registry,
    /// Tokens from here on belong to connections.
    first_token: usize,
    made: usize,
    limit: usize,
    open: HashMap<StreamId, Stream>,
    /// May have something to read.
    readable: Vec<StreamId>,
    /// Were sent something in this wake, or can take more of what waits.
    writable: Vec<StreamId>,
    /// Closed; the hub has not been told.
    gone: Vec<(StreamId, SocketAddr)>,
    sweep_at: Option<Instant>,
}

struct Stream {
    socket: mio::net::TcpStream,
    from: SocketAddr,
    frames: Frames,
    queue: Queue,
    /// SSRC of the sound it is sent.
    sound: u32,
    /// A leg knows it.
    is_known: bool,
    blocked: bool,
    heard_at: Instant,
}

impl Streams {
    pub(super) fn new(registry: Registry, first_token: usize, limit: usize) -> Self {
        Self {
            registry,
            first_token,
            made: 0,
            limit,
            open: HashMap::new(),
            readable: Vec::new(),
            writable: Vec::new(),
            gone: Vec::new(),
            sweep_at: None,
        }
    }

    /// Takes over a connection, unless there are too many.
    pub(super) fn take(&mut self, mut arrival: Arrival, hub: &mut Hub, origin: Instant, now: Instant) {
        if self.open.len() >= self.limit {
            tracing::warn!(connections = self.open.len(), "a TCP connection was refused: there are as many as there may be");
            return;
        }
        let id = StreamId(self.made);
        self.made += 1;
        if let Err(error) = arrival.stream.set_nodelay(true).and_then(|()| arrival.stream.set_nonblocking(true)) {
            tracing::debug!(%error, "a TCP connection was gone at once");
            return;
        }
        #[cfg(target_os = "linux")]
        if let Err(error) = socket2::SockRef::from(&arrival.stream).set_tcp_notsent_lowat(UNSENT) {
            tracing::debug!(%error, "the system keeps more unsent bytes than it should");
        }
        let mut socket = mio::net::TcpStream::from_std(arrival.stream);
        let token = Token(self.first_token + id.0);
        if let Err(error) = self.registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE) {
            tracing::warn!(%error, "a TCP connection cannot be watched");
            return;
        }
        let stream = Stream {
            socket,
            from: arrival.from,
            frames: Frames::default(),
            queue: Queue::default(),
            sound: 0,
            is_known: false,
            blocked: false,
            heard_at: now,
        };
        self.open.insert(id, stream);
        self.feed(id, &mut arrival.first, hub, origin, now);
        self.sweep_at.get_or_insert(now + SWEEP_EVERY);
    }

    /// Notes what the poll told.
    pub(super) fn ready(&mut self, token: Token, is_readable: bool, is_writable: bool) {
        let Some(id) = token.0.checked_sub(self.first_token).map(StreamId) else { return };
        let Some(stream) = self.open.get_mut(&id) else { return };
        if is_readable && !self.readable.contains(&id) {
            self.readable.push(id);
        }
        if is_writable && std::mem::take(&mut stream.blocked) {
            self.writable.push(id);
        }
    }

    /// Reads what is there. Returns whether there may be more: readiness is told only once.
    pub(super) fn receive(&mut self, hub: &mut Hub, buffer: &mut [u8], origin: Instant, now: Instant) -> bool {
        for id in std::mem::take(&mut self.readable) {
            let mut reads = 0;
            while let Some(stream) = self.open.get_mut(&id) {
                if reads >= MAX_READS {
                    self.readable.push(id);
                    break;
                }
                reads += 1;
                match stream.socket.read(buffer) {
                    Ok(0) => self.close(id, "the other end closed it"),
                    Ok(count) => {
                        if let Some(bytes) = buffer.get_mut(..count) {
                            self.feed(id, bytes, hub, origin, now);
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(_) => self.close(id, "it broke"),
                }
            }
        }
        !self.readable.is_empty()
    }

    fn feed(&mut self, id: StreamId, bytes: &mut [u8], hub: &mut Hub, origin: Instant, now: Instant) {
        let Some(stream) = self.open.get_mut(&id) else { return };
        let path = Path { remote: Remote::Tcp(id, stream.from), local: None };
        let arrived_us = Moment::new(origin).arrived_us(None);
        let heard_at = &mut stream.heard_at;
        let fed = stream.frames.feed(bytes, |frame| {
            *heard_at = now;
            hub.datagram(path, frame, arrived_us, now);
        });
        if fed.is_err() {
            self.close(id, "it does not speak RFC 4571");
        } else if !stream.is_known {
            // A check is answered before an unknown connection is closed.
            self.writable.push(id);
        }
    }

    /// Queues packets for a connection; [`Streams::flush`] writes them.
    pub(super) fn send<'a>(&mut self, id: StreamId, packets: impl Iterator<Item = &'a [u8]>, now: Instant) {
        let Some(stream) = self.open.get_mut(&id) else { return };
        for packet in packets {
            stream.queue.push(packet, stream.sound, now);
        }
        if !stream.blocked && !self.writable.contains(&id) {
            self.writable.push(id);
        }
        if stream.queue.is_over() {
            self.close(id, "it takes nothing");
        }
    }

    /// Writes what waits, closes who is nobody's, and tells the hub who is gone.
    pub(super) fn flush(&mut self, hub: &mut Hub, now: Instant) {
        for id in std::mem::take(&mut self.writable) {
            let Some(stream) = self.open.get_mut(&id) else { continue };
            match stream.queue.write(&mut stream.socket, now) {
                Ok(all) => stream.blocked = !all,
                Err(_) => {
                    self.close(id, "it broke");
                    continue;
                }
            }
            if !stream.is_known {
                self.acquaint(id, hub);
            }
        }
        if self.sweep_at.is_some_and(|at| at <= now) {
            self.sweep(hub, now);
        }
        for (id, from) in self.gone.drain(..) {
            hub.path_gone(Remote::Tcp(id, from));
        }
    }

    fn sweep(&mut self, hub: &mut Hub, now: Instant) {
        for id in self.open.keys().copied().collect::<Vec<_>>() {
            self.acquaint(id, hub);
            let Some(stream) = self.open.get_mut(&id) else { continue };
            let dropped = stream.queue.take_dropped();
            if dropped > 0 {
                tracing::debug!(packets = dropped, "a slow TCP connection lost media");
            }
            if now.saturating_duration_since(stream.heard_at) >= IDLE {
                self.close(id, "nothing whole came for a minute");
            }
        }
        self.sweep_at = (!self.open.is_empty()).then(|| now + SWEEP_EVERY);
    }

    fn acquaint(&mut self, id: StreamId, hub: &Hub) {
        let Some(stream) = self.open.get_mut(&id) else { return };
        match hub.sound_of(Remote::Tcp(id, stream.from)) {
            Some(sound) => (stream.sound, stream.is_known) = (sound, true),
            None => self.close(id, "no leg knows it"),
        }
    }

    fn close(&mut self, id: StreamId, why: &'static str) {
        if let Some(mut stream) = self.open.remove(&id) {
            tracing::debug!(why, "a TCP connection of media is closed");
            let _ = self.registry.deregister(&mut stream.socket);
            self.gone.push((id, stream.from));
        }
    }
}
