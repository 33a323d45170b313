//! The plan's page: it begins, is filled in, and two people who have it open lose nothing.

use reqwest::StatusCode;
use server::demo::ids;
use server_core::plan::{Answer, ReintegrationPlan};
use server_core::policy::Code;

use crate::harness::{Browser, World, hidden};

const BEGIN: [(&str, &str); 5] = [
    ("policy", "havering"),
    ("route", "medical"),
    ("length", "phased-return"),
    ("goal", "home-school"),
    ("words", "Go back after <Christmas>."),
];

fn address(rest: &str) -> String {
    format!("/pupils/{}/plan{rest}", ids::ADA)
}

async fn plan(world: &World) -> ReintegrationPlan {
    world.state.store.plans_of(ids::ADA_PLACEMENT.0).await.unwrap().remove(0).plan
}

fn text(plan: &ReintegrationPlan, field: &str) -> Option<String> {
    match plan.answer(&Code::new(field).unwrap())? {
        Answer::Words(words) => Some(words.expose().to_owned()),
        Answer::YesNo(yes) => Some(yes.to_string()),
        _ => None,
    }
}

/// A form as somebody has it open.
struct Open {
    plan: String,
    revision: String,
}

impl Open {
    async fn by(browser: &Browser) -> Self {
        Self::of(&browser.page(&address("")).await)
    }

    fn of(page: &str) -> Self {
        Self { plan: hidden(page, "plan"), revision: hidden(page, "revision") }
    }

    async fn save(&self, browser: &Browser, part: &str, fields: &[(&str, &str)]) -> reqwest::Response {
        let mut all = vec![("plan", self.plan.as_str()), ("revision", self.revision.as_str())];
        all.extend_from_slice(fields);
        browser.post(&address(part), &all).await
    }
}

