//! Every GET route of the server, each as every role that may call it: the addresses are made from the table of routes, so a new route
//! is timed without a word here, and one whose address cannot be made ends the bench before it begins.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use engines::{Engine, Fresh};
use protocol::{Clock, Now, PlacementId};
use reqwest::{Client, Method, StatusCode};
use server::Config;
use server::api::{Access, Route, routes};
use server_core::access::Role;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{A_SCHOOL, Of, PASSWORD, PEOPLE, Size, email, id_of, run};

/// The most that a page may take, of 99 of 100 times. A document on paper is no page.
pub(super) const MOST_MS: f64 = 50.0;
/// The job that counts what is due has done so by then.
const COUNTED_WITHIN: Duration = Duration::from_secs(3_600);
/// Of the first school, with a plan that runs and one before it.
const CASE: u64 = 6;

/// Civil time stands; durations are the machine's.
struct Standing(protocol::SystemClock, DateTime<Utc>);

impl Clock for Standing {
    fn now(&self) -> Now {
        Now { monotonic: self.0.now().monotonic, utc: self.1 }
    }
}

/// Why a route has no time.
fn left_out(path: &str) -> Option<&'static str> {
    (path == "/begin").then_some("is there only until somebody has an account")
}

/// What stands for the names in a route's path.
const STANDS_FOR: [(&str, &[&str]); 9] = [
    ("{pupil}", &[]),
    ("{robot}", &[]),
    ("{lesson}", &[]),
    ("{bridge}", &[]),
    ("{plan}", &[]),
    ("{key}", &[]),
    ("{*path}", &["tokens.css"]),
    (
        "documents/{file}",
        &[
            "plan.pdf",
            "plan.json",
            "plan.csv",
            "review-pack.pdf",
            "review-pack.json",
            "review-pack.csv",
            "profile.pdf",
            "profile.json",
            "profile.csv",
        ],
    ),
    ("export/{file}", &["plan.json", "weeks.csv", "history.csv", "growth.csv"]),
];

fn id(name: &str) -> Uuid {
    match name {
        "{pupil}" => id_of(Of::Pupil, CASE),
        "{robot}" => id_of(Of::Robot, CASE),
        "{lesson}" => id_of(Of::Slot, 0),
        "{bridge}" => id_of(Of::Bridge, 0),
        "{plan}" => id_of(Of::Earlier, CASE),
        _ => Uuid::nil(),
    }
}

/// Addresses of a route for somebody, with what they are shown as. `key`: of their calendar feed.
fn addresses(route: &Route, role: Option<Role>, size: &Size, key: &str) -> Vec<(String, String)> {
    let (middle, is_whole) = (size.robots / 2, matches!(role, Some(Role::Coordinator | Role::Auditor)));
    let deep = format!("?page={}", (middle / 25).max(1));
    let further = match route.path {
        "/robots" => vec![deep, format!("?q=robin+{middle}"), "?look=1".to_owned()],
        "/pupils" | "/plans" => vec![deep, format!("?q=pupil+{middle}")],
        "/schools" => vec![format!("?page={}", (middle / A_SCHOOL / 25).max(1)), "?q=school+7".to_owned()],
        "/due/cases" | "/plans/earlier" => vec![deep],
        "/audit" => vec![format!("?before={}", id_of(Of::Audit, size.robots * 10))],
        _ => Vec::new(),
    };
    // One school has no two hundredth page.
    let further = further.into_iter().filter(|query| is_whole || !query.starts_with("?page"));
    let queries = std::iter::once(String::new()).chain(further);
    let mut all: Vec<_> = queries.map(|query| (format!("{}{query}", route.path), format!("{}{query}", route.path))).collect();
    for (name, values) in STANDS_FOR {
        let Some((at, _)) = name.rsplit_once('{').filter(|_| route.path.contains(name)) else { continue };
        let one = |(address, shown): &(String, String)| match values {
            [] if name == "{key}" => vec![(address.replace(name, key), shown.clone())],
            [] => vec![(address.replace(name, &id(name).to_string()), shown.clone())],
            values => values
                .iter()
                // Who runs the robots does not see how a child is assessed.
                .filter(|file| role != Some(Role::Coordinator) || !(file.starts_with("profile") || file.starts_with("growth")))
                .map(|value| (address.replace(name, &format!("{at}{value}")), shown.replace(name, &format!("{at}{value}"))))
                .collect(),
        };
        all = all.iter().flat_map(one).collect();
    }
    all
}

