//! Whose side it is when a visit does not run well: the pupil's, the school's, or the robot.
//!
//! [`cause`] is pure: what one second showed goes in, a side or nothing comes out. [`Judge`] keeps it calm: a side is named when three
//! seconds in a row name it, and taken back when three in a row name none or another. It does not know what to do about it; the
//! congestion control does that.

use protocol::{LegQuality, Trouble};

/// Packets lost on a leg, in per cent, from which a person notices in spite of repairs.
pub const LOSSY_PCT: f32 = 5.0;
/// Round trip from which talking becomes hard, in milliseconds.
pub const SLOW_MS: f32 = 400.0;
/// Unsteadiness of sound from which it breaks up, in milliseconds.
pub const UNSTEADY_MS: f32 = 80.0;

/// Seconds in a row that change the verdict.
const IN_A_ROW: u8 = 3;

/// What one second of one visit showed.
#[derive(Clone, Copy, Debug, Default)]
pub struct View {
    /// The robot's connection stands and something comes from it.
    pub robot_here: bool,
    /// How good that leg is.
    pub robot: LegQuality,
    /// Media packets that came from the robot in this second.
    pub from_robot: u32,
    /// How good the pupil's leg is.
    pub pupil: LegQuality,
    /// What goes to the pupil is held down because their network takes no more, now or as long as the robot's picture is not whole again.
    pub is_narrow: bool,
    /// The robot's picture is held down because its own network takes no more.
    pub robot_is_narrow: bool,
}

/// Which side is the cause, if one is.
#[must_use]
pub fn cause(view: &View) -> Option<Trouble> {
    if !view.robot_here {
        return Some(Trouble::School);
    }
    let (school, own) = (weight(&view.robot), weight(&view.pupil));
    // Losses of the robot's leg that were not repaired are seen by the tablet too, so of two bad legs the worse one counts.
    if own >= 1.0 && own >= school {
        return Some(Trouble::Pupil);
    }
    if school >= 1.0 {
        return Some(Trouble::School);
    }
    // It says so only while its network is the narrower of the two.
    if view.robot_is_narrow {
        return Some(Trouble::School);
    }
    if view.is_narrow {
        return Some(Trouble::Pupil);
    }
    // Both ways are good, and still nothing comes: it is paused, carried, asleep or broken.
    (view.from_robot == 0).then_some(Trouble::Robot)
}

/// From 1 on a leg is bad; the larger, the worse.
fn weight(leg: &LegQuality) -> f32 {
    let share = |value: Option<f32>, bad: f32| value.filter(|value| value.is_finite()).map_or(0.0, |value| value / bad);
    share(leg.loss_pct, LOSSY_PCT).max(share(leg.rtt_ms, SLOW_MS)).max(share(leg.jitter_ms, UNSTEADY_MS))
}

/// A verdict that does not flicker.
#[derive(Clone, Copy, Debug, Default)]
pub struct Judge {
    verdict: Option<Trouble>,
    next: Option<Trouble>,
    times: u8,
}

impl Judge {
    /// Takes a second's cause, and says what holds now.
    pub fn hear(&mut self, cause: Option<Trouble>) -> Option<Trouble> {
        if cause == self.verdict {
            self.times = 0;
        } else if cause == self.next && self.times > 0 {
            self.times += 1;
        } else {
            (self.next, self.times) = (cause, 1);
        }
        if self.times >= IN_A_ROW {
            (self.verdict, self.times) = (cause, 0);
        }
        self.verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(loss_pct: f32, rtt_ms: f32, jitter_ms: f32) -> LegQuality {
        LegQuality { loss_pct: Some(loss_pct), rtt_ms: Some(rtt_ms), jitter_ms: Some(jitter_ms), ..LegQuality::default() }
    }

    fn view(robot: LegQuality, pupil: LegQuality) -> View {
        View { robot_here: true, robot, from_robot: 260, pupil, ..View::default() }
    }

    #[test]
    fn each_side_is_named_for_what_is_its_own() {
        let good = leg(0.5, 40.0, 3.0);
        let unknown = LegQuality::default();
        for (what, expected) in [
            (view(good, good), None),
            (view(unknown, unknown), None),
            (view(good, leg(8.0, 40.0, 3.0)), Some(Trouble::Pupil)),
            (view(good, leg(0.0, 600.0, 3.0)), Some(Trouble::Pupil)),
            (view(unknown, leg(0.0, 60.0, 120.0)), Some(Trouble::Pupil)),
            (view(leg(8.0, 40.0, 3.0), good), Some(Trouble::School)),
            (view(leg(0.0, 900.0, 3.0), unknown), Some(Trouble::School)),
            (view(leg(20.0, 40.0, 3.0), leg(6.0, 40.0, 3.0)), Some(Trouble::School)),
            (view(leg(6.0, 40.0, 3.0), leg(20.0, 40.0, 3.0)), Some(Trouble::Pupil)),
            (View { is_narrow: true, ..view(good, good) }, Some(Trouble::Pupil)),
            (View { robot_is_narrow: true, ..view(good, good) }, Some(Trouble::School)),
            (View { is_narrow: true, robot_is_narrow: true, ..view(good, good) }, Some(Trouble::School)),
            (View { robot_is_narrow: true, ..view(good, leg(8.0, 40.0, 3.0)) }, Some(Trouble::Pupil)),
            (View { from_robot: 0, ..view(good, good) }, Some(Trouble::Robot)),
            (View { from_robot: 0, ..view(leg(50.0, 40.0, 3.0), good) }, Some(Trouble::School)),
            (View { robot_here: false, ..view(unknown, leg(30.0, 40.0, 3.0)) }, Some(Trouble::School)),
            (view(leg(f32::NAN, f32::INFINITY, 0.0), good), None),
        ] {
            assert_eq!(cause(&what), expected, "{what:?}");
        }
    }

    #[test]
    fn a_verdict_takes_three_seconds_and_does_not_flicker() {
        let mut judge = Judge::default();
        let mut hear = |causes: &[Option<Trouble>]| causes.iter().map(|cause| judge.hear(*cause)).collect::<Vec<_>>();
        let (own, school) = (Some(Trouble::Pupil), Some(Trouble::School));
        assert_eq!(hear(&[own, own, None, own, own, own]), [None, None, None, None, None, own]);
        assert_eq!(hear(&[None, own, None, None, None]), [own, own, own, own, None]);
        assert_eq!(hear(&[own, school, own, school, school, school]), [None, None, None, None, None, school]);
        assert_eq!(hear(&[own, own, own]), [school, school, own]);
    }
}
