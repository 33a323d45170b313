//! The demonstration: the invented authority Fennshire with schools, robots, pupils, a timetable and a made-up fortnight.
//!
//! Everything has a fixed name ([`ids`]), so seeding again keeps what is there. Nothing here is special to the rest of the server:
//! the same tables, the same functions, and the history goes through ingest like every other fact.

mod history;
pub mod ids;
mod record;
mod timetable;

use std::path::Path;

use anyhow::Context as _;
use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Utc};
use protocol::{PlacementId, RobotId};
use server_core::calendar::{Calendar, monday_of};
use server_core::pupil::Upn;
use server_core::register::{self, Source, System};
use server_core::school::OrganisationKind;
use store::audit::{Actor, NewAudit, Subject};
use store::organisations::{OrganisationRow, RoomRow};
use store::placements::{NewPlacement, NewPupil, PlacementRow, PlanStageRow};
use store::robots::DeviceKind;
use store::{Store, StoreError};
use uuid::Uuid;

pub use ids::BRIDGE;
pub use record::seed_record;

use crate::{ingest, lessons};
use timetable::Class;

/// The robots, in the order of [`robots`].
pub const ROBOTS: [RobotId; 2] = [ids::ROBIN, ids::FINCH];
/// Days of history.
const HISTORY_DAYS: u64 = 14;
/// Both schools are in one zone.
const ZONE: &str = "Europe/London";

/// What a simulated robot has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoRobot {
    /// Its id; also its name at the broker.
    pub robot_id: RobotId,
    /// A bird.
    pub name: String,
    /// Today's lessons, for the board it draws: from, until, title.
    pub board: Vec<(DateTime<Utc>, DateTime<Utc>, String)>,
}

/// The robots and what their boards say on the day of `now`.
///
/// # Panics
/// Never: the zone is an IANA name.
#[must_use]
pub fn robots(now: DateTime<Utc>) -> Vec<DemoRobot> {
    [(ids::ROBIN, "Robin", timetable::alder()), (ids::FINCH, "Finch", timetable::marsh())]
        .into_iter()
        .map(|(robot_id, name, class)| {
            let calendar = calendar();
            let day = calendar.day(now);
            let mut slots = class.two_weeks();
            slots.push(class.around(&calendar, &slots, now));
            let week = if calendar.week(day) == server_core::calendar::Week::One { 1 } else { 2 };
            let weekday = i64::from(day.weekday().number_from_monday());
            let minutes = |minutes: i64| calendar.instant(day, u16::try_from(minutes).unwrap_or(0));
            let mut board: Vec<_> = slots
                .into_iter()
                .filter(|slot| slot.week == week && slot.weekday == weekday)
                .map(|slot| (minutes(slot.start_min), minutes(slot.end_min), slot.subject))
                .collect();
            board.sort();
            board.dedup();
            DemoRobot { robot_id, name: name.to_owned(), board }
        })
        .collect()
}

/// The schools' calendar: week 1 begins on a fixed Monday, so that a second start agrees with the first.
fn calendar() -> Calendar {
    Calendar::new(ZONE, Some(week_one()), []).expect("the zone is an IANA name")
}

const CHRISTMAS: &str = "Christmas holidays";

fn week_one() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 9, 7).expect("that day exists")
}

/// Fills the store, or keeps what is there and makes sure that a lesson is under way. `devices`: the file with the secrets of
/// MQTT users, of which hashes are kept.
///
/// # Errors
/// The database does not answer.
pub async fn seed_store(store: &Store, devices: &Path, now: DateTime<Utc>) -> anyhow::Result<()> {
    organisations(store).await?;
    holidays(store, calendar().day(now)).await?;
    machines(store, devices).await?;
    people(store, calendar().day(now)).await?;
    register(store, now).await?;
    for (placement_id, robot, class) in
        [(ids::ADA_PLACEMENT, ids::ROBIN, timetable::alder()), (ids::BEN_PLACEMENT, ids::FINCH, timetable::marsh())]
    {
        lesson_under_way(store, placement_id, &class, now).await?;
        made_up_history(store, placement_id, robot, now).await?;
    }
    Ok(())
}

