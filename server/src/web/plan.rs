//! A pupil's plan: its stages, the form of stage 1, the pattern of a week, and who changed what.
//!
//! Works without scripts. Two people may have it open: who saves second is shown what the first wrote and chooses, field by field;
//! nothing is saved until then, and nothing of either is lost (see `fields.rs`). Every read is put in the audit log first.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::NaiveDate;
use serde::Deserialize;
use server_core::access::Action;
use server_core::deadline::{Schedule, schedule};
use server_core::party::{OrganisationId, Party, PersonId};
use server_core::plan::{Basis, Change, EndGoal, EngagementBeside, PlanState, Refusal, ReintegrationPlan, Revision};
use server_core::policy::{Code, Pack, Route, Standing, for_day};
use server_core::words::{Words, WordsError};
use store::audit::{Actor, NewAudit, Subject};
use store::placements::PlacementRow;
use store::plans::{Changed, MOST_CHANGES, PlanChangeRow, PlanRow};
use store::record::PartyRow;
use uuid::Uuid;

use self::fields::{FieldView, Input};
pub(super) use self::lookback::{looked_back, number_now, week_now};
use self::sent::Typed;
pub(super) use self::sent::{Choice, Sent, choices, code, optional_day, optional_words, past_day, words};
pub(super) use self::told::{Names, title};
use self::week::WeekView;
use super::view::{self, Chip};
use super::{Frame, earlier, page};
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::{self, Scope};
use crate::cases::{pack_of, packs};
use crate::{AppState, cases};

mod ending;
mod fields;
pub mod history;
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
    begin: Vec<Choices>,
    has_earlier: bool,
}

struct PlanView {
    plan_id: Uuid,
    revision: u64,
    state: Chip,
    stages: Vec<StageLink>,
    opening: opening::OpeningView,
    head: Vec<FieldView>,
    /// Somebody just typed into the head, and it was not saved.
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

/// A choice of the form that begins a plan.
pub(super) struct Choices {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) items: Vec<(String, String)>,
}

/// Which week's pattern is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    week: Option<u16>,
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
    draw(&state, &caller, &scope, &placement, &Drawn { week: asked.week, look: asked.look, ..Drawn::default() }).await
}

/// `POST /pupils/{pupil}/plan`: a plan begins, as a draft.
pub async fn begin(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::EditPlan).await?;
    let now = state.clock.now().utc;
    let today = scope.today(placement.school_id, now);
    let made = basis(&placement, &sent).and_then(|(pack_id, basis)| {
        let pack = for_day(packs().ok()?, &pack_id, today)?;
        ReintegrationPlan::draft(pack, basis).ok()
    });
    let Some(plan) = made else {
        let drawn = Drawn { wrong: "Choose a policy, a route, a length and a goal.".to_owned(), ..Drawn::default() };
        let html = draw(&state, &caller, &scope, &placement, &drawn).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, html).into_response());
    };
    // If somebody else began one meanwhile, that one is shown.
    let is_new =
        state.store.add_plan(Uuid::now_v7(), placement.placement_id, &plan, audit(&caller, pupil, "begin plan"), now).await?;
    if let (true, Some(key_worker)) = (is_new, placement.key_worker_id) {
        name_key_worker(&state, &caller, &placement, key_worker).await?;
    }
    Ok(Redirect::to(&format!("/pupils/{pupil}/plan")).into_response())
}

/// Whoever is named to the pupil has the key worker's part in the plan, from the first day on.
pub(super) async fn name_key_worker(
    state: &AppState,
    caller: &Caller,
    placement: &PlacementRow,
    key_worker: Uuid,
) -> Result<(), ApiError> {
    let known = state.store.parties(placement.placement_id).await?;
    if known.iter().any(|row| row.party == Party::KeyWorker && row.person.0 == key_worker && row.until_day.is_none()) {
        return Ok(());
    }
    let row = PartyRow {
        placement_party_id: Uuid::now_v7(),
        placement_id: placement.placement_id,
        party: Party::KeyWorker,
        person: PersonId(key_worker),
        name: None,
        from_day: None,
        until_day: None,
    };
    let audit = audit(caller, placement.pupil_id, "name key worker");
    Ok(state.store.set_party(&row, audit, state.clock.now().utc).await?)
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
    me: PersonId,
    /// Of the week that is looked back upon.
    engagement: Option<EngagementBeside>,
}

