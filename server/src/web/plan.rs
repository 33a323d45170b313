//! A pupil's plan: its stages, the form of stage 1, the pattern of a week, and who changed what.
//!
//! Works without scripts. Two people may have it open: who saves second is shown what the first wrote and chooses, field by field;
//! nothing is saved until then, and nothing of either is lost (see `fields.rs`). Every read is put in the audit log first.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::NaiveDate;
use serde::Deserialize;
use server_core::access::Action;
use server_core::deadline::{Facts, Schedule, schedule};
use server_core::party::{Party, PersonId};
use server_core::plan::{Change, EngagementBeside, PlanState, Refusal, ReintegrationPlan, Revision};
use server_core::policy::{self, Event, Pack, Standing};
use store::audit::{Actor, NewAudit, Subject};
use store::placements::PlacementRow;
use store::plans::{Changed, MOST_CHANGES, PlanChangeRow, PlanRow};
use uuid::Uuid;

pub use self::beginning::begin;
use self::beginning::{BasisForm, DiscardedView, DraftView};
pub(super) use self::beginning::{begin_form, drafted, name_key_worker};
use self::fields::{FieldView, Input};
use self::imported::ImportedWeek;
pub(super) use self::lookback::{looked_back, number_now, week_now};
pub(super) use self::sent::{Choice, Sent, Typed, choices, code, optional_day, optional_words, past_day, words};
pub(super) use self::told::{Names, title};
use self::week::WeekView;
use super::view::{self, Chip};
use super::{Frame, due, earlier, page};
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::{self, Scope};
use crate::cases::pack_of;
use crate::{AppState, cases};

mod beginning;
mod clocks;
mod ending;
mod fields;
pub mod history;
mod imported;
mod lookback;
mod meeting;
mod opening;
mod sent;
mod told;
mod week;

/// Changes that the page lists.
const SHOWN_CHANGES: i64 = 12;

#[derive(Template)]
#[template(path = "staff/plan.html")]
struct PlanPage {
    frame: Frame,
    pupil_id: Uuid,
    pupil_name: String,
    about: String,
    may_edit: bool,
    wrong: String,
    meanwhile: Vec<Line>,
    plan: Option<PlanView>,
    has_earlier: bool,
    begin: Option<BasisForm>,
    /// Drafts that were thrown away.
    discarded: Vec<DiscardedView>,
    /// What somebody typed into a form that is gone.
    left: Vec<String>,
}

struct PlanView {
    plan_id: Uuid,
    revision: u64,
    state: Chip,
    stages: Vec<StageLink>,
    draft: Option<DraftView>,
    /// Whose days are taken to be those of the home school.
    assumes: Vec<String>,
    clocks: clocks::ClocksView,
    opening: opening::OpeningView,
    head: Vec<FieldView>,
    /// Somebody just typed into the head, and it was not saved; or one of its answers asks for another.
    head_is_open: bool,
    fields: Vec<FieldView>,
    week: WeekView,
    meeting: meeting::MeetingView,
    lookback: lookback::LookbackView,
    ending: ending::EndingView,
    history: Vec<Line>,
    facts: Vec<(&'static str, String)>,
}

struct StageLink {
    href: &'static str,
    icon: &'static str,
    text: String,
}

/// A change, told in one sentence, and by whom and when.
struct Line {
    what: String,
    who: String,
}

/// Which week's pattern is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    week: Option<u16>,
    /// Of which clock; the first one, if it is not said.
    clock: String,
    /// Which week is looked back upon: `provider.04`.
    look: String,
}

/// `GET /pupils/{pupil}/plan`
pub async fn show(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::ReadPlan).await?;
    state.store.append_audit(audit(&caller, pupil, "read plan"), state.clock.now().utc).await?;
    draw(
        &state,
        &caller,
        &scope,
        &placement,
        &Drawn { week: asked.week, clock: asked.clock, look: asked.look, ..Drawn::default() },
    )
    .await
}

