//! Parts that colleagues are given: what they open, to whom, and until when; and who reads the record of both schools.

use reqwest::StatusCode;
use serde_json::Value;
use server::api::auth::hash_password;
use server::demo::ids;
use server_core::access::Role;
use store::staff::{NewStaff, StaffRoleRow};
use uuid::Uuid;

use crate::harness::{Browser, OTHER_KEY_WORKER, PASSWORD, World, email, hidden};

const DONE: StatusCode = StatusCode::SEE_OTHER;
const WRONG: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

fn address(rest: &str) -> String {
    format!("/pupils/{}{rest}", ids::ADA)
}

#[tokio::test(flavor = "multi_thread")]
async fn r_a3_r_4_a_colleague_is_given_a_part_reads_the_case_until_it_ends_and_the_audit_log_says_who_gave_it() {
    let world = World::start().await;
    let (worker, other) = (world.browser("key worker").await, world.browser("other key worker").await);
    assert_eq!(other.get(&address("/plan")).await.status(), StatusCode::NOT_FOUND);
    assert!(!other.page("/pupils").await.contains("Ada Q."));
    let people = worker.page(&address("/people")).await;
    assert!(people.contains("Ms other-key-worker, Larkfield"), "colleagues of the provider are offered: {people}");
    let id = OTHER_KEY_WORKER.to_string();
    let give = [("what", "give"), ("who", id.as_str()), ("email", ""), ("party", "advocate")];
    assert_eq!(worker.post(&address("/people"), &give).await.status(), DONE);
    assert_eq!(worker.post(&address("/people"), &give).await.status(), DONE, "twice is once");
    let parts = world.state.store.parties(ids::ADA_PLACEMENT.0).await.unwrap();
    assert_eq!(parts.iter().filter(|row| row.person.0 == OTHER_KEY_WORKER).count(), 1);
    for page in ["", "/plan", "/due", "/growth", "/contacts", "/people"] {
        assert_eq!(other.get(&address(page)).await.status(), StatusCode::OK, "{page}");
    }
    assert!(other.page("/pupils").await.contains("Ada Q.") && !other.page("/pupils").await.contains("Ben M."));
    assert!(other.page("/plans").await.contains("Ada Q."));
    let audit = world.state.store.audit_of(ids::ADA, 100).await.unwrap();
    let given: Vec<_> = audit.iter().filter(|row| row.action == "give part").collect();
    assert_eq!(given.len(), 1);
    assert_eq!((given[0].actor_id, given[0].detail.as_deref()), (Some(ids::KEY_WORKER), Some(id.as_str())));
    // It ends, and with it what it opened.
    let page = worker.page(&address("/people")).await;
    let own = page.split("<li").find(|item| item.contains("Ms other-key-worker")).unwrap();
    let part = hidden(own, "part");
    assert_eq!(worker.post(&address("/people"), &[("what", "end"), ("part", part.as_str())]).await.status(), DONE);
    assert_eq!(other.get(&address("/plan")).await.status(), StatusCode::NOT_FOUND);
    assert!(!other.page("/pupils").await.contains("Ada Q."));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_a6_h15_the_lead_of_the_provider_reads_the_record_and_the_lead_of_the_receiving_school_once_they_have_a_part() {
    let world = World::start().await;
    let hash = hash_password(PASSWORD.to_owned()).await.unwrap();
    let lead = |n: u128, label: &'static str, at: Uuid| {
        let (store, hash) = (world.state.store.clone(), hash.clone());
        async move {
            let (mail, name) = (email(label), format!("Ms {}", label.replace(' ', "-")));
            let staff = NewStaff { staff_id: Uuid::from_u128(n), name: &name, email: &mail, password_hash: &hash };
            let roles = [StaffRoleRow { role: Role::SchoolLead.as_str().to_owned(), organisation_id: at }];
            assert!(store.add_staff(staff, &roles).await.unwrap());
        }
    };
    lead(0xaa10, "larkfield lead", ids::HOSPITAL_SCHOOL).await;
    let provider = world.browser("larkfield lead").await;
    for page in ["", "/plan", "/due", "/growth", "/tablet"] {
        assert_eq!(provider.get(&address(page)).await.status(), StatusCode::OK, "{page}");
    }
    let list = provider.page("/pupils").await;
    assert!(list.contains("Ada Q.") && list.contains("Ben M."), "both are at Larkfield: {list}");

    let (worker, marsh) = (world.browser("key worker").await, world.browser("marsh lead").await);
    assert_eq!(marsh.get(&address("/plan")).await.status(), StatusCode::NOT_FOUND);
    let give = async |who: &str, mail: &str| {
        let fields = [("what", "give"), ("who", who), ("email", mail), ("party", "receiving-school")];
        worker.post(&address("/people"), &fields).await
    };
    let staff = email("alder staff");
    for nobody in ["", "somebody@elsewhere.example", &staff] {
        let refused = give("", nobody).await;
        assert_eq!(refused.status(), WRONG, "{nobody}");
        let page = refused.text().await.unwrap();
        assert!(page.contains(&format!("name=\"email\" value=\"{nobody}\"")), "what was typed stays: {page}");
    }
    assert_eq!(give(&OTHER_KEY_WORKER.to_string(), &email("marsh lead")).await.status(), WRONG, "one of them");
    assert_eq!(give("", &email("marsh lead")).await.status(), DONE);
    for page in ["", "/plan", "/due", "/growth", "/contacts"] {
        assert_eq!(marsh.get(&address(page)).await.status(), StatusCode::OK, "{page}");
    }
    for page in ["/tablet", "/growth/look"] {
        assert_eq!(marsh.get(&address(page)).await.status(), StatusCode::NOT_FOUND, "{page}");
    }
    assert!(marsh.page("/pupils").await.contains("Ada Q."));
    // Who may not change the case gives no part in it.
    let other = world.browser("other key worker").await;
    let fields = [("what", "give"), ("who", ""), ("email", "other.key.worker@fennshire.example"), ("party", "advocate")];
    assert_eq!(other.post(&address("/people"), &fields).await.status(), StatusCode::NOT_FOUND);
    world.stop().await;
}

