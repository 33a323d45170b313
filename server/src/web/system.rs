//! What runs behind the lessons: bridges, what waits in them, messages set aside. For whoever answers for all of it.
//!
//! A message set aside holds ids only, never a name; its reason is ours. Nothing here changes a minute by hand: "Try again" reads the
//! stored message once more, by the same path as when it came.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::{Html, Redirect};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use server_core::access::Action;
use server_core::{attendance, placing};
use store::audit::{Actor, NewAudit, Subject};
use store::inbox::{LostRow, QuarantineRow};
use store::robots::BridgeRow;
use uuid::Uuid;

use super::view::{self, Chip};
use super::{Frame, page};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::Scope;
use crate::ingest::replay::{self, Outcome};

/// The page shows this many messages; the rest is counted by reason.
const SHOWN: i64 = 50;

#[derive(Template)]
#[template(path = "staff/system.html")]
struct SystemPage {
    frame: Frame,
    said: Option<String>,
    /// Where trying again goes on, and for which reason.
    next: Option<(Uuid, String)>,
    /// The id of a bridge as it was typed and not saved, and why.
    typed: String,
    wrong: String,
    bridges: Vec<BridgeView>,
    reasons: Vec<ReasonView>,
    messages: Vec<MessageView>,
    lost: Vec<LostView>,
}

struct BridgeView {
    id: Uuid,
    name: String,
    state: Chip,
    carries: String,
    waits: Chip,
    clock: Chip,
}

struct ReasonView {
    reason: String,
    count: i64,
}

struct MessageView {
    id: Uuid,
    when: String,
    from: String,
    reason: String,
}

struct LostView {
    when: String,
    from: String,
    which: String,
}

/// What the page says after "Try again".
#[derive(Default, Deserialize)]
pub struct Said {
    read: Option<u64>,
    left: Option<u64>,
    next: Option<Uuid>,
}

/// The reason whose messages are tried again.
#[derive(Deserialize)]
pub struct Retry {
    #[serde(default)]
    reason: String,
    /// Where it goes on, if there was no time for all.
    from: Option<Uuid>,
}

/// `GET /system`
pub async fn show(
    State(state): State<AppState>,
    caller: Caller,
    axum::extract::Query(said): axum::extract::Query<Said>,
) -> Result<Html<String>, ApiError> {
    let scope = allowed(&state, &caller).await?;
    draw(&state, &caller, &scope, said, (String::new(), String::new())).await
}

/// The page; with the id of a bridge that was typed and not saved, and why.
///
/// # Errors
/// The database does not answer.
pub async fn draw(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    said: Said,
    (typed, wrong): (String, String),
) -> Result<Html<String>, ApiError> {
    let now = state.clock.now().utc;
    let zone = scope.own_zone();
    let bridges = state.store.bridges().await?;
    let messages = state.store.quarantined(SHOWN, None).await?;
    let reasons = state.store.quarantine_reasons().await?;
    let lost = state.store.lost(SHOWN).await?;
    let next = match said.next {
        Some(id) => state.store.quarantine_entry(id).await?.map(|row| (id, row.reason)),
        None => None,
    };
    let said = said.read.map(|read| outcome(read, said.left.unwrap_or(0), next.is_some()));
    page(&SystemPage {
        frame: Frame::of(caller, scope, "Bridges and messages", "/system", now),
        said,
        next,
        typed,
        wrong,
        bridges: bridges.iter().map(|row| bridge_view(row, now, state.clock.speed(), zone)).collect(),
        reasons: reasons.into_iter().map(|row| ReasonView { reason: row.reason, count: row.messages }).collect(),
        messages: messages.iter().map(|row| message_view(row, now, zone)).collect(),
        lost: lost.iter().map(|row| lost_view(row, now, zone)).collect(),
    })
}

/// `POST /system/messages/retry`
pub async fn retry(State(state): State<AppState>, caller: Caller, Form(form): Form<Retry>) -> Result<Redirect, ApiError> {
    allowed(&state, &caller).await?;
    note(&state, &caller).await?;
    let outcome = replay::all(&state, &form.reason, form.from, replay::AT_MOST).await?;
    Ok(told(outcome))
}

/// `POST /system/messages/{message}/retry`
pub async fn retry_one(State(state): State<AppState>, caller: Caller, Path(id): Path<Uuid>) -> Result<Redirect, ApiError> {
    allowed(&state, &caller).await?;
    note(&state, &caller).await?;
    Ok(told(replay::one(&state, id).await?))
}

async fn note(state: &AppState, caller: &Caller) -> Result<(), ApiError> {
    let now = state.clock.now().utc;
    let entry =
        NewAudit { actor: Actor::Staff(caller.staff_id()), action: "try messages again", subject: Subject::None, detail: None };
    Ok(state.store.append_audit(entry, now).await?)
}

fn told(outcome: Outcome) -> Redirect {
    let next = outcome.next.map_or_else(String::new, |next| format!("&next={next}"));
    Redirect::to(&format!("/system?read={}&left={}{next}", outcome.read, outcome.left))
}

/// The page is one for all: who reaches only a part of the organisations does not see it.
///
/// # Errors
/// They do not; or the database does not answer.
pub async fn allowed(state: &AppState, caller: &Caller) -> Result<Scope, ApiError> {
    let scope = Scope::of(state, caller).await?;
    if scope.may_everywhere(Action::SeeSystem) { Ok(scope) } else { Err(ApiError::NotFound) }
}

