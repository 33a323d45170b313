//! A part-time arrangement: from when until when, why, agreed by which parent, and looked at on which days.
//!
//! Its rules are the core's (`server_core::plan::PartTime`): behaviour alone is no reason, it ends, and it is looked at before it ends. Its
//! last day becomes a limit of the case. Which mark the school uses for the sessions in between is the school's matter and is not asked
//! here. Each change is a revision; none is removed.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::NaiveDate;
use server_core::access::Action;
use server_core::party::{Party, PersonId};
use server_core::plan::{PartTime, PartTimeReason};
use server_core::policy::Event;
use store::audit::NewAudit;
use store::kept;
use store::placements::PlacementRow;
use store::sheets::{NewSheet, Owner, Saved, SheetKind, SheetRow};
use uuid::Uuid;

use super::plan::{self, Sent, optional_day};
use super::view::{self, Chip};
use super::{Frame, page};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::{self, Scope};

/// Days of looking at it that the form offers.
const REVIEWS: usize = 4;
/// Sets the keys of arrangements apart from those of other sheets that are named after their placement.
const ARRANGEMENTS: u128 = 0x7a27_0000_0000_0000_0000_0000_0000_0000;
/// Reasons, with their words.
pub(super) const REASONS: [(PartTimeReason, &str); 4] = [
    (PartTimeReason::Health, "Health"),
    (PartTimeReason::Return, "A step of the return"),
    (PartTimeReason::Need, "A need that the school cannot yet meet all day"),
    (PartTimeReason::Behaviour, "Behaviour, beside another reason"),
];

#[derive(Template)]
#[template(path = "staff/part_time.html")]
struct PartTimePage {
    frame: Frame,
    pupil_id: Uuid,
    pupil_name: String,
    wrong: String,
    may_edit: bool,
    all: Vec<OneView>,
    /// The form: which arrangement it changes, if one; and what it holds.
    sheet: String,
    revision: i64,
    /// How many there are.
    known: usize,
    from: String,
    until: String,
    reasons: Vec<(&'static str, &'static str, bool)>,
    parents: Vec<(String, String, bool)>,
    reviews: Vec<(usize, String)>,
}

struct OneView {
    title: String,
    chip: Chip,
    facts: Vec<(&'static str, String)>,
}

/// `GET /pupils/{pupil}/part-time`
pub async fn show(State(state): State<AppState>, caller: Caller, Path(pupil): Path<Uuid>) -> Result<Html<String>, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::ReadPlan).await?;
    state.store.append_audit(plan::audit(&caller, pupil, "read plan"), state.clock.now().utc).await?;
    draw(&state, &caller, &scope, &placement, &Sent::new(), String::new()).await
}

/// `POST /pupils/{pupil}/part-time`: an arrangement is made, or the one that runs is changed.
pub async fn save(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::EditPlan).await?;
    let now = state.clock.now().utc;
    let again = async |status, wrong: String| -> Result<Response, ApiError> {
        Ok((status, draw(&state, &caller, &scope, &placement, &sent, wrong).await?).into_response())
    };
    let made = match read(&sent) {
        Ok(made) => made,
        Err(wrong) => return again(StatusCode::UNPROCESSABLE_ENTITY, wrong).await,
    };
    let changes: Option<Uuid> = sent.get("sheet").and_then(|id| id.parse().ok());
    let seen = sent.get("revision").and_then(|revision| revision.parse().ok()).unwrap_or(-1);
    let body = kept::written_part_time(&made);
    let known: u32 = sent.get("known").and_then(|count| count.parse().ok()).unwrap_or(0);
    let sheet = NewSheet {
        sheet_id: changes.unwrap_or_else(|| next_id(placement.placement_id, known)),
        based_on: if changes.is_some() { seen } else { 0 },
        kind: SheetKind::PartTime,
        owner: Owner::Placement(placement.placement_id),
        day: Some(made.until),
        body: &body,
    };
    match state.store.save_sheet(&sheet, plan::audit(&caller, pupil, "change part-time"), now).await? {
        Saved::As(_) => {}
        Saved::Meanwhile(row) => {
            let who = row.actor_name.clone().unwrap_or_else(|| "Somebody else".to_owned());
            let did = if changes.is_some() { "changed this" } else { "made an" };
            let wrong = format!(
                "{who} {did} arrangement while you wrote. It is listed as they left it; what you typed is still here. Save it in place of \
                 theirs, or leave theirs as it is."
            );
            return again(StatusCode::CONFLICT, wrong).await;
        }
        Saved::NoSheet => return Err(ApiError::NotFound),
    }
    // Limits are counted from these days.
    for (event, day) in [(Event::PartTimeStart, made.from), (Event::PartTimeEnd, made.until)] {
        let audit = NewAudit { detail: Some(event.code()), ..plan::audit(&caller, pupil, "say event") };
        state.store.say_event(placement.placement_id, event, Some(day), audit, now).await?;
    }
    Ok(Redirect::to(&format!("/pupils/{pupil}/part-time")).into_response())
}

