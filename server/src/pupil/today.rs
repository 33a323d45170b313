//! The pupil's day: what is on, the way in, and the equal way not to.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{Html, Redirect};
use chrono::{DateTime, Utc};
use protocol::PlacementId;
use serde::Deserialize;
use store::robots::RobotRow;
use uuid::Uuid;

use super::day::{DayLesson, DayView, RobotFacts, day_view, lesson_now};
use super::plan;
use super::tablet::Opened;
use crate::AppState;
use crate::api::ApiError;
use crate::dispatch::{self, JoinError};
use crate::lessons::school_days;

#[derive(Template)]
#[template(path = "pupil/today.html")]
struct TodayPage {
    view: DayView,
    zone: String,
    said: Option<&'static str>,
    has_plan: bool,
}

#[derive(Template)]
#[template(path = "pupil/today_parts.html")]
struct TodayParts {
    view: DayView,
}

/// What was just done, as the address says it: one of a few words, never free text.
#[derive(Deserialize)]
pub struct TodayQuery {
    said: Option<String>,
}

/// The day of a placement, with what other handlers need of it.
pub struct Day {
    /// As the pupil reads it.
    pub view: DayView,
    /// IANA name of the school's time zone.
    pub zone: String,
    /// Beginning of the lesson to go to, or to rest in.
    pub lesson_start: Option<DateTime<Utc>>,
}

/// `GET /today`
pub async fn page(
    State(state): State<AppState>,
    Opened(tablet): Opened,
    Query(query): Query<TodayQuery>,
) -> Result<Html<String>, ApiError> {
    let Day { view, zone, .. } = day_of(&state, tablet.placement_id).await?;
    let said = match query.said.as_deref() {
        Some("left") => Some("You left the class. Well done for going. Your seat is kept."),
        Some("resting") => Some("Have a good rest. Your seat is kept."),
        _ => None,
    };
    let has_plan = plan::is_there(&state, tablet.placement_id).await?;
    Ok(Html(TodayPage { view, zone, said, has_plan }.render()?))
}

/// `GET /today/parts`: what changes by itself on that page.
pub async fn parts(State(state): State<AppState>, Opened(tablet): Opened) -> Result<Html<String>, ApiError> {
    let Day { view, .. } = day_of(&state, tablet.placement_id).await?;
    Ok(Html(TodayParts { view }.render()?))
}

/// `POST /today/rest`: "not now, I'm resting", about the lesson that is on or about to begin.
pub async fn rest(State(state): State<AppState>, Opened(tablet): Opened) -> Result<Redirect, ApiError> {
    let day = day_of(&state, tablet.placement_id).await?;
    if let Some(start) = day.lesson_start.filter(|_| day.view.now.can_rest) {
        state.store.choose_rest(tablet.placement_id, start, state.clock.now().utc).await?;
    }
    Ok(Redirect::to("/today?said=resting"))
}

/// Reads the day of a placement.
///
/// # Errors
/// There is no such placement, or the database does not answer.
pub async fn day_of(state: &AppState, placement_id: Uuid) -> Result<Day, ApiError> {
    let now = state.clock.now().utc;
    let store = &state.store;
    let placement = store.placement(placement_id).await?.ok_or(ApiError::NotFound)?;
    let robot = match placement.robot_id {
        Some(robot) => robot_facts(store.robot(robot).await?.ok_or(ApiError::NotFound)?),
        None => RobotFacts { name: "your robot".to_owned(), is_to_come: true, ..RobotFacts::default() },
    };
    let school = store.organisation(placement.school_id).await?.ok_or(ApiError::NotFound)?;
    let calendar = crate::lessons::timetable(store, &placement).await?.calendar;
    let today = calendar.day(now);
    let bounds = calendar.bounds(today);
    let rests = store.rests(placement_id, bounds.0, bounds.1).await?;
    let mut lessons = Vec::new();
    for day in school_days(store, &placement, (today, today), now).await? {
        for (lesson, minutes) in day.lessons.into_iter().zip(day.account.lessons) {
            lessons.push(DayLesson {
                start: lesson.start,
                end: lesson.end,
                subject: lesson.about.subject,
                room: lesson.about.room_name,
                teacher: lesson.about.teacher,
                stays_out: lesson.about.robot_stays_out,
                expected: lesson.about.expected,
                attended_s: minutes.connected.ms() / 1000,
                rested: rests.contains(&lesson.start),
            });
        }
    }
    let may_enter = match dispatch::may_join(state, PlacementId(placement_id)).await {
        Ok(_) => true,
        Err(JoinError::Refused(_)) => false,
        Err(JoinError::NoPlacement) => return Err(ApiError::NotFound),
        Err(error) => return Err(ApiError::Internal(error.into())),
    };
    let lesson_start = lesson_now(&lessons, now).map(|lesson| lesson.start);
    let view = day_view(&calendar, now, may_enter, &robot, &lessons);
    Ok(Day { view, zone: school.time_zone, lesson_start })
}

fn robot_facts(row: RobotRow) -> RobotFacts {
    let body = row.body_state.as_deref();
    RobotFacts {
        is_here: row.status == "here",
        is_off: row.status == "off_by_person",
        is_carried: row.carried_by.is_some() || body == Some("carried"),
        is_paused: body == Some("paused"),
        battery_pct: row.battery_pct,
        is_charging: row.charging.unwrap_or(false),
        is_to_come: false,
        name: row.name,
        room: row.room_name,
    }
}
