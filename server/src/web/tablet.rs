//! Joining a pupil's tablet: a key worker makes a one-time code and shows it to whoever holds the tablet.
//!
//! The code is on this page once and nowhere else. In the square it stands behind `#`, which browsers do not send to servers.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{Html, Redirect};
use protocol::PlacementId;
use qrcode::QrCode;
use qrcode::render::svg;
use server_core::access::Action;
use store::audit::{Actor, NewAudit, Subject};
use store::placements::PlacementRow;
use uuid::Uuid;

use super::{Frame, page, view};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::{self, Scope};
use crate::dispatch;
use crate::pupil::{self, KEYWORD_FOR};

#[derive(Template)]
#[template(path = "staff/tablet.html")]
struct TabletPage {
    frame: Frame,
    pupil_id: Uuid,
    pupil_name: String,
    robot: String,
    tablet_now: String,
    has_tablet: bool,
    code: Option<Code>,
}

struct Code {
    text: String,
    until: String,
    address: String,
    /// Made by this program from letters, digits and the configured address.
    qr: String,
}

/// `GET /pupils/{pupil}/tablet`
pub async fn show(State(state): State<AppState>, caller: Caller, Path(id): Path<Uuid>) -> Result<Html<String>, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, id, Action::PairTablet).await?;
    draw(&state, &caller, &scope, &placement, None).await
}

/// `POST /pupils/{pupil}/tablet`
pub async fn new_code(State(state): State<AppState>, caller: Caller, Path(id): Path<Uuid>) -> Result<Html<String>, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, id, Action::PairTablet).await?;
    let now = state.clock.now().utc;
    let entry = NewAudit {
        actor: Actor::Staff(caller.staff_id()),
        action: "make joining code",
        subject: Subject::Pupil(id),
        detail: None,
    };
    state.store.append_audit(entry, now).await?;
    let text = pupil::new_keyword(&state.store, PlacementId(placement.placement_id), now, Some(KEYWORD_FOR)).await?;
    let base = state.config.public_url.trim_end_matches('/');
    let code = Code {
        until: view::clock(now + KEYWORD_FOR, scope.zone(placement.school_id)),
        address: format!("{base}/pair"),
        qr: qr_of(&format!("{base}{}", pupil::pairing_path(&text)))?,
        text,
    };
    draw(&state, &caller, &scope, &placement, Some(code)).await
}

/// `POST /pupils/{pupil}/tablet/off`: it was lost, or lent to somebody else. Whoever is in class with it is out at once.
pub async fn switch_off(State(state): State<AppState>, caller: Caller, Path(id): Path<Uuid>) -> Result<Redirect, ApiError> {
    let (placement, _) = scope::pupil(&state, &caller, id, Action::PairTablet).await?;
    let now = state.clock.now().utc;
    if state.store.revoke_tablet(placement.placement_id, now).await? {
        let entry = NewAudit {
            actor: Actor::Staff(caller.staff_id()),
            action: "switch tablet off",
            subject: Subject::Pupil(id),
            detail: None,
        };
        state.store.append_audit(entry, now).await?;
        dispatch::end_visit(&state, PlacementId(placement.placement_id), None);
    }
    Ok(Redirect::to(&format!("/pupils/{id}/tablet")))
}

async fn draw(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    placement: &PlacementRow,
    code: Option<Code>,
) -> Result<Html<String>, ApiError> {
    let now = state.clock.now().utc;
    let zone = scope.zone(placement.school_id);
    let joined = state.store.tablet_of_placement(placement.placement_id).await?;
    let tablet_now = match joined {
        Some(at) => format!("A tablet is joined. Since: {}.", view::moment(at, now, zone)),
        None => "No tablet is joined yet.".to_owned(),
    };
    page(&TabletPage {
        frame: Frame::of(caller, scope, "Join a tablet", "/pupils", now),
        pupil_id: placement.pupil_id,
        pupil_name: placement.pupil_name.clone(),
        robot: placement.robot().to_owned(),
        tablet_now,
        has_tablet: joined.is_some(),
        code,
    })
}

fn qr_of(text: &str) -> Result<String, ApiError> {
    let code = QrCode::new(text).map_err(anyhow::Error::from)?;
    let drawn = code.render::<svg::Color<'_>>().min_dimensions(240, 240).build();
    // Without its XML declaration it is a part of a page.
    Ok(drawn.find("<svg").map_or_else(String::new, |start| drawn[start..].to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_square_is_a_picture_without_script_or_style() {
        let drawn = qr_of("https://windowseat.example/pair#C852D345").unwrap();
        assert!(drawn.starts_with("<svg") && drawn.trim_end().ends_with("</svg>"));
        assert!(!drawn.contains("style=") && !drawn.contains("<script"));
    }
}
