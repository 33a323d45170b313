//! Joining a tablet by its one-time keyword, choosing a PIN, and opening by it.
//!
//! A keyword in the printed link stands behind `#`, so it reaches this program only in the body of the form. Wrong keywords are counted
//! by address and by keyword, wrong PINs by tablet; each is counted before it is checked. Whether a keyword is wrong, expired or used is
//! told only to whoever typed all of it.

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use chrono::TimeDelta;
use protocol::{DeviceId, PlacementId};
use serde::Deserialize;
use store::audit::{Actor, NewAudit, Subject};
use uuid::Uuid;

use super::secrets::{self, Keyword, Pin};
use super::tablet::{self, Joined};
use crate::api::{ApiError, auth};
use crate::{AppState, dispatch};

/// Wrong tries in a row before a wait, by address, and in all, by keyword.
pub const KEYWORD_TRIES: i64 = 5;
/// The wait, and how long an address is remembered after its last wrong try.
pub const KEYWORD_WAIT: TimeDelta = TimeDelta::minutes(5);
/// Wrong PINs in a row before the tablet is locked.
pub const PIN_TRIES: i64 = 5;

const NO_FIT: &str = "That code did not fit. Look at it once more: 8 letters or numbers.";
const WAIT: &str = "Let’s wait 5 minutes. Then try again, or ask your key worker for a new code.";
const TOO_OLD: &str = "This code is too old now. Your key worker can make a new one in a minute.";
const USED: &str = "This code was used already. Your key worker can make a new one in a minute.";

#[derive(Template)]
#[template(path = "pupil/pair.html")]
struct PairPage {
    problem: Option<&'static str>,
    note: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "pupil/pin.html")]
struct PinPage {
    heading: &'static str,
    lead: &'static str,
    choosing: bool,
    locked: bool,
    problem: Option<&'static str>,
}

/// Why this page was opened, as the address says it.
#[derive(Deserialize)]
pub struct PairQuery {
    left: Option<String>,
}

/// The typed keyword. No `Debug`.
#[derive(Deserialize)]
pub struct PairForm {
    #[serde(default)]
    code: String,
}

/// The typed PIN, twice when it is chosen. No `Debug`.
#[derive(Deserialize)]
pub struct PinForm {
    #[serde(default)]
    pin: String,
    #[serde(default)]
    again: String,
}

/// `GET /pair`
pub async fn page(Query(query): Query<PairQuery>) -> Result<Response, ApiError> {
    let note = (query.left.as_deref() == Some("off"))
        .then_some("This tablet is not joined any more. A new tablet was joined, or your key worker switched it off.");
    pair_page(StatusCode::OK, None, note)
}

fn pair_page(status: StatusCode, problem: Option<&'static str>, note: Option<&'static str>) -> Result<Response, ApiError> {
    Ok((status, Html(PairPage { problem, note }.render()?)).into_response())
}

/// Whose wrong keywords are counted together. Without a known address (a proxy on a socket) all count as one.
pub struct Address(Vec<u8>);

impl<S: Sync> axum::extract::FromRequestParts<S> for Address {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, _: &S) -> Result<Self, Self::Rejection> {
        let address = auth::client_address(&parts.extensions, &parts.headers).unwrap_or_default();
        Ok(Self(auth::sha256(&["pairing:", &address])))
    }
}

/// `POST /pair`
pub async fn join(
    State(state): State<AppState>,
    Address(address): Address,
    jar: CookieJar,
    Form(form): Form<PairForm>,
) -> Result<Response, ApiError> {
    let now = state.clock.now().utc;
    let store = &state.store;
    if let Some(row) = store.pairing_tries(&address).await?
        && row.wrong >= KEYWORD_TRIES
        && now <= row.last_at + KEYWORD_WAIT
    {
        return pair_page(StatusCode::TOO_MANY_REQUESTS, Some(WAIT), None);
    }
    let counted = store.begin_pairing_try(&address, now, now - KEYWORD_WAIT).await?;
    if counted.wrong > KEYWORD_TRIES {
        return pair_page(StatusCode::TOO_MANY_REQUESTS, Some(WAIT), None);
    }
    let refused = |problem| pair_page(StatusCode::UNPROCESSABLE_ENTITY, Some(problem), None);
    let Some(typed) = Keyword::read(&form.code) else { return refused(NO_FIT) };
    let row = store.begin_keyword_try(typed.selector()).await?;
    // A keyword at which too many guessed is dead: its second half alone is short.
    let hash = row.as_ref().filter(|row| row.wrong <= KEYWORD_TRIES).map(|row| row.keyword_hash.clone());
    let fits = secrets::fits(typed.secret(), hash).await?;
    let Some(row) = row.filter(|_| fits) else { return refused(NO_FIT) };
    if row.used_at.is_some() {
        return refused(USED);
    }
    if row.expires_at.is_some_and(|end| now >= end) {
        return refused(TOO_OLD);
    }
    let token = auth::random_token()?;
    let tablet = Uuid::now_v7();
    if !store.redeem_keyword(row.keyword_id, tablet, &auth::sha256(&["tablet:", &token]), now).await? {
        return refused(USED);
    }
    store.forgive_pairing(&address).await?;
    // Whoever is in class with the old tablet is out.
    dispatch::end_visit(&state, PlacementId(row.placement_id), Some(DeviceId(tablet)));
    let subject = Subject::Placement(row.placement_id);
    store.append_audit(NewAudit { actor: Actor::Tablet(tablet), action: "join tablet", subject, detail: None }, now).await?;
    Ok((jar.add(tablet::tablet_cookie(&state, token)), Redirect::to("/pin")).into_response())
}

