//! From what to what: the difference between two states of a plan, field by field.
//!
//! Every field of [`Parts`] is laid out as a path of codes and a text, so that no field can change unseen: a property in
//! `plan/tests.rs` compares this with the equality of plans. Paths hold codes and numbers only; what people wrote is in [`Shown`],
//! which is not printed by accident. Who and when is the store's.
//!
//! Source: issue "The reintegration record", proof "history of every field".

use std::collections::BTreeMap;
use std::fmt;

use super::{Answer, Closure, Evaluation, How, Meeting, OwnWord, Parts, PlanState, Review, Stated, StatedSource, Went};
use crate::party::Party;
use crate::words::Words;

/// A value as pages and exports show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Shown(String);

impl Shown {
    /// The text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shown(hidden, {} characters)", self.0.chars().count())
    }
}

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldChange {
    /// Which: codes joined by dots, such as `action.uniform.outcome`.
    pub field: String,
    /// What it was; `None` if there was nothing.
    pub from: Option<Shown>,
    /// What it is; `None` if there is nothing any more.
    pub to: Option<Shown>,
}

/// Every field that differs between two states, by path. The revision is not a field.
#[must_use]
pub fn changes(before: &Parts, after: &Parts) -> Vec<FieldChange> {
    let (mut before, after) = (Layout::of(before).0, Layout::of(after).0);
    let mut all = Vec::new();
    for (field, to) in after {
        let from = before.remove(&field);
        if from.as_ref() != Some(&to) {
            all.push(FieldChange { field, from: from.map(Shown), to: Some(Shown(to)) });
        }
    }
    all.extend(before.into_iter().map(|(field, from)| FieldChange { field, from: Some(Shown(from)), to: None }));
    all.sort_by(|a, b| a.field.cmp(&b.field));
    all
}

/// Paths and texts.
#[derive(Default)]
struct Layout(BTreeMap<String, String>);

impl Layout {
    /// Takes the parts apart by name, so that a new field that is forgotten here does not compile.
    fn of(parts: &Parts) -> Self {
        let Parts {
            pack,
            basis,
            state,
            school_start,
            revision: _,
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
        } = parts;
        let mut all = Self::default();
        all.put("pack", format!("{} {}", pack.id, pack.version));
        all.put("basis.route", basis.route.code());
        for (name, organisation) in [
            ("home-school", basis.home_school),
            ("provider", basis.provider),
            ("receiving-school", basis.receiving_school),
            ("responsible", basis.responsible),
        ] {
            all.put(format!("basis.{name}"), organisation.0);
        }
        all.put("basis.planned-length", &basis.planned_length);
        all.put("basis.end-goal", format!("{:?}", basis.end_goal));
        all.words("basis.in-their-words", basis.in_their_words.as_ref());
        match state {
            PlanState::Draft => all.put("state", "draft"),
            PlanState::Open => all.put("state", "open"),
            PlanState::Returning { since } => all.put("state", format!("returning since {since}")),
            PlanState::Closed(closure) => all.closure(closure),
            PlanState::Discarded { on, reason } => {
                all.put("state", format!("thrown away on {on}"));
                all.put("state.why", reason.expose());
            }
        }
        all.maybe("school-start", school_start.as_ref());
        for (n, consent) in (1..).zip(consents) {
            let at = format!("consent.{n}");
            all.put(format!("{at}.who"), format!("{} {}", consent.party.code(), consent.who.0));
            if consent.own_word == OwnWord::Decides {
                all.put(format!("{at}.own-word"), "is enough");
            }
            all.words(format!("{at}.how"), Some(&consent.how));
            all.put(format!("{at}.on"), consent.on);
            all.maybe(format!("{at}.withdrawn"), consent.withdrawn);
        }
        for (field, answer) in answers {
            all.answer(&format!("answer.{field}"), answer);
        }
        for (n, barrier) in (1..).zip(barriers) {
            all.put(format!("barrier.{n}.code"), &barrier.code);
            all.words(format!("barrier.{n}.why"), Some(&barrier.why));
            all.words(format!("barrier.{n}.needed"), Some(&barrier.needed));
            all.put(format!("barrier.{n}.weeks"), barrier.weeks);
        }
        for (week, pattern) in weeks {
            all.put(format!("week.{week:02}"), pattern);
        }
        for ((clock, week), pattern) in clock_weeks {
            all.put(format!("clock-week.{clock}.{week:02}"), pattern);
        }
        for (n, meeting) in (1..).zip(meetings) {
            all.meeting(&format!("meeting.{n}"), meeting);
        }
        for (list, items) in ticked {
            for item in items {
                all.put(format!("tick.{list}.{item}"), "done");
            }
        }
        for (id, entry) in actions {
            let at = format!("action.{id}");
            all.words(format!("{at}.details"), entry.details.as_ref());
            all.words(format!("{at}.outcome"), entry.outcome.as_ref());
            all.maybe(format!("{at}.day"), entry.day);
            all.put(format!("{at}.settled"), if entry.is_settled { "yes" } else { "no" });
            all.put(format!("{at}.agreed"), parties(entry.agreed.iter()));
        }
        for ((clock, week), evaluation) in evaluations {
            all.evaluation(&format!("evaluation.{clock}.{week:02}"), evaluation);
        }
        for (n, review) in (1..).zip(reviews) {
            all.review(&format!("review.{n}"), review);
        }
        for (n, setback) in (1..).zip(setbacks) {
            all.put(format!("setback.{n}"), format!("{} {}", setback.on, setback.code));
            all.words(format!("setback.{n}.what"), setback.what.as_ref());
            all.words(format!("setback.{n}.what-helps"), setback.what_helps.as_ref());
        }
        for sign_off in sign_offs {
            all.put(format!("sign-off.{}", sign_off.party.code()), format!("{} on {}", sign_off.who.0, sign_off.on));
        }
        for (n, (gate, reason)) in (1..).zip(despite) {
            all.put(format!("despite.{n}"), format!("{}: {}", gate.code(), reason.expose()));
        }
        for (n, (weeks, reason)) in (1..).zip(longer) {
            all.put(format!("longer.{n}"), format!("{weeks} weeks: {}", reason.expose()));
        }
        for (stage, words) in pupil_says {
            all.words(format!("pupil-says.{stage}"), Some(words));
        }
        all
    }

