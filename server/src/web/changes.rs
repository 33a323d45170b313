//! What was changed around a pupil, beside the plan: who, when, from, to; the newest first, in words and with names.
//!
//! Each thing is read here by whoever reads the thing itself: looks at the framework by those who read the framework, what helps by those
//! of them who have the pupil, the pupil's number by those who keep the case. The plan's own fields have their history beside it; a table of costs is an authority's,
//! and has its own page for those who read costs.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Html;
use chrono::NaiveTime;
use chrono_tz::Tz;
use serde::Deserialize;
use server_core::access::Action;
use server_core::sharing::Section;
use store::changes::{ChangeOf, ChangeRow, Sight};
use uuid::Uuid;

use self::told::Told;
use super::view::{self, Pages};
use super::{Frame, page, plan};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope;

pub(super) mod told;

/// Which page is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// From 1.
    pub(super) page: Option<i64>,
}

#[derive(Template)]
#[template(path = "staff/changes.html")]
pub(super) struct ChangesPage {
    pub(super) frame: Frame,
    /// Of whom; none: of an authority's costs.
    pub(super) pupil: Option<(Uuid, String)>,
    pub(super) about: &'static str,
    pub(super) rows: Vec<Row>,
    pub(super) pages: Pages,
}

/// One field of one change.
pub(super) struct Row {
    pub(super) when: String,
    pub(super) who: String,
    pub(super) title: String,
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
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
        own_notes: !scope.is_from_elsewhere(&placement),
        number: scope.may_pupil(Action::KeepCase, &placement),
    };
    let pages = Pages::new(format!("/pupils/{pupil}/changes"), "", "", asked.page);
    let mut changes = state.store.case_changes(pupil, placement.placement_id, sight, Pages::ASK, pages.offset()).await?;
    let pages = pages.cut(&mut changes);
    let told = Told::of(&state, &scope, &placement, &changes).await?;
    let zone = scope.zone(placement.school_id);
    page(&ChangesPage {
        rows: changes.iter().flat_map(|change| rows(change, told.sides(change), zone)).collect(),
        frame: Frame::of(&caller, &scope, format!("What was changed around {}", placement.pupil_name), "/pupils", now),
        pupil: Some((pupil, placement.pupil_name)),
        about: "Goals, looks, arrangements, limits, days, half-days, people and details: who changed what, and when. Nobody can change or remove an entry.",
        pages,
    })
}

/// The rows of one change: a line each that differs.
pub(super) fn rows(change: &ChangeRow, sides: Vec<told::Side>, zone: Tz) -> Vec<Row> {
    let who = view::actor(&change.actor_kind, change.actor_name.as_deref());
    let when = match change.of {
        // A word about a limit from before its moment was kept: of its day alone, from the first second on.
        ChangeOf::Word if change.at.time() == NaiveTime::MIN => view::full_date(change.at.date_naive()),
        _ => view::full_moment(change.at, zone),
    };
    sides
        .into_iter()
        .map(|side| Row { when: when.clone(), who: who.clone(), title: side.title, from: side.from, to: side.to })
        .collect()
}

/// The revisions of one sheet as changes: each with the one before it. `revisions`: the newest first.
pub(super) fn revisions(kind: &str, revisions: Vec<store::sheets::SheetRow>) -> Vec<ChangeRow> {
    let before: Vec<Option<String>> = revisions.iter().skip(1).map(|row| Some(row.body.clone())).chain([None]).collect();
    let change = |(row, from_text): (store::sheets::SheetRow, Option<String>)| ChangeRow {
        of: ChangeOf::Sheet,
        what: kind.to_owned(),
        from_text,
        to_text: Some(row.body),
        from_by: None,
        to_by: None,
        actor_kind: row.actor_kind,
        actor_name: row.actor_name,
        at: row.at,
    };
    revisions.into_iter().zip(before).map(change).collect()
}
