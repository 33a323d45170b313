//! Stored rows → the core's lessons, minutes and robot states; what pages ask for.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc, Weekday};
use protocol::{RoomId, SessionId};
use server_core::attendance::{self, Account, Presence};
use server_core::calendar::{Calendar, Week};
use server_core::timetable::{About, Days, Lesson, Slot, lessons_between, lessons_on};
use server_core::usage::{Body, RobotFacts, Status};
use store::placements::PlacementRow;
use store::presence::PresenceRow;
use store::robots::RobotRow;
use store::{Store, StoreError};

/// A clock that is wrong by more than this moves an interval out of the day that is looked at.
const MARGIN: TimeDelta = TimeDelta::hours(1);

/// The timetable of one placement.
#[derive(Clone, Debug)]
pub struct Timetable {
    /// The school's calendar.
    pub calendar: Calendar,
    /// All slots that concern the pupil.
    pub slots: Vec<Slot>,
}

impl Timetable {
    /// The lessons of a day, by time.
    #[must_use]
    pub fn on(&self, day: NaiveDate) -> Vec<Lesson> {
        lessons_on(&self.calendar, &self.slots, day)
    }
}

/// A school day of a pupil: lessons, and the minutes of each in the same order.
#[derive(Clone, Debug)]
pub struct SchoolDay {
    /// Which day.
    pub day: NaiveDate,
    /// Lessons, by time.
    pub lessons: Vec<Lesson>,
    /// Minutes per lesson, social time, anomalies.
    pub account: Account,
}

/// The timetable of a placement.
///
/// # Errors
/// The database does not answer, or holds an unreadable calendar or slot.
pub async fn timetable(store: &Store, placement: &PlacementRow) -> Result<Timetable, StoreError> {
    let unreadable = |what| StoreError::Unreadable { what };
    let row = store.calendar(placement.school_id).await?.ok_or(unreadable("calendar"))?;
    let closures = row.closures.into_iter().map(|(day, _)| day);
    let calendar = Calendar::new(&row.time_zone, row.week_one_monday, closures).map_err(|_| unreadable("time zone"))?;
    let slots = store.slots_of_placement(placement.placement_id).await?;
    let slots = slots
        .into_iter()
        .map(|row| {
            Some(Slot {
                id: row.timetable_slot_id,
                week: if row.week == 1 { Week::One } else { Week::Two },
                weekday: Weekday::try_from(u8::try_from(row.weekday - 1).ok()?).ok()?,
                start_min: u16::try_from(row.start_min).ok()?,
                end_min: u16::try_from(row.end_min).ok()?,
                days: Days::ALL,
                expected: row.expected.then_some(Days::ALL),
                about: About {
                    room: RoomId(row.room_id),
                    room_name: row.room_name,
                    subject: row.subject,
                    teacher: row.teacher,
                    robot_stays_out: row.robot_stays_out,
                    expected: row.expected,
                },
            })
        })
        .collect::<Option<Vec<Slot>>>()
        .ok_or(unreadable("timetable slot"))?;
    Ok(Timetable { calendar, slots })
}

/// A pupil's school days from `first` to `last`, both included; weekends and closures too, without lessons.
///
/// # Errors
/// The database does not answer.
pub async fn school_days(
    store: &Store,
    placement: &PlacementRow,
    first: NaiveDate,
    last: NaiveDate,
) -> Result<Vec<SchoolDay>, StoreError> {
    let timetable = timetable(store, placement).await?;
    let (from, until) = (timetable.calendar.bounds(first).0, timetable.calendar.bounds(last).1);
    let rows = store.presence_of_pupil(placement.pupil_id, from - MARGIN, until + MARGIN).await?;
    let presence: Vec<Presence> = rows.iter().map(presence).collect();
    let days = first.iter_days().take(366).take_while(|day| *day <= last);
    Ok(days
        .map(|day| {
            let lessons = timetable.on(day);
            let account = attendance::account_within(timetable.calendar.bounds(day), &lessons, &presence);
            SchoolDay { day, lessons, account }
        })
        .collect())
}

/// The lessons of a placement from `first` to `last`, both included.
///
/// # Errors
/// The database does not answer.
pub async fn between(
    store: &Store,
    placement: &PlacementRow,
    first: NaiveDate,
    last: NaiveDate,
) -> Result<Vec<Lesson>, StoreError> {
    let timetable = timetable(store, placement).await?;
    Ok(lessons_between(&timetable.calendar, &timetable.slots, first, last))
}

/// What a robot and its bridge last said, for `server_core::usage`.
#[must_use]
pub fn robot_facts(row: &RobotRow) -> RobotFacts {
    RobotFacts {
        status: match row.status.as_str() {
            "here" => Status::Here,
            "off_by_person" => Status::OffByPerson,
            _ if row.status_at.is_none() => Status::NeverSeen,
            _ => Status::Gone,
        },
        body: row.body_state.as_deref().and_then(|word| match word {
            "idle" => Some(Body::Idle),
            "live" => Some(Body::Live),
            "resting" => Some(Body::Resting),
            "paused" => Some(Body::Paused),
            "carried" => Some(Body::Carried),
            _ => None,
        }),
        body_at: row.telemetry_at,
        battery_pct: row.battery_pct.and_then(|pct| u8::try_from(pct).ok()),
        charging: row.charging.unwrap_or(false),
        carried: row.carried_by.is_some(),
    }
}

/// Today, as the school of a placement counts days.
///
/// # Errors
/// The database does not answer.
pub async fn today(store: &Store, placement: &PlacementRow, now: DateTime<Utc>) -> Result<NaiveDate, StoreError> {
    Ok(timetable(store, placement).await?.calendar.day(now))
}

fn presence(row: &PresenceRow) -> Presence {
    let count = |value: i64| u32::try_from(value.max(0)).unwrap_or(u32::MAX);
    Presence {
        session: SessionId(row.session_id),
        n: count(row.n),
        tier: row.tier,
        from: row.from_at,
        until: row.until_at,
        span_ms: row.span_ms.max(0).unsigned_abs(),
        active: protocol::Active {
            spoke_ms: row.spoke_ms.max(0).unsigned_abs(),
            hands: count(row.hands),
            looks: count(row.looks),
            feelings: count(row.feelings),
        },
        closed_by: None,
        measured_offset_ms: None,
        arrival_offset_ms: row.clock_offset_ms,
    }
}
