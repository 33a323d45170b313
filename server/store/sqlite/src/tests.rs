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

/// What most tests need: a school, a room, a robot, a bridge, a pupil and a placement, each named by a constant.
pub(crate) mod world {
    use chrono::NaiveDate;
    use server_core::pupil::Upn;
    use uuid::Uuid;

    use crate::Store;
    use crate::organisations::{OrganisationRow, RoomRow};
    use crate::placements::{NewPlacement, NewPupil, PlanStageRow};
    use crate::robots::DeviceKind;

    pub(crate) const SCHOOL: Uuid = Uuid::from_u128(1);
    pub(crate) const ROOM: Uuid = Uuid::from_u128(2);
    pub(crate) const ROBOT: Uuid = Uuid::from_u128(3);
    pub(crate) const BRIDGE: Uuid = Uuid::from_u128(4);
    pub(crate) const PUPIL: Uuid = Uuid::from_u128(5);
    pub(crate) const PLACEMENT: Uuid = Uuid::from_u128(6);

    pub(crate) async fn fill(store: &Store) {
        let monday: NaiveDate = "2026-11-23".parse().unwrap();
        let school = OrganisationRow {
            organisation_id: SCHOOL,
            kind: "school".into(),
            name: "Alder Road".into(),
            parent_id: None,
            time_zone: "Europe/London".into(),
        };
        store.add_organisation(&school, Some(monday)).await.unwrap();
        store.add_room(&RoomRow { room_id: ROOM, organisation_id: SCHOOL, name: "Room 12".into() }).await.unwrap();
        store.set_device(ROBOT, DeviceKind::Robot, &[1; 32]).await.unwrap();
        store.set_device(BRIDGE, DeviceKind::Bridge, &[2; 32]).await.unwrap();
        store.add_robot(ROBOT, SCHOOL, "Robin", Some(ROOM)).await.unwrap();
        let upn: Upn = "B801200005001".parse().unwrap();
        let pupil = NewPupil { pupil_id: PUPIL, organisation_id: SCHOOL, name: "Ada Q.", upn: Some(&upn), year_group: 9 };
        store.add_pupil(&pupil).await.unwrap();
        let placement = NewPlacement {
            placement_id: PLACEMENT,
            pupil_id: PUPIL,
            robot_id: ROBOT,
            school_id: SCHOOL,
            provider_id: None,
            key_worker_id: None,
            from_day: monday,
            until_day: monday,
        };
        let plan = [PlanStageRow { stage: 1, title: "Aims".into(), due_day: Some(monday), done_day: None }];
        store.add_placement(&placement, &plan).await.unwrap();
    }
}
