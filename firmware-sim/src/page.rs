//! The robot's own page: what someone standing next to it would see, and the things that person can do. On loopback only.
//!
//! It is for people who build and test. It shows no picture and plays no sound: those go to the pupil alone.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::{Stream, StreamExt};
use protocol::control::RobotState;
use protocol::{Now, RobotMessage, SessionId};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::WatchStream;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::faults::{DEFAULT_OUTAGE, Fault, MAX_OUTAGE_S, Silence};
use crate::robot::Body;

/// Page updates are at least this far apart.
const SHOW_EVERY: Duration = Duration::from_millis(120);
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
                              base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Everything there is to see of a robot. Also `GET /state.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct View {
    /// What it is called.
    pub name: String,
    /// Its clock, `HH:MM:SS` local time.
    pub clock: String,
    /// What it tells the server.
    pub body: RobotMessage,
    /// What it tells the pupil.
    #[serde(flatten)]
    pub state: RobotState,
    /// Whether sound leaves it.
    pub microphone_on: bool,
    /// Whether the pupil says that their microphone is open.
    pub talking: bool,
    /// Who woke it, while they are here.
    pub session: Option<SessionId>,
    /// Why its radio is silent, if it is.
    pub silence: Option<Silence>,
    /// Whether it is connected to the broker.
    pub broker_here: bool,
    /// Whether it is connected to the bridge.
    pub bridge_here: bool,
    /// Pictures sent since it was started.
    pub frames_sent: u64,
    /// Sound packets sent since it was started.
    pub sounds_sent: u64,
    /// Key frames asked for since it was started.
    pub key_requests: u64,
}

impl View {
    /// A robot that has not opened its eyes yet.
    pub(crate) fn unseen(config: &Config, now: Now) -> Self {
        let body = Body::new(now, config.battery.clone(), config.seed);
        Self {
            name: config.name.clone(),
            clock: String::new(),
            body: body.telemetry(),
            state: body.state(),
            microphone_on: false,
            talking: false,
            session: None,
            silence: None,
            broker_here: false,
            bridge_here: false,
            frames_sent: 0,
            sounds_sent: 0,
            key_requests: 0,
        }
    }
}

/// What someone does to the robot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub fault: Fault,
    pub seconds: f64,
}

#[derive(Clone)]
struct Page {
    view: watch::Receiver<View>,
    ask: mpsc::Sender<Asked>,
    shutdown: CancellationToken,
}

pub(crate) fn router(view: watch::Receiver<View>, ask: mpsc::Sender<Asked>, shutdown: CancellationToken) -> Router {
    Router::new()
        .route("/", get(|| async { Html(include_str!("../assets/robot.html")) }))
        .route("/tokens.css", get(|| async { asset("text/css; charset=utf-8", include_str!("../assets/tokens.css")) }))
        .route("/robot.css", get(|| async { asset("text/css; charset=utf-8", include_str!("../assets/robot.css")) }))
        .route("/robot.js", get(|| async { asset("text/javascript; charset=utf-8", include_str!("../assets/robot.js")) }))
        .route("/state.json", get(|State(page): State<Page>| async move { axum::Json(page.view.borrow().clone()) }))
        .route("/events", get(events))
        .route("/fault/{fault}", post(fault))
        .layer(middleware::from_fn(guard))
        .with_state(Page { view, ask, shutdown })
}

fn asset(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, kind)], text)
}

/// Only this machine's own pages may ask: a page from elsewhere in a browser here must not move the robot.
async fn guard(request: Request, next: Next) -> Response {
    if !is_local(request.headers()) {
        return (StatusCode::FORBIDDEN, "Open this page by its address on this machine, such as http://127.0.0.1.\n")
            .into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn is_local(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let Some(host) = text(header::HOST) else { return false };
    let name =
        host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit())).map_or(host, |(name, _)| name);
    let local = matches!(name, "localhost" | "127.0.0.1" | "[::1]");
    local && text(header::ORIGIN).is_none_or(|origin| origin.strip_prefix("http://") == Some(host))
}

async fn events(State(page): State<Page>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let views = WatchStream::new(page.view).then(|view| async move {
        // What changes in between is left out: only the latest counts.
        tokio::time::sleep(SHOW_EVERY).await;
        Ok(Event::default().json_data(view).unwrap_or_default())
    });
    Sse::new(views.take_until(page.shutdown.cancelled_owned())).keep_alive(KeepAlive::default())
}

#[derive(Deserialize)]
struct HowLong {
    seconds: Option<f64>,
}

async fn fault(State(page): State<Page>, Path(fault): Path<Fault>, Query(how_long): Query<HowLong>) -> Response {
    let seconds = how_long.seconds.unwrap_or(DEFAULT_OUTAGE.as_secs_f64());
    if !(0.0..=MAX_OUTAGE_S).contains(&seconds) {
        return (StatusCode::BAD_REQUEST, "Give `seconds` between 0 and 86400.\n").into_response();
    }
    match page.ask.try_send(Asked { fault, seconds }) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "The robot is busy. Try again in a moment.\n").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn only_pages_of_this_machine_may_ask() {
        use header::{HOST, ORIGIN};
        for (pairs, local) in [
            (vec![(HOST, "127.0.0.1:8090")], true),
            (vec![(HOST, "localhost")], true),
            (vec![(HOST, "[::1]:8090")], true),
            (vec![(HOST, "127.0.0.1:8090"), (ORIGIN, "http://127.0.0.1:8090")], true),
            (vec![(HOST, "127.0.0.1:8090"), (ORIGIN, "http://elsewhere.example")], false),
            (vec![(HOST, "127.0.0.1:8090"), (ORIGIN, "null")], false),
            (vec![(HOST, "elsewhere.example:8090")], false),
            (vec![], false),
        ] {
            assert_eq!(is_local(&headers(&pairs)), local, "{pairs:?}");
        }
    }
}
