//! Numbers of durable messages: which are new, how far each sender is complete, which gaps are named, which numbers are lost.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};
use protocol::AckMessage;
use sqlx::{Pool, Transaction};
use store::StoreError;
use store::inbox::{Fact, LostRow, MAX_GAPS, Received};
use uuid::Uuid;

use super::rows::{Cursor, Numbered};
use crate::{Db, Engine, bulk};

pub(super) const UNKNOWN_DEVICE: &str = "the device is not known";
const OTHER_BODY: &str = "the same number was received before with another body";
/// Gaps that are noted as lost in one transaction; the next one goes on from there.
const MAX_LOST: i64 = 1_000;

/// What a message's number says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It has no number, or a new one: its effect is still to happen.
    Fresh,
    /// It came before; nothing is to happen.
    Copy,
    /// Its number cannot be taken.
    Refused(&'static str),
}

/// The numbers of a batch, noted; its senders are locked.
pub(super) struct Noted {
    /// One a message.
    pub(super) verdicts: Vec<Verdict>,
    /// Devices of the batch, and bridges that it names, as far as they are known: whether they are bridges.
    pub(super) devices: HashMap<Uuid, bool>,
    cursors: Vec<Cursor>,
    new: HashSet<(Uuid, Uuid, i64)>,
}

/// Locks the senders and notes the numbers.
pub(super) async fn note(
    tx: &mut Transaction<'static, Db>,
    batch: &[Received],
    now: DateTime<Utc>,
) -> Result<Noted, StoreError> {
    let mut ids: BTreeSet<Uuid> = batch.iter().map(|message| message.device_id).collect();
    ids.extend(batch.iter().filter_map(|message| match &message.fact {
        Fact::Hello(hello) => hello.bridge.map(|bridge| bridge.0),
        _ => None,
    }));
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let devices: HashMap<Uuid, bool> = bulk::devices(tx, &ids).await?.into_iter().collect();
    let mut verdicts = vec![Verdict::Fresh; batch.len()];
    let mut first: HashMap<(Uuid, Uuid, i64), usize> = HashMap::new();
    let mut rows: Vec<Numbered<'_>> = Vec::new();
    let mut positions = Vec::new();
    for (index, message) in batch.iter().enumerate() {
        let Some((epoch, seq)) = message.number else { continue };
        if !devices.contains_key(&message.device_id) {
            verdicts[index] = Verdict::Refused(UNKNOWN_DEVICE);
            continue;
        }
        let key = (message.device_id, epoch, i64::try_from(seq).unwrap_or(i64::MAX));
        if let Some(earlier) = first.get(&key) {
            verdicts[index] = copy_of(&batch[*earlier].body_sha256, message);
            continue;
        }
        first.insert(key, index);
        positions.push(index);
        rows.push(Numbered {
            device_id: key.0,
            epoch,
            seq: key.2,
            kind: kind_word(&message.fact),
            body_sha256: &message.body_sha256,
        });
    }
    if rows.is_empty() {
        return Ok(Noted { verdicts, devices, cursors: Vec::new(), new: HashSet::new() });
    }
    let senders: BTreeSet<(Uuid, Uuid)> = rows.iter().map(|row| (row.device_id, row.epoch)).collect();
    let senders: Vec<_> = senders.into_iter().collect();
    let cursors = bulk::lock_cursors(tx, &senders).await?;
    // The senders are locked: what is above the highest number is new, the rest may have come before.
    let highest: HashMap<_, _> = cursors.iter().map(|cursor| ((cursor.device_id, cursor.epoch), cursor.highest)).collect();
    let is_above = |row: &Numbered<'_>| highest.get(&(row.device_id, row.epoch)).is_some_and(|highest| row.seq > *highest);
    let below: Vec<Numbered<'_>> = rows.iter().copied().filter(|row| !is_above(row)).collect();
    let mut held = HashMap::new();
    if !below.is_empty() {
        let bodies = bulk::bodies(tx, &below).await?;
        held.extend(bodies.into_iter().map(|(device, epoch, seq, body)| ((device, epoch, seq), body)));
        for (row, index) in rows.iter().zip(&positions) {
            if let Some(body) = held.get(&(row.device_id, row.epoch, row.seq)) {
                verdicts[*index] = copy_of(body, &batch[*index]);
            }
        }
        rows.retain(|row| !held.contains_key(&(row.device_id, row.epoch, row.seq)));
    }
    if !rows.is_empty() {
        bulk::note(tx, &rows, now).await?;
    }
    let new = rows.iter().map(|row| (row.device_id, row.epoch, row.seq)).collect();
    Ok(Noted { verdicts, devices, cursors, new })
}

