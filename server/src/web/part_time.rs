//! A part-time arrangement: from when until when, why, agreed by which parent, and looked at on which days.
//!
//! Its rules are the core's (`server_core::plan::PartTime`): behaviour alone is no reason, it ends, and it is looked at before it ends. The
//! next one may be made while one runs: each has its own days, and they do not overlap. Limits of the case are counted from the days of the
//! one that runs, or else of the next (`cases::facts`): they are written once, in the arrangement. Which mark the school uses for the sessions in between is the school's matter and is not asked
//! here. Each change is a revision; none is removed.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::NaiveDate;
use serde::Deserialize;
use server_core::access::Action;
use server_core::party::{Party, PersonId};
use server_core::plan::{PartTime, PartTimeReason};
use server_core::policy::{self, Pack};
use store::kept;
use store::placements::PlacementRow;
use store::sheets::{self, NewSheet, Owner, Saved, SheetKind, SheetRow};
use uuid::Uuid;

use super::plan::{self, Sent, optional_day};
use super::view::{self, Chip};
use super::{Frame, page};
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::{self, Scope};
use crate::{AppState, cases};

/// Days of looking at it that the form offers.
const REVIEWS: usize = 4;

#[derive(Template)]
#[template(path = "staff/part_time.html")]
struct PartTimePage {
    frame: Frame,
    pupil_id: Uuid,
    pupil_name: String,
    wrong: String,
    may_edit: bool,
    all: Vec<OneView>,
    /// The form: what it does, which arrangement it changes, if one; and what it holds.
    heading: &'static str,
    sheet: String,
    revision: String,
    /// How many there are.
    known: String,
    /// When the last one ends, if the form makes another one while it runs or is to come.
    after: String,
    /// The next one may be made, and the form does not do that already.
    offers_next: bool,
    from: String,
    until: String,
    reasons: Vec<(&'static str, String, bool)>,
    parents: Vec<(String, String, bool)>,
    reviews: Vec<(usize, String)>,
}

struct OneView {
    /// Which it is, if it may be changed and the form changes another one.
    change: String,
    title: String,
    chip: Chip,
    facts: Vec<(&'static str, String)>,
}

/// What the form is to change: `next`, or an arrangement; without it, the one that runs.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    change: String,
}

/// In the address, the arrangement that is not made yet.
const NEXT: &str = "next";

/// `GET /pupils/{pupil}/part-time`
pub async fn show(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::ReadPlan).await?;
    state.store.append_audit(plan::audit(&caller, pupil, "read plan"), state.clock.now().utc).await?;
    draw(&state, &caller, &scope, &placement, &asked.change, &Sent::new(), String::new()).await
}

