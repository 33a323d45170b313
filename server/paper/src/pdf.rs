//! The file: PDF 1.7 and PDF/UA-1. Draws what `flow.rs` placed, and builds the tree of tags.

use std::collections::HashMap;
use std::num::NonZeroU16;

use chrono::{Datelike, Timelike};
use krilla::color::rgb;
use krilla::configure::{Accessibility, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::geom::{Path, PathBuilder, Point, Rect, Transform};
use krilla::metadata::{DateTime, Metadata};
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::{Fill as Filled, LineCap, Stroke, StrokeDash};
use krilla::surface::Surface;
use krilla::tagging::{
    Artifact, ArtifactType, BBox, ContentTag, Identifier, ListNumbering, Node as TagNode, TableHeaderScope, Tag as PdfTag,
    TagGroup, TagTree,
};
use krilla::text::{Font, GlyphId, KrillaGlyph};
use krilla::{Document as Pdf, SerializeSettings};

use crate::flow::{Draw, GO, Mark, PAGE, SetDocument, Tag};
use crate::picture::{Fill, dots, hatching};
use crate::text::{INK, Ink, PRIMARY, Set, plain};
use crate::{Document, PaperError};

const LANGUAGE: &str = "en-GB";

/// Writes the file.
///
/// # Errors
/// The library does not write it, because it would not be accessible.
pub fn write(document: &Document, set: SetDocument) -> Result<Vec<u8>, PaperError> {
    let configuration = ConfigurationBuilder::new().with_accessibility_validator(Accessibility::UA1).finish();
    let settings =
        SerializeSettings { configuration: configuration.map_err(|_| PaperError::Unwritable)?, ..SerializeSettings::default() };
    let mut pdf = Pdf::new_with(settings);
    let mut fonts = HashMap::new();
    let mut drawn: Vec<Vec<Identifier>> = set.nodes.iter().map(|_| Vec::new()).collect();
    for ops in &set.pages {
        let settings = PageSettings::from_wh(PAGE.0, PAGE.1).ok_or(PaperError::Unwritable)?;
        let mut page = pdf.start_page_with(settings);
        let mut surface = page.surface();
        surface.push_transform(&Transform::from_scale(set.scale, set.scale));
        let mut at = 0;
        while at < ops.len() {
            let mark = ops[at].mark;
            let artifact = |kind| ContentTag::Artifact(Artifact::with_kind(kind));
            let identifier = surface.start_tagged(match mark {
                Mark::Node(_) => ContentTag::Other,
                Mark::Head => artifact(ArtifactType::Header),
                Mark::Foot => artifact(ArtifactType::Footer),
                Mark::Ornament => artifact(ArtifactType::Layout),
            });
            while at < ops.len() && ops[at].mark == mark {
                draw(&mut surface, &ops[at].draw, &mut fonts)?;
                at += 1;
            }
            surface.end_tagged();
            if let Mark::Node(node) = mark {
                drawn[node].push(identifier);
            }
        }
        surface.pop();
        surface.finish();
        page.finish();
    }
    let mut tree = TagTree::new().with_lang(Some(LANGUAGE.to_owned()));
    for child in &set.nodes[0].children {
        if let Some(node) = group(&set, &mut drawn, *child) {
            tree.push(node);
        }
    }
    pdf.set_tag_tree(tree);
    pdf.set_outline(outline(&set));
    pdf.set_metadata(metadata(document));
    pdf.finish().map_err(|_| PaperError::Unwritable)
}

fn metadata(document: &Document) -> Metadata {
    let at = document.made_at;
    let small = |part: u32| u8::try_from(part).unwrap_or(0);
    let date = DateTime::new(u16::try_from(at.year()).unwrap_or(0))
        .month(small(at.month()))
        .day(small(at.day()))
        .hour(small(at.hour()))
        .minute(small(at.minute()))
        .second(small(at.second()))
        .utc_offset_hour(0)
        .utc_offset_minute(0);
    let metadata = Metadata::new().title(plain(&document.title)).language(LANGUAGE.to_owned()).creation_date(date);
    let metadata = metadata.creator("Windowseat".to_owned());
    if document.ledger.is_empty() { metadata } else { metadata.description(plain(&document.ledger)) }
}

/// Headings, those of the third level under those of the second.
fn outline(set: &SetDocument) -> Outline {
    let mut outline = Outline::new();
    let mut open: Option<OutlineNode> = None;
    for entry in &set.outline {
        let to = XyzDestination::new(entry.page, Point::from_xy(0.0, (entry.y - 8.0).max(0.0) * set.scale));
        let node = OutlineNode::new(entry.text.clone(), to);
        match (&mut open, entry.level) {
            (Some(above), 3..) => above.push_child(node),
            _ => {
                if let Some(done) = open.replace(node) {
                    outline.push_child(done);
                }
            }
        }
    }
    if let Some(done) = open {
        outline.push_child(done);
    }
    outline
}

/// A part of the tree with all below it; `None` if nothing of it was drawn.
fn group(set: &SetDocument, drawn: &mut [Vec<Identifier>], at: usize) -> Option<TagNode> {
    let node = &set.nodes[at];
    let mut children: Vec<TagNode> = drawn[at].drain(..).map(TagNode::from).collect();
    children.extend(node.children.iter().filter_map(|child| group(set, drawn, *child)));
    if children.is_empty() {
        return None;
    }
    let group = match &node.tag {
        Tag::Root | Tag::Section => TagGroup::with_children(PdfTag::Section, children),
        Tag::Heading(level, title) => {
            let level = NonZeroU16::new(*level).unwrap_or(NonZeroU16::MIN);
            TagGroup::with_children(PdfTag::Hn(level, Some(title.clone())), children)
        }
        Tag::Paragraph => TagGroup::with_children(PdfTag::P, children),
        Tag::Quote => TagGroup::with_children(PdfTag::BlockQuote, children),
        Tag::List => TagGroup::with_children(PdfTag::L(ListNumbering::Disc), children),
        Tag::Item => TagGroup::with_children(PdfTag::LI, children),
        Tag::Bullet => TagGroup::with_children(PdfTag::Lbl, children),
        Tag::ItemBody => TagGroup::with_children(PdfTag::LBody, children),
        Tag::Table(summary) => {
            let summary = (!summary.is_empty()).then(|| summary.clone());
            TagGroup::with_children(PdfTag::Table.with_summary(summary), children)
        }
        Tag::Caption => TagGroup::with_children(PdfTag::Caption, children),
        Tag::Head => TagGroup::with_children(PdfTag::THead, children),
        Tag::Body => TagGroup::with_children(PdfTag::TBody, children),
        Tag::Row => TagGroup::with_children(PdfTag::TR, children),
        Tag::ColumnHead => TagGroup::with_children(PdfTag::TH(TableHeaderScope::Column), children),
        Tag::RowHead => TagGroup::with_children(PdfTag::TH(TableHeaderScope::Row), children),
        Tag::Cell => TagGroup::with_children(PdfTag::TD, children),
        Tag::Figure { words, page, at: (x, y, width, height) } => {
            let [x, y, width, height] = [x, y, width, height].map(|length| length * set.scale);
            let around = Rect::from_xywh(x, y, width, height).map(|rect| BBox::new(*page, rect));
            TagGroup::with_children(PdfTag::Figure(Some(words.clone())).with_bbox(around), children)
        }
    };
    Some(TagNode::Group(group))
}

fn draw(surface: &mut Surface<'_>, draw: &Draw, fonts: &mut HashMap<u64, Font>) -> Result<(), PaperError> {
    match draw {
        Draw::Line { set, line, x, y } => line_of(surface, set, *line, (*x, *y), fonts)?,
        Draw::Rect { x, y, width, height, fill } => rect(surface, (*x, *y, *width, *height), *fill),
        Draw::Stroke { from, to, ink, width } => {
            if let Some(path) = path(&[*from, *to], false) {
                stroke(surface, &path, *ink, *width, None);
            }
        }
        Draw::Mark { x, y, size } => mark(surface, *x, *y, *size),
    }
    Ok(())
}

fn filled(ink: Ink) -> Filled {
    Filled { paint: rgb::Color::new(ink[0], ink[1], ink[2]).into(), ..Filled::default() }
}

fn fill(surface: &mut Surface<'_>, path: &Path, ink: Ink) {
    surface.set_stroke(None);
    surface.set_fill(Some(filled(ink)));
    surface.draw_path(path);
}

fn stroke(surface: &mut Surface<'_>, path: &Path, ink: Ink, width: f32, dash: Option<StrokeDash>) {
    surface.set_fill(None);
    let paint = rgb::Color::new(ink[0], ink[1], ink[2]).into();
    surface.set_stroke(Some(Stroke { paint, width, dash, line_cap: LineCap::Butt, ..Stroke::default() }));
    surface.draw_path(path);
    surface.set_stroke(None);
}

fn path(points: &[(f32, f32)], is_closed: bool) -> Option<Path> {
    let mut builder = PathBuilder::new();
    for (n, (x, y)) in points.iter().enumerate() {
        if n == 0 { builder.move_to(*x, *y) } else { builder.line_to(*x, *y) }
    }
    if is_closed {
        builder.close();
    }
    builder.finish()
}

fn rect(surface: &mut Surface<'_>, (x, y, width, height): (f32, f32, f32, f32), how: Fill) {
    let all = path(&[(x, y), (x + width, y), (x + width, y + height), (x, y + height)], true);
    // Something without a surface is nothing to draw.
    let Some(all) = all else { return };
    // Lines stand inside the rectangle.
    let inner = path(
        &[(x + 0.5, y + 0.5), (x + width - 0.5, y + 0.5), (x + width - 0.5, y + height - 0.5), (x + 0.5, y + height - 0.5)],
        true,
    );
    let outline = |surface: &mut Surface<'_>, ink, dash| {
        if let Some(inner) = &inner {
            stroke(surface, inner, ink, 1.0, dash);
        }
    };
    match how {
        Fill::Solid(ink) => fill(surface, &all, ink),
        Fill::Outline(ink) => outline(surface, ink, None),
        Fill::Dashed(ink) => outline(surface, ink, Some(StrokeDash { array: vec![3.0, 2.4], offset: 0.0 })),
        Fill::Hatched(ink) => {
            let mut builder = PathBuilder::new();
            for (from, to) in hatching(x, y, width, height) {
                builder.move_to(from.0, from.1);
                builder.line_to(to.0, to.1);
            }
            if let Some(lines) = builder.finish() {
                stroke(surface, &lines, ink, 0.9, None);
            }
            outline(surface, ink, None);
        }
        Fill::Dotted(ink) => {
            let (all, size) = dots(x, y, width, height);
            let mut builder = PathBuilder::new();
            for (x, y) in all {
                if let Some(rect) = Rect::from_xywh(x, y, size, size) {
                    builder.push_rect(rect);
                }
            }
            if let Some(dots) = builder.finish() {
                fill(surface, &dots, ink);
            }
            outline(surface, ink, None);
        }
    }
}