fn get_routes() -> impl Iterator<Item = Route> {
    routes().into_iter().filter(|route| route.method == Method::GET)
}

/// Whoever adds a route hears of it at once, not after an hour of laying rows.
pub(super) fn know_every_route() {
    let size = Size { robots: 100, days: 1, sample: 1, minutes: 1, runs: 1 };
    for route in get_routes().filter(|route| left_out(route.path).is_none()) {
        for (address, _) in addresses(&route, None, &size, "key") {
            assert!(!address.contains('{'), "{} is new: say what stands for its names, or why it is left out", route.path);
        }
    }
}

fn browser() -> Client {
    Client::builder().cookie_store(true).redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

fn csrf_of(page: &str) -> &str {
    let (_, rest) = page.split_once("name=\"csrf\" value=\"").unwrap();
    rest.split('"').next().unwrap()
}

async fn sign_in(url: &str, label: &str) -> Client {
    let client = browser();
    let page = client.get(format!("{url}/sign-in")).send().await.unwrap().text().await.unwrap();
    let form = [("csrf", csrf_of(&page)), ("email", &email(label)), ("password", PASSWORD)];
    let answer = client.post(format!("{url}/sign-in")).form(&form).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{label} signs in");
    client
}

/// The key in the address of this person's calendar feed; none: they have no page of what is due.
async fn feed_of(client: &Client, url: &str) -> String {
    let page = client.get(format!("{url}/due")).send().await.unwrap();
    if !page.status().is_success() {
        return String::new();
    }
    let page = page.text().await.unwrap();
    let answer = client.post(format!("{url}/due/feed")).form(&[("csrf", csrf_of(&page))]).send().await.unwrap();
    let page = answer.text().await.unwrap();
    let (_, rest) = page.split_once("/feeds/").expect("the answer shows the address");
    rest.split('/').next().unwrap().to_owned()
}

/// The pupil's own tablet, open.
async fn tablet(fresh: &Fresh, url: &str, now: DateTime<Utc>) -> Client {
    let client = browser();
    let placement = PlacementId(id_of(Of::Placement, CASE));
    let code = server::pupil::new_keyword(&fresh.store(), placement, now, None).await.unwrap();
    for (path, form) in [("/pair", vec![("code", code.as_str())]), ("/pin/choose", vec![("pin", "4711"), ("again", "4711")])] {
        let answer = client.post(format!("{url}{path}")).form(&form).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{path}");
    }
    client
}

/// Servers live by the clock of a database that they share: this one's is set to the bench's day, or its pages would be of another.
async fn set_clock(fresh: &Fresh, now: DateTime<Utc>) {
    let name = fresh.address.rsplit('/').next().unwrap();
    let by = (now - protocol::SystemClock::new().now().utc).num_seconds();
    let clock = format!(
        "CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
             AS $$ SELECT pg_catalog.clock_timestamp() + make_interval(secs => {by}) $$;
         ALTER DATABASE {name} SET search_path = public, pg_catalog"
    );
    run(fresh, &clock).await;
}

/// Prints how long every page takes, and returns those that take longer than [`MOST_MS`].
pub(super) async fn time_all(fresh: &Fresh, size: &Size, now: DateTime<Utc>) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("grant.pem");
    std::fs::write(&key, rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap().serialize_pem()).unwrap();
    let config = Config {
        database: fresh.address.as_str().into(),
        grant_key_file: key,
        public_url: "http://localhost".to_owned(),
        mqtt: mqtt_link::MqttConfig {
            url: "mqtt://127.0.0.1:9".to_owned(),
            username: "server".to_owned(),
            ..Default::default()
        },
        ..Config::default()
    };
    if fresh.engine == Engine::Postgres {
        set_clock(fresh, now).await;
    }
    let shutdown = CancellationToken::new();
    let running = server::start(config, Arc::new(Standing(protocol::SystemClock::new(), now)), shutdown.clone()).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let service = running.router.clone().into_make_service_with_connect_info::<SocketAddr>();
    let stop = shutdown.clone();
    let served = tokio_util::task::TaskTracker::new();
    served.spawn(async move { axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned()).await.unwrap() });
    let first = sign_in(&url, "coordinator").await;
    println!("  pages, {} times each, in ms over HTTP on loopback:", size.runs);
    println!("    {:>7} {:>7} {:>7}", "p50", "p99", "most");
    let [p50, p99, most] = time(&first, &format!("{url}/"), size.runs).await.unwrap();
    println!("    {p50:>7.1} {p99:>7.1} {most:>7.1}  coordinator: / (while what is due is counted in every case)");
    // As a server that was just given all of this: the job that counts what is due is at it, and leaves half of the time to pages.
    let began = Instant::now();
    while !fresh.cases_to_count(None, now.date_naive(), 1).await.unwrap().is_empty() {
        assert!(began.elapsed() < COUNTED_WITHIN, "what is due is not counted after {COUNTED_WITHIN:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    println!("    what is due was counted {:.0} s later", began.elapsed().as_secs_f64());
    let mut times = Times { url: &url, size, count: 0, slowest: (0.0, String::new()), slow: Vec::new(), refused: Vec::new() };
    let mut keys = Vec::new();
    for (label, role, _) in PEOPLE {
        let client = sign_in(&url, label).await;
        for route in get_routes() {
            if matches!(route.access, Access::SignedIn(roles) if roles.contains(&role)) {
                times.route(&client, label, Some(role), &route, "").await;
            }
        }
        keys.push((label, feed_of(&client, &url).await));
    }
    let (nobody, tablet) = (browser(), tablet(fresh, &url, now).await);
    for route in get_routes().filter(|route| left_out(route.path).is_none()) {
        match route.access {
            Access::PupilDevice => times.route(&tablet, "pupil", None, &route, "").await,
            Access::Public if route.path.contains("{key}") => {
                for (label, key) in keys.iter().filter(|(_, key)| !key.is_empty()) {
                    times.route(&nobody, label, None, &route, key).await;
                }
            }
            Access::Public => times.route(&nobody, "nobody", None, &route, "").await,
            Access::SignedIn(_) => {}
        }
    }
    for route in get_routes() {
        if let Some(why) = left_out(route.path) {
            println!("    {:>23}  {}: left out, {why}", "", route.path);
        }
    }
    let Times { count, slowest, slow, refused, .. } = times;
    println!("  the slowest of {count} pages: {} with p99 {:.1} ms (at most: {MOST_MS} ms)", slowest.1, slowest.0);
    shutdown.cancel();
    served.close();
    served.wait().await;
    running.wait().await;
    assert!(refused.is_empty(), "these pages were not drawn: {refused:#?}");
    slow
}

struct Times<'a> {
    url: &'a str,
    size: &'a Size,
    count: usize,
    slowest: (f64, String),
    slow: Vec<String>,
    refused: Vec<String>,
}

