//! The page of documents: who may read one, what would be in it, and what was given.

use askama::Template;
use axum::response::Html;
use chrono::{DateTime, Utc};
use server_core::access::Action;
use server_core::sharing::{Recipient, Section, Sharing, contents};
use store::kept;
use store::placements::PlacementRow;
use store::sheets::{Owner, SheetKind};
use uuid::Uuid;

use super::made::Ending;
use super::{KINDS, Kind, PRINTED, named, sharing};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::Scope;
use crate::web::plan::Names;
use crate::web::{Frame, page, view};

/// Documents that the page lists as given.
const SHOWN_SHARES: usize = 40;

#[derive(Template)]
#[template(path = "staff/documents.html")]
struct DocumentsPage {
    frame: Frame,
    pupil_id: Uuid,
    pupil_name: String,
    wrong: String,
    recipients: Vec<(&'static str, String, bool)>,
    /// None: for one's own work.
    to: Option<ToView>,
    may_give: bool,
    documents: Vec<DocumentView>,
    has_plan: bool,
    given: Vec<GivenView>,
}

struct ToView {
    code: &'static str,
    words: &'static str,
    who: String,
}

struct DocumentView {
    title: String,
    about: &'static str,
    /// `PDF`, the file, and where one's own is.
    files: Vec<(&'static str, String, String)>,
    sections: Vec<&'static str>,
    /// Left out of this document, for this reader.
    without: Vec<&'static str>,
    why_not: String,
}

struct GivenView {
    words: String,
    by: String,
    sections: String,
}

fn capital(words: &str) -> String {
    view::sentence(words).trim_end_matches('.').to_owned()
}

/// Draws it. `to`: the word of the part of whoever reads; for one's own work if nobody has it.
///
/// # Errors
/// The database does not answer, or holds what this program cannot read.
pub async fn draw(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    placement: &PlacementRow,
    to: &str,
    wrong: String,
) -> Result<Html<String>, ApiError> {
    let now = state.clock.now().utc;
    let named = named(&Names::of(state, scope, placement).await?, scope.today(placement.school_id, now));
    let to = named
        .iter()
        .find(|(party, _)| party.code() == to)
        .map(|(party, who)| (*party, ToView { code: party.code(), words: party.words(), who: who.clone() }));
    let recipient = to.as_ref().map_or(Recipient::Maker, |(party, _)| Recipient::Party(*party));
    let held = state.store.plans_of(placement.placement_id).await?.into_iter().next();
    let sharing = sharing(scope, placement, held.as_ref().map(|row| &row.plan), recipient);
    let documents = KINDS.iter().filter(|kind| held.is_some() || !kind.needs_plan);
    page(&DocumentsPage {
        frame: Frame::of(caller, scope, format!("Documents about {}", placement.pupil_name), "/pupils", now),
        pupil_id: placement.pupil_id,
        pupil_name: placement.pupil_name.clone(),
        wrong,
        recipients: named
            .iter()
            .map(|(party, who)| {
                let chosen = recipient == Recipient::Party(*party);
                (party.code(), format!("{}: {who}", capital(party.words())), chosen)
            })
            .collect(),
        may_give: scope.may_pupil(Action::EditPlan, placement),
        documents: documents.map(|kind| document_view(kind, &sharing)).collect(),
        has_plan: held.is_some(),
        given: given(state, scope, placement, now).await?,
        to: to.map(|(_, view)| view),
    })
}

fn document_view(kind: &Kind, sharing: &Sharing) -> DocumentView {
    let words = |all: Vec<Section>| all.into_iter().map(Section::words).collect::<Vec<_>>();
    let (sections, why_not) = match contents(kind.document, sharing) {
        Ok(sections) => (sections, String::new()),
        Err(why) => (Vec::new(), view::sentence(&why.to_string())),
    };
    let is_left_out = |section: &Section| !sections.is_empty() && !sections.contains(section);
    let folder = if kind.endings == PRINTED { "documents" } else { "export" };
    let file = |ending: &Ending| {
        let file = format!("{}.{}", kind.document.code(), ending.code());
        let own = format!("{folder}/{file}");
        (ending.words(), file, own)
    };
    DocumentView {
        title: capital(kind.document.words()),
        about: kind.about,
        files: kind.endings.iter().map(file).collect(),
        without: words(kind.document.sections().iter().copied().filter(is_left_out).collect()),
        sections: words(sections),
        why_not,
    }
}

/// What was given, the last first.
async fn given(
    state: &AppState,
    scope: &Scope,
    placement: &PlacementRow,
    now: DateTime<Utc>,
) -> Result<Vec<GivenView>, ApiError> {
    let zone = scope.zone(placement.school_id);
    let rows = state.store.sheets(Owner::Placement(placement.placement_id), SheetKind::Share).await?;
    let mut given = Vec::new();
    for row in rows.iter().rev().take(SHOWN_SHARES) {
        let (document, party, sections) =
            kept::read_share(&row.body).ok_or_else(|| anyhow::anyhow!("a share is not readable"))?;
        let by = row.actor_name.clone().unwrap_or_else(|| "Somebody".to_owned());
        given.push(GivenView {
            words: format!("{} for {}", capital(document.words()), party.words()),
            by: format!("Made by {by}, {}", view::moment(row.at, now, zone)),
            sections: sections.iter().map(|section| section.words()).collect::<Vec<_>>().join(", "),
        });
    }
    Ok(given)
}
