//! Whether the pupil was at school for a half-day, as somebody says it: for the glide path where no mark tells.
//!
//! It is a word with its author, who wrote it down and when; a later word about the same half-day takes its place, and both stay. It never
//! becomes a mark, an imported mark stands before it, and where the two differ people are asked. Source: `DOMAIN.md` N2, X7, H-29 (stated
//! attendance is typed or imported).

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::{Datelike, Days, NaiveDate};
use server_core::access::Action;
use server_core::calendar::Calendar;
use server_core::glide::{OnSite, OnSiteSource, differing};
use server_core::party::{Party, PersonId};
use server_core::register::{self, HalfDay};
use store::placements::PlacementRow;
use store::record::Seen;
use store::stated::{StatedRow, StatedWord};
use uuid::Uuid;

use super::draw_page;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::{self, Scope};
use crate::web::meanwhile::{self, Meanwhile, NotSaved, drawn_from, was};
use crate::web::plan::{self, Choice, Names, Sent, optional_day};
use crate::web::view;
use crate::{AppState, cases};

/// The field in which the form says which word was the last when it was drawn.
const SAID: &str = "said";
/// Words may be about so many days before today.
const MOST_DAYS: u64 = 366;
/// Days of words that the page shows.
const SHOWN_DAYS: u64 = 42;
/// What may be said of a half-day: code, words, what it means.
const WORDS: [(&str, &str, Option<bool>); 3] =
    [("there", "Was there", Some(true)), ("not", "Was not", Some(false)), ("unknown", "Not known", None)];
/// Half-days with the field of the form.
const HALVES: [(HalfDay, &str, &str); 2] = [(HalfDay::Am, "am", "Morning"), (HalfDay::Pm, "pm", "Afternoon")];

/// What the page shows of it.
pub struct SaidView {
    pub may_say: bool,
    /// What was said, by whom.
    pub words: Vec<(String, String)>,
    /// Where a mark says otherwise.
    pub questions: Vec<String>,
    pub day: String,
    pub today: NaiveDate,
    pub people: Vec<Choice>,
    /// The last word that the form is drawn from.
    pub was_said: String,
    /// Field, label and choices of each half-day.
    pub halves: Vec<(&'static str, &'static str, Vec<Choice>)>,
}

/// `POST /pupils/{pupil}/glide`: what somebody says of a day's halves is written down.
pub async fn say(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::EditPlan).await?;
    let now = state.clock.now().utc;
    let today = scope.today(placement.school_id, now);
    let people = people(&Names::of(&state, &scope, &placement).await?, &caller, today);
    let not_saved = match read(&sent, &people, today) {
        Err(wrong) => NotSaved::Wrong(wrong),
        Ok(words) => {
            let audit = plan::audit(&caller, pupil, "say attendance");
            let (id, staff_id, seen) = (placement.placement_id, caller.staff_id(), Seen::This(was(&sent, SAID).parse().ok()));
            if state.store.state_half_days(id, &words, staff_id, seen, audit, now).await? {
                return Ok(Redirect::to(&format!("/pupils/{pupil}/glide#said")).into_response());
            }
            let other = others(&state, &scope, &placement, &words).await?;
            NotSaved::Meanwhile(other.or_mine(format!("/pupils/{pupil}/glide"), &sent, (SAID, last(&state, &placement).await?)))
        }
    };
    let status = not_saved.status();
    let html = draw_page(&state, &caller, &scope, &placement, &sent, Some(not_saved)).await?;
    Ok((status, html).into_response())
}

/// The last word of a placement about any half-day, for the form that is drawn from it.
async fn last(state: &AppState, placement: &PlacementRow) -> Result<String, ApiError> {
    let last = state.store.last_stated(placement.placement_id).await?;
    Ok(last.map_or_else(String::new, |id| id.to_string()))
}

/// What somebody else said of these half-days since, beside what is said of them now.
async fn others(state: &AppState, scope: &Scope, placement: &PlacementRow, mine: &[StatedWord]) -> Result<Meanwhile, ApiError> {
    let told = |was_there: Option<bool>| WORDS.iter().find(|(.., known)| *known == was_there).map_or("", |(_, words, _)| words);
    let mut lines = Vec::new();
    for word in mine {
        let rows = state.store.stated_half_days(placement.placement_id, word.day, word.day).await?;
        let Some(row) = rows.into_iter().find(|row| row.word.half_day == word.half_day) else { continue };
        if row.word.was_there != word.was_there {
            let (theirs, mine) = (told(row.word.was_there), told(word.was_there));
            lines.push((row, half_words(word.day, word.half_day), theirs.to_lowercase(), mine.to_lowercase()));
        }
    }
    let by = lines.iter().map(|(row, ..)| row).max_by_key(|row| row.at);
    let by = by.map_or_else(meanwhile::somebody, |row| {
        (row.staff_name.clone(), view::full_moment(row.at, scope.zone(placement.school_id)))
    });
    let page = format!("/pupils/{}/glide#said", placement.pupil_id);
    Ok(Meanwhile::new(by, page, lines.into_iter().map(|(_, about, theirs, mine)| (about, theirs, mine))))
}

