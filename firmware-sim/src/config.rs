//! The robot's configuration, as in the annotated sample `robot.toml`, which equals the defaults.
//!
//! Reading checks shapes; [`Config::validate`] checks values. Secrets are not here: the broker's password is a file's path.

use std::net::SocketAddr;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use mqtt_link::MqttConfig;
use protocol::RobotId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::faults::{DEFAULT_OUTAGE, Fault, MAX_OUTAGE_S};

/// Everything one simulated robot needs to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The id that the server gave this robot. Also its user name at the broker.
    pub robot_id: RobotId,
    /// What the robot is called on its own page. A bird.
    pub name: String,
    /// Where the robot's own page is served. A loopback address; port 0 takes a free one.
    pub page: SocketAddr,
    /// Number from which everything that looks like chance follows.
    pub seed: u64,
    /// Certificate authority (PEM) to trust beside the public ones when the bridge is reached by HTTPS.
    pub ca_file: Option<PathBuf>,
    /// Time zone of the clock on the drawn board.
    pub time_zone: Tz,
    /// The broker.
    pub mqtt: MqttConfig,
    /// What the camera sees.
    pub video: VideoConfig,
    /// What the microphone hears.
    pub audio: AudioConfig,
    /// Where the battery starts, and how fast it drains.
    pub battery: BatteryConfig,
    /// What the drawn board says, and when.
    pub board: Vec<BoardLine>,
    /// What happens to the robot, and when.
    pub scenario: Vec<PlannedFault>,
}

/// Where a picture or a sound comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The robot draws or synthesises it.
    #[default]
    Drawn,
    /// A file, played in a loop.
    File,
    /// RTP on a loopback UDP port, from a local GStreamer or FFmpeg.
    Rtp,
}

/// How pictures are compressed when they come by RTP. Files say it themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VideoCodec {
    /// H.264, constrained baseline, packetization mode 1.
    #[default]
    H264,
    /// VP8.
    Vp8,
}

/// What the camera sees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VideoConfig {
    /// Where the picture comes from.
    pub source: Source,
    /// `file`: an IVF file with VP8, or an H.264 file (Annex B).
    pub file: Option<PathBuf>,
    /// `rtp`: the UDP port on 127.0.0.1 that receives it.
    pub rtp_port: u16,
    /// `rtp`: what arrives there.
    pub rtp_codec: VideoCodec,
    /// `drawn`: pixels across; even.
    pub width: u32,
    /// `drawn`: pixels down; even.
    pub height: u32,
    /// `drawn` and H.264 files: frames per second.
    pub fps: u32,
    /// `drawn`: what the encoder aims at, in bits per second.
    pub bitrate_bps: u32,
}

/// What the microphone hears.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AudioConfig {
    /// Where the sound comes from.
    pub source: Source,
    /// `file`: Opus in Ogg.
    pub file: Option<PathBuf>,
    /// `rtp`: the UDP port on 127.0.0.1 that receives Opus.
    pub rtp_port: u16,
}

/// The simulated battery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BatteryConfig {
    /// Charge at the start, in per cent.
    pub start_pct: f64,
    /// Drained in an hour with camera and microphone off, in per cent of the whole.
    pub idle_pct_per_hour: f64,
    /// Drained in an hour with camera and microphone on.
    pub live_pct_per_hour: f64,
    /// Gained in an hour on the charger.
    pub charge_pct_per_hour: f64,
    /// Whether it starts on its charger.
    pub on_charger: bool,
}

/// One lesson on the drawn board: `[from, until)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoardLine {
    /// First instant.
    pub from: DateTime<Utc>,
    /// One past the last instant.
    pub until: DateTime<Utc>,
    /// What the board says.
    pub title: String,
}

/// Something that happens to the robot some time after its start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedFault {
    /// How long after the start, in seconds.
    pub after_s: f64,
    /// What happens.
    pub fault: Fault,
    /// `lose_wifi`: for how long, in seconds.
    #[serde(default = "default_outage_s")]
    pub seconds: f64,
}

fn default_outage_s() -> f64 {
    DEFAULT_OUTAGE.as_secs_f64()
}

impl Default for Config {
    fn default() -> Self {
        Self {
            robot_id: RobotId(Uuid::nil()),
            name: "Robin".to_owned(),
            page: SocketAddr::from(([127, 0, 0, 1], 0)),
            seed: 1,
            ca_file: None,
            time_zone: Tz::Europe__London,
            mqtt: MqttConfig::default(),
            video: VideoConfig::default(),
            audio: AudioConfig::default(),
            battery: BatteryConfig::default(),
            board: Vec::new(),
            scenario: Vec::new(),
        }
    }
}

