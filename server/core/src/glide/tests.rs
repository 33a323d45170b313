//! The picture of the design page, and what holds for any facts.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::attendance::AttendanceMinutes;
use crate::school_days::DayOff;
use crate::school_days::tests::{day, school};

const START: &str = "2026-10-19";

fn on_site(at: &str, half: HalfDay, was_there: bool) -> OnSite {
    OnSite { half: (day(at), half), was_there, source: OnSiteSource::Typed { by: PersonId(Uuid::nil()), on: day(at) } }
}

fn robot(at: &str, half: HalfDay, minutes: u64) -> RobotHalf {
    RobotHalf { half: (day(at), half), live: Length::of_ms(minutes * 60_000) }
}

fn run(pattern: &str, on_site: &[OnSite], by_robot: &[RobotHalf], rested: &[Half], today: &str) -> Vec<GlideWeek> {
    let pattern: WeekPattern = pattern.parse().unwrap();
    let rested = rested.iter().copied().collect();
    let facts = GlideFacts { on_site, by_robot, rested: &rested };
    let days = school();
    let first = Running { start: day(START), weeks: 12, days: &days };
    glide(first, None, |_, _| Some(&pattern), facts, day(today))
}

#[test]
fn weeks_are_school_weeks_and_have_their_school_half_days() {
    let weeks = run("ss rr -o rr ss", &[], &[], &[], "2026-11-17");
    let mondays: Vec<_> = weeks.iter().map(|week| week.monday.to_string()).collect();
    assert_eq!(mondays[..4], ["2026-10-19", "2026-11-02", "2026-11-09", "2026-11-16"], "half-term has no number");
    assert_eq!(mondays[8], "2027-01-04", "nor has Christmas");
    let states: Vec<_> = weeks.iter().map(|week| week.state).collect();
    assert_eq!(states[2..5], [WeekState::Done, WeekState::ThisWeek, WeekState::Planned]);
    let planned = |n: usize| weeks[n].planned;
    assert_eq!(planned(0), HalfDays { on_site: 4, by_robot: 4, rest: 1, elsewhere: 1, ..HalfDays::default() });
    assert_eq!((planned(4).of(), planned(4).on_site), (8, 2), "Friday 27 November is INSET");
    assert!(weeks[4].actual.is_none());
}

#[test]
fn a_half_day_is_in_one_place_and_minutes_stand_beside() {
    let weeks = run(
        "ss rr -o rr ss",
        &[
            on_site("2026-11-09", HalfDay::Am, true),
            on_site("2026-11-09", HalfDay::Pm, false),
            on_site("2026-11-13", HalfDay::Am, true),
        ],
        &[
            robot("2026-11-10", HalfDay::Am, 46),
            robot("2026-11-10", HalfDay::Am, 30),
            robot("2026-11-12", HalfDay::Pm, 0),
            robot("2026-11-13", HalfDay::Am, 20),
        ],
        &[(day("2026-11-12"), HalfDay::Am)],
        "2026-11-17",
    );
    let week = &weeks[2];
    // One rest was said; the other one, and the half-day elsewhere, are as planned.
    let unsaid = Unsaid { rest: 1, elsewhere: 1 };
    assert_eq!(week.actual, Some(HalfDays { on_site: 2, by_robot: 1, rest: 1, elsewhere: 0, unsaid, not_known: 4 }));
    assert_eq!(week.by_robot.get(), 96, "twenty of them in a quiet room at school: on site, and live");
    assert_eq!(week.stated, 3);
}

#[test]
fn of_two_words_about_one_half_day_the_last_holds_and_tomorrow_is_not_counted() {
    let facts = [
        on_site("2026-11-16", HalfDay::Am, true),
        on_site("2026-11-16", HalfDay::Am, false),
        on_site("2026-11-19", HalfDay::Am, true),
    ];
    let weeks = run("ss ss ss ss ss", &facts, &[], &[], "2026-11-17");
    assert_eq!(weeks[3].actual.map(|actual| (actual.on_site, actual.of())), Some((0, 4)), "two days of it are over or on");
}

