//! The robot's body: what it is told, what it does about it, and what it says of itself. Pure and seeded; time is an argument.
//!
//! It decides whether camera and microphone may be on ([`Body::wants`]); it does not switch them. Whether media really flows is told
//! to it ([`Event::MediaFlowed`]) and is what it reports, so that its light can never claim the opposite of what happens.
//!
//! Invariants: nobody woke it, or it is paused, carried or flat: camera and microphone are off. The head stays within its limits.
//! A hand that was up is up again when the same session wakes it, and down when another does.

mod head;
mod reports;

use std::time::Duration;

use protocol::control::{Control, Feeling, RobotState, VoiceLevel};
use protocol::{BodyState, Command, EventKind, Now, Percent, RobotMessage, RoomId, SessionId};

use crate::config::BatteryConfig;
use head::Head;

/// The pupil hears of the robot's state at least this often.
pub const STATE_EVERY: Duration = Duration::from_secs(2);
/// The server hears of the body at least this often.
pub const TELEMETRY_EVERY: Duration = Duration::from_secs(10);
/// On its charger, a flat robot starts again at this charge.
const STARTS_AGAIN_PCT: f64 = 3.0;

/// What happened to the body.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The pupil or the bridge said something on the data channel.
    Told(Control),
    /// The server asked for something.
    Asked(Command),
    /// Someone in the classroom pressed the pause button, or pressed it again.
    PauseButton(Pause),
    /// It was put on its charger, or taken off.
    Charger(Charger),
    /// The connection to the bridge is gone: nobody can be here.
    LinkLost,
    /// What left the robot in the last moments.
    MediaFlowed(Flow),
    /// How loud the pupil's voice was over the last half second, as the speaker plays it. `None`: silence.
    Heard(Option<f32>),
    /// This network takes less than its pictures; none: they are whole.
    Narrow(Option<Narrow>),
    /// It restarted.
    Restarted,
    /// Time passed.
    Ticked,
}

/// Whose network the picture is made smaller or rarer for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Narrow {
    /// The robot's own.
    Own,
    /// The pupil's, as the bridge said.
    Pupil,
}

/// What the pause button says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// Camera and microphone off.
    Begin,
    /// Go on.
    End,
}

/// Where the robot stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charger {
    /// On its charger.
    On,
    /// Off it.
    Off,
}

/// Which media there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Pictures.
    pub camera: bool,
    /// Sound.
    pub microphone: bool,
}

/// Work that an event causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send [`Body::state`] on the data channel.
    TellPupil,
    /// Publish [`Body::telemetry`].
    TellServer,
    /// Publish that this happened.
    Report(EventKind),
    /// Restart.
    Restart,
}

/// The body.
#[derive(Clone, Debug)]
pub struct Body {
    battery: BatteryConfig,
    charge_pct: f64,
    charging: bool,
    flat: bool,
    chance: Chance,
    wifi_dbm: f64,
    room: Option<RoomId>,
    session: Option<SessionId>,
    here: bool,
    paused_here: bool,
    paused_by_server: bool,
    carried: bool,
    resting: bool,
    hand: bool,
    feeling: Feeling,
    level: VoiceLevel,
    talking: bool,
    head: Head,
    flow: Flow,
    hears_dbfs: Option<f32>,
    narrow: Option<Narrow>,
    started: Duration,
    ticked: Duration,
    told_pupil: (Duration, Option<RobotState>),
    told_server: (Duration, Option<RobotMessage>),
}

impl Body {
    /// A robot that was just switched on.
    #[must_use]
    pub fn new(now: Now, battery: BatteryConfig, seed: u64) -> Self {
        Self {
            charge_pct: battery.start_pct,
            charging: battery.on_charger,
            flat: battery.start_pct <= 0.0,
            battery,
            chance: Chance(seed),
            wifi_dbm: -58.0,
            room: None,
            session: None,
            here: false,
            paused_here: false,
            paused_by_server: false,
            carried: false,
            resting: false,
            hand: false,
            feeling: Feeling::None,
            level: VoiceLevel::Normal,
            talking: false,
            head: Head::lowered(),
            flow: Flow::default(),
            hears_dbfs: None,
            narrow: None,
            started: now.monotonic,
            ticked: now.monotonic,
            told_pupil: (now.monotonic, None),
            told_server: (now.monotonic, None),
        }
    }

