//! Below the cards: what comes later today, and what was done today and by whom.

use chrono::{DateTime, Utc};
use store::robots::RobotRow;
use uuid::Uuid;

use super::CARRY_FROM;
use super::today::Today;
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::Scope;
use crate::web::view::{self, Chip};

/// A robot's moves of one day are looked for among so many entries.
const ENTRIES: i64 = 100;

/// One line of a list.
pub struct Line {
    pub time: String,
    pub text: String,
    pub by: Option<Chip>,
}

/// Where robots are needed later today: one line where the room changes.
pub(super) fn later(scope: &Scope, rows: &[RobotRow], today: &Today, now: DateTime<Utc>) -> Vec<Line> {
    let mut found: Vec<(DateTime<Utc>, Line)> = Vec::new();
    for row in rows {
        let zone = scope.zone(row.organisation_id);
        let mut at = row.room_id;
        for lesson in today.lessons(row.robot_id) {
            let moves = at != Some(lesson.about.room.0);
            at = Some(lesson.about.room.0);
            if moves && lesson.start - now > CARRY_FROM {
                let text = format!("{} to {}", row.name, lesson.about.room_name);
                found.push((lesson.start, Line { time: view::clock(lesson.start, zone), text, by: None }));
            }
        }
    }
    found.sort_by_key(|(start, _)| *start);
    found.into_iter().map(|(_, line)| line).collect()
}

/// Which robots were put where today, the latest first.
///
/// # Errors
/// The database does not answer.
pub(super) async fn done(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    rows: &[RobotRow],
    today: &Today,
    now: DateTime<Utc>,
) -> Result<Vec<Line>, ApiError> {
    let mut found: Vec<(DateTime<Utc>, Line)> = Vec::new();
    for row in rows {
        let zone = scope.zone(row.organisation_id);
        let day = now.with_timezone(&zone).date_naive();
        let rooms = today.rooms(row.organisation_id);
        for entry in state.store.audit_of(row.robot_id, ENTRIES).await? {
            let room: Option<Uuid> = entry.detail.as_deref().and_then(|detail| detail.parse().ok());
            let name = room.and_then(|room| rooms.iter().find(|known| known.room_id == room)).map(|room| room.name.clone());
            let Some(name) =
                name.filter(|_| entry.action == "place robot" && entry.at.with_timezone(&zone).date_naive() == day)
            else {
                continue;
            };
            let by =
                if entry.actor_id == Some(caller.staff_id()) { "You".to_owned() } else { entry.actor_name.unwrap_or_default() };
            let line = Line {
                time: view::clock(entry.at, zone),
                text: format!("{} to {name}", row.name),
                by: Some(Chip::new("live", "check", by)),
            };
            found.push((entry.at, line));
        }
    }
    found.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    Ok(found.into_iter().map(|(_, line)| line).collect())
}
