//! What was changed around a pupil: who, when, from, to; and who does not read it.

use reqwest::StatusCode;
use server::demo::ids;

use crate::harness::{Browser, World};

const DONE: StatusCode = StatusCode::SEE_OTHER;
const STEP: &str = "With help";

fn address(rest: &str) -> String {
    format!("/pupils/{}{rest}", ids::ADA)
}

async fn send(browser: &Browser, page: &str, fields: &[(&str, &str)]) {
    assert_eq!(browser.save(&address(page), fields).await.status(), DONE, "{page} {fields:?}");
}

/// The cells of the rows about something: who, from, to.
pub fn told(page: &str, what: &str) -> Vec<[String; 3]> {
    let cell = |row: &str, label: &str| {
        let cell = row.split_once(&format!("data-l=\"{label}\">")).map_or("", |(_, rest)| rest.split("</td>").next().unwrap());
        cell.trim_start_matches("<span class=\"quiet\">").trim_end_matches("</span>").to_owned()
    };
    let rows = page.split("<tr>").filter(|row| cell(row, "What") == what);
    rows.map(|row| [cell(row, "Who"), cell(row, "From"), cell(row, "To")]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_beside_the_plan_is_read_with_who_when_from_and_to() {
    let world = World::start().await;
    server::demo::seed_record(&world.state.store, world.now()).await.unwrap();
    let (worker, coordinator) = (world.browser("key worker").await, world.browser("coordinator").await);
    // Days that limits are counted from.
    for day in ["2026-11-04", "2026-11-05", "2026-11-05"] {
        send(&worker, "/due", &[("event", "panel-hearing"), ("day", day)]).await;
    }
    // Details and the placement, which are written in their place.
    let details = [("what", "pupil"), ("name", "Ada Quill"), ("year", "9"), ("upn", "M801226012001"), ("born", "2013-03-02")];
    let details: Vec<_> = details.into_iter().chain([("local", "A-17")]).collect();
    send(&coordinator, "/placement", &details).await;
    send(&coordinator, "/placement", &[("what", "days"), ("until", "2027-01-29"), ("key-worker", "")]).await;
    send(&coordinator, "/placement", &[("what", "take")]).await;
    let worker_id = ids::KEY_WORKER.to_string();
    send(&coordinator, "/placement", &[("what", "days"), ("until", "2027-01-29"), ("key-worker", &worker_id)]).await;
    // Sheets: where the pupil is, and what helps.
    for place in ["home", "hospital"] {
        send(&worker, "/register", &[("place", place), ("from", "2026-11-02")]).await;
    }
    let revision = worker.page(&address("/growth/profile")).await;
    let revision = revision.split_once("name=\"revision\" value=\"").unwrap().1.split('"').next().unwrap().to_owned();
    let line = [("revision", revision.as_str()), ("strength-0", "Draws <everything>"), ("share-strength-0", "on")];
    send(&worker, "/growth/profile", &line).await;

    let page = coordinator.page(&address("/changes")).await;
    let own = |side: [&str; 3]| side.map(str::to_owned);
    assert_eq!(told(&page, "Panel hearing")[0], own(["Ms key-worker", "4 November 2026", "5 November 2026"]), "{page}");
    assert_eq!(told(&page, "Panel hearing").iter().filter(|row| row[2] == "5 November 2026").count(), 1, "said twice: {page}");
    assert_eq!(told(&page, "Name of the pupil"), [own(["Ms coordinator", "Ada Q.", "Ada Quill"])], "{page}");
    assert_eq!(told(&page, "Date of birth")[0][2], "2 March 2013", "{page}");
    assert_eq!(told(&page, "The school’s own number"), [own(["Ms coordinator", "nothing", "A-17"])], "{page}");
    assert_eq!(told(&page, "Year group"), Vec::<[String; 3]>::new(), "what stayed is no change");
    assert_eq!(told(&page, "Last day of the placement")[0][2], "29 January 2027", "{page}");
    let keys = told(&page, "Key worker of the placement");
    assert_eq!(keys[0], own(["Ms coordinator", "nothing", "Ms key-worker"]), "{page}");
    assert_eq!(keys[1], own(["Ms coordinator", "Ms key-worker", "nothing"]), "{page}");
    assert_eq!(told(&page, "Robot"), [own(["Ms coordinator", "Robin", "nothing"])], "{page}");
    let ended = told(&page, "Part in the case, the key worker");
    assert!(ended.iter().any(|row| row[2].contains("Ms key-worker") && row[2].ends_with("until 23 November 2026")), "{page}");
    let place = told(&page, "Where the pupil is during lessons by robot");
    assert_eq!(place[0][1..], own(["", "At home, from 2 November 2026", "In hospital, from 2 November 2026"])[1..], "{page}");
    assert!(!page.contains(&ids::KEY_WORKER.to_string()), "names, not ids: {page}");
    assert!(page.contains("23 November 2026, 09:20"), "{page}");

    // What was said before the last fifty entries is on further pages, each entry once.
    let mut all = page.clone();
    let mut next = page.split_once("rel=\"next\"").map(|_| 2);
    while let Some(n) = next {
        let page = coordinator.page(&address(&format!("/changes?page={n}"))).await;
        all.push_str(&page);
        next = page.contains("rel=\"next\"").then_some(n + 1);
        assert!(n < 20, "pages end");
    }
    assert!(told(&all, "Panel hearing").len() >= 2, "the demonstration's own days are there too");
    assert!(told(&all, "Part-time arrangement: last day").iter().all(|row| row[1] == "nothing"), "{all}");
    world.stop().await;
}

/// Report: how somebody is reached, half-days that people say and words about limits had no "from", or no entry.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_limits_of_half_days_and_of_reaching_somebody_has_who_from_and_to() {
    let world = World::start().await;
    let worker = world.browser("key worker").await;
    let begin = [("policy", "havering"), ("route", "medical"), ("length", "phased-return"), ("goal", "home-school")];
    assert_eq!(worker.post(&address("/plan"), &begin).await.status(), DONE);
    let named = [("what", "name"), ("name", "Mr V."), ("reach", "By text"), ("party", "parent")];
    assert_eq!(worker.post(&address("/people"), &named).await.status(), DONE);
    let person = world.state.store.persons_of(ids::ADA).await.unwrap()[0].person_id.to_string();
    send(&worker, "/people", &[("what", "reach"), ("person", &person), ("reach", "By <post>")]).await;
    send(&worker, "/due", &[("event", "provider-start"), ("day", "2026-11-02")]).await;
    let own_id = ids::KEY_WORKER.to_string();
    for (who, word) in [(&person, "there"), (&own_id, "not"), (&own_id, "unknown")] {
        assert_eq!(
            worker.save(&address("/glide"), &[("day", "2026-11-17"), ("by", who), ("am", word)]).await.status(),
            DONE,
            "{word}"
        );
    }
    let words = [
        [("what", "day"), ("day", "2026-12-04"), ("reason", "The ward is closed")],
        [("what", "not"), ("day", ""), ("reason", "Both schools met")],
        [("what", "kept"), ("day", "2026-11-20"), ("reason", "")],
    ];
    for word in words {
        let limit = [("rule", "planning-meeting"), ("week", "")];
        let page = worker.page(&address("/due")).await;
        let saved = worker.save_seen(&address("/due/word"), &page, &[&limit[..], &word].concat()).await;
        assert_eq!(saved.status(), DONE, "{word:?}");
    }
    let lead = world.browser("alder lead").await;
    let page = lead.page(&address("/changes")).await;
    let rows = |what: &str, all: &[[&str; 2]]| {
        let expected: Vec<_> = all.iter().map(|[from, to]| ["Ms key-worker", from, to].map(str::to_owned)).collect();
        assert_eq!(told(&page, what), expected, "{page}");
    };
    rows("How to reach Mr V.", &[["By text", "By &#60;post&#62;"], ["nothing", "By text"]]);
    let (there, not) = ("was there, said by Mr V.", "was not there, said by Ms key-worker");
    rows("At school on 17 November 2026, morning", &[[not, "nothing"], [there, not], ["nothing", there]]);
    let (first, second) = ("by 4 December 2026 here. The ward is closed.", "does not apply here. Both schools met.");
    rows("Planning meeting held", &[["nothing", "done on 20 November 2026"], [first, second], ["as the policy says", first]]);
    assert!(!page.contains(&person) && !page.contains(&own_id), "names, not ids: {page}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_read_a_thing_does_not_read_its_history() {
    let world = World::start().await;
    let worker = world.browser("key worker").await;
    let line = [("revision", "0"), ("trigger-0", "Being asked why")];
    send(&worker, "/growth/profile", &line).await;
    let look = [("voice", "staff"), ("on", "2026-11-10"), ("step-resilience", STEP)];
    send(&worker, "/growth/look", &look).await;
    let lead = world.browser("alder lead").await;
    let details =
        [("what", "pupil"), ("name", "Ada Q."), ("year", "9"), ("upn", "B801200005001"), ("born", ""), ("local", "A-17")];
    send(&lead, "/placement", &details).await;

    let own = worker.page(&address("/changes")).await;
    assert!(own.contains("Being asked why") && own.contains("noted, not shared"), "{own}");
    assert!(own.contains("Look at the framework of 10 November 2026, staff: Resilience"), "{own}");
    assert!(!own.contains("B801200005001") && !own.contains("A-17"), "a number is for those who keep the case: {own}");
    let lead = lead.page(&address("/changes")).await;
    assert!(lead.contains("B801200005001") && lead.contains("Being asked why"), "{lead}");
    let coordinator = world.browser("coordinator").await.page(&address("/changes")).await;
    assert!(coordinator.contains("B801200005001"), "{coordinator}");
    assert!(!coordinator.contains("Being asked why") && !coordinator.contains("Look at the framework"), "{coordinator}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_costs_has_its_history_for_those_who_read_costs() {
    let world = World::start().await;
    let browser = world.browser("coordinator").await;
    for (revision, amount) in [("0", "£19,500"), ("1", "£19,600.50")] {
        let line = [("revision", revision), ("weeks", "9"), ("setting-1", "Burton"), ("current-1", amount), ("adults-1", "1")];
        let rest = [("pupils-1", "1"), ("transition-1", "£3,645"), ("mainstream-1", "£4,600")];
        let all: Vec<_> = line.into_iter().chain(rest).collect();
        assert_eq!(browser.post("/costs", &all).await.status(), DONE);
    }
    let page = browser.page("/costs/changes").await;
    let told = told(&page, "Line 1, a year there");
    let own = |side: [&str; 3]| side.map(str::to_owned);
    assert_eq!(
        told,
        [own(["Ms coordinator", "£19,500", "£19,600.50"]), own(["Ms coordinator", "nothing", "£19,500"])],
        "{page}"
    );
    assert_eq!(world.browser("key worker").await.get("/costs/changes").await.status(), StatusCode::FORBIDDEN);
    world.stop().await;
}
