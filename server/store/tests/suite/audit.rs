//! The audit log takes entries and gives nothing back to change.

use chrono::{TimeZone, Utc};
use engines::{Fresh, on_each_engine};
use store::audit::{Actor, NewAudit, Subject};
use uuid::Uuid;

on_each_engine!(the_database_itself_refuses_to_change_or_remove_an_entry, a_list_of_many_pupils_is_one_entry_each);

async fn the_database_itself_refuses_to_change_or_remove_an_entry(store: Fresh) {
    let now = Utc.with_ymd_and_hms(2026, 11, 17, 11, 4, 0).unwrap();
    let pupil = Uuid::from_u128(5);
    let entry = NewAudit {
        actor: Actor::Staff(Uuid::from_u128(9)),
        action: "read record",
        subject: Subject::Pupil(pupil),
        detail: None,
    };
    store.append_audit(entry, now).await.unwrap();
    let update = store.run("UPDATE audit_entry SET action = 'nothing'").await.unwrap_err();
    assert!(update.contains("never changed"), "{update}");
    let delete = store.run("DELETE FROM audit_entry").await.unwrap_err();
    assert!(delete.contains("never removed"), "{delete}");
    let held = store.audit_of(pupil, 10).await.unwrap();
    assert_eq!(held.len(), 1);
    assert_eq!((held[0].action.as_str(), held[0].at), ("read record", now));
}

async fn a_list_of_many_pupils_is_one_entry_each(store: Fresh) {
    let now = Utc.with_ymd_and_hms(2026, 11, 17, 11, 4, 0).unwrap();
    let of = |pupil| {
        let subject = Subject::Pupil(Uuid::from_u128(pupil));
        NewAudit { actor: Actor::Staff(Uuid::from_u128(9)), action: "read plan", subject, detail: None }
    };
    store.append_audits(&[], now).await.unwrap();
    assert!(store.audit(10).await.unwrap().is_empty());
    store.append_audits(&[of(5), of(6)], now).await.unwrap();
    let mut held: Vec<_> = store.audit(10).await.unwrap().into_iter().map(|row| row.subject_id).collect();
    held.sort();
    assert_eq!(held, [Some(Uuid::from_u128(5)), Some(Uuid::from_u128(6))]);
}
