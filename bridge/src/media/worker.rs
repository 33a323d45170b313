//! One media thread: a UDP socket, its TCP connections, a timer heap, and the legs of the robots that belong to it.
//!
//! It reads the clock once per wake, and with each batch of datagrams once more for when they arrived; it waits for nothing but its
//! sockets and its commands. None of our own parsers panics on what the network brings. `rtc-sctp` may, on a connected end's forged
//! parameters: that is caught and ends the one leg, see [`Hub`]. Should the thread end all the same, every command is answered
//! [`MediaError::Stopped`], and the process's health check says so.

use std::io::{ErrorKind, IoSliceMut};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use bridge_core::offer::{Credentials, Offer};
use mio::{Events, Interest, Poll, Token, Waker};
use protocol::RobotId;
use quinn_udp::{RecvMeta, UdpSocketState};
use tokio::sync::{mpsc, oneshot};

use super::address::{Reach, reachable};
use super::arrival::Moment;
use super::dtls::Identity;
use super::hub::Hub;
use super::path::{Path, Remote};
use super::tcp::door::Door;
use super::tcp::{Arrival, Streams};
use super::{Answer, Held, LegId, MediaConfig, MediaError, MediaEvent, Party, Talk};

/// Most commands that wait for one thread.
const MAX_COMMANDS: usize = 1024;

/// Buffers filled by one receive call; each holds one datagram or several joined by the kernel.
const BUFFERS: usize = 16;

/// Most receive calls per wake, so that commands and timers are not starved.
const MAX_ROUNDS: usize = 16;

/// Asked for; the system's limit may be lower.
const SOCKET_BUFFER: usize = 8 * 1024 * 1024;

/// TCP connections of one thread for each leg it may have: a tablet opens one for every pair of addresses and keeps one.
const STREAMS_PER_LEG: usize = 2;

const SOCKET: Token = Token(0);
const WAKE: Token = Token(1);

/// Tokens from here on are TCP connections.
const FIRST_STREAM: usize = 2;

/// What a media thread is asked to do.
pub(super) enum Command {
    Add { robot: RobotId, party: Party, talk: Talk, offer: Box<Offer>, reply: oneshot::Sender<Result<Answer, MediaError>> },
    Restart { leg: LegId, remote: Credentials, reply: oneshot::Sender<Result<Option<String>, MediaError>> },
    Close { leg: LegId },
    Text { leg: LegId, text: String },
    KeyFrame { robot: RobotId },
    Ping { reply: oneshot::Sender<Held> },
    Stream(Arrival),
    Stop { reply: oneshot::Sender<()> },
}

/// The other end of a media thread's command queue.
#[derive(Clone)]
pub(super) struct WorkerHandle {
    pub(super) local: SocketAddr,
    commands: SyncSender<Command>,
    waker: Arc<Waker>,
}

impl WorkerHandle {
    /// Queues a command that can be refused.
    pub(super) fn try_send(&self, command: Command) -> Result<(), MediaError> {
        self.commands.try_send(command).map_err(|error| match error {
            TrySendError::Full(_) => MediaError::Busy,
            TrySendError::Disconnected(_) => MediaError::Stopped,
        })?;
        let _ = self.waker.wake();
        Ok(())
    }

    /// Queues a command that must not be lost. With a full queue it waits for the thread's next wake, which is near: a
    /// media thread waits for nothing but its socket.
    pub(super) fn send(&self, command: Command) {
        let _ = self.commands.send(command);
        let _ = self.waker.wake();
    }
}

