//! What is due besides the limits of a policy, and what is late or nobody's over many cases.

use reqwest::StatusCode;
use server::demo::ids;
use server_core::deadline::{Arithmetic, Due, Way};
use server_core::party::Party;
use server_core::policy::{Binding, CalendarOf, Code, Unit};
use store::due::{CaseDue, CaseMark};

use crate::harness::{Browser, World, hidden};

const DONE: StatusCode = StatusCode::SEE_OTHER;
const WRONG: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

fn address(rest: &str) -> String {
    format!("/pupils/{}{rest}", ids::ADA)
}

async fn begun(browser: &Browser) {
    let begin = [("policy", "havering"), ("route", "medical"), ("length", "phased-return"), ("goal", "home-school")];
    assert_eq!(browser.post(&address("/plan"), &begin).await.status(), DONE);
}

async fn goal(browser: &Browser) {
    let goal = [
        ("what", "new"),
        ("family", "relationships"),
        ("words", "Lunch with Grace every Monday"),
        ("author-pupil", "on"),
        ("review", "2026-11-20"),
    ];
    assert_eq!(browser.post(&address("/goals"), &goal).await.status(), DONE);
}

/// The item of a list with that title.
fn item<'a>(page: &'a str, title: &str) -> Option<&'a str> {
    page.split("<li>").find(|item| item.contains(&format!("<b>{title}</b>")))
}

