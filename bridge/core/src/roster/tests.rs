//! Seats: who gets one, who is refused, who takes over, and what each is told.

use chrono::DateTime;
use protocol::{DeviceId, PlacementId, PresenceMessage};

use super::*;

const GRACE: Duration = Duration::from_secs(30);

struct World {
    now: Now,
    roster: Roster,
    robot: RobotId,
    next_leg: u64,
}

impl World {
    fn new() -> Self {
        let now = Now { monotonic: Duration::from_secs(500), utc: DateTime::from_timestamp(1_760_000_400, 0).unwrap() };
        Self { now, roster: Roster::new(Limits { robots: 2, grace: GRACE, pace: 1 }), robot: RobotId::new(), next_leg: 0 }
    }

    fn leg(&mut self) -> Leg {
        self.next_leg += 1;
        Leg(self.next_leg)
    }

    fn publish(&mut self) -> Leg {
        let leg = self.leg();
        let permit = PublishPermit { robot: self.robot, until: self.now.monotonic + Duration::from_secs(3600) };
        self.roster.published(self.now, permit, leg).unwrap();
        leg
    }

    fn robot_here(&mut self) -> Leg {
        let leg = self.publish();
        self.roster.leg(self.now, self.robot, leg, LegEvent::Connected);
        leg
    }

    /// The robot's next offer was answered: its leg, and what follows.
    fn publish_again(&mut self) -> (Leg, Vec<Command>) {
        let leg = self.leg();
        let permit = PublishPermit { robot: self.robot, until: self.now.monotonic + Duration::from_secs(3600) };
        (leg, self.roster.published(self.now, permit, leg).unwrap())
    }

    fn pupil(&self) -> ViewPermit {
        ViewPermit {
            robot: self.robot,
            placement: PlacementId::new(),
            device: Some(DeviceId::new()),
            talk: true,
            given_at: self.now.utc,
            until: self.now.monotonic + Duration::from_secs(3600),
        }
    }

    fn join(&mut self, permit: ViewPermit) -> (Leg, SessionId) {
        let admission = self.roster.admit(self.now, permit).unwrap();
        let leg = self.leg();
        self.roster.joined(self.now, admission, leg).unwrap();
        self.roster.leg(self.now, self.robot, leg, LegEvent::Connected);
        (leg, admission.session)
    }

    fn pass(&mut self, seconds: u64) -> Vec<Command> {
        let mut commands = Vec::new();
        for _ in 0..seconds {
            self.now = self.now.plus(Duration::from_secs(1));
            if self.roster.deadline().is_some_and(|due| due <= self.now.monotonic) {
                commands.extend(self.roster.tick(self.now));
            }
        }
        commands
    }
}

fn reported(commands: &[Command]) -> Vec<EventKind> {
    commands.iter().filter_map(|command| if let Command::Report(event) = command { Some(event.what) } else { None }).collect()
}

#[test]
fn a_pupil_needs_a_robot_that_is_connected() {
    let mut world = World::new();
    let permit = world.pupil();
    assert_eq!(world.roster.admit(world.now, permit), Err((Refusal::RobotAway, vec![])));
    let robot = world.publish();
    assert_eq!(world.roster.admit(world.now, permit), Err((Refusal::RobotAway, vec![])));
    world.roster.leg(world.now, world.robot, robot, LegEvent::Connected);
    assert!(world.roster.admit(world.now, permit).is_ok());
}

#[test]
fn a_robot_without_a_pupil_is_told_to_sleep_and_with_one_to_wake() {
    let mut world = World::new();
    let robot = world.publish();
    let told = world.roster.leg(world.now, world.robot, robot, LegEvent::Connected);
    assert!(told.contains(&Command::Tell(robot, Control::Sleep)));
    let admission = world.roster.admit(world.now, world.pupil()).unwrap();
    let pupil = world.leg();
    world.roster.joined(world.now, admission, pupil).unwrap();
    let told = world.roster.leg(world.now, world.robot, pupil, LegEvent::Connected);
    let session = admission.session;
    assert!(told.contains(&Command::Tell(robot, Control::Wake { session })));
    assert!(told.contains(&Command::Tell(pupil, Control::Seat { session, robot_here: true })));
    assert_eq!(reported(&told), [EventKind::PupilJoined]);
}

