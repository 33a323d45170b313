//! Before a plan begins: who consents, what stands in the way, and opening it.

use server_core::party::{Party, PersonId};
use server_core::plan::{Barrier, Change, Consent, OwnWord, PlanState};

use super::fields::{by, seen};
use super::{Case, Choice, Sent, Shown, Typed, choices, code, past_day, words};
use crate::web::view;

/// Lines of barriers that the form offers at most.
const MOST_BARRIERS: usize = 24;
/// A barrier takes no longer than this, in weeks.
const MOST_WEEKS: u16 = 400;

/// What the page shows of it.
pub struct OpeningView {
    pub is_draft: bool,
    pub may_open: bool,
    pub consents: Vec<ConsentView>,
    pub who: Vec<Choice>,
    pub how: String,
    pub on: String,
    pub barriers: Vec<BarrierView>,
    pub weeks_to_ready: String,
    pub pupil_says: Vec<String>,
}

pub struct ConsentView {
    pub words: String,
    /// Whose, while it holds.
    pub who: String,
}

pub struct BarrierView {
    pub n: usize,
    pub codes: Vec<Choice>,
    pub why: String,
    pub needed: String,
    pub weeks: String,
    /// What somebody else made of it meanwhile.
    pub note: String,
}

/// Draws it.
pub fn view<'a>(of: &Shown<'_>, typed: impl Fn(&str) -> Typed<'a>) -> OpeningView {
    let consent = typed("consent");
    let (plan, names) = (of.plan, of.names);
    let chosen = consent.get("who");
    // Parents first: what the form offers first is chosen by mistake.
    let may_say = [Party::Parent, Party::Pupil].into_iter().flat_map(|party| names.with(&[party], of.today));
    let consent_line = |one: &Consent| {
        let withdrawn = one.withdrawn.map_or_else(String::new, |day| format!(" Withdrawn on {}.", view::full_date(day)));
        let beside =
            if one.party == Party::Pupil && one.own_word == OwnWord::Beside { ", beside a parent or carer" } else { "" };
        let (who, on) = (names.name(one.who), view::full_date(one.on));
        let words = format!("{who}{beside}, on {on}: {}.{withdrawn}", one.how.expose());
        ConsentView { words, who: if one.withdrawn.is_none() { one.who.0.to_string() } else { String::new() } }
    };
    OpeningView {
        is_draft: *plan.state() == PlanState::Draft,
        may_open: plan.is_consented(),
        consents: plan.consents().iter().map(consent_line).collect(),
        who: may_say
            .map(|(person, name)| {
                let id = person.0.to_string();
                let is = id == chosen;
                (id, name, is)
            })
            .collect(),
        how: consent.get("how"),
        on: consent.or("on", of.today),
        barriers: barrier_views(of, typed("barriers")),
        weeks_to_ready: match plan.weeks_to_ready() {
            Some(weeks) => format!("The longest is thought to take {weeks} weeks. They are cleared side by side."),
            None => String::new(),
        },
        pupil_says: (1..=4).filter_map(|stage| plan.pupil_says(stage)).map(|words| words.expose().to_owned()).collect(),
    }
}

/// What, why, what is needed, how long: as a form has it.
type Line = [String; 4];

const PARTS: [&str; 4] = ["code", "why", "needed", "weeks"];

fn line(one: &Barrier) -> Line {
    [one.code.to_string(), one.why.expose().to_owned(), one.needed.expose().to_owned(), one.weeks.to_string()]
}

fn is_empty(line: &Line) -> bool {
    line[..3].iter().all(|text| text.trim().is_empty())
}

fn barrier_views(of: &Shown<'_>, typed: Typed<'_>) -> Vec<BarrierView> {
    let now: Vec<Line> = of.plan.barriers().iter().map(line).collect();
    let mut lines: Vec<(Line, String)> = if typed.is_any() {
        let mine: Vec<Line> = (0..MOST_BARRIERS).map(|n| PARTS.map(|part| typed.get(&format!("{part}-{n}")))).collect();
        beside_one_another(of, &mine, &now)
    } else {
        now.into_iter().map(|line| (line, String::new())).collect()
    };
    // One empty line is enough.
    while lines.last().is_some_and(|(line, note)| is_empty(line) && note.is_empty()) {
        lines.pop();
    }
    lines.push((Line::default(), String::new()));
    lines.truncate(MOST_BARRIERS);
    let view = |(n, ([code, why, needed, weeks], note)): (usize, (Line, String))| BarrierView {
        n,
        codes: choices(of.pack, "barrier", &code),
        why,
        needed,
        weeks,
        note,
    };
    lines.into_iter().enumerate().map(view).collect()
}

