//! Letters: which fonts there are, and a text broken into lines.
//!
//! Carlito for what it has (Latin with every European accent, Vietnamese, Greek, Cyrillic), DejaVu Sans for the rest (Hebrew, Arabic,
//! Armenian, Georgian, signs, faces). Writing from right to left is set by the Unicode rules; signs that turn the direction of text around
//! by hand are left out, because they can make a line read as something else than it is. A word that is too long is broken.

use std::borrow::Cow;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use parley::fontique::{Blob, Collection, CollectionOptions, SourceCache};
use parley::style::{FontFamily, FontFamilyName, FontWeight, LineHeight, OverflowWrap, StyleProperty};
use parley::{Alignment, AlignmentOptions, FontContext, Layout, LayoutContext};

const REGULAR: &[u8] = include_bytes!("../fonts/Carlito-Regular.ttf");
const BOLD: &[u8] = include_bytes!("../fonts/Carlito-Bold.ttf");
const FALLBACK: &[u8] = include_bytes!("../fonts/DejaVuSans.ttf");

/// In place of a character that no font has.
const NO_LETTER: char = '□';

/// From one line to the next, in font sizes.
const LEADING: f32 = 1.32;

/// A colour, as red, green and blue.
pub type Ink = [u8; 3];

pub const INK: Ink = [0x26, 0x1b, 0x31];
pub const INK_2: Ink = [0x56, 0x4c, 0x63];
pub const PRIMARY: Ink = [0x4a, 0x2c, 0x5e];
pub const WHITE: Ink = [0xff, 0xff, 0xff];

/// How a text looks.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub size: f32,
    pub is_bold: bool,
    pub ink: Ink,
    pub align: Alignment,
}

impl Style {
    pub const BODY: Self = Self { size: 10.5, is_bold: false, ink: INK, align: Alignment::Start };
    pub const SMALL: Self = Self { size: 9.0, is_bold: false, ink: INK_2, align: Alignment::Start };
    pub const CELL: Self = Self { size: 9.5, is_bold: false, ink: INK, align: Alignment::Start };

    pub fn bold(self) -> Self {
        Self { is_bold: true, ..self }
    }

    pub fn size(self, size: f32) -> Self {
        Self { size, ..self }
    }

    pub fn ink(self, ink: Ink) -> Self {
        Self { ink, ..self }
    }

    pub fn align(self, align: Alignment) -> Self {
        Self { align, ..self }
    }

    pub fn line_height(self) -> f32 {
        self.size * LEADING
    }
}

/// A text in lines of a width.
pub struct Set {
    pub text: String,
    pub style: Style,
    pub layout: Layout<()>,
}

impl Set {
    pub fn lines(&self) -> usize {
        self.layout.len()
    }

    pub fn height(&self) -> f32 {
        self.style.line_height() * f32::from(u16::try_from(self.lines()).unwrap_or(u16::MAX))
    }

    /// From the top of a line to where its letters stand.
    pub fn baseline(&self) -> f32 {
        self.layout.get(0).map_or(self.style.size, |line| line.metrics().baseline)
    }
}

/// Sets texts.
pub struct Setter {
    fonts: FontContext,
    scratch: LayoutContext<()>,
    has_gaps: Cell<bool>,
}

impl Setter {
    pub fn new() -> Self {
        let mut collection = Collection::new(CollectionOptions { shared: false, system_fonts: false });
        for font in [REGULAR, BOLD, FALLBACK] {
            collection.register_fonts(Blob::new(Arc::new(font)), None);
        }
        let fonts = FontContext { collection, source_cache: SourceCache::default() };
        Self { fonts, scratch: LayoutContext::new(), has_gaps: Cell::new(false) }
    }

    /// Whether a character had no letter.
    pub fn has_gaps(&self) -> bool {
        self.has_gaps.get()
    }

    /// A text in lines no longer than `width`. It has at least one line.
    pub fn set(&mut self, text: &str, style: Style, width: f32) -> Rc<Set> {
        let text = plain(text);
        let set = self.laid_out(text, style, width);
        let gaps = gaps(&set);
        if gaps.is_empty() {
            return Rc::new(set);
        }
        self.has_gaps.set(true);
        let mut text = String::with_capacity(set.text.len());
        for (at, letter) in set.text.char_indices() {
            let is_gap = gaps.iter().any(|gap| gap.contains(&at));
            match is_gap {
                true if text.ends_with(NO_LETTER) => {}
                true => text.push(NO_LETTER),
                false => text.push(letter),
            }
        }
        Rc::new(self.laid_out(text, style, width))
    }

