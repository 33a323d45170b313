//! A plan begins, as a draft: under which policy, on which route, how long, what it is to lead to. As long as it is a draft, all but the
//! policy can be put right, and it can be thrown away with a reason; what was thrown away stays to be read.
//!
//! A form that does not fit is shown again as it was typed, with what is wrong.

use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use chrono::NaiveDate;
use server_core::access::Action;
use server_core::party::{OrganisationId, Party, PersonId};
use server_core::plan::{Basis, Change, EndGoal, PlanState, ReintegrationPlan};
use server_core::policy::{self, Code, Pack, Route, for_day};
use server_core::words::{Reason, Words};
use store::placements::PlacementRow;
use store::plans::PlanRow;
use store::record::PartyRow;
use uuid::Uuid;

use super::told::Names;
use super::{Case, Choice, Drawn, Sent, Shown, Typed, audit, draw, optional_words, view};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope;
use crate::cases::{pack_of, packs};

/// An end goal from the history's word for it.
pub fn goal_told<'a>(pack: &'a Pack, text: &str) -> Option<&'a str> {
    EndGoal::ALL.iter().find(|goal| format!("{goal:?}") == text).map(|goal| policy::called(Some(pack), *goal))
}

/// A form that says what a plan is for.
pub struct BasisForm {
    pub choices: Vec<Choices>,
    pub words: String,
}

/// A choice of such a form.
pub struct Choices {
    pub name: &'static str,
    pub label: &'static str,
    pub items: Vec<Choice>,
}

/// A draft that was thrown away.
pub struct DiscardedView {
    pub plan_id: Uuid,
    pub words: String,
}

/// The part of the page where a draft is put right or thrown away.
pub struct DraftView {
    pub basis: BasisForm,
    pub is_open: bool,
    pub reason: String,
    pub is_discarding: bool,
}

/// `POST /pupils/{pupil}/plan`: a plan begins, as a draft.
pub async fn begin(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::EditPlan).await?;
    let now = state.clock.now().utc;
    let today = scope.today(placement.school_id, now);
    let of = (placement.home_id, placement.school_id, placement.provider_id);
    let plan = match drafted(&sent, of, today) {
        Ok(plan) => plan,
        Err(wrong) => {
            let drawn = Drawn { wrong, begin: Some(&sent), ..Drawn::default() };
            let html = draw(&state, &caller, &scope, &placement, &drawn).await?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, html).into_response());
        }
    };
    let entry = audit(&caller, pupil, "begin plan");
    let is_new = state.store.add_plan(Uuid::now_v7(), placement.placement_id, &plan, entry, now).await?;
    if !is_new && plan.basis().in_their_words.is_some() {
        let wrong = "Somebody else began a plan meanwhile: it is shown here. What you typed stands below.".to_owned();
        let words = sent.get_key_value("words").map(|(name, text)| (name.clone(), text.clone()));
        let words: Sent = words.into_iter().collect();
        let drawn = Drawn { wrong, left: Some(&words), ..Drawn::default() };
        let html = draw(&state, &caller, &scope, &placement, &drawn).await?;
        return Ok((StatusCode::CONFLICT, html).into_response());
    }
    if let (true, Some(key_worker)) = (is_new, placement.key_worker_id) {
        name_key_worker(&state, &caller, &placement, key_worker).await?;
    }
    Ok(Redirect::to(&format!("/pupils/{pupil}/plan")).into_response())
}

/// Whoever is named to the pupil has the key worker's part in the plan, from the first day on.
pub async fn name_key_worker(
    state: &AppState,
    caller: &Caller,
    placement: &PlacementRow,
    key_worker: Uuid,
) -> Result<(), ApiError> {
    let known = state.store.parties(placement.placement_id).await?;
    if known.iter().any(|row| row.party == Party::KeyWorker && row.person.0 == key_worker && row.until_day.is_none()) {
        return Ok(());
    }
    let row = PartyRow {
        placement_party_id: Uuid::now_v7(),
        placement_id: placement.placement_id,
        party: Party::KeyWorker,
        person: PersonId(key_worker),
        name: None,
        from_day: None,
        until_day: None,
    };
    let audit = audit(caller, placement.pupil_id, "name key worker");
    Ok(state.store.set_party(&row, audit, state.clock.now().utc).await?)
}

