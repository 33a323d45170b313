//! Days that limits are counted in and from: on which days a school is closed, and when the authority's panel meets.
//!
//! School leads enter their school's days, coordinators those of everybody below them and the panel's. A closure entered today moves
//! every limit that it should: nothing is stored of what was counted (see `server_core::deadline`). Each change is in the audit log, and stays
//! to be read here: who, when, from, to. The panel's dates are added and taken away one by one, so that nobody writes over another's.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::{Datelike, Days, NaiveDate, Weekday};
use chrono_tz::Tz;
use serde::Deserialize;
use server_core::access::{Action, Subject as About};
use server_core::policy::Series;
use server_core::school_days::DayOff;
use store::audit::{Actor, NewAudit, Subject};
use store::calendars::DayChangeRow;
use uuid::Uuid;

use super::meanwhile::{Meanwhile, NotSaved, drawn_from, was};
use super::plan::{Sent, optional_day};
use super::view::Pages;
use super::{Frame, changes, page, view};
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
    meanwhile: Option<Meanwhile>,
    /// The change that the forms are drawn from.
    was_days: String,
    organisation: Uuid,
    name: String,
    organisations: Vec<(Uuid, String, bool)>,
    closed: Vec<ClosedView>,
    first: String,
    last: String,
    reason: String,
    /// Dates of the panel, if this organisation publishes them.
    panel: Option<Vec<(NaiveDate, String)>>,
    rows: Vec<changes::Row>,
    pages: Pages,
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
    /// Which page of what was changed, from 1.
    page: Option<i64>,
}

/// The field in which a form says which change was the last when it was drawn.
const DAYS: &str = "days";

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
    draw(&state, &caller, &scope, chosen, (asked.page, &Sent::new()), None).await
}

/// `POST /days`: days are closed or open again, or the panel meets on a day or does not.
pub async fn save(State(state): State<AppState>, caller: Caller, Form(sent): Form<Sent>) -> Result<Response, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    let of: Option<Uuid> = sent.get("of").and_then(|id| id.parse().ok());
    let Some((of, _)) = organisations(&scope).into_iter().find(|(id, _)| Some(*id) == of) else {
        return Err(ApiError::NotFound);
    };
    let done = match sent.get("what").map(String::as_str) {
        Some("close" | "open") => closure(&state, &caller, &scope, of, &sent).await?,
        Some("panel" | "no-panel") if scope.parent_of(of).is_none() => {
            panel(&state, &caller, of, &sent).await?.map_err(NotSaved::from)
        }
        _ => Err("Choose what to do.".into()),
    };
    let Err(not_saved) = done else { return Ok(Redirect::to(&address(of)).into_response()) };
    let status = not_saved.status();
    let html = draw(&state, &caller, &scope, of, (None, &sent), Some(not_saved)).await?;
    Ok((status, html).into_response())
}

fn address(of: Uuid) -> String {
    format!("/days?of={of}")
}

async fn closure(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    of: Uuid,
    sent: &Sent,
) -> Result<Result<(), NotSaved>, ApiError> {
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
        Err(wrong) => return Ok(Err(wrong.into())),
    };
    let now = state.clock.now().utc;
    let from = first.to_string();
    let audit = NewAudit {
        actor: Actor::Staff(caller.staff_id()),
        action: if is_closed { "close days" } else { "open days" },
        subject: Subject::None,
        detail: Some(&from),
    };
    // Weekends are no school days anyway.
    let is_one = |day: &NaiveDate| !is_closed || !matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
    let days: BTreeSet<NaiveDate> = first.iter_days().take_while(|day| *day <= last).filter(is_one).collect();
    let reason = is_closed.then_some(reason);
    // A form that does not say what it was drawn from was drawn before anything was changed.
    let seen = was(sent, DAYS).parse().unwrap_or(0);
    let others = state.store.set_closed(of, &days, reason, seen, audit, now).await?;
    let Some(last) = others.iter().max_by_key(|row| row.revision) else { return Ok(Ok(())) };
    let told: Vec<_> = others.iter().map(|row| (row.day, closed_words(row.to_text.as_deref()))).collect();
    let lines = grouped(&told)
        .into_iter()
        .map(|(first, last, theirs)| (run_words(first, last), theirs.to_owned(), closed_words(reason)));
    let by = (view::actor(&last.actor_kind, last.actor_name.as_deref()), view::full_moment(last.at, scope.zone(of)));
    let other = Meanwhile::new(by, address(of), lines);
    let now = (DAYS, state.store.days_revision(of).await?.to_string());
    Ok(Err(NotSaved::Meanwhile(other.or_mine("/days", sent, now))))
}