#[test]
fn a_second_pupil_is_refused_even_while_the_first_is_away_for_a_moment() {
    let mut world = World::new();
    world.robot_here();
    let first = world.pupil();
    let (leg, _) = world.join(first);
    let (refusal, commands) = world.roster.admit(world.now, world.pupil()).unwrap_err();
    assert_eq!((refusal, reported(&commands)), (Refusal::InUse, vec![EventKind::SecondPupilRefused]));
    world.roster.leg(world.now, world.robot, leg, LegEvent::Closed(Parting::Vanished));
    world.pass(29);
    let (refusal, commands) = world.roster.admit(world.now, world.pupil()).unwrap_err();
    // A page that keeps asking is told each time, but reported seldom.
    assert_eq!((refusal, reported(&commands)), (Refusal::InUse, vec![]));
    world.pass(1);
    assert!(world.roster.admit(world.now, world.pupil()).is_ok());
}

#[test]
fn a_seat_is_kept_while_the_first_pupil_is_still_connecting() {
    let mut world = World::new();
    world.robot_here();
    let admission = world.roster.admit(world.now, world.pupil()).unwrap();
    assert_eq!(world.roster.admit(world.now, world.pupil()).unwrap_err().0, Refusal::InUse);
    world.roster.abandon(admission);
    assert!(world.roster.admit(world.now, world.pupil()).is_ok());
}

#[test]
fn the_same_pupil_on_another_tablet_takes_over_and_the_session_goes_on() {
    let mut world = World::new();
    world.robot_here();
    let permit = world.pupil();
    let (old, session) = world.join(permit);
    let admission = world.roster.admit(world.now, ViewPermit { device: Some(DeviceId::new()), ..permit }).unwrap();
    assert_eq!(admission.session, session);
    let new = world.leg();
    let commands = world.roster.joined(world.now, admission, new).unwrap();
    assert!(commands.contains(&Command::Close(old)));
    assert_eq!(reported(&commands), [EventKind::TabletTookOver]);
    // What is still heard of the old leg changes nothing.
    assert_eq!(world.roster.leg(world.now, world.robot, old, LegEvent::Closed(Parting::Goodbye)), []);
    world.roster.leg(world.now, world.robot, new, LegEvent::Connected);
    assert_eq!(world.roster.link(world.robot).session, Some(session));
    assert!(world.roster.link(world.robot).pupil_leg.is_some());
}

#[test]
fn a_robot_that_is_not_heard_is_replaced_at_once_and_its_new_leg_is_woken() {
    let mut world = World::new();
    let old = world.robot_here();
    let permit = world.pupil();
    let (pupil, session) = world.join(permit);
    let away = world.roster.leg(world.now, world.robot, old, LegEvent::Silent);
    assert!(away.contains(&Command::Tell(pupil, Control::Seat { session, robot_here: false })));
    let (new, commands) = world.publish_again();
    assert_eq!(commands, [Command::Close(old)]);
    assert_eq!(world.roster.leg(world.now, world.robot, old, LegEvent::Closed(Parting::Vanished)), []);
    let commands = world.roster.leg(world.now, world.robot, new, LegEvent::Connected);
    assert!(commands.contains(&Command::Tell(new, Control::Wake { session })));
    assert!(commands.contains(&Command::Tell(pupil, Control::Seat { session, robot_here: true })));
}

