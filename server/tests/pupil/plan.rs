//! The pupil's page of the plan: what they read, say, take back, and stand by.

use axum::http::StatusCode;
use protocol::Clock as _;
use server::demo::{self, ids};

use super::World;

#[tokio::test]
async fn r_a12_the_pupil_reads_the_plan_in_plain_words_and_comments_on_every_stage() {
    let world = World::new().await;
    let mut tablet = world.opened().await;
    assert!(!tablet.get("/today").await.body.contains("/my-plan"), "there is no plan yet");
    assert!(tablet.get("/my-plan").await.body.contains("There is no plan yet."));
    demo::seed_record(&world.state.store, world.clock.now().utc).await.unwrap();
    assert!(tablet.get("/today").await.body.contains("/my-plan"));
    let page = tablet.get("/my-plan").await;
    assert_eq!(page.status, StatusCode::OK);
    for words in ["Keep up with science.", "Monday, today", "With Robin", "The meeting about you", "Week 5 of 12."] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    // How often a policy asks differs: no rhythm is promised that a policy does not have.
    assert!(page.body.contains("somebody asks how it goes") && !page.body.contains("Once a week"), "{}", page.body);
    // What adults wrote about barriers, and names, are not the pupil's page's.
    for words in ["Ada", "Mr Q.", "Mornings are hard after treatment", "barrier"] {
        assert!(!page.body.contains(words), "{words}");
    }
    for stage in 1..=4_u16 {
        let said = format!("I say {stage}");
        let answer = tablet.post("/my-plan", &[("stage", &stage.to_string()), ("words", &said)]).await;
        assert_eq!(answer.location, "/my-plan?said=kept", "{}", answer.body);
    }
    let row = world.state.store.plans_of(ids::ADA_PLACEMENT.0).await.unwrap().remove(0);
    for stage in 1..=4 {
        assert_eq!(row.plan.pupil_says(stage).unwrap().expose(), format!("I say {stage}"));
    }
    let history = world.state.store.plan_history(row.plan_id, Some("pupil-says.4"), None, 5).await.unwrap();
    assert_eq!(history[0].actor_kind, "tablet", "the history says that it was the pupil");
    assert_eq!(tablet.post("/my-plan", &[("stage", "5"), ("words", "x")]).await.status, StatusCode::BAD_REQUEST);
    // Report: an emptied box changed nothing, and said nothing. It takes the words back, once; the history has them.
    let empty = [("stage", "1"), ("words", "  ")];
    assert_eq!(tablet.post("/my-plan", &empty).await.location, "/my-plan?said=back");
    assert!(tablet.get("/my-plan?said=back").await.body.contains("Your words are no longer in the plan."));
    assert!(!tablet.get("/my-plan").await.body.contains("I say 1"));
    assert_eq!(tablet.post("/my-plan", &empty).await.location, "/my-plan", "there is nothing to take back");
    let row = world.state.store.plans_of(ids::ADA_PLACEMENT.0).await.unwrap().remove(0);
    assert_eq!(row.plan.pupil_says(1), None);
    let history = world.state.store.plan_history(row.plan_id, Some("pupil-says.1"), None, 1).await.unwrap();
    assert_eq!((history[0].from_text.as_deref(), history[0].to_text.as_deref()), (Some("I say 1"), None));
    assert_eq!(history[0].actor_kind, "tablet");
    assert!(tablet.get("/my-plan?said=kept").await.body.contains("Your words are in the plan now."));
}

