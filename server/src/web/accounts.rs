//! People who sign in: who they are, in which role where, and the code with which they choose a password.
//!
//! A coordinator keeps those whose roles all lie within reach, and never themselves: so nobody gains more than they have, and an
//! authority is not locked out by a slip. A code is shown once, to whoever made it; handing it over is theirs. Nobody is removed: what
//! somebody did stays on record.

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::TimeDelta;
use server_core::access::{Action, Role, Subject as About};
use store::audit::{Actor, NewAudit, Subject};
use store::beginnings::{MemberRow, NewCode};
use store::staff::{NewStaff, StaffRoleRow};
use uuid::Uuid;

use super::plan::{Choice, Sent};
use super::pupils::Asked;
use super::view::{self, Chip, Pages};
use super::{Frame, page};
use crate::AppState;
use crate::api::auth::Caller;
use crate::api::scope::Scope;
use crate::api::{ApiError, auth, codes};

/// A code works for so long.
const CODE_FOR: TimeDelta = TimeDelta::days(7);
/// A name is not longer than this, in characters.
const MAX_NAME: usize = 60;
/// An email is not longer than this (RFC 5321, 4.5.3.1.3).
const MAX_EMAIL: usize = 254;

/// Roles that are given here, with what each does.
const ROLES: [(Role, &str); 5] = [
    (Role::KeyWorker, "Key worker: looks after pupils named to them"),
    (Role::SchoolLead, "School lead: answers for a school"),
    (Role::ClassroomStaff, "Classroom staff: carries robots"),
    (Role::Coordinator, "Coordinator: runs the robots of an authority"),
    (Role::Auditor, "Auditor: reads the audit log"),
];

#[derive(Template)]
#[template(path = "staff/accounts.html")]
struct AccountsPage {
    frame: Frame,
    wrong: String,
    /// Just made, and shown this once.
    code: Option<CodeView>,
    rows: Vec<RowView>,
    pages: Pages,
    roles: Vec<Choice>,
    places: Vec<Choice>,
    name: String,
    email: String,
}

struct CodeView {
    who: String,
    text: String,
    until: String,
    address: String,
}

struct RowView {
    id: Uuid,
    name: String,
    email: String,
    state: Chip,
    is_disabled: bool,
    roles: Vec<RoleView>,
    may_keep: bool,
}

struct RoleView {
    code: String,
    place: Uuid,
    words: String,
}

/// The short word of a role.
fn role_words(role: &str) -> &'static str {
    let known = ROLES.iter().find(|(known, _)| known.as_str() == role);
    known.and_then(|(_, words)| words.split(':').next()).unwrap_or("Another role")
}

/// A person's name as it is kept; in words, what is wrong with it.
///
/// # Errors
/// It is empty, too long, or not one line.
pub fn name_of(text: &str) -> Result<String, String> {
    let name = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(format!("Name: write title and initial, such as Mrs C., in at most {MAX_NAME} characters."));
    }
    Ok(name)
}

/// An email as it is kept: it is what somebody types to sign in, nothing is sent to it.
///
/// # Errors
/// It is no address.
pub fn email_of(text: &str) -> Result<String, String> {
    let email = text.trim().to_lowercase();
    let is_address = email.len() <= MAX_EMAIL
        && !email.chars().any(|c| c.is_whitespace() || c.is_control())
        && email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.') && !host.contains('@'));
    if is_address { Ok(email) } else { Err("Email: write the whole address, such as c@school.example.".to_owned()) }
}

/// `GET /staff`
pub async fn list(State(state): State<AppState>, caller: Caller, Query(asked): Query<Asked>) -> Result<Html<String>, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    draw(&state, &caller, &scope, asked.pages("/staff"), &Sent::new(), String::new(), None).await
}

