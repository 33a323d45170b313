//! Robots as pages show them: one state each, what needs a person, and the windows of the coordinator's page.
//!
//! A page costs what it shows: [`PAGE`] rows, at most [`WINDOWS`] windows, and counts that the database makes.
//!
//! Says only what the robot, its bridge or a person said. What was never said is "No data yet". Equipment can fail; children
//! cannot: `fault` and `look` are about robots and rooms, never about a pupil.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::Deserialize;
use server_core::access::Action;
use server_core::usage::{self, RobotFacts, RobotState};
use store::pages::{PAGE, RobotsPage};
use store::placements::PlacementRow;
use store::robots::RobotRow;
use uuid::Uuid;

use super::view::{self, Chip, Pages, Told};
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::Scope;
use crate::{AppState, lessons};

/// Weaker than this, in dBm, picture and sound suffer.
const WEAK_WIFI_DBM: i64 = -75;
/// Stronger than this is good.
const GOOD_WIFI_DBM: i64 = -67;
/// At most this many windows on one page, those that need a look first.
const WINDOWS: usize = 60;
/// At most this many things to do on one page.
const TODO_SHOWN: usize = 7;
/// A stage or loan that ends within this many days is shown.
const SOON_DAYS: i64 = 7;

/// Which window a robot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A person should look.
    Look,
    /// A pupil is in class through it.
    Lit,
    /// A pupil rests.
    Rest,
    /// Nothing stands in the way.
    Ready,
    /// Switched off by a person, or never heard of.
    Off,
}

impl Kind {
    /// What the template of a window matches on.
    fn word(self) -> &'static str {
        match self {
            Self::Look => "look",
            Self::Lit => "lit",
            Self::Rest => "rest",
            Self::Ready => "ready",
            Self::Off => "off",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Look => "Need a look",
            Self::Lit => "In class now",
            Self::Rest => "Pupil resting",
            Self::Ready => "Ready",
            Self::Off => "Off, or no data yet",
        }
    }
}

/// A robot's row.
pub struct RobotView {
    pub id: Uuid,
    pub name: String,
    pub school: String,
    pub pupil: Option<PupilRef>,
    pub state: Chip,
    pub room: String,
    pub battery: Told,
    pub wifi: Told,
    pub last_used: String,
    pub needs_look: bool,
    pub kind: Kind,
}

/// The pupil of a robot, as far as this person may see.
pub struct PupilRef {
    pub id: Uuid,
    pub name: String,
    pub may_open: bool,
}

/// The coordinator's overview.
pub struct Fleet {
    pub summary: String,
    pub todo: Vec<Todo>,
    pub count_line: String,
    pub groups: Vec<Group>,
}

/// One thing to do.
pub struct Todo {
    pub class: &'static str,
    pub icon: &'static str,
    pub title: String,
    pub detail: String,
    pub action: String,
    pub href: String,
}

/// Windows of one kind.
pub struct Group {
    pub kind: &'static str,
    pub title: &'static str,
    pub count: i64,
    pub robots: Vec<Window>,
}

/// One window.
pub struct Window {
    pub id: Uuid,
    pub name: String,
}

/// What a list of robots was asked for; also its address.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// Part of a robot's or school's name.
    pub q: String,
    /// Anything: only those that need a look.
    pub look: String,
    /// From 1.
    pub page: Option<i64>,
}

/// One page of robots.
pub struct Robots {
    pub robots: Vec<RobotView>,
    pub pages: Pages,
}

