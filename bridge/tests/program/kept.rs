//! An outbox that is full, and one that an earlier version of this program made.

use std::path::Path;

use bridge::outbox::store::{self, Store};
use chrono::{DateTime, Utc};
use protocol::{Act, ClosedBy, EndReason, Kind, PresenceMessage, Tier};
use sqlx::migrate::{Migrate as _, Migrator};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use uuid::Uuid;

use super::harness::{World, eventually};
use super::peer::Peer;

fn now() -> DateTime<Utc> {
    "2026-11-20T09:00:00Z".parse().unwrap()
}

/// The least that may be configured.
const LIMIT_MIB: u32 = 8;

#[tokio::test(flavor = "multi_thread")]
async fn a_full_outbox_says_so_and_keeps_minutes_but_no_events() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("full.db");
    let full = Store::open(&path).await.unwrap();
    let mut tx = full.begin().await.unwrap();
    let (long, pieces) = (format!("\"{}\"", "x".repeat(64 * 1024)), LIMIT_MIB * 16);
    for _ in 0..pieces {
        store::append(&mut tx, Kind::Event, &long, None, now()).await.unwrap();
    }
    tx.commit().await.unwrap();
    full.close().await;

    let mut world = World::start_with(|config| {
        config.outbox.path.clone_from(&path);
        config.outbox.max_mib = LIMIT_MIB;
    })
    .await;
    let said = eventually("the page to say so", async || {
        let ready = world.ready().await;
        ready["reasons"][0].as_str().map(str::to_owned)
    })
    .await;
    assert_eq!(said, "the outbox is full: check server and broker");
    let robot = Peer::robot(&world.client, &world.whip(), &world.token(Act::Publish)).await.unwrap();
    robot.connected().await;
    let token = world.token(Act::View);
    let pupil = eventually("a seat", async || Peer::tablet(&world.client, &world.whep(), &token).await.ok()).await;
    pupil.connected().await;
    // Longer than the bridge says progress.
    pupil.receives(200, 200).await;
    pupil.leaves().await;
    world.stop().await;

    let kept = Store::open(&path).await.unwrap();
    let rows = kept.take(u64::from(pieces), 1_000, now()).await.unwrap();
    assert!(rows.iter().all(|row| row.kind == Kind::Presence), "events were left out: {rows:?}");
    let facts: Vec<PresenceMessage> = rows.iter().map(|row| serde_json::from_str(&row.body).unwrap()).collect();
    let mut spans = 0;
    for fact in &facts {
        if let PresenceMessage::Interval { closed_by, span_ms, .. } = fact {
            assert!(closed_by.is_some(), "progress was left out: {facts:?}");
            spans += span_ms;
        }
    }
    let Some(PresenceMessage::Ended { total_ms, .. }) = facts.last() else { panic!("an end: {facts:?}") };
    assert!(spans > 0 && spans == *total_ms, "every second is there: {facts:?}");
    assert_eq!(kept.take(0, 1_000, now()).await.unwrap().len(), rows.len() + pieces as usize, "nothing that waited is lost");
    kept.close().await;
}

/// A bridge of the first version was killed in a lesson with facts under way; today's program is started on its file.
#[tokio::test]
async fn an_outbox_of_the_first_version_is_brought_up_to_date_with_what_waits_and_the_visit_that_was_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.db");
    let at: DateTime<Utc> = "2026-11-20T09:40:00Z".parse().unwrap();
    {
        let mut old = SqliteConnectOptions::new().filename(&path).create_if_missing(true).connect().await.unwrap();
        let migrator = Migrator::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations")).await.unwrap();
        old.ensure_migrations_table(&migrator.table_name).await.unwrap();
        old.apply(&migrator.table_name, migrator.iter().next().unwrap()).await.unwrap();
        sqlx::raw_sql(
            "INSERT INTO outbox (outbox_id, epoch, next_seq) VALUES (1, zeroblob(16), 8);
             INSERT INTO message (seq, message_id, kind, body, created_at, sent_at)
                 VALUES (6, zeroblob(16), 'event', '{}', '2026-11-20T09:14:00+00:00', '2026-11-20T09:14:01+00:00'),
                        (7, x'00000000000000000000000000000001', 'event', '{}', '2026-11-20T09:15:00+00:00', NULL);
             INSERT INTO checkpoint (session_id, placement_id, robot_id, intervals, closed_ms, at, tier, from_at, span_us, spoke_ms, hands, looks, feelings)
                 VALUES (x'00000000000000000000000000000002', zeroblob(16), zeroblob(16), 3, 60000, '2026-11-20T09:30:00+00:00', 'video',
                         '2026-11-20T09:20:00+00:00', 600000000, 0, 1, 0, 0);",
        )
        .execute(&mut old)
        .await
        .unwrap();
        old.close().await.unwrap();
    }
    let clock = protocol::SystemClock::new();
    let kept = bridge::outbox::open(&bridge::config::OutboxConfig { path, ..Default::default() }, &clock).await.unwrap();
    assert_eq!(kept.epoch(), Uuid::nil(), "the same life of the file");
    let rows = kept.take(0, 100, at).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), [6, 7, 8, 9]);
    let facts: Vec<PresenceMessage> = rows[2..].iter().map(|row| serde_json::from_str(&row.body).unwrap()).collect();
    let PresenceMessage::Interval { n: 3, tier: Tier::Video, closed_by: Some(ClosedBy::Recovery), span_ms: 600_000, .. } =
        &facts[0]
    else {
        panic!("the open interval, closed: {facts:?}")
    };
    let PresenceMessage::Ended { reason: EndReason::Recovery, intervals: 3, total_ms: 660_000, .. } = &facts[1] else {
        panic!("the end, with everything before it: {facts:?}")
    };
    kept.close().await;
}
