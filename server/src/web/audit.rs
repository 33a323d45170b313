//! The audit log, for the auditor: who read and changed what. Ids of pupils only; the log itself names no child.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Html;
use serde::Deserialize;
use server_core::access::Action;
use uuid::Uuid;

use super::{Frame, page, view};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::Scope;

/// A page shows this many entries.
const SHOWN: usize = 100;

/// Which entries are asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// Those before this one.
    before: Option<Uuid>,
}

#[derive(Template)]
#[template(path = "staff/audit.html")]
struct AuditPage {
    frame: Frame,
    rows: Vec<Row>,
    is_latest: bool,
    older: Option<String>,
}

struct Row {
    when: String,
    who: String,
    what: String,
    about: String,
}

/// `GET /audit`
pub async fn show(State(state): State<AppState>, caller: Caller, Query(asked): Query<Asked>) -> Result<Html<String>, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    // The log is one for all: who reaches only a part of the organisations does not read it.
    if !scope.may_everywhere(Action::ReadAudit) {
        return Err(ApiError::NotFound);
    }
    let now = state.clock.now().utc;
    let zone = scope.own_zone();
    let mut entries = state.store.audit_page(asked.before, i64::try_from(SHOWN).unwrap_or(0) + 1).await?;
    let more = entries.len() > SHOWN;
    entries.truncate(SHOWN);
    let older = entries.last().filter(|_| more).map(|(id, _)| format!("/audit?before={id}"));
    let rows = entries.into_iter().map(|(_, row)| Row {
        when: view::moment(row.at, now, zone),
        who: row.actor_name.unwrap_or_else(|| {
            if row.actor_kind == "tablet" { "A pupil’s tablet".to_owned() } else { "Windowseat".to_owned() }
        }),
        what: row.action,
        about: row.subject_id.map_or_else(String::new, |id| format!("{} {}", row.subject_kind, short(id))),
    });
    let frame = Frame::of(&caller, &scope, "Audit log", "/audit", now);
    page(&AuditPage { rows: rows.collect(), frame, is_latest: asked.before.is_none(), older })
}

/// Enough of an id to tell entries apart.
fn short(id: Uuid) -> String {
    let text = id.simple().to_string();
    text[text.len() - 8..].to_owned()
}