/// `POST /staff`: somebody is added, gets a code or a role, loses a role, or has left.
pub async fn change(State(state): State<AppState>, caller: Caller, Form(sent): Form<Sent>) -> Result<Response, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    let done = match sent.get("what").map(String::as_str) {
        Some("add") => add(&state, &caller, &scope, &sent).await?,
        Some("code" | "left" | "give" | "take") => keep(&state, &caller, &scope, &sent).await?,
        _ => Err("Choose what to do.".to_owned()),
    };
    let first = || Asked::default().pages("/staff");
    match done {
        Ok(None) => Ok(Redirect::to("/staff").into_response()),
        Ok(code) => Ok(draw(&state, &caller, &scope, first(), &Sent::new(), String::new(), code).await?.into_response()),
        Err(wrong) => {
            let html = draw(&state, &caller, &scope, first(), &sent, wrong, None).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, html).into_response())
        }
    }
}

/// The role and place that a form names, if this person keeps the accounts there.
fn role(scope: &Scope, sent: &Sent) -> Result<StaffRoleRow, String> {
    let text = |name: &str| sent.get(name).map_or("", String::as_str);
    let (role, _) = ROLES.iter().find(|(role, _)| role.as_str() == text("role")).ok_or("Role: choose one.")?;
    let place = kept(scope).find(|(id, _)| id.to_string() == text("place")).ok_or("Where: choose from the list.")?;
    Ok(StaffRoleRow { role: role.as_str().to_owned(), organisation_id: place.0 })
}

fn kept(scope: &Scope) -> impl Iterator<Item = (Uuid, String)> {
    scope.organisation_names().filter(|(id, _)| scope.may(Action::KeepAccounts, &About::Organisation(*id)))
}

