//! Which bridge a robot should use. Pure: the server asks, and signs a permission for the answer.
//!
//! A robot that stands connected stays where it is, for moving costs a pupil a moment of picture. One that stands nowhere is given
//! the least loaded bridge that it can reach. Robots leave a bridge that will stop, and their pupils follow; idle ones leave a bridge
//! that carries clearly more than another, or has clearly more to do. A session is where its robot is, so this is also what spreads
//! sessions. Bridges are compared with the robot already there, so that one that was sent is never sent on or back.

use chrono::{DateTime, TimeDelta, Utc};
use protocol::{BridgeId, RobotId};

/// A bridge that says nothing for this long is not given robots. It says hello every 5 s.
const SILENT_AFTER: TimeDelta = TimeDelta::seconds(20);
/// Capacity of a bridge that does not tell it.
const USUAL_CAPACITY: u32 = 200;
/// An idle robot moves only if its bridge carries this much more than the least loaded one, in per cent of the capacity …
const MOVE_OVER_PCT: u32 = 20;
/// … and more than so many robots more, so that a small school never sees robots move for their number …
const MOVE_OVER_ROBOTS: u32 = 8;
/// … or its processor has so many points of per cent more to do: the next session should not begin where there is least room for it.
/// It comes back only for as much on the other side.
const MOVE_OVER_BUSY_PCT: u32 = 30;

/// What is known of a bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bridge {
    /// Which.
    pub id: BridgeId,
    /// It is connected to the broker, and was heard of late.
    pub is_here: bool,
    /// It takes no new robots, for it will stop.
    pub draining: bool,
    /// Robots that it carries or was given.
    pub robots: u32,
    /// Robots that it may carry.
    pub capacity: Option<u32>,
    /// What its busiest media thread uses of what it may, in per cent.
    pub busy_pct: u32,
}

impl Bridge {
    fn capacity(&self) -> u32 {
        self.capacity.unwrap_or(USUAL_CAPACITY).max(1)
    }

    /// It refuses new sessions: one more would cost the others.
    #[must_use]
    pub fn is_overloaded(&self) -> bool {
        self.busy_pct >= 100
    }

    /// In thousandths: robots of its capacity, and what its processor says. A few sessions with large pictures may cost more than
    /// many robots that stand idle; of many that are placed at once, each still counts.
    fn load(&self) -> u64 {
        self.load_of(self.robots)
    }

    /// What its load would be with one more robot.
    fn load_with_one_more(&self) -> u64 {
        self.load_of(self.robots.saturating_add(1))
    }

    fn load_of(&self, robots: u32) -> u64 {
        u64::from(robots) * 1000 / u64::from(self.capacity()) + u64::from(self.busy_pct) * 10
    }

    fn has_room(&self) -> bool {
        self.is_here && !self.draining && self.robots < self.capacity()
    }

    fn takes_one(&self) -> bool {
        self.has_room() && !self.is_overloaded()
    }
}

/// What is known of a robot that is connected to the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Robot {
    /// Which.
    pub id: RobotId,
    /// The bridge that it stands connected to.
    pub on: Option<BridgeId>,
    /// The bridge that its last permission was for.
    pub granted: Option<BridgeId>,
    /// Bridges that it could not reach.
    pub cannot_reach: Vec<BridgeId>,
    /// Nobody is using it.
    pub is_idle: bool,
}

/// Whether a bridge that told its load last at `said_at` fell silent. One of an older version tells none; its last will says when it is
/// gone. `speed` is that of the clock: on a fast one a bridge does not speak more often.
#[must_use]
pub fn is_silent(said_at: Option<DateTime<Utc>>, now: DateTime<Utc>, speed: u32) -> bool {
    said_at.is_some_and(|at| now - at > SILENT_AFTER * i32::try_from(speed).unwrap_or(i32::MAX))
}

/// What to tell the robot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The bridge that its permission should be for.
    pub bridge: BridgeId,
    /// It should go there although it stands connected elsewhere.
    pub move_now: bool,
    /// Also while a pupil is with it, who follows: where it is will stop.
    pub with_pupil: bool,
}

