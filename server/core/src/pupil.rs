//! A pupil's unique number: checked when it is made, and never printed.
//!
//! Names and numbers of children stay on the server: never in a log, a topic or a URL. So [`Upn`] has no `Display`, and its
//! `Debug` says nothing. [`Upn::expose`] is for the store and for an export that needs it.
//!
//! The rule is that of the UPN data standard (`DOMAIN.md` (e2), row "UPN"): the sum of each of the characters 2 to 13 times its
//! place, modulo 23, is the check letter's value. A temporary number ends in a letter, which has its value in the same alphabet.
//!
//! It cannot be written into a sentence:
//!
//! ```compile_fail
//! let upn: server_core::pupil::Upn = "B801200005001".parse().unwrap();
//! println!("{upn}");
//! ```
//!
//! … nor turned into a text by accident:
//!
//! ```compile_fail
//! let upn: server_core::pupil::Upn = "B801200005001".parse().unwrap();
//! let text: String = upn.to_string();
//! ```
//!
//! ```compile_fail
//! let upn: server_core::pupil::Upn = "B801200005001".parse().unwrap();
//! let text: String = upn.into();
//! ```

use std::fmt;
use std::str::FromStr;

/// A unique pupil number: a check letter and twelve digits; a temporary one ends in a letter.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Upn(String);

/// Why a text is not a UPN. It does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpnError {
    /// Not thirteen characters.
    #[error("a UPN has 13 characters: a letter and 12 digits; a temporary one ends in a letter")]
    Length,
    /// A character that no UPN has at that place.
    #[error("a UPN is a letter, then digits; only the last character may be a letter again. I, O and S are not used")]
    Character,
    /// The check letter does not fit the rest.
    #[error("the first letter does not fit the other characters: one of them is probably mistyped")]
    Check,
}

/// Letters by their value, 0 to 22; I, O and S are left out.
const LETTERS: &[u8; 23] = b"ABCDEFGHJKLMNPQRTUVWXYZ";

impl Upn {
    /// The text, for the store and for exports that must hold it. Never for a log or a page about something else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the school gave it for a time only.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.0.ends_with(|c: char| c.is_ascii_alphabetic())
    }
}

impl FromStr for Upn {
    type Err = UpnError;

    /// # Errors
    /// The first rule that the text breaks.
    fn from_str(text: &str) -> Result<Self, UpnError> {
        let text = text.trim().to_ascii_uppercase();
        let bytes: &[u8; 13] = text.as_bytes().try_into().map_err(|_| UpnError::Length)?;
        let letter = |byte: u8| LETTERS.iter().position(|l| *l == byte).ok_or(UpnError::Character);
        let check = letter(bytes[0])?;
        let mut sum = 0;
        for (index, byte) in bytes.iter().enumerate().skip(1) {
            let value = match byte {
                b'0'..=b'9' => usize::from(byte - b'0'),
                _ if index == 12 => letter(*byte)?,
                _ => return Err(UpnError::Character),
            };
            // The weight is the place, counted from 1: the first digit has weight 2.
            sum += value * (index + 1);
        }
        if sum % LETTERS.len() == check { Ok(Self(text)) } else { Err(UpnError::Check) }
    }
}

impl fmt::Debug for Upn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Upn(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_numbers() {
        assert!("B801200005001".parse::<Upn>().is_ok());
        assert_eq!("A801200005001".parse::<Upn>(), Err(UpnError::Check));
        assert_eq!("B80120000500".parse::<Upn>(), Err(UpnError::Length));
        assert_eq!("I801200005001".parse::<Upn>(), Err(UpnError::Character));
        assert_eq!("B8012000X5001".parse::<Upn>(), Err(UpnError::Character));
        assert_eq!("B80120000500é".parse::<Upn>(), Err(UpnError::Length));
    }

    #[test]
    fn a_temporary_number_ends_in_a_letter_that_counts() {
        // 8·2 + 0·3 + 1·4 + 2·5 + 0·6 + 0·7 + 0·8 + 0·9 + 5·10 + 0·11 + 0·12 = 80; P is 13, and 80 + 13·13 = 249 = 10·23 + 19: W.
        assert!("W80120000500P".parse::<Upn>().unwrap().is_temporary());
        assert_eq!("P80120000500P".parse::<Upn>(), Err(UpnError::Check));
        for last in ["I", "O", "S"] {
            assert_eq!(format!("W80120000500{last}").parse::<Upn>(), Err(UpnError::Character), "{last} is not used");
        }
        assert!(!"B801200005001".parse::<Upn>().unwrap().is_temporary());
    }

    #[test]
    fn an_error_does_not_repeat_the_number() {
        for text in ["A801200005001", "B80120000500", "B8012000X5001"] {
            let said = format!("{0} {0:?}", text.parse::<Upn>().unwrap_err());
            assert!(!said.contains("8012"), "{said}");
        }
    }

    #[test]
    fn debug_shows_no_character_of_it() {
        let upn: Upn = "b801200005001".parse().unwrap();
        assert_eq!(format!("{upn:?}"), "Upn(hidden)");
        assert_eq!(format!("{:#?}", Some(vec![&upn])).matches("Upn(hidden)").count(), 1, "nor inside of something");
        assert_eq!(upn.expose(), "B801200005001");
    }

    fn with_check(rest: &str) -> String {
        let fits = LETTERS.iter().filter(|l| format!("{}{rest}", **l as char).parse::<Upn>().is_ok()).collect::<Vec<_>>();
        assert_eq!(fits.len(), 1, "exactly one check letter fits");
        format!("{}{rest}", *fits[0] as char)
    }

    proptest! {
        #[test]
        fn one_mistyped_digit_is_always_found(rest in "[0-9]{11}[0-9A-HJ-NP-RT-Z]", place in 1usize..12, other in 0u8..10) {
            let upn = with_check(&rest);
            let mut typo = upn.clone().into_bytes();
            prop_assume!(typo[place] != b'0' + other);
            typo[place] = b'0' + other;
            prop_assert_eq!(String::from_utf8(typo).unwrap().parse::<Upn>(), Err(UpnError::Check));
            prop_assert_eq!(upn.parse::<Upn>().unwrap().is_temporary(), !rest.ends_with(|c: char| c.is_ascii_digit()));
        }
    }
}
