//! `/whep/{robot}`: a pupil, or a plain viewer, receives the classroom. WHIP's twin; the offer may also send sound and open the
//! control channel, and it is refused while someone else has the robot.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderName, Method};
use axum::response::{IntoResponse, Response};
use bridge_core::grant::ViewPermit;
use protocol::{Act, RobotId};

use crate::media::Talk;

use super::endpoint::{self, Offered};
use super::{Problem, Shared, method_not_allowed, options};

const BASE: &str = "whep";

pub(super) async fn endpoint(State(shared): State<Arc<Shared>>, Path(robot): Path<String>, request: Request) -> Response {
    match *request.method() {
        Method::POST => view(shared, &robot, request).await.unwrap_or_else(IntoResponse::into_response),
        Method::OPTIONS => options("POST, OPTIONS", (HeaderName::from_static("accept-post"), endpoint::SDP)),
        _ => method_not_allowed("POST, OPTIONS"),
    }
}

pub(super) async fn resource(
    State(shared): State<Arc<Shared>>,
    Path((robot, id)): Path<(String, String)>,
    request: Request,
) -> Response {
    super::resource::answer(&shared, Act::View, &robot, &id, request).await
}

async fn view(shared: Arc<Shared>, robot: &str, request: Request) -> Result<Response, Problem> {
    let robot = endpoint::robot(robot)?;
    let offered = endpoint::offered(&shared, robot, Act::View, request).await?;
    let tracker = shared.tracker.clone();
    tracker.spawn(answer(shared, robot, offered)).await.map_err(|_| Problem::busy())?
}

async fn answer(shared: Arc<Shared>, robot: RobotId, offered: Offered) -> Result<Response, Problem> {
    let permit = ViewPermit::from_grant(shared.now(), &offered.grant)?;
    let admission = shared.driver.admit(permit).await??;
    let talk = if permit.talk { Talk::Forward } else { Talk::Refuse };
    let answer = match shared.engine.subscribe(robot, offered.sdp, talk).await {
        Ok(answer) => answer,
        Err(error) => {
            shared.driver.abandon(admission);
            return Err(error.into());
        }
    };
    let leg = answer.leg;
    let resource = shared.driver.joined(admission, leg, offered.holder).await.inspect_err(|_| shared.engine.close(leg))??;
    tracing::info!(robot.id = %robot, session.id = %admission.session, media.leg = %leg, "a viewer's offer was answered");
    Ok(endpoint::created(&shared, BASE, &resource, answer.sdp))
}
