//! What stands beside a plan: parties, words about limits, contacts, sheets, and a school's file of marks.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use engines::{Fresh, on_each_engine};
use protocol::SessionId;
use server_core::contact::{By, CheckOutcome, Contact};
use server_core::cost::{CostLine, CostTable, Pence, Ratio};
use server_core::framework::{Area, Assessment, Intervention, Note, Profile, Scale, ScaleKey, Trait, Voice};
use server_core::goal::{Acknowledgement, Became, Family, Goal, Wording};
use server_core::party::{Party, PersonId};
use server_core::plan::{Breakdown, PartTime, PartTimeReason};
use server_core::policy::{Code, Event, Instead, Override};
use server_core::register::{HalfDay, PupilPlace, Source, System, import};
use server_core::words::{Reason, Words};
use store::audit::{Actor, NewAudit, Subject};
use store::beginnings::{Details, Entered};
use store::kept;
use store::organisations::OrganisationRow;
use store::record::{DeadlineWord, PartyRow, PersonRow, Seen};
use store::sheets::{NewSheet, Owner, Saved, SheetKind};
use store::staff::NewStaff;
use store::stated::StatedWord;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::world::{PLACEMENT, PUPIL, SCHOOL, fill};

on_each_engine!(
    a_person_has_a_part_on_its_days_and_is_found_by_it,
    the_last_word_about_an_event_and_a_deadline_counts,
    contacts_come_back_as_they_were_written,
    a_feed_is_found_by_its_latest_token_until_it_is_taken_away_or_the_account_is,
    every_kind_of_sheet_comes_back_as_it_was,
    of_many_who_save_one_sheet_at_once_one_gets_through_each_time_and_all_revisions_stay,
    a_file_of_marks_reaches_the_pupils_of_its_school_alone_and_an_older_file_changes_nothing,
    what_somebody_says_of_a_half_day_is_kept_and_the_latest_word_counts,
    how_to_reach_somebody_is_said_anew
);

const STAFF: Uuid = Uuid::from_u128(71);

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

fn audit() -> NewAudit<'static> {
    NewAudit { actor: Actor::Staff(STAFF), action: "change record", subject: Subject::Pupil(PUPIL), detail: None }
}

async fn begun(store: &Fresh) {
    fill(store).await;
    let staff = NewStaff { staff_id: STAFF, name: "Jo K.", email: "jo@school.example", password_hash: "x" };
    assert!(store.add_staff(staff, &[]).await.unwrap());
}

/// Every write that a test made has its entry.
async fn audited(store: &Fresh) -> usize {
    store.audit_of(PUPIL, 1_000).await.unwrap().iter().filter(|row| row.actor_id == Some(STAFF)).count()
}

async fn a_person_has_a_part_on_its_days_and_is_found_by_it(store: Fresh) {
    begun(&store).await;
    let mother = Uuid::from_u128(80);
    let person = PersonRow { person_id: mother, pupil_id: PUPIL, name: "Grace Q.".into(), reach: Some("by letter".into()) };
    store.add_person(&person, audit(), now()).await.unwrap();
    assert!(store.persons_of(PUPIL).await.unwrap() == [person]);
    let row = |n: u128, party, person, until_day: Option<&str>| PartyRow {
        placement_party_id: Uuid::from_u128(n),
        placement_id: PLACEMENT,
        party,
        person: PersonId(person),
        name: None,
        from_day: Some(day("2026-10-05")),
        until_day: until_day.map(day),
    };
    store.set_party(&row(90, Party::Parent, mother, None), audit(), now()).await.unwrap();
    store.set_party(&row(91, Party::KeyWorker, STAFF, None), audit(), now()).await.unwrap();
    store.set_party(&row(91, Party::KeyWorker, STAFF, Some("2026-11-16")), audit(), now()).await.unwrap();
    let parties = store.parties(PLACEMENT).await.unwrap();
    let shown: Vec<_> = parties.iter().map(|row| (row.party, row.name.as_deref(), row.until_day)).collect();
    assert_eq!(shown, [(Party::KeyWorker, Some("Jo K."), Some(day("2026-11-16"))), (Party::Parent, Some("Grace Q."), None)]);
    assert!(!format!("{parties:?}").contains("Grace"), "a name is not printed");
    assert_eq!(store.open_parts(mother).await.unwrap(), [(PLACEMENT, Party::Parent)]);
    assert_eq!(store.open_parts(STAFF).await.unwrap(), [], "their part has a last day");
    assert_eq!(audited(&store).await, 4);
}