/// A part of the page that has a form of its own.
struct Part {
    /// Its word in the address.
    name: &'static str,
    /// Where the page goes on after it.
    anchor: &'static str,
    /// What the form changes of the plan as it is now, or what is wrong with it.
    read: fn(&Case<'_>, &Sent) -> Result<Vec<Change>, String>,
    /// The beginning of the paths that it writes. If nobody else wrote one of these meanwhile, there is nothing to choose. Empty: the
    /// form compares field by field itself.
    touches: fn(&Sent) -> String,
}

/// What a form is read against.
pub(super) struct Case<'a> {
    pack: &'a Pack,
    plan: &'a ReintegrationPlan,
    today: NaiveDate,
    /// Source: H-23; where a consent is written down.
    born: Option<NaiveDate>,
    me: PersonId,
    /// Places that may be chosen.
    places: &'a [(Uuid, String)],
    /// Who may say for whom that the return succeeded.
    signers: &'a told::Signers,
    /// Of the week that is looked back upon.
    engagement: Option<EngagementBeside>,
    /// What the school's own marks say of that week.
    imported: Option<ImportedWeek>,
}

const PARTS: [Part; 19] = [
    Part { name: "basis", anchor: "s0", read: beginning::rebase, touches: |_| "basis.".to_owned() },
    Part { name: "discard", anchor: "top", read: beginning::discard, touches: |_| "state".to_owned() },
    Part {
        name: "aims",
        anchor: "s1",
        read: |case, sent| fields::changes((case.pack, fields::STAGE_ONE), case.plan, sent, case.places),
        touches: |_| String::new(),
    },
    Part {
        name: "head",
        anchor: "s0",
        read: |case, sent| fields::changes((case.pack, fields::HEAD), case.plan, sent, case.places),
        touches: |_| String::new(),
    },
    Part { name: "week", anchor: "s2", read: week::changes, touches: |_| String::new() },
    Part { name: "consent", anchor: "s0", read: opening::consent, touches: |_| "consent.".to_owned() },
    Part { name: "withdraw", anchor: "s0", read: opening::withdraw, touches: |_| "consent.".to_owned() },
    Part { name: "open", anchor: "s0", read: opening::open, touches: |_| "state".to_owned() },
    Part { name: "barriers", anchor: "s1", read: opening::barriers, touches: |_| "barrier.".to_owned() },
    Part { name: "meeting", anchor: "s3", read: meeting::held, touches: |_| "meeting.".to_owned() },
    Part { name: "list", anchor: "s3", read: meeting::ticks, touches: |sent| path("tick", sent, "list") },
    Part { name: "action", anchor: "s3", read: meeting::action, touches: |sent| path("action", sent, "action") },
    Part { name: "begin", anchor: "s3", read: ending::begin_return, touches: |_| "state".to_owned() },
    Part { name: "look-back", anchor: "s4", read: lookback::evaluate, touches: |sent| path("evaluation", sent, "of") },
    Part { name: "setback", anchor: "end", read: ending::setback, touches: |_| "setback.".to_owned() },
    Part { name: "review", anchor: "end", read: ending::review, touches: |_| "review.".to_owned() },
    Part { name: "longer", anchor: "end", read: ending::longer, touches: |_| "longer.".to_owned() },
    Part { name: "agree", anchor: "end", read: ending::agree, touches: |_| "sign-off.".to_owned() },
    Part { name: "close", anchor: "end", read: ending::close, touches: |_| "state".to_owned() },
];

/// `action.uniform.`, if the form says that it is about `uniform`.
fn path(kind: &str, sent: &Sent, of: &str) -> String {
    format!("{kind}.{}.", sent.get(of).map_or("", String::as_str))
}

