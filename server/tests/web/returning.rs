//! A return to school from the first consent to the last signature, as people do it on the pages. Names hold the ids of the rows of
//! the sources that a test answers for; `server/README.md` has the table.

use reqwest::StatusCode;
use server::demo::ids;
use server_core::party::Party;
use server_core::plan::{PlanState, ReintegrationPlan, StatedSource};
use server_core::policy::{Code, Pack};

use crate::harness::{Browser, World, hidden};
use crate::plans::told;

const DONE: StatusCode = StatusCode::SEE_OTHER;
const WRONG: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

pub fn address(rest: &str) -> String {
    format!("/pupils/{}{rest}", ids::ADA)
}

fn havering() -> Pack {
    Pack::built_in().unwrap().into_iter().find(|pack| pack.key.id.as_str() == "havering").unwrap()
}

/// The policy that a plan was begun with.
pub fn pack_of(plan: &ReintegrationPlan) -> Pack {
    Pack::built_in().unwrap().into_iter().find(|pack| pack.key == plan.parts().pack).unwrap()
}

pub async fn plan(world: &World) -> ReintegrationPlan {
    world.state.store.plans_of(ids::ADA_PLACEMENT.0).await.unwrap().remove(0).plan
}

/// Opens the plan's page and sends one of its forms.
pub async fn fill(browser: &Browser, part: &str, fields: &[(&str, &str)]) -> reqwest::Response {
    let page = browser.page(&address("/plan")).await;
    let (plan, revision) = (hidden(&page, "plan"), hidden(&page, "revision"));
    send(browser, &plan, &revision, part, fields).await
}

async fn send(browser: &Browser, plan: &str, revision: &str, part: &str, fields: &[(&str, &str)]) -> reqwest::Response {
    let mut all = vec![("plan", plan), ("revision", revision)];
    all.extend_from_slice(fields);
    browser.post(&address(&format!("/plan/{part}")), &all).await
}

/// A draft; and the id under which the parent is named.
async fn drafted() -> (World, Browser, String) {
    let world = World::start().await;
    let browser = world.browser("key worker").await;
    let begin = [("policy", "havering"), ("route", "medical"), ("length", "phased-return"), ("goal", "home-school")];
    assert_eq!(browser.post(&address("/plan"), &begin).await.status(), DONE);
    let said = [("event", "provider-start"), ("day", "2026-11-02")];
    assert_eq!(browser.post(&address("/due"), &said).await.status(), DONE);
    let name = [("what", "name"), ("name", "Mr <Q.>"), ("reach", "After four"), ("party", "parent")];
    assert_eq!(browser.post(&address("/people"), &name).await.status(), DONE);
    let parties = world.state.store.parties(ids::ADA_PLACEMENT.0).await.unwrap();
    let parent = parties.iter().find(|row| row.party == Party::Parent).unwrap().person.0.to_string();
    (world, browser, parent)
}

pub async fn opened() -> (World, Browser) {
    let (world, browser, parent) = drafted().await;
    let consent = [("who", parent.as_str()), ("how", "On paper"), ("on", "2026-11-20"), ("pupil", "")];
    assert_eq!(fill(&browser, "consent", &consent).await.status(), DONE);
    assert_eq!(fill(&browser, "open", &[]).await.status(), DONE);
    (world, browser)
}

