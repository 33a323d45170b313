//! Reads configuration files. Whatever is wrong with one becomes a single sentence that names file, line and key, and says what
//! to do. What the keys mean is the business of the program whose `Config` it is.

use std::path::Path;

use serde::de::DeserializeOwned;

use crate::Advice;

/// Reads the TOML file at `path` into `T`.
///
/// # Errors
/// It cannot be read, is not TOML, or has a key that is unknown or of the wrong kind.
pub fn load<T: DeserializeOwned>(path: &Path) -> Result<T, Advice> {
    let text = std::fs::read_to_string(path).map_err(|error| Advice::unreadable(path, &error))?;
    parse(path, &text)
}

/// Reads `text`, which came from `path`, into `T`.
///
/// # Errors
/// As [`load`].
pub fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, Advice> {
    toml::from_str(text).map_err(|error| {
        let place = match error.span() {
            Some(span) => format!("{}, line {}", path.display(), line_of(text, span.start)),
            None => path.display().to_string(),
        };
        let key = error.span().and_then(|span| key_at(text, span.start));
        Advice::new(sentence(&place, key.as_deref(), error.message()))
    })
}

fn sentence(place: &str, key: Option<&str>, message: &str) -> String {
    if let Some(rest) = message.strip_prefix("unknown field `")
        && let Some((unknown, known)) = rest.split_once('`')
    {
        let known = known.trim_start_matches(", ").trim_start_matches("expected one of ").trim_start_matches("expected ");
        return format!(
            "{place}: the key \"{unknown}\" is not known: correct or remove it (known here: {}).",
            known.replace('`', "")
        );
    }
    let message = message.lines().collect::<Vec<_>>().join(", ");
    match key {
        Some(key) => {
            format!("{place}: the value of \"{key}\" cannot be read ({message}): correct it as the sample file shows.")
        }
        None => format!("{place}: this is not readable as TOML ({message}): correct the line as the sample file shows."),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.as_bytes()[..offset.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
}

/// The key of the line that holds `offset`, if that line has one.
fn key_at(text: &str, offset: usize) -> Option<String> {
    let line = text.lines().nth(line_of(text, offset) - 1)?;
    let (key, _) = line.split_once('=')?;
    let key = key.trim();
    (!key.is_empty() && !key.starts_with('#')).then(|| key.to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Sample {
        port: u16,
        name: String,
    }

    fn check(text: &str, expected: &str) {
        let advice = parse::<Sample>(&PathBuf::from("a.toml"), text).unwrap_err().to_string();
        assert_eq!(advice, expected);
    }

    #[test]
    fn every_mistake_is_one_sentence_with_file_line_and_key() {
        check(
            "port = 1\nnmae = \"x\"\n",
            "a.toml, line 2: the key \"nmae\" is not known: correct or remove it (known here: port or name).",
        );
        check(
            "# first\nport = \"eighty\"\n",
            "a.toml, line 2: the value of \"port\" cannot be read (invalid type: string \"eighty\", expected u16): correct it as the sample file shows.",
        );
        let advice = parse::<Sample>(&PathBuf::from("a.toml"), "port = = 1\n").unwrap_err().to_string();
        assert!(advice.starts_with("a.toml, line 1: ") && advice.ends_with("as the sample file shows."), "{advice}");
        assert_eq!(advice.lines().count(), 1);
    }
}
