//! Plans of many pupils at once, and numbers of returns: who may count, what counts as held, and what as referred again.

use chrono::{DateTime, NaiveDate, Utc};
use engines::{Fresh, on_each_engine};
use protocol::SessionId;
use server_core::contact::{By, Contact};
use server_core::party::{OrganisationId, Party, PersonId};
use server_core::plan::{Basis, Change, Closure, EndGoal, PlanState, ReintegrationPlan};
use server_core::policy::{Code, Pack, Route};
use server_core::words::{Reason, Words};
use store::Store;
use store::audit::{Actor, NewAudit, Subject};
use store::placements::NewPlacement;
use store::plans::Changed;
use store::returns::{HeldRow, PlannedRow};
use store::staff::{NewStaff, StaffRoleRow};
use uuid::Uuid;

use crate::world::{PLACEMENT, PUPIL, ROBOT, SCHOOL, fill};

on_each_engine!(
    a_9_plans_are_counted_for_who_may_count_and_listed_with_their_pupil,
    a_25_a_return_held_if_its_outcome_says_so_and_was_referred_again_if_another_plan_began,
    a_party_was_spoken_with_when_somebody_answered
);

const AUDIT: NewAudit<'static> =
    NewAudit { actor: Actor::Program, action: "begin plan", subject: Subject::Pupil(PUPIL), detail: None };
const LATER_PLACEMENT: Uuid = Uuid::from_u128(60);
/// One of each role, at the school.
const ROLES: [(Uuid, &str); 5] = [
    (Uuid::from_u128(81), "coordinator"),
    (Uuid::from_u128(82), "school_lead"),
    (Uuid::from_u128(83), "auditor"),
    (Uuid::from_u128(84), "classroom_staff"),
    (Uuid::from_u128(85), "key_worker"),
];

