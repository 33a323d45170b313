//! The lesson table of a school, a class at a time: classes are added and named, lessons are added, changed from a day on, and ended.
//!
//! School leads keep that of their school, coordinators those of everybody below them. What was, stays: nothing here begins before today,
//! and a lesson that changes ends on one day while another begins on the next (`one.rs`). Sets of a class that are taught at the same
//! time are classes of their own; a pupil may be expected in lessons of several.

pub mod form;
pub mod import;
pub mod one;

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::NaiveDate;
use store::audit::{Actor, NewAudit, Subject};
use store::lessons::SlotRow;
use store::tables::ClassRow;
use uuid::Uuid;

use super::organisations::organisation_name;
use super::plan::{Choice, Sent};
use super::rooms::{self, Asked};
use super::{Frame, page};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::Scope;
use form::{Ground, LessonForm};

#[derive(Template)]
#[template(path = "staff/lessons.html")]
struct LessonsPage {
    frame: Frame,
    wrong: String,
    school: Uuid,
    name: String,
    schools: Vec<Choice>,
    has_rooms: bool,
    classes: Vec<Choice>,
    /// The class whose lessons are shown.
    class: Option<ClassView>,
    new: String,
}

struct ClassView {
    id: Uuid,
    name: String,
    typed: Option<String>,
    days: Vec<DayView>,
    lesson: LessonForm,
}

/// Lessons of one day of the table.
pub struct DayView {
    pub title: String,
    pub lessons: Vec<LessonView>,
}

/// A lesson of the table.
pub struct LessonView {
    pub id: Uuid,
    pub time: String,
    pub subject: String,
    pub about: String,
}

/// Lessons as the table shows them, a day after another.
#[must_use]
pub fn days(rows: &[SlotRow], alternates: bool, today: NaiveDate) -> Vec<DayView> {
    let mut days: Vec<DayView> = Vec::new();
    for row in rows {
        let title = form::day_words(row.week, row.weekday, alternates);
        let lesson = LessonView {
            id: row.timetable_slot_id,
            time: format!("{} to {}", form::clock(row.start_min), form::clock(row.end_min)),
            subject: row.subject.clone(),
            about: about(row, today),
        };
        match days.last_mut() {
            Some(day) if day.title == title => day.lessons.push(lesson),
            _ => days.push(DayView { title, lessons: vec![lesson] }),
        }
    }
    days
}

/// Room, teacher, and what else is to be known of a lesson.
fn about(row: &SlotRow, today: NaiveDate) -> String {
    let stays_out = if row.robot_stays_out { "the robot stays out" } else { "" };
    let span = form::span_words(row, today);
    let parts = [row.room_name.as_str(), row.teacher.as_str(), stays_out, span.as_str()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// Whether the weeks of a school alternate.
///
/// # Errors
/// The database does not answer.
pub async fn alternates(state: &AppState, school: Uuid) -> Result<bool, ApiError> {
    let calendar = state.store.calendar(school).await?.ok_or(ApiError::NotFound)?;
    Ok(!calendar.week_ones.is_empty())
}

/// `GET /lessons`
pub async fn show(State(state): State<AppState>, caller: Caller, Query(asked): Query<Asked>) -> Result<Html<String>, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    let school = rooms::school(&scope, asked.of)?;
    draw(&state, &caller, &scope, school, asked.class, &Sent::new(), String::new()).await
}

/// `POST /lessons`: a class is added or has another name; a lesson is added.
pub async fn change(State(state): State<AppState>, caller: Caller, Form(sent): Form<Sent>) -> Result<Response, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    let (of, name) = rooms::school_of(&scope, &sent)?;
    let class: Option<Uuid> = sent.get("class").and_then(|id| id.parse().ok());
    let class = match class {
        Some(class) => {
            let found = state.store.classes(of).await?.into_iter().find(|row| row.class_group_id == class);
            Some(found.ok_or(ApiError::NotFound)?)
        }
        None => None,
    };
    let done = match (sent.get("what").map(String::as_str), &class) {
        (Some("class"), _) => add_class(&state, &caller, of, &sent).await?,
        (Some("rename"), Some(class)) => rename(&state, &caller, class, &sent).await?,
        (Some("lesson"), Some(class)) => add_lesson(&state, &caller, &scope, class, &sent).await?,
        _ => Err("Choose what to do.".to_owned()),
    };
    match done {
        Ok(class) => Ok(Redirect::to(&format!("/lessons?of={of}&class={class}")).into_response()),
        Err(wrong) => {
            let class = class.map(|class| class.class_group_id);
            let html = draw(&state, &caller, &scope, (of, name), class, &sent, wrong).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, html).into_response())
        }
    }
}