#[test]
fn a_robots_next_leg_is_made_before_the_old_one_is_given_up() {
    let mut world = World::new();
    let old = world.robot_here();
    let permit = world.pupil();
    let (pupil, session) = world.join(permit);
    let (new, commands) = world.publish_again();
    assert_eq!(commands, [], "the old one carries the lesson until then");
    assert!(world.roster.link(world.robot).robot_leg.is_some());
    let commands = world.roster.leg(world.now, world.robot, new, LegEvent::Connected);
    assert_eq!(commands[0], Command::Close(old));
    assert!(commands.contains(&Command::Tell(new, Control::Wake { session })), "{commands:?}");
    assert!(!commands.contains(&Command::Tell(pupil, Control::Seat { session, robot_here: false })), "{commands:?}");
    // What is still heard of the old leg changes nothing.
    assert_eq!(world.roster.leg(world.now, world.robot, old, LegEvent::Closed(Parting::Goodbye)), []);
    assert_eq!(world.roster.counts(), (1, 1));
}

#[test]
fn a_next_leg_that_never_connects_changes_nothing_and_a_newer_one_takes_its_turn() {
    let mut world = World::new();
    let old = world.robot_here();
    let permit = world.pupil();
    let (_, session) = world.join(permit);
    let (next, _) = world.publish_again();
    let (newer, commands) = world.publish_again();
    assert_eq!(commands, [Command::Close(next)], "one at a time");
    assert_eq!(world.roster.leg(world.now, world.robot, next, LegEvent::Connected), []);
    assert_eq!(world.roster.leg(world.now, world.robot, newer, LegEvent::Closed(Parting::Vanished)), []);
    assert_eq!(world.roster.counts(), (1, 1));
    // The old one goes after all while another is being made: that one has the place, and the visit waits for it.
    let (last, _) = world.publish_again();
    world.roster.leg(world.now, world.robot, old, LegEvent::Closed(Parting::Vanished));
    assert_eq!(world.roster.counts(), (0, 1));
    let commands = world.roster.leg(world.now, world.robot, last, LegEvent::Connected);
    assert!(commands.contains(&Command::Tell(last, Control::Wake { session })), "{commands:?}");
    assert_eq!(world.roster.counts(), (1, 1));
}

#[test]
fn leaving_ends_the_visit_even_without_a_leg() {
    let mut world = World::new();
    world.robot_here();
    let permit = world.pupil();
    let (leg, session) = world.join(permit);
    world.roster.leg(world.now, world.robot, leg, LegEvent::Closed(Parting::Goodbye));
    let commands = world.roster.left(world.now, world.robot, session);
    assert!(commands.contains(&Command::Ended(session, EndReason::Left)));
    assert_eq!(world.roster.left(world.now, world.robot, session), []);
}

#[test]
fn a_visit_that_ended_cannot_be_joined_any_more() {
    let mut world = World::new();
    world.robot_here();
    let admission = world.roster.admit(world.now, world.pupil()).unwrap();
    world.roster.shutdown(world.now);
    let leg = world.leg();
    assert_eq!(world.roster.joined(world.now, admission, leg), Err(Refusal::Over));
}

#[test]
fn a_publication_ends_with_its_permission_and_after_silence() {
    let mut world = World::new();
    let leg = world.robot_here();
    assert!(world.pass(3599).is_empty());
    assert!(world.pass(1).contains(&Command::Close(leg)));
    assert_eq!(world.roster.robots().count(), 0);

    let leg = world.robot_here();
    world.roster.leg(world.now, world.robot, leg, LegEvent::Silent);
    assert!(world.pass(29).is_empty());
    assert!(world.pass(1).contains(&Command::Close(leg)));
}

#[test]
fn more_robots_than_the_limit_are_refused() {
    let mut world = World::new();
    for _ in 0..2 {
        world.robot = RobotId::new();
        world.robot_here();
    }
    assert_eq!(world.roster.may_publish(RobotId::new()), Err(Refusal::Full));
    assert_eq!(world.roster.may_publish(world.robot), Ok(()));
}

#[test]
fn the_shutdown_of_a_visit_leaves_its_end_behind() {
    let mut world = World::new();
    world.robot_here();
    let permit = world.pupil();
    let (leg, session) = world.join(permit);
    let commands = world.roster.shutdown(world.now);
    let facts =
        commands.iter().find_map(|command| if let Command::Record(record) = command { Some(&record.facts) } else { None });
    assert!(matches!(facts.map(Vec::as_slice), Some([PresenceMessage::Ended { reason: EndReason::Shutdown, .. }])));
    assert!(commands.contains(&Command::Close(leg)));
    assert!(commands.contains(&Command::Ended(session, EndReason::Shutdown)));
}

