//! Queries of [`store::pages`], in SQL that both engines read; compiled by each driver package against its own.
//!
//! A question about the rows of one page names their ids one by one, [`PAGE`] of them, padded with the nil id that no row has: one
//! question a page instead of one a row, in a form that both engines check.

use crate::Engine;
use crate::queries::lists::placements;
use crate::queries::sight::spliced;
use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{query, query_as};
use store::StoreError;
use store::audit::AuditRow;
use store::lessons::SlotRow;
use store::pages::{DueStageRow, PAGE, Pages, PupilsPage, RobotGroupRow, RobotsPage};
use store::placements::PlacementRow;
use store::robots::RobotRow;
use uuid::Uuid;

/// The ids of one page, padded.
pub(crate) fn padded(ids: &[Uuid]) -> [Uuid; PAGE] {
    let mut all = [Uuid::nil(); PAGE];
    for (place, id) in all.iter_mut().zip(ids) {
        *place = *id;
    }
    all
}

#[async_trait]
impl Pages for Engine {
    async fn robots_page(&self, page: &RobotsPage<'_>) -> Result<Vec<RobotRow>, StoreError> {
        self.listed_robots(page).await
    }

    async fn robot_groups(
        &self,
        staff_id: Uuid,
        silent_before: DateTime<Utc>,
        low_pct: i64,
    ) -> Result<Vec<RobotGroupRow>, StoreError> {
        // One number stands for what is grouped by: SQLite sorts ten thousand of them three times as fast as seven columns.
        let groups = spliced!(
            query: r#"SELECT g.said AS "said!: i64", count(*) AS "robots!: i64"
               FROM (SELECT CAST(CASE r.status WHEN 'here' THEN 0 WHEN 'gone' THEN 1 ELSE 2 END
                            + CASE r.body_state WHEN 'idle' THEN 4 WHEN 'live' THEN 8 WHEN 'resting' THEN 12 WHEN 'paused' THEN 16
                                                WHEN 'carried' THEN 20 ELSE 0 END
                            + CASE WHEN r.status_at IS NULL THEN 0 ELSE 32 END
                            + CASE WHEN r.telemetry_at IS NULL OR r.telemetry_at < $2 THEN 64 ELSE 0 END
                            + CASE WHEN r.battery_pct < $3 THEN 128 ELSE 0 END
                            + CASE WHEN r.charging THEN 256 ELSE 0 END
                            + CASE WHEN r.carried_by IS NULL THEN 0 ELSE 512 END AS BIGINT) AS said
                     FROM robot r
                     WHERE r.retired_at IS NULL AND r.organisation_id "# ROBOTS_SEEN r#") g
               GROUP BY g.said"#,
            staff_id,
            silent_before,
            low_pct
        )
        .fetch_all(&self.read)
        .await?;
        let group = |said: i64, robots: i64| RobotGroupRow {
            status: match said & 3 {
                0 => "here",
                1 => "gone",
                _ => "off_by_person",
            },
            body_state: match said >> 2 & 7 {
                1 => Some("idle"),
                2 => Some("live"),
                3 => Some("resting"),
                4 => Some("paused"),
                5 => Some("carried"),
                _ => None,
            },
            was_seen: said & 32 != 0,
            is_silent: said & 64 != 0,
            is_low: said & 128 != 0,
            is_charging: said & 256 != 0,
            is_carried: said & 512 != 0,
            robots,
        };
        Ok(groups.into_iter().map(|row| group(row.said, row.robots)).collect())
    }

    async fn placements_of_robots(&self, robots: &[Uuid], day: NaiveDate) -> Result<Vec<PlacementRow>, StoreError> {
        let ids = padded(robots);
        Ok(placements!(
            r#"WHERE p.robot_id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)
                 AND p.from_day <= $26 AND p.until_day >= $26
               ORDER BY s.name, u.name, p.placement_id"#,
            ids[0], ids[1], ids[2], ids[3], ids[4], ids[5], ids[6], ids[7], ids[8], ids[9], ids[10], ids[11], ids[12], ids[13], ids[14], ids[15], ids[16], ids[17], ids[18], ids[19], ids[20], ids[21], ids[22], ids[23], ids[24], day
        )
        .fetch_all(&self.read)
        .await?)
    }

