//! One pupil's visit: admitted, live, interrupted, ended.
//!
//! ```text
//! admitted ──connected──► live ⇄ interrupted ──grace over──► ended (PupilLost, RobotLost)
//!     │                     └── left, grant over, revoked, shutdown ──► ended
//!     └── never connected: forgotten, no fact
//! ```
//!
//! It decides what is said to robot and pupil, what is recorded, and when the visit is over. It does not know legs: `roster.rs`
//! translates. Both sides may be away at once; the one that left first runs out of grace first.

use std::time::Duration;

use chrono::{DateTime, Utc};
use protocol::measure::Estimate;
use protocol::{ClosedBy, EndReason, EventKind, Now, PlacementId, PresenceMessage, RobotId, SessionId, Tier};

use crate::grant::ViewPermit;
use crate::presence::{Change, Interval, Ledger, Sample};

/// A visit is remembered at least this often, media or not, so that a killed bridge knows when it was last there.
pub const CHECKPOINT_EVERY: Duration = Duration::from_secs(5);
/// What is confirmed is remembered as soon as there is more of it than this; of sound alone, for whose reports more has to wait, at
/// once. With what waits for its report and the second that passes, this is what a killed bridge loses: the sum is in the bridge's
/// DESIGN.md.
pub const UNREMEMBERED_MOST: Duration = Duration::from_millis(1500);
/// The open interval is told to the server this often, besides at each change.
pub const EMIT_EVERY: Duration = Duration::from_secs(30);
/// Turns of the head closer together than this are one turn.
const ONE_TURN: Duration = Duration::from_secs(1);

/// Who is visiting whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The session.
    pub session: SessionId,
    /// Whose.
    pub placement: PlacementId,
    /// Through which robot.
    pub robot: RobotId,
}

/// How a leg ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parting {
    /// The other end said so: it was there until now.
    Goodbye,
    /// It was simply gone.
    Vanished,
}

/// What a pupil did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Turned the head.
    Look,
    /// Hand up or down.
    Hand {
        /// Up.
        up: bool,
    },
    /// Showed a feeling, or none.
    Feeling {
        /// One of the feelings rather than none; the number tells two apart.
        shown: Option<u8>,
    },
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The pupil's leg is connected.
    PupilConnected,
    /// Nothing comes from the pupil's leg.
    PupilSilent,
    /// Something comes again.
    PupilBack,
    /// The pupil's leg is closed; a new one may come.
    PupilGone(Parting),
    /// The pupil left on purpose.
    PupilLeft,
    /// A newer leg of the same placement replaces the pupil's leg.
    TakenOver(ViewPermit),
    /// The robot's leg is connected, or heard again.
    RobotHere,
    /// The robot's leg is closed or silent.
    RobotAway,
    /// The second that just passed.
    Second(Sample),
    /// More is known about the server's time.
    Measured(Estimate),
    /// The pupil did something.
    Did(Deed),
    /// The server withdrew the permission.
    Revoked,
    /// The bridge stops.
    Shutdown,
    /// [`Session::deadline`] has come.
    Tick,
}

/// What to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Tell the robot that the pupil is here.
    Wake,
    /// Tell the robot that nobody is here.
    Sleep,
    /// Tell the pupil whether the robot is here.
    TellSeat {
        /// It is.
        robot_here: bool,
    },
    /// Store these, in one transaction.
    Record(Record),
    /// Tell the server.
    Report(EventKind),
    /// The visit is over; close the pupil's leg and forget the session.
    End(EndReason),
}

/// What is stored in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Which session.
    pub session: SessionId,
    /// Facts for the server, in order.
    pub facts: Vec<PresenceMessage>,
    /// What a later process needs to end the session if this one is killed. `None`: it has ended.
    pub checkpoint: Option<Checkpoint>,
}

/// A session as last remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Who visits whom.
    pub visit: Visit,
    /// How many intervals there were, the open one included.
    pub intervals: u32,
    /// Sum of the closed ones, in milliseconds.
    pub closed_ms: u64,
    /// The interval that could still grow.
    pub open: Option<Interval>,
    /// When this was.
    pub at: DateTime<Utc>,
}

impl Checkpoint {
    /// What to say about a session whose bridge was killed: its last interval ends where it was last remembered, and so does it.
    #[must_use]
    pub fn recover(&self) -> Vec<PresenceMessage> {
        let mut facts = Vec::new();
        let mut total_ms = self.closed_ms;
        if let Some(open) = &self.open {
            total_ms += open.span_ms();
            facts.push(interval_fact(self.visit, open, Some(ClosedBy::Recovery)));
        }
        let at = self.open.map_or(self.at, |open| open.until);
        facts.push(ended_fact(self.visit, at, EndReason::Recovery, self.intervals, total_ms));
        facts
    }
}

