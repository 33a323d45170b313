//! What is due in one case: the limits of its policy with their arithmetic, and the days that people chose; and the days from which
//! limits are counted, which people say here.
//!
//! Works without scripts. Nothing is late by itself: a limit that is counted from nothing yet is listed as waiting. What does not apply
//! here, or is otherwise here, may hold again as the policy says it; everything that was said stays to be read.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::{DateTime, NaiveDate, Utc};
use server_core::access::Action;
use server_core::deadline::asked::is_chosen;
use server_core::deadline::{Calendars, Due, Urgency, Way};
use server_core::party::{PersonId, listed};
use server_core::policy::{Code, Event, Instead, Override};
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

/// Words about limits that the page lists.
const MOST_WORDS: i64 = 50;

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
    today: NaiveDate,
    open: Vec<DueView>,
    done: Vec<DueView>,
    waiting: Vec<(String, String)>,
    set_aside: Vec<AsideView>,
    /// What was said about limits, the newest first.
    said: Vec<String>,
    events: Vec<EventView>,
}

/// A limit that does not apply here.
struct AsideView {
    title: String,
    why: String,
    on: String,
    rule: String,
    week: String,
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
    /// The page on which it is done, after the pupil's address, and what to do there. None: on the page of what is due.
    pub(super) place: Option<(&'static str, &'static str)>,
    /// The policy asks for it, so that something else may hold here.
    is_policys: bool,
    /// What somebody just typed about it, and was not saved.
    typed: Option<TypedWord>,
}

#[derive(Default)]
struct TypedWord {
    what: String,
    day: String,
    reason: String,
}

impl DueView {
    /// With what was typed, if it was about this.
    fn with_typed(self, sent: &Sent) -> Self {
        let get = |name: &str| sent.get(name).cloned().unwrap_or_default();
        let is_this = sent.contains_key("rule") && get("rule") == self.rule && get("week") == self.week;
        let typed = is_this.then(|| TypedWord { what: get("what"), day: get("day"), reason: get("reason") });
        Self { typed, ..self }
    }

    fn typed_day(&self) -> &str {
        self.typed.as_ref().map_or("", |typed| &typed.day)
    }

    fn typed_reason(&self) -> &str {
        self.typed.as_ref().map_or("", |typed| &typed.reason)
    }

    fn chose(&self, what: &str) -> bool {
        self.typed.as_ref().is_some_and(|typed| typed.what == what)
    }
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
    draw(&state, &caller, &scope, &placement, &Sent::new(), "").await
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
        let html = draw(&state, &caller, &scope, &placement, &sent, "Choose what happened, and its day; no day takes it back.")
            .await?;
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
    let whole = cases::Whole::of(&state.store, &placement, scope.parent_of(placement.school_id), now).await?;
    let word = match read_word(&sent, &whole, PersonId(caller.staff_id()), today) {
        Ok(word) => word,
        Err(wrong) => {
            let html = draw(&state, &caller, &scope, &placement, &sent, wrong).await?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, html).into_response());
        }
    };
    let audit = NewAudit { detail: Some("limit"), ..plan::audit(&caller, pupil, "say limit") };
    state.store.say_deadline(placement.placement_id, &word, audit, now).await?;
    Ok(Redirect::to(&format!("/pupils/{pupil}/due")).into_response())
}

fn read_word(sent: &Sent, whole: &cases::Whole, by: PersonId, on: NaiveDate) -> Result<DeadlineWord, &'static str> {
    let rule = sent.get("rule").and_then(|code| Code::new(code));
    let policys = whole
        .plan
        .as_ref()
        .map(|(_, pack)| *pack)
        .filter(|pack| rule.as_ref().is_some_and(|rule| pack.deadline(rule).is_some()));
    // What people chose a day for has a name too, and is done by saying so.
    let is_here = |rule: &Code| whole.schedule.due.iter().any(|due| due.rule == *rule && due.way == Way::Said);
    let rule = rule.filter(|rule| policys.is_some() || is_here(rule)).ok_or("That limit is not one of this case.")?;
    let week = sent.get("week").and_then(|week| week.parse().ok());
    let day: Option<NaiveDate> = sent.get("day").and_then(|day| day.trim().parse().ok());
    let instead = match (sent.get("what").map(String::as_str), day) {
        (Some("kept"), Some(day)) if day <= on => return Ok(DeadlineWord::Kept { rule, week, day: Some(day), by, on }),
        (Some("not-kept"), _) => return Ok(DeadlineWord::Kept { rule, week, day: None, by, on }),
        (Some("kept"), _) => return Err("Choose the day on which it was done: today, or one before."),
        (Some("applies"), _) => {
            let own = policys.and_then(|pack| Override::of(&whole.facts.overrides, pack, &rule, week));
            let own = own.ok_or("It holds as the policy says it already.")?;
            return Ok(DeadlineWord::Applies { rule, week: own.week, by, on });
        }
        (Some("day"), Some(day)) => Instead::Day(day),
        (Some("day"), None) => return Err("Choose the day that holds in its place."),
        (Some("not"), _) => Instead::DoesNotApply,
        _ => return Err("Choose what holds."),
    };
    let pack = policys.ok_or("This day was chosen by people: say when it was done, or change it where it was chosen.")?;
    let reason = Reason::new(sent.get("reason").map_or("", String::as_str));
    let reason = reason.map_err(|_| "Say why something else holds here: one sentence of your own is enough.")?;
    let own = Override { rule, week, instead, reason, by, on };
    own.check(pack).map_err(|_| "This limit cannot be set aside in that way.")?;
    Ok(DeadlineWord::Instead(own))
}

