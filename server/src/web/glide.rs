//! The glide path: week by week from away to on site, as planned and as it was; the same as a table; and a question for the review.
//!
//! Half-days on site are what the school's imported marks say, and what people say where no mark does ([`said`]); half-days and minutes
//! by robot are the engagement ledger's; rest is what the pupil said. They stand side by side, and the page ends in a question by type, never in a verdict
//! (see `server_core::glide`).

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Html;
use chrono::{DateTime, Days, NaiveDate, Utc};
use server_core::access::Action;
use server_core::calendar::monday_of;
use server_core::continuity::continuity;
use server_core::glide::{self, GlideFacts, GlideWeek, Half, HalfDays, ReviewQuestion, WeekState, half_of, robot_halves};
use server_core::plan::Setting;
use server_core::register::on_site;
use store::placements::PlacementRow;
use uuid::Uuid;

use super::meanwhile::{Meanwhile, NotSaved};
use super::plan::Sent;
use super::{Frame, page, plan, record, view};
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::{self, Scope};
use crate::{AppState, cases, lessons};

mod picture;
pub mod said;

/// Behind a figure of half-days of which nobody has said anything.
const AS_PLANNED: &str = " (as planned)";
/// What the words of the tables mean, on the page and on paper.
pub(super) const MEANINGS: [&str; 2] = [
    "“As planned”: the plan has it so, and nobody has said otherwise.",
    "“Not known”: nobody has said where the pupil was. It is no fault and no absence: the register says what is one. A half-day by robot \
     is an absence in the register.",
];
/// Meetings with teachers are counted over so many days.
const MET_DAYS: u64 = 28;

#[derive(Template)]
#[template(path = "staff/glide.html")]
struct GlidePage {
    frame: Frame,
    pupil_id: Uuid,
    pupil_name: String,
    glide: Option<GlideView>,
    waits: String,
    wrong: String,
    meanwhile: Option<Meanwhile>,
    said: said::SaidView,
    /// Meetings with each teacher, lately.
    met: Vec<MetView>,
}

struct MetView {
    who: String,
    met: String,
    last: String,
}

/// The weeks of a plan by its clocks.
pub struct PlanWeeks {
    /// What the weeks of the first clock are called.
    pub clock: String,
    /// The same of the school's clock, if the policy has one.
    pub school_clock: Option<String>,
    /// What half-days on site are at.
    pub site: String,
    /// The school whose marks say which they were.
    pub marks_of: String,
    pub weeks: Vec<GlideWeek>,
    /// Days of these weeks about whose minutes something looks wrong, in the record's own words: they go wherever the minutes go.
    pub odd: Vec<(NaiveDate, String)>,
}

/// What the picture and its table are drawn from.
pub struct GlideView {
    /// The clock and where it stands.
    pub(super) about: String,
    pub(super) summary: String,
    pub(super) columns: Vec<picture::Column>,
    pub(super) rows: Vec<Row>,
    pub(super) site: String,
    /// Whose marks and words half-days on site are from.
    pub(super) told_by: String,
    /// What the words of the table mean.
    pub(super) meanings: [&'static str; 2],
    /// What looks wrong about the minutes, day by day.
    pub(super) odd: Vec<String>,
    /// What the second row of numbers counts; empty: there is none.
    pub(super) school_clock: String,
    /// The facts behind the question.
    pub(super) because: String,
    /// The question for the review.
    pub(super) ask: String,
}

pub(super) struct Row {
    pub(super) week: String,
    pub(super) state: &'static str,
    pub(super) planned: String,
    pub(super) actual: String,
    pub(super) minutes: String,
    pub(super) stated: String,
}

/// `GET /pupils/{pupil}/glide`
pub async fn show(State(state): State<AppState>, caller: Caller, Path(pupil): Path<Uuid>) -> Result<Html<String>, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::ReadPlan).await?;
    state.store.append_audit(plan::audit(&caller, pupil, "read plan"), state.clock.now().utc).await?;
    draw_page(&state, &caller, &scope, &placement, &Sent::new(), None).await
}

async fn draw_page(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    placement: &PlacementRow,
    sent: &Sent,
    not_saved: Option<NotSaved>,
) -> Result<Html<String>, ApiError> {
    let (wrong, meanwhile) = NotSaved::told(not_saved);
    let now = state.clock.now().utc;
    let drawn = of(state, scope, placement, now).await?;
    let (glide, waits) = match drawn {
        Ok(glide) => (Some(glide), String::new()),
        Err(waits) => (None, waits),
    };
    page(&GlidePage {
        frame: Frame::of(caller, scope, format!("Glide path of {}", placement.pupil_name), "/pupils", now),
        pupil_id: placement.pupil_id,
        pupil_name: placement.pupil_name.clone(),
        glide,
        waits,
        said: said::view(state, caller, scope, placement, (sent, &wrong)).await?,
        wrong,
        meanwhile,
        met: met(state, placement, now).await?,
    })
}