/// The lines of somebody's form, with what somebody else made of the same lines meanwhile: a line that only one of the two touched is as
/// that one left it; of one that both touched, both stand there, and people choose by emptying one.
fn beside_one_another(of: &Shown<'_>, mine: &[Line], now: &[Line]) -> Vec<(Line, String)> {
    let (mut all, mut theirs) = (Vec::new(), Vec::new());
    for n in 0..mine.len().max(now.len()) {
        let at = |lines: &[Line]| lines.get(n).cloned().unwrap_or_default();
        let (mine, now) = (at(mine), at(now));
        let path = |part: &str| format!("barrier.{}.{part}", n + 1);
        // As it was when the form was opened.
        let mut before = now.clone();
        for (text, part) in before.iter_mut().zip(PARTS) {
            if let Some(was) = seen(of.changes, &path(part)) {
                was.clone_into(text);
            }
        }
        let who = PARTS.iter().map(|part| by(of.changes, &path(part))).find(|name| !name.is_empty()).unwrap_or_default();
        let trimmed = |line: &Line| line.clone().map(|text| text.trim().to_owned());
        if trimmed(&mine) == trimmed(&before) || trimmed(&mine) == trimmed(&now) {
            let note = if now == before { String::new() } else { format!("{who} changed this line while you wrote.") };
            all.push((now, note));
        } else if now == before {
            all.push((mine, String::new()));
        } else if is_empty(&now) {
            all.push((mine, format!("{who} took this line away while you wrote. Empty it to leave it out.")));
        } else if is_empty(&mine) {
            all.push((now, format!("You emptied this line, and {who} changed it. Empty it again to leave it out.")));
        } else {
            all.push((mine, format!("You wrote this line; what {who} wrote is below. Keep both, or empty one.")));
            theirs.push((now, format!("{who} wrote this line while you wrote. Keep both, or empty one.")));
        }
    }
    all.retain(|(line, note)| !is_empty(line) || !note.is_empty());
    all.extend(theirs);
    all
}

/// Somebody consents.
pub fn consent(case: &Case<'_>, sent: &Sent) -> Result<Vec<Change>, String> {
    let (who, party) = person(sent).ok_or("Choose who consents.")?;
    let how = words(sent, "how", "How they consented")?;
    let on = past_day(case.today, sent, "on", "The day of the consent")?;
    let own_word = if party == Party::Pupil { OwnWord::of(case.born, on) } else { OwnWord::default() };
    Ok(vec![Change::Consent(Consent { party, own_word, who, how, on, withdrawn: None })])
}

/// The value of a choice of people: the pupil is chosen by the pupil's id, which the form says too.
fn person(sent: &Sent) -> Option<(PersonId, Party)> {
    let who = sent.get("who")?.parse().ok().map(PersonId)?;
    let is_pupil = sent.get("pupil") == sent.get("who");
    Some((who, if is_pupil { Party::Pupil } else { Party::Parent }))
}

/// A consent is withdrawn, today.
pub fn withdraw(case: &Case<'_>, sent: &Sent) -> Result<Vec<Change>, String> {
    let (who, _) = person(sent).ok_or("Choose whose consent ends.")?;
    Ok(vec![Change::WithdrawConsent { who, on: case.today }])
}

/// The plan is agreed and begins.
pub fn open(_: &Case<'_>, _: &Sent) -> Result<Vec<Change>, String> {
    Ok(vec![Change::Open])
}

/// Everything that stands in the way, as the form has it.
pub fn barriers(case: &Case<'_>, sent: &Sent) -> Result<Vec<Change>, String> {
    let mut all = Vec::new();
    for n in 0..MOST_BARRIERS {
        let is_empty = ["code", "why", "needed"]
            .iter()
            .all(|name| sent.get(&format!("{name}-{n}")).is_none_or(|text| text.trim().is_empty()));
        if is_empty {
            continue;
        }
        let label = format!("Line {}", n + 1);
        let weeks = sent.get(&format!("weeks-{n}")).and_then(|weeks| weeks.trim().parse().ok());
        all.push(Barrier {
            code: code(sent, &format!("code-{n}"), &label)?,
            why: words(sent, &format!("why-{n}"), &format!("{label}, why"))?,
            needed: words(sent, &format!("needed-{n}"), &format!("{label}, what is needed"))?,
            weeks: weeks
                .filter(|weeks| *weeks <= MOST_WEEKS)
                .ok_or_else(|| format!("{label}: write a whole number of weeks."))?,
        });
    }
    Ok(if all == case.plan.barriers() { Vec::new() } else { vec![Change::Barriers(all)] })
}
