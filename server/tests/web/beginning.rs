//! An authority begins with an empty database, by the pages alone: first account, organisations, people, pupil, placement, plan. Then a
//! robot is given and taken away, and a second placement hides nothing of the first.

use chrono::{Days, NaiveDate, TimeDelta};
use protocol::PlacementId;
use reqwest::{Method, Response, StatusCode};
use server::demo::ids;
use server::dispatch::{self, JoinError};
use server_core::placement::JoinRefusal;
use store::placements::PlacementRow;
use uuid::Uuid;

use crate::harness::{Browser, PASSWORD, World, hidden};
use crate::returning::{address, fill, opened};

const DONE: StatusCode = StatusCode::SEE_OTHER;
const WRONG: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

/// A form of a page before sign-in.
async fn at_the_door(browser: &Browser, path: &str, fields: &[(&str, &str)]) -> Response {
    let csrf = hidden(&browser.page(path).await, "csrf");
    let mut form = vec![("csrf", csrf.as_str())];
    form.extend_from_slice(fields);
    browser.request(Method::POST, path).form(&form).send().await.unwrap()
}

/// A refused form: the page says why, and holds what was typed.
pub async fn refused(answer: Response, why: &str, typed: &[&str]) -> String {
    let status = answer.status();
    let page = answer.text().await.unwrap();
    assert_eq!(status, WRONG, "{why}: {page}");
    assert!(page.contains(why), "{why} in {page}");
    for typed in typed {
        assert!(page.contains(&format!("value=\"{typed}\"")), "{typed} is still there: {page}");
    }
    page
}

/// The value of the option with these words.
pub fn option(page: &str, words: &str) -> String {
    let (before, _) = page.split_once(&format!(">{words}</option>")).unwrap_or_else(|| panic!("no choice {words} in {page}"));
    before.rsplit("value=\"").next().unwrap().split('"').next().unwrap().to_owned()
}

