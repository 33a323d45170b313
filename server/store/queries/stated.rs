//! Queries of [`store::stated`], in SQL that both engines read; compiled by each driver package against its own.

use crate::Engine;
use crate::queries::audit;
use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use server_core::party::PersonId;
use server_core::register::HalfDay;
use store::StoreError;
use store::audit::NewAudit;
use store::record::Seen;
use store::stated::{Stated, StatedRow, StatedWord};
use uuid::Uuid;

#[async_trait]
impl Stated for Engine {
    async fn state_half_days(
        &self,
        placement_id: Uuid,
        words: &[StatedWord],
        staff_id: Uuid,
        seen: Seen<Option<Uuid>>,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        for word in words {
            let (id, half_day) = (Uuid::now_v7(), word.half_day.as_str());
            if let Seen::This(seen) = seen {
                let since = sqlx::query_scalar!(
                    r#"SELECT was_there AS "was_there?: bool" FROM stated_half_day
                       WHERE placement_id = $1 AND day = $2 AND half_day = $3 AND (stated_half_day_id > $4 OR $4 IS NULL)
                       ORDER BY stated_half_day_id DESC LIMIT 1"#,
                    placement_id,
                    word.day,
                    half_day,
                    seen
                )
                .fetch_optional(&mut *tx)
                .await?;
                if since.is_some_and(|was_there| was_there != word.was_there) {
                    return Ok(false);
                }
            }
            sqlx::query!(
                "INSERT INTO stated_half_day (stated_half_day_id, placement_id, day, half_day, was_there, by_id, staff_id, at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                id,
                placement_id,
                word.day,
                half_day,
                word.was_there,
                word.by.0,
                staff_id,
                now
            )
            .execute(&mut *tx)
            .await?;
        }
        audit::append(&mut tx, audit, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn last_stated(&self, placement_id: Uuid) -> Result<Option<Uuid>, StoreError> {
        Ok(sqlx::query_scalar!(
            r#"SELECT stated_half_day_id AS "id!: Uuid" FROM stated_half_day WHERE placement_id = $1
               ORDER BY stated_half_day_id DESC LIMIT 1"#,
            placement_id
        )
        .fetch_optional(&self.read)
        .await?)
    }

    async fn stated_half_days(
        &self,
        placement_id: Uuid,
        from: NaiveDate,
        until: NaiveDate,
    ) -> Result<Vec<StatedRow>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT h.day AS "day!: NaiveDate", h.half_day AS "half_day!", h.was_there AS "was_there?: bool",
                      h.by_id AS "by_id!: Uuid", h.staff_id AS "staff_id!: Uuid", s.name AS "staff_name!",
                      h.at AS "at!: DateTime<Utc>"
               FROM stated_half_day h JOIN staff s ON s.staff_id = h.staff_id
               WHERE h.placement_id = $1 AND h.day >= $2 AND h.day <= $3
                 AND NOT EXISTS (SELECT 1 FROM stated_half_day n WHERE n.placement_id = h.placement_id AND n.day = h.day
                                 AND n.half_day = h.half_day AND n.stated_half_day_id > h.stated_half_day_id)
               ORDER BY h.day, h.half_day"#,
            placement_id,
            from,
            until
        )
        .fetch_all(&self.read)
        .await?;
        let unreadable = StoreError::Unreadable { what: "half-day" };
        rows.into_iter()
            .map(|row| {
                let word = StatedWord {
                    day: row.day,
                    half_day: HalfDay::from_word(&row.half_day)?,
                    was_there: row.was_there,
                    by: PersonId(row.by_id),
                };
                Some(StatedRow { word, staff_id: row.staff_id, staff_name: row.staff_name, at: row.at })
            })
            .collect::<Option<_>>()
            .ok_or(unreadable)
    }
}
