//! PostgreSQL for tests: what is committed survives being killed, and nothing is left behind.

use engines::{Fresh, Postgres};
use store::organisations::OrganisationRow;
use uuid::Uuid;

#[tokio::test]
async fn what_is_committed_survives_a_kill_and_the_same_pool_finds_the_server_again() {
    let mut server = Postgres::start();
    let fresh = Fresh::at(&server).await;
    let row = OrganisationRow {
        organisation_id: Uuid::from_u128(7),
        kind: "school".into(),
        name: "Alder Road".into(),
        parent_id: None,
        time_zone: "Europe/London".into(),
    };
    fresh.add_organisation(&row, None).await.unwrap();
    let killed = server.pid().unwrap();
    server.kill9();
    assert!(fresh.ping().await.is_err(), "it is gone");
    server.restart();
    assert_ne!(server.pid(), Some(killed));
    assert_eq!(fresh.organisation(row.organisation_id).await.unwrap(), Some(row));
}

#[test]
fn a_server_that_is_dropped_leaves_no_process_and_no_folder() {
    let server = Postgres::start();
    let (pid, folder) = (server.pid().unwrap(), server.folder().to_owned());
    assert!(std::fs::exists(format!("/proc/{pid}")).unwrap() && folder.exists());
    drop(server);
    assert!(!std::fs::exists(format!("/proc/{pid}")).unwrap() && !folder.exists());
}
