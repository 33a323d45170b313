//! The fields of stage 1: what a form shows, what it changes, and what happens to it when somebody else saved meanwhile.
//!
//! A form sends every field, also those that its writer did not touch. So what somebody changed is found by comparing with what they
//! *saw*: the value before the first change since their revision. What only the other changed is shown as it is now. What both
//! changed is shown twice, with a choice.

use server_core::plan::{Answer, Change, ReintegrationPlan};
use server_core::policy::{Field, FieldKind, Pack};
use server_core::words::{Words, WordsError};
use store::plans::PlanChangeRow;

use super::Sent;

/// The stage whose fields these are.
const STAGE: u16 = 1;
/// Longer than any plan.
const MOST_WEEKS: u16 = 400;

/// A field of the form.
pub struct FieldView {
    pub id: String,
    pub label: String,
    pub is_yes_no: bool,
    pub is_long: bool,
    pub value: String,
    pub required: bool,
    /// Who changed it meanwhile; empty: nobody.
    pub by: String,
    /// What they wrote, if the writer of this form changed it too.
    pub theirs: Option<String>,
}

/// What two people made of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Both {
    /// Nobody else touched it: what was typed.
    Mine(String),
    /// Only the other one touched it: what is there now.
    Theirs(String),
    /// Both did: what was typed, and what is there now.
    Choose(String, String),
}

/// Compares what was typed with what its writer saw. `seen`: the value that they saw, if it has changed since.
pub fn compare(typed: &str, seen: Option<&str>, now: &str) -> Both {
    match seen {
        None => Both::Mine(typed.to_owned()),
        Some(_) if typed == now => Both::Theirs(now.to_owned()),
        Some(seen) if typed == seen => Both::Theirs(now.to_owned()),
        Some(_) => Both::Choose(typed.to_owned(), now.to_owned()),
    }
}

/// The value of a path before the first of these changes; `None` if it did not change.
pub fn seen<'a>(changes: &'a [PlanChangeRow], path: &str) -> Option<&'a str> {
    changes.iter().find(|row| row.field == path).map(|row| row.from_text.as_deref().unwrap_or_default())
}

/// Who changed a path last; empty if nobody did.
pub fn by(changes: &[PlanChangeRow], path: &str) -> String {
    let last = changes.iter().rev().find(|row| row.field == path);
    last.map(|row| row.actor_name.clone().unwrap_or_else(|| "Somebody else".to_owned())).unwrap_or_default()
}

fn is_here(field: &&Field) -> bool {
    field.stage == STAGE && matches!(field.kind, FieldKind::Words | FieldKind::YesNo | FieldKind::Weeks)
}

/// As a form sends it. Browsers send line breaks as CR LF.
fn typed(sent: &Sent, field: &Field) -> Option<String> {
    Some(sent.get(&format!("answer-{}", field.id))?.replace("\r\n", "\n").trim().to_owned())
}

fn text(answer: Option<&Answer>) -> String {
    match answer {
        Some(Answer::Words(words)) => words.expose().to_owned(),
        Some(Answer::YesNo(yes)) => if *yes { "yes" } else { "no" }.to_owned(),
        Some(Answer::Weeks(weeks)) => weeks.to_string(),
        _ => String::new(),
    }
}

/// The fields of the form, as they are or as somebody just typed them.
pub fn views(pack: &Pack, plan: &ReintegrationPlan, sent: Option<&Sent>, changes: &[PlanChangeRow]) -> Vec<FieldView> {
    let view = |field: &Field| {
        let now = text(plan.answer(&field.id));
        let path = format!("answer.{}", field.id);
        // The history says "12 weeks" where the form says "12".
        let unit = if field.kind == FieldKind::Weeks { " weeks" } else { "" };
        let seen = seen(changes, &path).map(|text| text.strip_suffix(unit).unwrap_or(text));
        let both = sent.and_then(|sent| typed(sent, field)).map(|typed| compare(&typed, seen, &now));
        let (value, theirs) = match both {
            None => (now, None),
            Some(Both::Mine(value) | Both::Theirs(value)) => (value, None),
            Some(Both::Choose(mine, theirs)) => (mine, Some(theirs)),
        };
        FieldView {
            id: field.id.to_string(),
            label: field.label.clone(),
            is_yes_no: field.kind == FieldKind::YesNo,
            is_long: field.id.as_str() == "aims",
            value,
            required: field.required,
            by: by(changes, &path),
            theirs,
        }
    };
    pack.fields.iter().filter(is_here).map(view).collect()
}

/// What the form changes. A field for which "theirs" was chosen, or that is not in the form, stays as it is.
pub fn changes(pack: &Pack, plan: &ReintegrationPlan, sent: &Sent) -> Result<Vec<Change>, String> {
    let mut changes = Vec::new();
    for field in pack.fields.iter().filter(is_here) {
        let takes_theirs = sent.get(&format!("take-{}", field.id)).is_some_and(|choice| choice == "theirs");
        let Some(typed) = typed(sent, field).filter(|_| !takes_theirs) else { continue };
        let answer = read(field, &typed).map_err(|wrong| format!("{}: {wrong}.", field.label))?;
        if plan.answer(&field.id) != answer.as_ref() {
            changes.push(Change::Answer(field.id.clone(), answer));
        }
    }
    Ok(changes)
}

fn read(field: &Field, typed: &str) -> Result<Option<Answer>, String> {
    Ok(match (field.kind, typed) {
        (_, "") => None,
        (FieldKind::YesNo, "yes") => Some(Answer::YesNo(true)),
        (FieldKind::YesNo, "no") => Some(Answer::YesNo(false)),
        (FieldKind::YesNo, _) => return Err("choose yes or not yet".to_owned()),
        (FieldKind::Weeks, _) => {
            let weeks = typed.parse().ok().filter(|weeks| *weeks <= MOST_WEEKS);
            Some(Answer::Weeks(weeks.ok_or("write a whole number of weeks")?))
        }
        _ => match Words::new(typed) {
            Ok(words) => Some(Answer::Words(words)),
            Err(WordsError::Empty) => None,
            Err(error) => return Err(error.to_string()),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_only_the_other_changed_is_never_overwritten_by_an_old_form() {
        assert_eq!(compare("old", Some("old"), "new"), Both::Theirs("new".into()));
        assert_eq!(compare("", Some(""), "new"), Both::Theirs("new".into()), "an empty field is a value too");
    }

    #[test]
    fn a_field_that_only_the_writer_changed_is_what_was_typed() {
        assert_eq!(compare("typed", None, "old"), Both::Mine("typed".into()));
    }

    #[test]
    fn a_field_that_both_changed_is_a_choice_unless_they_agree() {
        assert_eq!(compare("typed", Some("old"), "new"), Both::Choose("typed".into(), "new".into()));
        assert_eq!(compare("new", Some("old"), "new"), Both::Theirs("new".into()));
    }
}
