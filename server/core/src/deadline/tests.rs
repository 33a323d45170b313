//! Worked examples of limits in real weeks, with the packs that are in the binary.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::calendar::Calendar;
use crate::policy::NotAnOverride;
use crate::policy::tests::{code, havering, plain};
use crate::school_days::DayOff;
use crate::school_days::tests::{day, days, school};
use crate::words::Reason;

/// The provider has the same half-term, no INSET, and is closed on 12 November.
fn provider() -> SchoolDays {
    let off = days("2026-10-26", "2026-10-30").chain(days("2026-12-21", "2027-01-01")).map(|day| (day, DayOff::Holiday));
    SchoolDays::new(Calendar::new("Europe/London", None, [day("2026-11-12")]).unwrap(), off)
}

/// The case on the pages of the design: at the provider from 19 October, heard by the panel on 5 November.
fn facts() -> Facts {
    let events = [
        (Event::ProviderStart, day("2026-10-19")),
        (Event::PanelHearing, day("2026-11-05")),
        (Event::SchoolStart, day("2026-12-14")),
        (Event::PartTimeEnd, day("2027-01-29")),
    ];
    Facts { today: day("2027-02-01"), route: Some(Route::Medical), events: events.into(), ..Facts::default() }
}

fn with<T>(facts: &Facts, pack: &Pack, read: impl FnOnce(Schedule, &Calendars<'_>) -> T) -> T {
    let (school, provider) = (school(), provider());
    let calendars = Calendars { home_school: &school, provider: &provider, receiving_school: &school };
    read(schedule(pack, facts, &calendars), &calendars)
}

fn find_due<'a>(schedule: &'a Schedule, rule: &str, week: Option<u16>) -> &'a Due {
    schedule.due.iter().find(|due| due.rule == code(rule) && due.week == week).unwrap()
}

/// The day and the sentence of one rule of Havering.
fn check(facts: &Facts, rule: &str, week: Option<u16>, expected: &str, sentence: &str) {
    with(facts, &havering(), |schedule, _| {
        let due = find_due(&schedule, rule, week);
        assert_eq!((due.day, due.arithmetic.sentence.as_str()), (day(expected), sentence), "{rule}");
    });
}

#[test]
fn h_14_the_planning_meeting_is_within_ten_school_days_of_the_panel() {
    check(
        &facts(),
        "planning-meeting",
        None,
        "2026-11-19",
        "Panel hearing on Thursday 5 November 2026, plus 10 school days of the receiving school: 6, 9–13 and 16–19 November. \
         Due by Thursday 19 November 2026.",
    );
}

#[test]
fn h_12_the_return_begins_within_ten_school_days_over_half_term() {
    let mut facts = facts();
    facts.events.insert(Event::PanelHearing, day("2026-10-20"));
    check(
        &facts,
        "start-after-panel",
        None,
        "2026-11-10",
        "Panel hearing on Tuesday 20 October 2026, plus 10 school days of the receiving school: 21–23 October, 2–6 and 9–10 November. \
         Not counted: 26–30 October (holiday). Due by Tuesday 10 November 2026.",
    );
    with(&facts, &havering(), |schedule, _| {
        let lines: Vec<_> = find_due(&schedule, "start-after-panel", None).arithmetic.lines().collect();
        assert_eq!(lines.len(), 21);
        assert_eq!(lines[0], "Wednesday 21 October 2026: school day 1");
        assert_eq!(lines[5], "Monday 26 October 2026: holiday, not counted");
        assert_eq!(lines[20], "Tuesday 10 November 2026: school day 10");
    });
}

#[test]
fn h_23_the_four_week_review_leaves_half_term_out_and_follows_the_providers_calendar() {
    check(
        &facts(),
        "four-week-review",
        None,
        "2026-11-20",
        "Start at the provider on Monday 19 October 2026, in the last of 4 school weeks of the provider. \
         Not counted: the week of 26 October (holiday). Due by Friday 20 November 2026.",
    );
}

