//! What is due for the person who is signed in: over all cases in which they have a part today, by day.
//!
//! Only what is open and belongs to a part of theirs. Each case that is read has its line in the audit log.

use askama::Template;
use axum::extract::State;
use axum::response::Html;
use chrono::NaiveDate;
use server_core::access::Action;
use server_core::deadline::{Part, for_person, schedule};
use server_core::party::PersonId;
use server_core::timetable::Days;
use uuid::Uuid;

use super::due::{DueView, due_view};
use super::{Frame, page, plan};
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::Scope;
use crate::{AppState, cases};

/// Cases that are read for one page. Nobody is key worker of so many.
const MOST_CASES: usize = 100;

#[derive(Template)]
#[template(path = "staff/mine.html")]
struct MinePage {
    frame: Frame,
    cases: usize,
    due: Vec<Mine>,
}

struct Mine {
    pupil_id: Uuid,
    pupil_name: String,
    day: NaiveDate,
    due: DueView,
}

/// `GET /due`
pub async fn show(State(state): State<AppState>, caller: Caller) -> Result<Html<String>, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    let now = state.clock.now().utc;
    let today = now.with_timezone(&scope.own_zone()).date_naive();
    let me = PersonId(caller.staff_id());
    let placements = state.store.placements_with(me.0, today).await?;
    let (mut due, mut cases) = (Vec::new(), 0);
    for placement_id in placements.into_iter().take(MOST_CASES) {
        let row = state.store.placement(placement_id).await?.filter(|row| scope.may_pupil(Action::ReadPlan, row));
        let Some(placement) = row else { continue };
        let Some(held) = state.store.plans_of(placement_id).await?.into_iter().next() else { continue };
        state.store.append_audit(plan::audit(&caller, placement.pupil_id, "read plan"), now).await?;
        cases += 1;
        let schools = cases::Schools::of(&state.store, &placement).await?;
        let calendars = schools.calendars();
        let pack = plan::pack_of(&held.plan)?;
        let authority = scope.parent_of(placement.school_id);
        let facts = cases::facts(&state.store, pack, &held.plan, placement_id, authority).await?;
        let rows = state.store.parties(placement_id).await?;
        let part = |row: store::record::PartyRow| Part {
            person: row.person,
            party: row.party,
            days: Days { from: row.from_day, until: row.until_day },
        };
        let parts: Vec<Part> = rows.into_iter().map(part).collect();
        due.extend(for_person(&schedule(pack, &facts, &calendars), &parts, me, today).map(|one| Mine {
            pupil_id: placement.pupil_id,
            pupil_name: placement.pupil_name.clone(),
            day: one.day,
            due: due_view(one, &calendars, now),
        }));
    }
    due.sort_by_key(|one| one.day);
    page(&MinePage { frame: Frame::of(&caller, &scope, "What is due", "/due", now), cases, due })
}
