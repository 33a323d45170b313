//! The key pair that grants are signed with: the server holds the private half, bridges the public one.

use std::path::{Path, PathBuf};

use rcgen::{KeyPair, PKCS_ED25519};

use crate::Advice;
use crate::secrets::write_private;

/// Where the halves are.
#[derive(Clone, Debug)]
pub struct GrantKeys {
    /// PKCS #8 PEM.
    pub private: PathBuf,
    /// SubjectPublicKeyInfo PEM.
    pub public: PathBuf,
}

/// The pair at `private` (its public half in the same folder), made if the private half is missing.
///
/// # Errors
/// The files cannot be read or written; the sentence says what to do.
pub fn make_if_missing(private: &Path) -> Result<GrantKeys, Advice> {
    let keys = GrantKeys { private: private.to_owned(), public: private.with_file_name("grant-public.pem") };
    let pair = if keys.private.exists() {
        let text = std::fs::read_to_string(&keys.private).map_err(|error| Advice::unreadable(&keys.private, &error))?;
        KeyPair::from_pem(&text)
    } else {
        KeyPair::generate_for(&PKCS_ED25519)
    };
    let pair = pair.map_err(|error| {
        Advice::new(format!("{} holds no Ed25519 key ({error}): delete it to have a new one made.", keys.private.display()))
    })?;
    if !keys.private.exists() {
        write_private(&keys.private, pair.serialize_pem().as_bytes())?;
    }
    let public = pair.public_key_pem();
    if std::fs::read_to_string(&keys.public).ok().as_deref() != Some(&public) {
        write_private(&keys.public, public.as_bytes())?;
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, Utc};
    use protocol::{Act, BridgeId, Clock, Grant, GrantSigner, GrantVerifier, RobotId, SystemClock};

    use super::*;

    #[test]
    fn what_the_private_half_signs_the_public_half_accepts_also_after_a_second_start() {
        let folder = tempfile::tempdir().unwrap();
        let private = folder.path().join("keys/grant-private.pem");
        let now: chrono::DateTime<Utc> = SystemClock::new().now().utc;
        let (bridge, robot) = (BridgeId::new(), RobotId::new());
        let grant = Grant {
            aud: bridge,
            act: Act::Publish,
            robot,
            placement: None,
            device: None,
            talk: false,
            nbf: now,
            exp: now + TimeDelta::minutes(1),
            until: now + TimeDelta::minutes(1),
        };
        let first = make_if_missing(&private).unwrap();
        let token = GrantSigner::from_pem(&std::fs::read(&first.private).unwrap()).unwrap().sign(&grant).unwrap();
        let second = make_if_missing(&private).unwrap();
        let verifier = GrantVerifier::from_pem(&std::fs::read(&second.public).unwrap()).unwrap();
        verifier.verify(&token, bridge, robot, Act::Publish, now).unwrap();
    }
}
