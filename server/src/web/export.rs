//! The record as files for other programs: weeks as CSV, a plan and its history as CSV or JSON, growth as CSV.
//!
//! Each file says at its head that it is the engagement record and not the register, holds the sections that its reader is given
//! (`server_core::sharing`; for the person who asks: what they may read on pages, or from elsewhere what their part is given), and has a sign for the case in its name instead of
//! the pupil's. Texts that a spreadsheet would run as a formula are marked as texts.
//! A level of growth leaves as words: it is no number here either.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use protocol::PlacementId;
use serde_json::json;
use server_core::access::Action;
use server_core::calendar::monday_of;
use server_core::deadline::ical::CaseRef;
use server_core::framework::Area;
use server_core::glide::HalfDays;
use server_core::plan::{ENGAGEMENT_LABEL, ReintegrationPlan, changes};
use server_core::sharing::{Document, Section};
use store::placements::PlacementRow;
use store::plans::PlanRow;
use uuid::Uuid;

use super::glide::{self, PlanWeeks};
use super::{documents, growth, plan};
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::{self, Scope};
use crate::{AppState, cases};

/// Rows of a history file.
const MOST_ROWS: i64 = 5_000;

/// `GET /pupils/{pupil}/export/{file}`
pub async fn get(
    State(state): State<AppState>,
    caller: Caller,
    Path((pupil, file)): Path<(Uuid, String)>,
) -> Result<Response, ApiError> {
    let needs = if file == "growth.csv" { Action::ReadFramework } else { Action::ReadPlan };
    let (placement, scope) = scope::pupil(&state, &caller, pupil, needs).await?;
    let now = state.clock.now().utc;
    let (document, action) = match file.as_str() {
        "weeks.csv" => (Document::Weeks, "export weeks"),
        "history.csv" => (Document::History, "export history"),
        "growth.csv" => (Document::Growth, "export growth"),
        "plan.json" => (Document::Plan, "export plan"),
        _ => return Err(ApiError::NotFound),
    };
    let sections = documents::own(&state, &scope, &placement, document).await?;
    state.store.append_audit(plan::audit(&caller, pupil, action), now).await?;
    let (kind, body) = made(&state, &scope, &placement, &file, &sections).await?;
    Ok(attached(&placement, &file, kind, body))
}

/// A file with the sections that its reader is given: its kind and its text.
pub(super) async fn made(
    state: &AppState,
    scope: &Scope,
    placement: &PlacementRow,
    file: &str,
    sections: &[Section],
) -> Result<(&'static str, String), ApiError> {
    let now = state.clock.now().utc;
    match file {
        "weeks.csv" => match glide::weeks_of(state, scope, placement, now).await? {
            Ok(path) => Ok((CSV, weeks_csv(&path, sections))),
            Err(_) => Err(ApiError::Conflict("The weeks are not counted yet: say on which day they begin.")),
        },
        "growth.csv" => Ok((CSV, growth_csv(&growth::every_look(state, scope, placement).await?))),
        "plan.json" | "history.csv" => {
            let row = state.store.plans_of(placement.placement_id).await?.into_iter().next().ok_or(ApiError::NotFound)?;
            if file == "plan.json" {
                Ok((JSON, plan_json(state, scope, placement, &row, sections).await?))
            } else {
                Ok((CSV, history_csv(state, scope, placement, &row).await?))
            }
        }
        _ => Err(ApiError::NotFound),
    }
}

/// The answer that a browser keeps as a file.
pub(super) fn attached(placement: &PlacementRow, file: &str, kind: &str, body: impl Into<Body>) -> Response {
    let case = CaseRef::of(PlacementId(placement.placement_id));
    let name = format!("attachment; filename=\"windowseat-{case}-{file}\"");
    ([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, name)], body.into()).into_response()
}

const CSV: &str = "text/csv; charset=utf-8";
const JSON: &str = "application/json";

/// One row. A cell that a spreadsheet would take for a formula gets an apostrophe in front of it.
pub(super) fn row(out: &mut String, cells: &[String]) {
    for (n, cell) in cells.iter().enumerate() {
        if n > 0 {
            out.push(',');
        }
        let text = if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell.clone() };
        if text.contains([',', '"', '\n', '\r']) {
            out.push('"');
            out.push_str(&text.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(&text);
        }
    }
    out.push_str("\r\n");
}

pub(super) fn texts<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

fn headed() -> String {
    let mut out = String::new();
    row(&mut out, &texts([ENGAGEMENT_LABEL]));
    out
}

