//! Before a plan begins: who consents, what stands in the way, and opening it.

use server_core::party::{Party, PersonId};
use server_core::plan::{Barrier, Change, Consent, PlanState};

use super::{Case, Choice, Sent, Shown, Typed, choices, code, past_day, words};
use crate::web::view;

/// Lines of barriers that the form offers at most.
const MOST_BARRIERS: usize = 12;
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
}

/// Draws it.
pub fn view<'a>(of: &Shown<'_>, typed: impl Fn(&str) -> Typed<'a>) -> OpeningView {
    let consent = typed("consent");
    let (plan, names) = (of.plan, of.names);
    let chosen = consent.get("who");
    let may_say = names.with(&[Party::Parent, Party::Pupil], of.today);
    let line = |one: &Consent| {
        let withdrawn = one.withdrawn.map_or_else(String::new, |day| format!(" Withdrawn on {}.", view::full_date(day)));
        let words = format!("{}, on {}: {}.{withdrawn}", names.name(one.who), view::full_date(one.on), one.how.expose());
        ConsentView { words, who: if one.withdrawn.is_none() { one.who.0.to_string() } else { String::new() } }
    };
    OpeningView {
        is_draft: *plan.state() == PlanState::Draft,
        may_open: plan.consents().iter().any(|one| one.withdrawn.is_none()),
        consents: plan.consents().iter().map(line).collect(),
        who: may_say
            .into_iter()
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

fn barrier_views(of: &Shown<'_>, typed: Typed<'_>) -> Vec<BarrierView> {
    let known = of.plan.barriers();
    let count = if typed.is_any() { MOST_BARRIERS } else { known.len() + 1 };
    let mut all: Vec<BarrierView> = (0..count.min(MOST_BARRIERS))
        .map(|n| {
            let one = known.get(n);
            let kept = |part: fn(&Barrier) -> String| one.map(part).unwrap_or_default();
            let value = |name: &str, kept: String| {
                if typed.is_any() { typed.get(&format!("{name}-{n}")) } else { kept }
            };
            BarrierView {
                n,
                codes: choices(of.pack, "barrier", &value("code", kept(|one| one.code.to_string()))),
                why: value("why", kept(|one| one.why.expose().to_owned())),
                needed: value("needed", kept(|one| one.needed.expose().to_owned())),
                weeks: value("weeks", kept(|one| one.weeks.to_string())),
            }
        })
        .collect();
    // Of what was typed, one empty line is enough.
    let used = all.iter().rposition(|line| line.codes.iter().any(|(.., is)| *is) || !line.why.is_empty());
    all.truncate(used.map_or(1, |last| last + 2));
    all
}

/// Somebody consents.
pub fn consent(case: &Case<'_>, sent: &Sent) -> Result<Vec<Change>, String> {
    let (who, party) = person(sent).ok_or("Choose who consents.")?;
    let how = words(sent, "how", "How they consented")?;
    let on = past_day(case.today, sent, "on", "The day of the consent")?;
    Ok(vec![Change::Consent(Consent { party, who, how, on, withdrawn: None })])
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