/// Opens the sockets and starts the threads.
pub(super) fn start(
    config: &MediaConfig,
    events: &mpsc::Sender<MediaEvent>,
) -> Result<(Vec<WorkerHandle>, Option<Door>), MediaError> {
    config.validate().map_err(|problem| MediaError::Start { attempted: "read the configuration", source: problem.into() })?;
    let identity = Identity::generate().map_err(|source| MediaError::Start { attempted: "make a certificate", source })?;
    let listener = listen(config)?;
    let tcp = match &listener {
        Some(listener) => {
            let local = listener.local_addr().map_err(failed("ask a socket for its address"))?;
            tracing::info!(media.tcp = %local, "media by TCP is taken too");
            reachable(config, local)
        }
        None => Vec::new(),
    };
    let workers = (0..config.threads)
        .map(|index| start_one(config, index, &identity, tcp.clone(), events.clone()))
        .collect::<Result<Vec<_>, _>>()?;
    let door = listener.map(|listener| Door::open(listener, &workers)).transpose();
    Ok((workers, door.map_err(failed("take TCP connections"))?))
}

fn failed(attempted: &'static str) -> impl Fn(std::io::Error) -> MediaError {
    move |source| MediaError::Start { attempted, source: source.into() }
}

fn listen(config: &MediaConfig) -> Result<Option<std::net::TcpListener>, MediaError> {
    if !config.tcp {
        return Ok(None);
    }
    let port = if config.tcp_port == 0 { config.port } else { config.tcp_port };
    let address = SocketAddr::new(config.bind, port);
    std::net::TcpListener::bind(address).map(Some).map_err(|source| MediaError::Bind {
        transport: "TCP",
        key: "media.tcp_port",
        address,
        source,
    })
}

fn start_one(
    config: &MediaConfig,
    index: u16,
    identity: &Identity,
    tcp: Vec<SocketAddr>,
    events: mpsc::Sender<MediaEvent>,
) -> Result<WorkerHandle, MediaError> {
    let port = if config.port == 0 { 0 } else { config.port + index };
    let address = SocketAddr::new(config.bind, port);
    let mut socket = mio::net::UdpSocket::bind(address).map_err(|source| MediaError::Bind {
        transport: "UDP",
        key: "media.port",
        address,
        source,
    })?;
    let local = socket.local_addr().map_err(failed("ask a socket for its address"))?;
    for result in [
        socket2::SockRef::from(&socket).set_recv_buffer_size(SOCKET_BUFFER),
        socket2::SockRef::from(&socket).set_send_buffer_size(SOCKET_BUFFER),
    ] {
        if let Err(error) = result {
            tracing::debug!(%error, "a socket buffer could not be enlarged");
        }
    }
    let state = UdpSocketState::new((&socket).into()).map_err(failed("prepare a socket"))?;
    let poll = Poll::new().map_err(failed("open a poll"))?;
    poll.registry().register(&mut socket, SOCKET, Interest::READABLE).map_err(failed("watch a socket"))?;
    let registry = poll.registry().try_clone().map_err(failed("open a poll"))?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKE).map_err(failed("open a waker"))?);
    let (sender, commands) = sync_channel(MAX_COMMANDS);
    let now = wake_time();
    let reach = Reach { udp: reachable(config, local), tcp };
    let addresses: Vec<String> = reach.udp.iter().map(ToString::to_string).collect();
    let hub = Hub::new(config, u64::from(index), reach, identity.clone(), events, now);
    let streams = Streams::new(registry, FIRST_STREAM, STREAMS_PER_LEG * usize::from(config.max_legs));
    let worker = Worker { socket, state, poll, commands, hub, streams };
    tracing::info!(media.local = %local, media.addresses = addresses.join(" "), "media thread listens");
    std::thread::Builder::new().name(format!("media-{index}")).spawn(move || worker.run()).map_err(failed("start a thread"))?;
    Ok(WorkerHandle { local, commands: sender, waker })
}

/// The media thread's clock.
#[expect(clippy::disallowed_methods, reason = "a media thread reads time once per wake")]
pub(super) fn wake_time() -> Instant {
    Instant::now()
}

struct Worker {
    socket: mio::net::UdpSocket,
    state: UdpSocketState,
    poll: Poll,
    commands: Receiver<Command>,
    hub: Hub,
    streams: Streams,
}

