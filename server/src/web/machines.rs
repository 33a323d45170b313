//! Robots and bridges are added, named and no longer used; and what to enter in their own settings, so that they are known.
//!
//! The id is all that Windowseat and a machine have to agree on: it is also the machine's user name at the broker, which alone keeps its
//! password or certificate. Nothing is removed: what a robot did stays. Robots are for whoever coordinates the organisation that they are
//! lent to, bridges for whoever answers for everything.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use protocol::{BridgeId, RobotId};
use server_core::access::{Action, Subject as About};
use server_core::school::OrganisationKind;
use store::audit::{Actor, NewAudit, Subject};
use store::machines::{Kept, NewRobot};
use store::robots::{DeviceKind, RobotRow};
use uuid::Uuid;

use super::plan::{Choice, Sent};
use super::{Frame, fleet, page, view};
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::Scope;
use crate::{AppState, Change};

/// A robot's name is not longer than this, in characters.
const MAX_NAME: usize = 40;

#[derive(Template)]
#[template(path = "staff/robot_new.html")]
struct NewPage {
    frame: Frame,
    wrong: String,
    name: String,
    id: String,
    schools: Vec<Choice>,
    retired: Vec<RetiredView>,
}

struct RetiredView {
    id: Uuid,
    name: String,
    school: String,
    since: String,
}

#[derive(Template)]
#[template(path = "staff/robot_settings.html")]
struct SettingsPage {
    frame: Frame,
    wrong: String,
    id: Uuid,
    name: String,
    typed: String,
    school: String,
    school_id: Uuid,
    room: String,
    rooms: Vec<(Uuid, String)>,
    was_heard: bool,
    retired: Option<String>,
    broker: Broker,
}

#[derive(Template)]
#[template(path = "staff/bridge.html")]
struct BridgePage {
    frame: Frame,
    wrong: String,
    id: Uuid,
    was_heard: bool,
    broker: Broker,
}

/// Where machines find the broker.
struct Broker {
    url: String,
    /// Only this machine reaches that address.
    is_local: bool,
}

impl Broker {
    fn of(state: &AppState) -> Self {
        let url = state.config.mqtt.url.clone();
        let host = url.split_once("://").map_or(url.as_str(), |(_, host)| host);
        let is_local = ["127.", "localhost", "[::1]"].iter().any(|local| host.starts_with(local));
        Self { url, is_local }
    }
}

/// `GET /robots/new`
pub async fn new_form(State(state): State<AppState>, caller: Caller) -> Result<Html<String>, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    draw_new(&state, &caller, &scope, &Sent::new(), String::new()).await
}

/// `POST /robots/new`
pub async fn add(State(state): State<AppState>, caller: Caller, Form(sent): Form<Sent>) -> Result<Response, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    let read = || -> Result<(Uuid, Uuid, String), String> {
        let name = robot_name(sent.get("name").map_or("", String::as_str))?;
        let school = sent.get("school").map_or("", String::as_str);
        let school = schools(&scope).into_iter().find(|(id, _)| id.to_string() == school);
        let (organisation_id, _) = school.ok_or("School: choose one.")?;
        Ok((machine_id(&sent)?, organisation_id, name))
    };
    let wrong = match read() {
        Ok((robot_id, organisation_id, name)) => {
            let new = NewRobot { robot_id, organisation_id, name: &name };
            let audit = audit(&caller, "add robot", robot_id);
            match state.store.enter_robot(new, audit, state.clock.now().utc).await? {
                Kept::Written => {
                    state.announce(Change::Robot(RobotId(robot_id)));
                    return Ok(Redirect::to(&format!("/robots/{robot_id}/settings")).into_response());
                }
                Kept::NameTaken => NAME_TAKEN.to_owned(),
                Kept::IdTaken => ID_TAKEN.to_owned(),
            }
        }
        Err(wrong) => wrong,
    };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, draw_new(&state, &caller, &scope, &sent, wrong).await?).into_response())
}

const NAME_TAKEN: &str =
    "Name: a robot of this school has it already, perhaps one that is no longer used. Choose another bird.";
const ID_TAKEN: &str = "Id: a robot or a bridge has this id already. Look at its settings, or leave it empty for a new one.";

/// `GET /robots/{robot}/settings`
pub async fn settings(
    State(state): State<AppState>,
    caller: Caller,
    Path(robot): Path<Uuid>,
) -> Result<Html<String>, ApiError> {
    let (row, scope) = kept(&state, &caller, robot).await?;
    draw(&state, &caller, &scope, &row, &Sent::new(), String::new()).await
}

