//! What is due for the person who is signed in: over all cases in which they have a part today, by day; in the cases that they may
//! see, what is late and what nobody has, with who should take it; and the address by which their own calendar may read the first list.
//!
//! Lists are pages of rows that `crate::due` keeps: nothing is worked out for them. Each case of one's own that is read has its line in
//! the audit log, and the other list has one.

use std::collections::{BTreeSet, HashMap};

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Html;
use chrono::NaiveDate;
use server_core::access::{Action, Role};
use server_core::deadline::Calendars;
use server_core::deadline::ical::MAX_ENTRIES;
use server_core::party::listed;
use store::audit::{Actor, NewAudit, Subject};
use store::due::DueRow;
use store::pages::PAGE;
use store::placements::PlacementRow;
use uuid::Uuid;

use super::due::{DueView, due_view};
use super::pupils::Asked;
use super::view::Pages;
use super::{Frame, page, plan, view};
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::Scope;
use crate::{AppState, cases, due};

#[derive(Template)]
#[template(path = "staff/mine.html")]
struct MinePage {
    frame: Frame,
    about: &'static str,
    mine: Option<List>,
    cases: Option<List>,
    feed: Option<FeedView>,
}

struct List {
    rows: Vec<RowView>,
    pages: Pages,
}

struct RowView {
    pupil_id: Uuid,
    pupil_name: String,
    due: DueView,
    /// Who has it, or should take it.
    who: String,
}

struct FeedView {
    words: String,
    is_on: bool,
    /// Shown once.
    address: Option<String>,
}

/// `GET /due`
pub async fn show(State(state): State<AppState>, caller: Caller, Query(asked): Query<Asked>) -> Result<Html<String>, ApiError> {
    draw(&state, &caller, &asked, None).await
}

/// `GET /due/cases`: all pages of what is late, or nobody's.
pub async fn show_cases(
    State(state): State<AppState>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    due::catch_up_for(&state, caller.staff_id()).await?;
    let list = in_cases(&state, &caller, &scope, asked.pages("/due/cases")).await?;
    page(&MinePage {
        frame: Frame::of(&caller, &scope, "Late, or nobody’s", "/due", state.clock.now().utc),
        about: "In all cases that you may see.",
        mine: None,
        cases: Some(list),
        feed: None,
    })
}

/// The page; `address`: of the feed that was just made.
pub(super) async fn draw(
    state: &AppState,
    caller: &Caller,
    asked: &Asked,
    address: Option<String>,
) -> Result<Html<String>, ApiError> {
    let scope = Scope::of(state, caller).await?;
    let (now, zone) = (state.clock.now().utc, scope.own_zone());
    let me = caller.staff_id();
    due::catch_up_for(state, me).await?;
    let pages = asked.pages("/due");
    let rows = state.store.due_of(me, now.with_timezone(&zone).date_naive(), pages.offset(), Pages::ASK).await?;
    let mine = list(state, &scope, rows, pages, |_| String::new()).await?;
    let pupils: BTreeSet<_> = mine.rows.iter().map(|row| row.pupil_id).collect();
    let read: Vec<_> = pupils.into_iter().map(|pupil| plan::audit(caller, pupil, "read plan")).collect();
    state.store.append_audits(&read, now).await?;
    let cases = in_cases(state, caller, &scope, Pages::new("/due/cases", "", "", None)).await?;
    // Who answers for a school or an authority is told that there is nothing, too.
    let leads = caller.is(Role::Coordinator) || caller.is(Role::SchoolLead);
    let feed = state.store.due_feed_of(me).await?;
    page(&MinePage {
        frame: Frame::of(caller, &scope, "What is due", "/due", now),
        about: "For you, in every plan in which you have a part.",
        mine: Some(mine),
        cases: (leads || !cases.rows.is_empty()).then_some(cases),
        feed: Some(FeedView {
            words: match &feed {
                None => "No calendar reads this list.".to_owned(),
                Some(row) => {
                    let read = row.read_at.map_or_else(
                        || "Nothing has read it yet.".to_owned(),
                        |at| format!("Last read: {}.", view::short_date(at.with_timezone(&zone).date_naive())),
                    );
                    format!("A calendar may read this list since {}. {read}", view::moment(row.made_at, now, zone))
                }
            },
            is_on: feed.is_some(),
            address,
        }),
    })
}

/// What is open and theirs, of cases that they may read, as far as a calendar takes it.
///
/// # Errors
/// The database does not answer.
pub(super) async fn of_person(
    state: &AppState,
    scope: &Scope,
    staff_id: Uuid,
    today: NaiveDate,
) -> Result<Vec<DueRow>, ApiError> {
    due::catch_up_for(state, staff_id).await?;
    let mut rows = state.store.due_of(staff_id, today, 0, i64::try_from(MAX_ENTRIES).unwrap_or(i64::MAX)).await?;
    let known = placements(state, scope, &rows).await?;
    rows.retain(|row| known.contains_key(&row.placement_id));
    Ok(rows)
}

async fn in_cases(state: &AppState, caller: &Caller, scope: &Scope, pages: Pages) -> Result<List, ApiError> {
    let now = state.clock.now().utc;
    let today = now.with_timezone(&scope.own_zone()).date_naive();
    let rows = state.store.due_in_reach(caller.staff_id(), today, pages.offset(), Pages::ASK).await?;
    let list = list(state, scope, rows, pages, |row| match &row.who {
        Some(who) => view::sentence(&format!("with {who}")),
        None if row.due.owners.is_empty() => "Nobody has this yet.".to_owned(),
        None => format!("Nobody has this yet. To be taken by {}.", either(&listed(&row.due.owners))),
    })
    .await?;
    if !list.rows.is_empty() {
        let audit =
            NewAudit { actor: Actor::Staff(caller.staff_id()), action: "list due", subject: Subject::None, detail: None };
        state.store.append_audit(audit, now).await?;
    }
    Ok(list)
}

/// One of several takes it.
fn either(list: &str) -> String {
    list.replace(" and ", " or ")
}

/// A page of rows; there is a next page if there is one row more than fits.
async fn list(
    state: &AppState,
    scope: &Scope,
    mut rows: Vec<DueRow>,
    pages: Pages,
    who: fn(&DueRow) -> String,
) -> Result<List, ApiError> {
    let pages = pages.cut(&mut rows);
    let now = state.clock.now().utc;
    let known = placements(state, scope, &rows).await?;
    let mut days = cases::ManyDays::new(&state.store);
    let mut views = Vec::with_capacity(rows.len());
    for row in &rows {
        let Some(placement) = known.get(&row.placement_id) else { continue };
        let days = days.of(placement, row.receiving, row.due.arithmetic.calendar).await?;
        views.push(RowView {
            pupil_id: placement.pupil_id,
            pupil_name: placement.pupil_name.clone(),
            due: due_view(&row.due, &Calendars { home_school: days, provider: days, receiving_school: days }, now),
            who: who(row),
        });
    }
    Ok(List { rows: views, pages })
}

/// The placements of rows, as far as this person may read them.
async fn placements(state: &AppState, scope: &Scope, rows: &[DueRow]) -> Result<HashMap<Uuid, PlacementRow>, ApiError> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.placement_id).collect::<BTreeSet<_>>().into_iter().collect();
    let mut all = HashMap::new();
    for some in ids.chunks(PAGE) {
        let may = |row: &PlacementRow| scope.may_pupil(Action::ReadPlan, row);
        let rows = state.store.placements_named(some).await?.into_iter();
        all.extend(rows.filter(may).map(|row| (row.placement_id, row)));
    }
    Ok(all)
}
