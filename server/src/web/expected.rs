//! In which lessons a pupil is expected, a class at a time, from a day on.
//!
//! Whoever keeps the placement says it. What was expected before that day stays, with its minutes. Lessons that were added to the class
//! while somebody had the form open are left as they are.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::NaiveDate;
use protocol::RobotId;
use server_core::access::{Action, Subject as About};
use store::lessons::SlotRow;
use store::placements::PlacementRow;
use uuid::Uuid;

use super::plan::{self, Choice, Sent, optional_day};
use super::rooms::Asked;
use super::{Frame, lesson_table, page, view};
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::{self, Scope};
use crate::{AppState, Change};

#[derive(Template)]
#[template(path = "staff/expected.html")]
struct ExpectedPage {
    frame: Frame,
    pupil_id: Uuid,
    pupil_name: String,
    wrong: String,
    school: String,
    /// Where lessons are added, if this person may.
    table: Option<Uuid>,
    classes: Vec<Choice>,
    class: Option<ClassView>,
    from: String,
}

struct ClassView {
    id: Uuid,
    name: String,
    days: Vec<(String, Vec<TickView>)>,
}

struct TickView {
    id: Uuid,
    words: String,
    about: String,
    is_ticked: bool,
}

/// `GET /pupils/{pupil}/lessons`
pub async fn show(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::KeepCase).await?;
    draw(&state, &caller, &scope, &placement, asked.class, &Sent::new(), String::new()).await
}

/// `POST /pupils/{pupil}/lessons`: what is expected of one class from a day on.
pub async fn save(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::KeepCase).await?;
    let now = state.clock.now().utc;
    let classes = state.store.classes(placement.school_id).await?;
    let class = sent.get("class").map_or("", String::as_str);
    let class = classes.into_iter().find(|row| row.class_group_id.to_string() == class).map(|row| row.class_group_id);
    let read = match class {
        None => Err("Class: choose one.".to_owned()),
        Some(class) => first_day(&placement, &sent, scope.today(placement.school_id, now)).map(|from| (class, from)),
    };
    let (class, from) = match read {
        Ok(read) => read,
        Err(wrong) => {
            let html = draw(&state, &caller, &scope, &placement, class, &sent, wrong).await?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, html).into_response());
        }
    };
    let all = sent.contains_key("all");
    let rows = state.store.slots_of_class(class, Some(placement.placement_id), from).await?;
    let said: Vec<(Uuid, bool)> = rows
        .iter()
        .filter(|row| sent.contains_key(&format!("had-{}", row.timetable_slot_id)))
        .map(|row| (row.timetable_slot_id, is_ticked(row, &sent, all)))
        .collect();
    let detail = class.to_string();
    let audit =
        store::audit::NewAudit { detail: Some(&detail), ..plan::audit(&caller, pupil, "say which lessons are expected") };
    state.store.expect_slots(placement.placement_id, &said, from, audit, now).await?;
    state.announce(Change::Pupil(pupil));
    if let Some(robot) = placement.robot_id {
        state.announce(Change::Robot(RobotId(robot)));
    }
    Ok(Redirect::to(&format!("/pupils/{pupil}/lessons?class={class}")).into_response())
}

/// Whether a form says that the pupil is expected in a lesson. All are those that the robot may be in.
fn is_ticked(row: &SlotRow, sent: &Sent, all: bool) -> bool {
    (all && !row.robot_stays_out) || sent.contains_key(&format!("slot-{}", row.timetable_slot_id))
}

fn first_day(placement: &PlacementRow, sent: &Sent, today: NaiveDate) -> Result<NaiveDate, String> {
    let from = optional_day(sent, "from", "From")?.ok_or("From: choose a day.")?;
    if from < today {
        return Err("From: that day is over. Today is the earliest; what was, stays.".to_owned());
    }
    if from > placement.until_day {
        let until = view::full_date(placement.until_day);
        return Err(format!("From: the placement lasts until {until}. Choose a day before it ends."));
    }
    Ok(from)
}

