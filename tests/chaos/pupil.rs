//! A pupil's day: goes to class, stays a while, leaves, comes back; and after each loss asks a replica again, as the page does.
//!
//! What the tablet received, and when, is written down here and nowhere else: it is the truth that the ledger is held against.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actors::peer::{Run, Viewer};
use actors::tablet::Tablet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::chance::Chance;
use crate::school::School;

/// Where media came, and then for this long none, the tablet asks for its place again, as the page does (`ladder.js`).
const LOST_AFTER: Duration = Duration::from_secs(4);
/// Where none came yet, it waits longer, as the page does: the robot may still be on its way to the bridge.
const FIRST_WITHIN: Duration = Duration::from_secs(6);
/// Between two tries.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(700);
/// An offer that has no answer by then is given up: the first ones sooner, as the page does (`whep.js`).
const OPEN_WITHIN: [Duration; 4] =
    [Duration::from_secs(3), Duration::from_secs(3), Duration::from_secs(3), Duration::from_secs(8)];
/// A goodbye that has no answer by then was not heard.
const LEAVE_WITHIN: Duration = Duration::from_secs(8);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The pupil left, and the bridge said yes.
    Left,
    /// The pupil left, but the bridge did not answer.
    LeftUnheard,
    /// No media came any more.
    Lost,
}

/// One connection of the tablet.
#[derive(Clone, Debug)]
pub struct Leg {
    /// To which bridge.
    pub bridge: usize,
    /// When the bridge had accepted it.
    pub opened: Instant,
    /// When media came.
    pub runs: Vec<Run>,
    /// When it was given up.
    pub closed: Instant,
    /// How.
    pub end: End,
}

/// What one tablet went through.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    /// In order of time.
    pub legs: Vec<Leg>,
    /// Tries that led to no connection: when they began and ended, and why.
    pub refused: Vec<(Instant, Instant, String)>,
}

/// What all pupils of a run hear.
#[derive(Clone, Debug)]
pub struct Bell {
    /// The day is over: leave.
    pub over: CancellationToken,
    /// Nobody leaves of their own accord while this is set.
    pub stay: Arc<AtomicBool>,
    /// By bridge: how many pupils see their class through it now.
    live: Arc<Vec<AtomicUsize>>,
}

impl Bell {
    /// Before the first lesson.
    pub fn new(bridges: usize) -> Self {
        let live = (0..bridges).map(|_| AtomicUsize::new(0)).collect();
        Self { over: CancellationToken::new(), stay: Arc::default(), live: Arc::new(live) }
    }

    /// How many pupils see their class now, by bridge.
    pub fn live(&self) -> Vec<usize> {
        self.live.iter().map(|live| live.load(Ordering::Relaxed)).collect()
    }
}

/// Lives one day. The journal is complete when this returns.
pub async fn day(school: Arc<School>, tablet: Tablet, bell: Bell, mut chance: Chance, journal: Arc<Mutex<Journal>>) {
    while !bell.over.is_cancelled() {
        let leave_at = Instant::now() + chance.seconds(15.0, 60.0);
        visit(&school, &tablet, &bell, &mut chance, leave_at, &journal).await;
        let pause = chance.seconds(0.5, 4.0);
        tokio::select! {
            () = bell.over.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// In class until `leave_at`, over as many connections as it takes.
async fn visit(
    school: &School,
    tablet: &Tablet,
    bell: &Bell,
    chance: &mut Chance,
    leave_at: Instant,
    journal: &Mutex<Journal>,
) {
    let wants_to_leave = || bell.over.is_cancelled() || (Instant::now() >= leave_at && !bell.stay.load(Ordering::Relaxed));
    let mut in_vain = 0;
    while !wants_to_leave() {
        let began = Instant::now();
        let within = OPEN_WITHIN[in_vain.min(OPEN_WITHIN.len() - 1)];
        let (bridge, viewer) = match connect(school, tablet, chance, within).await {
            Ok(connected) => connected,
            Err(why) => {
                in_vain += 1;
                journal.lock().unwrap().refused.push((began, Instant::now(), why));
                tokio::time::sleep(TRY_AGAIN_AFTER).await;
                continue;
            }
        };
        in_vain = 0;
        let opened = Instant::now();
        let mut is_live = false;
        let end = loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let last = viewer.runs().last().map_or(opened, |(_, last)| *last);
            let came = viewer.runs().last().is_some();
            let is_lost = last.elapsed() >= if came { LOST_AFTER } else { FIRST_WITHIN };
            count(&bell.live[bridge], &mut is_live, came && !is_lost);
            if is_lost {
                break End::Lost;
            }
            if wants_to_leave() {
                break End::Left;
            }
        };
        count(&bell.live[bridge], &mut is_live, false);
        let closed = Instant::now();
        // What came until the goodbye counts; so the runs are read after it.
        let heard = viewer.heard();
        let end = match end {
            End::Left => match tokio::time::timeout(LEAVE_WITHIN, viewer.tries_to_leave()).await {
                Ok(Ok(status)) if status.is_success() => End::Left,
                _ => End::LeftUnheard,
            },
            _ => {
                viewer.gives_up().await;
                End::Lost
            }
        };
        journal.lock().unwrap().legs.push(Leg { bridge, opened, runs: heard.runs(), closed, end });
    }
}

fn count(live: &AtomicUsize, was: &mut bool, is: bool) {
    match (*was, is) {
        (false, true) => live.fetch_add(1, Ordering::Relaxed),
        (true, false) => live.fetch_sub(1, Ordering::Relaxed),
        _ => 0,
    };
    *was = is;
}

/// One try: a permission of any replica, then an offer to the bridge that it names.
async fn connect(school: &School, tablet: &Tablet, chance: &mut Chance, within: Duration) -> Result<(usize, Viewer), String> {
    let n = chance.below(school.servers.len());
    let replica = &school.servers[n].url;
    let open = async {
        let refused = |(status, why)| format!("replica {n}: {status} {why}");
        let permit = tablet.permit_at(replica).await.map_err(refused)?;
        let bridge = school.bridge_of(&permit.whep_url);
        let refused = |(status, why)| format!("bridge {bridge}, named by replica {n}: {status} {why}");
        let viewer = Viewer::open(tablet.client(), &permit.whep_url, &permit.token).await.map_err(refused)?;
        Ok((bridge, viewer))
    };
    tokio::time::timeout(within, open).await.unwrap_or_else(|_| Err(format!("replica {n} or a bridge: no answer in time")))
}
