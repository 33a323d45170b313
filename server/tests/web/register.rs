//! A school's file of its register: brought in by the school, shown as it stands, and never made here.

use reqwest::StatusCode;
use server::demo::ids;

use crate::harness::World;

const FILE: &str = "UPN,Forename,Date,AM,PM\n\
    M801226012001,Ada,16/11/2026,/,\\\n\
    M801226012001,Ada,17/11/2026,I,I\n\
    B801226012002,Ben,16/11/2026,I,I\n\
    A801226012001,Nobody,16/11/2026,I,I\n";

fn fields(file: &str) -> Vec<(&'static str, String)> {
    vec![("school", ids::ALDER_ROAD.to_string()), ("system", "arbor".to_owned()), ("file", file.to_owned())]
}

async fn bring_in(world: &World, who: &str, file: &str) -> reqwest::Response {
    let browser = world.browser(who).await;
    let fields = fields(file);
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    browser.post("/register", &fields).await
}

#[tokio::test(flavor = "multi_thread")]
async fn r_h23_a_schools_file_gives_marks_of_its_own_pupils_with_source_and_time_and_the_rest_is_told() {
    let world = World::start().await;
    let answer = bring_in(&world, "alder lead", FILE).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let page = answer.text().await.unwrap();
    assert!(page.contains("4 marks are here now. 2 were of pupils whom this school has not entered here"), "{page}");
    assert!(page.contains("Line 5: the UPN is not right"), "{page}");
    assert!(!page.contains("A801226012001") && !page.contains("Nobody"), "a problem does not repeat the row");
    let day = |text: &str| text.parse().unwrap();
    let marks = world.state.store.imported_marks(ids::ADA, day("2026-11-16"), day("2026-11-17")).await.unwrap();
    let codes: Vec<_> = marks.iter().map(|mark| mark.code().as_str().to_owned()).collect();
    assert_eq!(codes, ["/", "\\", "I", "I"]);
    assert!(marks.iter().all(|mark| mark.source().imported_at == world.now()));
    let of_ben = world.state.store.imported_marks(ids::BEN, day("2026-11-16"), day("2026-11-16")).await.unwrap();
    assert!(of_ben.iter().all(|mark| mark.code().as_str() == "D"), "another school's pupil keeps their own marks");
    let page = world.browser("key worker").await.page(&format!("/pupils/{}/register", ids::ADA)).await;
    assert!(page.contains("Arbor, Today, 09:20") && page.contains("Read only"), "{page}");
    // Only the school itself brings its register in.
    for who in ["coordinator", "key worker", "alder staff"] {
        assert_eq!(bring_in(&world, who, FILE).await.status(), StatusCode::FORBIDDEN, "{who}");
    }
    let marsh = bring_in(&world, "marsh lead", FILE).await;
    assert_eq!(marsh.status(), StatusCode::UNPROCESSABLE_ENTITY, "not the school of this lead");
    let none = bring_in(&world, "alder lead", "no,head,here\n1,2,3\n").await;
    assert_eq!(none.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(none.text().await.unwrap().contains("No row names the columns"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_a_whole_school_is_taken_and_a_larger_form_is_refused() {
    let world = World::start().await;
    let mut file = String::from("UPN,Date,AM,PM\n");
    for n in 0..20_000 {
        file.push_str(&format!("M801226012001,{:02}/09/2026,I,I,padding {n}\n", n % 28 + 1));
    }
    let answer = bring_in(&world, "alder lead", &file).await;
    assert_eq!(answer.status(), StatusCode::OK, "{} bytes", file.len());
    let large = "x".repeat(7 * 1024 * 1024);
    let answer = bring_in(&world, "alder lead", &large).await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.text().await.unwrap().contains("send it in smaller parts"), "and the page says what to do");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_that_needs_a_place_beside_a_stream_from_home_is_a_question_once_somebody_says_that_it_is_home() {
    let world = World::start().await;
    // The marks of a week of visits, as if the pupil had been at school.
    let mut file = String::from("UPN,Date,AM,PM\n");
    for day in 9..=20 {
        file.push_str(&format!("M801226012001,{day:02}/11/2026,/,\\\n"));
    }
    let answer = bring_in(&world, "alder lead", &file).await.text().await.unwrap();
    assert!(
        answer.contains("The file was read") && !answer.contains("A mark and a visit from home"),
        "nobody said home: {answer}"
    );
    let browser = world.browser("key worker").await;
    let address = format!("/pupils/{}/register", ids::ADA);
    let page = browser.page(&address).await;
    assert!(!page.contains("A question to the school") && page.contains("A connection does not tell."), "{page}");
    let said = [("place", "home"), ("from", "2026-11-02")];
    assert_eq!(browser.post(&address, &said).await.status(), StatusCode::SEE_OTHER);
    let page = browser.page(&address).await;
    assert!(page.contains("A question to the school") && page.contains("live by robot from home"), "{page}");
    assert!(page.contains("Is the mark as the school wants it? Windowseat suggests none."), "{page}");
    // Whoever brings the file in again is told at once, with the way there; what it says of another school's pupils is not.
    let both = file.replace("Date,AM,PM\n", "Date,AM,PM\nE801226012003,16/11/2026,/,\\\n");
    let answer = bring_in(&world, "alder lead", &both).await.text().await.unwrap();
    assert!(answer.contains("A mark and a visit from home stand beside each other"), "{answer}");
    let link = answer.split_once(&format!("<a href=\"{address}?until=")).unwrap_or_else(|| panic!("{answer}")).1;
    assert!(link.contains("\">Ada Q.</a>:") && link.contains("questions, the latest about"), "{link}");
    assert!(!answer.contains("Ben M."), "{answer}");
    let day = &link[..10];
    let lead = world.browser("alder lead").await;
    let page = lead.page(&format!("{address}?until={day}")).await;
    assert!(page.contains("A question to the school"), "{page}");
    let none = lead.page(&format!("{address}?until=2026-11-05")).await;
    assert!(!none.contains("A question to the school") && none.contains("The latest weeks"), "only of the days shown: {none}");
    assert_eq!(lead.get(&format!("{address}?until=soon")).await.status(), StatusCode::BAD_REQUEST);
    // At school in another room, it is no question.
    assert_eq!(
        browser.save(&address, &[("place", "school-site"), ("from", "2026-11-02")]).await.status(),
        StatusCode::SEE_OTHER
    );
    assert!(!browser.page(&address).await.contains("A question to the school"));
    assert_eq!(
        browser.post(&address, &[("place", "moon"), ("from", "2026-11-02")]).await.status(),
        StatusCode::UNPROCESSABLE_ENTITY
    );
    world.stop().await;
}
