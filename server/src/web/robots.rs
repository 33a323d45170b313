//! Robots: the list, one robot, and both live.

mod ways;

use askama::Template;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{Html, IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use protocol::RobotId;
use serde::Serialize;
use server_core::access::{Action, Subject as About};
use server_core::attendance;
use store::pages::PAGE;
use store::placements::PlacementRow;
use store::robots::RobotRow;
use uuid::Uuid;

use super::fleet::{self, Asked, Fleet, Kind, RobotView, Robots};
use super::view::{self, Chip, Pages, Told};
use super::{Frame, live, page};
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::{self, Scope};
use crate::{AppState, Change};
use ways::{RobotWays, Ways};

/// A robot's page shows this many events.
const EVENTS_SHOWN: i64 = 30;

#[derive(Template)]
#[template(path = "staff/robots.html")]
struct RobotsPage {
    frame: Frame,
    count_line: String,
    may_add: bool,
    robots: Vec<RobotView>,
    pages: Pages,
}

#[derive(Template)]
#[template(path = "staff/robot_rows.html")]
struct RobotRows<'a> {
    robots: &'a [RobotView],
}

#[derive(Template)]
#[template(path = "staff/fleet.html")]
struct FleetPart {
    fleet: Fleet,
}

#[derive(Template)]
#[template(path = "staff/robot.html")]
struct RobotPage {
    frame: Frame,
    robot: RobotView,
    may_move: bool,
    may_connect_camera: bool,
    may_keep: bool,
    is_retired: bool,
    ready_title: String,
    ready: Vec<Check>,
    events: Vec<EventLine>,
    ways: Option<Ways>,
    loan: Option<Loan>,
    /// What everybody who teaches the pupil does, as far as the pupil shares it.
    helps: Vec<String>,
}

#[derive(Template)]
#[template(path = "staff/robot_now.html")]
struct RobotNow<'a> {
    robot: &'a RobotView,
}

#[derive(Template)]
#[template(path = "staff/robot_ready.html")]
struct RobotReady<'a> {
    ready: &'a [Check],
}

#[derive(Template)]
#[template(path = "staff/robot_events.html")]
struct RobotEvents<'a> {
    events: &'a [EventLine],
}

struct Check {
    what: String,
    chip: Told,
}

struct EventLine {
    when: String,
    what: String,
}

struct Loan {
    pupil_id: Uuid,
    pupil: String,
    may_open: bool,
    school: String,
    days: String,
    key_worker: String,
}

/// What `GET /api/robots` answers, one a robot.
#[derive(Serialize)]
pub struct RobotJson {
    id: Uuid,
    name: String,
    school: String,
    room: Option<String>,
    state: String,
    needs_look: bool,
    battery_pct: Option<i64>,
    is_charging: Option<bool>,
    last_used_at: Option<DateTime<Utc>>,
}

/// `GET /robots`
pub async fn list(State(state): State<AppState>, caller: Caller, Query(asked): Query<Asked>) -> Result<Html<String>, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    let now = state.clock.now().utc;
    let Robots { robots, pages } = fleet::robots(&state, &caller, &scope, &asked, now).await?;
    let counts = fleet::counts(&state, &caller, now).await?;
    let looks = counts.get(&Kind::Look).copied().unwrap_or(0);
    let count_line = match (counts.values().sum::<i64>(), looks) {
        (0, _) => "No robot here yet.".to_owned(),
        (1, 0) => "One robot. Nothing needs a look.".to_owned(),
        (n, 0) => format!("{} robots. Nothing needs a look.", view::number(n)),
        (n, looks) => format!("{} robots. Need a look: {}.", view::number(n), view::number(looks)),
    };
    let may_add = scope.may_somewhere(Action::KeepRobots);
    page(&RobotsPage { frame: Frame::of(&caller, &scope, "Robots", "/robots", now), count_line, may_add, robots, pages })
}

