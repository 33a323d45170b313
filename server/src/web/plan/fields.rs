//! The fields of the form's head (stage 0) and of stage 1: what a form shows, what it changes, and what happens to it when somebody else saved meanwhile.
//!
//! A form sends every field, also those that its writer did not touch. So what somebody changed is found by comparing with what they
//! *saw*: the value before the first change since their revision. What only the other changed is shown as it is now. What both
//! changed is shown twice, with a choice. A figure of the register is one field of three parts: the figure, who states it, until which day;
//! one that a file told is shown and not typed over.

use server_core::party::{OrganisationId, PersonId};
use server_core::plan::{Answer, Change, ReintegrationPlan, Stated, StatedSource};
use server_core::policy::{Code, Field, FieldKind, Pack};
use server_core::words::{Words, WordsError};
use store::plans::PlanChangeRow;

use uuid::Uuid;

use super::{Choice, Names, Sent};

/// The head of the form.
pub const HEAD: u16 = 0;
/// Aims and readiness.
pub const STAGE_ONE: u16 = 1;
/// Longer than any plan.
const MOST_WEEKS: u16 = 400;

/// A field of the form.
pub struct FieldView {
    pub id: String,
    pub label: String,
    pub input: Input,
    pub value: String,
    /// The value as pages say it.
    pub told: String,
    pub required: bool,
    /// It is asked only after another answer.
    pub depends: bool,
    /// Its answer decides whether more is asked.
    pub asks_more: bool,
    /// Who changed it meanwhile; empty: nobody.
    pub by: String,
    /// What they wrote, if the writer of this form changed it too.
    pub theirs: Option<String>,
}

/// How a field is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A line.
    Line,
    /// Several lines.
    Lines,
    YesNo,
    Day,
    /// One of these people.
    One(Vec<Choice>),
    /// One of these places, or another one by its name.
    Place {
        places: Vec<Choice>,
        is_other: bool,
        name: String,
    },
    /// A figure of the register, as somebody states it.
    Stated {
        figure: String,
        who: Vec<Choice>,
        on: String,
    },
    /// A figure that a file told.
    Told,
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

/// In a form, the choice of a place that is not in the list.
const OTHER: &str = "other";

/// As a form sends it, laid out as the history has it. Browsers send line breaks as CR LF.
fn typed(sent: &Sent, field: &Field) -> Option<String> {
    let text = sent.get(&format!("answer-{}", field.id))?.replace("\r\n", "\n").trim().to_owned();
    if field.kind == FieldKind::Organisation {
        // A name without a choice is meant, too.
        let name = sent.get(&format!("name-{}", field.id)).map_or("", |name| name.trim());
        return Some(if matches!(text.as_str(), OTHER | "") { name.to_owned() } else { text });
    }
    if field.kind != FieldKind::Stated || text.is_empty() {
        return Some(text);
    }
    let part = |name: &str| sent.get(&format!("{name}-{}", field.id)).map_or("", |text| text.trim());
    Some(format!("{text} until {}, said by {}", part("on"), part("who")))
}

fn text(answer: Option<&Answer>) -> String {
    match answer {
        Some(Answer::Words(words)) => words.expose().to_owned(),
        Some(Answer::YesNo(yes)) => if *yes { "yes" } else { "no" }.to_owned(),
        Some(Answer::Weeks(weeks)) => weeks.to_string(),
        Some(Answer::Day(day)) => day.to_string(),
        Some(Answer::Person(person)) => person.0.to_string(),
        Some(Answer::Organisation(organisation)) => organisation.0.to_string(),
        Some(Answer::Place(name)) => name.expose().to_owned(),
        Some(Answer::Stated(Stated { figure, source, on })) => match source {
            StatedSource::Person(person) => format!("{} until {on}, said by {}", figure.expose(), person.0),
            StatedSource::Import { system, at } => format!("{} until {on}, from {system}, read {at}", figure.expose()),
        },
        None => String::new(),
    }
}

/// What a form about a field offers. `people` and `places`: who and what may be chosen.
pub struct Offers<'a> {
    pub names: &'a Names,
    pub people: Vec<(PersonId, String)>,
    pub places: Vec<(Uuid, String)>,
}

