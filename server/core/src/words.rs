//! What people write about a child: bounded, never empty, and not printed by accident.
//!
//! A plan is full of sentences about somebody's health and hopes. They belong on the page and in the export that the reader may
//! see, never in a log. So [`Words`] has no `Display`, and its `Debug` tells a length. It does not judge what is written.
//!
//! ```compile_fail
//! let words = server_core::words::Words::new("Mornings are hard.").unwrap();
//! println!("{words}");
//! ```

use std::fmt;

/// The longest text that a field of the record takes, in characters.
pub const MAX_CHARS: usize = 4000;

/// Somebody's own words.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Words(String);

/// Why a text is not taken. It does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    /// Nothing but space.
    #[error("nothing is written here yet")]
    Empty,
    /// Over [`MAX_CHARS`].
    #[error("this is longer than 4,000 characters: shorten it, or attach it to the pupil's file")]
    TooLong,
    /// A control character other than a line break or a tab.
    #[error("there is a character in it that cannot be shown: type the text again instead of pasting it")]
    Control,
}

impl Words {
    /// Trimmed, with line breaks as `\n`.
    ///
    /// # Errors
    /// Empty, too long, or with control characters.
    pub fn new(text: &str) -> Result<Self, WordsError> {
        let text = text.trim().replace("\r\n", "\n").replace('\r', "\n");
        if text.is_empty() {
            return Err(WordsError::Empty);
        }
        if text.chars().count() > MAX_CHARS {
            return Err(WordsError::TooLong);
        }
        if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
            return Err(WordsError::Control);
        }
        Ok(Self(text))
    }

    /// The text, for a page, an export or the store.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Words(hidden, {} characters)", self.0.chars().count())
    }
}

/// Why a rule was not followed, or a step was taken out of order. There is no such thing as an empty reason.
///
/// ```compile_fail
/// let none = server_core::words::Reason::default();
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reason(Words);

/// Fewer characters than this are not a reason: "ok", "n/a", a dot.
const SHORTEST_REASON: usize = 8;

/// The text says too little.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoReason {
    /// As for other texts.
    #[error(transparent)]
    Words(#[from] WordsError),
    /// A few letters.
    #[error("say in a few words why, so that a reader understands it in a year")]
    TooShort,
}

impl Reason {
    /// From what somebody typed.
    ///
    /// # Errors
    /// Empty, too long or too short.
    pub fn new(text: &str) -> Result<Self, NoReason> {
        let words = Words::new(text)?;
        if words.expose().chars().filter(|c| c.is_alphanumeric()).count() < SHORTEST_REASON {
            return Err(NoReason::TooShort);
        }
        Ok(Self(words))
    }

    /// The text, for a page, an export or the store.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_kept_as_they_were_meant_and_not_printed() {
        let words = Words::new("  Mornings are hard.\r\nThursdays most.\n").unwrap();
        assert_eq!(words.expose(), "Mornings are hard.\nThursdays most.");
        assert_eq!(format!("{words:?}"), "Words(hidden, 34 characters)");
        assert_eq!(Words::new(" \n\t "), Err(WordsError::Empty));
        assert_eq!(Words::new("a\u{7}b"), Err(WordsError::Control));
        assert!(Words::new(&"é".repeat(MAX_CHARS)).is_ok());
        assert_eq!(Words::new(&"é".repeat(MAX_CHARS + 1)), Err(WordsError::TooLong));
    }

    #[test]
    fn a_reason_says_something() {
        for text in ["", "  ", "ok", "n/a", "........ ....", "because"] {
            assert!(Reason::new(text).is_err(), "{text:?}");
        }
        let reason = Reason::new("The ward moved the operation.").unwrap();
        assert!(!format!("{reason:?}").contains("ward"));
    }
}