/// The bridge for a robot. `None`: there is none that could serve it.
#[must_use]
pub fn choose(robot: &Robot, bridges: &[Bridge]) -> Option<Choice> {
    let known = |id: Option<BridgeId>| bridges.iter().find(|bridge| Some(bridge.id) == id);
    let stay = |bridge: &Bridge| Choice { bridge: bridge.id, move_now: false, with_pupil: false };
    let free = || bridges.iter().filter(|bridge| bridge.takes_one() && Some(bridge.id) != robot.on);
    let cost = |bridge: &&Bridge| (bridge.load_with_one_more(), scatter(robot.id, bridge.id));
    let least = free().filter(|bridge| !robot.cannot_reach.contains(&bridge.id)).min_by_key(cost);
    // What it could not reach may be back since; and it keeps what it has until it has reached the other.
    let unreached = || free().min_by_key(cost);
    // All have too much to do: that passes, often before the robot is there.
    let busy = || bridges.iter().filter(|bridge| bridge.has_room()).min_by_key(cost);
    if let Some(now) = known(robot.on).filter(|bridge| bridge.is_here) {
        let is_clear = |other: &&Bridge| {
            let gain = now.load().saturating_sub(other.load_with_one_more());
            // One that refuses new sessions is left however few it carries: a pupil who comes would be turned away.
            let carries_more = now.robots.saturating_sub(other.robots) > MOVE_OVER_ROBOTS;
            let is_busier = now.busy_pct.saturating_sub(other.busy_pct) >= MOVE_OVER_BUSY_PCT;
            gain > u64::from(MOVE_OVER_PCT) * 10 && (carries_more || is_busier || now.is_overloaded())
        };
        let better =
            if now.draining { least.or_else(unreached) } else { least.filter(|other| robot.is_idle && is_clear(other)) };
        return Some(better.map_or(stay(now), |other| Choice { bridge: other.id, move_now: true, with_pupil: now.draining }));
    }
    // Given one already: the same again, so that a repeated look does not send it from door to door.
    let given = known(robot.granted).filter(|bridge| {
        bridge.is_here && !bridge.draining && !bridge.is_overloaded() && !robot.cannot_reach.contains(&bridge.id)
    });
    given.or(least).or_else(unreached).or_else(busy).map(stay)
}

