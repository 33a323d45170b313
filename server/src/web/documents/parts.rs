//! Parts that more than one document has. Each gives nothing if it is not for the reader, or if nobody wrote anything.

use paper::{Block, Column, Table};
use server_core::goal::Became;
use server_core::party::{Party, listed};
use server_core::plan::Place;
use server_core::register::HalfDay;
use server_core::sharing::Section;

use super::case::{Case, Planned, Told};
use crate::api::ApiError;
use crate::web::goals::{self, ENDS, FAMILIES};
use crate::web::{plan, view};

const DAYS: [&str; 5] = ["Mon", "Tue", "Wed", "Thu", "Fri"];

/// Where the plan stands: route, places, lengths, and the answers of the form's head.
pub fn head(case: &Case<'_>, planned: &Planned) -> Vec<Block> {
    let Planned { row, pack, fields, .. } = planned;
    let mut facts = vec![("Pupil".to_owned(), case.placement.pupil_name.clone())];
    facts.extend(case.born.map(|day| ("Date of birth".to_owned(), view::full_date(day))));
    facts.push(("The plan".to_owned(), plan::state_chip(row.plan.state(), case.today).text().to_owned()));
    // The pupil's own words are among the goals.
    let overview = plan::overview(pack, &row.plan, &case.placement, &case.names, planned.panel_told);
    let overview = overview.into_iter().filter(|(name, _)| *name != "In their words");
    facts.extend(overview.map(|(name, value)| (name.to_owned(), value)));
    facts.push(("Came by way of".to_owned(), plan::route_words(pack, &row.plan).trim_end_matches('.').to_owned()));
    facts.push(("Policy".to_owned(), format!("{}, version {}", pack.title, pack.key.version)));
    let answers = fields.iter().filter(|told| told.section == Section::Case && told.path.starts_with("answer."));
    facts.extend(answers.map(|told| (told.title.clone(), told.value.clone())));
    vec![Block::Facts(facts)]
}

/// Goals in the pupil's words and the others', with who stands by them.
pub async fn goals(case: &Case<'_>) -> Result<Vec<Block>, ApiError> {
    if !case.shows(Section::Goals) {
        return Ok(Vec::new());
    }
    let mut blocks = Vec::new();
    let wish = case.plan.as_ref().and_then(|planned| planned.row.plan.basis().in_their_words.as_ref());
    if let Some(words) = wish {
        blocks.push(Block::Quote {
            words: words.expose().to_owned(),
            by: "What it is to lead to, in the pupil’s words".to_owned(),
        });
    }
    let mut rows = Vec::new();
    for (_, _, goal) in goals::goals(case.state, &case.placement).await? {
        let now = goal.wording();
        let own = now.pupil_words.as_ref().map_or_else(String::new, |words| format!("\n“{}”", words.expose()));
        let stands: Vec<Party> = goal.standing().collect();
        let next = match (goal.became(), goal.review_on) {
            (Some((became, how, on)), _) => {
                let words = ENDS.iter().find(|(known, _)| known == became).map_or("", |(_, words)| words);
                let how = if *became == Became::LetGo { String::new() } else { format!(": {}", how.expose()) };
                format!("{words} on {}{how}", view::full_date(*on))
            }
            (None, Some(day)) => format!("Look again on {}", view::full_date(day)),
            (None, None) => String::new(),
        };
        let family = FAMILIES.iter().find(|(family, _)| *family == goal.family).map_or("", |(_, words)| words);
        rows.push(vec![format!("{}{own}", now.words.expose()), family.to_owned(), capital(&listed(&stands)), next]);
    }
    if !rows.is_empty() {
        let columns = vec![
            Column::words("Goal", 4.0),
            Column::words("About", 1.6),
            Column::words("Stands by it", 2.2),
            Column::words("Next", 2.2),
        ];
        blocks.push(Block::Table(Table { caption: String::new(), columns, rows }));
    }
    Ok(headed("Goals", blocks))
}

/// Aims, targets, and whether the pupil is on track.
pub fn readiness(case: &Case<'_>, planned: &Planned) -> Vec<Block> {
    headed("Aims and readiness", facts(case, planned, Section::Readiness))
}

/// Figures of the register as the school told them for the form's head, in a box of their own.
pub fn stated(case: &Case<'_>, planned: &Planned) -> Vec<Block> {
    let told = planned.fields.iter().filter(|told| told.section == Section::Stated && told.path.starts_with("answer."));
    let facts: Vec<_> = told.map(|told| (told.title.clone(), told.value.clone())).collect();
    if !case.shows(Section::Stated) || facts.is_empty() {
        return Vec::new();
    }
    let says =
        Block::small("Stated by the school from its own register. Windowseat adds nothing to it and takes nothing from it.");
    vec![Block::Apart(vec![Block::Facts(facts), says])]
}

