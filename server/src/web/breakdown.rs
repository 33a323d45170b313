//! A serious breakdown: which kind, in whose words, who decided, and who is owed a word until somebody says that it was given.
//!
//! Writing it down ends nothing. A person ends the plan, here and with an outcome that is no success; the program tells nobody by itself
//! (see `server_core::plan::breakdown`).

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::NaiveDate;
use server_core::access::Action;
use server_core::party::{Party, PersonId};
use server_core::plan::{Breakdown, Change, Closure, PlanState, owed};
use server_core::policy::Pack;
use store::kept;
use store::placements::PlacementRow;
use store::plans::{Changed, PlanRow};
use store::sheets::{NewSheet, Owner, Saved, SheetKind};
use uuid::Uuid;

use super::plan::{self, Choice, Sent, choices, code, optional_words, words};
use super::view::{self, Chip};
use super::{Frame, page};
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::{self, Scope};
use crate::{AppState, cases};

#[derive(Template)]
#[template(path = "staff/breakdown.html")]
struct BreakdownPage {
    frame: Frame,
    pupil_id: Uuid,
    pupil_name: String,
    wrong: String,
    may_edit: bool,
    has_plan: bool,
    may_end: bool,
    kept: Vec<KeptView>,
    categories: Vec<Choice>,
    on: String,
    today: NaiveDate,
    what: String,
    outcomes: Vec<Choice>,
    well: String,
    right: String,
}

struct KeptView {
    id: Uuid,
    title: String,
    kinds: Vec<String>,
    what: String,
    by: String,
    owed: Vec<OwedView>,
}

struct OwedView {
    party: &'static str,
    words: String,
    chip: Chip,
    is_open: bool,
}

pub(super) type Known = (Uuid, i64, Breakdown);

/// `GET /pupils/{pupil}/breakdown`
pub async fn show(State(state): State<AppState>, caller: Caller, Path(pupil): Path<Uuid>) -> Result<Html<String>, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::ReadPlan).await?;
    state.store.append_audit(plan::audit(&caller, pupil, "read breakdowns"), state.clock.now().utc).await?;
    draw(&state, &caller, &scope, &placement, &Sent::new(), String::new()).await
}

/// `POST /pupils/{pupil}/breakdown`: one is written down, somebody was told, or the plan ends after it.
pub async fn change(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::EditPlan).await?;
    let now = state.clock.now().utc;
    let today = scope.today(placement.school_id, now);
    let Some(row) = state.store.plans_of(placement.placement_id).await?.into_iter().next() else {
        let wrong = "There is no plan that could break down.".to_owned();
        let html = draw(&state, &caller, &scope, &placement, &sent, wrong).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, html).into_response());
    };
    let pack = cases::pack_of(&row.plan)?;
    let me = PersonId(caller.staff_id());
    let id: Option<Uuid> = sent.get("breakdown").and_then(|id| id.parse().ok());
    let known = breakdowns(&state, &placement).await?.into_iter().find(|(known, ..)| Some(*known) == id);
    let done = match sent.get("what-for").map(String::as_str) {
        Some("write") => match written(pack, &sent, me, today) {
            Ok(breakdown) => keep(&state, &caller, &placement, (Uuid::now_v7(), 0, breakdown)).await?,
            Err(wrong) => Err(wrong),
        },
        Some("told") => match told(pack, &sent, known, me, today) {
            Ok(known) => keep(&state, &caller, &placement, known).await?,
            Err(wrong) => Err(wrong),
        },
        Some("end") => end(&state, &caller, &placement, (&row, pack), known, &sent, today).await?,
        _ => Err("Choose what to do.".to_owned()),
    };
    match done {
        Ok(()) => Ok(Redirect::to(&format!("/pupils/{pupil}/breakdown")).into_response()),
        Err(wrong) => {
            let html = draw(&state, &caller, &scope, &placement, &sent, wrong).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, html).into_response())
        }
    }
}

/// A placement's serious breakdowns, with id and revision.
///
/// # Errors
/// The database does not answer, or holds what this program cannot read.
pub(super) async fn breakdowns(state: &AppState, placement: &PlacementRow) -> Result<Vec<Known>, ApiError> {
    let rows = state.store.sheets(Owner::Placement(placement.placement_id), SheetKind::Breakdown).await?;
    let all: Option<Vec<Known>> =
        rows.iter().map(|row| Some((row.sheet_id, row.revision, kept::read_breakdown(&row.body)?))).collect();
    Ok(all.ok_or_else(|| anyhow::anyhow!("a breakdown is not readable"))?)
}

fn written(pack: &Pack, sent: &Sent, me: PersonId, today: NaiveDate) -> Result<Breakdown, String> {
    let list = pack.list("breakdown").iter().map(|(code, _)| code);
    let categories: std::collections::BTreeSet<_> =
        list.filter(|code| sent.contains_key(&format!("kind-{code}"))).cloned().collect();
    if categories.is_empty() {
        return Err("Choose at least one kind of breakdown.".to_owned());
    }
    let on = sent.get("on").and_then(|day| day.trim().parse().ok()).filter(|on: &NaiveDate| *on <= today);
    let on = on.ok_or("Choose the day: today, or one before.")?;
    Ok(Breakdown { on, categories, what: words(sent, "what", "What happened")?, decided_by: me, told: Vec::new() })
}

fn told(pack: &Pack, sent: &Sent, known: Option<Known>, me: PersonId, today: NaiveDate) -> Result<Known, String> {
    let (id, revision, mut breakdown) = known.ok_or("That breakdown is not there.")?;
    let party = sent.get("party").and_then(|code| Party::from_code(code));
    let party = party.filter(|party| pack.breakdown.notify.contains(party)).ok_or("The policy does not name this party.")?;
    breakdown.told.push((party, me, today));
    Ok((id, revision, breakdown))
}