/// The class that a change is about, or what is wrong with the change.
type Done = Result<Result<Uuid, String>, ApiError>;

const TAKEN: &str = "Name: there is a class of this name already, or there are too many classes.";

async fn add_class(state: &AppState, caller: &Caller, of: Uuid, sent: &Sent) -> Done {
    let name = match organisation_name(sent.get("name").map_or("", String::as_str)) {
        Ok(name) => name,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let class = ClassRow { class_group_id: Uuid::now_v7(), organisation_id: of, name };
    let detail = class.class_group_id.to_string();
    let is_new = state.store.enter_class(&class, audit(caller, "add class", &detail), state.clock.now().utc).await?;
    Ok(if is_new { Ok(class.class_group_id) } else { Err(TAKEN.to_owned()) })
}

async fn rename(state: &AppState, caller: &Caller, class: &ClassRow, sent: &Sent) -> Done {
    let name = match organisation_name(sent.get("new-name").map_or("", String::as_str)) {
        Ok(name) => name,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let detail = class.class_group_id.to_string();
    let row = ClassRow { name, ..class.clone() };
    let is_free = state.store.rename_class(&row, audit(caller, "rename class", &detail), state.clock.now().utc).await?;
    Ok(if is_free { Ok(class.class_group_id) } else { Err(TAKEN.to_owned()) })
}

async fn add_lesson(state: &AppState, caller: &Caller, scope: &Scope, class: &ClassRow, sent: &Sent) -> Done {
    let now = state.clock.now().utc;
    let of = class.organisation_id;
    let (rooms, alternates) = (state.store.rooms(of).await?, alternates(state, of).await?);
    let ground = Ground { class: class.class_group_id, rooms: &rooms, alternates, today: scope.today(of, now) };
    let slots = match form::read(sent, &ground) {
        Ok(slots) => slots,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let held = state.store.slots_of_class(class.class_group_id, None, ground.today).await?;
    if held.len() + slots.len() > usize::try_from(store::tables::MOST_LESSONS).unwrap_or(usize::MAX) {
        return Ok(Err(format!("{} has too many lessons. End some that are no longer held.", class.name)));
    }
    let detail = slots.first().map(|slot| slot.timetable_slot_id.to_string());
    let audit = NewAudit { detail: detail.as_deref(), ..audit(caller, "add lesson", "") };
    Ok(match state.store.enter_slots(&slots, audit, now).await? {
        None => Ok(class.class_group_id),
        Some(clash) => Err(form::clash_words(&clash, alternates)),
    })
}

fn audit<'a>(caller: &Caller, action: &'static str, detail: &'a str) -> NewAudit<'a> {
    NewAudit { actor: Actor::Staff(caller.staff_id()), action, subject: Subject::None, detail: Some(detail) }
}

async fn draw(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    (of, name): (Uuid, String),
    chosen: Option<Uuid>,
    sent: &Sent,
    wrong: String,
) -> Result<Html<String>, ApiError> {
    let now = state.clock.now().utc;
    let today = scope.today(of, now);
    let what = sent.get("what").map_or("", String::as_str);
    let only = |wanted: &str| if what == wanted { sent.clone() } else { Sent::new() };
    let classes = state.store.classes(of).await?;
    let class = match chosen {
        Some(id) => Some(classes.iter().find(|row| row.class_group_id == id).ok_or(ApiError::NotFound)?),
        None => classes.first(),
    };
    let rooms = state.store.rooms(of).await?;
    let view = match class {
        Some(row) => {
            let alternates = alternates(state, of).await?;
            let ground = Ground { class: row.class_group_id, rooms: &rooms, alternates, today };
            let slots = state.store.slots_of_class(row.class_group_id, None, today).await?;
            Some(ClassView {
                id: row.class_group_id,
                name: row.name.clone(),
                typed: only("rename").remove("new-name"),
                days: days(&slots, alternates, today),
                lesson: LessonForm::of(&only("lesson"), &ground),
            })
        }
        None => None,
    };
    let shown = class.map(|row| row.class_group_id);
    page(&LessonsPage {
        frame: Frame::of(caller, scope, format!("Lessons of {name}"), "/days", now),
        wrong,
        school: of,
        name,
        schools: rooms::choices(scope, of),
        has_rooms: !rooms.is_empty(),
        classes: classes
            .iter()
            .map(|row| (row.class_group_id.to_string(), row.name.clone(), Some(row.class_group_id) == shown))
            .collect(),
        class: view,
        new: only("class").remove("name").unwrap_or_default(),
    })
}
