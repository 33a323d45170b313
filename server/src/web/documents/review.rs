//! The pack for a review: where the plan stands, the last four weeks, and what people are to talk about.

use paper::{Block, Document};
use server_core::deadline::Facts;
use server_core::sharing::Section;

use super::case::{Case, Planned};
use super::parts::{barriers, facts, goals, head, headed, patterns, readiness, stated};
use super::returning::{breakdowns, contacts, growth, looked_back, register, to_do, voice};
use super::{glide, stages};
use crate::api::ApiError;
use crate::cases;
use crate::web::plan;

/// Weeks looked back upon.
const WEEKS: usize = 4;

/// Sets it.
///
/// # Errors
/// There is no plan; or the database does not answer, or holds what this program cannot read.
pub async fn pack(case: &Case<'_>) -> Result<Document, ApiError> {
    let planned = case.plan()?;
    let mut document = case.document(format!("For the review: {}", case.placement.pupil_name));
    let (now, week) = week_now(case, planned).await?;
    if let Some(words) = now {
        document.about = format!("{} {words}.", document.about);
    }
    let blocks = &mut document.blocks;
    blocks.extend(head(case, planned));
    blocks.extend(stated(case, planned));
    blocks.extend(goals(case).await?);
    blocks.extend(weeks(case, planned, week).await?);
    blocks.extend(register(case).await?);
    blocks.extend(looked_back(case, planned, WEEKS));
    blocks.extend(headed("In the pupil’s own words", voice(case, planned)));
    blocks.extend(readiness(case, planned));
    blocks.extend(barriers(case, planned));
    blocks.extend(headed("Hiccups", stages::hiccups(case, planned)));
    blocks.extend(breakdowns(case, planned).await?);
    blocks.extend(contacts(case).await?);
    blocks.extend(growth(case).await?);
    blocks.extend(headed("Reviews before this one", facts(case, planned, Section::Reviews)));
    blocks.extend(to_do(case, planned).await?);
    blocks.extend(headed("Agreements and the end", facts(case, planned, Section::Ending)));
    Ok(document)
}

/// The path, and the pattern of this week and the next.
async fn weeks(case: &Case<'_>, planned: &Planned, now: Option<u16>) -> Result<Vec<Block>, ApiError> {
    let mut blocks = match glide::weeks(case).await? {
        Ok(path) => glide::blocks(case, &path),
        Err(waits) if case.shows(Section::WeekPattern) => vec![Block::text(waits)],
        Err(_) => Vec::new(),
    };
    let last = planned.pack.clocks.first().map_or(0, |clock| planned.row.plan.weeks_of(clock));
    let week = now.unwrap_or(1);
    let shown: Vec<u16> = (week..=week.saturating_add(1)).filter(|week| *week <= last).collect();
    blocks.extend(patterns(case, planned, Some(&shown)));
    Ok(headed("From away to on site", blocks))
}

/// `Provider week 4 of 12`, and the week of the clock that patterns are of.
async fn week_now(case: &Case<'_>, planned: &Planned) -> Result<(Option<String>, Option<u16>), ApiError> {
    let (store, placement) = (&case.state.store, &case.placement);
    let authority = case.scope.parent_of(placement.school_id);
    let facts: Facts =
        cases::facts(store, planned.pack, &planned.row.plan, placement.placement_id, authority, case.today).await?;
    let schools = cases::Schools::of(store, placement, Some(&planned.row.plan)).await?;
    let calendars = schools.calendars();
    let words = plan::week_now(planned.pack, &facts, &calendars, case.today);
    Ok((words, plan::number_now(planned.pack.clocks.first(), &facts, &calendars, case.today)))
}