#[test]
fn f_7_a_limit_of_one_school_week_is_said_in_words() {
    let rule = code("look-before-transition");
    let packs = Pack::built_in().unwrap();
    let second = packs.iter().find(|pack| pack.deadline(&rule).is_some()).unwrap();
    with(&facts(), second, |schedule, _| {
        assert_eq!(
            find_due(&schedule, "look-before-transition", None).arithmetic.sentence,
            "Start at the school on Monday 14 December 2026, in the first school week of the receiving school from then on. \
             Due by Friday 18 December 2026."
        );
    });
}

#[test]
fn h_15_weekly_reviews_over_christmas() {
    with(&facts(), &havering(), |schedule, _| {
        let days: Vec<_> = (1..=4).map(|week| find_due(&schedule, "weekly-review", Some(week)).day.to_string()).collect();
        assert_eq!(days, ["2026-12-18", "2027-01-08", "2027-01-15", "2027-01-22"]);
        assert_eq!(find_due(&schedule, "weekly-review", Some(2)).title, "Weekly review with pupil and parent, week 2");
        assert!(schedule.due.is_sorted_by_key(|due| due.day));
    });
}

#[test]
fn h_20_the_panels_office_is_told_before_the_next_panel() {
    let mut facts = facts();
    with(&facts, &havering(), |schedule, _| {
        let asks = |(rule, _): &(Code, Undated)| *rule == code("tell-panel");
        assert!(!schedule.undated.iter().any(asks), "the medical route has no panel");
    });
    facts.route = Some(Route::Exclusion);
    let told = |facts: &Facts| {
        with(facts, &havering(), |schedule, _| {
            schedule.due.iter().find(|due| due.rule == code("tell-panel")).map(|due| due.day)
        })
    };
    let why = |facts: &Facts| {
        with(facts, &havering(), |schedule, _| {
            schedule.undated.iter().find(|(rule, _)| *rule == code("tell-panel")).map(|(_, why)| *why)
        })
    };
    assert_eq!(why(&facts), Some(Undated::Waits(Event::SuccessAgreed)));
    facts.events.insert(Event::SuccessAgreed, day("2026-11-10"));
    assert_eq!(why(&facts), Some(Undated::NoDate(Series::Panel)));
    facts.series.insert(Series::Panel, ["2026-11-05", "2026-11-10", "2026-11-30", "2027-01-14"].map(day).into());
    // Monday 30 November: Friday is INSET, so Thursday it is.
    assert_eq!(told(&facts), Some(day("2026-11-26")));
    facts.events.insert(Event::SuccessAgreed, day("2026-11-28"));
    assert_eq!(told(&facts), Some(day("2026-11-28")), "agreed at the weekend before: at once");
}

#[test]
fn d_4_a_part_time_arrangement_ends_on_its_day() {
    check(
        &facts(),
        "part-time-ends",
        None,
        "2027-01-29",
        "Agreed end of the part-time arrangement on Friday 29 January 2027. Due by Friday 29 January 2027.",
    );
}

#[test]
fn a_closed_plan_asks_for_nothing_but_what_its_success_owes() {
    let mut facts = facts();
    facts.route = Some(Route::Exclusion);
    with(&facts, &havering(), |schedule, _| assert!(schedule.due.len() > 1 && !schedule.undated.is_empty()));
    facts.is_closed = true;
    // Report: a plan that broke down had "Tell the panel's office that the return succeeded" waiting for ever.
    with(&facts, &havering(), |schedule, _| assert_eq!((schedule.due.len(), schedule.undated), (0, vec![])));
    facts.events.insert(Event::SuccessAgreed, day("2026-12-01"));
    facts.series.insert(Series::Panel, [day("2026-12-10")].into());
    with(&facts, &havering(), |schedule, _| {
        let rules: Vec<&str> = schedule.due.iter().map(|due| due.rule.as_str()).collect();
        assert_eq!((rules, schedule.undated), (vec!["tell-panel"], vec![]));
    });
}

