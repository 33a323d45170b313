//! The pupils whose records this person may read, and what is on for them now.

use askama::Template;
use axum::extract::State;
use axum::response::Html;
use chrono::{DateTime, Utc};
use server_core::access::Action;
use server_core::timetable::{Lesson, now_and_next};
use store::placements::PlacementRow;
use uuid::Uuid;

use super::account::{self, School};
use super::view::{self, Chip, Told};
use super::{Frame, fleet, page};
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::Scope;
use crate::{AppState, lessons};

#[derive(Template)]
#[template(path = "staff/pupils.html")]
struct PupilsPage {
    frame: Frame,
    today: String,
    count_line: String,
    pupils: Vec<PupilView>,
}

struct PupilView {
    id: Uuid,
    name: String,
    school: String,
    robot: String,
    now: Told,
    next: String,
}

/// `GET /pupils`
pub async fn list(State(state): State<AppState>, caller: Caller) -> Result<Html<String>, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    let now = state.clock.now().utc;
    let mut pupils = Vec::new();
    for placement in state.store.placements().await? {
        let today = now.with_timezone(&scope.zone(placement.school_id)).date_naive();
        if fleet::is_on(&placement, today) && scope.may_pupil(Action::ReadRecord, &placement) {
            pupils.push(pupil_view(&state, placement, now).await?);
        }
    }
    let count_line = match pupils.len() {
        0 => "No pupil has a robot here yet.".to_owned(),
        1 => "One pupil has a robot.".to_owned(),
        n => format!("{n} pupils have a robot."),
    };
    let today = view::day(now, scope.own_zone());
    page(&PupilsPage { frame: Frame::of(&caller, &scope, "Pupils", "/pupils", now), today, count_line, pupils })
}

async fn pupil_view(state: &AppState, placement: PlacementRow, now: DateTime<Utc>) -> Result<PupilView, ApiError> {
    let school = School::of(state, &placement).await?;
    let day = school.calendar.day(now);
    let mut lessons = lessons::between(&state.store, &placement, day, day).await?;
    lessons.retain(|lesson| lesson.about.expected && !lesson.about.robot_stays_out);
    let (current, next) = now_and_next(&lessons, now);
    let told = match current {
        _ if account::is_live(state, &placement, now).await? => Chip::new("live", "dot", "In class now").into(),
        Some(lesson) if is_resting(state, &placement, lesson).await? => Chip::new("rest", "moon", "Resting").into(),
        Some(lesson) => Told::quiet(format!("Not in {} at the moment", lesson.about.subject)),
        None => Told::quiet("No lesson now"),
    };
    let next = next.map_or_else(
        || "No more lessons today".to_owned(),
        |lesson| format!("{} {}, {}", view::clock(lesson.start, school.zone), lesson.about.subject, lesson.about.room_name),
    );
    Ok(PupilView {
        id: placement.pupil_id,
        name: placement.pupil_name,
        school: placement.school_name,
        robot: placement.robot_name,
        now: told,
        next,
    })
}

async fn is_resting(state: &AppState, placement: &PlacementRow, lesson: &Lesson) -> Result<bool, ApiError> {
    Ok(!state.store.rests(placement.placement_id, lesson.start, lesson.end).await?.is_empty())
}
