//! The log of contacts and checks, and which of them are owed.
//!
//! A connection alone is not contact: a visit by robot counts only if somebody is named who spoke with the pupil, and an attempt that
//! nobody answered is worth writing down and counts for nothing (see `server_core::contact`). Each entry says whether it counts, and
//! if not, what is missing. A row is never changed. In one case a rule may be kept in another rhythm, on another day or not at all, with a
//! reason that stays beside it (H-1).

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::{DateTime, Days, NaiveDate, Utc};
use protocol::SessionId;
use server_core::access::Action;
use server_core::calendar::monday_of;
use server_core::contact::{By, CheckOutcome, Contact, cadences, counts};
use server_core::party::{Party, PersonId, listed};
use server_core::policy::{self, Code, ContactRule, Instead, Override, Pack, Unit};
use server_core::words::Reason;
use store::audit::NewAudit;
use store::placements::PlacementRow;
use store::record::DeadlineWord;
use uuid::Uuid;

use super::due::{self, DueView, WORD, due_view, last_word};
use super::meanwhile::{Meanwhile, NotSaved, drawn_from};
use super::plan::{self, Sent, optional_words};
use super::{Frame, page, view};
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::{self, Scope};
use crate::{AppState, cases};

/// Visits by robot of so many days may be chosen.
const VISIT_DAYS: u64 = 14;
/// Periods of a rule that the page lists, the latest.
const SHOWN_PERIODS: usize = 4;
/// How a contact came about, with its words.
const KINDS: [(&str, &str); 5] = [
    ("call", "By telephone or video call"),
    ("visit", "In person"),
    ("message", "By letter or message, and they answered"),
    ("attempt", "Tried, and nobody answered"),
    ("robot", "A visit to class by robot"),
];
/// Who may have been part of a contact.
const WITH: [Party; 7] =
    [Party::Pupil, Party::Parent, Party::HomeSchool, Party::KeyWorker, Party::ProviderLead, Party::Advocate, Party::Health];

#[derive(Template)]
#[template(path = "staff/contacts.html")]
struct ContactsPage {
    frame: Frame,
    pupil_id: Uuid,
    pupil_name: String,
    wrong: String,
    meanwhile: Option<Meanwhile>,
    /// The last word that the forms about rules are drawn from.
    was_word: String,
    may_write: bool,
    may_edit: bool,
    has_plan: bool,
    rules: Vec<RuleView>,
    log: Vec<EntryView>,
    today: NaiveDate,
    on: String,
    kinds: Vec<(&'static str, &'static str, bool)>,
    with: Vec<(&'static str, String, bool)>,
    visits: Vec<(String, String, bool)>,
    spoke: Vec<(String, String, bool)>,
    found: Vec<(&'static str, String, bool)>,
    notes: String,
}

struct RuleView {
    id: String,
    title: String,
    last: String,
    /// What is open first; each with the weeks that it is for.
    due: Vec<(String, DueView)>,
    /// It is owed once: there is no rhythm that could be another one.
    once: bool,
    /// In what it is counted: "school weeks".
    unit: &'static str,
    /// The period that another day may hold for, if the rule has several.
    period: String,
    /// What holds in its place, and why.
    instead: String,
    /// What somebody just typed about it, and was not saved.
    typed: Option<Sent>,
}

impl RuleView {
    fn typed(&self, name: &str) -> &str {
        self.typed.as_ref().and_then(|sent| sent.get(name)).map_or("", String::as_str)
    }

    fn chose(&self, what: &str) -> bool {
        self.typed("what") == what
    }
}

/// An entry, told.
pub(super) struct EntryView {
    pub(super) day: String,
    pub(super) words: String,
    pub(super) notes: String,
    /// Rules for which it counts.
    pub(super) counts: Vec<String>,
    /// Why it does not.
    pub(super) not: Vec<String>,
}

/// `GET /pupils/{pupil}/contacts`
pub async fn show(State(state): State<AppState>, caller: Caller, Path(pupil): Path<Uuid>) -> Result<Html<String>, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::ReadContacts).await?;
    state.store.append_audit(plan::audit(&caller, pupil, "read contacts"), state.clock.now().utc).await?;
    draw(&state, &caller, &scope, &placement, &Sent::new(), None).await
}

