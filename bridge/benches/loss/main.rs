//! What a pupil sees and hears over bad networks: freezes, gaps in the sound, and how soon a picture is back.
//!
//! ```sh
//! cargo bench -p bridge --bench loss                 # about three minutes
//! cargo bench -p bridge --bench loss -- --quick      # five seconds each
//! cargo bench -p bridge --bench loss -- --seconds 30 --seed 7
//! ```
//!
//! Both legs, robot to bridge and bridge to tablet, go through a seeded forwarder that loses each datagram, media or report, in both
//! directions, with the same chance, delays it by half the round trip and up to 2 ms more, so that packets overtake each other. The
//! lesson, the camera and the player are those of `tests/media/lesson.rs`; the bridge's media engine is the real one. It ends with an error
//! if what is promised in `DESIGN.md` is not kept.

#[path = "../../tests/media/lesson.rs"]
mod lesson;
#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../../tests/media/network.rs"]
mod network;
#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../../tests/media/peer.rs"]
mod peer;

use std::time::Duration;

use lesson::{Plan, Seen, play};
use network::Conditions;
use peer::now;

/// After a second without a network a picture is back within this.
const BACK_WITHIN: Duration = Duration::from_secs(2);

/// Lessons at once: each is a process's worth of threads that mostly wait.
const AT_ONCE: usize = 3;

fn main() {
    let (mut seconds, mut seed) = (15, 1);
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        if word == "--quick" {
            seconds = 5;
            continue;
        }
        let number = words.next().and_then(|word| word.parse().ok());
        match (word.as_str(), number) {
            ("--seconds", Some(number)) => seconds = number,
            ("--seed", Some(number)) => seed = number,
            _ => {
                eprintln!("use: [--quick] [--seconds 15] [--seed 1]");
                std::process::exit(2);
            }
        }
    }
    let mut rows = Vec::new();
    for round_trip in [20, 40, 100, 200] {
        for loss in [0, 2, 5, 10, 20] {
            let leg = conditions(loss, round_trip);
            rows.push((format!("{loss:>4} % {round_trip:>5} ms"), loss, round_trip, leg, leg));
        }
    }
    let leg = conditions(0, 40);
    let jitter = Conditions { jitter: Duration::from_millis(30), ..leg };
    rows.push(("  0 %, 30 ms of overtaking".into(), 0, 40, jitter, jitter));
    for rate in [1_000_000, 500_000, 250_000] {
        let narrow = Conditions { rate: Some(rate), ..leg };
        rows.push((format!("  0 %, tablet {} kbit/s", rate / 1000), 0, 40, leg, narrow));
    }
    println!("{seconds} s, then the tablet's network is gone for a second; loss and round trip of each leg; seed {seed}\n");
    println!(
        "{:<26} {:>9} {:>8} {:>9} {:>9} {:>11} {:>10} {:>9} {:>9} {:>8} {:>8}",
        "loss, round trip",
        "plays +ms",
        "freezes",
        "frozen ms",
        "lost pics",
        "sound gap ms",
        "longest ms",
        "voice ms",
        "back ms",
        "RTX %",
        "kbit/s"
    );
    let mut broken = Vec::new();
    for group in rows.chunks(AT_ONCE) {
        let plan = |leg: &(String, u32, u64, Conditions, Conditions)| Plan {
            robot: leg.3,
            tablet: leg.4,
            span: Duration::from_secs(seconds),
            seed: seed * 1000 + u64::from(leg.1) + leg.2,
        };
        let seen: Vec<(Plan, Seen)> = std::thread::scope(|scope| {
            let running: Vec<_> = group
                .iter()
                .map(|row| {
                    let plan = plan(row);
                    scope.spawn(move || (plan, play(&plan)))
                })
                .collect();
            running.into_iter().map(|lesson| lesson.join().expect("the lesson is played")).collect()
        });
        for ((name, loss, round_trip, ..), (plan, seen)) in group.iter().zip(&seen) {
            let back = seen.recovery.map_or("never".to_owned(), |recovery| recovery.as_millis().to_string());
            println!(
                "{name:<26} {:>9} {:>8} {:>9} {:>9} {:>11} {:>10} {:>9} {back:>9} {:>8.1} {:>8}",
                plan.held_back().as_millis(),
                seen.freezes,
                seen.frozen.as_millis(),
                seen.pictures_lost,
                seen.sound.silent.as_millis(),
                seen.sound.longest_gap.as_millis(),
                seen.voice.longest_gap.as_millis(),
                seen.repairs * 100.0,
                seen.bits_per_second / 1000,
            );
            let is_promised = *loss <= 10 && *round_trip <= 40 && plan.tablet.rate.is_none();
            let is_kept = seen.sound.longest_hole.max(seen.voice.longest_hole) <= Duration::from_millis(60)
                && seen.pictures_lost == 0
                && seen.recovery.is_some_and(|recovery| recovery <= BACK_WITHIN);
            if is_promised && !is_kept {
                broken.push(name.clone());
            }
        }
    }
    println!(
        "\nplays: how much later than at best the player plays; frozen: of the picture, by webrtc-stats; lost: pictures never whole;"
    );
    println!(
        "sound gap: not there when it was to be played, in all and the longest; voice: the longest of the pupil's, at the robot; back: from the network's return to the next picture."
    );
    if !broken.is_empty() {
        eprintln!("what is promised was not kept: {}", broken.join("; "));
        std::process::exit(1);
    }
}

fn conditions(loss: u32, round_trip_ms: u64) -> Conditions {
    Conditions {
        loss: f64::from(loss) / 100.0,
        delay: Duration::from_millis(round_trip_ms) / 2,
        jitter: Duration::from_millis(2),
        rate: None,
    }
}
