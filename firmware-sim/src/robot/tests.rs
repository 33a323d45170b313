//! The body as a table of small stories.

use chrono::DateTime;
use protocol::RoomId;

use super::*;

struct Story {
    body: Body,
    now: Now,
    effects: Vec<Effect>,
}

impl Story {
    fn begin() -> Self {
        Self::with(BatteryConfig::default())
    }

    fn with(battery: BatteryConfig) -> Self {
        let now = Now { monotonic: Duration::from_secs(5), utc: DateTime::from_timestamp(1_795_000_000, 0).unwrap() };
        Self { body: Body::new(now, battery, 7), now, effects: Vec::new() }
    }

    fn then(&mut self, event: Event) -> &mut Self {
        // The shell reports what flows; here it follows the wish at once.
        self.effects = self.body.handle(self.now, event);
        let flow = self.body.wants();
        self.effects.extend(self.body.handle(self.now, Event::MediaFlowed(flow)));
        self
    }

    fn told(&mut self, control: Control) -> &mut Self {
        self.then(Event::Told(control))
    }

    fn after(&mut self, seconds: f64) -> &mut Self {
        let mut left = seconds;
        while left > 0.0 {
            self.now = self.now.plus(Duration::from_secs_f64(left.min(0.1)));
            left -= 0.1;
            self.then(Event::Ticked);
        }
        self
    }
}

fn session() -> SessionId {
    SessionId::new()
}

#[test]
fn camera_and_microphone_are_off_until_someone_wakes_it_and_again_when_they_leave() {
    let mut story = Story::begin();
    assert_eq!(story.body.wants(), Flow::default());
    story.told(Control::Wake { session: session() });
    assert_eq!(story.body.wants(), Flow { camera: true, microphone: true });
    assert_eq!(story.body.body_state(), BodyState::Live);
    story.told(Control::Sleep);
    assert_eq!(story.body.wants(), Flow::default());
    assert_eq!(story.body.body_state(), BodyState::Idle);
}

#[test]
fn a_lost_link_turns_camera_and_microphone_off() {
    let mut story = Story::begin();
    story.told(Control::Wake { session: session() }).then(Event::LinkLost);
    assert_eq!(story.body.wants(), Flow::default());
}

#[test]
fn pause_carry_and_rest_each_turn_off_what_they_should() {
    let wake = || {
        let mut story = Story::begin();
        story.told(Control::Wake { session: session() });
        story
    };
    let off = Flow::default();
    let sound = Flow { camera: false, microphone: true };
    let both = Flow { camera: true, microphone: true };
    let cases = [
        (Event::PauseButton(Pause::Begin), off, BodyState::Paused, Event::PauseButton(Pause::End)),
        (Event::Asked(Command::Pause), off, BodyState::Paused, Event::Asked(Command::Resume)),
        (Event::Asked(Command::Carry), off, BodyState::Carried, Event::Asked(Command::SetRoom { room: RoomId::new() })),
        (
            Event::Told(Control::Rest { resting: true }),
            sound,
            BodyState::Resting,
            Event::Told(Control::Rest { resting: false }),
        ),
    ];
    for (begin, wants, state, end) in cases {
        let mut story = wake();
        story.then(begin.clone());
        assert_eq!((story.body.wants(), story.body.body_state()), (wants, state), "{begin:?}");
        story.then(end.clone());
        assert_eq!(story.body.wants(), both, "{end:?}");
    }
}

#[test]
fn the_button_in_the_classroom_is_not_undone_from_afar() {
    let mut story = Story::begin();
    story.told(Control::Wake { session: session() }).then(Event::PauseButton(Pause::Begin));
    assert!(story.effects.contains(&Effect::Report(EventKind::Paused)));
    story.then(Event::Asked(Command::Resume));
    assert!(story.body.state().paused);
    story.then(Event::PauseButton(Pause::End));
    assert!(story.effects.contains(&Effect::Report(EventKind::Resumed)));
    assert!(!story.body.state().paused);
}

#[test]
fn the_head_turns_at_its_own_speed_and_stays_within_its_limits() {
    let mut story = Story::begin();
    story.told(Control::Wake { session: session() }).after(1.0);
    story.told(Control::Look { pan_deg: 400.0, tilt_deg: 90.0 }).after(0.5);
    let state = story.body.state();
    assert!((40.0..50.0).contains(&state.pan_deg), "{}", state.pan_deg);
    story.after(3.0);
    let state = story.body.state();
    assert_eq!((state.pan_deg, state.tilt_deg), (170.0, 20.0));
    story.told(Control::Look { pan_deg: f32::NAN, tilt_deg: 0.0 }).after(1.0);
    assert_eq!(story.body.state().pan_deg, 170.0);
}

#[test]
fn the_head_is_lowered_while_the_pupil_rests_and_comes_back_to_where_it_looked() {
    let mut story = Story::begin();
    story.told(Control::Wake { session: session() });
    story.told(Control::Look { pan_deg: 30.0, tilt_deg: 10.0 }).after(2.0);
    story.told(Control::Rest { resting: true }).after(2.0);
    assert_eq!(story.body.state().tilt_deg, -20.0);
    story.told(Control::Rest { resting: false }).after(2.0);
    assert_eq!((story.body.state().pan_deg, story.body.state().tilt_deg), (30.0, 10.0));
}

