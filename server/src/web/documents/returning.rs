//! How it goes: weeks looked back upon, the register as the school's file has it, what is due, contacts, breakdowns, growth, voices.
//!
//! What the school states and what the engagement record counted never stand in one table: the first is in a dashed box of its own.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, Days, NaiveDate};
use paper::{Block, Column, Table};
use server_core::calendar::monday_of;
use server_core::contact::Contact;
use server_core::deadline::{Due, schedule};
use server_core::framework::Area;
use server_core::party::listed;
use server_core::register::{HalfDay, ImportedMark};
use server_core::sharing::Section;

use super::case::{Case, Planned};
use super::parts::{capital, headed};
use crate::api::ApiError;
use crate::cases;
use crate::web::{breakdown, contacts, due, growth, plan, view};

/// A review looks back so far.
pub const LOOK_BACK_DAYS: u64 = 28;

/// Weeks looked back upon, the latest first.
pub fn looked_back(case: &Case<'_>, planned: &Planned, most: usize) -> Vec<Block> {
    let [says, states, counts] = [Section::LookBack, Section::Stated, Section::Engagement].map(|section| case.shows(section));
    let mut blocks = Vec::new();
    for week in plan::looked_back(planned.pack, &planned.row.plan, &case.names).into_iter().take(most) {
        let mut parts = Vec::new();
        if says {
            let rows = week.replies.into_iter().map(|(ask, said)| vec![ask, said]).collect();
            let columns = vec![Column::words("Question", 1.0), Column::words("Answer", 1.2)];
            parts.push(Block::Table(Table { caption: String::new(), columns, rows }));
        }
        if counts && !week.beside.is_empty() {
            parts.push(Block::text(format!("Engagement record: {}", week.beside)));
            if !week.odd.is_empty() {
                parts.push(Block::text("What looks wrong about these minutes:"));
                parts.push(Block::List(week.odd));
            }
        }
        if states && !week.stated.is_empty() {
            parts.push(Block::Apart(vec![Block::text(format!("Stated by the school, kept apart. {}", week.stated))]));
        }
        if case.shows(Section::PupilVoice) && !week.pupil_says.is_empty() {
            parts.push(Block::Quote { words: week.pupil_says, by: "The pupil about this week".to_owned() });
        }
        if !parts.is_empty() {
            blocks.push(Block::Subheading(week.title));
            blocks.extend(parts);
        }
    }
    headed("Weekly look-back", blocks)
}

/// What the pupil says about the stages of the plan.
pub fn voice(case: &Case<'_>, planned: &Planned) -> Vec<Block> {
    if !case.shows(Section::PupilVoice) {
        return Vec::new();
    }
    let says = planned.row.plan.parts().pupil_says.iter();
    says.map(|(stage, words)| {
        let about = if *stage == 0 { "About the plan".to_owned() } else { format!("About stage {stage}") };
        Block::Quote { words: words.expose().to_owned(), by: about }
    })
    .collect()
}

/// What is due, with its arithmetic; what has no day yet.
///
/// # Errors
/// The database does not answer, or holds what this program cannot read.
pub async fn to_do(case: &Case<'_>, planned: &Planned) -> Result<Vec<Block>, ApiError> {
    if !case.shows(Section::Reviews) {
        return Ok(Vec::new());
    }
    let (store, placement) = (&case.state.store, &case.placement);
    let schools = cases::Schools::of(store, placement, Some(&planned.row.plan)).await?;
    let calendars = schools.calendars();
    let authority = case.scope.parent_of(placement.school_id);
    let facts = cases::facts(store, planned.pack, &planned.row.plan, placement.placement_id, authority, case.today).await?;
    let all = schedule(planned.pack, &facts, &calendars);
    let row = |one: &Due| {
        let view = due::due_view(one, &calendars, case.now);
        let why = if view.reason.is_empty() { view.sentence } else { format!("{}\n{}", view.sentence, view.reason) };
        vec![view.title, format!("{}\n{}", view.by, view.chip.text()), view.owners.trim_end_matches('.').to_owned(), why]
    };
    let rows: Vec<Vec<String>> = all.due.iter().filter(|one| one.done.is_none()).map(row).collect();
    if rows.is_empty() {
        return Ok(headed("What is due", vec![Block::text("Nothing has a day that is still to come.")]));
    }
    let columns = vec![
        Column::words("What", 2.6),
        Column::words("When", 2.4),
        Column::words("Whose", 1.8),
        Column::words("How it is counted", 3.4),
    ];
    Ok(headed("What is due", vec![Block::Table(Table { caption: String::new(), columns, rows })]))
}

