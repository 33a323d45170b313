//! The one command: `up` (default), `server`, `bridge`, `robot`. Arguments and wiring only; the wiring is in the library.
//!
//! Exit codes: 0 stopped in order; 1 something failed while running; 2 it could not start, and one sentence says what to do.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use server::config::TurnConfig;
use windowseat::alone::{self, Front};
use windowseat::at::ClockArguments;
use windowseat::tls::CertificateFiles;
use windowseat::{Advice, signals, up, welcome};

/// Keeps a child's seat in class while the child is ill.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    up: UpArguments,
}

#[derive(Subcommand)]
enum Command {
    /// Everything in one process: broker, server, bridge, two simulated robots, a demo authority (the default)
    Up(UpArguments),
    /// The server alone, against an existing broker
    Server(ServerArguments),
    /// The bridge alone, against an existing broker
    Bridge(BridgeArguments),
    /// One simulated robot alone, against an existing broker
    Robot(RobotArguments),
}

#[derive(Args)]
struct UpArguments {
    /// Folder for everything that is kept
    #[arg(long, default_value = "data", value_name = "DIR")]
    data: PathBuf,
    #[command(flatten)]
    clock: ClockArguments,
    /// Address for browsers on this machine
    #[arg(long, default_value = "127.0.0.1:8460", value_name = "ADDRESS")]
    http: SocketAddr,
    /// Address for tablets and phones in the network
    #[arg(long, default_value = "0.0.0.0:8461", value_name = "ADDRESS")]
    https: SocketAddr,
    /// Address of the MQTT broker
    #[arg(long, default_value = "127.0.0.1:8462", value_name = "ADDRESS")]
    mqtt: SocketAddr,
    /// UDP port for picture and sound, and TCP port where UDP does not come through
    #[arg(long, default_value_t = 8463, value_name = "PORT")]
    media_port: u16,
    /// This machine's address as tablets in the network see it, best first; found by itself if not given
    #[arg(long, value_name = "IP")]
    lan: Vec<IpAddr>,
    /// TURN server for networks that let nobody reach this machine, for one turns:host:443?transport=tcp
    #[arg(long, requires = "turn_secret_file", value_name = "URL")]
    turn: Vec<String>,
    /// File with the secret that the TURN server knows (coturn: static-auth-secret)
    #[arg(long, requires = "turn", value_name = "FILE")]
    turn_secret_file: Option<PathBuf>,
    #[command(flatten)]
    certificate: CertificateArguments,
}

#[derive(Args)]
struct CertificateArguments {
    /// Certificate chain (PEM) for HTTPS, instead of one made here
    #[arg(long, requires = "key", value_name = "FILE")]
    cert: Option<PathBuf>,
    /// Private key (PEM) of the certificate
    #[arg(long, requires = "cert", value_name = "FILE")]
    key: Option<PathBuf>,
}

#[derive(Args)]
struct FrontArguments {
    /// Plain HTTP address to listen at; put a TLS proxy before it, or use --https
    #[arg(long, value_name = "ADDRESS")]
    http: Option<SocketAddr>,
    /// HTTPS address to listen at; needs --cert and --key
    #[arg(long, requires = "cert", value_name = "ADDRESS")]
    https: Option<SocketAddr>,
    #[command(flatten)]
    certificate: CertificateArguments,
}

#[derive(Args)]
struct ServerArguments {
    /// Configuration, see server/server.toml
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    front: FrontArguments,
    /// Fill an empty database with the demo authority; passwords and secrets go to this folder
    #[arg(long, value_name = "DIR")]
    demo: Option<PathBuf>,
    /// Print the code with which the first account is made on the page /begin, and stop
    #[arg(long)]
    first_code: bool,
    #[command(flatten)]
    clock: ClockArguments,
}

#[derive(Args)]
struct BridgeArguments {
    /// Configuration, see bridge/bridge.toml
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    front: FrontArguments,
    #[command(flatten)]
    clock: ClockArguments,
}

#[derive(Args)]
struct RobotArguments {
    /// Configuration, see firmware-sim/robot.toml
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Show this file (VP8 in .ivf, H.264 in .h264) instead of the drawn classroom
    #[arg(long, value_name = "FILE", conflicts_with = "rtp")]
    video: Option<PathBuf>,
    /// Play this file (Opus in Ogg) instead of the made sound
    #[arg(long, value_name = "FILE")]
    audio: Option<PathBuf>,
    /// Take RTP from a local GStreamer or FFmpeg: the UDP port of the picture, then that of the sound if there is one
    #[arg(long, value_name = "PORT", num_args = 1..=2)]
    rtp: Vec<u16>,
    #[command(flatten)]
    clock: ClockArguments,
}

impl CertificateArguments {
    fn files(self) -> Option<CertificateFiles> {
        self.cert.zip(self.key).map(|(certificate, key)| CertificateFiles { certificate, key })
    }
}

impl FrontArguments {
    fn front(self, default_http: &str) -> Front {
        let default_http = default_http.parse().expect("an address");
        let http = self.http.or_else(|| self.https.is_none().then_some(default_http));
        Front { http, https: self.https, certificate: self.certificate.files() }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    log_to_stderr();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&anyhow::anyhow!("the operating system gives no threads ({error}): close other programs")),
    };
    let result = runtime.block_on(run(arguments));
    // Whatever still blocks a thread must not keep the process: the drain has had its time.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    match result {
        Ok(code) => code,
        Err(error) => refuse(&error),
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let stop = signals::first()?;
    match arguments.command.unwrap_or(Command::Up(arguments.up)) {
        Command::Up(up) => {
            let clock = up.clock.clock()?;
            let settings = up::Settings {
                data: up.data,
                http: up.http,
                https: up.https,
                mqtt: up.mqtt,
                media_port: up.media_port,
                addresses: up.lan,
                certificate: up.certificate.files(),
                turn: TurnConfig { urls: up.turn, secret_file: up.turn_secret_file },
            };
            let running = up::start(settings, clock).await?;
            print!("{}", welcome::of_everything(&running));
            stop.cancelled().await;
            running.stop().await;
        }
        Command::Server(server) if server.first_code => println!("{}", alone::first_code(&server.config).await?),
        Command::Server(server) => {
            let clock = server.clock.clock()?;
            alone::server(&server.config, server.front.front("127.0.0.1:8460"), server.demo.as_deref(), clock, stop).await?;
        }
        Command::Bridge(bridge) => {
            let clock = bridge.clock.clock()?;
            alone::bridge(&bridge.config, bridge.front.front("127.0.0.1:8090"), clock, stop).await?;
        }
        Command::Robot(robot) => {
            let clock = robot.clock.clock()?;
            let sources = alone::Sources { video: robot.video, audio: robot.audio, rtp: robot.rtp };
            alone::robot(&robot.config, sources, clock, stop).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Warnings and one line a step, unless `RUST_LOG` says otherwise.
fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,windowseat=info,mqtt5=error,rtc_dtls=error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
}

/// One sentence to stderr.
fn refuse(error: &anyhow::Error) -> ExitCode {
    eprintln!("windowseat: {}", Advice::new(format!("{error:#}")));
    ExitCode::from(2)
}