#[test]
fn what_a_person_says_fills_what_no_file_tells_and_an_imported_mark_stands_before_it() {
    let imported = |at: &str, half, was_there| OnSite {
        source: OnSiteSource::Imported { system: "SIMS".to_owned(), at: "2026-11-17T09:42:00Z".parse().unwrap() },
        ..on_site(at, half, was_there)
    };
    let facts = [
        imported("2026-11-09", HalfDay::Am, true),
        imported("2026-11-09", HalfDay::Pm, true),
        on_site("2026-11-09", HalfDay::Am, false),
        on_site("2026-11-09", HalfDay::Pm, true),
        on_site("2026-11-10", HalfDay::Am, true),
    ];
    let week = &run("ss ss ss ss ss", &facts, &[], &[], "2026-11-17")[2];
    assert_eq!(week.actual.map(|actual| (actual.on_site, actual.not_known)), Some((3, 7)), "whatever came last");
    assert_eq!((week.stated, week.said), (3, 1));
    let other: Vec<_> = differing(&facts).map(|fact| fact.half).collect();
    assert_eq!(other, [(day("2026-11-09"), HalfDay::Am)]);
}

#[test]
fn lessons_belong_to_the_half_day_in_which_they_begin_where_the_school_is() {
    let lesson = |start: &str, minutes: u64| AttendanceMinutes {
        slot: Uuid::nil(),
        start: start.parse().unwrap(),
        expected: Length::default(),
        connected: Length::of_ms(minutes * 60_000),
        video: Length::default(),
        stills: Length::default(),
        audio: Length::default(),
        active: protocol::Active::default(),
        corrected: None,
        anomalies: vec![],
    };
    // In June, 11:30 UTC is half past twelve in London.
    let account = Account {
        lessons: vec![
            lesson("2026-06-22T10:59:00Z", 40),
            lesson("2026-06-22T11:30:00Z", 50),
            lesson("2026-11-23T11:30:00Z", 9),
        ],
        ..Account::default()
    };
    let calendar = Calendar::new("Europe/London", None, []).unwrap();
    let halves = |times| -> Vec<_> {
        robot_halves(&account, &calendar, times).iter().map(|half| (half.half.1, half.live.minutes().get())).collect()
    };
    assert_eq!(halves(SessionTimes::default()), [(HalfDay::Am, 40), (HalfDay::Pm, 50), (HalfDay::Am, 9)]);
    // Report: the register's sessions were parted at the school's lunch break, and the path at noon. Here lunch begins at 13:00.
    let school = SessionTimes::of_lessons(&[(530, 720), (725, 780), (840, 930)]);
    assert_eq!(halves(school), [(HalfDay::Am, 90), (HalfDay::Am, 9)]);
    // A rest in the break is the afternoon's; the next morning begins at midnight.
    let half = |at: &str| half_of(at.parse().unwrap(), &calendar, school);
    assert_eq!(half("2026-11-23T13:20:00Z"), (day("2026-11-23"), HalfDay::Pm));
    assert_eq!(half("2026-11-23T12:59:00Z"), (day("2026-11-23"), HalfDay::Am));
}

/// Weeks with so many half-days on site, by robot, and with a word about being on site; all done but the last ones.
fn question(actual: &[(u16, u16, u16)], planned_on_site: &[u16]) -> ReviewQuestion {
    let weeks: Vec<_> = planned_on_site
        .iter()
        .enumerate()
        .map(|(n, on_site)| {
            let fact = actual.get(n).map(|(on_site, by_robot, _)| HalfDays {
                on_site: *on_site,
                by_robot: *by_robot,
                rest: 10 - on_site - by_robot,
                ..HalfDays::default()
            });
            GlideWeek {
                number: Some(u16::try_from(n).unwrap() + 1),
                at_school: None,
                monday: day(START),
                pattern: None,
                state: if fact.is_some() { WeekState::Done } else { WeekState::Planned },
                planned: HalfDays { on_site: *on_site, rest: 10 - on_site, ..HalfDays::default() },
                actual: fact,
                by_robot: Minutes::floor_of_seconds(0),
                stated: actual.get(n).map_or(0, |(.., stated)| *stated),
                said: 0,
            }
        })
        .collect();
    ReviewQuestion::of(&weeks)
}

fn check_question(actual: &[(u16, u16, u16)], planned: &[u16], ask: &str, because: &str) {
    let question = question(actual, planned);
    assert_eq!((question.ask(), question.because()), (ask, because));
}