/// The key of the arrangement that comes after so many: the same for everybody who saw these. So of two who save the next one at once,
/// the second is told.
fn next_id(placement: Uuid, known: u32) -> Uuid {
    Uuid::from_u128(placement.as_u128() ^ ARRANGEMENTS ^ u128::from(known))
}

fn read(sent: &Sent) -> Result<PartTime, String> {
    let day = |name: &str, label: &str| optional_day(sent, name, label)?.ok_or_else(|| format!("{label}: choose a day."));
    let agreed_by = sent.get("agreed").and_then(|id| id.parse().ok()).map(PersonId);
    let reviews: Result<Vec<_>, String> =
        (0..REVIEWS).filter_map(|n| optional_day(sent, &format!("review-{n}"), "A day to look at it").transpose()).collect();
    let (mut reviews, from, until) = (reviews?, day("from", "First day")?, day("until", "Last day")?);
    reviews.sort_unstable();
    reviews.dedup();
    let chosen = |(reason, _): &&(PartTimeReason, &str)| sent.contains_key(&format!("reason-{}", reason.code()));
    let made = PartTime {
        from,
        until,
        reasons: REASONS.iter().filter(chosen).map(|(reason, _)| *reason).collect::<BTreeSet<_>>(),
        agreed_by: agreed_by.ok_or("Choose the parent or carer who agreed. No arrangement is made without them.")?,
        reviews,
    };
    made.check().map_err(|error| view::sentence(&error.to_string()))?;
    Ok(made)
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
    let rows = state.store.sheets(Owner::Placement(placement.placement_id), SheetKind::PartTime).await?;
    let mut all: Vec<(SheetRow, PartTime)> = Vec::new();
    for row in rows {
        let one = kept::read_part_time(&row.body).ok_or_else(|| anyhow::anyhow!("a part-time arrangement is not readable"))?;
        all.push((row, one));
    }
    all.sort_by_key(|(_, one)| std::cmp::Reverse(one.until));
    // The form changes the one that runs or is to come; once it is over, it makes the next.
    let current = all.iter().find(|(_, one)| today <= one.until);
    let typed = |name: &str, kept: String| if sent.is_empty() { kept } else { sent.get(name).cloned().unwrap_or_default() };
    let kept = |part: fn(&PartTime) -> String| current.map(|(_, one)| part(one)).unwrap_or_default();
    let has = |reason: PartTimeReason| {
        if sent.is_empty() {
            current.is_some_and(|(_, one)| one.reasons.contains(&reason))
        } else {
            sent.contains_key(&format!("reason-{}", reason.code()))
        }
    };
    let agreed = typed("agreed", kept(|one| one.agreed_by.0.to_string()));
    page(&PartTimePage {
        frame: Frame::of(caller, scope, format!("Part-time for {}", placement.pupil_name), "/pupils", now),
        pupil_id: placement.pupil_id,
        pupil_name: placement.pupil_name.clone(),
        wrong,
        may_edit: scope.may_pupil(Action::EditPlan, placement),
        sheet: current.map_or_else(String::new, |(row, _)| row.sheet_id.to_string()),
        revision: current.map_or(0, |(row, _)| row.revision),
        known: all.len(),
        from: typed("from", kept(|one| one.from.to_string())),
        until: typed("until", kept(|one| one.until.to_string())),
        reasons: REASONS.map(|(reason, words)| (reason.code(), words, has(reason))).to_vec(),
        parents: (names.with(&[Party::Parent], today).into_iter())
            .map(|(person, name)| (person.0.to_string(), name, person.0.to_string() == agreed))
            .collect(),
        reviews: (0..REVIEWS)
            .map(|n| {
                let kept = current.and_then(|(_, one)| one.reviews.get(n)).map_or_else(String::new, NaiveDate::to_string);
                (n, typed(&format!("review-{n}"), kept))
            })
            .collect(),
        all: all.iter().map(|(row, one)| one_view(row, one, &names, today)).collect(),
    })
}

fn one_view(row: &SheetRow, one: &PartTime, names: &plan::Names, today: NaiveDate) -> OneView {
    let chip = if today > one.until {
        Chip::new("line", "check", "Over")
    } else if today < one.from {
        Chip::new("line", "cal", "To come")
    } else {
        Chip::new("live", "clock", "Runs now")
    };
    let reasons: Vec<_> = REASONS.iter().filter(|(reason, _)| one.reasons.contains(reason)).map(|(_, words)| *words).collect();
    let reviews: Vec<_> = one.reviews.iter().map(|day| view::full_date(*day)).collect();
    let by = row.actor_name.clone().unwrap_or_else(|| "Somebody".to_owned());
    let changed = match row.revision {
        1 => by,
        2 => format!("{by}, changed once"),
        count => format!("{by}, changed {} times", count - 1),
    };
    OneView {
        title: format!("{} to {}", view::full_date(one.from), view::full_date(one.until)),
        chip,
        facts: vec![
            ("Why", reasons.join("; ")),
            ("Agreed by", names.name(one.agreed_by)),
            ("Looked at on", reviews.join("; ")),
            ("Written by", changed),
        ],
    }
}
