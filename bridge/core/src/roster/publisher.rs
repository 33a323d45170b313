//! The robot's place in its seat: the leg that is used, and the next one, which takes over when it stands and not before.
//!
//! A robot that restarted, or went into another network, makes a new leg while the bridge may still hear the old one. The old one is given
//! up when the new one is connected; a new one that never connects changes nothing. Where the old one is not heard any more there is nothing
//! to keep, and the new one has the place at once.

use std::time::Duration;

use crate::Leg;

#[derive(Clone, Copy, Debug)]
pub(super) struct RobotLeg {
    pub(super) leg: Leg,
    pub(super) connected: bool,
    pub(super) silent_since: Option<Duration>,
    pub(super) until: Duration,
    /// The robot says that its own network holds the picture down.
    pub(super) is_narrow: bool,
    /// It says that the pupil's does.
    pub(super) pupil_is_narrow: bool,
    /// It said so of a leg before this pupil's, and not otherwise since.
    pub(super) said_of_before: bool,
}

impl RobotLeg {
    pub(super) fn new(leg: Leg, until: Duration) -> Self {
        Self {
            leg,
            connected: false,
            silent_since: None,
            until,
            is_narrow: false,
            pupil_is_narrow: false,
            said_of_before: false,
        }
    }

    pub(super) fn is_here(&self) -> bool {
        self.connected && self.silent_since.is_none()
    }

    /// When it has to go: its permission ends, or it is silent longer than the grace.
    pub(super) fn deadline(&self, grace: Duration) -> Duration {
        self.silent_since.map_or(self.until, |since| self.until.min(since + grace))
    }
}

/// See the module. There is no next leg without a present one that is connected.
#[derive(Debug, Default)]
pub(super) struct Publisher {
    pub(super) present: Option<RobotLeg>,
    next: Option<RobotLeg>,
}

impl Publisher {
    pub(super) fn is_here(&self) -> bool {
        self.present.is_some_and(|robot| robot.is_here())
    }

    /// Where the robot is told something.
    pub(super) fn here(&self) -> Option<Leg> {
        self.present.filter(RobotLeg::is_here).map(|robot| robot.leg)
    }

    /// Whether a leg newer than this one is known.
    pub(super) fn knows_newer_than(&self, leg: Leg) -> bool {
        [self.present, self.next].into_iter().flatten().any(|known| known.leg > leg)
    }

    /// Takes a leg whose offer was answered. Returns those that have to go for it.
    pub(super) fn answered(&mut self, robot: RobotLeg) -> Vec<Leg> {
        let (gone, kept) =
            if self.is_here() { ([self.next.take(), None], self.present) } else { ([self.present, self.next.take()], None) };
        match kept {
            Some(_) => self.next = Some(robot),
            None => self.present = Some(robot),
        }
        gone.into_iter().flatten().map(|gone| gone.leg).collect()
    }

    /// The next leg stands: it is the present one from now on. Returns the one that was, if this was the next leg.
    pub(super) fn promote(&mut self, leg: Leg) -> Option<Leg> {
        let next = self.next.take_if(|next| next.leg == leg)?;
        self.present.replace(RobotLeg { connected: true, ..next }).map(|before| before.leg)
    }

    /// The present leg is gone; the one that is being made has its place.
    pub(super) fn give_up(&mut self) {
        self.present = self.next.take();
    }

    /// The next leg did not come to stand.
    pub(super) fn forget_next(&mut self, leg: Leg) {
        self.next.take_if(|next| next.leg == leg);
    }
}
