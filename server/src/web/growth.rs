//! Growth in the eighteen areas of the AP Framework: looks over time in one voice, as pictures and as a table; and what helps.
//!
//! There is no total and no order of areas by how well they go: the core has no way to make one (see `server_core::framework`). A
//! step back is drawn like a step on. What is noted about the pupil is shown to those who have the pupil; whoever comes from another school
//! is shown what was shared alone, here and on the page of `growth/profile.rs`.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Html;
use chrono::NaiveDate;
use serde::Deserialize;
use server_core::access::Action;
use server_core::framework::{
    Area, Assessment, Domain, Intervention, Level, Profile, Scale, Series, SharedProfile, Trait, Voice,
};
use store::kept;
use store::placements::PlacementRow;
use store::sheets::{Owner, SheetKind, SheetRow};
use uuid::Uuid;

use super::{Frame, page, plan, view};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::{self, Scope};

pub mod doing;
pub mod look;
pub mod profile;

/// Looks side by side in a table; earlier ones have further tables.
const TABLE_LOOKS: usize = 4;
/// Left and right end of an area's line.
const LEFT: f32 = 188.0;
const RIGHT: f32 = 332.0;
/// Between one area's line and the next.
const PITCH: u16 = 46;
/// Where the words of the last step end, about how wide a letter is, and the rows in which the words of steps stand.
const EDGE: f32 = 346.0;
const STEP_CHAR: f32 = 6.6;
const STEP_ROWS: [&str; 2] = ["-28", "-10"];
/// A longer name is broken into two lines.
const NAME_CHARS: usize = 19;

/// Voices with their words in addresses.
pub(super) const VOICES: [(&str, Voice, &str); 3] =
    [("staff", Voice::Staff, "Staff"), ("pupil", Voice::Pupil, "The pupil"), ("parent", Voice::Parent, "A parent or carer")];

/// What notes are about, in the order of the page.
pub(super) const TRAITS: [(Trait, &str, &str); 5] = [
    (Trait::Strength, "strength", "Strengths"),
    (Trait::Need, "need", "Needs"),
    (Trait::Trigger, "trigger", "Harder moments"),
    (Trait::Coping, "coping", "What helps then"),
    (Trait::Adjustment, "adjustment", "What everybody who teaches the pupil does"),
];

#[derive(Template)]
#[template(path = "staff/growth.html")]
struct GrowthPage {
    frame: Frame,
    pupil_id: Uuid,
    pupil_name: String,
    about: String,
    may_edit: bool,
    voices: Vec<VoiceLink>,
    /// The looks by the scale that they were made with, that of the latest look first.
    scales: Vec<OnScale>,
    helps: Vec<Lines>,
    interventions: Vec<String>,
    shared: String,
}

/// What was looked at on one scale, in one version.
struct OnScale {
    n: usize,
    title: String,
    legend: Option<Legend>,
    /// The words of its steps, above each picture.
    steps: Vec<StepView>,
    domains: Vec<DomainView>,
    /// The latest looks first.
    tables: Vec<Table>,
}

