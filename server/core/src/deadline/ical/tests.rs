//! The text is what RFC 5545 asks for, and holds nothing that somebody typed.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::deadline::{Arithmetic, Override, Way};
use crate::party::{Party, PersonId};
use crate::policy::{CalendarOf, Code, Event, Instead, Unit};
use crate::words::Reason;

fn due(title: &str) -> Due {
    let day = "2026-11-19".parse().unwrap();
    let from = Some((Event::PanelHearing, "2026-11-05".parse().unwrap()));
    let rule = Code::new("planning-meeting").unwrap();
    let reason = Reason::new("Ada's operation was moved").unwrap();
    let by = PersonId(Uuid::nil());
    Due {
        week: None,
        title: title.to_owned(),
        row: "H-14".to_owned(),
        binding: Binding::Required,
        owners: vec![Party::KeyWorker],
        day,
        arithmetic: Arithmetic {
            from,
            unit: Unit::SchoolDays,
            calendar: CalendarOf::ReceivingSchool,
            count: None,
            sentence: "Closed for the funeral of Ada's teacher.".to_owned(),
        },
        way: Way::Said,
        done: None,
        overridden: Some(Override { rule: rule.clone(), week: None, instead: Instead::Count(12), reason, by, on: day }),
        rule,
    }
}

fn placement() -> PlacementId {
    PlacementId(Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_4f2a_1c9e))
}

fn stamp() -> DateTime<Utc> {
    "2026-11-17T11:04:00Z".parse().unwrap()
}

/// Lines with their folds undone.
fn unfolded(text: &str) -> Vec<String> {
    assert!(text.ends_with("\r\n") && !text.replace("\r\n", "").contains(['\r', '\n']), "lines end in CR LF");
    text.replace("\r\n ", "").split_terminator("\r\n").map(str::to_owned).collect()
}

/// A text value with its escapes undone.
fn unescaped(text: &str) -> String {
    let (mut out, mut chars) = (String::new(), text.chars());
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('n')) => out.push('\n'),
            ('\\', Some(next)) => out.push(next),
            (c, _) => out.push(c),
        }
    }
    out
}

#[test]
fn one_entry_in_full() {
    let due = due("Planning meeting held");
    let lines = unfolded(&feed(&[(placement(), &due)], stamp()));
    assert_eq!(
        lines,
        [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "PRODID:-//Windowseat//What is due//EN",
            "CALSCALE:GREGORIAN",
            "METHOD:PUBLISH",
            "X-WR-CALNAME:Windowseat: what is due",
            "BEGIN:VEVENT",
            "UID:planning-meeting-01920000-0000-7000-8000-00004f2a1c9e@windowseat",
            "DTSTAMP:20261117T110400Z",
            "DTSTART;VALUE=DATE:20261119",
            "DTEND;VALUE=DATE:20261120",
            "SUMMARY:Planning meeting held: 4F2A-1C9E",
            "DESCRIPTION:Due by the end of this day. Case 4F2A-1C9E. Source H-14. Counted from: panel hearing\\, Thursday 5 November 2026.",
            "TRANSP:TRANSPARENT",
            "CLASS:CONFIDENTIAL",
            "END:VEVENT",
            "END:VCALENDAR",
        ]
    );
}

#[test]
fn nothing_that_a_person_typed_leaves_the_house() {
    let text = feed(&[(placement(), &due("Planning meeting held"))], stamp()).replace("\r\n ", "");
    for word in ["Ada", "operation", "funeral", "teacher"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
}

#[test]
fn what_is_done_is_left_out_and_a_moved_day_keeps_its_name() {
    let mut one = due("Planning meeting held");
    let name = |due: &Due| unfolded(&feed(&[(placement(), due)], stamp())).into_iter().find(|line| line.starts_with("UID"));
    let before = name(&one);
    one.day = "2026-11-20".parse().unwrap();
    assert_eq!(name(&one), before);
    one.week = Some(3);
    assert_ne!(name(&one), before);
    one.done = Some(one.day);
    assert_eq!(name(&one), None);
}

#[test]
fn a_feed_is_bounded() {
    let one = due("Weekly review");
    let many: Vec<_> = (0..MAX_ENTRIES as u128 + 5).map(|n| (PlacementId(Uuid::from_u128(n)), &one)).collect();
    assert_eq!(feed(&many, stamp()).matches("BEGIN:VEVENT").count(), MAX_ENTRIES);
}

proptest! {
    #[test]
    fn any_title_survives_folding_and_escaping(title in "(\\PC|[\n,;\\\\é€😀]){0,120}") {
        let one = due(&title);
        let text = feed(&[(placement(), &one)], stamp());
        prop_assert!(text.split("\r\n").all(|line| line.len() <= 75), "no line is over 75 octets");
        let lines = unfolded(&text);
        let said = lines.iter().find_map(|line| line.strip_prefix("SUMMARY:")).unwrap();
        prop_assert_eq!(unescaped(said), format!("{title}: 4F2A-1C9E"));
        prop_assert_eq!(lines.len(), 17, "no title makes a line of its own");
    }
}
