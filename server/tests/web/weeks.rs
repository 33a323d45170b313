//! The weeks of a plan: more of them, both clocks side by side, and what the school's own marks say of a week.

use reqwest::StatusCode;
use server::demo::ids;
use server_core::plan::StatedSource;
use server_core::policy::Code;

use crate::harness::{Browser, World};
use crate::returning::{address, fill, opened, pack_of, plan};

const DONE: StatusCode = StatusCode::SEE_OTHER;
const WRONG: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

fn code(text: &str) -> Code {
    Code::new(text).unwrap()
}

/// The pattern of a week of a clock, as its form sends it.
pub fn pattern<'a>(clock: &'a str, week: &'a str, letters: &'a [&'a str; 10]) -> Vec<(&'a str, &'a str)> {
    const NAMES: [&str; 10] = [
        "at-mon-am",
        "at-mon-pm",
        "at-tue-am",
        "at-tue-pm",
        "at-wed-am",
        "at-wed-pm",
        "at-thu-am",
        "at-thu-pm",
        "at-fri-am",
        "at-fri-pm",
    ];
    let mut all = vec![("clock", clock), ("week", week)];
    all.extend(NAMES.into_iter().zip(letters.iter().copied()));
    all
}

pub const ON_SITE: [&str; 10] = ["s", "s", "s", "s", "s", "s", "s", "s", "s", "s"];
const HALF: [&str; 10] = ["s", "s", "r", "r", "-", "-", "o", "o", "s", "s"];

/// The first day at school is said, and every gate has its reason.
pub async fn begin_return(world: &World, browser: &Browser, on: &str) {
    let kept = plan(world).await;
    let names: Vec<String> = (0..kept.gates(&pack_of(&kept)).len()).map(|n| format!("reason-{n}")).collect();
    let mut begin = vec![("on", on)];
    begin.extend(names.iter().map(|name| (name.as_str(), "Agreed by everybody at the meeting")));
    assert_eq!(fill(browser, "begin", &begin).await.status(), DONE);
}

