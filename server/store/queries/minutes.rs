//! Queries of [`store::minutes`], in SQL that both engines read; compiled by each driver package against its own.
//!
//! Marks are written sorted by pupil and day, by ingest and by the job alike, so that servers which hold the same days wait for one
//! another and never in a circle.

use std::collections::{BTreeSet, HashSet};

use crate::queries::audit;
use crate::queries::inbox::rows::{Day, Mark};
use crate::{Db, Engine, bulk};
use async_trait::async_trait;
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use sqlx::Transaction;
use store::StoreError;
use store::audit::NewAudit;
use store::minutes::{
    Computed, CorrectionRow, DayRow, DirtyRow, LedgerPlacementRow, Minutes, NewCorrection, SchoolMinutesRow, SchoolPage,
};
use uuid::Uuid;

/// Days of pupils whose facts a transaction changes.
pub(crate) type Marks = BTreeSet<(Uuid, NaiveDate)>;

/// At most so many days of a pupil are marked at once: more than two years.
const MAX_DAYS: usize = 800;
/// Stretches of days that are turned into marks in one transaction.
const STRETCHES: i64 = 20;

#[async_trait]
impl Minutes for Engine {
    async fn dirty_days(&self, start: Uuid, limit: i64) -> Result<Vec<DirtyRow>, StoreError> {
        let mut rows = self.dirty_between(start, Uuid::max(), limit).await?;
        let more = limit - i64::try_from(rows.len()).unwrap_or(limit);
        if more > 0 && !start.is_nil() {
            let before = self.dirty_between(Uuid::nil(), start, more + 1).await?;
            rows.extend(before.into_iter().filter(|row| row.pupil_id < start).take(usize::try_from(more).unwrap_or(0)));
        }
        Ok(rows)
    }

