//! Pages for staff: server-rendered, with small modules where a page is live. No inline style or script anywhere.
//!
//! Each file below is one page: its route's handler, what the template shows, nothing else. Words are of the design.

mod account;
mod accounts;
mod assets;
mod audit;
mod begin;
mod breakdown;
mod camera;
mod changes;
mod contacts;
mod correction;
mod costs;
mod days;
mod documents;
mod due;
mod earlier;
mod entry;
mod expected;
mod export;
mod feed;
mod fleet;
mod glide;
mod goals;
mod growth;
mod home;
mod lesson_table;
mod live;
mod machines;
mod meanwhile;
mod mine;
mod moves;
mod organisations;
mod part_time;
mod people;
mod placements;
mod plan;
mod plans;
mod pupils;
mod record;
mod register;
mod robots;
mod rooms;
mod scales;
mod schools;
pub mod sign_in;
mod system;
mod tablet;
pub mod view;
mod weeks;
mod welcome;

use askama::Template;
use axum::response::Html;
use chrono::{DateTime, Utc};
use server_core::access::{Action, Role};

pub use view::icon;

use crate::api::auth::Caller;
use crate::api::error::Problem;
use crate::api::scope::Scope;
use crate::api::{ANY_STAFF, Access, ApiError, Route};

const SEES_ROBOTS: Access = Access::SignedIn(&[Role::Coordinator, Role::SchoolLead, Role::ClassroomStaff]);
const CORRECTS_MINUTES: Access = Access::SignedIn(&[Role::Coordinator, Role::KeyWorker]);
/// Who runs the robots of an authority does not see how a child is assessed.
const LOOKS_AT_GROWTH: Access = Access::SignedIn(&[Role::KeyWorker, Role::SchoolLead]);
/// Days of schools and of the panel, rooms, lessons and scales are entered by those who answer for a school or an authority.
const SETS_DAYS: Access = Access::SignedIn(&[Role::Coordinator, Role::SchoolLead]);
/// Numbers without a name are for a board too, which an auditor stands for.
const COUNTS_RETURNS: Access = Access::SignedIn(&[Role::Coordinator, Role::KeyWorker, Role::SchoolLead, Role::Auditor]);
/// Who answers for a school or an authority enters its pupils and begins their placements.
const ANSWERS_FOR_PUPILS: Access = Access::SignedIn(&[Role::Coordinator, Role::SchoolLead]);
const READS_RECORDS: Access = Access::SignedIn(&[Role::Coordinator, Role::KeyWorker, Role::SchoolLead]);

