//! Ten thousand joins and leaves, and days in which people come, go and vanish and robots restart: what the bridge keeps does not grow.
//!
//! ```sh
//! cargo test --release -p bridge --test churn                        # a thousand visits, a day of the bridge's clock
//! cargo test --release -p bridge --test churn -- --visits 10000      # ten thousand
//! cargo test --release -p bridge --test churn -- --seed 7
//! ```
//!
//! The bridge is a process of its own, on a clock that is [`SPEED`] times as fast, so that its memory is its own and a day is half a
//! minute. Every visit is real: HTTP, ICE, DTLS, media both ways through the relay, facts to a server that acknowledges them; some come by
//! TCP, through a network that loses packets, open the control channel, or move with a restart of ICE. After a warm-up and at the end everybody but the robots has left; then tables, threads, open files and resident memory are compared.
//!
//! What is promised: tables as they were; threads and files within a few; memory within [`MEMORY_KIB`] however many visits there were.
//!
//! It is a program without the test harness: the same file is started again as the bridge.

mod bridge_process;
#[expect(dead_code, reason = "the broker and the server are needed, the rest is for tests of the program")]
#[path = "../program/harness.rs"]
mod harness;
#[expect(dead_code, reason = "nothing is asked of it but to lose")]
#[path = "../media/network.rs"]
mod network;
#[expect(dead_code, reason = "only the honest half of a peer is needed")]
#[path = "../media/peer.rs"]
mod peer;
mod seat;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bridge_process::{BridgeProcess, Footprint};
use harness::{Broker, Server};
use peer::now;
use protocol::{Clock, FastClock};
use seat::{Seat, Ways};

/// How much faster the bridge's time passes: a day in 24 seconds.
const SPEED: u32 = 3600;
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Robots, each with one visit after the other.
const SEATS: u64 = 8;
/// Resident memory may be this much more than after the warm-up: for ten thousand visits 0.6 KiB each, for a thousand what an
/// allocator keeps back by chance.
const MEMORY_KIB: u64 = 6 * 1024;
/// Kept-alive connections of HTTP, and helper threads of the runtime, come and go by so many.
const A_FEW: u64 = 8;

struct Plan {
    visits: u64,
    seed: u64,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["as-bridge", folder, origin, speed] = words.as_slice() {
        bridge_process::run(folder, origin, speed.parse().expect("a number"));
        return ExitCode::SUCCESS;
    }
    match plan(&words) {
        Ok(Some(plan)) => {
            churn(&plan);
            ExitCode::SUCCESS
        }
        Ok(None) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}\nuse: [--visits 1000] [--seed 1]");
            ExitCode::from(2)
        }
    }
}

/// `None`: the arguments are a filter for tests of other names, or ask for a list.
fn plan(words: &[&str]) -> Result<Option<Plan>, String> {
    let mut plan = Plan { visits: 1000, seed: 20_261_122 };
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let mut number = || rest.next().and_then(|word| word.parse().ok()).ok_or(format!("{word} needs a number"));
        match *word {
            "--visits" => plan.visits = number()?,
            "--seed" => plan.seed = number()?,
            "--list" => return Ok(None),
            // What `cargo test` hands to every test program.
            "--test-threads" | "--skip" | "--format" | "--color" => drop(rest.next()),
            flag if flag.starts_with("--") => {}
            name if "churn".contains(name) => {}
            _ => return Ok(None),
        }
    }
    Ok(Some(plan))
}

