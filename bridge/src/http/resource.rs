//! The address in `Location`: trickle and restart ICE with `PATCH`, leave with `DELETE`.
//!
//! It is unguessable, and still asks for the token: the one it was made with, also after that has expired (leaving must always
//! work), or a newer grant for the same.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::Act;
use uuid::Uuid;

use crate::driver::Resource;

use super::endpoint::{self, FRAGMENT};
use super::{Problem, Shared, is_type, method_not_allowed, options};

const METHODS: &str = "PATCH, DELETE, OPTIONS";

pub(super) async fn answer(shared: &Arc<Shared>, act: Act, robot: &str, id: &str, request: Request) -> Response {
    let answer = match *request.method() {
        Method::PATCH => patch(shared, act, robot, id, request).await,
        Method::DELETE => leave(shared, act, robot, id, request.headers()).await,
        Method::OPTIONS => return options(METHODS, (HeaderName::from_static("accept-patch"), FRAGMENT)),
        _ => return method_not_allowed(METHODS),
    };
    answer.unwrap_or_else(IntoResponse::into_response)
}

/// RFC 9725 §4.3: candidates are answered 204, new credentials are a restart and answered 200 with a fragment and a new entity tag.
async fn patch(shared: &Arc<Shared>, act: Act, robot: &str, id: &str, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let resource = find(shared, act, robot, id, &parts.headers).await?;
    if !is_type(&parts.headers, FRAGMENT) {
        return Err(Problem::type_of_body(FRAGMENT));
    }
    let condition = parts.headers.get(header::IF_MATCH).ok_or_else(Problem::no_precondition)?;
    if condition != "*" && condition != endpoint::etag(resource.etag) {
        return Err(Problem::other_ice_session());
    }
    let fragment = endpoint::text(&parts.headers, body).await?;
    let (task, tracker) = (Arc::clone(shared), shared.tracker.clone());
    let restart = async move {
        let Some(answer) = task.engine.trickle(resource.leg, fragment).await? else { return Ok(None) };
        let etag = task.driver.restarted(resource.id).await?.ok_or_else(Problem::gone)?;
        Ok::<_, Problem>(Some((answer, etag)))
    };
    Ok(match tracker.spawn(restart).await.map_err(|_| Problem::busy())?? {
        None => StatusCode::NO_CONTENT.into_response(),
        Some((fragment, etag)) => {
            let mut response = (StatusCode::OK, [(header::CONTENT_TYPE, FRAGMENT)], fragment).into_response();
            response.headers_mut().insert(header::ETAG, endpoint::etag(etag));
            response
        }
    })
}

async fn leave(shared: &Arc<Shared>, act: Act, robot: &str, id: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let resource = find(shared, act, robot, id, headers).await?;
    if shared.driver.leave(resource.id).await? { Ok(StatusCode::OK.into_response()) } else { Err(Problem::gone()) }
}

/// The resource, if it is there and the caller is its holder.
async fn find(shared: &Shared, act: Act, robot: &str, id: &str, headers: &HeaderMap) -> Result<Resource, Problem> {
    let robot = endpoint::robot(robot)?;
    let holder = endpoint::holder(headers)?;
    let id: Uuid = id.parse().map_err(|_| Problem::gone())?;
    let found = shared.driver.find(id).await?.filter(|resource| resource.robot == robot && resource.act == act);
    let resource = found.ok_or_else(Problem::gone)?;
    if verify_slices_are_equal(&holder, &resource.holder).is_ok() {
        return Ok(resource);
    }
    let grant = shared.grant(headers, robot, act)?;
    if grant.placement == resource.placement { Ok(resource) } else { Err(Problem::not_holder()) }
}
