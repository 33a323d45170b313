//! The server's store on SQLite: pools, transactions, migrations, and the shared queries compiled against this engine.
//!
//! One writer connection, opened with `BEGIN IMMEDIATE`, so that writers queue here and never fail with "locked" inside a
//! transaction; readers have their own pool and never wait for the writer (WAL). `synchronous=FULL`: what is committed survives a
//! power cut, because an acknowledgement to a bridge promises that.
//!
//! The queries live in `../src`, one file per subject, in SQL that PostgreSQL reads too (`$1`, ON CONFLICT, RETURNING; time is
//! always a parameter). Callers see row structs; a write is one transaction.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqlitePool, Transaction};

/// The queries, in SQL that PostgreSQL reads too; compiled here against this engine.
#[path = "../../src"]
mod shared {
    pub mod audit;
    pub mod events;
    pub mod inbox;
    pub mod lessons;
    pub mod organisations;
    pub mod placements;
    pub mod presence;
    pub mod robots;
    pub mod staff;
    pub mod tablets;
}

pub use shared::{audit, events, inbox, lessons, organisations, placements, presence, robots, staff, tablets};

/// The engine that the shared queries are compiled for.
pub type Db = Sqlite;

/// How long a statement waits for another process's lock before it fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a caller waits for a free connection before it fails.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// Readers at once; more wait for [`ACQUIRE_TIMEOUT`].
const READERS: u32 = 8;

/// A handle to the database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) write: SqlitePool,
    pub(crate) read: SqlitePool,
}

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Opening the file or bringing its tables up to date.
    #[error("cannot open the database {path}")]
    Open {
        /// The file.
        path: String,
        /// What went wrong.
        source: sqlx::Error,
    },
    /// Bringing its tables up to date.
    #[error("cannot bring the database {path} up to date")]
    Migrate {
        /// The file.
        path: String,
        /// What went wrong.
        source: sqlx::migrate::MigrateError,
    },
    /// A statement or a commit.
    #[error("the database did not answer as expected")]
    Query(#[from] sqlx::Error),
    /// A stored value that this program cannot read.
    #[error("the database holds an unreadable {what}")]
    Unreadable {
        /// Which kind of value.
        what: &'static str,
    },
}

impl StoreError {
    /// The name of the constraint that a write broke, if that is why it failed.
    #[must_use]
    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Query(sqlx::Error::Database(error)) if error.is_unique_violation())
    }
}

impl Store {
    /// Opens the file, makes it if it is missing, and brings its tables up to date.
    ///
    /// # Errors
    /// The file cannot be opened or its tables cannot be brought up to date.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Open { path: path.display().to_string(), source };
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options.clone())
            .await
            .map_err(failed)?;
        sqlx::migrate!("./migrations")
            .run(&write)
            .await
            .map_err(|source| StoreError::Migrate { path: path.display().to_string(), source })?;
        let read = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options)
            .await
            .map_err(failed)?;
        Ok(Self { write, read })
    }

    /// A write transaction; the only one at a time. Rolled back unless committed.
    ///
    /// # Errors
    /// The writer is not free in time, or the database cannot be written.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Db>, StoreError> {
        Ok(self.write.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query!("SELECT 1 AS one").fetch_one(&self.read).await?;
        Ok(())
    }

    /// Waits for running statements and closes the file.
    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }
}

#[cfg(test)]
mod tests;
