//! Queries of [`store::returns`], in SQL that both engines read; compiled by each driver package against its own.

use std::collections::HashMap;

use crate::Engine;
use crate::queries::pages::padded;
use crate::queries::plans::{PartRow, parts, plans};
use crate::queries::sight::spliced;
use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use server_core::party::Party;
use server_core::policy::Code;
use sqlx::query_as;
use store::StoreError;
use store::plans::PlanRow;
use store::returns::{HeldRow, PlannedRow, Returns};
use uuid::Uuid;

#[async_trait]
impl Returns for Engine {
    async fn plans_of_pupils(&self, pupils: &[Uuid]) -> Result<Vec<(Uuid, PlanRow)>, StoreError> {
        let ids = padded(pupils);
        let rows = parts!(
            "WHERE p.placement_id IN (SELECT l.placement_id FROM placement l WHERE l.pupil_id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25))
               AND p.discarded_at IS NULL ORDER BY p.plan_id",
            ids[0], ids[1], ids[2], ids[3], ids[4], ids[5], ids[6], ids[7], ids[8], ids[9], ids[10], ids[11], ids[12], ids[13], ids[14], ids[15], ids[16], ids[17], ids[18], ids[19], ids[20], ids[21], ids[22], ids[23], ids[24]
        )
        .fetch_all(&self.read)
        .await?;
        let owners = sqlx::query!(
            r#"SELECT p.placement_id AS "placement_id!: Uuid", p.pupil_id AS "pupil_id!: Uuid" FROM placement p
               WHERE p.pupil_id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)"#,
            ids[0], ids[1], ids[2], ids[3], ids[4], ids[5], ids[6], ids[7], ids[8], ids[9], ids[10], ids[11], ids[12], ids[13], ids[14], ids[15], ids[16], ids[17], ids[18], ids[19], ids[20], ids[21], ids[22], ids[23], ids[24]
        )
        .fetch_all(&self.read)
        .await?;
        let owners: HashMap<Uuid, Uuid> = owners.into_iter().map(|row| (row.placement_id, row.pupil_id)).collect();
        let plans = plans(rows)?.into_iter();
        // A placement that began between the two questions shows when the list is drawn again.
        Ok(plans.filter_map(|plan| Some((*owners.get(&plan.placement_id)?, plan))).collect())
    }

    async fn last_contacts(&self, placements: &[Uuid], with: Party) -> Result<Vec<(Uuid, NaiveDate)>, StoreError> {
        let (ids, with) = (padded(placements), format!("%,{},%", with.code()));
        let rows = sqlx::query!(
            r#"SELECT c.placement_id AS "placement_id!: Uuid", max(c.day) AS "day!: NaiveDate" FROM contact c
               WHERE c.placement_id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)
                 AND c.kind <> 'attempt' AND (c.kind <> 'robot' OR c.spoke_id IS NOT NULL) AND ',' || c.parties || ',' LIKE $26
               GROUP BY c.placement_id"#,
            ids[0], ids[1], ids[2], ids[3], ids[4], ids[5], ids[6], ids[7], ids[8], ids[9], ids[10], ids[11], ids[12], ids[13], ids[14], ids[15], ids[16], ids[17], ids[18], ids[19], ids[20], ids[21], ids[22], ids[23], ids[24], with
        )
        .fetch_all(&self.read)
        .await?;
        Ok(rows.into_iter().map(|row| (row.placement_id, row.day)).collect())
    }

    async fn count_planned(&self, staff_id: Uuid, day: NaiveDate) -> Result<PlannedRow, StoreError> {
        // A placement has one plan at most that is not closed.
        Ok(spliced!(
            query_as PlannedRow: r#"SELECT count(*) AS "pupils!: i64", count(n.plan_id) AS "with_plan!: i64"
               FROM placement p LEFT JOIN plan n ON n.placement_id = p.placement_id AND n.state <> 'closed'
               WHERE p.from_day <= $2 AND p.until_day >= $2 AND "# PLACEMENT_COUNTED,
            staff_id,
            day
        )
        .fetch_one(&self.read)
        .await?)
    }

    async fn count_held(&self, staff_id: Uuid, policy: &Code, outcome: &Code) -> Result<HeldRow, StoreError> {
        // How the end of a plan is kept: `["closed",{…,"outcome":"success",…}]`. Within what people wrote a quotation mark has a
        // backslash before it, so their words are never taken for it.
        let (policy, outcome) = (policy.as_str(), format!(r#"%,"outcome":"{outcome}",%"#));
        Ok(spliced!(
            query_as HeldRow: r#"SELECT count(*) AS "held!: i64",
                      count(CASE WHEN EXISTS (SELECT 1 FROM placement q JOIN plan n ON n.placement_id = q.placement_id
                                              WHERE q.pupil_id = p.pupil_id AND n.plan_id > c.plan_id
                                                AND n.discarded_at IS NULL) THEN 1 END) AS "again!: i64"
               FROM plan c JOIN placement p ON p.placement_id = c.placement_id
                    JOIN plan_part x ON x.plan_id = c.plan_id AND x.part = 'state'
               WHERE c.state = 'closed' AND c.pack_id = $2 AND x.body LIKE $3 AND "# PLACEMENT_COUNTED,
            staff_id,
            policy,
            outcome
        )
        .fetch_one(&self.read)
        .await?)
    }
}