/// A title with its lines or cells.
type Lines = (&'static str, Vec<String>);

struct VoiceLink {
    href: String,
    words: &'static str,
    here: bool,
}

struct Legend {
    first: String,
    between: String,
    last: String,
    steps: String,
}

struct StepView {
    x: String,
    y: &'static str,
    anchor: &'static str,
    words: String,
}

struct DomainView {
    id: &'static str,
    name: &'static str,
    height: u16,
    told: String,
    areas: Vec<AreaView>,
}

/// One area's line. All lengths are the picture's units.
struct AreaView {
    name: Vec<(String, u16)>,
    y: u16,
    ticks: Vec<String>,
    line: Option<(String, String)>,
    first: Option<String>,
    between: Vec<String>,
    last: Option<(String, bool)>,
}

struct Table {
    scale: String,
    days: Vec<String>,
    /// The first and the last of these days.
    between: String,
    domains: Vec<(&'static str, usize, Vec<Lines>)>,
}

/// In which voice.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    voice: String,
}

/// `GET /pupils/{pupil}/growth`
pub async fn show(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::ReadFramework).await?;
    let now = state.clock.now().utc;
    state.store.append_audit(plan::audit(&caller, pupil, "read framework"), now).await?;
    let today = scope.today(placement.school_id, now);
    let scales = scales(&state, &scope, &placement).await?;
    let looks = looks(&state, &placement, &scales).await?;
    let profile = read_profile(&state, &placement).await?.map(|(_, profile)| profile).unwrap_or_default();
    let (helps, interventions, shared) = if scope.is_from_elsewhere(&placement) {
        let shared = profile.shared(today);
        let done = shared.interventions().iter().map(intervention_words).collect();
        (shared_lines(&shared), done, "What the pupil shares by choice.".to_owned())
    } else {
        let done = profile.interventions.iter().filter(|one| one.is_on(today)).map(intervention_words).collect();
        (helps(&profile), done, shared_words(&profile))
    };
    let asked = VOICES.iter().find(|(code, ..)| *code == asked.voice).unwrap_or(&VOICES[0]);
    let voice = asked.1;
    let of_voice: Vec<Assessment> = looks.iter().filter(|look| look.voice == voice).cloned().collect();
    // Steps of two scales have no common line: each scale has its own picture, and the looks that were made with it.
    let mut used: Vec<&Scale> = Vec::new();
    for look in of_voice.iter().rev() {
        used.extend(scales.iter().find(|scale| scale.key() == look.scale()).filter(|scale| !used.contains(scale)));
    }
    let on = |(n, scale): (usize, &&Scale)| {
        let made: Vec<&Assessment> = of_voice.iter().filter(|look| look.scale() == scale.key()).collect();
        OnScale {
            n,
            title: format!("{}, version {}", scale.title(), scale.key().version),
            legend: legend(&made, scale),
            steps: step_views(scale),
            domains: Domain::ALL.iter().map(|domain| domain_view(*domain, &of_voice, voice, scale)).collect(),
            tables: made.rchunks(TABLE_LOOKS).map(|looks| table(looks, scale)).collect(),
        }
    };
    page(&GrowthPage {
        frame: Frame::of(&caller, &scope, format!("Growth of {}", placement.pupil_name), "/pupils", now),
        pupil_id: pupil,
        pupil_name: placement.pupil_name.clone(),
        about: about(&of_voice, voice),
        may_edit: scope.may_pupil(Action::EditFramework, &placement),
        voices: VOICES
            .iter()
            .map(|(code, one, words)| VoiceLink {
                href: format!("/pupils/{pupil}/growth?voice={code}"),
                words,
                here: *one == voice,
            })
            .collect(),
        scales: used.iter().enumerate().map(on).collect(),
        helps,
        interventions,
        shared,
    })
}

/// A look in words, for files.
pub(super) struct Told {
    pub(super) on: NaiveDate,
    pub(super) voice: &'static str,
    pub(super) scale: String,
    /// Area, step, note.
    pub(super) steps: Vec<(Area, String, String)>,
}

/// Every look at a pupil in words, by day.
pub(super) async fn every_look(state: &AppState, scope: &Scope, placement: &PlacementRow) -> Result<Vec<Told>, ApiError> {
    let scales = scales(state, scope, placement).await?;
    let told = |look: &Assessment| {
        let scale = scales.iter().find(|scale| scale.key() == look.scale())?;
        let step = |area: Area| {
            let words = scale.words(look.level(area)?)?.to_owned();
            Some((area, words, look.note(area).map(|note| note.expose().to_owned()).unwrap_or_default()))
        };
        Some(Told {
            on: look.on,
            voice: look.voice.words(),
            scale: format!("{}, version {}", scale.title(), scale.key().version),
            steps: look.areas().filter_map(step).collect(),
        })
    };
    Ok(looks(state, placement, &scales).await?.iter().filter_map(told).collect())
}

/// The scales of the authority and the provider, and the plain one that everybody has.
///
/// # Errors
/// The database does not answer, or holds an unreadable scale.
pub(super) async fn scales(state: &AppState, scope: &Scope, placement: &PlacementRow) -> Result<Vec<Scale>, ApiError> {
    let mut all = vec![Scale::plain()];
    let owners = [scope.parent_of(placement.school_id), placement.provider_id, Some(placement.school_id)];
    for owner in owners.into_iter().flatten() {
        for row in state.store.sheets(Owner::Organisation(owner), SheetKind::Scale).await? {
            all.push(kept::read_scale(&row.body).ok_or_else(|| anyhow::anyhow!("a scale is not readable"))?);
        }
    }
    Ok(all)
}

