//! What is due in one case: the limits of its policy with their arithmetic, and the days that people chose; and the days from which
//! limits are counted, which people say here.
//!
//! Works without scripts. Nothing is late by itself: a limit that is counted from nothing yet is listed as waiting. What does not apply
//! here, or is otherwise here, may hold again as the policy says it; everything that was said stays to be read.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::{DateTime, NaiveDate, Utc};
use server_core::access::Action;
use server_core::deadline::asked::is_chosen;
use server_core::deadline::{Calendars, Due, Urgency, Way};
use server_core::party::{PersonId, listed};
use server_core::policy::{Code, Event, Instead, Override, Pack};
use server_core::school_days::day_words;
use server_core::words::Reason;
use store::audit::NewAudit;
use store::changes::{ChangeOf, ChangeRow};
use store::placements::PlacementRow;
use store::record::{DeadlineWord, Seen};
use uuid::Uuid;

use super::changes::told::{self, Told};
use super::meanwhile::{self, Meanwhile, NotSaved, drawn_from, was};
use super::plan::{self, Sent};
use super::view::Chip;
use super::{Frame, page, view};
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::{self, Scope};
use crate::{AppState, cases};

/// Days that people say, where the policy counts them. The others follow from the plan itself.
const SAID: [Event; 6] =
    [Event::PanelHearing, Event::ProviderStart, Event::StageOne, Event::FourWeekReview, Event::PanelTold, Event::SchoolStart];

/// The field in which forms about limits say which word was the last when they were drawn.
pub(super) const WORD: &str = "word";
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
    wrong: String,
    meanwhile: Option<Meanwhile>,
    /// The last word that the forms about limits are drawn from.
    was_word: String,
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
    /// The day that its form is drawn from.
    was: String,
    /// What the plan says of it.
    from_plan: String,
}

/// `GET /pupils/{pupil}/due`
pub async fn show(State(state): State<AppState>, caller: Caller, Path(pupil): Path<Uuid>) -> Result<Html<String>, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::ReadPlan).await?;
    state.store.append_audit(plan::audit(&caller, pupil, "read plan"), state.clock.now().utc).await?;
    draw(&state, &caller, &scope, &placement, &Sent::new(), None).await
}

/// `POST /pupils/{pupil}/due`: on which day something happened, or that it did not.
pub async fn say(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::EditPlan).await?;
    let pack = cases::newest_pack(&state.store, placement.placement_id).await?;
    let said = state.store.case_rows(placement.placement_id).await?.events;
    let event = sent.get("event").and_then(|code| Event::from_code(code));
    let event = event.filter(|event| asked(pack, &said).any(|asked| asked == *event));
    let day = sent.get("day").map_or("", |day| day.trim());
    let read: Option<Option<NaiveDate>> = if day.is_empty() { Some(None) } else { day.parse().ok().map(Some) };
    let (Some(event), Some(day)) = (event, read) else {
        let wrong = NotSaved::from("Choose what happened, and its day; no day takes it back.");
        return again(&state, &caller, &scope, &placement, &sent, wrong).await;
    };
    let audit = NewAudit { detail: Some(event.code()), ..plan::audit(&caller, pupil, "say event") };
    let (id, seen) = (placement.placement_id, was(&sent, event.code()).parse().ok());
    if state.store.say_event(id, event, Seen::This(seen), day, audit, state.clock.now().utc).await? {
        return Ok(Redirect::to(&format!("/pupils/{pupil}/due")).into_response());
    }
    let kept = state.store.case_rows(id).await?.events.get(&event).copied();
    let is = |change: &ChangeRow| change.of == ChangeOf::Event && change.what == event.code();
    let last = meanwhile::last_change(&state, &placement, is).await?;
    let (page, told) = (format!("/pupils/{pupil}/due"), |day: Option<NaiveDate>| day.map_or_else(String::new, view::full_date));
    let line = (event.words().to_owned(), told(kept), told(day));
    let other = Meanwhile::new(meanwhile::by(last.as_ref(), &scope, &placement), page.clone(), [line]);
    let now = (event.code(), kept.map_or_else(String::new, |day| day.to_string()));
    again(&state, &caller, &scope, &placement, &sent, NotSaved::Meanwhile(other.or_mine(page, &sent, now))).await
}

