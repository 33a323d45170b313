//! The room itself: walls, board, window, door, shelves. Everything here stands still except what the board says.

use super::canvas::{Colour, rgb};
use super::{AROUND, Brush, font};

pub(super) const WALL: Colour = rgb(0xd8cfbe);
const WALL_LOW: Colour = rgb(0xcbbfaa);
const CEILING: Colour = rgb(0xeee9df);
const FLOOR: Colour = rgb(0xa88d6e);
const SUN: Colour = rgb(0xc4ac80);
const FRAME: Colour = rgb(0x857c6f);
const BOARD: Colour = rgb(0xf9f9f4);
const INK: Colour = rgb(0x3d4a66);
const GREEN: Colour = rgb(0x2c6b45);
const WOOD: Colour = rgb(0x8d6a4b);
const WHITE: Colour = rgb(0xf4efe6);
const SKY: Colour = rgb(0xcfe3ef);

/// Where the wall meets the floor.
const SKIRTING: f32 = 262.0;

pub(super) fn paint(brush: &mut Brush) {
    let (left, all) = (-AROUND / 2.0, AROUND);
    brush.rect(left, -400.0, all, 290.0, CEILING);
    brush.rect(left, -114.0, all, 4.0, WHITE);
    brush.rect(left, 196.0, all, 66.0, WALL_LOW);
    brush.rect(left, SKIRTING, all, 600.0, FLOOR);
    brush.rect(left, SKIRTING - 6.0, all, 8.0, WHITE);
    let mut board = left;
    while board < left + all {
        brush.line((board, SKIRTING + 6.0), (board - 40.0, 600.0), 1.5, rgb(0x9d8264));
        board += 80.0;
    }
    ceiling_lights(brush);
    window(brush, -560.0);
    window(brush, -860.0);
    board_frame(brush);
    door(brush, 520.0);
    pictures(brush, 760.0);
    bookcase(brush, 1120.0);
    coats(brush, 1500.0);
    map(brush, -1360.0);
    sink(brush, -1760.0);
}

/// Writes the lesson and the time on the board.
pub(super) fn write_board(brush: &mut Brush, title: &str, clock: &str) {
    // 340 units are free; a long title is written smaller, and cut if it must be.
    let letters = title.chars().count().max(1);
    let dot = (340.0 / (letters * font::ADVANCE) as f32).floor().clamp(2.0, 4.0);
    let fits = (340.0 / (font::ADVANCE as f32 * dot)) as usize;
    let shown: String = title.chars().take(fits).collect();
    brush.write(-184.0, 44.0, dot, &shown, INK);
    brush.write(-184.0, 86.0, 4.0, clock, GREEN);
}

/// The desk that the robot stands on, at the lower edge of its view.
pub(super) fn paint_desk(brush: &mut Brush) {
    let width = brush.canvas.width() as f32;
    let top = brush.y(332.0);
    brush.canvas.rect(0.0, top, width, brush.canvas.height() as f32 * 2.0, WOOD);
    brush.canvas.rect(0.0, top, width, 3.0 * brush.scale, rgb(0xa37f5d));
}

fn board_frame(brush: &mut Brush) {
    brush.rounded(-212.0, 18.0, 424.0, 186.0, 7.0, FRAME);
    brush.rounded(-204.0, 26.0, 408.0, 170.0, 3.0, BOARD);
    brush.rounded(-120.0, 200.0, 240.0, 8.0, 4.0, rgb(0x6f675c));
    // A seedling and what follows from it.
    let stem = (-140.0, 184.0);
    brush.line(stem, (-140.0, 150.0), 4.0, GREEN);
    brush.line((-140.0, 162.0), (-166.0, 140.0), 4.0, GREEN);
    brush.line((-140.0, 162.0), (-112.0, 132.0), 4.0, GREEN);
    brush.ellipse(-168.0, 138.0, 12.0, 7.0, GREEN);
    brush.ellipse(-109.0, 130.0, 13.0, 8.0, GREEN);
    brush.line((-80.0, 156.0), (-34.0, 156.0), 4.0, INK);
    brush.line((-46.0, 146.0), (-34.0, 156.0), 4.0, INK);
    brush.line((-46.0, 166.0), (-34.0, 156.0), 4.0, INK);
    for (y, length) in [(138.0, 74.0), (156.0, 52.0), (174.0, 82.0)] {
        brush.line((-14.0, y), (-14.0 + length, y), 4.0, INK);
    }
}

fn window(brush: &mut Brush, x: f32) {
    brush.convex(&[(x + 30.0, SKIRTING + 10.0), (x + 170.0, SKIRTING + 10.0), (x + 330.0, 470.0), (x + 120.0, 470.0)], SUN);
    brush.rect(x, -30.0, 220.0, 236.0, WHITE);
    brush.rect(x + 10.0, -20.0, 200.0, 216.0, SKY);
    brush.ellipse(x + 60.0, 10.0, 34.0, 11.0, rgb(0xf2f7fa));
    brush.ellipse(x + 84.0, 2.0, 26.0, 12.0, rgb(0xf2f7fa));
    brush.rect(x + 10.0, 148.0, 200.0, 48.0, rgb(0xb9cfa6));
    brush.rect(x + 150.0, 96.0, 9.0, 70.0, rgb(0x7d6247));
    brush.ellipse(x + 154.0, 86.0, 38.0, 40.0, rgb(0x7ca174));
    brush.ellipse(x + 136.0, 104.0, 24.0, 22.0, rgb(0x8cb082));
    brush.rect(x + 106.0, -20.0, 8.0, 216.0, WHITE);
    brush.rect(x + 10.0, 76.0, 200.0, 8.0, WHITE);
    brush.rounded(x - 12.0, 204.0, 244.0, 10.0, 3.0, rgb(0xe9e2d5));
}

