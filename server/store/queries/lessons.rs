//! Queries of [`store::lessons`], in SQL that both engines read; compiled by each driver package against its own.

use crate::Engine;
use async_trait::async_trait;
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
            sqlx::query!(
                "INSERT INTO timetable_slot (timetable_slot_id, class_group_id, room_id, week, weekday, start_min, end_min, subject,
                                             teacher, robot_stays_out)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (timetable_slot_id) DO NOTHING",
                slot.timetable_slot_id,
                slot.class_group_id,
                slot.room_id,
                slot.week,
                slot.weekday,
                slot.start_min,
                slot.end_min,
                slot.subject,
                slot.teacher,
                slot.robot_stays_out
            )
            .execute(&mut *tx)
            .await?;
            if slot.expected {
                sqlx::query!(
                    "INSERT INTO expected_slot (placement_id, timetable_slot_id) VALUES ($1, $2)
                     ON CONFLICT (placement_id, timetable_slot_id) DO NOTHING",
                    placement_id,
                    slot.timetable_slot_id
                )
                .execute(&mut *tx)
                .await?;
            }
        }
        Ok(tx.commit().await?)
    }
}
