//! First account, codes, placements one after another, and a robot that is given and taken away.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use engines::{Engine, Fresh, on_each_engine};
use server_core::party::OrganisationId;
use server_core::plan::{Basis, EndGoal, ReintegrationPlan};
use server_core::policy::{Code, Pack, Route};
use store::audit::{Actor, NewAudit, Subject};
use store::beginnings::{Details, Entered, Lasting, NewCode, Opened};
use store::changes::{ChangeOf, Sight};
use store::organisations::OrganisationRow;
use store::placements::{NewPlacement, NewPupil};
use store::staff::{NewStaff, StaffRoleRow};
use uuid::Uuid;

use crate::world::{PLACEMENT, PUPIL, ROBOT, SCHOOL, fill};

on_each_engine!(
    the_first_account_is_made_once_and_only_where_nobody_has_one,
    a_code_works_once_in_its_time_and_for_its_own_email,
    a_placement_ends_the_one_before_it_and_none_begins_before_a_later_one,
    a_robot_that_was_taken_away_ends_its_visit,
    two_pupils_never_share_a_upn,
    what_is_written_in_its_place_leaves_from_and_to
);

const AUTHORITY: Uuid = Uuid::from_u128(90);
const WHO: Uuid = Uuid::from_u128(91);
const AUDIT: NewAudit<'static> =
    NewAudit { actor: Actor::Staff(WHO), action: "begin", subject: Subject::Staff(WHO), detail: None };