#[test]
fn d_6_fifteen_days_of_sickness_are_information_and_never_late() {
    let mut facts = facts();
    let halves = |n: usize| {
        days("2026-11-02", "2026-12-18")
            .filter(|day| school().is_school_day(*day))
            .flat_map(|day| [(day, HalfDay::Am), (day, HalfDay::Pm)])
            .take(n)
            .collect()
    };
    facts.tallies.insert(Tally::Sickness, halves(29));
    with(&facts, &havering(), |schedule, _| {
        assert!(schedule.undated.contains(&(code("sickness-return"), Undated::SoFar { half_days: 29, of: 30 })));
    });
    facts.tallies.insert(Tally::Sickness, halves(30));
    with(&facts, &havering(), |schedule, calendars| {
        let due = find_due(&schedule, "sickness-return", None);
        assert_eq!(due.day, day("2026-11-20"));
        assert_eq!(due.urgency(calendars, "2027-03-01T09:00:00Z".parse().unwrap()), Urgency::Information);
    });
}

#[test]
fn h_16_limits_that_go_to_the_end_of_the_plan_go_on_with_the_weeks_that_were_added() {
    let mut facts = Facts { planned: Some((Event::SchoolStart, 6)), more_weeks: 2, ..facts() };
    check(
        &facts,
        "first-term-ends",
        None,
        "2027-02-19",
        "Start at the school on Monday 14 December 2026, in the last of 8 school weeks of the receiving school. \
         2 of them were added to the plan. Not counted: the weeks of 21 and 28 December (holiday). \
         Due by Friday 19 February 2027.",
    );
    with(&facts, &havering(), |schedule, _| {
        let weeks = |rule: &str| -> Vec<u16> {
            schedule.due.iter().filter(|due| due.rule == code(rule)).filter_map(|due| due.week).collect()
        };
        assert_eq!((weeks("weekly-review"), weeks("liaison")), (vec![1, 2, 3, 4], vec![5, 6, 7, 8, 9, 10]));
    });
    // Of a plan of another length, it is no end.
    facts.planned = Some((Event::ProviderStart, 12));
    with(&facts, &havering(), |schedule, _| {
        assert_eq!(find_due(&schedule, "first-term-ends", None).day, day("2027-02-05"));
    });
}

#[test]
fn one_rule_gives_each_school_its_own_day() {
    let facts = facts();
    let (school, provider) = (school(), provider());
    let day_with = |receiving_school| {
        let calendars = Calendars { home_school: &school, provider: &provider, receiving_school };
        find_due(&schedule(&havering(), &facts, &calendars), "planning-meeting", None).day
    };
    assert_eq!(day_with(&school), day("2026-11-19"));
    assert_eq!(day_with(&provider), day("2026-11-20"), "closed on 12 November");
}

#[test]
fn the_plain_pack_counts_in_other_units() {
    let mut facts = facts();
    facts.events.insert(Event::PartTimeStart, day("2026-10-19"));
    with(&facts, &plain(), |schedule, _| {
        assert_eq!(find_due(&schedule, "first-review", None).day, day("2026-11-02"));
        assert_eq!(find_due(&schedule, "part-time-limit", None).day, day("2026-11-30"));
        let lines: Vec<_> = find_due(&schedule, "part-time-limit", None).arithmetic.lines().collect();
        assert_eq!((lines.len(), lines[41].as_str()), (42, "Monday 30 November 2026: day 42"));
        let weeks: Vec<_> = schedule.due.iter().filter_map(|due| due.week).collect();
        assert_eq!(weeks, [2, 4, 6]);
        assert!(!schedule.due.iter().any(|due| due.rule == code("planning-meeting")));
    });
}

#[test]
fn a_limit_that_is_met_is_done_and_a_meeting_before_the_panel_is_not_the_one_after() {
    let mut facts = facts();
    let done = |facts: &Facts| with(facts, &havering(), |schedule, _| find_due(&schedule, "planning-meeting", None).done);
    facts.events.insert(Event::PlanningMeeting, day("2026-11-04"));
    assert_eq!(done(&facts), None);
    facts.events.insert(Event::PlanningMeeting, day("2026-11-12"));
    assert_eq!(done(&facts), Some(day("2026-11-12")));
    facts.done.insert((code("weekly-review"), Some(2)), day("2027-01-07"));
    with(&facts, &havering(), |schedule, _| {
        assert_eq!(find_due(&schedule, "weekly-review", Some(2)).done, Some(day("2027-01-07")));
        assert_eq!(find_due(&schedule, "weekly-review", Some(1)).done, None);
    });
}

