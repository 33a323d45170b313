//! What a group's return costs, in exact pence, for whoever answers for an authority's money.
//!
//! A saving is never shown without "if sustained": the core's type has no other form. Lines have a place and no name, and are not
//! ordered by cost. An authority has one table; every revision of it is kept, and of two people who save at once the second chooses.

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use server_core::access::{Action, Subject as About};
use server_core::cost::{CostLine, CostTable, Pence, Ratio};
use store::audit::{Actor, NewAudit, Subject};
use store::kept;
use store::sheets::{NewSheet, Owner, Saved, SheetKind};
use uuid::Uuid;

use super::changes::{self, ChangesPage};
use super::plan::Sent;
use super::view::Pages;
use super::{Frame, page, view};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::Scope;

/// Lines that the form offers.
const LINES: u16 = 12;
/// A school year has so many weeks for the question when a return has paid for itself.
const SCHOOL_WEEKS: u16 = 39;

#[derive(Template)]
#[template(path = "staff/costs.html")]
struct CostsPage {
    frame: Frame,
    wrong: String,
    meanwhile: String,
    revision: i64,
    weeks: String,
    lines: Vec<LineView>,
    sums: Vec<(&'static str, String)>,
    rows: Vec<[String; 6]>,
    totals: [String; 3],
    may_edit: bool,
}

struct LineView {
    n: u16,
    setting: String,
    current: String,
    adults: String,
    pupils: String,
    transition: String,
    mainstream: String,
}

/// The authority whose costs this person sees: the first at the top of the tree.
fn authority(scope: &Scope, action: Action) -> Option<Uuid> {
    let mut all = scope.organisation_names().map(|(id, _)| id).filter(|id| scope.may(action, &About::Organisation(*id)));
    let all: Vec<Uuid> = all.by_ref().collect();
    all.iter().copied().find(|id| scope.parent_of(*id).is_none_or(|parent| !all.contains(&parent)))
}

async fn kept_table(state: &AppState, owner: Uuid) -> Result<Option<(i64, CostTable)>, ApiError> {
    let rows = state.store.sheets(Owner::Organisation(owner), SheetKind::Costs).await?;
    let Some(row) = rows.into_iter().find(|row| row.sheet_id == owner) else { return Ok(None) };
    let table = kept::read_costs(&row.body).ok_or_else(|| anyhow::anyhow!("a table of costs is not readable"))?;
    Ok(Some((row.revision, table)))
}

/// `GET /costs`
pub async fn show(State(state): State<AppState>, caller: Caller) -> Result<Html<String>, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    let owner = authority(&scope, Action::ReadCosts).ok_or(ApiError::NotFound)?;
    let kept = kept_table(&state, owner).await?;
    draw(&state, &caller, &scope, kept, &Sent::new(), String::new(), String::new())
}

/// `GET /costs/changes`: who changed the table, when, from what and to what.
pub async fn changes(
    State(state): State<AppState>,
    caller: Caller,
    Query(asked): Query<changes::Asked>,
) -> Result<Html<String>, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    let owner = authority(&scope, Action::ReadCosts).ok_or(ApiError::NotFound)?;
    let (now, zone) = (state.clock.now().utc, scope.own_zone());
    let pages = Pages::new("/costs/changes", "", "", asked.page);
    // Each revision is told from the one before it.
    let limit = pages.offset() + Pages::ASK + 1;
    let sheets = state.store.sheet_history(owner, limit).await?;
    let mut all: Vec<_> = changes::revisions(SheetKind::Costs.as_str(), sheets);
    all.drain(..usize::try_from(pages.offset()).unwrap_or(0).min(all.len()));
    let pages = pages.cut(&mut all);
    let rows = all.iter().flat_map(|change| changes::rows(change, changes::told::of_costs(change), zone)).collect();
    page(&ChangesPage {
        frame: Frame::of(&caller, &scope, "What was changed in the costs", "/costs", now),
        pupil: None,
        about: "Who changed the table, and when. Nobody can change or remove an entry.",
        rows,
        pages,
    })
}

/// `POST /costs`
pub async fn save(State(state): State<AppState>, caller: Caller, Form(sent): Form<Sent>) -> Result<Response, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    let owner = authority(&scope, Action::EditCosts).ok_or(ApiError::NotFound)?;
    let based_on = sent.get("revision").and_then(|revision| revision.parse().ok()).unwrap_or(-1);
    let table = match read(&sent) {
        Ok(table) => table,
        Err(wrong) => {
            let kept = kept_table(&state, owner).await?;
            let html = draw(&state, &caller, &scope, kept, &sent, wrong, String::new())?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, html).into_response());
        }
    };
    let body = kept::written_costs(&table);
    let sheet = NewSheet {
        sheet_id: owner,
        based_on,
        kind: SheetKind::Costs,
        owner: Owner::Organisation(owner),
        day: None,
        body: &body,
    };
    let who = Actor::Staff(caller.staff_id());
    let audit = NewAudit { actor: who, action: "change costs", subject: Subject::None, detail: None };
    match state.store.save_sheet(&sheet, audit, state.clock.now().utc).await? {
        Saved::As(_) => Ok(Redirect::to("/costs").into_response()),
        Saved::Meanwhile(row) => {
            let who = row.actor_name.clone().unwrap_or_else(|| "Somebody else".to_owned());
            let kept = kept::read_costs(&row.body).map(|table| (row.revision, table));
            let html = draw(&state, &caller, &scope, kept, &sent, String::new(), who)?;
            Ok((StatusCode::CONFLICT, html).into_response())
        }
        Saved::NoSheet => Err(ApiError::BadRequest("Open the page again: the form has lost what it was based on.")),
    }
}

