//! "Connect a camera": a coordinator gets the address and a permission with which any WHIP client can be a robot's camera.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Html;
use protocol::RobotId;
use server_core::access::Action;
use store::audit::{Actor, NewAudit, Subject};
use uuid::Uuid;

use super::{Frame, page, view};
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope;
use crate::{AppState, dispatch};

#[derive(Template)]
#[template(path = "staff/camera.html")]
struct CameraPage {
    frame: Frame,
    robot_id: Uuid,
    robot_name: String,
    whip_url: String,
    token: String,
    until: String,
}

/// `POST /robots/{robot}/camera`
pub async fn grant(State(state): State<AppState>, caller: Caller, Path(robot): Path<Uuid>) -> Result<Html<String>, ApiError> {
    let (row, scope) = scope::robot(&state, &caller, robot, Action::ConnectCamera).await?;
    let now = state.clock.now().utc;
    let entry = NewAudit {
        actor: Actor::Staff(caller.staff_id()),
        action: "connect camera",
        subject: Subject::Robot(robot),
        detail: None,
    };
    state.store.append_audit(entry, now).await?;
    let grant = dispatch::camera_grant(&state, RobotId(robot)).await?;
    let grant = grant.ok_or(ApiError::Unavailable("No bridge is connected just now. Try again when one is."))?;
    page(&CameraPage {
        frame: Frame::of(&caller, &scope, "Connect a camera", "/robots", now),
        robot_id: robot,
        robot_name: row.name,
        whip_url: grant.whip_url,
        token: grant.token,
        until: view::moment(grant.expires_at, now, scope.zone(row.organisation_id)),
    })
}