/// One page of the robots that this person may see, those that need a look first, with today's placements.
///
/// # Errors
/// The database does not answer.
pub async fn robots(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    asked: &Asked,
    now: DateTime<Utc>,
) -> Result<Robots, ApiError> {
    let pages = Pages::new("/robots", &asked.q, &asked.look, asked.page);
    let (rows, more) = rows(state, caller, asked, pages.offset(), PAGE, now).await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.robot_id).collect();
    let placements = state.store.placements_of_robots(&ids, now.with_timezone(&scope.own_zone()).date_naive()).await?;
    let mut views: Vec<RobotView> = rows
        .iter()
        .filter(|row| scope.may_robot(Action::SeeRobot, row))
        .map(|row| view_of(row, &placements, scope, now))
        .collect();
    views.sort_by(|a, b| (a.kind, &a.school, &a.name).cmp(&(b.kind, &b.school, &b.name)));
    Ok(Robots { robots: views, pages: pages.with_more(more) })
}

/// Up to `limit` rows, those that need a look first, and whether there are more.
///
/// # Errors
/// The database does not answer.
pub async fn rows(
    state: &AppState,
    caller: &Caller,
    asked: &Asked,
    offset: i64,
    limit: usize,
    now: DateTime<Utc>,
) -> Result<(Vec<RobotRow>, bool), ApiError> {
    let question = RobotsPage {
        staff_id: caller.staff_id(),
        search: asked.q.trim(),
        look: !asked.look.is_empty(),
        silent_before: now - usage::SILENT_AFTER,
        low_pct: i64::from(usage::LOW_BATTERY_PCT),
        offset,
        limit: i64::try_from(limit).unwrap_or(0) + 1,
    };
    let mut rows = state.store.robots_page(&question).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    Ok((rows, more))
}

/// How many robots of each kind this person may see.
///
/// # Errors
/// The database does not answer.
pub async fn counts(state: &AppState, caller: &Caller, now: DateTime<Utc>) -> Result<BTreeMap<Kind, i64>, ApiError> {
    let low = i64::from(usage::LOW_BATTERY_PCT);
    let groups = state.store.robot_groups(caller.staff_id(), now - usage::SILENT_AFTER, low).await?;
    let mut counts = BTreeMap::new();
    for group in groups {
        let said = lessons::said(group.status, group.was_seen, group.body_state);
        let facts = RobotFacts {
            status: said.0,
            body: said.1,
            body_at: (!group.is_silent).then_some(now),
            battery_pct: group.is_low.then_some(0),
            charging: group.is_charging,
            carried: group.is_carried,
        };
        *counts.entry(kind_of(&facts, now)).or_insert(0) += group.robots;
    }
    Ok(counts)
}

/// One robot as pages show it.
#[must_use]
pub fn view_of(row: &RobotRow, placements: &[PlacementRow], scope: &Scope, now: DateTime<Utc>) -> RobotView {
    let zone = scope.zone(row.organisation_id);
    let today = now.with_timezone(&zone).date_naive();
    let pupil = placements
        .iter()
        .filter(|placement| placement.robot_id == Some(row.robot_id) && is_on(placement, today))
        .find(|placement| scope.may_pupil(Action::SeePupilName, placement))
        .map(|placement| PupilRef {
            id: placement.pupil_id,
            name: placement.pupil_name.clone(),
            may_open: scope.may_pupil(Action::ReadRecord, placement),
        });
    let (state, kind) = state_of(row, now);
    RobotView {
        id: row.robot_id,
        name: row.name.clone(),
        school: row.organisation_name.clone(),
        pupil,
        state,
        room: room_of(row),
        battery: battery_of(row),
        wifi: wifi_of(row),
        last_used: row.last_used_at.map_or_else(|| "No data yet".to_owned(), |at| view::moment(at, now, zone)),
        needs_look: kind == Kind::Look,
        kind,
    }
}

/// Whether a placement holds on `day`.
#[must_use]
pub fn is_on(placement: &PlacementRow, day: NaiveDate) -> bool {
    placement.from_day <= day && day <= placement.until_day
}