/// The plan says a day now: what somebody said of it before is taken back, and stays to be read.
pub(super) async fn plan_tells(
    state: &AppState,
    caller: &Caller,
    placement: &PlacementRow,
    told: Vec<Event>,
) -> Result<(), ApiError> {
    if told.is_empty() {
        return Ok(());
    }
    let (id, now) = (placement.placement_id, state.clock.now().utc);
    let said = state.store.case_rows(id).await?.events;
    for event in told.into_iter().filter(|event| said.contains_key(event)) {
        let audit = NewAudit { detail: Some(event.code()), ..plan::audit(caller, placement.pupil_id, "say event") };
        state.store.say_event(id, event, Seen::Whatever, None, audit, now).await?;
    }
    Ok(())
}

/// The page once more, with what was typed and why it was not saved.
async fn again(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    placement: &PlacementRow,
    sent: &Sent,
    not_saved: NotSaved,
) -> Result<Response, ApiError> {
    let status = not_saved.status();
    Ok((status, draw(state, caller, scope, placement, sent, Some(not_saved)).await?).into_response())
}

/// Events whose day is asked for: those that the policy counts, and what was said of others before, so that it can be taken back.
fn asked(pack: Option<&Pack>, said: &BTreeMap<Event, NaiveDate>) -> impl Iterator<Item = Event> {
    SAID.into_iter().filter(move |event| pack.is_some_and(|pack| pack.counts(*event)) || said.contains_key(event))
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
        Err(wrong) => return again(&state, &caller, &scope, &placement, &sent, wrong.into()).await,
    };
    let audit = NewAudit { detail: Some("limit"), ..plan::audit(&caller, pupil, "say limit") };
    let page = format!("/pupils/{pupil}/due");
    match say_word(&state, &scope, &placement, &sent, &word, audit, (&page, "word")).await? {
        None => Ok(Redirect::to(&page).into_response()),
        Some(other) => again(&state, &caller, &scope, &placement, &sent, other).await,
    }
}

/// Writes a word about a limit or a contact, unless somebody else wrote one since this form was drawn. `page` and the rest of the form's
/// address: where theirs stands, and where it is chosen.
pub(super) async fn say_word(
    state: &AppState,
    scope: &Scope,
    placement: &PlacementRow,
    sent: &Sent,
    word: &DeadlineWord,
    audit: NewAudit<'_>,
    (page, form): (&str, &str),
) -> Result<Option<NotSaved>, ApiError> {
    let seen = Seen::This(was(sent, WORD).parse().ok());
    if state.store.say_deadline(placement.placement_id, word, seen, audit, state.clock.now().utc).await? {
        return Ok(None);
    }
    let other = other_word(state, scope, placement, word, page.to_owned()).await?;
    let last = (WORD, last_word(state, placement).await?);
    Ok(Some(NotSaved::Meanwhile(other.or_mine(format!("{page}/{form}"), sent, last))))
}

/// The last word of a case about its limits, for the forms that are drawn from it.
pub(super) async fn last_word(state: &AppState, placement: &PlacementRow) -> Result<String, ApiError> {
    let last = state.store.last_deadline_word(placement.placement_id).await?;
    Ok(last.map_or_else(String::new, |id| id.to_string()))
}

