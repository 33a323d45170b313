//! Ports for programs that are told where to listen before they start.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// Where the kernel's own choices begin on Linux (`ip_local_port_range`). A port above it that was free a moment ago may by now be the near
/// end of any connection on the machine; one below is only taken by whoever asks for it.
const KERNEL_CHOOSES_FROM: u16 = 32_768;
const FIRST: u16 = 12_000;

/// A port of loopback that is free for TCP and UDP, and that this process was not given before.
///
/// # Panics
/// Loopback has no free port.
#[must_use]
pub fn free() -> u16 {
    static TRIED: AtomicU16 = AtomicU16::new(0);
    const ROOM: u16 = KERNEL_CHOOSES_FROM - FIRST;
    // Processes that test at the same time begin at different places.
    let begin = u16::try_from(std::process::id().wrapping_mul(997) % u32::from(ROOM)).unwrap_or(0);
    (0..ROOM)
        .map(|_| FIRST + (begin + TRIED.fetch_add(1, Ordering::Relaxed) % ROOM) % ROOM)
        .find(|port| {
            TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok() && UdpSocket::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()
        })
        .expect("loopback has a free port")
}

/// The same as an address.
///
/// # Panics
/// Loopback has no free port.
#[must_use]
pub fn address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, free()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_free_each_given_once_and_never_of_those_that_the_kernel_gives_to_connections() {
        let first = free();
        let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, first + 1));
        let ports: std::collections::BTreeSet<u16> = (0..200).map(|_| free()).chain([first]).collect();
        assert_eq!(ports.len(), 201);
        assert!(
            !ports.contains(&(first + 1)) && ports.iter().all(|port| (FIRST..KERNEL_CHOOSES_FROM).contains(port)),
            "{ports:?}"
        );
    }
}