fn door(brush: &mut Brush, x: f32) {
    brush.rect(x - 10.0, -50.0, 150.0, 312.0, WHITE);
    brush.rect(x, -40.0, 130.0, 302.0, rgb(0x9c6f4d));
    brush.rounded(x + 38.0, -14.0, 54.0, 96.0, 6.0, SKY);
    brush.rounded(x + 20.0, 130.0, 90.0, 100.0, 4.0, rgb(0x8c6243));
    brush.ellipse(x + 112.0, 122.0, 7.0, 7.0, rgb(0xd8b25e));
}

fn pictures(brush: &mut Brush, x: f32) {
    brush.rounded(x, 6.0, 240.0, 170.0, 4.0, rgb(0xb38b61));
    brush.rect(x + 6.0, 12.0, 228.0, 158.0, rgb(0x5d7f84));
    let colours = [rgb(0xf4d35e), rgb(0xee964b), rgb(0xf4f1e8), rgb(0xa7c957), rgb(0xe38b9b), rgb(0x9cc5d8)];
    for (index, colour) in colours.into_iter().enumerate() {
        let (column, row) = ((index % 3) as f32, (index / 3) as f32);
        brush.rect(x + 18.0 + column * 74.0, 24.0 + row * 72.0, 58.0, 56.0, colour);
        brush.ellipse(x + 47.0 + column * 74.0, 46.0 + row * 72.0, 14.0, 12.0, rgb(0x4c465a));
        brush.line((x + 30.0 + column * 74.0, 70.0 + row * 72.0), (x + 64.0 + column * 74.0, 70.0 + row * 72.0), 3.0, INK);
    }
}

fn bookcase(brush: &mut Brush, x: f32) {
    brush.rounded(x, 20.0, 260.0, 242.0, 4.0, rgb(0x7e5d41));
    let spines = [rgb(0x8a3d4e), rgb(0x3c5f7d), rgb(0xd6a044), rgb(0x4d7457), rgb(0x6a5386), rgb(0xc46b4a), rgb(0xe2d8c3)];
    for shelf in 0..3 {
        let top = 32.0 + shelf as f32 * 76.0;
        brush.rect(x + 10.0, top, 240.0, 64.0, rgb(0x5d432e));
        for book in 0..13 {
            let height = 40.0 + ((book * 7 + shelf * 5) % 4) as f32 * 6.0;
            brush.rect(
                x + 14.0 + book as f32 * 18.0,
                top + 64.0 - height,
                15.0,
                height,
                spines[(book * 3 + shelf) % spines.len()],
            );
        }
    }
}

fn coats(brush: &mut Brush, x: f32) {
    brush.rounded(x, 40.0, 330.0, 14.0, 4.0, WOOD);
    let colours = [rgb(0x7b3f52), rgb(0x2f5b58), rgb(0x3e5f7d), rgb(0xc99a3c), rgb(0x4b4472)];
    for (index, colour) in colours.into_iter().enumerate() {
        let middle = x + 36.0 + index as f32 * 64.0;
        brush.convex(&[(middle - 12.0, 58.0), (middle + 12.0, 58.0), (middle + 26.0, 170.0), (middle - 26.0, 170.0)], colour);
        brush.ellipse(middle, 60.0, 13.0, 9.0, colour);
    }
}

fn map(brush: &mut Brush, x: f32) {
    brush.rounded(x, 0.0, 300.0, 180.0, 3.0, WHITE);
    brush.rect(x + 8.0, 8.0, 284.0, 164.0, rgb(0xbfd9e6));
    for (dx, dy, rx, ry) in [
        (70.0, 60.0, 38.0, 24.0),
        (92.0, 122.0, 22.0, 32.0),
        (160.0, 54.0, 30.0, 20.0),
        (168.0, 104.0, 28.0, 34.0),
        (226.0, 60.0, 44.0, 26.0),
        (250.0, 130.0, 24.0, 14.0),
    ] {
        brush.ellipse(x + dx, dy, rx, ry, rgb(0xa8bd86));
    }
}

fn sink(brush: &mut Brush, x: f32) {
    brush.rounded(x, 130.0, 320.0, 132.0, 4.0, rgb(0xe6dfd2));
    brush.rect(x, 126.0, 320.0, 12.0, rgb(0xc9c3b8));
    brush.line((x + 160.0, 126.0), (x + 160.0, 96.0), 7.0, rgb(0xa6a6a8));
    brush.line((x + 160.0, 96.0), (x + 190.0, 96.0), 7.0, rgb(0xa6a6a8));
    brush.line((x + 80.0, 142.0), (x + 80.0, 256.0), 3.0, rgb(0xc9c3b8));
    brush.line((x + 240.0, 142.0), (x + 240.0, 256.0), 3.0, rgb(0xc9c3b8));
    for pot in [40.0, 270.0] {
        brush.ellipse(x + pot, 92.0, 22.0, 26.0, rgb(0x6f9863));
        brush.rounded(x + pot - 14.0, 100.0, 28.0, 27.0, 5.0, rgb(0xb56a46));
    }
}

fn ceiling_lights(brush: &mut Brush) {
    for index in -3_i16..=3 {
        let x = f32::from(index) * 540.0;
        brush.rounded(x - 90.0, -190.0, 180.0, 22.0, 8.0, rgb(0xfffdf4));
    }
}
