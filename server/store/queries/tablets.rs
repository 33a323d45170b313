//! Queries of [`store::tablets`], in SQL that both engines read; compiled by each driver package against its own.

use crate::Engine;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::{query, query_as};
use store::StoreError;
use store::tablets::{KeywordRow, NewKeyword, TabletRow, Tablets, ThrottleRow};
use uuid::Uuid;

#[async_trait]
impl Tablets for Engine {
    async fn insert_keyword(&self, new: NewKeyword<'_>) -> Result<bool, StoreError> {
        let id = Uuid::now_v7();
        let mut tx = self.begin().await?;
        query!("DELETE FROM keyword WHERE placement_id = $1 AND used_at IS NULL", new.placement).execute(&mut *tx).await?;
        let inserted = query!(
            "INSERT INTO keyword (keyword_id, placement_id, selector, keyword_hash, made_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (selector) DO NOTHING",
            id,
            new.placement,
            new.selector,
            new.hash,
            new.made_at,
            new.expires_at
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(inserted.rows_affected() == 1)
    }

    async fn begin_keyword_try(&self, selector: &str) -> Result<Option<KeywordRow>, StoreError> {
        let mut tx = self.begin().await?;
        let row = query_as!(
            KeywordRow,
            r#"UPDATE keyword SET wrong = wrong + 1 WHERE selector = $1
               RETURNING keyword_id AS "keyword_id!: Uuid", placement_id AS "placement_id!: Uuid",
                         keyword_hash AS "keyword_hash!: String", expires_at AS "expires_at: DateTime<Utc>",
                         wrong AS "wrong!: i64", used_at AS "used_at: DateTime<Utc>""#,
            selector
        )
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(row)
    }

    async fn redeem_keyword(
        &self,
        keyword: Uuid,
        tablet: Uuid,
        token_sha256: &[u8],
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let used = query!(
            r#"UPDATE keyword SET used_at = $2 WHERE keyword_id = $1 AND used_at IS NULL
               RETURNING placement_id AS "placement_id!: Uuid""#,
            keyword,
            now
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(used) = used else { return Ok(false) };
        query!("UPDATE tablet SET revoked_at = $2 WHERE placement_id = $1 AND revoked_at IS NULL", used.placement_id, now)
            .execute(&mut *tx)
            .await?;
        query!(
            "INSERT INTO tablet (tablet_id, placement_id, token_sha256, paired_at) VALUES ($1, $2, $3, $4)",
            tablet,
            used.placement_id,
            token_sha256,
            now
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn tablet_by_token(&self, token_sha256: &[u8]) -> Result<Option<TabletRow>, StoreError> {
        Ok(query_as!(
            TabletRow,
            r#"SELECT tablet_id AS "tablet_id!: Uuid", placement_id AS "placement_id!: Uuid",
                      (pin_hash IS NOT NULL) AS "has_pin!: bool", wrong_pins AS "wrong_pins!: i64",
                      opening_sha256 AS "opening_sha256: Vec<u8>", opening_expires_at AS "opening_expires_at: DateTime<Utc>"
               FROM tablet WHERE token_sha256 = $1 AND revoked_at IS NULL"#,
            token_sha256
        )
        .fetch_optional(&self.read)
        .await?)
    }

    async fn tablet_of_placement(&self, placement: Uuid) -> Result<Option<DateTime<Utc>>, StoreError> {
        Ok(query!(
            r#"SELECT paired_at AS "paired_at!: DateTime<Utc>" FROM tablet WHERE placement_id = $1 AND revoked_at IS NULL"#,
            placement
        )
        .fetch_optional(&self.read)
        .await?
        .map(|row| row.paired_at))
    }

    async fn set_pin(&self, tablet: Uuid, pin_hash: &str) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let set = query!(
            "UPDATE tablet SET pin_hash = $2 WHERE tablet_id = $1 AND pin_hash IS NULL AND revoked_at IS NULL",
            tablet,
            pin_hash
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(set.rows_affected() == 1)
    }

    async fn begin_pin_try(&self, tablet: Uuid, limit: i64) -> Result<Option<String>, StoreError> {
        let mut tx = self.begin().await?;
        let row = query!(
            r#"UPDATE tablet SET wrong_pins = wrong_pins + 1
               WHERE tablet_id = $1 AND wrong_pins < $2 AND pin_hash IS NOT NULL AND revoked_at IS NULL
               RETURNING pin_hash AS "pin_hash!: String""#,
            tablet,
            limit
        )
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(row.map(|row| row.pin_hash))
    }

    async fn open_tablet(&self, tablet: Uuid, opening_sha256: &[u8], expires_at: DateTime<Utc>) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        query!(
            "UPDATE tablet SET wrong_pins = 0, opening_sha256 = $2, opening_expires_at = $3 WHERE tablet_id = $1 AND revoked_at IS NULL",
            tablet,
            opening_sha256,
            expires_at
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    async fn revoke_tablet(&self, placement: Uuid, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let done = query!("UPDATE tablet SET revoked_at = $2 WHERE placement_id = $1 AND revoked_at IS NULL", placement, now)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    async fn begin_pairing_try(
        &self,
        address_sha256: &[u8],
        now: DateTime<Utc>,
        forget_before: DateTime<Utc>,
    ) -> Result<ThrottleRow, StoreError> {
        let mut tx = self.begin().await?;
        query!("DELETE FROM pairing_throttle WHERE last_at < $1", forget_before).execute(&mut *tx).await?;
        let row = query_as!(
            ThrottleRow,
            r#"INSERT INTO pairing_throttle (address_sha256, wrong, last_at) VALUES ($1, 1, $2)
               ON CONFLICT (address_sha256) DO UPDATE SET wrong = pairing_throttle.wrong + 1, last_at = excluded.last_at
               RETURNING wrong AS "wrong!: i64", last_at AS "last_at!: DateTime<Utc>""#,
            address_sha256,
            now
        )
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(row)
    }

    async fn pairing_tries(&self, address_sha256: &[u8]) -> Result<Option<ThrottleRow>, StoreError> {
        Ok(query_as!(
            ThrottleRow,
            r#"SELECT wrong AS "wrong!: i64", last_at AS "last_at!: DateTime<Utc>" FROM pairing_throttle WHERE address_sha256 = $1"#,
            address_sha256
        )
        .fetch_optional(&self.read)
        .await?)
    }

    async fn forgive_pairing(&self, address_sha256: &[u8]) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        query!("DELETE FROM pairing_throttle WHERE address_sha256 = $1", address_sha256).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn choose_rest(&self, placement: Uuid, lesson_start: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        query!(
            "INSERT INTO rest_choice (placement_id, lesson_start_at, chosen_at) VALUES ($1, $2, $3)
             ON CONFLICT (placement_id, lesson_start_at) DO NOTHING",
            placement,
            lesson_start,
            now
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    async fn take_back_rest(&self, placement: Uuid, lesson_start: DateTime<Utc>) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        query!("DELETE FROM rest_choice WHERE placement_id = $1 AND lesson_start_at = $2", placement, lesson_start)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    async fn rests(
        &self,
        placement: Uuid,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<DateTime<Utc>>, StoreError> {
        Ok(query!(
            r#"SELECT lesson_start_at AS "lesson_start_at!: DateTime<Utc>" FROM rest_choice
               WHERE placement_id = $1 AND lesson_start_at >= $2 AND lesson_start_at < $3"#,
            placement,
            from,
            until
        )
        .fetch_all(&self.read)
        .await?
        .into_iter()
        .map(|row| row.lesson_start_at)
        .collect())
    }
}
