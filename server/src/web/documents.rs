//! Documents about a pupil: who reads one decides what is in it, and what was given to somebody is written down.
//!
//! The plan, what a review needs, and one page for the receiving school are made as accessible PDF, JSON and CSV; weeks, looks and the
//! history as CSV. What is in them is decided by `server_core::sharing` alone: from who reads it, from what its maker may read and from
//! whether somebody consents. The forms of one document are made of the same value, so none says more than another. Each says at its
//! head that it is the engagement record and no register.
//!
//! Whoever comes by a part alone, from another school, takes out for their own work what somebody with that part would be given, and gives
//! on no more: a file stays with them when the part, and with it the pages, has ended (A-6, H-8).
//!
//! One's own is taken out by GET, and is in the audit log before they have it. One for somebody who is named in the case today is made by
//! POST: it is written down first (for whom, by whom, which sections), then handed to the person who made it, who passes it on. Nothing
//! is sent from here, and no address of a GET makes a document for somebody else.

use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use server_core::access::Action;
use server_core::party::Party;
use server_core::plan::ReintegrationPlan;
use server_core::sharing::{Document, NotShared, ReadBy, Recipient, Section, Sharing, contents};
use store::audit::NewAudit;
use store::kept;
use store::placements::PlacementRow;
use store::plans::PlanRow;
use store::sheets::{NewSheet, Owner, SheetKind};
use uuid::Uuid;

use self::made::{Ending, Order};
use self::page::draw;
use super::plan::{self, Names, Sent};
use super::{export, view};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::{self, Scope};

mod case;
mod data;
mod glide;
mod made;
mod page;
mod parts;
mod profile;
mod returning;
mod review;
mod stages;

/// A document with what it is for.
struct Kind {
    document: Document,
    about: &'static str,
    /// How it can be had: read on paper or by a program, or rows alone.
    endings: &'static [Ending],
    needs_plan: bool,
}

const PRINTED: &[Ending] = &[Ending::Pdf, Ending::Json, Ending::Csv];
const ROWS: &[Ending] = &[Ending::Csv];

const KINDS: [Kind; 6] = [
    Kind {
        document: Document::Plan,
        about: "Every stage with what was agreed, done and looked back upon.",
        endings: PRINTED,
        needs_plan: true,
    },
    Kind {
        document: Document::ReviewPack,
        about: "Where the plan stands, the last four weeks, and what is due.",
        endings: PRINTED,
        needs_plan: true,
    },
    Kind {
        document: Document::Profile,
        about: "What helps, in plain words, as far as the pupil shares it.",
        endings: PRINTED,
        needs_plan: false,
    },
    Kind {
        document: Document::Weeks,
        about: "Half-days on site, by robot, elsewhere and of rest, week by week.",
        endings: ROWS,
        needs_plan: true,
    },
    Kind {
        document: Document::Growth,
        about: "Every look with its day, voice and scale; there is no total.",
        endings: ROWS,
        needs_plan: false,
    },
    Kind {
        document: Document::History,
        about: "Who changed which field of the plan, from what to what.",
        endings: ROWS,
        needs_plan: true,
    },
];

/// For whom.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    r#for: String,
}

/// `GET /pupils/{pupil}/documents`: which there are, for whom, what would be in them, and what was given.
pub async fn show(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::ReadPlan).await?;
    state.store.append_audit(plan::audit(&caller, pupil, "read documents"), state.clock.now().utc).await?;
    draw(&state, &caller, &scope, &placement, &asked.r#for, String::new()).await
}

/// `GET /pupils/{pupil}/documents/{file}`: for one's own work.
pub async fn get(
    State(state): State<AppState>,
    caller: Caller,
    Path((pupil, file)): Path<(Uuid, String)>,
    Query(asked): Query<Asked>,
) -> Result<Response, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::ReadPlan).await?;
    if !asked.r#for.is_empty() {
        let words = "A document for somebody else is written down before it is handed out. Make it on the page of documents.";
        return Err(ApiError::Forbidden(words));
    }
    // Rows alone are taken out by `export`.
    let (kind, ending) = wanted(&file).filter(|(kind, _)| kind.endings == PRINTED).ok_or(ApiError::NotFound)?;
    let now = state.clock.now().utc;
    let sections = own(&state, &scope, &placement, kind.document).await?;
    let action = match kind.document {
        Document::Plan => "take out plan",
        Document::ReviewPack => "take out review pack",
        _ => "take out profile",
    };
    let audit = NewAudit { detail: Some("own work"), ..plan::audit(&caller, pupil, action) };
    state.store.append_audit(audit, now).await?;
    let order = Order {
        state: &state,
        scope: &scope,
        placement: &placement,
        by: &caller.name,
        to: None,
        document: kind.document,
        ending,
        sections: &sections,
    };
    let names = Names::of(&state, &scope, &placement).await?;
    Ok(export::attached(&placement, &file, ending.media_type(), order.made(names, now).await?))
}

