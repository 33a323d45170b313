//! Queries of [`store::due`], in SQL that both engines read; compiled by each driver package against its own.

use crate::queries::sight::spliced;
use crate::{Db, Engine};
use async_trait::async_trait;
use chrono::NaiveDate;
use server_core::deadline::{Arithmetic, Due, Way};
use server_core::party::Party;
use server_core::policy::{Binding, CalendarOf, Code, Event, Unit};
use sqlx::{Transaction, query_as};
use store::StoreError;
use store::due::{CaseDue, CaseMark, DueRow, Dues};
use store::placements::PlacementRow;
use uuid::Uuid;

#[async_trait]
impl Dues for Engine {
    async fn cases_to_count(&self, staff_id: Option<Uuid>, day: NaiveDate, limit: i64) -> Result<Vec<CaseMark>, StoreError> {
        let Some(staff_id) = staff_id else {
            return Ok(sqlx::query_as!(
                CaseMark,
                r#"SELECT placement_id AS "placement_id!: Uuid", changed AS "changed!: i64" FROM case_count
                   WHERE counted < changed OR holds_until < $1 LIMIT $2"#,
                day,
                limit
            )
            .fetch_all(&self.read)
            .await?);
        };
        Ok(spliced!(
            query_as CaseMark: r#"SELECT c.placement_id AS "placement_id!: Uuid", c.changed AS "changed!: i64"
               FROM case_count c JOIN placement p ON p.placement_id = c.placement_id
               WHERE (c.counted < c.changed OR c.holds_until < $2)
                 AND (c.placement_id IN (SELECT y.placement_id FROM placement_party y WHERE y.person_id = $1)
                      OR "# PLACEMENT_SEEN r#") LIMIT $3"#,
            staff_id,
            day,
            limit
        )
        .fetch_all(&self.read)
        .await?)
    }

    async fn write_cases(&self, cases: &[CaseDue]) -> Result<usize, StoreError> {
        let mut written = 0;
        let mut tx = self.begin().await?;
        for case in cases {
            written += usize::from(write_case(&mut tx, case).await?);
        }
        tx.commit().await?;
        Ok(written)
    }

    async fn due_of(&self, staff_id: Uuid, day: NaiveDate, offset: i64, limit: i64) -> Result<Vec<DueRow>, StoreError> {
        let rows = sqlx::query_as!(
            Row,
            r#"SELECT d.placement_id AS "placement_id!: Uuid", d.rule AS "rule!", d.week AS "week?: i64", d.title AS "title!",
                      d.source_row AS "source_row!", d.is_required AS "is_required!: bool", d.owners AS "owners!", d.day AS "day!: NaiveDate",
                      d.from_event AS "from_event?", d.from_day AS "from_day?: NaiveDate", d.unit AS "unit!", d.calendar AS "calendar!",
                      d.sentence AS "sentence!", d.way AS "way!", c.receiving_id AS "receiving_id?: Uuid",
                      CAST(NULL AS TEXT) AS "who?: String"
               FROM case_due d JOIN case_count c ON c.placement_id = d.placement_id
               WHERE d.placement_id IN (SELECT y.placement_id FROM placement_party y WHERE y.person_id = $1)
                 AND EXISTS (SELECT 1 FROM placement_party x
                             WHERE x.placement_id = d.placement_id AND x.person_id = $1
                               AND (x.from_day IS NULL OR x.from_day <= $2) AND (x.until_day IS NULL OR x.until_day >= $2)
                               AND ',' || d.owners || ',' LIKE '%,' || x.party || ',%')
               ORDER BY d.day, d.placement_id, d.n LIMIT $3 OFFSET $4"#,
            staff_id,
            day,
            limit,
            offset
        )
        .fetch_all(&self.read)
        .await?;
        read(rows)
    }

