//! The two long lists of [`store::pages`], robots and placements: by school in order, from any page on, or by a part of a name.

use crate::Engine;
use crate::queries::minutes::pattern;
use crate::queries::pages::padded;
use crate::queries::robots::robots;
use crate::queries::sight::spliced;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{query_as, query_scalar};
use store::StoreError;
use store::pages::{PAGE, PupilsPage, RobotsPage};
use store::placements::PlacementRow;
use store::robots::RobotRow;
use uuid::Uuid;

macro_rules! placements {
    ($tail:literal $(+ $more:literal)* $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            PlacementRow,
            r#"SELECT p.placement_id AS "placement_id!: Uuid", p.pupil_id AS "pupil_id!: Uuid", u.name AS "pupil_name!",
                      u.year_group AS "year_group!: i64", u.organisation_id AS "home_id!: Uuid", h.name AS "home_name!",
                      p.robot_id AS "robot_id?: Uuid", r.name AS "robot_name?",
                      p.school_id AS "school_id!: Uuid", s.name AS "school_name!", p.provider_id AS "provider_id?: Uuid",
                      v.name AS "provider_name?", p.key_worker_id AS "key_worker_id?: Uuid",
                      p.from_day AS "from_day!: NaiveDate", p.until_day AS "until_day!: NaiveDate"
               FROM placement p JOIN pupil u ON u.pupil_id = p.pupil_id LEFT JOIN robot r ON r.robot_id = p.robot_id
                    JOIN organisation h ON h.organisation_id = u.organisation_id JOIN organisation s ON s.organisation_id = p.school_id
                    LEFT JOIN organisation v ON v.organisation_id = p.provider_id "# + $tail $(+ $more)*
            $(, $argument)*
        )
    };
}
pub(crate) use placements;

/// A school, and how many robots it has that this person may see.
struct SchoolRobots {
    organisation_id: Uuid,
    name: String,
    /// Of them those that somebody should look at.
    look: i64,
    robots: i64,
}

/// A school, and how many placements it has that this person may see.
struct SchoolPlacements {
    organisation_id: Uuid,
    name: String,
    placements: i64,
}

/// Where a page begins in the order of schools. To leave rows out one by one would cost what was left out; the schools' counts cost the
/// same on every page.
#[derive(Default)]
struct Start {
    name: String,
    organisation_id: Uuid,
    /// Rows of that school that are left out.
    skip: i64,
}

impl Start {
    /// The start after so many rows; `None` after all. Less than none is the first row.
    fn after<'a>(offset: i64, schools: impl Iterator<Item = (Uuid, &'a String, i64)>) -> Option<Self> {
        let mut skip = offset.max(0);
        for (organisation_id, name, rows) in schools {
            if skip < rows {
                return Some(Self { name: name.clone(), organisation_id, skip });
            }
            skip -= rows;
        }
        None
    }
}

impl Engine {
    pub(crate) async fn listed_robots(&self, page: &RobotsPage<'_>) -> Result<Vec<RobotRow>, StoreError> {
        if !page.search.is_empty() {
            return self.robots_found(page).await;
        }
        let (mut look, mut others) = (Some(Start::default()), Some(Start::default()));
        if page.offset > 0 {
            let schools = self.robots_by_school(page).await?;
            look = Start::after(page.offset, schools.iter().map(|s| (s.organisation_id, &s.name, s.look)));
            let past = page.offset - schools.iter().map(|s| s.look).sum::<i64>();
            others = Start::after(past, schools.iter().map(|s| (s.organisation_id, &s.name, s.robots - s.look)));
        }
        let mut rows = match look {
            Some(start) => self.robots_that(page, true, &start, page.limit).await?,
            None => Vec::new(),
        };
        let left = page.limit - i64::try_from(rows.len()).unwrap_or(page.limit);
        if let Some(start) = others.filter(|_| !page.look && left > 0) {
            rows.extend(self.robots_that(page, false, &start, left).await?);
        }
        Ok(rows)
    }

