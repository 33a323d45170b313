//! Whose word it is: who stands by a goal, who signs and who wrote it down, and what somebody typed when two write at once.

use reqwest::StatusCode;
use server::demo::ids;
use server_core::party::Party;
use uuid::Uuid;

use crate::harness::{Browser, World, hidden};
use crate::returning::{address, fill, opened};
use crate::weeks::begin_return;

const DONE: StatusCode = StatusCode::SEE_OTHER;
const WRONG: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

async fn named(world: &World, browser: &Browser, name: &str, party: Party) -> String {
    let fields = [("what", "name"), ("name", name), ("reach", "By text"), ("party", party.code())];
    assert_eq!(browser.post(&address("/people"), &fields).await.status(), DONE);
    let parties = world.state.store.parties(ids::ADA_PLACEMENT.0).await.unwrap();
    parties.iter().find(|row| row.name.as_deref() == Some(name)).unwrap().person.0.to_string()
}

/// Report: five parties could write a goal or stand by one; the receiving school, an advocate or a social worker could not.
#[tokio::test(flavor = "multi_thread")]
async fn r_a11_a14_everybody_with_a_part_in_the_case_may_write_a_goal_and_stand_by_it() {
    let world = World::start().await;
    let browser = world.browser("key worker").await;
    let page = browser.page(&address("/goals")).await;
    assert!(!page.contains("author-advocate") && page.contains("author-home-school"), "nobody is named yet: {page}");
    let all = [Party::ReceivingSchool, Party::Advocate, Party::InclusionsOfficer, Party::SocialWorker, Party::Health];
    let mut people = Vec::new();
    for (n, party) in all.into_iter().enumerate() {
        people.push(named(&world, &browser, &format!("Mx {n}"), party).await);
    }
    let goal = [("what", "new"), ("family", "own"), ("words", "A part in the play"), ("author-advocate", "on")];
    assert_eq!(browser.post(&address("/goals"), &goal).await.status(), DONE);
    let page = browser.page(&address("/goals")).await;
    assert!(page.contains(&format!("Written by {}", Party::Advocate.words())), "{page}");
    let id = hidden(&page, "goal");
    let stand = async |revision: usize, party: Party, who: &str| {
        let revision = revision.to_string();
        let fields = [
            ("what", "stand"),
            ("goal", id.as_str()),
            ("revision", revision.as_str()),
            ("wording", "1"),
            ("party", party.code()),
            ("who", who),
        ];
        browser.post(&address("/goals"), &fields).await
    };
    let refused = stand(1, Party::Advocate, &people[0]).await;
    assert_eq!(refused.status(), WRONG, "nobody speaks for a part that is not theirs");
    assert!(refused.text().await.unwrap().contains("Choose somebody who is named as"));
    for (n, party) in all.into_iter().enumerate() {
        assert_eq!(stand(n + 1, party, &people[n]).await.status(), DONE, "{party:?}");
    }
    let page = browser.page(&address("/goals")).await;
    assert_eq!(page.matches("Stands by it</span>").count(), all.len(), "{page}");
    // A part that has ended is not asked again; that they stood by these words stays to be read.
    let parties = world.state.store.parties(ids::ADA_PLACEMENT.0).await.unwrap();
    let part = parties.iter().find(|row| row.party == Party::Advocate).unwrap().placement_party_id.to_string();
    assert_eq!(browser.post(&address("/people"), &[("what", "end"), ("part", &part)]).await.status(), DONE);
    world.later(chrono::TimeDelta::days(1));
    let page = world.browser("key worker").await.page(&address("/goals")).await;
    assert_eq!(page.matches("Stands by it</span>").count(), all.len(), "{page}");
    assert!(!page.contains("author-advocate"), "{page}");
    world.stop().await;
}

/// Report: whoever edits the plan could record the signatures of both schools, and the page did not say who had written them down.
#[tokio::test(flavor = "multi_thread")]
async fn r_h13_a_signature_says_who_wrote_it_down_and_whoever_has_an_account_is_asked_to_press_it_themselves() {
    let (world, browser) = opened().await;
    begin_return(&world, &browser, "2026-11-16").await;
    let lead = world.browser("alder lead").await;
    assert_eq!(lead.post(&address("/people"), &[("what", "take"), ("party", "home-school")]).await.status(), DONE);
    let visitor = named(&world, &browser, "Mr V.", Party::ReceivingSchool).await;
    let page = browser.page(&address("/plan")).await;
    assert!(page.contains("Ms alder-lead: with an account of their own, they are asked to press it themselves"), "{page}");
    assert!(!page.contains("Mr V.: with an account") && !page.contains("I agree that the return holds"), "{page}");
    let page = lead.page(&address("/plan")).await;
    assert_eq!(page.matches("I agree that the return holds").count(), 1, "theirs to press: {page}");
    assert!(!page.contains("asked to press it themselves"), "{page}");
    let own = [("party", "home-school"), ("who", &ids::ALDER_LEAD.to_string())];
    assert_eq!(fill(&lead, "agree", &own).await.status(), DONE);
    assert_eq!(fill(&browser, "agree", &[("party", "receiving-school"), ("who", &visitor)]).await.status(), DONE);
    let page = browser.page(&address("/plan")).await;
    assert!(page.contains("Ms alder-lead, on 23 November 2026</span>"), "they pressed it: {page}");
    assert!(page.contains("Mr V., on 23 November 2026, written down by Ms key-worker</span>"), "{page}");
    world.stop().await;
}

