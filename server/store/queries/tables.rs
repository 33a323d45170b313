//! Queries of [`store::tables`], in SQL that both engines read; compiled by each driver package against its own.

use crate::queries::audit;
use crate::queries::lessons::add_slot;
use crate::{Db, Engine};
use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{Transaction, query, query_as, query_scalar};
use store::StoreError;
use store::audit::NewAudit;
use store::lessons::SlotRow;
use store::organisations::RoomRow;
use store::tables::{Clash, ClassRow, Entry, KeptRoomRow, MOST_LESSONS, MOST_ROOMS, NewTable, Tables};
use uuid::Uuid;

/// Slots with what the plan of placement `$1` expects of them.
macro_rules! slots {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        query_as!(
            SlotRow,
            r#"SELECT t.timetable_slot_id AS "timetable_slot_id!: Uuid", t.class_group_id AS "class_group_id!: Uuid",
                      t.room_id AS "room_id!: Uuid", m.name AS "room_name!", t.week AS "week!: i64", t.weekday AS "weekday!: i64",
                      t.start_min AS "start_min!: i64", t.end_min AS "end_min!: i64", t.subject AS "subject!",
                      t.teacher AS "teacher!", t.robot_stays_out AS "robot_stays_out!: bool",
                      t.valid_from AS "valid_from?: NaiveDate", t.valid_until AS "valid_until?: NaiveDate",
                      e.valid_from AS "expected_from?: NaiveDate", e.valid_until AS "expected_until?: NaiveDate",
                      (e.timetable_slot_id IS NOT NULL) AS "expected!: bool"
               FROM timetable_slot t JOIN room m ON m.room_id = t.room_id
                    LEFT JOIN expected_slot e ON e.timetable_slot_id = t.timetable_slot_id AND e.placement_id = $1 "# + $tail
            $(, $argument)*
        )
    };
}

#[async_trait]
impl Tables for Engine {
    async fn kept_rooms(&self, organisation_id: Uuid, day: NaiveDate) -> Result<Vec<KeptRoomRow>, StoreError> {
        Ok(query_as!(
            KeptRoomRow,
            r#"SELECT m.room_id AS "room_id!: Uuid", m.name AS "name!", (m.retired_at IS NOT NULL) AS "is_retired!: bool",
                      (SELECT count(*) FROM timetable_slot t
                       WHERE t.room_id = m.room_id AND (t.valid_until IS NULL OR t.valid_until >= $2)
                         AND (t.valid_from IS NULL OR t.valid_until IS NULL OR t.valid_from <= t.valid_until)) AS "lessons!: i64",
                      (SELECT count(*) FROM robot r WHERE r.room_id = m.room_id) AS "robots!: i64"
               FROM room m WHERE m.organisation_id = $1 ORDER BY m.retired_at IS NOT NULL, m.name LIMIT $3"#,
            organisation_id,
            day,
            MOST_ROOMS
        )
        .fetch_all(&self.read)
        .await?)
    }

    async fn enter_room(&self, room: &RoomRow, audit: NewAudit<'_>, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        if insert_room(&mut tx, room).await? { finish(tx, audit, now).await } else { Ok(false) }
    }