fn kind_of(facts: &RobotFacts, now: DateTime<Utc>) -> Kind {
    match usage::state(facts, now) {
        RobotState::NeverSeen | RobotState::OffByPerson => Kind::Off,
        RobotState::NoConnection | RobotState::Silent => Kind::Look,
        _ if usage::is_low(facts) => Kind::Look,
        RobotState::Live | RobotState::Paused => Kind::Lit,
        RobotState::Resting => Kind::Rest,
        RobotState::Carried | RobotState::Charging | RobotState::Ready => Kind::Ready,
    }
}

fn state_of(row: &RobotRow, now: DateTime<Utc>) -> (Chip, Kind) {
    let facts = lessons::robot_facts(row);
    let chip = match usage::state(&facts, now) {
        RobotState::NeverSeen => Chip::new("", "q", "No data yet"),
        RobotState::OffByPerson => Chip::new("", "off", "Off by person"),
        RobotState::NoConnection => Chip::new("look", "wifioff", "Not connected"),
        RobotState::Silent => Chip::new("look", "wifioff", "Not heard from"),
        _ if usage::is_low(&facts) => Chip::new("fault", "flat", format!("Battery {} %", row.battery_pct.unwrap_or_default())),
        RobotState::Live => Chip::new("live", "dot", "Live"),
        RobotState::Resting => Chip::new("rest", "moon", "Pupil resting"),
        RobotState::Paused => Chip::new("move", "pause", "Paused in class"),
        RobotState::Carried => Chip::new("move", "carry", "Being carried"),
        RobotState::Charging => Chip::new("line", "plug", "Ready, on charge"),
        RobotState::Ready => Chip::new("line", "check", "Ready"),
    };
    (chip, kind_of(&facts, now))
}

/// Where it stands, in words.
#[must_use]
pub fn room_of(row: &RobotRow) -> String {
    match (&row.room_name, row.carried_by) {
        (Some(room), _) => room.clone(),
        (None, Some(_)) => "Being carried".to_owned(),
        (None, None) => "Not known yet".to_owned(),
    }
}

/// Its charge.
#[must_use]
pub fn battery_of(row: &RobotRow) -> Told {
    let Some(pct) = row.battery_pct else { return Told::quiet("Battery: no data yet") };
    match row.charging {
        Some(true) => Chip::new("", "plug", format!("{pct} %, on charge")).into(),
        _ if usage::is_low(&lessons::robot_facts(row)) => Chip::new("fault", "flat", format!("{pct} %")).into(),
        _ => Chip::new("", "battery", format!("{pct} %")).into(),
    }
}

/// Its Wi-Fi.
#[must_use]
pub fn wifi_of(row: &RobotRow) -> Told {
    match row.wifi_dbm {
        None => Told::quiet("Wi-Fi: no data yet"),
        Some(dbm) if dbm >= GOOD_WIFI_DBM => Chip::new("live", "wifi", "School Wi-Fi, good").into(),
        Some(dbm) if dbm >= WEAK_WIFI_DBM => Chip::new("", "wifi", "School Wi-Fi, fair").into(),
        Some(_) => Chip::new("look", "wifioff", "School Wi-Fi, weak").into(),
    }
}

