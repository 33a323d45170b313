//! A pupil's record: today's lessons with expected and attended minutes, live; two weeks as a chart; the plan; what is due.
//!
//! Two ledgers. Minutes come from `server_core::attendance` alone. The register is read only, comes from the school's import, and
//! stands apart: no function here takes one and gives the other. Every read is put in the audit log first.

use askama::Template;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{Html, Response};
use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Utc, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use server_core::access::Action;
use server_core::attendance::{Anomaly, AttendanceMinutes, Length};
use server_core::register::{HalfDay, ImportedMark};
use server_core::timetable::Lesson;
use store::audit::{Actor, NewAudit, Subject};
use store::placements::{PlacementRow, PlanStageRow};
use uuid::Uuid;

use super::account::{self, School};
use super::correction::{self, Line};
use super::glide::{self, GlideView};
use super::view::{self, Chip, Told};
use super::weeks::{self, Weeks};
use super::{Frame, earlier, live as streams, page};
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope;
use crate::lessons::SchoolDay;
use crate::{AppState, Change};

mod standing;

/// The register is shown for so many days back.
const REGISTER_DAYS: u64 = 9;
/// A lesson that starts within this time is counted down.
const COUNT_DOWN: TimeDelta = TimeDelta::minutes(60);

#[derive(Template)]
#[template(path = "staff/record.html")]
struct RecordPage {
    frame: Frame,
    pupil_id: Uuid,
    pupil_name: String,
    about: String,
    may_keep: bool,
    has_earlier: bool,
    may_pair: bool,
    may_correct: bool,
    stages: Vec<StageView>,
    today: TodayView,
    weeks: Weeks,
    glide: Option<GlideView>,
    due: Vec<Due>,
    register: Register,
}

#[derive(Template)]
#[template(path = "staff/record_today.html")]
struct TodayPart {
    today: TodayView,
}

#[derive(Template)]
#[template(path = "staff/record_weeks.html")]
struct WeeksPart {
    weeks: Weeks,
}

struct StageView {
    number: i64,
    class: &'static str,
    text: String,
}

struct TodayView {
    lessons: Vec<LessonView>,
    none: String,
    social: String,
    anomalies: Vec<String>,
    corrections: Vec<Line>,
    as_of: String,
}

struct LessonView {
    title: String,
    expected: String,
    minutes: String,
    detail: String,
    corrected: String,
    is_odd: bool,
    happened: Told,
}

struct Due {
    title: String,
    by: String,
    chip: Chip,
    /// How it is counted, if a policy counts it.
    sum: String,
}

struct Register {
    school: String,
    imported: String,
    days: Vec<RegisterDay>,
}

struct RegisterDay {
    day: String,
    am: String,
    pm: String,
}

/// What `GET /api/pupils/{pupil}/attendance` answers.
#[derive(Serialize)]
pub struct AttendanceJson {
    ledger: &'static str,
    day: NaiveDate,
    lessons: Vec<LessonJson>,
    social_min: u32,
    /// What looks wrong about the day, in words.
    odd: Vec<String>,
}

#[derive(Serialize)]
struct LessonJson {
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    subject: String,
    room: String,
    expected_min: u32,
    attended_min: u32,
    /// How long a person said it was; absent unless somebody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    corrected_min: Option<u32>,
    video_min: u32,
    stills_min: u32,
    audio_min: u32,
    active: ActiveJson,
    /// What looks wrong about this lesson, in words; also in those of the day.
    odd: Vec<String>,
}

/// What the pupil did in a lesson.
#[derive(Serialize)]
struct ActiveJson {
    /// Whole seconds in which the microphone sent sound.
    spoke_s: u64,
    hands: u32,
    looks: u32,
    feelings: u32,
}

/// Which day is asked for; none: today.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    day: Option<String>,
}

