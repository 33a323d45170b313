//! Where the pupil was, in the plan's weeks: the glide path after the end, the school that keeps the register, and what people say where no
//! mark tells.

use reqwest::StatusCode;
use server::demo::ids;
use server_core::party::OrganisationId;
use server_core::plan::PlanState;
use uuid::Uuid;

use crate::harness::{Browser, World, hidden};
use crate::returning::{address, fill, opened, plan};
use crate::weeks::{ON_SITE, begin_return, pattern};

const DONE: StatusCode = StatusCode::SEE_OTHER;
const WRONG: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

/// The rows of the table of a glide path.
fn table(page: &str) -> &str {
    page.split("id=\"gt\"").nth(1).unwrap_or_else(|| panic!("no path on {page}")).split("</table>").next().unwrap()
}

/// Report: `Close` and `EndAfterBreakdown` threw away the first day at school, and with it the school's weeks and their patterns.
#[tokio::test(flavor = "multi_thread")]
async fn r_h25_h30_the_path_of_a_plan_is_the_same_after_its_end_as_before() {
    let (world, browser) = opened().await;
    begin_return(&world, &browser, "2026-11-16").await;
    assert_eq!(fill(&browser, "week", &pattern("school", "1", &ON_SITE)).await.status(), DONE);
    let path = async || (browser.page(&address("/glide")).await, browser.page(&address("/export/weeks.csv")).await);
    let (page, csv) = path().await;
    assert!(table(&page).contains("3 (school week 1), 16 Nov") && table(&page).contains("On site 10"), "{page}");
    let end = [("on", "2026-11-23"), ("outcome", "back-to-provider"), ("well", "Friends waited at the gate")];
    assert_eq!(fill(&browser, "close", &end).await.status(), DONE);
    assert!(matches!(plan(&world).await.state(), PlanState::Closed(_)));
    let (after, csv_after) = path().await;
    assert_eq!((table(&after), csv_after), (table(&page), csv));
    let pack = browser.page(&address("/documents/review-pack.json")).await;
    assert!(pack.contains("School week 1") || pack.contains("school week 1"), "{pack}");
    let history = browser.page(&address("/plan")).await;
    assert!(history.contains("First day at school: “16 November 2026”"), "the history leaves nothing out: {history}");
    world.stop().await;
}