/// `POST /robots/{robot}/settings`: another name, no longer used, or used again.
pub async fn change(
    State(state): State<AppState>,
    caller: Caller,
    Path(robot): Path<Uuid>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    let (row, scope) = kept(&state, &caller, robot).await?;
    let now = state.clock.now().utc;
    let done = match sent.get("what").map(String::as_str) {
        Some("rename") => match robot_name(sent.get("name").map_or("", String::as_str)) {
            Ok(name) => {
                let new = NewRobot { robot_id: robot, organisation_id: row.organisation_id, name: &name };
                match state.store.rename_robot(new, audit(&caller, "rename robot", robot), now).await? {
                    Kept::Written => Ok(()),
                    Kept::NameTaken | Kept::IdTaken => Err(NAME_TAKEN.to_owned()),
                }
            }
            Err(wrong) => Err(wrong),
        },
        Some("retire") => {
            let today = scope.today(row.organisation_id, now);
            let is_free = state.store.retire_robot(robot, today, audit(&caller, "retire robot", robot), now).await?;
            let busy = "A placement that has not ended has this robot. Take it away there first, under “Placement and robot”.";
            if is_free { Ok(()) } else { Err(busy.to_owned()) }
        }
        Some("again") => {
            state.store.use_robot_again(robot, audit(&caller, "use robot again", robot), now).await?;
            Ok(())
        }
        _ => Err("Choose what to do.".to_owned()),
    };
    match done {
        Ok(()) => {
            state.announce(Change::Robot(RobotId(robot)));
            Ok(Redirect::to(&format!("/robots/{robot}/settings")).into_response())
        }
        Err(wrong) => {
            let html = draw(&state, &caller, &scope, &row, &sent, wrong).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, html).into_response())
        }
    }
}

/// `POST /system/bridges`: a bridge is added.
pub async fn add_bridge(State(state): State<AppState>, caller: Caller, Form(sent): Form<Sent>) -> Result<Response, ApiError> {
    let scope = super::system::allowed(&state, &caller).await?;
    let wrong = match machine_id(&sent) {
        Ok(id) => {
            let detail = id.to_string();
            let audit = bridge_audit(&caller, "add bridge", &detail);
            if state.store.enter_bridge(id, audit, state.clock.now().utc).await? {
                state.announce(Change::Bridge(BridgeId(id)));
                return Ok(Redirect::to(&format!("/system/bridges/{id}")).into_response());
            }
            ID_TAKEN.to_owned()
        }
        Err(wrong) => wrong,
    };
    let typed = sent.get("id").cloned().unwrap_or_default();
    let html = super::system::draw(&state, &caller, &scope, super::system::Said::default(), (typed, wrong)).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, html).into_response())
}

/// `GET /system/bridges/{bridge}`
pub async fn bridge(State(state): State<AppState>, caller: Caller, Path(bridge): Path<Uuid>) -> Result<Html<String>, ApiError> {
    let scope = super::system::allowed(&state, &caller).await?;
    draw_bridge(&state, &caller, &scope, bridge, String::new()).await
}

/// `POST /system/bridges/{bridge}`: it is no longer used.
pub async fn retire_bridge(
    State(state): State<AppState>,
    caller: Caller,
    Path(bridge): Path<Uuid>,
) -> Result<Response, ApiError> {
    let scope = super::system::allowed(&state, &caller).await?;
    if state.store.device_kind(bridge).await? != Some(DeviceKind::Bridge) {
        return Err(ApiError::NotFound);
    }
    let detail = bridge.to_string();
    let audit = bridge_audit(&caller, "retire bridge", &detail);
    if state.store.retire_bridge(bridge, audit, state.clock.now().utc).await? {
        state.announce(Change::Bridge(BridgeId(bridge)));
        return Ok(Redirect::to("/system").into_response());
    }
    let busy = "This bridge is connected, or facts still wait in it. Stop it once nothing waits in it, and try again.";
    let html = draw_bridge(&state, &caller, &scope, bridge, busy.to_owned()).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, html).into_response())
}

/// A robot that this person keeps.
async fn kept(state: &AppState, caller: &Caller, robot: Uuid) -> Result<(RobotRow, Scope), ApiError> {
    let scope = Scope::of(state, caller).await?;
    let row = state.store.robot(robot).await?;
    let row = row.filter(|row| scope.may(Action::KeepRobots, &About::Organisation(row.organisation_id)));
    Ok((row.ok_or(ApiError::NotFound)?, scope))
}