    /// Applies one event and returns the work it causes, in order.
    pub fn handle(&mut self, now: Now, event: Event) -> Vec<Effect> {
        self.pass_time(now.monotonic);
        let mut effects = Vec::new();
        match event {
            Event::Told(control) => self.told(control, &mut effects),
            Event::Asked(command) => self.asked(command, &mut effects),
            Event::PauseButton(pause) => {
                let before = self.is_paused();
                // A person in the room also ends a pause that came from the server.
                self.paused_here = pause == Pause::Begin;
                self.paused_by_server &= self.paused_here;
                self.report_pause(before, &mut effects);
            }
            Event::Charger(charger) => self.charging = charger == Charger::On,
            Event::LinkLost => self.leave(),
            Event::MediaFlowed(flow) => self.flow = flow,
            // While the microphone must be off, the speaker is silent too.
            Event::Heard(dbfs) => self.hears_dbfs = dbfs.filter(|_| self.wants().microphone),
            Event::Narrow(narrow) => self.narrow = narrow,
            Event::Restarted => {
                let (room, charge_pct, charging) = (self.room, self.charge_pct, self.charging);
                *self = Self { room, charge_pct, charging, ..Self::new(now, self.battery.clone(), self.chance.next()) };
                effects.push(Effect::Report(EventKind::Started));
            }
            Event::Ticked => {}
        }
        self.say_what_changed(now.monotonic, &mut effects);
        effects
    }

    /// What may be on now. Anything unknown or unfit means off.
    #[must_use]
    pub fn wants(&self) -> Flow {
        let microphone = self.here && !self.is_paused() && !self.carried && !self.flat;
        Flow { camera: microphone && !self.resting, microphone }
    }

    /// What the pupil is told.
    #[must_use]
    pub fn state(&self) -> RobotState {
        RobotState {
            camera_on: self.flow.camera,
            paused: self.is_paused(),
            carried: self.carried,
            resting: self.resting,
            pan_deg: self.head.pan_deg,
            tilt_deg: self.head.tilt_deg,
            hand_up: self.hand_is_up(),
            feeling: self.feeling,
            level: self.level,
            battery_pct: self.battery_pct(),
            hears_dbfs: self.hears_dbfs,
            is_narrow: self.narrow == Some(Narrow::Own),
            pupil_is_narrow: self.narrow == Some(Narrow::Pupil),
        }
    }

    /// What the server is told.
    #[must_use]
    pub fn telemetry(&self) -> RobotMessage {
        RobotMessage {
            state: self.body_state(),
            battery_pct: self.battery_pct(),
            charging: self.charging,
            #[expect(clippy::cast_possible_truncation, reason = "kept between -85 and -40")]
            wifi_dbm: Some(self.wifi_dbm as i8),
            room: self.room,
            camera_on: self.flow.camera,
            hand_up: self.hand_is_up(),
            uptime_s: self.ticked.saturating_sub(self.started).as_secs(),
        }
    }

    /// What it is doing, in one word.
    #[must_use]
    pub fn body_state(&self) -> BodyState {
        if self.carried {
            BodyState::Carried
        } else if self.is_paused() {
            BodyState::Paused
        } else if self.here && self.resting {
            BodyState::Resting
        } else if self.here && !self.flat {
            BodyState::Live
        } else {
            BodyState::Idle
        }
    }

    /// The session that woke it, while the pupil is here.
    #[must_use]
    pub fn session(&self) -> Option<SessionId> {
        self.session.filter(|_| self.here)
    }

    /// The session that woke it last.
    #[must_use]
    pub fn visit(&self) -> Option<SessionId> {
        self.session
    }

    /// Whether a pupil is here.
    #[must_use]
    pub fn has_pupil(&self) -> bool {
        self.here
    }

    /// Whether the pupil's microphone is open, as the pupil's page says.
    #[must_use]
    pub fn is_talking(&self) -> bool {
        self.here && self.talking
    }

    /// Whether the battery is empty.
    #[must_use]
    pub fn is_flat(&self) -> bool {
        self.flat
    }

    /// How loud the speaker is.
    #[must_use]
    pub fn level(&self) -> VoiceLevel {
        self.level
    }

