//! Where the data is, as the configuration names it, and opening it.
//!
//! A path is a SQLite file; `postgres://…` is PostgreSQL. The password of a URL is not printed, not even by `Debug`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use store::{Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::Config;

/// A PostgreSQL that is away when the server starts is tried so often: a machine may start both at once.
const TRIES: usize = 60;
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

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

/// Does `work` with the database as soon as that can be reached, and gives up after [`TRIES`] or at shutdown.
///
/// # Errors
/// As `work`: at once if waiting does not help.
pub(crate) async fn reached<T>(shutdown: &CancellationToken, work: impl AsyncFn() -> anyhow::Result<T>) -> anyhow::Result<T> {
    for _ in 1..TRIES {
        match work().await {
            Err(error) if error.downcast_ref::<StoreError>().is_some_and(StoreError::is_away) => {
                tracing::warn!(error = %format!("{error:#}"), "the database is away; it is tried again");
            }
            done => return done,
        }
        tokio::select! {
            () = shutdown.cancelled() => anyhow::bail!("stopped before the database could be reached"),
            () = tokio::time::sleep(TRY_AGAIN_AFTER) => {}
        }
    }
    work().await
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
    use std::sync::atomic::{AtomicUsize, Ordering};

    use engines::database::{Engine, Fresh, shared_postgres};
    use engines::{Proxy, Weather};

    use super::*;

    #[tokio::test]
    async fn a_postgresql_that_comes_later_is_waited_for_and_a_wrong_name_is_told_at_once() {
        let fresh = Fresh::on(Engine::Postgres).await;
        let port = shared_postgres().port();
        let way = Proxy::start(([127, 0, 0, 1], port).into()).await;
        way.set(Weather::Cut);
        let tries = AtomicUsize::new(0);
        let open = async |url: &str| {
            if tries.fetch_add(1, Ordering::Relaxed) == 1 {
                way.set(Weather::Fair);
            }
            Ok(store_postgres::open(url, None).await?)
        };
        let url = fresh.address.replace(&format!(":{port}/"), &format!(":{}/", way.address.port()));
        reached(&CancellationToken::new(), async || open(&url).await).await.unwrap();
        assert_eq!(tries.load(Ordering::Relaxed), 2);
        let error = reached(&CancellationToken::new(), async || open(&format!("{url}_missing")).await).await.unwrap_err();
        assert_eq!(tries.load(Ordering::Relaxed), 3, "{error:#}");
    }

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
