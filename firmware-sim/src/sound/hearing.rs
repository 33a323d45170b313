//! The pupil's voice: decoded, made as loud as was asked for, and measured as the speaker would play it. Nothing is kept.

use protocol::control::VoiceLevel;
use ropus::{Channels, DecodeMode};

use super::{FRAMES_OF_LEVEL, RATE, dbfs};

/// Below this, it is silence.
const SILENCE_DBFS: f32 = -60.0;
/// The longest Opus packet is 120 ms.
const MOST_SAMPLES: usize = 5_760;

/// Decodes and measures one stream.
pub struct Hearing {
    decoder: ropus::Decoder,
    pcm: Vec<i16>,
    heard: Vec<i16>,
    expected: Option<u16>,
}

impl Hearing {
    /// For one stream from its beginning. `None` if the decoder cannot be made.
    #[must_use]
    pub fn new() -> Option<Self> {
        let decoder = ropus::Decoder::new(RATE, Channels::Mono).ok()?;
        let heard = Vec::with_capacity(FRAMES_OF_LEVEL * super::FRAME + MOST_SAMPLES);
        Some(Self { decoder, pcm: vec![0; MOST_SAMPLES], heard, expected: None })
    }

    /// Takes one packet. Each half second of sound, says how loud it was: `Some(None)` is silence.
    pub fn hear(&mut self, sequence: u16, opus: &[u8], level: VoiceLevel) -> Option<Option<f32>> {
        let lost = self.expected.map_or(0, |expected| sequence.wrapping_sub(expected));
        if lost > u16::MAX / 2 {
            // It came late or twice.
            return None;
        }
        self.expected = Some(sequence.wrapping_add(1));
        // An empty packet stands for a keep-alive and has no sound; an unreadable one is treated alike.
        let samples =
            if opus.is_empty() { 0 } else { self.decoder.decode(opus, &mut self.pcm, DecodeMode::Normal).unwrap_or(0) };
        let gain = gain(level);
        self.heard.extend(
            self.pcm[..samples.min(MOST_SAMPLES)]
                .iter()
                .map(|sample| (f32::from(*sample) * gain).clamp(f32::from(i16::MIN), f32::from(i16::MAX)) as i16),
        );
        if self.heard.len() < FRAMES_OF_LEVEL * super::FRAME {
            return None;
        }
        let measured = dbfs(&self.heard);
        self.heard.clear();
        Some((measured > SILENCE_DBFS).then_some(measured))
    }
}

/// What whisper, normal and loud do to the sound: minus twelve, nothing and plus six decibels.
fn gain(level: VoiceLevel) -> f32 {
    match level {
        VoiceLevel::Whisper => 0.25,
        VoiceLevel::Normal => 1.0,
        VoiceLevel::Loud => 2.0,
    }
}
