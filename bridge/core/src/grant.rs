//! May this connection be made, and until when? The signature, the address and the time to connect are checked by
//! [`protocol::GrantVerifier`]; here are the rules of what the grant says.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use chrono::{DateTime, Utc};
use protocol::{Act, DeviceId, Grant, Now, PlacementId, RobotId};

/// What a publisher may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishPermit {
    /// As which robot.
    pub robot: RobotId,
    /// The publication ends here, on the monotonic clock.
    pub until: Duration,
}

/// What a viewer may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ViewPermit {
    /// Through which robot.
    pub robot: RobotId,
    /// Whose visit it is.
    pub placement: PlacementId,
    /// On which tablet, if the grant says.
    pub device: Option<DeviceId>,
    /// Whether sound and control go to the robot.
    pub talk: bool,
    /// When the server gave it, by the server's clock: what was withdrawn later than this is not permitted any more.
    pub given_at: DateTime<Utc>,
    /// The session ends here, on the monotonic clock.
    pub until: Duration,
}

/// Why a grant that was rightly signed does not permit what is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantRule {
    /// Its last moment is over.
    #[error("the time of this permission is over: ask the server for a new one")]
    Over,
    /// A view grant without a placement.
    #[error("this permission names no placement, so its minutes could not be recorded: ask the server for a new one")]
    NoPlacement,
    /// The other act.
    #[error("this permission is for something else: use it at the address it was given for")]
    OtherAct,
}

impl PublishPermit {
    /// What `grant` permits a publisher.
    ///
    /// # Errors
    /// It is over, or for viewing.
    pub fn from_grant(now: Now, grant: &Grant) -> Result<Self, GrantRule> {
        if grant.act != Act::Publish {
            return Err(GrantRule::OtherAct);
        }
        Ok(Self { robot: grant.robot, until: last_moment(now, grant)? })
    }
}

impl ViewPermit {
    /// What `grant` permits a viewer.
    ///
    /// # Errors
    /// It is over, names no placement, or is for publishing.
    pub fn from_grant(now: Now, grant: &Grant) -> Result<Self, GrantRule> {
        if grant.act != Act::View {
            return Err(GrantRule::OtherAct);
        }
        let placement = grant.placement.ok_or(GrantRule::NoPlacement)?;
        let until = last_moment(now, grant)?;
        Ok(Self { robot: grant.robot, placement, device: grant.device, talk: grant.talk, given_at: grant.nbf, until })
    }
}

/// Placements whose permission the server withdrew.
///
/// Both moments are the server's: when it signed a grant, and when it withdrew. So a permission given anew afterwards counts,
/// and no clock of ours is asked.
#[derive(Clone, Debug, Default)]
pub struct Withdrawn {
    at: HashMap<PlacementId, (DateTime<Utc>, Option<DeviceId>)>,
    order: VecDeque<PlacementId>,
}

/// Placements remembered as withdrawn; of more, the oldest is forgotten. Grants are accepted for minutes, so that is days too late.
pub const MOST_WITHDRAWN: usize = 10_000;

impl Withdrawn {
    /// The server withdrew at `at` what it gave `placement`, but for the tablet `keeps`.
    pub fn withdraw(&mut self, placement: PlacementId, at: DateTime<Utc>, keeps: Option<DeviceId>) {
        match self.at.get_mut(&placement) {
            Some(known) if at < known.0 => {}
            Some(known) => *known = (at, keeps),
            None => {
                if self.order.len() >= MOST_WITHDRAWN
                    && let Some(oldest) = self.order.pop_front()
                {
                    self.at.remove(&oldest);
                }
                self.at.insert(placement, (at, keeps));
                self.order.push_back(placement);
            }
        }
    }

    /// Whether `permit` was withdrawn after it was given. Grants say when in whole seconds: one of the same second counts as given
    /// before.
    #[must_use]
    pub fn covers(&self, permit: &ViewPermit) -> bool {
        self.at.get(&permit.placement).is_some_and(|(at, keeps)| {
            permit.given_at.timestamp() <= at.timestamp() && (keeps.is_none() || permit.device != *keeps)
        })
    }
}

