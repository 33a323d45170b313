//! The organisations below an authority: schools, hospital schools and providers, each with its kind and its calendar.
//!
//! Who answers for the authority adds them and gives them their names; nothing is removed, because records stand on them. Closed days
//! are entered on the page of days; a new organisation can begin with those of another one.

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::{Datelike, NaiveDate, Weekday};
use server_core::access::{Action, Subject as About};
use server_core::school::{OrganisationKind, Urn};
use store::audit::{Actor, NewAudit, Subject};
use store::organisations::OrganisationRow;
use store::pages::PAGE;
use uuid::Uuid;

use super::plan::{Choice, Sent, optional_day};
use super::pupils::Asked;
use super::view::Pages;
use super::{Frame, page};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::Scope;

/// A name is not longer than this, in characters.
const MAX_NAME: usize = 100;

/// Kinds that are added here, with their words.
const KINDS: [(OrganisationKind, &str); 3] = [
    (OrganisationKind::School, "School"),
    (OrganisationKind::HospitalSchool, "Hospital school"),
    (OrganisationKind::ApProvider, "Provider of alternative provision"),
];

#[derive(Template)]
#[template(path = "staff/organisations.html")]
struct OrganisationsPage {
    frame: Frame,
    wrong: String,
    rows: Vec<RowView>,
    pages: Pages,
    parents: Vec<Choice>,
    kinds: Vec<Choice>,
    like: Vec<Choice>,
    name: String,
    urn: String,
    monday: String,
}

struct RowView {
    id: Uuid,
    name: String,
    kind: &'static str,
    above: String,
    /// What was typed as its name and not saved.
    typed: Option<String>,
}

/// What pages call a kind.
#[must_use]
pub fn kind_words(kind: &str) -> &'static str {
    KINDS.iter().find(|(known, _)| known.as_str() == kind).map_or("Authority", |(_, words)| words)
}

/// A name as it is kept; in words, what is wrong with it.
///
/// # Errors
/// It is empty, too long, or not one line.
pub fn organisation_name(text: &str) -> Result<String, String> {
    let name = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(format!("Name: write the name as people know it, in at most {MAX_NAME} characters."));
    }
    Ok(name)
}

/// `GET /organisations`
pub async fn list(State(state): State<AppState>, caller: Caller, Query(asked): Query<Asked>) -> Result<Html<String>, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    draw(&state, &caller, &scope, asked.pages("/organisations"), &Sent::new(), String::new())
}

/// `POST /organisations`: one is added, or has another name.
pub async fn change(State(state): State<AppState>, caller: Caller, Form(sent): Form<Sent>) -> Result<Response, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    let done = match sent.get("what").map(String::as_str) {
        Some("add") => add(&state, &caller, &scope, &sent).await?,
        Some("rename") => rename(&state, &caller, &scope, &sent).await?,
        _ => Err("Choose what to do.".to_owned()),
    };
    match done {
        Ok(()) => Ok(Redirect::to("/organisations").into_response()),
        Err(wrong) => {
            let html = draw(&state, &caller, &scope, Asked::default().pages("/organisations"), &sent, wrong)?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, html).into_response())
        }
    }
}

fn kept(scope: &Scope) -> impl Iterator<Item = &OrganisationRow> {
    scope.organisations().filter(|row| scope.may(Action::KeepOrganisations, &About::Organisation(row.organisation_id)))
}

/// Below which one may be added.
fn parents(scope: &Scope) -> Vec<&OrganisationRow> {
    kept(scope).filter(|row| row.kind == OrganisationKind::Authority.as_str()).collect()
}

/// What the form adds.
struct New {
    row: OrganisationRow,
    urn: Option<Urn>,
    monday: Option<NaiveDate>,
    /// Whose closed days it begins with.
    like: Option<Uuid>,
}

