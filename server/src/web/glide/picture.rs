//! The picture of the glide path: a column for each week, as lengths and classes.
//!
//! What is planned is an outline throughout, and only what somebody or something says is filled. Nothing is decided or told here.

use server_core::glide::{GlideWeek, HalfDays, WeekState};

use crate::web::view;

/// Where the axis lies, and how high a half-day is. Across, all lengths are hundredths of the plot: so every week fits on a phone.
const FLOOR: f64 = 234.0;
pub(super) const UNIT: f64 = 18.8;
/// A bar is at most so wide, where weeks are few.
const WIDEST: f64 = 9.0;
/// Columns that have room for their day, and for their number; on a phone.
pub(super) const MOST_DAYS: (usize, usize) = (14, 6);
const MOST_NUMBERS: (usize, usize) = (40, 13);

/// A week.
pub struct Column {
    pub mid_x: String,
    pub band_x: String,
    pub band_width: String,
    pub is_now: bool,
    pub segments: Vec<Segment>,
    /// Of the first clock, and of the school's.
    pub number: String,
    pub at_school: String,
    pub day: String,
    /// Class of the numbers, and of the day: on a phone, some give way to the others.
    pub number_class: &'static str,
    pub day_class: &'static str,
}

/// A part of a bar.
pub struct Segment {
    pub class: &'static str,
    pub x: String,
    pub y: String,
    pub width: String,
    pub height: String,
    pub label: Option<Label>,
}

/// How many half-days on site, in their bar.
pub struct Label {
    pub x: String,
    pub y: String,
    pub class: &'static str,
    pub count: u16,
}

/// The columns of all weeks, side by side.
pub fn columns(weeks: &[GlideWeek]) -> Vec<Column> {
    let count = u32::try_from(weeks.len().max(1)).unwrap_or(1);
    let pitch = 100.0 / f64::from(count);
    let (days, numbers) = (Thinned::of(weeks.len(), MOST_DAYS), Thinned::of(weeks.len(), MOST_NUMBERS));
    let column = |(index, week): (usize, &GlideWeek)| {
        let left = pitch * f64::from(u32::try_from(index).unwrap_or(0));
        let shown = |is: bool, text: String| if is { text } else { String::new() };
        let number = |number: Option<u16>| number.map_or_else(String::new, |number| number.to_string());
        let at_school = week.at_school.map_or_else(String::new, |number| format!("S{number}"));
        Column {
            mid_x: px(left + pitch / 2.0),
            band_x: px(left),
            band_width: px(pitch),
            is_now: week.state == WeekState::ThisWeek,
            segments: segments(week, left, pitch),
            number: shown(numbers.is_shown(index), number(week.number)),
            at_school: shown(numbers.is_shown(index), at_school),
            day: shown(days.is_shown(index), view::short_date(week.monday)),
            number_class: numbers.class(index),
            day_class: days.class(index),
        }
    };
    weeks.iter().enumerate().map(column).collect()
}

/// Which of the labels beside one another there is room for.
#[derive(Clone, Copy)]
struct Thinned {
    /// One in so many is there.
    every: usize,
    /// On a phone.
    on_phone: usize,
}

impl Thinned {
    fn of(count: usize, (most, on_phone): (usize, usize)) -> Self {
        let every = count.div_ceil(most).max(1);
        Self { every, on_phone: every * count.div_ceil(every * on_phone).max(1) }
    }

    fn is_shown(self, index: usize) -> bool {
        index.is_multiple_of(self.every)
    }

    fn class(self, index: usize) -> &'static str {
        if index.is_multiple_of(self.on_phone) { "" } else { " thin" }
    }
}

/// What is told of a bar: what was planned is an outline, what was is filled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bar {
    Plan,
    /// The plan, slim beside what was.
    PlanBeside,
    Fact,
}

/// A week that has begun shows what was, with its plan as slim outlines beside it; another one shows its plan alone.
fn segments(week: &GlideWeek, left: f64, pitch: f64) -> Vec<Segment> {
    let wide = (pitch * 0.8).min(WIDEST);
    let from = left + (pitch - wide) / 2.0;
    match &week.actual {
        None => stack(&week.planned, from, wide, Bar::Plan),
        Some(actual) => {
            let (slim, gap) = (wide * 0.26, wide * 0.06);
            let mut all = stack(&week.planned, from, slim, Bar::PlanBeside);
            all.extend(stack(actual, from + slim + gap, wide - slim - gap, Bar::Fact));
            all
        }
    }
}

fn stack(half_days: &HalfDays, x: f64, width: f64, bar: Bar) -> Vec<Segment> {
    let HalfDays { on_site, by_robot, rest, elsewhere, unsaid, not_known: _ } = *half_days;
    let parts: &[(u16, &'static str)] = match bar {
        Bar::Plan | Bar::PlanBeside => {
            &[(on_site, "g-plan-site"), (by_robot, "g-plan-robot"), (elsewhere, "g-plan-other"), (rest, "g-plan-rest")]
        }
        // Nobody says that the pupil was elsewhere: it is as planned, at most.
        Bar::Fact => &[
            (on_site, "k-site"),
            (by_robot, "g-robot"),
            (rest, "g-rest"),
            (unsaid.elsewhere, "g-plan-other"),
            (unsaid.rest, "g-plan-rest"),
        ],
    };
    let mut top = FLOOR;
    let mut all = Vec::new();
    for (count, class) in parts.iter().copied().filter(|(count, _)| *count > 0) {
        let height = UNIT * f64::from(count);
        top -= height;
        let class_of_label = match (bar, class) {
            // Two figures are wider than this bar is on a phone.
            (Bar::Fact, "k-site") if count > 9 => Some("on-fill thin"),
            (Bar::Fact, "k-site") => Some("on-fill"),
            (Bar::Plan, "g-plan-site") => Some("strong fine"),
            _ => None,
        };
        let label = class_of_label.map(|class| Label { x: px(x + width / 2.0), y: px(top + height / 2.0 + 5.0), class, count });
        all.push(Segment { class, x: px(x), y: px(top + 1.0), width: px(width), height: px(height - 2.0), label });
    }
    all
}

/// A length with two decimals.
fn px(value: f64) -> String {
    format!("{value:.2}")
}