/// The sign of the product: a lit window.
fn mark(surface: &mut Surface<'_>, x: f32, y: f32, size: f32) {
    /// How far the handles of a quarter of a circle reach.
    const ROUND: f32 = 0.552_3;
    let unit = size / 36.0;
    let at = |px: f32, py: f32| (x + (px - 2.0) * unit, y + (py - 2.0) * unit);
    // A window with a round top: from one foot over the arch to the other.
    let window = |left: f32, right: f32, top: f32, foot: f32| {
        let (middle, radius) = ((left + right) / 2.0, (right - left) / 2.0);
        let spring = top + radius;
        let mut builder = PathBuilder::new();
        let curve = |builder: &mut PathBuilder, a: (f32, f32), b: (f32, f32), to: (f32, f32)| {
            let (a, b, to) = (at(a.0, a.1), at(b.0, b.1), at(to.0, to.1));
            builder.cubic_to(a.0, a.1, b.0, b.1, to.0, to.1);
        };
        let (start, side) = (at(left, foot), at(left, spring));
        builder.move_to(start.0, start.1);
        builder.line_to(side.0, side.1);
        let handle = radius * ROUND;
        curve(&mut builder, (left, spring - handle), (middle - handle, top), (middle, top));
        curve(&mut builder, (middle + handle, top), (right, spring - handle), (right, spring));
        let end = at(right, foot);
        builder.line_to(end.0, end.1);
        builder.close();
        builder.finish()
    };
    let block = |left: f32, top: f32, right: f32, foot: f32| {
        path(&[at(left, top), at(right, top), at(right, foot), at(left, foot)], true)
    };
    let shapes = [
        (window(4.0, 36.0, 2.0, 38.0), PRIMARY),
        (window(8.0, 32.0, 6.5, 34.0), GO),
        // The frame, and a chair before the light.
        (block(18.5, 6.0, 21.5, 18.5), PRIMARY),
        (block(8.0, 17.0, 32.0, 20.0), PRIMARY),
        (block(13.0, 22.0, 16.0, 34.0), INK),
        (block(13.0, 27.0, 26.0, 30.0), INK),
        (block(23.0, 27.0, 26.0, 34.0), INK),
    ];
    for (shape, ink) in shapes {
        if let Some(shape) = shape {
            fill(surface, &shape, ink);
        }
    }
}

