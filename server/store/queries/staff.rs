//! Queries of [`store::staff`], in SQL that both engines read; compiled by each driver package against its own.

use crate::Engine;
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{query, query_as};
use store::StoreError;
use store::staff::{AccountRow, NewStaff, Staff, StaffRoleRow, ThrottleKey, WebSessionRow};
use uuid::Uuid;

#[async_trait]
impl Staff for Engine {
    async fn add_staff(&self, staff: NewStaff<'_>, roles: &[StaffRoleRow]) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let done = query!(
            "INSERT INTO staff (staff_id, name, email, password_hash) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            staff.staff_id,
            staff.name,
            staff.email,
            staff.password_hash
        )
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        for row in roles {
            query!(
                "INSERT INTO staff_role (staff_id, role, organisation_id) VALUES ($1, $2, $3)",
                staff.staff_id,
                row.role,
                row.organisation_id
            )
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn disable_staff(&self, staff_id: Uuid, now: DateTime<Utc>) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        query!("UPDATE staff SET disabled_at = $2 WHERE staff_id = $1 AND disabled_at IS NULL", staff_id, now)
            .execute(&mut *tx)
            .await?;
        query!("DELETE FROM web_session WHERE staff_id = $1", staff_id).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    async fn account(&self, email: &str) -> Result<Option<AccountRow>, StoreError> {
        Ok(query_as!(
            AccountRow,
            r#"SELECT staff_id AS "staff_id!: Uuid", password_hash AS "password_hash!", (disabled_at IS NOT NULL) AS "is_disabled!: bool"
               FROM staff WHERE email = $1"#,
            email
        )
        .fetch_optional(&self.read)
        .await?)
    }

    async fn staff_name(&self, staff_id: Uuid) -> Result<Option<String>, StoreError> {
        Ok(query!(r#"SELECT name AS "name!" FROM staff WHERE staff_id = $1"#, staff_id)
            .fetch_optional(&self.read)
            .await?
            .map(|row| row.name))
    }

    async fn staff_roles(&self, staff_id: Uuid) -> Result<Vec<StaffRoleRow>, StoreError> {
        Ok(query_as!(
            StaffRoleRow,
            r#"SELECT role AS "role!", organisation_id AS "organisation_id!: Uuid" FROM staff_role WHERE staff_id = $1 ORDER BY role"#,
            staff_id
        )
        .fetch_all(&self.read)
        .await?)
    }

    async fn open_web_session(
        &self,
        token_sha256: &[u8],
        staff_id: Uuid,
        now: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        query!("DELETE FROM web_session WHERE expires_at <= $1", now).execute(&mut *tx).await?;
        query!(
            "INSERT INTO web_session (token_sha256, staff_id, created_at, seen_at, expires_at) VALUES ($1, $2, $3, $3, $4)",
            token_sha256,
            staff_id,
            now,
            expires_at
        )
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }

    async fn web_session(
        &self,
        token_sha256: &[u8],
        now: DateTime<Utc>,
        idle_since: DateTime<Utc>,
    ) -> Result<Option<WebSessionRow>, StoreError> {
        Ok(query_as!(
            WebSessionRow,
            r#"SELECT w.staff_id AS "staff_id!: Uuid", s.name AS "name!", w.seen_at AS "seen_at!: DateTime<Utc>",
                      w.expires_at AS "expires_at!: DateTime<Utc>"
               FROM web_session w JOIN staff s ON s.staff_id = w.staff_id
               WHERE w.token_sha256 = $1 AND w.expires_at > $2 AND w.seen_at > $3 AND s.disabled_at IS NULL"#,
            token_sha256,
            now,
            idle_since
        )
        .fetch_optional(&self.read)
        .await?)
    }

    async fn touch_web_session(&self, token_sha256: &[u8], now: DateTime<Utc>) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        query!("UPDATE web_session SET seen_at = $2 WHERE token_sha256 = $1", token_sha256, now).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    async fn close_web_session(&self, token_sha256: &[u8]) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        query!("DELETE FROM web_session WHERE token_sha256 = $1", token_sha256).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    async fn begin_sign_in_try(
        &self,
        keys: &[ThrottleKey<'_>],
        now: DateTime<Utc>,
        forget_before: DateTime<Utc>,
        wait_after: fn(i64) -> TimeDelta,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let mut tx = self.begin().await?;
        query!("DELETE FROM sign_in_throttle WHERE last_at < $1", forget_before).execute(&mut *tx).await?;
        for key in keys {
            let row = query!(
                r#"SELECT wrong AS "wrong!: i64", last_at AS "last_at!: DateTime<Utc>" FROM sign_in_throttle WHERE key_sha256 = $1"#,
                key.key_sha256
            )
            .fetch_optional(&mut *tx)
            .await?;
            if let Some(row) = row
                && row.wrong >= key.free
            {
                let until = row.last_at + wait_after(row.wrong - key.free);
                if now < until {
                    return Ok(Some(until));
                }
            }
        }
        for key in keys {
            query!(
                "INSERT INTO sign_in_throttle (key_sha256, wrong, last_at) VALUES ($1, 1, $2)
                 ON CONFLICT (key_sha256) DO UPDATE SET wrong = sign_in_throttle.wrong + 1, last_at = excluded.last_at",
                key.key_sha256,
                now
            )
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(None)
    }

    async fn forgive_sign_in(&self, account_sha256: &[u8], address_sha256: Option<&[u8]>) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        query!("DELETE FROM sign_in_throttle WHERE key_sha256 = $1", account_sha256).execute(&mut *tx).await?;
        if let Some(address) = address_sha256 {
            query!("UPDATE sign_in_throttle SET wrong = wrong - 1 WHERE key_sha256 = $1 AND wrong > 0", address)
                .execute(&mut *tx)
                .await?;
        }
        Ok(tx.commit().await?)
    }
}
