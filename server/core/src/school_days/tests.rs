//! Counting across half-term, INSET, closures, weekends and the days on which clocks change.

use chrono::Datelike;
use proptest::prelude::*;

use super::*;

pub(crate) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// Days from one to another, both included.
pub(crate) fn days(from: &str, until: &str) -> impl Iterator<Item = NaiveDate> {
    let until = day(until);
    day(from).iter_days().take_while(move |day| *day <= until)
}

fn london() -> Calendar {
    Calendar::new("Europe/London", None, []).unwrap()
}

/// Autumn 2026 at one school: half-term 26–30 October, INSET on Friday 27 November, Christmas from 21 December to 1 January.
pub(crate) fn school() -> SchoolDays {
    let off = days("2026-10-26", "2026-10-30")
        .chain(days("2026-12-21", "2027-01-01"))
        .map(|day| (day, DayOff::Holiday))
        .chain([(day("2026-11-27"), DayOff::Inset)]);
    SchoolDays::new(london(), off)
}

fn check(start: &str, count: u16, expected: &str) -> Count {
    let found = school().after(day(start), count).unwrap();
    assert_eq!(found.day, day(expected), "{start} + {count}");
    found
}

#[test]
fn ten_school_days_after_a_panel_are_two_weeks_of_school() {
    let count = check("2026-11-05", 10, "2026-11-19");
    assert_eq!(listed_days(&count.counted()), "6, 9–13 and 16–19 November");
    assert_eq!(listed_days(&count.skipped(DayOff::Weekend)), "7–8 and 14–15 November");
    assert_eq!(count.not_counted(), None);
    assert_eq!(count.steps[0].line("school day"), "Friday 6 November 2026: school day 1");
    assert_eq!(count.steps[1].line("school day"), "Saturday 7 November 2026: weekend, not counted");
}

#[test]
fn half_term_and_inset_are_skipped_and_named() {
    let count = check("2026-10-22", 3, "2026-11-03");
    assert_eq!(listed_days(&count.counted()), "23 October and 2–3 November");
    assert_eq!(count.not_counted().as_deref(), Some("Not counted: 26–30 October (holiday)."));
    let count = check("2026-11-25", 2, "2026-11-30");
    assert_eq!(count.not_counted().as_deref(), Some("Not counted: 27 November (INSET)."));
}

#[test]
fn the_same_rule_gives_other_days_at_another_school() {
    // Across the border of the authority, half-term is a week earlier, and the boiler broke on 10 and 11 November.
    let off = days("2026-10-19", "2026-10-23").map(|day| (day, DayOff::Holiday));
    let closed = Calendar::new("Europe/London", None, [day("2026-11-10"), day("2026-11-11")]).unwrap();
    let other = SchoolDays::new(closed, off);
    let count = other.after(day("2026-11-05"), 10).unwrap();
    assert_eq!(count.day, day("2026-11-23"));
    assert_eq!(count.not_counted().as_deref(), Some("Not counted: 10–11 November (closed)."));
    assert_eq!(other.after(day("2026-10-22"), 3).unwrap().day, day("2026-10-28"));
    assert_eq!(school().after(day("2026-10-22"), 3).unwrap().day, day("2026-11-03"));
}

#[test]
fn school_weeks_leave_out_half_term_and_end_on_their_last_school_day() {
    let count = school().end_of_week(day("2026-10-19"), 4).unwrap();
    assert_eq!(count.day, day("2026-11-20"), "19 October + 4 school weeks");
    let weeks: Vec<_> = count.steps.iter().map(|step| (step.day.to_string(), step.is)).collect();
    assert_eq!(weeks[1], ("2026-10-26".to_owned(), Looked::Skipped(DayOff::Holiday)));
    assert_eq!(weeks[4], ("2026-11-16".to_owned(), Looked::Counted(4)));
    // The week of an INSET Friday ends on Thursday.
    assert_eq!(school().end_of_week(day("2026-10-19"), 5).unwrap().day, day("2026-11-26"));
    assert_eq!(school().end_of_week(day("2026-10-19"), 9).unwrap().day, day("2027-01-08"), "over Christmas");
    assert_eq!(school().end_of_week(day("2026-10-28"), 1).unwrap().day, day("2026-11-06"), "begun in half-term");
    assert_eq!(school().end_of_week(day("2026-10-19"), 0), Err(NeverOpen));
}

