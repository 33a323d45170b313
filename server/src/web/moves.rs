//! The phone page of whoever carries robots: where each one is, one tap to take it, one to put it down, and undo.
//!
//! Works without scripts. A tap is what a person says; the robot is told as well, and its own camera rule follows it.

mod lists;
mod today;

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::{Html, Redirect};
use chrono::{DateTime, TimeDelta, Utc};
use protocol::{Command, RobotId, RoomId};
use serde::Deserialize;
use server_core::access::Action;
use store::audit::{Actor, NewAudit, Subject};
use store::pages::PAGE;
use store::placements::PlacementRow;
use store::robots::RobotRow;
use uuid::Uuid;

use self::lists::Line;
use self::today::Today;
use super::view::Pages;
use super::{Frame, fleet, page, view};
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::{self, Scope};
use crate::{AppState, Change, lessons};

/// A robot is asked for so long before a lesson begins.
const CARRY_FROM: TimeDelta = TimeDelta::minutes(30);
/// A tap can be taken back for so long.
const UNDO_FOR: TimeDelta = TimeDelta::minutes(5);

#[derive(Template)]
#[template(path = "staff/moves.html")]
struct MovesPage {
    frame: Frame,
    cards: Vec<Card>,
    later: Vec<Line>,
    done: Vec<Line>,
    undo: Option<Undo>,
    pages: Pages,
}

struct Card {
    id: Uuid,
    name: String,
    status: String,
    icon: &'static str,
    late: bool,
    left: String,
    note: String,
    from_word: &'static str,
    from: String,
    next: Option<Target>,
    mine: bool,
    rooms: Vec<Room>,
    /// Late first, then in hand, then soon, then the rest.
    order: u8,
}

struct Target {
    by: String,
    room: String,
    room_id: Uuid,
}

struct Room {
    id: Uuid,
    name: String,
}

struct Undo {
    robot_id: Uuid,
    back: String,
    said: String,
}

/// The lesson that a robot is, or will next be, needed in.
pub(super) struct NextLesson {
    pub subject: String,
    pub room: String,
    pub room_id: Uuid,
    pub start: DateTime<Utc>,
}

/// After a tap: which robot, and what it would go back to.
#[derive(Deserialize)]
pub struct Tapped {
    robot: Option<Uuid>,
    back: Option<String>,
    /// Part of a robot's or school's name.
    #[serde(default)]
    q: String,
}

#[derive(Deserialize)]
pub struct RoomForm {
    room: Uuid,
}

#[derive(Deserialize)]
pub struct UndoForm {
    back: String,
}

/// `GET /moves`
pub async fn show(
    State(state): State<AppState>,
    caller: Caller,
    Query(tapped): Query<Tapped>,
) -> Result<Html<String>, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    let now = state.clock.now().utc;
    let asked = fleet::Asked { q: tapped.q, ..fleet::Asked::default() };
    let pages = Pages::new("/moves", &asked.q, "", None);
    let (mut rows, more) = fleet::rows(&state, &caller, &asked, 0, PAGE, now).await?;
    rows.retain(|row| scope.may_robot(Action::MoveRobot, row));
    let tapped_row = match tapped.robot {
        Some(robot) => state.store.robot(robot).await?.filter(|row| scope.may_robot(Action::MoveRobot, row)),
        None => None,
    };
    let undo = tapped_row.zip(tapped.back).and_then(|(row, back)| undo_of(&row, back, now, scope.zone(row.organisation_id)));
    let today = Today::of(&state, &scope, &rows, now).await?;
    let mut cards = Vec::new();
    for row in &rows {
        cards.push(card(&state, &caller, &scope, row, &today, now).await?);
    }
    cards.sort_by(|a, b| (a.order, &a.name).cmp(&(b.order, &b.name)));
    let mut frame = Frame::of(&caller, &scope, "Moves today", "/moves", now);
    frame.body_class = "mover";
    let later = lists::later(&scope, &rows, &today, now);
    let done = lists::done(&state, &caller, &scope, &rows, &today, now).await?;
    page(&MovesPage { frame, cards, later, done, undo, pages: pages.with_more(more) })
}

