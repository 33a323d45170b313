//! The return begins; hiccups and reviews on the way; who agrees that it succeeded; and how a plan ends.
//!
//! A hiccup never ends a plan. Success is what everybody whom the policy names has agreed to; until then the roll stays as it is, and
//! the page says so.

use std::collections::BTreeMap;

use server_core::goal::Family;
use server_core::party::{Party, PersonId, listed};
use server_core::plan::{Change, Closure, EndGoal, PlanState, Review, ReviewOutcome, RollGuard, Setback, Setting, SignOff};
use server_core::policy::{self, Code, Event};
use server_core::words::Reason;
use store::plans::PlanRow;

use super::lookback::WENT;
use super::{Case, Choice, Sent, Shown, Typed, choices, code, meeting, optional_day, optional_words, past_day, words};
use crate::AppState;
use crate::api::ApiError;
use crate::web::view::{self, Chip};

/// Families of targets that a review speaks of (H-3).
const FAMILIES: [(Family, &str); 3] =
    [(Family::Academic, "Academic target"), (Family::Behaviour, "Behaviour target"), (Family::Attendance, "Attendance target")];
/// Who reviews are for.
const PRESENT: [Party; 5] = [Party::Pupil, Party::Parent, Party::ProviderLead, Party::ReceivingSchool, Party::KeyWorker];
/// Days on which somebody asks how it goes, after the end.
const FOLLOW_UPS: usize = 3;

/// What the page shows of it.
pub struct EndingView {
    /// A return is planned, or has begun all the same, so that it may hold.
    pub is_return: bool,
    pub setbacks: Vec<(String, String)>,
    pub setback: SetbackForm,
    pub longer: Vec<String>,
    pub longer_weeks: String,
    pub longer_reason: String,
    pub reviews: Vec<ReviewView>,
    pub review: ReviewForm,
    pub may_review: bool,
    pub may_agree: bool,
    pub agreements: Vec<AgreementView>,
    pub roll: String,
    pub right: String,
    pub close: CloseForm,
    pub closed: Vec<(&'static str, String)>,
}

pub struct SetbackForm {
    pub on: String,
    pub codes: Vec<Choice>,
    pub what: String,
    pub helps: String,
}

pub struct ReviewView {
    pub title: String,
    pub chip: Chip,
    pub lines: Vec<String>,
}

pub struct ReviewForm {
    pub on: String,
    pub asked: Vec<Choice>,
    pub present: Vec<(String, String, Vec<Choice>)>,
    pub targets: Vec<(&'static str, &'static str, String)>,
    pub worries: String,
    pub supported: Vec<Choice>,
    pub pupil_says: String,
    pub about_robot: String,
    pub outcomes: Vec<Choice>,
    pub why: String,
    pub next: String,
}

pub struct AgreementView {
    pub party: &'static str,
    pub words: String,
    pub said: String,
    /// Whoever reads the page, if it is theirs to say.
    pub me: String,
    /// Others who sign in: it is theirs to say.
    pub asked: Vec<String>,
    /// For whom it can be written down.
    pub who: Vec<Choice>,
}

pub struct CloseForm {
    pub on: String,
    pub outcomes: Vec<Choice>,
    pub well: String,
    pub better: String,
    pub withdrew: String,
    pub support: String,
    pub follow_ups: Vec<(usize, String)>,
}

fn capital(words: &str) -> String {
    view::sentence(words).trim_end_matches('.').to_owned()
}

/// Draws it.
pub fn view<'a>(of: &Shown<'_>, typed: impl Fn(&str) -> Typed<'a>) -> EndingView {
    let (pack, plan) = (of.pack, of.plan);
    let (setback, close) = (typed("setback"), typed("close"));
    let outcome = close.get("outcome");
    let (roll, closed) = (roll_words(of), closed_facts(of));
    EndingView {
        is_return: !plan.sign_offs().is_empty()
            || matches!(plan.state(), PlanState::Returning { .. })
            || (plan.basis().end_goal != EndGoal::NoReturnPlanned && !plan.ended_otherwise(pack)),
        setbacks: plan.setbacks().iter().rev().map(|one| setback_words(of, one)).collect(),
        setback: SetbackForm {
            on: setback.or("on", of.today),
            codes: choices(pack, "setback", &setback.get("code")),
            what: setback.get("what"),
            helps: setback.get("helps"),
        },
        longer: (plan.parts().longer.iter())
            .map(|(weeks, reason)| format!("{weeks} weeks more: {}", reason.expose()))
            .collect(),
        longer_weeks: typed("longer").get("weeks"),
        longer_reason: typed("longer").get("reason"),
        reviews: plan.reviews().iter().rev().map(|one| review_view(of, one)).collect(),
        review: review_form(of, typed("review")),
        may_review: matches!(plan.state(), PlanState::Open | PlanState::Returning { .. }),
        may_agree: matches!(plan.state(), PlanState::Returning { .. }),
        agreements: pack.closure.sign_off.iter().map(|party| agreement(of, *party)).collect(),
        roll,
        right: pack.closure.right_to_return.clone(),
        close: CloseForm {
            on: close.or("on", of.today),
            outcomes: choices(pack, "outcome", &outcome),
            well: close.get("well"),
            better: close.get("better"),
            withdrew: close.get("withdrew"),
            support: close.get("support"),
            follow_ups: (1..=FOLLOW_UPS).map(|n| (n, close.get(&format!("follow-{n}")))).collect(),
        },
        closed,
    }
}

