//! What most tests need: a school, a room, a robot, a bridge, a pupil and a placement, each named by a constant.

use chrono::NaiveDate;
use server_core::pupil::Upn;
use store::Store;
use store::organisations::{OrganisationRow, RoomRow};
use store::placements::{NewPlacement, NewPupil, PlanStageRow};
use store::robots::DeviceKind;
use uuid::Uuid;

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
    let pupil =
        NewPupil { pupil_id: PUPIL, organisation_id: SCHOOL, name: "Ada Q.", upn: Some(&upn), year_group: 9, born: None };
    store.add_pupil(&pupil).await.unwrap();
    let placement = NewPlacement {
        placement_id: PLACEMENT,
        pupil_id: PUPIL,
        robot_id: Some(ROBOT),
        school_id: SCHOOL,
        provider_id: None,
        key_worker_id: None,
        from_day: monday,
        until_day: monday,
    };
    let plan = [PlanStageRow { stage: 1, title: "Aims".into(), due_day: Some(monday), done_day: None }];
    store.add_placement(&placement, &plan).await.unwrap();
}
