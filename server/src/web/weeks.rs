//! Two weeks of live minutes as a drawn chart and the same numbers as a table.
//!
//! Zero-based; expected is a dashed outline, what happened fills it, hatched where only sound came through. A day without
//! anything planned is named, not drawn as zero. No percentage, no sum with anything else, no trend.

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc, Weekday};
use server_core::attendance::{AttendanceMinutes, Length};
use server_core::calendar::monday_of;
use store::placements::PlacementRow;

use super::account::School;
use super::record;
use crate::api::ApiError;
use crate::{AppState, lessons};

/// Where the axis lies, and how far up the plot reaches.
const FLOOR: f64 = 190.0;
const PLOT: f64 = 160.0;
/// Left and right end of the plot.
const LEFT: f64 = 40.0;
const RIGHT: f64 = 744.0;

/// What the template draws.
pub struct Weeks {
    pub summary: String,
    pub grid: Vec<GridLine>,
    pub bars: Vec<Bar>,
    pub width: String,
    pub inner_width: String,
    pub rows: Vec<Row>,
}

pub struct GridLine {
    pub y: String,
    pub text_y: String,
    pub label: u32,
}

pub struct Bar {
    pub x: String,
    pub inner_x: String,
    pub mid_x: String,
    pub expected: Option<Rect>,
    pub picture: Option<Rect>,
    pub sound: Option<Rect>,
    pub total: String,
    pub total_y: String,
    pub gap: &'static str,
    pub day: String,
    pub under: &'static str,
    pub is_today: bool,
}

pub struct Rect {
    pub y: String,
    pub height: String,
}

pub struct Row {
    pub day: String,
    pub expected: u32,
    pub picture: String,
    pub sound: String,
    pub note: String,
}

/// One day's whole minutes.
struct DayMinutes {
    day: NaiveDate,
    expected: u32,
    picture: u32,
    sound: u32,
    total: u32,
    /// After corrections by people, if there are any.
    counted: Option<u32>,
    closure: Option<String>,
    /// What looks wrong about it, in words.
    odd: Vec<String>,
}

/// The week before this one, and this one.
///
/// # Errors
/// The database does not answer.
pub async fn two_weeks(
    state: &AppState,
    placement: &PlacementRow,
    school: &School,
    now: DateTime<Utc>,
) -> Result<Weeks, ApiError> {
    let today = school.calendar.day(now);
    let first = monday_of(today).checked_sub_days(Days::new(7)).unwrap_or(today);
    let last = first.checked_add_days(Days::new(13)).unwrap_or(today);
    let days = lessons::school_days(&state.store, placement, (first, last), now).await?;
    let days = days.iter().map(|day| DayMinutes {
        odd: record::odd_words(day, placement, school.zone),
        ..day_minutes(day.day, &day.account.lessons, school.closure(day.day))
    });
    let is_shown = |day: &DayMinutes| !is_weekend(day.day) || day.expected > 0 || day.total > 0 || day.day == today;
    Ok(draw(&days.filter(is_shown).collect::<Vec<_>>(), today))
}

fn is_weekend(day: NaiveDate) -> bool {
    matches!(day.weekday(), Weekday::Sat | Weekday::Sun)
}

/// Lengths of one day's lessons, each rounded down once.
fn day_minutes(day: NaiveDate, lessons: &[AttendanceMinutes], closure: Option<&str>) -> DayMinutes {
    let whole =
        |part: fn(&AttendanceMinutes) -> Vec<Length>| Length::of_disjoint(lessons.iter().flat_map(part)).minutes().get();
    DayMinutes {
        day,
        expected: whole(|lesson| vec![lesson.expected]),
        picture: whole(|lesson| vec![lesson.video, lesson.stills]),
        sound: whole(|lesson| vec![lesson.audio]),
        total: whole(|lesson| vec![lesson.connected]),
        counted: lessons.iter().any(|lesson| lesson.corrected.is_some()).then(|| whole(|lesson| vec![lesson.counted()])),
        closure: closure.map(str::to_owned),
        odd: Vec::new(),
    }
}

