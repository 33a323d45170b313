//! The ledger by itself; whole visits are in `session/tests.rs`.

use super::*;

fn at(ms: u64) -> Now {
    let utc = DateTime::from_timestamp(1_760_000_400, 0).unwrap();
    Now { monotonic: Duration::ZERO, utc }.plus(Duration::from_millis(ms))
}

const VIDEO: Sample = Sample { video: 60, audio: 50, voice: 0, reports: true, feedback: false };

#[test]
fn lines_that_come_early_or_late_count_the_time_that_passed() {
    let mut ledger = Ledger::new(1);
    ledger.start(at(0));
    for ms in [990, 2_050, 2_960, 4_000] {
        ledger.second(at(ms), VIDEO);
    }
    assert_eq!(ledger.open().unwrap().span_ms(), 4_000);
}

#[test]
fn a_lost_line_costs_nothing_and_a_standstill_of_the_machine_is_not_presence() {
    let mut ledger = Ledger::new(1);
    ledger.start(at(0));
    ledger.second(at(1_000), VIDEO);
    ledger.second(at(3_000), VIDEO);
    assert_eq!(ledger.open().unwrap().span_ms(), 3_000);
    let changes = ledger.second(at(60_000), VIDEO);
    assert!(matches!(changes[..], [Change::Closed(Interval { n: 1, .. }, ClosedBy::Interruption), Change::Opened]));
    assert_eq!(ledger.open().unwrap().span_ms(), 1_000);
    assert_eq!(ledger.closed_ms(), 3_000);
}

#[test]
fn what_is_held_is_bounded() {
    let mut ledger = Ledger::new(1);
    ledger.start(at(0));
    for second in 1..1_000 {
        ledger.second(at(second * 1_000), Sample { reports: false, ..VIDEO });
        assert!(ledger.held.len() <= 8);
    }
    assert_eq!(ledger.intervals(), 0);
}

#[test]
fn what_the_pupil_does_between_intervals_goes_to_the_next() {
    let mut ledger = Ledger::new(1);
    ledger.did(|active| active.hands += 1);
    ledger.start(at(0));
    ledger.second(at(1_000), VIDEO);
    assert_eq!(ledger.open().unwrap().active.hands, 1);
}

#[test]
fn speech_never_lasts_longer_than_its_second() {
    let mut ledger = Ledger::new(1);
    ledger.start(at(0));
    ledger.second(at(1_000), Sample { voice: 80, ..VIDEO });
    assert_eq!(ledger.open().unwrap().active.spoke_ms, 1_000);
}

#[test]
fn on_a_fast_clock_a_second_of_media_is_worth_as_much_more() {
    let mut ledger = Ledger::new(12);
    ledger.start(at(0));
    for second in 1..=10 {
        ledger.second(at(second * 12_000), Sample { voice: 25, ..VIDEO });
    }
    assert_eq!((ledger.intervals(), ledger.open().unwrap().span_ms()), (1, 120_000));
    assert_eq!(ledger.open().unwrap().active.spoke_ms, 60_000);
}
