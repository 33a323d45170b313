//! A document about a pupil for somebody else: who may be given which, what is in it, and what was given to whom.
//!
//! What is in it follows from `server_core::sharing` alone; a section that is not for the recipient does not reach the file. A document
//! is made for somebody who is named in the case today. It is written down first and handed to the person who made it, who passes it
//! on: nothing is sent from here.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;
use server_core::access::Action;
use server_core::party::Party;
use server_core::plan::ReintegrationPlan;
use server_core::sharing::{Document, ReadBy, Recipient, Section, Sharing, contents};
use store::kept;
use store::placements::PlacementRow;
use store::sheets::{NewSheet, Owner, SheetKind};
use uuid::Uuid;

use super::plan::{self, Sent};
use super::{Frame, export, page, view};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::{self, Scope};

/// Documents that the page lists as given.
const SHOWN_SHARES: usize = 40;
/// Documents that are files, with the name of the file.
const FILES: [(Document, &str); 4] = [
    (Document::Plan, "plan.json"),
    (Document::Weeks, "weeks.csv"),
    (Document::Growth, "growth.csv"),
    (Document::History, "history.csv"),
];

#[derive(Template)]
#[template(path = "staff/share.html")]
struct SharePage {
    frame: Frame,
    pupil_id: Uuid,
    pupil_name: String,
    wrong: String,
    may_share: bool,
    recipients: Vec<(&'static str, String, bool)>,
    to: Option<ToView>,
    given: Vec<GivenView>,
}

struct ToView {
    code: &'static str,
    words: &'static str,
    who: String,
    documents: Vec<DocumentView>,
}

struct DocumentView {
    file: &'static str,
    title: String,
    sections: Vec<&'static str>,
    /// Left out of this document, for this recipient.
    without: Vec<&'static str>,
    why_not: String,
}

struct GivenView {
    words: String,
    by: String,
    sections: String,
}

/// For whom.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    to: String,
}

/// By whom, for whom, and whether somebody consents: what every document is made by.
pub(super) fn sharing(
    scope: &Scope,
    placement: &PlacementRow,
    plan: Option<&ReintegrationPlan>,
    recipient: Recipient,
) -> Sharing {
    let may = |one: &ReadBy| scope.may_pupil(one.action(), placement);
    let is_consented = plan.is_some_and(|plan| plan.consents().iter().any(|one| one.withdrawn.is_none()));
    Sharing { recipient, maker_may: ReadBy::ALL.iter().copied().filter(may).collect(), is_consented }
}

/// `GET /pupils/{pupil}/share`
pub async fn show(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::ReadPlan).await?;
    state.store.append_audit(plan::audit(&caller, pupil, "read plan"), state.clock.now().utc).await?;
    draw(&state, &caller, &scope, &placement, Party::from_code(&asked.to), String::new()).await
}

/// `POST /pupils/{pupil}/share`: a document is made for somebody, and written down as given.
pub async fn give(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::EditPlan).await?;
    let now = state.clock.now().utc;
    let today = scope.today(placement.school_id, now);
    let party = sent.get("to").and_then(|code| Party::from_code(code));
    let asked = FILES.iter().find(|(_, file)| sent.get("file").is_some_and(|sent| sent == file));
    let names = plan::Names::of(&state, &scope, &placement).await?;
    let is_named = |party: &Party| !names.with(&[*party], today).is_empty();
    let (Some(party), Some((document, file))) = (party.filter(is_named), asked) else {
        let wrong = "Choose somebody who is named in this case, and a document.".to_owned();
        let html = draw(&state, &caller, &scope, &placement, party, wrong).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, html).into_response());
    };
    let held = state.store.plans_of(placement.placement_id).await?.into_iter().next();
    let sharing = sharing(&scope, &placement, held.as_ref().map(|row| &row.plan), Recipient::Party(party));
    let sections = match contents(*document, &sharing) {
        Ok(sections) => sections,
        Err(why) => {
            let html = draw(&state, &caller, &scope, &placement, Some(party), view::sentence(&why.to_string())).await?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, html).into_response());
        }
    };
    let (kind, body) = export::made(&state, &scope, &placement, file, &sections).await?;
    let share = kept::written_share(*document, party, &sections);
    let sheet = NewSheet {
        sheet_id: Uuid::now_v7(),
        based_on: 0,
        kind: SheetKind::Share,
        owner: Owner::Placement(placement.placement_id),
        day: Some(today),
        body: &share,
    };
    let audit = store::audit::NewAudit { detail: Some(party.code()), ..plan::audit(&caller, pupil, "give document") };
    state.store.save_sheet(&sheet, audit, now).await?;
    Ok(export::attached(&placement, &format!("{}-{file}", party.code()), kind, body))
}