#[test]
fn the_link_message_follows_the_legs_and_the_tier() {
    let mut world = World::new();
    assert_eq!(world.roster.link(world.robot).robot_leg, None);
    world.robot_here();
    let permit = world.pupil();
    let (leg, session) = world.join(permit);
    world.pass(1);
    let sample = Sample { video: 60, audio: 50, voice: 0, reports: true, feedback: true };
    let pupil = Some((leg, sample, LegQuality::default()));
    let line = SecondLine { robot: Some(LegQuality::default()), from_robot: 110, is_narrow: false, pupil };
    let commands = world.roster.second(world.now, world.robot, line);
    assert!(commands.contains(&Command::LinkChanged(world.robot)));
    let link = world.roster.link(world.robot);
    assert_eq!((link.session, link.tier), (Some(session), Some(protocol::Tier::Video)));
    assert_eq!(world.roster.counts(), (1, 1));
}

#[test]
fn the_pupil_is_told_what_arrives_and_whose_side_it_is_once_for_each_change() {
    let mut world = World::new();
    world.robot_here();
    let permit = world.pupil();
    let (leg, session) = world.join(permit);
    let mut told = Vec::new();
    let mut seconds = |world: &mut World, leg: Leg, count: u32, loss_pct: f32, video: u32| {
        for _ in 0..count {
            world.pass(1);
            let quality = LegQuality { loss_pct: Some(loss_pct), ..LegQuality::default() };
            let sample = Sample { video, audio: 50, voice: 0, reports: true, feedback: true };
            let line =
                SecondLine { robot: None, from_robot: 50 + video, is_narrow: false, pupil: Some((leg, sample, quality)) };
            told.extend(world.roster.second(world.now, world.robot, line).into_iter().filter_map(|command| match command {
                Command::Tell(to, Control::Link { tier, trouble }) => Some((to, tier, trouble)),
                _ => None,
            }));
        }
    };
    seconds(&mut world, leg, 10, 0.0, 60);
    seconds(&mut world, leg, 10, 12.0, 60);
    seconds(&mut world, leg, 20, 12.0, 0);
    seconds(&mut world, leg, 10, 0.0, 60);
    let glance = world.roster.glance(world.robot).unwrap();
    assert_eq!((glance.session, glance.tier, glance.trouble), (session, Some(Tier::Video), None));
    world.roster.saw(world.robot, leg, Freezes { count: 2, millis: 800 });
    // Another tablet of the same pupil knows nothing yet.
    let (newer, _) = world.join(ViewPermit { device: Some(DeviceId::new()), ..permit });
    seconds(&mut world, newer, 3, 0.0, 60);
    world.roster.saw(world.robot, newer, Freezes { count: 1, millis: 300 });
    world.roster.saw(world.robot, leg, Freezes { count: 90, millis: 90_000 });
    let freezes = world.roster.glance(world.robot).unwrap().freezes;
    assert_eq!(freezes, Some(Freezes { count: 3, millis: 1100 }), "of this visit, and not of a leg that was replaced");
    let (video, audio, own) = (Some(Tier::Video), Some(Tier::Audio), Some(Trouble::Pupil));
    let changes: Vec<_> = told.iter().map(|(to, tier, trouble)| (*to, *tier, *trouble)).collect();
    let expected =
        [(leg, video, None), (leg, video, own), (leg, audio, own), (leg, video, own), (leg, video, None), (newer, video, None)];
    assert_eq!(changes, expected);
}

