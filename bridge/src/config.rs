//! What an operator may set: one TOML file, checked in full at start.
//!
//! Every key has a default, and `bridge.toml` shows them all with their reasons (a test keeps the two equal). Unknown keys are
//! refused, because a misspelt limit that is silently ignored is worse than a program that does not start.

use std::path::PathBuf;
use std::time::Duration;

use mqtt_link::MqttConfig;
use protocol::BridgeId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use crate::media::MediaConfig;

/// The whole configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Who this bridge is; also its MQTT user name, unless `[mqtt]` names another.
    pub bridge_id: BridgeId,
    /// Base URL under which robots reach it: they publish at `{http_base}/whip/{robot}`.
    pub http_base: String,
    /// Base URL under which browsers reach it. Empty: the same origin as the server's pages.
    pub public_base: String,
    /// PEM file with the server's public key, against which grants are checked.
    pub grant_public_key: PathBuf,
    /// Origins of pages that may call this bridge from a browser. `*` is safe: nothing here is done on the strength of a cookie.
    pub cors_origins: Vec<String>,
    /// How long a pupil or a robot may be away before the session ends.
    #[serde(with = "humantime_serde")]
    pub grace: Duration,
    /// Durable queue towards the server.
    pub outbox: OutboxConfig,
    /// Sockets and threads for media.
    pub media: MediaConfig,
    /// Bounds on what callers can ask for.
    pub limits: Limits,
    /// The broker.
    pub mqtt: MqttConfig,
    /// STUN and TURN servers, handed to clients in `Link` headers.
    pub ice_servers: Vec<IceServer>,
}

/// `[outbox]`: facts that the server has not committed yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutboxConfig {
    /// SQLite file. Its folder must exist.
    pub path: PathBuf,
    /// Size that the file should not pass, in MiB. A warning comes at half of it; at all of it progress reports are no longer
    /// stored, only what closes an interval or a session.
    pub max_mib: u32,
    /// How many facts may wait for the server's acknowledgement at once; further ones wait on disk.
    pub in_flight: u32,
}

/// `[limits]`: what happens at each is in the sample file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Robots that may be connected at once. Each can have one session.
    pub robots: u32,
    /// Offers answered at the same time.
    pub offers_at_once: u32,
    /// Offers a minute for one robot, both sides together.
    pub offers_per_minute: u32,
    /// How long a request may take, its body included.
    #[serde(with = "humantime_serde")]
    pub request_timeout: Duration,
}

/// `[[ice_servers]]`: one STUN or TURN server.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IceServer {
    /// `stun:host:port`, `turn:host:port?transport=udp`, `turns:host:port?transport=tcp`.
    pub url: String,
    /// TURN user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// TURN password. It goes to every client that holds a grant, so use short-lived ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

impl std::fmt::Debug for IceServer {
    /// Masks the credential: the effective configuration is logged.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IceServer").field("url", &self.url).field("username", &self.username).finish_non_exhaustive()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bridge_id: BridgeId(Uuid::nil()),
            http_base: "http://127.0.0.1:8090".to_owned(),
            public_base: String::new(),
            grant_public_key: "keys/grant-public.pem".into(),
            cors_origins: vec!["*".to_owned()],
            grace: Duration::from_secs(30),
            outbox: OutboxConfig::default(),
            media: MediaConfig::default(),
            limits: Limits::default(),
            mqtt: MqttConfig::default(),
            ice_servers: Vec::new(),
        }
    }
}

impl Default for OutboxConfig {
    fn default() -> Self {
        Self { path: "outbox.db".into(), max_mib: 512, in_flight: 64 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { robots: 500, offers_at_once: 32, offers_per_minute: 60, request_timeout: Duration::from_secs(10) }
    }
}

impl Config {
    /// Checks every value.
    ///
    /// # Errors
    /// The first mistake, as one sentence that says what to do.
    pub fn validate(&self) -> Result<(), String> {
        let within = |key: &str, value: u32, low: u32, high: u32| {
            if (low..=high).contains(&value) { Ok(()) } else { Err(format!("{key} is {value}: choose {low} to {high}")) }
        };
        let lasting = |key: &str, value: Duration, low: u64, high: u64| {
            if (Duration::from_secs(low)..=Duration::from_secs(high)).contains(&value) {
                Ok(())
            } else {
                Err(format!("{key} is {}: choose {low}s to {high}s", humantime_text(value)))
            }
        };
        if self.bridge_id.0.is_nil() {
            return Err("bridge_id is missing: set it to the id that the server gave this bridge".to_owned());
        }
        is_http_base("http_base", &self.http_base)?;
        if !self.public_base.is_empty() {
            is_http_base("public_base", &self.public_base)?;
        }
        for origin in &self.cors_origins {
            if origin != "*" {
                is_http_base("cors_origins", origin)?;
            }
        }
        lasting("grace", self.grace, 1, 600)?;
        within("outbox.max_mib", self.outbox.max_mib, 8, 1_048_576)?;
        within("outbox.in_flight", self.outbox.in_flight, 1, 1_000)?;
        self.media.validate()?;
        within("limits.robots", self.limits.robots, 1, 100_000)?;
        within("limits.offers_at_once", self.limits.offers_at_once, 1, 10_000)?;
        within("limits.offers_per_minute", self.limits.offers_per_minute, 1, 60_000)?;
        lasting("limits.request_timeout", self.limits.request_timeout, 1, 120)?;
        for server in &self.ice_servers {
            if !["stun:", "stuns:", "turn:", "turns:"].iter().any(|scheme| server.url.starts_with(scheme))
                || !is_header_safe(&server.url)
            {
                return Err(format!(
                    "ice_servers url `{}` is not usable: write stun:host:port or turn:host:port?transport=udp",
                    server.url
                ));
            }
            let texts = [&server.username, &server.credential];
            if texts.into_iter().flatten().any(|text| !is_header_safe(text)) {
                return Err(format!(
                    "username or credential of ice server {} holds a quote or a control character: choose others",
                    server.url
                ));
            }
            if server.url.starts_with("turn") && (server.username.is_none() || server.credential.is_none()) {
                return Err(format!("ice server {} is a TURN server: set its username and credential", server.url));
            }
        }
        self.mqtt.validate().map_err(|error| error.to_string())
    }

    /// [`MqttConfig`] with the bridge's id as user name, if it names none.
    #[must_use]
    pub fn mqtt_signed_in(&self) -> MqttConfig {
        let mut mqtt = self.mqtt.clone();
        if mqtt.username.is_empty() {
            mqtt.username = self.bridge_id.to_string();
        }
        mqtt
    }
}

fn is_http_base(key: &str, text: &str) -> Result<(), String> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    if rest.is_some_and(|rest| !rest.is_empty() && !rest.ends_with('/')) && is_header_safe(text) {
        Ok(())
    } else {
        Err(format!("{key} is `{text}`: write http://host:port or https://host, without a slash at the end"))
    }
}

/// Whether `text` can stand in a header between quotes.
fn is_header_safe(text: &str) -> bool {
    text.bytes().all(|byte| (0x21..0x7f).contains(&byte) && byte != b'"' && byte != b'\\' && byte != b'<' && byte != b'>')
}

fn humantime_text(value: Duration) -> String {
    format!("{}s", value.as_secs_f64())
}

#[cfg(test)]
mod tests;
