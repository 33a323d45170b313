//! Minutes by school, for coordinators: this week and the last four, and when a robot was last used.
//!
//! Added up from the rows that `crate::minutes` keeps, so a page costs what it shows, whatever the year held. Schools stand by name;
//! nothing is ranked, and nothing is told of a single pupil.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Html;
use chrono::Days;
use serde::Deserialize;
use server_core::access::{Action, Role};
use server_core::calendar::monday_of;
use store::minutes::{SchoolMinutesRow, SchoolPage};
use store::pages::PAGE;

use super::view::{self, Pages};
use super::{Frame, page};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::Scope;

#[derive(Template)]
#[template(path = "staff/schools.html")]
struct SchoolsPage {
    frame: Frame,
    since: String,
    schools: Vec<SchoolView>,
    pages: Pages,
    waiting: String,
}

struct SchoolView {
    name: String,
    robots: String,
    last_used: String,
    week: String,
    week_expected: String,
    weeks: String,
    weeks_expected: String,
    social: String,
    odd: i64,
}

/// What the list was asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// Part of a school's name.
    q: String,
    /// From 1.
    page: Option<i64>,
}

/// `GET /schools`
pub async fn list(State(state): State<AppState>, caller: Caller, Query(asked): Query<Asked>) -> Result<Html<String>, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    let of_fleet = |holding: &&server_core::access::Holding| holding.role == Role::Coordinator;
    let below = caller.person.holdings.iter().find(of_fleet).map(|holding| holding.organisation);
    let below = below.filter(|_| scope.may_somewhere(Action::SeeFleet)).ok_or(ApiError::NotFound)?;
    let now = state.clock.now().utc;
    let pages = Pages::new("/schools", &asked.q, "", asked.page);
    let week = monday_of(now.with_timezone(&scope.own_zone()).date_naive());
    let weeks = week.checked_sub_days(Days::new(21)).unwrap_or(week);
    let question = SchoolPage {
        below,
        search: pages.search(),
        week,
        weeks,
        offset: pages.offset(),
        limit: i64::try_from(PAGE).unwrap_or(0) + 1,
    };
    let (mut rows, dirty) =
        tokio::try_join!(state.store.minutes_by_school(&question), state.store.count_dirty_days(now.date_naive()))?;
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let zone = scope.own_zone();
    let view = |row: SchoolMinutesRow| SchoolView {
        robots: view::number(row.robots),
        last_used: row.last_used_at.map_or_else(|| "No data yet".to_owned(), |at| view::moment(at, now, zone)),
        week: minutes(row.week_ms),
        week_expected: minutes(row.week_expected_ms),
        weeks: minutes(row.weeks_ms),
        weeks_expected: minutes(row.weeks_expected_ms),
        social: minutes(row.weeks_social_ms),
        odd: row.anomalies,
        name: row.name,
    };
    let waiting = match dirty {
        0 => String::new(),
        1 => "One day is still being added up.".to_owned(),
        n => format!("{} days are still being added up.", view::number(n)),
    };
    page(&SchoolsPage {
        frame: Frame::of(&caller, &scope, "Schools", "/schools", now),
        since: view::short_date(weeks),
        schools: rows.into_iter().map(view).collect(),
        pages: pages.with_more(more),
        waiting,
    })
}

/// Whole minutes of a sum, rounded down once.
fn minutes(ms: i64) -> String {
    view::number(ms / 60_000)
}
