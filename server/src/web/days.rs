//! Days that limits are counted in and from: on which days a school is closed, and when the authority's panel meets.
//!
//! School leads enter their school's days, coordinators those of everybody below them and the panel's. A closure entered today moves
//! every limit that it should: nothing is stored of what was counted (see `server_core::deadline`). Each change is in the audit log.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::{Datelike, Days, NaiveDate, Weekday};
use serde::Deserialize;
use server_core::access::{Action, Subject as About};
use server_core::policy::Series;
use server_core::school_days::DayOff;
use store::audit::{Actor, NewAudit, Subject};
use uuid::Uuid;

use super::plan::{Sent, optional_day};
use super::{Frame, page, view};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::Scope;

/// A closure that is entered at once is not longer than this, in days: a summer, and some.
const MOST_DAYS: u64 = 70;
/// The school's own words for a closed day, in characters.
const MAX_REASON: usize = 80;

#[derive(Template)]
#[template(path = "staff/days.html")]
struct DaysPage {
    frame: Frame,
    wrong: String,
    organisation: Uuid,
    name: String,
    organisations: Vec<(Uuid, String, bool)>,
    closed: Vec<ClosedView>,
    first: String,
    last: String,
    reason: String,
    /// Dates of the panel, if this organisation publishes them.
    panel: Option<Vec<(NaiveDate, String)>>,
}

/// Days one after another with the same words.
struct ClosedView {
    first: NaiveDate,
    last: NaiveDate,
    days: String,
    reason: String,
    kind: &'static str,
}

/// Whose days.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    of: Option<Uuid>,
}

/// The organisations whose days this person enters, by name.
fn organisations(scope: &Scope) -> Vec<(Uuid, String)> {
    let mut all: Vec<_> =
        scope.organisation_names().filter(|(id, _)| scope.may(Action::SetDays, &About::Organisation(*id))).collect();
    all.sort_by(|a, b| a.1.cmp(&b.1));
    all
}

/// `GET /days`
pub async fn show(State(state): State<AppState>, caller: Caller, Query(asked): Query<Asked>) -> Result<Html<String>, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    let all = organisations(&scope);
    // A school is what most people come for; an authority has no lessons.
    let first = all.iter().find(|(id, _)| scope.parent_of(*id).is_some()).or(all.first());
    let chosen = asked.of.or(first.map(|(id, _)| *id)).ok_or(ApiError::NotFound)?;
    draw(&state, &caller, &scope, chosen, &Sent::new(), String::new()).await
}

/// `POST /days`: days are closed or open again, or the panel meets on a day or does not.
pub async fn save(State(state): State<AppState>, caller: Caller, Form(sent): Form<Sent>) -> Result<Response, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    let of: Option<Uuid> = sent.get("of").and_then(|id| id.parse().ok());
    let Some((of, _)) = organisations(&scope).into_iter().find(|(id, _)| Some(*id) == of) else {
        return Err(ApiError::NotFound);
    };
    let done = match sent.get("what").map(String::as_str) {
        Some("close" | "open") => closure(&state, &caller, of, &sent).await?,
        Some("panel" | "no-panel") if scope.parent_of(of).is_none() => panel(&state, &caller, of, &sent).await?,
        _ => Err("Choose what to do.".to_owned()),
    };
    match done {
        Ok(()) => Ok(Redirect::to(&format!("/days?of={of}")).into_response()),
        Err(wrong) => {
            let html = draw(&state, &caller, &scope, of, &sent, wrong).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, html).into_response())
        }
    }
}