#[test]
fn a_raised_hand_survives_a_reconnect_of_the_same_session_only() {
    let mut story = Story::begin();
    let first = session();
    story.told(Control::Wake { session: first }).told(Control::Hand { up: true });
    assert!(story.effects.contains(&Effect::Report(EventKind::HandRaised)));
    story.told(Control::Hand { up: true });
    assert!(!story.effects.contains(&Effect::Report(EventKind::HandRaised)), "said once");
    story.then(Event::LinkLost);
    assert!(!story.body.state().hand_up, "nobody is here");
    story.told(Control::Wake { session: first });
    assert!(story.body.state().hand_up);
    story.told(Control::Sleep).told(Control::Wake { session: session() });
    assert!(!story.body.state().hand_up);
}

#[test]
fn nobody_moves_a_robot_that_is_asleep() {
    let mut story = Story::begin();
    story.told(Control::Hand { up: true }).told(Control::Look { pan_deg: 90.0, tilt_deg: 0.0 }).after(2.0);
    story.told(Control::Feeling { feeling: Feeling::Help });
    let state = story.body.state();
    assert_eq!((state.hand_up, state.pan_deg, state.feeling), (false, 0.0, Feeling::None));
}

#[test]
fn the_speaker_plays_only_while_the_pupil_is_here() {
    let mut story = Story::begin();
    story.then(Event::Heard(Some(-20.0)));
    assert_eq!(story.body.state().hears_dbfs, None);
    story.told(Control::Wake { session: session() }).then(Event::Heard(Some(-20.0)));
    assert_eq!(story.body.state().hears_dbfs, Some(-20.0));
    story.then(Event::LinkLost).then(Event::Heard(Some(-20.0)));
    assert_eq!(story.body.state().hears_dbfs, None);
}

#[test]
fn the_battery_drains_faster_when_live_and_fills_on_the_charger() {
    let battery =
        BatteryConfig { start_pct: 50.0, idle_pct_per_hour: 3_600.0, live_pct_per_hour: 7_200.0, ..BatteryConfig::default() };
    let mut story = Story::with(BatteryConfig { charge_pct_per_hour: 36_000.0, ..battery });
    story.after(10.0);
    assert_eq!(story.body.telemetry().battery_pct.get(), 40);
    story.told(Control::Wake { session: session() }).after(10.0);
    assert_eq!(story.body.telemetry().battery_pct.get(), 20);
    story.then(Event::Charger(Charger::On)).after(5.0);
    assert_eq!(story.body.telemetry().battery_pct.get(), 70);
    assert!(story.body.telemetry().charging);
}

#[test]
fn an_empty_battery_turns_everything_off_until_it_is_charged() {
    let battery =
        BatteryConfig { start_pct: 1.0, live_pct_per_hour: 3_600.0, charge_pct_per_hour: 3_600.0, ..BatteryConfig::default() };
    let mut story = Story::with(battery);
    story.told(Control::Wake { session: session() }).after(2.0);
    assert!(story.body.is_flat());
    assert_eq!(story.body.wants(), Flow::default());
    story.then(Event::Charger(Charger::On)).after(2.0);
    assert!(story.body.is_flat(), "not enough yet");
    story.after(2.0);
    assert!(!story.body.is_flat());
}

#[test]
fn a_restart_forgets_the_pupil_and_keeps_the_room() {
    let mut story = Story::begin();
    let room = RoomId::new();
    let visit = session();
    story.then(Event::Asked(Command::SetRoom { room })).told(Control::Wake { session: visit }).told(Control::Hand { up: true });
    story.then(Event::Restarted);
    assert!(story.effects.contains(&Effect::Report(EventKind::Started)));
    assert_eq!((story.body.session(), story.body.telemetry().room), (None, Some(room)));
    story.told(Control::Wake { session: visit });
    assert!(!story.body.state().hand_up);
}

#[test]
fn the_pupil_hears_of_changes_at_once_and_otherwise_every_two_seconds() {
    let mut story = Story::begin();
    story.told(Control::Wake { session: session() }).after(2.0);
    story.told(Control::Feeling { feeling: Feeling::Happy });
    assert!(story.effects.contains(&Effect::TellPupil));
    let mut told = 0;
    for _ in 0..60 {
        story.after(0.1);
        told += story.effects.iter().filter(|effect| **effect == Effect::TellPupil).count();
    }
    assert!((2..=4).contains(&told), "{told} in six quiet seconds");
}

#[test]
fn the_server_hears_of_changes_at_once_and_otherwise_every_ten_seconds() {
    let mut story = Story::begin();
    story.after(1.0);
    let mut told = 0;
    for _ in 0..200 {
        story.after(0.1);
        told += story.effects.iter().filter(|effect| **effect == Effect::TellServer).count();
    }
    assert!((1..=3).contains(&told), "{told} in twenty quiet seconds");
    story.then(Event::Asked(Command::Carry));
    assert!(story.effects.contains(&Effect::TellServer));
}

#[test]
fn the_same_seed_gives_the_same_robot() {
    let run = || {
        let mut story = Story::begin();
        story.after(30.0);
        story.body.telemetry()
    };
    assert_eq!(run(), run());
}