/// In how many lessons of each teacher the pupil was live, over some weeks: in the order of the names, summed over nothing.
async fn met(state: &AppState, placement: &PlacementRow, now: DateTime<Utc>) -> Result<Vec<MetView>, ApiError> {
    let timetable = lessons::timetable(&state.store, placement).await?;
    let today = timetable.calendar.day(now);
    let from = placement.from_day.max(today - Days::new(MET_DAYS));
    let days = lessons::school_days(&state.store, placement, (from, today), now).await?;
    let all: Vec<_> =
        days.iter().flat_map(|day| day.lessons.iter().filter(move |lesson| lesson.start <= now).cloned()).collect();
    let minutes: Vec<_> = days.iter().flat_map(|day| day.account.lessons.iter().cloned()).collect();
    let view = |one: server_core::continuity::Continuity| MetView {
        who: format!("{}, {}", one.teacher, one.subject),
        met: format!("{} of {}", one.live, one.expected),
        last: one.last.map_or_else(|| "Not yet".to_owned(), view::short_date),
    };
    Ok(continuity(&all, &minutes, &timetable.calendar).into_iter().map(view).collect())
}

/// The glide path of a placement's latest plan, drawn, or in words what it waits for.
///
/// # Errors
/// The database does not answer, or holds what this program cannot read.
pub async fn of(
    state: &AppState,
    scope: &Scope,
    placement: &PlacementRow,
    now: DateTime<Utc>,
) -> Result<Result<GlideView, String>, ApiError> {
    Ok(weeks_of(state, scope, placement, now).await?.map(|path| draw(&path)))
}

/// The same as numbers.
///
/// # Errors
/// The database does not answer, or holds what this program cannot read.
pub async fn weeks_of(
    state: &AppState,
    scope: &Scope,
    placement: &PlacementRow,
    now: DateTime<Utc>,
) -> Result<Result<PlanWeeks, String>, ApiError> {
    let Some(row) = state.store.plans_of(placement.placement_id).await?.into_iter().next() else {
        return Ok(Err("There is no plan yet, so there is no path.".to_owned()));
    };
    let pack = cases::pack_of(&row.plan)?;
    let Some(clock) = pack.clocks.first() else {
        return Ok(Err("This policy counts no weeks.".to_owned()));
    };
    let (authority, looked_at) = (scope.parent_of(placement.school_id), scope.today(placement.school_id, now));
    let facts = cases::facts(&state.store, pack, &row.plan, placement.placement_id, authority, looked_at).await?;
    let schools = cases::Schools::of(&state.store, placement, Some(&row.plan)).await?;
    let calendars = schools.calendars();
    let Some((first, school)) = cases::running(pack, &row.plan, &facts, &calendars) else {
        return Ok(Err(format!(
            "The weeks are counted from this day: {}. Say it on the page of what is due.",
            clock.starts.words()
        )));
    };
    let (days, start) = (first.days, school.map_or(first.start, |school| school.start.min(first.start)));
    let today = days.calendar().day(now);
    let account = lessons::school_days(&state.store, placement, (monday_of(start).min(today), today), now).await?;
    let zone = scope.zone(placement.school_id);
    let odd = record::odd_days(&account, placement, zone);
    let counted = account.iter().filter(|day| day.day >= start);
    let times = lessons::session_times(&state.store, placement.school_id, today).await?;
    let by_robot: Vec<_> = counted.flat_map(|day| robot_halves(&day.account, days.calendar(), times)).collect();
    let marks = state.store.imported_marks(placement.pupil_id, start, today).await?;
    let table = cases::codes()?;
    let (from, until) = (days.calendar().bounds(start).0, days.calendar().bounds(today).1);
    let rests = state.store.rests(placement.placement_id, from, until).await?;
    let rested: BTreeSet<Half> = rests.into_iter().map(|at| half_of(at, days.calendar(), times)).collect();
    let mut on_site = on_site(&marks, table);
    on_site.extend(said::on_site(&state.store.stated_half_days(placement.placement_id, start, today).await?, days.calendar()));
    let facts = GlideFacts { on_site: &on_site, by_robot: &by_robot, rested: &rested };
    let pattern = |number, at_school| row.plan.pattern_in(pack, &[number, at_school]);
    let weeks = glide::glide(first, school, pattern, facts, today);
    let site = match row.plan.receiving() {
        Setting::Known(id) if id.0 == placement.school_id => placement.school_name.clone(),
        Setting::Known(id) => {
            state.store.organisation(id.0).await?.map_or_else(|| "the receiving school".to_owned(), |known| known.name)
        }
        Setting::Called(name) => name.expose().to_owned(),
        Setting::NotNamed => "the receiving school".to_owned(),
    };
    let school_clock = pack.clocks.get(1).filter(|_| school.is_some()).map(|clock| clock.title.clone());
    let marks_of = placement.home_name.clone();
    Ok(Ok(PlanWeeks { clock: clock.title.clone(), school_clock, site, marks_of, weeks, odd }))
}

