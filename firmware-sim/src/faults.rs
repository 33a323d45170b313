//! What can happen to a robot from outside: lost Wi-Fi, a restart, its button, its charger. Pure; time is an argument.
//!
//! [`Outages`] knows one thing: whether the robot's radio works now. What the body does about it is `robot.rs`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::PlannedFault;

/// How long Wi-Fi stays away if nobody says.
pub const DEFAULT_OUTAGE: Duration = Duration::from_secs(20);

/// Longest loss of Wi-Fi that can be asked for, in seconds.
pub const MAX_OUTAGE_S: f64 = 24.0 * 3600.0;

/// From the start of a restart until the radio is back.
pub const REBOOT: Duration = Duration::from_secs(4);

/// Something that happens to the robot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Wi-Fi goes away for a while: broker and bridge hear nothing more.
    LoseWifi,
    /// The robot restarts and forgets what it was doing.
    Reboot,
    /// Someone switches it off at its button.
    Off,
    /// … and on again.
    On,
    /// Someone in the classroom pauses it at its button.
    Pause,
    /// … and lets it go on.
    Resume,
    /// Someone puts it on its charger.
    OnCharger,
    /// … and takes it off.
    OffCharger,
}

/// Why the radio is silent, if it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Silence {
    /// Switched off at its button.
    Off,
    /// The battery is empty.
    Flat,
    /// Restarting.
    Rebooting,
    /// No Wi-Fi.
    NoWifi,
}

/// What keeps the radio from working. Times are of the monotonic clock.
#[derive(Clone, Debug, Default)]
pub struct Outages {
    off: bool,
    flat: bool,
    wifi_back_at: Option<Duration>,
    booted_at: Option<Duration>,
}

impl Outages {
    /// Wi-Fi goes away for `seconds` from `now`; a longer loss under way goes on.
    pub fn lose_wifi(&mut self, now: Duration, seconds: f64) {
        let until = now + Duration::from_secs_f64(seconds.clamp(0.0, MAX_OUTAGE_S));
        self.wifi_back_at = Some(self.wifi_back_at.map_or(until, |at| at.max(until)));
    }

    /// A restart begins at `now`.
    pub fn reboot(&mut self, now: Duration) {
        self.booted_at = Some(now + REBOOT);
    }

    /// The button was pressed: off, or on again. On again is a restart.
    pub fn switch(&mut self, now: Duration, off: bool) {
        if self.off && !off {
            self.reboot(now);
        }
        self.off = off;
    }

    /// Whether the battery is empty. Full enough again is a restart.
    pub fn set_flat(&mut self, now: Duration, flat: bool) {
        if self.flat && !flat {
            self.reboot(now);
        }
        self.flat = flat;
    }

    /// Why the radio is silent at `now`; `None` if it works.
    #[must_use]
    pub fn silence(&self, now: Duration) -> Option<Silence> {
        if self.off {
            Some(Silence::Off)
        } else if self.flat {
            Some(Silence::Flat)
        } else if self.booted_at.is_some_and(|at| now < at) {
            Some(Silence::Rebooting)
        } else if self.wifi_back_at.is_some_and(|at| now < at) {
            Some(Silence::NoWifi)
        } else {
            None
        }
    }
}

/// The faults planned in the configuration, each handed out once when its time has come.
#[derive(Clone, Debug)]
pub struct Timeline {
    started: Duration,
    /// Latest first, so that the next one is at the end.
    planned: Vec<PlannedFault>,
}

impl Timeline {
    /// A timeline that counts from `started`.
    #[must_use]
    pub fn new(started: Duration, mut planned: Vec<PlannedFault>) -> Self {
        planned.sort_by(|a, b| b.after_s.total_cmp(&a.after_s));
        Self { started, planned }
    }

    /// The next fault whose time has come, in order.
    pub fn take_due(&mut self, now: Duration) -> Option<PlannedFault> {
        let elapsed_s = now.saturating_sub(self.started).as_secs_f64();
        if self.planned.last().is_some_and(|next| next.after_s <= elapsed_s) { self.planned.pop() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn wifi_comes_back_by_itself_and_a_shorter_loss_does_not_end_a_longer_one() {
        let mut outages = Outages::default();
        assert_eq!(outages.silence(s(10)), None);
        outages.lose_wifi(s(10), 20.0);
        outages.lose_wifi(s(11), 1.0);
        assert_eq!(outages.silence(s(29)), Some(Silence::NoWifi));
        assert_eq!(outages.silence(s(30)), None);
    }

    #[test]
    fn switching_on_again_takes_a_restart() {
        let mut outages = Outages::default();
        outages.switch(s(5), true);
        assert_eq!(outages.silence(s(500)), Some(Silence::Off));
        outages.switch(s(500), false);
        assert_eq!(outages.silence(s(501)), Some(Silence::Rebooting));
        assert_eq!(outages.silence(s(500) + REBOOT), None);
    }

    #[test]
    fn the_timeline_hands_each_fault_out_once_in_order() {
        let at = |after_s, fault| PlannedFault { after_s, fault, seconds: 20.0 };
        let mut timeline = Timeline::new(s(100), vec![at(9.0, Fault::Off), at(3.0, Fault::Pause), at(60.0, Fault::On)]);
        assert_eq!(timeline.take_due(s(102)), None);
        assert_eq!(timeline.take_due(s(110)).map(|p| p.fault), Some(Fault::Pause));
        assert_eq!(timeline.take_due(s(110)).map(|p| p.fault), Some(Fault::Off));
        assert_eq!(timeline.take_due(s(110)), None);
    }
}