    async fn rename_room(&self, room: &RoomRow, audit: NewAudit<'_>, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        if is_room(&mut tx, room).await? {
            return Ok(false);
        }
        let done = query!("UPDATE room SET name = $2 WHERE room_id = $1", room.room_id, room.name)
            .execute(&mut *tx)
            .await
            .map_err(StoreError::from);
        if is_free(done)? { finish(tx, audit, now).await } else { Ok(false) }
    }

    async fn retire_room(
        &self,
        room_id: Uuid,
        day: NaiveDate,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let done = query!(
            "UPDATE room SET retired_at = $2
             WHERE room_id = $1 AND NOT EXISTS (SELECT 1 FROM robot r WHERE r.room_id = $1)
               AND NOT EXISTS (SELECT 1 FROM timetable_slot t
                               WHERE t.room_id = $1 AND (t.valid_until IS NULL OR t.valid_until >= $3)
                                 AND (t.valid_from IS NULL OR t.valid_until IS NULL OR t.valid_from <= t.valid_until))",
            room_id,
            now,
            day
        )
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        audit::append(&mut tx, audit, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn use_room_again(&self, room_id: Uuid, audit: NewAudit<'_>, now: DateTime<Utc>) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        query!("UPDATE room SET retired_at = NULL WHERE room_id = $1", room_id).execute(&mut *tx).await?;
        audit::append(&mut tx, audit, now).await?;
        Ok(tx.commit().await?)
    }

    async fn classes(&self, organisation_id: Uuid) -> Result<Vec<ClassRow>, StoreError> {
        Ok(query_as!(
            ClassRow,
            r#"SELECT class_group_id AS "class_group_id!: Uuid", organisation_id AS "organisation_id!: Uuid", name AS "name!"
               FROM class_group WHERE organisation_id = $1 ORDER BY name, class_group_id LIMIT $2"#,
            organisation_id,
            MOST_ROOMS
        )
        .fetch_all(&self.read)
        .await?)
    }

    async fn enter_class(&self, class: &ClassRow, audit: NewAudit<'_>, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        if insert_class(&mut tx, class).await? { finish(tx, audit, now).await } else { Ok(false) }
    }

    async fn rename_class(&self, class: &ClassRow, audit: NewAudit<'_>, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        if is_class(&mut tx, class).await? {
            return Ok(false);
        }
        query!("UPDATE class_group SET name = $2 WHERE class_group_id = $1", class.class_group_id, class.name)
            .execute(&mut *tx)
            .await?;
        finish(tx, audit, now).await
    }

    async fn slots_of_class(
        &self,
        class_group_id: Uuid,
        placement: Option<Uuid>,
        day: NaiveDate,
    ) -> Result<Vec<SlotRow>, StoreError> {
        let placement = placement.unwrap_or(Uuid::nil());
        Ok(slots!(
            "WHERE t.class_group_id = $2 AND (t.valid_until IS NULL OR t.valid_until >= $3)
               AND (t.valid_from IS NULL OR t.valid_until IS NULL OR t.valid_from <= t.valid_until)
             ORDER BY t.week, t.weekday, t.start_min, t.valid_from NULLS FIRST, t.timetable_slot_id LIMIT $4",
            placement,
            class_group_id,
            day,
            MOST_LESSONS
        )
        .fetch_all(&self.read)
        .await?)
    }

    async fn slot(&self, timetable_slot_id: Uuid) -> Result<Option<(SlotRow, ClassRow)>, StoreError> {
        let nobody = Uuid::nil();
        let Some(slot) = slots!("WHERE t.timetable_slot_id = $2", nobody, timetable_slot_id).fetch_optional(&self.read).await?
        else {
            return Ok(None);
        };
        let class = query_as!(
            ClassRow,
            r#"SELECT class_group_id AS "class_group_id!: Uuid", organisation_id AS "organisation_id!: Uuid", name AS "name!"
               FROM class_group WHERE class_group_id = $1"#,
            slot.class_group_id
        )
        .fetch_one(&self.read)
        .await?;
        Ok(Some((slot, class)))
    }

    async fn enter_slots(
        &self,
        slots: &[SlotRow],
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<Option<Clash>, StoreError> {
        let mut tx = self.begin().await?;
        if let Some(clash) = insert_slots(&mut tx, slots).await? {
            return Ok(Some(clash));
        }
        finish(tx, audit, now).await?;
        Ok(None)
    }

    async fn enter_table(&self, table: NewTable<'_>, audit: NewAudit<'_>, now: DateTime<Utc>) -> Result<Entry, StoreError> {
        let mut tx = self.begin().await?;
        for room in table.rooms {
            if !insert_room(&mut tx, room).await? {
                return Ok(Entry::NameTaken);
            }
        }
        for class in table.classes {
            if !insert_class(&mut tx, class).await? {
                return Ok(Entry::NameTaken);
            }
        }
        if let Some(clash) = insert_slots(&mut tx, table.slots).await? {
            return Ok(Entry::Clash(clash));
        }
        finish(tx, audit, now).await?;
        Ok(Entry::Written)
    }

    async fn replace_slot(
        &self,
        old: Uuid,
        new: &SlotRow,
        first: NaiveDate,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<Option<Clash>, StoreError> {
        let mut tx = self.begin().await?;
        hold_class(&mut tx, new.class_group_id).await?;
        let new = SlotRow { valid_from: Some(first), ..new.clone() };
        if let Some(clash) = clash(&mut tx, &new, old).await? {
            return Ok(Some(clash));
        }
        go_on(&mut tx, old, &new, first).await?;
        audit::append(&mut tx, audit, now).await?;
        tx.commit().await?;
        Ok(None)
    }

    async fn end_slot(
        &self,
        timetable_slot_id: Uuid,
        last: NaiveDate,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        end(&mut tx, timetable_slot_id, last).await?;
        audit::append(&mut tx, audit, now).await?;
        Ok(tx.commit().await?)
    }

    async fn expect_slots(
        &self,
        placement_id: Uuid,
        slots: &[(Uuid, bool)],
        first: NaiveDate,
        audit: NewAudit<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        // Two people who say it of one placement come one after the other.
        query!("UPDATE placement SET placement_id = placement_id WHERE placement_id = $1", placement_id)
            .execute(&mut *tx)
            .await?;
        for (slot, wanted) in slots {
            if *wanted {
                expect(&mut tx, placement_id, *slot, first).await?;
            } else {
                expect_no_more(&mut tx, placement_id, *slot, first).await?;
            }
        }
        audit::append(&mut tx, audit, now).await?;
        Ok(tx.commit().await?)
    }
}

/// Commits what is done, with its entry.
async fn finish(mut tx: Transaction<'static, Db>, audit: NewAudit<'_>, now: DateTime<Utc>) -> Result<bool, StoreError> {
    audit::append(&mut tx, audit, now).await?;
    tx.commit().await?;
    Ok(true)
}

/// Whether a name was free; `false`: somebody has just taken it.
fn is_free<T>(done: Result<T, StoreError>) -> Result<bool, StoreError> {
    match done {
        Ok(_) => Ok(true),
        Err(error) if error.is_unique_violation() => Ok(false),
        Err(error) => Err(error),
    }
}

/// `false`: its name is taken, or there are too many.
async fn insert_room(tx: &mut Transaction<'static, Db>, room: &RoomRow) -> Result<bool, StoreError> {
    let rooms = query_scalar!(r#"SELECT count(*) AS "count!: i64" FROM room WHERE organisation_id = $1"#, room.organisation_id)
        .fetch_one(&mut **tx)
        .await?;
    if rooms >= MOST_ROOMS || is_room(tx, room).await? {
        return Ok(false);
    }
    let done = query!(
        "INSERT INTO room (room_id, organisation_id, name) VALUES ($1, $2, $3)",
        room.room_id,
        room.organisation_id,
        room.name
    )
    .execute(&mut **tx)
    .await
    .map_err(StoreError::from);
    is_free(done)
}

/// `false`: its name is taken, or there are too many.
async fn insert_class(tx: &mut Transaction<'static, Db>, class: &ClassRow) -> Result<bool, StoreError> {
    let classes =
        query_scalar!(r#"SELECT count(*) AS "count!: i64" FROM class_group WHERE organisation_id = $1"#, class.organisation_id)
            .fetch_one(&mut **tx)
            .await?;
    if classes >= MOST_ROOMS || is_class(tx, class).await? {
        return Ok(false);
    }
    query!(
        "INSERT INTO class_group (class_group_id, organisation_id, name) VALUES ($1, $2, $3)",
        class.class_group_id,
        class.organisation_id,
        class.name
    )
    .execute(&mut **tx)
    .await?;
    Ok(true)
}

/// The first lesson in whose way another one stands; without one all are added.
async fn insert_slots(tx: &mut Transaction<'static, Db>, slots: &[SlotRow]) -> Result<Option<Clash>, StoreError> {
    for slot in slots {
        hold_class(tx, slot.class_group_id).await?;
        if let Some(clash) = clash(tx, slot, slot.timetable_slot_id).await? {
            return Ok(Some(clash));
        }
        add_slot(tx, slot).await?;
    }
    Ok(None)
}

/// Whether another room of the school has this name, however it is written.
async fn is_room(tx: &mut Transaction<'static, Db>, room: &RoomRow) -> Result<bool, StoreError> {
    let found = query_scalar!(
        r#"SELECT count(*) AS "count!: i64" FROM room
           WHERE lower(name) = lower($1) AND room_id <> $2 AND organisation_id = $3"#,
        room.name,
        room.room_id,
        room.organisation_id
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(found > 0)
}

/// Whether another class of the school has this name, however it is written.
async fn is_class(tx: &mut Transaction<'static, Db>, class: &ClassRow) -> Result<bool, StoreError> {
    let found = query_scalar!(
        r#"SELECT count(*) AS "count!: i64" FROM class_group
           WHERE lower(name) = lower($1) AND class_group_id <> $2 AND organisation_id = $3"#,
        class.name,
        class.class_group_id,
        class.organisation_id
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(found > 0)
}

/// Two people who change the lessons of one class come one after the other.
async fn hold_class(tx: &mut Transaction<'static, Db>, class_group_id: Uuid) -> Result<(), StoreError> {
    query!("UPDATE class_group SET class_group_id = class_group_id WHERE class_group_id = $1", class_group_id)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The lesson of the same class that is held at a time of this one, but for `except`.
async fn clash(tx: &mut Transaction<'static, Db>, slot: &SlotRow, except: Uuid) -> Result<Option<Clash>, StoreError> {
    let from = slot.valid_from.unwrap_or(NaiveDate::from_ymd_opt(1, 1, 1).expect("that day exists"));
    let until = slot.valid_until.unwrap_or(NaiveDate::from_ymd_opt(9999, 12, 30).expect("that day exists"));
    Ok(query_as!(
        Clash,
        r#"SELECT t.subject AS "subject!", t.week AS "week!: i64", t.weekday AS "weekday!: i64",
                  t.start_min AS "start_min!: i64", t.end_min AS "end_min!: i64"
           FROM timetable_slot t
           WHERE t.class_group_id = $1 AND t.week = $2 AND t.weekday = $3 AND t.start_min < $5 AND t.end_min > $4
             AND t.timetable_slot_id <> $6 AND (t.valid_until IS NULL OR t.valid_until >= $7)
             AND (t.valid_from IS NULL OR t.valid_from <= $8)
             AND (t.valid_from IS NULL OR t.valid_until IS NULL OR t.valid_from <= t.valid_until)
           ORDER BY t.start_min LIMIT 1"#,
        slot.class_group_id,
        slot.week,
        slot.weekday,
        slot.start_min,
        slot.end_min,
        except,
        from,
        until
    )
    .fetch_optional(&mut **tx)
    .await?)
}

async fn end(tx: &mut Transaction<'static, Db>, timetable_slot_id: Uuid, last: NaiveDate) -> Result<(), StoreError> {
    query!(
        "UPDATE timetable_slot SET valid_until = $2
         WHERE timetable_slot_id = $1 AND (valid_until IS NULL OR valid_until > $2)",
        timetable_slot_id,
        last
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// `old` ends the day before `first`, `new` begins then, expected by the plans that went on expecting `old`.
async fn go_on(tx: &mut Transaction<'static, Db>, old: Uuid, new: &SlotRow, first: NaiveDate) -> Result<(), StoreError> {
    end(tx, old, first.pred_opt().unwrap_or(first)).await?;
    add_slot(tx, new).await?;
    query!(
        "INSERT INTO expected_slot (placement_id, timetable_slot_id, valid_from, valid_until)
         SELECT e.placement_id, $2, e.valid_from, e.valid_until FROM expected_slot e
         WHERE e.timetable_slot_id = $1 AND (e.valid_until IS NULL OR e.valid_until >= $3)
         ON CONFLICT (placement_id, timetable_slot_id) DO NOTHING",
        old,
        new.timetable_slot_id,
        first
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

struct Expected {
    from: Option<NaiveDate>,
    until: Option<NaiveDate>,
}

async fn expected(
    tx: &mut Transaction<'static, Db>,
    placement_id: Uuid,
    timetable_slot_id: Uuid,
) -> Result<Option<Expected>, StoreError> {
    Ok(query_as!(
        Expected,
        r#"SELECT valid_from AS "from?: NaiveDate", valid_until AS "until?: NaiveDate" FROM expected_slot
           WHERE placement_id = $1 AND timetable_slot_id = $2"#,
        placement_id,
        timetable_slot_id
    )
    .fetch_optional(&mut **tx)
    .await?)
}

async fn expect(
    tx: &mut Transaction<'static, Db>,
    placement_id: Uuid,
    timetable_slot_id: Uuid,
    first: NaiveDate,
) -> Result<(), StoreError> {
    let Some(known) = expected(tx, placement_id, timetable_slot_id).await? else {
        return insert_expected(tx, placement_id, timetable_slot_id, first).await;
    };
    if known.until.is_none() && known.from.is_none_or(|from| from <= first) {
        return Ok(());
    }
    let nobody = Uuid::nil();
    let slot = slots!("WHERE t.timetable_slot_id = $2", nobody, timetable_slot_id).fetch_one(&mut **tx).await?;
    let ended = known.until.filter(|until| until.succ_opt().is_some_and(|next| next < first));
    if ended.is_some_and(|ended| slot.valid_from.is_none_or(|from| from <= ended)) {
        // Not expected for some time, and now again: the lesson goes on under another name, so that both times are kept.
        let again = SlotRow { timetable_slot_id: Uuid::now_v7(), valid_from: Some(first), ..slot };
        go_on(tx, timetable_slot_id, &again, first).await?;
        return insert_expected(tx, placement_id, again.timetable_slot_id, first).await;
    }
    let from = match ended {
        Some(_) => Some(first),
        None => known.from.map(|from| from.min(first)),
    };
    query!(
        "UPDATE expected_slot SET valid_from = $3, valid_until = NULL WHERE placement_id = $1 AND timetable_slot_id = $2",
        placement_id,
        timetable_slot_id,
        from
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn expect_no_more(
    tx: &mut Transaction<'static, Db>,
    placement_id: Uuid,
    timetable_slot_id: Uuid,
    first: NaiveDate,
) -> Result<(), StoreError> {
    let Some(known) = expected(tx, placement_id, timetable_slot_id).await? else { return Ok(()) };
    if known.until.is_some_and(|until| until < first) {
        return Ok(());
    }
    if known.from.is_some_and(|from| from >= first) {
        // It never was.
        query!("DELETE FROM expected_slot WHERE placement_id = $1 AND timetable_slot_id = $2", placement_id, timetable_slot_id)
            .execute(&mut **tx)
            .await?;
        return Ok(());
    }
    let last = first.pred_opt().unwrap_or(first);
    query!(
        "UPDATE expected_slot SET valid_until = $3 WHERE placement_id = $1 AND timetable_slot_id = $2",
        placement_id,
        timetable_slot_id,
        last
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn insert_expected(
    tx: &mut Transaction<'static, Db>,
    placement_id: Uuid,
    timetable_slot_id: Uuid,
    first: NaiveDate,
) -> Result<(), StoreError> {
    query!(
        "INSERT INTO expected_slot (placement_id, timetable_slot_id, valid_from) VALUES ($1, $2, $3)",
        placement_id,
        timetable_slot_id,
        first
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
