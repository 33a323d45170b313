//! One time for all servers of a database: the database's.
//!
//! Bridges lead every interval back to the server's time ([`protocol::measure`]). Two servers whose clocks differ would be two times:
//! intervals that followed each other would lie over each other, and the union would lose seconds. So where servers share a database
//! they share its clock, measured as a bridge measures theirs; a step of a server's own clock changes nothing. A SQLite file belongs to
//! one server, whose clock is the only one.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use protocol::measure::{Estimate, Measure};
use protocol::{Clock, Now};
use store::{Store, StoreError};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::database;

/// How often the database is asked.
const ASK_EVERY: Duration = Duration::from_secs(10);
/// It is given this long to answer; the answer before stands until then.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);
/// From here on the operator is told that this machine's clock is wrong.
const WORTH_SAYING_MS: u64 = 2_000;

/// The database's time, read off this machine's monotonic clock.
struct SharedClock {
    machine: Arc<dyn Clock>,
    database: RwLock<Estimate>,
}

impl Clock for SharedClock {
    fn now(&self) -> Now {
        let monotonic = self.machine.now().monotonic;
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        Now { monotonic, utc: database.server_time(monotonic) }
    }

    fn speed(&self) -> u32 {
        self.machine.speed()
    }

    fn error(&self) -> Duration {
        let monotonic = self.machine.now().monotonic;
        self.database.read().unwrap_or_else(PoisonError::into_inner).error_at(monotonic)
    }

    fn shown_at(&self, machine: DateTime<Utc>) -> DateTime<Utc> {
        self.machine.shown_at(machine)
    }
}

/// The clock that a server of this database lives by: `machine`, or the database's if servers share it.
///
/// # Errors
/// The database does not answer in time.
pub(crate) async fn shared(
    machine: Arc<dyn Clock>,
    store: &Store,
    tasks: &TaskTracker,
    shutdown: CancellationToken,
) -> anyhow::Result<Arc<dyn Clock>> {
    let mut measure = Measure::new();
    let Some(exchange) = database::reached(&shutdown, async || ask(&machine, store).await).await? else { return Ok(machine) };
    measure.exchange(exchange.ours, exchange.theirs, Duration::ZERO);
    let first = measure.estimate().context("an exchange with the database took no time at all")?;
    let said_ms = say(&machine, first, 0);
    let clock = Arc::new(SharedClock { machine, database: RwLock::new(first) });
    tasks.spawn(follow(Arc::clone(&clock), store.clone(), (measure, said_ms), shutdown));
    Ok(clock)
}

async fn follow(clock: Arc<SharedClock>, store: Store, so_far: (Measure, i64), shutdown: CancellationToken) {
    let (mut measure, mut said_ms) = so_far;
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + ASK_EVERY, ASK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        // A database that is away is said by everyone else who needs it; time goes on meanwhile.
        let Ok(Some(exchange)) = ask(&clock.machine, &store).await else { continue };
        measure.exchange(exchange.ours, exchange.theirs, Duration::ZERO);
        if let Some(database) = measure.estimate() {
            *clock.database.write().unwrap_or_else(PoisonError::into_inner) = database;
            said_ms = say(&clock.machine, database, said_ms);
        }
    }
}

/// When the database was asked and answered, by our monotonic clock and by its civil one.
struct Exchange {
    ours: (Duration, Duration),
    theirs: (DateTime<Utc>, DateTime<Utc>),
}

/// One exchange, if the database has a clock of its own. It has one time for both stamps: all else is the way.
async fn ask(machine: &Arc<dyn Clock>, store: &Store) -> anyhow::Result<Option<Exchange>> {
    let sent = machine.now().monotonic;
    let answer: Result<_, StoreError> = tokio::time::timeout(ANSWERS_WITHIN, store.clock()).await?;
    let received = machine.now().monotonic;
    Ok(answer?.map(|at| machine.shown_at(at)).map(|at| Exchange { ours: (sent, received), theirs: (at, at) }))
}

/// Tells the operator of a machine whose clock is wrong, and again when it is wrong by something else. Returns what was said last.
fn say(machine: &Arc<dyn Clock>, database: Estimate, said_ms: i64) -> i64 {
    let now = machine.now();
    let ahead_ms = database.ahead_ms(now.monotonic, now.utc);
    if ahead_ms.abs_diff(said_ms) <= WORTH_SAYING_MS {
        return said_ms;
    }
    if ahead_ms.unsigned_abs() > WORTH_SAYING_MS {
        tracing::warn!(ahead_ms, "this machine's clock is not the database's; the database's is used: let NTP set this one");
    } else {
        tracing::info!(ahead_ms, "this machine's clock is the database's again");
    }
    ahead_ms
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use chrono::TimeDelta;

    use super::*;

    /// A machine whose civil clock can be set.
    #[derive(Debug)]
    struct Machine {
        real: protocol::SystemClock,
        ahead: Mutex<TimeDelta>,
    }

    impl Clock for Machine {
        fn now(&self) -> Now {
            let now = self.real.now();
            Now { utc: now.utc + *self.ahead.lock().unwrap(), ..now }
        }
    }

    #[tokio::test]
    async fn servers_of_one_postgresql_share_its_time_whatever_their_own_clocks_show() {
        let fresh = engines::Fresh::on(engines::Engine::Postgres).await;
        let store = fresh.store();
        let ahead = [TimeDelta::seconds(-90), TimeDelta::zero(), TimeDelta::days(4)];
        let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
        let real = protocol::SystemClock::new();
        for ahead in ahead {
            let machine = Arc::new(Machine { real: protocol::SystemClock::new(), ahead: Mutex::new(ahead) });
            let clock = shared(Arc::clone(&machine) as Arc<dyn Clock>, &store, &tasks, shutdown.clone()).await.unwrap();
            let off = |clock: &Arc<dyn Clock>| (clock.now().utc - real.now().utc).num_milliseconds().abs();
            assert!(off(&clock) < 1_000, "{ahead} shows through");
            *machine.ahead.lock().unwrap() = TimeDelta::hours(-2);
            assert!(off(&clock) < 1_000, "a step shows through");
        }
        shutdown.cancel();
    }

    #[tokio::test]
    async fn the_server_of_a_file_keeps_its_own_time() {
        let folder = tempfile::tempdir().unwrap();
        let store = store_sqlite::open(&folder.path().join("a.db")).await.unwrap();
        let machine = Machine { real: protocol::SystemClock::new(), ahead: Mutex::new(TimeDelta::days(-40)) };
        let clock = shared(Arc::new(machine), &store, &TaskTracker::new(), CancellationToken::new()).await.unwrap();
        assert!(clock.now().utc < protocol::SystemClock::new().now().utc - TimeDelta::days(39));
    }
}