    async fn count_dirty_days(&self, today: NaiveDate) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar!(
            r#"SELECT (SELECT count(*) FROM attendance_dirty) + (SELECT count(*) FROM attendance_again WHERE first_day <= $1)
                      AS "count!: i64""#,
            today
        )
        .fetch_one(&self.read)
        .await?)
    }

    async fn mark_changed(&self, today: NaiveDate) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        // First they are taken away: who changes the same days meanwhile waits for the commit and notes them anew.
        let stretches = sqlx::query!(
            r#"DELETE FROM attendance_again WHERE (pupil_id, first_day, last_day) IN
                   (SELECT a.pupil_id, a.first_day, a.last_day FROM attendance_again a WHERE a.first_day <= $1
                    ORDER BY a.pupil_id, a.first_day, a.last_day LIMIT $2)
               RETURNING pupil_id AS "pupil_id!: Uuid", first_day AS "first_day!: NaiveDate", last_day AS "last_day!: NaiveDate""#,
            today,
            STRETCHES
        )
        .fetch_all(&mut *tx)
        .await?;
        let mut marks = Marks::new();
        for stretch in stretches {
            let days = stretch.first_day.iter_days().take_while(|day| *day <= stretch.last_day.min(today)).take(MAX_DAYS);
            let marked: Vec<NaiveDate> = days.collect();
            let rest = marked.last().and_then(NaiveDate::succ_opt).filter(|rest| *rest <= stretch.last_day);
            marks.extend(marked.into_iter().map(|day| (stretch.pupil_id, day)));
            if let Some(rest) = rest {
                sqlx::query!(
                    "INSERT INTO attendance_again (pupil_id, first_day, last_day, changes) VALUES ($1, $2, $3, 1)
                     ON CONFLICT (pupil_id, first_day, last_day) DO UPDATE SET changes = attendance_again.changes + 1",
                    stretch.pupil_id,
                    rest,
                    stretch.last_day
                )
                .execute(&mut *tx)
                .await?;
            }
        }
        mark(&mut tx, &marks).await?;
        tx.commit().await?;
        Ok(u64::try_from(marks.len()).unwrap_or(u64::MAX))
    }

    async fn mark_running(&self, day: NaiveDate) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let pupils = sqlx::query_scalar!(
            r#"SELECT DISTINCT p.pupil_id AS "pupil_id!: Uuid" FROM placement p
               WHERE p.from_day <= $1 AND p.until_day >= $1
                 AND NOT EXISTS (SELECT 1 FROM attendance_day a WHERE a.pupil_id = p.pupil_id AND a.day = $1)
                 AND NOT EXISTS (SELECT 1 FROM attendance_dirty d WHERE d.pupil_id = p.pupil_id AND d.day = $1)"#,
            day
        )
        .fetch_all(&mut *tx)
        .await?;
        let marks: Marks = pupils.into_iter().map(|pupil_id| (pupil_id, day)).collect();
        mark(&mut tx, &marks).await?;
        tx.commit().await?;
        Ok(u64::try_from(marks.len()).unwrap_or(u64::MAX))
    }

    async fn mark_silent(&self, after: DateTime<Utc>, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        // By the pupil's own intervals, a day of them each: no interval is longer.
        let silent = sqlx::query!(
            r#"SELECT DISTINCT i.pupil_id AS "pupil_id!: Uuid", (i.placed_ms + i.span_ms) AS "end_ms!: i64"
               FROM placement p JOIN presence_interval i ON i.pupil_id = p.pupil_id
               WHERE p.from_day <= $1 AND p.until_day >= $2 AND i.placed_ms >= $3 AND i.placed_ms < $5
                 AND i.placed_ms + i.span_ms >= $4 AND i.placed_ms + i.span_ms < $5 AND i.closed_by IS NULL"#,
            before.date_naive() + Days::new(1),
            after.date_naive() - Days::new(1),
            (after - TimeDelta::days(1)).timestamp_millis(),
            after.timestamp_millis(),
            before.timestamp_millis()
        )
        .fetch_all(&mut *tx)
        .await?;
        // Where the pupil is, it may be the day before or after.
        let days = |end: DateTime<Utc>| [-12, 12].map(|hours| (end + TimeDelta::hours(hours)).date_naive());
        let marks: Marks = silent
            .iter()
            .filter_map(|row| Some((row.pupil_id, DateTime::from_timestamp_millis(row.end_ms)?)))
            .flat_map(|(pupil_id, end)| days(end).map(|day| (pupil_id, day)))
            .collect();
        mark(&mut tx, &marks).await?;
        tx.commit().await?;
        Ok(u64::try_from(marks.len()).unwrap_or(u64::MAX))
    }

    async fn mark_days(&self, pupil_id: Uuid, first: NaiveDate, last: NaiveDate) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let days = first.iter_days().take_while(|day| *day <= last).take(MAX_DAYS);
        mark(&mut tx, &days.map(|day| (pupil_id, day)).collect()).await?;
        Ok(tx.commit().await?)
    }

    async fn write_days(&self, computed: &[Computed]) -> Result<u64, StoreError> {
        let mark = |mark: &DirtyRow| Mark { pupil_id: mark.pupil_id, day: mark.day, version: mark.version };
        let marks: Vec<Mark> = computed.iter().map(|computed| mark(&computed.mark)).collect();
        let mut tx = self.begin().await?;
        // First the marks: they are locked until the commit, so no new fact slips between one and its row.
        let taken: HashSet<(Uuid, NaiveDate)> = bulk::take_marks(&mut tx, &marks).await?.into_iter().collect();
        let (mut days, mut empty) = (Vec::new(), Vec::new());
        for Computed { mark: held, day } in
            computed.iter().filter(|computed| taken.contains(&(computed.mark.pupil_id, computed.mark.day)))
        {
            match day {
                Some(day) => days.push(Day::from(day)),
                None => empty.push(mark(held)),
            }
        }
        if !days.is_empty() {
            bulk::write_days(&mut tx, &days).await?;
        }
        if !empty.is_empty() {
            bulk::remove_days(&mut tx, &empty).await?;
        }
        tx.commit().await?;
        Ok(u64::try_from(taken.len()).unwrap_or(u64::MAX))
    }

    async fn attendance_days(&self, pupil_id: Uuid, first: NaiveDate, last: NaiveDate) -> Result<Vec<DayRow>, StoreError> {
        Ok(sqlx::query_as!(
            DayRow,
            r#"SELECT pupil_id AS "pupil_id!: Uuid", day AS "day!: NaiveDate", placement_id AS "placement_id!: Uuid",
                      school_id AS "school_id!: Uuid", expected_ms AS "expected_ms!: i64", connected_ms AS "connected_ms!: i64",
                      video_ms AS "video_ms!: i64", stills_ms AS "stills_ms!: i64", audio_ms AS "audio_ms!: i64",
                      counted_ms AS "counted_ms!: i64", social_ms AS "social_ms!: i64",
                      social_counted_ms AS "social_counted_ms!: i64", active_lessons AS "active_lessons!: i64",
                      anomalies AS "anomalies!: i64", version AS "version!: Uuid"
               FROM attendance_day WHERE pupil_id = $1 AND day >= $2 AND day <= $3 ORDER BY day"#,
            pupil_id,
            first,
            last
        )
        .fetch_all(&self.read)
        .await?)
    }

    async fn ledger_placements(&self, pupil_id: Uuid) -> Result<Vec<LedgerPlacementRow>, StoreError> {
        Ok(sqlx::query_as!(
            LedgerPlacementRow,
            r#"SELECT p.placement_id AS "placement_id!: Uuid", p.school_id AS "school_id!: Uuid",
                      p.from_day AS "from_day!: NaiveDate", p.until_day AS "until_day!: NaiveDate", o.time_zone AS "day_zone!"
               FROM placement p JOIN pupil u ON u.pupil_id = p.pupil_id JOIN organisation o ON o.organisation_id = u.organisation_id
               WHERE p.pupil_id = $1 ORDER BY p.from_day, p.placement_id"#,
            pupil_id
        )
        .fetch_all(&self.read)
        .await?)
    }

    async fn corrections(&self, pupil_id: Uuid, first: NaiveDate, last: NaiveDate) -> Result<Vec<CorrectionRow>, StoreError> {
        Ok(sqlx::query_as!(
            CorrectionRow,
            r#"SELECT c.minutes_correction_id AS "minutes_correction_id!: Uuid", c.placement_id AS "placement_id!: Uuid",
                      c.day AS "day!: NaiveDate", c.timetable_slot_id AS "timetable_slot_id?: Uuid",
                      c.start_at AS "start_at?: DateTime<Utc>", c.to_s AS "to_s?: i64", c.reason AS "reason!",
                      c.author_id AS "author_id!: Uuid", s.name AS "author_name!", c.said_at AS "said_at!: DateTime<Utc>"
               FROM placement p JOIN minutes_correction c ON c.placement_id = p.placement_id
                    JOIN staff s ON s.staff_id = c.author_id
               WHERE p.pupil_id = $1 AND c.day >= $2 AND c.day <= $3
               ORDER BY c.said_at, c.minutes_correction_id"#,
            pupil_id,
            first,
            last
        )
        .fetch_all(&self.read)
        .await?)
    }

    async fn add_correction(
        &self,
        correction: &NewCorrection<'_>,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let (slot, start_at) = correction.lesson.unzip();
        let mut tx = self.begin().await?;
        sqlx::query!(
            "INSERT INTO minutes_correction (minutes_correction_id, placement_id, day, timetable_slot_id, start_at, to_s, reason,
                                             author_id, said_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            correction.minutes_correction_id,
            correction.placement_id,
            correction.day,
            slot,
            start_at,
            correction.to_s,
            correction.reason,
            correction.author_id,
            now
        )
        .execute(&mut *tx)
        .await?;
        let pupil_id = sqlx::query_scalar!(
            r#"SELECT pupil_id AS "pupil_id!: Uuid" FROM placement WHERE placement_id = $1"#,
            correction.placement_id
        )
        .fetch_one(&mut *tx)
        .await?;
        audit::append(&mut tx, audit, now).await?;
        mark(&mut tx, &Marks::from([(pupil_id, correction.day)])).await?;
        Ok(tx.commit().await?)
    }

    async fn minutes_by_school(&self, page: &SchoolPage<'_>) -> Result<Vec<SchoolMinutesRow>, StoreError> {
        let pattern = pattern(page.search);
        Ok(sqlx::query_as!(
            SchoolMinutesRow,
            r#"WITH RECURSIVE below AS (
                   SELECT organisation_id FROM organisation WHERE organisation_id = $1
                   UNION SELECT o.organisation_id FROM organisation o JOIN below b ON o.parent_id = b.organisation_id),
               shown AS (
                   SELECT o.organisation_id, o.name FROM organisation o JOIN below b ON b.organisation_id = o.organisation_id
                   WHERE ($2 = '%%' OR lower(o.name) LIKE lower($2) ESCAPE '!')
                     AND EXISTS (SELECT 1 FROM robot r WHERE r.organisation_id = o.organisation_id)
                   ORDER BY o.name, o.organisation_id LIMIT $5 OFFSET $6),
               told AS (
                   SELECT a.school_id,
                          CAST(sum(CASE WHEN a.day >= $3 THEN a.expected_ms ELSE 0 END) AS BIGINT) AS week_expected_ms,
                          CAST(sum(CASE WHEN a.day >= $3 THEN a.counted_ms ELSE 0 END) AS BIGINT) AS week_ms,
                          CAST(sum(CASE WHEN a.day >= $3 THEN a.social_counted_ms ELSE 0 END) AS BIGINT) AS week_social_ms,
                          CAST(sum(a.expected_ms) AS BIGINT) AS weeks_expected_ms,
                          CAST(sum(a.counted_ms) AS BIGINT) AS weeks_ms,
                          CAST(sum(a.social_counted_ms) AS BIGINT) AS weeks_social_ms,
                          CAST(sum(a.anomalies) AS BIGINT) AS anomalies
                   FROM shown s CROSS JOIN attendance_day a
                   WHERE a.school_id = s.organisation_id AND a.day >= $4
                   GROUP BY a.school_id)
               SELECT s.organisation_id AS "organisation_id!: Uuid", s.name AS "name!",
                      (SELECT count(*) FROM robot r WHERE r.organisation_id = s.organisation_id AND r.retired_at IS NULL)
                          AS "robots!: i64",
                      (SELECT max(r.last_used_at) FROM robot r WHERE r.organisation_id = s.organisation_id)
                          AS "last_used_at?: DateTime<Utc>",
                      coalesce(t.week_expected_ms, 0) AS "week_expected_ms!: i64", coalesce(t.week_ms, 0) AS "week_ms!: i64",
                      coalesce(t.week_social_ms, 0) AS "week_social_ms!: i64",
                      coalesce(t.weeks_expected_ms, 0) AS "weeks_expected_ms!: i64", coalesce(t.weeks_ms, 0) AS "weeks_ms!: i64",
                      coalesce(t.weeks_social_ms, 0) AS "weeks_social_ms!: i64", coalesce(t.anomalies, 0) AS "anomalies!: i64"
               FROM shown s LEFT JOIN told t ON t.school_id = s.organisation_id
               ORDER BY s.name, s.organisation_id"#,
            page.below,
            pattern,
            page.week,
            page.weeks,
            page.limit,
            page.offset
        )
        .fetch_all(&self.read)
        .await?)
    }
}

