//! Stage 4: looking back on a week. The policy's questions; attendance as somebody states it; and the engagement record beside it,
//! filled in by itself and never added.

use chrono::NaiveDate;
use server_core::deadline::{Calendars, Facts};
use server_core::plan::{
    Change, EngagementBeside, Evaluation, PlanState, ReintegrationPlan, Reply, Stated, StatedSource, Went,
};
use server_core::policy::{Clock, Code, EvaluationRule, Pack};
use store::placements::PlacementRow;

use super::{Case, Choice, Names, Sent, Shown, Typed, optional_words, words};
use crate::api::ApiError;
use crate::api::scope::Scope;
use crate::web::view;
use crate::{AppState, cases, lessons};

/// How it went, with its words in forms.
pub(super) const WENT: [(&str, Went, &str); 3] =
    [("yes", Went::Yes, "Yes"), ("partly", Went::Partly, "Partly"), ("not-this-time", Went::NotThisTime, "Not this time")];

/// What the page shows of it.
pub struct LookbackView {
    pub done: Vec<DoneView>,
    /// The weeks that may be chosen: `provider.04`.
    pub weeks: Vec<Choice>,
    /// The week that the form is for.
    pub of: String,
    pub title: String,
    pub step: String,
    pub questions: Vec<QuestionView>,
    pub attendance: String,
    pub punctuality: String,
    pub engagement: String,
    pub pupil_says: String,
    pub may_write: bool,
}

pub struct DoneView {
    pub title: String,
    pub replies: Vec<(String, String)>,
    pub beside: String,
    pub stated: String,
    pub pupil_says: String,
}

pub struct QuestionView {
    pub id: String,
    pub ask: String,
    pub if_not: String,
    pub went: Vec<Choice>,
    pub why: String,
    pub comment: String,
    pub action: String,
}

/// `Provider week 4 of 12`, of the last clock that runs today, with the number.
pub fn week_now(pack: &Pack, facts: &Facts, calendars: &Calendars<'_>, today: NaiveDate) -> Option<(String, u16)> {
    let of = |clock: &Clock| {
        let week = number_now(Some(clock), facts, calendars, today)?;
        Some((format!("{} {week} of {}", clock.title, clock.weeks), week))
    };
    pack.clocks.iter().rev().find_map(of)
}

/// The week of a clock today, if it runs.
pub fn number_now(clock: Option<&Clock>, facts: &Facts, calendars: &Calendars<'_>, today: NaiveDate) -> Option<u16> {
    let clock = clock?;
    let start = facts.events.get(&clock.starts)?;
    calendars.of(clock.calendar).week_number(*start, today).filter(|week| *week <= clock.weeks)
}

fn key(clock: &Code, week: u16) -> String {
    format!("{clock}.{week:02}")
}

/// The rule of a week that a form names.
fn rule_of<'a>(pack: &'a Pack, of: &str) -> Option<&'a EvaluationRule> {
    pack.evaluations.iter().find(|rule| key(&rule.clock, rule.week) == of)
}

fn title(pack: &Pack, clock: &Code, week: u16) -> String {
    let words = pack.clock(clock).map_or("Week", |clock| clock.title.as_str());
    format!("{words} {week}")
}

