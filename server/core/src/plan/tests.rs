//! The plan from its draft to its end, by stories and by laws.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::*;
use crate::party::{OrganisationId, PersonId};
use crate::policy::Route;
use crate::policy::tests::{code, havering, plain};
use crate::register::HalfDay;

mod consent;

pub(super) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub(super) fn words(text: &str) -> Words {
    Words::new(text).unwrap()
}

pub(super) fn who(n: u128) -> PersonId {
    PersonId(Uuid::from_u128(n))
}

fn basis(length: &str) -> Basis {
    let organisation = |n| OrganisationId(Uuid::from_u128(n));
    Basis {
        route: Route::Medical,
        home_school: organisation(1),
        provider: organisation(2),
        receiving_school: organisation(1),
        responsible: organisation(1),
        planned_length: code(length),
        end_goal: EndGoal::HomeSchool,
        in_their_words: Some(words("See my friends. Keep up with science.")),
    }
}

pub(super) fn consent() -> Change {
    Change::Consent(Consent {
        party: Party::Parent,
        own_word: OwnWord::Beside,
        who: who(3),
        how: words("On paper"),
        on: day("2026-10-09"),
        withdrawn: None,
    })
}

pub(super) fn meeting(present: &[Party]) -> Meeting {
    Meeting {
        on: day("2026-11-12"),
        convenor: Party::ProviderLead,
        venue: code("receiving-school"),
        present: present.iter().map(|party| (*party, How::InPerson)).collect(),
        outcomes: BTreeSet::new(),
        notes: None,
    }
}

pub(crate) fn closure(outcome: &str) -> Closure {
    Closure {
        on: day("2027-01-29"),
        outcome: code(outcome),
        went_well: words("The buddy was there every morning."),
        could_be_better: None,
        provider_withdrew: Some(day("2027-01-29")),
        support_until: Some(day("2027-03-26")),
        follow_up: vec![day("2027-02-26")],
    }
}

/// Applies at the plan's own revision.
pub(crate) fn change(plan: &mut ReintegrationPlan, pack: &Pack, change: Change) -> Result<(), Refusal> {
    plan.apply(pack, plan.revision(), change)
}

pub(super) fn draft() -> (Pack, ReintegrationPlan) {
    let pack = havering();
    let plan = ReintegrationPlan::draft(&pack, basis("phased-return")).unwrap();
    (pack, plan)
}

pub(crate) fn open() -> (Pack, ReintegrationPlan) {
    let (pack, mut plan) = draft();
    change(&mut plan, &pack, consent()).unwrap();
    change(&mut plan, &pack, Change::Open).unwrap();
    (pack, plan)
}

/// Everything that a pack asks for before the first day.
pub(super) fn make_ready(plan: &mut ReintegrationPlan, pack: &Pack) {
    let everybody: BTreeMap<_, _> = Party::ALL.iter().map(|party| (*party, How::ByRobot)).collect();
    let held = Meeting {
        present: everybody,
        convenor: pack.meeting.convenors[0],
        venue: pack.meeting.venues[0].clone(),
        ..meeting(&[])
    };
    let mut changes = vec![Change::Answer(code("on-track"), Some(Answer::YesNo(true))), Change::Meeting(held)];
    for (list, items) in &pack.lists {
        changes.extend(items.codes().map(|item| Change::Tick { list: list.clone(), item: item.clone(), is_done: true }));
    }
    for rule in &pack.actions {
        let entry = ActionEntry {
            outcome: Some(words("Yes")),
            day: Some(day("2026-12-14")),
            is_settled: true,
            agreed: Party::ALL.iter().copied().collect(),
            ..ActionEntry::default()
        };
        changes.push(Change::Action(rule.id.clone(), entry));
    }
    for one in changes {
        change(plan, pack, one).unwrap();
    }
}

fn returning() -> (Pack, ReintegrationPlan) {
    let (pack, mut plan) = open();
    make_ready(&mut plan, &pack);
    change(&mut plan, &pack, Change::BeginReturn { on: day("2026-12-14"), despite: vec![] }).unwrap();
    (pack, plan)
}

