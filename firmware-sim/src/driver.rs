//! Feeds events to the body and does what it says; turns the radio on and off. The only place where the parts of the robot meet.
//!
//! It waits for nothing but events: whatever takes time happens in the radio or in a task of its own.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use protocol::control::{Control, ControlMessage};
use protocol::{Clock, Envelope, EventKind, EventMessage, Kind, Status};
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::config::Config;
use crate::faults::{Fault, Outages, Silence, Timeline};
use crate::page::{Asked, View};
use crate::radio::{Counters, Heard, Outlook, Parts, Radio, Sources};
use crate::robot::{Body, Charger, Effect, Event, Flow, Pause};

/// How often time passes for the body.
const TICK: Duration = Duration::from_millis(66);
/// Ticks without a packet after which media counts as not flowing: about half a second.
const STILL_TICKS: u32 = 8;
/// The same between two stills: four seconds.
const BETWEEN_STILLS_TICKS: u32 = 60;
/// Events of the radio that may wait.
const HEARD_QUEUE: usize = 256;
/// After a failed start of the radio.
const RADIO_RETRY_TICKS: u32 = 75;

pub(crate) struct Driver {
    config: Arc<Config>,
    clock: Arc<dyn Clock>,
    epoch: Uuid,
    sources: Arc<Sources>,
    counters: Arc<Counters>,
    body: Body,
    outages: Outages,
    timeline: Timeline,
    radio: Option<(Radio, mpsc::Receiver<Heard>)>,
    radio_retry: u32,
    /// The next time the radio is on, the robot has just started.
    starting: bool,
    broker_here: bool,
    bridge_here: bool,
    watched: Watched,
    outlook: watch::Sender<Outlook>,
    view: watch::Sender<View>,
    tracker: TaskTracker,
}

impl Driver {
    pub fn new(
        config: Arc<Config>,
        clock: Arc<dyn Clock>,
        sources: Sources,
        view: watch::Sender<View>,
        tracker: TaskTracker,
    ) -> Self {
        let now = clock.now();
        Self {
            body: Body::new(now, config.battery.clone(), config.seed),
            timeline: Timeline::new(now.monotonic, config.scenario.clone()),
            config,
            clock,
            epoch: Uuid::now_v7(),
            sources: Arc::new(sources),
            counters: Arc::default(),
            outages: Outages::default(),
            radio: None,
            radio_retry: 0,
            starting: true,
            broker_here: false,
            bridge_here: false,
            watched: Watched::default(),
            outlook: watch::Sender::new(Outlook::default()),
            view,
            tracker,
        }
    }