fn weeks_csv(path: &PlanWeeks, sections: &[Section]) -> String {
    let PlanWeeks { clock, school_clock, weeks, odd, .. } = path;
    let mut out = headed();
    let parts = ["on site", "by robot", "elsewhere", "rest", "not known"];
    let unsaid = ["elsewhere", "rest"];
    // Half-days by robot come from the same ledger as the minutes: without it, there is only the plan.
    let with_engagement = sections.contains(&Section::Engagement);
    let mut head = texts([clock, "From"]);
    for of in ["planned", "as it was"].into_iter().take(if with_engagement { 2 } else { 1 }) {
        head.extend(parts.iter().map(|part| format!("Half-days {part}, {of}")));
    }
    if with_engagement {
        head.extend(unsaid.iter().map(|part| format!("Half-days {part}, as planned and nobody said otherwise")));
        let about = "What looks wrong about these minutes";
        head.extend(texts([
            "Minutes live in lessons by robot",
            "Half-days the school spoke for",
            "Half-days people spoke for",
            about,
        ]));
    }
    head.extend(school_clock.clone());
    row(&mut out, &head);
    let number = |number: Option<u16>| number.map_or_else(String::new, |number| number.to_string());
    let counts = |half_days: &HalfDays| {
        let HalfDays { on_site, by_robot, rest, elsewhere, unsaid: _, not_known } = half_days;
        [on_site, by_robot, elsewhere, rest, not_known].map(u16::to_string)
    };
    for week in weeks {
        let mut cells = vec![number(week.number), week.monday.to_string()];
        cells.extend(counts(&week.planned));
        match &week.actual {
            _ if !with_engagement => {}
            Some(actual) => {
                let [on_site, rest @ ..] = counts(actual);
                // Where nobody has spoken, that none was on site is no fact.
                cells.push(if week.stated > 0 { on_site } else { String::new() });
                cells.extend(rest);
                cells.extend([actual.unsaid.elsewhere, actual.unsaid.rest].map(|count| count.to_string()));
                let by_school = week.stated - week.said;
                let of_week = odd.iter().filter(|(day, _)| monday_of(*day) == week.monday);
                let about: Vec<String> = of_week.map(|(day, words)| format!("{day}: {words}")).collect();
                cells.extend([week.by_robot.get().to_string(), by_school.to_string(), week.said.to_string(), about.join(" ")]);
            }
            None => cells.extend(std::iter::repeat_n(String::new(), parts.len() + unsaid.len() + 4)),
        }
        cells.extend(school_clock.is_some().then(|| number(week.at_school)));
        row(&mut out, &cells);
    }
    out
}

fn growth_csv(looks: &[growth::Told]) -> String {
    let mut out = headed();
    row(&mut out, &texts(["Day", "Voice", "Scale", "Domain", "Area", "Step", "Note"]));
    for look in looks {
        for (area, step, note) in &look.steps {
            let area: &Area = area;
            let cells = [
                look.on.to_string(),
                look.voice.to_owned(),
                look.scale.clone(),
                area.domain().words().to_owned(),
                area.words().to_owned(),
                step.clone(),
                note.clone(),
            ];
            row(&mut out, &cells);
        }
    }
    out
}

async fn history_csv(state: &AppState, scope: &Scope, placement: &PlacementRow, kept: &PlanRow) -> Result<String, ApiError> {
    let names = plan::Names::of(state, scope, placement).await?;
    let pack = cases::pack_of(&kept.plan)?;
    let mut out = headed();
    row(&mut out, &texts(["When", "Who", "Field", "What", "From", "To"]));
    for change in state.store.plan_history(kept.plan_id, None, None, MOST_ROWS).await? {
        let told =
            |text: &Option<String>| text.as_deref().map_or_else(String::new, |text| names.value(pack, &change.field, text));
        let who = change.actor_name.clone().unwrap_or_else(|| change.actor_kind.clone());
        let title = plan::title(pack, &change.field);
        let cells = [change.at.to_rfc3339(), who, change.field.clone(), title, told(&change.from_text), told(&change.to_text)];
        row(&mut out, &cells);
    }
    Ok(out)
}

async fn plan_json(
    state: &AppState,
    scope: &Scope,
    placement: &PlacementRow,
    kept: &PlanRow,
    sections: &[Section],
) -> Result<String, ApiError> {
    let names = plan::Names::of(state, scope, placement).await?;
    let pack = cases::pack_of(&kept.plan)?;
    let basis = kept.plan.basis();
    // Everything in which the plan differs from an empty one with the same beginning: so no field can be left out.
    let empty = ReintegrationPlan::draft(pack, basis.clone()).map_err(|error| anyhow::anyhow!("{error}"))?;
    let fields: Vec<_> = changes(empty.parts(), kept.plan.parts())
        .into_iter()
        .filter(|change| sections.contains(&Section::of_field(pack, &change.field)))
        .filter_map(|change| {
            let text = change.to?;
            Some(json!({
                "field": change.field,
                "title": plan::title(pack, &change.field),
                "value": names.value(pack, &change.field, text.expose()),
            }))
        })
        .collect();
    let body = json!({
        "ledger": ENGAGEMENT_LABEL,
        "case": CaseRef::of(PlacementId(placement.placement_id)).to_string(),
        "made_at": state.clock.now().utc,
        "policy": { "id": pack.key.id.as_str(), "version": pack.key.version, "title": pack.title },
        "route": basis.route.code(),
        "planned_weeks": kept.plan.planned_weeks(pack),
        "revision": kept.plan.revision().0,
        "sections": sections.iter().map(|section| section.code()).collect::<Vec<_>>(),
        "in_their_words": basis.in_their_words.as_ref().filter(|_| sections.contains(&Section::Goals)).map(|words| words.expose()),
        "fields": fields,
    });
    Ok(serde_json::to_string_pretty(&body).map_err(anyhow::Error::from)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_no_cell_is_a_formula() {
        let mut out = String::new();
        row(&mut out, &texts(["=1+1", "a,b", "say \"hi\"", "two\nlines", "plain", "-5"]));
        assert_eq!(out, "'=1+1,\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",plain,'-5\r\n");
    }
}
