//! Start, run, drain. Order at start: database, key, broker, tasks, router. At shutdown: no new work, then the database closes.

use futures_util::future::LocalBoxFuture;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use protocol::{Clock, GrantSigner};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::dispatch::Dispatch;
use crate::{AppState, CHANGES_KEPT, Config, Turn, api, clock, database, due, ingest, jobs, minutes, mqtt, placing, policies};

/// Tasks that have not ended by then, after shutdown, are left behind.
const DRAIN_WITHIN: Duration = Duration::from_secs(3);
/// The database is given this long to answer a readiness check.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// A server that runs.
pub struct Running {
    /// All its pages and endpoints, for whoever owns the listener.
    pub router: Router,
    /// What its handlers hold; for tests and for programs that run the server within themselves.
    pub state: AppState,
}

/// Opens the database, connects to the broker in the background, and starts the tasks.
///
/// # Errors
/// The configuration, the database or the key cannot be used. A broker that is away is not an error: it is tried again.
pub fn start(
    config: Config,
    machine: Arc<dyn Clock>,
    shutdown: CancellationToken,
) -> LocalBoxFuture<'static, anyhow::Result<Running>> {
    // Boxed here, so that all of it is compiled once and not again by each program and test that calls it.
    Box::pin(starting(config, machine, shutdown))
}

async fn starting(config: Config, machine: Arc<dyn Clock>, shutdown: CancellationToken) -> anyhow::Result<Running> {
    config.validate().map_err(anyhow::Error::msg)?;
    tracing::info!(config = ?config, "the server starts");
    if let Some(folder) = config.policies.clone() {
        let count = tokio::task::spawn_blocking(move || policies::bring_in(&folder)).await??;
        tracing::info!(policies.count = count, "an authority's own policies are there");
    }
    let store = database::reached(&shutdown, async || database::open(&config).await).await?;
    let key = tokio::fs::read(&config.grant_key_file)
        .await
        .with_context(|| format!("cannot read the key {} that signs grants", config.grant_key_file.display()))?;
    let grants = GrantSigner::from_pem(&key)
        .with_context(|| format!("{} does not hold an Ed25519 private key in PKCS #8 PEM", config.grant_key_file.display()))?;
    let turn = Turn::open(&config.turn)?;
    let tasks = TaskTracker::new();
    let clock =
        clock::shared(machine, &store, &tasks, shutdown.clone()).await.context("cannot ask the database for its time")?;
    let (link, events) = mqtt::open(&config.mqtt, &tasks, shutdown.clone())?;
    let (dispatch, greetings) = Dispatch::new(link.clone());
    let state = AppState {
        store,
        clock,
        config: Arc::new(config),
        grants: Arc::new(grants),
        first_code: api::codes::first_account(&key).into(),
        turn: Arc::new(turn),
        changes: broadcast::channel(CHANGES_KEPT).0,
        dispatch,
        tasks: tasks.clone(),
        shutdown: shutdown.clone(),
    };
    tasks.spawn(placing::run(state.clone(), greetings));
    tasks.spawn(ingest::run(state.clone(), link, events));
    tasks.spawn(jobs::run(state.clone()));
    tasks.spawn(minutes::run(state.clone()));
    tasks.spawn(due::run(state.clone()));
    let health = Router::new()
        .route("/health/live", get(async || StatusCode::NO_CONTENT))
        .route("/health/ready", get(ready))
        .with_state(state.clone());
    let router = api::router(state.clone()).merge(health);
    Ok(Running { router, state })
}

/// The code with which the first account is made on the page `/begin`, for whoever can read the key.
///
/// # Errors
/// The key cannot be read.
pub async fn first_code(config: &Config) -> anyhow::Result<String> {
    let key = tokio::fs::read(&config.grant_key_file)
        .await
        .with_context(|| format!("cannot read the key {} that signs grants", config.grant_key_file.display()))?;
    Ok(api::codes::first_account(&key))
}

impl Running {
    /// Waits for the tasks to end after shutdown fired, at most `DRAIN_WITHIN`, and closes the database.
    pub async fn wait(self) {
        self.state.shutdown.cancelled().await;
        self.state.tasks.close();
        if tokio::time::timeout(DRAIN_WITHIN, self.state.tasks.wait()).await.is_err() {
            tracing::warn!("some tasks of the server did not end in time");
        }
        let _ = tokio::time::timeout(Duration::from_secs(1), self.state.store.close()).await;
    }
}

/// Ready: the database answers and nothing is shutting down. A broker that is away does not take the pages away.
async fn ready(State(state): State<AppState>) -> StatusCode {
    let answers = tokio::time::timeout(READY_WITHIN, state.store.ping()).await.is_ok_and(|ping| ping.is_ok());
    if answers && !state.shutdown.is_cancelled() { StatusCode::NO_CONTENT } else { StatusCode::SERVICE_UNAVAILABLE }
}
