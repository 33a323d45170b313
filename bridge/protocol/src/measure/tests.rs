//! A server whose clock is known, a network whose delays are known, and what the measure makes of both.

use proptest::prelude::*;

use super::*;

fn civil(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_760_000_400_000 + ms).unwrap()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// One exchange: sent at `at`, `there` on its way, `held` at the server, `back` on its way. The server's clock shows `ahead` plus
/// our monotonic time.
fn exchange(measure: &mut Measure, at: u64, there: u64, held: u64, back: u64, ahead: i64) {
    let id = MessageId::new();
    measure.sent(id, ms(at));
    let server = |mono: u64| civil(i64::try_from(mono).unwrap() + ahead);
    let echo =
        ClockEcho { of: id, mono_ms: at, received_at: server(at + there), sent_at: server(at + there + held), error_ms: 0 };
    measure.echo(ms(at + there + held + back), &echo);
}

fn offset(measure: &Measure, at: u64, shown: DateTime<Utc>) -> i64 {
    measure.estimate().unwrap().offset_ms(ms(at), shown)
}

#[test]
fn an_even_way_there_and_back_gives_the_exact_time_however_long_the_server_holds_it() {
    let mut measure = Measure::new();
    exchange(&mut measure, 5_000, 40, 60_000, 40, 1_250);
    assert_eq!(offset(&measure, 5_000, civil(5_000)), -1_250);
    let error = measure.estimate().unwrap().error();
    assert!(error > ms(40) && error < ms(41), "half the way, and what clocks drift in a minute: {error:?}");
}

#[test]
fn nothing_is_known_before_the_first_echo_or_by_those_of_another_process() {
    let mut measure = Measure::new();
    let echo = ClockEcho { of: MessageId::new(), mono_ms: 5, received_at: civil(0), sent_at: civil(0), error_ms: 0 };
    measure.echo(ms(10), &echo);
    assert_eq!(measure.estimate(), None);
    let id = MessageId::new();
    measure.sent(id, ms(700));
    measure.echo(ms(710), &ClockEcho { of: id, mono_ms: 699, ..echo });
    assert_eq!(measure.estimate(), None, "an earlier copy of the message, by a process that is gone");
    measure.echo(ms(710), &ClockEcho { of: id, mono_ms: 700, ..echo });
    let known = measure.estimate();
    assert!(known.is_some());
    measure.echo(ms(90_000), &ClockEcho { of: id, mono_ms: 700, ..echo });
    assert_eq!(measure.estimate(), known, "the same echo again, retained by the broker");
}

#[test]
fn the_least_round_trip_wins_and_is_not_kept_for_ever() {
    let mut measure = Measure::new();
    exchange(&mut measure, 1_000, 2, 0, 2, 0);
    exchange(&mut measure, 2_000, 300, 0, 2, 0);
    assert_eq!(offset(&measure, 2_000, civil(2_000)), 0, "the lopsided one is known to be less exact");
    exchange(&mut measure, 700_000, 300, 0, 2, 0);
    assert_eq!(offset(&measure, 700_000, civil(700_000)), -149, "after ten minutes it is all there is");
}

#[test]
fn an_offset_within_the_error_of_its_measurement_is_none() {
    let mut measure = Measure::new();
    exchange(&mut measure, 1_000, 30, 0, 10, 5);
    let clock = measure.estimate().unwrap();
    assert_eq!((clock.offset_ms(ms(1_000), civil(1_000)), clock.ahead_ms(ms(1_000), civil(1_000))), (-15, 0));
    assert_eq!(clock.ahead_ms(ms(1_000), civil(1_100)), 85);
}

/// A copy that a broker delivered again after half a minute, to a server whose own clock is 20 ms off the one that servers share.
#[test]
fn what_was_long_under_way_one_way_only_does_not_drive_out_what_is_exact() {
    let mut measure = Measure::new();
    exchange(&mut measure, 1_000, 3, 0, 3, 0);
    for error_ms in [40, 0] {
        let id = MessageId::new();
        measure.sent(id, ms(2_000));
        let server = civil(32_020);
        measure.echo(ms(32_001), &ClockEcho { of: id, mono_ms: 2_000, received_at: server, sent_at: server, error_ms });
        let off = offset(&measure, 32_001, civil(32_001));
        if error_ms > 0 {
            assert_eq!(off, 0, "the exact one is still used");
        } else {
            assert!(off < -15_000, "had it not been said, the two would contradict each other");
        }
    }
}

