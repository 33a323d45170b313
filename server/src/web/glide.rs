//! The glide path: week by week from away to on site, as planned and as it was; the same as a table; and a question for the review.
//!
//! Half-days on site are what the school's imported marks say; half-days and minutes by robot are the engagement ledger's; rest is what
//! the pupil said. They stand side by side, and the page ends in a question by type, never in a verdict
//! (see `server_core::glide`).

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Html;
use chrono::{DateTime, Days, Timelike, Utc};
use server_core::access::Action;
use server_core::continuity::continuity;
use server_core::glide::{self, GlideFacts, GlideWeek, Half, HalfDays, ReviewQuestion, WeekState, robot_halves};
use server_core::register::{HalfDay, on_site};
use store::placements::PlacementRow;
use uuid::Uuid;

use super::{Frame, page, plan, view};
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::{self, Scope};
use crate::{AppState, cases, lessons};

/// Where the axis lies, and how far up ten half-days reach.
const FLOOR: f64 = 234.0;
const UNIT: f64 = 18.8;
/// Left and right end of the plot.
const LEFT: f64 = 50.0;
const RIGHT: f64 = 748.0;
/// From this hour on, where the school is, a lesson belongs to the afternoon, as in `server_core::glide`.
const NOON: u32 = 12;
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
    /// Meetings with each teacher, lately.
    met: Vec<MetView>,
}

struct MetView {
    who: String,
    met: String,
    last: String,
}

/// What the picture and its table are drawn from.
pub struct GlideView {
    /// The clock and where it stands.
    pub(super) about: String,
    pub(super) summary: String,
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Row>,
    pub(super) site: String,
    /// The facts behind the question.
    pub(super) because: String,
    /// The question for the review.
    pub(super) ask: String,
}

pub(super) struct Column {
    pub(super) mid_x: String,
    pub(super) band_x: String,
    pub(super) band_width: String,
    pub(super) is_now: bool,
    pub(super) segments: Vec<Segment>,
    pub(super) number: u16,
    pub(super) day: String,
}

