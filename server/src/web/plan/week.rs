//! The pattern of a week of either clock: ten half-days, each with its place; one field as far as two writers are concerned.

use chrono::Days;
use server_core::deadline::{Calendars, Facts};
use server_core::plan::{Change, Place, WeekPattern};
use server_core::policy::{Clock, Code, Pack};
use server_core::register::HalfDay;

use super::fields::{Both, by, compare, seen};
use super::{Case, Sent, Shown, Typed};
use crate::web::view;

/// Places with the letter that a pattern's text has for them.
const PLACES: [(Place, char); 4] = [(Place::OnSite, 's'), (Place::ByRobot, 'r'), (Place::Other, 'o'), (Place::Rest, '-')];
const DAYS: [&str; 5] = ["Mon", "Tue", "Wed", "Thu", "Fri"];

/// The pattern of one week.
pub struct WeekView {
    /// Code and title of the clock whose week it is.
    pub clock: String,
    pub title: String,
    pub week: u16,
    pub weeks: u16,
    /// Which days these are, and which week of the other clock.
    pub when: String,
    /// Morning and afternoon.
    pub rows: Vec<(&'static str, Vec<HalfView>)>,
    pub sentence: String,
    pub question: String,
    pub by: String,
    pub theirs: Option<String>,
    /// All weeks of each clock.
    pub clocks: Vec<ClockWeeks>,
}

/// The weeks of one clock: whether each has a pattern of its own, and whether it is the one shown.
pub struct ClockWeeks {
    pub clock: String,
    pub title: String,
    pub weeks: Vec<(u16, bool, bool)>,
}

/// One half-day.
pub struct HalfView {
    pub name: String,
    pub label: String,
    pub choices: Vec<(char, &'static str, bool)>,
}

fn name(day: usize, half: &str) -> String {
    format!("at-{}-{half}", DAYS[day].to_lowercase())
}

/// The clock that a form or an address names; else the first.
fn clock_of<'a>(pack: &'a Pack, code: &str) -> Option<&'a Clock> {
    Code::new(code).and_then(|code| pack.clock(&code)).or(pack.clocks.first())
}

fn typed_week(typed: Typed<'_>) -> Option<u16> {
    typed.get("week").parse().ok()
}

/// Which week of which clock is shown: the one just sent, the one that was asked for, or this week's.
pub fn asked_for<'a>(
    of: &Shown<'a>,
    (facts, calendars): (&Facts, &Calendars<'_>),
    typed: Typed<'_>,
    (clock, week): (&str, Option<u16>),
) -> (Option<&'a Clock>, u16) {
    let clock = clock_of(of.pack, &if typed.is_any() { typed.get("clock") } else { clock.to_owned() });
    let weeks = clock.map_or(0, |clock| of.plan.weeks_of(clock));
    let is_there = |week: &u16| (1..=weeks).contains(week);
    let now = || super::number_now(clock, facts, calendars, of.today);
    let week = typed_week(typed).filter(is_there).or(week.filter(is_there)).or_else(now).unwrap_or(1);
    (clock, week)
}

/// Where the history keeps a week's pattern.
fn path(pack: &Pack, clock: &Code, week: u16) -> String {
    match pack.clocks.first() {
        Some(first) if first.id == *clock => format!("week.{week:02}"),
        _ => format!("clock-week.{clock}.{week:02}"),
    }
}

/// What the form sent, if it is a pattern.
fn typed(sent: &Sent) -> Option<WeekPattern> {
    let day = |n: usize| Some(format!("{}{}", sent.get(&name(n, "am"))?, sent.get(&name(n, "pm"))?));
    (0..DAYS.len()).map(day).collect::<Option<Vec<_>>>()?.join(" ").parse().ok()
}

