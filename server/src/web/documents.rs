//! Documents about a pupil: the plan, what a review needs, and one page for the receiving school; as accessible PDF, JSON and CSV.
//!
//! Somebody chooses for whom a document is. What is in it is decided by `server_core::sharing` from that, from what its maker may read and
//! from whether somebody consents; the three forms are made of the same value, so none says more than another. Each says at its head
//! that it is the engagement record and no register. That somebody took one out is in the audit log before they have it.
//!
//! Making one is bounded: so many at once, so long, so large; each limit has its own answer.

use std::collections::BTreeSet;
use std::time::Duration;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use paper::PaperError;
use protocol::PlacementId;
use serde::Deserialize;
use server_core::access::Action;
use server_core::deadline::ical::CaseRef;
use server_core::party::Party;
use server_core::plan::ENGAGEMENT_LABEL;
use server_core::sharing::{Document, NotShared, ReadBy, Recipient, Section, Sharing, contents};
use store::audit::NewAudit;
use store::placements::PlacementRow;
use tokio::sync::Semaphore;
use uuid::Uuid;

use self::case::Case;
use super::plan::{self, Names};
use super::{Frame, page, view};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::{self, Scope};

mod case;
mod data;
mod glide;
mod parts;
mod profile;
mod returning;
mod review;
mod stages;

/// Documents that are made at once; each takes a core.
static PRINTING: Semaphore = Semaphore::const_new(2);
/// How long a document waits for its turn.
const TURN_WITHIN: Duration = Duration::from_secs(4);
/// How long the making of one may take.
const MADE_WITHIN: Duration = Duration::from_secs(8);
/// A larger file is not handed out.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// Documents with their word in addresses and what they are for.
const KINDS: [(Document, &str, &str); 3] = [
    (Document::Plan, "The plan", "Every stage with what was agreed, done and looked back upon."),
    (Document::ReviewPack, "Pack for a review", "Where the plan stands, the last four weeks, and what is due."),
    (Document::Profile, "One page about the pupil", "What helps, in plain words, as far as the pupil shares it."),
];

#[derive(Template)]
#[template(path = "staff/documents.html")]
struct DocumentsPage {
    frame: Frame,
    pupil_id: Uuid,
    pupil_name: String,
    recipients: Vec<(&'static str, String, bool)>,
    who: &'static str,
    for_whom: String,
    documents: Vec<Choice>,
    has_plan: bool,
}

struct Choice {
    code: &'static str,
    title: &'static str,
    about: &'static str,
    holds: Vec<&'static str>,
    /// Why it cannot be had.
    not: String,
}

/// For whom.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    r#for: String,
}

/// `GET /pupils/{pupil}/documents`: which there are, for whom, and what would be in them.
pub async fn show(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::ReadPlan).await?;
    let now = state.clock.now().utc;
    state.store.append_audit(plan::audit(&caller, pupil, "read documents"), now).await?;
    let names = Names::of(&state, &scope, &placement).await?;
    let named = named(&names, &scope, &placement, now);
    let recipient = named.iter().find(|(party, _)| party.code() == asked.r#for).map(|(party, _)| *party);
    let has_plan = !state.store.plans_of(placement.placement_id).await?.is_empty();
    let sharing = sharing(&state, &scope, &placement, recipient).await?;
    let choice = |&(document, title, about): &(Document, &'static str, &'static str)| {
        let (holds, not) = match contents(document, &sharing) {
            Ok(sections) => (sections.into_iter().map(Section::words).collect(), String::new()),
            Err(why) => (Vec::new(), view::sentence(&why.to_string())),
        };
        Choice { code: document.code(), title, about, holds, not }
    };
    page(&DocumentsPage {
        frame: Frame::of(&caller, &scope, format!("Documents about {}", placement.pupil_name), "/pupils", now),
        pupil_id: pupil,
        pupil_name: placement.pupil_name.clone(),
        who: recipient.map_or("", Party::code),
        for_whom: recipient.map_or_else(|| "your own work".to_owned(), |party| party.words().to_owned()),
        recipients: named
            .into_iter()
            .map(|(party, who)| (party.code(), format!("{}: {who}", capital(party)), Some(party) == recipient))
            .collect(),
        documents: KINDS.iter().filter(|(document, ..)| has_plan || *document == Document::Profile).map(choice).collect(),
        has_plan,
    })
}