/// `POST /pupils/{pupil}/plan/{part}`
pub async fn save(
    State(state): State<AppState>,
    caller: Caller,
    Path((pupil, part)): Path<(Uuid, String)>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::EditPlan).await?;
    let part = PARTS.iter().find(|one| one.name == part).ok_or(ApiError::NotFound)?;
    let seen = seen(&sent).ok_or(ApiError::BadRequest("Open the plan again: the form has lost what it was based on."))?;
    let row = match plan_id(&sent) {
        Some(id) => state.store.plan(id).await?.filter(|row| row.placement_id == placement.placement_id),
        None => None,
    };
    let row = row.ok_or(ApiError::NotFound)?;
    let again = async |status, wrong: String| -> Result<Response, ApiError> {
        let drawn = Drawn { part: part.name, sent: Some(&sent), wrong, ..Drawn::default() };
        Ok((status, draw(&state, &caller, &scope, &placement, &drawn).await?).into_response())
    };
    if matches!(row.plan.state(), PlanState::Closed(_) | PlanState::Discarded { .. }) {
        return gone(&state, &caller, &scope, &placement, &sent, GONE.to_owned()).await;
    }
    let based_on = row.plan.revision();
    if based_on != seen {
        let touched = (part.touches)(&sent);
        let changes = state.store.plan_changes_since(row.plan_id, seen).await?;
        if touched.is_empty() || changes.iter().any(|change| format!("{}.", change.field).starts_with(&touched)) {
            return again(StatusCode::CONFLICT, String::new()).await;
        }
    }
    let (pack, now) = (pack_of(&row.plan)?, state.clock.now().utc);
    let today = scope.today(placement.school_id, now);
    let (engagement, imported) = match part.name {
        "look-back" => lookback::beside(&state, &scope, &placement, &row.plan, &sent).await?,
        _ => (None, None),
    };
    let places = places(&scope);
    let signers = match part.name {
        "agree" => told::Names::of(&state, &scope, &placement).await?.signers(&state, pack, &row.plan, today).await?,
        _ => told::Signers::default(),
    };
    let born = match part.name {
        "consent" => state.store.pupil(placement.pupil_id).await?.and_then(|row| row.born),
        _ => None,
    };
    let me = PersonId(caller.staff_id());
    let case = Case { pack, plan: &row.plan, today, born, me, places: &places, signers: &signers, engagement, imported };
    let changes = match (part.read)(&case, &sent) {
        Ok(changes) => changes,
        Err(wrong) => return again(StatusCode::UNPROCESSABLE_ENTITY, wrong).await,
    };
    if !changes.is_empty() {
        let action = if part.name == "discard" { "discard plan" } else { "change plan" };
        let told: Vec<_> = changes.iter().filter_map(cases::told_by).collect();
        match state.store.change_plan(row.plan_id, based_on, pack, changes, audit(&caller, pupil, action), now).await? {
            Changed::Made(_) => due::plan_tells(&state, &caller, &placement, told).await?,
            Changed::Meanwhile { .. } => return again(StatusCode::CONFLICT, String::new()).await,
            Changed::Refused(Refusal::Closed) => {
                return gone(&state, &caller, &scope, &placement, &sent, GONE.to_owned()).await;
            }
            Changed::Refused(refusal @ Refusal::NotADraft) => {
                return gone(&state, &caller, &scope, &placement, &sent, refused(&refusal, pack)).await;
            }
            Changed::Refused(refusal) => {
                return again(StatusCode::UNPROCESSABLE_ENTITY, refused(&refusal, pack)).await;
            }
            Changed::NoPlan => return Err(ApiError::NotFound),
        }
    }
    Ok(Redirect::to(&format!("/pupils/{pupil}/plan#{}", part.anchor)).into_response())
}

const GONE: &str = "Somebody else closed this plan meanwhile, or threw the draft away. What you typed stands below.";

/// There is no such form any more, by what somebody else did meanwhile: what was typed is shown to be copied.
async fn gone(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    placement: &PlacementRow,
    sent: &Sent,
    wrong: String,
) -> Result<Response, ApiError> {
    let html = draw(state, caller, scope, placement, &Drawn { wrong, left: Some(sent), ..Drawn::default() }).await?;
    Ok((StatusCode::CONFLICT, html).into_response())
}

/// Schools and providers that may be chosen, by name.
fn places(scope: &Scope) -> Vec<(Uuid, String)> {
    let mut places: Vec<_> = scope.organisation_names().filter(|(id, _)| scope.parent_of(*id).is_some()).collect();
    places.sort_by(|a, b| a.1.cmp(&b.1));
    places
}

