//! A school's own file of its register is brought in, and read back as it stands: with source and time, what each mark means, and a
//! quiet question where a mark and a stream from home stand together.
//!
//! The only way in is a cell of the school's file (`server_core::register`). Nothing on these pages makes, suggests or changes a mark,
//! and where the pupil was is what a named adult says, never what a connection shows.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::{DateTime, Days, NaiveDate, Utc};
use server_core::access::{Action, Subject as About};
use server_core::register::{CodeTable, HomeStream, ImportedMark, PupilPlace, SessionTimes, Source, System, hints, import};
use store::audit::{Actor, NewAudit, Subject};
use store::kept;
use store::placements::PlacementRow;
use store::sheets::{NewSheet, Owner, SheetKind};
use uuid::Uuid;

use super::plan::{self, Sent};
use super::{Frame, page, view};
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::{self, Scope};
use crate::{AppState, cases, lessons};

/// A file that is sent by a form is not larger than this.
pub const MOST_BYTES: usize = 6 * 1024 * 1024;
/// Problems of a file that the page lists.
const SHOWN_PROBLEMS: usize = 20;
/// Days of marks that a pupil's page shows.
const SHOWN_DAYS: u64 = 42;
/// Where a pupil may be, with the words of forms.
const PLACES: [(PupilPlace, &str); 4] = [
    (PupilPlace::Home, "At home"),
    (PupilPlace::Hospital, "In hospital"),
    (PupilPlace::SchoolSite, "On the school’s site, in another room"),
    (PupilPlace::Provider, "At the provider, with staff"),
];

#[derive(Template)]
#[template(path = "staff/register_import.html")]
struct ImportPage {
    frame: Frame,
    wrong: String,
    schools: Vec<(Uuid, String)>,
    systems: Vec<(&'static str, &'static str, bool)>,
    took: Option<TookView>,
}

struct TookView {
    words: String,
    problems: Vec<String>,
    more: usize,
}

#[derive(Template)]
#[template(path = "staff/register.html")]
struct RegisterPage {
    frame: Frame,
    pupil_id: Uuid,
    pupil_name: String,
    school: String,
    wrong: &'static str,
    may_say: bool,
    hints: Vec<(String, &'static str)>,
    days: Vec<DayView>,
    meanings: Vec<(String, String)>,
    places: Vec<(&'static str, &'static str)>,
    said: Vec<String>,
    today: NaiveDate,
}

struct DayView {
    day: String,
    am: String,
    pm: String,
    source: String,
}

/// The schools whose register this person brings in.
fn schools(scope: &Scope) -> Vec<(Uuid, String)> {
    scope.organisation_names().filter(|(id, _)| scope.may(Action::ImportRegister, &About::Organisation(*id))).collect()
}

/// `GET /register`
pub async fn show_import(State(state): State<AppState>, caller: Caller) -> Result<Html<String>, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    draw_import(&state, &caller, &scope, &Sent::new(), String::new(), None)
}

/// `POST /register`
pub async fn bring_in(State(state): State<AppState>, caller: Caller, Form(sent): Form<Sent>) -> Result<Response, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    let id: Option<Uuid> = sent.get("school").and_then(|id| id.parse().ok());
    let school = schools(&scope).into_iter().find(|(known, _)| Some(*known) == id);
    let system = sent.get("system").and_then(|code| System::from_code(code));
    let now = state.clock.now().utc;
    let (Some((school, _)), Some(system)) = (school, system) else {
        let html = draw_import(&state, &caller, &scope, &sent, "Choose your school and its system.".to_owned(), None)?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, html).into_response());
    };
    let text = sent.get("file").map_or("", String::as_str);
    let read = match import(text, Source { system, imported_at: now }) {
        Ok(read) => read,
        Err(error) => {
            let html = draw_import(&state, &caller, &scope, &sent, view::sentence(&error.to_string()), None)?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, html).into_response());
        }
    };
    let who = Actor::Staff(caller.staff_id());
    let audit = NewAudit { actor: who, action: "import register", subject: Subject::None, detail: Some(system.code()) };
    let taken = state.store.keep_marks(school, &read.marks, audit, now).await?;
    let took = TookView {
        words: format!(
            "{} marks are here now. {} were of pupils whom this school has not entered here; nothing of them was kept. {} cells had no mark yet.",
            taken.marks, taken.of_others, read.not_taken
        ),
        problems: (read.problems.iter().take(SHOWN_PROBLEMS))
            .map(|(line, problem)| format!("Line {line}: {problem}."))
            .collect(),
        more: read.problems.len().saturating_sub(SHOWN_PROBLEMS),
    };
    Ok(draw_import(&state, &caller, &scope, &Sent::new(), String::new(), Some(took))?.into_response())
}

fn draw_import(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    sent: &Sent,
    wrong: String,
    took: Option<TookView>,
) -> Result<Html<String>, ApiError> {
    let chosen = sent.get("system").map_or("sims", String::as_str);
    page(&ImportPage {
        frame: Frame::of(caller, scope, "The register", "/register", state.clock.now().utc),
        wrong,
        schools: schools(scope),
        systems: System::ALL.iter().map(|system| (system.code(), system.words(), system.code() == chosen)).collect(),
        took,
    })
}

/// `GET /pupils/{pupil}/register`
pub async fn show(State(state): State<AppState>, caller: Caller, Path(pupil): Path<Uuid>) -> Result<Html<String>, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::ReadRecord).await?;
    state.store.append_audit(plan::audit(&caller, pupil, "read register"), state.clock.now().utc).await?;
    draw(&state, &caller, &scope, &placement, "").await
}

