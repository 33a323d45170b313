//! Feeds what happens to the [`Roster`] and does what it says: the only owner of sessions, and the only reader of the clock for them.
//!
//! One task. Requests of HTTP handlers and events of the media threads come in through bounded queues; nothing here waits for a
//! network or a disk. What the outbox does not take at the moment is kept in a [`Backlog`] and handed over later.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bridge_core::Leg;
use bridge_core::backlog::{Backlog, Work};
use bridge_core::grant::{PublishPermit, ViewPermit};
use bridge_core::presence::Sample;
use bridge_core::roster::{Admission, Command, LegEvent, Refusal, Roster, SecondLine};
use bridge_core::rounds::Rounds;
use bridge_core::session::Parting;
use chrono::{DateTime, Utc};
use protocol::control::ControlMessage;
use protocol::measure::Estimate;
use protocol::{Act, Clock, DeviceId, EndMessage, LinkMessage, Now, PlacementId, RobotId, SessionId};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::media::{Engine, LegId, MediaEvent, Second, Why};
use crate::observe::Status;
use crate::robot::{self, Said};

/// Requests that may wait; a full queue is answered "busy".
pub const REQUEST_QUEUE: usize = 256;
/// Media events that may wait; what the engine does with more is written there.
pub const MEDIA_QUEUE: usize = 2048;
/// Link quality of each robot is said this often, besides at each change.
const LINK_EVERY: Duration = Duration::from_secs(5);
/// How long the last facts of a stopping bridge may wait for room in the outbox's queue.
const LAST_FACTS: Duration = Duration::from_secs(1);
/// A leg that was replaced has its successor's word by then, or nobody came: then it counts as gone.
const REPLACED_WAIT: Duration = Duration::from_secs(2);
/// How long the driver may be too busy to hear that a permission was withdrawn, or that the bridge is to be emptied.
const WITHDRAW_WAIT: Duration = Duration::from_secs(2);
/// The longest sleep, so that the clock need not run at the speed of tokio's.
const LONGEST_SLEEP: Duration = Duration::from_millis(500);

/// What a `Location` header names: a WHIP or WHEP session as HTTP sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Unguessable.
    pub id: Uuid,
    /// Under which robot.
    pub robot: RobotId,
    /// Published or viewed.
    pub act: Act,
    /// The media leg behind it.
    pub leg: LegId,
    /// Digest of the token that made it.
    pub holder: [u8; 32],
    /// `Act::View`: whose.
    pub placement: Option<PlacementId>,
    /// `Act::View`: which session.
    pub session: Option<SessionId>,
    /// Names the present ICE session.
    pub etag: Uuid,
}

/// Why the driver did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DriverError {
    /// Too much waits.
    #[error("the bridge is busy: please try again in a few seconds")]
    Busy,
    /// It stops.
    #[error("the bridge is stopping: please try again in a minute")]
    Stopped,
}

type Reply<T> = oneshot::Sender<T>;

enum Request {
    MayPublish { robot: RobotId, reply: Reply<Result<(), Refusal>> },
    Published { permit: PublishPermit, leg: LegId, holder: [u8; 32], reply: Reply<Result<Resource, Refusal>> },
    Admit { permit: ViewPermit, reply: Reply<Result<Admission, Refusal>> },
    Joined { admission: Admission, leg: LegId, holder: [u8; 32], reply: Reply<Result<Resource, Refusal>> },
    Abandon { admission: Admission },
    Find { id: Uuid, reply: Reply<Option<Resource>> },
    Restarted { id: Uuid, reply: Reply<Option<Uuid>> },
    Leave { id: Uuid, reply: Reply<bool> },
    GrantRefused { robot: RobotId },
    Drain { draining: bool },
    Withdraw { placement: PlacementId, at: DateTime<Utc>, keeps: Option<DeviceId> },
}

/// How HTTP handlers talk to the driver.
#[derive(Clone)]
pub struct Handle(mpsc::Sender<Request>);