impl Times<'_> {
    async fn route(&mut self, client: &Client, who: &str, role: Option<Role>, route: &Route, key: &str) {
        for (address, shown) in addresses(route, role, self.size, key) {
            let shown = format!("{who}: {shown}");
            let [p50, p99, most] = match time(client, &format!("{}{address}", self.url), self.size.runs).await {
                Ok(times) => times,
                // Everybody but a coordinator is sent on to a page that has its own line.
                Err(StatusCode::SEE_OTHER) if route.path == "/" => continue,
                Err(status) => {
                    self.refused.push(format!("{shown}: {status}"));
                    continue;
                }
            };
            let is_page = !address.ends_with(".pdf");
            println!("    {p50:>7.1} {p99:>7.1} {most:>7.1}  {shown}{}", if is_page { "" } else { " (a document, no page)" });
            if !is_page {
                continue;
            }
            self.count += 1;
            if p99 > MOST_MS {
                self.slow.push(format!("{shown}: {p99:.1} ms"));
            }
            if p99 > self.slowest.0 {
                self.slowest = (p99, shown);
            }
        }
    }
}

/// Half of all times, 99 of 100, and the longest, in milliseconds; or what was answered instead of a page.
async fn time(browser: &Client, address: &str, runs: usize) -> Result<[f64; 3], StatusCode> {
    let mut times = Vec::with_capacity(runs);
    for run in 0..runs + 3 {
        let began = Instant::now();
        let mut answer = browser.get(address).header("accept", "text/html").send().await.unwrap();
        let status = answer.status();
        // A live page goes on as long as somebody looks at it: until its first parts are there.
        let is_live = answer.headers().get("content-type").is_some_and(|is| is == "text/event-stream");
        let is_drawn =
            if is_live { answer.chunk().await.unwrap().is_some() } else { !answer.bytes().await.unwrap().is_empty() };
        if !status.is_success() || !is_drawn {
            return Err(status);
        }
        if run >= 3 {
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
    }
    times.sort_by(f64::total_cmp);
    Ok([times[runs / 2], times[(runs * 99 / 100).saturating_sub(1)], times[runs - 1]])
}