async fn draw(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    placement: &PlacementRow,
    asked: Option<Uuid>,
    sent: &Sent,
    wrong: String,
) -> Result<Html<String>, ApiError> {
    let now = state.clock.now().utc;
    let of = placement.school_id;
    let today = scope.today(of, now);
    let classes = state.store.classes(of).await?;
    let mut counts: BTreeMap<Uuid, usize> = BTreeMap::new();
    for row in state.store.slots_of_placement(placement.placement_id).await? {
        if row.expected
            && row.expected_until.is_none_or(|until| until >= today)
            && row.valid_until.is_none_or(|until| until >= today)
        {
            *counts.entry(row.class_group_id).or_default() += 1;
        }
    }
    // The class that was asked for, the one that the pupil is in most, or the first.
    let most = counts.iter().max_by_key(|(_, count)| **count).map(|(id, _)| *id);
    let class = match asked {
        Some(id) => Some(classes.iter().find(|row| row.class_group_id == id).ok_or(ApiError::NotFound)?),
        None => classes.iter().find(|row| Some(row.class_group_id) == most).or(classes.first()),
    };
    let shown = class.map(|row| row.class_group_id);
    let alternates = lesson_table::alternates(state, of).await?;
    let from = placement.from_day.max(today);
    let view = match class {
        Some(row) => {
            let rows = state.store.slots_of_class(row.class_group_id, Some(placement.placement_id), from).await?;
            let mut days: Vec<(String, Vec<TickView>)> = Vec::new();
            for row in &rows {
                let (title, tick) = tick(row, sent, alternates, from);
                match days.last_mut() {
                    Some((last, ticks)) if *last == title => ticks.push(tick),
                    _ => days.push((title, vec![tick])),
                }
            }
            Some(ClassView { id: row.class_group_id, name: row.name.clone(), days })
        }
        None => None,
    };
    let words = |id: Uuid, name: &str| match counts.get(&id) {
        None => name.to_owned(),
        Some(1) => format!("{name}: one lesson"),
        Some(n) => format!("{name}: {n} lessons"),
    };
    page(&ExpectedPage {
        frame: Frame::of(caller, scope, format!("Lessons of {}", placement.pupil_name), "/pupils", now),
        pupil_id: placement.pupil_id,
        pupil_name: placement.pupil_name.clone(),
        wrong,
        school: placement.school_name.clone(),
        table: Some(of).filter(|of| scope.may(Action::KeepTimetable, &About::Organisation(*of))),
        classes: classes
            .iter()
            .map(|row| {
                let id = row.class_group_id;
                (id.to_string(), words(id, &row.name), Some(id) == shown)
            })
            .collect(),
        class: view,
        from: sent.get("from").cloned().unwrap_or_else(|| from.to_string()),
    })
}

fn tick(row: &SlotRow, sent: &Sent, alternates: bool, from: NaiveDate) -> (String, TickView) {
    let is_expected = row.expected && row.expected_until.is_none_or(|until| until >= from);
    let later = row.expected_from.filter(|day| is_expected && *day > from);
    let until = row.expected_until.filter(|_| is_expected);
    let said = [
        later.map(|day| format!("expected from {}", view::full_date(day))),
        until.map(|day| format!("expected until {}", view::full_date(day))),
        row.robot_stays_out.then(|| "the robot stays out".to_owned()),
    ];
    let span = lesson_table::form::span_words(row, from);
    let about = [row.room_name.clone(), row.teacher.clone(), span].into_iter().chain(said.into_iter().flatten());
    let about = about.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
    let view = TickView {
        id: row.timetable_slot_id,
        words: format!(
            "{}, {} to {}",
            row.subject,
            lesson_table::form::clock(row.start_min),
            lesson_table::form::clock(row.end_min)
        ),
        about,
        is_ticked: if sent.is_empty() { is_expected } else { is_ticked(row, sent, false) },
    };
    (lesson_table::form::day_words(row.week, row.weekday, alternates), view)
}
