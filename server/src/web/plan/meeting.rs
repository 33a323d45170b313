//! Stage 3: the planning meeting, which counts only with the school and the pupil; what it settles; and the actions before the start.

use std::collections::BTreeMap;

use server_core::party::Party;
use server_core::plan::{ActionEntry, Change, How, Meeting, PlanState};
use server_core::policy::{ActionKind, ActionRule, Code, Event};

use super::fields::{by, seen};
use super::{Case, Choice, Sent, Shown, Typed, code, optional_day, optional_words, past_day};
use crate::web::view::{self, Chip};

/// Lists of the start that this stage ticks; the packs name them so.
const LISTS: [&str; 4] = ["start-gate", "prerequisites", "need", "transition-prompt"];
/// Ways to be there, with their words in forms.
const HOWS: [(&str, How, &str); 3] =
    [("in-person", How::InPerson, "In the room"), ("by-robot", How::ByRobot, "By robot"), ("by-call", How::ByCall, "By call")];

/// What the page shows of it.
pub struct MeetingView {
    pub due: String,
    pub held: Vec<HeldView>,
    pub on: String,
    pub convenors: Vec<Choice>,
    pub venues: Vec<Choice>,
    pub parties: Vec<(String, String, Vec<Choice>)>,
    pub outcomes: Vec<Choice>,
    pub notes: String,
    pub lists: Vec<ListView>,
    pub actions: Vec<ActionView>,
    pub may_hold: bool,
    pub may_begin: bool,
    pub gates: Vec<(usize, String, String)>,
    pub first_day: String,
}

pub struct HeldView {
    pub day: String,
    pub chip: Chip,
    pub who: String,
    pub advice: String,
    pub settled: String,
    pub notes: String,
}

pub struct ListView {
    pub id: String,
    pub title: String,
    pub items: Vec<ItemView>,
    /// Somebody just sent it, and it was not saved.
    pub is_open: bool,
}

/// An item to tick.
pub struct ItemView {
    pub code: String,
    pub words: String,
    pub is_done: bool,
    /// What somebody else did to it meanwhile.
    pub meanwhile: String,
}

pub struct ActionView {
    pub id: String,
    pub title: String,
    pub chip: Chip,
    pub is_open: bool,
    pub asks_day: bool,
    pub asks_settled: bool,
    pub list: Option<ListView>,
    pub details: String,
    pub outcome: String,
    pub day: String,
    pub is_settled: bool,
    pub agreed: Vec<Choice>,
}

/// Draws it.
pub fn view<'a>(of: &Shown<'_>, typed: impl Fn(&str) -> Typed<'a>) -> MeetingView {
    let (pack, plan, form) = (of.pack, of.plan, typed("meeting"));
    let due = of
        .due
        .due
        .iter()
        .find(|due| pack.deadlines.iter().any(|rule| rule.id == due.rule && rule.done_by == Some(Event::PlanningMeeting)));
    let by = due.filter(|due| due.done.is_none()).map(|due| due.day);
    let begin = typed("begin");
    let start = plan.action(&code_of("start-date")).and_then(|entry| entry.day);
    MeetingView {
        due: due.map_or_else(String::new, |due| due.arithmetic.sentence.clone()),
        held: plan.meetings().iter().rev().map(|held| held_view(of, held, by)).collect(),
        on: form.or("on", of.today),
        convenors: party_choices(&pack.meeting.convenors, &form.get("convenor")),
        venues: pack
            .meeting
            .venues
            .iter()
            .map(|venue| choice(venue.as_str(), venue_words(venue), &form.get("venue")))
            .collect(),
        parties: invited(of)
            .into_iter()
            .map(|party| {
                let chosen = form.get(&format!("present-{}", party.code()));
                let hows = HOWS.iter().map(|(code, _, words)| choice(code, (*words).to_owned(), &chosen)).collect();
                (party.code().to_owned(), view::sentence(party.words()).trim_end_matches('.').to_owned(), hows)
            })
            .collect(),
        outcomes: (pack.list("meeting-outcomes").iter())
            .map(|(code, words)| (code.to_string(), words.clone(), form.has(&format!("outcome-{code}"))))
            .collect(),
        notes: form.get("notes"),
        lists: LISTS.iter().filter_map(|list| list_view(of, &code_of(list), typed("list"))).collect(),
        actions: pack.actions.iter().map(|rule| action_view(of, rule, typed("action"), typed("list"))).collect(),
        may_hold: matches!(plan.state(), PlanState::Open | PlanState::Returning { .. }),
        may_begin: *plan.state() == PlanState::Open,
        gates: (0..).zip(plan.gates(pack)).map(|(n, gate)| (n, gate.words(pack), begin.get(&format!("reason-{n}")))).collect(),
        first_day: begin.or("on", start.map_or_else(String::new, |day| day.to_string())),
    }
}

