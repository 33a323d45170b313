//! The glide path: week by week from away to on site, as planned and as it was; the same as a table; and a question for the review.
//!
//! Half-days on site are what the school's imported marks say, and what people say where no mark does ([`said`]); half-days and minutes
//! by robot are the engagement ledger's; rest is what the pupil said. They stand side by side, and the page ends in a question by type, never in a verdict
//! (see `server_core::glide`).

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Html;
use chrono::{DateTime, Days, NaiveDate, Timelike, Utc};
use server_core::access::Action;
use server_core::calendar::monday_of;
use server_core::continuity::continuity;
use server_core::glide::{self, GlideFacts, GlideWeek, Half, HalfDays, ReviewQuestion, WeekState, robot_halves};
use server_core::plan::Setting;
use server_core::register::{HalfDay, on_site};
use store::placements::PlacementRow;
use uuid::Uuid;

use super::plan::Sent;
use super::{Frame, page, plan, record, view};
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::{self, Scope};
use crate::lessons::SchoolDay;
use crate::{AppState, cases, lessons};

pub mod said;

/// Where the axis lies, and how far up ten half-days reach.
const FLOOR: f64 = 234.0;
const UNIT: f64 = 18.8;
/// Left and right end of the plot.
const LEFT: f64 = 50.0;
const RIGHT: f64 = 748.0;
/// From this hour on, where the school is, a lesson belongs to the afternoon, as in `server_core::glide`.
const NOON: u32 = 12;
/// Columns that have room for their day.
const MOST_LABELS: usize = 14;
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
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Row>,
    pub(super) site: String,
    /// Whose marks and words half-days on site are from.
    pub(super) told_by: String,
    /// What the second row of numbers counts; empty: there is none.
    pub(super) school_clock: String,
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
    /// Of the first clock, and of the school's.
    pub(super) number: String,
    pub(super) at_school: String,
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
    state.store.append_audit(plan::audit(&caller, pupil, "read plan"), state.clock.now().utc).await?;
    draw_page(&state, &caller, &scope, &placement, &Sent::new(), String::new()).await
}

