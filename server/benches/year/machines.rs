//! What robots and bridges leave behind, as the product keeps it by default: bridges with their load, measurements by the minute and
//! numbers of messages of thirty days, events of the year, and as many unusable messages as are kept.

use chrono::{DateTime, Utc};
use engines::{Engine, Fresh};

use super::{Of, Size, Sql, days_of, run, school_days};

/// A bridge takes 500 robots.
pub(super) const A_BRIDGE: u64 = 500;
/// Measurements and numbers are kept for so many days.
const MONTH: i64 = 30;
/// Robots laid in one statement.
const AT_ONCE: u64 = 500;
/// Of a robot on a school day: a tenth of what two visits of an hour tell. No page reads them, only how far they go.
const NUMBERS: u64 = 13;
/// The most that are kept without a number.
const QUARANTINED: u64 = 10_000;

pub(super) async fn fill(fresh: &Fresh, size: &Size, now: DateTime<Utc>) {
    let sql = Sql(fresh.engine);
    let midnight = now.date_naive().and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp();
    // Indexes by age grow out of order here, a robot after the other; made at the end they are what they would have become.
    run(fresh, "DROP INDEX telemetry_minute_age; DROP INDEX robot_event_age").await;
    let backs: Vec<i64> = school_days(size).into_iter().rev().collect();
    let month: Vec<i64> = backs.iter().copied().filter(|back| *back < MONTH).collect();
    let begins = format!("({midnight} - back * 86400 + 8 * 3600)");
    for first in (0..size.robots).step_by(usize::try_from(AT_ONCE).unwrap()) {
        let robots = sql.series("s", "i", AT_ONCE.min(size.robots - first));
        let robot = sql.id(Of::Robot, &format!("(i + {first})"));
        let at = format!("({begins} + m * 60)");
        let visited = "(m BETWEEN 51 AND 171)";
        let measured = |value: &str| format!("CASE WHEN {visited} THEN {value} END");
        in_bulk(
            fresh,
            &format!(
                "WITH RECURSIVE {robots}, {}, {} INSERT INTO telemetry_minute (robot_id, minute_at, battery_pct, wifi_dbm, robot_rtt_ms,
                     robot_loss_permille, robot_receive_bps, pupil_rtt_ms, pupil_loss_permille, pupil_send_bps, tier)
                 SELECT {robot}, {}, 100 - m / 6 % 90, -50 - (i + m) % 25, {}, {}, {}, {}, {}, {}, {}
                 FROM s CROSS JOIN d CROSS JOIN m WHERE {at} <= {}",
                days_of(&month),
                sql.series("m", "m", size.minutes),
                sql.at(&at),
                measured("20 + m % 30"),
                measured("m % 12"),
                measured("1500000 + m"),
                measured("30 + m % 30"),
                measured("m % 9"),
                measured("1400000 + m"),
                measured("'video'"),
                now.timestamp()
            ),
        )
        .await;
        let at = format!("({begins} + k * 1800)");
        in_bulk(
            fresh,
            &format!(
                "WITH RECURSIVE {robots}, {}, {} INSERT INTO robot_event (robot_event_id, robot_id, session_id, what, at)
                 SELECT {}, {robot}, CASE WHEN k > 0 THEN {} END,
                        CASE k WHEN 0 THEN 'started' WHEN 1 THEN 'pupil_joined' WHEN 2 THEN 'hand_raised' WHEN 3 THEN 'hand_lowered'
                               WHEN 4 THEN 'paused' ELSE 'resumed' END, {}
                 FROM s CROSS JOIN d CROSS JOIN t WHERE {at} <= {}",
                days_of(&backs),
                sql.series("t", "k", 6),
                sql.id(Of::Event, &format!("(i + {first}) * 10000 + (1000 - back) * 10 + k")),
                sql.id(Of::Visit, &format!("(i + {first}) * 1000 + back")),
                sql.at(&at),
                now.timestamp()
            ),
        )
        .await;
    }
    in_bulk(fresh, "CREATE INDEX telemetry_minute_age ON telemetry_minute (minute_at)").await;
    in_bulk(fresh, "CREATE INDEX robot_event_age ON robot_event (at)").await;
    numbers(fresh, size, midnight, &month).await;
    if fresh.engine == Engine::Sqlite {
        run(fresh, "PRAGMA wal_checkpoint(TRUNCATE)").await;
    }
}

/// Numbers of messages from bridges, without a gap; and what came without any use.
async fn numbers(fresh: &Fresh, size: &Size, midnight: i64, month: &[i64]) {
    let sql = Sql(fresh.engine);
    let bytes = |hex: &str| if fresh.engine == Engine::Sqlite { format!("x'{hex}'") } else { format!("'\\x{hex}'") };
    // Today's messages are on their way.
    let past: Vec<String> =
        (0..).zip(month.iter().filter(|back| **back > 0)).map(|(n, back)| format!("({n}, {back})")).collect();
    let a_day = NUMBERS * A_BRIDGE.min(size.robots);
    let bridges = size.robots.div_ceil(A_BRIDGE);
    for bridge in 0..bridges {
        let (device, epoch) = (sql.id(Of::Bridge, &bridge.to_string()), sql.id(Of::Epoch, &bridge.to_string()));
        let all = a_day * past.len() as u64;
        run(
            fresh,
            &format!(
                "INSERT INTO inbox_cursor (device_id, epoch, contiguous, highest) VALUES ({device}, {epoch}, {all}, {all})"
            ),
        )
        .await;
        if !past.is_empty() {
            in_bulk(
                fresh,
                &format!(
                    "WITH RECURSIVE d(nth, back) AS (VALUES {}), {}
                     INSERT INTO inbox (device_id, epoch, seq, kind, received_at, body_sha256)
                     SELECT {device}, {epoch}, nth * {a_day} + k + 1, 'presence', {}, {} FROM d CROSS JOIN t",
                    past.join(", "),
                    sql.series("t", "k", a_day),
                    sql.at(&format!("({midnight} - back * 86400 + 8 * 3600 + k % 25200)")),
                    bytes(&"5a".repeat(32))
                ),
            )
            .await;
            run(
                fresh,
                &format!(
                    "INSERT INTO lost_range (device_id, epoch, first_seq, last_seq, noted_at) VALUES ({device}, {epoch}, 5, 9, {})",
                    sql.at(&(midnight - 86_400).to_string())
                ),
            )
            .await;
        }
    }
    run(
        fresh,
        &format!(
            "WITH RECURSIVE {} INSERT INTO quarantine (quarantine_id, topic, payload, reason, received_at)
             SELECT {}, 'ws/v1/x/up/robot', {}, 'the body is not readable: case ' || i % 7, {} FROM s",
            sql.series("s", "i", QUARANTINED.min(size.robots)),
            sql.id(Of::Message, "i"),
            bytes(&"7b".repeat(300)),
            sql.at(&format!("{midnight} - i * 200"))
        ),
    )
    .await;
}

/// Without looking up what every row refers to: it was laid before.
async fn in_bulk(fresh: &Fresh, text: &str) {
    let first = match fresh.engine {
        Engine::Sqlite => "PRAGMA foreign_keys = OFF; PRAGMA cache_size = -262144;",
        Engine::Postgres => "SET session_replication_role = replica; SET maintenance_work_mem = '512MB';",
    };
    run(fresh, &format!("{first} {text}")).await;
}