#[test]
fn l_2_a_plan_needs_a_length_and_a_route_that_the_policy_has() {
    let pack = havering();
    let other = Basis { planned_length: code("for-ever"), ..basis("first-term") };
    assert_eq!(ReintegrationPlan::draft(&pack, other), Err(Refusal::UnknownCode("planned length")));
    let other = Basis { route: Route::Exclusion, ..basis("short") };
    assert_eq!(ReintegrationPlan::draft(&plain(), other), Err(Refusal::UnknownCode("route")));
    assert_eq!(draft().1.planned_weeks(&pack), 12);
}

#[test]
fn h_24_barriers_have_weeks_that_run_side_by_side() {
    let (pack, mut plan) = open();
    let barrier =
        |name: &str, weeks| Barrier { code: code(name), why: words("Lift is broken"), needed: words("A ramp"), weeks };
    let unknown = Change::Barriers(vec![barrier("laziness", 3)]);
    assert_eq!(change(&mut plan, &pack, unknown), Err(Refusal::UnknownCode("barrier")));
    change(&mut plan, &pack, Change::Answer(code("on-track"), Some(Answer::YesNo(false)))).unwrap();
    assert!(plan.progress(&pack)[1].missing.contains(&code("barrier")), "after \"no\", barriers are asked for");
    change(&mut plan, &pack, Change::Barriers(vec![barrier("health", 3), barrier("school-concern", 5)])).unwrap();
    assert_eq!(plan.weeks_to_ready(), Some(5));
    assert!(!plan.progress(&pack)[1].missing.contains(&code("barrier")));
}

#[test]
fn h_10_what_is_missing_is_named_stage_by_stage() {
    let (pack, mut plan) = open();
    let missing = |plan: &ReintegrationPlan, stage: usize| plan.progress(&pack)[stage].missing.len();
    assert_eq!([0, 1, 2, 3, 4].map(|stage| missing(&plan, stage)), [7, 2, 1, 11, 12], "the optional action is settled");
    change(&mut plan, &pack, Change::Answer(code("year-group"), Some(Answer::Words(words("9"))))).unwrap();
    assert_eq!(missing(&plan, 0), 6);
    change(&mut plan, &pack, Change::Answer(code("year-group"), None)).unwrap();
    assert_eq!(missing(&plan, 0), 7);
    let wrong = Change::Answer(code("provider-start"), Some(Answer::Words(words("Monday"))));
    assert_eq!(change(&mut plan, &pack, wrong), Err(Refusal::WrongKind));
    make_ready(&mut plan, &pack);
    assert!(plan.progress(&pack)[3].is_complete());
}

#[test]
fn a_field_that_depends_on_an_answer_is_asked_only_after_it() {
    let pack = plain();
    let mut plan = ReintegrationPlan::draft(&pack, basis("short")).unwrap();
    let asked = |plan: &ReintegrationPlan| plan.progress(&pack)[1].missing.contains(&code("ask-again"));
    assert!(!asked(&plan));
    change(&mut plan, &pack, Change::Answer(code("on-track"), Some(Answer::YesNo(false)))).unwrap();
    assert!(asked(&plan));
    change(&mut plan, &pack, Change::Answer(code("on-track"), Some(Answer::YesNo(true)))).unwrap();
    assert!(!asked(&plan));
}

#[test]
fn h_25_a_week_has_ten_half_days_and_goes_on_until_it_is_changed() {
    let (pack, mut plan) = open();
    let pattern: WeekPattern = "ss rr -o rr ss".parse().unwrap();
    assert_eq!(pattern.sentence(), "On site 4, by robot 4, elsewhere 1, rest 1: ten half-days.");
    assert_eq!(pattern.on(day("2026-12-16"), HalfDay::Am), Some(Place::Rest));
    assert_eq!(pattern.on(day("2026-12-19"), HalfDay::Am), None, "a Saturday");
    assert_eq!(pattern.beside_ideal(2), None);
    assert!(pattern.beside_ideal(3).unwrap().ends_with('?'));
    change(&mut plan, &pack, Change::Week(code("provider"), 8, pattern)).unwrap();
    assert_eq!((plan.week(7), plan.week(9)), (None, Some(&pattern)));
    assert_eq!(change(&mut plan, &pack, Change::Week(code("provider"), 13, pattern)), Err(Refusal::NoSuchWeek));
    for text in ["", "ss rr", "ss rr -o rr s", "ss rr -o rr sss", "ss rr -o rr sx", "ss rr -o rr ss ss"] {
        assert_eq!(text.parse::<WeekPattern>(), Err(NotAPattern), "{text}");
    }
}

