//! Plans: what is kept comes back as it was, two people at once lose nothing, and the history of every field.

use chrono::{DateTime, NaiveDate, Utc};
use engines::{Fresh, on_each_engine};
use server_core::party::{OrganisationId, Party, PersonId};
use server_core::plan::{
    ActionEntry, Answer, Barrier, Basis, Breakdown, Change, Closure, Consent, EndGoal, EngagementBeside, Evaluation, How,
    Meeting, OwnWord, PlanState, Refusal, ReintegrationPlan, Reply, Review, ReviewOutcome, Revision, Setback, SignOff, Stated,
    StatedSource, Went,
};
use server_core::policy::{Code, FieldKind, Pack, Route, for_day};
use server_core::words::{Reason, Words};
use store::Store;
use store::audit::{Actor, NewAudit, Subject};
use store::plans::Changed;
use store::staff::NewStaff;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::world::{PLACEMENT, PUPIL, SCHOOL, fill};

on_each_engine!(
    a_plan_with_all_its_parts_comes_back_as_it_was,
    of_two_people_who_save_one_page_the_second_is_told_what_the_first_did,
    many_writers_at_once_lose_no_update_and_the_history_tells_each,
    a_refused_change_among_several_leaves_nothing_behind,
    the_history_is_neither_changed_nor_removed,
    a_placement_has_one_plan_that_is_not_closed,
    a_draft_that_was_thrown_away_counts_nowhere_and_stays_to_be_read,
    a_plan_that_no_program_wrote_is_unreadable_and_not_believed
);

const PLAN: Uuid = Uuid::from_u128(70);
const JO: Uuid = Uuid::from_u128(71);
const SAM: Uuid = Uuid::from_u128(72);

fn now() -> DateTime<Utc> {
    "2026-11-17T11:04:00Z".parse().unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn code(text: &str) -> Code {
    Code::new(text).unwrap()
}

fn words(text: &str) -> Words {
    Words::new(text).unwrap()
}

fn who(n: u128) -> PersonId {
    PersonId(Uuid::from_u128(n))
}

fn havering() -> Pack {
    for_day(&Pack::built_in().unwrap(), &code("havering"), day("2026-10-05")).unwrap().clone()
}

fn draft(pack: &Pack) -> ReintegrationPlan {
    let school = OrganisationId(SCHOOL);
    let basis = Basis {
        route: Route::Medical,
        home_school: school,
        provider: school,
        receiving_school: school,
        responsible: school,
        planned_length: code("phased-return"),
        end_goal: EndGoal::HomeSchool,
        in_their_words: Some(words("Go back after Christmas.")),
    };
    ReintegrationPlan::draft(pack, basis).unwrap()
}

fn by(staff: Uuid) -> NewAudit<'static> {
    NewAudit { actor: Actor::Staff(staff), action: "change plan", subject: Subject::Pupil(PUPIL), detail: None }
}

fn aims(text: &str) -> Change {
    Change::Answer(code("aims"), Some(Answer::Words(words(text))))
}

/// A placement with a draft, and two people.
async fn begun(store: &Store) -> Pack {
    fill(store).await;
    for (staff_id, name, email) in [(JO, "Jo K.", "jo@school.example"), (SAM, "Sam L.", "sam@school.example")] {
        assert!(store.add_staff(NewStaff { staff_id, name, email, password_hash: "x" }, &[]).await.unwrap());
    }
    let pack = havering();
    assert!(store.add_plan(PLAN, PLACEMENT, &draft(&pack), by(JO), now()).await.unwrap());
    pack
}

async fn plan(store: &Store) -> ReintegrationPlan {
    store.plan(PLAN).await.unwrap().unwrap().plan
}

/// Makes a change on what is there.
async fn make(store: &Store, pack: &Pack, changes: Vec<Change>) {
    let seen = plan(store).await.revision();
    let made = store.change_plan(PLAN, seen, pack, changes, by(JO), now()).await.unwrap();
    assert!(matches!(made, Changed::Made(_)), "{made:?}");
}

