//! `/whip/{robot}`: a robot, or a camera that speaks WHIP, publishes the classroom.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderName, Method};
use axum::response::{IntoResponse, Response};
use bridge_core::grant::PublishPermit;
use protocol::{Act, RobotId};

use super::endpoint::{self, Offered};
use super::{Problem, Shared, method_not_allowed, options};

const BASE: &str = "whip";

pub(super) async fn endpoint(State(shared): State<Arc<Shared>>, Path(robot): Path<String>, request: Request) -> Response {
    match *request.method() {
        Method::POST => publish(shared, &robot, request).await.unwrap_or_else(IntoResponse::into_response),
        Method::OPTIONS => options("POST, OPTIONS", (HeaderName::from_static("accept-post"), endpoint::SDP)),
        _ => method_not_allowed("POST, OPTIONS"),
    }
}

pub(super) async fn resource(
    State(shared): State<Arc<Shared>>,
    Path((robot, id)): Path<(String, String)>,
    request: Request,
) -> Response {
    super::resource::answer(&shared, Act::Publish, &robot, &id, request).await
}

async fn publish(shared: Arc<Shared>, robot: &str, request: Request) -> Result<Response, Problem> {
    let robot = endpoint::robot(robot)?;
    let offered = endpoint::offered(&shared, robot, Act::Publish, request).await?;
    let tracker = shared.tracker.clone();
    // On a task of its own: a client that hangs up half way leaves no leg that nobody knows.
    tracker.spawn(answer(shared, robot, offered)).await.map_err(|_| Problem::busy())?
}

async fn answer(shared: Arc<Shared>, robot: RobotId, offered: Offered) -> Result<Response, Problem> {
    let permit = PublishPermit::from_grant(shared.now(), &offered.grant)?;
    shared.driver.may_publish(robot).await??;
    let answer = shared.engine.publish(robot, offered.sdp).await?;
    let leg = answer.leg;
    let resource = shared.driver.published(permit, leg, offered.holder).await.inspect_err(|_| shared.engine.close(leg))??;
    tracing::info!(robot.id = %robot, media.leg = %leg, "a publisher's offer was answered");
    Ok(endpoint::created(&shared, BASE, &resource, answer.sdp))
}