impl Handle {
    /// A handle and the queue that the driver reads.
    #[must_use]
    pub fn new() -> (Self, Requests) {
        let (sender, receiver) = mpsc::channel(REQUEST_QUEUE);
        (Self(sender), Requests(receiver))
    }

    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, DriverError> {
        let (reply, answer) = oneshot::channel();
        self.0.try_send(request(reply)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => DriverError::Busy,
            mpsc::error::TrySendError::Closed(_) => DriverError::Stopped,
        })?;
        answer.await.map_err(|_| DriverError::Stopped)
    }

    /// Whether there is a place for a publisher.
    ///
    /// # Errors
    /// The driver does not answer.
    pub async fn may_publish(&self, robot: RobotId) -> Result<Result<(), Refusal>, DriverError> {
        self.ask(|reply| Request::MayPublish { robot, reply }).await
    }

    /// A publisher's offer was answered.
    ///
    /// # Errors
    /// The driver does not answer.
    pub async fn published(
        &self,
        permit: PublishPermit,
        leg: LegId,
        holder: [u8; 32],
    ) -> Result<Result<Resource, Refusal>, DriverError> {
        self.ask(|reply| Request::Published { permit, leg, holder, reply }).await
    }

    /// May this viewer join? Keeps the seat until [`Handle::joined`] or [`Handle::abandon`].
    ///
    /// # Errors
    /// The driver does not answer.
    pub async fn admit(&self, permit: ViewPermit) -> Result<Result<Admission, Refusal>, DriverError> {
        self.ask(|reply| Request::Admit { permit, reply }).await
    }

    /// A viewer's offer was answered.
    ///
    /// # Errors
    /// The driver does not answer.
    pub async fn joined(
        &self,
        admission: Admission,
        leg: LegId,
        holder: [u8; 32],
    ) -> Result<Result<Resource, Refusal>, DriverError> {
        self.ask(|reply| Request::Joined { admission, leg, holder, reply }).await
    }

    /// A viewer's offer could not be answered.
    pub fn abandon(&self, admission: Admission) {
        // If the queue is full, the seat is freed when the grace is over.
        let _ = self.0.try_send(Request::Abandon { admission });
    }

    /// The resource under `id`.
    ///
    /// # Errors
    /// The driver does not answer.
    pub async fn find(&self, id: Uuid) -> Result<Option<Resource>, DriverError> {
        self.ask(|reply| Request::Find { id, reply }).await
    }

    /// Its ICE session was restarted: the new entity tag, unless it is gone.
    ///
    /// # Errors
    /// The driver does not answer.
    pub async fn restarted(&self, id: Uuid) -> Result<Option<Uuid>, DriverError> {
        self.ask(|reply| Request::Restarted { id, reply }).await
    }

    /// Ends what the resource stands for. `false`: there is none (any more).
    ///
    /// # Errors
    /// The driver does not answer.
    pub async fn leave(&self, id: Uuid) -> Result<bool, DriverError> {
        self.ask(|reply| Request::Leave { id, reply }).await
    }

    /// A grant for this robot was refused.
    pub fn grant_refused(&self, robot: RobotId) {
        let _ = self.0.try_send(Request::GrantRefused { robot });
    }
}

impl Handle {
    /// From now on nobody new is taken, or everybody again; who is here stays.
    ///
    /// # Errors
    /// The driver does not take it.
    pub async fn drain(&self, draining: bool) -> Result<(), DriverError> {
        self.urge(Request::Drain { draining }).await
    }

    /// The server withdrew, at `at` by its clock, what it gave `placement`.
    ///
    /// # Errors
    /// The driver does not take it.
    pub async fn withdraw(&self, at: DateTime<Utc>, end: EndMessage) -> Result<(), DriverError> {
        self.urge(Request::Withdraw { placement: end.placement, at, keeps: end.keeps }).await
    }

    /// Hands over what should not be dropped because the driver is busy for a moment.
    async fn urge(&self, request: Request) -> Result<(), DriverError> {
        self.0.send_timeout(request, WITHDRAW_WAIT).await.map_err(|error| match error {
            mpsc::error::SendTimeoutError::Timeout(_) => DriverError::Busy,
            mpsc::error::SendTimeoutError::Closed(_) => DriverError::Stopped,
        })
    }
}

/// The queue that the driver reads.
pub struct Requests(mpsc::Receiver<Request>);

/// The task's state.
pub struct Driver {
    roster: Roster,
    engine: Engine,
    clock: Arc<dyn Clock>,
    status: Arc<Status>,
    work: mpsc::Sender<Work>,
    quality: mpsc::Sender<LinkMessage>,
    robot_of: HashMap<LegId, RobotId>,
    resources: HashMap<Uuid, Resource>,
    links: Rounds,
    backlog: Backlog,
    /// Legs whose place was taken, and until when their successor has to report.
    replaced: VecDeque<(Duration, RobotId, LegId)>,
    server_clock: Option<Estimate>,
}

