//! The first page: the coordinator's day; everybody else goes straight to their own page.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use server_core::access::{Action, Role};

use super::fleet::{self, Asked, Fleet, RobotView, Robots};
use super::view::Pages;
use super::{Frame, page, view};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::Scope;

#[derive(Template)]
#[template(path = "staff/home.html")]
struct HomePage {
    frame: Frame,
    today: String,
    fleet: Fleet,
    robots: Vec<RobotView>,
    pages: Pages,
}

/// `GET /`
pub async fn show(State(state): State<AppState>, caller: Caller) -> Result<Response, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    if !scope.may_somewhere(Action::SeeFleet) {
        let own = [
            (Role::KeyWorker, "/pupils"),
            (Role::SchoolLead, "/pupils"),
            (Role::ClassroomStaff, "/moves"),
            (Role::Auditor, "/audit"),
        ];
        let (_, address) = own.into_iter().find(|(role, _)| caller.is(*role)).ok_or(ApiError::NotFound)?;
        return Ok(Redirect::to(address).into_response());
    }
    let now = state.clock.now().utc;
    let Robots { robots, pages } = fleet::robots(&state, &caller, &scope, &Asked::default(), now).await?;
    let fleet = fleet::overview(&state, &caller, &scope, now).await?;
    let today = view::day(now, scope.own_zone());
    let frame = Frame::of(&caller, &scope, "Today", "/", now);
    Ok(page(&HomePage { frame, today, fleet, robots, pages })?.into_response())
}
