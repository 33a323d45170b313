//! A person corrects minutes: how long it was, and why. The measured minutes stay beside it, on this page and on the record.
//!
//! Works without scripts. What is written is never changed; a wrong correction is taken back by another line.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use server_core::access::Action;
use server_core::attendance::Length;
use server_core::timetable::Lesson;
use store::audit::{Actor, NewAudit, Subject};
use store::minutes::{CorrectionRow, NewCorrection};
use store::placements::PlacementRow;
use uuid::Uuid;

use super::account::{self, School};
use super::{Frame, page, record, view};
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::{self, Scope};
use crate::lessons::SchoolDay;
use crate::{AppState, Change};

/// A reason is not longer than this, in characters.
const MAX_REASON: usize = 300;
/// The choice that means the time outside lessons.
const SOCIAL: &str = "social";

#[derive(Template)]
#[template(path = "staff/correction.html")]
struct CorrectionPage {
    frame: Frame,
    pupil_id: Uuid,
    pupil_name: String,
    day: NaiveDate,
    day_words: String,
    today: NaiveDate,
    first_day: NaiveDate,
    choices: Vec<Choice>,
    minutes: String,
    reason: String,
    wrong: &'static str,
    /// What looks wrong about the day, in words.
    odd: Vec<String>,
    history: Vec<Line>,
}

struct Choice {
    value: String,
    title: String,
    told: String,
    chosen: bool,
}

/// One correction as the record and this page tell it.
pub struct Line {
    pub what: String,
    pub who: String,
    pub reason: String,
}

/// Which day is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    day: Option<NaiveDate>,
}

/// What the form sends.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Sent {
    day: Option<NaiveDate>,
    what: String,
    minutes: String,
    reason: String,
    /// Anything: earlier corrections are taken back.
    back: String,
}

/// `GET /pupils/{pupil}/correction`
pub async fn show(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::CorrectMinutes).await?;
    note(&state, &caller, pupil, "read record").await?;
    draw(&state, &caller, &scope, &placement, asked.day, &Sent::default(), "").await
}

/// `POST /pupils/{pupil}/correction`
pub async fn add(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::CorrectMinutes).await?;
    let now = state.clock.now().utc;
    let school = School::of(&state, &placement).await?;
    let day = sent.day.unwrap_or_else(|| school.calendar.day(now));
    let read = if day <= school.calendar.day(now) { Some(account::day(&state, &placement, day).await?) } else { None };
    let checked = read.as_ref().ok_or("That day has not come yet.").and_then(|read| check(&sent, read, now));
    let (lesson, to_s) = match checked {
        Ok(checked) => checked,
        Err(wrong) => {
            let html = draw(&state, &caller, &scope, &placement, Some(day), &sent, wrong).await?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, html).into_response());
        }
    };
    let reason = sent.reason.trim();
    let correction = NewCorrection {
        minutes_correction_id: Uuid::now_v7(),
        placement_id: placement.placement_id,
        day,
        lesson: lesson.map(|lesson| (lesson.slot, lesson.start)),
        to_s,
        reason,
        author_id: caller.staff_id(),
    };
    let detail = correction.minutes_correction_id.to_string();
    let audit = NewAudit {
        actor: Actor::Staff(caller.staff_id()),
        action: if to_s.is_some() { "correct minutes" } else { "take back correction" },
        subject: Subject::Pupil(pupil),
        detail: Some(&detail),
    };
    state.store.add_correction(&correction, audit, now).await?;
    state.announce(Change::Pupil(pupil));
    Ok(Redirect::to(&format!("/pupils/{pupil}/correction?day={day}")).into_response())
}