async fn add(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    sent: &Sent,
) -> Result<Result<Option<CodeView>, String>, ApiError> {
    let text = |name: &str| sent.get(name).map_or("", String::as_str);
    let read = || Ok::<_, String>((name_of(text("name"))?, email_of(text("email"))?, role(scope, sent)?));
    let (name, email, role) = match read() {
        Ok(read) => read,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let now = state.clock.now().utc;
    let staff_id = Uuid::now_v7();
    // Nobody knows this password: it only takes the place of the one that they choose.
    let password_hash = auth::hash_password(auth::random_token()?).await?;
    let code = codes::draw()?;
    let new = NewStaff { staff_id, name: &name, email: &email, password_hash: &password_hash };
    let kept = NewCode { code_sha256: &codes::hash(&code), expires_at: now + CODE_FOR };
    let detail = format!("{} {}", role.role, role.organisation_id);
    let audit = NewAudit { detail: Some(&detail), ..audit(caller, staff_id, "add account") };
    if !state.store.add_member(new, &role, kept, audit, now).await? {
        let wrong = "Email: somebody has an account with it already. Look for them in the list, and give them the role there.";
        return Ok(Err(wrong.to_owned()));
    }
    Ok(Ok(Some(shown(state, scope, name, code))))
}

async fn keep(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    sent: &Sent,
) -> Result<Result<Option<CodeView>, String>, ApiError> {
    let id: Uuid = sent.get("who").and_then(|id| id.parse().ok()).ok_or(ApiError::NotFound)?;
    let held = state.store.staff_roles(id).await?;
    let Some(who) = state.store.member(id).await?.filter(|_| may_keep(scope, caller, id, &held)) else {
        return Err(ApiError::NotFound);
    };
    let now = state.clock.now().utc;
    match sent.get("what").map(String::as_str) {
        Some("code") => {
            let code = codes::draw()?;
            let kept = NewCode { code_sha256: &codes::hash(&code), expires_at: now + CODE_FOR };
            state.store.set_code(id, kept, audit(caller, id, "make sign-in code"), now).await?;
            Ok(Ok(Some(shown(state, scope, who.name, code))))
        }
        Some("left") => {
            state.store.append_audit(audit(caller, id, "close account"), now).await?;
            state.store.disable_staff(id, now).await?;
            Ok(Ok(None))
        }
        Some(what) => {
            let role = match role(scope, sent) {
                Ok(role) => role,
                Err(wrong) => return Ok(Err(wrong)),
            };
            let gives = what == "give";
            if !gives && held.len() < 2 {
                return Ok(Err("This is their only role. Give them another one first, or say that they left.".to_owned()));
            }
            let detail = format!("{} {}", role.role, role.organisation_id);
            let action = if gives { "give role" } else { "take role away" };
            let audit = NewAudit { detail: Some(&detail), ..audit(caller, id, action) };
            state.store.set_role(id, &role, gives, audit, now).await?;
            Ok(Ok(None))
        }
        None => Ok(Err("Choose what to do.".to_owned())),
    }
}

/// Somebody else, all of whose roles lie within reach.
fn may_keep(scope: &Scope, caller: &Caller, id: Uuid, held: &[StaffRoleRow]) -> bool {
    let within = |row: &StaffRoleRow| scope.may(Action::KeepAccounts, &About::Organisation(row.organisation_id));
    id != caller.staff_id() && !held.is_empty() && held.iter().all(within)
}

fn audit(caller: &Caller, who: Uuid, action: &'static str) -> NewAudit<'static> {
    NewAudit { actor: Actor::Staff(caller.staff_id()), action, subject: Subject::Staff(who), detail: None }
}

fn shown(state: &AppState, scope: &Scope, who: String, text: String) -> CodeView {
    let until = (state.clock.now().utc + CODE_FOR).with_timezone(&scope.own_zone()).date_naive();
    let address = format!("{}/welcome", state.config.public_url.trim_end_matches('/'));
    CodeView { who, text, until: view::full_date(until), address }
}

async fn draw(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    pages: Pages,
    sent: &Sent,
    wrong: String,
    code: Option<CodeView>,
) -> Result<Html<String>, ApiError> {
    let now = state.clock.now().utc;
    let mut members = state.store.members(caller.staff_id(), pages.search(), Pages::ASK, pages.offset()).await?;
    let pages = pages.cut(&mut members);
    let ids: Vec<Uuid> = members.iter().map(|row| row.staff_id).collect();
    let held = state.store.roles_of(&ids).await?;
    let names: std::collections::BTreeMap<Uuid, String> = scope.organisation_names().collect();
    let row = |row: MemberRow| {
        let own: Vec<StaffRoleRow> = held.iter().filter(|(id, _)| *id == row.staff_id).map(|(_, role)| role.clone()).collect();
        let place = |id: &Uuid| names.get(id).cloned().unwrap_or_default();
        RowView {
            id: row.staff_id,
            state: match row.code_until {
                _ if row.is_disabled => Chip::new("line", "lock", "Left"),
                Some(until) if until > now => Chip::new("move", "clock", "Has a code"),
                Some(_) => Chip::new("look", "look", "Code is too old"),
                None => Chip::new("live", "check", "Signs in"),
            },
            is_disabled: row.is_disabled,
            may_keep: may_keep(scope, caller, row.staff_id, &own),
            roles: own
                .iter()
                .map(|role| RoleView {
                    code: role.role.clone(),
                    place: role.organisation_id,
                    words: format!("{}, {}", role_words(&role.role), place(&role.organisation_id)),
                })
                .collect(),
            name: row.name,
            email: row.email,
        }
    };
    let typed = |name: &str| sent.get(name).cloned().unwrap_or_default();
    let (role, place) = (typed("role"), typed("place"));
    let mut places: Vec<Choice> = kept(scope).map(|(id, name)| (id.to_string(), name, id.to_string() == place)).collect();
    places.sort_by(|a, b| a.1.cmp(&b.1));
    page(&AccountsPage {
        frame: Frame::of(caller, scope, "People who sign in", "/schools", now),
        wrong,
        code,
        rows: members.into_iter().map(row).collect(),
        pages,
        roles: ROLES.map(|(known, words)| (known.as_str().to_owned(), words.to_owned(), known.as_str() == role)).to_vec(),
        places,
        name: typed("name"),
        email: typed("email"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_is_kept_in_small_letters_and_what_is_none_is_refused() {
        assert_eq!(email_of(" C@School.Example ").unwrap(), "c@school.example");
        for text in ["", "c", "c@", "@school.example", "c@school", "c c@school.example", "c@a@school.example"] {
            assert!(email_of(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_name_is_one_short_line() {
        assert_eq!(name_of("  Mrs   C. ").unwrap(), "Mrs C.");
        assert!(name_of(" ").is_err());
        assert!(name_of(&"x".repeat(61)).is_err());
    }
}
