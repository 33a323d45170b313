//! Shows an address as a QR code in the terminal, so that nobody types it on a tablet.

use qrcode::{EcLevel, QrCode};

/// `address` as lines of half blocks, with the quiet zone that cameras need. Empty if it is too long for a code.
///
/// Dark and light are printed as they would be on paper, whatever the colours of the terminal.
#[must_use]
pub fn lines(address: &str) -> Vec<String> {
    let Ok(code) = QrCode::with_error_correction_level(address, EcLevel::L) else { return Vec::new() };
    let width = code.width();
    let colours = code.to_colors();
    const QUIET: usize = 2;
    let is_dark = |x: usize, y: usize| {
        (QUIET..width + QUIET).contains(&x)
            && (QUIET..width + QUIET).contains(&y)
            && colours[(y - QUIET) * width + (x - QUIET)] == qrcode::Color::Dark
    };
    let side = width + 2 * QUIET;
    (0..side)
        .step_by(2)
        .map(|y| {
            let blocks: String = (0..side)
                .map(|x| match (is_dark(x, y), is_dark(x, y + 1)) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                })
                .collect();
            format!("\x1b[30;107m{blocks}\x1b[0m")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_blocks_are_the_modules_of_the_code() {
        let address = "https://192.168.1.20:8461/";
        let lines = lines(address);
        let code = QrCode::with_error_correction_level(address, EcLevel::L).unwrap();
        let mut dark = 0;
        for line in &lines {
            dark += line
                .chars()
                .map(|c| match c {
                    '█' => 2,
                    '▀' | '▄' => 1,
                    _ => 0,
                })
                .sum::<usize>();
        }
        assert_eq!(dark, code.to_colors().iter().filter(|c| **c == qrcode::Color::Dark).count());
        assert_eq!(lines.len(), (code.width() + 4).div_ceil(2));
    }
}
