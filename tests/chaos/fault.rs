//! What goes wrong, when, and for how long: a schedule that follows from the seed. One of each kind before any kind comes again.

use std::fmt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actors::wait::eventually;
use engines::Weather;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::chance::Chance;
use crate::pupil::Bell;
use crate::school::{School, Unit};
use crate::stall::Stalls;

/// The robots of a killed bridge are on another within this time.
pub const MOVED_WITHIN: Duration = Duration::from_secs(10);
/// So long a bridge hangs. That it does is seen later than that it is gone: its connections stand.
pub const HUNG_FOR: Duration = Duration::from_secs(25);
/// A bridge that is emptied for maintenance has nobody left within this time.
const EMPTY_WITHIN: Duration = Duration::from_secs(60);
/// Pupils have seen their class for this long before a bridge is killed.
const IN_CLASS_FOR: Duration = Duration::from_secs(5);
/// At most so many things go wrong at once.
const AT_ONCE: usize = 2;

/// One thing that goes wrong. The number says to which one of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `kill -9` while nothing else is wrong, and started again later: its robots are on another one within [`MOVED_WITHIN`].
    BridgeKilled,
    /// The same in the middle of whatever else is wrong, with facts that wait to be sent.
    BridgeKilledAnyhow(usize),
    /// `kill -9`, and started again later.
    ReplicaKilled(usize),
    /// `kill -9`, and started again with nothing remembered.
    BrokerKilled,
    /// `kill -9` of PostgreSQL with all that belongs to it, and started again.
    DatabaseKilled,
    /// `kill -9`, and started again later.
    RobotKilled(usize),
    /// A bridge that hangs: its connections stay, and nothing comes through them.
    BridgeHangs,
    /// The link between a robot and the broker.
    RobotLink(usize, Weather),
    /// The link between a bridge and the broker.
    BridgeLink(usize, Weather),
    /// The link between a replica and the broker.
    ReplicaLink(usize, Weather),
    /// The link between a replica and the database.
    DatabaseLink(usize, Weather),
    /// The civil clock of a bridge steps by so many seconds, and later back.
    BridgeClock(usize, i64),
    /// The civil clock of a replica steps by so many seconds, and later back.
    ReplicaClock(usize, i64),
    /// No byte can be written to a bridge's disk.
    DiskFull(usize),
    /// No byte can be written to the database's disk. PostgreSQL stops at once and cannot recover; it is started again when there is room.
    DatabaseFull,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BridgeKilled => write!(f, "kill -9 of the bridge with the most pupils"),
            Self::BridgeKilledAnyhow(n) => write!(f, "kill -9 of bridge {n}, whatever else is wrong"),
            Self::ReplicaKilled(n) => write!(f, "kill -9 of replica {n}"),
            Self::BrokerKilled => write!(f, "kill -9 of the broker, which forgets everything"),
            Self::DatabaseKilled => write!(f, "kill -9 of the database"),
            Self::RobotKilled(n) => write!(f, "kill -9 of robot {n}"),
            Self::BridgeHangs => write!(f, "the bridge with the most pupils hangs"),
            Self::RobotLink(n, weather) => write!(f, "link of robot {n} to the broker: {}", words(*weather)),
            Self::BridgeLink(n, weather) => write!(f, "link of bridge {n} to the broker: {}", words(*weather)),
            Self::ReplicaLink(n, weather) => write!(f, "link of replica {n} to the broker: {}", words(*weather)),
            Self::DatabaseLink(n, weather) => write!(f, "link of replica {n} to the database: {}", words(*weather)),
            Self::BridgeClock(n, by) => write!(f, "civil clock of bridge {n} steps by {by:+} s"),
            Self::ReplicaClock(n, by) => write!(f, "civil clock of replica {n} steps by {by:+} s"),
            Self::DiskFull(n) => write!(f, "disk of bridge {n} full"),
            Self::DatabaseFull => write!(f, "disk of the database full"),
        }
    }
}