#[test]
fn x_7_the_review_gets_a_question_with_its_facts() {
    check_question(&[(0, 2, 9)], &[0, 2], "What would make the next step possible?", "Fewer than two weeks are complete.");
    check_question(
        &[(1, 5, 2), (2, 5, 2), (4, 4, 10)],
        &[1, 2, 4, 6],
        "What made this possible, and what does the next step need?",
        "Half-days on site went from 1 of 10 to 4 of 10, by robot from 5 to 4, in weeks 1 to 3.",
    );
    check_question(
        &[(0, 2, 8), (0, 2, 8), (0, 4, 8), (0, 4, 8)],
        &[0, 0, 0, 0, 0, 1],
        "Does that still fit, and what has to be ready by then?",
        "Half-days on site went from 0 of 10 to 0 of 10, by robot from 2 to 4, in weeks 1 to 4. \
         The plan has the first half-days on site in week 6.",
    );
    check_question(
        &[(2, 4, 3), (2, 4, 3), (2, 5, 3), (2, 6, 3), (1, 6, 3)],
        &[2, 2, 4, 4, 6, 8],
        "Is the robot a bridge back to school, or has it become the place?",
        "Half-days on site went from 2 of 10 to 1 of 10, by robot from 4 to 6, in weeks 2 to 5.",
    );
    check_question(
        &[(2, 0, 2), (2, 0, 2)],
        &[2, 2],
        "Is the robot still of use here, and if not, what would help instead?",
        "Half-days on site went from 2 of 10 to 2 of 10, by robot from 0 to 0, in weeks 1 to 2.",
    );
}

/// Report: weeks 5 to 8 with a first day on site planned in week 8, the robot used and no mark: the question compared 0 with 0 and asked
/// whether the robot had become the place.
#[test]
fn x_7_what_nobody_has_said_is_not_told_as_no_half_day_on_site() {
    let ask = "Was the pupil at school, and who can say so?";
    let silent = "Nobody has said anything about half-days on site in";
    check_question(&[(0, 3, 0), (0, 3, 0)], &[2, 4], ask, &format!("{silent} weeks 1 to 2."));
    check_question(&[(0, 4, 0); 8], &[0, 0, 0, 0, 0, 0, 0, 2, 4], ask, &format!("{silent} week 8."));
    check_question(&[(1, 4, 2), (0, 4, 0), (0, 4, 0), (2, 4, 2)], &[2; 5], ask, &format!("{silent} weeks 2 and 3."));
    check_question(&[(0, 4, 0), (0, 4, 0), (0, 4, 0), (2, 4, 2)], &[2; 5], ask, &format!("{silent} weeks 1, 2 and 3."));
    // Where none was planned and nobody spoke, there is no figure either.
    check_question(
        &[(0, 2, 0), (0, 2, 0), (0, 4, 0), (0, 4, 0)],
        &[0, 0, 0, 0, 0, 1],
        "Does that still fit, and what has to be ready by then?",
        "No half-days on site were planned in weeks 1 to 4, and nobody has said that there were any. Half-days by robot went from 2 to 4 \
         in weeks 1 to 4. The plan has the first half-days on site in week 6.",
    );
    check_question(
        &[(0, 4, 0), (0, 4, 0), (2, 4, 10)],
        &[0, 0, 2, 4],
        "What made this possible, and what does the next step need?",
        "Half-days on site: 2 of 10 in week 3. In the other weeks none was planned, and nobody has said that there were any. Half-days by \
         robot went from 4 to 4 in weeks 1 to 3.",
    );
}

