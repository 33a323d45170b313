//! Tables: a head that is shown again on each page, rows that stay whole where they can, names of rows and columns as tags.

use std::rc::Rc;

use parley::Alignment;

use crate::PaperError;
use crate::flow::{Draw, Flow, LINE, Mark, Tag};
use crate::picture::Fill;
use crate::text::{Ink, PRIMARY, Set, Style};

/// Room at the side of a cell, and above and under its text.
const PAD: (f32, f32) = (5.0, 3.5);
const HEAD_GROUND: Ink = [0xef, 0xe7, 0xf4];
/// A row higher than this is cut at the end of a page.
const MOST_KEPT: f32 = 240.0;

/// A column.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name.
    pub title: String,
    /// How wide, beside the others.
    pub weight: f32,
    /// Figures stand at the right.
    pub is_number: bool,
}

impl Column {
    /// A column of words.
    #[must_use]
    pub fn words(title: impl Into<String>, weight: f32) -> Self {
        Self { title: title.into(), weight, is_number: false }
    }

    /// A column of figures.
    #[must_use]
    pub fn number(title: impl Into<String>, weight: f32) -> Self {
        Self { title: title.into(), weight, is_number: true }
    }
}

/// A table. The first cell of a row names it.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// What it shows; above it.
    pub caption: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows: a cell a column; those that are missing are empty.
    pub rows: Vec<Vec<String>>,
}

/// Cells beside one another.
struct Row {
    cells: Vec<(Rc<Set>, f32)>,
    lines: usize,
}

/// A table.
pub fn table(flow: &mut Flow<'_>, table: &Table, parent: usize) -> Result<(), PaperError> {
    if table.columns.is_empty() {
        return Ok(());
    }
    flow.space(5.0);
    let widths = widths(flow.width, table.columns.iter().map(|column| column.weight));
    let node = flow.node(Tag::Table(table.caption.clone()), parent);
    let titles: Vec<&str> = table.columns.iter().map(|column| column.title.as_str()).collect();
    let aligns: Vec<Alignment> =
        table.columns.iter().map(|one| if one.is_number { Alignment::Right } else { Alignment::Start }).collect();
    let head = row(flow, &titles, &widths, |n| Style::CELL.bold().ink(PRIMARY).align(aligns[n]));
    let caption = (!table.caption.is_empty()).then(|| flow.setter.set(&table.caption, Style::CELL.bold(), flow.width));
    let above = caption.as_ref().map_or(0.0, |caption| caption.height() + 3.0);
    let style = |n: usize| match n {
        0 => Style::CELL.bold(),
        _ => Style::CELL.align(aligns[n]),
    };
    let texts = |cells: &Vec<String>| (0..widths.len()).map(|n| cells.get(n).cloned().unwrap_or_default()).collect::<Vec<_>>();
    // A head without a row under it says nothing.
    let first = table.rows.first().map_or(0.0, |cells| row(flow, &texts(cells), &widths, style).height());
    flow.need(above + head.height() + first.min(MOST_KEPT))?;
    if let Some(caption) = caption {
        let mark = flow.node(Tag::Caption, node);
        for line in 0..caption.lines() {
            flow.line(&caption, line, flow.x, flow.y, Mark::Node(mark));
            flow.y += caption.style.line_height();
        }
        flow.y += 3.0;
    }
    let group = flow.node(Tag::Head, node);
    let cells = tags(flow, group, titles.len(), |_| Tag::ColumnHead);
    draw_head(flow, &head, &widths, |n| Mark::Node(cells[n]));
    let body = flow.node(Tag::Body, node);
    for cells in &table.rows {
        flow.time()?;
        let set = row(flow, &texts(cells), &widths, style);
        let marks = tags(flow, body, widths.len(), |n| if n == 0 { Tag::RowHead } else { Tag::Cell });
        draw(flow, &set, &widths, &marks, Some(&head))?;
    }
    flow.y += 7.0;
    Ok(())
}

/// Names with what they stand for.
pub fn facts(flow: &mut Flow<'_>, facts: &[(String, String)], parent: usize) -> Result<(), PaperError> {
    if facts.is_empty() {
        return Ok(());
    }
    flow.space(4.0);
    let widths = widths(flow.width, [0.3, 0.7]);
    let node = flow.node(Tag::Table(String::new()), parent);
    let body = flow.node(Tag::Body, node);
    for (name, value) in facts {
        flow.time()?;
        let set = row(flow, &[name, value], &widths, |n| if n == 0 { Style::CELL.bold() } else { Style::CELL });
        let marks = tags(flow, body, 2, |n| if n == 0 { Tag::RowHead } else { Tag::Cell });
        draw(flow, &set, &widths, &marks, None)?;
    }
    flow.y += 6.0;
    Ok(())
}

