//! What counts as a contact, and what is owed over half-term and holidays.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::calendar::Calendar;
use crate::policy::tests::{code, havering, plain};
use crate::school_days::SchoolDays;
use crate::school_days::tests::{day, school};

fn contact(on: &str, by: By, with: &[Party]) -> Contact {
    Contact {
        on: day(on),
        by,
        with: with.iter().copied().collect(),
        written_by: PersonId(Uuid::nil()),
        outcome: None,
        notes: None,
    }
}

fn rule(id: &str) -> ContactRule {
    havering().contacts.into_iter().find(|rule| rule.id == code(id)).unwrap()
}

const BOTH: &[Party] = &[Party::Pupil, Party::HomeSchool];

fn robot(spoke: Option<u128>) -> By {
    By::Robot { session: SessionId(Uuid::nil()), spoke: spoke.map(|n| PersonId(Uuid::from_u128(n))) }
}

#[test]
fn l_5_a_connection_alone_is_not_contact() {
    let check =
        |id: &str, by, with: &[Party], expected| assert_eq!(counts(&rule(id), &contact("2026-11-16", by, with)), expected);
    check("home-school", By::Call, BOTH, Ok(()));
    check("home-school", robot(None), BOTH, Err(NotCounted::ConnectionAlone));
    check("home-school", robot(Some(7)), BOTH, Ok(()));
    check("home-school", By::Attempt, BOTH, Err(NotCounted::NoAnswer));
    check("home-school", By::Call, &[Party::HomeSchool, Party::Parent], Err(NotCounted::Without(vec![Party::Pupil])));
    check("parent", robot(Some(7)), &[Party::Parent], Err(NotCounted::NotByRobot));
    check("parent", By::Message, &[Party::Parent], Ok(()));
    assert_eq!(NotCounted::Without(vec![Party::Pupil]).to_string(), "it needs the pupil too");
}

#[test]
fn a_23_a_check_says_what_it_found_and_why() {
    let check = |outcome, notes: Option<&str>, expected| {
        let notes = notes.map(|text| Words::new(text).unwrap());
        let one = Contact { outcome, notes, ..contact("2026-11-16", By::Call, &[Party::HomeSchool]) };
        assert_eq!(counts(&rule("robot-in-use"), &one), expected);
    };
    check(None, None, Err(NotCounted::NoOutcome));
    check(Some(CheckOutcome::InUse), None, Ok(()));
    check(Some(CheckOutcome::BackInClass), None, Ok(()));
    check(Some(CheckOutcome::NotUsed), None, Err(NotCounted::NoReason));
    check(Some(CheckOutcome::Less), Some("Wi-Fi of Room 12"), Ok(()));
}