fn setback_words(of: &Shown<'_>, one: &Setback) -> (String, String) {
    let words = of.pack.list("setback").iter().find(|(code, _)| *code == one.code).map_or("", |(_, words)| words.as_str());
    let more: Vec<_> = [&one.what, &one.what_helps].into_iter().flatten().map(|words| words.expose()).collect();
    (format!("{}: {words}", view::full_date(one.on)), more.join(" What helps: "))
}

fn review_view(of: &Shown<'_>, one: &Review) -> ReviewView {
    let outcome = policy::called(Some(of.pack), one.outcome);
    let mut lines = Vec::new();
    let present: Vec<Party> = one.present.keys().copied().collect();
    lines.push(format!("There: {}.", listed(&present)));
    let absent = one.absent();
    if !absent.is_empty() {
        lines.push(format!("Not there: {}. Tell them what was said.", listed(&absent)));
    }
    for (family, title) in FAMILIES {
        lines.extend(one.targets.get(&family).map(|words| format!("{title}: {}", words.expose())));
    }
    let texts = [
        ("Worries", &one.worries),
        ("The pupil says", &one.pupil_says),
        ("Is the robot a bridge?", &one.about_robot),
        ("Why", &one.why),
    ];
    lines.extend(texts.into_iter().filter_map(|(title, words)| Some(format!("{title}: {}", words.as_ref()?.expose()))));
    lines.extend(one.is_supported.map(|went| {
        let words = WENT.iter().find(|(_, known, _)| *known == went).map_or("", |(.., words)| words);
        format!("Feels supported: {}.", words.to_lowercase())
    }));
    lines.extend(one.next_on.map(|day| format!("Next: {}.", view::full_date(day))));
    let asked = one.asked_by.as_ref().and_then(|(rule, week)| {
        let title = of.pack.deadline(rule)?.title.clone();
        Some(week.map_or_else(|| title.clone(), |week| format!("{title}, week {week}")))
    });
    ReviewView {
        title: format!("{}, {}", asked.unwrap_or_else(|| "Review".to_owned()), view::full_date(one.on)),
        chip: Chip::new("line", "arrow", outcome),
        lines,
    }
}

fn review_form(of: &Shown<'_>, typed: Typed<'_>) -> ReviewForm {
    // Limits that somebody keeps by holding a review: those that no event keeps.
    let is_review = |rule: &Code| {
        of.pack.deadline(rule).is_some_and(|rule| rule.done_by.is_none() || rule.done_by == Some(Event::FourWeekReview))
    };
    let asked = of.due.due.iter().filter(|due| due.done.is_none() && is_review(&due.rule)).map(|due| {
        let code = format!("{}.{}", due.rule, due.week.map_or_else(String::new, |week| week.to_string()));
        let is = typed.get("asked") == code;
        (code, due.title.clone(), is)
    });
    ReviewForm {
        on: typed.or("on", of.today),
        asked: asked.collect(),
        present: PRESENT
            .iter()
            .map(|party| {
                let chosen = typed.get(&format!("present-{}", party.code()));
                (party.code().to_owned(), capital(party.words()), meeting::hows(&chosen))
            })
            .collect(),
        targets: FAMILIES
            .map(|(family, title)| (family.code(), title, typed.get(&format!("target-{}", family.code()))))
            .to_vec(),
        worries: typed.get("worries"),
        supported: WENT
            .iter()
            .map(|(code, _, words)| ((*code).to_owned(), (*words).to_owned(), typed.get("supported") == *code))
            .collect(),
        pupil_says: typed.get("pupil-says"),
        about_robot: typed.get("about-robot"),
        outcomes: policy::offered::<ReviewOutcome>(Some(of.pack))
            .into_iter()
            .map(|(outcome, words)| (outcome.code().to_owned(), words.to_owned(), typed.get("outcome") == outcome.code()))
            .collect(),
        why: typed.get("why"),
        next: typed.get("next"),
    }
}