/// The lesson, or none for social time, and how long it was. The `Err` says what to do.
fn check<'a>(sent: &Sent, day: &'a SchoolDay, now: DateTime<Utc>) -> Result<(Option<&'a Lesson>, Option<i64>), &'static str> {
    let lesson = match sent.what.as_str() {
        SOCIAL => None,
        value => Some(
            day.lessons
                .iter()
                .find(|lesson| value_of(lesson) == value)
                .ok_or("Choose the lesson, or the time outside lessons.")?,
        ),
    };
    if lesson.is_some_and(|lesson| lesson.start > now) {
        return Err("That lesson has not begun yet.");
    }
    let reason = sent.reason.trim();
    if reason.is_empty() {
        return Err("Write the reason. Whoever reads the record sees it.");
    }
    if reason.chars().count() > MAX_REASON {
        return Err("The reason is too long. 300 letters are enough.");
    }
    if !sent.back.is_empty() {
        let is_corrected = match lesson {
            Some(lesson) => day
                .account
                .lessons
                .iter()
                .any(|entry| entry.slot == lesson.slot && entry.start == lesson.start && entry.corrected.is_some()),
            None => day.account.social_corrected.is_some(),
        };
        return if is_corrected { Ok((lesson, None)) } else { Err("There is no correction to take back there.") };
    }
    let minutes: i64 = sent.minutes.trim().parse().map_err(|_| "Write how many minutes it was, as a whole number.")?;
    let most = lesson.map_or(24 * 60, |lesson| lesson.length().num_minutes());
    if !(0..=most).contains(&minutes) {
        return Err("It cannot be longer than the lesson.");
    }
    Ok((lesson, Some(minutes * 60)))
}

async fn draw(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    placement: &PlacementRow,
    day: Option<NaiveDate>,
    sent: &Sent,
    wrong: &'static str,
) -> Result<Html<String>, ApiError> {
    let now = state.clock.now().utc;
    let school = School::of(state, placement).await?;
    let today = school.calendar.day(now);
    let day = day.unwrap_or(today).min(today);
    let read = account::day(state, placement, day).await?;
    let mut choices: Vec<Choice> = read
        .lessons
        .iter()
        .zip(&read.account.lessons)
        .filter(|(lesson, _)| lesson.start <= now)
        .map(|(lesson, counted)| Choice {
            value: value_of(lesson),
            title: format!("{} {}", view::clock(lesson.start, school.zone), lesson.about.subject),
            told: told(counted.connected, counted.corrected.map(|corrected| corrected.length)),
            chosen: sent.what == value_of(lesson),
        })
        .collect();
    choices.push(Choice {
        value: SOCIAL.to_owned(),
        title: "Outside lessons".to_owned(),
        told: told(read.account.social, read.account.social_corrected.map(|corrected| corrected.length)),
        chosen: sent.what == SOCIAL,
    });
    page(&CorrectionPage {
        frame: Frame::of(caller, scope, "Correct minutes", "/pupils", now),
        pupil_id: placement.pupil_id,
        pupil_name: placement.pupil_name.clone(),
        day,
        day_words: day.format("%A %-d %B %Y").to_string(),
        today,
        first_day: placement.from_day.min(today),
        choices,
        minutes: sent.minutes.clone(),
        reason: sent.reason.clone(),
        wrong,
        odd: record::odd_words(&read, placement, school.zone),
        history: lines(&read, now, school.zone),
    })
}

/// What was corrected on a day, in words, in the order it was.
#[must_use]
pub fn lines(day: &SchoolDay, now: DateTime<Utc>, zone: Tz) -> Vec<Line> {
    let line = |row: &CorrectionRow| {
        let of = match (row.timetable_slot_id, row.start_at) {
            (Some(slot), Some(start)) => day
                .lessons
                .iter()
                .find(|lesson| lesson.slot == slot && lesson.start == start)
                .map_or("A lesson that is not in the timetable".to_owned(), |lesson| lesson.about.subject.clone()),
            _ => "Outside lessons".to_owned(),
        };
        let what = match row.to_s {
            Some(to_s) => format!("{of}: {}", view::minutes(to_s / 60)),
            None => format!("{of}: correction taken back"),
        };
        let who = format!("{}, {}", row.author_name, view::moment(row.said_at, now, zone));
        Line { what, who, reason: row.reason.clone() }
    };
    day.corrections.iter().map(line).collect()
}

fn told(measured: Length, corrected: Option<Length>) -> String {
    let minutes = |length: Length| view::minutes(i64::from(length.minutes().get()));
    match corrected {
        Some(corrected) => format!("measured {}, corrected to {}", minutes(measured), minutes(corrected)),
        None => format!("measured {}", minutes(measured)),
    }
}

fn value_of(lesson: &Lesson) -> String {
    format!("{}/{}", lesson.slot, lesson.start.timestamp())
}

async fn note(state: &AppState, caller: &Caller, pupil: Uuid, action: &str) -> Result<(), ApiError> {
    let entry = NewAudit { actor: Actor::Staff(caller.staff_id()), action, subject: Subject::Pupil(pupil), detail: None };
    Ok(state.store.append_audit(entry, state.clock.now().utc).await?)
}