fn one_of(all: impl Iterator<Item = (Uuid, String)>, chosen: &str, offers: &Offers<'_>) -> Vec<Choice> {
    let mut choices: Vec<Choice> = all.map(|(id, name)| (id.to_string(), name, id.to_string() == chosen)).collect();
    // Somebody who no longer has a part stays chosen until somebody changes it.
    if let Some(id) = chosen.parse().ok().filter(|_| !choices.iter().any(|(.., is)| *is)) {
        choices.push((chosen.to_owned(), offers.names.name(PersonId(id)), true));
    }
    choices
}

fn input(field: &Field, value: &str, answer: Option<&Answer>, offers: &Offers<'_>) -> Input {
    let people = || offers.people.iter().map(|(person, name)| (person.0, name.clone()));
    match (field.kind, answer) {
        (FieldKind::YesNo, _) => Input::YesNo,
        (FieldKind::Day, _) => Input::Day,
        (FieldKind::Person, _) => Input::One(one_of(people(), value, offers)),
        (FieldKind::Organisation, _) => {
            let is_other = !value.is_empty() && value.parse::<Uuid>().is_err();
            let places = one_of(offers.places.iter().cloned(), value, offers);
            Input::Place { places, is_other, name: if is_other { value.to_owned() } else { String::new() } }
        }
        (FieldKind::Stated, Some(Answer::Stated(Stated { source: StatedSource::Import { .. }, .. }))) => Input::Told,
        (FieldKind::Stated, _) => {
            let (figure, rest) = value.rsplit_once(" until ").unwrap_or((value, ""));
            let (on, who) = rest.split_once(", said by ").unwrap_or((rest, ""));
            Input::Stated { figure: figure.to_owned(), who: one_of(people(), who, offers), on: on.to_owned() }
        }
        (FieldKind::Words | FieldKind::Weeks, _) if field.id.as_str() == "aims" => Input::Lines,
        (FieldKind::Words | FieldKind::Weeks, _) => Input::Line,
    }
}

/// A field that depends on another one is shown once that has the answer, in the plan or as it was just typed; and as long as it has an
/// answer of its own, so that nothing that was said is hidden.
fn is_shown(field: &Field, plan: &ReintegrationPlan, sent: Option<&Sent>) -> bool {
    let sent_to = |id: &Code| sent.and_then(|sent| sent.get(&format!("answer-{id}")));
    let is_typed =
        |(other, wanted): &(Code, bool)| sent_to(other).is_some_and(|typed| typed == if *wanted { "yes" } else { "no" });
    plan.is_asked(field)
        || plan.answer(&field.id).is_some()
        || sent_to(&field.id).is_some_and(|typed| !typed.trim().is_empty())
        || field.only_if.as_ref().is_some_and(is_typed)
}

/// The fields of the form, as they are or as somebody just typed them.
pub fn views(
    (pack, stage): (&Pack, u16),
    plan: &ReintegrationPlan,
    sent: Option<&Sent>,
    changes: &[PlanChangeRow],
    offers: &Offers<'_>,
) -> Vec<FieldView> {
    let view = |field: &Field| {
        let now = text(plan.answer(&field.id));
        let path = format!("answer.{}", field.id);
        // The history says "12 weeks" where the form says "12".
        let unit = if field.kind == FieldKind::Weeks { " weeks" } else { "" };
        let seen = seen(changes, &path).map(|text| text.strip_suffix(unit).unwrap_or(text));
        let both = sent.and_then(|sent| typed(sent, field)).map(|typed| compare(&typed, seen, &now));
        let is_mine = matches!(both, Some(Both::Mine(_) | Both::Choose(..)));
        let (value, theirs) = match both {
            None => (now, None),
            Some(Both::Mine(value) | Both::Theirs(value)) => (value, None),
            Some(Both::Choose(mine, theirs)) => (mine, Some(theirs)),
        };
        let say = |text: &str| offers.names.value(pack, &path, text);
        let mut input = input(field, &value, plan.answer(&field.id), offers);
        if let (Input::Place { is_other, name, .. }, Some(sent), true) = (&mut input, sent, is_mine) {
            // Also what does not go together is shown as it was typed.
            *is_other |= sent.get(&format!("answer-{}", field.id)).is_some_and(|choice| choice == OTHER);
            sent.get(&format!("name-{}", field.id)).cloned().unwrap_or_default().clone_into(name);
        }
        FieldView {
            id: field.id.to_string(),
            label: field.label.clone(),
            input,
            told: say(&value),
            value,
            required: field.required,
            depends: field.only_if.is_some(),
            asks_more: pack.fields.iter().any(|other| other.only_if.as_ref().is_some_and(|(id, _)| *id == field.id)),
            by: by(changes, &path),
            theirs: theirs.map(|theirs| say(&theirs)),
        }
    };
    pack.fields.iter().filter(|field| field.stage == stage && is_shown(field, plan, sent)).map(view).collect()
}

