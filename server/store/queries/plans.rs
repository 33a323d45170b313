//! Queries of [`store::plans`], in SQL that both engines read; compiled by each driver package against its own.

use crate::queries::audit;
use crate::queries::record::begin_anew;
use crate::{Db, Engine};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use server_core::plan::{Change, FieldChange, Parts, PlanState, ReintegrationPlan, Revision, Shown, changes};
use server_core::policy::Pack;
use sqlx::Transaction;
use store::StoreError;
use store::audit::NewAudit;
use store::kept::{PlanParts, read_parts, written_parts};
use store::plans::{Changed, MOST_CHANGES, PlanChangeRow, PlanRow, Plans};
use store::record::Record as _;
use uuid::Uuid;

/// One part of one plan: a plan is read by one statement, so that its parts are of one revision.
pub(crate) struct PartRow {
    pub(crate) plan_id: Uuid,
    pub(crate) placement_id: Uuid,
    pub(crate) revision: i64,
    pub(crate) changed_at: DateTime<Utc>,
    pub(crate) part: String,
    pub(crate) body: String,
}

macro_rules! parts {
    ($tail:literal, $($argument:expr),+) => {
        sqlx::query_as!(
            PartRow,
            r#"SELECT p.plan_id AS "plan_id!: Uuid", p.placement_id AS "placement_id!: Uuid", p.revision AS "revision!: i64",
                      p.changed_at AS "changed_at!: DateTime<Utc>", x.part AS "part!", x.body AS "body!"
               FROM plan p JOIN plan_part x ON x.plan_id = p.plan_id "# + $tail,
            $($argument),+
        )
    };
}

pub(crate) use parts;

macro_rules! history {
    ($tail:literal, $($argument:expr),+) => {
        sqlx::query_as!(
            PlanChangeRow,
            r#"SELECT c.revision AS "revision!: i64", c.field AS "field!", c.from_text AS "from_text?", c.to_text AS "to_text?",
                      c.actor_kind AS "actor_kind!", c.actor_id AS "actor_id?: Uuid", s.name AS "actor_name?",
                      c.at AS "at!: DateTime<Utc>"
               FROM plan_change c LEFT JOIN staff s ON s.staff_id = c.actor_id "# + $tail,
            $($argument),+
        )
    };
}