    fn laid_out(&mut self, text: String, style: Style, width: f32) -> Set {
        let families = [FontFamilyName::Named(Cow::Borrowed("Carlito")), FontFamilyName::Named(Cow::Borrowed("DejaVu Sans"))];
        let mut builder = self.scratch.ranged_builder(&mut self.fonts, &text, 1.0, false);
        builder.push_default(StyleProperty::FontFamily(FontFamily::List(Cow::Borrowed(&families))));
        builder.push_default(StyleProperty::FontSize(style.size));
        builder.push_default(StyleProperty::LineHeight(LineHeight::FontSizeRelative(LEADING)));
        builder.push_default(StyleProperty::OverflowWrap(OverflowWrap::Anywhere));
        if style.is_bold {
            builder.push_default(StyleProperty::FontWeight(FontWeight::BOLD));
        }
        let mut layout = builder.build(&text);
        layout.break_all_lines(Some(width));
        layout.align(style.align, AlignmentOptions::default());
        Set { text, style, layout }
    }
}

/// Where there is no letter.
fn gaps(set: &Set) -> Vec<std::ops::Range<usize>> {
    let mut gaps = Vec::new();
    for run in set.layout.lines().flat_map(|line| line.runs()) {
        for cluster in run.clusters() {
            let range = cluster.text_range();
            if !set.text[range.clone()].starts_with('\n') && cluster.glyphs().any(|glyph| glyph.id == 0) {
                gaps.push(range);
            }
        }
    }
    gaps
}

/// The text without what has no place on paper: control signs, and signs that turn the direction of writing around.
pub fn plain(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let mut out = String::with_capacity(text.len());
    for letter in text.trim_end().chars() {
        match letter {
            '\n' | '\u{b}' | '\u{c}' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => out.push('\n'),
            '\t' => out.push(' '),
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => {}
            '\u{ad}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}' | '\u{fff0}'..='\u{ffff}' | '\u{e0000}'..='\u{e0fff}' => {}
            // Places that mean nothing to anybody else.
            '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' => out.push(NO_LETTER),
            letter if letter.is_control() => {}
            letter => out.push(letter),
        }
    }
    // A text without letters would be a cell that a table does not have.
    if out.trim().is_empty() { "–".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str, width: f32) -> (String, usize, bool) {
        let mut setter = Setter::new();
        let set = setter.set(text, Style::BODY, width);
        (set.text.clone(), set.lines(), setter.has_gaps())
    }

    #[test]
    fn names_of_many_languages_have_their_letters() {
        for name in [
            "Siân Ó Súilleabháin",
            "Łukasz Żółć",
            "Nguyễn Thị Ánh",
            "Ștefania Çelik",
            "Ольга",
            "Ελένη",
            "שרה כהן",
            "فاطمة",
            "Ana 😀",
        ] {
            let (text, lines, has_gaps) = set(name, 400.0);
            assert_eq!((text.as_str(), lines, has_gaps), (name, 1, false));
        }
    }

    #[test]
    fn what_has_no_letter_is_shown_as_a_box_and_remembered() {
        assert_eq!(set("Li 李 小龙 end", 400.0), ("Li □ □ end".to_owned(), 1, true));
        assert_eq!(set("a\u{e123}b", 400.0).0, "a□b");
    }

    #[test]
    fn signs_that_turn_writing_around_are_left_out() {
        assert_eq!(set("note\u{202e}txt.exe\u{202c}\u{200f}", 400.0).0, "notetxt.exe");
        assert_eq!(set("a\u{0}\u{1b}[31mb\tc", 400.0).0, "a[31mb c");
        assert_eq!(set(" \u{200b} ", 400.0).0, "–");
    }

    #[test]
    fn a_word_that_is_too_long_is_broken_and_lines_are_kept() {
        let (_, lines, _) = set(&"W".repeat(500), 200.0);
        assert!(lines > 10, "{lines}");
        assert_eq!(set("one\ntwo\r\nthree\n\n", 200.0).1, 3);
    }
}