fn agreement(of: &Shown<'_>, party: Party) -> AgreementView {
    let said = |one: &SignOff| {
        let by = of.written.get(&party).map_or_else(String::new, |by| format!(", written down by {by}"));
        format!("{}, on {}{by}", of.names.name(one.who), view::full_date(one.on))
    };
    let (me, others): (Vec<_>, Vec<_>) = of.signers.of(party).iter().partition(|one| one.person == of.me);
    AgreementView {
        party: party.code(),
        words: words_of(of, party),
        said: of.plan.sign_offs().iter().find(|one| one.party == party).map_or_else(String::new, said),
        me: me.first().map_or_else(String::new, |one| one.person.0.to_string()),
        asked: others.iter().filter(|one| one.has_account).map(|one| one.name.clone()).collect(),
        who: others.iter().map(|one| (one.person.0.to_string(), one.name.clone(), false)).collect(),
    }
}

/// Who wrote a signature down that is somebody else's, by party.
///
/// # Errors
/// The database does not answer.
pub async fn written_down(state: &AppState, row: &PlanRow) -> Result<BTreeMap<Party, String>, ApiError> {
    let mut all = BTreeMap::new();
    for SignOff { party, who, .. } in row.plan.sign_offs() {
        let field = format!("sign-off.{}", party.code());
        let told = state.store.plan_history(row.plan_id, Some(&field), None, 1).await?;
        if let Some(change) = told.into_iter().next().filter(|change| change.actor_id.is_some_and(|actor| actor != who.0)) {
            all.insert(*party, change.actor_name.unwrap_or_else(|| "somebody whose account is gone".to_owned()));
        }
    }
    Ok(all)
}

/// `The receiving school, Marsh Lane Academy`
fn words_of(of: &Shown<'_>, party: Party) -> String {
    let words = capital(party.words());
    match party {
        Party::HomeSchool => format!("{words}, {}", of.names.setting(Setting::Known(of.plan.basis().home_school))),
        Party::ReceivingSchool => format!("{words}, {}", of.names.setting(of.plan.receiving())),
        _ => words,
    }
}

fn roll_words(of: &Shown<'_>) -> String {
    match of.plan.roll_guard(of.pack, of.panel_told) {
        RollGuard::Stays { says, mut waits_for } => {
            // The panel agrees to nothing: its office is told.
            let is_untold = waits_for.contains(&Party::Panel);
            waits_for.retain(|party| *party != Party::Panel);
            let agree = if waits_for.is_empty() { String::new() } else { format!(" Still to agree: {}.", listed(&waits_for)) };
            format!("{says}{agree}{}", if is_untold { " The panel's office has not been told yet." } else { "" })
        }
        RollGuard::MayMove => "Success is agreed and reported: the roll may follow.".to_owned(),
    }
}

fn closed_facts(of: &Shown<'_>) -> Vec<(&'static str, String)> {
    let PlanState::Closed(end) = of.plan.state() else { return Vec::new() };
    let outcome = of.pack.list("outcome").iter().find(|(code, _)| *code == end.outcome);
    let mut all = vec![
        ("Closed", view::full_date(end.on)),
        ("How it ended", outcome.map_or_else(String::new, |(_, words)| words.clone())),
        ("What went well", end.went_well.expose().to_owned()),
    ];
    all.extend(end.could_be_better.as_ref().map(|words| ("What could be better", words.expose().to_owned())));
    all.extend(end.provider_withdrew.map(|day| ("The provider withdrew", view::full_date(day))));
    all.extend(end.support_until.map(|day| ("Support until", view::full_date(day))));
    if !end.follow_up.is_empty() {
        let days: Vec<_> = end.follow_up.iter().map(|day| view::full_date(*day)).collect();
        all.push(("Somebody asks how it goes", days.join(", ")));
    }
    all
}