#[test]
fn h_26_a_meeting_without_pupil_or_school_does_not_count() {
    let (pack, mut plan) = open();
    let check = |present: &[Party], missing: &[Party]| {
        let absent: Vec<_> = meeting(present).missing(&pack.meeting).into_iter().flatten().collect();
        assert_eq!(absent, missing);
    };
    check(&[Party::Pupil, Party::ReceivingSchool], &[]);
    check(&[Party::Pupil, Party::Parent, Party::ProviderLead], &[Party::ReceivingSchool]);
    check(&[Party::ReceivingSchool, Party::Parent], &[Party::Pupil]);
    check(&[], &[Party::Pupil, Party::ReceivingSchool]);
    let without = meeting(&[Party::ReceivingSchool, Party::Parent]);
    assert_eq!(
        without.advice(&pack.meeting, Some(day("2026-11-19"))).unwrap(),
        "Not there: the pupil. Choose a new date by Thursday 19 November 2026, so that the meeting counts."
    );
    change(&mut plan, &pack, Change::Meeting(without)).unwrap();
    assert!(plan.gates(&pack).contains(&Gate::Meeting), "it is written down and does not count");
    let by_robot =
        Meeting { present: [(Party::Pupil, How::ByRobot), (Party::ReceivingSchool, How::InPerson)].into(), ..meeting(&[]) };
    assert_eq!(by_robot.advice(&pack.meeting, None), None);
    change(&mut plan, &pack, Change::Meeting(by_robot)).unwrap();
    assert!(!plan.gates(&pack).contains(&Gate::Meeting), "there by robot is there");
    let elsewhere = Meeting { venue: code("pub"), ..meeting(&[Party::Pupil]) };
    assert_eq!(change(&mut plan, &pack, Change::Meeting(elsewhere)), Err(Refusal::UnknownCode("venue")));
}

#[test]
fn of_a_line_with_several_parties_one_is_enough() {
    let pack = plain();
    let held = |present: &[Party]| meeting(present).missing(&pack.meeting);
    assert!(held(&[Party::Pupil, Party::Parent, Party::HomeSchool]).is_empty());
    assert!(held(&[Party::Pupil, Party::Parent, Party::ReceivingSchool]).is_empty());
    assert_eq!(held(&[Party::Pupil, Party::Parent]), [[Party::HomeSchool, Party::ReceivingSchool]]);
    let advice = meeting(&[Party::Pupil, Party::Parent]).advice(&pack.meeting, None).unwrap();
    assert!(advice.starts_with("Not there: the home school or the receiving school."), "{advice}");
}

#[test]
fn h_27_handovers_need_provider_pupil_and_parent_and_the_pack_all_its_items() {
    let (pack, mut plan) = open();
    let mut entry =
        ActionEntry { is_settled: true, agreed: [Party::ProviderLead, Party::Parent].into(), ..ActionEntry::default() };
    change(&mut plan, &pack, Change::Action(code("send-handover"), entry.clone())).unwrap();
    assert!(!plan.is_settled(&pack, &code("send-handover")), "the pupil has not agreed");
    entry.agreed.insert(Party::Pupil);
    change(&mut plan, &pack, Change::Action(code("send-handover"), entry)).unwrap();
    assert!(plan.is_settled(&pack, &code("send-handover")));
    let items: Vec<_> = pack.list("induction-pack").iter().map(|(item, _)| item.clone()).collect();
    for item in items {
        assert!(!plan.is_settled(&pack, &code("induction-pack")));
        change(&mut plan, &pack, Change::Tick { list: code("induction-pack"), item, is_done: true }).unwrap();
    }
    assert!(plan.is_settled(&pack, &code("induction-pack")));
}