#[test]
fn weeks_have_numbers_only_where_there_is_school() {
    let number = |at| school().week_number(day("2026-10-19"), day(at));
    assert_eq!(number("2026-10-18"), None);
    assert_eq!(number("2026-10-19"), Some(1));
    assert_eq!(number("2026-10-25"), Some(1));
    assert_eq!(number("2026-10-28"), None);
    assert_eq!(number("2026-11-02"), Some(2));
    assert_eq!(number("2026-12-14"), Some(8));
    assert_eq!(number("2027-01-04"), Some(9));
    assert_eq!(school().monday_of_week(day("2026-10-19"), 8), Some(day("2026-12-14")));
}

#[test]
fn a_day_is_over_at_the_schools_midnight_in_summer_and_in_winter() {
    let over = |due, now: &str| school().is_over(day(due), now.parse().unwrap());
    // British summer time ends on 25 October 2026: midnight is 23:00 UTC before and 00:00 UTC after.
    assert!(!over("2026-10-23", "2026-10-23T22:59:59Z"));
    assert!(over("2026-10-23", "2026-10-23T23:00:00Z"));
    assert!(!over("2026-10-26", "2026-10-26T23:59:59Z"));
    assert!(over("2026-10-26", "2026-10-27T00:00:00Z"));
}

#[test]
fn the_days_on_which_clocks_change_count_as_any_other() {
    // 29 March and 25 October are Sundays of 23 and 25 hours.
    assert_eq!(check("2026-03-26", 2, "2026-03-30").steps.len(), 4);
    let count = SchoolDays::new(london(), []).days_after(day("2026-03-26"), 14).unwrap();
    assert_eq!(count.day, day("2026-04-09"));
    assert_eq!(SchoolDays::new(london(), []).days_after(day("2026-10-20"), 14).unwrap().day, day("2026-11-03"));
}

#[test]
fn before_a_panel_the_last_school_day_is_found_backwards() {
    let before = |panel, earliest| school().last_before(day(panel), day(earliest)).map(|count| count.day);
    assert_eq!(before("2026-11-30", "2026-11-02"), Ok(day("2026-11-26")), "over a weekend and INSET");
    assert_eq!(before("2026-11-02", "2026-10-01"), Ok(day("2026-10-23")), "over half-term");
    assert_eq!(before("2026-11-02", "2026-10-26"), Err(NeverOpen));
}

#[test]
fn a_calendar_that_ends_too_early_says_so() {
    let until = school().entered(Entered::Until(day("2027-01-01")));
    assert_eq!(until.after(day("2026-11-05"), 10).unwrap().doubt(), None);
    let said = until.after(day("2026-12-17"), 5).unwrap().doubt().unwrap();
    assert_eq!(said, "No holidays are entered after Friday 1 January 2027: this date may move.");
    let nothing = school().entered(Entered::Nothing).after(day("2026-11-05"), 1).unwrap();
    assert_eq!(nothing.doubt().unwrap(), "No holidays are entered: this date may move.");
    assert_eq!(until.days_after(day("2026-12-17"), 40).unwrap().doubt(), None, "holidays do not matter to calendar days");
    let weeks = school().end_of_week(day("2026-10-19"), 9).unwrap();
    assert_eq!(weeks.not_counted().unwrap(), "Not counted: the weeks of 26 October, 21 and 28 December (holiday).");
    let never = SchoolDays::new(london(), day("2026-01-01").iter_days().take(4000).map(|day| (day, DayOff::Closure)));
    assert_eq!(never.after(day("2026-11-05"), 1), Err(NeverOpen));
    assert_eq!(never.end_of_week(day("2026-11-05"), 1), Err(NeverOpen));
}

