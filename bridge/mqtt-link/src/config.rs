//! Where the broker is and how to sign in. Part of every program's configuration file, under `[mqtt]`.

use std::fmt;
use std::path::{Path, PathBuf};

use rumqttc::{TlsConfiguration, Transport};
use serde::{Deserialize, Serialize};

/// `[mqtt]` of a configuration file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MqttConfig {
    /// `mqtt://host:1883`, or `mqtts://host:8883` for TLS.
    pub url: String,
    /// MQTT user name: the id of the robot or bridge, or the server's name.
    pub username: String,
    /// File that holds the password, on one line.
    pub password_file: Option<PathBuf>,
    /// PEM file with the certificate authority of an `mqtts` broker. Needed with `mqtts`.
    pub ca_file: Option<PathBuf>,
    /// PEM file with this program's own certificate, for a broker that knows its users by certificate (its common name is then `username`).
    pub cert_file: Option<PathBuf>,
    /// PEM file with the private key of `cert_file`.
    pub key_file: Option<PathBuf>,
    /// The password itself, where a program hands it over without a file.
    #[serde(skip)]
    pub password: Option<Secret>,
}

impl Default for MqttConfig {
    fn default() -> Self {
        Self {
            url: "mqtt://127.0.0.1:1883".to_owned(),
            username: String::new(),
            password_file: None,
            ca_file: None,
            cert_file: None,
            key_file: None,
            password: None,
        }
    }
}

/// A password. It cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` from being printed.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that sends it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What is wrong with the configuration, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not a broker's address.
    #[error("mqtt.url is `{0}`: write mqtt://host:1883 or mqtts://host:8883")]
    Url(String),
    /// TLS without an authority.
    #[error("mqtt.url asks for TLS: set mqtt.ca_file to the PEM file of the broker's certificate authority")]
    NoAuthority,
    /// A certificate without its key, a key without its certificate, or both without TLS.
    #[error("mqtt.cert_file and mqtt.key_file go together, with an mqtts:// address: set both or neither")]
    HalfIdentity,
    /// A file cannot be read.
    #[error("cannot read {key} {path}: {error}; check the path and that this user may read it", path = path.display())]
    File {
        /// Which key named it.
        key: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        error: std::io::Error,
    },
}

pub(crate) struct Broker {
    pub host: String,
    pub port: u16,
    pub tls: Option<Transport>,
}

impl MqttConfig {
    /// Checks the address and reads the files once, so that a mistake shows at start.
    ///
    /// # Errors
    /// One sentence that says what to change.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.broker()?;
        self.read_password().map(drop)
    }

    pub(crate) fn broker(&self) -> Result<Broker, ConfigError> {
        let wrong = || ConfigError::Url(self.url.clone());
        let (scheme, rest) = self.url.split_once("://").ok_or_else(wrong)?;
        let (host, port) = rest.trim_end_matches('/').rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().map_err(|_| wrong())?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(wrong());
        }
        let tls = match (scheme, &self.cert_file, &self.key_file) {
            ("mqtt", None, None) => None,
            ("mqtts", cert, key) => {
                let ca = read("mqtt.ca_file", self.ca_file.as_ref().ok_or(ConfigError::NoAuthority)?)?;
                let client_auth = match (cert, key) {
                    (Some(cert), Some(key)) => Some((read("mqtt.cert_file", cert)?, read("mqtt.key_file", key)?)),
                    (None, None) => None,
                    _ => return Err(ConfigError::HalfIdentity),
                };
                Some(Transport::tls_with_config(TlsConfiguration::Simple { ca, alpn: None, client_auth }))
            }
            ("mqtt", ..) => return Err(ConfigError::HalfIdentity),
            _ => return Err(wrong()),
        };
        Ok(Broker { host: host.to_owned(), port, tls })
    }

    pub(crate) fn read_password(&self) -> Result<String, ConfigError> {
        match (&self.password, &self.password_file) {
            (Some(secret), _) => Ok(secret.reveal().to_owned()),
            (None, Some(path)) => std::fs::read_to_string(path)
                .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
                .map_err(|error| ConfigError::File { key: "mqtt.password_file", path: path.clone(), error }),
            (None, None) => Ok(String::new()),
        }
    }
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, ConfigError> {
    std::fs::read(path).map_err(|error| ConfigError::File { key, path: path.to_owned(), error })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_url(url: &str) -> Result<(String, u16), String> {
        let config = MqttConfig { url: url.to_owned(), ..MqttConfig::default() };
        config.broker().map(|broker| (broker.host, broker.port)).map_err(|error| error.to_string())
    }

    #[test]
    fn an_address_has_a_scheme_a_host_and_a_port() {
        assert_eq!(with_url("mqtt://127.0.0.1:1883"), Ok(("127.0.0.1".to_owned(), 1883)));
        assert_eq!(with_url("mqtt://[::1]:1884/"), Ok(("::1".to_owned(), 1884)));
        for wrong in ["", "127.0.0.1:1883", "mqtt://host", "mqtt://:1883", "http://host:1883", "mqtt://host:port"] {
            assert!(with_url(wrong).unwrap_err().contains("write mqtt://host:1883"), "{wrong}");
        }
    }

    #[test]
    fn tls_needs_an_authority_and_says_so() {
        assert!(with_url("mqtts://host:8883").unwrap_err().contains("mqtt.ca_file"));
    }

    #[test]
    fn a_certificate_needs_its_key_and_tls() {
        let of = |url: &str, cert: Option<&str>, key: Option<&str>| {
            let paths = (cert.map(PathBuf::from), key.map(PathBuf::from));
            let ca_file = Some("/dev/null".into());
            let config =
                MqttConfig { url: url.into(), ca_file, cert_file: paths.0, key_file: paths.1, ..MqttConfig::default() };
            config.validate().map_err(|error| error.to_string())
        };
        for half in [
            of("mqtts://a:1", Some("/dev/null"), None),
            of("mqtts://a:1", None, Some("/dev/null")),
            of("mqtt://a:1", Some("/dev/null"), Some("/dev/null")),
        ] {
            assert!(half.unwrap_err().contains("set both or neither"));
        }
        assert_eq!(of("mqtts://a:1", Some("/dev/null"), Some("/dev/null")), Ok(()));
        assert!(of("mqtts://a:1", Some("/dev/null"), Some("/nowhere/key")).unwrap_err().contains("mqtt.key_file /nowhere/key"));
    }

    #[test]
    fn a_missing_password_file_is_named() {
        let config = MqttConfig { password_file: Some("/nowhere/secret".into()), ..MqttConfig::default() };
        let text = config.validate().unwrap_err().to_string();
        assert!(text.contains("mqtt.password_file /nowhere/secret"), "{text}");
    }

    #[test]
    fn a_password_is_never_printed() {
        let config = MqttConfig { password: Some(Secret::new("hunter2")), ..MqttConfig::default() };
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
