//! What is due in one case: counted in the school's days, each with its arithmetic.

use reqwest::StatusCode;
use server::demo::ids;
use server_core::policy::Event;

use crate::harness::{World, hidden};

fn due() -> String {
    format!("/pupils/{}/due", ids::ADA)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_waits_until_its_event_has_a_day_and_then_shows_how_it_is_counted() {
    let world = World::start().await;
    let browser = world.browser("key worker").await;
    assert!(browser.page(&due()).await.contains("There is no plan yet"), "no policy, no limits");
    let begin = [("policy", "havering"), ("route", "medical"), ("length", "phased-return"), ("goal", "home-school")];
    assert_eq!(browser.post(&format!("/pupils/{}/plan", ids::ADA), &begin).await.status(), StatusCode::SEE_OTHER);
    let page = browser.page(&due()).await;
    let waiting = page.split("Without a day yet").nth(1).unwrap();
    assert!(waiting.contains("Planning meeting held"), "{waiting}");
    let say = async |event: &str, day: &str| browser.save(&due(), &[("event", event), ("day", day)]).await.status();
    assert_eq!(say("panel-hearing", "2026-11-05").await, StatusCode::SEE_OTHER);
    let page = browser.page(&due()).await;
    let open = page.split("Without a day yet").next().unwrap();
    assert!(open.contains("Planning meeting held") && open.contains("10 school days"), "{open}");
    assert!(open.contains("Was due"), "it is 23 November");
    // It is the key worker's to do, and not the school lead's.
    let mine = browser.page("/due").await;
    assert!(mine.contains("Planning meeting held") && mine.contains(&due()), "{mine}");
    let lead = world.browser("alder lead").await;
    assert!(lead.page("/due").await.contains("Nothing of yours has a day."));
    // What is agreed for a day to come is to do until then.
    assert_eq!(say("provider-start", "2026-11-02").await, StatusCode::SEE_OTHER);
    assert_eq!(say("four-week-review", "2026-12-04").await, StatusCode::SEE_OTHER);
    let page = browser.page(&due()).await;
    let is_done = |page: &str| page.split("id=\"dn\"").nth(1).is_some_and(|done| done.contains("Four-week review"));
    assert!(!is_done(&page), "{page}");
    assert_eq!(say("four-week-review", "2026-11-20").await, StatusCode::SEE_OTHER);
    assert!(is_done(&browser.page(&due()).await));
    // The plan itself tells another first day: it counts, as the last word, until somebody says otherwise.
    let plan = format!("/pupils/{}/plan", ids::ADA);
    let page = browser.page(&plan).await;
    let (id, revision) = (hidden(&page, "plan"), hidden(&page, "revision"));
    let told = [("plan", id.as_str()), ("revision", &revision), ("answer-provider-start", "2026-11-09")];
    assert_eq!(browser.post(&format!("{plan}/head"), &told).await.status(), StatusCode::SEE_OTHER);
    let day = |page: &str, day: &str| page.contains(&format!("name=\"day\" value=\"{day}\""));
    let page = browser.page(&due()).await;
    assert!(day(&page, "2026-11-09") && page.contains("As the plan says.") && !day(&page, "2026-11-02"), "{page}");
    assert_eq!(say("provider-start", "2026-11-10").await, StatusCode::SEE_OTHER);
    let page = browser.page(&due()).await;
    assert!(day(&page, "2026-11-10") && page.contains("The plan says 9 November 2026. The day here counts instead"), "{page}");
    // Taken back, it waits again.
    assert_eq!(say("panel-hearing", "").await, StatusCode::SEE_OTHER);
    let page = browser.page(&due()).await;
    assert!(page.split("Without a day yet").nth(1).unwrap().contains("Planning meeting held"));
    for (event, day) in [("panel-hearing", "yesterday"), ("success-agreed", "2026-11-05"), ("", "2026-11-05")] {
        assert_eq!(say(event, day).await, StatusCode::UNPROCESSABLE_ENTITY, "{event} {day}");
    }
    let said = world.state.store.case_rows(ids::ADA_PLACEMENT.0).await.unwrap().events;
    assert!(!said.contains_key(&Event::PanelHearing) && !said.contains_key(&Event::SuccessAgreed));
    let audit = world.state.store.audit_of(ids::ADA, 100).await.unwrap();
    assert_eq!(audit.iter().filter(|row| row.action == "say event").count(), 7);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_d6_imported_days_of_sickness_are_counted_for_information() {
    let world = World::start().await;
    let browser = world.browser("key worker").await;
    begun(&browser).await;
    let (_, waiting) = sick_days(&world, 1..=14).await;
    assert!(waiting.contains("20 of 30"), "ten school days from 1 to 14 September: {waiting}");
    let (open, _) = sick_days(&world, 15..=21).await;
    assert!(open.contains("30 half-days of imported marks, two a day, is 15 school days."), "{open}");
    assert!(open.contains("Good to know"), "{open}");
    world.stop().await;
}

/// Brings in that Ada was ill on these days of September. What the page says is to do, and what it says has no day yet.
async fn sick_days(world: &World, days: std::ops::RangeInclusive<u32>) -> (String, String) {
    let mut file = String::from("UPN,Date,AM,PM\n");
    for day in days.filter(|day| !matches!(day % 7, 5 | 6)) {
        file.push_str(&format!("M801226012001,{day:02}/09/2026,I,I\n"));
    }
    let school = ids::ALDER_ROAD.to_string();
    let fields = [("school", school.as_str()), ("system", "arbor"), ("file", file.as_str())];
    assert_eq!(world.browser("alder lead").await.post("/register", &fields).await.status(), StatusCode::OK);
    let page = world.browser("key worker").await.page(&due()).await;
    let (open, waiting) = page.split_once("Without a day yet").unwrap();
    (open.to_owned(), waiting.to_owned())
}

async fn begun(browser: &crate::harness::Browser) {
    let begin = [("policy", "havering"), ("route", "medical"), ("length", "phased-return"), ("goal", "home-school")];
    assert_eq!(browser.post(&format!("/pupils/{}/plan", ids::ADA), &begin).await.status(), StatusCode::SEE_OTHER);
    let said = [("event", "panel-hearing"), ("day", "2026-11-12")];
    assert_eq!(browser.post(&due(), &said).await.status(), StatusCode::SEE_OTHER);
}

/// The path of the feed's address on the page that made it.
fn feed_path(page: &str) -> String {
    let start = page.find("/feeds/").expect("the address is shown");
    page[start..].split('"').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn r_h14_a_calendar_reads_what_is_due_without_a_name_and_without_signing_in_until_the_feed_is_switched_off() {
    let world = World::start().await;
    let browser = world.browser("key worker").await;
    begun(&browser).await;
    assert!(browser.page("/due").await.contains("No calendar reads this list."));
    let made = browser.post("/due/feed", &[]).await;
    assert_eq!(made.status(), StatusCode::OK);
    let path = feed_path(&made.text().await.unwrap());
    assert!(!browser.page("/due").await.contains("/feeds/"), "the address is shown once");
    let calendar = world.nobody();
    let answer = calendar.get(&path).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/calendar"));
    let text = answer.text().await.unwrap().replace("\r\n ", "");
    assert!(text.starts_with("BEGIN:VCALENDAR\r\n") && text.ends_with("END:VCALENDAR\r\n"), "{text}");
    // Ten school days after 12 November is 26 November.
    let event = text.split("BEGIN:VEVENT").find(|event| event.contains("SUMMARY:Planning meeting held")).expect("it is due");
    assert!(event.contains("DTSTART;VALUE=DATE:20261126"), "{event}");
    for secret in ["Ada", "Ms key-worker", "Alder", "Larkfield", "M801226012001", "Robin"] {
        assert!(!text.contains(secret), "the feed says {secret}");
    }
    assert!(browser.page("/due").await.contains("Last read: 23 Nov."));
    // A new address ends the old one; switched off, none works.
    let second = feed_path(&browser.post("/due/feed", &[]).await.text().await.unwrap());
    assert_ne!(second, path);
    assert_eq!(calendar.get(&path).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(calendar.get(&second).await.status(), StatusCode::OK);
    assert_eq!(browser.post("/due/feed/off", &[]).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(calendar.get(&second).await.status(), StatusCode::NOT_FOUND);
    let audit = world.state.store.audit_of(ids::KEY_WORKER, 100).await.unwrap();
    let count = |action: &str| audit.iter().filter(|row| row.action == action).count();
    assert_eq!(count("make calendar feed"), 2);
    assert_eq!(count("calendar feed is read"), 2, "once a day and address");
    assert_eq!(count("switch calendar feed off"), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_ends_with_the_account_and_shows_no_more_than_its_person_may_read() {
    let world = World::start().await;
    let (key_worker, lead) = (world.browser("key worker").await, world.browser("alder lead").await);
    begun(&key_worker).await;
    let of_lead = feed_path(&lead.post("/due/feed", &[]).await.text().await.unwrap());
    let text = world.nobody().get(&of_lead).await.text().await.unwrap();
    assert!(!text.contains("BEGIN:VEVENT"), "nothing is the lead's to do: {text}");
    world.state.store.disable_staff(ids::ALDER_LEAD, world.now()).await.unwrap();
    assert_eq!(world.nobody().get(&of_lead).await.status(), StatusCode::NOT_FOUND);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_h1_a_limit_is_set_aside_only_with_a_reason_and_kept_on_a_day_that_has_come() {
    let world = World::start().await;
    let browser = world.browser("key worker").await;
    begun(&browser).await;
    let word = async |fields: &[(&str, &str)]| {
        let mut all = vec![("rule", "planning-meeting"), ("week", "")];
        all.extend_from_slice(fields);
        browser.save_seen(&format!("{}/word", due()), &browser.page(&due()).await, &all).await.status()
    };
    assert_eq!(word(&[("what", "day"), ("day", "2026-12-04")]).await, StatusCode::UNPROCESSABLE_ENTITY, "no reason");
    assert_eq!(word(&[("what", "kept"), ("day", "2026-12-04")]).await, StatusCode::UNPROCESSABLE_ENTITY, "to come");
    let refused =
        [("rule", "planning-meeting"), ("week", ""), ("what", "kept"), ("day", "2026-12-04"), ("reason", "On the ward")];
    let page = browser.post(&format!("{}/word", due()), &refused).await.text().await.unwrap();
    assert!(page.contains("value=\"On the ward\"") && page.contains("value=\"2026-12-04\""), "what was typed stays: {page}");
    let why = ("reason", "The ward is closed to visitors until then");
    assert_eq!(word(&[("what", "day"), ("day", "2026-12-04"), why]).await, StatusCode::SEE_OTHER);
    let page = browser.page(&due()).await;
    assert!(page.contains("By Friday 4 December") && page.contains("Not as the policy says it: The ward is closed"), "{page}");
    assert_eq!(word(&[("what", "kept"), ("day", "2026-11-20")]).await, StatusCode::SEE_OTHER);
    let page = browser.page(&due()).await;
    assert!(page.split("id=\"dn\"").nth(1).unwrap().contains("Planning meeting held"), "{page}");
    // A slip is taken back, and what does not apply is still told, with its reason.
    assert_eq!(word(&[("what", "not-kept")]).await, StatusCode::SEE_OTHER);
    assert!(!browser.page(&due()).await.contains("id=\"dn\""));
    let why = ("reason", "Both schools met before the panel");
    assert_eq!(word(&[("what", "not"), why]).await, StatusCode::SEE_OTHER);
    let page = browser.page(&due()).await;
    let aside = page.split("id=\"sa\"").nth(1).unwrap().split("</section>").next().unwrap();
    assert!(aside.contains("Planning meeting held") && aside.contains("Both schools met before the panel"), "{aside}");
    // It applies after all: as the policy says it, and everything that was said stays to be read.
    assert_eq!(word(&[("what", "applies")]).await, StatusCode::SEE_OTHER);
    let page = browser.page(&due()).await;
    assert!(!page.contains("id=\"sa\"") && page.contains("By Thursday 26 November"), "{page}");
    let said = page.split("id=\"hs\"").nth(1).unwrap();
    for line in [
        "Planning meeting held: as the policy says again. (Ms key-worker, 23 November 2026)",
        "Planning meeting held: does not apply here. Both schools met before the panel. (Ms key-worker, 23 November 2026)",
        "Planning meeting held: not done after all. (Ms key-worker, 23 November 2026)",
        "Planning meeting held: by 4 December 2026 here. The ward is closed to visitors until then.",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert_eq!(word(&[("what", "applies")]).await, StatusCode::UNPROCESSABLE_ENTITY, "it holds already");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_h1_a_contact_that_is_kept_otherwise_is_asked_for_again_when_that_is_taken_back() {
    let world = World::start().await;
    let browser = world.browser("key worker").await;
    begun(&browser).await;
    let instead = async |fields: &[(&str, &str)]| {
        let mut all = vec![("rule", "parent"), ("period", "1")];
        all.extend_from_slice(fields);
        let contacts = format!("/pupils/{}/contacts", ids::ADA);
        browser.save_seen(&format!("{contacts}/instead"), &browser.page(&contacts).await, &all).await.status()
    };
    let is_owed = async || browser.page("/due").await.contains("A parent is heard");
    assert!(is_owed().await);
    assert_eq!(instead(&[("what", "applies")]).await, StatusCode::UNPROCESSABLE_ENTITY, "nothing else was said");
    assert_eq!(instead(&[("what", "not"), ("reason", "They live with their aunt")]).await, StatusCode::SEE_OTHER);
    assert!(!is_owed().await);
    assert_eq!(instead(&[("what", "applies")]).await, StatusCode::SEE_OTHER);
    assert!(is_owed().await);
    assert!(!browser.page(&format!("/pupils/{}/contacts", ids::ADA)).await.contains("They live with their aunt"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_h1_only_days_are_asked_for_that_the_policy_counts() {
    for (policy, asked, not) in [
        ("havering", &["Panel hearing", "Stage 1 complete", "Four-week review", "Panel told"][..], &[][..]),
        ("plain", &[], &["Panel hearing", "Stage 1 complete", "Four-week review", "Panel told"]),
    ] {
        let world = World::start().await;
        let browser = world.browser("key worker").await;
        let length = if policy == "plain" { "short" } else { "phased-return" };
        let begin = [("policy", policy), ("route", "medical"), ("length", length), ("goal", "home-school")];
        assert_eq!(browser.post(&format!("/pupils/{}/plan", ids::ADA), &begin).await.status(), StatusCode::SEE_OTHER);
        let page = browser.page(&due()).await;
        let is_asked = |words: &str| page.contains(&format!(">{words}<"));
        for words in asked.iter().chain(&["Start at the provider", "Start at the school"]) {
            assert!(is_asked(words), "{policy}: {words} in {page}");
        }
        for words in not {
            assert!(!is_asked(words), "{policy}: {words} in {page}");
        }
        let say = async |event: &str| browser.post(&due(), &[("event", event), ("day", "2026-11-05")]).await.status();
        assert_eq!(say("provider-start").await, StatusCode::SEE_OTHER, "{policy}");
        let counts = if not.is_empty() { StatusCode::SEE_OTHER } else { StatusCode::UNPROCESSABLE_ENTITY };
        for event in ["panel-hearing", "stage-1", "four-week-review", "panel-told"] {
            assert_eq!(say(event).await, counts, "{policy}: {event}");
        }
        world.stop().await;
    }
}
