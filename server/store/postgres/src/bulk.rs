//! The ingest's statements for many rows, as PostgreSQL has them: rows come as one JSON text (`jsonb_to_recordset`), so a batch is a
//! few statements whatever its size. Rows that other servers may write too are locked first, always in the order of their ids.
//!
//! `store-sqlite` has the same functions. What both engines read alike is in `../queries`.

use chrono::{DateTime, NaiveDate, Utc};
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
    let rows = sqlx::query!(
        r#"SELECT device_id AS "device_id!: Uuid", kind AS "kind!" FROM device
           WHERE revoked_at IS NULL AND device_id = ANY($1)"#,
        ids
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.device_id, row.kind == "bridge")).collect())
}

/// The cursors of these senders, made if they are missing; locked until the end of the transaction. `senders` is sorted.
pub(crate) async fn lock_cursors(
    tx: &mut Transaction<'static, Db>,
    senders: &[(Uuid, Uuid)],
) -> Result<Vec<Cursor>, StoreError> {
    let (devices, epochs): (Vec<Uuid>, Vec<Uuid>) = senders.iter().copied().unzip();
    for _ in 0..2 {
        let cursors = sqlx::query_as!(
            Cursor,
            r#"SELECT c.device_id AS "device_id!: Uuid", c.epoch AS "epoch!: Uuid", c.contiguous AS "contiguous!: i64",
                      c.highest AS "highest!: i64"
               FROM inbox_cursor c JOIN unnest($1::uuid[], $2::uuid[]) AS s (device_id, epoch)
                    ON s.device_id = c.device_id AND s.epoch = c.epoch
               ORDER BY c.device_id, c.epoch FOR NO KEY UPDATE OF c"#,
            &devices,
            &epochs
        )
        .fetch_all(&mut **tx)
        .await?;
        if cursors.len() == senders.len() {
            return Ok(cursors);
        }
        sqlx::query!(
            "INSERT INTO inbox_cursor (device_id, epoch)
             SELECT s.device_id, s.epoch FROM unnest($1::uuid[], $2::uuid[]) AS s (device_id, epoch) ORDER BY 1, 2
             ON CONFLICT (device_id, epoch) DO NOTHING",
            &devices,
            &epochs
        )
        .execute(&mut **tx)
        .await?;
    }
    Err(StoreError::Unreadable { what: "cursor" })
}

