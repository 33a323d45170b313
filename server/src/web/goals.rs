//! Goals: who wrote them, the pupil's own words, who stands by them, when they are looked at next, and what became of them.
//!
//! An acknowledgement is of the words that somebody saw; whoever changes the words asks everybody again. There is no per cent of a goal
//! (see `server_core::goal`). Of two people who change one goal at once, the second is told and looks again.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::NaiveDate;
use server_core::access::Action;
use server_core::goal::{Acknowledgement, Became, Family, Goal, Wording};
use server_core::party::{Party, PersonId, listed};
use store::kept;
use store::placements::PlacementRow;
use store::sheets::{NewSheet, Owner, Saved, SheetKind};
use uuid::Uuid;

use super::plan::{self, Sent, optional_day, optional_words, words};
use super::view::{self, Chip};
use super::{Frame, page};
use crate::AppState;
use crate::api::ApiError;
use crate::api::auth::Caller;
use crate::api::scope::{self, Scope};

/// Families with their words.
pub(super) const FAMILIES: [(Family, &str); 5] = [
    (Family::Academic, "Learning"),
    (Family::Behaviour, "Behaviour"),
    (Family::Attendance, "Being at school"),
    (Family::Relationships, "Friends, family, adults"),
    (Family::Own, "The pupil’s own"),
];
/// What became of a goal, with its words.
pub(super) const ENDS: [(Became, &str); 3] =
    [(Became::Reached, "Reached"), (Became::Partly, "Partly, and good for now"), (Became::LetGo, "Let go")];
/// Who is always asked; and with them whoever has a part in the case ([`asked`]).
const ALWAYS: [Party; 5] = [Party::Pupil, Party::Parent, Party::KeyWorker, Party::HomeSchool, Party::ProviderLead];

#[derive(Template)]
#[template(path = "staff/goals.html")]
struct GoalsPage {
    frame: Frame,
    pupil_id: Uuid,
    pupil_name: String,
    wrong: String,
    may_edit: bool,
    goals: Vec<GoalView>,
    families: Vec<(&'static str, &'static str, bool)>,
    parties: Vec<(&'static str, String, bool)>,
    ends: Vec<(&'static str, &'static str)>,
    words: String,
    pupil_words: String,
    review: String,
}

/// A party: code, words, whether it stands by the goal, who may say so.
type Stand = (&'static str, String, bool, Vec<(String, String)>);

struct GoalView {
    id: Uuid,
    revision: i64,
    wording: u16,
    family: &'static str,
    words: String,
    pupil_words: String,
    by: String,
    review: String,
    chip: Option<Chip>,
    stands: Vec<Stand>,
    older: Vec<String>,
    became: String,
}

/// `GET /pupils/{pupil}/goals`
pub async fn show(State(state): State<AppState>, caller: Caller, Path(pupil): Path<Uuid>) -> Result<Html<String>, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::ReadPlan).await?;
    state.store.append_audit(plan::audit(&caller, pupil, "read goals"), state.clock.now().utc).await?;
    draw(&state, &caller, &scope, &placement, &Sent::new(), String::new()).await
}

/// `POST /pupils/{pupil}/goals`: a new goal, other words, somebody stands by it, or it ends.
pub async fn change(
    State(state): State<AppState>,
    caller: Caller,
    Path(pupil): Path<Uuid>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    let (placement, scope) = scope::pupil(&state, &caller, pupil, Action::EditPlan).await?;
    let now = state.clock.now().utc;
    let today = scope.today(placement.school_id, now);
    let id: Option<Uuid> = sent.get("goal").and_then(|id| id.parse().ok());
    let known = goals(&state, &placement).await?.into_iter().find(|(known, ..)| Some(*known) == id);
    let names = plan::Names::of(&state, &scope, &placement).await?;
    let made = made(&sent, known, &names, today);
    let refused = async |status, wrong: String| -> Result<Response, ApiError> {
        Ok((status, draw(&state, &caller, &scope, &placement, &sent, wrong).await?).into_response())
    };
    let (sheet_id, based_on, goal) = match made {
        Ok(made) => made,
        Err(wrong) => return refused(StatusCode::UNPROCESSABLE_ENTITY, wrong).await,
    };
    let body = kept::written_goal(&goal);
    let sheet = NewSheet {
        sheet_id,
        based_on,
        kind: SheetKind::Goal,
        owner: Owner::Placement(placement.placement_id),
        day: goal.review_on,
        body: &body,
    };
    match state.store.save_sheet(&sheet, plan::audit(&caller, pupil, "change goal"), now).await? {
        Saved::As(_) => Ok(Redirect::to(&format!("/pupils/{pupil}/goals")).into_response()),
        Saved::Meanwhile(row) => {
            let who = row.actor_name.clone().unwrap_or_else(|| "Somebody else".to_owned());
            let wrong = format!("{who} changed this goal while you wrote. It is as they left it: look, then do it again.");
            refused(StatusCode::CONFLICT, wrong).await
        }
        Saved::NoSheet => Err(ApiError::NotFound),
    }
}