/// Every look at a pupil, by day and then as they were written.
async fn looks(state: &AppState, placement: &PlacementRow, scales: &[Scale]) -> Result<Vec<Assessment>, ApiError> {
    let mut rows = state.store.sheets(Owner::Placement(placement.placement_id), SheetKind::Assessment).await?;
    rows.sort_by_key(|row| (row.day, row.at));
    let read = |row: &SheetRow| kept::read_assessment(&row.body, scales);
    let all: Option<Vec<_>> = rows.iter().map(read).collect();
    Ok(all.ok_or_else(|| anyhow::anyhow!("a look at the framework is not readable"))?)
}

/// What is noted about a pupil, with its revision. A placement has one such sheet, under its own id.
pub(super) async fn read_profile(state: &AppState, placement: &PlacementRow) -> Result<Option<(i64, Profile)>, ApiError> {
    let rows = state.store.sheets(Owner::Placement(placement.placement_id), SheetKind::Profile).await?;
    let Some(row) = rows.into_iter().find(|row| row.sheet_id == placement.placement_id) else { return Ok(None) };
    let profile = kept::read_profile(&row.body).ok_or_else(|| anyhow::anyhow!("a profile is not readable"))?;
    Ok(Some((row.revision, profile)))
}

/// What everybody who teaches the pupil does (L-7), and what helps in harder moments: of it, what the pupil shares.
///
/// # Errors
/// The database does not answer, or holds what this program cannot read.
pub(super) async fn adjustments(state: &AppState, placement: &PlacementRow, today: NaiveDate) -> Result<Vec<String>, ApiError> {
    let Some((_, profile)) = read_profile(state, placement).await? else { return Ok(Vec::new()) };
    let shared = profile.shared(today);
    let about = |about: Trait| shared.about(about).map(|words| words.expose().to_owned()).collect::<Vec<_>>();
    Ok([about(Trait::Adjustment), about(Trait::Coping)].concat())
}

fn about(looks: &[Assessment], voice: Voice) -> String {
    let words = match looks.len() {
        0 => format!("Nobody has looked in the voice of {} yet.", voice.words()),
        1 => format!("One look, in the voice of {}.", voice.words()),
        count => format!("{count} looks, in the voice of {}.", voice.words()),
    };
    format!("{words} There is no total, by design.")
}

fn legend(looks: &[&Assessment], scale: &Scale) -> Option<Legend> {
    let last = looks.last()?;
    let first = looks.first().filter(|first| first.on != last.on);
    Some(Legend {
        first: first.map_or_else(String::new, |look| view::short_date(look.on)),
        between: if looks.len() > 2 { "Between, where it differs".to_owned() } else { String::new() },
        last: view::short_date(last.on),
        steps: format!("Steps: {}. A step back is news, not a fault.", scale.steps().join(", ").to_lowercase()),
    })
}

fn domain_view(domain: Domain, looks: &[Assessment], voice: Voice, scale: &Scale) -> DomainView {
    let mut told = Vec::new();
    let mut areas = Vec::new();
    for (n, area) in (0_u16..).zip(domain.areas()) {
        let series = Series::of(looks, area, voice).into_iter().find(|series| series.scale == *scale.key());
        if let Some(series) = &series {
            told.push(tell(area, series, scale));
        }
        areas.push(area_view(area, n * PITCH + 22, series.as_ref(), scale));
    }
    DomainView {
        id: domain.code(),
        name: domain.words(),
        height: u16::try_from(areas.len()).unwrap_or(1) * PITCH + 54,
        told: if told.is_empty() { format!("{}: not looked at yet.", domain.words()) } else { told.join(" ") },
        areas,
    }
}

/// The words of a scale's steps, by turns in two rows. Where they are too long or too many for that, the first and the last.
fn step_views(scale: &Scale) -> Vec<StepView> {
    let steps = scale.steps();
    let last = steps.len().saturating_sub(1);
    let place = |n: usize, row: usize, words: String| {
        let share = f32::from(u16::try_from(n).unwrap_or(0)) / f32::from(u16::try_from(last.max(1)).unwrap_or(1));
        let x = LEFT + (RIGHT - LEFT) * share;
        let width = STEP_CHAR * f32::from(u16::try_from(words.chars().count()).unwrap_or(u16::MAX));
        // The last one ends with the picture.
        let (x, anchor, from) = if n == last { (EDGE, "end", EDGE - width) } else { (x, "middle", x - width / 2.0) };
        (StepView { x: px(x), y: STEP_ROWS[row % 2], anchor, words }, row % 2, (from, from + width))
    };
    let all: Vec<_> = steps.iter().enumerate().map(|(n, words)| place(n, n, words.to_lowercase())).collect();
    let fits = all.iter().enumerate().all(|(n, (_, row, (from, _)))| {
        let before = all[..n].iter().rfind(|other| other.1 == *row);
        before.map_or(*from >= 0.0, |(.., (_, until))| until + STEP_CHAR <= *from)
    });
    if fits {
        return all.into_iter().map(|(view, ..)| view).collect();
    }
    // "just starting" → "starting"
    let short = |words: &String| words.split_whitespace().next_back().unwrap_or_default().to_lowercase();
    let ends = [steps.first().map(|words| (0, 0, short(words))), steps.last().map(|words| (last, 1, short(words)))];
    ends.into_iter().flatten().map(|(n, row, words)| place(n, row, words).0).collect()
}

