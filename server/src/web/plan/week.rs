//! The pattern of a week: ten half-days, each with its place; one field as far as two writers are concerned.

use server_core::plan::{Change, Place, ReintegrationPlan, WeekPattern};
use server_core::policy::Pack;
use server_core::register::HalfDay;
use store::plans::PlanChangeRow;

use super::Sent;
use super::fields::{Both, by, compare, seen};

/// Places with the letter that a pattern's text has for them.
const PLACES: [(Place, char); 4] = [(Place::OnSite, 's'), (Place::ByRobot, 'r'), (Place::Other, 'o'), (Place::Rest, '-')];
const DAYS: [&str; 5] = ["Mon", "Tue", "Wed", "Thu", "Fri"];

/// The pattern of one week.
pub struct WeekView {
    pub week: u16,
    pub weeks: u16,
    /// Morning and afternoon.
    pub rows: Vec<(&'static str, Vec<HalfView>)>,
    pub sentence: String,
    pub question: String,
    pub by: String,
    pub theirs: Option<String>,
    /// All weeks; whether each has a pattern of its own.
    pub all: Vec<(u16, bool)>,
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

/// Weeks of the clock whose patterns a plan has.
pub fn weeks(pack: &Pack) -> u16 {
    pack.clocks.first().map_or(0, |clock| clock.weeks)
}

fn asked(sent: &Sent) -> Option<u16> {
    sent.get("week")?.parse().ok()
}

/// What the form sent, if it is a pattern.
fn typed(sent: &Sent) -> Option<WeekPattern> {
    let day = |n: usize| Some(format!("{}{}", sent.get(&name(n, "am"))?, sent.get(&name(n, "pm"))?));
    (0..DAYS.len()).map(day).collect::<Option<Vec<_>>>()?.join(" ").parse().ok()
}

/// The week that is shown: the one just sent, or the one that was asked for.
pub fn view(pack: &Pack, plan: &ReintegrationPlan, sent: Option<&Sent>, changes: &[PlanChangeRow], asked_for: u16) -> WeekView {
    let week = sent.and_then(asked).unwrap_or(asked_for);
    let now = plan.week(week).copied().unwrap_or(WeekPattern::all(Place::Rest));
    let path = format!("week.{week:02}");
    let (mut pattern, mut theirs) = (now, None);
    if let Some(typed) = sent.and_then(typed) {
        match compare(&typed.to_string(), seen(changes, &path), &now.to_string()) {
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
    let ideal = pack.clocks.first().and_then(|clock| clock.steps.iter().rfind(|step| step.week <= week)?.days_on_site);
    WeekView {
        week,
        weeks: weeks(pack),
        rows: vec![row("Morning", HalfDay::Am), row("Afternoon", HalfDay::Pm)],
        sentence: pattern.sentence(),
        question: ideal.and_then(|days| pattern.beside_ideal(days)).unwrap_or_default(),
        by: by(changes, &path),
        theirs,
        all: (1..=weeks(pack)).map(|week| (week, plan.parts().weeks.contains_key(&week))).collect(),
    }
}

fn is_at(pattern: &WeekPattern, day: usize, half: HalfDay, place: Place) -> bool {
    u32::try_from(day).is_ok_and(|day| pattern.at(day, half) == Some(place))
}

/// What the form changes.
pub fn changes(pack: &Pack, plan: &ReintegrationPlan, sent: &Sent) -> Result<Vec<Change>, String> {
    let week = asked(sent).filter(|week| (1..=weeks(pack)).contains(week));
    let week = week.ok_or_else(|| format!("Choose a week from 1 to {}.", weeks(pack)))?;
    if sent.get("take-week").is_some_and(|choice| choice == "theirs") {
        return Ok(Vec::new());
    }
    let pattern = typed(sent).ok_or("Choose a place for each of the ten half-days.")?;
    // A pattern that is only inherited is written down when somebody saves it: the weeks before may change.
    let is_same = plan.parts().weeks.get(&week) == Some(&pattern);
    Ok(if is_same { Vec::new() } else { vec![Change::Week(week, pattern)] })
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
