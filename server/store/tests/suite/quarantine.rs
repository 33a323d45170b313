//! What is in quarantine: read again after a fix, and how long it stays.

use chrono::TimeDelta;
use engines::{Fresh, on_each_engine};
use store::inbox::{Fact, Received, Replayed, Touched};

use crate::inbox::{EPOCH, interval, now, received};
use crate::world::{BRIDGE, PUPIL, ROBOT, fill};

on_each_engine!(
    facts_that_were_acknowledged_are_not_removed_for_their_number,
    a_message_in_quarantine_is_replayed_once_and_has_its_effect,
    one_that_sends_thousands_of_unreadable_messages_pushes_nobody_else_out
);

/// Report: a bridge that a newer server could not read was told that its facts are here, and deleted them; the hourly look then removed
/// all beyond the limit, which were the only copies.
async fn facts_that_were_acknowledged_are_not_removed_for_their_number(store: Fresh) {
    fill(&store).await;
    let facts: Vec<_> = (1..=40).map(|seq| received(BRIDGE, Some(seq), Fact::Unusable("of another version".into()))).collect();
    let ingested = store.ingest(&facts, now()).await.unwrap();
    assert_eq!((ingested.acks[0].1.through, ingested.acks[0].1.gaps.len()), (40, 0), "it deletes its own copies");
    let noise = |n: i32| received(BRIDGE, None, Fact::Unusable(format!("measured {n}")));
    store.ingest(&(0..15).map(noise).collect::<Vec<_>>(), now()).await.unwrap();
    let (earlier, later) = (now() - TimeDelta::days(1), now() + TimeDelta::days(1));
    assert_eq!(store.trim_quarantine(earlier, earlier, 10).await.unwrap(), 5, "of the others the oldest");
    assert_eq!(store.trim_quarantine(earlier, earlier, 10).await.unwrap(), 0);
    let kept = store.quarantined(100, None).await.unwrap();
    assert_eq!(kept.iter().filter_map(|row| row.seq).collect::<Vec<_>>(), (1..=40).rev().collect::<Vec<_>>());
    assert_eq!(kept.iter().filter(|row| row.seq.is_none()).count(), 10);
    // By age they go, later than the others.
    assert_eq!(store.trim_quarantine(later, earlier, 10).await.unwrap(), 10);
    assert_eq!(store.trim_quarantine(later, later, 10).await.unwrap(), 40);
}

async fn a_message_in_quarantine_is_replayed_once_and_has_its_effect(store: Fresh) {
    fill(&store).await;
    let unreadable = received(BRIDGE, Some(1), Fact::Unusable("not readable".into()));
    store.ingest(&[unreadable.clone(), received(BRIDGE, Some(2), interval(1, 5))], now()).await.unwrap();
    let entry = store.quarantined(10, None).await.unwrap().remove(0);
    assert_eq!(store.quarantine_entry(entry.quarantine_id).await.unwrap().as_ref(), Some(&entry));
    let reasons = store.quarantine_reasons().await.unwrap();
    assert_eq!(reasons.iter().map(|row| (row.reason.as_str(), row.messages)).collect::<Vec<_>>(), [("not readable", 1)]);
    // Still unreadable: it stays.
    let refused = store.replay(entry.quarantine_id, &unreadable, now()).await.unwrap();
    assert!(matches!(&refused, Replayed::Refused(reason) if reason == "not readable"), "{refused:?}");
    assert_eq!(store.quarantined(10, None).await.unwrap().len(), 1);
    // After a fix it is an interval: its number is known, its effect happens all the same.
    let readable = Received { fact: interval(2, 7), ..unreadable };
    let applied = store.replay(entry.quarantine_id, &readable, now()).await.unwrap();
    assert!(matches!(&applied, Replayed::Applied(touched) if touched.contains(&Touched::Pupil(PUPIL))), "{applied:?}");
    let rows = store.presence_of_pupil(PUPIL, now(), now() + TimeDelta::hours(2)).await.unwrap();
    assert_eq!(rows.iter().map(|row| (row.n, row.span_ms)).collect::<Vec<_>>(), [(1, 300_000), (2, 420_000)]);
    assert_eq!(store.quarantine_entry(entry.quarantine_id).await.unwrap(), None);
    assert!(matches!(store.replay(entry.quarantine_id, &readable, now()).await.unwrap(), Replayed::Gone));
    assert_eq!(store.acknowledged_through(BRIDGE, EPOCH).await.unwrap(), 2);
    // Pages go on from a row.
    for _ in 0..3 {
        store.ingest(&[received(BRIDGE, None, Fact::Unusable("later".into()))], now()).await.unwrap();
    }
    let first = store.quarantined(2, None).await.unwrap();
    let next = store.quarantined(2, Some(first[1].quarantine_id)).await.unwrap();
    assert_eq!((first.len(), next.len()), (2, 1));
    assert!(first[0].quarantine_id > first[1].quarantine_id && first[1].quarantine_id > next[0].quarantine_id);
}

/// A robot that has gone mad and a bridge that was acknowledged share one quarantine: the mad one loses its own.
async fn one_that_sends_thousands_of_unreadable_messages_pushes_nobody_else_out(store: Fresh) {
    fill(&store).await;
    let of = |device, reason: &str| received(device, None, Fact::Unusable(reason.to_owned()));
    store.ingest(&[of(BRIDGE, "not readable"), of(BRIDGE, "not readable")], now()).await.unwrap();
    let mad: Vec<_> = (0..40).map(|n| of(ROBOT, &format!("mad {n}"))).collect();
    store.ingest(&mad, now()).await.unwrap();
    assert_eq!(store.trim_quarantine(now(), now(), 10).await.unwrap(), 32);
    let kept = store.quarantined(100, None).await.unwrap();
    let reasons: Vec<&str> = kept.iter().map(|row| row.reason.as_str()).collect();
    let newest: Vec<String> = (32..40).rev().map(|n| format!("mad {n}")).collect();
    assert_eq!(reasons, newest.iter().map(String::as_str).chain(["not readable"; 2]).collect::<Vec<_>>());
    // Of one reason, however many others are in front of it, and on from a row.
    let first = store.quarantined_for("not readable", 1, None).await.unwrap();
    let next = store.quarantined_for("not readable", 5, Some(first[0].quarantine_id)).await.unwrap();
    assert_eq!((first.len(), next.len(), next[0].device_id), (1, 1, Some(BRIDGE)));
    assert_eq!(store.trim_quarantine(now() + TimeDelta::seconds(1), now() + TimeDelta::seconds(1), 10).await.unwrap(), 10);
}
