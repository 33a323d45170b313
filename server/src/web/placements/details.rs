//! What of a placement changes after it began: last day, key worker, robot; and the pupil's details.
//!
//! A robot that is taken away ends the visit that is under way. Each change is in the audit log. Of two people who correct one form at once,
//! the second is shown what the first saved, keeps what they typed, and chooses.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use protocol::{PlacementId, RobotId};
use server_core::access::{Action, Subject as About};
use server_core::party::Party;
use store::beginnings::{Details as Kept, Entered, Lasting};
use store::changes::{ChangeOf, ChangeRow};
use store::placements::PlacementRow;
use store::record::PartyRow;
use uuid::Uuid;

use super::{check_days, key_worker, key_workers};
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::{self, Scope};
use crate::web::entry::{NUMBER_TAKEN, Typed, UPN_TAKEN, details};
use crate::web::meanwhile::{self, Meanwhile, drawn_from};
use crate::web::plan::{self, Choice, Sent, optional_day};
use crate::web::{Frame, page, view};
use crate::{AppState, Change, dispatch};

/// A form that does not say from what it was drawn.
const LOST: ApiError = ApiError::BadRequest("Open the page again: the form has lost what it was based on.");

#[derive(Template)]
#[template(path = "staff/placement.html")]
struct PlacementPage {
    frame: Frame,
    pupil_id: Uuid,
    pupil_name: String,
    wrong: String,
    meanwhile: Option<Meanwhile>,
    typed: Typed,
    /// What the forms are drawn from: they send it back.
    was: Typed,
    was_until: String,
    was_worker: String,
    facts: Vec<(&'static str, String)>,
    until: String,
    key_workers: Vec<Choice>,
    may_give: bool,
    may_begin: bool,
    robot: Option<String>,
    robots: Vec<Choice>,
    school: String,
}

/// Why nothing was written.
enum NotSaved {
    /// In words.
    Wrong(String),
    /// Somebody else wrote it since the form was drawn.
    Meanwhile,
}

impl From<String> for NotSaved {
    fn from(wrong: String) -> Self {
        Self::Wrong(wrong)
    }
}

/// `GET /pupils/{pupil}/placement`
pub async fn show(State(state): State<AppState>, caller: Caller, Path(pupil): Path<Uuid>) -> Result<Html<String>, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::KeepCase).await?;
    state.store.append_audit(plan::audit(&caller, pupil, "read details"), state.clock.now().utc).await?;
    draw(&state, &caller, &scope, &placement, &Sent::new(), None).await
}

/// `POST /pupils/{pupil}/placement`: details, days and key worker, or the robot.
pub async fn change(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::KeepCase).await?;
    let done = match sent.get("what").map(String::as_str) {
        Some("pupil") => correct(&state, &caller, &scope, &placement, &sent).await?,
        Some("days") => days(&state, &caller, &scope, &placement, &sent).await?,
        Some("give" | "take") if scope.may_pupil(Action::GiveRobot, &placement) => {
            robot(&state, &caller, &placement, &sent).await?
        }
        _ => Err("Choose what to do.".to_owned().into()),
    };
    let (status, not_saved) = match done {
        Ok(()) => return Ok(Redirect::to(&format!("/pupils/{pupil}/placement")).into_response()),
        Err(wrong @ NotSaved::Wrong(_)) => (StatusCode::UNPROCESSABLE_ENTITY, wrong),
        Err(NotSaved::Meanwhile) => (StatusCode::CONFLICT, NotSaved::Meanwhile),
    };
    // As it is by now.
    let placement = state.store.placement(placement.placement_id).await?.unwrap_or(placement);
    let html = draw(&state, &caller, &scope, &placement, &sent, Some(not_saved)).await?;
    Ok((status, html).into_response())
}

async fn correct(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    placement: &PlacementRow,
    sent: &Sent,
) -> Result<Result<(), NotSaved>, ApiError> {
    let now = state.clock.now().utc;
    let were = Typed::were(sent);
    let known = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let upn = known(&were.upn).map(|upn| upn.parse()).transpose().map_err(|_| LOST)?;
    let born = known(&were.born).map(|born| born.parse()).transpose().map_err(|_| LOST)?;
    let were = Kept {
        name: &were.name,
        year_group: were.year.parse().map_err(|_| LOST)?,
        upn: upn.as_ref(),
        born,
        local_number: Some(were.local.as_str()).filter(|local| !local.is_empty()),
    };
    let are = match details(sent, scope.today(placement.school_id, now)) {
        Ok(details) => details,
        Err(wrong) => return Ok(Err(wrong.into())),
    };
    let pupil_id = placement.pupil_id;
    let audit = plan::audit(caller, pupil_id, "correct details");
    Ok(match state.store.correct_pupil(pupil_id, were, are.kept(), audit, now).await? {
        Entered::Written => Ok(()),
        Entered::UpnTaken => Err(UPN_TAKEN.to_owned().into()),
        Entered::NumberTaken => Err(NUMBER_TAKEN.to_owned().into()),
        Entered::Meanwhile => Err(NotSaved::Meanwhile),
    })
}

