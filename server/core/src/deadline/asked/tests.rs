//! Each thing that people chose a day for is due on it, once, until somebody did it.

use super::*;
use crate::deadline::ical;
use crate::goal::{Became, Family, Wording};
use crate::party::PersonId;
use crate::plan::tests::{change, closure, open};
use crate::plan::{Change, PartTimeReason, Review, ReviewOutcome};
use crate::school_days::tests::day;
use crate::words::Words;

fn words(text: &str) -> Words {
    Words::new(text).unwrap()
}

fn code(text: &str) -> Code {
    Code::new(text).unwrap()
}

fn goal(review: &str) -> Goal {
    let wording = Wording {
        words: words("Sit with Ada at lunch"),
        pupil_words: None,
        authors: [Party::Pupil].into(),
        on: day("2026-10-09"),
    };
    let mut goal = Goal::new(Family::Own, wording).unwrap();
    goal.review_on = Some(day(review));
    goal
}

fn part_time() -> PartTime {
    PartTime {
        from: day("2026-11-09"),
        until: day("2026-12-18"),
        reasons: [PartTimeReason::Health].into(),
        agreed_by: PersonId(Uuid::nil()),
        reviews: vec![day("2026-12-08"), day("2026-11-20"), day("2026-11-20")],
    }
}

fn nothing<'a>(said: &'a BTreeMap<(Code, Option<u16>), NaiveDate>) -> Asked<'a> {
    Asked { plan: None, ended: None, goals: &[], part_time: None, breakdowns: &[], said }
}

/// Code, day, and whether it was done.
fn told(of: &Asked<'_>) -> Vec<String> {
    let all = asked(of, &Schedule::default());
    all.iter().map(|due| format!("{} {} {}", due.rule, due.day, due.done.map_or("open", |_| "done"))).collect()
}

#[test]
fn no_policy_has_a_code_like_those_of_chosen_days() {
    for pack in Pack::built_in().unwrap() {
        let rules = pack.deadlines.iter().map(|rule| &rule.id).chain(pack.contacts.iter().map(|rule| &rule.id));
        assert!(!rules.into_iter().any(is_chosen));
    }
    assert!(is_chosen(&code("follow-up-2027-02-26")));
}

#[test]
fn a_13_a_goal_is_due_on_its_day_until_it_ends_and_keeps_its_name_when_the_day_moves() {
    let (said, id) = (BTreeMap::new(), Uuid::from_u128(7));
    let rule = format!("goal-{}", id.simple());
    for on in ["2026-11-10", "2026-12-10"] {
        let goals = [(id, goal(on))];
        assert_eq!(told(&Asked { goals: &goals, ..nothing(&said) }), [format!("{rule} {on} open")]);
    }
    let mut ended = goal("2026-11-10");
    ended.finish(Became::Reached, words("Every Monday"), day("2026-11-09")).unwrap();
    assert!(told(&Asked { goals: &[(id, ended)], ..nothing(&said) }).is_empty());
    let goals = [(id, goal("2026-11-10"))];
    let due = asked(&Asked { goals: &goals, ..nothing(&said) }, &Schedule::default()).remove(0);
    assert!(due.arithmetic.sentence.starts_with("“Sit with Ada at lunch”: this day was chosen with the goal. Due by"));
    // What somebody typed stays in the house.
    let feed = ical::feed(&[(protocol::PlacementId(id), &due)], "2026-11-01T09:00:00Z".parse().unwrap());
    assert!(feed.contains("SUMMARY:Look at a goal again") && !feed.contains("Ada"), "{feed}");
}

#[test]
fn d_4_an_arrangement_is_looked_at_on_each_of_its_days_and_its_end_is_asked_once() {
    let (pack, plan) = open();
    let arrangement = part_time();
    let said = [((code("part-time-look-2026-11-20"), None), day("2026-11-20"))].into();
    let of = Asked { part_time: Some(&arrangement), ..nothing(&said) };
    let looks = ["part-time-look-2026-11-20 2026-11-20 done", "part-time-look-2026-12-08 2026-12-08 open"];
    assert_eq!(told(&of), [looks[0], looks[1], "part-time-end-2026-12-18 2026-12-18 open"]);
    assert_eq!(told(&Asked { plan: Some((&pack, &plan)), ..of }), looks, "Havering counts the end itself");
}

#[test]
fn h_19_a_word_is_owed_from_the_day_of_the_breakdown_to_each_who_was_not_told() {
    let (pack, plan) = open();
    let said = BTreeMap::new();
    let breakdown = Breakdown {
        on: day("2026-11-16"),
        categories: [code("threats")].into(),
        what: words("In the corridor"),
        decided_by: PersonId(Uuid::nil()),
        told: vec![(Party::Parent, PersonId(Uuid::nil()), day("2026-11-16"))],
    };
    let (id, breakdowns) = (Uuid::from_u128(9), [(Uuid::from_u128(9), breakdown)]);
    let of = Asked { plan: Some((&pack, &plan)), breakdowns: &breakdowns, ..nothing(&said) };
    let owed = |party: &str| format!("told-{}-{party} 2026-11-16 open", id.simple());
    assert_eq!(told(&of), [owed("home-school"), owed("panel")]);
    assert!(told(&Asked { plan: None, ..of }).is_empty(), "without a policy nobody is named");
}

#[test]
fn h_15_the_next_review_is_due_unless_the_policy_asks_for_one_that_day() {
    let (pack, mut plan) = open();
    let review = Review {
        on: day("2026-11-10"),
        asked_by: None,
        present: BTreeMap::new(),
        targets: BTreeMap::new(),
        worries: None,
        is_supported: None,
        pupil_says: None,
        about_robot: None,
        outcome: ReviewOutcome::Continue,
        why: None,
        next_on: Some(day("2026-12-18")),
    };
    let forgotten = Review { on: day("2026-11-03"), next_on: Some(day("2026-11-10")), ..review.clone() };
    change(&mut plan, &pack, Change::Review(review)).unwrap();
    // Written down later, and held before.
    change(&mut plan, &pack, Change::Review(forgotten)).unwrap();
    let said = BTreeMap::new();
    let of = Asked { plan: Some((&pack, &plan)), ..nothing(&said) };
    assert_eq!(told(&of), ["next-review 2026-12-18 open"]);
    let weekly = Due { week: Some(1), ..asked(&of, &Schedule::default()).remove(0) };
    assert!(asked(&of, &Schedule::default().with([weekly])).is_empty());
}

#[test]
fn r_9_a_16_after_the_end_somebody_asks_and_says_that_they_did() {
    let (pack, mut plan) = open();
    let said: BTreeMap<_, _> = [((code("follow-up-2027-02-26"), None), day("2027-02-25"))].into();
    let of_an_earlier_plan: BTreeMap<_, _> = [((code("follow-up-2027-02-26"), None), day("2026-09-25"))].into();
    let with = |plan: &ReintegrationPlan, said| told(&Asked { plan: Some((&pack, plan)), ended: Some(plan), ..nothing(said) });
    assert!(with(&plan, &said).is_empty(), "it has not ended");
    change(&mut plan, &pack, Change::Close(closure("back-to-provider"))).unwrap();
    let support = "support-until-2027-03-26 2027-03-26 open";
    assert_eq!(with(&plan, &said), ["follow-up-2027-02-26 2027-02-26 done", support]);
    assert_eq!(with(&plan, &of_an_earlier_plan), ["follow-up-2027-02-26 2027-02-26 open", support]);
}
