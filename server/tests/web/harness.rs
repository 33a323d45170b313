//! A server with the demonstration's data, on a free port, without a broker, at a time that the test sets.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use protocol::{Clock, Now};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use server::demo::ids;
use server::{AppState, Config};
use server_core::access::Role;
use store::staff::{NewStaff, StaffRoleRow};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// A Monday of term, in the middle of a lesson.
pub const MONDAY: &str = "2026-11-23T09:20:00Z";
pub const PASSWORD: &str = "correct horse battery";
/// A key worker without any pupil.
pub const OTHER_KEY_WORKER: Uuid = Uuid::from_u128(0xaa01);

/// Everyone who signs in: what tests call them, id, role, where.
pub const PEOPLE: [(&str, Uuid, Role, Uuid); 8] = [
    ("coordinator", ids::COORDINATOR, Role::Coordinator, ids::AUTHORITY),
    ("key worker", ids::KEY_WORKER, Role::KeyWorker, ids::HOSPITAL_SCHOOL),
    ("other key worker", OTHER_KEY_WORKER, Role::KeyWorker, ids::HOSPITAL_SCHOOL),
    ("alder lead", ids::ALDER_LEAD, Role::SchoolLead, ids::ALDER_ROAD),
    ("marsh lead", ids::MARSH_LEAD, Role::SchoolLead, ids::MARSH_LANE),
    ("alder staff", ids::ALDER_STAFF, Role::ClassroomStaff, ids::ALDER_ROAD),
    ("marsh staff", ids::MARSH_STAFF, Role::ClassroomStaff, ids::MARSH_LANE),
    ("auditor", ids::AUDITOR, Role::Auditor, ids::AUTHORITY),
];

/// Civil time as the test sets it; durations are the machine's.
pub struct SetClock {
    machine: protocol::SystemClock,
    utc: Mutex<DateTime<Utc>>,
}

impl Clock for SetClock {
    fn now(&self) -> Now {
        Now { monotonic: self.machine.now().monotonic, utc: *self.utc.lock().unwrap() }
    }
}

pub struct World {
    pub state: AppState,
    pub url: String,
    clock: Arc<SetClock>,
    shutdown: CancellationToken,
    tasks: TaskTracker,
    folder: tempfile::TempDir,
}

impl World {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// With the demonstration's data, and other settings.
    pub async fn with(set: impl FnOnce(&mut Config)) -> Self {
        let world = Self::empty_with(set).await;
        let state = &world.state;
        server::demo::seed_store(&state.store, &world.folder.path().join("none.toml"), world.now()).await.unwrap();
        let hash = server::api::auth::hash_password(PASSWORD.to_owned()).await.unwrap();
        for (label, staff_id, role, organisation_id) in PEOPLE {
            let name = format!("Ms {}", label.replace(' ', "-"));
            let staff = NewStaff { staff_id, name: &name, email: &email(label), password_hash: &hash };
            let roles = [StaffRoleRow { role: role.as_str().to_owned(), organisation_id }];
            assert!(state.store.add_staff(staff, &roles).await.unwrap());
        }
        world
    }

    /// A server whose database holds nothing.
    pub async fn empty() -> Self {
        Self::empty_with(|_| {}).await
    }

