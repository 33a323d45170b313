//! The picture yields to the sound: where a tablet's network holds packets back, pictures are left out until it no longer does.
//!
//! A network that becomes narrow puts what is too much into a queue. Until the robot sends less, which takes a second or two, sound would
//! stand in that queue behind pictures and come too late to be played. How long the queue is shows in the tablet's feedback: by how much
//! its packets come later than the quickest ones of the last seconds. When it is long, whole pictures are left out, sound goes on, and the
//! queue runs empty; then the picture starts again with a key frame. A queue that stays without our pictures is not ours, and is taken
//! for the way that this network is. Knows no packets, only sizes and times.

use std::time::{Duration, Instant};

/// Microseconds by which packets come late in a queue that is too long, in one that the robot should let run empty, and in an empty one.
const LONG_US: i64 = 100_000;
const GROWN_US: i64 = 50_000;
const EMPTY_US: i64 = 40_000;
/// A queue that lasts shorter than this is a tablet that did something else for a moment, or a gust on its radio.
const LASTS: Duration = Duration::from_millis(80);
/// One that lasts longer although the robot was told to send less is not ours.
const STAYS: Duration = Duration::from_millis(3_000);
/// So long after a start the queue may be of the key frame, which is large.
const KEY_FRAME_TAKES: Duration = Duration::from_millis(400);
/// The quickest packet is remembered for once to twice this time: clocks drift apart, and ways change.
const QUICKEST_FOR: Duration = Duration::from_secs(10);
/// Pictures stay out for so long at least, and at most.
const AT_LEAST: Duration = Duration::from_millis(300);
const AT_MOST: Duration = Duration::from_millis(1_500);
/// Over this time the rate at which pictures come is averaged; this much above the limit still fits.
const AVERAGE_S: f64 = 0.3;
const ENOUGH: f64 = 1.2;

/// How much waits in the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Queue {
    /// Nothing to speak of, or only for a moment.
    Short,
    /// The robot should send less than what comes through.
    Grown,
    /// It grew, and sending less did not mend it: that is how this network is.
    Stays,
}

/// What happens to a packet of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    /// It is sent.
    Sent,
    /// It is left out, the first one for now.
    Pauses,
    /// It is left out.
    LeftOut,
    /// It is sent, the first after a pause: its numbers follow those before the pause, and a key frame is wanted.
    Again,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Picture {
    /// The quickest packets of these [`QUICKEST_FOR`] and of those before; of clocks that are not ours, so only differences mean something.
    quickest_us: [Option<i64>; 2],
    window: Option<Instant>,
    queue_us: i64,
    grown_since: Option<Instant>,
    long_since: Option<Instant>,
    is_long: bool,
    /// Bits a second at which pictures come.
    rate: f64,
    last: Option<Instant>,
    timestamp: Option<u32>,
    out_since: Option<Instant>,
    started: Option<Instant>,
}

impl Picture {
    /// Whether nothing of the picture is sent at the moment.
    pub(super) fn is_left_out(&self) -> bool {
        self.out_since.is_some()
    }

    /// Takes how long the quickest packet of a report took.
    pub(super) fn heard(&mut self, quickest_us: i64, now: Instant) -> Queue {
        let window = *self.window.get_or_insert(now);
        if now.saturating_duration_since(window) > QUICKEST_FOR {
            self.quickest_us = [None, self.quickest_us[0]];
            self.window = Some(now);
        }
        let of_window = &mut self.quickest_us[0];
        *of_window = Some(of_window.map_or(quickest_us, |before| before.min(quickest_us)));
        let quickest = self.quickest_us.into_iter().flatten().min().unwrap_or(quickest_us);
        self.queue_us = quickest_us.saturating_sub(quickest);
        self.long_since = (self.queue_us > LONG_US).then(|| self.long_since.unwrap_or(now));
        self.grown_since = (self.queue_us > GROWN_US).then(|| self.grown_since.unwrap_or(now));
        let lasts = |since: Option<Instant>| since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        self.is_long = lasts(self.long_since) >= LASTS;
        match lasts(self.grown_since) {
            grown if self.out_since.is_some() || grown < LASTS => Queue::Short,
            grown if grown < STAYS => Queue::Grown,
            _ => {
                self.take_as_usual();
                Queue::Stays
            }
        }
    }

    fn take_as_usual(&mut self) {
        (self.quickest_us, self.queue_us, self.is_long) = ([None; 2], 0, false);
        (self.grown_since, self.long_since) = (None, None);
    }

