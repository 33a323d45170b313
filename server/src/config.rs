//! The server's configuration file: typed, checked at start, unknown keys refused. `server.toml` is its annotated sample.

use std::path::PathBuf;
use std::time::Duration;

use mqtt_link::MqttConfig;
use serde::{Deserialize, Serialize};

use crate::database::Database;

/// Every tablet and robot tries all of them.
const MAX_TURN_URLS: usize = 8;

/// `server.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// SQLite file, or `postgres://user@host/database`.
    pub database: Database,
    /// File that holds the password of a PostgreSQL user, on one line.
    pub database_password_file: Option<PathBuf>,
    /// Ed25519 private key (PKCS #8 PEM) that signs grants; bridges hold its public half.
    pub grant_key_file: PathBuf,
    /// Folder with an authority's own policies, a TOML file each, offered beside the program's own.
    pub policies: Option<PathBuf>,
    /// Where browsers reach the pages. With `https` cookies are marked secure.
    pub public_url: String,
    /// The broker.
    pub mqtt: MqttConfig,
    /// How long permissions last.
    pub grants: GrantConfig,
    /// TURN servers for networks from which no bridge can be reached.
    pub turn: TurnConfig,
    /// How much is kept, and for how long.
    pub keep: KeepConfig,
}

/// `[grants]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GrantConfig {
    /// A robot's permission to publish; renewed at half of it.
    #[serde(with = "humantime_serde")]
    pub robot_for: Duration,
    /// A pupil's tablet has to connect within this time after "Go to class".
    #[serde(with = "humantime_serde")]
    pub connect_within: Duration,
    /// A visit ends after this time at the latest; the pupil can go to class again.
    #[serde(with = "humantime_serde")]
    pub visit_at_most: Duration,
    /// How long before a day's first lesson and after its last the robot may be used.
    #[serde(with = "humantime_serde")]
    pub around_lessons: Duration,
}

/// `[turn]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TurnConfig {
    /// `turn:host:port?transport=udp`, `turn:…?transport=tcp`, `turns:host:port?transport=tcp`. Empty: none.
    pub urls: Vec<String>,
    /// File that holds the secret that the TURN servers know too, on one line.
    pub secret_file: Option<PathBuf>,
}

impl TurnConfig {
    fn validate(&self) -> Result<(), String> {
        if self.urls.len() > MAX_TURN_URLS {
            return Err(format!("turn.urls has {} addresses: name at most {MAX_TURN_URLS}", self.urls.len()));
        }
        for url in &self.urls {
            let rest = ["turn:", "turns:"].iter().find_map(|scheme| url.strip_prefix(scheme));
            let is_plain = url.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\<>@/".contains(&byte));
            if !is_plain || rest.is_none_or(str::is_empty) {
                return Err(format!(
                    "turn.urls holds `{url}`: write turn:host:port?transport=udp, turn:host:port?transport=tcp or turns:host:port?transport=tcp"
                ));
            }
        }
        if self.urls.is_empty() == self.secret_file.is_some() {
            return Err("turn.urls and turn.secret_file belong together: set both or none".to_owned());
        }
        Ok(())
    }
}

/// `[keep]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeepConfig {
    /// Messages that could not be used: at most this many …
    pub quarantined: u32,
    /// … and at most for this time; those with a number, which nobody else has any more, however many, as long as events.
    #[serde(with = "humantime_serde")]
    pub quarantined_for: Duration,
    /// Numbers of messages already applied are kept for this time. A copy that comes later still is merged once more, without harm.
    #[serde(with = "humantime_serde")]
    pub inbox_for: Duration,
    /// What robots and bridges noted.
    #[serde(with = "humantime_serde")]
    pub events_for: Duration,
    /// Measurements by the minute.
    #[serde(with = "humantime_serde")]
    pub telemetry_for: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            database: "data/windowseat.db".into(),
            database_password_file: None,
            grant_key_file: "data/keys/grant-private.pem".into(),
            policies: None,
            public_url: "https://localhost:8443".to_owned(),
            mqtt: MqttConfig { username: "server".to_owned(), ..MqttConfig::default() },
            grants: GrantConfig::default(),
            turn: TurnConfig::default(),
            keep: KeepConfig::default(),
        }
    }
}

