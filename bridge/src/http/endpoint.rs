//! What WHIP and WHEP endpoints have in common: the checks before an offer is looked at, in an order that spends little on strangers,
//! and the shape of `201 Created`.

use std::sync::Arc;

use aws_lc_rs::digest;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::{Act, Grant, RobotId};
use tokio::sync::OwnedSemaphorePermit;

use crate::driver::Resource;

use super::{MAX_BODY_BYTES, Problem, Shared, bearer, is_type};

pub(super) const SDP: &str = "application/sdp";
pub(super) const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// An offer that may be answered.
pub(super) struct Offered {
    pub grant: Grant,
    pub sdp: String,
    pub holder: [u8; 32],
    /// Held until the offer is answered.
    pub _place: OwnedSemaphorePermit,
}

/// Reads a path segment as a robot.
pub(super) fn robot(text: &str) -> Result<RobotId, Problem> {
    text.parse().map_err(|_| Problem::no_robot())
}

/// Token, type, rate, size: everything that can be refused before the offer itself.
pub(super) async fn offered(shared: &Arc<Shared>, robot: RobotId, act: Act, request: Request) -> Result<Offered, Problem> {
    let (parts, body) = request.into_parts();
    let grant = shared.grant(&parts.headers, robot, act)?;
    let holder = holder(&parts.headers)?;
    if !is_type(&parts.headers, SDP) {
        return Err(Problem::type_of_body(SDP));
    }
    if !accepts(&parts.headers, SDP) {
        return Err(Problem::accept(SDP));
    }
    shared.within_rate(robot)?;
    let place = Arc::clone(&shared.offers).try_acquire_owned().map_err(|_| Problem::busy())?;
    let sdp = text(&parts.headers, body).await?;
    Ok(Offered { grant, sdp, holder, _place: place })
}

/// Digest of the token: enough to recognise its holder, useless to anyone else.
pub(super) fn holder(headers: &HeaderMap) -> Result<[u8; 32], Problem> {
    let digest = digest::digest(&digest::SHA256, bearer(headers)?.as_bytes());
    let mut holder = [0; 32];
    holder.copy_from_slice(digest.as_ref());
    Ok(holder)
}

/// The body as text, within its bound.
pub(super) async fn text(headers: &HeaderMap, body: Body) -> Result<String, Problem> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > MAX_BODY_BYTES) {
        return Err(Problem::too_large());
    }
    let bytes = axum::body::to_bytes(body, MAX_BODY_BYTES).await.map_err(|error| {
        // The only errors: over the limit, or the connection broke.
        if std::error::Error::source(&error).is_some_and(|source| source.to_string().contains("length limit")) {
            Problem::too_large()
        } else {
            Problem::not_text()
        }
    })?;
    String::from_utf8(bytes.into()).map_err(|_| Problem::not_text())
}

/// `201 Created` with everything RFC 9725 asks for.
pub(super) fn created(shared: &Shared, base: &str, resource: &Resource, sdp: String) -> Response {
    let mut response = (StatusCode::CREATED, [(header::CONTENT_TYPE, SDP)], sdp).into_response();
    let headers = response.headers_mut();
    let location = format!("/{base}/{}/{}", resource.robot, resource.id);
    headers.insert(header::LOCATION, HeaderValue::from_str(&location).expect("ids are ASCII"));
    headers.insert(header::ETAG, etag(resource.etag));
    headers.insert("accept-patch", HeaderValue::from_static(FRAGMENT));
    for link in &shared.links {
        headers.append(header::LINK, link.clone());
    }
    response
}

/// A strong entity tag.
pub(super) fn etag(tag: uuid::Uuid) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{}\"", tag.simple())).expect("hexadecimal digits")
}

/// Whether `Accept`, if there is one, allows `kind`.
fn accepts(headers: &HeaderMap, kind: &str) -> bool {
    let mut values = headers.get_all(header::ACCEPT).iter().peekable();
    let group = format!("{}/*", kind.split('/').next().unwrap_or_default());
    values.peek().is_none()
        || values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|range| {
            let range = range.split(';').next().unwrap_or_default().trim();
            range == "*/*" || range.eq_ignore_ascii_case(&group) || range.eq_ignore_ascii_case(kind)
        })
}
