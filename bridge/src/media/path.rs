//! Where packets of a leg go: an address beyond UDP, or a TCP connection.

use std::net::{IpAddr, SocketAddr};

/// One accepted TCP connection of a media thread; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct StreamId(pub(super) usize);

/// Who is at the other end, as far as packets tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Remote {
    /// Datagrams from this address.
    Udp(SocketAddr),
    /// Frames on this connection, which comes from this address.
    Tcp(StreamId, SocketAddr),
}

impl Remote {
    pub(super) fn address(self) -> SocketAddr {
        match self {
            Self::Udp(address) | Self::Tcp(_, address) => address,
        }
    }
}

/// Between which two ends packets of a leg go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Path {
    /// The other end.
    pub(super) remote: Remote,
    /// The address of this machine it sent to, so that replies come from there.
    pub(super) local: Option<IpAddr>,
}
