//! The class page, the permission to connect, and leaving.
//!
//! The visit itself is between the tablet and the bridge. Joining gives a fresh permission each time, also when a tablet comes back
//! after an interruption; leaving only sends the pupil home, for the page has told the bridge already.

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{Html, Redirect};
use chrono::{DateTime, Utc};
use protocol::{DeviceId, PlacementId};
use serde::Serialize;
use server_core::placement::JoinRefusal;
use store::audit::{Actor, NewAudit, Subject};

use super::day::DayView;
use super::tablet::{Opened, SCRIPT_HEADER};
use super::today::{Day, day_of};
use crate::AppState;
use crate::api::ApiError;
use crate::dispatch::{self, JoinError, JoinGrant};

#[derive(Template)]
#[template(path = "pupil/class.html")]
struct ClassPage {
    view: DayView,
    zone: String,
}

/// A permission, and what the page shows about the lesson. No `Debug`: it holds the token.
#[derive(Serialize)]
pub struct JoinView {
    #[serde(flatten)]
    grant: JoinGrant,
    /// The server's time: a tablet's clock may be wrong, the clock beside the last picture must not.
    now: DateTime<Utc>,
    lesson: String,
    room: String,
}

/// `GET /class`
pub async fn page(State(state): State<AppState>, Opened(tablet): Opened) -> Result<Html<String>, ApiError> {
    let Day { view, zone, .. } = day_of(&state, tablet.placement_id).await?;
    Ok(Html(ClassPage { view, zone }.render()?))
}

/// `POST /class/join`
pub async fn join(
    State(state): State<AppState>,
    headers: HeaderMap,
    Opened(tablet): Opened,
) -> Result<Json<JoinView>, ApiError> {
    // A form of another site can be sent by a browser, a header of ours cannot.
    if !headers.contains_key(SCRIPT_HEADER) {
        return Err(ApiError::Forbidden("Go to class from the page of your day."));
    }
    let day = day_of(&state, tablet.placement_id).await?;
    let grant =
        dispatch::view_grant(&state, PlacementId(tablet.placement_id), DeviceId(tablet.tablet_id)).await.map_err(refused)?;
    let now = state.clock.now().utc;
    let (actor, subject) = (Actor::Tablet(tablet.tablet_id), Subject::Placement(tablet.placement_id));
    state.store.append_audit(NewAudit { actor, action: "go to class", subject, detail: None }, now).await?;
    if let Some(start) = day.lesson_start {
        state.store.take_back_rest(tablet.placement_id, start).await?;
    }
    Ok(Json(JoinView { grant, now, lesson: day.view.class.title, room: day.view.class.room }))
}

/// `POST /class/leave`
pub async fn leave(Opened(_): Opened) -> Redirect {
    Redirect::to("/today?said=left")
}

/// The words of each refusal. 503: the page tries again by itself; 409: only another time of day helps.
fn refused(error: JoinError) -> ApiError {
    match error {
        JoinError::Refused(refusal) => match refusal {
            JoinRefusal::NoRobot => ApiError::Conflict("There is no robot for you yet. Ask your key worker when it comes."),
            JoinRefusal::OutsidePlacement => {
                ApiError::Conflict("Your time with this robot is over. Ask your key worker what comes next.")
            }
            JoinRefusal::NoSchoolToday => ApiError::Conflict("There is no school today."),
            JoinRefusal::NotNow { from: Some(_) } => ApiError::Conflict("School has not begun yet. Come back a little later."),
            JoinRefusal::NotNow { from: None } => ApiError::Conflict("School is over for today."),
            JoinRefusal::RobotStaysOut { .. } => ApiError::Conflict("The robot stays out of this lesson. Time for a break."),
            JoinRefusal::Paused => {
                ApiError::Unavailable("The robot is paused. Teachers can do this at any time, for many reasons.")
            }
            JoinRefusal::RobotOff => {
                ApiError::Unavailable("The robot is switched off in school. You don’t need to do anything.")
            }
            JoinRefusal::RobotGone => {
                ApiError::Unavailable("The school’s side is not connected. You don’t need to do anything.")
            }
            JoinRefusal::NoBridge => {
                ApiError::Unavailable("The school’s side is not connected yet. You don’t need to do anything.")
            }
        },
        JoinError::NoPlacement => ApiError::NotFound,
        other => ApiError::Internal(other.into()),
    }
}