async fn add(state: &AppState, caller: &Caller, scope: &Scope, sent: &Sent) -> Result<Result<(), String>, ApiError> {
    let text = |name: &str| sent.get(name).map_or("", |text| text.trim());
    let parents = parents(scope);
    let read = || -> Result<New, String> {
        let name = organisation_name(text("name"))?;
        let (kind, _) = KINDS.iter().find(|(kind, _)| kind.as_str() == text("kind")).ok_or("Kind: choose one.")?;
        let parent = match parents.as_slice() {
            [only] => only,
            all => {
                all.iter().find(|row| row.organisation_id.to_string() == text("parent")).ok_or("Below: choose an authority.")?
            }
        };
        let urn = match text("urn") {
            "" => None,
            urn => Some(urn.parse().map_err(|error| format!("URN: {error}. Leave it empty if there is none."))?),
        };
        let monday = optional_day(sent, "monday", "A first Monday")?;
        if monday.is_some_and(|day| day.weekday() != Weekday::Mon) {
            return Err("A first Monday: that day is not a Monday.".to_owned());
        }
        let like = match text("like") {
            "" => None,
            id => Some(
                kept(scope).find(|row| row.organisation_id.to_string() == id).ok_or("Closed days: choose from the list.")?,
            ),
        };
        let row = OrganisationRow {
            organisation_id: Uuid::now_v7(),
            kind: kind.as_str().to_owned(),
            name,
            parent_id: Some(parent.organisation_id),
            time_zone: parent.time_zone.clone(),
        };
        Ok(New { row, urn, monday, like: like.map(|row| row.organisation_id) })
    };
    let New { row, urn, monday, like } = match read() {
        Ok(read) => read,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let (id, urn) = (row.organisation_id.to_string(), urn.map(|urn| urn.to_string()));
    let audit = audit(caller, "add organisation", &id);
    let is_new = state.store.open_organisation(&row, urn.as_deref(), monday, like, audit, state.clock.now().utc).await?;
    Ok(if is_new { Ok(()) } else { Err(TAKEN.to_owned()) })
}

const TAKEN: &str = "Name: there is an organisation of this name already. If it is another one, say more, such as its town.";

async fn rename(state: &AppState, caller: &Caller, scope: &Scope, sent: &Sent) -> Result<Result<(), String>, ApiError> {
    let of = sent.get("of").map_or("", String::as_str);
    let row = kept(scope).find(|row| row.organisation_id.to_string() == of).ok_or(ApiError::NotFound)?;
    let name = match organisation_name(sent.get("new-name").map_or("", String::as_str)) {
        Ok(name) => name,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let audit = audit(caller, "rename organisation", of);
    let is_free = state.store.rename_organisation(row, &name, audit, state.clock.now().utc).await?;
    Ok(if is_free { Ok(()) } else { Err(TAKEN.to_owned()) })
}

fn audit<'a>(caller: &Caller, action: &'static str, organisation: &'a str) -> NewAudit<'a> {
    NewAudit { actor: Actor::Staff(caller.staff_id()), action, subject: Subject::None, detail: Some(organisation) }
}

fn draw(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    pages: Pages,
    sent: &Sent,
    wrong: String,
) -> Result<Html<String>, ApiError> {
    let typed = |name: &str| sent.get(name).cloned().unwrap_or_default();
    let adds = sent.get("what").is_some_and(|what| what == "add");
    let new = |name: &str| if adds { typed(name) } else { String::new() };
    let search = pages.search().to_lowercase();
    let renamed = typed("of");
    let name_of = |id: Option<Uuid>| scope.organisations().find(|row| Some(row.organisation_id) == id).map(|row| &row.name);
    // One whose name was not saved stands first, so that it is seen.
    let found = |row: &&OrganisationRow| row.name.to_lowercase().contains(&search);
    let mut all: Vec<&OrganisationRow> = kept(scope).filter(found).collect();
    all.sort_by_key(|row| row.organisation_id.to_string() != renamed);
    let skip = usize::try_from(pages.offset()).unwrap_or(usize::MAX);
    let more = all.len() > skip.saturating_add(PAGE);
    let row = |row: &&OrganisationRow| RowView {
        id: row.organisation_id,
        name: row.name.clone(),
        kind: kind_words(&row.kind),
        above: name_of(row.parent_id).map_or_else(String::new, |name| format!("Below {name}")),
        typed: (row.organisation_id.to_string() == renamed).then(|| typed("new-name")),
    };
    let choice = |chosen: String| {
        move |row: &OrganisationRow| {
            let id = row.organisation_id.to_string();
            (id.clone(), row.name.clone(), id == chosen)
        }
    };
    let kind = new("kind");
    page(&OrganisationsPage {
        frame: Frame::of(caller, scope, "Organisations", "/schools", state.clock.now().utc),
        wrong,
        rows: all.iter().skip(skip).take(PAGE).map(row).collect(),
        pages: pages.with_more(more),
        parents: parents(scope).into_iter().map(choice(new("parent"))).collect(),
        kinds: KINDS.map(|(known, words)| (known.as_str().to_owned(), words.to_owned(), known.as_str() == kind)).to_vec(),
        like: kept(scope).filter(|row| row.kind != OrganisationKind::Authority.as_str()).map(choice(new("like"))).collect(),
        name: new("name"),
        urn: new("urn"),
        monday: new("monday"),
    })
}
