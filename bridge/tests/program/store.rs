//! The outbox's file by itself: numbers without gaps, what may be replaced, what a checkpoint keeps.

use std::time::Duration;

use bridge::outbox::store::{self, Acknowledged, Store, StoreError};
use bridge_core::outbox::Acked;
use bridge_core::presence::Interval;
use bridge_core::session::{Checkpoint, Visit};
use chrono::{DateTime, Utc};
use protocol::{Active, Kind, PlacementId, RobotId, SessionId, Tier};
use sqlx::{Connection as _, SqliteConnection};

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_760_000_400 + second, 0).unwrap()
}

async fn open() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("outbox.db")).await.unwrap();
    (folder, store)
}

async fn append(store: &Store, body: &str, grows: Option<(SessionId, u32)>) {
    let mut tx = store.begin().await.unwrap();
    store::append(&mut tx, Kind::Presence, body, grows, at(0)).await.unwrap();
    tx.commit().await.unwrap();
}

async fn bodies(store: &Store) -> Vec<(u64, String)> {
    store.take(0, 100, at(1)).await.unwrap().into_iter().map(|row| (row.seq, row.body)).collect()
}

#[tokio::test]
async fn a_later_word_replaces_an_unsent_one_and_never_a_sent_one() {
    let (_folder, store) = open().await;
    let (session, other) = (SessionId::new(), SessionId::new());
    append(&store, "first", Some((session, 1))).await;
    append(&store, "of another session", Some((other, 1))).await;
    append(&store, "of another interval", Some((session, 2))).await;
    append(&store, "longer", Some((session, 1))).await;
    append(&store, "ended", None).await;
    append(&store, "ended", None).await;
    let expected = [(1, "longer"), (2, "of another session"), (3, "of another interval"), (4, "ended"), (5, "ended")];
    assert_eq!(bodies(&store).await, expected.map(|(seq, body)| (seq, body.to_owned())));
    append(&store, "longer still", Some((session, 1))).await;
    assert_eq!(bodies(&store).await.last().unwrap(), &(6, "longer still".to_owned()));
    assert_eq!(bodies(&store).await[0].1, "longer", "what was sent stays as it was");
}

#[tokio::test]
async fn a_transaction_that_fails_takes_its_numbers_back() {
    let (_folder, store) = open().await;
    append(&store, "a", None).await;
    let mut tx = store.begin().await.unwrap();
    store::append(&mut tx, Kind::Event, "lost", None, at(0)).await.unwrap();
    drop(tx);
    append(&store, "b", None).await;
    assert_eq!(bodies(&store).await, [(1, "a".to_owned()), (2, "b".to_owned())]);
}

#[tokio::test]
async fn numbers_go_on_after_everything_was_deleted_and_the_file_was_opened_again() {
    let (folder, mut store) = open().await;
    let epoch = store.epoch();
    append(&store, "a", None).await;
    append(&store, "b", None).await;
    bodies(&store).await;
    assert_eq!(store.acknowledge(&Acked::new(2, &[])).await.unwrap(), Acknowledged::Deleted(2));
    assert_eq!(store.waiting().await.unwrap().count, 0);
    store.close().await;
    let store = Store::open(&folder.path().join("outbox.db")).await.unwrap();
    assert_eq!(store.epoch(), epoch);
    append(&store, "c", None).await;
    assert_eq!(bodies(&store).await, [(3, "c".to_owned())]);
    let waiting = store.waiting().await.unwrap();
    assert_eq!((waiting.count, waiting.oldest), (1, Some(at(0))));
    assert!(waiting.bytes > 0);
}

/// Days of outage: what waits is known without counting it, and drains in order, a window at a time.
#[tokio::test]
async fn a_hundred_thousand_messages_drain_in_order_and_are_never_in_memory_together() {
    const MESSAGES: u64 = 100_000;
    const WINDOW: usize = 500;
    let (folder, store) = open().await;
    append(&store, "1", None).await;
    store.close().await;
    let path = folder.path().join("outbox.db");
    let mut beside = SqliteConnection::connect(&path.display().to_string()).await.unwrap();
    sqlx::query(
        "WITH RECURSIVE n (seq) AS (SELECT 2 UNION ALL SELECT seq + 1 FROM n WHERE seq < $1)
         INSERT INTO message (seq, message_id, kind, body, created_at)
         SELECT n.seq, randomblob(16), 'presence', n.seq, '2026-11-23T09:00:00+00:00' FROM n",
    )
    .bind(i64::try_from(MESSAGES).unwrap())
    .execute(&mut beside)
    .await
    .unwrap();
    // As the migration counts what a bridge of before had written.
    sqlx::query("UPDATE outbox SET next_seq = $1 + 1, waiting = (SELECT count(*) FROM message)")
        .bind(i64::try_from(MESSAGES).unwrap())
        .execute(&mut beside)
        .await
        .unwrap();
    beside.close().await.unwrap();

    let mut store = Store::open(&path).await.unwrap();
    let waiting = store.waiting().await.unwrap();
    assert_eq!((waiting.count, waiting.oldest), (MESSAGES, Some(at(0))), "the first one's time");
    append(&store, "the last", None).await;
    let mut last = 0;
    loop {
        let rows = store.take(last, WINDOW, at(1)).await.unwrap();
        let Some(end) = rows.last().map(|row| row.seq) else { break };
        assert!(rows.len() <= WINDOW && rows.iter().map(|row| row.seq).eq(last + 1..=end), "after {last}");
        assert!(rows.iter().all(|row| row.body == row.seq.to_string() || row.seq == MESSAGES + 1));
        // One of each window is acknowledged with the next one only, as after a gap.
        let gap = (end <= MESSAGES).then_some((end, end));
        store.acknowledge(&Acked::new(end, gap.as_slice())).await.unwrap();
        let left = MESSAGES + 1 - end + gap.map_or(0, |_| 1);
        assert_eq!(store.waiting().await.unwrap().count, left);
        last = end;
    }
    let waiting = store.waiting().await.unwrap();
    assert_eq!((last, waiting.count, waiting.oldest), (MESSAGES + 1, 0, None));
}