/// An answer of each kind that the pack asks for.
fn answers(pack: &Pack) -> Vec<Change> {
    let stated = |source| Stated { figure: words("86 %"), source, on: day("2026-11-13") };
    let import = StatedSource::Import { system: "arbor".into(), at: now() };
    let answer = |kind| match kind {
        FieldKind::Words => Answer::Words(words("Both of us.\nAnd \"you\" – 'too' \\ ÄÖ 🤖")),
        FieldKind::YesNo => Answer::YesNo(true),
        FieldKind::Day => Answer::Day(day("2026-12-14")),
        FieldKind::Weeks => Answer::Weeks(12),
        FieldKind::Person => Answer::Person(who(9)),
        FieldKind::Organisation => Answer::Organisation(OrganisationId(SCHOOL)),
        FieldKind::Stated => Answer::Stated(stated(import.clone())),
    };
    pack.fields.iter().map(|field| Change::Answer(field.id.clone(), Some(answer(field.kind)))).collect()
}

fn evaluation(pack: &Pack) -> Evaluation {
    let clock = code("provider");
    let rule = pack.evaluation(&clock, 8).unwrap();
    let reply = |(n, question): (usize, &server_core::policy::Question)| Reply {
        question: question.id.clone(),
        went: [Went::Yes, Went::Partly, Went::NotThisTime][n % 3],
        why: Some(words("Too loud")),
        comment: Some(words("Better by Friday")),
        action: None,
    };
    let minutes = |n: u64| protocol::Minutes::floor_of_seconds(n * 60);
    Evaluation {
        replies: rule.questions.iter().enumerate().map(reply).collect(),
        clock,
        week: 8,
        on: day("2026-12-18"),
        attendance: Some(Stated { figure: words("6 of 10"), source: StatedSource::Person(who(5)), on: day("2026-12-18") }),
        punctuality: None,
        engagement: Some(EngagementBeside {
            expected: minutes(600),
            in_lessons: minutes(431),
            social: minutes(12),
            odd: vec!["Tuesday 15 December 2026: Part of a visit has not arrived yet.".to_owned()],
        }),
        pupil_says: Some(words("ok")),
    }
}