/// `Self-awareness: with help on 14 Sep, mostly alone on 10 Nov, a step on.`
fn tell(area: Area, series: &Series, scale: &Scale) -> String {
    let said = |on: NaiveDate, level: &Level| {
        format!("{} on {}", scale.words(level).unwrap_or_default().to_lowercase(), view::short_date(on))
    };
    match (series.points.first(), series.points.last()) {
        (Some(first), Some(last)) if first.on != last.on => {
            format!("{}: {}, {}.", area.words(), said(first.on, &first.level), said(last.on, &last.level))
        }
        (_, Some(last)) => format!("{}: {}.", area.words(), said(last.on, &last.level)),
        _ => String::new(),
    }
}

fn area_view(area: Area, y: u16, series: Option<&Series>, scale: &Scale) -> AreaView {
    let at = |level: &Level| level.along(scale, LEFT, RIGHT).unwrap_or(LEFT);
    let count = scale.steps().len().saturating_sub(1).max(1);
    let tick = |n: usize| {
        let share = f32::from(u16::try_from(n).unwrap_or(0)) / f32::from(u16::try_from(count).unwrap_or(1));
        px(LEFT + (RIGHT - LEFT) * share)
    };
    let points: Vec<f32> =
        series.map(|series| series.points.iter().map(|point| at(&point.level)).collect()).unwrap_or_default();
    let (first, last) = (points.first().copied(), points.last().copied());
    let same = |a: f32, b: f32| (a - b).abs() < 0.5;
    let ends = first.zip(last);
    let (low, high) = points.iter().fold((f32::MAX, f32::MIN), |(low, high), point| (low.min(*point), high.max(*point)));
    AreaView {
        name: name_lines(area.words(), y),
        y,
        ticks: (0..=count).map(tick).collect(),
        line: (points.len() > 1 && !same(low, high)).then(|| (px(low), px(high))),
        first: ends.filter(|(first, last)| points.len() > 1 && !same(*first, *last)).map(|(first, _)| px(first)),
        between: points
            .iter()
            .filter(|point| ends.is_some_and(|(first, last)| !same(**point, first) && !same(**point, last)))
            .map(|point| px(*point))
            .collect(),
        last: ends.map(|(first, last)| (px(last), points.len() > 1 && same(first, last))),
    }
}

