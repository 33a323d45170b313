//! A small rasteriser: flat shapes with soft edges on an RGB picture, and its conversion for the encoder.
//!
//! Shapes may lie partly or wholly outside; only what is inside is painted.

/// Red, green, blue.
pub type Colour = [u8; 3];

/// `0xd8cfbe` as a colour.
#[must_use]
pub const fn rgb(hex: u32) -> Colour {
    [(hex >> 16) as u8, (hex >> 8) as u8, hex as u8]
}

/// A point in pixels.
pub type Point = (f32, f32);

/// An RGB picture that can be painted on.
#[derive(Clone, Debug)]
pub struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<Colour>,
}

impl Canvas {
    /// A picture of one colour.
    #[must_use]
    pub fn new(width: usize, height: usize, colour: Colour) -> Self {
        Self { width, height, pixels: vec![colour; width * height] }
    }

    /// Pixels across.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Pixels down.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// Copies the window of `from` whose left edge is `left` (wrapping around) and whose top edge is `top` (held at the edges).
    pub fn copy_window(&mut self, from: &Canvas, left: isize, top: isize) {
        let lowest = isize::try_from(from.height).unwrap_or(isize::MAX) - 1;
        let around = isize::try_from(from.width).unwrap_or(isize::MAX);
        let start = usize::try_from(left.rem_euclid(around)).unwrap_or(0);
        for y in 0..self.height {
            let wanted = top + isize::try_from(y).unwrap_or(0);
            let row = usize::try_from(wanted.clamp(0, lowest)).unwrap_or(0) * from.width;
            let first = self.width.min(from.width - start);
            let target = y * self.width;
            self.pixels[target..target + first].copy_from_slice(&from.pixels[row + start..row + start + first]);
            let rest = (self.width - first).min(from.width);
            self.pixels[target + first..target + first + rest].copy_from_slice(&from.pixels[row..row + rest]);
        }
    }

    /// A rectangle with sharp edges, on whole pixels.
    pub fn rect(&mut self, left: f32, top: f32, width: f32, height: f32, colour: Colour) {
        let (x0, x1) = span(left.round(), (left + width).round(), self.width);
        let (y0, y1) = span(top.round(), (top + height).round(), self.height);
        for y in y0..y1 {
            self.pixels[y * self.width + x0..y * self.width + x1.max(x0)].fill(colour);
        }
    }

    /// A rectangle with round corners.
    pub fn rounded(&mut self, left: f32, top: f32, width: f32, height: f32, radius: f32, colour: Colour) {
        let (half_w, half_h) = (width / 2.0, height / 2.0);
        let (cx, cy) = (left + half_w, top + half_h);
        self.shape(left, top, left + width, top + height, colour, |x, y| {
            let dx = ((x - cx).abs() - half_w + radius).max(0.0);
            let dy = ((y - cy).abs() - half_h + radius).max(0.0);
            dx.hypot(dy) - radius
        });
    }

    /// An ellipse.
    pub fn ellipse(&mut self, cx: f32, cy: f32, rx: f32, ry: f32, colour: Colour) {
        self.ellipse_above(cx, cy, rx, ry, f32::INFINITY, colour);
    }

    /// The part of an ellipse above the line `below`.
    pub fn ellipse_above(&mut self, cx: f32, cy: f32, rx: f32, ry: f32, below: f32, colour: Colour) {
        let least = rx.min(ry);
        self.shape(cx - rx, cy - ry, cx + rx, (cy + ry).min(below), colour, |x, y| {
            // Not the exact distance, but right on the edge, where it matters.
            ((((x - cx) / rx).hypot((y - cy) / ry) - 1.0) * least).max(y - below)
        });
    }

