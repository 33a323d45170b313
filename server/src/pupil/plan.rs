//! The pupil's own page of the plan: their goals, the four stages in words a child can use, this week half-day by half-day, and a
//! comment on every stage (`DOMAIN.md` ).
//!
//! A goal is here if it is the pupil's: they wrote it, it is told in their words, or they have stood by it. They say so here themselves,
//! of the words that they see; words that changed meanwhile are read first.
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
use server_core::goal::{Acknowledgement, Became, Goal};
use server_core::party::{Party, PersonId};
use server_core::plan::{Change, Place, PlanState, ReintegrationPlan};
use server_core::policy::Code;
use server_core::register::HalfDay;
use server_core::words::{Words, WordsError};
use store::audit::{Actor, NewAudit, Subject};
use store::kept;
use store::placements::PlacementRow;
use store::plans::{Changed, PlanRow};
use store::sheets::{NewSheet, Owner, Saved, SheetKind};
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
    goals: Vec<GoalView>,
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

struct GoalView {
    id: Uuid,
    wording: u16,
    /// As the pupil says it; as it is agreed, if they have said nothing.
    mine: String,
    /// As the plan says it, if that is different.
    agreed: String,
    stands: bool,
    /// How it ended, in a few words.
    ended: &'static str,
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

/// What standing by a goal sends.
#[derive(Deserialize)]
pub struct Stand {
    goal: Uuid,
    wording: u16,
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
        "back" => "Your words are no longer in the plan. What you said before stays in its history.",
        "mine" => "Now everybody knows that you stand by this goal.",
        "other" => "The words of this goal have just changed. Read them first.",
        "long" => "That was too long for one box. Write a bit less.",
        _ => "",
    };
    let Some(row) = plan_of(&state, tablet.placement_id).await? else {
        let page = PlanPage {
            has_plan: false,
            words: String::new(),
            goals: Vec::new(),
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
        goals: goals(&state, tablet.placement_id).await?.iter().filter_map(goal_view).collect(),
        week,
        about_week,
        stages: stages(&row.plan, placement.robot())?,
        may_write: !matches!(row.plan.state(), PlanState::Closed(_)),
        said,
    };
    Ok(Html(page.render()?))
}

/// `POST /my-plan`: a comment on a stage, or none any more.
pub async fn comment(
    State(state): State<AppState>,
    Opened(tablet): Opened,
    Form(sent): Form<Comment>,
) -> Result<Redirect, ApiError> {
    let placement = state.store.placement(tablet.placement_id).await?.ok_or(ApiError::NotFound)?;
    let words = match Words::new(&sent.words) {
        Ok(words) => Some(words),
        Err(WordsError::Empty) => None,
        Err(_) => return Ok(Redirect::to("/my-plan?said=long")),
    };
    if !(1..=4).contains(&sent.stage) {
        return Err(ApiError::BadRequest("There is no such stage."));
    }
    for _ in 0..TRIES {
        let row = plan_of(&state, tablet.placement_id).await?.ok_or(ApiError::NotFound)?;
        if row.plan.pupil_says(sent.stage) == words.as_ref() {
            return Ok(Redirect::to(if words.is_some() { "/my-plan?said=kept" } else { "/my-plan" }));
        }
        let audit = NewAudit {
            actor: Actor::Tablet(tablet.tablet_id),
            action: "comment plan",
            subject: Subject::Pupil(placement.pupil_id),
            detail: None,
        };
        let changes = vec![Change::PupilSays(sent.stage, words.clone())];
        let (pack, now) = (cases::pack_of(&row.plan)?, state.clock.now().utc);
        match state.store.change_plan(row.plan_id, row.plan.revision(), pack, changes, audit, now).await? {
            Changed::Made(_) => {
                return Ok(Redirect::to(if words.is_some() { "/my-plan?said=kept" } else { "/my-plan?said=back" }));
            }
            // The pupil's own comment is nobody else's: it is put on top of what they saved.
            Changed::Meanwhile { .. } => {}
            Changed::Refused(_) => return Err(ApiError::Conflict("The plan has ended. Ask your key worker.")),
            Changed::NoPlan => return Err(ApiError::NotFound),
        }
    }
    Err(ApiError::Unavailable("Somebody is writing in the plan. Try again in a moment."))
}

/// `POST /my-plan/goal`: the pupil stands by a goal, in the words that they saw.
pub async fn stand(
    State(state): State<AppState>,
    Opened(tablet): Opened,
    Form(sent): Form<Stand>,
) -> Result<Redirect, ApiError> {
    let placement = state.store.placement(tablet.placement_id).await?.ok_or(ApiError::NotFound)?;
    let row = plan_of(&state, tablet.placement_id).await?.ok_or(ApiError::NotFound)?;
    let now = state.clock.now().utc;
    let schools = cases::Schools::of(&state.store, &placement, Some(&row.plan)).await?;
    let today = schools.calendars().home_school.calendar().day(now);
    for _ in 0..TRIES {
        let known = goals(&state, tablet.placement_id).await?.into_iter().find(|(id, ..)| *id == sent.goal);
        let (sheet_id, based_on, mut goal) = known.filter(|(_, _, goal)| goal.is_pupils()).ok_or(ApiError::NotFound)?;
        if goal.stands_by(Party::Pupil) && goal.wording_number() == sent.wording {
            return Ok(Redirect::to("/my-plan?said=mine"));
        }
        let own = Acknowledgement { who: PersonId(placement.pupil_id), on: today, wording: sent.wording };
        if goal.acknowledge(Party::Pupil, own).is_err() {
            return Ok(Redirect::to("/my-plan?said=other"));
        }
        let audit = NewAudit {
            actor: Actor::Tablet(tablet.tablet_id),
            action: "stand by goal",
            subject: Subject::Pupil(placement.pupil_id),
            detail: None,
        };
        let body = kept::written_goal(&goal);
        let (kind, owner, day) = (SheetKind::Goal, Owner::Placement(tablet.placement_id), goal.review_on);
        let sheet = NewSheet { sheet_id, based_on, kind, owner, day, body: &body };
        match state.store.save_sheet(&sheet, audit, now).await? {
            Saved::As(_) => return Ok(Redirect::to("/my-plan?said=mine")),
            // Somebody else saved it: it is read again, and the pupil's word stands if the words are the same.
            Saved::Meanwhile(_) => {}
            Saved::NoSheet => return Err(ApiError::NotFound),
        }
    }
    Err(ApiError::Unavailable("Somebody is writing in the plan. Try again in a moment."))
}

/// A placement's goals with their ids and revisions, those that go on first.
async fn goals(state: &AppState, placement_id: Uuid) -> Result<Vec<(Uuid, i64, Goal)>, ApiError> {
    let rows = state.store.sheets(Owner::Placement(placement_id), SheetKind::Goal).await?;
    let all: Option<Vec<(Uuid, i64, Goal)>> =
        rows.iter().map(|row| Some((row.sheet_id, row.revision, kept::read_goal(&row.body)?))).collect();
    let mut all = all.ok_or_else(|| anyhow::anyhow!("a goal is not readable"))?;
    all.sort_by_key(|(id, _, goal)| (goal.became().is_some(), *id));
    Ok(all)
}

/// None: it is not the pupil's.
fn goal_view((id, _, goal): &(Uuid, i64, Goal)) -> Option<GoalView> {
    let now = goal.wording();
    let agreed = now.words.expose().to_owned();
    let own = now.pupil_words.as_ref().map(|words| words.expose().to_owned());
    goal.is_pupils().then(|| GoalView {
        id: *id,
        wording: goal.wording_number(),
        agreed: own.as_ref().filter(|own| **own != agreed).map(|_| agreed.clone()).unwrap_or_default(),
        mine: own.unwrap_or(agreed),
        stands: goal.stands_by(Party::Pupil),
        ended: match goal.became() {
            None => "",
            Some((Became::Reached, ..)) => "You did it.",
            Some((Became::Partly, ..)) => "You did a part of it, and that is good for now.",
            Some((Became::LetGo, ..)) => "You let this one go. It was not the right one.",
        },
    })
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
    let schools = cases::Schools::of(&state.store, placement, Some(plan)).await?;
    let calendars = schools.calendars();
    let today = calendars.home_school.calendar().day(now);
    let facts = cases::facts(&state.store, pack, plan, placement.placement_id, None, today).await?;
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
        let at = |half: HalfDay| place(pattern.and_then(|pattern| pattern.on(day, half)), placement.robot());
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
            format!("You have been back since {}. Now and then somebody asks how it goes.", in_words(*since))
        }
        PlanState::Closed(_) | PlanState::Discarded { .. } => "The plan has ended.".to_owned(),
        PlanState::Draft | PlanState::Open => "Now and then somebody asks how it goes. What you say counts.".to_owned(),
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
