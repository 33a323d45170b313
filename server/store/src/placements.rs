//! Pupils, their placements, the plan in its thin form, and the imported register.
//!
//! Names and UPNs are read here for pages and go nowhere else. Register marks are read only: nothing computes one.

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use crate::{Store, StoreError};

/// A placement with its pupil and robot. `Debug` does not print the pupil's name.
#[derive(Clone, PartialEq, Eq)]
pub struct PlacementRow {
    /// Key; the only name the bridge has for a pupil.
    pub placement_id: Uuid,
    /// Who.
    pub pupil_id: Uuid,
    /// First name and initial, for pages.
    pub pupil_name: String,
    /// School year.
    pub year_group: i64,
    /// Through which robot.
    pub robot_id: Uuid,
    /// That robot's name.
    pub robot_name: String,
    /// The school whose lessons they are.
    pub school_id: Uuid,
    /// Its name.
    pub school_name: String,
    /// Who looks after the pupil meanwhile.
    pub provider_id: Option<Uuid>,
    /// Its name.
    pub provider_name: Option<String>,
    /// Staff member.
    pub key_worker_id: Option<Uuid>,
    /// First day.
    pub from_day: NaiveDate,
    /// Last day.
    pub until_day: NaiveDate,
}

impl std::fmt::Debug for PlacementRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlacementRow")
            .field("placement_id", &self.placement_id)
            .field("robot_id", &self.robot_id)
            .finish_non_exhaustive()
    }
}

/// One of the four stages of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanStageRow {
    /// 1 to 4.
    pub stage: i64,
    /// What it is about.
    pub title: String,
    /// When it is due.
    pub due_day: Option<NaiveDate>,
    /// When it was done.
    pub done_day: Option<NaiveDate>,
}

/// A mark of the statutory register, as imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterMarkRow {
    /// Which day.
    pub day: NaiveDate,
    /// `am` or `pm`.
    pub half_day: String,
    /// The code as the school entered it.
    pub code: String,
    /// When it was imported.
    pub imported_at: DateTime<Utc>,
    /// From which file or system.
    pub source: String,
}

/// A pupil to add. No `Debug`: it holds a name and a UPN.
pub struct NewPupil<'a> {
    /// Key.
    pub pupil_id: Uuid,
    /// The school that keeps the register.
    pub organisation_id: Uuid,
    /// First name and initial.
    pub name: &'a str,
    /// Checked before it comes here.
    pub upn: Option<&'a server_core::pupil::Upn>,
    /// School year.
    pub year_group: i64,
}

/// A placement to add.
#[derive(Clone, Debug)]
pub struct NewPlacement {
    /// Key.
    pub placement_id: Uuid,
    /// Who.
    pub pupil_id: Uuid,
    /// Through which robot.
    pub robot_id: Uuid,
    /// At which school.
    pub school_id: Uuid,
    /// Who looks after the pupil meanwhile.
    pub provider_id: Option<Uuid>,
    /// Staff member.
    pub key_worker_id: Option<Uuid>,
    /// First day.
    pub from_day: NaiveDate,
    /// Last day.
    pub until_day: NaiveDate,
}

macro_rules! placements {
    ($tail:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            PlacementRow,
            r#"SELECT p.placement_id AS "placement_id!: Uuid", p.pupil_id AS "pupil_id!: Uuid", u.name AS "pupil_name!",
                      u.year_group AS "year_group!: i64", p.robot_id AS "robot_id!: Uuid", r.name AS "robot_name!",
                      p.school_id AS "school_id!: Uuid", s.name AS "school_name!", p.provider_id AS "provider_id?: Uuid",
                      v.name AS "provider_name?", p.key_worker_id AS "key_worker_id?: Uuid",
                      p.from_day AS "from_day!: NaiveDate", p.until_day AS "until_day!: NaiveDate"
               FROM placement p JOIN pupil u ON u.pupil_id = p.pupil_id JOIN robot r ON r.robot_id = p.robot_id
                    JOIN organisation s ON s.organisation_id = p.school_id
                    LEFT JOIN organisation v ON v.organisation_id = p.provider_id "# + $tail
            $(, $argument)*
        )
    };
}