#[tokio::test]
async fn only_committed_ranges_are_deleted_and_a_message_keeps_its_id() {
    let (_folder, mut store) = open().await;
    for body in ["a", "b", "c", "d", "e"] {
        append(&store, body, None).await;
    }
    let before = store.take(0, 100, at(1)).await.unwrap();
    assert_eq!(store.acknowledge(&Acked::new(4, &[(2, 2)])).await.unwrap(), Acknowledged::Deleted(3));
    let after = store.take(0, 100, at(2)).await.unwrap();
    assert_eq!(after, [before[1].clone(), before[4].clone()]);
    assert_eq!(store.take(2, 1, at(2)).await.unwrap(), [before[4].clone()]);
}

#[tokio::test]
async fn a_checkpoint_comes_back_as_it_was_and_goes_with_its_session() {
    let (_folder, store) = open().await;
    let visit = Visit { session: SessionId::new(), placement: PlacementId::new(), robot: RobotId::new() };
    let open = Interval {
        n: 3,
        tier: Tier::Stills,
        from: at(7),
        until: at(1_000),
        span: Duration::from_micros(12_345_678),
        clock_offset_ms: Some(-1_250),
        active: Active { spoke_ms: 4_000, hands: 1, looks: 2, feelings: 3 },
    };
    let live = Checkpoint { visit, intervals: 3, closed_ms: 98_765, open: Some(open), at: at(20) };
    let resting = Checkpoint { open: None, closed_ms: 111_111, ..live };
    for checkpoint in [live, resting, live] {
        let mut tx = store.begin().await.unwrap();
        store::remember(&mut tx, &checkpoint).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.checkpoints().await.unwrap(), [checkpoint]);
    }
    let mut tx = store.begin().await.unwrap();
    store::forget(&mut tx, visit.session).await.unwrap();
    tx.commit().await.unwrap();
    assert!(store.checkpoints().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_acknowledgement_of_what_was_never_given_or_sent_is_about_another_life_of_the_file() {
    for (sent, through) in [(5, 6), (3, 4), (0, 1), (5, u64::MAX)] {
        let (_folder, mut store) = open().await;
        let epoch = store.epoch();
        for body in ["a", "b", "c", "d", "e"] {
            append(&store, body, None).await;
        }
        store.take(0, sent, at(1)).await.unwrap();
        let answer = store.acknowledge(&Acked::new(through, &[(2, 2)])).await.unwrap();
        assert_eq!(answer, Acknowledged::Renewed { waiting: 5 }, "{sent} sent, {through} acknowledged");
        assert_ne!(store.epoch(), epoch);
        append(&store, "f", None).await;
        let expected = ["a", "b", "c", "d", "e", "f"].map(str::to_owned);
        assert_eq!(bodies(&store).await, (1..).zip(expected).collect::<Vec<_>>());
        assert_eq!(store.acknowledge(&Acked::new(6, &[])).await.unwrap(), Acknowledged::Deleted(6));
    }
}

#[tokio::test]
async fn a_new_life_closes_the_gaps_of_the_old_one() {
    let (folder, mut store) = open().await;
    for body in ["a", "b", "c", "d"] {
        append(&store, body, None).await;
    }
    bodies(&store).await;
    store.acknowledge(&Acked::new(3, &[(2, 2)])).await.unwrap();
    assert_eq!(store.acknowledge(&Acked::new(9, &[])).await.unwrap(), Acknowledged::Renewed { waiting: 2 });
    assert_eq!(bodies(&store).await, [(1, "b".to_owned()), (2, "d".to_owned())]);
    let epoch = store.epoch();
    store.close().await;
    assert_eq!(Store::open(&folder.path().join("outbox.db")).await.unwrap().epoch(), epoch, "it is kept");
}

#[tokio::test]
async fn a_file_that_is_no_outbox_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    std::fs::write(&path, "this is a letter, not a database, and it is long enough to be looked at as one".repeat(20)).unwrap();
    let error = Store::open(&path).await.err().expect("refused");
    assert!(matches!(error, StoreError::Open { .. } | StoreError::Migrate { .. }), "{error:?}");
    assert!(error.to_string().contains("outbox.db"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap().len(), 78 * 20, "and left as it is");
}