pub(super) struct Segment {
    pub(super) class: &'static str,
    pub(super) x: String,
    pub(super) y: String,
    pub(super) width: String,
    pub(super) height: String,
    pub(super) label: Option<(String, u16)>,
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
    let now = state.clock.now().utc;
    state.store.append_audit(plan::audit(&caller, pupil, "read plan"), now).await?;
    let drawn = of(&state, &scope, &placement, now).await?;
    let (glide, waits) = match drawn {
        Ok(glide) => (Some(glide), String::new()),
        Err(waits) => (None, waits),
    };
    page(&GlidePage {
        frame: Frame::of(&caller, &scope, format!("Glide path of {}", placement.pupil_name), "/pupils", now),
        pupil_id: pupil,
        pupil_name: placement.pupil_name.clone(),
        glide,
        waits,
        met: met(&state, &placement, now).await?,
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
    let weeks = weeks_of(state, scope, placement, now).await?;
    Ok(weeks.map(|(clock, weeks)| draw(&clock, &weeks, &placement.school_name)))
}

/// The same as numbers: what the weeks are called, and the weeks.
///
/// # Errors
/// The database does not answer, or holds what this program cannot read.
pub async fn weeks_of(
    state: &AppState,
    scope: &Scope,
    placement: &PlacementRow,
    now: DateTime<Utc>,
) -> Result<Result<(String, Vec<GlideWeek>), String>, ApiError> {
    let Some(row) = state.store.plans_of(placement.placement_id).await?.into_iter().next() else {
        return Ok(Err("There is no plan yet, so there is no path.".to_owned()));
    };
    let pack = cases::pack_of(&row.plan)?;
    let Some(clock) = pack.clocks.first() else {
        return Ok(Err("This policy counts no weeks.".to_owned()));
    };
    let facts =
        cases::facts(&state.store, pack, &row.plan, placement.placement_id, scope.parent_of(placement.school_id)).await?;
    let Some(start) = facts.events.get(&clock.starts).copied() else {
        return Ok(Err(format!(
            "The weeks are counted from this day: {}. Say it on the page of what is due.",
            clock.starts.words()
        )));
    };
    let schools = cases::Schools::of(&state.store, placement).await?;
    let days = schools.calendars().of(clock.calendar);
    let today = days.calendar().day(now);
    let account = lessons::school_days(&state.store, placement, (start.min(today), today), state.clock.now().utc).await?;
    let by_robot: Vec<_> = account.iter().flat_map(|day| robot_halves(&day.account, days.calendar())).collect();
    let marks = state.store.imported_marks(placement.pupil_id, start, today).await?;
    let table = cases::codes()?;
    let (from, until) = (days.calendar().bounds(start).0, days.calendar().bounds(today).1);
    let rests = state.store.rests(placement.placement_id, from, until).await?;
    let rested: BTreeSet<Half> = rests
        .into_iter()
        .map(|at| {
            let local = days.calendar().local(at);
            (local.date(), if local.hour() < NOON { HalfDay::Am } else { HalfDay::Pm })
        })
        .collect();
    let on_site = on_site(&marks, table);
    let facts = GlideFacts { on_site: &on_site, by_robot: &by_robot, rested: &rested };
    let weeks = glide::glide(start, clock.weeks, days, |week| row.plan.week(week), facts, today);
    Ok(Ok((clock.title.clone(), weeks)))
}

fn draw(clock: &str, weeks: &[GlideWeek], school: &str) -> GlideView {
    let count = u32::try_from(weeks.len().max(1)).unwrap_or(1);
    let pitch = (RIGHT - LEFT) / f64::from(count);
    let question = ReviewQuestion::of(weeks);
    let here = weeks.iter().find(|week| week.state == WeekState::ThisWeek);
    let about = match here {
        Some(week) => format!("{clock} {} of {}", week.number, weeks.len()),
        None => format!("{} weeks", weeks.len()),
    };
    let column = |(index, week): (usize, &GlideWeek)| {
        let left = LEFT + pitch * f64::from(u32::try_from(index).unwrap_or(0));
        Column {
            mid_x: px(left + pitch / 2.0),
            band_x: px(left + 1.0),
            band_width: px(pitch - 2.0),
            is_now: week.state == WeekState::ThisWeek,
            segments: segments(week, left, pitch),
            number: week.number,
            day: view::short_date(week.monday),
        }
    };
    GlideView {
        about,
        summary: summary(weeks),
        columns: weeks.iter().enumerate().map(column).collect(),
        rows: weeks.iter().map(row).collect(),
        site: format!("On site at {school}"),
        because: question.because().to_owned(),
        ask: question.ask().to_owned(),
    }
}

/// A week that has begun shows what was, with its plan as a slim outline beside it; another one shows its plan alone.
fn segments(week: &GlideWeek, left: f64, pitch: f64) -> Vec<Segment> {
    let wide = (pitch * 0.8).min(48.0);
    let from = left + (pitch - wide) / 2.0;
    match &week.actual {
        None => stack(&week.planned, from, wide, false),
        Some(actual) => {
            let slim = wide * 0.22;
            let mut all = stack(&week.planned, from, slim, true);
            all.extend(stack(actual, from + slim + 2.0, wide - slim - 2.0, false));
            all
        }
    }
}

fn stack(half_days: &HalfDays, x: f64, width: f64, is_outline: bool) -> Vec<Segment> {
    let parts = [
        (half_days.on_site, if is_outline { "g-plan-site" } else { "k-site" }),
        (half_days.by_robot, if is_outline { "g-plan-robot" } else { "g-robot" }),
        (half_days.elsewhere, if is_outline { "g-plan-other" } else { "g-other" }),
        (half_days.rest, "g-rest"),
    ];
    let mut top = FLOOR;
    let mut all = Vec::new();
    for (count, class) in parts.into_iter().filter(|(count, _)| *count > 0) {
        let height = UNIT * f64::from(count);
        top -= height;
        let label = (class == "k-site").then(|| (px(top + height / 2.0 + 5.0), count));
        all.push(Segment { class, x: px(x), y: px(top + 1.0), width: px(width), height: px(height - 2.0), label });
    }
    all
}

fn row(week: &GlideWeek) -> Row {
    let is_begun = week.actual.is_some();
    Row {
        week: format!("{}, {}", week.number, view::short_date(week.monday)),
        state: match week.state {
            WeekState::Done => "over",
            WeekState::ThisWeek => "this week",
            WeekState::Planned => "to come",
        },
        planned: words(&week.planned),
        actual: week.actual.as_ref().map_or_else(|| "–".to_owned(), words),
        minutes: if is_begun { week.by_robot.get().to_string() } else { "–".to_owned() },
        stated: if is_begun { week.stated.to_string() } else { "–".to_owned() },
    }
}

/// `On site 4, by robot 4, elsewhere 1, rest 1`
fn words(half_days: &HalfDays) -> String {
    let parts = [
        ("on site", half_days.on_site),
        ("by robot", half_days.by_robot),
        ("elsewhere", half_days.elsewhere),
        ("rest", half_days.rest),
        ("not known", half_days.not_known),
    ];
    let said: Vec<_> =
        parts.into_iter().filter(|(_, count)| *count > 0).map(|(words, count)| format!("{words} {count}")).collect();
    if said.is_empty() { "no school".to_owned() } else { view::sentence(&said.join(", ")).trim_end_matches('.').to_owned() }
}

fn summary(weeks: &[GlideWeek]) -> String {
    let shown = |week: &GlideWeek| week.actual.unwrap_or(week.planned).on_site;
    match (weeks.first(), weeks.last()) {
        (Some(first), Some(last)) => format!(
            "Half-days on site go from {} in week {} to {} in week {}. The table gives every figure.",
            shown(first),
            first.number,
            shown(last),
            last.number
        ),
        _ => String::new(),
    }
}

/// A coordinate with one decimal.
fn px(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use protocol::Minutes;

    use super::*;

    fn week(number: u16, state: WeekState, planned: [u16; 4], actual: Option<[u16; 4]>) -> GlideWeek {
        let half_days = |[on_site, by_robot, elsewhere, rest]: [u16; 4]| HalfDays {
            on_site,
            by_robot,
            elsewhere,
            rest,
            not_known: 10 - on_site - by_robot - elsewhere - rest,
        };
        GlideWeek {
            number,
            monday: NaiveDate::from_ymd_opt(2026, 11, 2).unwrap() + chrono::Days::new(u64::from(number) * 7),
            state,
            planned: half_days(planned),
            actual: actual.map(half_days),
            by_robot: Minutes::floor_of_seconds(7_260),
            stated: 2,
        }
    }

    #[test]
    fn a_week_that_has_begun_shows_what_was_beside_its_plan_and_one_to_come_its_plan_alone() {
        let weeks =
            [week(1, WeekState::ThisWeek, [0, 6, 2, 2], Some([2, 3, 2, 0])), week(2, WeekState::Planned, [4, 4, 1, 1], None)];
        let view = draw("Provider week", &weeks, "Alder Road School");
        assert_eq!(view.about, "Provider week 1 of 2");
        let classes = |column: &Column| column.segments.iter().map(|one| one.class).collect::<Vec<_>>();
        assert_eq!(classes(&view.columns[0]), ["g-plan-robot", "g-plan-other", "g-rest", "k-site", "g-robot", "g-other"]);
        assert_eq!(classes(&view.columns[1]), ["k-site", "g-robot", "g-other", "g-rest"]);
        assert_eq!(view.columns[1].segments[0].label.as_ref().map(|(_, count)| *count), Some(4));
        let heights: f64 = view.columns[1].segments.iter().map(|one| one.height.parse::<f64>().unwrap() + 2.0).sum();
        assert!((heights - 10.0 * UNIT).abs() < 0.2, "ten half-days fill the plot: {heights}");
        assert_eq!(view.rows[0].actual, "On site 2, by robot 3, elsewhere 2, not known 3");
        assert_eq!((view.rows[0].minutes.as_str(), view.rows[1].actual.as_str()), ("121", "–"));
        assert!(view.ask.ends_with('?'));
    }
}