async fn organisations(store: &Store) -> Result<(), StoreError> {
    let parent_id = Some(ids::AUTHORITY);
    for (organisation_id, kind, name, parent_id, week_one) in [
        (ids::AUTHORITY, OrganisationKind::Authority, "Fennshire", None, None),
        (ids::HOSPITAL_SCHOOL, OrganisationKind::HospitalSchool, "Larkfield Hospital School", parent_id, None),
        (ids::ALDER_ROAD, OrganisationKind::School, "Alder Road School", parent_id, Some(week_one())),
        (ids::MARSH_LANE, OrganisationKind::School, "Marsh Lane Academy", parent_id, Some(week_one())),
    ] {
        let row = OrganisationRow {
            organisation_id,
            kind: kind.as_str().to_owned(),
            name: name.to_owned(),
            parent_id,
            time_zone: ZONE.to_owned(),
        };
        store.add_organisation(&row, week_one).await?;
    }
    let alder = ["Office", "Room 5", "Room 8", "Room 12", "Room 21", "Sports hall"].map(|name| (ids::ALDER_ROAD, name));
    let marsh = ["Office", "Lab 3", "Room 4", "Hall"].map(|name| (ids::MARSH_LANE, name));
    let rooms = ids::ALDER_ROOMS.into_iter().zip(alder).chain(ids::MARSH_ROOMS.into_iter().zip(marsh));
    for (room_id, (organisation_id, name)) in rooms {
        store.add_room(&RoomRow { room_id, organisation_id, name: name.to_owned() }).await?;
    }
    store.add_class_group(ids::CLASS_9A, ids::ALDER_ROAD, "9A").await?;
    store.add_class_group(ids::CLASS_8M, ids::MARSH_LANE, "8M").await
}

/// The weekdays of the Christmas holidays after this week: the week of Christmas Day and the next.
fn christmas(today: NaiveDate) -> Vec<NaiveDate> {
    let next_week = monday_of(today) + Days::new(7);
    let starts = [today.year(), today.year() + 1].map(|year| NaiveDate::from_ymd_opt(year, 12, 25).map(monday_of));
    let first = starts.into_iter().flatten().find(|monday| *monday >= next_week);
    let days = first.into_iter().flat_map(|monday| monday.iter_days().take(14));
    days.filter(|day| day.weekday().number_from_monday() <= 5).collect()
}

/// Everybody is closed over Christmas. This week is always open: whoever tries the demonstration wants a lesson.
async fn holidays(store: &Store, today: NaiveDate) -> Result<(), StoreError> {
    let this_week = monday_of(today);
    for school in [ids::HOSPITAL_SCHOOL, ids::ALDER_ROAD, ids::MARSH_LANE] {
        let known = store.calendar(school).await?.map(|row| row.closures).unwrap_or_default();
        for (day, _) in known.iter().filter(|(day, reason)| reason == CHRISTMAS && monday_of(*day) == this_week) {
            store.set_closure(school, *day, None).await?;
        }
        for day in christmas(today).into_iter().filter(|day| !known.iter().any(|(known, _)| known == day)) {
            store.set_closure(school, day, Some(CHRISTMAS)).await?;
        }
    }
    Ok(())
}

/// Robots and bridge. `secrets`: the file with the secrets of MQTT users; without it nobody can sign in as them.
async fn machines(store: &Store, secrets: &Path) -> anyhow::Result<()> {
    let known: toml::Table = match tokio::fs::read_to_string(secrets).await {
        Ok(text) => toml::from_str(&text).with_context(|| format!("{} is not readable", secrets.display()))?,
        Err(_) => toml::Table::new(),
    };
    for (device_id, kind) in
        [(ids::ROBIN.0, DeviceKind::Robot), (ids::FINCH.0, DeviceKind::Robot), (ids::BRIDGE.0, DeviceKind::Bridge)]
    {
        let secret = known.get("secret").and_then(|table| table.get(device_id.to_string())).and_then(toml::Value::as_str);
        let mut chance = [0_u8; 32];
        getrandom::fill(&mut chance).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
        let secret = secret.map_or(chance.to_vec(), |secret| secret.as_bytes().to_vec());
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &secret);
        store.set_device(device_id, kind, hash.as_ref()).await?;
    }
    store.add_robot(ids::ROBIN.0, ids::ALDER_ROAD, "Robin", Some(ids::ALDER_ROOMS[3])).await?;
    store.add_robot(ids::FINCH.0, ids::MARSH_LANE, "Finch", Some(ids::MARSH_ROOMS[1])).await?;
    Ok(())
}

async fn people(store: &Store, today: NaiveDate) -> anyhow::Result<()> {
    for (pupil_id, organisation_id, name, upn, year_group) in PUPILS {
        let upn: Upn = upn.parse()?;
        let born = born(year_group);
        store.add_pupil(&NewPupil { pupil_id, organisation_id, name, upn: Some(&upn), year_group, born }).await?;
    }
    let from_day = monday_of(today) - Days::new(28);
    for (placement_id, pupil_id, robot, school_id) in [
        (ids::ADA_PLACEMENT, ids::ADA, ids::ROBIN, ids::ALDER_ROAD),
        (ids::BEN_PLACEMENT, ids::BEN, ids::FINCH, ids::MARSH_LANE),
    ] {
        let placement = NewPlacement {
            placement_id: placement_id.0,
            pupil_id,
            robot_id: Some(robot.0),
            school_id,
            provider_id: Some(ids::HOSPITAL_SCHOOL),
            key_worker_id: Some(ids::KEY_WORKER),
            from_day,
            until_day: from_day + Days::new(180),
        };
        store.add_placement(&placement, &plan(from_day)).await?;
    }
    Ok(())
}

