//! When datagrams arrived, on the media thread's own clock.
//!
//! The kernel stamps UDP datagrams with civil time, which steps when somebody sets it; TCP has no stamps. Here both become microseconds
//! since the thread began: a stamp only tells how long its datagram waited to be read. So one leg may change from UDP to TCP, and the
//! clock on the wall may be set, and no packet looks late for it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::worker::wake_time;

/// A datagram waits no longer than this to be read, or the civil clock was set meanwhile.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// Both clocks were read at one moment if no more than this passed, and how often that is tried: the thread may be held up in between.
const ONE_MOMENT: Duration = Duration::from_micros(20);
const TRIES: usize = 3;

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    since_start: Duration,
    /// Since 1970.
    civil: Duration,
}

impl Moment {
    /// The present, for a thread that began at `origin`.
    #[expect(clippy::disallowed_methods, reason = "what the kernel's stamps are read by")]
    pub(super) fn new(origin: Instant) -> Self {
        let mut before = wake_time();
        let mut civil = Duration::ZERO;
        for _ in 0..TRIES {
            civil = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let after = wake_time();
            let passed = after.saturating_duration_since(before);
            before = after;
            if passed <= ONE_MOMENT {
                break;
            }
        }
        Self { since_start: before.saturating_duration_since(origin), civil }
    }

    /// When a datagram arrived that was read at this moment, in microseconds since the thread began. `stamp`: the kernel's, since 1970;
    /// without one it arrived just now.
    pub(super) fn arrived_us(self, stamp: Option<Duration>) -> u64 {
        let waited = stamp.map_or(Duration::ZERO, |stamp| self.civil.saturating_sub(stamp).min(LONGEST_WAIT));
        u64::try_from(self.since_start.saturating_sub(waited).as_micros()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::super::feedback::{Arrivals, read};
    use super::super::stream::{Incoming, SLOTS, Slot};
    use super::*;

    const SECOND: u64 = 1_000_000;
    /// When the thread began, since 1970.
    const BEGAN_US: u64 = 1_795_000_000 * SECOND;

    /// A civil clock that somebody sets.
    struct Civil {
        set_at_us: u64,
        by_us: i64,
    }

    impl Civil {
        fn at(&self, us: u64) -> Duration {
            let step = if us >= self.set_at_us { self.by_us } else { 0 };
            Duration::from_micros((BEGAN_US + us).saturating_add_signed(step))
        }

        /// What becomes of a datagram that arrives and is read then.
        fn read(&self, arrives_us: u64, read_us: u64) -> u64 {
            let moment = Moment { since_start: Duration::from_micros(read_us), civil: self.at(read_us) };
            moment.arrived_us(Some(self.at(arrives_us)))
        }
    }

    /// The numbers that a report tells as received, with their times in microseconds.
    fn reported(arrivals: &mut Arrivals) -> Vec<(u16, Option<u128>)> {
        let fates = read::read(&arrivals.report(1, 2).unwrap()).unwrap();
        fates.iter().map(|fate| (fate.number, fate.at.filter(|_| fate.arrived).map(|at| at.as_micros()))).collect()
    }

    #[test]
    fn a_datagram_arrived_when_the_kernel_took_it_and_not_when_it_was_read() {
        let civil = Civil { set_at_us: u64::MAX, by_us: 0 };
        assert_eq!(civil.read(5 * SECOND, 5 * SECOND + 12_345), 5 * SECOND);
        // The stamp may be newer than the look at the clock.
        assert_eq!(civil.read(5 * SECOND + 10, 5 * SECOND), 5 * SECOND);
        let moment = Moment { since_start: Duration::from_secs(5), civil: civil.at(5 * SECOND) };
        assert_eq!(moment.arrived_us(None), 5 * SECOND);
    }

    #[test]
    fn a_clock_that_is_set_moves_no_arrival_by_more_than_the_longest_wait() {
        for by_us in [3_600_000_000, -3_600_000_000, 700_000, -700_000, 3] {
            // Set while the fiftieth packet waits to be read.
            let civil = Civil { set_at_us: 10 * SECOND + 1_001_000, by_us };
            let mut arrivals = Arrivals::default();
            for number in 0..100_u16 {
                let arrives = 10 * SECOND + u64::from(number) * 20_000;
                let told = civil.read(arrives, arrives + 3_000);
                if number == 50 {
                    assert!(told.abs_diff(arrives) <= 100_000, "set by {by_us}: {told}");
                } else {
                    assert_eq!(told, arrives, "set by {by_us}: {number}");
                }
                arrivals.note(number, told);
            }
            let told = reported(&mut arrivals);
            assert!(told.len() == 100 && told.iter().all(|(_, at)| at.is_some()), "set by {by_us}: {told:?}");
        }
    }

    #[test]
    fn a_robot_that_goes_from_udp_to_tcp_loses_nothing_and_jumps_nowhere() {
        let civil = Civil { set_at_us: u64::MAX, by_us: 0 };
        let mut arrivals = Arrivals::default();
        let mut incoming = Incoming::new([Some(111), None, None], [None; SLOTS], [false; SLOTS]);
        incoming.begin(Slot::Audio, 7);
        for number in 0..40_u16 {
            let arrives = 10 * SECOND + u64::from(number) * 20_000;
            let moment = Moment { since_start: Duration::from_micros(arrives), civil: civil.at(arrives) };
            let told = moment.arrived_us((number < 20).then(|| civil.at(arrives)));
            arrivals.note(number, told);
            incoming.timed(Slot::Audio, u32::from(number) * 960, told);
        }
        let told = reported(&mut arrivals);
        let times: Vec<u128> = told.iter().filter_map(|(_, at)| *at).collect();
        assert_eq!(times.len(), 40, "{told:?}");
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 20_000), "{times:?}");
        assert_eq!(incoming.receptions(wake_time())[0].jitter, 0);
    }

    #[test]
    fn the_present_is_that_of_the_threads_clock() {
        let origin = wake_time();
        let times: Vec<u64> = (0..100).map(|_| Moment::new(origin).arrived_us(None)).collect();
        assert!(times.is_sorted() && times[99] < 60 * SECOND, "{times:?}");
    }
}