/// Every page of staff, and what pages are made of.
#[must_use]
pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/", ANY_STAFF, home::show),
        Route::get("/assets/{*path}", Access::Public, assets::get),
        Route::get("/sign-in", Access::Public, sign_in::show),
        Route::post("/sign-in", Access::Public, sign_in::submit),
        Route::post("/sign-out", ANY_STAFF, sign_in::sign_out),
        // There only until somebody has an account.
        Route::get("/begin", Access::Public, begin::show),
        Route::post("/begin", Access::Public, begin::submit),
        Route::get("/welcome", Access::Public, welcome::show),
        Route::post("/welcome", Access::Public, welcome::submit),
        Route::get("/organisations", Access::SignedIn(&[Role::Coordinator]), organisations::list),
        Route::post("/organisations", Access::SignedIn(&[Role::Coordinator]), organisations::change),
        Route::get("/staff", Access::SignedIn(&[Role::Coordinator]), accounts::list),
        Route::post("/staff", Access::SignedIn(&[Role::Coordinator]), accounts::change),
        Route::get("/robots", SEES_ROBOTS, robots::list),
        Route::get("/robots/live", SEES_ROBOTS, robots::list_live),
        Route::get("/robots/new", Access::SignedIn(&[Role::Coordinator]), machines::new_form),
        Route::post("/robots/new", Access::SignedIn(&[Role::Coordinator]), machines::add),
        Route::get("/robots/{robot}/settings", Access::SignedIn(&[Role::Coordinator]), machines::settings),
        Route::post("/robots/{robot}/settings", Access::SignedIn(&[Role::Coordinator]), machines::change),
        Route::get("/robots/{robot}", SEES_ROBOTS, robots::one),
        Route::get("/robots/{robot}/live", SEES_ROBOTS, robots::one_live),
        Route::post("/robots/{robot}/camera", Access::SignedIn(&[Role::Coordinator]), camera::grant),
        Route::get("/schools", Access::SignedIn(&[Role::Coordinator]), schools::list),
        Route::get("/pupils", READS_RECORDS, pupils::list),
        Route::get("/pupils/new", ANSWERS_FOR_PUPILS, entry::show),
        Route::post("/pupils/new", ANSWERS_FOR_PUPILS, entry::add),
        Route::get("/pupils/{pupil}/placement/new", ANSWERS_FOR_PUPILS, placements::begin_form),
        Route::post("/pupils/{pupil}/placement/new", ANSWERS_FOR_PUPILS, placements::begin),
        Route::get("/pupils/{pupil}/lessons", ANSWERS_FOR_PUPILS, expected::show),
        Route::post("/pupils/{pupil}/lessons", ANSWERS_FOR_PUPILS, expected::save),
        Route::get("/pupils/{pupil}/placement", ANSWERS_FOR_PUPILS, placements::details::show),
        Route::post("/pupils/{pupil}/placement", ANSWERS_FOR_PUPILS, placements::details::change),
        Route::get("/pupils/{pupil}/earlier", READS_RECORDS, earlier::list),
        Route::get("/pupils/{pupil}/earlier/{plan}", READS_RECORDS, earlier::one),
        Route::get("/plans", COUNTS_RETURNS, plans::list),
        Route::get("/plans/earlier", READS_RECORDS, plans::earlier),
        Route::get("/pupils/{pupil}", READS_RECORDS, record::show),
        Route::get("/pupils/{pupil}/live", READS_RECORDS, record::live),
        Route::get("/pupils/{pupil}/correction", CORRECTS_MINUTES, correction::show),
        Route::post("/pupils/{pupil}/correction", CORRECTS_MINUTES, correction::add),
        Route::get("/pupils/{pupil}/tablet", READS_RECORDS, tablet::show),
        Route::post("/pupils/{pupil}/tablet", READS_RECORDS, tablet::new_code),
        Route::post("/pupils/{pupil}/tablet/off", READS_RECORDS, tablet::switch_off),
        Route::get("/pupils/{pupil}/plan", READS_RECORDS, plan::show),
        Route::post("/pupils/{pupil}/plan", READS_RECORDS, plan::begin),
        Route::get("/pupils/{pupil}/plan/history", READS_RECORDS, plan::history::show),
        Route::get("/pupils/{pupil}/changes", READS_RECORDS, changes::show),
        Route::post("/pupils/{pupil}/plan/{part}", READS_RECORDS, plan::save),
        Route::get("/pupils/{pupil}/glide", READS_RECORDS, glide::show),
        Route::post("/pupils/{pupil}/glide", READS_RECORDS, glide::said::say),
        Route::get("/pupils/{pupil}/growth", LOOKS_AT_GROWTH, growth::show),
        Route::get("/pupils/{pupil}/growth/look", LOOKS_AT_GROWTH, growth::look::show),
        Route::post("/pupils/{pupil}/growth/look", LOOKS_AT_GROWTH, growth::look::add),
        Route::get("/pupils/{pupil}/growth/profile", LOOKS_AT_GROWTH, growth::profile::edit),
        Route::post("/pupils/{pupil}/growth/profile", LOOKS_AT_GROWTH, growth::profile::save),
        Route::post("/pupils/{pupil}/growth/doing", LOOKS_AT_GROWTH, growth::doing::change),
        Route::get("/pupils/{pupil}/growth/shared", LOOKS_AT_GROWTH, growth::profile::shared),
        Route::post("/pupils/{pupil}/due/word", READS_RECORDS, due::word),
        Route::get("/pupils/{pupil}/goals", READS_RECORDS, goals::show),
        Route::post("/pupils/{pupil}/goals", READS_RECORDS, goals::change),
        Route::get("/pupils/{pupil}/part-time", READS_RECORDS, part_time::show),
        Route::post("/pupils/{pupil}/part-time", READS_RECORDS, part_time::save),
        Route::get("/pupils/{pupil}/breakdown", READS_RECORDS, breakdown::show),
        Route::post("/pupils/{pupil}/breakdown", READS_RECORDS, breakdown::change),
        Route::get("/pupils/{pupil}/people", READS_RECORDS, people::show),
        Route::post("/pupils/{pupil}/people", READS_RECORDS, people::change),
        Route::get("/pupils/{pupil}/contacts", READS_RECORDS, contacts::show),
        Route::post("/pupils/{pupil}/contacts", READS_RECORDS, contacts::write),
        Route::post("/pupils/{pupil}/contacts/instead", READS_RECORDS, contacts::instead),
        Route::get("/pupils/{pupil}/register", READS_RECORDS, register::show),
        Route::post("/pupils/{pupil}/register", READS_RECORDS, register::say_place),
        // A school's own register, brought in by the school.
        Route::get("/register", Access::SignedIn(&[Role::SchoolLead]), register::show_import),
        Route::post("/register", Access::SignedIn(&[Role::SchoolLead]), register::bring_in).taking(register::MOST_BYTES),
        Route::get("/days", SETS_DAYS, days::show),
        Route::post("/days", SETS_DAYS, days::save),
        Route::get("/rooms", SETS_DAYS, rooms::show),
        Route::post("/rooms", SETS_DAYS, rooms::change),
        Route::get("/lessons", SETS_DAYS, lesson_table::show),
        Route::post("/lessons", SETS_DAYS, lesson_table::change),
        Route::get("/lessons/import", SETS_DAYS, lesson_table::import::show),
        Route::post("/lessons/import", SETS_DAYS, lesson_table::import::read).taking(lesson_table::import::MOST_BYTES),
        Route::get("/lessons/{lesson}", SETS_DAYS, lesson_table::one::show),
        Route::post("/lessons/{lesson}", SETS_DAYS, lesson_table::one::change),
        Route::get("/scales", SETS_DAYS, scales::show),
        Route::post("/scales", SETS_DAYS, scales::save),
        Route::get("/costs", Access::SignedIn(&[Role::Coordinator]), costs::show),
        Route::post("/costs", Access::SignedIn(&[Role::Coordinator]), costs::save),
        Route::get("/costs/changes", Access::SignedIn(&[Role::Coordinator]), costs::changes),
        Route::get("/pupils/{pupil}/documents", READS_RECORDS, documents::show),
        Route::post("/pupils/{pupil}/documents", READS_RECORDS, documents::give),
        Route::get("/pupils/{pupil}/documents/{file}", READS_RECORDS, documents::get),
        Route::get("/pupils/{pupil}/export/{file}", READS_RECORDS, export::get),
        Route::get("/due", READS_RECORDS, mine::show),
        Route::get("/due/cases", READS_RECORDS, mine::show_cases),
        Route::post("/due/feed", READS_RECORDS, feed::make),
        Route::post("/due/feed/off", READS_RECORDS, feed::switch_off),
        // The key in the address stands for the person.
        Route::get("/feeds/{key}/due.ics", Access::Public, feed::get),
        Route::get("/pupils/{pupil}/due", READS_RECORDS, due::show),
        Route::post("/pupils/{pupil}/due", READS_RECORDS, due::say),
        Route::get("/moves", SEES_ROBOTS, moves::show),
        Route::post("/moves/{robot}/carry", SEES_ROBOTS, moves::carry),
        Route::post("/moves/{robot}/room", SEES_ROBOTS, moves::put_down),
        Route::post("/moves/{robot}/undo", SEES_ROBOTS, moves::undo),
        Route::get("/system", Access::SignedIn(&[Role::Coordinator]), system::show),
        Route::post("/system/bridges", Access::SignedIn(&[Role::Coordinator]), machines::add_bridge),
        Route::get("/system/bridges/{bridge}", Access::SignedIn(&[Role::Coordinator]), machines::bridge),
        Route::post("/system/bridges/{bridge}", Access::SignedIn(&[Role::Coordinator]), machines::retire_bridge),
        Route::post("/system/messages/retry", Access::SignedIn(&[Role::Coordinator]), system::retry),
        Route::post("/system/messages/{message}/retry", Access::SignedIn(&[Role::Coordinator]), system::retry_one),
        Route::get("/audit", Access::SignedIn(&[Role::Auditor]), audit::show),
        Route::get("/api/robots", SEES_ROBOTS, robots::json),
        Route::get("/api/pupils/{pupil}/attendance", READS_RECORDS, record::json),
    ]
}