/// `GET /pupils/{pupil}`
pub async fn show(State(state): State<AppState>, caller: Caller, Path(pupil): Path<Uuid>) -> Result<Html<String>, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::ReadRecord).await?;
    note_read(&state, &caller, pupil).await?;
    let now = state.clock.now().utc;
    let school = School::of(&state, &placement).await?;
    let today = school.calendar.day(now);
    let (stages, due) = match standing::of(&state, &scope, &placement, now).await? {
        Some(standing) => standing,
        None => {
            let stages = state.store.plan_stages(placement.placement_id).await?;
            (stage_views(&stages), due(&stages, &school, today))
        }
    };
    let from = today.checked_sub_days(Days::new(REGISTER_DAYS)).unwrap_or(today);
    let marks = state.store.imported_marks(pupil, from, today).await?;
    page(&RecordPage {
        frame: Frame::of(&caller, &scope, placement.pupil_name.clone(), "/pupils", now),
        pupil_id: pupil,
        pupil_name: placement.pupil_name.clone(),
        about: about(&placement),
        may_keep: scope.may_pupil(Action::KeepCase, &placement),
        has_earlier: earlier::is_any(&state, &scope, &caller, pupil).await?,
        may_pair: scope.may_pupil(Action::PairTablet, &placement),
        may_correct: scope.may_pupil(Action::CorrectMinutes, &placement),
        due,
        stages,
        glide: glide::of(&state, &scope, &placement, now).await?.ok(),
        today: today_view(&state, &placement, &school, now).await?,
        weeks: weeks::two_weeks(&state, &placement, &school, now).await?,
        register: register(&placement, &marks, now, scope.zone(placement.school_id)),
    })
}

/// `GET /pupils/{pupil}/live`
pub async fn live(State(state): State<AppState>, caller: Caller, Path(pupil): Path<Uuid>) -> Result<Response, ApiError> {
    scope::pupil(&state, &caller, pupil, Action::ReadRecord).await?;
    note_read(&state, &caller, pupil).await?;
    let concerns = move |change: &Change| *change == Change::Pupil(pupil);
    streams::stream(state, caller, concerns, move |state, caller| async move {
        let (placement, _) = scope::pupil(&state, &caller, pupil, Action::ReadRecord).await?;
        let now = state.clock.now().utc;
        let school = School::of(&state, &placement).await?;
        let today = today_view(&state, &placement, &school, now).await?;
        let weeks = weeks::two_weeks(&state, &placement, &school, now).await?;
        Ok(vec![("today", TodayPart { today }.render()?), ("weeks", WeeksPart { weeks }.render()?)])
    })
}

/// `GET /api/pupils/{pupil}/attendance`: today, or `?day=2026-11-24`, in the school's time.
pub async fn json(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Query(asked): Query<Asked>,
) -> Result<Json<AttendanceJson>, ApiError> {
    let (placement, _) = scope::pupil(&state, &caller, pupil, Action::ReadRecord).await?;
    let asked = asked.day.as_deref().map(day_of).transpose()?;
    note_read(&state, &caller, pupil).await?;
    let school = School::of(&state, &placement).await?;
    let day = asked.unwrap_or_else(|| school.calendar.day(state.clock.now().utc));
    let read = account::day(&state, &placement, day).await?;
    let odd = odd_words(&read, &placement, school.zone);
    let SchoolDay { lessons, account, .. } = read;
    let min = |length: Length| length.minutes().get();
    let words = |anomaly: &Anomaly| anomaly_words(anomaly, &lessons, &placement, school.zone);
    let rows = lessons.iter().zip(&account.lessons).map(|(lesson, counted)| LessonJson {
        start: lesson.start,
        end: lesson.end,
        subject: lesson.about.subject.clone(),
        room: lesson.about.room_name.clone(),
        expected_min: min(counted.expected),
        attended_min: min(counted.connected),
        corrected_min: counted.corrected.map(|corrected| min(corrected.length)),
        video_min: min(counted.video),
        stills_min: min(counted.stills),
        audio_min: min(counted.audio),
        active: ActiveJson {
            spoke_s: counted.active.spoke_ms / 1_000,
            hands: counted.active.hands,
            looks: counted.active.looks,
            feelings: counted.active.feelings,
        },
        odd: counted.anomalies.iter().map(words).collect(),
    });
    Ok(Json(AttendanceJson {
        ledger: "Engagement record, not the register",
        day,
        lessons: rows.collect(),
        social_min: min(account.social),
        odd,
    }))
}

