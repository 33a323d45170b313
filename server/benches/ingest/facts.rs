//! What the bridges say: growing intervals of many sessions and an event now and then, each 1 KiB by a field that nobody knows.

use std::fmt::Write as _;

use chrono::{DateTime, Days, NaiveDate, SecondsFormat, TimeDelta, Utc};
use server_core::school::OrganisationKind;
use store::organisations::{OrganisationRow, RoomRow};
use store::placements::{NewPlacement, NewPupil};
use store::{DeviceKind, Store};
use uuid::Uuid;

/// Bridges, each with a connection of its own.
pub const BRIDGES: usize = 28;
/// Sessions that each has at a time.
const SESSIONS: u64 = 8;
/// Size of a payload.
pub const MESSAGE_BYTES: usize = 1024;
const FILLING: &str = match std::str::from_utf8(&[b'.'; MESSAGE_BYTES]) {
    Ok(text) => text,
    Err(_) => unreachable!(),
};
/// An interval is said so many times, longer each time; then the next one begins.
const GROWTHS: u64 = 30;

/// Ids and the day of a run.
#[derive(Clone, Copy, Debug)]
pub struct School {
    day: NaiveDate,
}

const fn id(group: u128, n: u128) -> Uuid {
    Uuid::from_u128(0xbe4c_0000_0000_7000_8000_0000_0000_0000 | (group << 40) | n)
}

/// The bridge with this number.
pub fn bridge(n: usize) -> Uuid {
    id(1, n as u128)
}

fn seat(bridge: usize, session: u64) -> u128 {
    (bridge as u128) << 16 | u128::from(session)
}

impl School {
    /// On a Monday.
    pub fn new() -> Self {
        Self { day: NaiveDate::from_ymd_opt(2026, 11, 23).unwrap() }
    }

    /// Users of the broker: the server and every bridge.
    pub fn users(&self) -> Vec<(String, String)> {
        let names = (0..BRIDGES).map(|n| bridge(n).to_string());
        ["server".to_owned()].into_iter().chain(names).map(|name| (name.clone(), format!("secret of {name}"))).collect()
    }

    /// Message number `seq` of a bridge: the kind of its topic, and its payload.
    pub fn message(&self, bridge: usize, epoch: Uuid, seq: u64) -> (&'static str, Vec<u8>) {
        let mut text = String::with_capacity(MESSAGE_BYTES + 8);
        let (seat, round) = (seat(bridge, seq % SESSIONS), seq / SESSIONS);
        let (robot, placement, session) = (id(2, seat), id(3, seat), id(4, seat));
        let at = |s: u64| {
            (self.morning() + TimeDelta::seconds(i64::try_from(s).unwrap())).to_rfc3339_opts(SecondsFormat::Millis, true)
        };
        let message = Uuid::from_u128(id(5, 0).as_u128() | (bridge as u128) << 64 | u128::from(seq));
        let sent_at = at(7 * 3600);
        write!(text, r#"{{"v":1,"id":"{message}","epoch":"{epoch}","seq":{seq},"oldest":1,"sent_at":"{sent_at}","mono_ms":{seq},"body":{{"#)
            .unwrap();
        let is_event = round % 10 == 9;
        if is_event {
            write!(text, r#""what":"hand_raised","robot":"{robot}","session":"{session}","at":"{sent_at}""#).unwrap();
        } else {
            let (n, grown) = (round / GROWTHS + 1, round % GROWTHS + 1);
            let (from, until) = (at(n * 2), at(n * 2 + grown * 5));
            let closed = if grown == GROWTHS { r#","closed_by":"interruption""# } else { "" };
            write!(
                text,
                r#""fact":"interval","session":"{session}","placement":"{placement}","robot":"{robot}","n":{n},"tier":"video","from":"{from}","until":"{until}","span_ms":{},"active":{{"spoke_ms":{grown},"hands":1,"looks":2,"feelings":0}}{closed}"#,
                grown * 5_000
            )
            .unwrap();
        }
        text.push_str(r#","later":""#);
        text.push_str(&FILLING[..MESSAGE_BYTES - 3 - text.len()]);
        text.push_str("\"}}");
        (if is_event { "event" } else { "presence" }, text.into_bytes())
    }

    /// Fills an empty database with robots, pupils and placements.
    pub async fn seed(&self, address: &str) {
        let store = open(address).await;
        let (school, room) = (id(6, 1), id(6, 2));
        let row = OrganisationRow {
            organisation_id: school,
            kind: OrganisationKind::School.as_str().to_owned(),
            name: "Quick Street School".to_owned(),
            parent_id: None,
            time_zone: "Europe/London".to_owned(),
        };
        store.add_organisation(&row, None).await.unwrap();
        store.add_room(&RoomRow { room_id: room, organisation_id: school, name: "Room 1".to_owned() }).await.unwrap();
        for bridge_n in 0..BRIDGES {
            store.set_device(bridge(bridge_n), DeviceKind::Bridge, &[0; 32]).await.unwrap();
            for session in 0..SESSIONS {
                let seat = seat(bridge_n, session);
                let (robot, pupil) = (id(2, seat), id(7, seat));
                store.set_device(robot, DeviceKind::Robot, &[0; 32]).await.unwrap();
                store.add_robot(robot, school, &format!("Robin {seat}"), Some(room)).await.unwrap();
                let new =
                    NewPupil { pupil_id: pupil, organisation_id: school, name: "A. P.", upn: None, year_group: 9, born: None };
                store.add_pupil(&new).await.unwrap();
                let placement = NewPlacement {
                    placement_id: id(3, seat),
                    pupil_id: pupil,
                    robot_id: Some(robot),
                    school_id: school,
                    provider_id: None,
                    key_worker_id: None,
                    from_day: self.day - Days::new(7),
                    until_day: self.day + Days::new(60),
                };
                store.add_placement(&placement, &[]).await.unwrap();
            }
        }
        store.close().await;
    }

    fn morning(&self) -> DateTime<Utc> {
        self.day.and_hms_opt(9, 0, 0).unwrap().and_utc()
    }
}

/// The database at this address, a path or a URL.
pub async fn open(address: &str) -> Store {
    if address.contains("://") {
        store_postgres::open(address, None).await.unwrap()
    } else {
        store_sqlite::open(address.as_ref()).await.unwrap()
    }
}
