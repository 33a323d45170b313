//! What forwarding a packet costs: CPU, added delay and memory of the real media threads, beside the floor.
//!
//! ```sh
//! cargo bench -p bridge --bench relay              # about two and a half minutes
//! cargo bench -p bridge --bench relay -- --quick   # about twenty seconds, two loads
//! cargo bench -p bridge --bench relay -- --threads 2 --sessions 10,100 --seconds 5
//! cargo bench -p bridge --bench relay -- --janus   # the same load through Debian's Janus too, up to 50 sessions
//! cargo bench -p bridge --bench relay -- --mediasoup FOLDER   # and through mediasoup, after `npm install mediasoup` in that folder
//! ```
//!
//! The relay and the floor run as processes of their own, one after the other under the same load; the load comes from threads of
//! this process over loopback, from one socket a leg. Legs of the relay are made by DTLS; each robot numbers its packets for
//! congestion feedback and reports, each tablet reports and feeds back, both send ICE checks. The floor receives, opens, seals and
//! sends RTP with keys it is told, with the same socket calls and nothing else. It prints and asserts nothing about time; it does
//! fail if packets do not arrive.

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
    threads: u16,
    janus: bool,
    mediasoup: Option<String>,
}

/// Janus takes a connection in about a sixth of a second; a core is full with these.
const PEER_MOST: usize = 50;

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
                    "{problem}\nuse: [--quick] [--sessions 1,10,50,200] [--seconds 6] [--threads 1] [--janus] [--mediasoup FOLDER]"
                );
                std::process::exit(2);
            }
        },
    }
}

fn plan(words: &[&str]) -> Result<Plan, String> {
    let mut plan =
        Plan { sessions: vec![1, 10, 50, 200], span: Duration::from_secs(8), threads: 1, janus: false, mediasoup: None };
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let mut value = || rest.next().ok_or(format!("{word} needs a value"));
        match *word {
            "--janus" => plan.janus = true,
            "--mediasoup" => plan.mediasoup = Some((*value()?).to_owned()),
            "--quick" => plan = Plan { sessions: vec![1, 30], span: Duration::from_secs(3), ..plan },
            "--sessions" => {
                plan.sessions = value()?.split(',').map(str::parse).collect::<Result<_, _>>().map_err(|e| format!("{e}"))?;
                if plan.sessions.contains(&0) {
                    return Err("at least one session".into());
                }
            }
            "--seconds" => plan.span = Duration::from_secs(value()?.parse().map_err(|e| format!("{e}"))?),
            "--threads" => plan.threads = value()?.parse().map_err(|e| format!("{e}"))?,
            other => return Err(format!("{other} is not known")),
        }
    }
    Ok(plan)
}

fn run(plan: &Plan) {
    println!(
        "one session: 30 pictures/s of 7 packets and 50 sound packets/s to the tablet, 50 back; {} media thread(s), {} s a window\n",
        plan.threads,
        plan.span.as_secs()
    );
    println!(
        "{:>8} {:>9} {:>8} {:>9} {:>9} {:>6} {:>15} {:>15} {:>8} {:>8} {:>9} {:>9}",
        "sessions",
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
    let mut failed = false;
    for &sessions in &plan.sessions {
        let (floor, _) = measure(Child::floor(), sessions, plan.span);
        let (relay, memory) = measure(Child::relay(plan.threads), sessions, plan.span);
        let ratio = relay.us_per_packet() / floor.us_per_packet();
        println!(
            "{sessions:>8} {:>9.0} {:>8.2} {:>9.2} {:>9.2} {:>6.2} {:>7}/{:<7} {:>7}/{:<7} {:>8} {:>8} {:>9.0} {:>9.2}",
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
        failed |= relay.received == 0 || floor.received == 0 || relay.refused > 0 || floor.refused > 0;
        if sessions > PEER_MOST {
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
                "{name:>9} {:>8.0} {:>8.2} {:>9.2}   (ours is {:.2} of it)   {:>7}/{:<7} {:>43.0}",
                peer.packets_per_second(),
                peer.lost_percent(),
                peer.us_per_packet(),
                relay.us_per_packet() / peer.us_per_packet(),
                peer.latency_us(0.5),
                peer.latency_us(0.99),
                memory,
            );
            failed |= peer.received == 0;
        }
    }
    println!(
        "\nµs: CPU of the process per packet that arrived; p50/p99: µs from the sender's call to the receiving kernel, through relay or"
    );
    println!(
        "floor; +: what the relay adds to the floor; KiB: memory of each session after the first; % a core: one session's share."
    );
    if failed {
        eprintln!("packets did not arrive, or did not open");
        std::process::exit(1);
    }
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
