//! The glide path on paper: a picture, the same as a table, and the question for the review.
//!
//! On site is solid, by robot hatched, elsewhere dotted, rest a dashed outline: it reads without colour. What was is shown only to those who
//! may be given minutes by robot; others see what is planned.

use paper::{Anchor, Block, Column, Fill, Picture, Shape, Table};
use server_core::glide::{GlideWeek, HalfDays, ReviewQuestion, WeekState};
use server_core::sharing::Section;

use super::case::Case;
use super::parts::capital;
use crate::api::ApiError;
use crate::web::glide::{self, PlanWeeks};
use crate::web::view;

type Ink = [u8; 3];

const SITE: Ink = [0x4a, 0x2c, 0x5e];
const ROBOT: Ink = [0x1f, 0x73, 0x90];
const OTHER: Ink = [0x6d, 0x7f, 0x49];
const REST: Ink = [0x79, 0x71, 0x88];
const INK: Ink = [0x26, 0x1b, 0x31];
const INK_2: Ink = [0x56, 0x4c, 0x63];
const GRID: Ink = [0xd2, 0xd8, 0xe0];

/// As wide as the page's text.
const WIDTH: f32 = 483.0;
const LEFT: f32 = 22.0;
/// The axis, and how high a half-day is.
const FLOOR: f32 = 158.0;
const UNIT: f32 = 12.6;
const HEIGHT: f32 = 188.0;

/// The weeks of the case's clock, or in words what they wait for.
///
/// # Errors
/// The database does not answer, or holds what this program cannot read.
pub async fn weeks(case: &Case<'_>) -> Result<Result<PlanWeeks, String>, ApiError> {
    glide::weeks_of(case.state, case.scope, &case.placement, case.now).await
}

/// Picture, table, what looks wrong about its minutes, question.
pub fn blocks(case: &Case<'_>, path: &PlanWeeks) -> Vec<Block> {
    let PlanWeeks { clock, site, marks_of, weeks, odd, .. } = path;
    if !case.shows(Section::WeekPattern) || weeks.is_empty() {
        return Vec::new();
    }
    let is_told = case.shows(Section::Engagement);
    let mut blocks = vec![Block::Picture(picture(weeks, is_told, site)), Block::Table(table(clock, weeks, is_told))];
    if is_told {
        if !odd.is_empty() {
            blocks.push(Block::text("What looks wrong about these minutes:"));
            blocks.push(Block::List(odd.iter().map(|(day, words)| format!("{}: {words}", view::full_date(*day))).collect()));
        }
        let question = ReviewQuestion::of(weeks);
        blocks.extend(glide::MEANINGS.map(Block::small));
        blocks.push(Block::small(format!("{}.", glide::told_by(marks_of))));
        blocks.push(Block::text(question.because()));
        blocks.push(Block::Question(format!("For the review: {}", question.ask())));
    }
    blocks
}

fn count(of: u16) -> f32 {
    f32::from(of)
}

fn picture(weeks: &[GlideWeek], is_told: bool, school: &str) -> Picture {
    let mut shapes = Vec::new();
    let label =
        |x: f32, y: f32, text: String, anchor, ink, is_bold| Shape::Label { x, y, text, anchor, size: 8.0, ink, is_bold };
    legend(&mut shapes, school);
    for half_days in [0_u16, 2, 4, 6, 8, 10] {
        let y = FLOOR - UNIT * count(half_days);
        shapes.push(Shape::Line { from: (LEFT, y), to: (WIDTH, y), ink: GRID, width: 0.6 });
        shapes.push(label(LEFT - 5.0, y - 5.5, half_days.to_string(), Anchor::End, INK_2, false));
    }
    let pitch = (WIDTH - LEFT) / count(u16::try_from(weeks.len()).unwrap_or(1).max(1));
    for (n, week) in (0_u16..).zip(weeks) {
        let left = LEFT + pitch * count(n);
        let wide = (pitch * 0.78).min(40.0);
        let from = left + (pitch - wide) / 2.0;
        let middle = left + pitch / 2.0;
        match week.actual.as_ref().filter(|_| is_told) {
            None => stack(&mut shapes, &week.planned, from, wide),
            Some(actual) => {
                let slim = wide * 0.24;
                stack(&mut shapes, &week.planned, from, slim);
                stack(&mut shapes, actual, from + slim + 1.5, wide - slim - 1.5);
            }
        }
        let is_now = week.state == WeekState::ThisWeek;
        shapes.push(label(middle, FLOOR + 3.0, number(week), Anchor::Middle, INK, true));
        // Where weeks stand close together, every fourth has its day.
        if pitch >= 27.0 || n.is_multiple_of(4) {
            shapes.push(label(middle, FLOOR + 13.5, view::short_date(week.monday), Anchor::Middle, INK_2, is_now));
        }
        if is_now {
            let x = left + pitch * 0.08;
            let (width, y) = (pitch * 0.84, FLOOR + 25.5);
            shapes.push(Shape::Rect { x, y, width, height: 2.5, fill: Fill::Solid([0xf4, 0xb7, 0x40]) });
        }
    }
    shapes.push(Shape::Line { from: (LEFT, FLOOR), to: (WIDTH, FLOOR), ink: INK, width: 1.0 });
    Picture { words: words(weeks, is_told), caption: caption(is_told), width: WIDTH, height: HEIGHT, shapes }
}