impl Worker {
    fn run(mut self) {
        let origin = wake_time();
        let mut events = Events::with_capacity(16);
        // The kernel may join up to 64 datagrams of one sender into a buffer.
        let mut buffers: [Vec<u8>; BUFFERS] = std::array::from_fn(|_| vec![0; usize::from(u16::MAX)]);
        let mut more = false;
        loop {
            let timeout = if more { Duration::ZERO } else { self.hub.wait(wake_time()) };
            if let Err(error) = self.poll.poll(&mut events, Some(timeout))
                && error.kind() != ErrorKind::Interrupted
            {
                tracing::error!(%error, "a media thread cannot wait for its socket; it ends");
                return;
            }
            let now = wake_time();
            for event in &events {
                self.streams.ready(event.token(), event.is_readable(), event.is_writable());
            }
            match self.take_commands(now, origin) {
                Going::On => {}
                Going::Stop(reply) => {
                    self.hub.stop(now);
                    self.flush(now);
                    if let Some(reply) = reply {
                        let _ = reply.send(());
                    }
                    return;
                }
            }
            more = self.receive(&mut buffers, now, origin);
            more |= self.streams.receive(&mut self.hub, &mut buffers[0], origin, now);
            self.hub.timers(now);
            self.flush(now);
        }
    }

    fn flush(&mut self, now: Instant) {
        self.hub.flush(&self.socket, &self.state, &mut self.streams, now);
        self.streams.flush(&mut self.hub, now);
    }

    /// Reads until the socket is empty. Returns whether it may not be: its readiness is told only once.
    fn receive(&mut self, buffers: &mut [Vec<u8>; BUFFERS], now: Instant, origin: Instant) -> bool {
        for _ in 0..MAX_ROUNDS {
            let mut metas = [RecvMeta::default(); BUFFERS];
            let mut slices = buffers.each_mut().map(|buffer| IoSliceMut::new(buffer));
            let count = match self.state.recv((&self.socket).into(), &mut slices, &mut metas) {
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                // An earlier packet found nobody at its port; the next call reads on.
                Err(error) => {
                    tracing::debug!(%error, "a receive call failed");
                    continue;
                }
            };
            let moment = Moment::new(origin);
            for (buffer, meta) in buffers.iter_mut().zip(&metas).take(count) {
                let path = Path { remote: Remote::Udp(meta.addr), local: meta.dst_ip };
                let arrived_us = moment.arrived_us(meta.timestamp);
                let Some(filled) = buffer.get_mut(..meta.len) else { continue };
                for datagram in filled.chunks_mut(meta.stride.max(1)) {
                    self.hub.datagram(path, datagram, arrived_us, now);
                }
            }
            if count < BUFFERS {
                return false;
            }
            // After a backlog the first of it must not wait for the last.
            self.flush(now);
        }
        true
    }

    fn take_commands(&mut self, now: Instant, origin: Instant) -> Going {
        for _ in 0..MAX_COMMANDS {
            match self.commands.try_recv() {
                Ok(Command::Add { robot, party, talk, offer, reply }) => {
                    // Nobody waits any more: the leg would have no owner, and its predecessor would be gone for nothing.
                    if reply.is_closed() {
                        continue;
                    }
                    if let Err(Ok(answer)) = reply.send(self.hub.add(robot, party, talk, *offer, now)) {
                        self.hub.close(answer.leg, super::Why::Asked, now);
                    }
                }
                Ok(Command::Restart { leg, remote, reply }) => {
                    let _ = reply.send(self.hub.restart(leg, remote));
                }
                Ok(Command::Close { leg }) => self.hub.close(leg, super::Why::Asked, now),
                Ok(Command::Text { leg, text }) => self.hub.send_text(leg, text, now),
                Ok(Command::KeyFrame { robot }) => self.hub.want_key_frame(robot, now),
                Ok(Command::Ping { reply }) => drop(reply.send(self.hub.held(now))),
                Ok(Command::Stream(arrival)) => self.streams.take(arrival, &mut self.hub, origin, now),
                Ok(Command::Stop { reply }) => return Going::Stop(Some(reply)),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Going::Stop(None),
            }
        }
        Going::On
    }
}

enum Going {
    On,
    Stop(Option<oneshot::Sender<()>>),
}