/// The code that a page of people shows once.
fn code(page: &str) -> String {
    page.split("id=\"code\">").nth(1).expect("a code").split('<').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn r_l2_a_4_h_6_a_3_h_23_an_authority_begins_with_nothing_and_comes_to_a_plan_by_the_pages_alone() {
    let world = World::empty().await;
    let nobody = world.nobody();
    assert_eq!(nobody.get("/sign-in").await.headers()["location"], "/begin", "there is nobody to sign in");
    let mut first =
        vec![("authority", "Fennshire"), ("name", "Mrs C."), ("email", "C@Fennshire.example"), ("password", PASSWORD)];
    first.push(("code", "CCCC-CCCC-CCCC-CCCC"));
    refused(at_the_door(&nobody, "/begin", &first).await, "That is not the code.", &["Fennshire", "Mrs C."]).await;
    first.pop();
    first.push(("code", &world.state.first_code));
    first[3].1 = "short";
    let answer = at_the_door(&nobody, "/begin", &first).await;
    assert!(!world.state.store.has_staff().await.unwrap());
    refused(answer, "at least 12 characters", &["C@Fennshire.example"]).await;
    first[3].1 = PASSWORD;
    let answer = at_the_door(&nobody, "/begin", &first).await;
    assert_eq!((answer.status(), answer.headers()["location"].to_str().unwrap()), (DONE, "/organisations"));
    assert_eq!(world.nobody().get("/begin").await.status(), StatusCode::NOT_FOUND, "the first account is made once");
    assert_eq!(world.nobody().get("/sign-in").await.status(), StatusCode::OK);
    let mut coordinator = world.signed_in("c@fennshire.example", PASSWORD).await;
    coordinator.csrf = hidden(&coordinator.page("/organisations").await, "csrf");
    assert!(coordinator.page("/").await.contains("/organisations"), "an empty authority is told where to begin");

    // Organisations, with kind and calendar.
    let school = [("what", "add"), ("name", "Alder Road School"), ("kind", "school"), ("urn", "12"), ("monday", "2026-09-08")];
    let answer = coordinator.post("/organisations", &school).await;
    refused(answer, "URN: a URN has six digits", &["Alder Road School", "12"]).await;
    let school = [("what", "add"), ("name", "Alder Road School"), ("kind", "school"), ("urn", ""), ("monday", "2026-09-08")];
    refused(coordinator.post("/organisations", &school).await, "not a Monday", &["2026-09-08"]).await;
    let add = async |name: &str, kind: &str, monday: &str, like: &str| {
        let form = [("what", "add"), ("name", name), ("kind", kind), ("urn", "136578"), ("monday", monday), ("like", like)];
        coordinator.post("/organisations", &form).await
    };
    assert_eq!(add("Alder Road School", "school", "2026-09-07", "").await.status(), DONE);
    refused(add("alder road  school", "school", "", "").await, "an organisation of this name already", &[]).await;
    let days = coordinator.page("/days").await;
    let alder = option(&coordinator.page("/organisations").await, "Alder Road School");
    let close =
        [("of", alder.as_str()), ("what", "close"), ("first", "2026-12-21"), ("last", "2026-12-22"), ("reason", "Christmas")];
    assert_eq!(coordinator.post("/days", &close).await.status(), DONE, "{days}");
    assert_eq!(add("Larkfield", "hospital_school", "", &alder).await.status(), DONE);
    let larkfield = option(&coordinator.page("/organisations").await, "Larkfield");
    let rename = [("what", "rename"), ("of", larkfield.as_str()), ("new-name", "Larkfield Hospital School")];
    assert_eq!(coordinator.post("/organisations", &rename).await.status(), DONE);
    let calendar = world.state.store.calendar(larkfield.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(calendar.closures.len(), 2, "closed on the same days");
    let calendar = world.state.store.calendar(alder.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(calendar.week_ones, ["2026-09-07".parse::<NaiveDate>().unwrap()]);

    // Somebody who signs in: a code, once, and a password of their own.
    let member = [("what", "add"), ("name", "Mr K."), ("email", "k@larkfield"), ("role", "key_worker"), ("place", &larkfield)];
    refused(coordinator.post("/staff", &member).await, "Email: write the whole address", &["Mr K.", "k@larkfield"]).await;
    let member =
        [("what", "add"), ("name", "Mr K."), ("email", "k@larkfield.example"), ("role", "key_worker"), ("place", &larkfield)];
    let answer = coordinator.post("/staff", &member).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let given = code(&answer.text().await.unwrap());
    assert!(!coordinator.page("/staff").await.contains(&given), "it is shown once");
    refused(coordinator.post("/staff", &member).await, "has an account with it already", &["Mr K."]).await;
    let choose = async |email: &str, code: &str, password: &str| {
        at_the_door(&world.nobody(), "/welcome", &[("email", email), ("code", code), ("password", password)]).await
    };
    refused(choose("k@larkfield.example", &given, "short").await, "at least 12", &["k@larkfield.example"]).await;
    refused(choose("k@larkfield.example", "CCCC-CCCC-CCCC-CCCC", "a long enough one").await, "don’t go together", &[]).await;
    assert_eq!(choose("K@larkfield.example", &given.to_lowercase(), "a long enough one").await.status(), DONE);
    refused(choose("k@larkfield.example", &given, "a second long one").await, "don’t go together", &[&given]).await;
    let key_worker = world.signed_in("k@larkfield.example", "a long enough one").await;
    assert!(key_worker.page("/pupils").await.contains("Nobody is here yet."));

    // The pupil. A UPN is checked, and a message does not repeat it.
    let page = coordinator.page("/pupils/new").await;
    assert_eq!(option(&page, "Alder Road School"), alder);
    let pupil = async |upn: &str, name: &str| {
        let form = [("school", alder.as_str()), ("name", name), ("year", "9"), ("born", "2013-03-02"), ("upn", upn)];
        coordinator.post("/pupils/new", &form).await
    };
    let answer = pupil("A801200005001", "Eli W.").await;
    refused(answer, "UPN: the first letter does not fit", &["Eli W.", "9", "2013-03-02", "A801200005001"]).await;
    let answer = pupil("B801200005001", "Eli W.").await;
    assert_eq!(answer.status(), DONE);
    let form = answer.headers()["location"].to_str().unwrap().to_owned();
    assert!(form.ends_with("/placement/new") && !form.contains("Eli"), "{form}");
    refused(pupil("B801200005001", "Another E.").await, "with this number is here already", &["Another E."]).await;
    let page = coordinator.page("/pupils").await;
    assert!(page.contains("Entered, without a placement") && page.contains("Eli W."), "{page}");
    assert!(!key_worker.page("/pupils").await.contains("Eli W."));
    assert_eq!(key_worker.get(&form).await.status(), StatusCode::FORBIDDEN, "nobody names themselves to a pupil");

    // The placement, with route, length and goal from the first day; no robot.
    let page = coordinator.page(&form).await;
    let worker = option(&page, "Mr K.");
    let begin = async |until: &str, goal: &str, provider: &str| {
        let fields = [
            ("school", alder.as_str()),
            ("provider", provider),
            ("from", "2026-11-23"),
            ("until", until),
            ("key-worker", worker.as_str()),
            ("policy", "havering"),
            ("route", "medical"),
            ("length", "phased-return"),
            ("goal", goal),
            ("words", "Back with my friends"),
        ];
        coordinator.post(&form, &fields).await
    };
    let typed = |page: &str| page.contains("Back with my friends</textarea>") && page.contains("selected>Mr K.</option>");
    for (until, goal, provider, why) in [
        ("2026-11-20", "home-school", larkfield.as_str(), "Last day: it lies before the first"),
        ("", "home-school", &larkfield, "Last day: choose a day"),
        ("2027-03-26", "", &larkfield, "What it is to lead to: choose one that “Havering 2020/21” has."),
        ("2027-03-26", "home-school", "", "Mr K. works neither at the school nor at the provider"),
    ] {
        let answer = begin(until, goal, provider).await;
        assert_eq!(answer.status(), WRONG, "{why}");
        let page = answer.text().await.unwrap();
        assert!(page.contains(why) && typed(&page), "{why}: {page}");
    }
    let answer = begin("2027-03-26", "home-school", &larkfield).await;
    assert_eq!(answer.status(), DONE);
    let record = answer.headers()["location"].to_str().unwrap().to_owned();

    // The record has begun: to its key worker too, with a draft of the plan and its head.
    for browser in [&coordinator, &key_worker] {
        let page = browser.page(&record).await;
        assert!(page.contains("No robot yet. The placement lasts until 26 March 2027."), "{page}");
        let plan = browser.page(&format!("{record}/plan")).await;
        for words in ["Draft", "Medical provision", "Back with my friends", "<dd>2 March 2013</dd>"] {
            assert!(plan.contains(words), "{words} in {plan}");
        }
        assert!(!plan.contains("B801200005001"), "a UPN is on no page but that of the details");
        let list = browser.page("/pupils").await;
        assert!(list.contains("Eli W.") && list.contains("None yet") && !list.contains("without a placement"), "{list}");
        for path in ["/people", "/due", "/glide", "/contacts", "/goals", "/documents", "/register", "/tablet"] {
            browser.page(&format!("{record}{path}")).await;
        }
        let day: serde_json::Value = browser.get(&format!("/api{record}/attendance")).await.json().await.unwrap();
        assert_eq!((day["social_min"].as_i64(), day["lessons"].as_array().unwrap().len()), (Some(0), 0), "minutes are none");
    }
    assert!(key_worker.page(&format!("{record}/people")).await.contains("Mr K."), "the key worker has the part");
    // What was done is on the log, by whom, and without a name or a number.
    let log = world.state.store.audit_page(None, 200).await.unwrap();
    for action in ["begin authority", "add organisation", "add account", "choose password", "add pupil", "begin placement"] {
        assert!(log.iter().any(|(_, row)| row.action == action && row.actor_id.is_some()), "{action}");
    }
    let log = format!("{log:?}");
    assert!(!log.contains("Eli") && !log.contains("B80120") && !log.contains(&given), "{log}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_kept_by_who_reaches_all_their_roles_and_never_by_oneself() {
    let world = World::start().await;
    let coordinator = world.browser("coordinator").await;
    let send = async |what: &str, who: Uuid, role: &str, place: Uuid| {
        let (who, place) = (who.to_string(), place.to_string());
        coordinator.post("/staff", &[("what", what), ("who", &who), ("role", role), ("place", &place)]).await
    };
    // Not themselves: no authority is locked out by a slip.
    for what in ["left", "code", "take"] {
        let answer = send(what, ids::COORDINATOR, "coordinator", ids::AUTHORITY).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{what}");
    }
    // The only role stays; a second one can be given and taken away.
    refused(send("take", ids::ALDER_STAFF, "classroom_staff", ids::ALDER_ROAD).await, "This is their only role.", &[]).await;
    assert_eq!(send("give", ids::ALDER_STAFF, "school_lead", ids::ALDER_ROAD).await.status(), DONE);
    world.browser("alder staff").await.page("/pupils").await;
    assert_eq!(send("take", ids::ALDER_STAFF, "school_lead", ids::ALDER_ROAD).await.status(), DONE);
    assert_eq!(world.browser("alder staff").await.get("/pupils").await.status(), StatusCode::FORBIDDEN);
    refused(send("give", ids::ALDER_STAFF, "pupil", ids::ALDER_ROAD).await, "Role: choose one.", &[]).await;
    // Whoever has left signs in no more, and is back with a code; a new password ends what was open.
    let open = world.browser("marsh staff").await;
    assert_eq!(send("left", ids::MARSH_STAFF, "", ids::AUTHORITY).await.status(), DONE);
    assert_eq!(open.get("/moves").await.status(), DONE, "signed out");
    let answer = world.nobody().try_sign_in("marsh.staff@fennshire.example", PASSWORD).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let given = code(&send("code", ids::MARSH_STAFF, "", ids::AUTHORITY).await.text().await.unwrap());
    world.later(TimeDelta::days(7));
    let fields = [("email", "marsh.staff@fennshire.example"), ("code", given.as_str()), ("password", "a long enough one")];
    refused(at_the_door(&world.nobody(), "/welcome", &fields).await, "the code is too old", &[]).await;
    // Somebody with a role elsewhere is not this coordinator's to keep.
    let elsewhere = store::organisations::OrganisationRow {
        organisation_id: Uuid::from_u128(0xe1),
        kind: "authority".to_owned(),
        name: "Marshland".to_owned(),
        parent_id: None,
        time_zone: "Europe/London".to_owned(),
    };
    world.state.store.add_organisation(&elsewhere, None).await.unwrap();
    let hash = server::api::auth::hash_password(PASSWORD.to_owned()).await.unwrap();
    let (both, email) = (Uuid::from_u128(0xe2), "both@fennshire.example");
    let staff = store::staff::NewStaff { staff_id: both, name: "Mr B.", email, password_hash: &hash };
    let role = |organisation_id| store::staff::StaffRoleRow { role: "school_lead".to_owned(), organisation_id };
    let roles = [role(ids::ALDER_ROAD), role(elsewhere.organisation_id)];
    assert!(world.state.store.add_staff(staff, &roles).await.unwrap());
    let coordinator = world.browser("coordinator").await;
    assert!(coordinator.page("/staff?q=both").await.contains("Mr B."));
    for what in ["code", "left"] {
        let answer = coordinator.post("/staff", &[("what", what), ("who", &both.to_string())]).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{what}");
    }
    let form = [
        ("what", "add"),
        ("name", "Ms N."),
        ("email", "n@f.example"),
        ("role", "auditor"),
        ("place", &elsewhere.organisation_id.to_string()),
    ];
    refused(coordinator.post("/staff", &form).await, "Where: choose from the list.", &["Ms N."]).await;
    assert!(!coordinator.page("/organisations").await.contains("Marshland"));
    world.stop().await;
}

async fn placed(world: &World, pupil: Uuid) -> PlacementRow {
    world.state.store.placements_of(pupil).await.unwrap().remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_robot_is_given_to_a_record_that_has_begun_and_taken_away_again() {
    let world = World::start().await;
    let coordinator = world.browser("coordinator").await;
    let page = coordinator.page("/pupils").await;
    assert!(page.contains("Cara D.") && page.contains("without a placement"), "{page}");
    let begin = [
        ("school", ids::ALDER_ROAD.to_string()),
        ("from", "2026-11-23".to_owned()),
        ("until", "2026-12-18".to_owned()),
        ("policy", "havering".to_owned()),
        ("route", "medical".to_owned()),
        ("length", "phased-return".to_owned()),
        ("goal", "home-school".to_owned()),
    ];
    let begin: Vec<(&str, &str)> = begin.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let lead = world.browser("alder lead").await;
    assert_eq!(lead.post(&format!("/pupils/{}/placement/new", ids::CARA), &begin).await.status(), DONE);
    let placement = placed(&world, ids::CARA).await;
    assert_eq!((placement.robot_id, placement.robot()), (None, "a robot"));
    let join = async || dispatch::may_join(&world.state, PlacementId(placement.placement_id)).await.map(|_| ());
    assert!(matches!(join().await, Err(JoinError::Refused(JoinRefusal::NoRobot))), "no class without a robot");
    // A school lead reads who has which robot; the coordinator gives them.
    let path = format!("/pupils/{}/placement", ids::CARA);
    let give = |robot: protocol::RobotId| [("what", "give".to_owned()), ("robot", robot.to_string())];
    let send = async |browser: &Browser, fields: [(&str, String); 2]| {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        browser.post(&path, &fields).await
    };
    assert!(!lead.page(&path).await.contains("Give a robot"));
    assert_eq!(send(&lead, give(ids::ROBIN)).await.status(), WRONG);
    let page = coordinator.page(&path).await;
    assert!(page.contains("Robin, shared with another pupil") && !page.contains("Finch"), "{page}");
    refused(send(&coordinator, give(ids::FINCH)).await, "choose one that stands at Alder Road School", &[]).await;
    assert_eq!(send(&coordinator, give(ids::ROBIN)).await.status(), DONE);
    assert_eq!(placed(&world, ids::CARA).await.robot_id, Some(ids::ROBIN.0));
    assert!(!matches!(join().await, Err(JoinError::Refused(JoinRefusal::NoRobot))));
    assert!(coordinator.page(&format!("/pupils/{}", ids::CARA)).await.contains("Robin is on loan until 18 December 2026."));
    assert_eq!(send(&coordinator, [("what", "take".to_owned()), ("robot", String::new())]).await.status(), DONE);
    assert_eq!(placed(&world, ids::CARA).await.robot_id, None);
    assert!(matches!(join().await, Err(JoinError::Refused(JoinRefusal::NoRobot))));
    let log = world.state.store.audit_of(ids::CARA, 50).await.unwrap();
    for action in ["give robot", "take robot away"] {
        let entry = log.iter().find(|row| row.action == action).unwrap_or_else(|| panic!("{action}"));
        assert_eq!((entry.actor_id, entry.detail.as_deref()), (Some(ids::COORDINATOR), Some(ids::ROBIN.to_string().as_str())));
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h_23_details_days_and_key_worker_are_corrected_and_a_slip_keeps_what_was_typed() {
    let world = World::start().await;
    let coordinator = world.browser("coordinator").await;
    let path = address("/placement");
    let details = async |upn: &str| {
        let form = [("what", "pupil"), ("name", "Ada Quill"), ("year", "10"), ("born", "2012-01-09"), ("upn", upn)];
        coordinator.save(&path, &form).await
    };
    refused(details("M801226012002").await, "UPN:", &["Ada Quill", "10", "2012-01-09", "M801226012002"]).await;
    refused(details("B801226012002").await, "with this number is here already", &["Ada Quill"]).await;
    assert_eq!(details("").await.status(), DONE);
    let pupil = world.state.store.pupil(ids::ADA).await.unwrap().unwrap();
    assert_eq!((pupil.name.as_str(), pupil.upn.is_none(), pupil.year_group), ("Ada Quill", true, 10));
    assert!(coordinator.page(&address("")).await.contains("Year 10."));
    // Another key worker: the first one sees the record no more, and their part ends.
    let days = async |until: &str, worker: Uuid| {
        coordinator.save(&path, &[("what", "days"), ("until", until), ("key-worker", &worker.to_string())]).await
    };
    refused(days("2026-11-22", ids::KEY_WORKER).await, "that day is over", &["2026-11-22"]).await;
    refused(days("2026-12-18", ids::ALDER_LEAD).await, "Key worker: choose from the list", &["2026-12-18"]).await;
    let key_worker = world.browser("key worker").await;
    key_worker.page(&address("")).await;
    assert_eq!(days("2026-12-18", crate::harness::OTHER_KEY_WORKER).await.status(), DONE);
    assert_eq!(key_worker.get(&address("")).await.status(), StatusCode::NOT_FOUND);
    let page = world.browser("other key worker").await.page(&address("")).await;
    assert!(page.contains("Robin is on loan until 18 December 2026."), "{page}");
    assert_eq!(world.browser("marsh lead").await.get(&path).await.status(), StatusCode::NOT_FOUND);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h_23_of_two_who_correct_details_or_days_the_second_sees_both_and_chooses() {
    let world = World::start().await;
    let (coordinator, lead) = (world.browser("coordinator").await, world.browser("alder lead").await);
    let path = address("/placement");
    // Both have the page open; the lead was told of a date of birth, the coordinator of a number.
    let (first, second) = (lead.page(&path).await, coordinator.page(&path).await);
    let born = [("what", "pupil"), ("name", "Ada Q."), ("year", "9"), ("upn", "M801226012001"), ("born", "2012-01-09")];
    assert_eq!(lead.save_seen(&path, &first, &born).await.status(), DONE);
    let mine = [("what", "pupil"), ("name", "Ada Quill"), ("year", "9"), ("upn", "M801226012001"), ("born", "2013-03-14")];
    let answer = coordinator.save_seen(&path, &second, &mine).await;
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    let page = answer.text().await.unwrap();
    for words in [
        "Ms alder-lead saved this while you wrote",
        "Ms alder-lead: 9 January 2012<br>You: 14 March 2013",
        "Ms alder-lead: Ada Q.<br>You: Ada Quill",
        "value=\"Ada Quill\"",
        "value=\"2013-03-14\"",
    ] {
        assert!(page.contains(words), "{words} in {page}");
    }
    assert!(!page.contains("<b>UPN</b>"), "what is the same is no choice: {page}");
    let kept = world.state.store.pupil(ids::ADA).await.unwrap().unwrap();
    assert_eq!((kept.name.as_str(), kept.born), ("Ada Q.", "2012-01-09".parse().ok()), "nothing is lost");
    // A slip in between does not turn the choice into one that nobody made.
    let slip = [("what", "pupil"), ("name", ""), ("year", "9"), ("upn", ""), ("born", "")];
    let third = refused(coordinator.save_seen(&path, &second, &slip).await, "Name:", &[]).await;
    assert_eq!(coordinator.save_seen(&path, &third, &mine).await.status(), StatusCode::CONFLICT);
    // What they choose on the page that showed both is saved.
    let chosen = [("what", "pupil"), ("name", "Ada Quill"), ("year", "9"), ("upn", "M801226012001"), ("born", "2012-01-09")];
    assert_eq!(coordinator.save_seen(&path, &page, &chosen).await.status(), DONE);
    let kept = world.state.store.pupil(ids::ADA).await.unwrap().unwrap();
    assert_eq!((kept.name.as_str(), kept.born), ("Ada Quill", "2012-01-09".parse().ok()));
    // The same of the last day and the key worker.
    let (first, second) = (lead.page(&path).await, coordinator.page(&path).await);
    let other = crate::harness::OTHER_KEY_WORKER.to_string();
    let worker = ids::KEY_WORKER.to_string();
    let renamed = [("what", "days"), ("until", "2026-12-18"), ("key-worker", other.as_str())];
    assert_eq!(lead.save_seen(&path, &first, &renamed).await.status(), DONE);
    let longer = [("what", "days"), ("until", "2027-01-29"), ("key-worker", worker.as_str())];
    let answer = coordinator.save_seen(&path, &second, &longer).await;
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    let page = answer.text().await.unwrap();
    for words in [
        "Ms alder-lead: 18 December 2026<br>You: 29 January 2027",
        "Ms alder-lead: Ms other-key-worker<br>You: Ms key-worker",
        "value=\"2027-01-29\"",
    ] {
        assert!(page.contains(words), "{words} in {page}");
    }
    let longer = [("what", "days"), ("until", "2027-01-29"), ("key-worker", other.as_str())];
    assert_eq!(coordinator.save_seen(&path, &page, &longer).await.status(), DONE);
    let placement = placed(&world, ids::ADA).await;
    assert_eq!(placement.until_day, "2027-01-29".parse().unwrap());
    assert_eq!(placement.key_worker_id, Some(crate::harness::OTHER_KEY_WORKER), "the other one was not put back unseen");
    // A form that does not say what it was drawn from writes nothing.
    for form in [&chosen[..], &longer[..]] {
        assert_eq!(coordinator.post(&path, form).await.status(), StatusCode::BAD_REQUEST);
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_plan_is_read_by_those_whose_it_was_and_changed_by_nobody() {
    let (world, key_worker) = opened().await;
    assert_eq!(fill(&key_worker, "aims", &[("answer-aims", "Maths with my class")]).await.status(), DONE);
    let coordinator = world.browser("coordinator").await;
    assert!(!coordinator.page(&address("")).await.contains("Earlier placements"));
    assert!(coordinator.page(&address("/earlier")).await.contains("this is the first placement"));
    let today = world.now().date_naive();
    let (from, until) = (today + Days::new(7), today + Days::new(60));
    let (from, until, alder, other) =
        (from.to_string(), until.to_string(), ids::ALDER_ROAD.to_string(), crate::harness::OTHER_KEY_WORKER.to_string());
    let hospital = ids::HOSPITAL_SCHOOL.to_string();
    let mut begin = vec![
        ("school", alder.as_str()),
        ("provider", &hospital),
        ("from", &from),
        ("until", &until),
        ("key-worker", &other),
        ("policy", "havering"),
        ("route", "medical"),
        ("length", "phased-return"),
        ("goal", "home-school"),
    ];
    let form = address("/placement/new");
    assert!(coordinator.page(&form).await.contains("It ends on the day before the new one begins"));
    assert_eq!(coordinator.post(&form, &begin).await.status(), DONE);
    begin[2].1 = "2026-11-27";
    refused(coordinator.post(&form, &begin).await, "another placement begins on 30 November 2026", &["2026-11-27"]).await;
    let old = world.state.store.plans_of(ids::ADA_PLACEMENT.0).await.unwrap().remove(0);
    let ended = world.state.store.placement(ids::ADA_PLACEMENT.0).await.unwrap().unwrap();
    assert_eq!(ended.until_day, "2026-11-29".parse().unwrap());
    // Until then the old one is what runs, and the new one is listed as what comes.
    assert!(coordinator.page("/pupils").await.contains("Begins on 30 November 2026"));
    world.later(TimeDelta::days(7));
    let (coordinator, key_worker) = (world.browser("coordinator").await, world.browser("key worker").await);
    let other = world.browser("other key worker").await;
    let plan = address(&format!("/earlier/{}", old.plan_id));
    let page = coordinator.page(&address("")).await;
    assert!(page.contains(&address("/earlier")), "the pupil's page leads there: {page}");
    assert!(coordinator.page(&address("/plan")).await.contains(&address("/earlier")));
    for (who, browser) in [("coordinator", &coordinator), ("key worker of before", &key_worker)] {
        let list = browser.page(&address("/earlier")).await;
        assert!(list.contains(&plan) && list.contains("29 November 2026"), "{who}: {list}");
        let page = browser.page(&plan).await;
        assert!(page.contains("Maths with my class") && page.contains("To be read only."), "{who}: {page}");
        let main = page.split("<main").nth(1).unwrap();
        assert!(!main.contains("<form") && !main.contains("<input"), "{who}: nothing there can change it");
        assert!(browser.page("/plans/earlier").await.contains("Ada Q."), "{who}");
    }
    // Whoever was key worker sees what was, and not what is now.
    assert_eq!(key_worker.get(&address("/plan")).await.status(), StatusCode::NOT_FOUND);
    assert!(!key_worker.page("/plans").await.contains(&address("/plan")));
    // Whoever is key worker now sees what is, and not what was another's.
    assert!(!other.page(&address("/plan")).await.contains("Maths with my class"));
    assert!(!other.page(&address("")).await.contains("Earlier placements"));
    for (who, browser) in [("now", other), ("elsewhere", world.browser("marsh lead").await)] {
        assert_eq!(browser.get(&plan).await.status(), StatusCode::NOT_FOUND, "{who}");
    }
    let elsewhere = format!("/pupils/{}/earlier/{}", ids::BEN, old.plan_id);
    assert_eq!(coordinator.get(&elsewhere).await.status(), StatusCode::NOT_FOUND, "of another pupil's address");
    // Its form is no more taken: the pages of a pupil are those of the placement that runs.
    let fields = [("plan", old.plan_id.to_string()), ("revision", old.plan.revision().0.to_string())];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(coordinator.post(&address("/plan/aims"), &fields).await.status(), StatusCode::NOT_FOUND);
    let reads = world.state.store.audit_of(ids::ADA, 200).await.unwrap();
    assert_eq!(reads.iter().filter(|row| row.action == "read earlier plan").count(), 2, "each reading is logged");
    world.stop().await;
}