/// The pupil begins at school.
pub fn begin_return(case: &Case<'_>, sent: &Sent) -> Result<Vec<Change>, String> {
    let on = optional_day(sent, "on", "The first day")?.ok_or("The first day: choose a day.")?;
    let mut despite = Vec::new();
    for (n, gate) in (0_usize..).zip(case.plan.gates(case.pack)) {
        let text = sent.get(&format!("reason-{n}")).map_or("", String::as_str);
        if !text.trim().is_empty() {
            let reason = Reason::new(text).map_err(|error| format!("{} {error}.", gate.words(case.pack)))?;
            despite.push((gate, reason));
        }
    }
    Ok(vec![Change::BeginReturn { on, despite }])
}

/// A hiccup.
pub fn setback(case: &Case<'_>, sent: &Sent) -> Result<Vec<Change>, String> {
    Ok(vec![Change::Setback(Setback {
        on: past_day(case.today, sent, "on", "The day")?,
        code: code(sent, "code", "What it was")?,
        what: optional_words(sent, "what", "What happened")?,
        what_helps: optional_words(sent, "helps", "What helps")?,
    })])
}

/// A review was held.
pub fn review(case: &Case<'_>, sent: &Sent) -> Result<Vec<Change>, String> {
    let asked_by = sent.get("asked").and_then(|asked| {
        let (rule, week) = asked.split_once('.')?;
        Some((Code::new(rule)?, week.parse().ok()))
    });
    let mut present = BTreeMap::new();
    for party in PRESENT {
        let how = sent.get(&format!("present-{}", party.code())).and_then(|code| meeting::how(code));
        present.extend(how.map(|how| (party, how)));
    }
    let mut targets = BTreeMap::new();
    for (family, title) in FAMILIES {
        targets.extend(optional_words(sent, &format!("target-{}", family.code()), title)?.map(|words| (family, words)));
    }
    let supported = sent.get("supported").and_then(|went| WENT.iter().find(|(code, ..)| code == went));
    let outcome = sent.get("outcome").and_then(|code| policy::chosen(Some(case.pack), code));
    Ok(vec![Change::Review(Review {
        on: past_day(case.today, sent, "on", "The day of the review")?,
        asked_by,
        present,
        targets,
        worries: optional_words(sent, "worries", "Worries")?,
        is_supported: supported.map(|(_, went, _)| *went),
        pupil_says: optional_words(sent, "pupil-says", "What the pupil says")?,
        about_robot: optional_words(sent, "about-robot", "The question on the robot")?,
        outcome: outcome.ok_or("Choose what comes of the review.")?,
        why: optional_words(sent, "why", "Why")?,
        next_on: optional_day(sent, "next", "The next review")?,
    })])
}

/// The plan takes longer.
pub fn longer(_: &Case<'_>, sent: &Sent) -> Result<Vec<Change>, String> {
    let weeks = sent.get("weeks").and_then(|weeks| weeks.trim().parse().ok()).filter(|weeks| (1..=52).contains(weeks));
    let weeks: u16 = weeks.ok_or("Write how many weeks more, from 1 to 52.")?;
    let reason = Reason::new(sent.get("reason").map_or("", String::as_str));
    Ok(vec![Change::Longer { weeks, reason: reason.map_err(|error| format!("The reason: {error}."))? }])
}

/// A party agrees that the return succeeded.
pub fn agree(case: &Case<'_>, sent: &Sent) -> Result<Vec<Change>, String> {
    let party = sent.get("party").and_then(|code| Party::from_code(code)).ok_or("Choose who agrees.")?;
    let who = sent.get("who").and_then(|who| who.parse().ok()).map(PersonId).ok_or("Choose who says so.")?;
    if !case.signers.of(party).iter().any(|known| known.person == who) {
        return Err(format!("Choose somebody who is named for {} and works there.", party.words()));
    }
    Ok(vec![Change::SignOff(SignOff { party, who, on: case.today })])
}

/// The plan ends.
pub fn close(case: &Case<'_>, sent: &Sent) -> Result<Vec<Change>, String> {
    let mut follow_up = Vec::new();
    for n in 1..=FOLLOW_UPS {
        follow_up.extend(optional_day(sent, &format!("follow-{n}"), "A day to ask how it goes")?);
    }
    Ok(vec![Change::Close(Closure {
        on: past_day(case.today, sent, "on", "The day of the end")?,
        outcome: code(sent, "outcome", "How it ended")?,
        went_well: words(sent, "well", "What went well")?,
        could_be_better: optional_words(sent, "better", "What could be better")?,
        provider_withdrew: optional_day(sent, "withdrew", "The day on which the provider withdrew")?,
        support_until: optional_day(sent, "support", "Until when support goes on")?,
        follow_up,
    })])
}
