//! Queries of [`store::calendars`], in SQL that both engines read; compiled by each driver package against its own.

use std::collections::{BTreeMap, BTreeSet};

use crate::queries::audit;
use crate::{Db, Engine};
use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use server_core::policy::Series;
use sqlx::Transaction;
use store::StoreError;
use store::audit::NewAudit;
use store::calendars::{Calendars, DayChangeRow};
use uuid::Uuid;

/// How a change says that it is of a closed day, and not of a series.
const CLOSED: &str = "closed";
/// What a change says of a day that is in a series.
const IN: &str = "yes";

macro_rules! changes {
    ($tail:literal, $($argument:expr),+) => {
        sqlx::query_as!(
            Row,
            r#"SELECT c.revision AS "revision!: i64", c.what AS "what!", c.day AS "day!: NaiveDate", c.from_text AS "from_text?",
                      c.to_text AS "to_text?", c.actor_kind AS "actor_kind!", s.name AS "actor_name?", c.at AS "at!: DateTime<Utc>"
               FROM calendar_change c LEFT JOIN staff s ON s.staff_id = c.actor_id "# + $tail,
            $($argument),+
        )
    };
}

#[async_trait]
impl Calendars for Engine {
    async fn set_closed(
        &self,
        organisation_id: Uuid,
        days: &BTreeSet<NaiveDate>,
        reason: Option<&str>,
        seen: i64,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<Vec<DayChangeRow>, StoreError> {
        let (Some(first), Some(last)) = (days.first().copied(), days.last().copied()) else { return Ok(Vec::new()) };
        let mut tx = self.begin().await?;
        let since = changes!(
            "WHERE c.organisation_id = $1 AND c.revision > $2 AND c.what = $3 AND c.day >= $4 AND c.day <= $5 ORDER BY c.revision",
            organisation_id,
            seen,
            CLOSED,
            first,
            last
        )
        .fetch_all(&mut *tx)
        .await?;
        let latest: BTreeMap<NaiveDate, Row> = since.into_iter().map(|row| (row.day, row)).collect();
        let others: Vec<_> =
            latest.into_values().filter(|row| days.contains(&row.day) && row.to_text.as_deref() != reason).collect();
        if !others.is_empty() {
            return read(others);
        }
        let held = sqlx::query!(
            r#"SELECT day AS "day!: NaiveDate", reason AS "reason!" FROM closure_day
               WHERE organisation_id = $1 AND day >= $2 AND day <= $3"#,
            organisation_id,
            first,
            last
        )
        .fetch_all(&mut *tx)
        .await?;
        let held: BTreeMap<NaiveDate, String> = held.into_iter().map(|row| (row.day, row.reason)).collect();
        let revision = next_revision(&mut tx, organisation_id).await?;
        for day in days {
            let from = held.get(day).map(String::as_str);
            if from == reason {
                continue;
            }
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
            note(&mut tx, (organisation_id, revision, CLOSED, *day), (from, reason), (audit, now)).await?;
        }
        audit::append(&mut tx, audit, now).await?;
        tx.commit().await?;
        Ok(Vec::new())
    }

    async fn set_series_day(
        &self,
        organisation_id: Uuid,
        series: Series,
        day: NaiveDate,
        is_in: bool,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let series = series.code();
        let mut tx = self.begin().await?;
        let done = if is_in {
            sqlx::query!(
                "INSERT INTO series_day (organisation_id, series, day) VALUES ($1, $2, $3)
                 ON CONFLICT (organisation_id, series, day) DO NOTHING",
                organisation_id,
                series,
                day
            )
            .execute(&mut *tx)
            .await?
        } else {
            sqlx::query!(
                "DELETE FROM series_day WHERE organisation_id = $1 AND series = $2 AND day = $3",
                organisation_id,
                series,
                day
            )
            .execute(&mut *tx)
            .await?
        };
        if done.rows_affected() > 0 {
            let sides = if is_in { (None, Some(IN)) } else { (Some(IN), None) };
            let revision = next_revision(&mut tx, organisation_id).await?;
            note(&mut tx, (organisation_id, revision, series, day), sides, (audit, now)).await?;
            // These days count for every case of the schools right below.
            sqlx::query!(
                "UPDATE case_count SET changed = changed + 1
                 WHERE placement_id IN (SELECT p.placement_id FROM placement p JOIN organisation o ON o.organisation_id = p.school_id
                                        WHERE o.parent_id = $1)",
                organisation_id
            )
            .execute(&mut *tx)
            .await?;
        }
        audit::append(&mut tx, audit, now).await?;
        Ok(tx.commit().await?)
    }

    async fn series(&self, organisation_id: Uuid, series: Series) -> Result<BTreeSet<NaiveDate>, StoreError> {
        let series = series.code();
        let days = sqlx::query_scalar!(
            r#"SELECT day AS "day!: NaiveDate" FROM series_day WHERE organisation_id = $1 AND series = $2"#,
            organisation_id,
            series
        )
        .fetch_all(&self.read)
        .await?;
        Ok(days.into_iter().collect())
    }

    async fn days_revision(&self, organisation_id: Uuid) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar!(
            r#"SELECT coalesce(max(revision), 0) AS "revision!: i64" FROM calendar_change WHERE organisation_id = $1"#,
            organisation_id
        )
        .fetch_one(&self.read)
        .await?)
    }

    async fn day_changes(&self, organisation_id: Uuid, limit: i64, offset: i64) -> Result<Vec<DayChangeRow>, StoreError> {
        let rows = changes!(
            "WHERE c.organisation_id = $1 ORDER BY c.revision DESC, c.what, c.day LIMIT $2 OFFSET $3",
            organisation_id,
            limit,
            offset
        )
        .fetch_all(&self.read)
        .await?;
        read(rows)
    }
}

