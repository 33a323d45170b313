//! Rows of what is due: marked by whatever changes a case, written whole, and read by person and by reach.

use chrono::{DateTime, NaiveDate, Utc};
use engines::{Fresh, on_each_engine};
use server_core::contact::{By, Contact};
use server_core::deadline::{Arithmetic, Due, Way};
use server_core::party::{Party, PersonId};
use server_core::policy::{Binding, CalendarOf, Code, Event, Series, Unit};
use store::audit::{Actor, NewAudit, Subject};
use store::due::{CaseDue, CaseMark};
use store::organisations::OrganisationRow;
use store::record::{DeadlineWord, PartyRow, Seen};
use store::sheets::{NewSheet, Owner, SheetKind};
use store::staff::{NewStaff, StaffRoleRow};
use uuid::Uuid;

use crate::world::{PLACEMENT, SCHOOL, fill};

on_each_engine!(
    everything_that_a_case_is_worked_out_from_marks_it_and_newer_rows_are_never_written_over,
    a_person_reads_their_own_and_who_answers_for_the_case_reads_what_is_late_or_nobodys
);

const AUTHORITY: Uuid = Uuid::from_u128(300);
const RECEIVING: Uuid = Uuid::from_u128(301);

fn now() -> DateTime<Utc> {
    "2026-11-17T11:04:00Z".parse().unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn code(text: &str) -> Code {
    Code::new(text).unwrap()
}

fn audit() -> NewAudit<'static> {
    NewAudit { actor: Actor::Program, action: "change record", subject: Subject::None, detail: None }
}

fn due(rule: &str, on: &str, owners: &[Party]) -> Due {
    Due {
        rule: code(rule),
        week: Some(2),
        title: format!("Title of {rule}"),
        row: "H-14".to_owned(),
        binding: Binding::Required,
        owners: owners.to_vec(),
        day: day(on),
        arithmetic: Arithmetic {
            from: Some((Event::PanelHearing, day("2026-11-05"))),
            unit: Unit::SchoolDays,
            calendar: CalendarOf::Provider,
            count: None,
            sentence: "Counted.".to_owned(),
        },
        way: Way::Contact,
        done: None,
        overridden: None,
    }
}

fn part(n: u128, party: Party, person: Uuid, until_day: Option<&str>) -> PartyRow {
    PartyRow {
        placement_party_id: Uuid::from_u128(n),
        placement_id: PLACEMENT,
        party,
        person: PersonId(person),
        name: None,
        from_day: None,
        until_day: until_day.map(day),
    }
}

/// The mark of the case, if its rows are not right on that day.
async fn mark(store: &Fresh, on: &str) -> Option<CaseMark> {
    store.cases_to_count(None, day(on), 10).await.unwrap().into_iter().find(|mark| mark.placement_id == PLACEMENT)
}

async fn write(store: &Fresh, mark: CaseMark, open: Vec<(Due, bool)>) -> bool {
    let receiving = Some(RECEIVING);
    store.write_cases(&[CaseDue { mark, holds_until: day("2026-11-17"), receiving, open }]).await.unwrap() == 1
}

async fn everything_that_a_case_is_worked_out_from_marks_it_and_newer_rows_are_never_written_over(store: Fresh) {
    fill(&store).await;
    let first = mark(&store, "2026-11-17").await.expect("a new case is worked out");
    assert!(write(&store, first, vec![]).await);
    assert_eq!(mark(&store, "2026-11-17").await, None);
    assert_eq!(mark(&store, "2026-11-18").await, Some(first), "what is due moves with the days");
    assert!(!write(&store, first, vec![]).await, "it is written already");
    let mut last = first;
    let mut changed = async |what: &str| {
        let mark = mark(&store, "2026-11-17").await.unwrap_or_else(|| panic!("{what} marks the case"));
        assert!(mark.changed > last.changed);
        assert!(write(&store, mark, vec![]).await);
        last = mark;
    };
    store.say_event(PLACEMENT, Event::PanelHearing, Seen::Whatever, Some(day("2026-11-05")), audit(), now()).await.unwrap();
    changed("an event").await;
    let by = PersonId(Uuid::from_u128(9));
    let word = DeadlineWord::Applies { rule: code("weekly"), week: None, by, on: day("2026-11-17") };
    store.say_deadline(PLACEMENT, &word, Seen::Whatever, audit(), now()).await.unwrap();
    changed("a word").await;
    let contact = Contact {
        on: day("2026-11-17"),
        by: By::Call,
        with: [Party::Pupil].into(),
        written_by: by,
        outcome: None,
        notes: None,
    };
    store.add_contact(Uuid::from_u128(10), PLACEMENT, &contact, audit(), now()).await.unwrap();
    changed("a contact").await;
    store.set_party(&part(11, Party::Advocate, by.0, None), audit(), now()).await.unwrap();
    changed("a part").await;
    store.set_party(&part(11, Party::Advocate, by.0, Some("2026-11-17")), audit(), now()).await.unwrap();
    changed("the end of a part").await;
    for kind in [SheetKind::Goal, SheetKind::PartTime, SheetKind::Breakdown] {
        let sheet_id = Uuid::from_u128(20 + kind as u128);
        let sheet = NewSheet { sheet_id, based_on: 0, kind, owner: Owner::Placement(PLACEMENT), day: None, body: "{}" };
        store.save_sheet(&sheet, audit(), now()).await.unwrap();
        changed(kind.as_str()).await;
    }
    store.set_closure(SCHOOL, day("2026-11-19"), Some("INSET")).await.unwrap();
    changed("a closed day").await;
    store.set_closure(SCHOOL, day("2026-11-19"), None).await.unwrap();
    changed("a day that opens again").await;
    let receiving = OrganisationRow {
        organisation_id: RECEIVING,
        kind: "school".into(),
        name: "Birch Hill".into(),
        parent_id: None,
        time_zone: "Europe/London".into(),
    };
    store.add_organisation(&receiving, None).await.unwrap();
    for words in [Some("INSET"), None] {
        store.set_closure(RECEIVING, day("2026-11-20"), words).await.unwrap();
        changed("a day of the school that the plan names, and no placement").await;
    }
    let authority = OrganisationRow {
        organisation_id: AUTHORITY,
        kind: "authority".into(),
        name: "Fennshire".into(),
        parent_id: None,
        time_zone: "Europe/London".into(),
    };
    store.add_organisation(&authority, None).await.unwrap();
    let below = "UPDATE organisation SET parent_id = (SELECT o.organisation_id FROM organisation o WHERE o.name = 'Fennshire')
                 WHERE name = 'Alder Road'";
    store.run(below).await.unwrap();
    store.set_series_day(AUTHORITY, Series::Panel, day("2026-12-10"), true, audit(), now()).await.unwrap();
    changed("a day of the panel").await;
    // Two who work it out at once: the one who had read less does not win.
    store.say_event(PLACEMENT, Event::PanelHearing, Seen::Whatever, None, audit(), now()).await.unwrap();
    let older = mark(&store, "2026-11-17").await.unwrap();
    store.say_event(PLACEMENT, Event::SchoolStart, Seen::Whatever, Some(day("2026-12-14")), audit(), now()).await.unwrap();
    let newer = mark(&store, "2026-11-17").await.unwrap();
    assert!(write(&store, newer, vec![(due("newer", "2026-11-18", &[]), false)]).await);
    assert!(!write(&store, older, vec![]).await);
    assert_eq!(mark(&store, "2026-11-17").await, None);
}