/// `POST /pupils/{pupil}/register`: a named adult says where the pupil is during lessons by robot, from a day on.
pub async fn say_place(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::EditPlan).await?;
    let now = state.clock.now().utc;
    let today = scope.today(placement.school_id, now);
    let place = sent.get("place").and_then(|code| PupilPlace::from_code(code));
    let from = sent.get("from").and_then(|day| day.trim().parse().ok()).filter(|from: &NaiveDate| *from <= today);
    let (Some(place), Some(from)) = (place, from) else {
        let html = draw(&state, &caller, &scope, &placement, "Choose where the pupil is, and since when.").await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, html).into_response());
    };
    let body = kept::written_place(place, from);
    let sheet = NewSheet {
        sheet_id: Uuid::now_v7(),
        based_on: 0,
        kind: SheetKind::Place,
        owner: Owner::Placement(placement.placement_id),
        day: Some(from),
        body: &body,
    };
    state.store.save_sheet(&sheet, plan::audit(&caller, pupil, "say place"), now).await?;
    Ok(Redirect::to(&format!("/pupils/{pupil}/register")).into_response())
}

/// Where a pupil is from which day on, as people said it; who said it; the earliest first.
async fn places(state: &AppState, placement: &PlacementRow) -> Result<Vec<(NaiveDate, PupilPlace, String)>, ApiError> {
    let mut rows = state.store.sheets(Owner::Placement(placement.placement_id), SheetKind::Place).await?;
    rows.sort_by_key(|row| (row.day, row.at));
    let read = |row: &store::sheets::SheetRow| {
        let (place, from) = kept::read_place(&row.body)?;
        Some((from, place, row.actor_name.clone().unwrap_or_else(|| "Somebody".to_owned())))
    };
    let all: Option<Vec<_>> = rows.iter().map(read).collect();
    Ok(all.ok_or_else(|| anyhow::anyhow!("a declared place is not readable"))?)
}

/// Where the pupil was on a day: the last word that holds from that day or before.
fn place_on(said: &[(NaiveDate, PupilPlace, String)], day: NaiveDate) -> PupilPlace {
    said.iter().rfind(|(from, ..)| *from <= day).map_or(PupilPlace::NotSaid, |(_, place, _)| *place)
}

async fn draw(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    placement: &PlacementRow,
    wrong: &'static str,
) -> Result<Html<String>, ApiError> {
    let now = state.clock.now().utc;
    let zone = scope.zone(placement.school_id);
    let today = now.with_timezone(&zone).date_naive();
    let from = (today - Days::new(SHOWN_DAYS)).max(placement.from_day);
    let marks = state.store.imported_marks(placement.pupil_id, from, today).await?;
    let table = cases::codes()?;
    let schools = cases::Schools::of(&state.store, placement, None).await?;
    let calendar = schools.calendars().home_school.calendar();
    let said = places(state, placement).await?;
    let (first, last) = (calendar.bounds(from).0, calendar.bounds(today).1);
    let presence = state.store.presence_of_pupil(placement.pupil_id, first, last).await?;
    let streams: Vec<HomeStream> = presence
        .iter()
        .map(|row| {
            let (from, until) = (lessons::presence(row).placed_from(), lessons::placed_until(row));
            HomeStream { from, until, place: place_on(&said, calendar.day(from)) }
        })
        .collect();
    let found = hints(&marks, table, &streams, calendar, SessionTimes::default());
    let words = |place: PupilPlace| PLACES.iter().find(|(known, _)| *known == place).map_or("Not said", |(_, words)| words);
    page(&RegisterPage {
        frame: Frame::of(caller, scope, format!("Register of {}", placement.pupil_name), "/pupils", now),
        pupil_id: placement.pupil_id,
        pupil_name: placement.pupil_name.clone(),
        school: placement.home_name.clone(),
        wrong,
        may_say: scope.may_pupil(Action::EditPlan, placement),
        hints: found.into_iter().map(|hint| (hint.because, hint.ask)).collect(),
        days: days(&marks, now, zone),
        meanings: meanings(&marks, table),
        places: PLACES.map(|(place, words)| (place.code(), words)).to_vec(),
        said: said
            .iter()
            .map(|(from, place, who)| format!("{}, from {}. Said by {who}.", words(*place), view::full_date(*from)))
            .collect(),
        today,
    })
}

fn days(marks: &[ImportedMark], now: DateTime<Utc>, zone: chrono_tz::Tz) -> Vec<DayView> {
    let mut all: Vec<NaiveDate> = marks.iter().map(ImportedMark::day).collect();
    all.dedup();
    let of = |day: NaiveDate, half: &str| {
        let mark = marks.iter().find(|mark| mark.day() == day && mark.half_day().as_str() == half);
        mark.map_or("–", |mark| mark.code().as_str()).to_owned()
    };
    let view = |day: NaiveDate| {
        let source = marks.iter().rfind(|mark| mark.day() == day).map(ImportedMark::source);
        DayView {
            day: day.format("%a %-d %b").to_string(),
            am: of(day, "am"),
            pm: of(day, "pm"),
            source: source.map_or_else(String::new, |source| {
                format!("{}, {}", source.system.words(), view::moment(source.imported_at, now, zone))
            }),
        }
    };
    all.into_iter().rev().map(view).collect()
}

/// Each mark that occurs, with what it means.
fn meanings(marks: &[ImportedMark], table: &CodeTable) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for mark in marks {
        let code = mark.code().as_str();
        if !all.iter().any(|(known, _)| known == code) {
            let words = table.meaning(mark.code(), mark.day()).map_or("not in the table of codes", |meaning| &meaning.words);
            all.push((code.to_owned(), words.to_owned()));
        }
    }
    all.sort();
    all
}
