//! Who has a part in a pupil's return, and since when; somebody without an account is named here, and a colleague with one is given
//! a part.
//!
//! A part opens the case to key workers and to leads of schools until it ends; to everybody else it is no permission, and what they may
//! see follows from their roles alone (`server_core::access`). A colleague is somebody of the same authority. Who gave which part to whom
//! is in the audit log. A name is written once, stays in this database, and is in no address.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::NaiveDate;
use server_core::access::{Action, Role};
use server_core::party::{Party, PersonId};
use server_core::plan::Answer;
use server_core::policy::Code;
use store::audit::NewAudit;
use store::changes::ChangeOf;
use store::placements::PlacementRow;
use store::record::{ColleagueRow, PartyRow, PersonRow};
use uuid::Uuid;

use super::meanwhile::{self, Meanwhile, NotSaved, drawn_from, was};
use super::plan::{self, Choice, Sent};
use super::{Frame, page, view};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::{self, Caller};
use crate::api::scope::{self, Scope};

/// A name is not longer than this, in characters.
const MAX_NAME: usize = 100;
/// Colleagues that the page lists. Others are found by e-mail.
const MOST_COLLEAGUES: i64 = 200;
const NO_COLLEAGUE: &str = "No coordinator, key worker or lead of your authority has an account with that e-mail. Look for a slip, or name them without an account.";
/// A part says what its holder is given: nobody widens their own.
const NOT_FROM_ELSEWHERE: &str = "Parts are given by those who have the pupil now: ask the key worker or the school.";
/// A way to be reached is not longer than this, in characters.
const MAX_REACH: usize = 200;

#[derive(Template)]
#[template(path = "staff/people.html")]
struct PeoplePage {
    frame: Frame,
    pupil_id: Uuid,
    pupil_name: String,
    wrong: String,
    meanwhile: Option<Meanwhile>,
    may_edit: bool,
    may_give: bool,
    now: Vec<PartView>,
    before: Vec<PartView>,
    parties: Vec<(&'static str, String)>,
    colleagues: Vec<Choice>,
    name: String,
    reach: String,
    party: String,
    email: String,
}

struct PartView {
    id: Uuid,
    name: String,
    party: String,
    days: String,
    reach: String,
    /// Whose way to be reached can be corrected here: somebody without an account.
    person: Option<Uuid>,
    /// It was just typed, and not saved.
    typed: Option<String>,
    /// What its form is drawn from.
    was: String,
}

/// `GET /pupils/{pupil}/people`
pub async fn show(State(state): State<AppState>, caller: Caller, Path(pupil): Path<Uuid>) -> Result<Html<String>, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::ReadPlan).await?;
    state.store.append_audit(plan::audit(&caller, pupil, "read plan"), state.clock.now().utc).await?;
    draw(&state, &caller, &scope, &placement, &Sent::new(), None).await
}

/// `POST /pupils/{pupil}/people`: somebody is named, takes a part, is reached in another way, or their part ends.
pub async fn change(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::EditPlan).await?;
    let now = state.clock.now().utc;
    let today = scope.today(placement.school_id, now);
    let done = match sent.get("what").map(String::as_str) {
        Some("name") => name(&state, &caller, &placement, &sent, today).await?.map_err(NotSaved::from),
        Some("take" | "give") if scope.is_from_elsewhere(&placement) => Err(NOT_FROM_ELSEWHERE.into()),
        Some("take") => take(&state, &caller, &placement, &sent, today).await?.map_err(NotSaved::from),
        Some("give") => give(&state, &caller, &scope, &placement, &sent, today).await?.map_err(NotSaved::from),
        Some("reach") => correct_reach(&state, &caller, &scope, &placement, &sent).await?,
        Some("end") => end(&state, &caller, &placement, &sent, today).await?.map_err(NotSaved::from),
        _ => Err("Choose what to do.".into()),
    };
    let Err(not_saved) = done else { return Ok(Redirect::to(&format!("/pupils/{pupil}/people")).into_response()) };
    let status = not_saved.status();
    let html = draw(&state, &caller, &scope, &placement, &sent, Some(not_saved)).await?;
    Ok((status, html).into_response())
}

