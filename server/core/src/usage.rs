//! The word for what a robot is doing, and whether somebody should look. For people; minutes never depend on it.

use chrono::{DateTime, TimeDelta, Utc};

/// A robot reports every 10 s; without a report for this long it counts as silent.
pub const SILENT_AFTER: TimeDelta = TimeDelta::seconds(45);
/// Under this charge, and not on its charger, somebody should plug it in.
pub const LOW_BATTERY_PCT: u8 = 20;

/// What a robot and its bridge last said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RobotFacts {
    /// Its hello.
    pub status: Status,
    /// Its own report on its body.
    pub body: Option<Body>,
    /// When that came.
    pub body_at: Option<DateTime<Utc>>,
    /// Charge in per cent.
    pub battery_pct: Option<u8>,
    /// On its charger.
    pub charging: bool,
    /// Staff said that they carry it.
    pub carried: bool,
}

/// Connected or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Never heard of.
    NeverSeen,
    /// Connected.
    Here,
    /// Connection lost.
    Gone,
    /// Switched off at its button.
    OffByPerson,
}

/// What its body does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// On, camera off.
    Idle,
    /// A pupil is here.
    Live,
    /// A pupil is here and rests.
    Resting,
    /// Paused by someone in the classroom.
    Paused,
    /// Being carried.
    Carried,
}

/// What a robot is doing, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RobotState {
    /// A pupil is in class.
    Live,
    /// A pupil is in class and rests.
    Resting,
    /// Paused by someone in the classroom.
    Paused,
    /// On its way.
    Carried,
    /// On its charger.
    Charging,
    /// Waiting for its pupil.
    Ready,
    /// Switched off by a person.
    OffByPerson,
    /// It says it is here, but has not reported for a while.
    Silent,
    /// No connection.
    NoConnection,
    /// Never connected yet.
    NeverSeen,
}

impl RobotState {
    /// As pages say it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Live => "Live",
            Self::Resting => "Resting",
            Self::Paused => "Paused",
            Self::Carried => "On its way",
            Self::Charging => "On charge",
            Self::Ready => "Ready",
            Self::OffByPerson => "Off by person",
            Self::Silent => "No word from it",
            Self::NoConnection => "No network",
            Self::NeverSeen => "Never seen yet",
        }
    }

    /// Whether somebody should look: equipment that may need help. A pause, a rest or a switch is a person's choice.
    #[must_use]
    pub fn needs_a_look(self) -> bool {
        matches!(self, Self::Silent | Self::NoConnection)
    }
}

/// What the robot is doing.
#[must_use]
pub fn state(facts: &RobotFacts, now: DateTime<Utc>) -> RobotState {
    match facts.status {
        Status::NeverSeen => return RobotState::NeverSeen,
        Status::OffByPerson => return RobotState::OffByPerson,
        Status::Gone => return RobotState::NoConnection,
        Status::Here => {}
    }
    if facts.body_at.is_none_or(|at| now - at > SILENT_AFTER) {
        return RobotState::Silent;
    }
    match facts.body {
        Some(Body::Live) => RobotState::Live,
        Some(Body::Resting) => RobotState::Resting,
        Some(Body::Paused) => RobotState::Paused,
        Some(Body::Carried) => RobotState::Carried,
        Some(Body::Idle) | None if facts.carried => RobotState::Carried,
        Some(Body::Idle) | None if facts.charging => RobotState::Charging,
        Some(Body::Idle) | None => RobotState::Ready,
    }
}

/// Whether it should be plugged in.
#[must_use]
pub fn is_low(facts: &RobotFacts) -> bool {
    !facts.charging && facts.battery_pct.is_some_and(|pct| pct < LOW_BATTERY_PCT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(status: Status, body: Option<Body>, age_s: i64) -> (RobotFacts, DateTime<Utc>) {
        let now: DateTime<Utc> = "2026-11-23T09:00:00Z".parse().unwrap();
        let body_at = Some(now - TimeDelta::seconds(age_s));
        (RobotFacts { status, body, body_at, battery_pct: Some(80), charging: false, carried: false }, now)
    }

    #[test]
    fn one_word_for_each_situation() {
        let check = |status, body, age_s, expected| {
            let (facts, now) = facts(status, body, age_s);
            assert_eq!(state(&facts, now), expected, "{facts:?}");
        };
        check(Status::NeverSeen, None, 0, RobotState::NeverSeen);
        check(Status::Here, Some(Body::Idle), 45, RobotState::Ready);
        check(Status::Here, Some(Body::Idle), 46, RobotState::Silent);
        check(Status::Here, Some(Body::Live), 5, RobotState::Live);
        check(Status::Here, Some(Body::Resting), 5, RobotState::Resting);
        check(Status::Here, Some(Body::Paused), 5, RobotState::Paused);
        check(Status::Here, Some(Body::Carried), 5, RobotState::Carried);
        check(Status::Gone, Some(Body::Live), 5, RobotState::NoConnection);
        check(Status::OffByPerson, Some(Body::Idle), 5, RobotState::OffByPerson);
    }

    #[test]
    fn carried_by_the_word_of_staff_and_charging_by_its_own() {
        let (mut facts, now) = facts(Status::Here, Some(Body::Idle), 5);
        facts.charging = true;
        assert_eq!(state(&facts, now), RobotState::Charging);
        facts.carried = true;
        assert_eq!(state(&facts, now), RobotState::Carried);
    }

    #[test]
    fn a_low_battery_on_its_charger_is_fine() {
        let (mut facts, _) = facts(Status::Here, Some(Body::Idle), 5);
        facts.battery_pct = Some(19);
        assert!(is_low(&facts));
        facts.charging = true;
        assert!(!is_low(&facts));
        facts.battery_pct = None;
        assert!(!is_low(&facts));
    }

    #[test]
    fn only_equipment_needs_a_look() {
        assert!(RobotState::NoConnection.needs_a_look() && RobotState::Silent.needs_a_look());
        assert!(!RobotState::Paused.needs_a_look() && !RobotState::OffByPerson.needs_a_look());
    }
}