#[tokio::test(flavor = "multi_thread")]
async fn r_h8_a_3_no_plan_opens_without_a_consent_and_it_says_who_when_and_how() {
    let (world, browser, parent) = drafted().await;
    let people = browser.page(&address("/people")).await;
    assert!(
        people.contains("Mr &#60;Q.&#62;") && people.contains("After four") && people.contains("The key worker"),
        "{people}"
    );
    let refused = fill(&browser, "open", &[]).await;
    assert_eq!(refused.status(), WRONG);
    assert!(refused.text().await.unwrap().contains("Nobody has consented"));
    // A child's own word stands beside a parent's, and is none without it.
    let ada = ids::ADA.to_string();
    let own = [("who", ada.as_str()), ("how", "In the meeting"), ("on", "2026-11-20"), ("pupil", ada.as_str())];
    assert_eq!(fill(&browser, "consent", &own).await.status(), DONE);
    let page = browser.page(&address("/plan")).await;
    assert!(page.contains("Ada Q., beside a parent or carer, on 20 November 2026: In the meeting."), "{page}");
    assert!(page.contains("No parent or carer consents yet.") && !page.contains("Open the plan"), "{page}");
    let refused = fill(&browser, "open", &[]).await;
    assert_eq!(refused.status(), WRONG);
    assert!(refused.text().await.unwrap().contains("Nobody has consented who may"));
    let tomorrow = [("who", parent.as_str()), ("how", "On paper"), ("on", "2026-11-24"), ("pupil", "")];
    assert_eq!(fill(&browser, "consent", &tomorrow).await.status(), WRONG, "nobody consented tomorrow");
    let consent = [("who", parent.as_str()), ("how", "On paper"), ("on", "2026-11-20"), ("pupil", "")];
    assert_eq!(fill(&browser, "consent", &consent).await.status(), DONE);
    assert_eq!(fill(&browser, "open", &[]).await.status(), DONE);
    assert_eq!(*plan(&world).await.state(), PlanState::Open);
    let page = browser.page(&address("/plan")).await;
    assert!(page.contains("Mr &#60;Q.&#62;, on 20 November 2026: On paper."), "{page}");
    // Withdrawn, it stays to be read, and the return cannot begin.
    assert_eq!(fill(&browser, "withdraw", &[("who", parent.as_str())]).await.status(), DONE);
    assert!(browser.page(&address("/plan")).await.contains("Withdrawn on 23 November 2026."));
    let begin = fill(&browser, "begin", &[("on", "2026-11-30")]).await;
    assert!(begin.text().await.unwrap().contains("Nobody has consented"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_h8_from_sixteen_on_the_pupils_own_word_is_enough_where_the_date_of_birth_is_known() {
    let (world, browser, _) = drafted().await;
    let born = [("what", "pupil"), ("name", "Ada Q."), ("year", "11"), ("upn", ""), ("born", "2010-11-20")];
    let coordinator = world.browser("coordinator").await;
    assert_eq!(coordinator.save(&address("/placement"), &born).await.status(), DONE);
    let ada = ids::ADA.to_string();
    for (on, opens) in [("2026-11-19", WRONG), ("2026-11-20", DONE)] {
        let own = [("who", ada.as_str()), ("how", "In the meeting"), ("on", on), ("pupil", ada.as_str())];
        assert_eq!(fill(&browser, "consent", &own).await.status(), DONE);
        assert_eq!(fill(&browser, "open", &[]).await.status(), opens, "{on}");
    }
    let page = browser.page(&address("/plan")).await;
    assert!(page.contains("Ada Q., on 20 November 2026: In the meeting."), "{page}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_h24_r_1_what_stands_in_the_way_is_kept_with_its_weeks_and_the_longest_is_told() {
    let (world, browser) = opened().await;
    let lines = [
        ("code-0", "health"),
        ("why-0", "Mornings are hard"),
        ("needed-0", "A later start"),
        ("weeks-0", "4"),
        ("code-1", "parent-worry"),
        ("why-1", "Who notices?"),
        ("needed-1", "A named buddy"),
        ("weeks-1", "2"),
    ];
    assert_eq!(fill(&browser, "barriers", &lines).await.status(), DONE);
    let kept = plan(&world).await;
    assert_eq!(kept.barriers().iter().map(|one| one.weeks).collect::<Vec<_>>(), [4, 2]);
    let page = browser.page(&address("/plan")).await;
    assert!(page.contains("The longest is thought to take 4 weeks."), "{page}");
    assert!(page.contains("Barrier 1: “Health does not allow it yet”"), "the history is in words");
    let half = [("code-0", "health"), ("why-0", "Still typed"), ("needed-0", "x"), ("weeks-0", "some")];
    let refused = fill(&browser, "barriers", &half).await;
    assert_eq!(refused.status(), WRONG);
    let page = refused.text().await.unwrap();
    assert!(page.contains("write a whole number of weeks") && page.contains("Still typed"), "{page}");
    assert_eq!(plan(&world).await, kept);
    world.stop().await;
}

const MEETING: [(&str, &str); 6] = [
    ("on", "2026-11-19"),
    ("convenor", "provider-lead"),
    ("venue", "receiving-school"),
    ("present-receiving-school", "in-person"),
    ("present-parent", "in-person"),
    ("outcome-support", "on"),
];

#[tokio::test(flavor = "multi_thread")]
async fn r_h26_h_14_a_meeting_without_the_pupil_is_held_again_and_by_robot_is_there() {
    let (world, browser) = opened().await;
    let said = [("event", "panel-hearing"), ("day", "2026-11-12")];
    assert_eq!(browser.post(&address("/due"), &said).await.status(), DONE);
    assert_eq!(fill(&browser, "meeting", &MEETING).await.status(), DONE);
    let page = browser.page(&address("/plan")).await;
    assert!(page.contains("To be held again") && page.contains("Not there: the pupil."), "{page}");
    assert!(page.contains("Choose a new date by Thursday 26 November"), "ten school days after the panel: {page}");
    let mut again = MEETING.to_vec();
    again[0] = ("on", "2026-11-20");
    again.push(("present-pupil", "by-robot"));
    assert_eq!(fill(&browser, "meeting", &again).await.status(), DONE);
    let page = browser.page(&address("/plan")).await;
    assert!(page.contains("It counts") && page.contains("the pupil by robot"), "{page}");
    assert!(!page.contains("Choose a new date"), "what was held again needs no advice");
    assert_eq!(plan(&world).await.meetings().len(), 2);
    let done = browser.page(&address("/due")).await;
    assert!(done.contains("Done on Friday 20 November"), "{done}");
    let nowhere = [("on", "2026-11-20"), ("convenor", "parent"), ("venue", "receiving-school")];
    assert_eq!(fill(&browser, "meeting", &nowhere).await.status(), WRONG, "the policy says who may call it");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_h27_h_28_actions_are_settled_by_what_the_policy_asks_of_each() {
    let (world, browser) = opened().await;
    let settled = |plan: &ReintegrationPlan, id: &str| plan.is_settled(&havering(), &Code::new(id).unwrap());
    assert_eq!(fill(&browser, "action", &[("action", "start-date"), ("day", "2026-12-14")]).await.status(), DONE);
    let some = [("action", "medical-handover"), ("settled", "on"), ("agreed-pupil", "on"), ("details", "Care plan")];
    assert_eq!(fill(&browser, "action", &some).await.status(), DONE);
    let kept = plan(&world).await;
    assert!(settled(&kept, "start-date"));
    assert!(!settled(&kept, "medical-handover"), "provider and parent have not agreed");
    let mut all = some.to_vec();
    all.extend([("agreed-parent", "on"), ("agreed-provider-lead", "on")]);
    assert_eq!(fill(&browser, "action", &all).await.status(), DONE);
    let pack = ["timetable", "floor-plan", "rules", "key-staff", "subjects", "buddy"].map(|item| format!("item-{item}"));
    let mut ticks = vec![("list", "induction-pack")];
    ticks.extend(pack.iter().map(|item| (item.as_str(), "on")));
    assert_eq!(fill(&browser, "list", &ticks).await.status(), DONE);
    let kept = plan(&world).await;
    assert!(settled(&kept, "medical-handover") && settled(&kept, "induction-pack"));
    // A tick that is taken back is taken back.
    assert_eq!(fill(&browser, "list", &ticks[..6]).await.status(), DONE);
    assert!(!settled(&plan(&world).await, "induction-pack"));
    assert_eq!(fill(&browser, "action", &[("action", "no-such-thing")]).await.status(), WRONG);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_h4_h_12_a_return_begins_when_its_gates_are_passed_or_each_has_a_reason() {
    let (world, browser) = opened().await;
    let refused = fill(&browser, "begin", &[("on", "2026-11-23")]).await;
    assert_eq!(refused.status(), WRONG);
    let page = refused.text().await.unwrap();
    assert!(page.contains("No planning meeting has been held that counts."), "{page}");
    assert!(page.contains("Not ticked: A clear plan is being followed."), "{page}");
    let gates = plan(&world).await.gates(&havering()).len();
    let names: Vec<String> = (0..gates).map(|n| format!("reason-{n}")).collect();
    let mut fields = vec![("on", "2026-11-23")];
    fields.extend(names.iter().map(|name| (name.as_str(), "The ward closes on Friday, so school begins now")));
    // One reason too few does not open a gate.
    assert_eq!(fill(&browser, "begin", &fields[..gates]).await.status(), WRONG);
    assert_eq!(fill(&browser, "begin", &fields).await.status(), DONE);
    let kept = plan(&world).await;
    assert!(matches!(kept.state(), PlanState::Returning { since } if since.to_string() == "2026-11-23"));
    assert_eq!(kept.despite().len(), gates, "every reason is kept");
    // Now the school's own clock runs, beside the provider's.
    assert!(browser.page(&address("/plan")).await.contains("School week 1 of 8."));
    assert!(browser.page(&address("/due")).await.contains("Weekly review with pupil and parent"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_h29_h_23_a_look_back_has_stated_attendance_beside_minutes_that_fill_in_by_themselves() {
    let (world, browser) = opened().await;
    let page = browser.page(&address("/plan")).await;
    assert!(page.contains("Provider week 1") && page.contains("Has the pupil settled in?"), "the first open week: {page}");
    let no_reason = [("of", "provider.01"), ("went-settled", "partly")];
    let refused = fill(&browser, "look-back", &no_reason).await;
    assert_eq!(refused.status(), WRONG);
    assert!(refused.text().await.unwrap().contains("say what got in the way"));
    let third = [
        ("of", "provider.03"),
        ("went-engaged", "not-this-time"),
        ("why-engaged", "The school has not answered"),
        ("action-engaged", "Ring again on Monday"),
        ("attendance", "4 of 10 sessions"),
        ("pupil-says", "Science was fun"),
    ];
    assert_eq!(fill(&browser, "look-back", &third).await.status(), DONE);
    let kept = plan(&world).await;
    let week = kept.evaluation(&Code::new("provider").unwrap(), 3).unwrap();
    let attendance = week.attendance.as_ref().unwrap();
    assert_eq!(attendance.figure.expose(), "4 of 10 sessions");
    assert!(matches!(attendance.source, StatedSource::Person(person) if person.0 == ids::KEY_WORKER));
    let beside = week.engagement.as_ref().unwrap();
    assert!(beside.in_lessons.get() > 0 && beside.expected.get() > 0, "the made-up fortnight covers that week");
    let page = browser.page(&address("/plan")).await;
    let told = format!("Live in lessons: {} of {} minutes expected.", beside.in_lessons.get(), beside.expected.get());
    assert!(page.contains(&told) && page.contains("Attendance: 4 of 10 sessions, stated by Ms key-worker."), "{page}");
    // Any week that has begun can be chosen, and what was written of it put right.
    assert!(page.contains("?look=provider.03#s4") && !page.contains("?look=provider.08"), "{page}");
    let chosen = browser.page(&address("/plan?look=provider.03")).await;
    assert!(chosen.contains("name=\"of\" value=\"provider.03\"") && chosen.contains("value=\"4 of 10 sessions\""), "{chosen}");
    let early = [("of", "provider.08"), ("went-induction", "yes")];
    assert_eq!(fill(&browser, "look-back", &early).await.status(), WRONG, "that week has not begun");
    // Nothing of it became a mark.
    let before = world.state.store.imported_marks(ids::ADA, "2026-11-16".parse().unwrap(), "2026-11-20".parse().unwrap());
    assert!(before.await.unwrap().iter().all(|mark| mark.code().as_str() == "D"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_h5_h_15_a_26_reviews_and_hiccups_are_written_down_and_end_nothing() {
    let (world, browser) = opened().await;
    let hiccup = [("on", "2026-11-18"), ("code", "health"), ("what", "Three days too tired"), ("helps", "One lesson a day")];
    assert_eq!(fill(&browser, "setback", &hiccup).await.status(), DONE);
    assert_eq!(*plan(&world).await.state(), PlanState::Open);
    let review = [
        ("on", "2026-11-20"),
        ("asked", "four-week-review."),
        ("present-pupil", "by-robot"),
        ("target-academic", "Topic 3 is done"),
        ("worries", "The stairs"),
        ("supported", "partly"),
        ("about-robot", "A bridge: Ada asks for Mondays"),
        ("outcome", "step-up"),
        ("next", "2026-12-04"),
    ];
    let refused = fill(&browser, "review", &review).await;
    assert_eq!(refused.status(), WRONG);
    let page = refused.text().await.unwrap();
    assert!(page.contains("Say why the plan goes a step up or down.") && page.contains("value=\"Topic 3 is done\""), "{page}");
    let mut whole = review.to_vec();
    whole.push(("why", "Mornings go well"));
    assert_eq!(fill(&browser, "review", &whole).await.status(), DONE);
    let page = browser.page(&address("/plan")).await;
    assert!(page.contains("Not there: a parent or carer. Tell them what was said."), "{page}");
    assert!(page.contains("Four-week review, 20 November 2026") && page.contains("Next: 4 December 2026."), "{page}");
    let due = browser.page(&address("/due")).await;
    assert!(due.split("id=\"dn\"").nth(1).unwrap().contains("Four-week review"), "the review keeps its limit: {due}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_h13_h_30_l_1_r_9_a_25_success_needs_both_signatures_and_a_plan_after_it_is_told_as_referred_again() {
    let (world, browser) = opened().await;
    let gates = plan(&world).await.gates(&havering()).len();
    let names: Vec<String> = (0..gates).map(|n| format!("reason-{n}")).collect();
    let mut begin = vec![("on", "2026-11-16")];
    begin.extend(names.iter().map(|name| (name.as_str(), "Agreed by everybody at the meeting")));
    assert_eq!(fill(&browser, "begin", &begin).await.status(), DONE);
    let lead = world.browser("alder lead").await;
    for party in ["home-school", "receiving-school"] {
        assert_eq!(lead.post(&address("/people"), &[("what", "take"), ("party", party)]).await.status(), DONE);
    }
    let end = [
        ("on", "2026-11-23"),
        ("outcome", "success"),
        ("well", "Friends waited at the gate"),
        ("support", "2027-03-26"),
        ("follow-1", "2027-01-11"),
    ];
    let refused = fill(&browser, "close", &end).await;
    assert_eq!(refused.status(), WRONG);
    let page = refused.text().await.unwrap();
    assert!(page.contains("Success needs the word of the home school and the receiving school"), "{page}");
    assert!(page.contains("The home school keeps the pupil on its roll"), "{page}");
    let who = ids::ALDER_LEAD.to_string();
    for party in ["home-school", "receiving-school"] {
        assert_eq!(fill(&lead, "agree", &[("party", party), ("who", &who)]).await.status(), DONE);
    }
    assert_eq!(fill(&browser, "close", &end).await.status(), DONE);
    let page = browser.page(&address("/plan")).await;
    assert!(page.contains("Closed on 23 November 2026") && page.contains("Friends waited at the gate"), "{page}");
    assert!(page.contains("26 March 2027") && page.contains("Begin a plan"), "support goes on, and another plan may begin");
    assert!(page.contains("11 January 2027"), "somebody asks how it goes");
    assert!(!page.contains("/plan/setback"), "a closed plan has no forms");
    // The day comes on which somebody asks; they say that they did, although the plan is closed.
    let monday = world.now();
    world.set("2027-01-12T09:20:00Z".parse().unwrap());
    let later = world.browser("key worker").await;
    let ask = "<b>Ask how it goes after the return</b>";
    for page in [later.page(&address("/due")).await, later.page("/due").await] {
        assert!(page.contains(ask) && page.contains("Chosen when the plan was closed on Monday 23 November 2026."), "{page}");
        assert!(page.contains("Was due"), "{page}");
    }
    let done = [("rule", "follow-up-2027-01-11"), ("week", ""), ("what", "kept"), ("day", "2027-01-12")];
    assert_eq!(later.post(&address("/due/word"), &done).await.status(), DONE);
    assert!(!later.page("/due").await.contains(ask));
    let page = later.page(&address("/due")).await;
    assert!(page.split("id=\"dn\"").nth(1).unwrap().contains(ask), "it is kept as done: {page}");
    assert!(page.contains("<b>Support after the return ends</b>"), "{page}");
    world.set(monday);
    let browser = world.browser("key worker").await;
    // The return held. A plan that begins after it is told, of the pupil and in the number.
    let all = world.browser("coordinator").await.page("/plans").await;
    assert_eq!((told(&all, "Returns that held"), told(&all, "Referred again afterwards")), ("1", "0 of them"));
    assert_eq!(told(&all, "With a plan"), "0 of 2 pupils", "a closed plan is no longer one");
    assert!(all.contains("The return holds") && !all.contains("Referred again</span>"), "{all}");
    let begin = [("policy", "havering"), ("route", "medical"), ("length", "first-term"), ("goal", "home-school")];
    let provider = "name=\"day\" value=\"2026-11-02\"";
    assert!(browser.page(&address("/due")).await.contains(provider), "said of the first plan");
    assert_eq!(browser.post(&address("/plan"), &begin).await.status(), DONE);
    let due = browser.page(&address("/due")).await;
    assert!(!due.contains(provider) && due.contains("Without a day yet"), "the second plan counts from days of its own: {due}");
    assert!(due.contains("<b>Support after the return ends</b>"), "what the first one owes stays: {due}");
    let all = world.browser("coordinator").await.page("/plans").await;
    assert_eq!((told(&all, "Returns that held"), told(&all, "Referred again afterwards")), ("1", "1 of them"));
    assert!(all.contains("Referred again</span>") && told(&all, "With a plan") == "1 of 2 pupils", "{all}");
    let board = world.browser("auditor").await.page("/plans").await;
    assert!(told(&board, "Referred again afterwards") == "1 of them" && !board.contains("Ada"), "{board}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_who_write_into_different_parts_both_get_through_and_into_one_part_choose() {
    let (world, jo) = opened().await;
    let sam = world.browser("alder lead").await;
    let page = jo.page(&address("/plan")).await;
    let (plan_id, revision) = (hidden(&page, "plan"), hidden(&page, "revision"));
    let first = [("action", "uniform"), ("settled", "on"), ("details", "The school lends it")];
    assert_eq!(send(&sam, &plan_id, &revision, "action", &first).await.status(), DONE);
    let other = [("action", "equipment"), ("settled", "on")];
    assert_eq!(send(&jo, &plan_id, &revision, "action", &other).await.status(), DONE, "another action: nothing to choose");
    let same = [("action", "uniform"), ("details", "The parents buy it")];
    let answer = send(&jo, &plan_id, &revision, "action", &same).await;
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    let page = answer.text().await.unwrap();
    assert!(page.contains("“The school lends it”") && page.contains("value=\"The parents buy it\""), "both are shown: {page}");
    let entry = plan(&world).await.action(&Code::new("uniform").unwrap()).cloned().unwrap();
    assert_eq!(entry.details.unwrap().expose(), "The school lends it", "nothing is saved yet");
    let (plan_id, revision) = (hidden(&page, "plan"), hidden(&page, "revision"));
    assert_eq!(send(&jo, &plan_id, &revision, "action", &same).await.status(), DONE);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_h19_h_21_a_breakdown_ends_nothing_by_itself_and_lists_who_is_owed_a_word() {
    let (world, browser) = opened().await;
    let address = address("/breakdown");
    let nothing = [("what-for", "write"), ("on", "2026-11-20"), ("what", "At the gate")];
    assert_eq!(browser.post(&address, &nothing).await.status(), WRONG, "which kind?");
    let mut one = nothing.to_vec();
    one.push(("kind-threats", "on"));
    assert_eq!(browser.post(&address, &one).await.status(), DONE);
    assert_eq!(*plan(&world).await.state(), PlanState::Open, "it ends nothing");
    let page = browser.page(&address).await;
    assert!(page.contains("Threats of violence") && page.matches("Owed a word since 20 Nov").count() == 3, "{page}");
    let id = hidden(&page, "breakdown");
    let told = [("what-for", "told"), ("breakdown", id.as_str()), ("party", "parent")];
    assert_eq!(browser.post(&address, &told).await.status(), DONE);
    let page = browser.page(&address).await;
    assert!(page.contains("Told on 23 Nov") && page.matches("Owed a word").count() == 2, "{page}");
    let end = [("what-for", "end"), ("breakdown", id.as_str()), ("outcome", "success"), ("well", "Two good weeks")];
    let refused = browser.post(&address, &end).await;
    assert_eq!(refused.status(), WRONG);
    let mut end = end.to_vec();
    end[2] = ("outcome", "back-to-provider");
    assert_eq!(browser.post(&address, &end).await.status(), DONE);
    assert!(matches!(plan(&world).await.state(), PlanState::Closed(_)));
    assert!(browser.page(&address).await.matches("Owed a word").count() == 2, "what is owed stays owed");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_a6_h8_h10_who_reads_decides_what_is_given_and_a_consent_that_ends_closes_the_door() {
    let (world, browser) = opened().await;
    for (name, party) in [("Mr V.", "receiving-school"), ("Mrs L.", "attendance-lead")] {
        let named = [("what", "name"), ("name", name), ("reach", ""), ("party", party)];
        assert_eq!(browser.post(&address("/people"), &named).await.status(), DONE);
    }
    let share = address("/documents");
    let plan_for = |to| [("file", "plan.json"), ("for", to)];
    let given = browser.post(&share, &plan_for("receiving-school")).await;
    assert_eq!(given.status(), StatusCode::OK);
    let text = given.text().await.unwrap();
    assert!(text.contains("\"week-pattern\"") && text.contains("\"engagement\"") && !text.contains("\"consents\""), "{text}");
    let text = browser.post(&share, &plan_for("attendance-lead")).await.text().await.unwrap();
    assert!(text.contains("\"stated\"") && !text.contains("\"engagement\""), "no minutes for the register: {text}");
    // Nobody gives what they may not read, and nobody is given what is not for them.
    let coordinator = world.browser("coordinator").await;
    let looks = [("file", "growth.csv"), ("for", "receiving-school")];
    let refused = coordinator.post(&share, &looks).await;
    assert_eq!(refused.status(), WRONG);
    assert!(refused.text().await.unwrap().contains("You do not see this part of the record yourself"));
    let history = [("file", "history.csv"), ("for", "receiving-school")];
    assert_eq!(browser.post(&share, &history).await.status(), WRONG);
    let looks = browser.post(&share, &looks).await;
    assert_eq!(looks.status(), StatusCode::OK, "who may read them gives them");
    assert!(looks.text().await.unwrap().starts_with("\"Engagement record, not the register\""));
    assert_eq!(browser.post(&share, &plan_for("panel")).await.status(), WRONG, "nobody of the panel is named");
    let parties = world.state.store.parties(ids::ADA_PLACEMENT.0).await.unwrap();
    let parent = parties.iter().find(|row| row.party == Party::Parent).unwrap().person.0.to_string();
    assert_eq!(fill(&browser, "withdraw", &[("who", &parent)]).await.status(), DONE);
    let refused = browser.post(&share, &plan_for("receiving-school")).await;
    assert_eq!(refused.status(), WRONG);
    assert!(refused.text().await.unwrap().contains("Nobody has consented"));
    assert_eq!(browser.post(&share, &plan_for("parent")).await.status(), StatusCode::OK, "the family keeps what is theirs");
    let page = browser.page(&share).await;
    assert!(page.contains("The plan for the receiving school") && page.matches("Made by Ms key-worker").count() == 4, "{page}");
    world.stop().await;
}
