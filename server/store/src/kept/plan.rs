//! A plan's parts ↔ JSON, one text a part.

use std::collections::BTreeMap;

use protocol::Minutes;
use serde_json::Value;
use server_core::goal::Family;
use server_core::plan::{
    ActionEntry, Answer, Barrier, Basis, Closure, Consent, EndGoal, EngagementBeside, Evaluation, Gate, How, Meeting, OwnWord,
    Parts, PlanState, Reply, Review, ReviewOutcome, Revision, Setback, SignOff, Stated, StatedSource, WeekPattern, Went,
};
use server_core::policy::PackKey;

use super::{Kept, kept, kept_as, kept_by_code};

/// Part → its text.
pub type PlanParts = BTreeMap<String, String>;

/// What a plan holds, as the store keeps it. The revision is a column of its own.
#[must_use]
pub fn written_parts(parts: &Parts) -> PlanParts {
    let Value::Object(mut all) = parts.keep() else { return PlanParts::new() };
    all.remove(REVISION);
    all.into_iter().map(|(part, value)| (part, value.to_string())).collect()
}

/// The same read back; `None` if a part is not readable.
#[must_use]
pub fn read_parts(revision: Revision, kept: &PlanParts) -> Option<Parts> {
    let parts: Option<serde_json::Map<String, Value>> =
        kept.iter().map(|(part, text)| Some((part.clone(), serde_json::from_str(text).ok()?))).collect();
    let mut parts = parts?;
    parts.insert(REVISION.to_owned(), revision.keep());
    Parts::read(&Value::Object(parts))
}

const REVISION: &str = "revision";

kept!(Parts {
    pack,
    basis,
    state,
    school_start,
    revision,
    consents,
    answers,
    barriers,
    weeks,
    clock_weeks,
    meetings,
    ticked,
    actions,
    evaluations,
    reviews,
    setbacks,
    sign_offs,
    despite,
    longer,
    pupil_says,
});
kept!(PackKey { id, version });
kept!(Basis { route, home_school, provider, receiving_school, responsible, planned_length, end_goal, in_their_words });
kept!(Consent { party, own_word, who, how, on, withdrawn });
kept!(Stated { figure, source, on });
kept!(Barrier { code, why, needed, weeks });
kept!(Meeting { on, convenor, venue, present, outcomes, notes });
kept!(ActionEntry { details, outcome, day, is_settled, agreed });
kept!(Reply { question, went, why, comment, action });
kept!(EngagementBeside { expected, in_lessons, social, odd });
kept!(Evaluation { clock, week, on, replies, attendance, punctuality, engagement, pupil_says });
kept!(Review { on, asked_by, present, targets, worries, is_supported, pupil_says, about_robot, outcome, why, next_on });
kept!(Setback { on, code, what, what_helps });
kept!(SignOff { party, who, on });
kept!(Closure { on, outcome, went_well, could_be_better, provider_withdrew, support_until, follow_up });
kept_by_code!(Family, ReviewOutcome, EndGoal);
kept_as!(How { InPerson = "in-person", ByRobot = "by-robot", ByCall = "by-call" });
kept_as!(Went { Yes = "yes", Partly = "partly", NotThisTime = "not-this-time" });

impl Kept for OwnWord {
    fn keep(&self) -> Value {
        match self {
            Self::Beside => "beside".into(),
            Self::Decides => "decides".into(),
        }
    }

    fn read(value: &Value) -> Option<Self> {
        match value {
            // Written before it was asked.
            Value::Null => Some(Self::Beside),
            value => [Self::Beside, Self::Decides].into_iter().find(|one| one.keep() == *value),
        }
    }
}

impl Kept for Revision {
    fn keep(&self) -> Value {
        self.0.into()
    }

    fn read(value: &Value) -> Option<Self> {
        value.as_u64().map(Self)
    }
}

impl Kept for Minutes {
    fn keep(&self) -> Value {
        self.get().into()
    }

    fn read(value: &Value) -> Option<Self> {
        let minutes = u32::try_from(value.as_u64()?).ok()?;
        Some(Self::floor_of_seconds(u64::from(minutes) * 60))
    }
}

impl Kept for WeekPattern {
    fn keep(&self) -> Value {
        self.to_string().into()
    }