impl Default for GrantConfig {
    fn default() -> Self {
        Self {
            robot_for: Duration::from_secs(12 * 3600),
            connect_within: Duration::from_secs(120),
            visit_at_most: Duration::from_secs(4 * 3600),
            around_lessons: Duration::from_secs(30 * 60),
        }
    }
}

impl Default for KeepConfig {
    fn default() -> Self {
        let day = Duration::from_secs(24 * 3600);
        let month = day * 30;
        Self { quarantined: 10_000, quarantined_for: month, inbox_for: month, events_for: day * 395, telemetry_for: month }
    }
}

impl Config {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// One sentence that names the key and says what to do.
    pub fn validate(&self) -> Result<(), String> {
        self.database.validate()?;
        if self.database_password_file.is_some() && !self.database.is_postgres() {
            return Err("database_password_file is for PostgreSQL; a SQLite file has no password: remove it".to_owned());
        }
        if !["http://", "https://"].iter().any(|scheme| self.public_url.starts_with(scheme)) {
            return Err(format!(
                "public_url is `{}`: write the address of the pages, such as https://windowseat.example",
                self.public_url
            ));
        }
        if self.mqtt.username.is_empty() {
            return Err("mqtt.username is empty: name the user that the broker knows for the server".to_owned());
        }
        self.turn.validate()?;
        let (minute, day) = (Duration::from_secs(60), Duration::from_secs(24 * 3600));
        for (key, value, least, most) in [
            ("grants.robot_for", self.grants.robot_for, minute, day * 7),
            ("grants.connect_within", self.grants.connect_within, Duration::from_secs(10), minute * 10),
            ("grants.visit_at_most", self.grants.visit_at_most, minute, day),
            ("grants.around_lessons", self.grants.around_lessons, Duration::ZERO, Duration::from_secs(4 * 3600)),
            ("keep.inbox_for", self.keep.inbox_for, day, day * 3650),
            ("keep.events_for", self.keep.events_for, day, day * 3650),
            ("keep.telemetry_for", self.keep.telemetry_for, day, day * 3650),
            ("keep.quarantined_for", self.keep.quarantined_for, minute, day * 3650),
        ] {
            if value < least || value > most {
                return Err(format!("{key} is {value:?}: choose a duration between {least:?} and {most:?}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_annotated_sample_is_the_defaults() {
        let sample: Config = toml::from_str(include_str!("../server.toml")).unwrap();
        assert_eq!(sample, Config::default());
        sample.validate().unwrap();
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let error = toml::from_str::<Config>("databse = 'x'").unwrap_err();
        assert!(error.to_string().contains("databse"), "{error}");
    }

    #[test]
    fn values_out_of_range_are_refused_with_what_to_do() {
        let check = |text: &str, names: &str| {
            let error = toml::from_str::<Config>(text).unwrap().validate().unwrap_err();
            assert!(error.starts_with(names), "{error}");
        };
        check("public_url = 'localhost'", "public_url is `localhost`");
        check("database = ''", "database is empty");
        check("database = 'mysql://h/d'", "database begins with mysql://");
        check("database_password_file = 'x'", "database_password_file is for PostgreSQL");
        check("[mqtt]\nusername = ''", "mqtt.username is empty");
        check("[grants]\nconnect_within = '1h'", "grants.connect_within is");
        check("[grants]\nrobot_for = '1s'", "grants.robot_for is");
        check("[turn]\nurls = ['http://turn.example']\nsecret_file = 'x'", "turn.urls holds `http://turn.example`");
        check("[turn]\nurls = ['turn:turn.example:3478']", "turn.urls and turn.secret_file belong together");
        check("[turn]\nsecret_file = 'x'", "turn.urls and turn.secret_file belong together");
    }
}