/// `POST /pupils/{pupil}/part-time`: an arrangement is made, or one that is there is changed.
pub async fn save(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::EditPlan).await?;
    let now = state.clock.now().utc;
    let again = async |status, sent: &Sent, wrong: String| -> Result<Response, ApiError> {
        Ok((status, draw(&state, &caller, &scope, &placement, "", sent, wrong).await?).into_response())
    };
    let pack = cases::newest_pack(&state.store, placement.placement_id).await?;
    let changes: Option<Uuid> = sent.get("sheet").and_then(|id| id.parse().ok());
    let rows = state.store.sheets(Owner::Placement(placement.placement_id), SheetKind::PartTime).await?;
    let all = read_all(rows)?;
    let changed = all.iter().find(|(row, _)| Some(row.sheet_id) == changes).map(|(_, one)| one);
    let known: u16 = sent.get("known").and_then(|count| count.parse().ok()).unwrap_or(0);
    // Of two that are made at once, the second is told of the first, whatever its days are.
    let others =
        all.iter().filter(|(row, _)| Some(row.sheet_id) != changes && (changes.is_some() || usize::from(known) == all.len()));
    let made = read(&sent, &reasons_for(pack, changed)).and_then(|made| overlaps_none(made, others.map(|(_, one)| one)));
    let made = match made {
        Ok(made) => made,
        Err(wrong) => return again(StatusCode::UNPROCESSABLE_ENTITY, &sent, wrong).await,
    };
    let seen = sent.get("revision").and_then(|revision| revision.parse().ok()).unwrap_or(-1);
    let body = kept::written_part_time(&made);
    let sheet = NewSheet {
        sheet_id: changes.unwrap_or_else(|| sheets::next_id(SheetKind::PartTime, placement.placement_id, known)),
        based_on: if changes.is_some() { seen } else { 0 },
        kind: SheetKind::PartTime,
        owner: Owner::Placement(placement.placement_id),
        day: Some(made.until),
        body: &body,
    };
    match state.store.save_sheet(&sheet, plan::audit(&caller, pupil, "change part-time"), now).await? {
        Saved::As(_) => Ok(Redirect::to(&format!("/pupils/{pupil}/part-time")).into_response()),
        Saved::Meanwhile(row) => {
            let who = row.actor_name.clone().unwrap_or_else(|| "Somebody else".to_owned());
            let did = if changes.is_some() { "changed this" } else { "made an" };
            let wrong = format!(
                "{who} {did} arrangement while you wrote. It is listed as they left it; what you typed is still here. Save it in place of \
                 theirs, or leave theirs as it is."
            );
            // What was typed stands in the form; what it would be saved in place of is theirs.
            let mut sent = sent.clone();
            sent.insert("sheet".to_owned(), row.sheet_id.to_string());
            sent.insert("revision".to_owned(), row.revision.to_string());
            again(StatusCode::CONFLICT, &sent, wrong).await
        }
        Saved::NoSheet => Err(ApiError::NotFound),
    }
}

/// The arrangements of a placement, the latest first.
fn read_all(rows: Vec<SheetRow>) -> Result<Vec<(SheetRow, PartTime)>, ApiError> {
    let mut all = Vec::new();
    for row in rows {
        let one = kept::read_part_time(&row.body).ok_or_else(|| anyhow::anyhow!("a part-time arrangement is not readable"))?;
        all.push((row, one));
    }
    all.sort_by_key(|(_, one)| std::cmp::Reverse(one.until));
    Ok(all)
}

/// No day is of two arrangements.
fn overlaps_none<'a>(made: PartTime, mut others: impl Iterator<Item = &'a PartTime>) -> Result<PartTime, String> {
    match others.find(|other| made.from <= other.until && other.from <= made.until) {
        None => Ok(made),
        Some(other) => Err(format!(
            "There is an arrangement from {} to {}. Choose a first day after its last, or change that one.",
            view::full_date(other.from),
            view::full_date(other.until)
        )),
    }
}

/// What reasons are called.
pub(super) fn reasons(pack: Option<&Pack>, one: &PartTime) -> String {
    one.reasons.iter().map(|reason| policy::called(pack, *reason)).collect::<Vec<_>>().join("; ")
}

/// What the policy offers, and what was written under another one: that somebody changes a day takes no reason away.
fn reasons_for<'a>(pack: Option<&'a Pack>, current: Option<&PartTime>) -> Vec<(PartTimeReason, &'a str)> {
    let mut all = policy::offered::<PartTimeReason>(pack);
    for reason in current.iter().flat_map(|one| &one.reasons) {
        if !all.iter().any(|(known, _)| known == reason) {
            all.push((*reason, policy::called(pack, *reason)));
        }
    }
    all
}

