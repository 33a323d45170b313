//! The server's store on SQLite: pools, transactions, migrations, and the shared queries compiled against this engine.
//!
//! One writer connection, opened with `BEGIN IMMEDIATE`, so that writers queue here and never fail with "locked" inside a
//! transaction; readers have their own pool and never wait for the writer (WAL). `synchronous=FULL`: what is committed survives a
//! power cut, because an acknowledgement to a bridge promises that.
//!
//! The queries live in `../queries`, one file per subject, in SQL that PostgreSQL reads too (`$1`, ON CONFLICT, RETURNING; time is
//! always a parameter).

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::error::DatabaseError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqlitePool, Transaction};
use store::{Database, Store, StoreError};

mod bulk;

/// The queries, in SQL that PostgreSQL reads too; compiled here against this engine.
#[path = "../../queries"]
mod queries {
    mod audit;
    mod beginnings;
    mod calendars;
    mod changes;
    mod due;
    mod events;
    pub(crate) mod inbox;
    mod lessons;
    mod lists;
    mod machines;
    mod marks;
    mod minutes;
    mod organisations;
    mod pages;
    mod placements;
    mod placing;
    mod plans;
    pub(crate) mod presence;
    mod record;
    mod returns;
    mod robots;
    mod sheets;
    mod sight;
    mod staff;
    mod stated;
    mod tables;
    mod tablets;
    mod telemetry;
    pub(crate) mod words;
}

/// The engine that the shared queries are compiled for.
type Db = Sqlite;

/// How long a statement waits for another process's lock before it fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a caller waits for a free connection before it fails.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// Pages that the writer holds in memory, in KiB. What a batch of a thousand messages touches must fit: a page that is pushed out before the
/// commit is written twice and read again.
const WRITER_CACHE_KIB: &str = "-65536";
/// Pages of the log after which they go to the main file: fewer times there for the pages that every batch changes.
const CHECKPOINT_PAGES: &str = "4000";
/// Readers at once; more wait for [`ACQUIRE_TIMEOUT`].
const READERS: u32 = 8;

/// The pools.
#[derive(Debug)]
struct Engine {
    write: SqlitePool,
    read: SqlitePool,
}

/// Opens the file, makes it if it is missing, and brings its tables up to date.
///
/// # Errors
/// The file cannot be opened or its tables cannot be brought up to date.
pub async fn open(path: &Path) -> Result<Store, StoreError> {
    Ok(Store::new(connect(path).await?))
}

async fn connect(path: &Path) -> Result<Engine, StoreError> {
    let failed = |source| StoreError::Open { database: path.display().to_string(), source };
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT);
    let write = SqlitePoolOptions::new()
        .max_connections(1)
        // A file does not go away like a server; asking it first is a walk to the connection's thread and back.
        .test_before_acquire(false)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_with(options.clone().pragma("cache_size", WRITER_CACHE_KIB).pragma("wal_autocheckpoint", CHECKPOINT_PAGES))
        .await
        .map_err(failed)?;
    sqlx::migrate!("./migrations")
        .run(&write)
        .await
        .map_err(|source| StoreError::Migrate { database: path.display().to_string(), source })?;
    let read = SqlitePoolOptions::new()
        .max_connections(READERS)
        .test_before_acquire(false)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_with(options)
        .await
        .map_err(failed)?;
    Ok(Engine { write, read })
}

impl Engine {
    /// A write transaction; the only one at a time. Rolled back unless committed.
    async fn begin(&self) -> Result<Transaction<'static, Db>, StoreError> {
        match self.write.begin_with("BEGIN IMMEDIATE").await {
            // Where the disk is full, SQLite rolls back by itself, and the driver goes on counting a transaction that is no more: what
            // followed would be a part of it, and never committed. The next connection knows nothing of it.
            Err(sqlx::Error::InvalidSavePointStatement) => {
                self.write.acquire().await?.close().await?;
                Ok(self.write.begin_with("BEGIN IMMEDIATE").await?)
            }
            begun => Ok(begun?),
        }
    }

    /// A write transaction of the ingest. Here like any other: there is one writer.
    async fn begin_ingest(&self) -> Result<Transaction<'static, Db>, StoreError> {
        self.begin().await
    }
}

#[async_trait]
impl Database for Engine {
    async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query!("SELECT 1 AS one").fetch_one(&self.read).await?;
        Ok(())
    }

    async fn clock(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        Ok(None)
    }

    async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }
}

/// Whether the database refuses a value that a statement brings: no other try helps.
fn is_refused_value(error: &sqlx::Error) -> bool {
    // Too large, a broken constraint, another type than the column's; the low byte is the primary code.
    const REFUSED: [i64; 3] = [18, 19, 20];
    code(error).is_some_and(|code| REFUSED.contains(&(code & 0xff)))
}

/// Whether an error is of the file or the disk, and of no message: busy, locked, no memory, read-only, interrupted, no input or output,
/// full, not to be opened, of other rights, no database; or a table that is not there. A later try may help.
fn does_not_answer(error: &dyn DatabaseError) -> bool {
    const AWAY: [i64; 12] = [5, 6, 7, 8, 9, 10, 13, 14, 15, 22, 23, 26];
    let code = error.code().and_then(|code| code.parse::<i64>().ok());
    code.is_none_or(|code| AWAY.contains(&(code & 0xff))) || error.message().starts_with("no such ")
}

/// Whether the same statement may succeed right away: the file was busy with another program.
fn is_worth_another_try(error: &sqlx::Error) -> bool {
    const BUSY: [i64; 2] = [5, 6];
    code(error).is_some_and(|code| BUSY.contains(&(code & 0xff)))
}

fn code(error: &sqlx::Error) -> Option<i64> {
    error.as_database_error()?.code()?.parse().ok()
}

#[cfg(test)]
mod tests;
