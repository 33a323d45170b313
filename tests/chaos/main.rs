//! The ledger under every fault, with real processes: bridges, server replicas, robots, a broker and a database, links that break,
//! and pupils whose tablets write down what they really received.
//!
//! `cargo test --release --test chaos` is a short run with a fixed seed. `CHAOS_SEED` chooses another one, `CHAOS_MINUTES` makes the
//! storm longer (with 40 robots unless `CHAOS_ROBOTS` says otherwise), `CHAOS_REPORT` names a file for the report.

mod chance;
mod fault;
mod noise;
mod process;
mod pupil;
mod report;
mod school;
mod stall;
mod truth;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use actors::tablet::Tablet;
use actors::wait::eventually;
use futures_util::StreamExt as _;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use chance::Chance;
use pupil::{Bell, Journal};
use school::School;

/// How big a school is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Robots, and pupils.
    pub robots: usize,
    /// Bridges.
    pub bridges: usize,
    /// Server replicas.
    pub replicas: usize,
    /// How many times as fast its day passes.
    pub speed: u32,
}

/// What a run is told.
struct Settings {
    seed: u64,
    storm: Duration,
    size: Size,
    report: Option<std::path::PathBuf>,
}

impl Settings {
    fn read() -> Self {
        let value = |name: &str| std::env::var_os(name).map(|value| value.into_string().expect("text"));
        let minutes = value("CHAOS_MINUTES").map(|text| text.parse::<f64>().expect("CHAOS_MINUTES is a number of minutes"));
        let robots = value("CHAOS_ROBOTS").map(|text| text.parse().expect("CHAOS_ROBOTS is a number of robots"));
        Self {
            seed: value("CHAOS_SEED").map_or(20_261_123, |text| text.parse().expect("CHAOS_SEED is a number")),
            storm: minutes.map_or(Duration::from_secs(45), |minutes| Duration::from_secs_f64(minutes * 60.0)),
            size: Size {
                robots: robots.unwrap_or(if minutes.is_some() { 40 } else { 12 }),
                bridges: 2,
                replicas: 3,
                speed: 10,
            },
            report: value("CHAOS_REPORT").map(Into::into),
        }
    }
}

/// How long the first picture, and everybody's way back to class, may take.
const EVERYBODY_WITHIN: Duration = Duration::from_secs(60);
/// How long outboxes may take to empty after everything healed.
const SETTLED_WITHIN: Duration = Duration::from_secs(60);
/// Tablets that are paired at once: each costs the server three slow hashes.
const PAIRED_AT_ONCE: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_equals_the_truth_after_every_fault() {
    let settings = Settings::read();
    println!("seed {}: repeat with CHAOS_SEED={}", settings.seed, settings.seed);
    let school = Arc::new(School::start(settings.size).await);
    let bell = Bell::new(school.bridges.len());
    let (mut days, journals) = (JoinSet::new(), journals(school.seats.len()));
    for (n, tablet) in tablets(&school).await.into_iter().enumerate() {
        let chance = Chance::new(settings.seed, &format!("pupil {n}"));
        days.spawn(pupil::day(Arc::clone(&school), tablet, bell.clone(), chance, Arc::clone(&journals[n])));
    }
    everybody_is_in_class(&school, &bell).await;

    let watch = stall::Watch::start();
    let (quiet, noise_chance) = (CancellationToken::new(), Chance::new(settings.seed, "noise"));
    let noise = tokio_util::task::TaskTracker::new().spawn(noise::make(Arc::clone(&school), noise_chance, quiet.clone()));
    let until = Instant::now() + settings.storm;
    let mut record = fault::storm(Arc::clone(&school), bell.clone(), until, Chance::new(settings.seed, "faults")).await;
    record.stalls = watch.end();
    quiet.cancel();
    let noise = noise.await.expect("the noise ends");

    everybody_is_in_class(&school, &bell).await;
    let emptied = fault::maintenance(&school, &bell).await;
    bell.over.cancel();
    while let Some(day) = days.join_next().await {
        day.expect("a day ends");
    }
    eventually("every session to end and every outbox to empty", SETTLED_WITHIN, async || {
        for n in 0..school.bridges.len() {
            if school.bridge_state(n).await? != (0, 0) {
                return None;
            }
        }
        Some(())
    })
    .await;
    let ran = school.clock.elapsed(Instant::now());
    let said = stop(&school).await;
    let journals: Vec<Journal> = journals.iter().map(|journal| journal.lock().unwrap().clone()).collect();
    let findings = truth::compare(&school, &journals, &said, &record).await;
    let text = report::text(&settings, &school, &journals, (&record, emptied), noise, &findings, ran).await;
    println!("{text}");
    if let Some(path) = settings.report {
        std::fs::write(path, &text).unwrap();
    }
    assert!(findings.wrong.is_empty(), "seed {}:\n{}", settings.seed, findings.wrong.join("\n"));
}

fn journals(count: usize) -> Vec<Arc<Mutex<Journal>>> {
    (0..count).map(|_| Arc::default()).collect()
}

/// A paired tablet for each pupil.
async fn tablets(school: &School) -> Vec<Tablet> {
    let now = school.clock.at(Instant::now());
    let url = &school.servers[0].url;
    futures_util::stream::iter(&school.seats)
        .map(async |seat| {
            let keyword = server::pupil::new_keyword(&school.store, seat.placement, now, None).await.unwrap();
            Tablet::pair(url, &keyword).await
        })
        .buffered(PAIRED_AT_ONCE)
        .collect()
        .await
}

/// Waits until every pupil sees their class at the same time.
async fn everybody_is_in_class(school: &School, bell: &Bell) {
    bell.stay.store(true, std::sync::atomic::Ordering::Relaxed);
    let what = format!("all {} pupils to see their class", school.seats.len());
    eventually(&what, EVERYBODY_WITHIN, async || (bell.live().iter().sum::<usize>() == school.seats.len()).then_some(())).await;
    bell.stay.store(false, std::sync::atomic::Ordering::Relaxed);
}

/// What processes said, by process and life.
pub type Words = Vec<Vec<Vec<String>>>;

/// Stops every process in order. What the bridges said, and what the replicas said.
async fn stop(school: &School) -> (Words, Words) {
    for robot in &school.robots {
        robot.lock().await.stop().await;
    }
    let (mut bridges, mut servers) = (Vec::new(), Vec::new());
    for (units, said) in [(&school.bridges, &mut bridges), (&school.servers, &mut servers)] {
        for unit in units {
            let mut process = unit.process.lock().await;
            process.stop().await;
            said.push(process.said());
        }
    }
    (bridges, servers)
}