fn code_of(text: &str) -> Code {
    Code::new(text).expect("a constant of this file is a code")
}

fn choice(code: &str, words: String, chosen: &str) -> Choice {
    (code.to_owned(), words, code == chosen)
}

fn party_choices(parties: &[Party], chosen: &str) -> Vec<Choice> {
    let words = |party: &Party| view::sentence(party.words()).trim_end_matches('.').to_owned();
    parties.iter().map(|party| choice(party.code(), words(party), chosen)).collect()
}

fn venue_words(venue: &Code) -> String {
    view::sentence(&venue.as_str().replace('-', " ")).trim_end_matches('.').to_owned()
}

/// Who must be there, then who is asked to come.
fn invited(of: &Shown<'_>) -> Vec<Party> {
    let rule = &of.pack.meeting;
    let mut all: Vec<Party> = rule.must_attend.iter().flatten().copied().collect();
    all.extend(rule.invite.iter().copied());
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|party| seen.insert(*party));
    all
}

fn held_view(of: &Shown<'_>, held: &Meeting, by: Option<chrono::NaiveDate>) -> HeldView {
    let rule = &of.pack.meeting;
    let who: Vec<_> = held
        .present
        .iter()
        .map(|(party, how)| {
            let way = match how {
                How::InPerson => "",
                How::ByRobot => " by robot",
                How::ByCall => " by call",
            };
            format!("{}{way}", party.words())
        })
        .collect();
    let settled: Vec<_> = (of.pack.list("meeting-outcomes").iter())
        .filter(|(code, _)| held.outcomes.contains(code))
        .map(|(_, words)| words.as_str())
        .collect();
    let advice = held.advice(rule, by).unwrap_or_default();
    HeldView {
        day: view::full_date(held.on),
        chip: if advice.is_empty() {
            Chip::new("live", "check", "It counts")
        } else {
            Chip::new("look", "look", "To be held again")
        },
        who: if who.is_empty() {
            "Nobody was there.".to_owned()
        } else {
            view::sentence(&format!("there: {}", who.join(", ")))
        },
        // A meeting that was held again needs no advice any more.
        advice: if plan_counts(of) { String::new() } else { advice },
        settled: if settled.is_empty() { String::new() } else { format!("Settled: {}.", settled.join("; ")) },
        notes: held.notes.as_ref().map(|notes| notes.expose().to_owned()).unwrap_or_default(),
    }
}

fn plan_counts(of: &Shown<'_>) -> bool {
    of.plan.meetings().iter().any(|held| held.missing(&of.pack.meeting).is_empty())
}

/// A list as it is, or as somebody just ticked it. An item that its writer left as it was is as the other one set it meanwhile; one that
/// the writer changed stays so: of two states, there is nothing else that both could have made of it.
fn list_view(of: &Shown<'_>, list: &Code, typed: Typed<'_>) -> Option<ListView> {
    let known = of.pack.lists.get(list)?;
    let ticked = of.plan.parts().ticked.get(list);
    let is_typed = typed.get("list") == list.as_str();
    let item = |(code, words): &(Code, String)| {
        let now = ticked.is_some_and(|done| done.contains(code));
        let path = format!("tick.{list}.{code}");
        let before = seen(of.changes, &path).map(|text| !text.is_empty());
        let mine = typed.has(&format!("item-{code}"));
        let is_done = match before {
            _ if !is_typed => now,
            Some(before) if mine == before => now,
            _ => mine,
        };
        let meanwhile = match before.filter(|before| is_typed && *before != now) {
            None => String::new(),
            Some(_) if now => format!("{} ticked this while you wrote.", by(of.changes, &path)),
            Some(_) => format!("{} took this tick away while you wrote.", by(of.changes, &path)),
        };
        ItemView { code: code.to_string(), words: words.clone(), is_done, meanwhile }
    };
    let items = known.items.iter().map(item).collect();
    Some(ListView { id: list.to_string(), title: known.title.clone(), items, is_open: is_typed })
}

