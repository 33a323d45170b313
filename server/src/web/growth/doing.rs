//! What is done at the root of something: each for an area of the framework or more, by somebody, from a day on (F-3).
//!
//! What ended stays in the profile's revisions; it is no longer shown as going on.

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::NaiveDate;
use server_core::access::Action;
use server_core::framework::{Area, Intervention, Profile};
use server_core::party::Party;
use store::kept;
use store::sheets::{NewSheet, Owner, Saved, SheetKind};
use uuid::Uuid;

use super::profile::{Drawn, draw};
use super::read_profile;
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope;
use crate::web::plan::{self, Sent, optional_day, words};
use crate::web::view;

/// What is done at one time, at most.
const MOST: usize = 20;
/// Who may do it.
pub const OWNERS: [Party; 6] =
    [Party::KeyWorker, Party::ProviderLead, Party::HomeSchool, Party::ReceivingSchool, Party::Health, Party::Parent];

/// `POST /pupils/{pupil}/growth/doing`: something is begun, or ends today.
pub async fn change(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::EditFramework).await?;
    let now = state.clock.now().utc;
    let today = scope.today(placement.school_id, now);
    let based_on = sent.get("revision").and_then(|revision| revision.parse().ok());
    let based_on: i64 = based_on.ok_or(ApiError::BadRequest("Open the page again: the form has lost what it was based on."))?;
    let (_, mut profile) = read_profile(&state, &placement).await?.unwrap_or_default();
    let is_end = sent.contains_key("end");
    let done = if is_end { end(&mut profile, &sent, today) } else { begin(&mut profile, &sent, today) };
    let typed = Some(&sent).filter(|_| !is_end);
    if let Err(wrong) = done {
        let drawn = Drawn { wrong, begin: typed, ..Drawn::of(based_on, &profile) };
        return Ok(
            (axum::http::StatusCode::UNPROCESSABLE_ENTITY, draw(&state, &caller, &scope, &placement, drawn)?).into_response()
        );
    }
    let body = kept::written_profile(&profile);
    let sheet = NewSheet {
        sheet_id: placement.placement_id,
        based_on,
        kind: SheetKind::Profile,
        owner: Owner::Placement(placement.placement_id),
        day: None,
        body: &body,
    };
    match state.store.save_sheet(&sheet, plan::audit(&caller, pupil, "change profile"), now).await? {
        Saved::As(_) => Ok(Redirect::to(&format!("/pupils/{pupil}/growth/profile#doing")).into_response()),
        Saved::Meanwhile(row) => {
            let theirs = kept::read_profile(&row.body).unwrap_or_default();
            let drawn = Drawn { meanwhile: Some(&row), begin: typed, ..Drawn::of(row.revision, &theirs) };
            Ok((axum::http::StatusCode::CONFLICT, draw(&state, &caller, &scope, &placement, drawn)?).into_response())
        }
        Saved::NoSheet => Err(ApiError::NotFound),
    }
}

fn begin(profile: &mut Profile, sent: &Sent, today: NaiveDate) -> Result<(), String> {
    if profile.interventions.iter().filter(|one| one.is_on(today)).count() >= MOST {
        return Err("That is as much as can be done at one time: end something first.".to_owned());
    }
    let areas = Area::ALL.iter().copied().filter(|area| sent.contains_key(&format!("area-{}", area.code()))).collect();
    let owner = sent.get("owner").and_then(|code| Party::from_code(code)).filter(|party| OWNERS.contains(party));
    let owner = owner.ok_or("Choose who does it.")?;
    let from = optional_day(sent, "from", "From")?.unwrap_or(today);
    let until = optional_day(sent, "until", "Until")?;
    if until.is_some_and(|until| until < from) {
        return Err("Until: that day lies before the first.".to_owned());
    }
    let one = Intervention::new(words(sent, "what", "What is done")?, areas, owner, from, until);
    profile.interventions.push(one.map_err(|error| view::sentence(&error.to_string()))?);
    Ok(())
}

/// Its last day is yesterday, or the day before it began: it no longer goes on.
fn end(profile: &mut Profile, sent: &Sent, today: NaiveDate) -> Result<(), String> {
    let n: Option<usize> = sent.get("end").and_then(|n| n.parse().ok());
    let one = n.and_then(|n| profile.interventions.get_mut(n)).ok_or("That is not there.")?;
    one.until = today.pred_opt();
    Ok(())
}