/// What was said, each as a line with who said it and when.
async fn said(
    state: &AppState,
    scope: &Scope,
    placement: &PlacementRow,
    whole: &cases::Whole,
) -> Result<Vec<String>, ApiError> {
    let names = plan::Names::of(state, scope, placement).await?;
    let (mut lines, mut who) = (Vec::new(), BTreeMap::new());
    for word in state.store.deadline_words(placement.placement_id, MOST_WORDS).await? {
        let (rule, week, what, reason, by, on) = match &word {
            DeadlineWord::Kept { rule, week, day: Some(day), by, on } => {
                (rule, week, format!("done on {}", view::full_date(*day)), None, by, on)
            }
            DeadlineWord::Kept { rule, week, day: None, by, on } => (rule, week, "not done after all".to_owned(), None, by, on),
            DeadlineWord::Applies { rule, week, by, on } => (rule, week, "as the policy says again".to_owned(), None, by, on),
            DeadlineWord::Instead(Override { rule, week, instead, reason, by, on }) => {
                let what = match instead {
                    Instead::Count(number) => format!("{number} in place of the policy’s number"),
                    Instead::Day(day) => format!("by {} here", view::full_date(*day)),
                    Instead::DoesNotApply => "does not apply here".to_owned(),
                };
                (rule, week, what, Some(reason.expose()), by, on)
            }
        };
        if let Entry::Vacant(unknown) = who.entry(*by) {
            let name = state.store.staff_name(by.0).await?;
            unknown.insert(name.unwrap_or_else(|| names.name(*by)));
        }
        let who = &who[by];
        let why = reason.map_or_else(String::new, |reason| format!(" {}", view::sentence(reason)));
        lines.push(format!("{}: {what}.{why} ({who}, {})", title(whole, rule, *week), view::full_date(*on)));
    }
    Ok(lines)
}

async fn draw(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    placement: &PlacementRow,
    sent: &Sent,
    wrong: &'static str,
) -> Result<Html<String>, ApiError> {
    let now = state.clock.now().utc;
    let whole = cases::Whole::of(&state.store, placement, scope.parent_of(placement.school_id), now).await?;
    let (calendars, all) = (whole.schools.calendars(), &whole.schedule);
    let (finished, unfinished): (Vec<&Due>, Vec<&Due>) = all.due.iter().partition(|due| due.done.is_some());
    let mut events = Vec::new();
    if whole.plan.is_some() {
        let day = |event: Event| match sent.get("day").filter(|_| sent.get("event").is_some_and(|sent| sent == event.code())) {
            Some(typed) => typed.clone(),
            None => whole.facts.events.get(&event).map(NaiveDate::to_string).unwrap_or_default(),
        };
        events = SAID.map(|event| EventView { code: event.code(), words: event.words(), day: day(event) }).into();
    }
    page(&DuePage {
        frame: Frame::of(caller, scope, format!("Due for {}", placement.pupil_name), "/pupils", now),
        pupil_id: placement.pupil_id,
        pupil_name: placement.pupil_name.clone(),
        may_edit: scope.may_pupil(Action::EditPlan, placement),
        has_plan: whole.plan.is_some(),
        wrong,
        assumes: whole.schools.assumes().to_vec(),
        today: scope.today(placement.school_id, now),
        open: unfinished.into_iter().map(|due| due_view(due, &calendars, now).with_typed(sent)).collect(),
        done: finished.into_iter().map(|due| due_view(due, &calendars, now)).collect(),
        waiting: (all.undated.iter())
            .map(|(rule, why)| (title(&whole, rule, None), view::sentence(&why.to_string())))
            .collect(),
        set_aside: (all.set_aside.iter())
            .map(|own| AsideView {
                title: title(&whole, &own.rule, own.week),
                why: own.reason.expose().to_owned(),
                on: view::full_date(own.on),
                rule: own.rule.to_string(),
                week: own.week.map_or_else(String::new, |week| week.to_string()),
            })
            .collect(),
        said: said(state, scope, placement, &whole).await?,
        events,
    })
}

/// What a rule is called: in the policy, or by the thing itself if people chose its day.
fn title(whole: &cases::Whole, rule: &Code, week: Option<u16>) -> String {
    let policys = whole.plan.as_ref().and_then(|(_, pack)| {
        let contact = || pack.contacts.iter().find(|one| one.id == *rule).map(|one| one.title.clone());
        pack.deadline(rule).map(|one| one.title.clone()).or_else(contact)
    });
    let own = || whole.schedule.due.iter().find(|due| due.rule == *rule).map(|due| due.title.clone());
    let title = policys.or_else(own).unwrap_or_else(|| rule.to_string());
    week.map_or_else(|| title.clone(), |week| format!("{title}, week {week}"))
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
        place: match due.way {
            Way::Said => None,
            Way::Contact => Some(("contacts", "Write a contact down")),
            Way::Goal => Some(("goals", "Look at the goal")),
            Way::Told => Some(("breakdown", "Say who was told")),
            Way::Review => Some(("plan", "Write the review down")),
        },
        // Days that people chose are no limit of the policy: they are changed where they were chosen.
        is_policys: !is_chosen(&due.rule),
        typed: None,
    }
}