/// Report: a refused form of what helps was drawn as it was before, and what was typed was gone.
#[tokio::test(flavor = "multi_thread")]
async fn f_1_f_3_what_was_typed_about_what_helps_stays_when_it_is_refused() {
    let world = World::start().await;
    let browser = world.browser("key worker").await;
    let profile = address("/growth/profile");
    let long = "x".repeat(5000);
    let typed = [("revision", "0"), ("need-0", "A quiet start"), ("share-need-0", "on"), ("need-1", &long)];
    let refused = browser.post(&profile, &typed).await;
    assert_eq!(refused.status(), WRONG);
    let page = refused.text().await.unwrap();
    assert!(
        page.contains("name=\"need-0\" value=\"A quiet start\"") && page.contains("name=\"share-need-0\" checked"),
        "{page}"
    );
    assert!(page.contains(&long), "also what was too long");
    let begin = [
        ("revision", "0"),
        ("what", "Ten minutes with a friend"),
        ("owner", "parent"),
        ("from", "2026-11-23"),
        ("until", "2026-11-20"),
    ];
    let refused = browser.post(&address("/growth/doing"), &begin).await;
    assert_eq!(refused.status(), WRONG);
    let page = refused.text().await.unwrap();
    assert!(
        page.contains("value=\"Ten minutes with a friend\"") && page.contains("<option value=\"parent\" selected>"),
        "{page}"
    );
    assert!(page.contains("name=\"until\" value=\"2026-11-20\"") && page.contains("<details open>"), "{page}");
    world.stop().await;
}

/// Report: two first part-time arrangements that were saved at once both stayed.
#[tokio::test(flavor = "multi_thread")]
async fn d_4_of_two_first_arrangements_saved_at_once_the_second_is_told_and_chooses() {
    let (world, jo) = opened().await;
    let sam = world.browser("alder lead").await;
    let path = address("/part-time");
    let parties = world.state.store.parties(ids::ADA_PLACEMENT.0).await.unwrap();
    let parent = parties.iter().find(|row| row.party == Party::Parent).unwrap().person.0.to_string();
    let arrange = async |browser: &Browser, page: &str, until: &str| {
        let hidden = |name| hidden(page, name);
        let (sheet, revision, known) = (hidden("sheet"), hidden("revision"), hidden("known"));
        let fields = [
            ("sheet", sheet.as_str()),
            ("revision", revision.as_str()),
            ("known", known.as_str()),
            ("from", "2026-11-23"),
            ("until", until),
            ("reason-health", "on"),
            ("agreed", parent.as_str()),
            ("review-0", "2026-12-01"),
        ];
        browser.post(&path, &fields).await
    };
    let (first, second) = (jo.page(&path).await, sam.page(&path).await);
    assert_eq!(arrange(&jo, &first, "2026-12-11").await.status(), DONE);
    let told = arrange(&sam, &second, "2026-12-18").await;
    assert_eq!(told.status(), StatusCode::CONFLICT);
    let page = told.text().await.unwrap();
    assert!(page.contains("Ms key-worker made an arrangement while you wrote"), "{page}");
    assert!(
        page.contains("name=\"until\" value=\"2026-12-18\"") && page.contains("11 December 2026"),
        "both are shown: {page}"
    );
    assert_eq!(arrange(&sam, &page, "2026-12-18").await.status(), DONE, "in place of the first");
    let page = jo.page(&path).await;
    assert!(page.contains("to 18 December 2026") && !page.contains("to 11 December 2026"), "{page}");
    // Once it is over, another one comes after it.
    world.set("2026-12-21T09:20:00Z".parse().unwrap());
    let jo = world.browser("key worker").await;
    let page = jo.page(&path).await;
    assert!(hidden(&page, "sheet").is_empty());
    let next = page.replace("2026-11-23", "2027-01-04");
    assert_eq!(arrange(&jo, &next, "2027-01-15").await.status(), DONE);
    let page = jo.page(&path).await;
    assert!(page.contains("to 18 December 2026") && page.contains("to 15 January 2027"), "{page}");
    world.stop().await;
}

/// Report: a way to reach somebody could be ended and named again, not corrected.
#[tokio::test(flavor = "multi_thread")]
async fn a_3_how_to_reach_somebody_is_corrected_and_their_part_goes_on() {
    let world = World::start().await;
    let browser = world.browser("key worker").await;
    let person = named(&world, &browser, "Mr V.", Party::Advocate).await;
    let correct = async |person: &str, reach: &str| {
        browser.post(&address("/people"), &[("what", "reach"), ("person", person), ("reach", reach)]).await
    };
    let long = "y".repeat(201);
    let refused = correct(&person, &long).await;
    assert_eq!(refused.status(), WRONG);
    let page = refused.text().await.unwrap();
    assert!(page.contains("in one short line") && page.contains(&format!("value=\"{long}\"")), "{page}");
    assert_eq!(correct(&Uuid::nil().to_string(), "By post").await.status(), WRONG);
    assert_eq!(correct(&person, "After six, by telephone").await.status(), DONE);
    let page = browser.page(&address("/people")).await;
    assert!(page.contains("After six, by telephone") && !page.contains("By text"), "{page}");
    let parties = world.state.store.parties(ids::ADA_PLACEMENT.0).await.unwrap();
    let of: Vec<_> = parties.iter().filter(|row| row.person.0.to_string() == person).collect();
    assert_eq!((of.len(), of[0].until_day), (1, None), "the part is as it was");
    world.stop().await;
}
