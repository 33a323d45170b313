//! Documents as people take them out: who may, for whom, what is in them by who reads them, in three forms that say the same.
//! What a PDF says and how it is tagged is read by poppler's programs, which nobody here wrote.

use std::io::Write as _;
use std::process::{Command, Stdio};

use reqwest::{Response, StatusCode};
use serde_json::Value;
use server::demo::ids;
use server_core::party::{Party, PersonId};
use store::audit::{Actor, NewAudit, Subject};
use store::record::PartyRow;
use uuid::Uuid;

use crate::harness::{Browser, World, hidden};

const LEDGER: &str = "Engagement record, not the register";

fn address(rest: &str) -> String {
    format!("/pupils/{}/documents{rest}", ids::ADA)
}

async fn started() -> World {
    let world = World::start().await;
    server::demo::seed_record(&world.state.store, world.now()).await.unwrap();
    world
}

/// A file with its type, if it is given.
async fn taken(browser: &Browser, file: &str) -> Vec<u8> {
    kept(browser.get(&address(file)).await, file, "windowseat-").await
}

/// A file for somebody else: made by a form, which says who reads it.
async fn given(browser: &Browser, file: &str, to: &str) -> Vec<u8> {
    let answer = browser.post(&address(""), &[("file", file), ("for", to)]).await;
    let name = format!("-{to}-{file}");
    kept(answer, &format!("/{to}-{file}"), &name).await
}

/// The answer as a file; `named`: part of its name.
async fn kept(answer: Response, file: &str, named: &str) -> Vec<u8> {
    assert_eq!(answer.status(), StatusCode::OK, "{file}");
    let name = answer.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert!(name.starts_with("attachment; filename=\"windowseat-") && !name.contains("Ada"), "{name}");
    assert!(name.contains(named), "{named} in {name}");
    let bytes = answer.bytes().await.unwrap().to_vec();
    if bytes.starts_with(b"%PDF") {
        // For somebody to look at.
        let name = file.replace('/', "-");
        std::fs::write(format!("{}/document{name}", env!("CARGO_TARGET_TMPDIR")), &bytes).unwrap();
    }
    bytes
}

async fn json(browser: &Browser, file: &str) -> (Value, String) {
    read_json(taken(browser, file).await)
}

fn read_json(bytes: Vec<u8>) -> (Value, String) {
    let text = String::from_utf8(bytes).unwrap();
    (serde_json::from_str(&text).unwrap(), text)
}

fn read(program: &str, arguments: &[&str], pdf: &[u8]) -> String {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|_| panic!("{program} is not installed: `tests/run` installs it, or `apt-get install poppler-utils`"));
    let mut input = child.stdin.take().unwrap();
    let bytes = pdf.to_vec();
    // A program that answers before it has read everything must not hold up the test.
    let writer = std::thread::spawn(move || input.write_all(&bytes).is_ok());
    let answer = child.wait_with_output().unwrap();
    assert!(writer.join().unwrap() && answer.status.success(), "{program} reads it");
    String::from_utf8_lossy(&answer.stdout).into_owned()
}

fn text(pdf: &[u8]) -> String {
    read("pdftotext", &["-layout", "-enc", "UTF-8", "-", "-"], pdf)
}

/// Nothing is made, and the page says why.
async fn refused(browser: &Browser, file: &str, to: &str, why: &str) {
    let answer = browser.post(&address(""), &[("file", file), ("for", to)]).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{file} for {to}");
    let page = answer.text().await.unwrap();
    assert!(page.contains("Not made.") && page.contains(why), "{why} in {page}");
}