#[test]
fn a_return_begins_when_its_gates_are_passed_or_reasoned() {
    let (pack, mut plan) = open();
    let begin = |despite| Change::BeginReturn { on: day("2026-12-14"), despite };
    let Err(Refusal::GatesOpen(gates)) = change(&mut plan, &pack, begin(vec![])) else { panic!("it must be refused") };
    assert_eq!(gates.len(), 1 + 1 + 4 + 4 + 10, "readiness, meeting, H-4, H-12, H-27 without the optional one");
    for gate in &gates {
        assert!(gate.words(&pack).ends_with(['.', '?']));
        assert_eq!(Gate::from_code(&gate.code()).as_ref(), Some(gate));
        assert_eq!(Gate::from_code(&format!("{gate:?}")).as_ref(), Some(gate), "histories before November 2026");
    }
    make_ready(&mut plan, &pack);
    change(&mut plan, &pack, Change::Tick { list: code("start-gate"), item: code("welcome"), is_done: false }).unwrap();
    let open = Err(Refusal::GatesOpen(vec![Gate::Item(code("welcome"))]));
    assert_eq!(change(&mut plan, &pack, begin(vec![])), open);
    let reason = Reason::new("The pupil asked for no fuss at all.").unwrap();
    change(&mut plan, &pack, begin(vec![(Gate::Item(code("welcome")), reason)])).unwrap();
    assert_eq!(plan.despite().len(), 1);
    assert_eq!(plan.state(), &PlanState::Returning { since: day("2026-12-14") });
    assert_eq!(change(&mut plan, &pack, begin(vec![])), Err(Refusal::AlreadyBegun));
}

pub(super) fn evaluation(week: u16, went: Went, why: Option<&str>) -> Evaluation {
    let pack = havering();
    let rule = pack.evaluation(&code("provider"), week).unwrap();
    let reply = |question: &crate::policy::Question| Reply {
        question: question.id.clone(),
        went,
        why: why.map(words),
        comment: None,
        action: None,
    };
    Evaluation {
        clock: code("provider"),
        week,
        on: day("2026-12-18"),
        replies: rule.questions.iter().map(reply).collect(),
        attendance: Some(Stated { figure: words("6 of 10"), source: StatedSource::Person(who(5)), on: day("2026-12-18") }),
        punctuality: None,
        engagement: None,
        pupil_says: None,
    }
}

#[test]
fn h_29_a_week_is_looked_back_upon_with_its_own_questions() {
    let (pack, mut plan) = returning();
    let mut check =
        |evaluation: Evaluation, expected| assert_eq!(change(&mut plan, &pack, Change::Evaluate(evaluation)), expected);
    check(evaluation(8, Went::Yes, None), Ok(()));
    check(evaluation(8, Went::Partly, None), Err(Refusal::SayWhy));
    check(evaluation(8, Went::NotThisTime, Some("Too loud at lunch")), Ok(()));
    check(evaluation(2, Went::NotThisTime, None), Ok(()));
    let two_of_three =
        Evaluation { replies: evaluation(7, Went::Yes, None).replies[..2].to_vec(), ..evaluation(7, Went::Yes, None) };
    check(two_of_three, Err(Refusal::QuestionsOpen));
    check(Evaluation { week: 5, ..evaluation(8, Went::Yes, None) }, Err(Refusal::NoSuchWeek));
    let kept = plan.evaluation(&code("provider"), 8).unwrap();
    assert_eq!(kept.replies[0].went, Went::NotThisTime);
}

#[test]
fn engagement_stands_beside_as_minutes_of_its_own() {
    let account =
        crate::attendance::Account { social: crate::attendance::Length::of_ms(12 * 60_000 + 59_000), ..Default::default() };
    let beside = EngagementBeside::of([&account]);
    assert_eq!((beside.in_lessons.get(), beside.social.get()), (0, 12), "rounded down once");
    assert!(ENGAGEMENT_LABEL.contains("not the register"));
}

