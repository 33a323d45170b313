//! What the server keeps: row types, one trait a subject, and [`Store`], the handle that everyone holds.
//!
//! Nothing here knows an engine. The queries are `../queries`, one text that the packages `store-sqlite` and `store-postgres`
//! compile and check against their own; each opens a database and returns a [`Store`]. Callers see row structs; a write is one
//! transaction; a read is one statement or a few that need not agree to the millisecond.

use std::ops::Deref;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

pub mod audit;
pub mod beginnings;
pub mod calendars;
pub mod changes;
pub mod due;
pub mod events;
pub mod inbox;
pub mod kept;
pub mod lessons;
pub mod machines;
pub mod marks;
pub mod minutes;
pub mod organisations;
pub mod pages;
pub mod placements;
pub mod placing;
pub mod plans;
pub mod presence;
pub mod record;
pub mod returns;
pub mod robots;
pub mod sheets;
pub mod staff;
pub mod stated;
pub mod tables;
pub mod tablets;
pub mod telemetry;

pub use robots::DeviceKind;

/// A handle to the database, whichever engine it is. Cheap to clone; derefs to [`Database`], so `store.robots().await` reads
/// rows without a trait in scope.
#[derive(Clone)]
pub struct Store(Arc<dyn Database>);

/// Everything that a database of the server can do; each subject has its own trait.
#[async_trait]
pub trait Database:
    audit::Audit
    + beginnings::Beginnings
    + calendars::Calendars
    + changes::Changes
    + due::Dues
    + events::Events
    + inbox::Inbox
    + lessons::Timetable
    + machines::Machines
    + marks::Marks
    + minutes::Minutes
    + organisations::Organisations
    + pages::Pages
    + placements::Placements
    + placing::Placing
    + plans::Plans
    + presence::Presence
    + record::Record
    + returns::Returns
    + robots::Robots
    + sheets::Sheets
    + staff::Staff
    + stated::Stated
    + tables::Tables
    + tablets::Tablets
    + telemetry::Telemetry
    + std::fmt::Debug
{
    /// Whether the database answers.
    ///
    /// # Errors
    /// It does not.
    async fn ping(&self) -> Result<(), StoreError>;

    /// What the civil clock of the database shows, if servers on several machines share it; `None` where it is this machine's.
    ///
    /// # Errors
    /// It does not answer.
    async fn clock(&self) -> Result<Option<DateTime<Utc>>, StoreError>;

    /// Waits for running statements and closes the connections.
    async fn close(&self);
}

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Opening the database.
    #[error("cannot open the database {database}")]
    Open {
        /// Which one; never with a password.
        database: String,
        /// What went wrong.
        source: sqlx::Error,
    },
    /// Bringing its tables up to date.
    #[error("cannot bring the database {database} up to date")]
    Migrate {
        /// Which one; never with a password.
        database: String,
        /// What went wrong.
        source: sqlx::migrate::MigrateError,
    },
    /// Another program brings its tables up to date, or holds one of them.
    #[error("the database {database} is being brought up to date by another program for more than {} s; start again when it is done", within.as_secs())]
    MigrateTooSlow {
        /// Which one; never with a password.
        database: String,
        /// How long was waited.
        within: std::time::Duration,
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
    /// Whether the database could not be reached, or is only just starting: later it may do what was asked.
    #[must_use]
    pub fn is_away(&self) -> bool {
        let mut causes = std::iter::successors(Some(self as &dyn std::error::Error), |cause| cause.source());
        causes.any(|cause| match cause.downcast_ref::<sqlx::Error>() {
            Some(sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut) => true,
            // `cannot_connect_now`, `admin_shutdown`, `crash_shutdown`.
            Some(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| ["57P01", "57P02", "57P03"].contains(&code.as_ref()))
            }
            _ => false,
        })
    }
}

impl Store {
    /// Wraps an open database.
    #[must_use]
    pub fn new(database: impl Database + 'static) -> Self {
        Self(Arc::new(database))
    }
}

impl Deref for Store {
    type Target = dyn Database;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl StoreError {
    /// Whether a write broke a rule that something is there only once.
    #[must_use]
    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Query(sqlx::Error::Database(error)) if error.is_unique_violation())
    }
}
