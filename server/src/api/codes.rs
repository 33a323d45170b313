//! Codes that people type once to choose a password: the one of the very first account, and those that a coordinator hands out.
//!
//! Sixteen characters of the alphabet of pupils' keywords have 74 random bits: nobody guesses one, and a plain hash of it may be kept.
//! The first account's code is not kept at all: it follows from the key that signs permissions, which every server of a database has
//! and only its operator can read.

use aws_lc_rs::hmac;

use super::{ApiError, auth};
use crate::pupil::secrets::{as_typed, characters};

/// Characters of a code.
const LENGTH: usize = 16;

/// What the key is asked, so that this says nothing about anything else that it signs.
const FIRST: &[u8] = b"windowseat: the first account";

/// A new code, as people read it.
///
/// # Errors
/// The machine has no randomness.
pub fn draw() -> Result<String, ApiError> {
    let mut text = String::with_capacity(LENGTH);
    while text.len() < LENGTH {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
        text.extend(characters(&bytes).take(LENGTH - text.len()));
    }
    Ok(shown(&text))
}

/// The code with which the first account is made. `key`: the file of the key that signs permissions; how its lines are broken does not
/// matter.
#[must_use]
pub fn first_account(key: &[u8]) -> String {
    let key: Vec<u8> = key.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let mut text = String::with_capacity(LENGTH);
    // Each round gives at least one character, and nearly always all of them.
    for round in 0_u8..=u8::MAX {
        let tag = hmac::sign(&key, &[FIRST, &[round]].concat());
        text.extend(characters(tag.as_ref()).take(LENGTH - text.len()));
        if text.len() == LENGTH {
            break;
        }
    }
    shown(&text)
}

/// What of a code is kept and compared. What somebody typed: capitals, spaces and dashes do not matter.
#[must_use]
pub fn hash(code: &str) -> Vec<u8> {
    let plain: String = as_typed(code).take(LENGTH + 1).collect();
    auth::sha256(&["code:", &plain])
}

/// Groups of four.
fn shown(plain: &str) -> String {
    let mut text = String::with_capacity(LENGTH + 3);
    for (n, c) in plain.chars().enumerate() {
        if n > 0 && n % 4 == 0 {
            text.push('-');
        }
        text.push(c);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_four_groups_of_four_and_reads_as_it_is_typed() {
        let code = draw().unwrap();
        assert_eq!(code.split('-').map(str::len).collect::<Vec<_>>(), [4; 4], "{code}");
        assert_ne!(code, draw().unwrap());
        assert_eq!(hash(&code), hash(&format!(" {} ", code.to_lowercase().replace('-', " "))));
        assert_ne!(hash(&code), hash(&code[..18]), "a part of it is none");
    }

    #[test]
    fn the_first_code_is_the_same_on_every_server_with_the_key_and_another_with_another() {
        let code = first_account(b"-----BEGIN-----\nabc\n-----END-----\n");
        assert_eq!(code, first_account(b"-----BEGIN-----\r\nabc\r\n-----END-----"));
        assert_ne!(code, first_account(b"-----BEGIN-----\nabd\n-----END-----\n"));
        assert_eq!(code.len(), 19, "{code}");
    }
}