#[test]
fn h_13_success_is_what_both_sides_have_signed_and_the_roll_waits_for_it() {
    let (pack, mut plan) = returning();
    let sign = |party| Change::SignOff(SignOff { party, who: who(6), on: day("2027-01-28") });
    assert_eq!(change(&mut plan, &pack, sign(Party::Pupil)), Err(Refusal::NotTheirs(Party::Pupil)));
    change(&mut plan, &pack, sign(Party::HomeSchool)).unwrap();
    let refused = change(&mut plan, &pack, Change::Close(closure("success")));
    assert_eq!(refused, Err(Refusal::NotSigned(vec![Party::ReceivingSchool])));
    let guard = plan.roll_guard(&pack, None);
    let RollGuard::Stays { says, waits_for } = guard else { panic!("the roll stays") };
    assert_eq!(waits_for, [Party::ReceivingSchool]);
    assert!(
        says.ends_with("the panel's office knows. On this route no panel decides, so nobody waits for its office."),
        "{says}"
    );
    change(&mut plan, &pack, sign(Party::ReceivingSchool)).unwrap();
    assert!(matches!(plan.roll_guard(&pack, None), RollGuard::Stays { .. }), "signed, but not closed");
    change(&mut plan, &pack, Change::Close(closure("success"))).unwrap();
    assert_eq!(plan.roll_guard(&pack, None), RollGuard::MayMove, "the medical route has no panel");
    assert_eq!(change(&mut plan, &pack, sign(Party::HomeSchool)), Err(Refusal::Closed));
}

#[test]
fn h_20_where_a_panel_decided_the_roll_waits_for_its_office_too() {
    let (pack, plan) = returning();
    let mut parts = plan.parts().clone();
    parts.basis.route = Route::Exclusion;
    let mut plan = ReintegrationPlan::from_parts(parts);
    for party in [Party::HomeSchool, Party::ReceivingSchool] {
        change(&mut plan, &pack, Change::SignOff(SignOff { party, who: who(6), on: day("2027-01-28") })).unwrap();
    }
    change(&mut plan, &pack, Change::Close(closure("success"))).unwrap();
    let RollGuard::Stays { says, waits_for } = plan.roll_guard(&pack, None) else { panic!("the roll stays") };
    assert_eq!((says, waits_for), (pack.closure.roll_guard.clone(), vec![Party::Panel]));
    assert_eq!(plan.roll_guard(&pack, Some(day("2027-02-01"))), RollGuard::MayMove);
}

#[test]
fn a_16_support_may_go_on_after_the_end_and_not_stop_before_it() {
    let (pack, mut plan) = returning();
    let short = Closure { support_until: Some(day("2027-01-28")), ..closure("long-term-place") };
    assert_eq!(change(&mut plan, &pack, Change::Close(short)), Err(Refusal::SupportTooShort));
    change(&mut plan, &pack, Change::Close(closure("long-term-place"))).unwrap();
    let RollGuard::Stays { waits_for, .. } = plan.roll_guard(&pack, None) else { panic!("the roll stays") };
    assert_eq!(waits_for, [], "nobody is asked any more whether the return holds");
    let PlanState::Closed(end) = plan.state() else { panic!("it is closed") };
    assert_eq!(end.went_well.expose(), "The buddy was there every morning.");
    assert_eq!(plan.school_start(), Some(day("2026-12-14")), "the school's weeks still count from there");
}