    /// A straight stroke with round ends.
    pub fn line(&mut self, from: Point, to: Point, thickness: f32, colour: Colour) {
        let r = thickness / 2.0;
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length_squared = (dx * dx + dy * dy).max(1e-6);
        let (left, right) = (from.0.min(to.0) - r, from.0.max(to.0) + r);
        let (top, bottom) = (from.1.min(to.1) - r, from.1.max(to.1) + r);
        self.shape(left, top, right, bottom, colour, |x, y| {
            let along = (((x - from.0) * dx + (y - from.1) * dy) / length_squared).clamp(0.0, 1.0);
            (x - from.0 - along * dx).hypot(y - from.1 - along * dy) - r
        });
    }

    /// A convex polygon, its corners clockwise on the screen.
    pub fn convex(&mut self, corners: &[Point], colour: Colour) {
        let fold = |pick: fn(&Point) -> f32, best: fn(f32, f32) -> f32| corners.iter().map(pick).reduce(best).unwrap_or(0.0);
        let (left, right) = (fold(|p| p.0, f32::min), fold(|p| p.0, f32::max));
        let (top, bottom) = (fold(|p| p.1, f32::min), fold(|p| p.1, f32::max));
        self.shape(left, top, right, bottom, colour, |x, y| {
            let edges = corners.iter().zip(corners.iter().cycle().skip(1));
            edges.fold(f32::MIN, |furthest, (a, b)| {
                let (dx, dy) = (b.0 - a.0, b.1 - a.1);
                let outside = ((x - a.0) * -dy + (y - a.1) * dx) / -dx.hypot(dy).max(1e-6);
                furthest.max(outside)
            })
        });
    }

    /// Paints every pixel of a box by its signed distance to the shape's edge: inside is negative.
    fn shape(&mut self, left: f32, top: f32, right: f32, bottom: f32, colour: Colour, distance: impl Fn(f32, f32) -> f32) {
        let (x0, x1) = span(left.floor(), right.ceil(), self.width);
        let (y0, y1) = span(top.floor(), bottom.ceil(), self.height);
        for y in y0..y1 {
            for x in x0..x1 {
                let cover = 0.5 - distance(x as f32 + 0.5, y as f32 + 0.5);
                let pixel = &mut self.pixels[y * self.width + x];
                if cover >= 1.0 {
                    *pixel = colour;
                } else if cover > 0.0 {
                    for (under, over) in pixel.iter_mut().zip(colour) {
                        *under = (f32::from(*under) + (f32::from(over) - f32::from(*under)) * cover) as u8;
                    }
                }
            }
        }
    }

    /// Writes the picture as I420 (BT.601, limited range): all of Y, then U, then V at half the size each way.
    pub fn write_i420(&self, out: &mut Vec<u8>) {
        let (w, h) = (self.width, self.height);
        out.resize(w * h * 3 / 2, 0);
        let (luma, chroma) = out.split_at_mut(w * h);
        let (u_plane, v_plane) = chroma.split_at_mut(w * h / 4);
        for (y, [r, g, b]) in luma.iter_mut().zip(&self.pixels) {
            let sum = 66 * u32::from(*r) + 129 * u32::from(*g) + 25 * u32::from(*b);
            *y = ((sum + 128) >> 8) as u8 + 16;
        }
        for row in 0..h / 2 {
            for column in 0..w / 2 {
                let at = row * 2 * w + column * 2;
                let mut sum = [0_i32; 3];
                for pixel in [at, at + 1, at + w, at + w + 1] {
                    for (total, part) in sum.iter_mut().zip(self.pixels[pixel]) {
                        *total += i32::from(part);
                    }
                }
                let [r, g, b] = sum;
                let index = row * (w / 2) + column;
                u_plane[index] = (((-38 * r - 74 * g + 112 * b + 512) >> 10) + 128).clamp(0, 255) as u8;
                v_plane[index] = (((112 * r - 94 * g - 18 * b + 512) >> 10) + 128).clamp(0, 255) as u8;
            }
        }
    }
}

/// The pixels from `low` up to `high` that exist.
fn span(low: f32, high: f32, size: usize) -> (usize, usize) {
    // A float that is out of range becomes the nearest number; NaN becomes 0.
    ((low.max(0.0) as usize).min(size), (high.max(0.0) as usize).min(size))
}
