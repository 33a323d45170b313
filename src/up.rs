//! `windowseat up`: broker, server, bridge and two robots in one process, on one data folder. Start order and stop order.
//!
//! The parts talk exactly as they do apart: by MQTT through the broker, by HTTP through the listener. Only the settings are handed
//! over in memory. A first start makes keys, secrets and the demo authority; a later one goes on with what is there.

use futures_util::future::LocalBoxFuture;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use firmware_sim::config::BoardLine;
use mqtt_link::{MqttConfig, Secret};
use protocol::{Clock, SystemClock};
use server::demo;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::broker::{self, Accounts, Broker, Embedded};
use crate::tls::{self, CertificateFiles};
use crate::tour::{self, Tour};
use crate::{Advice, keys, secrets, serve};

/// Secrets of everyone who signs in to the broker.
const DEVICES: &str = "keys/devices.toml";

/// How long each part may take to stop. Together they stay under the five seconds that Ctrl-C promises.
const ROBOTS_STOP: Duration = Duration::from_millis(1_000);
const BRIDGE_STOP: Duration = Duration::from_millis(1_500);
const SERVER_STOP: Duration = Duration::from_millis(1_000);
const REST_STOP: Duration = Duration::from_millis(800);

/// What `up` is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Folder for everything that is kept.
    pub data: PathBuf,
    /// Plain HTTP, for this machine.
    pub http: SocketAddr,
    /// HTTPS, for the network.
    pub https: SocketAddr,
    /// The broker.
    pub mqtt: SocketAddr,
    /// UDP and TCP port of the bridge's media. 0: any.
    pub media_port: u16,
    /// Addresses of this machine as the network sees them. Empty: found.
    pub addresses: Vec<IpAddr>,
    /// Certificate to use instead of a generated one.
    pub certificate: Option<CertificateFiles>,
    /// TURN servers for networks from which this machine's media ports cannot be reached.
    pub turn: server::config::TurnConfig,
}

/// Everything, running.
pub struct Up {
    /// Plain HTTP, where it really listens.
    pub http: SocketAddr,
    /// HTTPS, where it really listens.
    pub https: SocketAddr,
    /// The broker, where it really listens.
    pub mqtt: SocketAddr,
    /// What the demo authority offers to whoever tries it.
    pub demo: Tour,
    /// Name and own page of each robot.
    pub robots: Vec<(String, SocketAddr)>,
    /// The server's store and state, for tests.
    pub state: server::AppState,
    /// Where everything is kept.
    pub data: PathBuf,
    address: IpAddr,
    broker: Embedded,
    parts: Parts,
    tracker: TaskTracker,
    listeners: CancellationToken,
}

struct Parts {
    server: (server::Running, CancellationToken),
    bridge: (bridge::Running, CancellationToken),
    robots: (Vec<firmware_sim::Running>, CancellationToken),
}

/// Starts everything and returns when the pages can be opened.
///
/// # Errors
/// A port, a folder or a file cannot be used; one sentence says what to do.
pub fn start(settings: Settings, clock: Arc<dyn Clock>) -> LocalBoxFuture<'static, anyhow::Result<Up>> {
    // Boxed here, so that all of it is compiled once and not again by each program and test that calls it.
    Box::pin(starting(settings, clock))
}

async fn starting(settings: Settings, clock: Arc<dyn Clock>) -> anyhow::Result<Up> {
    let data = &settings.data;
    std::fs::create_dir_all(data.join("keys")).map_err(|error| Advice::unwritable(data, &error))?;
    // Everything that can be refused is tried before anything starts.
    let own: Vec<IpAddr> =
        if settings.addresses.is_empty() { tls::own_address().into_iter().collect() } else { settings.addresses };
    let http = serve::listen(settings.http, "--http")?;
    let https = serve::listen(announced(settings.https, &own), "--https")?;
    let address = match settings.https.ip() {
        // Whoever listens on one address only is reached there and nowhere else.
        one if !one.is_unspecified() => one,
        _ => own.first().copied().unwrap_or(Ipv4Addr::LOCALHOST.into()),
    };
    let media_addresses = with_loopback(&own, address);
    let media = SocketAddr::new(any_for(&media_addresses), settings.media_port);
    media_is_free(media)?;
    let certificate = match settings.certificate {
        Some(files) => files,
        // The certificate is for browsers, which know no demo clock.
        None => tls::make_if_missing(&data.join("keys"), &media_addresses, SystemClock::new().now().utc.date_naive())?,
    };
    let tls = tls::load(&certificate)?;
    let grant_keys = keys::make_if_missing(&data.join("keys/grant-private.pem"))?;
    let (http_at, https_at) = (http.local_addr()?, https.local_addr()?);

    let accounts = accounts(data)?;
    let tracker = TaskTracker::new();
    let broker = Embedded::start(settings.mqtt, accounts.clone(), &tracker).await?;
    let mqtt = |user: &str| MqttConfig {
        url: format!("mqtt://{}", broker.address()),
        username: user.to_owned(),
        password: accounts.get(user).map(Secret::new),
        ..MqttConfig::default()
    };

    let tokens: [CancellationToken; 4] = std::array::from_fn(|_| CancellationToken::new());
    let [server_token, bridge_token, robots_token, listeners] = tokens;
    let public_url = format!("https://{}", SocketAddr::new(address, https_at.port()));
    let server_config = server::Config {
        database: data.join("windowseat.db").into(),
        grant_key_file: grant_keys.private.clone(),
        public_url: public_url.clone(),
        mqtt: mqtt(broker::SERVER),
        turn: settings.turn,
        ..server::Config::default()
    };
    let server = server::start(server_config, Arc::clone(&clock), server_token.clone()).await?;
    let tour = tour::open(&server.state, data, &data.join(DEVICES)).await?;

    let bridge_config = bridge::Config {
        bridge_id: demo::BRIDGE,
        http_base: format!("http://{}", reachable(http_at)),
        grant_public_key: grant_keys.public.clone(),
        outbox: bridge::config::OutboxConfig { path: data.join("outbox.db"), ..Default::default() },
        media: bridge::config::MediaConfig {
            bind: media.ip(),
            port: media.port(),
            public_addresses: media_addresses,
            ..Default::default()
        },
        mqtt: mqtt(&demo::BRIDGE.to_string()),
        ..bridge::Config::default()
    };
    let bridge = bridge::start(bridge_config, Arc::clone(&clock), bridge_token.clone()).await?;

    let pages = server.router.clone().merge(bridge.router.clone());
    serve::serve(http, None, pages.clone(), &tracker, listeners.clone())?;
    serve::serve(https, Some(tls), pages, &tracker, listeners.clone())?;

    let mut robots = Vec::new();
    for (seed, robot) in (1..).zip(demo::robots(clock.now().utc)) {
        let config = firmware_sim::Config { seed, mqtt: mqtt(&robot.robot_id.to_string()), ..robot_config(&robot) };
        robots.push((robot.name, firmware_sim::start(config, Arc::clone(&clock), robots_token.clone()).await?));
    }
    Ok(Up {
        http: http_at,
        https: https_at,
        mqtt: broker.address(),
        demo: tour,
        robots: robots.iter().map(|(name, robot)| (name.clone(), robot.page)).collect(),
        state: server.state.clone(),
        data: settings.data,
        address,
        broker,
        parts: Parts {
            server: (server, server_token),
            bridge: (bridge, bridge_token),
            robots: (robots.into_iter().map(|(_, robot)| robot).collect(), robots_token),
        },
        tracker,
        listeners,
    })
}

