//! Pictures: shapes and labels in points from the upper left corner, with words that say the same.
//!
//! A filling is told by its pattern and not by its colour alone.

use crate::text::Ink;

/// A picture.
#[derive(Clone, Debug)]
pub struct Picture {
    /// What it shows, in words, for those who do not see it.
    pub words: String,
    /// Under it.
    pub caption: String,
    /// How wide.
    pub width: f32,
    /// How high.
    pub height: f32,
    /// From back to front.
    pub shapes: Vec<Shape>,
}

/// A part of a picture.
#[derive(Clone, Debug)]
pub enum Shape {
    /// A rectangle.
    Rect {
        /// Left.
        x: f32,
        /// Top.
        y: f32,
        /// Width.
        width: f32,
        /// Height.
        height: f32,
        /// How it is filled.
        fill: Fill,
    },
    /// A line.
    Line {
        /// From.
        from: (f32, f32),
        /// To.
        to: (f32, f32),
        /// Its colour.
        ink: Ink,
        /// How thick.
        width: f32,
    },
    /// Words.
    Label {
        /// Where they begin, end or have their middle.
        x: f32,
        /// Their top.
        y: f32,
        /// The words.
        text: String,
        /// Which of these.
        anchor: Anchor,
        /// How large.
        size: f32,
        /// Their colour.
        ink: Ink,
        /// Whether they stand out.
        is_bold: bool,
    },
}

/// How a rectangle is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// All of it.
    Solid(Ink),
    /// Lines from the lower left to the upper right, and an outline.
    Hatched(Ink),
    /// Dots, and an outline.
    Dotted(Ink),
    /// A dashed outline.
    Dashed(Ink),
    /// An outline.
    Outline(Ink),
}

/// Which point of a label is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// Where it begins.
    Start,
    /// Its middle.
    Middle,
    /// Where it ends.
    End,
}

/// Between two lines of a hatching.
const HATCH: f32 = 3.6;
/// Between two dots.
const DOTS: f32 = 3.2;

type Segment = ((f32, f32), (f32, f32));

/// The lines of a hatching inside a rectangle.
pub fn hatching(x: f32, y: f32, width: f32, height: f32) -> Vec<Segment> {
    let mut all = Vec::new();
    let mut along = HATCH / 2.0;
    // A line meets the left or lower edge first, and the upper or right edge last. `along` is the sum of the distances.
    while along < width + height {
        let from = if along <= height { (x, y + along) } else { (x + along - height, y + height) };
        let to = if along <= width { (x + along, y) } else { (x + width, y + along - width) };
        all.push((from, to));
        along += HATCH;
    }
    all
}

/// The upper left corners of the dots inside a rectangle, and how large they are.
pub fn dots(x: f32, y: f32, width: f32, height: f32) -> (Vec<(f32, f32)>, f32) {
    const SIZE: f32 = 1.1;
    let mut all = Vec::new();
    let mut down = DOTS / 2.0;
    while down + SIZE < height {
        let mut across = DOTS / 2.0;
        while across + SIZE < width {
            all.push((x + across, y + down));
            across += DOTS;
        }
        down += DOTS;
    }
    (all, SIZE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stay_inside_their_rectangle() {
        let is_inside = |(x, y): (f32, f32)| (9.9..=40.1).contains(&x) && (19.9..=70.1).contains(&y);
        let lines = hatching(10.0, 20.0, 30.0, 50.0);
        assert!(lines.len() > 15 && lines.iter().all(|(from, to)| is_inside(*from) && is_inside(*to)));
        let (dots, _) = dots(10.0, 20.0, 30.0, 50.0);
        assert!(dots.len() > 50 && dots.into_iter().all(is_inside));
    }
}
