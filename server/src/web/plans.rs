//! The plans of all pupils that this person may see, and the same in numbers without a name.
//!
//! Who may only count sees only the numbers. They say how many and of how many; nothing here is a share or a score, of a pupil
//! or of a school. A list of plans is a reading of each, and the audit log says who read it.

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Html;
use chrono::NaiveDate;
use server_core::access::{Action, Role};
use server_core::party::Party;
use server_core::plan::{PlanState, ReintegrationPlan};
use server_core::policy::Pack;
use store::audit::{Actor, NewAudit, Subject};
use store::pages::{PAGE, PupilsPage};
use store::placements::PlacementRow;
use store::plans::PlanRow;
use store::returns::{HeldRow, PlannedRow};
use uuid::Uuid;

use super::pupils::Asked;
use super::view::{self, Chip, Pages, Told};
use super::{Frame, page, plan};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::Scope;
use crate::cases::{pack_of, packs};

#[derive(Template)]
#[template(path = "staff/plans.html")]
struct PlansPage {
    frame: Frame,
    about: String,
    /// None: of placements that have ended.
    counts: Option<[(&'static str, String); 4]>,
    list: Option<List>,
}

struct List {
    rows: Vec<RowView>,
    pages: Pages,
    pupils: String,
}

struct RowView {
    href: String,
    name: String,
    school: String,
    plan: Told,
    again: Option<Chip>,
    route: String,
    stage: String,
    consent: Told,
    heard: Told,
    review: Told,
}

/// `GET /plans`
pub async fn list(State(state): State<AppState>, caller: Caller, Query(asked): Query<Asked>) -> Result<Html<String>, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    let reads = [Role::Coordinator, Role::KeyWorker, Role::SchoolLead].iter().any(|role| caller.is(*role));
    if !reads && !scope.may_somewhere(Action::CountReturns) {
        return Err(ApiError::NotFound);
    }
    let now = state.clock.now().utc;
    let today = now.with_timezone(&scope.own_zone()).date_naive();
    let list = async {
        Ok(if reads { Some(listed(&state, &caller, &scope, asked.pages("/plans"), today, false).await?) } else { None })
    };
    let ((planned, held), list) = tokio::try_join!(counted(&state, caller.staff_id(), today), list)?;
    page(&PlansPage {
        frame: Frame::of(&caller, &scope, "Plans", if reads { "/pupils" } else { "/plans" }, now),
        about: match &list {
            Some(_) => "Of every pupil whom you look after.".to_owned(),
            None => "In numbers. Who the pupils are is not shown to you.".to_owned(),
        },
        counts: Some([
            ("With a plan", format!("{} of {}", view::number(planned.with_plan), pupils(planned.pupils))),
            ("No plan yet", pupils(planned.pupils - planned.with_plan)),
            ("Returns that held", view::number(held.held)),
            ("Referred again afterwards", format!("{} of them", view::number(held.again))),
        ]),
        list,
    })
}

/// `GET /plans/earlier`: of placements that have ended.
pub async fn earlier(
    State(state): State<AppState>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    let now = state.clock.now().utc;
    let today = now.with_timezone(&scope.own_zone()).date_naive();
    let list = listed(&state, &caller, &scope, asked.pages("/plans/earlier"), today, true).await?;
    page(&PlansPage {
        frame: Frame::of(&caller, &scope, "Plans of earlier placements", "/pupils", now),
        about: "Of placements that have ended. To be read; nothing in them is changed any more.".to_owned(),
        counts: None,
        list: Some(list),
    })
}

fn pupils(count: i64) -> String {
    if count == 1 { "1 pupil".to_owned() } else { format!("{} pupils", view::number(count)) }
}

/// The numbers. How a return that held is called is each policy's own word.
async fn counted(state: &AppState, staff_id: Uuid, today: NaiveDate) -> Result<(PlannedRow, HeldRow), ApiError> {
    let planned = state.store.count_planned(staff_id, today).await?;
    let words: std::collections::BTreeSet<_> = packs()?.iter().map(|pack| (&pack.key.id, &pack.closure.success)).collect();
    let mut all = HeldRow::default();
    for (policy, success) in words {
        let HeldRow { held, again } = state.store.count_held(staff_id, policy, success).await?;
        all = HeldRow { held: all.held + held, again: all.again + again };
    }
    Ok((planned, all))
}

async fn listed(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    pages: Pages,
    today: NaiveDate,
    ended: bool,
) -> Result<List, ApiError> {
    let question =
        PupilsPage { staff_id: caller.staff_id(), search: pages.search(), day: today, ended, offset: pages.offset() };
    let (mut placements, count) = state.store.placements_page(&question).await?;
    let more = question.offset + (PAGE as i64) < count;
    placements.retain(|placement| scope.may_pupil(Action::ReadPlan, placement));
    if !placements.is_empty() {
        let audit =
            NewAudit { actor: Actor::Staff(caller.staff_id()), action: "list plans", subject: Subject::None, detail: None };
        state.store.append_audit(audit, state.clock.now().utc).await?;
    }
    let ids: Vec<Uuid> = placements.iter().map(|placement| placement.placement_id).collect();
    let of: Vec<Uuid> = placements.iter().map(|placement| placement.pupil_id).collect();
    let mut plans: HashMap<Uuid, Vec<PlanRow>> = HashMap::new();
    for (pupil, row) in state.store.plans_of_pupils(&of).await? {
        plans.entry(pupil).or_default().push(row);
    }
    let heard: HashMap<Uuid, NaiveDate> = state.store.last_contacts(&ids, Party::Parent).await?.into_iter().collect();
    let rows = placements.iter().map(|placement| {
        let plans = plans.get(&placement.pupil_id).map_or(&[][..], Vec::as_slice);
        row(placement, plans, heard.get(&placement.placement_id).copied(), today)
    });
    let mut rows = rows.collect::<Result<Vec<_>, _>>()?;
    if ended {
        for (row, placement) in rows.iter_mut().zip(&placements) {
            row.href = format!("/pupils/{}/earlier", placement.pupil_id);
            row.school = format!("{}, until {}", placement.school_name, view::full_date(placement.until_day));
        }
    }
    Ok(List { rows, pages: pages.with_more(more), pupils: pupils(count) })
}

/// One pupil. `plans`: all of theirs, the first first.
fn row(placement: &PlacementRow, plans: &[PlanRow], heard: Option<NaiveDate>, today: NaiveDate) -> Result<RowView, ApiError> {
    let own = plans.iter().rev().find(|row| row.placement_id == placement.placement_id);
    let mut again = false;
    for earlier in plans.iter().rev().skip(1) {
        again |= has_held(&earlier.plan)?;
    }
    let mut view = RowView {
        href: format!("/pupils/{}/plan", placement.pupil_id),
        name: placement.pupil_name.clone(),
        school: placement.school_name.clone(),
        plan: Told::quiet("No plan yet"),
        again: again.then(|| Chip::new("look wrap", "look", "Referred again")),
        route: String::new(),
        stage: String::new(),
        consent: Told::quiet("No consent yet"),
        heard: heard.map_or_else(
            || Told::quiet("not spoken with yet"),
            |day| Told::Plain(format!("spoken with on {}", view::short_date(day))),
        ),
        review: Told::quiet("None set"),
    };
    let Some(PlanRow { plan, .. }) = own else { return Ok(view) };
    let pack = pack_of(plan)?;
    view.plan = plan::state_chip(plan.state(), today).into();
    view.route = plan::route_words(pack, plan);
    view.stage = stage(pack, plan);
    view.consent = consent(plan);
    let is_closed = matches!(plan.state(), PlanState::Closed(_));
    if let Some(next) = plan.last_review().and_then(|review| review.next_on).filter(|_| !is_closed) {
        let day = view::short_date(next);
        view.review = if next < today { Chip::new("look", "look", format!("Was due {day}")).into() } else { Told::Plain(day) };
    }
    Ok(view)
}

/// Whether a plan ended with the return that it was for.
fn has_held(plan: &ReintegrationPlan) -> Result<bool, ApiError> {
    match plan.state() {
        PlanState::Closed(end) => Ok(end.outcome == pack_of(plan)?.closure.success),
        PlanState::Draft | PlanState::Open | PlanState::Returning { .. } | PlanState::Discarded { .. } => Ok(false),
    }
}

/// The first stage of the form with something to do, or how a closed plan ended.
fn stage(pack: &Pack, plan: &ReintegrationPlan) -> String {
    if let PlanState::Closed(end) = plan.state() {
        let words = pack.list("outcome").iter().find(|(code, _)| *code == end.outcome).map(|(_, words)| words.clone());
        return words.unwrap_or_default();
    }
    let progress = plan.progress(pack);
    let open = plan::STAGES.iter().find(|(stage, ..)| progress.iter().any(|one| one.stage == *stage && !one.is_complete()));
    open.map_or_else(|| "Every stage is filled in".to_owned(), |(stage, _, words)| format!("{stage} {words}"))
}

fn consent(plan: &ReintegrationPlan) -> Told {
    match plan.consents().iter().rev().find(|one| one.holds()) {
        Some(one) => Told::Plain(format!("Consent of {}", view::short_date(one.on))),
        None if plan.consents().iter().any(|one| one.withdrawn.is_none()) => Told::quiet("No parent’s consent yet"),
        None if plan.consents().is_empty() => Told::quiet("No consent yet"),
        None => Chip::new("look", "look", "Consent withdrawn").into(),
    }
}
