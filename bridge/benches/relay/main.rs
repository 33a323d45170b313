//! What forwarding a packet costs: CPU, added delay and memory of the real media threads, beside the floor.
//!
//! ```sh
//! cargo bench -p bridge --bench relay              # about four minutes
//! cargo bench -p bridge --bench relay -- --quick   # about twenty seconds, two loads
//! cargo bench -p bridge --bench relay -- --threads 2 --sessions 10,100 --seconds 5
//! cargo bench -p bridge --bench relay -- --janus   # the same load through Debian's Janus too, up to 50 sessions
//! cargo bench -p bridge --bench relay -- --mediasoup FOLDER   # and through mediasoup, after `npm install mediasoup` in that folder
//! ```
//!
//! The relay and the floor run as processes of their own, one after the other under the same load; the load comes from threads of
//! this process over loopback, from one socket a leg. Legs of the relay are made by DTLS; each robot numbers its packets for
//! congestion feedback and reports, each tablet reports and feeds back, both send ICE checks. The floor receives, opens, seals and
//! sends RTP with keys it is told, with the same socket calls and nothing else. It asserts nothing about time, which is the machine's; it
//! does fail when packets are lost or do not open, and when the relay takes more than it may beside the floor, or of memory.

mod child;
#[expect(dead_code, reason = "the bench needs only the honest half of the tests' peer")]
#[path = "../../tests/media/peer.rs"]
mod peer;

mod floor;
mod janus;
mod load;
mod srtp;

use std::time::Duration;

use child::Child;
use load::{Load, Measured};

/// What to measure.
struct Plan {
    sessions: Vec<usize>,
    span: Duration,
    /// Of the relay, for every row; otherwise one, and two in the last rows.
    threads: Option<u16>,
    janus: bool,
    mediasoup: Option<String>,
}

/// Janus takes a connection in about a sixth of a second; a core is full with these.
const PEER_MOST: usize = 50;

/// Most packets lost, in per cent.
const MOST_LOST: f64 = 1.0;
/// Most CPU time of a packet, in that of the floor.
const MOST_RATIO: f64 = 2.0;
/// Most memory of a session, in KiB.
const MOST_MEMORY: f64 = 400.0;

/// Loads that two threads are measured under too.
const OF_TWO: [usize; 2] = [50, 200];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["as-relay", threads] => child::relay(threads.parse().expect("a number of threads")),
        ["as-floor"] => floor::run(),
        words => match plan(words) {
            Ok(plan) => run(&plan),
            Err(problem) => {
                eprintln!(
                    "{problem}\nuse: [--quick] [--sessions 1,10,30,50,200] [--seconds 6] [--threads 1] [--janus] [--mediasoup FOLDER]"
                );
                std::process::exit(2);
            }
        },
    }
}

fn plan(words: &[&str]) -> Result<Plan, String> {
    let mut plan =
        Plan { sessions: vec![1, 10, 30, 50, 200], span: Duration::from_secs(8), threads: None, janus: false, mediasoup: None };
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let mut value = || rest.next().ok_or(format!("{word} needs a value"));
        match *word {
            "--janus" => plan.janus = true,
            "--mediasoup" => plan.mediasoup = Some((*value()?).to_owned()),
            "--quick" => {
                plan = Plan {
                    sessions: vec![1, 30],
                    span: Duration::from_secs(3),
                    threads: Some(plan.threads.unwrap_or(1)),
                    ..plan
                }
            }
            "--sessions" => {
                plan.sessions = value()?.split(',').map(str::parse).collect::<Result<_, _>>().map_err(|e| format!("{e}"))?;
                if plan.sessions.contains(&0) {
                    return Err("at least one session".into());
                }
            }
            "--seconds" => plan.span = Duration::from_secs(value()?.parse().map_err(|e| format!("{e}"))?),
            "--threads" => plan.threads = Some(value()?.parse().map_err(|e| format!("{e}"))?),
            other => return Err(format!("{other} is not known")),
        }
    }
    Ok(plan)
}

