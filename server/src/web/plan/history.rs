//! Every change of a plan, the newest first, or the life of one field: who, when, from, to.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Html;
use serde::Deserialize;
use server_core::access::Action;
use server_core::plan::Revision;
use store::plans::{MOST_CHANGES, PlanChangeRow};
use uuid::Uuid;

use super::audit;
use super::told::{self, Sides};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope;
use crate::cases::pack_of;
use crate::web::{Frame, page};

/// A page shows about so many changes: those of one saving stay together.
const SHOWN: usize = 50;

/// Which changes are asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// Of this field alone.
    field: String,
    /// From before this revision.
    before: Option<u64>,
    /// Of this plan; the latest, if it is not said.
    plan: Option<Uuid>,
}

#[derive(Template)]
#[template(path = "staff/history.html")]
struct HistoryPage {
    frame: Frame,
    pupil_id: Uuid,
    /// The field's title, if it is the life of one.
    of: Option<String>,
    rows: Vec<Row>,
    latest: Option<String>,
    every: String,
    older: Option<String>,
}

struct Row {
    when: String,
    who: String,
    title: String,
    /// Where the life of this field alone is shown.
    alone: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

/// `GET /pupils/{pupil}/plan/history`
pub async fn show(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::ReadPlan).await?;
    let now = state.clock.now().utc;
    state.store.append_audit(audit(&caller, pupil, "read plan"), now).await?;
    let kept = match asked.plan {
        // Of this pupil's alone: also of one that is closed, or of a draft that was thrown away.
        Some(id) => state.store.plan(id).await?.filter(|row| row.placement_id == placement.placement_id),
        None => state.store.plans_of(placement.placement_id).await?.into_iter().next(),
    };
    let kept = kept.ok_or(ApiError::NotFound)?;
    let pack = pack_of(&kept.plan)?;
    // Fields are codes joined by dots; nothing else goes into an address.
    if !asked.field.chars().all(|letter| letter.is_ascii_alphanumeric() || ".-_".contains(letter)) {
        return Err(ApiError::NotFound);
    }
    let field = Some(asked.field.as_str()).filter(|field| !field.is_empty());
    let mut changes = state.store.plan_history(kept.plan_id, field, asked.before.map(Revision), MOST_CHANGES).await?;
    let more = cut(&mut changes, SHOWN);
    let names = told::Names::of(&state, &scope, &placement).await?;
    let address = |field: &str, before: Option<i64>| {
        let before = before.map_or_else(String::new, |before| format!("&before={before}"));
        let plan = asked.plan.map_or_else(String::new, |plan| format!("&plan={plan}"));
        format!("/pupils/{pupil}/plan/history?field={field}{before}{plan}")
    };
    let older = changes.last().filter(|_| more).map(|last| address(&asked.field, Some(last.revision)));
    // That something began empty is no news.
    let rows = changes.iter().filter(|change| told::is_news(change)).map(|change| {
        let Sides { title, from, to, who } = names.sides(change, pack);
        let alone = field.is_none().then(|| address(&change.field, None));
        Row { when: names.moment(change.at), who, title, alone, from, to }
    });
    page(&HistoryPage {
        rows: rows.collect(),
        frame: Frame::of(&caller, &scope, format!("History of the plan of {}", placement.pupil_name), "/pupils", now),
        pupil_id: pupil,
        of: field.map(|field| told::title(pack, field)),
        every: address("", None),
        latest: asked.before.map(|_| address(&asked.field, None)),
        older,
    })
}

/// Leaves about `shown` changes, never a part of one revision, and says whether some were left out.
///
/// A single revision holds fewer than [`MOST_CHANGES`] changes, so that what was read is at least one whole.
fn cut(changes: &mut Vec<PlanChangeRow>, shown: usize) -> bool {
    let is_all = i64::try_from(changes.len()).is_ok_and(|count| count < MOST_CHANGES);
    let Some(last) = changes.get(shown.saturating_sub(1)).map(|change| change.revision) else { return !is_all };
    let end = changes.partition_point(|change| change.revision >= last);
    let more = end < changes.len() || !is_all;
    changes.truncate(end);
    more
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn changes(revisions: &[i64]) -> Vec<PlanChangeRow> {
        let row = |revision: &i64| PlanChangeRow {
            revision: *revision,
            field: String::new(),
            from_text: None,
            to_text: None,
            actor_kind: String::new(),
            actor_id: None,
            actor_name: None,
            at: DateTime::UNIX_EPOCH,
        };
        revisions.iter().map(row).collect()
    }

    fn left(revisions: &[i64], shown: usize) -> (Vec<i64>, bool) {
        let mut changes = changes(revisions);
        let more = cut(&mut changes, shown);
        (changes.iter().map(|change| change.revision).collect(), more)
    }

    #[test]
    fn what_was_saved_at_once_stays_on_one_page() {
        assert_eq!(left(&[], 2), (vec![], false));
        assert_eq!(left(&[3, 2], 2), (vec![3, 2], false));
        assert_eq!(left(&[3, 2, 1], 2), (vec![3, 2], true));
        assert_eq!(left(&[3, 2, 2, 2, 1], 2), (vec![3, 2, 2, 2], true));
        assert_eq!(left(&[2, 2, 2], 1), (vec![2, 2, 2], false));
    }
}