/// What the form changes. A field for which "theirs" was chosen, or that is not in the form, stays as it is.
pub fn changes(
    (pack, stage): (&Pack, u16),
    plan: &ReintegrationPlan,
    sent: &Sent,
    places: &[(Uuid, String)],
) -> Result<Vec<Change>, String> {
    let mut changes = Vec::new();
    for field in pack.fields.iter().filter(|field| field.stage == stage) {
        let takes_theirs = sent.get(&format!("take-{}", field.id)).is_some_and(|choice| choice == "theirs");
        let Some(typed) = typed(sent, field).filter(|_| !takes_theirs) else { continue };
        let about = |wrong: String| format!("{}: {wrong}.", field.label);
        place_of(field, sent, plan, places).map_err(about)?;
        // As it is, whoever may be chosen today.
        if typed == text(plan.answer(&field.id)) {
            continue;
        }
        let answer = read(field, &typed).map_err(about)?;
        if plan.answer(&field.id) != answer.as_ref() {
            changes.push(Change::Answer(field.id.clone(), answer));
        }
    }
    Ok(changes)
}

/// Whether a place is one of the list, or a name in its stead; not both.
fn place_of(field: &Field, sent: &Sent, plan: &ReintegrationPlan, places: &[(Uuid, String)]) -> Result<(), String> {
    if field.kind != FieldKind::Organisation {
        return Ok(());
    }
    let part = |name: &str| sent.get(&format!("{name}-{}", field.id)).map_or("", |text| text.trim());
    let (chosen, name, kept) = (part("answer"), part("name"), text(plan.answer(&field.id)));
    match chosen {
        OTHER if name.is_empty() => Err("write the name of the place that is not in the list".to_owned()),
        OTHER | "" => Ok(()),
        _ if chosen != kept && !places.iter().any(|(id, _)| id.to_string() == chosen) => {
            Err("choose a place of the list".to_owned())
        }
        // The name that was kept before may stay in its field when a place of the list is chosen in its stead.
        _ if !name.is_empty() && name != kept => Err("choose a place of the list, or write another name; not both".to_owned()),
        _ => Ok(()),
    }
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
        (FieldKind::Day, _) => Some(Answer::Day(typed.parse().map_err(|_| "choose a day".to_owned())?)),
        (FieldKind::Person, _) => Some(Answer::Person(PersonId(typed.parse().map_err(|_| "choose somebody".to_owned())?))),
        (FieldKind::Organisation, _) => Some(match typed.parse() {
            Ok(id) => Answer::Organisation(OrganisationId(id)),
            Err(_) => Answer::Place(Words::new(typed).map_err(|error| error.to_string())?),
        }),
        (FieldKind::Stated, _) => {
            let who_states = "say who states the figure, and until which day it holds";
            let (figure, rest) = typed.rsplit_once(" until ").ok_or(who_states)?;
            let (on, who) = rest.split_once(", said by ").ok_or(who_states)?;
            let figure = Words::new(figure).map_err(|error| error.to_string())?;
            let source = StatedSource::Person(PersonId(who.parse().map_err(|_| who_states.to_owned())?));
            Some(Answer::Stated(Stated { figure, source, on: on.parse().map_err(|_| who_states.to_owned())? }))
        }
        (FieldKind::Words, _) => match Words::new(typed) {
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
