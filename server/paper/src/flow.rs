//! Blocks onto pages, top down: what stands where, and which part of the tree of tags it belongs to.
//!
//! It draws nothing. A heading is never the last thing on a page, a picture is never cut, a table's head is shown again on each page.

use std::rc::Rc;

use parley::Alignment;

use crate::picture::{Anchor, Fill, Picture, Shape};
use crate::table;
use crate::text::{INK, INK_2, Ink, PRIMARY, Set, Setter, Style, WHITE};
use crate::{Block, Document, MOST_PAGES, PaperError};

/// A4, in points.
pub const PAGE: (f32, f32) = (595.28, 841.89);
const LEFT: f32 = 56.0;
/// Where text begins under a running head.
const TOP: f32 = 78.0;
/// Under where text ends, and under where the foot stands.
const UNDER_TEXT: f32 = 70.0;
const UNDER_FOOT: f32 = 52.0;
/// Room that must be left after a heading.
const AFTER_HEADING: f32 = 64.0;
/// Inside a box.
const PAD: f32 = 12.0;

pub const GO: Ink = [0xf4, 0xb7, 0x40];
pub const WASH: Ink = [0xff, 0xf3, 0xd6];
pub const LINE: Ink = [0xb9, 0xc1, 0xcc];
const EDGE: Ink = [0x79, 0x71, 0x88];

/// Everything in its place.
pub struct SetDocument {
    /// How much smaller than usual it is drawn; it was set on a page that is larger by as much.
    pub scale: f32,
    pub pages: Vec<Vec<Op>>,
    pub nodes: Vec<Node>,
    pub outline: Vec<Entry>,
}

/// Something drawn.
pub struct Op {
    pub mark: Mark,
    pub draw: Draw,
}

/// To what it belongs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// A node of the tree of tags.
    Node(usize),
    /// The running head: said once already.
    Head,
    /// The foot of a page.
    Foot,
    /// A line or surface that says nothing.
    Ornament,
}

pub enum Draw {
    /// One line of a text; `y` is where its letters stand.
    Line {
        set: Rc<Set>,
        line: usize,
        x: f32,
        y: f32,
    },
    Rect {
        x: f32,
        y: f32,
        width: f32,
        height: f32,
        fill: Fill,
    },
    Stroke {
        from: (f32, f32),
        to: (f32, f32),
        ink: Ink,
        width: f32,
    },
    Mark {
        x: f32,
        y: f32,
        size: f32,
    },
}

/// A part of the tree of tags. The first one is its root.
pub struct Node {
    pub tag: Tag,
    pub children: Vec<usize>,
}

#[derive(Clone)]
pub enum Tag {
    Root,
    Heading(u16, String),
    Paragraph,
    Quote,
    List,
    Item,
    Bullet,
    ItemBody,
    Table(String),
    Caption,
    Head,
    Body,
    Row,
    ColumnHead,
    RowHead,
    Cell,
    Figure { words: String, page: usize, at: (f32, f32, f32, f32) },
    Section,
}

/// An entry of the table of contents.
pub struct Entry {
    pub text: String,
    pub level: u16,
    pub page: usize,
    pub y: f32,
}

/// Where the next thing goes.
pub struct Flow<'a> {
    pub setter: Setter,
    pub out: SetDocument,
    pub x: f32,
    pub width: f32,
    pub y: f32,
    /// Where text ends to the right, where it ends below, and where the foot stands.
    right: f32,
    bottom: f32,
    foot: f32,
    /// Where a box has just begun: no room is left before its first thing.
    edge: f32,
    /// Room that a heading wants after it.
    after_heading: f32,
    is_over: &'a dyn Fn() -> bool,
}

