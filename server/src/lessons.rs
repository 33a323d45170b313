//! Stored rows → the core's lessons, minutes and robot states; what pages ask for.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc, Weekday};
use protocol::{RoomId, SessionId};
use server_core::attendance::{Account, Presence};
use server_core::calendar::{Calendar, Week};
use server_core::register::SessionTimes;
use server_core::timetable::{About, Days, Lesson, Slot, lessons_between, lessons_on};
use server_core::usage::{Body, RobotFacts, Status};
use store::lessons::SlotRow;
use store::minutes::CorrectionRow;
use store::placements::PlacementRow;
use store::presence::PresenceRow;
use store::robots::RobotRow;
use store::{Store, StoreError};
use uuid::Uuid;

use crate::minutes::{Calendars, Ledger};

/// The timetable of one placement.
#[derive(Clone, Debug)]
pub struct Timetable {
    /// The school's calendar.
    pub calendar: Arc<Calendar>,
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
    /// What people corrected, in the order they did.
    pub corrections: Vec<CorrectionRow>,
}

/// The timetable of a placement.
///
/// # Errors
/// The database does not answer, or holds an unreadable calendar or slot.
pub async fn timetable(store: &Store, placement: &PlacementRow) -> Result<Timetable, StoreError> {
    timetable_of(store, placement.placement_id, placement.school_id, &mut Calendars::new()).await
}

/// The timetable of a placement at a school. Calendars that were read before are taken from `calendars`.
///
/// # Errors
/// The database does not answer, or holds an unreadable calendar or slot.
pub async fn timetable_of(
    store: &Store,
    placement_id: Uuid,
    school_id: Uuid,
    calendars: &mut Calendars,
) -> Result<Timetable, StoreError> {
    let unreadable = |what| StoreError::Unreadable { what };
    let calendar = calendar(store, school_id, calendars).await?;
    let slots = store.slots_of_placement(placement_id).await?;
    let slots = slots.into_iter().map(slot).collect::<Option<Vec<Slot>>>().ok_or(unreadable("timetable slot"))?;
    Ok(Timetable { calendar, slots })
}

/// The calendar of a school, read once.
///
/// # Errors
/// The database does not answer, or holds an unreadable calendar.
pub async fn calendar(store: &Store, school_id: Uuid, calendars: &mut Calendars) -> Result<Arc<Calendar>, StoreError> {
    if let Some(calendar) = calendars.get(&school_id) {
        return Ok(Arc::clone(calendar));
    }
    let unreadable = |what| StoreError::Unreadable { what };
    let row = store.calendar(school_id).await?.ok_or(unreadable("calendar"))?;
    let closures = row.closures.into_iter().map(|(day, _)| day);
    let calendar = Calendar::new(&row.time_zone, row.week_ones, closures).map_err(|_| unreadable("time zone"))?;
    Ok(Arc::clone(calendars.entry(school_id).or_insert(Arc::new(calendar))))
}

/// A stored slot as the timetable takes it; none if it cannot be read.
#[must_use]
pub fn slot(row: SlotRow) -> Option<Slot> {
    Some(Slot {
        id: row.timetable_slot_id,
        week: if row.week == 1 { Week::One } else { Week::Two },
        weekday: Weekday::try_from(u8::try_from(row.weekday - 1).ok()?).ok()?,
        start_min: u16::try_from(row.start_min).ok()?,
        end_min: u16::try_from(row.end_min).ok()?,
        days: Days { from: row.valid_from, until: row.valid_until },
        expected: row.expected.then_some(Days { from: row.expected_from, until: row.expected_until }),
        about: About {
            room: RoomId(row.room_id),
            room_name: row.room_name,
            subject: row.subject,
            teacher: row.teacher,
            robot_stays_out: row.robot_stays_out,
            expected: row.expected,
        },
    })
}

/// The school days of a placement's pupil, under all of their placements, from `first` to `last`, both included; weekends and
/// closures too, without lessons. `now` tells which visits fell silent.
///
/// # Errors
/// The database does not answer.
pub async fn school_days(
    store: &Store,
    placement: &PlacementRow,
    (first, last): (NaiveDate, NaiveDate),
    now: DateTime<Utc>,
) -> Result<Vec<SchoolDay>, StoreError> {
    match Ledger::of(store, placement.pupil_id, &mut Calendars::new()).await? {
        Some(ledger) => ledger.days(store, (first, last), now).await,
        None => Ok(Vec::new()),
    }
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
    let (status, body) = said(&row.status, row.status_at.is_some(), row.body_state.as_deref());
    RobotFacts {
        status,
        body,
        body_at: row.telemetry_at,
        battery_pct: row.battery_pct.and_then(|pct| u8::try_from(pct).ok()),
        charging: row.charging.unwrap_or(false),
        carried: row.carried_by.is_some(),
    }
}

/// What a robot's hello and its own report say, from the words that are stored.
#[must_use]
pub fn said(status: &str, was_seen: bool, body: Option<&str>) -> (Status, Option<Body>) {
    let status = match status {
        "here" => Status::Here,
        "off_by_person" => Status::OffByPerson,
        _ if was_seen => Status::Gone,
        _ => Status::NeverSeen,
    };
    let body = body.and_then(|word| match word {
        "idle" => Some(Body::Idle),
        "live" => Some(Body::Live),
        "resting" => Some(Body::Resting),
        "paused" => Some(Body::Paused),
        "carried" => Some(Body::Carried),
        _ => None,
    });
    (status, body)
}

/// When the morning and the afternoon of a school are, by its timetable on `day`.
///
/// # Errors
/// The database does not answer.
pub async fn session_times(store: &Store, school_id: Uuid, day: NaiveDate) -> Result<SessionTimes, StoreError> {
    let minute = |minute: i64| u16::try_from(minute).ok();
    let times = store.lesson_times(school_id, day).await?;
    let times: Vec<_> = times.into_iter().filter_map(|(begins, ends)| Some((minute(begins)?, minute(ends)?))).collect();
    Ok(SessionTimes::of_lessons(&times))
}

/// Today, as the school of a placement counts days.
///
/// # Errors
/// The database does not answer.
pub async fn today(store: &Store, placement: &PlacementRow, now: DateTime<Utc>) -> Result<NaiveDate, StoreError> {
    Ok(timetable(store, placement).await?.calendar.day(now))
}

/// When a stored interval ends by our clock, so far.
#[must_use]
pub fn placed_until(row: &PresenceRow) -> DateTime<Utc> {
    presence(row).placed_from() + TimeDelta::milliseconds(row.span_ms.max(0))
}

/// A stored interval as the accounting takes it.
#[must_use]
pub fn presence(row: &PresenceRow) -> Presence {
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
        closed_by: row.closed_by,
        measured_offset_ms: row.measured_offset_ms,
        arrival_offset_ms: row.clock_offset_ms,
    }
}