/// A refusal with what it is about.
fn refused(refusal: &Refusal, pack: &Pack) -> String {
    let words = view::sentence(&refusal.to_string());
    match refusal {
        Refusal::GatesOpen(gates) => {
            let open: Vec<_> = gates.iter().map(|gate| gate.words(pack)).collect();
            format!("{words} {}", open.join(" "))
        }
        _ => words,
    }
}

/// What the audit log says of something done with a plan.
pub(super) fn audit(caller: &Caller, pupil: Uuid, action: &'static str) -> NewAudit<'static> {
    NewAudit { actor: Actor::Staff(caller.staff_id()), action, subject: Subject::Pupil(pupil), detail: None }
}

/// What a page shows beside the plan itself.
#[derive(Default)]
struct Drawn<'a> {
    week: Option<u16>,
    clock: String,
    look: String,
    part: &'static str,
    /// The form that begins a plan, as it was typed.
    begin: Option<&'a Sent>,
    /// A form that is gone, as it was typed.
    left: Option<&'a Sent>,
    sent: Option<&'a Sent>,
    wrong: String,
}

/// What changed since the form that somebody sent was opened, and the revision that a form drawn now is based on.
///
/// The plan was read before: so the list has everything of its revision, or more. If the list is cut off, the form is based on the last
/// revision that is whole in it; what comes after is shown the next time.
async fn since(state: &AppState, row: &PlanRow, sent: Option<&Sent>) -> Result<(Vec<PlanChangeRow>, Revision), ApiError> {
    let now = row.plan.revision();
    let Some(seen) = sent.and_then(seen).filter(|seen| *seen < now) else { return Ok((Vec::new(), now)) };
    let changes = state.store.plan_changes_since(row.plan_id, seen).await?;
    let is_cut = i64::try_from(changes.len()).is_ok_and(|count| count >= MOST_CHANGES);
    let whole = changes.last().filter(|_| is_cut).and_then(|last| u64::try_from(last.revision - 1).ok());
    Ok((changes, whole.map_or(now, |whole| now.min(Revision(whole)))))
}

/// The revision that a form was opened with.
fn seen(sent: &Sent) -> Option<Revision> {
    sent.get("revision")?.parse().ok().map(Revision)
}

fn plan_id(sent: &Sent) -> Option<Uuid> {
    sent.get("plan")?.parse().ok()
}

