//! The same document for programs: JSON with its parts in order, CSV with a value a row.
//!
//! Both are made of what the PDF is made of, so they hold the same and are headed the same.

use paper::{Block, Document};
use serde_json::{Value, json};
use server_core::sharing::Section;

use crate::api::ApiError;
use crate::web::export::{row, texts};

/// As JSON. `sections`: what may be in it.
///
/// # Errors
/// Never: everything in a document can be written.
pub fn json(document: &Document, case: &str, sections: &[Section]) -> Result<String, ApiError> {
    let body = json!({
        "ledger": document.ledger,
        "ledger_says": document.ledger_says,
        "title": document.title,
        "about": document.about,
        "case": case,
        "made": document.foot,
        "made_at": document.made_at,
        "sections": sections.iter().map(|section| section.code()).collect::<Vec<_>>(),
        "blocks": values(&document.blocks),
    });
    Ok(serde_json::to_string_pretty(&body).map_err(anyhow::Error::from)?)
}

fn values(blocks: &[Block]) -> Vec<Value> {
    blocks.iter().map(value).collect()
}

fn value(block: &Block) -> Value {
    match block {
        Block::Heading(text) => json!({ "heading": text, "level": 2 }),
        Block::Subheading(text) => json!({ "heading": text, "level": 3 }),
        Block::Text(text) | Block::Small(text) => json!({ "text": text }),
        Block::Quote { words, by } => json!({ "quote": words, "by": by }),
        Block::Question(text) => json!({ "question": text }),
        Block::List(items) => json!({ "list": items }),
        Block::Facts(facts) => {
            json!({ "facts": facts.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect::<Vec<_>>() })
        }
        Block::Table(table) => {
            let columns: Vec<&str> = table.columns.iter().map(|column| column.title.as_str()).collect();
            json!({ "caption": table.caption, "columns": columns, "rows": table.rows })
        }
        Block::Picture(picture) => json!({ "picture": picture.words, "caption": picture.caption }),
        Block::Apart(blocks) => json!({ "apart": values(blocks) }),
    }
}

/// As CSV: part, name, column, value.
pub fn csv(document: &Document) -> String {
    let mut out = String::new();
    row(&mut out, &texts([&document.ledger, &document.ledger_says]));
    row(&mut out, &texts(["Part", "Name", "Column", "Value"]));
    let mut part = document.title.clone();
    row(&mut out, &texts([&part, "", "", &document.about]));
    rows(&mut out, &mut part, &document.blocks);
    row(&mut out, &texts([&document.title, "", "", &document.foot]));
    out
}

fn rows(out: &mut String, part: &mut String, blocks: &[Block]) {
    for block in blocks {
        match block {
            Block::Heading(text) | Block::Subheading(text) => part.clone_from(text),
            Block::Text(text) | Block::Small(text) | Block::Question(text) => row(out, &texts([part, "", "", text])),
            Block::Quote { words, by } => row(out, &texts([part, by, "", words])),
            Block::List(items) => items.iter().for_each(|item| row(out, &texts([part, "", "", item]))),
            Block::Facts(facts) => facts.iter().for_each(|(name, value)| row(out, &texts([part, name, "", value]))),
            Block::Table(table) => {
                for cells in &table.rows {
                    let name = cells.first().map_or("", String::as_str);
                    for (column, value) in table.columns.iter().zip(cells).skip(1) {
                        row(out, &texts([part, name, &column.title, value]));
                    }
                }
            }
            // The table after it has its figures.
            Block::Picture(_) => {}
            Block::Apart(blocks) => rows(out, part, blocks),
        }
    }
}