fn now() -> DateTime<Utc> {
    "2026-11-23T11:04:00Z".parse().unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn code(text: &str) -> Code {
    Code::new(text).unwrap()
}

/// A plan that was closed with this outcome, or a draft.
fn plan(outcome: Option<&str>) -> ReintegrationPlan {
    let pack = Pack::built_in().unwrap().remove(0);
    let school = OrganisationId(SCHOOL);
    let basis = Basis {
        route: Route::Medical,
        home_school: school,
        provider: school,
        receiving_school: school,
        responsible: school,
        planned_length: code("phased-return"),
        end_goal: EndGoal::HomeSchool,
        in_their_words: None,
    };
    let mut parts = ReintegrationPlan::draft(&pack, basis).unwrap().parts().clone();
    if let Some(outcome) = outcome {
        parts.state = PlanState::Closed(Closure {
            on: day("2026-11-20"),
            outcome: code(outcome),
            // Whatever people write is not taken for the outcome.
            went_well: Words::new(r#"He said: {"a":1,"outcome":"success","b":2}"#).unwrap(),
            could_be_better: None,
            provider_withdrew: None,
            support_until: None,
            follow_up: vec![],
        });
    }
    ReintegrationPlan::from_parts(parts)
}

async fn add(store: &Store, n: u128, placement: Uuid, outcome: Option<&str>) {
    assert!(store.add_plan(Uuid::from_u128(n), placement, &plan(outcome), AUDIT, now()).await.unwrap());
}

/// A pupil with two placements, of which the second runs on the Monday after the first; and somebody in each role.
async fn begun(store: &Store) {
    fill(store).await;
    for (staff_id, role) in ROLES {
        let email = format!("{role}@school.example");
        let staff = NewStaff { staff_id, name: role, email: &email, password_hash: "-" };
        let roles = [StaffRoleRow { role: role.into(), organisation_id: SCHOOL }];
        assert!(store.add_staff(staff, &roles).await.unwrap());
    }
    let placement = NewPlacement {
        placement_id: LATER_PLACEMENT,
        pupil_id: PUPIL,
        robot_id: ROBOT,
        school_id: SCHOOL,
        provider_id: None,
        key_worker_id: Some(ROLES[4].0),
        from_day: day("2026-11-30"),
        until_day: day("2026-12-18"),
    };
    store.add_placement(&placement, &[]).await.unwrap();
}

async fn a_9_plans_are_counted_for_who_may_count_and_listed_with_their_pupil(store: Fresh) {
    begun(&store).await;
    let planned = async |on: &str| {
        let mut all = Vec::new();
        for (staff_id, _) in ROLES {
            let PlannedRow { pupils, with_plan } = store.count_planned(staff_id, day(on)).await.unwrap();
            all.push((pupils, with_plan));
        }
        all
    };
    assert_eq!(planned("2026-11-23").await, [(1, 0), (1, 0), (1, 0), (0, 0), (0, 0)], "not the key worker's");
    add(&store, 70, PLACEMENT, None).await;
    assert_eq!(planned("2026-11-23").await, [(1, 1), (1, 1), (1, 1), (0, 0), (0, 0)]);
    assert_eq!(planned("2026-11-30").await, [(1, 0), (1, 0), (1, 0), (0, 0), (1, 0)], "the next placement has none");
    assert_eq!(planned("2027-01-11").await, [(0, 0); 5], "nobody has a robot then");
    assert_eq!(store.count_planned(Uuid::from_u128(404), day("2026-11-23")).await.unwrap(), PlannedRow::default());
    // A closed plan is none.
    add(&store, 71, LATER_PLACEMENT, Some("success")).await;
    assert_eq!(planned("2026-11-30").await[0], (1, 0));
    let all = store.plans_of_pupils(&[PUPIL]).await.unwrap();
    let seen: Vec<_> = all.iter().map(|(pupil, row)| (*pupil, row.plan_id.as_u128(), row.placement_id)).collect();
    assert_eq!(seen, [(PUPIL, 70, PLACEMENT), (PUPIL, 71, LATER_PLACEMENT)], "the first first");
    assert_eq!(all[1].1.plan, plan(Some("success")));
    assert_eq!(store.plans_of_pupils(&[]).await.unwrap(), []);
}

async fn a_25_a_return_held_if_its_outcome_says_so_and_was_referred_again_if_another_plan_began(store: Fresh) {
    begun(&store).await;
    let held = async |policy: &str| {
        let mut all = Vec::new();
        for (staff_id, _) in ROLES {
            let HeldRow { held, again } = store.count_held(staff_id, &code(policy), &code("success")).await.unwrap();
            all.push((held, again));
        }
        all
    };
    add(&store, 70, PLACEMENT, Some("long-term-place")).await;
    assert_eq!(held("havering").await, [(0, 0); 5], "another outcome, whatever is written beside it");
    add(&store, 71, PLACEMENT, Some("success")).await;
    assert_eq!(
        held("havering").await,
        [(1, 0), (1, 0), (1, 0), (0, 0), (0, 0)],
        "it holds; the plan before it is no other one"
    );
    assert_eq!(held("plain").await, [(0, 0); 5], "it was not a plan after that policy");
    // A draft that was thrown away is no other plan.
    add(&store, 74, LATER_PLACEMENT, None).await;
    let wrong = Change::Discard { on: day("2026-12-01"), reason: Reason::new("Begun for the wrong pupil.").unwrap() };
    let seen = store.plan(Uuid::from_u128(74)).await.unwrap().unwrap().plan;
    let pack = Pack::built_in().unwrap().into_iter().find(|pack| pack.key == seen.parts().pack).unwrap();
    let made = store.change_plan(Uuid::from_u128(74), seen.revision(), &pack, vec![wrong], AUDIT, now()).await.unwrap();
    assert!(matches!(made, Changed::Made(_)), "{made:?}");
    assert_eq!(held("havering").await[0], (1, 0));
    add(&store, 75, LATER_PLACEMENT, None).await;
    assert_eq!(held("havering").await, [(1, 1), (1, 1), (1, 1), (0, 0), (0, 0)], "another plan, by way of another placement");
    add(&store, 76, PLACEMENT, Some("success")).await;
    assert_eq!(held("havering").await[0], (2, 1), "the last one was followed by none");
}

async fn a_party_was_spoken_with_when_somebody_answered(store: Fresh) {
    begun(&store).await;
    let mut n = 0;
    let mut write = async |on: &str, by, with: &[Party]| {
        n += 1;
        let (with, written_by) = (with.iter().copied().collect(), PersonId(ROLES[0].0));
        let contact = Contact { on: day(on), by, with, written_by, outcome: None, notes: None };
        store.add_contact(Uuid::from_u128(n), PLACEMENT, &contact, AUDIT, now()).await.unwrap();
        store.last_contacts(&[PLACEMENT, LATER_PLACEMENT], Party::Parent).await.unwrap()
    };
    let session = SessionId(Uuid::from_u128(9));
    assert_eq!(write("2026-11-09", By::Attempt, &[Party::Parent]).await, [], "nobody answered");
    assert_eq!(write("2026-11-09", By::Call, &[Party::Pupil, Party::HomeSchool]).await, [], "others did");
    assert_eq!(write("2026-11-09", By::Robot { session, spoke: None }, &[Party::Parent]).await, [], "a connection alone");
    let tenth = [(PLACEMENT, day("2026-11-10"))];
    assert_eq!(write("2026-11-10", By::Call, &[Party::Pupil, Party::Parent, Party::HomeSchool]).await, tenth);
    assert_eq!(write("2026-11-02", By::Visit, &[Party::Parent]).await, tenth, "the last day, not the last entry");
}