    /// Decides on a packet. `limit`: what the robot should send at most, in bits a second.
    pub(super) fn passage(&mut self, limit: f64, timestamp: u32, size: usize, now: Instant) -> Passage {
        let passed = self.last.map_or(0.0, |last| now.saturating_duration_since(last).as_secs_f64());
        self.last = Some(now);
        #[expect(clippy::cast_precision_loss, reason = "the size of a packet")]
        let bits = 8.0 * size as f64;
        self.rate = self.rate * (-passed / AVERAGE_S).exp() + bits / AVERAGE_S;
        let begins = self.timestamp.replace(timestamp) != Some(timestamp);
        let Some(since) = self.out_since else {
            let is_key_frame = self.started.is_some_and(|at| now.saturating_duration_since(at) < KEY_FRAME_TAKES);
            if begins && self.is_long && !is_key_frame {
                self.out_since = Some(now);
                return Passage::Pauses;
            }
            return Passage::Sent;
        };
        let out_for = now.saturating_duration_since(since);
        let has_room = self.queue_us < EMPTY_US && self.rate <= limit * ENOUGH;
        if !begins || out_for < AT_LEAST || !has_room && out_for < AT_MOST {
            return Passage::LeftOut;
        }
        if self.queue_us >= EMPTY_US {
            self.take_as_usual();
        }
        (self.out_since, self.started) = (None, Some(now));
        Passage::Again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: f64 = 250_000.0;

    /// A network with a queue, and a robot.
    struct World {
        picture: Picture,
        origin: Instant,
        ms: u64,
    }

    impl World {
        fn new() -> Self {
            #[expect(clippy::disallowed_methods, reason = "an origin for durations")]
            let origin = Instant::now();
            Self { picture: Picture::default(), origin, ms: 0 }
        }

        /// So many pictures of three packets, thirty a second, at `rate`, while packets come late by `queue_ms`: what happened to them.
        fn play(&mut self, pictures: u64, rate: f64, queue_ms: i64) -> Vec<Passage> {
            let of_one = |_| {
                self.ms += 33;
                let (now, timestamp) = (self.origin + Duration::from_millis(self.ms), u32::try_from(self.ms).unwrap());
                let _ = self.picture.heard(-7_000_000 + queue_ms * 1000, now);
                let size = (rate / 30.0 / 3.0 / 8.0) as usize;
                let seen: Vec<Passage> = (0..3).map(|_| self.picture.passage(LIMIT, timestamp, size, now)).collect();
                let sent = seen.iter().filter(|passage| matches!(passage, Passage::Sent | Passage::Again)).count();
                assert!(sent == 0 || sent == 3, "a picture is sent whole or not at all: {seen:?}");
                seen[0]
            };
            (0..pictures).map(of_one).collect()
        }
    }

    #[test]
    fn a_network_without_a_long_queue_gets_every_picture() {
        let mut world = World::new();
        for queue_ms in [0, 90, 30, 60] {
            assert!(world.play(100, 1_200_000.0, queue_ms).iter().all(|passage| *passage == Passage::Sent));
        }
    }

    #[test]
    fn pictures_are_left_out_until_the_queue_is_empty_and_the_robot_sends_what_fits() {
        let mut world = World::new();
        let _ = world.play(30, 1_200_000.0, 0);
        let seen = world.play(6, 1_200_000.0, 250);
        assert_eq!(seen[..3], [Passage::Sent; 3], "a moment is no queue");
        assert_eq!(seen[3..], [Passage::Pauses, Passage::LeftOut, Passage::LeftOut]);
        assert!(world.picture.is_left_out());
        assert_eq!(
            world.play(10, 1_200_000.0, 0),
            [Passage::LeftOut; 10],
            "the queue is empty, the robot still sends too much"
        );
        let seen = world.play(28, 150_000.0, 0);
        assert_eq!(seen.iter().filter(|passage| **passage == Passage::Again).count(), 1, "{seen:?}");
        assert_eq!(seen.last(), Some(&Passage::Sent));
    }

    #[test]
    fn a_robot_that_cannot_send_less_is_seen_all_the_same() {
        let mut world = World::new();
        let _ = world.play(30, 1_200_000.0, 0);
        let _ = world.play(6, 1_200_000.0, 200);
        assert!(world.play(60, 1_200_000.0, 0).contains(&Passage::Again));
    }

    #[test]
    fn a_queue_that_stays_without_our_pictures_is_how_the_network_is() {
        let mut world = World::new();
        let _ = world.play(30, 1_200_000.0, 0);
        let seen = world.play(300, 1_200_000.0, 180);
        assert_eq!(seen.iter().filter(|passage| **passage == Passage::Pauses).count(), 1);
        assert!(seen[60..].iter().all(|passage| *passage == Passage::Sent));
    }

    #[test]
    fn a_way_that_becomes_longer_is_told_for_a_while_and_then_taken_as_usual() {
        let mut world = World::new();
        let _ = world.play(30, 1_200_000.0, 0);
        let now = world.origin + Duration::from_millis(world.ms);
        let told: Vec<Queue> =
            (1..90).map(|n| world.picture.heard(-7_000_000 + 70_000, now + Duration::from_millis(50 * n))).collect();
        let count = |queue| told.iter().filter(|told| **told == queue).count();
        assert!(count(Queue::Grown) > 20 && count(Queue::Stays) == 1, "{told:?}");
        assert_eq!(told.last(), Some(&Queue::Short));
    }
}