#[test]
fn h_19_a_serious_breakdown_may_end_a_plan_and_owes_three_words() {
    let (pack, mut plan) = returning();
    let event = |categories: &[&str]| Breakdown {
        on: day("2027-01-12"),
        categories: categories.iter().map(|name| code(name)).collect(),
        what: words("In the corridor"),
        decided_by: who(7),
        told: vec![(Party::Parent, who(7), day("2027-01-12")), (Party::Panel, who(7), day("2027-01-11"))],
    };
    let end = |categories: &[&str], outcome| Change::EndAfterBreakdown(event(categories), closure(outcome));
    assert_eq!(change(&mut plan, &pack, end(&[], "breakdown")), Err(Refusal::NoCategory));
    assert_eq!(change(&mut plan, &pack, end(&["cheek"], "breakdown")), Err(Refusal::UnknownCode("kind of breakdown")));
    assert_eq!(change(&mut plan, &pack, end(&["weapon"], "back-to-provider")), Ok(()));
    assert_eq!(plan.school_start(), Some(day("2026-12-14")), "what was counted from there stays countable");
    let words_owed: Vec<_> = owed(&pack, &event(&["weapon"])).iter().map(|owed| (owed.to, owed.told)).collect();
    let expected = [(Party::HomeSchool, None), (Party::Parent, Some(day("2027-01-12"))), (Party::Panel, None)];
    assert_eq!(words_owed, expected, "a word before the event is not a word about it");
}

#[test]
fn a_policy_may_ask_for_a_meeting_before_a_breakdown_ends_a_plan() {
    let pack = plain();
    let mut plan = ReintegrationPlan::draft(&pack, basis("short")).unwrap();
    change(&mut plan, &pack, consent()).unwrap();
    change(&mut plan, &pack, Change::Open).unwrap();
    let event = Breakdown {
        on: day("2026-11-10"),
        categories: [code("unsafe")].into(),
        what: words("On the stairs"),
        decided_by: who(7),
        told: vec![],
    };
    let end = Change::EndAfterBreakdown(event, closure("stopped"));
    assert_eq!(change(&mut plan, &pack, end.clone()), Err(Refusal::MeetFirst));
    let held = Meeting { convenor: Party::HomeSchool, venue: code("online"), ..meeting(&[Party::Pupil]) };
    change(&mut plan, &pack, Change::Meeting(held)).unwrap();
    change(&mut plan, &pack, end).unwrap();
}

pub(super) fn review() -> Review {
    Review {
        on: day("2027-01-08"),
        asked_by: Some((code("weekly-review"), Some(2))),
        present: [(Party::Parent, How::ByCall), (Party::KeyWorker, How::InPerson)].into(),
        targets: [(crate::goal::Family::Academic, words("Two topics behind in maths"))].into(),
        worries: Some(words("Stairs")),
        is_supported: Some(Went::Yes),
        pupil_says: None,
        about_robot: Some(words("A bridge, for Thursdays")),
        outcome: ReviewOutcome::Continue,
        why: None,
        next_on: Some(day("2027-01-15")),
    }
}

#[test]
fn h_15_a_review_says_what_comes_of_it_and_when_the_next_one_is() {
    let (pack, mut plan) = returning();
    let mut check = |review: Review, expected| assert_eq!(change(&mut plan, &pack, Change::Review(review)), expected);
    check(review(), Ok(()));
    check(Review { next_on: None, ..review() }, Err(Refusal::NoNextReview));
    check(Review { next_on: Some(day("2027-01-08")), ..review() }, Err(Refusal::NoNextReview));
    check(Review { outcome: ReviewOutcome::StepDown, ..review() }, Err(Refusal::WhyAStep));
    check(Review { outcome: ReviewOutcome::StepDown, why: Some(words("Tired by noon")), ..review() }, Ok(()));
    check(Review { outcome: ReviewOutcome::Close, next_on: None, ..review() }, Ok(()));
    assert_eq!(review().absent(), [Party::Pupil]);
    assert_eq!(plan.reviews().len(), 3);
}