impl Up {
    /// Address of the pages on this machine.
    #[must_use]
    pub fn local_url(&self) -> String {
        format!("http://{}", reachable(self.http))
    }

    /// Address of the pages in the network.
    #[must_use]
    pub fn network_url(&self) -> String {
        format!("https://{}", SocketAddr::new(self.address, self.https.port()))
    }

    /// Stops everything in order: visits end first, so that the last facts still reach the server.
    pub async fn stop(self) {
        let Parts { server, bridge, robots } = self.parts;
        robots.1.cancel();
        self.listeners.cancel();
        let waits = robots.0.into_iter().map(firmware_sim::Running::wait);
        let _ = timeout(ROBOTS_STOP, futures_util::future::join_all(waits)).await;
        bridge.1.cancel();
        let _ = timeout(BRIDGE_STOP, bridge.0.wait()).await;
        server.1.cancel();
        let _ = timeout(SERVER_STOP, server.0.wait()).await;
        self.broker.shut_down();
        self.tracker.close();
        let _ = timeout(REST_STOP, self.tracker.wait()).await;
    }
}

/// Secrets of everyone who signs in to the broker.
fn accounts(data: &Path) -> Result<Accounts, Advice> {
    let mut names = vec![broker::SERVER.to_owned(), broker::OPERATOR.to_owned(), demo::BRIDGE.to_string()];
    names.extend(demo::ROBOTS.iter().map(ToString::to_string));
    secrets::load_or_make(&data.join(DEVICES), &names)
}

/// What a robot of the demo is told.
fn robot_config(robot: &demo::DemoRobot) -> firmware_sim::Config {
    let line = |(from, until, title): &(_, _, String)| BoardLine { from: *from, until: *until, title: title.clone() };
    firmware_sim::Config {
        robot_id: robot.robot_id,
        name: robot.name.clone(),
        board: robot.board.iter().map(line).collect(),
        ..firmware_sim::Config::default()
    }
}

/// Where to listen so that each of these is reached: a socket for all of IPv4 is not reached by IPv6, one for all of both is by both.
fn any_for(addresses: &[IpAddr]) -> IpAddr {
    if addresses.iter().any(IpAddr::is_ipv6) { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() }
}

/// Where to listen, if the network is told `own` addresses: all of IPv4 is not enough for one that is not of it.
fn announced(listens: SocketAddr, own: &[IpAddr]) -> SocketAddr {
    let is_all_of_four = listens.ip() == IpAddr::from(Ipv4Addr::UNSPECIFIED);
    if is_all_of_four { SocketAddr::new(any_for(own), listens.port()) } else { listens }
}

fn media_is_free(any: SocketAddr) -> Result<(), Advice> {
    let port = any.port();
    for (transport, bound) in [("UDP", UdpSocket::bind(any).map(drop)), ("TCP", TcpListener::bind(any).map(drop))] {
        bound.map_err(|error| {
            Advice::new(format!(
                "{transport} port {port} for picture and sound cannot be used ({error}): choose another with --media-port."
            ))
        })?;
    }
    Ok(())
}

/// `address` as this machine itself reaches it.
fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() { SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port()) } else { address }
}

/// Every address of this machine that a certificate must name and media may arrive at, best first.
fn with_loopback(found: &[IpAddr], chosen: IpAddr) -> Vec<IpAddr> {
    let mut all = Vec::new();
    for address in found.iter().copied().chain([chosen, Ipv4Addr::LOCALHOST.into()]) {
        if !all.contains(&address) {
            all.push(address);
        }
    }
    all
}
