//! One page about a pupil for whoever will teach them: what helps, in plain words, as far as the pupil shares it.
//!
//! Made of a `SharedProfile`, in which what is not shared does not exist, whoever makes the page.

use paper::{Block, Document};
use server_core::sharing::Section;

use super::case::Case;
use crate::api::ApiError;
use crate::web::growth;

/// Sets it.
///
/// # Errors
/// The database does not answer, or holds what this program cannot read.
pub async fn one_page(case: &Case<'_>) -> Result<Document, ApiError> {
    let mut document = case.document(format!("One page about {}", case.placement.pupil_name));
    let more = "More is shared than one page holds. The pupil and whoever works with them can choose what matters most.";
    document.one_page_or = Some(more.to_owned());
    let profile = growth::read_profile(case.state, &case.placement).await?.map(|(_, profile)| profile).unwrap_or_default();
    let shared = profile.shared(case.today);
    let blocks = &mut document.blocks;
    if case.shows(Section::SharedProfile) {
        for (about, _, title) in &growth::TRAITS {
            let lines: Vec<String> = shared.about(*about).map(|words| words.expose().to_owned()).collect();
            if !lines.is_empty() {
                blocks.extend([Block::heading(*title), Block::List(lines)]);
            }
        }
        let done: Vec<String> = shared.interventions().iter().map(growth::intervention_words).collect();
        if !done.is_empty() {
            blocks.extend([Block::heading("What is done"), Block::List(done)]);
        }
        if blocks.is_empty() {
            blocks.push(Block::text("Nothing is shared yet. What is shared is the pupil’s choice, line by line."));
        }
    }
    // What the pupil said about the plan was said to those who work with it, and is not on this page.
    blocks.push(Block::small("Only what the pupil chose to share is on this page. It can be taken back as easily."));
    Ok(document)
}