#[test]
fn the_history_tells_every_field_from_what_to_what_and_prints_none_of_it() {
    let (pack, mut plan) = open();
    let aims = |text| Change::Answer(code("aims"), Some(Answer::Words(words(text))));
    change(&mut plan, &pack, aims("Science")).unwrap();
    let before = plan.parts().clone();
    change(&mut plan, &pack, aims("Science and maths")).unwrap();
    change(&mut plan, &pack, Change::Week(code("provider"), 8, "ss rr -o rr ss".parse().unwrap())).unwrap();
    let told = changes(&before, plan.parts());
    let shown: Vec<_> = told
        .iter()
        .map(|one| (one.field.as_str(), one.from.as_ref().map(Shown::expose), one.to.as_ref().map(Shown::expose)))
        .collect();
    let expected = [("answer.aims", Some("Science"), Some("Science and maths")), ("week.08", None, Some("ss rr -o rr ss"))];
    assert_eq!(shown, expected);
    assert!(!format!("{told:?}").contains("Science"));
    let back = changes(plan.parts(), &before);
    assert_eq!(back[1].to, None, "what is taken away is told too");
}

#[test]
fn a_full_plan_can_still_be_ended() {
    let (pack, mut plan) = returning();
    let setback = || Change::Setback(Setback { on: day("2026-12-15"), code: code("health"), what: None, what_helps: None });
    let free = MAX_ENTRIES - plan.consents().len() - plan.meetings().len();
    for _ in 0..free {
        change(&mut plan, &pack, setback()).unwrap();
    }
    assert_eq!(change(&mut plan, &pack, setback()), Err(Refusal::Full));
    let one = Barrier { code: code("health"), why: words("Stairs"), needed: words("A lift"), weeks: 1 };
    assert_eq!(change(&mut plan, &pack, Change::Barriers(vec![one; MAX_BARRIERS + 1])), Err(Refusal::Full));
    change(&mut plan, &pack, Change::Close(closure("long-term-place"))).unwrap();
}

#[test]
fn two_people_do_not_overwrite_each_other() {
    let (pack, mut plan) = open();
    let seen = plan.revision();
    let aims = |text| Change::Answer(code("aims"), Some(Answer::Words(words(text))));
    plan.apply(&pack, seen, aims("Science")).unwrap();
    let refused = plan.apply(&pack, seen, aims("Maths"));
    assert_eq!(refused, Err(Refusal::ChangedMeanwhile { now: plan.revision() }));
    assert_eq!(plan.answer(&code("aims")), Some(&Answer::Words(words("Science"))));
}

#[test]
fn h_1_a_plan_keeps_the_rules_it_was_begun_with() {
    let (mut pack, mut plan) = open();
    pack.key.version = "2027".to_owned();
    assert_eq!(change(&mut plan, &pack, Change::PupilSays(1, Some(words("Fine")))), Err(Refusal::OtherPack));
}

#[test]
fn h_16_a_longer_plan_has_a_reason_and_d_5_behaviour_is_none_for_part_time() {
    let (pack, mut plan) = open();
    let reason = Reason::new("A second operation in January.").unwrap();
    change(&mut plan, &pack, Change::Longer { weeks: 4, reason }).unwrap();
    assert_eq!(plan.planned_weeks(&pack), 16);
    // Both clocks go on, and a look-back of the last week is asked again.
    let pattern: WeekPattern = "ss ss ss ss ss".parse().unwrap();
    for (clock, last) in [("provider", 16), ("school", 12)] {
        change(&mut plan, &pack, Change::Week(code(clock), last, pattern)).unwrap();
        let beyond = Change::Week(code(clock), last + 1, pattern);
        assert_eq!(change(&mut plan, &pack, beyond), Err(Refusal::NoSuchWeek), "{clock}");
    }
    assert_eq!(change(&mut plan, &pack, Change::Week(code("moon"), 1, pattern)), Err(Refusal::UnknownCode("clock")));
    let look_back = |week| plan.look_back(&pack, &code("provider"), week).map(|rule| rule.week);
    assert_eq!([12, 13, 16, 17, 5].map(look_back), [Some(12), Some(12), Some(12), None, None]);
    let reason = Reason::new("For ever and a day.").unwrap();
    assert_eq!(change(&mut plan, &pack, Change::Longer { weeks: MAX_MORE_WEEKS - 3, reason }), Err(Refusal::TooLong));
    let arrangement = |reasons: &[PartTimeReason]| PartTime {
        from: day("2026-12-14"),
        until: day("2027-01-29"),
        reasons: reasons.iter().copied().collect(),
        agreed_by: who(3),
        reviews: vec![day("2027-01-08")],
    };
    assert_eq!(arrangement(&[PartTimeReason::Behaviour]).check(), Err(NotPartTime::BehaviourAlone));
    assert_eq!(arrangement(&[]).check(), Err(NotPartTime::NoReason));
    assert_eq!(arrangement(&[PartTimeReason::Health, PartTimeReason::Behaviour]).check(), Ok(()));
    let late = PartTime { reviews: vec![day("2027-02-01")], ..arrangement(&[PartTimeReason::Health]) };
    assert_eq!(late.check(), Err(NotPartTime::NoReview));
    let backwards = PartTime { until: day("2026-12-13"), ..arrangement(&[PartTimeReason::Health]) };
    assert_eq!(backwards.check(), Err(NotPartTime::NoEnd));
}

