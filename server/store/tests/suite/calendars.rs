//! Days of organisations: what two make of one day at once, and what was changed.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use engines::{Fresh, on_each_engine};
use server_core::policy::Series;
use store::audit::{Actor, NewAudit, Subject};
use store::staff::NewStaff;
use uuid::Uuid;

use crate::world::{SCHOOL, fill};

on_each_engine!(closed_days_are_changed_by_whoever_saw_what_they_were, a_series_changes_day_by_day);

const STAFF: Uuid = Uuid::from_u128(71);
const AUDIT: NewAudit<'static> =
    NewAudit { actor: Actor::Staff(STAFF), action: "close days", subject: Subject::None, detail: None };

fn now() -> DateTime<Utc> {
    "2026-11-17T11:04:00Z".parse().unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

async fn begun(store: &Fresh) {
    fill(store).await;
    let staff = NewStaff { staff_id: STAFF, name: "Jo K.", email: "jo@school.example", password_hash: "x" };
    assert!(store.add_staff(staff, &[]).await.unwrap());
}

/// Revision, day, from and to of every change, the newest first.
async fn told(store: &Fresh) -> Vec<(i64, String, Option<String>, Option<String>)> {
    let rows = store.day_changes(SCHOOL, 100, 0).await.unwrap();
    assert!(rows.iter().all(|row| row.actor_name.as_deref() == Some("Jo K.") && row.at == now()));
    rows.into_iter().map(|row| (row.revision, row.day.to_string(), row.from_text, row.to_text)).collect()
}

async fn closed_days_are_changed_by_whoever_saw_what_they_were(store: Fresh) {
    begun(&store).await;
    store.set_closure(SCHOOL, day("2026-12-02"), Some("INSET")).await.unwrap();
    let set = async |days: &[&str], reason, seen| {
        let days: BTreeSet<_> = days.iter().map(|text| day(text)).collect();
        let others = store.set_closed(SCHOOL, &days, reason, seen, AUDIT, now()).await.unwrap();
        others.into_iter().map(|row| (row.day.to_string(), row.to_text)).collect::<Vec<_>>()
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(set(&["2026-12-01", "2026-12-02"], Some("Boiler"), 0).await, []);
    assert_eq!(store.days_revision(SCHOOL).await.unwrap(), 1);
    // From the page before: the same, other days, and something else.
    assert_eq!(set(&["2026-12-01", "2026-12-02"], Some("Boiler"), 0).await, []);
    assert_eq!(set(&["2026-12-03"], Some("Snow"), 0).await, []);
    let theirs = [("2026-12-01".to_owned(), some("Boiler")), ("2026-12-03".to_owned(), some("Snow"))];
    assert_eq!(set(&["2026-11-30", "2026-12-01", "2026-12-03"], None, 0).await, theirs);
    assert_eq!(set(&["2026-11-30", "2026-12-01", "2026-12-03"], None, 2).await, []);
    let closures = store.calendar(SCHOOL).await.unwrap().unwrap().closures;
    assert!(closures.contains(&(day("2026-12-02"), "Boiler".to_owned())));
    assert!(!closures.iter().any(|(closed, _)| [day("2026-12-01"), day("2026-12-03")].contains(closed)));
    let row = |revision, on: &str, from: Option<&str>, to: Option<&str>| {
        (revision, on.to_owned(), from.map(str::to_owned), to.map(str::to_owned))
    };
    let all = [
        row(3, "2026-12-01", Some("Boiler"), None),
        row(3, "2026-12-03", Some("Snow"), None),
        row(2, "2026-12-03", None, Some("Snow")),
        row(1, "2026-12-01", None, Some("Boiler")),
        row(1, "2026-12-02", Some("INSET"), Some("Boiler")),
    ];
    assert_eq!(told(&store).await, all, "what was the same is no change");
    assert_eq!(store.day_changes(SCHOOL, 2, 2).await.unwrap().len(), 2);
    for statement in ["UPDATE calendar_change SET what = 'x'", "DELETE FROM calendar_change"] {
        assert!(store.run(statement).await.unwrap_err().contains("the history of a calendar is never"), "{statement}");
    }
}

async fn a_series_changes_day_by_day(store: Fresh) {
    begun(&store).await;
    let set = async |on: &str, is_in| {
        store.set_series_day(SCHOOL, Series::Panel, day(on), is_in, AUDIT, now()).await.unwrap();
    };
    for (on, is_in) in
        [("2026-11-05", true), ("2026-12-03", true), ("2026-12-03", true), ("2026-11-05", false), ("2026-11-06", false)]
    {
        set(on, is_in).await;
    }
    assert_eq!(store.series(SCHOOL, Series::Panel).await.unwrap(), BTreeSet::from([day("2026-12-03")]));
    let days: Vec<_> = told(&store).await.into_iter().map(|(revision, on, _, to)| (revision, on, to.is_some())).collect();
    let own = |revision, on: &str, is_in| (revision, on.to_owned(), is_in);
    assert_eq!(days, [own(3, "2026-11-05", false), own(2, "2026-12-03", true), own(1, "2026-11-05", true)]);
}
