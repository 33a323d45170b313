//! Stage 4: looking back on a week. The policy's questions; attendance as somebody states it; and the engagement record beside it,
//! filled in by itself and never added. Where the school's imported marks cover the week, they are offered as what is stated.
//! Weeks that were added to the plan are looked back upon as the clock's last week is.

use chrono::NaiveDate;
use chrono_tz::Tz;
use server_core::deadline::{Calendars, Facts};
use server_core::plan::{
    Change, EngagementBeside, Evaluation, PlanState, ReintegrationPlan, Reply, Stated, StatedSource, Went,
};
use server_core::policy::{Clock, Code, EvaluationRule, Pack};
use store::placements::PlacementRow;

use super::imported::{self, ImportedWeek};
use super::{Case, Choice, Names, Sent, Shown, Typed, optional_words, words};
use crate::api::ApiError;
use crate::api::scope::Scope;
use crate::web::{record, view};
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
    /// What the school's file says: `attendance`, and the figure. The form sends it back, so that it is known what was offered.
    pub offered: Vec<(&'static str, String)>,
    /// The same in words, with source and time.
    pub imported: Vec<String>,
    pub engagement: String,
    /// What looks wrong about its minutes, day by day.
    pub odd: Vec<String>,
    pub pupil_says: String,
    pub may_write: bool,
}

pub struct DoneView {
    pub title: String,
    pub replies: Vec<(String, String)>,
    pub beside: String,
    /// What looked wrong about these minutes when they were filled in.
    pub odd: Vec<String>,
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

/// `Provider week 8 of 12. School week 1 of 8`: every clock that runs today.
pub fn week_now(pack: &Pack, facts: &Facts, calendars: &Calendars<'_>, today: NaiveDate) -> Option<String> {
    let of = |clock: &Clock| {
        let week = number_now(Some(clock), facts, calendars, today)?;
        Some(format!("{} {week} of {}", clock.title, clock.weeks.saturating_add(facts.more_weeks)))
    };
    let all: Vec<String> = pack.clocks.iter().filter_map(of).collect();
    (!all.is_empty()).then(|| all.join(". "))
}

/// The week of a clock today, if it runs.
pub fn number_now(clock: Option<&Clock>, facts: &Facts, calendars: &Calendars<'_>, today: NaiveDate) -> Option<u16> {
    let clock = clock?;
    let start = facts.events.get(&clock.starts)?;
    let weeks = clock.weeks.saturating_add(facts.more_weeks);
    calendars.of(clock.calendar).week_number(*start, today).filter(|week| *week <= weeks)
}

fn key(clock: &Code, week: u16) -> String {
    format!("{clock}.{week:02}")
}

/// A week with its questions.
type Week<'a> = (u16, &'a EvaluationRule);