fn draw(days: &[DayMinutes], today: NaiveDate) -> Weeks {
    let most = days.iter().map(|day| day.expected.max(day.picture + day.sound)).max().unwrap_or(0);
    let step = if most <= 300 { 60 } else { 120 };
    let top = most.div_ceil(step).max(1) * step;
    let y = |minutes: u32| FLOOR - PLOT * f64::from(minutes) / f64::from(top);
    let lines = (0..=top / step).map(|n| n * step);
    let grid = lines.map(|label| GridLine { y: px(y(label)), text_y: px(y(label) + 4.0), label }).collect();
    let pitch = (RIGHT - LEFT) / f64::from(u32::try_from(days.len().max(1)).unwrap_or(1));
    let width = (pitch * 0.64).min(44.0);
    let bar = |(index, day): (usize, &DayMinutes)| {
        let middle = LEFT + pitch * (f64::from(u32::try_from(index).unwrap_or(0)) + 0.5);
        let rect = |bottom: u32, height: u32| {
            (height > 0).then(|| Rect { y: px(y(bottom + height)), height: px(y(bottom) - y(bottom + height)) })
        };
        Bar {
            x: px(middle - width / 2.0),
            inner_x: px(middle - width / 2.0 + 3.0),
            mid_x: px(middle),
            expected: rect(0, day.expected),
            picture: rect(0, day.picture),
            sound: rect(day.picture, day.sound),
            total: if day.total > 0 { day.total.to_string() } else { String::new() },
            total_y: px(y(day.picture + day.sound) - 6.0),
            gap: gap(day),
            day: day.day.format("%a %-d").to_string(),
            under: if day.expected == 0 { "" } else { under(day.day, today) },
            is_today: day.day == today,
        }
    };
    Weeks {
        summary: format!("{} days.", days.len()),
        grid,
        bars: days.iter().enumerate().map(bar).collect(),
        width: px(width),
        inner_width: px(width - 6.0),
        rows: days.iter().map(|day| row(day, today)).collect(),
    }
}

fn gap(day: &DayMinutes) -> &'static str {
    match (&day.closure, day.expected, day.total) {
        (Some(_), ..) => "closed",
        (None, 0, 0) => "none",
        _ => "",
    }
}

fn under(day: NaiveDate, today: NaiveDate) -> &'static str {
    match day.cmp(&today) {
        std::cmp::Ordering::Less => "",
        std::cmp::Ordering::Equal => "so far",
        std::cmp::Ordering::Greater => "to come",
    }
}

fn row(day: &DayMinutes, today: NaiveDate) -> Row {
    let is_told = day.day <= today && (day.expected > 0 || day.total > 0);
    let number = |minutes: u32| if is_told { minutes.to_string() } else { "–".to_owned() };
    let note = match &day.closure {
        Some(reason) => reason.clone(),
        None if day.counted.is_some() => format!("{} after correction", day.counted.unwrap_or_default()),
        None if day.expected == 0 && day.total == 0 => "Nothing expected".to_owned(),
        None => under(day.day, today).to_owned(),
    };
    let note =
        std::iter::once(note).chain(day.odd.iter().cloned()).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(". ");
    Row {
        day: day.day.format("%a %-d %b").to_string(),
        expected: day.expected,
        picture: number(day.picture),
        sound: number(day.sound),
        note,
    }
}

/// A coordinate with one decimal.
fn px(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(date: &str, expected: u32, picture: u32, sound: u32) -> DayMinutes {
        DayMinutes {
            day: date.parse().unwrap(),
            expected,
            picture,
            sound,
            total: picture + sound,
            counted: None,
            closure: None,
            odd: Vec::new(),
        }
    }

    #[test]
    fn bars_stand_on_zero_and_sound_stands_on_the_picture() {
        let weeks = draw(&[day("2026-11-12", 120, 48, 24), day("2026-11-13", 0, 0, 0)], "2026-11-13".parse().unwrap());
        let bar = &weeks.bars[0];
        let rect = |rect: &Option<Rect>| rect.as_ref().map(|r| (r.y.clone(), r.height.clone())).unwrap();
        assert_eq!(rect(&bar.expected), ("30.0".to_owned(), "160.0".to_owned()));
        assert_eq!(rect(&bar.picture), ("126.0".to_owned(), "64.0".to_owned()));
        assert_eq!(rect(&bar.sound), ("94.0".to_owned(), "32.0".to_owned()));
        assert_eq!((bar.total.as_str(), weeks.bars[1].gap), ("72", "none"));
        assert_eq!(weeks.grid.iter().map(|line| line.label).collect::<Vec<_>>(), [0, 60, 120]);
        assert_eq!((weeks.rows[0].sound.as_str(), weeks.rows[1].note.as_str()), ("24", "Nothing expected"));
    }
}