async fn a_plan_with_all_its_parts_comes_back_as_it_was(store: Fresh) {
    let pack = begun(&store).await;
    // The same changes are made on a plan that is never kept.
    let mut own = draft(&pack);
    let mut both = async |changes: Vec<Change>| {
        for change in changes.clone() {
            own.apply(&pack, own.revision(), change).unwrap();
        }
        make(&store, &pack, changes).await;
        let kept = plan(&store).await;
        assert_eq!(kept, own);
        kept
    };
    let meeting = Meeting {
        on: day("2026-11-18"),
        convenor: Party::ReceivingSchool,
        venue: code("receiving-school"),
        present: [(Party::Pupil, How::ByRobot), (Party::ReceivingSchool, How::InPerson), (Party::Parent, How::ByCall)].into(),
        outcomes: [].into(),
        notes: Some(words("Long")),
    };
    let review = Review {
        on: day("2027-01-08"),
        asked_by: Some((code("weekly-review"), Some(2))),
        present: [(Party::Pupil, How::ByRobot)].into(),
        targets: [(server_core::goal::Family::Academic, words("Two topics behind"))].into(),
        worries: Some(words("Stairs")),
        is_supported: Some(Went::Partly),
        pupil_says: None,
        about_robot: Some(words("A bridge")),
        outcome: ReviewOutcome::StepDown,
        why: Some(words("Tired by noon")),
        next_on: Some(day("2027-01-15")),
    };
    let consent = |n| Consent {
        party: Party::Parent,
        own_word: OwnWord::Beside,
        who: who(n),
        how: words("On paper"),
        on: day("2026-10-09"),
        withdrawn: None,
    };
    let entry = ActionEntry {
        details: None,
        outcome: Some(words("Agreed")),
        day: Some(day("2026-12-14")),
        is_settled: true,
        agreed: [Party::Parent, Party::Pupil].into(),
    };
    let mut changes = answers(&pack);
    changes.extend([
        Change::Consent(consent(3)),
        Change::Consent(consent(4)),
        Change::WithdrawConsent { who: who(4), on: day("2026-10-12") },
        Change::Open,
        Change::Barriers(vec![Barrier { code: code("health"), why: words("Stairs"), needed: words("A lift"), weeks: 3 }]),
        Change::Week(code("provider"), 8, "ss rr -o rr ss".parse().unwrap()),
        Change::Week(code("school"), 2, "ss ss -- ss ss".parse().unwrap()),
        Change::Meeting(meeting),
        Change::Tick { list: code("start-gate"), item: pack.list("start-gate")[0].0.clone(), is_done: true },
        Change::Action(pack.actions[0].id.clone(), entry),
        Change::Setback(Setback { on: day("2026-11-19"), code: code("health"), what: None, what_helps: Some(words("Rest")) }),
        Change::Longer { weeks: 4, reason: Reason::new("A second operation in January.").unwrap() },
        Change::PupilSays(2, Some(words("Fine"))),
    ]);
    let open = both(changes).await;
    let reason = Reason::new("Decided together at the meeting.").unwrap();
    let despite: Vec<_> = open.gates(&pack).into_iter().map(|gate| (gate, reason.clone())).collect();
    assert!(despite.len() > 3, "gates of more than one kind stay open");
    both(vec![Change::BeginReturn { on: day("2026-12-14"), despite }]).await;
    let sign_off = Change::SignOff(SignOff { party: Party::HomeSchool, who: who(6), on: day("2027-01-28") });
    both(vec![Change::Evaluate(evaluation(&pack)), Change::Review(review), sign_off]).await;
    let end = Closure {
        on: day("2027-01-29"),
        outcome: code("long-term-place"),
        went_well: words("The buddy"),
        could_be_better: None,
        provider_withdrew: Some(day("2027-01-29")),
        support_until: Some(day("2027-03-26")),
        follow_up: vec![day("2027-02-26")],
    };
    let kept = both(vec![Change::Close(end.clone())]).await;
    let history = store.plan_history(PLAN, None, None, 10_000).await.unwrap();
    assert_eq!(kept.state(), &PlanState::Closed(end));
    let parts = kept.parts();
    assert!(
        !(parts.consents.is_empty()
            || parts.answers.len() != pack.fields.len()
            || parts.barriers.is_empty()
            || parts.weeks.is_empty()
            || parts.clock_weeks.is_empty()
            || parts.meetings.is_empty()
            || parts.ticked.is_empty()
            || parts.actions.is_empty()
            || parts.evaluations.is_empty()
            || parts.reviews.is_empty()
            || parts.setbacks.is_empty()
            || parts.sign_offs.is_empty()
            || parts.despite.is_empty()
            || parts.longer.is_empty()
            || parts.pupil_says.is_empty()),
        "every part has something in it"
    );
    // What the history says of each field last is what the plan that was read back holds.
    let told = server_core::plan::changes(draft(&pack).parts(), parts);
    assert!(told.len() > 40);
    for field in &told {
        let last = history.iter().find(|row| row.field == field.field).unwrap();
        assert_eq!(last.to_text.as_deref(), field.to.as_ref().map(server_core::plan::Shown::expose), "{}", field.field);
    }
    assert_eq!(store.plans_of(PLACEMENT).await.unwrap().len(), 1);
    assert_eq!(store.discarded_plans_of(PLACEMENT).await.unwrap(), []);
    let again = store.open_again().await;
    assert_eq!(again.plan(PLAN).await.unwrap().unwrap().plan, kept);
    assert_eq!(store.plan(Uuid::from_u128(404)).await.unwrap(), None);
}

async fn a_draft_that_was_thrown_away_counts_nowhere_and_stays_to_be_read(store: Fresh) {
    let pack = begun(&store).await;
    let place = Change::Answer(code("receiving-school"), Some(Answer::Place(words("Hill School"))));
    let reason = Reason::new("Begun for the wrong pupil.").unwrap();
    make(&store, &pack, vec![aims("Science"), place]).await;
    make(&store, &pack, vec![Change::Discard { on: day("2026-11-17"), reason: reason.clone() }]).await;
    assert_eq!(store.plans_of(PLACEMENT).await.unwrap(), []);
    assert_eq!(store.plans_of_pupils(&[PUPIL]).await.unwrap(), []);
    let kept = store.discarded_plans_of(PLACEMENT).await.unwrap().remove(0);
    assert_eq!(kept.plan.state(), &PlanState::Discarded { on: day("2026-11-17"), reason });
    assert_eq!(kept.plan.answer(&code("receiving-school")), Some(&Answer::Place(words("Hill School"))));
    assert!(store.plan_history(PLAN, Some("state.why"), None, 10).await.unwrap()[0].to_text.is_some());
    // Another one may begin, and it is the only one.
    let next = Uuid::from_u128(73);
    assert!(store.add_plan(next, PLACEMENT, &draft(&pack), by(JO), now()).await.unwrap());
    assert_eq!(store.plans_of(PLACEMENT).await.unwrap().len(), 1);
    let refused = store.change_plan(PLAN, kept.plan.revision(), &pack, vec![aims("Maths")], by(JO), now()).await.unwrap();
    assert_eq!(refused, Changed::Refused(Refusal::Closed));
}