fn run(plan: &Plan) {
    println!(
        "one session: 30 pictures/s of 7 packets and 50 sound packets/s to the tablet, 50 back; {} s a window\n",
        plan.span.as_secs()
    );
    println!(
        "{:>8} {:>7} {:>9} {:>8} {:>9} {:>9} {:>6} {:>15} {:>15} {:>8} {:>8} {:>9} {:>9}",
        "sessions",
        "threads",
        "packets/s",
        "lost %",
        "relay µs",
        "floor µs",
        "ratio",
        "relay p50/p99",
        "floor p50/p99",
        "+p50 µs",
        "+p99 µs",
        "KiB each",
        "% a core"
    );
    let mut faults = Vec::new();
    let more = OF_TWO.iter().filter(|sessions| plan.threads.is_none() && plan.sessions.contains(sessions));
    let rows = plan.sessions.iter().map(|sessions| (*sessions, plan.threads.unwrap_or(1)));
    for (sessions, threads) in rows.chain(more.map(|sessions| (*sessions, 2))) {
        let (floor, _) = measure(Child::floor(), sessions, plan.span);
        let (relay, memory) = measure(Child::relay(threads), sessions, plan.span);
        let ratio = relay.us_per_packet() / floor.us_per_packet();
        println!(
            "{sessions:>8} {threads:>7} {:>9.0} {:>8.2} {:>9.2} {:>9.2} {:>6.2} {:>7}/{:<7} {:>7}/{:<7} {:>8} {:>8} {:>9.0} {:>9.2}",
            relay.packets_per_second(),
            relay.lost_percent(),
            relay.us_per_packet(),
            floor.us_per_packet(),
            ratio,
            relay.latency_us(0.5),
            relay.latency_us(0.99),
            floor.latency_us(0.5),
            floor.latency_us(0.99),
            relay.latency_us(0.5) - floor.latency_us(0.5),
            relay.latency_us(0.99) - floor.latency_us(0.99),
            memory,
            relay.core_percent() / sessions as f64,
        );
        let row = format!("{sessions} sessions on {threads} thread(s)");
        let what = [("floor", &floor), ("relay", &relay)].map(|(what, measured)| lost(what, measured));
        let too_much = [(ratio, MOST_RATIO, "times the floor"), (memory, MOST_MEMORY, "KiB a session")];
        let too_much = too_much.into_iter().filter(|(took, most, _)| took > most || took.is_nan());
        let too_much = too_much.map(|(took, most, what)| format!("{took:.2} {what}, more than {most}"));
        faults.extend(what.into_iter().flatten().chain(too_much).map(|fault| format!("{row}: {fault}")));
        if sessions > PEER_MOST || threads > 1 {
            continue;
        }
        let mut peers = Vec::new();
        if plan.janus {
            let Some(janus) = Child::janus() else {
                eprintln!("Janus is not installed: apt-get install janus");
                std::process::exit(1);
            };
            peers.push(("Janus", measure(janus, sessions, plan.span)));
        }
        if let Some(folder) = &plan.mediasoup {
            peers.push(("mediasoup", measure(Child::mediasoup(folder), sessions, plan.span)));
        }
        for (name, (peer, memory)) in peers {
            println!(
                "{name:>17} {:>8.0} {:>8.2} {:>9.2}   (ours is {:.2} of it)   {:>7}/{:<7} {:>43.0}",
                peer.packets_per_second(),
                peer.lost_percent(),
                peer.us_per_packet(),
                relay.us_per_packet() / peer.us_per_packet(),
                peer.latency_us(0.5),
                peer.latency_us(0.99),
                memory,
            );
            faults.extend((peer.received == 0).then(|| format!("{row}: nothing came through {name}")));
        }
    }
    println!(
        "\nµs: CPU of the process per packet that arrived; p50/p99: µs from the sender's call to the receiving kernel, through relay or"
    );
    println!(
        "floor; +: what the relay adds to the floor; KiB: memory of each session after the first; % a core: one session's share."
    );
    if !faults.is_empty() {
        eprintln!("\nnot as promised:\n{}", faults.join("\n"));
        std::process::exit(1);
    }
}

/// What is wrong with what arrived.
fn lost(what: &str, measured: &Measured) -> Option<String> {
    if measured.refused > 0 {
        return Some(format!("{} packets of the {what} did not open", measured.refused));
    }
    let lost = if measured.received == 0 { 100.0 } else { measured.lost_percent() };
    (lost > MOST_LOST).then(|| format!("the {what} lost {lost:.2} % of the packets, more than {MOST_LOST}"))
}

/// Result of one window, and the memory each session after the first takes, in KiB; 0 for a single one.
fn measure(mut child: Child, sessions: usize, span: Duration) -> (Measured, f64) {
    let mut load = Load::default();
    load.connect(&mut child, 1);
    load.run(Duration::from_secs(1), &child);
    // What the process needs for any session at all is not the others'.
    let before = child.resident_kib();
    load.connect(&mut child, sessions - 1);
    load.run(Duration::from_secs(2), &child);
    let measured = load.run(span, &child);
    #[expect(clippy::cast_precision_loss, reason = "a report")]
    let each = child.resident_kib().saturating_sub(before) as f64 / (sessions - 1).max(1) as f64;
    (measured, if sessions > 1 { each } else { 0.0 })
}
