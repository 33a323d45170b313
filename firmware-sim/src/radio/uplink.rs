//! How much the robot's own network takes, and what the camera may send for it.
//!
//! Every packet carries a number (draft-holmer-rmcat-transport-wide-cc-extensions-01); the bridge's feedback tells which came and when,
//! and the library resolves that into what is read here. The estimate is that of draft-ietf-rmcat-gcc-02, as the library computes it.
//! It is believed only while it is below what is really sent: a camera that sends little proves little about a wide network. And it is not
//! believed below what really comes through: a queue that is full loses more than what is too much, and the estimate falls until it is empty.
//! What the bridge says of the pupil's network (REMB) is another limit, kept apart; the camera follows the lower one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc::interceptor::{BandwidthEstimator, CongestionControlBuilder, Gcc, PacketReport, Registry, Slot, TwccSenderBuilder};

use super::media::Wishes;

/// Bits per second: what is taken for granted at the start, and the range of the estimate.
const FIRST: f64 = 4_000_000.0;
const LEAST: f64 = 30_000.0;
const MOST: f64 = 8_000_000.0;

/// Above this multiple of what is sent the network is not the narrow one any more.
const WIDE_ABOVE: f64 = 1.5;

/// So much of what comes through is taken for granted; it is averaged over this time.
const CERTAIN: f64 = 0.85;
const CAME_OVER_S: f64 = 0.5;

const SECOND: Duration = Duration::from_secs(1);

/// Numbers what is sent, and holds the camera to what its fate says.
///
/// Both stand nearer to the camera than the library's resends do: a packet that is sent again is then the same bit by bit. Without RTX it
/// has the key, the SSRC and the index that it had, and AES-GCM breaks if those ever seal two different packets.
pub(super) fn measured(registry: Registry, wishes: Arc<Wishes>) -> Registry {
    let resends = usize::from(Slot::NackResponder);
    registry
        .with(Slot::from(resends + 200), CongestionControlBuilder::new(Uplink::new(wishes)).build())
        .with(Slot::from(resends + 400), TwccSenderBuilder::new().build())
}

/// See the module.
pub(super) struct Uplink {
    estimate: Gcc,
    wishes: Arc<Wishes>,
    /// Bits that left in the second that passes, and in the one before.
    bits: [f64; 2],
    second: Option<Instant>,
    /// Bits a second that came there, and when the last ones came by the bridge's clock.
    came: f64,
    came_at: Option<Duration>,
    is_narrow: bool,
}

impl Uplink {
    fn new(wishes: Arc<Wishes>) -> Self {
        let estimate = Gcc::new(FIRST, LEAST, MOST);
        Self { estimate, wishes, bits: [0.0; 2], second: None, came: 0.0, came_at: None, is_narrow: false }
    }

    fn count(&mut self, report: &PacketReport) {
        let began = *self.second.get_or_insert(report.departure);
        let passed = report.departure.saturating_duration_since(began);
        if passed >= SECOND {
            self.bits = if passed < 2 * SECOND { [self.bits[1], 0.0] } else { [0.0; 2] };
            self.second = Some(report.departure);
        }
        let bits = 8.0 * report.size as f64;
        self.bits[1] += bits;
        if let Some(at) = report.arrival.filter(|_| report.arrived) {
            let passed = at.saturating_sub(self.came_at.unwrap_or(at)).as_secs_f64();
            self.came = self.came * (-passed / CAME_OVER_S).exp() + bits / CAME_OVER_S;
            self.came_at = self.came_at.max(Some(at));
        }
    }
}

impl BandwidthEstimator for Uplink {
    fn on_reports(&mut self, now: Instant, reports: &[PacketReport]) {
        if reports.is_empty() {
            return;
        }
        self.estimate.on_reports(now, reports);
        reports.iter().for_each(|report| self.count(report));
        let (target, sent) = (self.estimate.target_bitrate(), self.bits[0].max(self.bits[1]));
        // The estimate stays a little below its bound when that is what holds it.
        let is_unbounded = target > MOST * 0.9;
        if is_unbounded || target > sent * WIDE_ABOVE {
            self.is_narrow = false;
        } else if target < sent {
            self.is_narrow = true;
        }
        let takes = target.max(self.came * CERTAIN);
        self.wishes.network_takes(if self.is_narrow { takes as u32 } else { u32::MAX });
    }

    fn target_bitrate(&self) -> f64 {
        self.estimate.target_bitrate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A robot that sends 660 kbit/s if it may, behind a link of `rate` bits per second with a queue of 300 ms. Returns what it may send
    /// at each second's end.
    #[expect(clippy::disallowed_methods, reason = "an origin for durations")]
    fn follow(rate: impl Fn(u64) -> f64, seconds: u64) -> Vec<u32> {
        let (origin, wishes) = (Instant::now(), Arc::new(Wishes::default()));
        let mut uplink = Uplink::new(Arc::clone(&wishes));
        let (mut id, mut next_ms, mut free_at) = (0_u64, 0.0_f64, 0.0_f64);
        let (mut waiting, mut ends) = (Vec::new(), Vec::new());
        for step in 0..seconds * 20 {
            let until_ms = (step + 1) as f64 * 50.0;
            while next_ms < until_ms {
                let begins = free_at.max(next_ms);
                let arrived = begins - next_ms < 300.0;
                if arrived {
                    free_at = begins + 8_000_000.0 / rate(step / 20);
                }
                waiting.push(PacketReport {
                    ssrc: 1,
                    id,
                    rtp_sequence_number: id as u16,
                    is_twcc: true,
                    twcc_sequence_number: id as u16,
                    size: 1_000,
                    arrived,
                    departure: origin + Duration::from_secs_f64(next_ms / 1_000.0),
                    arrival: arrived.then(|| Duration::from_secs_f64((free_at + 20.0) / 1_000.0)),
                    ecn: Default::default(),
                });
                id += 1;
                next_ms += 8_000_000.0 / f64::from(wishes.limit_bps()).min(660_000.0);
            }
            uplink.on_reports(origin + Duration::from_secs_f64(until_ms / 1_000.0), &std::mem::take(&mut waiting));
            if step % 20 == 19 {
                ends.push(wishes.limit_bps());
            }
        }
        ends
    }

    #[test]
    fn a_wide_network_is_no_limit() {
        assert_eq!(follow(|_| 20_000_000.0, 30), [u32::MAX; 30]);
    }

    #[test]
    fn a_network_that_becomes_narrow_and_wide_again_is_followed() {
        let ends = follow(|second| if (10..40).contains(&second) { 250_000.0 } else { 20_000_000.0 }, 120);
        assert_eq!(ends[..10], [u32::MAX; 10]);
        assert!(ends[14..40].iter().all(|limit| (60_000..330_000).contains(limit)), "{ends:?}");
        assert_eq!(ends[119], u32::MAX, "{ends:?}");
    }

    #[test]
    fn the_camera_follows_the_narrower_of_both_networks() {
        let wishes = Wishes::default();
        assert_eq!(wishes.limit_bps(), u32::MAX);
        wishes.network_takes(300_000);
        wishes.bridge_asks(200_000);
        assert_eq!(wishes.limit_bps(), 200_000);
        wishes.bridge_asks(u32::MAX);
        assert_eq!(wishes.limit_bps(), 300_000);
    }
}
