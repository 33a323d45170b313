//! How much the tablet's network takes, and when the robot is told to send less.
//!
//! Every packet a leg is sent carries a number of the bridge's own (transport-wide, so sound, picture and repairs count alike); the
//! tablet's feedback tells which came and when. The estimate is that of draft-ietf-rmcat-gcc-02, as `rtc-interceptor` computes it: the
//! lower of a delay-based and a loss-based rate. The robot's own encoder also estimates its uplink, from the bridge's feedback, and is
//! best left alone; so it hears of the downlink (REMB) only while that is the narrower one, and once it is not any more. A leg begins with
//! that word: what the robot heard for the pupil before, who left out of a narrow network, is not for this one.
//! Nothing here is believed beyond the packets that were really sent, and without feedback nothing is said. Above [`MOST`] nothing is
//! estimated: no limit is known there.

use std::time::{Duration, Instant};

use rtc_interceptor::{BandwidthEstimator, Gcc, PacketReport};

use super::feedback::read::Fate;
use super::yielding::{Passage, Picture, Queue};

/// Packets whose fate may still be told: three seconds of one session. A power of two.
const HISTORY: usize = 1024;

/// Bits per second: what is taken for granted at the start, and the range of the estimate.
const FIRST: f64 = 4_000_000.0;
const LEAST: f64 = 30_000.0;
const MOST: f64 = 8_000_000.0;

/// Below this share of what is sent the leg is the narrow one; above this multiple it is not any more.
const NARROW_BELOW: f64 = 1.0;
const WIDE_ABOVE: f64 = 1.5;

/// A limit is repeated this often, and told sooner if it falls by a twentieth.
const TELL_EVERY: Duration = Duration::from_millis(1000);
const SOONEST: Duration = Duration::from_millis(200);

/// Over this time what comes there is averaged; a full queue shows the rate of which so much is to be used, which then grows by so much a
/// second.
const CAME_OVER_S: f64 = 0.15;
const HELD_TO: f64 = 0.85;
const GROWTH: f64 = 1.05;
/// Sooner than this what the robot was told has not shown yet.
const HOLD_EVERY: Duration = Duration::from_millis(400);

/// Feedback counts time in 24 bits of 64 ms, so the tablet's clock begins anew after 12.4 days
/// (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).
const CLOCK_WRAPS: Duration = Duration::from_millis(64 << 24);

/// That there is no limit any more is told this many times.
const FAREWELLS: u8 = 3;

#[derive(Clone, Copy, Debug)]
struct Sent {
    number: u64,
    /// Since the first packet.
    at_us: u64,
    size: u16,
    told: bool,
}

/// See the module.
pub(super) struct Downlink {
    next: u64,
    /// Only numbers are given: nobody asks how the leg fares.
    only_counts: bool,
    began: Option<Instant>,
    history: Vec<Option<Sent>>,
    estimate: Gcc,
    is_fed: bool,
    /// Bits sent in the second that passes, and in the one before.
    bits: [u64; 2],
    second: Option<Instant>,
    is_narrow: bool,
    picture: Picture,
    /// Bits a second that came there, and when the last ones came by the tablet's clock, as if that went on for ever.
    came: f64,
    came_at: Option<Duration>,
    /// What a full queue showed that the network takes, and when that was looked at last; it grows until something else is known.
    held_to: Option<(f64, Instant)>,
    held_at: Option<Instant>,
    /// A key frame is wanted for a picture that starts again.
    starts_again: bool,
    farewells: u8,
    told: Option<(f64, Instant)>,
}

impl Downlink {
    pub(super) fn new() -> Self {
        Self {
            next: 1,
            only_counts: false,
            began: None,
            history: Vec::new(),
            estimate: Gcc::new(FIRST, LEAST, MOST),
            is_fed: false,
            bits: [0; 2],
            second: None,
            is_narrow: false,
            picture: Picture::default(),
            came: 0.0,
            came_at: None,
            held_to: None,
            held_at: None,
            starts_again: false,
            farewells: FAREWELLS,
            told: None,
        }
    }

    /// For a leg whose network is not estimated.
    pub(super) fn only_counting() -> Self {
        Self { only_counts: true, ..Self::new() }
    }

    /// Whether the other leg is held to what this one's network takes.
    pub(super) fn is_narrow(&self) -> bool {
        self.is_narrow
    }

    /// Whether the tablet says how packets arrive.
    pub(super) fn is_fed(&self) -> bool {
        self.is_fed
    }

    /// Nothing was heard from the tablet for long: what was sent meanwhile is lost, and says nothing about how much its network takes.
    pub(super) fn interrupted(&mut self) {
        self.history.fill(None);
    }