async fn draw(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    placement: &PlacementRow,
    drawn: &Drawn<'_>,
) -> Result<Html<String>, ApiError> {
    let now = state.clock.now().utc;
    let zone = scope.zone(placement.school_id);
    let today = now.with_timezone(&zone).date_naive();
    let row = state.store.plans_of(placement.placement_id).await?.into_iter().next();
    let names = told::Names::of(state, scope, placement).await?;
    let (mut about, mut meanwhile, mut plan) = ("There is no plan yet.".to_owned(), Vec::new(), None);
    if let Some(row) = &row {
        let PlanRow { plan_id: id, plan: kept, .. } = row;
        let pack = pack_of(kept)?;
        // What was typed into the form of another plan is not this one's.
        let sent = drawn.sent.filter(|sent| plan_id(sent) == Some(*id));
        let (changes, revision) = since(state, row, sent).await?;
        let lines = |rows: &[PlanChangeRow]| -> Vec<Line> {
            rows.iter().map(|row| names.line(row, pack, &view::moment(row.at, now, zone))).collect()
        };
        let typed = |part: &str| Typed(sent.filter(|_| drawn.part == part));
        let schools = cases::Schools::of(&state.store, placement, Some(kept)).await?;
        let (calendars, authority) = (schools.calendars(), scope.parent_of(placement.school_id));
        let facts = cases::facts(&state.store, pack, kept, placement.placement_id, authority, today).await?;
        let due = schedule(pack, &facts, &calendars);
        about = format!("{} Policy: {}.{}", route_words(pack, kept), pack.title, standing_words(pack, today));
        if let Some(words) = week_now(pack, &facts, &calendars, today) {
            about = format!("{about} {words}.");
        }
        meanwhile = lines(&changes);
        let history = state.store.plan_history(*id, None, None, SHOWN_CHANGES).await?;
        // Source: H-23, the head of the form.
        let born = state.store.pupil(placement.pupil_id).await?.and_then(|row| row.born);
        let born = born.map(|day| ("Date of birth", view::full_date(day)));
        let signers = names.signers(state, pack, kept, today).await?;
        let of = Shown {
            pack,
            plan: kept,
            names: &names,
            today,
            me: PersonId(caller.staff_id()),
            due: &due,
            signers: &signers,
            written: &ending::written_down(state, row).await?,
            changes: &changes,
            panel_told: cases::panel_was_told(pack, &facts),
        };
        let people = names.with(Party::ALL, today).into_iter().filter(|(person, _)| person.0 != placement.pupil_id).collect();
        let offers = fields::Offers { names: &names, people, places: places(scope) };
        let asked = week::asked_for(&of, (&facts, &calendars), typed("week"), (&drawn.clock, drawn.week));
        let head = fields::views((pack, fields::HEAD), kept, sent.filter(|_| drawn.part == "head"), &changes, &offers);
        plan = Some(PlanView {
            plan_id: *id,
            revision: revision.0,
            state: state_chip(&state_by(&facts, kept), today),
            stages: stages(pack, kept),
            draft: beginning::draft_view(&of, typed),
            assumes: schools.assumes().to_vec(),
            clocks: clocks::view(&of, &facts, &calendars),
            opening: opening::view(&of, typed),
            // What another answer has just made a question of is not left folded away.
            head_is_open: sent.is_some() && drawn.part == "head"
                || head.iter().any(|field| field.depends && field.required && field.value.is_empty()),
            head,
            fields: fields::views((pack, fields::STAGE_ONE), kept, sent.filter(|_| drawn.part == "aims"), &changes, &offers),
            week: week::view(&of, (&facts, &calendars), typed("week"), asked),
            meeting: meeting::view(&of, typed),
            lookback: lookback::view(state, &of, placement, (&facts, &calendars), typed("look-back"), &drawn.look).await?,
            ending: ending::view(&of, typed),
            // That something began empty is no news.
            history: lines(&history.into_iter().filter(told::is_news).collect::<Vec<_>>()),
            facts: overview(pack, kept, placement, &names, of.panel_told).into_iter().chain(born).collect(),
        });
    }
    let is_closed = row.as_ref().is_some_and(|row| matches!(row.plan.state(), PlanState::Closed(_)));
    let may_edit = scope.may_pupil(Action::EditPlan, placement);
    let may_begin = may_edit && (row.is_none() || is_closed);
    page(&PlanPage {
        frame: Frame::of(caller, scope, format!("Plan of {}", placement.pupil_name), "/pupils", now),
        pupil_id: placement.pupil_id,
        pupil_name: placement.pupil_name.clone(),
        about,
        may_edit: may_edit && !is_closed,
        wrong: drawn.wrong.clone(),
        meanwhile,
        has_earlier: earlier::is_any(state, scope, caller, placement.pupil_id).await?,
        begin: may_begin.then(|| beginning::begin_form(today, Typed(drawn.begin))).transpose()?,
        discarded: beginning::discarded(state, placement).await?,
        // Where no plan may begin any more, there is no form to hold what was typed.
        left: beginning::left(drawn.left.or(drawn.begin.filter(|_| !may_begin)), &names),
        plan,
    })
}

/// What every part of the page is drawn from.
pub(super) struct Shown<'a> {
    pack: &'a Pack,
    plan: &'a ReintegrationPlan,
    names: &'a told::Names,
    today: NaiveDate,
    /// Who reads the page.
    me: PersonId,
    due: &'a Schedule,
    /// Who may say for whom that the return succeeded.
    signers: &'a told::Signers,
    /// Who wrote down what somebody else signed.
    written: &'a BTreeMap<Party, String>,
    /// What changed since the form that somebody sent was opened.
    changes: &'a [PlanChangeRow],
    panel_told: Option<NaiveDate>,
}

