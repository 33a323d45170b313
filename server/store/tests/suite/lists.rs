//! Long lists: whatever page they are read by, they hold the same rows in the same order, and only what this person may see.

use chrono::{DateTime, NaiveDate, Utc};
use engines::{Fresh, on_each_engine};
use store::organisations::OrganisationRow;
use store::pages::{PAGE, PupilsPage, RobotsPage};
use store::placements::{NewPlacement, NewPupil};
use store::robots::DeviceKind;
use store::staff::{NewStaff, StaffRoleRow};
use uuid::Uuid;

on_each_engine!(every_page_of_robots_continues_the_one_before, every_page_of_placements_continues_the_one_before);

const COORDINATOR: Uuid = Uuid::from_u128(1);
const AUTHORITY: Uuid = Uuid::from_u128(2);
/// Name and robots of each school; the second and third share a name, and one is bigger than a page.
const SCHOOLS: [(&str, usize); 7] =
    [("Oak", 3), ("Elm", 1), ("Elm", 4), ("Ash 100%", 0), ("Yew", PAGE + 5), ("Fir", 2), ("Beech", 1)];

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Robot {
    /// Those come first.
    fine: bool,
    school: &'static str,
    school_id: Uuid,
    name: String,
    placement_id: Uuid,
    robot_id: Uuid,
}

/// An authority with its schools, and another whose school the coordinator does not lead. Every third robot went away.
async fn fill(store: &Fresh) -> Vec<Robot> {
    let day: NaiveDate = "2026-11-23".parse().unwrap();
    let organisation = |organisation_id, kind: &str, name: &str, parent_id| OrganisationRow {
        organisation_id,
        kind: kind.into(),
        name: name.into(),
        parent_id,
        time_zone: "Europe/London".into(),
    };
    store.add_organisation(&organisation(AUTHORITY, "authority", "Fenn", None), None).await.unwrap();
    let strange = Uuid::from_u128(3);
    store.add_organisation(&organisation(strange, "authority", "Marsh", None), None).await.unwrap();
    let staff = NewStaff { staff_id: COORDINATOR, email: "c@example.org", name: "C", password_hash: "-" };
    store.add_staff(staff, &[StaffRoleRow { organisation_id: AUTHORITY, role: "coordinator".into() }]).await.unwrap();
    let mut robots = Vec::new();
    let all = SCHOOLS.iter().map(|school| (school, AUTHORITY)).chain([(&("Elder", 2), strange)]);
    for (at, (&(school, count), parent)) in all.enumerate() {
        let school_id = Uuid::from_u128(0x100 - at as u128);
        store.add_organisation(&organisation(school_id, "school", school, Some(parent)), Some(day)).await.unwrap();
        for n in 0..count {
            let [robot_id, pupil_id, placement_id] =
                [1, 2, 3].map(|kind| Uuid::from_u128((kind << 16) + (at << 8) as u128 + n as u128));
            // Names in another order than ids.
            let name = format!("Robin {school} {at}{:02}", count - n);
            store.set_device(robot_id, DeviceKind::Robot, &[1; 32]).await.unwrap();
            store.add_robot(robot_id, school_id, &name, None).await.unwrap();
            let pupil = NewPupil {
                pupil_id,
                organisation_id: school_id,
                name: &name.replace("Robin", "Pupil"),
                upn: None,
                year_group: 9,
                born: None,
            };
            store.add_pupil(&pupil).await.unwrap();
            let placement = NewPlacement {
                placement_id,
                pupil_id,
                robot_id: Some(robot_id),
                school_id,
                provider_id: None,
                key_worker_id: None,
                from_day: day,
                until_day: day,
            };
            store.add_placement(&placement, &[]).await.unwrap();
            let fine = !robots.len().is_multiple_of(3);
            if parent == AUTHORITY {
                robots.push(Robot { fine, school, school_id, name, placement_id, robot_id });
            }
        }
    }
    for robot in robots.iter().filter(|robot| !robot.fine) {
        let name = &robot.name;
        let sql = format!("UPDATE robot SET status = 'gone', status_at = '2026-11-23T09:00:00+00:00' WHERE name = '{name}'");
        store.run(&sql).await.unwrap();
    }
    robots.sort();
    robots
}