async fn closure(state: &AppState, caller: &Caller, of: Uuid, sent: &Sent) -> Result<Result<(), String>, ApiError> {
    let is_closed = sent.get("what").is_some_and(|what| what == "close");
    let reason = sent.get("reason").map_or("", |reason| reason.trim());
    let read = || -> Result<(NaiveDate, NaiveDate), String> {
        let first = optional_day(sent, "first", "First day")?.ok_or("First day: choose a day.")?;
        let last = optional_day(sent, "last", "Last day")?.unwrap_or(first);
        if last < first || last > first + Days::new(MOST_DAYS) {
            return Err(format!("The last day lies before the first, or more than {MOST_DAYS} days after it."));
        }
        if is_closed && (reason.is_empty() || reason.chars().count() > MAX_REASON || reason.chars().any(char::is_control)) {
            return Err("Say in a few words why the school is closed: “Half-term”, “INSET”, “Boiler repair”.".to_owned());
        }
        Ok((first, last))
    };
    let (first, last) = match read() {
        Ok(days) => days,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let now = state.clock.now().utc;
    let from = first.to_string();
    let audit = NewAudit {
        actor: Actor::Staff(caller.staff_id()),
        action: if is_closed { "close days" } else { "open days" },
        subject: Subject::None,
        detail: Some(&from),
    };
    state.store.append_audit(audit, now).await?;
    for day in first.iter_days().take_while(|day| *day <= last) {
        let is_weekend = matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
        // Weekends are no school days anyway.
        if !is_closed || !is_weekend {
            state.store.set_closure(of, day, is_closed.then_some(reason)).await?;
        }
    }
    Ok(Ok(()))
}

async fn panel(state: &AppState, caller: &Caller, of: Uuid, sent: &Sent) -> Result<Result<(), String>, ApiError> {
    let day = match optional_day(sent, "day", "The day of the panel") {
        Ok(Some(day)) => day,
        Ok(None) => return Ok(Err("The day of the panel: choose a day.".to_owned())),
        Err(wrong) => return Ok(Err(wrong)),
    };
    let mut days: BTreeSet<NaiveDate> = state.store.series(of, Series::Panel).await?;
    if sent.get("what").is_some_and(|what| what == "panel") {
        days.insert(day);
    } else {
        days.remove(&day);
    }
    let actor = Actor::Staff(caller.staff_id());
    let audit = NewAudit { actor, action: "set panel days", subject: Subject::None, detail: None };
    state.store.set_series(of, Series::Panel, &days, audit, state.clock.now().utc).await?;
    Ok(Ok(()))
}

async fn draw(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    of: Uuid,
    sent: &Sent,
    wrong: String,
) -> Result<Html<String>, ApiError> {
    let all = organisations(scope);
    let (_, name) = all.iter().find(|(id, _)| *id == of).ok_or(ApiError::NotFound)?;
    let now = state.clock.now().utc;
    let today = scope.today(of, now);
    let calendar = state.store.calendar(of).await?.ok_or(ApiError::NotFound)?;
    let panel = if scope.parent_of(of).is_some() {
        None
    } else {
        let days = state.store.series(of, Series::Panel).await?;
        Some(days.into_iter().filter(|day| *day >= today).map(|day| (day, view::full_date(day))).collect())
    };
    let typed = |name: &str| sent.get(name).cloned().unwrap_or_default();
    page(&DaysPage {
        frame: Frame::of(caller, scope, format!("Days of {name}"), "/days", now),
        wrong,
        organisation: of,
        name: name.clone(),
        organisations: all.iter().map(|(id, name)| (*id, name.clone(), *id == of)).collect(),
        closed: runs(&calendar.closures, today),
        first: typed("first"),
        last: typed("last"),
        reason: typed("reason"),
        panel,
    })
}

/// Closed days from this school year on, those with the same words and only a weekend between them as one.
fn runs(closures: &[(NaiveDate, String)], today: NaiveDate) -> Vec<ClosedView> {
    let year = if today.month() >= 9 { today.year() } else { today.year() - 1 };
    let mut runs: Vec<(NaiveDate, NaiveDate, &str)> = Vec::new();
    for (day, reason) in closures.iter().filter(|(day, _)| (day.year(), day.month()) >= (year, 9)) {
        match runs.last_mut() {
            Some((_, last, words)) if words == reason && next_weekday(*last) == Some(*day) => *last = *day,
            _ => runs.push((*day, *day, reason)),
        }
    }
    let view = |(first, last, reason): (NaiveDate, NaiveDate, &str)| ClosedView {
        first,
        last,
        days: if first == last {
            view::full_date(first)
        } else {
            format!("{} to {}", view::full_date(first), view::full_date(last))
        },
        reason: reason.to_owned(),
        kind: match DayOff::of_words(reason) {
            DayOff::Inset => "Counted as INSET",
            DayOff::Holiday => "Counted as holiday",
            DayOff::Closure | DayOff::Weekend => "Counted as closed",
        },
    };
    runs.into_iter().map(view).collect()
}

fn next_weekday(day: NaiveDate) -> Option<NaiveDate> {
    day.iter_days().skip(1).find(|day| !matches!(day.weekday(), Weekday::Sat | Weekday::Sun))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fortnight_with_its_weekend_is_one_line_and_last_year_is_none() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let closed = |days: &[&str], words: &str| days.iter().map(|text| (day(text), words.to_owned())).collect::<Vec<_>>();
        let mut all = closed(&["2026-07-24"], "Summer holiday");
        all.extend(closed(&["2026-12-17"], "INSET"));
        all.extend(closed(&["2026-12-18", "2026-12-21", "2026-12-22"], "Christmas holiday"));
        let told: Vec<_> = runs(&all, day("2026-11-24")).into_iter().map(|run| (run.days, run.kind)).collect();
        let expected = [
            ("17 December 2026".to_owned(), "Counted as INSET"),
            ("18 December 2026 to 22 December 2026".to_owned(), "Counted as holiday"),
        ];
        assert_eq!(told, expected);
    }
}
