//! What only this engine does: a file that cannot grow any more.

use store::robots::DeviceKind;
use uuid::Uuid;

use super::*;
use store::inbox::{Fact, Inbox as _, Received};
use store::robots::Robots as _;

#[tokio::test]
async fn after_a_full_disk_what_is_said_to_be_kept_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.db");
    let engine = connect(&path).await.unwrap();
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&engine.write).await.unwrap();
    let limit = |pages: i64| sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
    sqlx::query(limit(pages)).execute(&engine.write).await.unwrap();
    let device = |n: u128| engine.set_device(Uuid::from_u128(n), DeviceKind::Bridge, &[7; 3000]);
    let mut kept = 0;
    while device(kept).await.is_ok() {
        kept += 1;
        assert!(kept < 1_000, "the file is full at some point");
    }
    sqlx::query(limit(pages * 2)).execute(&engine.write).await.unwrap();
    device(kept).await.unwrap();
    engine.close().await;
    let again = connect(&path).await.unwrap();
    for n in 0..=kept {
        assert_eq!(again.device_kind(Uuid::from_u128(n)).await.unwrap(), Some(DeviceKind::Bridge), "{n} of {kept}");
    }
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_set_aside_and_all_is_taken_later() {
    let folder = tempfile::tempdir().unwrap();
    let engine = connect(&folder.path().join("t.db")).await.unwrap();
    let bridge = Uuid::from_u128(1);
    engine.set_device(bridge, DeviceKind::Bridge, &[7; 32]).await.unwrap();
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&engine.write).await.unwrap();
    let limit = |pages: i64| sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
    sqlx::query(limit(pages)).execute(&engine.write).await.unwrap();
    let message = |seq: u64| Received {
        device_id: bridge,
        message_id: Uuid::from_u128(u128::from(seq)),
        number: Some((Uuid::from_u128(2), seq)),
        oldest: None,
        body_sha256: [0; 32],
        offset_ms: None,
        mono_ms: 0,
        fact: Fact::Unusable("not readable".to_owned()),
        topic: "t".to_owned(),
        payload: vec![7; 5_000].into(),
    };
    let now = DateTime::UNIX_EPOCH;
    let mut next = 1;
    while engine.ingest(&[message(next), message(next + 1)], now).await.is_ok() {
        next += 2;
        assert!(next < 1_000, "the file is full at some point");
    }
    let held = engine.quarantined(2_000, None).await.unwrap().len();
    assert_eq!(u64::try_from(held).unwrap(), next - 1, "a batch is taken whole or not at all");
    sqlx::query(limit(pages * 2)).execute(&engine.write).await.unwrap();
    let ingested = engine.ingest(&[message(next), message(next + 1)], now).await.unwrap();
    assert_eq!(ingested.acks[0].1.through, next + 1);
}