fn read(sent: &Sent, offered: &[(PartTimeReason, &str)]) -> Result<PartTime, String> {
    let day = |name: &str, label: &str| optional_day(sent, name, label)?.ok_or_else(|| format!("{label}: choose a day."));
    let agreed_by = sent.get("agreed").and_then(|id| id.parse().ok()).map(PersonId);
    let reviews: Result<Vec<_>, String> =
        (0..REVIEWS).filter_map(|n| optional_day(sent, &format!("review-{n}"), "A day to look at it").transpose()).collect();
    let (mut reviews, from, until) = (reviews?, day("from", "First day")?, day("until", "Last day")?);
    reviews.sort_unstable();
    reviews.dedup();
    let is_chosen = |reason: &PartTimeReason| sent.contains_key(&format!("reason-{}", reason.code()));
    let made = PartTime {
        from,
        until,
        reasons: offered.iter().map(|(reason, _)| *reason).filter(is_chosen).collect::<BTreeSet<_>>(),
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
    change: &str,
    sent: &Sent,
    wrong: String,
) -> Result<Html<String>, ApiError> {
    let now = state.clock.now().utc;
    let today = scope.today(placement.school_id, now);
    let names = plan::Names::of(state, scope, placement).await?;
    let pack = cases::newest_pack(&state.store, placement.placement_id).await?;
    let rows = state.store.sheets(Owner::Placement(placement.placement_id), SheetKind::PartTime).await?;
    let all = read_all(rows)?;
    // The form changes the one that runs, or else the next; or another one that is not over, or makes the next, as somebody asks.
    let mut open = all.iter().filter(|(_, one)| today <= one.until);
    let first = open.clone().next_back();
    let change = sent.get("sheet").map_or(change, |sheet| if sheet.is_empty() { NEXT } else { sheet });
    let current = match change {
        NEXT => None,
        one => (all.iter().find(|(row, _)| row.sheet_id.to_string() == one))
            .filter(|(_, one)| !sent.is_empty() || today <= one.until)
            .or(first),
    };
    let last = open.next().map(|(_, one)| one.until).filter(|_| current.is_none());
    let held = |name: &str, kept: String| sent.get(name).cloned().unwrap_or(kept);
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
        heading: match current {
            Some((_, one)) if one.from <= today => "Change the one that runs",
            Some(_) => "Change the one to come",
            None if last.is_some() => "The next arrangement",
            None => "Make an arrangement",
        },
        sheet: current.map_or_else(String::new, |(row, _)| row.sheet_id.to_string()),
        revision: held("revision", current.map_or(0, |(row, _)| row.revision).to_string()),
        known: held("known", all.len().to_string()),
        after: last.map_or_else(String::new, view::full_date),
        offers_next: current.is_some(),
        from: typed("from", kept(|one| one.from.to_string())),
        until: typed("until", kept(|one| one.until.to_string())),
        reasons: (reasons_for(pack, current.map(|(_, one)| one)).into_iter())
            .map(|(reason, words)| (reason.code(), words.to_owned(), has(reason)))
            .collect(),
        parents: (names.with(&[Party::Parent], today).into_iter())
            .map(|(person, name)| (person.0.to_string(), name, person.0.to_string() == agreed))
            .collect(),
        reviews: (0..REVIEWS)
            .map(|n| {
                let kept = current.and_then(|(_, one)| one.reviews.get(n)).map_or_else(String::new, NaiveDate::to_string);
                (n, typed(&format!("review-{n}"), kept))
            })
            .collect(),
        all: all
            .iter()
            .map(|(row, one)| one_view(row, one, pack, &names, (today, current.map(|(row, _)| row.sheet_id))))
            .collect(),
    })
}

fn one_view(
    row: &SheetRow,
    one: &PartTime,
    pack: Option<&Pack>,
    names: &plan::Names,
    (today, in_form): (NaiveDate, Option<Uuid>),
) -> OneView {
    let is_offered = today <= one.until && in_form != Some(row.sheet_id);
    let chip = if today > one.until {
        Chip::new("line", "check", "Over")
    } else if today < one.from {
        Chip::new("line", "cal", "To come")
    } else {
        Chip::new("live", "clock", "Runs now")
    };
    let reviews: Vec<_> = one.reviews.iter().map(|day| view::full_date(*day)).collect();
    let by = row.actor_name.clone().unwrap_or_else(|| "Somebody".to_owned());
    let changed = match row.revision {
        1 => by,
        2 => format!("{by}, changed once"),
        count => format!("{by}, changed {} times", count - 1),
    };
    OneView {
        change: if is_offered { row.sheet_id.to_string() } else { String::new() },
        title: format!("{} to {}", view::full_date(one.from), view::full_date(one.until)),
        chip,
        facts: vec![
            ("Why", reasons(pack, one)),
            ("Agreed by", names.name(one.agreed_by)),
            ("Looked at on", reviews.join("; ")),
            ("Written by", changed),
        ],
    }
}