fn run<T>(log: &[Contact], today: &str, read: impl FnOnce(&[Cadence], &Calendars<'_>) -> T) -> T {
    let school = school();
    let calendars = Calendars { home_school: &school, provider: &school, receiving_school: &school };
    let all = cadences(&havering(), Route::Medical, log, &[], &calendars, day("2026-10-19"), day(today));
    read(&all, &calendars)
}

/// The first rule is the weekly contact with the home school: days by which it was due, and when it was done.
fn weekly(log: &[Contact], today: &str) -> Vec<String> {
    run(log, today, |all, _| {
        let done = |due: &Due| due.done.map_or("open".to_owned(), |day| day.format("%d").to_string());
        all[0].due.iter().map(|due| format!("{} {}", due.day.format("%d %b"), done(due))).collect()
    })
}

#[test]
fn each_school_week_wants_a_contact_of_its_own_and_half_term_wants_none() {
    let log = [
        contact("2026-10-20", By::Call, BOTH),
        contact("2026-10-22", By::Call, BOTH),
        contact("2026-11-09", robot(None), BOTH),
        contact("2026-11-16", robot(Some(7)), BOTH),
    ];
    assert_eq!(weekly(&log, "2026-11-17"), ["23 Oct 20", "06 Nov open", "13 Nov open", "20 Nov 16"]);
    run(&log, "2026-11-17", |all, calendars| {
        let missed: Vec<_> = all[0].missed(calendars, "2026-11-17T11:00:00Z".parse().unwrap()).map(|due| due.day).collect();
        assert_eq!(missed, [day("2026-11-06"), day("2026-11-13")]);
        assert_eq!(all[0].last, Some(day("2026-11-16")));
        assert!(all[0].due[1].arithmetic.sentence.ends_with("Due by Friday 6 November 2026."));
        let periods: Vec<_> = all[0].due.iter().map(|due| all[0].period_of(due).unwrap()).collect();
        assert_eq!(periods[1], (day("2026-11-02"), day("2026-11-06")), "after half-term");
    });
}

#[test]
fn l_5_what_is_owed_is_one_thing_a_rule_due_since_the_first_week_without_a_contact() {
    let now = |today: &str| format!("{today}T11:00:00Z").parse().unwrap();
    let owed = |log: &[Contact], today: &str| {
        run(log, today, |all, calendars| all[0].owed(calendars, now(today)).map(|due| (due.day, due.arithmetic.sentence)))
    };
    let (early, late) = (contact("2026-10-20", By::Call, BOTH), contact("2026-11-17", By::Call, BOTH));
    let (since, sentence) = owed(std::slice::from_ref(&early), "2026-11-17").unwrap();
    assert_eq!(since, day("2026-11-06"));
    assert!(sentence.ends_with("Nothing counted in 2 such times, one after the other."), "{sentence}");
    assert_eq!(owed(&[early.clone(), late], "2026-11-17"), None, "one contact settles it");
    assert_eq!(owed(&[early], "2026-11-04").map(|(day, _)| day), Some(since), "it is asked before it is late");
}

#[test]
fn a_contact_in_the_holidays_belongs_to_the_week_before_them() {
    assert_eq!(weekly(&[contact("2026-10-28", By::Visit, BOTH)], "2026-11-01"), ["23 Oct 28"]);
    assert_eq!(weekly(&[contact("2026-10-28", By::Visit, BOTH)], "2026-11-02"), ["23 Oct 28", "06 Nov open"]);
}

#[test]
fn one_contact_is_enough_where_the_policy_says_once() {
    run(
        &[contact("2026-10-21", By::Visit, &[Party::Pupil, Party::ProviderLead, Party::HomeSchool])],
        "2026-12-01",
        |all, _| {
            let once = &all[3].due;
            assert_eq!((once.len(), once[0].done, once[0].week), (1, Some(day("2026-10-21")), None));
            assert_eq!(all[1].due.len(), 3, "a parent is heard every two school weeks");
        },
    );
}

#[test]
fn a_10_what_is_owed_once_is_done_also_by_a_contact_that_came_late() {
    let late = contact("2026-11-23", By::Visit, &[Party::Pupil, Party::ProviderLead, Party::HomeSchool]);
    run(&[late], "2026-12-01", |all, calendars| {
        let once = &all[3].due;
        assert_eq!((once.len(), once[0].day, once[0].done), (1, day("2026-11-06"), Some(day("2026-11-23"))));
        assert_eq!(all[3].owed(calendars, "2026-12-01T11:00:00Z".parse().unwrap()), None, "nothing is owed for good");
    });
}

#[test]
fn rules_for_one_route_are_left_out_on_others_and_rules_in_days_follow_the_last_contact() {
    let school = school();
    let calendars = Calendars { home_school: &school, provider: &school, receiving_school: &school };
    let all =
        |pack: &Pack, route, log: &[Contact]| cadences(pack, route, log, &[], &calendars, day("2026-10-19"), day("2026-11-17"));
    assert_eq!(all(&havering(), Route::Medical, &[]).len(), 4);
    assert_eq!(all(&havering(), Route::Exclusion, &[]).len(), 3);
    let mut pack = plain();
    pack.contacts[0].unit = Unit::SchoolDays;
    pack.contacts[0].every = 5;
    assert_eq!(all(&pack, Route::Medical, &[])[0].due[0].day, day("2026-11-02"));
    let log = [contact("2026-10-22", By::Call, BOTH)];
    assert_eq!(all(&pack, Route::Medical, &log)[0].due[0].day, day("2026-11-05"));
}

#[test]
fn a_week_may_be_left_out_with_a_reason_and_a_rule_be_slower() {
    let school = school();
    let calendars = Calendars { home_school: &school, provider: &school, receiving_school: &school };
    let weekly = |own: &[(Option<u16>, Instead)]| {
        let make = |(week, instead): &(Option<u16>, Instead)| Override {
            rule: code("home-school"),
            week: *week,
            instead: *instead,
            reason: crate::words::Reason::new("In theatre, then on intensive care.").unwrap(),
            by: PersonId(Uuid::nil()),
            on: day("2026-11-01"),
        };
        let overrides: Vec<_> = own.iter().map(make).collect();
        let all = cadences(&havering(), Route::Medical, &[], &overrides, &calendars, day("2026-10-19"), day("2026-11-17"));
        all[0].due.iter().map(|due| due.day.format("%d %b").to_string()).collect::<Vec<_>>()
    };
    assert_eq!(weekly(&[]), ["23 Oct", "06 Nov", "13 Nov", "20 Nov"]);
    assert_eq!(weekly(&[(Some(2), Instead::DoesNotApply)]), ["23 Oct", "13 Nov", "20 Nov"]);
    assert_eq!(weekly(&[(Some(2), Instead::Day(day("2026-11-08")))]), ["23 Oct", "08 Nov", "13 Nov", "20 Nov"]);
    assert_eq!(weekly(&[(None, Instead::Count(2))]), ["06 Nov", "20 Nov"]);
    assert!(weekly(&[(None, Instead::DoesNotApply)]).is_empty());
}

proptest! {
    #[test]
    fn every_period_is_there_once_in_order_and_done_only_by_what_counts(
        log in proptest::collection::vec((0_u64..80, 0_u8..5), 0..40),
        closed in proptest::collection::btree_set(0_u64..90, 0..25),
        until in 0_u64..80,
    ) {
        let at = |n: u64| day("2026-09-07") + chrono::Days::new(n);
        let by = [By::Call, By::Attempt, robot(None), robot(Some(1)), By::Visit];
        let log: Vec<_> = log.iter().map(|(n, how)| contact(&at(*n).to_string(), by[usize::from(*how)], BOTH)).collect();
        let calendar = Calendar::new("Europe/London", None, closed.into_iter().map(at)).unwrap();
        let school = SchoolDays::new(calendar, []);
        let calendars = Calendars { home_school: &school, provider: &school, receiving_school: &school };
        let all = cadences(&havering(), Route::Medical, &log, &[], &calendars, at(0), at(until));
        let due = &all[0].due;
        prop_assert!(due.windows(2).all(|pair| pair[0].day < pair[1].day));
        prop_assert!(due.iter().filter(|due| due.day <= at(until)).count() + 1 >= due.len(), "one period is under way at most");
        for one in due {
            if let Some(done) = one.done {
                prop_assert!(log.iter().any(|contact| contact.on == done && counts(&rule("home-school"), contact).is_ok()));
            }
        }
        // Without an entry nothing is done; with one a day, everything is.
        let daily: Vec<_> = (0..=until).map(|n| contact(&at(n).to_string(), By::Call, BOTH)).collect();
        let all = cadences(&havering(), Route::Medical, &daily, &[], &calendars, at(0), at(until));
        let past = all[0].due.iter().filter(|due| due.day <= at(until));
        prop_assert!(past.clone().all(|due| due.done.is_some()), "{:?}", past.collect::<Vec<_>>());
    }
}
