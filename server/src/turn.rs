//! Credentials for existing TURN servers, as coturn checks them (`use-auth-secret`; draft-uberti-behave-turn-rest-00): whoever knows the
//! shared secret can make a pair that holds until a moment. So nobody has an account there, and what is handed out ends by itself.
//!
//! The name in it is the robot's number: a TURN server can limit each, and learns of nobody. The server itself never calls one.

use anyhow::{Context as _, ensure};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use protocol::{Clock as _, IceServer, SystemClock};
use uuid::Uuid;

use crate::config::TurnConfig;

/// A shorter secret can be guessed from one pair.
const LEAST_SECRET: usize = 16;

/// See the module.
pub struct Turn {
    urls: Vec<String>,
    key: Option<hmac::Key>,
}

impl Turn {
    /// Reads the secret.
    ///
    /// # Errors
    /// There is no such file, or what it holds is too short.
    pub(crate) fn open(config: &TurnConfig) -> anyhow::Result<Self> {
        let key = match &config.secret_file {
            None => None,
            Some(path) => {
                let shown = path.display();
                let text = std::fs::read_to_string(path).with_context(|| format!("cannot read turn.secret_file {shown}"))?;
                let secret = text.trim_end_matches(['\r', '\n']);
                ensure!(
                    secret.len() >= LEAST_SECRET,
                    "turn.secret_file {shown} holds fewer than {LEAST_SECRET} characters: `openssl rand -hex 32` makes a good one"
                );
                Some(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes()))
            }
        };
        Ok(Self { urls: config.urls.clone(), key })
    }

    /// What the holder of a permission for `robot` needs, for as long as that lasts. Empty where there is no TURN server.
    pub(crate) fn servers(&self, robot: Uuid, lasts: TimeDelta) -> Vec<IceServer> {
        // A TURN server knows no demo clock.
        self.until(robot, SystemClock::new().now().utc + lasts)
    }

    fn until(&self, robot: Uuid, until: DateTime<Utc>) -> Vec<IceServer> {
        let Some(key) = self.key.as_ref().filter(|_| !self.urls.is_empty()) else { return Vec::new() };
        let username = format!("{}:{robot}", until.timestamp());
        let credential = STANDARD.encode(hmac::sign(key, username.as_bytes()));
        vec![IceServer { urls: self.urls.clone(), username, credential }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(secret: &str) -> anyhow::Result<Turn> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, secret).unwrap();
        Turn::open(&TurnConfig { urls: vec!["turn:turn.example:3478".into()], secret_file: Some(path) })
    }

    #[test]
    fn the_credential_is_the_one_that_coturn_makes_of_the_same_secret() {
        let turn = open("a secret that both know\r\n").unwrap();
        let until = DateTime::from_timestamp(1_795_000_200, 0).unwrap();
        let [server] = turn.until(Uuid::from_u128(7), until).try_into().unwrap();
        assert_eq!(server.username, "1795000200:00000000-0000-0000-0000-000000000007");
        // printf %s "$username" | openssl dgst -sha1 -hmac "$secret" -binary | base64
        assert_eq!(server.credential, "rKRtyx/caqncUBYbTpwacgra5jo=");
        assert!(!format!("{server:?}").contains(&server.credential));
    }

    #[test]
    fn without_servers_nothing_is_handed_out() {
        let none = Turn::open(&TurnConfig::default()).unwrap();
        assert!(none.servers(Uuid::nil(), TimeDelta::hours(1)).is_empty());
    }

    #[test]
    fn a_missing_or_short_secret_stops_the_start() {
        assert!(format!("{:#}", open("short\n").err().unwrap()).contains("fewer than 16 characters"));
        let config = TurnConfig { urls: vec![], secret_file: Some("/nowhere/secret".into()) };
        assert!(format!("{:#}", Turn::open(&config).err().unwrap()).contains("/nowhere/secret"));
    }
}