/// `POST /moves/{robot}/carry`
pub async fn carry(State(state): State<AppState>, caller: Caller, Path(robot): Path<Uuid>) -> Result<Redirect, ApiError> {
    let (row, _) = scope::robot(&state, &caller, robot, Action::MoveRobot).await?;
    if row.carried_by != Some(caller.staff_id()) {
        take(&state, &caller, robot).await?;
    }
    Ok(back_to_page(robot, row.room_id.map(|room| room.to_string())))
}

/// `POST /moves/{robot}/room`
pub async fn put_down(
    State(state): State<AppState>,
    caller: Caller,
    Path(robot): Path<Uuid>,
    Form(form): Form<RoomForm>,
) -> Result<Redirect, ApiError> {
    let (row, _) = scope::robot(&state, &caller, robot, Action::MoveRobot).await?;
    place(&state, &caller, robot, form.room).await?;
    let back = match (row.room_id, row.carried_by) {
        (Some(room), _) => Some(room.to_string()),
        (None, Some(_)) => Some("carried".to_owned()),
        (None, None) => None,
    };
    Ok(back_to_page(robot, back.filter(|back| *back != form.room.to_string())))
}

/// `POST /moves/{robot}/undo`
pub async fn undo(
    State(state): State<AppState>,
    caller: Caller,
    Path(robot): Path<Uuid>,
    Form(form): Form<UndoForm>,
) -> Result<Redirect, ApiError> {
    scope::robot(&state, &caller, robot, Action::MoveRobot).await?;
    if form.back == "carried" {
        take(&state, &caller, robot).await?;
    } else {
        let room = form.back.parse().map_err(|_| ApiError::BadRequest("That tap cannot be undone. Tap the room instead."))?;
        place(&state, &caller, robot, room).await?;
    }
    Ok(Redirect::to("/moves"))
}

async fn take(state: &AppState, caller: &Caller, robot: Uuid) -> Result<(), ApiError> {
    note(state, caller, robot, "carry robot", None).await?;
    if !state.store.carry_robot(robot, caller.staff_id(), state.clock.now().utc).await? {
        return Err(ApiError::NotFound);
    }
    tell(state, robot, Command::Carry);
    Ok(())
}

async fn place(state: &AppState, caller: &Caller, robot: Uuid, room: Uuid) -> Result<(), ApiError> {
    note(state, caller, robot, "place robot", Some(room)).await?;
    if !state.store.place_robot(robot, room, state.clock.now().utc).await? {
        return Err(ApiError::NotFound);
    }
    tell(state, robot, Command::SetRoom { room: RoomId(room) });
    Ok(())
}

async fn note(state: &AppState, caller: &Caller, robot: Uuid, action: &str, room: Option<Uuid>) -> Result<(), ApiError> {
    let detail = room.map(|room| room.to_string());
    let entry =
        NewAudit { actor: Actor::Staff(caller.staff_id()), action, subject: Subject::Robot(robot), detail: detail.as_deref() };
    Ok(state.store.append_audit(entry, state.clock.now().utc).await?)
}

/// Tells whoever has a page open, and the robot, without waiting for the broker: what the person said holds in any case.
fn tell(state: &AppState, robot: Uuid, command: Command) {
    state.announce(Change::Robot(RobotId(robot)));
    let (dispatch, now) = (state.dispatch.clone(), state.clock.now());
    state.tasks.spawn(async move {
        if let Err(error) = dispatch.command(RobotId(robot), command, now).await {
            tracing::warn!(robot.id = %robot, error = &error as &dyn std::error::Error, "a robot was not told where it is");
        }
    });
}

fn back_to_page(robot: Uuid, back: Option<String>) -> Redirect {
    let undo = back.map_or_else(String::new, |back| format!("?robot={robot}&back={back}"));
    Redirect::to(&format!("/moves{undo}#r-{robot}"))
}

