//! One error type for every handler, and its one way out.
//!
//! Leaves as problem+json (RFC 9457). [`super::guard::headers`] turns it into a page for a browser that asked for one.
//! A caller gets a sentence that says what to do; what went wrong inside goes to the log, once, here.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use store::StoreError;

/// Why a request was not answered as asked.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Not there, or not theirs to see: the same answer for both.
    #[error("There is nothing here")]
    NotFound,
    /// Nobody is signed in.
    #[error("Please sign in")]
    SignInFirst,
    /// Signed in, but this is not theirs to do.
    #[error("This is not yours to do")]
    Forbidden(&'static str),
    /// The request itself is wrong.
    #[error("That did not work")]
    BadRequest(&'static str),
    /// More than is taken here.
    #[error("That is too much at once")]
    TooLarge,
    /// It no longer fits what is there.
    #[error("Something changed meanwhile")]
    Conflict(&'static str),
    /// A part that is needed is away.
    #[error("Not just now")]
    Unavailable(&'static str),
    /// Our fault.
    #[error("Something went wrong")]
    Internal(#[from] anyhow::Error),
}

/// What a page needs to show an error; travels in the response's extensions.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    /// `about:blank`: the status says what kind it is.
    pub r#type: &'static str,
    /// A few words.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What to do.
    pub detail: &'static str,
}

impl ApiError {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::SignInFirst => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn detail(&self) -> &'static str {
        match self {
            Self::NotFound => "The address may be wrong, or the page is not yours to see.",
            Self::SignInFirst => "You were signed out, or you have not signed in yet.",
            Self::TooLarge => "The file or text is larger than this page takes. Go back, and send it in smaller parts.",
            Self::Forbidden(detail) | Self::BadRequest(detail) | Self::Conflict(detail) | Self::Unavailable(detail) => detail,
            Self::Internal(_) => "It is our fault, not yours. Try again in a minute.",
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.into())
    }
}

impl From<askama::Error> for ApiError {
    fn from(error: askama::Error) -> Self {
        Self::Internal(error.into())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Self::Internal(error) = &self {
            tracing::error!(error = format!("{error:#}"), "a request failed");
        }
        let problem =
            Problem { r#type: "about:blank", title: self.to_string(), status: self.status().as_u16(), detail: self.detail() };
        let mut response = (self.status(), Json(problem.clone())).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response.extensions_mut().insert(problem);
        response
    }
}
