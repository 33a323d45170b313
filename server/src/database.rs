//! Where the data is, as the configuration names it, and opening it.
//!
//! A path is a SQLite file; `postgres://…` is PostgreSQL. The password of a URL is not printed, not even by `Debug`.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use store::Store;

use crate::Config;

/// A SQLite file or a PostgreSQL database.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Database(String);

impl Database {
    /// Whether it is PostgreSQL, which several servers may share.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        ["postgres://", "postgresql://"].iter().any(|scheme| self.0.starts_with(scheme))
    }

    /// The file, if it is SQLite.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        (!self.is_postgres()).then(|| Path::new(&self.0))
    }

    /// Checks what its type cannot.
    ///
    /// # Errors
    /// One sentence that names the key and says what to do.
    pub fn validate(&self) -> Result<(), String> {
        if self.0.is_empty() {
            return Err("database is empty: name a file, such as data/windowseat.db".to_owned());
        }
        match self.0.split_once("://") {
            Some((scheme, _)) if !self.is_postgres() => Err(format!(
                "database begins with {scheme}://: write a file's path, or postgres://user@host/database for PostgreSQL"
            )),
            _ => Ok(()),
        }
    }
}

impl From<&Path> for Database {
    fn from(path: &Path) -> Self {
        Self(path.display().to_string())
    }
}

impl From<PathBuf> for Database {
    fn from(path: PathBuf) -> Self {
        path.as_path().into()
    }
}

impl From<&str> for Database {
    fn from(address: &str) -> Self {
        Self(address.to_owned())
    }
}

impl From<String> for Database {
    fn from(address: String) -> Self {
        Self(address)
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A password may be in several places of a URL, well escaped or not: none of it is shown.
        if self.is_postgres() { f.write_str("\"postgres://…\"") } else { self.0.fmt(f) }
    }
}

/// Opens the database that the configuration names and brings its tables up to date.
///
/// # Errors
/// The password file or the database cannot be used. No error holds the password.
pub async fn open(config: &Config) -> anyhow::Result<Store> {
    if let Some(file) = config.database.file() {
        return Ok(store_sqlite::open(file).await?);
    }
    let password = match &config.database_password_file {
        Some(path) => Some(
            tokio::fs::read_to_string(path)
                .await
                .with_context(|| format!("cannot read the database password in {}", path.display()))?,
        ),
        None => None,
    };
    let password = password.as_deref().map(|text| text.trim_end_matches(['\r', '\n']));
    Ok(store_postgres::open(&config.database.0, password).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_sqlite_and_a_url_is_postgresql() {
        assert_eq!(Database::from("data/windowseat.db").file(), Some(Path::new("data/windowseat.db")));
        for url in ["postgres://u@h/d", "postgresql://h/d"] {
            assert!(Database::from(url).is_postgres());
            assert_eq!(Database::from(url).file(), None);
            Database::from(url).validate().unwrap();
        }
        let error = Database::from("mysql://u:secret@h/d").validate().unwrap_err();
        assert!(error.starts_with("database begins with mysql://") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn a_password_is_never_printed() {
        for url in [
            "postgres://user:p%40ss@db.example:5432/school",
            "postgres://user:p@ss@db.example:5432/school",
            "postgres://user@db.example:5432/school?password=p@ss",
            "postgres://db.example:5432/school?user=user&password=pass#pass",
        ] {
            let shown = format!("{:?}", Database::from(url));
            assert_eq!(shown, "\"postgres://…\"", "{url}");
        }
        assert_eq!(format!("{:?}", Database::from("data/a.db")), "\"data/a.db\"");
    }
}