fn headings(json: &Value) -> Vec<String> {
    let mut all = Vec::new();
    for block in json["blocks"].as_array().unwrap() {
        all.extend(block["heading"].as_str().map(str::to_owned));
        for inner in block["apart"].as_array().into_iter().flatten() {
            all.extend(inner["heading"].as_str().map(|heading| format!("apart: {heading}")));
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn r_a6_a_review_has_everything_at_hand_and_the_two_ledgers_stay_apart() {
    let world = started().await;
    let browser = world.browser("key worker").await;
    let page = browser.page(&address("")).await;
    assert!(page.contains("The pack for a review") && page.contains(&address("/review-pack.pdf")), "{page}");
    let pdf = taken(&browser, "/review-pack.pdf").await;
    let (said, about) = (text(&pdf), read("pdfinfo", &["-"], &pdf));
    for line in ["Tagged:          yes", "(A4)", "Title:           For the review: Ada Q.", "Encrypted:       no"] {
        assert!(about.contains(line), "{line} in\n{about}");
    }
    for words in [
        LEDGER,
        "no attendance register",
        "Provider week ",
        "From away to on site",
        "For the review:",
        "Weekly look-back",
        "Register of Alder Road",
        "Read only.",
        "Goals",
        "Contacts and checks",
        "What is due",
        "What stands in the way",
        "Growth",
        "There is no total, by design.",
    ] {
        assert!(said.contains(words), "{words} in\n{said}");
    }
    // The title of each page after the first says so again.
    let pages = about.lines().find_map(|line| line.strip_prefix("Pages:")).unwrap().trim().parse::<usize>().unwrap();
    assert!(said.matches(LEDGER).count() >= pages, "{pages} pages in\n{said}");
    let tags = read("pdfinfo", &["-struct-text", "-"], &pdf);
    for tag in ["H1", "H2", "Table", "TH", "Figure", "BlockQuote"] {
        assert!(tags.contains(tag), "{tag} in\n{tags}");
    }
    // The same as data. Minutes and marks are never in one table.
    let (pack, _) = json(&browser, "/review-pack.json").await;
    assert_eq!(pack["ledger"], LEDGER);
    for heading in headings(&pack) {
        let plain = heading.trim_start_matches("apart: ").to_owned();
        assert!(said.contains(&plain), "{plain} is in the PDF too");
    }
    assert!(headings(&pack).contains(&"apart: Register of Alder Road School".to_owned()), "{:?}", headings(&pack));
    for block in pack["blocks"].as_array().unwrap() {
        let columns = block["columns"].to_string();
        // The school may state a share; nothing here works one out.
        assert!(block.get("apart").is_some() || !block.to_string().contains('%'), "{block}");
        assert!(!(columns.contains("Live in lessons") && columns.contains("Mon")), "{columns}");
    }
    let csv = String::from_utf8(taken(&browser, "/review-pack.csv").await).unwrap();
    assert!(csv.starts_with(LEDGER) || csv.starts_with(&format!("\"{LEDGER}\"")), "{csv}");
    assert!(csv.contains("Live in lessons, min") && csv.contains("What is due"), "{csv}");
    let audit = world.state.store.audit_of(ids::ADA, 100).await.unwrap();
    let out: Vec<_> = audit.iter().filter(|row| row.action == "take out review pack").collect();
    assert_eq!(out.len(), 3, "each time somebody took one");
    assert!(out.iter().all(|row| row.detail.as_deref() == Some("own work")), "{out:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_a6_who_reads_a_document_decides_what_is_in_it() {
    let world = started().await;
    let key_worker = world.browser("key worker").await;
    let (own, text_of_own) = json(&key_worker, "/plan.json").await;
    for heading in ["People", "Consents", "Goals", "Week patterns", "Weekly look-back", "Hiccups"] {
        assert!(headings(&own).contains(&heading.to_owned()), "{heading} in {:?}", headings(&own));
    }
    // Nothing that was written into the plan is left out.
    let fields = key_worker.get(&format!("/pupils/{}/export/plan.json", ids::ADA)).await.text().await.unwrap();
    let fields: Value = serde_json::from_str(&fields).unwrap();
    let mut written = 0;
    for field in fields["fields"].as_array().unwrap() {
        let (path, value) = (field["field"].as_str().unwrap(), field["value"].as_str().unwrap());
        let is_text =
            ["answer.", "barrier.", "meeting.", "action.", "review.", "consent."].iter().any(|kind| path.starts_with(kind));
        if is_text && !path.ends_with(".weeks") && !value.is_empty() {
            written += 1;
            assert!(text_of_own.contains(&serde_json::to_string(value).unwrap()), "{path}: {value} in\n{text_of_own}");
        }
    }
    assert!(written > 20, "{written}");
    // The school to come is given its part, and no consent of others' names.
    let (school, text_of_school) = read_json(given(&key_worker, "plan.json", "receiving-school").await);
    assert!(!headings(&school).contains(&"Consents".to_owned()), "{:?}", headings(&school));
    assert!(school["made"].as_str().unwrap().ends_with("for the receiving school."), "{text_of_school}");
    // Whoever keeps the register is not given minutes.
    let row = PartyRow {
        placement_party_id: Uuid::from_u128(0xd0c1),
        placement_id: ids::ADA_PLACEMENT.0,
        party: Party::AttendanceLead,
        person: PersonId(ids::ALDER_LEAD),
        name: None,
        from_day: None,
        until_day: None,
    };
    let audit = NewAudit { actor: Actor::Program, action: "name person", subject: Subject::Pupil(ids::ADA), detail: None };
    world.state.store.set_party(&row, audit, world.now()).await.unwrap();
    for file in ["plan.json", "review-pack.json"] {
        let (_, words) = read_json(given(&key_worker, file, "attendance-lead").await);
        for minutes in ["Live in lessons", "Engagement record: ", "min\"", "\"engagement\""] {
            assert!(!words.contains(minutes), "{minutes} in {file}: {words}");
        }
    }
    let said = text(&given(&key_worker, "review-pack.pdf", "attendance-lead").await);
    assert!(said.contains(LEDGER) && !said.contains("Live in lessons"), "{said}");
    // Who has no part is given nothing; what is not for somebody is not given.
    for (file, to, why) in [
        ("plan.pdf", "panel", "Choose somebody who is named in this case"),
        ("plan.pdf", "nobody", "Choose somebody who is named in this case"),
        ("plan.pdf", "", "Choose somebody who is named in this case"),
        ("plan.docx", "parent", "Choose somebody who is named in this case"),
        ("weeks.pdf", "parent", "Choose somebody who is named in this case"),
        ("profile.pdf", "attendance-lead", "Nothing of this is for the attendance lead"),
    ] {
        refused(&key_worker, file, to, why).await;
    }
    let weeks = String::from_utf8(given(&key_worker, "weeks.csv", "attendance-lead").await).unwrap();
    assert!(weeks.contains("Half-days on site, planned") && !weeks.contains("Minutes live"), "{weeks}");
    for (file, status) in [
        // What leaves for somebody else is written down: an address alone does not make it.
        ("/plan.pdf?for=receiving-school", StatusCode::FORBIDDEN),
        ("/history.csv", StatusCode::NOT_FOUND),
        ("/history.pdf", StatusCode::NOT_FOUND),
        ("/plan.docx", StatusCode::NOT_FOUND),
        ("/plan", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(key_worker.get(&address(file)).await.status(), status, "{file}");
    }
    // Who runs the robots sees that the return goes on, and not how the child is assessed.
    let coordinator = world.browser("coordinator").await;
    let (pack, words) = json(&coordinator, "/review-pack.json").await;
    assert!(!headings(&pack).contains(&"Growth".to_owned()) && !words.contains("Scale:"), "{:?}", headings(&pack));
    assert_eq!(coordinator.get(&address("/profile.pdf")).await.status(), StatusCode::NOT_FOUND);
    let page = coordinator.page(&address("")).await;
    assert!(page.contains("You do not see this part of the record yourself"), "{page}");
    for (who, status) in [
        ("alder lead", StatusCode::OK),
        ("other key worker", StatusCode::NOT_FOUND),
        ("marsh lead", StatusCode::NOT_FOUND),
        ("alder staff", StatusCode::FORBIDDEN),
        ("auditor", StatusCode::FORBIDDEN),
    ] {
        let browser = world.browser(who).await;
        for file in ["/plan.pdf", "/review-pack.pdf", "/profile.pdf"] {
            assert_eq!(browser.get(&address(file)).await.status(), status, "{who}: {file}");
        }
    }
    // A consent that ends takes away: nothing leaves the circle of care any more.
    let page = key_worker.page(&format!("/pupils/{}/plan", ids::ADA)).await;
    let parent = ids::ADA_PARENT.to_string();
    let (plan, revision) = (hidden(&page, "plan"), hidden(&page, "revision"));
    let withdraw = [("plan", plan.as_str()), ("revision", &revision), ("who", &parent), ("on", "2026-11-23")];
    let answer = key_worker.post(&format!("/pupils/{}/plan/withdraw", ids::ADA), &withdraw).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{}", answer.text().await.unwrap());
    refused(&key_worker, "plan.pdf", "receiving-school", "Nobody has consented").await;
    assert!(given(&key_worker, "plan.pdf", "parent").await.starts_with(b"%PDF"), "the family keeps what is theirs");
    let page = key_worker.page(&address("?for=receiving-school")).await;
    assert!(page.contains("Nobody has consented"), "{page}");
    let audit = world.state.store.audit_of(ids::ADA, 200).await.unwrap();
    let out = |action: &str, detail: &str| {
        audit.iter().filter(|row| row.action == action && row.detail.as_deref() == Some(detail)).count()
    };
    assert_eq!((out("give document", "receiving-school"), out("give document", "parent")), (1, 1), "only what was given");
    let page = key_worker.page(&address("")).await;
    for words in [
        "The plan for the receiving school",
        "The pack for a review for the attendance lead",
        "The weeks for the attendance lead",
    ] {
        assert!(page.contains(words), "{words} in {page}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_f6_the_page_for_the_school_is_one_page_of_what_is_shared_in_words_as_they_were_written() {
    let world = started().await;
    let browser = world.browser("key worker").await;
    let pdf = given(&browser, "profile.pdf", "receiving-school").await;
    let (said, about) = (text(&pdf), read("pdfinfo", &["-"], &pdf));
    assert!(about.contains("Pages:           1"), "{about}");
    assert!(said.contains("One page about Ada Q.") && said.contains(LEDGER), "{said}");
    let before = said.len();
    // Words that would hurt a program which takes texts for instructions.
    let form = browser.page(&format!("/pupils/{}/growth/profile", ids::ADA)).await;
    let hostile = "#import \"x\": * $ \\ <b> %PDF שרה 😀 Łucja";
    let long = "W".repeat(2_000);
    let revision = hidden(&form, "revision");
    let lines = [
        ("revision", revision.as_str()),
        ("strength-0", hostile),
        ("share-strength-0", "on"),
        ("need-0", &long),
        ("share-need-0", "on"),
        ("trigger-0", "This one is hers alone"),
    ];
    let answer = browser.post(&format!("/pupils/{}/growth/profile", ids::ADA), &lines).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let pdf = given(&browser, "profile.pdf", "receiving-school").await;
    let said = text(&pdf);
    assert!(said.len() > before);
    for words in ["#import \"x\": * $ \\ <b> %PDF", "😀", "Łucja"] {
        assert!(said.contains(words), "{words} in\n{said}");
    }
    assert!(said.matches('W').count() >= 2_000, "a long word is broken, not cut");
    for file in ["/profile.pdf", "/profile.json", "/profile.csv"] {
        let bytes = taken(&browser, file).await;
        let words = if file.ends_with("pdf") { text(&bytes) } else { String::from_utf8(bytes).unwrap() };
        assert!(!words.contains("hers alone"), "what is not shared is in no form: {file}");
        assert!(words.contains("Łucja"), "{file}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_h23_a_date_of_birth_stands_in_the_head_where_its_reader_may_see_it() {
    let world = started().await;
    let key_worker = world.browser("key worker").await;
    let born = "14 March 2013";
    let page = key_worker.page(&format!("/pupils/{}/plan", ids::ADA)).await;
    assert!(page.contains(&format!("<dt>Date of birth</dt><dd>{born}</dd>")), "{page}");
    let (_, own) = json(&key_worker, "/plan.json").await;
    assert!(own.contains(born), "{own}");
    for party in ["advocate", "social-worker"] {
        let name = [("what", "name"), ("name", "Ms V."), ("reach", ""), ("party", party)];
        let answer = key_worker.post(&format!("/pupils/{}/people", ids::ADA), &name).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{party}");
    }
    for (party, is_shown) in [("receiving-school", true), ("parent", true), ("social-worker", true), ("advocate", false)] {
        let (_, words) = read_json(given(&key_worker, "plan.json", party).await);
        assert_eq!(words.contains(born), is_shown, "{party}: {words}");
    }
    let said = text(&given(&key_worker, "plan.pdf", "receiving-school").await);
    assert!(said.contains("Date of birth") && said.contains(born), "{said}");
    // A page and a file for other programs name neither day nor number.
    let fields = key_worker.get(&format!("/pupils/{}/export/plan.json", ids::ADA)).await.text().await.unwrap();
    assert!(!fields.contains("2013") && !key_worker.page(&format!("/pupils/{}", ids::ADA)).await.contains(born));
    world.stop().await;
}
