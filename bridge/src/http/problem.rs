//! Errors as RFC 9457 problem documents: a status, a name that programs can compare, and one sentence that says what to do.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bridge_core::grant::GrantRule;
use bridge_core::offer::OfferError;
use bridge_core::roster::Refusal;
use serde::Serialize;

use crate::driver::DriverError;
use crate::media::MediaError;

use super::MAX_BODY_BYTES;

/// One error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    name: &'static str,
    detail: String,
    retry_after_s: Option<u32>,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
}

impl Problem {
    fn new(status: StatusCode, name: &'static str, detail: impl Into<String>) -> Self {
        Self { status, name, detail: detail.into(), retry_after_s: None }
    }

    fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }

    pub(super) fn no_token() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "no-permission",
            "send the permission that the server gave you as `Authorization: Bearer …`",
        )
    }

    pub(super) fn unauthorised(detail: String) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "permission-refused", detail)
    }

    pub(super) fn forbidden(detail: String) -> Self {
        Self::new(StatusCode::FORBIDDEN, "permission-elsewhere", detail)
    }

    pub(super) fn not_holder() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "not-yours",
            "this connection was made with another permission: use the one it was made with",
        )
    }

    pub(super) fn no_robot() -> Self {
        Self::new(StatusCode::NOT_FOUND, "no-such-address", "the address names no robot: use the one that the server gave you")
    }

    pub(super) fn gone() -> Self {
        Self::new(StatusCode::NOT_FOUND, "connection-over", "this connection is over: make a new one with POST")
    }

    pub(super) fn method(allowed: &str) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method", format!("this address takes {allowed}"))
    }

    pub(super) fn type_of_body(wanted: &str) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content-type", format!("send the body as `Content-Type: {wanted}`"))
    }

    pub(super) fn accept(offered: &str) -> Self {
        Self::new(StatusCode::NOT_ACCEPTABLE, "accept", format!("the answer is {offered}: accept that type"))
    }

    pub(super) fn too_large() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            format!("the body is too long: send at most {MAX_BODY_BYTES} bytes"),
        )
    }

    pub(super) fn not_text() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "not-text", "the body broke off or is not UTF-8: send the SDP text as it is")
    }

    pub(super) fn no_precondition() -> Self {
        let detail = "send `If-Match` with the ETag of this connection, or `*` to restart ICE";
        Self::new(StatusCode::PRECONDITION_REQUIRED, "no-if-match", detail)
    }

    pub(super) fn other_ice_session() -> Self {
        let detail = "the ETag is of an earlier ICE session: use the newest one";
        Self::new(StatusCode::PRECONDITION_FAILED, "old-etag", detail)
    }

    pub(super) fn too_often() -> Self {
        let detail = "there were too many offers for this robot in the last minute: please wait a little";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too-often", detail).retry_after(20)
    }

    pub(super) fn busy() -> Self {
        let detail = "the bridge is answering as many offers as it can: please try again in a second";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail).retry_after(1)
    }

    pub(super) fn too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "too-slow", "the request took too long: please try again").retry_after(1)
    }
}

impl From<GrantRule> for Problem {
    fn from(rule: GrantRule) -> Self {
        match rule {
            GrantRule::Over => Self::unauthorised(rule.to_string()),
            GrantRule::NoPlacement | GrantRule::OtherAct => Self::forbidden(rule.to_string()),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::InUse => Self::new(StatusCode::CONFLICT, "robot-in-use", detail),
            Refusal::RobotAway => Self::new(StatusCode::CONFLICT, "robot-away", detail).retry_after(2),
            Refusal::Withdrawn => Self::new(StatusCode::FORBIDDEN, "permission-withdrawn", detail),
            Refusal::Over => Self::new(StatusCode::CONFLICT, "visit-over", detail).retry_after(1),
            Refusal::Draining => Self::new(StatusCode::SERVICE_UNAVAILABLE, "draining", detail).retry_after(2),
            Refusal::Overloaded => Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail).retry_after(30),
            Refusal::Full => Self::new(StatusCode::SERVICE_UNAVAILABLE, "full", detail).retry_after(30),
        }
    }
}

impl From<DriverError> for Problem {
    fn from(error: DriverError) -> Self {
        let retry_after_s = if error == DriverError::Busy { 2 } else { 30 };
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", error.to_string()).retry_after(retry_after_s)
    }
}

impl From<MediaError> for Problem {
    fn from(error: MediaError) -> Self {
        let detail = error.to_string();
        match error {
            MediaError::Offer(offer) => Self::from(offer),
            MediaError::Gone => Self::gone(),
            MediaError::Full => Self::new(StatusCode::SERVICE_UNAVAILABLE, "full", detail).retry_after(30),
            MediaError::Busy => Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail).retry_after(1),
            MediaError::Stopped | MediaError::Bind { .. } | MediaError::Start { .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", detail).retry_after(30)
            }
        }
    }
}

impl From<OfferError> for Problem {
    /// What is no SDP is a bad request; SDP that this bridge cannot serve is understood but unprocessable.
    fn from(error: OfferError) -> Self {
        let detail = error.to_string();
        match error {
            OfferError::TooLarge(_) => Self::too_large(),
            OfferError::NotSdp(_) => Self::new(StatusCode::BAD_REQUEST, "not-sdp", detail),
            _ => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "offer", detail),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body {
            r#type: format!("urn:windowseat:problem:{}", self.name),
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
        };
        let text = serde_json::to_string(&body).expect("texts and numbers");
        let mut response = (self.status, [(header::CONTENT_TYPE, "application/problem+json")], text).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
