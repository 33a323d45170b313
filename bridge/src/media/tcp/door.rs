//! The one TCP port: accepts connections, reads what each says first, and hands it to the media thread that it is for.
//!
//! The first frame must be an ICE check. The first character of its user name fragment says which thread made it (see
//! [`super::super::hub`]), so nothing is shared with the threads but their queues. Nothing is proved here. Who waits is bounded in number,
//! bytes and time: the oldest goes for the newest, and an honest end says its first frame at once.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token, Waker};

use super::super::worker::{Command, WorkerHandle, wake_time};
use super::super::{hub, stun};
use super::Arrival;
use super::framing::Frames;

/// Connections that have not said anything useful yet.
const MAX_WAITING: usize = 256;

/// How long one may take for its first frame.
const FIRST_WITHIN: Duration = Duration::from_secs(5);

/// Bytes read from one before its first frame is whole. A check has about a hundred.
const MAX_FIRST: usize = 2048;

/// Most connections accepted per wake.
const MAX_ACCEPTS: usize = 64;

/// How soon accepting is tried again after the system refused it.
const AGAIN: Duration = Duration::from_millis(100);

/// The door looks after itself at least this often.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

const LISTENER: Token = Token(0);
const WAKE: Token = Token(1);
const FIRST_TOKEN: usize = 2;

/// A running door; it closes when this is dropped.
pub(in super::super) struct Door {
    pub(in super::super) local: SocketAddr,
    is_closed: Arc<AtomicBool>,
    waker: Waker,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.close();
    }
}

impl Door {
    /// Starts the thread.
    pub(in super::super) fn open(listener: std::net::TcpListener, workers: &[WorkerHandle]) -> std::io::Result<Self> {
        let local = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let mut listener = mio::net::TcpListener::from_std(listener);
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let waker = Waker::new(poll.registry(), WAKE)?;
        let is_closed = Arc::new(AtomicBool::new(false));
        let workers = workers.to_vec();
        let room = Room {
            listener,
            poll,
            workers,
            is_closed: Arc::clone(&is_closed),
            waiting: BTreeMap::new(),
            made: FIRST_TOKEN,
            accept_again: false,
        };
        std::thread::Builder::new().name("media-tcp".into()).spawn(move || room.run())?;
        Ok(Self { local, is_closed, waker })
    }

    /// Lets nobody in any more.
    pub(in super::super) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        let _ = self.waker.wake();
    }
}

struct Room {
    listener: mio::net::TcpListener,
    poll: Poll,
    workers: Vec<WorkerHandle>,
    is_closed: Arc<AtomicBool>,
    /// By token, so the first is the oldest.
    waiting: BTreeMap<usize, Waiting>,
    made: usize,
    accept_again: bool,
}

struct Waiting {
    socket: mio::net::TcpStream,
    from: SocketAddr,
    said: Vec<u8>,
    since: Instant,
}

impl Room {
    fn run(mut self) {
        let mut events = Events::with_capacity(64);
        loop {
            let timeout = if self.accept_again { AGAIN } else { LONGEST_WAIT };
            if let Err(error) = self.poll.poll(&mut events, Some(timeout))
                && error.kind() != ErrorKind::Interrupted
            {
                tracing::error!(%error, "the door for media by TCP cannot wait; it closes");
                return;
            }
            if self.is_closed.load(Ordering::Relaxed) {
                return;
            }
            let now = wake_time();
            if self.accept_again || events.iter().any(|event| event.token() == LISTENER) {
                self.accept(now);
            }
            for event in &events {
                if event.token().0 >= FIRST_TOKEN {
                    self.read(event.token().0);
                }
            }
            while let Some(first) = self.waiting.first_entry() {
                if now.saturating_duration_since(first.get().since) < FIRST_WITHIN {
                    break;
                }
                first.remove();
            }
        }
    }

    fn accept(&mut self, now: Instant) {
        self.accept_again = false;
        for _ in 0..MAX_ACCEPTS {
            let (mut socket, from) = match self.listener.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => continue,
                Err(error) => {
                    tracing::warn!(%error, "a TCP connection for media could not be accepted");
                    self.accept_again = true;
                    return;
                }
            };
            let token = self.made;
            self.made += 1;
            if self.poll.registry().register(&mut socket, Token(token), Interest::READABLE).is_err() {
                continue;
            }
            if self.waiting.len() >= MAX_WAITING {
                self.waiting.pop_first();
            }
            self.waiting.insert(token, Waiting { socket, from, said: Vec::new(), since: now });
        }
        self.accept_again = true;
    }

    fn read(&mut self, token: usize) {
        let Some(waiting) = self.waiting.get_mut(&token) else { return };
        let mut buffer = [0; MAX_FIRST];
        loop {
            let room = MAX_FIRST - waiting.said.len();
            match waiting.socket.read(&mut buffer[..room]) {
                Ok(count) if count > 0 => waiting.said.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                _ => break,
            }
            match first_frame(&waiting.said) {
                First::Partial if waiting.said.len() < MAX_FIRST => {}
                First::For(thread) => return self.hand_over(token, thread),
                First::Partial | First::Useless => break,
            }
        }
        self.waiting.remove(&token);
    }

    fn hand_over(&mut self, token: usize, thread: usize) {
        let Some(mut waiting) = self.waiting.remove(&token) else { return };
        let Some(worker) = self.workers.get(thread) else { return };
        if self.poll.registry().deregister(&mut waiting.socket).is_err() {
            return;
        }
        let arrival = Arrival { stream: waiting.socket.into(), from: waiting.from, first: waiting.said };
        // A thread with a full queue has no time for one more.
        let _ = worker.try_send(Command::Stream(arrival));
    }
}

/// What a connection said so far.
enum First {
    Partial,
    /// A check for a leg of this thread.
    For(usize),
    Useless,
}

fn first_frame(said: &[u8]) -> First {
    let mut first = None;
    // What follows it is the thread's to read.
    let fed = Frames::default().feed(&mut said.to_vec(), |frame| {
        first.get_or_insert_with(|| stun::local_ufrag(frame).and_then(hub::thread_of));
    });
    match (first, fed) {
        (Some(Some(thread)), _) => First::For(thread),
        (Some(None), _) | (None, Err(_)) => First::Useless,
        (None, Ok(())) => First::Partial,
    }
}