fn now() -> DateTime<Utc> {
    "2026-11-23T09:00:00Z".parse().unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn staff(email: &'static str) -> NewStaff<'static> {
    NewStaff { staff_id: WHO, name: "Mrs C.", email, password_hash: "x" }
}

async fn the_first_account_is_made_once_and_only_where_nobody_has_one(store: Fresh) {
    assert!(!store.has_staff().await.unwrap());
    let row = OrganisationRow {
        organisation_id: AUTHORITY,
        kind: "authority".into(),
        name: "Fennshire".into(),
        parent_id: None,
        time_zone: "Europe/London".into(),
    };
    assert!(store.begin_authority(&row, staff("c@fenn.example"), AUDIT, now()).await.unwrap());
    assert!(store.has_staff().await.unwrap());
    let roles = store.staff_roles(WHO).await.unwrap();
    assert_eq!(roles, [StaffRoleRow { role: "coordinator".into(), organisation_id: AUTHORITY }]);
    let other = OrganisationRow { organisation_id: Uuid::from_u128(92), ..row };
    let again = NewStaff { staff_id: Uuid::from_u128(93), ..staff("d@fenn.example") };
    assert!(!store.begin_authority(&other, again, AUDIT, now()).await.unwrap(), "not a second time");
    assert_eq!(store.organisations().await.unwrap().len(), 1, "nothing of it is left");
    assert_eq!(store.audit_of(WHO, 10).await.unwrap().len(), 1);
}

async fn a_code_works_once_in_its_time_and_for_its_own_email(store: Fresh) {
    fill(&store).await;
    let code = NewCode { code_sha256: &[7; 32], expires_at: now() + TimeDelta::days(7) };
    let role = StaffRoleRow { role: "key_worker".into(), organisation_id: SCHOOL };
    assert!(store.add_member(staff("k@school.example"), &role, code, AUDIT, now()).await.unwrap());
    let taken = NewStaff { staff_id: Uuid::from_u128(94), ..staff("k@school.example") };
    assert!(!store.add_member(taken, &role, code, AUDIT, now()).await.unwrap(), "the email is taken");
    let used = async |email: &str, code: &[u8], at| store.use_code(email, code, "new", at).await.unwrap();
    assert_eq!(used("other@school.example", &[7; 32], now()).await, None);
    assert_eq!(used("k@school.example", &[8; 32], now()).await, None);
    assert_eq!(used("k@school.example", &[7; 32], now() + TimeDelta::days(7)).await, None, "too old");
    store.open_web_session(&[1; 32], WHO, now(), now() + TimeDelta::hours(12)).await.unwrap();
    assert_eq!(used("k@school.example", &[7; 32], now()).await, Some(WHO));
    assert_eq!(store.account("k@school.example").await.unwrap().unwrap().password_hash, "new");
    let idle = now() - TimeDelta::hours(2);
    assert!(store.web_session(&[1; 32], now(), idle).await.unwrap().is_none(), "whoever was signed in is not any more");
    assert_eq!(used("k@school.example", &[7; 32], now()).await, None, "once");
    // Whoever has left chooses no password; a new code brings them back.
    store.set_code(WHO, code, AUDIT, now()).await.unwrap();
    store.disable_staff(WHO, now()).await.unwrap();
    assert_eq!(used("k@school.example", &[7; 32], now()).await, None);
    assert!(store.member(WHO).await.unwrap().unwrap().is_disabled && store.key_workers().await.unwrap().is_empty());
    store.set_code(WHO, code, AUDIT, now()).await.unwrap();
    assert_eq!(store.key_workers().await.unwrap().len(), 1);
    assert_eq!(used("k@school.example", &[7; 32], now()).await, Some(WHO));
    assert!(!format!("{:?}", store.member(WHO).await.unwrap()).contains("school.example"), "nothing of it is printed");
}

fn plan() -> ReintegrationPlan {
    let pack = Pack::built_in().unwrap().into_iter().find(|pack| pack.key.id.as_str() == "havering").unwrap();
    let school = OrganisationId(SCHOOL);
    let basis = Basis {
        route: Route::from_code("medical").unwrap(),
        home_school: school,
        provider: school,
        receiving_school: school,
        responsible: school,
        planned_length: Code::new("phased-return").unwrap(),
        end_goal: EndGoal::HomeSchool,
        in_their_words: None,
    };
    ReintegrationPlan::draft(&pack, basis).unwrap()
}

async fn a_placement_ends_the_one_before_it_and_none_begins_before_a_later_one(store: Fresh) {
    fill(&store).await;
    let placement = |n: u128, from: &str, until: &str| NewPlacement {
        placement_id: Uuid::from_u128(n),
        pupil_id: PUPIL,
        robot_id: None,
        school_id: SCHOOL,
        provider_id: None,
        key_worker_id: None,
        from_day: day(from),
        until_day: day(until),
    };
    let open = async |n: u128, from: &str, until: &str| {
        store.open_placement(&placement(n, from, until), Uuid::from_u128(n + 1), &plan(), AUDIT, now()).await.unwrap()
    };
    assert_eq!(open(70, "2026-11-24", "2026-12-18").await, Opened::Opened);
    let until = async |id| store.placement(id).await.unwrap().unwrap().until_day;
    assert_eq!(until(PLACEMENT).await, day("2026-11-23"), "what had ended stays");
    assert_eq!(open(80, "2026-12-07", "2027-01-29").await, Opened::Opened);
    assert_eq!(until(Uuid::from_u128(70)).await, day("2026-12-06"), "the day before the next one");
    assert_eq!(open(84, "2026-12-07", "2027-01-29").await, Opened::Later(day("2026-12-07")));
    assert_eq!(open(84, "2026-12-01", "2026-12-04").await, Opened::Later(day("2026-12-07")));
    assert_eq!(store.placements_of(PUPIL).await.unwrap().len(), 3);
    assert_eq!(store.plans_of(Uuid::from_u128(80)).await.unwrap().len(), 1, "each with its plan");
}

async fn a_robot_that_was_taken_away_ends_its_visit(store: Fresh) {
    fill(&store).await;
    let id = |n: Uuid| match store.engine {
        Engine::Sqlite => format!("X'{}'", n.simple()),
        Engine::Postgres => format!("'{n}'"),
    };
    let (visit, placement, robot) = (id(Uuid::from_u128(60)), id(PLACEMENT), id(ROBOT));
    let live = format!(
        "INSERT INTO visit (session_id, placement_id, robot_id) VALUES ({visit}, {placement}, {robot});
         UPDATE robot SET live_session_id = {visit} WHERE robot_id = {robot};"
    );
    store.run(&live).await.unwrap();
    assert_eq!(store.visits_to_end().await.unwrap(), Vec::<Uuid>::new());
    store.give_robot(PLACEMENT, None, AUDIT, now()).await.unwrap();
    let row = store.placement(PLACEMENT).await.unwrap().unwrap();
    assert_eq!((row.robot_id, row.robot_name.as_deref()), (None, None));
    assert_eq!(store.visits_to_end().await.unwrap(), [PLACEMENT]);
    assert_eq!(store.placements_of_robot(ROBOT, day("2026-11-23")).await.unwrap(), []);
    store.give_robot(PLACEMENT, Some(ROBOT), AUDIT, now()).await.unwrap();
    assert_eq!(store.visits_to_end().await.unwrap(), Vec::<Uuid>::new());
}

async fn two_pupils_never_share_a_upn(store: Fresh) {
    fill(&store).await;
    let upn = "B801200005001".parse().unwrap();
    let other = "B801226012002".parse().unwrap();
    let pupil = |upn| NewPupil {
        pupil_id: Uuid::from_u128(61),
        organisation_id: SCHOOL,
        name: "Eli W.",
        upn: Some(upn),
        year_group: 9,
        born: Some(day("2013-03-02")),
    };
    assert_eq!(store.enter_pupil(&pupil(&upn), None, AUDIT, now()).await.unwrap(), Entered::UpnTaken, "it is Ada's");
    assert!(store.pupil(Uuid::from_u128(61)).await.unwrap().is_none());
    assert_eq!(store.enter_pupil(&pupil(&other), Some("A-17"), AUDIT, now()).await.unwrap(), Entered::Written);
    let kept = store.pupil(Uuid::from_u128(61)).await.unwrap().unwrap();
    let (were, taken) = (kept.details(), Details { upn: Some(&upn), ..kept.details() });
    assert_eq!(store.correct_pupil(kept.pupil_id, were, taken, AUDIT, now()).await.unwrap(), Entered::UpnTaken);
    // Nor a number of the school's own.
    let mut third = pupil(&upn);
    (third.pupil_id, third.upn) = (Uuid::from_u128(62), None);
    assert_eq!(store.enter_pupil(&third, Some("A-17"), AUDIT, now()).await.unwrap(), Entered::NumberTaken);
    assert!(store.pupil(third.pupil_id).await.unwrap().is_none(), "nothing of it is there");
    let ada = store.pupil(PUPIL).await.unwrap().unwrap();
    let taken = Details { local_number: Some("A-17"), ..ada.details() };
    assert_eq!(store.correct_pupil(PUPIL, ada.details(), taken, AUDIT, now()).await.unwrap(), Entered::NumberTaken);
    let kept = store.pupil(Uuid::from_u128(61)).await.unwrap().unwrap();
    assert_eq!((kept.upn, kept.born, kept.local_number.as_deref()), (Some(other), Some(day("2013-03-02")), Some("A-17")));
}

async fn what_is_written_in_its_place_leaves_from_and_to(store: Fresh) {
    fill(&store).await;
    let before = store.pupil(PUPIL).await.unwrap().unwrap();
    let was = store.placement(PLACEMENT).await.unwrap().unwrap();
    let are = Details { name: "Ada Quill", born: Some(day("2013-03-02")), ..before.details() };
    for _ in 0..2 {
        // The second time they are as they are to be already.
        assert_eq!(store.correct_pupil(PUPIL, before.details(), are, AUDIT, now()).await.unwrap(), Entered::Written);
    }
    let days = |until| Lasting { until_day: day(until), key_worker_id: was.key_worker_id };
    let first = Lasting { until_day: was.until_day, key_worker_id: was.key_worker_id };
    for (were, until) in [(first, "2027-01-29"), (first, "2027-01-29"), (days("2027-01-29"), "2027-02-05")] {
        assert!(store.change_placement(PLACEMENT, were, days(until), AUDIT, now()).await.unwrap());
    }
    // Whoever saw what was before writes nothing over what others wrote, and leaves no trace.
    let stale = Details { name: "Ada R.", ..before.details() };
    assert_eq!(store.correct_pupil(PUPIL, before.details(), stale, AUDIT, now()).await.unwrap(), Entered::Meanwhile);
    assert!(!store.change_placement(PLACEMENT, first, days("2027-03-05"), AUDIT, now()).await.unwrap());
    store.give_robot(PLACEMENT, None, AUDIT, now()).await.unwrap();
    let sight = Sight { framework: true, own_notes: true, number: true };
    let all = store.case_changes(PUPIL, PLACEMENT, sight, 100, 0).await.unwrap();
    let told: Vec<_> = (all.iter().rev())
        .filter(|row| row.of == ChangeOf::Field && !row.what.starts_with("part."))
        .map(|row| (row.what.as_str(), row.from_text.as_deref(), row.to_text.as_deref()))
        .collect();
    let (until, robot) = (was.until_day.to_string(), ROBOT.to_string());
    assert_eq!(
        told,
        [
            ("pupil.name", Some(before.name.as_str()), Some("Ada Quill")),
            ("pupil.born", None, Some("2013-03-02")),
            ("placement.until", Some(until.as_str()), Some("2027-01-29")),
            ("placement.until", Some("2027-01-29"), Some("2027-02-05")),
            ("placement.robot", Some(robot.as_str()), None),
        ],
        "the same again is no change"
    );
    // A change that is not written leaves nothing: another pupil has that number.
    let other = "B801226012002".parse().unwrap();
    let (pupil_id, organisation_id) = (Uuid::from_u128(61), SCHOOL);
    let second = NewPupil { pupil_id, organisation_id, name: "Eli W.", upn: Some(&other), year_group: 9, born: None };
    assert_eq!(store.enter_pupil(&second, None, AUDIT, now()).await.unwrap(), Entered::Written);
    let taken = Details { name: "Ada", upn: Some(&other), ..are };
    assert_eq!(store.correct_pupil(PUPIL, are, taken, AUDIT, now()).await.unwrap(), Entered::UpnTaken);
    assert_eq!(store.case_changes(PUPIL, PLACEMENT, sight, 100, 0).await.unwrap().len(), all.len());
    // Page by page, each once.
    let first = store.case_changes(PUPIL, PLACEMENT, sight, 2, 0).await.unwrap();
    let rest = store.case_changes(PUPIL, PLACEMENT, sight, 100, 2).await.unwrap();
    assert_eq!((first.len(), rest.len()), (2, all.len() - 2));
    for statement in ["UPDATE case_change SET field = 'x'", "DELETE FROM case_change"] {
        assert!(store.run(statement).await.is_err(), "{statement}");
    }
}