async fn of_two_people_who_save_one_page_the_second_is_told_what_the_first_did(store: Fresh) {
    let pack = begun(&store).await;
    let seen = plan(&store).await.revision();
    let first = store.change_plan(PLAN, seen, &pack, vec![aims("Science")], by(JO), now()).await.unwrap();
    assert_eq!(first, Changed::Made(Revision(seen.0 + 1)));
    let pupil_says = || vec![Change::PupilSays(1, Some(words("Fine")))];
    let second = store.change_plan(PLAN, seen, &pack, pupil_says(), by(SAM), now()).await.unwrap();
    let Changed::Meanwhile { now: revision, changes } = second else { panic!("{second:?}") };
    assert_eq!(changes.len(), 1);
    let told = &changes[0];
    assert_eq!(
        (told.field.as_str(), told.from_text.as_deref(), told.to_text.as_deref()),
        ("answer.aims", None, Some("Science"))
    );
    assert_eq!((told.actor_id, told.actor_name.as_deref(), told.at), (Some(JO), Some("Jo K."), now()));
    assert!(!format!("{told:?}").contains("Science"), "what people wrote is not printed");
    // The choice: having read it, the second saves on top, and both are there.
    let second = store.change_plan(PLAN, revision, &pack, pupil_says(), by(SAM), now()).await.unwrap();
    assert_eq!(second, Changed::Made(Revision(revision.0 + 1)));
    let both = plan(&store).await;
    assert_eq!(both.answer(&code("aims")), Some(&Answer::Words(words("Science"))));
    assert_eq!(both.parts().pupil_says.len(), 1);
    assert_eq!(store.plan_changes_since(PLAN, seen).await.unwrap().len(), 2);
    let of_one = store.plan_history(PLAN, Some("answer.aims"), None, 10).await.unwrap();
    assert_eq!(of_one, changes);
    let missing = store.change_plan(Uuid::from_u128(404), seen, &pack, pupil_says(), by(SAM), now()).await.unwrap();
    assert_eq!(missing, Changed::NoPlan);
}

/// Each writer adds its own words to what it read, as often as it takes. If one update were lost, a word would be missing.
async fn many_writers_at_once_lose_no_update_and_the_history_tells_each(store: Fresh) {
    const WRITERS: u128 = 6;
    const TURNS: u128 = 4;
    let pack = begun(&store).await;
    make(&store, &pack, vec![aims("begin")]).await;
    let begun_at = plan(&store).await.revision();
    let mut work = JoinSet::new();
    for writer in 0..WRITERS {
        let (server, pack) = (store.open_again().await, pack.clone());
        work.spawn(async move {
            let mut refused = 0;
            for turn in 0..TURNS {
                loop {
                    let seen = plan(&server).await;
                    let Some(Answer::Words(old)) = seen.answer(&code("aims")) else { panic!("it is there from the start") };
                    let change = aims(&format!("{} w{writer}t{turn}", old.expose()));
                    let actor = by(if writer % 2 == 0 { JO } else { SAM });
                    match server.change_plan(PLAN, seen.revision(), &pack, vec![change], actor, now()).await.unwrap() {
                        Changed::Made(_) => break,
                        Changed::Meanwhile { changes, .. } => {
                            assert!(!changes.is_empty(), "the refusal tells what changed");
                            refused += 1;
                            assert!(refused < 10_000, "somebody gets through each time");
                        }
                        other => panic!("{other:?}"),
                    }
                }
            }
        });
    }
    work.join_all().await;
    let end = plan(&store).await;
    assert_eq!(u128::from(end.revision().0 - begun_at.0), WRITERS * TURNS);
    let Some(Answer::Words(text)) = end.answer(&code("aims")) else { panic!() };
    let mut said: Vec<&str> = text.expose().split(' ').skip(1).collect();
    said.sort_unstable();
    let mut expected: Vec<String> = (0..WRITERS).flat_map(|w| (0..TURNS).map(move |t| format!("w{w}t{t}"))).collect();
    expected.sort_unstable();
    assert_eq!(said, expected, "no update is lost, and none is there twice");
    // The history is one unbroken chain: each entry begins with what the one before it left.
    let history = store.plan_changes_since(PLAN, begun_at).await.unwrap();
    assert_eq!(history.len(), expected.len());
    assert!(history.windows(2).all(|pair| pair[0].to_text == pair[1].from_text));
    assert!(history.iter().any(|row| row.actor_id == Some(SAM)) && history.iter().any(|row| row.actor_id == Some(JO)));
    let audited = store.audit_of(PUPIL, 1_000).await.unwrap().iter().filter(|row| row.action == "change plan").count();
    assert_eq!(audited, expected.len() + 2, "the draft, the first words, and every change");
}

