//! Below the cards: what comes later today, and what was done today and by whom.

use chrono::{DateTime, Utc};
use server_core::timetable::Lesson;
use store::robots::RobotRow;
use uuid::Uuid;

use super::CARRY_FROM;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::Scope;
use crate::web::view::{self, Chip};
use crate::{AppState, lessons};

/// A robot's moves of one day are looked for among so many entries.
const ENTRIES: i64 = 100;

/// One line of a list.
pub struct Line {
    pub time: String,
    pub text: String,
    pub by: Option<Chip>,
}

/// Where robots are needed later today: one line where the room changes.
///
/// # Errors
/// The database does not answer.
pub async fn later(state: &AppState, scope: &Scope, rows: &[RobotRow], now: DateTime<Utc>) -> Result<Vec<Line>, ApiError> {
    let mut found: Vec<(DateTime<Utc>, Line)> = Vec::new();
    for row in rows {
        let zone = scope.zone(row.organisation_id);
        let today = now.with_timezone(&zone).date_naive();
        let mut needed: Vec<Lesson> = Vec::new();
        for placement in state.store.placements_of_robot(row.robot_id, today).await? {
            needed.extend(lessons::between(&state.store, &placement, today, today).await?);
        }
        needed.retain(|lesson| lesson.about.expected && !lesson.about.robot_stays_out && lesson.end > now);
        needed.sort_by_key(|lesson| lesson.start);
        let mut at = row.room_id;
        for lesson in needed {
            let moves = at != Some(lesson.about.room.0);
            at = Some(lesson.about.room.0);
            if moves && lesson.start - now > CARRY_FROM {
                let text = format!("{} to {}", row.name, lesson.about.room_name);
                found.push((lesson.start, Line { time: view::clock(lesson.start, zone), text, by: None }));
            }
        }
    }
    found.sort_by_key(|(start, _)| *start);
    Ok(found.into_iter().map(|(_, line)| line).collect())
}

/// Which robots were put where today, the latest first.
///
/// # Errors
/// The database does not answer.
pub async fn done(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    rows: &[RobotRow],
    now: DateTime<Utc>,
) -> Result<Vec<Line>, ApiError> {
    let mut found: Vec<(DateTime<Utc>, Line)> = Vec::new();
    for row in rows {
        let zone = scope.zone(row.organisation_id);
        let today = now.with_timezone(&zone).date_naive();
        let rooms = state.store.rooms(row.organisation_id).await?;
        for entry in state.store.audit_of(row.robot_id, ENTRIES).await? {
            let room: Option<Uuid> = entry.detail.as_deref().and_then(|detail| detail.parse().ok());
            let name = room.and_then(|room| rooms.iter().find(|known| known.room_id == room)).map(|room| room.name.clone());
            let Some(name) =
                name.filter(|_| entry.action == "place robot" && entry.at.with_timezone(&zone).date_naive() == today)
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
