//! What the picture and the table of the glide path say of weeks.

use chrono::NaiveDate;
use protocol::Minutes;
use server_core::glide::Unsaid;

use super::picture::{Column, MOST_DAYS, UNIT, columns};
use super::*;

fn week(number: u16, state: WeekState, planned: [u16; 4], actual: Option<[u16; 4]>) -> GlideWeek {
    let half_days = |[on_site, by_robot, elsewhere, rest]: [u16; 4]| HalfDays {
        on_site,
        by_robot,
        elsewhere,
        rest,
        unsaid: Unsaid::default(),
        not_known: 10 - on_site - by_robot - elsewhere - rest,
    };
    GlideWeek {
        number: Some(number),
        at_school: (number > 1).then(|| number - 1),
        monday: NaiveDate::from_ymd_opt(2026, 11, 2).unwrap() + chrono::Days::new(u64::from(number) * 7),
        state,
        pattern: None,
        planned: half_days(planned),
        actual: actual.map(half_days),
        by_robot: Minutes::floor_of_seconds(7_260),
        stated: 2,
        said: u16::from(number == 1),
    }
}

#[test]
fn a_week_that_has_begun_shows_what_was_beside_its_plan_and_one_to_come_its_plan_alone() {
    let mut weeks =
        [week(1, WeekState::ThisWeek, [0, 6, 2, 2], Some([2, 3, 0, 0])), week(2, WeekState::Planned, [4, 4, 1, 1], None)];
    let actual = weeks[0].actual.as_mut().unwrap();
    (actual.unsaid, actual.not_known) = (Unsaid { rest: 1, elsewhere: 2 }, 2);
    let path = PlanWeeks {
        clock: "Provider week".to_owned(),
        school_clock: Some("School week".to_owned()),
        site: "Alder Road School".to_owned(),
        marks_of: "Marsh Lane Academy".to_owned(),
        weeks: weeks.to_vec(),
        odd: Vec::new(),
    };
    let view = draw(&path);
    assert_eq!(view.about, "Provider week 1 of 2");
    let weeks = &path.weeks;
    assert_eq!(about("Provider week", Some("School week"), weeks, &weeks[1]), "Provider week 2 of 2, school week 1 of 1");
    assert_eq!((view.columns[1].at_school.as_str(), view.rows[1].week.as_str()), ("S1", "2 (school week 1), 16 Nov"));
    let classes = |column: &Column| column.segments.iter().map(|one| one.class).collect::<Vec<_>>();
    // Outlines are plans, whether the week has begun or not; only what somebody or something says is filled.
    let beside = ["g-plan-robot", "g-plan-other", "g-plan-rest", "k-site", "g-robot", "g-plan-other", "g-plan-rest"];
    assert_eq!(classes(&view.columns[0]), beside);
    assert_eq!(classes(&view.columns[1]), ["g-plan-site", "g-plan-robot", "g-plan-other", "g-plan-rest"]);
    assert_eq!(view.columns[1].segments[0].label.as_ref().map(|label| (label.class, label.count)), Some(("strong fine", 4)));
    let heights: f64 = view.columns[1].segments.iter().map(|one| one.height.parse::<f64>().unwrap() + 2.0).sum();
    assert!((heights - 10.0 * UNIT).abs() < 0.2, "ten half-days fill the plot: {heights}");
    assert_eq!(view.rows[0].actual, "On site 2, by robot 3, elsewhere 2 (as planned), rest 1 (as planned), not known 2");
    assert_eq!((view.rows[0].minutes.as_str(), view.rows[1].actual.as_str()), ("121", "–"));
    assert_eq!((view.rows[0].stated.as_str(), view.rows[1].stated.as_str()), ("2, 1 of them by people", "–"));
    assert!(view.told_by.contains("the marks of Marsh Lane Academy"));
    assert!(view.ask.ends_with('?'));
}

#[test]
fn every_week_is_in_the_picture_and_labels_give_way_on_a_phone() {
    for count in [1_u16, 2, 12, 20, 52, 150] {
        let weeks: Vec<_> = (1..=count).map(|n| week(n, WeekState::Planned, [10, 0, 0, 0], None)).collect();
        let columns = columns(&weeks);
        assert_eq!(columns.len(), usize::from(count));
        let number = |text: &str| text.parse::<f64>().unwrap();
        for bar in columns.iter().flat_map(|column| &column.segments) {
            assert!(number(&bar.x) >= 0.0 && number(&bar.x) + number(&bar.width) <= 100.01, "within the plot, of {count}");
        }
        let days = |class: fn(&&Column) -> bool| columns.iter().filter(class).filter(|one| !one.day.is_empty()).count();
        assert!(days(|_| true) <= MOST_DAYS.0 && days(|one| one.day_class.is_empty()) <= MOST_DAYS.1, "of {count}");
        assert!(!columns[0].day.is_empty() && columns[0].day_class.is_empty(), "the first one, of {count}");
    }
}

#[test]
fn what_nobody_spoke_of_is_told_as_planned() {
    let unsaid = Unsaid { rest: 5, elsewhere: 2 };
    let week = HalfDays { by_robot: 1, rest: 1, unsaid, not_known: 1, ..HalfDays::default() };
    assert_eq!(words(&week), "by robot 1, elsewhere 2 (as planned), rest 1, rest 5 (as planned), not known 1");
}