/// The file that each school brings in: it has what is not here yet.
async fn register(store: &Store, now: DateTime<Utc>) -> anyhow::Result<()> {
    let today = calendar().day(now);
    let from = monday_of(today) - Days::new(28);
    let weekday = |day: &NaiveDate| day.weekday().number_from_monday() <= 5;
    for (pupil_id, school, _, upn, _) in PUPILS.into_iter().filter(|(id, ..)| [ids::ADA, ids::BEN].contains(id)) {
        let known = store.imported_marks(pupil_id, from, today).await?;
        let is_new = |day: &NaiveDate| !known.iter().any(|mark| mark.day() == *day);
        let mut file = "UPN,Date,AM,PM\n".to_owned();
        for day in from.iter_days().take_while(|day| *day < today).filter(weekday).filter(is_new) {
            // Dual registered: expected at the hospital school. The school's own mark, copied; nothing here chooses it.
            file.push_str(&format!("{upn},{day},D,D\n"));
        }
        let read = register::import(&file, Source { system: System::Sims, imported_at: now })?;
        if !read.marks.is_empty() {
            let (actor, detail) = (Actor::Program, Some(System::Sims.code()));
            let audit = NewAudit { actor, action: "import register", subject: Subject::None, detail };
            store.keep_marks(school, &read.marks, audit, now).await?;
        }
    }
    Ok(())
}

/// Names are invented; the numbers belong to nobody.
const PUPILS: [(Uuid, Uuid, &str, &str, i64); 4] = [
    (ids::ADA, ids::ALDER_ROAD, "Ada Q.", "M801226012001", 9),
    (ids::BEN, ids::MARSH_LANE, "Ben M.", "B801226012002", 8),
    (ids::CARA, ids::ALDER_ROAD, "Cara D.", "Q801226012003", 9),
    (ids::DEV, ids::MARSH_LANE, "Dev R.", "Y802226011004", 10),
];

/// A day in a spring, in the school year that belongs to it.
fn born(year_group: i64) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(i32::try_from(2022 - year_group).ok()?, 3, 14)
}

/// The four stages of a plan that began on `from_day`.
fn plan(from_day: NaiveDate) -> [PlanStageRow; 4] {
    let after = |days| Some(from_day + Days::new(days));
    [
        (1, "Aims and readiness", after(0), Some(from_day - Days::new(10))),
        (2, "Week pattern", after(7), after(4)),
        (3, "Planning meeting", after(31), None),
        (4, "Weekly look-back", after(56), None),
    ]
    .map(|(stage, title, due_day, done_day)| PlanStageRow { stage, title: title.to_owned(), due_day, done_day })
}

async fn lesson_under_way(
    store: &Store,
    placement_id: PlacementId,
    class: &Class,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut slots = store.slots_of_placement(placement_id.0).await?;
    if slots.is_empty() {
        slots = class.two_weeks();
        store.add_slots(placement_id.0, &slots).await?;
    }
    let around = class.around(&calendar(), &slots, now);
    store.add_slots(placement_id.0, &[around]).await
}

async fn made_up_history(store: &Store, placement_id: PlacementId, robot: RobotId, now: DateTime<Utc>) -> anyhow::Result<()> {
    let placement: PlacementRow = store.placement(placement_id.0).await?.context("the placement was just added")?;
    if !store.presence_of_pupil(placement.pupil_id, now - TimeDelta::days(400), now).await?.is_empty() {
        return Ok(());
    }
    let today = calendar().day(now);
    let lessons = lessons::between(store, &placement, today - Days::new(HISTORY_DAYS), today).await?;
    // Numbers of one epoch: the second pupil's go on after the first one's.
    let first = store.acknowledged_through(ids::BRIDGE.0, ids::HISTORY_EPOCH).await? + 1;
    let messages = history::messages(placement_id, robot, &lessons, now, first);
    for batch in messages.chunks(ingest::MAX_BATCH) {
        let ingested = ingest::apply(store, batch, now).await?;
        anyhow::ensure!(ingested.quarantined.is_empty(), "the made-up history breaks a rule: {:?}", ingested.quarantined);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