/// `POST /pupils/{pupil}/contacts/instead`: in this case a rule is kept otherwise, with the reason.
pub async fn instead(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::EditPlan).await?;
    let now = state.clock.now().utc;
    let today = scope.today(placement.school_id, now);
    let row = state.store.plans_of(placement.placement_id).await?.into_iter().next().ok_or(ApiError::NotFound)?;
    let (pack, me) = (cases::pack_of(&row.plan)?, PersonId(caller.staff_id()));
    let word = if sent.get("what").is_some_and(|what| what == "applies") {
        let said = state.store.case_rows(placement.placement_id).await?.overrides;
        read_applies(&sent, &said, pack, me, today)
    } else {
        read_instead(&sent, pack, me, today).map(DeadlineWord::Instead)
    };
    let word = match word {
        Ok(word) => word,
        Err(wrong) => return again(&state, &caller, &scope, &placement, &sent, wrong.into()).await,
    };
    let audit = NewAudit { detail: Some("contact"), ..plan::audit(&caller, pupil, "say limit") };
    let page = format!("/pupils/{pupil}/contacts");
    match due::say_word(&state, &scope, &placement, &sent, &word, audit, (&page, "instead")).await? {
        None => Ok(Redirect::to(&page).into_response()),
        Some(other) => again(&state, &caller, &scope, &placement, &sent, other).await,
    }
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

fn read_instead(sent: &Sent, pack: &Pack, by: PersonId, on: NaiveDate) -> Result<Override, String> {
    let rule = sent.get("rule").and_then(|code| Code::new(code));
    let known = pack.contacts.iter().find(|known| Some(&known.id) == rule.as_ref());
    let known = known.ok_or("That contact is not one of the policy.")?;
    let (week, instead) = match sent.get("what").map(String::as_str) {
        Some("count") if !known.once => {
            let every = sent.get("every").and_then(|every| every.trim().parse().ok());
            (None, Instead::Count(every.ok_or("Write a whole number.")?))
        }
        Some("day") => {
            let day =
                sent.get("day").and_then(|day| day.trim().parse().ok()).ok_or("Choose the day that holds in its place.")?;
            let period = sent.get("period").and_then(|period| period.parse().ok());
            (period.filter(|_| !known.once), Instead::Day(day))
        }
        Some("not") => (None, Instead::DoesNotApply),
        _ => return Err("Choose what holds.".to_owned()),
    };
    let reason = Reason::new(sent.get("reason").map_or("", String::as_str));
    let reason = reason.map_err(|_| "Say why it is kept otherwise here: one sentence of your own is enough.")?;
    let own = Override { rule: known.id.clone(), week, instead, reason, by, on };
    own.check(pack).map_err(|error| view::sentence(&error.to_string()))?;
    Ok(own)
}

/// What was said last in place of a rule is taken back.
fn read_applies(sent: &Sent, said: &[Override], pack: &Pack, by: PersonId, on: NaiveDate) -> Result<DeadlineWord, String> {
    let rule = sent.get("rule").and_then(|code| Code::new(code));
    let own =
        pack.contacts.iter().find(|known| Some(&known.id) == rule.as_ref()).and_then(|known| instead_of(known, said, pack));
    let own = own.ok_or("It is kept as the policy says it already.")?;
    Ok(DeadlineWord::Applies { rule: own.rule.clone(), week: own.week, by, on })
}

/// What was said last in place of a rule, for whichever period.
fn instead_of<'a>(rule: &ContactRule, overrides: &'a [Override], pack: &Pack) -> Option<&'a Override> {
    overrides.iter().rev().find(|own| own.rule == rule.id && own.check(pack).is_ok())
}

fn unit_words(rule: &ContactRule) -> &'static str {
    match rule.unit {
        Unit::SchoolWeeks => "school weeks",
        Unit::SchoolDays => "school days",
        Unit::Weeks => "weeks",
        Unit::CalendarDays => "days",
    }
}

/// `Week of Monday 23 November`, `Weeks of Monday 9 November to Monday 30 November`
fn weeks_words(period: Option<(NaiveDate, NaiveDate)>) -> String {
    let Some((first, last)) = period.map(|(first, last)| (monday_of(first), monday_of(last))) else { return String::new() };
    let words = |monday: NaiveDate| monday.format("%A %-d %B").to_string();
    if first == last { format!("Week of {}", words(first)) } else { format!("Weeks of {} to {}", words(first), words(last)) }
}

/// What holds in place of a rule, with who said so and why.
fn instead_words(rule: &ContactRule, overrides: &[Override], pack: &Pack, names: &plan::Names) -> String {
    let Some(own) = instead_of(rule, overrides, pack) else { return String::new() };
    let what = match own.instead {
        Instead::Count(1) => format!("in each of the {}", unit_words(rule)),
        Instead::Count(every) => format!("every {every} {}", unit_words(rule)),
        Instead::Day(day) => format!("by {}, once", view::full_date(day)),
        Instead::DoesNotApply => "it does not apply".to_owned(),
    };
    let said = format!("{}, {}", names.name(own.by), view::full_date(own.on));
    format!("Here: {what}. {} ({said})", view::sentence(own.reason.expose()))
}