/// Draws it, for the week of a form that was sent or for the one `asked` for; else for the first without a look-back.
///
/// # Errors
/// The database does not answer.
pub async fn view(
    state: &AppState,
    of: &Shown<'_>,
    placement: &PlacementRow,
    (facts, calendars): (&Facts, &Calendars<'_>),
    typed: Typed<'_>,
    asked: &str,
) -> Result<LookbackView, ApiError> {
    let (pack, plan) = (of.pack, of.plan);
    let begun = |rule: &&EvaluationRule| {
        let clock = pack.clock(&rule.clock)?;
        let start = facts.events.get(&clock.starts)?;
        let monday = calendars.of(clock.calendar).monday_of_week(*start, rule.week)?;
        (monday <= of.today).then_some(monday)
    };
    let weeks: Vec<(&EvaluationRule, NaiveDate)> =
        pack.evaluations.iter().filter_map(|rule| Some((rule, begun(&rule)?))).collect();
    let is_open = |(rule, _): &&(&EvaluationRule, NaiveDate)| plan.evaluation(&rule.clock, rule.week).is_none();
    let chosen = rule_of(pack, &typed.get("of"))
        .or_else(|| rule_of(pack, asked))
        .and_then(|rule| weeks.iter().find(|(known, _)| *known == rule))
        .or_else(|| weeks.iter().find(is_open))
        .or_else(|| weeks.last());
    let mut beside = String::new();
    if let Some((_, monday)) = chosen {
        beside = beside_words(Some(of_week(state, placement, *monday, of.today).await?));
    }
    let kept = chosen.and_then(|(rule, _)| plan.evaluation(&rule.clock, rule.week));
    let stated = |part: fn(&Evaluation) -> Option<&Stated>| {
        kept.and_then(part).map(|stated| stated.figure.expose().to_owned()).unwrap_or_default()
    };
    let question = |question: &server_core::policy::Question| {
        let reply = kept.and_then(|kept| kept.replies.iter().find(|reply| reply.question == question.id));
        let name = |part: &str| format!("{part}-{}", question.id);
        let text = |part: &str, words: Option<&server_core::words::Words>| {
            typed.or(&name(part), words.map(|words| words.expose().to_owned()).unwrap_or_default())
        };
        let went = typed.or(&name("went"), reply.map_or("", |reply| went_code(reply.went)));
        QuestionView {
            id: question.id.to_string(),
            ask: question.ask.clone(),
            if_not: question.if_not.clone().unwrap_or_default(),
            went: WENT.iter().map(|(code, _, words)| ((*code).to_owned(), (*words).to_owned(), *code == went)).collect(),
            why: text("why", reply.and_then(|reply| reply.why.as_ref())),
            comment: text("comment", reply.and_then(|reply| reply.comment.as_ref())),
            action: text("action", reply.and_then(|reply| reply.action.as_ref())),
        }
    };
    let step = |rule: &EvaluationRule| {
        let steps = &pack.clock(&rule.clock)?.steps;
        steps.iter().find(|step| step.week == rule.week).map(|step| step.text.clone())
    };
    Ok(LookbackView {
        done: looked_back(pack, plan, of.names),
        weeks: weeks
            .iter()
            .map(|(rule, _)| {
                let is = chosen.is_some_and(|(one, _)| one == rule);
                (key(&rule.clock, rule.week), title(pack, &rule.clock, rule.week), is)
            })
            .collect(),
        of: chosen.map_or_else(String::new, |(rule, _)| key(&rule.clock, rule.week)),
        title: chosen.map_or_else(String::new, |(rule, _)| title(pack, &rule.clock, rule.week)),
        step: chosen.and_then(|(rule, _)| step(rule)).unwrap_or_default(),
        questions: chosen.map_or_else(Vec::new, |(rule, _)| rule.questions.iter().map(question).collect()),
        attendance: typed.or("attendance", stated(|kept| kept.attendance.as_ref())),
        punctuality: typed.or("punctuality", stated(|kept| kept.punctuality.as_ref())),
        engagement: beside,
        pupil_says: typed.or(
            "pupil-says",
            kept.and_then(|kept| kept.pupil_says.as_ref()).map(|words| words.expose().to_owned()).unwrap_or_default(),
        ),
        may_write: matches!(plan.state(), PlanState::Open | PlanState::Returning { .. }),
    })
}

fn went_code(went: Went) -> &'static str {
    WENT.iter().find(|(_, known, _)| *known == went).map_or("", |(code, ..)| code)
}

fn went_words(went: Went) -> &'static str {
    WENT.iter().find(|(_, known, _)| *known == went).map_or("", |(.., words)| words)
}

/// Every week that was looked back upon, in words, the latest first.
pub fn looked_back(pack: &Pack, plan: &ReintegrationPlan, names: &Names) -> Vec<DoneView> {
    plan.parts().evaluations.values().rev().map(|one| done_view(pack, names, one)).collect()
}

fn done_view(pack: &Pack, names: &Names, one: &Evaluation) -> DoneView {
    let rule = pack.evaluation(&one.clock, one.week);
    let reply = |reply: &Reply| {
        let ask = rule.and_then(|rule| rule.questions.iter().find(|question| question.id == reply.question));
        let more: Vec<_> =
            [&reply.why, &reply.comment, &reply.action].into_iter().flatten().map(|words| words.expose()).collect();
        let words = if more.is_empty() { String::new() } else { format!(". {}", more.join(" ")) };
        (ask.map_or_else(|| reply.question.to_string(), |ask| ask.ask.clone()), format!("{}{words}", went_words(reply.went)))
    };
    let stated = |title: &str, stated: Option<&Stated>| {
        stated.map(|stated| format!("{title}: {}, {}.", stated.figure.expose(), source(names, stated)))
    };
    let all = [stated("Attendance", one.attendance.as_ref()), stated("Punctuality", one.punctuality.as_ref())];
    DoneView {
        title: format!("{}, on {}", title(pack, &one.clock, one.week), view::full_date(one.on)),
        replies: one.replies.iter().map(reply).collect(),
        beside: one.engagement.map_or_else(String::new, |beside| beside_words(Some(beside))),
        stated: all.into_iter().flatten().collect::<Vec<_>>().join(" "),
        pupil_says: one.pupil_says.as_ref().map(|words| words.expose().to_owned()).unwrap_or_default(),
    }
}