async fn the_last_word_about_an_event_and_a_deadline_counts(store: Fresh) {
    begun(&store).await;
    let panel = [Some("2026-11-05"), Some("2026-11-06")];
    for (event, days) in [(Event::PanelHearing, panel), (Event::SchoolStart, [Some("2026-12-14"), None])] {
        for said in days {
            assert!(store.say_event(PLACEMENT, event, Seen::Whatever, said.map(day), audit(), now()).await.unwrap());
        }
    }
    let kept = |week, on: Option<&str>| DeadlineWord::Kept {
        rule: code("weekly-review"),
        week,
        day: on.map(day),
        by: who(9),
        on: day("2026-11-17"),
    };
    let instead = |instead| Override {
        rule: code("planning-meeting"),
        week: None,
        instead,
        reason: Reason::new("The ward moved the operation.").unwrap(),
        by: who(9),
        on: day("2026-11-17"),
    };
    let overrides = [Instead::Count(15), Instead::Day(day("2026-12-01")), Instead::DoesNotApply].map(instead);
    for word in [kept(Some(1), Some("2026-12-18")), kept(Some(2), Some("2027-01-08")), kept(Some(1), None)] {
        assert!(store.say_deadline(PLACEMENT, &word, Seen::Whatever, audit(), now()).await.unwrap());
    }
    for one in &overrides {
        assert!(
            store.say_deadline(PLACEMENT, &DeadlineWord::Instead(one.clone()), Seen::Whatever, audit(), now()).await.unwrap()
        );
    }
    let case = store.case_rows(PLACEMENT).await.unwrap();
    assert_eq!(case.events, BTreeMap::from([(Event::PanelHearing, day("2026-11-06"))]));
    assert_eq!(case.kept, BTreeMap::from([((code("weekly-review"), Some(2)), day("2027-01-08"))]));
    assert_eq!(case.overrides, overrides);
    assert_eq!(store.case_rows(Uuid::from_u128(404)).await.unwrap(), store::record::CaseRows::default());
    let without_reason = "UPDATE deadline_word SET reason = ' ' WHERE kind <> 'kept'";
    assert!(store.run(without_reason).await.is_err(), "the database itself wants a reason");
    // A rule holds again as it stands: for its own week alone, and what was said stays to be read.
    let second = Override { week: Some(2), ..instead(Instead::DoesNotApply) };
    assert!(
        store.say_deadline(PLACEMENT, &DeadlineWord::Instead(second.clone()), Seen::Whatever, audit(), now()).await.unwrap()
    );
    let applies = DeadlineWord::Applies { rule: code("planning-meeting"), week: None, by: who(9), on: day("2026-11-18") };
    assert!(store.say_deadline(PLACEMENT, &applies, Seen::Whatever, audit(), now()).await.unwrap());
    assert_eq!(store.case_rows(PLACEMENT).await.unwrap().overrides, std::slice::from_ref(&second));
    let words = store.deadline_words(PLACEMENT, 3).await.unwrap();
    assert_eq!(words, [applies, DeadlineWord::Instead(second), DeadlineWord::Instead(overrides[2].clone())]);
    assert_eq!(audited(&store).await, 4 + 6 + 2);
    // Whoever saw what was before writes nothing over what others said, and leaves no trace.
    let panel = async |seen: Option<&str>, said| {
        let seen = Seen::This(seen.map(day));
        store.say_event(PLACEMENT, Event::PanelHearing, seen, Some(day(said)), audit(), now()).await.unwrap()
    };
    assert!(!panel(Some("2026-11-05"), "2026-11-09").await && !panel(None, "2026-11-09").await);
    assert!(panel(None, "2026-11-06").await, "the same is no other");
    let last = store.last_deadline_word(PLACEMENT).await.unwrap();
    let say =
        async |word: &DeadlineWord, seen| store.say_deadline(PLACEMENT, word, Seen::This(seen), audit(), now()).await.unwrap();
    let (third, third_later) = (kept(Some(3), Some("2027-01-08")), kept(Some(3), Some("2027-01-09")));
    assert!(say(&third, None).await, "nobody said anything of that week");
    assert!(!say(&third_later, last).await, "somebody else did by now");
    assert!(say(&third, last).await && say(&kept(Some(4), Some("2027-01-15")), last).await, "the same, and another week");
    assert!(!say(&kept(None, Some("2027-01-15")), last).await, "of every week is of each");
    assert!(say(&third_later, store.last_deadline_word(PLACEMENT).await.unwrap()).await);
    assert_eq!(audited(&store).await, 12 + 1 + 4);
}