fn copy_of(body_sha256: &[u8], message: &Received) -> Verdict {
    if body_sha256 == message.body_sha256 { Verdict::Copy } else { Verdict::Refused(OTHER_BODY) }
}

/// Moves the cursors over what is complete, notes what is lost, and says what to acknowledge.
pub(super) async fn advance(
    tx: &mut Transaction<'static, Db>,
    noted: Noted,
    batch: &[Received],
    now: DateTime<Utc>,
) -> Result<(Vec<(Uuid, AckMessage)>, Vec<(Uuid, u64)>), StoreError> {
    let mut new: BTreeMap<(Uuid, Uuid), BTreeSet<i64>> = BTreeMap::new();
    for (device, epoch, seq) in noted.new {
        new.entry((device, epoch)).or_default().insert(seq);
    }
    let mut oldest: HashMap<(Uuid, Uuid), i64> = HashMap::new();
    for message in batch {
        if let (Some((epoch, seq)), Some(lowest)) = (message.number, message.oldest) {
            // A sender keeps at least what it sends.
            let lowest = i64::try_from(lowest.min(seq)).unwrap_or(i64::MAX);
            let held = oldest.entry((message.device_id, epoch)).or_insert(lowest);
            *held = lowest.max(*held);
        }
    }
    let (mut acks, mut lost, mut changed) = (Vec::with_capacity(noted.cursors.len()), Vec::new(), Vec::new());
    for held in noted.cursors {
        let sender = (held.device_id, held.epoch);
        let mut cursor = held;
        let numbers = new.remove(&sender).unwrap_or_default();
        cursor.highest = numbers.last().map_or(held.highest, |last| held.highest.max(*last));
        let mut gaps = Vec::new();
        let mut through = cursor.highest;
        if held.contiguous == held.highest && follow_on(held.contiguous, &numbers) {
            cursor.contiguous = cursor.highest;
        } else {
            let keeps_from = oldest.get(&sender).copied().unwrap_or(0);
            if keeps_from > held.contiguous.saturating_add(1) {
                let (contiguous, count) = give_up(tx, &cursor, keeps_from, now).await?;
                cursor.contiguous = contiguous;
                if count > 0 {
                    lost.push((held.device_id, count));
                }
            }
            (cursor.contiguous, through, gaps) = survey(tx, &cursor).await?;
        }
        if (cursor.contiguous, cursor.highest) != (held.contiguous, held.highest) {
            changed.push(cursor);
        }
        let number = |number: i64| u64::try_from(number).unwrap_or(0);
        let gaps = gaps.into_iter().map(|(first, last)| (number(first), number(last))).collect();
        acks.push((held.device_id, AckMessage { epoch: held.epoch, through: number(through), gaps, clock: None }));
    }
    if !changed.is_empty() {
        bulk::write_cursors(tx, &changed).await?;
    }
    Ok((acks, lost))
}

/// Whether these numbers go on right after `contiguous`, without a gap. Copies that came late (at or below it) change nothing.
fn follow_on(contiguous: i64, numbers: &BTreeSet<i64>) -> bool {
    let above = numbers.range(contiguous.saturating_add(1)..);
    above.zip(contiguous.saturating_add(1)..).all(|(number, expected)| *number == expected)
}

/// From where the sender is complete: the new end of that, the highest number that the acknowledgement covers, the gaps below it.
async fn survey(tx: &mut Transaction<'static, Db>, cursor: &Cursor) -> Result<(i64, i64, Vec<(i64, i64)>), StoreError> {
    let named = i64::try_from(MAX_GAPS).unwrap_or(i64::MAX);
    let mut edges = gaps(tx, cursor, i64::MAX, named.saturating_add(1)).await?;
    let contiguous = edges.first().map_or(cursor.highest.max(cursor.contiguous), |(first, _)| first - 1);
    // Nothing beyond the named gaps is claimed.
    let through = if edges.len() > MAX_GAPS { edges[MAX_GAPS].0 - 1 } else { cursor.highest.max(cursor.contiguous) };
    edges.truncate(MAX_GAPS);
    Ok((contiguous, through, edges))
}

