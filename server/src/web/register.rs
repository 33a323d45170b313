//! A school's own file of its register is brought in, and read back as it stands: with source and time, what each mark means, and a
//! quiet question where a mark and a stream from home stand together. Whoever brings a file in is told at once whose marks ask one.
//!
//! The only way in is a cell of the school's file (`server_core::register`). Nothing on these pages makes, suggests or changes a mark,
//! and where the pupil was is what a named adult says, never what a connection shows.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::{DateTime, Days, NaiveDate, Utc};
use serde::Deserialize;
use server_core::access::{Action, Subject as About};
use server_core::calendar::Calendar;
use server_core::register::{CodeTable, Hint, HomeStream, ImportedMark, PupilPlace, Source, System, hints, import};
use store::audit::{Actor, NewAudit, Subject};
use store::kept;
use store::marks::Taken;
use store::placements::PlacementRow;
use store::sheets::{self, NewSheet, Owner, Saved, SheetKind};
use uuid::Uuid;

use super::meanwhile::{Meanwhile, NotSaved, drawn_from, was};
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
/// Days of marks that a pupil's page shows at a time.
const SHOWN_DAYS: u64 = 42;
/// Pupils of a file whose marks are looked at at once; of a larger one the page says so.
const MOST_LOOKED_AT: usize = 200;
/// Days of a pupil's marks that are looked at at once: a school year.
const MOST_DAYS: u64 = 366;
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
    /// Whose marks ask a question: where it is read, of whom, and how many.
    asked: Vec<(String, String, String)>,
    /// Pupils whose marks were not looked at: the file has too many.
    not_looked_at: usize,
}

/// Until which day a pupil's marks are asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    until: Option<NaiveDate>,
}

#[derive(Template)]
#[template(path = "staff/register.html")]
struct RegisterPage {
    frame: Frame,
    pupil_id: Uuid,
    pupil_name: String,
    school: String,
    wrong: String,
    meanwhile: Option<Meanwhile>,
    may_say: bool,
    hints: Vec<(String, &'static str)>,
    days: Vec<DayView>,
    meanings: Vec<(String, String)>,
    places: Vec<(&'static str, &'static str, bool)>,
    said: Vec<String>,
    /// So many words about the place the form is drawn from.
    was_said: String,
    from: String,
    today: NaiveDate,
    between: String,
    earlier: Option<NaiveDate>,
    is_latest: bool,
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
        asked: questions(&state, &caller, &scope, &taken).await?,
        not_looked_at: taken.pupils.len().saturating_sub(MOST_LOOKED_AT),
    };
    Ok(draw_import(&state, &caller, &scope, &Sent::new(), String::new(), Some(took))?.into_response())
}

/// Of the pupils of a file whom this person may read: those whose marks ask a question, by name.
async fn questions(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    taken: &Taken,
) -> Result<Vec<(String, String, String)>, ApiError> {
    let now = state.clock.now().utc;
    let mut all = Vec::new();
    for (pupil, (first, last)) in taken.pupils.iter().take(MOST_LOOKED_AT) {
        let Some(placement) = scope::placement_of(state, scope, *pupil, Action::ReadRecord).await? else { continue };
        let until = (*last).min(scope.today(placement.school_id, now));
        let from = (*first).max(until - Days::new(MOST_DAYS));
        let found = Looked::at(state, &placement, from, until).await?.hints;
        let (Some(newest), count) = (found.last(), found.len()) else { continue };
        // A name is read for this page: like any read of the record, it is written down.
        state.store.append_audit(plan::audit(caller, *pupil, "read register"), now).await?;
        let words = match count {
            1 => format!("a question about {}", view::full_date(newest.day)),
            _ => format!("{count} questions, the latest about {}", view::full_date(newest.day)),
        };
        all.push((format!("/pupils/{pupil}/register?until={}", newest.day), placement.pupil_name, words));
    }
    all.sort_by(|one, other| one.1.cmp(&other.1));
    Ok(all)
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
pub async fn show(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::ReadRecord).await?;
    state.store.append_audit(plan::audit(&caller, pupil, "read register"), state.clock.now().utc).await?;
    draw(&state, &caller, &scope, &placement, asked.until, &Sent::new(), None).await
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
        let wrong = NotSaved::from("Choose where the pupil is, and since when.");
        let html = draw(&state, &caller, &scope, &placement, None, &sent, Some(wrong)).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, html).into_response());
    };
    let body = kept::written_place(place, from);
    let sheet = NewSheet {
        sheet_id: sheets::next_id(SheetKind::Place, placement.placement_id, was(&sent, "said").parse().unwrap_or(0)),
        based_on: 0,
        kind: SheetKind::Place,
        owner: Owner::Placement(placement.placement_id),
        day: Some(from),
        body: &body,
    };
    let address = format!("/pupils/{pupil}/register");
    let theirs = match state.store.save_sheet(&sheet, plan::audit(&caller, pupil, "say place"), now).await? {
        Saved::As(_) => return Ok(Redirect::to(&address).into_response()),
        Saved::Meanwhile(row) if row.body == body => return Ok(Redirect::to(&address).into_response()),
        Saved::Meanwhile(row) => row,
        Saved::NoSheet => return Err(ApiError::NotFound),
    };
    let told = |place, from| format!("{}, from {}", place_words(place), view::full_date(from));
    let kept = kept::read_place(&theirs.body).map_or_else(String::new, |(place, from)| told(place, from));
    let who = view::actor(&theirs.actor_kind, theirs.actor_name.as_deref());
    let when = view::full_moment(theirs.at, scope.zone(placement.school_id));
    let line = (format!("Where {} is during lessons by robot", placement.pupil_name), kept, told(place, from));
    let other = Meanwhile::new((who, when), address.clone(), [line]);
    let known = places(&state, &placement).await?.len().to_string();
    let not_saved = NotSaved::Meanwhile(other.or_mine(address, &sent, ("said", known)));
    let html = draw(&state, &caller, &scope, &placement, None, &sent, Some(not_saved)).await?;
    Ok((StatusCode::CONFLICT, html).into_response())
}

