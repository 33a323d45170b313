//! The making of one document, in the form that was asked for.
//!
//! It is bounded: so many at once, so long, so large; each limit has its own answer. Who may have it is decided before.

use std::time::Duration;

use chrono::{DateTime, Utc};
use paper::PaperError;
use protocol::PlacementId;
use server_core::deadline::ical::CaseRef;
use server_core::party::Party;
use server_core::plan::ENGAGEMENT_LABEL;
use server_core::sharing::{Document, Section};
use store::placements::PlacementRow;
use tokio::sync::Semaphore;

use super::case::Case;
use super::{data, parts, profile, review, stages};
use crate::AppState;
use crate::api::ApiError;
use crate::api::scope::Scope;
use crate::web::plan::Names;
use crate::web::{export, view};

/// Documents that are made at once; each takes a core.
static PRINTING: Semaphore = Semaphore::const_new(2);
/// How long a document waits for its turn.
const TURN_WITHIN: Duration = Duration::from_secs(4);
/// How long the making of one may take.
const MADE_WITHIN: Duration = Duration::from_secs(8);
/// A larger file is not handed out.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// Beside the label of the ledger, on every document.
const LEDGER_SAYS: &str =
    "Minutes by robot are remote participation, never marks. This is no attendance register: the school alone keeps that.";

/// The form of a file, as its name ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Pdf,
    Json,
    Csv,
}

impl Ending {
    pub fn code(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Json => "json",
            Self::Csv => "csv",
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::Pdf => "PDF",
            Self::Json => "JSON",
            Self::Csv => "CSV",
        }
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }
}

/// What is to be made, by whom and for whom.
pub struct Order<'a> {
    pub state: &'a AppState,
    pub scope: &'a Scope,
    pub placement: &'a PlacementRow,
    pub by: &'a str,
    /// None: for its maker's own work.
    pub to: Option<Party>,
    pub document: Document,
    pub ending: Ending,
    /// What is in it; nothing else is.
    pub sections: &'a [Section],
}

impl Order<'_> {
    /// The file.
    ///
    /// # Errors
    /// There is no plan to print; too many are being made, or this one is too long; or the database does not answer.
    pub async fn made(&self, names: Names, now: DateTime<Utc>) -> Result<Vec<u8>, ApiError> {
        if matches!(self.document, Document::Weeks | Document::Growth | Document::History) {
            let file = format!("{}.{}", self.document.code(), self.ending.code());
            let (_, text) = export::made(self.state, self.scope, self.placement, &file, self.sections).await?;
            return Ok(text.into_bytes());
        }
        let holds = self.sections.iter().copied().collect();
        let case = Case::of(self.state, self.scope, self.placement.clone(), names, holds, now).await?;
        let mut document = match self.document {
            Document::Plan => stages::plan(&case, parts::goals(&case).await?)?,
            Document::ReviewPack => review::pack(&case).await?,
            _ => profile::one_page(&case).await?,
        };
        let reference = CaseRef::of(PlacementId(self.placement.placement_id)).to_string();
        let for_whom = self.to.map_or_else(String::new, |party| format!(", for {}", party.words()));
        document.ledger = ENGAGEMENT_LABEL.to_owned();
        document.ledger_says = LEDGER_SAYS.to_owned();
        document.made_at = now;
        document.foot = format!(
            "Case {reference}. Made on {} at {} by {}{for_whom}.",
            view::full_date(case.today),
            view::clock(now, case.zone),
            self.by
        );
        match self.ending {
            Ending::Pdf => printed(self.state, document).await,
            Ending::Json => Ok(data::json(&document, &reference, self.sections)?.into_bytes()),
            Ending::Csv => Ok(data::csv(&document).into_bytes()),
        }
    }
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
