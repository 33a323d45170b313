//! Who sits where: one publisher a robot, one pupil a robot, takeover, limits.
//!
//! It turns offers and leg events into session events, and session effects into commands that name legs. It holds a seat for each
//! robot that is connected or has a session, and nothing else, so its size is bounded by [`Limits::robots`].

use std::collections::BTreeMap;
use std::time::Duration;

mod publisher;
mod refusal;

pub use refusal::Refusal;

use publisher::{Publisher, RobotLeg};

use chrono::{DateTime, Utc};
use protocol::control::Control;
use protocol::measure::Estimate;
use protocol::{
    DeviceId, EndReason, EventKind, EventMessage, LegQuality, LinkMessage, Now, PlacementId, RobotId, SessionId, Tier, Trouble,
};

use crate::Leg;
use crate::freezes::{Freezes, Told};
use crate::grant::{PublishPermit, ViewPermit, Withdrawn};
use crate::load::{Load, Look};
use crate::presence::Sample;
use crate::session::{Deed, Effect, Event, Parting, Record, Session};
use crate::trouble::{self, Judge, View};

/// The same refusal at the same robot is reported at most this often.
const REFUSAL_EVERY: Duration = Duration::from_secs(60);

/// Bounds and times.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Robots with a seat.
    pub robots: usize,
    /// How long a side may be away.
    pub grace: Duration,
    /// [`protocol::Clock::speed`].
    pub pace: u32,
}

impl Limits {
    fn robot_grace(self) -> Duration {
        self.grace * self.pace.max(1)
    }
}

/// What an admitted viewer goes on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// The session, new or going on.
    pub session: SessionId,
    /// What is permitted.
    pub permit: ViewPermit,
}

/// What happened to a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegEvent {
    /// Media can flow.
    Connected,
    /// Nothing comes from it.
    Silent,
    /// Something comes again.
    Back,
    /// It is gone.
    Closed(Parting),
}

/// One second of one robot.
#[derive(Clone, Copy, Debug, Default)]
pub struct SecondLine {
    /// The robot's leg, where there is one.
    pub robot: Option<LegQuality>,
    /// Media packets that came from the robot.
    pub from_robot: u32,
    /// The robot is held to what the pupil's network takes.
    pub is_narrow: bool,
    /// The pupil's leg, where there is one.
    pub pupil: Option<(Leg, Sample, LegQuality)>,
}

/// A visit as its last second was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Glance {
    /// Which visit.
    pub session: SessionId,
    /// The robot's leg, where there is one.
    pub robot: Option<LegQuality>,
    /// The pupil's leg, where there is one.
    pub pupil: Option<LegQuality>,
    /// What reaches the pupil.
    pub tier: Option<Tier>,
    /// Whose side it is if something is wrong.
    pub trouble: Option<Trouble>,
    /// How the picture stood still so far, as the tablet says; `None` if it does not.
    pub freezes: Option<Freezes>,
}

/// What the shell has to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Send this on the leg's control channel.
    Tell(Leg, Control),
    /// Close the leg.
    Close(Leg),
    /// Store in one transaction.
    Record(Record),
    /// Store and send to the server.
    Report(EventMessage),
    /// The robot's link message changed: send it now.
    LinkChanged(RobotId),
    /// The session is over; forget what belongs to it.
    Ended(SessionId, EndReason),
}

/// Every seat.
#[derive(Debug)]
pub struct Roster {
    limits: Limits,
    seats: BTreeMap<RobotId, Seat>,
    withdrawn: Withdrawn,
    clock: Option<Estimate>,
    /// Nobody new is taken, for the bridge will stop.
    draining: bool,
    /// When it is full nobody new is taken, so that those who are here do not suffer.
    load: Load,
}