/// One visit.
#[derive(Clone, Debug)]
pub struct Session {
    visit: Visit,
    permit: ViewPermit,
    grace: Duration,
    pupil: Side,
    robot: Side,
    joined: bool,
    hand_up: bool,
    feeling: Option<u8>,
    last_look: Option<Duration>,
    ledger: Ledger,
    recorded_at: Duration,
    recorded_ms: u64,
    pace: u32,
    emitted_at: Duration,
    ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Here,
    Away { since: Duration },
}

impl Session {
    /// A session that is admitted: permitted, and waiting for the pupil's leg to connect. `pace` is [`protocol::Clock::speed`].
    #[must_use]
    pub fn admit(now: Now, session: SessionId, permit: ViewPermit, grace: Duration, pace: u32) -> Self {
        Self {
            visit: Visit { session, placement: permit.placement, robot: permit.robot },
            permit,
            grace: grace * pace.max(1),
            pupil: Side::Away { since: now.monotonic },
            robot: Side::Here,
            joined: false,
            hand_up: false,
            feeling: None,
            last_look: None,
            ledger: Ledger::new(pace),
            recorded_at: now.monotonic,
            recorded_ms: 0,
            pace: pace.max(1),
            emitted_at: now.monotonic,
            ended: false,
        }
    }

    /// Who visits whom.
    #[must_use]
    pub fn visit(&self) -> Visit {
        self.visit
    }

    /// What the one who has the seat was permitted last.
    #[must_use]
    pub fn permit(&self) -> &ViewPermit {
        &self.permit
    }

    /// What reaches the pupil now.
    #[must_use]
    pub fn tier(&self) -> Option<Tier> {
        self.ledger.open().map(|open| open.tier)
    }

    /// Whether the pupil is connected now.
    #[must_use]
    pub fn pupil_is_here(&self) -> bool {
        self.pupil == Side::Here
    }

    /// Whether a pupil ever connected.
    #[must_use]
    pub fn was_joined(&self) -> bool {
        self.joined
    }

