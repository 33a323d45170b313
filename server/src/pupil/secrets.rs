//! Keywords, PINs and tokens: drawn, normalised, hashed, compared. Stores nothing and knows no placement.
//!
//! What is checked here never reaches a log or a URL: a keyword travels in the body of a form (in the link behind its QR code, in
//! the fragment, which browsers do not send), a PIN likewise, tokens in cookies.

use anyhow::Context as _;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

/// 25 characters that no tired eye mixes up: no vowels (no words by chance), and of B/8, S/5, Z/2, O/0, I/1/L only one or none.
const ALPHABET: &[u8; 25] = b"CDFGHJKMNPQRTVWXY23456789";
/// Length of a keyword without its space.
const KEYWORD_CHARS: usize = 8;
/// The part that finds the row.
const SELECTOR_CHARS: usize = 4;
/// Hashing takes 19 MiB each time; more at once than this wait for their turn.
static HASHING: Semaphore = Semaphore::const_new(2);

/// Characters of codes from random bytes. 250 is a multiple of 25: every character is equally likely.
pub(crate) fn characters(bytes: &[u8]) -> impl Iterator<Item = char> {
    bytes.iter().filter(|byte| **byte < 250).map(|byte| char::from(ALPHABET[usize::from(byte % 25)]))
}

/// What somebody typed of a code: capitals, spaces and dashes do not matter, and letters that look like a number are that number.
pub(crate) fn as_typed(typed: &str) -> impl Iterator<Item = char> {
    typed.chars().filter(char::is_ascii_alphanumeric).map(|c| match c.to_ascii_uppercase() {
        'B' => '8',
        'S' => '5',
        'Z' => '2',
        other => other,
    })
}

/// A keyword in its normal form: 8 characters of the alphabet. No `Debug`, no `Display`: see [`Keyword::shown`].
#[derive(Clone, PartialEq, Eq)]
pub struct Keyword(String);

impl Keyword {
    /// A random one.
    ///
    /// # Errors
    /// The machine has no randomness.
    pub fn draw() -> anyhow::Result<Self> {
        let mut text = String::with_capacity(KEYWORD_CHARS);
        while text.len() < KEYWORD_CHARS {
            let mut bytes = [0_u8; 16];
            getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
            text.extend(characters(&bytes).take(KEYWORD_CHARS - text.len()));
        }
        Ok(Self(text))
    }

    /// Reads what somebody typed: capitals, spaces and dashes do not matter, and letters that look like a number are that number.
    #[must_use]
    pub fn read(typed: &str) -> Option<Self> {
        let text: String = as_typed(typed).take(KEYWORD_CHARS + 1).collect();
        let fits = text.len() == KEYWORD_CHARS && text.bytes().all(|byte| ALPHABET.contains(&byte));
        fits.then_some(Self(text))
    }

    /// As people read it: two groups of four.
    #[must_use]
    pub fn shown(&self) -> String {
        format!("{} {}", &self.0[..SELECTOR_CHARS], &self.0[SELECTOR_CHARS..])
    }

    /// The part that finds the row.
    #[must_use]
    pub fn selector(&self) -> &str {
        &self.0[..SELECTOR_CHARS]
    }

    /// The whole, for hashing.
    #[must_use]
    pub fn secret(&self) -> String {
        self.0.clone()
    }
}

/// A PIN of four digits. No `Debug`.
pub struct Pin(String);

impl Pin {
    /// Reads four digits.
    #[must_use]
    pub fn read(typed: &str) -> Option<Self> {
        let typed = typed.trim();
        (typed.len() == 4 && typed.bytes().all(|byte| byte.is_ascii_digit())).then(|| Self(typed.to_owned()))
    }

    /// Among the first that anybody would try.
    #[must_use]
    pub fn is_too_easy(&self) -> bool {
        let digits = self.0.as_bytes();
        matches!(self.0.as_str(), "1234" | "4321" | "0123") || digits.iter().all(|digit| *digit == digits[0])
    }

    /// The digits, for hashing.
    #[must_use]
    pub fn secret(&self) -> String {
        self.0.clone()
    }
}

fn argon2id() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default())
}

/// Argon2id of a secret with a salt of its own, in PHC format.
///
/// # Errors
/// The machine has no randomness, or the program is stopping.
pub async fn hash(secret: String) -> anyhow::Result<String> {
    let _turn = HASHING.acquire().await.context("waiting for a turn to hash")?;
    tokio::task::spawn_blocking(move || {
        let hash: PasswordHash =
            argon2id().hash_password(secret.as_bytes()).map_err(|error| anyhow::anyhow!("argon2: {error}"))?;
        Ok(hash.to_string())
    })
    .await?
}

/// Whether a secret fits a hash. With no hash the same work is done and the answer is no, so that time tells nothing.
///
/// # Errors
/// The program is stopping.
pub async fn fits(secret: String, hash: Option<String>) -> anyhow::Result<bool> {
    let _turn = HASHING.acquire().await.context("waiting for a turn to hash")?;
    let fits = tokio::task::spawn_blocking(move || {
        let hash = hash.unwrap_or_else(|| NOTHING.to_owned());
        PasswordHash::new(&hash).is_ok_and(|hash| argon2id().verify_password(secret.as_bytes(), &hash).is_ok())
    });
    Ok(fits.await?)
}

/// Fits nothing that is known: any 32 bytes as output, with the parameters in use.
const NOTHING: &str = "$argon2id$v=19$m=19456,t=2,p=1$d2luZG93c2VhdCBub25l$9pGuQFzrcUrFGVZRLxNSGsTpIRDhJsTdu1n0kyyKqGo";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyword_is_read_however_it_is_typed() {
        let drawn = Keyword::draw().unwrap();
        let shown = drawn.shown();
        assert_eq!(shown.len(), 9);
        for typed in [shown.clone(), shown.to_lowercase(), shown.replace(' ', ""), format!("  {} ", shown.replace(' ', "-"))] {
            assert!(Keyword::read(&typed) == Some(drawn.clone()));
        }
        assert_eq!(Keyword::read("CBSZ 2345").unwrap().shown(), "C852 2345");
        for wrong in ["", "WREN", "WREN 48KPX", "O0I1 48KP", "éééé éééé", &"C".repeat(4000)] {
            assert!(Keyword::read(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn keywords_differ_and_use_the_whole_alphabet() {
        let drawn: Vec<String> = (0..400).map(|_| Keyword::draw().unwrap().secret()).collect();
        let different: std::collections::HashSet<_> = drawn.iter().collect();
        assert_eq!(different.len(), drawn.len());
        let used: std::collections::HashSet<u8> = drawn.iter().flat_map(|text| text.bytes()).collect();
        assert_eq!(used.len(), ALPHABET.len());
    }

    #[test]
    fn easy_pins_are_named() {
        for easy in ["1234", "0000", "7777", "4321"] {
            assert!(Pin::read(easy).unwrap().is_too_easy());
        }
        assert!(!Pin::read(" 4711 ").unwrap().is_too_easy());
        for wrong in ["", "123", "12345", "12a4", "１２３４"] {
            assert!(Pin::read(wrong).is_none());
        }
    }

    #[tokio::test]
    async fn only_the_right_secret_fits_its_hash() {
        let hashed = hash("4711".to_owned()).await.unwrap();
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(fits("4711".to_owned(), Some(hashed.clone())).await.unwrap());
        assert!(!fits("4712".to_owned(), Some(hashed)).await.unwrap());
        assert!(!fits("4711".to_owned(), None).await.unwrap());
        // The stand-in costs the same work: it is a readable hash.
        assert!(PasswordHash::new(NOTHING).is_ok());
    }
}
