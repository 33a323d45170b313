//! Somebody who was given a code chooses their password and is signed in. The same page for a first password and a forgotten one.
//!
//! It says the same for a wrong email and a wrong code, after the same work.

use askama::Template;
use axum::extract::{Form, State};
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use axum::response::Response;

use super::plan::Sent;
use super::sign_in::{Door, wait_words, welcome};
use super::{Frame, page};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::{self, SignedIn};

#[derive(Template)]
#[template(path = "staff/welcome.html")]
struct WelcomePage {
    frame: Frame,
    wrong: String,
    email: String,
    code: String,
}

/// `GET /welcome`
pub async fn show(State(state): State<AppState>, headers: HeaderMap) -> Result<Response, ApiError> {
    draw(&state, &headers, &Sent::new(), StatusCode::OK, String::new())
}

/// `POST /welcome`
pub async fn submit(
    State(state): State<AppState>,
    headers: HeaderMap,
    extensions: Extensions,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    let text = |name: &str| sent.get(name).map_or("", String::as_str);
    if !Door::of(&state, &headers)?.sent(text("csrf")) {
        let wrong = "This page was open too long. Please type the password again.".to_owned();
        return draw(&state, &headers, &sent, StatusCode::FORBIDDEN, wrong);
    }
    if let Err(wrong) = auth::check_password(text("password")) {
        return draw(&state, &headers, &sent, StatusCode::UNPROCESSABLE_ENTITY, wrong.to_owned());
    }
    let address = auth::client_address(&extensions, &headers);
    let password = text("password").to_owned();
    match auth::choose_password(&state, text("email"), text("code"), password, address.as_deref()).await? {
        SignedIn::Welcome(token) => Ok(welcome(&state, token, "/")),
        SignedIn::Wrong => {
            let wrong = "This email and code don’t go together, or the code is too old. Check both, or ask for a new code.";
            draw(&state, &headers, &sent, StatusCode::UNPROCESSABLE_ENTITY, wrong.to_owned())
        }
        SignedIn::Wait(until) => {
            let (wrong, seconds) = wait_words(&state, until);
            let mut response = draw(&state, &headers, &sent, StatusCode::TOO_MANY_REQUESTS, wrong)?;
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            Ok(response)
        }
    }
}

fn draw(state: &AppState, headers: &HeaderMap, sent: &Sent, status: StatusCode, wrong: String) -> Result<Response, ApiError> {
    let typed = |name: &str| sent.get(name).cloned().unwrap_or_default();
    let door = Door::of(state, headers)?;
    let frame = door.frame("Choose a password");
    let html = page(&WelcomePage { frame, wrong, email: typed("email"), code: typed("code") })?;
    Ok(door.shows(state, status, html))
}