/// That the authors of a policy meant to look at it again, or ended it. A plan goes on with the version it was begun with (H-1).
fn standing_words(pack: &Pack, today: NaiveDate) -> String {
    match pack.standing(today) {
        Standing::PastReview { since } => format!(" Its authors meant to review it by {}.", view::full_date(since)),
        Standing::Ended { on } => format!(" It ended on {}; this plan goes on with it.", view::full_date(on)),
        Standing::InForce | Standing::NotYet { .. } => String::new(),
    }
}

pub(super) fn route_words(pack: &Pack, plan: &ReintegrationPlan) -> String {
    let route = plan.basis().route;
    pack.routes.iter().find(|rule| rule.route == route).map_or_else(String::new, |rule| format!("{}.", rule.title))
}

/// The plan's state, with the first day at school that counts: somebody may have put it right where limits are counted from.
fn state_by(facts: &Facts, plan: &ReintegrationPlan) -> PlanState {
    match (plan.state(), facts.events.get(&Event::SchoolStart)) {
        (PlanState::Returning { .. }, Some(since)) => PlanState::Returning { since: *since },
        (state, _) => state.clone(),
    }
}

pub(super) fn state_chip(state: &PlanState, today: NaiveDate) -> Chip {
    match state {
        PlanState::Draft => Chip::new("line", "type", "Draft"),
        PlanState::Open => Chip::new("live", "check", "Open"),
        PlanState::Returning { since } => {
            let word = if *since <= today { "since" } else { "from" };
            Chip::new("live wrap", "arrow", format!("At school {word} {}", view::full_date(*since)))
        }
        PlanState::Closed(end) => Chip::new("rest wrap", "lock", format!("Closed on {}", view::full_date(end.on))),
        PlanState::Discarded { on, .. } => Chip::new("rest wrap", "lock", format!("Thrown away on {}", view::full_date(*on))),
    }
}

/// The stages of the form: their place on the page, and their titles.
pub(super) const STAGES: [(u16, &str, &str); 4] = [
    (1, "#s1", "Aims and readiness"),
    (2, "#s2", "Week pattern"),
    (3, "#s3", "Planning meeting"),
    (4, "#s4", "Weekly look-back"),
];

/// How complete each stage of the form is. It says nothing about the pupil.
fn stages(pack: &Pack, plan: &ReintegrationPlan) -> Vec<StageLink> {
    let progress = plan.progress(pack);
    let link = |(stage, href, words): (u16, &'static str, &str)| {
        let known = progress.iter().find(|known| known.stage == stage);
        let (icon, left) = match known {
            Some(known) if known.is_complete() => ("check", "done".to_owned()),
            Some(known) => ("clock", format!("{} of {} to do", known.missing.len(), known.asked)),
            None => ("clock", String::new()),
        };
        StageLink { href, icon, text: format!("{stage} {words}: {left}") }
    };
    STAGES.into_iter().map(link).collect()
}

/// Where the plan leads, and who answers for the pupil meanwhile.
pub(super) fn overview(
    pack: &Pack,
    plan: &ReintegrationPlan,
    placement: &PlacementRow,
    names: &Names,
    panel_told: Option<NaiveDate>,
) -> Vec<(&'static str, String)> {
    let length = match plan.more_weeks() {
        0 => format!("{} school weeks", plan.planned_weeks(pack)),
        more => format!("{} school weeks, {more} of them added", plan.planned_weeks(pack)),
    };
    let mut all = vec![
        ("Answers for the pupil", names.setting(plan.responsible(pack, panel_told))),
        ("Now at", placement.provider_name.clone().unwrap_or_else(|| "At home".to_owned())),
        ("Going to", names.setting(plan.receiving())),
        ("Goal", policy::called(Some(pack), plan.basis().end_goal).to_owned()),
        ("Planned", length),
    ];
    all.extend(plan.basis().in_their_words.as_ref().map(|words| ("In their words", words.expose().to_owned())));
    all
}
