//! The ingest's statements for many rows, as SQLite has them: rows come as one JSON text (`json_each`), so a batch is a few statements
//! whatever its size. A statement a row, and a row read, go from this thread to the connection's and back; that costs more than
//! the row itself. MATERIALIZED: otherwise each column of a row spells the whole row anew.
//!
//! `store-postgres` has the same functions. What both engines read alike is in `../queries`.

use std::collections::{BTreeSet, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use serde::de::DeserializeOwned;
use sqlx::Transaction;
use store::StoreError;
use uuid::Uuid;

use crate::Db;
use crate::queries::inbox::rows::{
    Cursor, Day, Ended, Event, Interval, Mark, Minute, NewVisit, Numbered, Place, Placed, Quarantined, RobotBody, RobotHeld,
    RobotHello, RobotLink, RobotUsed, Visited, json,
};

/// Which of these devices exist and are not revoked, and whether they are bridges.
pub(crate) async fn devices(tx: &mut Transaction<'static, Db>, ids: &[Uuid]) -> Result<Vec<(Uuid, bool)>, StoreError> {
    let ids = json_ids(ids);
    let rows = sqlx::query!(
        r#"SELECT device_id AS "device_id!: Uuid", kind AS "kind!" FROM device
           WHERE revoked_at IS NULL AND device_id IN (SELECT unhex(value) FROM json_each($1))"#,
        ids
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.device_id, row.kind == "bridge")).collect())
}

/// The cursors of these senders, made if they are missing.
pub(crate) async fn lock_cursors(
    tx: &mut Transaction<'static, Db>,
    senders: &[(Uuid, Uuid)],
) -> Result<Vec<Cursor>, StoreError> {
    let pairs: Vec<[String; 2]> =
        senders.iter().map(|(device, epoch)| [device, epoch].map(|id| id.simple().to_string())).collect();
    let pairs = json(&pairs);
    let rows = sqlx::query_scalar!(
        r#"WITH r AS MATERIALIZED (SELECT value FROM json_each($1))
           SELECT json_group_array(json_array(hex(c.device_id), hex(c.epoch), c.contiguous, c.highest)) AS "rows!: String"
           FROM r CROSS JOIN inbox_cursor c ON c.device_id = unhex(r.value ->> 0) AND c.epoch = unhex(r.value ->> 1)"#,
        pairs
    )
    .fetch_one(&mut **tx)
    .await?;
    let rows: Vec<(Uuid, Uuid, i64, i64)> = values(&rows)?;
    let cursor = |(device_id, epoch, contiguous, highest)| Cursor { device_id, epoch, contiguous, highest };
    let mut cursors: Vec<Cursor> = rows.into_iter().map(cursor).collect();
    let known: HashSet<(Uuid, Uuid)> = cursors.iter().map(|cursor| (cursor.device_id, cursor.epoch)).collect();
    for (device_id, epoch) in senders.iter().copied().filter(|sender| !known.contains(sender)) {
        sqlx::query!("INSERT INTO inbox_cursor (device_id, epoch) VALUES ($1, $2)", device_id, epoch)
            .execute(&mut **tx)
            .await?;
        cursors.push(cursor((device_id, epoch, 0, 0)));
    }
    Ok(cursors)
}

