//! The pupil's own page of the plan: the four stages in words a child can use, this week half-day by half-day, and a comment on
//! every stage (`DOMAIN.md` A-12).
//!
//! What adults wrote about barriers, needs and reviews is not here. What the pupil writes goes into the plan as it is, with "the pupil"
//! in its history; it waits for nobody's approval. No name is on the page and none in the address.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Form, State};
use axum::response::{Html, Redirect};
use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use server_core::calendar::monday_of;
use server_core::glide::{GlideFacts, glide};
use server_core::plan::{Change, Place, PlanState, ReintegrationPlan};
use server_core::policy::Code;
use server_core::register::HalfDay;
use server_core::words::{Words, WordsError};
use store::audit::{Actor, NewAudit, Subject};
use store::placements::PlacementRow;
use store::plans::{Changed, PlanRow};
use uuid::Uuid;

use super::tablet::Opened;
use crate::api::ApiError;
use crate::{AppState, cases};

/// Somebody else may save at the same moment; the pupil's words are then put on top of theirs, so often.
const TRIES: usize = 5;
const DAYS: [&str; 5] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"];

#[derive(Template)]
#[template(path = "pupil/plan.html")]
struct PlanPage {
    has_plan: bool,
    words: String,
    week: Vec<DayView>,
    about_week: String,
    stages: Vec<StageView>,
    may_write: bool,
    said: &'static str,
}