#[derive(Debug, Default)]
struct Seat {
    robot: Publisher,
    session: Option<Session>,
    pupil: Option<Leg>,
    robot_quality: Option<LegQuality>,
    pupil_quality: Option<LegQuality>,
    freezes: Told,
    /// Whose side it is that the visit does not run well.
    judge: Judge,
    trouble: Option<Trouble>,
    /// What the pupil's page was told last.
    told: Option<(Option<Tier>, Option<Trouble>)>,
    refused_pupil_at: Option<Duration>,
    refused_grant_at: Option<Duration>,
}

impl Roster {
    /// Nobody is here.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            seats: BTreeMap::new(),
            withdrawn: Withdrawn::default(),
            clock: None,
            draining: false,
            load: Load::default(),
        }
    }

    /// From now on nobody new is taken, or everybody again. Who is here stays, and may come back after a break.
    pub fn drain(&mut self, draining: bool) {
        self.draining = draining;
    }

    /// How much the media threads have to do: with as much as they can do well, nobody new is taken either.
    pub fn look(&mut self, look: Look) {
        self.load.seen(look);
    }

    /// Whether a publisher of `robot` finds a place. A new one is counted as if it had come.
    ///
    /// # Errors
    /// [`Refusal::Full`], [`Refusal::Draining`] or [`Refusal::Overloaded`].
    pub fn may_publish(&mut self, robot: RobotId) -> Result<(), Refusal> {
        if self.seats.contains_key(&robot) {
            return Ok(());
        }
        self.load.door(self.draining).and(self.place())?;
        self.load.admit();
        Ok(())
    }

    fn place(&self) -> Result<(), Refusal> {
        let has_room = self.seats.len() < self.limits.robots;
        if self.draining { Err(Refusal::Draining) } else { has_room.then_some(()).ok_or(Refusal::Full) }
    }

    /// A publisher's offer was answered with `leg`: the robot restarted, or its network changed. It replaces the one before when it is
    /// connected, or at once if that is not heard.
    ///
    /// # Errors
    /// [`Refusal::Full`], [`Refusal::Draining`] or, by a newer leg, [`Refusal::Over`]: others were faster. Close the leg.
    pub fn published(&mut self, now: Now, permit: PublishPermit, leg: Leg) -> Result<Vec<Command>, Refusal> {
        if !self.seats.contains_key(&permit.robot) {
            self.place()?;
        }
        let seat = self.seats.entry(permit.robot).or_default();
        if seat.robot.knows_newer_than(leg) {
            return Err(Refusal::Over);
        }
        let gone = seat.robot.answered(RobotLeg::new(leg, permit.until));
        let is_here = seat.robot.is_here();
        let mut commands: Vec<_> = gone.into_iter().map(Command::Close).collect();
        if !is_here {
            self.session_event(now, permit.robot, Event::RobotAway, &mut commands);
        }
        Ok(commands)
    }

    /// Whether the holder of `permit` may view now. Keeps the seat for them, under a new session or the one that goes on.
    ///
    /// # Errors
    /// The permission was withdrawn, someone else is there, no robot is, or nobody new is taken; with what to report about it.
    pub fn admit(&mut self, now: Now, permit: ViewPermit) -> Result<Admission, (Refusal, Vec<Command>)> {
        if self.withdrawn.covers(&permit) {
            return Err((Refusal::Withdrawn, Vec::new()));
        }
        let Limits { grace, pace, .. } = self.limits;
        let door = self.load.door(self.draining);
        let Some(seat) = self.seats.get_mut(&permit.robot) else { return Err((Refusal::RobotAway, Vec::new())) };
        if let Some(session) = &seat.session {
            let visit = session.visit();
            if visit.placement == permit.placement {
                if !seat.robot.is_here() {
                    return Err((Refusal::RobotAway, Vec::new()));
                }
                return Ok(Admission { session: visit.session, permit });
            }
            let mut commands = Vec::new();
            if is_due(&mut seat.refused_pupil_at, now) {
                let session = Some(visit.session);
                commands.push(report(now, EventKind::SecondPupilRefused, permit.robot, session));
            }
            return Err((Refusal::InUse, commands));
        }
        door.map_err(|refusal| (refusal, Vec::new()))?;
        if !seat.robot.is_here() {
            return Err((Refusal::RobotAway, Vec::new()));
        }
        self.load.admit();
        let session = SessionId::new();
        let mut visit = Session::admit(now, session, permit, grace, pace);
        if let Some(clock) = self.clock {
            visit.handle(now, Event::Measured(clock));
        }
        seat.session = Some(visit);
        seat.freezes = Told::default();
        Ok(Admission { session, permit })
    }

    /// An admitted viewer's offer was answered with `leg`.
    ///
    /// # Errors
    /// [`Refusal::Over`]: the session ended meanwhile, or a newer leg has joined it. [`Refusal::Withdrawn`]: so was the permission.
    /// Close the leg.
    pub fn joined(&mut self, now: Now, admission: Admission, leg: Leg) -> Result<Vec<Command>, Refusal> {
        if self.withdrawn.covers(&admission.permit) {
            return Err(Refusal::Withdrawn);
        }
        let robot = admission.permit.robot;
        let seat = self.seats.get_mut(&robot).ok_or(Refusal::Over)?;
        let session = seat.session.as_ref().ok_or(Refusal::Over)?;
        if session.visit().session != admission.session || seat.pupil.is_some_and(|newer| newer > leg) {
            return Err(Refusal::Over);
        }
        let mut commands = Vec::new();
        if let Some(old) = seat.pupil.replace(leg) {
            commands.push(Command::Close(old));
        }
        seat.pupil_quality = None;
        seat.freezes.reconnected();
        (seat.judge, seat.trouble, seat.told) = (Judge::default(), None, None);
        if let Some(robot) = seat.robot.present.as_mut() {
            robot.said_of_before |= std::mem::take(&mut robot.pupil_is_narrow);
        }
        self.session_event(now, robot, Event::TakenOver(admission.permit), &mut commands);
        Ok(commands)
    }

    /// An admitted viewer's offer could not be answered.
    pub fn abandon(&mut self, admission: Admission) {
        let Some(seat) = self.seats.get_mut(&admission.permit.robot) else { return };
        let unused = |session: &Session| session.visit().session == admission.session && !session.was_joined();
        if seat.pupil.is_none() && seat.session.as_ref().is_some_and(unused) {
            seat.session = None;
            self.load.left();
            self.tidy(admission.permit.robot);
        }
    }

    /// Something happened to a leg of `robot`. Legs that were replaced are ignored.
    pub fn leg(&mut self, now: Now, robot: RobotId, leg: Leg, event: LegEvent) -> Vec<Command> {
        let mut commands = Vec::new();
        let Some(seat) = self.seats.get_mut(&robot) else { return commands };
        let replaced = if event == LegEvent::Connected { seat.robot.promote(leg) } else { None };
        commands.extend(replaced.map(Command::Close));
        if let LegEvent::Closed(_) = event {
            seat.robot.forget_next(leg);
        }
        if let Some(publisher) = seat.robot.present.as_mut().filter(|publisher| publisher.leg == leg) {
            // The robot is told anew on a new leg, wherever the one before was.
            let was_here = publisher.is_here() && replaced.is_none();
            match event {
                LegEvent::Connected => publisher.connected = true,
                LegEvent::Silent => publisher.silent_since = Some(now.monotonic),
                LegEvent::Back => publisher.silent_since = None,
                LegEvent::Closed(_) => publisher.connected = false,
            }
            let is_here = publisher.is_here();
            if let LegEvent::Closed(_) = event {
                seat.robot.give_up();
                seat.robot_quality = None;
            }
            // It went to the bridge that takes this one's place, and the pupil has to follow: waiting would cost a lesson.
            let moved = self.draining && event == LegEvent::Closed(Parting::Goodbye) && seat.robot.present.is_none();
            if is_here && seat.session.is_none() {
                commands.push(Command::Tell(leg, Control::Sleep));
            }
            if is_here != was_here {
                let event = if is_here { Event::RobotHere } else { Event::RobotAway };
                self.session_event(now, robot, event, &mut commands);
                commands.push(Command::LinkChanged(robot));
            }
            if moved {
                self.session_event(now, robot, Event::Shutdown, &mut commands);
            }
        } else if seat.pupil == Some(leg) {
            let event = match event {
                LegEvent::Connected => Event::PupilConnected,
                LegEvent::Silent => Event::PupilSilent,
                LegEvent::Back => Event::PupilBack,
                LegEvent::Closed(parting) => {
                    seat.pupil = None;
                    seat.pupil_quality = None;
                    Event::PupilGone(parting)
                }
            };
            self.session_event(now, robot, event, &mut commands);
            commands.push(Command::LinkChanged(robot));
        }
        self.tidy(robot);
        commands
    }

    /// The line of the second that just passed.
    pub fn second(&mut self, now: Now, robot: RobotId, line: SecondLine) -> Vec<Command> {
        let mut commands = Vec::new();
        let Some(seat) = self.seats.get_mut(&robot) else { return commands };
        seat.robot_quality = line.robot.filter(|_| seat.robot.present.is_some());
        let Some((leg, sample, quality)) = line.pupil else { return commands };
        if seat.pupil != Some(leg) || seat.session.as_ref().is_none_or(|session| !session.pupil_is_here()) {
            return commands;
        }
        seat.pupil_quality = Some(quality);
        let before = seat.session.as_ref().and_then(Session::tier);
        self.session_event(now, robot, Event::Second(sample), &mut commands);
        let after = self.seats.get(&robot).and_then(|seat| seat.session.as_ref()).and_then(Session::tier);
        if before != after {
            commands.push(Command::LinkChanged(robot));
        }
        let Some(seat) = self.seats.get_mut(&robot) else { return commands };
        let view = View {
            robot_here: seat.robot.is_here(),
            robot: line.robot.unwrap_or_default(),
            from_robot: line.from_robot,
            pupil: quality,
            is_narrow: line.is_narrow || seat.robot.present.is_some_and(|robot| robot.pupil_is_narrow),
            robot_is_narrow: seat.robot.present.is_some_and(|robot| robot.is_narrow),
        };
        seat.trouble = seat.judge.hear(trouble::cause(&view));
        let told = Some((after, seat.trouble));
        if seat.told != told && seat.pupil == Some(leg) {
            seat.told = told;
            commands.push(Command::Tell(leg, Control::Link { tier: after, trouble: seat.trouble }));
        }
        commands
    }

    /// What is to be seen of the visit to `robot`, while a pupil is here.
    #[must_use]
    pub fn glance(&self, robot: RobotId) -> Option<Glance> {
        let seat = self.seats.get(&robot)?;
        let session = seat.session.as_ref().filter(|session| session.was_joined())?;
        Some(Glance {
            session: session.visit().session,
            robot: seat.robot_quality,
            pupil: seat.pupil_quality,
            tier: session.tier().filter(|_| seat.pupil_quality.is_some()),
            trouble: seat.trouble,
            freezes: seat.freezes.sum(),
        })
    }

    /// The pupil on `leg` did something.
    pub fn did(&mut self, now: Now, robot: RobotId, leg: Leg, deed: Deed) -> Vec<Command> {
        let mut commands = Vec::new();
        if self.seats.get(&robot).is_some_and(|seat| seat.pupil == Some(leg)) {
            self.session_event(now, robot, Event::Did(deed), &mut commands);
        }
        commands
    }

    /// The tablet on `leg` said how the picture ran on it so far.
    pub fn saw(&mut self, robot: RobotId, leg: Leg, freezes: Freezes) {
        if let Some(seat) = self.seats.get_mut(&robot).filter(|seat| seat.pupil == Some(leg)) {
            seat.freezes.hear(freezes);
        }
    }

    /// The robot on `leg` says whether its own network holds the picture down, and whether the pupil's does.
    pub fn narrow(&mut self, robot: RobotId, leg: Leg, own: bool, pupil: bool) {
        let present = self.seats.get_mut(&robot).and_then(|seat| seat.robot.present.as_mut());
        if let Some(known) = present.filter(|known| known.leg == leg) {
            known.said_of_before &= pupil;
            (known.is_narrow, known.pupil_is_narrow) = (own, pupil && !known.said_of_before);
        }
    }

    /// The pupil leaves on purpose, whether or not a leg is still there.
    pub fn left(&mut self, now: Now, robot: RobotId, session: SessionId) -> Vec<Command> {
        let mut commands = Vec::new();
        let current = self.seats.get(&robot).and_then(|seat| seat.session.as_ref()).map(|session| session.visit().session);
        if current == Some(session) {
            self.session_event(now, robot, Event::PupilLeft, &mut commands);
            self.tidy(robot);
        }
        commands
    }

    /// More is known about the server's time: every visit hears of it.
    pub fn measured(&mut self, now: Now, clock: Estimate) {
        self.clock = Some(clock);
        for session in self.seats.values_mut().filter_map(|seat| seat.session.as_mut()) {
            // Only noted: nothing follows from it before the next fact.
            session.handle(now, Event::Measured(clock));
        }
    }

    /// The server withdrew, at `at` by its clock, what it gave `placement`, but for the tablet `keeps`: a visit by that ends now, and what
    /// was given before counts no more.
    pub fn withdraw(&mut self, now: Now, placement: PlacementId, at: DateTime<Utc>, keeps: Option<DeviceId>) -> Vec<Command> {
        self.withdrawn.withdraw(placement, at, keeps);
        let mut commands = Vec::new();
        let is_theirs = |seat: &Seat| {
            let session = seat.session.as_ref().filter(|session| session.visit().placement == placement);
            session.is_some_and(|session| self.withdrawn.covers(session.permit()))
        };
        let robots: Vec<_> = self.seats.iter().filter(|(_, seat)| is_theirs(seat)).map(|(robot, _)| *robot).collect();
        for robot in robots {
            self.session_event(now, robot, Event::Revoked, &mut commands);
            self.tidy(robot);
        }
        commands
    }

    /// A grant for `robot` was refused. Reported for robots that are here, seldom.
    pub fn grant_refused(&mut self, now: Now, robot: RobotId) -> Vec<Command> {
        let Some(seat) = self.seats.get_mut(&robot) else { return Vec::new() };
        let session = seat.session.as_ref().filter(|session| session.was_joined()).map(|session| session.visit().session);
        if is_due(&mut seat.refused_grant_at, now) {
            vec![report(now, EventKind::GrantRefused, robot, session)]
        } else {
            Vec::new()
        }
    }

    /// When [`Roster::tick`] is next due.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        let session = |seat: &Seat| seat.session.as_ref().and_then(Session::deadline);
        let grace = self.limits.robot_grace();
        let publisher = |seat: &Seat| seat.robot.present.map(|robot| robot.deadline(grace));
        self.seats.values().flat_map(|seat| [session(seat), publisher(seat)]).flatten().min()
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Now) -> Vec<Command> {
        let mut commands = Vec::new();
        let robots: Vec<_> = self.seats.keys().copied().collect();
        let grace = self.limits.robot_grace();
        for robot in robots {
            let Some(seat) = self.seats.get_mut(&robot) else { continue };
            if let Some(publisher) = seat.robot.present
                && now.monotonic >= publisher.deadline(grace)
            {
                seat.robot.give_up();
                seat.robot_quality = None;
                commands.push(Command::Close(publisher.leg));
                commands.push(Command::LinkChanged(robot));
                self.session_event(now, robot, Event::RobotAway, &mut commands);
            }
            let due = |seat: &Seat| seat.session.as_ref().and_then(Session::deadline).is_some_and(|due| due <= now.monotonic);
            if self.seats.get(&robot).is_some_and(due) {
                self.session_event(now, robot, Event::Tick, &mut commands);
            }
            self.tidy(robot);
        }
        commands
    }

    /// The bridge stops: every session ends, with its facts.
    pub fn shutdown(&mut self, now: Now) -> Vec<Command> {
        let mut commands = Vec::new();
        let robots: Vec<_> = self.seats.keys().copied().collect();
        for robot in robots {
            self.session_event(now, robot, Event::Shutdown, &mut commands);
        }
        commands
    }

    /// What to say about `robot`'s two legs now.
    #[must_use]
    pub fn link(&self, robot: RobotId) -> LinkMessage {
        let seat = self.seats.get(&robot);
        let here = seat.is_some_and(|seat| seat.robot.is_here());
        let session = seat.and_then(|seat| seat.session.as_ref()).filter(|session| session.was_joined());
        let pupil_here = session.is_some_and(Session::pupil_is_here);
        LinkMessage {
            robot,
            robot_leg: here.then(|| seat.and_then(|seat| seat.robot_quality).unwrap_or_default()),
            session: session.map(|session| session.visit().session),
            pupil_leg: pupil_here.then(|| seat.and_then(|seat| seat.pupil_quality).unwrap_or_default()),
            tier: session.and_then(Session::tier),
            trouble: seat.filter(|_| pupil_here).and_then(|seat| seat.trouble),
            freezes: seat
                .filter(|_| session.is_some())
                .and_then(|seat| seat.freezes.sum())
                .map(|Freezes { count, millis }| protocol::Freezes { count, millis }),
        }
    }

    /// Robots with a seat, in order.
    pub fn robots(&self) -> impl Iterator<Item = RobotId> + '_ {
        self.seats.keys().copied()
    }

    /// How many robots are connected, and how many sessions are open.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let robots = self.seats.values().filter(|seat| seat.robot.is_here()).count();
        let sessions = self.seats.values().filter(|seat| seat.session.as_ref().is_some_and(Session::was_joined)).count();
        (robots, sessions)
    }

    fn session_event(&mut self, now: Now, robot: RobotId, event: Event, commands: &mut Vec<Command>) {
        let Some(seat) = self.seats.get_mut(&robot) else { return };
        let Some(session) = &mut seat.session else { return };
        let id = session.visit().session;
        let here = seat.robot.here();
        for effect in session.handle(now, event) {
            match effect {
                Effect::Wake => commands.extend(here.map(|leg| Command::Tell(leg, Control::Wake { session: id }))),
                Effect::Sleep => commands.extend(here.map(|leg| Command::Tell(leg, Control::Sleep))),
                Effect::TellSeat { robot_here } => {
                    commands.extend(seat.pupil.map(|leg| Command::Tell(leg, Control::Seat { session: id, robot_here })));
                }
                Effect::Record(record) => commands.push(Command::Record(record)),
                Effect::Report(what) => commands.push(report(now, what, robot, Some(id))),
                Effect::End(reason) => {
                    self.load.left();
                    commands.extend(seat.pupil.take().map(Command::Close));
                    seat.pupil_quality = None;
                    commands.push(Command::Ended(id, reason));
                    commands.push(Command::LinkChanged(robot));
                }
            }
        }
        if seat.session.as_ref().is_some_and(|session| session.deadline().is_none()) {
            seat.session = None;
        }
    }

    /// Forgets a seat that nobody uses.
    fn tidy(&mut self, robot: RobotId) {
        if self.seats.get(&robot).is_some_and(|seat| seat.robot.present.is_none() && seat.session.is_none()) {
            self.seats.remove(&robot);
            self.load.left();
        }
    }
}

fn report(now: Now, what: EventKind, robot: RobotId, session: Option<SessionId>) -> Command {
    Command::Report(EventMessage { what, robot, session, at: now.utc })
}

fn is_due(last: &mut Option<Duration>, now: Now) -> bool {
    let due = last.is_none_or(|last| now.monotonic.saturating_sub(last) >= REFUSAL_EVERY);
    if due {
        *last = Some(now.monotonic);
    }
    due
}

#[cfg(test)]
mod tests;
