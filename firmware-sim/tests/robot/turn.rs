//! The robot and TURN servers: it asks a real one (Debian's coturn) for an address, and needs none to connect.

use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use protocol::IceServer;

use super::*;

struct Coturn {
    process: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Coturn {
    async fn start() -> Self {
        let port = engines::port::free();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("turnserver.conf");
        let shown = folder.path().display();
        let config = format!(
            "listening-ip=127.0.0.1\nrelay-ip=127.0.0.1\nlistening-port={port}\nlt-cred-mech\nuser=robot:password\nrealm=school.example\n\
             fingerprint\nno-cli\nno-tls\nno-dtls\npidfile={shown}/pid\nuserdb={shown}/turn.db\nlog-file=stdout\n"
        );
        std::fs::write(&file, config).unwrap();
        let process = Command::new("turnserver").arg("-c").arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let process = process.expect("coturn is installed: apt-get install coturn");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let coturn = Self { process, port, _folder: folder };
        eventually("coturn listens", || async { TcpStream::connect(address).ok() }).await;
        coturn
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn servers(port: u16) -> Vec<IceServer> {
    let urls = [
        format!("turn:127.0.0.1:{port}?transport=udp"),
        format!("turn:127.0.0.1:{port}?transport=tcp"),
        format!("turns:127.0.0.1:{port}?transport=tcp"),
    ];
    vec![IceServer { urls: urls.into(), username: "robot".into(), credential: "password".into() }]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_robot_whose_permission_names_a_turn_server_offers_an_address_there() {
    let world = World::with(|_| {}).await;
    let coturn = Coturn::start().await;
    world.hello(Status::Here).await;
    world.grant_with(servers(coturn.port)).await;
    eventually("the robot connects", || async { world.endpoint.is_connected().then_some(()) }).await;
    let offer = world.endpoint.offer();
    assert!(offer.lines().any(|line| line.contains(" typ relay ")), "{offer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_server_that_does_not_answer_keeps_no_robot_from_its_bridge() {
    let world = World::with(|_| {}).await;
    // Bound, and never read.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    world.hello(Status::Here).await;
    world.grant_with(servers(silent.local_addr().unwrap().port())).await;
    eventually("the robot connects", || async { world.endpoint.is_connected().then_some(()) }).await;
    assert!(!world.endpoint.offer().contains(" typ relay "));
}
