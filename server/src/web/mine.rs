//! What is due for the person who is signed in: over all cases in which they have a part today, by day; and the address by which
//! their own calendar may read the same.
//!
//! Only what is open and belongs to a part of theirs. Each case that is read has its line in the audit log.

use askama::Template;
use axum::extract::State;
use axum::response::Html;
use chrono::NaiveDate;
use server_core::party::PersonId;
use uuid::Uuid;

use super::due::{DueView, due_view};
use super::{Frame, page, plan, view};
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::Scope;
use crate::{AppState, cases};

#[derive(Template)]
#[template(path = "staff/mine.html")]
struct MinePage {
    frame: Frame,
    cases: String,
    due: Vec<Mine>,
    feed: String,
    has_feed: bool,
    /// Shown once.
    address: Option<String>,
}

struct Mine {
    pupil_id: Uuid,
    pupil_name: String,
    day: NaiveDate,
    due: DueView,
}

/// `GET /due`
pub async fn show(State(state): State<AppState>, caller: Caller) -> Result<Html<String>, ApiError> {
    draw(&state, &caller, None).await
}

/// The page; `address`: of the feed that was just made.
pub(super) async fn draw(state: &AppState, caller: &Caller, address: Option<String>) -> Result<Html<String>, ApiError> {
    let scope = Scope::of(state, caller).await?;
    let (now, zone) = (state.clock.now().utc, scope.own_zone());
    let today = now.with_timezone(&zone).date_naive();
    let me = PersonId(caller.staff_id());
    let cases = cases::of_person(state, &scope, me, today).await?;
    let mut due = Vec::new();
    for case in &cases {
        state.store.append_audit(plan::audit(caller, case.placement.pupil_id, "read plan"), now).await?;
        let calendars = case.schools.calendars();
        due.extend(case.due_of(me, today).map(|one| Mine {
            pupil_id: case.placement.pupil_id,
            pupil_name: case.placement.pupil_name.clone(),
            day: one.day,
            due: due_view(one, &calendars, now),
        }));
    }
    due.sort_by_key(|one| one.day);
    let feed = state.store.due_feed_of(me.0).await?;
    page(&MinePage {
        frame: Frame::of(caller, &scope, "What is due", "/due", now),
        cases: match cases.len() {
            0 => "You have no part in a plan today.".to_owned(),
            1 => "For you, in one plan.".to_owned(),
            count => format!("For you, in {count} plans."),
        },
        due,
        feed: match &feed {
            None => "No calendar reads this list.".to_owned(),
            Some(row) => {
                let read = row.read_at.map_or_else(
                    || "Nothing has read it yet.".to_owned(),
                    |at| format!("Last read: {}.", view::short_date(at.with_timezone(&zone).date_naive())),
                );
                format!("A calendar may read this list since {}. {read}", view::moment(row.made_at, now, zone))
            }
        },
        has_feed: feed.is_some(),
        address,
    })
}