impl Driver {
    /// Ready to [`Driver::run`].
    #[must_use]
    pub fn new(
        roster: Roster,
        engine: Engine,
        clock: Arc<dyn Clock>,
        status: Arc<Status>,
        work: mpsc::Sender<Work>,
        quality: mpsc::Sender<LinkMessage>,
    ) -> Self {
        let links = Rounds::new(clock.now().monotonic, LINK_EVERY);
        Self {
            roster,
            engine,
            clock,
            status,
            work,
            quality,
            robot_of: HashMap::new(),
            resources: HashMap::new(),
            links,
            backlog: Backlog::default(),
            replaced: VecDeque::new(),
            server_clock: None,
        }
    }

    /// Runs until `shutdown`; then ends every session, with its facts in the outbox's queue.
    pub async fn run(mut self, mut requests: Requests, mut events: mpsc::Receiver<MediaEvent>, shutdown: CancellationToken) {
        loop {
            let now = self.clock.now();
            let (robots, sessions) = self.roster.counts();
            self.status.set_turn(now, robots, sessions);
            let replaced = self.replaced.front().map(|(due, ..)| *due);
            let due = [self.roster.deadline(), replaced].into_iter().flatten().fold(self.links.deadline(), Duration::min);
            let wait = due.saturating_sub(now.monotonic).min(LONGEST_SLEEP);
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(event) = events.recv() => self.media(event),
                Some(request) = requests.0.recv() => self.request(request),
                () = tokio::time::sleep(wait) => {}
            }
            let now = self.clock.now();
            self.hand_over();
            self.hear_clock(now);
            while let Some((due, robot, leg)) = self.replaced.front().copied()
                && due <= now.monotonic
            {
                self.replaced.pop_front();
                // If it still has the place, its successor never came: an answer was lost, or nobody had time for it.
                let commands = self.roster.leg(now, robot, Leg(leg.0), LegEvent::Closed(Parting::Vanished));
                self.execute(now, commands);
            }
            if self.roster.deadline().is_some_and(|due| due <= now.monotonic) {
                let commands = self.roster.tick(now);
                self.execute(now, commands);
            }
            for robot in self.links.take(now.monotonic, self.roster.robots()) {
                self.say(self.roster.link(robot));
            }
        }
        let now = self.clock.now();
        let commands = self.roster.shutdown(now);
        self.execute(now, commands);
        let last = async {
            while !self.backlog.is_empty() {
                let Ok(place) = self.work.reserve().await else { return };
                if let Some(work) = self.backlog.take_next() {
                    place.send(work);
                }
            }
        };
        if tokio::time::timeout(LAST_FACTS, last).await.is_err() || !self.backlog.is_empty() {
            let lost = self.backlog.len();
            tracing::error!(lost, "facts could not be stored before the bridge stopped: check the disk of the outbox");
        }
    }

    /// Tells the visits what became known about the server's time.
    fn hear_clock(&mut self, now: Now) {
        let clock = self.status.server_clock();
        if let Some(clock) = clock.filter(|_| clock != self.server_clock) {
            self.server_clock = Some(clock);
            self.roster.measured(now, clock);
        }
    }

    fn request(&mut self, request: Request) {
        let now = self.clock.now();
        self.roster.look(self.status.look());
        match request {
            Request::MayPublish { robot, reply } => drop(reply.send(self.roster.may_publish(robot))),
            Request::Published { permit, leg, holder, reply } => {
                let outcome = self.roster.published(now, permit, Leg(leg.0));
                let resource = Resource {
                    id: Uuid::new_v4(),
                    robot: permit.robot,
                    act: Act::Publish,
                    leg,
                    holder,
                    placement: None,
                    session: None,
                    etag: Uuid::new_v4(),
                };
                self.install(now, outcome, resource, reply);
            }
            Request::Admit { permit, reply } => {
                let (answer, commands) = match self.roster.admit(now, permit) {
                    Ok(admission) => (Ok(admission), Vec::new()),
                    Err((refusal, commands)) => (Err(refusal), commands),
                };
                self.execute(now, commands);
                if let Err(Ok(admission)) = reply.send(answer) {
                    self.roster.abandon(admission);
                }
            }
            Request::Joined { admission, leg, holder, reply } => {
                let outcome = self.roster.joined(now, admission, Leg(leg.0));
                let resource = Resource {
                    id: Uuid::new_v4(),
                    robot: admission.permit.robot,
                    act: Act::View,
                    leg,
                    holder,
                    placement: Some(admission.permit.placement),
                    session: Some(admission.session),
                    etag: Uuid::new_v4(),
                };
                if outcome.is_ok() {
                    // The resource of the leg that was taken over is gone with it.
                    self.resources.retain(|_, old| old.session != Some(admission.session));
                }
                self.install(now, outcome, resource, reply);
            }
            Request::Abandon { admission } => self.roster.abandon(admission),
            Request::Find { id, reply } => drop(reply.send(self.resources.get(&id).cloned())),
            Request::Restarted { id, reply } => {
                let etag = self.resources.get_mut(&id).map(|resource| {
                    resource.etag = Uuid::new_v4();
                    resource.etag
                });
                let _ = reply.send(etag);
            }
            Request::Leave { id, reply } => {
                let resource = self.resources.remove(&id);
                let _ = reply.send(resource.is_some());
                let Some(resource) = resource else { return };
                let mut commands = match resource.session {
                    Some(session) => self.roster.left(now, resource.robot, session),
                    None => self.roster.leg(now, resource.robot, Leg(resource.leg.0), LegEvent::Closed(Parting::Goodbye)),
                };
                commands.push(Command::Close(Leg(resource.leg.0)));
                self.execute(now, commands);
            }
            Request::Withdraw { placement, at, keeps } => {
                let commands = self.roster.withdraw(now, placement, at, keeps);
                tracing::info!(
                    sessions = commands.iter().filter(|it| matches!(it, Command::Ended(..))).count(),
                    "a permission was withdrawn"
                );
                self.execute(now, commands);
            }
            Request::Drain { draining } => {
                let (robots, sessions) = self.roster.counts();
                tracing::info!(draining, robots, sessions, "whether anybody new is taken was changed");
                self.roster.drain(draining);
                self.status.set_draining(draining);
            }
            Request::GrantRefused { robot } => {
                let commands = self.roster.grant_refused(now, robot);
                self.execute(now, commands);
            }
        }
    }

    fn install(
        &mut self,
        now: Now,
        outcome: Result<Vec<Command>, Refusal>,
        resource: Resource,
        reply: Reply<Result<Resource, Refusal>>,
    ) {
        match outcome {
            Ok(commands) => {
                self.robot_of.insert(resource.leg, resource.robot);
                self.resources.insert(resource.id, resource.clone());
                self.execute(now, commands);
                drop(reply.send(Ok(resource)));
            }
            Err(refusal) => {
                self.engine.close(resource.leg);
                drop(reply.send(Err(refusal)));
            }
        }
    }

    fn media(&mut self, event: MediaEvent) {
        let now = self.clock.now();
        let commands = match event {
            MediaEvent::Connected { leg, .. } => self.leg(now, leg, LegEvent::Connected),
            MediaEvent::Silent { leg } => self.leg(now, leg, LegEvent::Silent),
            MediaEvent::Back { leg } => self.leg(now, leg, LegEvent::Back),
            MediaEvent::Closed { leg, why } => {
                tracing::info!(media.leg = %leg, why = ?why, "a connection ended");
                let parting = if why == Why::Left { Parting::Goodbye } else { Parting::Vanished };
                // Whoever replaced it says so to the roster; until then the seat is theirs.
                let commands = if why == Why::Replaced {
                    let due = now.monotonic + REPLACED_WAIT * self.clock.speed();
                    self.replaced.extend(self.robot_of.get(&leg).map(|robot| (due, *robot, leg)));
                    Vec::new()
                } else {
                    self.leg(now, leg, LegEvent::Closed(parting))
                };
                self.robot_of.remove(&leg);
                // A pupil can still leave on purpose by the address of a leg that broke; it is forgotten with the session.
                self.resources
                    .retain(|_, resource| resource.leg != leg || (resource.session.is_some() && why != Why::Replaced));
                commands
            }
            MediaEvent::Text { leg, text } => match (self.robot_of.get(&leg), robot::said(&text)) {
                (Some(robot), Some(Said::Did(deed))) => self.roster.did(now, *robot, Leg(leg.0), deed),
                (Some(robot), Some(Said::Saw(freezes))) => {
                    self.roster.saw(*robot, Leg(leg.0), freezes);
                    Vec::new()
                }
                (Some(robot), Some(Said::Narrow { own, pupil })) => {
                    self.roster.narrow(*robot, Leg(leg.0), own, pupil);
                    Vec::new()
                }
                _ => Vec::new(),
            },
            MediaEvent::Second(second) => {
                let commands = self.roster.second(now, second.robot, line(&second));
                if let Some(glance) = self.roster.glance(second.robot) {
                    self.status.with_visits(|visits| visits.second(glance));
                }
                commands
            }
            // Texts are kept by the engine until the channel opens, so there is nothing to wait for.
            MediaEvent::ChannelOpen { .. } | MediaEvent::ChannelClosed { .. } => Vec::new(),
        };
        self.execute(now, commands);
    }

    fn leg(&mut self, now: Now, leg: LegId, event: LegEvent) -> Vec<Command> {
        match self.robot_of.get(&leg) {
            Some(robot) => self.roster.leg(now, *robot, Leg(leg.0), event),
            None => Vec::new(),
        }
    }

    fn execute(&mut self, now: Now, commands: Vec<Command>) {
        for command in commands {
            match command {
                Command::Tell(leg, control) => self.engine.send_text(LegId(leg.0), ControlMessage::plain(control).to_text()),
                Command::Close(leg) => self.engine.close(LegId(leg.0)),
                Command::Record(record) => self.keep(Work::Record(record)),
                Command::Report(event) => {
                    tracing::info!(robot.id = %event.robot, what = ?event.what, "something happened");
                    self.keep(Work::Report(event));
                }
                Command::LinkChanged(robot) => {
                    let link = self.roster.link(robot);
                    self.say(link);
                }
                Command::Ended(session, reason) => {
                    tracing::info!(session.id = %session, ?reason, "a session ended");
                    self.status.with_visits(|visits| visits.ended(session));
                    self.resources.retain(|_, resource| resource.session != Some(session));
                }
            }
        }
        let (robots, sessions) = self.roster.counts();
        self.status.set_turn(now, robots, sessions);
        self.status.set_resources(self.resources.len());
    }

    /// Hands `work` to the outbox, or keeps it until that takes it.
    fn keep(&mut self, work: Work) {
        let work = if self.backlog.is_empty() {
            match self.work.try_send(work) {
                Ok(()) => return,
                Err(mpsc::error::TrySendError::Full(work) | mpsc::error::TrySendError::Closed(work)) => work,
            }
        } else {
            work
        };
        if self.backlog.is_empty() {
            tracing::error!("the outbox takes no facts any more: check the disk; relaying goes on, and they wait in memory");
        }
        let dropped = self.backlog.dropped();
        self.backlog.keep(work);
        if dropped == 0 && self.backlog.dropped() > 0 {
            tracing::error!("no more facts can wait in memory: those of new intervals and events are lost from now on");
        }
    }

    /// Gives the outbox what has waited, as far as it takes it.
    fn hand_over(&mut self) {
        if self.backlog.is_empty() {
            return;
        }
        while let Ok(place) = self.work.try_reserve() {
            let Some(work) = self.backlog.take_next() else {
                tracing::info!(
                    lost = self.backlog.dropped(),
                    "the outbox takes facts again, and has those that waited in memory"
                );
                return;
            };
            place.send(work);
        }
    }

    fn say(&self, link: LinkMessage) {
        // A full queue drops it; the next one comes in seconds.
        let _ = self.quality.try_send(link);
    }
}

fn line(second: &Second) -> SecondLine {
    let pupil = second.subscriber.map(|leg| {
        let sample = Sample {
            video: leg.pictures_sent,
            audio: leg.audio_sent,
            voice: leg.voice_received,
            reports: leg.reports && leg.live,
            feedback: leg.feedback,
        };
        (Leg(leg.leg.0), sample, leg.quality)
    });
    SecondLine {
        robot: second.publisher.map(|leg| leg.quality),
        from_robot: second.publisher.map_or(0, |leg| leg.video_received + leg.audio_received),
        is_narrow: second.subscriber.is_some_and(|leg| leg.is_narrow),
        pupil,
    }
}
