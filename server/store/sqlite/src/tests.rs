//! What only this engine does: a file that cannot grow any more.

use store::robots::DeviceKind;
use uuid::Uuid;

use super::*;
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