fn action_view(of: &Shown<'_>, rule: &ActionRule, typed: Typed<'_>, ticks: Typed<'_>) -> ActionView {
    let entry = of.plan.action(&rule.id).cloned().unwrap_or_default();
    let list = rule.list.as_ref().and_then(|list| list_view(of, list, ticks));
    let is_typed = typed.get("action") == rule.id.as_str();
    let is_done = of.plan.is_settled(of.pack, &rule.id);
    let text = |name: &str, kept: String| if is_typed { typed.get(name) } else { kept };
    let agreed = |party: &Party| {
        let is = if is_typed { typed.has(&format!("agreed-{}", party.code())) } else { entry.agreed.contains(party) };
        (party.code().to_owned(), view::sentence(party.words()).trim_end_matches('.').to_owned(), is)
    };
    ActionView {
        id: rule.id.to_string(),
        title: rule.title.clone(),
        chip: match (is_done, rule.kind) {
            (_, ActionKind::Optional) if entry == ActionEntry::default() => Chip::new("line", "dot", "If needed"),
            (true, _) => Chip::new("live", "check", "Settled"),
            (false, _) => Chip::new("line", "clock", "Open"),
        },
        is_open: is_typed || list.as_ref().is_some_and(|list| list.is_open),
        asks_day: rule.kind == ActionKind::Day,
        asks_settled: rule.kind == ActionKind::Settled,
        list,
        details: text("details", entry.details.as_ref().map(|words| words.expose().to_owned()).unwrap_or_default()),
        outcome: text("outcome", entry.outcome.as_ref().map(|words| words.expose().to_owned()).unwrap_or_default()),
        day: text("day", entry.day.map_or_else(String::new, |day| day.to_string())),
        is_settled: if is_typed { typed.has("settled") } else { entry.is_settled },
        agreed: rule.agreed_by.iter().map(agreed).collect(),
    }
}

/// A meeting was held.
pub fn held(case: &Case<'_>, sent: &Sent) -> Result<Vec<Change>, String> {
    let convenor = sent.get("convenor").and_then(|code| Party::from_code(code)).ok_or("Choose who called the meeting.")?;
    let mut present = BTreeMap::new();
    for party in Party::ALL {
        let said = sent.get(&format!("present-{}", party.code()));
        if let Some((_, how, _)) = HOWS.iter().find(|(code, ..)| said.is_some_and(|said| said == code)) {
            present.insert(*party, *how);
        }
    }
    let outcomes = case.pack.list("meeting-outcomes").iter().map(|(code, _)| code);
    Ok(vec![Change::Meeting(Meeting {
        on: past_day(case.today, sent, "on", "The day of the meeting")?,
        convenor,
        venue: code(sent, "venue", "Where it was")?,
        present,
        outcomes: outcomes.filter(|code| sent.contains_key(&format!("outcome-{code}"))).cloned().collect(),
        notes: optional_words(sent, "notes", "What was said")?,
    })])
}

/// The ticks of one list, as the form has them.
pub fn ticks(case: &Case<'_>, sent: &Sent) -> Result<Vec<Change>, String> {
    let list = code(sent, "list", "The list")?;
    let known = case.pack.lists.get(&list).ok_or("The policy does not have this list.")?;
    let ticked = case.plan.parts().ticked.get(&list);
    let mut all = Vec::new();
    for item in known.codes() {
        let is_done = sent.contains_key(&format!("item-{item}"));
        if ticked.is_some_and(|done| done.contains(item)) != is_done {
            all.push(Change::Tick { list: list.clone(), item: item.clone(), is_done });
        }
    }
    Ok(all)
}

/// An action before the start.
pub fn action(case: &Case<'_>, sent: &Sent) -> Result<Vec<Change>, String> {
    let id = code(sent, "action", "The action")?;
    let rule = case.pack.actions.iter().find(|rule| rule.id == id).ok_or("The policy does not have this action.")?;
    let entry = ActionEntry {
        details: optional_words(sent, "details", "Details")?,
        outcome: optional_words(sent, "outcome", "Outcome")?,
        day: optional_day(sent, "day", "The day")?,
        is_settled: sent.contains_key("settled"),
        agreed: rule.agreed_by.iter().copied().filter(|party| sent.contains_key(&format!("agreed-{}", party.code()))).collect(),
    };
    let before = case.plan.action(&id).cloned().unwrap_or_default();
    Ok(if before == entry { Vec::new() } else { vec![Change::Action(id, entry)] })
}

/// How somebody was there, from a form.
pub(super) fn how(code: &str) -> Option<How> {
    HOWS.iter().find(|(known, ..)| *known == code).map(|(_, how, _)| *how)
}

/// Ways to be there, for forms.
pub(super) fn hows(chosen: &str) -> Vec<Choice> {
    HOWS.iter().map(|(code, _, words)| choice(code, (*words).to_owned(), chosen)).collect()
}
