//! Signing in, staying in, and what other sites and guessers get.

use chrono::TimeDelta;
use reqwest::{Method, StatusCode};
use server::demo::ids;

use crate::harness::{PASSWORD, World, email, hidden};

#[tokio::test(flavor = "multi_thread")]
async fn five_wrong_passwords_then_even_the_right_one_waits() {
    let world = World::start().await;
    // An account that nobody has behaves the same.
    for who in [email("key worker"), "nobody@fennshire.example".to_owned()] {
        let browser = world.nobody();
        for n in 1..=5 {
            let answer = browser.try_sign_in(&who, "wrong").await;
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{who}, try {n}");
            assert!(answer.text().await.unwrap().contains("don’t go together"));
        }
        let answer = browser.try_sign_in(&who, PASSWORD).await;
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS, "{who}");
        assert_eq!(answer.headers()["retry-after"], "60");
        assert!(answer.text().await.unwrap().contains("Please wait 1 minute"));
    }
    world.later(TimeDelta::seconds(61));
    let browser = world.nobody();
    assert_eq!(browser.try_sign_in(&email("key worker"), PASSWORD).await.status(), StatusCode::SEE_OTHER);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_cannot_try_many_accounts() {
    let world = World::start().await;
    let browser = world.nobody();
    for n in 0..20 {
        assert_eq!(browser.try_sign_in(&format!("a{n}@fennshire.example"), "wrong").await.status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(browser.try_sign_in(&email("auditor"), PASSWORD).await.status(), StatusCode::TOO_MANY_REQUESTS);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookie_is_closed_to_scripts_and_the_database_holds_no_token() {
    let world = World::start().await;
    let browser = world.nobody();
    let answer = browser.try_sign_in(&email("auditor"), PASSWORD).await;
    let cookies: Vec<String> =
        answer.headers().get_all("set-cookie").iter().map(|value| value.to_str().unwrap().to_owned()).collect();
    let session = cookies.iter().find(|cookie| cookie.starts_with("ws-staff=")).expect("a session");
    assert!(
        session.contains("HttpOnly") && session.contains("SameSite=Lax") && session.contains("Path=/"),
        "the cookie's flags"
    );
    let token = session["ws-staff=".len()..].split(';').next().unwrap();
    assert_eq!(token.len(), 43, "256 bits");
    let file = std::fs::read(world.state.config.database.file().unwrap().with_extension("db-wal")).unwrap();
    assert!(!file.windows(token.len()).any(|window| window == token.as_bytes()), "only its hash is stored");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_by_signing_out_by_idleness_and_after_twelve_hours() {
    let world = World::start().await;
    let open = async |browser: &crate::harness::Browser| browser.get("/pupils").await.status() == StatusCode::OK;
    let browser = world.browser("key worker").await;
    assert!(open(&browser).await);
    assert_eq!(browser.post("/sign-out", &[]).await.status(), StatusCode::SEE_OTHER);
    assert!(!open(&browser).await);

    let browser = world.browser("key worker").await;
    world.later(TimeDelta::minutes(119));
    assert!(open(&browser).await, "used within two hours");
    world.later(TimeDelta::minutes(119));
    assert!(open(&browser).await, "and again: use was noted");
    world.later(TimeDelta::minutes(121));
    assert!(!open(&browser).await, "idle for two hours");

    let browser = world.browser("key worker").await;
    for _ in 0..7 {
        assert!(open(&browser).await);
        world.later(TimeDelta::minutes(100));
    }
    world.later(TimeDelta::minutes(21));
    assert!(!open(&browser).await, "over twelve hours, in use or not");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_left_is_out_at_once() {
    let world = World::start().await;
    let browser = world.browser("key worker").await;
    world.state.store.disable_staff(ids::KEY_WORKER, world.now()).await.unwrap();
    assert_eq!(browser.get("/pupils").await.status(), StatusCode::SEE_OTHER);
    assert_eq!(world.nobody().try_sign_in(&email("key worker"), PASSWORD).await.status(), StatusCode::UNAUTHORIZED);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_needs_the_persons_own_form_from_our_own_page() {
    let world = World::start().await;
    let browser = world.browser("alder staff").await;
    let path = format!("/moves/{}/carry", ids::ROBIN);
    let send = async |form: &[(&str, &str)], headers: &[(&str, &str)]| {
        let mut request = browser.request(Method::POST, &path).form(form);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap().status()
    };
    let own = [("csrf", browser.csrf.as_str())];
    let other = world.browser("marsh staff").await;
    assert_eq!(send(&[], &[]).await, StatusCode::FORBIDDEN, "no token");
    assert_eq!(send(&[("csrf", &other.csrf)], &[]).await, StatusCode::FORBIDDEN, "somebody else's");
    assert_eq!(send(&own, &[("origin", "https://evil.example")]).await, StatusCode::FORBIDDEN, "another site");
    assert_eq!(send(&own, &[("origin", "null")]).await, StatusCode::FORBIDDEN, "a hidden site");
    assert_eq!(
        send(&own, &[("sec-fetch-site", "cross-site")]).await,
        StatusCode::FORBIDDEN,
        "another site, as the browser says"
    );
    assert_eq!(world.state.store.robot(ids::ROBIN.0).await.unwrap().unwrap().carried_by, None, "nothing happened");
    assert_eq!(send(&own, &[("origin", &world.url)]).await, StatusCode::SEE_OTHER);
    assert_eq!(world.state.store.robot(ids::ROBIN.0).await.unwrap().unwrap().carried_by, Some(ids::ALDER_STAFF));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_needs_its_own_page_too_and_leads_only_to_ours() {
    let world = World::start().await;
    let browser = world.nobody();
    let who = email("key worker");
    let form = [("email", who.as_str()), ("password", PASSWORD), ("csrf", "x")];
    let answer = browser.request(Method::POST, "/sign-in").form(&form).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN, "another site cannot sign a visitor in");
    for (then, leads_to) in [("/pupils", "/pupils"), ("//evil.example", "/"), ("https://evil.example", "/")] {
        let browser = world.nobody();
        let csrf = hidden(&browser.page("/sign-in").await, "csrf");
        let form = [("email", who.as_str()), ("password", PASSWORD), ("csrf", csrf.as_str()), ("then", then)];
        let answer = browser.request(Method::POST, "/sign-in").form(&form).send().await.unwrap();
        assert_eq!(answer.headers()["location"], leads_to);
    }
    let answer = world.nobody().get(&format!("/pupils/{}", ids::ADA)).await;
    assert_eq!(answer.headers()["location"], format!("/sign-in?then=/pupils/{}", ids::ADA).as_str());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_get_problem_documents_and_people_get_pages() {
    let world = World::start().await;
    let path = format!("/api/pupils/{}/attendance", ids::ADA);
    let plain = reqwest::Client::new().get(format!("{}{path}", world.url)).send().await.unwrap();
    assert_eq!(plain.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(plain.headers()["content-type"], "application/problem+json");
    let problem: serde_json::Value = plain.json().await.unwrap();
    assert_eq!((problem["status"].as_u64(), problem["title"].as_str()), (Some(401), Some("Please sign in")));
    let page = world.browser("marsh lead").await.get(&format!("/pupils/{}", ids::ADA)).await;
    assert_eq!(page.status(), StatusCode::NOT_FOUND);
    assert!(page.text().await.unwrap().contains("<h1>There is nothing here</h1>"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oversize_form_is_refused_and_nothing_is_down() {
    let world = World::start().await;
    let browser = world.browser("alder staff").await;
    let large = "x".repeat(100_000);
    let answer = browser.post(&format!("/moves/{}/carry", ids::ROBIN), &[("note", &large)]).await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(browser.get("/moves").await.status(), StatusCode::OK);
    world.stop().await;
}