pub(super) fn place_words(place: PupilPlace) -> &'static str {
    PLACES.iter().find(|(known, _)| *known == place).map_or("Not said", |(_, words)| words)
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

/// A pupil's marks of some days beside what else is known of them.
struct Looked {
    marks: Vec<ImportedMark>,
    said: Vec<(NaiveDate, PupilPlace, String)>,
    hints: Vec<Hint>,
}

impl Looked {
    /// From `from` to `until`, both included. The sessions are those of the school's timetable on the last of these days.
    async fn at(state: &AppState, placement: &PlacementRow, from: NaiveDate, until: NaiveDate) -> Result<Self, ApiError> {
        let store = &state.store;
        let from = from.max(placement.from_day);
        let marks = store.imported_marks(placement.pupil_id, from, until).await?;
        let said = places(state, placement).await?;
        // Without a declared home there is no question, whatever the rest is.
        if marks.is_empty() || !said.iter().any(|(_, place, _)| *place == PupilPlace::Home) {
            return Ok(Self { marks, said, hints: Vec::new() });
        }
        let schools = cases::Schools::of(store, placement, None).await?;
        let calendar: &Calendar = schools.calendars().home_school.calendar();
        let (first, last) = (calendar.bounds(from).0, calendar.bounds(until).1);
        let presence = store.presence_of_pupil(placement.pupil_id, first, last).await?;
        let streams: Vec<HomeStream> = presence
            .iter()
            .map(|row| {
                let (from, until) = (lessons::presence(row).placed_from(), lessons::placed_until(row));
                HomeStream { from, until, place: place_on(&said, calendar.day(from)) }
            })
            .collect();
        let times = lessons::session_times(store, placement.school_id, until).await?;
        let hints = hints(&marks, cases::codes()?, &streams, calendar, times);
        Ok(Self { marks, said, hints })
    }
}

async fn draw(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    placement: &PlacementRow,
    until: Option<NaiveDate>,
    sent: &Sent,
    not_saved: Option<NotSaved>,
) -> Result<Html<String>, ApiError> {
    let (wrong, meanwhile) = NotSaved::told(not_saved);
    let now = state.clock.now().utc;
    let zone = scope.zone(placement.school_id);
    let today = now.with_timezone(&zone).date_naive();
    let until = until.unwrap_or(today).clamp(placement.from_day.min(today), today);
    let from = (until - Days::new(SHOWN_DAYS)).max(placement.from_day);
    let Looked { marks, said, hints } = Looked::at(state, placement, from, until).await?;
    let table = cases::codes()?;
    let chosen = sent.get("place").map_or("", String::as_str);
    page(&RegisterPage {
        frame: Frame::of(caller, scope, format!("Register of {}", placement.pupil_name), "/pupils", now),
        pupil_id: placement.pupil_id,
        pupil_name: placement.pupil_name.clone(),
        school: placement.home_name.clone(),
        was_said: drawn_from(sent, "said", &wrong, said.len().to_string()),
        from: sent.get("from").cloned().unwrap_or_else(|| today.to_string()),
        wrong,
        meanwhile,
        may_say: scope.may_pupil(Action::EditPlan, placement),
        hints: hints.into_iter().map(|hint| (hint.because, hint.ask)).collect(),
        days: days(&marks, now, zone),
        meanings: meanings(&marks, table),
        places: PLACES.map(|(place, words)| (place.code(), words, place.code() == chosen)).to_vec(),
        said: said
            .iter()
            .map(|(from, place, who)| format!("{}, from {}. Said by {who}.", place_words(*place), view::full_date(*from)))
            .collect(),
        today,
        between: format!("{} to {}", view::full_date(from), view::full_date(until)),
        earlier: Some(from).filter(|from| *from > placement.from_day).map(|from| from - Days::new(1)),
        is_latest: until == today,
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
