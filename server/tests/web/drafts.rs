//! A plan before it is agreed: what it is for can be put right, it can be thrown away, and nothing that somebody typed is lost.

use reqwest::StatusCode;
use server::demo::ids;
use server_core::plan::{EndGoal, PlanState};
use server_core::policy::Route;

use crate::harness::{Browser, World, hidden};
use crate::plans::told;
use crate::returning::{address, fill, opened, plan};

const DONE: StatusCode = StatusCode::SEE_OTHER;
const WRONG: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

const BEGIN: [(&str, &str); 5] = [
    ("policy", "havering"),
    ("route", "medical"),
    ("length", "phased-return"),
    ("goal", "home-school"),
    ("words", "Go back after Christmas."),
];

async fn begin(browser: &Browser) {
    assert_eq!(browser.post(&address("/plan"), &BEGIN).await.status(), DONE);
}

#[tokio::test(flavor = "multi_thread")]
async fn r_l2_a_form_that_does_not_fit_keeps_what_was_typed_and_says_what_does_not() {
    let world = World::start().await;
    let browser = world.browser("key worker").await;
    let typed =
        [("policy", "plain"), ("route", "exclusion"), ("length", "short"), ("goal", "new-school"), ("words", "Back to <art>.")];
    let refused = browser.post(&address("/plan"), &typed).await;
    assert_eq!(refused.status(), WRONG);
    let page = refused.text().await.unwrap();
    assert!(page.contains("How the pupil came to be away: choose one that “Plain” has."), "{page}");
    assert!(page.contains(">Back to &#60;art&#62;.</textarea>"), "the pupil's words are still there: {page}");
    for chosen in [
        "value=\"plain\" selected",
        "value=\"exclusion\" selected",
        "value=\"short\" selected",
        "value=\"new-school\" selected",
    ] {
        assert!(page.contains(chosen), "{chosen}: {page}");
    }
    let long = "x".repeat(5000);
    let refused = browser.post(&address("/plan"), &[BEGIN[0], BEGIN[1], BEGIN[2], BEGIN[3], ("words", long.as_str())]).await;
    assert_eq!(refused.status(), WRONG);
    assert!(refused.text().await.unwrap().contains(&long));
    // Somebody else began one meanwhile: the words are not lost.
    begin(&browser).await;
    let late = world.browser("alder lead").await.post(&address("/plan"), &BEGIN).await;
    assert_eq!(late.status(), StatusCode::CONFLICT);
    let page = late.text().await.unwrap();
    assert!(page.contains("Somebody else began a plan meanwhile") && page.contains("What you typed, to copy"), "{page}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_l2_h6_route_length_and_goal_of_a_draft_are_put_right_and_of_an_agreed_plan_stay() {
    let world = World::start().await;
    let browser = world.browser("key worker").await;
    begin(&browser).await;
    let right = [("route", "exclusion"), ("length", "first-term"), ("goal", "new-school"), ("words", "A school with a band.")];
    assert_eq!(fill(&browser, "basis", &right).await.status(), DONE);
    let kept = plan(&world).await;
    assert_eq!((kept.basis().route, kept.basis().end_goal), (Route::Exclusion, EndGoal::NewSchool));
    let page = browser.page(&address("/plan")).await;
    for words in
        ["Permanent exclusion", "<dd>A fresh start at another school</dd>", "<dd>6 school weeks</dd>", "A school with a band."]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(page.contains("<dt>Going to</dt><dd>Not named yet</dd>"), "a fresh start needs a school: {page}");
    assert!(page.contains("“Back to the home school” became “A fresh start at another school”"), "the history says it: {page}");
    let wrong = [("route", "nowhere"), ("length", "first-term"), ("goal", "new-school"), ("words", "Typed with care")];
    let refused = fill(&browser, "basis", &wrong).await;
    assert_eq!(refused.status(), WRONG);
    assert!(refused.text().await.unwrap().contains(">Typed with care</textarea>"));
    world.stop().await;
    // Once it is agreed, it stays; what was typed is shown to be copied.
    let (world, browser) = opened().await;
    let before = plan(&world).await;
    let refused = fill(&browser, "basis", &right).await;
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    let page = refused.text().await.unwrap();
    assert!(page.contains("This plan is agreed") && page.contains("A school with a band."), "{page}");
    assert_eq!(
        fill(&browser, "discard", &[("reason", "It was begun for the wrong pupil")]).await.status(),
        StatusCode::CONFLICT
    );
    assert_eq!(plan(&world).await, before);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_l2_a_draft_is_thrown_away_with_a_reason_counts_nowhere_and_stays_to_be_read() {
    let world = World::start().await;
    let (browser, sam) = (world.browser("key worker").await, world.browser("alder lead").await);
    begin(&browser).await;
    assert_eq!(fill(&browser, "aims", &[("answer-aims", "Keep up with science")]).await.status(), DONE);
    let open = sam.page(&address("/plan")).await;
    let refused = fill(&browser, "discard", &[("reason", "wrong")]).await;
    assert_eq!(refused.status(), WRONG, "a word is no reason");
    assert_eq!(fill(&browser, "discard", &[("reason", "It was begun for the wrong pupil")]).await.status(), DONE);
    assert_eq!(world.state.store.plans_of(ids::ADA_PLACEMENT.0).await.unwrap(), []);
    let page = browser.page(&address("/plan")).await;
    assert!(page.contains("There is no plan yet.") && page.contains("Begin a plan"), "{page}");
    assert!(
        page.contains("A draft was thrown away on 23 November 2026 by Ms key-worker: It was begun for the wrong pupil"),
        "{page}"
    );
    let history = page.split("/plan/history?plan=").nth(1).unwrap().split('"').next().unwrap();
    let history = browser.page(&address(&format!("/plan/history?plan={history}"))).await;
    assert!(history.contains("Keep up with science") && history.contains("Why it was thrown away"), "{history}");
    let audit = world.state.store.audit_of(ids::ADA, 100).await.unwrap();
    assert!(audit.iter().any(|row| row.action == "discard plan" && row.actor_id == Some(ids::KEY_WORKER)));
    // Nowhere does it count, and nobody is asked for anything by it.
    let all = world.browser("coordinator").await.page("/plans").await;
    assert_eq!(told(&all, "With a plan"), "0 of 2 pupils");
    assert!(browser.page(&address("/due")).await.contains("There is no plan yet"));
    assert!(browser.page(&address("/glide")).await.contains("There is no plan yet"));
    // Whoever had it open loses nothing of what they typed.
    let (plan_id, revision) = (hidden(&open, "plan"), hidden(&open, "revision"));
    let late = [("plan", plan_id.as_str()), ("revision", revision.as_str()), ("answer-aims", "Typed by the second")];
    let late = sam.post(&address("/plan/aims"), &late).await;
    assert_eq!(late.status(), StatusCode::CONFLICT);
    assert!(late.text().await.unwrap().contains("Typed by the second"));
    // Another one begins, and is not referred again.
    begin(&browser).await;
    assert_eq!(*plan(&world).await.state(), PlanState::Draft);
    assert!(!world.browser("coordinator").await.page("/plans").await.contains("Referred again</span>"));
    let other = world.browser("other key worker").await;
    assert_eq!(other.get(&address(&format!("/plan/history?plan={plan_id}"))).await.status(), StatusCode::NOT_FOUND);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_h4_h24_ticks_and_barriers_of_the_second_of_two_writers_are_drawn_again_beside_the_firsts() {
    let (world, jo) = opened().await;
    let sam = world.browser("alder lead").await;
    let first = [("code-0", "health"), ("why-0", "Mornings"), ("needed-0", "A later start"), ("weeks-0", "4")];
    assert_eq!(fill(&jo, "barriers", &first).await.status(), DONE);
    assert_eq!(fill(&jo, "list", &[("list", "start-gate"), ("item-clear-plan", "on")]).await.status(), DONE);
    let open = sam.page(&address("/plan")).await;
    let (plan_id, revision) = (hidden(&open, "plan"), hidden(&open, "revision"));
    let send = async |part: &str, fields: &[(&str, &str)]| {
        let mut all = vec![("plan", plan_id.as_str()), ("revision", revision.as_str())];
        all.extend_from_slice(fields);
        sam.post(&address(&format!("/plan/{part}")), &all).await
    };
    // The first ticks one item, takes another back; the second, on the old page, ticks a third.
    let ticks = [("list", "start-gate"), ("item-adjustments", "on")];
    assert_eq!(fill(&jo, "list", &ticks).await.status(), DONE);
    let answer = send("list", &[("list", "start-gate"), ("item-clear-plan", "on"), ("item-welcome", "on")]).await;
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    let page = answer.text().await.unwrap();
    let ticked = |item: &str| page.contains(&format!("name=\"item-{item}\" checked"));
    assert!(ticked("welcome"), "what the second ticked is still ticked: {page}");
    assert!(ticked("adjustments"), "and what the first did: {page}");
    assert!(!ticked("clear-plan"), "nor is what the first took back put back: {page}");
    assert!(
        page.contains("Ms key-worker ticked this while you wrote.") && page.contains("Ms key-worker took this tick away"),
        "{page}"
    );
    // Both change the first line and add a second one.
    let theirs = [
        ("code-0", "health"),
        ("why-0", "Mornings and stairs"),
        ("needed-0", "A later start"),
        ("weeks-0", "4"),
        ("code-1", "parent-worry"),
        ("why-1", "Who notices?"),
        ("needed-1", "A buddy"),
        ("weeks-1", "2"),
    ];
    assert_eq!(fill(&jo, "barriers", &theirs).await.status(), DONE);
    let mine = [
        ("code-0", "health"),
        ("why-0", "Mornings"),
        ("needed-0", "A later start"),
        ("weeks-0", "4"),
        ("code-1", "seeks-provider"),
        ("why-1", "Friends are there"),
        ("needed-1", "A visit"),
        ("weeks-1", "3"),
    ];
    let answer = send("barriers", &mine).await;
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    let page = answer.text().await.unwrap();
    for text in [">Mornings and stairs</textarea>", ">Friends are there</textarea>", ">Who notices?</textarea>"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(!page.contains(">Mornings</textarea>"), "a line that only the first changed is as the first left it: {page}");
    assert!(page.contains("Keep both, or empty one."), "{page}");
    assert_eq!(plan(&world).await.barriers().len(), 2, "nothing is saved yet");
    // Both are kept.
    let (again, now) = (hidden(&page, "plan"), hidden(&page, "revision"));
    let both = [
        ("plan", again.as_str()),
        ("revision", now.as_str()),
        ("code-0", "health"),
        ("why-0", "Mornings and stairs"),
        ("needed-0", "A later start"),
        ("weeks-0", "4"),
        ("code-1", "seeks-provider"),
        ("why-1", "Friends are there"),
        ("needed-1", "A visit"),
        ("weeks-1", "3"),
        ("code-2", "parent-worry"),
        ("why-2", "Who notices?"),
        ("needed-2", "A buddy"),
        ("weeks-2", "2"),
    ];
    assert_eq!(sam.post(&address("/plan/barriers"), &both).await.status(), DONE);
    assert_eq!(plan(&world).await.barriers().iter().map(|one| one.weeks).collect::<Vec<_>>(), [4, 3, 2]);
    world.stop().await;
}