fn source(names: &Names, stated: &Stated) -> String {
    match &stated.source {
        StatedSource::Person(person) => format!("stated by {}", names.name(*person)),
        StatedSource::Import { system, .. } => format!("from {system}"),
    }
}

fn beside_words(beside: Option<EngagementBeside>) -> String {
    beside.map_or_else(String::new, |beside| {
        let social = match beside.social.get() {
            0 => String::new(),
            minutes => format!(" With friends: {}, kept apart.", view::minutes(i64::from(minutes))),
        };
        format!("Live in lessons: {} of {} minutes expected.{social}", beside.in_lessons.get(), beside.expected.get())
    })
}

async fn of_week(
    state: &AppState,
    placement: &PlacementRow,
    monday: NaiveDate,
    today: NaiveDate,
) -> Result<EngagementBeside, ApiError> {
    let sunday = (monday + chrono::Days::new(6)).min(today);
    let days = lessons::school_days(&state.store, placement, (monday, sunday), state.clock.now().utc).await?;
    Ok(EngagementBeside::of(days.iter().map(|day| &day.account)))
}

/// The engagement record of the week that a form looks back upon.
///
/// # Errors
/// The database does not answer.
pub async fn engagement(
    state: &AppState,
    scope: &Scope,
    placement: &PlacementRow,
    plan: &ReintegrationPlan,
    sent: &Sent,
) -> Result<Option<EngagementBeside>, ApiError> {
    let pack = cases::pack_of(plan)?;
    let schools = cases::Schools::of(&state.store, placement).await?;
    let authority = scope.parent_of(placement.school_id);
    let facts = cases::facts(&state.store, pack, plan, placement.placement_id, authority).await?;
    let today = scope.today(placement.school_id, state.clock.now().utc);
    let monday = rule_of(pack, sent.get("of").map_or("", String::as_str)).and_then(|rule| {
        let clock = pack.clock(&rule.clock)?;
        schools.calendars().of(clock.calendar).monday_of_week(*facts.events.get(&clock.starts)?, rule.week)
    });
    match monday.filter(|monday| *monday <= today) {
        Some(monday) => Ok(Some(of_week(state, placement, monday, today).await?)),
        None => Ok(None),
    }
}

/// A week is looked back upon.
pub fn evaluate(case: &Case<'_>, sent: &Sent) -> Result<Vec<Change>, String> {
    let rule = rule_of(case.pack, sent.get("of").map_or("", String::as_str)).ok_or("Choose the week.")?;
    if case.engagement.is_none() {
        return Err("That week has not begun.".to_owned());
    }
    let mut replies = Vec::new();
    for question in &rule.questions {
        let name = |part: &str| format!("{part}-{}", question.id);
        let went = sent.get(&name("went")).and_then(|went| WENT.iter().find(|(code, ..)| code == went));
        replies.push(Reply {
            question: question.id.clone(),
            went: went.map(|(_, went, _)| *went).ok_or_else(|| format!("{} Choose an answer.", question.ask))?,
            why: optional_words(sent, &name("why"), &question.ask)?,
            comment: optional_words(sent, &name("comment"), &question.ask)?,
            action: optional_words(sent, &name("action"), &question.ask)?,
        });
    }
    let kept = case.plan.evaluation(&rule.clock, rule.week);
    let stated = |name: &str, label: &str, kept: Option<&Stated>| -> Result<Option<Stated>, String> {
        if sent.get(name).is_none_or(|text| text.trim().is_empty()) {
            return Ok(None);
        }
        let figure = words(sent, name, label)?;
        // What nobody changed keeps who stated it.
        if let Some(kept) = kept.filter(|kept| kept.figure == figure) {
            return Ok(Some(kept.clone()));
        }
        Ok(Some(Stated { figure, source: StatedSource::Person(case.me), on: case.today }))
    };
    Ok(vec![Change::Evaluate(Evaluation {
        clock: rule.clock.clone(),
        week: rule.week,
        on: case.today,
        replies,
        attendance: stated("attendance", "Attendance", kept.and_then(|kept| kept.attendance.as_ref()))?,
        punctuality: stated("punctuality", "Punctuality", kept.and_then(|kept| kept.punctuality.as_ref()))?,
        engagement: case.engagement,
        pupil_says: optional_words(sent, "pupil-says", "What the pupil says")?,
    })])
}
