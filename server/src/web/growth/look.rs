//! A new look at the framework: on a day, in a voice, a step for as many areas as one wants, with a note where there is one.
//!
//! A look is never changed; whoever sees it otherwise adds another. Works without scripts.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::NaiveDate;
use server_core::access::Action;
use server_core::framework::{Area, Assessment, Domain, Scale, ScaleKey};
use server_core::party::PersonId;
use server_core::words::{Words, WordsError};
use store::kept;
use store::placements::PlacementRow;
use store::sheets::{NewSheet, Owner, SheetKind};
use uuid::Uuid;

use super::{VOICES, scales};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::{self, Scope};
use crate::web::plan::{self, Sent};
use crate::web::{Frame, page, view};

#[derive(Template)]
#[template(path = "staff/growth_look.html")]
struct LookPage {
    frame: Frame,
    pupil_id: Uuid,
    pupil_name: String,
    wrong: String,
    today: NaiveDate,
    on: String,
    voices: Vec<(&'static str, &'static str, bool)>,
    scales: Vec<(String, String, bool)>,
    /// Of the chosen scale.
    steps: Vec<String>,
    domains: Vec<(&'static str, Vec<AreaField>)>,
}

struct AreaField {
    id: &'static str,
    name: &'static str,
    chosen: String,
    note: String,
}

/// `GET /pupils/{pupil}/growth/look`
pub async fn show(State(state): State<AppState>, caller: Caller, Path(pupil): Path<Uuid>) -> Result<Html<String>, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::EditFramework).await?;
    draw(&state, &caller, &scope, &placement, &Sent::new(), String::new()).await
}

/// `POST /pupils/{pupil}/growth/look`
pub async fn add(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::EditFramework).await?;
    let now = state.clock.now().utc;
    let today = scope.today(placement.school_id, now);
    let scales = scales(&state, &scope, &placement).await?;
    let scale = chosen_scale(&scales, &sent);
    let look = match read(&sent, scale, PersonId(caller.staff_id()), today) {
        Ok(look) => look,
        Err(wrong) => {
            let html = draw(&state, &caller, &scope, &placement, &sent, wrong).await?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, html).into_response());
        }
    };
    let body = kept::written_assessment(&look, scale).ok_or_else(|| anyhow::anyhow!("a look was made on another scale"))?;
    let sheet = NewSheet {
        sheet_id: Uuid::now_v7(),
        based_on: 0,
        kind: SheetKind::Assessment,
        owner: Owner::Placement(placement.placement_id),
        day: Some(look.on),
        body: &body,
    };
    state.store.save_sheet(&sheet, plan::audit(&caller, pupil, "add look"), now).await?;
    let voice = VOICES.iter().find(|(_, voice, _)| *voice == look.voice).map_or("staff", |(code, ..)| code);
    Ok(Redirect::to(&format!("/pupils/{pupil}/growth?voice={voice}")).into_response())
}

/// A scale's word in forms.
fn scale_word(key: &ScaleKey) -> String {
    format!("{}.{}", key.id, key.version)
}

/// The scale that the form names, else the latest.
fn chosen_scale<'a>(scales: &'a [Scale], sent: &Sent) -> &'a Scale {
    let named = scales.iter().find(|scale| sent.get("scale") == Some(&scale_word(scale.key())));
    named.or(scales.last()).expect("there is always the plain scale")
}

fn read(sent: &Sent, scale: &Scale, by: PersonId, today: NaiveDate) -> Result<Assessment, String> {
    let on = sent.get("on").and_then(|day| day.trim().parse().ok()).filter(|on: &NaiveDate| *on <= today);
    let on = on.ok_or("Choose the day of the look: today, or one before.")?;
    let voice = VOICES.iter().find(|(code, ..)| sent.get("voice").is_some_and(|sent| sent == code));
    let (_, voice, _) = voice.ok_or("Choose in whose voice this look is.")?;
    let (mut looks, mut notes) = (BTreeMap::new(), BTreeMap::new());
    for area in Area::ALL {
        let step = sent.get(&format!("step-{}", area.code())).map_or("", String::as_str);
        if !step.is_empty() {
            let level = scale.level(step).ok_or_else(|| format!("{}: choose one of the steps.", area.words()))?;
            looks.insert(*area, level);
        }
        match Words::new(sent.get(&format!("note-{}", area.code())).map_or("", String::as_str)) {
            Ok(words) => {
                notes.insert(*area, words);
            }
            Err(WordsError::Empty) => {}
            Err(error) => return Err(format!("{}: {error}.", area.words())),
        }
    }
    Assessment::new(on, *voice, by, scale, looks, notes).map_err(|error| view::sentence(&error.to_string()))
}

async fn draw(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    placement: &PlacementRow,
    sent: &Sent,
    wrong: String,
) -> Result<Html<String>, ApiError> {
    let now = state.clock.now().utc;
    let today = scope.today(placement.school_id, now);
    let scales = scales(state, scope, placement).await?;
    let scale = chosen_scale(&scales, sent);
    let typed = |name: String| sent.get(&name).cloned().unwrap_or_default();
    let field = |area: Area| AreaField {
        id: area.code(),
        name: area.words(),
        chosen: typed(format!("step-{}", area.code())),
        note: typed(format!("note-{}", area.code())),
    };
    page(&LookPage {
        frame: Frame::of(caller, scope, "A look at growth", "/pupils", now),
        pupil_id: placement.pupil_id,
        pupil_name: placement.pupil_name.clone(),
        wrong,
        today,
        on: sent.get("on").cloned().unwrap_or_else(|| today.to_string()),
        voices: VOICES
            .map(|(code, _, words)| (code, words, sent.get("voice").map_or("staff", String::as_str) == code))
            .to_vec(),
        scales: scales
            .iter()
            .map(|one| {
                let title = format!("{}, version {}", one.title(), one.key().version);
                (scale_word(one.key()), title, one.key() == scale.key())
            })
            .collect(),
        steps: scale.steps().to_vec(),
        domains: Domain::ALL.iter().map(|domain| (domain.words(), domain.areas().map(field).collect())).collect(),
    })
}