#[test]
fn a_schools_words_become_a_kind() {
    for (words, kind) in [
        ("Half-term", DayOff::Holiday),
        ("INSET day", DayOff::Inset),
        ("Staff training", DayOff::Inset),
        ("Christmas holidays", DayOff::Holiday),
        ("Boiler", DayOff::Closure),
        ("", DayOff::Closure),
    ] {
        assert_eq!(DayOff::of_words(words), kind, "{words}");
    }
}

#[test]
fn days_are_listed_as_people_write_them() {
    let list = |texts: &[&str]| listed_days(&texts.iter().map(|text| day(text)).collect::<Vec<_>>());
    assert_eq!(list(&[]), "no day");
    assert_eq!(list(&["2026-11-06"]), "6 November");
    assert_eq!(list(&["2026-10-30", "2026-10-31", "2026-11-01"]), "30 October–1 November");
    assert_eq!(list(&["2026-12-31", "2027-12-31"]), "31 December and 31 December");
}

prop_compose! {
    fn calendars()(off in proptest::collection::btree_map(0_u64..200, 0_u8..3, 0..60)) -> SchoolDays {
        let kind = [DayOff::Holiday, DayOff::Inset, DayOff::Closure];
        let off = off.into_iter().map(|(n, k)| (day("2026-09-01") + Days::new(n), kind[usize::from(k)]));
        SchoolDays::new(london(), off)
    }
}

proptest! {
    #[test]
    fn every_day_is_looked_at_once_and_as_many_are_counted_as_asked(calendar in calendars(), from in 0_u64..150, count in 0_u16..60) {
        let start = day("2026-09-01") + Days::new(from);
        let found = calendar.after(start, count).unwrap();
        let looked: Vec<_> = found.steps.iter().map(|step| step.day).collect();
        let all: Vec<_> = start.iter_days().skip(1).take_while(|day| *day <= found.day).collect();
        prop_assert_eq!(looked, all);
        prop_assert_eq!(found.counted().len(), usize::from(count));
        prop_assert!(found.counted().iter().all(|day| calendar.is_school_day(*day) && day.weekday().num_days_from_monday() < 5));
        prop_assert!(count == 0 || found.counted().last() == Some(&found.day));
        prop_assert_eq!(calendar.between(start, found.day), count);
    }

    #[test]
    fn counting_in_two_goes_is_counting_at_once(calendar in calendars(), from in 0_u64..150, a in 0_u16..30, b in 0_u16..30) {
        let start = day("2026-09-01") + Days::new(from);
        let half = calendar.after(start, a).unwrap().day;
        prop_assert_eq!(calendar.after(half, b).unwrap().day, calendar.after(start, a + b).unwrap().day);
    }

    #[test]
    fn one_closure_more_never_makes_a_day_earlier(calendar in calendars(), from in 0_u64..150, count in 1_u16..60, closed in 0_u64..200) {
        let start = day("2026-09-01") + Days::new(from);
        let mut more = calendar.clone();
        more.off.insert(day("2026-09-01") + Days::new(closed), DayOff::Closure);
        prop_assert!(more.after(start, count).unwrap().day >= calendar.after(start, count).unwrap().day);
        prop_assert!(more.end_of_week(start, count).unwrap().day >= start);
    }

    #[test]
    fn the_number_of_a_week_and_the_end_of_that_week_agree(calendar in calendars(), from in 0_u64..150, count in 1_u16..20) {
        let start = day("2026-09-01") + Days::new(from);
        let found = calendar.end_of_week(start, count).unwrap();
        prop_assert!(calendar.is_school_day(found.day));
        prop_assert_eq!(calendar.week_number(start, found.day), Some(count));
        let next = calendar.after(found.day, 1).unwrap().day;
        prop_assert_eq!(calendar.week_number(start, next), Some(count + 1));
    }
}