/// `GET /robots/live`: rows, and for coordinators the windows.
pub async fn list_live(
    State(state): State<AppState>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Response, ApiError> {
    let concerns = |change: &Change| matches!(change, Change::Robot(_) | Change::Bridge(_));
    live::stream(state, caller, concerns, move |state, caller| {
        let asked = asked.clone();
        async move {
            let scope = Scope::of(&state, &caller).await?;
            let now = state.clock.now().utc;
            let Robots { robots, .. } = fleet::robots(&state, &caller, &scope, &asked, now).await?;
            let mut parts = vec![("robots", RobotRows { robots: &robots }.render()?)];
            if scope.may_somewhere(Action::SeeFleet) {
                let fleet = fleet::overview(&state, &caller, &scope, now).await?;
                parts.push(("fleet", FleetPart { fleet }.render()?));
            }
            Ok(parts)
        }
    })
}

/// `GET /robots/{robot}`
pub async fn one(State(state): State<AppState>, caller: Caller, Path(robot): Path<Uuid>) -> Result<Html<String>, ApiError> {
    let (row, scope) = scope::robot(&state, &caller, robot, Action::SeeRobot).await?;
    let now = state.clock.now().utc;
    let seen = Seen::read(&state, &scope, &row, now).await?;
    let loan = match seen.placements.iter().find(|placement| scope.may_pupil(Action::SeePupilName, placement)) {
        Some(placement) => Some(loan_of(&state, &scope, placement).await?),
        None => None,
    };
    let lent = seen.placements.iter().find(|placement| scope.may_pupil(Action::SeePupilName, placement));
    let helps = match lent {
        Some(placement) => {
            let day = scope.today(placement.school_id, now);
            super::growth::adjustments(&state, placement, day).await?
        }
        None => Vec::new(),
    };
    page(&RobotPage {
        frame: Frame::of(&caller, &scope, row.name.clone(), "/robots", now),
        may_move: scope.may_robot(Action::MoveRobot, &row),
        may_connect_camera: scope.may_robot(Action::ConnectCamera, &row),
        may_keep: scope.may(Action::KeepRobots, &About::Organisation(row.organisation_id)),
        is_retired: row.retired_at.is_some(),
        ready_title: seen.ready_title,
        ready: seen.ready,
        events: seen.events,
        ways: seen.ways,
        robot: seen.robot,
        loan,
        helps,
    })
}

/// `GET /robots/{robot}/live`
pub async fn one_live(State(state): State<AppState>, caller: Caller, Path(robot): Path<Uuid>) -> Result<Response, ApiError> {
    scope::robot(&state, &caller, robot, Action::SeeRobot).await?;
    let concerns = move |change: &Change| *change == Change::Robot(RobotId(robot));
    live::stream(state, caller, concerns, move |state, caller| async move {
        let (row, scope) = scope::robot(&state, &caller, robot, Action::SeeRobot).await?;
        let seen = Seen::read(&state, &scope, &row, state.clock.now().utc).await?;
        Ok(vec![
            ("now", RobotNow { robot: &seen.robot }.render()?),
            ("ready", RobotReady { ready: &seen.ready }.render()?),
            ("ways", RobotWays { ways: seen.ways.as_ref() }.render()?),
            ("events", RobotEvents { events: &seen.events }.render()?),
        ])
    })
}

/// `GET /api/robots`: a page of them as the list has it (`?page=`, `?q=`, `?look=1`); `Link` names the next one (RFC 8288).
pub async fn json(State(state): State<AppState>, caller: Caller, Query(asked): Query<Asked>) -> Result<Response, ApiError> {
    let scope = Scope::of(&state, &caller).await?;
    let now = state.clock.now().utc;
    let pages = Pages::new("/api/robots", &asked.q, &asked.look, asked.page);
    let (rows, more) = fleet::rows(&state, &caller, &asked, pages.offset(), PAGE, now).await?;
    let seen = rows.into_iter().filter(|row| scope.may_robot(Action::SeeRobot, row)).map(|row| {
        let view = fleet::view_of(&row, &[], &scope, now);
        RobotJson {
            id: row.robot_id,
            name: row.name,
            school: row.organisation_name,
            room: row.room_name,
            state: view.state.text().to_owned(),
            needs_look: view.needs_look,
            battery_pct: row.battery_pct,
            is_charging: row.charging,
            last_used_at: row.last_used_at,
        }
    });
    let next = pages.with_more(more).next().map(|address| [(header::LINK, format!("<{address}>; rel=\"next\""))]);
    Ok((next, Json(seen.collect::<Vec<_>>())).into_response())
}

/// The parts of a robot's page that move.
struct Seen {
    robot: RobotView,
    placements: Vec<PlacementRow>,
    ready_title: String,
    ready: Vec<Check>,
    events: Vec<EventLine>,
    ways: Option<Ways>,
}

impl Seen {
    async fn read(state: &AppState, scope: &Scope, row: &RobotRow, now: DateTime<Utc>) -> Result<Self, ApiError> {
        let zone = scope.zone(row.organisation_id);
        let today = now.with_timezone(&zone).date_naive();
        let placements = state.store.placements_of_robot(row.robot_id, today).await?;
        let next = super::moves::next_lesson(state, &placements, now).await?;
        let ready_title = match &next {
            Some(next) if next.start <= now => format!("Ready for {}, now?", next.subject),
            Some(next) => format!("Ready for {}, {}?", next.subject, view::clock(next.start, zone)),
            None => "Ready for the next lesson?".to_owned(),
        };
        let mut ready = vec![connected(row, now, zone), charged(row)];
        ready.extend(next.as_ref().map(|next| in_room(row, next)));
        ready.push(Check { what: "School Wi-Fi".to_owned(), chip: fleet::wifi_of(row) });
        ready.extend(clock(row));
        if let Some(placement) = placements.first() {
            let paired = state.store.tablet_of_placement(placement.placement_id).await?.is_some();
            let chip = if paired { Chip::new("live", "check", "Yes") } else { Chip::new("look", "tablet", "Not yet") };
            ready.push(Check { what: "Pupil’s tablet joined".to_owned(), chip: chip.into() });
            let until = Chip::new("live", "check", format!("To {}", view::short_date(placement.until_day)));
            ready.push(Check { what: "Loan current".to_owned(), chip: until.into() });
        }
        let mut lines: Vec<(DateTime<Utc>, String)> = Vec::new();
        for event in state.store.robot_events(row.robot_id, EVENTS_SHOWN).await? {
            lines.extend(event_words(&event.what).map(|words| (event.at, words.to_owned())));
        }
        for entry in state.store.audit_of(row.robot_id, EVENTS_SHOWN).await? {
            let by = entry.actor_name.unwrap_or_else(|| "Windowseat".to_owned());
            lines.extend(audit_words(&entry.action).map(|words| (entry.at, format!("{words} {by}"))));
        }
        lines.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        lines.truncate(usize::try_from(EVENTS_SHOWN).unwrap_or(0));
        let events = lines.into_iter().map(|(at, what)| EventLine { when: view::moment(at, now, zone), what }).collect();
        let robot = fleet::view_of(row, &placements, scope, now);
        Ok(Self { robot, placements, ready_title, ready, events, ways: Ways::of(row, now) })
    }
}

async fn loan_of(state: &AppState, scope: &Scope, placement: &PlacementRow) -> Result<Loan, ApiError> {
    let key_worker = match placement.key_worker_id {
        Some(id) => state.store.staff_name(id).await?,
        None => None,
    };
    let at = placement.provider_name.as_ref().map_or_else(String::new, |name| format!(", {name}"));
    Ok(Loan {
        pupil_id: placement.pupil_id,
        pupil: placement.pupil_name.clone(),
        may_open: scope.may_pupil(Action::ReadRecord, placement),
        school: placement.school_name.clone(),
        days: format!("{} to {}", view::full_date(placement.from_day), view::full_date(placement.until_day)),
        key_worker: key_worker.map_or_else(|| "Nobody named yet".to_owned(), |name| name + &at),
    })
}

fn connected(row: &RobotRow, now: DateTime<Utc>, zone: chrono_tz::Tz) -> Check {
    let chip = match (row.status.as_str(), row.status_at) {
        ("here", _) => Chip::new("live", "check", "Yes").into(),
        (_, None) => Told::quiet("No data yet"),
        ("off_by_person", Some(at)) => Chip::new("", "off", format!("Off by person: {}", view::moment(at, now, zone))).into(),
        (_, Some(at)) => Chip::new("look", "wifioff", format!("Not since: {}", view::moment(at, now, zone))).into(),
    };
    Check { what: "Connected".to_owned(), chip }
}

fn charged(row: &RobotRow) -> Check {
    Check { what: "Charged".to_owned(), chip: fleet::battery_of(row) }
}

/// What is off about its clock, if more is than a network's delay.
fn clock(row: &RobotRow) -> Option<Check> {
    let ms = row.clock_offset_ms.filter(|ms| ms.abs() > attendance::MAX_SKEW_MS)?;
    let chip = Chip::new("look", "clock", format!("{}. Times here are corrected.", view::off_by(ms)));
    Some(Check { what: "Its clock".to_owned(), chip: chip.into() })
}

fn in_room(row: &RobotRow, next: &super::moves::NextLesson) -> Check {
    let chip = match (row.room_id, row.carried_by) {
        (Some(room), _) if room == next.room_id => Chip::new("live", "check", "Yes").into(),
        (Some(_), _) => Chip::new("move", "carry", format!("It is in {}", fleet::room_of(row))).into(),
        (None, Some(_)) => Chip::new("move", "carry", "Being carried").into(),
        (None, None) => Told::quiet("Not known yet"),
    };
    Check { what: format!("In {}", next.room), chip }
}

/// What a robot or bridge noted, in words. What a pupil did in class (a raised hand) is not shown on a robot's page.
fn event_words(what: &str) -> Option<&'static str> {
    Some(match what {
        "pupil_joined" => "The pupil joined",
        "second_pupil_refused" => "A second pupil was refused",
        "tablet_took_over" => "The pupil’s new tablet took over",
        "grant_refused" => "A connection without permission was refused",
        "paused" => "Paused in the classroom",
        "resumed" => "Goes on after a pause",
        "off_by_person" => "Switched off at its button",
        "started" => "Switched on",
        _ => return None,
    })
}

fn audit_words(action: &str) -> Option<&'static str> {
    Some(match action {
        "carry robot" => "Taken by",
        "place robot" => "Put in its room by",
        "connect camera" => "A camera was given permission by",
        "add robot" => "Added by",
        "rename robot" => "Given another name by",
        "retire robot" => "No longer used, said by",
        "use robot again" => "Used again, said by",
        _ => return None,
    })
}
