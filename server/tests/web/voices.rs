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
    let arrange = async |browser: &Browser, page: &str, (from, until): (&str, &str)| {
        let hidden = |name| hidden(page, name);
        let (sheet, revision, known) = (hidden("sheet"), hidden("revision"), hidden("known"));
        let fields = [
            ("sheet", sheet.as_str()),
            ("revision", revision.as_str()),
            ("known", known.as_str()),
            ("from", from),
            ("until", until),
            ("reason-health", "on"),
            ("agreed", parent.as_str()),
            ("review-0", from),
        ];
        browser.post(&path, &fields).await
    };
    let (first, second) = (jo.page(&path).await, sam.page(&path).await);
    assert_eq!(arrange(&jo, &first, ("2026-11-23", "2026-12-11")).await.status(), DONE);
    let told = arrange(&sam, &second, ("2026-11-23", "2026-12-18")).await;
    assert_eq!(told.status(), StatusCode::CONFLICT);
    let page = told.text().await.unwrap();
    assert!(page.contains("Ms key-worker made an arrangement while you wrote"), "{page}");
    assert!(
        page.contains("name=\"until\" value=\"2026-12-18\"") && page.contains("11 December 2026"),
        "both are shown: {page}"
    );
    assert_eq!(arrange(&sam, &page, ("2026-11-23", "2026-12-18")).await.status(), DONE, "in place of the first");
    let page = jo.page(&path).await;
    assert!(page.contains("to 18 December 2026") && !page.contains("to 11 December 2026"), "{page}");
    // Once it is over, another one comes after it.
    world.set("2026-12-21T09:20:00Z".parse().unwrap());
    let jo = world.browser("key worker").await;
    let page = jo.page(&path).await;
    assert!(hidden(&page, "sheet").is_empty() && page.contains("Make an arrangement"), "{page}");
    assert_eq!(arrange(&jo, &page, ("2027-01-04", "2027-01-15")).await.status(), DONE);
    let page = jo.page(&path).await;
    assert!(page.contains("to 18 December 2026") && page.contains("to 15 January 2027"), "{page}");
    world.stop().await;
}

/// Report: while an arrangement ran, the form changed it, and the next one could not be written down before it was over.
#[tokio::test(flavor = "multi_thread")]
async fn d_4_the_next_arrangement_is_made_while_one_runs_and_each_has_its_days() {
    let (world, jo) = opened().await;
    let path = address("/part-time");
    let parties = world.state.store.parties(ids::ADA_PLACEMENT.0).await.unwrap();
    let parent = parties.iter().find(|row| row.party == Party::Parent).unwrap().person.0.to_string();
    let arrange = async |page: &str, from: &str, until: &str, look: &str| {
        let held = ["sheet", "revision", "known"].map(|name| (name, hidden(page, name)));
        let mut fields: Vec<(&str, &str)> = held.iter().map(|(name, value)| (*name, value.as_str())).collect();
        fields.extend([("from", from), ("until", until), ("agreed", &parent), ("review-0", look), ("reason-health", "on")]);
        jo.post(&path, &fields).await
    };
    let page = jo.page(&path).await;
    assert!(!page.contains("The next arrangement"), "there is none before it: {page}");
    assert_eq!(arrange(&page, "2026-11-23", "2026-12-18", "2026-12-08").await.status(), DONE);
    let next = jo.page(&format!("{path}?change=next")).await;
    assert!(hidden(&next, "sheet").is_empty() && next.contains("stays as it is, to 18 December 2026"), "{next}");
    // Its days are its own; what was typed stays, and the form still makes another one.
    let refused = arrange(&next, "2026-12-18", "2027-01-15", "2027-01-08").await;
    assert_eq!(refused.status(), WRONG);
    let again = refused.text().await.unwrap();
    assert!(again.contains("There is an arrangement from 23 November 2026 to 18 December 2026."), "{again}");
    assert!(again.contains("name=\"until\" value=\"2027-01-15\"") && hidden(&again, "sheet").is_empty(), "{again}");
    assert_eq!(arrange(&again, "2027-01-04", "2027-01-15", "2027-01-08").await.status(), DONE);
    let page = jo.page(&path).await;
    for title in ["23 November 2026 to 18 December 2026", "4 January 2027 to 15 January 2027"] {
        assert!(page.contains(&format!("<b>{title}</b>")), "side by side: {page}");
    }
    assert!(page.contains("Change the one that runs") && page.contains("name=\"until\" value=\"2026-12-18\""), "{page}");
    // The limits are those of the one that runs, and then of the next.
    let ends = async |browser: &Browser| {
        let page = browser.page(&address("/due")).await;
        let one = page.split("<b>The part-time arrangement ends</b>").nth(1).unwrap_or_else(|| panic!("{page}")).to_owned();
        one.split("</li>").next().unwrap().to_owned()
    };
    assert!(ends(&jo).await.contains("By Friday 18 December 2026"));
    // The one to come is changed by itself.
    let change = page.split("?change=").map(|part| part.split('#').next().unwrap()).find(|id| Uuid::parse_str(id).is_ok());
    let to_come = jo.page(&format!("{path}?change={}", change.unwrap())).await;
    assert!(to_come.contains("Change the one to come") && to_come.contains("name=\"from\" value=\"2027-01-04\""), "{to_come}");
    assert_eq!(arrange(&to_come, "2027-01-04", "2027-01-22", "2027-01-08").await.status(), DONE);
    let page = jo.page(&path).await;
    assert!(page.contains("to 18 December 2026") && page.contains("4 January 2027 to 22 January 2027"), "{page}");
    world.set("2026-12-21T09:20:00Z".parse().unwrap());
    assert!(ends(&world.browser("key worker").await).await.contains("By Friday 22 January 2027"));
    world.stop().await;
}