/// Writes cursors that were locked.
pub(crate) async fn write_cursors(tx: &mut Transaction<'static, Db>, cursors: &[Cursor]) -> Result<(), StoreError> {
    let rows = json(cursors);
    sqlx::query!(
        "WITH r AS MATERIALIZED (SELECT value FROM json_each($1))
             UPDATE inbox_cursor SET contiguous = r.value ->> 'contiguous', highest = r.value ->> 'highest' FROM r
             WHERE device_id = unhex(r.value ->> 'device_id') AND epoch = unhex(r.value ->> 'epoch')",
        rows
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Notes new numbers. None is twice in `rows`.
pub(crate) async fn note(
    tx: &mut Transaction<'static, Db>,
    rows: &[Numbered<'_>],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let kinds: BTreeSet<&'static str> = rows.iter().map(|row| row.kind).collect();
    for kind in kinds {
        let of_kind = rows.iter().filter(|row| row.kind == kind);
        let numbers = json(&of_kind.clone().map(|row| row.seq).collect::<Vec<_>>());
        // 16, 16 and 32 bytes a row, which costs less than to spell and to read them as text.
        let packed: Vec<u8> =
            of_kind.flat_map(|row| [&row.device_id.as_bytes()[..], row.epoch.as_bytes(), row.body_sha256].concat()).collect();
        sqlx::query!(
            "INSERT INTO inbox (device_id, epoch, seq, kind, body_sha256, received_at)
             SELECT substr($1, r.key * 64 + 1, 16), substr($1, r.key * 64 + 17, 16), r.value, $2, substr($1, r.key * 64 + 33, 32), $3
             FROM json_each($4) r WHERE true
             ON CONFLICT (device_id, epoch, seq) DO NOTHING",
            packed,
            kind,
            now,
            numbers
        )
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

/// The hashes of bodies under numbers that came before.
pub(crate) async fn bodies(
    tx: &mut Transaction<'static, Db>,
    rows: &[Numbered<'_>],
) -> Result<Vec<(Uuid, Uuid, i64, Vec<u8>)>, StoreError> {
    let rows = json(rows);
    let held = sqlx::query!(
        r#"WITH r AS MATERIALIZED (SELECT value FROM json_each($1))
             SELECT i.device_id AS "device_id!: Uuid", i.epoch AS "epoch!: Uuid", i.seq AS "seq!: i64",
                  i.body_sha256 AS "body_sha256!: Vec<u8>"
           FROM r CROSS JOIN inbox i
                ON i.device_id = unhex(r.value ->> 'device_id') AND i.epoch = unhex(r.value ->> 'epoch') AND i.seq = r.value ->> 'seq'"#,
        rows
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(held.into_iter().map(|row| (row.device_id, row.epoch, row.seq, row.body_sha256)).collect())
}

/// What is held of these robots. As one value: a row a robot would go from the connection's thread to this one by itself.
pub(crate) async fn lock_robots(tx: &mut Transaction<'static, Db>, ids: &[Uuid]) -> Result<Vec<RobotHeld>, StoreError> {
    type Held = (Uuid, String, Option<DateTime<Utc>>, Option<DateTime<Utc>>, Option<Uuid>, Option<DateTime<Utc>>, Option<i64>);
    let ids = json_ids(ids);
    let rows = sqlx::query_scalar!(
        r#"SELECT json_group_array(json_array(hex(robot_id), status, status_at, connected_at,
                                              CASE WHEN bridge_id IS NULL THEN NULL ELSE hex(bridge_id) END, last_used_at,
                                              clock_offset_ms))
                  AS "rows!: String"
           FROM robot WHERE robot_id IN (SELECT unhex(value) FROM json_each($1))"#,
        ids
    )
    .fetch_one(&mut **tx)
    .await?;
    let held = |(robot_id, status, status_at, connected_at, bridge_id, last_used_at, clock_offset_ms): Held| RobotHeld {
        robot_id,
        status,
        status_at,
        connected_at,
        bridge_id,
        last_used_at,
        clock_offset_ms,
    };
    Ok(values(&rows)?.into_iter().map(held).collect())
}

/// Writes robots' hellos. No robot is twice in `rows`.
pub(crate) async fn write_hellos(
    tx: &mut Transaction<'static, Db>,
    rows: &[RobotHello],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let rows = json(rows);
    sqlx::query!(
        "WITH r AS MATERIALIZED (SELECT value FROM json_each($1))
             UPDATE robot SET status = r.value ->> 'status', status_at = r.value ->> 'status_at',
                             connected_at = r.value ->> 'connected_at', bridge_id = unhex(r.value ->> 'bridge_id'),
                             cannot_reach = r.value ->> 'cannot_reach',
                             clock_offset_ms = coalesce(r.value ->> 'clock_offset_ms', clock_offset_ms),
                             clock_at = CASE WHEN r.value ->> 'clock_offset_ms' IS NULL THEN clock_at ELSE $2 END
             FROM r WHERE robot_id = unhex(r.value ->> 'robot_id')",
        rows,
        now
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Writes what robots said of their bodies. No robot is twice in `rows`.
pub(crate) async fn write_bodies(
    tx: &mut Transaction<'static, Db>,
    rows: &[RobotBody],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let rows = json(rows);
    sqlx::query!(
        "WITH r AS MATERIALIZED (SELECT value FROM json_each($1))
             UPDATE robot SET body_state = r.value ->> 'body_state', battery_pct = r.value ->> 'battery_pct',
                             charging = r.value ->> 'charging', wifi_dbm = r.value ->> 'wifi_dbm',
                             hand_up = r.value ->> 'hand_up', telemetry_at = $2,
                             clock_offset_ms = coalesce(r.value ->> 'clock_offset_ms', clock_offset_ms), clock_at = $2
             FROM r WHERE robot_id = unhex(r.value ->> 'robot_id')",
        rows,
        now
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Writes what bridges said of robots' legs. No robot is twice in `rows`.
pub(crate) async fn write_links(
    tx: &mut Transaction<'static, Db>,
    rows: &[RobotLink],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let rows = json(rows);
    sqlx::query!(
        "WITH r AS MATERIALIZED (SELECT value FROM json_each($1))
             UPDATE robot SET live_session_id = unhex(r.value ->> 'live_session_id'), live_tier = r.value ->> 'live_tier',
                             live_link = r.value ->> 'live_link', bridge_id = unhex(r.value ->> 'bridge_id'), link_at = $2
             FROM r WHERE robot_id = unhex(r.value ->> 'robot_id')",
        rows,
        now
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Writes when robots were used. No robot is twice in `rows`.
pub(crate) async fn write_used(tx: &mut Transaction<'static, Db>, rows: &[RobotUsed]) -> Result<(), StoreError> {
    let rows = json(rows);
    sqlx::query!(
        "WITH r AS MATERIALIZED (SELECT value FROM json_each($1))
             UPDATE robot SET last_used_at = r.value ->> 'last_used_at'
             FROM r WHERE robot_id = unhex(r.value ->> 'robot_id')",
        rows
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What is known of these placements.
pub(crate) async fn placements(tx: &mut Transaction<'static, Db>, ids: &[Uuid]) -> Result<Vec<Placed>, StoreError> {
    let ids = json_ids(ids);
    let rows = sqlx::query_scalar!(
        r#"SELECT json_group_array(json_array(hex(p.placement_id), hex(p.pupil_id), o.time_zone)) AS "rows!: String"
           FROM placement p JOIN pupil u ON u.pupil_id = p.pupil_id JOIN organisation o ON o.organisation_id = u.organisation_id
           WHERE p.placement_id IN (SELECT unhex(value) FROM json_each($1))"#,
        ids
    )
    .fetch_one(&mut **tx)
    .await?;
    let rows: Vec<(Uuid, Uuid, String)> = values(&rows)?;
    let placed = |(placement_id, pupil_id, time_zone)| Placed { placement_id, pupil_id, time_zone };
    Ok(rows.into_iter().map(placed).collect())
}

/// What is known of these visits.
pub(crate) async fn visits(tx: &mut Transaction<'static, Db>, ids: &[Uuid]) -> Result<Vec<Visited>, StoreError> {
    let ids = json_ids(ids);
    let rows = sqlx::query_scalar!(
        r#"SELECT json_group_array(json_array(hex(session_id), hex(placement_id), hex(robot_id), reported_intervals IS NOT NULL))
                  AS "rows!: String"
           FROM visit WHERE session_id IN (SELECT unhex(value) FROM json_each($1))"#,
        ids
    )
    .fetch_one(&mut **tx)
    .await?;
    let rows: Vec<(Uuid, Uuid, Uuid, i64)> = values(&rows)?;
    let visited =
        |(session_id, placement_id, robot_id, is_over)| Visited { session_id, placement_id, robot_id, is_over: is_over != 0 };
    Ok(rows.into_iter().map(visited).collect())
}

/// Where these intervals (session, number) lie, as far as they are held.
pub(crate) async fn places(tx: &mut Transaction<'static, Db>, intervals: &[(Uuid, i64)]) -> Result<Vec<Place>, StoreError> {
    let intervals: Vec<(String, i64)> = intervals.iter().map(|(session, n)| (session.simple().to_string(), *n)).collect();
    let intervals = json(&intervals);
    let rows = sqlx::query_scalar!(
        r#"WITH r AS MATERIALIZED (SELECT value FROM json_each($1))
           SELECT json_group_array(json_array(hex(p.session_id), p.n, p.placed_ms, p.span_ms)) AS "rows!: String"
           FROM r CROSS JOIN presence_interval p ON p.session_id = unhex(r.value ->> 0) AND p.n = r.value ->> 1"#,
        intervals
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(values(&rows)?.into_iter().map(place).collect())
}

fn place((session_id, n, placed_ms, span_ms): (Uuid, i64, i64, i64)) -> Place {
    Place { session_id, n, placed_ms, span_ms }
}

/// Marks days as changed; they are sorted, so that servers with the same days wait for one another and never in a circle.
pub(crate) async fn mark(tx: &mut Transaction<'static, Db>, marks: &[Mark]) -> Result<(), StoreError> {
    let rows = json(marks);
    sqlx::query!(
        "WITH r AS MATERIALIZED (SELECT value FROM json_each($1))
             INSERT INTO attendance_dirty (pupil_id, day, version)
             SELECT unhex(r.value ->> 'pupil_id'), r.value ->> 'day', unhex(r.value ->> 'version')
             FROM r WHERE true
             ON CONFLICT (pupil_id, day) DO UPDATE SET version = excluded.version",
        rows
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Removes the marks that still have their version; returns which days those are.
pub(crate) async fn take_marks(
    tx: &mut Transaction<'static, Db>,
    marks: &[Mark],
) -> Result<Vec<(Uuid, NaiveDate)>, StoreError> {
    let rows = json(marks);
    // Read, then removed: what a DELETE returns would come a row at a time. Nobody else writes meanwhile.
    let held = sqlx::query_scalar!(
        r#"WITH r AS MATERIALIZED (SELECT value FROM json_each($1))
           SELECT json_group_array(json_array(hex(d.pupil_id), d.day)) AS "rows!: String"
           FROM r CROSS JOIN attendance_dirty d ON d.pupil_id = unhex(r.value ->> 'pupil_id') AND d.day = r.value ->> 'day'
           WHERE d.version = unhex(r.value ->> 'version')"#,
        rows
    )
    .fetch_one(&mut **tx)
    .await?;
    sqlx::query!(
        "DELETE FROM attendance_dirty WHERE (pupil_id, day, version) IN
             (SELECT unhex(value ->> 'pupil_id'), value ->> 'day', unhex(value ->> 'version') FROM json_each($1))",
        rows
    )
    .execute(&mut **tx)
    .await?;
    values(&held)
}

/// Writes days, new or again. None is twice in `days`.
pub(crate) async fn write_days(tx: &mut Transaction<'static, Db>, days: &[Day]) -> Result<(), StoreError> {
    let rows = json(days);
    sqlx::query!(
        "WITH r AS MATERIALIZED (SELECT value FROM json_each($1))
             INSERT INTO attendance_day (pupil_id, day, placement_id, school_id, expected_ms, connected_ms, video_ms, stills_ms,
                                         audio_ms, counted_ms, social_ms, social_counted_ms, active_lessons, anomalies, version)
             SELECT unhex(r.value ->> 'pupil_id'), r.value ->> 'day', unhex(r.value ->> 'placement_id'),
                    unhex(r.value ->> 'school_id'), r.value ->> 'expected_ms', r.value ->> 'connected_ms', r.value ->> 'video_ms',
                    r.value ->> 'stills_ms', r.value ->> 'audio_ms', r.value ->> 'counted_ms',
                    r.value ->> 'social_ms', r.value ->> 'social_counted_ms', r.value ->> 'active_lessons',
                    r.value ->> 'anomalies',
                    unhex(r.value ->> 'version')
             FROM r WHERE true
             ON CONFLICT (pupil_id, day) DO UPDATE SET
                placement_id = excluded.placement_id, school_id = excluded.school_id, expected_ms = excluded.expected_ms,
                connected_ms = excluded.connected_ms, video_ms = excluded.video_ms, stills_ms = excluded.stills_ms,
                audio_ms = excluded.audio_ms, counted_ms = excluded.counted_ms, social_ms = excluded.social_ms,
                social_counted_ms = excluded.social_counted_ms, active_lessons = excluded.active_lessons,
                anomalies = excluded.anomalies, version = excluded.version",
        rows
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Removes days that hold nothing any more.
pub(crate) async fn remove_days(tx: &mut Transaction<'static, Db>, days: &[Mark]) -> Result<(), StoreError> {
    let rows = json(days);
    sqlx::query!(
        "DELETE FROM attendance_day WHERE (pupil_id, day) IN
             (SELECT unhex(value ->> 'pupil_id'), value ->> 'day' FROM json_each($1))",
        rows
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Adds visits that are not known yet.
pub(crate) async fn add_visits(tx: &mut Transaction<'static, Db>, visits: &[NewVisit]) -> Result<(), StoreError> {
    let rows = json(visits);
    sqlx::query!(
        "WITH r AS MATERIALIZED (SELECT value FROM json_each($1))
             INSERT INTO visit (session_id, placement_id, robot_id)
             SELECT unhex(r.value ->> 'session_id'), unhex(r.value ->> 'placement_id'), unhex(r.value ->> 'robot_id')
             FROM r WHERE true
             ON CONFLICT (session_id) DO NOTHING",
        rows
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Merges intervals by their largest values; returns where those lie that were taken, the others are held with another tier or
/// beginning. None is twice in `intervals`.
pub(crate) async fn merge_intervals(
    tx: &mut Transaction<'static, Db>,
    intervals: &[Interval],
) -> Result<Vec<Place>, StoreError> {
    let rows = json(intervals);
    sqlx::query!(
        "WITH r AS MATERIALIZED (SELECT value FROM json_each($1))
             INSERT INTO presence_interval (session_id, n, tier, from_at, until_at, span_ms, spoke_ms, hands, looks, feelings, closed_by, clock_offset_ms,
                                        arrival_span_ms, measured_offset_ms, pupil_id, placed_ms)
             SELECT unhex(r.value ->> 'session_id'), r.value ->> 'n', r.value ->> 'tier', r.value ->> 'from_at',
                    r.value ->> 'until_at', r.value ->> 'span_ms', r.value ->> 'spoke_ms', r.value ->> 'hands',
                    r.value ->> 'looks', r.value ->> 'feelings', r.value ->> 'closed_by', r.value ->> 'clock_offset_ms',
                    r.value ->> 'arrival_span_ms', r.value ->> 'measured_offset_ms', unhex(r.value ->> 'pupil_id'), r.value ->> 'placed_ms'
             FROM r WHERE true
             ON CONFLICT (session_id, n) DO UPDATE SET
                until_at = CASE WHEN excluded.until_at > presence_interval.until_at THEN excluded.until_at ELSE presence_interval.until_at END,
                span_ms = CASE WHEN excluded.span_ms > presence_interval.span_ms THEN excluded.span_ms ELSE presence_interval.span_ms END,
                spoke_ms = CASE WHEN excluded.spoke_ms > presence_interval.spoke_ms THEN excluded.spoke_ms ELSE presence_interval.spoke_ms END,
                hands = CASE WHEN excluded.hands > presence_interval.hands THEN excluded.hands ELSE presence_interval.hands END,
                looks = CASE WHEN excluded.looks > presence_interval.looks THEN excluded.looks ELSE presence_interval.looks END,
                feelings = CASE WHEN excluded.feelings > presence_interval.feelings THEN excluded.feelings ELSE presence_interval.feelings END,
                closed_by = CASE WHEN presence_interval.closed_by IS NULL OR presence_interval.closed_by = 'recovery'
                                 THEN coalesce(excluded.closed_by, presence_interval.closed_by) ELSE presence_interval.closed_by END,
                clock_offset_ms = CASE WHEN excluded.arrival_span_ms < presence_interval.arrival_span_ms
                                          OR (excluded.arrival_span_ms = presence_interval.arrival_span_ms
                                              AND abs(excluded.clock_offset_ms) < abs(presence_interval.clock_offset_ms))
                                       THEN excluded.clock_offset_ms ELSE presence_interval.clock_offset_ms END,
                arrival_span_ms = CASE WHEN excluded.arrival_span_ms < presence_interval.arrival_span_ms
                                       THEN excluded.arrival_span_ms ELSE presence_interval.arrival_span_ms END,
                measured_offset_ms = CASE WHEN presence_interval.measured_offset_ms IS NULL
                                            OR abs(excluded.measured_offset_ms) < abs(presence_interval.measured_offset_ms)
                                          THEN excluded.measured_offset_ms ELSE presence_interval.measured_offset_ms END,
                placed_ms = CASE WHEN excluded.measured_offset_ms IS NOT NULL
                                 THEN CASE WHEN presence_interval.measured_offset_ms IS NULL
                                             OR abs(excluded.measured_offset_ms) < abs(presence_interval.measured_offset_ms)
                                           THEN excluded.placed_ms ELSE presence_interval.placed_ms END
                                 WHEN presence_interval.measured_offset_ms IS NULL
                                      AND (excluded.arrival_span_ms < presence_interval.arrival_span_ms
                                           OR (excluded.arrival_span_ms = presence_interval.arrival_span_ms
                                               AND abs(excluded.clock_offset_ms) < abs(presence_interval.clock_offset_ms)))
                                 THEN excluded.placed_ms ELSE presence_interval.placed_ms END
             WHERE presence_interval.tier = excluded.tier AND presence_interval.from_at = excluded.from_at",
        rows
    )
    .execute(&mut **tx)
    .await?;
    let taken = sqlx::query_scalar!(
        r#"WITH r AS MATERIALIZED (SELECT value FROM json_each($1))
           SELECT json_group_array(json_array(hex(p.session_id), p.n, p.placed_ms, p.span_ms)) AS "rows!: String"
           FROM r CROSS JOIN presence_interval p ON p.session_id = unhex(r.value ->> 'session_id') AND p.n = r.value ->> 'n'
           WHERE p.tier = r.value ->> 'tier' AND p.from_at = r.value ->> 'from_at'"#,
        rows
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(values(&taken)?.into_iter().map(place).collect())
}

/// Notes the ends of visits; the latest one told stays. No visit is twice in `rows`.
pub(crate) async fn end_visits(tx: &mut Transaction<'static, Db>, rows: &[Ended]) -> Result<(), StoreError> {
    let rows = json(rows);
    sqlx::query!(
        "WITH r AS MATERIALIZED (SELECT value FROM json_each($1))
             UPDATE visit SET ended_at = r.value ->> 'at', end_reason = r.value ->> 'reason',
                              reported_intervals = r.value ->> 'intervals', reported_ms = r.value ->> 'total_ms'
             FROM r WHERE visit.session_id = unhex(r.value ->> 'session_id')
                      AND (visit.ended_at IS NULL OR visit.ended_at <= r.value ->> 'at')",
        rows
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Where the intervals of these visits end, by our clock, as far as any is held.
pub(crate) async fn ends(tx: &mut Transaction<'static, Db>, sessions: &[Uuid]) -> Result<Vec<(Uuid, i64)>, StoreError> {
    let ids = json_ids(sessions);
    let rows = sqlx::query_scalar!(
        r#"SELECT json_group_array(json_array(hex(session_id), end_ms)) AS "rows!: String"
           FROM (SELECT session_id, max(placed_ms + span_ms) AS end_ms FROM presence_interval
                 WHERE session_id IN (SELECT unhex(value) FROM json_each($1)) GROUP BY session_id)"#,
        ids
    )
    .fetch_one(&mut **tx)
    .await?;
    values(&rows)
}

/// Adds messages to quarantine.
pub(crate) async fn add_quarantined(tx: &mut Transaction<'static, Db>, rows: &[Quarantined]) -> Result<(), StoreError> {
    let rows = json(rows);
    sqlx::query!(
        "WITH r AS MATERIALIZED (SELECT value FROM json_each($1))
             INSERT INTO quarantine (quarantine_id, topic, device_id, epoch, seq, payload, cut_from_bytes, reason, received_at)
             SELECT unhex(r.value ->> 'quarantine_id'), r.value ->> 'topic', unhex(r.value ->> 'device_id'),
                    unhex(r.value ->> 'epoch'), r.value ->> 'seq', unhex(r.value ->> 'payload'), r.value ->> 'cut_from_bytes',
                    r.value ->> 'reason', r.value ->> 'received_at'
             FROM r",
        rows
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Adds events; one that is known takes the newer word. None is twice in `rows`.
pub(crate) async fn add_events(tx: &mut Transaction<'static, Db>, rows: &[Event]) -> Result<(), StoreError> {
    let rows = json(rows);
    sqlx::query!(
        "WITH r AS MATERIALIZED (SELECT value FROM json_each($1))
             INSERT INTO robot_event (robot_event_id, robot_id, session_id, what, at)
             SELECT unhex(r.value ->> 'robot_event_id'), unhex(r.value ->> 'robot_id'), unhex(r.value ->> 'session_id'),
                    r.value ->> 'what', r.value ->> 'at'
             FROM r WHERE true
             ON CONFLICT (robot_event_id) DO UPDATE SET what = excluded.what
             WHERE robot_event.robot_id = excluded.robot_id",
        rows
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Merges measurements of a minute: the last value, and the largest of loss and round-trip time. None is twice in `rows`.
pub(crate) async fn merge_minutes(tx: &mut Transaction<'static, Db>, rows: &[Minute]) -> Result<(), StoreError> {
    let rows = json(rows);
    sqlx::query!(
        "WITH r AS MATERIALIZED (SELECT value FROM json_each($1))
             INSERT INTO telemetry_minute (robot_id, minute_at, battery_pct, wifi_dbm, robot_rtt_ms, robot_loss_permille, robot_receive_bps, pupil_rtt_ms,
             pupil_loss_permille, pupil_send_bps, tier)
             SELECT unhex(r.value ->> 'robot_id'), r.value ->> 'minute_at', r.value ->> 'battery_pct', r.value ->> 'wifi_dbm',
                    r.value ->> 'robot_rtt_ms', r.value ->> 'robot_loss_permille', r.value ->> 'robot_receive_bps',
                    r.value ->> 'pupil_rtt_ms', r.value ->> 'pupil_loss_permille', r.value ->> 'pupil_send_bps',
                    r.value ->> 'tier'
             FROM r WHERE true
             ON CONFLICT (robot_id, minute_at) DO UPDATE SET
                battery_pct = coalesce(excluded.battery_pct, telemetry_minute.battery_pct),
                wifi_dbm = coalesce(excluded.wifi_dbm, telemetry_minute.wifi_dbm),
                robot_rtt_ms = coalesce(max(excluded.robot_rtt_ms, telemetry_minute.robot_rtt_ms), excluded.robot_rtt_ms, telemetry_minute.robot_rtt_ms),
                robot_loss_permille = coalesce(max(excluded.robot_loss_permille, telemetry_minute.robot_loss_permille), excluded.robot_loss_permille, telemetry_minute.robot_loss_permille),
                robot_receive_bps = coalesce(excluded.robot_receive_bps, telemetry_minute.robot_receive_bps),
                pupil_rtt_ms = coalesce(max(excluded.pupil_rtt_ms, telemetry_minute.pupil_rtt_ms), excluded.pupil_rtt_ms, telemetry_minute.pupil_rtt_ms),
                pupil_loss_permille = coalesce(max(excluded.pupil_loss_permille, telemetry_minute.pupil_loss_permille), excluded.pupil_loss_permille, telemetry_minute.pupil_loss_permille),
                pupil_send_bps = coalesce(excluded.pupil_send_bps, telemetry_minute.pupil_send_bps),
                tier = coalesce(excluded.tier, telemetry_minute.tier)",
        rows
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Ids as the one parameter of a bulk statement.
fn json_ids(ids: &[Uuid]) -> String {
    let ids: Vec<String> = ids.iter().map(|id| id.simple().to_string()).collect();
    json(&ids)
}

/// The rows of a JSON text that a statement returns.
fn values<T: DeserializeOwned>(rows: &str) -> Result<Vec<T>, StoreError> {
    serde_json::from_str(rows).map_err(|_| StoreError::Unreadable { what: "row" })
}
