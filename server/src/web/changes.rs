//! What was changed around a pupil, beside the plan: who, when, from, to; the newest first, in words and with names.
//!
//! Each thing is read here by whoever reads the thing itself: looks at the framework and what helps by those who read the framework, the
//! pupil's number by those who keep the case. The plan's own fields have their history beside it; a table of costs is an authority's,
//! and has its own page for those who read costs.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Html;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use server_core::access::Action;
use server_core::sharing::Section;
use store::changes::{ChangeOf, ChangeRow, Sight};
use store::pages::PAGE;
use uuid::Uuid;

use self::told::Told;
use super::view;
use super::{Frame, page, plan};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope;

pub(super) mod told;

/// Pages after this one are not offered.
const LAST_PAGE: i64 = 1_000;

/// Which page is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// From 1.
    page: Option<i64>,
}

#[derive(Template)]
#[template(path = "staff/changes.html")]
pub(super) struct ChangesPage {
    pub(super) frame: Frame,
    /// Of whom; none: of an authority's costs.
    pub(super) pupil: Option<(Uuid, String)>,
    pub(super) about: &'static str,
    pub(super) rows: Vec<Row>,
    pub(super) is_first: bool,
    pub(super) newer: Option<String>,
    pub(super) older: Option<String>,
}

/// One field of one change.
pub(super) struct Row {
    pub(super) when: String,
    pub(super) who: String,
    pub(super) title: String,
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
}

/// Which rows a page shows, and where the others are.
pub(super) struct Paged {
    base: String,
    page: i64,
}

impl Paged {
    /// Page by page at `base`.
    pub(super) fn at(base: String, asked: &Asked) -> Self {
        Self { base, page: asked.page.unwrap_or(1).clamp(1, LAST_PAGE) }
    }

    pub(super) fn limit() -> i64 {
        i64::try_from(PAGE).unwrap_or(0) + 1
    }

    pub(super) fn offset(&self) -> i64 {
        (self.page - 1) * i64::try_from(PAGE).unwrap_or(0)
    }

    pub(super) fn is_first(&self) -> bool {
        self.page == 1
    }

    pub(super) fn newer(&self) -> Option<String> {
        (self.page > 1).then(|| format!("{}?page={}", self.base, self.page - 1))
    }

    /// Leaves what one page holds of `rows`, and says where more are.
    pub(super) fn older<T>(&self, rows: &mut Vec<T>) -> Option<String> {
        let more = rows.len() > PAGE && self.page < LAST_PAGE;
        rows.truncate(PAGE);
        more.then(|| format!("{}?page={}", self.base, self.page + 1))
    }
}

/// `GET /pupils/{pupil}/changes`
pub async fn show(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::ReadPlan).await?;
    let now = state.clock.now().utc;
    state.store.append_audit(plan::audit(&caller, pupil, "read changes"), now).await?;
    let sight = Sight {
        framework: scope.may_pupil(Section::Growth.read_by().action(), &placement),
        number: scope.may_pupil(Action::KeepCase, &placement),
    };
    let paged = Paged::at(format!("/pupils/{pupil}/changes"), &asked);
    let mut changes = state.store.case_changes(pupil, placement.placement_id, sight, Paged::limit(), paged.offset()).await?;
    let older = paged.older(&mut changes);
    let told = Told::of(&state, &scope, &placement, &changes).await?;
    let zone = scope.zone(placement.school_id);
    page(&ChangesPage {
        rows: changes.iter().flat_map(|change| rows(change, told.sides(change), zone)).collect(),
        frame: Frame::of(&caller, &scope, format!("What was changed around {}", placement.pupil_name), "/pupils", now),
        pupil: Some((pupil, placement.pupil_name)),
        about: "Goals, looks, arrangements, days, people and details: who changed what, and when. Nobody can change or remove an entry.",
        is_first: paged.is_first(),
        newer: paged.newer(),
        older,
    })
}

/// The rows of one change: a line each that differs.
pub(super) fn rows(change: &ChangeRow, sides: Vec<told::Side>, zone: Tz) -> Vec<Row> {
    let who = change.actor_name.clone().unwrap_or_else(|| match change.actor_kind.as_str() {
        "tablet" => "The pupil".to_owned(),
        _ => "Windowseat".to_owned(),
    });
    let when = when(change.at, zone);
    sides
        .into_iter()
        .map(|side| Row { when: when.clone(), who: who.clone(), title: side.title, from: side.from, to: side.to })
        .collect()
}

fn when(at: DateTime<Utc>, zone: Tz) -> String {
    format!("{}, {}", view::full_date(at.with_timezone(&zone).date_naive()), view::clock(at, zone))
}

/// The revisions of one sheet as changes: each with the one before it. `revisions`: the newest first.
pub(super) fn revisions(kind: &str, revisions: Vec<store::sheets::SheetRow>) -> Vec<ChangeRow> {
    let before: Vec<Option<String>> = revisions.iter().skip(1).map(|row| Some(row.body.clone())).chain([None]).collect();
    let change = |(row, from_text): (store::sheets::SheetRow, Option<String>)| ChangeRow {
        of: ChangeOf::Sheet,
        what: kind.to_owned(),
        from_text,
        to_text: Some(row.body),
        actor_kind: row.actor_kind,
        actor_name: row.actor_name,
        at: row.at,
    };
    revisions.into_iter().zip(before).map(change).collect()
}
