//! Where the plan stands, as the record shows it in short: its stages, and what is due next with its arithmetic.

use chrono::{DateTime, Utc};
use server_core::deadline::schedule;
use server_core::plan::PlanState;
use store::placements::PlacementRow;

use super::{Due, StageView};
use crate::api::ApiError;
use crate::api::scope::Scope;
use crate::web::due::due_view;
use crate::{AppState, cases};

/// Limits that the record lists; the page of what is due has all.
const SHOWN: usize = 4;
/// Stages of the form with their titles.
const STAGES: [(u16, &str); 4] =
    [(1, "Aims and readiness"), (2, "Week pattern"), (3, "Planning meeting"), (4, "Weekly look-back")];

/// Stages and limits of a placement's latest plan; nothing if there is none.
///
/// # Errors
/// The database does not answer, or holds what this program cannot read.
pub(super) async fn of(
    state: &AppState,
    scope: &Scope,
    placement: &PlacementRow,
    now: DateTime<Utc>,
) -> Result<Option<(Vec<StageView>, Vec<Due>)>, ApiError> {
    let Some(row) = state.store.plans_of(placement.placement_id).await?.into_iter().next() else { return Ok(None) };
    let pack = cases::pack_of(&row.plan)?;
    let progress = row.plan.progress(pack);
    let missing =
        |stage: u16| progress.iter().find(|one| one.stage == stage).map_or((0, 0), |one| (one.missing.len(), one.asked));
    let is_closed = matches!(row.plan.state(), PlanState::Closed(_));
    let here = STAGES.iter().map(|(stage, _)| *stage).find(|stage| missing(*stage).0 > 0).filter(|_| !is_closed);
    let stage = |(stage, title): (u16, &str)| {
        let (class, left) = match missing(stage) {
            (0, _) => ("done", "all there".to_owned()),
            (open, asked) => (if here == Some(stage) { "here" } else { "" }, format!("{open} of {asked} to do")),
        };
        StageView { number: i64::from(stage), class, text: format!("{title}, {left}") }
    };
    let schools = cases::Schools::of(&state.store, placement, Some(&row.plan)).await?;
    let calendars = schools.calendars();
    let authority = scope.parent_of(placement.school_id);
    let facts =
        cases::facts(&state.store, pack, &row.plan, placement.placement_id, authority, scope.today(placement.school_id, now))
            .await?;
    let all = schedule(pack, &facts, &calendars);
    let open = all.due.iter().filter(|due| due.done.is_none() && !is_closed).take(SHOWN);
    let due = open
        .map(|due| {
            let view = due_view(due, &calendars, now);
            Due { title: view.title, by: view.by, chip: view.chip, sum: view.sentence }
        })
        .collect();
    Ok(Some((STAGES.map(stage).into(), due)))
}