    fn told(&mut self, control: Control, effects: &mut Vec<Effect>) {
        match control {
            Control::Wake { session } => {
                if self.session != Some(session) {
                    self.forget_pupil();
                    self.session = Some(session);
                }
                self.here = true;
            }
            Control::Sleep => self.leave(),
            // Whoever is not here cannot move the robot.
            _ if !self.here => {}
            Control::Look { pan_deg, tilt_deg } => self.head.look(pan_deg, tilt_deg),
            Control::Hand { up } => {
                if self.hand != up {
                    effects.push(Effect::Report(if up { EventKind::HandRaised } else { EventKind::HandLowered }));
                }
                self.hand = up;
            }
            Control::Feeling { feeling } => self.feeling = feeling,
            Control::Voice { level } => self.level = level,
            Control::Talk { on } => self.talking = on,
            Control::Rest { resting } => self.resting = resting,
            // For the pupil or the bridge, or an answer: nothing to do.
            Control::Seen { .. } | Control::State(_) | Control::Seat { .. } | Control::Link { .. } | Control::Ack { .. } => {}
        }
        self.pose_head();
    }

    fn asked(&mut self, command: Command, effects: &mut Vec<Effect>) {
        let before = self.is_paused();
        match command {
            Command::Carry => self.carried = true,
            Command::SetRoom { room } => {
                self.room = Some(room);
                self.carried = false;
            }
            Command::Pause => self.paused_by_server = true,
            // The robot's own button has the last word: it is not undone from afar.
            Command::Resume => self.paused_by_server = false,
            Command::Reboot => effects.push(Effect::Restart),
        }
        self.report_pause(before, effects);
        self.pose_head();
    }

    fn report_pause(&self, before: bool, effects: &mut Vec<Effect>) {
        match (before, self.is_paused()) {
            (false, true) => effects.push(Effect::Report(EventKind::Paused)),
            (true, false) => effects.push(Effect::Report(EventKind::Resumed)),
            _ => {}
        }
    }

    fn leave(&mut self) {
        self.here = false;
        self.hears_dbfs = None;
        self.narrow = None;
        self.pose_head();
    }

    fn forget_pupil(&mut self) {
        self.hand = false;
        self.resting = false;
        self.talking = false;
        self.feeling = Feeling::None;
        self.level = VoiceLevel::Normal;
        self.head.look(0.0, 0.0);
    }

    /// A robot that nobody uses, or whose pupil rests, lowers its head.
    fn pose_head(&mut self) {
        self.head.lowered = !self.here || self.resting || self.carried;
    }

    fn pass_time(&mut self, monotonic: Duration) {
        let passed = monotonic.saturating_sub(self.ticked);
        self.ticked = self.ticked.max(monotonic);
        self.head.turn(passed);
        let rate = if self.charging {
            self.battery.charge_pct_per_hour
        } else if self.flow.camera || self.flow.microphone {
            -self.battery.live_pct_per_hour
        } else {
            -self.battery.idle_pct_per_hour
        };
        self.charge_pct = (self.charge_pct + rate * passed.as_secs_f64() / 3600.0).clamp(0.0, 100.0);
        if self.charge_pct <= 0.0 {
            self.flat = true;
        } else if self.charging && self.charge_pct >= STARTS_AGAIN_PCT {
            self.flat = false;
        }
        // About one decibel in a second, pulled back to the middle.
        let step = (self.chance.unit() - 0.5) * 2.0 * passed.as_secs_f64().min(1.0);
        self.wifi_dbm = (self.wifi_dbm + step + (-58.0 - self.wifi_dbm) * 0.01).clamp(-85.0, -40.0);
    }

    fn is_paused(&self) -> bool {
        self.paused_here || self.paused_by_server
    }

    /// The light is on only while its pupil is here; the wish outlasts an interruption.
    fn hand_is_up(&self) -> bool {
        self.hand && self.here
    }

    fn battery_pct(&self) -> Percent {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "kept between 0 and 100")]
        Percent::saturating(self.charge_pct.round() as u8)
    }
}

/// Numbers that look like chance and follow from the seed (splitmix64).
#[derive(Clone, Debug)]
pub(crate) struct Chance(pub u64);

impl Chance {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to, not including, 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests;
