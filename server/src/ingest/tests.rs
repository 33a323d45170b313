//! The way from payloads to rows, without a broker; with one it is a story in `tests/system`.

use chrono::TimeDelta;
use protocol::{Active, ClosedBy, MessageId, PresenceMessage, SessionId, Tier};

use super::*;
use crate::demo::{self, ids};
use crate::lessons;

fn message(seq: u64, from_s: i64, length_s: i64, now: chrono::DateTime<chrono::Utc>) -> (String, Vec<u8>) {
    let from = now + chrono::TimeDelta::seconds(from_s);
    let body = PresenceMessage::Interval {
        session: SessionId(Uuid::from_u128(1)),
        placement: ids::ADA_PLACEMENT,
        robot: ids::ROBIN,
        n: 1,
        tier: Tier::Video,
        from,
        until: from + TimeDelta::seconds(length_s),
        span_ms: u64::try_from(length_s).unwrap() * 1000,
        active: Active::default(),
        closed_by: Some(ClosedBy::End),
    };
    let envelope = Envelope { v: 1, id: MessageId::new(), epoch: Uuid::from_u128(9), seq: Some(seq), sent_at: now, mono_ms: 0, body };
    (Topic::new(ids::BRIDGE, Kind::Presence).to_string(), envelope.to_bytes())
}

#[tokio::test]
async fn a_message_becomes_minutes_once_however_often_it_comes() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_sqlite::Store::open(&dir.path().join("t.db")).await.unwrap();
    let now = "2026-11-23T09:30:00Z".parse().unwrap();
    demo::seed_store(&store, &dir.path().join("none"), now).await.unwrap();
    let placement = store.placement(ids::ADA_PLACEMENT.0).await.unwrap().unwrap();
    let minutes = async || {
        let day = lessons::school_days(&store, &placement, now.date_naive(), now.date_naive()).await.unwrap().remove(0);
        let lesson = day.lessons.iter().position(|lesson| lesson.is_at(now)).unwrap();
        day.account.lessons[lesson].connected.minutes().get()
    };
    assert_eq!(minutes().await, 0);
    let early = message(1, -1_800, 600, now);
    let late = message(2, -1_800, 1_500, now);
    for batch in [vec![late.clone(), early.clone()], vec![early, late], vec![("ws/v1/x/up/presence".to_owned(), b"{".to_vec())]] {
        apply(&store, &batch, now).await.unwrap();
    }
    assert_eq!(minutes().await, 25);
    assert_eq!(store.quarantined(10).await.unwrap().len(), 1);
    assert_eq!(store.acknowledged_through(ids::BRIDGE.0, Uuid::from_u128(9)).await.unwrap(), 2);
}