fn outcome(read: u64, left: u64, has_more: bool) -> String {
    let more = if has_more { " There was no time for all. “Try again” goes on with the rest." } else { "" };
    let said = match (read, left) {
        (0, 0) => "There was nothing to try again.".to_owned(),
        (read, 0) => format!("Read now: {read}. None of them is set aside any more."),
        (0, left) => format!("Still not readable: {left}. The reason stands beside each."),
        (read, left) => format!("Read now: {read}. Still not readable: {left}; the reason stands beside each."),
    };
    said + more
}

fn bridge_view(row: &BridgeRow, now: DateTime<Utc>, speed: u32, zone: Tz) -> BridgeView {
    let since =
        |at: Option<DateTime<Utc>>| at.map_or_else(String::new, |at| format!(" since {}", moment_within(at, now, zone)));
    let is_silent = placing::is_silent(row.load_at, now, speed);
    let state = match (row.status.as_str(), row.status_at, is_silent, row.draining) {
        (_, None, ..) => Chip::new("line", "clock", "Never connected"),
        ("here", _, true, _) => Chip::new("look wrap", "look", format!("Silent{}", since(row.load_at))),
        ("here", _, _, true) => Chip::new("move wrap", "swap", "Stops soon: robots leave it"),
        ("here", ..) => Chip::new("live", "check", "Connected"),
        (_, at, ..) => Chip::new("fault wrap", "look", format!("Gone{}", since(at))),
    };
    let carries = match (row.robots, row.capacity, row.sessions) {
        (Some(robots), Some(capacity), Some(sessions)) => {
            let busy = row.busy_pct.map_or_else(String::new, |pct| format!(", {pct} % busy"));
            format!("{robots} of {capacity} robots, {}{busy}", count(sessions, "pupil in class", "pupils in class"))
        }
        _ => "Not known".to_owned(),
    };
    let waits = match (row.outbox_failing, row.outbox_waiting) {
        (Some(true), _) => Chip::new("fault wrap", "look", "Its disk takes nothing new. Check the disk."),
        (_, None) => Chip::new("line", "clock", "Not known"),
        (_, Some(0)) => Chip::new("", "check", "Nothing waits"),
        (_, Some(waiting)) => {
            let text = format!("{}{}", count(waiting, "fact waits", "facts waiting"), since(row.outbox_oldest_at));
            let is_late = row.outbox_oldest_at.is_some_and(|at| now - at > TimeDelta::minutes(2));
            let full = row.outbox_full_pct.filter(|pct| *pct >= 50).map_or_else(String::new, |pct| format!(", {pct} % full"));
            Chip::new(if is_late { "look wrap" } else { "wrap" }, "clock", text + &full)
        }
    };
    let clock = match row.clock_offset_ms {
        None => Chip::new("line", "clock", "Not measured"),
        Some(ms) if ms.abs() <= attendance::MAX_SKEW_MS => Chip::new("", "check", "Right"),
        Some(ms) => Chip::new("look wrap", "clock", format!("{}. Minutes are corrected.", view::off_by(ms))),
    };
    let version = row.version.as_deref().unwrap_or("version not known");
    BridgeView { id: row.bridge_id, name: format!("{}, {version}", short(row.bridge_id)), state, carries, waits, clock }
}

/// `09:14`, `yesterday, 09:14` or `12 Nov, 09:14`, within a sentence.
fn moment_within(at: DateTime<Utc>, now: DateTime<Utc>, zone: Tz) -> String {
    let text = view::moment(at, now, zone);
    text.strip_prefix("Today, ").map_or_else(|| text.replacen('Y', "y", 1), str::to_owned)
}

fn message_view(row: &QuarantineRow, now: DateTime<Utc>, zone: Tz) -> MessageView {
    MessageView {
        id: row.quarantine_id,
        when: view::moment(row.received_at, now, zone),
        from: from_topic(&row.topic),
        reason: row.reason.clone(),
    }
}

fn lost_view(row: &LostRow, now: DateTime<Utc>, zone: Tz) -> LostView {
    let which = if row.first_seq == row.last_seq {
        format!("Message {}", row.first_seq)
    } else {
        format!("Messages {} to {}", row.first_seq, row.last_seq)
    };
    let which = if row.came > 0 { format!("{which}. Came after all: {}", row.came) } else { which };
    LostView { when: view::moment(row.noted_at, now, zone), from: short(row.device_id), which }
}

/// `…0001, presence` of a topic.
fn from_topic(topic: &str) -> String {
    let mut levels = topic.split('/').skip(2);
    let device = levels.next().and_then(|id| Uuid::parse_str(id).ok());
    let kind = levels.nth(1).unwrap_or("unknown kind");
    let kind: String = kind.chars().take(20).collect();
    device.map_or_else(|| "An unknown device".to_owned(), |id| format!("{}, {kind}", short(id)))
}

/// Enough of an id to tell devices apart.
fn short(id: Uuid) -> String {
    let text = id.simple().to_string();
    format!("…{}", &text[text.len() - 8..])
}

fn count(number: i64, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}