/// What every page has around its own part.
pub struct Frame {
    title: String,
    body_class: &'static str,
    who: String,
    csrf: String,
    nav: Vec<NavLink>,
    /// Whether pages about a pupil lead to looks at the framework.
    sees_growth: bool,
    foot: String,
}

struct NavLink {
    href: &'static str,
    text: &'static str,
    here: bool,
}

impl Frame {
    /// The frame for someone signed in. `here`: the address in the navigation that this page belongs to.
    fn of(caller: &Caller, scope: &Scope, title: impl Into<String>, here: &str, now: DateTime<Utc>) -> Self {
        let sees_robots = [Role::Coordinator, Role::SchoolLead, Role::ClassroomStaff].iter().any(|role| caller.is(*role));
        let reads = [Role::Coordinator, Role::KeyWorker, Role::SchoolLead].iter().any(|role| caller.is(*role));
        let all = [
            ("/", "Today", scope.may_somewhere(Action::SeeFleet)),
            ("/schools", "Schools", scope.may_somewhere(Action::SeeFleet)),
            ("/robots", "Robots", sees_robots),
            ("/pupils", "Pupils", reads),
            // Whoever reads records finds it beside the list of pupils.
            ("/plans", "Plans", !reads && scope.may_somewhere(Action::CountReturns)),
            ("/due", "Due", reads),
            ("/register", "Register", caller.is(Role::SchoolLead)),
            ("/moves", "Moves", sees_robots),
            ("/days", "Days", scope.may_somewhere(Action::SetDays)),
            ("/costs", "Costs", scope.may_somewhere(Action::ReadCosts)),
            ("/system", "Bridges", scope.may_everywhere(Action::SeeSystem)),
            ("/audit", "Audit log", caller.is(Role::Auditor)),
        ];
        let nav =
            all.into_iter().filter(|(_, _, shown)| *shown).map(|(href, text, _)| NavLink { href, text, here: href == here });
        let zone = scope.own_zone();
        Self {
            title: title.into(),
            body_class: "",
            who: caller.name.clone(),
            csrf: caller.csrf.clone(),
            nav: nav.collect(),
            sees_growth: caller.is(Role::KeyWorker) || caller.is(Role::SchoolLead),
            foot: format!("{}. Data to {}, {}.", scope.own_name(), view::day(now, zone), view::clock(now, zone)),
        }
    }

    /// The frame where nobody is signed in.
    fn bare(title: impl Into<String>, csrf: String) -> Self {
        Self {
            title: title.into(),
            body_class: "",
            who: String::new(),
            csrf,
            nav: Vec::new(),
            sees_growth: false,
            foot: String::new(),
        }
    }
}

/// The page of an error.
#[derive(Template)]
#[template(path = "staff/error.html")]
pub struct ErrorPage {
    frame: Frame,
    detail: &'static str,
}

impl ErrorPage {
    /// From what a handler answered.
    #[must_use]
    pub fn new(problem: &Problem) -> Self {
        Self { frame: Frame::bare(problem.title.clone(), String::new()), detail: problem.detail }
    }
}

/// A page, drawn.
fn page(template: &impl Template) -> Result<Html<String>, ApiError> {
    Ok(Html(template.render()?))
}
