//! Styles, modules and pictures, embedded in the binary.

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rust_embed::RustEmbed;

use crate::api::ApiError;

#[derive(RustEmbed)]
#[folder = "assets/"]
struct Assets;

/// `GET /assets/{*path}`: asked again each time, answered by 304 while it is the same.
pub async fn get(Path(path): Path<String>, headers: HeaderMap) -> Result<Response, ApiError> {
    let file = Assets::get(&path).ok_or(ApiError::NotFound)?;
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(file.metadata.sha256_hash()));
    let caching = [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, "no-cache".to_owned())];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, caching).into_response());
    }
    let kind = file.metadata.mimetype().to_owned();
    Ok((caching, [(header::CONTENT_TYPE, kind)], file.data).into_response())
}
