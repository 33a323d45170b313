//! The question that a review begins with: is the robot a bridge, or has it become the place?
//!
//! A text that ends in a question mark and the facts behind it, both made of the numbers on the page. It cannot be made in another
//! way, and it has no kind, grade or colour.

use super::{GlideWeek, WeekState};

/// How many complete weeks a question looks back upon.
const LOOK_BACK: usize = 4;

/// A question for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewQuestion {
    because: String,
    ask: String,
}

impl ReviewQuestion {
    /// The facts, as a sentence.
    #[must_use]
    pub fn because(&self) -> &str {
        &self.because
    }

    /// The question.
    #[must_use]
    pub fn ask(&self) -> &str {
        &self.ask
    }

    /// From the weeks of a glide path.
    #[must_use]
    pub fn of(weeks: &[GlideWeek]) -> Self {
        let done: Vec<_> = weeks.iter().filter(|week| week.state == WeekState::Done).collect();
        let recent = &done[done.len().saturating_sub(LOOK_BACK)..];
        let new = |because: String, ask: &str| Self { because, ask: ask.to_owned() };
        let (Some(first), Some(last), true) = (recent.first(), recent.last(), recent.len() > 1) else {
            return new("Fewer than two weeks are complete.".to_owned(), "What would make the next step possible?");
        };
        let span = format!("in weeks {} to {}", first.short_name(), last.short_name());
        // That none was on site is known only where somebody says so.
        let silent: Vec<_> =
            recent.iter().filter(|week| week.stated == 0 && week.planned.on_site > 0).map(|week| week.short_name()).collect();
        if !silent.is_empty() {
            let which = if silent.len() == recent.len() { span } else { in_weeks(&silent) };
            let because = format!("Nobody has said anything about half-days on site {which}.");
            return new(because, "Was the pupil at school, and who can say so?");
        }
        let actual = |week: &GlideWeek| week.actual.unwrap_or_default();
        let (from, to) = (actual(first), actual(last));
        let facts = if first.stated > 0 && last.stated > 0 {
            format!(
                "Half-days on site went from {} of {} to {} of {}, by robot from {} to {}, {span}.",
                from.on_site,
                from.of(),
                to.on_site,
                to.of(),
                from.by_robot,
                to.by_robot
            )
        } else {
            let said = recent.iter().filter(|week| week.stated > 0);
            let said: Vec<_> = said
                .map(|week| format!("{} of {} in week {}", actual(week).on_site, actual(week).of(), week.short_name()))
                .collect();
            let on_site = match said.as_slice() {
                [] => format!("No half-days on site were planned {span}, and nobody has said that there were any."),
                some => format!(
                    "Half-days on site: {}. In the other weeks none was planned, and nobody has said that there were any.",
                    some.join(", ")
                ),
            };
            format!("{on_site} Half-days by robot went from {} to {} {span}.", from.by_robot, to.by_robot)
        };
        // Weeks differ in length, so shares are compared, crosswise and exactly. Where nobody spoke, none was planned either.
        let has_grown = u32::from(to.on_site) * u32::from(from.of()) > u32::from(from.on_site) * u32::from(to.of());
        let uses_robot = recent.iter().any(|week| actual(week).by_robot > 0);
        let later = weeks.iter().find(|week| week.state != WeekState::Done && week.planned.on_site > 0);
        let none_planned_yet = recent.iter().all(|week| week.planned.on_site == 0 && actual(week).on_site == 0);
        match (has_grown, uses_robot, none_planned_yet.then_some(later).flatten()) {
            (true, _, _) => new(facts, "What made this possible, and what does the next step need?"),
            (false, true, Some(later)) => {
                let because = format!("{facts} The plan has the first half-days on site in week {}.", later.short_name());
                new(because, "Does that still fit, and what has to be ready by then?")
            }
            (false, true, None) => new(facts, "Is the robot a bridge back to school, or has it become the place?"),
            (false, false, _) => new(facts, "Is the robot still of use here, and if not, what would help instead?"),
        }
    }
}

/// `in week 8`, `in weeks 5, 6 and 8`
fn in_weeks(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => format!("in week {one}"),
        [some @ .., last] => format!("in weeks {} and {last}", some.join(", ")),
    }
}