fn read(sent: &Sent) -> Result<CostTable, String> {
    let text = |name: &str, n: u16| sent.get(&format!("{name}-{n}")).map_or("", |text| text.trim());
    let mut lines = Vec::new();
    for n in 1..=LINES {
        if ["setting", "current", "transition", "mainstream"].iter().all(|name| text(name, n).is_empty()) {
            continue;
        }
        let amount = |name: &str| text(name, n).parse::<Pence>().map_err(|error| format!("Line {n}: {error}."));
        let count = |name: &str| {
            let count = text(name, n).parse().ok().filter(|count: &u8| *count > 0);
            count.ok_or_else(|| format!("Line {n}: write how many adults for how many pupils."))
        };
        lines.push(CostLine {
            line: n,
            setting: text("setting", n).chars().filter(|c| !c.is_control()).take(100).collect(),
            current: amount("current")?,
            ratio: Ratio { adults: count("adults")?, pupils: count("pupils")? },
            transition: amount("transition")?,
            mainstream: amount("mainstream")?,
        });
    }
    let weeks = sent.get("weeks").and_then(|weeks| weeks.trim().parse().ok()).unwrap_or(0);
    CostTable::new(lines, weeks).map_err(|error| view::sentence(&error.to_string()))
}

fn draw(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    kept: Option<(i64, CostTable)>,
    sent: &Sent,
    wrong: String,
    meanwhile: String,
) -> Result<Html<String>, ApiError> {
    let table = kept.as_ref().map(|(_, table)| table);
    let line = |n: u16| {
        let one = table.and_then(|table| table.lines().iter().find(|line| line.line == n));
        let value = |name: &str, kept: Option<String>| {
            if sent.is_empty() {
                kept.unwrap_or_default()
            } else {
                sent.get(&format!("{name}-{n}")).cloned().unwrap_or_default()
            }
        };
        LineView {
            n,
            setting: value("setting", one.map(|line| line.setting.clone())),
            current: value("current", one.map(|line| line.current.to_string())),
            adults: value("adults", one.map(|line| line.ratio.adults.to_string())),
            pupils: value("pupils", one.map(|line| line.ratio.pupils.to_string())),
            transition: value("transition", one.map(|line| line.transition.to_string())),
            mainstream: value("mainstream", one.map(|line| line.mainstream.to_string())),
        }
    };
    let weeks = table.map_or_else(String::new, |table| table.weeks().to_string());
    page(&CostsPage {
        frame: Frame::of(caller, scope, "What returns cost", "/costs", state.clock.now().utc),
        wrong,
        meanwhile,
        revision: kept.as_ref().map_or(0, |(revision, _)| *revision),
        weeks: sent.get("weeks").cloned().unwrap_or(weeks),
        lines: (1..=LINES).map(line).collect(),
        sums: table.map(sums).unwrap_or_default(),
        rows: table.map(rows).unwrap_or_default(),
        totals: table.map_or_else(Default::default, |table| {
            let totals = table.totals();
            [totals.current, totals.transition, totals.mainstream].map(|sum| sum.to_string())
        }),
        may_edit: authority(scope, Action::EditCosts).is_some(),
    })
}

fn rows(table: &CostTable) -> Vec<[String; 6]> {
    let row = |line: &CostLine| {
        [
            line.line.to_string(),
            line.setting.clone(),
            line.current.to_string(),
            format!("{}:{}", line.ratio.adults, line.ratio.pupils),
            line.transition.to_string(),
            line.mainstream.to_string(),
        ]
    };
    table.lines().iter().map(row).collect()
}

fn sums(table: &CostTable) -> Vec<(&'static str, String)> {
    let mut all = vec![
        ("The transition, once", format!("{} over {} weeks", table.totals().transition, table.weeks())),
        ("First year, if all return for all of it", table.first_year().to_string()),
    ];
    if let Some((each, left)) = table.per_pupil_week() {
        let left = if left.get() == 0 { String::new() } else { format!(", and {left} left over") };
        all.insert(1, ("The transition, for each pupil and week", format!("{each}{left}")));
    }
    all.push(match table.break_even(SCHOOL_WEEKS) {
        Some(even) => (
            "When it has paid for itself",
            format!("after {} school weeks if all stay, or if {} stay for the year", even.weeks, even.pupils),
        ),
        None => ("When it has paid for itself", "not within a school year".to_owned()),
    });
    all
}
