//! A placement begins, with the draft of its plan. What of it changes later is in `placements/details.rs`.
//!
//! A record begins before a robot is there: minutes are none until then. No placement begins without route, planned length and end goal
//! (L-2, A-4, H-6). It is in the audit log.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::{Days, NaiveDate};
use server_core::access::{Action, Subject as About};
use server_core::plan::ReintegrationPlan;
use server_core::school::OrganisationKind;
use store::beginnings::{Opened, PupilRow};
use store::placements::NewPlacement;
use uuid::Uuid;

use super::plan::{self, Choice, Sent, optional_day};
use super::{Frame, page, view};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::{self, Scope};

pub mod details;

/// A placement is not longer than this, in days: the rest of a key stage.
const MOST_DAYS: u64 = 3 * 366;

#[derive(Template)]
#[template(path = "staff/placement_new.html")]
struct NewPage {
    frame: Frame,
    pupil_id: Uuid,
    pupil_name: String,
    wrong: String,
    running: String,
    selects: Vec<Select>,
    about: Vec<Select>,
    from: String,
    until: String,
    words: String,
}

/// A choice of the form.
struct Select {
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    /// What stands for "none"; without it one has to be chosen.
    none: Option<&'static str>,
    items: Vec<Choice>,
}

/// A pupil whose cases this person begins.
async fn beginner(state: &AppState, caller: &Caller, pupil: Uuid) -> Result<(PupilRow, Scope), ApiError> {
    let scope = Scope::of(state, caller).await?;
    let row = state.store.pupil(pupil).await?;
    let row = row.filter(|row| scope.may(Action::AddPupil, &About::Organisation(row.organisation_id)));
    Ok((row.ok_or(ApiError::NotFound)?, scope))
}

/// `GET /pupils/{pupil}/placement/new`
pub async fn begin_form(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
) -> Result<Html<String>, ApiError> {
    let (row, scope) = beginner(&state, &caller, pupil).await?;
    draw_new(&state, &caller, &scope, &row, &Sent::new(), String::new()).await
}

/// `POST /pupils/{pupil}/placement/new`
pub async fn begin(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    let (row, scope) = beginner(&state, &caller, pupil).await?;
    let now = state.clock.now().utc;
    let refuse = async |wrong: String| -> Result<Response, ApiError> {
        let html = draw_new(&state, &caller, &scope, &row, &sent, wrong).await?;
        Ok((StatusCode::UNPROCESSABLE_ENTITY, html).into_response())
    };
    let workers = key_workers(&state, &scope).await?;
    let (placement, plan) = match read(&scope, &row, &workers, &sent, scope.today(row.organisation_id, now)) {
        Ok(read) => read,
        Err(wrong) => return refuse(wrong).await,
    };
    let audit = plan::audit(&caller, pupil, "begin placement");
    match state.store.open_placement(&placement, Uuid::now_v7(), &plan, audit, now).await? {
        Opened::Opened => {}
        Opened::Later(day) => {
            let day = view::full_date(day);
            return refuse(format!("First day: another placement begins on {day}. Choose a day after it.")).await;
        }
    }
    if let (Some(key_worker), Some(placement)) = (placement.key_worker_id, state.store.placement(placement.placement_id).await?)
    {
        plan::name_key_worker(&state, &caller, &placement, key_worker).await?;
    }
    // Somebody may begin a case that they do not look after.
    let is_theirs = scope::pupil(&state, &caller, pupil, Action::ReadRecord).await.is_ok();
    Ok(Redirect::to(&if is_theirs { format!("/pupils/{pupil}") } else { "/pupils".to_owned() }).into_response())
}

/// Key workers as (id, name, where they are one).
type Workers = Vec<(Uuid, String, Vec<Uuid>)>;

async fn key_workers(state: &AppState, scope: &Scope) -> Result<Workers, ApiError> {
    let mut all: Workers = Vec::new();
    for row in state.store.key_workers().await? {
        if !scope.is_near(row.organisation_id) {
            continue;
        }
        match all.last_mut() {
            Some((id, _, places)) if *id == row.staff_id => places.push(row.organisation_id),
            _ => all.push((row.staff_id, row.name, vec![row.organisation_id])),
        }
    }
    Ok(all)
}

/// The key worker of a form: somebody who is one at the school or at the provider, or above them.
fn key_worker(
    scope: &Scope,
    workers: &Workers,
    sent: &Sent,
    school: Uuid,
    provider: Option<Uuid>,
) -> Result<Option<Uuid>, String> {
    let id = sent.get("key-worker").map_or("", String::as_str);
    if id.is_empty() {
        return Ok(None);
    }
    let (id, name, places) =
        workers.iter().find(|(known, ..)| known.to_string() == id).ok_or("Key worker: choose from the list.")?;
    let reaches = |place: &Uuid| scope.is_within(school, *place) || provider.is_some_and(|to| scope.is_within(to, *place));
    if places.iter().any(reaches) {
        return Ok(Some(*id));
    }
    Err(format!(
        "Key worker: {name} works neither at the school nor at the provider, and would not see the record. Choose somebody else, \
         or give them the role there first."
    ))
}

/// A school or provider of the list by its form field.
fn place(scope: &Scope, sent: &Sent, name: &str) -> Option<Uuid> {
    let id = sent.get(name).map_or("", String::as_str);
    scope.organisations().find(|row| row.organisation_id.to_string() == id).map(|row| row.organisation_id)
}

