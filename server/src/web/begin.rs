//! The very first page of an empty database: an authority and its first coordinator. Everything else is added by the pages after it.
//!
//! It is there only until somebody has an account, and opens with a code that only the operator of the server can read
//! (`crate::api::codes`). What was typed stays after a mistake; passwords alone are typed again.

use askama::Template;
use axum::extract::{Form, State};
use axum::http::{Extensions, HeaderMap, StatusCode};
use axum::response::Response;
use server_core::access::Role;
use server_core::school::OrganisationKind;
use store::audit::{Actor, NewAudit, Subject};
use store::organisations::OrganisationRow;
use store::staff::NewStaff;
use uuid::Uuid;

use super::accounts::{email_of, name_of};
use super::organisations::organisation_name;
use super::plan::Sent;
use super::sign_in::{Door, welcome};
use super::{Frame, page};
use crate::AppState;
use crate::api::auth::{self, SignedIn};
use crate::api::{ApiError, codes};

/// Where schools of England are. An organisation lives in the zone of the one above it.
const ZONE: &str = "Europe/London";

#[derive(Template)]
#[template(path = "staff/begin.html")]
struct BeginPage {
    frame: Frame,
    wrong: String,
    code: String,
    authority: String,
    name: String,
    email: String,
}

/// `GET /begin`
pub async fn show(State(state): State<AppState>, headers: HeaderMap) -> Result<Response, ApiError> {
    if state.store.has_staff().await? {
        return Err(ApiError::NotFound);
    }
    draw(&state, &headers, &Sent::new(), StatusCode::OK, String::new())
}

/// `POST /begin`
pub async fn submit(
    State(state): State<AppState>,
    headers: HeaderMap,
    extensions: Extensions,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    if state.store.has_staff().await? {
        return Err(ApiError::NotFound);
    }
    let text = |name: &str| sent.get(name).map_or("", String::as_str);
    if !Door::of(&state, &headers)?.sent(text("csrf")) {
        let wrong = "This page was open too long. Please type the password again.".to_owned();
        return draw(&state, &headers, &sent, StatusCode::FORBIDDEN, wrong);
    }
    if !auth::same_slices(&codes::hash(text("code")), &codes::hash(&state.first_code)) {
        let wrong = "That is not the code. On the server, `windowseat server --config FILE --first-code` prints it.".to_owned();
        return draw(&state, &headers, &sent, StatusCode::UNPROCESSABLE_ENTITY, wrong);
    }
    let read = || -> Result<(String, String, String), String> {
        let authority = organisation_name(text("authority"))?;
        let (name, email) = (name_of(text("name"))?, email_of(text("email"))?);
        auth::check_password(text("password")).map_err(str::to_owned)?;
        Ok((authority, name, email))
    };
    let (authority, name, email) = match read() {
        Ok(read) => read,
        Err(wrong) => return draw(&state, &headers, &sent, StatusCode::UNPROCESSABLE_ENTITY, wrong),
    };
    let password_hash = auth::hash_password(text("password").to_owned()).await?;
    let staff_id = Uuid::now_v7();
    let authority = OrganisationRow {
        organisation_id: Uuid::now_v7(),
        kind: OrganisationKind::Authority.as_str().to_owned(),
        name: authority,
        parent_id: None,
        time_zone: ZONE.to_owned(),
    };
    let audit = NewAudit {
        actor: Actor::Staff(staff_id),
        action: "begin authority",
        subject: Subject::Staff(staff_id),
        detail: Some(Role::Coordinator.as_str()),
    };
    let coordinator = NewStaff { staff_id, name: &name, email: &email, password_hash: &password_hash };
    if !state.store.begin_authority(&authority, coordinator, audit, state.clock.now().utc).await? {
        return Err(ApiError::Conflict("Somebody else made the first account just now. Sign in, or ask them."));
    }
    let address = auth::client_address(&extensions, &headers);
    match auth::sign_in(&state, &email, text("password").to_owned(), address.as_deref()).await? {
        SignedIn::Welcome(token) => Ok(welcome(&state, token, "/organisations")),
        SignedIn::Wrong | SignedIn::Wait(_) => Err(ApiError::SignInFirst),
    }
}

fn draw(state: &AppState, headers: &HeaderMap, sent: &Sent, status: StatusCode, wrong: String) -> Result<Response, ApiError> {
    let typed = |name: &str| sent.get(name).cloned().unwrap_or_default();
    let door = Door::of(state, headers)?;
    let html = page(&BeginPage {
        frame: door.frame("Begin"),
        wrong,
        code: typed("code"),
        authority: typed("authority"),
        name: typed("name"),
        email: typed("email"),
    })?;
    Ok(door.shows(state, status, html))
}
