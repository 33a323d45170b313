//! Whole documents, printed and read back by programs of others: poppler's `pdftotext`, `pdfinfo`.

use std::cell::Cell;
use std::io::Write as _;
use std::process::{Command, Stdio};

use paper::{Block, Column, Document, Fill, MOST_CHARS, PaperError, Picture, Shape, Table, print};

/// What may hurt a program that reads texts as instructions, or that thinks of English names only.
const HOSTILE: [&str; 8] = [
    "#import \"/etc/passwd\": * #panic() $ x^2 $ \\ *bold* _em_ <label> @ref",
    "<script>alert(1)</script> & \"quotes\" 'and' %PDF-1.7 ) ( BT ET endstream",
    "=cmd|' /C calc'!A0",
    "Ad\u{0}a\u{1b}[31m \u{202e}nruter\u{202c}",
    "שרה כהן and فاطمة الزهراء at school",
    "Zoë Łukasiewicz-Ștefănescu, Nguyễn 😀 👩\u{200d}👧 李小龙",
    "{{ template }} {% include %} ${env} `cmd`",
    "e\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}\u{308} combining",
];

fn document(blocks: Vec<Block>) -> Document {
    Document {
        title: "A title\u{1} with \\ # $ and Żółć\u{202e}".to_owned(),
        about: "Year 9, Alder Road School. As of 23 November 2026.".to_owned(),
        ledger: "Engagement record, not the register".to_owned(),
        ledger_says: "Nothing here is a mark.".to_owned(),
        foot: "Case 00A1-B2C3. Made on 23 November 2026.".to_owned(),
        one_page_or: None,
        made_at: "2026-11-23T09:20:00Z".parse().unwrap(),
        blocks,
    }
}

fn table(rows: usize) -> Block {
    let columns = vec![Column::words("Name", 1.0), Column::words("Words", 3.0), Column::number("Minutes", 1.0)];
    let row = |n: usize| vec![format!("Row {n}"), HOSTILE[n % HOSTILE.len()].to_owned(), (n * 7).to_string()];
    Block::Table(Table { caption: "A long table".to_owned(), columns, rows: (0..rows).map(row).collect() })
}

fn read(program: &str, arguments: &[&str], pdf: &[u8]) -> String {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|_| panic!("{program} is not installed: `tests/run` installs it, or `apt-get install poppler-utils`"));
    child.stdin.take().unwrap().write_all(pdf).unwrap();
    let answer = child.wait_with_output().unwrap();
    assert!(answer.status.success(), "{program} reads it");
    String::from_utf8_lossy(&answer.stdout).into_owned()
}

fn text(pdf: &[u8]) -> String {
    read("pdftotext", &["-enc", "UTF-8", "-", "-"], pdf)
}

#[test]
fn hostile_texts_are_texts_and_every_word_can_be_read_back() {
    let long = "A".repeat(3_000);
    let mut blocks: Vec<Block> = HOSTILE.iter().map(|text| Block::text(*text)).collect();
    blocks.push(Block::List(HOSTILE.iter().map(|text| (*text).to_owned()).collect()));
    blocks.push(Block::Quote { words: HOSTILE[0].to_owned(), by: HOSTILE[5].to_owned() });
    blocks.push(Block::text(&long));
    let printed = print(&document(blocks), &|| false).unwrap();
    // For somebody to look at.
    std::fs::write(concat!(env!("CARGO_TARGET_TMPDIR"), "/hostile.pdf"), &printed.pdf).unwrap();
    let said = text(&printed.pdf);
    for word in [
        "#import",
        "$ x^2 $",
        "*bold*",
        "<script>alert(1)</script>",
        "{{ template }}",
        "Łukasiewicz-Ștefănescu",
        "Nguyễn",
        "%PDF-1.7",
    ] {
        assert!(said.contains(word), "{word} in\n{said}");
    }
    assert!(said.contains('😀') && said.contains('□') && !said.contains('李'), "a gap is shown");
    assert!(said.contains("□ stands for a character"), "and explained");
    assert!(!said.contains('\u{202e}') && !said.contains('\u{1b}'));
    assert!(said.matches('A').count() >= 3_000, "a word without an end is broken, not cut");
    // Written from right to left, read in its own order.
    assert!(said.contains("שרה") || said.contains("הרש"), "{said}");
    let about = read("pdfinfo", &["-"], &printed.pdf);
    assert!(about.contains("Tagged:          yes") && about.contains("A4"), "{about}");
    assert!(about.contains("A title with \\ # $ and Żółć"), "{about}");
}

