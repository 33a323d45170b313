//! Who may see and change what: every role against every action.

use super::*;

const AUTHORITY: Uuid = Uuid::from_u128(1);
const ALDER: Uuid = Uuid::from_u128(2);
const MARSH: Uuid = Uuid::from_u128(3);
const HOSPITAL: Uuid = Uuid::from_u128(4);
const PUPIL: Uuid = Uuid::from_u128(5);
const ME: Uuid = Uuid::from_u128(6);
const OTHER: Uuid = Uuid::from_u128(7);

const ACTIONS: [Action; 32] = [
    Action::SeeRobot,
    Action::MoveRobot,
    Action::ControlRobot,
    Action::ConnectCamera,
    Action::SeeFleet,
    Action::ReadRecord,
    Action::ReadPlan,
    Action::EditPlan,
    Action::CommentPlan,
    Action::ReadFramework,
    Action::EditFramework,
    Action::ReadContacts,
    Action::WriteContact,
    Action::CountReturns,
    Action::ReadCosts,
    Action::EditCosts,
    Action::ImportRegister,
    Action::SetDays,
    Action::SetScales,
    Action::CorrectMinutes,
    Action::PairTablet,
    Action::SeePupilName,
    Action::JoinClass,
    Action::SeeSystem,
    Action::ReadAudit,
    Action::KeepOrganisations,
    Action::KeepAccounts,
    Action::AddPupil,
    Action::KeepCase,
    Action::GiveRobot,
    Action::KeepRobots,
    Action::KeepTimetable,
];
const ROLES: [Role; 7] =
    [Role::Coordinator, Role::KeyWorker, Role::SchoolLead, Role::ClassroomStaff, Role::Pupil, Role::Parent, Role::Auditor];

fn tree() -> Tree {
    Tree::new([(AUTHORITY, None), (ALDER, Some(AUTHORITY)), (MARSH, Some(AUTHORITY)), (HOSPITAL, Some(AUTHORITY))])
}

fn person(id: Uuid, role: Role, organisation: Uuid) -> Person {
    Person { id, holdings: vec![Holding { role, organisation }] }
}

/// Ada: at Alder Road, looked after by the hospital school, key worker `ME`.
fn ada() -> Subject {
    Subject::Pupil { pupil: PUPIL, school: ALDER, provider: Some(HOSPITAL), key_worker: Some(ME), has_part: false }
}

/// The same, asked by somebody who was given a part in her case.
fn with_part() -> Subject {
    Subject::Pupil { pupil: PUPIL, school: ALDER, provider: Some(HOSPITAL), key_worker: Some(ME), has_part: true }
}

fn allowed(person: &Person, subject: &Subject) -> Vec<Action> {
    ACTIONS.into_iter().filter(|action| may(person, *action, subject, &tree())).collect()
}

