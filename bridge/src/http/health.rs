//! `/bridge/health/live`: the process runs. `/bridge/health/ready`: it can do its work now, and if not, why.
//!
//! Whoever asks reads what the tasks noted about themselves and causes no work: the page is open to anybody.
//! A broker that is away is told but does not make the bridge unready: it keeps relaying, and the outbox keeps the facts.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::Shared;

/// A driver that took no turn for this long hangs.
const DRIVER_HANGS: Duration = Duration::from_secs(10);

/// Facts that wait longer than this are worth a warning.
const WAITS_LONG: Duration = Duration::from_secs(30);

#[derive(Serialize)]
pub(super) struct Live {
    status: &'static str,
}

#[derive(Serialize)]
pub(super) struct Ready {
    status: &'static str,
    /// Why not, one sentence each.
    reasons: Vec<String>,
    /// What should be looked at, although the bridge does its work.
    warnings: Vec<String>,
    media: Media,
    outbox: Outbox,
    broker: Broker,
}

#[derive(Serialize)]
struct Media {
    threads: usize,
    /// Nobody new is taken.
    draining: bool,
    robots: usize,
    sessions: usize,
}

#[derive(Serialize)]
struct Outbox {
    waiting: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest: Option<DateTime<Utc>>,
    full_pct: u64,
}

#[derive(Serialize)]
struct Broker {
    connected: bool,
}

pub(super) async fn live() -> Json<Live> {
    Json(Live { status: "live" })
}

pub(super) async fn ready(State(shared): State<Arc<Shared>>) -> (StatusCode, Json<Ready>) {
    let (mut reasons, mut warnings) = (Vec::new(), Vec::new());
    let now = shared.clock.now();
    if shared.tracker.is_closed() {
        reasons.push("the bridge is stopping".to_owned());
    } else if shared.status.since_turn(now) > DRIVER_HANGS * shared.clock.speed() {
        reasons.push("sessions are not being served: restart the bridge".to_owned());
    }
    let threads = shared.engine.local_addresses().len();
    let silent = shared.status.silent_threads();
    if silent > 0 {
        reasons.push(format!("{silent} of {threads} media threads do not answer: restart the bridge"));
    }
    let outbox = shared.status.outbox();
    if outbox.is_failing {
        reasons.push("the outbox cannot be written: check the disk".to_owned());
    } else if outbox.full_pct >= 100 {
        reasons.push("the outbox is full: check server and broker".to_owned());
    } else if outbox.full_pct >= 50 {
        warnings.push(format!("the outbox is {} per cent full: check server and broker", outbox.full_pct));
    }
    let connected = shared.status.is_broker_connected();
    if !connected {
        warnings.push("the broker is not connected: relaying goes on, and facts wait in the outbox".to_owned());
    }
    let is_old = |oldest: DateTime<Utc>| (now.utc - oldest).to_std().is_ok_and(|age| age >= WAITS_LONG * shared.clock.speed());
    if outbox.oldest.is_some_and(is_old) {
        warnings.push(outbox.in_words());
    }
    let (robots, sessions) = shared.status.counts();
    let draining = shared.status.is_draining();
    if draining {
        let rest = if robots + sessions == 0 {
            "nobody is here any more, it can be stopped".to_owned()
        } else {
            format!("robots still here: {robots}, visits: {sessions}")
        };
        warnings.push(format!("the bridge is being emptied for maintenance: {rest}"));
    }
    let (status, name) =
        if reasons.is_empty() { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready") };
    let body = Ready {
        status: name,
        reasons,
        warnings,
        media: Media { threads, draining, robots, sessions },
        outbox: Outbox { waiting: outbox.waiting, oldest: outbox.oldest, full_pct: outbox.full_pct },
        broker: Broker { connected },
    };
    (status, Json(body))
}