/// The last day and the key worker from which the form was drawn.
fn were(sent: &Sent) -> Option<Lasting> {
    let key_worker_id = match sent.get("was-key-worker")?.as_str() {
        "" => None,
        id => Some(id.parse().ok()?),
    };
    Some(Lasting { until_day: sent.get("was-until")?.parse().ok()?, key_worker_id })
}

async fn days(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    placement: &PlacementRow,
    sent: &Sent,
) -> Result<Result<(), NotSaved>, ApiError> {
    let now = state.clock.now().utc;
    let were = were(sent).ok_or(LOST)?;
    let today = scope.today(placement.school_id, now);
    let workers = key_workers(state, scope).await?;
    let read = || -> Result<Lasting, String> {
        let until = optional_day(sent, "until", "Last day")?.ok_or("Last day: choose a day.")?;
        check_days(placement.from_day, until)?;
        if until < today && until != were.until_day {
            return Err("Last day: that day is over. Today is the earliest; what was, stays.".to_owned());
        }
        // Whoever is named already may stay, also if they have another role by now.
        let stays = were.key_worker_id.filter(|id| sent.get("key-worker").is_some_and(|sent| *sent == id.to_string()));
        let key_worker_id = match stays {
            Some(id) => Some(id),
            None => key_worker(scope, &workers, sent, placement.school_id, placement.provider_id)?,
        };
        Ok(Lasting { until_day: until, key_worker_id })
    };
    let are = match read() {
        Ok(read) => read,
        Err(wrong) => return Ok(Err(wrong.into())),
    };
    let audit = plan::audit(caller, placement.pupil_id, "change placement");
    if !state.store.change_placement(placement.placement_id, were, are, audit, now).await? {
        return Ok(Err(NotSaved::Meanwhile));
    }
    if are.key_worker_id != were.key_worker_id {
        // The part of whoever was key worker until now ends with it.
        for row in state.store.parties(placement.placement_id).await? {
            let was = row.party == Party::KeyWorker && Some(row.person.0) == were.key_worker_id && row.until_day.is_none();
            if was {
                let row = PartyRow { until_day: Some(row.from_day.map_or(today, |from| from.max(today))), ..row };
                state.store.set_party(&row, plan::audit(caller, placement.pupil_id, "end part"), now).await?;
            }
        }
        if let Some(key_worker) = are.key_worker_id {
            plan::name_key_worker(state, caller, placement, key_worker).await?;
        }
    }
    Ok(Ok(()))
}