fn read(sent: &Sent, people: &[(PersonId, String)], today: NaiveDate) -> Result<Vec<StatedWord>, String> {
    let day = optional_day(sent, "day", "Day")?.ok_or("Day: choose one.")?;
    let is_recent = today.checked_sub_days(Days::new(MOST_DAYS)).is_none_or(|first| first <= day);
    if day > today || !is_recent {
        return Err("Day: choose today, or a day of the last year.".to_owned());
    }
    if day.weekday().number_from_monday() > 5 {
        return Err("Day: it is a Saturday or a Sunday.".to_owned());
    }
    let by = sent.get("by").map_or("", String::as_str);
    let by = people.iter().find(|(known, _)| known.0.to_string() == by).ok_or("Who says so: choose somebody.")?.0;
    let word = |(half_day, name, _): (HalfDay, &str, &str)| {
        let (.., was_there) = WORDS.iter().find(|(code, ..)| sent.get(name).is_some_and(|sent| sent == code))?;
        Some(StatedWord { day, half_day, was_there: *was_there, by })
    };
    let words: Vec<_> = HALVES.into_iter().filter_map(word).collect();
    if words.is_empty() {
        return Err("Say something of the morning or of the afternoon.".to_owned());
    }
    Ok(words)
}

/// Who may say so: whoever writes, and whoever has a part today.
fn people(names: &Names, caller: &Caller, today: NaiveDate) -> Vec<(PersonId, String)> {
    let me = PersonId(caller.staff_id());
    let mut all = names.with(Party::ALL, today);
    all.retain(|(person, _)| *person != me);
    all.insert(0, (me, "I do".to_owned()));
    all
}

/// The same for the glide path. Who takes a word back says nothing.
pub(super) fn on_site<'a>(rows: &'a [StatedRow], calendar: &'a Calendar) -> impl Iterator<Item = OnSite> + 'a {
    rows.iter().filter_map(|row| {
        let StatedWord { day, half_day, was_there, by } = row.word;
        let source = OnSiteSource::Typed { by, on: calendar.day(row.at) };
        Some(OnSite { half: (day, half_day), was_there: was_there?, source })
    })
}

/// What was said lately, where a mark says otherwise, and the form.
pub(super) async fn view(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    placement: &PlacementRow,
    (sent, wrong): (&Sent, &str),
) -> Result<SaidView, ApiError> {
    let today = scope.today(placement.school_id, state.clock.now().utc);
    let from = today - Days::new(SHOWN_DAYS);
    let names = Names::of(state, scope, placement).await?;
    let rows = state.store.stated_half_days(placement.placement_id, from, today).await?;
    let marks = state.store.imported_marks(placement.pupil_id, from, today).await?;
    let schools = cases::Schools::of(&state.store, placement, None).await?;
    let calendars = schools.calendars();
    let mut told = register::on_site(&marks, cases::codes()?);
    told.extend(on_site(&rows, calendars.home_school.calendar()));
    let name = |row: &StatedRow| if row.word.by.0 == row.staff_id { row.staff_name.clone() } else { names.name(row.word.by) };
    let question = |fact: &OnSite| {
        let row = rows.iter().find(|row| (row.word.day, row.word.half_day) == fact.half)?;
        let (says, mark) = if fact.was_there { ("was there", "was not") } else { ("was not there", "was") };
        Some(format!(
            "{}: {} says that the pupil {says}; the mark of {} says that the pupil {mark}. Here the mark counts. Which is right?",
            half_words(row.word.day, row.word.half_day),
            name(row),
            placement.home_name
        ))
    };
    let line = |row: &StatedRow| {
        let words = WORDS.iter().find(|(.., was_there)| *was_there == row.word.was_there).map_or("", |(_, words, _)| words);
        let (by, at) = (name(row), names.moment(row.at));
        let who = if row.word.by.0 == row.staff_id {
            format!("Said by {by}, {at}")
        } else {
            format!("Said by {by}, written down by {}, {at}", row.staff_name)
        };
        (format!("{}: {}", half_words(row.word.day, row.word.half_day), words.to_lowercase()), who)
    };
    let typed = |name: &str| sent.get(name).cloned().unwrap_or_default();
    let choices = |(_, name, label): (HalfDay, &'static str, &'static str)| {
        let all = WORDS.map(|(code, words, _)| (code.to_owned(), words.to_owned(), typed(name) == code));
        (name, label, all.to_vec())
    };
    let by = typed("by");
    Ok(SaidView {
        may_say: scope.may_pupil(Action::EditPlan, placement),
        questions: differing(&told).filter_map(question).collect(),
        words: rows.iter().rev().map(line).collect(),
        was_said: drawn_from(sent, SAID, wrong, last(state, placement).await?),
        day: typed("day"),
        today,
        people: (people(&names, caller, today).into_iter())
            .map(|(person, name)| (person.0.to_string(), name, person.0.to_string() == by))
            .collect(),
        halves: HALVES.map(choices).to_vec(),
    })
}

/// `Tuesday 17 November, morning`
fn half_words(day: NaiveDate, half_day: HalfDay) -> String {
    let half = if half_day == HalfDay::Am { "morning" } else { "afternoon" };
    format!("{}, {half}", day.format("%A %-d %B"))
}