#[test]
fn h_13_h_23_the_head_names_the_receiving_school_and_responsibility_passes_to_it_with_the_roll() {
    let organisation = |n| OrganisationId(Uuid::from_u128(n));
    let (pack, mut plan) = returning();
    assert_eq!(plan.receiving(), Setting::Known(organisation(1)), "back to the home school");
    let names = |answer| Change::Answer(code("receiving-school"), answer);
    let sign = |party| Change::SignOff(SignOff { party, who: who(6), on: day("2027-01-28") });
    change(&mut plan, &pack, sign(Party::ReceivingSchool)).unwrap();
    change(&mut plan, &pack, sign(Party::HomeSchool)).unwrap();
    change(&mut plan, &pack, names(Some(Answer::Organisation(organisation(9))))).unwrap();
    assert_eq!(plan.receiving(), Setting::Known(organisation(9)));
    let signed: Vec<_> = plan.sign_offs().iter().map(|one| one.party).collect();
    assert_eq!(signed, [Party::HomeSchool], "what one school agreed to is not the word of another");
    change(&mut plan, &pack, sign(Party::ReceivingSchool)).unwrap();
    assert_eq!(plan.responsible(&pack, None), Setting::Known(organisation(1)), "until the plan is closed");
    change(&mut plan, &pack, Change::Close(closure("success"))).unwrap();
    assert_eq!(plan.responsible(&pack, None), Setting::Known(organisation(9)));
    // A fresh start elsewhere has no school before somebody names one; another end leaves the home school responsible.
    let fresh = Basis { end_goal: EndGoal::NewSchool, ..basis("phased-return") };
    let mut plan = ReintegrationPlan::draft(&pack, fresh).unwrap();
    assert_eq!(plan.receiving(), Setting::NotNamed);
    change(&mut plan, &pack, names(Some(Answer::Place(words("Hill School"))))).unwrap();
    assert_eq!(plan.receiving(), Setting::Called(&words("Hill School")));
    assert_eq!(plan.responsible(&pack, Some(day("2027-02-01"))), Setting::Known(organisation(1)));
}

#[test]
fn l_2_what_a_draft_is_for_is_put_right_and_a_draft_is_thrown_away_and_neither_once_it_is_agreed() {
    let (pack, mut plan) = draft();
    let right = |length| Change::Basis {
        route: Route::Exclusion,
        planned_length: code(length),
        end_goal: EndGoal::LongTermPlace,
        in_their_words: None,
    };
    assert_eq!(change(&mut plan, &pack, right("for-ever")), Err(Refusal::UnknownCode("planned length")));
    change(&mut plan, &pack, right("first-term")).unwrap();
    assert_eq!((plan.basis().route, plan.planned_weeks(&pack)), (Route::Exclusion, 6));
    let discard = || Change::Discard { on: day("2026-10-12"), reason: Reason::new("Begun for the wrong pupil.").unwrap() };
    change(&mut plan, &pack, discard()).unwrap();
    assert_eq!(change(&mut plan, &pack, consent()), Err(Refusal::Closed));
    let (pack, mut plan) = open();
    for one in [right("first-term"), discard()] {
        assert_eq!(change(&mut plan, &pack, one), Err(Refusal::NotADraft));
    }
}