async fn keep(
    state: &AppState,
    caller: &Caller,
    placement: &PlacementRow,
    (sheet_id, based_on, breakdown): Known,
) -> Result<Result<(), String>, ApiError> {
    let body = kept::written_breakdown(&breakdown);
    let sheet = NewSheet {
        sheet_id,
        based_on,
        kind: SheetKind::Breakdown,
        owner: Owner::Placement(placement.placement_id),
        day: Some(breakdown.on),
        body: &body,
    };
    let audit = plan::audit(caller, placement.pupil_id, "write breakdown");
    Ok(match state.store.save_sheet(&sheet, audit, state.clock.now().utc).await? {
        Saved::As(_) => Ok(()),
        Saved::Meanwhile(_) => Err("Somebody else wrote here at this moment. Look, then do it again.".to_owned()),
        Saved::NoSheet => Err("That breakdown is not there.".to_owned()),
    })
}

async fn end(
    state: &AppState,
    caller: &Caller,
    placement: &PlacementRow,
    (row, pack): (&PlanRow, &Pack),
    known: Option<Known>,
    sent: &Sent,
    today: NaiveDate,
) -> Result<Result<(), String>, ApiError> {
    let Some((_, _, breakdown)) = known else { return Ok(Err("Choose after which breakdown it ends.".to_owned())) };
    let closure = || -> Result<Closure, String> {
        Ok(Closure {
            on: today,
            outcome: code(sent, "outcome", "How it ended")?,
            went_well: words(sent, "well", "What went well")?,
            could_be_better: optional_words(sent, "better", "What could be better")?,
            provider_withdrew: None,
            support_until: None,
            follow_up: Vec::new(),
        })
    };
    let closure = match closure() {
        Ok(closure) => closure,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let changes = vec![Change::EndAfterBreakdown(breakdown, closure)];
    let (audit, now) = (plan::audit(caller, placement.pupil_id, "end plan"), state.clock.now().utc);
    Ok(match state.store.change_plan(row.plan_id, row.plan.revision(), pack, changes, audit, now).await? {
        Changed::Made(_) => Ok(()),
        Changed::Meanwhile { .. } => Err("Somebody else changed the plan at this moment. Look, then do it again.".to_owned()),
        Changed::Refused(refusal) => Err(view::sentence(&refusal.to_string())),
        Changed::NoPlan => return Err(ApiError::NotFound),
    })
}

async fn draw(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    placement: &PlacementRow,
    sent: &Sent,
    wrong: String,
) -> Result<Html<String>, ApiError> {
    let now = state.clock.now().utc;
    let today = scope.today(placement.school_id, now);
    let names = plan::Names::of(state, scope, placement).await?;
    let row = state.store.plans_of(placement.placement_id).await?.into_iter().next();
    let pack = match &row {
        Some(row) => Some(cases::pack_of(&row.plan)?),
        None => None,
    };
    let typed = |name: &str| sent.get(name).cloned().unwrap_or_default();
    let all = breakdowns(state, placement).await?;
    let kinds = pack.map(|pack| pack.list("breakdown")).unwrap_or_default();
    let success = pack.map(|pack| pack.closure.success.to_string()).unwrap_or_default();
    page(&BreakdownPage {
        frame: Frame::of(caller, scope, "A serious breakdown", "/pupils", now),
        pupil_id: placement.pupil_id,
        pupil_name: placement.pupil_name.clone(),
        wrong,
        may_edit: scope.may_pupil(Action::EditPlan, placement),
        has_plan: row.is_some(),
        may_end: row.as_ref().is_some_and(|row| matches!(row.plan.state(), PlanState::Open | PlanState::Returning { .. })),
        kept: pack.map_or_else(Vec::new, |pack| all.iter().rev().map(|known| kept_view(known, pack, &names)).collect()),
        categories: kinds
            .iter()
            .map(|(code, words)| (code.to_string(), words.clone(), sent.contains_key(&format!("kind-{code}"))))
            .collect(),
        on: sent.get("on").cloned().unwrap_or_else(|| today.to_string()),
        today,
        what: typed("what"),
        // A breakdown is not a success.
        outcomes: pack
            .map(|pack| choices(pack, "outcome", &typed("outcome")))
            .unwrap_or_default()
            .into_iter()
            .filter(|(code, ..)| *code != success)
            .collect(),
        well: typed("well"),
        right: pack.map(|pack| pack.closure.right_to_return.clone()).unwrap_or_default(),
    })
}

fn kept_view((id, _, breakdown): &Known, pack: &Pack, names: &plan::Names) -> KeptView {
    let list = pack.list("breakdown").iter();
    let owed = owed(pack, breakdown).into_iter().map(|one| OwedView {
        party: one.to.code(),
        words: view::sentence(one.to.words()).trim_end_matches('.').to_owned(),
        chip: match one.told {
            Some(day) => Chip::new("live", "check", format!("Told on {}", view::short_date(day))),
            None => Chip::new("look", "clock", format!("Owed a word since {}", view::short_date(one.since))),
        },
        is_open: one.told.is_none(),
    });
    KeptView {
        id: *id,
        title: view::full_date(breakdown.on),
        kinds: list.filter(|(code, _)| breakdown.categories.contains(code)).map(|(_, words)| words.clone()).collect(),
        what: breakdown.what.expose().to_owned(),
        by: view::sentence(&format!("written down by {}", names.name(breakdown.decided_by))),
        owed: owed.collect(),
    }
}
