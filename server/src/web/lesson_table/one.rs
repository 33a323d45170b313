//! One lesson of the table: from a day on it is another one, or it is held for the last time.
//!
//! The lesson that was stays for the days before, with its minutes; whoever is expected in it is expected in the one that follows.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::NaiveDate;
use server_core::access::{Action, Subject as About};
use store::lessons::SlotRow;
use store::organisations::RoomRow;
use store::tables::ClassRow;
use uuid::Uuid;

use super::super::plan::{Sent, optional_day};
use super::super::{Frame, page, view};
use super::form::{self, Ground, LessonForm};
use super::{alternates, audit};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::Scope;

#[derive(Template)]
#[template(path = "staff/lesson.html")]
struct LessonPage {
    frame: Frame,
    wrong: String,
    id: Uuid,
    school: Uuid,
    class: Uuid,
    class_name: String,
    subject: String,
    held: String,
    has_begun: bool,
    lesson: LessonForm,
    last: String,
}

/// A lesson that this person keeps and that is held today or later.
struct Held {
    row: SlotRow,
    class: ClassRow,
    rooms: Vec<RoomRow>,
    alternates: bool,
    today: NaiveDate,
    scope: Scope,
}

impl Held {
    async fn of(state: &AppState, caller: &Caller, lesson: Uuid) -> Result<Self, ApiError> {
        let scope = Scope::of(state, caller).await?;
        let (row, class) = state.store.slot(lesson).await?.ok_or(ApiError::NotFound)?;
        let of = class.organisation_id;
        let today = scope.today(of, state.clock.now().utc);
        let is_over = row.valid_until.is_some_and(|until| until < row.valid_from.unwrap_or(today).max(today));
        if is_over || !scope.may(Action::KeepTimetable, &About::Organisation(of)) {
            return Err(ApiError::NotFound);
        }
        let mut rooms = state.store.rooms(of).await?;
        if !rooms.iter().any(|room| room.room_id == row.room_id) {
            // It may stay where it is.
            rooms.push(RoomRow { room_id: row.room_id, organisation_id: of, name: row.room_name.clone() });
        }
        Ok(Self { rooms, alternates: alternates(state, of).await?, row, class, today, scope })
    }

    fn ground(&self) -> Ground<'_> {
        Ground { class: self.class.class_group_id, rooms: &self.rooms, alternates: self.alternates, today: self.today }
    }
}

/// `GET /lessons/{lesson}`
pub async fn show(State(state): State<AppState>, caller: Caller, Path(lesson): Path<Uuid>) -> Result<Html<String>, ApiError> {
    let held = Held::of(&state, &caller, lesson).await?;
    draw(&state, &caller, &held, &Sent::new(), String::new())
}

/// `POST /lessons/{lesson}`: another one from a day on, or held for the last time.
pub async fn change(
    State(state): State<AppState>,
    caller: Caller,
    Path(lesson): Path<Uuid>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    let held = Held::of(&state, &caller, lesson).await?;
    let now = state.clock.now().utc;
    let id = lesson.to_string();
    let done = match sent.get("what").map(String::as_str) {
        Some("change") => match read(&held, &sent) {
            Ok((new, first)) => {
                let clash = state.store.replace_slot(lesson, &new, first, audit(&caller, "change lesson", &id), now).await?;
                clash.map_or(Ok(()), |clash| Err(form::clash_words(&clash, held.alternates)))
            }
            Err(wrong) => Err(wrong),
        },
        Some("end") => match last_day(&held, &sent) {
            Ok(last) => {
                state.store.end_slot(lesson, last, audit(&caller, "end lesson", &id), now).await?;
                Ok(())
            }
            Err(wrong) => Err(wrong),
        },
        _ => Err("Choose what to do.".to_owned()),
    };
    match done {
        Ok(()) => {
            let (of, class) = (held.class.organisation_id, held.class.class_group_id);
            Ok(Redirect::to(&format!("/lessons?of={of}&class={class}")).into_response())
        }
        Err(wrong) => {
            let html = draw(&state, &caller, &held, &sent, wrong)?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, html).into_response())
        }
    }
}

/// The lesson that follows, and its first day.
fn read(held: &Held, sent: &Sent) -> Result<(SlotRow, NaiveDate), String> {
    let mut slots = form::read(sent, &held.ground())?;
    let new = slots.pop().filter(|_| slots.is_empty()).ok_or("Week: choose one. Each week’s lesson is changed by itself.")?;
    let first = new.valid_from.unwrap_or(held.today);
    if let Some(until) = held.row.valid_until.filter(|until| *until < first) {
        return Err(format!("First day: this lesson is held until {}. Choose a day before it ends.", view::full_date(until)));
    }
    Ok((new, first))
}

/// The day on which it is held for the last time.
fn last_day(held: &Held, sent: &Sent) -> Result<NaiveDate, String> {
    let last = optional_day(sent, "last", "Last day")?.ok_or("Last day: choose a day.")?;
    let yesterday = held.today.pred_opt().unwrap_or(held.today);
    if last < yesterday {
        return Err("Last day: that day is over. Yesterday is the earliest; what was, stays.".to_owned());
    }
    if let Some(until) = held.row.valid_until.filter(|until| *until < last) {
        let until = view::full_date(until);
        return Err(format!("Last day: this lesson ends on {until} already. To have it longer, change it from a day on."));
    }
    Ok(last)
}

fn draw(state: &AppState, caller: &Caller, held: &Held, sent: &Sent, wrong: String) -> Result<Html<String>, ApiError> {
    let row = &held.row;
    let what = sent.get("what").map_or("", String::as_str);
    let first = row.valid_from.unwrap_or(held.today).max(held.today);
    let stored = form::fields(row, first);
    let mut lesson = LessonForm::of(if what == "change" { sent } else { &stored }, &held.ground());
    lesson.weeks.retain(|(code, ..)| code != "both");
    let span = form::span_words(row, held.today);
    let held_words = format!(
        "{}, {} to {}{}{span}",
        form::day_words(row.week, row.weekday, held.alternates),
        form::clock(row.start_min),
        form::clock(row.end_min),
        if span.is_empty() { "" } else { ", " }
    );
    page(&LessonPage {
        frame: Frame::of(
            caller,
            &held.scope,
            format!("{} of {}", row.subject, held.class.name),
            "/days",
            state.clock.now().utc,
        ),
        wrong,
        id: row.timetable_slot_id,
        school: held.class.organisation_id,
        class: held.class.class_group_id,
        class_name: held.class.name.clone(),
        subject: row.subject.clone(),
        held: held_words,
        has_begun: row.valid_from.is_none_or(|from| from <= held.today),
        lesson,
        last: sent.get("last").filter(|_| what == "end").cloned().unwrap_or_default(),
    })
}
