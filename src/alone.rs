//! One part alone, from its configuration file, against an existing broker: `windowseat server`, `bridge`, `robot`.

use futures_util::future::LocalBoxFuture;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use firmware_sim::config::Source;
use protocol::Clock;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::tls::{self, CertificateFiles};
use crate::{Advice, files, keys, serve, signals, tour, welcome};

/// Where a program listens for HTTP.
#[derive(Clone, Debug)]
pub struct Front {
    /// Plain HTTP.
    pub http: Option<SocketAddr>,
    /// HTTPS.
    pub https: Option<SocketAddr>,
    /// For HTTPS.
    pub certificate: Option<CertificateFiles>,
}

impl Front {
    /// Opens the listeners, so that a taken port shows before anything starts.
    fn listen(&self) -> Result<Listeners, Advice> {
        let http = self.http.map(|address| serve::listen(address, "--http")).transpose()?;
        let https = match (self.https, &self.certificate) {
            (Some(address), Some(certificate)) => Some((serve::listen(address, "--https")?, tls::load(certificate)?)),
            _ => None,
        };
        Ok(Listeners { http, https })
    }
}

struct Listeners {
    http: Option<std::net::TcpListener>,
    https: Option<(std::net::TcpListener, axum_server::tls_rustls::RustlsConfig)>,
}

impl Listeners {
    fn serve(self, what: &str, router: &Router, tracker: &TaskTracker, stop: &CancellationToken) -> anyhow::Result<()> {
        if let Some(listener) = self.http {
            tracing::info!("the {what} listens at http://{}", listener.local_addr()?);
            serve::serve(listener, None, router.clone(), tracker, stop.clone())?;
        }
        if let Some((listener, certificate)) = self.https {
            tracing::info!("the {what} listens at https://{}", listener.local_addr()?);
            serve::serve(listener, Some(certificate), router.clone(), tracker, stop.clone())?;
        }
        tracker.close();
        Ok(())
    }
}

/// Runs the server until `stop`.
///
/// # Errors
/// It cannot start; one sentence says what to do.
pub fn server<'a>(
    config: &'a Path,
    front: Front,
    demo_folder: Option<&'a Path>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) -> LocalBoxFuture<'a, anyhow::Result<()>> {
    // Boxed here, so that all of it is compiled once and not again by each program and test that calls it.
    Box::pin(serve_server(config, front, demo_folder, clock, stop))
}

/// The code with which the first account is made on the page `/begin`.
///
/// # Errors
/// The file or the key cannot be used; one sentence says what to do.
pub async fn first_code(config: &Path) -> anyhow::Result<String> {
    let config: server::Config = files::load(config)?;
    keys::make_if_missing(&config.grant_key_file)?;
    server::first_code(&config).await
}

async fn serve_server(
    config: &Path,
    front: Front,
    demo_folder: Option<&Path>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let file = config;
    let config: server::Config = files::load(file)?;
    config
        .validate()
        .and_then(|()| config.mqtt.validate().map_err(|error| error.to_string()))
        .map_err(|advice| in_file(file, &advice))?;
    let listeners = front.listen()?;
    keys::make_if_missing(&config.grant_key_file)?;
    let public_url = config.public_url.clone();
    let running = server::start(config, clock, stop.clone()).await?;
    if let Some(folder) = demo_folder {
        let tour = tour::open(&running.state, folder, &folder.join("keys/devices.toml")).await?;
        println!("{}", welcome::of_tour(&tour, &public_url));
    }
    // A hint alone: a database that is away just now is waited for by whatever needs it.
    if running.state.store.has_staff().await.is_ok_and(|has| !has) {
        tracing::warn!(
            "nobody has an account yet: `windowseat server --config … --first-code` prints the code for {public_url}/begin"
        );
    }
    let tracker = TaskTracker::new();
    listeners.serve("server", &running.router, &tracker, &stop)?;
    running.wait().await;
    tracker.wait().await;
    Ok(())
}

/// Runs the bridge until `stop`. SIGUSR1 empties it for maintenance, SIGUSR2 opens it again.
///
/// # Errors
/// It cannot start; one sentence says what to do.
pub fn bridge<'a>(
    config: &'a Path,
    front: Front,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) -> LocalBoxFuture<'a, anyhow::Result<()>> {
    // Boxed here, so that all of it is compiled once and not again by each program and test that calls it.
    Box::pin(serve_bridge(config, front, clock, stop))
}

async fn serve_bridge(config: &Path, front: Front, clock: Arc<dyn Clock>, stop: CancellationToken) -> anyhow::Result<()> {
    let file = config;
    let config: bridge::Config = files::load(file)?;
    config.validate().map_err(|advice| in_file(file, &advice))?;
    let listeners = front.listen()?;
    let running = bridge::start(config, clock, stop.clone()).await?;
    let tracker = TaskTracker::new();
    let (mut maintenance, drain) = (signals::Maintenance::new()?, running.drain.clone());
    tracker.spawn(stop.clone().run_until_cancelled_owned(async move {
        loop {
            drain.set(maintenance.next().await).await;
        }
    }));
    listeners.serve("bridge", &running.router, &tracker, &stop)?;
    running.wait().await;
    tracker.wait().await;
    Ok(())
}

/// What a robot shows and plays instead of what it makes itself.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// A video file.
    pub video: Option<PathBuf>,
    /// A sound file.
    pub audio: Option<PathBuf>,
    /// UDP ports of picture and sound.
    pub rtp: Vec<u16>,
}

/// Runs one robot until `stop`.
///
/// # Errors
/// It cannot start; one sentence says what to do.
pub fn robot<'a>(
    config: &'a Path,
    sources: Sources,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) -> LocalBoxFuture<'a, anyhow::Result<()>> {
    // Boxed here, so that all of it is compiled once and not again by each program and test that calls it.
    Box::pin(serve_robot(config, sources, clock, stop))
}

async fn serve_robot(config: &Path, sources: Sources, clock: Arc<dyn Clock>, stop: CancellationToken) -> anyhow::Result<()> {
    let file = config;
    let mut config: firmware_sim::Config = files::load(file)?;
    if let Some(video) = sources.video {
        config.video.source = Source::File;
        config.video.file = Some(video);
    }
    if let Some(audio) = sources.audio {
        config.audio.source = Source::File;
        config.audio.file = Some(audio);
    }
    if let Some(port) = sources.rtp.first() {
        config.video.source = Source::Rtp;
        config.video.rtp_port = *port;
    }
    if let Some(port) = sources.rtp.get(1) {
        config.audio.source = Source::Rtp;
        config.audio.rtp_port = *port;
    }
    config.validate().map_err(|advice| in_file(file, &advice))?;
    let running = firmware_sim::start(config, clock, stop).await?;
    tracing::info!("the robot's own page is at http://{}/", running.page);
    running.wait().await;
    Ok(())
}

fn in_file(file: &Path, advice: &str) -> Advice {
    Advice::new(format!("{}: {advice}.", file.display()))
}
