//! Scales for looks at the framework: an organisation's own steps, in its own words, version by version.
//!
//! The framework sets no scale (F-8). A version is never changed once it is there, because looks were made on it; other words are the
//! next version. Steps are words: a number alone is refused by the core.

use askama::Template;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use server_core::access::{Action, Subject as About};
use server_core::framework::{Scale, ScaleKey};
use server_core::policy::Code;
use store::audit::{Actor, NewAudit, Subject};
use store::kept;
use store::sheets::{NewSheet, Owner, SheetKind};
use uuid::Uuid;

use super::plan::Sent;
use super::{Frame, page, view};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::Scope;

/// A scale has no more steps than this.
const MOST_STEPS: usize = 10;
/// A title or a step, in characters.
const MAX_CHARS: usize = 60;
/// Scales of one organisation, all versions together.
const MOST_SCALES: usize = 50;

#[derive(Template)]
#[template(path = "staff/scales.html")]
struct ScalesPage {
    frame: Frame,
    wrong: String,
    organisations: Vec<(Uuid, String, bool)>,
    scales: Vec<ScaleView>,
    title: String,
    steps: Vec<(usize, String)>,
}

struct ScaleView {
    title: String,
    whose: String,
    steps: Vec<String>,
    is_latest: bool,
}

type Owned = (Uuid, String, Scale);

fn organisations(scope: &Scope) -> Vec<(Uuid, String)> {
    let mut all: Vec<_> =
        scope.organisation_names().filter(|(id, _)| scope.may(Action::SetScales, &About::Organisation(*id))).collect();
    // The authority's, if it is theirs, is what most schools share.
    all.sort_by_key(|(id, name)| (scope.parent_of(*id).is_some(), name.clone()));
    all
}

async fn owned(state: &AppState, organisations: &[(Uuid, String)]) -> Result<Vec<Owned>, ApiError> {
    let mut all = Vec::new();
    for (owner, body) in state.store.sheets_of_organisations(SheetKind::Scale).await? {
        let Some((id, name)) = organisations.iter().find(|(id, _)| *id == owner) else { continue };
        let scale = kept::read_scale(&body).ok_or_else(|| anyhow::anyhow!("a scale is not readable"))?;
        all.push((*id, name.clone(), scale));
    }
    let place = |of: Uuid| organisations.iter().position(|(id, _)| *id == of);
    all.sort_by_key(|(of, ..)| place(*of));
    Ok(all)
}

/// `GET /scales`
pub async fn show(State(state): State<AppState>, caller: Caller) -> Result<Html<String>, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    draw(&state, &caller, &scope, &Sent::new(), String::new()).await
}

/// `POST /scales`: a scale, or the next version of one with the same title.
pub async fn save(State(state): State<AppState>, caller: Caller, Form(sent): Form<Sent>) -> Result<Response, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    let all = organisations(&scope);
    let of: Option<Uuid> = sent.get("of").and_then(|id| id.parse().ok());
    let owner = all.iter().find(|(id, _)| Some(*id) == of).map(|(id, _)| *id);
    let known = owned(&state, &all).await?;
    let (owner, scale) = match owner.ok_or("Choose whose scale it is.".to_owned()).and_then(|owner| {
        let mine = known.iter().filter(|(id, ..)| *id == owner).map(|(.., scale)| scale);
        Ok((owner, read(&sent, owner, &mine.collect::<Vec<_>>())?))
    }) {
        Ok(read) => read,
        Err(wrong) => {
            let html = draw(&state, &caller, &scope, &sent, wrong).await?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, html).into_response());
        }
    };
    let body = kept::written_scale(&scale);
    let sheet = NewSheet {
        sheet_id: Uuid::now_v7(),
        based_on: 0,
        kind: SheetKind::Scale,
        owner: Owner::Organisation(owner),
        day: None,
        body: &body,
    };
    let actor = Actor::Staff(caller.staff_id());
    let audit = NewAudit { actor, action: "add scale", subject: Subject::None, detail: None };
    state.store.save_sheet(&sheet, audit, state.clock.now().utc).await?;
    Ok(Redirect::to("/scales").into_response())
}