async fn a_person_reads_their_own_and_who_answers_for_the_case_reads_what_is_late_or_nobodys(store: Fresh) {
    fill(&store).await;
    let (lead, worker, other) = (Uuid::from_u128(71), Uuid::from_u128(72), Uuid::from_u128(73));
    for (staff_id, name, email, role) in [
        (lead, "Ms L.", "l@school.example", "school_lead"),
        (worker, "Mr K.", "k@school.example", "key_worker"),
        (other, "Ms O.", "o@school.example", "key_worker"),
    ] {
        let staff = NewStaff { staff_id, name, email, password_hash: "x" };
        let roles = [StaffRoleRow { role: role.to_owned(), organisation_id: SCHOOL }];
        assert!(store.add_staff(staff, &roles).await.unwrap());
    }
    store.set_party(&part(1, Party::KeyWorker, worker, None), audit(), now()).await.unwrap();
    store.set_party(&part(2, Party::ProviderLead, other, Some("2026-11-16")), audit(), now()).await.unwrap();
    let rows = vec![
        (due("late", "2026-11-12", &[Party::KeyWorker]), true),
        (due("nobodys", "2026-12-01", &[Party::ProviderLead, Party::Panel]), false),
        (due("to-come", "2026-12-02", &[Party::KeyWorker, Party::Parent]), true),
        (Due { binding: Binding::Information, ..due("known", "2026-11-10", &[Party::KeyWorker]) }, true),
    ];
    let held = mark(&store, "2026-11-17").await.unwrap();
    assert!(write(&store, held, rows.clone()).await);
    let today = day("2026-11-17");
    let own = store.due_of(worker, today, 0, 10).await.unwrap();
    let own: Vec<_> = own.into_iter().map(|row| row.due).collect();
    assert_eq!(own, [rows[3].0.clone(), rows[0].0.clone(), rows[2].0.clone()], "as they were written, by day");
    assert_eq!(store.due_of(worker, today, 1, 1).await.unwrap()[0].due, rows[0].0, "page by page");
    assert_eq!(store.due_of(other, today, 0, 10).await.unwrap(), [], "their part has ended");
    let reach = store.due_in_reach(lead, today, 0, 10).await.unwrap();
    let told: Vec<_> = reach.iter().map(|row| (row.due.rule.as_str(), row.who.as_deref())).collect();
    assert_eq!(told, [("late", Some("Mr K.")), ("nobodys", None)]);
    assert!(!format!("{reach:?}").contains("Mr K."), "a name is not printed");
    let reach = store.due_in_reach(worker, today, 0, 10).await.unwrap();
    assert_eq!(
        reach.iter().map(|row| row.due.rule.as_str()).collect::<Vec<_>>(),
        ["nobodys"],
        "their own is in the other list"
    );
    assert_eq!(store.due_in_reach(other, today, 0, 10).await.unwrap(), [], "not theirs to see");
    let named = store.placements_named(&[PLACEMENT, Uuid::from_u128(404)]).await.unwrap();
    assert_eq!(named.iter().map(|row| row.placement_id).collect::<Vec<_>>(), [PLACEMENT]);
    let colleagues = store.colleagues([SCHOOL, SCHOOL, AUTHORITY, AUTHORITY], 2).await.unwrap();
    let names: Vec<_> = colleagues.iter().map(|row| (row.name.as_str(), row.place.as_str())).collect();
    assert_eq!(names, [("Mr K.", "Alder Road"), ("Ms L.", "Alder Road")], "by name, and no more than asked for");
}