/// A small picture fits into a narrow network, which then looks wide enough.
#[test]
fn as_long_as_the_robot_makes_its_picture_smaller_for_the_pupils_network_that_is_the_cause() {
    let mut world = World::new();
    let robot_leg = world.robot_here();
    let permit = world.pupil();
    let (mut leg, _) = world.join(permit);
    let after = |world: &mut World, leg: Leg, own: bool, pupil: bool| {
        world.roster.narrow(world.robot, robot_leg, own, pupil);
        for _ in 0..5 {
            world.pass(1);
            let sample = Sample { video: 20, audio: 50, voice: 0, reports: true, feedback: true };
            let seen = Some((leg, sample, LegQuality::default()));
            let line = SecondLine { robot: None, from_robot: 70, is_narrow: false, pupil: seen };
            let _ = world.roster.second(world.now, world.robot, line);
        }
        world.roster.glance(world.robot).unwrap().trouble
    };
    assert_eq!(after(&mut world, leg, false, true), Some(Trouble::Pupil));
    assert_eq!(after(&mut world, leg, true, false), Some(Trouble::School));
    assert_eq!(after(&mut world, leg, false, false), None);
    assert_eq!(after(&mut world, leg, false, true), Some(Trouble::Pupil));
    // Another tablet of theirs, in another network: what the robot goes on to say is of the one before.
    leg = world.join(permit).0;
    assert_eq!(after(&mut world, leg, false, true), None);
    assert_eq!(after(&mut world, leg, false, false), None);
    assert_eq!(after(&mut world, leg, false, true), Some(Trouble::Pupil));
}

#[test]
fn refused_grants_are_reported_for_known_robots_and_seldom() {
    let mut world = World::new();
    assert!(world.roster.grant_refused(world.now, world.robot).is_empty());
    world.robot_here();
    assert_eq!(reported(&world.roster.grant_refused(world.now, world.robot)), [EventKind::GrantRefused]);
    assert!(world.roster.grant_refused(world.now, world.robot).is_empty());
    world.pass(60);
    assert_eq!(world.roster.grant_refused(world.now, world.robot).len(), 1);
}

#[test]
fn a_withdrawn_permission_ends_its_visit_and_opens_no_other() {
    let mut world = World::new();
    world.robot_here();
    let permit = world.pupil();
    let (leg, session) = world.join(permit);
    let commands = world.roster.withdraw(world.now, permit.placement, world.now.utc, None);
    assert!(commands.contains(&Command::Close(leg)), "{commands:?}");
    assert!(commands.contains(&Command::Ended(session, EndReason::Revoked)), "{commands:?}");
    assert_eq!(world.roster.admit(world.now, permit).unwrap_err().0, Refusal::Withdrawn);
    // Someone else may, and so may they with a permission that is newer.
    let other = world.pupil();
    let admission = world.roster.admit(world.now, other).unwrap();
    world.roster.abandon(admission);
    world.pass(1);
    assert!(world.roster.admit(world.now, ViewPermit { given_at: world.now.utc, ..permit }).is_ok());
}

#[test]
fn a_new_tablet_that_is_in_class_before_the_word_on_the_old_one_comes_stays() {
    let mut world = World::new();
    world.robot_here();
    let old = world.pupil();
    world.join(old);
    let new = ViewPermit { device: Some(DeviceId::new()), ..old };
    world.join(new);
    let commands = world.roster.withdraw(world.now, old.placement, world.now.utc, new.device);
    assert!(commands.is_empty(), "{commands:?}");
    assert_eq!(world.roster.admit(world.now, old).unwrap_err().0, Refusal::Withdrawn);
    let commands = world.roster.withdraw(world.now, old.placement, world.now.utc, None);
    assert!(commands.iter().any(|command| matches!(command, Command::Ended(_, EndReason::Revoked))), "{commands:?}");
}

#[test]
fn a_permission_withdrawn_while_its_offer_is_answered_seats_nobody() {
    let mut world = World::new();
    world.robot_here();
    let permit = world.pupil();
    let admission = world.roster.admit(world.now, permit).unwrap();
    let commands = world.roster.withdraw(world.now, permit.placement, world.now.utc, None);
    assert!(!commands.iter().any(|command| matches!(command, Command::Record(_))), "nobody ever connected: {commands:?}");
    let leg = world.leg();
    assert_eq!(world.roster.joined(world.now, admission, leg).unwrap_err(), Refusal::Withdrawn);
}

