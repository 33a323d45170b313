//! What holds for every plan, whatever is tried with it.

use proptest::prelude::*;

use super::tests::{change, closure, consent, day, draft, evaluation, make_ready, meeting, open, review, who, words};
use super::*;
use crate::policy::tests::code;
use crate::register::HalfDay;

fn script() -> impl Strategy<Value = Change> {
    let pattern = proptest::collection::vec("[sro-]{2}", 5).prop_map(|days| days.join(" ").parse::<WeekPattern>().unwrap());
    prop_oneof![
        Just(consent()),
        Just(Change::WithdrawConsent { who: who(3), on: day("2026-12-01") }),
        Just(Change::Open),
        any::<bool>().prop_map(|yes| Change::Answer(code("on-track"), Some(Answer::YesNo(yes)))),
        (any::<bool>(), 0_u16..20, pattern).prop_map(|(school, week, pattern)| Change::Week(
            code(if school { "school" } else { "provider" }),
            week,
            pattern
        )),
        (0_u16..60).prop_map(|weeks| Change::Longer { weeks, reason: Reason::new("A second operation in January").unwrap() }),
        any::<bool>().prop_map(|first| Change::Basis {
            route: crate::policy::Route::Medical,
            planned_length: code(if first { "first-term" } else { "phased-return" }),
            end_goal: if first { EndGoal::NewSchool } else { EndGoal::HomeSchool },
            in_their_words: first.then(|| words("Back soon")),
        }),
        Just(Change::Discard { on: day("2026-12-01"), reason: Reason::new("Begun for the wrong pupil").unwrap() }),
        prop_oneof![Just("Hill School"), Just("Vale School")]
            .prop_map(|name| Change::Answer(code("receiving-school"), Some(Answer::Place(words(name))))),
        any::<bool>().prop_map(|all| Change::Meeting(meeting(if all {
            &[Party::Pupil, Party::ReceivingSchool]
        } else {
            &[Party::Pupil]
        }))),
        Just(Change::BeginReturn { on: day("2026-12-14"), despite: vec![] }),
        (1_u16..13)
            .prop_filter("a week with questions", |week| ![5, 6].contains(week))
            .prop_map(|week| Change::Evaluate(evaluation(week, Went::Yes, None))),
        "[a-z]{5,7}".prop_map(|name| Change::Setback(Setback {
            on: day("2026-12-15"),
            code: code(&name),
            what: None,
            what_helps: None
        })),
        any::<bool>().prop_map(|next| Change::Review(Review { next_on: next.then(|| day("2027-01-15")), ..review() })),
        proptest::option::of("[a-z]{4,8}").prop_map(|text| Change::PupilSays(2, text.map(|text| words(&text)))),
        any::<bool>().prop_map(|is_done| Change::Tick { list: code("induction-pack"), item: code("rules"), is_done }),
        any::<bool>()
            .prop_map(|is_settled| Change::Action(code("forms"), ActionEntry { is_settled, ..ActionEntry::default() })),
        Just(Change::Setback(Setback { on: day("2026-12-15"), code: code("health"), what: None, what_helps: None })),
        Just(Change::SignOff(SignOff { party: Party::HomeSchool, who: who(6), on: day("2027-01-28") })),
        Just(Change::SignOff(SignOff { party: Party::ReceivingSchool, who: who(6), on: day("2027-01-28") })),
        prop_oneof![Just("success"), Just("long-term-place"), Just("nonsense")]
            .prop_map(|outcome| Change::Close(closure(outcome))),
    ]
}

fn rank(state: &PlanState) -> u8 {
    match state {
        PlanState::Draft => 0,
        PlanState::Open => 1,
        PlanState::Returning { .. } => 2,
        PlanState::Closed(_) | PlanState::Discarded { .. } => 3,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn a_refused_change_changes_nothing_and_no_plan_goes_backwards(script in proptest::collection::vec(script(), 0..40), ready in any::<bool>()) {
        let (pack, mut plan) = if ready { let (pack, mut plan) = open(); make_ready(&mut plan, &pack); (pack, plan) } else { draft() };
        for one in script {
            let before = plan.clone();
            let is_setback = matches!(one, Change::Setback(_));
            match change(&mut plan, &pack, one) {
                Err(refusal) => {
                    prop_assert_eq!(&plan, &before, "{} left a trace", refusal);
                }
                Ok(()) => {
                    // Compared without the revision: no field changes unseen, and none is seen that did not change.
                    let same = Parts { revision: before.revision(), ..plan.parts().clone() } == *before.parts();
                    prop_assert_eq!(changes(before.parts(), plan.parts()).is_empty(), same);
                    prop_assert_eq!(plan.revision().0, before.revision().0 + 1);
                    prop_assert!(rank(plan.state()) >= rank(before.state()));
                    prop_assert!(!is_setback || plan.state() == before.state(), "a setback ends nothing");
                    prop_assert!(rank(before.state()) < 3, "a closed plan is closed");
                }
            }
            if let PlanState::Closed(end) = plan.state() && end.outcome == pack.closure.success {
                prop_assert_eq!(plan.sign_offs().len(), 2);
            }
        }
    }

    #[test]
    fn a_pattern_is_written_and_read_and_its_places_are_always_ten(days in proptest::collection::vec("[sro-]{2}", 5), weekday in 0_u32..7, pm in any::<bool>()) {
        let text = days.join(" ");
        let pattern: WeekPattern = text.parse().unwrap();
        prop_assert_eq!(pattern.to_string(), text);
        prop_assert_eq!(Place::ALL.iter().map(|place| pattern.half_days(*place)).sum::<u16>(), 10);
        let half = if pm { HalfDay::Pm } else { HalfDay::Am };
        let changed = pattern.with(weekday, half, Place::OnSite);
        prop_assert_eq!(changed.at(weekday, half), (weekday < 5).then_some(Place::OnSite));
    }
}
