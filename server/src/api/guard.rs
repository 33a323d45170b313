//! What stands before and after every handler: who may pass, which sites may ask, and the headers of every answer.
//!
//! An unsafe method (anything but GET and HEAD) must come from our own pages, and for staff it must carry the token of the
//! person's own forms. A browser tells where a request comes from (`Sec-Fetch-Site`, `Origin`); what tells neither is no browser
//! and has only the token.

use askama::Template;
use axum::body::Body;
use axum::extract::{Form, FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;

use super::error::Problem;
use super::{Access, ApiError, auth};
use crate::AppState;
use crate::web::ErrorPage;

/// More than this is not even thrown away.
const MOST_THROWN_AWAY: usize = 64 * 1024 * 1024;

/// Lets a request through to its handler, or answers it.
pub async fn check(
    State((state, access, most_bytes)): State<(AppState, Access, usize)>,
    request: Request,
    next: Next,
) -> Response {
    match admit(&state, access, most_bytes, request).await {
        Ok(request) => next.run(request).await,
        Err(response) => response,
    }
}

async fn admit(state: &AppState, access: Access, most_bytes: usize, mut request: Request) -> Result<Request, Response> {
    let is_safe = request.method().is_safe();
    if !is_safe && !is_same_site(request.headers()) {
        return Err(
            ApiError::Forbidden("This request came from another site. Open the page here and try again.").into_response()
        );
    }
    let Access::SignedIn(roles) = access else { return Ok(request) };
    let Some(caller) = auth::caller(state, request.headers()).await.map_err(ApiError::into_response)? else {
        if is_safe && wants_page(request.headers()) {
            let then = request.uri().path_and_query().map_or("/", |path| path.as_str());
            return Err(Redirect::to(&crate::web::sign_in::address(then)).into_response());
        }
        return Err(ApiError::SignInFirst.into_response());
    };
    if !roles.iter().any(|role| caller.is(*role)) {
        return Err(
            ApiError::Forbidden("Your role does not include this page. Ask the coordinator if it should.").into_response()
        );
    }
    if !is_safe {
        let (given, whole) = form_token(request, most_bytes).await?;
        request = whole;
        if !auth::same_token(&given, &caller.csrf) {
            return Err(ApiError::Forbidden("This form is too old. Open the page again and repeat it.").into_response());
        }
    }
    request.extensions_mut().insert(caller);
    Ok(request)
}

/// The token of a form (field `csrf`) or a script (header `x-csrf`), and the request as it was.
async fn form_token(request: Request, most_bytes: usize) -> Result<(String, Request), Response> {
    if let Some(token) = request.headers().get("x-csrf").and_then(|token| token.to_str().ok()) {
        return Ok((token.to_owned(), request));
    }
    let (parts, body) = request.into_parts();
    let bytes = whole(body, most_bytes).await.map_err(ApiError::into_response)?;
    let copy = Request::from_parts(parts.clone(), Body::from(bytes.clone()));
    let token = match Form::<Vec<(String, String)>>::from_request(copy, &()).await {
        Ok(Form(fields)) => fields.into_iter().find(|(name, _)| name == "csrf").map(|(_, value)| value),
        Err(_) => None,
    };
    Ok((token.unwrap_or_default(), Request::from_parts(parts, Body::from(bytes))))
}

/// A body. One that is too large is read on and thrown away, as far as [`MOST_THROWN_AWAY`]: a browser that still sends when we close the
/// connection shows its own error instead of our answer.
async fn whole(body: Body, most_bytes: usize) -> Result<Bytes, ApiError> {
    let (mut stream, mut bytes, mut came) = (body.into_data_stream(), BytesMut::new(), 0_usize);
    while let Some(part) = stream.next().await {
        let part = part.map_err(|_| ApiError::BadRequest("The form did not arrive whole. Send it again."))?;
        came = came.saturating_add(part.len());
        if came <= most_bytes {
            bytes.extend_from_slice(&part);
        } else if came > MOST_THROWN_AWAY {
            break;
        } else {
            bytes = BytesMut::new();
        }
    }
    if came > most_bytes { Err(ApiError::TooLarge) } else { Ok(bytes.freeze()) }
}

/// Whether a request with effects comes from our own pages, as far as the browser says.
#[must_use]
pub fn is_same_site(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let origin = origin.to_str().unwrap_or_default();
    !host.is_empty() && (origin.strip_prefix("https://") == Some(host) || origin.strip_prefix("http://") == Some(host))
}

fn wants_page(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}

/// What is not in the table.
pub async fn no_such_page() -> ApiError {
    ApiError::NotFound
}

/// The headers of every answer; and a page instead of a problem document for a browser that asked for a page.
pub async fn headers(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let wants_page = wants_page(request.headers());
    let mut response = next.run(request).await;
    if wants_page && let Some(problem) = response.extensions().get::<Problem>().cloned() {
        response = problem_page(&problem);
    }
    let is_page = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let policy = content_policy(&if is_page { bridge_origins(&state).await } else { Vec::new() });
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_str(&policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'")),
    );
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

const FIXED: [(header::HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // Not "no-referrer": browsers would then hide the origin of our own forms from us.
    (header::REFERRER_POLICY, "same-origin"),
    (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::HeaderName::from_static("permissions-policy"), "camera=(), microphone=(self), geolocation=(), display-capture=()"),
];

fn content_policy(bridges: &[String]) -> String {
    let connect = bridges.iter().fold(String::from("'self'"), |all, origin| all + " " + origin);
    format!(
        "default-src 'self'; connect-src {connect}; img-src 'self' data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; \
         frame-ancestors 'none'"
    )
}

/// Origins of bridges that pupils' pages talk to on another origin than ours.
async fn bridge_origins(state: &AppState) -> Vec<String> {
    let addresses = state.store.bridge_addresses().await.unwrap_or_default();
    addresses.iter().filter_map(|address| origin_of(address)).collect()
}

/// `https://host[:port]` of an address, if it is one and holds nothing that could end the policy's word.
fn origin_of(base: &str) -> Option<String> {
    let (scheme, rest) = base.split_once("://")?;
    let host = rest.split('/').next().filter(|host| !host.is_empty())?;
    let is_plain = host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']'));
    (matches!(scheme, "http" | "https") && is_plain).then(|| format!("{scheme}://{host}"))
}

fn problem_page(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match ErrorPage::new(problem).render() {
        Ok(page) => (status, Html(page)).into_response(),
        Err(error) => {
            tracing::error!(error = %error, "the error page cannot be drawn");
            status.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(headers: &[(&'static str, &'static str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_static(value));
        }
        is_same_site(&map)
    }

    #[test]
    fn only_our_own_pages_and_what_is_no_browser_may_change_something() {
        assert!(from(&[("sec-fetch-site", "same-origin"), ("origin", "https://a.example")]));
        assert!(!from(&[("sec-fetch-site", "same-site")]));
        assert!(!from(&[("sec-fetch-site", "cross-site")]));
        assert!(from(&[("origin", "https://a.example:8443"), ("host", "a.example:8443")]));
        assert!(!from(&[("origin", "https://a.example"), ("host", "b.example")]));
        assert!(!from(&[("origin", "null"), ("host", "b.example")]));
        assert!(from(&[("host", "b.example")]));
    }

    #[test]
    fn a_bridge_address_becomes_an_origin_or_nothing() {
        assert_eq!(origin_of("https://bridge.example:8443/base").as_deref(), Some("https://bridge.example:8443"));
        assert_eq!(origin_of(""), None);
        assert_eq!(origin_of("https://a; script-src *"), None);
        assert_eq!(origin_of("javascript://a"), None);
    }
}