#[test]
fn a_long_table_goes_over_pages_with_its_head_on_each_and_every_row_once() {
    let printed = print(&document(vec![Block::heading("Many"), table(150)]), &|| false).unwrap();
    assert!(printed.pages > 3, "{}", printed.pages);
    let said = text(&printed.pdf);
    for n in [0, 74, 149] {
        assert_eq!(said.lines().filter(|line| line.trim() == format!("Row {n}")).count(), 1, "row {n} in\n{said}");
    }
    assert_eq!(said.matches("Minutes").count(), printed.pages, "the head is on each page");
    assert_eq!(said.matches("Engagement record, not the register").count(), printed.pages);
    assert!(said.contains(&format!("Page {0} of {0}", printed.pages)));
    let tags = read("pdfinfo", &["-struct", "-"], &printed.pdf);
    assert_eq!(tags.lines().filter(|line| line.trim() == "TR").count(), 151);
    assert_eq!(tags.matches("/Scope /Row").count(), 150);
    assert_eq!(tags.matches("/Scope /Column").count(), 3);
}

#[test]
fn a_row_higher_than_a_page_is_cut_between_lines_and_a_box_goes_on() {
    let columns = vec![Column::words("What", 1.0), Column::words("Why", 4.0)];
    let why = (0..900).map(|n| format!("sentence{n}")).collect::<Vec<_>>().join(" ");
    let rows = vec![vec!["One".to_owned(), why]];
    let inner = vec![Block::heading("Apart"), Block::Table(Table { caption: String::new(), columns, rows })];
    let printed = print(&document(vec![Block::Apart(inner)]), &|| false).unwrap();
    assert!(printed.pages >= 2);
    let said = text(&printed.pdf);
    for n in [0, 450, 899] {
        assert!(said.contains(&format!("sentence{n}")), "sentence{n}");
    }
}

#[test]
fn a_picture_has_words_and_headings_are_tags() {
    let shapes = vec![
        Shape::Rect { x: 0.0, y: 0.0, width: 40.0, height: 60.0, fill: Fill::Hatched([0, 0, 0]) },
        Shape::Rect { x: 50.0, y: 0.0, width: 40.0, height: 60.0, fill: Fill::Dotted([0, 0, 0]) },
        // Nothing to draw is drawn as nothing.
        Shape::Rect { x: 50.0, y: 0.0, width: 0.0, height: 0.0, fill: Fill::Dashed([0, 0, 0]) },
    ];
    let picture = Picture {
        words: "Two bars of the same height".to_owned(),
        caption: "Bars".to_owned(),
        width: 90.0,
        height: 60.0,
        shapes,
    };
    let blocks = vec![Block::heading("Part"), Block::Subheading("Of it".to_owned()), Block::Picture(picture)];
    let printed = print(&document(blocks), &|| false).unwrap();
    let tags = read("pdfinfo", &["-struct-text", "-"], &printed.pdf);
    for tag in ["H1", "H2", "H3", "Figure"] {
        assert!(tags.contains(tag), "{tag} in\n{tags}");
    }
    let raw = String::from_utf8_lossy(&printed.pdf);
    assert!(raw.contains("/Alt") && raw.contains("pdfuaid") && raw.contains("/Lang"), "words and standard are named");
}

#[test]
fn there_is_an_end_to_length_and_to_patience() {
    let huge = document(vec![Block::text("x".repeat(MOST_CHARS + 1))]);
    assert_eq!(print(&huge, &|| false).unwrap_err(), PaperError::TooLong);
    let many = document(vec![table(15_000)]);
    assert_eq!(print(&many, &|| false).unwrap_err(), PaperError::TooLong);
    let asked = Cell::new(0);
    let is_over = || {
        asked.set(asked.get() + 1);
        asked.get() > 40
    };
    assert_eq!(print(&document(vec![table(100)]), &is_over).unwrap_err(), PaperError::TooSlow);
    assert_eq!(asked.get(), 41, "it stops when it is told to");
}

#[test]
fn what_is_wanted_on_one_page_is_set_smaller_and_says_so_where_that_is_not_enough() {
    let lines = |count: usize| vec![Block::List((0..count).map(|n| format!("Line {n} of what helps")).collect())];
    let pages = |count: usize, or: Option<&str>| {
        let wanted = Document { one_page_or: or.map(str::to_owned), ..document(lines(count)) };
        let printed = print(&wanted, &|| false).unwrap();
        let said = text(&printed.pdf);
        assert!(said.contains(&format!("Line {} of what helps", count - 1)), "the last line is there");
        assert!(read("pdfinfo", &["-"], &printed.pdf).contains("595.28 x 841.89"), "it stays A4");
        (printed.pages, said.contains("More is shared"))
    };
    // One line more than a page holds, whatever the font's height makes of that.
    let over = (10..200).find(|count| pages(*count, None).0 == 2).expect("a page is full at some time");
    assert_eq!(pages(over, Some("More is shared")), (1, false), "a little smaller, and it fits");
    assert_eq!(pages(over - 1, Some("More is shared")), (1, false));
    assert_eq!(pages(2 * over, Some("More is shared")), (2, true), "too small to read is no way");
}
