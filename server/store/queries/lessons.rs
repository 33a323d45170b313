//! Queries of [`store::lessons`], in SQL that both engines read; compiled by each driver package against its own.

use crate::{Db, Engine};
use async_trait::async_trait;
use chrono::NaiveDate;
use sqlx::Transaction;
use store::StoreError;
use store::lessons::{SlotRow, Timetable};
use uuid::Uuid;

#[async_trait]
impl Timetable for Engine {
    async fn slots_of_placement(&self, placement_id: Uuid) -> Result<Vec<SlotRow>, StoreError> {
        Ok(sqlx::query_as!(
            SlotRow,
            r#"SELECT t.timetable_slot_id AS "timetable_slot_id!: Uuid", t.class_group_id AS "class_group_id!: Uuid",
                      t.room_id AS "room_id!: Uuid", m.name AS "room_name!", t.week AS "week!: i64", t.weekday AS "weekday!: i64",
                      t.start_min AS "start_min!: i64", t.end_min AS "end_min!: i64", t.subject AS "subject!",
                      t.teacher AS "teacher!", t.robot_stays_out AS "robot_stays_out!: bool",
                      t.valid_from AS "valid_from?: NaiveDate", t.valid_until AS "valid_until?: NaiveDate",
                      e.valid_from AS "expected_from?: NaiveDate", e.valid_until AS "expected_until?: NaiveDate",
                      (e.timetable_slot_id IS NOT NULL) AS "expected!: bool"
               FROM timetable_slot t JOIN room m ON m.room_id = t.room_id
                    LEFT JOIN expected_slot e ON e.timetable_slot_id = t.timetable_slot_id AND e.placement_id = $1
               WHERE t.class_group_id IN
                     (SELECT g.class_group_id FROM timetable_slot g JOIN expected_slot x ON x.timetable_slot_id = g.timetable_slot_id
                      WHERE x.placement_id = $1)
               ORDER BY t.week, t.weekday, t.start_min"#,
            placement_id
        )
        .fetch_all(&self.read)
        .await?)
    }

    async fn lesson_times(&self, organisation_id: Uuid, day: NaiveDate) -> Result<Vec<(i64, i64)>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT DISTINCT t.start_min AS "start_min!: i64", t.end_min AS "end_min!: i64"
               FROM timetable_slot t JOIN class_group g ON g.class_group_id = t.class_group_id
               WHERE g.organisation_id = $1 AND (t.valid_from IS NULL OR t.valid_from <= $2)
                 AND (t.valid_until IS NULL OR t.valid_until >= $2)
               ORDER BY 1, 2 LIMIT 1000"#,
            organisation_id,
            day
        )
        .fetch_all(&self.read)
        .await?;
        Ok(rows.into_iter().map(|row| (row.start_min, row.end_min)).collect())
    }

    async fn add_class_group(&self, class_group_id: Uuid, organisation_id: Uuid, name: &str) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query!(
            "INSERT INTO class_group (class_group_id, organisation_id, name) VALUES ($1, $2, $3)
             ON CONFLICT (class_group_id) DO NOTHING",
            class_group_id,
            organisation_id,
            name
        )
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }

    async fn add_slots(&self, placement_id: Uuid, slots: &[SlotRow]) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        for slot in slots {
            add_slot(&mut tx, slot).await?;
            if slot.expected {
                sqlx::query!(
                    "INSERT INTO expected_slot (placement_id, timetable_slot_id, valid_from, valid_until) VALUES ($1, $2, $3, $4)
                     ON CONFLICT (placement_id, timetable_slot_id) DO NOTHING",
                    placement_id,
                    slot.timetable_slot_id,
                    slot.expected_from,
                    slot.expected_until
                )
                .execute(&mut *tx)
                .await?;
            }
        }
        Ok(tx.commit().await?)
    }

    async fn change_slot(&self, old: Uuid, new: &SlotRow, first: NaiveDate) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let last = first.pred_opt().unwrap_or(first);
        let done = sqlx::query!("UPDATE timetable_slot SET valid_until = $2 WHERE timetable_slot_id = $1", old, last)
            .execute(&mut *tx)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let new = SlotRow { valid_from: Some(first), ..new.clone() };
        add_slot(&mut tx, &new).await?;
        sqlx::query!(
            "INSERT INTO expected_slot (placement_id, timetable_slot_id, valid_from, valid_until)
             SELECT e.placement_id, $2, e.valid_from, e.valid_until FROM expected_slot e WHERE e.timetable_slot_id = $1
             ON CONFLICT (placement_id, timetable_slot_id) DO NOTHING",
            old,
            new.timetable_slot_id
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn correct_slot(&self, slot: &SlotRow) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let done = sqlx::query!(
            "UPDATE timetable_slot SET room_id = $2, week = $3, weekday = $4, start_min = $5, end_min = $6, subject = $7,
                                       teacher = $8, robot_stays_out = $9, valid_from = $10, valid_until = $11
             WHERE timetable_slot_id = $1",
            slot.timetable_slot_id,
            slot.room_id,
            slot.week,
            slot.weekday,
            slot.start_min,
            slot.end_min,
            slot.subject,
            slot.teacher,
            slot.robot_stays_out,
            slot.valid_from,
            slot.valid_until
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    async fn set_closure(&self, organisation_id: Uuid, day: NaiveDate, reason: Option<&str>) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        match reason {
            Some(reason) => {
                sqlx::query!(
                    "INSERT INTO closure_day (organisation_id, day, reason) VALUES ($1, $2, $3)
                     ON CONFLICT (organisation_id, day) DO UPDATE SET reason = excluded.reason",
                    organisation_id,
                    day,
                    reason
                )
                .execute(&mut *tx)
                .await?;
            }
            None => {
                sqlx::query!("DELETE FROM closure_day WHERE organisation_id = $1 AND day = $2", organisation_id, day)
                    .execute(&mut *tx)
                    .await?;
            }
        }
        Ok(tx.commit().await?)
    }

    async fn begin_weeks(&self, organisation_id: Uuid, monday: NaiveDate) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query!(
            "INSERT INTO week_one (organisation_id, monday) VALUES ($1, $2) ON CONFLICT (organisation_id, monday) DO NOTHING",
            organisation_id,
            monday
        )
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }
}

pub(crate) async fn add_slot(tx: &mut Transaction<'static, Db>, slot: &SlotRow) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO timetable_slot (timetable_slot_id, class_group_id, room_id, week, weekday, start_min, end_min, subject,
                                     teacher, robot_stays_out, valid_from, valid_until)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (timetable_slot_id) DO NOTHING",
        slot.timetable_slot_id,
        slot.class_group_id,
        slot.room_id,
        slot.week,
        slot.weekday,
        slot.start_min,
        slot.end_min,
        slot.subject,
        slot.teacher,
        slot.robot_stays_out,
        slot.valid_from,
        slot.valid_until
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