#[test]
fn a_step_of_the_servers_clock_replaces_what_was_known() {
    let mut measure = Measure::new();
    exchange(&mut measure, 1_000, 1, 0, 1, 0);
    exchange(&mut measure, 2_000, 20, 0, 20, 5_000);
    assert_eq!(offset(&measure, 2_000, civil(2_000)), -5_000);
}

#[test]
fn a_step_of_our_civil_clock_while_offline_is_known_exactly() {
    let mut measure = Measure::new();
    exchange(&mut measure, 1_000, 3, 0, 3, 0);
    // Hours later, without a word from the server, the civil clock is set back by an hour and a half.
    assert_eq!(offset(&measure, 7_200_000, civil(7_200_000 - 5_400_000)), -5_400_000);
}

#[test]
fn a_server_that_says_it_held_the_message_longer_than_it_was_away_stepped_meanwhile() {
    let mut measure = Measure::new();
    let id = MessageId::new();
    measure.sent(id, ms(100));
    let (received_at, sent_at) = (civil(0), civil(60_000));
    measure.echo(ms(200), &ClockEcho { of: id, mono_ms: 100, received_at, sent_at, error_ms: 0 });
    assert_eq!(measure.estimate(), None);
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut measure = Measure::new();
    for at in 0..10_000 {
        measure.sent(MessageId::new(), ms(at));
        exchange(&mut measure, at, 1, 0, 1, 0);
    }
    assert!(measure.sent.len() <= MOST_SENT && measure.exchanges.len() <= MOST_EXCHANGES);
}

proptest! {
    /// Whatever the delays, the true offset is within the error that the estimate states, plus what the clocks drift meanwhile.
    #[test]
    fn the_error_is_never_larger_than_stated(
        ahead in -1_000_000_000_i64..1_000_000_000,
        exchanges in proptest::collection::vec((0_u64..60_000, 0_u64..5_000, 0_u64..100_000, 0_u64..5_000), 1..40),
    ) {
        let mut measure = Measure::new();
        let mut at = 0;
        for (pause, there, held, back) in exchanges {
            at += pause;
            exchange(&mut measure, at, there, held, back, ahead);
            at += there + held + back;
            let estimate = measure.estimate().unwrap();
            let off = (estimate.offset_ms(ms(at), civil(0)) - (0 - i64::try_from(at).unwrap() - ahead)).unsigned_abs();
            prop_assert!(ms(off) <= estimate.error() + ms(1), "{off} ms off, {:?} stated", estimate.error());
        }
    }

    /// Of several exchanges between clocks that run evenly, the one with the least round trip is used.
    #[test]
    fn no_exchange_makes_the_estimate_worse(
        exchanges in proptest::collection::vec((0_u64..2_000, 0_u64..500, 0_u64..500), 2..30),
    ) {
        let mut measure = Measure::new();
        let (mut at, mut least) = (0, u64::MAX);
        for (pause, there, back) in exchanges {
            at += pause;
            exchange(&mut measure, at, there, 0, back, 0);
            at += there + back;
            least = least.min(there + back);
            prop_assert!(measure.estimate().unwrap().error() <= ms(least / 2 + 2));
        }
    }

    /// The order in which echoes come back does not decide which exchange is trusted.
    #[test]
    fn echoes_may_come_in_any_order(delays in proptest::collection::vec((0_u64..900, 0_u64..900), 2..20), seed in any::<u64>()) {
        let ids: Vec<_> = delays.iter().map(|_| MessageId::new()).collect();
        let mut measure = Measure::new();
        for (place, id) in ids.iter().enumerate() {
            measure.sent(*id, ms(place as u64 * 10));
        }
        let mut order: Vec<_> = (0..ids.len()).collect();
        order.sort_by_key(|place| (*place as u64).wrapping_mul(seed | 1));
        for place in order {
            let (there, back) = delays[place];
            let at = place as u64 * 10;
            let server = civil(i64::try_from(at + there).unwrap());
            measure.echo(ms(at + there + back), &ClockEcho { of: ids[place], mono_ms: at, received_at: server, sent_at: server, error_ms: 0 });
        }
        let least = delays.iter().map(|(there, back)| there + back).min().unwrap();
        prop_assert!(measure.estimate().unwrap().error() <= ms(least / 2 + 2));
    }
}