/// The school's own marks of the last weeks, in a box of their own: read only, with source and time.
///
/// # Errors
/// The database does not answer.
pub async fn register(case: &Case<'_>) -> Result<Vec<Block>, ApiError> {
    if !case.shows(Section::Stated) {
        return Ok(Vec::new());
    }
    let from = monday_of(case.today - Days::new(LOOK_BACK_DAYS));
    let marks = case.state.store.imported_marks(case.placement.pupil_id, from, case.today).await?;
    let title = Block::heading(format!("Register of {}", case.placement.home_name));
    let Some(latest) = marks.iter().map(ImportedMark::source).max_by_key(|source| source.imported_at) else {
        return Ok(vec![Block::Apart(vec![title, Block::text("Nothing has been imported for these weeks.")])]);
    };
    // A week's days with their two halves.
    let mut weeks: BTreeMap<NaiveDate, [[&str; 2]; 5]> = BTreeMap::new();
    for mark in &marks {
        let week = weeks.entry(monday_of(mark.day())).or_default();
        let day = usize::try_from(mark.day().weekday().num_days_from_monday()).ok();
        if let Some(halves) = day.and_then(|day| week.get_mut(day)) {
            halves[usize::from(mark.half_day() == HalfDay::Pm)] = mark.code().as_str();
        }
    }
    let cell = |[am, pm]: [&str; 2]| {
        let said = |code: &str| if code.is_empty() { "–".to_owned() } else { code.to_owned() };
        if am.is_empty() && pm.is_empty() { String::new() } else { format!("{}   {}", said(am), said(pm)) }
    };
    let row = |(monday, days): (NaiveDate, [[&str; 2]; 5])| {
        std::iter::once(format!("Week of {}", view::short_date(monday))).chain(days.map(cell)).collect()
    };
    let columns = std::iter::once(Column::words("Week", 1.6))
        .chain(["Mon", "Tue", "Wed", "Thu", "Fri"].map(|day| Column::words(day, 1.0)))
        .collect();
    let caption = "Marks as the school entered them, morning and afternoon".to_owned();
    let table = Table { caption, columns, rows: weeks.into_iter().map(row).collect() };
    let source = format!(
        "Read only. From {}, imported {}. Windowseat makes no mark and changes none.",
        latest.system.words(),
        view::moment(latest.imported_at, case.now, case.zone)
    );
    Ok(vec![Block::Apart(vec![title, Block::Table(table), Block::small(source)])])
}

/// The log of contacts and checks of the last weeks, the latest first.
///
/// # Errors
/// The database does not answer.
pub async fn contacts(case: &Case<'_>) -> Result<Vec<Block>, ApiError> {
    if !case.shows(Section::Contacts) {
        return Ok(Vec::new());
    }
    let from = case.today - Days::new(LOOK_BACK_DAYS);
    let log = case.state.store.contacts(case.placement.placement_id, from, case.today).await?;
    let pack = case.plan.as_ref().map(|planned| planned.pack);
    let row = |contact: &Contact| {
        let view = contacts::entry(contact, pack, &case.names);
        let counts = if view.counts.is_empty() { view.not.join(" ") } else { view.counts.join(", ") };
        vec![view.day, view.words, view.notes, counts]
    };
    let mut rows: Vec<Vec<String>> = log.iter().map(|(_, contact)| row(contact)).collect();
    rows.reverse();
    if rows.is_empty() {
        return Ok(headed("Contacts and checks", vec![Block::text("None is written down for the last four weeks.")]));
    }
    let columns = vec![
        Column::words("Day", 1.7),
        Column::words("With, and how", 2.6),
        Column::words("Notes", 3.0),
        Column::words("Counts for", 2.4),
    ];
    Ok(headed("Contacts and checks", vec![Block::Table(Table { caption: String::new(), columns, rows })]))
}