/// `POST /pupils/{pupil}/contacts`
pub async fn write(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::WriteContact).await?;
    let now = state.clock.now().utc;
    let today = scope.today(placement.school_id, now);
    let visits = visits(&state, &placement, now).await?;
    let pack = cases::newest_pack(&state.store, placement.placement_id).await?;
    let contact = match read(&sent, pack, PersonId(caller.staff_id()), today, &visits) {
        Ok(contact) => contact,
        Err(wrong) => return again(&state, &caller, &scope, &placement, &sent, wrong.into()).await,
    };
    let audit = plan::audit(&caller, pupil, "write contact");
    state.store.add_contact(Uuid::now_v7(), placement.placement_id, &contact, audit, now).await?;
    Ok(Redirect::to(&format!("/pupils/{pupil}/contacts")).into_response())
}

/// Visits by robot that a contact may be about: which, and when they ended.
async fn visits(
    state: &AppState,
    placement: &PlacementRow,
    now: DateTime<Utc>,
) -> Result<Vec<(SessionId, DateTime<Utc>)>, ApiError> {
    let rows = state.store.ended_visits(placement.pupil_id, now - Days::new(VISIT_DAYS), now).await?;
    let mut all: Vec<_> = rows
        .into_iter()
        .filter_map(|row| Some((SessionId(row.session_id), DateTime::from_timestamp_millis(row.at_ms)?)))
        .collect();
    all.sort_by_key(|(_, at)| std::cmp::Reverse(*at));
    Ok(all)
}

fn read(
    sent: &Sent,
    pack: Option<&Pack>,
    me: PersonId,
    today: NaiveDate,
    visits: &[(SessionId, DateTime<Utc>)],
) -> Result<Contact, String> {
    let on = sent.get("on").and_then(|day| day.trim().parse().ok()).filter(|on: &NaiveDate| *on <= today);
    let by = match sent.get("by").map(String::as_str) {
        Some("visit") => By::Visit,
        Some("call") => By::Call,
        Some("message") => By::Message,
        Some("attempt") => By::Attempt,
        Some("robot") => {
            let id: Option<Uuid> = sent.get("visit").and_then(|id| id.parse().ok());
            let visit = visits.iter().find(|(session, _)| Some(session.0) == id);
            let (session, _) = visit.ok_or("Choose which visit by robot it was.")?;
            let spoke = sent.get("spoke").and_then(|id| id.parse().ok()).map(PersonId);
            By::Robot { session: *session, spoke }
        }
        _ => return Err("Choose how it came about.".to_owned()),
    };
    let with: BTreeSet<Party> = WITH.into_iter().filter(|party| sent.contains_key(&format!("with-{}", party.code()))).collect();
    if with.is_empty() {
        return Err("Choose who took part, or who was tried.".to_owned());
    }
    let outcome = match sent.get("found").map_or("", String::as_str) {
        "" => None,
        code => Some(policy::chosen::<CheckOutcome>(pack, code).ok_or("What the check found: choose one of the list.")?),
    };
    let notes = optional_words(sent, "notes", "What was said")?;
    let on = on.ok_or("Choose the day: today, or one before.")?;
    Ok(Contact { on, by, with, written_by: me, outcome, notes })
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
    let zone = scope.zone(placement.school_id);
    let today = now.with_timezone(&zone).date_naive();
    let names = plan::Names::of(state, scope, placement).await?;
    let log: Vec<Contact> = (state.store.contacts(placement.placement_id, placement.from_day, today).await?.into_iter())
        .map(|(_, contact)| contact)
        .collect();
    let row = state.store.plans_of(placement.placement_id).await?.into_iter().next();
    let (mut rules, mut pack): (Vec<RuleView>, Option<&Pack>) = (Vec::new(), None);
    if let Some(row) = &row {
        let its = cases::pack_of(&row.plan)?;
        pack = Some(its);
        let schools = cases::Schools::of(&state.store, placement, Some(&row.plan)).await?;
        let calendars = schools.calendars();
        let said = state.store.case_rows(placement.placement_id).await?;
        let route = row.plan.basis().route;
        let all = cadences(its, route, &log, &said.overrides, &calendars, placement.from_day, today);
        let asked = its.contacts.iter().filter(|rule| rule.routes.is_empty() || rule.routes.contains(&route));
        for (rule, cadence) in asked.zip(all) {
            let last = cadence.last.map_or_else(|| "Not yet.".to_owned(), |day| format!("Last: {}.", view::full_date(day)));
            let mut shown: Vec<_> = cadence.due.iter().rev().take(SHOWN_PERIODS).collect();
            shown.sort_by_key(|due| due.done.is_some());
            rules.push(RuleView {
                typed: sent.get("rule").filter(|id| **id == rule.id.to_string()).map(|_| sent.clone()),
                id: rule.id.to_string(),
                title: rule.title.clone(),
                last,
                once: rule.once,
                unit: unit_words(rule),
                period: (cadence.due.last().and_then(|due| due.week)).map_or_else(String::new, |period| period.to_string()),
                instead: instead_words(rule, &said.overrides, its, &names),
                due: (shown.into_iter())
                    .map(|due| (weeks_words(cadence.period_of(due)), due_view(due, &calendars, now)))
                    .collect(),
            });
        }
    }
    let typed = |name: &str| sent.get(name).cloned().unwrap_or_default();
    let spoke = names.with(&[Party::HomeSchool, Party::ReceivingSchool, Party::KeyWorker, Party::ProviderLead], today);
    let me = (PersonId(caller.staff_id()), caller.name.clone());
    let spoke = spoke.into_iter().chain((!names.has(me.0, today)).then_some(me));
    let capital = |party: Party| view::sentence(party.words()).trim_end_matches('.').to_owned();
    page(&ContactsPage {
        frame: Frame::of(caller, scope, format!("Contacts of {}", placement.pupil_name), "/pupils", now),
        pupil_id: placement.pupil_id,
        pupil_name: placement.pupil_name.clone(),
        was_word: drawn_from(sent, WORD, &wrong, last_word(state, placement).await?),
        wrong,
        meanwhile,
        may_write: scope.may_pupil(Action::WriteContact, placement),
        may_edit: scope.may_pupil(Action::EditPlan, placement),
        has_plan: row.is_some(),
        rules,
        log: log.iter().rev().map(|contact| entry(contact, pack, &names)).collect(),
        today,
        on: sent.get("on").cloned().unwrap_or_else(|| today.to_string()),
        kinds: KINDS.map(|(code, words)| (code, words, typed("by") == code)).to_vec(),
        with: WITH.map(|party| (party.code(), capital(party), sent.contains_key(&format!("with-{}", party.code())))).to_vec(),
        visits: (visits(state, placement, now).await?.into_iter())
            .map(|(session, at)| {
                let id = session.0.to_string();
                let is = typed("visit") == id;
                (id, format!("Until {}", view::moment(at, now, zone)), is)
            })
            .collect(),
        spoke: spoke
            .map(|(person, name)| {
                let id = person.0.to_string();
                let is = typed("spoke") == id;
                (id, name, is)
            })
            .collect(),
        found: (policy::offered::<CheckOutcome>(pack).into_iter())
            .map(|(found, words)| (found.code(), words.to_owned(), typed("found") == found.code()))
            .collect(),
        notes: typed("notes"),
    })
}

