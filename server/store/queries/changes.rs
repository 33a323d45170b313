//! Queries of [`store::changes`], in SQL that both engines read; compiled by each driver package against its own.

use crate::queries::audit;
use crate::{Db, Engine};
use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use server_core::party::PersonId;
use sqlx::Transaction;
use store::StoreError;
use store::audit::Actor;
use store::changes::{ChangeOf, ChangeRow, Changes, Sight};
use uuid::Uuid;

#[async_trait]
impl Changes for Engine {
    async fn case_changes(
        &self,
        pupil_id: Uuid,
        placement_id: Uuid,
        Sight { framework, own_notes, number }: Sight,
        limit: i64,
        offset: i64,
    ) -> Result<Vec<ChangeRow>, StoreError> {
        // Where the pupil is, what holds of a limit and who was there are said anew each time: one word follows the other.
        let rows = sqlx::query!(
            r#"SELECT c.source AS "source!: String", c.what AS "what!: String", c.from_text AS "from_text?: String",
                      c.to_text AS "to_text?: String", c.from_by AS "from_by?: Uuid", c.to_by AS "to_by?: Uuid",
                      c.actor_kind AS "actor_kind!: String", s.name AS "actor_name?: String", c.at AS "at!: DateTime<Utc>"
               FROM (
                 SELECT 'sheet' AS source, h.kind AS what,
                        CASE h.kind WHEN 'place' THEN lag(h.body) OVER (PARTITION BY h.kind ORDER BY h.at, h.sheet_id)
                                    ELSE lag(h.body) OVER (PARTITION BY h.sheet_id ORDER BY h.revision) END AS from_text,
                        h.body AS to_text, NULL AS from_by, NULL AS to_by, h.actor_kind, h.actor_id, h.at, h.sheet_id AS id,
                        h.revision AS n
                 FROM sheet h WHERE h.placement_id = $2 AND (h.kind NOT IN ('assessment', 'profile') OR $3)
                   AND (h.kind <> 'profile' OR $7)
                 UNION ALL
                 SELECT 'half', b.half, lag(b.says) OVER (PARTITION BY b.half ORDER BY b.stated_half_day_id), b.says,
                        lag(b.by_id) OVER (PARTITION BY b.half ORDER BY b.stated_half_day_id), b.by_id, 'staff', b.staff_id, b.at,
                        b.stated_half_day_id, 0
                 FROM (SELECT a.stated_half_day_id, a.by_id, a.staff_id, a.at, CAST(a.day AS TEXT) || ' ' || a.half_day AS half,
                              CASE WHEN a.was_there THEN 'there' WHEN NOT a.was_there THEN 'not' END AS says
                       FROM stated_half_day a WHERE a.placement_id = $2) b
                 UNION ALL
                 SELECT 'word', w.what,
                        lag(w.says) OVER (PARTITION BY w.what, w.is_kept ORDER BY w.deadline_word_id), w.says,
                        NULL, NULL, 'staff', w.by_id, w.at, w.deadline_word_id, 0
                 FROM (SELECT d.deadline_word_id, d.by_id, d.at, d.rule || ' ' || coalesce(CAST(d.week AS TEXT), '') AS what,
                              CASE d.kind WHEN 'kept' THEN 1 ELSE 0 END AS is_kept,
                              d.kind || ' ' || coalesce(CAST(d.day AS TEXT), CAST(d.number AS TEXT), '') || ' ' || coalesce(d.reason, '') AS says
                       FROM deadline_word d WHERE d.placement_id = $2) w
                 UNION ALL
                 SELECT 'event', e.event, CAST(lag(e.day) OVER (PARTITION BY e.event ORDER BY e.case_event_id) AS TEXT),
                        CAST(e.day AS TEXT), NULL, NULL, e.actor_kind, e.actor_id, e.at, e.case_event_id, 0
                 FROM case_event e WHERE e.placement_id = $2
                 UNION ALL
                 SELECT 'field', f.field, f.from_text, f.to_text, NULL, NULL, f.actor_kind, f.actor_id, f.at, f.case_change_id, 0
                 FROM case_change f
                 WHERE f.pupil_id = $1 AND (f.placement_id IS NULL OR f.placement_id = $2) AND (f.field NOT IN ('pupil.upn', 'pupil.local-number') OR $4)
               ) c LEFT JOIN staff s ON s.staff_id = c.actor_id
               WHERE c.from_text IS DISTINCT FROM c.to_text
               ORDER BY c.at DESC, c.id DESC, c.n DESC LIMIT $5 OFFSET $6"#,
            pupil_id,
            placement_id,
            framework,
            number,
            limit,
            offset,
            own_notes
        )
        .fetch_all(&self.read)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(ChangeRow {
                    of: ChangeOf::from_word(&row.source).ok_or(StoreError::Unreadable { what: "kind of change" })?,
                    what: row.what,
                    from_text: row.from_text,
                    to_text: row.to_text,
                    from_by: row.from_by.map(PersonId),
                    to_by: row.to_by.map(PersonId),
                    actor_kind: row.actor_kind,
                    actor_name: row.actor_name,
                    at: row.at,
                })
            })
            .collect()
    }
}

/// Of whom something is written, by whom, and when.
#[derive(Clone, Copy)]
pub(crate) struct Noted {
    pub(crate) pupil_id: Uuid,
    pub(crate) placement_id: Option<Uuid>,
    pub(crate) actor: Actor,
    pub(crate) now: DateTime<Utc>,
}

/// Notes that a field changed, within the transaction of the change; the same again is no change.
pub(crate) async fn note(
    tx: &mut Transaction<'static, Db>,
    of: Noted,
    field: &str,
    from: Option<String>,
    to: Option<String>,
) -> Result<(), StoreError> {
    if from == to {
        return Ok(());
    }
    let id = Uuid::now_v7();
    let (actor_kind, actor_id) = audit::actor(of.actor);
    sqlx::query!(
        "INSERT INTO case_change (case_change_id, pupil_id, placement_id, field, from_text, to_text, actor_kind, actor_id, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        id,
        of.pupil_id,
        of.placement_id,
        field,
        from,
        to,
        actor_kind,
        actor_id,
        of.now
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A placement as far as it changes in its place.
pub(crate) struct PlacementNow {
    pub(crate) pupil_id: Uuid,
    pub(crate) until_day: NaiveDate,
    pub(crate) key_worker_id: Option<Uuid>,
    pub(crate) robot_id: Option<Uuid>,
}

/// A placement as it is now; whoever else writes it waits for this transaction.
pub(crate) async fn held_placement(
    tx: &mut Transaction<'static, Db>,
    placement_id: Uuid,
) -> Result<Option<PlacementNow>, StoreError> {
    sqlx::query!("UPDATE placement SET placement_id = placement_id WHERE placement_id = $1", placement_id)
        .execute(&mut **tx)
        .await?;
    Ok(sqlx::query_as!(
        PlacementNow,
        r#"SELECT pupil_id AS "pupil_id!: Uuid", until_day AS "until_day!: NaiveDate", key_worker_id AS "key_worker_id?: Uuid",
                  robot_id AS "robot_id?: Uuid"
           FROM placement WHERE placement_id = $1"#,
        placement_id
    )
    .fetch_optional(&mut **tx)
    .await?)
}
