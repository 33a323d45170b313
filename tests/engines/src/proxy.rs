//! A TCP link whose weather a test makes: cut, slow, late, or silent without anybody being told.
//!
//! It knows nothing of what passes. Bytes of one direction stay in order; each direction holds at most `CHUNKS_HELD` chunks, and
//! whoever sends more waits, as on a real link.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

const CHUNKS_HELD: usize = 64;
const CHUNK: usize = 16 * 1024;
/// A throttled link passes this many chunks a second.
const THROTTLED_CHUNKS: u32 = 20;

/// What the link is like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weather {
    /// Bytes pass at once.
    #[default]
    Fair,
    /// Every connection is reset, new ones too.
    Cut,
    /// Connections stand, nothing passes, nobody is told.
    Silent,
    /// Every byte comes so much later.
    Late(Duration),
    /// At most so many bytes a second and direction.
    Slow(u32),
}

/// The link. Ends when this is dropped.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    weather: watch::Sender<Weather>,
    _stop: DropGuard,
}

impl Proxy {
    /// Listens on a free port of loopback and passes everything on to `target`.
    ///
    /// # Panics
    /// Loopback has no free port.
    pub async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (weather, seen) = watch::channel(Weather::Fair);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let tasks = TaskTracker::new();
        let connections = tasks.clone();
        tasks.spawn(async move {
            loop {
                let accepted = tokio::select! {
                    () = stopped.cancelled() => return,
                    accepted = listener.accept() => accepted,
                };
                if let Ok((near, _)) = accepted {
                    let (seen, stopped) = (seen.clone(), stopped.clone());
                    connections.spawn(async move {
                        tokio::select! {
                            () = stopped.cancelled() => {}
                            () = connection(near, target, seen) => {}
                        }
                    });
                }
            }
        });
        Self { address, weather, _stop: stop.drop_guard() }
    }

    /// Changes the weather, for connections that stand and for new ones.
    pub fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

async fn connection(near: TcpStream, target: SocketAddr, mut weather: watch::Receiver<Weather>) {
    // Dropping a socket with zero linger resets the connection: the other end learns it at once, as from a host that is there.
    let _ = near.set_zero_linger();
    if *weather.borrow() == Weather::Cut {
        return;
    }
    let Ok(far) = TcpStream::connect(target).await else { return };
    let _ = (far.set_zero_linger(), near.set_nodelay(true), far.set_nodelay(true));
    let ((near_read, near_write), (far_read, far_write)) = (near.into_split(), far.into_split());
    tokio::select! {
        () = pass(near_read, far_write, weather.clone()) => {}
        () = pass(far_read, near_write, weather.clone()) => {}
        _ = weather.wait_for(|weather| *weather == Weather::Cut) => {}
    }
}

/// Passes one direction on until either end closes.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut weather: watch::Receiver<Weather>) {
    let (held, mut due) = mpsc::channel::<(Instant, Vec<u8>)>(CHUNKS_HELD);
    let mut reading = weather.clone();
    let read = async move {
        loop {
            let now = *reading.borrow_and_update();
            let (room, late) = match now {
                Weather::Slow(bytes) => {
                    (CHUNK.min((bytes / THROTTLED_CHUNKS).max(1) as usize), Duration::from_secs(1) / THROTTLED_CHUNKS)
                }
                Weather::Late(late) => (CHUNK, late),
                _ => (CHUNK, Duration::ZERO),
            };
            let mut chunk = vec![0; room];
            let Ok(count @ 1..) = from.read(&mut chunk).await else { return };
            chunk.truncate(count);
            if held.send((Instant::now() + late, chunk)).await.is_err() {
                return;
            }
            if matches!(now, Weather::Slow(_)) {
                tokio::time::sleep(late).await;
            }
        }
    };
    let write = async move {
        while let Some((at, chunk)) = due.recv().await {
            tokio::time::sleep_until(at).await;
            if weather.wait_for(|weather| *weather != Weather::Silent).await.is_err() || to.write_all(&chunk).await.is_err() {
                return;
            }
        }
    };
    // When the reader ends, what it held still goes out; when the writer ends, nothing more can.
    tokio::pin!(write);
    tokio::select! {
        () = read => write.await,
        () = &mut write => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pair() -> (Proxy, TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::start(listener.local_addr().unwrap()).await;
        let near = TcpStream::connect(proxy.address).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        (proxy, near, far)
    }

    async fn hears(stream: &mut TcpStream, text: &str) {
        let mut heard = vec![0; text.len()];
        tokio::time::timeout(Duration::from_secs(10), stream.read_exact(&mut heard)).await.expect("it comes").unwrap();
        assert_eq!(heard, text.as_bytes());
    }

    #[tokio::test]
    async fn bytes_pass_both_ways_in_every_weather_but_silence_and_a_cut() {
        let (proxy, mut near, mut far) = pair().await;
        for weather in [Weather::Fair, Weather::Late(Duration::from_millis(50)), Weather::Slow(2_000), Weather::Fair] {
            proxy.set(weather);
            near.write_all(b"there, and far from short of one chunk").await.unwrap();
            hears(&mut far, "there, and far from short of one chunk").await;
            far.write_all(b"back").await.unwrap();
            hears(&mut near, "back").await;
        }
    }

    #[tokio::test]
    async fn silence_keeps_everything_and_tells_nobody() {
        let (proxy, mut near, mut far) = pair().await;
        proxy.set(Weather::Silent);
        near.write_all(b"held").await.unwrap();
        let mut byte = [0];
        let early = tokio::time::timeout(Duration::from_millis(200), far.read(&mut byte)).await;
        assert!(early.is_err(), "nothing comes and nothing ends: {early:?}");
        proxy.set(Weather::Fair);
        hears(&mut far, "held").await;
    }

    #[tokio::test]
    async fn a_cut_resets_what_stands_and_what_is_new() {
        let (proxy, mut near, mut far) = pair().await;
        proxy.set(Weather::Cut);
        let mut byte = [0];
        let ended = |read: std::io::Result<usize>| read.map_or(true, |count| count == 0);
        assert!(ended(near.read(&mut byte).await) && ended(far.read(&mut byte).await));
        let mut late = TcpStream::connect(proxy.address).await.unwrap();
        assert!(ended(late.read(&mut byte).await));
    }
}
