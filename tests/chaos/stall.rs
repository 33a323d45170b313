//! Whether the machine itself stood still, as a virtual one does whose host has something else to do: no promise about seconds is kept there.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tokio::time::Instant;

const NAP: Duration = Duration::from_millis(50);
/// A thread that only sleeps wakes within a few hundredths of a second on a machine that is merely busy.
const LATE: Duration = Duration::from_millis(250);

/// A thread that sleeps, and notes when it was not woken.
#[derive(Debug)]
pub struct Watch {
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<(Instant, Instant)>>>,
}

impl Watch {
    /// From now on.
    pub fn start() -> Self {
        let watch = Self { stop: Arc::default(), seen: Arc::default() };
        let (stop, seen) = (Arc::clone(&watch.stop), Arc::clone(&watch.seen));
        thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let due = Instant::now() + NAP;
                thread::sleep(NAP);
                let now = Instant::now();
                if now - due > LATE {
                    seen.lock().unwrap().push((due, now));
                }
            }
        });
        watch
    }

    /// From when until when it stood still.
    pub fn end(self) -> Stalls {
        self.stop.store(true, Ordering::Relaxed);
        Stalls(self.seen.lock().unwrap().clone())
    }
}

/// What a [`Watch`] saw.
#[derive(Clone, Debug, Default)]
pub struct Stalls(Vec<(Instant, Instant)>);

impl Stalls {
    /// How long it stood still between two moments.
    pub fn between(&self, from: Instant, until: Instant) -> Duration {
        self.0.iter().map(|(a, b)| (*b).min(until).saturating_duration_since((*a).max(from))).sum()
    }

    /// All of it, and the longest.
    pub fn sum_and_most(&self) -> (Duration, Duration) {
        let each = || self.0.iter().map(|(from, until)| *until - *from);
        (each().sum(), each().max().unwrap_or_default())
    }
}
