//! When the body says something of itself: at each change worth telling, and otherwise at a steady pace.

use std::time::Duration;

use protocol::RobotMessage;
use protocol::control::RobotState;

use super::{Body, Effect, STATE_EVERY, TELEMETRY_EVERY};

/// While the head turns, the pupil hears of it this often.
const STATE_WHILE_TURNING: Duration = Duration::from_millis(200);

impl Body {
    pub(super) fn say_what_changed(&mut self, monotonic: Duration, effects: &mut Vec<Effect>) {
        let state = self.state();
        let since = monotonic.saturating_sub(self.told_pupil.0);
        let (turned, changed) = self.told_pupil.1.as_ref().map_or((true, true), |told| {
            let turned = (told.pan_deg - state.pan_deg).abs() > 0.5 || (told.tilt_deg - state.tilt_deg).abs() > 0.5;
            // Where the head is and how loud the voice is change all the time; the rest is news.
            let settled = RobotState { pan_deg: told.pan_deg, tilt_deg: told.tilt_deg, ..state.clone() };
            let settled =
                if told.hears_dbfs.is_some() { RobotState { hears_dbfs: told.hears_dbfs, ..settled } } else { settled };
            (turned, settled != *told)
        });
        if changed || since >= STATE_EVERY || (turned && since >= STATE_WHILE_TURNING) {
            self.told_pupil = (monotonic, Some(state));
            effects.push(Effect::TellPupil);
        }
        let telemetry = self.telemetry();
        let since = monotonic.saturating_sub(self.told_server.0);
        let changed =
            self.told_server.1.as_ref().is_none_or(|told| {
                RobotMessage { wifi_dbm: told.wifi_dbm, uptime_s: told.uptime_s, ..telemetry.clone() } != *told
            });
        if changed || since >= TELEMETRY_EVERY {
            self.told_server = (monotonic, Some(telemetry));
            effects.push(Effect::TellServer);
        }
    }
}