/// Parts that pages give. The pupil has their own by being the pupil.
fn party(sent: &Sent) -> Option<Party> {
    sent.get("party").and_then(|code| Party::from_code(code)).filter(|party| *party != Party::Pupil)
}

fn part(placement: &PlacementRow, party: Party, person: PersonId, today: NaiveDate) -> PartyRow {
    PartyRow {
        placement_party_id: Uuid::now_v7(),
        placement_id: placement.placement_id,
        party,
        person,
        name: None,
        from_day: Some(today),
        until_day: None,
    }
}

async fn name(
    state: &AppState,
    caller: &Caller,
    placement: &PlacementRow,
    sent: &Sent,
    today: NaiveDate,
) -> Result<Result<(), &'static str>, ApiError> {
    let text = |name: &str| sent.get(name).map(|text| text.trim().to_owned()).unwrap_or_default();
    let (name, reach) = (text("name"), text("reach"));
    if name.is_empty() || !is_plain(&name, MAX_NAME) || !is_plain(&reach, MAX_REACH) {
        return Ok(Err("Write a name, and how to reach them in one short line."));
    }
    let Some(party) = party(sent) else { return Ok(Err("Choose which part they have.")) };
    let now = state.clock.now().utc;
    let person = PersonRow {
        person_id: Uuid::now_v7(),
        pupil_id: placement.pupil_id,
        name,
        reach: (!reach.is_empty()).then_some(reach),
    };
    state.store.add_person(&person, plan::audit(caller, placement.pupil_id, "add person"), now).await?;
    let row = part(placement, party, PersonId(person.person_id), today);
    state.store.set_party(&row, plan::audit(caller, placement.pupil_id, "name person"), now).await?;
    Ok(Ok(()))
}

/// How to reach somebody is said anew, by whoever saw what it was.
async fn correct_reach(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    placement: &PlacementRow,
    sent: &Sent,
) -> Result<Result<(), NotSaved>, ApiError> {
    let pupil = placement.pupil_id;
    let reach = sent.get("reach").map_or("", |text| text.trim());
    if !is_plain(reach, MAX_REACH) {
        return Ok(Err("Write how to reach them in one short line.".into()));
    }
    let Some(person) = sent.get("person").and_then(|id| id.parse().ok()) else {
        return Ok(Err("Choose whom to reach.".into()));
    };
    let given = |text| Some(text).filter(|text: &&str| !text.is_empty());
    let (was, audit) = (given(was(sent, &was_reach(person))), plan::audit(caller, pupil, "correct person"));
    if state.store.correct_reach(pupil, person, was, given(reach), audit, state.clock.now().utc).await? {
        return Ok(Ok(()));
    }
    let Some(row) = state.store.persons_of(pupil).await?.into_iter().find(|row| row.person_id == person) else {
        return Ok(Err("Nobody is named here with that line.".into()));
    };
    let field = format!("reach.{person}");
    let last = meanwhile::last_change(state, placement, |change| change.of == ChangeOf::Field && change.what == field).await?;
    let kept = row.reach.unwrap_or_default();
    let (page, line) =
        (format!("/pupils/{pupil}/people"), (format!("How to reach {}", row.name), kept.clone(), reach.to_owned()));
    let other = Meanwhile::new(meanwhile::by(last.as_ref(), scope, placement), page.clone(), [line]);
    Ok(Err(NotSaved::Meanwhile(other.or_mine(page, sent, (&was_reach(person), kept)))))
}

/// The field in which a form says how somebody was reached when it was drawn.
fn was_reach(person: Uuid) -> String {
    format!("reach-{person}")
}