pub(super) fn entry(contact: &Contact, pack: Option<&Pack>, names: &plan::Names) -> EntryView {
    let by = match contact.by {
        By::Visit => "in person".to_owned(),
        By::Call => "by telephone or video call".to_owned(),
        By::Message => "by message".to_owned(),
        By::Attempt => "tried, nobody answered".to_owned(),
        By::Robot { spoke: None, .. } => "by robot, nobody is named who spoke".to_owned(),
        By::Robot { spoke: Some(person), .. } => format!("by robot, {} spoke with the pupil", names.name(person)),
    };
    let with: Vec<Party> = contact.with.iter().copied().collect();
    let found = contact.outcome.map(|outcome| policy::called(pack, outcome));
    let (mut yes, mut not) = (Vec::new(), Vec::new());
    for rule in pack.map(|pack| pack.contacts.as_slice()).unwrap_or_default() {
        // Rules about others say nothing of this entry.
        let is_about = rule.with.iter().any(|party| contact.with.contains(party));
        match counts(rule, contact) {
            Ok(()) => yes.push(rule.title.clone()),
            Err(server_core::contact::NotCounted::Without(_) | server_core::contact::NotCounted::NoOutcome) => {}
            Err(why) if is_about => not.push(view::sentence(&why.to_string())),
            Err(_) => {}
        }
    }
    not.dedup();
    EntryView {
        day: view::full_date(contact.on),
        words: view::sentence(&format!("{}: {by}", listed(&with))),
        notes: match (found, &contact.notes) {
            (Some(found), Some(notes)) => format!("{found}. {}", notes.expose()),
            (Some(found), None) => format!("{found}."),
            (None, Some(notes)) => notes.expose().to_owned(),
            (None, None) => String::new(),
        },
        counts: yes,
        not,
    }
}