/// Serious breakdowns, with whoever was told.
///
/// # Errors
/// The database does not answer, or holds what this program cannot read.
pub async fn breakdowns(case: &Case<'_>, planned: &Planned) -> Result<Vec<Block>, ApiError> {
    if !case.shows(Section::Breakdowns) {
        return Ok(Vec::new());
    }
    let list = planned.pack.list("breakdown");
    let all = breakdown::breakdowns(case.state, &case.placement).await?;
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|(_, _, one)| {
            let kinds: Vec<&str> =
                list.iter().filter(|(code, _)| one.categories.contains(code)).map(|(_, words)| words.as_str()).collect();
            let told: Vec<_> = one.told.iter().map(|(party, ..)| *party).collect();
            vec![view::full_date(one.on), kinds.join("; "), one.what.expose().to_owned(), capital(&listed(&told))]
        })
        .collect();
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let columns =
        vec![Column::words("Day", 1.6), Column::words("Kind", 2.4), Column::words("What", 3.4), Column::words("Told", 2.2)];
    Ok(headed("Serious breakdowns", vec![Block::Table(Table { caption: String::new(), columns, rows })]))
}

/// The first and the last look of each voice on each scale, area by area. No total, and no order of areas.
///
/// # Errors
/// The database does not answer, or holds what this program cannot read.
pub async fn growth(case: &Case<'_>) -> Result<Vec<Block>, ApiError> {
    if !case.shows(Section::Growth) {
        return Ok(Vec::new());
    }
    let looks = growth::every_look(case.state, case.scope, &case.placement).await?;
    // Steps of two scales have no common line, so a table is of one voice and one scale.
    let mut kinds: Vec<(&'static str, &str)> = looks.iter().map(|look| (look.voice, look.scale.as_str())).collect();
    kinds.sort_by_key(|(voice, _)| *voice);
    let mut known = BTreeSet::new();
    kinds.retain(|kind| known.insert(*kind));
    let mut blocks = Vec::new();
    for (voice, scale) in kinds {
        let own: Vec<_> = looks.iter().filter(|look| look.voice == voice && look.scale == scale).collect();
        let (Some(first), Some(last)) = (own.first(), own.last()) else { continue };
        let shown = if own.len() > 1 { vec![*first, *last] } else { vec![*last] };
        let mut columns = vec![Column::words("Area", 2.2)];
        columns.extend(shown.iter().map(|look| Column::words(view::full_date(look.on), 2.6)));
        let cell = |look: &growth::Told, area: Area| {
            let step = look.steps.iter().find(|(known, ..)| *known == area);
            step.map_or_else(
                String::new,
                |(_, step, note)| if note.is_empty() { step.clone() } else { format!("{step}. {note}") },
            )
        };
        let areas = Area::ALL.iter().filter(|area| shown.iter().any(|look| look.steps.iter().any(|(one, ..)| one == *area)));
        let rows = areas
            .map(|area| std::iter::once(area.words().to_owned()).chain(shown.iter().map(|look| cell(look, *area))).collect())
            .collect();
        let caption = format!("In the voice of {voice}. Scale: {scale}");
        blocks.push(Block::Table(Table { caption, columns, rows }));
    }
    if !blocks.is_empty() {
        blocks.push(Block::small("A step back is news, not a fault. There is no total, by design."));
    }
    Ok(headed("Growth", blocks))
}