async fn draw_page(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    placement: &PlacementRow,
    sent: &Sent,
    wrong: String,
) -> Result<Html<String>, ApiError> {
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
        wrong,
        said: said::view(state, caller, scope, placement, sent).await?,
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
    let facts =
        cases::facts(&state.store, pack, &row.plan, placement.placement_id, scope.parent_of(placement.school_id)).await?;
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
    let words = |day: &SchoolDay| (day.day, record::odd_words(day, placement, zone).join(" "));
    let odd = account.iter().map(words).filter(|(_, words)| !words.is_empty()).collect();
    let counted = account.iter().filter(|day| day.day >= start);
    let by_robot: Vec<_> = counted.flat_map(|day| robot_halves(&day.account, days.calendar())).collect();
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
    let PlanWeeks { clock, school_clock, site, marks_of, weeks, .. } = path;
    let count = u32::try_from(weeks.len().max(1)).unwrap_or(1);
    let pitch = (RIGHT - LEFT) / f64::from(count);
    let question = ReviewQuestion::of(weeks);
    let here = weeks.iter().find(|week| week.state == WeekState::ThisWeek);
    let about = match here {
        Some(week) => about(clock, school_clock.as_deref(), weeks, week),
        None => format!("{} weeks", weeks.len()),
    };
    // Where many weeks stand close together, some have their day.
    let every = weeks.len().div_ceil(MOST_LABELS).max(1);
    let column = |(index, week): (usize, &GlideWeek)| {
        let left = LEFT + pitch * f64::from(u32::try_from(index).unwrap_or(0));
        Column {
            mid_x: px(left + pitch / 2.0),
            band_x: px(left + 1.0),
            band_width: px(pitch - 2.0),
            is_now: week.state == WeekState::ThisWeek,
            segments: segments(week, left, pitch),
            number: week.number.map_or_else(String::new, |number| number.to_string()),
            at_school: week.at_school.map_or_else(String::new, |number| format!("S{number}")),
            day: if index % every == 0 { view::short_date(week.monday) } else { String::new() },
        }
    };
    GlideView {
        about,
        summary: summary(weeks),
        columns: weeks.iter().enumerate().map(column).collect(),
        rows: weeks.iter().map(row).collect(),
        site: format!("On site at {site}"),
        told_by: told_by(marks_of),
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
        week: format!("{}, {}", view::sentence(&week.name()).trim_end_matches('.'), view::short_date(week.monday)),
        state: match week.state {
            WeekState::Done => "over",
            WeekState::ThisWeek => "this week",
            WeekState::Planned => "to come",
        },
        planned: words(&week.planned),
        actual: week.actual.as_ref().map_or_else(|| "–".to_owned(), words),
        minutes: if is_begun { week.by_robot.get().to_string() } else { "–".to_owned() },
        stated: if is_begun { told(week) } else { "–".to_owned() },
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
            first.short_name(),
            shown(last),
            last.short_name()
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
            number: Some(number),
            at_school: (number > 1).then(|| number - 1),
            monday: NaiveDate::from_ymd_opt(2026, 11, 2).unwrap() + chrono::Days::new(u64::from(number) * 7),
            state,
            pattern: None,
            planned: half_days(planned),
            actual: actual.map(half_days),
            by_robot: Minutes::floor_of_seconds(7_260),
            stated: 2,
            said: u16::from(number == 1),
        }
    }

    #[test]
    fn a_week_that_has_begun_shows_what_was_beside_its_plan_and_one_to_come_its_plan_alone() {
        let weeks =
            [week(1, WeekState::ThisWeek, [0, 6, 2, 2], Some([2, 3, 2, 0])), week(2, WeekState::Planned, [4, 4, 1, 1], None)];
        let path = PlanWeeks {
            clock: "Provider week".to_owned(),
            school_clock: Some("School week".to_owned()),
            site: "Alder Road School".to_owned(),
            marks_of: "Marsh Lane Academy".to_owned(),
            weeks: weeks.to_vec(),
            odd: Vec::new(),
        };
        let view = draw(&path);
        assert_eq!(view.about, "Provider week 1 of 2");
        let weeks = &path.weeks;
        assert_eq!(about("Provider week", Some("School week"), weeks, &weeks[1]), "Provider week 2 of 2, school week 1 of 1");
        assert_eq!((view.columns[1].at_school.as_str(), view.rows[1].week.as_str()), ("S1", "2 (school week 1), 16 Nov"));
        let classes = |column: &Column| column.segments.iter().map(|one| one.class).collect::<Vec<_>>();
        assert_eq!(classes(&view.columns[0]), ["g-plan-robot", "g-plan-other", "g-rest", "k-site", "g-robot", "g-other"]);
        assert_eq!(classes(&view.columns[1]), ["k-site", "g-robot", "g-other", "g-rest"]);
        assert_eq!(view.columns[1].segments[0].label.as_ref().map(|(_, count)| *count), Some(4));
        let heights: f64 = view.columns[1].segments.iter().map(|one| one.height.parse::<f64>().unwrap() + 2.0).sum();
        assert!((heights - 10.0 * UNIT).abs() < 0.2, "ten half-days fill the plot: {heights}");
        assert_eq!(view.rows[0].actual, "On site 2, by robot 3, elsewhere 2, not known 3");
        assert_eq!((view.rows[0].minutes.as_str(), view.rows[1].actual.as_str()), ("121", "–"));
        assert_eq!((view.rows[0].stated.as_str(), view.rows[1].stated.as_str()), ("2, 1 of them by people", "–"));
        assert!(view.told_by.contains("the marks of Marsh Lane Academy"));
        assert!(view.ask.ends_with('?'));
    }
}
