//! The encoder for drawn pictures: H.264 constrained baseline, one thread, key frames on request only.

use openh264::encoder::{
    BitRate, Encoder as OpenH264, EncoderConfig as OpenH264Config, FrameRate, IntraFramePeriod, Profile, RateControlMode,
    UsageType,
};
use openh264::formats::YUVSlices;
use openh264::{OpenH264API, Timestamp};

pub mod ladder;

/// How to encode.
#[derive(Clone, Copy, Debug)]
pub struct EncoderConfig {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// Pictures in a second.
    pub fps: u32,
    /// What to aim at.
    pub bitrate_bps: u32,
}

/// A picture that could not be encoded.
#[derive(Debug, thiserror::Error)]
#[error("the picture could not be encoded: {0}")]
pub struct EncodeError(#[from] openh264::Error);

/// An encoder for one stream.
pub struct Encoder {
    inner: OpenH264,
    width: usize,
    height: usize,
    fps: u32,
    encoded: u64,
}

impl Encoder {
    /// An encoder whose first picture is a key frame.
    ///
    /// # Errors
    /// The library refuses the configuration.
    pub fn new(config: EncoderConfig) -> Result<Self, EncodeError> {
        let settings = OpenH264Config::new()
            .bitrate(BitRate::from_bps(config.bitrate_bps))
            .max_frame_rate(FrameRate::from_hz(config.fps as f32))
            .profile(Profile::Baseline)
            .usage_type(UsageType::CameraVideoRealTime)
            .rate_control_mode(RateControlMode::Bitrate)
            // Without it the library does not hold the rate. The drawn room fits the rate, so nothing is skipped (tested).
            .skip_frames(true)
            .scene_change_detect(false)
            // Meant for the noise of real cameras; a drawing has none.
            .background_detection(false)
            .intra_frame_period(IntraFramePeriod::from_num_frames(0))
            .num_threads(1);
        let inner = OpenH264::with_api_config(OpenH264API::from_source(), settings)?;
        Ok(Self { inner, width: config.width, height: config.height, fps: config.fps, encoded: 0 })
    }

    /// Encodes one I420 picture as an access unit in Annex B; empty if the rate leaves no room for it. The first one, and each
    /// with `key`, stands alone.
    ///
    /// # Errors
    /// The library fails.
    pub fn encode(&mut self, i420: &[u8], key: bool) -> Result<Vec<u8>, EncodeError> {
        if key {
            self.inner.force_intra_frame();
        }
        let (w, h) = (self.width, self.height);
        let planes = (&i420[..w * h], &i420[w * h..w * h * 5 / 4], &i420[w * h * 5 / 4..w * h * 3 / 2]);
        let source = YUVSlices::new(planes, (w, h), (w, w / 2, w / 2));
        let at_ms = self.encoded * 1000 / u64::from(self.fps.max(1));
        self.encoded += 1;
        Ok(self.inner.encode_at(&source, Timestamp::from_millis(at_ms))?.to_vec())
    }
}

/// Least rate at which a picture is still one.
const LEAST_BPS: u32 = 60_000;

/// The rate to encode at instead of `current`, if the difference is worth a key frame: what there is room for, and never more than `most`.
#[must_use]
pub fn next_rate(current: u32, most: u32, room_bps: u32) -> Option<u32> {
    let target = room_bps.min(most).max(LEAST_BPS.min(most));
    let is_worth_it = target < current - current / 10 || target > current + current / 5 || target == most;
    (target != current && is_worth_it).then_some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_follows_the_network_in_steps_and_returns_to_the_configured_one() {
        assert_eq!(next_rate(600_000, 600_000, u32::MAX), None);
        assert_eq!(next_rate(600_000, 600_000, 560_000), None, "near enough");
        assert_eq!(next_rate(600_000, 600_000, 270_000), Some(270_000));
        assert_eq!(next_rate(270_000, 600_000, 290_000), None);
        assert_eq!(next_rate(270_000, 600_000, 360_000), Some(360_000));
        assert_eq!(next_rate(550_000, 600_000, u32::MAX), Some(600_000));
        assert_eq!(next_rate(100_000, 600_000, 0), Some(LEAST_BPS));
        assert_eq!(next_rate(50_000, 50_000, 10), None, "configured below the least");
    }
}