/// The grant's `until` on the monotonic clock, so that a step of civil time neither cuts nor lengthens a lesson.
fn last_moment(now: Now, grant: &Grant) -> Result<Duration, GrantRule> {
    match (grant.until - now.utc).to_std() {
        Ok(left) if !left.is_zero() => Ok(now.monotonic.saturating_add(left)),
        _ => Err(GrantRule::Over),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use protocol::BridgeId;

    use super::*;

    fn now() -> Now {
        Now { monotonic: Duration::from_secs(100), utc: DateTime::from_timestamp(1_700_000_000, 0).unwrap() }
    }

    fn grant(act: Act, until: DateTime<Utc>) -> Grant {
        let at = now().utc;
        Grant {
            aud: BridgeId::new(),
            act,
            robot: RobotId::new(),
            placement: Some(PlacementId::new()),
            device: None,
            talk: true,
            nbf: at,
            exp: at,
            until,
        }
    }

    #[test]
    fn the_last_moment_moves_to_the_monotonic_clock() {
        let grant = grant(Act::View, now().utc + TimeDelta::seconds(50));
        assert_eq!(ViewPermit::from_grant(now(), &grant).unwrap().until, Duration::from_secs(150));
    }

    #[test]
    fn a_permission_that_is_over_permits_nothing() {
        let view = grant(Act::View, now().utc);
        assert_eq!(ViewPermit::from_grant(now(), &view), Err(GrantRule::Over));
        let publish = grant(Act::Publish, now().utc - TimeDelta::seconds(1));
        assert_eq!(PublishPermit::from_grant(now(), &publish), Err(GrantRule::Over));
    }

    #[test]
    fn what_was_withdrawn_stays_so_and_a_new_permission_counts() {
        let given = |seconds| Grant {
            nbf: now().utc + TimeDelta::seconds(seconds),
            ..grant(Act::View, now().utc + TimeDelta::hours(1))
        };
        let placement = PlacementId::new();
        let permit = |seconds| ViewPermit::from_grant(now(), &Grant { placement: Some(placement), ..given(seconds) }).unwrap();
        let mut withdrawn = Withdrawn::default();
        assert!(!withdrawn.covers(&permit(0)));
        withdrawn.withdraw(placement, now().utc + TimeDelta::seconds(5), None);
        withdrawn.withdraw(placement, now().utc + TimeDelta::seconds(2), None);
        assert!(withdrawn.covers(&permit(0)) && withdrawn.covers(&permit(5)));
        assert!(!withdrawn.covers(&permit(6)), "given afterwards");
        // A new tablet took the place of the others, and may go to class in the very same second.
        let new = Some(DeviceId::new());
        withdrawn.withdraw(placement, now().utc + TimeDelta::seconds(8), new);
        assert!(withdrawn.covers(&permit(8)) && !withdrawn.covers(&ViewPermit { device: new, ..permit(8) }));
        withdrawn.withdraw(placement, now().utc + TimeDelta::seconds(9), None);
        assert!(withdrawn.covers(&ViewPermit { device: new, ..permit(8) }), "that one was switched off too");
        for _ in 0..2 * MOST_WITHDRAWN {
            withdrawn.withdraw(PlacementId::new(), now().utc, None);
        }
        assert!(withdrawn.at.len() <= MOST_WITHDRAWN && withdrawn.order.len() <= MOST_WITHDRAWN);
    }

    #[test]
    fn one_act_is_not_the_other() {
        let later = now().utc + TimeDelta::seconds(50);
        assert_eq!(ViewPermit::from_grant(now(), &grant(Act::Publish, later)), Err(GrantRule::OtherAct));
        assert_eq!(PublishPermit::from_grant(now(), &grant(Act::View, later)), Err(GrantRule::OtherAct));
    }

    #[test]
    fn a_view_without_a_placement_could_not_be_recorded() {
        let grant = Grant { placement: None, ..grant(Act::View, now().utc + TimeDelta::seconds(50)) };
        assert_eq!(ViewPermit::from_grant(now(), &grant), Err(GrantRule::NoPlacement));
    }
}
