//! Both clocks of a return side by side, week by week: the provider's, which leads out, and the school's, which leads in (H-12, H-15,
//! H-25). Each counts the school weeks of its own calendar, so holidays shift them against each other.

use server_core::deadline::{Calendars, Facts};
use server_core::glide::{GlideFacts, GlideWeek, WeekState, glide};
use server_core::policy::Clock;

use super::Shown;
use crate::cases;
use crate::web::view;

/// What the page shows of it: nothing as long as no clock runs.
pub struct ClocksView {
    /// What each clock counts: `Provider week`.
    pub titles: Vec<String>,
    pub rows: Vec<RowView>,
    /// Clocks that wait, and for what.
    pub waits: Vec<String>,
}

pub struct RowView {
    pub from: String,
    /// The number on each clock, if it counts this week.
    pub numbers: Vec<String>,
    /// What is to happen, by each.
    pub steps: Vec<String>,
    pub pattern: String,
    pub is_now: bool,
}

/// Draws it.
pub fn view(of: &Shown<'_>, facts: &Facts, calendars: &Calendars<'_>) -> ClocksView {
    let (pack, plan) = (of.pack, of.plan);
    let waits = pack.clocks.iter().filter(|clock| !facts.events.contains_key(&clock.starts));
    let waits = waits.map(|clock| format!("{}: counted from this day: {}.", clock.title, clock.starts.words())).collect();
    let titles: Vec<String> = pack.clocks.iter().take(2).map(|clock| clock.title.clone()).collect();
    let Some((first, second)) = cases::running(pack, plan, facts, calendars) else {
        return ClocksView { titles, rows: Vec::new(), waits };
    };
    let nothing = std::collections::BTreeSet::new();
    let none = GlideFacts { on_site: &[], by_robot: &[], rested: &nothing };
    let weeks = glide(first, second, |number, at_school| plan.pattern_in(pack, &[number, at_school]), none, of.today);
    let row = |week: &GlideWeek| {
        let numbers = [week.number, week.at_school];
        let step = |(clock, number): (&Clock, Option<u16>)| {
            let number = number?;
            let step = clock.steps.iter().find(|step| step.week == number)?;
            Some(step.text.clone())
        };
        RowView {
            from: view::short_date(week.monday),
            numbers: numbers.iter().take(titles.len()).map(|n| n.map_or_else(|| "–".to_owned(), |n| n.to_string())).collect(),
            steps: pack.clocks.iter().zip(numbers).filter_map(step).collect(),
            pattern: week.pattern.map_or_else(|| "No pattern yet".to_owned(), |pattern| pattern.sentence()),
            is_now: week.state == WeekState::ThisWeek,
        }
    };
    ClocksView { rows: weeks.iter().map(row).collect(), titles, waits }
}
