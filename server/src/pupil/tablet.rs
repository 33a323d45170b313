//! The paired tablet behind a request, and its two cookies.
//!
//! One cookie joins the tablet to a placement and lasts; the other lasts as long as the browser is open and says that the PIN was
//! typed. Both hold random tokens whose SHA-256 is in the database. Lax, not strict: a strict cookie is not sent when a QR code or a
//! link opens the page.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use chrono::{DateTime, Utc};
use store::tablets::TabletRow;

use crate::AppState;
use crate::api::{ApiError, auth};

/// A tablet that stays open asks for the PIN again after this long.
pub const OPEN_FOR: chrono::TimeDelta = chrono::TimeDelta::hours(12);
/// The header by which our modules say that they, not a person, will read the answer.
pub const SCRIPT_HEADER: &str = "x-windowseat";

/// A tablet that is joined to a placement, opened or not.
pub struct Joined(pub TabletRow);

/// A tablet that is joined and opened by its PIN: what every page of the pupil's day needs.
pub struct Opened(pub TabletRow);

impl FromRequestParts<AppState> for Joined {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        let Some(token) = auth::cookie(&parts.headers, tablet_cookie_name(state)) else {
            return Err(elsewhere(&parts.headers, "/pair"));
        };
        let row = state.store.tablet_by_token(&auth::sha256(&["tablet:", &token])).await;
        match row.map_err(|error| ApiError::from(error).into_response())? {
            Some(row) => Ok(Self(row)),
            // Switched off by a new tablet or by staff.
            None => Err(elsewhere(&parts.headers, "/pair?left=off")),
        }
    }
}

impl FromRequestParts<AppState> for Opened {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        let Joined(row) = Joined::from_request_parts(parts, state).await?;
        let opening = auth::cookie(&parts.headers, opening_cookie_name(state)).map(|token| auth::sha256(&["opening:", &token]));
        if opening.is_some_and(|opening| is_open(&row, &opening, state.clock.now().utc)) {
            return Ok(Self(row));
        }
        Err(elsewhere(&parts.headers, "/pin"))
    }
}

fn is_open(row: &TabletRow, opening: &[u8], now: DateTime<Utc>) -> bool {
    row.has_pin && row.opening_sha256.as_deref() == Some(opening) && row.opening_expires_at.is_some_and(|end| now < end)
}

/// Sends a person where they can go on, and tells a module that it has to.
fn elsewhere(headers: &HeaderMap, page: &'static str) -> Response {
    if headers.contains_key(SCRIPT_HEADER) {
        return ApiError::SignInFirst.into_response();
    }
    Redirect::to(page).into_response()
}

/// The cookie that joins a tablet. It lasts; browsers keep it for 400 days, and each opening renews it.
pub fn tablet_cookie(state: &AppState, token: String) -> Cookie<'static> {
    Cookie::build((tablet_cookie_name(state), token))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(is_https(state))
        .permanent()
        .build()
}

/// The cookie of one opening. Without an age: it ends with the browser.
pub fn opening_cookie(state: &AppState, token: String) -> Cookie<'static> {
    Cookie::build((opening_cookie_name(state), token))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(is_https(state))
        .build()
}

/// The same tablet cookie with a new age.
pub fn renewed(state: &AppState, jar: &CookieJar) -> Option<Cookie<'static>> {
    jar.get(tablet_cookie_name(state)).map(|cookie| tablet_cookie(state, cookie.value().to_owned()))
}

fn is_https(state: &AppState) -> bool {
    state.config.public_url.starts_with("https://")
}

fn tablet_cookie_name(state: &AppState) -> &'static str {
    if is_https(state) { "__Host-ws-tablet" } else { "ws-tablet" }
}

fn opening_cookie_name(state: &AppState) -> &'static str {
    if is_https(state) { "__Host-ws-open" } else { "ws-open" }
}