const PARTS: [Part; 17] = [
    Part {
        name: "aims",
        anchor: "s1",
        read: |case, sent| fields::changes(case.pack, fields::STAGE_ONE, case.plan, sent),
        touches: |_| String::new(),
    },
    Part {
        name: "head",
        anchor: "s0",
        read: |case, sent| fields::changes(case.pack, fields::HEAD, case.plan, sent),
        touches: |_| String::new(),
    },
    Part {
        name: "week",
        anchor: "s2",
        read: |case, sent| week::changes(case.pack, case.plan, sent),
        touches: |_| String::new(),
    },
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
    let plans = state.store.plans_of(placement.placement_id).await?;
    let row = plans.into_iter().find(|row| Some(row.plan_id) == plan_id(&sent)).ok_or(ApiError::NotFound)?;
    let again = async |status, wrong: String| -> Result<Response, ApiError> {
        let drawn = Drawn { part: part.name, sent: Some(&sent), wrong, ..Drawn::default() };
        Ok((status, draw(&state, &caller, &scope, &placement, &drawn).await?).into_response())
    };
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
    let engagement = match part.name {
        "look-back" => lookback::engagement(&state, &scope, &placement, &row.plan, &sent).await?,
        _ => None,
    };
    let case = Case { pack, plan: &row.plan, today, me: PersonId(caller.staff_id()), engagement };
    let changes = match (part.read)(&case, &sent) {
        Ok(changes) => changes,
        Err(wrong) => return again(StatusCode::UNPROCESSABLE_ENTITY, wrong).await,
    };
    if !changes.is_empty() {
        match state.store.change_plan(row.plan_id, based_on, pack, changes, audit(&caller, pupil, "change plan"), now).await? {
            Changed::Made(_) => {}
            Changed::Meanwhile { .. } => return again(StatusCode::CONFLICT, String::new()).await,
            Changed::Refused(refusal) => {
                return again(StatusCode::UNPROCESSABLE_ENTITY, refused(&refusal, pack)).await;
            }
            Changed::NoPlan => return Err(ApiError::NotFound),
        }
    }
    Ok(Redirect::to(&format!("/pupils/{pupil}/plan#{}", part.anchor)).into_response())
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

/// What was agreed before the plan begins, from the form.
fn basis(placement: &PlacementRow, sent: &Sent) -> Option<(Code, Basis)> {
    basis_of(sent, placement.school_id, placement.school_id, placement.provider_id)
}

/// The same of a pupil of `home`, who is to follow the lessons of `school`.
pub(super) fn basis_of(sent: &Sent, home: Uuid, school: Uuid, provider: Option<Uuid>) -> Option<(Code, Basis)> {
    let home = OrganisationId(home);
    let in_their_words = match sent.get("words").map(|text| Words::new(text)) {
        Some(Ok(words)) => Some(words),
        None | Some(Err(WordsError::Empty)) => None,
        Some(Err(_)) => return None,
    };
    let basis = Basis {
        route: Route::from_code(sent.get("route")?)?,
        home_school: home,
        provider: provider.map_or(home, OrganisationId),
        receiving_school: OrganisationId(school),
        responsible: home,
        planned_length: Code::new(sent.get("length")?)?,
        end_goal: GOALS.iter().find(|(code, ..)| Some(*code) == sent.get("goal").map(String::as_str))?.1,
        in_their_words,
    };
    Some((Code::new(sent.get("policy")?)?, basis))
}

/// End goals with their words.
const GOALS: [(&str, EndGoal, &str); 4] = [
    ("home-school", EndGoal::HomeSchool, "Back to the home school"),
    ("new-school", EndGoal::NewSchool, "A fresh start at another school"),
    ("long-term-place", EndGoal::LongTermPlace, "A long-term place"),
    ("no-return-planned", EndGoal::NoReturnPlanned, "No return is planned; reviews go on"),
];

/// What a page shows beside the plan itself.
#[derive(Default)]
struct Drawn<'a> {
    week: Option<u16>,
    look: String,
    part: &'static str,
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
    let (mut about, mut meanwhile, mut plan) = ("There is no plan yet.".to_owned(), Vec::new(), None);
    if let Some(row) = &row {
        let PlanRow { plan_id: id, plan: kept, .. } = row;
        let pack = pack_of(kept)?;
        // What was typed into the form of another plan is not this one's.
        let sent = drawn.sent.filter(|sent| plan_id(sent) == Some(*id));
        let (changes, revision) = since(state, row, sent).await?;
        let names = told::Names::of(state, scope, placement).await?;
        let lines = |rows: &[PlanChangeRow]| -> Vec<Line> {
            rows.iter().map(|row| names.line(row, pack, &view::moment(row.at, now, zone))).collect()
        };
        let typed = |part: &str| Typed(sent.filter(|_| drawn.part == part));
        let schools = cases::Schools::of(&state.store, placement).await?;
        let authority = scope.parent_of(placement.school_id);
        let facts = cases::facts(&state.store, pack, kept, placement.placement_id, authority).await?;
        let due = schedule(pack, &facts, &schools.calendars());
        about = format!("{} Policy: {}.{}", route_words(pack, kept), pack.title, standing_words(pack, today));
        let week_now = lookback::week_now(pack, &facts, &schools.calendars(), today);
        if let Some((clock, _)) = &week_now {
            about = format!("{about} {clock}.");
        }
        // The pattern is that of the first clock's weeks: this one, unless another is asked for.
        let week = lookback::number_now(pack.clocks.first(), &facts, &schools.calendars(), today).unwrap_or(1);
        let week = drawn.week.filter(|week| (1..=week::weeks(pack)).contains(week)).unwrap_or(week);
        meanwhile = lines(&changes);
        let history = state.store.plan_history(*id, None, None, SHOWN_CHANGES).await?;
        // Source: H-23, the head of the form.
        let born = state.store.pupil(placement.pupil_id).await?.and_then(|row| row.born);
        let born = born.map(|day| ("Date of birth", view::full_date(day)));
        let of = Shown { pack, plan: kept, names: &names, today, due: &due };
        let mut places: Vec<_> = scope.organisation_names().filter(|(id, _)| scope.parent_of(*id).is_some()).collect();
        places.sort_by(|a, b| a.1.cmp(&b.1));
        let people = names.with(Party::ALL, today).into_iter().filter(|(person, _)| person.0 != placement.pupil_id).collect();
        let offers = fields::Offers { names: &names, people, places };
        plan = Some(PlanView {
            plan_id: *id,
            revision: revision.0,
            state: state_chip(kept.state()),
            stages: stages(pack, kept),
            opening: opening::view(&of, typed),
            head: fields::views((pack, fields::HEAD), kept, sent.filter(|_| drawn.part == "head"), &changes, &offers),
            head_is_open: sent.is_some() && drawn.part == "head",
            fields: fields::views((pack, fields::STAGE_ONE), kept, sent.filter(|_| drawn.part == "aims"), &changes, &offers),
            week: week::view(pack, kept, sent.filter(|_| drawn.part == "week"), &changes, week),
            meeting: meeting::view(&of, typed),
            lookback: lookback::view(state, &of, placement, (&facts, &schools.calendars()), typed("look-back"), &drawn.look)
                .await?,
            ending: ending::view(&of, typed),
            // That something began empty is no news.
            history: lines(&history.into_iter().filter(told::is_news).collect::<Vec<_>>()),
            facts: overview(pack, kept, placement).into_iter().chain(born).collect(),
        });
    }
    let is_closed = row.as_ref().is_some_and(|row| matches!(row.plan.state(), PlanState::Closed(_)));
    let may_edit = scope.may_pupil(Action::EditPlan, placement);
    page(&PlanPage {
        frame: Frame::of(caller, scope, format!("Plan of {}", placement.pupil_name), "/pupils", now),
        pupil_id: placement.pupil_id,
        pupil_name: placement.pupil_name.clone(),
        about,
        may_edit: may_edit && !is_closed,
        wrong: drawn.wrong.clone(),
        meanwhile,
        has_earlier: earlier::is_any(state, scope, caller, placement.pupil_id).await?,
        begin: if may_edit && (row.is_none() || is_closed) { begin_choices(today)? } else { vec![] },
        plan,
    })
}