async fn robot(
    state: &AppState,
    caller: &Caller,
    placement: &PlacementRow,
    sent: &Sent,
) -> Result<Result<(), NotSaved>, ApiError> {
    let now = state.clock.now().utc;
    let gives = sent.get("what").is_some_and(|what| what == "give");
    let id = sent.get("robot").map_or("", String::as_str);
    let robot = if gives {
        let rows = state.store.robots_of(placement.school_id).await?;
        let Some(row) = rows.into_iter().find(|row| row.robot_id.to_string() == id) else {
            return Ok(Err(format!("Robot: choose one that stands at {}.", placement.school_name).into()));
        };
        Some(row.robot_id)
    } else {
        None
    };
    if robot == placement.robot_id {
        return Ok(Ok(()));
    }
    let detail = robot.or(placement.robot_id).map(|id| id.to_string());
    let action = if gives { "give robot" } else { "take robot away" };
    let audit = store::audit::NewAudit { detail: detail.as_deref(), ..plan::audit(caller, placement.pupil_id, action) };
    state.store.give_robot(placement.placement_id, robot, audit, now).await?;
    if placement.robot_id.is_some() {
        // A visit through the robot of before ends at once; what was counted stays.
        dispatch::end_visit(state, PlacementId(placement.placement_id), None);
    }
    for robot in [robot, placement.robot_id].into_iter().flatten() {
        state.announce(Change::Robot(RobotId(robot)));
    }
    state.announce(Change::Pupil(placement.pupil_id));
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
    let now = state.clock.now().utc;
    let today = scope.today(placement.school_id, now);
    let what = sent.get("what").map_or("", String::as_str);
    let pupil = state.store.pupil(placement.pupil_id).await?.ok_or(ApiError::NotFound)?;
    let kept = Typed::kept(&pupil);
    let typed = if what == "pupil" { Typed::of(sent) } else { Typed::kept(&pupil) };
    let days = Some(sent).filter(|_| what == "days");
    let key_worker = days.map_or_else(
        || placement.key_worker_id.map_or_else(String::new, |id| id.to_string()),
        |sent| sent.get("key-worker").cloned().unwrap_or_default(),
    );
    let mut key_workers: Vec<Choice> = key_workers(state, scope)
        .await?
        .into_iter()
        .map(|(id, name, _)| (id.to_string(), name, id.to_string() == key_worker))
        .collect();
    if let Some(id) = placement.key_worker_id.filter(|id| !key_workers.iter().any(|(known, ..)| *known == id.to_string())) {
        // Somebody who is no key worker any more is still named, until somebody else is.
        let name = state.store.staff_name(id).await?.unwrap_or_else(|| "Somebody whose account is gone".to_owned());
        key_workers.push((id.to_string(), name, id.to_string() == key_worker));
    }
    let kept_worker = placement.key_worker_id.map_or_else(String::new, |id| id.to_string());
    let until = days.and_then(|sent| sent.get("until").cloned()).unwrap_or_else(|| placement.until_day.to_string());
    let (wrong, meanwhile) = match not_saved {
        None => (String::new(), None),
        Some(NotSaved::Wrong(wrong)) => (wrong, None),
        Some(NotSaved::Meanwhile) => {
            let name = |id: &str| {
                let known = key_workers.iter().find(|(known, ..)| known == id);
                known.map_or_else(|| "Not named yet".to_owned(), |(_, name, _)| name.clone())
            };
            let day = |day: &str| day.parse().map_or_else(|_| day.to_owned(), view::full_date);
            let (theirs, mine) = if what == "pupil" {
                (kept.told().to_vec(), typed.told().to_vec())
            } else {
                let told = |until: &str, worker: &str| vec![("Last day", day(until)), ("Key worker", name(worker))];
                (told(&placement.until_day.to_string(), &kept_worker), told(&until, &key_worker))
            };
            let lines = theirs.into_iter().zip(mine).filter(|((_, theirs), (_, mine))| theirs != mine.trim());
            let lines = lines.map(|((about, theirs), (_, mine))| (about.to_owned(), theirs, mine));
            let of = if what == "pupil" { "pupil." } else { "placement." };
            let is = |change: &ChangeRow| change.of == ChangeOf::Field && change.what.starts_with(of);
            let last = meanwhile::last_change(state, placement, is).await?;
            let page = format!("/pupils/{}/placement", placement.pupil_id);
            (String::new(), Some(Meanwhile::new(meanwhile::by(last.as_ref(), scope, placement), page, lines)))
        }
    };
    // A slip is corrected on what the form was drawn from; whoever was shown what is there now, chooses on that.
    let was = if !wrong.is_empty() && what == "pupil" { Typed::were(sent) } else { kept };
    let was_until = drawn_from(sent, "until", &wrong, placement.until_day.to_string());
    let was_worker = drawn_from(sent, "key-worker", &wrong, kept_worker);
    let may_give = scope.may_pupil(Action::GiveRobot, placement);
    let mut robots = Vec::new();
    if may_give {
        for row in state.store.robots_of(placement.school_id).await? {
            let with = state.store.placements_of_robot(row.robot_id, today).await?;
            let others = with.iter().filter(|other| other.placement_id != placement.placement_id).count();
            let shared = match others {
                0 => String::new(),
                1 => ", shared with another pupil".to_owned(),
                n => format!(", shared with {n} other pupils"),
            };
            robots.push((row.robot_id.to_string(), format!("{}{shared}", row.name), Some(row.robot_id) == placement.robot_id));
        }
    }
    page(&PlacementPage {
        frame: Frame::of(caller, scope, format!("Placement of {}", placement.pupil_name), "/pupils", now),
        pupil_id: placement.pupil_id,
        pupil_name: placement.pupil_name.clone(),
        wrong,
        meanwhile,
        typed,
        was,
        was_until,
        was_worker,
        facts: vec![
            ("Home school", placement.home_name.clone()),
            ("Follows lessons at", placement.school_name.clone()),
            ("Looked after by", placement.provider_name.clone().unwrap_or_else(|| "Nobody beside the school".to_owned())),
            ("First day", view::full_date(placement.from_day)),
        ],
        until,
        key_workers,
        may_give,
        may_begin: scope.may(Action::AddPupil, &About::Organisation(pupil.organisation_id)),
        robot: placement.robot_name.clone(),
        robots,
        school: placement.school_name.clone(),
    })
}
