//! Sound: a voice nobody has, and Opus both ways. 48 kHz, mono, 20 ms a frame.
//!
//! The voice is made of pulses through three resonators whose pitch changes with each syllable, in words and sentences with pauses
//! between: enough like speech for level meters and ears, and it says nothing.

mod hearing;

use std::f32::consts::TAU;

use bytes::Bytes;
use ropus::{Application, Bitrate, Channels, FrameDuration, Signal};

use crate::robot::Chance;

pub use hearing::Hearing;

/// Samples in a second.
pub const RATE: u32 = 48_000;
/// Samples in a frame of 20 ms.
pub const FRAME: usize = 960;
/// Frames that make the half second over which a level is measured.
pub const FRAMES_OF_LEVEL: usize = 25;
const OPUS_BPS: u32 = 24_000;
/// A voice begins anew after so many frames at the earliest: ten seconds.
const LEAST_LOOP: usize = 500;
/// What is below cannot be heard.
const SILENT: u16 = 32;
/// Samples after which loudness is worked out anew: half a millisecond.
const SWELL_EVERY: usize = 24;
/// No Opus frame is longer (RFC 6716 §3.4), and a frame of ours is one Opus frame.
const MAX_PACKET: usize = 1_275;

/// Vowels, as the three resonances that make them, in hertz.
const VOWELS: [[f32; 3]; 6] = [
    [730.0, 1090.0, 2440.0],
    [530.0, 1840.0, 2480.0],
    [270.0, 2290.0, 3010.0],
    [570.0, 840.0, 2410.0],
    [300.0, 870.0, 2240.0],
    [440.0, 1020.0, 2240.0],
];

/// Sound that could not be encoded.
#[derive(Debug, thiserror::Error)]
#[error("the sound could not be encoded: {0}")]
pub struct EncodeError(String);

/// Someone speaking, endlessly.
pub struct Speaker {
    chance: Chance,
    phase: f32,
    left: usize,
    length: usize,
    pitch_hz: f32,
    loud: f32,
    syllables: u32,
    words: u32,
    resonators: [Resonator; 3],
}

impl Speaker {
    /// A speaker whose words follow from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let resonators = VOWELS[0].map(Resonator::new);
        Self {
            chance: Chance(seed),
            phase: 0.0,
            left: 0,
            length: 1,
            pitch_hz: 120.0,
            loud: 0.0,
            syllables: 3,
            words: 6,
            resonators,
        }
    }

    /// The next 20 ms.
    pub fn speak(&mut self, frame: &mut [i16; FRAME]) {
        let mut swell = 0.0;
        for (n, sample) in frame.iter_mut().enumerate() {
            if self.left == 0 {
                self.next_sound();
            }
            self.left -= 1;
            if n % SWELL_EVERY == 0 {
                let age = 1.0 - self.left as f32 / self.length as f32;
                swell = (age * TAU / 2.0).sin().max(0.0);
            }
            self.phase += self.pitch_hz / RATE as f32;
            let pulse = if self.phase >= 1.0 {
                self.phase -= 1.0;
                1.0
            } else {
                0.0
            };
            let breath = (self.chance.unit() as f32 - 0.5) * 0.01;
            let source = (pulse + breath) * self.loud * swell;
            let weights = [1.0, 0.5, 0.25];
            let sum: f32 =
                self.resonators.iter_mut().zip(weights).map(|(resonator, weight)| resonator.pass(source) * weight).sum();
            *sample = (sum.clamp(-1.0, 1.0) * 30_000.0) as i16;
        }
    }

    /// The next syllable, or the pause after a word or a sentence.
    fn next_sound(&mut self) {
        if self.syllables > 0 {
            self.syllables -= 1;
            self.length = self.milliseconds(110.0, 230.0);
            self.pitch_hz = 105.0 + 45.0 * self.chance.unit() as f32 + self.words as f32 * 3.0;
            self.loud = 0.6 + 0.4 * self.chance.unit() as f32;
            let vowel = VOWELS[(self.chance.next() % VOWELS.len() as u64) as usize];
            for (resonator, hertz) in self.resonators.iter_mut().zip(vowel) {
                resonator.tune(hertz);
            }
        } else {
            self.loud = 0.0;
            if self.words > 0 {
                self.words -= 1;
                self.length = self.milliseconds(30.0, 90.0);
            } else {
                self.words = 4 + (self.chance.next() % 6) as u32;
                self.length = self.milliseconds(500.0, 1_100.0);
            }
            self.syllables = 1 + (self.chance.next() % 3) as u32;
        }
        self.left = self.length;
    }

    fn milliseconds(&mut self, least: f32, most: f32) -> usize {
        ((least + (most - least) * self.chance.unit() as f32) * RATE as f32 / 1_000.0) as usize
    }
}