/// A day as programs write it: no sign, and a year of four digits, as databases keep it.
fn day_of(text: &str) -> Result<NaiveDate, ApiError> {
    let is_plain = text.len() == 10 && text.starts_with(|first: char| first.is_ascii_digit());
    let day = is_plain.then(|| text.parse().ok()).flatten();
    day.ok_or(ApiError::BadRequest("Write the day as year, month and day, for example 2026-11-24, or leave it out for today."))
}

async fn note_read(state: &AppState, caller: &Caller, pupil: Uuid) -> Result<(), ApiError> {
    let entry = NewAudit {
        actor: Actor::Staff(caller.staff_id()),
        action: "read record",
        subject: Subject::Pupil(pupil),
        detail: None,
    };
    Ok(state.store.append_audit(entry, state.clock.now().utc).await?)
}

fn about(placement: &PlacementRow) -> String {
    let with = placement.provider_name.as_ref().map_or_else(String::new, |name| format!(", with {name}"));
    let until = view::full_date(placement.until_day);
    let loan = match &placement.robot_name {
        Some(robot) => format!("{robot} is on loan until {until}."),
        None => format!("No robot yet. The placement lasts until {until}."),
    };
    format!("Year {}. {}{with}. {loan}", placement.year_group, placement.school_name)
}

async fn today_view(
    state: &AppState,
    placement: &PlacementRow,
    school: &School,
    now: DateTime<Utc>,
) -> Result<TodayView, ApiError> {
    let day = school.calendar.day(now);
    let (from, until) = school.calendar.bounds(day);
    let read = account::day(state, placement, day).await?;
    let corrections = correction::lines(&read, now, school.zone);
    let anomalies = odd_words(&read, placement, school.zone);
    let SchoolDay { lessons, account, .. } = read;
    let rests = state.store.rests(placement.placement_id, from, until).await?;
    let is_live = account::is_live(state, placement, now).await?;
    let rows = lessons.iter().zip(&account.lessons).map(|(lesson, counted)| {
        let rested = rests.contains(&lesson.start);
        lesson_view(lesson, counted, &Moment { now, zone: school.zone, is_live, rested })
    });
    Ok(TodayView {
        lessons: rows.collect(),
        none: school
            .closure(day)
            .map_or_else(|| "No lessons today.".to_owned(), |reason| format!("No lessons today: {reason}.")),
        social: match account.social_corrected {
            Some(corrected) => format!(
                "{} measured, {} after a correction",
                view::minutes(i64::from(account.social.minutes().get())),
                view::minutes(i64::from(corrected.length.minutes().get()))
            ),
            None => view::minutes(i64::from(account.social.minutes().get())),
        },
        anomalies,
        corrections,
        as_of: view::clock(now, school.zone),
    })
}

struct Moment {
    now: DateTime<Utc>,
    zone: Tz,
    is_live: bool,
    rested: bool,
}

fn lesson_view(lesson: &Lesson, counted: &AttendanceMinutes, at: &Moment) -> LessonView {
    let min = |length: Length| length.minutes().get();
    let is_expected = counted.expected > Length::default();
    let attended = min(counted.connected);
    let was_here = counted.connected > Length::default();
    let room = if lesson.about.robot_stays_out { String::new() } else { format!(", {}", lesson.about.room_name) };
    let (minutes, detail) = match () {
        () if lesson.about.robot_stays_out && !was_here => (String::new(), "–".to_owned()),
        () if at.now < lesson.start => (String::new(), if is_expected { "to come" } else { "–" }.to_owned()),
        () if lesson.is_at(at.now) => (format!("{attended} min"), " so far".to_owned()),
        () if was_here => (format!("{attended} min"), tiers(counted)),
        () if is_expected => ("0 min".to_owned(), String::new()),
        () => (String::new(), "–".to_owned()),
    };
    LessonView {
        title: format!("{} {}{room}", view::clock(lesson.start, at.zone), lesson.about.subject),
        expected: if is_expected { format!("{} min", min(counted.expected)) } else { "Not expected".to_owned() },
        minutes,
        detail,
        corrected: counted.corrected.map_or_else(String::new, |corrected| {
            format!("Corrected: {}", view::minutes(i64::from(corrected.length.minutes().get())))
        }),
        is_odd: !counted.anomalies.is_empty(),
        happened: happened(lesson, counted, at, is_expected, was_here),
    }
}

