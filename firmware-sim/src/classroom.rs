//! A drawn classroom: what the camera of a robot without a camera sees.
//!
//! The room is a panorama around the robot, painted once; a picture is the window of it that the head points at, with what moves
//! painted on top: the teacher, the clock, the pupils in front. Turning the head turns the view. It shows nobody real.

pub mod canvas;
mod font;
pub mod mark;
mod people;
mod room;

use canvas::Canvas;
use mark::Mark;

/// How wide the camera sees, in degrees.
const FIELD_DEG: f32 = 60.0;
/// The size for which the room is designed; other sizes are scaled.
const DESIGN_WIDTH: f32 = 640.0;
/// All around, in the room's own units.
const AROUND: f32 = DESIGN_WIDTH / FIELD_DEG * 360.0;
/// The panorama reaches this far above and below the level view, so that the head can tilt.
const ABOVE: f32 = 220.0;
const LEVEL: f32 = 360.0;

/// What the picture shows besides the room.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// Number of the frame.
    pub frame: u32,
    /// Milliseconds of civil time since 1970.
    pub civil_ms: i64,
    /// Seconds since the stream began: what moves, moves with it.
    pub age_s: f32,
    /// Where the head points.
    pub pan_deg: f32,
    /// Where the head points.
    pub tilt_deg: f32,
    /// What the board says.
    pub title: String,
    /// The clock on the board, `HH:MM:SS`.
    pub clock: String,
}

/// Draws the room as seen by one camera.
pub struct Classroom {
    panorama: Canvas,
    view: Canvas,
    scale: f32,
}

impl Classroom {
    /// Paints the room for pictures of this size.
    #[must_use]
    pub fn new(width: usize, height: usize) -> Self {
        let scale = width as f32 / DESIGN_WIDTH;
        let mut panorama = Canvas::new((AROUND * scale) as usize, ((LEVEL + 2.0 * ABOVE) * scale) as usize, room::WALL);
        room::paint(&mut Brush { canvas: &mut panorama, scale, left: -AROUND / 2.0, top: -ABOVE });
        Self { panorama, view: Canvas::new(width, height, room::WALL), scale }
    }

    /// The picture of `scene`, as I420.
    pub fn draw(&mut self, scene: &Scene, out: &mut Vec<u8>) {
        let per_degree = DESIGN_WIDTH / FIELD_DEG;
        let left = scene.pan_deg * per_degree - DESIGN_WIDTH / 2.0;
        let top = -scene.tilt_deg * per_degree;
        // Whole pixels of the panorama, so that still things stay still in the picture.
        let left_px = ((left + AROUND / 2.0) * self.scale).round();
        let top_px = ((top + ABOVE) * self.scale).round();
        self.view.copy_window(&self.panorama, left_px as isize, top_px as isize);
        let (left, top) = (left_px / self.scale - AROUND / 2.0, top_px / self.scale - ABOVE);
        let mut brush = Brush { canvas: &mut self.view, scale: self.scale, left, top };
        people::teacher(&mut brush, scene.age_s);
        room::write_board(&mut brush, &scene.title, &scene.clock);
        people::pupils(&mut brush, scene.age_s);
        room::paint_desk(&mut brush);
        let mark = Mark {
            frame: scene.frame & 0xf_ffff,
            civil_ms: (scene.civil_ms & 0x1_ffff) as u32,
            pan_deg: scene.pan_deg.round() as i32,
            tilt_deg: scene.tilt_deg.round() as i32,
        };
        mark.draw(&mut self.view);
        self.view.write_i420(out);
    }
}

/// Paints in the room's own units: x to the right of straight ahead, y down from the top of the level view.
struct Brush<'a> {
    canvas: &'a mut Canvas,
    scale: f32,
    left: f32,
    top: f32,
}

impl Brush<'_> {
    /// Where `x` is on the canvas; what is behind the seam of the panorama comes round the other side.
    fn x(&self, x: f32) -> f32 {
        let width = self.canvas.width() as f32 / self.scale;
        let from_middle = x - self.left - width / 2.0;
        ((from_middle + AROUND / 2.0).rem_euclid(AROUND) - AROUND / 2.0 + width / 2.0) * self.scale
    }

    fn y(&self, y: f32) -> f32 {
        (y - self.top) * self.scale
    }

    fn rect(&mut self, x: f32, y: f32, width: f32, height: f32, colour: canvas::Colour) {
        let (left, top) = (self.x(x + width / 2.0) - width / 2.0 * self.scale, self.y(y));
        self.canvas.rect(left, top, width * self.scale, height * self.scale, colour);
    }

    fn rounded(&mut self, x: f32, y: f32, width: f32, height: f32, radius: f32, colour: canvas::Colour) {
        let (left, top) = (self.x(x + width / 2.0) - width / 2.0 * self.scale, self.y(y));
        self.canvas.rounded(left, top, width * self.scale, height * self.scale, radius * self.scale, colour);
    }

    fn ellipse(&mut self, x: f32, y: f32, rx: f32, ry: f32, colour: canvas::Colour) {
        let (cx, cy) = (self.x(x), self.y(y));
        self.canvas.ellipse(cx, cy, rx * self.scale, ry * self.scale, colour);
    }

    fn ellipse_above(&mut self, x: f32, y: f32, rx: f32, ry: f32, below: f32, colour: canvas::Colour) {
        let (cx, cy, below) = (self.x(x), self.y(y), self.y(below));
        self.canvas.ellipse_above(cx, cy, rx * self.scale, ry * self.scale, below, colour);
    }

    fn line(&mut self, from: canvas::Point, to: canvas::Point, thickness: f32, colour: canvas::Colour) {
        // Both ends move by the same amount, so that a stroke never wraps around.
        let shift = self.x((from.0 + to.0) / 2.0) - (from.0 + to.0) / 2.0 * self.scale;
        let place = |p: canvas::Point| (p.0 * self.scale + shift, self.y(p.1));
        let (a, b) = (place(from), place(to));
        self.canvas.line(a, b, thickness * self.scale, colour);
    }

    fn convex(&mut self, corners: &[canvas::Point], colour: canvas::Colour) {
        let middle = corners.iter().map(|p| p.0).sum::<f32>() / corners.len().max(1) as f32;
        let shift = self.x(middle) - middle * self.scale;
        let placed: Vec<_> = corners.iter().map(|p| (p.0 * self.scale + shift, self.y(p.1))).collect();
        self.canvas.convex(&placed, colour);
    }

    fn write(&mut self, x: f32, y: f32, dot: f32, text: &str, colour: canvas::Colour) {
        let half = text.chars().count() as f32 * font::ADVANCE as f32 * dot / 2.0;
        let (left, top) = (self.x(x + half) - half * self.scale, self.y(y));
        font::write(self.canvas, left, top, dot * self.scale, text, colour);
    }
}

#[cfg(test)]
mod tests;