/// A row's tags: one a cell.
fn tags(flow: &mut Flow<'_>, parent: usize, count: usize, tag: impl Fn(usize) -> Tag) -> Vec<usize> {
    let row = flow.node(Tag::Row, parent);
    (0..count).map(|n| flow.node(tag(n), row)).collect()
}

fn widths(width: f32, weights: impl IntoIterator<Item = f32>) -> Vec<f32> {
    let weights: Vec<f32> = weights.into_iter().map(|weight| weight.max(0.05)).collect();
    let sum: f32 = weights.iter().sum();
    weights.into_iter().map(|weight| width * weight / sum).collect()
}

fn row(flow: &mut Flow<'_>, texts: &[impl AsRef<str>], widths: &[f32], style: impl Fn(usize) -> Style) -> Row {
    let mut cells = Vec::new();
    let mut x = 0.0;
    for (n, (text, width)) in texts.iter().zip(widths).enumerate() {
        cells.push((flow.setter.set(text.as_ref(), style(n), (width - 2.0 * PAD.0).max(12.0)), x + PAD.0));
        x += width;
    }
    let lines = cells.iter().map(|(set, _)| set.lines()).max().unwrap_or(1);
    Row { cells, lines }
}

impl Row {
    fn pitch(&self) -> f32 {
        self.cells.first().map_or(Style::CELL.line_height(), |(set, _)| set.style.line_height())
    }

    fn height(&self) -> f32 {
        self.part(self.lines)
    }

    fn part(&self, lines: usize) -> f32 {
        self.pitch() * f32::from(u16::try_from(lines).unwrap_or(u16::MAX)) + 2.0 * PAD.1
    }
}

fn draw_head(flow: &mut Flow<'_>, head: &Row, widths: &[f32], mark: impl Fn(usize) -> Mark) {
    let (width, height) = (widths.iter().sum(), head.height());
    let (x, y) = (flow.x, flow.y);
    flow.put(Mark::Ornament, Draw::Rect { x, y, width, height, fill: Fill::Solid(HEAD_GROUND) });
    flow.put(Mark::Ornament, Draw::Stroke { from: (x, y + height), to: (x + width, y + height), ink: PRIMARY, width: 1.2 });
    lines(flow, head, 0, head.lines, mark);
    flow.y += height;
}

/// Lines of every cell from one on.
fn lines(flow: &mut Flow<'_>, row: &Row, from: usize, count: usize, mark: impl Fn(usize) -> Mark) {
    let (x, y, pitch) = (flow.x, flow.y, row.pitch());
    for (n, (set, left)) in row.cells.iter().enumerate() {
        for line in from..(from + count).min(set.lines()) {
            let down = pitch * f32::from(u16::try_from(line - from).unwrap_or(0));
            flow.line(set, line, x + left, y + PAD.1 + down, mark(n));
        }
    }
}

/// A row, on one page if it is not too high for that.
fn draw(flow: &mut Flow<'_>, row: &Row, widths: &[f32], marks: &[usize], head: Option<&Row>) -> Result<(), PaperError> {
    let next_page = |flow: &mut Flow<'_>| -> Result<(), PaperError> {
        flow.new_page()?;
        if let Some(head) = head {
            // It was said to a reader of tags already.
            draw_head(flow, head, widths, |_| Mark::Head);
        }
        Ok(())
    };
    let mut done = 0;
    while done < row.lines {
        let mut count = row.lines - done;
        if !flow.has(row.part(count)) {
            if row.part(count) <= MOST_KEPT {
                next_page(flow)?;
            }
            while count > 1 && !flow.has(row.part(count)) {
                count -= 1;
            }
            if count < 3 && row.lines - done > count && !flow.has(row.part(3)) {
                next_page(flow)?;
                continue;
            }
        }
        lines(flow, row, done, count, |n| Mark::Node(marks[n]));
        done += count;
        flow.y += row.part(count);
        let (x, y) = (flow.x, flow.y);
        let to = (x + widths.iter().sum::<f32>(), y);
        flow.put(Mark::Ornament, Draw::Stroke { from: (x, y), to, ink: LINE, width: 0.6 });
        if done < row.lines {
            next_page(flow)?;
        }
    }
    Ok(())
}
