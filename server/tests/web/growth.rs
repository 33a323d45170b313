//! Growth in the framework's areas, what helps, contacts and the glide path, as people see and write them.

use reqwest::StatusCode;
use server::demo::ids;
use server_core::framework::{Area, Domain};

use crate::harness::World;

const DONE: StatusCode = StatusCode::SEE_OTHER;
const WRONG: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

fn address(rest: &str) -> String {
    format!("/pupils/{}{rest}", ids::ADA)
}

#[tokio::test(flavor = "multi_thread")]
async fn r_f1_f_4_f_5_a_14_looks_over_time_are_drawn_and_tabled_by_voice_without_any_total() {
    let world = World::start().await;
    let browser = world.browser("key worker").await;
    let empty = browser.page(&address("/growth")).await;
    assert!(empty.contains("There is no look in this voice yet."), "{empty}");
    for (on, resilience) in [("2026-09-14", "Mostly alone"), ("2026-11-10", "With help")] {
        let look = [
            ("voice", "staff"),
            ("on", on),
            ("scale", "plain.1"),
            ("step-resilience", resilience),
            ("step-social-skills", "Settled"),
            ("note-resilience", "After the <treatment>"),
        ];
        assert_eq!(browser.post(&address("/growth/look"), &look).await.status(), DONE);
    }
    let page = browser.page(&address("/growth")).await;
    assert_eq!(Area::ALL.len(), 18);
    for domain in Domain::ALL {
        assert!(page.contains(domain.words()), "{}", domain.words());
    }
    assert!(page.contains("Resilience: mostly alone on 14 Sep, with help on 10 Nov."), "a step back is told: {page}");
    let table = page.split("The same as a table").nth(1).unwrap();
    assert!(table.contains("14 September 2026") && table.contains("Not looked at"), "{table}");
    assert!(page.contains("There is no total, by design."));
    for total in ["Total", "Average", "Score", "%"] {
        assert!(!page.contains(total), "{total}");
    }
    // Another voice stands beside, not over it.
    let pupil = [("voice", "pupil"), ("on", "2026-11-10"), ("scale", "plain.1"), ("step-resilience", "Settled")];
    assert_eq!(browser.post(&address("/growth/look"), &pupil).await.status(), DONE);
    assert!(browser.page(&address("/growth?voice=pupil")).await.contains("Resilience: settled on 10 Nov."));
    assert!(browser.page(&address("/growth")).await.contains("2 looks, in the voice of staff."));
    for wrong in [("on", "2026-11-24"), ("voice", "nobody"), ("step-resilience", "7"), ("step-resilience", "")] {
        let mut look = vec![("voice", "staff"), ("on", "2026-11-20"), ("step-resilience", "Settled")];
        look.retain(|(name, _)| *name != wrong.0);
        look.push(wrong);
        assert_eq!(browser.post(&address("/growth/look"), &look).await.status(), WRONG, "{wrong:?}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_f8_f_4_a_new_version_of_a_scale_hides_no_earlier_look() {
    let world = World::start().await;
    let (browser, coordinator) = (world.browser("key worker").await, world.browser("coordinator").await);
    let of = ids::AUTHORITY.to_string();
    let scale = |steps: [&'static str; 3]| {
        let [a, b, c] = steps;
        [("title", "Fennshire steps"), ("step-0", a), ("step-1", b), ("step-2", c)]
    };
    let mut keys = Vec::new();
    for (steps, on) in [(["Not yet", "With help", "Alone"], "2026-09-14"), (["Beginning", "Nearly", "There"], "2026-11-10")] {
        let mut form = vec![("of", of.as_str())];
        form.extend(scale(steps));
        assert_eq!(coordinator.post("/scales", &form).await.status(), DONE);
        let page = browser.page(&address("/growth/look")).await;
        let key = page.split("<option value=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
        let key = key.filter(|key| key.contains('.') && !key.starts_with("plain.") && !keys.contains(key)).last().unwrap();
        let look = [("voice", "staff"), ("on", on), ("scale", key.as_str()), ("step-resilience", steps[1])];
        assert_eq!(browser.post(&address("/growth/look"), &look).await.status(), DONE, "{key}");
        keys.push(key);
    }
    let page = browser.page(&address("/growth")).await;
    assert!(page.contains("2 looks, in the voice of staff."), "{page}");
    let (now, earlier) = page.split_once("Earlier looks: Fennshire steps, version 1").unwrap();
    let table = now.split("The same as a table").nth(1).unwrap();
    assert!(table.contains("version 2") && table.contains("10 November 2026") && table.contains(">Nearly</td>"), "{table}");
    assert!(!table.contains("14 September 2026"), "steps of two scales are not in one table: {table}");
    assert!(earlier.contains("14 September 2026") && earlier.contains(">With help</td>"), "{earlier}");
    assert!(earlier.contains("Resilience: with help on 14 Sep."), "and its picture: {earlier}");
    assert!(earlier.contains("Steps: not yet, with help, alone."), "{earlier}");
    // Of one scale, no look is left out, however many there are.
    for day in 11..=17 {
        let on = format!("2026-11-{day}");
        let look = [("voice", "staff"), ("on", on.as_str()), ("scale", keys[1].as_str()), ("step-resilience", "There")];
        assert_eq!(browser.post(&address("/growth/look"), &look).await.status(), DONE);
    }
    let page = browser.page(&address("/growth")).await;
    for day in 10..=17 {
        assert!(page.contains(&format!(">{day} November 2026</th>")), "{day}: {page}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_f2_f_6_the_page_for_the_school_has_what_is_shared_and_nothing_else() {
    let world = World::start().await;
    let browser = world.browser("key worker").await;
    let notes = [
        ("revision", "0"),
        ("strength-0", "Asks good questions"),
        ("share-strength-0", "on"),
        ("trigger-0", "Being asked why"),
    ];
    assert_eq!(browser.post(&address("/growth/profile"), &notes).await.status(), DONE);
    let shared = browser.page(&address("/growth/shared")).await;
    assert!(shared.contains("Asks good questions") && !shared.contains("Being asked why"), "{shared}");
    // Somebody who saves an older page is shown the newer one and keeps what they typed.
    let old = browser.post(&address("/growth/profile"), &[("revision", "0"), ("need-0", "A quiet start")]).await;
    assert_eq!(old.status(), StatusCode::CONFLICT);
    let page = old.text().await.unwrap();
    assert!(page.contains("Asks good questions") && page.contains("value=\"A quiet start\""), "{page}");
    assert!(page.contains("name=\"revision\" value=\"1\""), "{page}");
    assert!(!browser.page(&address("/growth")).await.contains("A quiet start"), "nothing is saved yet");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_l5_a_15_a_23_a_connection_alone_is_not_contact_and_what_is_owed_is_listed() {
    let world = World::start().await;
    server::demo::seed_record(&world.state.store, world.now()).await.unwrap();
    let browser = world.browser("key worker").await;
    let page = browser.page(&address("/contacts")).await;
    assert!(page.contains("Home school and pupil speak") && page.contains("Is the robot still used?"), "{page}");
    assert!(page.contains("Does not count. Nobody answered"), "an attempt is written down: {page}");
    // Report: "Due in 3 days", "Was due 2 days ago", "Done", "Done" in a row, and nothing said which week each was.
    let weekly = page.split("<b>Home school and pupil speak</b>").nth(1).unwrap().split("</ul>").next().unwrap();
    let weeks: Vec<_> =
        weekly.split("<li").skip(1).map(|one| one.split("<b>").nth(1).unwrap().split("</b>").next().unwrap()).collect();
    let open = ["Week of Monday 23 November", "Week of Monday 16 November"];
    assert_eq!((weeks.len(), &weeks[..2]), (4, &open[..]), "what is open comes first: {weekly}");
    assert!(weekly.rfind("By ").unwrap() < weekly.find("Done on ").unwrap(), "{weekly}");
    assert!(page.contains("<b>Weeks of Monday "), "of several weeks: {page}");
    let visits = world.state.store.ended_visits(ids::ADA, world.now() - chrono::Days::new(14), world.now()).await.unwrap();
    let visit = visits[0].session_id.to_string();
    let robot = [("on", "2026-11-23"), ("by", "robot"), ("visit", &visit), ("with-pupil", "on"), ("with-home-school", "on")];
    let before = page.matches("Counts: Home school and pupil speak").count();
    assert_eq!(browser.post(&address("/contacts"), &robot).await.status(), DONE);
    let page = browser.page(&address("/contacts")).await;
    assert_eq!(page.matches("Counts: Home school and pupil speak").count(), before);
    assert!(page.contains("A connection alone is not contact: name the person who spoke with the pupil."), "{page}");
    let spoke = ids::ALDER_LEAD.to_string();
    let mut named = robot.to_vec();
    named.push(("spoke", &spoke));
    assert_eq!(browser.post(&address("/contacts"), &named).await.status(), DONE);
    let page = browser.page(&address("/contacts")).await;
    assert_eq!(page.matches("Counts: Home school and pupil speak").count(), before + 1);
    assert!(
        page.contains("By robot, Ms alder-lead spoke with the pupil") || page.contains("by robot, Ms alder-lead spoke"),
        "{page}"
    );
    let invented = [("on", "2026-11-23"), ("by", "robot"), ("visit", &spoke), ("with-pupil", "on")];
    assert_eq!(browser.post(&address("/contacts"), &invented).await.status(), WRONG, "there was no such visit");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_h25_a_24_the_glide_path_shows_plan_and_fact_and_ends_in_a_question() {
    let world = World::start().await;
    let browser = world.browser("key worker").await;
    assert!(browser.page(&address("/glide")).await.contains("There is no plan yet"));
    server::demo::seed_record(&world.state.store, world.now()).await.unwrap();
    let page = browser.page(&address("/glide")).await;
    assert!(page.contains("Provider week 5 of 12."), "{page}");
    let rows = page.split("The same as a table").nth(1).unwrap();
    assert!(rows.contains("On site 4, by robot 4, elsewhere 1, rest 1") && rows.contains("this week"), "{rows}");
    assert!(rows.contains("Elsewhere 2 (as planned), rest 6 (as planned), not known 2"), "nobody said where she was: {rows}");
    assert!(rows.contains("the plan has it so, and nobody has said otherwise"), "{rows}");
    let question = page.split("A question for the review").nth(1).unwrap();
    assert!(question.contains("No half-days on site were planned in weeks 1 to 4, and nobody has said that"), "{question}");
    assert!(question.split("</section>").next().unwrap().contains("?</b>"), "{question}");
    let (before, picture) = page.split_once("<figure>").unwrap();
    let after = picture.split_once("</figure>").unwrap().1;
    assert!(!before.contains('%') && !after.contains('%'), "no share of anything");
    // Report: a phone showed five of twelve weeks, cut at today. Widths are shares of the picture, and nothing has to be scrolled.
    assert!(
        picture.contains(">12</text>")
            && !page.contains("class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Picture")
    );
    // The record has the same picture, and where the plan stands.
    let record = browser.page(&address("")).await;
    assert!(record.contains("Glide path back to school") && record.contains("Planning meeting,"), "{record}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_say_that_they_are_the_engagement_record_and_name_nobody_in_their_address() {
    let world = World::start().await;
    server::demo::seed_record(&world.state.store, world.now()).await.unwrap();
    let browser = world.browser("key worker").await;
    let look = [("voice", "pupil"), ("on", "2026-11-10"), ("step-resilience", "Settled"), ("note-resilience", "=HYPERLINK()")];
    assert_eq!(browser.post(&address("/growth/look"), &look).await.status(), DONE);
    for file in ["weeks.csv", "history.csv", "growth.csv", "plan.json"] {
        let answer = browser.get(&address(&format!("/export/{file}"))).await;
        assert_eq!(answer.status(), StatusCode::OK, "{file}");
        let name = answer.headers()["content-disposition"].to_str().unwrap().to_owned();
        assert!(name.starts_with("attachment") && name.ends_with(&format!("{file}\"")) && !name.contains("Ada"), "{name}");
        let text = answer.text().await.unwrap();
        assert!(text.contains("Engagement record, not the register"), "{file}: {text}");
    }
    let weeks = browser.page(&address("/export/weeks.csv")).await;
    assert!(weeks.lines().count() == 2 + 12, "{weeks}");
    assert!(browser.page(&address("/export/growth.csv")).await.contains("Resilience,Settled,'=HYPERLINK()"));
    let plan: serde_json::Value = serde_json::from_str(&browser.page(&address("/export/plan.json")).await).unwrap();
    let fields = plan["fields"].as_array().unwrap();
    assert!(
        fields.iter().any(|field| field["title"] == "Planning meeting 2, the pupil" && field["value"] == "by robot"),
        "{plan}"
    );
    let history = browser.page(&address("/export/history.csv")).await;
    assert!(history.contains("Pattern of week 8") && history.contains("On site 4"), "{history}");
    // Who runs the robots sees no growth, in files either.
    assert_eq!(world.browser("coordinator").await.get(&address("/export/growth.csv")).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(browser.get(&address("/export/register.csv")).await.status(), StatusCode::NOT_FOUND);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_a11_a_13_a_goal_has_its_authors_the_pupils_words_and_those_who_stand_by_these_words() {
    let world = World::start().await;
    let browser = world.browser("key worker").await;
    let goal = [
        ("what", "new"),
        ("family", "attendance"),
        ("words", "Two days on site by week 8"),
        ("pupil-words", "Mondays with my friends"),
        ("author-pupil", "on"),
        ("author-key-worker", "on"),
        ("review", "2026-11-20"),
    ];
    let nobody: Vec<_> = goal.iter().copied().filter(|(name, _)| !name.starts_with("author")).collect();
    assert_eq!(browser.post(&address("/goals"), &nobody).await.status(), WRONG, "somebody wrote it");
    assert_eq!(browser.post(&address("/goals"), &goal).await.status(), DONE);
    let page = browser.page(&address("/goals")).await;
    assert!(page.contains("“Mondays with my friends”") && page.contains("Written by the pupil and the key worker"), "{page}");
    assert!(page.contains("Look at it again"), "its day has passed");
    let id = crate::harness::hidden(&page, "goal");
    let who = ids::ADA.to_string();
    let stand = [
        ("what", "stand"),
        ("goal", id.as_str()),
        ("revision", "1"),
        ("wording", "1"),
        ("party", "pupil"),
        ("who", who.as_str()),
    ];
    assert_eq!(browser.post(&address("/goals"), &stand).await.status(), DONE);
    assert_eq!(browser.page(&address("/goals")).await.matches("class=\"chip live\"").count(), 1);
    assert_eq!(browser.post(&address("/goals"), &stand).await.status(), StatusCode::CONFLICT, "an older page");
    let anew = [
        ("what", "reword"),
        ("goal", id.as_str()),
        ("revision", "2"),
        ("words", "Mondays and Tuesdays on site"),
        ("author-key-worker", "on"),
    ];
    assert_eq!(browser.post(&address("/goals"), &anew).await.status(), DONE);
    let page = browser.page(&address("/goals")).await;
    assert!(!page.contains("class=\"chip live\""), "other words: everybody is asked again. {page}");
    assert!(page.contains("Earlier words") && page.contains("Two days on site by week 8"), "{page}");
    let old = [
        ("what", "stand"),
        ("goal", id.as_str()),
        ("revision", "3"),
        ("wording", "1"),
        ("party", "pupil"),
        ("who", who.as_str()),
    ];
    let refused = browser.post(&address("/goals"), &old).await;
    assert_eq!(refused.status(), WRONG);
    assert!(refused.text().await.unwrap().contains("The words have changed"));
    let end =
        [("what", "finish"), ("goal", id.as_str()), ("revision", "3"), ("became", "reached"), ("how", "Since 16 November")];
    assert_eq!(browser.post(&address("/goals"), &end).await.status(), DONE);
    assert!(browser.page(&address("/goals")).await.contains("Reached on 23 November 2026: Since 16 November"));
    world.stop().await;
}
