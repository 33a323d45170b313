//! What is due in one case: counted in the school's days, each with its arithmetic.

use reqwest::StatusCode;
use server::demo::ids;
use server_core::policy::Event;

use crate::harness::World;

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
    let say = async |event: &str, day: &str| browser.post(&due(), &[("event", event), ("day", day)]).await.status();
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
    assert_eq!(audit.iter().filter(|row| row.action == "say event").count(), 2);
    world.stop().await;
}
