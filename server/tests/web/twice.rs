//! Of two people who write the same thing at once, the second sees both and chooses; nothing is written over unseen.

use std::collections::BTreeMap;

use reqwest::StatusCode;
use server::demo::ids;
use server_core::policy::{Event, Instead, Series};
use store::sheets::{Owner, SheetKind};

use crate::changes::told;
use crate::harness::{Browser, World};

const DONE: StatusCode = StatusCode::SEE_OTHER;

fn address(rest: &str) -> String {
    format!("/pupils/{}{rest}", ids::ADA)
}

/// The key worker, and the lead of the pupil's school.
async fn two(world: &World) -> (Browser, Browser) {
    let jo = world.browser("key worker").await;
    let begin = [("policy", "havering"), ("route", "medical"), ("length", "phased-return"), ("goal", "home-school")];
    assert_eq!(jo.post(&address("/plan"), &begin).await.status(), DONE);
    (jo, world.browser("alder lead").await)
}

/// The answer is a choice between what the key worker wrote and what was typed.
async fn choice(answer: reqwest::Response, theirs_and_mine: &str) -> String {
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    let page = answer.text().await.unwrap();
    let words = ["Ms key-worker saved this while you wrote", "On 23 November 2026, 09:20.", "Keep theirs", "Write mine"];
    for words in words.into_iter().chain([theirs_and_mine]) {
        assert!(page.contains(words), "{words}: {page}");
    }
    page
}

