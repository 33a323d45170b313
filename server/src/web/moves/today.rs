//! The lessons in which robots are needed today, from a few questions about all robots of a page.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use server_core::timetable::{Lesson, Slot, lessons_on};
use store::organisations::RoomRow;
use store::robots::RobotRow;
use uuid::Uuid;

use crate::api::ApiError;
use crate::api::scope::Scope;
use crate::minutes::Calendars;
use crate::{AppState, lessons};

/// What the cards and lists of one page need, read once.
pub(super) struct Today {
    lessons: HashMap<Uuid, Vec<Lesson>>,
    rooms: HashMap<Uuid, Vec<RoomRow>>,
}

impl Today {
    /// Reads it for these robots.
    ///
    /// # Errors
    /// The database does not answer.
    pub(super) async fn of(state: &AppState, scope: &Scope, rows: &[RobotRow], now: DateTime<Utc>) -> Result<Self, ApiError> {
        let mut today = Self { lessons: HashMap::new(), rooms: HashMap::new() };
        let mut days: BTreeMap<NaiveDate, Vec<Uuid>> = BTreeMap::new();
        for row in rows {
            days.entry(scope.today(row.organisation_id, now)).or_default().push(row.robot_id);
            if let Entry::Vacant(unread) = today.rooms.entry(row.organisation_id) {
                unread.insert(state.store.rooms(row.organisation_id).await?);
            }
        }
        let mut calendars = Calendars::new();
        for (day, robots) in days {
            today.add(state, &mut calendars, day, &robots, now).await?;
        }
        Ok(today)
    }

    async fn add(
        &mut self,
        state: &AppState,
        calendars: &mut Calendars,
        day: NaiveDate,
        robots: &[Uuid],
        now: DateTime<Utc>,
    ) -> Result<(), ApiError> {
        let placements = state.store.placements_of_robots(robots, day).await?;
        let ids: Vec<Uuid> = placements.iter().map(|placement| placement.placement_id).collect();
        let mut slots: HashMap<Uuid, Vec<Slot>> = HashMap::new();
        for (placement, row) in state.store.slots_of_placements(&ids, i64::from(day.weekday().number_from_monday())).await? {
            slots.entry(placement).or_default().extend(lessons::slot(row));
        }
        for placement in placements {
            let (Some(own), Some(robot)) = (slots.get(&placement.placement_id), placement.robot_id) else { continue };
            let calendar = lessons::calendar(&state.store, placement.school_id, calendars).await?;
            let needed = |lesson: &Lesson| lesson.about.expected && !lesson.about.robot_stays_out && lesson.end > now;
            let found = lessons_on(&calendar, own, day).into_iter().filter(needed);
            self.lessons.entry(robot).or_default().extend(found);
        }
        self.lessons.values_mut().for_each(|lessons| lessons.sort_by_key(|lesson| lesson.start));
        Ok(())
    }

    /// The lessons that this robot is still needed in today, by time.
    pub(super) fn lessons(&self, robot: Uuid) -> &[Lesson] {
        self.lessons.get(&robot).map_or(&[], Vec::as_slice)
    }

    /// The rooms of a school.
    pub(super) fn rooms(&self, organisation: Uuid) -> &[RoomRow] {
        self.rooms.get(&organisation).map_or(&[], Vec::as_slice)
    }
}
