//! Fixed identifiers of the demonstration, so that a second start, a test and a robot's configuration mean the same things.

use protocol::{BridgeId, PlacementId, RobotId, SessionId};
use uuid::Uuid;

/// All of them begin alike.
const fn id(group: u128, n: u128) -> Uuid {
    Uuid::from_u128(0xdec0_0000_0000_7000_8000_0000_0000_0000 | (group << 32) | n)
}

/// Fennshire.
pub const AUTHORITY: Uuid = id(1, 1);
/// Larkfield Hospital School.
pub const HOSPITAL_SCHOOL: Uuid = id(1, 2);
/// Alder Road School.
pub const ALDER_ROAD: Uuid = id(1, 3);
/// Marsh Lane Academy.
pub const MARSH_LANE: Uuid = id(1, 4);

/// Rooms of Alder Road: office, Room 5, 8, 12, 21, sports hall.
pub const ALDER_ROOMS: [Uuid; 6] = [id(2, 1), id(2, 5), id(2, 8), id(2, 12), id(2, 21), id(2, 30)];
/// Rooms of Marsh Lane: office, Lab 3, Room 4, hall.
pub const MARSH_ROOMS: [Uuid; 4] = [id(2, 101), id(2, 103), id(2, 104), id(2, 130)];

/// At Alder Road.
pub const ROBIN: RobotId = RobotId(id(3, 1));
/// At Marsh Lane.
pub const FINCH: RobotId = RobotId(id(3, 2));
/// The bridge.
pub const BRIDGE: BridgeId = BridgeId(id(3, 100));

/// Ada Q., year 9, Alder Road; in class through Robin.
pub const ADA: Uuid = id(4, 1);
/// Ben M., year 8, Marsh Lane; in class through Finch.
pub const BEN: Uuid = id(4, 2);
/// Cara D., year 9, Alder Road; waits for a robot.
pub const CARA: Uuid = id(4, 3);
/// Dev R., year 10, Marsh Lane; no placement.
pub const DEV: Uuid = id(4, 4);

/// Ada and Robin.
pub const ADA_PLACEMENT: PlacementId = PlacementId(id(5, 1));
/// Ben and Finch.
pub const BEN_PLACEMENT: PlacementId = PlacementId(id(5, 2));

/// Coordinator of Fennshire.
pub const COORDINATOR: Uuid = id(6, 1);
/// Key worker J. of Larkfield, named to Ada and Ben.
pub const KEY_WORKER: Uuid = id(6, 2);
/// School lead of Alder Road.
pub const ALDER_LEAD: Uuid = id(6, 3);
/// School lead of Marsh Lane.
pub const MARSH_LEAD: Uuid = id(6, 4);
/// Classroom staff of Alder Road.
pub const ALDER_STAFF: Uuid = id(6, 5);
/// Classroom staff of Marsh Lane.
pub const MARSH_STAFF: Uuid = id(6, 6);
/// Auditor of Fennshire.
pub const AUDITOR: Uuid = id(6, 7);

/// Class 9A of Alder Road.
pub const CLASS_9A: Uuid = id(7, 1);
/// Class 8M of Marsh Lane.
pub const CLASS_8M: Uuid = id(7, 2);

/// Numbers of the history that is made up; no bridge uses this epoch.
pub const HISTORY_EPOCH: Uuid = id(8, 1);

/// A slot of a class: one name for one place in the two weeks.
pub(super) fn slot(class_group: Uuid, week: i64, weekday: i64, start_min: i64) -> Uuid {
    let place = (week * 10 + weekday) * 10_000 + start_min;
    Uuid::from_u128(id(9, place.unsigned_abs().into()).as_u128() | ((class_group.as_u128() & 0xffff) << 48))
}

/// A visit of the history.
pub(super) fn session(n: u128) -> SessionId {
    SessionId(id(10, n))
}

/// Ada's plan.
pub const ADA_PLAN: Uuid = id(20, 1);
/// Ada's father, who has a part and no account.
pub const ADA_PARENT: Uuid = id(21, 1);

/// Parts in Ada's plan.
pub(super) const fn party(n: u128) -> Uuid {
    id(22, n)
}

/// Entries of Ada's log of contacts.
pub(super) const fn contact(n: u128) -> Uuid {
    id(23, n)
}

/// Sheets of Ada's record: looks at growth from 1 on, goals from 11 on.
pub(super) const fn sheet(n: u128) -> Uuid {
    id(24, n)
}