    async fn empty_with(set: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("grant.pem");
        std::fs::write(&key, rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap().serialize_pem()).unwrap();
        let mut config = Config {
            database: folder.path().join("windowseat.db").into(),
            grant_key_file: key,
            public_url: "http://localhost".to_owned(),
            mqtt: mqtt_link::MqttConfig {
                url: "mqtt://127.0.0.1:9".to_owned(),
                username: "server".to_owned(),
                ..Default::default()
            },
            ..Config::default()
        };
        set(&mut config);
        let clock = Arc::new(SetClock { machine: protocol::SystemClock::new(), utc: Mutex::new(MONDAY.parse().unwrap()) });
        let shutdown = CancellationToken::new();
        let running = server::start(config, clock.clone(), shutdown.clone()).await.unwrap();
        let state = running.state.clone();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let tasks = TaskTracker::new();
        let service = running.router.into_make_service_with_connect_info::<SocketAddr>();
        let stop = shutdown.clone();
        tasks
            .spawn(async move { axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned()).await.unwrap() });
        Self { state, url, clock, shutdown, tasks, folder }
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now().utc
    }

    pub fn later(&self, by: TimeDelta) {
        *self.clock.utc.lock().unwrap() += by;
    }

    pub fn set(&self, utc: DateTime<Utc>) {
        *self.clock.utc.lock().unwrap() = utc;
    }

    /// A browser that nobody has used.
    pub fn nobody(&self) -> Browser {
        let client = reqwest::Client::builder()
            .cookie_store(true)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(30))
            .build()
            .unwrap();
        Browser { client, url: self.url.clone(), csrf: String::new() }
    }

    /// A browser in which one of [`PEOPLE`] is signed in.
    pub async fn browser(&self, who: &str) -> Browser {
        self.signed_in(&email(who), PASSWORD).await
    }

    /// A browser in which whoever has this email is signed in.
    pub async fn signed_in(&self, who: &str, password: &str) -> Browser {
        let mut browser = self.nobody();
        let answer = browser.try_sign_in(who, password).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{who} signs in");
        // Every page of a person carries the token of their forms.
        let pages = ["/robots", "/pupils", "/audit"];
        for path in pages {
            let page = browser.get(path).await;
            if page.status() == StatusCode::OK {
                browser.csrf = hidden(&page.text().await.unwrap(), "csrf");
            }
        }
        assert!(!browser.csrf.is_empty(), "{who} has a page");
        browser
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        self.tasks.close();
        tokio::time::timeout(Duration::from_secs(5), self.tasks.wait()).await.expect("the listener ends");
        drop(self.folder);
    }
}

pub fn email(label: &str) -> String {
    format!("{}@fennshire.example", label.replace(' ', "."))
}

pub struct Browser {
    client: reqwest::Client,
    url: String,
    pub csrf: String,
}

impl Browser {
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).header("accept", "text/html")
    }

    pub async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    pub async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.text().await.unwrap()
    }

    /// Sends a form with the token of this person's pages.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let mut form = vec![("csrf", self.csrf.as_str())];
        form.extend_from_slice(fields);
        self.request(Method::POST, path).form(&form).send().await.unwrap()
    }

    /// Sends a form of a page with what the page was drawn from.
    pub async fn save(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        self.save_seen(path, &self.page(path).await, fields).await
    }

    /// The same of a page that was opened before.
    pub async fn save_seen(&self, path: &str, page: &str, fields: &[(&str, &str)]) -> Response {
        let seen = drawn_from(page);
        let mut form: Vec<(&str, &str)> = seen.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        form.extend_from_slice(fields);
        self.post(path, &form).await
    }

    pub async fn try_sign_in(&self, email: &str, password: &str) -> Response {
        let page = self.page("/sign-in").await;
        let csrf = hidden(&page, "csrf");
        self.request(Method::POST, "/sign-in")
            .form(&[("csrf", csrf.as_str()), ("email", email), ("password", password)])
            .send()
            .await
            .unwrap()
    }
}

/// What the forms of a page say that they were drawn from.
fn drawn_from(page: &str) -> Vec<(String, String)> {
    let fields = page.split("type=\"hidden\" name=\"was-").skip(1);
    let field = |field: &str| {
        let (name, rest) = field.split_once("\" value=\"").expect("a hidden field has a value");
        (format!("was-{name}"), rest.split('"').next().unwrap().to_owned())
    };
    fields.map(field).collect()
}

/// The value of the first hidden field of that name.
pub fn hidden(page: &str, name: &str) -> String {
    let at = format!("name=\"{name}\" value=\"");
    let start = page.find(&at).map_or_else(|| panic!("no field {name}"), |start| start + at.len());
    page[start..].split('"').next().unwrap().to_owned()
}