    fn read(value: &Value) -> Option<Self> {
        value.as_str()?.parse().ok()
    }
}

/// A value with the word for what it is: `["day", "2026-11-23"]`.
fn tagged(kind: &str, value: Value) -> Value {
    Value::Array(vec![kind.into(), value])
}

fn tag(value: &Value) -> Option<(&str, &Value)> {
    let [kind, value] = value.as_array()?.as_slice() else { return None };
    Some((kind.as_str()?, value))
}

impl Kept for PlanState {
    fn keep(&self) -> Value {
        match self {
            Self::Draft => tagged("draft", Value::Null),
            Self::Open => tagged("open", Value::Null),
            Self::Returning { since } => tagged("returning", since.keep()),
            Self::Closed(closure) => tagged("closed", closure.keep()),
            Self::Discarded { on, reason } => tagged("discarded", (*on, reason.clone()).keep()),
        }
    }

    fn read(value: &Value) -> Option<Self> {
        Some(match tag(value)? {
            ("draft", _) => Self::Draft,
            ("open", _) => Self::Open,
            ("returning", since) => Self::Returning { since: Kept::read(since)? },
            ("closed", closure) => Self::Closed(Kept::read(closure)?),
            ("discarded", how) => {
                let (on, reason) = Kept::read(how)?;
                Self::Discarded { on, reason }
            }
            _ => return None,
        })
    }
}

impl Kept for Answer {
    fn keep(&self) -> Value {
        match self {
            Self::Words(words) => tagged("words", words.keep()),
            Self::YesNo(yes) => tagged("yes-no", yes.keep()),
            Self::Day(day) => tagged("day", day.keep()),
            Self::Weeks(weeks) => tagged("weeks", weeks.keep()),
            Self::Person(person) => tagged("person", person.keep()),
            Self::Organisation(organisation) => tagged("organisation", organisation.keep()),
            Self::Place(name) => tagged("place", name.keep()),
            Self::Stated(stated) => tagged("stated", stated.keep()),
        }
    }

    fn read(value: &Value) -> Option<Self> {
        Some(match tag(value)? {
            ("words", value) => Self::Words(Kept::read(value)?),
            ("yes-no", value) => Self::YesNo(Kept::read(value)?),
            ("day", value) => Self::Day(Kept::read(value)?),
            ("weeks", value) => Self::Weeks(Kept::read(value)?),
            ("person", value) => Self::Person(Kept::read(value)?),
            ("organisation", value) => Self::Organisation(Kept::read(value)?),
            ("place", value) => Self::Place(Kept::read(value)?),
            ("stated", value) => Self::Stated(Kept::read(value)?),
            _ => return None,
        })
    }
}

impl Kept for StatedSource {
    fn keep(&self) -> Value {
        match self {
            Self::Person(person) => tagged("person", person.keep()),
            Self::Import { system, at } => tagged("import", (system.clone(), *at).keep()),
        }
    }

    fn read(value: &Value) -> Option<Self> {
        Some(match tag(value)? {
            ("person", person) => Self::Person(Kept::read(person)?),
            ("import", import) => {
                let (system, at) = Kept::read(import)?;
                Self::Import { system, at }
            }
            _ => return None,
        })
    }
}

impl Kept for Gate {
    fn keep(&self) -> Value {
        match self {
            Self::Readiness => tagged("readiness", Value::Null),
            Self::Meeting => tagged("meeting", Value::Null),
            Self::Item(item) => tagged("item", item.keep()),
            Self::Action(action) => tagged("action", action.keep()),
        }
    }

    fn read(value: &Value) -> Option<Self> {
        Some(match tag(value)? {
            ("readiness", _) => Self::Readiness,
            ("meeting", _) => Self::Meeting,
            ("item", item) => Self::Item(Kept::read(item)?),
            ("action", action) => Self::Action(Kept::read(action)?),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h_8_what_a_pupils_word_is_worth_is_kept_and_one_of_before_stands_beside() {
        for word in [OwnWord::Beside, OwnWord::Decides] {
            assert_eq!(OwnWord::read(&word.keep()), Some(word));
        }
        assert_eq!(OwnWord::read(&Value::Null), Some(OwnWord::Beside));
        assert_eq!(OwnWord::read(&"full".into()), None);
    }
}
