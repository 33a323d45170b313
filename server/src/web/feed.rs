//! What is due as a calendar feed, for a person's own calendar program.
//!
//! Such a program cannot sign in, so the address itself holds a secret: 256 bits, shown once, of which the database has a hash. The
//! feed leaves the house and so names nobody (see `server_core::deadline::ical`): a case is eight signs that only staff can look up.
//! A new address ends the old one, and switching it off, or the account, ends it at once.

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::TimeDelta;
use protocol::PlacementId;
use server_core::deadline::{Due, ical};
use store::audit::{Actor, NewAudit, Subject};

use super::mine;
use super::pupils::Asked;
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::{self, Caller};
use crate::api::scope::Scope;

/// Reading is noted at most this often: calendar programs ask every quarter of an hour.
const NOTE_EVERY: TimeDelta = TimeDelta::hours(24);

/// `POST /due/feed`: a new address, in place of the old one. It is shown in the answer and never again.
pub async fn make(State(state): State<AppState>, caller: Caller) -> Result<Html<String>, ApiError> {
    let key = auth::random_token()?;
    let audit = audit(&caller, "make calendar feed");
    state.store.set_due_feed(caller.staff_id(), Some(&hash(&key)), audit, state.clock.now().utc).await?;
    let base = state.config.public_url.trim_end_matches('/');
    mine::draw(&state, &caller, &Asked::default(), Some(format!("{base}/feeds/{key}/due.ics"))).await
}

/// `POST /due/feed/off`
pub async fn switch_off(State(state): State<AppState>, caller: Caller) -> Result<Redirect, ApiError> {
    let audit = audit(&caller, "switch calendar feed off");
    state.store.set_due_feed(caller.staff_id(), None, audit, state.clock.now().utc).await?;
    Ok(Redirect::to("/due"))
}

/// `GET /feeds/{key}/due.ics`
pub async fn get(State(state): State<AppState>, Path(key): Path<String>) -> Result<Response, ApiError> {
    let feed = state.store.due_feed(&hash(&key)).await?.ok_or(ApiError::NotFound)?;
    let now = state.clock.now().utc;
    if feed.read_at.is_none_or(|at| now - at >= NOTE_EVERY) {
        let subject = Subject::Staff(feed.staff_id);
        let audit = NewAudit { actor: Actor::Program, action: "calendar feed is read", subject, detail: None };
        state.store.note_feed_read(feed.staff_id, audit, now).await?;
    }
    let scope = Scope::of_person(&state, auth::person(&state, feed.staff_id).await?).await?;
    let today = now.with_timezone(&scope.own_zone()).date_naive();
    let rows = mine::of_person(&state, &scope, feed.staff_id, today).await?;
    let due: Vec<(PlacementId, &Due)> = rows.iter().map(|row| (PlacementId(row.placement_id), &row.due)).collect();
    Ok(([(header::CONTENT_TYPE, "text/calendar; charset=utf-8")], ical::feed(&due, now)).into_response())
}

fn hash(key: &str) -> Vec<u8> {
    auth::sha256(&["due feed:", key])
}

fn audit(caller: &Caller, action: &'static str) -> NewAudit<'static> {
    let who = caller.staff_id();
    NewAudit { actor: Actor::Staff(who), action, subject: Subject::Staff(who), detail: None }
}