/// Presses the button that writes what was typed all the same.
async fn write_mine(browser: &Browser, page: &str) {
    let form = page.split_once("id=\"mw\"").unwrap().1.split_once("<form").unwrap().1.split_once("</form>").unwrap().0;
    let value = |text: &str, name: &str| text.split_once(name).unwrap().1.split('"').next().unwrap().to_owned();
    let fields = form.split("<input").skip(1).map(|field| (value(field, "name=\""), value(field, "value=\"")));
    let fields: Vec<_> = fields.filter(|(name, _)| name != "csrf").collect();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(browser.post(&value(form, "action=\""), &fields).await.status(), DONE, "{fields:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_limits_are_counted_from() {
    let world = World::start().await;
    let (jo, lead) = two(&world).await;
    let path = address("/due");
    let kept = async || world.state.store.case_rows(ids::ADA_PLACEMENT.0).await.unwrap().events;
    let said = |day| [("event", "panel-hearing"), ("day", day)];
    let old = lead.page(&path).await;
    assert_eq!(jo.save(&path, &said("2026-11-05")).await.status(), DONE);
    let both = "Ms key-worker: 5 November 2026<br>You: 12 November 2026";
    let page = choice(lead.save_seen(&path, &old, &said("2026-11-12")).await, both).await;
    assert_eq!(kept().await, BTreeMap::from([(Event::PanelHearing, "2026-11-05".parse().unwrap())]), "nothing is lost");
    // A slip in between does not turn the choice into one that nobody made; the same day as theirs is none.
    let slip = lead.save_seen(&path, &old, &said("soon")).await;
    assert_eq!(slip.status(), StatusCode::UNPROCESSABLE_ENTITY);
    choice(lead.save_seen(&path, &slip.text().await.unwrap(), &said("2026-11-12")).await, both).await;
    assert_eq!(lead.save_seen(&path, &old, &said("2026-11-05")).await.status(), DONE);
    // Another day of the same page is nobody's.
    let start = [("event", "provider-start"), ("day", "2026-11-16")];
    assert_eq!(lead.save_seen(&path, &old, &start).await.status(), DONE);
    write_mine(&lead, &page).await;
    assert_eq!(kept().await[&Event::PanelHearing].to_string(), "2026-11-12");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_h1_a_word_about_a_limit_and_a_contact() {
    let world = World::start().await;
    let (jo, lead) = two(&world).await;
    let (due, word) = (address("/due"), address("/due/word"));
    let kept = async || world.state.store.case_rows(ids::ADA_PLACEMENT.0).await.unwrap().overrides;
    let (of_jo, of_lead) = (jo.page(&due).await, lead.page(&due).await);
    let limit = [("rule", "planning-meeting"), ("week", "")];
    let ward = [("what", "day"), ("day", "2026-12-04"), ("reason", "The ward is closed")];
    assert_eq!(jo.save_seen(&word, &of_jo, &[&limit[..], &ward].concat()).await.status(), DONE);
    let mine = [&limit[..], &[("what", "not"), ("day", ""), ("reason", "Both schools met")]].concat();
    let both = "<b>Planning meeting held</b><br>Ms key-worker: by 4 December 2026 here. The ward is closed.<br>\
                You: does not apply here. Both schools met.";
    let page = choice(lead.save_seen(&word, &of_lead, &mine).await, both).await;
    assert_eq!(kept().await.len(), 1, "nothing is lost");
    // Another limit of the same page is nobody's.
    let other = [("rule", "four-week-review"), ("week", ""), ("what", "not"), ("reason", "There is none")];
    assert_eq!(lead.save_seen(&word, &of_lead, &other).await.status(), DONE);
    write_mine(&lead, &page).await;
    let last = kept().await.pop().unwrap();
    assert_eq!((last.rule.as_str(), &last.instead), ("planning-meeting", &Instead::DoesNotApply));

    let (contacts, instead) = (address("/contacts"), address("/contacts/instead"));
    let (of_jo, of_lead) = (jo.page(&contacts).await, lead.page(&contacts).await);
    let rule = [("rule", "parent"), ("period", "1")];
    let theirs = [("what", "count"), ("every", "3"), ("reason", "He works abroad")];
    assert_eq!(jo.save_seen(&instead, &of_jo, &[&rule[..], &theirs].concat()).await.status(), DONE);
    let mine = [&rule[..], &[("what", "day"), ("day", "2026-12-04"), ("reason", "She <asked> for it")]].concat();
    let both = "Ms key-worker: 3 in place of the policy’s number. He works abroad.<br>\
                You: by 4 December 2026 here. She &#60;asked&#62; for it.";
    let page = choice(lead.save_seen(&instead, &of_lead, &mine).await, both).await;
    assert!(page.contains("name=\"reason\" value=\"She &#60;asked&#62; for it\""), "what was typed stays: {page}");
    assert!(!kept().await.iter().any(|own| matches!(own.instead, Instead::Day(_)) && own.rule.as_str() == "parent"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_3_how_somebody_is_reached() {
    let world = World::start().await;
    let (jo, lead) = two(&world).await;
    let path = address("/people");
    let named = [("what", "name"), ("name", "Mr V."), ("reach", "By text"), ("party", "advocate")];
    assert_eq!(jo.post(&path, &named).await.status(), DONE);
    let kept = async || world.state.store.persons_of(ids::ADA).await.unwrap().remove(0);
    let person = kept().await.person_id.to_string();
    let reach = |words| [("what", "reach"), ("person", person.as_str()), ("reach", words)];
    let old = lead.page(&path).await;
    assert_eq!(jo.save(&path, &reach("After six, by telephone")).await.status(), DONE);
    let both = "<b>How to reach Mr V.</b><br>Ms key-worker: After six, by telephone<br>You: By post";
    let page = choice(lead.save_seen(&path, &old, &reach("By post")).await, both).await;
    assert_eq!(kept().await.reach.as_deref(), Some("After six, by telephone"), "nothing is lost");
    write_mine(&lead, &page).await;
    assert_eq!(kept().await.reach.as_deref(), Some("By post"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_pupil_is() {
    let world = World::start().await;
    let (jo, lead) = two(&world).await;
    let path = address("/register");
    let kept = async || world.state.store.sheets(Owner::Placement(ids::ADA_PLACEMENT.0), SheetKind::Place).await.unwrap().len();
    let before = kept().await;
    let at = |place| [("place", place), ("from", "2026-11-16")];
    let old = lead.page(&path).await;
    assert_eq!(jo.save(&path, &at("home")).await.status(), DONE);
    assert_eq!(lead.save_seen(&path, &old, &at("home")).await.status(), DONE, "they say the same");
    let both = "Ms key-worker: At home, from 16 November 2026<br>You: In hospital, from 16 November 2026";
    let page = choice(lead.save_seen(&path, &old, &at("hospital")).await, both).await;
    assert_eq!(kept().await, before + 1, "nothing is lost");
    assert!(page.contains("<option value=\"hospital\" selected>"), "what was typed stays: {page}");
    write_mine(&lead, &page).await;
    let page = lead.page(&path).await;
    assert!(page.contains("In hospital, from 16 November 2026. Said by Ms alder-lead."), "{page}");
    assert_eq!(kept().await, before + 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn x7_whether_the_pupil_was_at_school() {
    let world = World::start().await;
    let (jo, lead) = two(&world).await;
    let path = address("/glide");
    let kept = async || {
        let day = "2026-11-17".parse().unwrap();
        let rows = world.state.store.stated_half_days(ids::ADA_PLACEMENT.0, day, day).await.unwrap();
        rows.iter().map(|row| row.word.was_there).collect::<Vec<_>>()
    };
    let start = [("event", "provider-start"), ("day", "2026-11-02")];
    assert_eq!(jo.post(&address("/due"), &start).await.status(), DONE);
    let (me, their) = (ids::ALDER_LEAD.to_string(), ids::KEY_WORKER.to_string());
    let old = lead.page(&path).await;
    assert_eq!(jo.save(&path, &[("day", "2026-11-17"), ("by", &their), ("am", "there")]).await.status(), DONE);
    let mine = [("day", "2026-11-17"), ("by", me.as_str()), ("am", "not"), ("pm", "not")];
    let both = "<b>Tuesday 17 November, morning</b><br>Ms key-worker: was there<br>You: was not";
    let page = choice(lead.save_seen(&path, &old, &mine).await, both).await;
    assert_eq!(kept().await, [Some(true)], "nothing is lost, and nothing is half written");
    write_mine(&lead, &page).await;
    assert_eq!(kept().await, [Some(false), Some(false)]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h_14_closed_days_and_the_days_of_the_panel_which_have_a_history() {
    let world = World::start().await;
    let (coordinator, lead) = (world.browser("coordinator").await, world.browser("alder lead").await);
    let (of, all) = (ids::ALDER_ROAD.to_string(), ids::AUTHORITY.to_string());
    let (path, panel) = (format!("/days?of={of}"), format!("/days?of={all}"));
    let close = |first, last, why| [("of", of.as_str()), ("what", "close"), ("first", first), ("last", last), ("reason", why)];
    let old = coordinator.page(&path).await;
    assert_eq!(lead.save_seen("/days", &old, &close("2026-12-11", "2026-12-14", "Boiler")).await.status(), DONE);
    let answer = coordinator.save_seen("/days", &old, &close("2026-12-09", "2026-12-14", "INSET")).await;
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    let page = answer.text().await.unwrap();
    let both = "<b>11 December 2026 to 14 December 2026</b><br>Ms alder-lead: closed, “Boiler”<br>You: closed, “INSET”";
    assert!(page.contains("Ms alder-lead saved this while you wrote") && page.contains(both), "{page}");
    assert!(page.contains("value=\"2026-12-09\"") && page.contains("value=\"INSET\""), "what was typed stays: {page}");
    let kept = async || world.state.store.calendar(ids::ALDER_ROAD).await.unwrap().unwrap().closures;
    let why = |all: &[(chrono::NaiveDate, String)], day: &str| {
        all.iter().find(|(known, _)| known.to_string() == day).map(|(_, why)| why.clone())
    };
    let now = kept().await;
    assert_eq!((why(&now, "2026-12-09"), why(&now, "2026-12-14").as_deref()), (None, Some("Boiler")), "nothing is lost");
    // Other days of the same page are nobody's.
    assert_eq!(coordinator.save_seen("/days", &old, &close("2026-12-03", "", "INSET")).await.status(), DONE);
    write_mine(&coordinator, &page).await;
    assert_eq!(why(&kept().await, "2026-12-14").as_deref(), Some("INSET"));
    // Opened again by whoever saw why they were closed.
    let open = [("of", of.as_str()), ("what", "open"), ("first", "2026-12-11"), ("last", "2026-12-11")];
    assert_eq!(lead.save_seen("/days", &old, &open).await.status(), StatusCode::CONFLICT);
    let page = lead.page(&path).await;
    assert_eq!(lead.save_seen("/days", &page, &open).await.status(), DONE);
    assert_eq!(why(&kept().await, "2026-12-11"), None);

    let page = lead.page(&path).await;
    let own = |side: [&str; 3]| side.map(str::to_owned);
    assert_eq!(
        told(&page, "9 December 2026 to 10 December 2026"),
        [own(["Ms coordinator", "open", "closed, “INSET”"])],
        "{page}"
    );
    let twice = told(&page, "11 December 2026 to 14 December 2026");
    assert_eq!(
        twice,
        [own(["Ms coordinator", "closed, “Boiler”", "closed, “INSET”"]), own(["Ms alder-lead", "open", "closed, “Boiler”"])],
        "{page}"
    );
    assert!(page.contains("23 November 2026, 09:20"), "{page}");

    // Whoever adds days of the panel at once with others takes none of theirs away.
    let add = async |day: &'static str| {
        let form = [("of", all.as_str()), ("what", "panel"), ("day", day)];
        coordinator.post("/days", &form).await.status()
    };
    let done = tokio::join!(add("2026-12-08"), add("2026-12-10"), add("2026-12-15"), add("2026-12-17"), add("2027-01-12"));
    assert_eq!(done, (DONE, DONE, DONE, DONE, DONE));
    let off = [("of", all.as_str()), ("what", "no-panel"), ("day", "2026-12-10")];
    assert_eq!(coordinator.post("/days", &off).await.status(), DONE);
    let days = world.state.store.series(ids::AUTHORITY, Series::Panel).await.unwrap();
    let days: Vec<_> = days.iter().map(ToString::to_string).collect();
    for day in ["2026-12-08", "2026-12-15", "2026-12-17", "2027-01-12"] {
        assert!(days.iter().any(|known| known == day), "{day}: {days:?}");
    }
    assert!(!days.iter().any(|known| known == "2026-12-10"), "{days:?}");
    let page = coordinator.page(&panel).await;
    let (meets, not) = ("the panel meets", "it does not meet");
    let expected = [own(["Ms coordinator", meets, not]), own(["Ms coordinator", not, meets])];
    assert_eq!(told(&page, "10 December 2026"), expected, "{page}");
    assert!(told(&lead.page(&path).await, "10 December 2026").is_empty(), "an authority's history is not a school's");
    world.stop().await;
}
