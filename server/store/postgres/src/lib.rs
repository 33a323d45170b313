//! The server's store on PostgreSQL 15 or later: pool, transactions, migrations, and the shared queries compiled against it.
//!
//! Several servers may share one database. What people do is written by one transaction at a time, whichever server it comes
//! from (`Engine::begin` takes one advisory lock), so code that reads and then writes is as safe as on SQLite, which has one
//! writer anyway. The ingest does not queue there: it locks the rows it works on, always in the same order.
//!
//! The queries live in `../queries`, one file per subject, in SQL that SQLite reads too (`$1`, ON CONFLICT, RETURNING; time is
//! always a parameter).

use std::str::FromStr as _;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgPool, Postgres, Transaction};
use store::{Database, Store, StoreError};

mod bulk;

/// The queries, in SQL that SQLite reads too; compiled here against this engine.
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
type Db = Postgres;

/// How long a caller waits for a free connection before it fails.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections of one server; more callers wait for [`ACQUIRE_TIMEOUT`].
const CONNECTIONS: u32 = 12;
/// How long a statement waits for a lock before it fails.
const LOCK_TIMEOUT: &str = "5s";
/// How long a statement may run before it fails.
const STATEMENT_TIMEOUT: &str = "30s";
/// A transaction whose program hangs is ended after this time, so that its locks go.
const IDLE_IN_TRANSACTION_TIMEOUT: &str = "30s";
/// A database that answers before the disk has it would let an acknowledged minute be lost; a stricter setting stays as it is.
const DURABLE: &str =
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";
/// How long a server waits at its start until another one that started with it has brought the tables up to date.
const WAIT_TO_MIGRATE: Duration = Duration::from_secs(120);
/// How long bringing them up to date may take. A large table takes minutes; a network that swallows everything is not waited for.
const MIGRATE_WITHIN: Duration = Duration::from_secs(6 * 3_600);
/// What PostgreSQL answers where a lock was not to be had in time (`lock_not_available`).
const NO_LOCK: &str = "55P03";
/// Names the lock that serialises people's writes. Any number will do; the migrations of sqlx use another.
const PEOPLES_WRITES: i64 = 0x5769_6e64_6f77;

/// The pool.
#[derive(Debug)]
struct Engine {
    read: PgPool,
}

/// Connects to the database and brings its tables up to date. Safe while other servers do the same.
///
/// `url` is `postgres://user@host:port/database`. A password is taken from `password`, else from the URL, else from the password
/// file that PostgreSQL's own clients read (`~/.pgpass`, or the one named by `PGPASSFILE`).
///
/// # Errors
/// The database cannot be reached, or its tables cannot be brought up to date in time.
pub async fn open(url: &str, password: Option<&str>) -> Result<Store, StoreError> {
    let mut options = PgConnectOptions::from_str(url)
        .map_err(|source| StoreError::Open { database: "that the configuration names".to_owned(), source })?;
    if let Some(password) = password {
        options = options.password(password);
    }
    let database = shown(&options);
    let failed = |source| StoreError::Open { database: database.clone(), source };
    let options = options.application_name("windowseat").options([
        ("statement_timeout", STATEMENT_TIMEOUT),
        ("lock_timeout", LOCK_TIMEOUT),
        ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION_TIMEOUT),
        ("timezone", "UTC"),
    ]);
    migrate(&options, &database).await?;
    let read = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .after_connect(|connection, _| Box::pin(async move { sqlx::raw_sql(DURABLE).execute(connection).await.map(|_| ()) }))
        .connect_with(options)
        .await
        .map_err(failed)?;
    Ok(Store::new(Engine { read }))
}

/// On a connection of its own: one statement of it may take long, and so may the wait for another server's.
async fn migrate(options: &PgConnectOptions, database: &str) -> Result<(), StoreError> {
    let too_slow = |within| StoreError::MigrateTooSlow { database: database.to_owned(), within };
    let work = async {
        let failed = |source| StoreError::Open { database: database.to_owned(), source };
        let wait = format!("{}s", WAIT_TO_MIGRATE.as_secs());
        let patient = options.clone().options([("statement_timeout", "0"), ("lock_timeout", wait.as_str())]);
        let one = PgPoolOptions::new().max_connections(1).connect_with(patient).await.map_err(failed)?;
        sqlx::migrate!("./migrations").run(&one).await.map_err(|source| match source {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) if is_locked(&error) => {
                too_slow(WAIT_TO_MIGRATE)
            }
            source => StoreError::Migrate { database: database.to_owned(), source },
        })?;
        one.close().await;
        Ok(())
    };
    tokio::time::timeout(MIGRATE_WITHIN, work).await.map_err(|_| too_slow(MIGRATE_WITHIN))?
}

fn is_locked(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == NO_LOCK)
}

/// What errors and logs call the database: without user and password.
fn shown(options: &PgConnectOptions) -> String {
    let name = options.get_database().unwrap_or(options.get_username());
    match options.get_socket() {
        Some(socket) => format!("{name} at {}", socket.display()),
        None => format!("{name} at {}:{}", options.get_host(), options.get_port()),
    }
}

impl Engine {
    /// A write transaction for what people do; the only one at a time among all servers. Rolled back unless committed.
    async fn begin(&self) -> Result<Transaction<'static, Db>, StoreError> {
        let mut tx = self.read.begin().await?;
        sqlx::query!("SELECT pg_advisory_xact_lock($1)", PEOPLES_WRITES).execute(&mut *tx).await?;
        Ok(tx)
    }

    /// A write transaction of the ingest: many at a time; it locks its rows itself.
    async fn begin_ingest(&self) -> Result<Transaction<'static, Db>, StoreError> {
        Ok(self.read.begin().await?)
    }
}

#[async_trait]
impl Database for Engine {
    async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query!("SELECT 1 AS one").fetch_one(&self.read).await?;
        Ok(())
    }

    async fn clock(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let at = sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "at!""#).fetch_one(&self.read).await?;
        Ok(Some(at))
    }

    async fn close(&self) {
        self.read.close().await;
    }
}

/// Whether the database refuses a value that a statement brings: no other try helps.
fn is_refused_value(error: &sqlx::Error) -> bool {
    // Classes of data exceptions and of broken constraints.
    sqlstate(error).is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
}

/// Whether an error is of the server and of no message: the class of its code says connection, state of the transaction, who may,
/// no such database, rolled back, no such table or no right to it, no room, locked, stopped, disk. A later try may help.
fn does_not_answer(error: &dyn DatabaseError) -> bool {
    const AWAY: [&str; 11] = ["08", "25", "28", "3D", "40", "42", "53", "55", "57", "58", "F0"];
    error.code().as_deref().and_then(|code| code.get(..2)).is_none_or(|class| AWAY.contains(&class))
}

/// Whether the same statements may succeed right away: they met others' in a circle of locks, or were chosen to give way.
fn is_worth_another_try(error: &sqlx::Error) -> bool {
    sqlstate(error).is_some_and(|code| code == "40P01" || code == "40001")
}

fn sqlstate(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}