/// A name in one line, or in two.
fn name_lines(name: &str, y: u16) -> Vec<(String, u16)> {
    if name.chars().count() <= NAME_CHARS {
        return vec![(name.to_owned(), y + 5)];
    }
    let (mut first, mut second) = (String::new(), String::new());
    for word in name.split(' ') {
        let line = if second.is_empty() && first.chars().count() + word.chars().count() < NAME_CHARS {
            &mut first
        } else {
            &mut second
        };
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    vec![(first, y.saturating_sub(3)), (second, y + 13)]
}

fn table(looks: &[&Assessment], scale: &Scale) -> Table {
    let step = |look: &Assessment, area: Area| {
        look.level(area).and_then(|level| scale.words(level)).unwrap_or("Not looked at").to_owned()
    };
    let cells = |area: Area| (area.words(), looks.iter().map(|look| step(look, area)).collect());
    Table {
        scale: format!("Scale: {}, version {}. The framework itself sets no scale.", scale.title(), scale.key().version),
        between: match (looks.first(), looks.last()) {
            (Some(first), Some(last)) if first.on != last.on => {
                format!("{} to {}", view::full_date(first.on), view::full_date(last.on))
            }
            (first, _) => first.map_or_else(String::new, |look| view::full_date(look.on)),
        },
        days: looks.iter().map(|look| view::full_date(look.on)).collect(),
        domains: Domain::ALL
            .iter()
            .map(|domain| (domain.words(), domain.areas().count(), domain.areas().map(cells).collect()))
            .collect(),
    }
}

fn helps(profile: &Profile) -> Vec<Lines> {
    let lines = |about: Trait| {
        profile.notes.iter().filter(|note| note.about == about).map(|note| note.words.expose().to_owned()).collect::<Vec<_>>()
    };
    TRAITS.iter().map(|(about, _, words)| (*words, lines(*about))).filter(|(_, lines)| !lines.is_empty()).collect()
}

/// The same of what the pupil shares.
fn shared_lines(shared: &SharedProfile) -> Vec<Lines> {
    let lines = |about: Trait| shared.about(about).map(|words| words.expose().to_owned()).collect::<Vec<_>>();
    TRAITS.iter().map(|(about, _, words)| (*words, lines(*about))).filter(|(_, lines)| !lines.is_empty()).collect()
}

pub(super) fn intervention_words(one: &Intervention) -> String {
    let areas: Vec<_> = one.areas().iter().map(|area| area.words().to_lowercase()).collect();
    format!("{} (for {})", one.what.expose(), areas.join(", "))
}

fn shared_words(profile: &Profile) -> String {
    let shared: Vec<NaiveDate> = profile.notes.iter().filter_map(|note| note.shared_on).collect();
    match (shared.iter().max(), profile.notes.len()) {
        (_, 0) => "Nothing is noted yet.".to_owned(),
        (None, _) => "Nothing of it is shared yet.".to_owned(),
        (Some(day), all) => {
            format!("{} of {all} lines are shared by choice of the pupil, last on {}.", shared.len(), view::short_date(*day))
        }
    }
}

/// A coordinate with one decimal.
fn px(value: f32) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use server_core::party::PersonId;

    use super::*;

    fn look(on: &str, words: &str) -> Assessment {
        let scale = Scale::plain();
        let looks = BTreeMap::from([(Area::Resilience, scale.level(words).unwrap())]);
        Assessment::new(on.parse().unwrap(), Voice::Staff, PersonId(Uuid::nil()), &scale, looks, BTreeMap::new()).unwrap()
    }

    fn drawn(looks: &[Assessment]) -> AreaView {
        let scale = Scale::plain();
        let series = Series::of(looks, Area::Resilience, Voice::Staff).into_iter().next();
        area_view(Area::Resilience, 22, series.as_ref(), &scale)
    }

    #[test]
    fn a_line_goes_from_the_first_look_to_the_last_whichever_way_it_went() {
        let on = drawn(&[look("2026-09-14", "Just starting"), look("2026-11-10", "Mostly alone")]);
        let back = drawn(&[look("2026-09-14", "Mostly alone"), look("2026-11-10", "Just starting")]);
        assert_eq!(on.line, back.line, "a step back is drawn like a step on");
        assert_eq!((on.first.as_deref(), on.last.unwrap().0.as_str()), (Some("188.0"), "284.0"));
        assert_eq!(back.last.unwrap().0, "188.0");
    }

    #[test]
    fn the_same_step_again_is_ringed_and_an_area_nobody_looked_at_is_an_empty_line() {
        let same = drawn(&[look("2026-09-14", "With help"), look("2026-10-12", "Settled"), look("2026-11-10", "With help")]);
        assert_eq!((same.first.is_none(), same.last.unwrap()), (true, ("236.0".to_owned(), true)));
        assert_eq!(same.between, ["332.0"]);
        let none = drawn(&[]);
        assert!(none.line.is_none() && none.last.is_none());
        assert_eq!(none.ticks, ["188.0", "236.0", "284.0", "332.0"]);
    }

    #[test]
    fn every_step_has_its_words_where_there_is_room() {
        let told = |scale: &Scale| -> Vec<_> {
            step_views(scale).into_iter().map(|step| format!("{} {} {}", step.x, step.y, step.words)).collect()
        };
        let plain = ["188.0 -28 just starting", "236.0 -10 with help", "284.0 -28 mostly alone", "346.0 -10 settled"];
        assert_eq!(told(&Scale::plain()), plain);
        let steps = ["Not at all so far", "Only with a grown-up", "Sometimes alone", "Most days without help"];
        let key = Scale::plain().key().clone();
        let long = Scale::new(key, "Long", &steps).unwrap();
        assert_eq!(told(&long), ["188.0 -28 far", "346.0 -10 help"]);
    }

    #[test]
    fn long_names_are_broken_between_words() {
        let lines: Vec<_> = name_lines("Adaptability and flexibility", 22).into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, ["Adaptability and", "flexibility"]);
    }
}
