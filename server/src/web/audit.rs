//! The audit log, for the auditor: who read and changed what. Ids of pupils only; the log itself names no child.

use askama::Template;
use axum::extract::State;
use axum::response::Html;
use server_core::access::Action;

use super::{Frame, page, view};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::Scope;

/// The page shows this many entries.
const SHOWN: i64 = 500;

#[derive(Template)]
#[template(path = "staff/audit.html")]
struct AuditPage {
    frame: Frame,
    rows: Vec<Row>,
}

struct Row {
    when: String,
    who: String,
    what: String,
    about: String,
}

/// `GET /audit`
pub async fn show(State(state): State<AppState>, caller: Caller) -> Result<Html<String>, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    // The log is one for all: who reaches only a part of the organisations does not read it.
    if !scope.may_everywhere(Action::ReadAudit) {
        return Err(ApiError::NotFound);
    }
    let now = state.clock.now().utc;
    let zone = scope.own_zone();
    let rows = state.store.audit(SHOWN).await?.into_iter().map(|row| Row {
        when: view::moment(row.at, now, zone),
        who: row.actor_name.unwrap_or_else(|| {
            if row.actor_kind == "tablet" { "A pupil’s tablet".to_owned() } else { "Windowseat".to_owned() }
        }),
        what: row.action,
        about: row.subject_id.map_or_else(String::new, |id| format!("{} {}", row.subject_kind, short(id))),
    });
    page(&AuditPage { rows: rows.collect(), frame: Frame::of(&caller, &scope, "Audit log", "/audit", now) })
}

/// Enough of an id to tell entries apart.
fn short(id: uuid::Uuid) -> String {
    let text = id.simple().to_string();
    text[text.len() - 8..].to_owned()
}
