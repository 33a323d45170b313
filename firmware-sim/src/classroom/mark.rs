//! A strip of black and white blocks at a fixed place in the picture that a program reads back from pixels: which frame this is,
//! when it was drawn, and where the head pointed. For latency tests; it says nothing about anyone.
//!
//! 64 bits in two rows of 32 blocks, each 8 by 8 pixels, the first at x = 8, y = height - 24. In order, high bit first:
//! `1011`, frame number (20), milliseconds of civil time (17), pan in degrees + 180 (9), tilt in degrees + 32 (6), and a CRC-8
//! (polynomial 0x07, start 0) of the 52 bits between, preceded by four zero bits.

use super::canvas::{Canvas, rgb};

/// Side of a block, in pixels.
pub const BLOCK: usize = 8;
/// Blocks in a row; there are two rows.
pub const COLUMNS: usize = 32;
/// Pixels between the left edge of the picture and the first block.
pub const LEFT: usize = 8;
/// Pixels between the top edge of the first row and the bottom edge of the picture.
pub const RISE: usize = 24;
const SYNC: u64 = 0b1011;

/// What the strip says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Number of the frame, modulo 2^20.
    pub frame: u32,
    /// Milliseconds of civil time since 1970, modulo 2^17 (about 131 s).
    pub civil_ms: u32,
    /// Where the head points, in whole degrees; right is positive.
    pub pan_deg: i32,
    /// Where the head points, in whole degrees; up is positive.
    pub tilt_deg: i32,
}

impl Mark {
    /// Draws the strip on a white label.
    pub fn draw(self, canvas: &mut Canvas) {
        let top = canvas.height().saturating_sub(RISE);
        let label = (LEFT + COLUMNS * BLOCK + 8) as f32;
        canvas.rect(0.0, (top - 8) as f32, label, (RISE + 8) as f32, rgb(0xffffff));
        let bits = self.bits();
        for index in 0..2 * COLUMNS {
            if bits >> (63 - index) & 1 == 0 {
                let (row, column) = (index / COLUMNS, index % COLUMNS);
                let (x, y) = (LEFT + column * BLOCK, top + row * BLOCK);
                canvas.rect(x as f32, y as f32, BLOCK as f32, BLOCK as f32, rgb(0x000000));
            }
        }
    }

    /// Reads the strip from the luma plane of a picture; `None` if it is not there or damaged.
    #[must_use]
    pub fn read(luma: &[u8], stride: usize, height: usize) -> Option<Self> {
        let top = height.checked_sub(RISE)?;
        let mut bits = 0_u64;
        for index in 0..2 * COLUMNS {
            let (row, column) = (index / COLUMNS, index % COLUMNS);
            let (x, y) = (LEFT + column * BLOCK + 2, top + row * BLOCK + 2);
            let mut sum = 0_u32;
            for line in y..y + BLOCK - 4 {
                sum += luma.get(line * stride + x..line * stride + x + BLOCK - 4)?.iter().map(|v| u32::from(*v)).sum::<u32>();
            }
            bits = bits << 1 | u64::from(sum / 16 >= 128);
        }
        let data = bits >> 8 & ((1 << 52) - 1);
        if bits >> 60 != SYNC || bits & 0xff != u64::from(crc8(&data.to_be_bytes()[1..])) {
            return None;
        }
        let field = |shift: u32, width: u32| (data >> shift & ((1 << width) - 1)) as u32;
        Some(Self {
            frame: field(32, 20),
            civil_ms: field(15, 17),
            pan_deg: field(6, 9).cast_signed() - 180,
            tilt_deg: field(0, 6).cast_signed() - 32,
        })
    }

    fn bits(self) -> u64 {
        let pan = u64::from((self.pan_deg + 180).clamp(0, 511).cast_unsigned());
        let tilt = u64::from((self.tilt_deg + 32).clamp(0, 63).cast_unsigned());
        let data = u64::from(self.frame & 0xf_ffff) << 32 | u64::from(self.civil_ms & 0x1_ffff) << 15 | pan << 6 | tilt;
        SYNC << 60 | data << 8 | u64::from(crc8(&data.to_be_bytes()[1..]))
    }
}

fn crc8(bytes: &[u8]) -> u8 {
    bytes
        .iter()
        .fold(0, |crc, byte| (0..8).fold(crc ^ byte, |crc: u8, _| if crc & 0x80 == 0 { crc << 1 } else { crc << 1 ^ 0x07 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawn_mark_is_read_back_and_a_damaged_one_is_not() {
        let mark = Mark { frame: 0xa_bcde, civil_ms: 0x1_2345, pan_deg: -170, tilt_deg: 20 };
        let mut canvas = Canvas::new(640, 360, rgb(0x808080));
        mark.draw(&mut canvas);
        let mut picture = Vec::new();
        canvas.write_i420(&mut picture);
        assert_eq!(Mark::read(&picture, 640, 360), Some(mark));
        for y in 336..344 {
            for x in 8 + 8 * 9..8 + 8 * 10 {
                picture[y * 640 + x] = 255 - picture[y * 640 + x];
            }
        }
        assert_eq!(Mark::read(&picture, 640, 360), None);
        assert_eq!(Mark::read(&vec![16; 640 * 360], 640, 360), None);
    }

    #[test]
    fn the_checksum_is_the_published_one() {
        assert_eq!(crc8(b"123456789"), 0xf4, "CRC-8/SMBUS");
    }
}
