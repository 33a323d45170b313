//! Serves the pages with the demonstration's data on <http://127.0.0.1:8090>, without broker, bridge and robots: to look at, to
//! photograph, and to check with axe. Two robots have said something of themselves; one pupil is in class.
//!
//! `cargo run --release -p server --example pages` · every sign-in has the password it prints.

use std::net::SocketAddr;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use protocol::{
    Active, BodyState, ClientId, Clock, Envelope, HelloMessage, Kind, MessageId, Percent, PresenceMessage, RobotMessage,
    SCHEMA_VERSION, SessionId, Status, SystemClock, Tier, Topic,
};
use serde::Serialize;
use server::AppState;
use server::demo::ids;
use server_core::access::Role;
use store_sqlite::staff::{NewStaff, StaffRoleRow};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const PEOPLE: [(&str, Uuid, Role, Uuid); 4] = [
    ("coordinator", ids::COORDINATOR, Role::Coordinator, ids::AUTHORITY),
    ("key.worker", ids::KEY_WORKER, Role::KeyWorker, ids::HOSPITAL_SCHOOL),
    ("staff", ids::ALDER_STAFF, Role::ClassroomStaff, ids::ALDER_ROAD),
    ("auditor", ids::AUDITOR, Role::Auditor, ids::AUTHORITY),
];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let key = folder.path().join("grant.pem");
    std::fs::write(&key, rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519)?.serialize_pem())?;
    let config = server::Config {
        database: folder.path().join("windowseat.db"),
        grant_key_file: key,
        public_url: "http://127.0.0.1:8090".to_owned(),
        ..server::Config::default()
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::starting_at("2026-11-24T11:12:00Z".parse()?));
    let shutdown = CancellationToken::new();
    let running = server::start(config, clock.clone(), shutdown).await?;
    let state = running.state.clone();
    server::demo::seed_store(&state.store, &folder.path().join("none.toml"), clock.now().utc).await?;
    let password = server::api::auth::random_token().map_err(|error| anyhow::anyhow!("{error}"))?;
    let hash = server::api::auth::hash_password(password.clone()).await?;
    for (label, staff_id, role, organisation_id) in PEOPLE {
        let email = format!("{label}@fennshire.example");
        let staff =
            NewStaff { staff_id, name: &format!("{} B.", label.replace('.', " ")), email: &email, password_hash: &hash };
        state.store.add_staff(staff, &[StaffRoleRow { role: role.as_str().to_owned(), organisation_id }]).await?;
        println!("{email} {password}");
    }
    say_something(&state, clock.now().utc).await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8090").await?;
    axum::serve(listener, running.router.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}

/// What robots and bridge would have said by now.
async fn say_something(state: &AppState, now: DateTime<Utc>) -> anyhow::Result<()> {
    let mut batch = Vec::new();
    for (robot, body, battery, charging) in [(ids::ROBIN, BodyState::Live, 82, false), (ids::FINCH, BodyState::Idle, 12, false)]
    {
        let hello = HelloMessage {
            role: protocol::Role::Robot,
            status: Status::Here,
            version: "0".to_owned(),
            connected_at: now,
            http_base: None,
            public_base: None,
        };
        batch.push(message(robot.into(), Kind::Hello, None, now, hello));
        let facts = RobotMessage {
            state: body,
            battery_pct: Percent::saturating(battery),
            charging,
            wifi_dbm: Some(-58),
            room: None,
            camera_on: body == BodyState::Live,
            hand_up: false,
            uptime_s: 4000,
        };
        batch.push(message(robot.into(), Kind::Robot, None, now, facts));
    }
    let from = now - TimeDelta::minutes(9);
    let interval = PresenceMessage::Interval {
        session: SessionId::new(),
        placement: ids::ADA_PLACEMENT,
        robot: ids::ROBIN,
        n: 1,
        tier: Tier::Video,
        from,
        until: now,
        span_ms: 540_000,
        active: Active { spoke_ms: 4_000, hands: 1, looks: 6, feelings: 0 },
        closed_by: None,
    };
    batch.push(message(ids::BRIDGE.into(), Kind::Presence, Some(1), now, interval));
    let ingested = server::ingest::apply(&state.store, &batch, now).await?;
    anyhow::ensure!(ingested.quarantined.is_empty(), "{:?}", ingested.quarantined);
    Ok(())
}

fn message<T: Serialize>(client: ClientId, kind: Kind, seq: Option<u64>, now: DateTime<Utc>, body: T) -> (String, Vec<u8>) {
    let envelope =
        Envelope { v: SCHEMA_VERSION, id: MessageId::new(), epoch: Uuid::from_u128(0xe), seq, sent_at: now, mono_ms: 0, body };
    (Topic::new(client, kind).to_string(), envelope.to_bytes())
}