async fn contacts_come_back_as_they_were_written(store: Fresh) {
    begun(&store).await;
    let contact = |on: &str, by, outcome, notes: Option<&str>| Contact {
        on: day(on),
        by,
        with: if outcome == Some(CheckOutcome::InUse) { [].into() } else { [Party::Pupil, Party::HomeSchool].into() },
        written_by: PersonId(STAFF),
        outcome,
        notes: notes.map(words),
    };
    let session = SessionId(Uuid::from_u128(50));
    let mut all = vec![
        contact("2026-11-02", By::Visit, None, None),
        contact("2026-11-03", By::Call, Some(CheckOutcome::InUse), None),
        contact("2026-11-04", By::Message, Some(CheckOutcome::Less), Some("Tired")),
        contact("2026-11-05", By::Attempt, None, None),
        contact("2026-11-06", By::Robot { session, spoke: None }, Some(CheckOutcome::NotUsed), Some("Broken")),
        contact("2026-11-07", By::Robot { session, spoke: Some(who(4)) }, Some(CheckOutcome::BackInClass), None),
    ];
    for (n, one) in (1..).zip(&all) {
        store.add_contact(Uuid::from_u128(n), PLACEMENT, one, audit(), now()).await.unwrap();
    }
    let read = async |from: &str, until: &str| -> Vec<Contact> {
        let rows = store.contacts(PLACEMENT, day(from), day(until)).await.unwrap();
        rows.into_iter().map(|(_, contact)| contact).collect()
    };
    assert_eq!(read("2026-11-01", "2026-11-30").await, all);
    assert_eq!(read("2026-11-03", "2026-11-05").await, all.drain(1..4).collect::<Vec<_>>(), "both days included");
    assert_eq!(audited(&store).await, 6);
}

async fn a_feed_is_found_by_its_latest_token_until_it_is_taken_away_or_the_account_is(store: Fresh) {
    begun(&store).await;
    assert_eq!(store.due_feed(&[1; 32]).await.unwrap(), None);
    store.set_due_feed(STAFF, Some(&[1; 32]), audit(), now()).await.unwrap();
    let feed = store.due_feed(&[1; 32]).await.unwrap().unwrap();
    assert_eq!((feed.staff_id, feed.made_at, feed.read_at), (STAFF, now(), None));
    let later = now() + TimeDelta::hours(1);
    store.note_feed_read(STAFF, audit(), later).await.unwrap();
    assert_eq!(store.due_feed_of(STAFF).await.unwrap().unwrap().read_at, Some(later));
    store.set_due_feed(STAFF, Some(&[2; 32]), audit(), later).await.unwrap();
    assert_eq!(store.due_feed(&[1; 32]).await.unwrap(), None, "a new address replaces the old one");
    let feed = store.due_feed(&[2; 32]).await.unwrap().unwrap();
    assert_eq!((feed.made_at, feed.read_at), (later, None));
    store.set_due_feed(STAFF, None, audit(), later).await.unwrap();
    assert_eq!(store.due_feed(&[2; 32]).await.unwrap(), None);
    assert_eq!(store.due_feed_of(STAFF).await.unwrap(), None);
    store.set_due_feed(STAFF, Some(&[3; 32]), audit(), later).await.unwrap();
    store.disable_staff(STAFF, later).await.unwrap();
    assert_eq!(store.due_feed(&[3; 32]).await.unwrap(), None, "who may not sign in has no feed");
    assert_eq!(audited(&store).await, 5);
}

fn goal() -> Goal {
    let wording = |text, pupil: Option<&str>| Wording {
        words: words(text),
        pupil_words: pupil.map(words),
        authors: [Party::Pupil, Party::KeyWorker].into(),
        on: day("2026-10-09"),
    };
    let mut goal = Goal::new(Family::Academic, wording("Keep up with science", Some("I like it"))).unwrap();
    goal.acknowledge(Party::Pupil, Acknowledgement { who: who(5), on: day("2026-10-12"), wording: 1 }).unwrap();
    goal.reword(wording("Keep up with science and maths", None)).unwrap();
    goal.review_on = Some(day("2026-11-10"));
    goal
}

