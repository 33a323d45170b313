//! Opening, and what is visible when.

use engines::{Engine, Fresh, on_each_engine};
use sqlx::migrate::MigrateError;
use store::StoreError;
use store::organisations::OrganisationRow;
use tokio::task::JoinSet;
use uuid::Uuid;

on_each_engine!(
    a_second_open_finds_the_tables_up_to_date,
    many_servers_start_at_once,
    a_server_of_before_leaves_a_newer_database_alone
);

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

/// What the README promises: an older server does not start on a newer database.
async fn a_server_of_before_leaves_a_newer_database_alone(fresh: Fresh) {
    let is_done = if fresh.engine == Engine::Sqlite { "1" } else { "true" };
    let checksum = if fresh.engine == Engine::Sqlite { "X'00'" } else { "'\\x00'" };
    fresh
        .run(&format!(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9999, 'of a later version', {is_done}, {checksum}, 0)"
        ))
        .await
        .unwrap();
    let again = match fresh.engine {
        Engine::Sqlite => store_sqlite::open(fresh.address.as_ref()).await,
        Engine::Postgres => store_postgres::open(&fresh.address, None).await,
    };
    let error = again.unwrap_err();
    assert!(matches!(&error, StoreError::Migrate { source: MigrateError::VersionMissing(9999), .. }), "{error:?}");
    assert_eq!(fresh.texts("SELECT description FROM _sqlx_migrations WHERE version = 9999").await.len(), 1);
    fresh.ping().await.unwrap();
}

/// Replicas are often started together, on a database that lacks the newest tables.
async fn many_servers_start_at_once(fresh: Fresh) {
    let opened = match fresh.engine {
        Engine::Sqlite => {
            let path = format!("{}-other", fresh.address);
            vec![store_sqlite::open(path.as_ref()).await.unwrap()]
        }
        Engine::Postgres => {
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

/// Administrators turn `synchronous_commit` off for the speed of others; an acknowledged minute must survive a power cut all the same. A
/// stricter setting stays.
#[tokio::test]
async fn what_is_committed_is_on_disk_even_where_the_server_would_not_wait() {
    let fresh = Fresh::on(Engine::Postgres).await;
    assert_eq!(fresh.texts("SELECT current_setting('synchronous_commit')").await, ["off"], "as this PostgreSQL is set");
    let noted = "CREATE TABLE noted (setting text NOT NULL);
                 CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
                 BEGIN INSERT INTO noted VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
                 CREATE TRIGGER note AFTER INSERT ON organisation FOR EACH ROW EXECUTE FUNCTION note()";
    fresh.run(noted).await.unwrap();
    let school = |n: u128| OrganisationRow {
        organisation_id: Uuid::from_u128(n),
        kind: "school".into(),
        name: n.to_string(),
        parent_id: None,
        time_zone: "Europe/London".into(),
    };
    fresh.add_organisation(&school(1), None).await.unwrap();
    let name = fresh.address.rsplit('/').next().unwrap();
    fresh.run(&format!("ALTER DATABASE {name} SET synchronous_commit = 'remote_apply'")).await.unwrap();
    fresh.open_again().await.add_organisation(&school(2), None).await.unwrap();
    assert_eq!(fresh.texts("SELECT setting FROM noted").await, ["on", "remote_apply"]);
}
