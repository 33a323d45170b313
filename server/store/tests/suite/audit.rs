//! The audit log takes entries and gives nothing back to change.

use chrono::{TimeZone, Utc};
use engines::{Fresh, on_each_engine};
use store::audit::{Actor, NewAudit, Subject};
use uuid::Uuid;

on_each_engine!(the_database_itself_refuses_to_change_or_remove_an_entry);

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
