//! Which addresses an answer names, in which order.

use std::net::{IpAddr, SocketAddr};

use super::MediaConfig;

/// What the answers of a thread name.
#[derive(Clone, Debug, Default)]
pub(super) struct Reach {
    /// Its UDP socket.
    pub(super) udp: Vec<SocketAddr>,
    /// The engine's TCP port; empty without one.
    pub(super) tcp: Vec<SocketAddr>,
}

/// Addresses for clients, the best first, because some try only the first: those configured, else the one the socket is
/// bound to, else those of this machine with loopback last.
pub(super) fn reachable(config: &MediaConfig, local: SocketAddr) -> Vec<SocketAddr> {
    if !config.public_addresses.is_empty() {
        return with_port(&config.public_addresses, local.port());
    }
    if !local.ip().is_unspecified() {
        return vec![local];
    }
    let mut own = match rtc_shared::ifaces::ifaces() {
        Ok(interfaces) => interfaces.into_iter().filter_map(|interface| Some(interface.addr?.ip())).collect(),
        Err(error) => {
            tracing::warn!(%error, "the addresses of this machine cannot be listed; name them in media.public_addresses");
            Vec::new()
        }
    };
    order(&mut own, local.is_ipv4());
    with_port(&own, local.port())
}

fn order(addresses: &mut Vec<IpAddr>, only_v4: bool) {
    addresses.retain(|ip| match ip {
        IpAddr::V4(ip) => !ip.is_link_local() && !ip.is_unspecified(),
        // Link-local addresses would need a zone.
        IpAddr::V6(ip) => !only_v4 && !ip.is_unspecified() && !ip.is_unicast_link_local(),
    });
    addresses.sort_by_key(|ip| (ip.is_loopback(), ip.is_ipv6()));
    addresses.dedup();
}

fn with_port(addresses: &[IpAddr], port: u16) -> Vec<SocketAddr> {
    addresses.iter().map(|ip| SocketAddr::new(*ip, port)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ips(list: &[&str]) -> Vec<IpAddr> {
        list.iter().map(|ip| ip.parse().unwrap()).collect()
    }

    #[test]
    fn loopback_comes_last_and_what_cannot_be_reached_is_left_out() {
        let mut all = ips(&["127.0.0.1", "::1", "fe80::1", "2001:db8::1", "169.254.1.1", "192.0.2.7"]);
        order(&mut all, false);
        assert_eq!(all, ips(&["192.0.2.7", "2001:db8::1", "127.0.0.1", "::1"]));
        order(&mut all, true);
        assert_eq!(all, ips(&["192.0.2.7", "127.0.0.1"]));
    }

    #[test]
    fn configured_addresses_are_taken_as_they_are() {
        let config = MediaConfig { public_addresses: ips(&["198.51.100.1", "127.0.0.1"]), ..MediaConfig::default() };
        let told: Vec<String> = reachable(&config, "0.0.0.0:8189".parse().unwrap()).iter().map(ToString::to_string).collect();
        assert_eq!(told, ["198.51.100.1:8189", "127.0.0.1:8189"]);
    }

    #[test]
    fn a_bound_address_is_the_only_one() {
        let local: SocketAddr = "127.0.0.1:8189".parse().unwrap();
        assert_eq!(reachable(&MediaConfig::default(), local), vec![local]);
    }
}
