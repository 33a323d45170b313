//! The outbox on disk: SQLite, one writer, every write one transaction.
//!
//! The only file that the bridge writes. `synchronous=FULL`: what was recorded survives a power cut.

use std::path::Path;
use std::time::Duration;

use bridge_core::outbox::Acked;
use bridge_core::presence::Interval;
use bridge_core::session::{Checkpoint, Visit};
use chrono::{DateTime, TimeDelta, Utc};
use protocol::{Active, Kind, PlacementId, PresenceMessage, RobotId, SessionId, Tier};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, Transaction};
use uuid::Uuid;

/// How long to wait for the connection. After a failed write it is opened anew, which a full disk refuses too; whoever waits here says
/// nothing about the state of the outbox meanwhile.
const ACQUIRE_WITHIN: Duration = Duration::from_secs(1);

/// What went wrong with the file.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be opened or brought up to date.
    #[error("cannot open the outbox {path}: check that its folder exists, that this user may write there, and that the file is one", path = .path.display())]
    Open {
        /// Where.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// It was made by a newer program, or is damaged.
    #[error("the outbox {path} cannot be brought up to date: it is damaged, or from a newer version of this program", path = .path.display())]
    Migrate {
        /// Where.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    /// Reading or writing failed.
    #[error("cannot read or write the outbox")]
    Use(#[from] sqlx::Error),
}

/// The open file.
#[derive(Clone)]
pub struct Store {
    pool: SqlitePool,
    options: SqliteConnectOptions,
    epoch: Uuid,
}

/// What an acknowledgement came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledged {
    /// What the server has committed is deleted.
    Deleted(u64),
    /// The server has numbers that this file never gave: it is an older copy. Nothing was deleted; everything that waits has new numbers
    /// in a new epoch.
    Renewed {
        /// How many messages wait.
        waiting: u64,
    },
}

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRow {
    /// Its number in the epoch.
    pub seq: u64,
    /// Its id; the same when it is sent again.
    pub message_id: Uuid,
    /// Presence or event.
    pub kind: Kind,
    /// The body, as JSON.
    pub body: String,
    /// When it was recorded.
    pub created_at: DateTime<Utc>,
}

/// What waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many messages.
    pub count: u64,
    /// Since when the oldest waits.
    pub oldest: Option<DateTime<Utc>>,
    /// Size of the data in the file, in bytes, free pages left out.
    pub bytes: u64,
}

