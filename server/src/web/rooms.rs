//! The rooms of a school: added, named, no longer used. Robots are put down in them, and lessons are held there.
//!
//! School leads keep those of their school, coordinators those of everybody below them. A room is never removed, because lessons that
//! were held stand on it; one in which a lesson is still held, or a robot stands, stays in use.

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use server_core::access::{Action, Subject as About};
use server_core::school::OrganisationKind;
use store::audit::{Actor, NewAudit, Subject};
use store::organisations::RoomRow;
use store::tables::{KeptRoomRow, MOST_ROOMS};
use uuid::Uuid;

use super::organisations::organisation_name;
use super::plan::{Choice, Sent};
use super::{Frame, page};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::Scope;

#[derive(Template)]
#[template(path = "staff/rooms.html")]
struct RoomsPage {
    frame: Frame,
    wrong: String,
    school: Uuid,
    name: String,
    schools: Vec<Choice>,
    rows: Vec<RowView>,
    new: String,
}

struct RowView {
    id: Uuid,
    name: String,
    is_retired: bool,
    used: String,
    /// What was typed as its name and not saved.
    typed: Option<String>,
}

/// Whose rooms or lessons, and of which class.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub struct Asked {
    pub of: Option<Uuid>,
    pub class: Option<Uuid>,
}

/// The schools whose rooms and lessons this person keeps, by name; mainstream schools first.
#[must_use]
pub fn schools(scope: &Scope) -> Vec<(Uuid, String)> {
    let mut all: Vec<_> = scope
        .organisations()
        .filter(|row| row.kind != OrganisationKind::Authority.as_str())
        .filter(|row| scope.may(Action::KeepTimetable, &About::Organisation(row.organisation_id)))
        .collect();
    all.sort_by_key(|row| (row.kind != OrganisationKind::School.as_str(), row.name.clone()));
    all.into_iter().map(|row| (row.organisation_id, row.name.clone())).collect()
}

/// The school that was asked for, with its name; the first one if none was.
///
/// # Errors
/// It is not theirs, or there is none.
pub fn school(scope: &Scope, asked: Option<Uuid>) -> Result<(Uuid, String), ApiError> {
    schools(scope).into_iter().find(|(id, _)| asked.is_none_or(|asked| asked == *id)).ok_or(ApiError::NotFound)
}

/// The school that a form names.
///
/// # Errors
/// It is not theirs, or the form names none.
pub fn school_of(scope: &Scope, sent: &Sent) -> Result<(Uuid, String), ApiError> {
    let of = sent.get("of").and_then(|id| id.parse().ok()).ok_or(ApiError::NotFound)?;
    school(scope, Some(of))
}

/// The schools as choices.
#[must_use]
pub fn choices(scope: &Scope, chosen: Uuid) -> Vec<Choice> {
    schools(scope).into_iter().map(|(id, name)| (id.to_string(), name, id == chosen)).collect()
}

/// `GET /rooms`
pub async fn show(State(state): State<AppState>, caller: Caller, Query(asked): Query<Asked>) -> Result<Html<String>, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    let school = school(&scope, asked.of)?;
    draw(&state, &caller, &scope, school, &Sent::new(), String::new()).await
}

/// `POST /rooms`: one is added, has another name, is no longer used, or is used again.
pub async fn change(State(state): State<AppState>, caller: Caller, Form(sent): Form<Sent>) -> Result<Response, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    let (of, name) = school_of(&scope, &sent)?;
    let done = match sent.get("what").map(String::as_str) {
        Some("add") => add(&state, &caller, of, &sent).await?,
        Some("rename" | "retire" | "again") => keep(&state, &caller, &scope, of, &sent).await?,
        _ => Err("Choose what to do.".to_owned()),
    };
    match done {
        Ok(()) => Ok(Redirect::to(&format!("/rooms?of={of}")).into_response()),
        Err(wrong) => {
            let html = draw(&state, &caller, &scope, (of, name), &sent, wrong).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, html).into_response())
        }
    }
}

const TAKEN: &str = "Name: there is a room of this name already, perhaps one that is no longer used.";

