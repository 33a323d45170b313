//! What a group's return costs, as an authority's coordinator enters and reads it.

use reqwest::StatusCode;

use crate::harness::World;

fn paper(revision: &str) -> Vec<(String, String)> {
    let mut all = vec![("revision".to_owned(), revision.to_owned()), ("weeks".to_owned(), "9".to_owned())];
    let lines = [
        ("Burton", "£19,500", "1", "1", "£4,600"),
        ("Burton", "£19,500", "2", "2", "£4,600"),
        ("Burton", "£19,500", "2", "2", "£4,600"),
        ("Apricot", "£51,000", "1", "1", "£4,600"),
        ("OnTrack", "£51,000", "1", "1", "£3,300"),
        ("OnTrack", "£51,000", "1", "1", "£3,300"),
    ];
    for (n, (setting, current, adults, pupils, mainstream)) in (1..).zip(lines) {
        for (name, value) in [
            ("setting", setting),
            ("current", current),
            ("adults", adults),
            ("pupils", pupils),
            ("transition", "£3,645"),
            ("mainstream", mainstream),
        ] {
            all.push((format!("{name}-{n}"), value.to_owned()));
        }
    }
    all
}

fn fields(all: &[(String, String)]) -> Vec<(&str, &str)> {
    all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn r_6_r_7_r_8_the_papers_table_is_reproduced_and_a_saving_is_said_with_its_condition() {
    let world = World::start().await;
    let browser = world.browser("coordinator").await;
    assert!(browser.page("/costs").await.contains("There is no table yet."));
    let table = paper("0");
    assert_eq!(browser.post("/costs", &fields(&table)).await.status(), StatusCode::SEE_OTHER);
    let page = browser.page("/costs").await;
    for sum in ["£211,500", "£21,870", "£25,000", "£164,630 if sustained", "£405"] {
        assert!(page.contains(sum), "{sum}: {page}");
    }
    assert_eq!(page.matches("£164,630").count(), page.matches("£164,630 if sustained").count());
    // Somebody who saves an older form chooses; a slip is refused with what was typed.
    let again = browser.post("/costs", &fields(&table)).await;
    assert_eq!(again.status(), StatusCode::CONFLICT);
    let mut slip = paper("1");
    slip[2 + 1].1 = "21,87".to_owned();
    let refused = browser.post("/costs", &fields(&slip)).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = refused.text().await.unwrap();
    assert!(page.contains("Line 1: write an amount such as") && page.contains("value=\"21,87\""), "{page}");
    world.stop().await;
}
