//! A grant works where, when and for what it was given, unaltered; anything else says why not.

use chrono::{DateTime, TimeDelta, Utc};
use protocol::grant::MAX_TOKEN_BYTES;
use protocol::{Act, BridgeId, DeviceId, Grant, GrantError, GrantSigner, GrantVerifier, PlacementId, RobotId};
use rcgen::{KeyPair, PKCS_ED25519};

/// A server that signs, the bridge it signs for, and a robot there.
struct World {
    signer: GrantSigner,
    verifier: GrantVerifier,
    bridge: BridgeId,
    robot: RobotId,
}

impl World {
    fn new() -> Self {
        let (signer, verifier) = keys();
        Self { signer, verifier, bridge: BridgeId::new(), robot: RobotId::new() }
    }

    /// A pupil's grant, good for a minute from `noon`, whose session may last an hour.
    fn grant(&self) -> Grant {
        Grant {
            aud: self.bridge,
            act: Act::View,
            robot: self.robot,
            placement: Some(PlacementId::new()),
            device: Some(DeviceId::new()),
            talk: true,
            nbf: noon(),
            exp: noon() + TimeDelta::seconds(60),
            until: noon() + TimeDelta::hours(1),
        }
    }

    fn token(&self) -> String {
        self.signer.sign(&self.grant()).expect("an Ed25519 key signs")
    }

    fn verify(&self, token: &str, seconds: i64) -> Result<Grant, GrantError> {
        self.verifier.verify(token, self.bridge, self.robot, Act::View, noon() + TimeDelta::seconds(seconds))
    }
}

fn keys() -> (GrantSigner, GrantVerifier) {
    let pair = KeyPair::generate_for(&PKCS_ED25519).expect("keys can be made");
    let signer = GrantSigner::from_pem(pair.serialize_pem().as_bytes()).expect("a PKCS #8 key");
    let verifier = GrantVerifier::from_pem(pair.public_key_pem().as_bytes()).expect("a public key");
    (signer, verifier)
}

fn noon() -> DateTime<Utc> {
    "2026-11-17T12:00:00Z".parse().expect("well formed")
}

/// The token with its middle part, the claims, replaced by what `change` makes of them.
fn altered(token: &str, change: impl FnOnce(&str) -> String) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    format!("{}.{}.{}", parts[0], change(parts[1]), parts[2])
}

#[test]
fn a_grant_is_accepted_as_it_was_given() {
    let world = World::new();
    let grant = world.grant();
    let token = world.signer.sign(&grant).expect("an Ed25519 key signs");
    assert!(token.len() < MAX_TOKEN_BYTES / 2, "a real token is far below the limit: {}", token.len());
    assert_eq!(world.verify(&token, 0), Ok(grant));
}

#[test]
fn a_robots_grant_names_no_placement() {
    let world = World::new();
    let grant = Grant { act: Act::Publish, placement: None, device: None, talk: false, ..world.grant() };
    let token = world.signer.sign(&grant).expect("an Ed25519 key signs");
    assert_eq!(world.verifier.verify(&token, world.bridge, world.robot, Act::Publish, noon()), Ok(grant));
}

#[test]
fn the_time_to_connect_has_a_first_and_a_last_moment_with_five_seconds_for_clocks() {
    let world = World::new();
    let token = world.token();
    assert_eq!(world.verify(&token, -6), Err(GrantError::TooEarly));
    assert!(world.verify(&token, -5).is_ok());
    assert!(world.verify(&token, 64).is_ok());
    assert_eq!(world.verify(&token, 65), Err(GrantError::Expired));
    assert_eq!(world.verify(&token, 86_400 * 365), Err(GrantError::Expired));
}

#[test]
fn a_grant_for_another_bridge_robot_or_act_is_refused() {
    let world = World::new();
    let token = world.token();
    let verify = |bridge, robot, act| world.verifier.verify(&token, bridge, robot, act, noon());
    assert_eq!(verify(BridgeId::new(), world.robot, Act::View), Err(GrantError::Bridge));
    assert_eq!(verify(world.bridge, RobotId::new(), Act::View), Err(GrantError::Scope));
    assert_eq!(verify(world.bridge, world.robot, Act::Publish), Err(GrantError::Scope));
}

#[test]
fn a_grant_signed_by_somebody_else_is_refused() {
    let world = World::new();
    let (stranger, _) = keys();
    let token = stranger.sign(&world.grant()).expect("an Ed25519 key signs");
    assert_eq!(world.verify(&token, 0), Err(GrantError::Signature));
}

#[test]
fn an_altered_grant_is_refused() {
    let world = World::new();
    let token = world.token();
    let longer = Grant { until: noon() + TimeDelta::hours(9), ..world.grant() };
    let claims_of_another =
        world.signer.sign(&longer).expect("an Ed25519 key signs").split('.').nth(1).expect("claims").to_owned();
    assert_eq!(world.verify(&altered(&token, |_| claims_of_another), 0), Err(GrantError::Signature));
    // Every single character counts, in each of the three parts.
    for at in (0..token.len()).filter(|at| token.as_bytes()[*at] != b'.') {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let text = String::from_utf8(bytes).expect("still ASCII");
        // The last character of base64 carries unused bits: if those alone changed, decoding must refuse, not shrug.
        assert_eq!(world.verify(&text, 0), Err(GrantError::Signature), "character {at}");
    }
}

#[test]
fn what_is_no_signed_token_is_refused() {
    let world = World::new();
    let token = world.token();
    let claims = token.split('.').nth(1).expect("claims");
    // {"alg":"none"} and {"alg":"HS256"}: an attacker who picks the algorithm.
    let unsigned = format!("eyJhbGciOiJub25lIn0.{claims}.");
    let symmetric = format!("eyJhbGciOiJIUzI1NiJ9.{claims}.AAAA");
    let long = format!("{token}{}", "A".repeat(MAX_TOKEN_BYTES));
    for text in ["", "..", "a.b.c", "Bearer", &unsigned, &symmetric, &long, &token[..token.len() - 4]] {
        assert_eq!(world.verify(text, 0), Err(GrantError::Signature), "{text}");
    }
}

#[test]
fn each_refusal_says_what_to_do() {
    let every = [GrantError::Signature, GrantError::Bridge, GrantError::Expired, GrantError::TooEarly, GrantError::Scope]
        .map(|e| e.to_string());
    for text in &every {
        let (_, advice) = text.split_once(": ").unwrap_or_else(|| panic!("no advice in {text:?}"));
        assert!(["ask", "check", "use"].iter().any(|verb| advice.starts_with(verb)), "{advice}");
    }
}