/// The lead of Marsh Lane is given the part of the receiving school.
async fn receiving(world: &World) -> (Browser, Browser) {
    let (worker, marsh) = (world.browser("key worker").await, world.browser("marsh lead").await);
    let mail = email("marsh lead");
    let fields = [("what", "give"), ("who", ""), ("email", mail.as_str()), ("party", "receiving-school")];
    assert_eq!(worker.post(&address("/people"), &fields).await.status(), DONE);
    (worker, marsh)
}

#[tokio::test(flavor = "multi_thread")]
async fn r_f2_a_6_the_receiving_school_reads_the_lines_that_the_pupil_shares_and_no_others() {
    let world = World::start().await;
    let (worker, marsh) = receiving(&world).await;
    let page = worker.page(&address("/growth/profile")).await;
    let revision = hidden(&page, "revision");
    let lines = [
        ("revision", revision.as_str()),
        ("strength-0", "Draws everything she sees"),
        ("share-strength-0", "on"),
        ("trigger-0", "Being asked why in front of others"),
    ];
    assert_eq!(worker.post(&address("/growth/profile"), &lines).await.status(), DONE);
    let (shared, unshared) = ("Draws everything she sees", "Being asked why");
    for page in ["/growth", "/changes"] {
        let own = worker.page(&address(page)).await;
        assert!(own.contains(shared) && own.contains(unshared), "{page}: {own}");
        let theirs = marsh.page(&address(page)).await;
        assert_eq!(theirs.contains(shared), page == "/growth", "{page}: {theirs}");
        for kept in [unshared, "noted, not shared", "Harder moments", "of 2 lines"] {
            assert!(!theirs.contains(kept), "{page} says {kept}: {theirs}");
        }
    }
    // A line that is taken back is gone from there, and its history never was.
    let revision = hidden(&worker.page(&address("/growth/profile")).await, "revision");
    let lines = [("revision", revision.as_str()), ("strength-0", shared)];
    assert_eq!(worker.post(&address("/growth/profile"), &lines).await.status(), DONE);
    for page in ["/growth", "/growth/shared", "/changes"] {
        assert!(!marsh.page(&address(page)).await.contains(shared), "{page}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_a6_h8_the_receiving_school_takes_out_what_it_would_be_given_and_nothing_once_no_consent_holds() {
    let world = World::start().await;
    server::demo::seed_record(&world.state.store, world.now()).await.unwrap();
    let (worker, marsh) = receiving(&world).await;
    let json = async |browser: &Browser, path: &str| -> Value {
        let answer = browser.get(&address(path)).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    };
    let given = async |browser: &Browser, file: &str, to: &str| -> Value {
        let answer = browser.post(&address("/documents"), &[("file", file), ("for", to)]).await;
        assert_eq!(answer.status(), StatusCode::OK, "{file} for {to}");
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    };
    for file in ["plan.json", "review-pack.json", "profile.json"] {
        let own = json(&marsh, &format!("/documents/{file}")).await;
        let by_worker = given(&worker, file, "receiving-school").await;
        assert_eq!(own["sections"], by_worker["sections"], "{file}");
        assert_eq!(own["blocks"], by_worker["blocks"], "{file}");
        // Nor do they hand on, to whomever, what they are not given.
        let on = given(&marsh, file, "key-worker").await;
        for kept in ["consents", "contacts", "breakdowns", "own-notes"] {
            assert!(!on["sections"].as_array().unwrap().contains(&kept.into()), "{file}: {kept}");
        }
    }
    let fields = json(&marsh, "/export/plan.json").await;
    let fields: Vec<_> = fields["fields"].as_array().unwrap().iter().filter_map(|one| one["field"].as_str()).collect();
    assert!(fields.len() > 20 && !fields.iter().any(|field| field.starts_with("consent.")), "{fields:?}");
    assert_eq!(marsh.get(&address("/export/history.csv")).await.status(), StatusCode::NOT_FOUND);
    // A part is not widened by whoever has it.
    assert!(!marsh.page(&address("/people")).await.contains("Take a part yourself"));
    let mine = [("what", "take"), ("party", "key-worker")];
    let mail = email("marsh lead");
    let give = [("what", "give"), ("who", ""), ("email", mail.as_str()), ("party", "key-worker")];
    for fields in [&mine[..], &give[..]] {
        let refused = marsh.post(&address("/people"), fields).await;
        assert_eq!(refused.status(), WRONG);
        assert!(refused.text().await.unwrap().contains("Parts are given by those who have the pupil now"));
    }
    // The consent ends: nothing is taken out any more, by whichever address.
    let page = worker.page(&address("/plan")).await;
    let (plan, revision, parent) = (hidden(&page, "plan"), hidden(&page, "revision"), ids::ADA_PARENT.to_string());
    let withdraw = [("plan", plan.as_str()), ("revision", &revision), ("who", &parent), ("on", "2026-11-23")];
    assert_eq!(worker.post(&address("/plan/withdraw"), &withdraw).await.status(), DONE);
    let files = ["/documents/plan.pdf", "/documents/review-pack.json", "/documents/profile.csv"];
    for file in files.into_iter().chain(["/export/plan.json", "/export/weeks.csv", "/export/growth.csv"]) {
        assert_eq!(marsh.get(&address(file)).await.status(), StatusCode::FORBIDDEN, "{file}");
        assert_eq!(worker.get(&address(file)).await.status(), StatusCode::OK, "{file}");
    }
    assert!(marsh.page(&address("/documents")).await.contains("Nobody has consented"));
    let taken = world.state.store.audit_of(ids::ADA, 200).await.unwrap();
    assert!(!taken.iter().any(|row| row.action == "export growth" && row.actor_id == Some(ids::MARSH_LEAD)));
    world.stop().await;
}
