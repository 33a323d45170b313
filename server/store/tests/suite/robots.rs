//! Where robots stand, and who may sign in.

use engines::{Fresh, on_each_engine};
use store::organisations::{OrganisationRow, RoomRow};
use store::robots::DeviceKind;
use uuid::Uuid;

use crate::world::{BRIDGE, ROBOT, ROOM, fill};

on_each_engine!(a_robot_is_carried_and_put_down_only_in_its_own_school, devices_have_a_kind_until_they_are_revoked);

async fn a_robot_is_carried_and_put_down_only_in_its_own_school(store: Fresh) {
    fill(&store).await;
    let (staff, now, other) = (Uuid::from_u128(20), "2026-11-23T09:00:00Z".parse().unwrap(), Uuid::from_u128(21));
    let elsewhere = OrganisationRow {
        organisation_id: other,
        kind: "school".into(),
        name: "Marsh".into(),
        parent_id: None,
        time_zone: "Europe/London".into(),
    };
    store.add_organisation(&elsewhere, None).await.unwrap();
    store.add_room(&RoomRow { room_id: other, organisation_id: other, name: "Lab 3".into() }).await.unwrap();

    assert!(store.carry_robot(ROBOT, staff, now).await.unwrap());
    let row = store.robot(ROBOT).await.unwrap().unwrap();
    assert_eq!((row.room_id, row.carried_by, row.room_since_at), (None, Some(staff), Some(now)));
    assert!(!store.place_robot(ROBOT, other, now).await.unwrap(), "a room of another school");
    assert!(!store.place_robot(ROBOT, Uuid::from_u128(404), now).await.unwrap(), "no such room");
    assert!(!store.carry_robot(BRIDGE, staff, now).await.unwrap(), "not a robot");
    assert!(store.place_robot(ROBOT, ROOM, now).await.unwrap());
    let row = store.robot(ROBOT).await.unwrap().unwrap();
    assert_eq!((row.room_name.as_deref(), row.carried_by), (Some("Room 12"), None));
    assert_eq!(store.robots_of(other).await.unwrap(), []);
}

async fn devices_have_a_kind_until_they_are_revoked(store: Fresh) {
    fill(&store).await;
    assert_eq!(store.device_kind(ROBOT).await.unwrap(), Some(DeviceKind::Robot));
    assert_eq!(store.device_kind(BRIDGE).await.unwrap(), Some(DeviceKind::Bridge));
    assert_eq!(store.device_kind(Uuid::from_u128(404)).await.unwrap(), None);
    store.run("UPDATE device SET revoked_at = '2026-11-23T09:00:00+00:00'").await.unwrap();
    assert_eq!(store.device_kind(BRIDGE).await.unwrap(), None);
    assert_eq!(store.bridges().await.unwrap().len(), 0, "nobody is sent to it");
}