/// Schools and providers to which robots are lent by this person, mainstream schools first.
fn schools(scope: &Scope) -> Vec<(Uuid, String)> {
    let mut all: Vec<_> = scope
        .organisations()
        .filter(|row| row.kind != OrganisationKind::Authority.as_str())
        .filter(|row| scope.may(Action::KeepRobots, &About::Organisation(row.organisation_id)))
        .collect();
    all.sort_by_key(|row| (row.kind != OrganisationKind::School.as_str(), row.name.clone()));
    all.into_iter().map(|row| (row.organisation_id, row.name.clone())).collect()
}

fn robot_name(text: &str) -> Result<String, String> {
    let name = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(format!("Name: write a bird’s name, such as Robin, in at most {MAX_NAME} characters."));
    }
    Ok(name)
}

/// The id that was typed, or a new one.
fn machine_id(sent: &Sent) -> Result<Uuid, String> {
    match sent.get("id").map_or("", |id| id.trim()) {
        "" => Ok(Uuid::now_v7()),
        id => id
            .parse()
            .ok()
            .filter(|id: &Uuid| !id.is_nil() && !id.is_max())
            .ok_or_else(|| "Id: copy it whole from the machine’s settings, or leave it empty for a new one.".to_owned()),
    }
}

fn audit(caller: &Caller, action: &'static str, robot: Uuid) -> NewAudit<'static> {
    NewAudit { actor: Actor::Staff(caller.staff_id()), action, subject: Subject::Robot(robot), detail: None }
}

fn bridge_audit<'a>(caller: &Caller, action: &'static str, bridge: &'a str) -> NewAudit<'a> {
    NewAudit { actor: Actor::Staff(caller.staff_id()), action, subject: Subject::None, detail: Some(bridge) }
}

async fn draw_new(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    sent: &Sent,
    wrong: String,
) -> Result<Html<String>, ApiError> {
    let typed = |name: &str| sent.get(name).cloned().unwrap_or_default();
    let chosen = typed("school");
    let now = state.clock.now().utc;
    let retired = state.store.retired_robots(caller.staff_id()).await?;
    let since =
        |row: &RobotRow| row.retired_at.map_or_else(String::new, |at| view::full_date(scope.today(row.organisation_id, at)));
    page(&NewPage {
        frame: Frame::of(caller, scope, "Add a robot", "/robots", now),
        wrong,
        name: typed("name"),
        id: typed("id"),
        schools: schools(scope).into_iter().map(|(id, name)| (id.to_string(), name, id.to_string() == chosen)).collect(),
        retired: retired
            .into_iter()
            .map(|row| RetiredView { since: since(&row), id: row.robot_id, name: row.name, school: row.organisation_name })
            .collect(),
    })
}

async fn draw(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    row: &RobotRow,
    sent: &Sent,
    wrong: String,
) -> Result<Html<String>, ApiError> {
    let now = state.clock.now().utc;
    let rooms = state.store.rooms(row.organisation_id).await?;
    page(&SettingsPage {
        frame: Frame::of(caller, scope, format!("Settings of {}", row.name), "/robots", now),
        wrong,
        id: row.robot_id,
        name: row.name.clone(),
        typed: sent.get("name").unwrap_or(&row.name).clone(),
        school: row.organisation_name.clone(),
        school_id: row.organisation_id,
        room: fleet::room_of(row),
        rooms: rooms.into_iter().map(|room| (room.room_id, room.name)).collect(),
        was_heard: row.status_at.is_some(),
        retired: row.retired_at.map(|at| view::full_date(scope.today(row.organisation_id, at))),
        broker: Broker::of(state),
    })
}

async fn draw_bridge(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    bridge: Uuid,
    wrong: String,
) -> Result<Html<String>, ApiError> {
    let row = state.store.bridges().await?.into_iter().find(|row| row.bridge_id == bridge).ok_or(ApiError::NotFound)?;
    page(&BridgePage {
        frame: Frame::of(caller, scope, "Settings of a bridge", "/system", state.clock.now().utc),
        wrong,
        id: bridge,
        was_heard: row.status_at.is_some(),
        broker: Broker::of(state),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_whole_or_new() {
        let read = |id: &str| machine_id(&[("id".to_owned(), id.to_owned())].into());
        assert_ne!(read("").unwrap(), read("").unwrap());
        assert_eq!(read(" 00000000-0000-7000-8000-000000000001 ").unwrap(), Uuid::from_u128(0x7000_8000_0000_0000_0001));
        for id in ["robin", "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"] {
            assert!(read(id).is_err_and(|wrong| wrong.starts_with("Id:")), "{id}");
        }
    }
}