    /// The tablet is on another network, of which nothing is known yet.
    pub(super) fn moved(&mut self) {
        self.interrupted();
        self.estimate = Gcc::new(FIRST, LEAST, MOST);
        self.is_fed = false;
        (self.picture, self.held_to) = (Picture::default(), None);
        if std::mem::take(&mut self.is_narrow) {
            self.farewells = FAREWELLS;
        }
    }

    /// What the network takes, in bits a second, as far as it is known.
    fn target(&self) -> f64 {
        self.held_to.map_or(f64::MAX, |(held_to, _)| held_to).min(self.estimate.target_bitrate())
    }

    /// The number the next packet carries.
    pub(super) fn number(&self) -> u16 {
        low16(self.next)
    }

    /// Notes that it was sent.
    pub(super) fn sent(&mut self, size: usize, now: Instant) {
        let number = self.next;
        self.next += 1;
        if self.only_counts {
            return;
        }
        if self.history.is_empty() {
            self.history = vec![None; HISTORY];
        }
        let since = now.saturating_duration_since(*self.began.get_or_insert(now));
        let at_us = u64::try_from(since.as_micros()).unwrap_or(u64::MAX);
        self.history[place(number)] = Some(Sent { number, at_us, size: u16::try_from(size).unwrap_or(u16::MAX), told: false });
        self.count(size, now);
    }

    /// Whether a packet of the picture is sent, or left out so that sound gets through. What is left out counts as what the robot sends.
    pub(super) fn passage(&mut self, timestamp: u32, size: usize, now: Instant) -> Passage {
        let passage = self.picture.passage(self.target(), timestamp, size, now);
        match passage {
            Passage::Sent => {}
            Passage::Pauses => {
                self.hold(now);
                self.count(size, now);
            }
            Passage::LeftOut => self.count(size, now),
            Passage::Again => self.starts_again = true,
        }
        passage
    }

    /// What comes through while there is a queue is what this network takes.
    fn hold(&mut self, now: Instant) {
        if self.held_at.is_some_and(|at| now.saturating_duration_since(at) < HOLD_EVERY) {
            return;
        }
        self.held_at = Some(now);
        // Again while it still does not run empty: less and less.
        let less = self.held_to.map_or(f64::MAX, |(held_to, _)| held_to).min(self.came) * HELD_TO;
        self.held_to = Some((less.max(LEAST), now));
    }

    /// Whether nothing of the picture is sent at the moment.
    pub(super) fn leaves_picture_out(&self) -> bool {
        self.picture.is_left_out()
    }

    /// Whether a picture started again, since this was asked last.
    pub(super) fn take_start(&mut self) -> bool {
        std::mem::take(&mut self.starts_again)
    }

    fn count(&mut self, size: usize, now: Instant) {
        let began = *self.second.get_or_insert(now);
        let passed = now.saturating_duration_since(began);
        if passed >= Duration::from_secs(1) {
            self.bits = if passed < Duration::from_secs(2) { [self.bits[1], 0] } else { [0, 0] };
            self.second = Some(now);
        }
        self.bits[1] += 8 * size as u64;
    }

    /// Takes what the tablet tells. Of each packet only the first word counts.
    pub(super) fn acknowledged(&mut self, fates: &[Fate], now: Instant) {
        let Some(origin) = self.began else { return };
        let mut quickest: Option<i64> = None;
        let mut reports = Vec::with_capacity(fates.len().min(HISTORY));
        for fate in fates {
            #[expect(clippy::cast_possible_wrap, reason = "the signed distance of two numbers")]
            let distance = fate.number.wrapping_sub(self.number()) as i16;
            let Some(number) = self.next.checked_add_signed(i64::from(distance)) else { continue };
            let Some(sent) = self.history.get_mut(place(number)).and_then(Option::as_mut) else { continue };
            if sent.number != number || std::mem::replace(&mut sent.told, true) {
                continue;
            }
            let arrival = fate.at.map(|at| unwrapped(at, self.came_at));
            if let Some(at) = arrival.filter(|_| fate.arrived) {
                let took = i64::try_from(at.as_micros()).unwrap_or(i64::MAX).saturating_sub_unsigned(sent.at_us);
                quickest = Some(quickest.map_or(took, |quickest| quickest.min(took)));
                let passed = at.saturating_sub(self.came_at.unwrap_or(at)).as_secs_f64();
                self.came = self.came * (-passed / CAME_OVER_S).exp() + 8.0 * f64::from(sent.size) / CAME_OVER_S;
                self.came_at = self.came_at.max(Some(at));
            }
            reports.push(PacketReport {
                ssrc: 0,
                id: number,
                rtp_sequence_number: fate.number,
                is_twcc: true,
                twcc_sequence_number: fate.number,
                size: usize::from(sent.size),
                arrived: fate.arrived,
                departure: origin + Duration::from_micros(sent.at_us),
                arrival,
                ecn: Default::default(),
            });
        }
        if let Some(quickest) = quickest {
            match self.picture.heard(quickest, now) {
                Queue::Short => {}
                Queue::Grown => self.hold(now),
                Queue::Stays => self.held_to = None,
            }
        }
        self.is_fed |= !reports.is_empty();
        self.estimate.on_reports(now, &reports);
    }

