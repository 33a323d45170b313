//! Queries of [`store::beginnings`], in SQL that both engines read; compiled by each driver package against its own.

use crate::queries::audit;
use crate::queries::changes::{Noted, held_placement, note};
use crate::queries::minutes::pattern;
use crate::queries::pages::padded;
use crate::queries::placements::insert_pupil;
use crate::queries::plans::insert_plan;
use crate::queries::sight::spliced;
use crate::{Db, Engine};
use async_trait::async_trait;
use chrono::{DateTime, Days, NaiveDate, Utc};
use server_core::plan::ReintegrationPlan;
use server_core::pupil::Upn;
use sqlx::{Transaction, query, query_as, query_scalar};
use store::StoreError;
use store::audit::NewAudit;
use store::beginnings::{
    Beginnings, Details, Entered, KeyWorkerRow, Lasting, MOST_KEY_WORKERS, MemberRow, NewCode, Opened, PupilRow,
};
use store::changes::PUPIL_FIELDS;
use store::organisations::OrganisationRow;
use store::pages::PAGE;
use store::placements::{NewPlacement, NewPupil};
use store::staff::{NewStaff, StaffRoleRow};
use uuid::Uuid;

#[async_trait]
impl Beginnings for Engine {
    async fn has_staff(&self) -> Result<bool, StoreError> {
        Ok(query_scalar!(r#"SELECT EXISTS (SELECT 1 FROM staff) AS "has!: bool""#).fetch_one(&self.read).await?)
    }

    async fn begin_authority(
        &self,
        authority: &OrganisationRow,
        coordinator: NewStaff<'_>,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        // Of two that come at once, the row lets one through.
        let first = query!("INSERT INTO first_account (one, made_at) VALUES (1, $1) ON CONFLICT DO NOTHING", now)
            .execute(&mut *tx)
            .await?
            .rows_affected();
        let held = query_scalar!(r#"SELECT count(*) AS "count!: i64" FROM staff"#).fetch_one(&mut *tx).await?;
        if first == 0 || held > 0 {
            return Ok(false);
        }
        insert_organisation(&mut tx, authority, None).await?;
        insert_staff(&mut tx, coordinator).await?;
        let role = StaffRoleRow { role: "coordinator".to_owned(), organisation_id: authority.organisation_id };
        insert_role(&mut tx, coordinator.staff_id, &role).await?;
        audit::append(&mut tx, audit, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn open_organisation(
        &self,
        organisation: &OrganisationRow,
        urn: Option<&str>,
        week_one_monday: Option<NaiveDate>,
        closed_like: Option<Uuid>,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        if is_beside(&mut tx, organisation, &organisation.name).await? {
            return Ok(false);
        }
        let id = organisation.organisation_id;
        insert_organisation(&mut tx, organisation, urn).await?;
        if let Some(monday) = week_one_monday {
            query!("INSERT INTO school_calendar (organisation_id, week_one_monday) VALUES ($1, $2)", id, monday)
                .execute(&mut *tx)
                .await?;
            query!("INSERT INTO week_one (organisation_id, monday) VALUES ($1, $2)", id, monday).execute(&mut *tx).await?;
        }
        if let Some(other) = closed_like {
            let days = query!(
                r#"SELECT day AS "day!: NaiveDate", reason AS "reason!" FROM closure_day WHERE organisation_id = $1"#,
                other
            )
            .fetch_all(&mut *tx)
            .await?;
            for row in days {
                query!("INSERT INTO closure_day (organisation_id, day, reason) VALUES ($1, $2, $3)", id, row.day, row.reason)
                    .execute(&mut *tx)
                    .await?;
            }
        }
        audit::append(&mut tx, audit, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn rename_organisation(
        &self,
        organisation: &OrganisationRow,
        name: &str,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        if is_beside(&mut tx, organisation, name).await? {
            return Ok(false);
        }
        query!("UPDATE organisation SET name = $2 WHERE organisation_id = $1", organisation.organisation_id, name)
            .execute(&mut *tx)
            .await?;
        audit::append(&mut tx, audit, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn members(&self, staff_id: Uuid, search: &str, limit: i64, offset: i64) -> Result<Vec<MemberRow>, StoreError> {
        let pattern = pattern(search);
        Ok(spliced!(
            query_as MemberRow: r#"SELECT s.staff_id AS "staff_id!: Uuid", s.name AS "name!", s.email AS "email!",
                      (s.disabled_at IS NOT NULL) AS "is_disabled!: bool", c.expires_at AS "code_until?: DateTime<Utc>"
               FROM staff s LEFT JOIN staff_code c ON c.staff_id = s.staff_id
               WHERE s.staff_id IN (SELECT r.staff_id FROM staff_role r WHERE r.organisation_id "# COORDINATED r#")
                 AND (lower(s.name) LIKE lower($2) ESCAPE '!' OR s.email LIKE lower($2) ESCAPE '!')
               ORDER BY s.name, s.staff_id LIMIT $3 OFFSET $4"#,
            staff_id,
            pattern,
            limit,
            offset
        )
        .fetch_all(&self.read)
        .await?)
    }

    async fn member(&self, staff_id: Uuid) -> Result<Option<MemberRow>, StoreError> {
        Ok(query_as!(
            MemberRow,
            r#"SELECT s.staff_id AS "staff_id!: Uuid", s.name AS "name!", s.email AS "email!",
                      (s.disabled_at IS NOT NULL) AS "is_disabled!: bool", c.expires_at AS "code_until?: DateTime<Utc>"
               FROM staff s LEFT JOIN staff_code c ON c.staff_id = s.staff_id WHERE s.staff_id = $1"#,
            staff_id
        )
        .fetch_optional(&self.read)
        .await?)
    }

    async fn roles_of(&self, staff: &[Uuid]) -> Result<Vec<(Uuid, StaffRoleRow)>, StoreError> {
        let ids = padded(staff);
        let rows = query!(
            r#"SELECT staff_id AS "staff_id!: Uuid", role AS "role!", organisation_id AS "organisation_id!: Uuid" FROM staff_role
               WHERE staff_id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)
               ORDER BY staff_id, role, organisation_id"#,
            ids[0], ids[1], ids[2], ids[3], ids[4], ids[5], ids[6], ids[7], ids[8], ids[9], ids[10], ids[11], ids[12], ids[13], ids[14], ids[15], ids[16], ids[17], ids[18], ids[19], ids[20], ids[21], ids[22], ids[23], ids[24]
        )
        .fetch_all(&self.read)
        .await?;
        let role = |role, organisation_id| StaffRoleRow { role, organisation_id };
        Ok(rows.into_iter().map(|row| (row.staff_id, role(row.role, row.organisation_id))).collect())
    }

    async fn key_workers(&self) -> Result<Vec<KeyWorkerRow>, StoreError> {
        Ok(query_as!(
            KeyWorkerRow,
            r#"SELECT s.staff_id AS "staff_id!: Uuid", s.name AS "name!", r.organisation_id AS "organisation_id!: Uuid"
               FROM staff s JOIN staff_role r ON r.staff_id = s.staff_id
               WHERE r.role = 'key_worker' AND s.disabled_at IS NULL ORDER BY s.name, s.staff_id LIMIT $1"#,
            MOST_KEY_WORKERS
        )
        .fetch_all(&self.read)
        .await?)
    }

    async fn add_member(
        &self,
        staff: NewStaff<'_>,
        role: &StaffRoleRow,
        code: NewCode<'_>,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        if !insert_staff(&mut tx, staff).await? {
            return Ok(false);
        }
        insert_role(&mut tx, staff.staff_id, role).await?;
        insert_code(&mut tx, staff.staff_id, code).await?;
        audit::append(&mut tx, audit, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn set_code(
        &self,
        staff_id: Uuid,
        code: NewCode<'_>,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        insert_code(&mut tx, staff_id, code).await?;
        query!("UPDATE staff SET disabled_at = NULL WHERE staff_id = $1", staff_id).execute(&mut *tx).await?;
        audit::append(&mut tx, audit, now).await?;
        Ok(tx.commit().await?)
    }

    async fn use_code(
        &self,
        email: &str,
        code_sha256: &[u8],
        password_hash: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Uuid>, StoreError> {
        let mut tx = self.begin().await?;
        let staff_id = query_scalar!(
            r#"DELETE FROM staff_code WHERE code_sha256 = $2 AND expires_at > $3
                 AND staff_id = (SELECT s.staff_id FROM staff s WHERE s.email = $1 AND s.disabled_at IS NULL)
               RETURNING staff_id AS "staff_id!: Uuid""#,
            email,
            code_sha256,
            now
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(staff_id) = staff_id else { return Ok(None) };
        query!("UPDATE staff SET password_hash = $2 WHERE staff_id = $1", staff_id, password_hash).execute(&mut *tx).await?;
        query!("DELETE FROM web_session WHERE staff_id = $1", staff_id).execute(&mut *tx).await?;
        let (actor, subject) = (store::audit::Actor::Staff(staff_id), store::audit::Subject::Staff(staff_id));
        audit::append(&mut tx, NewAudit { actor, action: "choose password", subject, detail: None }, now).await?;
        tx.commit().await?;
        Ok(Some(staff_id))
    }

    async fn set_role(
        &self,
        staff_id: Uuid,
        role: &StaffRoleRow,
        holds: bool,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        if holds {
            insert_role(&mut tx, staff_id, role).await?;
        } else {
            query!(
                "DELETE FROM staff_role WHERE staff_id = $1 AND role = $2 AND organisation_id = $3",
                staff_id,
                role.role,
                role.organisation_id
            )
            .execute(&mut *tx)
            .await?;
        }
        audit::append(&mut tx, audit, now).await?;
        Ok(tx.commit().await?)
    }

    async fn pupil(&self, pupil_id: Uuid) -> Result<Option<PupilRow>, StoreError> {
        read_pupil(&self.read, pupil_id).await
    }

    async fn pupils_without_placement(&self, staff_id: Uuid) -> Result<Vec<(Uuid, String, Uuid)>, StoreError> {
        let limit = PAGE as i64;
        let rows = spliced!(
            query: r#"SELECT u.pupil_id AS "pupil_id!: Uuid", u.name AS "name!", u.organisation_id AS "organisation_id!: Uuid"
               FROM pupil u
               WHERE u.organisation_id "# SCHOOLS_LED r#"
                 AND NOT EXISTS (SELECT 1 FROM placement p WHERE p.pupil_id = u.pupil_id)
               ORDER BY u.name, u.pupil_id LIMIT $2"#,
            staff_id,
            limit
        )
        .fetch_all(&self.read)
        .await?;
        Ok(rows.into_iter().map(|row| (row.pupil_id, row.name, row.organisation_id)).collect())
    }

    async fn enter_pupil(
        &self,
        pupil: &NewPupil<'_>,
        local_number: Option<&str>,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<Entered, StoreError> {
        let mut tx = self.begin().await?;
        if !insert_pupil(&mut tx, pupil).await? {
            return Ok(Entered::UpnTaken);
        }
        if local_number.is_some() && !set_local_number(&mut tx, pupil.pupil_id, local_number).await? {
            return Ok(Entered::NumberTaken);
        }
        audit::append(&mut tx, audit, now).await?;
        tx.commit().await?;
        Ok(Entered::Written)
    }

    async fn correct_pupil(
        &self,
        pupil_id: Uuid,
        were: Details<'_>,
        are: Details<'_>,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<Entered, StoreError> {
        let upn = are.upn.map(Upn::expose);
        let mut tx = self.begin().await?;
        // Two people who correct one pupil come one after the other.
        query!("UPDATE pupil SET pupil_id = pupil_id WHERE pupil_id = $1", pupil_id).execute(&mut *tx).await?;
        let Some(before) = read_pupil(&mut *tx, pupil_id).await? else { return Ok(Entered::Meanwhile) };
        let held = before.details();
        if held != were && held != are {
            return Ok(Entered::Meanwhile);
        }
        let done = query!(
            "UPDATE pupil SET name = $2, upn = $3, year_group = $4, born_day = $5 WHERE pupil_id = $1",
            pupil_id,
            are.name,
            upn,
            are.year_group,
            are.born
        )
        .execute(&mut *tx)
        .await
        .map_err(StoreError::from);
        match done {
            Ok(_) => {}
            Err(error) if error.is_unique_violation() => return Ok(Entered::UpnTaken),
            Err(error) => return Err(error),
        }
        if held.local_number != are.local_number && !set_local_number(&mut tx, pupil_id, are.local_number).await? {
            return Ok(Entered::NumberTaken);
        }
        let of = Noted { pupil_id, placement_id: None, actor: audit.actor, now };
        let texts = |one: Details<'_>| {
            let upn = one.upn.map(|upn| upn.expose().to_owned());
            let born = one.born.map(|day| day.to_string());
            let local = one.local_number.map(str::to_owned);
            [Some(one.name.to_owned()), Some(one.year_group.to_string()), upn, born, local]
        };
        for (field, (from, to)) in PUPIL_FIELDS.into_iter().zip(texts(held).into_iter().zip(texts(are))) {
            note(&mut tx, of, field, from, to).await?;
        }
        audit::append(&mut tx, audit, now).await?;
        tx.commit().await?;
        Ok(Entered::Written)
    }

    async fn open_placement(
        &self,
        placement: &NewPlacement,
        plan_id: Uuid,
        plan: &ReintegrationPlan,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<Opened, StoreError> {
        let mut tx = self.begin().await?;
        // Two people who open a placement of one pupil come one after the other.
        query!("UPDATE pupil SET pupil_id = pupil_id WHERE pupil_id = $1", placement.pupil_id).execute(&mut *tx).await?;
        let later = query_scalar!(
            r#"SELECT max(p.from_day) AS "day?: NaiveDate" FROM placement p WHERE p.pupil_id = $1 AND p.from_day >= $2"#,
            placement.pupil_id,
            placement.from_day
        )
        .fetch_one(&mut *tx)
        .await?;
        if let Some(later) = later {
            return Ok(Opened::Later(later));
        }
        let last = placement.from_day.checked_sub_days(Days::new(1)).unwrap_or(placement.from_day);
        let running = query!(
            r#"SELECT placement_id AS "placement_id!: Uuid", until_day AS "until_day!: NaiveDate"
               FROM placement WHERE pupil_id = $1 AND from_day < $2 AND until_day >= $2"#,
            placement.pupil_id,
            placement.from_day
        )
        .fetch_all(&mut *tx)
        .await?;
        for row in running {
            query!("UPDATE placement SET until_day = $2 WHERE placement_id = $1", row.placement_id, last)
                .execute(&mut *tx)
                .await?;
            let of = Noted { pupil_id: placement.pupil_id, placement_id: Some(row.placement_id), actor: audit.actor, now };
            note(&mut tx, of, "placement.until", Some(row.until_day.to_string()), Some(last.to_string())).await?;
        }
        query!(
            "INSERT INTO placement (placement_id, pupil_id, robot_id, school_id, provider_id, key_worker_id, from_day, until_day)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
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
        insert_plan(&mut tx, plan_id, placement.placement_id, plan, now).await?;
        audit::append(&mut tx, audit, now).await?;
        tx.commit().await?;
        Ok(Opened::Opened)
    }

    async fn change_placement(
        &self,
        placement_id: Uuid,
        were: Lasting,
        are: Lasting,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let Some(before) = held_placement(&mut tx, placement_id).await? else { return Ok(false) };
        let held = Lasting { until_day: before.until_day, key_worker_id: before.key_worker_id };
        if held != were && held != are {
            return Ok(false);
        }
        query!(
            "UPDATE placement SET until_day = $2, key_worker_id = $3 WHERE placement_id = $1",
            placement_id,
            are.until_day,
            are.key_worker_id
        )
        .execute(&mut *tx)
        .await?;
        let of = Noted { pupil_id: before.pupil_id, placement_id: Some(placement_id), actor: audit.actor, now };
        let id = |id: Uuid| id.to_string();
        note(&mut tx, of, "placement.until", Some(held.until_day.to_string()), Some(are.until_day.to_string())).await?;
        note(&mut tx, of, "placement.key-worker", held.key_worker_id.map(id), are.key_worker_id.map(id)).await?;
        audit::append(&mut tx, audit, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn give_robot(
        &self,
        placement_id: Uuid,
        robot_id: Option<Uuid>,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let before = held_placement(&mut tx, placement_id).await?;
        query!("UPDATE placement SET robot_id = $2 WHERE placement_id = $1", placement_id, robot_id).execute(&mut *tx).await?;
        if let Some(before) = before {
            let of = Noted { pupil_id: before.pupil_id, placement_id: Some(placement_id), actor: audit.actor, now };
            let id = |id: Uuid| id.to_string();
            note(&mut tx, of, "placement.robot", before.robot_id.map(id), robot_id.map(id)).await?;
        }
        audit::append(&mut tx, audit, now).await?;
        Ok(tx.commit().await?)
    }
}

async fn read_pupil<'c>(at: impl sqlx::Executor<'c, Database = Db>, pupil_id: Uuid) -> Result<Option<PupilRow>, StoreError> {
    let row = query!(
        r#"SELECT organisation_id AS "organisation_id!: Uuid", name AS "name!", upn AS "upn?", year_group AS "year_group!: i64",
                  born_day AS "born?: NaiveDate", local_number AS "local_number?"
           FROM pupil WHERE pupil_id = $1"#,
        pupil_id
    )
    .fetch_optional(at)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let upn: Option<Upn> = row.upn.map(|upn| upn.parse()).transpose().map_err(|_| StoreError::Unreadable { what: "UPN" })?;
    Ok(Some(PupilRow {
        pupil_id,
        organisation_id: row.organisation_id,
        name: row.name,
        upn,
        year_group: row.year_group,
        born: row.born,
        local_number: row.local_number,
    }))
}

/// Says under which number the school's own system knows a pupil; none: no longer. Whether no other pupil of the school has it.
async fn set_local_number(tx: &mut Transaction<'static, Db>, pupil_id: Uuid, number: Option<&str>) -> Result<bool, StoreError> {
    let done = query!("UPDATE pupil SET local_number = $2 WHERE pupil_id = $1", pupil_id, number).execute(&mut **tx).await;
    match done.map_err(StoreError::from) {
        Ok(_) => Ok(true),
        Err(error) if error.is_unique_violation() => Ok(false),
        Err(error) => Err(error),
    }
}

async fn insert_organisation(
    tx: &mut Transaction<'static, Db>,
    row: &OrganisationRow,
    urn: Option<&str>,
) -> Result<(), StoreError> {
    query!(
        "INSERT INTO organisation (organisation_id, kind, name, parent_id, urn, time_zone) VALUES ($1, $2, $3, $4, $5, $6)",
        row.organisation_id,
        row.kind,
        row.name,
        row.parent_id,
        urn,
        row.time_zone
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Whether another organisation below the same one has this name, however it is written.
async fn is_beside(tx: &mut Transaction<'static, Db>, row: &OrganisationRow, name: &str) -> Result<bool, StoreError> {
    let found = query_scalar!(
        r#"SELECT count(*) AS "count!: i64" FROM organisation
           WHERE lower(name) = lower($1) AND organisation_id <> $2 AND parent_id IS NOT DISTINCT FROM $3"#,
        name,
        row.organisation_id,
        row.parent_id
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(found > 0)
}

async fn insert_staff(tx: &mut Transaction<'static, Db>, staff: NewStaff<'_>) -> Result<bool, StoreError> {
    let done = query!(
        "INSERT INTO staff (staff_id, name, email, password_hash) VALUES ($1, $2, $3, $4) ON CONFLICT (email) DO NOTHING",
        staff.staff_id,
        staff.name,
        staff.email,
        staff.password_hash
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() > 0)
}

async fn insert_role(tx: &mut Transaction<'static, Db>, staff_id: Uuid, row: &StaffRoleRow) -> Result<(), StoreError> {
    query!(
        "INSERT INTO staff_role (staff_id, role, organisation_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        staff_id,
        row.role,
        row.organisation_id
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn insert_code(tx: &mut Transaction<'static, Db>, staff_id: Uuid, code: NewCode<'_>) -> Result<(), StoreError> {
    query!(
        "INSERT INTO staff_code (staff_id, code_sha256, expires_at) VALUES ($1, $2, $3)
         ON CONFLICT (staff_id) DO UPDATE SET code_sha256 = excluded.code_sha256, expires_at = excluded.expires_at",
        staff_id,
        code.code_sha256,
        code.expires_at
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