/// The first gaps after the contiguous end and below `below`: (first missing, last missing).
async fn gaps(
    tx: &mut Transaction<'static, Db>,
    cursor: &Cursor,
    below: i64,
    limit: i64,
) -> Result<Vec<(i64, i64)>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT w.before + 1 AS "first!: i64", w.seq - 1 AS "last!: i64"
           FROM (SELECT i.seq, lag(i.seq, 1, $3) OVER (ORDER BY i.seq) AS before FROM inbox i
                 WHERE i.device_id = $1 AND i.epoch = $2 AND i.seq > $3 AND i.seq <= $4) w
           WHERE w.seq > w.before + 1 ORDER BY w.seq LIMIT $5"#,
        cursor.device_id,
        cursor.epoch,
        cursor.contiguous,
        below,
        limit
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.first, row.last)).collect())
}

/// Notes what is missing below `keeps_from` as lost: it never comes. Returns the new contiguous end and how many numbers are lost.
async fn give_up(
    tx: &mut Transaction<'static, Db>,
    cursor: &Cursor,
    keeps_from: i64,
    now: DateTime<Utc>,
) -> Result<(i64, u64), StoreError> {
    // The message that says so has a number at or above it, so every gap below has an upper edge.
    let edge = sqlx::query_scalar!(
        r#"SELECT min(seq) AS "seq?: i64" FROM inbox WHERE device_id = $1 AND epoch = $2 AND seq >= $3"#,
        cursor.device_id,
        cursor.epoch,
        keeps_from
    )
    .fetch_one(&mut **tx)
    .await?;
    let Some(edge) = edge else { return Ok((cursor.contiguous, 0)) };
    let missing = gaps(tx, cursor, edge, MAX_LOST).await?;
    let (mut contiguous, mut count) = (keeps_from - 1, 0);
    if i64::try_from(missing.len()).unwrap_or(i64::MAX) == MAX_LOST {
        // There may be more: they are noted with the next batch.
        contiguous = missing.last().map_or(contiguous, |(_, last)| contiguous.min(*last));
    }
    for (first, last) in missing {
        let last = last.min(keeps_from - 1);
        if last < first {
            break;
        }
        sqlx::query!(
            "INSERT INTO lost_range (device_id, epoch, first_seq, last_seq, noted_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (device_id, epoch, first_seq) DO NOTHING",
            cursor.device_id,
            cursor.epoch,
            first,
            last,
            now
        )
        .execute(&mut **tx)
        .await?;
        count += u64::try_from(last - first).unwrap_or(0) + 1;
    }
    Ok((contiguous.max(cursor.contiguous), count))
}

pub(super) async fn lost(pool: &Pool<Db>, limit: i64) -> Result<Vec<LostRow>, StoreError> {
    Ok(sqlx::query_as!(
        LostRow,
        r#"SELECT l.device_id AS "device_id!: Uuid", l.epoch AS "epoch!: Uuid", l.first_seq AS "first_seq!: i64",
                  l.last_seq AS "last_seq!: i64", l.noted_at AS "noted_at!: DateTime<Utc>",
                  (SELECT count(*) FROM inbox i WHERE i.device_id = l.device_id AND i.epoch = l.epoch
                                                  AND i.seq >= l.first_seq AND i.seq <= l.last_seq) AS "came!: i64"
           FROM lost_range l ORDER BY l.noted_at DESC, l.device_id, l.epoch, l.first_seq DESC LIMIT $1"#,
        limit
    )
    .fetch_all(pool)
    .await?)
}

/// A sender a transaction, oldest numbers first: the ingest is never held up for long.
pub(super) async fn trim(engine: &Engine, before: DateTime<Utc>, limit: i64) -> Result<u64, StoreError> {
    let senders = sqlx::query!(r#"SELECT device_id AS "device_id!: Uuid", epoch AS "epoch!: Uuid" FROM inbox_cursor"#)
        .fetch_all(&engine.read)
        .await?;
    let mut removed = 0;
    for sender in senders {
        let mut tx = engine.begin_ingest().await?;
        let done = sqlx::query!(
            "DELETE FROM inbox WHERE device_id = $1 AND epoch = $2 AND received_at < $3 AND seq <=
             (SELECT c.contiguous FROM inbox_cursor c WHERE c.device_id = $1 AND c.epoch = $2) AND seq <
             (SELECT min(o.seq) + $4 FROM inbox o WHERE o.device_id = $1 AND o.epoch = $2)",
            sender.device_id,
            sender.epoch,
            before,
            limit
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        removed += done.rows_affected();
    }
    Ok(removed)
}

fn kind_word(fact: &Fact) -> &'static str {
    match fact {
        Fact::Hello(_) => "hello",
        Fact::Presence(_) => "presence",
        Fact::Event(_) => "event",
        Fact::Link(_) => "link",
        Fact::Body(_) => "robot",
        Fact::Unusable(_) => "unusable",
    }
}