/// Report: the school whose lessons a pupil follows was taken for the one that keeps the pupil's register.
#[tokio::test(flavor = "multi_thread")]
async fn r_h23_a_pupil_who_follows_the_lessons_of_another_school_stays_their_home_schools() {
    let world = World::start().await;
    let browser = world.browser("coordinator").await;
    let cara = |rest: &str| format!("/pupils/{}{rest}", ids::CARA);
    // Cara is on the roll of Alder Road, which is closed this Thursday and Friday; Marsh Lane is not.
    let alder = ids::ALDER_ROAD.to_string();
    let days =
        [("of", alder.as_str()), ("what", "close"), ("first", "2026-11-26"), ("last", "2026-11-27"), ("reason", "INSET")];
    assert_eq!(browser.post("/days", &days).await.status(), DONE);
    let about = [("policy", "havering"), ("route", "medical"), ("length", "phased-return"), ("goal", "home-school")];
    let marsh = ids::MARSH_LANE.to_string();
    let mut begin = vec![("school", marsh.as_str()), ("from", "2026-11-23"), ("until", "2027-03-26")];
    begin.extend(about);
    assert_eq!(browser.post(&cara("/placement/new"), &begin).await.status(), DONE);
    let placement = world.state.store.placements_of(ids::CARA).await.unwrap().remove(0);
    assert_eq!((placement.school_id, placement.home_id), (ids::MARSH_LANE, ids::ALDER_ROAD));
    let schools = async || {
        let row = world.state.store.plans_of(placement.placement_id).await.unwrap().remove(0);
        let basis = row.plan.basis().clone();
        (basis.home_school, basis.responsible, basis.receiving_school)
    };
    let expected = (OrganisationId(ids::ALDER_ROAD), OrganisationId(ids::ALDER_ROAD), OrganisationId(ids::MARSH_LANE));
    assert_eq!(schools().await, expected, "begun with the placement");
    let page = browser.page(&cara("/plan")).await;
    let (plan, revision) = (hidden(&page, "plan"), hidden(&page, "revision"));
    let discard = [("plan", plan.as_str()), ("revision", revision.as_str()), ("reason", "Another length after all")];
    assert_eq!(browser.post(&cara("/plan/discard"), &discard).await.status(), DONE);
    assert_eq!(browser.post(&cara("/plan"), &about).await.status(), DONE);
    assert_eq!(schools().await, expected, "begun on the page of the plan");
    let page = browser.page(&cara("/plan")).await;
    assert!(page.contains("<dt>Answers for the pupil</dt><dd>Alder Road School</dd>"), "{page}");
    // What the home school does is counted in its days.
    let page = browser.page(&cara("/due")).await;
    let contact = page.split("<b>Home school and pupil speak</b>").nth(1).unwrap_or_else(|| panic!("{page}"));
    assert!(contact.split("</li>").next().unwrap().contains("By Wednesday 25 November 2026"), "{contact}");
    // The register is the home school's, on the page, on the record and in the pack; so are its marks.
    let file = "UPN,Date,AM,PM\nQ801226012003,23/11/2026,/,\n";
    let lead = world.browser("alder lead").await;
    let sent = [("school", alder.as_str()), ("system", "arbor"), ("file", file)];
    assert_eq!(lead.post("/register", &sent).await.status(), StatusCode::OK);
    let page = browser.page(&cara("/register")).await;
    assert!(page.contains("Kept by Alder Road School") && page.contains("Mon 23 Nov"), "{page}");
    let page = browser.page(&cara("")).await;
    assert!(page.contains("Year 9. Marsh Lane Academy") && page.contains("Kept by Alder Road School"), "{page}");
    let pack = browser.page(&cara("/documents/review-pack.json")).await;
    assert!(pack.contains("Register of Alder Road School") && !pack.contains("Register of Marsh Lane"), "{pack}");
    let said = [("event", "provider-start"), ("day", "2026-11-16")];
    assert_eq!(browser.post(&cara("/due"), &said).await.status(), DONE);
    let page = browser.page(&cara("/glide")).await;
    assert!(page.contains("On site at Marsh Lane Academy"), "{page}");
    assert!(page.contains("by the marks of Alder Road School"), "whose marks stand beside: {page}");
    world.stop().await;
}

async fn say(browser: &Browser, day: &str, by: &str, halves: &[(&str, &str)]) -> reqwest::Response {
    let mut fields = vec![("day", day), ("by", by)];
    fields.extend_from_slice(halves);
    browser.save(&address("/glide"), &fields).await
}