#[tokio::test(flavor = "multi_thread")]
async fn r_a13_d4_h19_l5_a23_what_people_chose_and_what_is_owed_is_due_in_the_case_for_the_person_and_in_their_calendar() {
    let world = World::start().await;
    let browser = world.browser("key worker").await;
    begun(&browser).await;
    goal(&browser).await;
    let named = [("what", "name"), ("name", "Mr Q."), ("reach", ""), ("party", "parent")];
    assert_eq!(browser.post(&address("/people"), &named).await.status(), DONE);
    let parties = world.state.store.parties(ids::ADA_PLACEMENT.0).await.unwrap();
    let parent = parties.iter().find(|row| row.party == Party::Parent).unwrap().person.0.to_string();
    let part_time = [
        ("from", "2026-11-09"),
        ("until", "2026-12-18"),
        ("reason-health", "on"),
        ("agreed", parent.as_str()),
        ("review-0", "2026-11-20"),
        ("review-1", "2026-12-08"),
    ];
    assert_eq!(browser.post(&address("/part-time"), &part_time).await.status(), DONE);
    let breakdown = [("what-for", "write"), ("on", "2026-11-20"), ("what", "At the gate"), ("kind-threats", "on")];
    assert_eq!(browser.post(&address("/breakdown"), &breakdown).await.status(), DONE);

    let titles = [
        "Look at a goal again",
        "Look at the part-time arrangement",
        "A word is owed to a parent or carer",
        "Home school and pupil speak",
        "A parent is heard",
        "Is the robot still used?",
    ];
    let made = browser.post("/due/feed", &[]).await.text().await.unwrap();
    let feed = made[made.find("/feeds/").unwrap()..].split('"').next().unwrap();
    let calendar = async || world.nobody().get(feed).await.text().await.unwrap().replace("\r\n ", "");
    for page in [browser.page(&address("/due")).await, browser.page("/due").await] {
        for title in titles {
            assert!(item(&page, title).is_some_and(|item| item.contains("Due by ")), "{title} with its arithmetic: {page}");
        }
        assert!(item(&page, titles[0]).unwrap().contains("this day was chosen with the goal"), "{page}");
        assert!(item(&page, titles[0]).unwrap().contains(&address("/goals")), "where it is done: {page}");
        assert!(item(&page, titles[3]).unwrap().contains("such times, one after the other"), "{page}");
    }
    let text = calendar().await;
    for title in titles {
        assert!(text.contains(&format!("SUMMARY:{}: ", title.replace(',', "\\,"))), "{title}: {text}");
    }
    for secret in ["Ada", "Grace", "Mr Q", "gate", "Alder", "Ms key-worker"] {
        assert!(!text.contains(secret), "the feed says {secret}");
    }

    // The day of the goal is over until somebody looked at it and says when they look next.
    let page = browser.page(&address("/goals")).await;
    let (id, revision) = (hidden(&page, "goal"), hidden(&page, "revision"));
    let look = |day| [("what", "look"), ("goal", id.as_str()), ("revision", revision.as_str()), ("review", day)];
    for wrong in ["", "2026-11-23"] {
        assert_eq!(browser.post(&address("/goals"), &look(wrong)).await.status(), WRONG, "a day to come: {wrong}");
    }
    assert_eq!(browser.post(&address("/goals"), &look("2026-12-11")).await.status(), DONE);
    assert!(item(&browser.page("/due").await, titles[0]).unwrap().contains("By Friday 11 December"));

    // What somebody does on a day is said here, and taken back; it is no limit that could be set aside.
    let word = async |what: &str, day: &str| {
        let fields =
            [("rule", "part-time-look-2026-11-20"), ("week", ""), ("what", what), ("day", day), ("reason", "So it is")];
        browser.save_seen(&address("/due/word"), &browser.page(&address("/due")).await, &fields).await.status()
    };
    assert_eq!(word("not", "").await, WRONG);
    assert_eq!(word("kept", "2026-11-24").await, WRONG, "to come");
    assert_eq!(word("kept", "2026-11-23").await, DONE);
    let page = browser.page(&address("/due")).await;
    assert!(page.split("id=\"dn\"").nth(1).unwrap().contains("Look at the part-time arrangement"), "{page}");
    assert!(item(&browser.page("/due").await, titles[1]).unwrap().contains("By Tuesday 8 December"), "the next look");
    assert_eq!(word("not-kept", "").await, DONE);
    assert!(item(&browser.page("/due").await, titles[1]).unwrap().contains("By Friday 20 November"));

    let page = browser.page(&address("/breakdown")).await;
    let id = hidden(&page, "breakdown");
    let told = [("what-for", "told"), ("breakdown", id.as_str()), ("party", "parent")];
    assert_eq!(browser.post(&address("/breakdown"), &told).await.status(), DONE);
    let call = [
        ("on", "2026-11-23"),
        ("by", "call"),
        ("with-pupil", "on"),
        ("with-home-school", "on"),
        ("with-parent", "on"),
        ("found", "in-use"),
    ];
    assert_eq!(browser.post(&address("/contacts"), &call).await.status(), DONE);
    let (page, text) = (browser.page("/due").await, calendar().await);
    for title in &titles[2..] {
        assert!(item(&page, title).is_none() && !text.contains(&format!("SUMMARY:{title}")), "{title} is done: {page}");
    }
    assert!(item(&page, "A word is owed to the home school").is_some(), "{page}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_chose_is_due_without_a_plan_too() {
    let world = World::start().await;
    let browser = world.browser("key worker").await;
    goal(&browser).await;
    let page = browser.page(&address("/due")).await;
    assert!(page.contains("There is no plan yet") && item(&page, "Look at a goal again").is_some(), "{page}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_a5_a13_who_answers_for_cases_sees_what_is_late_and_what_nobody_has_and_who_should_take_it() {
    let world = World::start().await;
    let (coordinator, worker) = (world.browser("coordinator").await, world.browser("key worker").await);
    let empty = coordinator.page("/due").await;
    assert!(empty.contains("Nothing of others is late, and everything has somebody."), "{empty}");
    begun(&worker).await;
    let said = [("event", "panel-hearing"), ("day", "2026-11-05")];
    assert_eq!(worker.post(&address("/due"), &said).await.status(), DONE);
    for who in ["coordinator", "alder lead"] {
        for path in ["/due", "/due/cases"] {
            let page = world.browser(who).await.page(path).await;
            let late = item(&page, "Planning meeting held").unwrap_or_else(|| panic!("{who} {path}: {page}"));
            assert!(late.contains("Ada Q.") && late.contains("Was due") && late.contains("With Ms key-worker."), "{late}");
            assert!(late.contains("10 school days"), "with its arithmetic: {late}");
            let nobodys = item(&page, "Provider staff work with the pupil at school as the placement begins").unwrap();
            assert!(nobodys.contains("Nobody has this yet. To be taken by the provider"), "{nobodys}");
            assert_eq!(page.matches("<b>Planning meeting held</b>").count(), 1, "one row an item");
            assert_eq!(
                page.matches("<b>Home school and pupil speak</b>").count(),
                1,
                "and one for all missed weeks of a contact"
            );
        }
    }
    // One's own is in one's own list alone; another school's is nobody's business.
    assert_eq!(worker.page("/due").await.matches("<b>Planning meeting held</b>").count(), 1);
    assert!(item(&worker.page("/due/cases").await, "Planning meeting held").is_none());
    assert!(!world.browser("marsh lead").await.page("/due").await.contains("Ada"));
    let audit = world.state.store.audit(100).await.unwrap();
    assert!(audit.iter().any(|row| row.action == "list due" && row.actor_id == Some(ids::COORDINATOR)));
    // Somebody takes it.
    let give = [("what", "give"), ("email", "other.key.worker@fennshire.example"), ("party", "provider-lead")];
    assert_eq!(worker.post(&address("/people"), &give).await.status(), DONE);
    let title = "Provider staff work with the pupil at school as the placement begins";
    let page = coordinator.page("/due").await;
    assert!(item(&page, title).is_none_or(|item| item.contains("With Ms other-key-worker.")), "{page}");
    assert!(item(&world.browser("other key worker").await.page("/due").await, title).is_some());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_what_is_due_are_pages_of_rows_however_many_cases_there_are() {
    let world = World::start().await;
    let (coordinator, worker) = (world.browser("coordinator").await, world.browser("key worker").await);
    begun(&worker).await;
    worker.page("/due").await;
    let day = "2026-11-02".parse().unwrap();
    let one = |n: u16| Due {
        rule: Code::new("late").unwrap(),
        week: Some(n),
        title: format!("Row {n:03}"),
        row: "H-14".to_owned(),
        binding: Binding::Required,
        owners: vec![if n.is_multiple_of(2) { Party::KeyWorker } else { Party::Panel }],
        day,
        arithmetic: Arithmetic {
            from: None,
            unit: Unit::CalendarDays,
            calendar: CalendarOf::HomeSchool,
            count: None,
            sentence: "Due by then.".to_owned(),
        },
        way: Way::Said,
        done: None,
        overridden: None,
    };
    let mark = CaseMark { placement_id: ids::ADA_PLACEMENT.0, changed: 1_000_000 };
    let open = (0..120).map(|n| (one(n), n.is_multiple_of(2))).collect();
    let case = CaseDue { mark, holds_until: world.now().date_naive(), receiving: None, open };
    assert_eq!(world.state.store.write_cases(&[case]).await.unwrap(), 1);
    let rows = |page: &str| page.matches("<b>Row ").count();
    let page = coordinator.page("/due").await;
    assert_eq!(rows(&page), 25, "{page}");
    assert!(page.contains("/due/cases?page=2"), "{page}");
    let second = coordinator.page("/due/cases?page=2").await;
    assert_eq!(rows(&second), 25);
    assert!(!second.contains("<b>Row 000</b>") && second.contains("/due/cases?page=3"), "{second}");
    assert_eq!(rows(&coordinator.page("/due/cases?page=5").await), 20, "the last page");
    assert_eq!(rows(&coordinator.page("/due/cases?page=900").await), 0);
    // The key worker has every other one, on pages of their own, beside the first page of the others.
    let page = worker.page("/due").await;
    assert!(rows(&page) == 50 && page.contains("href=\"/due?page=2\""), "{page}");
    assert_eq!(worker.page("/due?page=3").await.split("id=\"ca\"").next().map(rows), Some(10));
    world.stop().await;
}