/// `POST /pupils/{pupil}/documents`: a document is made for somebody, written down as given, and handed to the person who made it.
pub async fn give(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::EditPlan).await?;
    let now = state.clock.now().utc;
    let to = sent.get("for").map_or("", String::as_str);
    let file = sent.get("file").map_or("", String::as_str);
    let (status, wrong) = match handed_out(&state, &caller, &scope, &placement, (to, file), now).await {
        Ok(Ok(answer)) => return Ok(answer),
        Ok(Err(wrong)) => (StatusCode::UNPROCESSABLE_ENTITY, wrong),
        Err(ApiError::Conflict(words)) => (StatusCode::CONFLICT, words.to_owned()),
        Err(ApiError::Unavailable(words)) => (StatusCode::SERVICE_UNAVAILABLE, words.to_owned()),
        Err(error) => return Err(error),
    };
    let html = draw(&state, &caller, &scope, &placement, to, wrong).await?;
    Ok((status, html).into_response())
}

/// The file for somebody; in words, why there is none. `asked`: for whom, and which file.
async fn handed_out(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    placement: &PlacementRow,
    asked: (&str, &str),
    now: DateTime<Utc>,
) -> Result<Result<Response, String>, ApiError> {
    let (to, file) = asked;
    let names = Names::of(state, scope, placement).await?;
    let today = scope.today(placement.school_id, now);
    let party = named(&names, today).into_iter().find(|(party, _)| party.code() == to).map(|(party, _)| party);
    let (Some(party), Some((kind, ending))) = (party, wanted(file)) else {
        return Ok(Err("Choose somebody who is named in this case, and a document.".to_owned()));
    };
    let held = state.store.plans_of(placement.placement_id).await?.into_iter().next();
    let sharing = sharing(scope, placement, held.as_ref().map(|row| &row.plan), Recipient::Party(party));
    let sections = match contents(kind.document, &sharing) {
        Ok(sections) => sections,
        Err(why) => return Ok(Err(view::sentence(&why.to_string()))),
    };
    let order = Order {
        state,
        scope,
        placement,
        by: &caller.name,
        to: Some(party),
        document: kind.document,
        ending,
        sections: &sections,
    };
    let body = order.made(names, now).await?;
    let share = kept::written_share(kind.document, party, &sections);
    let sheet = NewSheet {
        sheet_id: Uuid::now_v7(),
        based_on: 0,
        kind: SheetKind::Share,
        owner: Owner::Placement(placement.placement_id),
        day: Some(today),
        body: &share,
    };
    let audit = NewAudit { detail: Some(party.code()), ..plan::audit(caller, placement.pupil_id, "give document") };
    state.store.save_sheet(&sheet, audit, now).await?;
    Ok(Ok(export::attached(placement, &format!("{}-{file}", party.code()), ending.media_type(), body)))
}

/// A plan that is read only: the document that its reader would be given for their own work.
///
/// # Errors
/// It is not theirs to read, or the database does not answer.
pub(super) async fn read_only(
    state: &AppState,
    scope: &Scope,
    placement: &PlacementRow,
    row: PlanRow,
) -> Result<paper::Document, ApiError> {
    // A page, open as long as what opens it: as the page of a plan that runs.
    let sharing = Sharing { maker_as: None, ..sharing(scope, placement, Some(&row.plan), Recipient::Maker) };
    let sections = contents(Document::Plan, &sharing).map_err(|_| ApiError::NotFound)?;
    let names = Names::of(state, scope, placement).await?;
    let now = state.clock.now().utc;
    let case = case::Case::with(state, scope, placement.clone(), names, Some(row), sections.into_iter().collect(), now).await?;
    stages::plan(&case, parts::goals(&case).await?)
}

/// A file by its name, `plan.pdf`.
fn wanted(file: &str) -> Option<(&'static Kind, Ending)> {
    let (name, ending) = file.split_once('.')?;
    let kind = KINDS.iter().find(|kind| kind.document.code() == name)?;
    let ending = kind.endings.iter().copied().find(|known| known.code() == ending)?;
    Some((kind, ending))
}

/// What somebody takes out for their own work.
///
/// # Errors
/// It is not theirs, or for theirs nobody consents; or the database does not answer.
pub(super) async fn own(
    state: &AppState,
    scope: &Scope,
    placement: &PlacementRow,
    document: Document,
) -> Result<Vec<Section>, ApiError> {
    let held = state.store.plans_of(placement.placement_id).await?.into_iter().next();
    let own = sharing(scope, placement, held.as_ref().map(|row| &row.plan), Recipient::Maker);
    contents(document, &own).map_err(|why| match why {
        NotShared::NoConsent => {
            ApiError::Forbidden("Nobody consents that this leaves those who have the pupil. Ask the key worker.")
        }
        NotShared::NotYours | NotShared::NotForThem(_) => ApiError::NotFound,
    })
}

/// By whom, for whom, and whether somebody consents: what every document is made by.
pub(super) fn sharing(
    scope: &Scope,
    placement: &PlacementRow,
    plan: Option<&ReintegrationPlan>,
    recipient: Recipient,
) -> Sharing {
    let may = |one: &ReadBy| scope.may_pupil(one.action(), placement);
    let is_consented = plan.is_some_and(ReintegrationPlan::is_consented);
    let maker_may = ReadBy::ALL.iter().copied().filter(may).collect();
    Sharing { recipient, maker_may, maker_as: scope.only_as(placement), is_consented }
}

/// Who may be given something: those who have a part in the case today, with their names.
fn named(names: &Names, today: chrono::NaiveDate) -> Vec<(Party, String)> {
    let with = |party: &Party| {
        let who: Vec<String> = names.with(&[*party], today).into_iter().map(|(_, name)| name).collect();
        (!who.is_empty()).then(|| (*party, who.join(", ")))
    };
    Party::ALL.iter().filter_map(with).collect()
}