/// The draft that the form makes for a pupil of `home` who follows the lessons of `school`, or what is wrong with it.
///
/// # Errors
/// What is wrong, as a sentence.
pub fn drafted(
    sent: &Sent,
    (home, school, provider): (Uuid, Uuid, Option<Uuid>),
    today: NaiveDate,
) -> Result<ReintegrationPlan, String> {
    let pack = sent.get("policy").and_then(|id| Code::new(id)).and_then(|id| for_day(packs().ok()?, &id, today));
    let pack = pack.ok_or("Policy: choose one.")?;
    let Chosen { route, planned_length, end_goal, in_their_words } = chosen(pack, sent)?;
    let home = OrganisationId(home);
    let basis = Basis {
        route,
        home_school: home,
        provider: provider.map_or(home, OrganisationId),
        // Until the head of the form names another one.
        receiving_school: OrganisationId(school),
        responsible: home,
        planned_length,
        end_goal,
        in_their_words,
    };
    ReintegrationPlan::draft(pack, basis).map_err(|refusal| view::sentence(&refusal.to_string()))
}

struct Chosen {
    route: Route,
    planned_length: Code,
    end_goal: EndGoal,
    in_their_words: Option<Words>,
}

/// What a form says, as far as this policy has it.
fn chosen(pack: &Pack, sent: &Sent) -> Result<Chosen, String> {
    let text = |name: &str| sent.get(name).map_or("", String::as_str);
    let route = Route::from_code(text("route")).filter(|route| pack.routes.iter().any(|rule| rule.route == *route));
    let length = Code::new(text("length")).filter(|id| pack.planned_lengths.iter().any(|length| length.id == *id));
    let not_in = |what: &str| format!("{what}: choose one that “{}” has.", pack.title);
    Ok(Chosen {
        route: route.ok_or_else(|| not_in("How the pupil came to be away"))?,
        planned_length: length.ok_or_else(|| not_in("Planned length"))?,
        end_goal: policy::chosen(Some(pack), text("goal")).ok_or_else(|| not_in("What it is to lead to"))?,
        in_their_words: optional_words(sent, "words", "In the pupil’s own words")?,
    })
}

/// A draft is put right.
pub fn rebase(case: &Case<'_>, sent: &Sent) -> Result<Vec<Change>, String> {
    let Chosen { route, planned_length, end_goal, in_their_words } = chosen(case.pack, sent)?;
    let now = case.plan.basis();
    let is_same = (now.route, &now.planned_length, now.end_goal, &now.in_their_words)
        == (route, &planned_length, end_goal, &in_their_words);
    Ok(if is_same { Vec::new() } else { vec![Change::Basis { route, planned_length, end_goal, in_their_words }] })
}

/// A draft is thrown away.
pub fn discard(case: &Case<'_>, sent: &Sent) -> Result<Vec<Change>, String> {
    let reason = Reason::new(sent.get("reason").map_or("", String::as_str));
    let reason = reason.map_err(|error| format!("Why it is thrown away: {error}."))?;
    Ok(vec![Change::Discard { on: case.today, reason }])
}

/// The form of a plan that may begin today, as somebody typed it if they did.
///
/// # Errors
/// The packs in the binary are not readable; a test makes sure that they are.
pub fn begin_form(today: NaiveDate, typed: Typed<'_>) -> Result<BasisForm, ApiError> {
    let packs = packs()?;
    let mut usable: Vec<&Pack> = packs.iter().filter_map(|pack| for_day(packs, &pack.key.id, today)).collect();
    usable.dedup_by(|a, b| a.key == b.key);
    let policy = typed.get("policy");
    let mut seen = std::collections::BTreeSet::new();
    let mut items: Vec<Choice> =
        usable.iter().map(|pack| (pack.key.id.to_string(), pack.title.clone(), pack.key.id.as_str() == policy)).collect();
    items.retain(|(code, ..)| seen.insert(code.clone()));
    let mut choices = vec![Choices { name: "policy", label: "Policy", items }];
    choices.extend(choices_of(&usable, |name| typed.get(name)));
    Ok(BasisForm { choices, words: typed.get("words") })
}