impl Store {
    /// Opens the file at `path`, makes it if it is missing, and brings it up to date.
    ///
    /// # Errors
    /// It cannot be opened, or is from a newer version.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let open = |source| StoreError::Open { path: path.to_owned(), source };
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5));
        let pool = one_connection().connect_with(options.clone()).await.map_err(open)?;
        sqlx::migrate!("./migrations")
            .run(&pool)
            .await
            .map_err(|source| StoreError::Migrate { path: path.to_owned(), source })?;
        let fresh = Uuid::now_v7();
        sqlx::query!("INSERT INTO outbox (outbox_id, epoch, next_seq) VALUES (1, $1, 1) ON CONFLICT DO NOTHING", fresh)
            .execute(&pool)
            .await
            .map_err(open)?;
        let epoch =
            sqlx::query_scalar!(r#"SELECT epoch AS "epoch!: Uuid" FROM outbox"#).fetch_one(&pool).await.map_err(open)?;
        Ok(Self { pool, options, epoch })
    }

    /// Which life of the file this is.
    #[must_use]
    pub fn epoch(&self) -> Uuid {
        self.epoch
    }

    /// After an error: works on with a new connection. SQLite itself rolls back where the disk is full, and the driver does not notice:
    /// on the old connection, further transactions would be savepoints in one that nobody ever commits.
    pub async fn start_anew(&mut self) {
        let old = std::mem::replace(&mut self.pool, one_connection().connect_lazy_with(self.options.clone()));
        // If it hangs, its lock does too, and the new connection says so.
        let _ = tokio::time::timeout(ACQUIRE_WITHIN, old.close()).await;
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// The disk.
    pub async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.pool.begin().await?)
    }

    /// Up to `limit` messages with numbers over `after`, oldest first, marked as sent.
    ///
    /// # Errors
    /// The disk.
    pub async fn take(&self, after: u64, limit: usize, at: DateTime<Utc>) -> Result<Vec<MessageRow>, StoreError> {
        let (after, limit) = (signed(after), i64::try_from(limit).unwrap_or(i64::MAX));
        let mut tx = self.pool.begin().await?;
        let rows = sqlx::query!(
            r#"SELECT seq AS "seq!", message_id AS "message_id!: Uuid", kind AS "kind!", body AS "body!",
                      created_at AS "created_at!: DateTime<Utc>", sent_at AS "sent_at?: DateTime<Utc>"
               FROM message WHERE seq > $1 ORDER BY seq LIMIT $2"#,
            after,
            limit
        )
        .fetch_all(&mut *tx)
        .await?;
        if let (Some(first), Some(last)) = (rows.first(), rows.last())
            && rows.iter().any(|row| row.sent_at.is_none())
        {
            let (first, last) = (first.seq, last.seq);
            sqlx::query!("UPDATE message SET sent_at = $1 WHERE seq BETWEEN $2 AND $3 AND sent_at IS NULL", at, first, last)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(rows
            .into_iter()
            .map(|row| MessageRow {
                seq: unsigned(row.seq),
                message_id: row.message_id,
                kind: if row.kind == Kind::Event.as_str() { Kind::Event } else { Kind::Presence },
                body: row.body,
                created_at: row.created_at,
            })
            .collect())
    }

    /// Takes the server's acknowledgement of the present epoch.
    ///
    /// It deletes what is committed, unless the file was put back to an earlier state (a restored copy): then numbers are given a second
    /// time, and the server's word on them is about other messages. That shows in a number that was not given or not sent yet.
    ///
    /// # Errors
    /// The disk.
    pub async fn acknowledge(&mut self, acked: &Acked) -> Result<Acknowledged, StoreError> {
        let through = signed(acked.through);
        let mut tx = self.pool.begin().await?;
        let next_seq = sqlx::query_scalar!(r#"SELECT next_seq AS "next_seq!" FROM outbox"#).fetch_one(&mut *tx).await?;
        let unsent = sqlx::query_scalar!(r#"SELECT seq AS "seq!" FROM message WHERE seq <= $1 AND sent_at IS NULL"#, through)
            .fetch_all(&mut *tx)
            .await?;
        if through < next_seq && !unsent.into_iter().any(|seq| acked.covers(unsigned(seq))) {
            let mut deleted = 0;
            for range in acked.committed() {
                let (low, high) = (signed(*range.start()), signed(*range.end()));
                let done = sqlx::query!("DELETE FROM message WHERE seq BETWEEN $1 AND $2", low, high).execute(&mut *tx).await?;
                deleted += done.rows_affected();
            }
            let gone = signed(deleted);
            sqlx::query!("UPDATE outbox SET waiting = waiting - $1", gone).execute(&mut *tx).await?;
            tx.commit().await?;
            return Ok(Acknowledged::Deleted(deleted));
        }
        let rows = sqlx::query_scalar!(r#"SELECT seq AS "seq!" FROM message ORDER BY seq"#).fetch_all(&mut *tx).await?;
        let mut next_seq = 1;
        for old in &rows {
            // Never over another row: numbers only become smaller, in order.
            sqlx::query!("UPDATE message SET seq = $1, sent_at = NULL WHERE seq = $2", next_seq, old).execute(&mut *tx).await?;
            next_seq += 1;
        }
        let epoch = Uuid::now_v7();
        sqlx::query!("UPDATE outbox SET epoch = $1, next_seq = $2", epoch, next_seq).execute(&mut *tx).await?;
        tx.commit().await?;
        self.epoch = epoch;
        Ok(Acknowledged::Renewed { waiting: rows.len() as u64 })
    }

    /// What waits, without a look at more than one message: a full outbox holds a million of them, and whoever asks holds up the writer.
    ///
    /// # Errors
    /// The disk.
    pub async fn waiting(&self) -> Result<Waiting, StoreError> {
        let row = sqlx::query!(
            r#"SELECT o.waiting AS "count!: i64",
                      (SELECT m.created_at FROM message m ORDER BY m.seq LIMIT 1) AS "oldest?: DateTime<Utc>",
                      (p.page_count - f.freelist_count) * s.page_size AS "bytes!: i64"
               FROM outbox AS o, pragma_page_count AS p, pragma_freelist_count AS f, pragma_page_size AS s"#
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(Waiting { count: unsigned(row.count), oldest: row.oldest, bytes: unsigned(row.bytes) })
    }

    /// The sessions that a killed process left open.
    ///
    /// # Errors
    /// The disk.
    pub async fn checkpoints(&self) -> Result<Vec<Checkpoint>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT session_id AS "session_id!: Uuid", placement_id AS "placement_id!: Uuid", robot_id AS "robot_id!: Uuid",
                      intervals AS "intervals!", closed_ms AS "closed_ms!", at AS "at!: DateTime<Utc>", tier AS "tier?",
                      from_at AS "from_at?: DateTime<Utc>", until_at AS "until_at?: DateTime<Utc>", span_us AS "span_us?",
                      clock_offset_ms AS "clock_offset_ms?", spoke_ms AS "spoke_ms!", hands AS "hands!", looks AS "looks!",
                      feelings AS "feelings!"
               FROM checkpoint ORDER BY session_id"#
        )
        .fetch_all(&self.pool)
        .await?;
        let rows = rows.into_iter().map(|row| {
            let intervals = small(row.intervals);
            let active = Active {
                spoke_ms: unsigned(row.spoke_ms),
                hands: small(row.hands),
                looks: small(row.looks),
                feelings: small(row.feelings),
            };
            let tier = row.tier.as_deref().map(tier_of);
            let open = match (tier, row.from_at, row.span_us) {
                (Some(tier), Some(from), Some(span_us)) => {
                    let span = Duration::from_micros(unsigned(span_us));
                    let until = row.until_at.unwrap_or(from + TimeDelta::microseconds(span_us));
                    Some(Interval { n: intervals, tier, from, until, span, clock_offset_ms: row.clock_offset_ms, active })
                }
                _ => None,
            };
            let visit = Visit {
                session: SessionId(row.session_id),
                placement: PlacementId(row.placement_id),
                robot: RobotId(row.robot_id),
            };
            Checkpoint { visit, intervals, closed_ms: unsigned(row.closed_ms), open, at: row.at }
        });
        Ok(rows.collect())
    }

    /// Writes everything into the main file and closes it.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// The outbox has one writer, and it reads its own writes.
fn one_connection() -> SqlitePoolOptions {
    SqlitePoolOptions::new().max_connections(1).acquire_timeout(ACQUIRE_WITHIN)
}

/// Appends one message under the next number. A later word on an interval of which no word was ever sent replaces it.
///
/// # Errors
/// The disk.
pub async fn append(
    tx: &mut Transaction<'_, Sqlite>,
    kind: Kind,
    body: &str,
    grows: Option<(SessionId, u32)>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (session, n) = (grows.map(|(session, _)| session.0), grows.map(|(_, n)| i64::from(n)));
    if grows.is_some() {
        let replaced = sqlx::query!(
            "UPDATE message SET body = $1 WHERE session_id = $2 AND interval_n = $3 AND sent_at IS NULL",
            body,
            session,
            n
        )
        .execute(&mut **tx)
        .await?;
        if replaced.rows_affected() > 0 {
            return Ok(());
        }
    }
    let seq = sqlx::query_scalar!(
        r#"UPDATE outbox SET next_seq = next_seq + 1, waiting = waiting + 1 RETURNING next_seq - 1 AS "seq!: i64""#
    )
    .fetch_one(&mut **tx)
    .await?;
    let (id, kind) = (Uuid::now_v7(), kind.as_str());
    sqlx::query!(
        "INSERT INTO message (seq, message_id, kind, body, session_id, interval_n, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        seq,
        id,
        kind,
        body,
        session,
        n,
        at
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Remembers an open session.
///
/// # Errors
/// The disk.
pub async fn remember(tx: &mut Transaction<'_, Sqlite>, checkpoint: &Checkpoint) -> Result<(), StoreError> {
    let Checkpoint { visit, intervals, closed_ms, open, at } = checkpoint;
    let (session, placement, robot) = (visit.session.0, visit.placement.0, visit.robot.0);
    let (intervals, closed_ms) = (i64::from(*intervals), signed(*closed_ms));
    let tier = open.map(|open| tier_text(open.tier));
    let (from, until) = (open.map(|open| open.from), open.map(|open| open.until));
    let clock_offset_ms = open.and_then(|open| open.clock_offset_ms);
    let span_us = open.map(|open| i64::try_from(open.span.as_micros()).unwrap_or(i64::MAX));
    let active = open.map(|open| open.active).unwrap_or_default();
    let (spoke_ms, hands) = (signed(active.spoke_ms), i64::from(active.hands));
    let (looks, feelings) = (i64::from(active.looks), i64::from(active.feelings));
    sqlx::query!(
        "INSERT INTO checkpoint (session_id, placement_id, robot_id, intervals, closed_ms, at, tier, from_at, span_us, spoke_ms,
                                 hands, looks, feelings, until_at, clock_offset_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
         ON CONFLICT (session_id) DO UPDATE SET intervals = excluded.intervals, closed_ms = excluded.closed_ms, at = excluded.at,
             tier = excluded.tier, from_at = excluded.from_at, span_us = excluded.span_us, spoke_ms = excluded.spoke_ms,
             hands = excluded.hands, looks = excluded.looks, feelings = excluded.feelings, until_at = excluded.until_at,
             clock_offset_ms = excluded.clock_offset_ms",
        session,
        placement,
        robot,
        intervals,
        closed_ms,
        at,
        tier,
        from,
        span_us,
        spoke_ms,
        hands,
        looks,
        feelings,
        until,
        clock_offset_ms
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Forgets a session that has ended.
///
/// # Errors
/// The disk.
pub async fn forget(tx: &mut Transaction<'_, Sqlite>, session: SessionId) -> Result<(), StoreError> {
    let session = session.0;
    sqlx::query!("DELETE FROM checkpoint WHERE session_id = $1", session).execute(&mut **tx).await?;
    Ok(())
}

/// Which interval a fact is a later word on, if it is one.
#[must_use]
pub fn grows(fact: &PresenceMessage) -> Option<(SessionId, u32)> {
    match fact {
        PresenceMessage::Interval { session, n, .. } => Some((*session, *n)),
        PresenceMessage::Ended { .. } => None,
    }
}

fn tier_text(tier: Tier) -> &'static str {
    match tier {
        Tier::Audio => "audio",
        Tier::Stills => "stills",
        Tier::Video => "video",
    }
}

fn tier_of(text: &str) -> Tier {
    match text {
        "audio" => Tier::Audio,
        "stills" => Tier::Stills,
        _ => Tier::Video,
    }
}

/// SQLite has signed numbers only; ours stay far below their limit.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn small(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(0)
}