impl Engine {
    /// Marks of pupils from `first` to `last`, both included.
    async fn dirty_between(&self, first: Uuid, last: Uuid, limit: i64) -> Result<Vec<DirtyRow>, StoreError> {
        Ok(sqlx::query_as!(
            DirtyRow,
            r#"SELECT pupil_id AS "pupil_id!: Uuid", day AS "day!: NaiveDate", version AS "version!: Uuid"
               FROM attendance_dirty WHERE pupil_id >= $1 AND pupil_id <= $2 ORDER BY pupil_id, day LIMIT $3"#,
            first,
            last,
            limit
        )
        .fetch_all(&self.read)
        .await?)
    }
}

/// Marks days as changed, with a version of this transaction's own.
pub(crate) async fn mark(tx: &mut Transaction<'static, Db>, marks: &Marks) -> Result<(), StoreError> {
    if marks.is_empty() {
        return Ok(());
    }
    let version = Uuid::now_v7();
    let mark = |(pupil_id, day): &(Uuid, NaiveDate)| Mark { pupil_id: *pupil_id, day: *day, version };
    bulk::mark(tx, &marks.iter().map(mark).collect::<Vec<_>>()).await
}

/// A LIKE pattern for "contains", with the characters that mean something there taken literally; `%%` for all, which questions know
/// without comparing each name.
pub(crate) fn pattern(search: &str) -> String {
    let mut pattern = String::from("%");
    for letter in search.chars().take(100) {
        if matches!(letter, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}