impl Default for VideoConfig {
    fn default() -> Self {
        Self {
            source: Source::Drawn,
            file: None,
            rtp_port: 0,
            rtp_codec: VideoCodec::H264,
            width: 640,
            height: 360,
            fps: 15,
            bitrate_bps: 600_000,
        }
    }
}

impl Default for BatteryConfig {
    fn default() -> Self {
        Self { start_pct: 87.0, idle_pct_per_hour: 2.0, live_pct_per_hour: 9.0, charge_pct_per_hour: 40.0, on_charger: false }
    }
}

impl Config {
    /// Checks every value that its type cannot.
    ///
    /// # Errors
    /// One sentence that says what to do.
    pub fn validate(&self) -> Result<(), String> {
        if self.robot_id.0.is_nil() {
            return Err("set `robot_id` to the id that the server gave this robot".to_owned());
        }
        if self.name.is_empty() || self.name.chars().count() > 40 {
            return Err("set `name` to a name of 1 to 40 characters".to_owned());
        }
        if !self.page.ip().is_loopback() {
            return Err(format!(
                "set `page` to a loopback address such as 127.0.0.1:0, because anyone who reaches the page moves the robot, not to {}",
                self.page
            ));
        }
        self.mqtt.validate().map_err(|error| error.to_string())?;
        self.video.validate()?;
        self.audio.validate()?;
        self.battery.validate()?;
        if self.board.len() > MAX_LINES || self.scenario.len() > MAX_LINES {
            return Err(format!("keep `board` and `scenario` at {MAX_LINES} entries or fewer"));
        }
        if let Some(line) = self.board.iter().find(|line| line.from >= line.until) {
            return Err(format!("let the board line from {} end after it begins", line.from));
        }
        if let Some(planned) = self.scenario.iter().find(|planned| !(0.0..=MAX_SCENARIO_S).contains(&planned.after_s)) {
            return Err(format!(
                "set `after_s` of each scenario entry between 0 and {MAX_SCENARIO_S}, not {}",
                planned.after_s
            ));
        }
        if let Some(planned) = self.scenario.iter().find(|planned| !(0.0..=MAX_OUTAGE_S).contains(&planned.seconds)) {
            return Err(format!("set `seconds` of each scenario entry between 0 and {MAX_OUTAGE_S}, not {}", planned.seconds));
        }
        Ok(())
    }
}

/// Most entries of a list in the configuration.
const MAX_LINES: usize = 10_000;

/// A scenario is at most a week long.
const MAX_SCENARIO_S: f64 = 7.0 * 24.0 * 3600.0;

impl VideoConfig {
    fn validate(&self) -> Result<(), String> {
        let fits = (320..=1920).contains(&self.width) && (180..=1080).contains(&self.height);
        if !fits || !self.width.is_multiple_of(16) || !self.height.is_multiple_of(2) {
            return Err(
                "set `video.width` to a multiple of 16 from 320 to 1920 and `video.height` to an even number from 180 to 1080"
                    .to_owned(),
            );
        }
        if !(1..=60).contains(&self.fps) {
            return Err(format!("set `video.fps` between 1 and 60, not {}", self.fps));
        }
        if !(50_000..=8_000_000).contains(&self.bitrate_bps) {
            return Err(format!("set `video.bitrate_bps` between 50000 and 8000000, not {}", self.bitrate_bps));
        }
        check_source("video", self.source, self.file.as_ref(), self.rtp_port)?;
        match (self.source, self.file.as_ref().and_then(|file| file.extension())) {
            (Source::File, Some(extension)) if extension == "ivf" || extension == "h264" || extension == "264" => Ok(()),
            (Source::File, _) => Err("set `video.file` to a file that ends in .ivf or .h264".to_owned()),
            _ => Ok(()),
        }
    }
}

impl AudioConfig {
    fn validate(&self) -> Result<(), String> {
        check_source("audio", self.source, self.file.as_ref(), self.rtp_port)
    }
}

impl BatteryConfig {
    fn validate(&self) -> Result<(), String> {
        if !(0.0..=100.0).contains(&self.start_pct) {
            return Err(format!("set `battery.start_pct` between 0 and 100, not {}", self.start_pct));
        }
        let rates = [self.idle_pct_per_hour, self.live_pct_per_hour, self.charge_pct_per_hour];
        if rates.iter().any(|rate| !(0.0..=100_000.0).contains(rate)) {
            return Err("set the hourly rates of `battery` to 0 or more per cent".to_owned());
        }
        Ok(())
    }
}

fn check_source(part: &str, source: Source, file: Option<&PathBuf>, rtp_port: u16) -> Result<(), String> {
    match source {
        Source::File if file.is_none() => Err(format!("set `{part}.file`, because `{part}.source` is \"file\"")),
        Source::Rtp if rtp_port == 0 => Err(format!("set `{part}.rtp_port`, because `{part}.source` is \"rtp\"")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