/// Spreads robots that find several bridges alike.
fn scatter(robot: RobotId, bridge: BridgeId) -> u64 {
    let mixed =
        (robot.0.as_u128() ^ bridge.0.as_u128().rotate_left(61)).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    u64::try_from(mixed >> 64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn id(n: u128) -> BridgeId {
        BridgeId(Uuid::from_u128(n))
    }

    fn bridge(n: u128, robots: u32) -> Bridge {
        Bridge { id: id(n), is_here: true, draining: false, robots, capacity: Some(100), busy_pct: 0 }
    }

    fn robot(on: Option<u128>) -> Robot {
        let id = RobotId(Uuid::from_u128(77));
        Robot { id, on: on.map(self::id), granted: None, cannot_reach: vec![], is_idle: true }
    }

    fn check(robot: &Robot, bridges: &[Bridge], expected: Option<(u128, bool)>) {
        let choice = choose(robot, bridges);
        assert_eq!(
            choice.map(|choice| (choice.bridge, choice.move_now)),
            expected.map(|(n, move_now)| (id(n), move_now)),
            "{robot:?} {bridges:?}"
        );
    }

    #[test]
    fn a_robot_that_stands_nowhere_goes_to_the_least_loaded_bridge_that_it_can_reach() {
        let bridges = [bridge(1, 30), bridge(2, 10), bridge(3, 20)];
        check(&robot(None), &bridges, Some((2, false)));
        check(&Robot { cannot_reach: vec![id(2)], ..robot(None) }, &bridges, Some((3, false)));
        check(&Robot { granted: Some(id(1)), ..robot(None) }, &bridges, Some((1, false)));
        check(&Robot { granted: Some(id(1)), cannot_reach: vec![id(1)], ..robot(None) }, &bridges, Some((2, false)));
        let busy = |pct| [bridge(1, 30), Bridge { busy_pct: pct, ..bridge(2, 10) }, bridge(3, 20)];
        check(&robot(None), &busy(9), Some((2, false)));
        check(&robot(None), &busy(11), Some((3, false)));
        check(&robot(Some(2)), &busy(100), Some((3, true)));
        check(&Robot { is_idle: false, ..robot(Some(2)) }, &busy(100), Some((2, false)));
        let refuses_all = busy(100).map(|bridge| Bridge { busy_pct: 100, ..bridge });
        check(&robot(None), &refuses_all, Some((2, false)));
        check(&robot(Some(1)), &refuses_all, Some((1, false)));
        check(&Robot { granted: Some(id(2)), ..robot(None) }, &busy(100), Some((3, false)));
        let all = vec![id(1), id(2), id(3)];
        check(&Robot { cannot_reach: all, ..robot(None) }, &bridges, Some((2, false)));
        check(&robot(None), &[], None);
    }

    #[test]
    fn load_is_counted_against_capacity_and_full_bridges_take_nobody() {
        let big = Bridge { capacity: Some(1000), ..bridge(1, 90) };
        check(&robot(None), &[big, bridge(2, 20)], Some((1, false)));
        check(&robot(None), &[bridge(1, 100)], None);
    }

    #[test]
    fn a_lost_bridge_is_left_and_a_standing_connection_is_kept() {
        let gone = Bridge { is_here: false, ..bridge(1, 5) };
        check(&robot(Some(1)), &[gone, bridge(2, 50)], Some((2, false)));
        check(&Robot { granted: Some(id(1)), ..robot(None) }, &[gone, bridge(2, 50)], Some((2, false)));
        check(&robot(Some(1)), &[bridge(1, 30), bridge(2, 20)], Some((1, false)));
        check(&Robot { granted: Some(id(2)), ..robot(Some(1)) }, &[bridge(1, 30), bridge(2, 20)], Some((1, false)));
    }

    #[test]
    fn all_robots_leave_a_bridge_that_will_stop_and_idle_ones_one_that_carries_clearly_more() {
        let stops = Bridge { draining: true, ..bridge(1, 5) };
        check(&robot(Some(1)), &[stops, bridge(2, 50)], Some((2, true)));
        check(&Robot { is_idle: false, ..robot(Some(1)) }, &[stops, bridge(2, 50)], Some((2, true)));
        let with_pupil = |robot: &Robot, bridges: &[Bridge]| choose(robot, bridges).is_some_and(|choice| choice.with_pupil);
        assert!(with_pupil(&robot(Some(1)), &[stops, bridge(2, 50)]), "a pupil may have come meanwhile");
        assert!(!with_pupil(&robot(Some(1)), &[bridge(1, 60), bridge(2, 10)]));
        check(&robot(Some(1)), &[stops], Some((1, false)));
        let once_failed = Robot { cannot_reach: vec![id(2)], ..robot(Some(1)) };
        check(&once_failed, &[stops, bridge(2, 50)], Some((2, true)));
        check(&once_failed, &[stops, bridge(2, 50), bridge(3, 90)], Some((3, true)));
        check(&once_failed, &[bridge(1, 60), bridge(2, 10)], Some((1, false)));
        check(&robot(Some(1)), &[bridge(1, 60), bridge(2, 10)], Some((2, true)));
        check(&Robot { is_idle: false, ..robot(Some(1)) }, &[bridge(1, 60), bridge(2, 10)], Some((1, false)));
    }

    /// Report: of two bridges with eight robots each, all idle ones of the one that was 95 per cent busy stayed, and so the next session
    /// began there.
    #[test]
    fn idle_robots_leave_a_bridge_that_has_clearly_more_to_do_and_do_not_come_back() {
        let busy = |n, robots, pct| Bridge { busy_pct: pct, ..bridge(n, robots) };
        check(&robot(Some(1)), &[busy(1, 8, 95), busy(2, 8, 0)], Some((2, true)));
        check(&Robot { is_idle: false, ..robot(Some(1)) }, &[busy(1, 8, 95), busy(2, 8, 0)], Some((1, false)));
        check(&robot(Some(1)), &[busy(1, 8, 60), busy(2, 8, 30)], Some((2, true)));
        check(&robot(Some(1)), &[busy(1, 8, 60), busy(2, 8, 31)], Some((1, false)));
        // Where it would find as much to carry as it leaves to be done, it stays.
        check(&robot(Some(1)), &[busy(1, 8, 60), busy(2, 50, 0)], Some((1, false)));
        // Sessions that begin where they went send nobody back, and few also not when the other bridge has nothing to do any more.
        check(&robot(Some(2)), &[busy(1, 7, 95), busy(2, 9, 60)], Some((2, false)));
        check(&robot(Some(2)), &[busy(1, 7, 0), busy(2, 9, 29)], Some((2, false)));
    }

    proptest! {
        #[test]
        fn nobody_is_sent_to_a_bridge_that_is_away_stopping_or_full_and_moving_ends(
            facts in proptest::collection::vec((any::<bool>(), any::<bool>(), 0_u32..120, 0_u32..130, 1_u32..120), 1..6),
            on in proptest::option::of(0_usize..6),
            is_idle in any::<bool>(),
        ) {
            let mut bridges: Vec<_> = (1..).zip(&facts).map(|(n, (is_here, draining, robots, busy_pct, capacity))| Bridge {
                is_here: *is_here, draining: *draining, busy_pct: *busy_pct, capacity: Some(*capacity), ..bridge(n, *robots)
            }).collect();
            let mut robot = Robot { is_idle, ..robot(on.map(|n| n as u128 + 1)) };
            let Some(choice) = choose(&robot, &bridges) else {
                prop_assert!(bridges.iter().all(|bridge| !bridge.has_room()));
                return Ok(());
            };
            let chosen = bridges.iter().find(|bridge| bridge.id == choice.bridge).expect("one of them");
            prop_assert!(chosen.is_here);
            if Some(chosen.id) != robot.on {
                let is_another = |bridge: &&Bridge| Some(bridge.id) != robot.on;
                prop_assert!(chosen.takes_one() || chosen.has_room() && !bridges.iter().filter(is_another).any(Bridge::takes_one));
                // Once it is there, it is not sent on.
                for bridge in &mut bridges {
                    if Some(bridge.id) == robot.on { bridge.robots = bridge.robots.saturating_sub(1); }
                    if bridge.id == choice.bridge { bridge.robots += 1; }
                }
                robot.on = Some(choice.bridge);
                prop_assert_eq!(choose(&robot, &bridges), Some(Choice { move_now: false, with_pupil: false, ..choice }));
            }
        }
    }
}