fn is_plain(text: &str, most: usize) -> bool {
    text.chars().count() <= most && !text.chars().any(char::is_control)
}

async fn take(
    state: &AppState,
    caller: &Caller,
    placement: &PlacementRow,
    sent: &Sent,
    today: NaiveDate,
) -> Result<Result<(), &'static str>, ApiError> {
    let Some(party) = party(sent) else { return Ok(Err("Choose which part you take.")) };
    let me = PersonId(caller.staff_id());
    let known = state.store.parties(placement.placement_id).await?;
    if known.iter().any(|row| row.person == me && row.party == party && row.until_day.is_none()) {
        return Ok(Ok(()));
    }
    let row = part(placement, party, me, today);
    let audit = plan::audit(caller, placement.pupil_id, "take part");
    state.store.set_party(&row, audit, state.clock.now().utc).await?;
    Ok(Ok(()))
}

async fn give(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    placement: &PlacementRow,
    sent: &Sent,
    today: NaiveDate,
) -> Result<Result<(), &'static str>, ApiError> {
    let Some(party) = party(sent) else { return Ok(Err("Choose which part they have.")) };
    let email = sent.get("email").map(|email| email.trim().to_lowercase()).unwrap_or_default();
    let chosen: Option<Uuid> = sent.get("who").and_then(|id| id.parse().ok());
    let known = colleagues(state, scope, placement).await?.into_iter().find(|row| Some(row.staff_id) == chosen);
    let staff_id = match (known, email.as_str()) {
        (Some(_), email) if !email.is_empty() => return Ok(Err("Choose a colleague, or write an e-mail; not both.")),
        (Some(row), _) => row.staff_id,
        (None, "") => return Ok(Err("Choose a colleague, or write the e-mail of their account.")),
        (None, email) => match by_email(state, scope, placement, email).await? {
            Some(staff_id) => staff_id,
            None => return Ok(Err(NO_COLLEAGUE)),
        },
    };
    let parts = state.store.parties(placement.placement_id).await?;
    if parts.iter().any(|row| row.person.0 == staff_id && row.party == party && row.until_day.is_none()) {
        return Ok(Ok(()));
    }
    let row = part(placement, party, PersonId(staff_id), today);
    let whom = staff_id.to_string();
    let audit = NewAudit { detail: Some(&whom), ..plan::audit(caller, placement.pupil_id, "give part") };
    state.store.set_party(&row, audit, state.clock.now().utc).await?;
    Ok(Ok(()))
}

/// Colleagues at the school, the provider, the authority above, and the school that the plan names as the receiving one.
async fn colleagues(state: &AppState, scope: &Scope, placement: &PlacementRow) -> Result<Vec<ColleagueRow>, ApiError> {
    let school = placement.school_id;
    let plan = state.store.plans_of(placement.placement_id).await?.into_iter().next();
    let field = Code::new("receiving-school");
    let receiving = plan.as_ref().zip(field).and_then(|(row, field)| match row.plan.answer(&field) {
        Some(Answer::Organisation(organisation)) => Some(organisation.0),
        _ => None,
    });
    let places = [
        school,
        placement.provider_id.unwrap_or(school),
        scope.parent_of(school).unwrap_or(school),
        receiving.filter(|receiving| scope.are_together(*receiving, school)).unwrap_or(school),
    ];
    Ok(state.store.colleagues(places, MOST_COLLEAGUES).await?)
}

/// Somebody of the same authority whose role a part opens something to. Who is anywhere else is not there.
async fn by_email(state: &AppState, scope: &Scope, placement: &PlacementRow, email: &str) -> Result<Option<Uuid>, ApiError> {
    let Some(account) = state.store.account(email).await?.filter(|account| !account.is_disabled) else { return Ok(None) };
    let works_here = auth::person(state, account.staff_id).await?.holdings.into_iter().any(|held| {
        matches!(held.role, Role::Coordinator | Role::KeyWorker | Role::SchoolLead)
            && scope.are_together(held.organisation, placement.school_id)
    });
    Ok(works_here.then_some(account.staff_id))
}

