//! School days, closures, two-week cycles and the days on which clocks change.

use proptest::prelude::*;

use super::*;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn london() -> Calendar {
    Calendar::new("Europe/London", Some(day("2026-09-07")), [day("2026-10-26")]).unwrap()
}

fn check(at: &str, minutes: u16, expected: &str) {
    assert_eq!(london().instant(day(at), minutes), expected.parse::<DateTime<Utc>>().unwrap(), "{at} + {minutes} min");
}

#[test]
fn wall_clock_times_follow_summer_time() {
    check("2026-11-23", 8 * 60 + 50, "2026-11-23T08:50:00Z");
    check("2026-06-22", 8 * 60 + 50, "2026-06-22T07:50:00Z");
    check("2026-06-22", 1440, "2026-06-22T23:00:00Z");
}

#[test]
fn a_time_that_the_clocks_skip_is_when_they_skip() {
    check("2026-03-29", 90, "2026-03-29T01:00:00Z");
    check("2026-03-29", 60, "2026-03-29T01:00:00Z");
    check("2026-03-29", 59, "2026-03-29T00:59:00Z");
}

#[test]
fn of_a_time_that_the_clocks_show_twice_the_first_is_meant() {
    check("2026-10-25", 90, "2026-10-25T00:30:00Z");
}

#[test]
fn days_have_23_24_or_25_hours() {
    for (at, hours) in [("2026-03-29", 23), ("2026-03-30", 24), ("2026-10-25", 25)] {
        let (start, end) = london().bounds(day(at));
        assert_eq!((end - start).num_hours(), hours, "{at}");
    }
}

#[test]
fn weeks_alternate_through_holidays_and_backwards() {
    let calendar = london();
    for (at, week) in [
        ("2026-09-07", Week::One),
        ("2026-09-13", Week::One),
        ("2026-09-14", Week::Two),
        ("2026-11-02", Week::One),
        ("2026-08-31", Week::Two),
    ] {
        assert_eq!(calendar.week(day(at)), week, "{at}");
    }
    assert_eq!(Calendar::new("Europe/London", None, []).unwrap().week(day("2026-09-14")), Week::One);
}

#[test]
fn closures_and_unknown_zones() {
    assert!(!london().is_open(day("2026-10-26")));
    assert!(london().is_open(day("2026-10-27")));
    assert_eq!(Calendar::new("Europe/Lndon", None, []).unwrap_err(), UnknownZone("Europe/Lndon".to_owned()));
}

proptest! {
    #[test]
    fn later_on_the_wall_is_never_earlier_in_time(offset in 0u64..2000, a in 0u16..1440, b in 0u16..1440, zone in prop::sample::select(vec!["Europe/London", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia"])) {
        let calendar = Calendar::new(zone, None, []).unwrap();
        let at = day("2025-01-01") + Days::new(offset);
        let (a, b) = (a.min(b), a.max(b));
        prop_assert!(calendar.instant(at, a) <= calendar.instant(at, b));
        let (start, end) = calendar.bounds(at);
        prop_assert!(start <= calendar.instant(at, a) && calendar.instant(at, b) <= end);
        prop_assert_eq!(end, calendar.bounds(at + Days::new(1)).0);
    }

    #[test]
    fn both_weeks_come_in_turn(offset in 0u64..2000) {
        let at = day("2025-01-01") + Days::new(offset);
        prop_assert_ne!(london().week(at), london().week(at + Days::new(7)));
        prop_assert_eq!(london().week(at), london().week(at + Days::new(14)));
    }
}

#[test]
fn a_term_that_starts_anew_with_week_1_leaves_the_weeks_before_it() {
    let week =
        |ones: &[&str], at: &str| Calendar::new("Europe/London", ones.iter().map(|one| day(one)), []).unwrap().week(day(at));
    // 2026-10-26 would be week 2 of the first count; the new half-term makes it week 1.
    for (at, before, after) in [
        ("2026-08-31", Week::Two, Week::Two),
        ("2026-09-07", Week::One, Week::One),
        ("2026-10-25", Week::One, Week::One),
        ("2026-10-26", Week::Two, Week::One),
        ("2026-11-08", Week::One, Week::Two),
        ("2026-11-09", Week::Two, Week::One),
    ] {
        assert_eq!((week(&["2026-09-07"], at), week(&["2026-09-07", "2026-10-28"], at)), (before, after), "{at}");
    }
    assert_eq!(week(&[], "2026-10-26"), Week::One);
}