fn happened(lesson: &Lesson, counted: &AttendanceMinutes, at: &Moment, is_expected: bool, was_here: bool) -> Told {
    if lesson.about.robot_stays_out && !was_here {
        return Chip::new("", "board", "Robot stays out").into();
    }
    if at.rested && !was_here {
        return Chip::new("rest", "moon", "Rested").into();
    }
    if at.now < lesson.start {
        let wait = lesson.start - at.now;
        return match is_expected {
            true if wait <= COUNT_DOWN => {
                Chip::new("line", "clock", format!("Starts in {}", view::minutes((wait.num_seconds() + 59) / 60))).into()
            }
            true => Told::quiet("Later today"),
            false => Told::quiet("Joins if well enough"),
        };
    }
    if lesson.is_at(at.now) && at.is_live {
        return Chip::new("live", "dot", "In class now").into();
    }
    if was_here {
        let did = did(counted);
        let words = if did.is_empty() { "Listened".to_owned() } else { format!("Took part: {did}") };
        return Chip::new("live wrap", "check", words).into();
    }
    match (lesson.is_at(at.now), is_expected) {
        (true, _) => Told::quiet("Not in class at the moment"),
        (false, true) => Told::quiet("Not known. Ask the school."),
        (false, false) => Told::quiet(""),
    }
}

/// How the lesson reached the pupil: what of it was less than a moving picture, each in whole minutes.
fn tiers(counted: &AttendanceMinutes) -> String {
    match (counted.stills.minutes().get(), counted.audio.minutes().get()) {
        (0, 0) => ", all with picture".to_owned(),
        (0, sound_only) => format!(", {sound_only} of it sound only"),
        (stills, 0) => format!(", {stills} of it still pictures"),
        (stills, sound_only) => format!(", {stills} of it still pictures, {sound_only} sound only"),
    }
}

fn did(counted: &AttendanceMinutes) -> String {
    let active = &counted.active;
    let all = [
        (active.spoke_ms > 0, "spoke"),
        (active.hands > 0, "hand up"),
        (active.looks > 0, "looked around"),
        (active.feelings > 0, "showed a feeling"),
    ];
    all.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect::<Vec<_>>().join(", ")
}

/// The days that look wrong, each with what looks wrong about it.
#[must_use]
pub fn odd_days(days: &[SchoolDay], placement: &PlacementRow, zone: Tz) -> Vec<(NaiveDate, String)> {
    let words = |day: &SchoolDay| (day.day, odd_words(day, placement, zone).join(" "));
    days.iter().map(words).filter(|(_, words)| !words.is_empty()).collect()
}

/// What looks wrong about a day, in words.
#[must_use]
pub fn odd_words(day: &SchoolDay, placement: &PlacementRow, zone: Tz) -> Vec<String> {
    day.account.anomalies.iter().map(|anomaly| anomaly_words(anomaly, &day.lessons, placement, zone)).collect()
}