/// The revision that the transaction makes: people's writes come one after the other.
async fn next_revision(tx: &mut Transaction<'static, Db>, organisation_id: Uuid) -> Result<i64, StoreError> {
    let last = sqlx::query_scalar!(
        r#"SELECT coalesce(max(revision), 0) AS "revision!: i64" FROM calendar_change WHERE organisation_id = $1"#,
        organisation_id
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(last + 1)
}

/// Notes a change within its transaction. Both sides differ.
async fn note(
    tx: &mut Transaction<'static, Db>,
    (organisation_id, revision, what, day): (Uuid, i64, &str, NaiveDate),
    (from, to): (Option<&str>, Option<&str>),
    (audit, now): (NewAudit<'_>, DateTime<Utc>),
) -> Result<(), StoreError> {
    let (actor_kind, actor_id) = audit::actor(audit.actor);
    sqlx::query!(
        "INSERT INTO calendar_change (organisation_id, revision, what, day, from_text, to_text, actor_kind, actor_id, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        organisation_id,
        revision,
        what,
        day,
        from,
        to,
        actor_kind,
        actor_id,
        now
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A change as it is kept.
struct Row {
    revision: i64,
    what: String,
    day: NaiveDate,
    from_text: Option<String>,
    to_text: Option<String>,
    actor_kind: String,
    actor_name: Option<String>,
    at: DateTime<Utc>,
}

fn read(rows: Vec<Row>) -> Result<Vec<DayChangeRow>, StoreError> {
    let read = |row: Row| {
        let series = match row.what.as_str() {
            CLOSED => None,
            code => Some(Series::from_code(code)?),
        };
        Some(DayChangeRow {
            revision: row.revision,
            series,
            day: row.day,
            from_text: row.from_text,
            to_text: row.to_text,
            actor_kind: row.actor_kind,
            actor_name: row.actor_name,
            at: row.at,
        })
    };
    rows.into_iter().map(read).collect::<Option<_>>().ok_or(StoreError::Unreadable { what: "change of a calendar" })
}
