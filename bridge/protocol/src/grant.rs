//! The server's permission to publish or view, as a JSON Web Token (RFC 7519) signed with Ed25519 (RFC 8037).
//!
//! The bridge checks it without asking back. It names no person: a placement, a robot, a tablet.

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::ids::{BridgeId, DeviceId, PlacementId, RobotId};

/// A token longer than this is not looked at.
pub const MAX_TOKEN_BYTES: usize = 2048;

/// Clocks of server and bridge may differ by this much, in seconds.
const LEEWAY_S: i64 = 5;

/// What the holder may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Publish the classroom (a robot, or a camera that speaks WHIP).
    Publish,
    /// View it, speak, and move the robot (a pupil).
    View,
}

/// The claims of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The bridge that may accept it.
    pub aud: BridgeId,
    /// What may be done.
    pub act: Act,
    /// With which robot.
    pub robot: RobotId,
    /// `View`: whose placement. One pupil has one placement per robot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<PlacementId>,
    /// `View`: which tablet; another tablet of the same placement takes over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// `View`: may speak and move the robot. `false` makes a plain viewer.
    #[serde(default)]
    pub talk: bool,
    /// Not accepted before.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub nbf: DateTime<Utc>,
    /// Not accepted from here on: the time to connect. A connection made before goes on.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub exp: DateTime<Utc>,
    /// The session or publication ends here at the latest.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub until: DateTime<Utc>,
}

/// Why a token is refused. The texts are for whoever holds it and say what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// Not a token that this server signed.
    #[error("this permission was not signed by this server, or was altered: ask the server for a new one")]
    Signature,
    /// For another bridge.
    #[error("this permission is for another bridge: ask the server for a new one")]
    Bridge,
    /// Expired.
    #[error("this permission has expired: ask the server for a new one")]
    Expired,
    /// Too early.
    #[error("this permission is not valid yet: check the clock of this device and the bridge")]
    TooEarly,
    /// For another robot or another act.
    #[error("this permission is for something else: use it at the address it was given for")]
    Scope,
}

/// Signs grants. Lives in the server.
pub struct GrantSigner(EncodingKey);

impl GrantSigner {
    /// From an Ed25519 private key in PKCS #8 PEM.
    ///
    /// # Errors
    /// The text is not such a key.
    pub fn from_pem(pem: &[u8]) -> Result<Self, jsonwebtoken::errors::Error> {
        EncodingKey::from_ed_pem(pem).map(Self)
    }

    /// The bearer token for `grant`.
    ///
    /// # Errors
    /// The key cannot sign.
    pub fn sign(&self, grant: &Grant) -> Result<String, jsonwebtoken::errors::Error> {
        jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), grant, &self.0)
    }
}

/// Checks grants. Lives in the bridge.
pub struct GrantVerifier(DecodingKey);

impl GrantVerifier {
    /// From the server's Ed25519 public key in SubjectPublicKeyInfo PEM.
    ///
    /// # Errors
    /// The text is not such a key.
    pub fn from_pem(pem: &[u8]) -> Result<Self, jsonwebtoken::errors::Error> {
        DecodingKey::from_ed_pem(pem).map(Self)
    }

    /// Reads `token` and checks signature, bridge, robot, act and time.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn verify(
        &self,
        token: &str,
        bridge: BridgeId,
        robot: RobotId,
        act: Act,
        utc: DateTime<Utc>,
    ) -> Result<Grant, GrantError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(GrantError::Signature);
        }
        // Time and audience are checked below, against the injected clock.
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let grant = jsonwebtoken::decode::<Grant>(token, &self.0, &validation).map_err(|_| GrantError::Signature)?.claims;
        if grant.aud != bridge {
            return Err(GrantError::Bridge);
        }
        if grant.robot != robot || grant.act != act {
            return Err(GrantError::Scope);
        }
        let leeway = chrono::TimeDelta::seconds(LEEWAY_S);
        if utc + leeway < grant.nbf {
            return Err(GrantError::TooEarly);
        }
        if utc - leeway >= grant.exp {
            return Err(GrantError::Expired);
        }
        Ok(grant)
    }
}