/// Draws it.
pub fn view(
    of: &Shown<'_>,
    (facts, calendars): (&Facts, &Calendars<'_>),
    form: Typed<'_>,
    (clock, week): (Option<&Clock>, u16),
) -> WeekView {
    let (pack, plan) = (of.pack, of.plan);
    let code = clock.map_or_else(String::new, |clock| clock.id.to_string());
    let path = clock.map_or_else(String::new, |clock| path(pack, &clock.id, week));
    let (when, numbers) = when(of, facts, calendars, clock, week);
    // A week of the school's clock without a pattern of its own is as the provider's week is.
    let own = clock.and_then(|clock| plan.pattern(pack, &clock.id, week));
    let now = own.or_else(|| plan.pattern_in(pack, &numbers)).copied().unwrap_or(WeekPattern::all(Place::Rest));
    let (mut pattern, mut theirs) = (now, None);
    if let Some(typed) = form.0.and_then(typed) {
        match compare(&typed.to_string(), seen(of.changes, &path), &now.to_string()) {
            Both::Mine(_) => pattern = typed,
            Both::Theirs(_) => {}
            Both::Choose(..) => {
                pattern = typed;
                theirs = Some(now.sentence());
            }
        }
    }
    let row = |words: &'static str, half: HalfDay| {
        let views = (0..DAYS.len()).map(|n| HalfView {
            name: name(n, half.as_str()),
            label: format!("{} {}", DAYS[n], words.to_lowercase()),
            choices: PLACES.map(|(place, letter)| (letter, place.words(), is_at(&pattern, n, half, place))).to_vec(),
        });
        (words, views.collect())
    };
    let ideal = clock.and_then(|clock| clock.steps.iter().rfind(|step| step.week <= week)?.days_on_site);
    let weeks_of = |known: &Clock| ClockWeeks {
        clock: known.id.to_string(),
        title: known.title.clone(),
        weeks: (1..=plan.weeks_of(known))
            .map(|n| (n, plan.has_own_pattern(pack, &known.id, n), n == week && known.id.as_str() == code))
            .collect(),
    };
    WeekView {
        title: clock.map_or_else(String::new, |clock| clock.title.clone()),
        week,
        weeks: clock.map_or(0, |clock| plan.weeks_of(clock)),
        when,
        rows: vec![row("Morning", HalfDay::Am), row("Afternoon", HalfDay::Pm)],
        sentence: pattern.sentence(),
        question: ideal.and_then(|days| pattern.beside_ideal(days)).unwrap_or_default(),
        by: by(of.changes, &path),
        theirs,
        clocks: pack.clocks.iter().map(weeks_of).collect(),
        clock: code,
    }
}

/// From which day the week is, as far as its clock runs; and the numbers that it has on every clock.
fn when(
    of: &Shown<'_>,
    facts: &Facts,
    calendars: &Calendars<'_>,
    clock: Option<&Clock>,
    week: u16,
) -> (String, Vec<Option<u16>>) {
    let none = || vec![None; of.pack.clocks.len()];
    let Some(clock) = clock else { return (String::new(), none()) };
    let Some(start) = facts.events.get(&clock.starts) else {
        return (format!("Its days are known once this has a day: {}.", clock.starts.words()), none());
    };
    let Some(monday) = calendars.of(clock.calendar).monday_of_week(*start, week) else { return (String::new(), none()) };
    let on = |other: &Clock| {
        let start = facts.events.get(&other.starts)?;
        let number = calendars.of(other.calendar).week_number(*start, monday + Days::new(6))?;
        (number <= of.plan.weeks_of(other)).then_some(number)
    };
    let numbers: Vec<Option<u16>> = of.pack.clocks.iter().map(on).collect();
    let also: Vec<String> = (of.pack.clocks.iter().zip(&numbers))
        .filter(|(other, _)| other.id != clock.id)
        .filter_map(|(other, number)| Some(format!("; also {} {}", other.title.to_lowercase(), (*number)?)))
        .collect();
    (format!("From Monday {}{}.", view::full_date(monday), also.concat()), numbers)
}

fn is_at(pattern: &WeekPattern, day: usize, half: HalfDay, place: Place) -> bool {
    u32::try_from(day).is_ok_and(|day| pattern.at(day, half) == Some(place))
}

/// What the form changes.
pub fn changes(case: &Case<'_>, sent: &Sent) -> Result<Vec<Change>, String> {
    let (pack, plan, form) = (case.pack, case.plan, Typed(Some(sent)));
    let clock = clock_of(pack, &form.get("clock")).ok_or("This policy counts no weeks.")?;
    let weeks = plan.weeks_of(clock);
    let week = typed_week(form).filter(|week| (1..=weeks).contains(week));
    let week = week.ok_or_else(|| format!("Choose a week from 1 to {weeks}."))?;
    if sent.get("take-week").is_some_and(|choice| choice == "theirs") {
        return Ok(Vec::new());
    }
    let pattern = typed(sent).ok_or("Choose a place for each of the ten half-days.")?;
    // A pattern that is only inherited is written down when somebody saves it: the weeks before may change.
    let is_same = plan.has_own_pattern(pack, &clock.id, week) && plan.pattern(pack, &clock.id, week) == Some(&pattern);
    Ok(if is_same { Vec::new() } else { vec![Change::Week(clock.id.clone(), week, pattern)] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_letters_of_the_form_are_those_of_the_pattern() {
        let mut sent = Sent::new();
        for (n, day) in DAYS.iter().enumerate() {
            let (_, letter) = PLACES[n % PLACES.len()];
            for half in ["am", "pm"] {
                assert_eq!(name(n, half), format!("at-{}-{half}", day.to_lowercase()));
                sent.insert(name(n, half), letter.to_string());
            }
        }
        let pattern = typed(&sent).unwrap();
        assert_eq!(pattern.to_string(), "ss rr oo -- ss");
        for (n, (place, _)) in PLACES.into_iter().enumerate() {
            assert!(is_at(&pattern, n, HalfDay::Am, place) && is_at(&pattern, n, HalfDay::Pm, place));
        }
        sent.remove("at-fri-pm");
        assert_eq!(typed(&sent), None, "a half-day is missing");
    }
}