async fn add(state: &AppState, caller: &Caller, of: Uuid, sent: &Sent) -> Result<Result<(), String>, ApiError> {
    let name = match organisation_name(sent.get("name").map_or("", String::as_str)) {
        Ok(name) => name,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let now = state.clock.now().utc;
    if state.store.kept_rooms(of, now.date_naive()).await?.len() >= usize::try_from(MOST_ROOMS).unwrap_or(usize::MAX) {
        return Ok(Err(format!(
            "There are {MOST_ROOMS} rooms here. Give one that is no longer used another name, and use it again."
        )));
    }
    let room = RoomRow { room_id: Uuid::now_v7(), organisation_id: of, name };
    let detail = room.room_id.to_string();
    let is_new = state.store.enter_room(&room, audit(caller, "add room", &detail), now).await?;
    Ok(if is_new { Ok(()) } else { Err(TAKEN.to_owned()) })
}

async fn keep(state: &AppState, caller: &Caller, scope: &Scope, of: Uuid, sent: &Sent) -> Result<Result<(), String>, ApiError> {
    let now = state.clock.now().utc;
    let today = scope.today(of, now);
    let id = sent.get("room").map_or("", String::as_str);
    let rooms = state.store.kept_rooms(of, today).await?;
    let row = rooms.iter().find(|row| row.room_id.to_string() == id).ok_or(ApiError::NotFound)?;
    Ok(match sent.get("what").map(String::as_str) {
        Some("rename") => match organisation_name(sent.get("new-name").map_or("", String::as_str)) {
            Ok(name) => {
                let room = RoomRow { room_id: row.room_id, organisation_id: of, name };
                let is_free = state.store.rename_room(&room, audit(caller, "rename room", id), now).await?;
                if is_free { Ok(()) } else { Err(TAKEN.to_owned()) }
            }
            Err(wrong) => Err(wrong),
        },
        Some("retire") => {
            let is_free = state.store.retire_room(row.room_id, today, audit(caller, "retire room", id), now).await?;
            if is_free { Ok(()) } else { Err(busy(row)) }
        }
        _ => {
            state.store.use_room_again(row.room_id, audit(caller, "use room again", id), now).await?;
            Ok(())
        }
    })
}

/// Why a room cannot be put out of use.
fn busy(row: &KeptRoomRow) -> String {
    let name = &row.name;
    if row.lessons > 0 {
        format!("{name}: {} there. Give them another room first, from the day on which it is no longer used.", used(row))
    } else {
        format!("{name}: a robot stands there. Put it down somewhere else first.")
    }
}

/// What is in a room.
fn used(row: &KeptRoomRow) -> String {
    match row.lessons {
        0 => "No lesson is held".to_owned(),
        1 => "One lesson is held".to_owned(),
        n => format!("{n} lessons are held"),
    }
}

fn audit<'a>(caller: &Caller, action: &'static str, room: &'a str) -> NewAudit<'a> {
    NewAudit { actor: Actor::Staff(caller.staff_id()), action, subject: Subject::None, detail: Some(room) }
}

async fn draw(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    (of, name): (Uuid, String),
    sent: &Sent,
    wrong: String,
) -> Result<Html<String>, ApiError> {
    let now = state.clock.now().utc;
    let adds = sent.get("what").is_some_and(|what| what == "add");
    let renamed = sent.get("room").filter(|_| sent.get("what").is_some_and(|what| what == "rename"));
    let rows = state.store.kept_rooms(of, scope.today(of, now)).await?;
    let row = |row: KeptRoomRow| RowView {
        id: row.room_id,
        used: if row.is_retired { "No longer used".to_owned() } else { format!("{} here", used(&row)) },
        typed: renamed.filter(|id| **id == row.room_id.to_string()).and_then(|_| sent.get("new-name").cloned()),
        is_retired: row.is_retired,
        name: row.name,
    };
    page(&RoomsPage {
        frame: Frame::of(caller, scope, format!("Rooms of {name}"), "/days", now),
        wrong,
        school: of,
        name,
        schools: choices(scope, of),
        rows: rows.into_iter().map(row).collect(),
        new: sent.get("name").filter(|_| adds).cloned().unwrap_or_default(),
    })
}