async fn every_page_of_robots_continues_the_one_before(store: Fresh) {
    let robots = fill(&store).await;
    let now: DateTime<Utc> = "2026-11-23T10:00:00Z".parse().unwrap();
    let page =
        RobotsPage { staff_id: COORDINATOR, search: "", look: false, silent_before: now, low_pct: 20, offset: 0, limit: 8 };
    let found = async |page: RobotsPage<'_>| {
        store.robots_page(&page).await.unwrap().into_iter().map(|row| row.robot_id).collect::<Vec<_>>()
    };
    let expected = |search: &str, look: bool, offset: i64, limit: i64| {
        let fits = |robot: &&Robot| (robot.name.contains(search) || robot.school.contains(search)) && !(look && robot.fine);
        let fitting = robots.iter().filter(fits).map(|robot| robot.robot_id);
        fitting.skip(usize::try_from(offset).unwrap()).take(usize::try_from(limit).unwrap()).collect::<Vec<_>>()
    };
    let all = i64::try_from(robots.len()).unwrap();
    for (offset, limit) in (0..all + 9).flat_map(|offset| [(offset, 1), (offset, 8), (offset, 100)]) {
        for (search, look) in [("", false), ("", true), ("Elm", false), ("Yew 40", true), ("100%", false), ("_", false)] {
            let got = found(RobotsPage { search, look, offset, limit, ..page }).await;
            assert_eq!(got, expected(search, look, offset, limit), "{search:?}, look {look}, from {offset}, {limit} rows");
        }
    }
    assert_eq!(
        found(RobotsPage { search: "rObIn eLm", ..page }).await,
        expected("Robin Elm", false, 0, 8),
        "capitals do not matter"
    );
    assert_eq!(found(RobotsPage { staff_id: Uuid::nil(), ..page }).await, Vec::<Uuid>::new(), "somebody without a role");
}

async fn every_page_of_placements_continues_the_one_before(store: Fresh) {
    let mut robots = fill(&store).await;
    robots.sort_by_key(|robot| Robot { fine: true, ..robot.clone() });
    let page = PupilsPage { staff_id: COORDINATOR, search: "", day: "2026-11-23".parse().unwrap(), ended: false, offset: 0 };
    for offset in 0..=robots.len() + 1 {
        for search in ["", "Elm", "Pupil Yew", "100%", "_"] {
            let fits = |robot: &&Robot| robot.name.replace("Robin", "Pupil").contains(search) || robot.school.contains(search);
            let fitting: Vec<Uuid> = robots.iter().filter(fits).map(|robot| robot.placement_id).collect();
            let asked = PupilsPage { search, offset: i64::try_from(offset).unwrap(), ..page };
            let (rows, count) = store.placements_page(&asked).await.unwrap();
            let got: Vec<Uuid> = rows.into_iter().map(|row| row.placement_id).collect();
            let expected: Vec<Uuid> = fitting.iter().copied().skip(offset).take(PAGE).collect();
            assert_eq!((got, count), (expected, i64::try_from(fitting.len()).unwrap()), "{search:?} from {offset}");
        }
    }
    let later = PupilsPage { day: "2026-11-24".parse().unwrap(), ..page };
    assert_eq!(store.placements_page(&later).await.unwrap(), (vec![], 0), "none in force");
    let (ended, count) = store.placements_page(&PupilsPage { ended: true, ..later }).await.unwrap();
    assert_eq!((ended.len(), count), (PAGE.min(robots.len()), i64::try_from(robots.len()).unwrap()), "all of them ended");
    let earlier = PupilsPage { day: "2026-11-01".parse().unwrap(), ..page };
    assert_eq!(store.placements_page(&earlier).await.unwrap().1, i64::try_from(robots.len()).unwrap(), "all are to begin");
    let stranger = PupilsPage { staff_id: Uuid::nil(), ..page };
    assert_eq!(store.placements_page(&stranger).await.unwrap(), (vec![], 0), "somebody without a role");
}
