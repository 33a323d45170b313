//! The window over the outbox, moved by hand.

use proptest::prelude::*;

use super::*;

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn queue(rows: std::ops::RangeInclusive<u64>) -> Queue {
    let mut queue = Queue::new(64);
    queue.connected();
    rows.for_each(|seq| queue.take(seq));
    queue
}

fn send_all(queue: &mut Queue, at: u64) -> Vec<u64> {
    let due = queue.due(s(at));
    due.iter().for_each(|seq| queue.published(s(at), *seq, Outcome::Taken));
    due
}

#[test]
fn rows_are_sent_oldest_first_and_once_while_one_waits() {
    let mut queue = queue(1..=3);
    assert_eq!(send_all(&mut queue, 0), [1, 2, 3]);
    assert!(send_all(&mut queue, 9).is_empty());
    assert_eq!(queue.deadline(), Some(s(10)));
}

#[test]
fn what_the_server_never_acknowledges_is_sent_for_ever_ever_more_rarely() {
    let mut queue = queue(1..=1);
    let times: Vec<u64> = (0..600).filter(|at| !send_all(&mut queue, *at).is_empty()).collect();
    assert_eq!(times, [0, 10, 30, 70, 150, 270, 390, 510]);
}

#[test]
fn an_acknowledgement_frees_the_window() {
    let mut queue = queue(1..=64);
    assert_eq!(queue.room(), None);
    send_all(&mut queue, 0);
    queue.acked(&Acked::new(60, &[]));
    assert_eq!(queue.room(), Some((64, 60)));
    assert_eq!(queue.under_way(), 4);
}

#[test]
fn gaps_are_sent_again_soon_but_not_while_a_copy_may_be_on_its_way() {
    let mut queue = queue(1..=5);
    send_all(&mut queue, 100);
    queue.acked(&Acked::new(5, &[(2, 3)]));
    assert!(send_all(&mut queue, 101).is_empty());
    assert_eq!(send_all(&mut queue, 102), [2, 3]);
    // Ten more acknowledgements in the same second change nothing.
    for _ in 0..10 {
        queue.acked(&Acked::new(5, &[(2, 3)]));
    }
    assert!(send_all(&mut queue, 103).is_empty());
    assert_eq!(send_all(&mut queue, 104), [2, 3]);
}

#[test]
fn a_new_connection_makes_everything_due() {
    let mut queue = queue(1..=2);
    send_all(&mut queue, 0);
    queue.disconnected();
    assert_eq!((queue.due(s(60)), queue.room(), queue.deadline()), (vec![], None, None));
    queue.connected();
    assert_eq!(send_all(&mut queue, 61), [1, 2]);
}

#[test]
fn a_broken_publish_is_tried_again_and_a_refused_one_left_alone_for_a_while() {
    let mut queue = queue(1..=2);
    assert_eq!(queue.due(s(0)), [1, 2]);
    queue.published(s(0), 1, Outcome::Failed);
    queue.published(s(0), 2, Outcome::Refused);
    assert_eq!(queue.due(s(1)), [1]);
    assert_eq!(queue.due(s(60)), [2]);
}

#[test]
fn an_acknowledgement_of_rows_that_are_being_published_wins() {
    let mut queue = queue(1..=2);
    queue.due(s(0));
    queue.acked(&Acked::new(2, &[]));
    queue.published(s(1), 1, Outcome::Failed);
    assert_eq!((queue.under_way(), queue.deadline()), (0, None));
}

#[test]
fn committed_ranges_leave_the_gaps_out() {
    assert_eq!(Acked::new(10, &[(4, 5), (1, 1), (9, 10)]).committed(), [2..=3, 6..=8]);
    assert_eq!(Acked::new(3, &[]).committed(), [1..=3]);
    assert_eq!(Acked::new(0, &[]).committed(), Vec::<RangeInclusive<u64>>::new());
    assert_eq!(Acked::new(3, &[(1, 3)]).committed(), Vec::<RangeInclusive<u64>>::new());
    // Nonsense is ignored rather than believed.
    assert_eq!(Acked::new(3, &[(3, 2), (7, 9)]).committed(), [1..=3]);
}

proptest! {
    /// The ranges and the predicate are two views of the same set.
    #[test]
    fn committed_is_what_is_covered(through in 0_u64..60, gaps in prop::collection::vec((0_u64..70, 0_u64..70), 0..6)) {
        let acked = Acked::new(through, &gaps);
        let ranges = acked.committed();
        for seq in 1..70 {
            prop_assert_eq!(acked.covers(seq), ranges.iter().any(|range| range.contains(&seq)));
        }
    }

    /// Over a broker and a server that lose what they like, every row is acknowledged in the end, and the window keeps its bound.
    #[test]
    fn everything_arrives_in_the_end(losses in prop::collection::vec(any::<bool>(), 400), rows in 1_u64..120) {
        let mut queue = Queue::new(16);
        queue.connected();
        let mut stored = std::collections::BTreeSet::new();
        let mut losses = losses.into_iter();
        let mut at = 0;
        while (stored.len() as u64) < rows || queue.under_way() > 0 {
            at += 1;
            prop_assert!(at < 100_000, "never done: {queue:?}");
            if let Some((after, room)) = queue.room() {
                (after + 1..=rows).take(room).for_each(|seq| queue.take(seq));
            }
            prop_assert!(queue.under_way() <= 16);
            for seq in queue.due(s(at)) {
                let lost = losses.next().unwrap_or(false);
                queue.published(s(at), seq, Outcome::Taken);
                if !lost {
                    stored.insert(seq);
                }
            }
            let through = stored.last().copied().unwrap_or(0);
            let gaps: Vec<_> = (1..=through).filter(|seq| !stored.contains(seq)).map(|seq| (seq, seq)).collect();
            queue.acked(&Acked::new(through, &gaps));
        }
    }
}