#[test]
fn what_each_role_may_do_with_a_pupil() {
    use Action::{
        CommentPlan, CorrectMinutes, EditFramework, EditPlan, GiveRobot, JoinClass, KeepCase, PairTablet, ReadContacts,
        ReadFramework, ReadPlan, ReadRecord, SeePupilName, WriteContact,
    };
    let check = |who: Person, expected: &[Action]| assert_eq!(allowed(&who, &ada()), expected, "{who:?}");
    let coordinator = [
        ReadRecord,
        ReadPlan,
        EditPlan,
        ReadContacts,
        WriteContact,
        CorrectMinutes,
        PairTablet,
        SeePupilName,
        KeepCase,
        GiveRobot,
    ];
    check(person(OTHER, Role::Coordinator, AUTHORITY), &coordinator);
    let key_worker = [
        ReadRecord,
        ReadPlan,
        EditPlan,
        ReadFramework,
        EditFramework,
        ReadContacts,
        WriteContact,
        CorrectMinutes,
        PairTablet,
        SeePupilName,
    ];
    check(person(ME, Role::KeyWorker, HOSPITAL), &key_worker);
    check(person(ME, Role::KeyWorker, ALDER), &key_worker);
    check(person(OTHER, Role::KeyWorker, HOSPITAL), &[]);
    check(person(ME, Role::KeyWorker, MARSH), &[]);
    // Who looks after a pupil does not decide who that is.
    let mut school_lead: Vec<_> = key_worker.into_iter().filter(|action| *action != CorrectMinutes).collect();
    school_lead.push(KeepCase);
    check(person(OTHER, Role::SchoolLead, ALDER), &school_lead);
    // Details and key worker are the school's to keep.
    school_lead.retain(|action| *action != KeepCase);
    check(person(OTHER, Role::SchoolLead, HOSPITAL), &school_lead);
    check(person(OTHER, Role::SchoolLead, MARSH), &[]);
    check(person(OTHER, Role::ClassroomStaff, ALDER), &[SeePupilName]);
    check(person(OTHER, Role::ClassroomStaff, MARSH), &[]);
    check(person(PUPIL, Role::Pupil, ALDER), &[ReadPlan, CommentPlan, JoinClass]);
    check(person(OTHER, Role::Pupil, ALDER), &[]);
    check(person(OTHER, Role::Parent, ALDER), &[]);
    check(person(OTHER, Role::Auditor, AUTHORITY), &[]);
}

#[test]
fn a_3_a_6_a_part_that_was_given_opens_the_case_to_key_workers_and_leads_and_to_nobody_else() {
    use Action::{
        CorrectMinutes, EditFramework, EditPlan, PairTablet, ReadContacts, ReadFramework, ReadPlan, ReadRecord, SeePupilName,
        WriteContact,
    };
    let check = |who: Person, expected: &[Action]| assert_eq!(allowed(&who, &with_part()), expected, "{who:?}");
    let own = [ReadRecord, ReadPlan, EditPlan, ReadFramework, EditFramework, ReadContacts, WriteContact];
    let key_worker: Vec<_> = own.into_iter().chain([CorrectMinutes, PairTablet, SeePupilName]).collect();
    for at in [HOSPITAL, ALDER, AUTHORITY] {
        check(person(OTHER, Role::KeyWorker, at), &key_worker);
    }
    let receiving = [ReadRecord, ReadPlan, EditPlan, ReadFramework, ReadContacts, WriteContact, SeePupilName];
    check(person(OTHER, Role::SchoolLead, MARSH), &receiving);
    check(person(ME, Role::KeyWorker, MARSH), &receiving);
    // Elsewhere a part is a part and no permission.
    check(person(OTHER, Role::Coordinator, MARSH), &[]);
    check(person(OTHER, Role::ClassroomStaff, MARSH), &[]);
    check(person(OTHER, Role::ClassroomStaff, ALDER), &[SeePupilName]);
    for role in [Role::Pupil, Role::Parent, Role::Auditor] {
        check(person(OTHER, role, ALDER), &[]);
    }
}

#[test]
fn f_2_who_comes_by_a_part_alone_is_from_elsewhere_whatever_else_they_are_beside() {
    let is = |who: Person| is_from_elsewhere(&who, &with_part(), &tree());
    for role in [Role::KeyWorker, Role::SchoolLead] {
        for at in [ALDER, HOSPITAL, AUTHORITY] {
            assert!(!is(person(OTHER, role, at)), "{role:?} {at}");
        }
        assert!(is(person(ME, role, MARSH)), "{role:?}");
        // Whoever also carries robots at the pupil's school does not lead there.
        let mut both = person(ME, role, MARSH);
        both.holdings.push(Holding { role: Role::ClassroomStaff, organisation: ALDER });
        assert!(is(both.clone()), "{role:?}");
        both.holdings.push(Holding { role: Role::SchoolLead, organisation: ALDER });
        assert!(!is(both), "{role:?}");
    }
    assert!(!is(person(OTHER, Role::Coordinator, AUTHORITY)) && is(person(OTHER, Role::Coordinator, MARSH)));
    assert!(!is(person(PUPIL, Role::Pupil, ALDER)));
}

