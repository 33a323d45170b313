//! The plans of many pupils on one page, and what the second versions of the policies ask beside the first.

use reqwest::StatusCode;
use server::demo::ids;
use server_core::plan::Answer;
use server_core::policy::Code;
use server_core::words::Words;

use crate::harness::{World, hidden};
use crate::returning::{address, fill, opened, plan};

const DONE: StatusCode = StatusCode::SEE_OTHER;
const WRONG: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

/// What a page says beside a number's name.
pub fn told<'a>(page: &'a str, name: &str) -> &'a str {
    let after = page.split(&format!("<dt>{name}</dt><dd>")).nth(1).unwrap_or_else(|| panic!("{name} is not on {page}"));
    after.split('<').next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn r_a9_a_5_plans_of_all_pupils_say_who_has_one_and_whether_parents_take_part_and_a_board_sees_numbers() {
    let world = World::start().await;
    let coordinator = world.browser("coordinator").await;
    let page = coordinator.page("/plans").await;
    assert_eq!((told(&page, "With a plan"), told(&page, "No plan yet")), ("0 of 2 pupils", "2 pupils"), "{page}");
    assert_eq!((told(&page, "Returns that held"), told(&page, "Referred again afterwards")), ("0", "0 of them"));
    assert_eq!(page.matches("No plan yet</span>").count(), 2, "{page}");
    server::demo::seed_record(&world.state.store, world.now()).await.unwrap();
    let page = coordinator.page("/plans").await;
    assert_eq!((told(&page, "With a plan"), told(&page, "No plan yet")), ("1 of 2 pupils", "1 pupil"));
    let row = |name: &str| page.split("<tr").find(|row| row.contains(name)).unwrap_or_else(|| panic!("{name}: {page}"));
    let ada = row("Ada Q.");
    assert!(ada.contains(&address("/plan")) && ada.contains("Medical provision"), "{ada}");
    assert!(ada.contains("Consent of ") && ada.contains("spoken with on "), "do the parents take part? {ada}");
    assert!(!ada.contains("Referred again"), "{ada}");
    let ben = row("Ben M.");
    assert!(ben.contains("No consent yet") && ben.contains("not spoken with yet") && ben.contains("None set"), "{ben}");
    for score in ["%", "Score", "Readiness"] {
        assert!(!page.contains(score), "{score}: {page}");
    }
    // It searches as other lists do, and leads there from the list of pupils.
    let found = coordinator.page("/plans?q=ben").await;
    assert!(found.contains("Ben M.") && !found.contains("Ada Q.") && found.contains("1 pupil found"), "{found}");
    assert_eq!(told(&found, "With a plan"), "1 of 2 pupils", "numbers are of all");
    assert!(coordinator.page("/plans?q=nobody").await.contains("Nobody found."));
    assert!(coordinator.page("/pupils").await.contains("href=\"/plans\""));
    // A board sees the same numbers, and nobody's name, school or row.
    let board = world.browser("auditor").await.page("/plans").await;
    assert_eq!((told(&board, "With a plan"), told(&board, "No plan yet")), ("1 of 2 pupils", "1 pupil"));
    for name in ["Ada", "Ben", "Alder", "Marsh", "<table", "/pupils"] {
        assert!(!board.contains(name), "{name}: {board}");
    }
    // Of one school: only its own. A key worker to whom nobody is named counts nobody.
    let lead = world.browser("marsh lead").await.page("/plans").await;
    assert!(told(&lead, "With a plan") == "0 of 1 pupil" && lead.contains("Ben M.") && !lead.contains("Ada Q."), "{lead}");
    let other = world.browser("other key worker").await.page("/plans").await;
    assert!(told(&other, "With a plan") == "0 of 0 pupils" && !other.contains("Ada Q."), "{other}");
    assert!(world.browser("key worker").await.page("/plans").await.contains("Ada Q."));
    // Who read it is in the log.
    let audit = world.state.store.audit_page(None, 100).await.unwrap();
    let lists: Vec<_> = audit.iter().filter(|(_, row)| row.action == "list plans").map(|(_, row)| row.actor_id).collect();
    assert_eq!(lists.iter().filter(|who| **who == Some(ids::COORDINATOR)).count(), 3, "an empty list reads nobody's");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_l3_r_4_a_8_a_7_where_the_pupil_is_who_speaks_for_them_who_does_what_and_which_kind_of_need() {
    let (world, browser) = opened().await;
    let named = [("what", "name"), ("name", "Ms V."), ("reach", ""), ("party", "advocate")];
    assert_eq!(browser.post(&address("/people"), &named).await.status(), DONE);
    let parties = world.state.store.parties(ids::ADA_PLACEMENT.0).await.unwrap();
    let advocate = parties.iter().find(|row| row.party.code() == "advocate").unwrap().person.0.to_string();
    // L-3: what comes next is asked only where the place is no school, and then the head is not complete without it.
    let missing = async || {
        let kept = plan(&world).await;
        let pack = server_core::policy::Pack::built_in().unwrap().into_iter().find(|pack| pack.key == kept.parts().pack);
        let head = kept.progress(&pack.unwrap()).into_iter().find(|one| one.stage == 0).unwrap();
        head.missing.iter().filter(|code| code.as_str().starts_with("after-unregistered")).count()
    };
    let head = |registered: &'static str| [("answer-provider-registered", registered)];
    let labels = ["If it is not: what comes after the short time there", "If it is not: from which day"];
    let asks = async || {
        let page = browser.page(&address("/plan")).await;
        let fields = ["name=\"answer-after-unregistered\"", "name=\"answer-after-unregistered-from\""];
        [labels, fields].concat().iter().filter(|words| page.contains(**words)).count()
    };
    assert_eq!(asks().await, 0, "nobody has said what it is");
    assert_eq!(fill(&browser, "head", &head("yes")).await.status(), DONE);
    assert_eq!((missing().await, asks().await), (0, 0));
    // A form that comes back has what its own answer asks for.
    let wrong = [("answer-provider-registered", "no"), ("answer-after-unregistered-from", "soon")];
    let answer = fill(&browser, "head", &wrong).await;
    assert_eq!(answer.status(), WRONG);
    let page = answer.text().await.unwrap();
    assert!(labels.iter().all(|label| page.contains(label)), "{page}");
    assert_eq!(fill(&browser, "head", &head("no")).await.status(), DONE);
    assert_eq!((missing().await, asks().await), (2, 4), "what comes next, and from when");
    let page = browser.page(&address("/plan")).await;
    assert!(page.contains("<details open><summary>Head of the form</summary>"), "it is not left folded away: {page}");
    let next = [("answer-after-unregistered", "The hospital school"), ("answer-after-unregistered-from", "2026-12-07")];
    assert_eq!(fill(&browser, "head", &next).await.status(), DONE);
    assert_eq!(missing().await, 0);
    assert_eq!(fill(&browser, "head", &head("yes")).await.status(), DONE);
    assert_eq!(asks().await, 4, "what was answered stays to be read");
    assert_eq!(fill(&browser, "head", &head("no")).await.status(), DONE);
    // an advocate, and a task for each organisation, beside the aims.
    let tasks = [
        ("answer-advocate", advocate.as_str()),
        ("answer-advocate-begins-when", "The doctors agree to two mornings"),
        ("answer-advocate-from", "2026-12-01"),
        ("answer-advocate-paid-by", "The home school, as it keeps the roll"),
        ("answer-advocate-until", "2027-03-26"),
        ("answer-task-provider", "Sends the topics by Friday"),
        ("answer-task-home-school", "Names a buddy by Monday"),
        ("answer-task-receiving-school", "Frees room 12"),
        ("answer-task-authority", "Books the taxi"),
        ("answer-task-health", "Writes the care plan"),
    ];
    assert_eq!(fill(&browser, "aims", &tasks).await.status(), DONE);
    // kinds of need, to tick.
    let ticks = [("list", "need"), ("item-illness", "on"), ("item-feelings", "on")];
    assert_eq!(fill(&browser, "list", &ticks).await.status(), DONE);
    assert_eq!(fill(&browser, "list", &[("list", "diagnosis")]).await.status(), WRONG, "there is no such list");
    let kept = plan(&world).await;
    let answer = |field: &str| kept.answer(&Code::new(field).unwrap()).cloned();
    for (field, text) in next.iter().chain(&tasks).filter(|(field, _)| !field.ends_with("from") && !field.ends_with("until")) {
        let field = field.strip_prefix("answer-").unwrap();
        let expected = if field == "advocate" {
            Answer::Person(server_core::party::PersonId(text.parse().unwrap()))
        } else {
            Answer::Words(Words::new(text).unwrap())
        };
        assert_eq!(answer(field), Some(expected), "{field}");
    }
    assert_eq!(answer("advocate-until"), Some(Answer::Day("2027-03-26".parse().unwrap())));
    assert_eq!(kept.parts().ticked[&Code::new("need").unwrap()].len(), 2);
    let page = browser.page(&address("/plan")).await;
    for words in
        ["Kind of need", "Long-term illness", "The hospital school", "Names a buddy by Monday", "Who pays for the advocate"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(page.contains(">Ms V.</option>"), "the advocate is somebody who is named");
    // A kind of need is near to health: it is for who may have a handover, and for nobody who keeps the register.
    for (name, party) in [("Mr V.", "receiving-school"), ("Mrs L.", "attendance-lead")] {
        let named = [("what", "name"), ("name", name), ("reach", ""), ("party", party)];
        assert_eq!(browser.post(&address("/people"), &named).await.status(), DONE);
    }
    for (party, is_told) in [("receiving-school", true), ("attendance-lead", false)] {
        let given = browser.post(&address("/documents"), &[("file", "plan.json"), ("for", party)]).await.text().await.unwrap();
        assert_eq!(given.contains("Long-term illness"), is_told, "{party}: {given}");
        assert_eq!(given.contains("as it keeps the roll"), is_told, "{party}: {given}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_f7_r_2_a_10_h_7_r_3_at_the_transition_prompts_are_listed_and_what_returns_fail_for_is_asked_in_time() {
    let (world, browser) = opened().await;
    // a contact that the beginning asks for once. H-7: the panel's hearing starts its limits (said as an event).
    let page = browser.page(&address("/contacts")).await;
    assert!(page.contains("Provider staff work with the pupil at school as the placement begins"), "{page}");
    let said = [("event", "panel-hearing"), ("day", "2026-11-12")];
    assert_eq!(browser.post(&address("/due"), &said).await.status(), DONE);
    let page = browser.page(&address("/due")).await;
    let (open, waiting) = page.split_once("Without a day yet").unwrap();
    assert!(open.contains("Planning meeting held") && open.contains("By Thursday 26 November"), "{open}");
    assert!(waiting.contains("Look at the eighteen areas as school begins"), "F-7: it waits for the first day: {waiting}");
    // a neutral word for a pupil who seeks the way back.
    let line = [("code-0", "seeks-provider"), ("why-0", "Friends are there"), ("needed-0", "A visit"), ("weeks-0", "3")];
    assert_eq!(fill(&browser, "barriers", &line).await.status(), DONE);
    let page = browser.page(&address("/plan")).await;
    assert!(page.contains("<option value=\"seeks-provider\" selected>The pupil seeks to come back to the provider"), "{page}");
    assert!(page.contains("At the transition") && page.contains("looked at the eighteen areas again"), "{page}");
    let look = [("list", "transition-prompt"), ("item-look", "on"), ("item-profile", "on")];
    assert_eq!(fill(&browser, "list", &look).await.status(), DONE);
    assert_eq!(plan(&world).await.parts().ticked[&Code::new("transition-prompt").unwrap()].len(), 2);
    // School begins: the looks have days of their own.
    let said = [("event", "school-start"), ("day", "2026-11-16")];
    assert_eq!(browser.post(&address("/due"), &said).await.status(), DONE);
    let page = browser.page(&address("/due")).await;
    let open = page.split("Without a day yet").next().unwrap();
    assert!(open.contains("Look at the eighteen areas as school begins") && open.contains("does it hold?"), "{open}");
    // in the sixth week at school, a question for each gap, and each "not yet" with what is done about it.
    let gaps = [
        ("of", "school.06"),
        ("went-somebody-speaks", "yes"),
        ("went-handover-quick", "yes"),
        ("went-support-stays", "not-this-time"),
        ("went-parents-answered", "yes"),
    ];
    assert_eq!(fill(&browser, "look-back", &gaps).await.status(), WRONG, "that week has not begun");
    world.set("2027-01-06T09:20:00Z".parse().unwrap());
    let browser = world.browser("key worker").await;
    let refused = fill(&browser, "look-back", &gaps).await;
    assert_eq!(refused.status(), WRONG);
    assert!(refused.text().await.unwrap().contains("say what got in the way"));
    let mut whole = gaps.to_vec();
    whole.extend([("why-support-stays", "Nobody after March"), ("action-support-stays", "Ms V. until July")]);
    assert_eq!(fill(&browser, "look-back", &whole).await.status(), DONE);
    let page = browser.page(&address("/plan")).await;
    assert!(
        page.contains("Is it agreed who supports the pupil after the return?")
            && page.contains("Not this time. Nobody after March. To do: Ms V. until July</b>"),
        "{page}"
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_l4_l_6_l_9_a_short_time_is_told_from_the_start_steps_are_small_and_without_a_return_reviews_go_on() {
    let world = World::start().await;
    let browser = world.browser("key worker").await;
    let begin = [("policy", "plain"), ("route", "medical"), ("length", "short"), ("goal", "no-return-planned")];
    assert_eq!(browser.post(&address("/plan"), &begin).await.status(), DONE);
    let page = browser.page(&address("/plan")).await;
    assert!(page.contains("No return is planned; reviews go on"), "{page}");
    let told = [("answer-told-parents", "2026-11-16"), ("answer-told-pupil", "2026-11-17"), ("answer-told-staff", "")];
    assert_eq!(fill(&browser, "head", &told).await.status(), DONE);
    let step = [("answer-first-step", "Says hello by robot on Monday")];
    assert_eq!(fill(&browser, "aims", &step).await.status(), DONE);
    let kept = plan(&world).await;
    let answer = |field: &str| kept.answer(&Code::new(field).unwrap()).cloned();
    assert_eq!(answer("told-pupil"), Some(Answer::Day("2026-11-17".parse().unwrap())));
    assert_eq!(answer("told-staff"), None, "the staff have not been told");
    assert_eq!(answer("first-step"), Some(Answer::Words(Words::new("Says hello by robot on Monday").unwrap())));
    // L-9: reviews are due all the same.
    let said = [("event", "provider-start"), ("day", "2026-11-16")];
    assert_eq!(browser.post(&address("/due"), &said).await.status(), DONE);
    let page = browser.page(&address("/due")).await;
    assert!(page.split("Without a day yet").next().unwrap().contains("First review"), "{page}");
    assert!(hidden(&browser.page(&address("/plan")).await, "revision").parse::<u64>().unwrap() >= 3);
    world.stop().await;
}