fn caption(is_told: bool) -> String {
    if is_told {
        "Half-days of each week. A slim bar is what was planned; the wide one beside it is what was, and an empty outline in it is as \
         planned, and nobody has said otherwise. Weeks to come show their plan. The week of today is underlined."
            .to_owned()
    } else {
        "Half-days of each week, as planned. The week of today is underlined.".to_owned()
    }
}

fn legend(shapes: &mut Vec<Shape>, school: &str) {
    let on_site = format!("on site at {school}");
    let items = [
        (Fill::Solid(SITE), on_site.as_str()),
        (Fill::Hatched(ROBOT), "by robot"),
        (Fill::Dotted(OTHER), "elsewhere"),
        (Fill::Dashed(REST), "rest"),
    ];
    let mut x = LEFT;
    for (fill, words) in items {
        shapes.push(Shape::Rect { x, y: 1.0, width: 12.0, height: 9.0, fill });
        let text = words.chars().take(60).collect::<String>();
        // Letters are about half as wide as they are high.
        let width = 4.1 * count(u16::try_from(text.chars().count()).unwrap_or(60));
        shapes.push(Shape::Label { x: x + 16.0, y: 0.0, text, anchor: Anchor::Start, size: 8.5, ink: INK, is_bold: false });
        x += 16.0 + width + 14.0;
    }
}

fn stack(shapes: &mut Vec<Shape>, half_days: &HalfDays, x: f32, width: f32) {
    let parts = [
        (half_days.on_site, Fill::Solid(SITE)),
        (half_days.by_robot, Fill::Hatched(ROBOT)),
        (half_days.elsewhere, Fill::Dotted(OTHER)),
        (half_days.rest, Fill::Dashed(REST)),
        (half_days.unsaid.elsewhere, Fill::Outline(OTHER)),
        (half_days.unsaid.rest, Fill::Outline(REST)),
    ];
    let mut top = FLOOR;
    for (part, fill) in parts.into_iter().filter(|(part, _)| *part > 0) {
        let height = UNIT * count(part);
        top -= height;
        shapes.push(Shape::Rect { x, y: top + 0.8, width, height: height - 1.6, fill });
    }
}

/// What the picture shows, for those who hear it.
fn words(weeks: &[GlideWeek], is_told: bool) -> String {
    let one = |week: &GlideWeek| match week.actual.as_ref().filter(|_| is_told) {
        Some(actual) => {
            format!("Week {}: planned {}; as it was {}.", week.name(), glide::words(&week.planned), glide::words(actual))
        }
        None => format!("Week {}: planned {}.", week.name(), glide::words(&week.planned)),
    };
    let all: Vec<String> = weeks.iter().map(one).collect();
    format!("Bars of half-days, week by week. {} The table after it gives every figure.", all.join(" "))
}

fn table(clock: &str, weeks: &[GlideWeek], is_told: bool) -> Table {
    let mut columns = vec![Column::words(clock, 1.5), Column::words("Planned half-days", 3.0)];
    if is_told {
        columns.push(Column::words("As it was", 3.0));
        columns.push(Column::number("Live in lessons, min", 1.4));
        columns.push(Column::number("Half-days somebody spoke for", 1.7));
    }
    let row = |week: &GlideWeek| {
        let mut cells = vec![
            format!("{}, {}", capital(&week.name()), view::short_date(week.monday)),
            capital(&glide::words(&week.planned)),
        ];
        if is_told {
            match &week.actual {
                Some(actual) => {
                    cells.extend([capital(&glide::words(actual)), week.by_robot.get().to_string(), glide::told(week)]);
                }
                None => cells.extend(["To come".to_owned(), String::new(), String::new()]),
            }
        }
        cells
    };
    Table { caption: String::new(), columns, rows: weeks.iter().map(row).collect() }
}

/// `8`, `8 · S1`, `S6`: S is the school's own count.
fn number(week: &GlideWeek) -> String {
    match (week.number, week.at_school) {
        (Some(number), Some(school)) => format!("{number} · S{school}"),
        (Some(number), None) => number.to_string(),
        (None, Some(school)) => format!("S{school}"),
        (None, None) => String::new(),
    }
}