#[test]
fn what_each_role_may_do_with_an_organisation() {
    use Action::{
        AddPupil, CountReturns, EditCosts, ImportRegister, KeepAccounts, KeepOrganisations, KeepRobots, KeepTimetable,
        ReadAudit, ReadCosts, SeeFleet, SeeSystem, SetDays, SetScales,
    };
    let check = |role, at, expected: &[Action]| {
        assert_eq!(allowed(&person(OTHER, role, at), &Subject::Organisation(ALDER)), expected, "{role:?} at {at}");
    };
    let coordinator = [
        SeeFleet,
        CountReturns,
        ReadCosts,
        EditCosts,
        SetDays,
        SetScales,
        SeeSystem,
        KeepOrganisations,
        KeepAccounts,
        AddPupil,
        KeepRobots,
        KeepTimetable,
    ];
    check(Role::Coordinator, AUTHORITY, &coordinator);
    check(Role::SchoolLead, ALDER, &[CountReturns, ImportRegister, SetDays, SetScales, AddPupil, KeepTimetable]);
    check(Role::SchoolLead, MARSH, &[]);
    check(Role::Auditor, AUTHORITY, &[CountReturns, ReadAudit]);
    for role in [Role::KeyWorker, Role::ClassroomStaff, Role::Pupil, Role::Parent] {
        check(role, ALDER, &[]);
    }
}

#[test]
fn what_each_role_may_do_with_a_robot() {
    use Action::{ConnectCamera, ControlRobot, MoveRobot, SeeRobot};
    let robot = Subject::Robot { school: ALDER };
    let check = |who: Person, expected: &[Action]| assert_eq!(allowed(&who, &robot), expected, "{who:?}");
    check(person(OTHER, Role::Coordinator, AUTHORITY), &[SeeRobot, MoveRobot, ControlRobot, ConnectCamera]);
    check(person(OTHER, Role::SchoolLead, ALDER), &[SeeRobot, MoveRobot, ControlRobot]);
    check(person(OTHER, Role::ClassroomStaff, ALDER), &[SeeRobot, MoveRobot, ControlRobot]);
    check(person(OTHER, Role::ClassroomStaff, MARSH), &[]);
    check(person(ME, Role::KeyWorker, HOSPITAL), &[]);
    check(person(OTHER, Role::Auditor, AUTHORITY), &[]);
}

#[test]
fn nobody_reaches_beside_or_above_their_own_organisation() {
    let subjects = [
        Subject::Robot { school: MARSH },
        Subject::Pupil { pupil: PUPIL, school: MARSH, provider: None, key_worker: Some(ME), has_part: false },
        Subject::Organisation(AUTHORITY),
        Subject::Organisation(MARSH),
    ];
    for role in ROLES {
        for subject in &subjects {
            assert_eq!(allowed(&person(ME, role, ALDER), subject), [], "{role:?} {subject:?}");
        }
    }
}

#[test]
fn nothing_is_allowed_without_a_role_or_in_an_unknown_organisation() {
    let subjects = [Subject::Robot { school: ALDER }, ada(), Subject::Organisation(AUTHORITY)];
    for subject in &subjects {
        assert_eq!(allowed(&Person { id: ME, holdings: vec![] }, subject), []);
        for role in ROLES {
            assert_eq!(allowed(&person(ME, role, Uuid::from_u128(99)), subject), []);
            let elsewhere = Subject::Robot { school: Uuid::from_u128(99) };
            assert_eq!(
                allowed(&person(ME, role, Uuid::from_u128(99)), &elsewhere),
                [],
                "an unknown organisation is below nothing"
            );
        }
    }
}

#[test]
fn organisations_in_a_circle_end() {
    let circle = Tree::new([(ALDER, Some(MARSH)), (MARSH, Some(ALDER))]);
    assert!(circle.is_within(ALDER, MARSH));
    assert!(!circle.is_within(ALDER, AUTHORITY));
}