/// `GET /pupils/{pupil}/documents/{file}`
pub async fn get(
    State(state): State<AppState>,
    caller: Caller,
    Path((pupil, file)): Path<(Uuid, String)>,
    Query(asked): Query<Asked>,
) -> Result<Response, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::ReadPlan).await?;
    let now = state.clock.now().utc;
    let (name, form) = file.split_once('.').ok_or(ApiError::NotFound)?;
    let kind = KINDS.iter().find(|(document, ..)| document.code() == name).ok_or(ApiError::NotFound)?;
    let form = Form::of(form).ok_or(ApiError::NotFound)?;
    let names = Names::of(&state, &scope, &placement).await?;
    let recipient = match asked.r#for.as_str() {
        "" => None,
        code => {
            let named = named(&names, &scope, &placement, now).into_iter().find(|(party, _)| party.code() == code);
            let nobody = "Nobody has this part in the case. Name them on the page of people first.";
            Some(named.ok_or(ApiError::Forbidden(nobody))?.0)
        }
    };
    let sharing = sharing(&state, &scope, &placement, recipient).await?;
    let holds = contents(kind.0, &sharing).map_err(refused)?;
    let (action, detail) = (audit_words(kind.0), recipient.map_or("own work", Party::code));
    state.store.append_audit(NewAudit { detail: Some(detail), ..plan::audit(&caller, pupil, action) }, now).await?;
    let case = Case::of(&state, &scope, placement, names, holds.into_iter().collect(), now).await?;
    let mut document = match kind.0 {
        Document::Plan => stages::plan(&case, parts::goals(&case).await?)?,
        Document::ReviewPack => review::pack(&case).await?,
        _ => profile::one_page(&case).await?,
    };
    let reference = CaseRef::of(PlacementId(case.placement.placement_id)).to_string();
    let for_whom = recipient.map_or_else(String::new, |party| format!(", for {}", party.words()));
    document.ledger = ENGAGEMENT_LABEL.to_owned();
    document.ledger_says = LEDGER_SAYS.to_owned();
    document.made_at = now;
    document.foot = format!(
        "Case {reference}. Made on {} at {} by {}{for_whom}.",
        view::full_date(case.today),
        view::clock(now, case.zone),
        caller.name
    );
    let body = match form {
        Form::Pdf => printed(&state, document).await?,
        Form::Json => data::json(&document, &reference)?.into_bytes(),
        Form::Csv => data::csv(&document).into_bytes(),
    };
    let disposition = format!("attachment; filename=\"windowseat-{reference}-{file}\"");
    Ok(([(header::CONTENT_TYPE, form.media_type().to_owned()), (header::CONTENT_DISPOSITION, disposition)], body)
        .into_response())
}

/// Beside the label of the ledger, on every document.
const LEDGER_SAYS: &str =
    "Minutes by robot are remote participation, never marks. This is no attendance register: the school alone keeps that.";

#[derive(Clone, Copy)]
enum Form {
    Pdf,
    Json,
    Csv,
}

impl Form {
    fn of(ending: &str) -> Option<Self> {
        match ending {
            "pdf" => Some(Self::Pdf),
            "json" => Some(Self::Json),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }
}

fn audit_words(document: Document) -> &'static str {
    match document {
        Document::Plan => "take out plan",
        Document::ReviewPack => "take out review pack",
        _ => "take out profile",
    }
}

fn refused(why: NotShared) -> ApiError {
    match why {
        NotShared::NotYours => ApiError::NotFound,
        NotShared::NotForThem(_) => ApiError::Forbidden("Nothing of this document is for them. Choose another one."),
        NotShared::NoConsent => ApiError::Forbidden(
            "Nobody has consented. Talk with the parent or carer first, and write into the plan who agreed, when and how.",
        ),
    }
}

/// Who may be given something: those who have a part in the case today, with their names.
fn named(names: &Names, scope: &Scope, placement: &PlacementRow, now: chrono::DateTime<chrono::Utc>) -> Vec<(Party, String)> {
    let today = scope.today(placement.school_id, now);
    let with = |party: &Party| {
        let who: Vec<String> = names.with(&[*party], today).into_iter().map(|(_, name)| name).collect();
        (!who.is_empty()).then(|| (*party, who.join(", ")))
    };
    Party::ALL.iter().filter_map(with).collect()
}

/// By whom, for whom, and whether somebody consents today.
async fn sharing(
    state: &AppState,
    scope: &Scope,
    placement: &PlacementRow,
    recipient: Option<Party>,
) -> Result<Sharing, ApiError> {
    let maker_may: BTreeSet<ReadBy> =
        ReadBy::ALL.iter().copied().filter(|by| scope.may_pupil(by.action(), placement)).collect();
    let row = state.store.plans_of(placement.placement_id).await?.into_iter().next();
    let is_consented = row.is_some_and(|row| row.plan.consents().iter().any(|consent| consent.withdrawn.is_none()));
    let recipient = recipient.map_or(Recipient::Maker, Recipient::Party);
    Ok(Sharing { recipient, maker_may, is_consented })
}

fn capital(party: Party) -> String {
    view::sentence(party.words()).trim_end_matches('.').to_owned()
}

/// Prints a document, off the threads that answer.
async fn printed(state: &AppState, document: paper::Document) -> Result<Vec<u8>, ApiError> {
    let busy = ApiError::Unavailable("Other documents are being made just now. Try again in a minute.");
    let Ok(Ok(permit)) = tokio::time::timeout(TURN_WITHIN, PRINTING.acquire()).await else { return Err(busy) };
    let clock = std::sync::Arc::clone(&state.clock);
    let made = tokio::task::spawn_blocking(move || {
        // The turn ends with the work, also if nobody waits for it any more.
        let _permit = permit;
        let began = clock.now().monotonic;
        paper::print(&document, &|| clock.now().monotonic.saturating_sub(began) > MADE_WITHIN)
    });
    let too_long = "This record is too long for one document. Take it as JSON or CSV instead.";
    match made.await.map_err(anyhow::Error::from)? {
        Ok(printed) if printed.pdf.len() > MOST_BYTES => Err(ApiError::Conflict(too_long)),
        Ok(printed) => Ok(printed.pdf),
        Err(PaperError::TooLong) => Err(ApiError::Conflict(too_long)),
        Err(PaperError::TooSlow) => {
            Err(ApiError::Unavailable("This document took too long to make. Try again in a minute, or take it as JSON."))
        }
        Err(PaperError::Unwritable) => Err(anyhow::anyhow!("a document could not be written").into()),
    }
}