fn scale() -> Scale {
    Scale::new(
        ScaleKey { id: code("orchard"), version: 2 },
        "Orchard four steps",
        &["not yet", "with help", "mostly", "by myself"],
    )
    .unwrap()
}

fn look(scale: &Scale) -> Assessment {
    let looks = [(Area::Resilience, "with help"), (Area::SocialSkills, "mostly")];
    let looks = looks.into_iter().map(|(area, step)| (area, scale.level(step).unwrap())).collect();
    let notes = [(Area::Resilience, words("After lunch it is harder"))].into();
    Assessment::new(day("2026-11-12"), Voice::Pupil, who(9), scale, looks, notes).unwrap()
}

async fn every_kind_of_sheet_comes_back_as_it_was(store: Fresh) {
    begun(&store).await;
    let finished = {
        let mut goal = goal();
        goal.finish(Became::Reached, words("Best mark"), day("2026-11-12")).unwrap();
        goal
    };
    let note = |shared_on| Note { about: Trait::Trigger, words: words("Bells"), shared_on };
    let areas = [Area::Resilience, Area::GoalSetting].into();
    let lift = Intervention::new(words("A quiet room"), areas, Party::HomeSchool, day("2026-11-01"), None).unwrap();
    let profile = Profile { notes: vec![note(None), note(Some(day("2026-11-03")))], interventions: vec![lift] };
    let line = CostLine {
        line: 1,
        setting: "Hospital school".into(),
        current: Pence::new(2_115_000).unwrap(),
        ratio: Ratio { adults: 1, pupils: 4 },
        transition: Pence::new(364_550).unwrap(),
        mainstream: Pence::default(),
    };
    let costs = CostTable::new(vec![line], 12).unwrap();
    let part_time = PartTime {
        from: day("2026-12-14"),
        until: day("2027-01-29"),
        reasons: [PartTimeReason::Health].into(),
        agreed_by: who(3),
        reviews: vec![day("2027-01-08")],
    };
    let breakdown = Breakdown {
        on: day("2026-11-17"),
        categories: [code("threats"), code("weapon")].into(),
        what: words("At the gate"),
        decided_by: who(3),
        told: vec![(Party::Parent, who(3), day("2026-11-17"))],
    };
    let scale = scale();
    let looked = look(&scale);
    let (pupil, school) = (Owner::Placement(PLACEMENT), Owner::Organisation(SCHOOL));
    let bodies = [
        (SheetKind::Goal, pupil, kept::written_goal(&finished)),
        (SheetKind::Assessment, pupil, kept::written_assessment(&looked, &scale).unwrap()),
        (SheetKind::Profile, pupil, kept::written_profile(&profile)),
        (SheetKind::PartTime, pupil, kept::written_part_time(&part_time)),
        (SheetKind::Scale, school, kept::written_scale(&scale)),
        (SheetKind::Costs, school, kept::written_costs(&costs)),
        (SheetKind::Breakdown, pupil, kept::written_breakdown(&breakdown)),
        (SheetKind::Place, pupil, kept::written_place(PupilPlace::Home, day("2026-11-02"))),
    ];
    let mut read = Vec::new();
    for (n, (kind, owner, body)) in (1..).zip(&bodies) {
        let sheet = NewSheet {
            sheet_id: Uuid::from_u128(n),
            based_on: 0,
            kind: *kind,
            owner: *owner,
            day: Some(day("2026-11-12")),
            body,
        };
        assert_eq!(store.save_sheet(&sheet, audit(), now()).await.unwrap(), Saved::As(1));
        let rows = store.sheets(*owner, *kind).await.unwrap();
        assert_eq!(rows.iter().map(|row| (row.revision, row.day)).collect::<Vec<_>>(), [(1, Some(day("2026-11-12")))]);
        read.push(rows[0].body.clone());
    }
    assert_eq!(kept::read_goal(&read[0]), Some(finished));
    assert_eq!(kept::read_assessment(&read[1], std::slice::from_ref(&scale)), Some(looked));
    assert_eq!(kept::read_assessment(&read[1], &[]), None, "not without its scale");
    assert_eq!(kept::read_profile(&read[2]), Some(profile));
    assert_eq!(kept::read_part_time(&read[3]), Some(part_time));
    assert_eq!(kept::read_scale(&read[4]), Some(scale));
    assert_eq!(kept::read_costs(&read[5]), Some(costs));
    assert_eq!(kept::read_breakdown(&read[6]), Some(breakdown));
    assert_eq!(kept::read_place(&read[7]), Some((PupilPlace::Home, day("2026-11-02"))));
    assert_eq!(store.sheets(school, SheetKind::Goal).await.unwrap(), []);
    assert_eq!(kept::read_goal(&read[4]), None, "one kind is not read as another");
    assert_eq!(audited(&store).await, bodies.len());
}