/// What stands in the way, with what would clear it.
pub fn barriers(case: &Case<'_>, planned: &Planned) -> Vec<Block> {
    let all = planned.row.plan.barriers();
    if !case.shows(Section::Barriers) || all.is_empty() {
        return Vec::new();
    }
    let list = planned.pack.list("barrier");
    let words = |code| list.iter().find(|(known, _)| known == code).map_or_else(String::new, |(_, words)| words.clone());
    let rows = all.iter().map(|barrier| {
        let weeks = format!("{} week{}", barrier.weeks, if barrier.weeks == 1 { "" } else { "s" });
        vec![words(&barrier.code), barrier.why.expose().to_owned(), barrier.needed.expose().to_owned(), weeks]
    });
    let columns = vec![
        Column::words("What", 2.4),
        Column::words("Why", 3.2),
        Column::words("What would clear it", 3.2),
        Column::words("Estimate", 1.3),
    ];
    headed("What stands in the way", vec![Block::Table(Table { caption: String::new(), columns, rows: rows.collect() })])
}

/// The patterns of weeks, each half-day in words, clock by clock. `only`: of these weeks of the first clock, and of the school's weeks
/// that have a pattern of their own.
pub fn patterns(case: &Case<'_>, planned: &Planned, only: Option<&[u16]>) -> Vec<Block> {
    if !case.shows(Section::WeekPattern) {
        return Vec::new();
    }
    let Planned { row, pack, .. } = planned;
    let plan = &row.plan;
    let mut blocks = Vec::new();
    for (n, clock) in pack.clocks.iter().enumerate() {
        let own: Vec<u16> = (1..=plan.weeks_of(clock)).filter(|week| plan.has_own_pattern(pack, &clock.id, *week)).collect();
        let weeks = only.filter(|_| n == 0).unwrap_or(&own);
        let row = |week: &u16| {
            let pattern = plan.pattern(pack, &clock.id, *week)?;
            let at = |day: u32, half| pattern.at(day, half).map_or("", Place::words);
            let cell = |day: u32| match (at(day, HalfDay::Am), at(day, HalfDay::Pm)) {
                (am, pm) if am == pm => capital(am),
                (am, pm) => format!("{}, then {pm}", capital(am)),
            };
            Some(std::iter::once(format!("Week {week}")).chain((0..5).map(cell)).collect())
        };
        let rows: Vec<Vec<String>> = weeks.iter().filter_map(row).collect();
        if !rows.is_empty() {
            let columns = std::iter::once(Column::words(&clock.title, 1.2)).chain(DAYS.map(|day| Column::words(day, 1.6)));
            let caption = format!("Planned, morning and afternoon, by {}", clock.title.to_lowercase());
            blocks.push(Block::Table(Table { caption, columns: columns.collect(), rows }));
        }
    }
    if !blocks.is_empty() {
        blocks.push(Block::small(
            "A week without a pattern of its own goes on as the one before. Where both clocks run, the school week’s holds.",
        ));
    }
    blocks
}

/// Fields of a section as names and values, with a heading for each entry of a kind that has many.
pub fn facts(case: &Case<'_>, planned: &Planned, section: Section) -> Vec<Block> {
    if !case.shows(section) {
        return Vec::new();
    }
    let mut blocks = Vec::new();
    let mut open: Option<(String, Vec<(String, String)>)> = None;
    for told in planned.fields.iter().filter(|told| told.section == section) {
        let entry = entry(told);
        if open.as_ref().is_none_or(|(known, _)| *known != entry) {
            close(&mut blocks, open.take());
            open = Some((entry.clone(), Vec::new()));
        }
        if let Some((_, facts)) = &mut open {
            facts.push((label(told, &entry), told.value.clone()));
        }
    }
    close(&mut blocks, open);
    blocks
}

fn close(blocks: &mut Vec<Block>, open: Option<(String, Vec<(String, String)>)>) {
    let Some((entry, facts)) = open else { return };
    if !entry.is_empty() {
        blocks.push(Block::Subheading(entry));
    }
    blocks.push(Block::Facts(facts));
}

/// Meetings, reviews and the like are many, each with its number.
fn entry(told: &Told) -> String {
    let mut parts = told.path.split('.');
    let kind = match parts.next() {
        Some("meeting") => "Planning meeting",
        Some("review") => "Review",
        Some("setback") => "Hiccup",
        Some("consent") => "Consent",
        _ => return String::new(),
    };
    format!("{kind} {}", parts.next().unwrap_or_default())
}

/// A title without what the heading above it says.
fn label(told: &Told, entry: &str) -> String {
    if entry.is_empty() {
        return told.title.clone();
    }
    let rest = told.title.strip_prefix(entry).unwrap_or(&told.title).trim_matches([' ', ',', ':']);
    if rest.is_empty() { "When, and what came of it".to_owned() } else { capital(rest) }
}

/// A heading with blocks, if there are any.
pub fn headed(title: &str, blocks: Vec<Block>) -> Vec<Block> {
    if blocks.is_empty() { blocks } else { std::iter::once(Block::heading(title)).chain(blocks).collect() }
}

/// With a capital letter, and without a full stop.
pub fn capital(words: &str) -> String {
    if words.is_empty() { String::new() } else { view::sentence(words).trim_end_matches('.').to_owned() }
}