#[test]
fn what_is_agreed_for_a_later_day_is_not_done_yet() {
    let mut facts = facts();
    facts.today = day("2026-11-24");
    facts.events.insert(Event::FourWeekReview, day("2026-12-04"));
    let done = |facts: &Facts| with(facts, &havering(), |schedule, _| find_due(&schedule, "four-week-review", None).done);
    assert_eq!(done(&facts), None);
    facts.today = day("2026-12-04");
    assert_eq!(done(&facts), Some(day("2026-12-04")));
}

#[test]
fn d4_a_word_about_one_arrangement_is_not_about_the_next() {
    let mut facts = facts();
    facts.done.insert((code("part-time-ends"), None), day("2026-12-11"));
    let done = |facts: &Facts| with(facts, &havering(), |schedule, _| find_due(&schedule, "part-time-ends", None).done);
    facts.events.extend([(Event::PartTimeStart, day("2026-11-24")), (Event::PartTimeEnd, day("2026-12-11"))]);
    assert_eq!(done(&facts), Some(day("2026-12-11")));
    facts.events.extend([(Event::PartTimeStart, day("2026-12-14")), (Event::PartTimeEnd, day("2027-01-22"))]);
    assert_eq!(done(&facts), None);
}

#[test]
fn how_near_it_is_is_told_in_school_days_of_that_school() {
    with(&facts(), &havering(), |schedule, calendars| {
        let due = find_due(&schedule, "planning-meeting", None);
        let at = |now: &str| due.urgency(calendars, now.parse().unwrap());
        assert_eq!(at("2026-11-17T11:04:00Z"), Urgency::In(2));
        assert_eq!(at("2026-11-13T18:00:00Z"), Urgency::In(4));
        assert_eq!(at("2026-11-19T23:59:59Z"), Urgency::Today);
        assert_eq!(at("2026-11-20T00:00:00Z"), Urgency::Late(1));
        assert_eq!(at("2026-11-21T12:00:00Z"), Urgency::Late(1), "a Saturday is no school day");
    });
}

#[test]
fn h_1_an_override_moves_one_rule_and_is_kept_with_it() {
    let mut facts = facts();
    let own = |instead| Override {
        rule: code("planning-meeting"),
        week: None,
        instead,
        reason: Reason::new("The hall is flooded until then.").unwrap(),
        by: PersonId(Uuid::nil()),
        on: day("2026-11-06"),
    };
    facts.overrides.push(own(Instead::Count(12)));
    with(&facts, &havering(), |schedule, _| {
        let due = find_due(&schedule, "planning-meeting", None);
        assert_eq!(due.day, day("2026-11-23"));
        assert_eq!(due.overridden.as_ref().map(|own| own.reason.expose()), Some("The hall is flooded until then."));
        assert!(!due.arithmetic.sentence.contains("flooded"), "the reason is not part of the arithmetic");
        assert_eq!(find_due(&schedule, "start-after-panel", None).day, day("2026-11-19"), "other rules stand");
    });
    facts.overrides.push(own(Instead::Day(day("2026-12-01"))));
    with(&facts, &havering(), |schedule, _| assert_eq!(find_due(&schedule, "planning-meeting", None).day, day("2026-12-01")));
    facts.events.insert(Event::PlanningMeeting, day("2026-11-04"));
    let done = with(&facts, &havering(), |schedule, _| find_due(&schedule, "planning-meeting", None).done);
    assert_eq!(done, None, "with a day of its own, too, a meeting before the panel is not the one after it");
    facts.overrides.push(own(Instead::DoesNotApply));
    with(&facts, &havering(), |schedule, _| assert!(schedule.due.iter().all(|due| due.rule != code("planning-meeting"))));
}