/// Writes cursors that were locked.
pub(crate) async fn write_cursors(tx: &mut Transaction<'static, Db>, cursors: &[Cursor]) -> Result<(), StoreError> {
    let rows = json(cursors);
    sqlx::query!(
        "UPDATE inbox_cursor c SET contiguous = r.contiguous, highest = r.highest
             FROM jsonb_to_recordset($1::text::jsonb)
             AS r(device_id uuid, epoch uuid, contiguous bigint, highest bigint)
             WHERE c.device_id = r.device_id AND c.epoch = r.epoch",
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
    let (devices, epochs): (Vec<Uuid>, Vec<Uuid>) = rows.iter().map(|row| (row.device_id, row.epoch)).unzip();
    let numbers: Vec<i64> = rows.iter().map(|row| row.seq).collect();
    let kinds: Vec<String> = rows.iter().map(|row| row.kind.to_owned()).collect();
    let bodies: Vec<Vec<u8>> = rows.iter().map(|row| row.body_sha256.to_vec()).collect();
    // The most frequent statement of all: arrays cost the server less than JSON.
    sqlx::query!(
        "INSERT INTO inbox (device_id, epoch, seq, kind, body_sha256, received_at)
           SELECT r.device_id, r.epoch, r.seq, r.kind, r.body_sha256, $6
           FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::bytea[]) AS r (device_id, epoch, seq, kind, body_sha256)
           ON CONFLICT (device_id, epoch, seq) DO NOTHING",
        &devices,
        &epochs,
        &numbers,
        &kinds,
        &bodies,
        now
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The hashes of bodies under numbers that came before.
pub(crate) async fn bodies(
    tx: &mut Transaction<'static, Db>,
    rows: &[Numbered<'_>],
) -> Result<Vec<(Uuid, Uuid, i64, Vec<u8>)>, StoreError> {
    let rows = json(rows);
    let held = sqlx::query!(
        r#"SELECT i.device_id AS "device_id!: Uuid", i.epoch AS "epoch!: Uuid", i.seq AS "seq!: i64",
                  i.body_sha256 AS "body_sha256!: Vec<u8>"
           FROM jsonb_to_recordset($1::text::jsonb)
                AS r(device_id uuid, epoch uuid, seq bigint) JOIN inbox i
                ON i.device_id = r.device_id AND i.epoch = r.epoch AND i.seq = r.seq"#,
        rows
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(held.into_iter().map(|row| (row.device_id, row.epoch, row.seq, row.body_sha256)).collect())
}

/// What is held of these robots; locked until the end of the transaction.
pub(crate) async fn lock_robots(tx: &mut Transaction<'static, Db>, ids: &[Uuid]) -> Result<Vec<RobotHeld>, StoreError> {
    Ok(sqlx::query_as!(
        RobotHeld,
        r#"SELECT robot_id AS "robot_id!: Uuid", status AS "status!", status_at AS "status_at?: DateTime<Utc>",
                  connected_at AS "connected_at?: DateTime<Utc>", bridge_id AS "bridge_id?: Uuid",
                  last_used_at AS "last_used_at?: DateTime<Utc>", clock_offset_ms AS "clock_offset_ms?: i64"
           FROM robot WHERE robot_id = ANY($1) ORDER BY robot_id FOR NO KEY UPDATE"#,
        ids
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// Writes robots' hellos. No robot is twice in `rows`.
pub(crate) async fn write_hellos(
    tx: &mut Transaction<'static, Db>,
    rows: &[RobotHello],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let rows = json(rows);
    sqlx::query!(
        "UPDATE robot b SET status = r.status, status_at = r.status_at, connected_at = r.connected_at,
                               bridge_id = r.bridge_id, cannot_reach = r.cannot_reach,
                               clock_offset_ms = coalesce(r.clock_offset_ms, b.clock_offset_ms),
                               clock_at = CASE WHEN r.clock_offset_ms IS NULL THEN b.clock_at ELSE $2 END
             FROM jsonb_to_recordset($1::text::jsonb)
                  AS r(robot_id uuid, status text, status_at timestamptz, connected_at timestamptz, bridge_id uuid,
                       cannot_reach text, clock_offset_ms bigint)
             WHERE b.robot_id = r.robot_id",
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
        "UPDATE robot b SET body_state = r.body_state, battery_pct = r.battery_pct, charging = r.charging,
                               wifi_dbm = r.wifi_dbm, hand_up = r.hand_up, telemetry_at = $2,
                               clock_offset_ms = coalesce(r.clock_offset_ms, b.clock_offset_ms), clock_at = $2
             FROM jsonb_to_recordset($1::text::jsonb)
                  AS r(robot_id uuid, body_state text, battery_pct bigint, charging boolean, wifi_dbm bigint, hand_up boolean,
                       clock_offset_ms bigint)
             WHERE b.robot_id = r.robot_id",
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
        "UPDATE robot b SET live_session_id = r.live_session_id, live_tier = r.live_tier, live_link = r.live_link,
                               bridge_id = r.bridge_id, link_at = $2
             FROM jsonb_to_recordset($1::text::jsonb)
                  AS r(robot_id uuid, live_session_id uuid, live_tier text, live_link text, bridge_id uuid)
             WHERE b.robot_id = r.robot_id",
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
        "UPDATE robot b SET last_used_at = r.last_used_at
             FROM jsonb_to_recordset($1::text::jsonb)
                  AS r(robot_id uuid, last_used_at timestamptz)
             WHERE b.robot_id = r.robot_id",
        rows
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What is known of these placements.
pub(crate) async fn placements(tx: &mut Transaction<'static, Db>, ids: &[Uuid]) -> Result<Vec<Placed>, StoreError> {
    Ok(sqlx::query_as!(
        Placed,
        r#"SELECT p.placement_id AS "placement_id!: Uuid", p.pupil_id AS "pupil_id!: Uuid", o.time_zone AS "time_zone!"
           FROM placement p JOIN pupil u ON u.pupil_id = p.pupil_id JOIN organisation o ON o.organisation_id = u.organisation_id
           WHERE p.placement_id = ANY($1)"#,
        ids
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// What is known of these visits.
pub(crate) async fn visits(tx: &mut Transaction<'static, Db>, ids: &[Uuid]) -> Result<Vec<Visited>, StoreError> {
    Ok(sqlx::query_as!(
        Visited,
        r#"SELECT session_id AS "session_id!: Uuid", placement_id AS "placement_id!: Uuid", robot_id AS "robot_id!: Uuid",
                  (reported_intervals IS NOT NULL) AS "is_over!: bool" FROM visit
           WHERE session_id = ANY($1)"#,
        ids
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// Where these intervals (session, number) lie, as far as they are held.
pub(crate) async fn places(tx: &mut Transaction<'static, Db>, intervals: &[(Uuid, i64)]) -> Result<Vec<Place>, StoreError> {
    let (sessions, numbers): (Vec<Uuid>, Vec<i64>) = intervals.iter().copied().unzip();
    Ok(sqlx::query_as!(
        Place,
        r#"SELECT p.session_id AS "session_id!: Uuid", p.n AS "n!: i64", p.placed_ms AS "placed_ms!: i64", p.span_ms AS "span_ms!: i64"
           FROM unnest($1::uuid[], $2::bigint[]) AS t (session_id, n)
           JOIN presence_interval p ON p.session_id = t.session_id AND p.n = t.n"#,
        &sessions,
        &numbers
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// Marks days as changed; they are sorted, so that servers with the same days wait for one another and never in a circle.
pub(crate) async fn mark(tx: &mut Transaction<'static, Db>, marks: &[Mark]) -> Result<(), StoreError> {
    let rows = json(marks);
    sqlx::query!(
        "INSERT INTO attendance_dirty (pupil_id, day, version)
             SELECT r.pupil_id, r.day, r.version
             FROM jsonb_to_recordset($1::text::jsonb) AS r(pupil_id uuid, day date, version uuid)
             ORDER BY r.pupil_id, r.day
             ON CONFLICT (pupil_id, day) DO UPDATE SET version = excluded.version",
        rows
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Removes the marks that still have their version; returns which days those are. One that another transaction holds is being written
/// again: it stays, and nobody waits.
pub(crate) async fn take_marks(
    tx: &mut Transaction<'static, Db>,
    marks: &[Mark],
) -> Result<Vec<(Uuid, NaiveDate)>, StoreError> {
    let rows = json(marks);
    let held = sqlx::query!(
        r#"WITH held AS (
               SELECT d.pupil_id, d.day FROM attendance_dirty d
               JOIN jsonb_to_recordset($1::text::jsonb) AS r(pupil_id uuid, day date, version uuid)
                    ON r.pupil_id = d.pupil_id AND r.day = d.day AND r.version = d.version
               ORDER BY d.pupil_id, d.day FOR UPDATE OF d SKIP LOCKED)
           DELETE FROM attendance_dirty d USING held WHERE d.pupil_id = held.pupil_id AND d.day = held.day
           RETURNING d.pupil_id AS "pupil_id!: Uuid", d.day AS "day!: NaiveDate""#,
        rows
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(held.into_iter().map(|row| (row.pupil_id, row.day)).collect())
}

/// Writes days, new or again. None is twice in `days`.
pub(crate) async fn write_days(tx: &mut Transaction<'static, Db>, days: &[Day]) -> Result<(), StoreError> {
    let rows = json(days);
    sqlx::query!(
        "INSERT INTO attendance_day (pupil_id, day, placement_id, school_id, expected_ms, connected_ms, video_ms, stills_ms,
                                         audio_ms, counted_ms, social_ms, social_counted_ms, active_lessons, anomalies, version)
             SELECT r.pupil_id, r.day, r.placement_id, r.school_id, r.expected_ms, r.connected_ms, r.video_ms, r.stills_ms,
                    r.audio_ms, r.counted_ms, r.social_ms, r.social_counted_ms, r.active_lessons, r.anomalies, r.version
             FROM jsonb_to_recordset($1::text::jsonb)
                  AS r(pupil_id uuid, day date, placement_id uuid, school_id uuid, expected_ms bigint, connected_ms bigint, video_ms bigint,
                       stills_ms bigint, audio_ms bigint, counted_ms bigint, social_ms bigint,
                       social_counted_ms bigint, active_lessons bigint, anomalies bigint, version uuid)
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
        "DELETE FROM attendance_day a USING jsonb_to_recordset($1::text::jsonb) AS r(pupil_id uuid, day date)
         WHERE a.pupil_id = r.pupil_id AND a.day = r.day",
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
        "INSERT INTO visit (session_id, placement_id, robot_id)
             SELECT r.session_id, r.placement_id, r.robot_id
             FROM jsonb_to_recordset($1::text::jsonb)
                  AS r(session_id uuid, placement_id uuid, robot_id uuid)
             ON CONFLICT (session_id) DO NOTHING",
        rows
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Merges intervals by their largest values; returns where those lie that were taken, the others are held with another tier or beginning. None is
/// twice in `rows`.
pub(crate) async fn merge_intervals(tx: &mut Transaction<'static, Db>, rows: &[Interval]) -> Result<Vec<Place>, StoreError> {
    let rows = json(rows);
    Ok(sqlx::query_as!(
        Place,
        r#"INSERT INTO presence_interval (session_id, n, tier, from_at, until_at, span_ms, spoke_ms, hands, looks, feelings, closed_by, clock_offset_ms,
                                        arrival_span_ms, measured_offset_ms, pupil_id, placed_ms)
             SELECT r.session_id, r.n, r.tier, r.from_at, r.until_at, r.span_ms, r.spoke_ms, r.hands, r.looks, r.feelings,
                    r.closed_by, r.clock_offset_ms, r.arrival_span_ms, r.measured_offset_ms, r.pupil_id, r.placed_ms
             FROM jsonb_to_recordset($1::text::jsonb)
                  AS r(session_id uuid, n bigint, tier text, from_at timestamptz, until_at timestamptz, span_ms bigint,
                       spoke_ms bigint, hands bigint, looks bigint, feelings bigint, closed_by text, clock_offset_ms bigint,
                       arrival_span_ms bigint, measured_offset_ms bigint, pupil_id uuid, placed_ms bigint)
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
             WHERE presence_interval.tier = excluded.tier AND presence_interval.from_at = excluded.from_at
             RETURNING session_id AS "session_id!: Uuid", n AS "n!: i64", placed_ms AS "placed_ms!: i64", span_ms AS "span_ms!: i64""#,
        rows
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// Notes the ends of visits; the latest one told stays. No visit is twice in `rows`.
pub(crate) async fn end_visits(tx: &mut Transaction<'static, Db>, rows: &[Ended]) -> Result<(), StoreError> {
    let rows = json(rows);
    sqlx::query!(
        "UPDATE visit v SET ended_at = r.at, end_reason = r.reason, reported_intervals = r.intervals, reported_ms = r.total_ms
         FROM jsonb_to_recordset($1::text::jsonb)
              AS r(session_id uuid, at timestamptz, reason text, intervals bigint, total_ms bigint)
         WHERE v.session_id = r.session_id AND (v.ended_at IS NULL OR v.ended_at <= r.at)",
        rows
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Where the intervals of these visits end, by our clock, as far as any is held.
pub(crate) async fn ends(tx: &mut Transaction<'static, Db>, sessions: &[Uuid]) -> Result<Vec<(Uuid, i64)>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT session_id AS "session_id!: Uuid", max(placed_ms + span_ms) AS "end_ms!: i64"
           FROM presence_interval WHERE session_id = ANY($1) GROUP BY session_id"#,
        sessions
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.session_id, row.end_ms)).collect())
}

/// Adds messages to quarantine.
pub(crate) async fn add_quarantined(tx: &mut Transaction<'static, Db>, rows: &[Quarantined]) -> Result<(), StoreError> {
    let rows = json(rows);
    sqlx::query!(
        "INSERT INTO quarantine (quarantine_id, topic, device_id, epoch, seq, payload, cut_from_bytes, reason, received_at)
             SELECT r.quarantine_id, r.topic, r.device_id, r.epoch, r.seq, decode(r.payload, 'hex'), r.cut_from_bytes, r.reason,
                    r.received_at
             FROM jsonb_to_recordset($1::text::jsonb)
                  AS r(quarantine_id uuid, topic text, device_id uuid, epoch uuid, seq bigint, payload text,
                       cut_from_bytes bigint, reason text, received_at timestamptz)",
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
        "INSERT INTO robot_event (robot_event_id, robot_id, session_id, what, at)
             SELECT r.robot_event_id, r.robot_id, r.session_id, r.what, r.at
             FROM jsonb_to_recordset($1::text::jsonb)
                  AS r(robot_event_id uuid, robot_id uuid, session_id uuid, what text, at timestamptz)
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
        "INSERT INTO telemetry_minute (robot_id, minute_at, battery_pct, wifi_dbm, robot_rtt_ms, robot_loss_permille, robot_receive_bps, pupil_rtt_ms,
             pupil_loss_permille, pupil_send_bps, tier)
             SELECT r.robot_id, r.minute_at, r.battery_pct, r.wifi_dbm, r.robot_rtt_ms, r.robot_loss_permille,
                    r.robot_receive_bps, r.pupil_rtt_ms, r.pupil_loss_permille, r.pupil_send_bps, r.tier
             FROM jsonb_to_recordset($1::text::jsonb)
                  AS r(robot_id uuid, minute_at timestamptz, battery_pct bigint, wifi_dbm bigint, robot_rtt_ms bigint,
                       robot_loss_permille bigint, robot_receive_bps bigint, pupil_rtt_ms bigint, pupil_loss_permille bigint,
                       pupil_send_bps bigint, tier text)
             ON CONFLICT (robot_id, minute_at) DO UPDATE SET
                battery_pct = coalesce(excluded.battery_pct, telemetry_minute.battery_pct),
                wifi_dbm = coalesce(excluded.wifi_dbm, telemetry_minute.wifi_dbm),
                robot_rtt_ms = greatest(excluded.robot_rtt_ms, telemetry_minute.robot_rtt_ms),
                robot_loss_permille = greatest(excluded.robot_loss_permille, telemetry_minute.robot_loss_permille),
                robot_receive_bps = coalesce(excluded.robot_receive_bps, telemetry_minute.robot_receive_bps),
                pupil_rtt_ms = greatest(excluded.pupil_rtt_ms, telemetry_minute.pupil_rtt_ms),
                pupil_loss_permille = greatest(excluded.pupil_loss_permille, telemetry_minute.pupil_loss_permille),
                pupil_send_bps = coalesce(excluded.pupil_send_bps, telemetry_minute.pupil_send_bps),
                tier = coalesce(excluded.tier, telemetry_minute.tier)",
        rows
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