    fn put(&mut self, path: impl Into<String>, text: impl fmt::Display) {
        self.0.insert(path.into(), text.to_string());
    }

    fn maybe(&mut self, path: impl Into<String>, text: Option<impl fmt::Display>) {
        if let Some(text) = text {
            self.put(path, text);
        }
    }

    fn words(&mut self, path: impl Into<String>, words: Option<&Words>) {
        self.maybe(path, words.map(Words::expose));
    }

    fn answer(&mut self, at: &str, answer: &Answer) {
        match answer {
            Answer::Words(words) => self.words(at, Some(words)),
            Answer::YesNo(yes) => self.put(at, if *yes { "yes" } else { "no" }),
            Answer::Day(day) => self.put(at, day),
            Answer::Weeks(weeks) => self.put(at, format!("{weeks} weeks")),
            Answer::Person(person) => self.put(at, person.0),
            Answer::Organisation(organisation) => self.put(at, organisation.0),
            Answer::Place(name) => self.words(at, Some(name)),
            Answer::Stated(stated) => self.stated(at, Some(stated)),
        }
    }

    fn stated(&mut self, at: &str, stated: Option<&Stated>) {
        let Some(stated) = stated else { return };
        let source = match &stated.source {
            StatedSource::Person(person) => format!("said by {}", person.0),
            StatedSource::Import { system, at } => format!("from {system}, read {at}"),
        };
        self.put(at, format!("{} until {}, {source}", stated.figure.expose(), stated.on));
    }

    fn closure(&mut self, closure: &Closure) {
        self.put("state", format!("closed on {}", closure.on));
        self.put("closure.outcome", &closure.outcome);
        self.words("closure.went-well", Some(&closure.went_well));
        self.words("closure.could-be-better", closure.could_be_better.as_ref());
        self.maybe("closure.provider-withdrew", closure.provider_withdrew);
        self.maybe("closure.support-until", closure.support_until);
        for (n, day) in (1..).zip(&closure.follow_up) {
            self.put(format!("closure.follow-up.{n}"), day);
        }
    }

    fn present(&mut self, at: &str, present: &BTreeMap<Party, How>) {
        for (party, how) in present {
            self.put(format!("{at}.present.{}", party.code()), format!("{how:?}"));
        }
    }

    fn meeting(&mut self, at: &str, meeting: &Meeting) {
        self.put(at, format!("{}, called by {}, at {}", meeting.on, meeting.convenor.words(), meeting.venue));
        self.present(at, &meeting.present);
        for outcome in &meeting.outcomes {
            self.put(format!("{at}.outcome.{outcome}"), "settled");
        }
        self.words(format!("{at}.notes"), meeting.notes.as_ref());
    }

    fn evaluation(&mut self, at: &str, evaluation: &Evaluation) {
        self.put(at, evaluation.on);
        for reply in &evaluation.replies {
            let at = format!("{at}.{}", reply.question);
            self.put(&at, went(reply.went));
            self.words(format!("{at}.why"), reply.why.as_ref());
            self.words(format!("{at}.comment"), reply.comment.as_ref());
            self.words(format!("{at}.action"), reply.action.as_ref());
        }
        self.stated(&format!("{at}.attendance"), evaluation.attendance.as_ref());
        self.stated(&format!("{at}.punctuality"), evaluation.punctuality.as_ref());
        if let Some(beside) = &evaluation.engagement {
            let [expected, live, social] = [beside.expected, beside.in_lessons, beside.social].map(protocol::Minutes::get);
            let odd: String = beside.odd.iter().map(|words| format!(". {words}")).collect();
            let minutes = format!("{live} of {expected} minutes in lessons; {social} with friends{odd}");
            self.put(format!("{at}.engagement"), minutes);
        }
        self.words(format!("{at}.pupil-says"), evaluation.pupil_says.as_ref());
    }

    fn review(&mut self, at: &str, review: &Review) {
        self.put(at, format!("{}: {}", review.on, review.outcome.code()));
        if let Some((rule, week)) = &review.asked_by {
            self.put(format!("{at}.asked-by"), week.map_or_else(|| rule.to_string(), |week| format!("{rule}, week {week}")));
        }
        self.present(at, &review.present);
        for (family, words) in &review.targets {
            self.words(format!("{at}.target.{}", family.code()), Some(words));
        }
        self.words(format!("{at}.worries"), review.worries.as_ref());
        self.maybe(format!("{at}.supported"), review.is_supported.map(went));
        self.words(format!("{at}.pupil-says"), review.pupil_says.as_ref());
        self.words(format!("{at}.about-robot"), review.about_robot.as_ref());
        self.words(format!("{at}.why"), review.why.as_ref());
        self.maybe(format!("{at}.next"), review.next_on);
    }
}

fn went(went: Went) -> &'static str {
    match went {
        Went::Yes => "yes",
        Went::Partly => "partly",
        Went::NotThisTime => "not this time",
    }
}

fn parties<'a>(all: impl Iterator<Item = &'a Party>) -> String {
    all.map(|party| party.code()).collect::<Vec<_>>().join(", ")
}
