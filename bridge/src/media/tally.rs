//! What one leg's last second brought, and how good the leg is.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use protocol::{Bitrate, LegQuality};

use super::rtcp::Reception;
use super::stream::Slot;
use super::{LegId, LegSecond};

/// How long a measured round trip or loss is told.
const FRESH: Duration = Duration::from_secs(10);

/// Sender reports remembered to measure round trips with.
const MAX_REPORTS: usize = 16;

/// Ticks of sound's timestamps in a millisecond (RFC 7587 §4.1).
const SOUND_KHZ: f64 = 48.0;

/// A larger change of lateness is no unsteadiness.
const PAUSE_MS: f64 = 2000.0;

/// Above this level (−dBov) sound is taken for silence (RFC 6464).
const SILENCE_LEVEL: u8 = 60;

/// Opus packets up to this size hold no voice: comfort noise and discontinuous transmission.
const SILENCE_BYTES: usize = 10;

/// Counters of one second, and what lasts longer.
#[derive(Debug, Default)]
pub(super) struct Tally {
    video_received: u32,
    video_sent: u32,
    pictures_sent: u32,
    /// Timestamp of the newest picture that was forwarded.
    newest_picture: Option<u32>,
    audio_received: u32,
    audio_sent: u32,
    voice_received: u32,
    reports: bool,
    /// It answered when it was asked.
    answered: bool,
    /// Transport feedback came in this second.
    fed_back: bool,
    /// Whole seconds of sound alone up to now, and whether feedback ever came after two of them, so about sound; or an answer.
    sound_alone_s: u32,
    feedback: bool,
    bytes_received: u64,
    bytes_sent: u64,
    /// Sender reports forwarded to this leg, and when.
    told: VecDeque<(u32, Instant)>,
    rtt_ms: Option<(f32, Instant)>,
    loss_pct: Option<(f32, Instant)>,
    jitter_ms: Option<(f32, Instant)>,
    /// Of sound from this leg: how late the newest packet was, in milliseconds, and the smoothed change of that.
    transit: Option<(f64, f64)>,
}

impl Tally {
    /// A packet came. `level` is its announced sound level, if any.
    pub(super) fn received(&mut self, slot: Slot, payload: usize, level: Option<u8>, packet: usize) {
        self.bytes_received += packet as u64;
        match slot {
            Slot::Video => self.video_received += 1,
            Slot::Audio => {
                self.audio_received += 1;
                let voice = level.map_or(payload > SILENCE_BYTES, |level| level & 0x7F < SILENCE_LEVEL);
                self.voice_received += u32::from(voice);
            }
            Slot::Repair => {}
        }
    }

    /// A sound packet came with this timestamp. How unevenly they come is measured as in RFC 3550 §6.4.1.
    pub(super) fn sound_came(&mut self, timestamp: u32, arrived_us: u64, now: Instant) {
        #[expect(clippy::cast_precision_loss, reason = "differences of it count, and they are small")]
        let transit = arrived_us as f64 / 1000.0 - f64::from(timestamp) / SOUND_KHZ;
        let Some((before, jitter)) = self.transit else {
            self.transit = Some((transit, 0.0));
            return;
        };
        let change = (transit - before).abs();
        // A pause, or timestamps that began anew.
        let jitter = if change > PAUSE_MS { jitter } else { jitter + (change - jitter) / 16.0 };
        self.transit = Some((transit, jitter));
        #[expect(clippy::cast_possible_truncation, reason = "a measurement")]
        let millis = jitter as f32;
        self.jitter_ms = Some((millis, now));
    }

    /// A packet with this timestamp was forwarded.
    pub(super) fn sent(&mut self, slot: Slot, timestamp: u32, packet: usize) {
        self.bytes_sent += packet as u64;
        match slot {
            Slot::Video => {
                self.video_sent += 1;
                // A repair belongs to an older picture.
                if self.newest_picture.is_none_or(|newest| (1..1 << 31).contains(&timestamp.wrapping_sub(newest))) {
                    self.newest_picture = Some(timestamp);
                    self.pictures_sent += 1;
                }
            }
            Slot::Audio => self.audio_sent += 1,
            Slot::Repair => {}
        }
    }

