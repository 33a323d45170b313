//! What was before: a pupil's earlier placements with their plans, to be read and no more.
//!
//! A new placement hides nothing. Each plan is read by whoever may read the placement that it belongs to (`server_core::access`): a
//! school keeps what it took part in, and gains nothing of what came later. A plan is shown as its document, so nothing on the page
//! can change it; each reading is in the audit log first.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Html;
use paper::Block;
use server_core::access::Action;
use store::placements::PlacementRow;
use store::plans::PlanRow;
use uuid::Uuid;

use super::view::{self, Chip};
use super::{Frame, documents, page, plan};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::{self, Scope};
use crate::cases::pack_of;

#[derive(Template)]
#[template(path = "staff/earlier.html")]
struct EarlierPage {
    frame: Frame,
    pupil_id: Uuid,
    pupil_name: String,
    /// There is a placement that runs, and it is theirs to see.
    has_now: bool,
    rows: Vec<RowView>,
}

struct RowView {
    days: String,
    school: String,
    with: String,
    plans: Vec<PlanView>,
}

struct PlanView {
    id: Uuid,
    route: String,
    state: Chip,
}

#[derive(Template)]
#[template(path = "staff/earlier_plan.html")]
struct EarlierPlanPage {
    frame: Frame,
    pupil_id: Uuid,
    pupil_name: String,
    about: String,
    /// In reading order; apart: what belongs to the other ledger.
    groups: Vec<(bool, Vec<Block>)>,
}

/// Placements of a pupil before the one that opens the record, the latest first, with the plans that it hides; and the one that opens it.
async fn before(
    state: &AppState,
    scope: &Scope,
    caller: &Caller,
    pupil: Uuid,
) -> Result<(Vec<(PlacementRow, Vec<PlanRow>)>, Option<PlacementRow>), ApiError> {
    let current = match scope::pupil(state, caller, pupil, Action::ReadPlan).await {
        Ok((placement, _)) => Some(placement),
        Err(ApiError::NotFound) => None,
        Err(error) => return Err(error),
    };
    let mut plans: Vec<PlanRow> = state.store.plans_of_pupils(&[pupil]).await?.into_iter().map(|(_, row)| row).collect();
    // The first is the first; people look for the last.
    plans.reverse();
    let mut all = Vec::new();
    for row in state.store.placements_of(pupil).await? {
        let is_now = current.as_ref().is_some_and(|now| now.placement_id == row.placement_id);
        let is_over = row.until_day < scope.today(row.school_id, state.clock.now().utc);
        if !scope.may_pupil(Action::ReadPlan, &row) || !(is_now || is_over) {
            continue;
        }
        let own = plans.iter().filter(|plan| plan.placement_id == row.placement_id);
        // The latest plan of the placement that opens the record has its own page.
        let own: Vec<PlanRow> = own.skip(usize::from(is_now)).cloned().collect();
        if !is_now || !own.is_empty() {
            all.push((row, own));
        }
    }
    Ok((all, current))
}

/// Whether there is anything before what a pupil's pages show.
///
/// # Errors
/// The database does not answer.
pub async fn is_any(state: &AppState, scope: &Scope, caller: &Caller, pupil: Uuid) -> Result<bool, ApiError> {
    Ok(!before(state, scope, caller, pupil).await?.0.is_empty())
}

/// `GET /pupils/{pupil}/earlier`
pub async fn list(State(state): State<AppState>, caller: Caller, Path(pupil): Path<Uuid>) -> Result<Html<String>, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    let (rows, current) = before(&state, &scope, &caller, pupil).await?;
    let named = rows.first().map(|(row, _)| row).or(current.as_ref());
    let name = named.ok_or(ApiError::NotFound)?.pupil_name.clone();
    let now = state.clock.now().utc;
    state.store.append_audit(plan::audit(&caller, pupil, "read earlier placements"), now).await?;
    let plan_view = |row: PlanRow| -> Result<PlanView, ApiError> {
        let pack = pack_of(&row.plan)?;
        Ok(PlanView {
            id: row.plan_id,
            route: plan::route_words(pack, &row.plan),
            state: plan::state_chip(row.plan.state(), now.date_naive()),
        })
    };
    let row_view = |(row, plans): (PlacementRow, Vec<PlanRow>)| -> Result<RowView, ApiError> {
        Ok(RowView {
            days: format!("{} to {}", view::full_date(row.from_day), view::full_date(row.until_day)),
            school: row.school_name,
            with: row.provider_name.map_or_else(String::new, |name| format!("With {name}. ")),
            plans: plans.into_iter().map(plan_view).collect::<Result<_, _>>()?,
        })
    };
    page(&EarlierPage {
        frame: Frame::of(&caller, &scope, format!("Earlier placements of {name}"), "/pupils", now),
        pupil_id: pupil,
        pupil_name: name,
        has_now: current.is_some(),
        rows: rows.into_iter().map(row_view).collect::<Result<_, _>>()?,
    })
}

/// `GET /pupils/{pupil}/earlier/{plan}`
pub async fn one(
    State(state): State<AppState>,
    caller: Caller,
    Path((pupil, plan_id)): Path<(Uuid, Uuid)>,
) -> Result<Html<String>, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    let row = state.store.plan(plan_id).await?.ok_or(ApiError::NotFound)?;
    let placement = state.store.placement(row.placement_id).await?.filter(|placement| placement.pupil_id == pupil);
    let placement = placement.filter(|placement| scope.may_pupil(Action::ReadPlan, placement)).ok_or(ApiError::NotFound)?;
    let now = state.clock.now().utc;
    state.store.append_audit(plan::audit(&caller, pupil, "read earlier plan"), now).await?;
    let document = documents::read_only(&state, &scope, &placement, row).await?;
    page(&EarlierPlanPage {
        frame: Frame::of(&caller, &scope, document.title, "/pupils", now),
        pupil_id: pupil,
        about: format!(
            "{}. {} to {}. To be read only.",
            placement.school_name,
            view::full_date(placement.from_day),
            view::full_date(placement.until_day)
        ),
        pupil_name: placement.pupil_name,
        groups: groups(document.blocks),
    })
}

/// Blocks one after another, those of the other ledger by themselves.
fn groups(blocks: Vec<Block>) -> Vec<(bool, Vec<Block>)> {
    let mut groups: Vec<(bool, Vec<Block>)> = Vec::new();
    for block in blocks {
        match (block, groups.last_mut()) {
            (Block::Apart(inner), _) => groups.push((true, inner)),
            (block, Some((false, group))) => group.push(block),
            (block, _) => groups.push((false, vec![block])),
        }
    }
    groups
}
