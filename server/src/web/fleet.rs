//! Robots as pages show them: one state each, what needs a person, and the windows of the coordinator's page.
//!
//! Says only what the robot, its bridge or a person said. What was never said is "No data yet". Equipment can fail; children
//! cannot: `fault` and `look` are about robots and rooms, never about a pupil.

use chrono::{DateTime, NaiveDate, Utc};
use server_core::access::Action;
use server_core::usage::{self, RobotState};
use store::placements::PlacementRow;
use store::robots::RobotRow;
use uuid::Uuid;

use super::view::{self, Chip, Told};
use crate::api::ApiError;
use crate::api::scope::Scope;
use crate::{AppState, lessons};

/// Weaker than this, in dBm, picture and sound suffer.
const WEAK_WIFI_DBM: i64 = -75;
/// Stronger than this is good.
const GOOD_WIFI_DBM: i64 = -67;
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
    pub robots: Vec<Window>,
}

/// One window.
pub struct Window {
    pub id: Uuid,
    pub name: String,
}

/// The robots this person may see, those that need a look first, with today's placements.
///
/// # Errors
/// The database does not answer.
pub async fn robots(state: &AppState, scope: &Scope, now: DateTime<Utc>) -> Result<Vec<RobotView>, ApiError> {
    let placements = state.store.placements().await?;
    let rows = state.store.robots().await?;
    let mut views: Vec<RobotView> = rows
        .iter()
        .filter(|row| scope.may_robot(Action::SeeRobot, row))
        .map(|row| view_of(row, &placements, scope, now))
        .collect();
    views.sort_by(|a, b| (a.kind, &a.school, &a.name).cmp(&(b.kind, &b.school, &b.name)));
    Ok(views)
}

/// One robot as pages show it.
#[must_use]
pub fn view_of(row: &RobotRow, placements: &[PlacementRow], scope: &Scope, now: DateTime<Utc>) -> RobotView {
    let zone = scope.zone(row.organisation_id);
    let today = now.with_timezone(&zone).date_naive();
    let pupil = placements
        .iter()
        .filter(|placement| placement.robot_id == row.robot_id && is_on(placement, today))
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

fn state_of(row: &RobotRow, now: DateTime<Utc>) -> (Chip, Kind) {
    let facts = lessons::robot_facts(row);
    match usage::state(&facts, now) {
        RobotState::NeverSeen => (Chip::new("", "q", "No data yet"), Kind::Off),
        RobotState::OffByPerson => (Chip::new("", "off", "Off by person"), Kind::Off),
        RobotState::NoConnection => (Chip::new("look", "wifioff", "Not connected"), Kind::Look),
        RobotState::Silent => (Chip::new("look", "wifioff", "Not heard from"), Kind::Look),
        _ if usage::is_low(&facts) => {
            (Chip::new("fault", "flat", format!("Battery {} %", row.battery_pct.unwrap_or_default())), Kind::Look)
        }
        RobotState::Live => (Chip::new("live", "dot", "Live"), Kind::Lit),
        RobotState::Resting => (Chip::new("rest", "moon", "Pupil resting"), Kind::Rest),
        RobotState::Paused => (Chip::new("move", "pause", "Paused in class"), Kind::Lit),
        RobotState::Carried => (Chip::new("move", "carry", "Being carried"), Kind::Ready),
        RobotState::Charging => (Chip::new("line", "plug", "Ready, on charge"), Kind::Ready),
        RobotState::Ready => (Chip::new("line", "check", "Ready"), Kind::Ready),
    }
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
pub async fn overview(state: &AppState, scope: &Scope, robots: &[RobotView], now: DateTime<Utc>) -> Result<Fleet, ApiError> {
    let mut todo: Vec<Todo> = robots.iter().filter(|robot| robot.needs_look).map(robot_todo).collect();
    for placement in state.store.placements().await? {
        let today = now.with_timezone(&scope.zone(placement.school_id)).date_naive();
        if is_on(&placement, today) && scope.may_pupil(Action::ReadRecord, &placement) {
            let stages = state.store.plan_stages(placement.placement_id).await?;
            let due = stages
                .into_iter()
                .filter(|stage| stage.done_day.is_none())
                .find_map(|stage| Some((stage.due_day?, stage.title)));
            todo.extend(
                due.filter(|(day, _)| (*day - today).num_days() <= SOON_DAYS).map(|due| stage_todo(&placement, due, today)),
            );
            todo.extend(((placement.until_day - today).num_days() <= SOON_DAYS).then(|| loan_todo(&placement)));
        }
    }
    let count = todo.len();
    todo.truncate(TODO_SHOWN);
    let summary = match count {
        0 => "Nothing needs you now.".to_owned(),
        1 => "One thing.".to_owned(),
        n if n > TODO_SHOWN => format!("{n} things. The first {TODO_SHOWN} are here."),
        n => format!("{} things.", in_words(n)),
    };
    let kinds = [Kind::Look, Kind::Lit, Kind::Rest, Kind::Ready, Kind::Off];
    let groups = kinds.into_iter().map(|kind| Group {
        kind: kind.word(),
        title: kind.title(),
        robots: robots
            .iter()
            .filter(|robot| robot.kind == kind)
            .map(|robot| Window { id: robot.id, name: robot.name.clone() })
            .collect(),
    });
    let count_line = match robots.len() {
        1 => "1 robot, 1 window".to_owned(),
        n => format!("{n} robots, {n} windows"),
    };
    Ok(Fleet { summary, todo, count_line, groups: groups.filter(|group| !group.robots.is_empty()).collect() })
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
        detail: format!("{}, with {}.", placement.school_name, placement.robot_name),
        action: "Open the record".to_owned(),
        href: format!("/pupils/{}", placement.pupil_id),
    }
}

fn loan_todo(placement: &PlacementRow) -> Todo {
    Todo {
        class: "live",
        icon: "back",
        title: format!(
            "{}’s loan to {} ends on {}",
            placement.robot_name,
            placement.pupil_name,
            view::short_date(placement.until_day)
        ),
        detail: format!("{}. Agree what comes next.", placement.school_name),
        action: "Open the record".to_owned(),
        href: format!("/pupils/{}", placement.pupil_id),
    }
}

fn in_words(n: usize) -> &'static str {
    ["Nothing", "One", "Two", "Three", "Four", "Five", "Six", "Seven"].get(n).copied().unwrap_or("Many")
}
