//! What is due in one case, with the arithmetic of each limit; and the days from which limits are counted, which people say here.
//!
//! Works without scripts. Nothing is late by itself: a limit that is counted from nothing yet is listed as waiting.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::{DateTime, NaiveDate, Utc};
use server_core::access::Action;
use server_core::deadline::{Calendars, Due, Urgency, schedule};
use server_core::party::{PersonId, listed};
use server_core::policy::{Code, Event, Instead, Override, Pack};
use server_core::school_days::day_words;
use server_core::words::Reason;
use store::audit::NewAudit;
use store::placements::PlacementRow;
use store::record::DeadlineWord;
use uuid::Uuid;

use super::plan::{self, Sent};
use super::view::Chip;
use super::{Frame, page, view};
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::{self, Scope};
use crate::{AppState, cases};

/// Days that people say. The others follow from the plan itself.
const SAID: [Event; 6] =
    [Event::PanelHearing, Event::ProviderStart, Event::StageOne, Event::FourWeekReview, Event::PanelTold, Event::SchoolStart];

#[derive(Template)]
#[template(path = "staff/due.html")]
struct DuePage {
    frame: Frame,
    pupil_id: Uuid,
    pupil_name: String,
    may_edit: bool,
    has_plan: bool,
    wrong: &'static str,
    /// Whose days are taken to be those of the home school.
    assumes: Vec<String>,
    open: Vec<DueView>,
    done: Vec<DueView>,
    waiting: Vec<(String, String)>,
    /// Limits that do not apply here: which, why, and since when.
    set_aside: Vec<(String, String, String)>,
    events: Vec<EventView>,
}

/// A limit, told.
pub(super) struct DueView {
    pub(super) title: String,
    pub(super) by: String,
    pub(super) owners: String,
    pub(super) chip: Chip,
    pub(super) sentence: String,
    pub(super) lines: Vec<String>,
    pub(super) reason: String,
    pub(super) row: String,
    /// The rule, and its week if it has several.
    pub(super) rule: String,
    pub(super) week: String,
}

struct EventView {
    code: &'static str,
    words: &'static str,
    day: String,
}

/// `GET /pupils/{pupil}/due`
pub async fn show(State(state): State<AppState>, caller: Caller, Path(pupil): Path<Uuid>) -> Result<Html<String>, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::ReadPlan).await?;
    state.store.append_audit(plan::audit(&caller, pupil, "read plan"), state.clock.now().utc).await?;
    draw(&state, &caller, &scope, &placement, "").await
}

/// `POST /pupils/{pupil}/due`: on which day something happened, or that it did not.
pub async fn say(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::EditPlan).await?;
    let event = sent.get("event").and_then(|code| Event::from_code(code)).filter(|event| SAID.contains(event));
    let day = sent.get("day").map_or("", |day| day.trim());
    let read: Option<Option<NaiveDate>> = if day.is_empty() { Some(None) } else { day.parse().ok().map(Some) };
    let (Some(event), Some(day)) = (event, read) else {
        let html =
            draw(&state, &caller, &scope, &placement, "Choose what happened, and its day; no day takes it back.").await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, html).into_response());
    };
    let audit = NewAudit { detail: Some(event.code()), ..plan::audit(&caller, pupil, "say event") };
    state.store.say_event(placement.placement_id, event, day, audit, state.clock.now().utc).await?;
    Ok(Redirect::to(&format!("/pupils/{pupil}/due")).into_response())
}

/// `POST /pupils/{pupil}/due/word`: a limit was kept, or something else holds in this case, with the reason.
pub async fn word(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::EditPlan).await?;
    let now = state.clock.now().utc;
    let today = scope.today(placement.school_id, now);
    let row = state.store.plans_of(placement.placement_id).await?.into_iter().next().ok_or(ApiError::NotFound)?;
    let pack = cases::pack_of(&row.plan)?;
    let word = match read_word(&sent, pack, PersonId(caller.staff_id()), today) {
        Ok(word) => word,
        Err(wrong) => {
            let html = draw(&state, &caller, &scope, &placement, wrong).await?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, html).into_response());
        }
    };
    let audit = NewAudit { detail: Some("limit"), ..plan::audit(&caller, pupil, "say limit") };
    state.store.say_deadline(placement.placement_id, &word, audit, now).await?;
    Ok(Redirect::to(&format!("/pupils/{pupil}/due")).into_response())
}