    /// What the robot should be told now, in bits per second.
    pub(super) fn limit(&mut self, now: Instant) -> Option<u64> {
        if let Some((held_to, at)) = &mut self.held_to {
            *held_to *= GROWTH.powf(now.saturating_duration_since(*at).as_secs_f64());
            *at = now;
        }
        self.held_to = self.held_to.filter(|(held_to, _)| *held_to < MOST);
        let target = self.target();
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let sent = self.bits[0].max(self.bits[1]) as f64;
        // The estimate stays a little below its bound when that is what holds it.
        let is_unbounded = target > MOST * 0.9;
        if !self.is_narrow && self.is_fed && target < sent * NARROW_BELOW && !is_unbounded {
            self.is_narrow = true;
        } else if self.is_narrow && (target > sent * WIDE_ABOVE || is_unbounded) {
            self.is_narrow = false;
            self.farewells = FAREWELLS;
        }
        let word = if self.is_narrow {
            target
        } else if self.farewells > 0 {
            MOST * 4.0
        } else {
            return None;
        };
        let due = self.told.is_none_or(|(before, at)| {
            let since = now.saturating_duration_since(at);
            since >= TELL_EVERY || since >= SOONEST && word < before * 0.95
        });
        if !due {
            return None;
        }
        self.told = Some((word, now));
        if !self.is_narrow {
            self.farewells -= 1;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within LEAST and four times MOST")]
        Some(word as u64)
    }
}

/// The moment nearest to `last` at which the tablet's clock shows `at`. Its first round counts as the second one, so that there is one before.
fn unwrapped(at: Duration, last: Option<Duration>) -> Duration {
    let micros = |span: Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
    let wrap = micros(CLOCK_WRAPS);
    let last = last.map_or_else(|| micros(at).saturating_add(wrap), micros);
    let ahead = (micros(at).saturating_sub(last)).rem_euclid(wrap);
    let ahead = if ahead > wrap / 2 { ahead - wrap } else { ahead };
    Duration::from_micros(u64::try_from(last.saturating_add(ahead)).unwrap_or(0))
}

fn place(number: u64) -> usize {
    usize::try_from(number % HISTORY as u64).expect("smaller than the history")
}

fn low16(number: u64) -> u16 {
    #[expect(clippy::cast_possible_truncation, reason = "numbers on the wire wrap")]
    let low = number as u16;
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an origin for durations")]
    fn start() -> Instant {
        Instant::now()
    }

    /// A tablet behind a link of `rate` bits per second with a queue of 300 ms; the robot does as told. Returns the rate it sends at
    /// each second's end, and how often it was told.
    fn follow(rate: impl Fn(u64) -> f64, seconds: u64) -> (Vec<f64>, usize) {
        let (origin, mut downlink) = (start(), Downlink::new());
        let (mut sending, mut free_at, mut told) = (2_000_000.0_f64, 0.0_f64, 0);
        let (mut waiting, mut ends): (Vec<Fate>, Vec<f64>) = (Vec::new(), Vec::new());
        let mut next_ms = 0.0;
        for step in 0..seconds * 20 {
            let until_ms = (step + 1) as f64 * 50.0;
            while next_ms < until_ms {
                let number = downlink.number();
                downlink.sent(1000, origin + Duration::from_secs_f64(next_ms / 1000.0));
                let begins = free_at.max(next_ms);
                let arrived = begins - next_ms < 300.0;
                if arrived {
                    free_at = begins + 8_000_000.0 / rate(step / 20);
                }
                let at = arrived.then(|| Duration::from_secs_f64((free_at + 20.0) / 1000.0));
                waiting.push(Fate { number, arrived, at });
                next_ms += 8_000_000.0 / sending;
            }
            let now = origin + Duration::from_secs_f64(until_ms / 1000.0);
            downlink.acknowledged(&std::mem::take(&mut waiting), now);
            if let Some(limit) = downlink.limit(now) {
                sending = (limit as f64).min(2_000_000.0);
                told += 1;
            }
            if step % 20 == 19 {
                ends.push(sending);
            }
        }
        (ends, told)
    }

    #[test]
    fn a_wide_link_has_no_limit() {
        let (ends, told) = follow(|_| 20_000_000.0, 30);
        assert!(ends.iter().all(|rate| *rate >= 2_000_000.0), "{ends:?}");
        assert_eq!(told, usize::from(FAREWELLS), "that there is no limit, at the beginning");
    }

    #[test]
    fn a_link_that_becomes_narrow_and_wide_again_is_followed() {
        let (ends, told) = follow(|second| if (10..30).contains(&second) { 700_000.0 } else { 20_000_000.0 }, 120);
        let narrow: f64 = ends[15..30].iter().sum::<f64>() / 15.0;
        assert!((200_000.0..800_000.0).contains(&narrow), "{ends:?}");
        assert!(ends[119] > 1_500_000.0, "{ends:?}");
        assert!(told < 120 * 5, "{told}");
    }

    /// Ten seconds that all arrive, three that do not, and then the feedback on those; what the tablet's leg says of the outage comes
    /// between. Returns whether the robot is held down.
    fn outage(said: impl Fn(&mut Downlink)) -> (bool, f64) {
        let (origin, mut downlink) = (start(), Downlink::new());
        let mut fates = Vec::new();
        for step in 0..1400_u64 {
            let now = origin + Duration::from_millis(step * 10);
            let arrived = !(1000..1300).contains(&step);
            if step == 1300 {
                said(&mut downlink);
            }
            fates.push(Fate { number: downlink.number(), arrived, at: arrived.then(|| Duration::from_millis(step * 10 + 20)) });
            downlink.sent(1000, now);
            if step % 10 == 9 && arrived {
                downlink.acknowledged(&std::mem::take(&mut fates), now);
                let _ = downlink.limit(now);
            }
        }
        (downlink.is_narrow(), downlink.estimate.target_bitrate())
    }

    #[test]
    fn an_outage_is_no_narrow_network() {
        for said in [Downlink::interrupted, Downlink::moved] {
            let (is_narrow, estimate) = outage(said);
            assert!(!is_narrow && estimate > 3_000_000.0, "{estimate}");
        }
    }

    #[test]
    fn on_another_network_the_robot_is_set_free() {
        let now = start();
        let mut downlink = Downlink::new();
        (downlink.is_narrow, downlink.farewells) = (true, 0);
        downlink.moved();
        assert!(!downlink.is_narrow());
        let told: Vec<_> = (0..5).filter_map(|second| downlink.limit(now + Duration::from_secs(second))).collect();
        assert_eq!(told, [32_000_000; 3]);
    }

    #[test]
    fn a_tablets_clock_that_begins_anew_goes_on() {
        let (origin, mut downlink) = (start(), Downlink::new());
        let wraps = u64::try_from(CLOCK_WRAPS.as_millis()).unwrap();
        let mut overtaken = None;
        for step in 0..400_u64 {
            let at = Duration::from_millis((wraps - 2000 + step * 10) % wraps);
            let fate = Fate { number: downlink.number(), arrived: true, at: Some(at) };
            let now = origin + Duration::from_millis(step * 10);
            downlink.sent(1000, now);
            match step {
                // Of the round before, and told when the next one has begun.
                198 => overtaken = Some(fate),
                250 => downlink.acknowledged(&[fate, overtaken.unwrap()], now),
                _ => downlink.acknowledged(&[fate], now),
            }
        }
        assert_eq!(downlink.came_at, Some(CLOCK_WRAPS * 2 + Duration::from_millis(1990)));
        assert!((780_000.0..880_000.0).contains(&downlink.came), "800 kbit/s: {}", downlink.came);
        assert_eq!(downlink.held_to, None, "and no queue was seen");
    }

    #[test]
    fn feedback_about_packets_never_sent_or_told_twice_changes_nothing() {
        let now = start();
        let mut downlink = Downlink::new();
        let lies: Vec<Fate> = (0..4096).map(|number| Fate { number, arrived: false, at: None }).collect();
        for _ in 0..100 {
            downlink.acknowledged(&lies, now);
        }
        for step in 0..2000_u64 {
            downlink.sent(1200, now + Duration::from_millis(step));
        }
        let word = downlink.limit(now + Duration::from_secs(2));
        assert_eq!(word, Some(32_000_000), "10 Mbit/s, and nobody said how they fare: no limit");
        assert_eq!(downlink.number(), 2001);
    }
}