fn words(weather: Weather) -> String {
    match weather {
        Weather::Fair => "fair".to_owned(),
        Weather::Cut => "cut".to_owned(),
        Weather::Silent => "silent, nobody is told".to_owned(),
        Weather::Late(late) => format!("{} ms late", late.as_millis()),
        Weather::Slow(bytes) => format!("{bytes} bytes a second"),
    }
}

/// A bridge that was killed.
#[derive(Clone, Copy, Debug)]
pub struct Kill {
    /// Which.
    pub bridge: usize,
    /// When.
    pub at: Instant,
    /// Nothing else was wrong for [`MOVED_WITHIN`].
    pub is_alone: bool,
}

/// What happened.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// What went wrong, from when until when.
    pub faults: Vec<(Instant, Instant, String)>,
    /// Bridges that were killed, in order.
    pub kills: Vec<Kill>,
    /// When every pupil of a bridge that hung saw their class through another one; none: not within [`HUNG_FOR`].
    pub hung: Vec<(Instant, Option<Duration>)>,
    /// When the machine itself stood still.
    pub stalls: Stalls,
}

/// Lets things go wrong until `until`, one of each kind at least; everything is healed when this returns.
pub async fn storm(school: Arc<School>, bell: Bell, until: Instant, mut chance: Chance) -> Record {
    let record = Arc::new(Mutex::new(Record::default()));
    let mut under_way = JoinSet::new();
    let mut rounds = 0;
    while rounds == 0 || Instant::now() < until {
        for fault in round(&school, &mut chance) {
            if rounds > 0 && Instant::now() >= until {
                break;
            }
            let is_alone = matches!(fault, Fault::BridgeKilled | Fault::BridgeHangs);
            let room = if is_alone { 0 } else { AT_ONCE - 1 };
            while under_way.len() > room {
                let done: Option<Result<(), _>> = under_way.join_next().await;
                done.expect("one is under way").expect("a fault is healed");
            }
            if fault == Fault::BridgeKilled {
                kill_bridge(&school, &bell, &record).await;
            } else if fault == Fault::BridgeHangs {
                hang_bridge(&school, &bell, &record).await;
            } else {
                let lasts = chance.seconds(2.0, 8.0);
                under_way.spawn(one(Arc::clone(&school), fault, lasts, Arc::clone(&record)));
                tokio::time::sleep(chance.seconds(0.5, 3.0)).await;
            }
        }
        rounds += 1;
        // A new round may begin with what the last one ended with, of the same process.
        healed(&mut under_way).await;
    }
    let mut record = record.lock().await.clone();
    record.faults.sort_by_key(|(from, _, _)| *from);
    record
}

async fn healed(under_way: &mut JoinSet<()>) {
    while let Some(done) = under_way.join_next().await {
        done.expect("a fault is healed");
    }
}

/// One of each kind, in any order, at any of its kind.
fn round(school: &School, chance: &mut Chance) -> Vec<Fault> {
    let (bridges, replicas, robots) = (school.bridges.len(), school.servers.len(), school.robots.len());
    let weathers =
        [Weather::Cut, Weather::Silent, Weather::Late(Duration::from_millis(800)), Weather::Slow(4_000), Weather::Cut];
    let step = |chance: &mut Chance| [-90, -20, 15, 45, 240][chance.below(5)];
    let mut faults = vec![
        Fault::BridgeKilled,
        Fault::BridgeKilledAnyhow(chance.below(bridges)),
        Fault::ReplicaKilled(chance.below(replicas)),
        Fault::BrokerKilled,
        Fault::DatabaseKilled,
        Fault::DatabaseLink(chance.below(replicas), weathers[chance.below(weathers.len())]),
        Fault::RobotKilled(chance.below(robots)),
        Fault::RobotLink(chance.below(robots), weathers[chance.below(weathers.len())]),
        Fault::BridgeHangs,
        Fault::BridgeLink(chance.below(bridges), weathers[chance.below(weathers.len())]),
        Fault::BridgeLink(chance.below(bridges), weathers[chance.below(weathers.len())]),
        Fault::ReplicaLink(chance.below(replicas), weathers[chance.below(weathers.len())]),
        Fault::BridgeClock(chance.below(bridges), step(chance)),
        Fault::ReplicaClock(chance.below(replicas), step(chance)),
        Fault::DiskFull(chance.below(bridges)),
        Fault::DatabaseFull,
    ];
    chance.shuffle(&mut faults);
    faults
}