/// A two-pole resonator.
struct Resonator {
    a: f32,
    b: f32,
    last: [f32; 2],
}

impl Resonator {
    const DECAY: f32 = 0.988;

    fn new(hertz: f32) -> Self {
        let mut resonator = Self { a: 0.0, b: -Self::DECAY * Self::DECAY, last: [0.0; 2] };
        resonator.tune(hertz);
        resonator
    }

    fn tune(&mut self, hertz: f32) {
        self.a = 2.0 * Self::DECAY * (TAU * hertz / RATE as f32).cos();
    }

    fn pass(&mut self, input: f32) -> f32 {
        let out = input + self.a * self.last[0] + self.b * self.last[1];
        self.last = [out, self.last[0]];
        // Higher resonances ring up more per pulse; this keeps them in proportion.
        out * 0.06
    }
}

/// Opus, ready to send.
pub struct Encoder(ropus::Encoder);

impl Encoder {
    /// An encoder for speech.
    ///
    /// # Errors
    /// The library refuses the configuration.
    pub fn new() -> Result<Self, EncodeError> {
        let encoder = ropus::Encoder::builder(RATE, Channels::Mono, Application::Voip)
            .bitrate(Bitrate::Bits(OPUS_BPS))
            // Nobody listens to it for pleasure, and dozens of these robots share a machine.
            .complexity(0)
            .signal(Signal::Voice)
            .frame_duration(FrameDuration::Ms20)
            .build()
            .map_err(|error| EncodeError(error.to_string()))?;
        Ok(Self(encoder))
    }

    /// One frame as one packet.
    ///
    /// # Errors
    /// The library fails.
    pub fn encode(&mut self, frame: &[i16; FRAME]) -> Result<Vec<u8>, EncodeError> {
        let mut packet = vec![0; MAX_PACKET];
        let length = self.0.encode(frame, &mut packet).map_err(|error| EncodeError(error.to_string()))?;
        packet.truncate(length);
        Ok(packet)
    }
}

/// What a microphone hears of someone speaking, as packets of 20 ms. From a pause after ten seconds or so it begins anew with the packets
/// that it has: dozens of robots share a machine, and encoding is most of what a voice costs.
pub struct Voice {
    speaker: Speaker,
    encoder: Encoder,
    packets: Vec<Bytes>,
    next: usize,
    is_whole: bool,
}

impl Voice {
    /// A voice whose words follow from `seed`.
    ///
    /// # Errors
    /// The library refuses the configuration.
    pub fn new(seed: u64) -> Result<Self, EncodeError> {
        let (speaker, encoder) = (Speaker::new(seed), Encoder::new()?);
        Ok(Self { speaker, encoder, packets: Vec::new(), next: 0, is_whole: false })
    }

    /// The next packet; empty if it could not be encoded.
    pub fn packet(&mut self) -> Bytes {
        if !self.is_whole {
            let mut frame = [0; FRAME];
            self.speaker.speak(&mut frame);
            self.packets.push(self.encoder.encode(&frame).map(Bytes::from).unwrap_or_default());
            // Both ends of the loop are silent, so that nothing clicks where they meet.
            let is_pause = frame.iter().all(|sample| sample.unsigned_abs() < SILENT);
            self.is_whole = self.packets.len() >= LEAST_LOOP && is_pause;
        }
        let packet = self.packets[self.next].clone();
        self.next += 1;
        if self.is_whole && self.next == self.packets.len() {
            self.next = 0;
        }
        packet
    }
}

/// Level of `samples` in dB of full scale; silence is minus infinity.
#[must_use]
pub fn dbfs(samples: &[i16]) -> f32 {
    let energy: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    (10.0 * (energy / samples.len().max(1) as f64 / 32_768_f64.powi(2)).log10()) as f32
}

#[cfg(test)]
mod tests;