#[test]
fn an_override_of_one_week_leaves_the_others_and_a_senseless_one_is_left_out() {
    let mut facts = facts();
    let own = |rule: &str, week, instead| Override {
        rule: code(rule),
        week,
        instead,
        reason: Reason::new("Exams in that week.").unwrap(),
        by: PersonId(Uuid::nil()),
        on: day("2026-12-01"),
    };
    let reviews = |facts: &Facts| {
        let of = |due: &Due| (due.rule == code("weekly-review")).then(|| due.day.to_string());
        with(facts, &havering(), |schedule, _| schedule.due.iter().filter_map(of).collect::<Vec<_>>())
    };
    facts.overrides.push(own("weekly-review", Some(2), Instead::Day(day("2027-01-11"))));
    assert_eq!(reviews(&facts), ["2026-12-18", "2027-01-11", "2027-01-15", "2027-01-22"]);
    facts.overrides.push(own("weekly-review", Some(4), Instead::DoesNotApply));
    assert_eq!(reviews(&facts), ["2026-12-18", "2027-01-11", "2027-01-15"]);
    let check = |rule: &str, instead, expected| {
        let one = own(rule, None, instead);
        assert_eq!(one.check(&havering()), expected, "{rule}");
        let schedule_of = |overrides| with(&Facts { overrides, ..self::facts() }, &havering(), |schedule, _| schedule);
        assert_eq!(schedule_of(vec![one]) == schedule_of(vec![]), expected.is_err(), "what makes no sense changes nothing");
    };
    check("weekly-review", Instead::Day(day("2027-01-11")), Err(NotAnOverride::WhichWeek));
    check("weekly-review", Instead::Count(3), Err(NotAnOverride::NoNumber));
    check("tell-panel", Instead::Count(3), Err(NotAnOverride::NoNumber));
    check("planning-meeting", Instead::Count(0), Err(NotAnOverride::Number));
    check("nothing", Instead::DoesNotApply, Err(NotAnOverride::UnknownRule));
    check("planning-meeting", Instead::Count(12), Ok(()));
    check("weekly-review", Instead::DoesNotApply, Ok(()));
}

#[test]
fn everybody_sees_their_own_and_what_nobody_has_is_shown() {
    let worker = PersonId(Uuid::from_u128(1));
    let part = |party, until: &str| Part { person: worker, party, days: Days { from: None, until: Some(day(until)) } };
    let parts = [part(Party::KeyWorker, "2026-12-31")];
    with(&facts(), &havering(), |schedule, _| {
        let mine: BTreeSet<_> =
            for_person(&schedule, &parts, worker, day("2026-11-17")).map(|due| due.rule.to_string()).collect();
        assert_eq!(mine, ["four-week-review", "planning-meeting", "weekly-review"].map(str::to_owned).into());
        assert_eq!(for_person(&schedule, &parts, worker, day("2027-01-01")).count(), 0, "their part has ended");
        assert_eq!(for_person(&schedule, &parts, PersonId(Uuid::nil()), day("2026-11-17")).count(), 0);
        let orphans: BTreeSet<_> =
            without_owner(&schedule, &parts, day("2026-11-17")).map(|due| due.rule.to_string()).collect();
        assert!(orphans.contains("part-time-ends") && !orphans.contains("planning-meeting"));
    });
}

proptest! {
    #[test]
    fn no_facts_make_a_limit_before_its_event_and_every_sentence_names_its_day(
        starts in proptest::collection::btree_map(0_usize..Event::ALL.len(), 0_i64..400, 0..10),
        panels in proptest::collection::btree_set(0_i64..400, 0..10),
    ) {
        let at = |n: i64| day("2026-09-01") + chrono::TimeDelta::days(n);
        let facts = Facts {
            events: starts.into_iter().map(|(event, n)| (Event::ALL[event], at(n))).collect(),
            series: [(Series::Panel, panels.into_iter().map(at).collect())].into(),
            ..Facts::default()
        };
        for pack in [havering(), plain()] {
            with(&facts, &pack, |schedule, _| {
                for due in &schedule.due {
                    let (_, from) = due.arithmetic.from.expect("every rule with a day counts from something here");
                    assert!(due.day >= from, "{due:?}");
                    assert!(due.arithmetic.sentence.contains(&day_words(due.day)));
                }
                let rules: BTreeSet<_> = schedule.due.iter().map(|due| &due.rule).chain(schedule.undated.iter().map(|(rule, _)| rule)).collect();
                assert_eq!(rules.len(), pack.deadlines.len(), "every rule is either dated or says why not");
            });
        }
    }
}