    async fn due_in_reach(&self, staff_id: Uuid, day: NaiveDate, offset: i64, limit: i64) -> Result<Vec<DueRow>, StoreError> {
        let rows = spliced!(
            query_as Row: r#"SELECT d.placement_id AS "placement_id!: Uuid", d.rule AS "rule!", d.week AS "week?: i64", d.title AS "title!",
                      d.source_row AS "source_row!", d.is_required AS "is_required!: bool", d.owners AS "owners!", d.day AS "day!: NaiveDate",
                      d.from_event AS "from_event?", d.from_day AS "from_day?: NaiveDate", d.unit AS "unit!", d.calendar AS "calendar!",
                      d.sentence AS "sentence!", d.way AS "way!", c.receiving_id AS "receiving_id?: Uuid",
                      (SELECT min(coalesce(s.name, q.name))
                       FROM placement_party x LEFT JOIN staff s ON s.staff_id = x.person_id LEFT JOIN person q ON q.person_id = x.person_id
                       WHERE x.placement_id = d.placement_id
                         AND (x.from_day IS NULL OR x.from_day <= $2) AND (x.until_day IS NULL OR x.until_day >= $2)
                         AND ',' || d.owners || ',' LIKE '%,' || x.party || ',%') AS "who?: String"
               FROM (SELECT e.placement_id, e.n FROM case_due e
                     WHERE (NOT e.has_owner OR e.is_required AND e.day < $2)
                       AND NOT EXISTS (SELECT 1 FROM placement_party x
                                       WHERE x.placement_id = e.placement_id AND x.person_id = $1
                                         AND (x.from_day IS NULL OR x.from_day <= $2) AND (x.until_day IS NULL OR x.until_day >= $2)
                                         AND ',' || e.owners || ',' LIKE '%,' || x.party || ',%')
                       AND e.placement_id IN (SELECT p.placement_id FROM placement p WHERE "# PLACEMENT_SEEN r#")
                     ORDER BY e.day, e.placement_id, e.n LIMIT $3 OFFSET $4) f
               JOIN case_due d ON d.placement_id = f.placement_id AND d.n = f.n
               JOIN case_count c ON c.placement_id = d.placement_id
               ORDER BY d.day, d.placement_id, d.n"#,
            staff_id,
            day,
            limit,
            offset
        )
        .fetch_all(&self.read)
        .await?;
        read(rows)
    }

    async fn placements_named(&self, placements: &[Uuid]) -> Result<Vec<PlacementRow>, StoreError> {
        self.placements_by_id(placements).await
    }
}

/// Whether it was written, and not held back for newer rows.
async fn write_case(tx: &mut Transaction<'static, Db>, case: &CaseDue) -> Result<bool, StoreError> {
    let CaseMark { placement_id, changed } = case.mark;
    let taken = sqlx::query!(
        "UPDATE case_count SET counted = $2, holds_until = $3, receiving_id = $4
         WHERE placement_id = $1 AND (counted < $2 OR counted = $2 AND holds_until < $3)",
        placement_id,
        changed,
        case.holds_until,
        case.receiving
    )
    .execute(&mut **tx)
    .await?;
    if taken.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query!("DELETE FROM case_due WHERE placement_id = $1", placement_id).execute(&mut **tx).await?;
    for (n, (due, has_owner)) in (0_i64..).zip(&case.open) {
        let (rule, week) = (due.rule.as_str(), due.week.map(i64::from));
        let is_required = due.binding == Binding::Required;
        let owners = due.owners.iter().map(|party| party.code()).collect::<Vec<_>>().join(",");
        let (from_event, from_day) = due.arithmetic.from.map(|(event, day)| (event.code(), day)).unzip();
        let (unit, calendar, way) = (due.arithmetic.unit.code(), due.arithmetic.calendar.code(), due.way.code());
        sqlx::query!(
            "INSERT INTO case_due (placement_id, n, rule, week, title, source_row, is_required, owners, has_owner, day,
                                   from_event, from_day, unit, calendar, sentence, way)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
            placement_id,
            n,
            rule,
            week,
            due.title,
            due.row,
            is_required,
            owners,
            *has_owner,
            due.day,
            from_event,
            from_day,
            unit,
            calendar,
            due.arithmetic.sentence,
            way
        )
        .execute(&mut **tx)
        .await?;
    }
    Ok(true)
}

/// A row as it is kept.
struct Row {
    placement_id: Uuid,
    rule: String,
    week: Option<i64>,
    title: String,
    source_row: String,
    is_required: bool,
    owners: String,
    day: NaiveDate,
    from_event: Option<String>,
    from_day: Option<NaiveDate>,
    unit: String,
    calendar: String,
    sentence: String,
    way: String,
    receiving_id: Option<Uuid>,
    who: Option<String>,
}

fn read(rows: Vec<Row>) -> Result<Vec<DueRow>, StoreError> {
    rows.into_iter().map(Row::read).collect::<Option<_>>().ok_or(StoreError::Unreadable { what: "row of what is due" })
}

impl Row {
    fn read(self) -> Option<DueRow> {
        let week = match self.week {
            Some(week) => Some(u16::try_from(week).ok()?),
            None => None,
        };
        let from = match self.from_event {
            Some(event) => Some((Event::from_code(&event)?, self.from_day?)),
            None => None,
        };
        let owners: Option<Vec<Party>> = self.owners.split(',').filter(|code| !code.is_empty()).map(Party::from_code).collect();
        let due = Due {
            rule: Code::new(&self.rule)?,
            week,
            title: self.title,
            row: self.source_row,
            binding: if self.is_required { Binding::Required } else { Binding::Information },
            owners: owners?,
            day: self.day,
            arithmetic: Arithmetic {
                from,
                unit: Unit::from_code(&self.unit)?,
                calendar: CalendarOf::from_code(&self.calendar)?,
                count: None,
                sentence: self.sentence,
            },
            way: Way::from_code(&self.way)?,
            done: None,
            overridden: None,
        };
        Some(DueRow { placement_id: self.placement_id, due, receiving: self.receiving_id, who: self.who })
    }
}