/// Route, length and goal; `chosen`: the code of each.
fn choices_of(packs: &[&Pack], chosen: impl Fn(&str) -> String) -> [Choices; 3] {
    let choices = |name: &'static str, label, all: Vec<(String, String)>| {
        let (mut seen, chosen) = (std::collections::BTreeSet::new(), chosen(name));
        let items = all.into_iter().filter(|(code, _)| seen.insert(code.clone()));
        Choices { name, label, items: items.map(|(code, words)| (code.clone(), words, code == chosen)).collect() }
    };
    let routes = packs.iter().flat_map(|pack| &pack.routes).map(|rule| (rule.route.code().to_owned(), rule.title.clone()));
    let lengths = packs.iter().flat_map(|pack| &pack.planned_lengths).map(|one| (one.id.to_string(), one.title.clone()));
    let goals = EndGoal::ALL.iter().filter_map(|goal| Some((goal.code().to_owned(), goal_in(packs, *goal)?)));
    [
        choices("route", "How the pupil came to be away", routes.collect()),
        choices("length", "Planned length", lengths.collect()),
        choices("goal", "What it is to lead to", goals.collect()),
    ]
}

/// What a goal is called where the policy is not chosen yet: by another that says it otherwise, that is said beside. `None`: none offers it.
fn goal_in(packs: &[&Pack], goal: EndGoal) -> Option<String> {
    let said = |pack: &&Pack| {
        let (_, words) = policy::offered::<EndGoal>(Some(*pack)).into_iter().find(|(known, _)| *known == goal)?;
        Some((pack.title.clone(), words.to_owned()))
    };
    let all: Vec<(String, String)> = packs.iter().filter_map(said).collect();
    let (_, first) = all.first()?;
    let mut others: Vec<String> =
        all.iter().filter(|(_, words)| words != first).map(|(title, words)| format!("{title}: {words}")).collect();
    others.dedup();
    Some(if others.is_empty() { first.clone() } else { format!("{first} ({})", others.join("; ")) })
}

/// Where a draft is put right or thrown away; nothing once it is agreed.
pub fn draft_view<'a>(of: &Shown<'_>, typed: impl Fn(&str) -> Typed<'a>) -> Option<DraftView> {
    if *of.plan.state() != PlanState::Draft {
        return None;
    }
    let (form, discarding, basis) = (typed("basis"), typed("discard"), of.plan.basis());
    let kept = |name: &str| match name {
        "route" => basis.route.code().to_owned(),
        "length" => basis.planned_length.to_string(),
        _ => basis.end_goal.code().to_owned(),
    };
    let words = basis.in_their_words.as_ref().map_or("", Words::expose);
    Some(DraftView {
        basis: BasisForm {
            choices: choices_of(&[of.pack], |name| form.or(name, kept(name))).into(),
            words: form.or("words", words),
        },
        is_open: form.is_any(),
        reason: discarding.get("reason"),
        is_discarding: discarding.is_any(),
    })
}

/// A draft that was thrown away, in words.
pub fn discarded_view(row: &PlanRow, by: Option<&str>) -> DiscardedView {
    let words = match row.plan.state() {
        PlanState::Discarded { on, reason } => {
            let by = by.map_or_else(String::new, |by| format!(" by {by}"));
            format!("A draft was thrown away on {}{by}: {}", view::full_date(*on), reason.expose())
        }
        _ => String::new(),
    };
    DiscardedView { plan_id: row.plan_id, words }
}

/// The drafts of a placement that were thrown away, the latest first.
///
/// # Errors
/// The database does not answer, or holds what this program cannot read.
pub async fn discarded(state: &AppState, placement: &PlacementRow) -> Result<Vec<DiscardedView>, ApiError> {
    let mut all = Vec::new();
    for row in state.store.discarded_plans_of(placement.placement_id).await? {
        pack_of(&row.plan)?;
        let told = state.store.plan_history(row.plan_id, Some("state.why"), None, 1).await?;
        all.push(discarded_view(&row, told.first().and_then(|change| change.actor_name.as_deref())));
    }
    Ok(all)
}

/// What somebody typed into a form that is gone meanwhile, so that they can copy it.
pub fn left(sent: Option<&Sent>, names: &Names) -> Vec<String> {
    const OWN: [&str; 3] = ["csrf", "plan", "revision"];
    let typed = sent.into_iter().flatten().filter(|(name, _)| !OWN.contains(&name.as_str())).map(|(_, text)| text.trim());
    let said = |text: &str| match text.parse() {
        Ok(id) => names.name(PersonId(id)),
        Err(_) => text.to_owned(),
    };
    typed.filter(|text| !matches!(*text, "" | "on")).map(said).collect()
}