/// `closed, “Half-term”`
fn closed_words(reason: Option<&str>) -> String {
    reason.map_or_else(|| "open".to_owned(), |reason| format!("closed, “{reason}”"))
}

async fn panel(state: &AppState, caller: &Caller, of: Uuid, sent: &Sent) -> Result<Result<(), String>, ApiError> {
    let day = match optional_day(sent, "day", "The day of the panel") {
        Ok(Some(day)) => day,
        Ok(None) => return Ok(Err("The day of the panel: choose a day.".to_owned())),
        Err(wrong) => return Ok(Err(wrong)),
    };
    let meets = sent.get("what").is_some_and(|what| what == "panel");
    let actor = Actor::Staff(caller.staff_id());
    let detail = day.to_string();
    let audit = NewAudit { actor, action: "set panel days", subject: Subject::None, detail: Some(&detail) };
    state.store.set_series_day(of, Series::Panel, day, meets, audit, state.clock.now().utc).await?;
    Ok(Ok(()))
}

async fn draw(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    of: Uuid,
    (asked, sent): (Option<i64>, &Sent),
    not_saved: Option<NotSaved>,
) -> Result<Html<String>, ApiError> {
    let (wrong, meanwhile) = NotSaved::told(not_saved);
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
    let pages = Pages::new(address(of), "", "", asked);
    let mut all_changes = state.store.day_changes(of, Pages::ASK, pages.offset()).await?;
    let pages = pages.cut(&mut all_changes);
    // What is opened again is a button of the list, and no text of the form.
    let is_form = sent.get("what").is_some_and(|what| what == "close");
    let typed = |name: &str| sent.get(name).filter(|_| is_form).cloned().unwrap_or_default();
    page(&DaysPage {
        frame: Frame::of(caller, scope, format!("Days of {name}"), "/days", now),
        was_days: drawn_from(sent, DAYS, &wrong, state.store.days_revision(of).await?.to_string()),
        wrong,
        meanwhile,
        rows: rows(&all_changes, scope.zone(of)),
        pages,
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

/// What was changed of the days: those of one change with nothing but a weekend between them as one.
fn rows(all: &[DayChangeRow], zone: Tz) -> Vec<changes::Row> {
    let side = |row: &DayChangeRow, text: &Option<String>| match row.series {
        None => closed_words(text.as_deref()),
        Some(Series::Panel) => if text.is_some() { "the panel meets" } else { "it does not meet" }.to_owned(),
    };
    let alike = |one: &DayChangeRow, next: &DayChangeRow| {
        (one.revision, one.series, &one.from_text, &one.to_text) == (next.revision, next.series, &next.from_text, &next.to_text)
            && next_weekday(one.day).is_some_and(|day| next.day <= day)
    };
    all.chunk_by(alike)
        .filter_map(|run| run.first().zip(run.last()))
        .map(|(row, last)| changes::Row {
            when: view::full_moment(row.at, zone),
            who: view::actor(&row.actor_kind, row.actor_name.as_deref()),
            title: run_words(row.day, last.day),
            from: Some(side(row, &row.from_text)),
            to: Some(side(row, &row.to_text)),
        })
        .collect()
}

/// Days in their order, those with the same words and only a weekend between them as one: first, last, words.
fn grouped(days: &[(NaiveDate, String)]) -> Vec<(NaiveDate, NaiveDate, &str)> {
    let alike = |(day, words): &(NaiveDate, String), (next, other): &(NaiveDate, String)| {
        words == other && next_weekday(*day).is_some_and(|day| *next <= day)
    };
    days.chunk_by(alike).filter_map(|run| Some((run.first()?.0, run.last()?.0, run.first()?.1.as_str()))).collect()
}

fn run_words(first: NaiveDate, last: NaiveDate) -> String {
    if first == last { view::full_date(first) } else { format!("{} to {}", view::full_date(first), view::full_date(last)) }
}

/// Closed days from this school year on.
fn runs(closures: &[(NaiveDate, String)], today: NaiveDate) -> Vec<ClosedView> {
    let year = if today.month() >= 9 { today.year() } else { today.year() - 1 };
    let begin = closures.partition_point(|(day, _)| (day.year(), day.month()) < (year, 9));
    let view = |(first, last, reason): (NaiveDate, NaiveDate, &str)| ClosedView {
        first,
        last,
        days: run_words(first, last),
        reason: reason.to_owned(),
        kind: match DayOff::of_words(reason) {
            DayOff::Inset => "Counted as INSET",
            DayOff::Holiday => "Counted as holiday",
            DayOff::Closure | DayOff::Weekend => "Counted as closed",
        },
    };
    grouped(&closures[begin..]).into_iter().map(view).collect()
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
