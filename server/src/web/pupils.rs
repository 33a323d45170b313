//! The pupils whose records this person may read, and what is on for them now.

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Html;
use chrono::{DateTime, Datelike, TimeDelta, Utc};
use serde::Deserialize;
use server_core::access::{Action, Subject};
use server_core::timetable::{Lesson, Slot, lessons_on, now_and_next};
use store::pages::{PAGE, PupilsPage};
use store::placements::PlacementRow;
use uuid::Uuid;

use super::view::{self, Chip, Pages, Told};
use super::{Frame, account, page};
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::Scope;
use crate::minutes::Calendars;
use crate::{AppState, lessons};

#[derive(Template)]
#[template(path = "staff/pupils.html")]
struct PupilsPageView {
    frame: Frame,
    today: String,
    count_line: String,
    pupils: Vec<PupilView>,
    may_add: bool,
    /// Entered, and without a placement: key, name, school.
    waiting: Vec<(Uuid, String, String)>,
    pages: Pages,
}

struct PupilView {
    id: Uuid,
    name: String,
    school: String,
    robot: String,
    now: Told,
    next: String,
}

/// What the list was asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// Part of a pupil's or school's name.
    q: String,
    /// From 1.
    page: Option<i64>,
}

impl Asked {
    /// Where the list at `base` is.
    pub(super) fn pages(&self, base: &'static str) -> Pages {
        Pages::new(base, &self.q, "", self.page)
    }
}

/// `GET /pupils`
pub async fn list(State(state): State<AppState>, caller: Caller, Query(asked): Query<Asked>) -> Result<Html<String>, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    let now = state.clock.now().utc;
    let pages = asked.pages("/pupils");
    let question = PupilsPage {
        staff_id: caller.staff_id(),
        search: pages.search(),
        day: now.with_timezone(&scope.own_zone()).date_naive(),
        ended: false,
        offset: pages.offset(),
    };
    let (mut placements, count) = state.store.placements_page(&question).await?;
    let more = question.offset + (PAGE as i64) < count;
    placements.retain(|placement| scope.may_pupil(Action::ReadRecord, placement));
    let pupils = pupil_views(&state, &scope, &placements, now).await?;
    let count_line = match (count, pages.search()) {
        (0, "") => "Nobody is here yet.".to_owned(),
        (0, _) => "Nobody found.".to_owned(),
        (1, _) => "One pupil.".to_owned(),
        (n, _) => format!("{} pupils.", view::number(n)),
    };
    let today = view::day(now, scope.own_zone());
    let frame = Frame::of(&caller, &scope, "Pupils", "/pupils", now);
    let may_add = scope.may_somewhere(Action::AddPupil);
    let waiting = if may_add && pages.search().is_empty() { waiting(&state, &scope, caller.staff_id()).await? } else { vec![] };
    page(&PupilsPageView { frame, today, count_line, pupils, may_add, waiting, pages: pages.with_more(more) })
}

/// Pupils who were entered and have no placement yet.
async fn waiting(state: &AppState, scope: &Scope, staff_id: Uuid) -> Result<Vec<(Uuid, String, String)>, ApiError> {
    let rows = state.store.pupils_without_placement(staff_id).await?;
    let theirs = rows.into_iter().filter(|(.., school)| scope.may(Action::AddPupil, &Subject::Organisation(*school)));
    let name = |school| scope.organisation_names().find(|(id, _)| *id == school).map(|(_, name)| name).unwrap_or_default();
    Ok(theirs.map(|(id, pupil, school)| (id, pupil, name(school))).collect())
}

/// The rows of one page, from a few questions about all of them.
async fn pupil_views(
    state: &AppState,
    scope: &Scope,
    placements: &[PlacementRow],
    now: DateTime<Utc>,
) -> Result<Vec<PupilView>, ApiError> {
    let ids: Vec<Uuid> = placements.iter().map(|placement| placement.placement_id).collect();
    let pupils: Vec<Uuid> = placements.iter().map(|placement| placement.pupil_id).collect();
    let live = state.store.live_pupils(&pupils, now - account::LIVE_WITHIN).await?;
    let rests = state.store.rests_of_placements(&ids, now - TimeDelta::days(1), now + TimeDelta::days(1)).await?;
    let mut slots: HashMap<(Uuid, i64), Vec<Slot>> = HashMap::new();
    let mut calendars = Calendars::new();
    let mut views = Vec::with_capacity(placements.len());
    for placement in placements {
        let calendar = lessons::calendar(&state.store, placement.school_id, &mut calendars).await?;
        let day = calendar.day(now);
        let weekday = i64::from(day.weekday().number_from_monday());
        if !slots.keys().any(|(_, known)| *known == weekday) {
            for (placement_id, row) in state.store.slots_of_placements(&ids, weekday).await? {
                slots.entry((placement_id, weekday)).or_default().extend(lessons::slot(row));
            }
            // So that the question is not asked again where nobody has a lesson.
            slots.entry((Uuid::nil(), weekday)).or_default();
        }
        let none = Vec::new();
        let own = slots.get(&(placement.placement_id, weekday)).unwrap_or(&none);
        let mut lessons = lessons_on(&calendar, own, day);
        lessons.retain(|lesson| lesson.about.expected && !lesson.about.robot_stays_out);
        let (current, next) = now_and_next(&lessons, now);
        let begins = (day < placement.from_day).then(|| view::full_date(placement.from_day));
        let rests = |lesson: &Lesson| rests.contains(&(placement.placement_id, lesson.start));
        let told = match current {
            _ if begins.is_some() => Told::quiet(format!("Begins on {}", begins.unwrap_or_default())),
            _ if live.contains(&placement.pupil_id) => Chip::new("live", "dot", "In class now").into(),
            Some(lesson) if rests(lesson) => Chip::new("rest", "moon", "Resting").into(),
            Some(lesson) => Told::quiet(format!("Not in {} at the moment", lesson.about.subject)),
            None => Told::quiet("No lesson now"),
        };
        let zone = scope.zone(placement.school_id);
        let next = next.map_or_else(
            || "No more lessons today".to_owned(),
            |lesson| format!("{} {}, {}", view::clock(lesson.start, zone), lesson.about.subject, lesson.about.room_name),
        );
        views.push(PupilView {
            id: placement.pupil_id,
            name: placement.pupil_name.clone(),
            school: placement.school_name.clone(),
            robot: placement.robot_name.clone().unwrap_or_else(|| "None yet".to_owned()),
            now: told,
            next,
        });
    }
    Ok(views)
}