    pub(crate) async fn listed_placements(&self, page: &PupilsPage<'_>) -> Result<(Vec<PlacementRow>, i64), StoreError> {
        if !page.search.is_empty() {
            let rows = self.placements_found(page).await?;
            let all = match i64::try_from(rows.len()) {
                // A first page that is not full is all there is.
                Ok(rows) if page.offset == 0 && rows < PAGE as i64 => rows,
                _ => self.count_found(page).await?,
            };
            return Ok((rows, all));
        }
        let schools = self.placements_by_school(page).await?;
        let all = schools.iter().map(|s| s.placements).sum();
        let Some(start) = Start::after(page.offset, schools.iter().map(|s| (s.organisation_id, &s.name, s.placements))) else {
            return Ok((Vec::new(), all));
        };
        // As many schools as fill the page.
        let mut rows = -start.skip;
        let from = schools.iter().skip_while(|s| s.organisation_id != start.organisation_id).take_while(|s| {
            let before = rows;
            rows += s.placements;
            before < PAGE as i64
        });
        let ids: Vec<Uuid> = from.map(|s| s.organisation_id).collect();
        Ok((self.placements_of_schools(page, &ids, start.skip).await?, all))
    }

    /// Robots that a person should look at, or the others, by school and name, from a school on. Schools come in the order of their
    /// index, and so do the robots of each: nothing after the page is read, and nothing before it is joined. (`IS TRUE` keeps SQLite
    /// from beginning with the set of schools, in no order.) A robot that changes sides between two of these questions may show twice or
    /// not at all until the list is drawn again.
    async fn robots_that(
        &self,
        page: &RobotsPage<'_>,
        look: bool,
        start: &Start,
        limit: i64,
    ) -> Result<Vec<RobotRow>, StoreError> {
        Ok(spliced!(
            robots: r#"WHERE r.robot_id IN (
                   SELECT r.robot_id FROM organisation o CROSS JOIN robot r
                   WHERE r.organisation_id = o.organisation_id AND r.retired_at IS NULL
                     AND (o.name, o.organisation_id) >= ($5, $6)
                     AND (o.organisation_id "# ROBOTS_SEEN r#") IS TRUE
                     AND ("# LOOK r#" IS TRUE) = $4
                   ORDER BY o.name, o.organisation_id, r.name, r.robot_id
                   LIMIT $7 OFFSET $8)
               ORDER BY o.name, o.organisation_id, r.name, r.robot_id"#,
            page.staff_id,
            page.silent_before,
            page.low_pct,
            look,
            start.name,
            start.organisation_id,
            limit,
            start.skip
        )
        .fetch_all(&self.read)
        .await?)
    }

    async fn robots_by_school(&self, page: &RobotsPage<'_>) -> Result<Vec<SchoolRobots>, StoreError> {
        Ok(spliced!(
            query_as SchoolRobots: r#"SELECT o.organisation_id AS "organisation_id!: Uuid", o.name AS "name!", g.look AS "look!: i64",
                      g.robots AS "robots!: i64"
               FROM (SELECT r.organisation_id, count(*) AS robots,
                            CAST(sum(CASE WHEN "# LOOK r#"
                                          THEN 1 ELSE 0 END) AS BIGINT) AS look
                     FROM robot r
                     WHERE r.retired_at IS NULL AND r.organisation_id "# ROBOTS_SEEN r#"
                     GROUP BY r.organisation_id) g
                    JOIN organisation o ON o.organisation_id = g.organisation_id
               ORDER BY o.name, o.organisation_id"#,
            page.staff_id,
            page.silent_before,
            page.low_pct
        )
        .fetch_all(&self.read)
        .await?)
    }

    /// Robots by a part of the name of the robot or its school. What is found is in no order of an index, and mostly little.
    async fn robots_found(&self, page: &RobotsPage<'_>) -> Result<Vec<RobotRow>, StoreError> {
        let pattern = pattern(page.search);
        Ok(spliced!(
            robots: r#"WHERE r.robot_id IN (
                   SELECT l.robot_id
                   FROM (SELECT r.robot_id, o.name AS school, r.organisation_id, r.name,
                                "# LOOK r#" IS TRUE AS look
                         FROM robot r JOIN organisation o ON o.organisation_id = r.organisation_id
                         WHERE r.retired_at IS NULL AND r.organisation_id "# ROBOTS_SEEN r#"
                           AND (lower(r.name) LIKE lower($4) ESCAPE '!' OR r.organisation_id IN (
                                   SELECT n.organisation_id FROM organisation n WHERE lower(n.name) LIKE lower($4) ESCAPE '!'))) l
                   WHERE l.look OR NOT $5
                   ORDER BY l.look DESC, l.school, l.organisation_id, l.name, l.robot_id
                   LIMIT $6 OFFSET $7)
               ORDER BY "# LOOK r#" IS TRUE DESC,
                        o.name, r.organisation_id, r.name, r.robot_id"#,
            page.staff_id,
            page.silent_before,
            page.low_pct,
            pattern,
            page.look,
            page.limit,
            page.offset
        )
        .fetch_all(&self.read)
        .await?)
    }

    /// Placements of the schools of one page, in order; none of other schools is read.
    async fn placements_of_schools(
        &self,
        page: &PupilsPage<'_>,
        schools: &[Uuid],
        skip: i64,
    ) -> Result<Vec<PlacementRow>, StoreError> {
        let ids = padded(schools);
        Ok(spliced!(
            placements: r#"WHERE p.placement_id IN (
                   SELECT p.placement_id
                   FROM placement p JOIN organisation s ON s.organisation_id = p.school_id JOIN pupil u ON u.pupil_id = p.pupil_id
                   WHERE p.school_id IN ($5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29)
                     AND (p.until_day < $2) = $30
                     AND "# PLACEMENT_SEEN r#"
                   ORDER BY s.name, s.organisation_id, u.name, p.placement_id LIMIT $3 OFFSET $4)
               ORDER BY s.name, s.organisation_id, u.name, p.placement_id"#,
            page.staff_id,
            page.day,
            PAGE as i64,
            skip,
            ids[0], ids[1], ids[2], ids[3], ids[4], ids[5], ids[6], ids[7], ids[8], ids[9], ids[10], ids[11], ids[12], ids[13], ids[14], ids[15], ids[16], ids[17], ids[18], ids[19], ids[20], ids[21], ids[22], ids[23], ids[24], page.ended
        )
        .fetch_all(&self.read)
        .await?)
    }

    async fn placements_by_school(&self, page: &PupilsPage<'_>) -> Result<Vec<SchoolPlacements>, StoreError> {
        Ok(spliced!(
            query_as SchoolPlacements: r#"SELECT s.organisation_id AS "organisation_id!: Uuid", s.name AS "name!", g.placements AS "placements!: i64"
               FROM (SELECT p.school_id, count(*) AS placements
                     FROM placement p
                     WHERE (p.until_day < $2) = $3
                       AND "# PLACEMENT_SEEN r#"
                     GROUP BY p.school_id) g
                    JOIN organisation s ON s.organisation_id = g.school_id
               ORDER BY s.name, s.organisation_id"#,
            page.staff_id,
            page.day,
            page.ended
        )
        .fetch_all(&self.read)
        .await?)
    }

    /// Placements by a part of the name of the pupil or the school. What is found is in no order of an index, and mostly little.
    async fn placements_found(&self, page: &PupilsPage<'_>) -> Result<Vec<PlacementRow>, StoreError> {
        let pattern = pattern(page.search);
        Ok(spliced!(
            placements: r#"WHERE p.placement_id IN (
                   SELECT p.placement_id
                   FROM placement p JOIN pupil u ON u.pupil_id = p.pupil_id JOIN organisation s ON s.organisation_id = p.school_id
                   WHERE (p.until_day < $2) = $6
                     AND "# PLACEMENT_SEEN r#"
                     AND (p.pupil_id IN (SELECT n.pupil_id FROM pupil n WHERE lower(n.name) LIKE lower($3) ESCAPE '!')
                          OR p.school_id IN (SELECT n.organisation_id FROM organisation n WHERE lower(n.name) LIKE lower($3) ESCAPE '!'))
                   ORDER BY s.name, s.organisation_id, u.name, p.placement_id LIMIT $4 OFFSET $5)
               ORDER BY s.name, s.organisation_id, u.name, p.placement_id"#,
            page.staff_id,
            page.day,
            pattern,
            PAGE as i64,
            page.offset,
            page.ended
        )
        .fetch_all(&self.read)
        .await?)
    }

    async fn count_found(&self, page: &PupilsPage<'_>) -> Result<i64, StoreError> {
        let pattern = pattern(page.search);
        Ok(spliced!(
            query_scalar: r#"SELECT count(*) AS "count!: i64"
               FROM placement p
               WHERE (p.until_day < $2) = $4
                 AND "# PLACEMENT_SEEN r#"
                 AND (p.pupil_id IN (SELECT n.pupil_id FROM pupil n WHERE lower(n.name) LIKE lower($3) ESCAPE '!')
                      OR p.school_id IN (SELECT n.organisation_id FROM organisation n WHERE lower(n.name) LIKE lower($3) ESCAPE '!'))"#,
            page.staff_id,
            page.day,
            pattern,
            page.ended
        )
        .fetch_one(&self.read)
        .await?)
    }
}