async fn begun() -> (World, Browser, Browser) {
    let world = World::start().await;
    let (jo, sam) = (world.browser("key worker").await, world.browser("alder lead").await);
    assert!(jo.page(&address("")).await.contains("There is no plan yet."));
    assert_eq!(jo.post(&address(""), &BEGIN).await.status(), StatusCode::SEE_OTHER);
    (world, jo, sam)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_begins_as_a_draft_and_keeps_who_changed_what() {
    let (world, jo, sam) = begun().await;
    let page = sam.page(&address("")).await;
    assert!(page.contains("Draft") && page.contains("Back to the home school"), "{page}");
    assert!(page.contains("Go back after &#60;Christmas&#62;."), "what people type is escaped");
    let form = Open::by(&jo).await;
    let saved = form.save(&jo, "/aims", &[("answer-aims", "Keep up with science"), ("answer-on-track", "yes")]).await;
    assert_eq!(saved.status(), StatusCode::SEE_OTHER);
    assert_eq!(saved.headers()["location"], format!("/pupils/{}/plan#s1", ids::ADA));
    assert_eq!(text(&plan(&world).await, "aims").as_deref(), Some("Keep up with science"));
    let page = sam.page(&address("")).await;
    let history = page.split("Who changed what").nth(1).unwrap();
    assert!(history.contains("“Keep up with science”") && history.contains("Ms key-worker"), "{history}");
    // Saving what is there already changes nothing.
    let before = plan(&world).await.revision();
    let form = Open::by(&jo).await;
    form.save(&jo, "/aims", &[("answer-aims", "Keep up with science"), ("answer-on-track", "yes")]).await;
    assert_eq!(plan(&world).await.revision(), before);
    let read = world.state.store.audit_of(ids::ADA, 100).await.unwrap();
    for action in ["read plan", "begin plan", "change plan"] {
        assert!(read.iter().any(|row| row.action == action && row.actor_id == Some(ids::KEY_WORKER)), "{action}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_saves_second_is_shown_what_the_first_wrote_and_chooses() {
    let (world, jo, sam) = begun().await;
    let (of_jo, of_sam) = (Open::by(&jo).await, Open::by(&sam).await);
    let wrote = [("answer-aims", "Science"), ("answer-on-track", "yes"), ("answer-target-academic", "Topic 3")];
    assert_eq!(of_jo.save(&jo, "/aims", &wrote).await.status(), StatusCode::SEE_OTHER);
    // The second form was opened before. It has other aims, an attendance target, and nothing where the first wrote a target.
    let typed = [("answer-aims", "Friends"), ("answer-target-academic", ""), ("answer-target-attendance", "Two days")];
    let answer = of_sam.save(&sam, "/aims", &typed).await;
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    let page = answer.text().await.unwrap();
    assert_eq!(text(&plan(&world).await, "target-attendance"), None, "nothing is saved yet");
    assert!(page.contains("Somebody else saved this plan while you wrote") && page.contains("Ms key-worker"), "{page}");
    assert!(page.contains(">Friends</textarea>"), "what the second typed is still there");
    assert!(
        page.contains("wrote: “Science”") && page.contains("name=\"take-aims\""),
        "and what the first wrote, with a choice"
    );
    assert!(page.contains("value=\"Topic 3\""), "what the second did not touch is as the first wrote it");
    assert!(!page.contains("name=\"take-target-academic\""), "and no choice is asked where there is none");
    assert!(page.contains("value=\"Two days\""));
    // The second keeps the first one's aims, and saves the rest.
    let form = Open::of(&page);
    let chosen = [
        ("answer-aims", "Friends"),
        ("take-aims", "theirs"),
        ("answer-on-track", "yes"),
        ("answer-target-academic", "Topic 3"),
        ("answer-target-attendance", "Two days"),
    ];
    assert_eq!(form.save(&sam, "/aims", &chosen).await.status(), StatusCode::SEE_OTHER);
    let both = plan(&world).await;
    let kept = ["aims", "target-academic", "target-attendance"].map(|field| text(&both, field).unwrap());
    assert_eq!(kept, ["Science", "Topic 3", "Two days"]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_on_a_page_of_its_own_and_every_field_has_its_life() {
    let (world, jo, sam) = begun().await;
    for n in 1..=60 {
        let target = format!("Topic {n}");
        let saved = Open::by(&jo).await.save(&jo, "/aims", &[("answer-target-academic", target.as_str())]).await;
        assert_eq!(saved.status(), StatusCode::SEE_OTHER);
    }
    let (mut at, mut seen) = (address("/history"), Vec::new());
    let pages = loop {
        let page = sam.page(&at).await;
        let cells =
            |row: &str| row.split("<td").skip(1).map(|cell| cell.split_once('>').unwrap().1.to_owned()).collect::<Vec<_>>();
        let rows = page.split("<tr>").skip(2).map(cells);
        seen.extend(rows.map(|cells| {
            let text = |n: usize| cells[n].split("</td>").next().unwrap().to_owned();
            (text(1), text(3), text(4))
        }));
        let Some(older) = page.split("rel=\"next\"").next().filter(|before| before.len() < page.len()) else { break at };
        at = older.rsplit("href=\"").next().unwrap().split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
    };
    assert_ne!(pages, address("/history"), "there is more than one page");
    for n in 2..=60 {
        let became = ("Ms key-worker".to_owned(), format!("Topic {}", n - 1), format!("Topic {n}"));
        assert_eq!(seen.iter().filter(|row| **row == became).count(), 1, "{became:?} in {seen:?}");
    }
    let life = sam.page(&address("/history?field=answer.target-academic")).await;
    assert!(life.contains("Topic 60") && life.contains("Every field") && !life.contains("Go back after"), "{life}");
    assert_eq!(sam.get(&address("/history?field=%3Cb%3E")).await.status(), StatusCode::NOT_FOUND);
    let stranger = world.browser("other key worker").await;
    assert_eq!(stranger.get(&address("/history")).await.status(), StatusCode::NOT_FOUND);
    world.stop().await;
}

const WEEK: [(&str, &str); 10] = [
    ("at-mon-am", "s"),
    ("at-mon-pm", "s"),
    ("at-tue-am", "r"),
    ("at-tue-pm", "r"),
    ("at-wed-am", "o"),
    ("at-wed-pm", "-"),
    ("at-thu-am", "r"),
    ("at-thu-pm", "-"),
    ("at-fri-am", "s"),
    ("at-fri-pm", "s"),
];

fn week<'a>(number: &'a str, monday: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![("week", number)];
    fields.extend(WEEK.iter().map(|(name, place)| (*name, if *name == "at-mon-am" { monday } else { place })));
    fields
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pattern_of_a_week_is_one_choice_between_two_writers() {
    let (world, jo, sam) = begun().await;
    let other = jo.page(&address("?week=8")).await;
    assert!(other.contains("name=\"week\" min=\"1\" max=\"12\" value=\"8\""), "any week can be looked at: {other}");
    let (of_jo, of_sam) = (Open::by(&jo).await, Open::by(&sam).await);
    assert_eq!(of_jo.save(&jo, "/week", &week("8", "s")).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(plan(&world).await.week(8).unwrap().to_string(), "ss rr o- r- ss");
    let answer = of_sam.save(&sam, "/week", &week("8", "r")).await;
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    let page = answer.text().await.unwrap();
    assert!(page.contains("both changed week 8") && page.contains("On site 4, by robot 3, elsewhere 1, rest 2"), "{page}");
    let mut mine = week("8", "r");
    mine.push(("take-week", "mine"));
    assert_eq!(Open::of(&page).save(&sam, "/week", &mine).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(plan(&world).await.week(8).unwrap().to_string(), "rs rr o- r- ss");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_makes_no_sense_is_said_and_nothing_of_it_is_kept() {
    let (world, jo, _) = begun().await;
    let before = plan(&world).await;
    let form = Open::by(&jo).await;
    let refused = form.save(&jo, "/aims", &[("answer-aims", "Typed with care"), ("answer-on-track", "perhaps")]).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = refused.text().await.unwrap();
    assert!(page.contains("choose yes or not yet") && page.contains("Typed with care"), "{page}");
    for number in ["0", "13", "-1", "eight", ""] {
        let refused = form.save(&jo, "/week", &week(number, "s")).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "week {number:?}");
    }
    let refused = form.save(&jo, "/week", &week("8", "x")).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let elsewhere = Open { plan: ids::ADA.to_string(), revision: form.revision.clone() };
    assert_eq!(elsewhere.save(&jo, "/aims", &[("answer-aims", "x")]).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(jo.post(&address("/aims"), &[("plan", form.plan.as_str())]).await.status(), StatusCode::BAD_REQUEST);
    let half = [("policy", "havering"), ("route", "medical")];
    assert_eq!(jo.post(&address(""), &half).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(plan(&world).await, before);
    world.stop().await;
}