#[test]
fn a_bridge_that_is_emptied_takes_nobody_new_keeps_who_is_there_and_lets_the_pupil_follow_the_robot() {
    let mut world = World::new();
    let robot_leg = world.robot_here();
    let permit = world.pupil();
    let (_, session) = world.join(permit);
    world.roster.drain(true);
    let other = RobotId::new();
    assert_eq!(world.roster.may_publish(other), Err(Refusal::Draining));
    // Who is here may come back: the pupil on another tablet, the robot after a restart.
    assert_eq!(world.join(permit).1, session);
    world.roster.leg(world.now, world.robot, robot_leg, LegEvent::Silent);
    let robot_leg = world.robot_here();
    assert_eq!(world.roster.counts(), (1, 1));
    // The robot says goodbye: it stands elsewhere now.
    let commands = world.roster.leg(world.now, world.robot, robot_leg, LegEvent::Closed(Parting::Goodbye));
    assert!(commands.contains(&Command::Ended(session, EndReason::Shutdown)), "{commands:?}");
    assert!(commands.iter().any(|command| matches!(command, Command::Close(_))), "the tablet is told at once: {commands:?}");
    assert_eq!(world.roster.may_publish(world.robot), Err(Refusal::Draining));
    world.roster.drain(false);
    world.robot_here();
    world.roster.drain(true);
    assert_eq!(world.roster.admit(world.now, permit).map_err(|refused| refused.0), Err(Refusal::Draining), "a new visit");
    world.roster.drain(false);
    world.join(permit);
}

#[test]
fn an_overloaded_bridge_takes_nobody_new_and_keeps_who_is_there() {
    let mut world = World::new();
    world.robot_here();
    let permit = world.pupil();
    let (pupil_leg, session) = world.join(permit);
    let look = Look { number: 1, busy_pct: 90, legs: 2, most_pct: 85 };
    world.roster.look(look);
    assert_eq!(world.roster.may_publish(RobotId::new()), Err(Refusal::Overloaded));
    world.roster.leg(world.now, world.robot, pupil_leg, LegEvent::Closed(Parting::Vanished));
    assert_eq!(world.join(permit).1, session, "a visit that goes on goes on");
    world.robot_here();
    world.roster.left(world.now, world.robot, session);
    assert_eq!(world.roster.admit(world.now, permit).map_err(|refused| refused.0), Err(Refusal::Overloaded));
    world.roster.look(Look { number: 2, busy_pct: 5, ..look });
    world.join(permit);
}

#[test]
fn who_was_let_in_since_the_last_look_takes_room_and_one_who_is_here_may_come_again() {
    let mut world = World::new();
    // Room for two: each is counted with a tenth of a core.
    world.roster.look(Look { number: 1, busy_pct: 60, legs: 6, most_pct: 80 });
    assert_eq!(world.roster.may_publish(world.robot), Ok(()));
    world.robot_here();
    let permit = world.pupil();
    world.join(permit);
    assert_eq!(world.roster.may_publish(RobotId::new()), Err(Refusal::Overloaded));
    // Who is here comes again, and takes no more room.
    world.join(permit);
    assert_eq!(world.roster.may_publish(world.robot), Ok(()));
    world.robot_here();
    // A robot that asked before the last place was taken has one.
    let [first, second] = [RobotId::new(), RobotId::new()];
    world.roster.look(Look { number: 3, busy_pct: 60, legs: 6, most_pct: 70 });
    world.roster.look(Look { number: 4, busy_pct: 60, legs: 6, most_pct: 70 });
    assert_eq!(world.roster.may_publish(first), Ok(()));
    assert_eq!(world.roster.may_publish(second), Err(Refusal::Overloaded));
    let permit = PublishPermit { robot: first, until: world.now.monotonic + Duration::from_secs(600) };
    world.roster.published(world.now, permit, Leg(1000)).unwrap();
}