pub(super) type Known = (Uuid, i64, Goal);

/// A placement's goals, with id and revision.
///
/// # Errors
/// The database does not answer, or holds what this program cannot read.
pub(super) async fn goals(state: &AppState, placement: &PlacementRow) -> Result<Vec<Known>, ApiError> {
    let rows = state.store.sheets(Owner::Placement(placement.placement_id), SheetKind::Goal).await?;
    let all: Option<Vec<Known>> =
        rows.iter().map(|row| Some((row.sheet_id, row.revision, kept::read_goal(&row.body)?))).collect();
    Ok(all.ok_or_else(|| anyhow::anyhow!("a goal is not readable"))?)
}

/// Who writes goals, and who is asked to stand by them: everybody with a part in the case today, and the five without whom there is
/// no goal.
fn asked(names: &plan::Names, today: NaiveDate) -> Vec<Party> {
    let is_asked = |party: &&Party| ALWAYS.contains(party) || !names.with(&[**party], today).is_empty();
    Party::ALL.iter().filter(is_asked).copied().collect()
}

/// The sheet to save: which one, on which revision it is based, and the goal as it is then.
fn made(sent: &Sent, known: Option<Known>, names: &plan::Names, today: NaiveDate) -> Result<Known, String> {
    let refusal = |error: server_core::goal::GoalRefusal| view::sentence(&error.to_string());
    let wording = || -> Result<Wording, String> {
        Ok(Wording {
            words: words(sent, "words", "The goal")?,
            pupil_words: optional_words(sent, "pupil-words", "In the pupil’s own words")?,
            authors: asked(names, today)
                .into_iter()
                .filter(|party| sent.contains_key(&format!("author-{}", party.code())))
                .collect(),
            on: today,
        })
    };
    let what = sent.get("what").map_or("", String::as_str);
    if what == "new" {
        let family = sent.get("family").and_then(|code| Family::from_code(code)).ok_or("Choose what the goal is about.")?;
        let mut goal = Goal::new(family, wording()?).map_err(refusal)?;
        goal.review_on = optional_day(sent, "review", "The day to look at it")?;
        return Ok((Uuid::now_v7(), 0, goal));
    }
    let (id, revision, mut goal) = known.ok_or("That goal is not there.")?;
    // What somebody did not see, they do not change.
    let seen = sent.get("revision").and_then(|seen| seen.parse().ok()).unwrap_or(revision);
    match what {
        "reword" => {
            goal.reword(wording()?).map_err(refusal)?;
            goal.review_on = optional_day(sent, "review", "The day to look at it")?;
        }
        "stand" => {
            let party = sent.get("party").and_then(|code| Party::from_code(code)).ok_or("Choose who stands by it.")?;
            let who = sent.get("who").and_then(|who| who.parse().ok()).map(PersonId).ok_or("Choose who says so.")?;
            if !names.with(&[party], today).iter().any(|(known, _)| *known == who) {
                return Err(format!("Choose somebody who is named as {}.", party.words()));
            }
            let wording = sent.get("wording").and_then(|number| number.parse().ok()).unwrap_or(0);
            goal.acknowledge(party, Acknowledgement { who, on: today, wording }).map_err(refusal)?;
        }
        "look" => {
            let next = optional_day(sent, "review", "The next look")?.ok_or("Choose the day of the next look.")?;
            goal.look_again(next, today).map_err(refusal)?;
        }
        "finish" => {
            let became = sent.get("became").and_then(|code| Became::from_code(code)).ok_or("Choose what became of it.")?;
            goal.finish(became, words(sent, "how", "How")?, today).map_err(refusal)?;
        }
        _ => return Err("Choose what to do.".to_owned()),
    }
    Ok((id, seen, goal))
}