struct DayView {
    day: &'static str,
    is_today: bool,
    morning: (&'static str, String),
    afternoon: (&'static str, String),
}

struct StageView {
    number: u16,
    title: &'static str,
    text: String,
    mine: String,
}

/// What a comment's form sends.
#[derive(Deserialize)]
pub struct Comment {
    stage: u16,
    words: String,
}

/// What was just done, as the address says it: one of a few words, never free text.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Said {
    said: String,
}

/// Whether a placement has a plan that the pupil may see: one that is more than a draft.
///
/// # Errors
/// The database does not answer.
pub async fn is_there(state: &AppState, placement_id: Uuid) -> Result<bool, ApiError> {
    Ok(plan_of(state, placement_id).await?.is_some())
}

async fn plan_of(state: &AppState, placement_id: Uuid) -> Result<Option<PlanRow>, ApiError> {
    let latest = state.store.plans_of(placement_id).await?.into_iter().next();
    Ok(latest.filter(|row| *row.plan.state() != PlanState::Draft))
}

/// `GET /my-plan`
pub async fn page(
    State(state): State<AppState>,
    Opened(tablet): Opened,
    axum::extract::Query(query): axum::extract::Query<Said>,
) -> Result<Html<String>, ApiError> {
    let placement = state.store.placement(tablet.placement_id).await?.ok_or(ApiError::NotFound)?;
    let now = state.clock.now().utc;
    let said = match query.said.as_str() {
        "kept" => "Your words are in the plan now. Everybody who works with the plan can read them.",
        "long" => "That was too long for one box. Write a bit less.",
        _ => "",
    };
    let Some(row) = plan_of(&state, tablet.placement_id).await? else {
        let page = PlanPage {
            has_plan: false,
            words: String::new(),
            week: Vec::new(),
            about_week: String::new(),
            stages: Vec::new(),
            may_write: false,
            said,
        };
        return Ok(Html(page.render()?));
    };
    let audit = NewAudit {
        actor: Actor::Tablet(tablet.tablet_id),
        action: "read plan",
        subject: Subject::Pupil(placement.pupil_id),
        detail: None,
    };
    state.store.append_audit(audit, now).await?;
    let (week, about_week) = week(&state, &placement, &row.plan, now).await?;
    let page = PlanPage {
        has_plan: true,
        words: row.plan.basis().in_their_words.as_ref().map(|words| words.expose().to_owned()).unwrap_or_default(),
        week,
        about_week,
        stages: stages(&row.plan, &placement.robot_name)?,
        may_write: !matches!(row.plan.state(), PlanState::Closed(_)),
        said,
    };
    Ok(Html(page.render()?))
}

/// `POST /my-plan`: a comment on a stage.
pub async fn comment(
    State(state): State<AppState>,
    Opened(tablet): Opened,
    Form(sent): Form<Comment>,
) -> Result<Redirect, ApiError> {
    let placement = state.store.placement(tablet.placement_id).await?.ok_or(ApiError::NotFound)?;
    let words = match Words::new(&sent.words) {
        Ok(words) => words,
        Err(WordsError::Empty) => return Ok(Redirect::to("/my-plan")),
        Err(_) => return Ok(Redirect::to("/my-plan?said=long")),
    };
    if !(1..=4).contains(&sent.stage) {
        return Err(ApiError::BadRequest("There is no such stage."));
    }
    for _ in 0..TRIES {
        let row = plan_of(&state, tablet.placement_id).await?.ok_or(ApiError::NotFound)?;
        let audit = NewAudit {
            actor: Actor::Tablet(tablet.tablet_id),
            action: "comment plan",
            subject: Subject::Pupil(placement.pupil_id),
            detail: None,
        };
        let changes = vec![Change::PupilSays(sent.stage, words.clone())];
        let (pack, now) = (cases::pack_of(&row.plan)?, state.clock.now().utc);
        match state.store.change_plan(row.plan_id, row.plan.revision(), pack, changes, audit, now).await? {
            Changed::Made(_) => return Ok(Redirect::to("/my-plan?said=kept")),
            // The pupil's own comment is nobody else's: it is put on top of what they saved.
            Changed::Meanwhile { .. } => {}
            Changed::Refused(_) => return Err(ApiError::Conflict("The plan has ended. Ask your key worker.")),
            Changed::NoPlan => return Err(ApiError::NotFound),
        }
    }
    Err(ApiError::Unavailable("Somebody is writing in the plan. Try again in a moment."))
}

fn place(place: Option<Place>, robot: &str) -> (&'static str, String) {
    match place {
        Some(Place::OnSite) => ("board", "At school".to_owned()),
        Some(Place::ByRobot) => ("robot", format!("With {robot}")),
        Some(Place::Other) => ("person", "With your teachers here".to_owned()),
        Some(Place::Rest) => ("moon", "Rest".to_owned()),
        None => ("q", "Not planned yet".to_owned()),
    }
}

/// The half-days of this week, as the plan has them.
async fn week(
    state: &AppState,
    placement: &PlacementRow,
    plan: &ReintegrationPlan,
    now: DateTime<Utc>,
) -> Result<(Vec<DayView>, String), ApiError> {
    let pack = cases::pack_of(plan)?;
    let facts = cases::facts(&state.store, pack, plan, placement.placement_id, None).await?;
    let schools = cases::Schools::of(&state.store, placement, Some(plan)).await?;
    let calendars = schools.calendars();
    let today = calendars.home_school.calendar().day(now);
    let running = cases::running(pack, plan, &facts, &calendars);
    let nothing = BTreeSet::new();
    let none = GlideFacts { on_site: &[], by_robot: &[], rested: &nothing };
    let weeks = running.map_or_else(Vec::new, |(first, school)| {
        glide(first, school, |number, at_school| plan.pattern_in(pack, &[number, at_school]), none, today)
    });
    let monday = monday_of(today);
    let Some(now) = weeks.iter().find(|week| week.monday == monday) else {
        return Ok((Vec::new(), "This week is not one of your plan.".to_owned()));
    };
    let told: Vec<String> = (pack.clocks.iter().zip([("Week", now.number), ("At school, week", now.at_school)]))
        .filter_map(|(clock, (what, number))| Some(format!("{what} {} of {}.", number?, plan.weeks_of(clock))))
        .collect();
    let pattern = now.pattern;
    let view = |(n, name): (u64, &'static str)| {
        let day = monday + chrono::Days::new(n);
        let at = |half: HalfDay| place(pattern.and_then(|pattern| pattern.on(day, half)), &placement.robot_name);
        DayView { day: name, is_today: day == today, morning: at(HalfDay::Am), afternoon: at(HalfDay::Pm) }
    };
    Ok(((0..).zip(DAYS).map(view).collect(), told.join(" ")))
}

fn stages(plan: &ReintegrationPlan, robot: &str) -> Result<Vec<StageView>, ApiError> {
    let pack = cases::pack_of(plan)?;
    let met = plan.meetings().iter().any(|held| held.missing(&pack.meeting).is_empty());
    let start = Code::new("start-date").and_then(|id| plan.action(&id)?.day);
    let meeting = match (met, start) {
        (true, Some(day)) => format!("The meeting was held. Your first day at school is planned for {}.", in_words(day)),
        (true, None) => "The meeting was held. The first day at school is not chosen yet.".to_owned(),
        (false, _) => format!("A meeting about going back. It only counts if you are there. You can come with {robot}."),
    };
    let back = match plan.state() {
        PlanState::Returning { since } => {
            format!("You have been back since {}. Once a week somebody asks how it goes.", in_words(*since))
        }
        PlanState::Closed(_) | PlanState::Discarded { .. } => "The plan has ended.".to_owned(),
        PlanState::Draft | PlanState::Open => "Once a week somebody asks how it goes. What you say counts.".to_owned(),
    };
    let texts = [
        (1, "What you want", "What you want from this, and what makes it hard. You can say both.".to_owned()),
        (2, "Your week", "Which half-days are at school, with your robot, here, or for rest.".to_owned()),
        (3, "The meeting about you", meeting),
        (4, "How it is going", back),
    ];
    let stage = |(number, title, text)| {
        let mine = plan.pupil_says(number).map(|words| words.expose().to_owned()).unwrap_or_default();
        StageView { number, title, text, mine }
    };
    Ok(texts.into_iter().map(stage).collect())
}

/// `Monday 14 December`
fn in_words(day: NaiveDate) -> String {
    day.format("%A %-d %B").to_string()
}