fn anomaly_words(anomaly: &Anomaly, lessons: &[Lesson], placement: &PlacementRow, zone: Tz) -> String {
    let subject = |slot: &Uuid| {
        lessons.iter().find(|lesson| lesson.slot == *slot).map_or("a lesson", |lesson| lesson.about.subject.as_str())
    };
    match anomaly {
        Anomaly::ClockSkew { offset_ms, .. } => {
            format!("The bridge’s clock was off by {} seconds. The minutes here are corrected.", offset_ms.abs() / 1000)
        }
        Anomaly::ClockStepped { .. } => {
            "The bridge’s clock was set during a visit. The length comes from its steady clock.".to_owned()
        }
        Anomaly::Recovered { .. } => {
            "The bridge was stopped in the middle of a visit and found it again. Up to 5 seconds of it may be missing."
                .to_owned()
        }
        Anomaly::IntervalMissing { .. } => {
            "Part of a visit has not arrived yet. The bridge sends it again, and the minutes follow.".to_owned()
        }
        Anomaly::NeverEnded { until, .. } => format!(
            "The bridge fell silent at {} in the middle of a visit. If more of it was counted, it arrives when the bridge is back.",
            view::clock(*until, zone)
        ),
        Anomaly::VisitIncomplete { missing_ms, .. } if *missing_ms > 0 => {
            format!("The bridge counted {} seconds more of a visit than have arrived here.", (missing_ms + 999) / 1000)
        }
        Anomaly::VisitIncomplete { .. } => "The bridge’s own count of a visit differs from what arrived here.".to_owned(),
        Anomaly::CorrectionOfNoLesson { .. } => {
            "A correction was made for a lesson that is not in the timetable. It is kept, and counts for nothing.".to_owned()
        }
        Anomaly::RobotWasIn { slot } => {
            let robot = placement.robot_name.as_deref().unwrap_or("A robot");
            format!("{robot} was live in {}, where the robot stays out.", subject(slot))
        }
        Anomaly::LessonsOverlap { slot } => {
            format!("Two lessons overlap in the timetable. {} counts from the end of the one before.", subject(slot))
        }
    }
}

fn stage_views(stages: &[PlanStageRow]) -> Vec<StageView> {
    let here = stages.iter().find(|stage| stage.done_day.is_none()).map(|stage| stage.stage);
    let view = |stage: &PlanStageRow| {
        let (class, text) = match (stage.done_day, stage.due_day) {
            (Some(done), _) => ("done", format!("{}, done {}", stage.title, view::short_date(done))),
            (None, Some(due)) => ("", format!("{}, by {}", stage.title, view::short_date(due))),
            (None, None) => ("", stage.title.clone()),
        };
        StageView { number: stage.stage, class: if here == Some(stage.stage) { "here" } else { class }, text }
    };
    stages.iter().map(view).collect()
}

fn due(stages: &[PlanStageRow], school: &School, today: NaiveDate) -> Vec<Due> {
    let open =
        stages.iter().filter(|stage| stage.done_day.is_none()).filter_map(|stage| Some((stage.due_day?, stage.title.clone())));
    open.map(|(day, title)| {
        let chip = match school_days(school, today, day) {
            _ if day < today => Chip::new("look", "clock", "Was due"),
            0 => Chip::new("look", "clock", "Today"),
            1 => Chip::new("look", "clock", "1 school day"),
            n @ 2..=3 => Chip::new("look", "clock", format!("{n} school days")),
            n => Chip::new("line", "cal", format!("{n} school days")),
        };
        Due { title, by: format!("By {}", day.format("%A %-d %B")), chip, sum: String::new() }
    })
    .collect()
}

/// School days after `from` up to and including `until`: Monday to Friday without closures. At most a year is counted.
fn school_days(school: &School, from: NaiveDate, until: NaiveDate) -> usize {
    let is_school_day =
        |day: &NaiveDate| !matches!(day.weekday(), Weekday::Sat | Weekday::Sun) && school.calendar.is_open(*day);
    from.iter_days().skip(1).take(366).take_while(|day| *day <= until).filter(is_school_day).count()
}

fn register(placement: &PlacementRow, marks: &[ImportedMark], now: DateTime<Utc>, zone: Tz) -> Register {
    let imported = marks.iter().map(|mark| mark.source().imported_at).max();
    let today = now.with_timezone(&zone).date_naive();
    let mut days: Vec<NaiveDate> = marks.iter().map(ImportedMark::day).collect();
    days.dedup();
    let code = |day: NaiveDate, half: HalfDay| {
        let mark = marks.iter().find(|mark| mark.day() == day && mark.half_day() == half);
        mark.map_or(if day == today { "not yet taken" } else { "–" }, |mark| mark.code().as_str()).to_owned()
    };
    Register {
        school: placement.home_name.clone(),
        imported: imported.map_or_else(
            || "Nothing has been imported yet.".to_owned(),
            |at| format!("Imported: {}.", view::moment(at, now, zone)),
        ),
        days: days
            .into_iter()
            .map(|day| RegisterDay {
                day: day.format("%a %-d").to_string(),
                am: code(day, HalfDay::Am),
                pm: code(day, HalfDay::Pm),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests;
