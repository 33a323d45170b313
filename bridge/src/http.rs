//! WHIP (RFC 9725), its twin WHEP, and the health page.
//!
//! ```text
//! POST           /whip/{robot}              offer in, answer out                    endpoint.rs
//! POST           /whep/{robot}
//! PATCH, DELETE  /whip|whep/{robot}/{id}    trickle, ICE restart, leave             resource.rs
//! OPTIONS        all of them                cross-origin preflight
//! GET            /bridge/health/live|ready                                          health.rs
//! GET            /bridge/metrics            for Prometheus                           metrics.rs
//! ```
//!
//! Every route answers every method, so that an error is always a problem document. Nothing is done on the strength of a cookie:
//! who may do what is in the bearer token alone.

mod endpoint;
mod health;
mod metrics;
mod problem;
mod resource;
mod whep;
mod whip;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use protocol::{Act, BridgeId, Clock, Grant, GrantError, GrantVerifier, Now, RobotId};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::config::{Config, IceServer};
use crate::driver::Handle;
use crate::media::Engine;
use crate::observe::Status;
pub use problem::Problem;

/// A larger body is refused; an offer has about 4 KiB.
pub const MAX_BODY_BYTES: usize = 64 * 1024;
/// Robots whose rate of offers is remembered.
const RATES: usize = 4096;
const MINUTE: Duration = Duration::from_secs(60);

/// What the handlers share.
pub struct Shared {
    /// Who we are.
    pub bridge: BridgeId,
    /// Checks grants.
    pub verifier: GrantVerifier,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Sessions.
    pub driver: Handle,
    /// Media.
    pub engine: Engine,
    /// Health.
    pub status: Arc<Status>,
    /// Offers are answered here, so that a client that hangs up leaves nothing half done.
    pub tracker: TaskTracker,
    links: Vec<HeaderValue>,
    cors_origins: Vec<String>,
    offers: Arc<Semaphore>,
    offers_per_minute: u32,
    rates: Mutex<HashMap<RobotId, Rate>>,
    request_timeout: Duration,
}

#[derive(Clone, Copy)]
struct Rate {
    since: Duration,
    offers: u32,
}

impl Shared {
    /// Everything the handlers need.
    #[must_use]
    pub fn new(
        config: &Config,
        verifier: GrantVerifier,
        clock: Arc<dyn Clock>,
        driver: Handle,
        engine: Engine,
        status: Arc<Status>,
        tracker: TaskTracker,
    ) -> Self {
        Self {
            bridge: config.bridge_id,
            verifier,
            clock,
            driver,
            engine,
            status,
            tracker,
            links: config.ice_servers.iter().filter_map(link_header).collect(),
            cors_origins: config.cors_origins.clone(),
            offers: Arc::new(Semaphore::new(usize::try_from(config.limits.offers_at_once).unwrap_or(usize::MAX))),
            offers_per_minute: config.limits.offers_per_minute,
            rates: Mutex::new(HashMap::new()),
            request_timeout: config.limits.request_timeout,
        }
    }

    /// Now, in the server's time where that is known: grants say when they begin and end by the server's clock.
    fn now(&self) -> Now {
        self.status.by_server(self.clock.now())
    }

    /// Checks the bearer token for `act` on `robot`.
    fn grant(&self, headers: &HeaderMap, robot: RobotId, act: Act) -> Result<Grant, Problem> {
        let token = bearer(headers)?;
        self.verifier.verify(token, self.bridge, robot, act, self.now().utc).map_err(|error| {
            self.driver.grant_refused(robot);
            Problem::from(error)
        })
    }

    /// Counts an offer for `robot`.
    fn within_rate(&self, robot: RobotId) -> Result<(), Problem> {
        let now = self.clock.now().monotonic;
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        if rates.len() >= RATES {
            rates.retain(|_, rate| now.saturating_sub(rate.since) < MINUTE);
        }
        let rate = rates.entry(robot).or_insert(Rate { since: now, offers: 0 });
        if now.saturating_sub(rate.since) >= MINUTE {
            *rate = Rate { since: now, offers: 0 };
        }
        rate.offers = rate.offers.saturating_add(1);
        if rate.offers <= self.offers_per_minute { Ok(()) } else { Err(Problem::too_often()) }
    }
}

/// The routes.
pub fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/whip/{robot}", any(whip::endpoint))
        .route("/whip/{robot}/{id}", any(whip::resource))
        .route("/whep/{robot}", any(whep::endpoint))
        .route("/whep/{robot}/{id}", any(whep::resource))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), cross_origin))
        .route("/bridge/health/live", get(health::live))
        .route("/bridge/health/ready", get(health::ready))
        .route("/bridge/metrics", get(metrics::metrics))
        .with_state(shared)
}

/// Lets pages of the configured origins read what they need, and bounds the time of a request.
async fn cross_origin(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let is_options = request.method() == Method::OPTIONS;
    let mut response = match tokio::time::timeout(shared.request_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::too_slow().into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let any_origin = shared.cors_origins.iter().any(|allowed| allowed == "*");
    let allowed = match origin {
        _ if any_origin => Some(HeaderValue::from_static("*")),
        Some(origin) if shared.cors_origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()) => Some(origin),
        _ => None,
    };
    if !any_origin {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    let Some(allowed) = allowed else { return response };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    let exposed = HeaderValue::from_static("Location, ETag, Link, Accept-Patch, Retry-After");
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    if is_options {
        let methods = HeaderValue::from_static("POST, PATCH, DELETE, OPTIONS");
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        let allowed = HeaderValue::from_static("Authorization, Content-Type, If-Match");
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200"));
    }
    response
}

/// The token of `Authorization: Bearer …`.
fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let value = headers.get(header::AUTHORIZATION).ok_or_else(Problem::no_token)?;
    let text = value.to_str().map_err(|_| Problem::no_token())?;
    let (scheme, token) = text.split_once(' ').ok_or_else(Problem::no_token)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(Problem::no_token()) }
}

/// Whether the body is of type `wanted`, parameters aside.
fn is_type(headers: &HeaderMap, wanted: &str) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted)
}

/// A `Link` header for an ICE server (RFC 9725 §4.6). The configuration has checked that the texts can stand there.
fn link_header(server: &IceServer) -> Option<HeaderValue> {
    let mut text = format!("<{}>; rel=\"ice-server\"", server.url);
    if let (Some(username), Some(credential)) = (&server.username, &server.credential) {
        text.push_str(&format!("; username=\"{username}\"; credential=\"{credential}\"; credential-type=\"password\""));
    }
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Refuses a method, and says which there are.
fn method_not_allowed(allowed: &'static str) -> Response {
    let mut response = Problem::method(allowed).into_response();
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// Answers `OPTIONS`; the cross-origin headers are added for every route alike.
fn options(allowed: &'static str, accepts: (header::HeaderName, &'static str)) -> Response {
    let (name, kind) = accepts;
    (StatusCode::NO_CONTENT, [(header::ALLOW, allowed), (name, kind)]).into_response()
}

impl From<GrantError> for Problem {
    /// Who is not known gets 401 and can come back with a better token; who is known but elsewhere gets 403.
    fn from(error: GrantError) -> Self {
        match error {
            GrantError::Signature | GrantError::Expired | GrantError::TooEarly => Problem::unauthorised(error.to_string()),
            GrantError::Bridge | GrantError::Scope => Problem::forbidden(error.to_string()),
        }
    }
}