/// The scale that the form makes. Its code holds the organisation, so that two organisations never mean different steps by one key.
fn read(sent: &Sent, owner: Uuid, known: &[&Scale]) -> Result<Scale, String> {
    let text = |name: &str| sent.get(name).map_or("", |text| text.trim());
    let fits = |text: &str| text.chars().count() <= MAX_CHARS && !text.chars().any(char::is_control);
    if known.len() >= MOST_SCALES {
        return Err("There are as many scales as one organisation may have: use one of them.".to_owned());
    }
    let title = text("title");
    if title.is_empty() || !fits(title) {
        return Err("Give the scale a short title.".to_owned());
    }
    let names: Vec<String> = (0..MOST_STEPS).map(|n| format!("step-{n}")).collect();
    let steps: Vec<&str> = names.iter().map(|name| text(name)).filter(|step| !step.is_empty()).collect();
    if !steps.iter().all(|step| fits(step)) {
        return Err("Each step fits into a few words.".to_owned());
    }
    let same: Vec<&&Scale> = known.iter().filter(|scale| scale.title().eq_ignore_ascii_case(title)).collect();
    let last = same.iter().max_by_key(|scale| scale.key().version);
    if last.is_some_and(|last| last.steps().iter().map(String::as_str).eq(steps.iter().copied())) {
        return Err("This version has the same steps as the one before: there is nothing new to save.".to_owned());
    }
    let id = match last {
        Some(last) => last.key().id.clone(),
        None => Code::new(&format!("own-{}-{}", owner.simple(), known.len() + 1)).ok_or("This title cannot be kept.")?,
    };
    let version = last.map_or(1, |last| last.key().version.saturating_add(1));
    Scale::new(ScaleKey { id, version }, title, &steps).map_err(|error| view::sentence(&error.to_string()))
}

async fn draw(state: &AppState, caller: &Caller, scope: &Scope, sent: &Sent, wrong: String) -> Result<Html<String>, ApiError> {
    let all = organisations(scope);
    let known = owned(state, &all).await?;
    let typed = |name: &str| sent.get(name).cloned().unwrap_or_default();
    let view = |scale: &Scale, whose: &str| ScaleView {
        title: format!("{}, version {}", scale.title(), scale.key().version),
        whose: whose.to_owned(),
        steps: scale.steps().to_vec(),
        is_latest: known
            .iter()
            .all(|(.., other)| other.key().id != scale.key().id || other.key().version <= scale.key().version),
    };
    let mut scales = vec![view(&Scale::plain(), "for everybody who has no scale of their own")];
    scales.extend(known.iter().map(|(_, name, scale)| view(scale, name)));
    page(&ScalesPage {
        frame: Frame::of(caller, scope, "Scales", "/days", state.clock.now().utc),
        wrong,
        organisations: all.iter().map(|(id, name)| (*id, name.clone(), typed("of") == id.to_string())).collect(),
        scales,
        title: typed("title"),
        steps: (0..MOST_STEPS).map(|n| (n, typed(&format!("step-{n}")))).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(title: &str, steps: &[&str]) -> Sent {
        let mut sent = Sent::from([("title".to_owned(), title.to_owned())]);
        sent.extend(steps.iter().enumerate().map(|(n, step)| (format!("step-{n}"), (*step).to_owned())));
        sent
    }

    #[test]
    fn f_8_other_words_are_the_next_version_and_numbers_alone_are_refused() {
        let first = read(&sent("Orchard steps", &["Seed", "Shoot", "Tree"]), Uuid::nil(), &[]).unwrap();
        let second = read(&sent("orchard steps", &["Seed", "Shoot", "Young tree", "Tree"]), Uuid::nil(), &[&first]).unwrap();
        assert_eq!((first.key().version, second.key().version), (1, 2));
        assert_eq!(first.key().id, second.key().id);
        assert!(read(&sent("Orchard steps", &["Seed", "Shoot", "Tree"]), Uuid::nil(), &[&first]).is_err());
        assert!(read(&sent("Marks", &["1", "2", "3"]), Uuid::nil(), &[]).unwrap_err().contains("own words"));
        let other = read(&sent("Orchard steps", &["Low", "High"]), Uuid::from_u128(1), &[]).unwrap();
        assert_ne!(other.key().id, first.key().id, "two organisations never share a key");
    }
}