/// What somebody else said of a limit since somebody saw it, beside what they would say.
async fn other_word(
    state: &AppState,
    scope: &Scope,
    placement: &PlacementRow,
    mine: &DeadlineWord,
    page: String,
) -> Result<Meanwhile, ApiError> {
    let week = mine.week().map(|week| week.to_string()).unwrap_or_default();
    let is = |change: &ChangeRow| {
        let (rule, of) = told::limit_of(&change.what);
        change.of == ChangeOf::Word && rule == mine.rule().as_str() && (of == week || of.is_empty() || week.is_empty())
    };
    let last = meanwhile::last_change(state, placement, is).await?;
    let told = Told::of(state, scope, placement, last.as_slice()).await?;
    let theirs = last.as_ref().map(|change| told.sides(change)).into_iter().flatten().next();
    let (about, theirs) = theirs.map_or_else(Default::default, |side| (side.title, side.to.unwrap_or_default()));
    let line = (about, theirs, told::word(&mine.text()));
    Ok(Meanwhile::new(meanwhile::by(last.as_ref(), scope, placement), page, [line]))
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
        let (by, on) = word.said();
        if let Entry::Vacant(unknown) = who.entry(by) {
            let name = state.store.staff_name(by.0).await?;
            unknown.insert(name.unwrap_or_else(|| names.name(by)));
        }
        let (what, who) = (told::word(&word.text()), &who[&by]);
        let end = if what.ends_with(['.', '?', '!']) { "" } else { "." };
        lines.push(format!("{}: {what}{end} ({who}, {})", title(whole, word.rule(), word.week()), view::full_date(on)));
    }
    Ok(lines)
}

async fn draw(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    placement: &PlacementRow,
    sent: &Sent,
    not_saved: Option<NotSaved>,
) -> Result<Html<String>, ApiError> {
    let (wrong, meanwhile) = NotSaved::told(not_saved);
    let now = state.clock.now().utc;
    let whole = cases::Whole::of(&state.store, placement, scope.parent_of(placement.school_id), now).await?;
    let (calendars, all) = (whole.schools.calendars(), &whole.schedule);
    let (finished, unfinished): (Vec<&Due>, Vec<&Due>) = all.due.iter().partition(|due| due.done.is_some());
    let mut events = Vec::new();
    if let Some((_, pack)) = &whole.plan {
        // A day that follows from the plan is shown too; what the form may be in the way of is what people said.
        let said = state.store.case_rows(placement.placement_id).await?.events;
        let of = |days: &BTreeMap<Event, NaiveDate>, event| days.get(&event).map(NaiveDate::to_string).unwrap_or_default();
        let day = |event: Event| match sent.get("day").filter(|_| sent.get("event").is_some_and(|sent| sent == event.code())) {
            Some(typed) => typed.clone(),
            None => of(&whole.facts.events, event),
        };
        let view = |event: Event| EventView {
            code: event.code(),
            words: event.words(),
            day: day(event),
            was: drawn_from(sent, event.code(), &wrong, of(&said, event)),
            from_plan: from_plan(whole.from_plan.get(&event), said.get(&event)),
        };
        events = asked(Some(pack), &whole.facts.events).map(view).collect();
    }
    page(&DuePage {
        frame: Frame::of(caller, scope, format!("Due for {}", placement.pupil_name), "/pupils", now),
        pupil_id: placement.pupil_id,
        pupil_name: placement.pupil_name.clone(),
        may_edit: scope.may_pupil(Action::EditPlan, placement),
        has_plan: whole.plan.is_some(),
        was_word: drawn_from(sent, WORD, &wrong, last_word(state, placement).await?),
        wrong,
        meanwhile,
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

/// Where a day comes from that the plan tells too.
fn from_plan(plan: Option<&NaiveDate>, said: Option<&NaiveDate>) -> String {
    match (plan, said) {
        (Some(_), None) => "As the plan says.".to_owned(),
        (Some(plan), Some(said)) if plan != said => {
            format!("The plan says {}. The day here counts instead: save no day to follow the plan.", view::full_date(*plan))
        }
        _ => String::new(),
    }
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
