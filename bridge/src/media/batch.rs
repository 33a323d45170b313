//! Packets on their way out, gathered per path so that one system call sends several (UDP segmentation offload).
//!
//! Nothing waits here: a wake of the media thread ends with [`Batch::flush`]. Packets of one path leave in the order they came.

use std::io::ErrorKind;
use std::time::Instant;

use quinn_udp::{Transmit, UdpSocketState};

use super::path::{Path, Remote};
use super::tcp::Streams;

/// Most bytes sent by one call.
const MAX_BURST: usize = 60_000;

/// Most packets sent by one call, whatever the kernel allows: a router's queue is short.
const MAX_SEGMENTS: usize = 32;

/// Most buffers kept for the next wake.
const MAX_SPARE: usize = 64;

struct Burst {
    path: Path,
    bytes: Vec<u8>,
    segment: usize,
    count: usize,
    /// A packet shorter than the others ends a burst.
    ended: bool,
}

/// See the module.
pub(super) struct Batch {
    bursts: Vec<Burst>,
    spare: Vec<Vec<u8>>,
    max_segments: usize,
    /// Packets the socket did not take since the last question.
    dropped: u64,
}

impl Batch {
    pub(super) fn new() -> Self {
        Self { bursts: Vec::new(), spare: Vec::new(), max_segments: 1, dropped: 0 }
    }

    /// Queues a packet that is complete.
    pub(super) fn push(&mut self, path: Path, packet: &[u8]) {
        self.write(path, packet.len(), |space| {
            space.copy_from_slice(packet);
            Some(())
        });
    }

    /// Queues a packet of `length` bytes that `fill` writes in place; nothing is queued if it returns `None`.
    pub(super) fn write(&mut self, path: Path, length: usize, fill: impl FnOnce(&mut [u8]) -> Option<()>) -> Option<()> {
        let max_segments = self.max_segments;
        let fits = |burst: &Burst| {
            !burst.ended && length <= burst.segment && burst.count < max_segments && burst.bytes.len() + length <= MAX_BURST
        };
        let newest = self.bursts.iter().rposition(|burst| burst.path == path);
        let place = match newest.filter(|place| fits(&self.bursts[*place])) {
            Some(place) => place,
            None => {
                let bytes = self.spare.pop().unwrap_or_default();
                self.bursts.push(Burst { path, bytes, segment: length, count: 0, ended: false });
                self.bursts.len() - 1
            }
        };
        let burst = &mut self.bursts[place];
        let start = burst.bytes.len();
        burst.bytes.resize(start + length, 0);
        if fill(&mut burst.bytes[start..]).is_none() {
            burst.bytes.truncate(start);
            return None;
        }
        burst.count += 1;
        burst.ended = length < burst.segment;
        Some(())
    }

    /// Sends everything. What the UDP socket does not take at once is dropped, as a full router would; a TCP connection keeps
    /// some of it (see `tcp/queue.rs`).
    pub(super) fn flush(&mut self, socket: &mio::net::UdpSocket, state: &UdpSocketState, streams: &mut Streams, now: Instant) {
        for mut burst in self.bursts.drain(..) {
            match burst.path.remote {
                _ if burst.count == 0 => {}
                Remote::Tcp(id, _) => streams.send(id, burst.bytes.chunks(burst.segment), now),
                Remote::Udp(destination) => {
                    let transmit = Transmit {
                        destination,
                        ecn: None,
                        contents: &burst.bytes,
                        segment_size: (burst.count > 1).then_some(burst.segment),
                        src_ip: burst.path.local,
                    };
                    if let Err(error) = state.try_send(socket.into(), &transmit) {
                        self.dropped += burst.count as u64;
                        if error.kind() != ErrorKind::WouldBlock {
                            tracing::debug!(%error, packets = burst.count, "packets could not be sent");
                        }
                    }
                }
            }
            if self.spare.len() < MAX_SPARE {
                burst.bytes.clear();
                self.spare.push(burst.bytes);
            }
        }
        // The kernel may turn offload down at the first try.
        self.max_segments = state.max_gso_segments().clamp(1, MAX_SEGMENTS);
    }

    /// Packets that wait.
    #[cfg(test)]
    pub(super) fn queued(&self) -> usize {
        self.bursts.iter().map(|burst| burst.count).sum()
    }

    /// The packet queued last.
    #[cfg(test)]
    pub(super) fn newest(&self) -> &[u8] {
        let burst = self.bursts.last().expect("something is queued");
        let last = burst.bytes.len() - (burst.bytes.len() - 1) % burst.segment - 1;
        &burst.bytes[last..]
    }

    /// Packets dropped since the last call.
    pub(super) fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn path(port: u16) -> Path {
        Path { remote: Remote::Udp(SocketAddr::from(([127, 0, 0, 1], port))), local: None }
    }

    #[test]
    fn equal_packets_of_one_path_share_a_call_and_a_shorter_one_ends_it() {
        let mut batch = Batch { max_segments: 3, ..Batch::new() };
        for (port, length) in [(1, 100), (2, 50), (1, 100), (1, 60), (1, 60), (1, 60), (1, 60), (1, 60), (2, 51)] {
            batch.push(path(port), &vec![0; length]);
        }
        let shape: Vec<_> =
            batch.bursts.iter().map(|burst| (burst.path.remote.address().port(), burst.segment, burst.count)).collect();
        assert_eq!(shape, [(1, 100, 3), (2, 50, 1), (1, 60, 3), (1, 60, 1), (2, 51, 1)]);
    }

    #[test]
    fn a_packet_that_could_not_be_written_leaves_no_trace() {
        let mut batch = Batch { max_segments: 8, ..Batch::new() };
        batch.push(path(1), &[1; 10]);
        assert_eq!(batch.write(path(1), 10, |_| None), None);
        batch.push(path(1), &[2; 10]);
        assert_eq!(batch.bursts[0].bytes, [[1; 10], [2; 10]].concat());
        assert_eq!(batch.bursts[0].count, 2);
    }
}