/// Report: nothing but an import could say that a pupil was at school, and the page's own question had no form to answer it.
#[tokio::test(flavor = "multi_thread")]
async fn r_x7_h29_what_somebody_says_of_a_half_day_is_on_the_path_with_their_name_and_is_no_mark() {
    let (world, browser) = opened().await;
    let marks = async || {
        let day = |text: &str| text.parse().unwrap();
        world.state.store.imported_marks(ids::ADA, day("2026-11-01"), day("2026-11-30")).await.unwrap()
    };
    let before = marks().await;
    let parties = world.state.store.parties(ids::ADA_PLACEMENT.0).await.unwrap();
    let parent = parties.iter().find(|row| row.name.as_deref() == Some("Mr <Q.>")).unwrap().person.0.to_string();
    let week = async || {
        let csv = browser.page(&address("/export/weeks.csv")).await;
        assert!(
            csv.contains(
                "Minutes live in lessons by robot,Half-days the school spoke for,Half-days people spoke for,What looks"
            ),
            "{csv}"
        );
        let row = csv.lines().find(|line| line.contains(",2026-11-16,")).unwrap_or_else(|| panic!("{csv}"));
        let cells: Vec<_> = row.split(',').map(str::to_owned).collect();
        // As it was: on site; then what the school spoke for, and what people did.
        [7, 15, 16].map(|n| cells[n].clone())
    };
    assert_eq!(week().await, ["", "0", "0"], "its marks are of two schools and say nothing: no figure, and no 0");
    // Wrong words are told, and stay.
    for (day, by, halves, why) in [
        ("2026-11-24", parent.as_str(), [("am", "there"), ("pm", "not")], "Day: choose today, or a day of the last year"),
        ("2026-11-21", &parent, [("am", "there"), ("pm", "not")], "Day: it is a Saturday or a Sunday"),
        ("2026-11-17", &Uuid::nil().to_string(), [("am", "there"), ("pm", "not")], "Who says so: choose somebody"),
        ("2026-11-17", &parent, [("am", ""), ("pm", "perhaps")], "Say something of the morning or of the afternoon"),
    ] {
        let answer = say(&browser, day, by, &halves).await;
        assert_eq!(answer.status(), WRONG, "{why}");
        let page = answer.text().await.unwrap();
        assert!(page.contains(why) && page.contains(&format!("name=\"day\" value=\"{day}\"")), "{why}: {page}");
        if halves[0].1 == "there" {
            assert!(page.contains("name=\"am\" value=\"there\" checked") && page.contains("name=\"pm\" value=\"not\" checked"));
        }
    }
    assert_eq!(week().await, ["", "0", "0"]);
    assert_eq!(say(&browser, "2026-11-17", &parent, &[("am", "there"), ("pm", "not")]).await.status(), DONE);
    assert_eq!(say(&browser, "2026-11-18", &ids::KEY_WORKER.to_string(), &[("am", "there")]).await.status(), DONE);
    assert_eq!(week().await, ["2", "0", "3"]);
    let page = browser.page(&address("/glide")).await;
    assert!(
        page.contains("Tuesday 17 November, morning: was there") && page.contains("Tuesday 17 November, afternoon: was not")
    );
    assert!(page.contains("Said by Mr &#60;Q.&#62;, written down by Ms key-worker, 23 November 2026, 09:20"), "{page}");
    assert!(page.contains("Said by Ms key-worker, 23 November 2026"), "{page}");
    assert!(table(&page).contains("On site 2") && table(&page).contains("3, 3 of them by people"), "{page}");
    assert!(page.contains("by the marks of Alder Road School, and by what people say where no mark tells"), "{page}");
    // It is no mark: the register is as it was, on its page and in the store.
    assert_eq!(marks().await, before);
    assert!(!browser.page(&address("/register")).await.contains("Mr &#60;Q.&#62;"));
    // The school's file stands before it; where the two differ, the page asks.
    let file = "UPN,Date,AM,PM\nM801226012001,17/11/2026,I,/\n";
    let alder = ids::ALDER_ROAD.to_string();
    let sent = [("school", alder.as_str()), ("system", "arbor"), ("file", file)];
    assert_eq!(world.browser("alder lead").await.post("/register", &sent).await.status(), StatusCode::OK);
    assert_eq!(week().await, ["2", "2", "1"], "Tuesday afternoon by the mark, Wednesday morning by a word");
    let page = browser.page(&address("/glide")).await;
    let asked = "Tuesday 17 November, morning: Mr &#60;Q.&#62; says that the pupil was there; the mark of Alder Road School says that the \
                 pupil was not. Here the mark counts. Which is right?";
    assert!(page.contains(asked), "{page}");
    // Taken back, it is not known again; both words stay in the store.
    assert_eq!(say(&browser, "2026-11-18", &ids::KEY_WORKER.to_string(), &[("am", "unknown")]).await.status(), DONE);
    assert_eq!(week().await, ["1", "2", "0"]);
    assert!(browser.page(&address("/glide")).await.contains("Wednesday 18 November, morning: not known"));
    let log = world.state.store.audit_of(ids::ADA, 200).await.unwrap();
    assert_eq!(log.iter().filter(|row| row.action == "say attendance").count(), 3);
    world.stop().await;
}