async fn end(
    state: &AppState,
    caller: &Caller,
    placement: &PlacementRow,
    sent: &Sent,
    today: NaiveDate,
) -> Result<Result<(), &'static str>, ApiError> {
    let id: Option<Uuid> = sent.get("part").and_then(|id| id.parse().ok());
    let known = state.store.parties(placement.placement_id).await?;
    let Some(row) = known.into_iter().find(|row| Some(row.placement_party_id) == id) else {
        return Ok(Err("That part is not there."));
    };
    let row = PartyRow { until_day: Some(row.from_day.map_or(today, |from| from.max(today))), ..row };
    let audit = plan::audit(caller, placement.pupil_id, "end part");
    state.store.set_party(&row, audit, state.clock.now().utc).await?;
    Ok(Ok(()))
}

async fn draw(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    placement: &PlacementRow,
    sent: &Sent,
    not_saved: Option<NotSaved>,
) -> Result<Html<String>, ApiError> {
    let (wrong, meanwhile) = NotSaved::told(not_saved);
    let now = state.clock.now().utc;
    let today = scope.today(placement.school_id, now);
    let persons = state.store.persons_of(placement.pupil_id).await?;
    let capital = |party: Party| view::sentence(party.words()).trim_end_matches('.').to_owned();
    let view = |row: PartyRow| {
        let person = persons.iter().find(|person| person.person_id == row.person.0);
        let typed = sent.get("reach").filter(|_| sent.get("person").is_some_and(|id| *id == row.person.0.to_string()));
        let from = row.from_day.map_or_else(|| "Always".to_owned(), |day| format!("Since {}", view::full_date(day)));
        let until = row.until_day.map_or_else(String::new, |day| format!(", until {}", view::full_date(day)));
        let reach = person.and_then(|person| person.reach.clone()).unwrap_or_default();
        PartView {
            was: drawn_from(sent, &was_reach(row.person.0), &wrong, reach.clone()),
            id: row.placement_party_id,
            name: row.name.unwrap_or_else(|| "Somebody whose account is gone".to_owned()),
            party: capital(row.party),
            days: format!("{from}{until}"),
            reach,
            person: person.map(|person| person.person_id),
            typed: typed.cloned(),
        }
    };
    let rows = state.store.parties(placement.placement_id).await?;
    let (before, current): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| row.until_day.is_some_and(|until| until <= today));
    let typed = |name: &str| sent.get(name).cloned().unwrap_or_default();
    let may_edit = scope.may_pupil(Action::EditPlan, placement);
    let may_give = may_edit && !scope.is_from_elsewhere(placement);
    let colleagues = if may_give { colleagues(state, scope, placement).await? } else { Vec::new() };
    let choice = |row: ColleagueRow| {
        let id = row.staff_id.to_string();
        let is = typed("who") == id;
        (id, format!("{}, {}", row.name, row.place), is)
    };
    page(&PeoplePage {
        frame: Frame::of(caller, scope, format!("People around {}", placement.pupil_name), "/pupils", now),
        pupil_id: placement.pupil_id,
        pupil_name: placement.pupil_name.clone(),
        meanwhile,
        may_edit,
        may_give,
        colleagues: colleagues.into_iter().map(choice).collect(),
        email: typed("email"),
        now: current.into_iter().map(view).collect(),
        before: before.into_iter().map(view).collect(),
        parties: Party::ALL
            .iter()
            .filter(|party| **party != Party::Pupil)
            .map(|party| (party.code(), capital(*party)))
            .collect(),
        name: typed("name"),
        reach: if sent.contains_key("person") { String::new() } else { typed("reach") },
        party: typed("party"),
        wrong,
    })
}