/// `GET /pin`
pub async fn pin_page(Joined(row): Joined) -> Result<Response, ApiError> {
    if row.has_pin { open_page(StatusCode::OK, row.wrong_pins >= PIN_TRIES, None) } else { choose_page(StatusCode::OK, None) }
}

fn choose_page(status: StatusCode, problem: Option<&'static str>) -> Result<Response, ApiError> {
    let page = PinPage {
        heading: "Choose a PIN",
        lead: "It opens your day on this tablet, so that nobody else takes your seat.",
        choosing: true,
        locked: false,
        problem,
    };
    Ok((status, Html(page.render()?)).into_response())
}

fn open_page(status: StatusCode, locked: bool, problem: Option<&'static str>) -> Result<Response, ApiError> {
    let (heading, lead) = if locked {
        (
            "This tablet is locked",
            "The PIN was wrong five times. Ask your key worker for a new joining code. Your seat is kept.",
        )
    } else {
        ("Hello again", "Type your PIN to open your day.")
    };
    Ok((status, Html(PinPage { heading, lead, choosing: false, locked, problem }.render()?)).into_response())
}

/// `POST /pin/choose`
pub async fn choose_pin(
    State(state): State<AppState>,
    Joined(row): Joined,
    jar: CookieJar,
    Form(form): Form<PinForm>,
) -> Result<Response, ApiError> {
    let refused = |problem| choose_page(StatusCode::UNPROCESSABLE_ENTITY, Some(problem));
    if row.has_pin {
        return Ok(Redirect::to("/pin").into_response());
    }
    let Some(pin) = Pin::read(&form.pin) else { return refused("A PIN has 4 numbers.") };
    if pin.is_too_easy() {
        return refused("That one is easy to guess. Choose four other numbers.");
    }
    if Pin::read(&form.again).is_none_or(|again| again.secret() != pin.secret()) {
        return refused("The two were not the same. Type your PIN twice.");
    }
    let hash = secrets::hash(pin.secret()).await?;
    if !state.store.set_pin(row.tablet_id, &hash).await? {
        return Ok(Redirect::to("/pin").into_response());
    }
    opened(&state, row.tablet_id, jar).await
}

/// `POST /pin`
pub async fn open(
    State(state): State<AppState>,
    Joined(row): Joined,
    jar: CookieJar,
    Form(form): Form<PinForm>,
) -> Result<Response, ApiError> {
    if !row.has_pin {
        return Ok(Redirect::to("/pin").into_response());
    }
    let Some(pin) = Pin::read(&form.pin) else {
        return open_page(StatusCode::UNPROCESSABLE_ENTITY, false, Some("A PIN has 4 numbers."));
    };
    let Some(hash) = state.store.begin_pin_try(row.tablet_id, PIN_TRIES).await? else {
        return open_page(StatusCode::LOCKED, true, None);
    };
    if secrets::fits(pin.secret(), Some(hash)).await? {
        return opened(&state, row.tablet_id, jar).await;
    }
    match PIN_TRIES - row.wrong_pins - 1 {
        left if left <= 0 => open_page(StatusCode::LOCKED, true, None),
        1 => open_page(
            StatusCode::UNPROCESSABLE_ENTITY,
            false,
            Some("Not this one. You have one try left. You can also ask your key worker."),
        ),
        _ => open_page(StatusCode::UNPROCESSABLE_ENTITY, false, Some("Not this one. Take your time and try again.")),
    }
}

async fn opened(state: &AppState, tablet: Uuid, jar: CookieJar) -> Result<Response, ApiError> {
    let token = auth::random_token()?;
    let until = state.clock.now().utc + tablet::OPEN_FOR;
    state.store.open_tablet(tablet, &auth::sha256(&["opening:", &token]), until).await?;
    let jar = match tablet::renewed(state, &jar) {
        Some(cookie) => jar.add(cookie),
        None => jar,
    };
    Ok((jar.add(tablet::opening_cookie(state, token)), Redirect::to("/today")).into_response())
}