    /// Runs the robot until `shutdown` fires; then it says goodbye.
    pub async fn run(mut self, mut asked: mpsc::Receiver<Asked>, shutdown: CancellationToken) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                heard = next_heard(&mut self.radio) => self.hear(heard),
                Some(Asked { fault, seconds }) = asked.recv() => self.befall(fault, seconds),
                _ = tick.tick() => self.tick(),
            }
            self.show();
        }
        if let Some((radio, _)) = self.radio.take() {
            radio.close(Status::Gone).await;
        }
    }

    fn tick(&mut self) {
        let now = self.clock.now();
        while let Some(planned) = self.timeline.take_due(now.monotonic) {
            self.befall(planned.fault, planned.seconds);
        }
        self.outages.set_flat(now.monotonic, self.body.is_flat());
        self.switch_radio();
        let flow = self.watched.look(&self.counters);
        self.happen(Event::MediaFlowed(flow));
    }

    /// Turns the radio on or off as the outages say.
    fn switch_radio(&mut self) {
        let silence = self.outages.silence(self.clock.now().monotonic);
        self.starting |= matches!(silence, Some(Silence::Off | Silence::Flat | Silence::Rebooting));
        match (silence, self.radio.take()) {
            (None, Some(radio)) => self.radio = Some(radio),
            (None, None) => self.start_radio(),
            (Some(_), None) => {}
            (Some(silence), Some((radio, _))) => {
                tracing::info!(robot.id = %self.config.robot_id, robot.silence = ?silence, "the radio is off");
                if silence == Silence::Off {
                    let event = self.event(EventKind::OffByPerson);
                    radio.publish(Kind::Event, event);
                    self.tracker.spawn(radio.close(Status::OffByPerson));
                } else {
                    radio.cut();
                }
                (self.broker_here, self.bridge_here) = (false, false);
                self.happen(Event::LinkLost);
            }
        }
    }

    fn start_radio(&mut self) {
        if self.radio_retry > 0 {
            self.radio_retry -= 1;
            return;
        }
        let (heard, receiver) = mpsc::channel(HEARD_QUEUE);
        let parts = Arc::new(Parts {
            config: Arc::clone(&self.config),
            clock: Arc::clone(&self.clock),
            epoch: self.epoch,
            sources: Arc::clone(&self.sources),
            counters: Arc::clone(&self.counters),
            outlook: self.outlook.subscribe(),
            heard,
        });
        match Radio::on(&parts) {
            Ok(radio) => {
                self.radio = Some((radio, receiver));
                if std::mem::take(&mut self.starting) {
                    self.happen(Event::Restarted);
                }
            }
            Err(error) => {
                tracing::error!(robot.id = %self.config.robot_id, %error, "the radio cannot be started; trying again");
                self.radio_retry = RADIO_RETRY_TICKS;
            }
        }
    }

    fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Broker(here) => self.broker_here = here,
            Heard::Bridge(here) => {
                self.bridge_here = here;
                if !here {
                    self.happen(Event::LinkLost);
                }
            }
            Heard::Command(command) => self.happen(Event::Asked(command)),
            Heard::Control(message) => {
                if let (Some(of), Some((radio, _))) = (message.id, &self.radio) {
                    radio.send_control(&ControlMessage::plain(Control::Ack { of }));
                }
                self.happen(Event::Told(message.control));
            }
            Heard::Voice(dbfs) => self.happen(Event::Heard(dbfs)),
            Heard::Narrow(narrow) => self.happen(Event::Narrow(narrow)),
        }
    }

    /// Something happens to the robot from outside.
    fn befall(&mut self, fault: Fault, seconds: f64) {
        let now = self.clock.now().monotonic;
        tracing::info!(robot.id = %self.config.robot_id, robot.fault = ?fault, "something happens to the robot");
        match fault {
            Fault::LoseWifi => self.outages.lose_wifi(now, seconds),
            Fault::Reboot => self.outages.reboot(now),
            Fault::Off | Fault::On => self.outages.switch(now, fault == Fault::Off),
            Fault::Pause => self.happen(Event::PauseButton(Pause::Begin)),
            Fault::Resume => self.happen(Event::PauseButton(Pause::End)),
            Fault::OnCharger => self.happen(Event::Charger(Charger::On)),
            Fault::OffCharger => self.happen(Event::Charger(Charger::Off)),
        }
        self.switch_radio();
    }

    /// Gives the body an event and does what it says.
    fn happen(&mut self, event: Event) {
        let now = self.clock.now();
        let effects = self.body.handle(now, event);
        // First what may flow: a wish to stop is obeyed before anything is said.
        let state = self.body.state();
        let outlook = Outlook {
            wants: self.body.wants(),
            has_pupil: self.body.has_pupil(),
            visit: self.body.visit(),
            pan_deg: state.pan_deg,
            tilt_deg: state.tilt_deg,
            level: self.body.level(),
        };
        self.outlook.send_if_modified(|before| {
            let changed = *before != outlook;
            *before = outlook;
            changed
        });
        for effect in effects {
            let Some((radio, _)) = &self.radio else { continue };
            match effect {
                Effect::TellPupil => radio.send_control(&ControlMessage::plain(Control::State(self.body.state()))),
                Effect::TellServer => {
                    radio.publish(Kind::Robot, Envelope::new(now, self.epoch, self.body.telemetry()).to_bytes());
                }
                Effect::Report(what) => radio.publish(Kind::Event, self.event(what)),
                Effect::Restart => self.outages.reboot(now.monotonic),
            }
        }
    }

    fn event(&self, what: EventKind) -> Vec<u8> {
        let now = self.clock.now();
        let body = EventMessage { what, robot: self.config.robot_id, session: self.body.session(), at: now.utc };
        Envelope::new(now, self.epoch, body).to_bytes()
    }

    /// Shows the robot's own page what there is to see.
    fn show(&mut self) {
        let now = self.clock.now();
        let view = View {
            name: self.config.name.clone(),
            clock: now.utc.with_timezone(&self.config.time_zone).format("%H:%M:%S").to_string(),
            body: self.body.telemetry(),
            state: self.body.state(),
            microphone_on: self.watched.flow().microphone,
            talking: self.body.is_talking(),
            session: self.body.session(),
            silence: self.outages.silence(now.monotonic),
            broker_here: self.broker_here,
            bridge_here: self.bridge_here,
            frames_sent: self.counters.pictures(),
            sounds_sent: self.counters.sounds(),
            key_requests: self.counters.key_requests(),
        };
        self.view.send_if_modified(|before| {
            let changed = *before != view;
            *before = view;
            changed
        });
    }
}

/// The radio's next event; never, while it is off.
async fn next_heard(radio: &mut Option<(Radio, mpsc::Receiver<Heard>)>) -> Heard {
    if let Some((_, heard)) = radio
        && let Some(heard) = heard.recv().await
    {
        return heard;
    }
    std::future::pending().await
}

/// Tells from the counters whether anything leaves the robot.
#[derive(Default)]
struct Watched {
    pictures: (u64, u32),
    sounds: (u64, u32),
    are_stills: bool,
}

impl Watched {
    fn look(&mut self, counters: &Counters) -> Flow {
        self.are_stills = counters.are_stills.load(Ordering::Relaxed);
        for ((seen, still), count) in [(&mut self.pictures, counters.pictures()), (&mut self.sounds, counters.sounds())] {
            *still = if *seen == count { still.saturating_add(1) } else { 0 };
            *seen = count;
        }
        self.flow()
    }

    fn flow(&self) -> Flow {
        let flows = |(count, still): (u64, u32), ticks| count > 0 && still < ticks;
        // Between two stills the camera is on: another one follows.
        let camera_ticks = if self.are_stills { BETWEEN_STILLS_TICKS } else { STILL_TICKS };
        Flow { camera: flows(self.pictures, camera_ticks), microphone: flows(self.sounds, STILL_TICKS) }
    }
}
