//! Secrets that the programs share when they run together: made once at random, kept in files that only their owner can read.
//!
//! Nothing here prints one. A file is written whole under another name and then renamed, so that a crash leaves the old or the new.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Advice;

/// Bytes of chance in a secret.
const SECRET_BYTES: usize = 32;

/// `keys/devices.toml`.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct DevicesFile {
    secret: BTreeMap<String, String>,
}

/// The MQTT secrets in the file at `path`, after making those of `names` that are not there yet.
///
/// # Errors
/// The file cannot be read or written; the sentence says what to do.
pub fn load_or_make(path: &Path, names: &[String]) -> Result<BTreeMap<String, String>, Advice> {
    let mut devices: DevicesFile = match fs::read_to_string(path) {
        Ok(text) => crate::files::parse(path, &text)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => DevicesFile::default(),
        Err(error) => return Err(Advice::unreadable(path, &error)),
    };
    let missing: Vec<_> = names.iter().filter(|name| !devices.secret.contains_key(*name)).cloned().collect();
    if !missing.is_empty() {
        for name in missing {
            devices.secret.insert(name, random_secret());
        }
        let body = toml::to_string(&devices).expect("a table of texts is TOML");
        let text = format!(
            "# Secrets of the MQTT users (devices by their id). Made by Windowseat; delete a line to have a new one made.\n{body}"
        );
        write_private(path, text.as_bytes())?;
    }
    Ok(devices.secret)
}

/// Writes `content` to `path`, readable by its owner only.
///
/// # Errors
/// The folder or the file cannot be written; the sentence says what to do.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), Advice> {
    let write = || -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let new = path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().map_err(|error| Advice::unwritable(path, &error))
}

/// 256 bits of chance as hexadecimal digits.
#[must_use]
pub fn random_secret() -> String {
    let mut bytes = [0; SECRET_BYTES];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A password that can be typed: four groups of four, about 74 bits of chance.
#[must_use]
pub fn random_password() -> String {
    /// No vowels, and none of the letters and digits that are mistaken for one another. 25 of them, so that 250 is a multiple.
    const LETTERS: &[u8; 25] = b"cdfghjkmnpqrtvwxy23456789";
    let mut password = String::new();
    while password.len() < 19 {
        let mut byte = [0];
        aws_lc_rs::rand::fill(&mut byte).expect("the operating system gives random bytes");
        if byte[0] < 250 {
            if password.len() % 5 == 4 {
                password.push('-');
            }
            password.push(char::from(LETTERS[usize::from(byte[0] % 25)]));
        }
    }
    password
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn secrets_are_made_once_kept_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/devices.toml");
        let first = load_or_make(&path, &["server".into()]).unwrap();
        let second = load_or_make(&path, &["server".into(), "operator".into()]).unwrap();
        assert_eq!(first["server"], second["server"]);
        assert_eq!(second["operator"].len(), 2 * SECRET_BYTES);
        assert_ne!(second["server"], second["operator"]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