async fn draw(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    placement: &PlacementRow,
    to: Option<Party>,
    wrong: String,
) -> Result<Html<String>, ApiError> {
    let now = state.clock.now().utc;
    let zone = scope.zone(placement.school_id);
    let today = now.with_timezone(&zone).date_naive();
    let names = plan::Names::of(state, scope, placement).await?;
    let held = state.store.plans_of(placement.placement_id).await?.into_iter().next();
    let who = |party: Party| {
        let all: Vec<_> = names.with(&[party], today).into_iter().map(|(_, name)| name).collect();
        all.join(", ")
    };
    let capital = |party: Party| view::sentence(party.words()).trim_end_matches('.').to_owned();
    let recipients: Vec<Party> = Party::ALL.iter().copied().filter(|party| !who(*party).is_empty()).collect();
    let chosen = to.filter(|party| recipients.contains(party));
    let rows = state.store.sheets(Owner::Placement(placement.placement_id), SheetKind::Share).await?;
    let mut given = Vec::new();
    for row in rows.iter().rev().take(SHOWN_SHARES) {
        let (document, party, sections) =
            kept::read_share(&row.body).ok_or_else(|| anyhow::anyhow!("a share is not readable"))?;
        let by = row.actor_name.clone().unwrap_or_else(|| "Somebody".to_owned());
        given.push(GivenView {
            words: format!("{} for {}", view::sentence(document.words()).trim_end_matches('.'), party.words()),
            by: format!("Made by {by}, {}", view::moment(row.at, now, zone)),
            sections: sections.iter().map(|section| section.words()).collect::<Vec<_>>().join(", "),
        });
    }
    page(&SharePage {
        frame: Frame::of(caller, scope, format!("Sharing for {}", placement.pupil_name), "/pupils", now),
        pupil_id: placement.pupil_id,
        pupil_name: placement.pupil_name.clone(),
        wrong,
        may_share: scope.may_pupil(Action::EditPlan, placement),
        recipients: recipients
            .iter()
            .map(|party| (party.code(), format!("{}: {}", capital(*party), who(*party)), chosen == Some(*party)))
            .collect(),
        to: chosen.map(|party| {
            let sharing = sharing(scope, placement, held.as_ref().map(|row| &row.plan), Recipient::Party(party));
            let documents = FILES.iter().map(|(document, file)| document_view(*document, file, &sharing)).collect();
            ToView { code: party.code(), words: party.words(), who: who(party), documents }
        }),
        given,
    })
}

fn document_view(document: Document, file: &'static str, sharing: &Sharing) -> DocumentView {
    let title = view::sentence(document.words()).trim_end_matches('.').to_owned();
    let words = |all: Vec<Section>| all.into_iter().map(Section::words).collect::<Vec<_>>();
    match contents(document, sharing) {
        Ok(sections) => {
            let without = document.sections().iter().copied().filter(|section| !sections.contains(section)).collect();
            DocumentView { file, title, sections: words(sections), without: words(without), why_not: String::new() }
        }
        Err(why) => {
            let why_not = view::sentence(&why.to_string());
            DocumentView { file, title, sections: Vec::new(), without: Vec::new(), why_not }
        }
    }
}
