//! Of two people who write the same thing at once, the second is shown what the first saved, and chooses.
//!
//! A form carries what it showed, in hidden fields whose names begin with `was-`. The store compares that with what it keeps in the
//! transaction of the write; if somebody else wrote something else since, nothing is written, and the page is drawn again with this.
//! The plan's own form, which sends many fields at once, compares field by field (`super::plan`).

use store::changes::{ChangeRow, Sight};
use store::placements::PlacementRow;

use super::plan::Sent;
use super::view;
use crate::AppState;
use crate::api::ApiError;
use crate::api::scope::Scope;

/// Changes among which the page looks for whoever was quicker.
const LATEST: i64 = 50;

/// What a hidden field with what a form showed begins with.
const WAS: &str = "was-";

/// Why nothing was written.
pub enum NotSaved {
    /// In words.
    Wrong(String),
    /// Somebody else wrote it since the form was drawn.
    Meanwhile(Box<Meanwhile>),
}

impl From<String> for NotSaved {
    fn from(wrong: String) -> Self {
        Self::Wrong(wrong)
    }
}

impl From<&str> for NotSaved {
    fn from(wrong: &str) -> Self {
        Self::Wrong(wrong.to_owned())
    }
}

impl NotSaved {
    /// Of the answer.
    pub fn status(&self) -> axum::http::StatusCode {
        match self {
            Self::Wrong(_) => axum::http::StatusCode::UNPROCESSABLE_ENTITY,
            Self::Meanwhile(_) => axum::http::StatusCode::CONFLICT,
        }
    }

    /// What is wrong, and who was quicker: one of both, or nothing.
    pub fn told(not_saved: Option<Self>) -> (String, Option<Meanwhile>) {
        match not_saved {
            None => (String::new(), None),
            Some(Self::Wrong(wrong)) => (wrong, None),
            Some(Self::Meanwhile(other)) => (String::new(), Some(*other)),
        }
    }
}

/// Somebody was quicker.
pub struct Meanwhile {
    /// Who.
    pub who: String,
    /// When they wrote; empty: it is not known.
    pub when: String,
    /// What differs, theirs, and what was typed.
    pub lines: Vec<(String, String, String)>,
    /// Where theirs stands.
    pub back: String,
    /// Where the form goes …
    pub action: String,
    /// … that writes what was typed in place of theirs. Empty: there are several fields, and the form itself is where to choose.
    pub fields: Vec<(String, String)>,
}

impl Meanwhile {
    /// By whoever wrote last, on a page. `lines`: what differs, theirs, and what was typed.
    pub fn new(
        (who, when): (String, String),
        page: impl Into<String>,
        lines: impl IntoIterator<Item = (String, String, String)>,
    ) -> Self {
        let lines = lines.into_iter().map(|(about, theirs, mine)| (about, or_nothing(theirs), or_nothing(mine))).collect();
        Self { who, when, lines, back: page.into(), action: String::new(), fields: Vec::new() }
    }

    /// With a button that writes what was typed all the same. `now`: what the form would show by now.
    pub fn or_mine(self, action: impl Into<String>, sent: &Sent, now: (&str, String)) -> Box<Self> {
        let typed = sent.iter().filter(|(name, _)| *name != "csrf" && !name.starts_with(WAS));
        let typed = typed.map(|(name, value)| (name.clone(), value.clone()));
        let fields = typed.chain([(format!("{WAS}{}", now.0), now.1)]).collect();
        Box::new(Self { action: action.into(), fields, ..self })
    }
}

/// What a form says that it showed; nothing, if it does not say.
pub fn was<'a>(sent: &'a Sent, name: &str) -> &'a str {
    sent.get(&format!("{WAS}{name}")).map_or("", String::as_str)
}

/// What a form is drawn from: what is kept, unless a slip is corrected. That is on what the form showed before: whoever was quicker still
/// is.
pub fn drawn_from(sent: &Sent, name: &str, wrong: &str, kept: String) -> String {
    match sent.get(&format!("{WAS}{name}")) {
        Some(was) if !wrong.is_empty() => was.clone(),
        _ => kept,
    }
}

/// The last change around a pupil that is such a one.
pub async fn last_change(
    state: &AppState,
    placement: &PlacementRow,
    is: impl Fn(&ChangeRow) -> bool,
) -> Result<Option<ChangeRow>, ApiError> {
    let sight = Sight { number: true, ..Sight::default() };
    let changes = state.store.case_changes(placement.pupil_id, placement.placement_id, sight, LATEST, 0).await?;
    Ok(changes.into_iter().find(is))
}

/// Who made a change, and when.
pub fn by(change: Option<&ChangeRow>, scope: &Scope, placement: &PlacementRow) -> (String, String) {
    let Some(change) = change else { return somebody() };
    let who = view::actor(&change.actor_kind, change.actor_name.as_deref());
    (who, view::full_moment(change.at, scope.zone(placement.school_id)))
}

/// Nobody knows who, nor when.
pub fn somebody() -> (String, String) {
    ("Somebody else".to_owned(), String::new())
}

fn or_nothing(text: String) -> String {
    if text.trim().is_empty() { "nothing".to_owned() } else { text }
}
