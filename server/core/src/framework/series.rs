//! One area over time, in one voice: for a line in a picture and a row in a table (`DOMAIN.md` F-4).
//!
//! A change of the scale begins a new series, for steps of two scales cannot be compared; so a series is always of one scale.

use chrono::NaiveDate;

use super::{Area, Assessment, Level, ScaleKey, Voice};

/// A look at one area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// When.
    pub on: NaiveDate,
    /// Which step.
    pub level: Level,
    /// Compared with the look before.
    pub moved: Moved,
}

/// What became of one area between two looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moved {
    /// There is nothing to compare with.
    First,
    /// The same step.
    Same,
    /// Further on.
    Forward,
    /// A step back: news, not a fault.
    Back,
}

impl Moved {
    /// As tables say it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::First => "first look",
            Self::Same => "as before",
            Self::Forward => "a step on",
            Self::Back => "a step back",
        }
    }
}

/// One area, one voice, one scale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// Which area.
    pub area: Area,
    /// In whose voice.
    pub voice: Voice,
    /// On which scale.
    pub scale: ScaleKey,
    /// The looks, by day.
    pub points: Vec<Point>,
}

impl Series {
    /// The series of an area in a voice, one for each scale in the order of their first look. Of two looks on one day in one voice,
    /// the later of the list holds.
    #[must_use]
    pub fn of(assessments: &[Assessment], area: Area, voice: Voice) -> Vec<Self> {
        let mut looks: Vec<_> = assessments.iter().filter(|look| look.voice == voice && look.level(area).is_some()).collect();
        looks.sort_by_key(|look| look.on);
        let mut all: Vec<Self> = Vec::new();
        for look in looks {
            let Some(level) = look.level(area) else { continue };
            if !all.iter().any(|series| series.scale == look.scale) {
                all.push(Self { area, voice, scale: look.scale.clone(), points: Vec::new() });
            }
            let Some(series) = all.iter_mut().find(|series| series.scale == look.scale) else { continue };
            series.points.retain(|point| point.on != look.on);
            let moved = series.points.last().map_or(Moved::First, |before| moved(&before.level, level));
            series.points.push(Point { on: look.on, level: level.clone(), moved });
        }
        all
    }
}

/// Both are of one scale: a series holds no others.
fn moved(before: &Level, now: &Level) -> Moved {
    match now.step.cmp(&before.step) {
        std::cmp::Ordering::Less => Moved::Back,
        std::cmp::Ordering::Equal => Moved::Same,
        std::cmp::Ordering::Greater => Moved::Forward,
    }
}