/// The overview of a coordinator.
///
/// # Errors
/// The database does not answer.
pub async fn overview(state: &AppState, caller: &Caller, scope: &Scope, now: DateTime<Utc>) -> Result<Fleet, ApiError> {
    let today = now.with_timezone(&scope.own_zone()).date_naive();
    let soon = today + TimeDelta::days(SOON_DAYS);
    let limit = i64::try_from(TODO_SHOWN).unwrap_or(0) + 1;
    let all = Asked::default();
    // Side by side: none needs another's answer, and this is the page that everybody opens first.
    let ((rows, _), counts, stages, loans) = tokio::try_join!(
        rows(state, caller, &all, 0, WINDOWS, now),
        counts(state, caller, now),
        async { Ok(state.store.stages_due(caller.staff_id(), today, soon, limit).await?) },
        async { Ok(state.store.loans_ending(caller.staff_id(), today, soon, limit).await?) },
    )?;
    let mut robots: Vec<RobotView> =
        rows.iter().filter(|row| scope.may_robot(Action::SeeRobot, row)).map(|row| view_of(row, &[], scope, now)).collect();
    robots.sort_by(|a, b| (a.kind, &a.school, &a.name).cmp(&(b.kind, &b.school, &b.name)));
    let mut todo: Vec<Todo> = robots.iter().filter(|robot| robot.needs_look).map(robot_todo).collect();
    for (placement, stage) in stages {
        todo.extend(
            scope
                .may_pupil(Action::ReadRecord, &placement)
                .then(|| stage_todo(&placement, (stage.due_day, stage.title), today)),
        );
    }
    for placement in loans {
        todo.extend(scope.may_pupil(Action::ReadRecord, &placement).then(|| loan_todo(&placement)));
    }
    let count = todo.len();
    todo.truncate(TODO_SHOWN);
    let summary = match count {
        0 => "Nothing needs you now.".to_owned(),
        1 => "One thing.".to_owned(),
        n if n > TODO_SHOWN => format!("More than {TODO_SHOWN} things. The first {TODO_SHOWN} are here."),
        n => format!("{} things.", in_words(n)),
    };
    let groups = counts.iter().map(|(kind, count)| Group {
        kind: kind.word(),
        title: kind.title(),
        count: *count,
        robots: robots
            .iter()
            .filter(|robot| robot.kind == *kind)
            .map(|robot| Window { id: robot.id, name: robot.name.clone() })
            .collect(),
    });
    let count_line = match counts.values().sum::<i64>() {
        1 => "1 robot, 1 window".to_owned(),
        n if n > i64::try_from(WINDOWS).unwrap_or(0) => format!("{} robots", view::number(n)),
        n => format!("{n} robots, {n} windows"),
    };
    Ok(Fleet { summary, todo, count_line, groups: groups.collect() })
}

fn robot_todo(robot: &RobotView) -> Todo {
    let (title, detail) = match robot.state.text() {
        "Not connected" => (format!("{} is not connected", robot.name), "It may be off, flat, or out of reach of the Wi-Fi."),
        "Not heard from" => (format!("{} has gone quiet", robot.name), "It is on, but has said nothing for some minutes."),
        _ => (format!("{} needs its charger", robot.name), "Plug it in before the next lesson."),
    };
    Todo {
        class: "",
        icon: "look",
        title,
        detail: format!("{}, {}. {detail}", robot.school, robot.room),
        action: format!("Open {}", robot.name),
        href: format!("/robots/{}", robot.id),
    }
}

fn stage_todo(placement: &PlacementRow, (day, title): (NaiveDate, String), today: NaiveDate) -> Todo {
    let when = if day < today { "was due on" } else { "is due on" };
    Todo {
        class: "move",
        icon: "cal",
        title: format!("{}: {title} {when} {}", placement.pupil_name, view::short_date(day)),
        detail: match &placement.robot_name {
            Some(robot) => format!("{}, with {robot}.", placement.school_name),
            None => format!("{}.", placement.school_name),
        },
        action: "Open the record".to_owned(),
        href: format!("/pupils/{}", placement.pupil_id),
    }
}

fn loan_todo(placement: &PlacementRow) -> Todo {
    Todo {
        class: "live",
        icon: "back",
        title: match &placement.robot_name {
            Some(robot) => {
                format!("{robot}’s loan to {} ends on {}", placement.pupil_name, view::short_date(placement.until_day))
            }
            None => format!("{}’s placement ends on {}", placement.pupil_name, view::short_date(placement.until_day)),
        },
        detail: format!("{}. Agree what comes next.", placement.school_name),
        action: "Open the record".to_owned(),
        href: format!("/pupils/{}", placement.pupil_id),
    }
}

fn in_words(n: usize) -> &'static str {
    ["Nothing", "One", "Two", "Three", "Four", "Five", "Six", "Seven"].get(n).copied().unwrap_or("Many")
}
