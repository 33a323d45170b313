//! The head: where it points and how fast it may turn. It never jumps and never leaves its limits.

use std::time::Duration;

/// Furthest to either side, in degrees.
pub const PAN_LIMIT_DEG: f32 = 170.0;
/// Furthest up or down, in degrees.
pub const TILT_LIMIT_DEG: f32 = 20.0;
/// A quarter turn takes a second: quick enough to follow a lesson, slow enough not to startle a neighbour.
const PAN_DEG_PER_S: f32 = 90.0;
const TILT_DEG_PER_S: f32 = 40.0;

/// Where the head points and where it is going.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub pan_deg: f32,
    pub tilt_deg: f32,
    /// Lowered while nobody looks through it; what was looked at is remembered.
    pub lowered: bool,
    wanted_pan_deg: f32,
    wanted_tilt_deg: f32,
}

impl Head {
    /// As it is when nobody has used the robot yet.
    pub fn lowered() -> Self {
        Self { pan_deg: 0.0, tilt_deg: -TILT_LIMIT_DEG, lowered: true, wanted_pan_deg: 0.0, wanted_tilt_deg: 0.0 }
    }

    pub fn look(&mut self, pan_deg: f32, tilt_deg: f32) {
        // What is not a number is no place to look at.
        if pan_deg.is_nan() || tilt_deg.is_nan() {
            return;
        }
        self.wanted_pan_deg = pan_deg.clamp(-PAN_LIMIT_DEG, PAN_LIMIT_DEG);
        self.wanted_tilt_deg = tilt_deg.clamp(-TILT_LIMIT_DEG, TILT_LIMIT_DEG);
    }

    pub fn turn(&mut self, passed: Duration) {
        let tilt = if self.lowered { -TILT_LIMIT_DEG } else { self.wanted_tilt_deg };
        self.pan_deg = towards(self.pan_deg, self.wanted_pan_deg, PAN_DEG_PER_S * passed.as_secs_f32());
        self.tilt_deg = towards(self.tilt_deg, tilt, TILT_DEG_PER_S * passed.as_secs_f32());
    }
}

fn towards(from: f32, to: f32, most: f32) -> f32 {
    from + (to - from).clamp(-most, most)
}