    /// Genuine transport feedback came.
    pub(super) fn fed_back(&mut self) {
        self.fed_back = true;
    }

    /// It answered that it is there.
    pub(super) fn answered(&mut self) {
        (self.answered, self.feedback) = (true, true);
    }

    /// Whether sound alone was sent in the second that passes, and no word of its own came.
    pub(super) fn is_unheard(&self) -> bool {
        self.audio_sent > 0 && self.video_sent == 0 && !self.reports
    }

    /// A genuine report came.
    pub(super) fn reported(&mut self, receptions: &[Reception], now: Instant) {
        self.reports = true;
        for reception in receptions {
            let about_best =
                reception.slot == Slot::Video || self.loss_pct.is_none_or(|(_, at)| now.saturating_duration_since(at) > FRESH);
            if about_best && reception.slot != Slot::Repair {
                self.loss_pct = Some((f32::from(reception.fraction_lost) * 100.0 / 256.0, now));
            }
            // Where its own sound is measured, what it says of the other direction does not count.
            if reception.slot == Slot::Audio && self.transit.is_none() {
                #[expect(clippy::cast_precision_loss, reason = "a measurement")]
                let millis = reception.jitter as f32 / SOUND_KHZ as f32;
                self.jitter_ms = Some((millis, now));
            }
            if reception.last_report != 0
                && let Some((_, at)) = self.told.iter().rev().find(|(middle, _)| *middle == reception.last_report)
            {
                let held = Duration::from_micros(u64::from(reception.delay) * 1_000_000 / 65_536);
                let rtt = now.saturating_duration_since(*at).saturating_sub(held);
                self.rtt_ms = Some((rtt.as_secs_f32() * 1000.0, now));
            }
        }
    }

    /// A sender report with these middle NTP bits was forwarded to this leg.
    pub(super) fn told(&mut self, middle: u32, now: Instant) {
        if self.told.len() >= MAX_REPORTS {
            self.told.pop_front();
        }
        self.told.push_back((middle, now));
    }

    /// Packets of this leg that should have come and that came; measures its own direction if no report says more.
    pub(super) fn counted(&mut self, (expected, came): (u64, u64), now: Instant) {
        if expected > 0 {
            #[expect(clippy::cast_precision_loss, reason = "a share of one second's packets")]
            let lost = expected.saturating_sub(came) as f32 * 100.0 / expected as f32;
            self.loss_pct = Some((lost, now));
        }
    }

    /// The round trip to the other end, if it was measured lately.
    pub(super) fn round_trip(&self, now: Instant) -> Option<Duration> {
        let (millis, at) = self.rtt_ms?;
        (now.saturating_duration_since(at) <= FRESH).then(|| Duration::from_secs_f32((millis / 1000.0).max(0.0)))
    }