impl Store {
    /// All placements, by school and pupil.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn placements(&self) -> Result<Vec<PlacementRow>, StoreError> {
        Ok(placements!("ORDER BY s.name, u.name, p.from_day").fetch_all(&self.read).await?)
    }

    /// One placement.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn placement(&self, placement_id: Uuid) -> Result<Option<PlacementRow>, StoreError> {
        Ok(placements!("WHERE p.placement_id = $1", placement_id).fetch_optional(&self.read).await?)
    }

    /// A pupil's placements, the latest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn placements_of(&self, pupil_id: Uuid) -> Result<Vec<PlacementRow>, StoreError> {
        Ok(placements!("WHERE p.pupil_id = $1 ORDER BY p.from_day DESC", pupil_id).fetch_all(&self.read).await?)
    }

    /// The placements of a robot on `day`; more than one when pupils share it.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn placements_of_robot(&self, robot_id: Uuid, day: NaiveDate) -> Result<Vec<PlacementRow>, StoreError> {
        Ok(placements!("WHERE p.robot_id = $1 AND p.from_day <= $2 AND p.until_day >= $2 ORDER BY u.name", robot_id, day)
            .fetch_all(&self.read)
            .await?)
    }

    /// The stages of a placement's plan, in order.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn plan_stages(&self, placement_id: Uuid) -> Result<Vec<PlanStageRow>, StoreError> {
        Ok(sqlx::query_as!(
            PlanStageRow,
            r#"SELECT stage AS "stage!: i64", title AS "title!", due_day AS "due_day?: NaiveDate", done_day AS "done_day?: NaiveDate"
               FROM plan_stage WHERE placement_id = $1 ORDER BY stage"#,
            placement_id
        )
        .fetch_all(&self.read)
        .await?)
    }

    /// The imported register of a pupil from `from` to `until`, both included.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn register_marks(
        &self,
        pupil_id: Uuid,
        from: NaiveDate,
        until: NaiveDate,
    ) -> Result<Vec<RegisterMarkRow>, StoreError> {
        Ok(sqlx::query_as!(
            RegisterMarkRow,
            r#"SELECT day AS "day!: NaiveDate", half_day AS "half_day!", code AS "code!",
                      imported_at AS "imported_at!: DateTime<Utc>", source AS "source!"
               FROM register_mark WHERE pupil_id = $1 AND day >= $2 AND day <= $3 ORDER BY day, half_day"#,
            pupil_id,
            from,
            until
        )
        .fetch_all(&self.read)
        .await?)
    }

    /// Adds a pupil or keeps the one that is there.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    pub async fn add_pupil(&self, pupil: &NewPupil<'_>) -> Result<(), StoreError> {
        let upn = pupil.upn.map(server_core::pupil::Upn::expose);
        let mut tx = self.begin().await?;
        sqlx::query!(
            "INSERT INTO pupil (pupil_id, organisation_id, name, upn, year_group) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (pupil_id) DO NOTHING",
            pupil.pupil_id,
            pupil.organisation_id,
            pupil.name,
            upn,
            pupil.year_group
        )
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }

    /// Adds a placement with its plan or keeps the one that is there.
    ///
    /// # Errors
    /// The database does not answer, or a rule of its tables is broken.
    pub async fn add_placement(&self, placement: &NewPlacement, plan: &[PlanStageRow]) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query!(
            "INSERT INTO placement (placement_id, pupil_id, robot_id, school_id, provider_id, key_worker_id, from_day, until_day)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (placement_id) DO NOTHING",
            placement.placement_id,
            placement.pupil_id,
            placement.robot_id,
            placement.school_id,
            placement.provider_id,
            placement.key_worker_id,
            placement.from_day,
            placement.until_day
        )
        .execute(&mut *tx)
        .await?;
        for row in plan {
            sqlx::query!(
                "INSERT INTO plan_stage (placement_id, stage, title, due_day, done_day) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (placement_id, stage) DO NOTHING",
                placement.placement_id,
                row.stage,
                row.title,
                row.due_day,
                row.done_day
            )
            .execute(&mut *tx)
            .await?;
        }
        Ok(tx.commit().await?)
    }

    /// Stores imported register marks; a mark that the school changed replaces the older one.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn import_register(&self, pupil_id: Uuid, marks: &[RegisterMarkRow]) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        for mark in marks {
            sqlx::query!(
                "INSERT INTO register_mark (pupil_id, day, half_day, code, imported_at, source) VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT (pupil_id, day, half_day)
                 DO UPDATE SET code = excluded.code, imported_at = excluded.imported_at, source = excluded.source",
                pupil_id,
                mark.day,
                mark.half_day,
                mark.code,
                mark.imported_at,
                mark.source
            )
            .execute(&mut *tx)
            .await?;
        }
        Ok(tx.commit().await?)
    }
}

#[cfg(test)]
mod tests;