    /// When [`Event::Tick`] is next due, on the monotonic clock.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        if self.ended {
            return None;
        }
        let grace_ends = |side| match side {
            Side::Away { since } => Some(since + self.grace),
            Side::Here => None,
        };
        let checkpoint = self.joined.then(|| self.recorded_at + CHECKPOINT_EVERY * self.pace);
        [Some(self.permit.until), grace_ends(self.pupil), grace_ends(self.robot), checkpoint].into_iter().flatten().min()
    }

    /// Applies one event and returns the work it causes, in order. An ended session answers nothing.
    pub fn handle(&mut self, now: Now, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.ended {
            return effects;
        }
        match event {
            Event::PupilConnected => {
                self.ledger.start(now);
                if !self.joined {
                    self.joined = true;
                    effects.push(Effect::Report(EventKind::PupilJoined));
                    effects.push(self.record(now, Vec::new()));
                }
                self.pupil_is_back(&mut effects);
            }
            Event::PupilBack => {
                self.ledger.start(now);
                self.pupil_is_back(&mut effects);
            }
            Event::PupilSilent => {
                let changes = self.ledger.interrupt();
                self.apply(now, changes, &mut effects);
                self.pupil_is_away(now, &mut effects);
            }
            Event::PupilGone(parting) => {
                let mut changes = if parting == Parting::Goodbye { self.ledger.confirm() } else { Vec::new() };
                changes.extend(self.ledger.interrupt());
                self.apply(now, changes, &mut effects);
                self.pupil_is_away(now, &mut effects);
            }
            Event::TakenOver(permit) => {
                if permit.device != self.permit.device {
                    effects.push(Effect::Report(EventKind::TabletTookOver));
                }
                self.permit = permit;
                // The robot stays awake: the new leg needs a moment, and nobody left.
                self.pupil = Side::Away { since: now.monotonic };
            }
            Event::RobotHere => {
                self.robot = Side::Here;
                // A robot that comes back may have restarted: it is told again which it should be.
                effects.push(if self.pupil_is_here() { Effect::Wake } else { Effect::Sleep });
                effects.push(Effect::TellSeat { robot_here: true });
            }
            Event::RobotAway => {
                if self.robot == Side::Here {
                    self.robot = Side::Away { since: now.monotonic };
                    effects.push(Effect::TellSeat { robot_here: false });
                }
            }
            Event::Second(sample) => {
                let changes = self.ledger.second(now, sample);
                self.apply(now, changes, &mut effects);
            }
            Event::Measured(clock) => {
                self.ledger.measured(clock);
                return effects;
            }
            Event::Did(deed) => self.count(now, deed),
            Event::PupilLeft => self.end(now, EndReason::Left, &mut effects),
            Event::Revoked => self.end(now, EndReason::Revoked, &mut effects),
            Event::Shutdown => self.end(now, EndReason::Shutdown, &mut effects),
            Event::Tick => {}
        }
        self.tick(now, &mut effects);
        effects
    }

    fn tick(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.ended {
            return;
        }
        let mut lost = [(self.pupil, EndReason::PupilLost), (self.robot, EndReason::RobotLost)]
            .into_iter()
            .filter_map(|(side, reason)| match side {
                Side::Away { since } if now.monotonic >= since + self.grace => Some((since, reason)),
                _ => None,
            })
            .collect::<Vec<_>>();
        lost.sort_by_key(|(since, _)| *since);
        if now.monotonic >= self.permit.until {
            self.end(now, EndReason::GrantEnded, effects);
        } else if let Some((_, reason)) = lost.first() {
            self.end(now, *reason, effects);
        } else if self.joined && now.monotonic >= self.recorded_at + CHECKPOINT_EVERY * self.pace {
            effects.push(self.record(now, Vec::new()));
        }
    }

    fn pupil_is_back(&mut self, effects: &mut Vec<Effect>) {
        self.pupil = Side::Here;
        effects.push(Effect::Wake);
        effects.push(Effect::TellSeat { robot_here: self.robot == Side::Here });
    }

    fn pupil_is_away(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.pupil == Side::Here {
            self.pupil = Side::Away { since: now.monotonic };
        }
        effects.push(Effect::Sleep);
    }

    fn count(&mut self, now: Now, deed: Deed) {
        // Texts are repeated until acknowledged, so only changes count.
        match deed {
            Deed::Look => {
                let again = self.last_look.is_some_and(|last| now.monotonic.saturating_sub(last) < ONE_TURN);
                self.last_look = Some(now.monotonic);
                if !again {
                    self.ledger.did(|active| active.looks += 1);
                }
            }
            Deed::Hand { up } => {
                if up && !self.hand_up {
                    self.ledger.did(|active| active.hands += 1);
                }
                self.hand_up = up;
            }
            Deed::Feeling { shown } => {
                if shown.is_some() && shown != self.feeling {
                    self.ledger.did(|active| active.feelings += 1);
                }
                self.feeling = shown;
            }
        }
    }

    fn apply(&mut self, now: Now, changes: Vec<Change>, effects: &mut Vec<Effect>) {
        let mut facts = Vec::new();
        let mut changed = false;
        for change in changes {
            match change {
                Change::Closed(interval, by) => facts.push(interval_fact(self.visit, &interval, Some(by))),
                Change::Opened => changed = true,
                Change::Grew => changed |= now.monotonic >= self.emitted_at + EMIT_EVERY,
            }
        }
        if let Some(open) = self.ledger.open()
            && changed
        {
            facts.push(interval_fact(self.visit, open, None));
        }
        let unremembered = Duration::from_millis(self.ledger.confirmed_ms().saturating_sub(self.recorded_ms));
        let most = if self.tier() == Some(Tier::Audio) { Duration::ZERO } else { UNREMEMBERED_MOST * self.pace };
        if !facts.is_empty() || unremembered > most {
            effects.push(self.record(now, facts));
        }
    }

    fn record(&mut self, now: Now, facts: Vec<PresenceMessage>) -> Effect {
        self.recorded_at = now.monotonic;
        self.recorded_ms = self.ledger.confirmed_ms();
        if !facts.is_empty() {
            self.emitted_at = now.monotonic;
        }
        let checkpoint = Checkpoint {
            visit: self.visit,
            intervals: self.ledger.intervals(),
            closed_ms: self.ledger.closed_ms(),
            open: self.ledger.open().copied(),
            at: now.utc,
        };
        Effect::Record(Record { session: self.visit.session, facts, checkpoint: Some(checkpoint) })
    }

    fn end(&mut self, now: Now, reason: EndReason, effects: &mut Vec<Effect>) {
        self.ended = true;
        if self.joined {
            // Whoever was here until now received what is held.
            let mut changes = if self.pupil_is_here() { self.ledger.confirm() } else { Vec::new() };
            changes.extend(self.ledger.close(ClosedBy::End));
            let mut facts: Vec<_> = changes
                .into_iter()
                .filter_map(|change| match change {
                    Change::Closed(interval, by) => Some(interval_fact(self.visit, &interval, Some(by))),
                    Change::Opened | Change::Grew => None,
                })
                .collect();
            facts.push(ended_fact(self.visit, now.utc, reason, self.ledger.intervals(), self.ledger.closed_ms()));
            effects.push(Effect::Record(Record { session: self.visit.session, facts, checkpoint: None }));
            effects.push(Effect::Sleep);
        }
        effects.push(Effect::End(reason));
    }
}

fn interval_fact(visit: Visit, interval: &Interval, closed_by: Option<ClosedBy>) -> PresenceMessage {
    PresenceMessage::Interval {
        session: visit.session,
        placement: visit.placement,
        robot: visit.robot,
        n: interval.n,
        tier: interval.tier,
        from: interval.from,
        until: interval.until,
        span_ms: interval.span_ms(),
        clock_offset_ms: interval.clock_offset_ms,
        active: interval.active,
        closed_by,
    }
}

fn ended_fact(visit: Visit, at: DateTime<Utc>, reason: EndReason, intervals: u32, total_ms: u64) -> PresenceMessage {
    let Visit { session, placement, robot } = visit;
    PresenceMessage::Ended { session, placement, robot, at, reason, intervals, total_ms }
}

#[cfg(test)]
mod tests;