/// The week that a form names.
fn week_of<'a>(pack: &'a Pack, plan: &ReintegrationPlan, of: &str) -> Option<Week<'a>> {
    plan.look_backs(pack).into_iter().find(|(week, rule)| key(&rule.clock, *week) == of)
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
    let monday = |(week, rule): Week<'_>| {
        let clock = pack.clock(&rule.clock)?;
        let start = facts.events.get(&clock.starts)?;
        let monday = calendars.of(clock.calendar).monday_of_week(*start, week)?;
        (monday <= of.today).then_some(monday)
    };
    let weeks: Vec<(Week<'_>, NaiveDate)> =
        plan.look_backs(pack).into_iter().filter_map(|week| Some((week, monday(week)?))).collect();
    let is_open = |((week, rule), _): &&(Week<'_>, NaiveDate)| plan.evaluation(&rule.clock, *week).is_none();
    let named = |of: &str| weeks.iter().find(|((week, rule), _)| key(&rule.clock, *week) == of);
    let chosen = named(&typed.get("of")).or_else(|| named(asked));
    let chosen = chosen.or_else(|| weeks.iter().find(is_open)).or_else(|| weeks.last());
    let (mut beside, mut imported) = (None, None);
    if let Some((_, monday)) = chosen {
        beside = Some(of_week(state, placement, of.names.zone(), *monday, of.today).await?);
        imported = imported::of_week(&state.store, placement, calendars.home_school, *monday).await?;
    }
    let told = |part: fn(&ImportedWeek) -> Option<&Stated>| imported.as_ref().and_then(part);
    let offers = [
        ("attendance", "Attendance", told(|week| Some(&week.attendance))),
        ("punctuality", "Punctuality", told(|week| week.punctuality.as_ref())),
    ];
    let kept = chosen.and_then(|((week, rule), _)| plan.evaluation(&rule.clock, *week));
    let stated = |name: &str, part: fn(&Evaluation) -> Option<&Stated>| {
        let offered = offers.iter().find(|(known, ..)| *known == name).and_then(|(.., offered)| *offered);
        let otherwise = kept.and_then(part).or(offered).map(|stated| stated.figure.expose().to_owned()).unwrap_or_default();
        match offered {
            // Nobody typed what the file said before.
            Some(now) if typed.is_any() && typed.get(name) == typed.get(&offer_name(name)) => now.figure.expose().to_owned(),
            _ => typed.or(name, otherwise),
        }
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
    let step = |(week, rule): Week<'_>| {
        let clock = pack.clock(&rule.clock)?;
        let is_added = week > clock.weeks;
        let step = clock.steps.iter().find(|step| step.week == week).map(|step| step.text.clone());
        step.or_else(|| is_added.then(|| "A week that was added to the plan.".to_owned()))
    };
    Ok(LookbackView {
        done: looked_back(pack, plan, of.names),
        weeks: weeks
            .iter()
            .map(|((week, rule), _)| {
                let is = chosen.is_some_and(|((one, of), _)| one == week && of.clock == rule.clock);
                (key(&rule.clock, *week), title(pack, &rule.clock, *week), is)
            })
            .collect(),
        of: chosen.map_or_else(String::new, |((week, rule), _)| key(&rule.clock, *week)),
        title: chosen.map_or_else(String::new, |((week, rule), _)| title(pack, &rule.clock, *week)),
        step: chosen.and_then(|(week, _)| step(*week)).unwrap_or_default(),
        questions: chosen.map_or_else(Vec::new, |((_, rule), _)| rule.questions.iter().map(question).collect()),
        attendance: stated("attendance", |kept| kept.attendance.as_ref()),
        punctuality: stated("punctuality", |kept| kept.punctuality.as_ref()),
        offered: offers
            .iter()
            .filter_map(|(name, _, stated)| Some((*name, stated.as_ref()?.figure.expose().to_owned())))
            .collect(),
        imported: offers
            .iter()
            .filter_map(|(_, title, stated)| stated.as_ref().map(|stated| stated_words(of.names, title, stated)))
            .collect(),
        engagement: beside.as_ref().map_or_else(String::new, beside_words),
        odd: beside.map(|beside| beside.odd).unwrap_or_default(),
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
    plan.parts().evaluations.values().rev().map(|one| done_view(pack, plan, names, one)).collect()
}

fn done_view(pack: &Pack, plan: &ReintegrationPlan, names: &Names, one: &Evaluation) -> DoneView {
    let rule = plan.look_back(pack, &one.clock, one.week);
    let reply = |reply: &Reply| {
        let ask = rule.and_then(|rule| rule.questions.iter().find(|question| question.id == reply.question));
        let mut said = went_words(reply.went).to_owned();
        for (title, words) in [("", &reply.why), ("", &reply.comment), ("To do: ", &reply.action)] {
            let Some(words) = words else { continue };
            // Each is a sentence, whether or not its writer gave it an end.
            let end = if said.ends_with(['.', '!', '?']) { "" } else { "." };
            said += &format!("{end} {title}{}", words.expose());
        }
        (ask.map_or_else(|| reply.question.to_string(), |ask| ask.ask.clone()), said)
    };
    let stated = |title: &str, stated: Option<&Stated>| stated.map(|stated| stated_words(names, title, stated));
    let all = [stated("Attendance", one.attendance.as_ref()), stated("Punctuality", one.punctuality.as_ref())];
    DoneView {
        title: format!("{}, on {}", title(pack, &one.clock, one.week), view::full_date(one.on)),
        replies: one.replies.iter().map(reply).collect(),
        beside: one.engagement.as_ref().map_or_else(String::new, beside_words),
        odd: one.engagement.as_ref().map_or_else(Vec::new, |beside| beside.odd.clone()),
        stated: all.into_iter().flatten().collect::<Vec<_>>().join(" "),
        pupil_says: one.pupil_says.as_ref().map(|words| words.expose().to_owned()).unwrap_or_default(),
    }
}

/// `Attendance: 4 of 10, stated by Ms K.`, or from which file, and when it was read.
fn stated_words(names: &Names, title: &str, stated: &Stated) -> String {
    let source = match &stated.source {
        StatedSource::Person(person) => format!("stated by {}", names.name(*person)),
        StatedSource::Import { system, at } => format!("imported from {system} on {}", names.moment(*at)),
    };
    format!("{title}: {}, {source}.", stated.figure.expose())
}

/// The form's name for what the file said when the form was drawn.
fn offer_name(name: &str) -> String {
    format!("file-{name}")
}

fn beside_words(beside: &EngagementBeside) -> String {
    let social = match beside.social.get() {
        0 => String::new(),
        minutes => format!(" With friends: {}, kept apart.", view::minutes(i64::from(minutes))),
    };
    format!("Live in lessons: {} of {} minutes expected.{social}", beside.in_lessons.get(), beside.expected.get())
}

async fn of_week(
    state: &AppState,
    placement: &PlacementRow,
    zone: Tz,
    monday: NaiveDate,
    today: NaiveDate,
) -> Result<EngagementBeside, ApiError> {
    let sunday = (monday + chrono::Days::new(6)).min(today);
    let days = lessons::school_days(&state.store, placement, (monday, sunday), state.clock.now().utc).await?;
    let odd = record::odd_days(&days, placement, zone);
    let odd = odd.into_iter().map(|(day, words)| format!("{}: {words}", view::full_date(day))).collect();
    Ok(EngagementBeside { odd, ..EngagementBeside::of(days.iter().map(|day| &day.account)) })
}

/// The engagement record of the week that a form looks back upon, and what the school's own marks say of it; nothing of a week that has
/// not begun.
///
/// # Errors
/// The database does not answer.
pub async fn beside(
    state: &AppState,
    scope: &Scope,
    placement: &PlacementRow,
    plan: &ReintegrationPlan,
    sent: &Sent,
) -> Result<(Option<EngagementBeside>, Option<ImportedWeek>), ApiError> {
    let pack = cases::pack_of(plan)?;
    let schools = cases::Schools::of(&state.store, placement, Some(plan)).await?;
    let calendars = schools.calendars();
    let authority = scope.parent_of(placement.school_id);
    let today = scope.today(placement.school_id, state.clock.now().utc);
    let facts = cases::facts(&state.store, pack, plan, placement.placement_id, authority, today).await?;
    let monday = week_of(pack, plan, sent.get("of").map_or("", String::as_str)).and_then(|(week, rule)| {
        let clock = pack.clock(&rule.clock)?;
        calendars.of(clock.calendar).monday_of_week(*facts.events.get(&clock.starts)?, week)
    });
    let Some(monday) = monday.filter(|monday| *monday <= today) else { return Ok((None, None)) };
    let engagement = of_week(state, placement, scope.zone(placement.school_id), monday, today).await?;
    Ok((Some(engagement), imported::of_week(&state.store, placement, calendars.home_school, monday).await?))
}

/// A week is looked back upon.
pub fn evaluate(case: &Case<'_>, sent: &Sent) -> Result<Vec<Change>, String> {
    let (week, rule) = week_of(case.pack, case.plan, sent.get("of").map_or("", String::as_str)).ok_or("Choose the week.")?;
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
    let kept = case.plan.evaluation(&rule.clock, week);
    let imported = case.imported.as_ref();
    let stated = |name: &str, label: &str, kept: Option<&Stated>, told: Option<&Stated>| -> Result<Option<Stated>, String> {
        if sent.get(name).is_none_or(|text| text.trim().is_empty()) {
            return Ok(None);
        }
        let figure = words(sent, name, label)?;
        // What nobody changed keeps who stated it: a person, or the school's file.
        if let Some(known) = [kept, told].into_iter().flatten().find(|known| known.figure == figure) {
            return Ok(Some(known.clone()));
        }
        if sent.get(&offer_name(name)).is_some_and(|offered| offered.trim() == figure.expose()) {
            return Err(format!("{label}: the school’s file was read again meanwhile. Look at what it says now, then save."));
        }
        Ok(Some(Stated { figure, source: StatedSource::Person(case.me), on: case.today }))
    };
    let attendance = stated(
        "attendance",
        "Attendance",
        kept.and_then(|kept| kept.attendance.as_ref()),
        imported.map(|week| &week.attendance),
    )?;
    let punctuality = stated(
        "punctuality",
        "Punctuality",
        kept.and_then(|kept| kept.punctuality.as_ref()),
        imported.and_then(|week| week.punctuality.as_ref()),
    )?;
    Ok(vec![Change::Evaluate(Evaluation {
        clock: rule.clock.clone(),
        week,
        on: case.today,
        replies,
        attendance,
        punctuality,
        engagement: case.engagement.clone(),
        pupil_says: optional_words(sent, "pupil-says", "What the pupil says")?,
    })])
}
