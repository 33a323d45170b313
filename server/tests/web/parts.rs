//! Parts that colleagues are given: what they open, to whom, and until when; and who reads the record of both schools.

use reqwest::StatusCode;
use server::api::auth::hash_password;
use server::demo::ids;
use server_core::access::Role;
use store::staff::{NewStaff, StaffRoleRow};
use uuid::Uuid;

use crate::harness::{OTHER_KEY_WORKER, PASSWORD, World, email, hidden};

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