    /// Closes the second.
    pub(super) fn second(&mut self, leg: LegId, live: bool, took: Duration, now: Instant) -> LegSecond {
        let fresh = |value: Option<(f32, Instant)>| {
            value.filter(|(_, at)| now.saturating_duration_since(*at) <= FRESH).map(|(value, _)| value)
        };
        let rate = |bytes: u64| {
            let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
            Bitrate(u32::try_from(bytes.saturating_mul(8000) / millis).unwrap_or(u32::MAX))
        };
        let quality = LegQuality {
            rtt_ms: fresh(self.rtt_ms),
            loss_pct: fresh(self.loss_pct),
            jitter_ms: fresh(self.jitter_ms),
            receive: rate(self.bytes_received),
            send: rate(self.bytes_sent),
        };
        let is_sound_alone = self.audio_sent > 0 && self.video_sent == 0;
        self.sound_alone_s = if is_sound_alone { self.sound_alone_s.saturating_add(1) } else { 0 };
        self.feedback |= self.fed_back && self.sound_alone_s > 1;
        let second = LegSecond {
            leg,
            live,
            video_received: self.video_received,
            video_sent: self.video_sent,
            pictures_sent: self.pictures_sent,
            audio_received: self.audio_received,
            audio_sent: self.audio_sent,
            voice_received: self.voice_received,
            reports: self.reports || self.answered,
            feedback: self.feedback,
            is_narrow: false,
            quality,
        };
        *self = Self {
            sound_alone_s: self.sound_alone_s,
            feedback: self.feedback,
            told: std::mem::take(&mut self.told),
            rtt_ms: self.rtt_ms,
            loss_pct: self.loss_pct,
            jitter_ms: self.jitter_ms,
            transit: self.transit,
            newest_picture: self.newest_picture,
            ..Self::default()
        };
        second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an origin for durations")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn feedback_counts_once_it_is_about_sound_alone() {
        let now = start();
        let mut tally = Tally::default();
        let mut second = |video: bool, feedback: bool| {
            tally.sent(Slot::Audio, 0, 100);
            if video {
                tally.sent(Slot::Video, 0, 1000);
            }
            if feedback {
                tally.fed_back();
            }
            tally.second(LegId(1), true, Duration::from_secs(1), now).feedback
        };
        // About pictures only, as from a browser without it for sound: the last word on a picture comes in the next second.
        assert!(
            ![(true, true), (true, true), (false, true), (false, false), (true, true)].map(|(video, fed)| second(video, fed))
                [4]
        );
        assert_eq!(
            [(false, true), (false, true), (false, false), (true, false)].map(|(video, fed)| second(video, fed)),
            [false, true, true, true]
        );
    }

    #[test]
    fn a_second_is_counted_once() {
        let now = start();
        let mut tally = Tally::default();
        tally.received(Slot::Audio, 60, None, 100);
        tally.received(Slot::Audio, 3, None, 40);
        tally.received(Slot::Audio, 60, Some(0x80 | 100), 100);
        tally.received(Slot::Audio, 3, Some(30), 40);
        for timestamp in [u32::MAX - 10, u32::MAX - 10, 2990, u32::MAX - 10, 2990] {
            tally.sent(Slot::Video, timestamp, 200);
        }
        tally.sent(Slot::Repair, 0, 1000);
        tally.reported(&[], now);
        let second = tally.second(LegId(1), true, Duration::from_secs(1), now);
        assert_eq!((second.audio_received, second.voice_received, second.video_sent, second.reports), (4, 2, 5, true));
        assert_eq!(second.pictures_sent, 2, "packets of one picture count once");
        assert_eq!((second.quality.receive, second.quality.send), (Bitrate(2240), Bitrate(16_000)));
        let next = tally.second(LegId(1), true, Duration::from_secs(1), now);
        assert_eq!((next.audio_received, next.video_sent, next.reports), (0, 0, false));
    }

    #[test]
    fn the_round_trip_is_measured_without_the_time_the_other_end_held_it() {
        let now = start();
        let mut tally = Tally::default();
        tally.told(0xABCD, now);
        let later = now + Duration::from_millis(540);
        tally.reported(
            &[Reception { slot: Slot::Video, fraction_lost: 64, jitter: 0, last_report: 0xABCD, delay: 32_768 }],
            later,
        );
        let quality = tally.second(LegId(1), true, Duration::from_secs(1), later).quality;
        assert!((quality.rtt_ms.unwrap() - 40.0).abs() < 0.5, "{quality:?}");
        assert!((quality.loss_pct.unwrap() - 25.0).abs() < 0.01);
        let stale = tally.second(LegId(1), true, Duration::from_secs(1), later + FRESH * 2).quality;
        assert_eq!((stale.rtt_ms, stale.loss_pct), (None, None));
    }
}
