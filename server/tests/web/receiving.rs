//! The school that the pupil will attend is another one than the home school: whose calendar counts, who is responsible until when, and
//! whose people say that the return succeeded.

use reqwest::StatusCode;
use server::demo::ids;
use server_core::party::Party;
use server_core::plan::{Answer, PlanState};
use server_core::policy::Code;
use store::organisations::OrganisationRow;
use uuid::Uuid;

use crate::harness::{Browser, World};
use crate::returning::{address, fill, opened, plan};

const DONE: StatusCode = StatusCode::SEE_OTHER;
const WRONG: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

async fn close(world: &World, school: Uuid, first: &str, last: &str) {
    let of = school.to_string();
    let days = [("of", of.as_str()), ("what", "close"), ("first", first), ("last", last), ("reason", "Half-term")];
    assert_eq!(world.browser("coordinator").await.post("/days", &days).await.status(), DONE);
}

async fn goes_to(browser: &Browser, school: &str, name: &str) -> reqwest::Response {
    fill(browser, "head", &[("answer-receiving-school", school), ("name-receiving-school", name)]).await
}

/// One limit of the page of what is due: its day and its arithmetic.
fn limit<'a>(page: &'a str, title: &str) -> &'a str {
    let after = page.split(&format!("<b>{title}</b>")).nth(1).unwrap_or_else(|| panic!("{title} is not on {page}"));
    after.split("</li>").next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn r_h12_h14_h23_limits_count_in_the_calendar_of_the_school_that_the_head_names() {
    let (world, browser) = opened().await;
    // Half-term is not the same week: here from 16 to 20 November, there from 23 to 25, and a week in December.
    close(&world, ids::ALDER_ROAD, "2026-11-16", "2026-11-20").await;
    close(&world, ids::MARSH_LANE, "2026-11-23", "2026-11-25").await;
    close(&world, ids::MARSH_LANE, "2026-11-30", "2026-12-04").await;
    for (event, day) in [("panel-hearing", "2026-11-12"), ("school-start", "2026-11-26")] {
        assert_eq!(browser.post(&address("/due"), &[("event", event), ("day", day)]).await.status(), DONE);
    }
    let page = browser.page(&address("/due")).await;
    let meeting = limit(&page, "Planning meeting held");
    assert!(meeting.contains("By Thursday 3 December 2026"), "{meeting}");
    assert!(meeting.contains("plus 10 school days of the receiving school (Alder Road School)"), "{meeting}");
    assert!(meeting.contains("Not counted: 16–20 November (holiday)."), "{meeting}");
    assert!(limit(&page, "Weekly review with pupil and parent, week 2").contains("By Friday 4 December 2026"), "{page}");
    // The head names another school: the same limits, in its days.
    assert_eq!(goes_to(&browser, &ids::MARSH_LANE.to_string(), "").await.status(), DONE);
    let page = browser.page(&address("/due")).await;
    let meeting = limit(&page, "Planning meeting held");
    assert!(meeting.contains("By Tuesday 8 December 2026"), "{meeting}");
    assert!(meeting.contains("plus 10 school days of the receiving school (Marsh Lane Academy)"), "{meeting}");
    assert!(meeting.contains("Not counted: 23–25 and 30 November–4 December (holiday)."), "{meeting}");
    let review = limit(&page, "Weekly review with pupil and parent, week 2");
    assert!(review.contains("By Friday 11 December 2026"), "the school's clock is Marsh Lane's: {review}");
    assert!(review.contains("school week 2 of the receiving school (Marsh Lane Academy)"), "{review}");
    // What is the provider's stays in the provider's days.
    assert!(limit(&page, "Stage 1 complete and with the school").contains("of the provider (Larkfield Hospital School)"));
    let page = browser.page(&address("/plan")).await;
    assert!(page.contains("<dt>Going to</dt><dd>Marsh Lane Academy</dd>"), "{page}");
    assert!(page.contains("<dt>Answers for the pupil</dt><dd>Alder Road School</dd>"), "H-13: {page}");
    assert!(browser.page(&address("/glide")).await.contains("On site at Marsh Lane Academy"));
    let mine = browser.page("/due").await;
    assert!(mine.contains("Marsh Lane Academy"), "the list of one's own counts alike: {mine}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_h23_a_school_that_is_not_known_here_is_named_by_its_name_and_what_is_assumed_of_it_is_said() {
    let (world, browser) = opened().await;
    let said = [("event", "panel-hearing"), ("day", "2026-11-12")];
    assert_eq!(browser.post(&address("/due"), &said).await.status(), DONE);
    let refused = goes_to(&browser, "other", " ").await;
    assert_eq!(refused.status(), WRONG);
    assert!(refused.text().await.unwrap().contains("Receiving school: write the name of the place"));
    let refused = goes_to(&browser, &ids::MARSH_LANE.to_string(), "Hill School").await;
    assert_eq!(refused.status(), WRONG, "one or the other");
    let page = refused.text().await.unwrap();
    assert!(page.contains("name=\"name-receiving-school\" value=\"Hill School\""), "what was typed is still there: {page}");
    assert_eq!(goes_to(&browser, &Uuid::nil().to_string(), "").await.status(), WRONG, "nobody knows that one");
    assert_eq!(goes_to(&browser, "other", "Hill School").await.status(), DONE);
    assert!(matches!(plan(&world).await.answer(&Code::new("receiving-school").unwrap()), Some(Answer::Place(_))));
    let page = browser.page(&address("/due")).await;
    let assumed = "Hill School is not in Windowseat: its days are taken to be those of Alder Road School.";
    assert!(page.contains(assumed), "{page}");
    let meeting = limit(&page, "Planning meeting held");
    assert!(meeting.contains("By Thursday 26 November 2026") && meeting.contains("counted in the days of Alder Road School"));
    let page = browser.page(&address("/plan")).await;
    assert!(page.contains("<dt>Going to</dt><dd>Hill School</dd>") && page.contains(assumed), "{page}");
    assert!(page.contains("“Hill School”"), "the history says it: {page}");
    // Saved again, it stays; a place of the list takes its stead, whatever stands in the field of the name.
    let before = plan(&world).await.revision();
    assert_eq!(goes_to(&browser, "other", "Hill School").await.status(), DONE);
    assert_eq!(plan(&world).await.revision(), before);
    assert_eq!(goes_to(&browser, &ids::MARSH_LANE.to_string(), "Hill School").await.status(), DONE);
    assert!(browser.page(&address("/plan")).await.contains("<dt>Going to</dt><dd>Marsh Lane Academy</dd>"));
    // A school that is known and has entered no day: said, too.
    let row = OrganisationRow {
        organisation_id: Uuid::from_u128(0xbb01),
        kind: "school".to_owned(),
        name: "Vale School".to_owned(),
        parent_id: Some(ids::AUTHORITY),
        time_zone: "Europe/London".to_owned(),
    };
    world.state.store.add_organisation(&row, None).await.unwrap();
    assert_eq!(goes_to(&browser, &row.organisation_id.to_string(), "").await.status(), DONE);
    let page = browser.page(&address("/due")).await;
    assert!(page.contains("Vale School has entered no closed days: its days are taken to be those of Alder Road School."));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_l11_a_date_past_the_last_closed_day_that_was_entered_says_that_it_may_move() {
    let (world, browser) = opened().await;
    let said = [("event", "school-start"), ("day", "2026-12-14")];
    assert_eq!(browser.post(&address("/due"), &said).await.status(), DONE);
    let page = browser.page(&address("/due")).await;
    let doubt = "No holidays are entered after Friday 1 January 2027: this date may move.";
    let week = |n: u8| limit(&page, &format!("Weekly review with pupil and parent, week {n}"));
    assert!(week(1).contains("By Friday 18 December 2026") && !week(1).contains("may move"), "{}", week(1));
    assert!(week(2).contains("By Friday 8 January 2027") && week(2).contains(doubt), "{}", week(2));
    // Entered further, the doubt goes further, too.
    close(&world, ids::ALDER_ROAD, "2027-02-15", "2027-02-19").await;
    let page = browser.page(&address("/due")).await;
    assert!(!limit(&page, "Weekly review with pupil and parent, week 2").contains("may move"), "{page}");
    assert!(page.contains("No holidays are entered after Friday 19 February 2027: this date may move."), "{page}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_h13_the_right_schools_people_sign_and_responsibility_passes_on_with_the_roll() {
    let (world, browser) = opened().await;
    assert_eq!(goes_to(&browser, &ids::MARSH_LANE.to_string(), "").await.status(), DONE);
    let pack = crate::returning::pack_of(&plan(&world).await);
    let gates = plan(&world).await.gates(&pack).len();
    let names: Vec<String> = (0..gates).map(|n| format!("reason-{n}")).collect();
    let mut begin = vec![("on", "2026-11-16")];
    begin.extend(names.iter().map(|name| (name.as_str(), "Agreed by everybody at the meeting")));
    assert_eq!(fill(&browser, "begin", &begin).await.status(), DONE);
    let lead = world.browser("alder lead").await;
    for party in ["home-school", "receiving-school"] {
        assert_eq!(lead.post(&address("/people"), &[("what", "take"), ("party", party)]).await.status(), DONE);
    }
    let named = [("what", "name"), ("name", "Mr V."), ("reach", ""), ("party", "receiving-school")];
    assert_eq!(browser.post(&address("/people"), &named).await.status(), DONE);
    let parties = world.state.store.parties(ids::ADA_PLACEMENT.0).await.unwrap();
    let of_marsh = parties.iter().find(|row| row.party == Party::ReceivingSchool && row.person.0 != ids::ALDER_LEAD).unwrap();
    let (of_marsh, of_alder) = (of_marsh.person.0.to_string(), ids::ALDER_LEAD.to_string());
    let page = browser.page(&address("/plan")).await;
    let form = page.split("Who says so for The receiving school, Marsh Lane Academy").nth(1).unwrap();
    let form = form.split("</form>").next().unwrap();
    assert!(form.contains("Mr V.") && !form.contains("alder-lead"), "{form}");
    let agree = async |party: &str, who: &str| fill(&browser, "agree", &[("party", party), ("who", who)]).await.status();
    assert_eq!(agree("receiving-school", &of_alder).await, WRONG, "the home school's lead does not speak for another school");
    assert_eq!(agree("receiving-school", &Uuid::nil().to_string()).await, WRONG);
    assert_eq!(agree("receiving-school", &of_marsh).await, DONE);
    // Another school after all: the word of the first is not its word.
    assert_eq!(goes_to(&browser, "other", "Hill School").await.status(), DONE);
    assert!(plan(&world).await.sign_offs().is_empty());
    assert_eq!(goes_to(&browser, &ids::MARSH_LANE.to_string(), "").await.status(), DONE);
    assert_eq!(agree("receiving-school", &of_marsh).await, DONE);
    assert_eq!(agree("home-school", &of_alder).await, DONE);
    let page = browser.page(&address("/plan")).await;
    assert!(page.contains("<dt>Answers for the pupil</dt><dd>Alder Road School</dd>"), "until the plan is closed: {page}");
    let end = [("on", "2026-11-23"), ("outcome", "success"), ("well", "Friends waited at the gate")];
    assert_eq!(fill(&browser, "close", &end).await.status(), DONE);
    assert!(matches!(plan(&world).await.state(), PlanState::Closed(_)));
    let page = browser.page(&address("/plan")).await;
    assert!(page.contains("<dt>Answers for the pupil</dt><dd>Marsh Lane Academy</dd>"), "{page}");
    assert!(page.contains("the roll may follow"), "{page}");
    world.stop().await;
}