async fn card(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    row: &RobotRow,
    today: &Today,
    now: DateTime<Utc>,
) -> Result<Card, ApiError> {
    let zone = scope.zone(row.organisation_id);
    let next = today.lessons(row.robot_id).first().filter(|next| next.start - now <= CARRY_FROM);
    let needed = next.filter(|next| row.room_id != Some(next.about.room.0));
    let mine = row.carried_by == Some(caller.staff_id());
    let (mut status, mut icon, mut order) = match row.carried_by {
        Some(_) if mine => (format!("You have {}", row.name), "carry", 1),
        Some(by) => {
            (format!("{} has it", state.store.staff_name(by).await?.unwrap_or_else(|| "Somebody".to_owned())), "carry", 3)
        }
        None if needed.is_some() => ("Carry now".to_owned(), "carry", 2),
        None => ("In its place".to_owned(), "check", 4),
    };
    let (mut left, mut late, mut note) = (String::new(), false, String::new());
    if let Some(next) = needed {
        let wait = (next.start - now).num_minutes();
        late = next.start <= now;
        left = if late { format!("{} ago", view::minutes(-wait)) } else { format!("{} left", view::minutes(wait)) };
        if late && row.carried_by.is_none() {
            (status, icon, order) = ("Class has started".to_owned(), "clock", 0);
            note = format!("The pupil is waiting. They can see that {} is on its way.", row.name);
        }
    }
    let rooms = today.rooms(row.organisation_id).iter().filter(|room| Some(room.room_id) != row.room_id);
    Ok(Card {
        id: row.robot_id,
        name: row.name.clone(),
        status,
        icon,
        late,
        left,
        note: if note.is_empty() && scope.own_name() != row.organisation_name { row.organisation_name.clone() } else { note },
        from_word: if mine {
            "It is"
        } else if needed.is_some() {
            "From"
        } else {
            "It is in"
        },
        from: if mine { "With you".to_owned() } else { fleet::room_of(row) },
        next: needed.map(|next| Target {
            by: view::clock(next.start, zone),
            room: next.about.room_name.clone(),
            room_id: next.about.room.0,
        }),
        mine,
        rooms: rooms.map(|room| Room { id: room.room_id, name: room.name.clone() }).collect(),
        order,
    })
}

fn undo_of(row: &RobotRow, back: String, now: DateTime<Utc>, zone: chrono_tz::Tz) -> Option<Undo> {
    let since = row.room_since_at.filter(|at| now - *at <= UNDO_FOR)?;
    let at = view::clock(since, zone);
    let said = match (&row.room_name, row.carried_by) {
        (Some(room), _) => format!("{} is in {room}. {at}", row.name),
        (None, Some(_)) => format!("{} is with you. {at}", row.name),
        (None, None) => return None,
    };
    let is_known = back == "carried" || back.parse::<Uuid>().is_ok();
    is_known.then_some(Undo { robot_id: row.robot_id, back, said })
}

/// Of the placements of a robot today: the lesson that is on, or else the next.
pub(super) async fn next_lesson(
    state: &AppState,
    placements: &[PlacementRow],
    now: DateTime<Utc>,
) -> Result<Option<NextLesson>, ApiError> {
    let mut first: Option<NextLesson> = None;
    for placement in placements {
        let today = lessons::today(&state.store, placement, now).await?;
        for lesson in lessons::between(&state.store, placement, today, today).await? {
            let is_needed = lesson.about.expected && !lesson.about.robot_stays_out && lesson.end > now;
            if is_needed && first.as_ref().is_none_or(|known| lesson.start < known.start) {
                let about = lesson.about;
                first = Some(NextLesson {
                    subject: about.subject,
                    room: about.room_name,
                    room_id: about.room.0,
                    start: lesson.start,
                });
            }
        }
    }
    Ok(first)
}
