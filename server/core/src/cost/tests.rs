//! The table of the paper from its own inputs, and exactness.

use proptest::prelude::*;

use super::*;

fn pounds(text: &str) -> Pence {
    text.parse().unwrap()
}

/// The six lines of the paper: setting, current funding, type, transition, mainstream funding.
fn paper() -> CostTable {
    let one_to_one = Ratio { adults: 1, pupils: 1 };
    let two_to_two = Ratio { adults: 2, pupils: 2 };
    let lines = [
        ("Burton", "£19,500", one_to_one, "£4,600"),
        ("Burton", "£19,500", two_to_two, "£4,600"),
        ("Burton", "£19,500", two_to_two, "£4,600"),
        ("Apricot", "£51,000", one_to_one, "£4,600"),
        ("OnTrack", "£51,000", one_to_one, "£3,300"),
        ("OnTrack", "£51,000", one_to_one, "£3,300"),
    ];
    let lines = (1_u16..).zip(lines).map(|(line, (setting, current, ratio, mainstream))| CostLine {
        line,
        setting: setting.to_owned(),
        current: pounds(current),
        ratio,
        transition: pounds("£3,645"),
        mainstream: pounds(mainstream),
    });
    CostTable::new(lines.collect(), 9).unwrap()
}

#[test]
fn r_6_the_table_of_the_paper_is_reproduced_to_the_penny() {
    let Totals { current, transition, mainstream } = paper().totals();
    assert_eq!([current, transition, mainstream].map(|sum| sum.to_string()), ["£211,500", "£21,870", "£25,000"]);
    assert_eq!([current, transition, mainstream].map(Pence::get), [21_150_000, 2_187_000, 2_500_000]);
}

#[test]
fn r_7_the_approved_amount_leaves_a_little_room() {
    assert_eq!(paper().headroom(pounds("£22,000")).to_string(), "£130");
    assert_eq!(paper().headroom(pounds("£20,000")).to_string(), "−£1,870");
}

#[test]
fn r_8_a_saving_is_said_only_with_its_condition() {
    assert_eq!(paper().first_year().to_string(), "£164,630 if sustained");
    assert_eq!(format!("{:?}", paper().first_year()), "£164,630 if sustained");
    assert_eq!(paper().first_year().columns(), ["£164,630", "if sustained"]);
    assert_eq!(paper().per_pupil_week(), Some((pounds("£405"), Pence::default())));
    assert_eq!(paper().break_even(39), Some(BreakEven { weeks: 5, pupils: 2 }));
}

#[test]
fn a_transition_that_does_not_pay_in_a_year_says_so() {
    let mut lines = paper().lines().to_vec();
    for line in &mut lines {
        line.transition = pounds("£60,000");
    }
    let table = CostTable::new(lines, 9).unwrap();
    assert_eq!(table.break_even(39), None);
    assert_eq!(table.first_year().to_string(), "−£173,500 if sustained");
}

#[test]
fn tables_that_cannot_be_right_are_refused() {
    assert_eq!(CostTable::new(vec![], 9), Err(NotATable::Lines));
    assert_eq!(CostTable::new(paper().lines().to_vec(), 0), Err(NotATable::Weeks));
    let mut lines = paper().lines().to_vec();
    lines[5].line = 1;
    assert_eq!(CostTable::new(lines.clone(), 9), Err(NotATable::Twice(1)));
    lines[5].line = 6;
    lines[5].mainstream = pounds("-1");
    assert_eq!(CostTable::new(lines, 9), Err(NotATable::Negative(6)));
}

#[test]
fn amounts_are_read_as_people_write_them_and_slips_are_refused() {
    for (text, expected) in
        [("£3,645", 364_500), ("3645", 364_500), (" £0.05 ", 5), ("-£1.50", -150), ("1,234,567.89", 123_456_789)]
    {
        assert_eq!(text.parse::<Pence>().map(Pence::get), Ok(expected), "{text}");
    }
    for text in
        ["", "£", "21,87", "1,2345", "1234,567", "3.5", "3.456", "£1e3", "٣", "100000001", "9999999999999", "--1", ",123"]
    {
        assert_eq!(text.parse::<Pence>(), Err(NotAnAmount), "{text}");
    }
    assert_eq!(Pence::new(-5).unwrap().to_string(), "−£0.05");
}

proptest! {
    #[test]
    fn an_amount_is_written_and_read_unchanged(pence in -MAX_PENCE..=MAX_PENCE) {
        let amount = Pence::new(pence).unwrap();
        prop_assert_eq!(amount.to_string().parse::<Pence>(), Ok(amount));
    }

    #[test]
    fn nothing_is_lost_in_a_division(pence in 0..MAX_PENCE, parts in 1_u32..10_000) {
        let amount = Pence::new(pence).unwrap();
        let (each, left) = amount.shared_by(parts).unwrap();
        prop_assert_eq!(each.get() * i64::from(parts) + left.get(), pence);
        prop_assert!(left.get() < i64::from(parts));
    }

    #[test]
    fn totals_do_not_depend_on_the_order_and_break_even_pays(amounts in proptest::collection::vec((0..MAX_PENCE, 0..MAX_PENCE / 10, 0..MAX_PENCE), 1..40)) {
        let lines: Vec<_> = (0_u16..).zip(&amounts).map(|(line, (current, transition, mainstream))| CostLine {
            line,
            setting: String::new(),
            current: Pence(*current),
            ratio: Ratio { adults: 1, pupils: 1 },
            transition: Pence(*transition),
            mainstream: Pence(*mainstream),
        }).collect();
        let table = CostTable::new(lines.clone(), 9).unwrap();
        let mut other = lines;
        other.reverse();
        let other = CostTable::new(other, 9).unwrap();
        prop_assert_eq!(table.totals(), other.totals());
        prop_assert_eq!(table.break_even(39), other.break_even(39));
        if let Some(even) = table.break_even(39) {
            let totals = table.totals();
            let by_year = i128::from((totals.current - totals.mainstream).get());
            let paid = |weeks: u32| by_year * i128::from(weeks) >= i128::from(totals.transition.get()) * 39;
            prop_assert!(paid(even.weeks) && (even.weeks == 0 || !paid(even.weeks - 1)), "the first week that pays");
            prop_assert!(even.weeks <= 39 && even.pupils <= amounts.len());
        }
    }
}
