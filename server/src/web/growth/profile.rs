//! What is noted about a pupil in plain words, line by line, and the page that another school may read of it.
//!
//! Each line is shared by choice of the pupil, and unshared as easily. The page for the receiving school is made from a
//! `SharedProfile`, in which what is not shared does not exist. Of two people who save at once, the second is shown what the first
//! saved, keeps what they typed, and chooses.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::NaiveDate;
use server_core::access::Action;
use server_core::framework::{Area, Note, Profile, Trait};
use server_core::party::Party;
use server_core::words::{Words, WordsError};
use store::kept;
use store::placements::PlacementRow;
use store::sheets::{NewSheet, Owner, Saved, SheetKind, SheetRow};
use uuid::Uuid;

use super::doing::OWNERS;
use super::{Lines, TRAITS, helps, intervention_words, read_profile, shared_lines};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::{self, Scope};
use crate::web::plan::{self, Choice, Sent};
use crate::web::{Frame, page, view};

/// Lines of one kind that a profile holds: one page, not a file.
const MOST_LINES: usize = 8;

#[derive(Template)]
#[template(path = "staff/growth_profile.html")]
struct ProfilePage {
    frame: Frame,
    pupil_id: Uuid,
    pupil_name: String,
    revision: i64,
    wrong: String,
    meanwhile: Option<(String, Vec<Lines>)>,
    groups: Vec<Group>,
    doing: Vec<(usize, String, String)>,
    begin: BeginForm,
}

/// Something to begin, as it was typed.
struct BeginForm {
    is_open: bool,
    what: String,
    areas: Vec<Choice>,
    owners: Vec<Choice>,
    from: String,
    until: String,
}

struct Group {
    id: &'static str,
    title: &'static str,
    lines: Vec<Line>,
}

struct Line {
    n: usize,
    words: String,
    is_shared: bool,
}

#[derive(Template)]
#[template(path = "staff/growth_shared.html")]
struct SharedPage {
    frame: Frame,
    pupil_id: Uuid,
    pupil_name: String,
    about: String,
    groups: Vec<Lines>,
    interventions: Vec<String>,
}

/// `GET /pupils/{pupil}/growth/profile`
pub async fn edit(State(state): State<AppState>, caller: Caller, Path(pupil): Path<Uuid>) -> Result<Html<String>, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::EditFramework).await?;
    state.store.append_audit(plan::audit(&caller, pupil, "read framework"), state.clock.now().utc).await?;
    let (revision, profile) = read_profile(&state, &placement).await?.unwrap_or_default();
    draw(&state, &caller, &scope, &placement, Drawn::of(revision, &profile))
}

/// `POST /pupils/{pupil}/growth/profile`
pub async fn save(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::EditFramework).await?;
    let now = state.clock.now().utc;
    let today = scope.today(placement.school_id, now);
    let based_on = sent.get("revision").and_then(|revision| revision.parse().ok());
    let based_on: i64 = based_on.ok_or(ApiError::BadRequest("Open the page again: the form has lost what it was based on."))?;
    let (_, before) = read_profile(&state, &placement).await?.unwrap_or_default();
    let typed = match read(&sent, &before, today) {
        Ok(profile) => profile,
        Err(wrong) => {
            let drawn = Drawn { wrong, lines: Some(&sent), ..Drawn::of(based_on, &before) };
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, draw(&state, &caller, &scope, &placement, drawn)?).into_response());
        }
    };
    let body = kept::written_profile(&typed);
    let sheet = NewSheet {
        sheet_id: placement.placement_id,
        based_on,
        kind: SheetKind::Profile,
        owner: Owner::Placement(placement.placement_id),
        day: None,
        body: &body,
    };
    match state.store.save_sheet(&sheet, plan::audit(&caller, pupil, "change profile"), now).await? {
        Saved::As(_) => Ok(Redirect::to(&format!("/pupils/{pupil}/growth")).into_response()),
        Saved::Meanwhile(row) => {
            let drawn = Drawn { meanwhile: Some(&row), ..Drawn::of(row.revision, &typed) };
            Ok((StatusCode::CONFLICT, draw(&state, &caller, &scope, &placement, drawn)?).into_response())
        }
        Saved::NoSheet => Err(ApiError::NotFound),
    }
}

/// `GET /pupils/{pupil}/growth/shared`: what the receiving school reads.
pub async fn shared(State(state): State<AppState>, caller: Caller, Path(pupil): Path<Uuid>) -> Result<Html<String>, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::ReadFramework).await?;
    let now = state.clock.now().utc;
    state.store.append_audit(plan::audit(&caller, pupil, "read shared profile"), now).await?;
    let today = scope.today(placement.school_id, now);
    let (_, profile) = read_profile(&state, &placement).await?.unwrap_or_default();
    let shared = profile.shared(today);
    page(&SharedPage {
        frame: Frame::of(&caller, &scope, format!("One page about {}", placement.pupil_name), "/pupils", now),
        pupil_id: pupil,
        pupil_name: placement.pupil_name.clone(),
        about: format!("Year {}, {}. As of {}.", placement.year_group, placement.school_name, view::full_date(today)),
        groups: shared_lines(&shared),
        interventions: shared.interventions().iter().map(intervention_words).collect(),
    })
}

pub(super) struct Drawn<'a> {
    pub(super) revision: i64,
    pub(super) profile: &'a Profile,
    pub(super) wrong: String,
    pub(super) meanwhile: Option<&'a SheetRow>,
    /// The lines as they were typed, if they were refused.
    pub(super) lines: Option<&'a Sent>,
    /// What was to begin, as it was typed, if it was not saved.
    pub(super) begin: Option<&'a Sent>,
}

