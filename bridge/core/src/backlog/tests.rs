//! Whatever waits and for how long, what comes out says as much as what went in.

use chrono::DateTime;
use proptest::prelude::*;
use protocol::{Active, ClosedBy, EndReason, EventKind, PlacementId, RobotId, Tier};

use super::*;

fn session(number: u8) -> SessionId {
    format!("00000000-0000-0000-0000-{number:012}").parse().unwrap()
}

fn interval(number: u8, n: u32, span_ms: u64, closed_by: Option<ClosedBy>) -> PresenceMessage {
    let from = DateTime::from_timestamp(1_760_000_400, 0).unwrap();
    PresenceMessage::Interval {
        session: session(number),
        placement: PlacementId(session(0).0),
        robot: RobotId(session(0).0),
        n,
        tier: Tier::Video,
        from,
        until: from,
        span_ms,
        clock_offset_ms: None,
        active: Active::default(),
        closed_by,
    }
}

fn ended(number: u8) -> PresenceMessage {
    PresenceMessage::Ended {
        session: session(number),
        placement: PlacementId(session(0).0),
        robot: RobotId(session(0).0),
        at: DateTime::from_timestamp(1_760_000_400, 0).unwrap(),
        reason: EndReason::Left,
        intervals: 1,
        total_ms: 1,
    }
}

fn keep(backlog: &mut Backlog, number: u8, facts: Vec<PresenceMessage>) {
    backlog.keep(Work::Record(Record { session: session(number), facts, checkpoint: None }));
}

fn drain(backlog: &mut Backlog) -> Vec<PresenceMessage> {
    let mut facts = Vec::new();
    while let Some(work) = backlog.take_next() {
        if let Work::Record(record) = work {
            facts.extend(record.facts);
        }
    }
    facts
}

#[test]
fn the_latest_word_on_each_interval_and_the_end_wait_in_order() {
    let mut backlog = Backlog::default();
    keep(&mut backlog, 2, vec![interval(2, 1, 5, None)]);
    keep(&mut backlog, 1, vec![interval(1, 1, 1, None)]);
    keep(&mut backlog, 2, vec![interval(2, 1, 9, Some(ClosedBy::TierChange)), interval(2, 2, 1, None)]);
    keep(&mut backlog, 2, vec![interval(2, 2, 4, Some(ClosedBy::End)), ended(2)]);
    assert_eq!(backlog.len(), 4);
    let expected = [
        interval(2, 1, 9, Some(ClosedBy::TierChange)),
        interval(2, 2, 4, Some(ClosedBy::End)),
        ended(2),
        interval(1, 1, 1, None),
    ];
    assert_eq!(drain(&mut backlog), expected);
    assert!(backlog.is_empty());
    assert_eq!((backlog.len(), backlog.dropped()), (0, 0));
}

#[test]
fn a_taker_slower_than_what_comes_starves_no_session() {
    let (mut backlog, mut taken) = (Backlog::default(), BTreeMap::new());
    for second in 1..=30_u64 {
        (0..10).for_each(|number| keep(&mut backlog, number, vec![interval(number, 1, second, None)]));
        for _ in 0..4 {
            let Some(Work::Record(record)) = backlog.take_next() else { panic!("nothing waits") };
            taken.insert(record.session, second);
        }
    }
    assert_eq!(taken.len(), 10);
    // Ten sessions, four a second: nobody's last word is older than three seconds.
    assert!(taken.values().all(|second| *second > 27), "{taken:?}");
}

#[test]
fn it_is_bounded_and_what_is_known_still_grows() {
    let mut backlog = Backlog::default();
    for n in 0..MOST_FACTS as u32 + 10 {
        keep(&mut backlog, 1, vec![interval(1, n, 1, None)]);
    }
    assert_eq!((backlog.len(), backlog.dropped()), (MOST_FACTS, 10));
    keep(&mut backlog, 2, vec![interval(2, 1, 1, None)]);
    assert_eq!((backlog.len(), backlog.dropped()), (MOST_FACTS, 11));
    keep(&mut backlog, 1, vec![interval(1, 0, 7, None), ended(1)]);
    let facts = drain(&mut backlog);
    assert_eq!((&facts[0], facts.last().unwrap()), (&interval(1, 0, 7, None), &ended(1)));
    for _ in 0..MOST_EVENTS + 5 {
        let at = DateTime::from_timestamp(1_760_000_400, 0).unwrap();
        let event = EventMessage { what: EventKind::PupilJoined, robot: RobotId(session(0).0), session: None, at };
        backlog.keep(Work::Report(event));
    }
    assert_eq!(backlog.len(), MOST_EVENTS);
}

proptest! {
    /// A receiver that keeps the last word on each interval learns the same, whether or not the words waited here.
    #[test]
    fn what_waits_says_as_much_as_what_came(words in proptest::collection::vec((0_u8..4, 0_u32..6, 1_u64..100), 0..200)) {
        let mut backlog = Backlog::default();
        let mut direct = BTreeMap::new();
        for (number, n, span_ms) in words {
            keep(&mut backlog, number, vec![interval(number, n, span_ms, None)]);
            direct.insert((number, n), interval(number, n, span_ms, None));
        }
        prop_assert_eq!(backlog.len(), direct.len());
        let mut facts = drain(&mut backlog);
        facts.sort_by_key(|fact| match fact {
            PresenceMessage::Interval { session, n, .. } => (*session, *n),
            PresenceMessage::Ended { session, .. } => (*session, u32::MAX),
        });
        prop_assert_eq!(facts, direct.into_values().collect::<Vec<_>>());
    }
}
