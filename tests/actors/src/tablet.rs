//! A pupil's tablet: pairs by keyword and PIN as the pages do, asks to go to class, and views by WHEP.

use reqwest::{Client, StatusCode};

use crate::peer::{Refusal, Viewer};
use crate::staff::browser;

/// What every tablet here is opened with.
pub const PIN: &str = "2580";

/// Paired and opened.
pub struct Tablet {
    client: Client,
    url: String,
}

/// What the server gives a tablet that goes to class.
#[derive(Clone, serde::Deserialize)]
pub struct Permit {
    /// Where to view.
    pub whep_url: String,
    /// The bearer token.
    pub token: String,
}

impl Tablet {
    /// Types the keyword, then chooses a PIN.
    pub async fn pair(url: &str, keyword: &str) -> Self {
        let tablet = Self { client: browser(), url: url.to_owned() };
        assert_eq!(tablet.post("/pair", &[("code", keyword)]).await, "/pin", "after the keyword");
        assert_eq!(tablet.post("/pin/choose", &[("pin", PIN), ("again", PIN)]).await, "/today", "after the PIN");
        tablet
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> String {
        let answer = self.client.post(format!("{}{path}", self.url)).form(form).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "POST {path}");
        answer.url().path().to_owned()
    }

    /// The permission to view, or the answer that refuses it.
    pub async fn permit(&self) -> Result<Permit, Refusal> {
        self.permit_at(&self.url).await
    }

    /// The same, of another replica of the server.
    pub async fn permit_at(&self, url: &str) -> Result<Permit, Refusal> {
        let away = |error: reqwest::Error| (StatusCode::BAD_GATEWAY, error.to_string());
        let answer = self.client.post(format!("{url}/class/join")).header("x-windowseat", "1").send().await.map_err(away)?;
        let status = answer.status();
        let body = answer.text().await.map_err(away)?;
        if status == StatusCode::OK { Ok(serde_json::from_str(&body).unwrap()) } else { Err((status, body)) }
    }

    /// Goes to class.
    pub async fn join(&self) -> Viewer {
        let permit = self.permit().await.unwrap();
        Viewer::open(&self.client, &self.whep_url(&permit), &permit.token).await.unwrap()
    }

    /// Its browser.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Where `permit` lets it view.
    pub fn whep_url(&self, permit: &Permit) -> String {
        if permit.whep_url.starts_with('/') { format!("{}{}", self.url, permit.whep_url) } else { permit.whep_url.clone() }
    }

    /// The page of the day.
    pub async fn today(&self) -> String {
        self.client.get(format!("{}/today", self.url)).send().await.unwrap().text().await.unwrap()
    }
}