/// Report: a way to reach somebody could be ended and named again, not corrected.
#[tokio::test(flavor = "multi_thread")]
async fn a_3_how_to_reach_somebody_is_corrected_and_their_part_goes_on() {
    let world = World::start().await;
    let browser = world.browser("key worker").await;
    let person = named(&world, &browser, "Mr V.", Party::Advocate).await;
    let correct = async |person: &str, reach: &str| {
        browser.save(&address("/people"), &[("what", "reach"), ("person", person), ("reach", reach)]).await
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

/// What was written before a policy, or under another one, stays; what a policy does not offer is refused.
#[tokio::test(flavor = "multi_thread")]
async fn d4_a_23_a_policy_says_what_may_be_chosen_and_takes_nothing_away_that_was() {
    let world = World::start().await;
    let browser = world.browser("key worker").await;
    let parent = named(&world, &browser, "Mrs P.", Party::Parent).await;
    let path = address("/part-time");
    let arrange = async |until: &str, reasons: &[&'static str]| {
        let page = browser.page(&path).await;
        let held = ["sheet", "revision", "known"].map(|name| (name, hidden(&page, name)));
        let mut fields: Vec<(&str, &str)> = held.iter().map(|(name, value)| (*name, value.as_str())).collect();
        fields.extend([("from", "2026-11-23"), ("until", until), ("agreed", &parent), ("review-0", "2026-12-01")]);
        fields.extend(reasons.iter().map(|reason| (*reason, "on")));
        browser.post(&path, &fields).await.status()
    };
    assert_eq!(arrange("2026-12-11", &["reason-health", "reason-behaviour"]).await, DONE);
    let begin = [("policy", "plain"), ("route", "medical"), ("length", "short"), ("goal", "long-term-place")];
    assert_eq!(browser.post(&address("/plan"), &begin).await.status(), DONE);
    assert!(browser.page(&address("/plan")).await.contains("To stay at the provider"));
    let page = browser.page(&path).await;
    assert!(page.contains("name=\"reason-behaviour\" checked"), "the policy does not offer it, and it is still there: {page}");
    assert_eq!(arrange("2026-12-18", &["reason-health", "reason-behaviour"]).await, DONE);
    let page = browser.page(&path).await;
    assert!(page.contains("to 18 December 2026") && page.contains("Health; Behaviour, beside another reason"), "{page}");
    assert_eq!(arrange("2026-12-18", &["reason-health"]).await, DONE);
    let page = browser.page(&path).await;
    assert!(!page.contains("reason-behaviour"), "once it is left out it is not offered: {page}");
    // A check that found what nobody offers.
    let check = |found: &'static str| [("on", "2026-11-20"), ("by", "call"), ("with-home-school", "on"), ("found", found)];
    let refused = browser.post(&address("/contacts"), &check("gone")).await;
    assert_eq!(refused.status(), WRONG);
    assert!(refused.text().await.unwrap().contains("choose one of the list"));
    assert_eq!(browser.post(&address("/contacts"), &check("in-use")).await.status(), DONE);
    assert!(browser.page(&address("/contacts")).await.contains("In use"), "by the words of the policy");
    world.stop().await;
}
