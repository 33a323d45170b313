//! The plan, stage by stage.

use paper::{Block, Column, Document, Table};
use server_core::party::Party;
use server_core::sharing::Section;

use super::case::{Case, Planned};
use super::parts::{barriers, capital, facts, head, headed, patterns, readiness, stated};
use super::returning::{looked_back, voice};
use crate::api::ApiError;
use crate::web::view;

/// Sets it.
///
/// # Errors
/// There is no plan.
pub fn plan(case: &Case<'_>, goals: Vec<Block>) -> Result<Document, ApiError> {
    let planned = case.plan()?;
    let mut document = case.document(format!("Reintegration plan of {}", case.placement.pupil_name));
    let blocks = &mut document.blocks;
    blocks.extend(head(case, planned));
    blocks.extend(stated(case, planned));
    blocks.extend(people(case));
    blocks.extend(headed("Consents", facts(case, planned, Section::Consents)));
    blocks.extend(goals);
    blocks.extend(readiness(case, planned));
    blocks.extend(barriers(case, planned));
    blocks.extend(headed("Week patterns", patterns(case, planned, None)));
    blocks.extend(headed("Planning meetings", facts(case, planned, Section::Meetings)));
    blocks.extend(headed("Before the first day at school", actions(case, planned)));
    blocks.extend(looked_back(case, planned, usize::MAX));
    blocks.extend(headed("Reviews", facts(case, planned, Section::Reviews)));
    blocks.extend(headed("Hiccups", hiccups(case, planned)));
    blocks.extend(headed("In the pupil’s own words", voice(case, planned)));
    blocks.extend(headed("Agreements and the end", facts(case, planned, Section::Ending)));
    Ok(document)
}

/// Actions and lists before the first day; what pupil and parent agree to is shown only where it may be.
fn actions(case: &Case<'_>, planned: &Planned) -> Vec<Block> {
    let mut blocks = facts(case, planned, Section::Actions);
    let handover = facts(case, planned, Section::Handover);
    if !handover.is_empty() {
        blocks.push(Block::Subheading("With the consent of pupil and parent".to_owned()));
        blocks.extend(handover);
    }
    blocks
}

fn people(case: &Case<'_>) -> Vec<Block> {
    if !case.shows(Section::People) {
        return Vec::new();
    }
    let with = |party: &Party| {
        let who: Vec<String> = case.names.with(&[*party], case.today).into_iter().map(|(_, name)| name).collect();
        (!who.is_empty()).then(|| vec![capital(party.words()), who.join(", ")])
    };
    let rows: Vec<Vec<String>> = Party::ALL.iter().filter_map(with).collect();
    if rows.is_empty() {
        return Vec::new();
    }
    let columns = vec![Column::words("Part", 1.0), Column::words("Who", 2.0)];
    headed("People", vec![Block::Table(Table { caption: String::new(), columns, rows })])
}

/// Hiccups end nothing; each with what helped.
pub fn hiccups(case: &Case<'_>, planned: &Planned) -> Vec<Block> {
    let all = planned.row.plan.setbacks();
    if !case.shows(Section::Setbacks) || all.is_empty() {
        return Vec::new();
    }
    let list = planned.pack.list("setback");
    let row = |setback: &server_core::plan::Setback| {
        let kind = list.iter().find(|(code, _)| *code == setback.code).map_or_else(String::new, |(_, words)| words.clone());
        let words = |words: &Option<server_core::words::Words>| {
            words.as_ref().map_or_else(String::new, |words| words.expose().to_owned())
        };
        vec![view::full_date(setback.on), kind, words(&setback.what), words(&setback.what_helps)]
    };
    let columns = vec![
        Column::words("Day", 1.6),
        Column::words("What", 2.2),
        Column::words("More", 3.0),
        Column::words("What helps", 3.0),
    ];
    let rows = all.iter().map(row).collect();
    let note = Block::small("A hiccup is part of the way. It ends nothing by itself.");
    vec![Block::Table(Table { caption: String::new(), columns, rows }), note]
}
