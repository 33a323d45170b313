//! WHIP, the client's side (RFC 9725): one POST with the offer, one DELETE at the end. The token is sent and never logged.

use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, LOCATION};
use reqwest::{Client, StatusCode, Url};

use crate::config::Config;

const SDP: &str = "application/sdp";
/// A longer answer is not read.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(10);

/// Why the bridge did not take the offer.
#[derive(Debug, thiserror::Error)]
pub(super) enum WhipError {
    /// The permission is no use.
    #[error("the bridge refused the permission ({0})")]
    Refused(StatusCode),
    /// Something else is not as it should be; later may be better.
    #[error("the bridge answered {0}")]
    Status(StatusCode),
    /// The answer is not one.
    #[error("the bridge's answer cannot be used: {0}")]
    Answer(&'static str),
    /// It cannot be reached.
    #[error("the bridge cannot be reached")]
    Http(#[from] reqwest::Error),
}

/// What a successful POST gives.
pub(super) struct Published {
    pub answer: String,
    pub resource: Url,
}

/// The client that every request uses.
pub(crate) fn client(config: &Config) -> anyhow::Result<Client> {
    use anyhow::Context;
    // A connection of before may be one of a network that is gone; requests are rare.
    let mut builder = Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(TIMEOUT).pool_max_idle_per_host(0).no_proxy();
    if let Some(path) = &config.ca_file {
        let pem = std::fs::read(path).with_context(|| format!("cannot read ca_file {}: check the path", path.display()))?;
        let authorities = reqwest::Certificate::from_pem_bundle(&pem)
            .with_context(|| format!("ca_file {} is no certificate in PEM", path.display()))?;
        builder = builder.tls_certs_merge(authorities);
    }
    builder.build().context("cannot prepare HTTPS")
}

pub(super) async fn publish(client: &Client, endpoint: &Url, token: &str, offer: String) -> Result<Published, WhipError> {
    let request = client.post(endpoint.clone()).bearer_auth(token).header(CONTENT_TYPE, SDP).header(ACCEPT, SDP).body(offer);
    let mut response = request.send().await?;
    match response.status() {
        StatusCode::CREATED => {}
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => return Err(WhipError::Refused(status)),
        status => return Err(WhipError::Status(status)),
    }
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let resource = location
        .and_then(|location| response.url().join(&location).ok())
        .filter(|resource| resource.origin() == response.url().origin())
        .ok_or(WhipError::Answer("it names no resource on the same server"))?;
    let mut answer = Vec::new();
    while let Some(part) = response.chunk().await? {
        answer.extend_from_slice(&part);
        if answer.len() > MAX_ANSWER_BYTES {
            return Err(WhipError::Answer("it is too long"));
        }
    }
    let answer = String::from_utf8(answer).map_err(|_| WhipError::Answer("it is not text"))?;
    Ok(Published { answer, resource })
}

/// Ends the publication. If it fails, the bridge finds out by itself.
pub(super) async fn end(client: &Client, resource: Url, token: &str) {
    if let Err(error) = client.delete(resource).bearer_auth(token).timeout(Duration::from_millis(900)).send().await {
        tracing::debug!(error = %error.without_url(), "the bridge did not hear that the robot leaves");
    }
}
