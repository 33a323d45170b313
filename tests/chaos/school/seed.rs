//! The rows that a run begins with: one school, a robot and a pupil for each seat, lessons all day.

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use protocol::{BridgeId, PlacementId, RobotId};
use server_core::school::OrganisationKind;
use store::lessons::SlotRow;
use store::organisations::{OrganisationRow, RoomRow};
use store::placements::{NewPlacement, NewPupil};
use store::{DeviceKind, Store};
use uuid::Uuid;

/// One pupil with a robot of their own.
#[derive(Clone, Copy, Debug)]
pub struct Seat {
    /// Whose minutes.
    pub pupil: Uuid,
    /// Under which arrangement.
    pub placement: PlacementId,
    /// Through which robot.
    pub robot: RobotId,
}

const fn id(group: u128, n: u128) -> Uuid {
    Uuid::from_u128(0xc4a0_5000_0000_7000_8000_0000_0000_0000 | (group << 32) | n)
}

/// The seat with this number, the same in every run.
pub fn seat(n: usize) -> Seat {
    let n = n as u128 + 1;
    Seat { pupil: id(1, n), placement: PlacementId(id(2, n)), robot: RobotId(id(3, n)) }
}

/// The bridge with this number.
pub fn bridge(n: usize) -> BridgeId {
    BridgeId(id(4, n as u128 + 1))
}

/// Fills an empty database.
pub async fn fill(store: &Store, bridges: usize, seats: &[Seat], now: DateTime<Utc>) {
    let (authority, school, room, class) = (id(5, 1), id(5, 2), id(6, 1), id(7, 1));
    let week_one = NaiveDate::from_ymd_opt(2026, 9, 7).unwrap();
    for (organisation_id, kind, name, parent_id, week_one) in [
        (authority, OrganisationKind::Authority, "Storm County", None, None),
        (school, OrganisationKind::School, "Gale Road School", Some(authority), Some(week_one)),
    ] {
        let row = OrganisationRow {
            organisation_id,
            kind: kind.as_str().to_owned(),
            name: name.to_owned(),
            parent_id,
            time_zone: "Europe/London".to_owned(),
        };
        store.add_organisation(&row, week_one).await.unwrap();
    }
    store.add_room(&RoomRow { room_id: room, organisation_id: school, name: "Room 1".to_owned() }).await.unwrap();
    store.add_class_group(class, school, "9A").await.unwrap();
    for n in 0..bridges {
        store.set_device(bridge(n).0, DeviceKind::Bridge, &[0; 32]).await.unwrap();
    }
    let slots = lessons(class, room);
    for (n, seat) in seats.iter().enumerate() {
        store.set_device(seat.robot.0, DeviceKind::Robot, &[0; 32]).await.unwrap();
        store.add_robot(seat.robot.0, school, &format!("Robot {n}"), Some(room)).await.unwrap();
        let name = format!("Pupil {n}");
        let pupil =
            NewPupil { pupil_id: seat.pupil, organisation_id: school, name: &name, upn: None, year_group: 9, born: None };
        store.add_pupil(&pupil).await.unwrap();
        let placement = NewPlacement {
            placement_id: seat.placement.0,
            pupil_id: seat.pupil,
            robot_id: Some(seat.robot.0),
            school_id: school,
            provider_id: None,
            key_worker_id: None,
            from_day: (now - TimeDelta::days(7)).date_naive(),
            until_day: now.date_naive() + Days::new(60),
        };
        store.add_placement(&placement, &[]).await.unwrap();
        store.add_slots(seat.placement.0, &slots).await.unwrap();
    }
}

/// Lessons of three quarters of an hour with a break between, day and night, each school day of both weeks: a run goes over midnight.
fn lessons(class: Uuid, room: Uuid) -> Vec<SlotRow> {
    let mut slots = Vec::new();
    for (week, weekday, hour) in
        (1..=2).flat_map(|week| (1..=5).flat_map(move |day| (0..24).map(move |hour| (week, day, hour))))
    {
        let n: i64 = (week * 10 + weekday) * 100 + hour;
        slots.push(SlotRow {
            timetable_slot_id: id(8, u128::from(n.unsigned_abs())),
            class_group_id: class,
            room_id: room,
            room_name: String::new(),
            week,
            weekday,
            start_min: hour * 60,
            end_min: hour * 60 + 45,
            subject: "Weather".to_owned(),
            teacher: "Ms W.".to_owned(),
            robot_stays_out: false,
            valid_from: None,
            valid_until: None,
            expected: true,
            expected_from: None,
            expected_until: None,
        });
    }
    slots
}