/// Sets a document; `scale` makes everything smaller, margins too.
///
/// # Errors
/// It has too many pages, or the time is over.
pub fn set(document: &Document, scale: f32, is_over: &dyn Fn() -> bool) -> Result<SetDocument, PaperError> {
    let (wide, high) = (PAGE.0 / scale, PAGE.1 / scale);
    let right = wide - LEFT;
    let out = SetDocument {
        scale,
        pages: vec![Vec::new()],
        nodes: vec![Node { tag: Tag::Root, children: Vec::new() }],
        outline: Vec::new(),
    };
    let mut flow = Flow {
        setter: Setter::new(),
        out,
        x: LEFT,
        width: right - LEFT,
        y: 44.0,
        right,
        bottom: high - UNDER_TEXT,
        foot: high - UNDER_FOOT,
        edge: 0.0,
        after_heading: AFTER_HEADING,
        is_over,
    };
    flow.masthead(document)?;
    flow.blocks(&document.blocks, 0)?;
    if flow.setter.has_gaps() {
        flow.space(10.0);
        let says = "□ stands for a character for which this document has no letter. The pages of Windowseat show it.";
        flow.paragraph(says, Style::SMALL, 0)?;
    }
    flow.furniture(document);
    Ok(flow.out)
}

impl Flow<'_> {
    /// A new part of the tree under another one.
    pub fn node(&mut self, tag: Tag, parent: usize) -> usize {
        let id = self.out.nodes.len();
        self.out.nodes.push(Node { tag, children: Vec::new() });
        self.out.nodes[parent].children.push(id);
        id
    }

    pub fn put(&mut self, mark: Mark, draw: Draw) {
        if let Some(page) = self.out.pages.last_mut() {
            page.push(Op { mark, draw });
        }
    }

    /// Whether so much room is left on this page.
    pub fn has(&self, height: f32) -> bool {
        self.y + height <= self.bottom
    }

    /// How much a fresh page holds.
    pub fn fresh(&self) -> f32 {
        self.bottom - TOP
    }

    pub fn new_page(&mut self) -> Result<(), PaperError> {
        if self.out.pages.len() >= MOST_PAGES {
            return Err(PaperError::TooLong);
        }
        self.out.pages.push(Vec::new());
        self.y = TOP;
        self.edge = 0.0;
        Ok(())
    }

    /// A page on which so much room is left.
    pub fn need(&mut self, height: f32) -> Result<(), PaperError> {
        if self.has(height) || self.y <= TOP { Ok(()) } else { self.new_page() }
    }

    /// Room before the next thing; none at the top of a page.
    pub fn space(&mut self, height: f32) {
        if self.y > TOP && self.y > self.edge {
            self.y += height;
        }
    }

    pub fn time(&self) -> Result<(), PaperError> {
        if (self.is_over)() { Err(PaperError::TooSlow) } else { Ok(()) }
    }

    /// One line of a text with its top at `y`.
    pub fn line(&mut self, set: &Rc<Set>, line: usize, x: f32, y: f32, mark: Mark) {
        self.put(mark, Draw::Line { set: Rc::clone(set), line, x, y: y + set.baseline() });
    }

    /// Lines of a text under one another, over as many pages as it takes. Three or fewer stay together.
    fn lines(&mut self, set: &Rc<Set>, node: usize) -> Result<(), PaperError> {
        if set.lines() <= 3 {
            self.need(set.height())?;
        }
        for line in 0..set.lines() {
            self.need(set.style.line_height())?;
            self.line(set, line, self.x, self.y, Mark::Node(node));
            self.y += set.style.line_height();
        }
        Ok(())
    }

    fn paragraph(&mut self, text: &str, style: Style, parent: usize) -> Result<(), PaperError> {
        let set = self.setter.set(text, style, self.width);
        let node = self.node(Tag::Paragraph, parent);
        self.lines(&set, node)
    }

    fn heading(&mut self, text: &str, level: u16, style: Style, parent: usize) -> Result<(), PaperError> {
        let set = self.setter.set(text, style, self.width);
        self.need(set.height() + self.after_heading)?;
        self.out.outline.push(Entry { text: set.text.clone(), level, page: self.out.pages.len() - 1, y: self.y });
        let node = self.node(Tag::Heading(level, set.text.clone()), parent);
        self.lines(&set, node)
    }

    pub fn blocks(&mut self, blocks: &[Block], parent: usize) -> Result<(), PaperError> {
        for (n, block) in blocks.iter().enumerate() {
            self.time()?;
            // A picture is not cut, and a table begins with its head and a row: a heading before them waits for that.
            self.after_heading = match blocks.get(n + 1) {
                Some(Block::Picture(picture)) => picture.height + AFTER_HEADING / 2.0,
                Some(Block::Table(_) | Block::Apart(_)) => AFTER_HEADING * 2.0,
                _ => AFTER_HEADING,
            };
            self.block(block, parent)?;
        }
        Ok(())
    }

    fn block(&mut self, block: &Block, parent: usize) -> Result<(), PaperError> {
        match block {
            Block::Heading(text) => {
                self.space(17.0);
                self.heading(text, 2, Style::BODY.size(15.0).bold().ink(PRIMARY), parent)?;
                self.y += 3.0;
            }
            Block::Subheading(text) => {
                self.space(9.0);
                self.heading(text, 3, Style::BODY.size(11.5).bold(), parent)?;
                self.y += 1.0;
            }
            Block::Text(text) => {
                self.space(3.0);
                self.paragraph(text, Style::BODY, parent)?;
                self.y += 3.0;
            }
            Block::Small(text) => {
                self.space(2.0);
                self.paragraph(text, Style::SMALL, parent)?;
                self.y += 3.0;
            }
            Block::Quote { words, by } => self.quote(words, by, parent)?,
            Block::Question(text) => self.question(text, parent)?,
            Block::List(items) => self.list(items, parent)?,
            Block::Facts(facts) => table::facts(self, facts, parent)?,
            Block::Table(table) => table::table(self, table, parent)?,
            Block::Picture(picture) => self.picture(picture, parent)?,
            Block::Apart(blocks) => self.apart(blocks, parent)?,
        }
        Ok(())
    }

    /// Words between a line at their side and whose they are.
    fn quote(&mut self, words: &str, by: &str, parent: usize) -> Result<(), PaperError> {
        const INDENT: f32 = 12.0;
        self.space(5.0);
        let quote = self.node(Tag::Quote, parent);
        let (x, width) = (self.x, self.width);
        (self.x, self.width) = (x + INDENT, width - INDENT);
        let (page, top) = (self.out.pages.len(), self.y);
        self.paragraph(words, Style::BODY.size(11.5), quote)?;
        if !by.is_empty() {
            self.paragraph(by, Style::SMALL, quote)?;
        }
        (self.x, self.width) = (x, width);
        // Over the end of a page the line begins again at its top.
        let top = if page == self.out.pages.len() { top } else { TOP };
        let bottom = self.y;
        self.put(Mark::Ornament, Draw::Stroke { from: (x + 2.0, top + 2.0), to: (x + 2.0, bottom), ink: GO, width: 3.0 });
        self.y += 6.0;
        Ok(())
    }

    fn question(&mut self, text: &str, parent: usize) -> Result<(), PaperError> {
        self.space(6.0);
        let set = self.setter.set(text, Style::BODY.bold(), self.width - 2.0 * PAD);
        let height = set.height() + 2.0 * 9.0;
        let node = self.node(Tag::Paragraph, parent);
        if height <= self.fresh() {
            self.need(height)?;
            let (x, y, width) = (self.x, self.y, self.width);
            self.put(Mark::Ornament, Draw::Rect { x, y, width, height, fill: Fill::Solid(WASH) });
            self.put(Mark::Ornament, Draw::Rect { x, y, width: 4.0, height, fill: Fill::Solid(GO) });
        }
        self.y += 9.0;
        self.x += PAD;
        let done = self.lines(&set, node);
        self.x -= PAD;
        self.y += 9.0 + 4.0;
        done
    }

    fn list(&mut self, items: &[String], parent: usize) -> Result<(), PaperError> {
        const INDENT: f32 = 14.0;
        if items.is_empty() {
            return Ok(());
        }
        self.space(3.0);
        let list = self.node(Tag::List, parent);
        let bullet = self.setter.set("•", Style::BODY, INDENT);
        for item in items {
            self.time()?;
            let set = self.setter.set(item, Style::BODY, self.width - INDENT);
            let li = self.node(Tag::Item, list);
            let label = self.node(Tag::Bullet, li);
            let body = self.node(Tag::ItemBody, li);
            self.need(if set.lines() <= 3 { set.height() } else { Style::BODY.line_height() * 2.0 })?;
            self.line(&bullet, 0, self.x + 3.0, self.y, Mark::Node(label));
            self.x += INDENT;
            let done = self.lines(&set, body);
            self.x -= INDENT;
            done?;
            self.y += 2.0;
        }
        self.y += 3.0;
        Ok(())
    }

    /// Blocks in a dashed box, one box a page.
    fn apart(&mut self, blocks: &[Block], parent: usize) -> Result<(), PaperError> {
        self.space(8.0);
        self.need(AFTER_HEADING + 2.0 * PAD)?;
        let section = self.node(Tag::Section, parent);
        let (first, top) = (self.out.pages.len(), self.y);
        self.y += PAD;
        self.edge = self.y;
        self.x += PAD;
        self.width -= 2.0 * PAD;
        let done = self.blocks(blocks, section);
        self.x -= PAD;
        self.width += 2.0 * PAD;
        done?;
        self.y += PAD / 2.0;
        let last = self.out.pages.len();
        for page in first..=last {
            let from = if page == first { top } else { TOP - PAD / 2.0 };
            let until = if page == last { self.y } else { self.bottom + PAD / 2.0 };
            let fill = Fill::Dashed(EDGE);
            let draw = Draw::Rect { x: self.x, y: from, width: self.width, height: until - from, fill };
            if let Some(page) = self.out.pages.get_mut(page - 1) {
                page.push(Op { mark: Mark::Ornament, draw });
            }
        }
        self.y += 8.0;
        Ok(())
    }

    fn picture(&mut self, picture: &Picture, parent: usize) -> Result<(), PaperError> {
        self.space(6.0);
        let caption = self.setter.set(&picture.caption, Style::SMALL, self.width);
        self.need(picture.height + caption.height() + 6.0)?;
        let (x, y) = (self.x, self.y);
        let at = (x, y, picture.width, picture.height);
        let figure = self.node(Tag::Figure { words: picture.words.clone(), page: self.out.pages.len() - 1, at }, parent);
        for shape in &picture.shapes {
            self.shape(shape, (x, y), Mark::Node(figure));
        }
        self.y += picture.height + 4.0;
        if !picture.caption.is_empty() {
            let node = self.node(Tag::Paragraph, parent);
            self.lines(&caption, node)?;
        }
        self.y += 6.0;
        Ok(())
    }

    fn shape(&mut self, shape: &Shape, (left, top): (f32, f32), mark: Mark) {
        match shape {
            Shape::Rect { x, y, width, height, fill } => {
                self.put(mark, Draw::Rect { x: left + x, y: top + y, width: *width, height: *height, fill: *fill });
            }
            Shape::Line { from, to, ink, width } => {
                let at = |(x, y): (f32, f32)| (left + x, top + y);
                self.put(mark, Draw::Stroke { from: at(*from), to: at(*to), ink: *ink, width: *width });
            }
            Shape::Label { x, y, text, anchor, size, ink, is_bold } => {
                let style = Style { size: *size, is_bold: *is_bold, ink: *ink, align: Alignment::Left };
                let set = self.setter.set(text, style, self.width);
                let width = set.layout.width();
                let x = left
                    + match anchor {
                        Anchor::Start => *x,
                        Anchor::Middle => x - width / 2.0,
                        Anchor::End => x - width,
                    };
                self.line(&set, 0, x, top + y, mark);
            }
        }
    }

    /// The head of the first page: whose program, what it is, and what kind of record.
    fn masthead(&mut self, document: &Document) -> Result<(), PaperError> {
        self.put(Mark::Head, Draw::Mark { x: LEFT, y: 36.0, size: 20.0 });
        let brand = self.setter.set("Windowseat", Style::BODY.size(13.0).bold().ink(PRIMARY), 200.0);
        self.line(&brand, 0, LEFT + 27.0, 38.0, Mark::Head);
        self.y = 72.0;
        self.heading(&document.title, 1, Style::BODY.size(25.0).bold().ink(PRIMARY), 0)?;
        if !document.about.is_empty() {
            self.y += 1.0;
            self.paragraph(&document.about, Style::BODY.size(11.5).ink(INK_2), 0)?;
        }
        self.y += 8.0;
        self.put(
            Mark::Ornament,
            Draw::Rect { x: LEFT, y: self.y, width: self.right - LEFT, height: 3.0, fill: Fill::Solid(GO) },
        );
        self.y += 13.0;
        if !document.ledger.is_empty() {
            let label = self.setter.set(&document.ledger, Style::BODY.bold().ink(WHITE), self.width - 20.0);
            let (width, height) = (label.layout.width() + 20.0, label.height() + 8.0);
            let at = self.y;
            self.put(Mark::Ornament, Draw::Rect { x: LEFT, y: at, width, height, fill: Fill::Solid(PRIMARY) });
            let node = self.node(Tag::Paragraph, 0);
            for line in 0..label.lines() {
                let down = label.style.line_height() * f32::from(u16::try_from(line).unwrap_or(0));
                self.line(&label, line, LEFT + 10.0, at + 4.0 + down, Mark::Node(node));
            }
            self.y += height + 4.0;
            self.paragraph(&document.ledger_says, Style::SMALL.ink(INK), 0)?;
            self.y += 2.0;
        }
        Ok(())
    }

    /// What stands on every page, once all are known.
    fn furniture(&mut self, document: &Document) {
        let count = self.out.pages.len();
        let (right, foot_at) = (self.right, self.foot);
        let half = (right - LEFT) / 2.0 - 8.0;
        let small = Style::SMALL.size(8.5);
        let title = self.setter.set(&document.title, small.bold(), half);
        let ledger = self.setter.set(&document.ledger, small.align(Alignment::Right), half);
        let foot = self.setter.set(&document.foot, small, right - LEFT - 90.0);
        for page in 0..count {
            let number = self.setter.set(&format!("Page {} of {count}", page + 1), small.align(Alignment::Right), 80.0);
            let mut ops = Vec::new();
            let mut line = |set: &Rc<Set>, line, x, y: f32, mark| {
                let down = set.style.line_height() * f32::from(u16::try_from(line).unwrap_or(0));
                ops.push(Op { mark, draw: Draw::Line { set: Rc::clone(set), line, x, y: y + down + set.baseline() } });
            };
            if page > 0 {
                line(&title, 0, LEFT, 40.0, Mark::Head);
                line(&ledger, 0, LEFT + half + 16.0, 40.0, Mark::Head);
            }
            for n in 0..foot.lines().min(2) {
                line(&foot, n, LEFT, foot_at + 6.0, Mark::Foot);
            }
            line(&number, 0, right - 80.0, foot_at + 6.0, Mark::Foot);
            let rule = |y: f32| Op {
                mark: Mark::Ornament,
                draw: Draw::Stroke { from: (LEFT, y), to: (right, y), ink: LINE, width: 0.6 },
            };
            if page > 0 {
                ops.push(rule(56.0));
            }
            ops.push(rule(foot_at));
            self.out.pages[page].append(&mut ops);
        }
    }
}
