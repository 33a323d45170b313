//! The HTTP surface: one table of routes, and the router built from it.
//!
//! A route cannot exist without an [`Access`], and the router is made from [`routes`] alone, so a test can walk every door.
//! Deciding who may pass is [`guard`]'s; what a person may see inside is `server_core::access`, applied in [`scope`].

pub mod auth;
pub mod codes;
pub mod error;
pub mod guard;
pub mod scope;

use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::http::{Method, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, on};
use server_core::access::Role;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

pub use error::ApiError;

use crate::AppState;

/// A request body larger than this is refused with 413, unless its route takes more.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// A handler that has not begun to answer by then is given up with 503. Streams are not cut once they have begun.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone: sign-in, styles, health.
    Public,
    /// Someone signed in with at least one of these roles. Which rows they see is decided inside.
    SignedIn(&'static [Role]),
    /// A pupil's paired tablet. Its handler authenticates by taking the tablet's extractor; the guard refuses other sites.
    PupilDevice,
}

/// Every role of staff.
pub const ANY_STAFF: Access =
    Access::SignedIn(&[Role::Coordinator, Role::KeyWorker, Role::SchoolLead, Role::ClassroomStaff, Role::Auditor]);

/// One method of one path: who may call it and what answers.
#[derive(Debug)]
pub struct Route {
    /// The method; `GET` also answers `HEAD`.
    pub method: Method,
    /// The path as axum matches it, e.g. `/robots/{robot}`.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// A larger body is refused with 413.
    pub most_bytes: usize,
    /// What answers.
    pub handler: MethodRouter<AppState>,
}

impl Route {
    /// A route that reads.
    pub fn get<H, T>(path: &'static str, access: Access, handler: H) -> Self
    where
        H: Handler<T, AppState>,
        T: 'static,
    {
        Self { method: Method::GET, path, access, most_bytes: MAX_BODY_BYTES, handler: on(MethodFilter::GET, handler) }
    }

    /// A route that changes something.
    pub fn post<H, T>(path: &'static str, access: Access, handler: H) -> Self
    where
        H: Handler<T, AppState>,
        T: 'static,
    {
        Self { method: Method::POST, path, access, most_bytes: MAX_BODY_BYTES, handler: on(MethodFilter::POST, handler) }
    }

    /// The same, for bodies larger than others'.
    #[must_use]
    pub fn taking(self, most_bytes: usize) -> Self {
        Self { most_bytes, ..self }
    }
}

/// Every route of the server.
#[must_use]
pub fn routes() -> Vec<Route> {
    let mut all = crate::web::routes();
    all.extend(crate::pupil::routes());
    all
}

/// The router, from [`routes`] and nothing else. What is not in the table is 404 for everyone.
pub fn router(state: AppState) -> Router {
    let mut router = Router::new();
    for route in routes() {
        let gate = from_fn_with_state((state.clone(), route.access, route.most_bytes), guard::check);
        let handler = route.handler.route_layer(gate).route_layer(DefaultBodyLimit::max(route.most_bytes));
        router = router.route(route.path, handler);
    }
    router
        .fallback(guard::no_such_page)
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, ANSWER_WITHIN))
        .layer(CatchPanicLayer::new())
        .layer(from_fn_with_state(state.clone(), guard::headers))
        .with_state(state)
}