/// One line of a text, run by run, with what each sign stands for.
fn line_of(
    surface: &mut Surface<'_>,
    set: &Set,
    line: usize,
    (left, y): (f32, f32),
    fonts: &mut HashMap<u64, Font>,
) -> Result<(), PaperError> {
    let Some(line) = set.layout.get(line) else { return Ok(()) };
    let mut x = left + line.metrics().offset;
    surface.set_stroke(None);
    surface.set_fill(Some(filled(set.style.ink)));
    for run in line.runs() {
        let font = run.font().clone();
        let (data, id) = font.data.into_raw_parts();
        let font = match fonts.get(&id) {
            Some(font) => font.clone(),
            None => {
                let made = Font::new(data.into(), font.index).ok_or(PaperError::Unwritable)?;
                fonts.entry(id).or_insert(made).clone()
            }
        };
        let size = run.font_size();
        let (start, mut glyphs) = (x, Vec::<KrillaGlyph>::new());
        for cluster in run.visual_clusters() {
            let range = cluster.text_range();
            if set.text[range.clone()].starts_with('\n') {
                continue;
            }
            if cluster.is_ligature_continuation() {
                if let Some(glyph) = glyphs.last_mut() {
                    glyph.text_range.start = glyph.text_range.start.min(range.start);
                    glyph.text_range.end = glyph.text_range.end.max(range.end);
                }
                continue;
            }
            for glyph in cluster.glyphs() {
                let [advance, right, up] = [glyph.advance, glyph.x, glyph.y].map(|length| length / size);
                glyphs.push(KrillaGlyph::new(GlyphId::new(glyph.id), advance, right, up, 0.0, range.clone(), None));
                x += glyph.advance;
            }
        }
        if !glyphs.is_empty() {
            surface.draw_glyphs(Point::from_xy(start, y), &glyphs, font, &set.text, size, false);
        }
    }
    Ok(())
}