fn read(
    scope: &Scope,
    pupil: &PupilRow,
    workers: &Workers,
    sent: &Sent,
    today: NaiveDate,
) -> Result<(NewPlacement, ReintegrationPlan), String> {
    let school = place(scope, sent, "school").filter(|id| schools(scope, pupil).iter().any(|(known, _)| known == id));
    let school = school.ok_or("School: choose one.")?;
    let provider = match sent.get("provider").map_or("", String::as_str) {
        "" => None,
        _ => Some(
            place(scope, sent, "provider")
                .filter(|id| providers(scope).iter().any(|(known, _)| known == id))
                .ok_or("Looked after by: choose from the list.")?,
        ),
    };
    let from = optional_day(sent, "from", "First day")?.ok_or("First day: choose a day.")?;
    let until = optional_day(sent, "until", "Last day")?.ok_or("Last day: choose a day. It can be moved later.")?;
    check_days(from, until)?;
    let key_worker_id = key_worker(scope, workers, sent, school, provider)?;
    let plan = plan::drafted(sent, (pupil.organisation_id, school, provider), today)?;
    let placement = NewPlacement {
        placement_id: Uuid::now_v7(),
        pupil_id: pupil.pupil_id,
        robot_id: None,
        school_id: school,
        provider_id: provider,
        key_worker_id,
        from_day: from,
        until_day: until,
    };
    Ok((placement, plan))
}

fn check_days(from: NaiveDate, until: NaiveDate) -> Result<(), String> {
    if until < from || from.checked_add_days(Days::new(MOST_DAYS)).is_none_or(|last| until > last) {
        return Err("Last day: it lies before the first, or more than three years after it.".to_owned());
    }
    Ok(())
}

/// Schools whose lessons the pupil of a placement may follow: those near the caller, the pupil's own first.
fn schools(scope: &Scope, pupil: &PupilRow) -> Vec<(Uuid, String)> {
    let own = pupil.organisation_id;
    let fits = |id: Uuid, kind: &str| {
        id == own || (kind == OrganisationKind::School.as_str() && scope.may(Action::AddPupil, &About::Organisation(id)))
    };
    let mut all: Vec<_> = scope.organisations().filter(|row| fits(row.organisation_id, &row.kind)).collect();
    all.sort_by_key(|row| (row.organisation_id != own, row.name.clone()));
    all.into_iter().map(|row| (row.organisation_id, row.name.clone())).collect()
}

/// Who may look after the pupil meanwhile: hospital schools and providers of the same authority.
fn providers(scope: &Scope) -> Vec<(Uuid, String)> {
    let kinds = [OrganisationKind::HospitalSchool.as_str(), OrganisationKind::ApProvider.as_str()];
    let fits =
        |row: &&store::organisations::OrganisationRow| kinds.contains(&row.kind.as_str()) && scope.is_near(row.organisation_id);
    scope.organisations().filter(fits).map(|row| (row.organisation_id, row.name.clone())).collect()
}

async fn draw_new(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    pupil: &PupilRow,
    sent: &Sent,
    wrong: String,
) -> Result<Html<String>, ApiError> {
    let now = state.clock.now().utc;
    let today = scope.today(pupil.organisation_id, now);
    let typed = |name: &str| sent.get(name).cloned().unwrap_or_default();
    let choice = |chosen: String| move |(id, name): (Uuid, String)| (id.to_string(), name, id.to_string() == chosen);
    let before = state.store.placements_of(pupil.pupil_id).await?;
    let running = before.iter().find(|row| row.until_day >= today).map_or_else(String::new, |row| {
        format!(
            "A placement at {} runs until {}. It ends on the day before the new one begins; its plan stays to be read.",
            row.school_name,
            view::full_date(row.until_day)
        )
    });
    let workers = key_workers(state, scope).await?;
    let selects = vec![
        Select {
            name: "school",
            label: "School whose lessons they follow",
            hint: "Mostly the home school. A robot stands there, once there is one.",
            none: None,
            items: schools(scope, pupil).into_iter().map(choice(typed("school"))).collect(),
        },
        Select {
            name: "provider",
            label: "Looked after by",
            hint: "Hospital school or provider in the meantime.",
            none: Some("At home, nobody beside the school"),
            items: providers(scope).into_iter().map(choice(typed("provider"))).collect(),
        },
        Select {
            name: "key-worker",
            label: "Key worker",
            hint: "Sees the record and has it at heart. Somebody of the school or the provider.",
            none: Some("Not named yet"),
            items: workers.into_iter().map(|(id, name, _)| (id, name)).map(choice(typed("key-worker"))).collect(),
        },
    ];
    let about = plan::begin_form(today, plan::Typed(Some(sent)))?.choices.into_iter().map(|one| Select {
        name: one.name,
        label: one.label,
        hint: "",
        none: None,
        items: one.items,
    });
    page(&NewPage {
        frame: Frame::of(caller, scope, format!("Placement of {}", pupil.name), "/pupils", now),
        pupil_id: pupil.pupil_id,
        pupil_name: pupil.name.clone(),
        wrong,
        running,
        selects,
        about: about.collect(),
        from: sent.get("from").cloned().unwrap_or_else(|| today.to_string()),
        until: typed("until"),
        words: typed("words"),
    })
}
