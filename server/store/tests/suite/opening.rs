//! Opening, and what is visible when.

use engines::{Fresh, on_each_engine};
use store::organisations::OrganisationRow;
use tokio::task::JoinSet;
use uuid::Uuid;

on_each_engine!(a_second_open_finds_the_tables_up_to_date, many_servers_start_at_once);

async fn a_second_open_finds_the_tables_up_to_date(fresh: Fresh) {
    let school = OrganisationRow {
        organisation_id: Uuid::from_u128(7),
        kind: "school".into(),
        name: "A".into(),
        parent_id: None,
        time_zone: "Europe/London".into(),
    };
    fresh.add_organisation(&school, None).await.unwrap();
    fresh.close().await;
    assert!(fresh.ping().await.is_err(), "a closed store does not answer");
    let again = fresh.open_again().await;
    again.ping().await.unwrap();
    assert_eq!(again.organisation(school.organisation_id).await.unwrap(), Some(school));
}

/// Replicas are often started together, on a database that lacks the newest tables.
async fn many_servers_start_at_once(fresh: Fresh) {
    let opened = match fresh.engine {
        engines::Engine::Sqlite => {
            let path = format!("{}-other", fresh.address);
            vec![store_sqlite::open(path.as_ref()).await.unwrap()]
        }
        engines::Engine::Postgres => {
            let address = engines::database::empty_postgres(None).await;
            let mut starts = JoinSet::new();
            for _ in 0..6 {
                let address = address.clone();
                starts.spawn(async move { store_postgres::open(&address, None).await.unwrap() });
            }
            starts.join_all().await
        }
    };
    for store in opened {
        assert_eq!(store.robots().await.unwrap(), []);
    }
}

#[tokio::test]
async fn an_unwritable_place_is_an_error_that_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let error = store_sqlite::open(&dir.path().join("missing/t.db")).await.unwrap_err();
    assert!(error.to_string().contains("missing/t.db"), "{error}");
}

#[tokio::test]
async fn an_error_names_the_database_and_never_the_password() {
    let secret = "Rk7password";
    let url = format!("postgres://someone:{secret}@127.0.0.1:1/school?sslmode=disable");
    let error = store_postgres::open(&url, None).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot open the database school at 127.0.0.1:1");
    assert!(!format!("{error:?}").contains(secret));
}

#[tokio::test]
async fn a_password_may_come_beside_the_address() {
    let with = engines::database::empty_postgres(None).await;
    let password = engines::database::shared_postgres().password();
    let without = with.replace(&format!(":{password}"), "");
    assert_ne!(with, without);
    assert!(store_postgres::open(&without, Some("another")).await.is_err());
    store_postgres::open(&without, Some(password)).await.unwrap().ping().await.unwrap();
}