#[async_trait]
impl Plans for Engine {
    async fn add_plan(
        &self,
        plan_id: Uuid,
        placement_id: Uuid,
        plan: &ReintegrationPlan,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let held = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!: i64" FROM plan WHERE placement_id = $1 AND state <> 'closed'"#,
            placement_id
        )
        .fetch_one(&mut *tx)
        .await?;
        if held > 0 {
            return Ok(false);
        }
        let has_ended = |row: &PlanRow| matches!(row.plan.state(), PlanState::Closed(_));
        if self.plans_of(placement_id).await?.iter().any(has_ended) {
            begin_anew(&mut tx, placement_id, self.case_rows(placement_id).await?, audit.actor, now).await?;
        }
        insert_plan(&mut tx, plan_id, placement_id, plan, now).await?;
        audit::append(&mut tx, audit, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn plan(&self, plan_id: Uuid) -> Result<Option<PlanRow>, StoreError> {
        let rows = parts!("WHERE p.plan_id = $1", plan_id).fetch_all(&self.read).await?;
        Ok(plans(rows)?.pop())
    }

    async fn plans_of(&self, placement_id: Uuid) -> Result<Vec<PlanRow>, StoreError> {
        let rows = parts!("WHERE p.placement_id = $1 AND p.discarded_at IS NULL ORDER BY p.plan_id DESC", placement_id)
            .fetch_all(&self.read)
            .await?;
        plans(rows)
    }

    async fn discarded_plans_of(&self, placement_id: Uuid) -> Result<Vec<PlanRow>, StoreError> {
        let rows = parts!("WHERE p.placement_id = $1 AND p.discarded_at IS NOT NULL ORDER BY p.plan_id DESC", placement_id)
            .fetch_all(&self.read)
            .await?;
        plans(rows)
    }

    async fn change_plan(
        &self,
        plan_id: Uuid,
        based_on: Revision,
        pack: &Pack,
        made: Vec<Change>,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<Changed, StoreError> {
        // The transaction is the only one of what people do, so nothing changes between what is read here and what is written.
        let mut tx = self.begin().await?;
        let rows = parts!("WHERE p.plan_id = $1", plan_id).fetch_all(&mut *tx).await?;
        let Some(PlanRow { plan: before, .. }) = plans(rows)?.pop() else { return Ok(Changed::NoPlan) };
        if before.revision() != based_on {
            let changes = history!(
                "WHERE c.plan_id = $1 AND c.revision > $2 ORDER BY c.revision, c.field LIMIT $3",
                plan_id,
                number(based_on),
                MOST_CHANGES
            )
            .fetch_all(&mut *tx)
            .await?;
            return Ok(Changed::Meanwhile { now: before.revision(), changes });
        }
        let mut after = before.clone();
        let mut told = Vec::new();
        for change in made {
            let last = after.clone();
            if let Err(refusal) = after.apply(pack, after.revision(), change) {
                return Ok(Changed::Refused(refusal));
            }
            told.push((number(after.revision()), changes(last.parts(), after.parts())));
        }
        for (revision, fields) in &told {
            write_history(&mut tx, plan_id, *revision, fields, &audit, now).await?;
        }
        write_parts(&mut tx, plan_id, &written_parts(before.parts()), &written_parts(after.parts())).await?;
        write_head(&mut tx, plan_id, after.parts(), now).await?;
        audit::append(&mut tx, audit, now).await?;
        tx.commit().await?;
        Ok(Changed::Made(after.revision()))
    }

    async fn plan_changes_since(&self, plan_id: Uuid, revision: Revision) -> Result<Vec<PlanChangeRow>, StoreError> {
        Ok(history!(
            "WHERE c.plan_id = $1 AND c.revision > $2 ORDER BY c.revision, c.field LIMIT $3",
            plan_id,
            number(revision),
            MOST_CHANGES
        )
        .fetch_all(&self.read)
        .await?)
    }

    async fn plan_history(
        &self,
        plan_id: Uuid,
        field: Option<&str>,
        before: Option<Revision>,
        limit: i64,
    ) -> Result<Vec<PlanChangeRow>, StoreError> {
        let (field, before) = (field.unwrap_or_default(), before.map_or(i64::MAX, number));
        Ok(history!(
            "WHERE c.plan_id = $1 AND ($2 = '' OR c.field = $2) AND c.revision < $3 ORDER BY c.revision DESC, c.field LIMIT $4",
            plan_id,
            field,
            before,
            limit
        )
        .fetch_all(&self.read)
        .await?)
    }
}

/// Adds a plan whole, within a transaction.
pub(crate) async fn insert_plan(
    tx: &mut Transaction<'static, Db>,
    plan_id: Uuid,
    placement_id: Uuid,
    plan: &ReintegrationPlan,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let parts = plan.parts();
    let Head { pack_id, pack_version, route, responsible_id, state } = Head::of(parts);
    let revision = number(parts.revision);
    sqlx::query!(
        "INSERT INTO plan (plan_id, placement_id, pack_id, pack_version, route, responsible_id, state, revision, changed_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        plan_id,
        placement_id,
        pack_id,
        pack_version,
        route,
        responsible_id,
        state,
        revision,
        now
    )
    .execute(&mut **tx)
    .await?;
    write_parts(tx, plan_id, &PlanParts::new(), &written_parts(parts)).await
}

/// What of a plan has a column of its own.
struct Head<'a> {
    pack_id: &'a str,
    pack_version: &'a str,
    route: &'static str,
    responsible_id: Uuid,
    state: &'static str,
}

impl<'a> Head<'a> {
    fn of(parts: &'a Parts) -> Self {
        Self {
            pack_id: parts.pack.id.as_str(),
            pack_version: &parts.pack.version,
            route: parts.basis.route.code(),
            responsible_id: parts.basis.responsible.0,
            state: match parts.state {
                PlanState::Draft => "draft",
                PlanState::Open => "open",
                PlanState::Returning { .. } => "returning",
                // The column of a draft that was thrown away says the rest.
                PlanState::Closed(_) | PlanState::Discarded { .. } => "closed",
            },
        }
    }
}

fn number(revision: Revision) -> i64 {
    i64::try_from(revision.0).unwrap_or(i64::MAX)
}

/// Rows of parts, those of one plan together → plans, in the order of the rows.
pub(crate) fn plans(rows: Vec<PartRow>) -> Result<Vec<PlanRow>, StoreError> {
    let mut grouped: Vec<(PartRow, PlanParts)> = Vec::new();
    for mut row in rows {
        let (part, body) = (std::mem::take(&mut row.part), std::mem::take(&mut row.body));
        match grouped.last_mut() {
            Some((head, parts)) if head.plan_id == row.plan_id => {
                parts.insert(part, body);
            }
            _ => grouped.push((row, [(part, body)].into())),
        }
    }
    let plan = |(row, parts): (PartRow, PlanParts)| {
        let revision = Revision(u64::try_from(row.revision).ok()?);
        let plan = ReintegrationPlan::from_parts(read_parts(revision, &parts)?);
        Some(PlanRow { plan_id: row.plan_id, placement_id: row.placement_id, changed_at: row.changed_at, plan })
    };
    grouped.into_iter().map(plan).collect::<Option<_>>().ok_or(StoreError::Unreadable { what: "plan" })
}

async fn write_parts(
    tx: &mut Transaction<'static, Db>,
    plan_id: Uuid,
    before: &PlanParts,
    after: &PlanParts,
) -> Result<(), StoreError> {
    for (part, body) in after.iter().filter(|(part, body)| before.get(*part) != Some(*body)) {
        sqlx::query!(
            "INSERT INTO plan_part (plan_id, part, body) VALUES ($1, $2, $3)
             ON CONFLICT (plan_id, part) DO UPDATE SET body = excluded.body",
            plan_id,
            part,
            body
        )
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

async fn write_head(
    tx: &mut Transaction<'static, Db>,
    plan_id: Uuid,
    parts: &Parts,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let Head { route, responsible_id, state, .. } = Head::of(parts);
    let revision = number(parts.revision);
    let discarded_at = matches!(parts.state, PlanState::Discarded { .. }).then_some(now);
    sqlx::query!(
        "UPDATE plan SET route = $2, responsible_id = $3, state = $4, revision = $5, changed_at = $6, discarded_at = $7
         WHERE plan_id = $1",
        plan_id,
        route,
        responsible_id,
        state,
        revision,
        now,
        discarded_at
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn write_history(
    tx: &mut Transaction<'static, Db>,
    plan_id: Uuid,
    revision: i64,
    fields: &[FieldChange],
    audit: &NewAudit<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (actor_kind, actor_id) = audit::actor(audit.actor);
    for FieldChange { field, from, to } in fields {
        let (from, to) = (from.as_ref().map(Shown::expose), to.as_ref().map(Shown::expose));
        sqlx::query!(
            "INSERT INTO plan_change (plan_id, revision, field, from_text, to_text, actor_kind, actor_id, at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            plan_id,
            revision,
            field,
            from,
            to,
            actor_kind,
            actor_id,
            now
        )
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}