impl<'a> Drawn<'a> {
    /// A profile as it is kept.
    pub(super) fn of(revision: i64, profile: &'a Profile) -> Self {
        Self { revision, profile, wrong: String::new(), meanwhile: None, lines: None, begin: None }
    }
}

pub(super) fn draw(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    placement: &PlacementRow,
    drawn: Drawn<'_>,
) -> Result<Html<String>, ApiError> {
    let today = scope.today(placement.school_id, state.clock.now().utc);
    let group = |(about, id, title): &(Trait, &'static str, &'static str)| {
        let notes = drawn.profile.notes.iter().filter(|note| note.about == *about);
        let kept =
            |(n, note): (usize, &Note)| Line { n, words: note.words.expose().to_owned(), is_shared: note.shared_on.is_some() };
        let mut lines: Vec<Line> = match drawn.lines {
            None => (0..).zip(notes).map(kept).collect(),
            Some(sent) => typed_lines(sent, id),
        };
        // One empty line to write into.
        if lines.len() < MOST_LINES {
            lines.push(Line { n: lines.len(), words: String::new(), is_shared: false });
        }
        Group { id, title, lines }
    };
    page(&ProfilePage {
        frame: Frame::of(caller, scope, "What helps", "/pupils", state.clock.now().utc),
        pupil_id: placement.pupil_id,
        pupil_name: placement.pupil_name.clone(),
        revision: drawn.revision,
        wrong: drawn.wrong,
        meanwhile: drawn.meanwhile.map(|row| {
            let theirs = kept::read_profile(&row.body).unwrap_or_default();
            (row.actor_name.clone().unwrap_or_else(|| "Somebody else".to_owned()), helps(&theirs))
        }),
        groups: TRAITS.iter().map(group).collect(),
        doing: (drawn.profile.interventions.iter().enumerate())
            .filter(|(_, one)| one.is_on(today))
            .map(|(n, one)| {
                let until = one.until.map_or_else(String::new, |day| format!(", until {}", view::full_date(day)));
                let who = view::sentence(one.owner.words());
                (n, intervention_words(one), format!("{} Since {}{until}.", who, view::full_date(one.from)))
            })
            .collect(),
        begin: begin_form(drawn.begin, today),
    })
}

/// The lines of a kind as somebody typed them, without the empty ones.
fn typed_lines(sent: &Sent, id: &str) -> Vec<Line> {
    let typed = (0..MOST_LINES).filter_map(|n| {
        let words = sent.get(&format!("{id}-{n}")).filter(|words| !words.trim().is_empty())?;
        Some((words.clone(), sent.contains_key(&format!("share-{id}-{n}"))))
    });
    typed.enumerate().map(|(n, (words, is_shared))| Line { n, words, is_shared }).collect()
}

fn begin_form(sent: Option<&Sent>, today: NaiveDate) -> BeginForm {
    let typed = |name: &str| sent.and_then(|sent| sent.get(name)).cloned();
    let has = |name: &str| sent.is_some_and(|sent| sent.contains_key(name));
    let owner = typed("owner").unwrap_or_default();
    let words = |party: &Party| view::sentence(party.words()).trim_end_matches('.').to_owned();
    BeginForm {
        is_open: sent.is_some(),
        what: typed("what").unwrap_or_default(),
        areas: (Area::ALL.iter())
            .map(|area| (area.code().to_owned(), area.words().to_owned(), has(&format!("area-{}", area.code()))))
            .collect(),
        owners: OWNERS.iter().map(|party| (party.code().to_owned(), words(party), party.code() == owner)).collect(),
        from: typed("from").unwrap_or_else(|| today.to_string()),
        until: typed("until").unwrap_or_default(),
    }
}

/// The lines of the form. A line that is shared and was shared before with the same words keeps its day.
fn read(sent: &Sent, before: &Profile, today: NaiveDate) -> Result<Profile, String> {
    let mut notes = Vec::new();
    for (about, id, title) in TRAITS {
        for n in 0..MOST_LINES {
            let words = match Words::new(sent.get(&format!("{id}-{n}")).map_or("", String::as_str)) {
                Ok(words) => words,
                Err(WordsError::Empty) => continue,
                Err(error) => return Err(format!("{title}: {error}.")),
            };
            let was = before.notes.iter().find(|note| note.about == about && note.words == words);
            let is_shared = sent.contains_key(&format!("share-{id}-{n}"));
            let shared_on = is_shared.then(|| was.and_then(|note| note.shared_on).unwrap_or(today));
            notes.push(Note { about, words, shared_on });
        }
    }
    Ok(Profile { notes, interventions: before.interventions.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_shared_from_the_day_of_the_choice_and_changed_words_are_a_new_choice() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let sent = |pairs: &[(&str, &str)]| -> Sent { pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect() };
        let first = read(
            &sent(&[("need-0", "A quiet start"), ("share-need-0", "on"), ("need-1", "Rest")]),
            &Profile::default(),
            day("2026-11-10"),
        )
        .unwrap();
        let dates = |profile: &Profile| profile.notes.iter().map(|note| note.shared_on).collect::<Vec<_>>();
        assert_eq!(dates(&first), [Some(day("2026-11-10")), None]);
        let second = read(
            &sent(&[("need-0", "A quiet start"), ("share-need-0", "on"), ("need-1", "A rest"), ("share-need-1", "on")]),
            &first,
            day("2026-11-23"),
        )
        .unwrap();
        assert_eq!(dates(&second), [Some(day("2026-11-10")), Some(day("2026-11-23"))]);
        let third = read(&sent(&[("need-0", "A quiet start")]), &second, day("2026-11-24")).unwrap();
        assert_eq!(dates(&third), [None], "unshared as easily");
        assert!(third.shared(day("2026-11-24")).is_empty());
    }
}