/// What every part of the page is drawn from.
pub(super) struct Shown<'a> {
    pack: &'a Pack,
    plan: &'a ReintegrationPlan,
    names: &'a told::Names,
    today: NaiveDate,
    due: &'a Schedule,
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

pub(super) fn state_chip(state: &PlanState) -> Chip {
    match state {
        PlanState::Draft => Chip::new("line", "type", "Draft"),
        PlanState::Open => Chip::new("live", "check", "Open"),
        PlanState::Returning { since } => {
            Chip::new("live wrap", "arrow", format!("At school since {}", view::full_date(*since)))
        }
        PlanState::Closed(end) => Chip::new("rest wrap", "lock", format!("Closed on {}", view::full_date(end.on))),
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

pub(super) fn overview(pack: &Pack, plan: &ReintegrationPlan, placement: &PlacementRow) -> Vec<(&'static str, String)> {
    let goal = GOALS.iter().find(|(_, goal, _)| *goal == plan.basis().end_goal).map_or("", |(.., words)| words);
    let length = format!("{} school weeks", plan.planned_weeks(pack));
    let now_at = placement.provider_name.clone().unwrap_or_else(|| "At home".to_owned());
    let responsible = plan.basis().responsible;
    let answers = if responsible.0 == placement.school_id {
        placement.school_name.clone()
    } else if placement.provider_id == Some(responsible.0) {
        placement.provider_name.clone().unwrap_or_else(|| "Another setting".to_owned())
    } else {
        "The home school".to_owned()
    };
    let mut all = vec![
        ("Answers for the pupil", answers),
        ("Now at", now_at),
        ("Going to", placement.school_name.clone()),
        ("Goal", goal.to_owned()),
        ("Planned", length),
    ];
    all.extend(plan.basis().in_their_words.as_ref().map(|words| ("In their words", words.expose().to_owned())));
    all
}

pub(super) fn begin_choices(today: NaiveDate) -> Result<Vec<Choices>, ApiError> {
    let packs = packs()?;
    let mut usable: Vec<&Pack> = packs.iter().filter_map(|pack| for_day(packs, &pack.key.id, today)).collect();
    usable.dedup_by(|a, b| a.key == b.key);
    let all = |items: Vec<(String, String)>| {
        let mut seen = std::collections::BTreeSet::new();
        items.into_iter().filter(|(code, _)| seen.insert(code.clone())).collect::<Vec<_>>()
    };
    let policies = usable.iter().map(|pack| (pack.key.id.to_string(), pack.title.clone())).collect();
    let routes =
        usable.iter().flat_map(|pack| &pack.routes).map(|rule| (rule.route.code().to_owned(), rule.title.clone())).collect();
    let lengths =
        usable.iter().flat_map(|pack| &pack.planned_lengths).map(|one| (one.id.to_string(), one.title.clone())).collect();
    let goals = GOALS.iter().map(|(code, _, words)| ((*code).to_owned(), (*words).to_owned())).collect();
    Ok(vec![
        Choices { name: "policy", label: "Policy", items: all(policies) },
        Choices { name: "route", label: "How the pupil came to be away", items: all(routes) },
        Choices { name: "length", label: "Planned length", items: all(lengths) },
        Choices { name: "goal", label: "What it is to lead to", items: goals },
    ])
}