fn draw(path: &PlanWeeks) -> GlideView {
    let PlanWeeks { clock, school_clock, site, marks_of, weeks, odd } = path;
    let question = ReviewQuestion::of(weeks);
    let here = weeks.iter().find(|week| week.state == WeekState::ThisWeek);
    let about = match here {
        Some(week) => about(clock, school_clock.as_deref(), weeks, week),
        None => format!("{} weeks", weeks.len()),
    };
    GlideView {
        about,
        summary: summary(weeks),
        columns: picture::columns(weeks),
        rows: weeks.iter().map(row).collect(),
        site: format!("On site at {site}"),
        told_by: told_by(marks_of),
        meanings: MEANINGS,
        odd: odd.iter().map(|(day, words)| format!("{}: {words}", view::full_date(*day))).collect(),
        school_clock: school_clock.clone().unwrap_or_default(),
        because: question.because().to_owned(),
        ask: question.ask().to_owned(),
    }
}

/// Whose marks and words half-days on site are from.
pub(super) fn told_by(marks_of: &str) -> String {
    format!("On site, as it was: by the marks of {marks_of}, and by what people say where no mark tells")
}

/// `4`, or `4, 1 of them by people`
pub(super) fn told(week: &GlideWeek) -> String {
    match week.said {
        0 => week.stated.to_string(),
        said => format!("{}, {said} of them by people", week.stated),
    }
}

/// `Provider week 8 of 12, school week 1 of 8`
fn about(clock: &str, school_clock: Option<&str>, weeks: &[GlideWeek], now: &GlideWeek) -> String {
    let last = |number: fn(&GlideWeek) -> Option<u16>| weeks.iter().filter_map(number).max().unwrap_or(0);
    let first = now.number.map(|number| format!("{clock} {number} of {}", last(|week| week.number)));
    let school = now.at_school.zip(school_clock).map(|(number, title)| {
        let title = if first.is_some() { title.to_lowercase() } else { title.to_owned() };
        format!("{title} {number} of {}", last(|week| week.at_school))
    });
    first.into_iter().chain(school).collect::<Vec<_>>().join(", ")
}

fn row(week: &GlideWeek) -> Row {
    let is_begun = week.actual.is_some();
    Row {
        week: format!("{}, {}", view::sentence(&week.name()).trim_end_matches('.'), view::short_date(week.monday)),
        state: match week.state {
            WeekState::Done => "over",
            WeekState::ThisWeek => "this week",
            WeekState::Planned => "to come",
        },
        planned: capital(&words(&week.planned)),
        actual: week.actual.as_ref().map_or_else(|| "–".to_owned(), |actual| capital(&words(actual))),
        minutes: if is_begun { week.by_robot.get().to_string() } else { "–".to_owned() },
        stated: if is_begun { told(week) } else { "–".to_owned() },
    }
}

fn capital(words: &str) -> String {
    view::sentence(words).trim_end_matches('.').to_owned()
}

/// `on site 4, by robot 4, elsewhere 1 (as planned), rest 1`
pub(super) fn words(half_days: &HalfDays) -> String {
    let HalfDays { on_site, by_robot, rest, elsewhere, unsaid, not_known } = half_days;
    let parts = [
        ("on site", on_site, ""),
        ("by robot", by_robot, ""),
        ("elsewhere", elsewhere, ""),
        ("elsewhere", &unsaid.elsewhere, AS_PLANNED),
        ("rest", rest, ""),
        ("rest", &unsaid.rest, AS_PLANNED),
        ("not known", not_known, ""),
    ];
    let said: Vec<_> = (parts.into_iter().filter(|(_, count, _)| **count > 0))
        .map(|(words, count, mark)| format!("{words} {count}{mark}"))
        .collect();
    if said.is_empty() { "no school".to_owned() } else { said.join(", ") }
}

/// What the plan has; what was is in the table, with what nobody has said.
fn summary(weeks: &[GlideWeek]) -> String {
    match (weeks.first(), weeks.last()) {
        (Some(first), Some(last)) => format!(
            "The plan goes from {} half-days on site in week {} to {} in week {}. The table gives every figure.",
            first.planned.on_site,
            first.short_name(),
            last.planned.on_site,
            last.short_name()
        ),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests;