/// Waits until everybody has had their class for a while. The bridge that the most pupils see it through, and how many do.
async fn calm(school: &School, bell: &Bell) -> (usize, usize) {
    // What went wrong before is over; pupils have their class again before the next thing happens.
    bell.stay.store(true, Ordering::Relaxed);
    let calm = Instant::now() + MOVED_WITHIN;
    while bell.live().iter().sum::<usize>() < school.seats.len() && Instant::now() < calm {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // Long enough for facts to be on disk: a kill must find something to lose.
    tokio::time::sleep(IN_CLASS_FOR).await;
    let live = bell.live();
    let most = (0..live.len()).max_by_key(|n| live[*n]).expect("there is a bridge");
    (most, live[most])
}

/// Stops the bridge that the most pupils see their class through without a word, and lets it go on later: it believes that no time passed.
async fn hang_bridge(school: &School, bell: &Bell, record: &Mutex<Record>) {
    let (most, pupils) = calm(school, bell).await;
    school.bridges[most].process.lock().await.tell("STOP");
    let from = Instant::now();
    let mut moved = None;
    while from.elapsed() < HUNG_FOR {
        let live = bell.live();
        if moved.is_none() && live[most] == 0 && live.iter().sum::<usize>() == school.seats.len() {
            moved = Some(from.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    school.bridges[most].process.lock().await.tell("CONT");
    bell.stay.store(false, Ordering::Relaxed);
    record.lock().await.hung.push((from, moved));
    note(record, from, format!("bridge {most} hangs, through which {pupils} pupils saw their class")).await;
}

/// Kills the bridge that the most pupils see their class through, and leaves everything else alone until its robots have moved.
async fn kill_bridge(school: &School, bell: &Bell, record: &Mutex<Record>) {
    let (most, pupils) = calm(school, bell).await;
    let unit = &school.bridges[most];
    unit.process.lock().await.kill9();
    let killed = Instant::now();
    record.lock().await.kills.push(Kill { bridge: most, at: killed, is_alone: true });
    tokio::time::sleep_until(killed + MOVED_WITHIN).await;
    bell.stay.store(false, Ordering::Relaxed);
    school.start_unit(unit).await;
    school.is_ready(unit).await;
    note(record, killed, format!("kill -9 of bridge {most}, through which {pupils} pupils saw their class")).await;
}

/// Empties the bridge with the most pupils as an operator does, with no other fault: all of them follow their robots to another one.
/// Says how many, and within which time.
pub async fn maintenance(school: &School, bell: &Bell) -> (usize, Duration) {
    bell.stay.store(true, Ordering::Relaxed);
    let live = bell.live();
    let most = (0..live.len()).max_by_key(|n| live[*n]).expect("there is a bridge");
    let bridge = &school.bridges[most];
    bridge.process.lock().await.tell("USR1");
    let what = format!("all {} pupils to see their class through another bridge than {most}", school.seats.len());
    let began = Instant::now();
    eventually(&what, EMPTY_WITHIN, async || {
        let live = bell.live();
        let is_empty = school.bridge_state(most).await? == (0, 0);
        (live[most] == 0 && live.iter().sum::<usize>() == school.seats.len() && is_empty).then_some(())
    })
    .await;
    let within = began.elapsed();
    bridge.process.lock().await.tell("USR2");
    bell.stay.store(false, Ordering::Relaxed);
    (live[most], within)
}

async fn one(school: Arc<School>, fault: Fault, lasts: Duration, record: Arc<Mutex<Record>>) {
    let from = Instant::now();
    match fault {
        Fault::BridgeKilled | Fault::BridgeHangs => unreachable!("they have their own way"),
        Fault::BridgeKilledAnyhow(n) => {
            let unit = &school.bridges[n];
            let _alone = unit.alone.lock().await;
            unit.process.lock().await.kill9();
            record.lock().await.kills.push(Kill { bridge: n, at: Instant::now(), is_alone: false });
            tokio::time::sleep(lasts).await;
            school.start_unit(unit).await;
            school.is_ready(unit).await;
        }
        Fault::ReplicaKilled(n) => {
            let unit = &school.servers[n];
            unit.process.lock().await.kill9();
            tokio::time::sleep(lasts).await;
            school.start_unit(unit).await;
            school.is_ready(unit).await;
        }
        Fault::BrokerKilled => {
            let mut broker = school.broker.lock().await;
            broker.kill9();
            tokio::time::sleep(lasts / 2).await;
            broker.restart().await;
        }
        Fault::DatabaseKilled => {
            let mut postgres = school.postgres.lock().await;
            postgres.kill9();
            tokio::time::sleep(lasts / 2).await;
            // It waits for the database without yielding: the other threads go on.
            tokio::task::block_in_place(|| postgres.restart());
        }
        Fault::RobotKilled(n) => {
            school.robots[n].lock().await.kill9();
            tokio::time::sleep(lasts / 2).await;
            school.start_robot(n).await;
        }
        Fault::RobotLink(n, weather) => through(&school.robot_links[n], weather, lasts).await,
        Fault::BridgeLink(n, weather) => through(&school.bridges[n].broker, weather, lasts).await,
        Fault::ReplicaLink(n, weather) => through(&school.servers[n].broker, weather, lasts).await,
        Fault::DatabaseLink(n, weather) => {
            through(school.servers[n].database.as_ref().expect("a replica has a database"), weather, lasts).await;
        }
        Fault::BridgeClock(n, by) => step(&school, &school.bridges[n], by, lasts).await,
        Fault::ReplicaClock(n, by) => step(&school, &school.servers[n], by, lasts).await,
        Fault::DiskFull(n) => {
            let _alone = school.bridges[n].alone.lock().await;
            let pid = school.bridges[n].process.lock().await.pid().expect("it runs");
            // Nothing can be written behind the first page: every write to the outbox fails.
            limit_files(pid, "4096:unlimited");
            tokio::time::sleep(lasts).await;
            limit_files(pid, "unlimited:unlimited");
        }
        Fault::DatabaseFull => {
            let mut postgres = school.postgres.lock().await;
            postgres.fill_disk();
            tokio::time::sleep(lasts).await;
            tokio::task::block_in_place(|| postgres.restart());
        }
    }
    note(&record, from, fault.to_string()).await;
}

async fn through(link: &engines::Proxy, weather: Weather, lasts: Duration) {
    link.set(weather);
    tokio::time::sleep(lasts).await;
    link.set(Weather::Fair);
}

/// Steps by seconds of the school's time, which passes faster than the machine's.
async fn step(school: &School, unit: &Unit, by: i64, lasts: Duration) {
    let _alone = unit.alone.lock().await;
    let of_the_machine = by as f64 / f64::from(school.clock.speed);
    std::fs::write(&unit.civil_time, format!("{of_the_machine:+.3}")).unwrap();
    tokio::time::sleep(lasts).await;
    std::fs::write(&unit.civil_time, "+0").unwrap();
}

fn limit_files(pid: u32, limit: &str) {
    let done = Command::new("prlimit").args(["--pid", &pid.to_string(), &format!("--fsize={limit}")]).status();
    assert!(done.expect("prlimit runs (apt-get install util-linux)").success(), "prlimit --fsize={limit} of {pid}");
}

async fn note(record: &Mutex<Record>, from: Instant, what: String) {
    record.lock().await.faults.push((from, Instant::now(), what));
}
