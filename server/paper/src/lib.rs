//! Documents on paper: values in, an accessible PDF out.
//!
//! A [`Document`] is what somebody reads: a title, sentences, tables, pictures. [`print()`] sets it on A4 and writes PDF/UA-1: title,
//! language, headings, header cells of tables and words for pictures are in the file, and the library refuses to write one that
//! lacks them. There is no markup: a text is a value and nothing in it is ever read as an instruction. No file, network, clock or font of
//! the machine is touched; the fonts are in the program (`fonts/`).
//!
//! 1. The reading order is the order of the blocks. What is said twice (a running head) is said once to a reader of tags.
//! 2. Everything has a bound: characters, pages, and the time that the caller gives ([`PaperError`]).
//! 3. A character for which there is no letter becomes □, and the document says so at its end: nothing is left out in silence.
//! 4. Nothing is told by colour alone: it reads well in black and white.
//!
//! ```text
//! lib.rs (what a document is) → text.rs (letters, lines) → flow.rs, table.rs, picture.rs (places on pages) → pdf.rs (the file)
//! ```

mod flow;
mod pdf;
mod picture;
mod table;
mod text;

use chrono::{DateTime, Utc};

use self::flow::SetDocument;
pub use self::picture::{Anchor, Fill, Picture, Shape};
pub use self::table::{Column, Table};

/// A document has no more characters.
pub const MOST_CHARS: usize = 400_000;
/// A document has no more pages.
pub const MOST_PAGES: usize = 150;
/// How much smaller a document is set to come onto one page, in this order. A body of 10.5 points is 8.4 at the last: newspapers' size.
const SMALLER: [f32; 3] = [1.0, 0.9, 0.8];

/// What is printed.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// Its heading, and its title in the file.
    pub title: String,
    /// One line under the title.
    pub about: String,
    /// What kind of record this is, in a box at the head of the first page and at the head of every other.
    pub ledger: String,
    /// A sentence beside it.
    pub ledger_says: String,
    /// At the foot of every page.
    pub foot: String,
    /// It is wanted on one page, and set smaller for that as far as it can be read. If that is not enough, it takes the pages that it
    /// needs, and this sentence at its head says so.
    pub one_page_or: Option<String>,
    /// When it was made.
    pub made_at: DateTime<Utc>,
    /// In reading order.
    pub blocks: Vec<Block>,
}

/// A part of a document.
#[derive(Clone, Debug)]
pub enum Block {
    /// A heading below the title.
    Heading(String),
    /// A heading below that.
    Subheading(String),
    /// A paragraph. Line breaks in it are kept.
    Text(String),
    /// A paragraph of smaller weight: sources, remarks.
    Small(String),
    /// Somebody's own words, and whose they are.
    Quote {
        /// The words.
        words: String,
        /// Whose, and when.
        by: String,
    },
    /// A question that people are to answer.
    Question(String),
    /// Points.
    List(Vec<String>),
    /// Names with what they stand for: a table without a head.
    Facts(Vec<(String, String)>),
    /// A table.
    Table(Table),
    /// A picture. It is never cut.
    Picture(Picture),
    /// What belongs to another ledger, in a dashed box that keeps it apart.
    Apart(Vec<Block>),
}

impl Block {
    /// A heading.
    #[must_use]
    pub fn heading(text: impl Into<String>) -> Self {
        Self::Heading(text.into())
    }

    /// A paragraph.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A small paragraph.
    #[must_use]
    pub fn small(text: impl Into<String>) -> Self {
        Self::Small(text.into())
    }
}

/// A document, printed.
#[derive(Clone, Debug)]
pub struct Printed {
    /// The file.
    pub pdf: Vec<u8>,
    /// How many pages it has.
    pub pages: usize,
}

/// Why there is no document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PaperError {
    /// More characters or pages than [`MOST_CHARS`] and [`MOST_PAGES`].
    #[error("the document is too long")]
    TooLong,
    /// The caller's time is over.
    #[error("the document took too long to make")]
    TooSlow,
    /// The library would not write it: it would not be accessible.
    #[error("the document could not be written")]
    Unwritable,
}

/// Sets and writes a document. `is_over`: whether to give up; it is asked before every block and row.
///
/// # Errors
/// It is too long, the time is over, or it could not be written.
pub fn print(document: &Document, is_over: &dyn Fn() -> bool) -> Result<Printed, PaperError> {
    let chars: usize = chars(&document.blocks) + document.title.len() + document.about.len() + document.foot.len();
    if chars > MOST_CHARS {
        return Err(PaperError::TooLong);
    }
    let set = match &document.one_page_or {
        None => flow::set(document, 1.0, is_over)?,
        Some(otherwise) => on_one_page(document, otherwise, is_over)?,
    };
    if is_over() {
        return Err(PaperError::TooSlow);
    }
    let pages = set.pages.len();
    Ok(Printed { pdf: pdf::write(document, set)?, pages })
}

fn on_one_page(document: &Document, otherwise: &str, is_over: &dyn Fn() -> bool) -> Result<SetDocument, PaperError> {
    for scale in SMALLER {
        let set = flow::set(document, scale, is_over)?;
        if set.pages.len() == 1 {
            return Ok(set);
        }
    }
    let mut longer = document.clone();
    longer.blocks.insert(0, Block::small(otherwise));
    flow::set(&longer, 1.0, is_over)
}

/// How much text there is, in bytes: never less than characters.
fn chars(blocks: &[Block]) -> usize {
    let of = |block: &Block| match block {
        Block::Heading(text) | Block::Subheading(text) | Block::Text(text) | Block::Small(text) | Block::Question(text) => {
            text.len()
        }
        Block::Quote { words, by } => words.len() + by.len(),
        Block::List(items) => items.iter().map(String::len).sum(),
        Block::Facts(facts) => facts.iter().map(|(name, value)| name.len() + value.len()).sum(),
        Block::Table(table) => table.caption.len() + table.rows.iter().flatten().map(String::len).sum::<usize>(),
        Block::Picture(picture) => picture.words.len() + picture.caption.len(),
        Block::Apart(blocks) => chars(blocks),
    };
    blocks.iter().map(of).sum()
}