#[tokio::test(flavor = "multi_thread")]
async fn r_h16_a_longer_plan_has_more_weeks_everywhere_with_its_reason_in_the_history() {
    let (world, browser) = opened().await;
    begin_return(&world, &browser, "2026-11-16").await;
    let last = async || browser.page(&address("/due")).await;
    assert!(!last().await.contains("School and provider speak about how the return goes, week 9"));
    assert_eq!(fill(&browser, "week", &pattern("provider", "13", &ON_SITE)).await.status(), WRONG, "there is no such week yet");
    let more = [("weeks", "4"), ("reason", "A second operation in January")];
    assert_eq!(fill(&browser, "longer", &more).await.status(), DONE);
    assert_eq!(fill(&browser, "longer", &[("weeks", "52"), ("reason", "And a year")]).await.status(), DONE);
    let refused = fill(&browser, "longer", &[("weeks", "52"), ("reason", "And another year")]).await;
    assert_eq!(refused.status(), WRONG, "not for ever");
    assert!(refused.text().await.unwrap().contains("made longer by 104 weeks at most"));
    world.stop().await;
    let (world, browser) = opened().await;
    begin_return(&world, &browser, "2026-11-16").await;
    assert_eq!(fill(&browser, "longer", &more).await.status(), DONE);
    let page = browser.page(&address("/plan")).await;
    assert!(page.contains("Provider week 4 of 16. School week 2 of 12."), "{page}");
    assert!(page.contains("<dd>16 school weeks, 4 of them added</dd>"), "{page}");
    assert!(page.contains("The plan takes longer: “4 weeks: A second operation in January”"), "{page}");
    // Limits that go to the end of a clock go on; those of the first weeks do not.
    let due = browser.page(&address("/due")).await;
    assert!(due.contains("School and provider speak about how the return goes, week 12"), "{due}");
    assert!(!due.contains("Weekly review with pupil and parent, week 5"), "{due}");
    // Patterns, and the path to the last of them.
    assert_eq!(fill(&browser, "week", &pattern("provider", "16", &ON_SITE)).await.status(), DONE);
    assert_eq!(plan(&world).await.week(16).unwrap().to_string(), "ss ss ss ss ss");
    assert_eq!(fill(&browser, "week", &pattern("provider", "17", &ON_SITE)).await.status(), WRONG);
    let path = browser.page(&address("/glide")).await;
    assert!(path.contains("Provider week 4 of 16, school week 2 of 12"), "{path}");
    assert!(path.contains("16, 1 Mar"), "{path}");
    let csv = browser.page(&address("/export/weeks.csv")).await;
    assert!(csv.lines().last().unwrap().starts_with("16,2027-03-01"), "{csv}");
    // A week that was added is looked back upon as the last one was.
    let back = [("of", "provider.13"), ("went-five-days", "yes")];
    assert_eq!(fill(&browser, "look-back", &back).await.status(), WRONG, "it has not begun");
    world.set("2027-02-10T09:20:00Z".parse().unwrap());
    let browser = world.browser("key worker").await;
    let chosen = browser.page(&address("/plan?look=provider.13")).await;
    assert!(chosen.contains("name=\"of\" value=\"provider.13\"") && chosen.contains("A week that was added to the plan."));
    assert_eq!(fill(&browser, "look-back", &back).await.status(), DONE);
    assert!(plan(&world).await.evaluation(&code("provider"), 13).is_some());
    let page = browser.page(&address("/plan")).await;
    assert!(page.contains("Provider week 13, on 10 February 2027"), "{page}");
    assert_eq!(fill(&browser, "look-back", &[("of", "provider.17"), ("went-five-days", "yes")]).await.status(), WRONG);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_h12_h15_h25_both_clocks_stand_side_by_side_and_school_weeks_have_patterns_of_their_own() {
    let (world, browser) = opened().await;
    let page = browser.page(&address("/plan")).await;
    assert!(page.contains("School week: counted from this day: Start at the school."), "{page}");
    assert!(page.contains("?clock=school&#38;week=8#s2"), "patterns can be made before: {page}");
    begin_return(&world, &browser, "2026-11-23").await;
    let page = browser.page(&address("/plan")).await;
    assert!(page.contains("Provider week 4 of 12. School week 1 of 8."), "{page}");
    // Christmas has no number on either clock; after the provider's twelve weeks there are none left of the school's.
    let rows: Vec<&str> = page.split("aria-label=\"Every week by its clocks\"").nth(1).unwrap().split("<tr>").skip(2).collect();
    assert_eq!(rows.len(), 12, "{rows:?}");
    assert!(rows[3].contains("23 Nov") && rows[3].contains(">4</td>") && rows[3].contains(">1</td>"), "{}", rows[3]);
    assert!(rows[3].contains("The pupil is welcomed.") && rows[3].contains("Meeting to prepare"), "{}", rows[3]);
    assert!(rows[7].contains("4 Jan") && rows[7].contains(">8</td>") && rows[7].contains(">5</td>"), "{}", rows[7]);
    // The provider's pattern holds until the school's week has one.
    assert_eq!(fill(&browser, "week", &pattern("provider", "1", &HALF)).await.status(), DONE);
    assert_eq!(fill(&browser, "week", &pattern("school", "2", &ON_SITE)).await.status(), DONE);
    assert_eq!(fill(&browser, "week", &pattern("school", "9", &ON_SITE)).await.status(), WRONG);
    let kept = plan(&world).await;
    let pack = pack_of(&kept);
    let held = |provider, school| kept.pattern_in(&pack, &[provider, school]).unwrap().to_string();
    assert_eq!((held(Some(4), Some(1)), held(Some(5), Some(2))), ("ss rr -- oo ss".to_owned(), "ss ss ss ss ss".to_owned()));
    let page = browser.page(&address("/plan?clock=school&week=2")).await;
    assert!(page.contains("From Monday 30 November 2026; also provider week 5."), "{page}");
    assert!(
        page.contains("name=\"clock\" value=\"school\"") && page.contains("Pattern of school week 2: “On site 10"),
        "{page}"
    );
    let path = browser.page(&address("/glide")).await;
    assert!(path.contains("Provider week 4 of 12, school week 1 of 8") && path.contains("5 (school week 2), 30 Nov"), "{path}");
    let row = path.split("5 (school week 2), 30 Nov").nth(1).unwrap().split("</tr>").next().unwrap();
    assert!(row.contains("On site 10"), "{row}");
    let csv = browser.page(&address("/export/weeks.csv")).await;
    assert!(csv.contains("School week\r\n") && csv.contains("5,2026-11-30,10,") && csv.contains(",2\r\n"), "{csv}");
    // Two writers of one school week choose, as everywhere.
    let sam = world.browser("alder lead").await;
    let open = sam.page(&address("/plan?clock=school&week=3")).await;
    let (id, revision) = (crate::harness::hidden(&open, "plan"), crate::harness::hidden(&open, "revision"));
    assert_eq!(fill(&browser, "week", &pattern("school", "3", &HALF)).await.status(), DONE);
    let mut second = vec![("plan", id.as_str()), ("revision", revision.as_str())];
    second.extend(pattern("school", "3", &ON_SITE));
    let answer = sam.post(&address("/plan/week"), &second).await;
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    assert!(answer.text().await.unwrap().contains("both changed week 3"));
    world.stop().await;
}

/// A file of the school's: Ada's marks from Monday 16 to Friday 20 November.
async fn import(world: &World, days: [&str; 5]) {
    let mut file = String::from("UPN,Date,AM,PM\n");
    for (n, marks) in (16..).zip(days) {
        file.push_str(&format!("M801226012001,{n}/11/2026,{marks}\n"));
    }
    let school = ids::ALDER_ROAD.to_string();
    let fields = [("school", school.as_str()), ("system", "arbor"), ("file", file.as_str())];
    assert_eq!(world.browser("alder lead").await.post("/register", &fields).await.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn r_h29_h23_imported_marks_of_a_covered_week_are_offered_and_kept_as_imported_unless_somebody_types() {
    let (world, browser) = opened().await;
    import(&world, ["/,\\", "L,\\", "I,I", "I,I", "I,#"]).await;
    let week = "?look=provider.03";
    let page = browser.page(&address(&format!("/plan{week}"))).await;
    let attendance = "At school 4, absent with leave 5; of 9 half-days";
    assert!(page.contains(&format!("name=\"attendance\" value=\"{attendance}\"")), "{page}");
    assert!(page.contains("name=\"punctuality\" value=\"Late 1 of 4 half-days at school\""), "{page}");
    assert!(page.contains(&format!("Attendance: {attendance}, imported from Arbor on 23 November 2026, 09:20.")), "{page}");
    let back = |attendance: &'static str, offered: &'static str| {
        [
            ("of", "provider.03"),
            ("went-engaged", "yes"),
            ("attendance", attendance),
            ("file-attendance", offered),
            ("punctuality", "Always in time"),
            ("file-punctuality", "Late 1 of 4 half-days at school"),
        ]
    };
    assert_eq!(fill(&browser, "look-back", &back(attendance, attendance)).await.status(), DONE);
    let kept = plan(&world).await;
    let one = kept.evaluation(&code("provider"), 3).unwrap();
    let stated = one.attendance.as_ref().unwrap();
    assert_eq!(stated.source, StatedSource::Import { system: "Arbor".to_owned(), at: world.now() });
    assert_eq!((stated.figure.expose(), stated.on.to_string().as_str()), (attendance, "2026-11-20"));
    let typed = one.punctuality.as_ref().unwrap();
    assert!(
        matches!(typed.source, StatedSource::Person(person) if person.0 == ids::KEY_WORKER),
        "another figure is a person's"
    );
    let page = browser.page(&address("/plan")).await;
    assert!(
        page.contains("imported from Arbor on 23 November 2026, 09:20. Punctuality: Always in time, stated by Ms key-worker.")
    );
    // The school corrects its file after the form was opened: the old figure is nobody's word.
    world.later(chrono::TimeDelta::minutes(5));
    import(&world, ["/,\\", "/,\\", "/,I", "I,I", "I,#"]).await;
    let week_two = browser.page(&address("/plan?look=provider.02")).await;
    assert!(
        week_two.contains("Expected at the other school 10; of 10 half-days"),
        "a week of the other school's marks says so: {week_two}"
    );
    let stale = back("At school 3; of 9 half-days", "At school 3; of 9 half-days");
    let refused = fill(&browser, "look-back", &stale).await;
    assert_eq!(refused.status(), WRONG);
    let page = refused.text().await.unwrap();
    assert!(page.contains("the school’s file was read again meanwhile"), "{page}");
    assert!(page.contains("name=\"attendance\" value=\"At school 5, absent with leave 4; of 9 half-days\""), "{page}");
    // A week that the marks do not cover is for people to fill in: this one has only begun.
    let page = browser.page(&address("/plan?look=provider.04")).await;
    assert!(page.contains("name=\"attendance\" value=\"\"") && !page.contains("file-attendance"), "{page}");
    world.stop().await;
}