fn read_word(sent: &Sent, pack: &Pack, by: PersonId, on: NaiveDate) -> Result<DeadlineWord, &'static str> {
    let rule = sent.get("rule").and_then(|code| Code::new(code)).filter(|rule| pack.deadline(rule).is_some());
    let rule = rule.ok_or("That limit is not one of the policy.")?;
    let week = sent.get("week").and_then(|week| week.parse().ok());
    let day: Option<NaiveDate> = sent.get("day").and_then(|day| day.trim().parse().ok());
    let instead = match (sent.get("what").map(String::as_str), day) {
        (Some("kept"), Some(day)) if day <= on => return Ok(DeadlineWord::Kept { rule, week, day: Some(day), by, on }),
        (Some("not-kept"), _) => return Ok(DeadlineWord::Kept { rule, week, day: None, by, on }),
        (Some("kept"), _) => return Err("Choose the day on which it was done: today, or one before."),
        (Some("day"), Some(day)) => Instead::Day(day),
        (Some("day"), None) => return Err("Choose the day that holds in its place."),
        (Some("not"), _) => Instead::DoesNotApply,
        _ => return Err("Choose what holds."),
    };
    let reason = Reason::new(sent.get("reason").map_or("", String::as_str));
    let reason = reason.map_err(|_| "Say why something else holds here: one sentence of your own is enough.")?;
    let own = Override { rule, week, instead, reason, by, on };
    own.check(pack).map_err(|_| "This limit cannot be set aside in that way.")?;
    Ok(DeadlineWord::Instead(own))
}

async fn draw(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    placement: &PlacementRow,
    wrong: &'static str,
) -> Result<Html<String>, ApiError> {
    let now = state.clock.now().utc;
    let row = state.store.plans_of(placement.placement_id).await?.into_iter().next();
    let schools = cases::Schools::of(&state.store, placement, row.as_ref().map(|row| &row.plan)).await?;
    let calendars = schools.calendars();
    let (mut open, mut done, mut waiting, mut events) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut set_aside = Vec::new();
    if let Some(row) = &row {
        let pack = cases::pack_of(&row.plan)?;
        let authority = scope.parent_of(placement.school_id);
        let mut facts = cases::facts(&state.store, pack, &row.plan, placement.placement_id, authority).await?;
        let today = scope.today(placement.school_id, now);
        cases::count_sickness(&state.store, pack, &mut facts, placement.pupil_id, today).await?;
        let all = schedule(pack, &facts, &calendars);
        let (finished, unfinished): (Vec<&Due>, Vec<&Due>) = all.due.iter().partition(|due| due.done.is_some());
        open = unfinished.into_iter().map(|due| due_view(due, &calendars, now)).collect();
        done = finished.into_iter().map(|due| due_view(due, &calendars, now)).collect();
        waiting =
            all.undated.iter().map(|(rule, why)| (title(pack, rule.as_str()), view::sentence(&why.to_string()))).collect();
        set_aside = (all.set_aside.iter())
            .map(|own| {
                let week = own.week.map_or_else(String::new, |week| format!(", week {week}"));
                let title = format!("{}{week}", title(pack, own.rule.as_str()));
                (title, own.reason.expose().to_owned(), view::full_date(own.on))
            })
            .collect();
        let day = |event| facts.events.get(&event).map(NaiveDate::to_string).unwrap_or_default();
        events = SAID.map(|event| EventView { code: event.code(), words: event.words(), day: day(event) }).into();
    }
    page(&DuePage {
        frame: Frame::of(caller, scope, format!("Due for {}", placement.pupil_name), "/pupils", now),
        pupil_id: placement.pupil_id,
        pupil_name: placement.pupil_name.clone(),
        may_edit: scope.may_pupil(Action::EditPlan, placement),
        has_plan: row.is_some(),
        wrong,
        assumes: schools.assumes().to_vec(),
        open,
        done,
        waiting,
        set_aside,
        events,
    })
}

fn title(pack: &Pack, rule: &str) -> String {
    pack.deadlines.iter().find(|one| one.id.as_str() == rule).map_or_else(|| rule.to_owned(), |one| one.title.clone())
}

pub(super) fn due_view(due: &Due, calendars: &Calendars<'_>, now: DateTime<Utc>) -> DueView {
    let days = |count: u16| format!("{count} school day{}", if count == 1 { "" } else { "s" });
    let chip = match due.urgency(calendars, now) {
        Urgency::Done => Chip::new("live", "check", "Done"),
        Urgency::Information => Chip::new("line", "eye", "Good to know"),
        Urgency::Late(0) => Chip::new("look", "clock", "Was due"),
        Urgency::Late(count) => Chip::new("look wrap", "clock", format!("Was due {} ago", days(count))),
        Urgency::Today => Chip::new("look", "clock", "Today"),
        Urgency::In(count @ 0..=3) => Chip::new("look", "clock", format!("Due in {}", days(count))),
        Urgency::In(count) => Chip::new("line", "cal", format!("Due in {}", days(count))),
    };
    let by = match due.done {
        Some(done) => format!("Done on {}", day_words(done)),
        None => format!("By {}", day_words(due.day)),
    };
    DueView {
        title: due.title.clone(),
        by,
        owners: if due.owners.is_empty() { String::new() } else { view::sentence(&listed(&due.owners)) },
        chip,
        sentence: due.arithmetic.sentence.clone(),
        lines: due.arithmetic.lines().collect(),
        reason: due.overridden.as_ref().map(|own| own.reason.expose().to_owned()).unwrap_or_default(),
        row: due.row.clone(),
        rule: due.rule.to_string(),
        week: due.week.map_or_else(String::new, |week| week.to_string()),
    }
}