/// The provider works through the school's half-term in February; the school begins on 1 February and is open in the provider's break.
#[test]
fn h_12_h_15_both_clocks_run_side_by_side_and_the_schools_week_holds_once_it_has_a_pattern() {
    let off = |first: &str, last: &str| -> Vec<_> {
        crate::school_days::tests::days(first, last).map(|day| (day, DayOff::Holiday)).collect()
    };
    let provider = SchoolDays::new(school().calendar().clone(), off("2027-02-22", "2027-02-26"));
    let there = SchoolDays::new(school().calendar().clone(), off("2027-02-15", "2027-02-19"));
    let first = Running { start: day("2027-01-18"), weeks: 4, days: &provider };
    let at_school = Running { start: day("2027-02-03"), weeks: 4, days: &there };
    let (away, back): (WeekPattern, WeekPattern) = ("oo oo oo oo oo".parse().unwrap(), "ss ss rr rr --".parse().unwrap());
    let rested = BTreeSet::new();
    let facts = GlideFacts { on_site: &[], by_robot: &[], rested: &rested };
    let pattern = |_: Option<u16>, at_school: Option<u16>| Some(if at_school >= Some(2) { &back } else { &away });
    let weeks = glide(first, Some(at_school), pattern, facts, day("2027-02-10"));
    let named: Vec<_> = weeks.iter().map(|week| (week.monday.to_string(), week.name(), week.planned.on_site)).collect();
    let expected = [
        ("2027-01-18", "1", 0),
        ("2027-01-25", "2", 0),
        ("2027-02-01", "3 (school week 1)", 0),
        ("2027-02-08", "4 (school week 2)", 4),
        ("2027-02-22", "school week 3", 4),
        ("2027-03-01", "school week 4", 4),
    ];
    assert_eq!(named, expected.map(|(monday, name, on_site)| (monday.to_owned(), name.to_owned(), on_site)));
    assert_eq!(weeks[2].planned.of(), 10, "two days of the provider, three of the school");
    assert_eq!((weeks[3].state, weeks[4].state), (WeekState::ThisWeek, WeekState::Planned));
    // Where only the first clock's place is open, its days are those of the week.
    let longer = Running { weeks: 5, ..first };
    let named: Vec<_> = glide(longer, Some(at_school), pattern, facts, day("2027-02-10"));
    assert_eq!((named[4].name().as_str(), named[4].planned.of()), ("5", 10), "the school's half-term");
}

#[test]
fn a_short_week_is_not_a_step_back() {
    // Eight half-days because of INSET: 4 of 8 is more than 4 of 10.
    let mut weeks = run("ss ss -- -- --", &[], &[], &[], "2026-12-07");
    for week in &mut weeks[..6] {
        let of = week.planned.of();
        week.stated = of;
        week.actual = Some(HalfDays { on_site: 4, rest: of - 4, ..HalfDays::default() });
    }
    assert_eq!(weeks[4].planned.of(), 8);
    assert_eq!(ReviewQuestion::of(&weeks[..5]).ask(), "What made this possible, and what does the next step need?");
}

proptest! {
    #[test]
    fn the_places_of_a_week_are_its_school_half_days_and_a_question_is_a_question(
        pattern in proptest::collection::vec("[sro-]{2}", 5),
        there in proptest::collection::vec((0_u64..90, any::<bool>(), any::<bool>()), 0..60),
        live in proptest::collection::vec((0_u64..90, any::<bool>(), 0_u64..200), 0..60),
        closed in proptest::collection::btree_set(0_u64..90, 0..30),
        now in 0_u64..120,
    ) {
        let at = |n: u64| day(START) + chrono::Days::new(n);
        let half = |pm: bool| if pm { HalfDay::Pm } else { HalfDay::Am };
        let days = SchoolDays::new(school().calendar().clone(), closed.iter().map(|n| (at(*n), DayOff::Closure)));
        let on_site: Vec<_> = there.iter().map(|(n, pm, was)| on_site(&at(*n).to_string(), half(*pm), *was)).collect();
        let robots: Vec<_> = live.iter().map(|(n, pm, minutes)| robot(&at(*n).to_string(), half(*pm), *minutes)).collect();
        let pattern: WeekPattern = pattern.join(" ").parse().unwrap();
        let rested = BTreeSet::new();
        let facts = GlideFacts { on_site: &on_site, by_robot: &robots, rested: &rested };
        let first = Running { start: day(START), weeks: 12, days: &days };
        let weeks = glide(first, None, |_, _| Some(&pattern), facts, at(now));
        prop_assert_eq!(weeks.len(), 12);
        for week in &weeks {
            prop_assert_eq!(week.planned.not_known, 0);
            prop_assert!(week.planned.of() > 0 && week.planned.of() <= 10 && week.planned.of() % 2 == 0);
            if let Some(actual) = week.actual {
                prop_assert!(actual.of() <= week.planned.of());
                prop_assert!(week.state != WeekState::Done || actual.of() == week.planned.of());
                prop_assert!(actual.on_site <= week.stated);
                // More robot time never is more time on site.
                let without = GlideFacts { by_robot: &[], ..facts };
                let same = glide(first, None, |_, _| Some(&pattern), without, at(now));
                let other = same[usize::from(week.number.unwrap()) - 1].actual.unwrap();
                prop_assert_eq!(other.on_site, actual.on_site);
            }
        }
        prop_assert!(ReviewQuestion::of(&weeks).ask().ends_with('?'));
    }
}