async fn draw(
    state: &AppState,
    caller: &Caller,
    scope: &Scope,
    placement: &PlacementRow,
    sent: &Sent,
    wrong: String,
) -> Result<Html<String>, ApiError> {
    let now = state.clock.now().utc;
    let today = scope.today(placement.school_id, now);
    let names = plan::Names::of(state, scope, placement).await?;
    let mut all = goals(state, placement).await?;
    // Those that go on come first.
    all.sort_by_key(|(id, _, goal)| (goal.became().is_some(), *id));
    let is_new = sent.get("what").is_some_and(|what| what == "new");
    let typed = |name: &str| if is_new { sent.get(name).cloned().unwrap_or_default() } else { String::new() };
    page(&GoalsPage {
        frame: Frame::of(caller, scope, format!("Goals of {}", placement.pupil_name), "/pupils", now),
        pupil_id: placement.pupil_id,
        pupil_name: placement.pupil_name.clone(),
        wrong,
        may_edit: scope.may_pupil(Action::EditPlan, placement),
        goals: all.iter().map(|known| goal_view(known, &names, today)).collect(),
        families: FAMILIES.map(|(family, words)| (family.code(), words, typed("family") == family.code())).to_vec(),
        parties: (asked(&names, today).into_iter())
            .map(|party| {
                let chosen = is_new && sent.contains_key(&format!("author-{}", party.code()));
                (party.code(), capital(party), chosen)
            })
            .collect(),
        ends: ENDS.map(|(became, words)| (became.code(), words)).to_vec(),
        words: typed("words"),
        pupil_words: typed("pupil-words"),
        review: typed("review"),
    })
}

fn capital(party: Party) -> String {
    view::sentence(party.words()).trim_end_matches('.').to_owned()
}

fn goal_view((id, revision, goal): &Known, names: &plan::Names, today: NaiveDate) -> GoalView {
    let now = goal.wording();
    let authors: Vec<Party> = now.authors.iter().copied().collect();
    let mut parties = asked(names, today);
    // Whoever stands by it stays to be read, also when their part has ended.
    parties.extend(goal.standing().filter(|party| !asked(names, today).contains(party)));
    let waits = goal.waits_for(&parties);
    let ended = goal.became().map(|(became, how, on)| {
        let words = ENDS.iter().find(|(known, _)| known == became).map_or("", |(_, words)| words);
        format!("{words} on {}: {}", view::full_date(*on), how.expose())
    });
    GoalView {
        id: *id,
        revision: *revision,
        wording: goal.wording_number(),
        family: FAMILIES.iter().find(|(family, _)| *family == goal.family).map_or("", |(_, words)| words),
        words: now.words.expose().to_owned(),
        pupil_words: now.pupil_words.as_ref().map(|words| words.expose().to_owned()).unwrap_or_default(),
        by: format!("Written by {}, on {}.", listed(&authors), view::full_date(now.on)),
        review: goal.review_on.map_or_else(String::new, |day| day.to_string()),
        chip: match (goal.became(), goal.review_on) {
            (Some((Became::Reached, ..)), _) => Some(Chip::new("live", "check", "Reached")),
            (Some(_), _) => Some(Chip::new("line", "check", "Ended")),
            (None, Some(_)) if goal.is_review_late(today) => Some(Chip::new("look", "clock", "Look at it again")),
            (None, Some(day)) => Some(Chip::new("line", "cal", format!("Look at it on {}", view::short_date(day)))),
            (None, None) => None,
        },
        stands: (parties.into_iter())
            .map(|party| {
                let who = names.with(&[party], today).into_iter().map(|(who, name)| (who.0.to_string(), name)).collect();
                (party.code(), capital(party), !waits.contains(&party), who)
            })
            .collect(),
        older: goal.wordings().iter().rev().skip(1).map(|one| one.words.expose().to_owned()).collect(),
        became: ended.unwrap_or_default(),
    }
}