async fn a_refused_change_among_several_leaves_nothing_behind(store: Fresh) {
    let pack = begun(&store).await;
    let before = store.plan(PLAN).await.unwrap().unwrap();
    let entries = store.audit_of(PUPIL, 100).await.unwrap().len();
    let changes = vec![aims("Science"), Change::Answer(code("no-such-field"), None)];
    let refused = store.change_plan(PLAN, before.plan.revision(), &pack, changes, by(JO), now()).await.unwrap();
    assert_eq!(refused, Changed::Refused(Refusal::UnknownCode("field")));
    let event = Breakdown { on: day("2026-11-10"), categories: [].into(), what: words("x"), decided_by: who(7), told: vec![] };
    let end = Closure {
        on: day("2026-11-10"),
        outcome: code("breakdown"),
        went_well: words("x"),
        could_be_better: None,
        provider_withdrew: None,
        support_until: None,
        follow_up: vec![],
    };
    let changes = vec![Change::EndAfterBreakdown(event, end)];
    let refused = store.change_plan(PLAN, before.plan.revision(), &pack, changes, by(JO), now()).await.unwrap();
    assert!(matches!(refused, Changed::Refused(_)), "{refused:?}");
    assert_eq!(store.plan(PLAN).await.unwrap().unwrap(), before);
    assert_eq!(store.plan_history(PLAN, None, None, 10).await.unwrap(), []);
    assert_eq!(store.audit_of(PUPIL, 100).await.unwrap().len(), entries);
}

async fn the_history_is_neither_changed_nor_removed(store: Fresh) {
    let pack = begun(&store).await;
    make(&store, &pack, vec![aims("Science")]).await;
    for sql in ["UPDATE plan_change SET to_text = 'Maths'", "DELETE FROM plan_change"] {
        let refused = store.run(sql).await.unwrap_err();
        assert!(refused.contains("the history of a plan is never"), "{refused}");
    }
    assert_eq!(store.plan_history(PLAN, None, None, 10).await.unwrap()[0].to_text.as_deref(), Some("Science"));
}

async fn a_placement_has_one_plan_that_is_not_closed(store: Fresh) {
    let pack = begun(&store).await;
    let other = Uuid::from_u128(73);
    assert!(!store.add_plan(other, PLACEMENT, &draft(&pack), by(JO), now()).await.unwrap());
    assert_eq!(store.plan(other).await.unwrap(), None);
}

/// A database that was tampered with, or that a newer program wrote: it is said, and nobody sees half a plan.
async fn a_plan_that_no_program_wrote_is_unreadable_and_not_believed(store: Fresh) {
    let _ = begun(&store).await;
    for body in ["[\"resting\",null]", "[\"open\"", "null"] {
        store.run(&format!("UPDATE plan_part SET body = '{body}' WHERE part = 'state'")).await.unwrap();
        let error = store.plan(PLAN).await.unwrap_err();
        assert_eq!(error.to_string(), "the database holds an unreadable plan", "{body}");
    }
}