fn churn(plan: &Plan) {
    println!("churn: {} visits, seed {}", plan.visits, plan.seed);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let broker = runtime.block_on(Broker::start());
    let origin = chrono::DateTime::from_timestamp(1_795_420_800, 0).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(FastClock::new(origin, SPEED));
    let bridge = BridgeProcess::start(&broker.url(), clock.now().utc, SPEED);
    let server = runtime.block_on(Server::start_by(Arc::clone(&clock), &broker, bridge.id, |_, _| true));
    let ways = Arc::new(Ways::new(&bridge, Arc::clone(&clock), runtime.handle().clone()));
    let mut seats: Vec<Seat> = (0..SEATS).map(|number| Seat::new(Arc::clone(&ways), plan.seed + number)).collect();

    let began = clock.now().monotonic;
    let warm_up = (plan.visits / 4).max(200);
    run(&mut seats, warm_up, || true);
    let before = settled(&bridge, &ways, &mut seats);
    let visits_before = visits(&seats);
    run(&mut seats, plan.visits, || clock.now().monotonic - began >= DAY);
    let after = settled(&bridge, &ways, &mut seats);
    let hours = (clock.now().monotonic - began).as_secs() / 3600;

    let done = visits(&seats) - visits_before;
    let told = server.told.lock().unwrap();
    let ends = told.facts.iter().filter(|fact| matches!(fact, protocol::PresenceMessage::Ended { .. })).count();
    println!("{:>22} {:>9} {:>9}", "", "warm", "at end");
    for (what, before, after) in [
        ("resident KiB", before.resident_kib, after.resident_kib),
        ("threads", before.threads, after.threads),
        ("open files", before.files, after.files),
    ] {
        println!("{what:>22} {before:>9} {after:>9}");
    }
    println!(
        "{done} visits after {visits_before} of warm-up, {hours} hours of the bridge's clock, {ends} visits in the ledger"
    );
    println!("what became of them: {}", ways.told());

    assert!(done >= plan.visits && hours >= 24, "as many as asked for, over a day at least");
    assert!(ends as u64 >= done + visits_before, "every visit has its end in the ledger");
    assert!(after.resident_kib <= before.resident_kib + MEMORY_KIB, "memory grew: {before:?} {after:?}");
    assert!(after.threads <= before.threads + A_FEW, "threads grew: {before:?} {after:?}");
    assert!(after.files <= before.files + A_FEW, "open files grew: {before:?} {after:?}");
    println!("churn: passed");
}

fn visits(seats: &[Seat]) -> u64 {
    seats.iter().map(|seat| seat.visits).sum()
}

/// Visits at all seats at once, until there were so many and `is_enough` says so.
fn run(seats: &mut [Seat], wanted: u64, is_enough: impl Fn() -> bool + Sync) {
    let (done, ready) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for seat in seats {
            scope.spawn(|| {
                while done.load(Ordering::Relaxed) < wanted || !is_enough() {
                    done.fetch_add(seat.visit(), Ordering::Relaxed);
                }
                // A robot that says nothing while others have visitors would be taken for lost.
                ready.fetch_add(1, Ordering::Relaxed);
                let since = now();
                while ready.load(Ordering::Relaxed) < SEATS && now() - since < Duration::from_secs(60) {
                    seat.idle();
                }
            });
        }
    });
}

/// Waits until only the robots are there, and returns what the bridge then takes.
fn settled(bridge: &BridgeProcess, ways: &Ways, seats: &mut [Seat]) -> Footprint {
    let wanted = [
        ("robots", SEATS),
        ("sessions", 0),
        ("connections", SEATS),
        ("addresses", SEATS),
        ("resources", SEATS),
        ("outbox_waiting", 0),
    ];
    // On a busy machine one or another robot was taken for lost.
    seats.iter_mut().for_each(Seat::restart);
    let start = now();
    loop {
        seats.iter_mut().for_each(Seat::idle);
        let text = ways.metrics();
        let value = |name: &str| {
            let prefix = format!("windowseat_bridge_{name} ");
            text.lines().find_map(|line| line.strip_prefix(&prefix)?.parse::<u64>().ok()).expect("a metric")
        };
        let values = wanted.map(|(name, _)| (name, value(name)));
        if values == wanted && !text.contains("seat=") {
            return bridge.footprint();
        }
        assert!(now() - start < Duration::from_secs(40), "tables are not as at the start: {values:?}");
    }
}