async fn of_many_who_save_one_sheet_at_once_one_gets_through_each_time_and_all_revisions_stay(store: Fresh) {
    const WRITERS: usize = 8;
    begun(&store).await;
    let sheet_id = Uuid::from_u128(1);
    let owner = Owner::Placement(PLACEMENT);
    let mut work = JoinSet::new();
    for _ in 0..WRITERS {
        let server = store.open_again().await;
        work.spawn(async move {
            let body = kept::written_goal(&goal());
            let sheet = NewSheet { sheet_id, based_on: 0, kind: SheetKind::Goal, owner, day: None, body: &body };
            server.save_sheet(&sheet, audit(), now()).await.unwrap()
        });
    }
    let done = work.join_all().await;
    assert_eq!(done.iter().filter(|saved| **saved == Saved::As(1)).count(), 1);
    let told = |saved: &&Saved| matches!(saved, Saved::Meanwhile(row) if row.revision == 1 && row.actor_name.is_some());
    assert_eq!(done.iter().filter(told).count(), WRITERS - 1, "the others are told who was first, and what it says");
    let body = kept::written_goal(&goal());
    let save = async |based_on, kind, owner| {
        let sheet = NewSheet { sheet_id, based_on, kind, owner, day: None, body: &body };
        store.save_sheet(&sheet, audit(), now()).await.unwrap()
    };
    assert_eq!(save(1, SheetKind::Goal, owner).await, Saved::As(2));
    assert_eq!(save(2, SheetKind::Profile, owner).await, Saved::NoSheet, "it is no profile");
    assert_eq!(save(2, SheetKind::Goal, Owner::Organisation(SCHOOL)).await, Saved::NoSheet, "it is not the school's");
    let history = store.sheet_history(sheet_id, 10).await.unwrap();
    assert_eq!(history.iter().map(|row| row.revision).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(store.sheets(owner, SheetKind::Goal).await.unwrap(), history[..1]);
    assert!(!format!("{history:?}").contains("science"), "what people wrote is not printed");
    for sql in ["UPDATE sheet SET body = '{}'", "DELETE FROM sheet"] {
        assert!(store.run(sql).await.unwrap_err().contains("revisions of a sheet are never"));
    }
    assert_eq!(audited(&store).await, 2, "what was not written is not audited as written");
}

async fn what_somebody_says_of_a_half_day_is_kept_and_the_latest_word_counts(store: Fresh) {
    begun(&store).await;
    let says = |on: &str, half_day, was_there| StatedWord { day: day(on), half_day, was_there, by: PersonId(PUPIL) };
    let state =
        async |words: &[StatedWord], seen, at| store.state_half_days(PLACEMENT, words, STAFF, seen, audit(), at).await.unwrap();
    let say = async |words: &[StatedWord], at| assert!(state(words, Seen::Whatever, at).await);
    let first = [says("2026-11-23", HalfDay::Am, Some(true)), says("2026-11-23", HalfDay::Pm, Some(false))];
    say(&first, now()).await;
    let later = now() + TimeDelta::hours(1);
    let second = [says("2026-11-23", HalfDay::Pm, None), says("2026-11-24", HalfDay::Am, Some(true))];
    say(&second, later).await;
    let rows = store.stated_half_days(PLACEMENT, day("2026-11-23"), day("2026-11-23")).await.unwrap();
    assert_eq!(rows.iter().map(|row| (row.word, row.at)).collect::<Vec<_>>(), [(first[0], now()), (second[0], later)]);
    assert_eq!((rows[0].staff_id, rows[0].staff_name.is_empty()), (STAFF, false));
    for sql in ["UPDATE stated_half_day SET was_there = NULL", "DELETE FROM stated_half_day"] {
        assert!(store.run(sql).await.unwrap_err().contains("what somebody said is never"));
    }
    // Whoever saw no word says nothing over another's; of a half-day that is nobody's, or the same, they do.
    let stale = [says("2026-11-25", HalfDay::Am, Some(true)), says("2026-11-23", HalfDay::Am, Some(false))];
    assert!(!state(&stale, Seen::This(None), later).await, "all of it or nothing");
    assert!(store.stated_half_days(PLACEMENT, day("2026-11-25"), day("2026-11-25")).await.unwrap().is_empty());
    assert!(state(&[stale[0], first[0]], Seen::This(None), later).await);
    assert!(state(&stale, Seen::This(store.last_stated(PLACEMENT).await.unwrap()), later).await);
    assert_eq!(audited(&store).await, 4);
}

async fn how_to_reach_somebody_is_said_anew(store: Fresh) {
    begun(&store).await;
    let (person_id, name) = (Uuid::from_u128(31), "Mr Q.".to_owned());
    let person = PersonRow { person_id, pupil_id: PUPIL, name, reach: Some("After four".into()) };
    store.add_person(&person, audit(), now()).await.unwrap();
    let anew = async |pupil, was, reach| store.correct_reach(pupil, person_id, was, reach, audit(), now()).await.unwrap();
    assert!(anew(PUPIL, Some("After four"), Some("By text")).await);
    assert!(!anew(PUPIL, Some("After four"), Some("By post")).await, "somebody else said how meanwhile");
    assert!(!anew(PLACEMENT, Some("By text"), Some("No")).await, "in another pupil's life");
    assert_eq!(store.persons_of(PUPIL).await.unwrap()[0].reach.as_deref(), Some("By text"));
    assert!(anew(PUPIL, Some("By text"), None).await);
    assert_eq!(store.persons_of(PUPIL).await.unwrap()[0].reach, None);
    assert_eq!(audited(&store).await, 3);
}

async fn a_file_of_marks_reaches_the_pupils_of_its_school_alone_and_an_older_file_changes_nothing(store: Fresh) {
    begun(&store).await;
    let other = Uuid::from_u128(400);
    let school = OrganisationRow {
        organisation_id: other,
        kind: "school".into(),
        name: "Beech Lane".into(),
        parent_id: None,
        time_zone: "Europe/London".into(),
    };
    store.add_organisation(&school, None).await.unwrap();
    let file = |first: &str, at: DateTime<Utc>, system| {
        let text = format!("UPN;Date;AM Mark;PM Mark\nB801200005001;09/11/2026;{first};\\\n");
        import(&text, Source { system, imported_at: at }).unwrap().marks
    };
    let (old, new) = (file("/", now(), System::Sims), file("I", now() + TimeDelta::hours(1), System::Arbor));
    let keep = async |school, marks: &[_]| {
        let taken = store.keep_marks(school, marks, audit(), now()).await.unwrap();
        (taken.marks, taken.of_others, taken.pupils.into_iter().collect::<Vec<_>>())
    };
    let ninth = (PUPIL, (day("2026-11-09"), day("2026-11-09")));
    assert_eq!(keep(other, &old).await, (0, 2, vec![]), "not this school's pupil");
    assert_eq!(keep(SCHOOL, &new).await, (2, 0, vec![ninth]), "with the days of the marks");
    assert_eq!(keep(SCHOOL, &old).await, (2, 0, vec![ninth]));
    let read = async || store.imported_marks(PUPIL, day("2026-11-01"), day("2026-11-30")).await.unwrap();
    assert_eq!(read().await, new, "the later file holds, with its source and time");
    let pupil = store.pupil(PUPIL).await.unwrap().unwrap();
    let are = Details { local_number: Some("A-17"), ..pupil.details() };
    assert_eq!(store.correct_pupil(PUPIL, pupil.details(), are, audit(), now()).await.unwrap(), Entered::Written);
    let text = "Admission number,Date,Session,Mark\nA-17,10/11/2026,AM,B\nA-18,10/11/2026,AM,B\n";
    let local = import(text, Source { system: System::Bromcom, imported_at: now() }).unwrap().marks;
    assert_eq!(keep(SCHOOL, &local).await, (1, 1, vec![(PUPIL, (day("2026-11-10"), day("2026-11-10")))]));
    let marks = read().await;
    let last = marks.last().unwrap();
    assert_eq!((last.day(), last.half_day(), last.code().as_str()), (day("2026-11-10"), HalfDay::Am, "B"));
    assert_eq!(last.source().system, System::Bromcom);
    assert_eq!(audited(&store).await, 5);
}