    async fn placements_page(&self, page: &PupilsPage<'_>) -> Result<(Vec<PlacementRow>, i64), StoreError> {
        self.listed_placements(page).await
    }

    async fn slots_of_placements(&self, placements: &[Uuid], weekday: i64) -> Result<Vec<(Uuid, SlotRow)>, StoreError> {
        let ids = padded(placements);
        let rows = sqlx::query!(
            r#"SELECT e.placement_id AS "placement_id!: Uuid", t.timetable_slot_id AS "timetable_slot_id!: Uuid",
                      t.class_group_id AS "class_group_id!: Uuid", t.room_id AS "room_id!: Uuid", m.name AS "room_name!",
                      t.week AS "week!: i64", t.weekday AS "weekday!: i64", t.start_min AS "start_min!: i64",
                      t.end_min AS "end_min!: i64", t.subject AS "subject!", t.teacher AS "teacher!",
                      t.robot_stays_out AS "robot_stays_out!: bool", t.valid_from AS "valid_from?: NaiveDate",
                      t.valid_until AS "valid_until?: NaiveDate", e.valid_from AS "expected_from?: NaiveDate",
                      e.valid_until AS "expected_until?: NaiveDate"
               FROM expected_slot e JOIN timetable_slot t ON t.timetable_slot_id = e.timetable_slot_id
                    JOIN room m ON m.room_id = t.room_id
               WHERE e.placement_id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)
                 AND t.weekday = $26
               ORDER BY t.week, t.start_min"#,
            ids[0], ids[1], ids[2], ids[3], ids[4], ids[5], ids[6], ids[7], ids[8], ids[9], ids[10], ids[11], ids[12], ids[13], ids[14], ids[15], ids[16], ids[17], ids[18], ids[19], ids[20], ids[21], ids[22], ids[23], ids[24], weekday
        )
        .fetch_all(&self.read)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let slot = SlotRow {
                    timetable_slot_id: row.timetable_slot_id,
                    class_group_id: row.class_group_id,
                    room_id: row.room_id,
                    room_name: row.room_name,
                    week: row.week,
                    weekday: row.weekday,
                    start_min: row.start_min,
                    end_min: row.end_min,
                    subject: row.subject,
                    teacher: row.teacher,
                    robot_stays_out: row.robot_stays_out,
                    valid_from: row.valid_from,
                    valid_until: row.valid_until,
                    expected: true,
                    expected_from: row.expected_from,
                    expected_until: row.expected_until,
                };
                (row.placement_id, slot)
            })
            .collect())
    }

    async fn live_pupils(&self, pupils: &[Uuid], since: DateTime<Utc>) -> Result<Vec<Uuid>, StoreError> {
        let ids = padded(pupils);
        let (since_ms, earliest) = (since.timestamp_millis(), since.timestamp_millis() - 86_400_000);
        Ok(sqlx::query_scalar!(
            r#"SELECT DISTINCT i.pupil_id AS "pupil_id!: Uuid" FROM presence_interval i
               WHERE i.pupil_id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)
                 AND i.placed_ms >= $26 AND i.placed_ms + i.span_ms > $27 AND i.closed_by IS NULL"#,
            ids[0], ids[1], ids[2], ids[3], ids[4], ids[5], ids[6], ids[7], ids[8], ids[9], ids[10], ids[11], ids[12], ids[13], ids[14], ids[15], ids[16], ids[17], ids[18], ids[19], ids[20], ids[21], ids[22], ids[23], ids[24], earliest, since_ms
        )
        .fetch_all(&self.read)
        .await?)
    }

    async fn rests_of_placements(
        &self,
        placements: &[Uuid],
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<(Uuid, DateTime<Utc>)>, StoreError> {
        let ids = padded(placements);
        Ok(sqlx::query!(
            r#"SELECT placement_id AS "placement_id!: Uuid", lesson_start_at AS "lesson_start_at!: DateTime<Utc>" FROM rest_choice
               WHERE placement_id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)
                 AND lesson_start_at >= $26 AND lesson_start_at < $27"#,
            ids[0], ids[1], ids[2], ids[3], ids[4], ids[5], ids[6], ids[7], ids[8], ids[9], ids[10], ids[11], ids[12], ids[13], ids[14], ids[15], ids[16], ids[17], ids[18], ids[19], ids[20], ids[21], ids[22], ids[23], ids[24], from, until
        )
        .fetch_all(&self.read)
        .await?
        .into_iter()
        .map(|row| (row.placement_id, row.lesson_start_at))
        .collect())
    }

    async fn stages_due(
        &self,
        staff_id: Uuid,
        day: NaiveDate,
        until: NaiveDate,
        limit: i64,
    ) -> Result<Vec<(PlacementRow, DueStageRow)>, StoreError> {
        let limit = limit.min(i64::try_from(PAGE).unwrap_or(limit));
        let stages = spliced!(
            query_as DueStageRow: r#"SELECT p.placement_id AS "placement_id!: Uuid", t.title AS "title!",
                      t.due_day AS "due_day!: NaiveDate"
               FROM plan_stage t JOIN placement p ON p.placement_id = t.placement_id
               WHERE t.done_day IS NULL AND t.due_day <= $3 AND p.from_day <= $2 AND p.until_day >= $2
                 AND "# PLACEMENT_SEEN r#"
                 AND NOT EXISTS (SELECT 1 FROM plan_stage b WHERE b.placement_id = t.placement_id AND b.done_day IS NULL
                                 AND b.due_day IS NOT NULL AND b.stage < t.stage)
               ORDER BY t.due_day, p.placement_id LIMIT $4"#,
            staff_id,
            day,
            until,
            limit
        )
        .fetch_all(&self.read)
        .await?;
        let ids: Vec<Uuid> = stages.iter().map(|stage| stage.placement_id).collect();
        let placements = self.placements_by_id(&ids).await?;
        let found = stages.into_iter().filter_map(|stage| {
            let placement = placements.iter().find(|placement| placement.placement_id == stage.placement_id)?;
            Some((placement.clone(), stage))
        });
        Ok(found.collect())
    }

    async fn loans_ending(
        &self,
        staff_id: Uuid,
        day: NaiveDate,
        until: NaiveDate,
        limit: i64,
    ) -> Result<Vec<PlacementRow>, StoreError> {
        Ok(spliced!(
            placements: r#"WHERE p.from_day <= $2 AND p.until_day >= $2 AND p.until_day <= $3
                 AND "# PLACEMENT_SEEN r#"
               ORDER BY p.until_day, p.placement_id LIMIT $4"#,
            staff_id,
            day,
            until,
            limit
        )
        .fetch_all(&self.read)
        .await?)
    }

    async fn audit_page(&self, before: Option<Uuid>, limit: i64) -> Result<Vec<(Uuid, AuditRow)>, StoreError> {
        let before = before.unwrap_or(Uuid::max());
        let rows = sqlx::query!(
            r#"SELECT a.audit_entry_id AS "audit_entry_id!: Uuid", a.at AS "at!: DateTime<Utc>", a.actor_kind AS "actor_kind!",
                      a.actor_id AS "actor_id?: Uuid", s.name AS "actor_name?", a.action AS "action!",
                      a.subject_kind AS "subject_kind!", a.subject_id AS "subject_id?: Uuid", a.detail AS "detail?"
               FROM audit_entry a LEFT JOIN staff s ON s.staff_id = a.actor_id
               WHERE a.audit_entry_id < $1 ORDER BY a.audit_entry_id DESC LIMIT $2"#,
            before,
            limit
        )
        .fetch_all(&self.read)
        .await?;
        let entry = rows.into_iter().map(|row| {
            let entry = AuditRow {
                at: row.at,
                actor_kind: row.actor_kind,
                actor_id: row.actor_id,
                actor_name: row.actor_name,
                action: row.action,
                subject_kind: row.subject_kind,
                subject_id: row.subject_id,
                detail: row.detail,
            };
            (row.audit_entry_id, entry)
        });
        Ok(entry.collect())
    }
}

impl Engine {
    pub(crate) async fn placements_by_id(&self, placements: &[Uuid]) -> Result<Vec<PlacementRow>, StoreError> {
        let ids = padded(placements);
        Ok(placements!(
            r#"WHERE p.placement_id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)"#,
            ids[0], ids[1], ids[2], ids[3], ids[4], ids[5], ids[6], ids[7], ids[8], ids[9], ids[10], ids[11], ids[12], ids[13], ids[14], ids[15], ids[16], ids[17], ids[18], ids[19], ids[20], ids[21], ids[22], ids[23], ids[24]
        )
        .fetch_all(&self.read)
        .await?)
    }
}
