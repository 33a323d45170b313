//! Signing in and out. The page says the same, in the same time, for a wrong password and an unknown email.

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::Cookie;
use serde::Deserialize;
use store::audit::{Actor, NewAudit, Subject};

use super::{Frame, page, view};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::{self, Caller, SignedIn};

#[derive(Template)]
#[template(path = "staff/sign_in.html")]
struct SignInPage {
    frame: Frame,
    then: String,
    email: String,
    problem: Option<String>,
}

/// Where to go after sign-in.
#[derive(Deserialize)]
pub struct Then {
    #[serde(default)]
    then: String,
}

/// What the form sends. No `Debug`: it holds a password.
#[derive(Deserialize)]
pub struct SignInForm {
    email: String,
    password: String,
    #[serde(default)]
    then: String,
    #[serde(default)]
    csrf: String,
}

/// The address of the page that comes back to `then`.
#[must_use]
pub fn address(then: &str) -> String {
    let mut address = "/sign-in".to_owned();
    if then != "/" {
        address += "?then=";
        // RFC 3986: everything but unreserved characters and the slash.
        for byte in own(then).bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
                address.push(char::from(byte));
            } else {
                address += &format!("%{byte:02X}");
            }
        }
    }
    address
}

/// `GET /sign-in`
pub async fn show(State(state): State<AppState>, Query(then): Query<Then>, headers: HeaderMap) -> Result<Response, ApiError> {
    if auth::caller(&state, &headers).await?.is_some() {
        return Ok(Redirect::to(own(&then.then)).into_response());
    }
    if !state.store.has_staff().await? {
        return Ok(Redirect::to("/begin").into_response());
    }
    door(&state, &headers, StatusCode::OK, &then.then, String::new(), None)
}

/// `POST /sign-in`
pub async fn submit(
    State(state): State<AppState>,
    headers: HeaderMap,
    extensions: Extensions,
    Form(form): Form<SignInForm>,
) -> Result<Response, ApiError> {
    if !Door::of(&state, &headers)?.sent(&form.csrf) {
        let problem = "This page was open too long. Please type both again.".to_owned();
        return door(&state, &headers, StatusCode::FORBIDDEN, &form.then, form.email, Some(problem));
    }
    if form.password.len() > auth::MAX_PASSWORD_BYTES {
        return door(&state, &headers, StatusCode::UNAUTHORIZED, &form.then, form.email, Some(WRONG.to_owned()));
    }
    let address = auth::client_address(&extensions, &headers);
    match auth::sign_in(&state, &form.email, form.password, address.as_deref()).await? {
        SignedIn::Welcome(token) => Ok(welcome(&state, token, own(&form.then))),
        SignedIn::Wrong => door(&state, &headers, StatusCode::UNAUTHORIZED, &form.then, form.email, Some(WRONG.to_owned())),
        SignedIn::Wait(until) => {
            let (problem, seconds) = wait_words(&state, until);
            let mut response = door(&state, &headers, StatusCode::TOO_MANY_REQUESTS, &form.then, form.email, Some(problem))?;
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            Ok(response)
        }
    }
}

const WRONG: &str = "This email and password don’t go together. Check both and try again.";

/// `POST /sign-out`
pub async fn sign_out(State(state): State<AppState>, caller: Caller) -> Result<Response, ApiError> {
    let id = caller.staff_id();
    let entry = NewAudit { actor: Actor::Staff(id), action: "sign out", subject: Subject::Staff(id), detail: None };
    state.store.append_audit(entry, state.clock.now().utc).await?;
    state.store.close_web_session(&caller.session_sha256).await?;
    Ok((set([auth::taken_back(auth::session_cookie(&state, String::new()))]), Redirect::to("/sign-in")).into_response())
}

/// The door: a page for somebody who is not signed in, with a secret in a cookie from which the token of its form is derived.
pub(super) struct Door {
    secret: String,
}

impl Door {
    /// The one that this browser has, or a new one.
    ///
    /// # Errors
    /// The machine has no randomness.
    pub(super) fn of(state: &AppState, headers: &HeaderMap) -> Result<Self, ApiError> {
        let known = auth::cookie(headers, auth::door_cookie_name(state)).filter(|secret| !secret.is_empty());
        Ok(Self { secret: known.map_or_else(auth::random_token, Ok)? })
    }

    /// Whether a form came from a page of this browser.
    pub(super) fn sent(&self, token: &str) -> bool {
        auth::same_token(token, &auth::csrf_of(&self.secret))
    }

    pub(super) fn frame(&self, title: &str) -> Frame {
        Frame::bare(title, auth::csrf_of(&self.secret))
    }

    pub(super) fn shows(self, state: &AppState, status: StatusCode, html: axum::response::Html<String>) -> Response {
        (status, set([auth::door_cookie(state, self.secret)]), html).into_response()
    }
}

/// Somebody is signed in, and the door is closed behind them.
pub(super) fn welcome(state: &AppState, token: String, then: &str) -> Response {
    let session = auth::session_cookie(state, token);
    let door = auth::taken_back(auth::door_cookie(state, String::new()));
    (set([session, door]), Redirect::to(then)).into_response()
}

/// What somebody reads who has to wait, with how long.
pub(super) fn wait_words(state: &AppState, until: chrono::DateTime<chrono::Utc>) -> (String, i64) {
    let seconds = (until - state.clock.now().utc).num_seconds().max(1);
    (format!("Too many tries. Please wait {}, then try again.", view::minutes((seconds + 59) / 60)), seconds)
}

fn door(
    state: &AppState,
    headers: &HeaderMap,
    status: StatusCode,
    then: &str,
    email: String,
    problem: Option<String>,
) -> Result<Response, ApiError> {
    let door = Door::of(state, headers)?;
    let html = page(&SignInPage { frame: door.frame("Sign in"), then: own(then).to_owned(), email, problem })?;
    Ok(door.shows(state, status, html))
}

fn set<const N: usize>(cookies: [Cookie<'static>; N]) -> axum::response::AppendHeaders<Vec<(header::HeaderName, String)>> {
    axum::response::AppendHeaders(cookies.into_iter().map(|cookie| (header::SET_COOKIE, cookie.to_string())).collect())
}

/// `then`, if it is an address of ours; otherwise the first page.
fn own(then: &str) -> &str {
    let is_own = then.starts_with('/') && !then.starts_with("//") && !then.contains(|c: char| c == '\\' || c.is_control());
    if is_own { then } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_sign_in_one_goes_only_to_our_own_pages() {
        assert_eq!(own("/pupils/1?a=b"), "/pupils/1?a=b");
        // Browsers drop a tab, and the rest is another host.
        assert_eq!(own("/\t/evil.example"), "/");
        for elsewhere in ["https://evil.example", "//evil.example", "/\\evil.example", "", "javascript:alert(1)"] {
            assert_eq!(own(elsewhere), "/");
        }
        assert_eq!(address("/pupils/1?a=b"), "/sign-in?then=/pupils/1%3Fa%3Db");
        assert_eq!(address("/"), "/sign-in");
    }
}
