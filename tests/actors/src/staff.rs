//! A member of staff at a browser: signs in by the form, reads pages and the API.

use reqwest::{Client, StatusCode};

/// Signed in.
pub struct Staff {
    client: Client,
    url: String,
}

/// A browser with a cookie jar that accepts the certificate made here.
pub fn browser() -> Client {
    Client::builder()
        .cookie_store(true)
        .danger_accept_invalid_certs(true)
        .timeout(std::time::Duration::from_secs(10))
        .build()
        .unwrap()
}

impl Staff {
    /// Fills in the form at `/sign-in`.
    pub async fn sign_in(url: &str, email: &str, password: &str) -> Self {
        let client = browser();
        let page = client.get(format!("{url}/sign-in")).send().await.unwrap().text().await.unwrap();
        let form = [("email", email), ("password", password), ("csrf", &hidden(&page, "csrf"))];
        let answer = client.post(format!("{url}/sign-in")).form(&form).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "signing in");
        assert!(!answer.url().path().contains("sign-in"), "still at the door after signing in");
        Self { client, url: url.to_owned() }
    }

    /// The page at `path`.
    pub async fn page(&self, path: &str) -> String {
        let answer = self.client.get(format!("{}{path}", self.url)).header("accept", "text/html").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "GET {path}");
        answer.text().await.unwrap()
    }

    /// What the API answers at `path`.
    pub async fn json(&self, path: &str) -> serde_json::Value {
        let answer = self.client.get(format!("{}{path}", self.url)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "GET {path}");
        answer.json().await.unwrap()
    }

    /// Sends the form of the page at `path` to the same address, and returns the page that follows.
    pub async fn submit(&self, path: &str) -> String {
        let csrf = hidden(&self.page(path).await, "csrf");
        let answer = self.client.post(format!("{}{path}", self.url)).form(&[("csrf", csrf)]).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "POST {path}");
        answer.text().await.unwrap()
    }
}

/// The value of the hidden field `name` of a form.
pub fn hidden(page: &str, name: &str) -> String {
    let field = page.split('<').find(|tag| tag.starts_with("input") && tag.contains(&format!("name=\"{name}\"")));
    let value = field.and_then(|tag| tag.split("value=\"").nth(1)).and_then(|rest| rest.split('"').next());
    value.unwrap_or_else(|| panic!("no field {name} in the page: {page}")).to_owned()
}
