//! Opening, and what every test of a query file starts from.

use tempfile::TempDir;

use crate::Store;

/// A fresh database; keep the directory as long as the store.
pub(crate) async fn fresh() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("t.db")).await.unwrap();
    (dir, store)
}

#[tokio::test]
async fn a_second_open_finds_the_tables_up_to_date() {
    let (dir, store) = fresh().await;
    store.close().await;
    let again = Store::open(&dir.path().join("t.db")).await.unwrap();
    again.ping().await.unwrap();
}

#[tokio::test]
async fn an_unwritable_place_is_an_error_that_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let error = Store::open(&dir.path().join("missing/t.db")).await.unwrap_err();
    assert!(error.to_string().contains("missing/t.db"), "{error}");
}

#[tokio::test]
async fn readers_see_only_what_is_committed() {
    let (_dir, store) = fresh().await;
    let organisation = uuid::Uuid::from_u128(7);
    let mut tx = store.begin().await.unwrap();
    sqlx::query!("INSERT INTO organisation (organisation_id, kind, name) VALUES ($1, 'school', 'A')", organisation)
        .execute(&mut *tx)
        .await
        .unwrap();
    assert!(store.organisation(organisation).await.unwrap().is_none());
    tx.commit().await.unwrap();
    assert_eq!(store.organisation(organisation).await.unwrap().unwrap().name, "A");
}
