//! Sessions end when they should, and wrong tries are counted before anything is checked.

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use engines::{Fresh, on_each_engine};
use store::staff::{NewStaff, ThrottleKey};
use uuid::Uuid;

on_each_engine!(
    a_session_is_over_when_idle_past_its_end_closed_or_its_person_left,
    an_email_is_taken_once,
    after_the_free_tries_a_key_waits_and_waiting_is_not_counted
);

const WHO: Uuid = Uuid::from_u128(7);

fn at(minute: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 17, 9, 0, 0).unwrap() + TimeDelta::minutes(i64::from(minute))
}

async fn with_person(store: &Fresh) {
    let person = NewStaff { staff_id: WHO, name: "Ms N.", email: "n@school.example", password_hash: "x" };
    assert!(store.add_staff(person, &[]).await.unwrap());
}

async fn a_session_is_over_when_idle_past_its_end_closed_or_its_person_left(store: Fresh) {
    with_person(&store).await;
    store.open_web_session(b"a", WHO, at(0), at(60)).await.unwrap();
    let look = async |now: u32, idle_since: u32| store.web_session(b"a", at(now), at(idle_since)).await.unwrap().is_some();
    assert!(!look(10, 0).await, "not used since minute 0");
    store.touch_web_session(b"a", at(9)).await.unwrap();
    assert!(look(10, 0).await);
    assert!(!look(60, 0).await, "past its end");
    store.disable_staff(WHO, at(11)).await.unwrap();
    assert!(!look(12, 0).await);
}

async fn an_email_is_taken_once(store: Fresh) {
    with_person(&store).await;
    let other = NewStaff { staff_id: Uuid::from_u128(8), name: "Mr O.", email: "n@school.example", password_hash: "y" };
    assert!(!store.add_staff(other, &[]).await.unwrap());
    assert_eq!(store.staff_name(WHO).await.unwrap().as_deref(), Some("Ms N."));
}

async fn after_the_free_tries_a_key_waits_and_waiting_is_not_counted(store: Fresh) {
    with_person(&store).await;
    let key = [ThrottleKey { key_sha256: b"k", free: 3 }];
    let attempt = async |minute: u32| {
        store.begin_sign_in_try(&key, at(minute), at(0), |over| TimeDelta::minutes(1 + over)).await.unwrap()
    };
    for _ in 0..3 {
        assert_eq!(attempt(1).await, None);
    }
    assert_eq!(attempt(1).await, Some(at(2)));
    assert_eq!(attempt(1).await, Some(at(2)), "asking again does not lengthen it");
    assert_eq!(attempt(2).await, None, "one more try");
    assert_eq!(attempt(3).await, Some(at(4)), "then a longer wait");
    store.forgive_sign_in(b"k", None).await.unwrap();
    assert_eq!(attempt(3).await, None);
}