#[tokio::test]
async fn r_a11_a_12_the_pupil_sees_their_own_goals_in_their_words_and_stands_by_them() {
    use server_core::goal::{Acknowledgement, Family, Goal, Wording};
    use server_core::party::{Party, PersonId};
    use server_core::words::Words;
    use store::sheets::{NewSheet, Owner, SheetKind};
    let world = World::new().await;
    let (store, now) = (world.state.store.clone(), world.clock.now().utc);
    demo::seed_record(&store, now).await.unwrap();
    let save = async |n: u128, based_on: i64, goal: &Goal| {
        let body = store::kept::written_goal(goal);
        let sheet = NewSheet {
            sheet_id: uuid::Uuid::from_u128(n),
            based_on,
            kind: SheetKind::Goal,
            owner: Owner::Placement(ids::ADA_PLACEMENT.0),
            day: None,
            body: &body,
        };
        let audit = store::audit::NewAudit {
            actor: store::audit::Actor::Program,
            action: "change goal",
            subject: store::audit::Subject::Pupil(ids::ADA),
            detail: None,
        };
        store.save_sheet(&sheet, audit, now).await.unwrap();
    };
    let wording = |words: &str, own: Option<&str>, authors: &[Party]| Wording {
        words: Words::new(words).unwrap(),
        pupil_words: own.map(|own| Words::new(own).unwrap()),
        authors: authors.iter().copied().collect(),
        on: now.date_naive(),
    };
    let staff = wording("Fewer incidents at break", None, &[Party::KeyWorker]);
    save(1, 0, &Goal::new(Family::Behaviour, staff).unwrap()).await;
    let mut own =
        Goal::new(Family::Own, wording("A part in the play", Some("I want to be the dragon"), &[Party::Pupil])).unwrap();
    save(2, 0, &own).await;

    let mut tablet = world.opened().await;
    let goals = |page: &str| page.split("id=\"go\"").nth(1).unwrap().split("</section>").next().unwrap().to_owned();
    let page = goals(&tablet.get("/my-plan").await.body);
    for words in [
        "“I want to see the volcano”",
        "You stand by this.",
        "“I want to be the dragon”",
        "For the grown-ups it is written like this: A part in the play",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("incidents"), "what adults wrote alone is not the pupil's: {page}");
    assert_eq!(page.matches("I stand by this").count(), 1, "{page}");
    let id = uuid::Uuid::from_u128(2).to_string();
    let stand = [("goal", id.as_str()), ("wording", "1")];
    assert_eq!(tablet.post("/my-plan/goal", &stand).await.location, "/my-plan?said=mine");
    assert_eq!(tablet.post("/my-plan/goal", &stand).await.location, "/my-plan?said=mine", "twice is once");
    let history = store.sheet_history(uuid::Uuid::from_u128(2), 10).await.unwrap();
    assert_eq!(history.len(), 2);
    assert_eq!(history[0].actor_kind, "tablet", "the history says that it was the pupil");
    let kept = store::kept::read_goal(&history[0].body).unwrap();
    assert!(kept.stands_by(Party::Pupil));
    assert!(!goals(&tablet.get("/my-plan").await.body).contains("I stand by this"));
    assert!(store.audit_of(ids::ADA, 50).await.unwrap().iter().any(|row| row.action == "stand by goal"));
    // Other words are read first; a goal that is not theirs is not there.
    own = kept;
    own.reword(wording("A part in the choir", None, &[Party::KeyWorker])).unwrap();
    save(2, 2, &own).await;
    assert_eq!(tablet.post("/my-plan/goal", &stand).await.location, "/my-plan?said=other");
    assert!(tablet.get("/my-plan?said=other").await.body.contains("The words of this goal have just changed."));
    let page = goals(&tablet.get("/my-plan").await.body);
    assert!(page.contains("“A part in the choir”") && page.contains("I stand by this"), "they stood by it once: {page}");
    let not_theirs = [("goal", "00000000-0000-0000-0000-000000000001"), ("wording", "1")];
    assert_eq!(tablet.post("/my-plan/goal", &not_theirs).await.status, StatusCode::NOT_FOUND);
    let who = PersonId(ids::ADA);
    let mut asked = Goal::new(Family::Behaviour, wording("Fewer incidents at break", None, &[Party::KeyWorker])).unwrap();
    asked.acknowledge(Party::Pupil, Acknowledgement { who, on: now.date_naive(), wording: 1 }).unwrap();
    save(1, 1, &asked).await;
    assert!(goals(&tablet.get("/my-plan").await.body).contains("incidents"), "what they stood by is theirs");
}
